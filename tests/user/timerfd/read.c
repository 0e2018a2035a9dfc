// SPDX-License-Identifier: GPL-2.0
/*
 * Reading timers: which ticks are counted, which a read takes, and which buffers are valid.
 */
#include "timer.h"

FIXTURE(timer)
{
	uint64_t buf[4];
	int fd;
};

FIXTURE_SETUP(timer)
{
	memset(self->buf, 0xee, sizeof(self->buf));
	self->fd = tfd_new(CLOCK_REALTIME, TFD_NONBLOCK);
	ASSERT_GE(self->fd, 0);
}

FIXTURE_TEARDOWN(timer)
{
	close(self->fd);
}

/* Arms the timer in the past, with LATE_TICKS expirations for the next read. */
static bool make_late(int fd)
{
	return !tfd_arm_late(fd, CLOCK_REALTIME) && tfd_expires(fd);
}

TEST_F(timer, nothing_to_read)
{
	EXPECT_EQ(-EAGAIN, tfd_ticks(self->fd));
	ASSERT_EQ(0, tfd_arm(self->fd, 0, FAR_NS, 1));
	EXPECT_EQ(-EAGAIN, tfd_ticks(self->fd));
	ASSERT_EQ(0, tfd_arm(self->fd, 0, 0, 1));
	EXPECT_EQ(-EAGAIN, tfd_ticks(self->fd));
}

TEST_F(timer, a_single_expiration)
{
	ASSERT_EQ(0, tfd_arm(self->fd, 0, 1, 0));
	ASSERT_TRUE(tfd_expires(self->fd));
	EXPECT_EQ(1, tfd_pending(self->fd));
	EXPECT_EQ(1, tfd_ticks(self->fd));
	EXPECT_EQ(0, tfd_pending(self->fd));
	EXPECT_EQ(-EAGAIN, tfd_ticks(self->fd));
	EXPECT_EQ(0, tfd_left(self->fd));
}

TEST_F(timer, buffers_too_small)
{
	for (int late = 0; late < 2; late++) {
		if (late)
			ASSERT_TRUE(make_late(self->fd));
		for (int size = 0; size < 8; size++) {
			EXPECT_EQ(-1, read(self->fd, self->buf, size));
			EXPECT_EQ(EINVAL, errno) TH_LOG("size %d", size);
		}
		/* An empty vector does not even reach the file. */
		EXPECT_EQ(0, readv(self->fd, NULL, 0));
	}
	EXPECT_EQ(0xeeeeeeeeeeeeeeee, self->buf[0]);
	EXPECT_EQ(LATE_TICKS, tfd_ticks(self->fd));
	/* A blocking read does not wait before this error. */
	ASSERT_EQ(0, fcntl(self->fd, F_SETFL, 0));
	EXPECT_EQ(-1, read(self->fd, self->buf, 7));
	EXPECT_EQ(EINVAL, errno);
}

TEST_F(timer, buffers_larger_than_needed)
{
	static const int sizes[] = { 8, 9, 12, 15, 16, 24, 32 };

	for (size_t i = 0; i < ARRAY_SIZE(sizes); i++) {
		ASSERT_TRUE(make_late(self->fd));
		EXPECT_EQ(8, read(self->fd, self->buf, sizes[i]));
		EXPECT_EQ(LATE_TICKS, self->buf[0]);
		EXPECT_EQ(0xeeeeeeeeeeeeeeee, self->buf[1]);
		EXPECT_EQ(-EAGAIN, tfd_ticks(self->fd));
	}
}

TEST_F(timer, an_unaligned_buffer)
{
	char *buf = (char *)self->buf + 3;
	uint64_t ticks;

	ASSERT_TRUE(make_late(self->fd));
	EXPECT_EQ(8, read(self->fd, buf, 8));
	memcpy(&ticks, buf, sizeof(ticks));
	EXPECT_EQ(LATE_TICKS, ticks);
}

