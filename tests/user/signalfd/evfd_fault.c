// SPDX-License-Identifier: GPL-2.0
/*
 * What evfd promises and native does not: a read that fails with EFAULT takes no
 * signal, and one that gives fewer records than there are leaves the rest.
 */
#include "fault.h"
#include "signal.h"
#include "uring.h"

#define RT	(SIG_FIRST_RT + 8)

/* How much of a record can be put, if not all. */
#define PART	100

FIXTURE(fault)
{
	/* Where a record can't be put, with room for two before it. */
	char *bad;
	struct signalfd_siginfo seen[4];
	int fd;
};

FIXTURE_VARIANT(fault)
{
	int part, protection;
};

FIXTURE_VARIANT_ADD(fault, no_access)
{
	.part = 0,
	.protection = PROT_NONE,
};

FIXTURE_VARIANT_ADD(fault, read_only)
{
	.part = 0,
	.protection = PROT_READ,
};

FIXTURE_VARIANT_ADD(fault, part_no_access)
{
	.part = PART,
	.protection = PROT_NONE,
};

FIXTURE_VARIANT_ADD(fault, part_read_only)
{
	.part = PART,
	.protection = PROT_READ,
};

FIXTURE_VARIANT_ADD(fault, last_byte)
{
	.part = RECORD_SIZE - 1,
	.protection = PROT_NONE,
};

FIXTURE_SETUP(fault)
{
	self->bad = bad_memory(variant->protection) - variant->part;
	self->fd = sfd_new_blocked(sig_bit(RT) | sig_bit(SIGUSR1), SFD_NONBLOCK);
	ASSERT_GE(self->fd, 0);
}

FIXTURE_TEARDOWN(fault)
{
	close(self->fd);
}

/* Queues n signals with values that count from 1. */
static bool queue(int n)
{
	for (int i = 1; i <= n; i++) {
		if (sig_queue(getpid(), RT, i))
			return false;
	}
	return true;
}

/* Whether these and no more are pending: those from first to last. */
static bool left(int fd, int first, int last)
{
	for (int i = first; i <= last; i++) {
		if (!sfd_gives(fd, record_of_queue(RT, i)))
			return false;
	}
	return sfd_take(fd) == -EAGAIN;
}

TEST_F(fault, read)
{
	ASSERT_TRUE(queue(3));
	for (int i = 1; i <= 4; i++) {
		EXPECT_EQ(-1, read(self->fd, self->bad, i * RECORD_SIZE));
		EXPECT_EQ(EFAULT, errno);
	}
	/* No memory at all, as opposed to memory one may not use. */
	EXPECT_EQ(-1, read(self->fd, nowhere(), RECORD_SIZE));
	EXPECT_EQ(EFAULT, errno);
	EXPECT_EQ(POLLIN, poll_now(self->fd));
	EXPECT_TRUE(left(self->fd, 1, 3));
	/* With nothing to read, the memory does not matter. */
	EXPECT_EQ(-1, read(self->fd, self->bad, RECORD_SIZE));
	EXPECT_EQ(EAGAIN, errno);
}

TEST_F(fault, standard_signals)
{
	struct signalfd_siginfo thread = record_of_queue(SIGUSR1, 5);

	ASSERT_EQ(0, kill(getpid(), SIGUSR1));
	ASSERT_EQ(0, sig_queue_thread(gettid(), SIGUSR1, 5));
	EXPECT_EQ(-1, read(self->fd, self->bad, 2 * RECORD_SIZE));
	EXPECT_EQ(EFAULT, errno);
	EXPECT_TRUE(sfd_gives(self->fd, thread));
	EXPECT_EQ(-1, read(self->fd, self->bad, 2 * RECORD_SIZE));
	EXPECT_EQ(EFAULT, errno);
	EXPECT_TRUE(sfd_gives(self->fd, record_of_kill(SIGUSR1)));
}

TEST_F(fault, those_before_are_delivered)
{
	for (int n = 1; n <= 2; n++) {
		ASSERT_TRUE(queue(5));
		EXPECT_EQ(n * RECORD_SIZE,
			  read(self->fd, self->bad - n * RECORD_SIZE,
			       4 * RECORD_SIZE));
		memcpy(self->seen, self->bad - n * RECORD_SIZE,
		       n * RECORD_SIZE);
		for (int i = 0; i < n; i++) {
			struct signalfd_siginfo want = record_of_queue(RT, i + 1);

			EXPECT_TRUE(record_is(&want, &self->seen[i]));
		}
		EXPECT_TRUE(left(self->fd, n + 1, 5));
	}
}

TEST_F(fault, vectors)
{
	struct iovec iov[2] = {
		{ .iov_base = self->bad, .iov_len = RECORD_SIZE },
		{ .iov_base = self->seen, .iov_len = 2 * RECORD_SIZE },
	};
	struct signalfd_siginfo want = record_of_queue(RT, 1);

	ASSERT_TRUE(queue(3));
	EXPECT_EQ(-1, readv(self->fd, iov, 2));
	EXPECT_EQ(EFAULT, errno);
	EXPECT_EQ(-1, preadv2(self->fd, iov, 2, -1, RWF_NOWAIT));
	EXPECT_EQ(EFAULT, errno);
	/* A record that is in both, the second of which is bad. */
	iov[1] = iov[0];
	iov[0] = (struct iovec){ .iov_base = self->seen, .iov_len = 1 };
	iov[1].iov_base = self->bad + variant->part;
	EXPECT_EQ(-1, readv(self->fd, iov, 2));
	EXPECT_EQ(EFAULT, errno);
	iov[0].iov_len = RECORD_SIZE + 1;
	EXPECT_EQ(RECORD_SIZE, readv(self->fd, iov, 2));
	EXPECT_TRUE(record_is(&want, &self->seen[0]));
	EXPECT_TRUE(left(self->fd, 2, 3));
}

