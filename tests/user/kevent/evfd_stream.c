// SPDX-License-Identifier: GPL-2.0
/*
 * KEVENT_SOCKET and KEVENT_PIPE: sockets, listening or not, pipes and FIFOs, by what a
 * program can do with them without blocking.
 */
#include "ends.h"
#include "queue.h"

#include <pthread.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/stat.h>
#include <sys/un.h>

#define RECV	KEVENT_SOCKET_RECV
#define ACCEPT	KEVENT_SOCKET_ACCEPT
#define SEND	KEVENT_SOCKET_SEND

/* Two ends, the second of which writes. */
static bool make_fifo(int fds[2])
{
	char path[64];

	snprintf(path, sizeof(path), "/dev/evfd-fifo-%d", getpid());
	if (mkfifo(path, 0600))
		return false;
	fds[0] = open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
	fds[1] = open(path, O_WRONLY | O_NONBLOCK | O_CLOEXEC);
	unlink(path);
	return fds[0] >= 0 && fds[1] >= 0;
}

FIXTURE(stream)
{
	struct kevent_queue q;
	int in, out;
};

FIXTURE_VARIANT(stream)
{
	bool (*make)(int fds[2]);
	int type;
	/* Whether the writing end gets full, and the reader sees the close of the writer. */
	bool connects;
};

FIXTURE_VARIANT_ADD(stream, pipe)
{
	.make = make_pipe,
	.type = KEVENT_PIPE,
	.connects = true,
};

FIXTURE_VARIANT_ADD(stream, fifo)
{
	.make = make_fifo,
	.type = KEVENT_PIPE,
	.connects = true,
};

FIXTURE_VARIANT_ADD(stream, tcp)
{
	.make = make_tcp,
	.type = KEVENT_SOCKET,
	.connects = true,
};

FIXTURE_VARIANT_ADD(stream, udp)
{
	.make = make_udp,
	.type = KEVENT_SOCKET,
};

FIXTURE_VARIANT_ADD(stream, unix)
{
	.make = make_stream,
	.type = KEVENT_SOCKET,
	.connects = true,
};

FIXTURE_VARIANT_ADD(stream, datagrams)
{
	.make = make_datagrams,
	.type = KEVENT_SOCKET,
};

FIXTURE_VARIANT_ADD(stream, packets)
{
	.make = make_packets,
	.type = KEVENT_SOCKET,
	.connects = true,
};

FIXTURE_SETUP(stream)
{
	int fds[2];

	signal(SIGPIPE, SIG_IGN);
	ASSERT_EQ(0, kevent_open(&self->q, 8, 0));
	ASSERT_TRUE(variant->make(fds));
	self->in = fds[0];
	self->out = fds[1];
}

FIXTURE_TEARDOWN(stream)
{
	kevent_close(&self->q);
	close(self->in);
	close(self->out);
}

/* Adds a kevent whose user word is its descriptor. */
static uint64_t add(struct kevent_queue *q, int type, int fd, uint32_t want, int flags)
{
	return queue_add(q, type, fd, fd, want, flags);
}

static bool send_byte(int fd)
{
	return write(fd, "", 1) == 1;
}

/* Waits for bytes that were sent. Softirqs may be late. */
static bool becomes_readable(int fd)
{
	struct pollfd pfd = { .fd = fd, .events = POLLIN };

	return poll(&pfd, 1, DEADLINE_MS) == 1;
}

static bool drain(int fd)
{
	static char buf[65536];
	ssize_t n;

	do
		n = read(fd, buf, sizeof(buf));
	while (n > 0);
	return n < 0 && errno == EAGAIN;
}

/* Writes until the next write would block. */
static bool fill(int fd)
{
	static const char buf[4096];

	while (write(fd, buf, sizeof(buf)) > 0)
		;
	return errno == EAGAIN;
}

