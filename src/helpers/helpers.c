// SPDX-License-Identifier: GPL-2.0
/*
 * The C that the abstractions need: inline functions, and the per-CPU mark of
 * a wake-up in progress. "Posting" in Documentation/design.rst tells why.
 */
#include <linux/cleanup.h>
#include <linux/cpumask.h>
#include <linux/delay.h>
#include <linux/eventfd.h>
#include <linux/fault-inject-usercopy.h>
#include <linux/lockdep.h>
#include <linux/percpu.h>
#include <linux/preempt.h>
#include <linux/processor.h>
#include <linux/sched.h>
#include <linux/sched/signal.h>
#include <linux/spinlock.h>
#include <linux/time_namespace.h>
#include <linux/timekeeper_internal.h>
#include <linux/uaccess.h>
#include <linux/unaligned.h>

#include "helpers.h"

#ifndef CONFIG_SIGNALFD
#error "evfd needs CONFIG_SIGNALFD: without, the kernel tells nobody of signals"
#endif

DEFINE_IDA(evfd_helper_ida);

/*
 * Set while this CPU runs the wake-up callbacks of one of our wait queues.
 * Interrupts are off then, so what reads it as set runs inside the callback.
 * Not on PREEMPT_RT, where they are on; may_wake() has another way there.
 */
static DEFINE_PER_CPU(bool, evfd_waking);

/*
 * Lockdep takes a spinlock_t in a hardirq handler for wrong, as it would be on
 * PREEMPT_RT. There, may_wake() says no.
 */
static DEFINE_WAIT_OVERRIDE_MAP(evfd_wake_map, LD_WAIT_CONFIG);

/* The lock of the queue must be held, and only where may_wake() says yes. */
void evfd_helper_wake_up_locked(struct wait_queue_head *wq, __u32 events)
{
	if (!IS_ENABLED(CONFIG_PREEMPT_RT))
		__this_cpu_write(evfd_waking, true);
	__wake_up_locked_key(wq, TASK_NORMAL,
			     poll_to_key((__force __poll_t)events));
	if (!IS_ENABLED(CONFIG_PREEMPT_RT))
		__this_cpu_write(evfd_waking, false);
}

/*
 * Whether the lock of a wait queue may be taken, and callbacks run, here and
 * now: whatever the caller may be inside of, none of it is a wake-up callback
 * and, but in a hardirq handler, none of it a lock that disables interrupts.
 */
static inline bool may_wake(void)
{
	/* A spinlock_t held, as in every wake-up, disables migration. */
	if (IS_ENABLED(CONFIG_PREEMPT_RT))
		return preemptible() && !current->migration_disabled;
	if (in_nmi())
		return false;
	if (in_hardirq())
		return !this_cpu_read(evfd_waking) && eventfd_signal_allowed();
	return !irqs_disabled();
}

/* Only where may_wake() says yes. */
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

unsigned long evfd_helper_lock_wait_queue(struct wait_queue_head *wq)
{
	unsigned long flags;

	spin_lock_irqsave(&wq->lock, flags);
	return flags;
}

void evfd_helper_unlock_wait_queue(struct wait_queue_head *wq,
				   unsigned long flags)
{
	spin_unlock_irqrestore(&wq->lock, flags);
}

void evfd_helper_remove_wait_queue(struct wait_queue_head *wq,
				   struct wait_queue_entry *entry)
{
	__remove_wait_queue(wq, entry);
}

/* For registering, and for irq_work_sync(): one task at a time. */
DEFINE_MUTEX(evfd_helper_irq_works_lock);

/* To be freed by free_percpu(). Return: %NULL if there is no memory. */
struct evfd_irq_work __percpu *
evfd_helper_alloc_irq_works(void (*func)(struct irq_work *work),
			    const void *handler)
{
	struct evfd_irq_work __percpu *works = alloc_percpu(struct evfd_irq_work);
	int cpu;

	if (!works)
		return NULL;
	for_each_possible_cpu(cpu) {
		init_irq_work(&per_cpu_ptr(works, cpu)->work, func);
		per_cpu_ptr(works, cpu)->handler = handler;
	}
	return works;
}

/*
 * Queues this CPU's one of *@works, if that is not %NULL. When it has become so
 * nobody uses what it was after an RCU grace period. Context: any.
 */
void evfd_helper_queue_irq_work(struct evfd_irq_work __percpu **works)
{
	struct evfd_irq_work __percpu *all;

	/* For RCU, and so that this CPU's one is queued on this CPU. */
	guard(preempt)();
	all = READ_ONCE(*works);
	if (all)
		irq_work_queue(&this_cpu_ptr(all)->work);
}

