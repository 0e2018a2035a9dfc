// SPDX-License-Identifier: GPL-2.0
/*
 * Reads that wait for a signal: signals of threads and of other processes, signals
 * outside the mask, handlers, and other masks.
 */
#include "signal.h"

#define USR	(sig_bit(SIGUSR1) | sig_bit(SIGUSR2))

FIXTURE(blocking)
{
	struct reader reader;
	int fd;
};

/* SIGUSR1 is read; SIGUSR2 is for handlers. */
FIXTURE_SETUP(blocking)
{
	self->fd = sfd_new_blocked(sig_bit(SIGUSR1), 0);
	ASSERT_GE(self->fd, 0);
}

FIXTURE_TEARDOWN(blocking)
{
	close(self->fd);
}

TEST_F(blocking, signal_for_the_thread)
{
	struct signalfd_siginfo want = record_of_queue(SIGUSR1, 99);

	ASSERT_TRUE(reader_start_blocked(&self->reader, self->fd));
	ASSERT_EQ(0, sig_queue_thread(self->reader.call.tid, SIGUSR1, 99));
	EXPECT_EQ(SIGUSR1, reader_takes(&self->reader));
	EXPECT_TRUE(record_is(&want, &self->reader.info));
}

TEST_F(blocking, signal_of_another_process)
{
	pid_t child;

	ASSERT_TRUE(reader_start_blocked(&self->reader, self->fd));
	child = fork_child();
	ASSERT_GE(child, 0);
	if (!child)
		_exit(kill(getppid(), SIGUSR1));
	EXPECT_EQ(SIGUSR1, reader_takes(&self->reader));
	EXPECT_EQ(child, self->reader.info.ssi_pid);
	EXPECT_TRUE(child_ends_well(child));
}

TEST_F(blocking, signals_of_no_concern)
{
	ASSERT_EQ(0, sig_block(UINT64_MAX));
	ASSERT_TRUE(reader_start_blocked(&self->reader, self->fd));
	for (int sig = 1; sig <= 64; sig++) {
		long sleeps = sleeps_of(self->reader.call.tid);

		/* In threads, glibc does not block the two that it uses itself. */
		if (sig_bit(sig) & (sig_uncatchable() | sig_bit(SIGUSR1)) ||
		    sig == SIG_FIRST_RT || sig == SIG_FIRST_RT + 1)
			continue;
		ASSERT_EQ(0, kill(getpid(), sig));
		/* Each wakes the reader, which goes back to sleep. */
		ASSERT_TRUE(wait_for(sleeps_of(self->reader.call.tid) > sleeps));
		ASSERT_TRUE(reader_blocks(&self->reader));
	}
	ASSERT_EQ(0, kill(getpid(), SIGUSR1));
	EXPECT_EQ(SIGUSR1, reader_takes(&self->reader));
}

static _Atomic int handled;

static void count_signal(int sig)
{
	(void)sig;
	handled++;
}

/* A child that reads a signal that it has not blocked. */
static pid_t read_unblocked(int fd)
{
	struct sigaction action = { .sa_handler = count_signal };
	pid_t child = fork_child();

	if (child)
		return child;
	handled = 0;
	if (sigaction(SIGUSR1, &action, NULL) || sig_unblock(USR))
		_exit(1);
	_exit(sfd_take(fd) != SIGUSR1 || handled);
}

TEST_F(blocking, a_reader_that_waits_is_before_its_handler)
{
	pid_t child = read_unblocked(self->fd);

	ASSERT_GE(child, 0);
	ASSERT_TRUE(wait_for(asleep_in(child) == SYS_read));
	ASSERT_EQ(0, kill(child, SIGUSR1));
	EXPECT_TRUE(child_ends_well(child));
	/* The same for a signal for the thread. */
	child = read_unblocked(self->fd);
	ASSERT_TRUE(wait_for(asleep_in(child) == SYS_read));
	ASSERT_EQ(0, syscall(SYS_tgkill, child, child, SIGUSR1));
	EXPECT_TRUE(child_ends_well(child));
}

TEST_F(blocking, signals_that_end_the_process)
{
	static const int signals[] = { SIGUSR1, SIGKILL };
	int status;

	for (int i = 0; i < 2; i++) {
		pid_t child = fork_child();

		ASSERT_GE(child, 0);
		/* Reading a signal that would end the process does not save it. */
		if (!child)
			_exit(sig_unblock(USR) || sfd_take(self->fd));
		ASSERT_TRUE(wait_for(asleep_in(child) == SYS_read));
		ASSERT_EQ(0, kill(child, signals[i]));
		ASSERT_EQ(child, waitpid(child, &status, 0));
		ASSERT_TRUE(WIFSIGNALED(status));
		EXPECT_EQ(signals[i], WTERMSIG(status));
	}
}

TEST_F(blocking, another_mask_wakes)
{
	ASSERT_EQ(0, sig_block(USR));
	ASSERT_EQ(0, kill(getpid(), SIGUSR2));
	ASSERT_TRUE(reader_start_blocked(&self->reader, self->fd));
	ASSERT_EQ(self->fd, sfd_set_mask(self->fd, USR));
	EXPECT_EQ(SIGUSR2, reader_takes(&self->reader));
	/* A signal that is no longer in the mask is not read. */
	ASSERT_TRUE(reader_start_blocked(&self->reader, self->fd));
	ASSERT_EQ(self->fd, sfd_set_mask(self->fd, sig_bit(SIGUSR1)));
	ASSERT_EQ(0, kill(getpid(), SIGUSR2));
	EXPECT_TRUE(reader_blocks(&self->reader));
	ASSERT_EQ(0, kill(getpid(), SIGUSR1));
	EXPECT_EQ(SIGUSR1, reader_takes(&self->reader));
	EXPECT_EQ(sig_bit(SIGUSR2), sig_pending());
}

TEST_F(blocking, a_mask_of_another_process)
{
	pid_t child;

	ASSERT_EQ(0, sig_block(USR | sig_bit(SIGURG)));
	ASSERT_EQ(0, kill(getpid(), SIGUSR2));
	ASSERT_TRUE(reader_start_blocked(&self->reader, self->fd));
	child = fork_child();
	ASSERT_GE(child, 0);
	if (!child)
		_exit(sfd_set_mask(self->fd, USR) != self->fd);
	ASSERT_TRUE(child_ends_well(child));
	EXPECT_EQ(USR, sfd_mask(self->fd));
	/* That woke no reader here. The next wake-up makes it use the new mask. */
	ASSERT_EQ(0, kill(getpid(), SIGURG));
	EXPECT_EQ(SIGUSR2, reader_takes(&self->reader));
}

TEST_F(blocking, closed_while_blocked)
{
	int last = sfd_new(sig_bit(SIGUSR1), 0);
	static struct reader other;

	ASSERT_GE(last, 0);
	ASSERT_TRUE(reader_start_blocked(&self->reader, last));
	ASSERT_TRUE(reader_start_blocked(&other, self->fd));
	ASSERT_EQ(0, close(last));
	EXPECT_TRUE(reader_blocks(&self->reader));
	ASSERT_EQ(0, kill(getpid(), SIGUSR1));
	ASSERT_TRUE(wait_for(self->reader.call.done || other.call.done));
	ASSERT_EQ(0, kill(getpid(), SIGUSR1));
	EXPECT_EQ(SIGUSR1, reader_takes(&self->reader));
	EXPECT_EQ(SIGUSR1, reader_takes(&other));
}

TEST_HARNESS_MAIN