TEST_F(stream, data_after_add)
{
	ASSERT_NE(0, add(&self->q, variant->type, self->in, RECV, 0));
	EXPECT_TRUE(queue_stays_empty(&self->q));
	ASSERT_TRUE(send_byte(self->out));
	EXPECT_TRUE(queue_waits_for(&self->q, self->in, RECV));
}

TEST_F(stream, data_before_add)
{
	ASSERT_TRUE(send_byte(self->out));
	ASSERT_TRUE(becomes_readable(self->in));
	ASSERT_NE(0, add(&self->q, variant->type, self->in, RECV, KEVENT_ET));
	EXPECT_TRUE(queue_gives(&self->q, self->in, RECV));
}

TEST_F(stream, data_wakes_a_waiter)
{
	struct waiter waiter;

	ASSERT_NE(0, add(&self->q, variant->type, self->in, RECV, 0));
	ASSERT_TRUE(waiter_sleeps(&waiter, &self->q));
	ASSERT_TRUE(send_byte(self->out));
	EXPECT_EQ(0, waiter_returns(&waiter));
	EXPECT_TRUE(queue_gives(&self->q, self->in, RECV));
}

TEST_F(stream, level)
{
	ASSERT_NE(0, add(&self->q, variant->type, self->in, RECV, 0));
	ASSERT_TRUE(send_byte(self->out));
	for (int i = 0; i < 3; i++)
		EXPECT_TRUE(queue_waits_for(&self->q, self->in, RECV));
	ASSERT_TRUE(drain(self->in));
	EXPECT_TRUE(queue_stays_empty(&self->q));
	ASSERT_TRUE(send_byte(self->out));
	EXPECT_TRUE(queue_waits_for(&self->q, self->in, RECV));
}

TEST_F(stream, edge)
{
	ASSERT_NE(0, add(&self->q, variant->type, self->in, RECV, KEVENT_ET));
	for (int i = 0; i < 3; i++) {
		ASSERT_TRUE(send_byte(self->out));
		EXPECT_TRUE(queue_waits_for(&self->q, self->in, RECV));
		EXPECT_TRUE(queue_stays_empty(&self->q));
	}
}

TEST_F(stream, oneshot)
{
	ASSERT_NE(0, add(&self->q, variant->type, self->in, RECV, KEVENT_ONESHOT));
	for (int i = 0; i < 2; i++)
		ASSERT_TRUE(send_byte(self->out));
	EXPECT_TRUE(queue_waits_for(&self->q, self->in, RECV));
	EXPECT_TRUE(queue_stays_empty(&self->q));
}

TEST_F(stream, dispatch)
{
	uint64_t handle = add(&self->q, variant->type, self->in, RECV, KEVENT_DISPATCH);

	for (int i = 0; i < 3; i++) {
		ASSERT_TRUE(send_byte(self->out));
		EXPECT_TRUE(queue_waits_for(&self->q, self->in, RECV));
		EXPECT_TRUE(queue_stays_empty(&self->q));
		ASSERT_TRUE(drain(self->in));
		ASSERT_EQ(0, queue_recheck(&self->q, handle));
	}
}

TEST_F(stream, room_to_write)
{
	uint64_t handle = add(&self->q, variant->type, self->out, SEND, KEVENT_ET);

	EXPECT_TRUE(queue_gives(&self->q, self->out, SEND));
	if (!variant->connects)
		return;
	ASSERT_TRUE(fill(self->out));
	ASSERT_EQ(0, queue_recheck(&self->q, handle));
	EXPECT_TRUE(queue_stays_empty(&self->q));
	ASSERT_TRUE(drain(self->in));
	EXPECT_TRUE(queue_waits_for(&self->q, self->out, SEND));
}

TEST_F(stream, only_what_is_wanted)
{
	uint64_t handle = add(&self->q, variant->type, self->in, 0, 0);

	ASSERT_TRUE(send_byte(self->out));
	ASSERT_TRUE(becomes_readable(self->in));
	EXPECT_TRUE(queue_stays_empty(&self->q));
	__atomic_store_n(&self->q.slot[kevent_slot_of(handle)].want, RECV, __ATOMIC_SEQ_CST);
	ASSERT_EQ(0, queue_recheck(&self->q, handle));
	EXPECT_TRUE(queue_gives(&self->q, self->in, RECV));
	ASSERT_EQ(0, queue_mod(&self->q, handle, 0, 0));
	ASSERT_TRUE(send_byte(self->out));
	EXPECT_TRUE(queue_stays_empty(&self->q));
}

