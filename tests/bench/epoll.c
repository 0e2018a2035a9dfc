// SPDX-License-Identifier: GPL-2.0
/* Event descriptors through epoll. */
#include "counter.h"
#include "speed.h"

#define READY	64

static void rig_epoll(struct rig *rig)
{
	rig_counter(rig);
	watch_counter(rig);
}

static void write_wait_read_null(struct rig *rig, int i)
{
	struct epoll_event event;

	(void)i;
	must(add(rig->out, 1) == 8);
	must(epoll_take(rig->epoll, &event, 1, 0) == 0);
	must(take(rig->in) == 0);
}

/* Reading ends in the first half of @many, writing ends in the other. */
static void rig_64(struct rig *rig)
{
	rig->epoll = epoll_create1(0);
	must(rig->epoll >= 0);
	rig->n = 2 * READY;
	for (int i = 0; i < READY; i++) {
		open_counter(rig->variant, 0, &rig->many[i], &rig->many[READY + i]);
		epoll_add(rig->epoll, rig->many[i], EPOLLIN);
		/* close_all() closes every number once. */
		if (rig->variant != PIPE)
			rig->many[READY + i] = dup(rig->many[i]);
	}
}

static void rig_64_ready(struct rig *rig)
{
	rig_64(rig);
	for (int i = 0; i < READY; i++)
		must(add(rig->many[READY + i], 1) == 8);
}

static void wait_64(struct rig *rig, int i)
{
	struct epoll_event events[READY];

	(void)i;
	must(epoll_take(rig->epoll, events, READY, -1) == READY);
}

static void write_wait_read_64(struct rig *rig, int i)
{
	struct epoll_event events[READY];

	(void)i;
	for (int k = 0; k < READY; k++)
		must(add(rig->many[READY + k], 1) == 8);
	must(epoll_take(rig->epoll, events, READY, -1) == READY);
	for (int k = 0; k < READY; k++)
		must(take(events[k].data.fd) == 8);
}

static const struct operation operations[] = {
	{ "eventfd write+epoll_wait+read", rig_epoll,
	  .run = { write_wait_read_null, [NATIVE ... PIPE] = write_wait_read } },
	{ "64 ready eventfds: epoll_wait, per event", rig_64_ready, .parts = READY,
	  .run = { [NATIVE ... PIPE] = wait_64 } },
	{ "64 ready eventfds: write+epoll_wait+read, per event", rig_64, .parts = READY,
	  .run = { [NATIVE ... PIPE] = write_wait_read_64 } },
};

void measure_epoll(void)
{
	measure(operations, ARRAY_SIZE(operations));
}
