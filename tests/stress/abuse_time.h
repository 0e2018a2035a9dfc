/* SPDX-License-Identifier: GPL-2.0 */
/* Processor time that a user takes: other users keep as much as with native. */
#ifndef STRESS_ABUSE_TIME_H
#define STRESS_ABUSE_TIME_H

#include "abuse.h"

#include <evfd/counter.h>

/* The longest gap allowed between two beats; a watchdog waits longer. */
#define GAP_MAX_MS	8000

#define ABUSERS		4

/* The most measurements made, because other load on the host disturbs them. */
#define ROUNDS		5

static const int clocks[] = { CLOCK_MONOTONIC, CLOCK_REALTIME, CLOCK_BOOTTIME };

/* Periods of a nanosecond on every clock, read at full speed. */
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

/* Sets timers to the next nanosecond, at full speed. */
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

/* Adds a timer to the list for CANCEL_ON_SET, and removes it, again and again. */
static inline void *abuse_list(void *arg)
{
	int flags = TFD_TIMER_ABSTIME | TFD_TIMER_CANCEL_ON_SET;
	int fd = tfd_new(CLOCK_REALTIME, TFD_NONBLOCK);

	for (unsigned int i = 0; !shared->stop; i++) {
		tfd_arm(fd, i % 2 ? flags : TFD_TIMER_ABSTIME, NEVER_NS, 0);
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

/* Counts another user's timeouts of 10 ms, and measures their longest gap. */
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

struct timers {
	struct beats beats;
	int64_t abuses;
	bool good;
};

/* Counts beats by @count while another user does @abuse. */
static inline struct timers beside(const char *impl, void (*abuse)(const void *arg),
				   struct beats (*count)(int64_t ms), int64_t ms)
{
	pid_t user = user_start(impl, abuse, NULL, false);
	struct timers timers = { .good = user_is_ready(user) };

	timers.beats = count(ms);
	timers.abuses = shared->count;
	timers.good = !user_end(user) && timers.abuses && timers.good;
	return timers;
}

static inline void test_timers(int64_t ms)
{
	struct timers native, evfd;
	bool good = false;

	for (int i = 0; i < ROUNDS && !good; i++) {
		native = beside("native", abuse_time, beats_in, ms);
		evfd = beside("evfd", abuse_time, beats_in, ms);
		good = native.good && evfd.good &&
		       evfd.beats.n * 2 >= native.beats.n &&
		       evfd.beats.gap_ms < GAP_MAX_MS;
	}
	ksft_test_result(good,
			 "timers: %lld beats in %lld ms, at most %lld ms apart, beside %lld abuses; native %lld, %lld, %lld\n",
			 (long long)evfd.beats.n, (long long)ms,
			 (long long)evfd.beats.gap_ms, (long long)evfd.abuses,
			 (long long)native.beats.n,
			 (long long)native.beats.gap_ms,
			 (long long)native.abuses);
}

#define WATCHERS	10000
#define NESTS		100
#define WRITES		50

/* Adds many duplicates of the descriptor to a single epoll. */
static inline bool watch_by_many(int fd)
{
	struct epoll_event event = { .events = EPOLLIN | EPOLLET };
	int ep = epoll_create1(EPOLL_CLOEXEC);
	bool good = true;

	for (int i = 0; i < WATCHERS && good; i++)
		good = !epoll_ctl(ep, EPOLL_CTL_ADD, dup(fd), &event);
	return good;
}

/* Adds the descriptor to a single queue, as many kevents. */
static inline bool watch_by_kevents(int fd)
{
	int queue = raw_queue_new(WATCHERS);
	bool good = queue >= 0;

	for (int i = 0; i < WATCHERS && good; i++) {
		struct kevent_op op = raw_add(KEVENT_POLL, fd, POLLIN);

		op.flags = KEVENT_ET;
		op.user = i;
		good = !raw_do(queue, &op);
	}
	return good;
}

/* Adds the descriptor to many epolls, and each of them to another epoll. */
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
	bool (*native)(int fd), (*evfd)(int fd);
	bool in_memory;		/* evfd adds in memory, and kicks */
} watches[] = {
	{ "10,000 watches", watch_by_many, watch_by_many, false },
	{ "100 nested watchers", watch_by_nests, watch_by_nests, false },
	{ "10,000 kevents", watch_by_many, watch_by_kevents, false },
	{ "10,000 watches of a cell", watch_by_many, watch_by_many, true },
	{ "100 nested watchers of a cell", watch_by_nests, watch_by_nests, true },
	{ "10,000 kevents of a cell", watch_by_many, watch_by_kevents, true },
};

/* Makes the counter of the writes, which has a cell if they are in memory. */
static inline bool open_counter(struct evfd_counter *c, bool in_memory)
{
	struct evfd_cell *cells;
	int device, arena;

	if (!in_memory) {
		*c = (struct evfd_counter){ .fd = efd_new(0, EFD_NONBLOCK) };
		return c->fd >= 0;
	}
	device = evfd_open();
	arena = evfd_arena_open(device, 1);
	cells = evfd_arena_map(arena, 1);
	return cells && !evfd_counter_open(c, device, arena, cells, 0, 0, EFD_NONBLOCK);
}

static inline void add_1(const struct evfd_counter *c)
{
	if (c->cell)
		evfd_counter_write(c, 1);
	else
		efd_add(c->fd, 1);
}

/* Takes the time of the fastest write, because the others were interrupted. */
static inline void time_writes(const void *arg)
{
	const struct watch *watch = arg;
	int64_t start, took, least = INT64_MAX;
	struct evfd_counter c;

	if (!open_counter(&c, impl_is_evfd() && watch->in_memory) ||
	    !(impl_is_evfd() ? watch->evfd(c.fd) : watch->native(c.fd))) {
		shared->error = errno;
		return;
	}
	for (int i = 0; i < WRITES; i++) {
		start = tfd_clock(CLOCK_MONOTONIC);
		add_1(&c);
		took = tfd_clock(CLOCK_MONOTONIC) - start;
		if (took < least)
			least = took;
	}
	if (efd_take(c.fd) == WRITES)
		shared->count = least;
}

/* Returns the nanoseconds of a write, or 0 on failure. */
static inline int64_t time_of_write(const char *impl, const struct watch *watch)
{
	pid_t user = user_start(impl, time_writes, watch, false);
	bool good = user_is_ready(user);
	int64_t ns = shared->count;

	return !user_end(user) && good ? ns : 0;
}

static inline void test_watchers(void)
{
	for (size_t i = 0; i < ARRAY_SIZE(watches); i++) {
		int64_t native, evfd;
		bool good = false;

		for (int j = 0; j < ROUNDS && !good; j++) {
			native = time_of_write("native", &watches[i]);
			evfd = time_of_write("evfd", &watches[i]);
			good = evfd && evfd <= 2 * native;
		}
		ksft_test_result(good,
				 "%s: a write takes %lld us; native %lld us\n",
				 watches[i].name, (long long)evfd / 1000,
				 (long long)native / 1000);
	}
}

#endif /* STRESS_ABUSE_TIME_H */