TEST_F(stream, remove_retracts_an_event)
{
	uint64_t handle = add(&self->q, variant->type, self->in, RECV, 0);

	ASSERT_TRUE(send_byte(self->out));
	ASSERT_EQ(0, kevent_wait(&self->q, NULL, 0, DEADLINE_NS, 0));
	EXPECT_EQ(RECV, queue_remove(&self->q, handle));
	EXPECT_TRUE(queue_stays_empty(&self->q));
}

/* The kevent of 2006 never reported the bytes that were left when the writer had gone. */
TEST_F(stream, the_last_bytes)
{
	struct kevent_event event;
	char byte;

	if (!variant->connects)
		return;
	ASSERT_NE(0, add(&self->q, variant->type, self->in, RECV, 0));
	ASSERT_TRUE(send_byte(self->out));
	EXPECT_TRUE(queue_waits_for(&self->q, self->in, RECV));
	ASSERT_EQ(0, close(self->out));
	/* The data, the end, and again the end. */
	for (int left = 1; left >= -1; left--) {
		ASSERT_EQ(0, kevent_wait(&self->q, NULL, 0, DEADLINE_NS, 0));
		ASSERT_TRUE(kevent_next(&self->q, &event));
		EXPECT_EQ(RECV, event.events & ~(POLLHUP | POLLERR));
		EXPECT_EQ(left == 1, read(self->in, &byte, 1));
	}
}

TEST_F(stream, the_last_bytes_at_add)
{
	struct kevent_event event;
	char byte;

	if (!variant->connects)
		return;
	ASSERT_TRUE(send_byte(self->out));
	ASSERT_EQ(0, close(self->out));
	ASSERT_NE(0, add(&self->q, variant->type, self->in, RECV, KEVENT_ET));
	ASSERT_EQ(0, kevent_wait(&self->q, NULL, 0, DEADLINE_NS, 0));
	ASSERT_TRUE(kevent_next(&self->q, &event));
	EXPECT_EQ(RECV, event.events & RECV);
	EXPECT_EQ(1, read(self->in, &byte, 1));
}

TEST_F(stream, beside_poll)
{
	struct kevent_event event;
	int seen = 0;

	ASSERT_NE(0, queue_add(&self->q, variant->type, self->in, 1, RECV, KEVENT_ET));
	ASSERT_NE(0, queue_add(&self->q, KEVENT_POLL, self->in, 2, POLLIN, KEVENT_ET));
	EXPECT_EQ(0, queue_add(&self->q, variant->type, self->in, 1, RECV, KEVENT_ET));
	EXPECT_EQ(EEXIST, errno);
	ASSERT_TRUE(send_byte(self->out));
	ASSERT_EQ(0, kevent_wait(&self->q, NULL, 0, DEADLINE_NS, 2));
	while (kevent_next(&self->q, &event))
		seen |= event.user;
	EXPECT_EQ(3, seen);
}

