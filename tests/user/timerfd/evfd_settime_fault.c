// SPDX-License-Identifier: GPL-2.0
/*
 * A guarantee of evfd, but not of native: a setting that fails with EFAULT leaves the timer
 * unchanged, even if only the old value faults.
 */
#include "timer.h"

/* The state of the timer before the call, which it must keep. */
enum state { DISARMED, ARMED, EXPIRED, LATE, STATES };

FIXTURE(fault)
{
	struct evfd_timerfd_settime arg;
	struct tfd_info before;
	/* A writable page, with unmapped memory behind it. */
	char *map;
	size_t page;
	int fd;
};

FIXTURE_VARIANT(fault)
{
	enum state state;
	int clock;
};

FIXTURE_VARIANT_ADD(fault, disarmed)
{
	.state = DISARMED,
};

FIXTURE_VARIANT_ADD(fault, armed)
{
	.state = ARMED,
};

FIXTURE_VARIANT_ADD(fault, expired)
{
	.state = EXPIRED,
};

FIXTURE_VARIANT_ADD(fault, late)
{
	.state = LATE,
};

FIXTURE_VARIANT_ADD(fault, alarm)
{
	.state = ARMED,
	.clock = CLOCK_REALTIME_ALARM,
};

FIXTURE_VARIANT_ADD(fault, alarm_late)
{
	.state = LATE,
	.clock = CLOCK_REALTIME_ALARM,
};

static bool bring_to(int fd, enum state state)
{
	switch (state) {
	case ARMED:
		return !tfd_arm(fd, 0, FAR_NS, FAR_NS);
	case EXPIRED:
		return !tfd_arm(fd, 0, 1, 0) && tfd_expires(fd);
	case LATE:
		return !tfd_arm_late(fd, CLOCK_REALTIME) && tfd_expires(fd);
	default:
		return true;
	}
}

/* The result of a read in each state. */
static const int64_t ticks_in[STATES] = {
	[DISARMED] = -EAGAIN,
	[ARMED] = -EAGAIN,
	[EXPIRED] = 1,
	[LATE] = LATE_TICKS,
};

FIXTURE_SETUP(fault)
{
	self->page = sysconf(_SC_PAGESIZE);
	self->map = mmap(NULL, 2 * self->page, PROT_READ | PROT_WRITE,
			 MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	ASSERT_NE(MAP_FAILED, self->map);
	ASSERT_EQ(0, munmap(self->map + self->page, self->page));
	self->arg = (struct evfd_timerfd_settime){
		.new_value.it_value = tfd_timespec(1),
		.new_value.it_interval = tfd_timespec(1),
	};
	self->fd = tfd_new(variant->clock, TFD_NONBLOCK);
	ASSERT_GE(self->fd, 0);
	ASSERT_TRUE(bring_to(self->fd, variant->state));
	ASSERT_TRUE(tfd_info(self->fd, &self->before));
}

FIXTURE_TEARDOWN(fault)
{
	bool goes_on = variant->state == ARMED || variant->state == LATE;
	struct tfd_info after;

	ASSERT_TRUE(tfd_info(self->fd, &after));
	EXPECT_EQ(self->before.flags, after.flags);
	EXPECT_EQ(tfd_ns(self->before.time.it_interval),
		  tfd_ns(after.time.it_interval));
	EXPECT_EQ(goes_on, tfd_left(self->fd) > FAR_NS / 2);
	EXPECT_GE(FAR_NS, tfd_left(self->fd));
	EXPECT_EQ(ticks_in[variant->state], tfd_ticks(self->fd));
	EXPECT_EQ(-EAGAIN, tfd_ticks(self->fd));
	close(self->fd);
}

static int settime(int fd, void *arg)
{
	return ioctl(fd, EVFD_IOC_TIMERFD_SETTIME, arg);
}

TEST_F(fault, argument)
{
	char *end = self->map + self->page;
	void *bad[] = {
		nowhere(), (void *)1, (void *)-1L, (void *)-4096L, end,
		end - 1, end - 8, end - sizeof(self->arg) + 1,
	};

	memcpy(end - sizeof(self->arg), &self->arg, sizeof(self->arg));
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		EXPECT_EQ(-1, settime(self->fd, bad[i]));
		EXPECT_EQ(EFAULT, errno) TH_LOG("pointer %zu", i);
	}
}

TEST_F(fault, old_value)
{
	uint64_t end = (uintptr_t)self->map + self->page;
	uint64_t bad[] = {
		1, 8, 4096 - 8, end, end - 1, end - 8, end - 16, end - 24, end - 31,
		1ull << 46, 1ull << 47, 1ull << 63, -1ull << 47, 0xffffffff81000000,
		UINT64_MAX - 31, UINT64_MAX - 7, UINT64_MAX,
		/* All 64 bits count, also in 32-bit programs. */
		((uintptr_t)self->map) ^ 1ull << 46,
	};

	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		self->arg.old_value = bad[i];
		EXPECT_EQ(-1, settime(self->fd, &self->arg));
		EXPECT_EQ(EFAULT, errno)
			TH_LOG("pointer %#llx", (unsigned long long)bad[i]);
	}
}

