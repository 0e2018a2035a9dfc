/* SPDX-License-Identifier: GPL-2.0 */
/* Processor time that a user takes: others keep what native leaves them. */
#ifndef STRESS_ABUSE_TIME_H
#define STRESS_ABUSE_TIME_H

#include "abuse.h"

/* No more may be between two beats; a watchdog waits longer. */
#define GAP_MAX_MS	8000

#define ABUSERS		4

static const int clocks[] = { CLOCK_MONOTONIC, CLOCK_REALTIME, CLOCK_BOOTTIME };

/* Periods of a nanosecond on every clock, read as fast as can be. */
static inline void *abuse_periods(void *arg)
{
	int fds[ARRAY_SIZE(clocks)];

	for (size_t i = 0; i < ARRAY_SIZE(clocks); i++) {
		fds[i] = tfd_new(clocks[i], TFD_NONBLOCK);
		tfd_arm(fds[i], 0, 1, 1);
	}
	while (!shared->stop) {
		for (size_t i = 0; i < ARRAY_SIZE(clocks); i++)
			shared->count += tfd_ticks(fds[i]) > 0;
	}
	return arg;
}

/* Settings for now, or a nanosecond later, as fast as can be. */
static inline void *abuse_settings(void *arg)
{
	int fds[ARRAY_SIZE(clocks)];

	for (size_t i = 0; i < ARRAY_SIZE(clocks); i++)
		fds[i] = tfd_new(clocks[i], TFD_NONBLOCK);
	while (!shared->stop) {
		for (size_t i = 0; i < ARRAY_SIZE(clocks); i++) {
			tfd_arm(fds[i], TFD_TIMER_ABSTIME,
				tfd_clock(clocks[i]) + 1, 1);
			shared->count++;
		}
	}
	return arg;
}

/* Comes to the list of those that want to know of settings, and leaves it. */
static inline void *abuse_list(void *arg)
{
	int flags = TFD_TIMER_ABSTIME | TFD_TIMER_CANCEL_ON_SET;
	int fd = tfd_new(CLOCK_REALTIME, TFD_NONBLOCK);

	for (unsigned int i = 0; !shared->stop; i++) {
		tfd_arm(fd, i % 2 ? flags : TFD_TIMER_ABSTIME,
			(INT64_C(1) << 32) * NS_PER_S, 0);
		shared->count++;
	}
	return arg;
}

static inline void abuse_time(const void *arg)
{
	static void *(*const abuses[])(void *) = {
		abuse_periods, abuse_settings, abuse_list,
	};
	pthread_t thread;

	(void)arg;
	for (int i = 0; i < ABUSERS; i++)
		pthread_create(&thread, NULL, abuses[i % ARRAY_SIZE(abuses)], NULL);
}

struct beats {
	int64_t n, gap_ms;
};

/* Another's timer of 10 ms: how often it comes, and how late at worst. */
static inline struct beats beats_in(int64_t ms)
{
	int64_t start = now_ms(), last = start, now = start;
	struct beats beats = { };

	while (now - start < ms) {
		sleep_ms(10);
		now = now_ms();
		beats.n++;
		if (now - last > beats.gap_ms)
			beats.gap_ms = now - last;
		last = now;
	}
	return beats;
}

static inline void test_timers(int64_t ms)
{
	struct beats beats[IMPLEMENTATIONS];
	int64_t counts[IMPLEMENTATIONS];
	bool good = true;

	for (size_t i = 0; i < IMPLEMENTATIONS; i++) {
		pid_t user = user_start(implementations[i], abuse_time, NULL, false);

		good = user_is_ready(user) && good;
		beats[i] = beats_in(ms);
		counts[i] = shared->count;
		good = !user_end(user) && counts[i] && good;
	}
	ksft_test_result(good && beats[1].n * 2 >= beats[0].n &&
			 beats[1].gap_ms < GAP_MAX_MS,
			 "timers: %lld beats in %lld ms, at most %lld ms apart, beside %lld abuses; native %lld, %lld, %lld\n",
			 (long long)beats[1].n, (long long)ms,
			 (long long)beats[1].gap_ms, (long long)counts[1],
			 (long long)beats[0].n, (long long)beats[0].gap_ms,
			 (long long)counts[0]);
}

#define WATCHERS	10000
#define NESTS		100
#define WRITES		50

/* Watches by one epoll, for which a descriptor has as many numbers. */
static inline bool watch_by_many(int fd)
{
	struct epoll_event event = { .events = EPOLLIN | EPOLLET };
	int ep = epoll_create1(EPOLL_CLOEXEC);
	bool good = true;

	for (int i = 0; i < WATCHERS && good; i++)
		good = !epoll_ctl(ep, EPOLL_CTL_ADD, dup(fd), &event);
	return good;
}

/* Watches by many epolls, all of which are watched by another. */
static inline bool watch_by_nests(int fd)
{
	struct epoll_event event = { .events = EPOLLIN | EPOLLET };
	int top = epoll_create1(EPOLL_CLOEXEC);
	bool good = true;

	for (int i = 0; i < NESTS && good; i++) {
		int ep = epoll_create1(EPOLL_CLOEXEC);

		good = !epoll_ctl(ep, EPOLL_CTL_ADD, fd, &event) &&
		       !epoll_ctl(top, EPOLL_CTL_ADD, ep, &event);
	}
	return good;
}

static const struct watch {
	const char *name;
	bool (*watch)(int fd);
} watches[] = {
	{ "10,000 watches", watch_by_many },
	{ "100 nested watchers", watch_by_nests },
};

/* The time of the quickest write: the others were interrupted. */
static inline void time_writes(const void *arg)
{
	const struct watch *watch = arg;
	int fd = efd_new(0, EFD_NONBLOCK);
	int64_t start, took, least = INT64_MAX;

	if (!watch->watch(fd)) {
		shared->error = errno;
		return;
	}
	for (int i = 0; i < WRITES; i++) {
		start = tfd_clock(CLOCK_MONOTONIC);
		efd_add(fd, 1);
		took = tfd_clock(CLOCK_MONOTONIC) - start;
		if (took < least)
			least = took;
	}
	if (efd_take(fd) == WRITES)
		shared->count = least;
}

static inline void test_watchers(void)
{
	for (size_t i = 0; i < ARRAY_SIZE(watches); i++) {
		int64_t ns[IMPLEMENTATIONS];
		bool good = true;

		for (size_t j = 0; j < IMPLEMENTATIONS; j++) {
			pid_t user = user_start(implementations[j], time_writes,
						&watches[i], false);

			good = user_is_ready(user) && good;
			ns[j] = shared->count;
			good = !user_end(user) && ns[j] && good;
		}
		ksft_test_result(good && ns[1] <= 2 * ns[0],
				 "%s: a write takes %lld us; native %lld us\n",
				 watches[i].name, (long long)ns[1] / 1000,
				 (long long)ns[0] / 1000);
	}
}

#endif /* STRESS_ABUSE_TIME_H */
