/* SPDX-License-Identifier: GPL-2.0 */
/* Rigs for counters: eventfds, and the files that are read and written in their place. */
#ifndef EVFD_BENCH_COUNTER_H
#define EVFD_BENCH_COUNTER_H

#include "descriptors.h"

/* Opens a counter: /dev/null, an eventfd or a pipe. */
static inline void open_counter(enum variant variant, int flags, int *in, int *out)
{
	int ends[2];

	if (variant == PIPE) {
		must(!pipe2(ends, flags));
		*in = ends[0];
		*out = ends[1];
		return;
	}
	*in = variant == FLOOR ? dup(null_device) : new_eventfd(variant, flags);
	*out = *in;
	must(*in >= 0);
}

static inline void rig_counter(struct rig *rig)
{
	open_counter(rig->variant, 0, &rig->in, &rig->out);
}

static inline void rig_nonblocking(struct rig *rig)
{
	open_counter(rig->variant, O_NONBLOCK, &rig->in, &rig->out);
}

#endif /* EVFD_BENCH_COUNTER_H */
