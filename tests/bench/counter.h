/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Counters: eventfds, and the files that are read and written in their place. Their rigs, and
 * operations that several groups measure.
 */
#ifndef EVFD_BENCH_COUNTER_H
#define EVFD_BENCH_COUNTER_H

#include "descriptors.h"

/* Opens a counter: /dev/null, an eventfd or a pipe. */
static inline void open_counter(enum variant variant, int flags, int *in, int *out)
{
	int ends[2];

	if (variant == PIPE) {
		must(!pipe2(ends, flags));
		*in = ends[0];
		*out = ends[1];
		return;
	}
	*in = variant == FLOOR ? dup(null_device) : new_eventfd(variant, flags);
	*out = *in;
	must(*in >= 0);
}

static inline void rig_counter(struct rig *rig)
{
	open_counter(rig->variant, 0, &rig->in, &rig->out);
}

static inline void rig_nonblocking(struct rig *rig)
{
	open_counter(rig->variant, O_NONBLOCK, &rig->in, &rig->out);
}

/* epoll can't watch /dev/null: the floor is an empty wait. */
static inline void watch_counter(struct rig *rig)
{
	rig->epoll = epoll_create1(0);
	must(rig->epoll >= 0);
	if (rig->variant != FLOOR)
		epoll_add(rig->epoll, rig->in, EPOLLIN);
}

static inline void write_and_read(struct rig *rig, int i)
{
	(void)i;
	must(add(rig->out, 1) == 8);
	must(take(rig->in) == 8);
}

static inline void write_and_read_null(struct rig *rig, int i)
{
	(void)i;
	must(add(rig->out, 1) == 8);
	must(take(rig->in) == 0);
}

static inline void write_wait_read(struct rig *rig, int i)
{
	struct epoll_event event;

	(void)i;
	must(add(rig->out, 1) == 8);
	must(epoll_take(rig->epoll, &event, 1, -1) == 1);
	must(take(rig->in) == 8);
}

#endif /* EVFD_BENCH_COUNTER_H */
