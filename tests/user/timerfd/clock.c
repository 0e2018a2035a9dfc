// SPDX-License-Identifier: GPL-2.0
/*
 * Timers while their clock is stepped: which of them follow the clock, and how timers with
 * TFD_TIMER_CANCEL_ON_SET behave in unusual states.
 */
#include "clock.h"

/* A disarmed timer on each clock that can be set. */
FIXTURE(clock)
{
	int fd;
};

FIXTURE_VARIANT(clock)
{
	int id;
};

FIXTURE_VARIANT_ADD(clock, realtime)
{
	.id = CLOCK_REALTIME,
};

FIXTURE_VARIANT_ADD(clock, realtime_alarm)
{
	.id = CLOCK_REALTIME_ALARM,
};

FIXTURE_SETUP(clock)
{
	ASSERT_TRUE(clock_restore());
	self->fd = tfd_new(variant->id, TFD_NONBLOCK);
	ASSERT_GE(self->fd, 0);
}

FIXTURE_TEARDOWN(clock)
{
	close(self->fd);
	clock_restore();
}

/* Arms for an absolute time on CLOCK_REALTIME, ns from now. */
static int arm_at(int fd, int flags, int64_t ns, int64_t interval)
{
	return tfd_arm(fd, flags | TFD_TIMER_ABSTIME,
		       tfd_clock(CLOCK_REALTIME) + ns, interval);
}

TEST_F(clock, absolute_times_follow_a_step)
{
	struct call reader = { .make = call_read, .fd = self->fd };

	ASSERT_EQ(0, arm_at(self->fd, 0, FAR_NS, 0));
	ASSERT_TRUE(step_by_adjtimex(STEP_NS));
	EXPECT_GE(FAR_NS - STEP_NS, tfd_left(self->fd));
	ASSERT_TRUE(step_by_adjtimex(-2 * STEP_NS));
	EXPECT_LT(FAR_NS, tfd_left(self->fd));
	EXPECT_EQ(0, poll_now(self->fd));

	ASSERT_EQ(0, fcntl(self->fd, F_SETFL, 0));
	ASSERT_TRUE(call_start_blocked(&reader));
	ASSERT_TRUE(step_by_adjtimex(STEP_NS + FAR_NS));
	ASSERT_TRUE(call_ends(&reader));
	EXPECT_EQ(8, reader.ret);
	EXPECT_EQ(1, reader.value);
}

TEST_F(clock, a_step_back_puts_off_an_absolute_time)
{
	ASSERT_EQ(0, arm_at(self->fd, 0, STEP_NS, 0));
	ASSERT_TRUE(step_by_adjtimex(-STEP_NS));
	ASSERT_TRUE(step_by_adjtimex(STEP_NS - 50 * NS_PER_MS));
	ASSERT_EQ(0, arm_at(self->fd, 0, 50 * NS_PER_MS, 0));
	ASSERT_TRUE(step_by_adjtimex(-STEP_NS));
	sleep_ms(150);
	EXPECT_EQ(0, poll_now(self->fd));
	EXPECT_LT(STEP_NS / 2, tfd_left(self->fd));
	ASSERT_TRUE(step_by_adjtimex(STEP_NS));
	ASSERT_TRUE(tfd_expires(self->fd));
	EXPECT_EQ(1, tfd_ticks(self->fd));
}

/* A step leaves relative times alone, but alarm clocks turn them into absolute times. */
TEST_F(clock, relative_times)
{
	ASSERT_EQ(0, tfd_arm(self->fd, 0, FAR_NS, 0));
	ASSERT_TRUE(step_by_adjtimex(STEP_NS));
	if (variant->id == CLOCK_REALTIME) {
		EXPECT_LT(FAR_NS - STEP_NS, tfd_left(self->fd));
		ASSERT_TRUE(step_by_adjtimex(2 * FAR_NS));
		EXPECT_LT(FAR_NS - STEP_NS, tfd_left(self->fd));
		EXPECT_EQ(0, poll_now(self->fd));
		ASSERT_EQ(0, tfd_arm(self->fd, 0, 50 * NS_PER_MS, 0));
		ASSERT_TRUE(step_by_adjtimex(-2 * FAR_NS));
	} else {
		EXPECT_GE(FAR_NS - STEP_NS, tfd_left(self->fd));
		ASSERT_TRUE(step_by_adjtimex(2 * FAR_NS));
	}
	ASSERT_TRUE(tfd_expires(self->fd));
	EXPECT_EQ(1, tfd_ticks(self->fd));
}

