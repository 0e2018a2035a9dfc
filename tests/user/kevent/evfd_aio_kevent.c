// SPDX-License-Identifier: GPL-2.0
/*
 * The kevent of a KEVENT_AIO: errors, limits, flags, another start, the calls of 2006.
 */
#define _FILE_OFFSET_BITS 64

#include "kevent_aio.h"
#include "take26.h"

#include <signal.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>

#define FAILS(err, ...) do {						\
	struct kevent_op op = kevent_op_aio(__VA_ARGS__);		\
									\
	EXPECT_EQ(-(err), queue_do(&self->q, &op));			\
} while (0)

TEST_F(aio, files_that_it_cannot_have)
{
	int in = open("/proc/self/fd/0", O_RDONLY), out, dir = open("/tmp", O_RDONLY);
	int proc = open("/proc/version", O_RDONLY), zero = open("/dev/zero", O_RDWR);
	int event = eventfd(0, 0), ends[2], sockets[2], path = open("/tmp", O_PATH);
	char name[64], c;

	snprintf(name, sizeof(name), "/proc/self/fd/%d", self->fds[0]);
	close(in);
	in = open(name, O_RDONLY);
	out = open(name, O_WRONLY);
	ASSERT_EQ(0, pipe(ends));
	ASSERT_EQ(0, socketpair(AF_UNIX, SOCK_STREAM, 0, sockets));
	FAILS(EBADF, 1000, 1, READ, &c, 1, 0, 0);
	FAILS(EBADF, -1, 1, READ, &c, 1, 0, 0);
	FAILS(EBADF, path, 1, READ, &c, 1, 0, 0);
	FAILS(EBADF, out, 1, READ, &c, 1, 0, 0);
	FAILS(EBADF, in, 1, WRITE, &c, 1, 0, 0);
	FAILS(EBADF, ends[1], 1, READ, &c, 1, 0, 0);
	FAILS(EISDIR, dir, 1, READ, &c, 1, 0, 0);
	FAILS(ESPIPE, ends[0], 1, READ, &c, 1, 1, 0);
	FAILS(ESPIPE, ends[1], 1, WRITE, &c, 1, 1, 0);
	FAILS(EOPNOTSUPP, sockets[0], 1, READ, &c, 1, 0, 0);
	FAILS(EOPNOTSUPP, event, 1, READ, &c, 1, 0, 0);
	FAILS(EOPNOTSUPP, proc, 1, READ, &c, 1, 0, 0);
	FAILS(EOPNOTSUPP, zero, 1, WRITE, &c, 1, 0, 0);
	FAILS(EOPNOTSUPP, self->q.fd, 1, READ, &c, 1, 0, 0);
	FAILS(EINVAL, ends[0], 1, FSYNC, NULL, 0, 0, 0);
	FAILS(EINVAL, event, 1, FSYNC, NULL, 0, 0, 0);
	EXPECT_EQ(by_call(ends[0], FSYNC, NULL, 0, 0), -EINVAL);
	EXPECT_EQ(by_call(out, READ, &c, 1, 0), -EBADF);
	EXPECT_EQ(by_call(dir, READ, &c, 1, 0), -EISDIR);
	EXPECT_EQ(by_call(ends[0], READ, &c, 1, 0), -ESPIPE);
	EXPECT_TRUE(queue_stays_empty(&self->q));
	for (int i = 0; i < 2; i++) {
		close(ends[i]);
		close(sockets[i]);
	}
	close(path);
	close(in);
	close(out);
	close(dir);
	close(proc);
	close(zero);
	close(event);
}

