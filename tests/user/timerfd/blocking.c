// SPDX-License-Identifier: GPL-2.0
/*
 * Reads of a timer that block: what ends them, and what signals do to them.
 */
#include "timer.h"

#define READERS	8

static int new_timer(void)
{
	return tfd_new(CLOCK_MONOTONIC, 0);
}

/* Makes the timer expire once. */
static bool fire(int fd)
{
	return !tfd_arm(fd, 0, 1, 0);
}

TEST(read_waits_for_the_time)
{
	int64_t start = tfd_clock(CLOCK_MONOTONIC);
	int fd = new_timer();

	ASSERT_GE(fd, 0);
	for (int i = 1; i <= 3; i++) {
		ASSERT_EQ(0, tfd_arm(fd, 0, 25 * NS_PER_MS, 0));
		EXPECT_EQ(1, tfd_ticks(fd));
		EXPECT_LE(i * 25 * NS_PER_MS,
			  tfd_clock(CLOCK_MONOTONIC) - start);
	}
}

TEST(periodic_reads_wait_for_the_time)
{
	const int64_t interval = 15 * NS_PER_MS;
	int64_t first = tfd_clock(CLOCK_MONOTONIC) + interval;
	int64_t ticks, sum = 0;
	int fd = new_timer();

	ASSERT_GE(fd, 0);
	ASSERT_EQ(0, tfd_arm(fd, TFD_TIMER_ABSTIME, first, interval));
	for (int i = 0; i < 10; i++) {
		ticks = tfd_ticks(fd);
		ASSERT_LE(1, ticks);
		sum += ticks;
		EXPECT_GE(tfd_due(tfd_clock(CLOCK_MONOTONIC), first, interval),
			  sum);
	}
}

TEST(a_blocked_reader_and_settings)
{
	struct call reader = { .make = call_read, .fd = new_timer() };

	ASSERT_GE(reader.fd, 0);
	/* It waits for whatever comes, with the timer disarmed too. */
	ASSERT_TRUE(call_start_blocked(&reader));
	ASSERT_EQ(0, tfd_arm(reader.fd, 0, FAR_NS, 0));
	EXPECT_TRUE(call_blocks(&reader));
	ASSERT_EQ(0, tfd_arm(reader.fd, 0, 0, 0));
	EXPECT_LE(0, tfd_left(reader.fd));
	EXPECT_EQ(0, poll_now(reader.fd));
	EXPECT_TRUE(call_blocks(&reader));
	ASSERT_TRUE(fire(reader.fd));
	ASSERT_TRUE(call_ends(&reader));
	EXPECT_EQ(8, reader.ret);
	EXPECT_EQ(1, reader.value);
}

TEST(a_blocked_reader_of_what_is_past)
{
	struct call reader = { .make = call_read };

	reader.fd = tfd_new(CLOCK_REALTIME, 0);
	ASSERT_GE(reader.fd, 0);
	ASSERT_EQ(0, tfd_arm(reader.fd, 0, FAR_NS, 0));
	ASSERT_TRUE(call_start_blocked(&reader));
	ASSERT_EQ(0, tfd_arm_late(reader.fd, CLOCK_REALTIME));
	ASSERT_TRUE(call_ends(&reader));
	EXPECT_EQ(8, reader.ret);
	EXPECT_EQ(LATE_TICKS, reader.value);
	EXPECT_LT(FAR_NS / 2, tfd_left(reader.fd));
}

TEST(a_blocked_reader_and_set_ticks)
{
	struct call reader = { .make = call_read, .fd = new_timer() };

	if (!tfd_can_set_ticks())
		return;
	ASSERT_GE(reader.fd, 0);
	ASSERT_TRUE(call_start_blocked(&reader));
	EXPECT_EQ(-1, tfd_set_ticks(reader.fd, 0));
	EXPECT_TRUE(call_blocks(&reader));
	ASSERT_EQ(0, tfd_set_ticks(reader.fd, 77));
	ASSERT_TRUE(call_ends(&reader));
	EXPECT_EQ(8, reader.ret);
	EXPECT_EQ(77, reader.value);
}

TEST(readv_waits)
{
	uint64_t value = 0;
	struct iovec iov = { .iov_base = &value, .iov_len = sizeof(value) };
	int fd = new_timer();
	pid_t child;
	int status;

	ASSERT_GE(fd, 0);
	child = fork_child();
	ASSERT_GE(child, 0);
	if (!child) {
		if (!wait_for(asleep_in(getppid()) == SYS_readv))
			_exit(2);
		_exit(!fire(fd));
	}
	EXPECT_EQ(8, readv(fd, &iov, 1));
	EXPECT_EQ(1, value);
	ASSERT_EQ(child, waitpid(child, &status, 0));
	EXPECT_EQ(0, status);
}

