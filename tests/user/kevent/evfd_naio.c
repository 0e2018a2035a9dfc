// SPDX-License-Identifier: GPL-2.0
/*
 * KEVENT_NAIO beside recv(2), send(2) and io_uring: results, contents and errors of operations
 * that need not wait.
 */
#include "fault.h"
#include "naio.h"
#include "take26.h"
#include "uring.h"

#include <linux/netlink.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <sys/un.h>

#define SIZE	8192
#define FILL	0x5a	/* the memory before an operation */

enum way { NATIVE, QUEUE, URING };

/* A step of a script, for one end of a pair. */
struct step {
	enum { TRANSFERS, SHUTS, CLOSES, SETS_NONBLOCK } how;
	int end;
	uint32_t what;
	size_t len;
	uint32_t msg_flags;
};

#define DO(end, what, len, flags)	{ TRANSFERS, end, what, len, flags }
#define SHUT(end, how)			{ SHUTS, end, how, 0, 0 }
#define CLOSE(end)			{ CLOSES, end, 0, 0, 0 }
#define NONBLOCK(end)			{ SETS_NONBLOCK, end, 0, 0, 0 }

FIXTURE(naio)
{
	struct kevent_queue q;
	struct uring ring;
	int pairs[3][2];	/* for each way */
};

FIXTURE_VARIANT(naio)
{
	bool (*make)(int fds[2]);
};

FIXTURE_VARIANT_ADD(naio, stream) { .make = make_stream };
FIXTURE_VARIANT_ADD(naio, packets) { .make = make_packets };
FIXTURE_VARIANT_ADD(naio, datagrams) { .make = make_datagrams };
FIXTURE_VARIANT_ADD(naio, tcp) { .make = make_tcp };
FIXTURE_VARIANT_ADD(naio, udp) { .make = make_udp };

FIXTURE_SETUP(naio)
{
	ASSERT_EQ(0, kevent_open(&self->q, 512, 0));
	ASSERT_TRUE(uring_open(&self->ring));
	for (int i = 0; i < 3; i++)
		ASSERT_TRUE(make_waiting(variant->make, self->pairs[i]));
}

FIXTURE_TEARDOWN(naio)
{
	for (int i = 0; i < 3; i++) {
		close(self->pairs[i][0]);
		close(self->pairs[i][1]);
	}
	uring_close(&self->ring);
	kevent_close(&self->q);
}

static int64_t by_uring(struct uring *ring, int fd, uint32_t what, void *buf, size_t len,
			uint32_t msg_flags)
{
	struct io_uring_sqe *sqe = uring_queue(ring, what == RECV ? IORING_OP_RECV : IORING_OP_SEND,
					       fd, buf, len, 0);
	struct io_uring_cqe cqe;

	sqe->msg_flags = msg_flags;
	if (uring_submit(ring) != 1 || !uring_wait(ring, &cqe))
		return INT64_MIN;
	return cqe.res;
}

static char buffers[3][SIZE];

/* Does a step by each way. Returns whether all have the same result, and the same memory. */
static bool same_step(struct _test_data_naio *self, const struct step *step)
{
	int64_t results[3];

	for (enum way way = NATIVE; way <= URING; way++) {
		int *fd = &self->pairs[way][step->end];
		char *buf = buffers[way];

		memset(buf, FILL, SIZE);
		for (size_t i = 0; step->what == SEND && i < step->len; i++)
			buf[i] = i * 7 + i / 255;
		if (step->how == SHUTS)
			results[way] = result(shutdown(*fd, step->what));
		else if (step->how == SETS_NONBLOCK)
			results[way] = result(fcntl(*fd, F_SETFL, O_NONBLOCK));
		else if (step->how == CLOSES)
			results[way] = result(close(*fd)), *fd = -1;
		else if (way == QUEUE)
			results[way] = naio_by_queue(&self->q, *fd, step->what, buf, step->len,
						     step->msg_flags);
		else if (way == URING)
			results[way] = by_uring(&self->ring, *fd, step->what, buf, step->len,
						step->msg_flags);
		else
			results[way] = naio_by_call(*fd, step->what, buf, step->len,
						    step->msg_flags);
	}
	if (results[QUEUE] == results[NATIVE] && results[URING] == results[NATIVE] &&
	    !memcmp(buffers[QUEUE], buffers[NATIVE], SIZE))
		return true;
	fprintf(stderr, "# %s of %zu, %#x: %lld, native %lld, io_uring %lld\n",
		step->what == RECV ? "recv" : "send", step->len, step->msg_flags,
		(long long)results[QUEUE], (long long)results[NATIVE], (long long)results[URING]);
	return false;
}

