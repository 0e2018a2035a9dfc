// SPDX-License-Identifier: GPL-2.0
/*
 * Waiters for counters in memory: a write or a read in memory wakes every kind of waiter, and kicks
 * only while there is a waiter.
 */
#include "aio.h"
#include "arena.h"
#include "epoll.h"
#include "queue.h"
#include "uring.h"

#include <sys/select.h>

#define NONE	0
#define ONCE	EVFD_WAKEUP_ONCE
#define EACH	EVFD_WAKEUP_EACH

/* Writes in memory. Returns how many kicks that takes: 0 or 1. */
static int kicks_of_write(const struct evfd_counter *c)
{
	int kicks = wakeup_in(c) != 0;

	return evfd_counter_write(c, 1) ? -errno : kicks;
}

/* Threads that sleep in a system call, until there is something to read or there is room. */

static long call_ppoll(struct call *call)
{
	struct pollfd pfd = { .fd = call->fd, .events = call->value };
	long ret = ppoll(&pfd, 1, NULL, NULL);

	call->value = pfd.revents;
	return ret;
}

static long call_select(struct call *call)
{
	bool out = call->value == POLLOUT;
	fd_set fds;
	long ret;

	FD_ZERO(&fds);
	FD_SET(call->fd, &fds);
	ret = select(call->fd + 1, out ? NULL : &fds, out ? &fds : NULL, NULL, NULL);
	call->value = ret == 1 && FD_ISSET(call->fd, &fds) ? call->value : 0;
	return ret;
}

static long call_epoll_of(struct call *call, uint32_t flags)
{
	int ep = watch(call->fd, call->value | flags);
	struct epoll_event event = { };
	long ret = epoll_wait(ep, &event, 1, -1);

	call->value = event.events;
	close(ep);
	return ret;
}

static long call_level(struct call *call)
{
	return call_epoll_of(call, 0);
}

static long call_edge(struct call *call)
{
	return call_epoll_of(call, EPOLLET);
}

static long call_oneshot(struct call *call)
{
	return call_epoll_of(call, EPOLLONESHOT);
}

static long call_oneshot_edge(struct call *call)
{
	return call_epoll_of(call, EPOLLONESHOT | EPOLLET);
}

static long call_exclusive(struct call *call)
{
	return call_epoll_of(call, EPOLLEXCLUSIVE);
}

static long call_nested(struct call *call)
{
	int inner = watch(call->fd, call->value), outer = watch(inner, EPOLLIN);
	struct epoll_event event = { };
	long ret = epoll_wait(outer, &event, 1, -1);

	call->value = ret == 1 ? events_now(inner) : 0;
	close(outer);
	close(inner);
	return ret;
}

/**
 * struct sleeper - a way to wait
 * @name: in messages
 * @make: the call
 * @flags: the flags that its cell has meanwhile
 */
static const struct sleeper {
	const char *name;
	long (*make)(struct call *call);
	uint32_t flags;
} sleepers[] = {
	{ "poll", call_poll, ONCE },
	{ "ppoll", call_ppoll, ONCE },
	/* select() asks for EPOLLNVAL too, like queues of kevents. */
	{ "select", call_select, EACH },
	{ "level", call_level, ONCE },
	{ "edge", call_edge, EACH },
	{ "oneshot", call_oneshot, ONCE },
	{ "oneshot edge", call_oneshot_edge, ONCE },
	{ "exclusive", call_exclusive, EACH },
	{ "nested", call_nested, ONCE },
};

FIXTURE(counter)
{
	struct evfd_counter c;
	struct call call;
};

FIXTURE_SETUP(counter)
{
	ASSERT_TRUE(counter_make(&self->c, 0, 0));
}

FIXTURE_TEARDOWN(counter)
{
	close(self->c.fd);
}

/* Waits until the thread sleeps, whatever call it is in. */
static bool sleeps(const struct call *call)
{
	return wait_for(call->done || (call->tid && asleep_in(call->tid) >= 0)) && !call->done;
}

TEST_F(counter, read_is_woken_by_a_write)
{
	self->call = (struct call){ .make = call_read, .fd = self->c.fd };
	ASSERT_TRUE(call_start_blocked(&self->call));
	EXPECT_EQ(ONCE, wakeup_in(&self->c));
	EXPECT_EQ(NONE, wakeup_out(&self->c));
	ASSERT_EQ(0, evfd_counter_write(&self->c, 9));
	EXPECT_EQ(NONE, wakeup_in(&self->c));
	ASSERT_TRUE(call_ends(&self->call));
	EXPECT_EQ(8, self->call.ret);
	EXPECT_EQ(9, self->call.value);
}

