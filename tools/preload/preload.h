/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Shared by the files of libevfd-preload.so.
 *
 * Functions return their result like a system call: -errno for an error. They do not
 * change errno, are not cancellation points, and may be called before main() and from
 * signal handlers.
 */
#ifndef EVFD_PRELOAD_H
#define EVFD_PRELOAD_H

#include <errno.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* The descriptors counted for EVFD_PRELOAD=trace. */
enum made {
	MADE_EVENTFD,
	MADE_TIMERFD,
	MADE_SIGNALFD,
	MADE_BY_SYSTEM,		/* for want of the device */
	MADE_KINDS,
};

/*
 * There is no device, and the program must get the system's descriptor. No error of the
 * kernel has this number.
 */
#define FALL_BACK	(-4096)

/* The size of the kernel's set of signals, which C libraries pass. */
#define SIGSET_SIZE	8

/* trace.c: the words in EVFD_PRELOAD */

void count(enum made kind);

/* With EVFD_PRELOAD=strict, ends the program, because the device can't be used. */
void device_is_missing(long error);

/* device.c */

/*
 * make_descriptor() - make a descriptor with an ioctl of the device
 * @request: the ioctl
 * @arg: its argument
 * @cloexec: whether the descriptor is to be closed by execve(2)
 *
 * Return: the descriptor, with the lowest free number; %FALL_BACK; or -errno.
 */
long make_descriptor(unsigned long request, void *arg, bool cloexec);

/* calls.c */

long call_eventfd(unsigned int count, int flags);
long call_timerfd_create(int clockid, int flags);
long call_timerfd_settime64(int fd, int flags, const void *new_value, void *old_value);
long call_timerfd_gettime64(int fd, void *value);
long call_signalfd(int fd, const void *mask, size_t size, int flags);
#ifdef __i386__
long call_timerfd_settime32(int fd, int flags, const void *new_value, void *old_value);
long call_timerfd_gettime32(int fd, void *value);
#endif

#endif /* EVFD_PRELOAD_H */
