// SPDX-License-Identifier: GPL-2.0
/*
 * Timers in epoll: settings, and periods. A periodic timer makes one edge until it is
 * read.
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

TEST_F(timer, a_setting_takes_the_event_back)
{
	int level = watch(self->fd, EPOLLIN);
	int edge = watch(self->fd, EPOLLET | EPOLLIN);

	ASSERT_GE(level, 0);
	ASSERT_GE(edge, 0);
	ASSERT_TRUE(fire(self->fd));
	ASSERT_EQ(0, tfd_arm(self->fd, 0, FAR_NS, 0));
	EXPECT_EQ(0, events_now(level));
	EXPECT_EQ(0, events_now(edge));
	ASSERT_TRUE(fire(self->fd));
	EXPECT_EQ(EPOLLIN, events_come(level));
	ASSERT_EQ(0, tfd_arm(self->fd, 0, FAR_NS, 0));
	EXPECT_EQ(0, events_now(level));
}

TEST_F(timer, edge_is_not_told_of_other_calls)
{
	int ep = watch(self->fd, EPOLLET | EPOLLIN);
	uint64_t buf;

	ASSERT_GE(ep, 0);
	ASSERT_TRUE(fire(self->fd));
	EXPECT_EQ(EPOLLIN, events_come(ep));
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

/* One edge for each read, however often the interval has passed. */
TEST_F(timer, edge_of_a_periodic_timer)
{
	int ep = watch(self->fd, EPOLLET | EPOLLIN);
	int64_t start = tfd_clock(CLOCK_MONOTONIC);

	ASSERT_GE(ep, 0);
	ASSERT_EQ(0, tfd_arm(self->fd, 0, NS_PER_MS, NS_PER_MS));
	for (int i = 0; i < 3; i++) {
		EXPECT_EQ(EPOLLIN, events_come(ep));
		EXPECT_EQ(0, events_within(ep, 30));
		EXPECT_TRUE(tfd_counts_by_clock() || tfd_pending(self->fd) == 1);
		EXPECT_LE(30, tfd_ticks(self->fd));
	}
	EXPECT_LE(90 * NS_PER_MS, tfd_clock(CLOCK_MONOTONIC) - start);
	EXPECT_EQ(EPOLLIN, events_come(ep));
}

TEST_F(timer, edge_of_a_timer_that_is_asked_for_its_time)
{
	int ep = watch(self->fd, EPOLLET | EPOLLIN);

	/* A named difference: only a read makes the next edge. */
	if (tfd_counts_by_clock())
		return;
	ASSERT_GE(ep, 0);
	ASSERT_EQ(0, tfd_arm(self->fd, 0, NS_PER_MS, NS_PER_MS));
	for (int i = 1; i <= 3; i++) {
		EXPECT_EQ(EPOLLIN, events_come(ep));
		EXPECT_EQ(0, events_within(ep, 10));
		/* The call starts it again, and the ticks stay. */
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

TEST(many_ready_periodic_timers)
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
