// SPDX-License-Identifier: GPL-2.0
/*
 * Settings, expirations, steps of the clock and closing at once: no tick is lost or
 * doubled, each step is reported once, and the kernel's log, which the suite checks,
 * stays empty.
 */
#include "against.h"
#include "killed.h"

#include <sys/wait.h>

#define ROUNDS	200

/* How long a race lasts that has no end of its own. */
#define RACE_MS	200

FIXTURE(clock)
{
	int fd;
};

FIXTURE_VARIANT(clock)
{
	int id;
};

FIXTURE_VARIANT_ADD(clock, monotonic)
{
	.id = CLOCK_MONOTONIC,
};

FIXTURE_VARIANT_ADD(clock, realtime)
{
	.id = CLOCK_REALTIME,
};

FIXTURE_VARIANT_ADD(clock, realtime_alarm)
{
	.id = CLOCK_REALTIME_ALARM,
};

FIXTURE_VARIANT_ADD(clock, boottime_alarm)
{
	.id = CLOCK_BOOTTIME_ALARM,
};

FIXTURE_SETUP(clock)
{
	ASSERT_TRUE(clock_restore());
	self->fd = tfd_new(variant->id, TFD_NONBLOCK);
	ASSERT_GE(self->fd, 0);
}

FIXTURE_TEARDOWN(clock)
{
	close(self->fd);
	clock_restore();
}

static int arm_far(int fd)
{
	return tfd_arm(fd, TFD_CANCEL, tfd_clock(CLOCK_REALTIME) + FAR_NS, 0);
}

/* Sets one of several timers, with the flags and without. */
static void *set_in_and_out(void *arg)
{
	static _Atomic unsigned int others;
	bool in = others++ % 2;
	int *fds = arg;

	for (int i = 0; i < 30 * ROUNDS; i++) {
		if (in)
			arm_far(fds[i / 64 % 4]);
		else
			tfd_arm(fds[i / 64 % 4], 0, FAR_NS, 0);
	}
	return NULL;
}

/* The list of the timers that a step cancels must survive it (CVE-2017-10661). */
TEST_F(clock, settings_against_settings)
{
	pthread_t threads[2];
	int fds[4];

	for (int i = 0; i < 4; i++) {
		fds[i] = tfd_new(variant->id, TFD_NONBLOCK);
		ASSERT_GE(fds[i], 0);
	}
	for (int i = 0; i < 2; i++)
		ASSERT_EQ(0, pthread_create(&threads[i], NULL, set_in_and_out, fds));
	for (int i = 0; i < 2; i++)
		ASSERT_EQ(0, pthread_join(threads[i], NULL));
	ASSERT_TRUE(step_by_adjtimex(STEP_NS));
	for (int i = 0; i < 4; i++) {
		EXPECT_EQ(0, tfd_arm(fds[i], 0, 0, 0));
		EXPECT_EQ(0, poll_now(fds[i]));
		EXPECT_EQ(0, close(fds[i]));
	}
	ASSERT_TRUE(step_by_adjtimex(-STEP_NS));
}

/* After a new setting, the expiration of the old one has no effect. */
TEST_F(clock, settings_against_expiries)
{
	for (int i = 0; i < 5 * ROUNDS; i++) {
		int64_t soon = 1 + i * INT64_C(12347) % 200000;
		int64_t interval = i % 3 ? 0 : 1 + soon / 4;

		ASSERT_EQ(0, tfd_arm(self->fd, 0, soon, interval));
		ASSERT_EQ(0, tfd_arm(self->fd, 0, i % 2 ? FAR_NS : 0, 0));
		EXPECT_EQ(0, poll_now(self->fd));
		EXPECT_EQ(-EAGAIN, tfd_ticks(self->fd));
	}
}

TEST_F(clock, closing_against_expiries)
{
	for (int i = 0; i < 2 * ROUNDS; i++) {
		int fd = tfd_new(variant->id, 0);
		int64_t soon = 1 + i * INT64_C(12347) % 200000;

		ASSERT_GE(fd, 0);
		ASSERT_EQ(0, tfd_arm(fd, 0, soon, i % 3 ? 0 : soon));
		ASSERT_EQ(0, close(fd));
	}
}

/* The ticks of a periodic timer, which several threads read while one looks at it. */
struct count {
	int fd;
	_Atomic bool stop;
	_Atomic int64_t sum;
};

static void *read_ticks(void *arg)
{
	struct count *count = arg;
	struct pollfd pfd = { .fd = count->fd, .events = POLLIN };
	int64_t ticks;

	while (!count->stop) {
		poll(&pfd, 1, 10);
		ticks = tfd_ticks(count->fd);
		if (ticks > 0)
			count->sum += ticks;
	}
	return NULL;
}

static void *look_at_timer(void *arg)
{
	struct count *count = arg;
	struct tfd_info info;

	while (!count->stop) {
		tfd_left(count->fd);
		tfd_info(count->fd, &info);
	}
	return NULL;
}

TEST_F(clock, no_tick_is_lost_or_doubled)
{
	const int64_t interval = NS_PER_MS / 5;
	struct count count = { .fd = self->fd };
	int64_t first, due, last;
	pthread_t threads[4];

	first = tfd_clock(variant->id) + interval;
	ASSERT_EQ(0, tfd_arm(self->fd, TFD_TIMER_ABSTIME, first, interval));
	for (int i = 0; i < 4; i++)
		ASSERT_EQ(0, pthread_create(&threads[i], NULL, i < 3 ?
					    read_ticks : look_at_timer, &count));
	sleep_ms(RACE_MS);
	count.stop = true;
	for (int i = 0; i < 4; i++)
		ASSERT_EQ(0, pthread_join(threads[i], NULL));
	ASSERT_TRUE(tfd_expires(self->fd));
	due = tfd_due(tfd_clock(variant->id), first, interval);
	last = tfd_ticks(self->fd);
	EXPECT_LE(1, last);
	EXPECT_LE(due, count.sum + last);
	due = tfd_due(tfd_clock(variant->id), first, interval);
	EXPECT_GE(due, count.sum + last);
}

