// SPDX-License-Identifier: GPL-2.0
/*
 * Setting timers and querying the time left, in every state of a timer. Also, the settings
 * that are refused.
 */
#include "timer.h"

#include <limits.h>

/* The greatest time of the kernel: 2^63-1 ns. */
#define MAX_SEC		(INT64_MAX / NS_PER_S)
#define MAX_NSEC	(INT64_MAX % NS_PER_S)

/* A setting in seconds and nanoseconds. */
#define setting(sec, nsec, interval_sec, interval_nsec)			\
((struct evfd_itimerspec){						\
	.it_value = { (sec), (nsec) },					\
	.it_interval = { (interval_sec), (interval_nsec) },		\
})

FIXTURE(timer)
{
	struct evfd_itimerspec old;
	int64_t start;
	int fd;
};

FIXTURE_SETUP(timer)
{
	/* A value that no call returns. */
	self->old = setting(-1, -1, -1, -1);
	self->fd = tfd_new(CLOCK_MONOTONIC, TFD_NONBLOCK);
	ASSERT_GE(self->fd, 0);
	self->start = tfd_clock(CLOCK_MONOTONIC);
}

FIXTURE_TEARDOWN(timer)
{
	close(self->fd);
}

/* Whether left is right for a timer set at start or later, with set ns to go. */
static bool is_left(int64_t start, int64_t set, struct evfd_timespec left)
{
	int64_t passed = tfd_clock(CLOCK_MONOTONIC) - start;

	return tfd_ns(left) <= set && tfd_ns(left) >= set - passed &&
	       left.tv_nsec >= 0 && left.tv_nsec < NS_PER_S;
}

/* Sets the timer to another time, to get the setting before. */
static int set_again(int fd, struct evfd_itimerspec *old)
{
	struct evfd_itimerspec new = setting(7200, 0, 0, 0);

	return tfd_set(fd, 0, &new, old);
}

TEST_F(timer, old_value_of_a_new_timer)
{
	ASSERT_EQ(0, set_again(self->fd, &self->old));
	EXPECT_EQ(0, tfd_ns(self->old.it_value));
	EXPECT_EQ(0, tfd_ns(self->old.it_interval));
}

TEST_F(timer, old_value_of_an_armed_timer)
{
	struct evfd_itimerspec now;

	ASSERT_EQ(0, tfd_arm(self->fd, 0, FAR_NS, 0));
	ASSERT_EQ(0, tfd_get(self->fd, &now));
	EXPECT_TRUE(is_left(self->start, FAR_NS, now.it_value));
	EXPECT_EQ(0, tfd_ns(now.it_interval));
	ASSERT_EQ(0, set_again(self->fd, &self->old));
	EXPECT_TRUE(is_left(self->start, FAR_NS, self->old.it_value));
	EXPECT_EQ(0, tfd_ns(self->old.it_interval));
	EXPECT_LE(tfd_ns(self->old.it_value), tfd_ns(now.it_value));
}

TEST_F(timer, old_value_of_an_armed_periodic_timer)
{
	struct evfd_itimerspec now;

	ASSERT_EQ(0, tfd_arm(self->fd, TFD_TIMER_ABSTIME, self->start + FAR_NS,
			     FAR_NS + 5));
	ASSERT_EQ(0, tfd_get(self->fd, &now));
	EXPECT_TRUE(is_left(self->start, FAR_NS, now.it_value));
	EXPECT_EQ(FAR_NS + 5, tfd_ns(now.it_interval));
	ASSERT_EQ(0, set_again(self->fd, &self->old));
	EXPECT_TRUE(is_left(self->start, FAR_NS, self->old.it_value));
	EXPECT_EQ(FAR_NS + 5, tfd_ns(self->old.it_interval));
}

TEST_F(timer, old_value_of_an_expired_timer)
{
	for (int read = 0; read < 2; read++) {
		self->old = setting(-1, -1, -1, -1);
		ASSERT_EQ(0, tfd_arm(self->fd, 0, 1, 0));
		ASSERT_TRUE(tfd_expires(self->fd));
		EXPECT_EQ(0, tfd_left(self->fd));
		if (read)
			EXPECT_EQ(1, tfd_ticks(self->fd));
		ASSERT_EQ(0, set_again(self->fd, &self->old));
		EXPECT_EQ(0, tfd_ns(self->old.it_value));
		EXPECT_EQ(0, tfd_ns(self->old.it_interval));
		EXPECT_EQ(-EAGAIN, tfd_ticks(self->fd));
	}
}