#define EXPECT_SAME(...) do {						\
	static const struct step steps[] = { __VA_ARGS__ };		\
									\
	for (size_t i = 0; i < ARRAY_SIZE(steps); i++)			\
		EXPECT_TRUE(same_step(self, &steps[i]));		\
} while (0)

/* Results as native */

TEST_F(naio, transfers)
{
	EXPECT_SAME(DO(1, SEND, 100, 0), DO(0, RECV, 50, 0), DO(1, SEND, 200, 0),
		    DO(0, RECV, SIZE, 0), DO(1, SEND, 1, 0), DO(0, RECV, SIZE, 0),
		    DO(1, SEND, 3, 0), DO(0, RECV, 3, 0), DO(1, SEND, SIZE, 0),
		    DO(0, RECV, SIZE, MSG_WAITALL));
}

TEST_F(naio, nothing)
{
	bool is_stream = variant->make == make_stream || variant->make == make_tcp;

	if (is_stream)
		EXPECT_SAME(DO(1, SEND, 0, 0));
	else
		EXPECT_SAME(DO(1, SEND, 0, 0), DO(0, RECV, 10, 0), DO(1, SEND, 5, 0),
			    DO(0, RECV, 0, 0));
}

TEST_F(naio, flags)
{
	EXPECT_SAME(DO(0, RECV, 50, MSG_DONTWAIT), DO(1, SEND, 100, MSG_DONTWAIT),
		    DO(0, RECV, 10, MSG_PEEK), DO(0, RECV, 200, MSG_PEEK),
		    DO(0, RECV, 10, MSG_TRUNC), DO(1, SEND, 30, MSG_NOSIGNAL | MSG_CONFIRM),
		    DO(0, RECV, SIZE, MSG_WAITALL | MSG_DONTWAIT),
		    DO(0, RECV, 10, MSG_PEEK | MSG_DONTWAIT));
	if (variant->make != make_udp)
		EXPECT_SAME(DO(1, SEND, 20, MSG_EOR), DO(0, RECV, 20, 0));
}

TEST_F(naio, urgent_data)
{
	if (variant->make == make_udp)
		return;
	EXPECT_SAME(DO(0, RECV, 1, MSG_OOB), DO(1, SEND, 1, MSG_OOB));
	if (variant->make == make_tcp || variant->make == make_stream)
		EXPECT_SAME(DO(1, SEND, 10, 0), DO(0, RECV, 1, MSG_OOB),
			    DO(0, RECV, 1, MSG_OOB), DO(0, RECV, 10, MSG_WAITALL));
}

TEST_F(naio, nonblocking)
{
	const int *ends = self->pairs[QUEUE];

	EXPECT_SAME(NONBLOCK(0), NONBLOCK(1), DO(1, SEND, 10, 0), DO(0, RECV, 10, MSG_WAITALL));
	/* io_uring waits. */
	for (uint32_t flags = 0; flags <= MSG_WAITALL; flags += MSG_WAITALL)
		EXPECT_EQ(-EAGAIN, naio_by_queue(&self->q, ends[0], RECV, buffers[0], 50, flags));
	ASSERT_EQ(10, send(ends[1], buffers[0], 10, 0));
	EXPECT_EQ(10, naio_by_queue(&self->q, ends[0], RECV, buffers[0], 50, MSG_WAITALL));
	if (variant->make != make_udp) {
		while (send(ends[1], buffers[0], SIZE, 0) > 0)
			;
		EXPECT_EQ(-EAGAIN, naio_by_queue(&self->q, ends[1], SEND, buffers[0], SIZE, 0));
	}
}