TEST_F(counter, write_is_woken_by_a_read)
{
	self->call = (struct call){ .make = call_write, .fd = self->c.fd, .value = 5 };
	ASSERT_EQ(0, evfd_counter_write(&self->c, EVFD_COUNT_MAX));
	ASSERT_TRUE(call_start_blocked(&self->call));
	EXPECT_EQ(NONE, wakeup_in(&self->c));
	EXPECT_EQ(ONCE, wakeup_out(&self->c));
	/* Too little room, so the writer sleeps again. */
	for (int i = 0; i < 4; i++) {
		ASSERT_TRUE(evfd_counter_read_one(&self->c));
		ASSERT_TRUE(wait_for(wakeup_out(&self->c) == ONCE));
		EXPECT_TRUE(call_blocks(&self->call));
	}
	ASSERT_TRUE(evfd_counter_read_one(&self->c));
	ASSERT_TRUE(call_ends(&self->call));
	EXPECT_EQ(8, self->call.ret);
	EXPECT_EQ(NONE, wakeup_out(&self->c));
	EXPECT_EQ(EVFD_COUNT_MAX, evfd_counter_read(&self->c));
}

TEST_F(counter, every_poller_is_woken_by_a_write)
{
	for (size_t i = 0; i < ARRAY_SIZE(sleepers); i++) {
		struct call call = {
			.make = sleepers[i].make, .fd = self->c.fd, .value = POLLIN,
		};

		ASSERT_TRUE(call_start(&call));
		ASSERT_TRUE(sleeps(&call));
		ASSERT_TRUE(wait_for(wakeup_in(&self->c) == sleepers[i].flags)) {
			TH_LOG("%s: flags %u", sleepers[i].name, wakeup_in(&self->c));
		}
		EXPECT_EQ(NONE, wakeup_out(&self->c));
		ASSERT_EQ(0, evfd_counter_write(&self->c, 3));
		ASSERT_TRUE(call_ends(&call)) {
			TH_LOG("%s is not woken", sleepers[i].name);
		}
		EXPECT_EQ(1, call.ret);
		EXPECT_EQ(POLLIN, call.value);
		ASSERT_EQ(3, evfd_counter_read(&self->c));
		/* Without a waiter, one more kick clears the flags. */
		ASSERT_EQ(0, evfd_counter_write(&self->c, 3));
		EXPECT_EQ(NONE, wakeup_in(&self->c));
		ASSERT_EQ(3, evfd_counter_read(&self->c));
	}
}

TEST_F(counter, every_poller_is_woken_by_a_read)
{
	ASSERT_EQ(0, evfd_counter_write(&self->c, EVFD_COUNT_MAX));
	for (size_t i = 0; i < ARRAY_SIZE(sleepers); i++) {
		struct call call = {
			.make = sleepers[i].make, .fd = self->c.fd, .value = POLLOUT,
		};

		ASSERT_TRUE(call_start(&call));
		ASSERT_TRUE(sleeps(&call));
		ASSERT_TRUE(wait_for(wakeup_out(&self->c) == sleepers[i].flags)) {
			TH_LOG("%s: flags %u", sleepers[i].name, wakeup_out(&self->c));
		}
		EXPECT_EQ(NONE, wakeup_in(&self->c));
		ASSERT_TRUE(evfd_counter_read_one(&self->c));
		ASSERT_TRUE(call_ends(&call)) {
			TH_LOG("%s is not woken", sleepers[i].name);
		}
		EXPECT_EQ(1, call.ret);
		EXPECT_EQ(POLLOUT, call.value);
		ASSERT_EQ(0, evfd_counter_write(&self->c, 1));
		ASSERT_TRUE(evfd_counter_read_one(&self->c));
		EXPECT_EQ(NONE, wakeup_out(&self->c));
		ASSERT_EQ(0, evfd_counter_write(&self->c, 1));
	}
}

