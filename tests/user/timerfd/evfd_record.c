// SPDX-License-Identifier: GPL-2.0
/*
 * Timers in shared memory: the calls and their errors, the states of a timer, and reads and
 * settings in memory and by calls on the same timer.
 */
#include "clock.h"
#include "fault.h"
#include "fd_passing.h"
#include "memory.h"
#include "namespace.h"
#include "timer_list.h"

#include <evfd/counter.h>
#include <stddef.h>
#include <sys/wait.h>

FIXTURE(arena)
{
	struct arena arena;
};

FIXTURE_SETUP(arena)
{
	ASSERT_TRUE(arena_open(&self->arena));
}

FIXTURE_TEARDOWN(arena)
{
	arena_close(&self->arena);
}

TEST(layout)
{
	EXPECT_EQ(32, sizeof(struct evfd_timer));
	EXPECT_EQ(0, offsetof(struct evfd_timer, next));
	EXPECT_EQ(8, offsetof(struct evfd_timer, look));
	EXPECT_EQ(16, offsetof(struct evfd_timer, interval));
	EXPECT_EQ(24, offsetof(struct evfd_timer, clockid));
	EXPECT_EQ(16, sizeof(struct evfd_timer_bind));
	EXPECT_EQ(-1, EVFD_TIMER_CALL);
	EXPECT_EQ(-1, EVFD_TIMER_BUSY);
}

TEST_F(arena, sizes)
{
	int dev = self->arena.dev, fd;
	struct evfd_timer_ref t;
	struct evfd_timer *all;

	EXPECT_EQ(-EINVAL, result(evfd_timer_arena_open(dev, 0)));
	EXPECT_EQ(-EINVAL, result(evfd_timer_arena_open(dev, EVFD_ARENA_MAX + 1)));
	fd = evfd_timer_arena_open(dev, EVFD_ARENA_MAX);
	ASSERT_GE(fd, 0);
	EXPECT_EQ(FD_CLOEXEC, fcntl(fd, F_GETFD));
	all = evfd_timer_arena_map(fd, EVFD_ARENA_MAX);
	ASSERT_NE(NULL, all);
	ASSERT_EQ(0, evfd_timer_open(&t, dev, fd, all, EVFD_ARENA_MAX - 1, CLOCK_MONOTONIC, 0));
	EXPECT_EQ(EVFD_TIMER_CALL, all[EVFD_ARENA_MAX - 1].clockid);
	EXPECT_EQ(0, all[0].next);
	EXPECT_EQ(0, all[0].look);
	EXPECT_EQ(0, all[0].clockid);
}

TEST_F(arena, each_bit_of_the_flags)
{
	for (int bit = 0; bit < 32; bit++) {
		unsigned int flags = 1U << bit;
		int fd = arena_bind(&self->arena, bit, CLOCK_MONOTONIC, flags);

		if (flags != EVFD_TFD_CLOEXEC && flags != EVFD_TFD_NONBLOCK) {
			EXPECT_EQ(-EINVAL, fd);
			continue;
		}
		ASSERT_GE(fd, 0);
		EXPECT_EQ(flags == EVFD_TFD_CLOEXEC ? FD_CLOEXEC : 0, fcntl(fd, F_GETFD));
		EXPECT_EQ(flags == EVFD_TFD_NONBLOCK ? O_NONBLOCK : 0,
			  fcntl(fd, F_GETFL) & O_NONBLOCK);
	}
}

TEST_F(arena, each_clock)
{
	for (int clockid = -1; clockid < 20; clockid++) {
		bool known = clockid == CLOCK_MONOTONIC || clockid == CLOCK_REALTIME ||
			     clockid == CLOCK_BOOTTIME || clockid == CLOCK_TAI;
		int fd = arena_bind(&self->arena, 0, clockid, 0);

		if (!known) {
			EXPECT_EQ(-EINVAL, fd);
			continue;
		}
		ASSERT_GE(fd, 0);
		EXPECT_EQ(0, close(fd));
	}
}

TEST_F(arena, no_such_arena_or_timer)
{
	int cells = evfd_arena_open(self->arena.dev, ARENA_TIMERS), closed = dup(cells);
	struct evfd_bind bind = { .arena = self->arena.fd };
	struct arena other = self->arena;

	ASSERT_GE(cells, 0);
	ASSERT_EQ(0, close(closed));
	EXPECT_EQ(-EINVAL, arena_bind(&other, ARENA_TIMERS, CLOCK_MONOTONIC, 0));
	EXPECT_EQ(-EINVAL, arena_bind(&other, UINT32_MAX, CLOCK_MONOTONIC, 0));
	other.fd = -1;
	EXPECT_EQ(-EBADF, arena_bind(&other, 0, CLOCK_MONOTONIC, 0));
	other.fd = closed;
	EXPECT_EQ(-EBADF, arena_bind(&other, 0, CLOCK_MONOTONIC, 0));
	other.fd = other.dev;
	EXPECT_EQ(-EINVAL, arena_bind(&other, 0, CLOCK_MONOTONIC, 0));
	other.fd = cells;
	EXPECT_EQ(-EINVAL, arena_bind(&other, 0, CLOCK_MONOTONIC, 0));
	EXPECT_EQ(-EINVAL, result(ioctl(self->arena.dev, EVFD_IOC_BIND, &bind)));
	EXPECT_EQ(-EFAULT, result(ioctl(self->arena.dev, EVFD_IOC_TIMER_BIND, nowhere())));
	EXPECT_EQ(-EFAULT, result(ioctl(self->arena.dev, EVFD_IOC_TIMER_ARENA, nowhere())));
}

