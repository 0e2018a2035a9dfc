// SPDX-License-Identifier: GPL-2.0
/*
 * poll(2) on timers: the events in each state of a timer, and settings, which wake no
 * poller.
 */
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

TEST_F(timer, poll_waits_for_the_time)
{
	int64_t start = tfd_clock(CLOCK_MONOTONIC);
	struct pollfd pfd = { .fd = self->fd, .events = POLLIN };

	ASSERT_EQ(0, tfd_arm(self->fd, 0, 30 * NS_PER_MS, 0));
	EXPECT_EQ(1, poll(&pfd, 1, -1));
	EXPECT_LE(30 * NS_PER_MS, tfd_clock(CLOCK_MONOTONIC) - start);
	EXPECT_EQ(POLLIN, pfd.revents);
}

/* A poller sleeps until there is something to read. */
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

TEST_HARNESS_MAIN
