// SPDX-License-Identifier: GPL-2.0
/* Operations on timer descriptors. */
#include "descriptors.h"
#include "floor.h"
#include "speed.h"

static void rig_timer(struct rig *rig)
{
	rig->in = rig->variant == FLOOR ? dup(null_device) :
		new_timer(rig->variant, TFD_NONBLOCK);
	rig->out = rig->in;
	must(rig->in >= 0);
}

static void rig_armed(struct rig *rig)
{
	rig_timer(rig);
	if (rig->variant != FLOOR)
		must(!set_timer(rig->variant, rig->in, 0, NEVER_NS, 0));
}

static void no_calls(struct rig *rig, int i)
{
	no_call(rig, i);
	no_call(rig, i);
}

static void arm_native(struct rig *rig, int i)
{
	(void)i;
	must(!set_native_timer(rig->in, 0, NEVER_NS, 0));
}

static void arm_evfd(struct rig *rig, int i)
{
	(void)i;
	must(!set_evfd_timer(rig->in, 0, NEVER_NS, 0));
}

static void disarm_native(struct rig *rig, int i)
{
	arm_native(rig, i);
	must(!set_native_timer(rig->in, 0, 0, 0));
}

static void disarm_evfd(struct rig *rig, int i)
{
	arm_evfd(rig, i);
	must(!set_evfd_timer(rig->in, 0, 0, 0));
}

static void ask_native(struct rig *rig, int i)
{
	struct itimerspec setting;

	(void)i;
	must(!syscall(SYS_timerfd_gettime, rig->in, &setting));
}

static void ask_evfd(struct rig *rig, int i)
{
	struct evfd_itimerspec setting;

	(void)i;
	must(!syscall(SYS_ioctl, rig->in, EVFD_IOC_TIMERFD_GETTIME, &setting));
}

static void rig_many(struct rig *rig)
{
	rig_timer(rig);
	for (rig->n = 0; rig->n < MANY; rig->n++) {
		rig->many[rig->n] = rig->variant == FLOOR ? dup(rig->in) :
			new_timer(rig->variant, TFD_NONBLOCK);
		must(rig->many[rig->n] >= 0);
	}
}

static void expire_many(struct rig *rig)
{
	for (int i = 0; i < rig->n && rig->variant != FLOOR; i++)
		must(!set_timer(rig->variant, rig->many[i], TFD_TIMER_ABSTIME, 1, 0));
}

static void read_many(struct rig *rig, int i)
{
	must(take(rig->many[i]) == 8);
}

static void rig_periodic(struct rig *rig)
{
	rig_timer(rig);
	if (rig->variant != FLOOR)
		must(!set_timer(rig->variant, rig->in, 0, 1000, 1000));
}

/* The next tick is mostly there already: the timer goes on while ticks are unread. */
static void read_tick(struct rig *rig, int i)
{
	(void)i;
	while (take(rig->in) != 8)
		;
}

static void create_and_close(struct rig *rig, int i)
{
	(void)i;
	must(!syscall(SYS_close, new_timer(rig->variant, 0)));
}

static const struct operation operations[] = {
	{ "timerfd settime, re-arm", rig_timer, .run = { no_call, arm_native, arm_evfd } },
	{ "timerfd settime, arm and disarm", rig_timer,
	  .run = { no_calls, disarm_native, disarm_evfd } },
	{ "timerfd gettime", rig_armed, .run = { no_call, ask_native, ask_evfd } },
	{ "timerfd read, expired", rig_many, .prepare = expire_many, .times = MANY,
	  .run = { read_null, read_many, read_many } },
	{ "timerfd read, every 1 us", rig_periodic,
	  .run = { read_null, read_tick, read_tick } },
	{ "timerfd create+close", rig_nothing, .frees = true,
	  .run = { no_create, create_and_close, create_and_close } },
};

void measure_timerfd(void)
{
	measure(operations, ARRAY_SIZE(operations));
}
