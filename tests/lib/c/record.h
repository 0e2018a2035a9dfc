/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Timer descriptors of the implementation under test, and their records.
 *
 * With EVFD_IMPL=cell, each timer is in shared memory, and programs use it through the
 * descriptor only. With EVFD_IMPL=memory, the functions here read it in memory. Alarm clocks
 * are not for timers in memory.
 */
#ifndef EVFD_TESTS_RECORD_H
#define EVFD_TESTS_RECORD_H

#include "descriptor.h"

#include <pthread.h>

#include <evfd/timer.h>

/* Several pages of timers. No program has as many descriptors at a time. */
#define RECORDS		2048

/* The first number for the arena, above those that tests of the limit expect to be free. */
#define RECORD_ARENA_FD	700

/**
 * struct record_arena - the arena of this process, shared with its children
 * @lock: for making the arena
 * @fd: the descriptor, or -1
 * @timers: the mapping
 * @next: counts up, to the timer that is tried next
 * @of: 1 + the last timer of each descriptor, or 0. The timer of a closed descriptor is
 *	EVFD_TIMER_CALL, so that a later descriptor with the same number is read by a call.
 */
static struct record_arena {
	pthread_mutex_t lock;
	int fd;
	struct evfd_timer *timers;
	unsigned int next;
	unsigned int of[RECORDS];
} record_arena = { .lock = PTHREAD_MUTEX_INITIALIZER, .fd = -1 };

/* Makes the arena. A test may have closed the previous descriptor, but not its mapping. */
static inline bool record_arena_make(int device)
{
	struct evfd_timer *timers;
	int fd = evfd_timer_arena_open(device, RECORDS), high;

	if (fd < 0)
		return false;
	timers = evfd_timer_arena_map(fd, RECORDS);
	if (!timers)
		return evfd_close(fd, false);
	high = fcntl(fd, F_DUPFD_CLOEXEC, RECORD_ARENA_FD);
	if (high >= 0)
		close(fd);
	memset(record_arena.of, 0, sizeof(record_arena.of));
	record_arena.timers = timers;
	record_arena.fd = high >= 0 ? high : fd;
	return true;
}

static inline bool record_arena_ready(int device)
{
	bool ready;

	pthread_mutex_lock(&record_arena.lock);
	ready = (record_arena.fd >= 0 && fcntl(record_arena.fd, F_GETFD) >= 0) ||
		record_arena_make(device);
	pthread_mutex_unlock(&record_arena.lock);
	return ready;
}

/* Makes a timer descriptor with the next free timer of the arena. */
static inline int record_new(int clockid, int flags)
{
	int device = evfd_open();
	struct evfd_timer_ref t;

	if (device < 0)
		return -1;
	if (!record_arena_ready(device))
		return evfd_close(device, -1);
	for (int i = 0; i < RECORDS; i++) {
		unsigned int timer = __atomic_fetch_add(&record_arena.next, 1, __ATOMIC_RELAXED);

		timer %= RECORDS;
		if (!evfd_timer_open(&t, device, record_arena.fd, record_arena.timers, timer,
				     clockid, flags)) {
			if (t.fd < RECORDS)
				record_arena.of[t.fd] = timer + 1;
			return evfd_close(device, t.fd);
		}
		if (errno != EBUSY)
			break;
	}
	return evfd_close(device, -1);
}

/* Sets the timer of a descriptor: false if it is to be used by calls. */
static inline bool record_of(int fd, struct evfd_timer_ref *t)
{
	const char *impl = getenv("EVFD_IMPL");

	/* Programs that test evfd alone need no EVFD_IMPL. */
	if (!impl || strcmp(impl, "memory") || !record_arena.timers)
		return false;
	if (fd < 0 || fd >= RECORDS || !record_arena.of[fd])
		return false;
	t->timer = record_arena.timers + record_arena.of[fd] - 1;
	t->fd = fd;
	return true;
}

/* timerfd_create() */
static inline int tfd_new(int clockid, int flags)
{
	bool is_alarm = clockid == CLOCK_REALTIME_ALARM || clockid == CLOCK_BOOTTIME_ALARM;

	if (impl_is_cell() && !is_alarm)
		return record_new(clockid, flags);
	if (impl_is_evfd())
		return evfd_timer_new(clockid, flags);
	return native_make_timer(clockid, flags);
}

/* Reads in memory: the ticks, or -errno, or 0 if a call must read. */
static inline int64_t record_take(int fd)
{
	struct evfd_timer_ref t;
	__u64 ticks;

	if (!record_of(fd, &t))
		return 0;
	if (!evfd_timer_read(&t, &ticks))
		return ticks;
	/* Where the system call would block. */
	if (errno == EAGAIN && !(fcntl(fd, F_GETFL) & O_NONBLOCK))
		return 0;
	return -errno;
}

/* EVFD_IOC_TIMERFD_GETTIME */
static inline int record_left(int fd, struct evfd_itimerspec *left)
{
	struct evfd_timer_ref t;

	/* A call fails without a place for the result. */
	if (left && record_of(fd, &t))
		return evfd_timer_left(&t, left);
	return ioctl(fd, EVFD_IOC_TIMERFD_GETTIME, left);
}

#endif /* EVFD_TESTS_RECORD_H */
