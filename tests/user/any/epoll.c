// SPDX-License-Identifier: GPL-2.0
/*
 * epoll in each of its modes. It reports an edge once, and no event that was not
 * asked for.
 */
#include "any.h"
#include "epoll.h"

FIXTURE(kind)
{
	const struct kind *kind;
	int fd;
};

FIXTURE_SETUP(kind)
{
	self->kind = kind_of(_metadata);
	self->fd = self->kind->make(O_NONBLOCK);
	ASSERT_GE(self->fd, 0);
}

FIXTURE_TEARDOWN(kind)
{
	close(self->fd);
}

KIND_VARIANTS(kind, kind_is_any, "");

/* EPOLLIN, and all that the descriptor never reports. */
static uint32_t input(const struct kind *kind)
{
	return EPOLLIN | EPOLLPRI | EPOLLRDNORM | (kind->idle ? 0 : EPOLLOUT);
}

TEST_F(kind, level)
{
	const short idle = self->kind->idle;
	int ep = watch(self->fd, EPOLLIN | EPOLLOUT | EPOLLPRI | EPOLLRDNORM);

	ASSERT_GE(ep, 0);
	for (int round = 1; round <= 2; round++) {
		for (int i = 0; i < 3; i++)
			EXPECT_EQ(idle, events_now(ep));
		ASSERT_TRUE(self->kind->stir(self->fd));
		EXPECT_EQ(idle, events_now(ep));
		ASSERT_TRUE(any_fill(self->kind, self->fd, round));
		for (int i = 0; i < 3; i++)
			EXPECT_EQ(EPOLLIN | idle, events_now(ep));
		EXPECT_TRUE(any_gives(self->kind, self->fd, round));
		EXPECT_EQ(idle, events_now(ep));
	}
}

TEST_F(kind, edge)
{
	int ep = watch(self->fd, EPOLLET | input(self->kind));
	union thing seen;

	ASSERT_GE(ep, 0);
	EXPECT_EQ(0, events_now(ep));
	/* Each post is an edge, whether the one before was read or not. */
	for (int i = 0; i < 4; i++) {
		ASSERT_TRUE(any_fill_again(self->kind, self->fd, 1 + i % 2));
		EXPECT_EQ(EPOLLIN, events_now(ep));
		EXPECT_EQ(0, events_now(ep));
		if (i % 2 && self->kind->unread != KEEP)
			EXPECT_TRUE(any_gives_all(self->kind, self->fd, 1, 2));
	}
	while (any_read(self->kind, self->fd, &seen) > 0)
		;
	/* Two posts before anybody looks are one. */
	ASSERT_TRUE(any_fill(self->kind, self->fd, 1));
	ASSERT_TRUE(any_fill(self->kind, self->fd, 2));
	EXPECT_EQ(EPOLLIN, events_now(ep));
	EXPECT_EQ(0, events_now(ep));
	EXPECT_TRUE(any_gives_all(self->kind, self->fd, 1, 2));
	EXPECT_EQ(0, events_now(ep));
}

TEST_F(kind, edge_there_from_the_start)
{
	const short idle = self->kind->idle;
	int ep;

	ASSERT_TRUE(any_fill(self->kind, self->fd, 1));
	ep = watch(self->fd, EPOLLET | EPOLLIN);
	ASSERT_GE(ep, 0);
	EXPECT_EQ(EPOLLIN, events_now(ep));
	EXPECT_EQ(0, events_now(ep));
	/* Again after each modification. */
	ASSERT_EQ(0, modify(ep, self->fd, EPOLLET | EPOLLIN));
	EXPECT_EQ(EPOLLIN, events_now(ep));
	EXPECT_EQ(0, events_now(ep));
	ASSERT_EQ(0, modify(ep, self->fd, EPOLLET | EPOLLOUT));
	EXPECT_EQ(idle, events_now(ep));
	EXPECT_EQ(0, events_now(ep));
}

