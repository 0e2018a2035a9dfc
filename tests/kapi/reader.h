/* SPDX-License-Identifier: GPL-2.0 */
/* A reader of a descriptor beside others: its kind, and how it reads. */
#ifndef KAPI_READER_H
#define KAPI_READER_H

#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <sys/uio.h>

#include "kapi.h"

#define READERS_MAX	20

enum reader_kind {
	BLOCKING = 1,
	NONBLOCKING,
	IN_EPOLL,
	IN_EPOLL_EDGE,
	IN_EPOLL_ONESHOT,
	IN_POLL,
	IN_SELECT,
	IN_AIO,
	IN_URING,
	IN_URING_MULTISHOT,
	IN_KERNEL,
	IN_CALLBACK,
	IN_QUEUE,
	IN_QUEUE_EDGE,
	IN_QUEUE_DISPATCH,
	IN_QUEUE_ONESHOT,
	IN_QUEUE_POLL,
	IN_QUEUE_LOOP,
	IN_QUEUE_SHARED,
};

#define EVERYBODY {							\
	BLOCKING, NONBLOCKING, IN_EPOLL, IN_EPOLL_EDGE, IN_EPOLL_ONESHOT,	\
	IN_POLL, IN_SELECT, IN_AIO, IN_URING, IN_URING_MULTISHOT,		\
	IN_KERNEL, IN_CALLBACK, IN_QUEUE, IN_QUEUE_EDGE, IN_QUEUE_DISPATCH,	\
	IN_QUEUE_ONESHOT, IN_QUEUE_POLL, IN_QUEUE_LOOP, IN_QUEUE_SHARED,	\
}

struct readers {
	int fd;
	unsigned int flags;
	/* With a cell if readers also read in memory. */
	struct evfd_counter counter;
	atomic_uint reads;
	atomic_ullong total;
	atomic_bool stop;
	atomic_int failed;
	pthread_t threads[READERS_MAX];
	int nr;
};

struct reader {
	struct readers *readers;
	enum reader_kind kind;
};

static inline void readers_check(struct readers *readers, bool good)
{
	if (!good)
		atomic_fetch_add(&readers->failed, 1);
}

/* Reads without a call. Returns 0 if the counter is 0. */
static inline __u64 read_memory(struct readers *readers)
{
	if (readers->flags & EVFD_EFD_SEMAPHORE)
		return evfd_counter_read_one(&readers->counter);
	return evfd_counter_read(&readers->counter);
}

/* Whether it is the turn of the memory, for reads that do not block. */
static inline bool read_is_in_memory(struct readers *readers, int flags)
{
	return readers->counter.cell && flags & RWF_NOWAIT &&
	       atomic_fetch_add(&readers->reads, 1) % 2;
}

static inline bool read_now(struct readers *readers, int flags)
{
	__u64 count;
	struct iovec iov = { .iov_base = &count, .iov_len = sizeof(count) };
	ssize_t n;

	if (read_is_in_memory(readers, flags)) {
		count = read_memory(readers);
		if (!count)
			return false;
		n = sizeof(count);
	} else {
		n = preadv2(readers->fd, &iov, 1, -1, flags);
	}
	if (n == sizeof(count)) {
		atomic_fetch_add(&readers->total, count);
		return true;
	}
	readers_check(readers, n < 0 && errno == EAGAIN);
	return false;
}

static inline void read_all(struct readers *readers)
{
	while (read_now(readers, RWF_NOWAIT))
		;
}

#endif /* KAPI_READER_H */
