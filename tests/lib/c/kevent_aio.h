/* SPDX-License-Identifier: GPL-2.0 */
/*
 * For the programs about KEVENT_AIO: files, and an operation on them by the system call, by a queue
 * and by io_uring. They need _FILE_OFFSET_BITS.
 */
#ifndef EVFD_TESTS_KEVENT_AIO_H
#define EVFD_TESTS_KEVENT_AIO_H

#include "queue.h"
#include "uring.h"

#include <fcntl.h>

#define PAGE	4096
#define SIZE	(3 * PAGE + 100)	/* of the files */
#define FILL	0x5a			/* the memory before a read */

#define READ		KEVENT_AIO_READ
#define WRITE		KEVENT_AIO_WRITE
#define FSYNC		KEVENT_AIO_FSYNC
#define FDATASYNC	KEVENT_AIO_FDATASYNC

/* A device that is there in the guest. Its reads can be asked not to wait. */
#define DISK	"/dev/vda"

FIXTURE(aio)
{
	struct kevent_queue q;
	struct uring ring;
	int fds[3];		/* files of the same contents, for each way */
};

enum way { NATIVE, QUEUE, URING };

/* The fixture of the test. */
static struct {
	struct kevent_queue *q;
	struct uring *ring;
	const int *fds;
} ways;

/* A new file without a name, on tmpfs. */
static inline int new_file(size_t size)
{
	int fd = open("/tmp", O_TMPFILE | O_RDWR, 0600);
	char c;

	for (size_t i = 0; i < size; i++) {
		c = i * 7 + i / 255;
		if (pwrite(fd, &c, 1, i) != 1)
			abort();
	}
	return fd;
}

FIXTURE_SETUP(aio)
{
	ASSERT_EQ(0, kevent_open(&self->q, 512, 0));
	ASSERT_TRUE(uring_open(&self->ring));
	for (int i = 0; i < 3; i++) {
		self->fds[i] = new_file(SIZE);
		ASSERT_LE(0, self->fds[i]);
	}
	ways.q = &self->q;
	ways.ring = &self->ring;
	ways.fds = self->fds;
}

FIXTURE_TEARDOWN(aio)
{
	for (int i = 0; i < 3; i++)
		close(self->fds[i]);
	uring_close(&self->ring);
	kevent_close(&self->q);
}

static inline int64_t by_queue(struct kevent_queue *q, int fd, uint32_t what, const void *buf,
			       size_t len, uint64_t offset)
{
	struct kevent_op op = kevent_op_aio(fd, 77, what, buf, len, offset, KEVENT_ONESHOT);
	int ret = queue_do(q, &op);

	return ret ?: result_of(q, 77, what);
}

static inline int64_t by_uring(struct uring *ring, int fd, uint32_t what, void *buf, size_t len,
			       uint64_t offset)
{
	static const int ops[] = {
		[READ] = IORING_OP_READ, [WRITE] = IORING_OP_WRITE,
		[FSYNC] = IORING_OP_FSYNC, [FDATASYNC] = IORING_OP_FSYNC,
	};
	struct io_uring_sqe *sqe = uring_queue(ring, ops[what], fd, buf, len, 0);
	struct io_uring_cqe cqe;

	sqe->off = offset;
	if (what == FDATASYNC)
		sqe->fsync_flags = IORING_FSYNC_DATASYNC;
	if (uring_submit(ring) != 1 || !uring_wait(ring, &cqe))
		return INT64_MIN;
	return cqe.res;
}

static inline int64_t by_call(int fd, uint32_t what, void *buf, size_t len, uint64_t offset)
{
	int64_t ret;

	if (what == READ)
		ret = pread(fd, buf, len, offset);
	else if (what == WRITE)
		ret = pwrite(fd, buf, len, offset);
	else
		ret = what == FSYNC ? fsync(fd) : fdatasync(fd);
	return ret < 0 ? -errno : ret;
}

static inline int64_t by(enum way way, int fd, uint32_t what, void *buf, size_t len,
			 uint64_t offset)
{
	if (way == QUEUE)
		return by_queue(ways.q, fd, what, buf, len, offset);
	if (way == URING)
		return by_uring(ways.ring, fd, what, buf, len, offset);
	return by_call(fd, what, buf, len, offset);
}

/* Memory that is aligned for O_DIRECT. */
static char buffers[3][16 * PAGE] __attribute__((aligned(PAGE)));

static _Atomic int signalled;

/* A handler. */
static inline void count_signal(int sig)
{
	(void)sig;
	signalled++;
}

#endif
