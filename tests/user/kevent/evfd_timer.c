// SPDX-License-Identifier: GPL-2.0
/*
 * Timers of a queue: every clock, intervals, deadlines that the program moves in the slot,
 * and new settings.
 */
#include "queue.h"
#include "timer.h"

#include <linux/capability.h>

/* A time that every test outlasts, and one that none does. */
#define SOON_NS		INT64_C(20000000)
#define NEVER		INT64_MAX

FIXTURE(timers)
{
	struct kevent_queue q;
};

FIXTURE_SETUP(timers)
{
	ASSERT_EQ(0, kevent_open(&self->q, MIN_SLOTS, 0));
}

FIXTURE_TEARDOWN(timers)
{
	kevent_close(&self->q);
}

/* Adds a timer, whose user word is its id. Returns its handle, or 0 and errno. */
static uint64_t add_timer(const struct kevent_queue *q, uint64_t id, int64_t first,
			  int64_t interval, int flags)
{
	struct kevent_op op = kevent_op_timer(id, id, first, interval, 0, flags);
	int ret = queue_do(q, &op);

	errno = -ret;
	return ret ? 0 : op.handle;
}

static int64_t rearm(const struct kevent_queue *q, uint64_t handle, int64_t first,
		     int64_t interval, int flags)
{
	struct kevent_op op = kevent_op_rearm(handle, first, interval, 0, flags);
	int ret = queue_do(q, &op);

	return ret ?: (int64_t)op.events;
}

static uint64_t data_of(const struct kevent_queue *q, uint64_t handle)
{
	return kevent_data(q, kevent_slot_of(handle));
}

/* Waits without consuming, until the next entry is there or this much time has passed. */
static bool passes_without_event(struct kevent_queue *q, int64_t ns)
{
	return !kevent_wait(q, NULL, 0, ns, 0) && queue_is_empty(q);
}

TEST_F(timers, a_relative_time)
{
	int64_t start = tfd_clock(CLOCK_MONOTONIC);
	uint64_t handle = add_timer(&self->q, CLOCK_MONOTONIC, SOON_NS, 0, 0);

	ASSERT_NE(0, handle);
	ASSERT_TRUE(queue_waits_for(&self->q, CLOCK_MONOTONIC, KEVENT_TIMER_FIRED));
	EXPECT_LE(start + SOON_NS, tfd_clock(CLOCK_MONOTONIC));
	EXPECT_TRUE(passes_without_event(&self->q, 2 * SOON_NS));
}

TEST_F(timers, an_absolute_time)
{
	int64_t when = tfd_clock(CLOCK_MONOTONIC) + SOON_NS;

	ASSERT_NE(0, add_timer(&self->q, CLOCK_MONOTONIC, when, 0, KEVENT_TIMER_ABSTIME));
	ASSERT_TRUE(queue_waits_for(&self->q, CLOCK_MONOTONIC, KEVENT_TIMER_FIRED));
	EXPECT_LE(when, tfd_clock(CLOCK_MONOTONIC));
}

TEST_F(timers, a_time_that_has_passed)
{
	static const int64_t passed[] = { 0, 1, 1000 };

	for (unsigned int i = 0; i < ARRAY_SIZE(passed); i++) {
		uint64_t id = CLOCK_MONOTONIC | (uint64_t)i << 32;

		ASSERT_NE(0, add_timer(&self->q, id, passed[i], 0, KEVENT_TIMER_ABSTIME));
		EXPECT_TRUE(queue_waits_for(&self->q, id, KEVENT_TIMER_FIRED));
	}
	ASSERT_NE(0, add_timer(&self->q, CLOCK_BOOTTIME, 0, 0, 0));
	EXPECT_TRUE(queue_waits_for(&self->q, CLOCK_BOOTTIME, KEVENT_TIMER_FIRED));
}

TEST_F(timers, every_clock)
{
	static const int clocks[] = {
		CLOCK_MONOTONIC, CLOCK_REALTIME, CLOCK_BOOTTIME, CLOCK_TAI,
		CLOCK_REALTIME_ALARM, CLOCK_BOOTTIME_ALARM,
	};

	for (unsigned int i = 0; i < ARRAY_SIZE(clocks); i++) {
		int64_t when = tfd_clock(clocks[i]) + SOON_NS;

		ASSERT_NE(0, add_timer(&self->q, clocks[i], SOON_NS, 0, 0));
		EXPECT_TRUE(queue_waits_for(&self->q, clocks[i], KEVENT_TIMER_FIRED));
		EXPECT_LE(when, tfd_clock(clocks[i]));
		when = tfd_clock(clocks[i]) + SOON_NS;
		ASSERT_NE(0, add_timer(&self->q, clocks[i] | UINT64_C(1) << 32, when, 0,
				       KEVENT_TIMER_ABSTIME));
		EXPECT_TRUE(queue_waits_for(&self->q, clocks[i] | UINT64_C(1) << 32,
					    KEVENT_TIMER_FIRED));
		EXPECT_LE(when, tfd_clock(clocks[i]));
	}
}

