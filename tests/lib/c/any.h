/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Tests of any kind of descriptor: fixtures with a variant for each kind, and posting
 * to and reading from a descriptor whatever its kind.
 */
#ifndef EVFD_TESTS_ANY_H
#define EVFD_TESTS_ANY_H

#include "kind.h"

/* The kinds that a fixture is for */

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

/* Neither replaces nor drops unread posts. */
static inline bool kind_is_lossless(const struct kind *kind, int way)
{
	(void)way;
	return kind->unread == ADD || kind->unread == QUEUE;
}

/* A variant of a fixture: a kind, and one of the ways in which its tests use it. */
struct kind_variant {
	struct __fixture_variant_metadata metadata;
	const struct kind *kind;
	int way;
	char name[64];
};

static inline bool kind_is_timer(const struct kind *kind)
{
	return kind->make == kind_make_timer || kind->make == kind_make_monotonic;
}

/* Whether its descriptors are in shared memory with EVFD_IMPL=cell or memory. */
static inline bool kind_is_shared(const struct kind *kind)
{
	return kind->native == kind_native_eventfd || kind_is_timer(kind);
}

/*
 * Whether a fixture is for descriptors in shared memory only. The other kinds are the same
 * with these implementations. A fixture without a variant would still run, so it keeps its
 * kinds.
 */
static inline bool kind_is_only_shared(bool (*has)(const struct kind *kind, int way), int ways)
{
	const char *impl = getenv("EVFD_IMPL");

	if (!impl || (strcmp(impl, "cell") && strcmp(impl, "memory")))
		return false;
	for (size_t i = 0; i < ARRAY_SIZE(kinds) * ways; i++) {
		if (kind_is_shared(kinds[i / ways]) && has(kinds[i / ways], i % ways))
			return true;
	}
	return false;
}

/* Adds the variants of a fixture: the kinds and ways that it has. */
static inline void kind_add_variants(struct __fixture_metadata *fixture,
				     bool (*has)(const struct kind *kind, int way),
				     const char *const *ways, int n)
{
	bool only_shared = kind_is_only_shared(has, n);

	for (size_t i = 0; i < ARRAY_SIZE(kinds) * n; i++) {
		const struct kind *kind = kinds[i / n];
		struct kind_variant *variant;
		int way = i % n;

		if (!has(kind, way) || (only_shared && !kind_is_shared(kind)))
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

/* FIXTURE_VARIANT_ADD() for each kind and each way. "" is a way without a name. */
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

/* Posts, and waits until there is something to read. */
static inline bool any_fill(const struct kind *kind, int fd, unsigned int value)
{
	return any_post(kind, fd, value) && any_ready(fd);
}

/* Reads once: the number of bytes, or -errno. */
static inline ssize_t any_read(const struct kind *kind, int fd, union thing *seen)
{
	ssize_t n;

	memset(seen, 0xff, sizeof(*seen));
	if (kind_is_timer(kind)) {
		int64_t ticks = record_take(fd);

		if (ticks < 0)
			return ticks;
		if (ticks) {
			seen->number = ticks;
			return kind->size;
		}
	}
	n = efd_read(fd, seen, kind->size);
	return n < 0 ? -errno : n;
}

/* The value that a read returns for a post. */
static inline unsigned int any_worth(const struct kind *kind, unsigned int value)
{
	return kind->no_value ? 1 : value;
}

/* Whether a read of n bytes returned the post of a process. */
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

/* Whether a read returns the post of this process. */
static inline bool any_gives(const struct kind *kind, int fd, unsigned int value)
{
	union thing seen;
	ssize_t n = any_read(kind, fd, &seen);

	return any_is(kind, n, &seen, value);
}

/* Whether neither poll() nor a read finds anything. */
static inline bool any_is_empty(const struct kind *kind, int fd)
{
	union thing seen;
	struct iovec iov = { .iov_base = &seen, .iov_len = kind->size };

	return poll_now(fd) == kind->idle &&
	       preadv2(fd, &iov, 1, -1, RWF_NOWAIT) == -1 && errno == EAGAIN;
}

/* Whether reads return n posts, with values from first on, and no more. */
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

/* Posts again. Reads first, if the post had no effect otherwise. */
static inline bool any_fill_again(const struct kind *kind, int fd, unsigned int value)
{
	union thing seen;

	if (kind->unread == KEEP && poll_now(fd) & POLLIN)
		any_read(kind, fd, &seen);
	return any_fill(kind, fd, value);
}

/* A thread that reads once. The structure stays in place until the thread has ended. */
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

/* Waits until the read has returned the post of this process. */
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

#endif /* EVFD_TESTS_ANY_H */
