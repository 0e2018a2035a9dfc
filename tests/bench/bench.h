/* SPDX-License-Identifier: GPL-2.0 */
/* What the measuring programs share: what is measured, and on what. */
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

/* What an operation is done on. */
enum variant {
	FLOOR,		/* what costs least: /dev/null, or an empty ioctl */
	NATIVE,		/* the kernel's own descriptors */
	EVFD,		/* evfd's */
	PIPE,
	VARIANTS,
};

extern const char *const variant_names[VARIANTS];

#define MANY		500	/* descriptors of one rig */
#define PIPE_LENGTH	4000	/* of 8 bytes, which a pipe has room for */

/**
 * struct rig - what an operation works on
 * @variant: what its descriptors are
 * @in: descriptor that is read, polled and set
 * @out: descriptor that is written, which is @in but for pipes
 * @epoll: epoll descriptor
 * @n: how many are in @many
 * @many: descriptors, if one is not enough
 */
struct rig {
	enum variant variant;
	int in, out, epoll;
	int n, many[MANY];
};

/**
 * struct operation - what is measured
 * @name: in the tables
 * @setup: makes the rig
 * @teardown: what closing its descriptors does not do; may be NULL
 * @prepare: called before each batch, and not timed; may be NULL
 * @times: runs in a batch, if there is @prepare
 * @frees: some of its work is done later, for many at once
 * @parts: what the time of a run is divided by, if not 0
 * @run: does it for the i-th time since @prepare; NULL where it makes no sense
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

/* Ends the program if what must hold does not. */
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

/* Sleeps until booting has ended: on the clock of --icount that takes no time. */
void wait_for_boot(void);

/* Sorts the values, and returns the one in the middle. */
double median(double *values, int n);

/* Measures each operation on each variant, and prints the results. */
void measure(const struct operation *operations, int n);

/* Prints a result: instructions, or nanoseconds, of one operation. */
void tell(const char *operation, const char *variant, double value);

#endif /* EVFD_BENCH_H */
