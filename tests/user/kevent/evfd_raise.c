// SPDX-License-Identifier: GPL-2.0
/*
 * kevent_raise(): threads raise events in shared memory, and make a system call only if the
 * consumer sleeps.
 */
#include "queue.h"
#include "signal.h"

#define SLOTS	16

FIXTURE(raise)
{
	struct kevent_queue q;
};

FIXTURE_SETUP(raise)
{
	ASSERT_EQ(0, kevent_open(&self->q, SLOTS, 0));
}

FIXTURE_TEARDOWN(raise)
{
	kevent_close(&self->q);
}

/* Whether the next raised event is this event. */
static bool takes(const struct kevent_queue *q, uint32_t *list, uint64_t user, uint32_t events)
{
	struct kevent_event event;

	return kevent_take_raised(q, list, &event) && event.user == user &&
	       event.events == events;
}

static bool takes_no_more(const struct kevent_queue *q, uint32_t *list)
{
	struct kevent_event event;

	return !kevent_take_raised(q, list, &event) && !*list;
}

/* A queue on which every system call fails. */
static struct kevent_queue without_calls(const struct kevent_queue *q)
{
	struct kevent_queue copy = *q;

	copy.fd = -1;
	return copy;
}

TEST_F(raise, needs_no_call_while_the_consumer_is_awake)
{
	struct kevent_queue q = without_calls(&self->q);
	uint64_t handle = queue_add_user(&self->q, 1, UINT32_MAX, 0);
	uint32_t list = 0;

	ASSERT_EQ(0, kevent_raise(&q, handle, 0x80000001));
	EXPECT_TRUE(takes(&self->q, &list, 1, 0x80000001));
	EXPECT_TRUE(takes_no_more(&self->q, &list));
	EXPECT_TRUE(queue_is_empty(&self->q));
	EXPECT_EQ(0, self->q.slot[kevent_slot_of(handle)].ready);
}

TEST_F(raise, coalesces)
{
	uint64_t handle = queue_add_user(&self->q, 1, 7, 0);
	uint32_t list = 0;

	ASSERT_EQ(0, kevent_raise(&self->q, handle, 1));
	ASSERT_EQ(0, kevent_raise(&self->q, handle, 2));
	ASSERT_EQ(0, kevent_raise(&self->q, handle, 1));
	EXPECT_TRUE(takes(&self->q, &list, 1, 3));
	EXPECT_TRUE(takes_no_more(&self->q, &list));
}

TEST_F(raise, gives_the_last_slot_first)
{
	uint64_t handles[SLOTS];
	uint32_t list = 0;

	for (int i = 0; i < SLOTS; i++)
		handles[i] = queue_add_user(&self->q, i, 1, 0);
	for (int round = 0; round < 3; round++) {
		for (int i = 0; i < SLOTS; i++)
			ASSERT_EQ(0, kevent_raise(&self->q, handles[i], 1));
		for (int i = SLOTS - 1; i >= 0; i--)
			EXPECT_TRUE(takes(&self->q, &list, i, 1));
		EXPECT_TRUE(takes_no_more(&self->q, &list));
	}
}

TEST_F(raise, while_the_list_is_taken)
{
	uint64_t a = queue_add_user(&self->q, 1, 1, 0), b = queue_add_user(&self->q, 2, 1, 0);
	uint32_t list = 0;

	ASSERT_EQ(0, kevent_raise(&self->q, a, 1));
	ASSERT_EQ(0, kevent_raise(&self->q, b, 1));
	EXPECT_TRUE(takes(&self->q, &list, 2, 1));
	/* Its link changes, and it is in the next list. */
	ASSERT_EQ(0, kevent_raise(&self->q, b, 1));
	EXPECT_TRUE(takes(&self->q, &list, 1, 1));
	EXPECT_TRUE(takes(&self->q, &list, 2, 1));
	EXPECT_TRUE(takes_no_more(&self->q, &list));
}

