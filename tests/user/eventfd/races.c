// SPDX-License-Identifier: GPL-2.0
/*
 * Writers that block while others read: no write is lost or doubled, and no thread is
 * left asleep.
 */
#include "crowd.h"

/* Three such values do not fit into the counter. */
#define MUCH	(UINT64_C(1) << 62)

static bool add(struct crowd *crowd, uint64_t value)
{
	return efd_add(crowd->fd, value) == 8;
}

TEST(writers_that_block)
{
	struct crowd crowd = {
		.kind = &kind_eventfd, .fd = efd_new(0, 0), .posters = 3, .readers = 2,
		.value = MUCH, .post = add,
	};

	EXPECT_TRUE(crowd_run(&crowd));
}

TEST(signals_all_the_time)
{
	struct crowd crowd = {
		.kind = &kind_eventfd, .fd = efd_new(0, 0), .posters = 2, .readers = 2,
		.value = MUCH, .post = add, .interrupts = true,
	};

	EXPECT_TRUE(crowd_run(&crowd));
}

TEST_HARNESS_MAIN
