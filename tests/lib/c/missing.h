/* SPDX-License-Identifier: GPL-2.0 */
/* Memory that is missing until the test provides it, so a read sleeps in its copy. */
#ifndef EVFD_TESTS_MISSING_H
#define EVFD_TESTS_MISSING_H

#include "userfault.h"

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
	missing->page = mmap(NULL, missing_size(), PROT_READ | PROT_WRITE,
			     MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (missing->page == MAP_FAILED)
		return false;
	missing->uffd = new_userfault(missing->page, missing_size());
	return missing->uffd >= 0;
}

static inline void missing_close(struct missing *missing)
{
	close(missing->uffd);
	munmap(missing->page, missing_size());
}

/* Starts a call on the page, and waits until it faults there. */
static inline bool missing_stops(struct missing *missing, struct call *call)
{
	call->buf = missing->page;
	return call_start(call) && is_faulted(missing->uffd);
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
