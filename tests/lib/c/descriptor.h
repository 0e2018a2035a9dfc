/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Making descriptors, for all programs: of evfd, of the kernel, and of the implementation
 * under test.
 *
 * EVFD_IMPL in the environment is "native", "evfd", or "preload": native's
 * calls, which libevfd-preload.so turns into evfd's. "cell" and "memory" are "evfd" with
 * other event descriptors and timers: see cell.h and record.h.
 */
#ifndef EVFD_TESTS_DESCRIPTOR_H
#define EVFD_TESTS_DESCRIPTOR_H

#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <linux/evfd.h>

#define EVFD_DEVICE	"/dev/" EVFD_DEVICE_NAME

static inline int evfd_open(void)
{
	return open(EVFD_DEVICE, O_RDWR | O_CLOEXEC);
}

/* Closes the device after a call. Returns the result of the call, and keeps errno. */
static inline int evfd_close(int device, int ret)
{
	int err = errno;

	close(device);
	errno = err;
	return ret;
}

/* Makes an ioctl on the device. */
static inline int evfd_device_ioctl(unsigned long command, void *arg)
{
	int device = evfd_open();

	return device < 0 ? -1 : evfd_close(device, ioctl(device, command, arg));
}

/* On an open device, each by one system call */

static inline int evfd_make_eventfd(int device, unsigned int count, unsigned int flags)
{
	struct evfd_eventfd arg = { .count = count, .flags = flags };

	return syscall(SYS_ioctl, device, EVFD_IOC_EVENTFD, &arg);
}

static inline int evfd_make_timer(int device, int clockid, unsigned int flags)
{
	struct evfd_timerfd_create arg = { .clockid = clockid, .flags = flags };

	return syscall(SYS_ioctl, device, EVFD_IOC_TIMERFD_CREATE, &arg);
}

/* signalfd4() */
static inline int evfd_make_signalfd(int device, int ufd, const void *mask, size_t size,
				     unsigned int flags)
{
	struct evfd_signalfd arg = {
		.ufd = ufd,
		.flags = flags,
		.mask = (uintptr_t)mask,
		.sizemask = size,
	};

	return syscall(SYS_ioctl, device, EVFD_IOC_SIGNALFD, &arg);
}

static inline int evfd_make_eventfs(int device, int signal, unsigned int flags)
{
	struct evfd_eventfs_signal arg = { .signal = signal, .flags = flags };

	return syscall(SYS_ioctl, device, EVFD_IOC_EVENTFS_SIGNAL, &arg);
}

/* The kernel's own */

static inline int native_make_eventfd(unsigned int count, unsigned int flags)
{
	return syscall(SYS_eventfd2, count, flags);
}

static inline int native_make_timer(int clockid, unsigned int flags)
{
	return syscall(SYS_timerfd_create, clockid, flags);
}

static inline int native_make_signalfd(int ufd, const void *mask, size_t size,
				       unsigned int flags)
{
	return syscall(SYS_signalfd4, ufd, mask, size, flags);
}

/* evfd's, with the device open for as long as the call takes */

static inline int evfd_new(unsigned int count, int flags)
{
	int device = evfd_open();

	return device < 0 ? -1 : evfd_close(device, evfd_make_eventfd(device, count, flags));
}

static inline int evfd_timer_new(int clockid, int flags)
{
	int device = evfd_open();

	return device < 0 ? -1 : evfd_close(device, evfd_make_timer(device, clockid, flags));
}

/* The device of the calls for signals: it stays open, so they need no other descriptor. */
static inline int evfd_signal_device(void)
{
	static int device = -1;

	if (device < 0)
		device = evfd_open();
	return device;
}

static inline int evfd_sfd_call(int ufd, const void *mask, size_t size, unsigned int flags)
{
	return evfd_make_signalfd(evfd_signal_device(), ufd, mask, size, flags);
}

static inline int evfd_eventfs_new(int signal, unsigned int flags)
{
	return evfd_make_eventfs(evfd_signal_device(), signal, flags);
}

/* Of the implementation under test */

static inline bool impl_is(const char *name)
{
	static const char *const impls[] = { "native", "evfd", "preload", "cell", "memory" };
	const char *impl = getenv("EVFD_IMPL");

	for (size_t i = 0; impl && i < sizeof(impls) / sizeof(*impls); i++) {
		if (!strcmp(impl, impls[i]))
			return !strcmp(impl, name);
	}
	fprintf(stderr,
		"set EVFD_IMPL to \"native\", \"evfd\", \"preload\", \"cell\" or \"memory\"\n");
	exit(2);
}

/* Whether event descriptors have cells. */
static inline bool impl_is_cell(void)
{
	return impl_is("cell") || impl_is("memory");
}

/* Whether descriptors are made and set by evfd's ioctls. */
static inline bool impl_is_evfd(void)
{
	return impl_is("evfd") || impl_is_cell();
}

/* Whether descriptors are evfd's, by ioctls or by libevfd-preload.so. */
static inline bool impl_is_no_native(void)
{
	return !impl_is("native");
}

/* signalfd4() */
static inline int sfd_call(int ufd, const void *mask, size_t size, unsigned int flags)
{
	if (impl_is_evfd())
		return evfd_sfd_call(ufd, mask, size, flags);
	return native_make_signalfd(ufd, mask, size, flags);
}

#endif /* EVFD_TESTS_DESCRIPTOR_H */
