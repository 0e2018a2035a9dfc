// SPDX-License-Identifier: GPL-2.0
/*
 * epoll in each of its modes. An edge is told once, and nothing is told that
 * was not asked for.
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

TEST(edge_in)
{
	int fd = efd_new(0, EFD_NONBLOCK);
	int ep = watch(fd, EPOLLET | EPOLLIN);

	ASSERT_GE(ep, 0);
	EXPECT_EQ(0, events_now(ep));
	/* Each write is an edge, also when the counter was not 0. */
	for (int i = 0; i < 3; i++) {
		ASSERT_EQ(8, efd_add(fd, 1));
		EXPECT_EQ(EPOLLIN, events_now(ep));
		EXPECT_EQ(0, events_now(ep));
	}
	/* Two writes before anybody looks are one. */
	ASSERT_EQ(8, efd_add(fd, 1));
	ASSERT_EQ(8, efd_add(fd, 1));
	EXPECT_EQ(EPOLLIN, events_now(ep));
	EXPECT_EQ(0, events_now(ep));
	EXPECT_EQ(5, efd_take(fd));
	EXPECT_EQ(0, events_now(ep));
}

TEST(edge_in_there_from_the_start)
{
	int fd = efd_new(1, EFD_NONBLOCK);
	int ep = watch(fd, EPOLLET | EPOLLIN);

	ASSERT_GE(ep, 0);
	EXPECT_EQ(EPOLLIN, events_now(ep));
	EXPECT_EQ(0, events_now(ep));
}

TEST(edge_in_gone_before_anybody_looked)
{
	int fd = efd_new(0, EFD_NONBLOCK);
	int ep = watch(fd, EPOLLET | EPOLLIN);

	ASSERT_GE(ep, 0);
	ASSERT_EQ(8, efd_add(fd, 1));
	EXPECT_EQ(1, efd_take(fd));
	EXPECT_EQ(0, events_now(ep));
}

TEST(edge_in_is_not_told_of_reads)
{
	int fd = efd_new(5, EFD_NONBLOCK | EFD_SEMAPHORE);
	int ep = watch(fd, EPOLLET | EPOLLIN);

	ASSERT_GE(ep, 0);
	EXPECT_EQ(EPOLLIN, events_now(ep));
	/* More is there after the read, but a read makes no input. */
	for (int i = 0; i < 5; i++) {
		EXPECT_EQ(1, efd_take(fd));
		EXPECT_EQ(0, events_now(ep));
	}
	EXPECT_EQ(-EAGAIN, efd_take(fd));
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
	/* Each read is an edge, also when there was room before. */
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
	/* No more, but by somebody else. */
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
	/* A write of 0 is an edge too: it tells what there is now. */
	ASSERT_EQ(8, efd_add(fd, 0));
	EXPECT_EQ(EPOLLOUT, events_now(ep));
	EXPECT_EQ(0, events_now(ep));
}

TEST(edge_again_after_modification)
{
	int fd = efd_new(1, EFD_NONBLOCK);
	int ep = watch(fd, EPOLLET | EPOLLIN);

	ASSERT_GE(ep, 0);
	EXPECT_EQ(EPOLLIN, events_now(ep));
	EXPECT_EQ(0, events_now(ep));
	ASSERT_EQ(0, modify(ep, fd, EPOLLET | EPOLLIN));
	EXPECT_EQ(EPOLLIN, events_now(ep));
	EXPECT_EQ(0, events_now(ep));
	ASSERT_EQ(0, modify(ep, fd, EPOLLET | EPOLLOUT));
	EXPECT_EQ(EPOLLOUT, events_now(ep));
	EXPECT_EQ(0, events_now(ep));
}

