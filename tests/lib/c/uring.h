/* SPDX-License-Identifier: GPL-2.0 */
/* io_uring for the tests. */
#ifndef EVFD_TESTS_URING_H
#define EVFD_TESTS_URING_H

#include "common.h"
#include "uring_base.h"

/* Waits for a completion. */
static inline bool uring_wait(struct uring *ring, struct io_uring_cqe *cqe)
{
	return wait_for(uring_next(ring, cqe));
}

#endif /* EVFD_TESTS_URING_H */