TEST(one_of_many_readers_gets_a_tick)
{
	struct call readers[READERS];
	int fd = new_timer();

	ASSERT_GE(fd, 0);
	ASSERT_TRUE(start_readers(readers, READERS, fd));
	for (int round = 1; round <= READERS; round++) {
		ASSERT_TRUE(fire(fd));
		ASSERT_TRUE(wait_for(calls_ended(readers, READERS) == round));
		for (int i = 0; i < READERS; i++)
			EXPECT_TRUE(readers[i].done || call_blocks(&readers[i]));
		EXPECT_EQ(round, calls_ended(readers, READERS));
	}
	for (int i = 0; i < READERS; i++) {
		ASSERT_TRUE(call_ends(&readers[i]));
		EXPECT_EQ(8, readers[i].ret);
		EXPECT_EQ(1, readers[i].value);
	}
}

TEST(all_readers_are_woken)
{
	struct call readers[READERS];
	long before[READERS];
	int fd = new_timer();

	ASSERT_GE(fd, 0);
	ASSERT_TRUE(start_readers(readers, READERS, fd));
	for (int i = 0; i < READERS; i++)
		before[i] = sleeps_of(readers[i].tid);
	ASSERT_TRUE(fire(fd));
	for (int i = 0; i < READERS; i++)
		EXPECT_TRUE(wait_for(readers[i].done ||
				     sleeps_of(readers[i].tid) > before[i]));
	EXPECT_EQ(1, calls_ended(readers, READERS));
}

/* Each tick goes to one reader, and each reader gets some. */
TEST(readers_share_a_periodic_timer)
{
	const int64_t interval = 2 * NS_PER_MS;
	int64_t first = tfd_clock(CLOCK_MONOTONIC) + interval, sum = 0;
	struct call readers[READERS];
	int fd = new_timer();

	ASSERT_GE(fd, 0);
	ASSERT_TRUE(start_readers(readers, READERS, fd));
	ASSERT_EQ(0, tfd_arm(fd, TFD_TIMER_ABSTIME, first, interval));
	for (int i = 0; i < READERS; i++) {
		ASSERT_TRUE(call_ends(&readers[i]));
		EXPECT_EQ(8, readers[i].ret);
		EXPECT_LE(1, readers[i].value);
		sum += readers[i].value;
	}
	EXPECT_GE(tfd_due(tfd_clock(CLOCK_MONOTONIC), first, interval), sum);
}

FIXTURE(signals)
{
	int fd;
};

FIXTURE_VARIANT(signals)
{
	long (*make)(struct call *call);
	int flags;
	bool restarts;
};

FIXTURE_VARIANT_ADD(signals, read)
{
	.make = call_read,
};

FIXTURE_VARIANT_ADD(signals, read_restarts)
{
	.make = call_read,
	.flags = SA_RESTART,
	.restarts = true,
};

FIXTURE_VARIANT_ADD(signals, poll)
{
	.make = call_poll,
	.flags = SA_RESTART,
};

FIXTURE_SETUP(signals)
{
	self->fd = new_timer();
	ASSERT_GE(self->fd, 0);
	ASSERT_EQ(0, tfd_arm(self->fd, 0, FAR_NS, FAR_NS));
	ASSERT_EQ(0, catch_signal(SIGUSR1, variant->flags));
}

FIXTURE_TEARDOWN(signals)
{
	close(self->fd);
}

TEST_F(signals, caught)
{
	struct call call = { .make = variant->make, .fd = self->fd };
	long sleeps;

	call.value = POLLIN;
	ASSERT_TRUE(call_start_blocked(&call));
	for (int i = 0; variant->restarts && i < 10; i++) {
		sleeps = sleeps_of(call.tid);
		ASSERT_EQ(0, signal_thread(call.tid, SIGUSR1));
		ASSERT_TRUE(wait_for(sleeps_of(call.tid) > sleeps));
		ASSERT_TRUE(call_blocks(&call));
	}
	if (variant->restarts) {
		ASSERT_TRUE(fire(self->fd));
		ASSERT_TRUE(call_ends(&call));
		EXPECT_EQ(8, call.ret);
		EXPECT_EQ(1, call.value);
		return;
	}
	ASSERT_EQ(0, signal_thread(call.tid, SIGUSR1));
	ASSERT_TRUE(call_ends(&call));
	EXPECT_EQ(-1, call.ret);
	EXPECT_EQ(EINTR, call.err);
	/* The timer goes on. */
	EXPECT_LT(FAR_NS / 2, tfd_left(self->fd));
	EXPECT_EQ(0, poll_now(self->fd));
}

