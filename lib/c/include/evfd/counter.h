/* SPDX-License-Identifier: MIT */
/*
 * The counters of event descriptors in memory: writing, reading and polling without a
 * system call.
 *
 * An arena holds the cells of many counters. A counter also has a descriptor, which works
 * like any event descriptor: for poll(2), epoll(7), io_uring, blocking reads and writes, and
 * for processes without the mapping. Both change the same count.
 *
 * The functions here never block. To wait, use the descriptor.
 *
 * All functions are in this header, so a program links to no library.
 */
#ifndef EVFD_COUNTER_H
#define EVFD_COUNTER_H

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/epoll.h>
#include <sys/ioctl.h>
#include <sys/mman.h>

#include <linux/evfd.h>

#ifdef __cplusplus
extern "C" {
#endif

/* The highest value that a write can reach. */
#define EVFD_COUNT_MAX	(UINT64_MAX - 1)

/* 32-bit x86 aligns __u64 to 4 bytes only, but atomic accesses need 8. */
typedef __u64 __attribute__((aligned(8))) evfd_u64;

/**
 * struct evfd_counter - a counter of this process
 * @cell: the cell, in the mapping of the arena
 * @fd: the descriptor that is bound to the cell
 */
struct evfd_counter {
	struct evfd_cell *cell;
	int fd;
};

/* Arenas */

/**
 * evfd_arena_open() - make an arena
 * @dev: open /dev/evfd
 * @cells: number of cells, 1 to EVFD_ARENA_MAX
 *
 * Return: a descriptor that execve(2) closes, or -1 and errno: see ioctl_evfd_arena(2).
 */
static inline int evfd_arena_open(int dev, __u32 cells)
{
	struct evfd_arena args;

	args.entries = cells;
	args.flags = EVFD_ARENA_CLOEXEC;
	return ioctl(dev, EVFD_IOC_ARENA, &args);
}

/**
 * evfd_arena_map() - map an arena
 * @arena: descriptor of the arena; may be closed afterwards
 * @cells: number of cells to map, from the first one
 *
 * Return: the cells, to be unmapped with munmap(2), or NULL and errno: see mmap(2).
 */
static inline struct evfd_cell *evfd_arena_map(int arena, __u32 cells)
{
	void *map = mmap(NULL, cells * sizeof(struct evfd_cell), PROT_READ | PROT_WRITE,
			 MAP_SHARED, arena, 0);

	return map == MAP_FAILED ? NULL : (struct evfd_cell *)map;
}

/**
 * evfd_counter_open() - make an event descriptor whose counter is a cell
 * @c: the counter, set by this function
 * @dev: open /dev/evfd
 * @arena: descriptor of the arena
 * @cells: mapping of the arena
 * @cell: index of the cell
 * @count: initial value of the counter
 * @flags: EVFD_EFD_* flags
 *
 * Return: 0, or -1 and errno: see ioctl_evfd_arena(2). close(2) of @c->fd ends the counter.
 */
static inline int evfd_counter_open(struct evfd_counter *c, int dev, int arena,
				    struct evfd_cell *cells, __u32 cell, __u32 count,
				    __u32 flags)
{
	struct evfd_bind args;
	int fd;

	args.arena = arena;
	args.cell = cell;
	args.count = count;
	args.flags = flags;
	fd = ioctl(dev, EVFD_IOC_BIND, &args);
	if (fd < 0)
		return -1;
	c->cell = cells + cell;
	c->fd = fd;
	return 0;
}

/* The counter. Any thread of any process with the mapping may call these at any time. */

static inline evfd_u64 *evfd_count_(const struct evfd_counter *c)
{
	return (evfd_u64 *)__builtin_assume_aligned(&c->cell->count, 8);
}

/*
 * The count has changed already, and stays so if the kick fails. Out of line, so that callers
 * save no registers for it.
 */
static __attribute__((cold, noinline, unused)) void evfd_kick_(const struct evfd_counter *c,
							       unsigned long events)
{
	int err = errno;

	ioctl(c->fd, EVFD_IOC_KICK, events);
	errno = err;
}

/*
 * Wakes waiters, if there are any, after the count has changed by a fully ordered exchange.
 * The order of that and this load is what no wake-up is lost by.
 */
static inline void evfd_changed_(const struct evfd_counter *c, const __u32 *wakeup,
				 unsigned long events)
{
	if (__builtin_expect(__atomic_load_n(wakeup, __ATOMIC_SEQ_CST) != 0, 0))
		evfd_kick_(c, events);
}

/**
 * evfd_counter_look() - the current value
 * @c: the counter
 */
static inline __u64 evfd_counter_look(const struct evfd_counter *c)
{
	return __atomic_load_n(evfd_count_(c), __ATOMIC_ACQUIRE);
}

/**
 * evfd_counter_events() - the events that the descriptor is ready for, like in poll(2)
 * @c: the counter
 *
 * Return: a set of EPOLLIN, EPOLLOUT and EPOLLERR.
 */
static inline __u32 evfd_counter_events(const struct evfd_counter *c)
{
	__u64 count = evfd_counter_look(c);

	return (count ? EPOLLIN : 0) | (count < EVFD_COUNT_MAX ? EPOLLOUT : 0) |
	       (count > EVFD_COUNT_MAX ? EPOLLERR : 0);
}

/**
 * evfd_counter_write() - add to the counter
 * @c: the counter
 * @n: 0 to EVFD_COUNT_MAX
 *
 * Return: 0, or -1 and errno:
 *
 * EAGAIN: the sum would exceed EVFD_COUNT_MAX
 * EINVAL: @n exceeds EVFD_COUNT_MAX
 */
static inline int evfd_counter_write(const struct evfd_counter *c, __u64 n)
{
	__u64 count = __atomic_load_n(evfd_count_(c), __ATOMIC_RELAXED);

	do {
		if (__builtin_expect(n >= UINT64_MAX - count, 0)) {
			errno = n > EVFD_COUNT_MAX ? EINVAL : EAGAIN;
			return -1;
		}
	} while (!__atomic_compare_exchange_n(evfd_count_(c), &count, count + n, 1,
					      __ATOMIC_SEQ_CST, __ATOMIC_RELAXED));
	evfd_changed_(c, &c->cell->wakeup_in, EPOLLIN);
	return 0;
}

/**
 * evfd_counter_read() - take the whole counter
 * @c: the counter
 *
 * Return: the value, or 0 if the counter is 0.
 */
static inline __u64 evfd_counter_read(const struct evfd_counter *c)
{
	__u64 count = __atomic_load_n(evfd_count_(c), __ATOMIC_RELAXED);

	if (!count)
		return 0;
	count = __atomic_exchange_n(evfd_count_(c), 0, __ATOMIC_SEQ_CST);
	/* Another reader may have been faster. */
	if (__builtin_expect(count != 0, 1))
		evfd_changed_(c, &c->cell->wakeup_out, EPOLLOUT);
	return count;
}

/**
 * evfd_counter_read_one() - take 1 from the counter, like a read with EVFD_EFD_SEMAPHORE
 * @c: the counter
 *
 * Return: false if the counter is 0.
 */
static inline bool evfd_counter_read_one(const struct evfd_counter *c)
{
	__u64 count = __atomic_load_n(evfd_count_(c), __ATOMIC_RELAXED);

	do {
		if (!count)
			return false;
	} while (!__atomic_compare_exchange_n(evfd_count_(c), &count, count - 1, 1,
					      __ATOMIC_SEQ_CST, __ATOMIC_RELAXED));
	evfd_changed_(c, &c->cell->wakeup_out, EPOLLOUT);
	return true;
}

#ifdef __cplusplus
}
#endif

#endif /* EVFD_COUNTER_H */
