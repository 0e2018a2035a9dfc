// SPDX-License-Identifier: GPL-2.0
/* A timer in an arena: in memory, and by its descriptor. Native makes a call for each. */
#include "descriptors.h"
#include "floor.h"
#include "record.h"
#include "speed.h"

#include <evfd/timer.h>

/* In the year 2100 */
#define FAR_NS	INT64_C(4102444800000000000)

/* A time that passes during work() */
#define NEAR_NS	500

static struct evfd_timer *timers;
static struct evfd_timer_ref timer;
static int arena;

static void open_arena(void)
{
	arena = evfd_timer_arena_open(evfd_device, 1);
	must(arena >= 0);
	timers = evfd_timer_arena_map(arena, 1);
	must(timers);
}

static long bind_timer(int flags)
{
	struct evfd_timer_bind arg = {
		.arena = arena,
		.timer = 0,
		.clockid = CLOCK_MONOTONIC,
		.flags = flags,
	};

	return syscall(SYS_ioctl, evfd_device, EVFD_IOC_TIMER_BIND, &arg);
}

int new_record(int flags)
{
	if (!timers)
		open_arena();
	timer = (struct evfd_timer_ref){ .timer = timers, .fd = bind_timer(flags) };
	return timer.fd;
}

static void rig_on(struct rig *rig)
{
	if (rig->variant == EVFD)
		rig->in = new_record(TFD_NONBLOCK);
	else if (rig->variant == NATIVE)
		rig->in = new_timer_on(CLOCK_MONOTONIC, NATIVE, TFD_NONBLOCK);
	else
		rig->in = dup(null_device);
	must(rig->in >= 0);
	rig->out = rig->in;
}

static void rig_set(struct rig *rig, int64_t value, int64_t interval)
{
	rig_on(rig);
	if (rig->variant != FLOOR)
		must(!set_timer(rig->variant, rig->in, 0, value, interval));
}

static void rig_armed(struct rig *rig)
{
	rig_set(rig, NEVER_NS, 0);
}

static void rig_expired(struct rig *rig)
{
	rig_set(rig, 1, 0);
}

/* A native timer with this period would do nothing but expire. */
static void rig_ticking(struct rig *rig)
{
	if (rig->variant == EVFD) {
		rig_set(rig, 1, 1);
		return;
	}
	rig_on(rig);
	for (rig->n = 0; rig->n < MANY; rig->n++) {
		rig->many[rig->n] = rig->variant == NATIVE ?
			new_timer_on(CLOCK_MONOTONIC, NATIVE, TFD_NONBLOCK) : dup(null_device);
		must(rig->many[rig->n] >= 0);
	}
}

static void expire_many(struct rig *rig)
{
	for (int i = 0; i < rig->n && rig->variant == NATIVE; i++)
		must(!set_timer(NATIVE, rig->many[i], TFD_TIMER_ABSTIME, 1, 0));
}

/* In memory */

static void ask_native(struct rig *rig, int i)
{
	struct itimerspec left;

	(void)i;
	must(!syscall(SYS_timerfd_gettime, rig->in, &left));
}

static void ask_record(struct rig *rig, int i)
{
	struct evfd_itimerspec left;

	(void)rig;
	(void)i;
	must(!evfd_timer_left(&timer, &left));
}

static void read_native(struct rig *rig, int i)
{
	must(take(rig->many[i]) == 8);
}

static void read_record(struct rig *rig, int i)
{
	__u64 ticks;

	(void)rig;
	(void)i;
	must(!evfd_timer_read(&timer, &ticks));
}

static void read_nothing(struct rig *rig, int i)
{
	(void)i;
	must(take(rig->in) <= 0);
}

static void read_nothing_record(struct rig *rig, int i)
{
	__u64 ticks;

	(void)rig;
	(void)i;
	must(evfd_timer_read(&timer, &ticks));
}

