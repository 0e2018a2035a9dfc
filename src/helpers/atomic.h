/* SPDX-License-Identifier: GPL-2.0 */
#ifndef EVFD_HELPERS_ATOMIC_H
#define EVFD_HELPERS_ATOMIC_H

#include <linux/types.h>

void evfd_helper_or(__u64 *word, __u64 bits);
void evfd_helper_and(__u64 *word, __u64 bits);
void evfd_helper_or_u32(__u32 *word, __u32 bits);
void evfd_helper_and_u32(__u32 *word, __u32 bits);
bool evfd_helper_test_and_set_top(__u64 *word);
void evfd_helper_cond_resched(void);
void evfd_helper_preempt_disable(void);
void evfd_helper_preempt_enable(void);

#endif /* EVFD_HELPERS_ATOMIC_H */
