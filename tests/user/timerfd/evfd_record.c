// SPDX-License-Identifier: GPL-2.0
#include "timer.h"
#include <evfd/timer.h>
#include <sys/epoll.h>

FIXTURE(rec) { int dev, arena; struct evfd_timer *timers; struct evfd_timer_ref t; };
FIXTURE_SETUP(rec)
{
	self->dev = evfd_open();
	self->arena = evfd_timer_arena_open(self->dev, 200);
	ASSERT_GE(self->arena, 0);
	self->timers = evfd_timer_arena_map(self->arena, 200);
	ASSERT_TRUE(self->timers);
	ASSERT_EQ(0, evfd_timer_open(&self->t, self->dev, self->arena, self->timers, 199, CLOCK_MONOTONIC, EVFD_TFD_NONBLOCK));
}
FIXTURE_TEARDOWN(rec) {}

static int set(struct evfd_timer_ref *t, __s64 value, __s64 interval, __u32 flags)
{
	struct evfd_timerfd_settime a = { .flags = flags,
		.new_value = { .it_value = evfd_timespec_(value), .it_interval = evfd_timespec_(interval) } };
	return ioctl(t->fd, EVFD_IOC_TIMERFD_SETTIME, &a);
}

TEST_F(rec, smoke)
{
	struct evfd_timer_ref *t = &self->t;
	struct evfd_itimerspec left;
	struct pollfd pfd = { .fd = t->fd, .events = POLLIN };
	struct epoll_event ev = { .events = EPOLLIN };
	int ep = epoll_create1(0);
	__u64 n = 0;

	EXPECT_EQ(EVFD_TIMER_CALL, t->timer->next);
	EXPECT_EQ(-1, evfd_timer_read(t, &n));
	EXPECT_EQ(EAGAIN, errno);
	EXPECT_EQ(0, set(t, 3000000000, 1000000, 0));
	EXPECT_EQ(1000000, t->timer->interval);
	EXPECT_EQ(INT64_MIN, t->timer->look);
	EXPECT_EQ(0, evfd_timer_left(t, &left));
	EXPECT_EQ(2, left.it_value.tv_sec);
	EXPECT_EQ(-1, evfd_timer_read(t, &n));
	EXPECT_EQ(0, evfd_timer_put_off(t, evfd_timer_now(t) - 5500000));
	EXPECT_EQ(1, poll(&pfd, 1, 0));
	EXPECT_EQ(0, evfd_timer_read(t, &n));
	EXPECT_LE(6, n);
	EXPECT_EQ(0, evfd_timer_put_off(t, evfd_timer_now(t) + 20000000));
	EXPECT_EQ(0, epoll_ctl(ep, EPOLL_CTL_ADD, t->fd, &ev));
	EXPECT_EQ(t->timer->next, t->timer->look);
	EXPECT_EQ(1, epoll_wait(ep, &ev, 1, 5000));
	EXPECT_EQ(INT64_MIN, t->timer->look);
	EXPECT_EQ(8, read(t->fd, &n, 8));
	EXPECT_EQ(0, set(t, 50000000, 0, 0));
	EXPECT_EQ(0, evfd_timer_put_off(t, evfd_timer_now(t) + 200000000));
	EXPECT_EQ(0, epoll_wait(ep, &ev, 1, 100));
	EXPECT_EQ(1, epoll_wait(ep, &ev, 1, 5000));
	EXPECT_EQ(0, evfd_timer_read(t, &n));
	EXPECT_EQ(1, n);
	EXPECT_EQ(0, t->timer->next);
	EXPECT_EQ(0, epoll_wait(ep, &ev, 1, 0));
	EXPECT_EQ(INT64_MAX, t->timer->look);
	EXPECT_EQ(0, set(t, 50000000, 0, EVFD_TFD_TIMER_ABSTIME));
	EXPECT_EQ(1, epoll_wait(ep, &ev, 1, 5000));
	EXPECT_EQ(0, evfd_timer_read(t, &n));
}

TEST_HARNESS_MAIN
