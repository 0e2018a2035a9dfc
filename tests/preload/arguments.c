// SPDX-License-Identifier: GPL-2.0
/*
 * Every argument, valid and invalid, passed to the library and to the system. The results
 * are the same, in the same order of checks.
 */
#include "preload.h"

/* Bits beyond those that the system looks at. */
#define JUNK	((long)((uint64_t)0xdeadbeef << (sizeof(long) == 8 ? 32 : 0)) * \
		 (sizeof(long) == 8))

static const int flag_sets[] = {
	0, EFD_SEMAPHORE, 2, 4, EFD_NONBLOCK, EFD_CLOEXEC, EFD_NONBLOCK | EFD_CLOEXEC,
	EFD_NONBLOCK | EFD_CLOEXEC | EFD_SEMAPHORE, 1 << 16, 1 << 17, 1 << 30, INT32_MIN, -1,
};

/* Compares two new descriptors, or two errors. Returns -1 if they differ. */
static int both(long seen, long wanted)
{
	int same = 0;

	if (seen < 0 || wanted < 0)
		return seen == wanted ? 0 : -1;
	if (fcntl(seen, F_GETFL) != fcntl(wanted, F_GETFL) ||
	    fcntl(seen, F_GETFD) != fcntl(wanted, F_GETFD))
		same = -1;
	close(seen);
	close(wanted);
	return same;
}

TEST(eventfd_arguments)
{
	for (size_t k = 0; k < ARRAY_SIZE(flag_sets); k++) {
		int flags = flag_sets[k];

		EXPECT_EQ(0, both(result(eventfd(3, flags)),
				  raw(__NR_eventfd2, 3, flags, 0, 0, 0)))
			TH_LOG("flags %#x", flags);
		EXPECT_EQ(0, both(result(syscall(JUNK | SYS_eventfd2, JUNK | 3, JUNK | flags)),
				  raw(__NR_eventfd2, 3, flags, 0, 0, 0)))
			TH_LOG("flags %#x", flags);
	}
	EXPECT_EQ(0, both(result(syscall(SYS_eventfd, 3, -1)),
			  raw(__NR_eventfd, 3, -1, 0, 0, 0)));
}

TEST(eventfd_counts)
{
	static const unsigned int counts[] = { 0, 1, INT32_MAX, UINT32_MAX };
	uint64_t value;
	int fd;

	for (size_t k = 0; k < ARRAY_SIZE(counts); k++) {
		unsigned int count = counts[k];

		fd = syscall(SYS_eventfd2, JUNK | count, EFD_NONBLOCK);
		ASSERT_GE(fd, 0);
		if (count) {
			EXPECT_EQ(0, eventfd_read(fd, &value));
			EXPECT_EQ(count, value);
		}
		EXPECT_EQ(-1, eventfd_read(fd, &value));
		EXPECT_EQ(EAGAIN, errno);
		close(fd);
	}
}

TEST(timerfd_create_arguments)
{
	for (size_t k = 0; k < ARRAY_SIZE(flag_sets); k++) {
		int flags = flag_sets[k];

		for (int clock = -2; clock < 20; clock++) {
			EXPECT_EQ(0, both(result(timerfd_create(clock, flags)),
					  raw(__NR_timerfd_create, clock, flags, 0, 0, 0)))
				TH_LOG("clock %d, flags %#x", clock, flags);
			EXPECT_EQ(0, both(result(syscall(SYS_timerfd_create, JUNK | (uint32_t)clock,
							 JUNK | (uint32_t)flags)),
					  raw(__NR_timerfd_create, clock, flags, 0, 0, 0)));
		}
	}
}

FIXTURE(timers)
{
	int ours;
	int native;
	int others[6];
	/* A page between two writable pages. */
	void *read_only;
};

