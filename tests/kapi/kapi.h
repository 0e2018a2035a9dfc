/* SPDX-License-Identifier: GPL-2.0 */
/* Shared by the test programs of the kernel API. */
#ifndef KAPI_H
#define KAPI_H

#include "descriptor.h"

#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>

#include <evfd/counter.h>

#include "harness.h"
#include "../kmod/post_test.h"

#define WAIT_MS		20000

static inline int post_device(void)
{
	return open("/dev/" POST_TEST_DEVICE_NAME, O_RDWR | O_CLOEXEC);
}

/* A cell in the second page of an arena, after cells that nothing uses. */
#define COUNTER_CELL	300

static inline bool counter_is(const char *impl)
{
	const char *chosen = getenv("EVFD_IMPL");

	return !strcmp(chosen ? chosen : "evfd", impl);
}

/*
 * Makes an event descriptor of the implementation in EVFD_IMPL: "evfd", or "cell" or "memory"
 * for a descriptor with its counter in an arena. With "memory", the program also changes the
 * counter there, so only then @c has a cell. Returns the descriptor, or -1.
 */
static inline int new_counter_in(struct evfd_counter *c, unsigned int count, int flags)
{
	struct evfd_cell *cells = NULL;
	int dev, arena, ret;

	*c = (struct evfd_counter){ .fd = -1 };
	if (counter_is("evfd")) {
		c->fd = evfd_new(count, flags);
		return c->fd;
	}
	dev = evfd_open();
	arena = evfd_arena_open(dev, COUNTER_CELL + 1);
	if (counter_is("memory"))
		cells = evfd_arena_map(arena, COUNTER_CELL + 1);
	ret = evfd_counter_open(c, dev, arena, cells, COUNTER_CELL, count, flags);
	if (!cells)
		c->cell = NULL;
	close(arena);
	close(dev);
	return ret ? -1 : c->fd;
}

/* Without access to the counter in memory. */
static inline int new_counter(unsigned int count, int flags)
{
	struct evfd_counter c;

	return new_counter_in(&c, count, flags);
}

/* Returns the result of the posting function, or -errno of the look-up before. */
static inline int post(int dev, int fd, unsigned int via, unsigned int amount)
{
	struct post_test_post arg = { .fd = fd, .via = via, .amount = amount };

	return ioctl(dev, POST_TEST_POST, &arg) ? -errno : arg.result;
}

static inline int held_post(int dev, unsigned int amount, unsigned int mask)
{
	struct post_test_post arg = { .amount = amount, .mask = mask };

	return ioctl(dev, POST_TEST_HELD_POST, &arg) ? -errno : arg.result;
}

static inline int hook(int dev, int watched, int posted, unsigned int amount,
		       unsigned int times, unsigned int flags)
{
	struct post_test_hook arg = {
		.watched = watched,
		.posted = posted,
		.amount = amount,
		.times = times,
		.flags = flags,
	};

	return ioctl(dev, POST_TEST_HOOK, &arg);
}

static inline struct post_test_hook_state hook_state(int dev, int number)
{
	struct post_test_hook_state state = { .hook = number };

	if (ioctl(dev, POST_TEST_HOOK_STATE, &state))
		abort();
	return state;
}

/* Polls for the events of @mask. Returns the events reported, or -errno. */
static inline int poll_for(int fd, short mask, int timeout_ms)
{
	struct pollfd pfd = { .fd = fd, .events = mask };

	return poll(&pfd, 1, timeout_ms) < 0 ? -errno : pfd.revents;
}

static inline int write_count(int fd, __u64 count)
{
	return write(fd, &count, sizeof(count)) == sizeof(count) ? 0 : -errno;
}

/* For descriptors that are non-blocking or readable. */
static inline __u64 read_count(int fd)
{
	__u64 count;

	return read(fd, &count, sizeof(count)) == sizeof(count) ? count : 0;
}

/* Deferred wake-ups arrive soon, but not immediately. */
#define wait_until(condition) ({				\
	int _ms = WAIT_MS;					\
	bool _met;						\
								\
	while (!(_met = (condition)) && _ms--)			\
		usleep(1000);					\
	_met;							\
})

#endif /* KAPI_H */
