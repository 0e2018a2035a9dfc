/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Creating and setting descriptors. All calls are raw system calls, to keep the C
 * library's own work out of the figures.
 */
#ifndef EVFD_BENCH_DESCRIPTORS_H
#define EVFD_BENCH_DESCRIPTORS_H

#include "bench.h"
#include "descriptor.h"

#include <signal.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <sys/timerfd.h>

/* An unknown ioctl: the least that any ioctl costs. */
#define EMPTY_IOCTL	_IO(EVFD_IOC_MAGIC, 0xff)

#define NEVER_NS	INT64_C(3600000000000)

/* Opened by open_devices(). */
extern int evfd_device, null_device;

void open_devices(void);

/* Raises the limit to @n descriptors, and makes the table for them in advance. */
void allow_descriptors(int n);

/* Lets epoll watch @n descriptors. */
void allow_watches(int n);

static inline int new_eventfd(enum variant variant, int flags)
{
	if (variant == EVFD)
		return evfd_make_eventfd(evfd_device, 0, flags);
	return native_make_eventfd(0, flags);
}

static inline int new_timer_on(int clock, enum variant variant, int flags)
{
	if (variant == EVFD)
		return evfd_make_timer(evfd_device, clock, flags);
	return native_make_timer(clock, flags);
}

static inline int new_timer(enum variant variant, int flags)
{
	return new_timer_on(CLOCK_MONOTONIC, variant, flags);
}

static inline int new_signalfd(enum variant variant, uint64_t mask, int flags)
{
	if (variant == EVFD)
		return evfd_make_signalfd(evfd_device, -1, &mask, sizeof(mask), flags);
	return native_make_signalfd(-1, &mask, sizeof(mask), flags);
}

/* Sets a timer, and gets the old value if @old is true. */
static inline long set_native_timer_for(int fd, int flags, int64_t value, int64_t interval,
					bool old)
{
	struct itimerspec before;
	struct itimerspec setting = {
		.it_value = { value / 1000000000, value % 1000000000 },
		.it_interval = { interval / 1000000000, interval % 1000000000 },
	};

	return syscall(SYS_timerfd_settime, fd, flags, &setting, old ? &before : NULL);
}

static inline long set_evfd_timer_for(int fd, int flags, int64_t value, int64_t interval,
				      bool old)
{
	struct evfd_itimerspec before;
	struct evfd_timerfd_settime arg = {
		.flags = flags,
		.old_value = old ? (uintptr_t)&before : 0,
		.new_value.it_value = { value / 1000000000, value % 1000000000 },
		.new_value.it_interval = { interval / 1000000000, interval % 1000000000 },
	};

	return syscall(SYS_ioctl, fd, EVFD_IOC_TIMERFD_SETTIME, &arg);
}

static inline long set_timer_for(enum variant variant, int fd, int flags, int64_t value,
				 int64_t interval, bool old)
{
	if (variant == EVFD)
		return set_evfd_timer_for(fd, flags, value, interval, old);
	return set_native_timer_for(fd, flags, value, interval, old);
}

static inline long set_timer(enum variant variant, int fd, int flags, int64_t value,
			     int64_t interval)
{
	return set_timer_for(variant, fd, flags, value, interval, false);
}

static inline uint64_t mask_of(int signal)
{
	return UINT64_C(1) << (signal - 1);
}

/* Does the same as the C library's sigprocmask(). */
static inline void block_signal(int signal)
{
	uint64_t mask = mask_of(signal);

	must(!syscall(SYS_rt_sigprocmask, SIG_BLOCK, &mask, NULL, sizeof(mask)));
}

static inline long add(int fd, uint64_t value)
{
	return syscall(SYS_write, fd, &value, sizeof(value));
}

static inline long take(int fd)
{
	uint64_t value;

	return syscall(SYS_read, fd, &value, sizeof(value));
}

static inline void epoll_add(int epoll, int fd, uint32_t events)
{
	struct epoll_event event = { .events = events, .data.fd = fd };

	must(!syscall(SYS_epoll_ctl, epoll, EPOLL_CTL_ADD, fd, &event));
}

static inline long epoll_take(int epoll, struct epoll_event *events, int n, int timeout)
{
	return syscall(SYS_epoll_wait, epoll, events, n, timeout);
}

#endif /* EVFD_BENCH_DESCRIPTORS_H */
