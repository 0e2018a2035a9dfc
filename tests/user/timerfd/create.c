// SPDX-License-Identifier: GPL-2.0
/*
 * Making timer descriptors: clocks, flags, limits and privileges. Also, how a new timer
 * works on each clock.
 */
#include "timer.h"

#include <limits.h>
#include <sys/resource.h>

FIXTURE(clock)
{
	int fd;
};

FIXTURE_VARIANT(clock)
{
	int id;
};

FIXTURE_VARIANT_ADD(clock, monotonic)
{
	.id = CLOCK_MONOTONIC,
};

FIXTURE_VARIANT_ADD(clock, realtime)
{
	.id = CLOCK_REALTIME,
};

FIXTURE_VARIANT_ADD(clock, boottime)
{
	.id = CLOCK_BOOTTIME,
};

FIXTURE_VARIANT_ADD(clock, realtime_alarm)
{
	.id = CLOCK_REALTIME_ALARM,
};

FIXTURE_VARIANT_ADD(clock, boottime_alarm)
{
	.id = CLOCK_BOOTTIME_ALARM,
};

FIXTURE_SETUP(clock)
{
	self->fd = tfd_new(variant->id, 0);
	ASSERT_GE(self->fd, 0);
}

FIXTURE_TEARDOWN(clock)
{
	close(self->fd);
}

TEST_F(clock, a_new_timer_is_disarmed)
{
	struct evfd_itimerspec now = { { 1, 1 }, { 1, 1 } };
	struct tfd_info info;

	ASSERT_EQ(0, tfd_get(self->fd, &now));
	EXPECT_EQ(0, tfd_ns(now.it_value));
	EXPECT_EQ(0, tfd_ns(now.it_interval));
	EXPECT_EQ(0, poll_now(self->fd));
	ASSERT_TRUE(tfd_info(self->fd, &info));
	EXPECT_EQ(variant->id, info.clockid);
	EXPECT_EQ(0, info.ticks);
	EXPECT_EQ(0, info.flags);
	ASSERT_EQ(0, fcntl(self->fd, F_SETFL, O_NONBLOCK));
	EXPECT_EQ(-EAGAIN, tfd_ticks(self->fd));
}

TEST_F(clock, flags)
{
	for (int i = 0; i < 4; i++) {
		int close_on_exec = i & 1 ? TFD_CLOEXEC : 0;
		int nonblock = i & 2 ? TFD_NONBLOCK : 0;
		int fd = tfd_new(variant->id, close_on_exec | nonblock);

		ASSERT_GE(fd, 0);
		EXPECT_EQ(O_RDWR | nonblock, fcntl(fd, F_GETFL));
		EXPECT_EQ(close_on_exec ? FD_CLOEXEC : 0, fcntl(fd, F_GETFD));
		close(fd);
	}
}

TEST_F(clock, unknown_flags)
{
	for (int bit = 0; bit < 32; bit++) {
		int flag = 1u << bit;

		if (flag == TFD_CLOEXEC || flag == TFD_NONBLOCK)
			continue;
		EXPECT_EQ(-1, tfd_new(variant->id, flag));
		EXPECT_EQ(EINVAL, errno) TH_LOG("flag %#x", flag);
		EXPECT_EQ(-1, tfd_new(variant->id, flag | TFD_CLOEXEC));
		EXPECT_EQ(EINVAL, errno) TH_LOG("flag %#x", flag);
	}
}

TEST_F(clock, relative)
{
	int64_t start = tfd_clock(variant->id);

	ASSERT_EQ(0, tfd_arm(self->fd, 0, 20 * NS_PER_MS, 0));
	EXPECT_EQ(1, tfd_ticks(self->fd));
	EXPECT_LE(20 * NS_PER_MS, tfd_clock(variant->id) - start);
	EXPECT_EQ(0, poll_now(self->fd));
	EXPECT_EQ(0, tfd_left(self->fd));
}

