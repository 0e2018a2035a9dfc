/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Settings of native timers, made in turn where two at once crash the kernel.
 *
 * On PREEMPT_RT, a setting that meets the callback waits in hrtimer_cancel_wait_running(),
 * which looks at the timer without a lock. Another setting may be in hrtimer_setup() then,
 * where the timer has no base for a moment (do_timerfd_settime() of 7.3.4). Settings of
 * evfd's timers are never made in turn.
 */
#ifndef EVFD_TESTS_TIMER_TURN_H
#define EVFD_TESTS_TIMER_TURN_H

#include "common.h"

#include <err.h>
#include <sys/utsname.h>

/* Shared with the children, or NULL where it is not needed. */
static _Atomic bool *native_turn;

__attribute__((constructor)) static inline void native_turn_prepare(void)
{
	struct utsname name;

	if (uname(&name) || !strstr(name.version, "PREEMPT_RT"))
		return;
	native_turn = mmap(NULL, sizeof(*native_turn), PROT_READ | PROT_WRITE,
			   MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (native_turn == MAP_FAILED)
		err(EXIT_FAILURE, "mmap");
}

/* Not with libevfd-preload.so, which turns native timers into evfd's. */
static inline bool native_turn_needed(void)
{
	return native_turn && !impl_is_no_native();
}

static inline void native_turn_take(void)
{
	while (native_turn_needed() && atomic_exchange(native_turn, true))
		sched_yield();
}

static inline void native_turn_give(void)
{
	if (native_turn_needed())
		*native_turn = false;
}

#endif /* EVFD_TESTS_TIMER_TURN_H */
