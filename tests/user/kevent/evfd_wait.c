// SPDX-License-Identifier: GPL-2.0
/*
 * KEVENT_WAIT: time limits, the number of entries to wait for, signals and signal masks,
 * and several waiters.
 */
#include "queue.h"
#include "signal.h"
#include "timer.h"

#include <sys/wait.h>

#define SLOTS	16

/* A time limit that passes in a test. */
#define SOON_NS	(20 * INT64_C(1000000))

FIXTURE(wait)
{
	struct kevent_queue q;
};

FIXTURE_SETUP(wait)
{
	ASSERT_EQ(0, kevent_open(&self->q, SLOTS, 0));
	ASSERT_EQ(0, catch_signal(SIGUSR1, 0));
}

FIXTURE_TEARDOWN(wait)
{
	kevent_close(&self->q);
}

static int wait_with(const struct kevent_queue *q, struct kevent_submit submit)
{
	return result(kevent_enter(q, &submit));
}

/* Time limits */

TEST_F(wait, an_event_before_the_wait)
{
	uint64_t handle = queue_add_user(&self->q, 1, 1, 0);

	ASSERT_EQ(0, queue_ready(&self->q, handle, 1));
	EXPECT_EQ(0, kevent_wait(&self->q, NULL, 0, -1, 0));
	EXPECT_TRUE(queue_gives(&self->q, 1, 1));
}

TEST_F(wait, an_event_during_the_wait)
{
	uint64_t handle = queue_add_user(&self->q, 1, 1, 0);
	struct waiter waiter;

	ASSERT_TRUE(waiter_sleeps(&waiter, &self->q));
	EXPECT_NE(0, self->q.header->sleeping);
	ASSERT_EQ(0, queue_ready(&self->q, handle, 1));
	EXPECT_EQ(0, waiter_returns(&waiter));
	EXPECT_TRUE(queue_gives(&self->q, 1, 1));
	EXPECT_EQ(0, self->q.header->sleeping);
}

TEST_F(wait, an_event_of_its_own_operations)
{
	uint64_t handle = queue_add_user(&self->q, 1, 1, 0);
	struct kevent_op op = kevent_op_ready(handle, 1);

	EXPECT_EQ(1, kevent_wait(&self->q, &op, 1, -1, 0));
	EXPECT_TRUE(queue_gives(&self->q, 1, 1));
}

TEST_F(wait, does_not_sleep_after_a_failed_operation)
{
	struct kevent_op ops[] = {
		kevent_op_add(KEVENT_USER, 1, 1, 1, 0),
		kevent_op_remove(UINT64_MAX),
		kevent_op_add(KEVENT_USER, 2, 2, 1, 0),
	};

	EXPECT_EQ(3, kevent_wait(&self->q, ops, 3, -1, 0));
	EXPECT_EQ(0, ops[0].result);
	EXPECT_EQ(-ENOENT, ops[1].result);
	EXPECT_EQ(0, ops[2].result);
}

TEST_F(wait, a_limit_of_0)
{
	EXPECT_EQ(0, kevent_wait(&self->q, NULL, 0, 0, 0));
	EXPECT_TRUE(queue_is_empty(&self->q));
}

TEST_F(wait, a_consumed_event_is_no_reason_to_return)
{
	uint64_t handle = queue_add_user(&self->q, 1, 1, 0);
	struct waiter waiter;

	ASSERT_EQ(0, queue_ready(&self->q, handle, 1));
	ASSERT_TRUE(queue_gives(&self->q, 1, 1));
	kevent_publish(&self->q);
	ASSERT_TRUE(waiter_sleeps(&waiter, &self->q));
	ASSERT_EQ(0, queue_ready(&self->q, handle, 1));
	EXPECT_EQ(0, waiter_returns(&waiter));
}

TEST_F(wait, o_nonblock_does_not_matter)
{
	uint64_t handle = queue_add_user(&self->q, 1, 1, 0);
	struct waiter waiter;

	ASSERT_EQ(0, fcntl(self->q.fd, F_SETFL, O_NONBLOCK));
	ASSERT_TRUE(waiter_sleeps(&waiter, &self->q));
	ASSERT_EQ(0, queue_ready(&self->q, handle, 1));
	EXPECT_EQ(0, waiter_returns(&waiter));
}

FIXTURE(limit)
{
	struct kevent_queue q;
};

FIXTURE_VARIANT(limit)
{
	int clock;
};

