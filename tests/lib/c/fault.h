/* SPDX-License-Identifier: GPL-2.0 */
/* Memory that a read can't write to, or not to all of it. */
#ifndef EVFD_TESTS_FAULT_H
#define EVFD_TESTS_FAULT_H

#include "common.h"

/* A page with this protection. There is good memory before it, a page of it. */
static inline char *bad_memory(int protection)
{
	size_t page = sysconf(_SC_PAGESIZE);
	char *map = mmap(NULL, 2 * page, PROT_READ | PROT_WRITE,
			 MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (map == MAP_FAILED)
		abort();
	/* So that there are pages to write to, and nothing to fault in. */
	memset(map, 0, 2 * page);
	if (mprotect(map + page, page, protection))
		abort();
	return map + page;
}

/* Where a read can't put what it gives, or not all of it. */
enum bad_buffer { NO_ACCESS, READ_ONLY, HALF_NO_ACCESS, HALF_READ_ONLY };

/* A buffer for that many bytes. */
static inline void *bad_buffer(enum bad_buffer kind, size_t size)
{
	bool no_access = kind == NO_ACCESS || kind == HALF_NO_ACCESS;
	bool half = kind == HALF_NO_ACCESS || kind == HALF_READ_ONLY;

	return bad_memory(no_access ? PROT_NONE : PROT_READ) - (half ? size / 2 : 0);
}

#endif /* EVFD_TESTS_FAULT_H */
