// SPDX-License-Identifier: GPL-2.0
/*
 * Features of evfd's timers that native timers lack: CLOCK_TAI, slack, and structures with
 * room for more.
 */
#include "timer.h"
#include "timer_list.h"

#include <sys/resource.h>
#include <sys/timex.h>

FIXTURE(timer)
{
	struct evfd_timerfd_settime arg;
	int fd;
};

FIXTURE_SETUP(timer)
{
	self->arg = (struct evfd_timerfd_settime){
		.new_value.it_value = tfd_timespec(FAR_NS),
	};
	self->fd = evfd_timer_new(CLOCK_MONOTONIC, TFD_NONBLOCK);
	ASSERT_GE(self->fd, 0);
}

FIXTURE_TEARDOWN(timer)
{
	close(self->fd);
}

static int settime(int fd, struct evfd_timerfd_settime *arg)
{
	return ioctl(fd, EVFD_IOC_TIMERFD_SETTIME, arg);
}

TEST(flags_are_those_of_native)
{
	EXPECT_EQ(TFD_CLOEXEC, EVFD_TFD_CLOEXEC);
	EXPECT_EQ(TFD_NONBLOCK, EVFD_TFD_NONBLOCK);
	EXPECT_EQ(TFD_TIMER_ABSTIME, EVFD_TFD_TIMER_ABSTIME);
	EXPECT_EQ(TFD_TIMER_CANCEL_ON_SET, EVFD_TFD_TIMER_CANCEL_ON_SET);
	EXPECT_EQ(32, sizeof(struct evfd_itimerspec));
	EXPECT_EQ(8, sizeof(struct evfd_timerfd_create));
	EXPECT_EQ(56, sizeof(struct evfd_timerfd_settime));
	EXPECT_EQ(48, sizeof(struct evfd_timerfd));
}

TEST(tai)
{
	int fd = evfd_timer_new(CLOCK_TAI, TFD_NONBLOCK | TFD_CLOEXEC);
	int64_t start = tfd_clock(CLOCK_TAI), left;
	struct tfd_info info;

	ASSERT_GE(fd, 0);
	EXPECT_EQ(FD_CLOEXEC, fcntl(fd, F_GETFD));
	EXPECT_EQ(O_RDWR | O_NONBLOCK, fcntl(fd, F_GETFL));
	ASSERT_TRUE(tfd_info(fd, &info));
	EXPECT_EQ(CLOCK_TAI, info.clockid);
	EXPECT_EQ(0, tfd_left(fd));

	ASSERT_EQ(0, tfd_arm(fd, TFD_TIMER_ABSTIME, start + FAR_NS, 0));
	left = tfd_left(fd);
	EXPECT_GE(FAR_NS, left);
	EXPECT_LE(FAR_NS - (tfd_clock(CLOCK_TAI) - start), left);

	ASSERT_EQ(0, tfd_arm_late(fd, CLOCK_TAI));
	ASSERT_TRUE(tfd_expires(fd));
	EXPECT_EQ(LATE_TICKS, tfd_ticks(fd));
	EXPECT_LT(FAR_NS / 2, tfd_left(fd));

	start = tfd_clock(CLOCK_TAI);
	ASSERT_EQ(0, tfd_arm(fd, 0, 20 * NS_PER_MS, 0));
	ASSERT_TRUE(tfd_expires(fd));
	EXPECT_LE(20 * NS_PER_MS, tfd_clock(CLOCK_TAI) - start);
	EXPECT_EQ(1, tfd_ticks(fd));
}

static int set_tai_offset(int seconds)
{
	struct timex timex = { .modes = ADJ_TAI, .constant = seconds };

	return adjtimex(&timex);
}