/* Like a time that a program has computed */
static int64_t far(void)
{
	int64_t ns = FAR_NS;

	__asm__ volatile("" : "+r"(ns));
	return ns;
}

/* Has the timer and the time at hand. */
static void put_off_nothing(struct rig *rig, int i)
{
	(void)rig;
	(void)i;
	__asm__ volatile("" : : "r"(timer.timer), "r"(far()));
}

static void put_off_native(struct rig *rig, int i)
{
	(void)i;
	must(!set_native_timer_for(rig->in, TFD_TIMER_ABSTIME, FAR_NS, 0, false));
}

static void put_off_record(struct rig *rig, int i)
{
	(void)rig;
	(void)i;
	must(!evfd_timer_put_off(&timer, far()));
}

/* More instructions than NEAR_NS. A machine that counts instructions takes 1 ns for each. */
static void work(void)
{
	for (volatile int n = 0; n < 1000; n++)
		;
}

static void only_work(struct rig *rig, int i)
{
	(void)rig;
	(void)i;
	work();
}

static void expire_native(struct rig *rig, int i)
{
	(void)i;
	must(!set_native_timer_for(rig->in, 0, NEAR_NS, 0, false));
	work();
}

static void expire_record(struct rig *rig, int i)
{
	(void)rig;
	(void)i;
	must(!evfd_timer_put_off(&timer, evfd_timer_now(&timer) + NEAR_NS));
	work();
}

/* By the descriptor */

static void arm_native(struct rig *rig, int i)
{
	(void)i;
	must(!set_native_timer_for(rig->in, 0, NEVER_NS, 0, false));
}

static void arm_evfd(struct rig *rig, int i)
{
	(void)i;
	must(!set_evfd_timer_for(rig->in, 0, NEVER_NS, 0, false));
}

static void ask_evfd(struct rig *rig, int i)
{
	struct evfd_itimerspec left;

	(void)i;
	must(!syscall(SYS_ioctl, rig->in, EVFD_IOC_TIMERFD_GETTIME, &left));
}

static void create_and_close(struct rig *rig, int i)
{
	(void)rig;
	(void)i;
	must(!syscall(SYS_close, new_timer(NATIVE, 0)));
}

static void bind_and_close(struct rig *rig, int i)
{
	(void)rig;
	(void)i;
	must(!syscall(SYS_close, bind_timer(0)));
}

static void rig_arena(struct rig *rig)
{
	(void)rig;
	if (!timers)
		open_arena();
}

static const struct operation operations[] = {
	{ "timer in memory: time left", rig_armed, .run = { no_work, ask_native, ask_record } },
	{ "timer in memory: read of ticks", rig_ticking, .prepare = expire_many, .times = MANY,
	  .run = { no_work, read_native, read_record } },
	{ "timer in memory: read EAGAIN", rig_armed,
	  .run = { no_work, read_nothing, read_nothing_record } },
	{ "timer in memory: put off", rig_armed,
	  .run = { put_off_nothing, put_off_native, put_off_record } },
	{ "timer in memory: set, and an expiration that nothing waits for", rig_armed,
	  .run = { only_work, expire_native, expire_record } },
	{ "timer of an arena: settime, re-arm", rig_armed,
	  .run = { no_call, arm_native, arm_evfd } },
	{ "timer of an arena: gettime", rig_armed, .run = { no_call, ask_native, ask_evfd } },
	{ "timer of an arena: read EAGAIN", rig_armed, .run = { [FLOOR ... EVFD] = read_nothing } },
	{ "timer of an arena: poll ready, timeout 0", rig_expired,
	  .run = { [FLOOR ... EVFD] = poll_ready } },
	{ "timer of an arena: poll idle, timeout 0", rig_armed,
	  .run = { [FLOOR ... EVFD] = poll_idle } },
	{ "timer of an arena: bind+close", rig_arena, .frees = true,
	  .run = { no_create, create_and_close, bind_and_close } },
};

void measure_record(void)
{
	measure(operations, ARRAY_SIZE(operations));
}
