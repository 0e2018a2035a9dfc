// SPDX-License-Identifier: GPL-2.0
/*
 * poll(2) and select(2): the events that they report, and the posts that end them.
 */
#include "any.h"

#include <sys/select.h>

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

static int poll_for(int fd, short events)
{
	struct pollfd pfd = { .fd = fd, .events = events };
	int n = poll(&pfd, 1, 0);

	return n < 0 ? -errno : n == !!pfd.revents ? pfd.revents : -EIO;
}

TEST_F(kind, events_by_state)
{
	const short idle = self->kind->idle;

	for (int round = 1; round <= 3; round++) {
		EXPECT_EQ(idle, poll_now(self->fd));
		ASSERT_TRUE(self->kind->stir(self->fd));
		EXPECT_EQ(idle, poll_now(self->fd));
		ASSERT_TRUE(any_fill(self->kind, self->fd, round));
		for (int i = 0; i < 3; i++)
			EXPECT_EQ(POLLIN | idle, poll_now(self->fd));
		EXPECT_TRUE(any_gives(self->kind, self->fd, round));
	}
	EXPECT_TRUE(any_is_empty(self->kind, self->fd));
}

TEST_F(kind, only_what_was_asked_for)
{
	const short idle = self->kind->idle;
	/* These neither, because native does not set the RDNORM and WRNORM bits. */
	static const short none[] = {
		0, POLLPRI, POLLRDNORM, POLLRDBAND, POLLWRNORM, POLLWRBAND, POLLMSG,
		POLLRDHUP, POLLHUP | POLLERR,
		POLLPRI | POLLRDNORM | POLLRDBAND | POLLWRNORM | POLLWRBAND | POLLRDHUP,
	};

	EXPECT_EQ(idle, poll_for(self->fd, -1));
	ASSERT_TRUE(any_fill(self->kind, self->fd, 1));
	for (size_t i = 0; i < ARRAY_SIZE(none); i++) {
		EXPECT_EQ(0, poll_for(self->fd, none[i]))
			TH_LOG("events %#x", none[i]);
	}
	EXPECT_EQ(POLLIN, poll_for(self->fd, POLLIN));
	EXPECT_EQ(idle, poll_for(self->fd, POLLOUT));
	EXPECT_EQ(POLLIN | idle, poll_for(self->fd, -1));
	EXPECT_TRUE(any_gives(self->kind, self->fd, 1));
}

TEST_F(kind, timeout)
{
	struct pollfd pfd = { .fd = self->fd, .events = POLLIN };
	int64_t start = now_ms();

	ASSERT_TRUE(self->kind->stir(self->fd));
	EXPECT_EQ(0, poll(&pfd, 1, 30));
	EXPECT_LE(30, now_ms() - start);
}

TEST_F(kind, poll_waits_for_a_post)
{
	struct call poller = { .make = call_poll, .fd = self->fd };

	poller.value = POLLIN | (self->kind->idle ? 0 : POLLOUT);
	ASSERT_TRUE(call_start_blocked(&poller));
	ASSERT_TRUE(self->kind->stir(self->fd));
	EXPECT_TRUE(call_blocks(&poller));
	ASSERT_TRUE(any_post(self->kind, self->fd, 7));
	ASSERT_TRUE(call_ends(&poller));
	EXPECT_EQ(1, poller.ret);
	EXPECT_EQ(POLLIN, poller.value);
	EXPECT_TRUE(any_gives(self->kind, self->fd, 7));
}

TEST_F(kind, a_poller_is_not_woken_by_reads)
{
	struct call poller = { .make = call_poll, .fd = self->fd, .value = POLLIN };
	union thing seen;
	long sleeps;

	ASSERT_TRUE(call_start_blocked(&poller));
	sleeps = sleeps_of(poller.tid);
	for (int i = 0; i < 10; i++)
		EXPECT_EQ(-EAGAIN, any_read(self->kind, self->fd, &seen));
	ASSERT_TRUE(call_blocks(&poller));
	EXPECT_EQ(sleeps, sleeps_of(poller.tid));
}

/* A descriptor that can't be written never reports POLLOUT. */
TEST_F(kind, waiting_for_room)
{
	struct call poller = { .make = call_poll, .fd = self->fd, .value = POLLOUT };

	ASSERT_EQ(0, catch_signal(SIGUSR1, 0));
	if (self->kind->idle) {
		ASSERT_TRUE(call_start(&poller));
		ASSERT_TRUE(call_ends(&poller));
		EXPECT_EQ(1, poller.ret);
		EXPECT_EQ(POLLOUT, poller.value);
		return;
	}
	ASSERT_TRUE(call_start_blocked(&poller));
	ASSERT_TRUE(any_fill(self->kind, self->fd, 1));
	EXPECT_TRUE(any_gives(self->kind, self->fd, 1));
	EXPECT_TRUE(call_blocks(&poller));
	ASSERT_EQ(0, signal_thread(poller.tid, SIGUSR1));
	ASSERT_TRUE(call_ends(&poller));
	EXPECT_EQ(-1, poller.ret);
	EXPECT_EQ(EINTR, poller.err);
}