TEST_F(raise, events_that_are_not_wanted)
{
	uint64_t handle = queue_add_user(&self->q, 1, 1, 0);
	uint32_t list = 0;

	ASSERT_EQ(0, kevent_raise(&self->q, handle, 2));
	EXPECT_TRUE(takes_no_more(&self->q, &list));
	ASSERT_EQ(0, kevent_raise(&self->q, handle, 3));
	EXPECT_TRUE(takes(&self->q, &list, 1, 1));
}

TEST_F(raise, and_ready_queue_a_slot_once)
{
	uint64_t handle = queue_add_user(&self->q, 1, 3, 0);
	volatile __u64 *ready = &self->q.slot[kevent_slot_of(handle)].ready;
	uint32_t list = 0;

	ASSERT_EQ(0, kevent_raise(&self->q, handle, 1));
	ASSERT_EQ(0, queue_ready(&self->q, handle, 2));
	EXPECT_EQ(KEVENT_QUEUED | KEVENT_RAISED | 3, *ready);
	EXPECT_TRUE(queue_is_empty(&self->q));
	EXPECT_TRUE(takes(&self->q, &list, 1, 3));
	ASSERT_EQ(0, queue_ready(&self->q, handle, 2));
	ASSERT_EQ(0, kevent_raise(&self->q, handle, 1));
	EXPECT_EQ(KEVENT_QUEUED | 3, *ready);
	EXPECT_TRUE(takes_no_more(&self->q, &list));
	EXPECT_TRUE(queue_gives(&self->q, 1, 3));
}

TEST_F(raise, remove_retracts_raised_events)
{
	uint64_t handle = queue_add_user(&self->q, 1, 1, 0);
	uint32_t list = 0;

	ASSERT_EQ(0, kevent_raise(&self->q, handle, 1));
	EXPECT_EQ(1, queue_remove(&self->q, handle));
	EXPECT_EQ(KEVENT_QUEUED | KEVENT_RAISED, self->q.slot[kevent_slot_of(handle)].ready);
	EXPECT_TRUE(takes_no_more(&self->q, &list));
	EXPECT_EQ(0, self->q.slot[kevent_slot_of(handle)].ready);
}

TEST_F(raise, a_raised_slot_is_not_used_again)
{
	uint64_t handle = queue_add_user(&self->q, 1, 1, 0);
	uint32_t list = 0;

	for (unsigned int i = 1; i < self->q.slots; i++)
		ASSERT_NE(0, queue_add_user(&self->q, 1000 + i, 1, 0));
	ASSERT_EQ(0, kevent_raise(&self->q, handle, 1));
	EXPECT_EQ(1, queue_remove(&self->q, handle));
	EXPECT_EQ(0, queue_add_user(&self->q, 2, 1, 0));
	EXPECT_EQ(ENOSPC, errno);
	EXPECT_TRUE(takes_no_more(&self->q, &list));
	EXPECT_NE(0, queue_add_user(&self->q, 2, 1, 0));
}

TEST_F(raise, a_wait_returns_at_once)
{
	uint64_t handle = queue_add_user(&self->q, 1, 1, 0);

	ASSERT_EQ(0, kevent_raise(&self->q, handle, 1));
	EXPECT_EQ(0, kevent_wait(&self->q, NULL, 0, -1, 0));
}

TEST_F(raise, wakes_a_waiter)
{
	uint64_t handle = queue_add_user(&self->q, 1, 1, 0);
	uint32_t list = 0;

	for (int round = 0; round < 10; round++) {
		struct waiter waiter;

		ASSERT_TRUE(waiter_sleeps(&waiter, &self->q));
		EXPECT_NE(0, self->q.header->sleeping);
		ASSERT_EQ(0, kevent_raise(&self->q, handle, 1));
		EXPECT_EQ(0, waiter_returns(&waiter));
		EXPECT_EQ(0, self->q.header->sleeping);
		EXPECT_TRUE(takes(&self->q, &list, 1, 1));
	}
}

