/* SPDX-License-Identifier: GPL-2.0 */
/* Shared by the benchmark programs: operations, and the descriptors they run on. */
#ifndef EVFD_BENCH_H
#define EVFD_BENCH_H

#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define ARRAY_SIZE(array) (sizeof(array) / sizeof((array)[0]))

/* Implementations that an operation runs on. */
enum variant {
	FLOOR,		/* the cheapest calls of the same kind: /dev/null, or an empty ioctl */
	NATIVE,		/* the kernel's own descriptors */
	EVFD,		/* evfd's descriptors */
	PIPE,
	URING,		/* polls of io_uring */
	VARIANTS,
};

extern const char *const variant_names[VARIANTS];

#define MANY		500	/* descriptors per rig */
#define PIPE_LENGTH	4000	/* counts of 8 bytes, which fit into a pipe */

/**
 * struct rig - the descriptors of an operation
 * @variant: their implementation
 * @in: descriptor to read, poll and set
 * @out: descriptor to write; the same as @in except for pipes
 * @epoll: epoll descriptor
 * @n: number of descriptors in @many
 * @many: descriptors of operations that need several
 */
struct rig {
	enum variant variant;
	int in, out, epoll;
	int n, many[MANY];
};

/**
 * struct operation - an operation to measure
 * @name: its row in the tables
 * @setup: opens the descriptors of the rig
 * @teardown: cleans up beyond closing these descriptors; may be NULL
 * @prepare: called before each batch, outside the time measured; may be NULL
 * @times: runs in a batch, if @prepare is set
 * @frees: some of its work is deferred, and done for many runs at once
 * @parts: divisor of the time of a run, if not 0
 * @run: performs the i-th run since @prepare; NULL for variants without the operation
 */
struct operation {
	const char *name;
	void (*setup)(struct rig *rig);
	void (*teardown)(struct rig *rig);
	void (*prepare)(struct rig *rig);
	int times;
	bool frees;
	int parts;
	void (*run[VARIANTS])(struct rig *rig, int i);
};

/* Ends the program if the condition is false. */
#define must(condition)							\
do {									\
	if (__builtin_expect(!(condition), 0))				\
		bench_failed(#condition, __FILE__, __LINE__);		\
} while (0)

void bench_failed(const char *what, const char *file, int line);

static inline int64_t now_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return ts.tv_sec * INT64_C(1000000000) + ts.tv_nsec;
}

/* Sleeps until booting has ended. On the clock of --icount, sleeping takes no time. */
void wait_for_boot(void);

/* Sorts the values, and returns their median. */
double median(double *values, int n);

/* Measures each operation on each variant, and prints the results. */
void measure(const struct operation *operations, int n);

/* The table of the program's results, "speed" unless it is set. */
extern const char *measured_table;

/* Prints a result: the instructions or nanoseconds of an operation. */
void tell(const char *operation, const char *variant, double value);

#endif /* EVFD_BENCH_H */
