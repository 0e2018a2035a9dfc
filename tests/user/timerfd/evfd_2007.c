// SPDX-License-Identifier: GPL-2.0
/*
 * The call of 2007: a single ioctl makes and sets timers, and reads return 32 bits.
 */
#include "timer.h"
#include "uring.h"

#include <limits.h>

/* The call, with times in nanoseconds. */
static int call_2007(int ufd, int clockid, unsigned int flags, int64_t value,
		     int64_t interval)
{
	struct evfd_timerfd arg = {
		.ufd = ufd,
		.clockid = clockid,
		.flags = flags,
		.value.it_value = tfd_timespec(value),
		.value.it_interval = tfd_timespec(interval),
	};

	return evfd_device_ioctl(EVFD_IOC_TIMERFD, &arg);
}

/* The call, with the times of tfd_arm_late(). */
static int call_late(int ufd, int clockid)
{
	int64_t first = tfd_clock(clockid) - LATE_TICKS * LATE_INTERVAL +
			LATE_INTERVAL / 2;

	return call_2007(ufd, clockid, EVFD_TFD_TIMER_ABS, first, LATE_INTERVAL);
}

/* Reads, and returns the number of expirations, or -errno. */
static int64_t ticks_2007(int fd)
{
	uint32_t value;
	ssize_t n = read(fd, &value, sizeof(value));

	if (n != sizeof(value))
		return n < 0 ? -errno : -EIO;
	return value;
}

FIXTURE(timer)
{
	int64_t start;
	int fd;
};

FIXTURE_SETUP(timer)
{
	self->start = tfd_clock(CLOCK_MONOTONIC);
	self->fd = call_2007(-1, CLOCK_MONOTONIC, EVFD_TFD_TIMER_REL, FAR_NS, 0);
	ASSERT_GE(self->fd, 0);
	ASSERT_EQ(0, fcntl(self->fd, F_SETFL, O_NONBLOCK));
}

FIXTURE_TEARDOWN(timer)
{
	close(self->fd);
}

/* Whether the timer is still as FIXTURE_SETUP() set it. */
static bool is_unchanged(int fd)
{
	return tfd_left(fd) > FAR_NS / 2 && !poll_now(fd);
}

TEST(a_new_one)
{
	int64_t start = tfd_clock(CLOCK_MONOTONIC);
	int fd = call_2007(-1, CLOCK_MONOTONIC, EVFD_TFD_TIMER_REL,
			   20 * NS_PER_MS, 0);
	struct tfd_info info;

	ASSERT_GE(fd, 0);
	EXPECT_EQ(O_RDWR, fcntl(fd, F_GETFL));
	EXPECT_EQ(0, fcntl(fd, F_GETFD));
	EXPECT_EQ(1, ticks_2007(fd));
	EXPECT_LE(20 * NS_PER_MS, tfd_clock(CLOCK_MONOTONIC) - start);
	EXPECT_EQ(0, poll_now(fd));
	ASSERT_TRUE(tfd_info(fd, &info));
	EXPECT_EQ(CLOCK_MONOTONIC, info.clockid);
	EXPECT_EQ(0, info.ticks);
}

TEST(every_clock)
{
	static const int clocks[] = {
		CLOCK_MONOTONIC, CLOCK_REALTIME, CLOCK_BOOTTIME, CLOCK_TAI,
		CLOCK_REALTIME_ALARM, CLOCK_BOOTTIME_ALARM,
	};

	for (size_t i = 0; i < ARRAY_SIZE(clocks); i++) {
		int64_t when = tfd_clock(clocks[i]) + 15 * NS_PER_MS;
		int fd = call_2007(-1, clocks[i], EVFD_TFD_TIMER_ABS, when, 0);
		struct tfd_info info;

		ASSERT_GE(fd, 0);
		ASSERT_TRUE(tfd_info(fd, &info));
		EXPECT_EQ(clocks[i], info.clockid);
		EXPECT_EQ(TFD_TIMER_ABSTIME, info.flags);
		EXPECT_EQ(1, ticks_2007(fd));
		EXPECT_LE(when, tfd_clock(clocks[i]));
		when = tfd_clock(clocks[i]) + 15 * NS_PER_MS;
		ASSERT_EQ(fd, call_2007(fd, clocks[i], 0, 15 * NS_PER_MS, 0));
		EXPECT_EQ(1, ticks_2007(fd));
		EXPECT_LE(when, tfd_clock(clocks[i]));
		close(fd);
	}
}

/* The arguments of a call, and the time left and the period that follow. */
struct form {
	unsigned int flags;
	int64_t value, interval;
	int64_t left, period;
};