TEST_F(counter, one_kick_wakes_all)
{
	struct call calls[2 * ARRAY_SIZE(sleepers)];

	for (size_t i = 0; i < ARRAY_SIZE(calls); i++) {
		calls[i] = (struct call){
			.make = sleepers[i / 2].make, .fd = self->c.fd, .value = POLLIN,
		};
		/* The others wait exclusively: one of them is woken. */
		if (calls[i].make == call_exclusive)
			calls[i].make = call_level;
		ASSERT_TRUE(call_start(&calls[i]));
		ASSERT_TRUE(sleeps(&calls[i]));
	}
	EXPECT_EQ(ONCE | EACH, wakeup_in(&self->c));
	EXPECT_EQ(1, kicks_of_write(&self->c));
	for (size_t i = 0; i < ARRAY_SIZE(calls); i++) {
		ASSERT_TRUE(call_ends(&calls[i]));
		EXPECT_EQ(POLLIN, calls[i].value);
	}
}

TEST_F(counter, level_costs_a_kick_a_cycle)
{
	int eps[3];

	for (int i = 0; i < 3; i++)
		eps[i] = watch(self->c.fd, EPOLLIN);
	for (int round = 0; round < 10; round++) {
		EXPECT_EQ(ONCE, wakeup_in(&self->c));
		EXPECT_EQ(1, kicks_of_write(&self->c));
		/* Busy: the waiters know already. */
		for (int i = 0; i < 5; i++) {
			EXPECT_EQ(0, kicks_of_write(&self->c));
			EXPECT_EQ(EPOLLIN, events_now(eps[i % 3]));
		}
		EXPECT_EQ(6, evfd_counter_read(&self->c));
		for (int i = 0; i < 3; i++)
			EXPECT_EQ(0, events_now(eps[i]));
	}
}

TEST_F(counter, level_for_room)
{
	int ep = watch(self->c.fd, EPOLLOUT);

	for (int round = 0; round < 10; round++) {
		EXPECT_EQ(EPOLLOUT, events_now(ep));
		EXPECT_EQ(NONE, wakeup_out(&self->c));
		ASSERT_EQ(0, evfd_counter_write(&self->c, EVFD_COUNT_MAX));
		EXPECT_EQ(0, events_now(ep));
		EXPECT_EQ(ONCE, wakeup_out(&self->c));
		ASSERT_EQ(EVFD_COUNT_MAX, evfd_counter_read(&self->c));
		EXPECT_EQ(NONE, wakeup_out(&self->c));
	}
}

TEST_F(counter, edge_costs_a_kick_each)
{
	int ep = watch(self->c.fd, EPOLLIN | EPOLLET);

	for (int round = 0; round < 10; round++) {
		EXPECT_EQ(EACH, wakeup_in(&self->c));
		EXPECT_EQ(1, kicks_of_write(&self->c));
		EXPECT_EQ(EPOLLIN, events_now(ep));
		EXPECT_EQ(0, events_now(ep));
	}
	EXPECT_EQ(10, evfd_counter_read(&self->c));
	ASSERT_EQ(0, epoll_ctl(ep, EPOLL_CTL_DEL, self->c.fd, NULL));
	/* The first kick finds no waiter. */
	EXPECT_EQ(1, kicks_of_write(&self->c));
	EXPECT_EQ(0, kicks_of_write(&self->c));
}

TEST_F(counter, edge_for_both)
{
	int ep = watch(self->c.fd, EPOLLIN | EPOLLOUT | EPOLLET);

	EXPECT_EQ(EPOLLOUT, events_now(ep));
	EXPECT_EQ(0, events_now(ep));
	ASSERT_EQ(0, evfd_counter_write(&self->c, 1));
	EXPECT_EQ(EPOLLIN | EPOLLOUT, events_now(ep));
	EXPECT_EQ(0, events_now(ep));
	ASSERT_EQ(1, evfd_counter_read(&self->c));
	EXPECT_EQ(EPOLLOUT, events_now(ep));
	EXPECT_EQ(EACH, wakeup_in(&self->c));
	EXPECT_EQ(EACH, wakeup_out(&self->c));
}

TEST_F(counter, oneshot_is_armed_again)
{
	int ep = watch(self->c.fd, EPOLLIN | EPOLLONESHOT);

	for (int round = 0; round < 5; round++) {
		EXPECT_EQ(ONCE, wakeup_in(&self->c));
		EXPECT_EQ(1, kicks_of_write(&self->c));
		EXPECT_EQ(EPOLLIN, events_now(ep));
		/* Its last poll has set the flag again, which costs one kick. */
		EXPECT_EQ(1, kicks_of_write(&self->c));
		EXPECT_EQ(0, kicks_of_write(&self->c));
		EXPECT_EQ(0, events_now(ep));
		EXPECT_EQ(3, evfd_counter_read(&self->c));
		ASSERT_EQ(0, modify(ep, self->c.fd, EPOLLIN | EPOLLONESHOT));
		EXPECT_EQ(0, events_now(ep));
	}
}