TEST_F(kind, select_sets)
{
	struct timeval none = { };
	fd_set in, out, except;

	for (int ready = 0; ready < 2; ready++) {
		FD_ZERO(&in);
		FD_SET(self->fd, &in);
		out = in;
		except = in;
		EXPECT_EQ(ready + !!self->kind->idle,
			  select(self->fd + 1, &in, &out, &except, &none));
		EXPECT_EQ(ready, !!FD_ISSET(self->fd, &in));
		EXPECT_EQ(!!self->kind->idle, !!FD_ISSET(self->fd, &out));
		EXPECT_FALSE(FD_ISSET(self->fd, &except));
		ASSERT_TRUE(any_fill(self->kind, self->fd, 1));
	}
}

static long call_select(struct call *call)
{
	fd_set in;

	FD_ZERO(&in);
	FD_SET(call->fd, &in);
	return select(call->fd + 1, &in, NULL, NULL, NULL);
}

static bool is_asleep(const struct call *call)
{
	return call->tid && asleep_in(call->tid) > 0;
}

TEST_F(kind, select_waits)
{
	struct call call = { .make = call_select, .fd = self->fd };

	ASSERT_TRUE(call_start(&call));
	ASSERT_TRUE(wait_for(is_asleep(&call)));
	EXPECT_FALSE(call.done);
	ASSERT_TRUE(any_post(self->kind, self->fd, 1));
	ASSERT_TRUE(call_ends(&call));
	EXPECT_EQ(1, call.ret);
}

TEST_F(kind, all_pollers_of_all_kinds_are_woken)
{
	enum { EACH = 4, WAYS = 4, ALL = EACH * WAYS };
	static long (*const ways[WAYS])(struct call *call) = {
		call_poll, call_epoll, call_epoll, call_select,
	};
	struct epoll_event event = { };
	struct call calls[ALL];

	for (int i = 0; i < ALL; i++) {
		calls[i] = (struct call){ .make = ways[i % WAYS], .fd = self->fd };
		calls[i].value = POLLIN;
		if (calls[i].make == call_epoll) {
			event.events = EPOLLIN | (i % WAYS == 1 ? EPOLLET : 0);
			calls[i].fd = epoll_create1(0);
			ASSERT_EQ(0, epoll_ctl(calls[i].fd, EPOLL_CTL_ADD, self->fd, &event));
		}
		ASSERT_TRUE(call_start(&calls[i]));
		ASSERT_TRUE(wait_for(is_asleep(&calls[i])));
	}
	ASSERT_TRUE(any_post(self->kind, self->fd, 1));
	for (int i = 0; i < ALL; i++) {
		ASSERT_TRUE(call_ends(&calls[i]));
		EXPECT_EQ(1, calls[i].ret);
		EXPECT_EQ(POLLIN, calls[i].value);
	}
	EXPECT_TRUE(any_gives(self->kind, self->fd, 1));
}

/* A post makes its descriptor ready, or all descriptors of the process. */
TEST_F(kind, many_descriptors)
{
	enum { N = 64 };
	const bool of_process = self->kind->of_process;
	struct pollfd pfds[N];
	int posts = 0;

	for (int i = 0; i < N; i++) {
		pfds[i] = (struct pollfd){ .events = POLLIN };
		pfds[i].fd = self->kind->make(O_NONBLOCK);
		ASSERT_GE(pfds[i].fd, 0);
	}
	EXPECT_EQ(0, poll(pfds, N, 0));
	for (int i = 0; i < N; i++) {
		bool post = of_process ? i == 0 : i % 3 == 0;

		ASSERT_TRUE(post ? any_post(self->kind, pfds[i].fd, i + 1) :
			    self->kind->stir(pfds[i].fd));
		posts += post;
	}
	EXPECT_TRUE(wait_for(poll(pfds, N, -1) == (of_process ? N : posts)));
	for (int i = 0; i < N; i++) {
		bool posted = of_process ? i == 0 : i % 3 == 0;

		EXPECT_EQ(posted || of_process ? POLLIN : 0, pfds[i].revents);
		EXPECT_TRUE(posted ? any_gives(self->kind, pfds[i].fd, i + 1) :
			    any_is_empty(self->kind, pfds[i].fd));
	}
}

TEST_F(kind, the_same_descriptor_twice)
{
	const short idle = self->kind->idle;
	struct pollfd pfds[2] = {
		{ .fd = self->fd, .events = POLLIN },
		{ .fd = self->fd, .events = idle ? idle : POLLIN },
	};

	ASSERT_TRUE(any_fill(self->kind, self->fd, 1));
	EXPECT_EQ(2, poll(pfds, 2, -1));
	EXPECT_EQ(POLLIN, pfds[0].revents);
	EXPECT_EQ(idle ? idle : POLLIN, pfds[1].revents);
}

TEST_HARNESS_MAIN
