/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Arenas of the greatest size with a descriptor on each cell, and processor time that a user
 * takes with counters in memory.
 */
#ifndef STRESS_ABUSE_CELLS_H
#define STRESS_ABUSE_CELLS_H

#include "abuse_memory.h"
#include "abuse_time.h"

#include <evfd/counter.h>

/* Makes an arena of the greatest size, and maps it. */
static inline int open_largest(int device, struct evfd_cell **cells)
{
	int arena = evfd_arena_open(device, EVFD_ARENA_MAX);

	*cells = arena < 0 ? NULL : evfd_arena_map(arena, EVFD_ARENA_MAX);
	return *cells ? arena : -1;
}

/* Binds the next cell, of a further arena if the last is full. Returns -1 at the limit. */
static inline int take_cell(void)
{
	static unsigned int next = EVFD_ARENA_MAX;
	static int device = -1, arena;
	static struct evfd_cell *cells;
	struct evfd_counter c;

	if (device < 0)
		device = evfd_open();
	if (next == EVFD_ARENA_MAX) {
		arena = open_largest(device, &cells);
		next = 0;
	}
	if (arena < 0 || evfd_counter_open(&c, device, arena, cells, next++, 1, EFD_NONBLOCK))
		return -1;
	return c.fd;
}

static inline int take_eventfd_or_cell(void)
{
	return impl_is_evfd() ? take_cell() : take_eventfd();
}

static inline void take_all_cells(const void *arg)
{
	(void)arg;
	while (take_cell() >= 0)
		shared->made++;
	shared->error = errno;
}

/*
 * The bytes that a descriptor of a cell may be charged more than native's. It has
 * references on the cell and on the arena, and native charges no ID.
 */
#define CELL_MORE	128

/* The user is charged for the arena and no more than that beyond native's descriptors. */
static inline void test_cells(void)
{
	static const struct take take = { "event descriptor of a cell", take_eventfd_or_cell };
	struct cost native = cost_of("native", &take);
	struct cost evfd = cost_of("evfd", &take);
	int64_t arena = EVFD_ARENA_MAX * sizeof(struct evfd_cell) / sample_of(&take);
	int64_t batch = CHARGE_BATCH / sample_of(&take);

	ksft_test_result(native.good && evfd.good &&
			 (evfd.charged + batch) * 10 >= (native.charged + arena) * 9 &&
			 (kernel_checks_itself() ||
			  evfd.charged <= native.charged + arena + CELL_MORE + 2 * batch),
			 "%s: %lld bytes charged, %lld of them for the arena; native %lld\n",
			 take.name, (long long)evfd.charged, (long long)arena,
			 (long long)native.charged);
}

/* A counter of the user's process, on which its threads work. */
static struct evfd_counter hostile;

/* Keeps changing the counter, so that exchanges by the kernel fail. */
static inline void *abuse_count(void *arg)
{
	for (__u64 i = 0; !shared->stop; i++) {
		__atomic_store_n(evfd_count_(&hostile), i % 2 ? i : UINT64_MAX, __ATOMIC_RELAXED);
		__atomic_store_n(&hostile.cell->wakeup_in, i, __ATOMIC_RELAXED);
	}
	return arg;
}

/* Reads and writes the same counter by calls. */
static inline void *abuse_calls(void *arg)
{
	for (; !shared->stop; shared->count++) {
		efd_add(hostile.fd, 1);
		efd_take(hostile.fd);
	}
	return arg;
}

/* Kicks and polls, with an edge-triggered epoll on the queue. */
static inline void *abuse_kicks(void *arg)
{
	struct epoll_event event = { .events = EPOLLIN | EPOLLET };
	int ep = epoll_create1(EPOLL_CLOEXEC);

	epoll_ctl(ep, EPOLL_CTL_ADD, hostile.fd, &event);
	for (; !shared->stop; shared->count++) {
		ioctl(hostile.fd, EVFD_IOC_KICK, EPOLLIN | EPOLLOUT);
		epoll_wait(ep, &event, 1, 0);
	}
	return arg;
}

/* Binds and closes the cells of an arena. */
static inline void *abuse_binds(void *arg)
{
	struct evfd_cell *cells;
	int device = evfd_open(), arena = open_largest(device, &cells);
	struct evfd_counter c;

	for (unsigned int i = 0; arena >= 0 && !shared->stop; i++, shared->count++) {
		if (!evfd_counter_open(&c, device, arena, cells, i % EVFD_ARENA_MAX, 0, 0))
			close(c.fd);
	}
	return arg;
}

static inline void abuse_cells(const void *arg)
{
	static void *(*const abuses[])(void *) = {
		abuse_count, abuse_calls, abuse_kicks, abuse_binds,
	};
	struct evfd_cell *cells;
	int device = evfd_open(), arena = open_largest(device, &cells);
	pthread_t thread;

	(void)arg;
	if (arena < 0 || evfd_counter_open(&hostile, device, arena, cells, 0, 0, EFD_NONBLOCK))
		return;
	for (size_t i = 0; i < ARRAY_SIZE(abuses); i++)
		pthread_create(&thread, NULL, abuses[i], NULL);
}

/* Another user's timeouts come as often as beside native's timers. */
static inline void test_cells_in_time(int64_t ms)
{
	struct timers native, cells;
	bool good = false;

	for (int i = 0; i < ROUNDS && !good; i++) {
		native = beside("native", abuse_time, beats_in, ms);
		cells = beside("evfd", abuse_cells, beats_in, ms);
		good = native.good && cells.good && cells.beats.n * 2 >= native.beats.n &&
		       cells.beats.gap_ms < GAP_MAX_MS;
	}
	ksft_test_result(good,
			 "cells: %lld beats in %lld ms, at most %lld ms apart, beside %lld abuses; native %lld, %lld\n",
			 (long long)cells.beats.n, (long long)ms, (long long)cells.beats.gap_ms,
			 (long long)cells.abuses, (long long)native.beats.n,
			 (long long)native.beats.gap_ms);
}

#endif /* STRESS_ABUSE_CELLS_H */
