// SPDX-License-Identifier: GPL-2.0
/*
 * The words in EVFD_PRELOAD, separated by commas:
 *
 * strict: end the program if the device is missing, instead of using the
 * system's own descriptors.
 *
 * trace: when the program ends, print to standard error the number of descriptors made by
 * the program and its forked children. With trace=FILE, append the line to FILE.
 */
#include "preload.h"
#include "raw.h"

#include <fcntl.h>
#include <linux/evfd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

static unsigned int own_counts[MADE_KINDS];

/* Shared with the children, to count their descriptors too. */
static unsigned int *counts = own_counts;

/* The process that prints the trace: the first process of the program. */
static pid_t teller;

/* Returns the value of a word in EVFD_PRELOAD, and its length; NULL without the word. */
static const char *word(const char *name, size_t *length)
{
	const char *at = secure_getenv("EVFD_PRELOAD");
	size_t size = strlen(name), end;

	for (; at && *at; at += end + (at[end] == ',')) {
		end = strcspn(at, ",");
		if (end < size || strncmp(at, name, size))
			continue;
		if (end > size && at[size] != '=')
			continue;
		at += size + (end > size);
		*length = end - size - (end > size);
		return at;
	}
	return NULL;
}

void count(enum made kind)
{
	__atomic_fetch_add(&counts[kind], 1, __ATOMIC_RELAXED);
}

void device_is_missing(long error)
{
	size_t length;
	char text[160];
	int n;

	if (!word("strict", &length))
		return;
	n = snprintf(text, sizeof(text), "%s: evfd-preload: /dev/" EVFD_DEVICE_NAME
		     " can't be used: %s\n", program_invocation_short_name,
		     strerrordesc_np(-error));
	raw(__NR_write, STDERR_FILENO, (long)text, n, 0, 0);
	abort();
}

/* Opens the output of the trace. Returns a descriptor or -errno. */
static long trace_output(const char *file, size_t length)
{
	char name[4096];

	if (!length)
		return raw(__NR_dup, STDERR_FILENO, 0, 0, 0, 0);
	if (length >= sizeof(name))
		return -ENAMETOOLONG;
	memcpy(name, file, length);
	name[length] = '\0';
	return raw(__NR_openat, AT_FDCWD, (long)name,
		   O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0666, 0);
}

__attribute__((destructor)) static void tell(void)
{
	const char *file;
	size_t length;
	char text[256];
	long fd;
	int n;

	file = word("trace", &length);
	if (!file || teller != getpid())
		return;
	fd = trace_output(file, length);
	if (fd < 0)
		return;
	n = snprintf(text, sizeof(text),
		     "evfd-preload: %s: %u eventfd, %u timerfd, %u signalfd, %u by the system\n",
		     program_invocation_short_name, counts[MADE_EVENTFD],
		     counts[MADE_TIMERFD], counts[MADE_SIGNALFD],
		     counts[MADE_BY_SYSTEM]);
	raw(__NR_write, fd, (long)text, n, 0, 0);
	raw(__NR_close, fd, 0, 0, 0, 0);
}

static void share_counts(void)
{
	unsigned int *shared;

	shared = mmap(NULL, sizeof(own_counts), PROT_READ | PROT_WRITE,
		      MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (shared == MAP_FAILED)
		return;
	memcpy(shared, own_counts, sizeof(own_counts));
	counts = shared;
}

__attribute__((constructor)) static void start(void)
{
	size_t length;
	int saved = errno;

	if (word("trace", &length)) {
		teller = getpid();
		share_counts();
	}
	if (word("strict", &length) && access("/dev/" EVFD_DEVICE_NAME, R_OK))
		device_is_missing(-errno);
	errno = saved;
}