TEST_F(timer, relative_and_sequences)
{
	static const struct form forms[] = {
		{ EVFD_TFD_TIMER_REL, FAR_NS, 0, FAR_NS, 0 },
		{ EVFD_TFD_TIMER_REL, FAR_NS, 5, FAR_NS, 5 },
		{ EVFD_TFD_TIMER_REL, 0, FAR_NS, 0, FAR_NS },
		{ EVFD_TFD_TIMER_REL, 0, 0, 0, 0 },
		{ EVFD_TFD_TIMER_SEQ, FAR_NS, 0, FAR_NS, FAR_NS },
		{ EVFD_TFD_TIMER_SEQ, 0, FAR_NS, FAR_NS, FAR_NS },
		{ EVFD_TFD_TIMER_SEQ, FAR_NS, 5, FAR_NS, 5 },
		{ EVFD_TFD_TIMER_SEQ, FAR_NS, 2 * FAR_NS, FAR_NS, 2 * FAR_NS },
		{ EVFD_TFD_TIMER_SEQ, 0, 0, 0, 0 },
		{ EVFD_TFD_TIMER_ABS, 0, 0, 0, 0 },
	};

	for (size_t i = 0; i < ARRAY_SIZE(forms) * 2; i++) {
		const struct form *form = &forms[i / 2];
		int64_t start = tfd_clock(CLOCK_MONOTONIC);
		struct evfd_itimerspec now;
		int fd = i % 2 ? self->fd : -1;

		/* A new descriptor, then an existing descriptor. */
		fd = call_2007(fd, CLOCK_MONOTONIC, form->flags, form->value,
			       form->interval);
		ASSERT_GE(fd, 0);
		ASSERT_EQ(0, tfd_get(fd, &now));
		EXPECT_GE(form->left, tfd_ns(now.it_value))
			TH_LOG("form %zu", i / 2);
		EXPECT_LE(form->left - (tfd_clock(CLOCK_MONOTONIC) - start),
			  tfd_ns(now.it_value)) TH_LOG("form %zu", i / 2);
		EXPECT_EQ(form->period, tfd_ns(now.it_interval))
			TH_LOG("form %zu", i / 2);
		if (fd != self->fd)
			close(fd);
	}
}

TEST(a_sequence_repeats)
{
	const int64_t interval = 5 * NS_PER_MS;
	int64_t start = tfd_clock(CLOCK_MONOTONIC), sum = 0;
	int fd = call_2007(-1, CLOCK_MONOTONIC, EVFD_TFD_TIMER_SEQ, interval, 0);

	ASSERT_GE(fd, 0);
	for (int i = 0; i < 10; i++) {
		int64_t ticks = ticks_2007(fd);

		ASSERT_LE(1, ticks);
		sum += ticks;
		EXPECT_GE(tfd_due(tfd_clock(CLOCK_MONOTONIC), start + interval,
				  interval), sum);
	}
}

TEST(late)
{
	int fd = call_late(-1, CLOCK_REALTIME);

	ASSERT_GE(fd, 0);
	ASSERT_TRUE(tfd_expires(fd));
	EXPECT_EQ(1, tfd_pending(fd));
	EXPECT_EQ(LATE_TICKS, ticks_2007(fd));
	EXPECT_EQ(0, poll_now(fd));
	EXPECT_LT(FAR_NS / 2, tfd_left(fd));
}

TEST_F(timer, set_anew)
{
	/* The ticks are gone, but the descriptor stays. */
	ASSERT_EQ(self->fd, call_late(self->fd, CLOCK_TAI));
	ASSERT_TRUE(tfd_expires(self->fd));
	ASSERT_EQ(self->fd, call_2007(self->fd, CLOCK_TAI, EVFD_TFD_TIMER_REL,
				      FAR_NS, 0));
	EXPECT_TRUE(is_unchanged(self->fd));
	EXPECT_EQ(-EAGAIN, ticks_2007(self->fd));
	ASSERT_EQ(self->fd, call_2007(self->fd, CLOCK_TAI, EVFD_TFD_TIMER_SEQ,
				      0, 0));
	EXPECT_EQ(0, tfd_left(self->fd));
	EXPECT_EQ(-EAGAIN, ticks_2007(self->fd));
	EXPECT_EQ(O_RDWR | O_NONBLOCK, fcntl(self->fd, F_GETFL));
}

