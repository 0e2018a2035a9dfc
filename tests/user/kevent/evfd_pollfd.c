// SPDX-License-Identifier: GPL-2.0
/*
 * KEVENT_POLL: descriptors of all sorts in a queue, level- and edge-triggered, with ONESHOT
 * and DISPATCH; errors that are always reported; the file that stays open until REMOVE.
 */
#define ALL_KINDS
#include "any.h"
#include "ends.h"
#include "pidfd.h"
#include "queue.h"

#include <sys/timerfd.h>

/* Sorts of descriptors */

static bool make_native_eventfd(int fds[2])
{
	fds[0] = native_make_eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
	fds[1] = fds[0];
	return fds[0] >= 0;
}

static bool make_evfd_eventfd(int fds[2])
{
	fds[0] = evfd_new(0, EFD_NONBLOCK | EFD_CLOEXEC);
	fds[1] = fds[0];
	return fds[0] >= 0;
}

FIXTURE(watch)
{
	struct kevent_queue q;
	int in, out;
};

FIXTURE_VARIANT(watch)
{
	bool (*make)(int fds[2]);
};

FIXTURE_VARIANT_ADD(watch, pipe)
{
	.make = make_pipe,
};

FIXTURE_VARIANT_ADD(watch, stream)
{
	.make = make_stream,
};

FIXTURE_VARIANT_ADD(watch, datagrams)
{
	.make = make_datagrams,
};

FIXTURE_VARIANT_ADD(watch, tcp)
{
	.make = make_tcp,
};

FIXTURE_VARIANT_ADD(watch, native_eventfd)
{
	.make = make_native_eventfd,
};

FIXTURE_VARIANT_ADD(watch, evfd_eventfd)
{
	.make = make_evfd_eventfd,
};

FIXTURE_SETUP(watch)
{
	int fds[2];

	ASSERT_EQ(0, kevent_open(&self->q, 1, 0));
	ASSERT_TRUE(variant->make(fds));
	self->in = fds[0];
	self->out = fds[1];
}

FIXTURE_TEARDOWN(watch)
{
	kevent_close(&self->q);
}

/* Writes something, which all sorts accept. */
static bool fill(int fd)
{
	return efd_add(fd, 1) == 8;
}

/* Reads everything. */
static bool drain(int fd)
{
	char buf[64];

	while (read(fd, buf, sizeof(buf)) > 0)
		;
	return errno == EAGAIN;
}

TEST_F(watch, an_event_after_add)
{
	ASSERT_NE(0, queue_add_poll(&self->q, self->in, POLLIN, 0));
	EXPECT_TRUE(queue_stays_empty(&self->q));
	ASSERT_TRUE(fill(self->out));
	EXPECT_TRUE(queue_waits_for(&self->q, self->in, POLLIN));
}

TEST_F(watch, an_event_before_add)
{
	ASSERT_TRUE(fill(self->out));
	ASSERT_NE(0, queue_add_poll(&self->q, self->in, POLLIN, KEVENT_ET));
	EXPECT_TRUE(queue_gives(&self->q, self->in, POLLIN));
}

TEST_F(watch, an_event_wakes_a_waiter)
{
	struct waiter waiter;

	ASSERT_NE(0, queue_add_poll(&self->q, self->in, POLLIN, 0));
	ASSERT_TRUE(waiter_sleeps(&waiter, &self->q));
	ASSERT_TRUE(fill(self->out));
	EXPECT_EQ(0, waiter_returns(&waiter));
	EXPECT_TRUE(queue_gives(&self->q, self->in, POLLIN));
}

TEST_F(watch, an_event_makes_the_queue_readable)
{
	struct call call = { .make = call_poll, .fd = self->q.fd, .value = POLLIN };

	ASSERT_NE(0, queue_add_poll(&self->q, self->in, POLLIN, 0));
	ASSERT_TRUE(call_start_blocked(&call));
	ASSERT_TRUE(fill(self->out));
	ASSERT_TRUE(call_ends(&call));
	EXPECT_EQ(POLLIN, call.value);
	EXPECT_TRUE(queue_gives(&self->q, self->in, POLLIN));
}

