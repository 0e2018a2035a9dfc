// SPDX-License-Identifier: GPL-2.0
/*
 * Signal descriptors in io_uring and aio. Requests wait for what they need,
 * without a thread that blocks, and get the signals of who submitted them.
 */
#include "signal.h"
#include "uring.h"

#include <linux/aio_abi.h>

#define USR	(sig_bit(SIGUSR1) | sig_bit(SIGUSR2))

FIXTURE(ring)
{
	struct uring ring;
	struct io_uring_cqe cqe;
	struct signalfd_siginfo seen[3];
	int fd;
};

FIXTURE_VARIANT(ring)
{
	int flags;
};

FIXTURE_VARIANT_ADD(ring, blocking)
{
	.flags = 0,
};

FIXTURE_VARIANT_ADD(ring, nonblock)
{
	.flags = SFD_NONBLOCK,
};

/* SIGUSR1 is in the mask, SIGUSR2 is not, both are blocked. */
FIXTURE_SETUP(ring)
{
	ASSERT_TRUE(uring_open(&self->ring));
	ASSERT_EQ(0, sig_block(USR));
	self->fd = sfd_new(sig_bit(SIGUSR1), variant->flags);
	ASSERT_GE(self->fd, 0);
	memset(self->seen, 0xff, sizeof(self->seen));
}

FIXTURE_TEARDOWN(ring)
{
	close(self->ring.fd);
	close(self->fd);
}

TEST_F(ring, read_what_is_there)
{
	struct signalfd_siginfo want = record_of_queue(SIGUSR1, 12);

	ASSERT_EQ(0, sig_queue(getpid(), SIGUSR1, 12));
	uring_queue(&self->ring, IORING_OP_READ, self->fd, self->seen,
		    sizeof(self->seen), 1);
	ASSERT_EQ(1, uring_submit(&self->ring));
	ASSERT_TRUE(uring_wait(&self->ring, &self->cqe));
	EXPECT_EQ(RECORD_SIZE, self->cqe.res);
	EXPECT_TRUE(record_is(&want, &self->seen[0]));
	EXPECT_EQ(UINT32_MAX, self->seen[1].ssi_signo);
}

TEST_F(ring, read_waits)
{
	struct signalfd_siginfo want = record_of_queue(SIGUSR1, 13);

	uring_queue(&self->ring, IORING_OP_READ, self->fd, self->seen,
		    RECORD_SIZE, 1);
	ASSERT_EQ(1, uring_submit(&self->ring));
	EXPECT_FALSE(uring_next(&self->ring, &self->cqe));
	ASSERT_EQ(0, kill(getpid(), SIGUSR2));
	EXPECT_FALSE(uring_next(&self->ring, &self->cqe));
	ASSERT_EQ(0, sig_queue(getpid(), SIGUSR1, 13));
	ASSERT_TRUE(uring_wait(&self->ring, &self->cqe));
	EXPECT_EQ(RECORD_SIZE, self->cqe.res);
	EXPECT_TRUE(record_is(&want, &self->seen[0]));
	EXPECT_EQ(sig_bit(SIGUSR2), sig_pending());
}

TEST_F(ring, read_waits_for_another_mask)
{
	uring_queue(&self->ring, IORING_OP_READ, self->fd, self->seen,
		    RECORD_SIZE, 1);
	ASSERT_EQ(1, uring_submit(&self->ring));
	ASSERT_EQ(0, kill(getpid(), SIGUSR2));
	EXPECT_FALSE(uring_next(&self->ring, &self->cqe));
	ASSERT_EQ(self->fd, sfd_set_mask(self->fd, USR));
	ASSERT_TRUE(uring_wait(&self->ring, &self->cqe));
	EXPECT_EQ(RECORD_SIZE, self->cqe.res);
	EXPECT_EQ(SIGUSR2, self->seen[0].ssi_signo);
}

TEST_F(ring, readv)
{
	struct iovec iov[2] = {
		{ .iov_base = self->seen, .iov_len = 3 },
		{ .iov_base = (char *)self->seen + 3, .iov_len = 253 },
	};
	struct signalfd_siginfo want = record_of_kill(SIGUSR1);

	ASSERT_EQ(0, kill(getpid(), SIGUSR1));
	uring_queue(&self->ring, IORING_OP_READV, self->fd, iov, 2, 1);
	ASSERT_EQ(1, uring_submit(&self->ring));
	ASSERT_TRUE(uring_wait(&self->ring, &self->cqe));
	EXPECT_EQ(RECORD_SIZE, self->cqe.res);
	EXPECT_TRUE(record_is(&want, &self->seen[0]));
}

