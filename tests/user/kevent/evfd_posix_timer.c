// SPDX-License-Identifier: GPL-2.0
/*
 * KEVENT_POSIX_TIMER beside timer_create(2): settings, what they return, expirations and
 * overruns; GETTIME of both kinds of timers.
 */
#include "queue.h"
#include "take26.h"

#include <signal.h>
#include <time.h>

#define MS	UINT64_C(1000000)
#define SECOND	(1000 * MS)

/* Later than any test. */
#define FAR	(1000 * SECOND)

FIXTURE(posix_timer)
{
	struct kevent_queue q;
	timer_t native;
};

FIXTURE_VARIANT(posix_timer)
{
	int clock;
};

FIXTURE_VARIANT_ADD(posix_timer, monotonic)
{
	.clock = CLOCK_MONOTONIC,
};

FIXTURE_VARIANT_ADD(posix_timer, realtime)
{
	.clock = CLOCK_REALTIME,
};

FIXTURE_VARIANT_ADD(posix_timer, boottime)
{
	.clock = CLOCK_BOOTTIME,
};

FIXTURE_VARIANT_ADD(posix_timer, tai)
{
	.clock = CLOCK_TAI,
};

FIXTURE_VARIANT_ADD(posix_timer, boottime_alarm)
{
	.clock = CLOCK_BOOTTIME_ALARM,
};

/* The signal of the native timer. */
static sigset_t signals;

FIXTURE_SETUP(posix_timer)
{
	struct sigevent event = { .sigev_notify = SIGEV_SIGNAL, .sigev_signo = SIGUSR1 };

	sigemptyset(&signals);
	sigaddset(&signals, SIGUSR1);
	ASSERT_EQ(0, sigprocmask(SIG_BLOCK, &signals, NULL));
	ASSERT_EQ(0, kevent_open(&self->q, 16, 0));
	ASSERT_EQ(0, timer_create(variant->clock, &event, &self->native));
}

FIXTURE_TEARDOWN(posix_timer)
{
	timer_delete(self->native);
	kevent_close(&self->q);
}

static struct kevent_op create(int clock, uint64_t first, uint64_t interval, int flags)
{
	struct kevent_op op = kevent_op_add(KEVENT_POSIX_TIMER, clock, 1, KEVENT_TIMER_FIRED,
					    flags);

	op.arg[0] = first;
	op.arg[1] = interval;
	return op;
}

/* Returns the handle, or 0 and errno. */
static uint64_t add(const struct kevent_queue *q, int clock, uint64_t first, uint64_t interval,
		    int flags)
{
	struct kevent_op op = create(clock, first, interval, flags);
	int ret = queue_do(q, &op);

	errno = -ret;
	return ret ? 0 : op.handle;
}

static struct itimerspec spec(uint64_t first, uint64_t interval)
{
	return (struct itimerspec){
		.it_value = { first / SECOND, first % SECOND },
		.it_interval = { interval / SECOND, interval % SECOND },
	};
}

static uint64_t ns(struct timespec time)
{
	return time.tv_sec * SECOND + time.tv_nsec;
}

static uint64_t now(int clock)
{
	struct timespec time;

	clock_gettime(clock, &time);
	return ns(time);
}

/* Both were set and are asked within a time that every test outlasts. */
static bool is_near(uint64_t native, uint64_t ours)
{
	bool near = native < ours + DEADLINE_MS * MS && ours < native + DEADLINE_MS * MS;

	if (!near)
		fprintf(stderr, "# %llu ns left, and natively %llu\n", (unsigned long long)ours,
			(unsigned long long)native);
	return near;
}

/* Asks both: whether the intervals are the same, and the times that are left nearly so. */
#define SAME_TIME(handle) do {								\
	struct kevent_op time = kevent_op_gettime(handle);				\
	struct itimerspec native;							\
											\
	ASSERT_EQ(0, timer_gettime(self->native, &native));				\
	ASSERT_EQ(0, queue_do(&self->q, &time));					\
	EXPECT_EQ(ns(native.it_interval), time.arg[1]);					\
	EXPECT_EQ(!ns(native.it_value), !time.arg[0]);					\
	EXPECT_TRUE(is_near(ns(native.it_value), time.arg[0]));				\
} while (0)

/* Sets both, native first: whether both had the same setting before. */
static bool set_both(const struct kevent_queue *q, timer_t timer, uint64_t handle, uint64_t first,
		     uint64_t interval, int flags)
{
	struct kevent_op ops[] = {
		kevent_op_gettime(handle),
		kevent_op_rearm(handle, first, interval, 0, flags ? KEVENT_TIMER_ABSTIME : 0),
	};
	struct itimerspec new = spec(first, interval), old;

	return !timer_settime(timer, flags, &new, &old) && kevent_submit(q, ops, 2) == 2 &&
	       !ops[0].result && !ops[1].result && ns(old.it_interval) == ops[0].arg[1] &&
	       is_near(ns(old.it_value), ops[0].arg[0]);
}

