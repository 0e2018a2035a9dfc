/* SPDX-License-Identifier: GPL-2.0 */
/* Memory that is missing until the test provides it, so a read sleeps in its copy. */
#ifndef EVFD_TESTS_MISSING_H
#define EVFD_TESTS_MISSING_H

#include "common.h"

#include <linux/userfaultfd.h>

struct missing {
	int uffd;
	char *page;
};

static inline size_t missing_size(void)
{
	return sysconf(_SC_PAGESIZE);
}

static inline bool missing_open(struct missing *missing)
{
	struct uffdio_api api = { .api = UFFD_API };
	struct uffdio_register area = { .mode = UFFDIO_REGISTER_MODE_MISSING };

	missing->page = mmap(NULL, missing_size(), PROT_READ | PROT_WRITE,
			     MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	missing->uffd = syscall(SYS_userfaultfd, O_CLOEXEC);
	area.range.start = (uintptr_t)missing->page;
	area.range.len = missing_size();
	return missing->page != MAP_FAILED && missing->uffd >= 0 &&
	       !ioctl(missing->uffd, UFFDIO_API, &api) &&
	       !ioctl(missing->uffd, UFFDIO_REGISTER, &area);
}

static inline void missing_close(struct missing *missing)
{
	close(missing->uffd);
	munmap(missing->page, missing_size());
}

/* Starts a call on the page, and waits until it faults there. */
static inline bool missing_stops(struct missing *missing, struct call *call)
{
	struct pollfd pfd = { .fd = missing->uffd, .events = POLLIN };
	struct uffd_msg msg;

	call->buf = missing->page;
	return call_start(call) && poll(&pfd, 1, DEADLINE_MS) == 1 &&
	       read(missing->uffd, &msg, sizeof(msg)) == sizeof(msg) &&
	       msg.event == UFFD_EVENT_PAGEFAULT;
}

/* Provides the page, filled with this byte. */
static inline bool missing_fill(struct missing *missing, int byte)
{
	struct uffdio_copy copy = {
		.dst = (uintptr_t)missing->page,
		.len = missing_size(),
	};
	char *from = malloc(copy.len);
	bool good;

	if (!from)
		return false;
	memset(from, byte, copy.len);
	copy.src = (uintptr_t)from;
	good = !ioctl(missing->uffd, UFFDIO_COPY, &copy);
	free(from);
	return good;
}

/* Makes the page inaccessible, so the call fails. */
static inline bool missing_refuse(struct missing *missing)
{
	struct uffdio_range range = {
		.start = (uintptr_t)missing->page,
		.len = missing_size(),
	};

	return !mprotect(missing->page, range.len, PROT_NONE) &&
	       !ioctl(missing->uffd, UFFDIO_WAKE, &range);
}

#endif /* EVFD_TESTS_MISSING_H */
