// SPDX-License-Identifier: GPL-2.0
/*
 * poll(), select() and epoll of the queue itself: it is readable while the ring has entries
 * behind the published head, or slots are raised.
 */
#include "epoll.h"
#include "queue.h"

#include <sys/select.h>

FIXTURE(queue)
{
	struct kevent_queue q;
};

FIXTURE_SETUP(queue)
{
	ASSERT_EQ(0, kevent_open(&self->q, 8, 0));
}

FIXTURE_TEARDOWN(queue)
{
	kevent_close(&self->q);
}

static bool select_readable(int fd)
{
	struct timeval now = { };
	fd_set fds;

	FD_ZERO(&fds);
	FD_SET(fd, &fds);
	return select(fd + 1, &fds, NULL, NULL, &now) == 1 && FD_ISSET(fd, &fds);
}

/* Takes all events and publishes the head. Returns their number. */
static int drain(struct kevent_queue *q)
{
	struct kevent_event event;
	uint32_t list = 0;
	int n = 0;

	while (kevent_next(q, &event) || kevent_take_raised(q, &list, &event))
		n++;
	kevent_publish(q);
	return n;
}

TEST_F(queue, is_not_readable_without_events)
{
	ASSERT_NE(0, queue_add_user(&self->q, 1, 1, 0));
	EXPECT_EQ(0, poll_now(self->q.fd));
	EXPECT_FALSE(select_readable(self->q.fd));
	EXPECT_EQ(0, events_now(watch(self->q.fd, EPOLLIN)));
}

TEST_F(queue, is_readable_until_the_head_is_published)
{
	uint64_t handle = queue_add_user(&self->q, 1, 1, 0);

	ASSERT_EQ(0, queue_ready(&self->q, handle, 1));
	EXPECT_EQ(POLLIN, poll_now(self->q.fd));
	EXPECT_TRUE(select_readable(self->q.fd));
	ASSERT_TRUE(queue_gives(&self->q, 1, 1));
	EXPECT_EQ(POLLIN, poll_now(self->q.fd));
	kevent_publish(&self->q);
	EXPECT_EQ(0, poll_now(self->q.fd));
	EXPECT_FALSE(select_readable(self->q.fd));
}

TEST_F(queue, a_retracted_event_is_an_entry)
{
	uint64_t handle = queue_add_user(&self->q, 1, 1, 0);

	ASSERT_EQ(0, queue_ready(&self->q, handle, 1));
	ASSERT_EQ(1, queue_remove(&self->q, handle));
	EXPECT_EQ(POLLIN, poll_now(self->q.fd));
	EXPECT_EQ(0, drain(&self->q));
	EXPECT_EQ(0, poll_now(self->q.fd));
}

TEST_F(queue, is_readable_while_slots_are_raised)
{
	uint64_t handle = queue_add_user(&self->q, 1, 1, 0);

	ASSERT_EQ(0, kevent_raise(&self->q, handle, 1));
	EXPECT_EQ(POLLIN, poll_now(self->q.fd));
	EXPECT_TRUE(select_readable(self->q.fd));
	EXPECT_EQ(1, drain(&self->q));
	EXPECT_EQ(0, poll_now(self->q.fd));
}

TEST_F(queue, level_triggered)
{
	uint64_t a = queue_add_user(&self->q, 1, 1, 0), b = queue_add_user(&self->q, 2, 1, 0);
	int ep;

	/* One event comes before the queue is watched, the other after that. */
	ASSERT_EQ(0, queue_ready(&self->q, a, 1));
	ep = watch(self->q.fd, EPOLLIN);
	ASSERT_GE(ep, 0);
	EXPECT_EQ(EPOLLIN, events_now(ep));
	EXPECT_EQ(EPOLLIN, events_now(ep));
	EXPECT_EQ(1, drain(&self->q));
	EXPECT_EQ(0, events_now(ep));
	ASSERT_EQ(0, queue_ready(&self->q, b, 1));
	EXPECT_EQ(EPOLLIN, events_now(ep));
	EXPECT_EQ(EPOLLIN, events_now(ep));
	EXPECT_EQ(1, drain(&self->q));
	EXPECT_EQ(0, events_now(ep));
}

