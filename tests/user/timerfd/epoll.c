// SPDX-License-Identifier: GPL-2.0
/*
 * Timers in epoll, in each of its modes. A periodic timer that nobody reads
 * makes one edge.
 */
#include "epoll.h"
#include "timer.h"

FIXTURE(timer)
{
	int fd;
};

FIXTURE_SETUP(timer)
{
	self->fd = tfd_new(CLOCK_MONOTONIC, TFD_NONBLOCK);
	ASSERT_GE(self->fd, 0);
}

FIXTURE_TEARDOWN(timer)
{
	close(self->fd);
}

static int events_come(int ep)
{
	return events_within(ep, DEADLINE_MS);
}

/* Makes the timer expire, and waits until it has. */
static bool fire(int fd)
{
	return !tfd_arm(fd, 0, 1, 0) && tfd_expires(fd);
}

TEST_F(timer, level)
{
	int ep = watch(self->fd, EPOLLIN | EPOLLOUT | EPOLLPRI | EPOLLRDNORM);

	ASSERT_GE(ep, 0);
	EXPECT_EQ(0, events_now(ep));
	ASSERT_TRUE(fire(self->fd));
	for (int i = 0; i < 3; i++)
		EXPECT_EQ(EPOLLIN, events_now(ep));
	EXPECT_EQ(1, tfd_ticks(self->fd));
	EXPECT_EQ(0, events_now(ep));
	ASSERT_TRUE(fire(self->fd));
	ASSERT_EQ(0, tfd_arm(self->fd, 0, FAR_NS, 0));
	EXPECT_EQ(0, events_now(ep));
}

TEST_F(timer, edge)
{
	int ep = watch(self->fd, EPOLLET | EPOLLIN | EPOLLOUT);

	ASSERT_GE(ep, 0);
	EXPECT_EQ(0, events_now(ep));
	/* Each expiration is an edge, whether the one before was read or not. */
	for (int i = 0; i < 4; i++) {
		ASSERT_TRUE(fire(self->fd));
		EXPECT_EQ(EPOLLIN, events_now(ep));
		EXPECT_EQ(0, events_now(ep));
		if (i % 2)
			EXPECT_EQ(1, tfd_ticks(self->fd));
	}
	EXPECT_EQ(-EAGAIN, tfd_ticks(self->fd));
	EXPECT_EQ(0, events_now(ep));
}

TEST_F(timer, edge_there_from_the_start)
{
	int ep;

	ASSERT_TRUE(fire(self->fd));
	ep = watch(self->fd, EPOLLET | EPOLLIN);
	ASSERT_GE(ep, 0);
	EXPECT_EQ(EPOLLIN, events_now(ep));
	EXPECT_EQ(0, events_now(ep));
	ASSERT_EQ(0, modify(ep, self->fd, EPOLLET | EPOLLIN));
	EXPECT_EQ(EPOLLIN, events_now(ep));
	EXPECT_EQ(0, events_now(ep));
}

TEST_F(timer, edge_gone_before_anybody_looked)
{
	int ep = watch(self->fd, EPOLLET | EPOLLIN);

	ASSERT_GE(ep, 0);
	ASSERT_TRUE(fire(self->fd));
	EXPECT_EQ(1, tfd_ticks(self->fd));
	EXPECT_EQ(0, events_now(ep));
	ASSERT_TRUE(fire(self->fd));
	ASSERT_EQ(0, tfd_arm(self->fd, 0, FAR_NS, 0));
	EXPECT_EQ(0, events_now(ep));
}

TEST_F(timer, edge_is_not_told_of_other_calls)
{
	int ep = watch(self->fd, EPOLLET | EPOLLIN);
	uint64_t buf;

	ASSERT_GE(ep, 0);
	ASSERT_TRUE(fire(self->fd));
	EXPECT_EQ(EPOLLIN, events_now(ep));
	EXPECT_EQ(-1, read(self->fd, &buf, 7));
	EXPECT_EQ(-1, write(self->fd, &buf, 8));
	EXPECT_EQ(-1, tfd_arm(self->fd, 0, -1, 0));
	EXPECT_EQ(0, tfd_left(self->fd));
	EXPECT_EQ(1, tfd_pending(self->fd));
	EXPECT_EQ(0, events_now(ep));
	EXPECT_EQ(1, tfd_ticks(self->fd));
	ASSERT_EQ(0, tfd_arm(self->fd, 0, FAR_NS, 1));
	EXPECT_EQ(-EAGAIN, tfd_ticks(self->fd));
	EXPECT_EQ(0, events_now(ep));
}

