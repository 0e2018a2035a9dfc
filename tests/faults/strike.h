/* SPDX-License-Identifier: GPL-2.0 */
/*
 * An injected failure in the kernel's trace buffer: its stack, and the result of the
 * system call around it.
 *
 * Tracing of system calls begins with the failure. Later events that do not fit into the
 * buffer are dropped.
 */
#ifndef EVFD_TESTS_STRIKE_H
#define EVFD_TESTS_STRIKE_H

#include "faults.h"

#define SYS_EXIT	TRACEFS "/events/raw_syscalls/sys_exit/enable"
#define CONSOLE		TRACEFS "/events/printk/console"
#define FORCING		"FAULT_INJECTION: forcing a failure"
#define TRIGGER(what)	what " if msg ~ \"*" FORCING "*\""

struct strike {
	bool seen;	/* unset for allocations that may fail silently */
	bool returned;	/* from the system call; unset in a kernel thread */
	bool paging;	/* the failure was in a page fault */
	int pid;
	long ret;
	char site[512];	/* the innermost function of the module */
};

/* The calls in the module that were on the stack of a failure. */
#define MOST_SITES	1024
static char *sites[MOST_SITES];
static size_t site_count;

static inline void strike_clear(void)
{
	put_file(SYS_EXIT, "0");
	put_file(TRACEFS "/trace", "\n");
}

/* An earlier program may have set the same trigger. */
static inline void put_trigger(const char *trigger)
{
	int fd = open(CONSOLE "/trigger", O_WRONLY | O_CLOEXEC);
	ssize_t length = strlen(trigger);

	if (fd < 0 || (write(fd, trigger, length) != length && errno != EEXIST))
		err(EXIT_FAILURE, "trigger: %s", trigger);
	close(fd);
}

static inline void strike_prepare(void)
{
	put_file(TRACEFS "/options/overwrite", "0");
	put_file(TRACEFS "/options/sym-offset", "1");
	put_trigger(TRIGGER("stacktrace"));
	put_trigger(TRIGGER("enable_event:raw_syscalls:sys_exit"));
	put_file(CONSOLE "/enable", "1");
	strike_clear();
}

static inline void site_add(const char *site)
{
	for (size_t i = 0; i < site_count; i++) {
		if (!strcmp(sites[i], site))
			return;
	}
	if (site_count < MOST_SITES)
		sites[site_count++] = strdup(site);
}

/* Prints a line per call, to compare with the list of all calls. */
static inline void sites_print(void)
{
	for (size_t i = 0; i < site_count; i++)
		printf("# site %s\n", sites[i]);
}

/* " => function+0x12/0x34 [evfd]" */
static inline void strike_frame(struct strike *strike, const char *line)
{
	char function[512];

	if (strstr(line, "exc_page_fault"))
		strike->paging = true;
	if (!strstr(line, "[evfd]") ||
	    sscanf(line, " => %511[^/ ]", function) != 1)
		return;
	if (!strike->site[0])
		memcpy(strike->site, function, sizeof(function));
	site_add(function);
}

/* "  comm-123   [001] d....   1.2: event: ...": the 123, or 0. */
static inline int trace_pid(const char *line)
{
	const char *end = strstr(line, " [");
	const char *dash = end;

	while (dash && dash > line && *dash != '-')
		dash--;
	return dash && *dash == '-' ? atoi(dash + 1) : 0;
}

static inline void strike_line(struct strike *strike, const char *line)
{
	const char *ret;

	if (!strncmp(line, " => ", 4)) {
		if (!strike->returned)
			strike_frame(strike, line);
	} else if (strstr(line, FORCING)) {
		strike->seen = true;
		strike->pid = trace_pid(line);
	} else if (strike->seen && strstr(line, "sys_exit: ") &&
		   trace_pid(line) == strike->pid) {
		ret = strstr(line, " = ");
		strike->returned = ret;
		strike->ret = ret ? atol(ret + 3) : 0;
	}
}

/* Returns the result of the failure, and clears it. */
static inline struct strike strike_read(void)
{
	FILE *file = fopen(TRACEFS "/trace", "re");
	struct strike strike = { };
	char line[1024];

	if (!file)
		err(EXIT_FAILURE, TRACEFS "/trace");
	while (!strike.returned && fgets(line, sizeof(line), file))
		strike_line(&strike, line);
	fclose(file);
	strike_clear();
	return strike;
}

#endif /* EVFD_TESTS_STRIKE_H */
