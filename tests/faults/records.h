/* SPDX-License-Identifier: GPL-2.0 */
/* Calls on arenas of timers and on descriptors bound to their timers, for faults_calls. */
#ifndef EVFD_TESTS_FAULTS_RECORDS_H
#define EVFD_TESTS_FAULTS_RECORDS_H

#include "cells.h"

/* The timers of an arena of two pages, and the timer of the scene: in the second page. */
#define TIMERS		256
#define RECORD		200

/* See LARGE_CELLS. */
#define LARGE_TIMERS	(64 * 128)

static long open_timer_arena(unsigned int timers)
{
	int device = evfd_open();

	return evfd_close(device, evfd_timer_arena_open(device, timers));
}

/* Whether the arena has as many timers, all 0, and its last timer can be bound. */
static bool timer_arena_works(int arena, unsigned int timers)
{
	struct evfd_timer *map = evfd_timer_arena_map(arena, timers);
	struct evfd_timer_ref t;
	__u64 ticks;

	if (!map)
		return false;
	for (unsigned int i = 0; i < timers; i++) {
		if (map[i].next || map[i].look || map[i].interval || map[i].clockid)
			return false;
	}
	return !evfd_timer_open(&t, evfd_open(), arena, map, timers - 1, CLOCK_MONOTONIC, 0) &&
	       !tfd_arm(t.fd, 0, 1, 0) && tfd_expires(t.fd) &&
	       !evfd_timer_read(&t, &ticks) && ticks == 1;
}

static long make_timer_arena(struct scene *scene)
{
	(void)scene;
	return open_timer_arena(TIMERS);
}

static bool is_timer_arena(struct scene *scene, long ret)
{
	(void)scene;
	return timer_arena_works(ret, TIMERS);
}

static long make_large_timer_arena(struct scene *scene)
{
	(void)scene;
	return open_timer_arena(LARGE_TIMERS);
}

static bool is_large_timer_arena(struct scene *scene, long ret)
{
	(void)scene;
	return timer_arena_works(ret, LARGE_TIMERS);
}

static bool a_timer_arena(struct scene *scene)
{
	scene->arena = open_timer_arena(TIMERS);
	return scene->arena >= 0;
}

static bool a_timer_arena_and_a_full_table(struct scene *scene)
{
	return a_timer_arena(scene) && fill_table(scene);
}

/* Its mapping is not touched. */
static bool a_mapped_timer_arena(struct scene *scene)
{
	scene->timers = a_timer_arena(scene) ? evfd_timer_arena_map(scene->arena, TIMERS) : NULL;
	return scene->timers && !pipe2(scene->pipe, O_NONBLOCK);
}

/* If an attempt that failed kept the timer, the next fails with EBUSY. */
static long bind_timer(struct scene *scene)
{
	struct evfd_timer_bind arg = {
		.arena = scene->arena,
		.timer = RECORD,
		.clockid = CLOCK_MONOTONIC,
		.flags = EVFD_TFD_NONBLOCK,
	};

	return evfd_device_ioctl(EVFD_IOC_TIMER_BIND, &arg);
}

static bool is_bound_timer(struct scene *scene, long ret)
{
	return bind_timer(scene) < 0 && errno == EBUSY && !tfd_arm(ret, 0, 1, 0) &&
	       tfd_expires(ret) && tfd_ticks(ret) == 1 && !close(ret) &&
	       wait_for(bind_timer(scene) >= 0);
}

static long map_timer_arena(struct scene *scene)
{
	scene->timers = evfd_timer_arena_map(scene->arena, TIMERS);
	return scene->timers ? 0 : -1;
}

static bool timers_are_mapped(struct scene *scene, long ret)
{
	return ret == 0 && !scene->timers[0].next && !scene->timers[RECORD].next;
}

/* Touches both pages. */
static long touch_timer_arena(struct scene *scene)
{
	return touch(scene, &scene->timers[0]) && touch(scene, &scene->timers[RECORD]) ? 0 : -1;
}

/* Timers that are in memory: not armed, for a late time, and expired once */

static bool a_record(struct scene *scene)
{
	if (!a_mapped_timer_arena(scene))
		return false;
	scene->fd = bind_timer(scene);
	scene->timer = (struct evfd_timer_ref){ &scene->timers[RECORD], scene->fd };
	return scene->fd >= 0;
}

static bool a_late_record(struct scene *scene)
{
	return a_record(scene) && !tfd_arm(scene->fd, 0, FAR_NS, 0);
}

static bool a_due_record(struct scene *scene)
{
	return a_late_record(scene) && !evfd_timer_put_off(&scene->timer, 1);
}

static bool epoll_late_record(struct scene *scene)
{
	return a_late_record(scene) && with_epoll(scene);
}

static bool epoll_due_record(struct scene *scene)
{
	return a_due_record(scene) && with_epoll(scene);
}

static bool watched_record(struct scene *scene)
{
	return epoll_late_record(scene) && !add_to_epoll(scene);
}

static bool uring_late_record(struct scene *scene)
{
	return a_late_record(scene) && uring_open(&scene->ring);
}

static bool uring_due_record(struct scene *scene)
{
	return a_due_record(scene) && uring_open(&scene->ring);
}

