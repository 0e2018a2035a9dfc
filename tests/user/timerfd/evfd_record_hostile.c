// SPDX-License-Identifier: GPL-2.0
/*
 * Programs that write anything to timers in shared memory: every call ends, and other timers
 * work. The suite checks that the kernel log stays empty.
 */
#include "clock.h"
#include "epoll.h"
#include "memory.h"

#include <sys/wait.h>

FIXTURE(hostile)
{
	struct arena arena;
	struct evfd_timer_ref t;
	/* In the same arena, beside it */
	struct evfd_timer_ref other;
};

FIXTURE_SETUP(hostile)
{
	ASSERT_TRUE(arena_open(&self->arena));
	ASSERT_TRUE(arena_timer(&self->arena, 1, CLOCK_MONOTONIC, &self->t));
	ASSERT_TRUE(arena_timer(&self->arena, 2, CLOCK_MONOTONIC, &self->other));
}

FIXTURE_TEARDOWN(hostile)
{
	close(self->t.fd);
	close(self->other.fd);
	arena_close(&self->arena);
}

static int64_t now_ns(void)
{
	return tfd_clock(CLOCK_MONOTONIC);
}

/* Values that a correct program never writes, and those that it may. */
static int64_t random_value(unsigned int *seed)
{
	const int64_t values[] = {
		0, 1, -1, 2, -2, INT64_MAX, INT64_MIN, INT64_MAX - 1, INT64_MIN + 1,
		now_ns(), now_ns() + 1000, now_ns() + 100000, -now_ns(), UINT32_MAX,
	};

	if (rand_r(seed) % 8)
		return values[rand_r(seed) % ARRAY_SIZE(values)];
	return (uint64_t)rand_r(seed) << 40 ^ (uint64_t)rand_r(seed) << 20 ^ rand_r(seed);
}

/* Random values in each word of a timer */
struct scribbler {
	_Atomic bool *stop;
	struct evfd_timer *timer;
	unsigned int seed;
	pthread_t thread;
};

static void scribble(struct evfd_timer *timer, unsigned int *seed)
{
	evfd_s64 *words = (evfd_s64 *)__builtin_assume_aligned(timer, 8);
	int64_t value = random_value(seed);

	__atomic_store_n(&words[rand_r(seed) % 4], value, __ATOMIC_RELAXED);
}

static void *scribbles(void *arg)
{
	struct scribbler *scribbler = arg;

	while (!*scribbler->stop)
		scribble(scribbler->timer, &scribbler->seed);
	return NULL;
}

/* A call on the timer. Each may fail in any way, but returns. */
static void call_something(const struct evfd_timer_ref *t, const int *eps, int n,
			   unsigned int *seed)
{
	struct evfd_itimerspec left;
	struct tfd_info info;
	uint32_t flags[] = { EPOLLIN, EPOLLIN | EPOLLET, EPOLLIN | EPOLLONESHOT };

	switch (rand_r(seed) % 12) {
	case 0:
		tfd_arm(t->fd, 0, rand_r(seed) % 100000, rand_r(seed) % 1000);
		break;
	case 1:
		tfd_arm(t->fd, TFD_TIMER_ABSTIME, 1, 1);
		break;
	case 2:
		tfd_set(t->fd, 0, &(struct evfd_itimerspec){ }, &left);
		break;
	case 3:
		tfd_get(t->fd, &left);
		break;
	case 4:
		tfd_info(t->fd, &info);
		break;
	case 5:
		kick(t->fd, EPOLLIN);
		break;
	case 6:
		poll_now(t->fd);
		break;
	case 7:
		modify(eps[rand_r(seed) % n], t->fd, flags[rand_r(seed) % ARRAY_SIZE(flags)]);
		break;
	case 8:
		events_within(eps[rand_r(seed) % n], rand_r(seed) % 2);
		break;
	case 9:
		tfd_set_ticks(t->fd, 1 + rand_r(seed));
		break;
	default:
		tfd_ticks(t->fd);
	}
}

