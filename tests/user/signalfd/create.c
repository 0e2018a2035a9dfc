// SPDX-License-Identifier: GPL-2.0
/*
 * Making signal descriptors and changing their masks: valid masks, and calls that are
 * refused.
 */
#include "signal.h"

#include <sys/resource.h>

#define USR	(sig_bit(SIGUSR1) | sig_bit(SIGUSR2))

TEST(sizes)
{
	EXPECT_EQ(RECORD_SIZE, sizeof(struct signalfd_siginfo));
	EXPECT_EQ(8, KERNEL_SIGSET_SIZE);
}

TEST(flags)
{
	static const int flags[] = {
		0, SFD_CLOEXEC, SFD_NONBLOCK, SFD_CLOEXEC | SFD_NONBLOCK,
	};

	for (size_t i = 0; i < ARRAY_SIZE(flags); i++) {
		int fd = sfd_new(USR, flags[i]);

		ASSERT_GE(fd, 0);
		EXPECT_EQ(O_RDWR | (flags[i] & SFD_NONBLOCK),
			  fcntl(fd, F_GETFL));
		EXPECT_EQ(flags[i] & SFD_CLOEXEC ? FD_CLOEXEC : 0,
			  fcntl(fd, F_GETFD));
		EXPECT_EQ(USR, sfd_mask(fd));
		close(fd);
	}
}

TEST(unknown_flags)
{
	int fd = sfd_new(USR, 0);

	ASSERT_GE(fd, 0);
	/* Bit 0 is EVFD_SFD_BLOCK. */
	for (int bit = 1; bit < 32; bit++) {
		unsigned int flags = 1U << bit;

		if (flags == SFD_CLOEXEC || flags == SFD_NONBLOCK)
			continue;
		EXPECT_EQ(-1, sfd_new(USR, flags));
		EXPECT_EQ(EINVAL, errno);
		EXPECT_EQ(-1, sfd_new(USR, flags | SFD_NONBLOCK));
		EXPECT_EQ(EINVAL, errno);
		EXPECT_EQ(-1, sfd_call(fd, &(uint64_t){ 1 }, 8, flags));
		EXPECT_EQ(EINVAL, errno);
	}
	EXPECT_EQ(USR, sfd_mask(fd));
}

TEST(size_of_the_mask)
{
	static const unsigned int sizes[] = {
		0, 1, 4, 7, 9, 12, 16, 128, 0x80000008, UINT32_MAX,
	};
	uint64_t mask[16] = { 1 };
	int fd = sfd_new(USR, 0);

	ASSERT_GE(fd, 0);
	for (size_t i = 0; i < ARRAY_SIZE(sizes); i++) {
		EXPECT_EQ(-1, sfd_call(-1, mask, sizes[i], 0));
		EXPECT_EQ(EINVAL, errno);
		EXPECT_EQ(-1, sfd_call(fd, mask, sizes[i], 0));
		EXPECT_EQ(EINVAL, errno);
		/* With another size, the mask is not even read. */
		EXPECT_EQ(-1, sfd_call(-1, nowhere(), sizes[i], 0));
		EXPECT_EQ(EINVAL, errno);
	}
	EXPECT_EQ(USR, sfd_mask(fd));
}

TEST(mask_that_can_not_be_read)
{
	size_t page = sysconf(_SC_PAGESIZE);
	char *map = mmap(NULL, 2 * page, PROT_READ | PROT_WRITE,
			 MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	void *bad[] = {
		nowhere(), (char *)nowhere() - 4096, map + page,
		map + page - 4, map + page - 7,
	};
	int fd = sfd_new(USR, 0);

	ASSERT_GE(fd, 0);
	ASSERT_NE(MAP_FAILED, map);
	ASSERT_EQ(0, mprotect(map + page, page, PROT_NONE));
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		EXPECT_EQ(-1, sfd_call(-1, bad[i], 8, 0));
		EXPECT_EQ(EFAULT, errno);
		EXPECT_EQ(-1, sfd_call(fd, bad[i], 8, 0));
		EXPECT_EQ(EFAULT, errno);
		EXPECT_EQ(-1, sfd_call(1000000, bad[i], 8, 0));
		EXPECT_EQ(EFAULT, errno);
		EXPECT_EQ(-1, sfd_call(-1, bad[i], 8, SFD_CLOEXEC | 2));
		EXPECT_EQ(EFAULT, errno);
	}
	EXPECT_EQ(USR, sfd_mask(fd));
	memset(map + page - 8, 0x55, 8);
	EXPECT_EQ(fd, sfd_call(fd, map + page - 8, 8, 0));
	EXPECT_EQ(0x5555555555555555 & ~sig_uncatchable(), sfd_mask(fd));
}

