/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Calls on arenas and on descriptors bound to their cells, and access to the cells. At a
 * fixed address, there is a mapping of some arena, of cells or of timers, or no mapping.
 * System calls access it, because a store would end the process when another thread unmaps
 * the arena. Loads and stores use a mapping of their own.
 */
#ifndef STRESS_RACE_CELLS_H
#define STRESS_RACE_CELLS_H

#include "race.h"

#include <sys/random.h>

#define RACE_CELLS_SIZE	(RACE_CELLS * sizeof(struct evfd_cell))

static char *cells_memory;

/* Reserves the address. */
static inline bool cells_prepare(void)
{
	cells_memory = mmap(NULL, RACE_CELLS_SIZE, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	return cells_memory != MAP_FAILED;
}

static inline void cells_unmap(void)
{
	mmap(cells_memory, RACE_CELLS_SIZE, PROT_NONE,
	     MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0);
}

/* Binds any cell, or fails, and lets the descriptor have waiters at its close. */
static inline void race_cell_bind(struct caller *caller)
{
	struct epoll_event event = { .events = EPOLLIN | EPOLLET };
	int fd = race_bind(slot(ARENA), dice(caller, RACE_CELLS_BOUND), caller->turn % 3,
			   O_CLOEXEC | O_NONBLOCK | dice(caller, 4));

	if (fd < 0)
		return;
	epoll_ctl(caller->ep, EPOLL_CTL_ADD, fd, &event);
	efd_add(fd, 1);
	ioctl(fd, EVFD_IOC_KICK, EPOLLIN);
	if (caller->turn % 2)
		efd_take(fd);
	close(fd);
}

/* Bad indices, bad flags, and files of any kind in the place of an arena. */
static inline void race_cell_bad_bind(struct caller *caller)
{
	static const unsigned int cells[] = { RACE_CELLS, EVFD_ARENA_MAX, UINT32_MAX, 0 };
	int fd = race_bind(caller->turn % 2 ? any_slot(caller) : slot(ARENA),
			   cells[dice(caller, ARRAY_SIZE(cells))], UINT32_MAX,
			   1U << dice(caller, 32));

	if (fd >= 0)
		close(fd);
}

/* Arenas of all sizes, that live only in a mapping or only in a descriptor. */
static inline void race_cell_arena(struct caller *caller)
{
	unsigned int cells = 1U << dice(caller, 14);
	int device = evfd_open(), arena = evfd_arena_open(device, cells);
	struct evfd_cell *map = arena < 0 ? NULL : evfd_arena_map(arena, cells);
	struct evfd_counter c;

	if (map && !evfd_counter_open(&c, device, arena, map, cells - 1, 1, O_NONBLOCK)) {
		close(arena);
		arena = -1;
		if (caller->turn % 2) {
			evfd_counter_write(&c, 1);
			munmap(map, cells * sizeof(*map));
			map = NULL;
			efd_take(c.fd);
		}
		close(c.fd);
		if (map)
			__atomic_store_n(&map[cells - 1].wakeup_in, 1, __ATOMIC_SEQ_CST);
	}
	if (map)
		munmap(map, cells * sizeof(*map));
	if (arena >= 0)
		close(arena);
	if (device >= 0)
		close(device);
}

static inline void race_cell_kick(struct caller *caller)
{
	static const unsigned int events[] = {
		EPOLLIN, EPOLLOUT, EPOLLIN | EPOLLOUT, 0, EPOLLERR, UINT32_MAX,
	};

	ioctl(slot(CELL), EVFD_IOC_KICK, events[dice(caller, ARRAY_SIZE(events))]);
	ioctl(any_slot(caller), EVFD_IOC_KICK, EPOLLIN);
}

/* See race_queue_map(). */
static inline void race_cell_map(struct caller *caller)
{
	void *map = mmap(NULL, RACE_CELLS_SIZE, PROT_READ | PROT_WRITE, MAP_SHARED,
			 slot(caller->turn / 4 % 2 ? TIMER_ARENA : ARENA), 0);

	if (map != MAP_FAILED &&
	    mremap(map, RACE_CELLS_SIZE, RACE_CELLS_SIZE, MREMAP_MAYMOVE | MREMAP_FIXED,
		   cells_memory) == MAP_FAILED)
		munmap(map, RACE_CELLS_SIZE);
	if (caller->turn % 4 == 0)
		cells_unmap();
}

static inline void race_cell_unmap(struct caller *caller)
{
	race_cell_map(caller);
	cells_unmap();
}

/* Stores random words in the cells, their flags included, or in as many bytes of timers. */
static inline void race_cell_touch(struct caller *caller)
{
	for (int i = 0; i < 8; i++)
		getrandom(cells_memory + dice(caller, RACE_CELLS_BOUND) * sizeof(struct evfd_cell) +
			  dice(caller, 4) * 4, 4, 0);
}

/* Hits the counters that others use: like a program, or with any values. */
static inline void race_cell_count(struct caller *caller)
{
	struct evfd_cell *cells = evfd_arena_map(slot(ARENA), RACE_CELLS);

	if (!cells)
		return;
	for (unsigned int i = 0; i < 4 * RACE_CELLS_BOUND; i++) {
		struct evfd_counter c = { &cells[i % RACE_CELLS_BOUND], slot(CELL) };

		evfd_counter_write(&c, 1 + caller->turn % 2);
		if (dice(caller, 2))
			evfd_counter_read(&c);
		else
			evfd_counter_read_one(&c);
		if (dice(caller, 16) == 0)
			__atomic_store_n(evfd_count_(&c), EFD_COUNT_MAX + dice(caller, 2),
					 __ATOMIC_SEQ_CST);
		if (dice(caller, 16) == 0)
			__atomic_store_n(&c.cell->wakeup_in, dice(caller, 4), __ATOMIC_SEQ_CST);
	}
	munmap(cells, RACE_CELLS * sizeof(*cells));
}

/* Keeps changing the counter, so that exchanges of the kernel fail. */
static inline void race_cell_contend(struct caller *caller)
{
	struct evfd_cell *cells = evfd_arena_map(slot(ARENA), RACE_CELLS);
	unsigned int cell = caller->turn % RACE_CELLS_BOUND;

	if (!cells)
		return;
	for (unsigned int i = 0; i < 20000; i++) {
		struct evfd_counter c = { &cells[cell], -1 };

		__atomic_store_n(evfd_count_(&c), i % 2 ? i : UINT64_MAX, __ATOMIC_RELAXED);
	}
	munmap(cells, RACE_CELLS * sizeof(*cells));
}

/* Waits in epoll for a change that this call makes in memory. */
static inline void race_cell_epoll(struct caller *caller)
{
	static const unsigned int flags[] = {
		0, EPOLLET, EPOLLONESHOT, EPOLLEXCLUSIVE,
	};
	struct epoll_event event = {
		.events = EPOLLIN | flags[dice(caller, ARRAY_SIZE(flags))],
	};
	struct evfd_cell *cells = evfd_arena_map(slot(ARENA), RACE_CELLS);
	int fd = race_bind(slot(ARENA), caller->turn % RACE_CELLS_BOUND, 0,
			   O_CLOEXEC | O_NONBLOCK);
	int ep = epoll_create1(EPOLL_CLOEXEC);

	if (cells && fd >= 0 && !epoll_ctl(ep, EPOLL_CTL_ADD, fd, &event)) {
		struct evfd_counter c = { &cells[caller->turn % RACE_CELLS_BOUND], fd };

		evfd_counter_write(&c, 1);
		epoll_wait(ep, &event, 1, 0);
		if (caller->turn % 2)
			epoll_ctl(ep, EPOLL_CTL_DEL, fd, NULL);
		evfd_counter_write(&c, 1);
	}
	if (fd >= 0)
		close(fd);
	close(ep);
	if (cells)
		munmap(cells, RACE_CELLS * sizeof(*cells));
}

#endif /* STRESS_RACE_CELLS_H */
