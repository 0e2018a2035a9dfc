// SPDX-License-Identifier: GPL-2.0
/*
 * poll(2) and select(2), and room in the counter: a full counter does not report
 * POLLOUT, and a read ends the wait for it.
 */
#include "common.h"

#include <sys/select.h>

TEST(events_by_count)
{
	int fd = efd_new(0, EFD_NONBLOCK);

	ASSERT_GE(fd, 0);
	EXPECT_EQ(POLLOUT, poll_now(fd));
	ASSERT_EQ(8, efd_add(fd, 1));
	EXPECT_EQ(POLLIN | POLLOUT, poll_now(fd));
	ASSERT_EQ(8, efd_add(fd, EFD_COUNT_MAX - 2));
	/* 2^64-3: one more fits. */
	EXPECT_EQ(POLLIN | POLLOUT, poll_now(fd));
	ASSERT_EQ(8, efd_add(fd, 1));
	EXPECT_EQ(POLLIN, poll_now(fd));
	EXPECT_EQ((int64_t)EFD_COUNT_MAX, efd_take(fd));
	EXPECT_EQ(POLLOUT, poll_now(fd));
}

TEST(semaphore_events_by_count)
{
	int fd = efd_new(2, EFD_NONBLOCK | EFD_SEMAPHORE);

	ASSERT_GE(fd, 0);
	EXPECT_EQ(POLLIN | POLLOUT, poll_now(fd));
	EXPECT_EQ(1, efd_take(fd));
	EXPECT_EQ(POLLIN | POLLOUT, poll_now(fd));
	EXPECT_EQ(1, efd_take(fd));
	EXPECT_EQ(POLLOUT, poll_now(fd));
	ASSERT_EQ(8, efd_add(fd, EFD_COUNT_MAX));
	EXPECT_EQ(POLLIN, poll_now(fd));
	EXPECT_EQ(1, efd_take(fd));
	EXPECT_EQ(POLLIN | POLLOUT, poll_now(fd));
}

TEST(poll_waits_for_a_read)
{
	struct call poller = { .make = call_poll, .value = POLLOUT };
	int fd = efd_new(0, EFD_SEMAPHORE);

	ASSERT_GE(fd, 0);
	poller.fd = fd;
	ASSERT_EQ(8, efd_add(fd, EFD_COUNT_MAX));
	ASSERT_TRUE(call_start_blocked(&poller));
	ASSERT_EQ(8, efd_add(fd, 0));
	EXPECT_TRUE(call_blocks(&poller));
	EXPECT_EQ(1, efd_take(fd));
	ASSERT_TRUE(call_ends(&poller));
	EXPECT_EQ(1, poller.ret);
	EXPECT_EQ(POLLOUT, poller.value);
}

TEST(a_poller_for_room_is_not_woken_by_writes)
{
	struct call poller = { .make = call_poll, .value = POLLOUT };
	int fd = efd_new(0, EFD_NONBLOCK);
	long sleeps;

	ASSERT_GE(fd, 0);
	ASSERT_EQ(8, efd_add(fd, EFD_COUNT_MAX));
	poller.fd = fd;
	ASSERT_TRUE(call_start_blocked(&poller));
	sleeps = sleeps_of(poller.tid);
	for (int i = 0; i < 10; i++)
		ASSERT_EQ(8, efd_add(fd, 0));
	ASSERT_TRUE(call_blocks(&poller));
	EXPECT_EQ(sleeps, sleeps_of(poller.tid));
}

TEST(select_sets)
{
	struct timeval none = { };
	fd_set in, out, pri;
	int fd = efd_new(0, EFD_NONBLOCK);

	ASSERT_GE(fd, 0);
	for (int round = 0; round < 3; round++) {
		FD_ZERO(&in);
		FD_ZERO(&out);
		FD_ZERO(&pri);
		FD_SET(fd, &in);
		FD_SET(fd, &out);
		FD_SET(fd, &pri);
		/* Empty, then 1, then full. */
		EXPECT_EQ(round == 1 ? 2 : 1,
			  select(fd + 1, &in, &out, &pri, &none));
		EXPECT_EQ(round != 0, !!FD_ISSET(fd, &in));
		EXPECT_EQ(round != 2, !!FD_ISSET(fd, &out));
		EXPECT_FALSE(FD_ISSET(fd, &pri));
		if (round < 2)
			ASSERT_EQ(8, efd_add(fd, round ? EFD_COUNT_MAX - 1 : 1));
	}
}

TEST_HARNESS_MAIN
