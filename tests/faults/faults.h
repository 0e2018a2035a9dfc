/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Failures by the kernel's fault injection, limited to requests with a module on the
 * call stack. evfd.ko is the only module where these programs run.
 */
#ifndef EVFD_TESTS_FAULTS_H
#define EVFD_TESTS_FAULTS_H

#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include <dirent.h>
#include <err.h>
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <unistd.h>

#define DEBUGFS		"/sys/kernel/debug"
#define TRACEFS		"/sys/kernel/tracing"

/* Documentation/arch/x86/x86_64/mm.rst: the module mapping space. */
#define MODULES_START	"0xffffffffa0000000"
#define MODULES_END	"0xffffffffff000000"

struct fault {
	const char *name;	/* for messages */
	const char *attribute;	/* its directory in debugfs */
	int err;		/* the error of a call that fails for it */
	bool alike;		/* each request takes 1 of the attribute's "space" */
};

/* faults_runs makes the first two. */
enum { SLAB, COPY, FAULTS_OF_RUNS, PAGES = FAULTS_OF_RUNS, FAULTS };

static const struct fault faults[FAULTS] = {
	[SLAB] = { "memory", "failslab", ENOMEM },
	[COPY] = { "copy", "fail_usercopy", EFAULT, .alike = true },
	[PAGES] = { "pages", "fail_page_alloc", ENOMEM },
};

static inline void put_file(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY | O_TRUNC | O_CLOEXEC);
	ssize_t length = strlen(text);

	if (fd < 0 || write(fd, text, length) != length)
		err(EXIT_FAILURE, "%s: %s", path, text);
	close(fd);
}

static inline long get_number(const char *path)
{
	FILE *file = fopen(path, "re");
	long number;

	if (!file || fscanf(file, "%ld", &number) != 1)
		err(EXIT_FAILURE, "%s", path);
	fclose(file);
	return number;
}

static inline void put_attribute(const char *attribute, const char *name,
				 const char *text)
{
	char path[512];

	snprintf(path, sizeof(path), DEBUGFS "/%s/%s", attribute, name);
	put_file(path, text);
}

static inline void put_attribute_number(const char *attribute, const char *name,
					long number)
{
	char text[32];

	snprintf(text, sizeof(text), "%ld", number);
	put_attribute(attribute, name, text);
}

/* Disables an attribute, in all the ways it may have been enabled. */
static inline void fault_off(const char *attribute)
{
	put_attribute(attribute, "probability", "0");
	put_attribute(attribute, "task-filter", "N");
	put_attribute(attribute, "require-start", "1");
	put_attribute(attribute, "stacktrace-depth", "0");
	put_attribute(attribute, "space", "0");
}

/* Lets only this fault happen, and only with a module on the call stack. */
static inline void fault_choose(const struct fault *fault)
{
	struct dirent *entry;
	DIR *dir = opendir(DEBUGFS);

	if (!dir)
		err(EXIT_FAILURE, DEBUGFS);
	while ((entry = readdir(dir))) {
		if (!strncmp(entry->d_name, "fail", 4))
			fault_off(entry->d_name);
	}
	closedir(dir);
	if (fault->err == ENOMEM)
		put_attribute(fault->attribute, "ignore-gfp-wait", "N");
	if (fault == &faults[PAGES])
		put_attribute(fault->attribute, "min-order", "0");
	put_attribute(fault->attribute, "verbose", "1");
	put_attribute(fault->attribute, "times", "-1");
	put_attribute(fault->attribute, "require-start", MODULES_START);
	put_attribute(fault->attribute, "require-end", MODULES_END);
	put_attribute(fault->attribute, "stacktrace-depth", "32");
}

/* Keeps the messages of faults off the console, but not warnings. */
static inline void faults_prepare(void)
{
	if (access(TRACEFS "/trace", F_OK))
		mount("tracefs", TRACEFS, "tracefs", 0, NULL);
	put_file("/proc/sys/kernel/printk", "5");
	put_file("/sys/kernel/rcu_expedited", "1");
}

/* Returns the number of references on the module. */
static inline long module_references(void)
{
	return get_number("/sys/module/evfd/refcnt");
}

#endif /* EVFD_TESTS_FAULTS_H */
