// SPDX-License-Identifier: GPL-2.0
/* Operations on an event descriptor. */
#include "counter.h"
#include "floor.h"
#include "speed.h"

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

static void rig_semaphore(struct rig *rig)
{
	rig_nonblocking(rig);
	if (rig->variant == FLOOR)
		return;
	close(rig->in);
	rig->in = new_eventfd(rig->variant, O_NONBLOCK | EVFD_EFD_SEMAPHORE);
	rig->out = rig->in;
	must(rig->in >= 0);
}

static void fill_semaphore(struct rig *rig)
{
	must(add(rig->out, MANY) == 8);
}

static void read_one(struct rig *rig, int i)
{
	(void)i;
	must(take(rig->in) == 8);
}

static void write_nothing(struct rig *rig, int i)
{
	(void)i;
	must(add(rig->out, 0) == 8);
}

static void watch_and_leave(struct rig *rig, int i)
{
	(void)i;
	epoll_add(rig->epoll, rig->in, EPOLLIN);
	must(!syscall(SYS_epoll_ctl, rig->epoll, EPOLL_CTL_DEL, rig->in, NULL));
}

static void rig_watch(struct rig *rig)
{
	rig_nonblocking(rig);
	rig->epoll = epoll_create1(0);
	must(rig->epoll >= 0);
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
	{ "empty call: getppid(), and an unknown ioctl", rig_nothing,
	  .run = { [NATIVE] = no_system_call, [EVFD] = no_call } },
	{ "eventfd write", rig_nonblocking, .prepare = drain, .times = 1000,
	  .run = { [FLOOR ... PIPE] = write_one } },
	{ "eventfd read", rig_many, .prepare = fill_many, .times = MANY,
	  .run = { read_null, [NATIVE ... PIPE] = read_many } },
	{ "eventfd write+read", rig_counter,
	  .run = { write_and_read_null, [NATIVE ... PIPE] = write_and_read } },
	{ "eventfd read EAGAIN", rig_nonblocking, .run = { [FLOOR ... PIPE] = read_nothing } },
	{ "eventfd poll ready, timeout 0", rig_ready, .run = { [FLOOR ... PIPE] = poll_ready } },
	{ "eventfd poll ready, may wait", rig_ready, .run = { [FLOOR ... PIPE] = poll_may_wait } },
	{ "eventfd poll idle, timeout 0", rig_nonblocking,
	  .run = { [FLOOR ... PIPE] = poll_idle } },
	{ "eventfd readv", rig_many, .prepare = fill_many, .times = MANY,
	  .run = { readv_null, [NATIVE ... PIPE] = readv_many } },
	{ "eventfd read of a semaphore", rig_semaphore, .prepare = fill_semaphore, .times = MANY,
	  .run = { read_null, [NATIVE ... EVFD] = read_one } },
	{ "eventfd write of 0", rig_nonblocking,
	  .run = { [FLOOR ... EVFD] = write_nothing } },
	{ "eventfd epoll add+remove", rig_watch, .frees = true,
	  .run = { [NATIVE ... PIPE] = watch_and_leave } },
	{ "eventfd create+close", rig_nothing, .frees = true,
	  .run = { no_create, create_and_close, create_and_close, create_and_close_pipe } },
};

void measure_eventfd(void)
{
	measure(operations, ARRAY_SIZE(operations));
}
