// SPDX-License-Identifier: GPL-2.0
/*
 * Growth of the cost per kevent with the number of kevents in a queue. Prints
 * "queue growth", the kind, the phase, the variant, the number of kevents and nanoseconds
 * per kevent, separated by tabs.
 */
#include "bench.h"

#include <unistd.h>

#include <evfd/kevent.h>

#define MOST		1000000
#define OPS		64
#define TIMES		3

/* HZ is 250: an interrupt that begins this long after a tick ends well before the next. */
#define TICK_NS		4000000
#define IN_A_TICK_NS	1000000

enum phase {
	ADD,
	FIRE,
	REMOVE,
	PHASES,
};

static const char *const phase_names[PHASES] = { "add", "fire+consume", "remove" };

static struct kevent_queue queue;
static struct kevent_op ops[OPS];
static uint64_t handles[MOST];

/* Does an operation of each kevent, in batches. @set sets the operation of one. */
static void for_each(int n, void (*set)(struct kevent_op *op, int i))
{
	for (int first = 0; first < n; first += OPS) {
		int some = n - first < OPS ? n - first : OPS;

		for (int i = 0; i < some; i++)
			set(&ops[i], first + i);
		must(kevent_submit(&queue, ops, some) == some);
		for (int i = 0; i < some; i++) {
			must(!ops[i].result);
			if (ops[i].op == KEVENT_OP_ADD)
				handles[first + i] = ops[i].handle;
		}
	}
}

static int64_t expires;

static void set_add_timer(struct kevent_op *op, int i)
{
	*op = kevent_op_add(KEVENT_TIMER, CLOCK_MONOTONIC, i, KEVENT_TIMER_FIRED,
			    KEVENT_TIMER_ABSTIME);
	op->arg[0] = expires;
}

static void set_add_user(struct kevent_op *op, int i)
{
	*op = kevent_op_add(KEVENT_USER, 0, i, 1, 0);
}

static void set_ready(struct kevent_op *op, int i)
{
	*op = kevent_op_ready(handles[i], 1);
}

static void set_remove(struct kevent_op *op, int i)
{
	*op = kevent_op_remove(handles[i]);
}

static void consume(int n)
{
	struct kevent_event event;

	while (n) {
		if (kevent_next(&queue, &event))
			n--;
	}
}

static void add_timers(int n)
{
	int64_t ticks = (now_ns() + n * INT64_C(4000)) / TICK_NS + 3;

	expires = ticks * TICK_NS + IN_A_TICK_NS;
	for_each(n, set_add_timer);
}

/* Sleeping takes no instructions. */
static void sleep_until(int64_t at)
{
	struct timespec time = { at / 1000000000, at % 1000000000 };

	must(!clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &time, NULL));
}

static int64_t fire_timers(int n)
{
	sleep_until(expires - IN_A_TICK_NS);
	must(now_ns() < expires);
	while (now_ns() < expires)
		;
	consume(n);
	return now_ns() - expires;
}

static void add_users(int n)
{
	for_each(n, set_add_user);
}

static int64_t raise_users(int n)
{
	int64_t start = now_ns();

	for_each(n, set_ready);
	consume(n);
	return now_ns() - start;
}

struct kind {
	const char *name;
	void (*add)(int n);
	int64_t (*fire)(int n);
};

static const struct kind kinds[] = {
	{ "kevent timer", add_timers, fire_timers },
	{ "kevent user", add_users, raise_users },
};

static void live(const struct kind *kind, int n, double *ns)
{
	int64_t start;

	must(!kevent_open(&queue, n, 0));
	start = now_ns();
	kind->add(n);
	ns[ADD] = now_ns() - start;
	ns[FIRE] = kind->fire(n);
	start = now_ns();
	for_each(n, set_remove);
	ns[REMOVE] = now_ns() - start;
	kevent_close(&queue);
	sleep(1);
}

static void tell_queue_growth(const struct kind *kind, int n)
{
	double values[PHASES][TIMES], ns[PHASES];
	int times = n < MOST ? TIMES : 1;

	for (int i = 0; i < times; i++) {
		live(kind, n, ns);
		for (int phase = 0; phase < PHASES; phase++)
			values[phase][i] = ns[phase] / n;
	}
	for (int phase = 0; phase < PHASES; phase++)
		printf("queue growth\t%s\t%s\tevfd\t%d\t%.1f\n", kind->name, phase_names[phase],
		       n, median(values[phase], times));
	fflush(stdout);
}

int main(void)
{
	static const int numbers[] = { 1000, 10000, 100000, MOST };

	memset(handles, 1, sizeof(handles));
	wait_for_boot();
	for (size_t i = 0; i < ARRAY_SIZE(kinds); i++) {
		for (size_t k = 0; k < ARRAY_SIZE(numbers); k++)
			tell_queue_growth(&kinds[i], numbers[k]);
	}
	return 0;
}
