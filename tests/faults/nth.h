/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Faults in this thread: of the nth request, by /proc/PID/fail-nth, or of all requests,
 * by /proc/PID/make-it-fail.
 */
#ifndef EVFD_TESTS_NTH_H
#define EVFD_TESTS_NTH_H

#include "faults.h"

static inline int nth_file(void)
{
	static int fd = -1;

	if (fd < 0)
		fd = open("/proc/thread-self/fail-nth", O_RDWR | O_CLOEXEC);
	if (fd < 0)
		err(EXIT_FAILURE, "fail-nth");
	return fd;
}

static inline void nth_put(int n)
{
	char text[16];
	int length = snprintf(text, sizeof(text), "%d", n);

	if (pwrite(nth_file(), text, length, 0) != length)
		err(EXIT_FAILURE, "fail-nth");
}

static inline void nth_all(bool fail)
{
	put_file("/proc/thread-self/make-it-fail", fail ? "1" : "0");
}

/* Like fault_choose(), for nth_arm(). */
static inline void nth_choose(const struct fault *fault)
{
	fault_choose(fault);
	put_attribute(fault->attribute, "task-filter", "Y");
	put_attribute(fault->attribute, "interval", "1");
	put_attribute(fault->attribute, "probability", "100");
}

/* Lets the nth request for the chosen fault fail from now on, or with 0 all requests. */
static inline void nth_arm(int n)
{
	if (n)
		nth_put(n);
	else
		nth_all(true);
}

/* Ends the faults. Returns whether the nth request has failed. */
static inline bool nth_struck(int n)
{
	char text[16] = "";

	if (!n) {
		nth_all(false);
		return true;
	}
	if (pread(nth_file(), text, sizeof(text) - 1, 0) <= 0)
		err(EXIT_FAILURE, "fail-nth");
	nth_put(0);
	return atoi(text) == 0;
}

#endif /* EVFD_TESTS_NTH_H */