FIXTURE_VARIANT_ADD(limit, monotonic)
{
	.clock = CLOCK_MONOTONIC,
};

FIXTURE_VARIANT_ADD(limit, realtime)
{
	.clock = CLOCK_REALTIME,
};

FIXTURE_VARIANT_ADD(limit, boottime)
{
	.clock = CLOCK_BOOTTIME,
};

FIXTURE_VARIANT_ADD(limit, tai)
{
	.clock = CLOCK_TAI,
};

FIXTURE_SETUP(limit)
{
	ASSERT_EQ(0, kevent_open(&self->q, SLOTS, 0));
}

FIXTURE_TEARDOWN(limit)
{
	kevent_close(&self->q);
}

/* A wait with a limit on this clock. */
static struct kevent_submit wait_until(const struct kevent_queue *q, int clock, int flags,
				       int64_t timeout)
{
	struct kevent_submit submit = wait_forever(q);

	submit.flags |= flags;
	submit.clock = clock;
	submit.timeout = timeout;
	return submit;
}

TEST_F(limit, relative)
{
	int64_t start = tfd_clock(variant->clock);

	EXPECT_EQ(0, wait_with(&self->q, wait_until(&self->q, variant->clock, 0, SOON_NS)));
	EXPECT_GE(tfd_clock(variant->clock), start + SOON_NS);
}

TEST_F(limit, absolute)
{
	int64_t end = tfd_clock(variant->clock) + SOON_NS;

	EXPECT_EQ(0, wait_with(&self->q, wait_until(&self->q, variant->clock,
						    KEVENT_ABSTIME, end)));
	EXPECT_GE(tfd_clock(variant->clock), end);
}

TEST_F(limit, absolute_in_the_past)
{
	EXPECT_EQ(0, wait_with(&self->q, wait_until(&self->q, variant->clock,
						    KEVENT_ABSTIME, 0)));
	EXPECT_EQ(0, wait_with(&self->q, wait_until(&self->q, variant->clock,
						    KEVENT_ABSTIME, 1)));
}

TEST_F(limit, an_event_comes_before_it)
{
	uint64_t handle = queue_add_user(&self->q, 1, 1, 0);
	struct waiter waiter;

	ASSERT_TRUE(waiter_sleeps_in(&waiter, &self->q,
				     wait_until(&self->q, variant->clock, 0, INT64_MAX)));
	ASSERT_EQ(0, queue_ready(&self->q, handle, 1));
	EXPECT_EQ(0, waiter_returns(&waiter));
}

TEST_F(wait, clocks_that_cannot_be_used)
{
	static const int clocks[] = {
		CLOCK_PROCESS_CPUTIME_ID, CLOCK_THREAD_CPUTIME_ID, CLOCK_MONOTONIC_RAW,
		CLOCK_REALTIME_ALARM, CLOCK_BOOTTIME_ALARM, 12, 100, -1,
	};

	for (size_t i = 0; i < ARRAY_SIZE(clocks); i++) {
		struct kevent_submit submit = wait_forever(&self->q);

		submit.clock = clocks[i];
		EXPECT_EQ(-EINVAL, wait_with(&self->q, submit));
	}
}

TEST_F(wait, negative_limits)
{
	static const int64_t limits[] = { -2, -1000000000, INT64_MIN };

	for (size_t i = 0; i < ARRAY_SIZE(limits); i++) {
		struct kevent_submit submit = wait_forever(&self->q);

		submit.timeout = limits[i];
		EXPECT_EQ(-EINVAL, wait_with(&self->q, submit));
		submit.flags |= KEVENT_ABSTIME;
		EXPECT_EQ(-EINVAL, wait_with(&self->q, submit));
		submit.timeout = -1;
		EXPECT_EQ(-EINVAL, wait_with(&self->q, submit));
	}
}

/* min_nr */

TEST_F(wait, for_several_entries)
{
	struct kevent_submit submit = wait_forever(&self->q);
	uint64_t handles[3];
	struct waiter waiter;
	long sleeps;

	for (int i = 0; i < 3; i++)
		handles[i] = queue_add_user(&self->q, i, 3, 0);
	submit.min_nr = 3;
	ASSERT_TRUE(waiter_sleeps_in(&waiter, &self->q, submit));
	sleeps = sleeps_of(waiter.call.tid);
	ASSERT_EQ(0, queue_ready(&self->q, handles[0], 1));
	ASSERT_EQ(0, queue_ready(&self->q, handles[1], 1));
	/* An event that coalesces is no entry. */
	ASSERT_EQ(0, queue_ready(&self->q, handles[0], 2));
	ASSERT_TRUE(call_blocks(&waiter.call));
	EXPECT_EQ(sleeps, sleeps_of(waiter.call.tid));
	ASSERT_EQ(0, queue_ready(&self->q, handles[2], 1));
	EXPECT_EQ(0, waiter_returns(&waiter));
}