TEST_F(timer, another_clock)
{
	static const int clocks[] = {
		CLOCK_REALTIME, CLOCK_BOOTTIME, CLOCK_TAI, CLOCK_MONOTONIC,
		CLOCK_TAI, CLOCK_REALTIME,
	};
	struct tfd_info info;

	for (size_t i = 0; i < ARRAY_SIZE(clocks); i++) {
		int64_t start = tfd_clock(clocks[i]), left;

		ASSERT_EQ(self->fd, call_2007(self->fd, clocks[i],
					      EVFD_TFD_TIMER_ABS,
					      start + FAR_NS, 0));
		left = tfd_left(self->fd);
		EXPECT_GE(FAR_NS, left);
		EXPECT_LE(FAR_NS - (tfd_clock(clocks[i]) - start), left);
		ASSERT_TRUE(tfd_info(self->fd, &info));
		EXPECT_EQ(clocks[i], info.clockid);
		/* Other calls use the new clock, too. */
		ASSERT_EQ(0, tfd_arm(self->fd, TFD_TIMER_ABSTIME,
				     tfd_clock(clocks[i]) + FAR_NS, 0));
		EXPECT_GE(FAR_NS, tfd_left(self->fd));
		EXPECT_LT(FAR_NS / 2, tfd_left(self->fd));
	}
	EXPECT_TRUE(is_unchanged(self->fd));
}

static long call_read_2007(struct call *call)
{
	return read(call->fd, call->buf, sizeof(uint32_t));
}

TEST_F(timer, a_blocked_reader)
{
	struct call reader = { .make = call_read_2007, .fd = self->fd };

	ASSERT_EQ(0, fcntl(self->fd, F_SETFL, 0));
	reader.value = UINT64_MAX;
	ASSERT_TRUE(call_start(&reader));
	ASSERT_TRUE(wait_for(reader.tid && asleep_in(reader.tid) == SYS_read));
	ASSERT_EQ(self->fd, call_2007(self->fd, CLOCK_BOOTTIME, 0, FAR_NS, 0));
	ASSERT_TRUE(wait_for(asleep_in(reader.tid) == SYS_read));
	ASSERT_EQ(self->fd, call_late(self->fd, CLOCK_REALTIME));
	ASSERT_TRUE(call_ends(&reader));
	EXPECT_EQ(4, reader.ret);
	EXPECT_EQ(UINT64_MAX << 32 | LATE_TICKS, reader.value);
}

TEST_F(timer, buffers)
{
	uint32_t buf[4];

	ASSERT_EQ(self->fd, call_late(self->fd, CLOCK_REALTIME));
	ASSERT_TRUE(tfd_expires(self->fd));
	for (int size = 0; size < 4; size++) {
		EXPECT_EQ(-1, read(self->fd, buf, size));
		EXPECT_EQ(EINVAL, errno) TH_LOG("size %d", size);
	}
	EXPECT_EQ(LATE_TICKS, ticks_2007(self->fd));
	for (int size = 4; size <= 16; size++) {
		memset(buf, 0xee, sizeof(buf));
		ASSERT_EQ(self->fd, call_late(self->fd, CLOCK_REALTIME));
		ASSERT_TRUE(tfd_expires(self->fd));
		EXPECT_EQ(4, read(self->fd, buf, size)) TH_LOG("size %d", size);
		EXPECT_EQ(LATE_TICKS, buf[0]);
		EXPECT_EQ(0xeeeeeeee, buf[1]);
	}
}

TEST_F(timer, vectors)
{
	uint16_t halves[2] = { -1, -1 };
	struct iovec iov[2] = {
		{ .iov_base = &halves[0], .iov_len = 2 },
		{ .iov_base = &halves[1], .iov_len = 2 },
	};

	ASSERT_EQ(0, tfd_set_ticks(self->fd, 0x20003));
	EXPECT_EQ(-1, readv(self->fd, iov, 1));
	EXPECT_EQ(EINVAL, errno);
	EXPECT_EQ(4, readv(self->fd, iov, 2));
	EXPECT_EQ(3, halves[0]);
	EXPECT_EQ(2, halves[1]);
	EXPECT_EQ(-EAGAIN, ticks_2007(self->fd));
}