TEST_F(kind, edge_gone_before_anybody_looked)
{
	int ep = watch(self->fd, EPOLLET | EPOLLIN);

	ASSERT_GE(ep, 0);
	ASSERT_TRUE(any_fill(self->kind, self->fd, 1));
	EXPECT_TRUE(any_gives(self->kind, self->fd, 1));
	EXPECT_EQ(0, events_now(ep));
}

TEST_F(kind, edge_is_not_told_of_reads)
{
	int ep = watch(self->fd, EPOLLET | EPOLLIN);
	int reads = self->kind->unread == QUEUE ? 5 : 1;
	union thing seen;

	ASSERT_GE(ep, 0);
	for (int i = 1; i <= 5; i++)
		ASSERT_TRUE(any_fill(self->kind, self->fd, i));
	EXPECT_EQ(EPOLLIN, events_now(ep));
	/* There may be more after the read, but a read makes no input. */
	for (int i = 1; i <= reads; i++) {
		EXPECT_EQ((ssize_t)self->kind->size,
			  any_read(self->kind, self->fd, &seen));
		EXPECT_EQ(0, events_now(ep));
	}
	EXPECT_EQ(-EAGAIN, any_read(self->kind, self->fd, &seen));
	EXPECT_EQ(0, events_now(ep));
}

TEST_F(kind, edge_is_not_told_of_failed_calls)
{
	int ep = watch(self->fd, EPOLLET | input(self->kind));
	union thing thing = { .number = UINT64_MAX };

	ASSERT_GE(ep, 0);
	ASSERT_TRUE(any_fill(self->kind, self->fd, 1));
	EXPECT_EQ(EPOLLIN, events_now(ep));
	EXPECT_EQ(-1, write(self->fd, &thing, self->kind->size));
	EXPECT_EQ(-1, write(self->fd, nowhere(), self->kind->size));
	EXPECT_EQ(-1, read(self->fd, &thing, self->kind->size - 1));
	EXPECT_EQ(-1, read(self->fd, nowhere(), self->kind->size - 1));
	EXPECT_EQ(0, events_now(ep));
	EXPECT_TRUE(any_gives(self->kind, self->fd, 1));
	EXPECT_EQ(-EAGAIN, any_read(self->kind, self->fd, &thing));
	EXPECT_EQ(0, events_now(ep));
}

TEST_F(kind, one_shot)
{
	int ep = watch(self->fd, EPOLLIN | EPOLLONESHOT);

	ASSERT_GE(ep, 0);
	for (int round = 0; round < 2; round++) {
		ASSERT_TRUE(any_fill(self->kind, self->fd, 1));
		EXPECT_EQ(EPOLLIN, events_now(ep));
		ASSERT_TRUE(any_fill(self->kind, self->fd, 2));
		EXPECT_EQ(0, events_now(ep));
		ASSERT_EQ(0, modify(ep, self->fd, EPOLLIN | EPOLLONESHOT));
		EXPECT_EQ(EPOLLIN, events_now(ep));
		EXPECT_EQ(0, events_now(ep));
		EXPECT_TRUE(any_gives_all(self->kind, self->fd, 1, 2));
		ASSERT_TRUE(any_fill(self->kind, self->fd, 1));
		EXPECT_EQ(0, events_now(ep));
		EXPECT_TRUE(any_gives(self->kind, self->fd, 1));
		ASSERT_EQ(0, modify(ep, self->fd, EPOLLIN | EPOLLONESHOT));
		EXPECT_EQ(0, events_now(ep));
	}
}

