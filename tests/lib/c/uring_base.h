/* SPDX-License-Identifier: GPL-2.0 */
/* The parts of io_uring that tests and benchmarks need, on the plain system calls. */
#ifndef EVFD_TESTS_URING_BASE_H
#define EVFD_TESTS_URING_BASE_H

#include "descriptor.h"

#include <sys/mman.h>

#include <linux/io_uring.h>

struct uring {
	int fd;
	unsigned int entries, pending;
	struct io_uring_sqe *sqes;
	unsigned int *sq_tail, *sq_array, sq_mask;
	unsigned int *cq_head, *cq_tail, cq_mask;
	struct io_uring_cqe *cqes;
	char *map;
	size_t size;
};

/* Makes a ring for @entries requests at a time, and twice as many completions. */
static inline bool uring_open_for(struct uring *ring, unsigned int entries)
{
	struct io_uring_params params = { };
	size_t size;
	char *map;

	*ring = (struct uring){ .entries = entries };
	ring->fd = syscall(SYS_io_uring_setup, ring->entries, &params);
	if (ring->fd < 0 || !(params.features & IORING_FEAT_SINGLE_MMAP))
		return false;
	size = params.cq_off.cqes +
	       params.cq_entries * sizeof(struct io_uring_cqe);
	if (size < params.sq_off.array + params.sq_entries * sizeof(int))
		size = params.sq_off.array + params.sq_entries * sizeof(int);
	map = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_POPULATE,
		   ring->fd, IORING_OFF_SQ_RING);
	ring->sqes = mmap(NULL, params.sq_entries * sizeof(*ring->sqes),
			  PROT_READ | PROT_WRITE, MAP_SHARED | MAP_POPULATE,
			  ring->fd, IORING_OFF_SQES);
	if (map == MAP_FAILED || ring->sqes == MAP_FAILED)
		return false;
	ring->map = map;
	ring->size = size;
	ring->sq_tail = (void *)(map + params.sq_off.tail);
	ring->sq_array = (void *)(map + params.sq_off.array);
	ring->sq_mask = *(unsigned int *)(map + params.sq_off.ring_mask);
	ring->cq_head = (void *)(map + params.cq_off.head);
	ring->cq_tail = (void *)(map + params.cq_off.tail);
	ring->cq_mask = *(unsigned int *)(map + params.cq_off.ring_mask);
	ring->cqes = (void *)(map + params.cq_off.cqes);
	return true;
}

static inline bool uring_open(struct uring *ring)
{
	return uring_open_for(ring, 32);
}

/* Closes the ring, even with requests under way. */
static inline void uring_close(struct uring *ring)
{
	munmap(ring->sqes, ring->entries * sizeof(*ring->sqes));
	munmap(ring->map, ring->size);
	close(ring->fd);
}

/* Queues a request; the caller may change it until uring_submit(). */
static inline struct io_uring_sqe *uring_queue(struct uring *ring, int op,
					       int fd, void *buf,
					       unsigned int len, uint64_t data)
{
	unsigned int tail = *ring->sq_tail + ring->pending++;
	unsigned int index = tail & ring->sq_mask;
	struct io_uring_sqe *sqe = &ring->sqes[index];

	memset(sqe, 0, sizeof(*sqe));
	sqe->opcode = op;
	sqe->fd = fd;
	sqe->addr = (uintptr_t)buf;
	sqe->len = len;
	sqe->user_data = data;
	/* The current position, like in read(2). */
	if (op == IORING_OP_READ || op == IORING_OP_WRITE ||
	    op == IORING_OP_READV || op == IORING_OP_WRITEV)
		sqe->off = -1;
	ring->sq_array[index] = index;
	return sqe;
}

static inline struct io_uring_sqe *uring_poll(struct uring *ring, int fd,
					      unsigned int events, bool multi,
					      uint64_t data)
{
	struct io_uring_sqe *sqe;

	sqe = uring_queue(ring, IORING_OP_POLL_ADD, fd, NULL,
			  multi ? IORING_POLL_ADD_MULTI : 0, data);
	sqe->poll32_events = events;
	return sqe;
}

/* Submits the queued requests. Returns how many the kernel has taken. */
static inline int uring_submit(struct uring *ring)
{
	unsigned int n = ring->pending;

	__atomic_store_n(ring->sq_tail, *ring->sq_tail + n, __ATOMIC_RELEASE);
	ring->pending = 0;
	return syscall(SYS_io_uring_enter, ring->fd, n, 0, 0, NULL, 0);
}

/* Takes a completion from memory, if there is any. */
static inline bool uring_peek(struct uring *ring, struct io_uring_cqe *cqe)
{
	unsigned int head = *ring->cq_head;

	if (head == __atomic_load_n(ring->cq_tail, __ATOMIC_ACQUIRE))
		return false;
	*cqe = ring->cqes[head & ring->cq_mask];
	__atomic_store_n(ring->cq_head, head + 1, __ATOMIC_RELEASE);
	return true;
}

/* Runs completions that wait for this task to enter the kernel, and waits for @n of them. */
static inline int uring_enter(struct uring *ring, unsigned int n)
{
	return syscall(SYS_io_uring_enter, ring->fd, 0, n, IORING_ENTER_GETEVENTS, NULL, 0);
}

/* Takes a completion, if there is any. */
static inline bool uring_next(struct uring *ring, struct io_uring_cqe *cqe)
{
	uring_enter(ring, 0);
	return uring_peek(ring, cqe);
}

#endif /* EVFD_TESTS_URING_BASE_H */
