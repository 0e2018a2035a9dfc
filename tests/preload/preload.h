/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Shared by the tests of libevfd-preload.so. A program calls the C library's names, which
 * the preloaded library answers, and compares them with the system itself.
 */
#ifndef EVFD_TESTS_PRELOAD_H
#define EVFD_TESTS_PRELOAD_H

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/timerfd.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <linux/evfd.h>

#include "harness.h"
#include "raw.h"

#define EVFD_DEVICE	"/dev/" EVFD_DEVICE_NAME

#define NO_ERROR	4095	/* no call sets errno to this value */

/* The kernel's structure of 64-bit times, which 32-bit programs may use too. */
#ifdef __x86_64__
#define SYS_SETTIME	SYS_timerfd_settime
#define SYS_GETTIME	SYS_timerfd_gettime
#else
#define SYS_SETTIME	SYS_timerfd_settime64
#define SYS_GETTIME	SYS_timerfd_gettime64
#endif

/* The result of a call of the C library, in the kernel's form: -errno for an error. */
#define result(call) ({							\
	long __ret;							\
									\
	errno = NO_ERROR;						\
	__ret = (call);							\
	__ret == -1 ? -errno : __ret;					\
})

/* Returns an invalid address, and hides that from the compiler. */
static inline void *nowhere(void)
{
	void *volatile address = (void *)8;

	return address;
}

/* Returns whether the descriptor is evfd's, by an ioctl of evfd with a bad argument. */
static inline bool is_evfd_timer(int fd)
{
	return ioctl(fd, EVFD_IOC_TIMERFD_GETTIME, nowhere()) < 0 &&
	       errno == EFAULT;
}

static inline bool is_evfd_signal(int fd)
{
	return ioctl(fd, EVFD_IOC_SIGNALFD_SETMASK, nowhere()) < 0 &&
	       errno == EFAULT;
}

/* Returns the number of open descriptors. Sets *@device if the device is among them. */
static inline int open_descriptors(bool *device)
{
	char path[64], target[64] = "";
	int n = 0;

	*device = false;
	for (int fd = 0; fd < 1024; fd++) {
		if (raw(__NR_fcntl, fd, F_GETFD, 0, 0, 0) < 0)
			continue;
		n++;
		snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
		memset(target, 0, sizeof(target));
		if (readlink(path, target, sizeof(target) - 1) > 0 &&
		    !strcmp(target, EVFD_DEVICE))
			*device = true;
	}
	return n;
}

#endif /* EVFD_TESTS_PRELOAD_H */
