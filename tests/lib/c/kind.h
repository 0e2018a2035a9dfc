/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The kinds of descriptors, for tests that are alike for all of them.
 *
 * After a post, the descriptor has something to read. A post has a value, which the read
 * returns, so a test sees which post it has read.
 *
 * A program tests the kinds that native has too. With EVFD_KINDS, it tests those of
 * evfd alone, and with ALL_KINDS both. With CANCELED_KIND, it also tests timers that
 * setting the clock cancels.
 */
#ifndef EVFD_TESTS_KIND_H
#define EVFD_TESTS_KIND_H

#include "signal.h"
#include "timer.h"

/* Room for anything that a read returns. */
union thing {
	uint64_t number;
	uint32_t number_2007;
	struct signalfd_siginfo record;
};

/* How posts add up until a read. */
enum unread {
	ADD,		/* a read returns the sum */
	QUEUE,		/* each read returns the next post */
	REPLACE,	/* a read returns the last post */
	KEEP,		/* a read returns the first post; the later posts have no effect */
};

/**
 * struct kind - a kind of descriptor
 * @name: in the names of results
 * @main: the first kind of its sort; slow tests are for these
 * @size: the size of a read, in bytes
 * @unread: how posts add up until a read
 * @idle: the events that poll() reports when there is nothing to read: POLLOUT if the
 *	descriptor can be written
 * @no_value: each post counts as 1, whatever its value
 * @of_process: a post goes to a process, which can read it from each of its descriptors;
 *	with other kinds it goes to a descriptor
 * @wakes_one: a post wakes one of the blocked readers, not all
 * @stir_is_believed: @stir wakes with POLLIN, which io_uring does not check
 * @link: the link in /proc/self/fd
 * @make: makes an empty descriptor; the flags are O_NONBLOCK and O_CLOEXEC
 * @native: makes a descriptor of the kernel
 * @post: posts a value other than 0; the read may have to wait for a moment
 * @stir: wakes the waiters, or changes a setting, and leaves an empty descriptor empty
 * @value: the value in the bytes that a read returned
 * @record: all the bytes that a read returns for a value; NULL if there is only the value
 */
struct kind {
	const char *name;
	bool main;
	size_t size;
	enum unread unread;
	short idle;
	bool no_value, of_process, wakes_one, stir_is_believed;
	const char *link;
	int (*make)(int flags);
	int (*native)(void);
	bool (*post)(int fd, pid_t reader, unsigned int value);
	bool (*stir)(int fd);
	uint64_t (*value)(const union thing *seen);
	struct signalfd_siginfo (*record)(unsigned int value, pid_t sender);
};

/* Event descriptors */

static inline int kind_make_eventfd(int flags)
{
	return efd_new(0, flags);
}

static inline int kind_make_semaphore(int flags)
{
	return efd_new(0, flags | EFD_SEMAPHORE);
}

static inline int kind_make_wake_one(int flags)
{
	return efd_new(0, flags | EVFD_EFD_WAKE_ONE);
}

static inline int kind_make_semaphore_wake_one(int flags)
{
	return efd_new(0, flags | EFD_SEMAPHORE | EVFD_EFD_WAKE_ONE);
}

static inline int kind_native_eventfd(void)
{
	return native_make_eventfd(0, 0);
}

static inline bool kind_add(int fd, pid_t reader, unsigned int value)
{
	(void)reader;
	return efd_add(fd, value) == 8;
}

static inline bool kind_add_one(int fd, pid_t reader, unsigned int value)
{
	(void)reader;
	(void)value;
	return efd_add(fd, 1) == 8;
}

static inline bool kind_add_zero(int fd)
{
	return efd_add(fd, 0) == 8;
}

static inline uint64_t kind_number(const union thing *seen)
{
	return seen->number;
}

#define KIND_OF_EVENTFD							\
	.size = 8,							\
	.idle = POLLOUT,						\
	.stir_is_believed = true,					\
	.link = "anon_inode:[eventfd]",					\
	.native = kind_native_eventfd,					\
	.stir = kind_add_zero,						\
	.value = kind_number

static const struct kind kind_eventfd = {
	.name = "eventfd",
	.main = true,
	KIND_OF_EVENTFD,
	.unread = ADD,
	.make = kind_make_eventfd,
	.post = kind_add,
};

