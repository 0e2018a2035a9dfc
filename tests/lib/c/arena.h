/* SPDX-License-Identifier: GPL-2.0 */
/* Arenas of the tests of cells, and the counters in them. */
#ifndef EVFD_TESTS_ARENA_H
#define EVFD_TESTS_ARENA_H

#include "common.h"

/**
 * struct arena - an arena and its mapping
 * @dev: the open device
 * @fd: the descriptor
 * @cells: the mapping
 * @n: how many cells there are
 */
struct arena {
	int dev, fd;
	struct evfd_cell *cells;
	unsigned int n;
};

static inline bool arena_make(struct arena *arena, unsigned int n)
{
	arena->dev = evfd_open();
	arena->fd = evfd_arena_open(arena->dev, n);
	arena->cells = arena->fd < 0 ? NULL : evfd_arena_map(arena->fd, n);
	arena->n = n;
	return arena->cells;
}

static inline void arena_end(struct arena *arena)
{
	munmap(arena->cells, arena->n * sizeof(*arena->cells));
	close(arena->fd);
	close(arena->dev);
}

/* Binds a cell: 0, or -errno. */
static inline int arena_bind(const struct arena *arena, struct evfd_counter *c,
			     unsigned int cell, unsigned int count, unsigned int flags)
{
	return result(evfd_counter_open(c, arena->dev, arena->fd, arena->cells, cell, count,
					flags));
}

/* Makes an arena of its own for a counter. */
static inline bool counter_make(struct evfd_counter *c, unsigned int count, unsigned int flags)
{
	struct arena arena;
	bool made = arena_make(&arena, 300) && !arena_bind(&arena, c, 299, count, flags);

	close(arena.fd);
	close(arena.dev);
	return made;
}

static inline int kick(int fd, unsigned long events)
{
	return result(ioctl(fd, EVFD_IOC_KICK, events));
}

static inline uint32_t wakeup_in(const struct evfd_counter *c)
{
	return __atomic_load_n(&c->cell->wakeup_in, __ATOMIC_SEQ_CST);
}

static inline uint32_t wakeup_out(const struct evfd_counter *c)
{
	return __atomic_load_n(&c->cell->wakeup_out, __ATOMIC_SEQ_CST);
}

#endif /* EVFD_TESTS_ARENA_H */
