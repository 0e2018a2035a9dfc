/* SPDX-License-Identifier: GPL-2.0 */
/*
 * An unprivileged user in a memory cgroup of their own, with descriptors of
 * either implementation.
 */
#ifndef STRESS_ABUSE_H
#define STRESS_ABUSE_H

#include "signal.h"
#include "timer.h"

#include <sys/stat.h>
#include <sys/wait.h>

#define CGROUP		"/sys/fs/cgroup/abuse"
#define UNPRIVILEGED	12345

/* A time that does not come, on any clock. */
#define NEVER_NS	(INT64_C(0x100000000) * NS_PER_S)

/* What the processes tell each other. */
static struct shared {
	_Atomic bool ready, stop;
	_Atomic int made, error;
	_Atomic uint64_t count;
} *shared;

static inline bool write_file(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY | O_CLOEXEC);
	ssize_t length = strlen(text);
	bool good = fd >= 0 && write(fd, text, length) == length;

	if (fd >= 0)
		close(fd);
	return good;
}

/* The number behind a word in a file; without a word, the first. */
static inline int64_t number_in(const char *path, const char *word)
{
	FILE *file = fopen(path, "re");
	long long number = -1;
	char line[256];

	if (!file)
		return -1;
	while (number < 0 && fgets(line, sizeof(line), file)) {
		size_t length = word ? strlen(word) : 0;

		if (!length || !strncmp(line, word, length))
			number = atoll(line + length);
	}
	fclose(file);
	return number;
}

static inline int64_t charged(void)
{
	return number_in(CGROUP "/memory.current", NULL);
}

/* Of the whole system, in bytes. */
static inline int64_t slab(void)
{
	return number_in("/proc/meminfo", "Slab:") * 1024;
}

static inline bool cgroup_make(const char *limit)
{
	rmdir(CGROUP);
	return write_file("/sys/fs/cgroup/cgroup.subtree_control", "+memory") &&
	       !mkdir(CGROUP, 0755) && write_file(CGROUP "/memory.max", limit);
}

static inline void cgroup_remove(void)
{
	wait_for(!rmdir(CGROUP));
}

/*
 * As many open files as can be had, so that it is memory that ends them; a child
 * keeps that when it is nobody.
 */
static inline bool raise_files(void)
{
	struct rlimit files = {
		.rlim_cur = number_in("/proc/sys/fs/nr_open", NULL),
	};

	files.rlim_max = files.rlim_cur;
	return write_file("/proc/sys/fs/file-max", "9223372036854775807") &&
	       !setrlimit(RLIMIT_NOFILE, &files);
}

/* Forks the user: they do, and wait until they are stopped. */
static inline pid_t user_start(const char *impl, void (*does)(const void *arg),
			       const void *arg, bool in_cgroup)
{
	pid_t child;

	shared->ready = false;
	shared->stop = false;
	shared->made = 0;
	shared->error = 0;
	shared->count = 0;
	child = fork_child();
	if (child)
		return child;
	if ((in_cgroup && !write_file(CGROUP "/cgroup.procs", "0")) ||
	    setgid(UNPRIVILEGED) || setuid(UNPRIVILEGED))
		_exit(1);
	/* Another user than before has no death signal any more. */
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	setenv("EVFD_IMPL", impl, 1);
	does(arg);
	shared->ready = true;
	while (!shared->stop)
		sleep_ms(10);
	_exit(0);
}

static inline bool is_dead(pid_t user)
{
	siginfo_t info = { };

	return !waitid(P_PID, user, &info, WEXITED | WNOHANG | WNOWAIT) &&
	       info.si_pid == user;
}

/*
 * Whether the user is ready, or has been killed. What a user does takes longer
 * than anything else that is waited for.
 */
static inline bool user_is_ready(pid_t user)
{
	for (int i = 0; i < 60; i++) {
		if (wait_for(shared->ready || is_dead(user)))
			return true;
	}
	return false;
}

static inline int user_end(pid_t user)
{
	int status = -1;

	shared->stop = true;
	waitpid(user, &status, 0);
	return status;
}

#endif /* STRESS_ABUSE_H */