TEST_F(watch, level_at_each_wait)
{
	ASSERT_NE(0, queue_add_poll(&self->q, self->in, POLLIN, 0));
	ASSERT_TRUE(fill(self->out));
	for (int i = 0; i < 3; i++) {
		EXPECT_TRUE(queue_waits_for(&self->q, self->in, POLLIN));
		EXPECT_TRUE(queue_is_empty(&self->q));
	}
	ASSERT_TRUE(drain(self->in));
	EXPECT_TRUE(queue_stays_empty(&self->q));
	ASSERT_TRUE(fill(self->out));
	EXPECT_TRUE(queue_waits_for(&self->q, self->in, POLLIN));
}

TEST_F(watch, level_at_each_poll)
{
	ASSERT_NE(0, queue_add_poll(&self->q, self->in, POLLIN, 0));
	ASSERT_TRUE(fill(self->out));
	for (int i = 0; i < 3; i++) {
		EXPECT_EQ(POLLIN, poll_now(self->q.fd));
		EXPECT_TRUE(queue_gives(&self->q, self->in, POLLIN));
		kevent_publish(&self->q);
	}
	ASSERT_TRUE(drain(self->in));
	EXPECT_EQ(0, poll_now(self->q.fd));
}

TEST_F(watch, edge)
{
	ASSERT_NE(0, queue_add_poll(&self->q, self->in, POLLIN, KEVENT_ET));
	for (int i = 0; i < 3; i++) {
		ASSERT_TRUE(fill(self->out));
		EXPECT_TRUE(queue_waits_for(&self->q, self->in, POLLIN));
		EXPECT_TRUE(queue_stays_empty(&self->q));
	}
}

TEST_F(watch, oneshot)
{
	uint64_t handle = queue_add_poll(&self->q, self->in, POLLIN, KEVENT_ONESHOT);

	ASSERT_TRUE(fill(self->out));
	EXPECT_TRUE(queue_waits_for(&self->q, self->in, POLLIN));
	ASSERT_TRUE(fill(self->out));
	EXPECT_TRUE(queue_stays_empty(&self->q));
	EXPECT_EQ(-ENOENT, queue_recheck(&self->q, handle));
	/* The key is free. */
	ASSERT_NE(0, queue_add_poll(&self->q, self->in, POLLIN, 0));
	EXPECT_TRUE(queue_gives(&self->q, self->in, POLLIN));
}

TEST_F(watch, oneshot_that_is_ready)
{
	ASSERT_TRUE(fill(self->out));
	ASSERT_NE(0, queue_add_poll(&self->q, self->in, POLLIN, KEVENT_ONESHOT));
	EXPECT_TRUE(queue_gives(&self->q, self->in, POLLIN));
	EXPECT_TRUE(queue_stays_empty(&self->q));
}

TEST_F(watch, dispatch_until_recheck)
{
	uint64_t handle = queue_add_poll(&self->q, self->in, POLLIN, KEVENT_DISPATCH);

	ASSERT_TRUE(fill(self->out));
	for (int i = 0; i < 3; i++) {
		EXPECT_TRUE(queue_waits_for(&self->q, self->in, POLLIN));
		ASSERT_TRUE(fill(self->out));
		EXPECT_TRUE(queue_stays_empty(&self->q));
		/* It is still ready. */
		ASSERT_EQ(0, queue_recheck(&self->q, handle));
	}
	EXPECT_TRUE(queue_gives(&self->q, self->in, POLLIN));
	ASSERT_TRUE(drain(self->in));
	ASSERT_EQ(0, queue_recheck(&self->q, handle));
	EXPECT_TRUE(queue_stays_empty(&self->q));
	ASSERT_TRUE(fill(self->out));
	EXPECT_TRUE(queue_waits_for(&self->q, self->in, POLLIN));
}

TEST_F(watch, dispatch_until_mod)
{
	uint64_t handle = queue_add_poll(&self->q, self->in, POLLIN, KEVENT_DISPATCH);

	ASSERT_TRUE(fill(self->out));
	EXPECT_TRUE(queue_waits_for(&self->q, self->in, POLLIN));
	EXPECT_TRUE(queue_stays_empty(&self->q));
	ASSERT_EQ(0, queue_mod(&self->q, handle, POLLIN, KEVENT_DISPATCH));
	EXPECT_TRUE(queue_gives(&self->q, self->in, POLLIN));
}

