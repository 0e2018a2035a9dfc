// SPDX-License-Identifier: GPL-2.0
/*
 * Very many timers: each operation on all of them takes time in proportion to their number.
 */
#include "many.h"

/* Operations on all timers. */
enum { MAKE, ARM, STEP, FIRE, PERIOD, CLOSE, PHASES };

static const char * const phase_names[] = {
	"make", "arm", "step", "fire", "period", "close",
};

struct many {
	int *fds;
	int n, id, device;
	int64_t began;
	int64_t ns[PHASES];
};

/* Ends a phase and begins the next. Returns good, and reports a failure. */
static bool phase(struct many *many, int which, bool good)
{
	int64_t now = tfd_clock(CLOCK_MONOTONIC);

	many->ns[which] = now - many->began;
	many->began = now;
	if (!good)
		fprintf(stderr, "# with %d timers, this failed: %s\n", many->n,
			phase_names[which]);
	return good;
}

static bool make_all(struct many *many)
{
	for (int i = 0; i < many->n; i++) {
		many->fds[i] = many_new(many->device, many->id);
		if (many->fds[i] < 0)
			return false;
	}
	return true;
}

/* Arms all timers for times from FAR_NS on, in no order. */
static bool arm_all(struct many *many, int flags, int64_t interval)
{
	int64_t first = tfd_clock(CLOCK_REALTIME) + FAR_NS;

	for (int i = 0; i < many->n; i++) {
		int64_t when = first + i * INT64_C(7919) % many->n * 1000;

		if (tfd_arm(many->fds[i], flags | TFD_TIMER_ABSTIME, when, interval))
			return false;
	}
	return true;
}

/* Steps the clock, and checks that a read of each timer returns want. */
static bool step_all(struct many *many, int64_t ns, int64_t want)
{
	if (!step_by_adjtimex(ns))
		return false;
	for (int i = 0; i < many->n; i++) {
		if (want > 0 && !tfd_expires(many->fds[i]))
			return false;
		if (tfd_ticks(many->fds[i]) != want)
			return false;
	}
	return true;
}

/* Steps the clock while a thread waits for the timer that was armed last. */
static bool cancel_all(struct many *many)
{
	struct call waiter = {
		.make = call_poll, .fd = many->fds[many->n - 1], .value = POLLIN,
	};

	if (!call_start_blocked(&waiter))
		return false;
	many->began = tfd_clock(CLOCK_MONOTONIC);
	return step_by_adjtimex(STEP_NS) && call_ends(&waiter) &&
	       step_all(many, STEP_NS, -ECANCELED);
}

static bool close_all(struct many *many)
{
	bool good = true;

	for (int i = 0; i < many->n; i++)
		good = !close(many->fds[i]) && good;
	return good;
}

/* Measures each phase with n timers. */
static bool measure(struct many *many, int n)
{
	bool good;

	many->n = n;
	many->fds = calloc(n, sizeof(*many->fds));
	many->began = tfd_clock(CLOCK_MONOTONIC);
	good = many->fds && clock_restore() &&
	       phase(many, MAKE, make_all(many)) &&
	       phase(many, ARM, arm_all(many, TFD_CANCEL, 0)) &&
	       phase(many, STEP, cancel_all(many)) &&
	       arm_all(many, 0, FAR_NS);
	many->began = tfd_clock(CLOCK_MONOTONIC);
	good = good && phase(many, FIRE, step_all(many, 2 * FAR_NS - STEP_NS, 1)) &&
	       phase(many, PERIOD, step_all(many, 7 * FAR_NS, 7)) &&
	       arm_all(many, TFD_CANCEL, 0);
	many->began = tfd_clock(CLOCK_MONOTONIC);
	good = good && phase(many, CLOSE, close_all(many));
	free(many->fds);
	return good && clock_restore();
}

FIXTURE(many)
{
	int few, all, device;
};

FIXTURE_VARIANT(many)
{
	int id;
	bool all;
};

FIXTURE_VARIANT_ADD(many, realtime)
{
	.id = CLOCK_REALTIME,
	.all = true,
};

FIXTURE_VARIANT_ADD(many, realtime_alarm)
{
	.id = CLOCK_REALTIME_ALARM,
};

FIXTURE_SETUP(many)
{
	/* One configuration with 100000 timers is enough. */
	self->all = 20000;
	if (kernel_checks_itself())
		self->all = 3000;
	else if (variant->all && impl_is_evfd() && sizeof(long) == 8)
		self->all = 100000;
	self->few = self->all / 5;
	ASSERT_TRUE(many_allow(self->all));
	self->device = many_open(impl_is_evfd());
}

FIXTURE_TEARDOWN(many)
{
	close(self->device);
	clock_restore();
}

/*
 * Five times as many timers take five times as long, and a little more. If the time for
 * each grew with their number, the ratio would be 25. Another process may take the
 * processor away, so a phase fails only if its ratio is too large in each try.
 */
#define RATIO_MAX	13
#define TRIES		4

TEST_F_TIMEOUT(many, time_in_proportion, 120)
{
	struct many few = { .id = variant->id, .device = self->device };
	struct many all = few;
	bool linear[PHASES] = { };

	for (int try = 0, left = PHASES; try < TRIES && left; try++) {
		ASSERT_TRUE(measure(&few, self->few));
		ASSERT_TRUE(measure(&all, self->all));
		left = PHASES;
		for (int i = 0; i < PHASES; i++) {
			if (all.ns[i] <= RATIO_MAX * few.ns[i])
				linear[i] = true;
			left -= linear[i];
		}
	}
	for (int i = 0; i < PHASES; i++) {
		EXPECT_TRUE(linear[i]) {
			TH_LOG("%s: %d take %lld ns, %d take %lld ns",
			       phase_names[i], few.n, (long long)few.ns[i],
			       all.n, (long long)all.ns[i]);
		}
	}
}

TEST_HARNESS_MAIN
