/* SPDX-License-Identifier: GPL-2.0 WITH Linux-syscall-note */
/* The interface of evfd_bench_wakes.ko to the benchmark programs. */
#ifndef BENCH_WAKES_H
#define BENCH_WAKES_H

#include <linux/ioctl.h>
#include <linux/types.h>

#define BENCH_WAKES_DEVICE_NAME	"evfd_bench_wakes"
#define BENCH_WAKES_MAGIC	0xED

#define BENCH_WAKES_MAX		1024

/**
 * struct bench_wakes - callbacks to time
 * @events: events to wake with
 * @own: add so many watchers of the module for this call, at most %BENCH_WAKES_MAX. Their
 *	callback does nothing.
 * @n: set by the module: number of watchers
 * @ready: events that a poll of the file finds from now on
 * @ns: set by the module: time of their callbacks
 */
struct bench_wakes {
	__u32 events;
	__u32 own;
	__u32 n;
	__u32 ready;
	__u64 ns;
};

#define BENCH_WAKES	_IOWR(BENCH_WAKES_MAGIC, 0, struct bench_wakes)

#endif /* BENCH_WAKES_H */