TEST_F(watch, mod_looks_again)
{
	uint64_t handle = queue_add_poll(&self->q, self->in, 0, KEVENT_ET);

	ASSERT_TRUE(fill(self->out));
	EXPECT_TRUE(queue_stays_empty(&self->q));
	ASSERT_EQ(0, queue_mod(&self->q, handle, POLLIN, KEVENT_ET));
	EXPECT_TRUE(queue_gives(&self->q, self->in, POLLIN));
	ASSERT_EQ(0, queue_mod(&self->q, handle, 0, KEVENT_ET));
	ASSERT_TRUE(fill(self->out));
	EXPECT_TRUE(queue_stays_empty(&self->q));
}

TEST_F(watch, a_store_and_recheck_widen_want)
{
	uint64_t handle = queue_add_poll(&self->q, self->in, 0, KEVENT_ET);

	ASSERT_TRUE(fill(self->out));
	__atomic_store_n(&self->q.slot[kevent_slot_of(handle)].want, POLLIN, __ATOMIC_SEQ_CST);
	EXPECT_TRUE(queue_stays_empty(&self->q));
	ASSERT_EQ(0, queue_recheck(&self->q, handle));
	EXPECT_TRUE(queue_gives(&self->q, self->in, POLLIN));
}

TEST_F(watch, mod_changes_the_trigger)
{
	uint64_t handle = queue_add_poll(&self->q, self->in, POLLIN, KEVENT_ET);

	ASSERT_TRUE(fill(self->out));
	EXPECT_TRUE(queue_waits_for(&self->q, self->in, POLLIN));
	EXPECT_TRUE(queue_stays_empty(&self->q));
	ASSERT_EQ(0, queue_mod(&self->q, handle, POLLIN, 0));
	EXPECT_TRUE(queue_gives(&self->q, self->in, POLLIN));
	EXPECT_TRUE(queue_waits_for(&self->q, self->in, POLLIN));
	ASSERT_EQ(0, queue_mod(&self->q, handle, POLLIN, KEVENT_ET));
	EXPECT_TRUE(queue_gives(&self->q, self->in, POLLIN));
	EXPECT_TRUE(queue_stays_empty(&self->q));
}

TEST_F(watch, remove_retracts_an_event)
{
	uint64_t handle = queue_add_poll(&self->q, self->in, POLLIN, 0);

	ASSERT_TRUE(fill(self->out));
	EXPECT_EQ(POLLIN, queue_remove(&self->q, handle));
	EXPECT_TRUE(queue_stays_empty(&self->q));
	ASSERT_TRUE(fill(self->out));
	EXPECT_TRUE(queue_stays_empty(&self->q));
}

TEST_F(watch, one_descriptor_in_two_kevents)
{
	int users = 0;

	ASSERT_NE(0, queue_add(&self->q, KEVENT_POLL, self->in, 1, POLLIN, KEVENT_ET));
	ASSERT_NE(0, queue_add(&self->q, KEVENT_POLL, self->in, 2, POLLIN, KEVENT_ET));
	EXPECT_EQ(0, queue_add(&self->q, KEVENT_POLL, self->in, 2, POLLIN, KEVENT_ET));
	EXPECT_EQ(EEXIST, errno);
	ASSERT_TRUE(fill(self->out));
	ASSERT_EQ(0, kevent_wait(&self->q, NULL, 0, DEADLINE_NS, 2));
	for (int i = 0; i < 2; i++) {
		struct kevent_event event;

		ASSERT_TRUE(kevent_next(&self->q, &event));
		EXPECT_EQ(POLLIN, event.events);
		users |= 1 << event.user;
	}
	EXPECT_EQ(1 << 1 | 1 << 2, users);
	EXPECT_TRUE(queue_stays_empty(&self->q));
}