TEST_F(queue, edge_triggered)
{
	uint64_t handles[4];
	int ep;

	for (int i = 0; i < 4; i++)
		handles[i] = queue_add_user(&self->q, i, 1, 0);
	ASSERT_EQ(0, queue_ready(&self->q, handles[0], 1));
	ep = watch(self->q.fd, EPOLLIN | EPOLLET);
	ASSERT_GE(ep, 0);
	EXPECT_EQ(EPOLLIN, events_now(ep));
	EXPECT_EQ(0, events_now(ep));
	/* Each new entry gives an edge, while the earlier entries are still there. */
	for (int i = 1; i < 4; i++) {
		ASSERT_EQ(0, queue_ready(&self->q, handles[i], 1));
		EXPECT_EQ(EPOLLIN, events_now(ep));
		EXPECT_EQ(0, events_now(ep));
	}
	EXPECT_EQ(4, drain(&self->q));
	EXPECT_EQ(0, events_now(ep));
}

TEST_F(queue, edge_triggered_by_raised_slots)
{
	uint64_t handle = queue_add_user(&self->q, 1, 1, 0);
	int ep = watch(self->q.fd, EPOLLIN | EPOLLET);

	ASSERT_GE(ep, 0);
	for (int i = 0; i < 3; i++) {
		EXPECT_EQ(0, events_now(ep));
		ASSERT_EQ(0, kevent_raise(&self->q, handle, 1));
		EXPECT_EQ(EPOLLIN, events_now(ep));
		EXPECT_EQ(0, events_now(ep));
		EXPECT_EQ(1, drain(&self->q));
	}
}

TEST_F(queue, epoll_oneshot)
{
	uint64_t a = queue_add_user(&self->q, 1, 1, 0), b = queue_add_user(&self->q, 2, 1, 0);
	int ep = watch(self->q.fd, EPOLLIN | EPOLLONESHOT);

	ASSERT_GE(ep, 0);
	ASSERT_EQ(0, queue_ready(&self->q, a, 1));
	EXPECT_EQ(EPOLLIN, events_now(ep));
	ASSERT_EQ(0, queue_ready(&self->q, b, 1));
	EXPECT_EQ(0, events_now(ep));
	ASSERT_EQ(0, modify(ep, self->q.fd, EPOLLIN | EPOLLONESHOT));
	EXPECT_EQ(EPOLLIN, events_now(ep));
}

TEST_F(queue, in_an_epoll_in_an_epoll)
{
	uint64_t handle = queue_add_user(&self->q, 1, 1, 0);
	int outer = watch(watch(self->q.fd, EPOLLIN), EPOLLIN);

	ASSERT_GE(outer, 0);
	EXPECT_EQ(0, events_now(outer));
	ASSERT_EQ(0, queue_ready(&self->q, handle, 1));
	EXPECT_EQ(EPOLLIN, events_now(outer));
	EXPECT_EQ(1, drain(&self->q));
	EXPECT_EQ(0, events_now(outer));
}

/* select() for reading, without a time limit. */
static long call_select(struct call *call)
{
	fd_set fds;

	FD_ZERO(&fds);
	FD_SET(call->fd, &fds);
	call->value = POLLIN;
	return select(call->fd + 1, &fds, NULL, NULL, NULL);
}

/* Waits until the thread is off its CPU in a call. */
static bool sleeps(struct call *call)
{
	return wait_for(call->tid && asleep_in(call->tid) >= 0);
}

/* Ways in which threads sleep for the queue. */
#define WAYS	4

static bool start_pollers(struct call *calls, int fd)
{
	for (int i = 0; i < WAYS; i++) {
		calls[i] = (struct call){ .make = call_poll, .fd = fd, .value = POLLIN };
		if (i == 1)
			calls[i].make = call_select;
		if (i >= 2) {
			calls[i].make = call_epoll;
			calls[i].fd = watch(fd, EPOLLIN | (i == 3 ? EPOLLET : 0));
		}
		if (calls[i].fd < 0 || !call_start(&calls[i]) || !sleeps(&calls[i]))
			return false;
	}
	return true;
}

TEST_F(queue, ready_wakes_all_pollers)
{
	uint64_t handle = queue_add_user(&self->q, 1, 1, 0);
	struct call calls[WAYS];

	for (int round = 0; round < 3; round++) {
		ASSERT_TRUE(start_pollers(calls, self->q.fd));
		ASSERT_EQ(0, queue_ready(&self->q, handle, 1));
		for (int i = 0; i < WAYS; i++) {
			ASSERT_TRUE(call_ends(&calls[i]));
			EXPECT_EQ(1, calls[i].ret);
			EXPECT_EQ(POLLIN, calls[i].value);
		}
		EXPECT_EQ(1, drain(&self->q));
	}
}

