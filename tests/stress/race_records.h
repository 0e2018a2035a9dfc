/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Calls on arenas of timers and on descriptors bound to their timers, and access to the timers.
 * race_cells.h maps and unmaps these arenas too, and stores random words in the timers.
 */
#ifndef STRESS_RACE_RECORDS_H
#define STRESS_RACE_RECORDS_H

#include "race_calls.h"

#define RACE_TIMERS_SIZE	(RACE_CELLS * sizeof(struct evfd_timer))

static inline void race_set(int fd, int64_t value, int64_t interval)
{
	struct evfd_timerfd_settime arg = {
		.new_value = { tfd_timespec(interval), tfd_timespec(value) },
	};

	ioctl(fd, EVFD_IOC_TIMERFD_SETTIME, &arg);
}

/* One of the timers that others use, through the descriptor in the slot. */
static inline struct evfd_timer_ref race_record(struct evfd_timer *timers, unsigned int n)
{
	return (struct evfd_timer_ref){ &timers[n % RACE_CELLS_BOUND], slot(RECORD) };
}

/* Binds any timer, or fails, and lets the descriptor have waiters at its close. */
static inline void race_record_bind(struct caller *caller)
{
	struct epoll_event event = { .events = EPOLLIN | EPOLLET };
	int fd = race_timer_bind(slot(TIMER_ARENA), dice(caller, RACE_CELLS_BOUND),
				 caller->turn % 2 ? CLOCK_MONOTONIC : CLOCK_BOOTTIME,
				 O_CLOEXEC | O_NONBLOCK);

	if (fd < 0)
		return;
	epoll_ctl(caller->ep, EPOLL_CTL_ADD, fd, &event);
	race_set(fd, 1 + dice(caller, 50000), caller->turn % 3);
	ioctl(fd, EVFD_IOC_KICK, EPOLLIN);
	if (caller->turn % 2)
		read_nowait(fd);
	close(fd);
}

/* Bad indices, bad clocks, bad flags, and files of any kind in the place of an arena. */
static inline void race_record_bad_bind(struct caller *caller)
{
	static const unsigned int timers[] = { RACE_CELLS, EVFD_ARENA_MAX, UINT32_MAX, 0 };
	int fd = race_timer_bind(caller->turn % 2 ? any_slot(caller) : slot(TIMER_ARENA),
				 timers[dice(caller, ARRAY_SIZE(timers))],
				 dice(caller, 16), 1U << dice(caller, 32));

	if (fd >= 0)
		close(fd);
}

/* Arenas of all sizes, that live only in a mapping or only in a descriptor. */
static inline void race_record_arena(struct caller *caller)
{
	unsigned int n = 1U << dice(caller, 14);
	int device = evfd_open(), arena = evfd_timer_arena_open(device, n);
	struct evfd_timer *map = arena < 0 ? NULL : evfd_timer_arena_map(arena, n);
	struct evfd_timer_ref t;

	if (map && !evfd_timer_open(&t, device, arena, map, n - 1, CLOCK_MONOTONIC, O_NONBLOCK)) {
		close(arena);
		arena = -1;
		race_set(t.fd, 1, dice(caller, 2));
		if (caller->turn % 2) {
			evfd_timer_put_off(&t, evfd_timer_now(&t));
			munmap(map, n * sizeof(*map));
			map = NULL;
			read_nowait(t.fd);
		}
		close(t.fd);
		if (map)
			__atomic_store_n(evfd_next_(&t), 1, __ATOMIC_SEQ_CST);
	}
	if (map)
		munmap(map, n * sizeof(*map));
	if (arena >= 0)
		close(arena);
	if (device >= 0)
		close(device);
}

static inline void race_record_kick(struct caller *caller)
{
	static const unsigned int events[] = { EPOLLIN, EPOLLIN, EPOLLOUT, 0, UINT32_MAX };

	for (int i = 0; i < 8; i++)
		ioctl(slot(RECORD), EVFD_IOC_KICK, events[dice(caller, ARRAY_SIZE(events))]);
}

