/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Readers of every kind on a single descriptor. Each is complete by itself: it does not
 * rely on another reader to take the rest.
 */
#ifndef KAPI_READERS_H
#define KAPI_READERS_H

#include <linux/aio_abi.h>
#include <sys/select.h>

#include "queue_readers.h"
#include "uring.h"

static inline void read_in_epoll(struct readers *readers, unsigned int flags)
{
	struct epoll_event event = { .events = EPOLLIN | flags };
	int epfd = epoll_create1(0);

	epoll_ctl(epfd, EPOLL_CTL_ADD, readers->fd, &event);
	while (!atomic_load(&readers->stop)) {
		readers_check(readers, epoll_wait(epfd, &event, 1, -1) == 1 &&
			      event.events == EPOLLIN);
		read_now(readers, RWF_NOWAIT);
		if (flags & EPOLLONESHOT) {
			event.events = EPOLLIN | flags;
			epoll_ctl(epfd, EPOLL_CTL_MOD, readers->fd, &event);
		}
	}
	close(epfd);
}

static inline void read_in_select(struct readers *readers)
{
	fd_set set;

	FD_ZERO(&set);
	FD_SET(readers->fd, &set);
	readers_check(readers, select(readers->fd + 1, &set, NULL, NULL, NULL) == 1);
	read_now(readers, RWF_NOWAIT);
}

static inline void read_in_aio(struct readers *readers)
{
	struct iocb iocb = {
		.aio_lio_opcode = IOCB_CMD_POLL,
		.aio_fildes = readers->fd,
		.aio_buf = POLLIN,
	}, *submitted = &iocb;
	struct io_event event;
	aio_context_t ctx = 0;

	readers_check(readers, !syscall(SYS_io_setup, 1, &ctx));
	while (!atomic_load(&readers->stop)) {
		readers_check(readers,
			      syscall(SYS_io_submit, ctx, 1, &submitted) == 1 &&
			      syscall(SYS_io_getevents, ctx, 1, 1, &event, NULL) == 1 &&
			      event.res == POLLIN);
		read_now(readers, RWF_NOWAIT);
	}
	syscall(SYS_io_destroy, ctx);
}

/* Sleeps until there is a completion, and returns it. */
static inline struct io_uring_cqe uring_sleep(struct uring *ring)
{
	struct io_uring_cqe cqe;

	while (!uring_next(ring, &cqe))
		syscall(SYS_io_uring_enter, ring->fd, 0, 1,
			IORING_ENTER_GETEVENTS, NULL, 0);
	return cqe;
}

static inline void read_in_uring(struct readers *readers)
{
	struct uring ring;
	__u64 count;

	readers_check(readers, uring_open(&ring));
	while (!atomic_load(&readers->stop)) {
		uring_queue(&ring, IORING_OP_READ, readers->fd, &count,
			    sizeof(count), 0);
		uring_submit(&ring);
		if (uring_sleep(&ring).res == sizeof(count))
			atomic_fetch_add(&readers->total, count);
		else
			readers_check(readers, false);
	}
	uring_close(&ring);
}

static inline void read_in_uring_multishot(struct readers *readers)
{
	struct uring ring;
	struct io_uring_cqe cqe = { };

	readers_check(readers, uring_open(&ring));
	while (!atomic_load(&readers->stop)) {
		if (!(cqe.flags & IORING_CQE_F_MORE)) {
			uring_poll(&ring, readers->fd, POLLIN, true, 0);
			uring_submit(&ring);
		}
		cqe = uring_sleep(&ring);
		readers_check(readers, cqe.res == POLLIN);
		read_now(readers, RWF_NOWAIT);
	}
	uring_close(&ring);
}

/* Reads by evfd_ctx_do_read(). */
static inline void read_in_kernel(struct readers *readers)
{
	int dev = post_device();
	__u64 count;

	readers_check(readers, !ioctl(dev, POST_TEST_HOLD, &readers->fd));
	while (!atomic_load(&readers->stop)) {
		readers_check(readers, !ioctl(dev, POST_TEST_HELD_READ, &count));
		atomic_fetch_add(&readers->total, count);
		sched_yield();
	}
	close(dev);
}

