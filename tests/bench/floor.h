/* SPDX-License-Identifier: GPL-2.0 */
/* The least that an operation costs: calls of the same kind without effect. */
#ifndef EVFD_BENCH_FLOOR_H
#define EVFD_BENCH_FLOOR_H

#include "bench.h"

/* For operations that create their own descriptors. */
void rig_nothing(struct rig *rig);

/* An unknown ioctl. */
void no_call(struct rig *rig, int i);

/* Allocates a descriptor number, and frees it. */
void no_create(struct rig *rig, int i);

/* Reads 8 bytes from /dev/null. */
void read_null(struct rig *rig, int i);

#endif /* EVFD_BENCH_FLOOR_H */
