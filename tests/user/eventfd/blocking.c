// SPDX-License-Identifier: GPL-2.0
/*
 * Calls that block: what ends them, and what signals do to them.
 */
#include "common.h"

#define READERS	8

/* Fills the counter so that no write fits. */
static bool fill(int fd)
{
	return efd_add(fd, EFD_COUNT_MAX) == 8;
}

/* Does what a blocked call waits for: a reader gets 12. */
static bool let_go(int fd, long (*make)(struct call *call))
{
	if (make == call_write)
		return efd_take(fd) == (int64_t)EFD_COUNT_MAX;
	return efd_add(fd, 12) == 8;
}

TEST(read_waits_for_a_write)
{
	struct call reader = { .make = call_read, .fd = efd_new(0, 0) };

	ASSERT_GE(reader.fd, 0);
	ASSERT_TRUE(call_start_blocked(&reader));
	ASSERT_EQ(8, efd_add(reader.fd, 42));
	ASSERT_TRUE(call_ends(&reader));
	EXPECT_EQ(8, reader.ret);
	EXPECT_EQ(42, reader.value);
	EXPECT_EQ(0, efd_count(reader.fd));
}

TEST(semaphore_read_waits_for_a_write)
{
	struct call reader = { .make = call_read };

	reader.fd = efd_new(0, EFD_SEMAPHORE);
	ASSERT_GE(reader.fd, 0);
	ASSERT_TRUE(call_start_blocked(&reader));
	ASSERT_EQ(8, efd_add(reader.fd, 3));
	ASSERT_TRUE(call_ends(&reader));
	EXPECT_EQ(8, reader.ret);
	EXPECT_EQ(1, reader.value);
	EXPECT_EQ(2, efd_count(reader.fd));
}

TEST(readv_waits_for_a_write)
{
	uint64_t value = 0;
	struct iovec iov = { .iov_base = &value, .iov_len = sizeof(value) };
	int fd = efd_new(0, 0);
	pid_t child;
	int status;

	ASSERT_GE(fd, 0);
	child = fork_child();
	ASSERT_GE(child, 0);
	if (!child) {
		if (!wait_for(asleep_in(getppid()) == SYS_readv))
			_exit(2);
		_exit(efd_add(fd, 9) != 8);
	}
	EXPECT_EQ(8, readv(fd, &iov, 1));
	EXPECT_EQ(9, value);
	ASSERT_EQ(child, waitpid(child, &status, 0));
	EXPECT_EQ(0, status);
}

TEST(write_of_zero_ends_no_read)
{
	struct call reader = { .make = call_read, .fd = efd_new(0, 0) };

	ASSERT_GE(reader.fd, 0);
	ASSERT_TRUE(call_start_blocked(&reader));
	ASSERT_EQ(8, efd_add(reader.fd, 0));
	EXPECT_TRUE(call_blocks(&reader));
	ASSERT_EQ(8, efd_add(reader.fd, 1));
	ASSERT_TRUE(call_ends(&reader));
	EXPECT_EQ(1, reader.value);
}

TEST(write_waits_for_a_read)
{
	struct call writer = { .make = call_write, .value = 5 };

	writer.fd = efd_new(0, 0);
	ASSERT_GE(writer.fd, 0);
	ASSERT_TRUE(fill(writer.fd));
	ASSERT_TRUE(call_start_blocked(&writer));
	EXPECT_EQ((int64_t)EFD_COUNT_MAX, efd_take(writer.fd));
	ASSERT_TRUE(call_ends(&writer));
	EXPECT_EQ(8, writer.ret);
	EXPECT_EQ(5, efd_take(writer.fd));
}

TEST(write_waits_until_all_of_it_fits)
{
	struct call writer = { .make = call_write, .value = 3 };
	int fd = efd_new(0, EFD_SEMAPHORE);

	ASSERT_GE(fd, 0);
	writer.fd = fd;
	ASSERT_TRUE(fill(fd));
	ASSERT_TRUE(call_start_blocked(&writer));
	for (int i = 0; i < 2; i++) {
		EXPECT_EQ(1, efd_take(fd));
		EXPECT_TRUE(call_blocks(&writer));
	}
	/* What is smaller still fits, and is not kept waiting. */
	EXPECT_EQ(8, efd_add(fd, 1));
	EXPECT_EQ(1, efd_take(fd));
	EXPECT_TRUE(call_blocks(&writer));
	EXPECT_EQ(1, efd_take(fd));
	ASSERT_TRUE(call_ends(&writer));
	EXPECT_EQ(8, writer.ret);
	EXPECT_EQ((int64_t)EFD_COUNT_MAX, efd_count(fd));
}