TEST_F(timer, old_value_of_an_expired_periodic_timer)
{
	for (int read = 0; read < 2; read++) {
		self->old = setting(-1, -1, -1, -1);
		ASSERT_EQ(0, tfd_arm(self->fd, TFD_TIMER_ABSTIME, self->start,
				     FAR_NS));
		ASSERT_TRUE(tfd_expires(self->fd));
		if (read)
			EXPECT_EQ(1, tfd_ticks(self->fd));
		ASSERT_EQ(0, set_again(self->fd, &self->old));
		EXPECT_TRUE(is_left(self->start, FAR_NS, self->old.it_value));
		EXPECT_EQ(FAR_NS, tfd_ns(self->old.it_interval));
		EXPECT_EQ(-EAGAIN, tfd_ticks(self->fd));
	}
}

TEST_F(timer, old_value_of_a_disarmed_timer)
{
	struct evfd_itimerspec off = setting(0, 0, 5, 6), now;

	ASSERT_EQ(0, tfd_arm(self->fd, 0, FAR_NS, FAR_NS));
	ASSERT_EQ(0, tfd_set(self->fd, 0, &off, &self->old));
	EXPECT_TRUE(is_left(self->start, FAR_NS, self->old.it_value));
	/* The interval is kept, without effect. */
	ASSERT_EQ(0, tfd_get(self->fd, &now));
	EXPECT_EQ(0, tfd_ns(now.it_value));
	EXPECT_EQ(5 * NS_PER_S + 6, tfd_ns(now.it_interval));
	EXPECT_EQ(0, poll_now(self->fd));
	ASSERT_EQ(0, set_again(self->fd, &self->old));
	EXPECT_EQ(0, tfd_ns(self->old.it_value));
	EXPECT_EQ(5 * NS_PER_S + 6, tfd_ns(self->old.it_interval));
}

TEST_F(timer, old_value_of_a_timer_that_is_late)
{
	struct evfd_itimerspec now;
	int fd = tfd_new(CLOCK_REALTIME, TFD_NONBLOCK);

	ASSERT_GE(fd, 0);
	ASSERT_EQ(0, tfd_arm_late(fd, CLOCK_REALTIME));
	ASSERT_TRUE(tfd_expires(fd));
	EXPECT_EQ(1, tfd_pending(fd));
	ASSERT_EQ(0, tfd_get(fd, &now));
	EXPECT_TRUE(is_left(self->start, FAR_NS, now.it_value));
	EXPECT_EQ(LATE_INTERVAL, tfd_ns(now.it_interval));
	/* The query has forwarded the timer, without losing ticks. */
	EXPECT_EQ(LATE_TICKS, tfd_pending(fd));
	ASSERT_EQ(0, tfd_get(fd, &now));
	EXPECT_EQ(LATE_TICKS, tfd_ticks(fd));
	EXPECT_EQ(-EAGAIN, tfd_ticks(fd));

	ASSERT_EQ(0, tfd_arm_late(fd, CLOCK_REALTIME));
	ASSERT_TRUE(tfd_expires(fd));
	ASSERT_EQ(0, set_again(fd, &self->old));
	EXPECT_TRUE(is_left(self->start, FAR_NS, self->old.it_value));
	EXPECT_EQ(LATE_INTERVAL, tfd_ns(self->old.it_interval));
}

TEST_F(timer, asking_loses_no_ticks)
{
	const int64_t interval = 3 * NS_PER_MS;
	int64_t first = self->start + interval, ticks;

	ASSERT_EQ(0, tfd_arm(self->fd, TFD_TIMER_ABSTIME, first, interval));
	/* Each query re-arms the timer, without a read. */
	ASSERT_TRUE(wait_for(tfd_left(self->fd) <= interval &&
			     tfd_pending(self->fd) >= 20));
	ticks = tfd_ticks(self->fd);
	EXPECT_LE(20, ticks);
	EXPECT_GE(tfd_due(tfd_clock(CLOCK_MONOTONIC), first, interval), ticks);
}

TEST_F(timer, setting_takes_away_the_ticks)
{
	static const int64_t values[] = { 0, FAR_NS };

	for (size_t i = 0; i < ARRAY_SIZE(values); i++) {
		ASSERT_EQ(0, tfd_arm(self->fd, 0, 1, 1));
		ASSERT_TRUE(tfd_expires(self->fd));
		ASSERT_EQ(0, tfd_arm(self->fd, 0, values[i], 0));
		EXPECT_EQ(0, tfd_pending(self->fd));
		EXPECT_EQ(0, poll_now(self->fd));
		EXPECT_EQ(-EAGAIN, tfd_ticks(self->fd));
		if (!tfd_can_set_ticks())
			continue;
		ASSERT_EQ(0, tfd_set_ticks(self->fd, 9));
		ASSERT_EQ(0, tfd_arm(self->fd, 0, values[i], 0));
		EXPECT_EQ(-EAGAIN, tfd_ticks(self->fd));
	}
}