TEST_F(arena, one_descriptor_a_timer)
{
	int fd = arena_bind(&self->arena, 7, CLOCK_MONOTONIC, 0), copy = dup(fd);

	ASSERT_GE(copy, 0);
	EXPECT_EQ(-EBUSY, arena_bind(&self->arena, 7, CLOCK_BOOTTIME, 0));
	ASSERT_EQ(0, close(fd));
	EXPECT_EQ(-EBUSY, arena_bind(&self->arena, 7, CLOCK_BOOTTIME, 0));
	ASSERT_EQ(0, close(copy));
	EXPECT_LE(0, arena_bind(&self->arena, 7, CLOCK_BOOTTIME, 0));
}

/* The memory of an arena stays as long as one of the three is there. */
TEST_F(arena, closed_in_any_order)
{
	static const char *const orders[] = { "tam", "tma", "atm", "amt", "mta", "mat" };

	for (size_t i = 0; i < ARRAY_SIZE(orders); i++) {
		struct evfd_timer_ref t;
		struct arena arena;

		ASSERT_TRUE(arena_open(&arena));
		ASSERT_TRUE(arena_timer(&arena, ARENA_TIMERS - 1, CLOCK_MONOTONIC, &t));
		ASSERT_EQ(0, tfd_arm(t.fd, 0, FAR_NS, 0));
		for (const char *order = orders[i]; *order; order++) {
			if (*order == 't') {
				ASSERT_EQ(0, close(t.fd));
				t.fd = -1;
			} else if (*order == 'a') {
				ASSERT_EQ(0, close(arena.fd));
			} else {
				ASSERT_EQ(0, munmap(arena.timers,
						    ARENA_TIMERS * sizeof(*arena.timers)));
				arena.timers = NULL;
			}
			if (t.fd >= 0)
				EXPECT_LT(0, tfd_left(t.fd));
			if (arena.timers)
				EXPECT_EQ(t.fd < 0, clock_of(&t) == EVFD_TIMER_CALL);
		}
		close(arena.dev);
	}
}

FIXTURE(memory)
{
	struct arena arena;
	struct evfd_timer_ref t;
};

FIXTURE_VARIANT(memory)
{
	int id;
};

FIXTURE_VARIANT_ADD(memory, monotonic)
{
	.id = CLOCK_MONOTONIC,
};

FIXTURE_VARIANT_ADD(memory, boottime)
{
	.id = CLOCK_BOOTTIME,
};

/* Only relative times, which are on CLOCK_MONOTONIC. */
FIXTURE_VARIANT_ADD(memory, realtime)
{
	.id = CLOCK_REALTIME,
};

FIXTURE_SETUP(memory)
{
	ASSERT_TRUE(arena_open(&self->arena));
	ASSERT_TRUE(arena_timer(&self->arena, ARENA_TIMERS - 1, variant->id, &self->t));
}

FIXTURE_TEARDOWN(memory)
{
	close(self->t.fd);
	arena_close(&self->arena);
}

/* The clock of the timer in memory. */
static int record_clock(int id)
{
	return id == CLOCK_REALTIME ? CLOCK_MONOTONIC : id;
}

/* Arms a timer that is in memory then, and defers it to @next. */
static bool arm_at(const struct evfd_timer_ref *t, int64_t next, int64_t interval)
{
	return !tfd_arm(t->fd, 0, FAR_NS, interval) && !evfd_timer_put_off(t, next) &&
	       next_of(t) == next;
}

TEST_F(memory, kick_arguments)
{
	int event = evfd_new(0, 0), timer = evfd_timer_new(CLOCK_MONOTONIC, 0);

	EXPECT_EQ(0, kick(self->t.fd, EPOLLIN));
	EXPECT_EQ(-EINVAL, kick(self->t.fd, 0));
	EXPECT_EQ(-EINVAL, kick(self->t.fd, EPOLLIN | EPOLLOUT));
	for (int bit = 1; bit < 8 * (int)sizeof(long); bit++)
		EXPECT_EQ(-EINVAL, kick(self->t.fd, 1UL << bit));
	EXPECT_EQ(-ENOTTY, kick(event, EPOLLIN));
	EXPECT_EQ(-ENOTTY, kick(timer, EPOLLIN));
	EXPECT_EQ(-ENOTTY, kick(self->arena.fd, EPOLLIN));
}

TEST_F(memory, states)
{
	struct evfd_timer_ref *t = &self->t;
	int64_t start, clockid = record_clock(variant->id);

	EXPECT_EQ(EVFD_TIMER_CALL, clock_of(t));
	EXPECT_EQ(INT64_MAX, look_of(t));
	EXPECT_EQ(0, t->timer->interval);
	EXPECT_EQ(-EAGAIN, memory_ticks(t));

	start = tfd_clock(clockid);
	ASSERT_EQ(0, tfd_arm(t->fd, 0, FAR_NS, 5 * FAR_NS));
	EXPECT_LE(start + FAR_NS, next_of(t));
	EXPECT_GE(tfd_clock(clockid) + FAR_NS, next_of(t));
	EXPECT_EQ(INT64_MIN, look_of(t));
	EXPECT_EQ(5 * FAR_NS, t->timer->interval);
	EXPECT_EQ(clockid, t->timer->clockid);
	EXPECT_LE(start, evfd_timer_now(t));
	start = evfd_timer_now(t);
	EXPECT_LE(start, tfd_clock(clockid));

	ASSERT_EQ(0, tfd_arm(t->fd, 0, 0, 0));
	EXPECT_EQ(0, next_of(t));
	EXPECT_EQ(0, t->timer->interval);
	EXPECT_EQ(-EAGAIN, memory_ticks(t));

	ASSERT_EQ(0, tfd_arm(t->fd, 0, FAR_NS, 1));
	ASSERT_EQ(0, close(t->fd));
	EXPECT_EQ(EVFD_TIMER_CALL, clock_of(t));
	EXPECT_EQ(INT64_MAX, look_of(t));
	/* A new descriptor begins with a new state, whatever a program has written. */
	t->timer->next = 1;
	t->timer->look = 2;
	t->timer->interval = 3;
	ASSERT_TRUE(arena_timer(&self->arena, ARENA_TIMERS - 1, variant->id, t));
	EXPECT_EQ(EVFD_TIMER_CALL, clock_of(t));
	EXPECT_EQ(INT64_MAX, look_of(t));
	EXPECT_EQ(0, t->timer->interval);
	EXPECT_EQ(0, tfd_left(t->fd));
	EXPECT_EQ(-EAGAIN, tfd_ticks(t->fd));
}

