// SPDX-License-Identifier: GPL-2.0
/*
 * Wake-ups, and the rule for the contexts that allow them. "Posting" in
 * Documentation/design/eventfd.rst explains the rule.
 */
#include <linux/eventfd.h>
#include <linux/lockdep.h>
#include <linux/percpu.h>
#include <linux/preempt.h>
#include <linux/sched.h>
#include <linux/spinlock.h>
#include <linux/wait.h>

#include "wake.h"

/*
 * Set while this CPU runs the wake-up callbacks of one of our wait queues.
 * Interrupts are disabled then, so a reader that finds it set runs inside such a
 * callback. PREEMPT_RT keeps interrupts enabled; may_wake() tests something else
 * there.
 */
static DEFINE_PER_CPU(bool, evfd_waking);

/*
 * Lockdep reports a spinlock_t taken in a hardirq handler, because PREEMPT_RT
 * forbids it. may_wake() is false there on PREEMPT_RT.
 */
static DEFINE_WAIT_OVERRIDE_MAP(evfd_wake_map, LD_WAIT_CONFIG);

/*
 * Whether a wake-up may happen here and now: it takes the lock of a wait queue
 * and runs callbacks that take other locks. This context, or the one that it has
 * interrupted, must not be inside a wake-up callback. Outside a hardirq handler it
 * must hold no lock that disables interrupts.
 *
 *	context                                   result   PREEMPT_RT
 *	task                                      true     true
 *	softirq                                   true     false
 *	task, a spinlock_t held                   true     false
 *	hardirq handler                           true     false
 *	hardirq handler, in a wake-up callback    false    false
 *	task or softirq, interrupts disabled      false    false
 *	NMI                                       false    false
 */
static inline bool may_wake(void)
{
	/* A spinlock_t, which every wake-up holds, disables migration. */
	if (IS_ENABLED(CONFIG_PREEMPT_RT))
		return preemptible() && !current->migration_disabled;
	if (in_nmi())
		return false;
	if (in_hardirq())
		return !this_cpu_read(evfd_waking) && eventfd_signal_allowed();
	return !irqs_disabled();
}

/* The caller holds the lock of the queue, where may_wake() is true. */
void evfd_helper_wake_up_locked(struct wait_queue_head *wq, __u32 events)
{
	if (!IS_ENABLED(CONFIG_PREEMPT_RT))
		__this_cpu_write(evfd_waking, true);
	__wake_up_locked_key(wq, TASK_NORMAL,
			     poll_to_key((__force __poll_t)events));
	if (!IS_ENABLED(CONFIG_PREEMPT_RT))
		__this_cpu_write(evfd_waking, false);
}

/* Only where may_wake() is true. */
void evfd_helper_wake_up(struct wait_queue_head *wq, __u32 events)
{
	unsigned long flags;

	if (!IS_ENABLED(CONFIG_PREEMPT_RT))
		lock_map_acquire_try(&evfd_wake_map);
	spin_lock_irqsave(&wq->lock, flags);
	evfd_helper_wake_up_locked(wq, events);
	spin_unlock_irqrestore(&wq->lock, flags);
	if (!IS_ENABLED(CONFIG_PREEMPT_RT))
		lock_map_release(&evfd_wake_map);
}

bool evfd_helper_try_wake_up(struct wait_queue_head *wq, __u32 events)
{
	if (!may_wake())
		return false;
	evfd_helper_wake_up(wq, events);
	return true;
}

/*
 * Wakes a task on a queue whose callbacks only wake their own tasks: the locks are
 * those of the queue and of the scheduler. So may_wake()'s rule for locks that the
 * caller may hold does not apply.
 *
 *	context                                   result   PREEMPT_RT
 *	task, softirq                             true     true
 *	in a wake-up callback of another queue    true     true
 *	task, preemption or interrupts disabled   true     false
 *	hardirq handler                           true     false
 *	NMI                                       false    false
 */
bool evfd_helper_try_wake_task(struct wait_queue_head *wq)
{
	unsigned long flags;

	if (IS_ENABLED(CONFIG_PREEMPT_RT) ? !preemptible() : in_nmi())
		return false;
	if (!IS_ENABLED(CONFIG_PREEMPT_RT))
		lock_map_acquire_try(&evfd_wake_map);
	spin_lock_irqsave(&wq->lock, flags);
	__wake_up_locked(wq, TASK_NORMAL, 1);
	spin_unlock_irqrestore(&wq->lock, flags);
	if (!IS_ENABLED(CONFIG_PREEMPT_RT))
		lock_map_release(&evfd_wake_map);
	return true;
}
