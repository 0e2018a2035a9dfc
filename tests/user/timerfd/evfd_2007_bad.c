// SPDX-License-Identifier: GPL-2.0
/*
 * The call of 2007: refused calls change no existing timer, and make no descriptor.
 */
#include "timer.h"

#include <limits.h>
#include <sys/resource.h>

FIXTURE(refused)
{
	struct evfd_timerfd arg;
	int next;
};

FIXTURE_VARIANT(refused)
{
	bool set_anew;
};

FIXTURE_VARIANT_ADD(refused, a_new_one)
{
	.set_anew = false,
};

FIXTURE_VARIANT_ADD(refused, one_that_there_is)
{
	.set_anew = true,
};

/* A timer FAR_NS away, and a call that would let it expire if it were valid. */
FIXTURE_SETUP(refused)
{
	self->arg = (struct evfd_timerfd){
		.ufd = -1,
		.clockid = CLOCK_MONOTONIC,
		.value.it_value = tfd_timespec(FAR_NS),
	};
	if (variant->set_anew) {
		self->arg.ufd = evfd_device_ioctl(EVFD_IOC_TIMERFD, &self->arg);
		ASSERT_GE(self->arg.ufd, 0);
		ASSERT_EQ(0, tfd_set_ticks(self->arg.ufd, 7));
	}
	self->arg.value.it_value = tfd_timespec(1);
	self->next = dup(0);
	ASSERT_GE(self->next, 0);
	close(self->next);
}

FIXTURE_TEARDOWN(refused)
{
	EXPECT_EQ(self->next, dup(0));
	if (variant->set_anew) {
		EXPECT_EQ(7, tfd_pending(self->arg.ufd));
		EXPECT_LT(FAR_NS / 2, tfd_left(self->arg.ufd));
	}
}

static int error_of(struct evfd_timerfd *arg)
{
	return evfd_device_ioctl(EVFD_IOC_TIMERFD, arg) < 0 ? errno : 0;
}

TEST_F(refused, flags)
{
	for (int bit = 0; bit < 32; bit++) {
		uint32_t flag = 1u << bit;

		for (int i = 0; i < 3; i++) {
			uint32_t more = i == 1 ? EVFD_TFD_TIMER_ABS :
					i == 2 ? EVFD_TFD_TIMER_SEQ : 0;

			self->arg.flags = flag | more;
			if (self->arg.flags == EVFD_TFD_TIMER_ABS ||
			    self->arg.flags == EVFD_TFD_TIMER_SEQ)
				continue;
			EXPECT_EQ(EINVAL, error_of(&self->arg))
				TH_LOG("flags %#x", self->arg.flags);
		}
	}
}

TEST_F(refused, fields_for_later)
{
	for (int bit = 0; bit < 32; bit++) {
		self->arg.reserved = 1u << bit;
		EXPECT_EQ(EINVAL, error_of(&self->arg)) TH_LOG("bit %d", bit);
	}
}

TEST_F(refused, clocks)
{
	static const int clocks[] = {
		-1, INT_MIN, INT_MAX, CLOCK_PROCESS_CPUTIME_ID,
		CLOCK_THREAD_CPUTIME_ID, CLOCK_MONOTONIC_RAW,
		CLOCK_REALTIME_COARSE, CLOCK_MONOTONIC_COARSE, 10, 12, 16,
	};

	for (size_t i = 0; i < ARRAY_SIZE(clocks); i++) {
		self->arg.clockid = clocks[i];
		EXPECT_EQ(EINVAL, error_of(&self->arg))
			TH_LOG("clock %d", clocks[i]);
	}
}

TEST_F(refused, times)
{
	static const struct evfd_timespec bad[] = {
		{ -1, 0 }, { INT64_MIN, 0 }, { 0, -1 }, { 0, NS_PER_S },
		{ 1, INT64_MAX }, { 1, INT64_MIN }, { 0, 1ll << 32 },
	};
	static const uint32_t flags[] = {
		EVFD_TFD_TIMER_REL, EVFD_TFD_TIMER_ABS, EVFD_TFD_TIMER_SEQ,
	};

	for (size_t i = 0; i < ARRAY_SIZE(bad) * ARRAY_SIZE(flags); i++) {
		self->arg.flags = flags[i % 3];
		self->arg.value.it_interval = tfd_timespec(1);
		self->arg.value.it_value = bad[i / 3];
		EXPECT_EQ(EINVAL, error_of(&self->arg)) TH_LOG("time %zu", i / 3);
		self->arg.value.it_interval = bad[i / 3];
		self->arg.value.it_value = tfd_timespec(1);
		EXPECT_EQ(EINVAL, error_of(&self->arg)) TH_LOG("time %zu", i / 3);
	}
}

