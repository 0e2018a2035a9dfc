// SPDX-License-Identifier: GPL-2.0
/*
 * Several threads produce events, by operations and in shared memory, and several threads
 * consume them: each event is consumed once. One consumer sees events in the order in which
 * their kevents became ready.
 */
#include "queue.h"
#include "signal.h"

#define KEVENTS		64
#define PRODUCERS	3
#define MAX_CONSUMERS	4

/* An event is a bit of a kevent. Each bit belongs to one producer. */
#define BITS		30
#define EVENTS		1000000
#define ROUNDS		(EVENTS / KEVENTS / BITS + 1)

#define STOP		UINT64_C(0x5709)

/**
 * struct party - the threads, and their results
 * @q: the queue
 * @handles: kevents with the user words 0 to KEVENTS - 1
 * @stop: the kevent that ends the consumers
 * @shared: consumers use the functions for several consumers
 * @rounds: how often each producer has raised its events
 * @consumed: how often each event was consumed
 * @next: numbers the producers
 * @failed: a call has failed
 */
struct party {
	struct kevent_queue q;
	uint64_t handles[KEVENTS], stop;
	bool shared;
	unsigned int rounds[PRODUCERS];

	_Atomic unsigned int consumed[KEVENTS][BITS];
	_Atomic int next;
	_Atomic bool failed;
};

/* Raises the events of a producer: of each other kevent by an operation. */
static bool raise_all(struct party *party, uint32_t events, int64_t round)
{
	struct kevent_op ops[KEVENTS];
	int nr = 0;

	for (int k = 0; k < KEVENTS; k++) {
		if ((k + round) % 2)
			ops[nr++] = kevent_op_ready(party->handles[k], events);
		else if (kevent_raise(&party->q, party->handles[k], events))
			return false;
	}
	if (kevent_submit(&party->q, ops, nr) != nr)
		return false;
	for (int i = 0; i < nr; i++) {
		if (ops[i].result)
			return false;
	}
	return true;
}

static bool all_consumed(struct party *party, int producer, unsigned int times)
{
	for (int k = 0; k < KEVENTS; k++) {
		for (int bit = producer; bit < BITS; bit += PRODUCERS) {
			if (party->consumed[k][bit] < times)
				return false;
		}
	}
	return true;
}

/* An event that is raised again before it was consumed would coalesce. */
static bool wait_until_consumed(struct party *party, int producer, unsigned int times)
{
	int64_t end = now_ms() + DEADLINE_MS;

	while (!all_consumed(party, producer, times)) {
		if (now_ms() > end)
			return false;
		sched_yield();
	}
	return true;
}

static void *produce(void *arg)
{
	struct party *party = arg;
	int me = party->next++;
	uint32_t events = 0;

	for (int bit = me; bit < BITS; bit += PRODUCERS)
		events |= 1U << bit;
	repeat(ROUNDS, DEADLINE_MS) {
		if (!raise_all(party, events, i + me) || !wait_until_consumed(party, me, i + 1)) {
			party->failed = true;
			break;
		}
		party->rounds[me] = i + 1;
	}
	return NULL;
}

/* Counts an event: false if it ends the consumer. */
static bool count_event(struct party *party, const struct kevent_event *event)
{
	if (event->user == STOP) {
		/* For the next consumer. */
		if (queue_ready(&party->q, party->stop, 1))
			party->failed = true;
		return false;
	}
	for (int bit = 0; bit < BITS; bit++) {
		if (event->events & 1U << bit)
			party->consumed[event->user][bit]++;
	}
	return true;
}

static void *consume_shared(void *arg)
{
	struct party *party = arg;
	struct kevent_event event;
	uint32_t list = 0;

	for (;;) {
		while (kevent_next_shared(&party->q, &event)) {
			if (!count_event(party, &event))
				return NULL;
		}
		while (kevent_take_raised(&party->q, &list, &event))
			count_event(party, &event);
		if (kevent_wait_shared(&party->q, NULL, 0, -1, 0))
			party->failed = true;
	}
}

static void *consume_alone(void *arg)
{
	struct party *party = arg;
	struct kevent_queue q = party->q;
	struct kevent_event event;
	uint32_t list = 0;

	for (;;) {
		while (kevent_next(&q, &event)) {
			if (!count_event(party, &event))
				return NULL;
		}
		while (kevent_take_raised(&q, &list, &event))
			count_event(party, &event);
		if (kevent_wait(&q, NULL, 0, -1, 0))
			party->failed = true;
	}
}

FIXTURE(consumers)
{
	struct party *party;
};

