// SPDX-License-Identifier: GPL-2.0
/*
 * Makes a descriptor of each kind, and exits with STATUS: one [STATUS [fork]]. With fork,
 * a child does the same, and ends with _exit().
 */
#include "preload.h"

static void make(void)
{
	sigset_t set;

	sigemptyset(&set);
	if (eventfd(0, 0) < 0 || timerfd_create(CLOCK_MONOTONIC, 0) < 0 ||
	    signalfd(-1, &set, 0) < 0)
		_exit(1);
}

int main(int argc, char **argv)
{
	int status = 0;

	make();
	if (argc > 2) {
		if (!fork()) {
			make();
			_exit(0);
		}
		wait(&status);
	}
	return status ? 1 : argc > 1 ? atoi(argv[1]) : 0;
}