TEST_F(ring, sizes)
{
	ASSERT_EQ(0, kill(getpid(), SIGUSR1));
	for (int size = 0; size < RECORD_SIZE; size += 127) {
		uring_queue(&self->ring, IORING_OP_READ, self->fd, self->seen,
			    size, 1);
		ASSERT_EQ(1, uring_submit(&self->ring));
		ASSERT_TRUE(uring_wait(&self->ring, &self->cqe));
		EXPECT_EQ(-EINVAL, self->cqe.res);
	}
	uring_queue(&self->ring, IORING_OP_WRITE, self->fd, self->seen, 128, 1);
	ASSERT_EQ(1, uring_submit(&self->ring));
	ASSERT_TRUE(uring_wait(&self->ring, &self->cqe));
	EXPECT_EQ(-EINVAL, self->cqe.res);
	EXPECT_EQ(SIGUSR1, sfd_take(self->fd));
}

TEST_F(ring, poll)
{
	ASSERT_EQ(0, kill(getpid(), SIGUSR1));
	uring_poll(&self->ring, self->fd, POLLIN | POLLOUT, false, 1);
	ASSERT_EQ(1, uring_submit(&self->ring));
	ASSERT_TRUE(uring_wait(&self->ring, &self->cqe));
	EXPECT_EQ(POLLIN, self->cqe.res);
	EXPECT_EQ(SIGUSR1, sfd_take(self->fd));
	uring_poll(&self->ring, self->fd, POLLIN, false, 2);
	ASSERT_EQ(1, uring_submit(&self->ring));
	EXPECT_FALSE(uring_next(&self->ring, &self->cqe));
	ASSERT_EQ(0, kill(getpid(), SIGUSR2));
	EXPECT_FALSE(uring_next(&self->ring, &self->cqe));
	ASSERT_EQ(0, kill(getpid(), SIGUSR1));
	ASSERT_TRUE(uring_wait(&self->ring, &self->cqe));
	EXPECT_EQ(2, self->cqe.user_data);
	EXPECT_EQ(POLLIN, self->cqe.res);
}

TEST_F(ring, multishot_poll)
{
	uring_poll(&self->ring, self->fd, POLLIN, true, 1);
	ASSERT_EQ(1, uring_submit(&self->ring));
	EXPECT_FALSE(uring_next(&self->ring, &self->cqe));
	for (int i = 0; i < 5; i++) {
		ASSERT_EQ(0, kill(getpid(), SIGUSR1));
		ASSERT_TRUE(uring_wait(&self->ring, &self->cqe));
		EXPECT_EQ(POLLIN, self->cqe.res);
		EXPECT_TRUE(self->cqe.flags & IORING_CQE_F_MORE);
		EXPECT_FALSE(uring_next(&self->ring, &self->cqe));
		EXPECT_EQ(SIGUSR1, sfd_take(self->fd));
		EXPECT_FALSE(uring_next(&self->ring, &self->cqe));
	}
	ASSERT_EQ(0, kill(getpid(), SIGUSR2));
	EXPECT_FALSE(uring_next(&self->ring, &self->cqe));
}

TEST_F(ring, many_polls_are_all_told)
{
	enum { N = 16 };
	unsigned int told = 0;

	for (int i = 0; i < N; i++)
		uring_poll(&self->ring, self->fd, POLLIN, i % 2, i);
	ASSERT_EQ(N, uring_submit(&self->ring));
	ASSERT_EQ(0, kill(getpid(), SIGUSR1));
	for (int i = 0; i < N; i++) {
		ASSERT_TRUE(uring_wait(&self->ring, &self->cqe));
		EXPECT_EQ(POLLIN, self->cqe.res);
		told |= 1u << self->cqe.user_data;
	}
	EXPECT_EQ(0xffff, told);
	EXPECT_EQ(SIGUSR1, sfd_take(self->fd));
}

TEST_F(ring, cancel)
{
	int results[5] = { };

	uring_poll(&self->ring, self->fd, POLLIN, false, 1);
	uring_queue(&self->ring, IORING_OP_READ, self->fd, self->seen,
		    RECORD_SIZE, 2);
	ASSERT_EQ(2, uring_submit(&self->ring));
	EXPECT_FALSE(uring_next(&self->ring, &self->cqe));
	for (uintptr_t i = 1; i <= 2; i++)
		uring_queue(&self->ring, IORING_OP_ASYNC_CANCEL, -1, (void *)i,
			    0, 2 + i);
	ASSERT_EQ(2, uring_submit(&self->ring));
	for (int i = 0; i < 4; i++) {
		ASSERT_TRUE(uring_wait(&self->ring, &self->cqe));
		results[self->cqe.user_data] = self->cqe.res;
	}
	EXPECT_EQ(-ECANCELED, results[1]);
	EXPECT_EQ(-ECANCELED, results[2]);
	EXPECT_EQ(0, results[3]);
	EXPECT_EQ(0, results[4]);
	ASSERT_EQ(0, kill(getpid(), SIGUSR1));
	EXPECT_FALSE(uring_next(&self->ring, &self->cqe));
	EXPECT_EQ(SIGUSR1, sfd_take(self->fd));
}

