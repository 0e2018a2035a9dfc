// SPDX-License-Identifier: GPL-2.0
/*
 * KEVENT_OP_REQUEUE: consumers die between the claim of an entry and the exchange of its
 * slot, and the operation queues their kevents again.
 */
#include "queue.h"
#include "signal.h"

#include <sys/ptrace.h>
#include <sys/wait.h>

#define KEVENTS		8

FIXTURE(requeue)
{
	struct kevent_queue q;
	uint64_t handles[KEVENTS];
};

FIXTURE_SETUP(requeue)
{
	ASSERT_EQ(0, kevent_open(&self->q, 1, 0));
	for (int k = 0; k < KEVENTS; k++)
		self->handles[k] = queue_add_user(&self->q, k, UINT32_MAX, 0);
}

FIXTURE_TEARDOWN(requeue)
{
	kevent_close(&self->q);
}

static struct kevent_slot *slot_of(const struct kevent_queue *q, uint64_t handle)
{
	return &q->slot[kevent_slot_of(handle)];
}

/* The first half of kevent_next_shared(). Returns the claimed slot, or NULL. */
static struct kevent_slot *claim(const struct kevent_queue *q)
{
	kevent_u64 *shared = kevent_u64_(&q->header->head);
	kevent_u64 head = __atomic_load_n(shared, __ATOMIC_ACQUIRE), now;
	uint32_t entry;

	for (;;) {
		entry = __atomic_load_n(&q->ring[head & q->mask], __ATOMIC_ACQUIRE);
		if ((entry ^ ((uint32_t)head << q->shift)) & KEVENT_PHASE) {
			now = __atomic_load_n(shared, __ATOMIC_ACQUIRE);
			if (now == head)
				return NULL;
			head = now;
			continue;
		}
		if (__atomic_compare_exchange_n(shared, &head, head + 1, false,
						__ATOMIC_ACQ_REL, __ATOMIC_ACQUIRE))
			return kevent_slot_at_(q, entry & ~KEVENT_PHASE);
	}
}

/* The second half. */
static uint64_t take(struct kevent_slot *slot)
{
	return __atomic_exchange_n(kevent_u64_(&slot->ready), 0, __ATOMIC_ACQ_REL);
}

static void *claim_and_die(void *q)
{
	claim(q);
	return NULL;
}

/* A thread dies after its claim of the next entry. */
static bool consumer_dies(struct kevent_queue *q)
{
	pthread_t thread;

	return !pthread_create(&thread, NULL, claim_and_die, q) && !pthread_join(thread, NULL);
}

/* Queues orphans again that were claimed before @head. Returns their number, or -errno. */
static int requeue_before(const struct kevent_queue *q, uint64_t head)
{
	struct kevent_op op = kevent_op_requeue(q);
	int ret;

	op.arg[0] = head;
	ret = queue_do(q, &op);
	return ret ?: (int)op.events;
}

static int requeue(const struct kevent_queue *q)
{
	struct kevent_op op = kevent_op_requeue(q);
	int ret = queue_do(q, &op);

	return ret ?: (int)op.events;
}

/* Whether the next event is this event. */
static bool gives(const struct kevent_queue *q, uint64_t user, uint32_t events)
{
	struct kevent_event event;

	return kevent_next_shared(q, &event) && event.user == user && event.events == events;
}

static bool is_empty(const struct kevent_queue *q)
{
	struct kevent_event event;

	return !kevent_next_shared(q, &event);
}

/* Whether the entries of the ring are those of these kevents, in any order. */
static bool has_exactly(const struct kevent_queue *q, const uint64_t *handles, int n)
{
	struct kevent_slot *slot;
	int entries = 0, seen = 0;

	for (; (slot = claim(q)); entries++) {
		if (!(take(slot) & KEVENT_QUEUED))
			return false;
		for (int k = 0; k < n; k++)
			seen |= (slot == slot_of(q, handles[k])) << k;
	}
	return entries == n && seen == (1 << n) - 1;
}