TEST_F(timers, bad_settings)
{
	struct kevent_op op;

	EXPECT_EQ(0, add_timer(&self->q, CLOCK_PROCESS_CPUTIME_ID, 1, 0, 0));
	EXPECT_EQ(EINVAL, errno);
	EXPECT_EQ(0, add_timer(&self->q, UINT32_MAX, 1, 0, 0));
	EXPECT_EQ(EINVAL, errno);
	EXPECT_EQ(0, add_timer(&self->q, CLOCK_MONOTONIC, -1, 0, 0));
	EXPECT_EQ(EINVAL, errno);
	EXPECT_EQ(0, add_timer(&self->q, CLOCK_MONOTONIC, 1, INT64_MIN, 0));
	EXPECT_EQ(EINVAL, errno);
	EXPECT_EQ(0, add_timer(&self->q, CLOCK_MONOTONIC, 1, 0, KEVENT_ET));
	EXPECT_EQ(EINVAL, errno);
	op = kevent_op_timer(CLOCK_MONOTONIC, 0, 1, 0, 0, 0);
	op.arg[2] = UINT64_C(1) << 32;
	EXPECT_EQ(-EINVAL, queue_do(&self->q, &op));
	op = kevent_op_timer(CLOCK_MONOTONIC, 0, 1, 0, 0, 0);
	op.want |= 2;
	EXPECT_EQ(-EINVAL, queue_do(&self->q, &op));
	EXPECT_TRUE(queue_stays_empty(&self->q));
}

TEST_F(timers, slack)
{
	int64_t start = tfd_clock(CLOCK_MONOTONIC);
	struct kevent_op op = kevent_op_timer(CLOCK_MONOTONIC, 5, SOON_NS, 0, SOON_NS, 0);

	ASSERT_EQ(0, queue_do(&self->q, &op));
	ASSERT_TRUE(queue_waits_for(&self->q, 5, KEVENT_TIMER_FIRED));
	EXPECT_LE(start + SOON_NS, tfd_clock(CLOCK_MONOTONIC));
}

static bool drop_wake_alarm(void)
{
	struct __user_cap_header_struct header = { .version = _LINUX_CAPABILITY_VERSION_3 };
	struct __user_cap_data_struct data[2];

	if (syscall(SYS_capget, &header, data))
		return false;
	data[CAP_WAKE_ALARM / 32].effective &= ~(1u << CAP_WAKE_ALARM % 32);
	return !syscall(SYS_capset, &header, data);
}

TEST_F(timers, alarms_need_a_capability)
{
	uint64_t handle = add_timer(&self->q, CLOCK_BOOTTIME_ALARM, FAR_NS, 0, 0);

	ASSERT_NE(0, handle);
	ASSERT_TRUE(drop_wake_alarm());
	EXPECT_EQ(0, add_timer(&self->q, CLOCK_REALTIME_ALARM, FAR_NS, 0, 0));
	EXPECT_EQ(EPERM, errno);
	EXPECT_EQ(-EPERM, rearm(&self->q, handle, 1, 0, 0));
	EXPECT_NE(0, data_of(&self->q, handle));
}

/* The deadline in the slot */

TEST_F(timers, the_slot_shows_the_deadline)
{
	int64_t start = tfd_clock(CLOCK_MONOTONIC);
	uint64_t handle = add_timer(&self->q, CLOCK_MONOTONIC, FAR_NS, 0, 0);
	int64_t end = tfd_clock(CLOCK_MONOTONIC);

	EXPECT_LE(start + FAR_NS, data_of(&self->q, handle));
	EXPECT_GE(end + FAR_NS, data_of(&self->q, handle));
	ASSERT_EQ(0, rearm(&self->q, handle, end + 2 * FAR_NS, 0, KEVENT_TIMER_ABSTIME));
	EXPECT_EQ(end + 2 * FAR_NS, data_of(&self->q, handle));
	ASSERT_EQ(0, rearm(&self->q, handle, end + SOON_NS, 0, KEVENT_TIMER_ABSTIME));
	ASSERT_TRUE(queue_waits_for(&self->q, CLOCK_MONOTONIC, KEVENT_TIMER_FIRED));
	EXPECT_EQ(0, data_of(&self->q, handle));
}

