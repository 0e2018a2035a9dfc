/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Shared by calls and disturbers: the descriptors they race for, at fixed numbers that
 * refer to changing files, and the record of the race.
 */
#ifndef STRESS_RACE_H
#define STRESS_RACE_H

#include "kevent_raw.h"
#include "pidfd.h"
#include "signal.h"
#include "timer.h"
#include "uring.h"

#include <evfd/counter.h>
#include <evfd/timer.h>
#include <linux/aio_abi.h>

/*
 * The descriptor of a kind is at SLOT_FIRST + kind, and a pidfd of the last child at
 * SLOT_CHILD. All other descriptors are lower.
 */
enum kind {
	EVENT,
	TIMER,
	TIMER_2007,
	SIGNAL,
	EVENTFS,
	QUEUE,
	ARENA,
	CELL,
	TIMER_ARENA,
	RECORD,
	KINDS,
};

#define SLOT_FIRST	200
#define SLOT_CHILD	(SLOT_FIRST + KINDS)

/* Upper bounds for the numbers of calls and disturbers. */
#define CALLS_MAX	96
#define DISTURBERS_MAX	16

/* The number of threads that make calls. */
#define CALLERS		2

/* The signals of signal descriptors, and a signal to interrupt blocking calls. */
#define SIG_READ	SIGUSR2
#define SIG_READ_RT	(SIGRTMIN + 3)
#define SIG_BREAK	SIGUSR1

/**
 * struct record - the state shared by all processes
 * @calls: number of calls made, per disturber and call
 * @disturbed: number of disturbances, per disturber
 * @unloaded: number of times the module was unloaded
 * @refused: number of times unloading was refused
 * @current: call to make; -1: any call
 * @doing: call in progress, per caller
 * @stop: the arena must end
 */
struct record {
	_Atomic unsigned int calls[DISTURBERS_MAX][CALLS_MAX];
	_Atomic unsigned int disturbed[DISTURBERS_MAX];
	_Atomic unsigned int unloaded, refused;
	_Atomic int current;
	_Atomic int doing[CALLERS];
	_Atomic bool stop;
};

static struct record *record;

/* The state of a thread that makes calls. */
struct caller {
	int nr, disturber;
	unsigned int turn, seed;
	int ep, pipe[2], socks[2];
	struct uring ring;
	aio_context_t aio;
	pthread_t thread;
};

static inline unsigned int dice(struct caller *caller, unsigned int sides)
{
	return rand_r(&caller->seed) % sides;
}

/* Reads if the descriptor is readable. Unlike a write, this never blocks. */
static inline void read_nowait(int fd)
{
	struct signalfd_siginfo buf;
	struct iovec iov = { .iov_base = &buf, .iov_len = sizeof(buf) };

	preadv2(fd, &iov, 1, -1, RWF_NOWAIT);
}

/* Returns the slot for the caller's current turn. */
static inline int any_slot(const struct caller *caller)
{
	return SLOT_FIRST + caller->turn % KINDS;
}

static inline int slot(enum kind kind)
{
	return SLOT_FIRST + kind;
}

/* A descriptor with a counter of its own, or in a cell. */
static inline int counter_slot(const struct caller *caller)
{
	return slot(caller->turn / 2 % 2 ? CELL : EVENT);
}

/* A descriptor with a timer of its own, or with a timer in an arena. */
static inline int timer_slot(const struct caller *caller)
{
	static const enum kind kinds[] = { TIMER, TIMER_2007, RECORD };

	return slot(kinds[caller->turn % ARRAY_SIZE(kinds)]);
}

static inline uint64_t signal_mask(unsigned int n)
{
	return n % 3 ? sig_bit(SIG_READ) | sig_bit(SIG_READ_RT) :
		       sig_bit(SIG_READ);
}

/* Every queue has as many slots, and so the same size. Some queues are not set up. */
#define RACE_SLOTS	256
#define RACE_QUEUE_SIZE	(4 * 4096)

/* A directory in which files come and go. */
#define RACE_DIRECTORY	"/tmp"

static inline struct kevent_op race_add_directory(unsigned int n)
{
	struct kevent_op op = raw_add(KEVENT_INODE, AT_FDCWD, 0xff);

	op.arg[0] = (uintptr_t)RACE_DIRECTORY;
	op.user = n % 7;
	return op;
}

/* The id of a signal that is sent, to observe or to consume it. */
static inline uint64_t race_signal(unsigned int n)
{
	return (n % 2 ? SIG_READ : SIG_READ_RT) | (n % 4 < 2 ? KEVENT_SIGNAL_NOMASK : 0);
}