FIXTURE_VARIANT(consumers)
{
	int n;
	bool shared;
};

FIXTURE_VARIANT_ADD(consumers, one)
{
	.n = 1,
	.shared = false,
};

FIXTURE_VARIANT_ADD(consumers, one_that_shares)
{
	.n = 1,
	.shared = true,
};

FIXTURE_VARIANT_ADD(consumers, several)
{
	.n = MAX_CONSUMERS,
	.shared = true,
};

FIXTURE_SETUP(consumers)
{
	struct party *party = calloc(1, sizeof(*party));

	ASSERT_TRUE(party);
	self->party = party;
	ASSERT_EQ(0, kevent_open(&party->q, KEVENTS + 1, 0));
	for (int k = 0; k < KEVENTS; k++) {
		party->handles[k] = queue_add_user(&party->q, k, UINT32_MAX, 0);
		ASSERT_NE(0, party->handles[k]);
	}
	party->stop = queue_add_user(&party->q, STOP, 1, 0);
	ASSERT_NE(0, party->stop);
}

FIXTURE_TEARDOWN(consumers)
{
	kevent_close(&self->party->q);
	free(self->party);
}

TEST_F(consumers, consume_each_event_once)
{
	pthread_t producers[PRODUCERS], threads[MAX_CONSUMERS];
	struct party *party = self->party;

	for (int i = 0; i < variant->n; i++)
		ASSERT_EQ(0, pthread_create(&threads[i], NULL, variant->shared ?
					    consume_shared : consume_alone, party));
	for (int i = 0; i < PRODUCERS; i++)
		ASSERT_EQ(0, pthread_create(&producers[i], NULL, produce, party));
	for (int i = 0; i < PRODUCERS; i++)
		ASSERT_EQ(0, pthread_join(producers[i], NULL));
	ASSERT_FALSE(party->failed);
	ASSERT_EQ(0, queue_ready(&party->q, party->stop, 1));
	for (int i = 0; i < variant->n; i++)
		ASSERT_EQ(0, pthread_join(threads[i], NULL));
	for (int k = 0; k < KEVENTS; k++) {
		for (int bit = 0; bit < BITS; bit++)
			ASSERT_EQ(party->rounds[bit % PRODUCERS], party->consumed[k][bit]);
	}
}

FIXTURE(one)
{
	struct kevent_queue q;
};

FIXTURE_SETUP(one)
{
	ASSERT_EQ(0, kevent_open(&self->q, KEVENTS, 0));
}

FIXTURE_TEARDOWN(one)
{
	kevent_close(&self->q);
}

TEST_F(one, sees_the_order_of_first_readiness)
{
	uint64_t handles[KEVENTS];
	unsigned int seed = 1;

	for (int k = 0; k < KEVENTS; k++)
		handles[k] = queue_add_user(&self->q, k, 3, 0);
	for (int round = 0; round < 20; round++) {
		int order[KEVENTS];

		for (int k = 0; k < KEVENTS; k++) {
			int j = rand_r(&seed) % (k + 1);

			order[k] = order[j];
			order[j] = k;
		}
		for (int k = 0; k < KEVENTS; k++) {
			ASSERT_EQ(0, queue_ready(&self->q, handles[order[k]], 1));
			/* Raising a ready kevent again does not move it. */
			ASSERT_EQ(0, queue_ready(&self->q, handles[order[k / 2]], 2));
		}
		for (int k = 0; k < KEVENTS; k++) {
			struct kevent_event event;

			ASSERT_TRUE(kevent_next(&self->q, &event));
			ASSERT_EQ(order[k], event.user);
		}
		ASSERT_TRUE(queue_is_empty(&self->q));
	}
}

TEST_F(one, switches_to_sharing)
{
	uint64_t handle = queue_add_user(&self->q, 1, 1, 0);
	struct kevent_event event;

	for (int i = 0; i < 3 * KEVENTS; i++) {
		ASSERT_EQ(0, queue_ready(&self->q, handle, 1));
		if (i % 2) {
			ASSERT_TRUE(kevent_next_shared(&self->q, &event));
			EXPECT_FALSE(kevent_next_shared(&self->q, &event));
			kevent_seek(&self->q, self->q.header->head);
		} else {
			ASSERT_TRUE(kevent_next(&self->q, &event));
			kevent_publish(&self->q);
			EXPECT_FALSE(kevent_next_shared(&self->q, &event));
		}
		EXPECT_EQ(1, event.user);
	}
}

TEST_HARNESS_MAIN