FIXTURE_SETUP(timers)
{
	int pipes[2];
	char *pages;

	self->ours = timerfd_create(CLOCK_MONOTONIC, 0);
	self->native = raw(__NR_timerfd_create, CLOCK_MONOTONIC, 0, 0, 0, 0);
	ASSERT_TRUE(is_evfd_timer(self->ours));
	ASSERT_GE(self->native, 0);
	ASSERT_FALSE(is_evfd_timer(self->native));
	ASSERT_EQ(0, pipe(pipes));
	self->others[0] = -1;
	self->others[1] = 1000;
	self->others[2] = pipes[0];
	self->others[3] = eventfd(0, 0);
	self->others[4] = raw(__NR_eventfd2, 0, 0, 0, 0, 0);
	self->others[5] = open(EVFD_DEVICE, O_RDWR);
	pages = mmap(NULL, 3 * 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	ASSERT_NE(MAP_FAILED, pages);
	self->read_only = pages + 4096;
	ASSERT_EQ(0, mprotect(self->read_only, 4096, PROT_READ));
}

FIXTURE_TEARDOWN(timers)
{
}

static const struct evfd_itimerspec settings[] = {
	{ }, { .it_value = { 1000, 5 } }, { .it_value = { 1000, 5 }, .it_interval = { 7, 8 } },
	{ .it_value = { -1, 0 } }, { .it_value = { 0, -1 } }, { .it_value = { 0, 1000000000 } },
	{ .it_value = { 0, 999999999 } }, { .it_value = { 1, 0 }, .it_interval = { 0, -1 } },
	{ .it_value = { 1, 0 }, .it_interval = { -1, 0 } },
	{ .it_value = { INT64_MAX, 0 } }, { .it_value = { INT32_MAX, 0 } },
};

TEST_F(timers, settime_values)
{
	static const int sets[] = { 0, 1, 2, 3, 4, 8, 1 << 16, 1 << 17, 1 << 31, -1 };
	int fds[] = { -1, 1000, self->others[2], self->others[3] }, fd;

	for (size_t k = 0; k < ARRAY_SIZE(sets); k++) {
		int flags = sets[k];

		for (size_t i = 0; i < ARRAY_SIZE(settings); i++) {
			const struct evfd_itimerspec *new = &settings[i];
			struct evfd_itimerspec old = { }, old_native = { };

			EXPECT_EQ(raw(SYS_SETTIME, self->native, flags, (long)new,
				      (long)&old_native, 0),
				  result(syscall(SYS_SETTIME, self->ours, flags, new, &old)))
				TH_LOG("flags %#x, setting %zu", flags, i);
			EXPECT_EQ(old_native.it_interval.tv_sec, old.it_interval.tv_sec);
			EXPECT_EQ(old_native.it_interval.tv_nsec, old.it_interval.tv_nsec);
			EXPECT_GE(1, old_native.it_value.tv_sec - old.it_value.tv_sec);
			EXPECT_LE(-1, old_native.it_value.tv_sec - old.it_value.tv_sec);
			for (size_t j = 0; j < ARRAY_SIZE(fds); j++) {
				fd = fds[j];
				EXPECT_EQ(raw(SYS_SETTIME, fd, flags, (long)new, 0, 0),
					  result(syscall(SYS_SETTIME, fd, flags, new, NULL)));
			}
		}
	}
}

TEST_F(timers, settime_pointers)
{
	const struct evfd_itimerspec good = { .it_value = { 1000, 0 } };
	const struct evfd_itimerspec bad = { .it_value = { 0, -1 } };
	struct evfd_itimerspec now;
	const void *new[] = { nowhere(), NULL, &good, &bad };
	void *old[] = { nowhere(), NULL, &now, self->read_only };
	int fds[] = { -1, self->others[2], self->native }, flags[] = { 0, -1 };

	for (size_t i = 0; i < 4 * 4 * 2; i++) {
		const void *n = new[i % 4];
		void *o = old[i / 4 % 4];
		int f = flags[i / 16];

		EXPECT_EQ(raw(SYS_SETTIME, self->native, f, (long)n, (long)o, 0),
			  result(syscall(SYS_SETTIME, self->ours, f, n, o)))
			TH_LOG("number %zu", i);
		for (size_t j = 0; j < ARRAY_SIZE(fds); j++) {
			EXPECT_EQ(raw(SYS_SETTIME, fds[j], f, (long)n, (long)o, 0),
				  result(syscall(SYS_SETTIME, fds[j], f, n, o)))
				TH_LOG("number %zu, descriptor %zu", i, j);
		}
	}
}

TEST_F(timers, gettime)
{
	struct evfd_itimerspec now;
	void *to[] = { nowhere(), NULL, &now, self->read_only };

	for (size_t i = 0; i < ARRAY_SIZE(to); i++) {
		EXPECT_EQ(raw(SYS_GETTIME, self->native, (long)to[i], 0, 0, 0),
			  result(syscall(SYS_GETTIME, self->ours, to[i])));
		for (size_t j = 0; j < ARRAY_SIZE(self->others); j++)
			EXPECT_EQ(raw(SYS_GETTIME, self->others[j], (long)to[i], 0, 0, 0),
				  result(syscall(SYS_GETTIME, self->others[j], to[i])));
	}
	/* Only 32 bits of the file descriptor are looked at, too. */
	EXPECT_EQ(0, result(syscall(SYS_GETTIME, JUNK | self->ours, &now)));
}

/* Calls by name, with the C library's own structure, which may have 32-bit times. */
TEST_F(timers, names)
{
	struct itimerspec value = {
		.it_value = { 1000, 1 }, .it_interval = { 2000000000, 999999999 },
	}, old, now;
	int fds[] = { self->ours, self->native };

	for (size_t k = 0; k < ARRAY_SIZE(fds); k++) {
		int fd = fds[k];

		EXPECT_EQ(0, timerfd_settime(fd, 0, &value, NULL));
		EXPECT_EQ(0, timerfd_gettime(fd, &now));
		EXPECT_EQ(2000000000, now.it_interval.tv_sec);
		EXPECT_EQ(999999999, now.it_interval.tv_nsec);
		EXPECT_LE(900, now.it_value.tv_sec);
		EXPECT_GE(1000, now.it_value.tv_sec);
		EXPECT_EQ(0, timerfd_settime(fd, 0, &value, &old));
		EXPECT_EQ(2000000000, old.it_interval.tv_sec);
		EXPECT_EQ(999999999, old.it_interval.tv_nsec);
		value.it_value.tv_nsec = 1000000000;
		EXPECT_EQ(-EINVAL, result(timerfd_settime(fd, 0, &value, NULL)));
		value.it_value.tv_nsec = 1;
	}
	EXPECT_EQ(-EBADF, result(timerfd_gettime(-1, &now)));
	EXPECT_EQ(-EINVAL, result(timerfd_gettime(self->others[3], &now)));
}

#ifdef __i386__
TEST_F(timers, times_of_32_bits)
{
	int32_t value[4] = { 5, 6, 1000, 7 }, bad[4] = { 0, 0, 0, -1 }, old[4], now[4];
	const void *new[] = { value, bad, nowhere(), self->read_only };
	/* At the last two, only half of the structure is writable. */
	char *edge = self->read_only;
	void *to[] = { old, nowhere(), edge, edge - 8, edge + 4096 - 8 };

	for (size_t i = 0; i < 4 * ARRAY_SIZE(to); i++) {
		EXPECT_EQ(raw(__NR_timerfd_settime, self->native, 0, (long)new[i % 4],
			      (long)to[i / 4], 0),
			  result(syscall(SYS_timerfd_settime, self->ours, 0, new[i % 4],
					 to[i / 4])));
	}
	for (size_t i = 0; i < ARRAY_SIZE(to); i++)
		EXPECT_EQ(raw(__NR_timerfd_gettime, self->native, (long)to[i], 0, 0, 0),
			  result(syscall(SYS_timerfd_gettime, self->ours, to[i])));
	ASSERT_EQ(0, syscall(SYS_timerfd_settime, self->ours, 0, value, NULL));
	ASSERT_EQ(0, syscall(SYS_timerfd_gettime, self->ours, now));
	EXPECT_EQ(5, now[0]);
	EXPECT_EQ(6, now[1]);
	EXPECT_LE(900, now[2]);
	ASSERT_EQ(0, syscall(SYS_timerfd_settime, self->ours, 0, value, old));
	EXPECT_EQ(6, old[1]);
	EXPECT_LE(900, old[2]);
}

/* The upper 32 bits of a 32-bit program's nanoseconds are padding. */
TEST_F(timers, padding)
{
	struct evfd_itimerspec value = {
		.it_value = { 1000, (int64_t)0xabcd << 32 | 9 },
		.it_interval = { 1, (int64_t)0xabcd << 32 | 8 },
	}, now;

	ASSERT_EQ(0, syscall(SYS_SETTIME, self->ours, 0, &value, NULL));
	ASSERT_EQ(0, syscall(SYS_GETTIME, self->ours, &now));
	EXPECT_EQ(8, now.it_interval.tv_nsec);
}
#endif

FIXTURE(signals)
{
	int ours;
	int native;
	int pipes[2];
};

FIXTURE_SETUP(signals)
{
	uint64_t mask = 1 << 9;

	self->ours = syscall(SYS_signalfd4, -1, &mask, 8, 0);
	self->native = raw(__NR_signalfd4, -1, (long)&mask, 8, 0, 0);
	ASSERT_TRUE(is_evfd_signal(self->ours));
	ASSERT_FALSE(is_evfd_signal(self->native));
	ASSERT_EQ(0, pipe(self->pipes));
}

FIXTURE_TEARDOWN(signals)
{
}

/* Makes the same call on each descriptor. Success returns it, or for -1 a new descriptor. */
static int same_signalfd(const int fds[], size_t n, int ours, int native,
			 const void *mask, long size, int flags)
{
	long seen, want;
	int bad = 0;

	for (size_t i = 0; i < n; i++) {
		want = raw(__NR_signalfd4, fds[i], (long)mask, size, flags, 0);
		seen = result(syscall(SYS_signalfd4, fds[i], mask, size, flags));
		bad += fds[i] == -1 ? both(seen, want) != 0 : seen != want;
	}
	want = raw(__NR_signalfd4, native, (long)mask, size, flags, 0);
	seen = result(syscall(SYS_signalfd4, ours, mask, size, flags));
	return bad + (seen != (want == native ? ours : want));
}

TEST_F(signals, arguments)
{
	static const long sizes[] = { 8, 0, 4, 16, 128, -1 };
	uint64_t mask = UINT64_MAX;
	const void *masks[] = { &mask, NULL, nowhere() };
	int fds[] = { -1, -2, 1000, self->native, self->pipes[0], eventfd(0, 0) };

	for (size_t k = 0; k < ARRAY_SIZE(flag_sets); k++) {
		for (size_t i = 0; i < ARRAY_SIZE(sizes) * ARRAY_SIZE(masks); i++) {
			EXPECT_EQ(0, same_signalfd(fds, ARRAY_SIZE(fds), self->ours, self->native,
						   masks[i % 3], sizes[i / 3], flag_sets[k]))
				TH_LOG("flags %#x, number %zu", flag_sets[k], i);
		}
	}
}

TEST_F(signals, names)
{
	struct signalfd_siginfo info;
	sigset_t set;
	int fd;

	sigemptyset(&set);
	sigaddset(&set, SIGUSR1);
	ASSERT_EQ(0, sigprocmask(SIG_BLOCK, &set, NULL));
	fd = signalfd(-1, &set, SFD_NONBLOCK | SFD_CLOEXEC);
	ASSERT_TRUE(is_evfd_signal(fd));
	ASSERT_EQ(0, raise(SIGUSR1));
	EXPECT_EQ(sizeof(info), read(fd, &info, sizeof(info)));
	EXPECT_EQ(SIGUSR1, info.ssi_signo);
	sigemptyset(&set);
	EXPECT_EQ(fd, signalfd(fd, &set, 0));
	EXPECT_EQ(self->native, signalfd(self->native, &set, 0));
	ASSERT_EQ(0, raise(SIGUSR1));
	EXPECT_EQ(-1, read(fd, &info, sizeof(info)));
	EXPECT_EQ(EAGAIN, errno);
	/* Without flags. */
	fd = syscall(SYS_signalfd, -1, &(uint64_t){ 1 << 9 }, 8, -1);
	ASSERT_TRUE(is_evfd_signal(fd));
	EXPECT_EQ(O_RDWR, fcntl(fd, F_GETFL));
	EXPECT_EQ(sizeof(info), read(fd, &info, sizeof(info)));
}

TEST_HARNESS_MAIN
