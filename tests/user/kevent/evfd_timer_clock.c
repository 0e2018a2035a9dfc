// SPDX-License-Identifier: GPL-2.0
/* Timers of a queue when a clock is set, and in time namespaces. */
#include "clock.h"
#include "queue.h"
#include "../timerfd/namespace.h"

#include <sys/wait.h>

#define SOON_NS		INT64_C(20000000)

FIXTURE(steps)
{
	struct kevent_queue q;
};

FIXTURE_SETUP(steps)
{
	ASSERT_EQ(0, kevent_open(&self->q, MIN_SLOTS, 0));
}

FIXTURE_TEARDOWN(steps)
{
	kevent_close(&self->q);
	EXPECT_TRUE(clock_restore());
}

static bool add(const struct kevent_queue *q, uint64_t id, int64_t first, int flags)
{
	struct kevent_op op = kevent_op_timer(id, id, first, 0, 0, flags);

	return !queue_do(q, &op);
}

TEST_F(steps, a_time_of_day_comes_with_the_step)
{
	static const int clocks[] = { CLOCK_REALTIME, CLOCK_TAI, CLOCK_REALTIME_ALARM };

	for (unsigned int i = 0; i < ARRAY_SIZE(clocks); i++) {
		ASSERT_TRUE(add(&self->q, clocks[i], tfd_clock(clocks[i]) + STEP_NS / 2,
				KEVENT_TIMER_ABSTIME));
		ASSERT_TRUE(queue_stays_empty(&self->q));
		ASSERT_TRUE(step_by_adjtimex(STEP_NS));
		EXPECT_TRUE(queue_waits_for(&self->q, clocks[i], KEVENT_TIMER_FIRED));
		ASSERT_TRUE(clock_restore());
	}
}

TEST_F(steps, a_relative_time_does_not)
{
	ASSERT_TRUE(add(&self->q, CLOCK_REALTIME, STEP_NS / 2, 0));
	ASSERT_TRUE(step_by_adjtimex(STEP_NS));
	EXPECT_TRUE(queue_stays_empty(&self->q));
	ASSERT_EQ(0, kevent_wait(&self->q, NULL, 0, SOON_NS, 0));
	EXPECT_TRUE(queue_is_empty(&self->q));
}

/* A timer gets a new setting with the other kind of time. */
TEST_F(steps, a_new_setting_has_the_other_kind_of_time)
{
	struct kevent_op op = kevent_op_timer(CLOCK_REALTIME, 1, FAR_NS, 0, 0, 0);
	uint64_t handle;

	ASSERT_EQ(0, queue_do(&self->q, &op));
	handle = op.handle;
	op = kevent_op_rearm(handle, tfd_clock(CLOCK_REALTIME) + STEP_NS / 2, 0, 0,
			     KEVENT_TIMER_ABSTIME);
	ASSERT_EQ(0, queue_do(&self->q, &op));
	EXPECT_EQ(op.arg[0], kevent_data(&self->q, kevent_slot_of(handle)));
	EXPECT_TRUE(queue_stays_empty(&self->q));
	ASSERT_TRUE(step_by_adjtimex(STEP_NS));
	EXPECT_TRUE(queue_waits_for(&self->q, 1, KEVENT_TIMER_FIRED));
	ASSERT_TRUE(clock_restore());

	op = kevent_op_rearm(handle, STEP_NS / 2, 0, 0, 0);
	ASSERT_EQ(0, queue_do(&self->q, &op));
	ASSERT_TRUE(step_by_adjtimex(STEP_NS));
	ASSERT_EQ(0, kevent_wait(&self->q, NULL, 0, SOON_NS, 0));
	EXPECT_TRUE(queue_is_empty(&self->q));
}

/* Runs in a time namespace: returns whether timers use its clocks. */
static bool timers_in_namespace(int id)
{
	struct kevent_queue q;
	int64_t when = tfd_clock(id) + FAR_NS;
	struct kevent_op op = kevent_op_timer(id, 6, when, 0, 0, KEVENT_TIMER_ABSTIME);
	bool ok;

	if (kevent_open(&q, MIN_SLOTS, 0) || queue_do(&q, &op))
		return false;
	ok = kevent_data(&q, kevent_slot_of(op.handle)) == (__u64)when;
	when = tfd_clock(id) + SOON_NS;
	op = kevent_op_timer(id, 7, when, 0, 0, KEVENT_TIMER_ABSTIME);
	ok = ok && !queue_do(&q, &op) && queue_waits_for(&q, 7, KEVENT_TIMER_FIRED) &&
	     tfd_clock(id) >= when;
	/* A deadline that the program stores is a time of its own clock. */
	when = tfd_clock(id) + SOON_NS;
	op = kevent_op_timer(id, 8, when, 0, 0, KEVENT_TIMER_ABSTIME);
	ok = ok && !queue_do(&q, &op);
	if (ok && kevent_postpone(&q, op.handle, when + SOON_NS))
		ok = queue_waits_for(&q, 8, KEVENT_TIMER_FIRED) &&
		     tfd_clock(id) >= when + SOON_NS;
	/* So is the deadline of a relative time. */
	op = kevent_op_timer(id, 9, FAR_NS, 0, 0, 0);
	ok = ok && !queue_do(&q, &op);
	when = kevent_data(&q, kevent_slot_of(op.handle)) - FAR_NS;
	return ok && when <= tfd_clock(id) && when > tfd_clock(id) - FAR_NS / 2;
}

static bool child_succeeds(bool (*run)(int id), int id)
{
	pid_t pid = fork();
	int status;

	if (!pid)
		_exit(!run(id));
	return waitpid(pid, &status, 0) == pid && !status;
}

TEST(in_a_namespace_ahead)
{
	ASSERT_TRUE(timens_new(1000000500));
	EXPECT_TRUE(child_succeeds(timers_in_namespace, CLOCK_MONOTONIC));
	EXPECT_TRUE(child_succeeds(timers_in_namespace, CLOCK_BOOTTIME));
}

TEST(in_a_namespace_behind)
{
	ASSERT_TRUE(timens_new(-(tfd_clock(CLOCK_MONOTONIC) / 2000000)));
	EXPECT_TRUE(child_succeeds(timers_in_namespace, CLOCK_MONOTONIC));
	EXPECT_TRUE(child_succeeds(timers_in_namespace, CLOCK_BOOTTIME_ALARM));
}

TEST_HARNESS_MAIN