TEST_F(aio, arguments_that_are_invalid)
{
	int fd = self->fds[0];
	struct kevent_op op;
	char c;

	FAILS(EINVAL, fd, 1, 0, &c, 1, 0, 0);
	FAILS(EINVAL, fd, 1, READ | WRITE, &c, 1, 0, 0);
	FAILS(EINVAL, fd, 1, 0x10, &c, 1, 0, 0);
	FAILS(EINVAL, fd, 1, READ, &c, 1, -1, 0);
	FAILS(EINVAL, fd, 1, READ, &c, 1, UINT64_C(1) << 63, 0);
	FAILS(EINVAL, fd, 1, FSYNC, &c, 0, 0, 0);
	FAILS(EINVAL, fd, 1, FSYNC, NULL, 1, 0, 0);
	FAILS(EINVAL, fd, 1, FDATASYNC, NULL, 0, 1, 0);
	FAILS(EINVAL, fd, 1, READ, &c, 1, 0, KEVENT_ET);
	FAILS(EINVAL, fd, 1, READ, &c, 1, 0, KEVENT_BYTES);
	FAILS(EINVAL, fd, 1, READ, &c, 1, 0, KEVENT_TIMER_ABSTIME);
	FAILS(EINVAL, fd, 1, READ, &c, 1, 0, KEVENT_ONESHOT | KEVENT_DISPATCH);
	op = kevent_op_aio(fd, 1, READ, &c, 1, 0, 0);
	op.arg[1] = UINT64_C(1) << 63;
	EXPECT_EQ(-EINVAL, queue_do(&self->q, &op));
	op.id |= UINT64_C(1) << 32;
	op.arg[1] = 1;
	EXPECT_EQ(-EBADF, queue_do(&self->q, &op));
	/* The end is out of range: the call's own error. */
	EXPECT_EQ(by_call(fd, READ, buffers[0], 2, INT64_MAX),
		  by_queue(&self->q, fd, READ, buffers[0], 2, INT64_MAX));
	EXPECT_EQ(by_call(fd, WRITE, &c, 1, INT64_MAX - 1),
		  by_queue(&self->q, fd, WRITE, &c, 1, INT64_MAX - 1));
	op = kevent_op_aio(fd, 1, READ, &c, 1, 0, 0);
	ASSERT_EQ(0, queue_do(&self->q, &op));
	FAILS(EEXIST, fd, 1, READ, &c, 1, 0, 0);
	FAILS(EEXIST, fd, 1, WRITE, &c, 1, 0, 0);
	EXPECT_EQ(1, result_of(&self->q, 1, READ));
}

/* The call's own results, and as many signals. */
TEST_F(aio, limit_of_the_size_of_files)
{
	struct rlimit limit = { .rlim_cur = SIZE + 10, .rlim_max = RLIM_INFINITY };

	signalled = 0;
	ASSERT_NE(SIG_ERR, signal(SIGXFSZ, count_signal));
	ASSERT_EQ(0, setrlimit(RLIMIT_FSIZE, &limit));
	for (int i = 0; i < 2; i++) {
		int fd = self->fds[i];

		EXPECT_EQ(10, by(i, fd, WRITE, buffers[0], 100, SIZE));
		EXPECT_EQ(0, signalled);
		EXPECT_EQ(-EFBIG, by(i, fd, WRITE, buffers[0], 100, SIZE + 10));
		EXPECT_EQ(1, signalled);
		ASSERT_EQ(0, fcntl(fd, F_SETFL, O_APPEND));
		EXPECT_EQ(-EFBIG, by(i, fd, WRITE, buffers[0], 100, 0));
		EXPECT_EQ(2, signalled);
		EXPECT_EQ(0, by(i, fd, WRITE, buffers[0], 0, 0));
		EXPECT_EQ(2, signalled);
		signalled = 0;
		EXPECT_EQ(SIZE + 10, lseek(fd, 0, SEEK_END));
	}
}

TEST_F(aio, operations_that_it_cannot_have)
{
	char c;
	struct kevent_op op = kevent_op_aio(self->fds[0], 1, READ, &c, 1, 0, 0);
	struct kevent_op time;

	ASSERT_EQ(0, queue_do(&self->q, &op));
	EXPECT_EQ(1, result_of(&self->q, 1, READ));
	EXPECT_EQ(-EINVAL, queue_ready(&self->q, op.handle, READ));
	time = kevent_op_gettime(op.handle);
	EXPECT_EQ(-EINVAL, queue_do(&self->q, &time));
	EXPECT_EQ(0, queue_recheck(&self->q, op.handle));
	EXPECT_EQ(0, queue_mod(&self->q, op.handle, 0, 0));
	EXPECT_TRUE(queue_stays_empty(&self->q));
	/* The event comes although it is not wanted. */
	op = kevent_op_aio_again(op.handle, &c, 1, 0);
	EXPECT_EQ(0, queue_do(&self->q, &op));
	EXPECT_EQ(1, result_of(&self->q, 1, READ));
	op.flags = KEVENT_TIMER_ABSTIME;
	EXPECT_EQ(-EINVAL, queue_do(&self->q, &op));
	op.flags = 0;
	op.want = READ;
	EXPECT_EQ(-EINVAL, queue_do(&self->q, &op));
}

TEST_F(aio, calls_of_2006)
{
	int fd = take26_open();

	/* ENOSYS, a name that checkpatch.pl wants for missing system calls only. */
	EXPECT_EQ(-38, take26_add(fd, KEVENT_AIO, self->fds[0], 1, READ, 0));
	close(fd);
}

/* The kevent */

