// SPDX-License-Identifier: GPL-2.0
/* Time namespaces and the call of 2007, which only evfd has. */
#include "namespace.h"

#include <sys/wait.h>

/* Calls EVFD_IOC_TIMERFD with an absolute time on the timer's clock. */
static int timerfd_at(int ufd, int id, int64_t when)
{
	struct evfd_timerfd arg = {
		.ufd = ufd,
		.clockid = id,
		.flags = EVFD_TFD_TIMER_ABS,
		.value.it_value = tfd_timespec(when),
	};

	return evfd_device_ioctl(EVFD_IOC_TIMERFD, &arg);
}

/* Whether a timer set to FAR_NS after start has the expected time left. */
static bool is_far(int fd, int id, int64_t start)
{
	int64_t left = tfd_left(fd);

	return left <= FAR_NS && left >= FAR_NS - (tfd_clock(id) - start);
}

static bool all_calls_of_2007_set_far(void)
{
	static const int clocks[] = {
		CLOCK_MONOTONIC, CLOCK_BOOTTIME, CLOCK_REALTIME, CLOCK_TAI,
	};
	bool good = true;
	int fd = -1;

	for (size_t i = 0; i < ARRAY_SIZE(clocks); i++) {
		int64_t start = tfd_clock(clocks[i]);

		/* The first call makes the timer, the others change its clock. */
		fd = timerfd_at(fd, clocks[i], start + FAR_NS);
		good = good && is_far(fd, clocks[i], start);
	}
	return good;
}

static void inside(struct __test_metadata *_metadata, int64_t offset_ms)
{
	int64_t outside = now_ms();
	pid_t child;

	ASSERT_TRUE(timens_new(offset_ms));
	child = fork_child();
	ASSERT_GE(child, 0);
	if (!child) {
		EXPECT_LE(outside + offset_ms, now_ms());
		EXPECT_TRUE(all_calls_of_2007_set_far());
		_exit(0);
	}
	ASSERT_EQ(child, waitpid(child, NULL, 0));
	EXPECT_TRUE(all_calls_of_2007_set_far());
}

TEST(calls_of_2007_ahead)
{
	inside(_metadata, 1000000500);
}

TEST(calls_of_2007_behind)
{
	inside(_metadata, -(now_ms() / 2));
}

TEST_HARNESS_MAIN
