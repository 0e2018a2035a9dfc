// SPDX-License-Identifier: GPL-2.0
/* KEVENT_NAIO_SENDFILE beside sendfile(2): results, contents, errors, waits and cancellation. */
#define _FILE_OFFSET_BITS 64

#include "naio.h"

#include <pthread.h>
#include <signal.h>
#include <sys/sendfile.h>
#include <sys/wait.h>

#define SENDFILE	KEVENT_NAIO_SENDFILE
#define SIZE		(6 << 20)	/* more than a socket keeps */
#define SMALL		20000

enum way { NATIVE, QUEUE };

FIXTURE(sendfile)
{
	struct kevent_queue q;
	int file;
	int pairs[2][2];	/* for each way */
};

static char data[SIZE], got[2][SIZE];

FIXTURE_SETUP(sendfile)
{
	for (size_t i = 0; i < SIZE; i++)
		data[i] = i * 7 + i / 255;
	signal(SIGPIPE, SIG_IGN);
	ASSERT_EQ(0, kevent_open(&self->q, 128, 0));
	self->file = open("/tmp", O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
	ASSERT_EQ(SIZE, pwrite(self->file, data, SIZE, 0));
	for (int i = 0; i < 2; i++)
		ASSERT_TRUE(make_waiting(make_tcp, self->pairs[i]));
}

FIXTURE_TEARDOWN(sendfile)
{
	for (int i = 0; i < 2; i++) {
		close(self->pairs[i][0]);
		close(self->pairs[i][1]);
	}
	close(self->file);
	kevent_close(&self->q);
}

static int64_t by_queue(struct kevent_queue *q, int fd, int file, uint64_t offset, size_t len)
{
	struct kevent_op op = kevent_op_sendfile(fd, 77, file, offset, len, KEVENT_ONESHOT);
	int ret = queue_do(q, &op);

	return ret ?: result_of(q, 77, SENDFILE);
}

static int64_t by_call(int fd, int file, uint64_t offset, size_t len)
{
	off_t at = offset;

	return result(sendfile(fd, file, &at, len));
}

/* Sends in both ways. Returns whether the results are the same, and the bytes. */
static bool same_send(struct _test_data_sendfile *self, int file, uint64_t offset, size_t len)
{
	int64_t results[2] = {
		by_call(self->pairs[NATIVE][1], file, offset, len),
		by_queue(&self->q, self->pairs[QUEUE][1], file, offset, len),
	};

	if (results[NATIVE] == results[QUEUE]) {
		if (results[QUEUE] <= 0)
			return true;
		for (int i = 0; i < 2; i++) {
			if (recv(self->pairs[i][0], got[i], results[QUEUE], MSG_WAITALL) !=
			    results[QUEUE])
				return false;
		}
		return !memcmp(got[NATIVE], got[QUEUE], results[QUEUE]);
	}
	fprintf(stderr, "# %zu bytes at %llu: %lld, native %lld\n", len,
		(unsigned long long)offset, (long long)results[QUEUE],
		(long long)results[NATIVE]);
	return false;
}

TEST_F(sendfile, sends)
{
	static const struct {
		size_t len;
		uint64_t offset;
	} places[] = {
		{ SMALL, 0 }, { 100, 50 }, { 1, SIZE - 1 }, { SMALL, SIZE - 100 }, { SMALL, SIZE },
		{ SMALL, SIZE + 1 }, { 0, 0 }, { SMALL, INT64_MAX - 1 }, { SMALL, INT64_MAX },
		{ SMALL, 4096 },
	};
	int exe = open("/proc/self/exe", O_RDONLY), disk = open("/dev/vda", O_RDONLY);

	for (size_t i = 0; i < ARRAY_SIZE(places); i++) {
		EXPECT_TRUE(same_send(self, self->file, places[i].offset, places[i].len));
		EXPECT_TRUE(same_send(self, exe, places[i].offset, places[i].len));
		if (disk >= 0)
			EXPECT_TRUE(same_send(self, disk, places[i].offset, places[i].len));
	}
	close(exe);
	close(disk);
}

static void *receive_all(void *arg)
{
	size_t n = 0;

	while (n < SIZE) {
		ssize_t more = recv(*(int *)arg, got[0] + n, SIZE - n, 0);

		if (more <= 0)
			return arg;
		n += more;
	}
	return NULL;
}

TEST_F(sendfile, waits_for_room)
{
	int *ends = self->pairs[QUEUE];
	struct kevent_op op = kevent_op_sendfile(ends[1], 1, self->file, 0, SIZE, 0);
	pthread_t thread;
	void *failed;

	ASSERT_EQ(0, queue_do(&self->q, &op));
	sleep_ms(50);
	EXPECT_TRUE(queue_stays_empty(&self->q));
	op = kevent_op_sendfile_again(op.handle, self->file, 0, SIZE);
	EXPECT_EQ(-EBUSY, queue_do(&self->q, &op));
	/* The operation holds both. */
	close(self->file);
	self->file = -1;
	ASSERT_EQ(0, pthread_create(&thread, NULL, receive_all, &ends[0]));
	EXPECT_EQ(SIZE, result_of(&self->q, 1, SENDFILE));
	pthread_join(thread, &failed);
	EXPECT_EQ(NULL, failed);
	EXPECT_EQ(0, memcmp(data, got[0], SIZE));
	EXPECT_EQ(-EBADF, queue_do(&self->q, &op));
}

TEST_F(sendfile, started_anew)
{
	int *ends = self->pairs[QUEUE];
	struct kevent_op op = kevent_op_sendfile(ends[1], 1, self->file, 0, 10, 0);

	ASSERT_EQ(0, queue_do(&self->q, &op));
	ASSERT_EQ(10, result_of(&self->q, 1, SENDFILE));
	for (int i = 1; i < 20; i++) {
		struct kevent_op again = kevent_op_sendfile_again(op.handle, self->file, i, i);

		ASSERT_EQ(0, queue_do(&self->q, &again));
		ASSERT_EQ(i, result_of(&self->q, 1, SENDFILE));
	}
	EXPECT_EQ(0, queue_remove(&self->q, op.handle));
}

TEST_F(sendfile, removed)
{
	int *ends = self->pairs[QUEUE];
	struct kevent_op op = kevent_op_sendfile(ends[1], 1, self->file, 0, SIZE, 0);
	int64_t n, left;

	ASSERT_EQ(0, queue_do(&self->q, &op));
	/* It has sent some, and waits for room. */
	ASSERT_TRUE(wait_for(poll_now(ends[0]) & POLLIN));
	EXPECT_EQ(SENDFILE, queue_remove(&self->q, op.handle));
	n = kevent_aio_result(&self->q, kevent_slot_of(op.handle));
	ASSERT_LT(0, n);
	ASSERT_GT(SIZE, n);
	/* What was sent is there, and the socket is well. */
	shutdown(ends[1], SHUT_WR);
	for (left = n; left > 0; ) {
		ssize_t more = recv(ends[0], got[0] + n - left, left, 0);

		ASSERT_LT(0, more);
		left -= more;
	}
	EXPECT_EQ(0, memcmp(data, got[0], (size_t)n % SIZE));
}

TEST_F(sendfile, nonblocking)
{
	for (int way = NATIVE; way <= QUEUE; way++) {
		int fd = self->pairs[way][1];

		ASSERT_EQ(0, fcntl(fd, F_SETFL, O_NONBLOCK));
		/* The receiver takes some for a moment longer. */
		while (send(fd, data, SMALL, 0) > 0)
			sleep_ms(20);
	}
	EXPECT_EQ(-EAGAIN, by_call(self->pairs[NATIVE][1], self->file, 0, SMALL));
	EXPECT_EQ(-EAGAIN, by_queue(&self->q, self->pairs[QUEUE][1], self->file, 0, SMALL));
}

TEST_F(sendfile, without_a_receiver)
{
	for (int way = NATIVE; way <= QUEUE; way++)
		ASSERT_EQ(0, shutdown(self->pairs[way][1], SHUT_WR));
	signal(SIGPIPE, SIG_IGN);
	EXPECT_EQ(-EPIPE, by_call(self->pairs[NATIVE][1], self->file, 0, SMALL));
	signal(SIGPIPE, SIG_DFL);
	EXPECT_EQ(-EPIPE, by_queue(&self->q, self->pairs[QUEUE][1], self->file, 0, SMALL));
}

/* The process ends while a thread of the kernel sends. */
TEST_F(sendfile, killed)
{
	int *ends = self->pairs[QUEUE], status;
	pid_t child = fork_child();
	ssize_t n, all = 0;

	if (!child) {
		struct kevent_queue q;
		struct kevent_op op = kevent_op_sendfile(ends[1], 1, self->file, 0, SIZE, 0);

		if (kevent_open(&q, 16, 0) || queue_do(&q, &op))
			_exit(1);
		wait_for(poll_now(ends[0]) & POLLIN);
		raise(SIGKILL);
	}
	close(ends[1]);
	ends[1] = -1;
	ASSERT_EQ(child, waitpid(child, &status, 0));
	EXPECT_TRUE(WIFSIGNALED(status));
	while ((n = recv(ends[0], got[0], SIZE, 0)) > 0)
		all += n;
	EXPECT_EQ(0, n);
	EXPECT_LT(0, all);
	EXPECT_GT(SIZE, all);
}

#define FAILS(err, ...) do {						\
	struct kevent_op op = kevent_op_sendfile(__VA_ARGS__, 0);	\
									\
	EXPECT_EQ(-(err), queue_do(&self->q, &op));			\
} while (0)

