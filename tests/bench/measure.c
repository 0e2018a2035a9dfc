// SPDX-License-Identifier: GPL-2.0
/*
 * Measuring by the clock, which counts instructions under --icount.
 *
 * The result is the median of several batches. A batch is long enough for all batches
 * to have the same number of timer interrupts, and the same amount of deferred frees.
 * Where descriptors must be made ready before each batch, it is short instead, and most
 * batches have no interrupt.
 */
#include "bench.h"

#include <unistd.h>

#define WARM_UP		200
#define BATCHES		5
#define BATCH_NS	8000000		/* two ticks of a kernel with HZ=250 */
#define LONG_BATCH_NS	48000000
#define SHORT_BATCHES	25

const char *const variant_names[VARIANTS] = { "floor", "native", "evfd", "pipe", "io_uring" };

const char *measured_table = "speed";

void bench_failed(const char *what, const char *file, int line)
{
	fprintf(stderr, "%s:%d: does not hold: %s (%m)\n", file, line, what);
	exit(1);
}

void wait_for_boot(void)
{
	sleep(20);
}

static int compare(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

double median(double *values, int n)
{
	qsort(values, n, sizeof(*values), compare);
	return n % 2 ? values[n / 2] : (values[n / 2 - 1] + values[n / 2]) / 2;
}

void tell(const char *operation, const char *variant, double value)
{
	printf("%s\t%s\t%s\t%.1f\n", measured_table, operation, variant, value);
	fflush(stdout);
}

/* Returns the nanoseconds per run. */
static double batch(const struct operation *operation, struct rig *rig, int times)
{
	void (*run)(struct rig *rig, int i) = operation->run[rig->variant];
	int64_t start;

	if (operation->prepare)
		operation->prepare(rig);
	start = now_ns();
	for (int i = 0; i < times; i++)
		run(rig, i);
	return (double)(now_ns() - start) / times;
}

static double measure_one(const struct operation *operation, struct rig *rig)
{
	int times = operation->times, batches = SHORT_BATCHES;
	double values[SHORT_BATCHES];

	if (!operation->prepare) {
		batches = BATCHES;
		times = (operation->frees ? LONG_BATCH_NS : BATCH_NS) /
			batch(operation, rig, WARM_UP) + 1;
	}
	batch(operation, rig, operation->prepare ? times : WARM_UP);
	for (int i = 0; i < batches; i++)
		values[i] = batch(operation, rig, times);
	return median(values, batches) / (operation->parts ? operation->parts : 1);
}

static void close_all(struct rig *rig)
{
	close(rig->epoll);
	close(rig->in);
	if (rig->out != rig->in)
		close(rig->out);
	for (int i = 0; i < rig->n; i++)
		close(rig->many[i]);
}

void measure(const struct operation *operations, int n)
{
	for (const struct operation *op = operations; op < operations + n; op++) {
		for (int i = 0; i < VARIANTS; i++) {
			struct rig rig = {
				.variant = i, .in = -1, .out = -1, .epoll = -1,
			};

			if (!op->run[i])
				continue;
			op->setup(&rig);
			tell(op->name, variant_names[i], measure_one(op, &rig));
			if (op->teardown)
				op->teardown(&rig);
			close_all(&rig);
		}
	}
}