TEST_F(memory, an_absolute_time_is_the_word)
{
	int64_t when = tfd_clock(variant->id) + FAR_NS;

	ASSERT_EQ(0, tfd_arm(self->t.fd, TFD_TIMER_ABSTIME, when, 0));
	EXPECT_EQ(variant->id == CLOCK_REALTIME ? EVFD_TIMER_CALL : (int)variant->id,
		  clock_of(&self->t));
	if (variant->id != CLOCK_REALTIME)
		EXPECT_EQ(when, next_of(&self->t));
	ASSERT_EQ(0, tfd_arm(self->t.fd, 0, FAR_NS, 0));
	EXPECT_LT(0, next_of(&self->t));
}

TEST_F(memory, a_read_in_memory_takes_the_only_tick)
{
	ASSERT_TRUE(arm_at(&self->t, 1, 0));
	EXPECT_EQ(POLLIN, poll_now(self->t.fd));
	EXPECT_EQ(1, memory_ticks(&self->t));
	EXPECT_EQ(0, next_of(&self->t));
	EXPECT_EQ(-EAGAIN, memory_ticks(&self->t));
	EXPECT_EQ(-EAGAIN, tfd_ticks(self->t.fd));
	EXPECT_EQ(0, poll_now(self->t.fd));
}

TEST_F(memory, a_read_by_call_takes_the_only_tick)
{
	ASSERT_TRUE(arm_at(&self->t, 1, 0));
	EXPECT_EQ(1, tfd_ticks(self->t.fd));
	EXPECT_EQ(0, next_of(&self->t));
	EXPECT_EQ(-EAGAIN, tfd_ticks(self->t.fd));
	EXPECT_EQ(-EAGAIN, memory_ticks(&self->t));
	EXPECT_EQ(0, poll_now(self->t.fd));
}

/* Reads with each call in turn. */
static int64_t ticks_by(const struct evfd_timer_ref *t, int i)
{
	uint64_t ticks;
	struct iovec iov = { .iov_base = &ticks, .iov_len = sizeof(ticks) };

	switch (i % 4) {
	case 0:
		return memory_ticks(t);
	case 1:
		return tfd_ticks(t->fd);
	case 2:
		return readv(t->fd, &iov, 1) < 0 ? -errno : (int64_t)ticks;
	default:
		return preadv2(t->fd, &iov, 1, -1, RWF_NOWAIT) < 0 ? -errno : (int64_t)ticks;
	}
}

TEST_F(memory, mixed_reads_of_a_periodic_timer)
{
	const int64_t interval = 70000;
	int clockid = record_clock(variant->id);
	int64_t first, sum = 0, due;

	ASSERT_EQ(0, tfd_arm(self->t.fd, 0, 1, interval));
	first = next_of(&self->t);
	for (int i = 0; i < 3000; i++) {
		int64_t ticks, before = tfd_due(tfd_clock(clockid), first, interval);

		ticks = ticks_by(&self->t, i);
		due = tfd_due(tfd_clock(clockid), first, interval);
		if (ticks != -EAGAIN)
			sum += ticks;
		ASSERT_LE(before, sum);
		ASSERT_GE(due, sum);
		/* The word is the first tick that no read has taken. */
		ASSERT_EQ(first + sum * interval, next_of(&self->t));
	}
}

/* Both ways compute the same from any time and interval. */
TEST_F(memory, any_time_and_interval)
{
	int clockid = record_clock(variant->id);

	srandom(1);
	for (int i = 0; i < 3000; i++) {
		int64_t next = 1 + (random() * INT64_C(1000003)) % tfd_clock(clockid);
		int64_t interval = 1 + ((int64_t)random() << random() % 30), low, high, ticks;

		ASSERT_TRUE(arm_at(&self->t, next, interval));
		low = tfd_due(tfd_clock(clockid), next, interval);
		ticks = ticks_by(&self->t, i);
		high = tfd_due(tfd_clock(clockid), next, interval);
		ASSERT_LE(low, ticks);
		ASSERT_GE(high, ticks);
		ASSERT_EQ(next + ticks * interval, next_of(&self->t));
	}
}

/* The longest time but for a second: the kernel takes longer times for the last time. */
#define LONGEST_NS	((INT64_MAX / NS_PER_S - 1) * NS_PER_S)

TEST_F(memory, times_beyond_the_end)
{
	for (int i = 0; i < 4; i++) {
		ASSERT_TRUE(arm_at(&self->t, 5, LONGEST_NS));
		EXPECT_EQ(1, ticks_by(&self->t, i));
		EXPECT_EQ(5 + LONGEST_NS, next_of(&self->t));
		/* A sum that is too large ends at the last time. */
		ASSERT_TRUE(arm_at(&self->t, 2 * NS_PER_S, LONGEST_NS));
		ASSERT_TRUE(tfd_expires(self->t.fd));
		EXPECT_EQ(1, ticks_by(&self->t, i));
		EXPECT_EQ(INT64_MAX, next_of(&self->t));
		EXPECT_EQ(-EAGAIN, ticks_by(&self->t, i));
		EXPECT_LT(FAR_NS, tfd_left(self->t.fd));
	}
}

