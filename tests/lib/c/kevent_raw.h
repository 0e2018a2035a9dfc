/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Queues of /dev/kevent by plain system calls, for tests with bad arguments or a bad
 * program. <evfd/kevent.h> makes correct calls only.
 */
#ifndef EVFD_TESTS_KEVENT_RAW_H
#define EVFD_TESTS_KEVENT_RAW_H

#include "descriptor.h"

#include <sys/mman.h>
#include <time.h>

#include <linux/kevent.h>

#define RAW_KEVENT_DEVICE	"/dev/" KEVENT_DEVICE_NAME

static inline int raw_queue_open(void)
{
	return open(RAW_KEVENT_DEVICE, O_RDWR | O_CLOEXEC);
}

/* Sets a queue up. Returns the size of the mapping, or -1 and errno. */
static inline long raw_queue_setup(int fd, unsigned int slots)
{
	struct kevent_setup setup = { .slots = slots };

	return ioctl(fd, KEVENT_IOC_SETUP, &setup) ? -1 : (long)setup.size;
}

/* Opens a queue and sets it up. */
static inline int raw_queue_new(unsigned int slots)
{
	int fd = raw_queue_open();

	if (fd >= 0 && raw_queue_setup(fd, slots) < 0) {
		close(fd);
		return -1;
	}
	return fd;
}

/* Does operations, and waits if @flags has KEVENT_WAIT. */
static inline int raw_submit(int fd, struct kevent_op *ops, unsigned int nr,
			     unsigned int flags, int64_t timeout)
{
	struct kevent_submit arg = {
		.ops = (uintptr_t)ops,
		.nr = nr,
		.flags = flags,
		.timeout = timeout,
		.clock = flags & KEVENT_WAIT ? CLOCK_MONOTONIC : 0,
	};

	return ioctl(fd, KEVENT_IOC_SUBMIT, &arg);
}

/* Does one operation. Returns 0, or -1 and errno, of the call or of the operation. */
static inline int raw_do(int fd, struct kevent_op *op)
{
	int ret = raw_submit(fd, op, 1, 0, 0);

	if (ret == 1 && !op->result)
		return 0;
	if (ret == 1)
		errno = -op->result;
	return -1;
}

/* An ADD, with the user word @id too. */
static inline struct kevent_op raw_add(unsigned int type, uint64_t id, uint32_t want)
{
	return (struct kevent_op){
		.op = KEVENT_OP_ADD,
		.type = type,
		.want = want,
		.id = id,
		.user = id,
	};
}

/* An ADD of a timer that first expires @first nanoseconds from now. */
static inline struct kevent_op raw_add_timer(int clockid, int64_t first, int64_t interval)
{
	struct kevent_op op = raw_add(KEVENT_TIMER, clockid, KEVENT_TIMER_FIRED);

	op.arg[0] = first;
	op.arg[1] = interval;
	return op;
}

/* A mapped queue, and the position of the next entry of the ring. */
struct raw_queue {
	int fd;
	size_t size;
	char *map;
	uint64_t head;
};

static inline bool raw_map(struct raw_queue *q, int fd, size_t size)
{
	void *map = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);

	*q = (struct raw_queue){ .fd = fd, .size = size, .map = map };
	if (map == MAP_FAILED)
		return false;
	q->head = ((struct kevent_header *)map)->ring_entries;
	return true;
}

/* Makes a queue and maps it. */
static inline bool raw_queue_make(struct raw_queue *q, unsigned int slots)
{
	int fd = raw_queue_open();
	long size = raw_queue_setup(fd, slots);

	return size > 0 && raw_map(q, fd, size);
}

static inline struct kevent_header *raw_header(const struct raw_queue *q)
{
	return (struct kevent_header *)(void *)q->map;
}

static inline struct kevent_slot *raw_slot(const struct raw_queue *q, unsigned int index)
{
	char *slots = q->map + raw_header(q)->off_slots;

	return (struct kevent_slot *)(void *)slots + index;
}

/* Consumes the next entry of the ring. Returns false if the ring is empty. */
static inline bool raw_next(struct raw_queue *q, uint32_t *events)
{
	const struct kevent_header *header = raw_header(q);
	uint32_t *ring = (void *)(q->map + header->off_ring);
	uint32_t entry = __atomic_load_n(&ring[q->head & (header->ring_entries - 1)],
					 __ATOMIC_ACQUIRE);
	struct kevent_slot *slot;

	if (!(entry & KEVENT_PHASE) != !(q->head & header->ring_entries))
		return false;
	q->head++;
	slot = raw_slot(q, (entry & ~KEVENT_PHASE) / sizeof(*slot));
	*events = __atomic_exchange_n(&slot->ready, 0, __ATOMIC_ACQ_REL);
	return true;
}

/* Consumes all entries. Returns the number of those with events. */
static inline int raw_drain(struct raw_queue *q)
{
	uint32_t events;
	int n = 0;

	while (raw_next(q, &events))
		n += events != 0;
	return n;
}

/* Waits for an entry behind the consumed entries, for at most @ns nanoseconds. */
static inline bool raw_wait(const struct raw_queue *q, int64_t ns)
{
	struct kevent_submit arg = {
		.flags = KEVENT_WAIT,
		.head = q->head,
		.timeout = ns,
		.clock = CLOCK_MONOTONIC,
	};

	return !ioctl(q->fd, KEVENT_IOC_SUBMIT, &arg);
}

/* Returns the number of kevents in fdinfo, or -1. */
static inline long raw_queue_used(int fd)
{
	char line[128];
	long used = -1;
	FILE *file;

	snprintf(line, sizeof(line), "/proc/self/fdinfo/%d", fd);
	file = fopen(line, "re");
	while (file && used < 0 && fgets(line, sizeof(line), file))
		sscanf(line, "kevent slots: %*u used: %ld", &used);
	if (file)
		fclose(file);
	return used;
}

#endif /* EVFD_TESTS_KEVENT_RAW_H */