TEST_F(timer, more_than_32_bits)
{
	ASSERT_EQ(0, tfd_set_ticks(self->fd, UINT32_MAX));
	EXPECT_EQ(UINT32_MAX, ticks_2007(self->fd));
	EXPECT_EQ(-EAGAIN, ticks_2007(self->fd));
	ASSERT_EQ(0, tfd_set_ticks(self->fd, 1ull << 32));
	EXPECT_EQ(UINT32_MAX, ticks_2007(self->fd));
	EXPECT_EQ(POLLIN, poll_now(self->fd));
	EXPECT_EQ(1, tfd_pending(self->fd));
	EXPECT_EQ(1, ticks_2007(self->fd));
	EXPECT_EQ(0, poll_now(self->fd));

	ASSERT_EQ(0, tfd_set_ticks(self->fd, (2ull << 32) + 5));
	EXPECT_EQ(UINT32_MAX, ticks_2007(self->fd));
	EXPECT_EQ((INT64_C(1) << 32) + 6, tfd_pending(self->fd));
	EXPECT_EQ(UINT32_MAX, ticks_2007(self->fd));
	EXPECT_EQ(7, ticks_2007(self->fd));
	EXPECT_EQ(-EAGAIN, ticks_2007(self->fd));
	/* The next setting drops the remaining ticks. */
	ASSERT_EQ(0, tfd_set_ticks(self->fd, UINT64_MAX));
	EXPECT_EQ(UINT32_MAX, ticks_2007(self->fd));
	ASSERT_EQ(0, tfd_arm(self->fd, 0, FAR_NS, 0));
	EXPECT_TRUE(is_unchanged(self->fd));
}

/* With a period of 1 ns, a time some seconds ago has more ticks than fit in 32 bits. */
TEST_F(timer, what_is_left_of_a_periodic_timer)
{
	int64_t first = tfd_clock(CLOCK_REALTIME) - 10 * NS_PER_S, sum = 0;

	ASSERT_EQ(self->fd, call_2007(self->fd, CLOCK_REALTIME,
				      EVFD_TFD_TIMER_ABS, first, 1));
	for (int i = 0; i < 2; i++) {
		ASSERT_TRUE(tfd_expires(self->fd));
		EXPECT_EQ(UINT32_MAX, ticks_2007(self->fd));
		sum += UINT32_MAX;
	}
	while (sum < 10 * NS_PER_S) {
		int64_t ticks;

		ASSERT_TRUE(tfd_expires(self->fd));
		ticks = ticks_2007(self->fd);
		ASSERT_LE(1, ticks);
		sum += ticks;
	}
	EXPECT_GE(tfd_due(tfd_clock(CLOCK_REALTIME), first, 1) + 1000, sum);
}

TEST_F(timer, io_uring)
{
	uint64_t value = UINT64_MAX;
	struct io_uring_cqe cqe;
	struct uring ring;

	ASSERT_TRUE(uring_open(&ring));
	uring_queue(&ring, IORING_OP_READ, self->fd, &value, 8, 1);
	ASSERT_EQ(1, uring_submit(&ring));
	EXPECT_FALSE(uring_next(&ring, &cqe));
	ASSERT_EQ(self->fd, call_late(self->fd, CLOCK_REALTIME));
	ASSERT_TRUE(uring_wait(&ring, &cqe));
	EXPECT_EQ(4, cqe.res);
	EXPECT_EQ(UINT64_MAX << 32 | LATE_TICKS, value);
}

/* The old call can set a descriptor of the new call. It still reads as 64 bits. */
TEST(descriptors_of_the_new_call)
{
	int fd = tfd_new(CLOCK_MONOTONIC, TFD_NONBLOCK);
	uint64_t buf;

	ASSERT_GE(fd, 0);
	ASSERT_EQ(fd, call_late(fd, CLOCK_REALTIME));
	ASSERT_TRUE(tfd_expires(fd));
	EXPECT_EQ(-1, read(fd, &buf, 4));
	EXPECT_EQ(EINVAL, errno);
	EXPECT_EQ(LATE_TICKS, tfd_ticks(fd));
}

TEST_F(timer, other_descriptors)
{
	/* Not the number that the device gets when it is opened. */
	int closed = fcntl(0, F_DUPFD, 100);
	struct { int fd, err; } cases[] = {
		{ -2, EBADF }, { INT_MIN, EBADF }, { INT_MAX, EBADF },
		{ closed, EBADF }, { open("/dev/null", O_PATH), EBADF },
		{ open("/dev/null", O_RDWR), EINVAL },
		{ open(EVFD_DEVICE, O_RDWR), EINVAL },
		{ evfd_new(0, 0), EINVAL },
		{ native_make_eventfd(0, 0), EINVAL },
		{ native_make_timer(CLOCK_MONOTONIC, 0), EINVAL },
	};

	close(closed);
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		EXPECT_EQ(-1, call_2007(cases[i].fd, CLOCK_MONOTONIC, 0, 1, 0));
		EXPECT_EQ(cases[i].err, errno) TH_LOG("descriptor %zu", i);
		EXPECT_EQ(-1, call_2007(cases[i].fd, CLOCK_REALTIME_ALARM, 0, 1,
					0));
		EXPECT_EQ(cases[i].err, errno) TH_LOG("descriptor %zu", i);
	}
}

TEST_HARNESS_MAIN