TEST_F(clock, expirations_that_a_step_jumps_over_are_counted)
{
	/* Ten expirations are due, the eleventh is not. */
	ASSERT_EQ(0, arm_at(self->fd, 0, FAR_NS, FAR_NS));
	ASSERT_TRUE(step_by_adjtimex(10 * FAR_NS + FAR_NS / 2));
	ASSERT_TRUE(tfd_expires(self->fd));
	EXPECT_EQ(10, tfd_ticks(self->fd));
	EXPECT_EQ(-EAGAIN, tfd_ticks(self->fd));
	EXPECT_GE(FAR_NS / 2, tfd_left(self->fd));

	/* Counting goes on from there. */
	ASSERT_TRUE(step_by_adjtimex(3 * FAR_NS));
	ASSERT_TRUE(tfd_expires(self->fd));
	EXPECT_EQ(3, tfd_ticks(self->fd));
}

TEST_F(clock, a_step_back_behind_an_expiration)
{
	char buf[8];

	ASSERT_TRUE(expires_and_is_set_back(self->fd, CLOCK_REALTIME, FAR_NS));
	EXPECT_EQ(POLLIN, poll_now(self->fd));
	EXPECT_EQ(-EAGAIN, tfd_ticks(self->fd));
	EXPECT_TRUE(expires_again(self->fd));

	ASSERT_TRUE(expires_and_is_set_back(self->fd, CLOCK_REALTIME, FAR_NS));
	ASSERT_EQ(0, fcntl(self->fd, F_SETFL, 0));
	memset(buf, 0x5a, sizeof(buf));
	EXPECT_EQ(0, result(read(self->fd, buf, sizeof(buf))));
	EXPECT_EQ(0x5a, buf[0]);
	ASSERT_EQ(0, fcntl(self->fd, F_SETFL, O_NONBLOCK));
	EXPECT_TRUE(expires_again(self->fd));
}

TEST_F(clock, a_step_back_behind_an_expiration_that_gettime_finds)
{
	ASSERT_TRUE(expires_and_is_set_back(self->fd, CLOCK_REALTIME, FAR_NS));
	EXPECT_LT(0, tfd_left(self->fd));
	EXPECT_EQ(0, poll_now(self->fd));
	EXPECT_EQ(-EAGAIN, tfd_ticks(self->fd));
	EXPECT_TRUE(expires_again(self->fd));
}

TEST_F(clock, steps_while_it_ticks)
{
	const int64_t interval = NS_PER_MS / 4;

	for (int i = 0; i < 100; i++) {
		ASSERT_EQ(0, arm_at(self->fd, TFD_CANCEL, interval, interval));
		for (int j = 0; j < i % 4; j++) {
			ASSERT_TRUE(tfd_expires(self->fd));
			EXPECT_LE(1, tfd_ticks(self->fd));
		}
		ASSERT_TRUE(step_by_settime(i % 2 ? -STEP_NS : STEP_NS));
		EXPECT_EQ(POLLIN, poll_now(self->fd));
		EXPECT_EQ(-ECANCELED, tfd_ticks(self->fd));
	}
}

/* A read does not re-arm a timer that has expired and was then cancelled. */
TEST_F(clock, a_period_ends_if_it_is_cancelled_when_expired)
{
	struct evfd_itimerspec now;

	ASSERT_EQ(0, arm_at(self->fd, TFD_CANCEL, NS_PER_MS, 5 * NS_PER_MS));
	ASSERT_TRUE(tfd_expires(self->fd));
	ASSERT_TRUE(step_by_adjtimex(STEP_NS));
	EXPECT_EQ(-ECANCELED, tfd_ticks(self->fd));
	sleep_ms(50);
	EXPECT_EQ(0, poll_now(self->fd));
	ASSERT_EQ(0, tfd_get(self->fd, &now));
	EXPECT_EQ(0, tfd_ns(now.it_value));
	EXPECT_EQ(5 * NS_PER_MS, tfd_ns(now.it_interval));
}

