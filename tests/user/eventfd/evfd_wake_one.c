// SPDX-License-Identifier: GPL-2.0
/*
 * EVFD_EFD_WAKE_ONE: a post wakes one blocked reader. If that reader does not take the
 * post, another reader does.
 */
#include "crowd.h"

#define READERS	8

/* Whether all readers but those that have ended sleep. */
static bool others_sleep(struct call *calls, int n)
{
	for (int i = 0; i < n; i++) {
		if (!calls[i].done && !call_blocks(&calls[i]) && !calls[i].done)
			return false;
	}
	return true;
}

/* Starts a thread that waits in poll or epoll, the first one exclusively. */
static bool start_poller(struct call *call, int fd, int number)
{
	struct epoll_event event = { .events = EPOLLIN };

	*call = (struct call){ .make = call_poll, .fd = fd, .value = POLLIN };
	if (number % 2 == 0) {
		event.events |= number ? EPOLLET : EPOLLEXCLUSIVE;
		call->make = call_epoll;
		call->fd = epoll_create1(0);
		if (epoll_ctl(call->fd, EPOLL_CTL_ADD, fd, &event))
			return false;
	}
	return call_start_blocked(call);
}

FIXTURE(wake_one)
{
	struct call readers[READERS];
	int fd;
};

FIXTURE_VARIANT(wake_one)
{
	int flags;
};

FIXTURE_VARIANT_ADD(wake_one, plain)
{
	.flags = EVFD_EFD_WAKE_ONE,
};

FIXTURE_VARIANT_ADD(wake_one, semaphore)
{
	.flags = EVFD_EFD_WAKE_ONE | EFD_SEMAPHORE,
};

FIXTURE_SETUP(wake_one)
{
	self->fd = efd_new(0, variant->flags);
	ASSERT_GE(self->fd, 0);
	ASSERT_EQ(0, catch_signal(SIGUSR1, 0));
}

FIXTURE_TEARDOWN(wake_one)
{
	close(self->fd);
}

TEST_F(wake_one, one_post_wakes_one_reader)
{
	long before[READERS];

	ASSERT_TRUE(start_readers(self->readers, READERS, self->fd));
	for (int i = 0; i < READERS; i++)
		before[i] = sleeps_of(self->readers[i].tid);
	for (int round = 1; round <= READERS; round++) {
		ASSERT_EQ(8, efd_add(self->fd, 1));
		ASSERT_TRUE(wait_for(calls_ended(self->readers, READERS) == round));
		ASSERT_TRUE(others_sleep(self->readers, READERS));
		EXPECT_EQ(round, calls_ended(self->readers, READERS));
		/* No other reader has been woken, not even to find nothing. */
		for (int i = 0; i < READERS; i++) {
			if (!self->readers[i].done)
				EXPECT_EQ(before[i],
					  sleeps_of(self->readers[i].tid));
		}
	}
	for (int i = 0; i < READERS; i++) {
		ASSERT_TRUE(call_ends(&self->readers[i]));
		EXPECT_EQ(1, self->readers[i].value);
	}
}

TEST_F(wake_one, one_post_of_many)
{
	bool semaphore = variant->flags & EFD_SEMAPHORE;

	ASSERT_TRUE(start_readers(self->readers, READERS, self->fd));
	ASSERT_EQ(8, efd_add(self->fd, 5));
	/* A semaphore lets five go, one after the other. */
	ASSERT_TRUE(wait_for(calls_ended(self->readers, READERS) ==
			     (semaphore ? 5 : 1)));
	ASSERT_TRUE(others_sleep(self->readers, READERS));
	EXPECT_EQ(semaphore ? 5 : 1, calls_ended(self->readers, READERS));
	EXPECT_EQ(0, efd_count(self->fd));
}

TEST_F(wake_one, all_pollers_are_woken)
{
	enum { POLLERS = 6 };
	bool semaphore = variant->flags & EFD_SEMAPHORE;
	struct call pollers[POLLERS];
	long before[POLLERS];

	/* One reader comes before them in the queue, one after them. */
	ASSERT_TRUE(start_readers(self->readers, 1, self->fd));
	for (int i = 0; i < POLLERS; i++) {
		ASSERT_TRUE(start_poller(&pollers[i], self->fd, i));
		before[i] = sleeps_of(pollers[i].tid);
	}
	ASSERT_TRUE(start_readers(self->readers + 1, 1, self->fd));

	/* They are woken whether they find something or not. */
	ASSERT_EQ(8, efd_add(self->fd, semaphore ? 10 : 1));
	for (int i = 0; i < POLLERS; i++)
		EXPECT_TRUE(wait_for(pollers[i].done ||
				     sleeps_of(pollers[i].tid) > before[i]));
	ASSERT_TRUE(wait_for(calls_ended(self->readers, 2) == (semaphore ? 2 : 1)));
	if (!semaphore) {
		ASSERT_TRUE(others_sleep(self->readers, 2));
		ASSERT_EQ(8, efd_add(self->fd, 1));
		ASSERT_TRUE(wait_for(calls_ended(self->readers, 2) == 2));
		ASSERT_EQ(8, efd_add(self->fd, 1));
	}
	/* No reader is left to take it. */
	for (int i = 0; i < POLLERS; i++) {
		ASSERT_TRUE(call_ends(&pollers[i]));
		EXPECT_EQ(POLLIN, pollers[i].value);
	}
}

