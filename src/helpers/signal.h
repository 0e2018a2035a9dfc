/* SPDX-License-Identifier: GPL-2.0 */
#ifndef EVFD_HELPERS_SIGNAL_H
#define EVFD_HELPERS_SIGNAL_H

#include <linux/signal_types.h>
#include <linux/types.h>

struct wait_queue_head;

bool evfd_helper_signal_is_pending(__u64 signals);
int evfd_helper_dequeue_signal(__u64 signals, struct kernel_siginfo *info);
bool evfd_helper_other_threads_block(__u64 signals);
void evfd_helper_restore_blocked_later(__u64 signals);
bool evfd_helper_is_being_killed(void);
struct wait_queue_head *evfd_helper_signal_queue(void);
void evfd_helper_wake_signal_queue(void);

#endif /* EVFD_HELPERS_SIGNAL_H */
