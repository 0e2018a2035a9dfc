/* SPDX-License-Identifier: GPL-2.0 */
/* Time namespaces, which a process enters when it is forked. */
#ifndef EVFD_TESTS_TIMER_NAMESPACE_H
#define EVFD_TESTS_TIMER_NAMESPACE_H

#include "timer.h"

#ifndef CLONE_NEWTIME
#define CLONE_NEWTIME	0x00000080
#endif

/*
 * Makes a time namespace for the children of this process. Inside, the clocks that count
 * from boot are ahead by offset_ms.
 */
static inline bool timens_new(int64_t offset_ms)
{
	long long sec = offset_ms / 1000, rest = offset_ms % 1000;
	FILE *file;

	if (rest < 0) {
		rest += 1000;
		sec--;
	}
	if (unshare(CLONE_NEWTIME))
		return false;
	file = fopen("/proc/self/timens_offsets", "we");
	if (!file)
		return false;
	fprintf(file, "monotonic %lld %lld000000\nboottime %lld %lld000000\n",
		sec, rest, sec, rest);
	return !fclose(file);
}

#endif /* EVFD_TESTS_TIMER_NAMESPACE_H */