TEST_F(clock, absolute)
{
	int64_t when = tfd_clock(variant->id) + 20 * NS_PER_MS;

	ASSERT_EQ(0, tfd_arm(self->fd, TFD_TIMER_ABSTIME, when, 0));
	EXPECT_EQ(1, tfd_ticks(self->fd));
	EXPECT_LE(when, tfd_clock(variant->id));
	EXPECT_EQ(0, poll_now(self->fd));
	EXPECT_EQ(0, tfd_left(self->fd));
}

TEST_F(clock, absolute_and_past)
{
	int64_t now = tfd_clock(variant->id);
	int64_t past[] = { 1, now / 2, now - 1, now };

	for (size_t i = 0; i < ARRAY_SIZE(past); i++) {
		ASSERT_EQ(0, tfd_arm(self->fd, TFD_TIMER_ABSTIME, past[i], 0));
		ASSERT_TRUE(tfd_expires(self->fd));
		EXPECT_EQ(0, tfd_left(self->fd));
		EXPECT_EQ(1, tfd_ticks(self->fd));
		EXPECT_EQ(0, poll_now(self->fd));
	}
}

/* Ten reads return as many ticks in total as periods have elapsed on the clock. */
TEST_F(clock, periodic)
{
	const int64_t interval = 5 * NS_PER_MS;
	int64_t first = tfd_clock(variant->id) + interval;
	int64_t before, ticks, sum = 0;

	ASSERT_EQ(0, tfd_arm(self->fd, TFD_TIMER_ABSTIME, first, interval));
	for (int i = 0; i < 10; i++) {
		ASSERT_TRUE(tfd_expires(self->fd));
		before = tfd_clock(variant->id);
		ticks = tfd_ticks(self->fd);
		ASSERT_LE(1, ticks);
		sum += ticks;
		EXPECT_LE(tfd_due(before, first, interval), sum);
		EXPECT_GE(tfd_due(tfd_clock(variant->id), first, interval), sum);
		if (i % 2)
			sleep_ms(12);
	}
}

TEST_F(clock, far_away)
{
	int64_t start = tfd_clock(variant->id), left;

	ASSERT_EQ(0, tfd_arm(self->fd, 0, FAR_NS, 0));
	left = tfd_left(self->fd);
	EXPECT_GE(FAR_NS, left);
	EXPECT_LE(FAR_NS - (tfd_clock(variant->id) - start), left);

	start = tfd_clock(variant->id);
	ASSERT_EQ(0, tfd_arm(self->fd, TFD_TIMER_ABSTIME, start + FAR_NS, 0));
	left = tfd_left(self->fd);
	EXPECT_GE(FAR_NS, left);
	EXPECT_LE(FAR_NS - (tfd_clock(variant->id) - start), left);
	EXPECT_EQ(0, poll_now(self->fd));
}

TEST_F(clock, alarm_clocks_need_a_privilege)
{
	bool alarm = variant->id == CLOCK_REALTIME_ALARM ||
		     variant->id == CLOCK_BOOTTIME_ALARM;
	int want = alarm ? -1 : 0;
	int fd;

	ASSERT_EQ(0, tfd_arm(self->fd, 0, FAR_NS, FAR_NS));
	ASSERT_EQ(0, setresuid(65534, 65534, 65534));
	errno = 0;
	fd = tfd_new(variant->id, 0);
	EXPECT_EQ(alarm, fd < 0);
	EXPECT_EQ(alarm ? EPERM : 0, errno);
	EXPECT_EQ(-1, tfd_new(variant->id, 1));
	EXPECT_EQ(EINVAL, errno);

	/* A timer made earlier can be queried, but not set. */
	errno = 0;
	EXPECT_EQ(want, tfd_arm(self->fd, 0, 1, 0));
	EXPECT_EQ(alarm ? EPERM : 0, errno);
	EXPECT_EQ(want, tfd_arm(self->fd, 0, 0, 0));
	EXPECT_EQ(-1, tfd_arm(self->fd, 4, 0, 0));
	EXPECT_EQ(EINVAL, errno);
	EXPECT_EQ(alarm, tfd_left(self->fd) > FAR_NS / 2);
	EXPECT_EQ(0, poll_now(self->fd));
}