TEST_F(timer, zero_disarms)
{
	static const int flags[] = { 0, TFD_TIMER_ABSTIME };

	for (size_t i = 0; i < ARRAY_SIZE(flags); i++) {
		ASSERT_EQ(0, tfd_arm(self->fd, 0, 30 * NS_PER_MS, NS_PER_MS));
		ASSERT_EQ(0, tfd_arm(self->fd, flags[i], 0, NS_PER_MS));
		EXPECT_EQ(0, tfd_left(self->fd));
		sleep_ms(60);
		EXPECT_EQ(-EAGAIN, tfd_ticks(self->fd));
	}
}

TEST_F(timer, sooner_and_later)
{
	ASSERT_EQ(0, tfd_arm(self->fd, 0, FAR_NS, 0));
	ASSERT_EQ(0, tfd_arm(self->fd, 0, NS_PER_MS, 0));
	ASSERT_TRUE(tfd_expires(self->fd));
	EXPECT_EQ(1, tfd_ticks(self->fd));
	ASSERT_EQ(0, tfd_arm(self->fd, 0, 30 * NS_PER_MS, 0));
	ASSERT_EQ(0, tfd_arm(self->fd, 0, FAR_NS, 0));
	sleep_ms(60);
	EXPECT_EQ(-EAGAIN, tfd_ticks(self->fd));
	EXPECT_LT(FAR_NS / 2, tfd_left(self->fd));
}

/* Invalid times in the value and in the interval. */
TEST_F(timer, invalid_times)
{
	static const struct evfd_timespec bad[] = {
		{ -1, 0 }, { -1, 1 }, { -1, 999999999 }, { INT64_MIN, 0 },
		{ 0, -1 }, { 1, -1 }, { 0, NS_PER_S }, { 0, NS_PER_S + 1 },
		{ 1, INT64_MAX }, { 1, INT64_MIN + INT32_MAX },
		{ INT64_MAX, NS_PER_S }, { -1, -1 },
	};
	static const struct evfd_timespec good[] = { { 0, 0 }, { 1, 1 } };
	static const int flags[] = { 0, TFD_TIMER_ABSTIME };
	struct evfd_itimerspec new;

	ASSERT_EQ(0, tfd_arm(self->fd, TFD_TIMER_ABSTIME, self->start, FAR_NS));
	ASSERT_TRUE(tfd_expires(self->fd));
	for (size_t i = 0; i < ARRAY_SIZE(bad) * 8; i++) {
		new.it_value = i & 1 ? bad[i / 8] : good[!!(i & 2)];
		new.it_interval = i & 1 ? good[!!(i & 2)] : bad[i / 8];
		EXPECT_EQ(-1, tfd_set(self->fd, flags[!!(i & 4)], &new,
				      &self->old));
		EXPECT_EQ(EINVAL, errno)
			TH_LOG("time %zu, place %zu", i / 8, i & 7);
	}
	/* The timer is unchanged, and no old value was returned. */
	EXPECT_EQ(-1, self->old.it_value.tv_sec);
	EXPECT_EQ(-1, self->old.it_interval.tv_nsec);
	EXPECT_EQ(1, tfd_ticks(self->fd));
	EXPECT_LT(0, tfd_left(self->fd));
}

TEST_F(timer, the_greatest_times)
{
	static const struct evfd_itimerspec great[] = {
		setting(INT64_MAX, 999999999, INT64_MAX, 999999999),
		setting(INT64_MAX, 0, INT64_MAX, 0),
		setting(MAX_SEC, MAX_NSEC, MAX_SEC, MAX_NSEC),
		setting(MAX_SEC, 999999999, MAX_SEC, 999999999),
		setting(MAX_SEC + 1, 0, MAX_SEC + 1, 0),
	};
	struct evfd_itimerspec now;

	for (size_t i = 0; i < ARRAY_SIZE(great) * 2; i++) {
		int flags = i % 2 ? TFD_TIMER_ABSTIME : 0;

		ASSERT_EQ(0, tfd_set(self->fd, flags, &great[i / 2], NULL));
		ASSERT_EQ(0, tfd_get(self->fd, &now));
		EXPECT_LT(MAX_SEC - 86400 * 365, now.it_value.tv_sec);
		EXPECT_GE(MAX_SEC, now.it_value.tv_sec);
		EXPECT_EQ(MAX_SEC, now.it_interval.tv_sec);
		EXPECT_EQ(MAX_NSEC, now.it_interval.tv_nsec);
		EXPECT_EQ(0, poll_now(self->fd));
	}
	/* After this expiration, the next is in 292 years. */
	ASSERT_EQ(0, tfd_set(self->fd, 0, &setting(0, 1, INT64_MAX, 0), NULL));
	ASSERT_TRUE(tfd_expires(self->fd));
	EXPECT_EQ(1, tfd_ticks(self->fd));
	EXPECT_LT(INT64_MAX / 2, tfd_left(self->fd));
}