TEST_F(watch, one_descriptor_in_two_queues)
{
	struct kevent_queue other;

	ASSERT_EQ(0, kevent_open(&other, 1, 0));
	ASSERT_NE(0, queue_add_poll(&self->q, self->in, POLLIN, 0));
	ASSERT_NE(0, queue_add_poll(&other, self->in, POLLIN, 0));
	ASSERT_TRUE(fill(self->out));
	EXPECT_TRUE(queue_waits_for(&self->q, self->in, POLLIN));
	EXPECT_TRUE(queue_waits_for(&other, self->in, POLLIN));
	kevent_close(&other);
}

/* Every kind of evfd's descriptors */

FIXTURE(kind)
{
	struct kevent_queue q;
	const struct kind *kind;
	int fd;
};

FIXTURE_SETUP(kind)
{
	self->kind = kind_of(_metadata);
	self->fd = self->kind->make(O_NONBLOCK);
	ASSERT_GE(self->fd, 0);
	ASSERT_EQ(0, kevent_open(&self->q, 1, 0));
}

FIXTURE_TEARDOWN(kind)
{
	kevent_close(&self->q);
	close(self->fd);
}

KIND_VARIANTS(kind, kind_is_any, "");

TEST_F(kind, a_post_gives_an_event)
{
	union thing seen;

	ASSERT_NE(0, queue_add_poll(&self->q, self->fd, POLLIN, 0));
	EXPECT_TRUE(queue_stays_empty(&self->q));
	for (int i = 1; i < 4; i++) {
		ASSERT_TRUE(any_post(self->kind, self->fd, i));
		EXPECT_TRUE(queue_waits_for(&self->q, self->fd, POLLIN));
		while (any_read(self->kind, self->fd, &seen) > 0)
			;
		EXPECT_TRUE(queue_stays_empty(&self->q));
	}
}

TEST_F(kind, a_post_wakes_a_waiter)
{
	struct waiter waiter;

	ASSERT_NE(0, queue_add_poll(&self->q, self->fd, POLLIN, KEVENT_ET));
	ASSERT_TRUE(waiter_sleeps(&waiter, &self->q));
	ASSERT_TRUE(any_post(self->kind, self->fd, 1));
	EXPECT_EQ(0, waiter_returns(&waiter));
	EXPECT_TRUE(queue_gives(&self->q, self->fd, POLLIN));
}

TEST_F(kind, is_ready_at_add)
{
	ASSERT_TRUE(any_fill(self->kind, self->fd, 1));
	ASSERT_NE(0, queue_add_poll(&self->q, self->fd, POLLIN, KEVENT_ET));
	EXPECT_TRUE(queue_gives(&self->q, self->fd, POLLIN));
}

/* Native descriptors without writes */

FIXTURE(poll)
{
	struct kevent_queue q;
};

FIXTURE_SETUP(poll)
{
	ASSERT_EQ(0, kevent_open(&self->q, 8, 0));
}

FIXTURE_TEARDOWN(poll)
{
	kevent_close(&self->q);
}

TEST_F(poll, a_native_timer)
{
	struct itimerspec soon = { .it_value.tv_nsec = 1 };
	int fd = native_make_timer(CLOCK_MONOTONIC, O_NONBLOCK | O_CLOEXEC);

	ASSERT_NE(0, queue_add_poll(&self->q, fd, POLLIN, 0));
	EXPECT_TRUE(queue_stays_empty(&self->q));
	ASSERT_EQ(0, timerfd_settime(fd, 0, &soon, NULL));
	EXPECT_TRUE(queue_waits_for(&self->q, fd, POLLIN));
	EXPECT_EQ(1, efd_take(fd));
	EXPECT_TRUE(queue_stays_empty(&self->q));
}

TEST_F(poll, a_native_signal_descriptor)
{
	uint64_t mask = sig_bit(SIGUSR2);
	struct signalfd_siginfo info;
	int fd;

	ASSERT_EQ(0, sig_block(mask));
	fd = native_make_signalfd(-1, &mask, sizeof(mask), O_NONBLOCK | O_CLOEXEC);
	ASSERT_NE(0, queue_add_poll(&self->q, fd, POLLIN, 0));
	EXPECT_TRUE(queue_stays_empty(&self->q));
	ASSERT_EQ(0, kill(getpid(), SIGUSR2));
	EXPECT_TRUE(queue_waits_for(&self->q, fd, POLLIN));
	EXPECT_EQ(sizeof(info), read(fd, &info, sizeof(info)));
	EXPECT_TRUE(queue_stays_empty(&self->q));
}

