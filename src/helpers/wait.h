/* SPDX-License-Identifier: GPL-2.0 */
#ifndef EVFD_HELPERS_WAIT_H
#define EVFD_HELPERS_WAIT_H

#include <linux/wait.h>

unsigned long evfd_helper_lock_wait_queue(struct wait_queue_head *wq);
void evfd_helper_unlock_wait_queue(struct wait_queue_head *wq,
				   unsigned long flags);
void evfd_helper_remove_wait_queue(struct wait_queue_head *wq,
				   struct wait_queue_entry *entry);

#endif /* EVFD_HELPERS_WAIT_H */
