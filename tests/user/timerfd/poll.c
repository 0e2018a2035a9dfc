// SPDX-License-Identifier: GPL-2.0
/*
 * poll(2) and select(2) on timers: what is told, and that waiters hear of it.
 */
#include "timer.h"

#include <sys/select.h>

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

/* Makes the timer expire once, with or without a next time. */
static bool fire(int fd, int64_t interval)
{
	return !tfd_arm(fd, 0, 1, interval);
}

TEST_F(timer, events_by_state)
{
	EXPECT_EQ(0, poll_now(self->fd));
	ASSERT_EQ(0, tfd_arm(self->fd, 0, FAR_NS, 1));
	EXPECT_EQ(0, poll_now(self->fd));
	for (int64_t interval = 0; interval <= FAR_NS; interval += FAR_NS) {
		ASSERT_TRUE(fire(self->fd, interval));
		ASSERT_TRUE(wait_for(poll_now(self->fd)));
		EXPECT_EQ(POLLIN, poll_now(self->fd));
		EXPECT_EQ(1, tfd_ticks(self->fd));
		EXPECT_EQ(0, poll_now(self->fd));
	}
	/* Asking for the time takes nothing. */
	ASSERT_TRUE(fire(self->fd, FAR_NS));
	ASSERT_TRUE(tfd_expires(self->fd));
	EXPECT_LT(0, tfd_left(self->fd));
	EXPECT_EQ(POLLIN, poll_now(self->fd));
	ASSERT_EQ(0, tfd_arm(self->fd, 0, 0, 0));
	EXPECT_EQ(0, poll_now(self->fd));
}

TEST_F(timer, only_what_was_asked_for)
{
	struct pollfd pfd = { .fd = self->fd };

	ASSERT_TRUE(fire(self->fd, 0));
	ASSERT_TRUE(tfd_expires(self->fd));
	EXPECT_EQ(0, poll(&pfd, 1, 0));
	pfd.events = POLLIN;
	EXPECT_EQ(1, poll(&pfd, 1, 0));
	EXPECT_EQ(POLLIN, pfd.revents);
	/* Not these: native does not set the RDNORM bit. */
	pfd.events = POLLOUT | POLLPRI | POLLRDNORM | POLLRDBAND |
		     POLLWRNORM | POLLWRBAND | POLLRDHUP;
	EXPECT_EQ(0, poll(&pfd, 1, 0));
	EXPECT_EQ(0, pfd.revents);
}

TEST_F(timer, timeout)
{
	struct pollfd pfd = { .fd = self->fd, .events = POLLIN };
	int64_t start = now_ms();

	ASSERT_EQ(0, tfd_arm(self->fd, 0, FAR_NS, 0));
	EXPECT_EQ(0, poll(&pfd, 1, 30));
	EXPECT_LE(30, now_ms() - start);
}

TEST_F(timer, poll_waits_for_the_time)
{
	int64_t start = tfd_clock(CLOCK_MONOTONIC);
	struct pollfd pfd = { .fd = self->fd, .events = POLLIN };

	ASSERT_EQ(0, tfd_arm(self->fd, 0, 30 * NS_PER_MS, 0));
	EXPECT_EQ(1, poll(&pfd, 1, -1));
	EXPECT_LE(30 * NS_PER_MS, tfd_clock(CLOCK_MONOTONIC) - start);
	EXPECT_EQ(POLLIN, pfd.revents);
}

/* A poller stays asleep through all that makes nothing to read. */
TEST_F(timer, a_poller_is_woken_by_expirations_only)
{
	struct call poller = { .make = call_poll, .fd = self->fd };
	long sleeps;

	poller.value = POLLIN;
	ASSERT_TRUE(call_start_blocked(&poller));
	sleeps = sleeps_of(poller.tid);
	for (int i = 0; i < 10; i++) {
		ASSERT_EQ(0, tfd_arm(self->fd, 0, i % 3 ? FAR_NS : 0, FAR_NS));
		ASSERT_LE(0, tfd_left(self->fd));
		EXPECT_EQ(-EAGAIN, tfd_ticks(self->fd));
	}
	EXPECT_TRUE(call_blocks(&poller));
	EXPECT_EQ(sleeps, sleeps_of(poller.tid));
	ASSERT_TRUE(fire(self->fd, 0));
	ASSERT_TRUE(call_ends(&poller));
	EXPECT_EQ(1, poller.ret);
	EXPECT_EQ(POLLIN, poller.value);
}

TEST_F(timer, a_poller_and_set_ticks)
{
	struct call poller = { .make = call_poll, .fd = self->fd };

	if (!tfd_can_set_ticks())
		return;
	poller.value = POLLIN;
	ASSERT_TRUE(call_start_blocked(&poller));
	ASSERT_EQ(0, tfd_set_ticks(self->fd, 1));
	ASSERT_TRUE(call_ends(&poller));
	EXPECT_EQ(POLLIN, poller.value);
	EXPECT_EQ(1, tfd_ticks(self->fd));
}