TEST_F(fault, old_value_in_memory_that_is_not_for_writing)
{
	static const struct evfd_itimerspec constant;
	static const int protections[] = { PROT_READ, PROT_NONE };

	for (size_t i = 0; i < ARRAY_SIZE(protections); i++) {
		ASSERT_EQ(0, mprotect(self->map, self->page, protections[i]));
		self->arg.old_value = (uintptr_t)self->map;
		EXPECT_EQ(-1, settime(self->fd, &self->arg));
		EXPECT_EQ(EFAULT, errno);
	}
	self->arg.old_value = (uintptr_t)&constant;
	EXPECT_EQ(-1, settime(self->fd, &self->arg));
	EXPECT_EQ(EFAULT, errno);
}

/* Calls with other errors do not write to a valid old value either. */
TEST_F(fault, refused_for_something_else)
{
	struct evfd_itimerspec old;

	memset(&old, 0xee, sizeof(old));
	self->arg.old_value = (uintptr_t)&old;
	self->arg.flags = 1 << 5;
	EXPECT_EQ(-1, settime(self->fd, &self->arg));
	EXPECT_EQ(EINVAL, errno);
	self->arg.flags = 0;
	self->arg.slack_ns = 1;
	EXPECT_EQ(-1, settime(self->fd, &self->arg));
	EXPECT_EQ(EINVAL, errno);
	self->arg.slack_ns = 0;
	self->arg.reserved = 1;
	EXPECT_EQ(-1, settime(self->fd, &self->arg));
	EXPECT_EQ(EINVAL, errno);
	self->arg.reserved = 0;
	self->arg.new_value.it_value.tv_nsec = NS_PER_S;
	EXPECT_EQ(-1, settime(self->fd, &self->arg));
	EXPECT_EQ(EINVAL, errno);
	/* Invalid arguments are reported before the old value is written. */
	self->arg.old_value = 1;
	EXPECT_EQ(-1, settime(self->fd, &self->arg));
	EXPECT_EQ(EINVAL, errno);
	for (size_t i = 0; i < sizeof(old); i++)
		EXPECT_EQ(0xee, ((unsigned char *)&old)[i]);
}

TEST(where_the_old_value_may_be)
{
	struct evfd_timerfd_settime arg = {
		.new_value.it_value = tfd_timespec(FAR_NS),
		.new_value.it_interval = tfd_timespec(5),
	};
	char odd[sizeof(struct evfd_itimerspec) + 1];
	int fd = tfd_new(CLOCK_MONOTONIC, 0);
	struct evfd_itimerspec old;

	ASSERT_EQ(0, settime(fd, &arg));
	/* The old value may be at any address ... */
	arg.old_value = (uintptr_t)odd + 1;
	ASSERT_EQ(0, settime(fd, &arg));
	memcpy(&old, odd + 1, sizeof(old));
	EXPECT_EQ(5, tfd_ns(old.it_interval));
	EXPECT_LT(FAR_NS / 2, tfd_ns(old.it_value));
	/* ... and in the argument itself. */
	arg.new_value.it_interval = tfd_timespec(6);
	arg.old_value = (uintptr_t)&arg.new_value;
	ASSERT_EQ(0, settime(fd, &arg));
	EXPECT_EQ(5, tfd_ns(arg.new_value.it_interval));
	EXPECT_GT(FAR_NS, tfd_ns(arg.new_value.it_value));
	ASSERT_EQ(0, tfd_get(fd, &old));
	EXPECT_EQ(6, tfd_ns(old.it_interval));
}

/* The argument is only read. */
TEST(an_unaligned_argument_in_read_only_memory)
{
	struct evfd_timerfd_settime arg = {
		.new_value.it_value = tfd_timespec(FAR_NS),
	};
	char *map = mmap(NULL, 4096, PROT_READ | PROT_WRITE,
			 MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	int fd = tfd_new(CLOCK_MONOTONIC, 0);

	ASSERT_NE(MAP_FAILED, map);
	memcpy(map + 3, &arg, sizeof(arg));
	ASSERT_EQ(0, mprotect(map, 4096, PROT_READ));
	EXPECT_EQ(0, settime(fd, map + 3));
	EXPECT_LT(FAR_NS / 2, tfd_left(fd));
}

TEST(making_one)
{
	struct evfd_timerfd_create arg = { .clockid = CLOCK_MONOTONIC };
	size_t page = sysconf(_SC_PAGESIZE);
	char *map = mmap(NULL, 2 * page, PROT_READ | PROT_WRITE,
			 MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	void *bad[] = {
		nowhere(), (void *)1, (void *)-1L, map + page, map + page - 4,
	};
	int next = dup(0), fd;

	ASSERT_NE(MAP_FAILED, map);
	ASSERT_EQ(0, munmap(map + page, page));
	close(next);
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		EXPECT_EQ(-1, evfd_device_ioctl(EVFD_IOC_TIMERFD_CREATE, bad[i]));
		EXPECT_EQ(EFAULT, errno) TH_LOG("pointer %zu", i);
	}
	EXPECT_EQ(next, dup(0));
	memcpy(map + 3, &arg, sizeof(arg));
	ASSERT_EQ(0, mprotect(map, page, PROT_READ));
	fd = evfd_device_ioctl(EVFD_IOC_TIMERFD_CREATE, map + 3);
	EXPECT_EQ(0, tfd_left(fd));
}

TEST_HARNESS_MAIN