/* Leap seconds have no effect on TAI, but its offset must be set first. */
TEST(tai_gets_its_offset)
{
	int fd = evfd_timer_new(CLOCK_TAI, TFD_NONBLOCK);
	int64_t far;

	ASSERT_GE(fd, 0);
	ASSERT_LE(0, set_tai_offset(0));
	far = tfd_clock(CLOCK_REALTIME) + FAR_NS;
	ASSERT_EQ(0, tfd_arm(fd, TFD_TIMER_ABSTIME, far, FAR_NS));
	EXPECT_EQ(-EAGAIN, tfd_ticks(fd));
	ASSERT_LE(0, set_tai_offset(3700));
	EXPECT_TRUE(tfd_expires(fd));
	EXPECT_EQ(1, tfd_ticks(fd));
	EXPECT_GE(FAR_NS - 100 * NS_PER_S, tfd_left(fd));
	EXPECT_LE(0, set_tai_offset(0));
	/* Back in the first period, the second is still to come as a whole. */
	EXPECT_LT(FAR_NS, tfd_left(fd));
}

TEST_F(timer, slack)
{
	const int64_t slack = 1234567;
	int64_t start = tfd_clock(CLOCK_MONOTONIC), left;

	ASSERT_FALSE(is_queued_with(slack));
	self->arg.flags = EVFD_TFD_SLACK;
	self->arg.slack_ns = slack;
	self->arg.new_value.it_interval = tfd_timespec(FAR_NS);
	ASSERT_EQ(0, settime(self->fd, &self->arg));
	EXPECT_TRUE(is_queued_with(slack));
	/* The time left does not include the slack. */
	left = tfd_left(self->fd);
	EXPECT_GE(FAR_NS, left);
	EXPECT_LE(FAR_NS - (tfd_clock(CLOCK_MONOTONIC) - start), left);

	/* The slack is kept from one expiration to the next ... */
	self->arg.flags |= TFD_TIMER_ABSTIME;
	self->arg.new_value.it_value = tfd_timespec(start);
	ASSERT_EQ(0, settime(self->fd, &self->arg));
	ASSERT_TRUE(tfd_expires(self->fd));
	EXPECT_FALSE(is_queued_with(slack));
	EXPECT_EQ(1, tfd_ticks(self->fd));
	EXPECT_TRUE(is_queued_with(slack));
	left = tfd_left(self->fd);
	EXPECT_GE(FAR_NS, left);
	EXPECT_LE(FAR_NS - (tfd_clock(CLOCK_MONOTONIC) - start), left);

	/* ... and gone with the next setting. */
	ASSERT_EQ(0, tfd_arm(self->fd, 0, FAR_NS, FAR_NS));
	EXPECT_FALSE(is_queued_with(slack));
}

TEST_F(timer, slack_is_for_later_only)
{
	for (int i = 0; i < 5; i++) {
		int64_t start = tfd_clock(CLOCK_MONOTONIC);

		self->arg.flags = EVFD_TFD_SLACK;
		self->arg.slack_ns = i * 10 * NS_PER_MS;
		self->arg.new_value.it_value = tfd_timespec(20 * NS_PER_MS);
		ASSERT_EQ(0, settime(self->fd, &self->arg));
		ASSERT_TRUE(tfd_expires(self->fd));
		EXPECT_LE(20 * NS_PER_MS, tfd_clock(CLOCK_MONOTONIC) - start);
		EXPECT_EQ(1, tfd_ticks(self->fd));
	}
}

/* Periods are counted from the requested expiration, not from the actual time. */
TEST_F(timer, slack_does_not_add_up)
{
	const int64_t interval = 5 * NS_PER_MS;
	int64_t first = tfd_clock(CLOCK_MONOTONIC) + interval;
	int64_t before, ticks, sum = 0;

	self->arg.flags = EVFD_TFD_SLACK | TFD_TIMER_ABSTIME;
	self->arg.slack_ns = 7 * NS_PER_MS;
	self->arg.new_value.it_value = tfd_timespec(first);
	self->arg.new_value.it_interval = tfd_timespec(interval);
	ASSERT_EQ(0, settime(self->fd, &self->arg));
	for (int i = 0; i < 20; i++) {
		ASSERT_TRUE(tfd_expires(self->fd));
		before = tfd_clock(CLOCK_MONOTONIC);
		ticks = tfd_ticks(self->fd);
		ASSERT_LE(1, ticks);
		sum += ticks;
		EXPECT_LE(tfd_due(before, first, interval), sum);
		EXPECT_GE(tfd_due(tfd_clock(CLOCK_MONOTONIC), first, interval),
			  sum);
	}
}