/* A random ADD, possible in most cases. */
static inline struct kevent_op race_add(unsigned int n)
{
	static const int clocks[] = {
		CLOCK_MONOTONIC, CLOCK_REALTIME, CLOCK_BOOTTIME_ALARM, CLOCK_TAI,
	};
	static const unsigned int flags[] = {
		0, KEVENT_ET, KEVENT_ONESHOT, KEVENT_DISPATCH | KEVENT_ET,
	};
	struct kevent_op op;

	if (n % 12 == 0)
		op = raw_add(KEVENT_PROCESS, SLOT_CHILD, KEVENT_PROCESS_EXIT);
	else if (n % 12 == 6)
		op = race_add_directory(n);
	else if (n % 12 == 3)
		op = raw_add(KEVENT_SIGNAL, race_signal(n / 12), KEVENT_SIGNAL_DELIVERY);
	else if (n % 3 == 0)
		op = raw_add(KEVENT_USER, n / 3 % 8, 0xff);
	else if (n % 3 == 1)
		op = raw_add(KEVENT_POLL, SLOT_FIRST + n / 3 % KINDS, POLLIN | POLLOUT);
	else
		op = raw_add_timer(clocks[n / 3 % 4], 1 + n % 300000, n % 2 * 1000);
	op.flags = flags[n / 24 % 4];
	if (op.type != KEVENT_POLL && op.type != KEVENT_PROCESS &&
	    !(op.id & KEVENT_SIGNAL_NOMASK))
		op.flags &= ~KEVENT_ET;
	return op;
}

/* A random structure of 2006. */
static inline struct ukevent race_ukevent(unsigned int n)
{
	static const unsigned int flags[] = {
		0, KEVENT_REQ_ET, KEVENT_REQ_ONESHOT, KEVENT_REQ_READY,
		KEVENT_REQ_ET | KEVENT_REQ_LAST_CHECK, KEVENT_REQ_ALWAYS_QUEUE,
	};
	struct ukevent uk = {
		.user = { n % 2 },
		.event = KEVENT_MASK_ALL,
		.req_flags = flags[n / 24 % ARRAY_SIZE(flags)],
	};

	if (n % 12 == 0) {
		uk.type = KEVENT_PROCESS;
		uk.id.raw[0] = SLOT_CHILD;
	} else if (n % 12 == 3) {
		uk.type = KEVENT_SIGNAL;
		uk.id.raw_u64 = race_signal(n / 12);
	} else if (n % 3 == 0) {
		uk.type = KEVENT_USER;
		uk.id.raw[0] = n / 3 % 8;
	} else if (n % 3 == 1) {
		uk.type = KEVENT_POLL;
		uk.id.raw[0] = SLOT_FIRST + n / 3 % KINDS;
	} else {
		uk.type = KEVENT_TIMER;
		uk.id.raw[1] = 1 + n % 300000;
	}
	return uk;
}

static inline void race_command(int fd, unsigned int n)
{
	struct ukevent uk[] = {
		race_ukevent(n), race_ukevent(n * 7), race_ukevent(n * 13), race_ukevent(n + 1),
	};
	struct kevent_ioc_ctl arg = {
		.cmd = n % 5 ? n % 5 - 1 : KEVENT_CTL_ADD,
		.num = n % 17 ? ARRAY_SIZE(uk) : 0,
		.ukevents = (uintptr_t)uk,
		.flags = n % 11 ? 0 : KEVENT_TAKE26,
	};

	ioctl(fd, KEVENT_IOC_CTL, &arg);
}

/* Every third queue has the calls of 2006. */
static inline int fresh_queue(unsigned int n)
{
	struct kevent_op ops[] = { race_add(n), race_add(n + 1), race_add(n + 2) };
	int fd = raw_queue_open();

	if (fd >= 0 && n % 3 == 0) {
		race_command(fd, n * 5);
	} else if (fd >= 0 && n % 8) {
		raw_queue_setup(fd, RACE_SLOTS);
		raw_submit(fd, ops, 3, 0, 0);
	}
	return fd;
}

/* The cells of every arena, in more than a page, and the cells that descriptors compete for. */
#define RACE_CELLS	300
#define RACE_CELLS_BOUND 8

static inline int race_bind(int arena, unsigned int cell, unsigned int count, int flags)
{
	struct evfd_bind arg = {
		.arena = arena, .cell = cell, .count = count, .flags = flags,
	};

	return evfd_device_ioctl(EVFD_IOC_BIND, &arg);
}