TEST_F(wait, for_more_entries_than_kevents)
{
	uint64_t handles[2];

	for (int i = 0; i < 2; i++) {
		handles[i] = queue_add_user(&self->q, i, 1, 0);
		ASSERT_EQ(0, queue_ready(&self->q, handles[i], 1));
	}
	EXPECT_EQ(0, kevent_wait(&self->q, NULL, 0, -1, UINT32_MAX));
}

TEST_F(wait, for_several_entries_and_a_limit)
{
	uint64_t handle = queue_add_user(&self->q, 1, 1, 0);

	ASSERT_NE(0, queue_add_user(&self->q, 2, 1, 0));
	ASSERT_EQ(0, queue_ready(&self->q, handle, 1));
	EXPECT_EQ(0, kevent_wait(&self->q, NULL, 0, SOON_NS, 2));
	EXPECT_TRUE(queue_gives(&self->q, 1, 1));
}

/* Signals */

TEST_F(wait, a_signal_ends_it)
{
	for (int restart = 0; restart < 2; restart++) {
		struct waiter waiter;

		ASSERT_EQ(0, catch_signal(SIGUSR1, restart ? SA_RESTART : 0));
		ASSERT_TRUE(waiter_sleeps(&waiter, &self->q));
		ASSERT_EQ(0, signal_thread(waiter.call.tid, SIGUSR1));
		EXPECT_EQ(-EINTR, waiter_returns(&waiter));
	}
}

TEST_F(wait, a_signal_does_not_undo_operations)
{
	struct kevent_op op = kevent_op_add(KEVENT_USER, 1, 1, 1, 0);
	struct kevent_submit submit = wait_forever(&self->q);
	struct waiter waiter;

	submit.ops = (uintptr_t)&op;
	submit.nr = 1;
	ASSERT_TRUE(waiter_sleeps_in(&waiter, &self->q, submit));
	ASSERT_EQ(0, signal_thread(waiter.call.tid, SIGUSR1));
	EXPECT_EQ(-EINTR, waiter_returns(&waiter));
	EXPECT_EQ(0, op.result);
	EXPECT_EQ(0, queue_remove(&self->q, op.handle));
}

static _Atomic int handled;

static void count_signal(int sig)
{
	(void)sig;
	handled++;
}

/* Lets SIGUSR1 count, and blocks it. The threads of the test inherit the mask. */
static bool count_blocked_signals(void)
{
	struct sigaction action = { .sa_handler = count_signal };

	return !sigaction(SIGUSR1, &action, NULL) && !sig_block(sig_bit(SIGUSR1));
}

static struct kevent_submit wait_with_mask(const struct kevent_queue *q, const uint64_t *mask)
{
	struct kevent_submit submit = wait_forever(q);

	submit.sigmask = (uintptr_t)mask;
	submit.sigsetsize = KERNEL_SIGSET_SIZE;
	return submit;
}

TEST_F(wait, a_mask_lets_a_pending_signal_in)
{
	uint64_t mask = 0;

	ASSERT_TRUE(count_blocked_signals());
	ASSERT_EQ(0, signal_thread(gettid(), SIGUSR1));
	EXPECT_EQ(-EINTR, wait_with(&self->q, wait_with_mask(&self->q, &mask)));
	EXPECT_EQ(1, handled);
	EXPECT_EQ(sig_bit(SIGUSR1), sig_blocked() & sig_bit(SIGUSR1));
}

TEST_F(wait, a_mask_lets_a_signal_in_during_the_wait)
{
	uint64_t mask = 0;
	struct waiter waiter;

	ASSERT_TRUE(count_blocked_signals());
	ASSERT_TRUE(waiter_sleeps_in(&waiter, &self->q, wait_with_mask(&self->q, &mask)));
	ASSERT_EQ(0, signal_thread(waiter.call.tid, SIGUSR1));
	EXPECT_EQ(-EINTR, waiter_returns(&waiter));
	EXPECT_EQ(1, handled);
}