/* A descriptor in memory never reads 32 bits, even after the call of 2007. */
TEST_F(memory, the_call_of_2007)
{
	struct evfd_timerfd arg = {
		.ufd = self->t.fd,
		.clockid = CLOCK_BOOTTIME,
		.flags = EVFD_TFD_TIMER_SEQ,
		.value = { tfd_timespec(1), tfd_timespec(1) },
	};
	uint32_t word;

	ASSERT_EQ(self->t.fd, evfd_device_ioctl(EVFD_IOC_TIMERFD, &arg));
	EXPECT_EQ(CLOCK_BOOTTIME, self->t.timer->clockid);
	EXPECT_LT(0, next_of(&self->t));
	EXPECT_EQ(1, self->t.timer->interval);
	EXPECT_EQ(-EINVAL, result(read(self->t.fd, &word, sizeof(word))));
	EXPECT_LT(0, tfd_ticks(self->t.fd));
	EXPECT_LT(0, memory_ticks(&self->t));
	arg.clockid = CLOCK_TAI;
	ASSERT_EQ(self->t.fd, evfd_device_ioctl(EVFD_IOC_TIMERFD, &arg));
	EXPECT_EQ(EVFD_TIMER_CALL, clock_of(&self->t));
	ASSERT_TRUE(tfd_expires(self->t.fd));
	EXPECT_LT(0, memory_ticks(&self->t));
	arg.clockid = CLOCK_MONOTONIC;
	ASSERT_EQ(self->t.fd, evfd_device_ioctl(EVFD_IOC_TIMERFD, &arg));
	EXPECT_LT(0, next_of(&self->t));
	EXPECT_EQ(CLOCK_MONOTONIC, self->t.timer->clockid);
}

/* The time left by a call, in memory, and by a call again. */
static bool left_is_same(const struct evfd_timer_ref *t)
{
	struct evfd_itimerspec before, now, after;

	if (tfd_get(t->fd, &before) || evfd_timer_left(t, &now) || tfd_get(t->fd, &after))
		return false;
	return tfd_ns(before.it_value) >= tfd_ns(now.it_value) &&
	       tfd_ns(now.it_value) >= tfd_ns(after.it_value) &&
	       !tfd_ns(before.it_value) == !tfd_ns(now.it_value) &&
	       tfd_ns(before.it_interval) == tfd_ns(now.it_interval);
}

TEST_F(memory, the_time_left_in_each_state)
{
	struct evfd_timer_ref *t = &self->t;

	EXPECT_TRUE(left_is_same(t));
	ASSERT_EQ(0, tfd_arm(t->fd, 0, FAR_NS, 0));
	EXPECT_TRUE(left_is_same(t));
	ASSERT_EQ(0, tfd_arm(t->fd, 0, FAR_NS, 3 * FAR_NS));
	EXPECT_TRUE(left_is_same(t));
	ASSERT_EQ(0, evfd_timer_put_off(t, evfd_timer_now(t) + 2 * FAR_NS));
	EXPECT_TRUE(left_is_same(t));
	EXPECT_LT(FAR_NS, tfd_left(t->fd));
	/* Expired and periodic */
	ASSERT_EQ(0, evfd_timer_put_off(t, 1));
	EXPECT_TRUE(left_is_same(t));
	EXPECT_LT(2 * FAR_NS, tfd_left(t->fd));
	EXPECT_EQ(1, next_of(t));
	EXPECT_EQ(1, memory_ticks(t));
	EXPECT_TRUE(left_is_same(t));
	/* Expired, once */
	ASSERT_TRUE(arm_at(t, 1, 0));
	EXPECT_TRUE(left_is_same(t));
	EXPECT_EQ(0, tfd_left(t->fd));
	EXPECT_EQ(1, memory_ticks(t));
	EXPECT_TRUE(left_is_same(t));
	/* Disarmed, with an interval */
	ASSERT_EQ(0, tfd_arm(t->fd, 0, 0, FAR_NS));
	EXPECT_TRUE(left_is_same(t));
	EXPECT_EQ(0, tfd_left(t->fd));
	/* The last time that there is */
	ASSERT_TRUE(arm_at(t, INT64_MAX, 0));
	EXPECT_TRUE(left_is_same(t));
	/* Not in memory */
	ASSERT_EQ(0, tfd_set_ticks(t->fd, 3));
	EXPECT_TRUE(left_is_same(t));
}

TEST_F(memory, put_off)
{
	static const int64_t times[] = { 1, INT64_MAX, INT64_MAX - 1 };
	struct evfd_timer_ref *t = &self->t;

	/* Not in memory yet */
	EXPECT_EQ(-1, evfd_timer_now(t));
	for (size_t i = 0; i < ARRAY_SIZE(times); i++) {
		EXPECT_EQ(-EOPNOTSUPP, result(evfd_timer_put_off(t, times[i])));
		EXPECT_EQ(EVFD_TIMER_CALL, clock_of(t));
		EXPECT_EQ(0, poll_now(t->fd));
		EXPECT_EQ(-EAGAIN, memory_ticks(t));
		EXPECT_TRUE(left_is_same(t));
	}

	ASSERT_EQ(0, tfd_arm(t->fd, 0, FAR_NS, FAR_NS));
	ASSERT_EQ(0, evfd_timer_put_off(t, evfd_timer_now(t) + 3 * FAR_NS));
	EXPECT_LT(2 * FAR_NS, tfd_left(t->fd));
	ASSERT_EQ(0, evfd_timer_put_off(t, evfd_timer_now(t) + FAR_NS / 2));
	EXPECT_GE(FAR_NS / 2, tfd_left(t->fd));
	EXPECT_EQ(0, poll_now(t->fd));
	/* To the past */
	ASSERT_EQ(0, evfd_timer_put_off(t, 1));
	EXPECT_EQ(POLLIN, poll_now(t->fd));
	/* The tick is gone, the interval is not. */
	ASSERT_EQ(0, evfd_timer_put_off(t, evfd_timer_now(t) + FAR_NS));
	EXPECT_EQ(0, poll_now(t->fd));
	EXPECT_EQ(-EAGAIN, tfd_ticks(t->fd));
	EXPECT_EQ(FAR_NS, t->timer->interval);
	/* To the past, and read */
	ASSERT_EQ(0, evfd_timer_put_off(t, 1));
	EXPECT_EQ(1, tfd_ticks(t->fd));
	EXPECT_EQ(1 + FAR_NS, next_of(t));
	/* A disarmed timer */
	ASSERT_EQ(0, tfd_arm(t->fd, 0, 0, 0));
	ASSERT_EQ(0, evfd_timer_put_off(t, 1));
	EXPECT_EQ(1, tfd_ticks(t->fd));
	EXPECT_EQ(0, next_of(t));
	/* A call disarms a deferred timer. */
	ASSERT_EQ(0, evfd_timer_put_off(t, 1));
	ASSERT_EQ(0, tfd_arm(t->fd, 0, 0, 0));
	EXPECT_EQ(0, poll_now(t->fd));
	EXPECT_EQ(-EAGAIN, memory_ticks(t));
}