TEST(one_shot)
{
	int fd = efd_new(0, EFD_NONBLOCK);
	int ep = watch(fd, EPOLLIN | EPOLLONESHOT);

	ASSERT_GE(ep, 0);
	ASSERT_EQ(8, efd_add(fd, 1));
	EXPECT_EQ(EPOLLIN, events_now(ep));
	ASSERT_EQ(8, efd_add(fd, 1));
	EXPECT_EQ(0, events_now(ep));
	ASSERT_EQ(0, modify(ep, fd, EPOLLIN | EPOLLONESHOT));
	EXPECT_EQ(EPOLLIN, events_now(ep));
	EXPECT_EQ(0, events_now(ep));
	EXPECT_EQ(2, efd_take(fd));
	ASSERT_EQ(0, modify(ep, fd, EPOLLIN | EPOLLONESHOT));
	EXPECT_EQ(0, events_now(ep));
}

TEST(wait_blocks)
{
	struct call waiter = { .make = call_epoll };
	int fd = efd_new(0, EFD_NONBLOCK);

	for (int edge = 0; edge < 2; edge++) {
		waiter = (struct call){ .make = call_epoll };
		waiter.fd = watch(fd, EPOLLIN | (edge ? EPOLLET : 0));
		ASSERT_GE(waiter.fd, 0);
		ASSERT_TRUE(call_start_blocked(&waiter));
		ASSERT_EQ(8, efd_add(fd, 1));
		ASSERT_TRUE(call_ends(&waiter));
		EXPECT_EQ(1, waiter.ret);
		EXPECT_EQ(EPOLLIN, waiter.value);
		EXPECT_EQ(1, efd_take(fd));
		close(waiter.fd);
	}
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

TEST(all_instances_are_told)
{
	enum { N = 16 };
	int fd = efd_new(0, EFD_NONBLOCK);
	int eps[N];

	for (int i = 0; i < N; i++) {
		eps[i] = watch(fd, EPOLLIN | (i % 2 ? EPOLLET : 0));
		ASSERT_GE(eps[i], 0);
	}
	for (int round = 0; round < 3; round++) {
		ASSERT_EQ(8, efd_add(fd, 1));
		for (int i = 0; i < N; i++)
			EXPECT_EQ(EPOLLIN, events_now(eps[i]));
		EXPECT_EQ(1, efd_take(fd));
		for (int i = 0; i < N; i++)
			EXPECT_EQ(0, events_now(eps[i]));
	}
}

TEST(exclusive_wakes_one_waiter_and_all_the_others)
{
	enum { EXCLUSIVE = 4, SHARED = 2, ALL = EXCLUSIVE + SHARED };
	int fd = efd_new(0, EFD_NONBLOCK);
	struct call waiters[ALL];
	int told = 0;

	for (int i = 0; i < ALL; i++) {
		uint32_t how = i < EXCLUSIVE ? EPOLLEXCLUSIVE : 0;

		waiters[i] = (struct call){ .make = call_epoll };
		waiters[i].fd = watch(fd, EPOLLET | EPOLLIN | how);
		ASSERT_GE(waiters[i].fd, 0);
		ASSERT_TRUE(call_start_blocked(&waiters[i]));
	}
	/* Each write wakes one more of those that are exclusive. */
	for (int round = 1; round <= EXCLUSIVE; round++) {
		ASSERT_EQ(8, efd_add(fd, 1));
		ASSERT_TRUE(wait_for(calls_ended(waiters, ALL) == SHARED + round));
		for (int i = 0; i < ALL; i++)
			EXPECT_TRUE(waiters[i].done ||
				    call_blocks(&waiters[i]));
		EXPECT_EQ(round, calls_ended(waiters, EXCLUSIVE));
	}
	for (int i = 0; i < ALL; i++) {
		ASSERT_TRUE(call_ends(&waiters[i]));
		EXPECT_EQ(EPOLLIN, waiters[i].value);
		told += waiters[i].ret;
	}
	EXPECT_EQ(ALL, told);
}

TEST(exclusive_can_not_be_modified)
{
	int fd = efd_new(1, EFD_NONBLOCK);
	int ep = watch(fd, EPOLLIN | EPOLLEXCLUSIVE);

	ASSERT_GE(ep, 0);
	EXPECT_EQ(EPOLLIN, events_now(ep));
	EXPECT_EQ(-1, modify(ep, fd, EPOLLIN));
	EXPECT_EQ(EINVAL, errno);
}

TEST(nested)
{
	struct call waiter = { .make = call_epoll };
	int fd = efd_new(0, EFD_NONBLOCK);
	int inner = watch(fd, EPOLLIN);

	ASSERT_GE(inner, 0);
	waiter.fd = watch(inner, EPOLLIN);
	ASSERT_GE(waiter.fd, 0);
	EXPECT_EQ(0, events_now(waiter.fd));
	ASSERT_TRUE(call_start_blocked(&waiter));
	ASSERT_EQ(8, efd_add(fd, 1));
	ASSERT_TRUE(call_ends(&waiter));
	EXPECT_EQ(EPOLLIN, events_now(waiter.fd));
	EXPECT_EQ(EPOLLIN, events_now(inner));
	EXPECT_EQ(1, efd_take(fd));
	EXPECT_EQ(0, events_now(waiter.fd));
}

TEST(duplicates_are_watched_apart)
{
	int fd = efd_new(0, EFD_NONBLOCK);
	int other = dup(fd);
	struct epoll_event events[4];
	int ep = watch(fd, EPOLLET | EPOLLIN);
	struct epoll_event event = { .events = EPOLLET | EPOLLIN };

	ASSERT_GE(ep, 0);
	event.data.fd = other;
	EXPECT_EQ(-1, epoll_ctl(ep, EPOLL_CTL_ADD, fd, &event));
	EXPECT_EQ(EEXIST, errno);
	ASSERT_EQ(0, epoll_ctl(ep, EPOLL_CTL_ADD, other, &event));
	ASSERT_EQ(8, efd_add(other, 1));
	EXPECT_EQ(2, epoll_wait(ep, events, 4, 0));
	EXPECT_EQ(fd + other, events[0].data.fd + events[1].data.fd);
	EXPECT_EQ(0, epoll_wait(ep, events, 4, 0));
}

TEST(closing_ends_watching)
{
	int fd = efd_new(1, EFD_NONBLOCK);
	int other = dup(fd);
	int ep = watch(fd, EPOLLIN);

	ASSERT_GE(ep, 0);
	/* The file is open still, so it is watched still. */
	ASSERT_EQ(0, close(fd));
	EXPECT_EQ(EPOLLIN, events_now(ep));
	/* The last close takes it away; no EPOLLHUP is ever seen. */
	ASSERT_EQ(0, close(other));
	EXPECT_EQ(0, events_now(ep));
}

TEST(many_ready_descriptors)
{
	enum { N = 64 };
	struct epoll_event events[N];
	int ep = epoll_create1(0);
	int fds[N];

	ASSERT_GE(ep, 0);
	for (int i = 0; i < N; i++) {
		struct epoll_event event = { .events = EPOLLET | EPOLLIN };

		fds[i] = efd_new(0, EFD_NONBLOCK);
		event.data.u32 = i;
		ASSERT_EQ(0, epoll_ctl(ep, EPOLL_CTL_ADD, fds[i], &event));
	}
	for (int i = N - 1; i >= 0; i--)
		ASSERT_EQ(8, efd_add(fds[i], i + 1));
	ASSERT_EQ(N, epoll_wait(ep, events, N, -1));
	/* They come in the order in which they became ready. */
	for (int i = 0; i < N; i++) {
		EXPECT_EQ(N - 1 - i, (int)events[i].data.u32);
		EXPECT_EQ(EPOLLIN, events[i].events);
	}
	EXPECT_EQ(0, epoll_wait(ep, events, N, 0));
}

TEST_HARNESS_MAIN
