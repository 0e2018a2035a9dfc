// SPDX-License-Identifier: GPL-2.0
/* CAP_WAKE_ALARM and the call of 2007. */
#include "timer.h"

FIXTURE(alarm)
{
};

FIXTURE_VARIANT(alarm)
{
	int id;
};

FIXTURE_VARIANT_ADD(alarm, realtime)
{
	.id = CLOCK_REALTIME_ALARM,
};

FIXTURE_VARIANT_ADD(alarm, boottime)
{
	.id = CLOCK_BOOTTIME_ALARM,
};

FIXTURE_SETUP(alarm)
{
}

FIXTURE_TEARDOWN(alarm)
{
}

static int timerfd_after(int ufd, int id, int64_t ns)
{
	struct evfd_timerfd arg = {
		.ufd = ufd,
		.clockid = id,
		.flags = EVFD_TFD_TIMER_REL,
		.value.it_value = tfd_timespec(ns),
	};

	return evfd_device_ioctl(EVFD_IOC_TIMERFD, &arg);
}

TEST_F(alarm, the_call_of_2007_needs_the_capability)
{
	int fd = timerfd_after(-1, variant->id, FAR_NS);
	int other = timerfd_after(-1, CLOCK_MONOTONIC, FAR_NS);
	uint32_t ticks;

	ASSERT_GE(fd, 0);
	ASSERT_GE(other, 0);
	ASSERT_EQ(0, setresuid(65534, 65534, 65534));
	EXPECT_EQ(-1, timerfd_after(-1, variant->id, FAR_NS));
	EXPECT_EQ(EPERM, errno);
	EXPECT_EQ(-1, timerfd_after(fd, variant->id, 1));
	EXPECT_EQ(EPERM, errno);
	EXPECT_LT(FAR_NS / 2, tfd_left(fd));
	EXPECT_EQ(0, poll_now(fd));

	/* The call cannot move a timer to an alarm clock either, nor away from it. */
	EXPECT_EQ(-1, timerfd_after(other, variant->id, 1));
	EXPECT_EQ(-1, timerfd_after(fd, CLOCK_MONOTONIC, 1));
	EXPECT_EQ(EINVAL, errno);
	EXPECT_EQ(0, poll_now(fd));
	EXPECT_EQ(0, poll_now(other));
	EXPECT_EQ(other, timerfd_after(other, CLOCK_MONOTONIC, 1));
	EXPECT_EQ(4, read(other, &ticks, sizeof(ticks)));
}

TEST_F(alarm, the_call_of_2007)
{
	int fd = timerfd_after(-1, variant->id, 1);
	uint32_t ticks = 0;

	ASSERT_GE(fd, 0);
	EXPECT_EQ(4, read(fd, &ticks, sizeof(ticks)));
	EXPECT_EQ(1, ticks);
	/* A timer can move to the other alarm clock, but to no other clock. */
	EXPECT_EQ(fd, timerfd_after(fd, CLOCK_BOOTTIME_ALARM, FAR_NS));
	EXPECT_EQ(fd, timerfd_after(fd, CLOCK_REALTIME_ALARM, FAR_NS));
	EXPECT_EQ(-1, timerfd_after(fd, CLOCK_BOOTTIME, 1));
	EXPECT_EQ(EINVAL, errno);
	EXPECT_LT(FAR_NS / 2, tfd_left(fd));
}

TEST_HARNESS_MAIN