TEST_F(stream, events_and_flags_that_it_cannot_have)
{
	int events = variant->type == KEVENT_PIPE ? RECV | SEND : RECV | ACCEPT | SEND;
	uint64_t handle = add(&self->q, variant->type, self->in, events, 0);
	struct kevent_op op;

	ASSERT_NE(0, handle);
	for (uint32_t event = 1; event; event <<= 1) {
		if (event & events)
			continue;
		EXPECT_EQ(0, add(&self->q, variant->type, self->out, event, 0));
		EXPECT_EQ(EINVAL, errno);
		EXPECT_EQ(-EINVAL, queue_mod(&self->q, handle, event, 0));
	}
	for (int flag = 1; flag < 256; flag <<= 1) {
		if (flag & (KEVENT_ET | KEVENT_ONESHOT | KEVENT_DISPATCH | KEVENT_BYTES))
			continue;
		EXPECT_EQ(0, add(&self->q, variant->type, self->out, RECV, flag));
		EXPECT_EQ(EINVAL, errno);
		EXPECT_EQ(-EINVAL, queue_mod(&self->q, handle, RECV, flag));
	}
	for (int i = 0; i < 3; i++) {
		op = kevent_op_add(variant->type, self->out, 0, RECV, 0);
		op.arg[i] = 1;
		EXPECT_EQ(-EINVAL, queue_do(&self->q, &op));
	}
	EXPECT_EQ(-EINVAL, queue_ready(&self->q, handle, RECV));
}

/* Files that are not held end their kevents: unix sockets, and others with AUTOREMOVE. */
TEST_F(stream, close_of_the_file)
{
	bool is_fifo = variant->make == make_fifo;
	struct kevent_queue q;
	uint64_t handle;

	ASSERT_EQ(0, kevent_open(&q, 8, KEVENT_SETUP_AUTOREMOVE));
	handle = add(&q, variant->type, self->in, RECV, 0);
	ASSERT_TRUE(send_byte(self->out));
	ASSERT_EQ(0, close(self->in));
	EXPECT_EQ(is_fifo ? (int)RECV : -ENOENT, queue_remove(&q, handle));
	EXPECT_TRUE(queue_is_empty(&q));
	kevent_close(&q);
}

static void *send_bytes(void *arg)
{
	const int *fd = arg;

	for (int i = 0; i < 2000; i++) {
		while (write(*fd, "", 1) != 1)
			usleep(100);
	}
	return NULL;
}

/* Reads all that a thread writes, in a loop that never polls the descriptor itself. */
TEST_F(stream, no_byte_waits)
{
	pthread_t thread;
	int got = 0;

	/* The kernel drops datagrams of UDP when the reader is late. */
	if (variant->make == make_udp)
		return;
	ASSERT_NE(0, add(&self->q, variant->type, self->in, RECV, KEVENT_ET));
	ASSERT_EQ(0, pthread_create(&thread, NULL, send_bytes, &self->out));
	while (got < 2000) {
		struct kevent_event event;
		char buf[64];
		ssize_t n;

		ASSERT_EQ(0, kevent_wait(&self->q, NULL, 0, DEADLINE_NS, 0));
		/* An entry may have no events, if those were taken with the entry before. */
		if (kevent_next(&self->q, &event))
			EXPECT_EQ(RECV, event.events);
		while ((n = read(self->in, buf, sizeof(buf))) > 0)
			got += n;
	}
	pthread_join(thread, NULL);
}

/* Sockets that listen */

FIXTURE(listener)
{
	struct kevent_queue q;
	struct sockaddr_storage address;
	socklen_t size;
	int fd;
};

FIXTURE_VARIANT(listener)
{
	int family;
};

FIXTURE_VARIANT_ADD(listener, tcp)
{
	.family = AF_INET,
};

FIXTURE_VARIANT_ADD(listener, unix)
{
	.family = AF_UNIX,
};

FIXTURE_SETUP(listener)
{
	struct sockaddr_in in = {
		.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK),
	};
	sa_family_t un = AF_UNIX;

	ASSERT_EQ(0, kevent_open(&self->q, 8, 0));
	ASSERT_TRUE(loopback_up());
	self->fd = socket(variant->family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	/* A unix socket that is bound to nothing gets a free name. */
	ASSERT_EQ(0, variant->family == AF_UNIX ?
		     bind(self->fd, (struct sockaddr *)&un, sizeof(un)) :
		     bind(self->fd, (struct sockaddr *)&in, sizeof(in)));
	self->size = sizeof(self->address);
	ASSERT_EQ(0, getsockname(self->fd, (struct sockaddr *)&self->address, &self->size));
}

