/* SPDX-License-Identifier: GPL-2.0 */
/* Valid and invalid calls that are specific to evfd. */
#ifndef STRESS_RACE_IOCTLS_H
#define STRESS_RACE_IOCTLS_H

#include "race.h"
#include "../kmod/post_test.h"

static inline void race_create(struct caller *caller)
{
	int fd = fresh(caller->turn % KINDS, dice(caller, 1000));

	if (fd >= 0)
		close(fd);
}

static inline void race_device(struct caller *caller)
{
	int fd = evfd_open();

	(void)caller;
	if (fd >= 0)
		close(fd);
}

/* Every ioctl of the device and of descriptors, and an unknown ioctl. */
static const unsigned long every_ioctl[] = {
	EVFD_IOC_EVENTFD, EVFD_IOC_ARENA, EVFD_IOC_BIND, EVFD_IOC_KICK,
	EVFD_IOC_TIMERFD_CREATE, EVFD_IOC_TIMERFD,
	EVFD_IOC_TIMER_ARENA, EVFD_IOC_TIMER_BIND,
	EVFD_IOC_SIGNALFD, EVFD_IOC_EVENTFS_SIGNAL,
	EVFD_IOC_TIMERFD_SETTIME, EVFD_IOC_TIMERFD_GETTIME,
	EVFD_IOC_SIGNALFD_SETMASK, TFD_IOC_SET_TICKS,
	KEVENT_IOC_SETUP, KEVENT_IOC_SUBMIT, KEVENT_IOC_CTL, KEVENT_IOC_GET_EVENTS,
	KEVENT_IOC_INIT, KEVENT_IOC_WAIT, KEVENT_IOC_COMMIT,
	_IO(EVFD_IOC_MAGIC, 0xff),
};

static inline unsigned long any_ioctl(struct caller *caller)
{
	return every_ioctl[dice(caller, ARRAY_SIZE(every_ioctl))];
}

static inline void race_bad_pointer(struct caller *caller)
{
	evfd_device_ioctl(any_ioctl(caller), nowhere());
	ioctl(any_slot(caller), any_ioctl(caller), nowhere());
}

/* All bits set: unknown flags, an unknown clock and an invalid time. */
static inline void race_bad_argument(struct caller *caller)
{
	uint64_t bad[8];

	memset(bad, 0xff, sizeof(bad));
	evfd_device_ioctl(any_ioctl(caller), bad);
	ioctl(any_slot(caller), any_ioctl(caller), bad);
}

static inline void race_settime(struct caller *caller)
{
	struct evfd_itimerspec old;
	struct evfd_timerfd_settime arg = {
		.new_value = {
			.it_value.tv_nsec = dice(caller, 3) * dice(caller, 200000),
			.it_interval.tv_nsec = dice(caller, 2),
		},
		.old_value = caller->turn % 2 ? (uintptr_t)&old : 0,
	};

	if (caller->turn % 3 == 0) {
		arg.flags = EVFD_TFD_TIMER_ABSTIME;
		arg.new_value.it_value = tfd_timespec(tfd_clock(CLOCK_REALTIME) +
						      dice(caller, 200000));
	}
	if (caller->turn % 5 == 0) {
		arg.flags |= EVFD_TFD_SLACK;
		arg.slack_ns = dice(caller, 100000);
	}
	ioctl(timer_slot(caller), EVFD_IOC_TIMERFD_SETTIME, &arg);
}

static inline void race_settime_cancel(struct caller *caller)
{
	struct evfd_timerfd_settime arg = {
		.flags = EVFD_TFD_TIMER_ABSTIME,
		.new_value.it_value.tv_sec = INT64_C(1) << 32,
	};

	if (caller->turn % 3)
		arg.flags |= EVFD_TFD_TIMER_CANCEL_ON_SET;
	ioctl(slot(caller->turn % 2 ? TIMER : RECORD), EVFD_IOC_TIMERFD_SETTIME, &arg);
}

static inline void race_gettime(struct caller *caller)
{
	struct evfd_itimerspec now;

	ioctl(timer_slot(caller), EVFD_IOC_TIMERFD_GETTIME, &now);
}

static inline void race_set_ticks(struct caller *caller)
{
	uint64_t ticks = 1 + caller->turn;

	ioctl(slot(caller->turn % 2 ? TIMER : RECORD), TFD_IOC_SET_TICKS, &ticks);
}

/* Changes the setting of the existing timer, and sometimes its clock. */
static inline void race_timer_2007(struct caller *caller)
{
	struct evfd_timerfd arg = {
		.ufd = slot(caller->turn % 4 < 2 ? TIMER_2007 : RECORD),
		.clockid = caller->turn % 2 ? CLOCK_REALTIME : CLOCK_MONOTONIC,
		.flags = caller->turn % 3 ? EVFD_TFD_TIMER_REL : EVFD_TFD_TIMER_SEQ,
		.value.it_value.tv_nsec = 1 + dice(caller, 100000),
	};

	evfd_device_ioctl(EVFD_IOC_TIMERFD, &arg);
}

static inline void race_mask(struct caller *caller)
{
	uint64_t mask = signal_mask(caller->turn);
	int device = evfd_open();

	evfd_make_signalfd(device, slot(SIGNAL), &mask, sizeof(mask),
			   caller->turn % 2 ? EVFD_SFD_BLOCK : 0);
	close(device);
	ioctl(slot(SIGNAL), EVFD_IOC_SIGNALFD_SETMASK, &mask);
}

/* Making exclusive eventfs signals inspects all threads of the process. */
static inline void race_exclusive(struct caller *caller)
{
	int device = evfd_open();
	int fd = evfd_make_eventfs(device, SIG_READ, EVFD_EVENTFS_EXCLUSIVE);

	(void)caller;
	close(device);
	if (fd >= 0)
		close(fd);
}

/* Posts from two kernel contexts at once, while evfd_post_test.ko is loaded. */
static inline void race_post(struct caller *caller)
{
	struct post_test_run run = {
		.fd = counter_slot(caller),
		.amount = 1,
		.context = { dice(caller, POST_TEST_NMI + 1),
			     dice(caller, POST_TEST_NMI + 1) },
		.posts = 8,
	};
	int dev = open("/dev/" POST_TEST_DEVICE_NAME, O_RDWR | O_CLOEXEC);

	ioctl(dev, POST_TEST_RUN, &run);
	if (dev >= 0)
		close(dev);
}

/* Lets a reference and a wait-queue entry of kernel code outlive the file. */
static inline void race_hook(struct caller *caller)
{
	struct post_test_hook hook = {
		.watched = counter_slot(caller),
		.posted = counter_slot(caller),
		.amount = 1,
		.times = 2,
		.flags = caller->turn % 2 ? POST_TEST_DRAIN : 0,
	};
	struct post_test_unhook unhook = { };
	int dev = open("/dev/" POST_TEST_DEVICE_NAME, O_RDWR | O_CLOEXEC);

	ioctl(dev, POST_TEST_HOLD, &hook.watched);
	if (!ioctl(dev, POST_TEST_HOOK, &hook)) {
		efd_add(hook.watched, 1);
		if (caller->turn % 3)
			ioctl(dev, POST_TEST_UNHOOK, &unhook);
	}
	if (dev >= 0)
		close(dev);
}

#endif /* STRESS_RACE_IOCTLS_H */