TEST(many_writers_wait)
{
	struct call writers[4];
	int fd = efd_new(0, 0);

	ASSERT_GE(fd, 0);
	ASSERT_TRUE(fill(fd));
	for (int i = 0; i < 4; i++) {
		writers[i] = (struct call){
			.make = call_write, .fd = fd, .value = 1 << i,
		};
		ASSERT_TRUE(call_start_blocked(&writers[i]));
	}
	EXPECT_EQ((int64_t)EFD_COUNT_MAX, efd_take(fd));
	for (int i = 0; i < 4; i++) {
		ASSERT_TRUE(call_ends(&writers[i]));
		EXPECT_EQ(8, writers[i].ret);
	}
	EXPECT_EQ(15, efd_take(fd));
}

TEST(a_blocked_writer_lets_a_blocked_reader_go)
{
	struct call writer = { .make = call_write, .value = 7 };
	struct call reader = { .make = call_read };
	int fd = efd_new(0, 0);

	ASSERT_GE(fd, 0);
	writer.fd = fd;
	reader.fd = fd;
	ASSERT_TRUE(fill(fd));
	ASSERT_TRUE(call_start_blocked(&writer));
	EXPECT_EQ((int64_t)EFD_COUNT_MAX, efd_take(fd));
	ASSERT_TRUE(call_ends(&writer));
	EXPECT_EQ(7, efd_take(fd));
	ASSERT_TRUE(call_start_blocked(&reader));
	EXPECT_EQ(8, efd_add(fd, 6));
	ASSERT_TRUE(call_ends(&reader));
	EXPECT_EQ(6, reader.value);
}

TEST(one_of_many_readers_gets_all)
{
	struct call readers[READERS];
	uint64_t sum = 0;
	int fd = efd_new(0, 0);

	ASSERT_GE(fd, 0);
	ASSERT_TRUE(start_readers(readers, READERS, fd));
	for (int round = 1; round <= READERS; round++) {
		ASSERT_EQ(8, efd_add(fd, 10));
		ASSERT_TRUE(wait_for(calls_ended(readers, READERS) == round));
		for (int i = 0; i < READERS; i++)
			EXPECT_TRUE(readers[i].done || call_blocks(&readers[i]));
		EXPECT_EQ(round, calls_ended(readers, READERS));
	}
	for (int i = 0; i < READERS; i++) {
		ASSERT_TRUE(call_ends(&readers[i]));
		EXPECT_EQ(8, readers[i].ret);
		sum += readers[i].value;
	}
	EXPECT_EQ(10 * READERS, sum);
}

TEST(a_semaphore_lets_as_many_readers_go_as_were_added)
{
	struct call readers[READERS];
	int fd = efd_new(0, EFD_SEMAPHORE);

	ASSERT_GE(fd, 0);
	ASSERT_TRUE(start_readers(readers, READERS, fd));
	ASSERT_EQ(8, efd_add(fd, 5));
	ASSERT_TRUE(wait_for(calls_ended(readers, READERS) == 5));
	for (int i = 0; i < READERS; i++)
		EXPECT_TRUE(readers[i].done || call_blocks(&readers[i]));
	EXPECT_EQ(5, calls_ended(readers, READERS));
	ASSERT_EQ(8, efd_add(fd, READERS - 5));
	for (int i = 0; i < READERS; i++) {
		ASSERT_TRUE(call_ends(&readers[i]));
		EXPECT_EQ(1, readers[i].value);
	}
	EXPECT_EQ(0, efd_count(fd));
}

