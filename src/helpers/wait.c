// SPDX-License-Identifier: GPL-2.0
/* Wait queues: see src/abstractions/sync/wait.rs. */
#include <linux/spinlock.h>

#include "wait.h"

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