FIXTURE_TEARDOWN(listener)
{
	kevent_close(&self->q);
	close(self->fd);
}

/* Connects a new socket. */
static int connect_to(const struct sockaddr_storage *address, socklen_t size)
{
	int fd = socket(address->ss_family, SOCK_STREAM | SOCK_CLOEXEC, 0);

	return connect(fd, (const struct sockaddr *)address, size) ? -1 : fd;
}

TEST_F(listener, each_connection)
{
	ASSERT_EQ(0, listen(self->fd, 8));
	ASSERT_NE(0, add(&self->q, KEVENT_SOCKET, self->fd, ACCEPT, KEVENT_ET));
	EXPECT_TRUE(queue_stays_empty(&self->q));
	for (int i = 0; i < 3; i++) {
		ASSERT_LE(0, connect_to(&self->address, self->size));
		EXPECT_TRUE(queue_waits_for(&self->q, self->fd, ACCEPT));
	}
}

TEST_F(listener, level)
{
	ASSERT_EQ(0, listen(self->fd, 8));
	ASSERT_LE(0, connect_to(&self->address, self->size));
	ASSERT_NE(0, add(&self->q, KEVENT_SOCKET, self->fd, ACCEPT, 0));
	for (int i = 0; i < 3; i++)
		EXPECT_TRUE(queue_waits_for(&self->q, self->fd, ACCEPT));
	ASSERT_LE(0, accept4(self->fd, NULL, NULL, SOCK_CLOEXEC));
	EXPECT_TRUE(queue_stays_empty(&self->q));
}

TEST_F(listener, wants_all_events)
{
	ASSERT_EQ(0, listen(self->fd, 8));
	ASSERT_NE(0, add(&self->q, KEVENT_SOCKET, self->fd, RECV | ACCEPT | SEND, 0));
	EXPECT_TRUE(queue_stays_empty(&self->q));
	ASSERT_LE(0, connect_to(&self->address, self->size));
	EXPECT_TRUE(queue_waits_for(&self->q, self->fd, ACCEPT));
}

TEST_F(listener, has_nothing_to_receive)
{
	ASSERT_EQ(0, listen(self->fd, 8));
	ASSERT_NE(0, add(&self->q, KEVENT_SOCKET, self->fd, RECV | SEND, 0));
	ASSERT_LE(0, connect_to(&self->address, self->size));
	EXPECT_TRUE(queue_stays_empty(&self->q));
}

TEST_F(listener, accepted_sockets_do_not_listen)
{
	int client, fd;

	ASSERT_EQ(0, listen(self->fd, 8));
	client = connect_to(&self->address, self->size);
	fd = accept4(self->fd, NULL, NULL, SOCK_CLOEXEC);
	ASSERT_NE(0, add(&self->q, KEVENT_SOCKET, fd, ACCEPT, 0));
	ASSERT_NE(0, add(&self->q, KEVENT_SOCKET, client, RECV | ACCEPT, 0));
	ASSERT_TRUE(send_byte(client));
	EXPECT_TRUE(queue_stays_empty(&self->q));
	ASSERT_TRUE(send_byte(fd));
	EXPECT_TRUE(queue_waits_for(&self->q, client, RECV));
}

TEST_F(listener, listens_after_add)
{
	struct kevent_event event;

	ASSERT_NE(0, add(&self->q, KEVENT_SOCKET, self->fd, ACCEPT, KEVENT_ET));
	/* A socket without a connection may have hung up. */
	while (kevent_next(&self->q, &event))
		EXPECT_EQ(POLLHUP, event.events);
	ASSERT_EQ(0, listen(self->fd, 8));
	ASSERT_LE(0, connect_to(&self->address, self->size));
	EXPECT_TRUE(queue_waits_for(&self->q, self->fd, ACCEPT));
}

/* Errors and hang-ups */

FIXTURE(end)
{
	struct kevent_queue q;
};

FIXTURE_SETUP(end)
{
	signal(SIGPIPE, SIG_IGN);
	ASSERT_EQ(0, kevent_open(&self->q, 8, 0));
}