static _Atomic int signalled;

static void count_signal(int sig)
{
	(void)sig;
	signalled++;
}

TEST_F(naio, shut_down)
{
	ASSERT_NE(SIG_ERR, signal(SIGPIPE, count_signal));
	signalled = 0;
	EXPECT_SAME(DO(1, SEND, 10, 0), SHUT(1, SHUT_WR), DO(1, SEND, 10, 0));
	if (variant->make == make_stream || variant->make == make_tcp)
		EXPECT_SAME(DO(0, RECV, SIZE, MSG_WAITALL), DO(0, RECV, 10, 0),
			    SHUT(0, SHUT_RD), DO(0, RECV, 10, 0));
	EXPECT_EQ(0, signalled);
}

TEST_F(naio, without_the_other_end)
{
	ASSERT_NE(SIG_ERR, signal(SIGPIPE, count_signal));
	signalled = 0;
	EXPECT_SAME(DO(1, SEND, 10, 0), CLOSE(0));
	/* A reset takes a moment. */
	sleep_ms(50);
	if (variant->make != make_datagrams)
		EXPECT_SAME(DO(1, SEND, 10, 0));
	sleep_ms(50);
	EXPECT_SAME(DO(1, SEND, 10, 0));
	if (variant->make != make_udp && variant->make != make_datagrams)
		EXPECT_SAME(DO(1, RECV, 10, 0), DO(1, SEND, 10, 0));
	EXPECT_EQ(0, signalled);
}

/* Too large for a message, or for the buffer. */
TEST_F(naio, large_messages)
{
	size_t size = 4 << 20;
	char *memory = calloc(1, size);

	ASSERT_NE(NULL, memory);
	EXPECT_EQ(naio_by_call(self->pairs[NATIVE][1], SEND, memory, size, MSG_DONTWAIT) > 0,
		  naio_by_queue(&self->q, self->pairs[QUEUE][1], SEND, memory, size,
				MSG_DONTWAIT) > 0);
	if (variant->make != make_stream && variant->make != make_tcp)
		EXPECT_EQ(naio_by_call(self->pairs[NATIVE][1], SEND, memory, size, 0),
			  naio_by_queue(&self->q, self->pairs[QUEUE][1], SEND, memory, size, 0));
	free(memory);
}

/* Memory */

TEST_F(naio, memory_that_ends)
{
	static const enum bad_buffer bad[] = {
		NO_ACCESS, READ_ONLY, HALF_NO_ACCESS, HALF_READ_ONLY, LAST_BYTE,
	};
	int *native = self->pairs[NATIVE], *queue = self->pairs[QUEUE];

	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		ASSERT_EQ(2000, send(native[1], buffers[0], 2000, 0));
		ASSERT_EQ(2000, send(queue[1], buffers[0], 2000, 0));
		EXPECT_EQ(naio_by_call(native[0], RECV, bad_buffer(bad[i], 2000), 2000, 0),
			  naio_by_queue(&self->q, queue[0], RECV, bad_buffer(bad[i], 2000), 2000,
					0));
		EXPECT_EQ(naio_by_call(native[1], SEND, bad_buffer(bad[i], 2000), 2000, 0),
			  naio_by_queue(&self->q, queue[1], SEND, bad_buffer(bad[i], 2000), 2000,
					0));
		for (int way = 0; way < 2; way++) {
			while (recv(self->pairs[way][0], buffers[0], SIZE, MSG_DONTWAIT) > 0)
				;
		}
	}
}

