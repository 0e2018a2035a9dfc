// SPDX-License-Identifier: GPL-2.0
/*
 * Waits in epoll for the posts of a sample module to an event descriptor.
 *
 *	waiter shrinker		fills memory until the kernel runs short of it
 *	waiter timer [TICKS [PERIOD_MS]]
 */
#include <err.h>
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/sysinfo.h>
#include <time.h>
#include <unistd.h>

#include <linux/evfd.h>

#include "evfd_samples.h"

#define MIB		(1024UL * 1024)
#define TIMEOUT_MS	30000

static int open_device(const char *path, const char *module)
{
	int dev = open(path, O_RDWR | O_CLOEXEC);

	if (dev < 0)
		err(EXIT_FAILURE, "%s (is %s.ko loaded?)", path, module);
	return dev;
}

static int make_descriptor(void)
{
	struct evfd_eventfd arg = {
		.flags = EVFD_EFD_CLOEXEC | EVFD_EFD_NONBLOCK,
	};
	int dev = open_device("/dev/" EVFD_DEVICE_NAME, "evfd");
	int efd = ioctl(dev, EVFD_IOC_EVENTFD, &arg);

	if (efd < 0)
		err(EXIT_FAILURE, "EVFD_IOC_EVENTFD");
	close(dev);
	return efd;
}

static int make_epoll(int efd)
{
	struct epoll_event event = { .events = EPOLLIN };
	int epfd = epoll_create1(EPOLL_CLOEXEC);

	if (epfd < 0)
		err(EXIT_FAILURE, "epoll_create1");
	if (epoll_ctl(epfd, EPOLL_CTL_ADD, efd, &event))
		err(EXIT_FAILURE, "epoll_ctl");
	return epfd;
}

/* Returns the sum of the posts since the last call, or 0 after a timeout. */
static __u64 wait_for_posts(int epfd, int efd, int timeout_ms)
{
	struct epoll_event event;
	__u64 count;
	int n = epoll_wait(epfd, &event, 1, timeout_ms);

	if (n < 0)
		err(EXIT_FAILURE, "epoll_wait");
	if (n == 0)
		return 0;
	if (event.events != EPOLLIN)
		errx(EXIT_FAILURE, "epoll_wait: unexpected events %#x",
		     event.events);
	if (read(efd, &count, sizeof(count)) != sizeof(count))
		err(EXIT_FAILURE, "read");
	return count;
}

static int wait_for_pressure(int epfd, int efd)
{
	int dev = open_device("/dev/" EVFD_SHRINKER_DEVICE_NAME,
			      "evfd_shrinker");
	unsigned long used = 0;
	struct sysinfo info;
	__u64 count = 0;
	size_t total;
	char *memory;

	if (sysinfo(&info))
		err(EXIT_FAILURE, "sysinfo");
	total = info.totalram * info.mem_unit / MIB * MIB;
	memory = mmap(NULL, total, PROT_READ | PROT_WRITE,
		      MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	if (memory == MAP_FAILED)
		err(EXIT_FAILURE, "mmap");
	if (ioctl(dev, EVFD_SHRINKER_IOC_WATCH, &efd))
		err(EXIT_FAILURE, "EVFD_SHRINKER_IOC_WATCH");

	printf("Filling memory until the kernel runs short of it\n");
	while (used < total && !count) {
		memset(memory + used, 1, MIB);
		used += MIB;
		count = wait_for_posts(epfd, efd, 0);
	}
	munmap(memory, total);
	close(dev);
	if (!count) {
		printf("Filled %lu MiB without a notification of memory pressure\n",
		       used / MIB);
		return EXIT_FAILURE;
	}
	printf("Notified of memory pressure after %lu MiB, and released them\n",
	       used / MIB);
	return EXIT_SUCCESS;
}

static __u64 now_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec * 1000ULL + now.tv_nsec / 1000000;
}

static int wait_for_ticks(int epfd, int efd, __u64 ticks, __u32 period_ms)
{
	int dev = open_device("/dev/" EVFD_TIMER_DEVICE_NAME, "evfd_timer");
	struct evfd_timer_start start = { .fd = efd, .period_ms = period_ms };
	__u64 started, elapsed, seen = 0;

	started = now_ms();
	if (ioctl(dev, EVFD_TIMER_IOC_START, &start))
		err(EXIT_FAILURE, "EVFD_TIMER_IOC_START");
	printf("Waiting for %llu ticks, one every %u ms\n", ticks,
	       period_ms);
	while (seen < ticks) {
		__u64 count = wait_for_posts(epfd, efd, TIMEOUT_MS);

		if (!count) {
			printf("No tick arrived for %d ms\n", TIMEOUT_MS);
			return EXIT_FAILURE;
		}
		while (count-- && seen < ticks)
			printf("Tick %llu\n", ++seen);
	}
	elapsed = now_ms() - started;
	close(dev);
	if (elapsed + 1 < ticks * period_ms) {
		printf("Too early: %llu ms\n", elapsed);
		return EXIT_FAILURE;
	}
	return EXIT_SUCCESS;
}

static __u32 parse(const char *text)
{
	unsigned long value;
	char *end;

	errno = 0;
	value = strtoul(text, &end, 10);
	if (errno || end == text || *end || !value || value > UINT32_MAX)
		errx(EXIT_FAILURE, "'%s' is not a number from 1", text);
	return value;
}

int main(int argc, char **argv)
{
	__u32 ticks = argc > 2 ? parse(argv[2]) : 5;
	__u32 period_ms = argc > 3 ? parse(argv[3]) : 100;
	int efd, epfd;

	setvbuf(stdout, NULL, _IOLBF, 0);
	efd = make_descriptor();
	epfd = make_epoll(efd);
	if (argc == 2 && !strcmp(argv[1], "shrinker"))
		return wait_for_pressure(epfd, efd);
	if (argc > 1 && argc < 5 && !strcmp(argv[1], "timer"))
		return wait_for_ticks(epfd, efd, ticks, period_ms);
	fprintf(stderr, "Usage: %s shrinker | timer [TICKS [PERIOD_MS]]\n",
		argv[0]);
	return EXIT_FAILURE;
}