TEST_F(timer, vectors)
{
	uint32_t halves[2] = { -1, -1 };
	struct iovec iov[8] = {
		{ .iov_base = NULL, .iov_len = 0 },
		{ .iov_base = &halves[0], .iov_len = 4 },
		{ .iov_base = NULL, .iov_len = 0 },
		{ .iov_base = &halves[1], .iov_len = 4 },
		{ .iov_base = self->buf, .iov_len = 8 },
	};

	ASSERT_TRUE(make_late(self->fd));
	EXPECT_EQ(-1, readv(self->fd, iov, 3));
	EXPECT_EQ(EINVAL, errno);
	EXPECT_EQ(8, readv(self->fd, iov, 5));
	EXPECT_EQ(LATE_TICKS, halves[0]);
	EXPECT_EQ(0, halves[1]);
	EXPECT_EQ(0xeeeeeeeeeeeeeeee, self->buf[0]);

	for (int i = 0; i < 8; i++)
		iov[i] = (struct iovec){ (char *)self->buf + 7 - i, 1 };
	ASSERT_TRUE(make_late(self->fd));
	EXPECT_EQ(-1, readv(self->fd, iov, 7));
	EXPECT_EQ(EINVAL, errno);
	EXPECT_EQ(8, readv(self->fd, iov, 8));
	EXPECT_EQ((uint64_t)LATE_TICKS << 56, self->buf[0]);
}

