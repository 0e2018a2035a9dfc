/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Processor time that a user takes with queues of /dev/kevent. Other users keep as much
 * as beside epoll and timer descriptors, and their queues are not late.
 */
#ifndef STRESS_ABUSE_QUEUES_H
#define STRESS_ABUSE_QUEUES_H

#include "abuse_time.h"

#define BATCH		64
#define SLOTS		1024

/* The period of the other user's timer. */
#define BEAT_NS		(10 * INT64_C(1000000))

/* Fills a queue with kevents made by @op. Returns false on failure. */
static inline bool fill_queue(struct raw_queue *q, struct kevent_op *ops, unsigned int n,
			      struct kevent_op (*op)(unsigned int i))
{
	if (!raw_queue_make(q, SLOTS))
		return false;
	for (unsigned int i = 0; i < n; i++)
		ops[i] = op(i);
	return raw_submit(q->fd, ops, n, 0, 0) == (int)n;
}

static inline struct kevent_op period_op(unsigned int i)
{
	struct kevent_op op = raw_add_timer(clocks[i % ARRAY_SIZE(clocks)], 1, 1);

	op.user = i;
	return op;
}

static inline struct kevent_op single_op(unsigned int i)
{
	struct kevent_op op = raw_add_timer(clocks[i % ARRAY_SIZE(clocks)], 1, 0);

	op.user = i;
	return op;
}

/* Periods of a nanosecond on every clock, waited for at full speed. */
static inline void *abuse_queue_periods(void *arg)
{
	struct kevent_op ops[BATCH];
	struct raw_queue q;

	if (!fill_queue(&q, ops, BATCH, period_op))
		return NULL;
	while (!shared->stop) {
		raw_wait(&q, 0);
		shared->count += raw_drain(&q);
	}
	return arg;
}

/* Sets timers to the next nanosecond, in batches. */
static inline void *abuse_queue_settings(void *arg)
{
	struct kevent_op ops[BATCH];
	struct raw_queue q;

	if (!fill_queue(&q, ops, BATCH, single_op))
		return NULL;
	for (unsigned int i = 0; i < BATCH; i++) {
		uint64_t handle = ops[i].handle;

		memset(&ops[i], 0, sizeof(ops[i]));
		ops[i].op = KEVENT_OP_REARM;
		ops[i].handle = handle;
		ops[i].arg[0] = 1;
	}
	while (!shared->stop) {
		raw_submit(q.fd, ops, BATCH, 0, 0);
		shared->count += raw_drain(&q);
	}
	return arg;
}

/* Stores deadlines and interest masks all the time, while the timers expire. */
static inline void *abuse_queue_stores(void *arg)
{
	struct kevent_op ops[BATCH];
	struct raw_queue q;

	if (!fill_queue(&q, ops, BATCH, single_op))
		return NULL;
	for (uint64_t i = 0; !shared->stop; i++) {
		struct kevent_slot *slot = raw_slot(&q, i % BATCH);

		__atomic_store_n(&slot->data, tfd_clock(CLOCK_MONOTONIC) + i % 3, __ATOMIC_RELAXED);
		__atomic_store_n(&slot->want, i % 2, __ATOMIC_RELAXED);
		__atomic_store_n(&raw_header(&q)->look, 1, __ATOMIC_RELAXED);
		raw_wait(&q, 0);
		shared->count += 1 + raw_drain(&q);
	}
	return arg;
}

static inline void abuse_queues(const void *arg)
{
	static void *(*const abuses[])(void *) = {
		abuse_queue_periods, abuse_queue_settings, abuse_queue_stores,
	};
	pthread_t thread;

	(void)arg;
	for (int i = 0; i < ABUSERS; i++)
		pthread_create(&thread, NULL, abuses[i % ARRAY_SIZE(abuses)], NULL);
}

/* Like beats_in(), with a timer and waits of a queue. */
static inline struct beats queue_beats_in(int64_t ms)
{
	int64_t start, last, now;
	struct kevent_op op = raw_add_timer(CLOCK_MONOTONIC, BEAT_NS, BEAT_NS);
	struct beats beats = { };
	struct raw_queue q;

	if (!raw_queue_make(&q, 1) || raw_do(q.fd, &op))
		return beats;
	start = now_ms();
	last = start;
	now = start;
	while (now - start < ms) {
		raw_wait(&q, GAP_MAX_MS * INT64_C(1000000));
		now = now_ms();
		beats.n += raw_drain(&q);
		if (now - last > beats.gap_ms)
			beats.gap_ms = now - last;
		last = now;
	}
	close(q.fd);
	munmap(q.map, q.size);
	return beats;
}

static inline void test_queues(int64_t ms)
{
	struct timers native, sleeper, queue;
	bool good = false;

	for (int i = 0; i < ROUNDS && !good; i++) {
		native = beside("native", abuse_time, beats_in, ms);
		sleeper = beside("evfd", abuse_queues, beats_in, ms);
		queue = beside("evfd", abuse_queues, queue_beats_in, ms);
		good = native.good && sleeper.good && queue.good &&
		       sleeper.beats.n * 2 >= native.beats.n &&
		       queue.beats.n * 2 >= native.beats.n &&
		       sleeper.beats.gap_ms < GAP_MAX_MS && queue.beats.gap_ms < GAP_MAX_MS;
	}
	ksft_test_result(good,
			 "queues: %lld beats, %lld of a queue in %lld ms, at most %lld and %lld ms apart, beside %lld abuses; native %lld, %lld, %lld\n",
			 (long long)sleeper.beats.n, (long long)queue.beats.n, (long long)ms,
			 (long long)sleeper.beats.gap_ms, (long long)queue.beats.gap_ms,
			 (long long)queue.abuses, (long long)native.beats.n,
			 (long long)native.beats.gap_ms, (long long)native.abuses);
}

#endif /* STRESS_ABUSE_QUEUES_H */