TEST(all_readers_are_woken)
{
	struct call readers[READERS];
	long before[READERS];
	int fd = efd_new(0, 0);

	ASSERT_GE(fd, 0);
	ASSERT_TRUE(start_readers(readers, READERS, fd));
	for (int i = 0; i < READERS; i++)
		before[i] = sleeps_of(readers[i].tid);
	ASSERT_EQ(8, efd_add(fd, 1));
	for (int i = 0; i < READERS; i++)
		EXPECT_TRUE(wait_for(readers[i].done ||
				     sleeps_of(readers[i].tid) > before[i]));
	EXPECT_EQ(1, calls_ended(readers, READERS));
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

FIXTURE_VARIANT_ADD(signals, write)
{
	.make = call_write,
};

FIXTURE_VARIANT_ADD(signals, write_restarts)
{
	.make = call_write,
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
	self->fd = efd_new(0, 0);
	ASSERT_GE(self->fd, 0);
	if (variant->make == call_write)
		ASSERT_TRUE(fill(self->fd));
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
	if (!variant->restarts) {
		ASSERT_EQ(0, signal_thread(call.tid, SIGUSR1));
		ASSERT_TRUE(call_ends(&call));
		EXPECT_EQ(-1, call.ret);
		EXPECT_EQ(EINTR, call.err);
		return;
	}
	ASSERT_TRUE(let_go(self->fd, variant->make));
	ASSERT_TRUE(call_ends(&call));
	EXPECT_EQ(8, call.ret);
	EXPECT_EQ(variant->make == call_read ? 12 : POLLIN, call.value);
}

TEST_F(signals, stopped_and_continued)
{
	long want = variant->make == call_poll ? 1 : 8;
	int64_t count = efd_count(self->fd);
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
	EXPECT_EQ(count, efd_count(self->fd));
	ASSERT_TRUE(wait_for(asleep_in(child) >= 0));
	ASSERT_TRUE(let_go(self->fd, variant->make));
	ASSERT_EQ(child, waitpid(child, &status, 0));
	EXPECT_EQ(0, status);
}

TEST(interrupted_calls_change_nothing)
{
	struct call reader = { .make = call_read, .fd = efd_new(0, 0) };
	struct call writer = { .make = call_write, .value = 1 };

	ASSERT_GE(reader.fd, 0);
	writer.fd = reader.fd;
	ASSERT_EQ(0, catch_signal(SIGUSR1, 0));
	ASSERT_TRUE(call_start_blocked(&reader));
	ASSERT_EQ(0, signal_thread(reader.tid, SIGUSR1));
	ASSERT_TRUE(call_ends(&reader));
	EXPECT_EQ(0, efd_count(reader.fd));
	ASSERT_TRUE(fill(reader.fd));
	ASSERT_TRUE(call_start_blocked(&writer));
	ASSERT_EQ(0, signal_thread(writer.tid, SIGUSR1));
	ASSERT_TRUE(call_ends(&writer));
	EXPECT_EQ(EINTR, writer.err);
	EXPECT_EQ((int64_t)EFD_COUNT_MAX, efd_count(reader.fd));
}

TEST(killed_while_blocked)
{
	int fd = efd_new(0, 0);
	int status;
	pid_t child;

	ASSERT_GE(fd, 0);
	child = fork_child();
	ASSERT_GE(child, 0);
	if (!child)
		_exit(efd_take(fd) != 0);
	ASSERT_TRUE(wait_for(asleep_in(child) == SYS_read));
	ASSERT_EQ(0, kill(child, SIGKILL));
	ASSERT_EQ(child, waitpid(child, &status, 0));
	EXPECT_TRUE(WIFSIGNALED(status));
	EXPECT_EQ(8, efd_add(fd, 4));
	EXPECT_EQ(4, efd_take(fd));
}

TEST(descriptor_closed_while_blocked)
{
	struct call reader = { .make = call_read, .fd = efd_new(0, 0) };
	int other;

	ASSERT_GE(reader.fd, 0);
	other = dup(reader.fd);
	ASSERT_GE(other, 0);
	ASSERT_TRUE(call_start_blocked(&reader));
	ASSERT_EQ(0, close(reader.fd));
	EXPECT_TRUE(call_blocks(&reader));
	ASSERT_EQ(8, efd_add(other, 11));
	ASSERT_TRUE(call_ends(&reader));
	EXPECT_EQ(8, reader.ret);
	EXPECT_EQ(11, reader.value);
}

TEST(last_descriptor_closed_while_blocked)
{
	struct call reader = { .make = call_read, .fd = efd_new(0, 0) };

	ASSERT_GE(reader.fd, 0);
	ASSERT_EQ(0, catch_signal(SIGUSR1, 0));
	ASSERT_TRUE(call_start_blocked(&reader));
	ASSERT_EQ(0, close(reader.fd));
	EXPECT_TRUE(call_blocks(&reader));
	ASSERT_EQ(0, signal_thread(reader.tid, SIGUSR1));
	ASSERT_TRUE(call_ends(&reader));
	EXPECT_EQ(EINTR, reader.err);
}

TEST(nonblock_set_while_blocked)
{
	struct call reader = { .make = call_read, .fd = efd_new(0, 0) };

	ASSERT_GE(reader.fd, 0);
	ASSERT_TRUE(call_start_blocked(&reader));
	ASSERT_EQ(0, fcntl(reader.fd, F_SETFL, O_NONBLOCK));
	/* A call that blocks already is not touched by it ... */
	EXPECT_TRUE(call_blocks(&reader));
	EXPECT_EQ(-EAGAIN, efd_take(reader.fd));
	/* ... not even when it is woken for nothing. */
	ASSERT_EQ(8, efd_add(reader.fd, 0));
	EXPECT_TRUE(call_blocks(&reader));
	ASSERT_EQ(8, efd_add(reader.fd, 1));
	ASSERT_TRUE(call_ends(&reader));
	EXPECT_EQ(8, reader.ret);
}

TEST(processes_pass_a_token)
{
	struct { int to, from; } fds = { efd_new(0, 0), efd_new(0, 0) };
	pid_t child;
	int status;

	ASSERT_GE(fds.to, 0);
	ASSERT_GE(fds.from, 0);
	child = fork_child();
	ASSERT_GE(child, 0);
	if (!child) {
		for (int i = 1; i <= 500; i++) {
			if (efd_take(fds.to) != i || efd_add(fds.from, i) != 8)
				_exit(1);
		}
		_exit(0);
	}
	for (int i = 1; i <= 500; i++) {
		ASSERT_EQ(8, efd_add(fds.to, i));
		ASSERT_EQ(i, efd_take(fds.from));
	}
	ASSERT_EQ(child, waitpid(child, &status, 0));
	EXPECT_EQ(0, status);
}

TEST_HARNESS_MAIN