TEST_F(timers, postponed_by_a_store)
{
	int64_t now = tfd_clock(CLOCK_MONOTONIC), later = now + 10 * SOON_NS;
	uint64_t handle = add_timer(&self->q, CLOCK_MONOTONIC, now + 5 * SOON_NS, 0,
				    KEVENT_TIMER_ABSTIME);

	ASSERT_NE(0, handle);
	/* False on a host so busy that the timer has expired already. */
	if (!kevent_postpone(&self->q, handle, later))
		SKIP(return, "the host is too busy");
	ASSERT_TRUE(queue_waits_for(&self->q, CLOCK_MONOTONIC, KEVENT_TIMER_FIRED));
	EXPECT_LE(later, tfd_clock(CLOCK_MONOTONIC));
	EXPECT_EQ(0, data_of(&self->q, handle));
}

TEST_F(timers, postponed_again_and_again)
{
	uint64_t handle = add_timer(&self->q, CLOCK_MONOTONIC, FAR_NS, 0, 0);
	int64_t later = 0;

	for (int i = 0; i < 1000; i++) {
		later = tfd_clock(CLOCK_MONOTONIC) + FAR_NS + i;
		ASSERT_TRUE(kevent_postpone(&self->q, handle, later));
	}
	EXPECT_EQ(later, data_of(&self->q, handle));
	EXPECT_TRUE(queue_stays_empty(&self->q));
}

TEST_F(timers, a_poller_starts_a_postponed_timer)
{
	int64_t later = tfd_clock(CLOCK_MONOTONIC) + 5 * SOON_NS;
	uint64_t handle = add_timer(&self->q, CLOCK_MONOTONIC, SOON_NS, 0, 0);
	struct pollfd fd = { .fd = self->q.fd, .events = POLLIN };

	if (!kevent_postpone(&self->q, handle, later))
		SKIP(return, "the host is too busy");
	kevent_publish(&self->q);
	EXPECT_EQ(1, poll(&fd, 1, DEADLINE_MS));
	EXPECT_LE(later, tfd_clock(CLOCK_MONOTONIC));
	EXPECT_TRUE(queue_gives(&self->q, CLOCK_MONOTONIC, KEVENT_TIMER_FIRED));
}

TEST_F(timers, disarmed_by_a_store)
{
	uint64_t handle = add_timer(&self->q, CLOCK_MONOTONIC, 5 * SOON_NS, 0, 0);

	if (!kevent_postpone(&self->q, handle, NEVER))
		SKIP(return, "the host is too busy");
	EXPECT_TRUE(passes_without_event(&self->q, 10 * SOON_NS));
	ASSERT_EQ(0, rearm(&self->q, handle, 1, 0, 0));
	EXPECT_TRUE(queue_waits_for(&self->q, CLOCK_MONOTONIC, KEVENT_TIMER_FIRED));
}

TEST_F(timers, too_late_to_postpone)
{
	uint64_t handle = add_timer(&self->q, CLOCK_MONOTONIC, 1, 0, 0);

	ASSERT_TRUE(queue_waits_for(&self->q, CLOCK_MONOTONIC, KEVENT_TIMER_FIRED));
	EXPECT_FALSE(kevent_postpone(&self->q, handle, NEVER));
}

/* Intervals */

TEST_F(timers, counts_expirations)
{
	int64_t start = tfd_clock(CLOCK_MONOTONIC), elapsed;
	uint64_t handle = add_timer(&self->q, CLOCK_MONOTONIC, SOON_NS, SOON_NS, 0);
	uint64_t count = 0;

	for (int i = 0; i < 5; i++) {
		ASSERT_TRUE(queue_waits_for(&self->q, CLOCK_MONOTONIC,
					    KEVENT_TIMER_FIRED));
		EXPECT_LT(count, data_of(&self->q, handle));
		count = data_of(&self->q, handle);
		elapsed = tfd_clock(CLOCK_MONOTONIC) - start;
		EXPECT_LE(count, elapsed / SOON_NS);
	}
	/* The next wait counts all that have passed. */
	elapsed = tfd_clock(CLOCK_MONOTONIC) - start;
	ASSERT_EQ(0, kevent_wait(&self->q, NULL, 0, 0, 0));
	EXPECT_LE(elapsed / SOON_NS, data_of(&self->q, handle) + 1);
}

