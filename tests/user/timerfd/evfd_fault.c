// SPDX-License-Identifier: GPL-2.0
/*
 * What evfd promises and native does not: a read that fails with EFAULT loses
 * no ticks.
 */
#include "fault.h"
#include "timer.h"
#include "uring.h"

FIXTURE(fault)
{
	size_t size;
	void *buf;
	int fd;
};

FIXTURE_VARIANT(fault)
{
	enum bad_buffer buffer;
	bool of_2007;
	int clock;
};

FIXTURE_VARIANT_ADD(fault, no_access)
{
	.buffer = NO_ACCESS,
};

FIXTURE_VARIANT_ADD(fault, read_only)
{
	.buffer = READ_ONLY,
};

FIXTURE_VARIANT_ADD(fault, half_no_access)
{
	.buffer = HALF_NO_ACCESS,
};

FIXTURE_VARIANT_ADD(fault, half_read_only)
{
	.buffer = HALF_READ_ONLY,
};

FIXTURE_VARIANT_ADD(fault, alarm)
{
	.buffer = NO_ACCESS,
	.clock = CLOCK_REALTIME_ALARM,
};

FIXTURE_VARIANT_ADD(fault, of_2007)
{
	.buffer = NO_ACCESS,
	.of_2007 = true,
};

FIXTURE_VARIANT_ADD(fault, of_2007_half)
{
	.buffer = HALF_READ_ONLY,
	.of_2007 = true,
};

FIXTURE_SETUP(fault)
{
	struct evfd_timerfd arg = {
		.ufd = -1,
		.clockid = variant->clock,
	};

	self->size = variant->of_2007 ? 4 : 8;
	self->buf = bad_buffer(variant->buffer, self->size);
	if (variant->of_2007)
		self->fd = evfd_device_ioctl(EVFD_IOC_TIMERFD, &arg);
	else
		self->fd = evfd_timer_new(variant->clock, 0);
	ASSERT_GE(self->fd, 0);
	ASSERT_EQ(0, fcntl(self->fd, F_SETFL, O_NONBLOCK));
}

FIXTURE_TEARDOWN(fault)
{
	close(self->fd);
}

/* Makes LATE_TICKS expirations that the next read will find. */
static bool make_late(int fd)
{
	return !tfd_arm_late(fd, CLOCK_REALTIME) && tfd_expires(fd);
}

/* Reads with a good buffer: the ticks, or -errno. */
static int64_t ticks_of(int fd, size_t size)
{
	uint64_t value = 0;
	ssize_t n = read(fd, &value, size);

	if (n != (ssize_t)size)
		return n < 0 ? -errno : -EIO;
	return value;
}

TEST_F(fault, read)
{
	for (int i = 0; i < 3; i++) {
		ASSERT_TRUE(make_late(self->fd));
		for (int j = 0; j <= i; j++) {
			EXPECT_EQ(-1, read(self->fd, self->buf, self->size));
			EXPECT_EQ(EFAULT, errno);
			EXPECT_EQ(POLLIN, poll_now(self->fd));
		}
		EXPECT_EQ(LATE_TICKS, ticks_of(self->fd, self->size));
		EXPECT_EQ(-EAGAIN, ticks_of(self->fd, self->size));
		EXPECT_LT(FAR_NS / 2, tfd_left(self->fd));
	}
	ASSERT_EQ(0, tfd_arm(self->fd, 0, 1, 0));
	ASSERT_TRUE(tfd_expires(self->fd));
	EXPECT_EQ(-1, read(self->fd, nowhere(), self->size));
	EXPECT_EQ(EFAULT, errno);
	EXPECT_EQ(1, ticks_of(self->fd, self->size));
	/* With nothing to read, the memory does not matter. */
	EXPECT_EQ(-1, read(self->fd, self->buf, self->size));
	EXPECT_EQ(EAGAIN, errno);
	EXPECT_EQ(-1, read(self->fd, self->buf, self->size - 1));
	EXPECT_EQ(EINVAL, errno);
}