TEST_F(kind, wait_blocks)
{
	for (int edge = 0; edge < 2; edge++) {
		struct call waiter = { .make = call_epoll };

		waiter.fd = watch(self->fd, EPOLLIN | (edge ? EPOLLET : 0));
		ASSERT_GE(waiter.fd, 0);
		ASSERT_TRUE(call_start_blocked(&waiter));
		ASSERT_TRUE(self->kind->stir(self->fd));
		EXPECT_TRUE(call_blocks(&waiter));
		ASSERT_TRUE(any_post(self->kind, self->fd, 1));
		ASSERT_TRUE(call_ends(&waiter));
		EXPECT_EQ(1, waiter.ret);
		EXPECT_EQ(EPOLLIN, waiter.value);
		EXPECT_TRUE(any_gives(self->kind, self->fd, 1));
		close(waiter.fd);
	}
}

TEST_F(kind, all_instances_are_told)
{
	enum { N = 16 };
	int eps[N];

	for (int i = 0; i < N; i++) {
		eps[i] = watch(self->fd, EPOLLIN | (i % 2 ? EPOLLET : 0));
		ASSERT_GE(eps[i], 0);
	}
	for (int round = 1; round <= 3; round++) {
		ASSERT_TRUE(any_fill(self->kind, self->fd, round));
		for (int i = 0; i < N; i++)
			EXPECT_EQ(EPOLLIN, events_now(eps[i]));
		EXPECT_TRUE(any_gives(self->kind, self->fd, round));
		for (int i = 0; i < N; i++)
			EXPECT_EQ(0, events_now(eps[i]));
	}
}

TEST_F(kind, exclusive_wakes_one_waiter_and_all_the_others)
{
	enum { EXCLUSIVE = 4, SHARED = 2, ALL = EXCLUSIVE + SHARED };
	struct call waiters[ALL];

	for (int i = 0; i < ALL; i++) {
		uint32_t how = i < EXCLUSIVE ? EPOLLEXCLUSIVE : 0;

		waiters[i] = (struct call){ .make = call_epoll };
		waiters[i].fd = watch(self->fd, EPOLLET | EPOLLIN | how);
		ASSERT_GE(waiters[i].fd, 0);
		ASSERT_TRUE(call_start_blocked(&waiters[i]));
	}
	/* Each post wakes one more of those that are exclusive. */
	for (int round = 1; round <= EXCLUSIVE; round++) {
		ASSERT_TRUE(any_fill_again(self->kind, self->fd, 1));
		ASSERT_TRUE(wait_for(calls_ended(waiters, ALL) == SHARED + round));
		for (int i = 0; i < ALL; i++)
			EXPECT_TRUE(waiters[i].done || call_blocks(&waiters[i]));
		EXPECT_EQ(round, calls_ended(waiters, EXCLUSIVE));
	}
	for (int i = 0; i < ALL; i++) {
		ASSERT_TRUE(call_ends(&waiters[i]));
		EXPECT_EQ(1, waiters[i].ret);
		EXPECT_EQ(EPOLLIN, waiters[i].value);
	}
}

TEST_F(kind, exclusive_instances_without_a_waiter_are_all_told)
{
	int eps[4], nested;

	for (int i = 0; i < 4; i++) {
		eps[i] = watch(self->fd, EPOLLIN | (i % 2 ? EPOLLET : EPOLLEXCLUSIVE));
		ASSERT_GE(eps[i], 0);
	}
	nested = watch(eps[1], EPOLLIN);
	ASSERT_GE(nested, 0);
	EXPECT_EQ(0, events_now(nested));
	ASSERT_TRUE(any_fill(self->kind, self->fd, 1));
	EXPECT_EQ(EPOLLIN, events_now(nested));
	for (int i = 0; i < 4; i++)
		EXPECT_EQ(EPOLLIN, events_now(eps[i]));
}

TEST_F(kind, exclusive_can_not_be_modified)
{
	int ep = watch(self->fd, EPOLLIN | EPOLLEXCLUSIVE);

	ASSERT_GE(ep, 0);
	ASSERT_TRUE(any_fill(self->kind, self->fd, 1));
	EXPECT_EQ(EPOLLIN, events_now(ep));
	EXPECT_EQ(-1, modify(ep, self->fd, EPOLLIN));
	EXPECT_EQ(EINVAL, errno);
}

