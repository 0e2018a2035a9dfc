/* SPDX-License-Identifier: GPL-2.0 */
/*
 * For the programs about signals: descriptors of the implementation under test, sending
 * signals, and comparing whole records.
 *
 * Sets of signals are the kernel's, of 64 bits: bit n is signal n + 1.
 */
#ifndef EVFD_TESTS_SIGNAL_H
#define EVFD_TESTS_SIGNAL_H

#include "common.h"

#include <inttypes.h>
#include <sys/resource.h>
#include <sys/signalfd.h>

#define RECORD_SIZE	128

#define KERNEL_SIGSET_SIZE	sizeof(uint64_t)

/* The first signal of those that are queued. glibc reserves it. */
#define SIG_FIRST_RT	32

static inline int sfd_new(uint64_t mask, int flags)
{
	return sfd_call(-1, &mask, sizeof(mask), flags);
}

static inline int sfd_set_mask(int fd, uint64_t mask)
{
	return sfd_call(fd, &mask, sizeof(mask), 0);
}

static inline uint64_t sig_bit(int sig)
{
	return UINT64_C(1) << (sig - 1);
}

/* The signals that can neither be blocked nor be in a mask. */
static inline uint64_t sig_uncatchable(void)
{
	return sig_bit(SIGKILL) | sig_bit(SIGSTOP);
}

/* rt_sigprocmask(), even for the signals that glibc reserves. */
static inline int sig_change_blocked(int how, uint64_t mask)
{
	return syscall(SYS_rt_sigprocmask, how, &mask, NULL,
		       KERNEL_SIGSET_SIZE);
}

static inline int sig_block(uint64_t mask)
{
	return sig_change_blocked(SIG_BLOCK, mask);
}

static inline int sig_unblock(uint64_t mask)
{
	return sig_change_blocked(SIG_UNBLOCK, mask);
}

/* The signals that this thread blocks. */
static inline uint64_t sig_blocked(void)
{
	uint64_t mask = 0;

	syscall(SYS_rt_sigprocmask, SIG_BLOCK, NULL, &mask, KERNEL_SIGSET_SIZE);
	return mask;
}

/* The signals pending for this thread or its process. */
static inline uint64_t sig_pending(void)
{
	uint64_t mask = 0;

	syscall(SYS_rt_sigpending, &mask, KERNEL_SIGSET_SIZE);
	return mask;
}

/* Blocks signals, and makes a descriptor for them. */
static inline int sfd_new_blocked(uint64_t mask, int flags)
{
	return sig_block(mask) ? -1 : sfd_new(mask, flags);
}

/* The mask in fdinfo, or 0. */
static inline uint64_t sfd_mask(int fd)
{
	uint64_t mask = 0;
	char line[128];
	FILE *file;

	snprintf(line, sizeof(line), "/proc/self/fdinfo/%d", fd);
	file = fopen(line, "re");
	if (!file)
		return 0;
	while (fgets(line, sizeof(line), file)) {
		if (sscanf(line, "sigmask:\t%" SCNx64, &mask) == 1)
			break;
	}
	fclose(file);
	return mask;
}

/* Reads a record: RECORD_SIZE, or -errno. */
static inline int sfd_read(int fd, struct signalfd_siginfo *seen)
{
	ssize_t n;

	memset(seen, 0xff, sizeof(*seen));
	n = read(fd, seen, sizeof(*seen));
	return n < 0 ? -errno : n;
}

/* Reads a record: its signal, or -errno. */
static inline int sfd_take(int fd)
{
	struct signalfd_siginfo seen;
	int n = sfd_read(fd, &seen);

	if (n != sizeof(seen))
		return n < 0 ? n : -EIO;
	return seen.ssi_signo;
}

/* Waits until there is something to read. */
static inline bool sfd_ready(int fd)
{
	struct pollfd pfd = { .fd = fd, .events = POLLIN };

	return poll(&pfd, 1, DEADLINE_MS) == 1 && pfd.revents == POLLIN;
}