TEST_F(fault, vectors)
{
	uint64_t value = 0;
	struct iovec iov[2] = {
		{ .iov_base = self->buf, .iov_len = self->size },
		{ .iov_base = &value, .iov_len = self->size },
	};

	ASSERT_TRUE(make_late(self->fd));
	EXPECT_EQ(-1, readv(self->fd, iov, 2));
	EXPECT_EQ(EFAULT, errno);
	EXPECT_EQ(LATE_TICKS, tfd_pending(self->fd));
	EXPECT_EQ(-1, preadv2(self->fd, iov, 2, -1, RWF_NOWAIT));
	EXPECT_EQ(EFAULT, errno);
	EXPECT_EQ(LATE_TICKS, tfd_pending(self->fd));
	/* The second half of the value can't be put, if the page is bad. */
	iov[1] = iov[0];
	iov[0] = (struct iovec){ .iov_base = &value, .iov_len = self->size / 2 };
	if (variant->buffer == NO_ACCESS || variant->buffer == READ_ONLY) {
		EXPECT_EQ(-1, readv(self->fd, iov, 2));
		EXPECT_EQ(EFAULT, errno);
		EXPECT_EQ(LATE_TICKS, ticks_of(self->fd, self->size));
	} else {
		EXPECT_EQ((int)self->size, readv(self->fd, iov, 2));
	}
	EXPECT_EQ(-EAGAIN, ticks_of(self->fd, self->size));
}

/* Reads that fail start a periodic timer again; each tick is there later. */
TEST_F(fault, periodic)
{
	const int64_t interval = 3 * NS_PER_MS;
	int64_t first = tfd_clock(CLOCK_REALTIME) + interval, count;

	ASSERT_EQ(0, tfd_arm(self->fd, TFD_TIMER_ABSTIME, first, interval));
	do {
		ASSERT_TRUE(tfd_expires(self->fd));
		EXPECT_EQ(-1, read(self->fd, self->buf, self->size));
		EXPECT_EQ(EFAULT, errno);
		sleep_ms(1);
	} while (tfd_pending(self->fd) < 10 &&
		 tfd_clock(CLOCK_REALTIME) < first + DEADLINE_MS * NS_PER_MS);
	count = ticks_of(self->fd, self->size);
	EXPECT_LE(10, count);
	EXPECT_GE(tfd_due(tfd_clock(CLOCK_REALTIME), first, interval), count);
}

TEST_F(fault, io_uring)
{
	struct iovec iov = { .iov_base = self->buf, .iov_len = self->size };
	struct io_uring_cqe cqe;
	struct uring ring;

	ASSERT_TRUE(uring_open(&ring));
	ASSERT_TRUE(make_late(self->fd));
	for (unsigned int flags = 0; flags <= IOSQE_ASYNC; flags += IOSQE_ASYNC) {
		uring_queue(&ring, IORING_OP_READ, self->fd, self->buf,
			    self->size, 1)->flags = flags;
		uring_queue(&ring, IORING_OP_READV, self->fd, &iov, 1, 2)
			->flags = flags;
		ASSERT_EQ(2, uring_submit(&ring));
		for (int i = 0; i < 2; i++) {
			ASSERT_TRUE(uring_wait(&ring, &cqe));
			EXPECT_EQ(-EFAULT, cqe.res);
		}
		EXPECT_EQ(LATE_TICKS, tfd_pending(self->fd));
	}
	EXPECT_EQ(LATE_TICKS, ticks_of(self->fd, self->size));
	/* One that has to wait. */
	uring_queue(&ring, IORING_OP_READ, self->fd, self->buf, self->size, 3);
	ASSERT_EQ(1, uring_submit(&ring));
	EXPECT_FALSE(uring_next(&ring, &cqe));
	ASSERT_EQ(0, tfd_arm(self->fd, 0, NS_PER_MS, 0));
	ASSERT_TRUE(uring_wait(&ring, &cqe));
	EXPECT_EQ(-EFAULT, cqe.res);
	EXPECT_EQ(1, ticks_of(self->fd, self->size));
}

static long call_read_as_told(struct call *call)
{
	return syscall(SYS_read, call->fd, call->buf, call->value);
}

static bool blocks(struct call *call)
{
	return wait_for(call->tid && asleep_in(call->tid) == SYS_read);
}

