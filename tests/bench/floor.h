/* SPDX-License-Identifier: GPL-2.0 */
/* What an operation costs at least: calls of its kind that do nothing. */
#ifndef EVFD_BENCH_FLOOR_H
#define EVFD_BENCH_FLOOR_H

#include "bench.h"

/* For operations that make their descriptors themselves. */
void rig_nothing(struct rig *rig);

/* An ioctl that nobody knows. */
void no_call(struct rig *rig, int i);

/* Takes a descriptor's number, and gives it back. */
void no_create(struct rig *rig, int i);

/* Reads 8 bytes of /dev/null. */
void read_null(struct rig *rig, int i);

#endif /* EVFD_BENCH_FLOOR_H */