TEST(what_can_not_be_caught_is_left_out)
{
	int all = sfd_new(UINT64_MAX, SFD_NONBLOCK);
	int none = sfd_new(sig_uncatchable(), SFD_NONBLOCK);

	ASSERT_GE(all, 0);
	ASSERT_GE(none, 0);
	EXPECT_EQ(0xfffffffffffbfeff, sfd_mask(all));
	EXPECT_EQ(0, sfd_mask(none));
	EXPECT_EQ(-EAGAIN, sfd_take(none));
	EXPECT_EQ(0, poll_now(none));
	EXPECT_EQ(none, sfd_set_mask(none, sig_uncatchable() | USR));
	EXPECT_EQ(USR, sfd_mask(none));
}

TEST(empty_mask)
{
	int fd = sfd_new(0, SFD_NONBLOCK);

	ASSERT_GE(fd, 0);
	EXPECT_EQ(0, sfd_mask(fd));
	ASSERT_EQ(0, sig_block(UINT64_MAX));
	ASSERT_EQ(0, kill(getpid(), SIGUSR1));
	EXPECT_EQ(0, poll_now(fd));
	EXPECT_EQ(-EAGAIN, sfd_take(fd));
}

TEST(every_signal_by_itself)
{
	ASSERT_EQ(0, sig_block(UINT64_MAX));
	for (int sig = 1; sig <= 64; sig++) {
		int only, others;

		if (sig == SIGKILL || sig == SIGSTOP)
			continue;
		only = sfd_new(sig_bit(sig), SFD_NONBLOCK);
		others = sfd_new(~sig_bit(sig), SFD_NONBLOCK);
		ASSERT_GE(others, 0);
		EXPECT_EQ(sig_bit(sig), sfd_mask(only));
		EXPECT_EQ(-EAGAIN, sfd_take(only));
		ASSERT_EQ(0, kill(getpid(), sig));
		EXPECT_EQ(0, poll_now(others));
		EXPECT_EQ(-EAGAIN, sfd_take(others));
		EXPECT_EQ(POLLIN, poll_now(only));
		EXPECT_TRUE(sfd_gives(only, record_of_kill(sig)));
		EXPECT_EQ(0, poll_now(only));
		EXPECT_EQ(-EAGAIN, sfd_take(only));
		close(only);
		close(others);
	}
}

TEST(another_mask)
{
	int fd = sfd_new_blocked(sig_bit(SIGUSR1), SFD_NONBLOCK);

	ASSERT_GE(fd, 0);
	ASSERT_EQ(0, sig_block(USR));
	ASSERT_EQ(0, kill(getpid(), SIGUSR1));
	ASSERT_EQ(0, kill(getpid(), SIGUSR2));
	EXPECT_EQ(fd, sfd_set_mask(fd, sig_bit(SIGUSR2)));
	EXPECT_EQ(sig_bit(SIGUSR2), sfd_mask(fd));
	EXPECT_EQ(SIGUSR2, sfd_take(fd));
	EXPECT_EQ(-EAGAIN, sfd_take(fd));
	EXPECT_EQ(0, poll_now(fd));
	EXPECT_EQ(fd, sfd_set_mask(fd, USR));
	EXPECT_EQ(POLLIN, poll_now(fd));
	EXPECT_EQ(SIGUSR1, sfd_take(fd));
	EXPECT_EQ(fd, sfd_set_mask(fd, 0));
	EXPECT_EQ(0, sfd_mask(fd));
}

TEST(flags_do_not_change_with_the_mask)
{
	uint64_t mask = USR;
	int fd = sfd_new(0, 0), other = sfd_new(0, SFD_NONBLOCK | SFD_CLOEXEC);

	ASSERT_GE(other, 0);
	EXPECT_EQ(fd, sfd_call(fd, &mask, 8, SFD_NONBLOCK | SFD_CLOEXEC));
	EXPECT_EQ(O_RDWR, fcntl(fd, F_GETFL));
	EXPECT_EQ(0, fcntl(fd, F_GETFD));
	EXPECT_EQ(other, sfd_call(other, &mask, 8, 0));
	EXPECT_EQ(O_RDWR | O_NONBLOCK, fcntl(other, F_GETFL));
	EXPECT_EQ(FD_CLOEXEC, fcntl(other, F_GETFD));
	EXPECT_EQ(USR, sfd_mask(fd));
	EXPECT_EQ(USR, sfd_mask(other));
}

