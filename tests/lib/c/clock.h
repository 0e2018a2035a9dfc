/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Stepping the clock in each possible way, and restoring it.
 *
 * A fixture named "clock" restores the clock around each test, and the program does so once
 * more when it ends. The programs after it find the original time.
 */
#ifndef EVFD_TESTS_CLOCK_H
#define EVFD_TESTS_CLOCK_H

#include "timer.h"

#include <sys/timex.h>

/* The size of a step: less than FAR_NS, more than any test takes. */
#define STEP_NS		(100 * NS_PER_S)

#define TFD_CANCEL	(TFD_TIMER_ABSTIME | TFD_TIMER_CANCEL_ON_SET)

/* The calls accept no negative nanoseconds. */
static inline struct timespec step_timespec(int64_t ns)
{
	int64_t sec = ns / NS_PER_S, rest = ns % NS_PER_S;

	if (rest < 0) {
		rest += NS_PER_S;
		sec--;
	}
	return (struct timespec){ .tv_sec = sec, .tv_nsec = rest };
}

/* This step is exact: a step back restores the clock. */
static inline bool step_by_adjtimex(int64_t ns)
{
	struct timespec span = step_timespec(ns);
	struct timex tx = { .modes = ADJ_SETOFFSET | ADJ_NANO };

	tx.time.tv_sec = span.tv_sec;
	tx.time.tv_usec = span.tv_nsec;
	return adjtimex(&tx) >= 0;
}

static inline bool step_by_settime(int64_t ns)
{
	struct timespec when = step_timespec(tfd_clock(CLOCK_REALTIME) + ns);

	return !clock_settime(CLOCK_REALTIME, &when);
}

/* The system call itself, because the C library may call clock_settime() instead. */
static inline bool step_by_settimeofday(int64_t ns)
{
	struct timespec when = step_timespec(tfd_clock(CLOCK_REALTIME) + ns);
	long timeval[] = { when.tv_sec, when.tv_nsec / 1000 };

	return !syscall(SYS_settimeofday, timeval, NULL);
}

/* Makes a timer on @clockid expire, and sets the clock back to before the expiration. */
static inline bool expires_and_is_set_back(int fd, int clockid, int64_t interval)
{
	return !tfd_arm(fd, TFD_TIMER_ABSTIME, tfd_clock(clockid), interval) &&
	       tfd_expires(fd) && step_by_adjtimex(-STEP_NS);
}

/* Such a timer expires again at the time of its first expiration. */
static inline bool expires_again(int fd)
{
	return !poll_now(fd) && tfd_left(fd) > 0 && tfd_left(fd) <= STEP_NS &&
	       step_by_adjtimex(STEP_NS) && tfd_expires(fd) && tfd_ticks(fd) == 1 &&
	       tfd_left(fd) > STEP_NS;
}

/* Differences to CLOCK_MONOTONIC when the program began. */
static struct {
	int64_t offset;
	int tai;
} clock_found;

static inline int64_t clock_offset(void)
{
	return tfd_clock(CLOCK_REALTIME) - tfd_clock(CLOCK_MONOTONIC);
}

static inline int clock_adjust(int modes, int status, long constant)
{
	struct timex tx = {
		.modes = modes, .status = status, .constant = constant,
	};

	return adjtimex(&tx);
}

/* Restores everything that a test may have changed. */
static inline bool clock_restore(void)
{
	struct timex tx = { .modes = ADJ_FREQUENCY };

	/* Clearing STA_PLL ends a leap second in progress. */
	return clock_adjust(ADJ_STATUS, STA_PLL, 0) >= 0 &&
	       clock_adjust(ADJ_STATUS, 0, 0) >= 0 &&
	       clock_adjust(ADJ_OFFSET_SINGLESHOT, 0, 0) >= 0 &&
	       clock_adjust(ADJ_TAI, 0, clock_found.tai) >= 0 &&
	       adjtimex(&tx) >= 0 &&
	       step_by_adjtimex(clock_found.offset - clock_offset());
}

__attribute__((constructor)) static void clock_find(void)
{
	struct timex tx = { };

	adjtimex(&tx);
	clock_found.tai = tx.tai;
	clock_found.offset = clock_offset();
}

__attribute__((destructor)) static void clock_leave(void)
{
	if (!clock_restore())
		fprintf(stderr, "# the clock could not be restored\n");
}

#endif /* EVFD_TESTS_CLOCK_H */