/* Whether a timer works in each way, by calls and in memory. */
static bool works(const struct evfd_timer_ref *t)
{
	int64_t when = now_ns() + 3 * NS_PER_MS;

	if (tfd_arm(t->fd, TFD_TIMER_ABSTIME, when, 0) || !tfd_expires(t->fd) ||
	    now_ns() < when || memory_ticks(t) != 1)
		return false;
	when = now_ns() + 3 * NS_PER_MS;
	return !tfd_arm(t->fd, 0, FAR_NS, FAR_NS) && !evfd_timer_put_off(t, when) &&
	       tfd_expires(t->fd) && now_ns() >= when && tfd_ticks(t->fd) == 1 &&
	       next_of(t) == when + FAR_NS && tfd_left(t->fd) > FAR_NS / 2;
}

static void open_epolls(const struct evfd_timer_ref *t, int *eps, int n)
{
	for (int i = 0; i < n; i++)
		eps[i] = watch(t->fd, i ? EPOLLIN | EPOLLET : EPOLLIN);
}

TEST_F(hostile, random_words_while_calls_run)
{
	_Atomic bool stop = false;
	struct scribbler scribblers[2];
	unsigned int seed = 1;
	int eps[3], calls = 0;

	open_epolls(&self->t, eps, ARRAY_SIZE(eps));
	for (int i = 0; i < 2; i++) {
		scribblers[i] = (struct scribbler){
			.timer = self->t.timer, .seed = i + 2, .stop = &stop,
		};
		ASSERT_EQ(0, pthread_create(&scribblers[i].thread, NULL, scribbles,
					    &scribblers[i]));
	}
	for (int64_t end = now_ms() + 3000; now_ms() < end; calls++) {
		call_something(&self->t, eps, ARRAY_SIZE(eps), &seed);
		if (calls % 200 == 0)
			ASSERT_TRUE(works(&self->other));
	}
	stop = true;
	for (int i = 0; i < 2; i++)
		ASSERT_EQ(0, pthread_join(scribblers[i].thread, NULL));
	/* The timer recovers with the next setting: its descriptor's state is the kernel's. */
	for (int i = 0; i < 3; i++)
		close(eps[i]);
	EXPECT_TRUE(works(&self->t));
	EXPECT_TRUE(works(&self->other));
}

/* The program that writes is another process, which is killed while it does. */
TEST_F(hostile, another_process)
{
	unsigned int seed = 3;
	int eps[2];
	pid_t child;

	open_epolls(&self->t, eps, ARRAY_SIZE(eps));
	child = fork_child();
	ASSERT_GE(child, 0);
	if (!child) {
		for (;;)
			scribble(self->t.timer, &seed);
	}
	for (int64_t end = now_ms() + 1000; now_ms() < end; )
		call_something(&self->t, eps, ARRAY_SIZE(eps), &seed);
	EXPECT_TRUE(works(&self->other));
	ASSERT_EQ(0, kill(child, SIGKILL));
	ASSERT_EQ(child, waitpid(child, NULL, 0));
	close(eps[0]);
	close(eps[1]);
	EXPECT_TRUE(works(&self->t));
}

/* Descriptors come and go while a program writes to their timers. */
TEST_F(hostile, bound_and_closed)
{
	_Atomic bool stop = false;
	struct scribbler scribbler = {
		.timer = self->arena.timers + 3, .seed = 1, .stop = &stop,
	};

	ASSERT_EQ(0, pthread_create(&scribbler.thread, NULL, scribbles, &scribbler));
	for (int i = 0; i < 2000; i++) {
		struct evfd_timer_ref t;
		int ep;

		ASSERT_TRUE(arena_timer(&self->arena, 3, CLOCK_MONOTONIC, &t));
		ep = watch(t.fd, EPOLLIN);
		ASSERT_EQ(0, tfd_arm(t.fd, 0, 1 + i * 10, i % 2));
		if (i % 3)
			tfd_ticks(t.fd);
		ASSERT_EQ(0, close(t.fd));
		ASSERT_EQ(0, close(ep));
	}
	stop = true;
	ASSERT_EQ(0, pthread_join(scribbler.thread, NULL));
	EXPECT_TRUE(works(&self->t));
}