/* The record of a signal sent by kill() by this process. */
static inline struct signalfd_siginfo record_of_kill(int sig)
{
	return (struct signalfd_siginfo){
		.ssi_signo = sig,
		.ssi_code = SI_USER,
		.ssi_pid = getpid(),
		.ssi_uid = getuid(),
	};
}

/* The record of a signal sent by sigqueue() by this process. */
static inline struct signalfd_siginfo record_of_queue(int sig, uintptr_t value)
{
	struct signalfd_siginfo want = record_of_kill(sig);

	want.ssi_code = SI_QUEUE;
	want.ssi_ptr = value;
	want.ssi_int = value;
	return want;
}

/* Whether all bytes are the same. Prints the first difference. */
static inline bool record_is(const struct signalfd_siginfo *want,
			     const struct signalfd_siginfo *seen)
{
	const unsigned char *w = (const void *)want, *s = (const void *)seen;

	for (size_t i = 0; i < sizeof(*want); i++) {
		if (w[i] != s[i]) {
			fprintf(stderr, "# signal %d, code %d: byte %zu is %#x, not %#x\n",
				want->ssi_signo, want->ssi_code, i, s[i], w[i]);
			return false;
		}
	}
	return true;
}

/* Whether a read returns this record. */
static inline bool sfd_gives(int fd, struct signalfd_siginfo want)
{
	struct signalfd_siginfo seen;
	int n = sfd_read(fd, &seen);

	if (n != sizeof(seen)) {
		fprintf(stderr, "# signal %d, code %d: read gives %d\n",
			want.ssi_signo, want.ssi_code, n);
		return false;
	}
	return record_is(&want, &seen);
}

/* Sends a signal with a value to a process. */
static inline int sig_queue(pid_t pid, int sig, uintptr_t value)
{
	return sigqueue(pid, sig, (union sigval){ .sival_ptr = (void *)value });
}

/* Sends a signal to a thread of this process. */
static inline int sig_queue_thread(pid_t tid, int sig, uintptr_t value)
{
	siginfo_t info = {
		.si_signo = sig,
		.si_code = SI_QUEUE,
		.si_value = { .sival_ptr = (void *)value },
	};

	info.si_pid = getpid();
	info.si_uid = getuid();
	return syscall(SYS_rt_tgsigqueueinfo, getpid(), tid, sig, &info);
}

/* How many signals may be queued. */
static inline int sig_set_queue_limit(unsigned int n)
{
	struct rlimit limit = { .rlim_cur = n, .rlim_max = n };

	return setrlimit(RLIMIT_SIGPENDING, &limit);
}

/* A thread, which reads one record. */
struct reader {
	struct call call;
	struct signalfd_siginfo info;
};

/* Waits until the thread sleeps in its read. */
static inline bool reader_blocks(struct reader *reader)
{
	return call_blocks(&reader->call);
}

/* Starts the thread and waits until it sleeps. The structure stays in place. */
static inline bool reader_start_blocked(struct reader *reader, int fd)
{
	*reader = (struct reader){ .call = { .make = call_read, .fd = fd } };
	memset(&reader->info, 0xff, sizeof(reader->info));
	reader->call.buf = &reader->info;
	reader->call.size = RECORD_SIZE;
	return call_start_blocked(&reader->call);
}

/* Waits until the thread has read: the signal, or -errno. */
static inline int reader_takes(struct reader *reader)
{
	if (!call_ends(&reader->call))
		return -ETIMEDOUT;
	if (reader->call.ret != RECORD_SIZE)
		return reader->call.ret < 0 ? -reader->call.err : -EIO;
	return reader->info.ssi_signo;
}

/*
 * Repeats the next statement n times, or for as long as this, since debug kernels are
 * slow; but a few times at least. Counts in i.
 */
#define repeat(n, ms)							\
	for (int64_t i = 0, __end = now_ms() + (ms);			\
	     i < (n) && (i < 4 || now_ms() < __end); i++)

/* Waits for a child: true if it ends with status 0. */
static inline bool child_ends_well(pid_t child)
{
	int status;

	return waitpid(child, &status, 0) == child && !status;
}

#endif /* EVFD_TESTS_SIGNAL_H */