/* Until the next setting, programs must use the calls. */
TEST_F(memory, set_ticks)
{
	struct evfd_timer_ref *t = &self->t;

	ASSERT_EQ(0, tfd_arm(t->fd, 0, FAR_NS, 3 * FAR_NS));
	EXPECT_EQ(-EINVAL, result(tfd_set_ticks(t->fd, 0)));
	EXPECT_LT(0, next_of(t));
	ASSERT_EQ(0, tfd_set_ticks(t->fd, 12));
	EXPECT_EQ(EVFD_TIMER_CALL, clock_of(t));
	EXPECT_EQ(INT64_MAX, look_of(t));
	EXPECT_EQ(-EOPNOTSUPP, result(evfd_timer_put_off(t, 1)));
	EXPECT_EQ(POLLIN, poll_now(t->fd));
	EXPECT_EQ(12, memory_ticks(t));
	EXPECT_EQ(-EAGAIN, memory_ticks(t));
	EXPECT_LT(FAR_NS - DEADLINE_MS * NS_PER_MS, tfd_left(t->fd));
	EXPECT_GE(FAR_NS, tfd_left(t->fd));
	ASSERT_EQ(0, tfd_arm(t->fd, 0, 0, 0));
	EXPECT_EQ(0, next_of(t));

	/* The ticks of before are gone, those of later are added. */
	ASSERT_TRUE(arm_at(t, 1, FAR_NS));
	ASSERT_EQ(0, tfd_set_ticks(t->fd, 2));
	EXPECT_EQ(2, memory_ticks(t));
	ASSERT_EQ(0, tfd_arm(t->fd, 0, NS_PER_MS, NS_PER_MS));
	ASSERT_EQ(0, tfd_set_ticks(t->fd, 1000000));
	ASSERT_TRUE(wait_for(tfd_pending(t->fd) > 1000000));
	EXPECT_LT(1000000, memory_ticks(t));
	ASSERT_TRUE(tfd_expires(t->fd));
	EXPECT_LT(0, tfd_ticks(t->fd));
}

/* A timer that a program has disarmed in memory has no later tick. */
TEST_F(memory, set_ticks_after_a_disarming_in_memory)
{
	struct evfd_timer_ref *t = &self->t;
	struct call waiter = { .make = call_poll, .fd = t->fd, .value = POLLIN };
	int64_t when;

	/* Until it is disarmed before it expires, also on a slow host */
	for (int64_t ns = 300 * NS_PER_MS;; ns *= 2) {
		ASSERT_EQ(0, tfd_arm(t->fd, 0, ns, 0));
		when = next_of(t);
		ASSERT_TRUE(call_start(&waiter));
		if (call_blocks(&waiter) && swap_next(t, 0) == when)
			break;
		ASSERT_TRUE(call_ends(&waiter));
	}
	ASSERT_EQ(0, tfd_set_ticks(t->fd, 5));
	ASSERT_TRUE(call_ends(&waiter));
	while (tfd_clock(record_clock(variant->id)) < when + 20 * NS_PER_MS)
		sleep_ms(10);
	EXPECT_EQ(5, tfd_ticks(t->fd));
	EXPECT_EQ(-EAGAIN, tfd_ticks(t->fd));
}

static int64_t set_again(int fd, int64_t value, int64_t interval, struct evfd_itimerspec *old)
{
	struct evfd_itimerspec new = { tfd_timespec(interval), tfd_timespec(value) };

	return tfd_set(fd, 0, &new, old) ? -errno : tfd_ns(old->it_value);
}

