// SPDX-License-Identifier: GPL-2.0
/*
 * KEVENT_BYTES: the number of bytes to read, or of connections to accept, beside the events
 * of sockets and pipes.
 */
#include "ends.h"
#include "queue.h"

#define RECV	KEVENT_SOCKET_RECV
#define ACCEPT	KEVENT_SOCKET_ACCEPT
#define SEND	KEVENT_SOCKET_SEND

FIXTURE(bytes)
{
	struct kevent_queue q;
	int in, out;
};

FIXTURE_VARIANT(bytes)
{
	bool (*make)(int fds[2]);
	int type;
	/* Whether the bytes of two writes count together. */
	bool adds;
};

FIXTURE_VARIANT_ADD(bytes, pipe)
{
	.make = make_pipe,
	.type = KEVENT_PIPE,
	.adds = true,
};

FIXTURE_VARIANT_ADD(bytes, tcp)
{
	.make = make_tcp,
	.type = KEVENT_SOCKET,
	.adds = true,
};

FIXTURE_VARIANT_ADD(bytes, udp)
{
	.make = make_udp,
	.type = KEVENT_SOCKET,
};

FIXTURE_VARIANT_ADD(bytes, unix)
{
	.make = make_stream,
	.type = KEVENT_SOCKET,
	.adds = true,
};

FIXTURE_VARIANT_ADD(bytes, datagrams)
{
	.make = make_datagrams,
	.type = KEVENT_SOCKET,
};

FIXTURE_VARIANT_ADD(bytes, packets)
{
	.make = make_packets,
	.type = KEVENT_SOCKET,
	.adds = true,
};

FIXTURE_SETUP(bytes)
{
	int fds[2];

	signal(SIGPIPE, SIG_IGN);
	ASSERT_EQ(0, kevent_open(&self->q, 8, 0));
	ASSERT_TRUE(variant->make(fds));
	self->in = fds[0];
	self->out = fds[1];
}

FIXTURE_TEARDOWN(bytes)
{
	kevent_close(&self->q);
	close(self->in);
	close(self->out);
}

/* Adds a kevent with KEVENT_BYTES, whose user word is its descriptor. */
static uint64_t add(struct kevent_queue *q, int type, int fd, uint32_t want, int flags)
{
	return queue_add(q, type, fd, fd, want, flags | KEVENT_BYTES);
}

static int bytes_in(int fd)
{
	int bytes = -1;

	ioctl(fd, FIONREAD, &bytes);
	return bytes;
}

/* Writes, and waits until the other end has the bytes. */
static bool send_bytes(int out, int in, int n)
{
	static const char zeros[64];
	int before = bytes_in(in), type = SOCK_STREAM;
	socklen_t size = sizeof(type);

	if (write(out, zeros, n) != n)
		return false;
	getsockopt(in, SOL_SOCKET, SO_TYPE, &type, &size);
	/* A second datagram does not count. */
	return (before && type == SOCK_DGRAM) || wait_for(bytes_in(in) != before);
}

static bool drain(int fd)
{
	char buf[4096];

	while (read(fd, buf, sizeof(buf)) > 0)
		;
	return errno == EAGAIN;
}

/* Whether the data of the kevent is this number, and FIONREAD says so, too. */
static bool counts(const struct kevent_queue *q, int fd, uint64_t handle, uint64_t n)
{
	uint64_t data = kevent_data(q, kevent_slot_of(handle));
	int now = bytes_in(fd);

	if (data == n && (uint64_t)now == n)
		return true;
	fprintf(stderr, "# %llu bytes, %d by FIONREAD, instead of %llu\n",
		(unsigned long long)data, now, (unsigned long long)n);
	return false;
}

/* Whether the next wait gives RECV with this number. */
static bool gives(struct kevent_queue *q, int fd, uint64_t handle, uint64_t n)
{
	return queue_waits_for(q, fd, RECV) && counts(q, fd, handle, n);
}

TEST_F(bytes, before_add)
{
	uint64_t handle;

	ASSERT_TRUE(send_bytes(self->out, self->in, 5));
	handle = add(&self->q, variant->type, self->in, RECV, KEVENT_ET);
	EXPECT_TRUE(queue_gives(&self->q, self->in, RECV));
	EXPECT_TRUE(counts(&self->q, self->in, handle, 5));
}

TEST_F(bytes, after_add)
{
	uint64_t handle = add(&self->q, variant->type, self->in, RECV, 0);

	EXPECT_TRUE(queue_stays_empty(&self->q));
	ASSERT_TRUE(send_bytes(self->out, self->in, 5));
	EXPECT_TRUE(gives(&self->q, self->in, handle, 5));
	/* The level, at each wait. */
	EXPECT_TRUE(gives(&self->q, self->in, handle, 5));
	ASSERT_TRUE(send_bytes(self->out, self->in, 3));
	EXPECT_TRUE(gives(&self->q, self->in, handle, variant->adds ? 8 : 5));
	ASSERT_TRUE(drain(self->in));
	EXPECT_TRUE(queue_stays_empty(&self->q));
	ASSERT_TRUE(send_bytes(self->out, self->in, 2));
	EXPECT_TRUE(gives(&self->q, self->in, handle, 2));
}

