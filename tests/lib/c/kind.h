/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The kinds of descriptors, for tests that are the same for each of them.
 *
 * A test posts a value, after which the descriptor has something to read. Reads
 * return that value, so a test sees which post it has read.
 *
 * A fixture has a variant for each kind by KIND_VARIANTS(). Compiled with EVFD_KINDS, a
 * program is for the kinds that only evfd has, with ALL_KINDS for these too.
 */
#ifndef EVFD_TESTS_KIND_H
#define EVFD_TESTS_KIND_H

#include "signal.h"
#include "timer.h"

/* The result of a read, in the size of the largest. */
union thing {
	uint64_t number;
	uint32_t number_2007;
	struct signalfd_siginfo record;
};

/* The reads that follow several posts. */
enum unread {
	ADD,		/* one read: the sum */
	QUEUE,		/* a read for each */
	REPLACE,	/* one read: the last */
	KEEP,		/* one read: the first; later posts have no effect */
};

/**
 * struct kind - a kind of descriptor
 * @name: in the names of results
 * @main: the first of its sort; tests that take long are for these
 * @size: the bytes that a read returns
 * @unread: the reads that follow several posts
 * @idle: the result of poll() while a read would block; POLLOUT means that the
 *	descriptor can be written
 * @no_value: each post counts as 1, whatever its value
 * @of_process: posts go to a process, which can read them from each of its
 *	descriptors; posts of other kinds go to a descriptor of their own
 * @wakes_one: a post wakes one of the blocked readers, not all
 * @stir_is_believed: @stir wakes with POLLIN, which io_uring does not check
 * @link: the link in /proc/self/fd
 * @make: makes a descriptor of which a read would block; O_NONBLOCK and O_CLOEXEC are
 *	possible
 * @native: makes a native descriptor
 * @post: posts a value, which is not 0; a read may be possible only a moment later
 * @stir: wakes the waiters or changes a setting, but a read would still block; only for
 *	descriptors of which a read would block
 * @value: the value in the result of a read
 * @record: the whole result of a read for a value, if that is more than the value
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
	return evfd_new(0, flags | EVFD_EFD_WAKE_ONE);
}

static inline int kind_make_semaphore_wake_one(int flags)
{
	return evfd_new(0, flags | EFD_SEMAPHORE | EVFD_EFD_WAKE_ONE);
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

/* Timers: a post is an expiration, or several that are due. */

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

/* Signal descriptors. Their makers block the signals; threads inherit that. */

#define KIND_SIGNAL	(SIG_FIRST_RT + 8)
#define KIND_STANDARD	SIGUSR2

/* Read by none of them, and queued, so that each wakes. */
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