TEST_F(memory, old_settings)
{
	struct evfd_timer_ref *t = &self->t;
	struct evfd_itimerspec old;
	int64_t value;

	EXPECT_EQ(0, set_again(t->fd, FAR_NS, 3 * FAR_NS, &old));
	EXPECT_EQ(0, tfd_ns(old.it_interval));
	value = set_again(t->fd, FAR_NS, 0, &old);
	EXPECT_LT(FAR_NS - DEADLINE_MS * NS_PER_MS, value);
	EXPECT_GE(FAR_NS, value);
	EXPECT_EQ(3 * FAR_NS, tfd_ns(old.it_interval));
	/* Deferred in memory */
	ASSERT_EQ(0, evfd_timer_put_off(t, evfd_timer_now(t) + 5 * FAR_NS));
	value = set_again(t->fd, FAR_NS, 3 * FAR_NS, &old);
	EXPECT_LT(4 * FAR_NS, value);
	EXPECT_EQ(0, tfd_ns(old.it_interval));
	/* Expired and periodic: the time until the next expiration */
	ASSERT_EQ(0, evfd_timer_put_off(t, 1));
	value = set_again(t->fd, FAR_NS, 0, &old);
	EXPECT_LT(2 * FAR_NS, value);
	EXPECT_GE(3 * FAR_NS, value);
	EXPECT_EQ(-EAGAIN, tfd_ticks(t->fd));
	/* Expired, with and without a read */
	ASSERT_EQ(0, evfd_timer_put_off(t, 1));
	EXPECT_EQ(0, set_again(t->fd, FAR_NS, 0, &old));
	ASSERT_EQ(0, evfd_timer_put_off(t, 1));
	EXPECT_EQ(1, memory_ticks(t));
	EXPECT_EQ(0, set_again(t->fd, FAR_NS, 0, &old));
	/* Away from memory and back */
	ASSERT_EQ(0, evfd_timer_put_off(t, evfd_timer_now(t) + 5 * FAR_NS));
	ASSERT_EQ(0, tfd_set_ticks(t->fd, 1));
	EXPECT_LT(4 * FAR_NS, set_again(t->fd, 2 * FAR_NS, 0, &old));
	EXPECT_LT(FAR_NS, set_again(t->fd, 0, 0, &old));
	EXPECT_EQ(0, set_again(t->fd, 0, 0, &old));
}

TEST_F(memory, a_setting_that_fails_changes_nothing)
{
	struct evfd_itimerspec new = { .it_value = { 1, 1000000000 } }, *bad = nowhere();
	int64_t next;

	ASSERT_EQ(0, tfd_arm(self->t.fd, 0, FAR_NS, FAR_NS));
	next = next_of(&self->t);
	EXPECT_EQ(-EINVAL, result(tfd_set(self->t.fd, 0, &new, NULL)));
	new.it_value = tfd_timespec(1);
	EXPECT_EQ(-EFAULT, result(tfd_set(self->t.fd, 0, &new, bad + 1)));
	EXPECT_EQ(-EINVAL, result(tfd_set(self->t.fd, 1 << 5, &new, NULL)));
	EXPECT_EQ(next, next_of(&self->t));
	EXPECT_EQ(FAR_NS, self->t.timer->interval);
}

TEST_F(memory, fdinfo)
{
	struct tfd_info info;

	ASSERT_TRUE(arm_at(&self->t, 1, 3 * FAR_NS));
	ASSERT_TRUE(tfd_info(self->t.fd, &info));
	EXPECT_EQ(variant->id, info.clockid);
	EXPECT_EQ(1, info.ticks);
	EXPECT_EQ(0, info.flags);
	EXPECT_EQ(3 * FAR_NS, tfd_ns(info.time.it_interval));
	EXPECT_LT(2 * FAR_NS, tfd_ns(info.time.it_value));
	/* It takes no tick. */
	EXPECT_EQ(1, next_of(&self->t));
	EXPECT_EQ(1, memory_ticks(&self->t));
	ASSERT_TRUE(tfd_info(self->t.fd, &info));
	EXPECT_EQ(0, info.ticks);
}

TEST_F(memory, a_read_that_fails_loses_no_tick)
{
	for (int bad = NO_ACCESS; bad <= LAST_BYTE; bad++) {
		void *buf = bad_buffer(bad, 8);

		ASSERT_TRUE(arm_at(&self->t, 1, FAR_NS));
		EXPECT_EQ(-EFAULT, result(read(self->t.fd, buf, 8)));
		EXPECT_EQ(1, next_of(&self->t));
		EXPECT_EQ(1, memory_ticks(&self->t));
		/* Without a tick, the read does not look at the buffer. */
		EXPECT_EQ(-EAGAIN, result(read(self->t.fd, buf, 8)));
		ASSERT_TRUE(arm_at(&self->t, 1, 0));
		EXPECT_EQ(-EFAULT, result(read(self->t.fd, buf, 8)));
		EXPECT_EQ(1, tfd_ticks(self->t.fd));
	}
	EXPECT_EQ(-EINVAL, result(read(self->t.fd, nowhere(), 7)));
}

/* Waits for a child, which has recorded its failures in the test. */
static bool join(pid_t child)
{
	int status;

	return waitpid(child, &status, 0) == child && !status;
}

TEST_F(memory, a_child_uses_the_same_timer)
{
	pid_t child;

	ASSERT_TRUE(arm_at(&self->t, 1, FAR_NS));
	child = fork_child();
	ASSERT_GE(child, 0);
	if (!child) {
		EXPECT_EQ(1, memory_ticks(&self->t));
		EXPECT_EQ(-EAGAIN, tfd_ticks(self->t.fd));
		EXPECT_EQ(0, evfd_timer_put_off(&self->t, 2));
		_exit(0);
	}
	ASSERT_TRUE(join(child));
	EXPECT_EQ(2, next_of(&self->t));
	EXPECT_EQ(1, tfd_ticks(self->t.fd));
	EXPECT_EQ(2 + FAR_NS, next_of(&self->t));
}

/* A process with the descriptor alone uses the calls. */
TEST_F(memory, passed_to_a_process_without_the_mapping)
{
	int socks[2], fd;
	pid_t child;

	ASSERT_EQ(0, socketpair(AF_UNIX, SOCK_STREAM, 0, socks));
	child = fork_child();
	ASSERT_GE(child, 0);
	if (!child) {
		close(self->t.fd);
		close(self->arena.fd);
		munmap(self->arena.timers, ARENA_TIMERS * sizeof(*self->arena.timers));
		fd = receive_fd(socks[1]);
		EXPECT_TRUE(tfd_expires(fd));
		EXPECT_EQ(1, tfd_ticks(fd));
		EXPECT_EQ(0, tfd_arm(fd, 0, 7 * FAR_NS, 0));
		_exit(0);
	}
	ASSERT_TRUE(arm_at(&self->t, 1, 0));
	EXPECT_TRUE(send_fd(socks[0], self->t.fd));
	ASSERT_TRUE(join(child));
	EXPECT_LT(6 * FAR_NS, next_of(&self->t) - evfd_timer_now(&self->t));
}

