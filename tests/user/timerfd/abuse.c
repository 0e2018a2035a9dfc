// SPDX-License-Identifier: GPL-2.0
/*
 * Timers that are armed to expire all the time. They may use up their own threads' share of
 * the processors, but must not starve others. Other threads and timers go on, and the
 * kernel's watchdogs stay silent. The suite checks that in the kernel log.
 */
#include "timer.h"

#define CPUS_MAX	8

/* The longest time allowed between two beats. A watchdog waits longer. */
#define GAP_MAX_MS	8000

/* A thread on one processor, woken by a timer every 10 ms. */
struct heart {
	_Atomic int64_t beats, last_ms, gap_ms;
	pthread_t thread;
	int cpu, fd;
};

static struct hearts {
	struct heart hearts[CPUS_MAX];
	int n;
	_Atomic bool stop;
} hearts;

static void *heart_thread(void *arg)
{
	struct heart *heart = arg;
	cpu_set_t set;
	int64_t now;

	CPU_ZERO(&set);
	CPU_SET(heart->cpu, &set);
	if (sched_setaffinity(0, sizeof(set), &set))
		return NULL;
	while (!hearts.stop && tfd_ticks(heart->fd) > 0) {
		now = now_ms();
		if (now - heart->last_ms > heart->gap_ms)
			heart->gap_ms = now - heart->last_ms;
		heart->last_ms = now;
		heart->beats++;
	}
	return NULL;
}

/* Up to CPUS_MAX hearts: timers under test on each processor first, then native timers. */
static bool hearts_start(void)
{
	int cpus = sysconf(_SC_NPROCESSORS_ONLN);

	for (int i = 0; i < 2 * cpus && i < CPUS_MAX; i++) {
		struct heart *heart = &hearts.hearts[hearts.n++];
		struct itimerspec every = { { 0, 10000000 }, { 0, 10000000 } };

		heart->cpu = i % cpus;
		heart->last_ms = now_ms();
		if (i < cpus) {
			heart->fd = tfd_new(CLOCK_MONOTONIC, 0);
			tfd_arm(heart->fd, 0, 10 * NS_PER_MS, 10 * NS_PER_MS);
		} else {
			heart->fd = timerfd_create(CLOCK_MONOTONIC, 0);
			timerfd_settime(heart->fd, 0, &every, NULL);
		}
		if (pthread_create(&heart->thread, NULL, heart_thread, heart))
			return false;
	}
	return true;
}

/* Stops the hearts. Returns whether all of them kept beating. */
static bool hearts_beat(void)
{
	bool good = true;

	for (int i = 0; i < hearts.n; i++) {
		struct heart *heart = &hearts.hearts[i];
		int64_t since = now_ms() - heart->last_ms;

		if (heart->beats && since < GAP_MAX_MS && heart->gap_ms < GAP_MAX_MS)
			continue;
		good = false;
		fprintf(stderr, "# heart %d: %lld beats, at most %lld ms apart, last %lld ms ago\n",
			i, (long long)heart->beats, (long long)heart->gap_ms,
			(long long)since);
	}
	hearts.stop = true;
	for (int i = 0; good && i < hearts.n; i++)
		pthread_join(hearts.hearts[i].thread, NULL);
	return good;
}

/* How long a test abuses timers. One test takes the long time, in a single configuration. */
#define SHORT_MS	1500
#define LONG_MS		30000

static int64_t long_ms(void)
{
	return impl_is_evfd() && sizeof(long) == 8 ? LONG_MS : SHORT_MS;
}

struct abuser {
	void (*abuse)(struct abuser *abuser, unsigned int i);
	int id, fd, ep;
	int64_t first, sum;
	_Atomic bool *stop;
	bool failed;
	pthread_t thread;
};

static void *abuser_thread(void *arg)
{
	struct abuser *abuser = arg;

	for (unsigned int i = 0; !*abuser->stop && !abuser->failed; i++)
		abuser->abuse(abuser, i);
	return NULL;
}

/* Abuses timers for ms. Returns whether no abuser failed and the hearts kept beating. */
static bool abuse(struct abuser *abusers, int n, int64_t ms)
{
	_Atomic bool stop = false;
	bool good = hearts_start();
	int64_t end = now_ms() + ms;

	for (int i = 0; i < n; i++) {
		abusers[i].stop = &stop;
		good = good && !pthread_create(&abusers[i].thread, NULL,
					       abuser_thread, &abusers[i]);
	}
	while (now_ms() < end)
		sleep_ms(50);
	good = hearts_beat() && good;
	stop = true;
	for (int i = 0; i < n; i++) {
		pthread_join(abusers[i].thread, NULL);
		good = good && !abusers[i].failed;
	}
	return good;
}

static const int clocks[] = {
	CLOCK_MONOTONIC, CLOCK_REALTIME, CLOCK_BOOTTIME, CLOCK_REALTIME_ALARM,
	CLOCK_BOOTTIME_ALARM,
	/* Not in native. */
	CLOCK_TAI,
};

static int number_of_clocks(void)
{
	return ARRAY_SIZE(clocks) - !impl_is_evfd();
}

FIXTURE(abuse)
{
	struct abuser abusers[2 * ARRAY_SIZE(clocks)];
	int n;
};

/* A timer on each clock. */
FIXTURE_SETUP(abuse)
{
	self->n = number_of_clocks();
	for (int i = 0; i < self->n; i++) {
		struct abuser *abuser = &self->abusers[i];

		abuser->id = clocks[i];
		abuser->fd = tfd_new(clocks[i], TFD_NONBLOCK);
		ASSERT_GE(abuser->fd, 0);
	}
}

FIXTURE_TEARDOWN(abuse)
{
	for (int i = 0; i < self->n; i++)
		close(self->abusers[i].fd);
}

