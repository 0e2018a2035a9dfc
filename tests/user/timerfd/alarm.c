// SPDX-License-Identifier: GPL-2.0
/*
 * Alarm clocks: making and setting their timers needs CAP_WAKE_ALARM. A process without it
 * can still read, poll and query an existing timer.
 */
#include "timer.h"
#include "fd_passing.h"

#include <linux/capability.h>
#include <sys/wait.h>

FIXTURE(alarm)
{
	int fd;
};

FIXTURE_VARIANT(alarm)
{
	int id;
};

FIXTURE_VARIANT_ADD(alarm, realtime)
{
	.id = CLOCK_REALTIME_ALARM,
};

FIXTURE_VARIANT_ADD(alarm, boottime)
{
	.id = CLOCK_BOOTTIME_ALARM,
};

FIXTURE_SETUP(alarm)
{
	self->fd = tfd_new(variant->id, TFD_NONBLOCK);
	ASSERT_GE(self->fd, 0);
}

FIXTURE_TEARDOWN(alarm)
{
	close(self->fd);
}

/* Drops all capabilities of the process except those in mask. */
static bool keep_capabilities(uint64_t mask)
{
	struct __user_cap_header_struct header = {
		.version = _LINUX_CAPABILITY_VERSION_3,
	};
	struct __user_cap_data_struct data[2];

	if (syscall(SYS_capget, &header, data))
		return false;
	for (int i = 0; i < 2; i++) {
		data[i].effective &= (uint32_t)(mask >> 32 * i);
		data[i].permitted &= (uint32_t)(mask >> 32 * i);
	}
	return !syscall(SYS_capset, &header, data);
}

#define WAKE_ALARM	(UINT64_C(1) << CAP_WAKE_ALARM)

TEST_F(alarm, needs_the_one_capability)
{
	ASSERT_TRUE(keep_capabilities(~WAKE_ALARM));
	EXPECT_EQ(-1, tfd_new(variant->id, 0));
	EXPECT_EQ(EPERM, errno);
	EXPECT_EQ(-1, tfd_arm(self->fd, 0, FAR_NS, 0));
	EXPECT_EQ(EPERM, errno);
	EXPECT_EQ(-1, tfd_arm(self->fd, 0, 0, 0));
	EXPECT_EQ(EPERM, errno);
	EXPECT_EQ(-1, tfd_arm(self->fd, TFD_TIMER_ABSTIME |
			      TFD_TIMER_CANCEL_ON_SET, FAR_NS, 0));
	EXPECT_EQ(EPERM, errno);
	EXPECT_EQ(0, tfd_left(self->fd));
}

TEST_F(alarm, needs_no_other_capability)
{
	int fd;

	ASSERT_TRUE(keep_capabilities(WAKE_ALARM));
	fd = tfd_new(variant->id, 0);
	ASSERT_GE(fd, 0);
	EXPECT_EQ(0, tfd_arm(fd, 0, 1, 0));
	EXPECT_EQ(1, tfd_ticks(fd));
	EXPECT_EQ(0, tfd_arm(self->fd, 0, FAR_NS, 0));
	EXPECT_LT(0, tfd_left(self->fd));
}

/* All capabilities in another user namespace are not enough. */
TEST_F(alarm, needs_it_outside_of_user_namespaces)
{
	ASSERT_EQ(0, unshare(CLONE_NEWUSER));
	EXPECT_EQ(-1, tfd_new(variant->id, 0));
	EXPECT_EQ(EPERM, errno);
	EXPECT_EQ(-1, tfd_arm(self->fd, 0, FAR_NS, 0));
	EXPECT_EQ(EPERM, errno);
	EXPECT_LE(0, tfd_new(CLOCK_MONOTONIC, 0));
}

TEST_F(alarm, what_is_invalid_is_told_first)
{
	struct evfd_itimerspec bad = { .it_value = { 0, NS_PER_S } };

	ASSERT_TRUE(keep_capabilities(0));
	EXPECT_EQ(-1, tfd_new(variant->id, 1));
	EXPECT_EQ(EINVAL, errno);
	EXPECT_EQ(-1, tfd_arm(self->fd, 4, FAR_NS, 0));
	EXPECT_EQ(EINVAL, errno);
	EXPECT_EQ(-1, tfd_set(self->fd, 0, &bad, NULL));
	EXPECT_EQ(EINVAL, errno);
}

