/* SPDX-License-Identifier: GPL-2.0 */
#ifndef EVFD_HELPERS_TIME_H
#define EVFD_HELPERS_TIME_H

#include <linux/hrtimer.h>
#include <linux/pvclock_gtod.h>

ktime_t evfd_helper_timens_to_host(clockid_t clockid, ktime_t time);
bool evfd_helper_hrtimer_is_queued(struct hrtimer *timer);
void evfd_helper_let_callback_run(void);
bool evfd_helper_sleep(ktime_t *until, clockid_t clockid);

/* The offsets of the settable clocks from CLOCK_MONOTONIC. */
struct evfd_clock_offsets {
	ktime_t real;
	ktime_t tai;
};

struct evfd_clock_offsets evfd_helper_clock_offsets(const void *timekeeper);

#endif /* EVFD_HELPERS_TIME_H */
