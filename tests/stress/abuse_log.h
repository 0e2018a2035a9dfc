/* SPDX-License-Identifier: GPL-2.0 */
/* Refused calls leave no line in the kernel log. */
#ifndef STRESS_ABUSE_LOG_H
#define STRESS_ABUSE_LOG_H

#include "abuse.h"

#include <evfd/counter.h>
#include <evfd/timer.h>

#define SHOWN		5

/* The user's open descriptors. */
static struct {
	int device, event, timer, signal, queue, arena, cell, timers, record;
} own;

static inline void bad_numbers(unsigned int i)
{
	ioctl(own.device, _IO(EVFD_IOC_MAGIC, i % 256), 0);
	ioctl(own.device, _IOWR(i % 256, i / 256 % 256, uint64_t), 0);
}

static inline void bad_numbers_of_descriptors(unsigned int i)
{
	ioctl((&own.device)[i % 9], _IOWR(EVFD_IOC_MAGIC, i % 256, uint64_t[4]), 0);
}

static const unsigned long made_by[] = {
	EVFD_IOC_EVENTFD, EVFD_IOC_ARENA, EVFD_IOC_BIND, EVFD_IOC_TIMERFD_CREATE, EVFD_IOC_TIMERFD,
	EVFD_IOC_SIGNALFD, EVFD_IOC_EVENTFS_SIGNAL, EVFD_IOC_TIMER_ARENA, EVFD_IOC_TIMER_BIND,
};

static inline void bad_pointers(unsigned int i)
{
	ioctl(own.device, made_by[i % ARRAY_SIZE(made_by)], nowhere());
	ioctl(own.timer, i % 2 ? EVFD_IOC_TIMERFD_SETTIME :
				 EVFD_IOC_TIMERFD_GETTIME, nowhere());
	ioctl(own.signal, EVFD_IOC_SIGNALFD_SETMASK, nowhere());
}

static inline void bad_arguments(unsigned int i)
{
	uint64_t bad[8];

	memset(bad, 0xff, sizeof(bad));
	ioctl(own.device, made_by[i % ARRAY_SIZE(made_by)], bad);
	ioctl(own.timer, EVFD_IOC_TIMERFD_SETTIME, bad);
}

static inline void bad_descriptors(unsigned int i)
{
	struct evfd_timerfd timer = { .ufd = i % 2 ? own.event : 9999 };
	struct evfd_signalfd signal = { .ufd = timer.ufd, .sizemask = 8 };
	uint64_t mask = 0;

	signal.mask = (uintptr_t)&mask;
	ioctl(own.device, EVFD_IOC_TIMERFD, &timer);
	ioctl(own.device, EVFD_IOC_SIGNALFD, &signal);
}

static inline void bad_clocks(unsigned int i)
{
	struct evfd_timerfd_create arg = { .clockid = i % 2 ? 1000 : -1 };

	if (i % 3 == 0)
		arg.clockid = CLOCK_REALTIME_ALARM;
	ioctl(own.device, EVFD_IOC_TIMERFD_CREATE, &arg);
}

static inline void bad_reads(unsigned int i)
{
	int fd = (&own.event)[i % 8];

	syscall(SYS_read, fd, &fd, sizeof(fd));
	syscall(SYS_read, fd, nowhere(), RECORD_SIZE);
	lseek(fd, i, SEEK_SET);
	mmap(NULL, 4096, PROT_READ, MAP_SHARED, fd, 0);
}

static inline void bad_writes(unsigned int i)
{
	int fd = (&own.event)[i % 8];

	syscall(SYS_write, fd, &fd, sizeof(fd));
	syscall(SYS_write, fd, nowhere(), sizeof(uint64_t));
	efd_add(fd, UINT64_MAX);
}

/* Wrong sizes and arguments, and pointers to nowhere; mappings that are refused. */
static inline void bad_queues(unsigned int i)
{
	struct kevent_setup setup = { .slots = i % 2 ? 0 : KEVENT_MAX_SLOTS + 1 };
	int fd = raw_queue_open();
	uint64_t bad[8];

	memset(bad, 0xff, sizeof(bad));
	ioctl(fd, KEVENT_IOC_SETUP, &setup);
	ioctl(fd, i % 2 ? KEVENT_IOC_SETUP : KEVENT_IOC_SUBMIT, bad);
	ioctl(fd, i % 2 ? KEVENT_IOC_SETUP : KEVENT_IOC_SUBMIT, nowhere());
	close(fd);
	ioctl(own.queue, KEVENT_IOC_SUBMIT, bad);
	raw_submit(own.queue, nowhere(), 1, 0, 0);
	mmap(NULL, 4096, PROT_READ, MAP_PRIVATE, own.queue, 0);
	mmap(NULL, 4096, PROT_READ, MAP_SHARED, own.queue, 1 << 30);
}

/* Operations that fail, with any number in the fields. */
static inline void bad_operations(unsigned int i)
{
	struct kevent_op ops[] = {
		{ .op = i },
		raw_add(i % 32, i, i),
		raw_add(KEVENT_POLL, own.queue, 1),
		raw_add(KEVENT_POLL, own.device + 1000, 1),
		raw_add_timer(i % 20, -1, -1),
		{ .op = i % 6, .handle = (uint64_t)i << 32 | i, .arg = { i % 3 } },
		{ .op = KEVENT_OP_READY, .handle = i, .flags = 0xff },
	};

	raw_submit(own.queue, ops, ARRAY_SIZE(ops), 0, 0);
}