TEST_F(fault, io_uring)
{
	struct iovec iov = { .iov_base = self->bad, .iov_len = 256 };
	struct io_uring_cqe cqe;
	struct uring ring;

	ASSERT_TRUE(uring_open(&ring));
	ASSERT_TRUE(queue(3));
	for (unsigned int flags = 0; flags <= IOSQE_ASYNC; flags += IOSQE_ASYNC) {
		uring_queue(&ring, IORING_OP_READ, self->fd, self->bad, 256, 1)
			->flags = flags;
		uring_queue(&ring, IORING_OP_READV, self->fd, &iov, 1, 2)
			->flags = flags;
		ASSERT_EQ(2, uring_submit(&ring));
		for (int i = 0; i < 2; i++) {
			ASSERT_TRUE(uring_wait(&ring, &cqe));
			EXPECT_EQ(-EFAULT, cqe.res);
		}
	}
	EXPECT_TRUE(left(self->fd, 1, 3));
	/* One that waits. */
	ASSERT_EQ(0, fcntl(self->fd, F_SETFL, 0));
	uring_queue(&ring, IORING_OP_READ, self->fd, self->bad, 256, 1);
	ASSERT_EQ(1, uring_submit(&ring));
	EXPECT_FALSE(uring_next(&ring, &cqe));
	ASSERT_TRUE(queue(1));
	ASSERT_TRUE(uring_wait(&ring, &cqe));
	EXPECT_EQ(-EFAULT, cqe.res);
	ASSERT_EQ(0, fcntl(self->fd, F_SETFL, O_NONBLOCK));
	EXPECT_TRUE(left(self->fd, 1, 1));
}

static long read_bad(struct call *call)
{
	return syscall(SYS_read, call->fd, call->buf, RECORD_SIZE);
}

TEST_F(fault, blocked_reader)
{
	struct call bad = { .make = read_bad, .fd = self->fd };

	bad.buf = self->bad;
	ASSERT_EQ(0, fcntl(self->fd, F_SETFL, 0));
	ASSERT_TRUE(call_start(&bad));
	ASSERT_TRUE(wait_for(bad.tid && asleep_in(bad.tid) == SYS_read));
	ASSERT_TRUE(queue(1));
	ASSERT_TRUE(call_ends(&bad));
	EXPECT_EQ(-1, bad.ret);
	EXPECT_EQ(EFAULT, bad.err);
	ASSERT_EQ(0, fcntl(self->fd, F_SETFL, O_NONBLOCK));
	EXPECT_TRUE(left(self->fd, 1, 1));
}

TEST_F(fault, timer)
{
	struct sigevent event = {
		.sigev_notify = SIGEV_SIGNAL,
		.sigev_signo = RT,
		.sigev_value = { .sival_int = 3 },
	};
	struct itimerspec soon = { .it_value = { .tv_nsec = 1 } };
	timer_t timer;

	ASSERT_EQ(0, timer_create(CLOCK_MONOTONIC, &event, &timer));
	ASSERT_EQ(0, timer_settime(timer, 0, &soon, NULL));
	ASSERT_TRUE(sfd_ready(self->fd));
	EXPECT_EQ(-1, read(self->fd, self->bad, RECORD_SIZE));
	EXPECT_EQ(EFAULT, errno);
	ASSERT_EQ(RECORD_SIZE, sfd_read(self->fd, self->seen));
	EXPECT_EQ(SI_TIMER, self->seen[0].ssi_code);
	EXPECT_EQ(3, self->seen[0].ssi_int);
}

/* Readers of which half have no memory, and one who sends. */
static _Atomic bool stop;
static _Atomic unsigned int sum, count;

static void *read_in_turns(void *arg)
{
	int fd = (intptr_t)arg;
	struct signalfd_siginfo seen;

	for (unsigned int i = 0; !stop; i++) {
		void *buf = i % 2 ? &seen : nowhere();

		if (read(fd, buf, sizeof(seen)) == sizeof(seen)) {
			sum += seen.ssi_int;
			count++;
		}
	}
	return NULL;
}

TEST(faulty_readers_among_others)
{
	int fd = sfd_new_blocked(sig_bit(RT), SFD_NONBLOCK);
	unsigned int want = 0, sent = 0;
	pthread_t threads[3];

	ASSERT_GE(fd, 0);
	for (int i = 0; i < 3; i++)
		ASSERT_EQ(0, pthread_create(&threads[i], NULL, read_in_turns,
					    (void *)(intptr_t)fd));
	repeat(5000, 2000) {
		ASSERT_TRUE(wait_for(!sig_queue(getpid(), RT, i)));
		want += i;
		sent++;
	}
	EXPECT_TRUE(wait_for(count == sent));
	stop = true;
	for (int i = 0; i < 3; i++)
		ASSERT_EQ(0, pthread_join(threads[i], NULL));
	EXPECT_EQ(want, sum);
	EXPECT_EQ(sent, count);
}

TEST_HARNESS_MAIN