/* A setting that fails with EPERM leaves the timer as it was. */
TEST_F(alarm, a_refused_setting_changes_nothing)
{
	struct evfd_itimerspec new = { .it_value = { 1, 0 } };
	struct evfd_itimerspec old = { { 1, 2 }, { 3, 4 } };
	struct tfd_info info;

	ASSERT_EQ(0, tfd_arm(self->fd, TFD_TIMER_ABSTIME, 1, FAR_NS));
	ASSERT_TRUE(tfd_expires(self->fd));
	ASSERT_TRUE(keep_capabilities(0));
	EXPECT_EQ(-1, tfd_set(self->fd, 0, &new, &old));
	EXPECT_EQ(EPERM, errno);
	EXPECT_EQ(3, old.it_value.tv_sec);
	EXPECT_EQ(POLLIN, poll_now(self->fd));
	ASSERT_TRUE(tfd_info(self->fd, &info));
	EXPECT_EQ(TFD_TIMER_ABSTIME, info.flags);
	EXPECT_EQ(FAR_NS, tfd_ns(info.time.it_interval));
	EXPECT_LE(1, tfd_ticks(self->fd));
}

/* Reading, polling and querying need no capability, nor does the re-arming by a read. */
TEST_F(alarm, goes_on_without_the_capability)
{
	const int64_t interval = 10 * NS_PER_MS;
	int64_t first, due, sum = 0;
	struct evfd_itimerspec now;

	first = tfd_clock(variant->id) + interval;
	ASSERT_EQ(0, tfd_arm(self->fd, TFD_TIMER_ABSTIME, first, interval));
	ASSERT_TRUE(keep_capabilities(0));
	for (int i = 0; i < 5; i++) {
		ASSERT_TRUE(tfd_expires(self->fd));
		due = tfd_due(tfd_clock(variant->id), first, interval);
		sum += tfd_ticks(self->fd);
		EXPECT_LE(due, sum);
		due = tfd_due(tfd_clock(variant->id), first, interval);
		EXPECT_GE(due, sum);
	}
	EXPECT_EQ(0, tfd_get(self->fd, &now));
	EXPECT_GE(interval, tfd_ns(now.it_value));
	EXPECT_EQ(interval, tfd_ns(now.it_interval));
	if (sizeof(long) == 8 || impl_is_evfd())
		EXPECT_EQ(0, tfd_set_ticks(self->fd, 7));
}

static bool is_far(const struct evfd_timespec *time)
{
	return tfd_ns(*time) > FAR_NS / 2 && tfd_ns(*time) <= FAR_NS;
}

/* Native shows the time for which the timer was armed last. */
TEST_F(alarm, disarmed_it_still_shows_a_time)
{
	struct evfd_itimerspec off = { }, old = { { 1, 1 }, { 1, 1 } }, now;
	struct tfd_info info;

	EXPECT_EQ(0, tfd_left(self->fd));
	ASSERT_EQ(0, tfd_arm(self->fd, 0, FAR_NS, FAR_NS));
	ASSERT_EQ(0, tfd_arm(self->fd, 0, 0, 0));
	ASSERT_EQ(0, tfd_get(self->fd, &now));
	EXPECT_TRUE(is_far(&now.it_value));
	EXPECT_EQ(0, tfd_ns(now.it_interval));
	ASSERT_TRUE(tfd_info(self->fd, &info));
	EXPECT_TRUE(is_far(&info.time.it_value));
	ASSERT_EQ(0, tfd_set(self->fd, 0, &off, &old));
	EXPECT_TRUE(is_far(&old.it_value));
	EXPECT_EQ(0, tfd_ns(old.it_interval));
	EXPECT_EQ(0, poll_now(self->fd));

	ASSERT_EQ(0, tfd_arm(self->fd, 0, 1, 0));
	ASSERT_TRUE(tfd_expires(self->fd));
	ASSERT_EQ(0, tfd_arm(self->fd, 0, 0, 0));
	EXPECT_EQ(0, tfd_left(self->fd));
	EXPECT_EQ(-EAGAIN, tfd_ticks(self->fd));
}

TEST_F(alarm, passed_to_a_process_without_the_capability)
{
	int socks[2], fd;
	pid_t child;

	ASSERT_EQ(0, socketpair(AF_UNIX, SOCK_STREAM, 0, socks));
	child = fork_child();
	ASSERT_GE(child, 0);
	if (!child) {
		EXPECT_TRUE(keep_capabilities(0));
		fd = receive_fd(socks[1]);
		EXPECT_LT(FAR_NS / 2, tfd_left(fd));
		EXPECT_EQ(-1, tfd_arm(fd, 0, 1, 0));
		EXPECT_EQ(EPERM, errno);
		EXPECT_TRUE(send_fd(socks[1], fd));
		/* The parent, which has the capability, lets the timer expire. */
		EXPECT_TRUE(tfd_expires(fd));
		EXPECT_EQ(1, tfd_ticks(fd));
		_exit(0);
	}
	ASSERT_EQ(0, tfd_arm(self->fd, 0, FAR_NS, 0));
	ASSERT_TRUE(send_fd(socks[0], self->fd));
	ASSERT_LE(0, receive_fd(socks[0]));
	EXPECT_LT(FAR_NS / 2, tfd_left(self->fd));
	ASSERT_EQ(0, tfd_arm(self->fd, 0, 1, 0));
	ASSERT_EQ(child, waitpid(child, NULL, 0));
}

TEST_HARNESS_MAIN