/* Errors */

#define FAILS(err, ...) do {						\
	struct kevent_op op = kevent_op_naio(__VA_ARGS__);		\
									\
	EXPECT_EQ(-(err), queue_do(&self->q, &op));			\
} while (0)

TEST_F(naio, files_that_it_cannot_have)
{
	int file = open("/tmp", O_TMPFILE | O_RDWR, 0600), path = open("/tmp", O_PATH), ends[2];
	int netlink = socket(AF_NETLINK, SOCK_RAW, NETLINK_ROUTE);
	char c;

	ASSERT_EQ(0, pipe(ends));
	FAILS(EBADF, 1000, 1, RECV, &c, 1, 0, 0);
	FAILS(EBADF, -1, 1, RECV, &c, 1, 0, 0);
	FAILS(EBADF, path, 1, RECV, &c, 1, 0, 0);
	FAILS(ENOTSOCK, file, 1, RECV, &c, 1, 0, 0);
	FAILS(ENOTSOCK, ends[0], 1, RECV, &c, 1, 0, 0);
	FAILS(ENOTSOCK, self->q.fd, 1, SEND, &c, 1, 0, 0);
	FAILS(EOPNOTSUPP, netlink, 1, RECV, &c, 1, 0, 0);
	FAILS(EOPNOTSUPP, netlink, 1, SEND, &c, 1, 0, 0);
	EXPECT_TRUE(queue_stays_empty(&self->q));
	close(netlink);
	close(file);
	close(path);
	close(ends[0]);
	close(ends[1]);
}

TEST_F(naio, arguments_that_are_invalid)
{
	static const uint32_t receives = MSG_OOB | MSG_PEEK | MSG_TRUNC | MSG_DONTWAIT |
					 MSG_WAITALL;
	static const uint32_t sends = MSG_OOB | MSG_DONTROUTE | MSG_DONTWAIT | MSG_EOR |
				      MSG_CONFIRM | MSG_NOSIGNAL | MSG_MORE;
	int fd = self->pairs[QUEUE][0];
	struct kevent_op op;
	char c;

	FAILS(EINVAL, fd, 1, 0, &c, 1, 0, 0);
	FAILS(EINVAL, fd, 1, RECV | SEND, &c, 1, 0, 0);
	FAILS(EINVAL, fd, 1, RECV, &c, 1, MSG_PEEK | MSG_WAITALL, 0);
	FAILS(EINVAL, fd, 1, RECV, &c, 1, 0, KEVENT_ET);
	FAILS(EINVAL, fd, 1, RECV, &c, 1, 0, KEVENT_BYTES);
	FAILS(EINVAL, fd, 1, RECV, &c, 1, 0, KEVENT_ONESHOT | KEVENT_DISPATCH);
	for (int i = 0; i < 32; i++) {
		uint32_t flag = UINT32_C(1) << i;

		if (!(flag & receives))
			FAILS(EINVAL, fd, 1, RECV, &c, 1, flag, 0);
		if (!(flag & sends))
			FAILS(EINVAL, fd, 1, SEND, &c, 1, flag, 0);
	}
	op = kevent_op_naio(fd, 1, RECV, &c, 1, 0, 0);
	op.arg[2] = UINT64_C(1) << 32;
	EXPECT_EQ(-EINVAL, queue_do(&self->q, &op));
	op.arg[2] = 0;
	op.arg[1] = UINT64_C(1) << 63;
	EXPECT_EQ(-EINVAL, queue_do(&self->q, &op));
	op.arg[1] = 1;
	op.id |= UINT64_C(1) << 32;
	EXPECT_EQ(-EBADF, queue_do(&self->q, &op));
#ifdef __LP64__
	FAILS(EFAULT, fd, 1, RECV, (void *)(UINTPTR_MAX - 4096), 1, 0, 0);
#endif
	EXPECT_TRUE(queue_stays_empty(&self->q));
}

