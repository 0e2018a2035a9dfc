// SPDX-License-Identifier: GPL-2.0
/*
 * Two processes and an event descriptor: the child writes numbers to the
 * descriptor, and the parent reads their sums.
 *
 *	tutorial 1 2 3 4 5	each read takes the sum of earlier writes
 *	tutorial -s 1 2 3 4 5	a semaphore: each read takes 1
 */
#include <err.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <linux/evfd.h>

/*
 * In fifths of the time between two writes. No write coincides with a read, so
 * the output is always the same.
 */
#define BEFORE_WRITE	3
#define AFTER_WRITE	2
#define AFTER_READ	8

static long unit_ms = 1000;

/* Semaphores that keep parent and child in step, and the number of steps. */
static int mine, others;
static int steps_together;

static void usage(const char *name)
{
	fprintf(stderr, "Usage: %s [-s] [-t MS] NUMBER...\n", name);
	fprintf(stderr, "    -s      the descriptor is a semaphore\n");
	fprintf(stderr, "    -t MS   milliseconds between two writes (1000)\n");
	exit(EXIT_FAILURE);
}

static __u64 parse(const char *text, __u64 max)
{
	__u64 value;
	char *end;

	errno = 0;
	value = strtoull(text, &end, 0);
	if (errno || end == text || *end || value < 1 || value > max)
		errx(EXIT_FAILURE, "'%s' is not a number from 1 to %llu",
		     text, max);
	return value;
}

/* A barrier for both processes, which keeps the order on slow machines too. */
static void meet(void)
{
	__u64 one = 1;

	if (write(others, &one, sizeof(one)) != sizeof(one) ||
	    read(mine, &one, sizeof(one)) != sizeof(one))
		err(EXIT_FAILURE, "keeping step");
}

static void pause_for(int steps)
{
	while (steps--) {
		struct timespec left = {
			.tv_sec = unit_ms / 5 / 1000,
			.tv_nsec = unit_ms * 200000 % 1000000000,
		};

		/* SIGCHLD does not shorten the pause. */
		while (clock_nanosleep(CLOCK_MONOTONIC, 0, &left, &left))
			;
		if (steps_together) {
			steps_together--;
			meet();
		}
	}
}

static int make_descriptor(int flags)
{
	struct evfd_eventfd arg = { .count = 0, .flags = flags };
	int dev, efd;

	dev = open("/dev/" EVFD_DEVICE_NAME, O_RDWR | O_CLOEXEC);
	if (dev < 0)
		err(EXIT_FAILURE, "/dev/%s (is evfd.ko loaded?)",
		    EVFD_DEVICE_NAME);
	efd = ioctl(dev, EVFD_IOC_EVENTFD, &arg);
	if (efd < 0)
		err(EXIT_FAILURE, "EVFD_IOC_EVENTFD");
	close(dev);
	return efd;
}

static void child(int efd, char **numbers)
{
	for (; *numbers; numbers++) {
		__u64 value = parse(*numbers, UINT64_MAX - 1);

		printf("Child writing %s to efd\n", *numbers);
		pause_for(BEFORE_WRITE);
		if (write(efd, &value, sizeof(value)) != sizeof(value))
			err(EXIT_FAILURE, "write");
		pause_for(AFTER_WRITE);
	}
	printf("Child completed write loop\n");
	pause_for(1);
}

/* Reads until the sum of all the child's numbers has arrived. */
static void parent(int efd, __u64 expected)
{
	pause_for(BEFORE_WRITE);
	while (expected) {
		__u64 value;

		if (read(efd, &value, sizeof(value)) != sizeof(value))
			err(EXIT_FAILURE, "read");
		printf("Parent read %llu (0x%llx) from efd\n",
		       value, value);
		expected -= value;
		pause_for(expected ? AFTER_READ : steps_together);
	}
}

/* The parent would wait forever for the numbers of a child that has failed. */
static void child_ended(int sig)
{
	int status;

	(void)sig;
	if (wait(&status) < 0 || status)
		_exit(EXIT_FAILURE);
}

int main(int argc, char **argv)
{
	struct sigaction action = {
		.sa_handler = child_ended,
		.sa_flags = SA_RESTART,
	};
	__u64 expected = 0;
	int flags = 0;
	int efd, opt;
	pid_t pid;

	while ((opt = getopt(argc, argv, "st:")) != -1) {
		if (opt == 's')
			flags |= EVFD_EFD_SEMAPHORE;
		else if (opt == 't')
			unit_ms = parse(optarg, 60000);
		else
			usage(argv[0]);
	}
	if (optind == argc)
		usage(argv[0]);
	for (int i = optind; i < argc; i++) {
		if (__builtin_add_overflow(expected,
					   parse(argv[i], UINT64_MAX - 1),
					   &expected))
			errx(EXIT_FAILURE, "the sum is above %llu",
			     (__u64)UINT64_MAX);
	}

	setvbuf(stdout, NULL, _IOLBF, 0);
	efd = make_descriptor(flags);
	mine = make_descriptor(EVFD_EFD_SEMAPHORE);
	others = make_descriptor(EVFD_EFD_SEMAPHORE);
	steps_together = (BEFORE_WRITE + AFTER_WRITE) * (argc - optind) + 1;
	if (sigaction(SIGCHLD, &action, NULL))
		err(EXIT_FAILURE, "sigaction");

	pid = fork();
	if (pid < 0)
		err(EXIT_FAILURE, "fork");
	if (pid) {
		parent(efd, expected);
	} else {
		int swap = mine;

		mine = others;
		others = swap;
		child(efd, argv + optind);
	}
	return EXIT_SUCCESS;
}
