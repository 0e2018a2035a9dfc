/* SPDX-License-Identifier: GPL-2.0 */
/*
 * An unprivileged user in a separate memory cgroup, with descriptors of either
 * implementation.
 */
#ifndef STRESS_ABUSE_H
#define STRESS_ABUSE_H

#include "kevent_raw.h"
#include "signal.h"
#include "timer.h"

#include <sys/stat.h>
#include <sys/wait.h>

#define CGROUP		"/sys/fs/cgroup/abuse"
#define UNPRIVILEGED	12345

/* An expiry that no clock reaches. */
#define NEVER_NS	(INT64_C(0x100000000) * NS_PER_S)

/* Shared between the processes. */
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

/* Returns the number after a word in a file, or the first number if @word is NULL. */
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

/* Returns the slab memory of the whole system, in bytes. */
static inline int64_t slab(void)
{
	return number_in("/proc/meminfo", "Slab:") * 1024;
}

/* Returns the memory of the whole system in use, without that for files, in bytes. */
static inline int64_t used_memory(void)
{
	static const char meminfo[] = "/proc/meminfo";

	return (number_in(meminfo, "MemTotal:") - number_in(meminfo, "MemFree:") -
		number_in(meminfo, "Buffers:") - number_in(meminfo, "Cached:")) * 1024;
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
 * Raises the limits of open files to the maximum, to make memory the limit. A child
 * keeps them when it drops its privileges.
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

/* Forks the user's process, which calls @does and then waits for user_end(). */
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
	/* Changing the user has cleared the death signal. */
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
 * Waits until the user is ready, or has been killed. The user's work may take much
 * longer than a single wait_for().
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