/* No reader sees a time that is refused because the timer is not in memory. */
static void *puts_off(void *arg)
{
	const struct evfd_timer_ref *t = arg;

	for (int i = 0; i < 300000; i++) {
		if (!evfd_timer_put_off(t, 1))
			return arg;
	}
	return NULL;
}

TEST_F(memory, put_off_where_calls_must_be_used)
{
	pthread_t thread;
	void *failed;

	ASSERT_EQ(0, tfd_arm(self->t.fd, 0, FAR_NS, 0));
	ASSERT_EQ(0, tfd_set_ticks(self->t.fd, 1));
	ASSERT_EQ(1, tfd_ticks(self->t.fd));
	ASSERT_EQ(0, pthread_create(&thread, NULL, puts_off, &self->t));
	for (int i = 0; i < 300000; i++)
		ASSERT_EQ(-EAGAIN, memory_ticks(&self->t));
	ASSERT_EQ(0, pthread_join(thread, &failed));
	EXPECT_EQ(NULL, failed);
	EXPECT_EQ(EVFD_TIMER_CALL, clock_of(&self->t));
}

/*
 * Sets a time with a slack, on CLOCK_REALTIME by a relative time, because an absolute one is not
 * in memory. Returns the time in memory, or -errno.
 */
static int64_t set_slack(const struct evfd_timer_ref *t, int clockid, int64_t when,
			 uint64_t slack)
{
	bool relative = clockid == CLOCK_REALTIME;
	struct evfd_timerfd_settime arg = {
		.flags = EVFD_TFD_SLACK | (relative ? 0 : TFD_TIMER_ABSTIME),
		.slack_ns = slack,
	};

	if (relative)
		when -= tfd_clock(CLOCK_MONOTONIC);
	arg.new_value.it_value = tfd_timespec(when);
	return ioctl(t->fd, EVFD_IOC_TIMERFD_SETTIME, &arg) ? -errno : next_of(t);
}

/* The kernel's timer is queued while there is a waiter, with the slack of the last setting. */
TEST_F(memory, slack)
{
	int64_t when = tfd_clock(record_clock(variant->id)) + FAR_NS;
	struct evfd_timer_ref *t = &self->t;
	struct epoll_event event = { };
	int ep = epoll_create1(0);

	when = set_slack(t, variant->id, when, 1234567);
	ASSERT_LT(0, when);
	EXPECT_FALSE(is_queued(when, when + 1234567));
	ASSERT_EQ(0, epoll_ctl(ep, EPOLL_CTL_ADD, t->fd, &event));
	event.events = EPOLLIN;
	ASSERT_EQ(0, epoll_ctl(ep, EPOLL_CTL_MOD, t->fd, &event));
	EXPECT_TRUE(is_queued(when, when + 1234567));
	EXPECT_EQ(when, look_of(t));
	/* An earlier time by a program */
	ASSERT_EQ(0, evfd_timer_put_off(t, when - 1));
	EXPECT_TRUE(is_queued(when - 1, when - 1 + 1234567));
	EXPECT_EQ(when - 1, look_of(t));
	/* The same time with another slack */
	when = set_slack(t, variant->id, when - 1, 7654321);
	EXPECT_TRUE(is_queued(when, when + 7654321));
	EXPECT_EQ(when, look_of(t));
	when = set_slack(t, variant->id, when, 0);
	EXPECT_TRUE(is_queued(when, when));
	close(ep);
	/* A read does not wait for the slack. */
	when = set_slack(t, variant->id, evfd_timer_now(t) + 5 * NS_PER_MS, FAR_NS);
	ASSERT_TRUE(wait_for(memory_ticks(t) == 1));
	EXPECT_LE(when, evfd_timer_now(t));
}

FIXTURE(clock)
{
	struct arena arena;
	struct evfd_timer_ref t;
};

FIXTURE_VARIANT(clock)
{
	int id;
};

FIXTURE_VARIANT_ADD(clock, realtime)
{
	.id = CLOCK_REALTIME,
};

FIXTURE_VARIANT_ADD(clock, tai)
{
	.id = CLOCK_TAI,
};

FIXTURE_SETUP(clock)
{
	ASSERT_TRUE(clock_restore());
	ASSERT_TRUE(arena_open(&self->arena));
	ASSERT_TRUE(arena_timer(&self->arena, 0, variant->id, &self->t));
}

FIXTURE_TEARDOWN(clock)
{
	close(self->t.fd);
	arena_close(&self->arena);
	clock_restore();
}

/* Setting the clock changes an absolute time, so it is not in memory. */
TEST_F(clock, absolute_times)
{
	struct evfd_timer_ref *t = &self->t;
	struct evfd_itimerspec left;

	ASSERT_EQ(0, tfd_arm_late(t->fd, variant->id));
	EXPECT_EQ(EVFD_TIMER_CALL, clock_of(t));
	EXPECT_EQ(-EOPNOTSUPP, result(evfd_timer_put_off(t, 1)));
	ASSERT_TRUE(tfd_expires(t->fd));
	EXPECT_EQ(LATE_TICKS, memory_ticks(t));
	ASSERT_EQ(0, evfd_timer_left(t, &left));
	EXPECT_LT(FAR_NS / 2, tfd_ns(left.it_value));
	EXPECT_EQ(LATE_INTERVAL, tfd_ns(left.it_interval));
	ASSERT_EQ(0, tfd_arm(t->fd, TFD_TIMER_ABSTIME,
			     tfd_clock(variant->id) + STEP_NS / 2, 0));
	EXPECT_EQ(-EAGAIN, memory_ticks(t));
	ASSERT_TRUE(step_by_adjtimex(STEP_NS));
	ASSERT_TRUE(tfd_expires(t->fd));
	EXPECT_EQ(1, memory_ticks(t));
}