TEST_F(requeue, brings_back_the_event_of_a_dead_consumer)
{
	struct kevent_queue *q = &self->q;

	ASSERT_EQ(0, queue_ready(q, self->handles[1], 1));
	ASSERT_TRUE(consumer_dies(q));
	EXPECT_TRUE(is_empty(q));
	/* The kevent looks queued, so a later event does not queue it. */
	ASSERT_EQ(0, queue_ready(q, self->handles[1], 2));
	ASSERT_EQ(0, queue_recheck(q, self->handles[1]));
	EXPECT_TRUE(is_empty(q));

	EXPECT_EQ(1, requeue(q));
	EXPECT_TRUE(gives(q, 1, 3));
	EXPECT_TRUE(is_empty(q));
	EXPECT_EQ(0, requeue(q));
	EXPECT_TRUE(is_empty(q));
	ASSERT_EQ(0, queue_ready(q, self->handles[1], 4));
	EXPECT_TRUE(gives(q, 1, 4));
}

TEST_F(requeue, leaves_kevents_that_are_in_the_ring)
{
	struct kevent_queue *q = &self->q;

	/* Three laps of the ring. */
	for (unsigned int round = 0; round < 3 * q->slots / KEVENTS; round++) {
		for (int k = 0; k < KEVENTS; k++)
			ASSERT_EQ(0, queue_ready(q, self->handles[k], 1));
		ASSERT_TRUE(consumer_dies(q));
		ASSERT_EQ(1, requeue(q));
		ASSERT_EQ(0, requeue(q));
		for (int k = 1; k <= KEVENTS; k++)
			ASSERT_TRUE(gives(q, k % KEVENTS, 1));
		ASSERT_TRUE(is_empty(q));
		ASSERT_EQ(0, requeue(q));
		ASSERT_TRUE(is_empty(q));
	}
}

TEST_F(requeue, brings_back_all)
{
	struct kevent_queue *q = &self->q;

	for (int k = 0; k < KEVENTS; k++)
		ASSERT_EQ(0, queue_ready(q, self->handles[k], 1 << k));
	for (int k = 0; k < KEVENTS; k++)
		ASSERT_TRUE(consumer_dies(q));
	EXPECT_EQ(KEVENTS, requeue(q));
	for (int k = 0; k < KEVENTS; k++)
		EXPECT_TRUE(gives(q, k, 1 << k));
	EXPECT_TRUE(is_empty(q));
}

/* A slot of a removed kevent is queued without events, and is then free. */
TEST_F(requeue, frees_the_slot_of_a_removed_kevent)
{
	struct kevent_queue *q = &self->q;

	for (unsigned int i = KEVENTS; i < q->slots; i++)
		ASSERT_NE(0, queue_add_user(q, i, 1, 0));
	ASSERT_EQ(0, queue_ready(q, self->handles[0], 1));
	ASSERT_TRUE(consumer_dies(q));
	EXPECT_EQ(1, queue_remove(q, self->handles[0]));
	EXPECT_EQ(0, queue_add_user(q, 1000, 1, 0));
	EXPECT_EQ(ENOSPC, errno);

	EXPECT_EQ(1, requeue(q));
	EXPECT_EQ(0, queue_add_user(q, 1000, 1, 0));
	EXPECT_TRUE(is_empty(q));
	EXPECT_NE(0, queue_add_user(q, 1000, 1, 0));
}

TEST_F(requeue, brings_back_a_descriptor_and_a_timer)
{
	struct kevent_queue *q = &self->q;
	struct kevent_op timer = kevent_op_timer(CLOCK_MONOTONIC, 100, 1000, 0, 0, 0);
	uint64_t pipe_handle;
	int fds[2];

	ASSERT_EQ(0, pipe2(fds, O_CLOEXEC));
	pipe_handle = queue_add_poll(q, fds[0], POLLIN, KEVENT_DISPATCH);
	ASSERT_NE(0, pipe_handle);
	ASSERT_EQ(1, write(fds[1], "", 1));
	ASSERT_EQ(0, queue_do(q, &timer));
	ASSERT_EQ(0, kevent_wait_shared(q, NULL, 0, DEADLINE_NS, 2));
	ASSERT_TRUE(consumer_dies(q));
	ASSERT_TRUE(consumer_dies(q));
	EXPECT_EQ(2, requeue(q));
	EXPECT_TRUE(has_exactly(q, (uint64_t []){ pipe_handle, timer.handle }, 2));
	ASSERT_EQ(0, queue_recheck(q, pipe_handle));
	EXPECT_TRUE(gives(q, fds[0], POLLIN));
}