/*
 * Waits for those that are queued or run. On PREEMPT_RT irq_work_sync() waits
 * for RCU too, even if there is nothing to wait for.
 */
void evfd_helper_sync_irq_works(struct evfd_irq_work __percpu *works)
{
	int cpu;

	for_each_possible_cpu(cpu) {
		struct irq_work *work = &per_cpu_ptr(works, cpu)->work;

		if (irq_work_is_busy(work))
			irq_work_sync(work);
	}
	/* Looking at the flag orders nothing: the caller sees what they did. */
	smp_mb();
}

/*
 * Copies a structure word by word: copy_from_user() would take more
 * instructions for its checks of the size, which is constant here, than for
 * the copy. The size must be a multiple of 4, and *@to aligned for words.
 */
static __always_inline bool get_words(void *to, const void *from, size_t size)
{
	const void __user *user = (__force const void __user *)from;
	size_t at;

	might_fault();
	if (should_fail_usercopy() || !user_read_access_begin(user, size))
		return false;
	for (at = 0; at + sizeof(u64) <= size; at += sizeof(u64))
		unsafe_get_user(*(u64 *)(to + at),
				(const u64 __user *)(user + at), fault);
	if (at != size)
		unsafe_get_user(*(u32 *)(to + at),
				(const u32 __user *)(user + at), fault);
	user_read_access_end();
	return true;
fault:
	user_read_access_end();
	return false;
}

bool evfd_helper_get_user(void *to, const void *from, size_t size)
{
	return get_words(to, from, size);
}

bool evfd_helper_get_user_u64(__u64 *to, const void *from)
{
	return get_words(to, from, sizeof(*to));
}

/* As get_words(). Some of it may have been copied when it fails. */
static __always_inline bool put_words(void *to, const void *from, size_t size)
{
	void __user *user = (__force void __user *)to;
	size_t at;

	if (should_fail_usercopy() || !user_write_access_begin(user, size))
		return false;
	for (at = 0; at + sizeof(u64) <= size; at += sizeof(u64))
		unsafe_put_user(get_unaligned((const u64 *)(from + at)),
				(u64 __user *)(user + at), fault);
	if (at != size)
		unsafe_put_user(get_unaligned((const u32 *)(from + at)),
				(u32 __user *)(user + at), fault);
	user_write_access_end();
	return true;
fault:
	user_write_access_end();
	return false;
}

bool evfd_helper_put_user(void *to, const void *from, size_t size)
{
	might_fault();
	return put_words(to, from, size);
}

bool evfd_helper_put_user_u64(void *to, __u64 value)
{
	might_fault();
	return put_words(to, &value, sizeof(value));
}

/* Where one may not sleep: fails if one would have to. */
bool evfd_helper_put_user_u64_now(void *to, __u64 value)
{
	guard(pagefault)();
	return put_words(to, &value, sizeof(value));
}

/* What poll() and select() have as their poll_table's function. */
poll_queue_proc evfd_helper_select_proc __ro_after_init;

/* Before anything is polled. */
void evfd_helper_find_select(void)
{
	struct poll_wqueues wait;

	poll_initwait(&wait);
	evfd_helper_select_proc = wait.pt._qproc;
	poll_freewait(&wait);
}

bool evfd_helper_hrtimer_is_queued(struct hrtimer *timer)
{
	return hrtimer_is_queued(timer);
}

void evfd_helper_let_callback_run(void)
{
	/* There a thread runs it, which this task may have preempted. */
	if (IS_ENABLED(CONFIG_PREEMPT_RT))
		usleep_range(10, 50);
	else
		cpu_relax();
}

ktime_t evfd_helper_timens_to_host(clockid_t clockid, ktime_t time)
{
	return timens_ktime_to_host(clockid, time);
}

/* Guards every roster: see src/abstractions/sync/roster.rs. */
DEFINE_MUTEX(evfd_helper_roster_lock);

void evfd_helper_list_del_init(struct list_head *entry)
{
	list_del_init(entry);
}

/* What a notifier of pvclock_gtod_register_notifier() is given. */
struct evfd_clock_offsets evfd_helper_clock_offsets(const void *timekeeper)
{
	const struct timekeeper *tk = timekeeper;

	return (struct evfd_clock_offsets){ tk->offs_real, tk->offs_tai };
}

/*
 * Those of the signals that are pending. Not those that were forced on the
 * task, which are not for it to take: see refine_sigmask() in fs/signalfd.c.
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
		/* What is about to end is not given signals any more. */
		if (t == current || (t->flags & PF_EXITING))
			continue;
		if (signals & ~t->blocked.sig[0])
			return false;
	}
	return true;
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
