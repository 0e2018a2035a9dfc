// SPDX-License-Identifier: GPL-2.0
/*
 * An unprivileged user harms the others as much as possible. They must keep as much
 * as with native, and the user must be charged for all memory.
 *
 *	stress_abuse SECONDS BAD-CALLS DESCRIPTORS MEMORY-LIMIT
 */
#include "abuse_cells.h"
#include "abuse_log.h"
#include "abuse_memory.h"
#include "abuse_queues.h"
#include "abuse_records.h"

#define PRINTK	"/proc/sys/kernel/printk"

/*
 * The kernel logs a call trace when it kills the process, which is not a bug. Only
 * errors reach the console meanwhile.
 */
static void test_limit_quietly(const char *limit)
{
	write_file(PRINTK, "4");
	test_limit(limit, take_all);
	test_limit(limit, take_large_queue);
	test_limit(limit, take_all_cells);
	test_limit(limit, take_all_records);
	write_file(PRINTK, "8");
}

int main(int argc, char **argv)
{
	if (argc != 5) {
		fprintf(stderr, "usage: %s SECONDS BAD-CALLS DESCRIPTORS MEMORY-LIMIT\n",
			argv[0]);
		return KSFT_FAIL;
	}
	sample = atoi(argv[3]);
	shared = mmap(NULL, sizeof(*shared), PROT_READ | PROT_WRITE,
		      MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (shared == MAP_FAILED || !raise_files())
		ksft_exit_fail_msg("can't raise the limit of open files\n");

	ksft_print_header();
	ksft_set_plan(ARRAY_SIZE(takes) + 8 + 1 + 2 + 4 + ARRAY_SIZE(watches) +
		      ARRAY_SIZE(bads));
	test_charges();
	test_cells();
	test_records();
	test_large_queue();
	test_limit_quietly(argv[4]);
	test_timers(atoll(argv[1]) * 1000);
	test_queues(atoll(argv[1]) * 1000);
	test_cells_in_time(atoll(argv[1]) * 1000);
	test_records_in_time(atoll(argv[1]) * 1000);
	test_watchers();
	test_log(atoi(argv[2]));
	ksft_finished();
}
