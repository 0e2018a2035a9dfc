// SPDX-License-Identifier: GPL-2.0
/*
 * Signals of threads, signals outside the mask, and other masks, in io_uring and aio.
 * A request gets the signals of the process that submitted it.
 */
#include "aio.h"
#include "signal.h"
#include "uring.h"

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

TEST_F(ring, read_leaves_other_signals)
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

TEST_F(ring, by_a_worker)
{
	struct signalfd_siginfo want = record_of_queue(SIGUSR1, 7);

	/* The worker can't read the signal for the thread, which can. */
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

TEST_F(ring, aio)
{
	struct iocb polls = aio_poll(self->fd, POLLIN | POLLOUT, 1), reads = {
		.aio_lio_opcode = IOCB_CMD_PREAD,
		.aio_fildes = self->fd,
		.aio_buf = (uintptr_t)self->seen,
		.aio_nbytes = sizeof(self->seen),
	};
	struct iocb *iocbs[] = { &polls, &reads };
	struct signalfd_siginfo want = record_of_kill(SIGUSR1);
	aio_context_t ctx = aio_open();
	struct io_event event;

	ASSERT_EQ(0, kill(getpid(), SIGUSR1));
	ASSERT_EQ(2, syscall(SYS_io_submit, ctx, 2, iocbs));
	ASSERT_TRUE(aio_next(ctx, &event));
	EXPECT_EQ(POLLIN, event.res);
	ASSERT_TRUE(aio_next(ctx, &event));
	EXPECT_EQ(RECORD_SIZE, event.res);
	EXPECT_TRUE(record_is(&want, &self->seen[0]));
	/* After the signal a worker polls, which has no signals. */
	ASSERT_EQ(1, aio_submit(ctx, &polls));
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
