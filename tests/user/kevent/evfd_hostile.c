// SPDX-License-Identifier: GPL-2.0
/*
 * Threads write random words all over the mapping of a queue, while others use the queue in
 * every way. Only the program itself suffers: no call hangs, and another queue works.
 */
#include "epoll.h"
#include "pidfd.h"
#include "queue.h"

#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/wait.h>

#define SLOTS		64
#define SIGNAL		SIGUSR1
#define RUN_MS		2000

/* A wait is short, because it may miss its wake-up. */
#define WAIT_NS		1000000

struct attack {
	struct kevent_queue q;
	int pipes[2];
	int file;
	int socks[2];
	/* Of this process, then of the last child. */
	int pidfd;

	_Atomic uint64_t *handles;
	_Atomic bool stop;
	_Atomic int next;
};

/* A thread's own random numbers (xorshift). */
static uint64_t random_number(uint64_t *state)
{
	*state ^= *state << 13;
	*state ^= *state >> 7;
	*state ^= *state << 17;
	return *state;
}

static uint64_t random_seed(struct attack *attack)
{
	return UINT64_C(0x9e3779b97f4a7c15) * ++attack->next;
}

/* Words of which most look valid. */
static uint32_t random_word(uint64_t *state)
{
	uint64_t number = random_number(state);

	switch (number % 4) {
	case 0:
		return (number >> 8) % SLOTS * 32 | (number >> 40 & 1) << 31;
	case 1:
		return (number >> 8) % SLOTS * 32 + 1;
	case 2:
		return number >> 40 & 1 ? 0 : UINT32_MAX;
	}
	return number >> 32;
}

static void *write_everywhere(void *arg)
{
	struct attack *attack = arg;
	volatile uint32_t *words = (void *)attack->q.header;
	uint64_t state = random_seed(attack);

	while (!attack->stop) {
		for (int i = 0; i < 1000; i++)
			words[random_number(&state) % (attack->q.size / 4)] = random_word(&state);
	}
	return NULL;
}

/* Writes only words read by the kernel. */
static void *write_there(void *arg)
{
	struct attack *attack = arg;
	volatile struct kevent_header *header = attack->q.header;
	uint64_t state = random_seed(attack);

	while (!attack->stop) {
		volatile struct kevent_slot *slot;

		slot = &attack->q.slot[random_number(&state) % SLOTS];
		slot->ready = random_number(&state);
		slot->want = random_word(&state);
		header->head = random_number(&state) % (4 * SLOTS);
		header->raised = random_word(&state);
		header->sleeping = random_word(&state);
		header->polled = random_word(&state);
		slot->data = random_number(&state);
	}
	return NULL;
}

static struct kevent_op random_op(struct attack *attack, uint64_t *state)
{
	static struct signalfd_siginfo records[4];
	uint64_t number = random_number(state);
	uint64_t handle = attack->handles[number % SLOTS];
	struct kevent_op op;

	number >>= 8;
	switch (number % 6) {
	case 0:
		return kevent_op_remove(handle);
	case 1:
		return kevent_op_mod(handle, number, number & (KEVENT_ONESHOT | KEVENT_DISPATCH));
	case 2:
		if (number / 6 % 2)
			return kevent_op_take(handle, records, ARRAY_SIZE(records));
		return kevent_op_recheck(handle);
	case 4:
		/* Rarely, because it may wait for a grace period. */
		if (number / 6 % 32)
			break;
		op = kevent_op_requeue(&attack->q);
		op.arg[0] += number >> 40 & 1 ? 0 : (int64_t)(number >> 48) - SLOTS;
		return op;
	case 3:
		return kevent_op_ready(number % 16 ? handle : 0, number % 16 ? number : 0);
	}
	if (number & 64)
		return kevent_op_add(KEVENT_POLL, attack->pipes[number >> 7 & 1], number >> 32,
				     number, number >> 8 & (KEVENT_ONESHOT | KEVENT_ET));
	if (number & 512 && number & 32)
		return kevent_op_add(KEVENT_SIGNAL,
				     SIGNAL | (number & 1024 ? KEVENT_SIGNAL_NOMASK : 0),
				     number >> 32, KEVENT_SIGNAL_DELIVERY,
				     number >> 11 & (KEVENT_ONESHOT | KEVENT_DISPATCH));
	if (number & 16 && number & 32)
		return kevent_op_add(KEVENT_PROCESS, attack->pidfd, number >> 32,
				     KEVENT_PROCESS_EXIT,
				     number >> 8 & (KEVENT_ONESHOT | KEVENT_ET));
	/* Between a file and the memory of the queue. */
	if (number & 32 && number & 2)
		return kevent_op_aio(attack->file, number >> 32,
				     number >> 40 & 1 ? KEVENT_AIO_READ : KEVENT_AIO_WRITE,
				     attack->q.slot, 100, 0, number >> 8 & KEVENT_ONESHOT);
	/* Between sockets and the memory of the queue. */
	if (number & 32 && number & 4)
		return kevent_op_naio(attack->socks[number >> 7 & 1], number >> 32,
				      number >> 40 & 1 ? KEVENT_NAIO_RECV : KEVENT_NAIO_SEND,
				      attack->q.slot, 100, 0, number >> 8 & KEVENT_ONESHOT);
	if (number & 32)
		return kevent_op_timer(CLOCK_MONOTONIC | number >> 32 << 32, number, 1000 << 10,
				       number & 128 ? 0 : number >> 8 & 0xfffff, 0,
				       number >> 8 & (KEVENT_ONESHOT | KEVENT_TIMER_ABSTIME));
	return kevent_op_add(KEVENT_USER, number >> 32, 0, number,
			     number >> 8 & (KEVENT_ONESHOT | KEVENT_DISPATCH));
}

