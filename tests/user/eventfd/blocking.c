// SPDX-License-Identifier: GPL-2.0
/*
 * Writes that wait for room in the counter, and the readers of a semaphore.
 */
#include "common.h"

#define READERS	8

/* Fills the counter so that no write fits. */
static bool fill(int fd)
{
	return efd_add(fd, EFD_COUNT_MAX) == 8;
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
	/* A smaller write still fits, and does not wait. */
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

/* A descriptor on which a write blocks. */
FIXTURE(full)
{
	struct call writer;
	int fd;
};

FIXTURE_VARIANT(full)
{
	int flags;
};

FIXTURE_VARIANT_ADD(full, write)
{
	.flags = 0,
};

FIXTURE_VARIANT_ADD(full, write_restarts)
{
	.flags = SA_RESTART,
};

FIXTURE_SETUP(full)
{
	self->fd = efd_new(0, 0);
	ASSERT_GE(self->fd, 0);
	ASSERT_TRUE(fill(self->fd));
	ASSERT_EQ(0, catch_signal(SIGUSR1, variant->flags));
	self->writer = (struct call){ .make = call_write, .fd = self->fd, .value = 1 };
}

FIXTURE_TEARDOWN(full)
{
	close(self->fd);
}

TEST_F(full, interrupted_by_a_handler)
{
	pid_t tid;

	ASSERT_TRUE(call_start_blocked(&self->writer));
	tid = self->writer.tid;
	for (int i = 0; variant->flags && i < 10; i++) {
		long sleeps = sleeps_of(tid);

		ASSERT_EQ(0, signal_thread(tid, SIGUSR1));
		ASSERT_TRUE(wait_for(sleeps_of(tid) > sleeps));
		ASSERT_TRUE(call_blocks(&self->writer));
	}
	if (variant->flags) {
		EXPECT_EQ((int64_t)EFD_COUNT_MAX, efd_take(self->fd));
		ASSERT_TRUE(call_ends(&self->writer));
		EXPECT_EQ(8, self->writer.ret);
		EXPECT_EQ(1, efd_count(self->fd));
		return;
	}
	ASSERT_EQ(0, signal_thread(tid, SIGUSR1));
	ASSERT_TRUE(call_ends(&self->writer));
	EXPECT_EQ(-1, self->writer.ret);
	EXPECT_EQ(EINTR, self->writer.err);
	/* The call has changed nothing. */
	EXPECT_EQ((int64_t)EFD_COUNT_MAX, efd_count(self->fd));
}

TEST_F(full, stopped_and_continued)
{
	int status;
	pid_t child;

	child = fork_child();
	ASSERT_GE(child, 0);
	if (!child)
		_exit(efd_add(self->fd, 1) != 8);
	ASSERT_TRUE(wait_for(asleep_in(child) == SYS_write));
	ASSERT_EQ(0, kill(child, SIGSTOP));
	ASSERT_EQ(child, waitpid(child, &status, WUNTRACED));
	ASSERT_TRUE(WIFSTOPPED(status));
	ASSERT_EQ(0, kill(child, SIGCONT));
	ASSERT_EQ(child, waitpid(child, &status, WCONTINUED));
	EXPECT_EQ((int64_t)EFD_COUNT_MAX, efd_count(self->fd));
	ASSERT_TRUE(wait_for(asleep_in(child) >= 0));
	EXPECT_EQ((int64_t)EFD_COUNT_MAX, efd_take(self->fd));
	ASSERT_EQ(child, waitpid(child, &status, 0));
	EXPECT_EQ(0, status);
}

TEST_HARNESS_MAIN