/* Hits the timers that others use: like a program, or with any values. */
static inline void race_record_change(struct caller *caller)
{
	struct evfd_timer *timers = evfd_timer_arena_map(slot(TIMER_ARENA), RACE_CELLS);
	const int64_t values[] = {
		0, 1, EVFD_TIMER_BUSY, INT64_MIN, INT64_MAX, INT64_MAX - 1, -2,
		tfd_clock(CLOCK_MONOTONIC) + 1000,
	};
	struct evfd_itimerspec left;
	__u64 ticks;

	if (!timers)
		return;
	for (unsigned int i = 0; i < 4 * RACE_CELLS_BOUND; i++) {
		struct evfd_timer_ref t = race_record(timers, i);
		evfd_s64 *words = evfd_next_(&t);

		race_set(t.fd, 1 + dice(caller, 1000), dice(caller, 3));
		evfd_timer_put_off(&t, evfd_timer_now(&t) + dice(caller, 20000));
		evfd_timer_read(&t, &ticks);
		evfd_timer_left(&t, &left);
		if (dice(caller, 8) == 0)
			__atomic_store_n(&words[dice(caller, 4)],
					 values[dice(caller, ARRAY_SIZE(values))],
					 __ATOMIC_SEQ_CST);
	}
	munmap(timers, RACE_TIMERS_SIZE);
}

/* Keeps the timers just ahead, so that the kernel's timer finds a later time when it expires. */
static inline void race_record_put_off(struct caller *caller)
{
	struct evfd_timer *timers = evfd_timer_arena_map(slot(TIMER_ARENA), RACE_CELLS);

	if (!timers)
		return;
	for (unsigned int i = 0; i < 2000; i++) {
		struct evfd_timer_ref t = race_record(timers, i);

		evfd_timer_put_off(&t, tfd_clock(CLOCK_MONOTONIC) + dice(caller, 3000));
	}
	munmap(timers, RACE_TIMERS_SIZE);
}

/* Waits in epoll for a time that this call sets in memory. */
static inline void race_record_epoll(struct caller *caller)
{
	static const unsigned int flags[] = { 0, EPOLLET, EPOLLONESHOT, EPOLLEXCLUSIVE };
	struct epoll_event event = {
		.events = EPOLLIN | flags[dice(caller, ARRAY_SIZE(flags))],
	};
	struct evfd_timer *timers = evfd_timer_arena_map(slot(TIMER_ARENA), RACE_CELLS);
	unsigned int n = caller->turn % RACE_CELLS_BOUND;
	int fd = race_timer_bind(slot(TIMER_ARENA), n, CLOCK_MONOTONIC, O_CLOEXEC | O_NONBLOCK);
	int ep = epoll_create1(EPOLL_CLOEXEC);

	if (timers && fd >= 0 && !epoll_ctl(ep, EPOLL_CTL_ADD, fd, &event)) {
		struct evfd_timer_ref t = { &timers[n], fd };
		__u64 ticks;

		race_set(fd, FAR_NS, caller->turn % 2);
		evfd_timer_put_off(&t, evfd_timer_now(&t) + dice(caller, 100000));
		epoll_wait(ep, &event, 1, 1);
		evfd_timer_read(&t, &ticks);
		if (caller->turn % 2)
			epoll_ctl(ep, EPOLL_CTL_DEL, fd, NULL);
		evfd_timer_put_off(&t, evfd_timer_now(&t) + dice(caller, 10000));
	}
	if (fd >= 0)
		close(fd);
	close(ep);
	if (timers)
		munmap(timers, RACE_TIMERS_SIZE);
}

/* Leaves a poll or a read of a timer in io_uring, and puts the timer off meanwhile. */
static inline void race_record_uring(struct caller *caller)
{
	struct evfd_timer *timers = evfd_timer_arena_map(slot(TIMER_ARENA), RACE_CELLS);
	static uint64_t ticks;

	if (caller->turn % 3)
		uring_poll(&caller->ring, slot(RECORD), POLLIN, caller->turn % 2, 0);
	else
		uring_queue(&caller->ring, IORING_OP_READ, slot(RECORD), &ticks, sizeof(ticks), 0);
	uring_submit(&caller->ring);
	for (unsigned int i = 0; timers && i < RACE_CELLS_BOUND; i++) {
		struct evfd_timer_ref t = race_record(timers, i);

		evfd_timer_put_off(&t, tfd_clock(CLOCK_MONOTONIC) + dice(caller, 100000));
	}
	uring_cancel_all(&caller->ring);
	if (timers)
		munmap(timers, RACE_TIMERS_SIZE);
}

#endif /* STRESS_RACE_RECORDS_H */
