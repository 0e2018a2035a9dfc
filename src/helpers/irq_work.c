// SPDX-License-Identifier: GPL-2.0
/* One irq_work per CPU: see src/abstractions/sync/irq_work.rs. */
#include <linux/cleanup.h>
#include <linux/cpumask.h>
#include <linux/percpu.h>
#include <linux/preempt.h>

#include "irq_work.h"

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
