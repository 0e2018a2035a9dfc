// SPDX-License-Identifier: GPL-2.0
/*
 * A program that writes anything into a cell while others use it: calls end, signals are
 * delivered, and only this cell's counter and wake-ups suffer.
 */
#include "aio.h"
#include "arena.h"
#include "epoll.h"
#include "queue.h"
#include "signal.h"
#include "uring.h"

#define CELLS_OF_TEST	300
#define BAD		17
#define GOOD		16

/* How long an attack lasts. */
#define ATTACK_MS	500

struct attack {
	_Atomic bool *stop;
	struct evfd_cell *cell;
	unsigned int seed;
};

/* xorshift */
static uint64_t scramble(uint64_t *state)
{
	*state ^= *state << 13;
	*state ^= *state >> 7;
	*state ^= *state << 17;
	return *state;
}

/* A value near a limit, or any. */
static uint64_t nasty(uint64_t *state)
{
	uint64_t bits = scramble(state);

	switch (bits % 4) {
	case 0:
		return bits / 4 % 3;
	case 1:
		return UINT64_MAX - bits / 4 % 3;
	case 2:
		return (UINT64_C(1) << (bits / 4 % 64)) - bits / 256 % 2;
	}
	return scramble(state);
}

static void strike(struct evfd_cell *cell, uint64_t *state)
{
	__atomic_store_n(&cell->count, nasty(state), __ATOMIC_RELAXED);
	__atomic_store_n(&cell->wakeup_in, nasty(state), __ATOMIC_RELAXED);
	__atomic_fetch_add(&cell->count, nasty(state), __ATOMIC_RELAXED);
	__atomic_store_n(&cell->wakeup_out, nasty(state), __ATOMIC_RELAXED);
	/* Makes compare-and-exchange fail, without a change in the end. */
	for (int i = 0; i < 64; i++)
		__atomic_fetch_add(&cell->count, i % 2 ? -1 : 1, __ATOMIC_RELAXED);
}

static void *attack_thread(void *arg)
{
	struct attack *attack = arg;
	uint64_t state = attack->seed;

	while (!*attack->stop)
		strike(attack->cell, &state);
	return NULL;
}

FIXTURE(hostile)
{
	struct arena arena;
	struct evfd_counter good, bad;
	struct attack attack;
	pthread_t thread;
	pid_t child;
	_Atomic bool stop;
	bool ended;
};

FIXTURE_VARIANT(hostile)
{
	bool process;
	int flags;
};

FIXTURE_VARIANT_ADD(hostile, thread)
{
	.process = false,
};

FIXTURE_VARIANT_ADD(hostile, process)
{
	.process = true,
};

FIXTURE_VARIANT_ADD(hostile, semaphore)
{
	.process = false,
	.flags = EVFD_EFD_SEMAPHORE | EVFD_EFD_WAKE_ONE,
};

FIXTURE_SETUP(hostile)
{
	ASSERT_TRUE(arena_make(&self->arena, CELLS_OF_TEST));
	ASSERT_EQ(0, catch_signal(SIGUSR1, 0));
	self->attack = (struct attack){
		.cell = &self->arena.cells[BAD], .stop = &self->stop, .seed = 4711,
	};
	if (variant->process) {
		self->child = fork_child();
		ASSERT_GE(self->child, 0);
		/* It has only a copy of the fixture, so a signal ends it. */
		if (!self->child)
			attack_thread(&self->attack);
	} else {
		ASSERT_EQ(0, pthread_create(&self->thread, NULL, attack_thread,
					    &self->attack));
	}
	/* After the fork, so the child keeps no descriptor. */
	ASSERT_EQ(0, arena_bind(&self->arena, &self->bad, BAD, 0, variant->flags));
	ASSERT_EQ(0, arena_bind(&self->arena, &self->good, GOOD, 0, 0));
}

static void end_attack(struct _test_data_hostile *self)
{
	if (self->ended)
		return;
	self->ended = true;
	self->stop = true;
	if (self->child) {
		kill(self->child, SIGKILL);
		waitpid(self->child, NULL, 0);
	} else {
		pthread_join(self->thread, NULL);
	}
}