TEST_F(timer, values_of_slack)
{
	static const uint64_t good[] = { 0, 1, INT64_MAX };
	static const uint64_t bad[] = { 1ull << 63, UINT64_MAX };

	for (size_t i = 0; i < ARRAY_SIZE(good); i++) {
		self->arg.flags = EVFD_TFD_SLACK;
		self->arg.slack_ns = good[i];
		EXPECT_EQ(0, settime(self->fd, &self->arg));
		EXPECT_LT(FAR_NS / 2, tfd_left(self->fd));
		self->arg.flags = 0;
		errno = 0;
		EXPECT_EQ(good[i] ? -1 : 0, settime(self->fd, &self->arg));
		EXPECT_EQ(good[i] ? EINVAL : 0, errno);
	}
	self->arg.new_value.it_value = tfd_timespec(0);
	for (size_t i = 0; i < ARRAY_SIZE(bad) * 2; i++) {
		self->arg.flags = i % 2 ? EVFD_TFD_SLACK : 0;
		self->arg.slack_ns = bad[i / 2];
		EXPECT_EQ(-1, settime(self->fd, &self->arg));
		EXPECT_EQ(EINVAL, errno) TH_LOG("slack %zu", i / 2);
	}
	EXPECT_LT(FAR_NS / 2, tfd_left(self->fd));
}

TEST(slack_on_every_clock)
{
	static const int clocks[] = {
		CLOCK_MONOTONIC, CLOCK_REALTIME, CLOCK_BOOTTIME, CLOCK_TAI,
		CLOCK_REALTIME_ALARM, CLOCK_BOOTTIME_ALARM,
	};

	for (size_t i = 0; i < ARRAY_SIZE(clocks); i++) {
		bool alarm = i >= 4;
		int fd = evfd_timer_new(clocks[i], TFD_NONBLOCK);
		struct evfd_timerfd_settime arg = {
			.flags = EVFD_TFD_SLACK | TFD_TIMER_ABSTIME,
			/* Alarms ignore the slack. */
			.slack_ns = alarm ? INT64_MAX : NS_PER_MS,
		};
		int64_t when = tfd_clock(clocks[i]) + 10 * NS_PER_MS;

		arg.new_value.it_value = tfd_timespec(when);
		ASSERT_EQ(0, settime(fd, &arg));
		ASSERT_TRUE(tfd_expires(fd)) TH_LOG("clock %d", clocks[i]);
		EXPECT_LE(when, tfd_clock(clocks[i]));
		EXPECT_EQ(1, tfd_ticks(fd));
		close(fd);
	}
}

TEST_F(timer, fields_for_later)
{
	for (int bit = 0; bit < 32; bit++) {
		self->arg.reserved = 1u << bit;
		EXPECT_EQ(-1, settime(self->fd, &self->arg));
		EXPECT_EQ(EINVAL, errno) TH_LOG("bit %d", bit);
	}
	EXPECT_EQ(0, tfd_left(self->fd));
}

TEST_F(timer, unknown_flags)
{
	for (int bit = 2; bit < 32; bit++) {
		uint32_t flag = 1u << bit;

		if (flag == EVFD_TFD_SLACK)
			continue;
		self->arg.flags = flag;
		EXPECT_EQ(-1, settime(self->fd, &self->arg));
		EXPECT_EQ(EINVAL, errno) TH_LOG("bit %d", bit);
		self->arg.flags |= EVFD_TFD_SLACK;
		EXPECT_EQ(-1, settime(self->fd, &self->arg));
		EXPECT_EQ(EINVAL, errno) TH_LOG("bit %d", bit);
	}
	EXPECT_EQ(0, tfd_left(self->fd));
}

