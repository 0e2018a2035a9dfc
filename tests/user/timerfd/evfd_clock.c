// SPDX-License-Identifier: GPL-2.0
/*
 * Steps of the clock where evfd differs from native: timers on CLOCK_TAI, and events that
 * native timers lose.
 */
#include "clock.h"

/* A timer far in the future on CLOCK_TAI, and a way to step this clock. */
FIXTURE(tai)
{
	int fd;
};

FIXTURE_VARIANT(tai)
{
	bool (*step)(int64_t ns);
};

/* Sets another number of leap seconds. */
static bool step_by_leap_seconds(int64_t ns)
{
	struct timex tx = { };

	return adjtimex(&tx) >= 0 &&
	       clock_adjust(ADJ_TAI, 0, tx.tai + ns / NS_PER_S) >= 0;
}

FIXTURE_VARIANT_ADD(tai, settime)
{
	.step = step_by_settime,
};

FIXTURE_VARIANT_ADD(tai, settimeofday)
{
	.step = step_by_settimeofday,
};

FIXTURE_VARIANT_ADD(tai, adjtimex)
{
	.step = step_by_adjtimex,
};

FIXTURE_VARIANT_ADD(tai, leap_seconds)
{
	.step = step_by_leap_seconds,
};

static int arm_far(int fd)
{
	return tfd_arm(fd, TFD_CANCEL, tfd_clock(CLOCK_TAI) + FAR_NS, 0);
}

FIXTURE_SETUP(tai)
{
	ASSERT_TRUE(clock_restore());
	/* The number of leap seconds must not become negative. */
	ASSERT_LE(0, clock_adjust(ADJ_TAI, 0, 1000));
	self->fd = tfd_new(CLOCK_TAI, TFD_NONBLOCK);
	ASSERT_GE(self->fd, 0);
	ASSERT_EQ(0, arm_far(self->fd));
}

FIXTURE_TEARDOWN(tai)
{
	close(self->fd);
	clock_restore();
}

TEST_F(tai, a_read_fails_once)
{
	for (int i = 0; i < 4; i++) {
		EXPECT_EQ(-EAGAIN, tfd_ticks(self->fd));
		ASSERT_TRUE(variant->step(i % 2 ? -STEP_NS : STEP_NS));
		EXPECT_EQ(POLLIN, poll_now(self->fd));
		EXPECT_EQ(-ECANCELED, tfd_ticks(self->fd));
		EXPECT_EQ(0, poll_now(self->fd));
	}
	EXPECT_LT(FAR_NS / 2, tfd_left(self->fd));
}

TEST_F(tai, a_blocked_read_fails)
{
	struct call reader = { .make = call_read, .fd = self->fd };

	ASSERT_EQ(0, fcntl(self->fd, F_SETFL, 0));
	ASSERT_TRUE(call_start_blocked(&reader));
	ASSERT_TRUE(variant->step(-STEP_NS));
	ASSERT_TRUE(call_ends(&reader));
	EXPECT_EQ(-1, reader.ret);
	EXPECT_EQ(ECANCELED, reader.err);
}

TEST_F(tai, a_setting_fails_once_and_arms)
{
	ASSERT_TRUE(variant->step(STEP_NS));
	EXPECT_EQ(-1, tfd_arm(self->fd, TFD_CANCEL,
			      tfd_clock(CLOCK_TAI) + 3 * FAR_NS, 0));
	EXPECT_EQ(ECANCELED, errno);
	EXPECT_LT(2 * FAR_NS, tfd_left(self->fd));
	EXPECT_EQ(0, poll_now(self->fd));
	EXPECT_EQ(0, arm_far(self->fd));
}

TEST_F(tai, there_and_back_is_a_step)
{
	ASSERT_TRUE(variant->step(STEP_NS));
	ASSERT_TRUE(variant->step(-STEP_NS));
	EXPECT_EQ(-ECANCELED, tfd_ticks(self->fd));
	EXPECT_EQ(-EAGAIN, tfd_ticks(self->fd));
}