FIXTURE_TEARDOWN(end)
{
	kevent_close(&self->q);
}

TEST_F(end, without_writers)
{
	int fds[2];

	ASSERT_TRUE(make_pipe(fds));
	ASSERT_NE(0, queue_add(&self->q, KEVENT_PIPE, fds[0], 1, 0, KEVENT_ET));
	ASSERT_NE(0, queue_add(&self->q, KEVENT_PIPE, fds[0], 2, RECV, KEVENT_ET));
	EXPECT_TRUE(queue_stays_empty(&self->q));
	ASSERT_EQ(0, close(fds[1]));
	ASSERT_EQ(0, kevent_wait(&self->q, NULL, 0, DEADLINE_NS, 2));
	for (int i = 0; i < 2; i++) {
		struct kevent_event event;

		ASSERT_TRUE(kevent_next(&self->q, &event));
		EXPECT_EQ(event.user == 1 ? POLLHUP : POLLHUP | RECV, event.events);
	}
}

TEST_F(end, without_readers)
{
	int fds[2];

	ASSERT_TRUE(make_pipe(fds));
	ASSERT_TRUE(fill(fds[1]));
	ASSERT_NE(0, queue_add(&self->q, KEVENT_PIPE, fds[1], 1, SEND, KEVENT_ET));
	EXPECT_TRUE(queue_stays_empty(&self->q));
	ASSERT_EQ(0, close(fds[0]));
	EXPECT_TRUE(queue_waits_for(&self->q, 1, POLLERR | SEND));
	EXPECT_EQ(-EPIPE, result(write(fds[1], "", 1)));
}

TEST_F(end, without_a_connection)
{
	int fd = tcp_socket();

	ASSERT_NE(0, queue_add(&self->q, KEVENT_SOCKET, fd, 1, RECV | SEND, KEVENT_ET));
	EXPECT_TRUE(queue_gives(&self->q, 1, POLLHUP | RECV | SEND));
}

TEST_F(end, a_connection_is_refused)
{
	struct sockaddr_in address;
	int listening = tcp_listen(&address), fd = tcp_socket();
	struct kevent_event event;

	ASSERT_EQ(0, close(listening));
	if (!tcp_connect(fd, &address)) {
		EXPECT_EQ(ECONNREFUSED, errno);
		return;
	}
	ASSERT_NE(0, queue_add(&self->q, KEVENT_SOCKET, fd, 1, SEND, KEVENT_DISPATCH));
	ASSERT_EQ(0, kevent_wait(&self->q, NULL, 0, DEADLINE_NS, 0));
	ASSERT_TRUE(kevent_next(&self->q, &event));
	EXPECT_EQ(POLLERR | SEND, event.events & (POLLERR | SEND));
}

TEST_F(end, a_connection_is_made)
{
	struct sockaddr_in address;
	int listening = tcp_listen(&address), fd = tcp_socket();
	struct kevent_event event;

	ASSERT_GE(listening, 0);
	ASSERT_NE(0, queue_add(&self->q, KEVENT_SOCKET, fd, 1, SEND, KEVENT_ET));
	EXPECT_TRUE(queue_gives(&self->q, 1, POLLHUP | SEND));
	ASSERT_TRUE(tcp_connect(fd, &address));
	do {
		ASSERT_EQ(0, kevent_wait(&self->q, NULL, 0, DEADLINE_NS, 0));
		ASSERT_TRUE(kevent_next(&self->q, &event));
	} while (event.events != SEND);
	EXPECT_TRUE(send_byte(fd));
}

TEST_F(end, no_port)
{
	struct sockaddr_in address;
	socklen_t size = sizeof(address);
	int fds[2];

	ASSERT_TRUE(make_udp(fds));
	ASSERT_EQ(0, getsockname(fds[0], (struct sockaddr *)&address, &size));
	ASSERT_EQ(0, close(fds[0]));
	ASSERT_NE(0, queue_add(&self->q, KEVENT_SOCKET, fds[1], 1, RECV, KEVENT_ET));
	EXPECT_TRUE(queue_stays_empty(&self->q));
	ASSERT_TRUE(send_byte(fds[1]));
	EXPECT_TRUE(queue_waits_for(&self->q, 1, POLLERR | RECV));
	EXPECT_EQ(-ECONNREFUSED, result(recv(fds[1], &size, 1, 0)));
}

