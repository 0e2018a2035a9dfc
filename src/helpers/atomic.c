// SPDX-License-Identifier: GPL-2.0
/* Atomic operations that the kernel crate lacks: see src/abstractions/sync/atomic.rs. */
#include <linux/atomic.h>
#include <linux/preempt.h>
#include <linux/sched.h>

#include "atomic.h"

/* Fully ordered, like the other operations here. */
void evfd_helper_or(__u64 *word, __u64 bits)
{
	/* atomic64_or() has no order of its own. */
	smp_mb__before_atomic();
	atomic64_or(bits, (atomic64_t *)word);
	/* See above. */
	smp_mb__after_atomic();
}

void evfd_helper_and(__u64 *word, __u64 bits)
{
	/* See evfd_helper_or(). */
	smp_mb__before_atomic();
	atomic64_and(bits, (atomic64_t *)word);
	/* See evfd_helper_or(). */
	smp_mb__after_atomic();
}

void evfd_helper_or_u32(__u32 *word, __u32 bits)
{
	/* See evfd_helper_or(). */
	smp_mb__before_atomic();
	atomic_or(bits, (atomic_t *)word);
	/* See evfd_helper_or(). */
	smp_mb__after_atomic();
}

void evfd_helper_and_u32(__u32 *word, __u32 bits)
{
	/* See evfd_helper_or(). */
	smp_mb__before_atomic();
	atomic_and(bits, (atomic_t *)word);
	/* See evfd_helper_or(). */
	smp_mb__after_atomic();
}

bool evfd_helper_test_and_set_top(__u64 *word)
{
	__u64 top = 1ULL << 63;

	return atomic64_fetch_or(top, (atomic64_t *)word) & top;
}

void evfd_helper_cond_resched(void)
{
	cond_resched();
}

void evfd_helper_preempt_disable(void)
{
	preempt_disable();
}

void evfd_helper_preempt_enable(void)
{
	preempt_enable();
}
