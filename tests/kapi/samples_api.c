// SPDX-License-Identifier: GPL-2.0
/* The sample modules: refused calls, posts, and the end of posts on close. */
#define _GNU_SOURCE
#include <sys/utsname.h>

#include "kapi.h"
#include "module.h"
#include "queue.h"
#include "../../samples/evfd_samples.h"

FIXTURE(samples)
{
	int shrinker;
	int timer;
	int fd;
};

FIXTURE_SETUP(samples)
{
	self->shrinker = open("/dev/" EVFD_SHRINKER_DEVICE_NAME, O_RDWR);
	ASSERT_LE(0, self->shrinker);
	self->timer = open("/dev/" EVFD_TIMER_DEVICE_NAME, O_RDWR);
	ASSERT_LE(0, self->timer);
	self->fd = evfd_new(0, EVFD_EFD_NONBLOCK);
	ASSERT_LE(0, self->fd);
}

FIXTURE_TEARDOWN(samples)
{
	close(self->shrinker);
	close(self->timer);
	close(self->fd);
}

static int call(int fd, unsigned int cmd, void *arg)
{
	return ioctl(fd, cmd, arg) ? -errno : 0;
}

static int start(int timer, int fd, unsigned int period_ms)
{
	struct evfd_timer_start arg = { .fd = fd, .period_ms = period_ms };

	return call(timer, EVFD_TIMER_IOC_START, &arg);
}

TEST_F(samples, unknown_ioctl)
{
	EXPECT_EQ(-ENOTTY, call(self->shrinker, EVFD_TIMER_IOC_START, NULL));
	EXPECT_EQ(-ENOTTY, call(self->timer, EVFD_SHRINKER_IOC_WATCH, NULL));
}

TEST_F(samples, argument_not_readable)
{
	EXPECT_EQ(-EFAULT, call(self->shrinker, EVFD_SHRINKER_IOC_WATCH, NULL));
	EXPECT_EQ(-EFAULT, call(self->timer, EVFD_TIMER_IOC_START, NULL));
}

TEST_F(samples, not_an_event_descriptor)
{
	int native = eventfd(0, 0);
	int closed = 1000;

	EXPECT_EQ(-EINVAL, call(self->shrinker, EVFD_SHRINKER_IOC_WATCH,
				&native));
	EXPECT_EQ(-EBADF, call(self->shrinker, EVFD_SHRINKER_IOC_WATCH,
			       &closed));
	EXPECT_EQ(-EINVAL, start(self->timer, native, 1));
	EXPECT_EQ(-EBADF, start(self->timer, closed, 1));
	close(native);
}

TEST_F(samples, no_period)
{
	EXPECT_EQ(-EINVAL, start(self->timer, self->fd, 0));
}

TEST_F(samples, one_descriptor_each)
{
	EXPECT_EQ(0, call(self->shrinker, EVFD_SHRINKER_IOC_WATCH, &self->fd));
	EXPECT_EQ(-EBUSY, call(self->shrinker, EVFD_SHRINKER_IOC_WATCH,
			       &self->fd));
	EXPECT_EQ(0, start(self->timer, self->fd, 1000));
	EXPECT_EQ(-EBUSY, start(self->timer, self->fd, 1000));
}

TEST_F(samples, shrinker_is_asked)
{
	int caches = open("/proc/sys/vm/drop_caches", O_WRONLY);

	ASSERT_EQ(0, call(self->shrinker, EVFD_SHRINKER_IOC_WATCH, &self->fd));
	ASSERT_EQ(1, write(caches, "2", 1));
	EXPECT_EQ(POLLIN, poll_for(self->fd, POLLIN, WAIT_MS));
	EXPECT_LT(0, read_count(self->fd));
	close(self->shrinker);
	self->shrinker = -1;
	read_count(self->fd);
	ASSERT_EQ(1, write(caches, "2", 1));
	EXPECT_EQ(0, poll_for(self->fd, POLLIN, 0));
	close(caches);
}

TEST_F(samples, timer_ticks_until_closed)
{
	ASSERT_EQ(0, start(self->timer, self->fd, 1));
	EXPECT_EQ(POLLIN, poll_for(self->fd, POLLIN, WAIT_MS));
	EXPECT_LT(0, read_count(self->fd));
	EXPECT_EQ(POLLIN, poll_for(self->fd, POLLIN, WAIT_MS));
	close(self->timer);
	self->timer = -1;
	read_count(self->fd);
	EXPECT_EQ(0, poll_for(self->fd, POLLIN, 50));
}

