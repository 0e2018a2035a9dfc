// SPDX-License-Identifier: GPL-2.0
/*
 * epoll and room in the counter: EPOLLOUT in each mode, of full counters and of
 * semaphores. Each read makes an edge.
 */
#include "epoll.h"

TEST(level)
{
	int fd = efd_new(0, EFD_NONBLOCK);
	int ep = watch(fd, EPOLLIN | EPOLLOUT);

	ASSERT_GE(ep, 0);
	for (int i = 0; i < 3; i++)
		EXPECT_EQ(EPOLLOUT, events_now(ep));
	ASSERT_EQ(8, efd_add(fd, 1));
	for (int i = 0; i < 3; i++)
		EXPECT_EQ(EPOLLIN | EPOLLOUT, events_now(ep));
	ASSERT_EQ(8, efd_add(fd, EFD_COUNT_MAX - 1));
	for (int i = 0; i < 3; i++)
		EXPECT_EQ(EPOLLIN, events_now(ep));
	EXPECT_EQ((int64_t)EFD_COUNT_MAX, efd_take(fd));
	EXPECT_EQ(EPOLLOUT, events_now(ep));
}

TEST(level_semaphore)
{
	int fd = efd_new(3, EFD_NONBLOCK | EFD_SEMAPHORE);
	int ep = watch(fd, EPOLLIN);

	ASSERT_GE(ep, 0);
	for (int i = 0; i < 3; i++) {
		EXPECT_EQ(EPOLLIN, events_now(ep));
		EXPECT_EQ(1, efd_take(fd));
	}
	EXPECT_EQ(0, events_now(ep));
}

TEST(edge_in_is_not_told_of_failed_calls)
{
	int fd = efd_new(0, EFD_NONBLOCK);
	int ep = watch(fd, EPOLLET | EPOLLIN | EPOLLOUT);

	ASSERT_GE(ep, 0);
	ASSERT_EQ(8, efd_add(fd, EFD_COUNT_MAX));
	EXPECT_EQ(EPOLLIN, events_now(ep));
	EXPECT_EQ(-1, efd_add(fd, 1));
	EXPECT_EQ(-1, efd_add(fd, UINT64_MAX));
	EXPECT_EQ(-1, write(fd, nowhere(), 8));
	EXPECT_EQ(-1, read(fd, nowhere(), 7));
	EXPECT_EQ(0, events_now(ep));
	EXPECT_EQ((int64_t)EFD_COUNT_MAX, efd_take(fd));
	EXPECT_EQ(EPOLLOUT, events_now(ep));
	EXPECT_EQ(-EAGAIN, efd_take(fd));
	EXPECT_EQ(0, events_now(ep));
}

TEST(edge_out)
{
	int fd = efd_new(0, EFD_NONBLOCK | EFD_SEMAPHORE);
	int ep = watch(fd, EPOLLET | EPOLLOUT);

	ASSERT_GE(ep, 0);
	EXPECT_EQ(EPOLLOUT, events_now(ep));
	EXPECT_EQ(0, events_now(ep));
	/* A write makes no room. */
	ASSERT_EQ(8, efd_add(fd, 3));
	EXPECT_EQ(0, events_now(ep));
	/* Each read is an edge, even if there was room before. */
	for (int i = 0; i < 3; i++) {
		EXPECT_EQ(1, efd_take(fd));
		EXPECT_EQ(EPOLLOUT, events_now(ep));
		EXPECT_EQ(0, events_now(ep));
	}
	ASSERT_EQ(8, efd_add(fd, EFD_COUNT_MAX));
	EXPECT_EQ(0, events_now(ep));
	EXPECT_EQ(1, efd_take(fd));
	EXPECT_EQ(EPOLLOUT, events_now(ep));
}

TEST(edge_out_asked_for_later)
{
	int fd = efd_new(8, EFD_NONBLOCK | EFD_SEMAPHORE);
	int ep = watch(fd, EPOLLET | EPOLLIN), other;

	ASSERT_GE(ep, 0);
	EXPECT_EQ(EPOLLIN, events_now(ep));
	EXPECT_EQ(1, efd_take(fd));
	EXPECT_EQ(0, events_now(ep));
	ASSERT_EQ(0, modify(ep, fd, EPOLLET | EPOLLOUT));
	EXPECT_EQ(EPOLLOUT, events_now(ep));
	for (int i = 0; i < 2; i++) {
		EXPECT_EQ(1, efd_take(fd));
		EXPECT_EQ(EPOLLOUT, events_now(ep));
		EXPECT_EQ(0, events_now(ep));
	}
	/* Another instance asks for it, and this one no longer does. */
	ASSERT_EQ(0, modify(ep, fd, EPOLLET | EPOLLIN));
	EXPECT_EQ(EPOLLIN, events_now(ep));
	EXPECT_EQ(1, efd_take(fd));
	EXPECT_EQ(0, events_now(ep));
	other = watch(fd, EPOLLET | EPOLLOUT);
	EXPECT_EQ(EPOLLOUT, events_now(other));
	EXPECT_EQ(1, efd_take(fd));
	EXPECT_EQ(EPOLLOUT, events_now(other));
	EXPECT_EQ(0, events_now(ep));
}

TEST(edge_both)
{
	int fd = efd_new(0, EFD_NONBLOCK);
	int ep = watch(fd, EPOLLET | EPOLLIN | EPOLLOUT);

	ASSERT_GE(ep, 0);
	EXPECT_EQ(EPOLLOUT, events_now(ep));
	ASSERT_EQ(8, efd_add(fd, 1));
	EXPECT_EQ(EPOLLIN | EPOLLOUT, events_now(ep));
	EXPECT_EQ(0, events_now(ep));
	EXPECT_EQ(1, efd_take(fd));
	EXPECT_EQ(EPOLLOUT, events_now(ep));
	/* A write of 0 is an edge too, which reports the events of now. */
	ASSERT_EQ(8, efd_add(fd, 0));
	EXPECT_EQ(EPOLLOUT, events_now(ep));
	EXPECT_EQ(0, events_now(ep));
}

TEST(wait_for_room_blocks)
{
	struct call waiter = { .make = call_epoll };
	int fd = efd_new(0, EFD_NONBLOCK);

	ASSERT_EQ(8, efd_add(fd, EFD_COUNT_MAX));
	waiter.fd = watch(fd, EPOLLOUT);
	ASSERT_GE(waiter.fd, 0);
	ASSERT_TRUE(call_start_blocked(&waiter));
	EXPECT_EQ((int64_t)EFD_COUNT_MAX, efd_take(fd));
	ASSERT_TRUE(call_ends(&waiter));
	EXPECT_EQ(EPOLLOUT, waiter.value);
}

TEST_HARNESS_MAIN
