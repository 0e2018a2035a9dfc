// SPDX-License-Identifier: GPL-2.0
/*
 * poll() and select(), and epoll in each of its modes. A poller is woken for
 * every signal of its process, and then looks at the mask.
 */
#include "epoll.h"
#include "signal.h"

#include <sys/select.h>

#define USR	(sig_bit(SIGUSR1) | sig_bit(SIGUSR2))

FIXTURE(poll)
{
	int fd;
};

/* SIGUSR1 is in the mask, SIGUSR2 is not, both are blocked. */
FIXTURE_SETUP(poll)
{
	ASSERT_EQ(0, sig_block(USR));
	self->fd = sfd_new(sig_bit(SIGUSR1), SFD_NONBLOCK);
	ASSERT_GE(self->fd, 0);
}

FIXTURE_TEARDOWN(poll)
{
	close(self->fd);
}

static int poll_for(int fd, short events)
{
	struct pollfd pfd = { .fd = fd, .events = events };

	return poll(&pfd, 1, 0) < 0 ? -errno : pfd.revents;
}

TEST_F(poll, events)
{
	static const short none[] = {
		0, POLLOUT, POLLPRI, POLLRDNORM, POLLRDBAND, POLLWRNORM,
		POLLMSG, POLLRDHUP, POLLHUP | POLLERR,
	};

	EXPECT_EQ(0, poll_for(self->fd, -1));
	ASSERT_EQ(0, kill(getpid(), SIGUSR2));
	EXPECT_EQ(0, poll_for(self->fd, -1));
	ASSERT_EQ(0, kill(getpid(), SIGUSR1));
	for (int i = 0; i < 3; i++)
		EXPECT_EQ(POLLIN, poll_for(self->fd, -1));
	for (size_t i = 0; i < ARRAY_SIZE(none); i++)
		EXPECT_EQ(0, poll_for(self->fd, none[i]));
	EXPECT_EQ(SIGUSR1, sfd_take(self->fd));
	EXPECT_EQ(0, poll_for(self->fd, -1));
}

TEST_F(poll, select)
{
	struct timeval none = { };
	fd_set in, out, except;

	for (int ready = 0; ready < 2; ready++) {
		FD_ZERO(&in);
		FD_SET(self->fd, &in);
		out = in;
		except = in;
		EXPECT_EQ(ready, select(self->fd + 1, &in, &out, &except, &none));
		EXPECT_EQ(ready, FD_ISSET(self->fd, &in));
		EXPECT_FALSE(FD_ISSET(self->fd, &out));
		EXPECT_FALSE(FD_ISSET(self->fd, &except));
		ASSERT_EQ(0, kill(getpid(), SIGUSR1));
	}
}

TEST_F(poll, waits)
{
	struct call call = { .make = call_poll, .fd = self->fd };
	long sleeps;

	call.value = POLLIN | POLLOUT;
	ASSERT_TRUE(call_start_blocked(&call));
	sleeps = sleeps_of(call.tid);
	ASSERT_EQ(0, kill(getpid(), SIGUSR2));
	ASSERT_TRUE(wait_for(sleeps_of(call.tid) > sleeps));
	EXPECT_TRUE(call_blocks(&call));
	ASSERT_EQ(0, kill(getpid(), SIGUSR1));
	ASSERT_TRUE(call_ends(&call));
	EXPECT_EQ(1, call.ret);
	EXPECT_EQ(POLLIN, call.value);
	EXPECT_EQ(SIGUSR1, sfd_take(self->fd));
}

TEST_F(poll, waits_for_the_thread_s)
{
	struct call call = { .make = call_poll, .fd = self->fd };

	call.value = POLLIN;
	ASSERT_TRUE(call_start_blocked(&call));
	/* One for another thread wakes it, but is not for it. */
	ASSERT_EQ(0, signal_thread(gettid(), SIGUSR1));
	EXPECT_TRUE(call_blocks(&call));
	ASSERT_EQ(0, signal_thread(call.tid, SIGUSR1));
	ASSERT_TRUE(call_ends(&call));
	EXPECT_EQ(POLLIN, call.value);
	EXPECT_EQ(SIGUSR1, sfd_take(self->fd));
	EXPECT_EQ(-EAGAIN, sfd_take(self->fd));
}