TEST_F(fault, blocked_reader)
{
	struct call bad = { .make = call_read_as_told, .fd = self->fd };
	struct call good = { .make = call_read_as_told, .fd = self->fd };
	uint64_t value = 0;

	bad.buf = self->buf;
	bad.value = self->size;
	good.buf = &value;
	good.value = self->size;
	ASSERT_EQ(0, fcntl(self->fd, F_SETFL, 0));
	ASSERT_TRUE(call_start(&bad) && blocks(&bad));
	ASSERT_TRUE(call_start(&good) && blocks(&good));
	ASSERT_EQ(0, tfd_arm_late(self->fd, CLOCK_REALTIME));
	/* Whoever comes first: the one that can take it gets it. */
	ASSERT_TRUE(call_ends(&good));
	EXPECT_EQ((int)self->size, good.ret);
	EXPECT_EQ(LATE_TICKS, value);
	if (!bad.done)
		ASSERT_EQ(0, tfd_arm(self->fd, 0, 1, 0));
	ASSERT_TRUE(call_ends(&bad));
	EXPECT_EQ(-1, bad.ret);
	EXPECT_EQ(EFAULT, bad.err);
}

/* A buffer that another thread makes unwritable and writable all the time. */
static char *shaky;
static _Atomic bool shaken;

static void *shake(void *arg)
{
	while (!shaken) {
		mprotect(shaky, 4096, PROT_READ);
		mprotect(shaky, 4096, PROT_READ | PROT_WRITE);
	}
	return arg;
}

TEST_F(fault, faults_come_and_go)
{
	const int64_t interval = 1000;
	int64_t first = tfd_clock(CLOCK_REALTIME), before, sum = 0;
	int good = 0, bad = 0;
	pthread_t thread;

	/* What the buffer is makes no difference here: once is enough. */
	if (variant->buffer != NO_ACCESS)
		return;
	shaky = mmap(NULL, 4096, PROT_READ | PROT_WRITE,
		     MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	ASSERT_NE(MAP_FAILED, shaky);
	ASSERT_EQ(0, pthread_create(&thread, NULL, shake, NULL));
	ASSERT_EQ(0, tfd_arm(self->fd, TFD_TIMER_ABSTIME, first, interval));
	/* Neither may take turns with the thread for ever. */
	for (int i = 0; i < 100000 && (good < 100 || bad < 100); i++) {
		uint64_t value = 0;

		ASSERT_TRUE(tfd_expires(self->fd));
		if (read(self->fd, shaky, self->size) < 0) {
			ASSERT_EQ(EFAULT, errno);
			bad++;
			continue;
		}
		memcpy(&value, shaky, self->size);
		sum += value;
		good++;
	}
	shaken = true;
	ASSERT_EQ(0, pthread_join(thread, NULL));
	/* What was left by reads that failed, and what has come since. */
	for (int i = 0; i < 2; i++) {
		ASSERT_TRUE(tfd_expires(self->fd));
		before = tfd_clock(CLOCK_REALTIME);
		sum += ticks_of(self->fd, self->size);
	}
	EXPECT_LE(tfd_due(before, first, interval), sum);
	EXPECT_GE(tfd_due(tfd_clock(CLOCK_REALTIME), first, interval), sum);
	EXPECT_LT(0, good);
	EXPECT_LT(0, bad);
}

TEST_F(fault, set_ticks)
{
	size_t page = sysconf(_SC_PAGESIZE);
	char *map = mmap(NULL, 2 * page, PROT_READ | PROT_WRITE,
			 MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	uint64_t value = 9;

	ASSERT_NE(MAP_FAILED, map);
	ASSERT_EQ(0, munmap(map + page, page));
	ASSERT_TRUE(make_late(self->fd));
	EXPECT_EQ(-1, ioctl(self->fd, TFD_IOC_SET_TICKS, map + page));
	EXPECT_EQ(EFAULT, errno);
	EXPECT_EQ(-1, ioctl(self->fd, TFD_IOC_SET_TICKS, map + page - 4));
	EXPECT_EQ(EFAULT, errno);
	EXPECT_EQ(-1, ioctl(self->fd, TFD_IOC_SET_TICKS, nowhere()));
	EXPECT_EQ(EFAULT, errno);
	EXPECT_EQ(LATE_TICKS, ticks_of(self->fd, self->size));
	memcpy(map + page - 8, &value, 8);
	ASSERT_EQ(0, mprotect(map, page, PROT_READ));
	EXPECT_EQ(0, ioctl(self->fd, TFD_IOC_SET_TICKS, map + page - 8));
	EXPECT_EQ(9, ticks_of(self->fd, self->size));
}

TEST_HARNESS_MAIN
