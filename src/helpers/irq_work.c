// SPDX-License-Identifier: GPL-2.0
/* One irq_work per CPU: see src/abstractions/sync/irq_work.rs. */
#include <linux/cleanup.h>
#include <linux/cpumask.h>
#include <linux/percpu.h>
#include <linux/preempt.h>

#include "irq_work.h"

/* Held to register, and to call irq_work_sync(). */
DEFINE_MUTEX(evfd_helper_irq_works_lock);

/* Return: works to be freed by free_percpu(), or %NULL without memory. */
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
 * Queues the work of this CPU, unless *@works is %NULL. After *@works has become
 * %NULL, the old works are unused after an RCU grace period. Context: any.
 */
void evfd_helper_queue_irq_work(struct evfd_irq_work __percpu **works)
{
	struct evfd_irq_work __percpu *all;

	/* For RCU, and to queue the work of this CPU on this CPU. */
	guard(preempt)();
	all = READ_ONCE(*works);
	if (all)
		irq_work_queue(&this_cpu_ptr(all)->work);
}

/*
 * Waits for queued and running works. On PREEMPT_RT, irq_work_sync() waits for RCU
 * even if the work is idle.
 */
void evfd_helper_sync_irq_works(struct evfd_irq_work __percpu *works)
{
	int cpu;

	for_each_possible_cpu(cpu) {
		struct irq_work *work = &per_cpu_ptr(works, cpu)->work;

		if (irq_work_is_busy(work))
			irq_work_sync(work);
	}
	/* Makes the caller see the effects of the works; reading the flag does not. */
	smp_mb();
}
