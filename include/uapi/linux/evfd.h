/* SPDX-License-Identifier: GPL-2.0 WITH Linux-syscall-note */
/*
 * evfd: event descriptors from a loadable module.
 *
 * Open /dev/evfd and make event descriptors with the ioctls below. A
 * descriptor does not depend on the open device: close the device whenever
 * you like.
 *
 * Every structure has the same layout for 32-bit and 64-bit programs.
 */
#ifndef _UAPI_LINUX_EVFD_H
#define _UAPI_LINUX_EVFD_H

#include <linux/ioctl.h>
#include <linux/types.h>

/* The misc device, below /dev. */
#define EVFD_DEVICE_NAME	"evfd"

/**
 * DOC: Flags of &struct evfd_eventfd
 *
 * The first three have the values of eventfd2(2), so EFD_SEMAPHORE,
 * EFD_CLOEXEC and EFD_NONBLOCK of <sys/eventfd.h> may be passed as they are.
 * O_CLOEXEC and O_NONBLOCK come from <fcntl.h>, which the program includes.
 *
 * %EVFD_EFD_SEMAPHORE: a read takes 1 from the counter instead of all of it.
 *
 * %EVFD_EFD_CLOEXEC: the descriptor is closed by execve(2).
 *
 * %EVFD_EFD_NONBLOCK: the open file description has O_NONBLOCK set.
 *
 * %EVFD_EFD_WAKE_ONE: what is posted wakes one reader that is blocked in
 * read(2), not all of them. Pollers are woken as always.
 */
#define EVFD_EFD_SEMAPHORE	(1 << 0)
#define EVFD_EFD_WAKE_ONE	(1 << 1)
#define EVFD_EFD_CLOEXEC	O_CLOEXEC
#define EVFD_EFD_NONBLOCK	O_NONBLOCK

/**
 * struct evfd_eventfd - argument of %EVFD_IOC_EVENTFD
 * @count: initial value of the counter
 * @flags: EVFD_EFD_* flags
 */
struct evfd_eventfd {
	__u32 count;
	__u32 flags;
};

#define EVFD_IOC_MAGIC		0xEF

/*
 * Make an event descriptor. Returns the new file descriptor, or -1 and errno:
 *
 * EFAULT: the argument is not readable memory
 * EINVAL: unknown bits in flags
 * EMFILE, ENFILE: no descriptor, or no open file, is left
 * ENOMEM: not enough kernel memory
 */
#define EVFD_IOC_EVENTFD	_IOW(EVFD_IOC_MAGIC, 0x00, struct evfd_eventfd)

#endif /* _UAPI_LINUX_EVFD_H */