/* Sizes and cells that do not exist, files that are no arenas, events that are no kicks. */
static inline void bad_cells(unsigned int i)
{
	struct evfd_arena arena = { .entries = i % 2 ? 0 : EVFD_ARENA_MAX + 1 + i };
	struct evfd_bind bind = { .arena = own.arena, .cell = 1 + i };

	ioctl(own.device, EVFD_IOC_ARENA, &arena);
	ioctl(own.device, EVFD_IOC_BIND, &bind);
	bind.cell = 0;
	ioctl(own.device, EVFD_IOC_BIND, &bind);
	bind.arena = i % 3 ? own.cell : own.device + 1000;
	ioctl(own.device, EVFD_IOC_BIND, &bind);
	ioctl(own.cell, EVFD_IOC_KICK, i & ~(EPOLLIN | EPOLLOUT));
	ioctl(own.event, EVFD_IOC_KICK, EPOLLIN);
	mmap(NULL, 4096, PROT_READ, MAP_PRIVATE, own.arena, 0);
	mmap(NULL, 4096, PROT_READ, MAP_SHARED, own.arena, 1 << 30);
}

/* The same for timers, and clocks that timers in memory do not have. */
static inline void bad_records(unsigned int i)
{
	struct evfd_arena arena = { .entries = i % 2 ? 0 : EVFD_ARENA_MAX + 1 + i };
	struct evfd_timer_bind bind = { .arena = own.timers, .timer = 1 + i };

	ioctl(own.device, EVFD_IOC_TIMER_ARENA, &arena);
	ioctl(own.device, EVFD_IOC_TIMER_BIND, &bind);
	bind.timer = 0;
	bind.clockid = i % 2 ? CLOCK_BOOTTIME_ALARM : 1000;
	ioctl(own.device, EVFD_IOC_TIMER_BIND, &bind);
	bind.clockid = CLOCK_MONOTONIC;
	bind.arena = i % 3 ? own.arena : own.record;
	ioctl(own.device, EVFD_IOC_TIMER_BIND, &bind);
	ioctl(own.record, EVFD_IOC_KICK, i & ~EPOLLIN);
	ioctl(own.timer, EVFD_IOC_KICK, EPOLLIN);
	mmap(NULL, 4096, PROT_READ, MAP_PRIVATE, own.timers, 0);
	mmap(NULL, 4096, PROT_READ, MAP_SHARED, own.timers, 1 << 30);
}

static const struct bad {
	const char *name;
	void (*make)(unsigned int i);
} bads[] = {
	{ "ioctl numbers", bad_numbers },
	{ "ioctl numbers of descriptors", bad_numbers_of_descriptors },
	{ "pointers", bad_pointers },
	{ "arguments", bad_arguments },
	{ "descriptors", bad_descriptors },
	{ "clocks", bad_clocks },
	{ "reads", bad_reads },
	{ "writes", bad_writes },
	{ "queues", bad_queues },
	{ "operations of queues", bad_operations },
	{ "cells", bad_cells },
	{ "timers in memory", bad_records },
};

static unsigned int bad_calls;

static inline void call_badly(const void *arg)
{
	const struct bad *bad = arg;
	struct evfd_timer_bind timer = { .clockid = CLOCK_MONOTONIC, .flags = EVFD_TFD_NONBLOCK };
	struct evfd_bind bind = { .flags = EFD_NONBLOCK };

	own.device = evfd_open();
	own.event = efd_new(0, EFD_NONBLOCK);
	own.timer = tfd_new(CLOCK_MONOTONIC, TFD_NONBLOCK);
	own.signal = sfd_new(sig_bit(SIGUSR1), SFD_NONBLOCK);
	own.queue = raw_queue_new(1000);
	own.arena = evfd_arena_open(own.device, 1);
	bind.arena = own.arena;
	own.cell = ioctl(own.device, EVFD_IOC_BIND, &bind);
	own.timers = evfd_timer_arena_open(own.device, 1);
	timer.arena = own.timers;
	own.record = ioctl(own.device, EVFD_IOC_TIMER_BIND, &timer);
	if (own.arena < 0 || own.cell < 0 || own.timers < 0 || own.record < 0)
		return;
	if (own.queue < 0 || own.device < 0 || own.event < 0 || own.timer < 0 || own.signal < 0)
		return;
	for (unsigned int i = 0; i < bad_calls; i++)
		bad->make(i);
	shared->made = bad_calls;
}

/* Messages about a busy host, which an emulated machine prints regardless of the test. */
static inline bool is_of_the_host(const char *text)
{
	return strstr(text, "clocksource") || strstr(text, "took too long") ||
	       strstr(text, "took too much time") || strstr(text, "sched_clock");
}

/* Returns the number of new lines, and shows the first. */
static inline int new_lines(int kmsg)
{
	char line[1024];
	ssize_t length;
	int n = 0;

	while ((length = read(kmsg, line, sizeof(line) - 1)) > 0 ||
	       (length < 0 && errno == EPIPE)) {
		if (length < 0)
			continue;
		line[length] = '\0';
		if (is_of_the_host(line))
			continue;
		if (n++ < SHOWN)
			ksft_print_msg("kernel log: %s", line);
	}
	return n;
}

static inline void test_log(unsigned int calls)
{
	int kmsg = open("/dev/kmsg", O_RDONLY | O_NONBLOCK | O_CLOEXEC);

	bad_calls = calls;
	for (size_t i = 0; i < ARRAY_SIZE(bads); i++) {
		pid_t user;
		bool good;
		int lines;

		lseek(kmsg, 0, SEEK_END);
		user = user_start("evfd", call_badly, &bads[i], false);
		good = user_is_ready(user);
		lines = new_lines(kmsg);
		good = !user_end(user) && good;
		ksft_test_result(good && shared->made == (int)calls && !lines,
				 "bad %s: %u calls, %d lines in the kernel log\n",
				 bads[i].name, calls, lines);
	}
	close(kmsg);
}

#endif /* STRESS_ABUSE_LOG_H */
