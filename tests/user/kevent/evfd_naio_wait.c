// SPDX-License-Identifier: GPL-2.0
/*
 * KEVENT_NAIO: operations that wait for the socket, and their end: data, room, errors, and
 * cancellation.
 */
#include "naio.h"

#include <netinet/tcp.h>
#include <pthread.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/resource.h>

#define SIZE	(4 << 20)	/* more than any socket keeps */
#define FILL	0x5a		/* the memory before a RECV */

static char buffer[SIZE], other[SIZE];

/* A RECV of 100 bytes into the buffer, with the user word 1, that waits at ends[0]. */
FIXTURE(wait)
{
	struct kevent_queue q;
	int ends[2];
	uint64_t handle;
};

FIXTURE_VARIANT(wait)
{
	bool (*make)(int fds[2]);
};

FIXTURE_VARIANT_ADD(wait, stream) { .make = make_stream };
FIXTURE_VARIANT_ADD(wait, packets) { .make = make_packets };
FIXTURE_VARIANT_ADD(wait, datagrams) { .make = make_datagrams };
FIXTURE_VARIANT_ADD(wait, tcp) { .make = make_tcp };
FIXTURE_VARIANT_ADD(wait, udp) { .make = make_udp };

FIXTURE_SETUP(wait)
{
	memset(buffer, FILL, sizeof(buffer));
	signal(SIGPIPE, SIG_IGN);
	ASSERT_EQ(0, kevent_open(&self->q, 4096, 0));
	ASSERT_TRUE(make_waiting(variant->make, self->ends));
	self->handle = start_naio(&self->q, self->ends[0], 1, RECV, buffer, 100, 0);
	ASSERT_NE(0, self->handle);
	EXPECT_TRUE(queue_stays_empty(&self->q));
}

FIXTURE_TEARDOWN(wait)
{
	close(self->ends[0]);
	close(self->ends[1]);
	kevent_close(&self->q);
}

#define is_stream()	(variant->make == make_stream || variant->make == make_tcp)

static bool is_untouched(void)
{
	for (size_t i = 0; i < 1000; i++) {
		if (buffer[i] != FILL)
			return false;
	}
	return true;
}

/* Data */

TEST_F(wait, receives_what_comes)
{
	ASSERT_EQ(3, send(self->ends[1], "abc", 3, 0));
	EXPECT_EQ(3, result_of(&self->q, 1, RECV));
	EXPECT_EQ(0, memcmp(buffer, "abc", 3));
	for (int i = 0; i < 100; i++) {
		struct kevent_op again = kevent_op_naio_again(self->handle, buffer, 100, 0);

		ASSERT_EQ(0, queue_do(&self->q, &again));
		EXPECT_TRUE(queue_is_empty(&self->q));
		ASSERT_EQ(1, send(self->ends[1], &(char){ i }, 1, 0));
		ASSERT_EQ(1, result_of(&self->q, 1, RECV));
		ASSERT_EQ(i, buffer[0]);
	}
}

TEST_F(wait, wakes_a_waiter)
{
	struct waiter waiter;

	ASSERT_TRUE(waiter_sleeps(&waiter, &self->q));
	ASSERT_EQ(3, send(self->ends[1], "abc", 3, 0));
	EXPECT_EQ(0, waiter_returns(&waiter));
	EXPECT_TRUE(queue_gives(&self->q, 1, RECV));
}

TEST_F(wait, is_busy)
{
	struct kevent_op again = kevent_op_naio_again(self->handle, buffer, 100, 0);

	EXPECT_EQ(-EBUSY, queue_do(&self->q, &again));
	ASSERT_EQ(3, send(self->ends[1], "abc", 3, 0));
	EXPECT_EQ(3, result_of(&self->q, 1, RECV));
	EXPECT_EQ(0, queue_do(&self->q, &again));
}