/* A tick a nanosecond since the clock began: the kernel counts without a loop. */
TEST_F(hostile, the_most_ticks)
{
	int64_t start, ticks;
	int ep = watch(self->t.fd, EPOLLIN | EPOLLET);

	for (int i = 0; i < 200; i++) {
		ASSERT_EQ(0, tfd_arm(self->t.fd, 0, FAR_NS, 1));
		start = now_ns();
		ASSERT_EQ(0, evfd_timer_put_off(&self->t, 1));
		EXPECT_EQ(EPOLLIN, events_within(ep, DEADLINE_MS));
		ticks = i % 2 ? tfd_ticks(self->t.fd) : memory_ticks(&self->t);
		EXPECT_LE(start, ticks);
		EXPECT_GE(now_ns(), ticks);
		EXPECT_EQ(ticks + 1, next_of(&self->t));
	}
	close(ep);
}

/* The kernel uses its own interval, not the word. */
TEST_F(hostile, the_interval_in_memory)
{
	static const int64_t intervals[] = { INT64_MIN, -1, 0, 1, INT64_MAX };

	for (size_t i = 0; i < ARRAY_SIZE(intervals); i++) {
		struct evfd_itimerspec left, old;

		ASSERT_EQ(0, tfd_arm(self->t.fd, 0, FAR_NS, 3 * FAR_NS));
		ASSERT_EQ(0, evfd_timer_put_off(&self->t, 1));
		self->t.timer->interval = intervals[i];
		ASSERT_EQ(0, tfd_get(self->t.fd, &left));
		EXPECT_EQ(3 * FAR_NS, tfd_ns(left.it_interval));
		EXPECT_LT(2 * FAR_NS, tfd_ns(left.it_value));
		EXPECT_EQ(1, tfd_ticks(self->t.fd));
		EXPECT_EQ(1 + 3 * FAR_NS, next_of(&self->t));
		ASSERT_EQ(0, tfd_set(self->t.fd, 0, &left, &old));
		EXPECT_EQ(3 * FAR_NS, tfd_ns(old.it_interval));
	}
}

/* No time below 0 is a tick, and none makes a waiter wait for nothing. */
TEST_F(hostile, times_that_no_program_sets)
{
	static const int64_t times[] = {
		INT64_MIN, INT64_MIN + 1, -NS_PER_S, -2, EVFD_TIMER_BUSY,
	};
	struct call waiter = { .make = call_poll, .fd = self->t.fd, .value = POLLIN };
	struct tfd_info info;

	for (size_t i = 0; i < ARRAY_SIZE(times); i++) {
		ASSERT_EQ(0, tfd_arm(self->t.fd, 0, FAR_NS, 1));
		swap_next(&self->t, times[i]);
		EXPECT_EQ(-EAGAIN, tfd_ticks(self->t.fd));
		EXPECT_EQ(0, poll_now(self->t.fd));
		EXPECT_EQ(0, kick(self->t.fd, EPOLLIN));
		EXPECT_EQ(0, tfd_left(self->t.fd));
		ASSERT_TRUE(tfd_info(self->t.fd, &info));
		EXPECT_EQ(0, info.ticks);
		EXPECT_EQ(-EAGAIN, memory_ticks(&self->t));
	}
	ASSERT_TRUE(call_start_blocked(&waiter));
	ASSERT_EQ(0, tfd_arm(self->t.fd, 0, 1, 0));
	EXPECT_TRUE(call_ends(&waiter));
	EXPECT_EQ(1, memory_ticks(&self->t));
}

/* Without a kick, the waiter of this timer alone waits until the kernel looks. */
TEST_F(hostile, look_is_wrong)
{
	static const int64_t looks[] = { INT64_MIN, 0, INT64_MAX, 1, -1 };

	for (size_t i = 0; i < ARRAY_SIZE(looks); i++) {
		int ep = watch(self->t.fd, EPOLLIN | EPOLLET);
		int64_t when = now_ns() + 5 * NS_PER_MS;

		ASSERT_EQ(0, tfd_arm(self->t.fd, TFD_TIMER_ABSTIME, when, 0));
		self->t.timer->look = looks[i];
		EXPECT_EQ(EPOLLIN, events_within(ep, DEADLINE_MS));
		EXPECT_LE(when, now_ns());
		EXPECT_EQ(1, memory_ticks(&self->t));
		close(ep);
		EXPECT_TRUE(works(&self->other));
	}
}

