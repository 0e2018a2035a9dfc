// SPDX-License-Identifier: GPL-2.0
/* Timers and clocks: see src/abstractions/time/. */
#include <linux/delay.h>
#include <linux/processor.h>
#include <linux/sched/rt.h>
#include <linux/time_namespace.h>
#include <linux/timekeeper_internal.h>

#include "time.h"

bool evfd_helper_hrtimer_is_queued(struct hrtimer *timer)
{
	return hrtimer_is_queued(timer);
}

void evfd_helper_let_callback_run(void)
{
	/* There, a thread runs the callback, and this task may have preempted it. */
	if (IS_ENABLED(CONFIG_PREEMPT_RT))
		usleep_range(10, 50);
	else
		cpu_relax();
}

/*
 * Sleeps until a wake-up, or until the absolute time @until unless that is NULL. A
 * timer of the task may be late by its slack, like in other calls that sleep.
 * Returns false at the end of the time.
 */
bool evfd_helper_sleep(ktime_t *until, clockid_t clockid)
{
	u64 slack = rt_or_dl_task(current) ? 0 : current->timer_slack_ns;

	return schedule_hrtimeout_range_clock(until, slack, HRTIMER_MODE_ABS,
					      clockid);
}

ktime_t evfd_helper_timens_to_host(clockid_t clockid, ktime_t time)
{
	return timens_ktime_to_host(clockid, time);
}

/* @timekeeper: the argument of a notifier of pvclock_gtod_register_notifier(). */
struct evfd_clock_offsets evfd_helper_clock_offsets(const void *timekeeper)
{
	const struct timekeeper *tk = timekeeper;

	return (struct evfd_clock_offsets){ tk->offs_real, tk->offs_tai };
}