/* Of several that wait, each gets something. */
TEST_F(wait, several_of_a_socket)
{
	uint32_t seen = 0;

	for (int i = 2; i <= 10; i++)
		ASSERT_NE(0, start_naio(&self->q, self->ends[0], i, RECV, buffer + 100 * i, 1, 0));
	for (int i = 1; i <= 10; i++) {
		struct kevent_event event;

		ASSERT_EQ(1, send(self->ends[1], "x", 1, 0));
		ASSERT_EQ(0, kevent_wait(&self->q, NULL, 0, DEADLINE_NS, 0));
		ASSERT_TRUE(kevent_next(&self->q, &event));
		EXPECT_EQ(1, kevent_aio_result(&self->q, event.slot));
		seen |= 1 << event.user;
	}
	EXPECT_EQ(0x7fe, seen);
	EXPECT_TRUE(queue_stays_empty(&self->q));
}

/* Data comes while operations that were woken for earlier data find nothing. */
TEST_F(wait, data_in_quick_succession)
{
	int64_t deadline = now_ms() + 1500;

	EXPECT_EQ(RECV, queue_remove(&self->q, self->handle));
	while (now_ms() < deadline) {
		struct kevent_event event;
		struct kevent_op ops[4];
		int n = 0;

		for (int i = 0; i < 4; i++)
			ops[i] = kevent_op_naio(self->ends[0], 10 + i, RECV, buffer + i, 1, 0,
						KEVENT_ONESHOT);
		ASSERT_EQ(4, kevent_submit(&self->q, ops, 4));
		for (int i = 0; i < 4; i++)
			ASSERT_EQ(1, send(self->ends[1], "x", 1, 0));
		for (; n < 4; n++) {
			while (!kevent_next(&self->q, &event))
				ASSERT_EQ(0, kevent_wait(&self->q, NULL, 0, DEADLINE_NS, 0));
			ASSERT_EQ(1, kevent_aio_result(&self->q, event.slot));
		}
	}
}

static void *send_in_parts(void *arg)
{
	int fd = *(int *)arg;

	for (size_t i = 0; i < SIZE; i += SIZE / 64) {
		if (send(fd, other + i, SIZE / 64, 0) != SIZE / 64)
			return arg;
		if (i % (SIZE / 8) == 0)
			sleep_ms(5);
	}
	return NULL;
}

TEST_F(wait, receives_all)
{
	pthread_t thread;
	void *failed;

	if (!is_stream())
		return;
	EXPECT_EQ(RECV, queue_remove(&self->q, self->handle));
	for (size_t i = 0; i < SIZE; i++)
		other[i] = i * 7 + i / 255;
	ASSERT_NE(0, start_naio(&self->q, self->ends[0], 2, RECV, buffer, SIZE, MSG_WAITALL));
	ASSERT_EQ(0, pthread_create(&thread, NULL, send_in_parts, &self->ends[1]));
	EXPECT_EQ(SIZE, result_of(&self->q, 2, RECV));
	pthread_join(thread, &failed);
	EXPECT_EQ(NULL, failed);
	EXPECT_EQ(0, memcmp(buffer, other, SIZE));
	/* The end comes before. */
	ASSERT_NE(0, start_naio(&self->q, self->ends[0], 3, RECV, buffer, SIZE, MSG_WAITALL));
	ASSERT_EQ(3, send(self->ends[1], "abc", 3, 0));
	sleep_ms(20);
	EXPECT_TRUE(queue_stays_empty(&self->q));
	ASSERT_EQ(2, send(self->ends[1], "de", 2, 0));
	shutdown(self->ends[1], SHUT_WR);
	EXPECT_EQ(5, result_of(&self->q, 3, RECV));
	EXPECT_EQ(0, memcmp(buffer, "abcde", 5));
}