TEST_F(samples, timer_ticks_in_a_queue)
{
	struct kevent_queue q;
	__u64 handle;

	ASSERT_EQ(0, kevent_open(&q, MIN_SLOTS, 0));
	handle = queue_add(&q, KEVENT_PRODUCER, self->timer, 1, EVFD_TIMER_TICK, 0);
	ASSERT_NE(0, handle);
	EXPECT_EQ(0, queue_add(&q, KEVENT_PRODUCER, self->timer, 2, 2, 0));
	EXPECT_EQ(EINVAL, errno);
	EXPECT_TRUE(queue_is_empty(&q));
	ASSERT_EQ(0, start(self->timer, -1, 1));
	EXPECT_TRUE(queue_waits_for(&q, 1, EVFD_TIMER_TICK));
	EXPECT_TRUE(queue_waits_for(&q, 1, EVFD_TIMER_TICK));
	EXPECT_LE(2, kevent_data(&q, kevent_slot_of(handle)));
	EXPECT_LE(0, queue_remove(&q, handle));
	usleep(20000);
	EXPECT_TRUE(queue_is_empty(&q));
	/* The queue holds the file, and closes it with itself. */
	ASSERT_NE(0, queue_add(&q, KEVENT_PRODUCER, self->timer, 1, EVFD_TIMER_TICK, 0));
	close(self->timer);
	self->timer = -1;
	EXPECT_TRUE(queue_waits_for(&q, 1, EVFD_TIMER_TICK));
	kevent_close(&q);
}

TEST_F(samples, pressure_in_two_queues)
{
	int dev = open("/dev/" KEVENT_PRESSURE_DEVICE_NAME, O_RDONLY);
	int caches = open("/proc/sys/vm/drop_caches", O_WRONLY);
	struct kevent_queue q, other;
	struct kevent_op op;

	ASSERT_LE(0, dev);
	ASSERT_EQ(0, kevent_open(&q, MIN_SLOTS, 0));
	ASSERT_EQ(0, kevent_open(&other, MIN_SLOTS, 0));
	op = kevent_op_add(KEVENT_PRODUCER, dev, 1, KEVENT_PRESSURE_RECLAIM, 0);
	op.arg[2] = 1;
	EXPECT_EQ(-EINVAL, queue_do(&q, &op));
	op.arg[2] = 0;
	ASSERT_EQ(0, queue_do(&q, &op));
	ASSERT_EQ(0, queue_do(&other, &op));
	close(dev);
	ASSERT_EQ(1, write(caches, "2", 1));
	EXPECT_TRUE(queue_waits_for(&q, 1, KEVENT_PRESSURE_RECLAIM));
	EXPECT_TRUE(queue_waits_for(&other, 1, KEVENT_PRESSURE_RECLAIM));
	kevent_close(&q);
	ASSERT_EQ(1, write(caches, "2", 1));
	EXPECT_TRUE(queue_waits_for(&other, 1, KEVENT_PRESSURE_RECLAIM));
	kevent_close(&other);
	close(caches);
}

TEST_F(samples, timer_outlives_the_descriptor)
{
	ASSERT_EQ(0, start(self->timer, self->fd, 1));
	close(self->fd);
	self->fd = -1;
	usleep(20000);
}

TEST_F(samples, timer_and_shrinker_may_share_a_descriptor)
{
	int caches = open("/proc/sys/vm/drop_caches", O_WRONLY);

	ASSERT_EQ(0, call(self->shrinker, EVFD_SHRINKER_IOC_WATCH, &self->fd));
	ASSERT_EQ(0, start(self->timer, self->fd, 1));
	for (int i = 0; i < 10; i++) {
		ASSERT_EQ(1, write(caches, "2", 1));
		EXPECT_EQ(POLLIN, poll_for(self->fd, POLLIN, WAIT_MS));
		EXPECT_LT(0, read_count(self->fd));
	}
	close(caches);
}

/*
 * Before 7.3, the kernel's misc devices in Rust, such as the timer's, do not hold a
 * reference on their module. Closing the device after unloading would call freed code.
 */
static bool rust_device_keeps_its_module(void)
{
	struct utsname name;

	return !uname(&name) && strncmp(name.release, "7.2.", 4);
}

TEST_F(samples, open_device_keeps_the_module)
{
	EXPECT_EQ(-1, unload_module("evfd_shrinker"));
	EXPECT_EQ(EWOULDBLOCK, errno);
	if (rust_device_keeps_its_module()) {
		EXPECT_EQ(-1, unload_module("evfd_timer"));
		EXPECT_EQ(EWOULDBLOCK, errno);
	}
	EXPECT_EQ(-1, unload_module("evfd"));
	EXPECT_EQ(EWOULDBLOCK, errno);
}

TEST_HARNESS_MAIN