TEST_F(end, the_other_end_shuts_down)
{
	int fds[2];
	char byte;

	ASSERT_TRUE(make_tcp(fds));
	ASSERT_NE(0, queue_add(&self->q, KEVENT_SOCKET, fds[0], 1, RECV, 0));
	EXPECT_TRUE(queue_stays_empty(&self->q));
	ASSERT_EQ(0, shutdown(fds[1], SHUT_WR));
	EXPECT_TRUE(queue_waits_for(&self->q, 1, RECV));
	EXPECT_EQ(0, recv(fds[0], &byte, 1, 0));
	ASSERT_EQ(0, shutdown(fds[0], SHUT_WR));
	EXPECT_TRUE(queue_waits_for(&self->q, 1, RECV | POLLHUP));
}

/* Other files */

FIXTURE(other)
{
	struct kevent_queue q;
	int fd;
};

FIXTURE_VARIANT(other)
{
	int (*make)(void);
	bool is_socket, is_pipe;
};

static int make_eventfd(void)
{
	return eventfd(0, EFD_CLOEXEC);
}

static int make_file(void)
{
	return syscall(SYS_memfd_create, "kevent", 0);
}

static int make_epoll(void)
{
	return epoll_create1(EPOLL_CLOEXEC);
}

static int make_queue(void)
{
	struct kevent_queue q;

	return kevent_open(&q, 1, 0) ? -1 : q.fd;
}

static int make_a_socket(void)
{
	return socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
}

static int make_an_end(void)
{
	int fds[2];

	return make_pipe(fds) ? fds[0] : -1;
}

FIXTURE_VARIANT_ADD(other, eventfd)
{
	.make = make_eventfd,
};

FIXTURE_VARIANT_ADD(other, file)
{
	.make = make_file,
};

FIXTURE_VARIANT_ADD(other, epoll)
{
	.make = make_epoll,
};

FIXTURE_VARIANT_ADD(other, queue)
{
	.make = make_queue,
};

FIXTURE_VARIANT_ADD(other, socket)
{
	.make = make_a_socket,
	.is_socket = true,
};

FIXTURE_VARIANT_ADD(other, pipe)
{
	.make = make_an_end,
	.is_pipe = true,
};

FIXTURE_SETUP(other)
{
	ASSERT_EQ(0, kevent_open(&self->q, 1, 0));
	self->fd = variant->make();
	ASSERT_GE(self->fd, 0);
}

FIXTURE_TEARDOWN(other)
{
	kevent_close(&self->q);
	close(self->fd);
}

TEST_F(other, is_a_socket_or_not)
{
	EXPECT_EQ(variant->is_socket, add(&self->q, KEVENT_SOCKET, self->fd, RECV, 0) != 0);
	EXPECT_EQ(variant->is_socket ? 0 : ENOTSOCK, errno);
}

TEST_F(other, is_a_pipe_or_not)
{
	EXPECT_EQ(variant->is_pipe, add(&self->q, KEVENT_PIPE, self->fd, RECV, 0) != 0);
	EXPECT_EQ(variant->is_pipe ? 0 : EINVAL, errno);
}

TEST_F(other, is_not_open)
{
	int closed = dup(self->fd);

	ASSERT_EQ(0, close(closed));
	EXPECT_EQ(0, add(&self->q, KEVENT_SOCKET, closed, RECV, 0));
	EXPECT_EQ(EBADF, errno);
	EXPECT_EQ(0, add(&self->q, KEVENT_PIPE, closed, RECV, 0));
	EXPECT_EQ(EBADF, errno);
}

TEST_HARNESS_MAIN