TEST_F(poll, the_end_of_a_process)
{
	pid_t child = fork_child();
	int fd;

	ASSERT_GE(child, 0);
	if (!child) {
		pause();
		_exit(0);
	}
	fd = open_pidfd(child, 0);
	ASSERT_NE(0, queue_add_poll(&self->q, fd, POLLIN, 0));
	EXPECT_TRUE(queue_stays_empty(&self->q));
	ASSERT_EQ(0, kill(child, SIGKILL));
	EXPECT_TRUE(queue_waits_for(&self->q, fd, POLLIN));
}

/* Errors that are always reported, and hang-ups */

TEST_F(poll, no_writer_is_left)
{
	int fds[2];

	ASSERT_TRUE(make_pipe(fds));
	ASSERT_NE(0, queue_add_poll(&self->q, fds[0], 0, 0));
	EXPECT_TRUE(queue_stays_empty(&self->q));
	ASSERT_EQ(0, close(fds[1]));
	EXPECT_TRUE(queue_waits_for(&self->q, fds[0], POLLHUP));
	EXPECT_TRUE(queue_waits_for(&self->q, fds[0], POLLHUP));
}

TEST_F(poll, the_last_bytes_come_with_the_hang_up)
{
	int fds[2];

	ASSERT_TRUE(make_pipe(fds));
	ASSERT_NE(0, queue_add_poll(&self->q, fds[0], POLLIN, 0));
	ASSERT_TRUE(fill(fds[1]));
	EXPECT_TRUE(queue_waits_for(&self->q, fds[0], POLLIN));
	ASSERT_EQ(0, close(fds[1]));
	EXPECT_TRUE(queue_waits_for(&self->q, fds[0], POLLIN | POLLHUP));
	EXPECT_EQ(1, efd_take(fds[0]));
	EXPECT_TRUE(queue_waits_for(&self->q, fds[0], POLLHUP));
}

TEST_F(poll, no_reader_is_left)
{
	int fds[2];

	ASSERT_TRUE(make_pipe(fds));
	ASSERT_NE(0, queue_add_poll(&self->q, fds[1], 0, 0));
	EXPECT_TRUE(queue_stays_empty(&self->q));
	ASSERT_EQ(0, close(fds[0]));
	EXPECT_TRUE(queue_waits_for(&self->q, fds[1], POLLERR));
}

TEST_F(poll, the_other_end_shuts_down)
{
	struct kevent_event event;
	int fds[2];

	ASSERT_TRUE(make_stream(fds));
	ASSERT_NE(0, queue_add_poll(&self->q, fds[0], POLLIN | POLLRDHUP, 0));
	EXPECT_TRUE(queue_stays_empty(&self->q));
	ASSERT_EQ(0, shutdown(fds[1], SHUT_WR));
	ASSERT_EQ(0, kevent_wait(&self->q, NULL, 0, DEADLINE_NS, 0));
	ASSERT_TRUE(kevent_next(&self->q, &event));
	EXPECT_EQ(POLLRDHUP, event.events & POLLRDHUP);
	ASSERT_EQ(0, close(fds[1]));
	ASSERT_EQ(0, kevent_wait(&self->q, NULL, 0, DEADLINE_NS, 0));
	ASSERT_TRUE(kevent_next(&self->q, &event));
	EXPECT_EQ(POLLHUP, event.events & POLLHUP);
}

TEST_F(poll, there_is_room_again)
{
	char bytes[4096] = { };
	int fds[2];

	ASSERT_TRUE(make_pipe(fds));
	while (write(fds[1], bytes, sizeof(bytes)) > 0)
		;
	ASSERT_NE(0, queue_add_poll(&self->q, fds[1], POLLOUT, 0));
	EXPECT_TRUE(queue_stays_empty(&self->q));
	ASSERT_TRUE(drain(fds[0]));
	EXPECT_TRUE(queue_waits_for(&self->q, fds[1], POLLOUT));
}