TEST_F(signals, stopped_and_continued)
{
	long want = variant->make == call_poll ? 1 : 8;
	int status;
	pid_t child;

	child = fork_child();
	ASSERT_GE(child, 0);
	if (!child) {
		struct call call = { .fd = self->fd, .value = POLLIN };

		call.buf = &call.value;
		_exit(variant->make(&call) != want);
	}
	ASSERT_TRUE(wait_for(asleep_in(child) == call_nr(variant->make)));
	ASSERT_EQ(0, kill(child, SIGSTOP));
	ASSERT_EQ(child, waitpid(child, &status, WUNTRACED));
	ASSERT_TRUE(WIFSTOPPED(status));
	ASSERT_EQ(0, kill(child, SIGCONT));
	ASSERT_EQ(child, waitpid(child, &status, WCONTINUED));
	ASSERT_TRUE(wait_for(asleep_in(child) >= 0));
	ASSERT_TRUE(fire(self->fd));
	ASSERT_EQ(child, waitpid(child, &status, 0));
	EXPECT_EQ(0, status);
}

TEST(expired_while_stopped)
{
	int fd = new_timer();
	int status;
	pid_t child;

	ASSERT_GE(fd, 0);
	child = fork_child();
	ASSERT_GE(child, 0);
	if (!child)
		_exit(tfd_ticks(fd));
	ASSERT_TRUE(wait_for(asleep_in(child) == SYS_read));
	ASSERT_EQ(0, kill(child, SIGSTOP));
	ASSERT_EQ(child, waitpid(child, &status, WUNTRACED));
	ASSERT_TRUE(fire(fd));
	ASSERT_TRUE(tfd_expires(fd));
	ASSERT_EQ(0, kill(child, SIGCONT));
	ASSERT_EQ(child, waitpid(child, &status, 0));
	EXPECT_EQ(1, WEXITSTATUS(status));
	EXPECT_EQ(0, poll_now(fd));
}

TEST(killed_while_blocked)
{
	int fd = new_timer();
	int status;
	pid_t child;

	ASSERT_GE(fd, 0);
	child = fork_child();
	ASSERT_GE(child, 0);
	if (!child)
		_exit(tfd_ticks(fd) != 0);
	ASSERT_TRUE(wait_for(asleep_in(child) == SYS_read));
	ASSERT_EQ(0, kill(child, SIGKILL));
	ASSERT_EQ(child, waitpid(child, &status, 0));
	EXPECT_TRUE(WIFSIGNALED(status));
	ASSERT_TRUE(fire(fd));
	EXPECT_EQ(1, tfd_ticks(fd));
}

TEST(descriptor_closed_while_blocked)
{
	struct call reader = { .make = call_read, .fd = new_timer() };
	int other;

	ASSERT_GE(reader.fd, 0);
	other = dup(reader.fd);
	ASSERT_GE(other, 0);
	ASSERT_TRUE(call_start_blocked(&reader));
	ASSERT_EQ(0, close(reader.fd));
	EXPECT_TRUE(call_blocks(&reader));
	ASSERT_TRUE(fire(other));
	ASSERT_TRUE(call_ends(&reader));
	EXPECT_EQ(8, reader.ret);
	EXPECT_EQ(1, reader.value);
}

/* The blocked call has the file, and the timer with it. */
TEST(last_descriptor_closed_while_blocked)
{
	struct call reader = { .make = call_read, .fd = new_timer() };

	ASSERT_GE(reader.fd, 0);
	ASSERT_TRUE(call_start_blocked(&reader));
	ASSERT_EQ(0, tfd_arm(reader.fd, 0, 50 * NS_PER_MS, 0));
	ASSERT_EQ(0, close(reader.fd));
	ASSERT_TRUE(call_ends(&reader));
	EXPECT_EQ(8, reader.ret);
	EXPECT_EQ(1, reader.value);
}

TEST(nonblock_set_while_blocked)
{
	struct call reader = { .make = call_read, .fd = new_timer() };

	ASSERT_GE(reader.fd, 0);
	ASSERT_TRUE(call_start_blocked(&reader));
	ASSERT_EQ(0, fcntl(reader.fd, F_SETFL, O_NONBLOCK));
	EXPECT_TRUE(call_blocks(&reader));
	EXPECT_EQ(-EAGAIN, tfd_ticks(reader.fd));
	ASSERT_TRUE(fire(reader.fd));
	ASSERT_TRUE(call_ends(&reader));
	EXPECT_EQ(8, reader.ret);
}

TEST(nonblock_is_toggled)
{
	int fd = new_timer();

	ASSERT_GE(fd, 0);
	for (int i = 0; i < 3; i++) {
		struct call reader = { .make = call_read, .fd = fd };

		ASSERT_TRUE(call_start_blocked(&reader));
		ASSERT_TRUE(fire(fd));
		ASSERT_TRUE(call_ends(&reader));
		ASSERT_EQ(0, fcntl(fd, F_SETFL, O_NONBLOCK));
		EXPECT_EQ(-EAGAIN, tfd_ticks(fd));
		ASSERT_TRUE(fire(fd));
		ASSERT_TRUE(tfd_expires(fd));
		EXPECT_EQ(1, tfd_ticks(fd));
		ASSERT_EQ(0, fcntl(fd, F_SETFL, 0));
	}
}

TEST_HARNESS_MAIN