#define SET(...)	ASSERT_TRUE(set_both(&self->q, self->native, __VA_ARGS__))

TEST_F(posix_timer, settings)
{
	uint64_t handle = add(&self->q, variant->clock, 0, 0, 0);

	ASSERT_NE(0, handle);
	SAME_TIME(handle);
	SET(handle, FAR, 0, 0);
	SAME_TIME(handle);
	SET(handle, FAR, 2 * FAR, 0);
	SAME_TIME(handle);
	SET(handle, now(variant->clock) + FAR, 3, TIMER_ABSTIME);
	SAME_TIME(handle);
	/* Stopped: the interval is gone too. */
	SET(handle, 0, 5, 0);
	SAME_TIME(handle);
	SET(handle, 0, 0, TIMER_ABSTIME);
	SAME_TIME(handle);
	EXPECT_TRUE(queue_stays_empty(&self->q));
}

TEST_F(posix_timer, created_without_a_start)
{
	uint64_t handle = add(&self->q, variant->clock, 0, MS, 0);
	struct kevent_op op = kevent_op_gettime(handle);

	sleep_ms(20);
	EXPECT_TRUE(queue_stays_empty(&self->q));
	EXPECT_EQ(0, queue_do(&self->q, &op));
	EXPECT_EQ(0, op.arg[0]);
	EXPECT_EQ(0, op.arg[1]);
	EXPECT_EQ(0, queue_recheck(&self->q, handle));
	EXPECT_TRUE(queue_stays_empty(&self->q));
}

TEST_F(posix_timer, single_expiration)
{
	uint64_t handle = add(&self->q, variant->clock, MS, 0, 0);

	EXPECT_TRUE(queue_waits_for(&self->q, 1, KEVENT_TIMER_FIRED));
	EXPECT_EQ(1, kevent_data(&self->q, handle));
	SAME_TIME(handle);
	EXPECT_TRUE(queue_stays_empty(&self->q));
	for (int i = 0; i < 3; i++) {
		SET(handle, MS, 0, 0);
		EXPECT_TRUE(queue_waits_for(&self->q, 1, KEVENT_TIMER_FIRED));
		EXPECT_EQ(1, kevent_data(&self->q, handle));
		ASSERT_EQ(SIGUSR1, sigwaitinfo(&signals, NULL));
		SAME_TIME(handle);
	}
	/* A time that has passed. */
	SET(handle, 1, 0, TIMER_ABSTIME);
	EXPECT_TRUE(queue_waits_for(&self->q, 1, KEVENT_TIMER_FIRED));
}

/* The expirations of a period that nobody waits for are counted, as by timer_getoverrun(). */
TEST_F(posix_timer, overruns)
{
	uint64_t handle = add(&self->q, variant->clock, 0, 0, 0), start;

	start = now(variant->clock) + 10 * MS;
	SET(handle, start, 2 * MS, TIMER_ABSTIME);
	for (int round = 0; round < 3; round++) {
		uint64_t before, after, ours, native;
		siginfo_t info;

		while (now(variant->clock) < start + 30 * MS)
			sleep_ms(1);
		/* Both have counted all expirations up to a time between these. */
		before = (now(variant->clock) - start) / (2 * MS) + 1;
		ASSERT_EQ(SIGUSR1, sigwaitinfo(&signals, &info));
		native = info.si_overrun + 1;
		ASSERT_TRUE(queue_waits_for(&self->q, 1, KEVENT_TIMER_FIRED));
		ours = kevent_data(&self->q, handle);
		after = (now(variant->clock) - start) / (2 * MS) + 1;
		EXPECT_LE(before, ours);
		EXPECT_GE(after, ours);
		EXPECT_LE(native, ours);
		EXPECT_LE(UINT64_C(10), ours);
		start += ours * 2 * MS;
		SET(handle, start, 2 * MS, TIMER_ABSTIME);
	}
}

TEST_F(posix_timer, stopped_before_it_was_consumed)
{
	uint64_t handle = add(&self->q, variant->clock, 1, MS, 0);
	struct kevent_op op = kevent_op_rearm(handle, 0, 0, 0, 0);

	ASSERT_TRUE(wait_for(kevent_data(&self->q, handle)));
	EXPECT_EQ(0, queue_do(&self->q, &op));
	EXPECT_EQ(KEVENT_TIMER_FIRED, op.events);
	EXPECT_EQ(0, kevent_data(&self->q, handle));
	sleep_ms(10);
	EXPECT_TRUE(queue_stays_empty(&self->q));
}

/* GETTIME of the other kind */