TEST_F(counter, level_becomes_edge)
{
	int ep = watch(self->c.fd, EPOLLIN);

	EXPECT_EQ(ONCE, wakeup_in(&self->c));
	ASSERT_EQ(0, modify(ep, self->c.fd, EPOLLIN | EPOLLET));
	for (int i = 0; i < 4; i++) {
		EXPECT_EQ(1, kicks_of_write(&self->c));
		EXPECT_EQ(EPOLLIN, events_now(ep));
		EXPECT_EQ(0, events_now(ep));
	}
	EXPECT_EQ(EACH, wakeup_in(&self->c));
}

TEST_F(counter, exclusive_instances)
{
	int eps[2] = {
		watch(self->c.fd, EPOLLIN | EPOLLEXCLUSIVE),
		watch(self->c.fd, EPOLLIN | EPOLLEXCLUSIVE),
	};
	struct call calls[2];

	for (int i = 0; i < 2; i++) {
		calls[i] = (struct call){ .make = call_epoll, .fd = eps[i] };
		ASSERT_TRUE(call_start_blocked(&calls[i]));
	}
	EXPECT_EQ(EACH, wakeup_in(&self->c));
	EXPECT_EQ(1, kicks_of_write(&self->c));
	ASSERT_TRUE(wait_for(calls_ended(calls, 2) >= 1));
	EXPECT_EQ(1, kicks_of_write(&self->c));
	for (int i = 0; i < 2; i++)
		ASSERT_TRUE(call_ends(&calls[i]));
}

FIXTURE(ring)
{
	struct evfd_counter c;
	struct uring ring;
	struct io_uring_cqe cqe;
};

FIXTURE_SETUP(ring)
{
	ASSERT_TRUE(counter_make(&self->c, 0, 0));
	ASSERT_TRUE(uring_open(&self->ring));
}

FIXTURE_TEARDOWN(ring)
{
	uring_close(&self->ring);
	close(self->c.fd);
}

TEST_F(ring, poll)
{
	for (int round = 0; round < 4; round++) {
		uring_poll(&self->ring, self->c.fd, POLLIN, false, 1);
		ASSERT_EQ(1, uring_submit(&self->ring));
		EXPECT_FALSE(uring_next(&self->ring, &self->cqe));
		EXPECT_EQ(ONCE, wakeup_in(&self->c));
		EXPECT_EQ(1, kicks_of_write(&self->c));
		ASSERT_TRUE(uring_wait(&self->ring, &self->cqe));
		EXPECT_EQ(POLLIN, self->cqe.res);
		EXPECT_EQ(1, evfd_counter_read(&self->c));
		EXPECT_EQ(NONE, wakeup_in(&self->c));
	}
}

TEST_F(ring, poll_for_room)
{
	ASSERT_EQ(0, evfd_counter_write(&self->c, EVFD_COUNT_MAX));
	uring_poll(&self->ring, self->c.fd, POLLOUT, false, 1);
	ASSERT_EQ(1, uring_submit(&self->ring));
	EXPECT_FALSE(uring_next(&self->ring, &self->cqe));
	EXPECT_EQ(ONCE, wakeup_out(&self->c));
	ASSERT_TRUE(evfd_counter_read_one(&self->c));
	ASSERT_TRUE(uring_wait(&self->ring, &self->cqe));
	EXPECT_EQ(POLLOUT, self->cqe.res);
}

TEST_F(ring, multishot)
{
	uring_poll(&self->ring, self->c.fd, POLLIN, true, 1);
	ASSERT_EQ(1, uring_submit(&self->ring));
	EXPECT_FALSE(uring_next(&self->ring, &self->cqe));
	for (int round = 0; round < 5; round++) {
		EXPECT_EQ(EACH, wakeup_in(&self->c));
		EXPECT_EQ(1, kicks_of_write(&self->c));
		ASSERT_TRUE(uring_wait(&self->ring, &self->cqe));
		EXPECT_EQ(POLLIN, self->cqe.res);
		EXPECT_TRUE(self->cqe.flags & IORING_CQE_F_MORE);
		/* It takes the event from the wake-up, whether there is still something or not. */
		if (round % 2)
			EXPECT_EQ(2, evfd_counter_read(&self->c));
	}
}