/* TCP */

static int tcp_error(int fd)
{
	socklen_t size = sizeof(int);
	int err = -1;

	getsockopt(fd, SOL_SOCKET, SO_ERROR, &err, &size);
	return err;
}

/* Waits until the events of the socket are these, or more. */
static bool socket_becomes(struct kevent_queue *q, uint32_t events, uint32_t without)
{
	int64_t end = now_ms() + DEADLINE_MS;
	struct kevent_event event;

	while (now_ms() < end && !kevent_wait(q, NULL, 0, DEADLINE_NS, 0)) {
		while (kevent_next(q, &event)) {
			if ((event.events & events) == events && !(event.events & without))
				return true;
		}
	}
	return false;
}

TEST_F(poll, a_connection_is_made)
{
	struct sockaddr_in address;
	int listening = tcp_listen(&address), fd = tcp_socket();

	ASSERT_GE(listening, 0);
	ASSERT_TRUE(tcp_connect(fd, &address));
	ASSERT_NE(0, queue_add_poll(&self->q, fd, POLLOUT, 0));
	EXPECT_TRUE(socket_becomes(&self->q, POLLOUT, POLLERR | POLLHUP));
	EXPECT_EQ(0, tcp_error(fd));
}

TEST_F(poll, a_connection_is_made_after_add)
{
	struct sockaddr_in address;
	int listening = tcp_listen(&address), fd = tcp_socket();

	ASSERT_GE(listening, 0);
	/* A socket without a connection hangs up. */
	ASSERT_NE(0, queue_add_poll(&self->q, fd, POLLOUT, KEVENT_ET));
	EXPECT_TRUE(queue_gives(&self->q, fd, POLLOUT | POLLHUP));
	EXPECT_TRUE(queue_stays_empty(&self->q));
	ASSERT_TRUE(tcp_connect(fd, &address));
	EXPECT_TRUE(socket_becomes(&self->q, POLLOUT, POLLERR | POLLHUP));
	EXPECT_EQ(0, tcp_error(fd));
}

TEST_F(poll, a_connection_is_refused)
{
	struct sockaddr_in address;
	int listening = tcp_listen(&address), fd = tcp_socket();

	ASSERT_GE(listening, 0);
	ASSERT_EQ(0, close(listening));
	if (tcp_connect(fd, &address)) {
		ASSERT_NE(0, queue_add_poll(&self->q, fd, 0, 0));
		EXPECT_TRUE(socket_becomes(&self->q, POLLERR, 0));
		EXPECT_EQ(ECONNREFUSED, tcp_error(fd));
	} else {
		EXPECT_EQ(ECONNREFUSED, errno);
	}
}

TEST_F(poll, a_connection_to_accept)
{
	struct sockaddr_in address;
	int listening = tcp_listen(&address), fds[3];

	ASSERT_GE(listening, 0);
	ASSERT_NE(0, queue_add_poll(&self->q, listening, POLLIN, KEVENT_ET));
	EXPECT_TRUE(queue_stays_empty(&self->q));
	for (int i = 0; i < 3; i++) {
		fds[i] = tcp_socket();
		ASSERT_TRUE(tcp_connect(fds[i], &address));
		EXPECT_TRUE(queue_waits_for(&self->q, listening, POLLIN));
	}
}

TEST_F(poll, a_connection_ends)
{
	int fds[2];

	ASSERT_TRUE(make_tcp(fds));
	ASSERT_NE(0, queue_add_poll(&self->q, fds[0], POLLIN | POLLRDHUP, 0));
	EXPECT_TRUE(queue_stays_empty(&self->q));
	ASSERT_EQ(0, close(fds[1]));
	EXPECT_TRUE(socket_becomes(&self->q, POLLIN | POLLRDHUP, 0));
	EXPECT_EQ(0, read(fds[0], fds, sizeof(fds)));
}

/* The life of the file */