TEST_F(timers, rests_while_the_program_does_not_wait)
{
	uint64_t handle = add_timer(&self->q, CLOCK_MONOTONIC, 1, 1000, 0);
	uint64_t count;

	ASSERT_TRUE(queue_waits_for(&self->q, CLOCK_MONOTONIC, KEVENT_TIMER_FIRED));
	count = data_of(&self->q, handle);
	ASSERT_EQ(0, usleep(SOON_NS / 1000));
	/* The wait may have started it once more. */
	EXPECT_GE(count + 1, data_of(&self->q, handle));
	ASSERT_TRUE(queue_waits_for(&self->q, CLOCK_MONOTONIC, KEVENT_TIMER_FIRED));
	EXPECT_LE(count + SOON_NS / 1000, data_of(&self->q, handle));
}

TEST_F(timers, a_period_of_a_nanosecond)
{
	int64_t start = tfd_clock(CLOCK_MONOTONIC);
	uint64_t handle = add_timer(&self->q, CLOCK_MONOTONIC, 1, 1, 0);
	uint64_t count = 0;

	for (int i = 0; i < 1000; i++) {
		ASSERT_TRUE(queue_waits_for(&self->q, CLOCK_MONOTONIC,
					    KEVENT_TIMER_FIRED));
		ASSERT_LT(count, data_of(&self->q, handle));
		count = data_of(&self->q, handle);
	}
	EXPECT_GE(tfd_clock(CLOCK_MONOTONIC) - start, count);
}

TEST_F(timers, a_poller_starts_a_timer_that_rests)
{
	struct pollfd fd = { .fd = self->q.fd, .events = POLLIN };

	ASSERT_NE(0, add_timer(&self->q, CLOCK_MONOTONIC, 1, SOON_NS, 0));
	for (int i = 0; i < 3; i++) {
		kevent_publish(&self->q);
		ASSERT_EQ(1, poll(&fd, 1, DEADLINE_MS));
		ASSERT_TRUE(queue_gives(&self->q, CLOCK_MONOTONIC, KEVENT_TIMER_FIRED));
	}
}

TEST_F(timers, an_interval_of_the_longest_time)
{
	uint64_t handle = add_timer(&self->q, CLOCK_MONOTONIC, 1, INT64_MAX, 0);

	ASSERT_TRUE(queue_waits_for(&self->q, CLOCK_MONOTONIC, KEVENT_TIMER_FIRED));
	EXPECT_EQ(1, data_of(&self->q, handle));
	EXPECT_TRUE(passes_without_event(&self->q, SOON_NS));
}

/* New settings */

TEST_F(timers, rearm_takes_the_event_back)
{
	uint64_t handle = add_timer(&self->q, CLOCK_MONOTONIC, 1, 0, KEVENT_TIMER_ABSTIME);

	ASSERT_NE(0, handle);
	ASSERT_EQ(0, kevent_wait(&self->q, NULL, 0, DEADLINE_NS, 0));
	EXPECT_EQ(KEVENT_TIMER_FIRED, rearm(&self->q, handle, FAR_NS, 0, 0));
	EXPECT_TRUE(queue_stays_empty(&self->q));
	EXPECT_EQ(0, rearm(&self->q, handle, 1, 0, 0));
	EXPECT_TRUE(queue_waits_for(&self->q, CLOCK_MONOTONIC, KEVENT_TIMER_FIRED));
}

TEST_F(timers, rearm_gives_and_takes_an_interval)
{
	uint64_t handle = add_timer(&self->q, CLOCK_MONOTONIC, FAR_NS, 0, 0);

	ASSERT_EQ(0, rearm(&self->q, handle, 1, 1000, 0));
	for (int i = 0; i < 3; i++)
		ASSERT_TRUE(queue_waits_for(&self->q, CLOCK_MONOTONIC,
					    KEVENT_TIMER_FIRED));
	ASSERT_LE(0, rearm(&self->q, handle, 1, 0, 0));
	ASSERT_TRUE(queue_waits_for(&self->q, CLOCK_MONOTONIC, KEVENT_TIMER_FIRED));
	EXPECT_TRUE(passes_without_event(&self->q, SOON_NS));
}