TEST(unknown_clocks)
{
	static const int clocks[] = {
		-1, INT_MIN, INT_MAX, CLOCK_PROCESS_CPUTIME_ID,
		CLOCK_THREAD_CPUTIME_ID, CLOCK_MONOTONIC_RAW,
		CLOCK_REALTIME_COARSE, CLOCK_MONOTONIC_COARSE,
		10, 12, 13, 14, 15, 16, 17, 23, 24, 32, 256, 257, 65536, 65537,
	};

	for (size_t i = 0; i < ARRAY_SIZE(clocks); i++) {
		EXPECT_EQ(-1, tfd_new(clocks[i], 0));
		EXPECT_EQ(EINVAL, errno) TH_LOG("clock %d", clocks[i]);
	}
	/* The clock of a process is a valid clock, but not for timers. */
	EXPECT_EQ(-1, tfd_new((~getpid() << 3) | 2, 0));
	EXPECT_EQ(EINVAL, errno);
}

TEST(no_descriptor_left)
{
	struct rlimit limit;
	int next;

	/* The first timer may need an arena. */
	ASSERT_EQ(0, close(tfd_new(CLOCK_MONOTONIC, 0)));
	next = dup(0);
	close(next);
	ASSERT_EQ(0, getrlimit(RLIMIT_NOFILE, &limit));
	limit.rlim_cur = next;
	ASSERT_EQ(0, setrlimit(RLIMIT_NOFILE, &limit));
	EXPECT_EQ(-1, tfd_new(CLOCK_MONOTONIC, 0));
	EXPECT_EQ(EMFILE, errno);
	/* With evfd, the device is open while a timer is made. */
	limit.rlim_cur = next + 1 + impl_is_evfd();
	ASSERT_EQ(0, setrlimit(RLIMIT_NOFILE, &limit));
	EXPECT_EQ(next + impl_is_evfd(), tfd_new(CLOCK_MONOTONIC, 0));
}

TEST(needs_no_privilege)
{
	int fd;

	ASSERT_EQ(0, setresgid(65534, 65534, 65534));
	ASSERT_EQ(0, setresuid(65534, 65534, 65534));
	fd = tfd_new(CLOCK_REALTIME, 0);
	ASSERT_GE(fd, 0);
	ASSERT_EQ(0, tfd_arm(fd, 0, 1, 0));
	EXPECT_EQ(1, tfd_ticks(fd));
}

TEST(two_timers_are_apart)
{
	int first = tfd_new(CLOCK_MONOTONIC, TFD_NONBLOCK);
	int second = tfd_new(CLOCK_MONOTONIC, TFD_NONBLOCK);

	ASSERT_GE(first, 0);
	ASSERT_GE(second, 0);
	EXPECT_NE(first, second);
	ASSERT_EQ(0, tfd_arm(first, 0, 1, 0));
	ASSERT_EQ(0, tfd_arm(second, 0, FAR_NS, 0));
	ASSERT_TRUE(tfd_expires(first));
	EXPECT_EQ(0, poll_now(second));
	EXPECT_EQ(-EAGAIN, tfd_ticks(second));
	EXPECT_EQ(1, tfd_ticks(first));
	ASSERT_EQ(0, close(first));
	EXPECT_LT(0, tfd_left(second));
}

TEST(many_armed)
{
	enum { N = 500 };
	static int fds[N];

	for (int i = 0; i < N; i++) {
		fds[i] = tfd_new(i % 2 ? CLOCK_REALTIME : CLOCK_MONOTONIC,
				 TFD_NONBLOCK);
		ASSERT_GE(fds[i], 0);
		ASSERT_EQ(0, tfd_arm(fds[i], 0, i % 3 ? FAR_NS + i : 1 + i, 0));
	}
	for (int i = N - 1; i >= 0; i--) {
		if (i % 3 == 0)
			EXPECT_TRUE(tfd_expires(fds[i]));
		EXPECT_EQ(i % 3 ? -EAGAIN : 1, tfd_ticks(fds[i]));
		EXPECT_EQ(0, close(fds[i]));
	}
}

TEST_HARNESS_MAIN
