// SPDX-License-Identifier: GPL-2.0
/*
 * evfd promises, and native does not, that a read that fails with EFAULT loses no ticks,
 * even of a timer whose period goes on.
 */
#include "fault.h"
#include "timer.h"

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
		self->fd = tfd_new(variant->clock, 0);
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

TEST_F(fault, the_timer_goes_on)
{
	for (int i = 0; i < 3; i++) {
		ASSERT_TRUE(make_late(self->fd));
		for (int j = 0; j <= i; j++) {
			EXPECT_EQ(-1, read(self->fd, self->buf, self->size));
			EXPECT_EQ(EFAULT, errno);
			EXPECT_EQ(LATE_TICKS, tfd_pending(self->fd));
		}
		EXPECT_EQ(LATE_TICKS, ticks_of(self->fd, self->size));
		EXPECT_EQ(-EAGAIN, ticks_of(self->fd, self->size));
		EXPECT_LT(FAR_NS / 2, tfd_left(self->fd));
	}
}

/* Reads that fail start a periodic timer again, and the ticks add up. */
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

	/* The buffer makes no difference here: once for each clock is enough. */
	if (variant->buffer != NO_ACCESS)
		return;
	shaky = mmap(NULL, 4096, PROT_READ | PROT_WRITE,
		     MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	ASSERT_NE(MAP_FAILED, shaky);
	ASSERT_EQ(0, pthread_create(&thread, NULL, shake, NULL));
	ASSERT_EQ(0, tfd_arm(self->fd, TFD_TIMER_ABSTIME, first, interval));
	/* Until both results were seen often: the two threads may run in step for a while. */
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
	/* The ticks that failed reads have left, and those since then. */
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
