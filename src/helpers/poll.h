/* SPDX-License-Identifier: GPL-2.0 */
#ifndef EVFD_HELPERS_POLL_H
#define EVFD_HELPERS_POLL_H

#include <linux/poll.h>

extern poll_queue_proc evfd_helper_select_proc;
void evfd_helper_find_select(void);
bool evfd_helper_can_poll(struct file *file);
bool evfd_helper_is_epoll(struct file *file);
bool evfd_helper_is_io_uring(struct file *file);
__u32 evfd_helper_poll(struct file *file, struct poll_table_struct *table);
void evfd_helper_leave_queue(struct wait_queue_head **wq,
			     struct wait_queue_entry *entry);
void evfd_helper_queue_is_freed(struct wait_queue_head **wq,
				struct wait_queue_entry *entry);

#endif /* EVFD_HELPERS_POLL_H */
