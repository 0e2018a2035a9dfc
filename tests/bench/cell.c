// SPDX-License-Identifier: GPL-2.0
/* A counter in a cell: in memory, and by its descriptor. Native makes a call for each. */
#include "cell.h"
#include "counter.h"
#include "floor.h"
#include "speed.h"

#include <evfd/counter.h>

static struct evfd_cell *cells;
static struct evfd_counter counter;
static int arena;

static void open_arena(void)
{
	arena = evfd_arena_open(evfd_device, 1);
	must(arena >= 0);
	cells = evfd_arena_map(arena, 1);
	must(cells);
}

static long bind_cell(int flags)
{
	struct evfd_bind arg = { .arena = arena, .cell = 0, .flags = flags };

	return syscall(SYS_ioctl, evfd_device, EVFD_IOC_BIND, &arg);
}

int new_cell(int flags)
{
	if (!cells)
		open_arena();
	counter = (struct evfd_counter){ .cell = cells, .fd = bind_cell(flags) };
	return counter.fd;
}

static void rig_flags(struct rig *rig, int flags)
{
	if (rig->variant != EVFD) {
		open_counter(rig->variant, flags, &rig->in, &rig->out);
		return;
	}
	rig->in = new_cell(flags);
	rig->out = rig->in;
	must(rig->in >= 0);
}

static void rig_cell(struct rig *rig)
{
	rig_flags(rig, 0);
}

static void rig_nonblocking_cell(struct rig *rig)
{
	rig_flags(rig, O_NONBLOCK);
}

static void rig_ready_cell(struct rig *rig)
{
	rig_cell(rig);
	must(add(rig->out, 1) == 8);
}

static void rig_semaphore_cell(struct rig *rig)
{
	rig_flags(rig, rig->variant == FLOOR ? 0 : EVFD_EFD_SEMAPHORE);
}

static void rig_watched_cell(struct rig *rig)
{
	rig_cell(rig);
	watch_counter(rig);
}

/* In memory */

static void write_and_read_cell(struct rig *rig, int i)
{
	(void)rig;
	(void)i;
	must(!evfd_counter_write(&counter, 1));
	must(evfd_counter_read(&counter));
}

static void write_and_read_one_cell(struct rig *rig, int i)
{
	(void)rig;
	(void)i;
	must(!evfd_counter_write(&counter, 1));
	must(evfd_counter_read_one(&counter));
}

static void look_at_cell(struct rig *rig, int i)
{
	(void)rig;
	(void)i;
	must(!evfd_counter_look(&counter));
}

static void read_nothing(struct rig *rig, int i)
{
	(void)i;
	must(take(rig->in) < 0);
}

static void read_nothing_cell(struct rig *rig, int i)
{
	(void)rig;
	(void)i;
	must(!evfd_counter_read(&counter));
}

/* In memory, and epoll. The floor writes to /dev/null and reads from there. */

static void wait_for_nothing(struct rig *rig, int i)
{
	struct epoll_event event;

	(void)i;
	must(epoll_take(rig->epoll, &event, 1, 0) == 0);
}

/* The instance finds the cell ready each time, so it has not asked for a kick. */
static void write_wait_read_cell(struct rig *rig, int i)
{
	struct epoll_event event;

	(void)i;
	must(!evfd_counter_write(&counter, 1));
	must(epoll_take(rig->epoll, &event, 1, -1) == 1);
	must(evfd_counter_read(&counter));
}

static void idle_write_wait_read(struct rig *rig, int i)
{
	wait_for_nothing(rig, i);
	write_wait_read(rig, i);
}

static void wait_for_nothing_twice(struct rig *rig, int i)
{
	wait_for_nothing(rig, i);
	wait_for_nothing(rig, i);
}

/* The first wait asks for the kick. */
static void idle_write_wait_read_cell(struct rig *rig, int i)
{
	wait_for_nothing(rig, i);
	write_wait_read_cell(rig, i);
}

/* By the descriptor */

static void create_and_close(struct rig *rig, int i)
{
	(void)rig;
	(void)i;
	must(!syscall(SYS_close, new_eventfd(NATIVE, 0)));
}

static void bind_and_close(struct rig *rig, int i)
{
	(void)rig;
	(void)i;
	must(!syscall(SYS_close, bind_cell(0)));
}

static void rig_arena(struct rig *rig)
{
	(void)rig;
	if (!cells)
		open_arena();
}

static const struct operation operations[] = {
	{ "cell in memory: write+read", rig_cell,
	  .run = { no_work, write_and_read, write_and_read_cell } },
	{ "cell in memory: write+read of a semaphore", rig_semaphore_cell,
	  .run = { no_work, write_and_read, write_and_read_one_cell } },
	{ "cell in memory: look", rig_cell, .run = { no_work, poll_idle, look_at_cell } },
	{ "cell in memory: read EAGAIN", rig_nonblocking_cell,
	  .run = { no_work, read_nothing, read_nothing_cell } },
	{ "cell in memory: write+epoll_wait+read", rig_watched_cell,
	  .run = { wait_for_nothing, write_wait_read, write_wait_read_cell } },
	{ "cell in memory: idle epoll_wait, and the same with a kick", rig_watched_cell,
	  .run = { wait_for_nothing_twice, idle_write_wait_read, idle_write_wait_read_cell } },
	{ "cell write+read", rig_cell,
	  .run = { write_and_read_null, write_and_read, write_and_read } },
	{ "cell read EAGAIN", rig_nonblocking_cell,
	  .run = { [NATIVE ... EVFD] = read_nothing } },
	{ "cell poll ready, timeout 0", rig_ready_cell, .run = { [FLOOR ... EVFD] = poll_ready } },
	{ "cell poll ready, may wait", rig_ready_cell,
	  .run = { [FLOOR ... EVFD] = poll_may_wait } },
	{ "cell poll idle, timeout 0", rig_cell, .run = { [FLOOR ... EVFD] = poll_idle } },
	{ "cell bind+close", rig_arena, .frees = true,
	  .run = { no_create, create_and_close, bind_and_close } },
};

void measure_cell(void)
{
	measure(operations, ARRAY_SIZE(operations));
}
