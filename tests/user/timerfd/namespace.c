// SPDX-License-Identifier: GPL-2.0
/*
 * Time namespaces: an absolute time refers to the clock that the caller of the setting
 * sees. The processes that made the descriptor or use it do not matter.
 */
#include "namespace.h"
#include "fd_passing.h"

#include <sys/utsname.h>
#include <sys/wait.h>

/* The children of a test are in the namespace, the test itself is not. */
FIXTURE(timens)
{
	int64_t offset_ms;
	int fd;
};

FIXTURE_VARIANT(timens)
{
	int id;
	/* Whether the clocks inside are behind those outside. */
	bool behind;
};

FIXTURE_VARIANT_ADD(timens, monotonic)
{
	.id = CLOCK_MONOTONIC,
};

FIXTURE_VARIANT_ADD(timens, monotonic_behind)
{
	.id = CLOCK_MONOTONIC,
	.behind = true,
};

FIXTURE_VARIANT_ADD(timens, boottime)
{
	.id = CLOCK_BOOTTIME,
};

FIXTURE_VARIANT_ADD(timens, boottime_alarm_behind)
{
	.id = CLOCK_BOOTTIME_ALARM,
	.behind = true,
};

/* CLOCK_REALTIME_ALARM is the same inside and outside. */
FIXTURE_VARIANT_ADD(timens, realtime_alarm_behind)
{
	.id = CLOCK_REALTIME_ALARM,
	.behind = true,
};

FIXTURE_SETUP(timens)
{
	/* A clock can't show a time below 0. */
	self->offset_ms = variant->behind ? -(now_ms() / 2) : 1000000500;
	ASSERT_TRUE(timens_new(self->offset_ms));
	self->fd = tfd_new(variant->id, TFD_NONBLOCK);
	ASSERT_GE(self->fd, 0);
}

FIXTURE_TEARDOWN(timens)
{
}

/* Waits for a child, which has recorded its failures in the test. */
static bool join(pid_t child)
{
	int status;

	return waitpid(child, &status, 0) == child && !status;
}

/* Whether a timer set to FAR_NS after start has the expected time left. */
static bool is_far(int fd, int id, int64_t start)
{
	int64_t left = tfd_left(fd);

	return left <= FAR_NS && left >= FAR_NS - (tfd_clock(id) - start);
}

static bool sets_far(int fd, int id)
{
	int64_t start = tfd_clock(id);

	return !tfd_arm(fd, TFD_TIMER_ABSTIME, start + FAR_NS, 0) &&
	       is_far(fd, id, start);
}

/* Checks the clocks of the namespace itself. */
TEST_F(timens, the_clock_inside_is_another)
{
	bool same = variant->id == CLOCK_REALTIME ||
		    variant->id == CLOCK_REALTIME_ALARM;
	int64_t outside = tfd_clock(variant->id), differs;
	pid_t child = fork_child();

	ASSERT_GE(child, 0);
	if (!child) {
		differs = tfd_clock(variant->id) - outside;
		if (!same)
			differs -= self->offset_ms * NS_PER_MS;
		EXPECT_LE(0, differs);
		EXPECT_GT(DEADLINE_MS * NS_PER_MS, differs);
		_exit(0);
	}
	ASSERT_TRUE(join(child));
}

TEST_F(timens, made_and_set_inside)
{
	pid_t child = fork_child();

	ASSERT_GE(child, 0);
	if (!child) {
		int fd = tfd_new(variant->id, 0);

		EXPECT_TRUE(sets_far(fd, variant->id));
		_exit(0);
	}
	ASSERT_TRUE(join(child));
}

TEST_F(timens, expires_inside)
{
	pid_t child = fork_child();

	ASSERT_GE(child, 0);
	if (!child) {
		int64_t when = tfd_clock(variant->id) + 30 * NS_PER_MS;

		EXPECT_EQ(0, tfd_arm(self->fd, TFD_TIMER_ABSTIME, when, 0));
		EXPECT_TRUE(tfd_expires(self->fd));
		EXPECT_LE(when, tfd_clock(variant->id));
		EXPECT_EQ(1, tfd_ticks(self->fd));
		_exit(0);
	}
	ASSERT_TRUE(join(child));
}