TEST_F(requeue, wakes)
{
	struct kevent_queue *q = &self->q;
	struct call poller = { .make = call_poll, .fd = q->fd, .value = POLLIN };
	struct waiter waiter;

	ASSERT_EQ(0, queue_ready(q, self->handles[0], 1));
	ASSERT_TRUE(consumer_dies(q));
	ASSERT_TRUE(waiter_sleeps(&waiter, q));
	ASSERT_TRUE(call_start(&poller));
	ASSERT_TRUE(call_blocks(&poller));
	EXPECT_EQ(1, requeue(q));
	EXPECT_EQ(0, waiter_returns(&waiter));
	EXPECT_TRUE(call_ends(&poller));
	EXPECT_TRUE(gives(q, 0, 1));
}

/* A slot in the list of raised slots has no position in the ring. */
TEST_F(requeue, leaves_raised_slots)
{
	struct kevent_queue *q = &self->q;
	struct kevent_event event;
	uint32_t list = 0;

	ASSERT_EQ(0, kevent_raise(q, self->handles[0], 1));
	ASSERT_EQ(0, kevent_raise(q, self->handles[1], 1));
	/* It stays in the list without its kevent, too. */
	EXPECT_EQ(1, queue_remove(q, self->handles[1]));
	EXPECT_EQ(0, requeue(q));
	EXPECT_TRUE(is_empty(q));
	ASSERT_TRUE(kevent_take_raised(q, &list, &event));
	EXPECT_EQ(0, event.user);
	EXPECT_FALSE(kevent_take_raised(q, &list, &event));
}