/*
 * A thread that acts in each round together with the main one. Both spin, and
 * the main one is late by more and more, so that they meet.
 */
struct rounds {
	_Atomic int begun, ended;
	void (*act)(int round);
	int n;
	pthread_t thread;
};

static void *rounds_thread(void *arg)
{
	struct rounds *rounds = arg;

	for (int i = 1; i <= rounds->n; i++) {
		while (rounds->begun < i)
			sched_yield();
		rounds->act(i);
		rounds->ended = i;
	}
	return NULL;
}

static bool rounds_start(struct rounds *rounds)
{
	return !pthread_create(&rounds->thread, NULL, rounds_thread, rounds);
}

static void rounds_begin(struct rounds *rounds, int round)
{
	int64_t late = round % 32;
	int64_t end = tfd_clock(CLOCK_MONOTONIC) + late * late * 300;

	rounds->begun = round;
	while (tfd_clock(CLOCK_MONOTONIC) < end)
		;
}

static void rounds_end(struct rounds *rounds, int round)
{
	while (rounds->ended < round)
		sched_yield();
}

static void step_there_or_back(int round)
{
	step_by_adjtimex(round % 2 ? STEP_NS : -STEP_NS);
}

/* Either the setting fails because of the step, or the read after it. */
TEST(a_setting_against_a_step)
{
	struct rounds rounds = { .act = step_there_or_back, .n = ROUNDS };
	int fd = tfd_new(CLOCK_REALTIME, TFD_NONBLOCK), told;

	ASSERT_GE(fd, 0);
	ASSERT_EQ(0, arm_far(fd));
	ASSERT_TRUE(rounds_start(&rounds));
	for (int i = 1; i <= ROUNDS; i++) {
		rounds_begin(&rounds, i);
		told = arm_far(fd) && errno == ECANCELED;
		rounds_end(&rounds, i);
		told += poll_now(fd) == POLLIN && tfd_ticks(fd) == -ECANCELED;
		EXPECT_EQ(1, told) TH_LOG("round %d", i);
		EXPECT_EQ(-EAGAIN, tfd_ticks(fd));
	}
	ASSERT_EQ(0, pthread_join(rounds.thread, NULL));
	EXPECT_TRUE(clock_restore());
}

/* Blocks in reads until each round was reported, or a read returns anything else. */
struct step_reader {
	int fd, rounds;
	_Atomic int told;
	_Atomic bool failed;
};

static void *read_steps(void *arg)
{
	struct step_reader *reader = arg;

	while (reader->told < reader->rounds && !reader->failed) {
		if (tfd_ticks(reader->fd) == -ECANCELED)
			reader->told++;
		else
			reader->failed = true;
	}
	return NULL;
}

static bool all_told(struct step_reader *readers, int n, int round)
{
	for (int i = 0; i < n; i++) {
		if (readers[i].told != round || readers[i].failed)
			return false;
	}
	return true;
}

/* A step also wakes a reader that is about to sleep. */
TEST(readers_against_steps)
{
	enum { N = 4 };
	struct step_reader readers[N];
	pthread_t threads[N];

	for (int i = 0; i < N; i++) {
		int id = i % 2 ? CLOCK_REALTIME_ALARM : CLOCK_REALTIME;

		readers[i] = (struct step_reader){
			.fd = tfd_new(id, 0), .rounds = ROUNDS,
		};
		ASSERT_EQ(0, arm_far(readers[i].fd));
		ASSERT_EQ(0, pthread_create(&threads[i], NULL, read_steps,
					    &readers[i]));
	}
	for (int round = 1; round <= ROUNDS; round++) {
		int64_t end = now_ms() + DEADLINE_MS;

		ASSERT_TRUE(step_by_adjtimex(round % 2 ? STEP_NS : -STEP_NS));
		while (!all_told(readers, N, round)) {
			ASSERT_GT(end, now_ms()) TH_LOG("round %d", round);
			sched_yield();
		}
	}
	for (int i = 0; i < N; i++)
		ASSERT_EQ(0, pthread_join(threads[i], NULL));
	EXPECT_TRUE(clock_restore());
}

static bool change_by_step(struct target *target, unsigned int i)
{
	if (i % 16 == 0)
		change_by_close(target, i / 16);
	return step_by_settime(i % 2 ? STEP_NS : -STEP_NS);
}

TEST(steps_against_everything)
{
	EXPECT_TRUE(race(&use_timer, change_by_step));
}

TEST(blocked_processes_are_killed_while_it_expires)
{
	int fd = tfd_new(CLOCK_REALTIME, 0), ready = eventfd(0, 0);
	int status;

	ASSERT_GE(fd, 0);
	for (int i = 0; i < 10; i++) {
		pid_t child = fork_child();

		ASSERT_GE(child, 0);
		if (!child)
			block_in_every_way(fd, ready);
		ASSERT_EQ(1, efd_take(ready));
		ASSERT_EQ(0, tfd_arm(fd, 0, 1 + i % 4 * 100000, 10000));
		kill(child, SIGKILL);
		ASSERT_TRUE(step_by_adjtimex(i % 2 ? -STEP_NS : STEP_NS));
		ASSERT_EQ(child, waitpid(child, &status, 0));
	}
	ASSERT_EQ(0, tfd_arm(fd, 0, 1, 0));
	EXPECT_EQ(1, tfd_ticks(fd));
	EXPECT_TRUE(clock_restore());
}

TEST_HARNESS_MAIN