static int64_t next_of(const struct scene *scene)
{
	return __atomic_load_n(evfd_next_(&scene->timer), __ATOMIC_SEQ_CST);
}

/* The tick is taken from the memory too. */
static bool was_the_tick(struct scene *scene, long ret)
{
	__u64 ticks;

	return ret == 8 && scene->memory[0] == 1 && next_of(scene) == 0 &&
	       evfd_timer_read(&scene->timer, &ticks) < 0 && errno == EAGAIN &&
	       efd_take(scene->fd) == -EAGAIN;
}

/* Also after a setting that could not write the old value at its end. */
static bool record_is_set(struct scene *scene, long ret)
{
	struct evfd_itimerspec left;

	return timer_is_set(scene, ret) && next_of(scene) > 0 &&
	       !evfd_timer_left(&scene->timer, &left) && tfd_ns(left.it_value) > FAR_NS;
}

static bool record_was_got(struct scene *scene, long ret)
{
	const struct evfd_itimerspec *left = (const void *)scene->memory;

	return ret == 0 && tfd_ns(left->it_value) > 0 && tfd_ns(left->it_value) <= FAR_NS &&
	       next_of(scene) > 0;
}

/* A call that fails leaves the timer in memory. */
static long set_ticks_of_record(struct scene *scene)
{
	if (scene->attempts++)
		scene->spoilt = next_of(scene) <= 0;
	return set_ticks(scene);
}

static bool record_has_5(struct scene *scene, long ret)
{
	return !scene->spoilt && scene->timer.timer->clockid == EVFD_TIMER_CALL &&
	       ticks_are_5(scene, ret);
}

/* The timer expires once, and a program reads it in memory. */
static bool is_set_by_2007(struct scene *scene, long ret)
{
	__u64 ticks;

	return ret == scene->fd && tfd_expires(scene->fd) &&
	       !evfd_timer_read(&scene->timer, &ticks) && ticks == 1;
}

/* An earlier time in memory finds that the kernel looks later, and wakes the waiter. */
static bool record_wakes_epoll(struct scene *scene, long ret)
{
	return ret == 0 && events_within(scene->ep, 0) == 0 &&
	       !evfd_timer_put_off(&scene->timer, 1) &&
	       events_within(scene->ep, DEADLINE_MS) == EPOLLIN;
}

static long kick_record(struct scene *scene)
{
	__atomic_store_n(evfd_next_(&scene->timer), 1, __ATOMIC_SEQ_CST);
	return ioctl(scene->fd, EVFD_IOC_KICK, EPOLLIN);
}

static bool kick_woke_epoll(struct scene *scene, long ret)
{
	return ret == 0 && events_within(scene->ep, DEADLINE_MS) == EPOLLIN &&
	       tfd_ticks(scene->fd) == 1;
}

static bool uring_tells_record(struct scene *scene, long ret)
{
	struct io_uring_cqe cqe;

	return ret == 0 && !evfd_timer_put_off(&scene->timer, 1) &&
	       uring_wait(&scene->ring, &cqe) && cqe.res == POLLIN;
}

static const struct operation record_operations[] = {
	{ "make an arena of timers", nothing, make_timer_arena, is_timer_arena },
	{ "make an arena of timers, table full", fill_table, make_timer_arena, is_timer_arena },
	{ "make a large arena of timers", nothing, make_large_timer_arena, is_large_timer_arena },
	{ "bind a timer", a_timer_arena, bind_timer, is_bound_timer },
	{ "bind a timer, table full", a_timer_arena_and_a_full_table, bind_timer, is_bound_timer },
	{ "map an arena of timers", a_timer_arena, map_timer_arena, timers_are_mapped },
	{ "touch an arena of timers", a_mapped_timer_arena, touch_timer_arena, timers_are_mapped },
	{ "look at fdinfo of an arena of timers", a_timer_arena, look_at_arena, is_0 },
	{ "read a timer in memory", a_due_record, read_some, was_the_tick },
	{ "readv a timer in memory", a_due_record, readv_some, was_the_tick },
	{ "readv a timer in memory, two buffers", a_due_record, readv_two, was_the_tick },
	{ "set a timer in memory", a_due_record, set_timer, record_is_set },
	{ "get a timer in memory", a_late_record, get_timer, record_was_got },
	{ "set a memory timer's ticks", a_late_record, set_ticks_of_record, record_has_5 },
	{ "set a timer in memory by the call of 2007", a_late_record, set_timer_2007,
	  is_set_by_2007 },
	{ "watch a timer in memory", epoll_late_record, add_to_epoll, record_wakes_epoll },
	{ "watch an expired timer in memory", epoll_due_record, add_to_epoll, epoll_tells },
	{ "kick a timer in memory", watched_record, kick_record, kick_woke_epoll },
	{ "poll many timers in memory", a_late_record, poll_many, is_0 },
	{ "read a timer in memory by io_uring", uring_due_record, uring_read, was_the_tick },
	{ "poll a timer in memory by io_uring", uring_late_record, uring_wait_for,
	  uring_tells_record },
};

#endif /* EVFD_TESTS_FAULTS_RECORDS_H */