TEST_F(wait, receives_as_much_as_the_socket_asks_for)
{
	int low = 10;

	if (variant->make != make_tcp)
		return;
	EXPECT_EQ(RECV, queue_remove(&self->q, self->handle));
	ASSERT_EQ(0, setsockopt(self->ends[0], SOL_SOCKET, SO_RCVLOWAT, &low, sizeof(low)));
	ASSERT_EQ(3, send(self->ends[1], "abc", 3, 0));
	ASSERT_NE(0, start_naio(&self->q, self->ends[0], 2, RECV, buffer, 100, 0));
	ASSERT_EQ(6, send(self->ends[1], "defghi", 6, 0));
	sleep_ms(20);
	EXPECT_TRUE(queue_stays_empty(&self->q));
	ASSERT_EQ(20, send(self->ends[1], other, 20, 0));
	EXPECT_EQ(29, result_of(&self->q, 2, RECV));
	EXPECT_EQ(0, memcmp(buffer, "abcdefghi", 9));
}

/* Room */

TEST_F(wait, sends_all)
{
	size_t n = 0;

	if (!is_stream())
		return;
	for (size_t i = 0; i < SIZE; i++)
		other[i] = i * 7 + i / 255;
	EXPECT_EQ(RECV, queue_remove(&self->q, self->handle));
	ASSERT_NE(0, start_naio(&self->q, self->ends[1], 2, SEND, other, SIZE, 0));
	sleep_ms(20);
	EXPECT_TRUE(queue_stays_empty(&self->q));
	while (n < SIZE) {
		ssize_t more = recv(self->ends[0], buffer + n, SIZE - n, 0);

		ASSERT_LT(0, more);
		n += more;
	}
	EXPECT_EQ(SIZE, result_of(&self->q, 2, SEND));
	EXPECT_EQ(0, memcmp(buffer, other, SIZE));
}

TEST_F(wait, sends_messages)
{
	int sent = 0, got = 0;

	if (is_stream() || variant->make == make_udp)
		return;
	EXPECT_EQ(RECV, queue_remove(&self->q, self->handle));
	while (send(self->ends[1], buffer, 1000, MSG_DONTWAIT) == 1000)
		sent++;
	for (int i = 2; i < 12; i++)
		ASSERT_NE(0, start_naio(&self->q, self->ends[1], i, SEND, buffer, 1000, 0));
	EXPECT_TRUE(queue_stays_empty(&self->q));
	for (int i = 2; i < 12; ) {
		struct kevent_event event;

		while (recv(self->ends[0], other, 1000, MSG_DONTWAIT) == 1000)
			got++;
		if (kevent_wait(&self->q, NULL, 0, DEADLINE_NS, 0))
			break;
		for (; kevent_next(&self->q, &event); i++)
			EXPECT_EQ(1000, kevent_aio_result(&self->q, event.slot));
	}
	while (recv(self->ends[0], other, 1000, MSG_DONTWAIT) == 1000)
		got++;
	EXPECT_EQ(sent + 10, got);
}

/* Errors and ends */

TEST_F(wait, shut_down)
{
	if (variant->make == make_udp || variant->make == make_datagrams)
		return;
	shutdown(self->ends[1], SHUT_WR);
	EXPECT_EQ(0, result_of(&self->q, 1, RECV));
}

TEST_F(wait, shut_down_by_itself)
{
	/* UDP wants to be connected. */
	if (variant->make == make_udp)
		return;
	ASSERT_EQ(0, shutdown(self->ends[0], SHUT_RD));
	EXPECT_EQ(0, result_of(&self->q, 1, RECV));
}

/* The bytes before a reset are one result, the reset is that of the next operation. */
TEST_F(wait, reset)
{
	struct linger reset = { .l_onoff = 1 };
	struct kevent_op again;

	if (variant->make != make_tcp)
		return;
	ASSERT_EQ(0, setsockopt(self->ends[1], SOL_SOCKET, SO_LINGER, &reset, sizeof(reset)));
	EXPECT_EQ(RECV, queue_remove(&self->q, self->handle));
	self->handle = start_naio(&self->q, self->ends[0], 2, RECV, buffer, 100, MSG_WAITALL);
	ASSERT_NE(0, self->handle);
	ASSERT_EQ(3, send(self->ends[1], "abc", 3, 0));
	sleep_ms(50);
	EXPECT_TRUE(queue_stays_empty(&self->q));
	close(self->ends[1]);
	self->ends[1] = -1;
	EXPECT_EQ(3, result_of(&self->q, 2, RECV));
	again = kevent_op_naio_again(self->handle, buffer, 100, 0);
	EXPECT_EQ(0, queue_do(&self->q, &again));
	EXPECT_EQ(-ECONNRESET, result_of(&self->q, 2, RECV));
}