TEST_F(bytes, edges)
{
	uint64_t handle = add(&self->q, variant->type, self->in, RECV, KEVENT_ET);

	for (int i = 1; i < 4; i++) {
		ASSERT_TRUE(send_bytes(self->out, self->in, 5));
		EXPECT_TRUE(gives(&self->q, self->in, handle, variant->adds ? 5 * i : 5));
		EXPECT_TRUE(queue_stays_empty(&self->q));
	}
}

TEST_F(bytes, wake_a_waiter)
{
	uint64_t handle = add(&self->q, variant->type, self->in, RECV, KEVENT_ONESHOT);
	struct waiter waiter;

	ASSERT_TRUE(waiter_sleeps(&waiter, &self->q));
	ASSERT_TRUE(send_bytes(self->out, self->in, 7));
	EXPECT_EQ(0, waiter_returns(&waiter));
	EXPECT_TRUE(queue_gives(&self->q, self->in, RECV));
	EXPECT_TRUE(counts(&self->q, self->in, handle, 7));
}

TEST_F(bytes, make_the_queue_readable)
{
	struct call call = { .make = call_poll, .fd = self->q.fd, .value = POLLIN };
	uint64_t handle = add(&self->q, variant->type, self->in, RECV, 0);

	ASSERT_TRUE(call_start_blocked(&call));
	ASSERT_TRUE(send_bytes(self->out, self->in, 7));
	ASSERT_TRUE(call_ends(&call));
	EXPECT_EQ(POLLIN, call.value);
	EXPECT_TRUE(queue_gives(&self->q, self->in, RECV));
	EXPECT_TRUE(counts(&self->q, self->in, handle, 7));
}

/* The kernel counts only in calls on the queue. It says so to a loop that makes none. */
TEST_F(bytes, wait_for_a_call)
{
	uint64_t handle = add(&self->q, variant->type, self->in, RECV, KEVENT_ET);

	EXPECT_FALSE(kevent_wants_look(&self->q));
	ASSERT_TRUE(send_bytes(self->out, self->in, 7));
	EXPECT_TRUE(wait_for(kevent_wants_look(&self->q)));
	EXPECT_TRUE(queue_is_empty(&self->q));
	EXPECT_TRUE(gives(&self->q, self->in, handle, 7));
	EXPECT_FALSE(kevent_wants_look(&self->q));
}

TEST_F(bytes, at_recheck)
{
	uint64_t handle = add(&self->q, variant->type, self->in, RECV, KEVENT_DISPATCH);

	for (int i = 0; i < 3; i++) {
		ASSERT_TRUE(send_bytes(self->out, self->in, 6));
		EXPECT_TRUE(gives(&self->q, self->in, handle, 6));
		ASSERT_TRUE(send_bytes(self->out, self->in, 1));
		EXPECT_TRUE(queue_stays_empty(&self->q));
		ASSERT_EQ(0, queue_recheck(&self->q, handle));
		EXPECT_TRUE(queue_gives(&self->q, self->in, RECV));
		EXPECT_TRUE(counts(&self->q, self->in, handle, variant->adds ? 7 : 6));
		ASSERT_TRUE(drain(self->in));
		ASSERT_EQ(0, queue_recheck(&self->q, handle));
	}
}

TEST_F(bytes, only_for_wanted_events)
{
	uint64_t handle = add(&self->q, variant->type, self->in, 0, 0);

	ASSERT_TRUE(send_bytes(self->out, self->in, 7));
	EXPECT_FALSE(kevent_wants_look(&self->q));
	EXPECT_TRUE(queue_stays_empty(&self->q));
	EXPECT_EQ(0, kevent_data(&self->q, kevent_slot_of(handle)));
}

TEST_F(bytes, from_mod_on)
{
	uint64_t handle = queue_add(&self->q, variant->type, self->in, self->in, RECV, KEVENT_ET);
	struct kevent_event event;

	ASSERT_TRUE(send_bytes(self->out, self->in, 7));
	EXPECT_TRUE(queue_waits_for(&self->q, self->in, RECV));
	EXPECT_EQ(0, kevent_data(&self->q, kevent_slot_of(handle)));
	ASSERT_EQ(0, queue_mod(&self->q, handle, RECV, KEVENT_BYTES | KEVENT_ET));
	EXPECT_TRUE(queue_gives(&self->q, self->in, RECV));
	EXPECT_TRUE(counts(&self->q, self->in, handle, 7));
	/* Without the flag, events appear without a call again. */
	ASSERT_EQ(0, queue_mod(&self->q, handle, RECV, KEVENT_ET));
	EXPECT_TRUE(queue_gives(&self->q, self->in, RECV));
	ASSERT_TRUE(send_bytes(self->out, self->in, 7));
	EXPECT_TRUE(wait_for(kevent_next(&self->q, &event)));
}