/* Nothing can be written, so that nobody is ever told that it could. */
TEST_F(timer, waiting_for_room)
{
	struct call poller = { .make = call_poll, .fd = self->fd };

	poller.value = POLLOUT;
	ASSERT_EQ(0, catch_signal(SIGUSR1, 0));
	ASSERT_TRUE(call_start_blocked(&poller));
	ASSERT_TRUE(fire(self->fd, 0));
	ASSERT_TRUE(tfd_expires(self->fd));
	EXPECT_EQ(1, tfd_ticks(self->fd));
	EXPECT_TRUE(call_blocks(&poller));
	ASSERT_EQ(0, signal_thread(poller.tid, SIGUSR1));
	ASSERT_TRUE(call_ends(&poller));
	EXPECT_EQ(EINTR, poller.err);
}

TEST_F(timer, select_sets)
{
	struct timeval none = { };
	fd_set in, out, pri;

	for (int round = 0; round < 2; round++) {
		FD_ZERO(&in);
		FD_ZERO(&out);
		FD_ZERO(&pri);
		FD_SET(self->fd, &in);
		FD_SET(self->fd, &out);
		FD_SET(self->fd, &pri);
		EXPECT_EQ(round, select(self->fd + 1, &in, &out, &pri, &none));
		EXPECT_EQ(round, !!FD_ISSET(self->fd, &in));
		EXPECT_FALSE(FD_ISSET(self->fd, &out));
		EXPECT_FALSE(FD_ISSET(self->fd, &pri));
		ASSERT_TRUE(fire(self->fd, 0));
		ASSERT_TRUE(tfd_expires(self->fd));
	}
}

static long call_select(struct call *call)
{
	fd_set in;

	FD_ZERO(&in);
	FD_SET(call->fd, &in);
	return select(call->fd + 1, &in, NULL, NULL, NULL);
}

TEST_F(timer, select_waits)
{
	struct call call = { .make = call_select, .fd = self->fd };

	ASSERT_TRUE(call_start(&call));
	ASSERT_TRUE(wait_for(call.tid && asleep_in(call.tid) > 0));
	EXPECT_FALSE(call.done);
	ASSERT_TRUE(fire(self->fd, 0));
	ASSERT_TRUE(call_ends(&call));
	EXPECT_EQ(1, call.ret);
}

TEST_F(timer, all_pollers_of_all_kinds_are_woken)
{
	enum { EACH = 4, KINDS = 4, ALL = EACH * KINDS };
	static long (*const kinds[KINDS])(struct call *call) = {
		call_poll, call_epoll, call_epoll, call_select,
	};
	struct epoll_event event = { };
	struct call calls[ALL];

	for (int i = 0; i < ALL; i++) {
		calls[i] = (struct call){ .make = kinds[i % KINDS] };
		calls[i].fd = self->fd;
		calls[i].value = POLLIN;
		if (calls[i].make == call_epoll) {
			event.events = EPOLLIN | (i % KINDS == 1 ? EPOLLET : 0);
			calls[i].fd = epoll_create1(0);
			ASSERT_EQ(0, epoll_ctl(calls[i].fd, EPOLL_CTL_ADD,
					       self->fd, &event));
		}
		ASSERT_TRUE(call_start(&calls[i]));
		ASSERT_TRUE(wait_for(calls[i].tid &&
				     asleep_in(calls[i].tid) > 0));
	}
	ASSERT_TRUE(fire(self->fd, 1));
	for (int i = 0; i < ALL; i++) {
		ASSERT_TRUE(call_ends(&calls[i]));
		EXPECT_EQ(1, calls[i].ret);
	}
	EXPECT_LE(1, tfd_ticks(self->fd));
}

TEST(many_timers)
{
	enum { N = 64 };
	struct pollfd pfds[N];

	for (int i = 0; i < N; i++) {
		pfds[i] = (struct pollfd){ .events = POLLIN };
		pfds[i].fd = tfd_new(CLOCK_MONOTONIC, TFD_NONBLOCK);
		ASSERT_GE(pfds[i].fd, 0);
	}
	EXPECT_EQ(0, poll(pfds, N, 0));
	for (int i = 0; i < N; i++)
		ASSERT_EQ(0, tfd_arm(pfds[i].fd, 0, i % 3 ? FAR_NS : 1, 0));
	EXPECT_TRUE(wait_for(poll(pfds, N, -1) == (N + 2) / 3));
	for (int i = 0; i < N; i++) {
		EXPECT_EQ(i % 3 ? 0 : POLLIN, pfds[i].revents);
		EXPECT_EQ(i % 3 ? -EAGAIN : 1, tfd_ticks(pfds[i].fd));
	}
}

TEST_HARNESS_MAIN