TEST(the_mask_is_that_of_the_open_file)
{
	int fd = sfd_new(0, 0), copy = dup(fd), other = sfd_new(0, 0);
	pid_t child;

	ASSERT_GE(other, 0);
	EXPECT_EQ(copy, sfd_set_mask(copy, USR));
	EXPECT_EQ(USR, sfd_mask(fd));
	EXPECT_EQ(0, sfd_mask(other));
	child = fork_child();
	ASSERT_GE(child, 0);
	if (!child)
		_exit(sfd_set_mask(fd, 1) != fd);
	EXPECT_TRUE(child_ends_well(child));
	EXPECT_EQ(1, sfd_mask(fd));
	EXPECT_EQ(1, sfd_mask(copy));
}

TEST(no_descriptor)
{
	int closed = sfd_new(USR, 0);
	int path = open("/dev/null", O_PATH | O_CLOEXEC);
	int bad[] = { -2, -100, INT32_MIN, 1000000, INT32_MAX, closed, path };

	ASSERT_GE(path, 0);
	ASSERT_EQ(0, close(closed));
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		EXPECT_EQ(-1, sfd_set_mask(bad[i], USR));
		EXPECT_EQ(EBADF, errno) TH_LOG("descriptor %d", bad[i]);
	}
}

TEST(other_descriptors)
{
	uint64_t mask = USR;
	int native = native_make_signalfd(-1, &mask, 8, 0);
	int evfd = evfd_sfd_call(-1, &mask, 8, 0);
	int pipes[2], others[] = {
		open("/dev/null", O_RDWR), open("/", O_RDONLY),
		memfd_create("file", 0), epoll_create1(0),
		native_make_eventfd(0, 0), evfd_new(0, 0),
		open(EVFD_DEVICE, O_RDWR), impl_is_evfd() ? native : evfd,
	};
	/* With the preload library, both are the same kind. */
	size_t n = ARRAY_SIZE(others) - impl_is("preload");

	ASSERT_EQ(0, pipe(pipes));
	ASSERT_GE(native, 0);
	ASSERT_GE(evfd, 0);
	for (size_t i = 0; i < n; i++) {
		ASSERT_GE(others[i], 0);
		EXPECT_EQ(-1, sfd_set_mask(others[i], 1));
		EXPECT_EQ(EINVAL, errno) TH_LOG("descriptor %zu", i);
	}
	EXPECT_EQ(-1, sfd_set_mask(pipes[0], 1));
	EXPECT_EQ(EINVAL, errno);
	EXPECT_EQ(USR, sfd_mask(native));
	EXPECT_EQ(USR, sfd_mask(evfd));
}

TEST(no_number_is_left)
{
	struct rlimit limit;
	int fd = sfd_new(USR, 0);

	ASSERT_GE(fd, 0);
	ASSERT_EQ(0, getrlimit(RLIMIT_NOFILE, &limit));
	limit.rlim_cur = 3;
	ASSERT_EQ(0, setrlimit(RLIMIT_NOFILE, &limit));
	EXPECT_EQ(-1, sfd_new(USR, 0));
	EXPECT_EQ(EMFILE, errno);
	EXPECT_EQ(fd, sfd_set_mask(fd, 1));
	EXPECT_EQ(-1, sfd_new(USR, 2));
	EXPECT_EQ(EINVAL, errno);
}

TEST(many_open)
{
	enum { N = 500 };
	static int fds[N];

	ASSERT_EQ(0, sig_block(USR));
	for (int i = 0; i < N; i++) {
		fds[i] = sfd_new(i % 2 ? USR : sig_bit(SIGHUP), SFD_NONBLOCK);
		ASSERT_GE(fds[i], 0);
	}
	ASSERT_EQ(0, kill(getpid(), SIGUSR1));
	for (int i = 0; i < N; i++)
		EXPECT_EQ(i % 2 ? POLLIN : 0, poll_now(fds[i]));
	EXPECT_EQ(SIGUSR1, sfd_take(fds[N - 1]));
	for (int i = 0; i < N; i++) {
		EXPECT_EQ(0, poll_now(fds[i]));
		EXPECT_EQ(-EAGAIN, sfd_take(fds[i]));
		EXPECT_EQ(0, close(fds[i]));
	}
}

TEST_HARNESS_MAIN