/* One edge a read, however many times the interval has passed. */
TEST_F(timer, edge_of_a_periodic_timer)
{
	int ep = watch(self->fd, EPOLLET | EPOLLIN);
	int64_t start = tfd_clock(CLOCK_MONOTONIC);

	ASSERT_GE(ep, 0);
	ASSERT_EQ(0, tfd_arm(self->fd, 0, NS_PER_MS, NS_PER_MS));
	for (int i = 0; i < 3; i++) {
		EXPECT_EQ(EPOLLIN, events_come(ep));
		EXPECT_EQ(0, events_within(ep, 30));
		EXPECT_EQ(1, tfd_pending(self->fd));
		EXPECT_LE(30, tfd_ticks(self->fd));
	}
	EXPECT_LE(90 * NS_PER_MS, tfd_clock(CLOCK_MONOTONIC) - start);
	EXPECT_EQ(EPOLLIN, events_come(ep));
}

TEST_F(timer, edge_of_a_timer_that_is_asked_for_its_time)
{
	int ep = watch(self->fd, EPOLLET | EPOLLIN);

	ASSERT_GE(ep, 0);
	ASSERT_EQ(0, tfd_arm(self->fd, 0, NS_PER_MS, NS_PER_MS));
	for (int i = 1; i <= 3; i++) {
		EXPECT_EQ(EPOLLIN, events_come(ep));
		EXPECT_EQ(0, events_within(ep, 10));
		/* It goes on now, and the ticks stay. */
		EXPECT_GE(NS_PER_MS, tfd_left(self->fd));
		EXPECT_LE(i * 10, tfd_pending(self->fd));
	}
	EXPECT_EQ(EPOLLIN, events_come(ep));
}

TEST_F(timer, edge_of_set_ticks)
{
	int ep = watch(self->fd, EPOLLET | EPOLLIN);

	if (!tfd_can_set_ticks())
		return;
	ASSERT_GE(ep, 0);
	for (int i = 1; i <= 3; i++) {
		ASSERT_EQ(0, tfd_set_ticks(self->fd, i));
		EXPECT_EQ(EPOLLIN, events_now(ep));
		EXPECT_EQ(0, events_now(ep));
		EXPECT_EQ(-1, tfd_set_ticks(self->fd, 0));
		EXPECT_EQ(0, events_now(ep));
	}
	EXPECT_EQ(3, tfd_ticks(self->fd));
}

TEST_F(timer, one_shot)
{
	int ep = watch(self->fd, EPOLLIN | EPOLLONESHOT);

	ASSERT_GE(ep, 0);
	ASSERT_TRUE(fire(self->fd));
	EXPECT_EQ(EPOLLIN, events_now(ep));
	ASSERT_TRUE(fire(self->fd));
	EXPECT_EQ(0, events_now(ep));
	ASSERT_EQ(0, modify(ep, self->fd, EPOLLIN | EPOLLONESHOT));
	EXPECT_EQ(EPOLLIN, events_now(ep));
	EXPECT_EQ(0, events_now(ep));
	EXPECT_EQ(1, tfd_ticks(self->fd));
	ASSERT_EQ(0, modify(ep, self->fd, EPOLLIN | EPOLLONESHOT));
	EXPECT_EQ(0, events_now(ep));
}

TEST_F(timer, wait_blocks)
{
	for (int edge = 0; edge < 2; edge++) {
		struct call waiter = { .make = call_epoll };

		waiter.fd = watch(self->fd, EPOLLIN | (edge ? EPOLLET : 0));
		ASSERT_GE(waiter.fd, 0);
		ASSERT_TRUE(call_start_blocked(&waiter));
		ASSERT_EQ(0, tfd_arm(self->fd, 0, FAR_NS, 0));
		EXPECT_TRUE(call_blocks(&waiter));
		ASSERT_TRUE(fire(self->fd));
		ASSERT_TRUE(call_ends(&waiter));
		EXPECT_EQ(1, waiter.ret);
		EXPECT_EQ(EPOLLIN, waiter.value);
		EXPECT_EQ(1, tfd_ticks(self->fd));
		close(waiter.fd);
	}
}

TEST_F(timer, all_instances_are_told)
{
	enum { N = 16 };
	int eps[N];

	for (int i = 0; i < N; i++) {
		eps[i] = watch(self->fd, EPOLLIN | (i % 2 ? EPOLLET : 0));
		ASSERT_GE(eps[i], 0);
	}
	for (int round = 0; round < 3; round++) {
		ASSERT_TRUE(fire(self->fd));
		for (int i = 0; i < N; i++)
			EXPECT_EQ(EPOLLIN, events_now(eps[i]));
		EXPECT_EQ(1, tfd_ticks(self->fd));
		for (int i = 0; i < N; i++)
			EXPECT_EQ(0, events_now(eps[i]));
	}
}