FIXTURE_TEARDOWN(hostile)
{
	end_attack(self);
	close(self->bad.fd);
	close(self->good.fd);
	arena_end(&self->arena);
}

/* Whether the cells beside are as they were. */
static bool neighbours_are_empty(const struct arena *arena)
{
	for (unsigned int i = 0; i < arena->n; i++) {
		const struct evfd_cell *cell = &arena->cells[i];

		if (i != BAD && (cell->count || cell->wakeup_in || cell->wakeup_out))
			return false;
	}
	return true;
}

/* After the attack, a new bind starts the cell from its arguments. */
static bool works_again(struct arena *arena, struct evfd_counter *bad)
{
	close(bad->fd);
	return !arena_bind(arena, bad, BAD, 3, EFD_NONBLOCK) && !bad->cell->wakeup_in &&
	       !bad->cell->wakeup_out && efd_take(bad->fd) == 3 &&
	       !evfd_counter_write(bad, 4) && efd_take(bad->fd) == 4 &&
	       poll_now(bad->fd) == POLLOUT;
}

TEST_F(hostile, calls_that_do_not_block_end)
{
	struct epoll_event event = { .events = EPOLLIN | EPOLLOUT };
	uint64_t state = 1, value;
	int level = watch(self->bad.fd, EPOLLIN | EPOLLOUT);
	int edge = watch(self->bad.fd, EPOLLIN | EPOLLOUT | EPOLLET);
	long calls = 0;

	ASSERT_EQ(0, fcntl(self->bad.fd, F_SETFL, O_NONBLOCK));
	repeat(INT64_MAX, ATTACK_MS) {
		int ret = result(read(self->bad.fd, &value, 8));

		ASSERT_TRUE(ret == 8 || ret == -EAGAIN);
		value = nasty(&state);
		ret = result(write(self->bad.fd, &value, 8));
		ASSERT_TRUE(ret == 8 || ret == (value == UINT64_MAX ? -EINVAL : -EAGAIN));
		ret = poll_now(self->bad.fd);
		ASSERT_EQ(0, ret & ~(POLLIN | POLLOUT | POLLERR));
		ASSERT_NE(0, ret);
		ASSERT_EQ(0, kick(self->bad.fd, EPOLLIN | EPOLLOUT));
		ASSERT_EQ(0, modify(level, self->bad.fd, i % 2 ? EPOLLIN : EPOLLOUT));
		ASSERT_GE(events_now(level), 0);
		ASSERT_GE(events_now(edge), 0);
		ASSERT_EQ(0, epoll_ctl(edge, EPOLL_CTL_DEL, self->bad.fd, NULL));
		event.events = i % 2 ? EPOLLIN | EPOLLET : EPOLLOUT | EPOLLONESHOT;
		ASSERT_EQ(0, epoll_ctl(edge, EPOLL_CTL_ADD, self->bad.fd, &event));
		efd_count(self->bad.fd);
		evfd_counter_write(&self->bad, value);
		evfd_counter_read_one(&self->bad);
		evfd_counter_read(&self->bad);
		evfd_counter_events(&self->bad);
		calls++;
	}
	EXPECT_LE(4, calls);
	end_attack(self);
	EXPECT_TRUE(neighbours_are_empty(&self->arena));
	EXPECT_TRUE(works_again(&self->arena, &self->bad));
}

static void *read_until_interrupted(void *arg)
{
	struct call *call = arg;
	uint64_t value;

	call->tid = gettid();
	while (read(call->fd, &value, 8) == 8)
		;
	call->err = errno;
	call->done = true;
	return NULL;
}

static void *write_until_interrupted(void *arg)
{
	struct call *call = arg;
	uint64_t value = UINT64_MAX / 2;

	call->tid = gettid();
	while (write(call->fd, &value, 8) == 8)
		;
	call->err = errno;
	call->done = true;
	return NULL;
}

