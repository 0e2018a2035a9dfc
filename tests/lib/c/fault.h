/* SPDX-License-Identifier: GPL-2.0 */
/* Memory that a read can't write to. */
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

/* Buffers that a read can't write to, or not to all of it. */
enum bad_buffer { NO_ACCESS, READ_ONLY, HALF_NO_ACCESS, HALF_READ_ONLY, LAST_BYTE };

/* A buffer for that many bytes. */
static inline void *bad_buffer(enum bad_buffer bad, size_t size)
{
	bool read_only = bad == READ_ONLY || bad == HALF_READ_ONLY;
	size_t good = 0;

	if (bad == HALF_NO_ACCESS || bad == HALF_READ_ONLY)
		good = size / 2;
	else if (bad == LAST_BYTE)
		good = size - 1;
	return bad_memory(read_only ? PROT_READ : PROT_NONE) - good;
}

#endif /* EVFD_TESTS_FAULT_H */