TEST_F(timer, exclusive_wakes_one_waiter_and_all_the_others)
{
	enum { EXCLUSIVE = 4, SHARED = 2, ALL = EXCLUSIVE + SHARED };
	struct call waiters[ALL];

	for (int i = 0; i < ALL; i++) {
		uint32_t how = i < EXCLUSIVE ? EPOLLEXCLUSIVE : 0;

		waiters[i] = (struct call){ .make = call_epoll };
		waiters[i].fd = watch(self->fd, EPOLLET | EPOLLIN | how);
		ASSERT_GE(waiters[i].fd, 0);
		ASSERT_TRUE(call_start_blocked(&waiters[i]));
	}
	/* Each expiration wakes one more of those that are exclusive. */
	for (int round = 1; round <= EXCLUSIVE; round++) {
		ASSERT_TRUE(fire(self->fd));
		ASSERT_TRUE(wait_for(calls_ended(waiters, ALL) == SHARED + round));
		for (int i = 0; i < ALL; i++)
			EXPECT_TRUE(waiters[i].done ||
				    call_blocks(&waiters[i]));
		EXPECT_EQ(round, calls_ended(waiters, EXCLUSIVE));
	}
	for (int i = 0; i < ALL; i++) {
		ASSERT_TRUE(call_ends(&waiters[i]));
		EXPECT_EQ(1, waiters[i].ret);
		EXPECT_EQ(EPOLLIN, waiters[i].value);
	}
}

TEST_F(timer, nested)
{
	struct call waiter = { .make = call_epoll };
	int inner = watch(self->fd, EPOLLIN);

	ASSERT_GE(inner, 0);
	waiter.fd = watch(inner, EPOLLIN);
	ASSERT_GE(waiter.fd, 0);
	EXPECT_EQ(0, events_now(waiter.fd));
	ASSERT_TRUE(call_start_blocked(&waiter));
	ASSERT_TRUE(fire(self->fd));
	ASSERT_TRUE(call_ends(&waiter));
	EXPECT_EQ(EPOLLIN, events_now(waiter.fd));
	EXPECT_EQ(EPOLLIN, events_now(inner));
	EXPECT_EQ(1, tfd_ticks(self->fd));
	EXPECT_EQ(0, events_now(waiter.fd));
}

TEST_F(timer, duplicates_are_watched_apart)
{
	int other = dup(self->fd);
	struct epoll_event events[4];
	int ep = watch(self->fd, EPOLLET | EPOLLIN);
	struct epoll_event event = { .events = EPOLLET | EPOLLIN };

	ASSERT_GE(ep, 0);
	event.data.fd = other;
	EXPECT_EQ(-1, epoll_ctl(ep, EPOLL_CTL_ADD, self->fd, &event));
	EXPECT_EQ(EEXIST, errno);
	ASSERT_EQ(0, epoll_ctl(ep, EPOLL_CTL_ADD, other, &event));
	ASSERT_TRUE(fire(self->fd));
	EXPECT_EQ(2, epoll_wait(ep, events, 4, 0));
	EXPECT_EQ(self->fd + other, events[0].data.fd + events[1].data.fd);
	EXPECT_EQ(0, epoll_wait(ep, events, 4, 0));
}

TEST(closing_ends_watching)
{
	int fd = tfd_new(CLOCK_MONOTONIC, TFD_NONBLOCK);
	int other = dup(fd);
	int ep = watch(fd, EPOLLIN);

	ASSERT_GE(ep, 0);
	ASSERT_EQ(0, tfd_arm(fd, 0, 1, 1));
	ASSERT_TRUE(tfd_expires(fd));
	/* The file is open still, so it is watched still. */
	ASSERT_EQ(0, close(fd));
	EXPECT_EQ(EPOLLIN, events_now(ep));
	/* The last close takes it away; no EPOLLHUP is ever seen. */
	ASSERT_EQ(0, close(other));
	EXPECT_EQ(0, events_now(ep));
}

TEST(many_ready_timers)
{
	enum { N = 64 };
	struct epoll_event events[N];
	int ep = epoll_create1(0);
	uint64_t seen = 0;
	int fds[N];

	ASSERT_GE(ep, 0);
	for (int i = 0; i < N; i++) {
		struct epoll_event event = { .events = EPOLLET | EPOLLIN };

		fds[i] = tfd_new(CLOCK_MONOTONIC, TFD_NONBLOCK);
		event.data.u32 = i;
		ASSERT_EQ(0, epoll_ctl(ep, EPOLL_CTL_ADD, fds[i], &event));
		ASSERT_EQ(0, tfd_arm(fds[i], 0, 1 + i * NS_PER_MS, 1));
	}
	for (int i = 0; i < N; i++)
		ASSERT_TRUE(tfd_expires(fds[i]));
	ASSERT_EQ(N, epoll_wait(ep, events, N, -1));
	for (int i = 0; i < N; i++) {
		EXPECT_EQ(EPOLLIN, events[i].events);
		seen |= UINT64_C(1) << events[i].data.u32;
	}
	EXPECT_EQ(UINT64_MAX, seen);
	EXPECT_EQ(0, epoll_wait(ep, events, N, 0));
}

TEST_HARNESS_MAIN
