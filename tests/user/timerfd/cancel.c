// SPDX-License-Identifier: GPL-2.0
/*
 * TFD_TIMER_CANCEL_ON_SET: a step of the clock wakes the waiters, and one read or setting
 * fails with ECANCELED.
 */
#include "epoll.h"
#include "clock.h"

#include <sys/select.h>

/* A timer far in the future, and a way to step its clock. */
FIXTURE(clock)
{
	int fd;
};

FIXTURE_VARIANT(clock)
{
	bool (*step)(int64_t ns);
	int id;
};

FIXTURE_VARIANT_ADD(clock, settime)
{
	.step = step_by_settime,
	.id = CLOCK_REALTIME,
};

FIXTURE_VARIANT_ADD(clock, settimeofday)
{
	.step = step_by_settimeofday,
	.id = CLOCK_REALTIME,
};

FIXTURE_VARIANT_ADD(clock, alarm_adjtimex)
{
	.step = step_by_adjtimex,
	.id = CLOCK_REALTIME_ALARM,
};

static int arm_far(int fd, int64_t interval)
{
	return tfd_arm(fd, TFD_CANCEL, tfd_clock(CLOCK_REALTIME) + FAR_NS,
		       interval);
}

FIXTURE_SETUP(clock)
{
	ASSERT_TRUE(clock_restore());
	self->fd = tfd_new(variant->id, TFD_NONBLOCK);
	ASSERT_GE(self->fd, 0);
	ASSERT_EQ(0, arm_far(self->fd, 0));
}

FIXTURE_TEARDOWN(clock)
{
	close(self->fd);
	clock_restore();
}

static bool make_blocking(int fd)
{
	return !fcntl(fd, F_SETFL, 0);
}

TEST_F(clock, a_read_fails_once)
{
	for (int i = 0; i < 4; i++) {
		EXPECT_EQ(-EAGAIN, tfd_ticks(self->fd));
		ASSERT_TRUE(variant->step(i % 2 ? -STEP_NS : STEP_NS));
		EXPECT_EQ(POLLIN, poll_now(self->fd));
		EXPECT_EQ(POLLIN, poll_now(self->fd));
		EXPECT_EQ(-ECANCELED, tfd_ticks(self->fd));
		EXPECT_EQ(0, poll_now(self->fd));
	}
	/* The timer stays armed throughout. */
	EXPECT_LT(FAR_NS / 2, tfd_left(self->fd));
	EXPECT_GE(FAR_NS, tfd_left(self->fd));
}

TEST_F(clock, a_blocked_read_fails)
{
	struct call reader = { .make = call_read, .fd = self->fd };

	ASSERT_TRUE(make_blocking(self->fd));
	ASSERT_TRUE(call_start_blocked(&reader));
	ASSERT_TRUE(variant->step(-STEP_NS));
	ASSERT_TRUE(call_ends(&reader));
	EXPECT_EQ(-1, reader.ret);
	EXPECT_EQ(ECANCELED, reader.err);
	EXPECT_EQ(0, poll_now(self->fd));
}

/* One reader gets the error. The other blocks until the timer expires. */
TEST_F(clock, one_of_two_blocked_reads_fails)
{
	struct call readers[2];
	int first;

	ASSERT_TRUE(make_blocking(self->fd));
	ASSERT_TRUE(start_readers(readers, 2, self->fd));
	ASSERT_TRUE(variant->step(STEP_NS));
	ASSERT_TRUE(wait_for(calls_ended(readers, 2)));
	first = readers[1].done;
	ASSERT_TRUE(call_ends(&readers[first]));
	EXPECT_EQ(-1, readers[first].ret);
	EXPECT_EQ(ECANCELED, readers[first].err);
	ASSERT_TRUE(call_blocks(&readers[!first]));
	ASSERT_EQ(0, tfd_arm(self->fd, TFD_TIMER_ABSTIME, 1, 0));
	ASSERT_TRUE(call_ends(&readers[!first]));
	EXPECT_EQ(8, readers[!first].ret);
	EXPECT_EQ(1, readers[!first].value);
}

static long call_select(struct call *call)
{
	fd_set set;
	long ret;

	FD_ZERO(&set);
	FD_SET(call->fd, &set);
	ret = syscall(SYS_pselect6, call->fd + 1, &set, NULL, NULL, NULL, NULL);
	call->value = FD_ISSET(call->fd, &set) ? POLLIN : 0;
	return ret;
}

