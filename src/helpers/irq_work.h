/* SPDX-License-Identifier: GPL-2.0 */
#ifndef EVFD_HELPERS_IRQ_WORK_H
#define EVFD_HELPERS_IRQ_WORK_H

#include <linux/irq_work.h>
#include <linux/mutex.h>
#include <linux/percpu.h>

/* The work of a CPU. */
struct evfd_irq_work {
	struct irq_work work;
	const void *handler;
};

extern struct mutex evfd_helper_irq_works_lock;
struct evfd_irq_work __percpu *
evfd_helper_alloc_irq_works(void (*func)(struct irq_work *work),
			    const void *handler);
void evfd_helper_queue_irq_work(struct evfd_irq_work __percpu **works);
void evfd_helper_sync_irq_works(struct evfd_irq_work __percpu *works);

#endif /* EVFD_HELPERS_IRQ_WORK_H */