TEST_F(requeue, fields_without_a_meaning)
{
	struct kevent_op good = kevent_op_requeue(&self->q), bad;

#define FAILS(field, value)						\
do {									\
	bad = good;							\
	bad.field = value;						\
	EXPECT_EQ(-EINVAL, queue_do(&self->q, &bad)) TH_LOG(#field);	\
} while (0)

	FAILS(flags, 1);
	FAILS(type, KEVENT_USER);
	FAILS(want, 1);
	FAILS(id, 1);
	FAILS(user, 1);
	FAILS(arg[1], 1);
	FAILS(arg[2], UINT64_C(1) << 63);
	FAILS(handle, self->handles[0]);
	EXPECT_EQ(0, queue_do(&self->q, &good));
	EXPECT_EQ(0, good.events);
}

/* A head that is too small finds too little, and another finds no more than all slots. */
TEST_F(requeue, any_head)
{
	struct kevent_queue *q = &self->q;
	uint64_t head, heads[] = {
		0, 1, q->slots - 1, UINT64_C(1) << 32, UINT64_C(1) << 63, UINT64_MAX,
	};

	ASSERT_EQ(0, queue_ready(q, self->handles[0], 1));
	ASSERT_EQ(0, queue_ready(q, self->handles[1], 1));
	ASSERT_TRUE(consumer_dies(q));
	head = q->header->head;
	for (size_t i = 0; i < ARRAY_SIZE(heads); i++) {
		EXPECT_EQ(0, requeue_before(q, heads[i])) {
			TH_LOG("head %#llx", (unsigned long long)heads[i]);
		}
	}
	EXPECT_EQ(0, requeue_before(q, head - 1));
	EXPECT_EQ(1, requeue_before(q, head));
	EXPECT_TRUE(gives(q, 1, 1));
	EXPECT_TRUE(gives(q, 0, 1));

	for (unsigned int i = 0; i < q->slots; i++)
		q->slot[i].ready = KEVENT_QUEUED;
	for (unsigned int i = 0; i < 3; i++) {
		uint64_t tail = head + 2 + i * q->slots;

		EXPECT_EQ((int)q->slots, requeue_before(q, tail));
		EXPECT_EQ(0, requeue_before(q, tail));
	}
	EXPECT_EQ(0, kevent_wait(q, NULL, 0, -1, q->slots));
}

/* Operations that each have a slot to queue, so that each waits for a grace period. */
struct many {
	struct kevent_queue *q;
	struct kevent_op ops[KEVENT_MAX_OPS];
};

static struct many *many_new(struct kevent_queue *q)
{
	struct many *many = calloc(1, sizeof(*many));

	many->q = q;
	q->slot[0].ready = KEVENT_QUEUED;
	for (int i = 0; i < KEVENT_MAX_OPS; i++) {
		many->ops[i] = kevent_op_requeue(q);
		many->ops[i].arg[0] += i;
	}
	return many;
}

static void *submit_many(void *arg)
{
	struct many *many = arg;

	return (void *)(intptr_t)kevent_submit(many->q, many->ops, KEVENT_MAX_OPS);
}

/* Another thread's operation fails, instead of waiting for all grace periods. */
TEST_F(requeue, one_at_a_time_until_a_signal)
{
	struct many *many = many_new(&self->q);
	volatile const uint32_t *ring = self->q.ring;
	pthread_t thread;
	void *done;

	ASSERT_EQ(0, catch_signal(SIGUSR1, 0));
	ASSERT_EQ(0, pthread_create(&thread, NULL, submit_many, many));
	/* One operation is done, and the next waits. */
	ASSERT_TRUE(wait_for(*ring & KEVENT_PHASE));
	EXPECT_TRUE(wait_for(requeue_before(&self->q, 0) == -EBUSY));

	ASSERT_EQ(0, pthread_kill(thread, SIGUSR1));
	ASSERT_EQ(0, pthread_join(thread, &done));
	EXPECT_EQ(KEVENT_MAX_OPS, (intptr_t)done);
	EXPECT_EQ(0, many->ops[0].result);
	EXPECT_EQ(1, many->ops[0].events);
	EXPECT_EQ(-EINTR, many->ops[KEVENT_MAX_OPS - 1].result);
}

TEST_F(requeue, a_process_can_be_killed)
{
	int64_t start;
	pid_t child;
	int status;

	child = fork_child();
	ASSERT_GE(child, 0);
	if (!child) {
		submit_many(many_new(&self->q));
		_exit(0);
	}
	sleep_ms(100);
	ASSERT_EQ(0, kill(child, SIGKILL));
	start = now_ms();
	ASSERT_EQ(child, waitpid(child, &status, 0));
	EXPECT_LT(now_ms() - start, DEADLINE_MS / 2);
	EXPECT_TRUE(WIFSIGNALED(status));
}

/* Starts a process that consumes an event, and stops it before. Returns it, or -1. */
static pid_t start_victim(const struct kevent_queue *q)
{
	pid_t victim = fork_child();
	int status;

	if (!victim) {
		struct kevent_event event;

		ptrace(PTRACE_TRACEME, 0, 0, 0);
		kill(getpid(), SIGSTOP);
		kevent_next_shared(q, &event);
		_exit(0);
	}
	return waitpid(victim, &status, 0) == victim && WIFSTOPPED(status) ? victim : -1;
}

/* Lets a process do an instruction. Returns false if it has ended. */
static bool step(pid_t victim)
{
	int status;

	return !ptrace(PTRACE_SINGLESTEP, victim, 0, 0) &&
	       waitpid(victim, &status, 0) == victim && WIFSTOPPED(status);
}

static bool end(pid_t victim)
{
	int status;

	return !kill(victim, SIGKILL) && waitpid(victim, &status, 0) == victim &&
	       WIFSIGNALED(status);
}

/* A process dies at each instruction from before the claim to behind the exchange. */
TEST_F(requeue, death_at_each_instruction)
{
	struct kevent_queue *q = &self->q;
	volatile __u64 *ready = &slot_of(q, self->handles[0])->ready;
	volatile __u64 *head = &q->header->head;
	int claim_step = 0, take_step = 0, claimed = 0;
	pid_t victim;

	ASSERT_EQ(0, queue_ready(q, self->handles[0], 1));
	victim = start_victim(q);
	ASSERT_GT(victim, 0);
	for (uint64_t start = *head; *ready; take_step++) {
		claim_step += *head == start;
		ASSERT_TRUE(step(victim));
	}
	ASSERT_TRUE(end(victim));

	for (int steps = claim_step - 3; steps <= take_step + 1; steps++) {
		uint64_t start = *head;
		bool was_claimed, was_taken;

		ASSERT_EQ(0, queue_ready(q, self->handles[0], 1));
		victim = start_victim(q);
		ASSERT_GT(victim, 0);
		for (int i = 0; i < steps; i++)
			ASSERT_TRUE(step(victim));
		ASSERT_TRUE(end(victim));
		was_claimed = *head != start;
		was_taken = !*ready;
		EXPECT_EQ(was_claimed && !was_taken, requeue(q));
		EXPECT_EQ(!was_taken, gives(q, 0, 1));
		EXPECT_TRUE(is_empty(q));
		claimed += was_claimed && !was_taken;
	}
	EXPECT_GT(claimed, 0);
}

/* Processes that consume, and are killed, beside threads that consume and raise */

#define VICTIMS		30
#define CONSUMERS	2

struct party {
	struct kevent_queue *q;
	uint64_t *handles;

	/* Shared with the processes. */
	struct shared {
		_Atomic uint64_t returns[CONSUMERS];
		_Atomic uint64_t taken;
		_Atomic bool stop, failed;
	} *shared;
	_Atomic int next;
};

/* Consumes like kevent_next_shared(), and fails if a slot was in the ring twice. */
static void consume_one(struct party *party, unsigned int pause_ms)
{
	struct kevent_slot *slot = claim(party->q);

	if (!slot)
		return;
	if (pause_ms)
		sleep_ms(pause_ms);
	if (take(slot) & KEVENT_QUEUED)
		party->shared->taken++;
	else
		party->shared->failed = true;
}

static void *consume(void *arg)
{
	struct party *party = arg;
	int me = party->next++;

	while (!party->shared->stop) {
		consume_one(party, 0);
		party->shared->returns[me]++;
	}
	return NULL;
}

static void *raise_always(void *arg)
{
	struct party *party = arg;

	while (!party->shared->stop) {
		struct kevent_op ops[KEVENTS];

		for (int k = 0; k < KEVENTS; k++)
			ops[k] = kevent_op_ready(party->handles[k], 1);
		if (kevent_submit(party->q, ops, KEVENTS) != KEVENTS)
			party->shared->failed = true;
	}
	return NULL;
}

/* Waits until each consumer has returned from its call. */
static bool all_return(struct party *party)
{
	uint64_t before[CONSUMERS];
	bool good = true;

	for (int i = 0; i < CONSUMERS; i++)
		before[i] = party->shared->returns[i];
	for (int i = 0; i < CONSUMERS; i++)
		good &= wait_for(party->shared->returns[i] > before[i] + 1);
	return good;
}

static bool victim_dies(struct party *party, int round)
{
	struct timespec ts = { .tv_nsec = 2000000 + 100000 * (round % 10) };
	pid_t victim = fork_child();

	if (!victim) {
		while (true)
			consume_one(party, 1);
	}
	nanosleep(&ts, NULL);
	return victim > 0 && end(victim);
}

TEST_F(requeue, beside_consumers_and_producers)
{
	struct party party = { .q = &self->q, .handles = self->handles };
	struct kevent_queue *q = &self->q;
	pthread_t threads[CONSUMERS + 2];
	struct kevent_op op;
	int back = 0;

	party.shared = mmap(NULL, sizeof(*party.shared), PROT_READ | PROT_WRITE,
			    MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	ASSERT_NE(MAP_FAILED, party.shared);
	for (int i = 0; i < CONSUMERS + 2; i++)
		ASSERT_EQ(0, pthread_create(&threads[i], NULL,
					    i < CONSUMERS ? consume : raise_always, &party));
	for (int round = 0; round < VICTIMS; round++) {
		ASSERT_TRUE(victim_dies(&party, round));
		op = kevent_op_requeue(q);
		ASSERT_TRUE(all_return(&party));
		ASSERT_EQ(0, queue_do(q, &op));
		back += op.events;
	}
	party.shared->stop = true;
	for (int i = 0; i < CONSUMERS + 2; i++)
		ASSERT_EQ(0, pthread_join(threads[i], NULL));
	EXPECT_FALSE(party.shared->failed);
	EXPECT_GT(party.shared->taken, 0);
	EXPECT_GT(back, 0);

	/* Nothing is lost: the ring has each kevent once. */
	for (int k = 0; k < KEVENTS; k++)
		ASSERT_EQ(0, queue_ready(q, self->handles[k], 1));
	EXPECT_TRUE(has_exactly(q, self->handles, KEVENTS));
}

TEST_HARNESS_MAIN