TEST_F(clock, whoever_polls_is_woken)
{
	struct call calls[] = {
		{ .make = call_poll, .fd = self->fd, .value = POLLIN },
		{ .make = call_poll, .fd = self->fd, .value = POLLIN },
		{ .make = call_epoll, .fd = watch(self->fd, EPOLLIN) },
		{ .make = call_epoll, .fd = watch(self->fd, EPOLLIN | EPOLLET) },
		{ .make = call_epoll,
		  .fd = watch(self->fd, EPOLLIN | EPOLLEXCLUSIVE) },
		{ .make = call_select, .fd = self->fd },
	};
	const int last = ARRAY_SIZE(calls) - 1;

	for (int i = 0; i < last; i++)
		ASSERT_TRUE(call_start_blocked(&calls[i]));
	ASSERT_TRUE(call_start(&calls[last]));
	ASSERT_TRUE(wait_for(calls[last].tid &&
			     asleep_in(calls[last].tid) == SYS_pselect6));
	ASSERT_TRUE(variant->step(-STEP_NS));
	for (int i = 0; i <= last; i++) {
		ASSERT_TRUE(call_ends(&calls[i])) TH_LOG("call %d", i);
		EXPECT_EQ(1, calls[i].ret);
		EXPECT_EQ(POLLIN, calls[i].value);
	}
	EXPECT_EQ(-ECANCELED, tfd_ticks(self->fd));
}

/* An edge may still come from the previous step, so each round first waits for silence. */
TEST_F(clock, each_step_is_an_edge)
{
	int ep = watch(self->fd, EPOLLIN | EPOLLET);

	ASSERT_GE(ep, 0);
	for (int i = 0; i < 4; i++) {
		ASSERT_TRUE(wait_for(!events_within(ep, 20)));
		ASSERT_TRUE(variant->step(i % 2 ? -STEP_NS : STEP_NS));
		EXPECT_EQ(EPOLLIN, events_within(ep, DEADLINE_MS));
		if (i >= 2)
			EXPECT_EQ(-ECANCELED, tfd_ticks(self->fd));
	}
}

TEST_F(clock, a_setting_fails_once_and_arms)
{
	int64_t when;

	ASSERT_TRUE(variant->step(STEP_NS));
	EXPECT_EQ(-1, tfd_arm(self->fd, TFD_CANCEL,
			      tfd_clock(CLOCK_REALTIME) + 3 * FAR_NS, FAR_NS));
	EXPECT_EQ(ECANCELED, errno);
	EXPECT_LT(2 * FAR_NS, tfd_left(self->fd));
	EXPECT_EQ(0, poll_now(self->fd));
	EXPECT_EQ(-EAGAIN, tfd_ticks(self->fd));
	EXPECT_EQ(0, arm_far(self->fd, 0));

	/* The setting fails, but its timer expires. */
	ASSERT_TRUE(variant->step(-STEP_NS));
	when = tfd_clock(CLOCK_REALTIME) + 20 * NS_PER_MS;
	EXPECT_EQ(-1, tfd_arm(self->fd, TFD_CANCEL, when, 0));
	EXPECT_EQ(ECANCELED, errno);
	ASSERT_TRUE(tfd_expires(self->fd));
	EXPECT_LE(when, tfd_clock(CLOCK_REALTIME));
	EXPECT_EQ(1, tfd_ticks(self->fd));
}

TEST_F(clock, a_setting_that_fails_writes_no_old_value)
{
	struct evfd_itimerspec new = { .it_value = { INT32_MAX, 0 } };
	struct evfd_itimerspec old = { { 1, 2 }, { 3, 4 } };

	ASSERT_TRUE(variant->step(STEP_NS));
	EXPECT_EQ(-1, tfd_set(self->fd, TFD_CANCEL, &new, &old));
	EXPECT_EQ(ECANCELED, errno);
	EXPECT_EQ(3, old.it_value.tv_sec);
	EXPECT_EQ(0, tfd_set(self->fd, TFD_CANCEL, &new, &old));
	EXPECT_LT(3, old.it_value.tv_sec);
}

TEST_F(clock, invalid_settings_do_not_consume_it)
{
	struct evfd_itimerspec bad = { .it_value = { 1, NS_PER_S } };

	ASSERT_TRUE(variant->step(STEP_NS));
	EXPECT_EQ(-1, tfd_set(self->fd, TFD_CANCEL, &bad, NULL));
	EXPECT_EQ(EINVAL, errno);
	EXPECT_EQ(-1, tfd_arm(self->fd, TFD_CANCEL | 4, 1, 0));
	EXPECT_EQ(EINVAL, errno);
	EXPECT_EQ(-ECANCELED, tfd_ticks(self->fd));
}