TEST_F(clock, gettime_arms_a_period_that_is_cancelled)
{
	ASSERT_EQ(0, arm_at(self->fd, TFD_CANCEL, NS_PER_MS, FAR_NS));
	ASSERT_TRUE(tfd_expires(self->fd));
	ASSERT_TRUE(step_by_adjtimex(STEP_NS));
	EXPECT_LT(FAR_NS / 2, tfd_left(self->fd));
	EXPECT_EQ(-ECANCELED, tfd_ticks(self->fd));
	EXPECT_LT(FAR_NS / 2, tfd_left(self->fd));
	ASSERT_EQ(0, tfd_arm(self->fd, TFD_CANCEL, 1, 0));
	EXPECT_EQ(1, tfd_ticks(self->fd));
}

TEST_F(clock, ticks_that_were_not_read_are_gone)
{
	ASSERT_EQ(0, tfd_arm(self->fd, TFD_CANCEL, 1, 0));
	ASSERT_TRUE(tfd_expires(self->fd));
	ASSERT_TRUE(step_by_adjtimex(STEP_NS));
	EXPECT_EQ(-ECANCELED, tfd_ticks(self->fd));
	EXPECT_EQ(-EAGAIN, tfd_ticks(self->fd));
}

TEST_F(clock, a_disarmed_timer_is_cancelled_too)
{
	ASSERT_EQ(0, tfd_arm(self->fd, TFD_CANCEL, 0, 0));
	ASSERT_TRUE(step_by_adjtimex(STEP_NS));
	EXPECT_EQ(POLLIN, poll_now(self->fd));
	EXPECT_EQ(-ECANCELED, tfd_ticks(self->fd));
	EXPECT_EQ(-EAGAIN, tfd_ticks(self->fd));
}

/* Disarming with the flags neither reports a step nor forgets it. */
TEST_F(clock, disarming_leaves_an_untold_step)
{
	ASSERT_EQ(0, arm_at(self->fd, TFD_CANCEL, FAR_NS, 0));
	ASSERT_TRUE(step_by_adjtimex(STEP_NS));
	EXPECT_EQ(0, tfd_arm(self->fd, TFD_CANCEL, 0, 0));
	EXPECT_EQ(-ECANCELED, tfd_ticks(self->fd));
	EXPECT_EQ(-EAGAIN, tfd_ticks(self->fd));
}

TEST_F(clock, a_step_before_it_was_asked_for_is_not_told)
{
	ASSERT_TRUE(step_by_adjtimex(STEP_NS));
	ASSERT_EQ(0, arm_at(self->fd, TFD_CANCEL, FAR_NS, 0));
	EXPECT_EQ(0, poll_now(self->fd));
	EXPECT_EQ(-EAGAIN, tfd_ticks(self->fd));
	ASSERT_EQ(0, tfd_arm(self->fd, 0, FAR_NS, 0));
	ASSERT_TRUE(step_by_adjtimex(STEP_NS));
	ASSERT_EQ(0, arm_at(self->fd, TFD_CANCEL, FAR_NS, 0));
	EXPECT_EQ(-EAGAIN, tfd_ticks(self->fd));
}

TEST_F(clock, set_ticks)
{
	/* Native has this ioctl for 64-bit programs only. */
	if (sizeof(long) == 4 && !impl_is_evfd())
		return;
	ASSERT_EQ(0, arm_at(self->fd, TFD_CANCEL, FAR_NS, 0));
	ASSERT_TRUE(step_by_adjtimex(STEP_NS));
	EXPECT_EQ(-1, tfd_set_ticks(self->fd, 0));
	EXPECT_EQ(EINVAL, errno);
	EXPECT_EQ(-1, tfd_set_ticks(self->fd, 5));
	EXPECT_EQ(ECANCELED, errno);
	EXPECT_EQ(0, tfd_set_ticks(self->fd, 5));
	EXPECT_EQ(5, tfd_ticks(self->fd));

	ASSERT_EQ(0, tfd_set_ticks(self->fd, 5));
	ASSERT_TRUE(step_by_adjtimex(STEP_NS));
	EXPECT_EQ(-ECANCELED, tfd_ticks(self->fd));
	EXPECT_EQ(-EAGAIN, tfd_ticks(self->fd));
}