TEST_F(bytes, beside_other_events)
{
	uint64_t handle = add(&self->q, variant->type, self->in, RECV | SEND, KEVENT_ET);

	if (variant->type == KEVENT_SOCKET)
		EXPECT_TRUE(queue_gives(&self->q, self->in, SEND));
	EXPECT_EQ(0, kevent_data(&self->q, kevent_slot_of(handle)));
	ASSERT_TRUE(send_bytes(self->out, self->in, 7));
	EXPECT_TRUE(queue_waits_for(&self->q, self->in,
				    variant->type == KEVENT_SOCKET ? RECV | SEND : RECV));
	EXPECT_TRUE(counts(&self->q, self->in, handle, 7));
}

/* The events at the end of a pipe, and how many bytes are left. */
TEST(the_last_bytes)
{
	struct kevent_queue q;
	uint64_t handle;
	int fds[2];
	char buf[8];

	ASSERT_EQ(0, kevent_open(&q, 8, 0));
	ASSERT_TRUE(make_pipe(fds));
	handle = add(&q, KEVENT_PIPE, fds[0], RECV, 0);
	ASSERT_TRUE(send_bytes(fds[1], fds[0], 5));
	ASSERT_EQ(0, close(fds[1]));
	for (int left = 5; left >= 0; left--) {
		EXPECT_TRUE(queue_waits_for(&q, fds[0], RECV | POLLHUP));
		EXPECT_TRUE(counts(&q, fds[0], handle, left));
		EXPECT_EQ(left != 0, read(fds[0], buf, 1));
	}
	kevent_close(&q);
}

TEST(connections_to_accept)
{
	static const int families[] = { AF_INET, AF_UNIX };
	struct sockaddr_storage address = { };
	socklen_t size;

	ASSERT_TRUE(loopback_up());
	for (size_t i = 0; i < ARRAY_SIZE(families); i++) {
		int fd = socket(families[i], SOCK_STREAM | SOCK_CLOEXEC, 0);
		struct kevent_queue q;
		uint64_t handle;

		ASSERT_EQ(0, kevent_open(&q, 8, 0));
		address.ss_family = families[i];
		size = families[i] == AF_UNIX ? sizeof(sa_family_t) : sizeof(struct sockaddr_in);
		ASSERT_EQ(0, bind(fd, (struct sockaddr *)&address, size));
		ASSERT_EQ(0, listen(fd, 8));
		size = sizeof(address);
		ASSERT_EQ(0, getsockname(fd, (struct sockaddr *)&address, &size));
		handle = add(&q, KEVENT_SOCKET, fd, ACCEPT, 0);
		for (int n = 1; n <= 3; n++) {
			int client = socket(families[i], SOCK_STREAM | SOCK_CLOEXEC, 0);

			ASSERT_EQ(0, connect(client, (struct sockaddr *)&address, size));
			EXPECT_TRUE(queue_waits_for(&q, fd, ACCEPT));
			EXPECT_EQ(n, kevent_data(&q, kevent_slot_of(handle)));
		}
		ASSERT_LE(0, accept(fd, NULL, NULL));
		EXPECT_TRUE(queue_waits_for(&q, fd, ACCEPT));
		EXPECT_EQ(2, kevent_data(&q, kevent_slot_of(handle)));
		kevent_close(&q);
		memset(&address, 0, sizeof(address));
	}
}

TEST(sockets_that_are_not_counted)
{
	int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, 0);
	struct kevent_queue q;
	uint64_t handle;

	ASSERT_EQ(0, kevent_open(&q, 8, 0));
	EXPECT_EQ(0, add(&q, KEVENT_SOCKET, fd, RECV, 0));
	EXPECT_EQ(EOPNOTSUPP, errno);
	handle = queue_add(&q, KEVENT_SOCKET, fd, 1, RECV, 0);
	ASSERT_NE(0, handle);
	EXPECT_EQ(-EOPNOTSUPP, queue_mod(&q, handle, RECV, KEVENT_BYTES));
	EXPECT_EQ(0, queue_mod(&q, handle, RECV, 0));
	kevent_close(&q);
}

TEST(other_types)
{
	struct kevent_queue q;
	int fds[2];

	ASSERT_EQ(0, kevent_open(&q, 8, 0));
	ASSERT_TRUE(make_pipe(fds));
	EXPECT_EQ(0, add(&q, KEVENT_POLL, fds[0], POLLIN, 0));
	EXPECT_EQ(EINVAL, errno);
	EXPECT_EQ(0, queue_add_user(&q, 1, 1, KEVENT_BYTES));
	EXPECT_EQ(EINVAL, errno);
	kevent_close(&q);
}

TEST_HARNESS_MAIN