static inline int fresh_arena(void)
{
	int device = evfd_open();

	return evfd_close(device, evfd_arena_open(device, RACE_CELLS));
}

/* Binds a cell of the arena in the slot, or of a new arena if another descriptor has it. */
static inline int fresh_cell(unsigned int n, int flags)
{
	int fd = race_bind(SLOT_FIRST + ARENA, n % RACE_CELLS_BOUND, n % 2, flags);
	int arena;

	if (fd >= 0)
		return fd;
	arena = fresh_arena();
	fd = race_bind(arena, n % RACE_CELLS, n % 2, flags);
	return arena < 0 ? -1 : evfd_close(arena, fd);
}

static inline int race_timer_bind(int arena, unsigned int timer, int clockid, unsigned int flags)
{
	struct evfd_timer_bind arg = {
		.arena = arena, .timer = timer, .clockid = clockid, .flags = flags,
	};

	return evfd_device_ioctl(EVFD_IOC_TIMER_BIND, &arg);
}

static inline int fresh_timer_arena(void)
{
	int device = evfd_open();

	return evfd_close(device, evfd_timer_arena_open(device, RACE_CELLS));
}

/* Binds a timer like fresh_cell() binds a cell. Most of the timers are armed. */
static inline int fresh_record(unsigned int n, int flags)
{
	static const int clocks[] = {
		CLOCK_MONOTONIC, CLOCK_BOOTTIME, CLOCK_REALTIME, CLOCK_TAI,
	};
	int clockid = clocks[n % ARRAY_SIZE(clocks)];
	int fd = race_timer_bind(SLOT_FIRST + TIMER_ARENA, n % RACE_CELLS_BOUND, clockid, flags);
	struct evfd_timerfd_settime arg = {
		.new_value.it_value.tv_nsec = 1 + n % 1000000,
		.new_value.it_interval.tv_nsec = n % 3 * 1000,
	};
	int arena;

	if (fd < 0) {
		arena = fresh_timer_arena();
		if (arena < 0)
			return -1;
		fd = evfd_close(arena, race_timer_bind(arena, n % RACE_CELLS, clockid, flags));
	}
	if (fd >= 0 && n % 4)
		ioctl(fd, EVFD_IOC_TIMERFD_SETTIME, &arg);
	return fd;
}

/* Makes a descriptor. Returns -1 while the module is not loaded. */
static inline int fresh(enum kind kind, unsigned int n)
{
	static const int clocks[] = {
		CLOCK_MONOTONIC, CLOCK_REALTIME, CLOCK_BOOTTIME, CLOCK_TAI,
		CLOCK_REALTIME_ALARM, CLOCK_BOOTTIME_ALARM,
	};
	int file_flags = (n % 4 ? O_NONBLOCK : 0) | (n % 3 ? O_CLOEXEC : 0);
	int clockid = clocks[n % ARRAY_SIZE(clocks)];
	uint64_t mask = signal_mask(n);
	int device;
	struct evfd_timerfd timer = {
		.ufd = -1,
		.clockid = clockid,
		.value.it_value.tv_nsec = 1 + n % 1000000,
	};

	switch (kind) {
	case EVENT:
		return evfd_new(n % 2, file_flags | n % 4);
	case TIMER:
		return evfd_timer_new(clockid, file_flags);
	case TIMER_2007:
		return evfd_device_ioctl(EVFD_IOC_TIMERFD, &timer);
	case SIGNAL:
		device = evfd_open();
		return evfd_close(device, evfd_make_signalfd(device, -1, &mask, sizeof(mask),
							     file_flags));
	case QUEUE:
		return fresh_queue(n);
	case ARENA:
		return fresh_arena();
	case CELL:
		return fresh_cell(n, file_flags | n / 8 % 4);
	case TIMER_ARENA:
		return fresh_timer_arena();
	case RECORD:
		return fresh_record(n, file_flags);
	default:
		device = evfd_open();
		return evfd_close(device, evfd_make_eventfs(device, SIG_READ, file_flags));
	}
}

/* Puts a new descriptor into a slot, and closes the previous. */
static inline bool refill(enum kind kind, unsigned int n)
{
	int fd = fresh(kind, n);
	bool good = fd >= 0 && dup3(fd, slot(kind), n % 3 ? O_CLOEXEC : 0) >= 0;

	if (fd >= 0)
		close(fd);
	return good;
}

#endif /* STRESS_RACE_H */