TEST_F(poll, another_mask_wakes)
{
	struct call call = { .make = call_poll, .fd = self->fd };

	call.value = POLLIN;
	ASSERT_EQ(0, kill(getpid(), SIGUSR2));
	ASSERT_TRUE(call_start_blocked(&call));
	ASSERT_EQ(self->fd, sfd_set_mask(self->fd, USR));
	ASSERT_TRUE(call_ends(&call));
	EXPECT_EQ(POLLIN, call.value);
	ASSERT_EQ(self->fd, sfd_set_mask(self->fd, sig_bit(SIGUSR1)));
	EXPECT_EQ(0, poll_now(self->fd));
}

TEST_F(poll, level)
{
	int ep = watch(self->fd, EPOLLIN | EPOLLOUT | EPOLLPRI);

	ASSERT_GE(ep, 0);
	EXPECT_EQ(0, events_now(ep));
	for (int i = 0; i < 2; i++) {
		ASSERT_EQ(0, kill(getpid(), SIGUSR2));
		EXPECT_EQ(0, events_now(ep));
		ASSERT_EQ(0, kill(getpid(), SIGUSR1));
		for (int j = 0; j < 3; j++)
			EXPECT_EQ(EPOLLIN, events_now(ep));
		EXPECT_EQ(SIGUSR1, sfd_take(self->fd));
		EXPECT_EQ(0, events_now(ep));
	}
}

TEST_F(poll, edge)
{
	int ep = watch(self->fd, EPOLLIN | EPOLLET);

	ASSERT_GE(ep, 0);
	EXPECT_EQ(0, events_now(ep));
	ASSERT_EQ(0, kill(getpid(), SIGUSR1));
	EXPECT_EQ(EPOLLIN, events_now(ep));
	EXPECT_EQ(0, events_now(ep));
	/* The same again, while pending, is no signal, so no edge. */
	ASSERT_EQ(0, kill(getpid(), SIGUSR1));
	EXPECT_EQ(0, events_now(ep));
	/* Any other that comes is one, in the mask or not. */
	ASSERT_EQ(0, kill(getpid(), SIGUSR2));
	EXPECT_EQ(EPOLLIN, events_now(ep));
	EXPECT_EQ(0, events_now(ep));
	/* So is another mask. */
	ASSERT_EQ(self->fd, sfd_set_mask(self->fd, USR));
	EXPECT_EQ(EPOLLIN, events_now(ep));
	EXPECT_EQ(0, events_now(ep));
	EXPECT_EQ(SIGUSR1, sfd_take(self->fd));
	EXPECT_EQ(0, events_now(ep));
	EXPECT_EQ(SIGUSR2, sfd_take(self->fd));
	ASSERT_EQ(0, kill(getpid(), SIGUSR1));
	EXPECT_EQ(SIGUSR1, sfd_take(self->fd));
	EXPECT_EQ(0, events_now(ep));
}

TEST_F(poll, edge_there_from_the_start)
{
	int ep;

	ASSERT_EQ(0, kill(getpid(), SIGUSR1));
	ep = watch(self->fd, EPOLLIN | EPOLLET);
	ASSERT_GE(ep, 0);
	EXPECT_EQ(EPOLLIN, events_now(ep));
	EXPECT_EQ(0, events_now(ep));
}

TEST_F(poll, one_shot)
{
	struct epoll_event event = { .events = EPOLLIN | EPOLLONESHOT };
	int ep = watch(self->fd, EPOLLIN | EPOLLONESHOT);

	ASSERT_GE(ep, 0);
	for (int i = 0; i < 2; i++) {
		ASSERT_EQ(0, kill(getpid(), SIGUSR1));
		EXPECT_EQ(EPOLLIN, events_now(ep));
		EXPECT_EQ(SIGUSR1, sfd_take(self->fd));
		ASSERT_EQ(0, kill(getpid(), SIGUSR1));
		EXPECT_EQ(0, events_now(ep));
		ASSERT_EQ(0, epoll_ctl(ep, EPOLL_CTL_MOD, self->fd, &event));
		EXPECT_EQ(EPOLLIN, events_now(ep));
		EXPECT_EQ(SIGUSR1, sfd_take(self->fd));
		ASSERT_EQ(0, epoll_ctl(ep, EPOLL_CTL_MOD, self->fd, &event));
	}
}

