/* SPDX-License-Identifier: GPL-2.0 */
/* Making very many timer descriptors. */
#ifndef EVFD_TESTS_TIMER_MANY_H
#define EVFD_TESTS_TIMER_MANY_H

#include "clock.h"

#include <sys/resource.h>

/* Allows the process to open n more descriptors. */
static inline bool many_allow(int n)
{
	struct rlimit limit = { .rlim_cur = n + 64, .rlim_max = n + 64 };
	int last = n + 63;

	if (setrlimit(RLIMIT_NOFILE, &limit))
		return false;
	/* Grows the descriptor table to its final size. */
	return dup2(0, last) == last && !close(last);
}

/* Opens the device for many_new(). Returns -1 for native. */
static inline int many_open(bool evfd)
{
	return evfd ? evfd_open() : -1;
}

/* Makes a timer descriptor, which is native without a device. */
static inline int many_new(int device, int id)
{
	return device < 0 ? native_make_timer(id, TFD_NONBLOCK) :
			    evfd_make_timer(device, id, TFD_NONBLOCK);
}

#endif /* EVFD_TESTS_TIMER_MANY_H */