/* Without both flags, the timer no longer reports steps. */
TEST_F(clock, a_setting_without_the_flags_ends_it)
{
	static const int flags[] = {
		0, TFD_TIMER_ABSTIME, TFD_TIMER_CANCEL_ON_SET,
	};

	for (size_t i = 0; i < ARRAY_SIZE(flags); i++) {
		int64_t when = flags[i] & TFD_TIMER_ABSTIME ?
			       tfd_clock(CLOCK_REALTIME) + FAR_NS : FAR_NS;

		ASSERT_EQ(0, arm_far(self->fd, 0));
		ASSERT_EQ(0, tfd_arm(self->fd, flags[i], when, 0));
		ASSERT_TRUE(variant->step(STEP_NS));
		EXPECT_EQ(0, poll_now(self->fd)) TH_LOG("flags %d", flags[i]);
		EXPECT_EQ(-EAGAIN, tfd_ticks(self->fd));
		EXPECT_EQ(0, tfd_arm(self->fd, flags[i], when, 0));
	}
}

/*
 * A step that no call has reported stays pending while the timer is set without the flags.
 * The next setting with the flags reports it.
 */
TEST_F(clock, an_untold_step_waits_for_the_flags)
{
	ASSERT_TRUE(variant->step(STEP_NS));
	EXPECT_EQ(0, tfd_arm(self->fd, 0, FAR_NS, 0));
	EXPECT_EQ(0, poll_now(self->fd));
	EXPECT_EQ(-EAGAIN, tfd_ticks(self->fd));
	EXPECT_EQ(-1, arm_far(self->fd, 0));
	EXPECT_EQ(ECANCELED, errno);
	EXPECT_EQ(0, arm_far(self->fd, 0));
}

TEST_F(clock, there_and_back_is_a_step)
{
	struct call reader = { .make = call_read, .fd = self->fd };

	ASSERT_TRUE(variant->step(STEP_NS));
	ASSERT_TRUE(variant->step(-STEP_NS));
	EXPECT_EQ(-ECANCELED, tfd_ticks(self->fd));
	EXPECT_EQ(-EAGAIN, tfd_ticks(self->fd));

	ASSERT_TRUE(make_blocking(self->fd));
	ASSERT_TRUE(call_start_blocked(&reader));
	ASSERT_TRUE(variant->step(-STEP_NS));
	ASSERT_TRUE(variant->step(STEP_NS));
	ASSERT_TRUE(call_ends(&reader));
	EXPECT_EQ(ECANCELED, reader.err);

	ASSERT_TRUE(variant->step(STEP_NS));
	ASSERT_TRUE(variant->step(-STEP_NS));
	EXPECT_EQ(-1, arm_far(self->fd, 0));
	EXPECT_EQ(ECANCELED, errno);
	EXPECT_EQ(0, arm_far(self->fd, 0));
}

TEST_F(clock, buffers)
{
	char buf[16];

	ASSERT_TRUE(variant->step(STEP_NS));
	EXPECT_EQ(-1, read(self->fd, buf, 7));
	EXPECT_EQ(EINVAL, errno);
	EXPECT_EQ(-1, read(self->fd, buf, 16));
	EXPECT_EQ(ECANCELED, errno);
	/* This read writes no value, so it accepts an invalid address. */
	ASSERT_TRUE(variant->step(STEP_NS));
	EXPECT_EQ(-1, read(self->fd, nowhere(), 8));
	EXPECT_EQ(ECANCELED, errno);
	EXPECT_EQ(-EAGAIN, tfd_ticks(self->fd));
}

TEST_F(clock, many)
{
	enum { N = 200 };
	static int fds[N];

	/* Every third timer no longer has the flags, or never had them. */
	for (int i = 0; i < N; i++) {
		fds[i] = tfd_new(variant->id, TFD_NONBLOCK);
		ASSERT_GE(fds[i], 0);
		if (i % 6)
			ASSERT_EQ(0, arm_far(fds[i], 0));
		if (i % 3 == 0)
			ASSERT_EQ(0, tfd_arm(fds[i], 0, FAR_NS, 0));
	}
	for (int i = 0; i < N; i += 5)
		ASSERT_EQ(0, close(fds[i]));
	ASSERT_TRUE(variant->step(-STEP_NS));
	for (int i = 0; i < N; i++) {
		if (i % 5)
			EXPECT_EQ(i % 3 ? -ECANCELED : -EAGAIN, tfd_ticks(fds[i]));
	}
}

TEST_HARNESS_MAIN