static void *poll_until_interrupted(void *arg)
{
	struct call *call = arg;
	struct pollfd pfd = { .fd = call->fd, .events = POLLIN };

	call->tid = gettid();
	while (poll(&pfd, 1, -1) == 1)
		;
	call->err = errno;
	call->done = true;
	return NULL;
}

/* They may lose wake-ups, but no signal. */
TEST_F(hostile, signals_end_calls_that_block)
{
	static void *(*const loops[])(void *arg) = {
		read_until_interrupted, write_until_interrupted, poll_until_interrupted,
		read_until_interrupted, write_until_interrupted,
	};
	struct call calls[ARRAY_SIZE(loops)];

	for (int round = 0; round < 3; round++) {
		for (size_t i = 0; i < ARRAY_SIZE(loops); i++) {
			calls[i] = (struct call){ .fd = self->bad.fd };
			ASSERT_EQ(0, pthread_create(&calls[i].thread, NULL, loops[i],
						    &calls[i]));
		}
		repeat(INT64_MAX, ATTACK_MS / 4)
			ASSERT_EQ(0, kick(self->bad.fd, EPOLLIN | EPOLLOUT));
		for (size_t i = 0; i < ARRAY_SIZE(loops); i++) {
			int64_t end = now_ms() + DEADLINE_MS;

			/* A signal between two calls ends neither, so send another. */
			while (!calls[i].done && now_ms() < end) {
				pthread_kill(calls[i].thread, SIGUSR1);
				sleep_ms(1);
			}
			ASSERT_TRUE(call_ends(&calls[i])) {
				TH_LOG("thread %zu", i);
			}
			EXPECT_EQ(EINTR, calls[i].err);
		}
	}
	end_attack(self);
	EXPECT_TRUE(neighbours_are_empty(&self->arena));
	EXPECT_TRUE(works_again(&self->arena, &self->bad));
}

TEST_F(hostile, a_process_in_a_call_is_killed)
{
	for (int round = 0; round < 10; round++) {
		pid_t child = fork_child();
		int status;

		ASSERT_GE(child, 0);
		if (!child) {
			struct call call = { .fd = self->bad.fd };

			catch_signal(SIGUSR1, SA_RESTART);
			if (round % 2)
				read_until_interrupted(&call);
			else
				write_until_interrupted(&call);
			_exit(1);
		}
		sleep_ms(1 + round);
		ASSERT_EQ(0, kill(child, SIGKILL));
		ASSERT_EQ(child, waitpid(child, &status, 0));
		EXPECT_TRUE(WIFSIGNALED(status));
	}
}

/* The attacker has a line of the cache in common with this counter. */
static void *answer(void *arg)
{
	struct evfd_counter *counters = arg;
	uint64_t value;

	while (read(counters[0].fd, &value, 8) == 8 && value != UINT32_MAX)
		evfd_counter_write(&counters[1], value);
	return NULL;
}

TEST_F(hostile, the_next_cell_loses_nothing)
{
	struct evfd_counter counters[2] = { self->good };
	uint64_t value;
	pthread_t thread;
	int rounds = 0;

	ASSERT_EQ(0, arena_bind(&self->arena, &counters[1], BAD + 1, 0, 0));
	ASSERT_EQ(0, pthread_create(&thread, NULL, answer, counters));
	repeat(INT64_MAX, ATTACK_MS) {
		struct pollfd pfd = { .fd = counters[1].fd, .events = POLLIN };

		ASSERT_EQ(0, evfd_counter_write(&counters[0], i + 1));
		ASSERT_EQ(1, poll(&pfd, 1, DEADLINE_MS));
		ASSERT_EQ(8, read(counters[1].fd, &value, 8));
		ASSERT_EQ(i + 1, (int64_t)value);
		rounds++;
	}
	EXPECT_LE(4, rounds);
	ASSERT_EQ(0, evfd_counter_write(&counters[0], UINT32_MAX));
	ASSERT_EQ(0, pthread_join(thread, NULL));
	close(counters[1].fd);
}