TEST_F(poll, a_file_stays_open_until_remove)
{
	uint64_t handle;
	int fds[2];

	ASSERT_NE(SIG_ERR, signal(SIGPIPE, SIG_IGN));
	ASSERT_TRUE(make_pipe(fds));
	handle = queue_add_poll(&self->q, fds[0], POLLIN, 0);
	ASSERT_NE(0, handle);
	ASSERT_EQ(0, close(fds[0]));
	ASSERT_TRUE(fill(fds[1]));
	EXPECT_TRUE(queue_waits_for(&self->q, fds[0], POLLIN));
	EXPECT_EQ(0, queue_remove(&self->q, handle));
	EXPECT_EQ(-EPIPE, result(write(fds[1], "", 1)));
}

TEST_F(poll, a_file_stays_open_until_oneshot_ends)
{
	int fds[2];

	ASSERT_NE(SIG_ERR, signal(SIGPIPE, SIG_IGN));
	ASSERT_TRUE(make_pipe(fds));
	ASSERT_NE(0, queue_add_poll(&self->q, fds[0], POLLIN, KEVENT_ONESHOT));
	ASSERT_EQ(0, close(fds[0]));
	ASSERT_TRUE(fill(fds[1]));
	EXPECT_TRUE(queue_waits_for(&self->q, fds[0], POLLIN));
	EXPECT_TRUE(queue_stays_empty(&self->q));
	EXPECT_EQ(-EPIPE, result(write(fds[1], "", 1)));
}

TEST_F(poll, a_closed_descriptor_number_is_used_again)
{
	uint64_t old, new;
	int a[2], b[2];

	ASSERT_TRUE(make_pipe(a));
	old = queue_add(&self->q, KEVENT_POLL, a[0], 1, POLLIN, 0);
	ASSERT_NE(0, old);
	ASSERT_TRUE(make_pipe(b));
	ASSERT_EQ(a[0], dup2(b[0], a[0]));
	/* The key has another user word. */
	new = queue_add(&self->q, KEVENT_POLL, a[0], 2, POLLIN, 0);
	ASSERT_NE(0, new);
	ASSERT_TRUE(fill(b[1]));
	EXPECT_TRUE(queue_waits_for(&self->q, 2, POLLIN));
	EXPECT_EQ(0, queue_remove(&self->q, new));
	ASSERT_TRUE(fill(a[1]));
	EXPECT_TRUE(queue_waits_for(&self->q, 1, POLLIN));
}

TEST_F(poll, a_copy_of_a_descriptor_is_the_same_file)
{
	int fds[2], copy;

	ASSERT_TRUE(make_pipe(fds));
	copy = dup(fds[0]);
	ASSERT_NE(0, queue_add_poll(&self->q, copy, POLLIN, 0));
	ASSERT_EQ(0, close(copy));
	ASSERT_TRUE(fill(fds[1]));
	EXPECT_TRUE(queue_waits_for(&self->q, copy, POLLIN));
	ASSERT_TRUE(drain(fds[0]));
	EXPECT_TRUE(queue_stays_empty(&self->q));
}

/* Errors */

TEST_F(poll, a_queue_in_a_queue)
{
	struct kevent_queue other;

	ASSERT_EQ(0, kevent_open(&other, 1, 0));
	EXPECT_EQ(0, queue_add_poll(&self->q, self->q.fd, POLLIN, 0));
	EXPECT_EQ(ELOOP, errno);
	EXPECT_EQ(0, queue_add_poll(&self->q, other.fd, POLLIN, 0));
	EXPECT_EQ(ELOOP, errno);
	kevent_close(&other);
}

TEST_F(poll, an_epoll_in_a_queue)
{
	int ep = epoll_create1(EPOLL_CLOEXEC);

	EXPECT_EQ(0, queue_add_poll(&self->q, ep, POLLIN, 0));
	EXPECT_EQ(ELOOP, errno);
}

TEST_F(poll, a_regular_file)
{
	int fd = syscall(SYS_memfd_create, "kevent", 0);

	ASSERT_GE(fd, 0);
	EXPECT_EQ(0, queue_add_poll(&self->q, fd, POLLIN, 0));
	EXPECT_EQ(EPERM, errno);
}

