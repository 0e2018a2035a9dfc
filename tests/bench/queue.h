/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Queues of events: kevent, and in its place epoll and io_uring. A program has one queue
 * at a time.
 */
#ifndef EVFD_BENCH_QUEUE_H
#define EVFD_BENCH_QUEUE_H

#include "descriptors.h"
#include "uring_base.h"

#include <evfd/kevent.h>

#define BATCH	64	/* operations per system call, where they come in batches */
#define LOOPS	100	/* runs of an operation in a loop, where it takes few instructions */

/* Counts down a loop. The compiler does not unroll it, so it costs the same in each row. */
static inline bool again(int *k)
{
	asm volatile("" : "+r" (*k));
	return (*k)--;
}

/* The loop alone. */
void loop_only(struct rig *rig, int i);

/**
 * struct queues - the queue under test, and what is in it
 * @kevent: for EVFD
 * @uring: for URING; epoll is in the rig
 * @ops: operations of the next system call
 * @handles: the kevents, in the order of the rig's descriptors
 * @n: number of kevents
 */
struct queues {
	struct kevent_queue kevent;
	struct uring uring;
	struct kevent_op ops[MANY];
	uint64_t handles[MANY];
	int n;
};

extern struct queues queues;

/* The queue, as a program sees it that got a pointer. */
static inline struct kevent_queue *kevent_queue(void)
{
	struct kevent_queue *queue = &queues.kevent;

	asm("" : "+r" (queue));
	return queue;
}

/* Opens and closes the queue of a variant. */
void open_queue(struct rig *rig);
void close_queue(struct rig *rig);

/* Does the first @n operations, all of which must succeed. */
void submit_ops(int n);

/* Removes all kevents. */
void remove_kevents(void);

/* Opens @n eventfds of a variant as the rig's descriptors. */
void open_eventfds(struct rig *rig, enum variant variant, int n);

/* Adds the rig's descriptors to its queue, with EPOLLET or without. */
void watch_many(struct rig *rig, uint32_t flags);

/* Takes all events from the queue. Returns their number. */
int drain_queue(struct rig *rig);

/* The groups of operations, each in the file of the same name. */
void measure_queue_events(void);
void measure_queue_watch(void);
void measure_queue_bytes(void);
void measure_queue_inode(void);
void measure_queue_process(void);
void measure_queue_signal(void);
void measure_queue_timers(void);
void measure_queue_push(void);
void measure_queue_produce(void);
void measure_queue_aio(void);
void measure_queue_naio(void);

#endif /* EVFD_BENCH_QUEUE_H */
