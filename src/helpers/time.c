// SPDX-License-Identifier: GPL-2.0
/* Timers and clocks: see src/abstractions/time/. */
#include <linux/delay.h>
#include <linux/processor.h>
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
