// SPDX-License-Identifier: GPL-2.0
/* Operations on an event descriptor. */
#include "counter.h"
#include "floor.h"
#include "speed.h"

#include <poll.h>

static void drain(struct rig *rig)
{
	static char buf[8 * PIPE_LENGTH];

	syscall(SYS_read, rig->in, buf, rig->variant == PIPE ? sizeof(buf) : 8);
}

static void write_one(struct rig *rig, int i)
{
	(void)i;
	must(add(rig->out, 1) == 8);
}

/* Each read finds a counter above 0, or 8 bytes in the common pipe. */
static void rig_many(struct rig *rig)
{
	rig_nonblocking(rig);
	for (rig->n = 0; rig->n < MANY; rig->n++) {
		rig->many[rig->n] = rig->variant == EVFD || rig->variant == NATIVE ?
			new_eventfd(rig->variant, O_NONBLOCK) : dup(rig->in);
		must(rig->many[rig->n] >= 0);
	}
}

static void fill_many(struct rig *rig)
{
	for (int i = 0; i < rig->n; i++)
		add(rig->variant == PIPE ? rig->out : rig->many[i], 1);
}

static void read_many(struct rig *rig, int i)
{
	must(take(rig->many[i]) == 8);
}

static void write_and_read(struct rig *rig, int i)
{
	(void)i;
	must(add(rig->out, 1) == 8);
	must(take(rig->in) == 8);
}

static void write_and_read_null(struct rig *rig, int i)
{
	(void)i;
	must(add(rig->out, 1) == 8);
	must(take(rig->in) == 0);
}

static void read_nothing(struct rig *rig, int i)
{
	(void)i;
	must(take(rig->in) <= 0);
}

static void rig_ready(struct rig *rig)
{
	rig_counter(rig);
	must(add(rig->out, 1) == 8);
}

static void poll_in(int fd, int timeout)
{
	struct pollfd pfd = { .fd = fd, .events = POLLIN };

	must(syscall(SYS_poll, &pfd, 1, timeout) == 1);
}

static void poll_now(struct rig *rig, int i)
{
	(void)i;
	poll_in(rig->in, 0);
}

static void poll_may_wait(struct rig *rig, int i)
{
	(void)i;
	poll_in(rig->in, -1);
}

static void create_and_close(struct rig *rig, int i)
{
	(void)i;
	must(!syscall(SYS_close, new_eventfd(rig->variant, 0)));
}

static void create_and_close_pipe(struct rig *rig, int i)
{
	int ends[2];

	(void)rig;
	(void)i;
	must(!syscall(SYS_pipe2, ends, 0));
	must(!syscall(SYS_close, ends[0]));
	must(!syscall(SYS_close, ends[1]));
}

static const struct operation operations[] = {
	{ "eventfd write", rig_nonblocking, .prepare = drain, .times = 1000,
	  .run = { [FLOOR ... PIPE] = write_one } },
	{ "eventfd read", rig_many, .prepare = fill_many, .times = MANY,
	  .run = { read_null, [NATIVE ... PIPE] = read_many } },
	{ "eventfd write+read", rig_counter,
	  .run = { write_and_read_null, [NATIVE ... PIPE] = write_and_read } },
	{ "eventfd read EAGAIN", rig_nonblocking, .run = { [FLOOR ... PIPE] = read_nothing } },
	{ "eventfd poll ready, timeout 0", rig_ready, .run = { [FLOOR ... PIPE] = poll_now } },
	{ "eventfd poll ready, may wait", rig_ready, .run = { [FLOOR ... PIPE] = poll_may_wait } },
	{ "eventfd create+close", rig_nothing, .frees = true,
	  .run = { no_create, create_and_close, create_and_close, create_and_close_pipe } },
};

void measure_eventfd(void)
{
	measure(operations, ARRAY_SIZE(operations));
}
