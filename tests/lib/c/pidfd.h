/* SPDX-License-Identifier: GPL-2.0 */
/* Descriptors of processes, for a C library whose headers are older than the kernel. */
#ifndef EVFD_TESTS_PIDFD_H
#define EVFD_TESTS_PIDFD_H

#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif

#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <sys/ioctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#ifndef PIDFD_THREAD
#define PIDFD_THREAD	O_EXCL
#endif

/* The part of struct pidfd_info that every kernel with pidfs has. */
struct exit_info {
	uint64_t mask;
	uint64_t cgroupid;
	uint32_t ids[11];
	int32_t exit_code;
};

/* PIDFD_GET_INFO and PIDFD_INFO_EXIT. */
#define GET_EXIT_INFO	_IOWR(0xff, 11, struct exit_info)
#define EXIT_INFO_EXIT	8

static inline int open_pidfd(pid_t pid, unsigned int flags)
{
	return syscall(SYS_pidfd_open, pid, flags);
}

/* The status of a process that was reaped, or -1 and errno. */
static inline int reaped_status(int pidfd)
{
	struct exit_info info = { .mask = EXIT_INFO_EXIT };

	if (ioctl(pidfd, GET_EXIT_INFO, &info))
		return -1;
	errno = ENODATA;
	return info.mask & EXIT_INFO_EXIT ? info.exit_code : -1;
}

#endif /* EVFD_TESTS_PIDFD_H */
