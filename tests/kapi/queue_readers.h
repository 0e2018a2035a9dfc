/* SPDX-License-Identifier: GPL-2.0 */
/* Readers that learn from a queue of /dev/kevent when there is something to read. */
#ifndef KAPI_QUEUE_READERS_H
#define KAPI_QUEUE_READERS_H

#include "reader.h"

#include <evfd/kevent.h>

/* One slot is enough, so that each lap of the ring is short. */
static inline struct kevent_op queue_watch(struct readers *readers, struct kevent_queue *q,
					   unsigned int flags)
{
	struct kevent_op op = kevent_op_add(KEVENT_POLL, readers->fd, 0, POLLIN, flags);

	readers_check(readers, !kevent_open(q, 1, 0) &&
		      kevent_submit(q, &op, 1) == 1 && !op.result);
	return op;
}

/* Consumes all events. Returns their number. */
static inline int queue_events(struct readers *readers, struct kevent_queue *q)
{
	struct kevent_event event;
	int n;

	for (n = 0; kevent_next(q, &event); n++)
		readers_check(readers, event.events == POLLIN);
	return n;
}

/* Waits in SUBMIT. With DISPATCH, the wait begins with a RECHECK after each event. */
static inline void read_in_queue(struct readers *readers, unsigned int flags)
{
	struct kevent_queue q;
	struct kevent_op op = queue_watch(readers, &q, flags);
	struct kevent_op recheck = kevent_op_recheck(op.handle);
	unsigned int nr = 0;

	while (!atomic_load(&readers->stop)) {
		readers_check(readers, kevent_wait(&q, &recheck, nr, -1, 0) == (int)nr &&
			      !recheck.result);
		nr = queue_events(readers, &q) && flags & KEVENT_DISPATCH;
		read_all(readers);
	}
	kevent_close(&q);
}

/* Adds the kevent again after its only event. */
static inline void read_in_queue_oneshot(struct readers *readers)
{
	struct kevent_queue q;
	struct kevent_op op = queue_watch(readers, &q, KEVENT_ONESHOT);
	unsigned int nr = 0;

	while (!atomic_load(&readers->stop)) {
		readers_check(readers, kevent_wait(&q, &op, nr, -1, 0) == (int)nr &&
			      !op.result);
		nr = queue_events(readers, &q);
		read_all(readers);
	}
	kevent_close(&q);
}

/* Waits in poll(). */
static inline void read_in_queue_poll(struct readers *readers)
{
	struct kevent_queue q;

	queue_watch(readers, &q, KEVENT_ET);
	while (!atomic_load(&readers->stop)) {
		kevent_publish(&q);
		readers_check(readers, poll_for(q.fd, POLLIN, -1) == POLLIN);
		queue_events(readers, &q);
		read_all(readers);
	}
	kevent_close(&q);
}

/* Never waits in the kernel. */
static inline void read_in_queue_loop(struct readers *readers)
{
	struct kevent_queue q;

	queue_watch(readers, &q, KEVENT_ET);
	while (!atomic_load(&readers->stop)) {
		if (queue_events(readers, &q))
			read_all(readers);
		else
			sched_yield();
	}
	kevent_close(&q);
}

struct queue_consumers {
	struct readers *readers;
	struct kevent_queue q;
};

static inline void *queue_consumer(void *data)
{
	struct queue_consumers *consumers = data;
	struct readers *readers = consumers->readers;
	struct kevent_event event;

	while (!atomic_load(&readers->stop)) {
		readers_check(readers, !kevent_wait_shared(&consumers->q, NULL, 0, -1, 0));
		if (kevent_next_shared(&consumers->q, &event)) {
			readers_check(readers, event.events == POLLIN);
			read_all(readers);
		}
	}
	return NULL;
}

/* Several threads consume one queue. */
static inline void read_in_queue_shared(struct readers *readers)
{
	struct queue_consumers consumers = { .readers = readers };
	pthread_t second;

	queue_watch(readers, &consumers.q, KEVENT_ET);
	readers_check(readers,
		      !pthread_create(&second, NULL, queue_consumer, &consumers));
	queue_consumer(&consumers);
	pthread_join(second, NULL);
	kevent_close(&consumers.q);
}

#endif /* KAPI_QUEUE_READERS_H */