TEST_F(clock, relative_times)
{
	struct evfd_timer_ref *t = &self->t;

	ASSERT_EQ(0, tfd_arm(t->fd, 0, STEP_NS / 2, 0));
	if (variant->id == CLOCK_TAI) {
		EXPECT_EQ(EVFD_TIMER_CALL, clock_of(t));
		return;
	}
	EXPECT_LT(0, next_of(t));
	EXPECT_EQ(CLOCK_MONOTONIC, t->timer->clockid);
	ASSERT_TRUE(step_by_adjtimex(STEP_NS));
	EXPECT_EQ(-EAGAIN, memory_ticks(t));
	EXPECT_LT(0, tfd_left(t->fd));
}

TEST_F(clock, canceled)
{
	struct evfd_timer_ref *t = &self->t;
	int64_t far = tfd_clock(variant->id) + FAR_NS;

	ASSERT_EQ(0, tfd_arm(t->fd, 0, FAR_NS, 0));
	ASSERT_EQ(0, tfd_arm(t->fd, TFD_CANCEL, far, 0));
	EXPECT_EQ(EVFD_TIMER_CALL, clock_of(t));
	EXPECT_EQ(-EAGAIN, memory_ticks(t));
	ASSERT_TRUE(step_by_adjtimex(STEP_NS));
	ASSERT_TRUE(tfd_expires(t->fd));
	EXPECT_EQ(-ECANCELED, memory_ticks(t));
	EXPECT_EQ(-EAGAIN, memory_ticks(t));
	/* Back to memory */
	ASSERT_EQ(0, tfd_arm(t->fd, 0, FAR_NS, 0));
	EXPECT_EQ(variant->id == CLOCK_TAI, clock_of(t) == EVFD_TIMER_CALL);
	ASSERT_TRUE(step_by_adjtimex(-STEP_NS));
	EXPECT_EQ(0, poll_now(t->fd));
}

/* The flag has no effect on a clock that cannot be set. */
TEST_F(arena, canceled_on_a_clock_that_cannot_be_set)
{
	struct evfd_timer_ref t;
	int64_t far = tfd_clock(CLOCK_MONOTONIC) + FAR_NS;

	ASSERT_TRUE(arena_timer(&self->arena, 0, CLOCK_MONOTONIC, &t));
	ASSERT_EQ(0, tfd_arm(t.fd, TFD_CANCEL, far, 0));
	EXPECT_EQ(far, next_of(&t));
}

FIXTURE(timens)
{
	struct arena arena;
	struct evfd_timer_ref t;
};

FIXTURE_VARIANT(timens)
{
	int id;
};

FIXTURE_VARIANT_ADD(timens, monotonic)
{
	.id = CLOCK_MONOTONIC,
};

FIXTURE_VARIANT_ADD(timens, boottime)
{
	.id = CLOCK_BOOTTIME,
};

FIXTURE_VARIANT_ADD(timens, realtime)
{
	.id = CLOCK_REALTIME,
};

FIXTURE_SETUP(timens)
{
	ASSERT_TRUE(timens_new(1000000500));
	ASSERT_TRUE(arena_open(&self->arena));
	ASSERT_TRUE(arena_timer(&self->arena, 0, variant->id, &self->t));
}

FIXTURE_TEARDOWN(timens)
{
	close(self->t.fd);
	arena_close(&self->arena);
}

/* Sets a timer in each way inside: true if each result is right, by the calls. */
static bool works_inside(const struct evfd_timer_ref *t, int id)
{
	int64_t start = tfd_clock(id), left;

	if (tfd_arm(t->fd, TFD_TIMER_ABSTIME, start + FAR_NS, 0) ||
	    clock_of(t) != EVFD_TIMER_CALL)
		return false;
	left = tfd_left(t->fd);
	if (left > FAR_NS || left < FAR_NS - (tfd_clock(id) - start))
		return false;
	if (tfd_arm(t->fd, 0, 5 * NS_PER_MS, 0) || clock_of(t) != EVFD_TIMER_CALL)
		return false;
	return evfd_timer_put_off(t, 1) && errno == EOPNOTSUPP && tfd_expires(t->fd) &&
	       tfd_clock(id) >= start + 5 * NS_PER_MS && memory_ticks(t) == 1;
}

TEST_F(timens, bound_and_set_inside)
{
	pid_t child = fork_child();

	ASSERT_GE(child, 0);
	if (!child) {
		struct evfd_timer_ref t;

		EXPECT_TRUE(arena_timer(&self->arena, 1, variant->id, &t));
		EXPECT_TRUE(works_inside(&t, variant->id));
		_exit(0);
	}
	ASSERT_TRUE(join(child));
}

TEST_F(timens, bound_outside_and_set_inside)
{
	pid_t child;

	ASSERT_EQ(0, tfd_arm(self->t.fd, 0, FAR_NS, 0));
	EXPECT_LT(0, next_of(&self->t));
	child = fork_child();
	ASSERT_GE(child, 0);
	if (!child) {
		EXPECT_TRUE(works_inside(&self->t, variant->id));
		EXPECT_EQ(0, tfd_arm(self->t.fd, 0, FAR_NS, 0));
		_exit(0);
	}
	ASSERT_TRUE(join(child));
	/* The setting from inside is in force. */
	EXPECT_EQ(EVFD_TIMER_CALL, clock_of(&self->t));
	EXPECT_LT(0, tfd_left(self->t.fd));
	EXPECT_GE(FAR_NS, tfd_left(self->t.fd));
	ASSERT_EQ(0, tfd_arm(self->t.fd, 0, FAR_NS, 0));
	EXPECT_LT(0, next_of(&self->t));
}

TEST_HARNESS_MAIN
