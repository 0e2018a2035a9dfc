// SPDX-License-Identifier: GPL-2.0
/*
 * poll() and epoll, and signals that are not in the mask. Every signal of its process
 * wakes a poller, which then compares it with the mask.
 */
#include "epoll.h"
#include "signal.h"

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

TEST_F(poll, events)
{
	EXPECT_EQ(0, poll_now(self->fd));
	ASSERT_EQ(0, kill(getpid(), SIGUSR2));
	EXPECT_EQ(0, poll_now(self->fd));
	ASSERT_EQ(0, kill(getpid(), SIGUSR1));
	for (int i = 0; i < 3; i++)
		EXPECT_EQ(POLLIN, poll_now(self->fd));
	EXPECT_EQ(SIGUSR1, sfd_take(self->fd));
	EXPECT_EQ(0, poll_now(self->fd));
	EXPECT_EQ(sig_bit(SIGUSR2), sig_pending());
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
	/* A signal for another thread wakes it, but it can't read that. */
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

TEST_F(poll, edge)
{
	int ep = watch(self->fd, EPOLLIN | EPOLLET);

	ASSERT_GE(ep, 0);
	EXPECT_EQ(0, events_now(ep));
	ASSERT_EQ(0, kill(getpid(), SIGUSR1));
	EXPECT_EQ(EPOLLIN, events_now(ep));
	EXPECT_EQ(0, events_now(ep));
	/* A second signal while it is pending is dropped, so there is no edge. */
	ASSERT_EQ(0, kill(getpid(), SIGUSR1));
	EXPECT_EQ(0, events_now(ep));
	/* Any other signal makes an edge, in the mask or not. */
	ASSERT_EQ(0, kill(getpid(), SIGUSR2));
	EXPECT_EQ(EPOLLIN, events_now(ep));
	EXPECT_EQ(0, events_now(ep));
	/* So does another mask. */
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