TEST_F(timer, the_greatest_nanoseconds)
{
	struct evfd_itimerspec new = setting(3600, 999999999, 1, 999999999);
	struct evfd_itimerspec now;

	ASSERT_EQ(0, tfd_set(self->fd, 0, &new, NULL));
	ASSERT_EQ(0, tfd_get(self->fd, &now));
	EXPECT_TRUE(is_left(self->start, FAR_NS + 999999999, now.it_value));
	EXPECT_EQ(1, now.it_interval.tv_sec);
	EXPECT_EQ(999999999, now.it_interval.tv_nsec);
}

TEST_F(timer, unknown_flags)
{
	ASSERT_EQ(0, tfd_arm(self->fd, 0, 1, 0));
	ASSERT_TRUE(tfd_expires(self->fd));
	for (int bit = 2; bit < 32; bit++) {
		int flag = 1u << bit;

		if (flag == EVFD_TFD_SLACK)
			continue;
		EXPECT_EQ(-1, tfd_arm(self->fd, flag, 0, 0));
		EXPECT_EQ(EINVAL, errno) TH_LOG("flag %#x", flag);
		EXPECT_EQ(-1, tfd_arm(self->fd, flag | TFD_TIMER_ABSTIME, 1, 0));
		EXPECT_EQ(EINVAL, errno) TH_LOG("flag %#x", flag);
	}
	EXPECT_EQ(1, tfd_ticks(self->fd));
}

/* The flag has no effect on clocks that cannot be set, nor on relative times. */
TEST_F(timer, cancel_on_set_where_it_has_no_effect)
{
	static const int clocks[] = {
		CLOCK_MONOTONIC, CLOCK_BOOTTIME, CLOCK_BOOTTIME_ALARM,
		CLOCK_REALTIME, CLOCK_REALTIME_ALARM,
	};

	for (size_t i = 0; i < ARRAY_SIZE(clocks); i++) {
		int flags = TFD_TIMER_CANCEL_ON_SET;
		int fd = tfd_new(clocks[i], 0);
		struct tfd_info info;

		ASSERT_GE(fd, 0);
		ASSERT_EQ(0, tfd_arm(fd, flags, 1, 0));
		EXPECT_EQ(1, tfd_ticks(fd));
		flags |= TFD_TIMER_ABSTIME;
		ASSERT_EQ(0, tfd_arm(fd, flags, tfd_clock(clocks[i]), 0));
		EXPECT_EQ(1, tfd_ticks(fd));
		ASSERT_TRUE(tfd_info(fd, &info));
		EXPECT_EQ(flags, (int)info.flags);
		close(fd);
	}
}

/* evfd's calls are ioctls, which other files do not know. */
TEST(other_descriptors)
{
	int unknown = impl_is_evfd() ? ENOTTY : EINVAL;
	int closed = dup(0), pipes[2];
	struct evfd_itimerspec now;
	struct { int fd, err; } cases[] = {
		{ -1, EBADF }, { closed, EBADF }, { INT_MAX, EBADF },
		{ open("/dev/null", O_PATH), EBADF },
		{ open("/dev/null", O_RDWR), unknown },
		{ efd_new(0, 0), unknown },
		{ epoll_create1(0), EINVAL },
		{ pipe(pipes) ? -1 : pipes[0], unknown },
	};

	close(closed);
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		EXPECT_EQ(-1, tfd_arm(cases[i].fd, 0, 1, 0));
		EXPECT_EQ(cases[i].err, errno) TH_LOG("descriptor %zu", i);
		EXPECT_EQ(-1, tfd_get(cases[i].fd, &now));
		EXPECT_EQ(cases[i].err, errno) TH_LOG("descriptor %zu", i);
	}
}

TEST_F(timer, asking_for_nowhere)
{
	ASSERT_EQ(0, tfd_arm(self->fd, TFD_TIMER_ABSTIME, self->start, FAR_NS));
	ASSERT_TRUE(tfd_expires(self->fd));
	EXPECT_EQ(-1, tfd_get(self->fd, nowhere()));
	EXPECT_EQ(EFAULT, errno);
	EXPECT_EQ(1, tfd_ticks(self->fd));
	EXPECT_EQ(-1, tfd_get(self->fd, nowhere()));
	EXPECT_EQ(EFAULT, errno);
	EXPECT_LT(0, tfd_left(self->fd));
}

TEST_HARNESS_MAIN
