/* SPDX-License-Identifier: GPL-2.0 */
/* The kinds of descriptors, for programs that create many of each. */
#ifndef EVFD_BENCH_KINDS_H
#define EVFD_BENCH_KINDS_H

#include "descriptors.h"

static inline int new_plain_eventfd(enum variant variant)
{
	return new_eventfd(variant, O_NONBLOCK);
}

static inline int new_plain_timer(enum variant variant)
{
	return new_timer(variant, TFD_NONBLOCK);
}

static inline int new_plain_signalfd(enum variant variant)
{
	return new_signalfd(variant, mask_of(SIGUSR1), SFD_NONBLOCK);
}

static inline void make(int *fds, int n, int (*new)(enum variant variant),
			enum variant variant)
{
	for (int i = 0; i < n; i++) {
		fds[i] = new(variant);
		must(fds[i] >= 0);
	}
}

static inline void close_each(const int *fds, int n)
{
	for (int i = 0; i < n; i++)
		must(!syscall(SYS_close, fds[i]));
}

#endif /* EVFD_BENCH_KINDS_H */
