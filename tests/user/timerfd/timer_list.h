/* SPDX-License-Identifier: GPL-2.0 */
/* The timers that are queued in the kernel, as /proc/timer_list shows them. */
#ifndef EVFD_TESTS_TIMER_LIST_H
#define EVFD_TESTS_TIMER_LIST_H

#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>

/* Any time of expiration */
#define ANY_TIME	INT64_MIN

/* Whether one look at the list finds a timer that expires in [soft, soft + slack]. */
static inline bool list_has(int64_t soft, int64_t slack)
{
	FILE *file = fopen("/proc/timer_list", "re");
	int64_t from, to;
	bool found = false;
	char line[256];

	while (file && fgets(line, sizeof(line), file)) {
		if (sscanf(line, " # expires at %" SCNd64 "-%" SCNd64 " nsecs", &from, &to) == 2 &&
		    (soft == ANY_TIME || from == soft) && to - from == slack)
			found = true;
	}
	if (file)
		fclose(file);
	return found;
}

/*
 * The kernel leaves out a queued timer if an earlier timer expires while it writes the list.
 * It never shows a timer that is not queued. So one look that finds the timer is enough, and only
 * several looks without it show that the timer is not queued.
 */
static inline bool is_listed(int64_t soft, int64_t slack)
{
	for (int i = 0; i < 10; i++) {
		if (list_has(soft, slack))
			return true;
	}
	return false;
}

/* Whether a timer is queued that expires in [soft, hard]. */
static inline bool is_queued(int64_t soft, int64_t hard)
{
	return is_listed(soft, hard - soft);
}

/* Whether a timer is queued that has this slack. */
static inline bool is_queued_with(int64_t slack)
{
	return is_listed(ANY_TIME, slack);
}

#endif /* EVFD_TESTS_TIMER_LIST_H */