/* A program defers the timer so often that the kernel's timer runs all the time. */
TEST_F(hostile, put_off_by_a_nanosecond)
{
	int ep = watch(self->t.fd, EPOLLIN | EPOLLET);

	ASSERT_EQ(0, tfd_arm(self->t.fd, 0, NS_PER_MS, 1));
	for (int64_t end = now_ms() + 1500, i = 0; now_ms() < end; i++) {
		ASSERT_EQ(0, evfd_timer_put_off(&self->t, now_ns() + i % 3000));
		kick(self->t.fd, EPOLLIN);
		if (i % 1000 == 0)
			ASSERT_TRUE(works(&self->other));
	}
	EXPECT_TRUE(events_within(ep, DEADLINE_MS));
	EXPECT_LT(0, tfd_ticks(self->t.fd));
	close(ep);
}

/* A correct program, which uses a timer in memory while calls move it in and out. */
struct user {
	const struct evfd_timer_ref *t;
	_Atomic bool stop, failed;
	_Atomic unsigned int reads;
};

static void *uses_memory(void *arg)
{
	struct user *user = arg;
	struct evfd_itimerspec left;

	for (unsigned int i = 0; !user->stop; i++) {
		int64_t ticks = memory_ticks(user->t);

		user->reads += ticks > 0;
		/* ECANCELED: the calls set the clock. */
		if (ticks <= 0 && ticks != -EAGAIN && ticks != -ECANCELED)
			user->failed = true;
		if (i % 4 == 0 && evfd_timer_put_off(user->t, now_ns() + i % 1000) &&
		    errno != EOPNOTSUPP)
			user->failed = true;
		if (evfd_timer_left(user->t, &left))
			user->failed = true;
	}
	return NULL;
}

TEST_F(hostile, in_and_out_of_memory)
{
	int fd = arena_bind(&self->arena, 9, CLOCK_REALTIME, EVFD_TFD_NONBLOCK);
	struct evfd_timer_ref t = { .timer = self->arena.timers + 9, .fd = fd };
	struct user user = { .t = &t };
	int ep = watch(fd, EPOLLIN | EPOLLET);
	pthread_t threads[2];

	for (int i = 0; i < 2; i++)
		ASSERT_EQ(0, pthread_create(&threads[i], NULL, uses_memory, &user));
	for (int64_t end = now_ms() + 2000; now_ms() < end; ) {
		int64_t now = tfd_clock(CLOCK_REALTIME);

		ASSERT_EQ(0, tfd_arm(fd, 0, 50000, 50000));
		tfd_ticks(fd);
		result(tfd_arm(fd, TFD_TIMER_ABSTIME, now + 50000, 50000));
		/* Calls in between that programs in memory make as well. */
		EXPECT_EQ(EVFD_TIMER_CALL, clock_of(&t));
		result(tfd_arm(fd, TFD_CANCEL, now + FAR_NS, 0));
		EXPECT_EQ(EVFD_TIMER_CALL, clock_of(&t));
		ASSERT_EQ(0, tfd_arm(fd, 0, 50000, 0));
		events_within(ep, 1);
		tfd_set_ticks(fd, 3);
		EXPECT_EQ(EVFD_TIMER_CALL, clock_of(&t));
		events_within(ep, 0);
	}
	user.stop = true;
	for (int i = 0; i < 2; i++)
		ASSERT_EQ(0, pthread_join(threads[i], NULL));
	EXPECT_FALSE(user.failed);
	EXPECT_LT(0, user.reads);
	close(ep);
	ASSERT_EQ(0, tfd_arm(fd, 0, FAR_NS, 0));
	ASSERT_EQ(0, evfd_timer_put_off(&t, 1));
	EXPECT_EQ(1, tfd_ticks(fd));
}

TEST_HARNESS_MAIN
