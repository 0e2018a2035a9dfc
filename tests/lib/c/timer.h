/* SPDX-License-Identifier: GPL-2.0 */
/*
 * For the programs about timers: the calls, made on the implementation under test, with
 * one structure for the times.
 */
#ifndef EVFD_TESTS_TIMER_H
#define EVFD_TESTS_TIMER_H

#include "record.h"
#include "timer_turn.h"

#include <inttypes.h>
#include <sys/timerfd.h>

/* In <linux/timerfd.h>, which does not go with <fcntl.h>. */
#ifndef TFD_IOC_SET_TICKS
#define TFD_IOC_SET_TICKS	_IOW('T', 0, uint64_t)
#endif

/* 32-bit programs have calls for 64-bit times beside the old calls. */
#ifdef SYS_timerfd_settime64
#define TFD_SYS_SETTIME	SYS_timerfd_settime64
#define TFD_SYS_GETTIME	SYS_timerfd_gettime64
#else
#define TFD_SYS_SETTIME	SYS_timerfd_settime
#define TFD_SYS_GETTIME	SYS_timerfd_gettime
#endif

#define NS_PER_MS	INT64_C(1000000)
#define NS_PER_S	INT64_C(1000000000)

/* Longer than any test. */
#define FAR_NS		(3600 * NS_PER_S)

/* timerfd_settime(); old may be NULL. */
static inline int tfd_set(int fd, int flags, const struct evfd_itimerspec *new,
			  struct evfd_itimerspec *old)
{
	struct evfd_timerfd_settime arg = {
		.flags = flags,
		.old_value = (uintptr_t)old,
	};
	int ret;

	if (impl_is_evfd()) {
		arg.new_value = *new;
		return ioctl(fd, EVFD_IOC_TIMERFD_SETTIME, &arg);
	}
	native_turn_take();
	ret = syscall(TFD_SYS_SETTIME, fd, flags, new, old);
	native_turn_give();
	return ret;
}

/* timerfd_gettime() */
static inline int tfd_get(int fd, struct evfd_itimerspec *now)
{
	if (impl_is_evfd())
		return record_left(fd, now);
	return syscall(TFD_SYS_GETTIME, fd, now);
}

static inline struct evfd_timespec tfd_timespec(int64_t ns)
{
	return (struct evfd_timespec){
		.tv_sec = ns / NS_PER_S, .tv_nsec = ns % NS_PER_S,
	};
}

static inline int64_t tfd_ns(struct evfd_timespec time)
{
	return time.tv_sec * NS_PER_S + time.tv_nsec;
}

/* Arms a timer, with times in nanoseconds. */
static inline int tfd_arm(int fd, int flags, int64_t value, int64_t interval)
{
	struct evfd_itimerspec new = {
		.it_value = tfd_timespec(value),
		.it_interval = tfd_timespec(interval),
	};

	return tfd_set(fd, flags, &new, NULL);
}

/*
 * Whether the ticks of timers on CLOCK_MONOTONIC, and of relative times, are computed from the
 * clock at each look. Then fdinfo shows all of them before a read, and no call re-arms.
 */
static inline bool tfd_counts_by_clock(void)
{
	return impl_is_cell();
}

/* Reads: the number of expirations, or -errno. */
static inline int64_t tfd_ticks(int fd)
{
	return record_take(fd) ?: efd_take(fd);
}

/* The time until the next expiration in nanoseconds, or -errno. */
static inline int64_t tfd_left(int fd)
{
	struct evfd_itimerspec now;

	return tfd_get(fd, &now) ? -errno : tfd_ns(now.it_value);
}

/* Natively, 32-bit programs on a 64-bit kernel can't set the ticks: ENOTTY. */
static inline bool tfd_can_set_ticks(void)
{
	return impl_is_no_native() || sizeof(long) == sizeof(uint64_t);
}

static inline int tfd_set_ticks(int fd, uint64_t ticks)
{
	return ioctl(fd, TFD_IOC_SET_TICKS, &ticks);
}

/* A clock's time in nanoseconds. For alarm clocks, this does not use an RTC. */
static inline int64_t tfd_clock(int clockid)
{
	struct timespec ts;

	if (clockid == CLOCK_REALTIME_ALARM)
		clockid = CLOCK_REALTIME;
	if (clockid == CLOCK_BOOTTIME_ALARM)
		clockid = CLOCK_BOOTTIME;
	clock_gettime(clockid, &ts);
	return ts.tv_sec * NS_PER_S + ts.tv_nsec;
}

/* How often a timer has expired by a time on its clock. */
static inline int64_t tfd_due(int64_t now, int64_t first, int64_t interval)
{
	return now < first ? 0 : (now - first) / interval + 1;
}

/*
 * Arms a timer on a clock that counts from 1970: this many expirations are due, and the
 * next is FAR_NS from now. However long the test takes, a read returns the same.
 */
#define LATE_INTERVAL	(2 * FAR_NS)

static inline int tfd_arm_late_by_with(int fd, int clockid, int flags, int64_t ticks)
{
	int64_t first = tfd_clock(clockid) - ticks * LATE_INTERVAL + LATE_INTERVAL / 2;

	return tfd_arm(fd, TFD_TIMER_ABSTIME | flags, first, LATE_INTERVAL);
}

static inline int tfd_arm_late_by(int fd, int clockid, int64_t ticks)
{
	return tfd_arm_late_by_with(fd, clockid, 0, ticks);
}

#define LATE_TICKS	101

static inline int tfd_arm_late(int fd, int clockid)
{
	return tfd_arm_late_by(fd, clockid, LATE_TICKS);
}

/* Waits until there is something to read. */
static inline bool tfd_expires(int fd)
{
	struct pollfd pfd = { .fd = fd, .events = POLLIN };

	return poll(&pfd, 1, DEADLINE_MS) == 1 && pfd.revents == POLLIN;
}

/* The fields of fdinfo. */
struct tfd_info {
	int clockid;
	uint64_t ticks;
	unsigned int flags;
	struct evfd_itimerspec time;
};

/* Reads fdinfo, which changes neither the timer nor its ticks. */
static inline bool tfd_info(int fd, struct tfd_info *info)
{
	struct evfd_timespec *value = &info->time.it_value;
	struct evfd_timespec *interval = &info->time.it_interval;
	char line[128];
	int found = 0;
	FILE *file;

	snprintf(line, sizeof(line), "/proc/self/fdinfo/%d", fd);
	file = fopen(line, "re");
	if (!file)
		return false;
	while (fgets(line, sizeof(line), file)) {
		found += sscanf(line, "clockid: %d", &info->clockid) == 1;
		found += sscanf(line, "ticks: %" SCNu64, &info->ticks) == 1;
		found += sscanf(line, "settime flags: %o", &info->flags) == 1;
		found += sscanf(line, "it_value: (%" SCNd64 ", %" SCNd64 ")",
				(int64_t *)&value->tv_sec,
				(int64_t *)&value->tv_nsec) == 2;
		found += sscanf(line, "it_interval: (%" SCNd64 ", %" SCNd64 ")",
				(int64_t *)&interval->tv_sec,
				(int64_t *)&interval->tv_nsec) == 2;
	}
	fclose(file);
	return found == 5;
}

/* The ticks before a read forwards the timer, or -1. */
static inline int64_t tfd_pending(int fd)
{
	struct tfd_info info;

	return tfd_info(fd, &info) ? (int64_t)info.ticks : -1;
}

#endif /* EVFD_TESTS_TIMER_H */