TEST_F(wait, a_mask_holds_signals_off)
{
	uint64_t handle = queue_add_user(&self->q, 1, 1, 0), mask = sig_bit(SIGUSR1);
	struct sigaction action = { .sa_handler = count_signal };
	struct waiter waiter;
	long sleeps;

	ASSERT_EQ(0, sigaction(SIGUSR1, &action, NULL));
	ASSERT_TRUE(waiter_sleeps_in(&waiter, &self->q, wait_with_mask(&self->q, &mask)));
	sleeps = sleeps_of(waiter.call.tid);
	ASSERT_EQ(0, signal_thread(waiter.call.tid, SIGUSR1));
	ASSERT_TRUE(call_blocks(&waiter.call));
	EXPECT_EQ(sleeps, sleeps_of(waiter.call.tid));
	EXPECT_EQ(0, handled);
	/* The handler runs when the old mask is back. */
	ASSERT_EQ(0, queue_ready(&self->q, handle, 1));
	EXPECT_EQ(0, waiter_returns(&waiter));
	EXPECT_EQ(1, handled);
}

TEST_F(wait, the_old_mask_is_restored)
{
	uint64_t handle = queue_add_user(&self->q, 1, 1, 0), before, mask = sig_bit(SIGUSR2);

	ASSERT_EQ(0, sig_block(sig_bit(SIGUSR1)));
	before = sig_blocked();
	ASSERT_EQ(0, queue_ready(&self->q, handle, 1));
	EXPECT_EQ(0, wait_with(&self->q, wait_with_mask(&self->q, &mask)));
	EXPECT_EQ(before, sig_blocked());
	ASSERT_TRUE(queue_gives(&self->q, 1, 1));
	kevent_publish(&self->q);
	for (int timeout = 0; timeout < 2; timeout++) {
		struct kevent_submit submit = wait_with_mask(&self->q, &mask);

		submit.timeout = timeout;
		EXPECT_EQ(0, wait_with(&self->q, submit));
		EXPECT_EQ(before, sig_blocked());
	}
}

TEST_F(wait, a_mask_in_bad_memory)
{
	struct kevent_op op = kevent_op_add(KEVENT_USER, 1, 1, 1, 0);
	struct kevent_submit submit = wait_with_mask(&self->q, (void *)8);

	submit.ops = (uintptr_t)&op;
	submit.nr = 1;
	EXPECT_EQ(-EFAULT, wait_with(&self->q, submit));
}

TEST_F(wait, masks_of_another_size)
{
	static const unsigned int sizes[] = { 0, 4, 7, 9, 16, 128, UINT32_MAX };
	uint64_t mask[16] = { };

	for (size_t i = 0; i < ARRAY_SIZE(sizes); i++) {
		struct kevent_submit submit = wait_with_mask(&self->q, mask);

		submit.sigsetsize = sizes[i];
		EXPECT_EQ(-EINVAL, wait_with(&self->q, submit));
		submit.sigmask = 0;
		if (sizes[i])
			EXPECT_EQ(-EINVAL, wait_with(&self->q, submit));
	}
}

/* Several waiters */

TEST_F(wait, one_event_wakes_one_waiter)
{
	enum { WAITERS = 8 };
	struct waiter waiters[WAITERS];
	uint64_t handles[WAITERS];
	long before[WAITERS];

	for (int i = 0; i < WAITERS; i++) {
		handles[i] = queue_add_user(&self->q, i, 1, 0);
		ASSERT_TRUE(waiter_sleeps(&waiters[i], &self->q));
		before[i] = sleeps_of(waiters[i].call.tid);
	}
	for (int round = 1; round <= WAITERS; round++) {
		int ended = 0;

		ASSERT_EQ(0, queue_ready(&self->q, handles[round - 1], 1));
		ASSERT_TRUE(wait_for(({
			ended = 0;
			for (int i = 0; i < WAITERS; i++)
				ended += waiters[i].call.done;
			ended == round;
		})));
		/* No other waiter has been woken, not even to find the entry taken. */
		for (int i = 0; i < WAITERS; i++) {
			if (waiters[i].call.done)
				continue;
			ASSERT_TRUE(call_blocks(&waiters[i].call));
			EXPECT_EQ(before[i], sleeps_of(waiters[i].call.tid));
		}
	}
	for (int i = 0; i < WAITERS; i++)
		EXPECT_EQ(0, waiter_returns(&waiters[i]));
}