TEST_F(aio, started_anew)
{
	struct kevent_op op = kevent_op_aio(self->fds[0], 1, READ, buffers[0], 10, 0, 0);
	uint64_t handle;

	ASSERT_EQ(0, queue_do(&self->q, &op));
	handle = op.handle;
	EXPECT_EQ(10, result_of(&self->q, 1, READ));
	for (int i = 1; i < 100; i++) {
		op = kevent_op_aio_again(handle, buffers[0], i, SIZE - 50);
		ASSERT_EQ(0, queue_do(&self->q, &op));
		EXPECT_EQ(0, op.events);
		EXPECT_EQ(i < 50 ? i : 50, result_of(&self->q, 1, READ));
	}
	EXPECT_TRUE(queue_stays_empty(&self->q));
	op = kevent_op_aio_again(handle, buffers[0], 10, -1);
	EXPECT_EQ(-EINVAL, queue_do(&self->q, &op));
	EXPECT_EQ(0, queue_remove(&self->q, handle));
	op = kevent_op_aio_again(handle, buffers[0], 10, 0);
	EXPECT_EQ(-ENOENT, queue_do(&self->q, &op));
}

/* The event that was not consumed is taken back. */
TEST_F(aio, started_anew_too_early)
{
	struct kevent_op op = kevent_op_aio(self->fds[0], 1, READ, buffers[0], 10, 0, 0);
	struct kevent_op again, end;
	struct kevent_event event;
	int n = 0, taken = 0;

	ASSERT_EQ(0, queue_do(&self->q, &op));
	for (int i = 0; i < 100; i++) {
		int ret;

		again = kevent_op_aio_again(op.handle, buffers[0], 20, 0);
		ret = queue_do(&self->q, &again);
		if (!ret)
			taken += again.events != 0;
		else
			ASSERT_EQ(-EBUSY, ret);
		n += !ret;
		sleep_ms(1);
	}
	EXPECT_LT(0, n);
	EXPECT_EQ(n, taken);
	EXPECT_EQ(20, result_of(&self->q, 1, READ));
	EXPECT_FALSE(kevent_next(&self->q, &event));
	end = kevent_op_remove(op.handle);
	EXPECT_EQ(0, queue_do(&self->q, &end));
}

TEST_F(aio, oneshot_and_dispatch)
{
	struct kevent_op op = kevent_op_aio(self->fds[0], 1, READ, buffers[0], 10, 0,
					    KEVENT_ONESHOT);
	struct kevent_op again;

	ASSERT_EQ(0, queue_do(&self->q, &op));
	EXPECT_EQ(10, result_of(&self->q, 1, READ));
	again = kevent_op_aio_again(op.handle, buffers[0], 10, 0);
	EXPECT_EQ(-ENOENT, queue_do(&self->q, &again));
	op = kevent_op_aio(self->fds[0], 1, READ, buffers[0], 10, 0, KEVENT_DISPATCH);
	ASSERT_EQ(0, queue_do(&self->q, &op));
	EXPECT_EQ(10, result_of(&self->q, 1, READ));
	again = kevent_op_aio_again(op.handle, buffers[0], 11, 0);
	EXPECT_EQ(0, queue_do(&self->q, &again));
	EXPECT_EQ(11, result_of(&self->q, 1, READ));
}

/* One file, several operations at a time. */
TEST_F(aio, several_of_a_file)
{
	struct kevent_op ops[40];
	struct kevent_event event;
	uint64_t seen = 0;

	for (int i = 0; i < 40; i++)
		ops[i] = kevent_op_aio(self->fds[0], i, READ, buffers[0] + i * 100, 100, i * 100,
				       KEVENT_ONESHOT);
	ASSERT_EQ(40, kevent_submit(&self->q, ops, 40));
	for (int n = 0; n < 40; n++) {
		ASSERT_EQ(0, kevent_wait(&self->q, NULL, 0, DEADLINE_NS, 0));
		ASSERT_TRUE(kevent_next(&self->q, &event));
		EXPECT_EQ(READ, event.events);
		EXPECT_EQ(100, kevent_aio_result(&self->q, event.slot));
		seen |= UINT64_C(1) << event.user;
	}
	EXPECT_EQ((UINT64_C(1) << 40) - 1, seen);
	ASSERT_EQ(4000, pread(self->fds[0], buffers[1], 4000, 0));
	EXPECT_EQ(0, memcmp(buffers[0], buffers[1], 4000));
}

/* The file stays open, and the descriptor may be another file's. */
TEST_F(aio, closed_descriptor)
{
	struct kevent_op op = kevent_op_aio(self->fds[0], 1, READ, buffers[0], 10, 0, 0);
	struct kevent_op again;

	ASSERT_EQ(0, queue_do(&self->q, &op));
	close(self->fds[0]);
	EXPECT_EQ(10, result_of(&self->q, 1, READ));
	again = kevent_op_aio_again(op.handle, buffers[0], 11, 0);
	EXPECT_EQ(0, queue_do(&self->q, &again));
	EXPECT_EQ(11, result_of(&self->q, 1, READ));
}

TEST_HARNESS_MAIN