TEST_F(ring, multishot_level)
{
	uring_poll(&self->ring, self->c.fd, POLLIN, true, 1)->len |= IORING_POLL_ADD_LEVEL;
	ASSERT_EQ(1, uring_submit(&self->ring));
	if (uring_next(&self->ring, &self->cqe)) {
		/* The kernel defines the flag, but may not accept it. */
		EXPECT_EQ(-EINVAL, self->cqe.res);
		return;
	}
	EXPECT_EQ(EACH, wakeup_in(&self->c));
	for (int round = 0; round < 5; round++) {
		ASSERT_EQ(1, kicks_of_write(&self->c));
		ASSERT_TRUE(uring_wait(&self->ring, &self->cqe));
		EXPECT_EQ(POLLIN, self->cqe.res);
		EXPECT_EQ(1, evfd_counter_read(&self->c));
		while (uring_next(&self->ring, &self->cqe))
			;
	}
}

TEST_F(ring, read)
{
	uint64_t value = 0;

	for (int round = 0; round < 4; round++) {
		uring_queue(&self->ring, IORING_OP_READ, self->c.fd, &value, 8, 1);
		ASSERT_EQ(1, uring_submit(&self->ring));
		EXPECT_FALSE(uring_next(&self->ring, &self->cqe));
		EXPECT_TRUE(wait_for(wakeup_in(&self->c)));
		ASSERT_EQ(0, evfd_counter_write(&self->c, 7));
		ASSERT_TRUE(uring_wait(&self->ring, &self->cqe));
		EXPECT_EQ(8, self->cqe.res);
		EXPECT_EQ(7, value);
	}
}

TEST_F(ring, write)
{
	uint64_t value = 3;

	ASSERT_EQ(0, evfd_counter_write(&self->c, EVFD_COUNT_MAX));
	uring_queue(&self->ring, IORING_OP_WRITE, self->c.fd, &value, 8, 1);
	ASSERT_EQ(1, uring_submit(&self->ring));
	EXPECT_TRUE(wait_for(wakeup_out(&self->c)));
	EXPECT_FALSE(uring_next(&self->ring, &self->cqe));
	ASSERT_EQ(EVFD_COUNT_MAX, evfd_counter_read(&self->c));
	ASSERT_TRUE(uring_wait(&self->ring, &self->cqe));
	EXPECT_EQ(8, self->cqe.res);
	EXPECT_EQ(3, evfd_counter_read(&self->c));
}

TEST_F(counter, aio_poll)
{
	aio_context_t ctx = aio_open();
	struct io_event event = { };

	ASSERT_NE(0, ctx);
	for (int round = 0; round < 4; round++) {
		struct iocb iocb = aio_poll(self->c.fd, POLLIN, round);

		ASSERT_EQ(1, aio_submit(ctx, &iocb));
		EXPECT_FALSE(aio_next(ctx, &event));
		EXPECT_EQ(ONCE, wakeup_in(&self->c));
		EXPECT_EQ(1, kicks_of_write(&self->c));
		ASSERT_TRUE(wait_for(aio_next(ctx, &event)));
		EXPECT_EQ(POLLIN, event.res);
		EXPECT_EQ(1, evfd_counter_read(&self->c));
	}
	syscall(SYS_io_destroy, ctx);
}

TEST_F(counter, kevents)
{
	struct kevent_queue queues[2];

	for (int i = 0; i < 2; i++) {
		ASSERT_EQ(0, kevent_open(&queues[i], 4, 0));
		ASSERT_NE(0, queue_add_poll(&queues[i], self->c.fd, EPOLLIN, 0));
	}
	for (int round = 0; round < 5; round++) {
		EXPECT_EQ(EACH, wakeup_in(&self->c));
		EXPECT_EQ(1, kicks_of_write(&self->c));
		for (int i = 0; i < 2; i++)
			EXPECT_TRUE(queue_waits_for(&queues[i], self->c.fd, EPOLLIN));
		EXPECT_EQ(1, evfd_counter_read(&self->c));
	}
	for (int i = 0; i < 2; i++)
		kevent_close(&queues[i]);
}

