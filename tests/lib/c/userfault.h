/* SPDX-License-Identifier: GPL-2.0 */
/* Page faults that a test answers. */
#ifndef EVFD_TESTS_USERFAULT_H
#define EVFD_TESTS_USERFAULT_H

#include "common.h"

#include <linux/userfaultfd.h>

/* A descriptor for the faults in memory, or -1. */
static inline int new_userfault(void *memory, size_t size)
{
	struct uffdio_api api = { .api = UFFD_API };
	struct uffdio_register range = {
		.range = { .start = (uintptr_t)memory, .len = size },
		.mode = UFFDIO_REGISTER_MODE_MISSING,
	};
	int fd = syscall(SYS_userfaultfd, O_CLOEXEC | O_NONBLOCK);

	if (fd >= 0 && (ioctl(fd, UFFDIO_API, &api) || ioctl(fd, UFFDIO_REGISTER, &range))) {
		close(fd);
		fd = -1;
	}
	return fd;
}

/* Waits until a thread waits in a fault. */
static inline bool is_faulted(int fd)
{
	struct uffd_msg message;

	return wait_for(read(fd, &message, sizeof(message)) == sizeof(message)) &&
	       message.event == UFFD_EVENT_PAGEFAULT;
}

#endif /* EVFD_TESTS_USERFAULT_H */