/* The first buffer can be filled at once, the second only after a fault. */
TEST_F(timer, a_vector_with_a_page_that_is_not_there_yet)
{
	uint32_t *high = mmap(NULL, sysconf(_SC_PAGESIZE), PROT_READ | PROT_WRITE,
			      MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	int64_t since_1970 = tfd_clock(CLOCK_REALTIME);
	uint32_t low = 0;
	struct iovec iov[2] = {
		{ .iov_base = &low, .iov_len = 4 },
		{ .iov_base = high, .iov_len = 4 },
	};

	ASSERT_NE(MAP_FAILED, (void *)high);
	/* More ticks than fit into one half. */
	ASSERT_EQ(0, tfd_arm(self->fd, TFD_TIMER_ABSTIME, 1, 1));
	ASSERT_TRUE(tfd_expires(self->fd));
	EXPECT_EQ(8, readv(self->fd, iov, 2));
	EXPECT_LE(since_1970, (int64_t)*high << 32 | low);
}

TEST_F(timer, nowait)
{
	struct iovec iov = { .iov_base = self->buf, .iov_len = 8 };

	ASSERT_EQ(0, fcntl(self->fd, F_SETFL, 0));
	EXPECT_EQ(-1, preadv2(self->fd, &iov, 1, -1, RWF_NOWAIT));
	EXPECT_EQ(EAGAIN, errno);
	ASSERT_TRUE(make_late(self->fd));
	EXPECT_EQ(8, preadv2(self->fd, &iov, 1, -1, RWF_NOWAIT));
	EXPECT_EQ(LATE_TICKS, self->buf[0]);
	EXPECT_EQ(-1, preadv2(self->fd, &iov, 1, -1, RWF_NOWAIT));
	EXPECT_EQ(EAGAIN, errno);
	EXPECT_EQ(O_RDWR, fcntl(self->fd, F_GETFL));
}

/* The next expiration is a multiple of the interval after the first. */
TEST_F(timer, a_read_forwards)
{
	int64_t start = tfd_clock(CLOCK_MONOTONIC), left;

	ASSERT_TRUE(make_late(self->fd));
	EXPECT_EQ(1, tfd_pending(self->fd));
	sleep_ms(20);
	EXPECT_EQ(LATE_TICKS, tfd_ticks(self->fd));
	left = tfd_left(self->fd);
	EXPECT_GE(FAR_NS - 20 * NS_PER_MS, left);
	EXPECT_LE(FAR_NS - (tfd_clock(CLOCK_MONOTONIC) - start), left);
}

/* Only a read or a query of the time re-arms a periodic timer. */
TEST_F(timer, nobody_reads)
{
	struct evfd_itimerspec now;
	struct tfd_info info;

	ASSERT_EQ(0, tfd_arm(self->fd, 0, NS_PER_MS, NS_PER_MS));
	ASSERT_TRUE(tfd_expires(self->fd));
	sleep_ms(50);
	ASSERT_TRUE(tfd_info(self->fd, &info));
	if (!tfd_counts_by_clock()) {
		EXPECT_EQ(1, info.ticks);
		EXPECT_EQ(0, tfd_ns(info.time.it_value));
	}
	EXPECT_EQ(NS_PER_MS, tfd_ns(info.time.it_interval));
	ASSERT_EQ(0, tfd_get(self->fd, &now));
	EXPECT_LE(50, tfd_ticks(self->fd));
}

TEST_F(timer, a_period_of_a_nanosecond)
{
	int64_t first = tfd_clock(CLOCK_REALTIME), before, ticks, sum = 0;

	ASSERT_EQ(0, tfd_arm(self->fd, TFD_TIMER_ABSTIME, first, 1));
	for (int i = 0; i < 100; i++) {
		ASSERT_TRUE(tfd_expires(self->fd));
		before = tfd_clock(CLOCK_REALTIME);
		ticks = tfd_ticks(self->fd);
		ASSERT_LE(1, ticks);
		sum += ticks;
		/* The clock that the program reads may differ a little. */
		EXPECT_LE(tfd_due(before, first, 1) - 1000, sum);
		EXPECT_GE(tfd_due(tfd_clock(CLOCK_REALTIME), first, 1) + 1000,
			  sum);
	}
	/* Fewer than 2^63 ns have elapsed since 1970, but more than until first. */
	ASSERT_EQ(0, tfd_arm(self->fd, TFD_TIMER_ABSTIME, 1, 1));
	ASSERT_TRUE(tfd_expires(self->fd));
	EXPECT_LE(first, tfd_ticks(self->fd));
}

TEST_F(timer, set_ticks)
{
	if (!tfd_can_set_ticks()) {
		EXPECT_EQ(-1, tfd_set_ticks(self->fd, 1));
		EXPECT_EQ(ENOTTY, errno);
		return;
	}
	EXPECT_EQ(-1, tfd_set_ticks(self->fd, 0));
	EXPECT_EQ(EINVAL, errno);
	EXPECT_EQ(-1, ioctl(self->fd, TFD_IOC_SET_TICKS, nowhere()));
	EXPECT_EQ(EFAULT, errno);
	EXPECT_EQ(-EAGAIN, tfd_ticks(self->fd));

	/* On a timer that is disarmed, armed, or expired without a period. */
	EXPECT_EQ(0, tfd_set_ticks(self->fd, 1ull << 40));
	EXPECT_EQ(POLLIN, poll_now(self->fd));
	EXPECT_EQ(INT64_C(1) << 40, tfd_ticks(self->fd));
	EXPECT_EQ(-EAGAIN, tfd_ticks(self->fd));
	ASSERT_EQ(0, tfd_arm(self->fd, 0, FAR_NS, FAR_NS));
	EXPECT_EQ(0, tfd_set_ticks(self->fd, 3));
	EXPECT_EQ(0, tfd_set_ticks(self->fd, 2));
	EXPECT_EQ(2, tfd_ticks(self->fd));
	EXPECT_LT(FAR_NS / 2, tfd_left(self->fd));
	ASSERT_EQ(0, tfd_arm(self->fd, 0, 1, 0));
	ASSERT_TRUE(tfd_expires(self->fd));
	EXPECT_EQ(0, tfd_set_ticks(self->fd, 5));
	EXPECT_EQ(5, tfd_ticks(self->fd));
	/* An expired periodic timer adds the ticks that it has missed, except the first. */
	ASSERT_TRUE(make_late(self->fd));
	EXPECT_EQ(0, tfd_set_ticks(self->fd, 5));
	EXPECT_EQ(5 + LATE_TICKS - 1, tfd_ticks(self->fd));
	EXPECT_EQ(0, tfd_set_ticks(self->fd, UINT64_MAX));
	EXPECT_EQ(8, read(self->fd, self->buf, 8));
	EXPECT_EQ(UINT64_MAX, self->buf[0]);
}

TEST_F(timer, unknown_ioctls)
{
	static const unsigned long commands[] = {
		0, TCGETS, FIONREAD, _IO('T', 0), _IOR('T', 0, uint64_t),
		_IOW('T', 0, uint32_t), _IOW('T', 1, uint64_t),
		_IOW('S', 0, uint64_t), EVFD_IOC_EVENTFD, EVFD_IOC_TIMERFD,
		EVFD_IOC_TIMERFD_CREATE,
		_IOW(EVFD_IOC_MAGIC, 0x12, struct evfd_itimerspec),
		_IOWR(EVFD_IOC_MAGIC, 0x13, struct evfd_itimerspec),
		_IOW(EVFD_IOC_MAGIC, 0x14, struct evfd_itimerspec),
	};

	for (size_t i = 0; i < ARRAY_SIZE(commands); i++) {
		EXPECT_EQ(-1, ioctl(self->fd, commands[i], self->buf));
		EXPECT_EQ(ENOTTY, errno) TH_LOG("command %#lx", commands[i]);
	}
}

TEST_HARNESS_MAIN