TEST_F(clock, what_is_not_a_step)
{
	struct timeval half = { .tv_usec = 500000 };
	struct timex tx = { .modes = ADJ_FREQUENCY, .freq = 100 << 16 };

	ASSERT_EQ(0, arm_at(self->fd, TFD_CANCEL, FAR_NS, 0));
	ASSERT_EQ(0, adjtime(&half, NULL));
	ASSERT_LE(0, adjtimex(&tx));
	ASSERT_LE(0, clock_adjust(ADJ_TAI, 0, 37));
	ASSERT_LE(0, clock_adjust(ADJ_TAI, 0, 36));
	ASSERT_TRUE(step_by_adjtimex(0));
	sleep_ms(50);
	EXPECT_EQ(0, poll_now(self->fd));
	EXPECT_EQ(-EAGAIN, tfd_ticks(self->fd));
	EXPECT_EQ(0, arm_at(self->fd, TFD_CANCEL, FAR_NS, 0));
}

#define DAY_NS	(24 * 3600 * NS_PER_S)

TEST_F(clock, a_leap_second_is_a_step)
{
	struct call reader = { .make = call_read, .fd = self->fd };
	int64_t now = tfd_clock(CLOCK_REALTIME), offset;

	/* The kernel prepares the leap second when the second before it begins. */
	ASSERT_TRUE(step_by_adjtimex(DAY_NS - now % DAY_NS - 1200 * NS_PER_MS));
	ASSERT_LE(0, clock_adjust(ADJ_STATUS, STA_INS, 0));
	offset = clock_offset();
	ASSERT_EQ(0, arm_at(self->fd, TFD_CANCEL, FAR_NS, 0));
	ASSERT_EQ(0, fcntl(self->fd, F_SETFL, 0));
	ASSERT_TRUE(call_start_blocked(&reader));
	ASSERT_TRUE(call_ends(&reader));
	EXPECT_EQ(-1, reader.ret);
	EXPECT_EQ(ECANCELED, reader.err);
	EXPECT_LT(clock_offset(), offset - NS_PER_S / 2);
}

TEST(relative_periods_count_what_goes_by)
{
	const int64_t interval = 10 * NS_PER_MS;
	int fd = tfd_new(CLOCK_REALTIME, TFD_NONBLOCK);
	int64_t start = now_ms(), sum = 0;

	ASSERT_GE(fd, 0);
	ASSERT_EQ(0, tfd_arm(fd, 0, interval, interval));
	for (int i = 0; i < 10; i++) {
		ASSERT_TRUE(step_by_adjtimex(i % 2 ? -STEP_NS : STEP_NS));
		ASSERT_TRUE(tfd_expires(fd));
		sum += tfd_ticks(fd);
	}
	EXPECT_LE(10, sum);
	EXPECT_GE((now_ms() - start + 1) * NS_PER_MS / interval, sum);
	EXPECT_TRUE(clock_restore());
}

/* Clocks that cannot be set accept the flag, without effect. */
TEST(clocks_that_stay)
{
	static const int clocks[] = {
		CLOCK_MONOTONIC, CLOCK_BOOTTIME, CLOCK_BOOTTIME_ALARM,
	};
	int fds[ARRAY_SIZE(clocks)];

	for (size_t i = 0; i < ARRAY_SIZE(clocks); i++) {
		fds[i] = tfd_new(clocks[i], TFD_NONBLOCK);
		ASSERT_GE(fds[i], 0);
		ASSERT_EQ(0, tfd_arm(fds[i], TFD_CANCEL,
				     tfd_clock(clocks[i]) + FAR_NS, 0));
	}
	ASSERT_TRUE(step_by_settime(2 * FAR_NS));
	for (size_t i = 0; i < ARRAY_SIZE(clocks); i++) {
		EXPECT_EQ(0, poll_now(fds[i]));
		EXPECT_EQ(-EAGAIN, tfd_ticks(fds[i]));
		EXPECT_LT(FAR_NS / 2, tfd_left(fds[i]));
		EXPECT_EQ(0, tfd_arm(fds[i], TFD_CANCEL, 1, 0));
		EXPECT_EQ(1, tfd_ticks(fds[i]));
	}
	EXPECT_TRUE(clock_restore());
}

TEST_HARNESS_MAIN