TEST_F(ring, nowait)
{
	uring_queue(&self->ring, IORING_OP_READ, self->fd, self->seen,
		    RECORD_SIZE, 1)->rw_flags = RWF_NOWAIT;
	ASSERT_EQ(1, uring_submit(&self->ring));
	ASSERT_TRUE(uring_wait(&self->ring, &self->cqe));
	EXPECT_EQ(-EAGAIN, self->cqe.res);
}

TEST_F(ring, by_a_worker)
{
	struct signalfd_siginfo want = record_of_queue(SIGUSR1, 7);

	/* One for the thread is not for the worker; and then it is. */
	ASSERT_EQ(0, sig_queue_thread(gettid(), SIGUSR1, 6));
	ASSERT_EQ(0, sig_queue(getpid(), SIGUSR1, 7));
	uring_queue(&self->ring, IORING_OP_READ, self->fd, self->seen,
		    sizeof(self->seen), 1)->flags = IOSQE_ASYNC;
	ASSERT_EQ(1, uring_submit(&self->ring));
	ASSERT_TRUE(uring_wait(&self->ring, &self->cqe));
	EXPECT_EQ(RECORD_SIZE, self->cqe.res);
	EXPECT_TRUE(record_is(&want, &self->seen[0]));
	EXPECT_TRUE(sfd_gives(self->fd, record_of_queue(SIGUSR1, 6)));
	uring_queue(&self->ring, IORING_OP_READ, self->fd, self->seen,
		    sizeof(self->seen), 2)->flags = IOSQE_ASYNC;
	ASSERT_EQ(1, uring_submit(&self->ring));
	sleep_ms(20);
	ASSERT_EQ(0, sig_queue(getpid(), SIGUSR1, 7));
	ASSERT_TRUE(uring_wait(&self->ring, &self->cqe));
	EXPECT_EQ(RECORD_SIZE, self->cqe.res);
	EXPECT_TRUE(record_is(&want, &self->seen[0]));
}

TEST_F(ring, closed_while_polled)
{
	int other = dup(self->fd);

	uring_poll(&self->ring, self->fd, POLLIN, false, 1);
	ASSERT_EQ(1, uring_submit(&self->ring));
	ASSERT_EQ(0, close(self->fd));
	ASSERT_EQ(0, close(other));
	EXPECT_FALSE(uring_next(&self->ring, &self->cqe));
	/* The poll alone keeps the file. */
	ASSERT_EQ(0, kill(getpid(), SIGUSR1));
	ASSERT_TRUE(uring_wait(&self->ring, &self->cqe));
	EXPECT_EQ(POLLIN, self->cqe.res);
}

/* Takes the next event of aio, if there is one now. */
static bool aio_next(aio_context_t ctx, struct io_event *event)
{
	struct timespec none = { };

	return syscall(SYS_io_getevents, ctx, 0, 1, event, &none) == 1;
}

TEST_F(ring, aio)
{
	struct iocb polls = {
		.aio_lio_opcode = IOCB_CMD_POLL,
		.aio_fildes = self->fd,
		.aio_buf = POLLIN | POLLOUT,
	}, reads = {
		.aio_lio_opcode = IOCB_CMD_PREAD,
		.aio_fildes = self->fd,
		.aio_buf = (uintptr_t)self->seen,
		.aio_nbytes = sizeof(self->seen),
	};
	struct iocb *iocbs[] = { &polls, &reads };
	struct signalfd_siginfo want = record_of_kill(SIGUSR1);
	struct io_event event;
	aio_context_t ctx = 0;

	ASSERT_EQ(0, syscall(SYS_io_setup, 8, &ctx));
	ASSERT_EQ(0, kill(getpid(), SIGUSR1));
	ASSERT_EQ(2, syscall(SYS_io_submit, ctx, 2, iocbs));
	ASSERT_TRUE(aio_next(ctx, &event));
	EXPECT_EQ(POLLIN, event.res);
	ASSERT_TRUE(aio_next(ctx, &event));
	EXPECT_EQ(RECORD_SIZE, event.res);
	EXPECT_TRUE(record_is(&want, &self->seen[0]));
	/* When a signal comes, aio has a worker look, which has none itself. */
	ASSERT_EQ(1, syscall(SYS_io_submit, ctx, 1, iocbs));
	ASSERT_EQ(0, kill(getpid(), SIGUSR1));
	sleep_ms(20);
	EXPECT_FALSE(aio_next(ctx, &event));
	EXPECT_EQ(-1, syscall(SYS_io_cancel, ctx, &polls, &event));
	EXPECT_EQ(EINPROGRESS, errno);
	ASSERT_TRUE(wait_for(aio_next(ctx, &event)));
	EXPECT_EQ(0, event.res);
	EXPECT_EQ(SIGUSR1, sfd_take(self->fd));
	EXPECT_EQ(0, syscall(SYS_io_destroy, ctx));
}

TEST_HARNESS_MAIN