TEST_F(refused, arguments)
{
	size_t page = sysconf(_SC_PAGESIZE);
	char *map = mmap(NULL, 2 * page, PROT_READ | PROT_WRITE,
			 MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	void *bad[] = {
		nowhere(), (void *)1, (void *)-1L, map + page,
		map + page - sizeof(self->arg) + 1, map + page - 4,
	};

	ASSERT_NE(MAP_FAILED, map);
	memcpy(map + page - sizeof(self->arg), &self->arg, sizeof(self->arg));
	ASSERT_EQ(0, munmap(map + page, page));
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		EXPECT_EQ(-1, evfd_device_ioctl(EVFD_IOC_TIMERFD, bad[i]));
		EXPECT_EQ(EFAULT, errno) TH_LOG("pointer %zu", i);
	}
}

TEST_F(refused, without_a_privilege)
{
	static const int clocks[] = {
		CLOCK_REALTIME_ALARM, CLOCK_BOOTTIME_ALARM,
	};

	ASSERT_EQ(0, setresuid(65534, 65534, 65534));
	for (size_t i = 0; i < ARRAY_SIZE(clocks); i++) {
		self->arg.clockid = clocks[i];
		EXPECT_EQ(EPERM, error_of(&self->arg));
		self->arg.flags = 2;
		EXPECT_EQ(EINVAL, error_of(&self->arg));
		self->arg.flags = 0;
	}
}

TEST_F(refused, no_descriptor_left)
{
	int device = open(EVFD_DEVICE, O_RDWR);
	struct rlimit limit, few;
	int ufd = self->arg.ufd;

	ASSERT_EQ(self->next, device);
	ASSERT_EQ(0, getrlimit(RLIMIT_NOFILE, &limit));
	few = limit;
	few.rlim_cur = device + 1;
	ASSERT_EQ(0, setrlimit(RLIMIT_NOFILE, &few));
	self->arg.ufd = -1;
	EXPECT_EQ(-1, ioctl(device, EVFD_IOC_TIMERFD, &self->arg));
	EXPECT_EQ(EMFILE, errno);
	ASSERT_EQ(0, setrlimit(RLIMIT_NOFILE, &limit));
	close(device);
	self->arg.ufd = ufd;
}

/* A timer may change between alarm clocks, and between other clocks, but not across. */
TEST(alarm_clocks)
{
	static const int clocks[] = {
		CLOCK_REALTIME_ALARM, CLOCK_BOOTTIME_ALARM, CLOCK_MONOTONIC,
		CLOCK_REALTIME, CLOCK_BOOTTIME, CLOCK_TAI,
	};
	struct evfd_timerfd arg = { };

	for (size_t i = 0; i < ARRAY_SIZE(clocks) * ARRAY_SIZE(clocks); i++) {
		size_t from = i / ARRAY_SIZE(clocks);
		size_t to = i % ARRAY_SIZE(clocks);
		bool same = (from < 2) == (to < 2);
		struct tfd_info info;

		arg.ufd = -1;
		arg.clockid = clocks[from];
		arg.value.it_value = tfd_timespec(FAR_NS);
		arg.ufd = evfd_device_ioctl(EVFD_IOC_TIMERFD, &arg);
		ASSERT_GE(arg.ufd, 0);
		arg.clockid = clocks[to];
		arg.value.it_value = tfd_timespec(1);
		EXPECT_EQ(same ? 0 : EINVAL, error_of(&arg))
			TH_LOG("from %d to %d", clocks[from], clocks[to]);
		ASSERT_TRUE(tfd_info(arg.ufd, &info));
		EXPECT_EQ(clocks[same ? to : from], info.clockid);
		EXPECT_EQ(same, tfd_left(arg.ufd) < FAR_NS / 2);
		close(arg.ufd);
	}
}

TEST(an_alarm_that_another_may_not_set)
{
	struct evfd_timerfd arg = {
		.ufd = -1,
		.clockid = CLOCK_BOOTTIME_ALARM,
		.value.it_value = tfd_timespec(FAR_NS),
	};

	arg.ufd = evfd_device_ioctl(EVFD_IOC_TIMERFD, &arg);
	ASSERT_GE(arg.ufd, 0);
	ASSERT_EQ(0, setresuid(65534, 65534, 65534));
	arg.value.it_value = tfd_timespec(1);
	EXPECT_EQ(EPERM, error_of(&arg));
	arg.clockid = CLOCK_MONOTONIC;
	EXPECT_EQ(EINVAL, error_of(&arg));
	EXPECT_LT(FAR_NS / 2, tfd_left(arg.ufd));
	EXPECT_EQ(0, poll_now(arg.ufd));
}

TEST_HARNESS_MAIN
