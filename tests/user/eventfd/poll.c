// SPDX-License-Identifier: GPL-2.0
/*
 * poll(2) and select(2): which events are told, and that waiters hear of them.
 */
#include "common.h"

#include <sys/select.h>

TEST(events_by_count)
{
	int fd = efd_new(0, EFD_NONBLOCK);

	ASSERT_GE(fd, 0);
	EXPECT_EQ(POLLOUT, poll_now(fd));
	ASSERT_EQ(8, efd_add(fd, 1));
	EXPECT_EQ(POLLIN | POLLOUT, poll_now(fd));
	ASSERT_EQ(8, efd_add(fd, EFD_COUNT_MAX - 2));
	/* 2^64-3: one more fits. */
	EXPECT_EQ(POLLIN | POLLOUT, poll_now(fd));
	ASSERT_EQ(8, efd_add(fd, 1));
	EXPECT_EQ(POLLIN, poll_now(fd));
	EXPECT_EQ((int64_t)EFD_COUNT_MAX, efd_take(fd));
	EXPECT_EQ(POLLOUT, poll_now(fd));
}

TEST(semaphore_events_by_count)
{
	int fd = efd_new(2, EFD_NONBLOCK | EFD_SEMAPHORE);

	ASSERT_GE(fd, 0);
	EXPECT_EQ(POLLIN | POLLOUT, poll_now(fd));
	EXPECT_EQ(1, efd_take(fd));
	EXPECT_EQ(POLLIN | POLLOUT, poll_now(fd));
	EXPECT_EQ(1, efd_take(fd));
	EXPECT_EQ(POLLOUT, poll_now(fd));
	ASSERT_EQ(8, efd_add(fd, EFD_COUNT_MAX));
	EXPECT_EQ(POLLIN, poll_now(fd));
	EXPECT_EQ(1, efd_take(fd));
	EXPECT_EQ(POLLIN | POLLOUT, poll_now(fd));
}

TEST(only_what_was_asked_for)
{
	struct pollfd pfd = { .fd = efd_new(1, 0) };

	ASSERT_GE(pfd.fd, 0);
	EXPECT_EQ(0, poll(&pfd, 1, 0));
	pfd.events = POLLOUT;
	EXPECT_EQ(1, poll(&pfd, 1, 0));
	EXPECT_EQ(POLLOUT, pfd.revents);
	pfd.events = POLLIN;
	EXPECT_EQ(1, poll(&pfd, 1, 0));
	EXPECT_EQ(POLLIN, pfd.revents);
	/* Not these: native does not set the RDNORM and WRNORM bits. */
	pfd.events = POLLPRI | POLLRDNORM | POLLRDBAND | POLLWRNORM |
		     POLLWRBAND | POLLRDHUP;
	EXPECT_EQ(0, poll(&pfd, 1, 0));
	EXPECT_EQ(0, pfd.revents);
}

TEST(timeout)
{
	struct pollfd pfd = { .fd = efd_new(0, 0), .events = POLLIN };
	int64_t start;

	ASSERT_GE(pfd.fd, 0);
	start = now_ms();
	EXPECT_EQ(0, poll(&pfd, 1, 30));
	EXPECT_LE(30, now_ms() - start);
}

TEST(poll_waits_for_a_write)
{
	struct call poller = { .make = call_poll, .value = POLLIN };

	poller.fd = efd_new(0, 0);
	ASSERT_GE(poller.fd, 0);
	ASSERT_TRUE(call_start_blocked(&poller));
	ASSERT_EQ(8, efd_add(poller.fd, 0));
	EXPECT_TRUE(call_blocks(&poller));
	ASSERT_EQ(8, efd_add(poller.fd, 1));
	ASSERT_TRUE(call_ends(&poller));
	EXPECT_EQ(1, poller.ret);
	EXPECT_EQ(POLLIN, poller.value);
}

TEST(poll_waits_for_a_read)
{
	struct call poller = { .make = call_poll, .value = POLLOUT };
	int fd = efd_new(0, EFD_SEMAPHORE);

	ASSERT_GE(fd, 0);
	poller.fd = fd;
	ASSERT_EQ(8, efd_add(fd, EFD_COUNT_MAX));
	ASSERT_TRUE(call_start_blocked(&poller));
	ASSERT_EQ(8, efd_add(fd, 0));
	EXPECT_TRUE(call_blocks(&poller));
	EXPECT_EQ(1, efd_take(fd));
	ASSERT_TRUE(call_ends(&poller));
	EXPECT_EQ(1, poller.ret);
	EXPECT_EQ(POLLOUT, poller.value);
}