static const struct kind kind_semaphore = {
	.name = "semaphore",
	KIND_OF_EVENTFD,
	.unread = QUEUE,
	.no_value = true,
	.make = kind_make_semaphore,
	.post = kind_add_one,
};

static const struct kind kind_wake_one = {
	.name = "wake_one",
	.main = true,
	KIND_OF_EVENTFD,
	.unread = ADD,
	.wakes_one = true,
	.make = kind_make_wake_one,
	.post = kind_add,
};

static const struct kind kind_semaphore_wake_one = {
	.name = "semaphore_wake_one",
	KIND_OF_EVENTFD,
	.unread = QUEUE,
	.no_value = true,
	.wakes_one = true,
	.make = kind_make_semaphore_wake_one,
	.post = kind_add_one,
};

/* Timers: a post is an expiration, or makes several due. */

static inline int kind_make_timer(int flags)
{
	return tfd_new(CLOCK_REALTIME, flags);
}

static inline int kind_make_monotonic(int flags)
{
	return tfd_new(CLOCK_MONOTONIC, flags);
}

static inline int kind_make_alarm(int flags)
{
	return tfd_new(CLOCK_BOOTTIME_ALARM, flags);
}

/* The call of 2007 has no flags for these. */
static inline int kind_make_2007(int flags)
{
	struct evfd_timerfd arg = { .ufd = -1, .clockid = CLOCK_REALTIME };
	int fd = evfd_device_ioctl(EVFD_IOC_TIMERFD, &arg);

	if (fd >= 0) {
		fcntl(fd, F_SETFL, flags & O_NONBLOCK);
		fcntl(fd, F_SETFD, flags & O_CLOEXEC ? FD_CLOEXEC : 0);
	}
	return fd;
}

static inline int kind_native_timer(void)
{
	return native_make_timer(CLOCK_REALTIME, 0);
}

static inline bool kind_expire(int fd, pid_t reader, unsigned int value)
{
	(void)reader;
	(void)value;
	return !tfd_arm(fd, 0, 1, 0);
}

static inline bool kind_be_late(int fd, pid_t reader, unsigned int value)
{
	(void)reader;
	return !tfd_arm_late_by(fd, CLOCK_REALTIME, value);
}

static inline bool kind_arm_far(int fd)
{
	return !tfd_arm(fd, 0, FAR_NS, 0);
}

static inline uint64_t kind_number_2007(const union thing *seen)
{
	return seen->number_2007;
}

#define KIND_OF_TIMER							\
	.unread = REPLACE,						\
	.link = "anon_inode:[timerfd]",					\
	.native = kind_native_timer,					\
	.stir = kind_arm_far

/* Periodic: each read starts it again. */
static const struct kind kind_timerfd = {
	.name = "timerfd",
	.main = true,
	KIND_OF_TIMER,
	.size = 8,
	.make = kind_make_timer,
	.post = kind_be_late,
	.value = kind_number,
};

static const struct kind kind_timerfd_once = {
	.name = "timerfd_once",
	KIND_OF_TIMER,
	.size = 8,
	.no_value = true,
	.make = kind_make_monotonic,
	.post = kind_expire,
	.value = kind_number,
};

#ifdef CANCELED_KIND

static inline bool kind_be_late_or_canceled(int fd, pid_t reader, unsigned int value)
{
	(void)reader;
	return !tfd_arm_late_by_with(fd, CLOCK_REALTIME, TFD_TIMER_CANCEL_ON_SET, value);
}

/* Setting the clock cancels it. */
static const struct kind kind_timerfd_canceled = {
	.name = "timerfd_canceled",
	KIND_OF_TIMER,
	.size = 8,
	.make = kind_make_timer,
	.post = kind_be_late_or_canceled,
	.value = kind_number,
};

#endif

static const struct kind kind_timerfd_alarm = {
	.name = "timerfd_alarm",
	KIND_OF_TIMER,
	.size = 8,
	.no_value = true,
	.make = kind_make_alarm,
	.post = kind_expire,
	.value = kind_number,
};

static const struct kind kind_timerfd_2007 = {
	.name = "timerfd_2007",
	.main = true,
	KIND_OF_TIMER,
	.size = 4,
	.make = kind_make_2007,
	.post = kind_be_late,
	.value = kind_number_2007,
};

/* Signal descriptors. Making them blocks the signals, before a test starts threads. */

#define KIND_SIGNAL	(SIG_FIRST_RT + 8)
#define KIND_STANDARD	SIGUSR2