TEST_F(wake_one, a_reader_that_faults_passes_it_on)
{
	for (int round = 0; round < 10; round++) {
		struct call bad[2] = {
			{ .make = call_read, .fd = self->fd },
			{ .make = call_read, .fd = self->fd },
		};
		struct call good = { .make = call_read, .fd = self->fd };

		/* The bad ones are first in the queue. */
		for (int i = 0; i < 2; i++) {
			bad[i].buf = (void *)1;
			ASSERT_TRUE(call_start_blocked(&bad[i]));
		}
		ASSERT_TRUE(call_start_blocked(&good));
		ASSERT_EQ(8, efd_add(self->fd, 1));
		ASSERT_TRUE(call_ends(&good));
		EXPECT_EQ(1, good.value);
		EXPECT_EQ(0, efd_count(self->fd));
		for (int i = 0; i < 2; i++) {
			ASSERT_TRUE(call_ends(&bad[i]));
			EXPECT_EQ(EFAULT, bad[i].err);
		}
	}
}

/*
 * Keeps the threads from running, which are on this CPU and of lower priority,
 * while a post and a signal meet at one of them.
 */
static bool rule_this_cpu(void)
{
	struct sched_param param = { .sched_priority = 1 };
	cpu_set_t cpus;

	CPU_ZERO(&cpus);
	CPU_SET(0, &cpus);
	return !sched_setaffinity(0, sizeof(cpus), &cpus) &&
	       !sched_setscheduler(0, SCHED_FIFO | SCHED_RESET_ON_FORK, &param);
}

TEST_F(wake_one, a_reader_that_is_interrupted_passes_it_on)
{
	ASSERT_TRUE(rule_this_cpu());
	for (int round = 0; round < 10; round++) {
		struct call *first = &self->readers[0];
		struct call *second = &self->readers[1];

		ASSERT_TRUE(start_readers(self->readers, 2, self->fd));
		if (round % 2)
			ASSERT_EQ(0, signal_thread(first->tid, SIGUSR1));
		ASSERT_EQ(8, efd_add(self->fd, 1));
		if (round % 2 == 0)
			ASSERT_EQ(0, signal_thread(first->tid, SIGUSR1));
		/* One of them has it: no reader sleeps while it is there. */
		ASSERT_TRUE(wait_for(efd_count(self->fd) == 0));
		ASSERT_TRUE(call_ends(first));
		if (first->ret == 8) {
			EXPECT_TRUE(call_blocks(second));
			ASSERT_EQ(8, efd_add(self->fd, 1));
		} else {
			EXPECT_EQ(EINTR, first->err);
		}
		ASSERT_TRUE(call_ends(second));
		EXPECT_EQ(8, second->ret);
		EXPECT_EQ(1, second->value);
	}
}

TEST_F(wake_one, a_reader_that_is_killed_passes_it_on)
{
	ASSERT_TRUE(rule_this_cpu());
	for (int round = 0; round < 10; round++) {
		struct call *reader = &self->readers[0];
		int status;
		pid_t child;

		child = fork_child();
		ASSERT_GE(child, 0);
		if (!child)
			_exit(efd_take(self->fd) != 1);
		ASSERT_TRUE(wait_for(asleep_in(child) == SYS_read));
		ASSERT_TRUE(start_readers(reader, 1, self->fd));
		if (round % 2)
			kill(child, SIGKILL);
		ASSERT_EQ(8, efd_add(self->fd, 1));
		if (round % 2 == 0)
			kill(child, SIGKILL);
		ASSERT_EQ(child, waitpid(child, &status, 0));
		EXPECT_TRUE(wait_for(efd_count(self->fd) == 0));
		/* The child may have taken it before it died. */
		if (call_blocks(reader))
			ASSERT_EQ(8, efd_add(self->fd, 1));
		ASSERT_TRUE(call_ends(reader));
		EXPECT_EQ(1, reader->value);
	}
}

TEST_F(wake_one, a_read_that_does_not_block_takes_nobodys_turn)
{
	uint64_t value;
	struct iovec iov = { .iov_base = &value, .iov_len = 8 };
	int done;

	ASSERT_TRUE(start_readers(self->readers, 2, self->fd));
	/* A reader is woken, and may find that there is nothing any more. */
	for (int i = 0; i < 100; i++) {
		ASSERT_EQ(8, efd_add(self->fd, 1));
		if (preadv2(self->fd, &iov, 1, -1, RWF_NOWAIT) != 8)
			break;
	}
	ASSERT_TRUE(others_sleep(self->readers, 2));
	for (done = calls_ended(self->readers, 2); done < 2; done++) {
		ASSERT_EQ(8, efd_add(self->fd, 1));
		ASSERT_TRUE(wait_for(calls_ended(self->readers, 2) == done + 1));
	}
	for (int i = 0; i < 2; i++) {
		ASSERT_TRUE(call_ends(&self->readers[i]));
		EXPECT_EQ(8, self->readers[i].ret);
	}
}

static bool add(struct crowd *crowd, uint64_t value)
{
	return efd_add(crowd->fd, value) == 8;
}

TEST(writers_that_block)
{
	struct crowd crowd = {
		.kind = &kind_wake_one, .fd = efd_new(0, EVFD_EFD_WAKE_ONE),
		.posters = 3, .readers = 3, .value = UINT64_C(1) << 62, .post = add,
	};

	EXPECT_TRUE(crowd_run(&crowd));
}

TEST_HARNESS_MAIN
