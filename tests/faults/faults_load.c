// SPDX-License-Identifier: GPL-2.0
/*
 * Loads evfd.ko while the 1st, 2nd, 3rd ... allocation in its initialisation fails,
 * until there is no further allocation. The load fails with ENOMEM and leaves no module,
 * or it succeeds, and the module can be unloaded. Without a fault, the module also works.
 *
 *	faults_load DIRECTORY-OF-THE-MODULE
 */
#include "nth.h"
#include "module.h"
#include "common.h"

/* A longer series shows that it never runs out of allocations. */
#define MOST	1000

#define fail(...)							\
	do {								\
		ksft_print_msg(__VA_ARGS__);				\
		ksft_exit_fail();					\
	} while (0)

/* Returns whether the loaded module makes a descriptor. */
static bool works(void)
{
	int fd = evfd_new(0, 0);

	return fd >= 0 && !close(fd);
}

/* Loads the module. Returns whether an allocation has failed. */
static bool load_once(const char *directory, int n, int *refused)
{
	bool struck;
	int ret, error;

	nth_arm(n);
	ret = load_module(directory, "evfd");
	error = errno;
	struck = nth_struck(n);
	if (!ret) {
		/* After a fault, the device's node may be missing: a kernel thread makes it. */
		if (!struck && !works())
			fail("the module was loaded, but does not work\n");
		if (unload_module("evfd"))
			fail("unload: %s\n", strerror(errno));
	} else if (!struck || error != ENOMEM) {
		fail("failure %d: the load fails with %s\n", n,
		     strerror(error));
	} else {
		++*refused;
	}
	if (!access("/sys/module/evfd", F_OK))
		fail("failure %d: the module is still there\n", n);
	return struck;
}

int main(int argc, char **argv)
{
	int n = 1, refused = 0;

	if (argc != 2)
		errx(EXIT_FAILURE, "usage: %s DIRECTORY", argv[0]);
	ksft_print_header();
	ksft_set_plan(1);
	faults_prepare();
	if (unload_module("evfd"))
		err(EXIT_FAILURE, "unload");
	nth_choose(&faults[SLAB]);
	while (n < MOST && load_once(argv[1], n, &refused))
		n++;
	ksft_test_result(n < MOST, "load: %d failures, %d refused\n", n - 1,
			 refused);
	load_module(argv[1], "evfd");
	ksft_finished();
}