TEST_F(wait, closed_by_the_other)
{
	if (variant->make == make_udp || variant->make == make_datagrams)
		return;
	close(self->ends[1]);
	self->ends[1] = -1;
	EXPECT_EQ(0, result_of(&self->q, 1, RECV));
}

TEST_F(wait, sender_without_a_reader)
{
	struct kevent_op again;
	uint64_t handle;

	if (!is_stream())
		return;
	EXPECT_EQ(RECV, queue_remove(&self->q, self->handle));
	handle = start_naio(&self->q, self->ends[1], 2, SEND, other, SIZE, 0);
	ASSERT_NE(0, handle);
	sleep_ms(20);
	EXPECT_TRUE(queue_stays_empty(&self->q));
	close(self->ends[0]);
	self->ends[0] = -1;
	EXPECT_LT(0, result_of(&self->q, 2, SEND));
	again = kevent_op_naio_again(handle, other, 1, 0);
	EXPECT_EQ(0, queue_do(&self->q, &again));
	EXPECT_EQ(variant->make == make_tcp ? -ECONNRESET : -EPIPE, result_of(&self->q, 2, SEND));
	EXPECT_EQ(0, queue_do(&self->q, &again));
	EXPECT_EQ(-EPIPE, result_of(&self->q, 2, SEND));
}

/* The operation holds the socket. */
TEST_F(wait, descriptor_closed)
{
	close(self->ends[0]);
	ASSERT_EQ(3, send(self->ends[1], "abc", 3, 0));
	EXPECT_EQ(3, result_of(&self->q, 1, RECV));
	self->ends[0] = -1;
	if (variant->make != make_udp)
		EXPECT_TRUE(wait_for(send(self->ends[1], "abc", 3, MSG_NOSIGNAL) < 0));
}

/* Memory without pages, when the data comes. */
TEST_F(wait, memory_is_unmapped)
{
	char *memory = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	EXPECT_EQ(RECV, queue_remove(&self->q, self->handle));
	ASSERT_NE(0, start_naio(&self->q, self->ends[0], 2, RECV, memory, 100, 0));
	munmap(memory, 4096);
	ASSERT_EQ(3, send(self->ends[1], "abc", 3, 0));
	EXPECT_EQ(-EFAULT, result_of(&self->q, 2, RECV));
}

/* Cancellation */

TEST_F(wait, removed)
{
	struct kevent_op again = kevent_op_naio_again(self->handle, buffer, 100, 0);

	EXPECT_EQ(RECV, queue_remove(&self->q, self->handle));
	EXPECT_EQ(-ECANCELED, kevent_aio_result(&self->q, kevent_slot_of(self->handle)));
	ASSERT_EQ(3, send(self->ends[1], "abc", 3, 0));
	sleep_ms(20);
	EXPECT_TRUE(is_untouched());
	EXPECT_TRUE(queue_stays_empty(&self->q));
	EXPECT_EQ(-ENOENT, queue_do(&self->q, &again));
	EXPECT_EQ(3, naio_by_queue(&self->q, self->ends[0], RECV, other, 100, 0));
}

/* The result is what was received before. */
TEST_F(wait, removed_in_the_middle)
{
	if (!is_stream())
		return;
	EXPECT_EQ(RECV, queue_remove(&self->q, self->handle));
	self->handle = start_naio(&self->q, self->ends[0], 2, RECV, buffer, 100, MSG_WAITALL);
	ASSERT_NE(0, self->handle);
	ASSERT_EQ(3, send(self->ends[1], "abc", 3, 0));
	ASSERT_TRUE(wait_for(!memcmp(buffer, "abc", 3)));
	sleep_ms(20);
	EXPECT_EQ(RECV, queue_remove(&self->q, self->handle));
	EXPECT_EQ(3, kevent_aio_result(&self->q, kevent_slot_of(self->handle)));
}