TEST_F(wait, an_event_passes_a_waiter_for_more)
{
	struct kevent_submit submit = wait_forever(&self->q);
	struct waiter more, one;
	uint64_t handles[2];
	long sleeps;

	for (int i = 0; i < 2; i++)
		handles[i] = queue_add_user(&self->q, i, 1, 0);
	/* The waiter for two entries comes first in the queue. */
	submit.min_nr = 2;
	ASSERT_TRUE(waiter_sleeps_in(&more, &self->q, submit));
	sleeps = sleeps_of(more.call.tid);
	ASSERT_TRUE(waiter_sleeps(&one, &self->q));
	ASSERT_EQ(0, queue_ready(&self->q, handles[0], 1));
	EXPECT_EQ(0, waiter_returns(&one));
	ASSERT_TRUE(call_blocks(&more.call));
	EXPECT_EQ(sleeps, sleeps_of(more.call.tid));
	ASSERT_EQ(0, queue_ready(&self->q, handles[1], 1));
	EXPECT_EQ(0, waiter_returns(&more));
}

TEST_F(wait, waiters_with_limits_of_their_own)
{
	struct kevent_submit submit = wait_forever(&self->q);
	uint64_t handle = queue_add_user(&self->q, 1, 1, 0);
	struct waiter forever, limited;

	ASSERT_TRUE(waiter_sleeps(&forever, &self->q));
	submit.timeout = SOON_NS;
	limited.submit = submit;
	ASSERT_TRUE(waiter_start(&limited, &self->q));
	EXPECT_EQ(0, waiter_returns(&limited));
	ASSERT_TRUE(call_blocks(&forever.call));
	ASSERT_EQ(0, queue_ready(&self->q, handle, 1));
	EXPECT_EQ(0, waiter_returns(&forever));
}

TEST_F(wait, a_waiter_that_is_interrupted_passes_the_event_on)
{
	uint64_t handle = queue_add_user(&self->q, 1, 1, 0);

	for (int round = 0; round < 20; round++) {
		struct waiter waiters[2];
		int ret;

		for (int i = 0; i < 2; i++)
			ASSERT_TRUE(waiter_sleeps(&waiters[i], &self->q));
		/* The thread may have returned, and ended, before the signal. */
		if (round % 2)
			signal_thread(waiters[0].call.tid, SIGUSR1);
		ASSERT_EQ(0, queue_ready(&self->q, handle, 1));
		if (round % 2 == 0)
			signal_thread(waiters[0].call.tid, SIGUSR1);
		ret = waiter_returns(&waiters[0]);
		EXPECT_TRUE(ret == 0 || ret == -EINTR);
		if (ret == 0) {
			/* It got the event. The other waiter needs an event of its own. */
			ASSERT_TRUE(queue_gives(&self->q, 1, 1));
			ASSERT_EQ(0, queue_ready(&self->q, handle, 1));
		}
		EXPECT_EQ(0, waiter_returns(&waiters[1]));
		ASSERT_TRUE(queue_gives(&self->q, 1, 1));
		kevent_publish(&self->q);
	}
}

TEST_F(wait, a_waiter_that_is_killed_passes_the_event_on)
{
	uint64_t handle = queue_add_user(&self->q, 1, 1, 0);

	for (int round = 0; round < 20; round++) {
		struct kevent_submit submit = wait_forever(&self->q);
		struct waiter waiter;
		int status;
		pid_t child;

		child = fork_child();
		ASSERT_GE(child, 0);
		if (!child)
			_exit(kevent_enter(&self->q, &submit));
		ASSERT_TRUE(wait_for(asleep_in(child) == SYS_ioctl));
		ASSERT_TRUE(waiter_sleeps(&waiter, &self->q));
		if (round % 2)
			kill(child, SIGKILL);
		ASSERT_EQ(0, queue_ready(&self->q, handle, 1));
		if (round % 2 == 0)
			kill(child, SIGKILL);
		ASSERT_EQ(child, waitpid(child, &status, 0));
		/* The child may have got the event, and have ended, before it was killed. */
		if (WIFEXITED(status)) {
			ASSERT_TRUE(queue_gives(&self->q, 1, 1));
			ASSERT_EQ(0, queue_ready(&self->q, handle, 1));
		}
		EXPECT_EQ(0, waiter_returns(&waiter));
		ASSERT_TRUE(queue_gives(&self->q, 1, 1));
		kevent_publish(&self->q);
	}
}

TEST_HARNESS_MAIN
