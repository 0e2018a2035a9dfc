/* SPDX-License-Identifier: GPL-2.0 */
/* Timers in shared memory, for the programs that test them alone. */
#ifndef EVFD_TESTS_TIMER_MEMORY_H
#define EVFD_TESTS_TIMER_MEMORY_H

#include "timer.h"

/* More than a page of timers. */
#define ARENA_TIMERS	200

/* An arena of timers and its mapping. */
struct arena {
	int dev, fd;
	struct evfd_timer *timers;
};

static inline bool arena_open(struct arena *arena)
{
	arena->dev = evfd_open();
	arena->fd = evfd_timer_arena_open(arena->dev, ARENA_TIMERS);
	arena->timers = evfd_timer_arena_map(arena->fd, ARENA_TIMERS);
	return arena->timers;
}

static inline void arena_close(struct arena *arena)
{
	munmap(arena->timers, ARENA_TIMERS * sizeof(*arena->timers));
	close(arena->fd);
	close(arena->dev);
}

/* EVFD_IOC_TIMER_BIND. Returns the descriptor, or -errno. */
static inline int arena_bind(const struct arena *arena, unsigned int timer, int clockid,
			     unsigned int flags)
{
	struct evfd_timer_bind arg = {
		.arena = arena->fd,
		.timer = timer,
		.clockid = clockid,
		.flags = flags,
	};

	return result(ioctl(arena->dev, EVFD_IOC_TIMER_BIND, &arg));
}

/* Makes a timer that does not block. */
static inline bool arena_timer(const struct arena *arena, unsigned int timer, int clockid,
			       struct evfd_timer_ref *t)
{
	t->fd = arena_bind(arena, timer, clockid, EVFD_TFD_NONBLOCK);
	t->timer = arena->timers + timer;
	return t->fd >= 0;
}

/* EVFD_IOC_KICK. Returns 0, or -errno. */
static inline int kick(int fd, unsigned long events)
{
	return result(ioctl(fd, EVFD_IOC_KICK, events));
}

/* Reads in memory: the ticks, or -errno. */
static inline int64_t memory_ticks(const struct evfd_timer_ref *t)
{
	__u64 ticks;

	return evfd_timer_read(t, &ticks) ? -errno : (int64_t)ticks;
}

/* The words, which other threads and the kernel change. */

static inline int64_t next_of(const struct evfd_timer_ref *t)
{
	return __atomic_load_n(evfd_next_(t), __ATOMIC_SEQ_CST);
}

static inline int64_t look_of(const struct evfd_timer_ref *t)
{
	return __atomic_load_n((evfd_s64 *)&t->timer->look, __ATOMIC_SEQ_CST);
}

static inline int clock_of(const struct evfd_timer_ref *t)
{
	return __atomic_load_n(&t->timer->clockid, __ATOMIC_SEQ_CST);
}

/* Replaces the next expiration, without a look whether a kick is needed. */
static inline int64_t swap_next(const struct evfd_timer_ref *t, int64_t next)
{
	return __atomic_exchange_n(evfd_next_(t), next, __ATOMIC_SEQ_CST);
}

#endif /* EVFD_TESTS_TIMER_MEMORY_H */