/* Operations that wait take no thread, whatever their number. */
TEST_F(wait, thousands)
{
	int number = kernel_checks_itself() ? 1000 : 3000, ends[2];
	struct rlimit limit = { .rlim_cur = 20000, .rlim_max = 20000 };
	static int fds[3000][2];
	static struct kevent_op ops[3000];

	ASSERT_EQ(0, setrlimit(RLIMIT_NOFILE, &limit));
	for (int i = 0; i < number; i++) {
		ASSERT_TRUE(make_waiting(make_stream, fds[i]));
		ops[i] = kevent_op_naio(fds[i][0], 1000 + i, RECV, other + i, 1, 0, 0);
	}
	ASSERT_EQ(number, kevent_submit(&self->q, ops, number));
	EXPECT_TRUE(queue_stays_empty(&self->q));
	ASSERT_TRUE(make_waiting(make_stream, ends));
	ASSERT_EQ(1, send(ends[1], "x", 1, 0));
	EXPECT_EQ(1, naio_by_queue(&self->q, ends[0], RECV, buffer, 1, 0));
	for (int i = 0; i < number; i += 100) {
		ASSERT_EQ(1, send(fds[i][1], "x", 1, 0));
		ASSERT_EQ(1, result_of(&self->q, 1000 + i, RECV));
	}
	EXPECT_TRUE(queue_stays_empty(&self->q));
	for (int i = 0; i < number; i++) {
		close(fds[i][0]);
		close(fds[i][1]);
	}
	close(ends[0]);
	close(ends[1]);
}

/* Races */

static _Atomic bool stop;

struct racer {
	pthread_t thread;
	const struct kevent_queue *q;
	int fd;
};

static void *fail(int err)
{
	fprintf(stderr, "# failed: %s\n", strerror(-err));
	return &stop;
}

/* Starts and removes operations while data comes. */
static void *race(void *arg)
{
	struct racer *racer = arg;
	static char memory[4096];

	for (int i = 0; !stop; i++) {
		struct kevent_op op = kevent_op_naio(racer->fd, i & 3, i & 4 ? SEND : RECV, memory,
						     i % 100, 0, i & 1 ? KEVENT_ONESHOT : 0);
		struct kevent_op again;
		int ret = queue_do(racer->q, &op);

		/* The consumer may be slow. */
		if (ret && ret != -EEXIST && ret != -ENOSPC)
			return fail(ret);
		if (ret)
			continue;
		again = kevent_op_naio_again(op.handle, memory, i % 50, 0);
		ret = queue_do(racer->q, &again);
		if (ret && ret != -EBUSY && ret != -ENOENT)
			return fail(ret);
		if (i % 3)
			queue_remove(racer->q, op.handle);
	}
	return NULL;
}

TEST_F(wait, started_and_removed_by_threads)
{
	struct kevent_event event;
	struct racer racers[4];
	int64_t deadline = now_ms() + 2000;

	stop = false;
	for (int i = 0; i < 4; i++) {
		racers[i] = (struct racer){ .q = &self->q, .fd = self->ends[i & 1] };
		ASSERT_EQ(0, pthread_create(&racers[i].thread, NULL, race, &racers[i]));
	}
	while (now_ms() < deadline) {
		kevent_wait(&self->q, NULL, 0, 1000000, 0);
		while (kevent_next(&self->q, &event))
			EXPECT_TRUE(event.events == RECV || event.events == SEND);
		send(self->ends[1], "xyz", 3, MSG_DONTWAIT);
		recv(self->ends[0], other, 100, MSG_DONTWAIT);
	}
	stop = true;
	for (int i = 0; i < 4; i++) {
		void *failed;

		pthread_join(racers[i].thread, &failed);
		EXPECT_EQ(NULL, failed);
	}
}

TEST_HARNESS_MAIN