TEST_F(kind, nested)
{
	struct call waiter = { .make = call_epoll };
	int inner = watch(self->fd, EPOLLIN);

	ASSERT_GE(inner, 0);
	waiter.fd = watch(inner, EPOLLIN);
	ASSERT_GE(waiter.fd, 0);
	EXPECT_EQ(0, events_now(waiter.fd));
	ASSERT_TRUE(call_start_blocked(&waiter));
	ASSERT_TRUE(any_post(self->kind, self->fd, 1));
	ASSERT_TRUE(call_ends(&waiter));
	EXPECT_EQ(EPOLLIN, events_now(waiter.fd));
	EXPECT_EQ(EPOLLIN, events_now(inner));
	EXPECT_TRUE(any_gives(self->kind, self->fd, 1));
	EXPECT_EQ(0, events_now(waiter.fd));
}

TEST_F(kind, duplicates_are_watched_apart)
{
	int other = dup(self->fd);
	struct epoll_event events[4];
	int ep = watch(self->fd, EPOLLET | EPOLLIN);

	ASSERT_GE(ep, 0);
	EXPECT_EQ(-1, watch_too(ep, self->fd, EPOLLET | EPOLLIN));
	EXPECT_EQ(EEXIST, errno);
	ASSERT_EQ(0, watch_too(ep, other, EPOLLET | EPOLLIN));
	ASSERT_TRUE(any_fill(self->kind, other, 1));
	EXPECT_EQ(2, epoll_wait(ep, events, 4, 0));
	EXPECT_EQ(self->fd + other, events[0].data.fd + events[1].data.fd);
	EXPECT_EQ(0, epoll_wait(ep, events, 4, 0));
}

TEST_F(kind, closing_ends_watching)
{
	int other = dup(self->fd);
	int ep = watch(self->fd, EPOLLIN);

	ASSERT_GE(ep, 0);
	ASSERT_TRUE(any_fill(self->kind, self->fd, 1));
	/* The file is open still, so it is watched still. */
	ASSERT_EQ(0, close(self->fd));
	EXPECT_EQ(EPOLLIN, events_now(ep));
	/* The last close takes it away; no EPOLLHUP is ever seen. */
	ASSERT_EQ(0, close(other));
	EXPECT_EQ(0, events_now(ep));
}

FIXTURE(own)
{
	const struct kind *kind;
	int fd;
};

FIXTURE_SETUP(own)
{
	self->kind = kind_of(_metadata);
	self->fd = self->kind->make(O_NONBLOCK);
	ASSERT_GE(self->fd, 0);
}

FIXTURE_TEARDOWN(own)
{
	close(self->fd);
}

KIND_VARIANTS(own, kind_is_main_and_own, "");

TEST_F(own, many_ready_descriptors)
{
	enum { N = 64 };
	struct epoll_event events[N];
	int ep = epoll_create1(0);
	int fds[N];

	ASSERT_GE(ep, 0);
	for (int i = 0; i < N; i++) {
		struct epoll_event event = { .events = EPOLLET | EPOLLIN };

		fds[i] = self->kind->make(O_NONBLOCK);
		event.data.u32 = i;
		ASSERT_EQ(0, epoll_ctl(ep, EPOLL_CTL_ADD, fds[i], &event));
	}
	for (int i = N - 1; i >= 0; i--)
		ASSERT_TRUE(any_fill(self->kind, fds[i], i + 1));
	ASSERT_EQ(N, epoll_wait(ep, events, N, -1));
	/* They come in the order in which they became ready. */
	for (int i = 0; i < N; i++) {
		EXPECT_EQ(N - 1 - i, (int)events[i].data.u32);
		EXPECT_EQ(EPOLLIN, events[i].events);
	}
	EXPECT_EQ(0, epoll_wait(ep, events, N, 0));
}

TEST_HARNESS_MAIN