static void *operate(void *arg)
{
	struct attack *attack = arg;
	uint64_t state = random_seed(attack);

	while (!attack->stop) {
		struct kevent_op ops[16];
		int nr = 1 + random_number(&state) % 16;

		for (int i = 0; i < nr; i++)
			ops[i] = random_op(attack, &state);
		if (random_number(&state) % 2)
			kevent_submit(&attack->q, ops, nr);
		else
			kevent_wait_shared(&attack->q, ops, nr, WAIT_NS,
					   random_number(&state) % 3);
		for (int i = 0; i < nr; i++) {
			if (ops[i].op == KEVENT_OP_ADD && !ops[i].result)
				attack->handles[random_number(&state) % SLOTS] = ops[i].handle;
		}
	}
	return NULL;
}

/* Consumes, but only so much: the words may form a ring without an end. */
static void *consume(void *arg)
{
	struct attack *attack = arg;
	uint64_t state = random_seed(attack);

	while (!attack->stop) {
		for (int i = 0; i < SLOTS; i++)
			__atomic_exchange_n(&attack->q.slot[i].ready, 0, __ATOMIC_ACQ_REL);
		kevent_wait_shared(&attack->q, NULL, 0, random_number(&state) % WAIT_NS, 0);
	}
	return NULL;
}

static void *poll_it(void *arg)
{
	struct attack *attack = arg;
	int level = watch(attack->q.fd, EPOLLIN);
	int edge = watch(attack->q.fd, EPOLLIN | EPOLLET);

	while (!attack->stop) {
		struct pollfd pfd = { .fd = attack->q.fd, .events = POLLIN };

		poll(&pfd, 1, 1);
		events_within(level, 1);
		events_within(edge, 1);
	}
	close(level);
	close(edge);
	return NULL;
}

/* Keeps a source busy. */
static void *fill_and_drain(void *arg)
{
	struct attack *attack = arg;
	char byte;

	while (!attack->stop) {
		if (write(attack->pipes[1], "", 1) != 1 || read(attack->pipes[0], &byte, 1) != 1)
			break;
	}
	return NULL;
}

static void *send_signals(void *arg)
{
	struct attack *attack = arg;

	while (!attack->stop)
		kill(getpid(), SIGNAL);
	return NULL;
}

static void *end_processes(void *arg)
{
	struct attack *attack = arg;

	while (!attack->stop) {
		pid_t child = fork_child();
		int pidfd;

		if (!child)
			_exit(0);
		pidfd = open_pidfd(child, 0);
		dup3(pidfd, attack->pidfd, O_CLOEXEC);
		close(pidfd);
		waitpid(child, NULL, 0);
	}
	return NULL;
}

typedef void *(*attacker)(void *attack);

/* Runs the threads for a while: false if a thread hangs. */
static bool run(struct attack *attack, const attacker *attackers, int n)
{
	_Atomic uint64_t handles[SLOTS] = { };
	pthread_t threads[16];
	struct timespec end;

	attack->handles = handles;
	for (int i = 0; i < n; i++) {
		if (pthread_create(&threads[i], NULL, attackers[i], attack))
			return false;
	}
	for (int64_t until = now_ms() + RUN_MS; now_ms() < until;)
		sleep_ms(10);
	attack->stop = true;
	clock_gettime(CLOCK_REALTIME, &end);
	end.tv_sec += DEADLINE_MS / 1000;
	for (int i = 0; i < n; i++) {
		if (pthread_timedjoin_np(threads[i], NULL, &end)) {
			fprintf(stderr, "# thread %d hangs\n", i);
			return false;
		}
	}
	return true;
}