TEST_F(raise, ready_without_a_handle_wakes_a_waiter)
{
	struct kevent_queue q = without_calls(&self->q);
	uint64_t handle = queue_add_user(&self->q, 1, 1, 0);
	struct waiter waiter;

	ASSERT_TRUE(waiter_sleeps(&waiter, &self->q));
	/* The call fails, and so the waiter sleeps through it. */
	EXPECT_EQ(-1, kevent_raise(&q, handle, 1));
	EXPECT_EQ(EBADF, errno);
	ASSERT_TRUE(call_blocks(&waiter.call));
	ASSERT_EQ(0, queue_ready(&self->q, 0, 0));
	EXPECT_EQ(0, waiter_returns(&waiter));
}

TEST_F(raise, a_needless_wake_up_wakes_no_waiter)
{
	uint64_t handle = queue_add_user(&self->q, 1, 1, 0);
	struct waiter waiter;
	long sleeps;

	ASSERT_TRUE(waiter_sleeps(&waiter, &self->q));
	sleeps = sleeps_of(waiter.call.tid);
	ASSERT_EQ(0, queue_ready(&self->q, 0, 0));
	ASSERT_TRUE(call_blocks(&waiter.call));
	EXPECT_EQ(sleeps, sleeps_of(waiter.call.tid));
	ASSERT_EQ(0, kevent_raise(&self->q, handle, 1));
	EXPECT_EQ(0, waiter_returns(&waiter));
}

TEST_F(raise, corrupt_lists_end)
{
	static const uint32_t bad[] = {
		UINT32_MAX, 2, 32, 34, 33, MIN_SLOTS * 32 + 1, 0x80000001, 0x7fffffe1,
	};
	struct kevent_header *header = self->q.header;
	uint64_t handle = queue_add_user(&self->q, 1, 1, 0);
	struct kevent_event event;
	uint32_t list = 0;

	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		header->raised = bad[i];
		EXPECT_TRUE(takes_no_more(&self->q, &list));
		EXPECT_EQ(0, header->raised);
		/* As a link. */
		ASSERT_EQ(0, kevent_raise(&self->q, handle, 1));
		*kevent_link_(&self->q.slot[kevent_slot_of(handle)]) = bad[i];
		EXPECT_TRUE(takes(&self->q, &list, 1, 1));
		EXPECT_TRUE(takes_no_more(&self->q, &list));
	}
	/* A circle. */
	ASSERT_EQ(0, kevent_raise(&self->q, handle, 1));
	*kevent_link_(&self->q.slot[kevent_slot_of(handle)]) = header->raised;
	ASSERT_TRUE(kevent_take_raised(&self->q, &list, &event));
	EXPECT_TRUE(takes_no_more(&self->q, &list));
}

/* Threads that count up, then raise. */
#define RAISERS	4

struct raisers {
	struct kevent_queue q;
	uint64_t handles[RAISERS];
	int64_t raises;
	bool one_kevent;

	_Atomic unsigned int counts[RAISERS];
	_Atomic int next, running;
	_Atomic bool failed;
};

static void *raise_often(void *arg)
{
	struct raisers *raisers = arg;
	int me = raisers->next++;
	uint64_t handle = raisers->handles[raisers->one_kevent ? 0 : me];

	repeat(raisers->raises, 5000) {
		raisers->counts[me]++;
		if (kevent_raise(&raisers->q, handle, 1U << me))
			raisers->failed = true;
	}
	raisers->running--;
	/* The last event: the consumer sees that the thread has ended. */
	if (kevent_raise(&raisers->q, handle, 1U << me))
		raisers->failed = true;
	return NULL;
}

