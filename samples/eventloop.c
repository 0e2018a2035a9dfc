// SPDX-License-Identifier: GPL-2.0
/*
 * One epoll loop for all three kinds of descriptor: a worker posts to an event
 * descriptor, a timer ticks, and signals are read. SIGTERM ends the loop cleanly.
 */
#include <err.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <linux/evfd.h>

#define POSTS		3
#define WORK_US		150000
#define TICK_NS		100000000

static int device, epfd;
static pid_t worker;
static unsigned long long posts, ticks;
static bool ended, child_gone;

struct source {
	const char *name;
	void (*ready)(struct source *source);
	int fd;
};

static void get(struct source *source, void *buf, ssize_t size)
{
	if (read(source->fd, buf, size) != size)
		err(EXIT_FAILURE, "read %s", source->name);
}

static void on_post(struct source *source)
{
	__u64 count;

	get(source, &count, sizeof(count));
	posts += count;
	printf("eventfd: the worker has posted %llu\n", (unsigned long long)count);
}

static void on_tick(struct source *source)
{
	__u64 count;

	get(source, &count, sizeof(count));
	ticks += count;
	printf("timerfd: a tick\n");
}

static void on_signal(struct source *source)
{
	struct signalfd_siginfo info;

	get(source, &info, sizeof(info));
	printf("signalfd: %s of %s\n",
	       info.ssi_signo == SIGTERM ? "SIGTERM" : "SIGCHLD",
	       info.ssi_pid == (__u32)worker ? "the worker" : "another process");
	if (info.ssi_signo == SIGTERM)
		ended = true;
	else
		child_gone = waitpid(worker, NULL, WNOHANG) == worker;
}

static int make_eventfd(void)
{
	struct evfd_eventfd arg = {
		.flags = EVFD_EFD_CLOEXEC | EVFD_EFD_NONBLOCK,
	};

	return ioctl(device, EVFD_IOC_EVENTFD, &arg);
}

static int make_timerfd(void)
{
	struct evfd_timerfd_create create = {
		.clockid = CLOCK_MONOTONIC,
		.flags = EVFD_TFD_CLOEXEC | EVFD_TFD_NONBLOCK,
	};
	struct evfd_timerfd_settime set = {
		.new_value = {
			.it_value = { .tv_nsec = TICK_NS },
			.it_interval = { .tv_nsec = TICK_NS },
		},
	};
	int fd = ioctl(device, EVFD_IOC_TIMERFD_CREATE, &create);

	if (fd >= 0 && ioctl(fd, EVFD_IOC_TIMERFD_SETTIME, &set))
		err(EXIT_FAILURE, "EVFD_IOC_TIMERFD_SETTIME");
	return fd;
}

/* The call also blocks the signals, so the program cannot miss any of them. */
static int make_signalfd(void)
{
	__u64 mask = 1ULL << (SIGTERM - 1) | 1ULL << (SIGCHLD - 1);
	struct evfd_signalfd arg = {
		.ufd = -1,
		.flags = EVFD_SFD_CLOEXEC | EVFD_SFD_NONBLOCK | EVFD_SFD_BLOCK,
		.mask = (unsigned long)&mask,
		.sizemask = sizeof(mask),
	};

	return ioctl(device, EVFD_IOC_SIGNALFD, &arg);
}

static void add(struct source *source)
{
	struct epoll_event event = { .events = EPOLLIN, .data.ptr = source };

	if (source->fd < 0)
		err(EXIT_FAILURE, "%s", source->name);
	if (epoll_ctl(epfd, EPOLL_CTL_ADD, source->fd, &event))
		err(EXIT_FAILURE, "epoll_ctl");
}

static void work(int efd)
{
	__u64 one = 1;

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	for (int i = 0; i < POSTS; i++) {
		usleep(WORK_US);
		if (write(efd, &one, sizeof(one)) != sizeof(one))
			_exit(EXIT_FAILURE);
	}
	kill(getppid(), SIGTERM);
	_exit(EXIT_SUCCESS);
}

int main(void)
{
	struct source sources[3];

	setvbuf(stdout, NULL, _IOLBF, 0);
	device = open("/dev/" EVFD_DEVICE_NAME, O_RDONLY | O_CLOEXEC);
	epfd = epoll_create1(EPOLL_CLOEXEC);
	if (device < 0 || epfd < 0)
		err(EXIT_FAILURE, "/dev/" EVFD_DEVICE_NAME " (is evfd.ko loaded?)");
	sources[0] = (struct source){ "eventfd", on_post, make_eventfd() };
	sources[1] = (struct source){ "timerfd", on_tick, make_timerfd() };
	sources[2] = (struct source){ "signalfd", on_signal, make_signalfd() };
	for (int i = 0; i < 3; i++)
		add(&sources[i]);

	worker = fork();
	if (worker < 0)
		err(EXIT_FAILURE, "fork");
	if (!worker)
		work(sources[0].fd);

	/* The worker sends posts and signals until it is gone. */
	while (!ended || !child_gone || posts < POSTS) {
		struct epoll_event event;
		struct source *source;

		if (epoll_wait(epfd, &event, 1, -1) != 1) {
			if (errno != EINTR)
				err(EXIT_FAILURE, "epoll_wait");
			continue;
		}
		source = event.data.ptr;
		source->ready(source);
	}
	for (int i = 0; i < 3; i++)
		close(sources[i].fd);
	printf("Shut down after %llu posts%s\n", posts,
	       ticks ? " and some ticks" : "");
	return 0;
}