TEST_F(timens, repeats_inside)
{
	const int64_t interval = 5 * NS_PER_MS;
	pid_t child = fork_child();

	ASSERT_GE(child, 0);
	if (!child) {
		int64_t first = tfd_clock(variant->id) + interval, sum = 0, due;

		EXPECT_EQ(0, tfd_arm(self->fd, TFD_TIMER_ABSTIME, first, interval));
		for (int i = 0; i < 5; i++) {
			EXPECT_TRUE(tfd_expires(self->fd));
			due = tfd_due(tfd_clock(variant->id), first, interval);
			sum += tfd_ticks(self->fd);
			EXPECT_LE(due, sum);
			due = tfd_due(tfd_clock(variant->id), first, interval);
			EXPECT_GE(due, sum);
		}
		_exit(0);
	}
	ASSERT_TRUE(join(child));
}

/* Each setting of the same descriptor uses the clock of its caller. */
TEST_F(timens, made_outside_and_set_inside)
{
	int64_t start = tfd_clock(variant->id);
	pid_t child = fork_child();

	ASSERT_GE(child, 0);
	if (!child) {
		EXPECT_TRUE(sets_far(self->fd, variant->id));
		_exit(0);
	}
	ASSERT_TRUE(join(child));
	EXPECT_TRUE(is_far(self->fd, variant->id, start));
	EXPECT_TRUE(sets_far(self->fd, variant->id));
}

TEST_F(timens, made_inside_and_set_outside)
{
	int64_t start = tfd_clock(variant->id);
	int socks[2], fd;
	pid_t child;

	ASSERT_EQ(0, socketpair(AF_UNIX, SOCK_STREAM, 0, socks));
	child = fork_child();
	ASSERT_GE(child, 0);
	if (!child) {
		start = tfd_clock(variant->id);
		fd = tfd_new(variant->id, TFD_NONBLOCK);
		EXPECT_TRUE(send_fd(socks[1], fd));
		/* The parent sets the timer and sends it back. */
		fd = receive_fd(socks[1]);
		EXPECT_TRUE(is_far(fd, variant->id, start));
		EXPECT_TRUE(sets_far(fd, variant->id));
		_exit(0);
	}
	fd = receive_fd(socks[0]);
	ASSERT_GE(fd, 0);
	EXPECT_TRUE(sets_far(fd, variant->id));
	EXPECT_TRUE(send_fd(socks[0], fd));
	ASSERT_TRUE(join(child));
	EXPECT_TRUE(is_far(fd, variant->id, start));
}

TEST_F(timens, spans_are_the_same_inside)
{
	pid_t child = fork_child();

	ASSERT_GE(child, 0);
	if (!child) {
		int64_t start = tfd_clock(variant->id);

		EXPECT_EQ(0, tfd_arm(self->fd, 0, FAR_NS, 0));
		EXPECT_TRUE(is_far(self->fd, variant->id, start));
		_exit(0);
	}
	ASSERT_TRUE(join(child));
}

/* A time inside may be before the clock began outside. */
TEST_F(timens, long_past_inside)
{
	pid_t child = fork_child();

	ASSERT_GE(child, 0);
	if (!child) {
		EXPECT_EQ(0, tfd_arm(self->fd, TFD_TIMER_ABSTIME, 1, 0));
		EXPECT_TRUE(tfd_expires(self->fd));
		EXPECT_EQ(1, tfd_ticks(self->fd));
		_exit(0);
	}
	ASSERT_TRUE(join(child));
}

static bool linux_is_older_than(int major, int minor)
{
	int is_major, is_minor;
	struct utsname names;

	if (uname(&names) || sscanf(names.release, "%d.%d", &is_major, &is_minor) != 2)
		return false;
	return is_major < major || (is_major == major && is_minor < minor);
}

/* The greatest time inside may be beyond the greatest time outside. */
TEST_F(timens, never_inside)
{
	/* A named difference: this sum overflowed, and alarms took a time below 0 for the past. */
	bool wraps = impl_is("native") && linux_is_older_than(7, 3) &&
		     variant->id == CLOCK_BOOTTIME_ALARM && variant->behind;
	struct evfd_itimerspec never = { .it_value = { INT64_MAX, 0 } };
	pid_t child = fork_child();

	ASSERT_GE(child, 0);
	if (!child) {
		EXPECT_EQ(0, tfd_set(self->fd, TFD_TIMER_ABSTIME, &never, NULL));
		EXPECT_EQ(wraps ? POLLIN : 0, poll_now(self->fd));
		EXPECT_LT(FAR_NS, tfd_left(self->fd));
		_exit(0);
	}
	ASSERT_TRUE(join(child));
}

TEST_HARNESS_MAIN