/* Consumes until the threads have ended. Adds up the counts as the events show them. */
static bool consume_all(struct raisers *raisers, unsigned int *seen)
{
	struct kevent_queue q = raisers->q;
	struct kevent_event event;
	uint32_t list = 0;
	bool running;

	do {
		/* Before the events: after the last thread's end, its last event is there. */
		running = raisers->running;
		while (kevent_take_raised(&q, &list, &event)) {
			for (int i = 0; i < RAISERS; i++) {
				if (event.events & 1U << i)
					seen[i] = raisers->counts[i];
			}
		}
		if (running && kevent_wait(&q, NULL, 0, DEADLINE_NS, 0))
			return false;
	} while (running);
	return true;
}

FIXTURE(threads)
{
	struct raisers raisers;
};

FIXTURE_VARIANT(threads)
{
	bool one_kevent;
};

FIXTURE_VARIANT_ADD(threads, with_a_kevent_each)
{
	.one_kevent = false,
};

FIXTURE_VARIANT_ADD(threads, with_one_kevent)
{
	.one_kevent = true,
};

FIXTURE_SETUP(threads)
{
	self->raisers.one_kevent = variant->one_kevent;
	self->raisers.running = RAISERS;
	ASSERT_EQ(0, kevent_open(&self->raisers.q, RAISERS, 0));
	for (int i = 0; i < RAISERS; i++) {
		self->raisers.handles[i] = queue_add_user(&self->raisers.q, i, UINT32_MAX, 0);
		ASSERT_NE(0, self->raisers.handles[i]);
	}
}

FIXTURE_TEARDOWN(threads)
{
	kevent_close(&self->raisers.q);
}

/* No raise is lost: the last event of each thread shows its last count. */
TEST_F(threads, lose_no_event)
{
	struct raisers *raisers = &self->raisers;
	unsigned int seen[RAISERS] = { };
	pthread_t threads[RAISERS];

	raisers->raises = 250000;
	for (int i = 0; i < RAISERS; i++)
		ASSERT_EQ(0, pthread_create(&threads[i], NULL, raise_often, raisers));
	ASSERT_TRUE(consume_all(raisers, seen));
	for (int i = 0; i < RAISERS; i++)
		ASSERT_EQ(0, pthread_join(threads[i], NULL));
	EXPECT_FALSE(raisers->failed);
	for (int i = 0; i < RAISERS; i++)
		EXPECT_EQ(raisers->counts[i], seen[i]);
}

/* Two threads that wake each other in turns, on a queue each. */
struct side {
	struct kevent_queue own, other;
	uint64_t handle;
	int64_t rounds;
	bool serves, good;
};

static void *volley(void *arg)
{
	struct side *side = arg;
	struct kevent_event event;
	uint32_t list = 0;

	side->good = !side->serves || !kevent_raise(&side->other, side->handle, 1);
	for (int64_t i = 0; side->good && i < side->rounds; i++) {
		while (!kevent_take_raised(&side->own, &list, &event)) {
			if (kevent_wait(&side->own, NULL, 0, DEADLINE_NS, 0)) {
				side->good = false;
				return NULL;
			}
		}
		side->good = !kevent_raise(&side->other, side->handle, 1);
	}
	return NULL;
}

TEST(no_wake_up_is_lost)
{
	struct side sides[2] = { };
	pthread_t thread;

	for (int i = 0; i < 2; i++) {
		struct side *side = &sides[i], *other = &sides[!i];

		ASSERT_EQ(0, kevent_open(&side->own, 1, 0));
		other->other = side->own;
		other->handle = queue_add_user(&side->own, 1, 1, 0);
		side->rounds = 3000;
	}
	sides[0].serves = true;
	ASSERT_EQ(0, pthread_create(&thread, NULL, volley, &sides[0]));
	volley(&sides[1]);
	ASSERT_EQ(0, pthread_join(thread, NULL));
	EXPECT_TRUE(sides[0].good && sides[1].good);
}

TEST_HARNESS_MAIN