TEST_F(timers, a_bad_rearm_changes_nothing)
{
	uint64_t handle = add_timer(&self->q, CLOCK_MONOTONIC, FAR_NS, 0, 0);
	uint64_t deadline = data_of(&self->q, handle);

	EXPECT_EQ(-EINVAL, rearm(&self->q, handle, -1, 0, 0));
	EXPECT_EQ(-EINVAL, rearm(&self->q, handle, 1, -1, 0));
	EXPECT_EQ(-EINVAL, rearm(&self->q, handle, 1, 0, KEVENT_ONESHOT));
	EXPECT_EQ(deadline, data_of(&self->q, handle));
	EXPECT_TRUE(queue_stays_empty(&self->q));
}

TEST_F(timers, only_timers_are_rearmed)
{
	uint64_t handle = queue_add_user(&self->q, 1, 1, 0);

	EXPECT_EQ(-EINVAL, rearm(&self->q, handle, 1, 0, 0));
	EXPECT_EQ(-ENOENT, rearm(&self->q, handle + 1, 1, 0, 0));
}

TEST_F(timers, a_removed_timer_does_not_fire)
{
	uint64_t handle = add_timer(&self->q, CLOCK_MONOTONIC, SOON_NS, 0, 0);

	ASSERT_NE(0, handle);
	ASSERT_LE(0, queue_remove(&self->q, handle));
	EXPECT_TRUE(passes_without_event(&self->q, 2 * SOON_NS));
}

TEST_F(timers, oneshot_ends_a_periodic_timer)
{
	uint64_t handle = add_timer(&self->q, CLOCK_MONOTONIC, 1, 1000, KEVENT_ONESHOT);

	ASSERT_TRUE(queue_waits_for(&self->q, CLOCK_MONOTONIC, KEVENT_TIMER_FIRED));
	EXPECT_TRUE(passes_without_event(&self->q, SOON_NS));
	EXPECT_EQ(-ENOENT, rearm(&self->q, handle, 1, 0, 0));
	EXPECT_NE(0, add_timer(&self->q, CLOCK_MONOTONIC, FAR_NS, 0, 0));
}

TEST_F(timers, dispatch_holds_a_periodic_timer)
{
	uint64_t handle = add_timer(&self->q, CLOCK_MONOTONIC, 1, 1000, KEVENT_DISPATCH);
	uint64_t count;

	ASSERT_TRUE(queue_waits_for(&self->q, CLOCK_MONOTONIC, KEVENT_TIMER_FIRED));
	EXPECT_TRUE(passes_without_event(&self->q, SOON_NS));
	count = data_of(&self->q, handle);
	ASSERT_EQ(0, queue_recheck(&self->q, handle));
	ASSERT_TRUE(queue_waits_for(&self->q, CLOCK_MONOTONIC, KEVENT_TIMER_FIRED));
	EXPECT_LT(count, data_of(&self->q, handle));
	EXPECT_LE(SOON_NS / 1000, data_of(&self->q, handle));
}

TEST_F(timers, many_at_once)
{
	uint64_t seen = 0;

	for (uint64_t i = 0; i < MIN_SLOTS; i++)
		ASSERT_NE(0, add_timer(&self->q, CLOCK_MONOTONIC | i << 32,
				       1 + i * 7919 % 100 * 100000, 0, 0));
	for (int i = 0; i < MIN_SLOTS; i++) {
		struct kevent_event event;

		if (!kevent_next(&self->q, &event)) {
			ASSERT_EQ(0, kevent_wait(&self->q, NULL, 0, DEADLINE_NS, 0));
			ASSERT_TRUE(kevent_next(&self->q, &event));
		}
		ASSERT_EQ(KEVENT_TIMER_FIRED, event.events);
		seen += event.user >> 32;
	}
	EXPECT_EQ(MIN_SLOTS * (MIN_SLOTS - 1) / 2, seen);
	EXPECT_TRUE(queue_is_empty(&self->q));
}

TEST_F(timers, close_with_running_timers)
{
	struct kevent_queue q;

	for (int i = 0; i < 100; i++) {
		ASSERT_EQ(0, kevent_open(&q, MIN_SLOTS, 0));
		for (uint64_t j = 0; j < MIN_SLOTS; j++)
			ASSERT_NE(0, add_timer(&q, CLOCK_MONOTONIC | j << 32, 1 + j * 100,
					       1, 0));
		kevent_close(&q);
	}
}

TEST_HARNESS_MAIN