TEST_F(counter, a_signal_ends_a_read)
{
	ASSERT_EQ(0, catch_signal(SIGUSR1, 0));
	self->call = (struct call){ .make = call_read, .fd = self->c.fd };
	ASSERT_TRUE(call_start_blocked(&self->call));
	ASSERT_EQ(0, signal_thread(self->call.tid, SIGUSR1));
	ASSERT_TRUE(call_ends(&self->call));
	EXPECT_EQ(EINTR, self->call.err);
	/* The flag is left, and costs one kick. */
	EXPECT_EQ(1, kicks_of_write(&self->c));
	EXPECT_EQ(0, kicks_of_write(&self->c));
}

TEST_F(counter, a_restarted_read_is_woken)
{
	ASSERT_EQ(0, catch_signal(SIGUSR1, SA_RESTART));
	self->call = (struct call){ .make = call_read, .fd = self->c.fd };
	ASSERT_TRUE(call_start_blocked(&self->call));
	for (int i = 0; i < 10; i++) {
		long before = sleeps_of(self->call.tid);

		ASSERT_EQ(0, signal_thread(self->call.tid, SIGUSR1));
		ASSERT_TRUE(wait_for(sleeps_of(self->call.tid) > before));
	}
	ASSERT_TRUE(call_blocks(&self->call));
	ASSERT_EQ(0, evfd_counter_write(&self->c, 2));
	ASSERT_TRUE(call_ends(&self->call));
	EXPECT_EQ(2, self->call.value);
}

FIXTURE(wake_one)
{
	struct evfd_counter c;
	struct call readers[6];
};

FIXTURE_VARIANT(wake_one)
{
	int flags;
};

FIXTURE_VARIANT_ADD(wake_one, plain)
{
	.flags = EVFD_EFD_WAKE_ONE,
};

FIXTURE_VARIANT_ADD(wake_one, semaphore)
{
	.flags = EVFD_EFD_WAKE_ONE | EVFD_EFD_SEMAPHORE,
};

FIXTURE_SETUP(wake_one)
{
	ASSERT_TRUE(counter_make(&self->c, 0, variant->flags));
	ASSERT_TRUE(start_readers(self->readers, ARRAY_SIZE(self->readers), self->c.fd));
}

FIXTURE_TEARDOWN(wake_one)
{
	close(self->c.fd);
}

TEST_F(wake_one, a_write_wakes_one_reader)
{
	int n = ARRAY_SIZE(self->readers);

	for (int round = 1; round <= n; round++) {
		EXPECT_EQ(EACH, wakeup_in(&self->c));
		EXPECT_EQ(1, kicks_of_write(&self->c));
		ASSERT_TRUE(wait_for(calls_ended(self->readers, n) == round));
		for (int i = 0; i < n; i++)
			EXPECT_TRUE(self->readers[i].done || call_blocks(&self->readers[i]));
		EXPECT_EQ(round, calls_ended(self->readers, n));
	}
	for (int i = 0; i < n; i++) {
		ASSERT_TRUE(call_ends(&self->readers[i]));
		EXPECT_EQ(1, self->readers[i].value);
	}
}

/* Both at once, before the first reader runs: a semaphore wakes two, and else one takes 2. */
TEST_F(wake_one, two_writes_wake_two)
{
	int n = ARRAY_SIZE(self->readers);
	uint64_t sum = 0;

	EXPECT_EQ(1, kicks_of_write(&self->c));
	EXPECT_EQ(1, kicks_of_write(&self->c));
	ASSERT_TRUE(wait_for(!evfd_counter_look(&self->c)));
	ASSERT_TRUE(wait_for(calls_ended(self->readers, n) >=
			     (variant->flags & EVFD_EFD_SEMAPHORE ? 2 : 1)));
	ASSERT_EQ(0, evfd_counter_look(&self->c));
	for (int round = 0; round < n && calls_ended(self->readers, n) < n; round++) {
		int ended = calls_ended(self->readers, n);

		ASSERT_EQ(0, evfd_counter_write(&self->c, 1));
		ASSERT_TRUE(wait_for(calls_ended(self->readers, n) > ended));
		sum++;
	}
	for (int i = 0; i < n; i++) {
		ASSERT_TRUE(call_ends(&self->readers[i]));
		sum -= self->readers[i].value;
	}
	EXPECT_EQ(UINT64_C(-2), sum);
}

TEST_HARNESS_MAIN