/* Whether a new queue works exactly. */
static bool another_queue_works(void)
{
	struct kevent_queue q;
	uint64_t handles[SLOTS];
	bool good = true;

	if (kevent_open(&q, SLOTS, 0))
		return false;
	for (int i = 0; i < SLOTS; i++) {
		handles[i] = queue_add_user(&q, i, UINT32_MAX, 0);
		good &= handles[i] != 0;
	}
	for (int round = 0; good && round < 10; round++) {
		for (int i = 0; i < SLOTS; i++)
			good &= !queue_ready(&q, handles[i], 1 << round);
		for (int i = 0; i < SLOTS; i++)
			good &= queue_gives(&q, i, 1 << round);
		good &= queue_stays_empty(&q);
	}
	kevent_close(&q);
	return good;
}

FIXTURE(hostile)
{
	struct attack attack;
};

FIXTURE_SETUP(hostile)
{
	signal(SIGNAL, SIG_IGN);
	ASSERT_EQ(0, kevent_open(&self->attack.q, SLOTS, 0));
	ASSERT_EQ(0, pipe2(self->attack.pipes, O_CLOEXEC));
	self->attack.file = open("/tmp", O_TMPFILE | O_RDWR, 0600);
	ASSERT_GE(self->attack.file, 0);
	ASSERT_EQ(0, socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, self->attack.socks));
	self->attack.pidfd = open_pidfd(getpid(), 0);
	ASSERT_GE(self->attack.pidfd, 0);
}

FIXTURE_TEARDOWN(hostile)
{
	kevent_close(&self->attack.q);
}

TEST_F(hostile, writers_everywhere)
{
	static const attacker attackers[] = {
		write_everywhere, write_everywhere, operate, operate, poll_it, fill_and_drain,
		end_processes, send_signals,
	};

	EXPECT_TRUE(run(&self->attack, attackers, ARRAY_SIZE(attackers)));
	EXPECT_TRUE(another_queue_works());
}

TEST_F(hostile, writers_of_words_that_the_kernel_reads)
{
	static const attacker attackers[] = {
		write_there, write_there, operate, operate, consume, poll_it, fill_and_drain,
		end_processes, send_signals,
	};

	EXPECT_TRUE(run(&self->attack, attackers, ARRAY_SIZE(attackers)));
	EXPECT_TRUE(another_queue_works());
}

TEST_F(hostile, writers_and_many_waiters)
{
	static const attacker attackers[] = {
		write_there, operate, consume, consume, consume, consume, poll_it, poll_it,
	};

	EXPECT_TRUE(run(&self->attack, attackers, ARRAY_SIZE(attackers)));
	EXPECT_TRUE(another_queue_works());
}

/* Slots that stay marked as queued are lost to the program. The others are not. */
TEST_F(hostile, a_slot_that_looks_queued_is_not_used_again)
{
	struct kevent_queue *q = &self->attack.q;
	uint64_t handles[MIN_SLOTS];

	for (int i = 0; i < MIN_SLOTS; i++)
		handles[i] = queue_add_user(q, i, 1, 0);
	q->slot[kevent_slot_of(handles[0])].ready = KEVENT_QUEUED;
	for (int i = 0; i < MIN_SLOTS; i++)
		ASSERT_GE(queue_remove(q, handles[i]), 0);
	for (int i = 1; i < MIN_SLOTS; i++)
		ASSERT_NE(0, queue_add_user(q, i, 1, 0));
	EXPECT_EQ(0, queue_add_user(q, 0, 1, 0));
	EXPECT_EQ(ENOSPC, errno);
	q->slot[kevent_slot_of(handles[0])].ready = 0;
	EXPECT_NE(0, queue_add_user(q, 0, 1, 0));
}

/* Clearing QUEUED without consuming makes entries lap, for this program only. */
TEST_F(hostile, entries_lap)
{
	struct kevent_queue *q = &self->attack.q;
	uint64_t handle = queue_add_user(q, 1, 1, 0);

	for (unsigned int i = 0; i < 5 * q->header->ring_entries + 3; i++) {
		ASSERT_EQ(0, queue_ready(q, handle, 1));
		q->slot[kevent_slot_of(handle)].ready = 0;
	}
	EXPECT_EQ(0, kevent_wait(q, NULL, 0, DEADLINE_NS, UINT32_MAX));
	EXPECT_EQ(POLLIN, poll_now(q->fd));
	EXPECT_TRUE(another_queue_works());
}

TEST_HARNESS_MAIN
