/* SPDX-License-Identifier: GPL-2.0 */
/* The least that an operation costs: calls of the same kind without effect. */
#ifndef EVFD_BENCH_FLOOR_H
#define EVFD_BENCH_FLOOR_H

#include "bench.h"

/* For operations that create their own descriptors. */
void rig_nothing(struct rig *rig);

/* The loop alone. */
void no_work(struct rig *rig, int i);

/* An unknown ioctl. */
void no_call(struct rig *rig, int i);

/* A system call that does next to nothing. */
void no_system_call(struct rig *rig, int i);

/* Polls /dev/null or a descriptor for input. poll_ready() demands that it has some. */
void poll_idle(struct rig *rig, int i);
void poll_ready(struct rig *rig, int i);
void poll_may_wait(struct rig *rig, int i);

/* Reads with a vector of one buffer. */
void readv_null(struct rig *rig, int i);
void readv_many(struct rig *rig, int i);

/* Allocates a descriptor number, and frees it. */
void no_create(struct rig *rig, int i);

/* Reads 8 bytes from /dev/null. */
void read_null(struct rig *rig, int i);

#endif /* EVFD_BENCH_FLOOR_H */
