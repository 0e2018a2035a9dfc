// SPDX-License-Identifier: GPL-2.0
/* Operations on timer descriptors. */
#include "descriptors.h"
#include "floor.h"
#include "speed.h"

static int new_or_null(int clock, enum variant variant)
{
	int fd = variant == FLOOR ? dup(null_device) : new_timer_on(clock, variant, TFD_NONBLOCK);

	must(fd >= 0);
	return fd;
}

static void rig_on(struct rig *rig, int clock)
{
	rig->in = new_or_null(clock, rig->variant);
	rig->out = rig->in;
}

static void rig_timer(struct rig *rig)
{
	rig_on(rig, CLOCK_MONOTONIC);
}

/* An alarm clock, which needs CAP_WAKE_ALARM. */
static void rig_alarm(struct rig *rig)
{
	rig_on(rig, CLOCK_BOOTTIME_ALARM);
}

static void rig_realtime(struct rig *rig)
{
	rig_on(rig, CLOCK_REALTIME);
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

/* In the year 2100, for absolute times on any clock. */
#define FAR_NS	INT64_C(4102444800000000000)

/*
 * ARM(name, flags, value, interval, old): a function for each implementation, so that
 * choosing it takes no instruction.
 */
#define ARM(name, ...)							\
static void name##_native(struct rig *rig, int i)			\
{									\
	(void)i;							\
	must(!set_native_timer_for(rig->in, __VA_ARGS__));		\
}									\
									\
static void name##_evfd(struct rig *rig, int i)				\
{									\
	(void)i;							\
	must(!set_evfd_timer_for(rig->in, __VA_ARGS__));		\
}

ARM(arm, 0, NEVER_NS, 0, false)
ARM(arm_periodic, 0, NEVER_NS, NEVER_NS, false)
ARM(arm_absolute, TFD_TIMER_ABSTIME, FAR_NS, 0, false)
ARM(arm_canceled, TFD_TIMER_ABSTIME | TFD_TIMER_CANCEL_ON_SET, FAR_NS, 0, false)
ARM(arm_past, TFD_TIMER_ABSTIME, 1, 0, false)
ARM(exchange, 0, NEVER_NS, 0, true)
ARM(exchange_past, TFD_TIMER_ABSTIME, 1, 1, true)
ARM(disarm_only, 0, 0, 0, false)

static void disarm_native(struct rig *rig, int i)
{
	arm_native(rig, i);
	disarm_only_native(rig, i);
}

static void disarm_evfd(struct rig *rig, int i)
{
	arm_evfd(rig, i);
	disarm_only_evfd(rig, i);
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

static void rig_many_on(struct rig *rig, int clock)
{
	rig_on(rig, clock);
	for (rig->n = 0; rig->n < MANY; rig->n++)
		rig->many[rig->n] = new_or_null(clock, rig->variant);
}

static void rig_many(struct rig *rig)
{
	rig_many_on(rig, CLOCK_MONOTONIC);
}

static void rig_many_realtime(struct rig *rig)
{
	rig_many_on(rig, CLOCK_REALTIME);
}

static void expire_with(struct rig *rig, int flags)
{
	for (int i = 0; i < rig->n && rig->variant != FLOOR; i++)
		must(!set_timer(rig->variant, rig->many[i], TFD_TIMER_ABSTIME | flags, 1, 0));
}

static void expire_many(struct rig *rig)
{
	expire_with(rig, 0);
}

static void expire_many_canceled(struct rig *rig)
{
	expire_with(rig, TFD_TIMER_CANCEL_ON_SET);
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

static void read_nothing(struct rig *rig, int i)
{
	(void)i;
	must(take(rig->in) <= 0);
}

static void rig_expired(struct rig *rig)
{
	rig_timer(rig);
	if (rig->variant != FLOOR)
		must(!set_timer(rig->variant, rig->in, TFD_TIMER_ABSTIME, 1, 0));
}

static void create_and_close_alarm(struct rig *rig, int i)
{
	(void)i;
	must(!syscall(SYS_close, new_timer_on(CLOCK_BOOTTIME_ALARM, rig->variant, 0)));
}

static void create_and_close(struct rig *rig, int i)
{
	(void)i;
	must(!syscall(SYS_close, new_timer(rig->variant, 0)));
}

static const struct operation operations[] = {
	{ "timerfd settime, re-arm", rig_timer, .run = { no_call, arm_native, arm_evfd } },
	{ "timerfd settime, re-arm for a period", rig_timer,
	  .run = { no_call, arm_periodic_native, arm_periodic_evfd } },
	{ "timerfd settime, absolute", rig_timer,
	  .run = { no_call, arm_absolute_native, arm_absolute_evfd } },
	{ "timerfd settime, in the past", rig_timer,
	  .run = { no_call, arm_past_native, arm_past_evfd } },
	{ "timerfd settime, cancel on set", rig_realtime,
	  .run = { no_call, arm_canceled_native, arm_canceled_evfd } },
	{ "timerfd settime, old value", rig_timer,
	  .run = { no_call, exchange_native, exchange_evfd } },
	{ "timerfd settime, old value of a period that has passed", rig_timer,
	  .run = { no_call, exchange_past_native, exchange_past_evfd } },
	{ "timerfd settime, arm and disarm", rig_timer,
	  .run = { no_calls, disarm_native, disarm_evfd } },
	{ "timerfd settime, alarm", rig_alarm, .run = { no_call, arm_native, arm_evfd } },
	{ "timerfd settime, alarm, old value", rig_alarm,
	  .run = { no_call, exchange_native, exchange_evfd } },
	{ "timerfd gettime", rig_armed, .run = { no_call, ask_native, ask_evfd } },
	{ "timerfd gettime, every 1 us", rig_periodic, .run = { no_call, ask_native, ask_evfd } },
	{ "timerfd read, expired", rig_many, .prepare = expire_many, .times = MANY,
	  .run = { read_null, read_many, read_many } },
	{ "timerfd read, cancel on set", rig_many_realtime, .prepare = expire_many_canceled,
	  .times = MANY, .run = { read_null, read_many, read_many } },
	{ "timerfd readv", rig_many, .prepare = expire_many, .times = MANY,
	  .run = { readv_null, readv_many, readv_many } },
	{ "timerfd read, every 1 us", rig_periodic,
	  .run = { read_null, read_tick, read_tick } },
	{ "timerfd read EAGAIN", rig_timer, .run = { [FLOOR ... EVFD] = read_nothing } },
	{ "timerfd poll ready, timeout 0", rig_expired, .run = { [FLOOR ... EVFD] = poll_ready } },
	{ "timerfd poll ready, may wait", rig_expired,
	  .run = { [FLOOR ... EVFD] = poll_may_wait } },
	{ "timerfd poll idle, timeout 0", rig_timer, .run = { [FLOOR ... EVFD] = poll_idle } },
	{ "timerfd create+close", rig_nothing, .frees = true,
	  .run = { no_create, create_and_close, create_and_close } },
	{ "timerfd create+close, alarm", rig_nothing, .frees = true,
	  .run = { no_create, create_and_close_alarm, create_and_close_alarm } },
};

void measure_timerfd(void)
{
	measure(operations, ARRAY_SIZE(operations));
}
