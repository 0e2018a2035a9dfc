/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Threads that make every call on a descriptor, while another thread changes the file at
 * its number.
 */
#ifndef EVFD_TESTS_AGAINST_H
#define EVFD_TESTS_AGAINST_H

#include "clock.h"
#include "fd_passing.h"
#include "signal.h"

/**
 * struct use - how a kind is used
 * @make: makes a descriptor, the i-th
 * @call: makes the calls of this kind, the i-th time; some fail
 * @finish: checks the kernel's lists after a race; may be NULL
 * @nowait: a new descriptor blocks for a moment, so reads are made with RWF_NOWAIT
 * @ms: the duration of a race
 */
struct use {
	int (*make)(unsigned int i);
	void (*call)(int fd, unsigned int i);
	bool (*finish)(void);
	bool nowait;
	int ms;
};

static inline int make_eventfd(unsigned int i)
{
	return efd_new(i != 0, EFD_NONBLOCK);
}

static inline void call_eventfd(int fd, unsigned int i)
{
	efd_add(fd, i % 3);
	efd_count(fd);
}

static const struct use use_eventfd = {
	.make = make_eventfd,
	.call = call_eventfd,
	.ms = 200,
};

static inline int make_timer(unsigned int i)
{
	static const int clocks[] = {
		CLOCK_REALTIME, CLOCK_REALTIME_ALARM, CLOCK_MONOTONIC,
		CLOCK_BOOTTIME_ALARM, CLOCK_BOOTTIME,
	};

	return tfd_new(clocks[i % ARRAY_SIZE(clocks)], TFD_NONBLOCK);
}

/* The i-th of all sorts of settings. Many expire soon. */
static inline void set_somehow(int fd, unsigned int i)
{
	static const int64_t values[] = {
		1, 50000, FAR_NS, 0, 1000, 200000, 1,
	};
	static const int64_t intervals[] = { 0, 1, 1000, 100000, FAR_NS };
	int64_t value = values[i % ARRAY_SIZE(values)];
	int flags = i % 4;

	/* Some absolute times are long past. */
	if (flags & TFD_TIMER_ABSTIME && value && i % 16 < 12)
		value += tfd_clock(CLOCK_REALTIME);
	tfd_arm(fd, flags, value, intervals[i % ARRAY_SIZE(intervals)]);
}

static inline void call_timer(int fd, unsigned int i)
{
	struct tfd_info info;

	set_somehow(fd, i);
	tfd_left(fd);
	if (i % 3 == 0)
		tfd_set_ticks(fd, i + 1);
	if (i % 4 == 0)
		tfd_info(fd, &info);
}

/* A step of the clock goes through the list of the timers to cancel. */
static inline bool finish_timers(void)
{
	return step_by_adjtimex(STEP_NS) && clock_restore();
}

static const struct use use_timer = {
	.make = make_timer,
	.call = call_timer,
	.finish = finish_timers,
	.ms = 200,
};

#define AGAINST_SIGNALS	(sig_bit(SIGUSR1) | sig_bit(SIGUSR2))

static inline int make_signalfd(unsigned int i)
{
	(void)i;
	return sig_block(AGAINST_SIGNALS) ? -1 : sfd_new(sig_bit(SIGUSR1), SFD_NONBLOCK);
}

static inline void call_signalfd(int fd, unsigned int i)
{
	kill(getpid(), SIGUSR1);
	sfd_set_mask(fd, sig_bit(i % 2 ? SIGUSR1 : SIGUSR2));
	sfd_mask(fd);
}

static const struct use use_signalfd = {
	.make = make_signalfd,
	.call = call_signalfd,
	.ms = 300,
};

/* Shared by the threads of a race: a number, at which files come and go. */
struct target {
	_Atomic int fd;
	_Atomic bool stop;
	int ep, socks[2];
	const struct use *use;
};

static inline void read_target(const struct use *use, int fd)
{
	struct signalfd_siginfo seen;
	struct iovec iov = { .iov_base = &seen, .iov_len = sizeof(seen) };

	if (use->nowait)
		preadv2(fd, &iov, 1, -1, RWF_NOWAIT);
	else
		read(fd, &seen, sizeof(seen));
}

static inline void *use_target(void *arg)
{
	struct epoll_event event = { .events = EPOLLIN | EPOLLET };
	struct target *target = arg;

	for (unsigned int i = 0; !target->stop; i++) {
		struct pollfd pfd = { .fd = target->fd, .events = POLLIN };
		int fd = target->fd;

		target->use->call(fd, i);
		poll(&pfd, 1, 0);
		read_target(target->use, fd);
		epoll_ctl(target->ep, EPOLL_CTL_ADD, fd, &event);
		epoll_wait(target->ep, &event, 1, 0);
		event.events = EPOLLIN | (i % 2 ? EPOLLET : 0) | (i % 4 < 2 ? EPOLLOUT : 0);
		epoll_ctl(target->ep, EPOLL_CTL_MOD, fd, &event);
		read_target(target->use, fd);
		if (i % 2)
			epoll_ctl(target->ep, EPOLL_CTL_DEL, fd, &event);
	}
	return NULL;
}

/* Has two threads use the descriptor, and changes it all the time. */
static inline bool race(const struct use *use,
			bool (*change)(struct target *target, unsigned int i))
{
	struct target target = { .use = use, .fd = use->make(0), .ep = epoll_create1(0) };
	int64_t end = now_ms() + use->ms;
	pthread_t threads[2];
	bool good = true;

	if (target.fd < 0 || socketpair(AF_UNIX, SOCK_STREAM, 0, target.socks))
		return false;
	for (int i = 0; i < 2; i++)
		pthread_create(&threads[i], NULL, use_target, &target);
	for (unsigned int i = 1; good && now_ms() < end; i++)
		good = change(&target, i);
	target.stop = true;
	for (int i = 0; i < 2; i++)
		pthread_join(threads[i], NULL);
	close(target.fd);
	return good && (!use->finish || use->finish());
}

/* Closes the descriptor and makes a new descriptor. */
static inline bool change_by_close(struct target *target, unsigned int i)
{
	close(target->fd);
	target->fd = target->use->make(i);
	return target->fd >= 0;
}

#endif /* EVFD_TESTS_AGAINST_H */