/* In no mask. It is queued, so each wakes the waiters. */
#define KIND_OTHER	(SIG_FIRST_RT + 9)

static inline bool kind_block(int sig)
{
	return !sig_block(sig_bit(sig) | sig_bit(KIND_OTHER));
}

static inline int kind_make_signalfd(int flags)
{
	return kind_block(KIND_SIGNAL) ? sfd_new(sig_bit(KIND_SIGNAL), flags) : -1;
}

static inline int kind_make_standard(int flags)
{
	return kind_block(KIND_STANDARD) ? sfd_new(sig_bit(KIND_STANDARD), flags) : -1;
}

static inline int kind_make_eventfs(int flags)
{
	return kind_block(KIND_SIGNAL) ? evfd_eventfs_new(KIND_SIGNAL, flags) : -1;
}

static inline int kind_native_signalfd(void)
{
	return native_make_signalfd(-1, &(uint64_t){ 1 }, 8, 0);
}

static inline bool kind_queue(int fd, pid_t reader, unsigned int value)
{
	(void)fd;
	return !sig_queue(reader, KIND_SIGNAL, value);
}

static inline bool kind_kill(int fd, pid_t reader, unsigned int value)
{
	(void)fd;
	(void)value;
	return !kill(reader, KIND_STANDARD);
}

static inline bool kind_queue_other(int fd)
{
	(void)fd;
	return !sig_queue(getpid(), KIND_OTHER, 0);
}

static inline uint64_t kind_queued_value(const union thing *seen)
{
	return seen->record.ssi_int;
}

static inline uint64_t kind_killed(const union thing *seen)
{
	return seen->record.ssi_signo == KIND_STANDARD;
}

static inline struct signalfd_siginfo kind_queue_record(unsigned int value, pid_t sender)
{
	struct signalfd_siginfo want = record_of_queue(KIND_SIGNAL, value);

	want.ssi_pid = sender;
	return want;
}

static inline struct signalfd_siginfo kind_kill_record(unsigned int value, pid_t sender)
{
	struct signalfd_siginfo want = record_of_kill(KIND_STANDARD);

	(void)value;
	want.ssi_pid = sender;
	return want;
}

#define KIND_OF_SIGNAL							\
	.size = RECORD_SIZE,						\
	.of_process = true,						\
	.native = kind_native_signalfd,					\
	.stir = kind_queue_other

static const struct kind kind_signalfd = {
	.name = "signalfd",
	.main = true,
	KIND_OF_SIGNAL,
	.unread = QUEUE,
	.link = "anon_inode:[signalfd]",
	.make = kind_make_signalfd,
	.post = kind_queue,
	.value = kind_queued_value,
	.record = kind_queue_record,
};

static const struct kind kind_signalfd_standard = {
	.name = "signalfd_standard",
	KIND_OF_SIGNAL,
	.unread = KEEP,
	.no_value = true,
	.link = "anon_inode:[signalfd]",
	.make = kind_make_standard,
	.post = kind_kill,
	.value = kind_killed,
	.record = kind_kill_record,
};

static const struct kind kind_eventfs = {
	.name = "eventfs",
	.main = true,
	KIND_OF_SIGNAL,
	.unread = QUEUE,
	.link = "anon_inode:[eventfs]",
	.make = kind_make_eventfs,
	.post = kind_queue,
	.value = kind_queued_value,
	.record = kind_queue_record,
};

/* The kinds of this program. */
static const struct kind *const kinds[] = {
#if !defined(EVFD_KINDS) || defined(ALL_KINDS)
	&kind_eventfd,
	&kind_semaphore,
	&kind_timerfd,
	&kind_timerfd_once,
	&kind_signalfd,
	&kind_signalfd_standard,
#endif
#ifdef CANCELED_KIND
	&kind_timerfd_canceled,
#endif
#ifdef ALL_KINDS
	&kind_timerfd_alarm,
#endif
#if defined(EVFD_KINDS) || defined(ALL_KINDS)
	&kind_wake_one,
	&kind_semaphore_wake_one,
	&kind_timerfd_2007,
	&kind_eventfs,
#endif
};

static inline const struct kind *kind_by_name(const char *name)
{
	for (size_t i = 0; i < ARRAY_SIZE(kinds); i++) {
		if (!strcmp(kinds[i]->name, name))
			return kinds[i];
	}
	abort();
}

#endif /* EVFD_TESTS_KIND_H */
