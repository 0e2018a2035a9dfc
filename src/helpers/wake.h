/* SPDX-License-Identifier: GPL-2.0 */
#ifndef EVFD_HELPERS_WAKE_H
#define EVFD_HELPERS_WAKE_H

#include <linux/types.h>

struct wait_queue_head;

void evfd_helper_wake_up_locked(struct wait_queue_head *wq, __u32 events);
void evfd_helper_wake_up(struct wait_queue_head *wq, __u32 events);
bool evfd_helper_try_wake_up(struct wait_queue_head *wq, __u32 events);
bool evfd_helper_try_wake_task(struct wait_queue_head *wq);

#endif /* EVFD_HELPERS_WAKE_H */