TEST_F(poll, no_descriptor)
{
	int closed = dup(0), path = open("/", O_PATH | O_CLOEXEC);
	uint64_t bad[] = {
		closed, path, INT32_MAX, UINT32_MAX, UINT64_MAX, UINT64_C(1) << 32,
		UINT64_C(1) << 63,
	};

	ASSERT_EQ(0, close(closed));
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		EXPECT_EQ(0, queue_add(&self->q, KEVENT_POLL, bad[i], 0, POLLIN, 0));
		EXPECT_EQ(EBADF, errno)
			TH_LOG("id %#llx", (unsigned long long)bad[i]);
	}
}

TEST_F(poll, a_failed_add_leaves_nothing)
{
	int fd = syscall(SYS_memfd_create, "kevent", 0);

	for (unsigned int i = 0; i < 2 * self->q.slots; i++)
		ASSERT_EQ(0, queue_add_poll(&self->q, fd, POLLIN, 0));
	for (unsigned int i = 0; i < self->q.slots; i++)
		ASSERT_NE(0, queue_add_user(&self->q, i, 1, 0));
}

TEST_F(poll, ready)
{
	uint64_t handle;
	int fds[2];

	ASSERT_TRUE(make_pipe(fds));
	handle = queue_add_poll(&self->q, fds[0], POLLIN, 0);
	EXPECT_EQ(-EINVAL, queue_ready(&self->q, handle, POLLIN));
}

TEST_F(poll, flags_of_epoll)
{
	static const uint32_t bad[] = { EPOLLET, EPOLLONESHOT, EPOLLWAKEUP, EPOLLEXCLUSIVE };
	uint64_t handle;
	int fds[2];

	ASSERT_TRUE(make_pipe(fds));
	handle = queue_add(&self->q, KEVENT_POLL, fds[0], 1, POLLIN, 0);
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		EXPECT_EQ(0, queue_add_poll(&self->q, fds[0], POLLIN | bad[i], 0));
		EXPECT_EQ(EINVAL, errno);
		EXPECT_EQ(-EINVAL, queue_mod(&self->q, handle, POLLIN | bad[i], 0));
	}
}

/* A socket wakes for plain data with the bits of urgent data, too. */
TEST(plain_data_is_not_urgent)
{
	struct kevent_event event;
	struct kevent_queue q;
	uint32_t seen = 0;
	int fds[2];

	ASSERT_EQ(0, kevent_open(&q, 1, 0));
	ASSERT_TRUE(make_tcp(fds));
	ASSERT_NE(0, queue_add_poll(&q, fds[0], POLLIN | POLLPRI, KEVENT_ET));
	ASSERT_EQ(1, write(fds[1], "", 1));
	EXPECT_TRUE(queue_waits_for(&q, fds[0], POLLIN));
	EXPECT_TRUE(queue_stays_empty(&q));
	ASSERT_EQ(1, send(fds[1], "", 1, MSG_OOB));
	while (!(seen & POLLPRI)) {
		ASSERT_EQ(0, kevent_wait(&q, NULL, 0, DEADLINE_NS, 0));
		ASSERT_TRUE(kevent_next(&q, &event));
		seen |= event.events;
	}
	kevent_close(&q);
}

/* The end of a connect() wakes without events. A loop that does not wait learns of it. */
TEST(a_look_is_wanted)
{
	struct sockaddr_in address;
	int listening = tcp_listen(&address), fd = tcp_socket();
	struct kevent_queue q;

	ASSERT_EQ(0, kevent_open(&q, 1, 0));
	ASSERT_NE(0, queue_add_poll(&q, fd, POLLIN, KEVENT_ET));
	/* A socket that is not connected has hung up. */
	queue_stays_empty(&q);
	EXPECT_FALSE(kevent_wants_look(&q));
	ASSERT_GE(listening, 0);
	ASSERT_TRUE(tcp_connect(fd, &address));
	EXPECT_TRUE(wait_for(kevent_wants_look(&q)));
	ASSERT_EQ(0, kevent_wait(&q, NULL, 0, 0, 0));
	EXPECT_FALSE(kevent_wants_look(&q));
	kevent_close(&q);
}

TEST_HARNESS_MAIN