/* Native ignores the upper half of tv_nsec in 32-bit programs, where it is padding. */
TEST_F(timer, all_bits_of_a_time_count)
{
	struct evfd_timespec odd = { .tv_nsec = 1ll << 32 | 1 };

	self->arg.new_value.it_value = odd;
	EXPECT_EQ(-1, settime(self->fd, &self->arg));
	EXPECT_EQ(EINVAL, errno);
	self->arg.new_value.it_value = tfd_timespec(FAR_NS);
	self->arg.new_value.it_interval = odd;
	EXPECT_EQ(-1, settime(self->fd, &self->arg));
	EXPECT_EQ(EINVAL, errno);
	EXPECT_EQ(0, tfd_left(self->fd));
}

TEST(how_the_device_is_opened_does_not_matter)
{
	static const int modes[] = { O_RDONLY, O_WRONLY, O_RDWR };
	struct evfd_timerfd_create arg = { .clockid = CLOCK_MONOTONIC };

	for (size_t i = 0; i < ARRAY_SIZE(modes); i++) {
		int device = open(EVFD_DEVICE, modes[i]);
		int fd = ioctl(device, EVFD_IOC_TIMERFD_CREATE, &arg);

		ASSERT_GE(fd, 0);
		EXPECT_EQ(O_RDWR, fcntl(fd, F_GETFL));
		ASSERT_EQ(0, tfd_arm(fd, 0, 20 * NS_PER_MS, 0));
		/* A timer outlives the device's descriptor. */
		ASSERT_EQ(0, close(device));
		EXPECT_EQ(1, tfd_ticks(fd));
	}
}

TEST(calls_for_the_other_file)
{
	static const unsigned long commands[] = {
		EVFD_IOC_TIMERFD_SETTIME, EVFD_IOC_TIMERFD_GETTIME,
		TFD_IOC_SET_TICKS,
		_IOW(EVFD_IOC_MAGIC, 0x10, struct evfd_timerfd),
		_IOW(EVFD_IOC_MAGIC, 0x11, struct evfd_timerfd_create),
		_IOR(EVFD_IOC_MAGIC, 0x10, struct evfd_timerfd_create),
		_IO(EVFD_IOC_MAGIC, 0x10),
		_IOW(EVFD_IOC_MAGIC, 0x14, struct evfd_timerfd),
	};
	static struct evfd_timerfd_settime arg;
	int fds[2] = { open(EVFD_DEVICE, O_RDWR), efd_new(0, 0) };

	for (size_t i = 0; i < ARRAY_SIZE(commands) * 2; i++) {
		ASSERT_GE(fds[i % 2], 0);
		EXPECT_EQ(-1, ioctl(fds[i % 2], commands[i / 2], &arg));
		EXPECT_EQ(ENOTTY, errno) TH_LOG("command %zu", i / 2);
	}
}

TEST(no_descriptor_left)
{
	struct evfd_timerfd_create arg = { .clockid = CLOCK_MONOTONIC };
	int device = open(EVFD_DEVICE, O_RDWR);
	struct rlimit limit;
	int next = dup(0);

	ASSERT_GE(device, 0);
	close(next);
	ASSERT_EQ(0, getrlimit(RLIMIT_NOFILE, &limit));
	limit.rlim_cur = next;
	ASSERT_EQ(0, setrlimit(RLIMIT_NOFILE, &limit));
	EXPECT_EQ(-1, ioctl(device, EVFD_IOC_TIMERFD_CREATE, &arg));
	EXPECT_EQ(EMFILE, errno);
	arg.flags = 1;
	EXPECT_EQ(-1, ioctl(device, EVFD_IOC_TIMERFD_CREATE, &arg));
	EXPECT_EQ(EINVAL, errno);
	limit.rlim_cur = next + 1;
	ASSERT_EQ(0, setrlimit(RLIMIT_NOFILE, &limit));
	arg.flags = 0;
	EXPECT_EQ(next, ioctl(device, EVFD_IOC_TIMERFD_CREATE, &arg));
}

TEST_HARNESS_MAIN
