// SPDX-License-Identifier: GPL-2.0
/*
 * evfd promises, and native does not, that a read that fails with EFAULT takes no signal,
 * and that a read that returns fewer records than there are leaves the rest.
 */
#include "fault.h"
#include "signal.h"

#define RT	(SIG_FIRST_RT + 8)

/* As much of a record as can be copied, if not all. */
#define PART	100

FIXTURE(fault)
{
	/* A record can't be copied here, but two before it can. */
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

/* Whether the signals from first to last are pending, and no other. */
static bool left(int fd, int first, int last)
{
	for (int i = first; i <= last; i++) {
		if (!sfd_gives(fd, record_of_queue(RT, i)))
			return false;
	}
	return sfd_take(fd) == -EAGAIN;
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
	/* A record in two buffers, of which the second is bad. */
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

TEST_HARNESS_MAIN
