/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Queues of /dev/kevent: single operations, expected events, and waiting threads.
 */
#ifndef EVFD_TESTS_QUEUE_H
#define EVFD_TESTS_QUEUE_H

#include "common.h"

#include <evfd/kevent.h>

#define KEVENT_DEVICE	"/dev/" KEVENT_DEVICE_NAME

#define DEADLINE_NS	(DEADLINE_MS * INT64_C(1000000))

/* The least number of slots that a queue has. */
#define MIN_SLOTS	128

/* Does one operation: its result, or -errno of the call. */
static inline int queue_do(const struct kevent_queue *q, struct kevent_op *op)
{
	int n = kevent_submit(q, op, 1);

	if (n < 0)
		return -errno;
	return n == 1 ? op->result : -EIO;
}

/* Adds a kevent. Returns its handle, or 0 and errno. */
static inline uint64_t queue_add(const struct kevent_queue *q, int type, uint64_t id,
				 uint64_t user, uint32_t want, int flags)
{
	struct kevent_op op = kevent_op_add(type, id, user, want, flags);
	int ret = queue_do(q, &op);

	errno = -ret;
	return ret ? 0 : op.handle;
}

/* Adds a KEVENT_USER. Its user word is its id. */
static inline uint64_t queue_add_user(const struct kevent_queue *q, uint64_t id,
				      uint32_t want, int flags)
{
	return queue_add(q, KEVENT_USER, id, id, want, flags);
}

/* Adds a KEVENT_POLL. Its user word is the descriptor. */
static inline uint64_t queue_add_poll(const struct kevent_queue *q, int fd, uint32_t want,
				      int flags)
{
	return queue_add(q, KEVENT_POLL, fd, fd, want, flags);
}

static inline int queue_ready(const struct kevent_queue *q, uint64_t handle, uint32_t events)
{
	struct kevent_op op = kevent_op_ready(handle, events);

	return queue_do(q, &op);
}

/* Returns the retracted events, or -errno. */
static inline int64_t queue_remove(const struct kevent_queue *q, uint64_t handle)
{
	struct kevent_op op = kevent_op_remove(handle);
	int ret = queue_do(q, &op);

	return ret ?: (int64_t)op.events;
}

static inline int queue_mod(const struct kevent_queue *q, uint64_t handle, uint32_t want,
			    int flags)
{
	struct kevent_op op = kevent_op_mod(handle, want, flags);

	return queue_do(q, &op);
}

static inline int queue_recheck(const struct kevent_queue *q, uint64_t handle)
{
	struct kevent_op op = kevent_op_recheck(handle);

	return queue_do(q, &op);
}

/* Whether the next event is this event, without a wait. */
static inline bool queue_gives(struct kevent_queue *q, uint64_t user, uint32_t events)
{
	struct kevent_event event;

	if (!kevent_next(q, &event)) {
		fprintf(stderr, "# no event, instead of %#x of %#llx\n", events,
			(unsigned long long)user);
		return false;
	}
	if (event.user == user && event.events == events)
		return true;
	fprintf(stderr, "# events %#x of %#llx, instead of %#x of %#llx\n", event.events,
		(unsigned long long)event.user, events, (unsigned long long)user);
	return false;
}

/* Whether there is no event. */
static inline bool queue_is_empty(struct kevent_queue *q)
{
	struct kevent_event event;

	if (!kevent_next(q, &event))
		return true;
	fprintf(stderr, "# events %#x of %#llx, instead of no event\n", event.events,
		(unsigned long long)event.user);
	return false;
}

/* Waits for the next event, which is this event. */
static inline bool queue_waits_for(struct kevent_queue *q, uint64_t user, uint32_t events)
{
	return !kevent_wait(q, NULL, 0, DEADLINE_NS, 0) && queue_gives(q, user, events);
}

/* Lets the kernel look at ready sources, like every wait does. Then there is no event. */
static inline bool queue_stays_empty(struct kevent_queue *q)
{
	return !kevent_wait(q, NULL, 0, 0, 0) && queue_is_empty(q);
}

/* The result of the operation whose kevent has the next event, which is that of @user. */
static inline int64_t result_of(struct kevent_queue *q, uint64_t user, uint32_t what)
{
	int64_t deadline = now_ms() + DEADLINE_MS;
	struct kevent_event event;

	/* Events that were taken back have entries. */
	do {
		if (kevent_wait(q, NULL, 0, DEADLINE_NS, 0) || now_ms() > deadline)
			return INT64_MIN;
	} while (!kevent_next(q, &event));
	if (event.user != user || event.events != what)
		return INT64_MIN + 1;
	return kevent_aio_result(q, event.slot);
}

/* A thread that waits for events. The structure stays in place until the thread has ended. */
struct waiter {
	struct call call;
	struct kevent_submit submit;
};

/* A wait without a time limit, for the events behind the published head. */
static inline struct kevent_submit wait_forever(const struct kevent_queue *q)
{
	return (struct kevent_submit){
		.flags = KEVENT_WAIT,
		.head = __atomic_load_n(&q->header->head, __ATOMIC_ACQUIRE),
		.timeout = -1,
		.clock = CLOCK_MONOTONIC,
	};
}

static inline bool waiter_start(struct waiter *waiter, const struct kevent_queue *q)
{
	waiter->call = (struct call){
		.make = call_ioctl,
		.fd = q->fd,
		.value = KEVENT_IOC_SUBMIT,
		.buf = &waiter->submit,
	};
	return call_start(&waiter->call);
}

/* Starts a thread with this wait, and waits until it sleeps. */
static inline bool waiter_sleeps_in(struct waiter *waiter, const struct kevent_queue *q,
				    struct kevent_submit submit)
{
	waiter->submit = submit;
	return waiter_start(waiter, q) && call_blocks(&waiter->call);
}

static inline bool waiter_sleeps(struct waiter *waiter, const struct kevent_queue *q)
{
	return waiter_sleeps_in(waiter, q, wait_forever(q));
}

/* Waits until the thread has returned: the result of its call, or -errno. */
static inline int waiter_returns(struct waiter *waiter)
{
	if (!call_ends(&waiter->call))
		return -ETIMEDOUT;
	return waiter->call.ret < 0 ? -waiter->call.err : waiter->call.ret;
}

#endif /* EVFD_TESTS_QUEUE_H */