TEST_F(posix_timer, time_of_a_timer_with_a_deadline)
{
	struct kevent_op op = kevent_op_timer(variant->clock, 1, FAR, 0, 0, 0), time;
	uint64_t handle;

	ASSERT_EQ(0, queue_do(&self->q, &op));
	handle = op.handle;
	time = kevent_op_gettime(handle);
	ASSERT_EQ(0, queue_do(&self->q, &time));
	EXPECT_GE(FAR, time.arg[0]);
	EXPECT_LE(FAR / 2, time.arg[0]);
	EXPECT_EQ(0, time.arg[1]);
	/* The program moves it. */
	ASSERT_TRUE(kevent_postpone(&self->q, kevent_slot_of(handle),
				    kevent_data(&self->q, handle) + 2 * FAR));
	time = kevent_op_gettime(handle);
	ASSERT_EQ(0, queue_do(&self->q, &time));
	EXPECT_LE(2 * FAR, time.arg[0]);
	EXPECT_GE(3 * FAR, time.arg[0]);
	/* And stops it. */
	ASSERT_TRUE(kevent_postpone(&self->q, kevent_slot_of(handle), INT64_MAX));
	time = kevent_op_gettime(handle);
	ASSERT_EQ(0, queue_do(&self->q, &time));
	EXPECT_EQ(0, time.arg[0]);
	op = kevent_op_rearm(handle, 1, 0, 0, 0);
	ASSERT_EQ(0, queue_do(&self->q, &op));
	EXPECT_TRUE(queue_waits_for(&self->q, 1, KEVENT_TIMER_FIRED));
	time = kevent_op_gettime(handle);
	ASSERT_EQ(0, queue_do(&self->q, &time));
	EXPECT_EQ(0, time.arg[0]);
}

TEST_F(posix_timer, time_of_a_timer_with_an_interval)
{
	struct kevent_op op = kevent_op_timer(variant->clock, 1, 1, FAR, 0, 0), time;

	ASSERT_EQ(0, queue_do(&self->q, &op));
	ASSERT_TRUE(wait_for(kevent_data(&self->q, op.handle)));
	/* It rests. */
	time = kevent_op_gettime(op.handle);
	ASSERT_EQ(0, queue_do(&self->q, &time));
	EXPECT_GE(FAR, time.arg[0]);
	EXPECT_LE(FAR / 2, time.arg[0]);
	EXPECT_EQ(FAR, time.arg[1]);
	EXPECT_TRUE(queue_waits_for(&self->q, 1, KEVENT_TIMER_FIRED));
	time = kevent_op_gettime(op.handle);
	ASSERT_EQ(0, queue_do(&self->q, &time));
	EXPECT_GE(FAR, time.arg[0]);
	EXPECT_LE(FAR / 2, time.arg[0]);
}

/* Errors */

TEST_F(posix_timer, invalid)
{
	static const int clocks[] = {
		CLOCK_PROCESS_CPUTIME_ID, CLOCK_THREAD_CPUTIME_ID, CLOCK_MONOTONIC_RAW, 99,
	};
	uint64_t handle = add(&self->q, variant->clock, 0, 0, 0);
	uint64_t user = queue_add_user(&self->q, 1, 1, 0);
	struct kevent_op op;

	for (size_t i = 0; i < ARRAY_SIZE(clocks); i++) {
		EXPECT_EQ(0, add(&self->q, clocks[i], 0, 0, 0));
		EXPECT_EQ(EINVAL, errno);
	}
	op = create(variant->clock, UINT64_C(1) << 63, 0, 0);
	op.user = 2;
	EXPECT_EQ(-EINVAL, queue_do(&self->q, &op));
	op = create(variant->clock, 0, 0, KEVENT_ET);
	op.user = 2;
	EXPECT_EQ(-EINVAL, queue_do(&self->q, &op));
	EXPECT_EQ(0, add(&self->q, variant->clock, 0, 0, 0));
	EXPECT_EQ(EEXIST, errno);
	op = kevent_op_gettime(user);
	EXPECT_EQ(-EINVAL, queue_do(&self->q, &op));
	op = kevent_op_gettime(handle + 7);
	EXPECT_EQ(-ENOENT, queue_do(&self->q, &op));
	op = kevent_op_gettime(handle);
	op.arg[0] = 1;
	EXPECT_EQ(-EINVAL, queue_do(&self->q, &op));
	op = kevent_op_gettime(handle);
	op.want = 1;
	EXPECT_EQ(-EINVAL, queue_do(&self->q, &op));
	op = kevent_op_gettime(handle);
	op.flags = KEVENT_TIMER_ABSTIME;
	EXPECT_EQ(-EINVAL, queue_do(&self->q, &op));
	EXPECT_EQ(-EINVAL, queue_ready(&self->q, handle, KEVENT_TIMER_FIRED));
}

/* The calls of 2006 have no arguments for it. */
TEST_F(posix_timer, not_with_the_calls_of_2006)
{
	int fd = take26_open();

	/* ENOSYS, a name that checkpatch.pl wants for missing system calls only. */
	EXPECT_EQ(-38, take26_add(fd, KEVENT_POSIX_TIMER, variant->clock, 1, 1, 0));
	close(fd);
}

TEST_HARNESS_MAIN
