/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Arenas of timers with a descriptor on each timer, and processor time that a user takes with
 * timers in memory.
 */
#ifndef STRESS_ABUSE_RECORDS_H
#define STRESS_ABUSE_RECORDS_H

#include "abuse_memory.h"
#include "abuse_time.h"

#include <evfd/timer.h>

/* Binds the next timer, of a further arena if the last is full. Returns false at the limit. */
static inline bool open_record(struct evfd_timer_ref *t)
{
	static unsigned int next = EVFD_ARENA_MAX;
	static int device = -1, arena;
	static struct evfd_timer *timers;

	if (device < 0)
		device = evfd_open();
	if (next == EVFD_ARENA_MAX) {
		arena = evfd_timer_arena_open(device, EVFD_ARENA_MAX);
		timers = arena < 0 ? NULL : evfd_timer_arena_map(arena, EVFD_ARENA_MAX);
		next = 0;
	}
	return timers && !evfd_timer_open(t, device, arena, timers, next++, CLOCK_MONOTONIC,
					  EVFD_TFD_NONBLOCK);
}

static inline int take_timer_or_record(void)
{
	struct evfd_timer_ref t;

	if (!impl_is_evfd())
		return take_armed();
	return open_record(&t) && !tfd_arm(t.fd, 0, FAR_NS, NS_PER_S) ? t.fd : -1;
}

static inline void take_all_records(const void *arg)
{
	(void)arg;
	while (take_timer_or_record() >= 0)
		shared->made++;
	shared->error = errno;
}

/*
 * The bytes that the descriptor of a timer in memory may be charged more than native's. It has
 * references on the timer and on the arena.
 */
#define RECORD_MORE	128

/*
 * The user is charged for the arena and no more than that beyond the memory of native's
 * descriptors, some of which is charged to nobody.
 */
static inline void test_records(void)
{
	static const struct take take = { "timer in memory", take_timer_or_record };
	struct cost native = cost_of("native", &take);
	struct cost evfd = cost_of("evfd", &take);
	int64_t arena = EVFD_ARENA_MAX * sizeof(struct evfd_timer) / sample_of(&take);
	int64_t batch = CHARGE_BATCH / sample_of(&take);

	ksft_test_result(native.good && evfd.good &&
			 (evfd.charged + batch) * 10 >= (native.charged + arena) * 9 &&
			 (kernel_checks_itself() ||
			  evfd.charged <= native.charged + native.unowned + arena + RECORD_MORE +
					  2 * batch),
			 "%s: %lld bytes charged, %lld of them for the arena; native %lld\n",
			 take.name, (long long)evfd.charged, (long long)arena,
			 (long long)native.charged);
}

/* The timers that the user keeps expiring: in memory, or native ones. */
#define STORM		16

static struct evfd_timer_ref storm[STORM];

/* Beside native timers, the user writes here instead, to keep the other processor as busy. */
static struct evfd_timer spare;

static inline void run_on(int processor)
{
	cpu_set_t set;

	CPU_ZERO(&set);
	CPU_SET(processor, &set);
	sched_setaffinity(0, sizeof(set), &set);
}

/* Keeps each timer just ahead, so that the kernel's timer finds a later time when it expires. */
static inline void *abuse_next(void *arg)
{
	run_on(0);
	for (unsigned int i = 0; !shared->stop; i = (i + 1) % STORM, shared->count++)
		__atomic_store_n(evfd_next_(&storm[i]),
				 tfd_clock(CLOCK_MONOTONIC) + 1 + i % 16 * 1000, __ATOMIC_RELAXED);
	return arg;
}

/* Waits for the timers, and reads those that have expired. */
static inline void *abuse_waits(void *arg)
{
	struct epoll_event event = { .events = EPOLLIN };
	int ep = epoll_create1(EPOLL_CLOEXEC);

	run_on(1);
	for (unsigned int i = 0; i < STORM; i++) {
		event.data.u32 = i;
		epoll_ctl(ep, EPOLL_CTL_ADD, storm[i].fd, &event);
	}
	while (!shared->stop) {
		if (epoll_wait(ep, &event, 1, 10) == 1)
			shared->count += tfd_ticks(storm[event.data.u32].fd) > 0;
	}
	return arg;
}

static inline void abuse_records(const void *arg)
{
	pthread_t thread;

	(void)arg;
	for (unsigned int i = 0; i < STORM; i++) {
		if (!impl_is_evfd()) {
			storm[i].fd = tfd_new(CLOCK_MONOTONIC, TFD_NONBLOCK);
			storm[i].timer = &spare;
		} else if (!open_record(&storm[i])) {
			return;
		}
		if (storm[i].fd < 0)
			return;
		tfd_arm(storm[i].fd, 0, 1, 1);
	}
	pthread_create(&thread, NULL, abuse_waits, NULL);
	pthread_create(&thread, NULL, abuse_next, NULL);
}

/* Counts another user's work on the processor that the timers interrupt. */
static inline struct beats work_in(int64_t ms)
{
	struct beats beats = { };
	cpu_set_t all;
	int64_t end;

	sched_getaffinity(0, sizeof(all), &all);
	run_on(1);
	for (end = now_ms() + ms; now_ms() < end; beats.n++) {
		for (volatile int i = 0; i < 10000; i++)
			;
	}
	sched_setaffinity(0, sizeof(all), &all);
	return beats;
}

/* Another user does at least half of the work that it does beside native's shortest periods. */
static inline void test_records_in_time(int64_t ms)
{
	struct timers native, records;
	bool good = false;

	for (int i = 0; i < ROUNDS && !good; i++) {
		native = beside("native", abuse_records, work_in, ms);
		records = beside("evfd", abuse_records, work_in, ms);
		good = native.good && records.good && records.beats.n * 2 >= native.beats.n;
	}
	ksft_test_result(good,
			 "timers in memory: %lld pieces of work beside %lld abuses; native %lld, %lld\n",
			 (long long)records.beats.n, (long long)records.abuses,
			 (long long)native.beats.n, (long long)native.abuses);
}

#endif /* STRESS_ABUSE_RECORDS_H */
