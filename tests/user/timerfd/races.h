/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Threads that do all that can be done with a timer descriptor, while another
 * one changes what the descriptor is.
 */
#ifndef EVFD_TESTS_TIMER_RACES_H
#define EVFD_TESTS_TIMER_RACES_H

#include "clock.h"

/* How long each race goes on that has no end of its own. */
#define RACE_MS	200

/* What the threads of a race share: a number that comes and goes. */
struct target {
	_Atomic int fd;
	_Atomic bool stop;
	int ep, socks[2];
};

static const int timer_clocks[] = {
	CLOCK_REALTIME, CLOCK_REALTIME_ALARM, CLOCK_MONOTONIC,
	CLOCK_BOOTTIME_ALARM, CLOCK_BOOTTIME,
};

static inline int any_clock(unsigned int i)
{
	return timer_clocks[i % ARRAY_SIZE(timer_clocks)];
}

/* The i-th of all kinds of settings: many of them expire soon. */
static inline void set_somehow(int fd, unsigned int i)
{
	static const int64_t values[] = {
		1, 50000, FAR_NS, 0, 1000, 200000, 1,
	};
	static const int64_t intervals[] = { 0, 1, 1000, 100000, FAR_NS };
	int64_t value = values[i % ARRAY_SIZE(values)];
	int flags = i % 4;

	/* Of every fourth such time some are long past. */
	if (flags & TFD_TIMER_ABSTIME && value && i % 16 < 12)
		value += tfd_clock(CLOCK_REALTIME);
	tfd_arm(fd, flags, value, intervals[i % ARRAY_SIZE(intervals)]);
}

static inline void *use_timer(void *arg)
{
	struct epoll_event event = { .events = EPOLLIN | EPOLLET };
	struct target *target = arg;
	struct tfd_info info;

	for (unsigned int i = 0; !target->stop; i++) {
		struct pollfd pfd = { .fd = target->fd, .events = POLLIN };
		int fd = target->fd;

		set_somehow(fd, i);
		poll(&pfd, 1, 0);
		tfd_ticks(fd);
		epoll_ctl(target->ep, EPOLL_CTL_ADD, fd, &event);
		tfd_left(fd);
		epoll_wait(target->ep, &event, 1, 0);
		event.events = EPOLLIN | (i % 2 ? EPOLLET : 0);
		epoll_ctl(target->ep, EPOLL_CTL_MOD, fd, &event);
		if (i % 3 == 0)
			tfd_set_ticks(fd, i + 1);
		if (i % 4 == 0)
			tfd_info(fd, &info);
		tfd_ticks(fd);
		if (i % 2)
			epoll_ctl(target->ep, EPOLL_CTL_DEL, fd, &event);
	}
	return NULL;
}

/* Runs two threads that use what change() changes all the time. */
static inline bool race(struct target *target,
			bool (*change)(struct target *target, unsigned int i))
{
	int64_t end = now_ms() + RACE_MS;
	pthread_t threads[2];
	bool good = true;

	target->fd = tfd_new(CLOCK_REALTIME, TFD_NONBLOCK);
	target->ep = epoll_create1(0);
	for (int i = 0; i < 2; i++)
		pthread_create(&threads[i], NULL, use_timer, target);
	for (unsigned int i = 1; good && now_ms() < end; i++)
		good = change(target, i);
	target->stop = true;
	for (int i = 0; i < 2; i++)
		pthread_join(threads[i], NULL);
	close(target->fd);
	return good && step_by_adjtimex(STEP_NS) && clock_restore();
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

static inline void *rounds_thread(void *arg)
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

static inline bool rounds_start(struct rounds *rounds)
{
	return !pthread_create(&rounds->thread, NULL, rounds_thread, rounds);
}

static inline void rounds_begin(struct rounds *rounds, int round)
{
	int64_t late = round % 32;
	int64_t end = tfd_clock(CLOCK_MONOTONIC) + late * late * 300;

	rounds->begun = round;
	while (tfd_clock(CLOCK_MONOTONIC) < end)
		;
}

static inline void rounds_end(struct rounds *rounds, int round)
{
	while (rounds->ended < round)
		sched_yield();
}

#endif /* EVFD_TESTS_TIMER_RACES_H */
