// SPDX-License-Identifier: GPL-2.0
/*
 * Calls a function in a context that a Rust test cannot enter by itself.
 */
#include <linux/cpumask.h>
#include <linux/hrtimer.h>
#include <linux/irq_work.h>
#include <linux/nmi.h>
#include <linux/sched.h>
#include <linux/sched/signal.h>
#include <linux/slab.h>
#include <linux/smp.h>
#include <linux/spinlock.h>
#include <linux/wait.h>
#include <linux/workqueue.h>

#include <asm/apic.h>
#include <asm/nmi.h>

#include "contexts.h"

struct call {
	void (*func)(void *arg);
	void *arg;
	bool done;
	union {
		struct hrtimer timer;
		struct irq_work work;
		struct wait_queue_entry entry;
	};
};

static void call(struct call *c)
{
	c->func(c->arg);
	/* After this, wait_for() may return, which ends the life of *c. */
	smp_store_release(&c->done, true);
}

static void wait_for(struct call *c)
{
	/* Pairs with the release in call(). */
	while (!smp_load_acquire(&c->done))
		cpu_relax();
}

static enum hrtimer_restart call_from_timer(struct hrtimer *timer)
{
	call(container_of(timer, struct call, timer));
	return HRTIMER_NORESTART;
}

static void in_softirq_timer(struct call *c)
{
	hrtimer_setup_on_stack(&c->timer, call_from_timer, CLOCK_MONOTONIC,
			       HRTIMER_MODE_REL_SOFT);
	hrtimer_start(&c->timer, 0, HRTIMER_MODE_REL_SOFT);
	wait_for(c);
	hrtimer_cancel(&c->timer);
	destroy_hrtimer_on_stack(&c->timer);
}

static void call_from_irq_work(struct irq_work *work)
{
	call(container_of(work, struct call, work));
}

static void in_hardirq_work(struct call *c)
{
	c->work = IRQ_WORK_INIT_HARD(call_from_irq_work);
	irq_work_queue(&c->work);
	wait_for(c);
	irq_work_sync(&c->work);
}

/* The call for the pending NMI. There is at most one such call. */
static struct call *nmi_call;

static int call_from_nmi(unsigned int cmd, struct pt_regs *regs)
{
	struct call *c = xchg(&nmi_call, NULL);

	if (!c)
		return NMI_DONE;
	call(c);
	return NMI_HANDLED;
}

static void in_nmi_handler(struct call *c)
{
	if (register_nmi_handler(NMI_LOCAL, call_from_nmi, 0, "evfd_test"))
		return;
	WRITE_ONCE(nmi_call, c);
	preempt_disable();
	apic->send_IPI_mask(cpumask_of(smp_processor_id()), NMI_VECTOR);
	preempt_enable();
	wait_for(c);
	unregister_nmi_handler(NMI_LOCAL, "evfd_test");
}

static int call_from_wake_up(struct wait_queue_entry *entry, unsigned int mode,
			     int flags, void *key)
{
	call(container_of(entry, struct call, entry));
	return 0;
}

static void in_wake_up(struct call *c)
{
	DECLARE_WAIT_QUEUE_HEAD_ONSTACK(queue);

	init_waitqueue_func_entry(&c->entry, call_from_wake_up);
	add_wait_queue(&queue, &c->entry);
	wake_up(&queue);
	remove_wait_queue(&queue, &c->entry);
}

static void in_raw_spinlock(struct call *c)
{
	static DEFINE_RAW_SPINLOCK(lock);
	unsigned long flags;

	raw_spin_lock_irqsave(&lock, flags);
	call(c);
	raw_spin_unlock_irqrestore(&lock, flags);
}

static void in_spinlock(struct call *c)
{
	static DEFINE_SPINLOCK(lock);

	spin_lock(&lock);
	call(c);
	spin_unlock(&lock);
}

static void call_on_cpu(void *c)
{
	call(c);
}

static long call_from_work(void *c)
{
	call(c);
	return 0;
}

static void on_other_cpu(struct call *c)
{
	int cpu = cpumask_any_but(cpu_online_mask, raw_smp_processor_id());

	if (cpu < nr_cpu_ids)
		work_on_cpu(cpu, call_from_work, c);
}

bool evfd_helper_call_in(enum evfd_test_context context,
			 void (*func)(void *arg), void *arg)
{
	struct call c = { .func = func, .arg = arg };

	switch (context) {
	case EVFD_TEST_TASK:
		call(&c);
		break;
	case EVFD_TEST_SPINLOCK:
		in_spinlock(&c);
		break;
	case EVFD_TEST_RAW_SPINLOCK:
		in_raw_spinlock(&c);
		break;
	case EVFD_TEST_SOFTIRQ:
		in_softirq_timer(&c);
		break;
	case EVFD_TEST_HARDIRQ:
		in_hardirq_work(&c);
		break;
	case EVFD_TEST_NMI:
		in_nmi_handler(&c);
		break;
	case EVFD_TEST_WAKE_UP:
		in_wake_up(&c);
		break;
	case EVFD_TEST_EVERY_CPU:
		on_each_cpu(call_on_cpu, &c, true);
		break;
	case EVFD_TEST_OTHER_CPU:
		on_other_cpu(&c);
		break;
	}
	return c.done;
}

struct evfd_test_watch {
	struct wait_queue_head *queue;
	struct wait_queue_entry entry;
	void (*func)(void *arg, __u32 events);
	void *arg;
};

static int watch_wake(struct wait_queue_entry *entry, unsigned int mode,
		      int flags, void *key)
{
	struct evfd_test_watch *watch =
		container_of(entry, struct evfd_test_watch, entry);

	watch->func(watch->arg, (__force __u32)key_to_poll(key));
	return 1;
}

struct evfd_test_watch *
evfd_helper_watch(struct wait_queue_head *queue, bool exclusive,
		  void (*func)(void *arg, __u32 events), void *arg)
{
	struct evfd_test_watch *watch = kzalloc_obj(*watch);

	if (!watch)
		return NULL;
	watch->queue = queue;
	watch->func = func;
	watch->arg = arg;
	init_waitqueue_func_entry(&watch->entry, watch_wake);
	if (exclusive)
		add_wait_queue_exclusive(queue, &watch->entry);
	else
		add_wait_queue(queue, &watch->entry);
	return watch;
}

void evfd_helper_unwatch(struct evfd_test_watch *watch)
{
	remove_wait_queue(watch->queue, &watch->entry);
	kfree(watch);
}

void evfd_helper_send_signal(int signal, bool to_group)
{
	if (to_group)
		kill_pid(task_pid(current), signal, 1);
	else
		send_sig(signal, current, 1);
}

void evfd_helper_flush_signals(void)
{
	flush_signals(current);
}

void evfd_helper_force_signal(int signal, bool forced)
{
	struct sigaction *action = &current->sighand->action[signal - 1].sa;

	guard(spinlock_irq)(&current->sighand->siglock);
	if (forced)
		action->sa_flags |= SA_IMMUTABLE;
	else
		action->sa_flags &= ~SA_IMMUTABLE;
}
