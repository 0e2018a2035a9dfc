// SPDX-License-Identifier: GPL-2.0
/*
 * Everything that a timer descriptor does at once: no tick is lost or doubled,
 * each step of the clock is told once, and the kernel's log, which the suite
 * looks at, stays empty.
 */
#include "killed.h"
#include "races.h"
#include "fd_passing.h"

#include <sys/wait.h>

#define ROUNDS	200

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

/* The list of those to be told must survive it (CVE-2017-10661). */
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

/* Whatever it was going to do when the timer was set anew, it does not. */
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

/* What is read of a periodic timer by several at once, and who looks at it. */
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

static void step_there_or_back(int round)
{
	step_by_adjtimex(round % 2 ? STEP_NS : -STEP_NS);
}

/* Either the setting is told of the step, or the read after it. */
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

/* Reads blocking, as often as there are rounds, or until something else. */
struct reader {
	int fd, rounds;
	_Atomic int told;
	_Atomic bool failed;
};

static void *read_steps(void *arg)
{
	struct reader *reader = arg;

	while (reader->told < reader->rounds && !reader->failed) {
		if (tfd_ticks(reader->fd) == -ECANCELED)
			reader->told++;
		else
			reader->failed = true;
	}
	return NULL;
}

static bool all_told(struct reader *readers, int n, int round)
{
	for (int i = 0; i < n; i++) {
		if (readers[i].told != round || readers[i].failed)
			return false;
	}
	return true;
}

/* Whoever is just about to sleep is woken, too. */
TEST(readers_against_steps)
{
	enum { N = 4 };
	struct reader readers[N];
	pthread_t threads[N];

	for (int i = 0; i < N; i++) {
		int id = i % 2 ? CLOCK_REALTIME_ALARM : CLOCK_REALTIME;

		readers[i] = (struct reader){
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

static bool change_by_close(struct target *target, unsigned int i)
{
	close(target->fd);
	target->fd = tfd_new(any_clock(i), TFD_NONBLOCK);
	return target->fd >= 0;
}

TEST(close_against_everything)
{
	struct target target = { };

	EXPECT_TRUE(race(&target, change_by_close));
}

static bool change_by_dup(struct target *target, unsigned int i)
{
	int fresh = tfd_new(any_clock(i), TFD_NONBLOCK);
	bool good = fresh >= 0 && dup2(fresh, target->fd) == target->fd;

	set_somehow(fresh, i);
	close(fresh);
	return good;
}

TEST(dup_against_everything)
{
	struct target target = { };

	EXPECT_TRUE(race(&target, change_by_dup));
}

static bool change_by_fork(struct target *target, unsigned int i)
{
	pid_t child = fork_child();
	int status;

	if (!child) {
		set_somehow(target->fd, i);
		_exit(0);
	}
	return change_by_close(target, i) &&
	       waitpid(child, &status, 0) == child && !status;
}

TEST(fork_against_everything)
{
	struct target target = { };

	EXPECT_TRUE(race(&target, change_by_fork));
}

/* Sends it through a socket, closing it, and takes what comes out instead. */
static bool change_by_socket(struct target *target, unsigned int i)
{
	int fd = target->fd;

	set_somehow(fd, i);
	if (!send_fd(target->socks[0], fd) || close(fd))
		return false;
	fd = receive_fd(target->socks[1]);
	if (fd < 0)
		return false;
	target->fd = fd;
	return true;
}

TEST(sockets_against_everything)
{
	struct target target = { };

	ASSERT_EQ(0, socketpair(AF_UNIX, SOCK_STREAM, 0, target.socks));
	EXPECT_TRUE(race(&target, change_by_socket));
}

static bool change_by_step(struct target *target, unsigned int i)
{
	if (i % 16 == 0)
		change_by_close(target, i / 16);
	return step_by_settime(i % 2 ? STEP_NS : -STEP_NS);
}

TEST(steps_against_everything)
{
	struct target target = { };

	EXPECT_TRUE(race(&target, change_by_step));
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