TEST_F(queue, raise_wakes_all_pollers)
{
	uint64_t handle = queue_add_user(&self->q, 1, 1, 0);
	struct call calls[WAYS];

	for (int round = 0; round < 3; round++) {
		ASSERT_TRUE(start_pollers(calls, self->q.fd));
		EXPECT_NE(0, self->q.header->polled);
		ASSERT_EQ(0, kevent_raise(&self->q, handle, 1));
		for (int i = 0; i < WAYS; i++) {
			ASSERT_TRUE(call_ends(&calls[i]));
			EXPECT_EQ(1, calls[i].ret);
			EXPECT_EQ(POLLIN, calls[i].value);
		}
		EXPECT_EQ(1, drain(&self->q));
	}
}

TEST_F(queue, an_event_wakes_a_waiter_and_all_pollers)
{
	uint64_t handle = queue_add_user(&self->q, 1, 1, 0);
	struct call calls[WAYS];
	struct waiter waiter;

	ASSERT_TRUE(waiter_sleeps(&waiter, &self->q));
	ASSERT_TRUE(start_pollers(calls, self->q.fd));
	ASSERT_EQ(0, queue_ready(&self->q, handle, 1));
	EXPECT_EQ(0, waiter_returns(&waiter));
	for (int i = 0; i < WAYS; i++)
		EXPECT_TRUE(call_ends(&calls[i]));
}

/* Sends events and waits for each of them in epoll, from a thread. */
struct echo {
	struct kevent_queue q;
	uint64_t handle;
	int rounds, raised;

	_Atomic int seen;
};

static void *send_events(void *arg)
{
	struct echo *echo = arg;

	for (int i = 0; i < echo->rounds; i++) {
		if (echo->raised)
			kevent_raise(&echo->q, echo->handle, 1);
		else
			queue_ready(&echo->q, echo->handle, 1);
		if (!wait_for(echo->seen > i))
			break;
	}
	return NULL;
}

FIXTURE(loop)
{
	struct echo echo;
};

FIXTURE_VARIANT(loop)
{
	uint32_t events;
	int raised;
};

FIXTURE_VARIANT_ADD(loop, level)
{
	.events = EPOLLIN,
};

FIXTURE_VARIANT_ADD(loop, edge)
{
	.events = EPOLLIN | EPOLLET,
};

FIXTURE_VARIANT_ADD(loop, level_raised)
{
	.events = EPOLLIN,
	.raised = 1,
};

FIXTURE_VARIANT_ADD(loop, edge_raised)
{
	.events = EPOLLIN | EPOLLET,
	.raised = 1,
};

FIXTURE_SETUP(loop)
{
	self->echo.rounds = 300;
	self->echo.raised = variant->raised;
	ASSERT_EQ(0, kevent_open(&self->echo.q, 1, 0));
	self->echo.handle = queue_add_user(&self->echo.q, 1, 1, 0);
	ASSERT_NE(0, self->echo.handle);
}

FIXTURE_TEARDOWN(loop)
{
	kevent_close(&self->echo.q);
}

TEST_F(loop, wakes_for_each_event)
{
	struct kevent_queue q = self->echo.q;
	int ep = watch(q.fd, variant->events);
	pthread_t thread;

	ASSERT_GE(ep, 0);
	ASSERT_EQ(0, pthread_create(&thread, NULL, send_events, &self->echo));
	for (int i = 0; i < self->echo.rounds; i++) {
		int n = 0;

		/* A level-triggered loop may see the end of the event before. */
		while (!n) {
			ASSERT_EQ(EPOLLIN, events_within(ep, DEADLINE_MS));
			n = drain(&q);
		}
		ASSERT_EQ(1, n);
		self->echo.seen++;
	}
	ASSERT_EQ(0, pthread_join(thread, NULL));
}

/* The pollers of an open file are older than its queue. */
TEST(a_poller_that_came_before_setup)
{
	int fd = open(KEVENT_DEVICE, O_RDWR | O_CLOEXEC), ep = epoll_create1(EPOLL_CLOEXEC);
	struct epoll_event event = { .events = EPOLLIN | EPOLLET };
	struct kevent_setup setup = { .slots = 1 };
	struct kevent_queue q;
	uint64_t handle;

	ASSERT_GE(fd, 0);
	ASSERT_EQ(0, epoll_ctl(ep, EPOLL_CTL_ADD, fd, &event));
	EXPECT_EQ(0, epoll_wait(ep, &event, 1, 0));
	ASSERT_EQ(0, ioctl(fd, KEVENT_IOC_SETUP, &setup));
	ASSERT_EQ(0, kevent_map(&q, fd));
	handle = queue_add_user(&q, 1, 1, 0);
	ASSERT_EQ(0, queue_ready(&q, handle, 1));
	EXPECT_EQ(1, epoll_wait(ep, &event, 1, DEADLINE_MS));
	close(ep);
	kevent_close(&q);
}

TEST_HARNESS_MAIN