TEST_F(sendfile, errors)
{
	int tcp = self->pairs[QUEUE][1], file = self->file, pipes[2], local[2], out;
	int proc = open("/proc/version", O_RDONLY), dir = open("/tmp", O_RDONLY);
	struct kevent_op op;

	ASSERT_EQ(0, pipe(pipes));
	ASSERT_TRUE(make_stream(local));
	out = open("/tmp/evfd_naio_sendfile", O_CREAT | O_WRONLY, 0600);
	FAILS(EBADF, tcp, 1, -1, 0, 10);
	FAILS(EBADF, tcp, 1, 1000, 0, 10);
	FAILS(EBADF, tcp, 1, out, 0, 10);
	FAILS(EBADF, 1000, 1, file, 0, 10);
	FAILS(ENOTSOCK, file, 1, file, 0, 10);
	FAILS(ENOTSOCK, pipes[1], 1, file, 0, 10);
	FAILS(EOPNOTSUPP, local[1], 1, file, 0, 10);
	FAILS(EOPNOTSUPP, tcp, 1, proc, 0, 10);
	FAILS(EOPNOTSUPP, tcp, 1, dir, 0, 10);
	FAILS(ESPIPE, tcp, 1, pipes[0], 0, 10);
	FAILS(EINVAL, tcp, 1, file, -1, 10);
	op = kevent_op_sendfile(tcp, 1, file, 0, 10, 0);
	op.arg[2] = UINT64_C(1) << 63;
	EXPECT_EQ(-EINVAL, queue_do(&self->q, &op));
	op.arg[2] = 10;
	op.arg[0] |= UINT64_C(1) << 32;
	EXPECT_EQ(-EBADF, queue_do(&self->q, &op));
	op.arg[0] = file;
	op.want |= SEND;
	EXPECT_EQ(-EINVAL, queue_do(&self->q, &op));
	EXPECT_EQ(by_call(tcp, out, 0, 10), -EBADF);
	EXPECT_EQ(by_call(tcp, pipes[0], 0, 10), -ESPIPE);
	EXPECT_TRUE(queue_stays_empty(&self->q));
	for (int i = 0; i < 2; i++) {
		close(pipes[i]);
		close(local[i]);
	}
	close(proc);
	close(dir);
	close(out);
	unlink("/tmp/evfd_naio_sendfile");
}

TEST_HARNESS_MAIN