TEST_F(poll, all_instances_are_told)
{
	int eps[4], nested;

	for (int i = 0; i < 4; i++) {
		eps[i] = watch(self->fd, EPOLLIN |
			       (i % 2 ? EPOLLET : EPOLLEXCLUSIVE));
		ASSERT_GE(eps[i], 0);
	}
	nested = watch(eps[1], EPOLLIN);
	ASSERT_GE(nested, 0);
	EXPECT_EQ(0, events_now(nested));
	ASSERT_EQ(0, kill(getpid(), SIGUSR1));
	EXPECT_EQ(EPOLLIN, events_now(nested));
	/* Of those that are exclusive too, as nobody waits in one. */
	for (int i = 0; i < 4; i++)
		EXPECT_EQ(EPOLLIN, events_now(eps[i]));
}

TEST_F(poll, epoll_waits)
{
	struct call call = { .make = call_epoll };

	call.fd = watch(self->fd, EPOLLIN);
	ASSERT_GE(call.fd, 0);
	ASSERT_TRUE(call_start_blocked(&call));
	ASSERT_EQ(0, kill(getpid(), SIGUSR2));
	EXPECT_TRUE(call_blocks(&call));
	ASSERT_EQ(self->fd, sfd_set_mask(self->fd, USR));
	ASSERT_TRUE(call_ends(&call));
	EXPECT_EQ(1, call.ret);
	EXPECT_EQ(EPOLLIN, call.value);
	EXPECT_EQ(SIGUSR2, sfd_take(self->fd));
}

/* The ways of waiting, of which there are as many of each. */
static long (*const ways[])(struct call *call) = {
	call_poll, call_epoll, call_epoll,
};

#define WAYS	ARRAY_SIZE(ways)
#define ALL	(4 * WAYS)

TEST_F(poll, all_pollers_are_woken)
{
	static struct call calls[ALL];

	for (size_t i = 0; i < ALL; i++) {
		calls[i] = (struct call){
			.make = ways[i % WAYS], .fd = self->fd, .value = POLLIN,
		};
		if (calls[i].make == call_epoll)
			calls[i].fd = watch(self->fd, EPOLLIN |
					    (i % WAYS == 1 ? EPOLLET : 0));
		ASSERT_GE(calls[i].fd, 0);
		ASSERT_TRUE(call_start_blocked(&calls[i]));
	}
	ASSERT_EQ(0, kill(getpid(), SIGUSR1));
	for (size_t i = 0; i < ALL; i++) {
		ASSERT_TRUE(call_ends(&calls[i]));
		EXPECT_EQ(1, calls[i].ret);
		EXPECT_EQ(POLLIN, calls[i].value);
	}
	EXPECT_EQ(SIGUSR1, sfd_take(self->fd));
}

TEST(many_descriptors)
{
	enum { N = 30 };
	struct pollfd pfds[N];

	ASSERT_EQ(0, sig_block(UINT64_MAX));
	for (int i = 0; i < N; i++) {
		pfds[i].fd = sfd_new(sig_bit(SIG_FIRST_RT + i), SFD_NONBLOCK);
		pfds[i].events = POLLIN;
		ASSERT_GE(pfds[i].fd, 0);
	}
	EXPECT_EQ(0, poll(pfds, N, 0));
	for (int i = 0; i < N; i += 3)
		ASSERT_EQ(0, kill(getpid(), SIG_FIRST_RT + i));
	EXPECT_EQ((N + 2) / 3, poll(pfds, N, -1));
	for (int i = 0; i < N; i++) {
		EXPECT_EQ(i % 3 ? 0 : POLLIN, pfds[i].revents);
		EXPECT_EQ(i % 3 ? -EAGAIN : SIG_FIRST_RT + i,
			  sfd_take(pfds[i].fd));
	}
}

TEST_HARNESS_MAIN
