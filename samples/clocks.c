// SPDX-License-Identifier: GPL-2.0
/*
 * Waits for timers on several clocks in one epoll loop, and prints for each
 * expiration how late the program noticed it.
 */
#include <err.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/ioctl.h>
#include <time.h>
#include <unistd.h>

#include <linux/evfd.h>

#define ARRAY_SIZE(a)	(sizeof(a) / sizeof((a)[0]))

#define NS_PER_MS	1000000LL
#define NS_PER_S	1000000000LL

static struct timer {
	const char *name;
	int clockid;
	/* In milliseconds. With interval 0, the timer expires once. */
	__s64 first, interval;
	/* Number of expirations to wait for. */
	int count;
	/* Time of the next expiration on the clock, in nanoseconds. */
	__s64 next;
	int fd;
} timers[] = {
	{ "MONOTONIC", CLOCK_MONOTONIC, 100, 200, .count = 3 },
	{ "REALTIME", CLOCK_REALTIME, 150, .count = 1 },
	{ "BOOTTIME", CLOCK_BOOTTIME, 200, 200, .count = 2 },
	{ "TAI", CLOCK_TAI, 350, .count = 1 },
	{ "REALTIME_ALARM", CLOCK_REALTIME_ALARM, 450, .count = 1 },
};

static __s64 now_on(const struct timer *timer)
{
	int clockid = timer->clockid;
	struct timespec ts;

	/* CLOCK_REALTIME has the same time, and needs no RTC to be read. */
	if (clockid == CLOCK_REALTIME_ALARM)
		clockid = CLOCK_REALTIME;
	if (clock_gettime(clockid, &ts))
		err(EXIT_FAILURE, "clock_gettime %s", timer->name);
	return ts.tv_sec * NS_PER_S + ts.tv_nsec;
}

static struct evfd_timespec timespec_of(__s64 ns)
{
	return (struct evfd_timespec){ ns / NS_PER_S, ns % NS_PER_S };
}

/* Makes the timer and arms it with an absolute time on its clock. */
static void start(struct timer *timer, int device)
{
	struct evfd_timerfd_create create = {
		.clockid = timer->clockid,
		.flags = EVFD_TFD_CLOEXEC | EVFD_TFD_NONBLOCK,
	};
	struct evfd_timerfd_settime set = { .flags = EVFD_TFD_TIMER_ABSTIME };

	timer->fd = ioctl(device, EVFD_IOC_TIMERFD_CREATE, &create);
	if (timer->fd < 0)
		err(EXIT_FAILURE, "EVFD_IOC_TIMERFD_CREATE %s", timer->name);
	timer->next = now_on(timer) + timer->first * NS_PER_MS;
	set.new_value.it_value = timespec_of(timer->next);
	set.new_value.it_interval = timespec_of(timer->interval * NS_PER_MS);
	if (ioctl(timer->fd, EVFD_IOC_TIMERFD_SETTIME, &set))
		err(EXIT_FAILURE, "EVFD_IOC_TIMERFD_SETTIME %s", timer->name);
}

/* Reads and prints. Returns how many of the awaited expirations it has read. */
static int take(struct timer *timer)
{
	__s64 late = now_on(timer) - timer->next;
	__u64 ticks;

	if (read(timer->fd, &ticks, sizeof(ticks)) != sizeof(ticks))
		err(EXIT_FAILURE, "read %s", timer->name);
	timer->next += ticks * timer->interval * NS_PER_MS;
	printf("%-15s has expired %s, %lld.%03lld ms late\n", timer->name,
	       ticks == 1 ? "once" : "more than once",
	       (long long)(late / NS_PER_MS), (long long)(late / 1000 % 1000));
	if (ticks > (__u64)timer->count)
		ticks = timer->count;
	timer->count -= ticks;
	if (!timer->count)
		close(timer->fd);
	return ticks;
}

int main(void)
{
	struct epoll_event event = { .events = EPOLLIN };
	int epfd = epoll_create1(EPOLL_CLOEXEC);
	int device, left = 0;

	device = open("/dev/" EVFD_DEVICE_NAME, O_RDONLY | O_CLOEXEC);
	if (device < 0 || epfd < 0)
		err(EXIT_FAILURE, "/dev/" EVFD_DEVICE_NAME " (is evfd.ko loaded?)");
	setvbuf(stdout, NULL, _IOLBF, 0);
	for (size_t i = 0; i < ARRAY_SIZE(timers); i++) {
		start(&timers[i], device);
		left += timers[i].count;
		event.data.ptr = &timers[i];
		if (epoll_ctl(epfd, EPOLL_CTL_ADD, timers[i].fd, &event))
			err(EXIT_FAILURE, "epoll_ctl");
	}
	close(device);
	while (left) {
		if (epoll_wait(epfd, &event, 1, -1) == 1)
			left -= take(event.data.ptr);
		else if (errno != EINTR)
			err(EXIT_FAILURE, "epoll_wait");
	}
	printf("All have expired as often as they should\n");
	return 0;
}