TEST_F(naio, calls_of_2006)
{
	int fd = take26_open();

	/* ENOSYS, a name that checkpatch.pl wants for missing system calls only. */
	EXPECT_EQ(-38, take26_add(fd, KEVENT_NAIO, self->pairs[QUEUE][0], 1, RECV, 0));
	close(fd);
}

/* The kevent */

TEST_F(naio, started_anew)
{
	const int *ends = self->pairs[QUEUE];
	uint64_t in, out;
	char data[64], got[64];

	memset(data, 'a', sizeof(data));
	out = start_naio(&self->q, ends[1], 1, SEND, data, sizeof(data), 0);
	ASSERT_NE(0, out);
	ASSERT_EQ(64, result_of(&self->q, 1, SEND));
	in = start_naio(&self->q, ends[0], 2, RECV, got, sizeof(got), 0);
	ASSERT_NE(0, in);
	ASSERT_EQ(64, result_of(&self->q, 2, RECV));
	for (int i = 1; i < 60; i++) {
		struct kevent_op op = kevent_op_naio_again(out, data, i, 0);

		memset(data, i, i);
		ASSERT_EQ(0, queue_do(&self->q, &op));
		EXPECT_EQ(i, result_of(&self->q, 1, SEND));
		op = kevent_op_naio_again(in, got, sizeof(got), 0);
		ASSERT_EQ(0, queue_do(&self->q, &op));
		EXPECT_EQ(i, result_of(&self->q, 2, RECV));
		EXPECT_EQ(0, memcmp(data, got, i));
	}
	EXPECT_EQ(0, queue_remove(&self->q, in));
	EXPECT_EQ(0, queue_remove(&self->q, out));
}

/* The descriptor is looked up, and may be another socket's. */
TEST_F(naio, started_anew_after_close)
{
	int *native = self->pairs[NATIVE], *ends = self->pairs[QUEUE];
	struct kevent_op again;
	char c = 'c';
	uint64_t handle = start_naio(&self->q, ends[1], 1, SEND, &c, 1, 0);

	ASSERT_NE(0, handle);
	ASSERT_EQ(1, result_of(&self->q, 1, SEND));
	ASSERT_EQ(1, recv(ends[0], &c, 1, 0));
	close(ends[1]);
	again = kevent_op_naio_again(handle, &c, 1, 0);
	EXPECT_EQ(-EBADF, queue_do(&self->q, &again));
	ASSERT_EQ(ends[1], dup2(native[1], ends[1]));
	EXPECT_EQ(0, queue_do(&self->q, &again));
	EXPECT_EQ(1, result_of(&self->q, 1, SEND));
	EXPECT_EQ(1, recv(native[0], &c, 1, MSG_DONTWAIT));
	ASSERT_EQ(ends[1], dup2(self->q.fd, ends[1]));
	EXPECT_EQ(-ENOTSOCK, queue_do(&self->q, &again));
	EXPECT_EQ(0, queue_remove(&self->q, handle));
}

/* The kevent holds no socket that it does not use. */
TEST_F(naio, closed)
{
	int *ends = self->pairs[QUEUE];
	uint64_t handle;
	char c = 'c';

	if (variant->make != make_stream && variant->make != make_tcp)
		return;
	handle = start_naio(&self->q, ends[1], 1, SEND, &c, 1, 0);
	ASSERT_NE(0, handle);
	ASSERT_EQ(1, result_of(&self->q, 1, SEND));
	close(ends[1]);
	ends[1] = -1;
	EXPECT_EQ(1, recv(ends[0], &c, 1, 0));
	EXPECT_EQ(0, recv(ends[0], &c, 1, 0));
	EXPECT_EQ(0, queue_remove(&self->q, handle));
}

TEST_HARNESS_MAIN
