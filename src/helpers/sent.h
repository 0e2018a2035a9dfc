/* SPDX-License-Identifier: GPL-2.0 */
#ifndef EVFD_HELPERS_SENT_H
#define EVFD_HELPERS_SENT_H

#include <linux/signal_types.h>
#include <linux/types.h>

struct evfd_signal_watch;

/*
 * @info is NULL for a watch that does not observe. Runs with the lock of the watch and
 * the siglock of the process held.
 */
typedef void (*evfd_signal_sent_fn)(void *owner, const struct kernel_siginfo *info);

int evfd_helper_start_sent(void);
void evfd_helper_stop_sent(void);
int evfd_helper_watch_signal(int signal, bool observes, evfd_signal_sent_fn sent, void *owner,
			     struct evfd_signal_watch **place);
bool evfd_helper_signal_watch_is_own(struct evfd_signal_watch *watch);
bool evfd_helper_watched_signal_is_pending(struct evfd_signal_watch *watch);
unsigned long evfd_helper_lock_signal_watch(struct evfd_signal_watch *watch);
void evfd_helper_unlock_signal_watch(struct evfd_signal_watch *watch, unsigned long flags);
void evfd_helper_end_signal_watch(struct evfd_signal_watch *watch);

#endif /* EVFD_HELPERS_SENT_H */