TEST(a_poller_is_not_woken_by_what_it_does_not_wait_for)
{
	struct call reads = { .make = call_poll, .value = POLLIN };
	struct call writes = { .make = call_poll, .value = POLLOUT };
	int empty = efd_new(0, EFD_NONBLOCK);
	int full = efd_new(0, EFD_NONBLOCK);
	long sleeps;

	ASSERT_GE(empty, 0);
	ASSERT_GE(full, 0);
	ASSERT_EQ(8, efd_add(full, EFD_COUNT_MAX));
	reads.fd = empty;
	writes.fd = full;
	ASSERT_TRUE(call_start_blocked(&reads));
	ASSERT_TRUE(call_start_blocked(&writes));

	sleeps = sleeps_of(writes.tid);
	for (int i = 0; i < 10; i++)
		ASSERT_EQ(8, efd_add(full, 0));
	ASSERT_TRUE(call_blocks(&writes));
	EXPECT_EQ(sleeps, sleeps_of(writes.tid));

	sleeps = sleeps_of(reads.tid);
	for (int i = 0; i < 10; i++)
		EXPECT_EQ(-EAGAIN, efd_take(empty));
	ASSERT_TRUE(call_blocks(&reads));
	EXPECT_EQ(sleeps, sleeps_of(reads.tid));
}

TEST(select_sets)
{
	struct timeval none = { };
	fd_set in, out, pri;
	int fd = efd_new(0, EFD_NONBLOCK);

	ASSERT_GE(fd, 0);
	for (int round = 0; round < 3; round++) {
		FD_ZERO(&in);
		FD_ZERO(&out);
		FD_ZERO(&pri);
		FD_SET(fd, &in);
		FD_SET(fd, &out);
		FD_SET(fd, &pri);
		/* Empty, then 1, then full. */
		EXPECT_EQ(round == 1 ? 2 : 1,
			  select(fd + 1, &in, &out, &pri, &none));
		EXPECT_EQ(round != 0, !!FD_ISSET(fd, &in));
		EXPECT_EQ(round != 2, !!FD_ISSET(fd, &out));
		EXPECT_FALSE(FD_ISSET(fd, &pri));
		if (round < 2)
			ASSERT_EQ(8, efd_add(fd, round ? EFD_COUNT_MAX - 1 : 1));
	}
}

static long call_select(struct call *call)
{
	fd_set in;

	FD_ZERO(&in);
	FD_SET(call->fd, &in);
	return select(call->fd + 1, &in, NULL, NULL, NULL);
}

TEST(select_waits)
{
	struct call call = { .make = call_select, .fd = efd_new(0, 0) };

	ASSERT_GE(call.fd, 0);
	ASSERT_TRUE(call_start(&call));
	ASSERT_TRUE(wait_for(call.tid && asleep_in(call.tid) > 0));
	EXPECT_FALSE(call.done);
	ASSERT_EQ(8, efd_add(call.fd, 1));
	ASSERT_TRUE(call_ends(&call));
	EXPECT_EQ(1, call.ret);
}

TEST(all_pollers_of_all_kinds_are_woken)
{
	enum { EACH = 4, KINDS = 4, ALL = EACH * KINDS };
	static long (*const kinds[KINDS])(struct call *call) = {
		call_poll, call_epoll, call_epoll, call_select,
	};
	struct epoll_event event = { };
	struct call calls[ALL];
	int fd = efd_new(0, EFD_NONBLOCK);

	ASSERT_GE(fd, 0);
	for (int i = 0; i < ALL; i++) {
		calls[i] = (struct call){ .make = kinds[i % KINDS], .fd = fd };
		calls[i].value = POLLIN;
		if (calls[i].make == call_epoll) {
			event.events = EPOLLIN | (i % KINDS == 1 ? EPOLLET : 0);
			calls[i].fd = epoll_create1(0);
			ASSERT_EQ(0, epoll_ctl(calls[i].fd, EPOLL_CTL_ADD, fd,
					       &event));
		}
		ASSERT_TRUE(call_start(&calls[i]));
		ASSERT_TRUE(wait_for(calls[i].tid &&
				     asleep_in(calls[i].tid) > 0));
	}
	ASSERT_EQ(8, efd_add(fd, 1));
	for (int i = 0; i < ALL; i++) {
		ASSERT_TRUE(call_ends(&calls[i]));
		EXPECT_EQ(1, calls[i].ret);
	}
	EXPECT_EQ(1, efd_take(fd));
}

TEST(many_descriptors)
{
	enum { N = 64 };
	struct pollfd pfds[N];

	for (int i = 0; i < N; i++) {
		pfds[i] = (struct pollfd){ .events = POLLIN };
		pfds[i].fd = efd_new(0, EFD_NONBLOCK);
		ASSERT_GE(pfds[i].fd, 0);
	}
	EXPECT_EQ(0, poll(pfds, N, 0));
	for (int i = 0; i < N; i += 3)
		ASSERT_EQ(8, efd_add(pfds[i].fd, i + 1));
	EXPECT_EQ((N + 2) / 3, poll(pfds, N, -1));
	for (int i = 0; i < N; i++) {
		EXPECT_EQ(i % 3 ? 0 : POLLIN, pfds[i].revents);
		EXPECT_EQ(i % 3 ? -EAGAIN : i + 1, efd_take(pfds[i].fd));
	}
}

TEST(the_same_descriptor_twice)
{
	int fd = efd_new(1, 0);
	struct pollfd pfds[2] = {
		{ .fd = fd, .events = POLLIN },
		{ .fd = fd, .events = POLLOUT },
	};

	ASSERT_GE(fd, 0);
	EXPECT_EQ(2, poll(pfds, 2, -1));
	EXPECT_EQ(POLLIN, pfds[0].revents);
	EXPECT_EQ(POLLOUT, pfds[1].revents);
}

TEST_HARNESS_MAIN