/* Reads by evfd_ctx_do_read() in a wake-up callback; the thread only collects the sum. */
static inline void read_in_callback(struct readers *readers)
{
	int dev = post_device(), unused = eventfd(0, 0);
	struct post_test_unhook unhook = { };
	__u64 seen = 0, drained = 0;

	unhook.hook = hook(dev, readers->fd, unused, 0, 0, POST_TEST_DRAIN);
	while (!atomic_load(&readers->stop)) {
		usleep(1000);
		drained = hook_state(dev, unhook.hook).drained;
		atomic_fetch_add(&readers->total, drained - seen);
		seen = drained;
	}
	readers_check(readers, !ioctl(dev, POST_TEST_UNHOOK, &unhook));
	drained = hook_state(dev, unhook.hook).drained + unhook.count;
	atomic_fetch_add(&readers->total, drained - seen);
	close(unused);
	close(dev);
}

static inline void read_in_loop(struct readers *readers, enum reader_kind kind)
{
	while (!atomic_load(&readers->stop)) {
		if (kind == BLOCKING) {
			read_now(readers, 0);
		} else if (kind == IN_SELECT) {
			read_in_select(readers);
		} else if (kind == IN_POLL) {
			readers_check(readers,
				      poll_for(readers->fd, POLLIN, -1) == POLLIN);
			read_now(readers, RWF_NOWAIT);
		} else if (!read_now(readers, RWF_NOWAIT)) {
			sched_yield();
		}
	}
}

static inline void *reader_thread(void *data)
{
	struct reader *reader = data;
	struct readers *readers = reader->readers;

	switch (reader->kind) {
	case BLOCKING:
	case NONBLOCKING:
	case IN_POLL:
	case IN_SELECT:
		read_in_loop(readers, reader->kind);
		break;
	case IN_EPOLL:
		read_in_epoll(readers, 0);
		break;
	case IN_EPOLL_EDGE:
		read_in_epoll(readers, EPOLLET);
		break;
	case IN_EPOLL_ONESHOT:
		read_in_epoll(readers, EPOLLONESHOT);
		break;
	case IN_AIO:
		read_in_aio(readers);
		break;
	case IN_URING:
		read_in_uring(readers);
		break;
	case IN_URING_MULTISHOT:
		read_in_uring_multishot(readers);
		break;
	case IN_KERNEL:
		read_in_kernel(readers);
		break;
	case IN_CALLBACK:
		read_in_callback(readers);
		break;
	case IN_QUEUE:
		read_in_queue(readers, 0);
		break;
	case IN_QUEUE_EDGE:
		read_in_queue(readers, KEVENT_ET);
		break;
	case IN_QUEUE_DISPATCH:
		read_in_queue(readers, KEVENT_ET | KEVENT_DISPATCH);
		break;
	case IN_QUEUE_ONESHOT:
		read_in_queue_oneshot(readers);
		break;
	case IN_QUEUE_POLL:
		read_in_queue_poll(readers);
		break;
	case IN_QUEUE_LOOP:
		read_in_queue_loop(readers);
		break;
	case IN_QUEUE_SHARED:
		read_in_queue_shared(readers);
		break;
	}
	free(reader);
	return NULL;
}

static inline void readers_start(struct readers *readers,
				 const enum reader_kind *kinds)
{
	for (; *kinds; kinds++) {
		struct reader *reader = malloc(sizeof(*reader));

		*reader = (struct reader) { readers, *kinds };
		if (pthread_create(&readers->threads[readers->nr++], NULL,
				   reader_thread, reader))
			abort();
	}
}

/* Adds 1, in memory if the counter has a cell. Returns whether it succeeds. */
static inline bool write_one(struct readers *readers)
{
	if (readers->counter.cell)
		return !evfd_counter_write(&readers->counter, 1);
	return !write_count(readers->fd, 1);
}

/* Writes until every reader has woken up and stopped. Returns the sum written. */
static inline __u64 readers_stop(struct readers *readers)
{
	__u64 written = 0;

	atomic_store(&readers->stop, true);
	for (int i = 0; i < readers->nr; i++) {
		while (pthread_tryjoin_np(readers->threads[i], NULL)) {
			if (!write_one(readers))
				abort();
			written++;
			usleep(1000);
		}
	}
	read_all(readers);
	return written;
}

#endif /* KAPI_READERS_H */