/* The kinds that the program is compiled for. */
static const struct kind *const kinds[] = {
#if !defined(EVFD_KINDS) || defined(ALL_KINDS)
	&kind_eventfd,
	&kind_semaphore,
	&kind_timerfd,
	&kind_timerfd_once,
	&kind_signalfd,
	&kind_signalfd_standard,
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

/* Which kinds a fixture is for. */

static inline bool kind_is_any(const struct kind *kind, int way)
{
	(void)kind;
	(void)way;
	return true;
}

static inline bool kind_is_main(const struct kind *kind, int way)
{
	(void)way;
	return kind->main;
}

static inline bool kind_is_main_and_own(const struct kind *kind, int way)
{
	(void)way;
	return kind->main && !kind->of_process;
}

static inline bool kind_is_of_process(const struct kind *kind, int way)
{
	(void)way;
	return kind->of_process;
}

/* Whether each post is read, however late. */
static inline bool kind_is_lossless(const struct kind *kind, int way)
{
	(void)way;
	return kind->unread == ADD || kind->unread == QUEUE;
}

/* A variant of a fixture: a kind, and one of several ways in which tests use it. */
struct kind_variant {
	struct __fixture_variant_metadata metadata;
	const struct kind *kind;
	int way;
	char name[64];
};

/* Adds a variant to a fixture for each kind in each way, if the fixture is for that. */
static inline void kind_add_variants(struct __fixture_metadata *fixture,
				     bool (*has)(const struct kind *kind, int way),
				     const char *const *ways, int n)
{
	for (size_t i = 0; i < ARRAY_SIZE(kinds) * n; i++) {
		const struct kind *kind = kinds[i / n];
		struct kind_variant *variant;
		int way = i % n;

		if (!has(kind, way))
			continue;
		variant = calloc(1, sizeof(*variant));
		if (!variant)
			abort();
		variant->kind = kind;
		variant->way = way;
		snprintf(variant->name, sizeof(variant->name), "%s%s%s", kind->name,
			 *ways[way] ? "_" : "", ways[way]);
		variant->metadata.name = variant->name;
		variant->metadata.data = variant;
		__register_fixture_variant(fixture, &variant->metadata);
	}
}

/*
 * FIXTURE_VARIANT_ADD() for each kind. The names of the ways are strings, of which the
 * empty one is for no name.
 */
#define KIND_VARIANTS(fixture, has, ...)				\
static void __attribute__((constructor(KSELFTEST_PRIO_TEST)))		\
fixture##_add_kinds(void)						\
{									\
	static const char *const ways[] = { __VA_ARGS__ };		\
									\
	kind_add_variants(&_##fixture##_fixture_object, has, ways,	\
			  ARRAY_SIZE(ways));				\
}

/* For FIXTURE_SETUP(), which gets the variant in its argument _metadata. */

static inline const struct kind *kind_of(const struct __test_metadata *metadata)
{
	return ((const struct kind_variant *)metadata->variant)->kind;
}

static inline int way_of(const struct __test_metadata *metadata)
{
	return ((const struct kind_variant *)metadata->variant)->way;
}

/* Posts to a descriptor that this process reads. */
static inline bool any_post(const struct kind *kind, int fd, unsigned int value)
{
	return kind->post(fd, getpid(), value);
}

/* Waits until there is something to read. */
static inline bool any_ready(int fd)
{
	struct pollfd pfd = { .fd = fd, .events = POLLIN };

	return poll(&pfd, 1, DEADLINE_MS) == 1 && pfd.revents == POLLIN;
}

/* Posts, and waits until that can be read. */
static inline bool any_fill(const struct kind *kind, int fd, unsigned int value)
{
	return any_post(kind, fd, value) && any_ready(fd);
}

/* Reads once: the number of bytes, or -errno. */
static inline ssize_t any_read(const struct kind *kind, int fd, union thing *seen)
{
	ssize_t n;

	memset(seen, 0xff, sizeof(*seen));
	n = read(fd, seen, kind->size);
	return n < 0 ? -errno : n;
}

/* What a post of this value counts as. */
static inline unsigned int any_worth(const struct kind *kind, unsigned int value)
{
	return kind->no_value ? 1 : value;
}

/* Whether a read of n bytes returned the value that a process posted. */
static inline bool any_is_from(const struct kind *kind, ssize_t n, const union thing *seen,
			       unsigned int value, pid_t sender)
{
	if (n == (ssize_t)kind->size && kind->record) {
		struct signalfd_siginfo want = kind->record(value, sender);

		return record_is(&want, &seen->record);
	}
	if (n == (ssize_t)kind->size && kind->value(seen) == any_worth(kind, value))
		return true;
	fprintf(stderr, "# a read returns %zd, value %llu, instead of value %u\n", n,
		(unsigned long long)kind->value(seen), any_worth(kind, value));
	return false;
}

static inline bool any_is(const struct kind *kind, ssize_t n, const union thing *seen,
			  unsigned int value)
{
	return any_is_from(kind, n, seen, value, getpid());
}

/* Whether a read returns the value that this process has posted. */
static inline bool any_gives(const struct kind *kind, int fd, unsigned int value)
{
	union thing seen;
	ssize_t n = any_read(kind, fd, &seen);

	return any_is(kind, n, &seen, value);
}

/* Whether there is nothing to read, and no read blocks or succeeds. */
static inline bool any_is_empty(const struct kind *kind, int fd)
{
	union thing seen;
	struct iovec iov = { .iov_base = &seen, .iov_len = kind->size };

	return poll_now(fd) == kind->idle &&
	       preadv2(fd, &iov, 1, -1, RWF_NOWAIT) == -1 && errno == EAGAIN;
}

/* Whether reads return n posts, of which the values count up from first, and no more. */
static inline bool any_gives_all(const struct kind *kind, int fd, unsigned int first,
				 unsigned int n)
{
	unsigned int last = first + n - 1, reads = kind->unread == QUEUE ? n : 1;

	for (unsigned int i = 0; i < reads; i++) {
		unsigned int value = kind->unread == REPLACE ? last : first + i;

		if (kind->unread == ADD)
			value = n * (first + last) / 2;
		if (!any_gives(kind, fd, value))
			return false;
	}
	return any_is_empty(kind, fd);
}

/* Posts once more. Reads before that where a post would have no effect otherwise. */
static inline bool any_fill_again(const struct kind *kind, int fd, unsigned int value)
{
	union thing seen;

	if (kind->unread == KEEP && poll_now(fd) & POLLIN)
		any_read(kind, fd, &seen);
	return any_fill(kind, fd, value);
}

/* A thread that reads once. It must stay where it is until it has ended. */
struct taker {
	struct call call;
	const struct kind *kind;
	union thing seen;
};

static inline bool taker_start(struct taker *taker, const struct kind *kind, int fd)
{
	*taker = (struct taker){
		.call = { .make = call_read, .fd = fd, .size = kind->size },
		.kind = kind,
	};
	memset(&taker->seen, 0xff, sizeof(taker->seen));
	taker->call.buf = &taker->seen;
	return call_start_blocked(&taker->call);
}

/* Waits until the read has returned, with the value that this process has posted. */
static inline bool taker_gets(struct taker *taker, unsigned int value)
{
	return call_ends(&taker->call) &&
	       any_is(taker->kind, taker->call.ret, &taker->seen, value);
}

/* Waits until the read has failed with this error. */
static inline bool taker_fails(struct taker *taker, int err)
{
	return call_ends(&taker->call) && taker->call.ret == -1 && taker->call.err == err;
}

#endif /* EVFD_TESTS_KIND_H */