TEST_F(tai, without_the_flag_it_follows)
{
	int64_t start = tfd_clock(CLOCK_TAI);

	ASSERT_EQ(0, tfd_arm(self->fd, TFD_TIMER_ABSTIME, start + FAR_NS, 0));
	ASSERT_TRUE(variant->step(STEP_NS));
	EXPECT_EQ(-EAGAIN, tfd_ticks(self->fd));
	EXPECT_GE(FAR_NS - STEP_NS / 2, tfd_left(self->fd));
	ASSERT_TRUE(variant->step(FAR_NS));
	ASSERT_TRUE(tfd_expires(self->fd));
	EXPECT_EQ(1, tfd_ticks(self->fd));
}

#define DAY_NS	(24 * 3600 * NS_PER_S)

/* A leap second steps UTC, but not TAI. */
TEST(a_leap_second_is_no_step_of_tai)
{
	int64_t now = tfd_clock(CLOCK_REALTIME);
	int utc = tfd_new(CLOCK_REALTIME, TFD_NONBLOCK);
	int tai = tfd_new(CLOCK_TAI, TFD_NONBLOCK);

	/* The kernel prepares the leap second when the second before it begins. */
	ASSERT_TRUE(step_by_adjtimex(DAY_NS - now % DAY_NS - 1200 * NS_PER_MS));
	ASSERT_LE(0, clock_adjust(ADJ_STATUS, STA_INS, 0));
	now = tfd_clock(CLOCK_REALTIME);
	ASSERT_EQ(0, tfd_arm(utc, TFD_CANCEL, now + FAR_NS, 0));
	ASSERT_EQ(0, arm_far(tai));
	ASSERT_TRUE(tfd_expires(utc));
	EXPECT_EQ(-ECANCELED, tfd_ticks(utc));
	EXPECT_EQ(0, poll_now(tai));
	EXPECT_EQ(-EAGAIN, tfd_ticks(tai));
	EXPECT_TRUE(clock_restore());
}

static const int settable[] = {
	CLOCK_REALTIME, CLOCK_REALTIME_ALARM, CLOCK_TAI,
};

TEST(a_step_back_of_tai_behind_an_expiration)
{
	int fd = tfd_new(CLOCK_TAI, TFD_NONBLOCK);

	ASSERT_TRUE(expires_and_is_set_back(fd, CLOCK_TAI, FAR_NS));
	EXPECT_EQ(-EAGAIN, tfd_ticks(fd));
	EXPECT_TRUE(expires_again(fd));
	EXPECT_TRUE(clock_restore());
}

TEST(a_step_back_is_no_matter_to_single_expirations)
{
	for (size_t i = 0; i < ARRAY_SIZE(settable); i++) {
		int fd = tfd_new(settable[i], TFD_NONBLOCK);

		ASSERT_TRUE(expires_and_is_set_back(fd, settable[i], 0));
		EXPECT_EQ(1, tfd_ticks(fd));
		EXPECT_EQ(-EAGAIN, tfd_ticks(fd));
		ASSERT_TRUE(step_by_adjtimex(STEP_NS));
		sleep_ms(20);
		EXPECT_EQ(0, poll_now(fd));
	}
	EXPECT_TRUE(clock_restore());
}

/*
 * Native compares the offset of the clock with the offset from before the setting. A step
 * back to that offset is not noticed.
 */
TEST(a_step_back_to_what_was_before)
{
	for (size_t i = 0; i < ARRAY_SIZE(settable); i++) {
		int fd = tfd_new(settable[i], TFD_NONBLOCK);

		ASSERT_GE(fd, 0);
		ASSERT_TRUE(step_by_adjtimex(STEP_NS));
		ASSERT_EQ(0, tfd_arm(fd, TFD_CANCEL,
				     tfd_clock(settable[i]) + FAR_NS, 0));
		EXPECT_EQ(-EAGAIN, tfd_ticks(fd));
		ASSERT_TRUE(step_by_adjtimex(-STEP_NS));
		EXPECT_EQ(-ECANCELED, tfd_ticks(fd));
	}
	EXPECT_TRUE(clock_restore());
}

TEST_HARNESS_MAIN
