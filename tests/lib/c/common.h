/* SPDX-License-Identifier: GPL-2.0 */
/*
 * For all test programs: counters, threads that block in one call, and looking at how a
 * thread sleeps.
 */
#ifndef EVFD_TESTS_COMMON_H
#define EVFD_TESTS_COMMON_H

#include "cell.h"

#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdatomic.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/uio.h>
#include <time.h>

#include "harness.h"

/* The deadline for everything that must happen, on an emulated CPU too. */
#define DEADLINE_MS	20000

/* The greatest count: more can not be written. */
#define EFD_COUNT_MAX	(UINT64_MAX - 1)

/*
 * Whether this is a debug kernel. It keeps records beside its allocations and has larger
 * locks, so it has less memory and less time for the tests.
 */
static inline bool kernel_checks_itself(void)
{
	return !access("/sys/kernel/debug/debug_objects", F_OK);
}

/* The events that poll() reports now, or -errno. */
static inline int poll_now(int fd)
{
	struct pollfd pfd = {
		.fd = fd,
		.events = POLLIN | POLLOUT | POLLPRI | POLLRDHUP,
	};

	return poll(&pfd, 1, 0) < 0 ? -errno : pfd.revents;
}

/* The counter in fdinfo, which does not change it. */
static inline int64_t efd_count(int fd)
{
	unsigned long long count;
	char line[128];
	int64_t ret = -EIO;
	FILE *file;

	snprintf(line, sizeof(line), "/proc/self/fdinfo/%d", fd);
	file = fopen(line, "re");
	if (!file)
		return -errno;
	while (fgets(line, sizeof(line), file)) {
		if (sscanf(line, "eventfd-count: %llx", &count) == 1)
			ret = count;
	}
	fclose(file);
	return ret;
}

/* The result of a system call, or -errno. */
#define result(call)							\
({									\
	long __ret = (call);						\
									\
	__ret < 0 ? -errno : __ret;					\
})

/* Where no memory is, which the compiler must not know. */
static inline void *nowhere(void)
{
	void *volatile address = NULL;

	return address;
}

static inline int64_t now_ms(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return ts.tv_sec * INT64_C(1000) + ts.tv_nsec / 1000000;
}

static inline void sleep_ms(unsigned int ms)
{
	struct timespec ts = { .tv_nsec = ms * 1000000L };

	nanosleep(&ts, NULL);
}

/* Waits until the condition holds: false if it does not by the deadline. */
#define wait_for(condition)						\
({									\
	int64_t __end = now_ms() + DEADLINE_MS;				\
	bool __holds;							\
									\
	while (!(__holds = (condition)) && now_ms() < __end)		\
		sleep_ms(1);						\
	__holds;							\
})

/* A thread, which makes one system call on a descriptor. */
struct call {
	_Atomic pid_t tid;
	_Atomic bool done;
	pthread_t thread;
	long (*make)(struct call *call);
	int fd;
	void *buf;
	size_t size;
	uint64_t value;
	long ret;
	int err;
};

static inline long call_read(struct call *call)
{
	return syscall(SYS_read, call->fd, call->buf, call->size);
}

static inline long call_write(struct call *call)
{
	return syscall(SYS_write, call->fd, call->buf, call->size);
}

static inline long call_poll(struct call *call)
{
	struct pollfd pfd = { .fd = call->fd, .events = call->value };
	long ret = syscall(SYS_poll, &pfd, 1, -1);

	call->value = pfd.revents;
	return ret;
}

/* call->fd is the epoll descriptor; the value becomes the events. */
static inline long call_epoll(struct call *call)
{
	struct epoll_event event = { };
	long ret = syscall(SYS_epoll_wait, call->fd, &event, 1, -1);

	call->value = event.events;
	return ret;
}

/* call->value is the command. */
static inline long call_ioctl(struct call *call)
{
	return syscall(SYS_ioctl, call->fd, (unsigned long)call->value, call->buf);
}

static inline void *call_thread(void *arg)
{
	struct call *call = arg;

	call->tid = gettid();
	call->ret = call->make(call);
	call->err = errno;
	call->done = true;
	return NULL;
}

/* Starts the thread. Without a buffer or a size, the call reads or writes the value. */
static inline bool call_start(struct call *call)
{
	if (!call->buf)
		call->buf = &call->value;
	if (!call->size)
		call->size = sizeof(call->value);
	return !pthread_create(&call->thread, NULL, call_thread, call);
}

/*
 * The number of the system call in which a thread sleeps, or -1 if it does not
 * sleep. The kernel shows it only for a task off its CPU.
 */
static inline long asleep_in(pid_t tid)
{
	char path[64];
	long nr = -1;
	FILE *file;

	snprintf(path, sizeof(path), "/proc/%d/syscall", tid);
	file = fopen(path, "re");
	if (!file)
		return -1;
	if (fscanf(file, "%ld", &nr) != 1)
		nr = -1;
	fclose(file);
	return nr;
}

static inline long call_nr(long (*make)(struct call *call))
{
	if (make == call_read)
		return SYS_read;
	if (make == call_write)
		return SYS_write;
	if (make == call_ioctl)
		return SYS_ioctl;
	return make == call_poll ? SYS_poll : SYS_epoll_wait;
}

/* Waits until the thread sleeps in its call. */
static inline bool call_blocks(struct call *call)
{
	return wait_for(call->done ||
			(call->tid && asleep_in(call->tid) == call_nr(call->make))) &&
	       !call->done;
}

static inline bool call_start_blocked(struct call *call)
{
	return call_start(call) && call_blocks(call);
}

/* Waits until the call has returned: false if it does not by the deadline. */
static inline bool call_ends(struct call *call)
{
	return wait_for(call->done) && !pthread_join(call->thread, NULL);
}

/* How often a thread has gone to sleep. */
static inline long sleeps_of(pid_t tid)
{
	long sleeps = -1;
	char line[128];
	FILE *file;

	snprintf(line, sizeof(line), "/proc/%d/status", tid);
	file = fopen(line, "re");
	if (!file)
		return -1;
	while (fgets(line, sizeof(line), file)) {
		if (sscanf(line, "voluntary_ctxt_switches: %ld", &sleeps) == 1)
			break;
	}
	fclose(file);
	return sleeps;
}

/* fork(), but the child does not outlive a failed test. */
static inline pid_t fork_child(void)
{
	pid_t child = fork();

	if (!child)
		prctl(PR_SET_PDEATHSIG, SIGKILL);
	return child;
}

static inline void ignore_signal(int sig)
{
	(void)sig;
}

/* Installs an empty handler, with or without SA_RESTART. */
static inline int catch_signal(int sig, int flags)
{
	struct sigaction action = {
		.sa_handler = ignore_signal,
		.sa_flags = flags,
	};

	return sigaction(sig, &action, NULL);
}

static inline int signal_thread(pid_t tid, int sig)
{
	return syscall(SYS_tgkill, getpid(), tid, sig);
}

/* How many of the calls have ended. */
static inline int calls_ended(const struct call *calls, int n)
{
	int count = 0;

	for (int i = 0; i < n; i++)
		count += calls[i].done;
	return count;
}

/* Starts n threads, which block in reads of fd. */
static inline bool start_readers(struct call *calls, int n, int fd)
{
	for (int i = 0; i < n; i++) {
		calls[i] = (struct call){ .make = call_read, .fd = fd };
		if (!call_start_blocked(&calls[i]))
			return false;
	}
	return true;
}

#endif /* EVFD_TESTS_COMMON_H */
