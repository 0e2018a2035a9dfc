/* SPDX-License-Identifier: GPL-2.0 */
/*
 * For the programs about KEVENT_SIGNAL: kevents, taken records, and signals that this process or a
 * child sends.
 */
#ifndef EVFD_TESTS_KEVENT_SIGNAL_H
#define EVFD_TESTS_KEVENT_SIGNAL_H

#include "queue.h"
#include "signal.h"

#define NOMASK		KEVENT_SIGNAL_NOMASK
#define DELIVERY	KEVENT_SIGNAL_DELIVERY

/* A signal that is queued, and one that is not. */
#define QUEUED		(SIGRTMIN + 1)
#define STANDARD	SIGUSR2

/* Adds a kevent. Returns its handle, or 0 and errno. */
static inline uint64_t add(const struct kevent_queue *q, uint64_t id, uint64_t records, int flags)
{
	struct kevent_op op = kevent_op_add(KEVENT_SIGNAL, id, 1, DELIVERY, flags);
	int ret;

	op.arg[0] = records;
	ret = queue_do(q, &op);
	errno = -ret;
	return ret ? 0 : op.handle;
}

/* Takes records. Returns their number, or -errno. */
static inline int take(const struct kevent_queue *q, uint64_t handle, void *to, uint64_t n)
{
	struct kevent_op op = kevent_op_take(handle, to, n);
	int ret = queue_do(q, &op);

	return ret ?: (int)op.arg[1];
}

/* Whether TAKE gives this record. */
static inline bool takes(const struct kevent_queue *q, uint64_t handle,
			 const struct signalfd_siginfo *want)
{
	struct signalfd_siginfo seen;
	int n = take(q, handle, &seen, 1);

	if (n == 1)
		return record_is(want, &seen);
	fprintf(stderr, "# signal %d, code %d: TAKE gives %d\n", want->ssi_signo,
		want->ssi_code, n);
	return false;
}

/* The value of the next record, or -errno. */
static inline int take_value(const struct kevent_queue *q, uint64_t handle)
{
	struct signalfd_siginfo seen;
	int n = take(q, handle, &seen, 1);

	return n == 1 ? (int)seen.ssi_int : n;
}

/* Makes a native descriptor for blocked signals. */
static inline bool native_for(int fd, uint64_t mask)
{
	return !sig_block(mask) && syscall(SYS_signalfd4, fd, &mask, sizeof(mask), 0) == fd;
}

static inline int native_take(int fd, struct signalfd_siginfo *seen)
{
	ssize_t n = read(fd, seen, sizeof(*seen));

	return n < 0 ? -errno : n == sizeof(*seen) ? 1 : -EIO;
}

/* Ways to send a signal to this process. */

static inline int by_kill(int sig)
{
	return kill(getpid(), sig);
}

static inline int by_tgkill(int sig)
{
	return signal_thread(gettid(), sig);
}

static inline int by_queue(int sig)
{
	return sig_queue(getpid(), sig, 0x12345678);
}

static inline int by_thread_queue(int sig)
{
	return sig_queue_thread(gettid(), sig, 0x9876);
}

static inline int by_child(int sig)
{
	pid_t child = fork();

	if (!child)
		_exit(kill(getppid(), sig));
	return child_ends_well(child) ? 0 : -1;
}

static inline int by_child_queue(int sig)
{
	pid_t child = fork();

	if (!child)
		_exit(sig_queue(getppid(), sig, 77));
	return child_ends_well(child) ? 0 : -1;
}

#endif /* EVFD_TESTS_KEVENT_SIGNAL_H */
