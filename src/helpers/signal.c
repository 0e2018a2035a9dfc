// SPDX-License-Identifier: GPL-2.0
/* Pending signals: see src/abstractions/task/signal.rs. */
#include <linux/cleanup.h>
#include <linux/sched.h>
#include <linux/sched/signal.h>

#include "signal.h"

#ifndef CONFIG_SIGNALFD
#error "evfd needs CONFIG_SIGNALFD: without it, the kernel wakes no waiters for signals"
#endif

/*
 * The pending signals of the set, without forced signals, which the task must not
 * take: see refine_sigmask() in fs/signalfd.c.
 */
static __u64 evfd_pending(__u64 signals)
{
	struct k_sigaction *action = current->sighand->action;

	BUILD_BUG_ON(sizeof(sigset_t) != sizeof(signals));
	signals &= current->pending.signal.sig[0] |
		   current->signal->shared_pending.signal.sig[0];
	for (__u64 rest = signals; rest; rest &= rest - 1) {
		if (action[__ffs64(rest)].sa.sa_flags & SA_IMMUTABLE)
			signals &= ~(rest & -rest);
	}
	return signals;
}

bool evfd_helper_signal_is_pending(__u64 signals)
{
	guard(spinlock_irq)(&current->sighand->siglock);
	return evfd_pending(signals);
}

int evfd_helper_dequeue_signal(__u64 signals, struct kernel_siginfo *info)
{
	enum pid_type type;
	sigset_t others;

	guard(spinlock_irq)(&current->sighand->siglock);
	signals = evfd_pending(signals);
	if (!signals)
		return 0;
	others.sig[0] = ~signals;
	return dequeue_signal(&others, info, &type);
}

bool evfd_helper_other_threads_block(__u64 signals)
{
	struct task_struct *t;

	guard(spinlock_irq)(&current->sighand->siglock);
	for_each_thread(current, t) {
		/* An exiting thread gets no more signals. */
		if (t == current || (t->flags & PF_EXITING))
			continue;
		if (signals & ~t->blocked.sig[0])
			return false;
	}
	return true;
}

/*
 * Makes the task block @signals again when it has run the handlers of the pending
 * signals, like a call with a temporary mask.
 */
void evfd_helper_restore_blocked_later(__u64 signals)
{
	current->saved_sigmask.sig[0] = signals;
	set_restore_sigmask();
}

bool evfd_helper_is_being_killed(void)
{
	return fatal_signal_pending(current);
}

struct wait_queue_head *evfd_helper_signal_queue(void)
{
	return &current->sighand->signalfd_wqh;
}

void evfd_helper_wake_signal_queue(void)
{
	struct wait_queue_head *wq = &current->sighand->signalfd_wqh;

	if (wq_has_sleeper(wq))
		wake_up(wq);
}