TEST_F(hostile, binding_and_closing)
{
	repeat(2000, ATTACK_MS) {
		EXPECT_EQ(-EBUSY, arena_bind(&self->arena, &self->good, BAD, 0, 0));
		close(self->bad.fd);
		ASSERT_EQ(0, arena_bind(&self->arena, &self->bad, BAD, i, variant->flags));
	}
	end_attack(self);
	EXPECT_TRUE(neighbours_are_empty(&self->arena));
	EXPECT_TRUE(works_again(&self->arena, &self->bad));
}

TEST_F(hostile, asynchronous_waiters_end)
{
	uint64_t values[8] = { };
	struct kevent_queue q;
	struct io_uring_cqe cqe;
	struct io_event event;
	struct uring ring;
	aio_context_t ctx = aio_open();
	struct iocb iocb = aio_poll(self->bad.fd, POLLIN, 1);

	ASSERT_NE(0, ctx);
	ASSERT_TRUE(uring_open(&ring));
	ASSERT_EQ(0, kevent_open(&q, 4, 0));
	ASSERT_NE(0, queue_add_poll(&q, self->bad.fd, EPOLLIN | EPOLLOUT, 0));
	repeat(1000, ATTACK_MS) {
		struct kevent_event kevent;

		uring_queue(&ring, IORING_OP_READ, self->bad.fd, &values[i % 8], 8, 1);
		uring_queue(&ring, IORING_OP_WRITE, self->bad.fd, &values[i % 8], 8, 2);
		uring_poll(&ring, self->bad.fd, POLLIN, false, 3);
		ASSERT_EQ(3, uring_submit(&ring));
		while (uring_next(&ring, &cqe))
			;
		aio_submit(ctx, &iocb);
		aio_next(ctx, &event);
		kick(self->bad.fd, EPOLLIN | EPOLLOUT);
		kevent_wait(&q, NULL, 0, 0, 0);
		while (kevent_next(&q, &kevent))
			;
	}
	/* Requests under way end with their owners. */
	uring_close(&ring);
	syscall(SYS_io_destroy, ctx);
	kevent_close(&q);
	end_attack(self);
	EXPECT_TRUE(neighbours_are_empty(&self->arena));
}

/* Without the flag there is no kick, which harms the waiter of this cell only. */
TEST(a_cleared_flag_loses_the_wake_up_of_its_cell)
{
	struct evfd_counter counters[2] = { };
	struct call readers[2];
	struct arena arena;

	ASSERT_TRUE(arena_make(&arena, 2));
	for (int i = 0; i < 2; i++) {
		ASSERT_EQ(0, arena_bind(&arena, &counters[i], i, 0, 0));
		readers[i] = (struct call){ .make = call_read, .fd = counters[i].fd };
		ASSERT_TRUE(call_start_blocked(&readers[i]));
	}
	__atomic_store_n(&counters[0].cell->wakeup_in, 0, __ATOMIC_SEQ_CST);
	for (int i = 0; i < 2; i++)
		ASSERT_EQ(0, evfd_counter_write(&counters[i], i + 1));
	ASSERT_TRUE(call_ends(&readers[1]));
	EXPECT_EQ(2, readers[1].value);
	EXPECT_TRUE(call_blocks(&readers[0]));
	/* A kick finds it. */
	ASSERT_EQ(0, kick(counters[0].fd, EPOLLIN));
	ASSERT_TRUE(call_ends(&readers[0]));
	EXPECT_EQ(1, readers[0].value);
	/* And so does a write through the descriptor. */
	readers[0] = (struct call){ .make = call_read, .fd = counters[0].fd };
	ASSERT_TRUE(call_start_blocked(&readers[0]));
	__atomic_store_n(&counters[0].cell->wakeup_in, 0, __ATOMIC_SEQ_CST);
	ASSERT_EQ(8, efd_add(counters[0].fd, 5));
	ASSERT_TRUE(call_ends(&readers[0]));
	EXPECT_EQ(5, readers[0].value);
}

TEST_HARNESS_MAIN