/* Re-arms for the past, for now, or for one or two nanoseconds later. */
static void rearm(struct abuser *abuser, unsigned int i)
{
	int64_t when = i % 4 ? tfd_clock(abuser->id) + i % 4 - 1 : 1;

	if (tfd_arm(abuser->fd, TFD_TIMER_ABSTIME, when, i / 4 % 2))
		abuser->failed = true;
	/* Reads once in a while. */
	if (i % 64 == 0)
		tfd_ticks(abuser->fd);
}

/* Two threads re-arm each timer. */
TEST_F_TIMEOUT(abuse, rearming_without_end, LONG_MS / 1000 + 60)
{
	for (int i = 0; i < self->n; i++) {
		self->abusers[i].abuse = rearm;
		self->abusers[self->n + i] = self->abusers[i];
	}
	EXPECT_TRUE(abuse(self->abusers, 2 * self->n, long_ms()));
	for (int i = 0; i < self->n; i++) {
		EXPECT_EQ(0, tfd_arm(self->abusers[i].fd, 0, 1, 0));
		EXPECT_TRUE(tfd_expires(self->abusers[i].fd));
		EXPECT_EQ(1, tfd_ticks(self->abusers[i].fd));
	}
}

/* Re-arms with a relative time that elapses before the call returns. */
static void rearm_relative(struct abuser *abuser, unsigned int i)
{
	if (tfd_arm(abuser->fd, 0, 1 + i % 3, i % 2))
		abuser->failed = true;
	if (i % 16 == 0 && !tfd_expires(abuser->fd))
		abuser->failed = true;
}

TEST_F(abuse, rearming_with_spans)
{
	for (int i = 0; i < self->n; i++)
		self->abusers[i].abuse = rearm_relative;
	EXPECT_TRUE(abuse(self->abusers, self->n, SHORT_MS));
}

/* Waits in poll or epoll, and reads. */
static void read_period(struct abuser *abuser, unsigned int i)
{
	struct epoll_event event;
	int64_t ticks;
	bool ready;

	if (i % 3 == 0)
		ready = tfd_expires(abuser->fd);
	else
		ready = epoll_wait(abuser->ep, &event, 1, DEADLINE_MS) == 1;
	/* Asking for the remaining time forwards the timer, too. */
	if (i % 5 == 0)
		tfd_left(abuser->fd);
	ticks = tfd_ticks(abuser->fd);
	abuser->sum += ticks;
	if (!ready || ticks < 1)
		abuser->failed = true;
}

/* With a period of 1 ns, each nanosecond is a tick. */
TEST_F(abuse, periods_of_a_nanosecond)
{
	for (int i = 0; i < self->n; i++) {
		struct abuser *abuser = &self->abusers[i];
		struct epoll_event event = { .events = EPOLLIN };

		if (i % 2)
			event.events |= EPOLLET;
		abuser->abuse = read_period;
		abuser->ep = epoll_create1(0);
		ASSERT_EQ(0, epoll_ctl(abuser->ep, EPOLL_CTL_ADD, abuser->fd,
				       &event));
		abuser->first = tfd_clock(abuser->id) + 1;
		ASSERT_EQ(0, tfd_arm(abuser->fd, TFD_TIMER_ABSTIME,
				     abuser->first, 1));
	}
	EXPECT_TRUE(abuse(self->abusers, self->n, SHORT_MS));
	for (int i = 0; i < self->n; i++) {
		struct abuser *abuser = &self->abusers[i];
		int64_t due;

		EXPECT_TRUE(tfd_expires(abuser->fd));
		due = tfd_due(tfd_clock(abuser->id), abuser->first, 1);
		abuser->sum += tfd_ticks(abuser->fd);
		EXPECT_LE(due, abuser->sum) TH_LOG("clock %d", abuser->id);
		due = tfd_due(tfd_clock(abuser->id), abuser->first, 1);
		EXPECT_GE(due, abuser->sum) TH_LOG("clock %d", abuser->id);
	}
}

static void read_blocking(struct abuser *abuser, unsigned int i)
{
	(void)i;
	if (tfd_ticks(abuser->fd) < 1)
		abuser->failed = true;
}

TEST_F(abuse, many_readers_of_one_period_of_a_nanosecond)
{
	for (int i = 1; i < self->n; i++)
		close(self->abusers[i].fd);
	ASSERT_EQ(0, fcntl(self->abusers[0].fd, F_SETFL, 0));
	ASSERT_EQ(0, tfd_arm(self->abusers[0].fd, 0, 1, 1));
	for (int i = 0; i < self->n; i++) {
		self->abusers[i].fd = self->abusers[0].fd;
		self->abusers[i].abuse = read_blocking;
	}
	EXPECT_TRUE(abuse(self->abusers, self->n, SHORT_MS));
}

/* Without a read, each timer expires once, however short its period is. */
TEST_F(abuse, periods_that_nobody_reads)
{
	enum { N = 200 };
	static int fds[N];

	for (int i = 0; i < N; i++) {
		fds[i] = tfd_new(clocks[i % self->n], TFD_NONBLOCK);
		ASSERT_GE(fds[i], 0);
		ASSERT_EQ(0, tfd_arm(fds[i], 0, 1, 1));
	}
	for (int i = 0; i < N; i++) {
		ASSERT_TRUE(tfd_expires(fds[i]));
		EXPECT_TRUE(tfd_counts_by_clock() || tfd_pending(fds[i]) == 1);
	}
	sleep_ms(20);
	for (int i = 0; i < N; i++) {
		EXPECT_TRUE(tfd_counts_by_clock() || tfd_pending(fds[i]) == 1);
		EXPECT_LT(1, tfd_ticks(fds[i]));
		close(fds[i]);
	}
}

TEST_HARNESS_MAIN
