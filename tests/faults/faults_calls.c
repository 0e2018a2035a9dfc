// SPDX-License-Identifier: GPL-2.0
/*
 * Makes every call while its 1st, 2nd, 3rd ... request for memory or for a copy fails,
 * until it makes no further request, and while all requests fail. Each time, the call
 * succeeds or fails with the error of the fault, and leaves no reference. A failed call
 * has lost no data: made again, it has its full result. The exception is a signal, which
 * is taken before its record is copied: see lost_signals().
 */
#include "cells.h"
#include "operations.h"
#include "records.h"

#include <sched.h>
#include <sys/wait.h>

#include "nth.h"
#include "strike.h"

/* The eventfds that use up the IDs without memory, and the IDs with little memory. */
#define FEW	63
#define MANY	1024

/* A longer series shows that it never runs out of requests. */
#define MOST		200

enum outcome { REFUSED, DONE, NONE_LEFT, WRONG };

static enum outcome wrong(const char *what, long ret)
{
	ksft_print_msg("%s: %ld, %s\n", what, ret, strerror(errno));
	return WRONG;
}

/*
 * For each signal, a read faults the memory in, takes the signal, and copies its record.
 * If the copy fails, the signal is lost: see "Reading" of signals in
 * Documentation/design/signalfd.rst.
 */
static int lost_signals(const struct operation *operation, const struct fault *fault, int n)
{
	/* A TAKE copies its argument and operation first, and faults in its result, too. */
	if (operation->call == take_signal)
		return fault->err == EFAULT && n == 5;
	return fault->err == EFAULT && n && n % 2 == 0;
}

static enum outcome make_call(const struct operation *operation,
			      const struct fault *fault, int n)
{
	struct scene scene = { };
	enum outcome outcome;
	bool struck;
	long ret;
	int error;

	nth_file();
	if (!operation->prepare(&scene))
		return wrong("the preparation failed", 0);
	nth_arm(n);
	ret = operation->call(&scene);
	error = errno;
	struck = nth_struck(n);
	errno = error;
	if (ret < 0 && !struck)
		return wrong("an error without a fault", ret);
	if (ret < 0 && error != fault->err)
		return wrong("another error", ret);
	scene.lost = struck ? lost_signals(operation, fault, n) : 0;
	outcome = ret < 0 ? REFUSED : struck ? DONE : NONE_LEFT;
	if (outcome == REFUSED)
		ret = operation->call(&scene);
	if (ret < 0 || !operation->check(&scene, ret))
		return wrong("a wrong result", ret);
	return outcome;
}

/* Makes the call in a separate process, which releases everything at its end. */
static enum outcome make_call_apart(const struct operation *operation,
				    const struct fault *fault, int n)
{
	pid_t child = fork();
	int status;

	if (!child) {
		/* Ends a call that hangs. */
		alarm(60);
		_exit(make_call(operation, fault, n));
	}
	if (waitpid(child, &status, 0) != child || !WIFEXITED(status)) {
		ksft_print_msg("the process was killed: status %#x\n", status);
		return WRONG;
	}
	return WEXITSTATUS(status);
}

/*
 * The allocator makes silent requests of its own, in some calls and not in others. Such a
 * request moves those behind it, so that the nth may never have failed. The call is then made
 * again.
 */
#define SILENT_TURNS	3

static bool series(const struct operation *operation, const struct fault *fault,
		   int *n, int *refused)
{
	long references = module_references();
	enum outcome outcome;
	struct strike strike;
	int silent = 0;

	for (*n = 0; *n < MOST; *n += !silent) {
		outcome = make_call_apart(operation, fault, *n);
		if (outcome == NONE_LEFT)
			return true;
		strike = strike_read();
		if (!wait_for(module_references() == references)) {
			ksft_print_msg("references are left\n");
			outcome = WRONG;
		}
		if (outcome == WRONG) {
			ksft_print_msg("failure %d (0: all), at %s\n", *n,
				       strike.site);
			return false;
		}
		silent = *n && !strike.seen ? (silent + 1) % SILENT_TURNS : 0;
		*refused += *n && outcome == REFUSED;
	}
	ksft_print_msg("the failures do not end\n");
	return false;
}

static void run(const struct operation *operation, const struct fault *fault)
{
	int n, refused = 0;
	bool well = series(operation, fault, &n, &refused);

	ksft_test_result(well, "%s, %s: %d failures, %d refused\n",
			 operation->name, fault->name, n ? n - 1 : 0, refused);
}

static void run_all(const struct fault *fault)
{
	for (size_t i = 0; i < ARRAY_SIZE(operations); i++)
		run(&operations[i], fault);
	for (size_t i = 0; i < ARRAY_SIZE(cell_operations); i++)
		run(&cell_operations[i], fault);
	for (size_t i = 0; i < ARRAY_SIZE(record_operations); i++)
		run(&record_operations[i], fault);
}

/* Holds eventfds with IDs, because an ID beyond those used before takes memory. */
static void hold(int most)
{
	static int held;

	for (; held < most; held++) {
		if (id_of(evfd_new(0, 0)) < 0)
			errx(EXIT_FAILURE, "eventfd %d has no ID", held);
	}
}

/* The allocator keeps free memory for each processor. */
static void stay_on_a_processor(void)
{
	cpu_set_t set;

	CPU_ZERO(&set);
	CPU_SET(0, &set);
	if (sched_setaffinity(0, sizeof(set), &set))
		err(EXIT_FAILURE, "sched_setaffinity");
}

static void allow_many_descriptors(void)
{
	struct rlimit limit = { 4 * MANY, 4 * MANY };

	if (setrlimit(RLIMIT_NOFILE, &limit))
		err(EXIT_FAILURE, "RLIMIT_NOFILE");
}

int main(void)
{
	static const int amounts[] = { FEW, MANY };

	setenv("EVFD_IMPL", "evfd", 1);
	stay_on_a_processor();
	ksft_print_header();
	ksft_set_plan(FAULTS * (ARRAY_SIZE(operations) + ARRAY_SIZE(cell_operations) +
				ARRAY_SIZE(record_operations)) +
		      ARRAY_SIZE(amounts));
	faults_prepare();
	strike_prepare();
	allow_many_descriptors();
	nth_choose(&faults[COPY]);
	run_all(&faults[COPY]);
	nth_choose(&faults[PAGES]);
	run_all(&faults[PAGES]);
	nth_choose(&faults[SLAB]);
	run_all(&faults[SLAB]);
	for (size_t i = 0; i < ARRAY_SIZE(amounts); i++) {
		hold(amounts[i]);
		run(&operations[0], &faults[SLAB]);
	}
	sites_print();
	ksft_finished();
}
