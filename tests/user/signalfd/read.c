// SPDX-License-Identifier: GPL-2.0
/*
 * The length of a read: as many whole records as there are signals, and as fit. Also, which
 * signals are pending after they were sent.
 */
#include "signal.h"

#define RT(n)	(SIG_FIRST_RT + 8 + (n))

/* More signals than any of these tests queues. */
#define N	8

FIXTURE(read)
{
	struct signalfd_siginfo seen[N];
	int fd;
};

FIXTURE_SETUP(read)
{
	uint64_t mask = sig_bit(SIGUSR1) | sig_bit(SIGCHLD) | sig_bit(SIGURG);

	for (int i = 0; i < N; i++)
		mask |= sig_bit(RT(i));
	memset(self->seen, 0xff, sizeof(self->seen));
	self->fd = sfd_new_blocked(mask, SFD_NONBLOCK);
	ASSERT_GE(self->fd, 0);
}

FIXTURE_TEARDOWN(read)
{
	close(self->fd);
}

/* Queues n signals, each with a value of its own. */
static bool queue(int n)
{
	for (int i = 0; i < n; i++) {
		if (sig_queue(getpid(), RT(i), 0x1000 + i))
			return false;
	}
	return true;
}

/* How many records match those of queue(), from number first on. */
static int count(const struct signalfd_siginfo *seen, int first)
{
	int n = 0;

	while (n < N) {
		struct signalfd_siginfo want = record_of_queue(RT(first + n), 0x1000 + first + n);

		if (memcmp(&want, &seen[n], sizeof(want)))
			break;
		n++;
	}
	return n;
}

/* Whether memory has not been written to. */
static bool untouched(const void *start, const void *end)
{
	for (const unsigned char *p = start; p < (unsigned char *)end; p++) {
		if (*p != 0xff)
			return false;
	}
	return true;
}

TEST_F(read, too_small)
{
	static const int sizes[] = { 0, 1, 4, 8, 64, 127 };

	for (int pending = 0; pending < 2; pending++) {
		for (size_t i = 0; i < ARRAY_SIZE(sizes); i++) {
			EXPECT_EQ(-1, read(self->fd, self->seen, sizes[i]));
			EXPECT_EQ(EINVAL, errno);
		}
		EXPECT_EQ(-1, read(self->fd, nowhere(), 127));
		EXPECT_EQ(EINVAL, errno);
		ASSERT_TRUE(queue(1));
	}
	EXPECT_TRUE(untouched(self->seen, self->seen + N));
	EXPECT_EQ(RT(0), sfd_take(self->fd));
}

TEST_F(read, nothing_there)
{
	EXPECT_EQ(-1, read(self->fd, self->seen, sizeof(self->seen)));
	EXPECT_EQ(EAGAIN, errno);
	EXPECT_TRUE(untouched(self->seen, self->seen + N));
	/* Without a signal, the buffer does not matter. */
	EXPECT_EQ(-1, read(self->fd, nowhere(), RECORD_SIZE));
	EXPECT_EQ(EAGAIN, errno);
}

TEST_F(read, whole_records)
{
	static const struct {
		size_t size, n;
	} cases[] = {
		{ 128, 1 }, { 129, 1 }, { 255, 1 }, { 256, 2 }, { 300, 2 },
		{ 3 * 128 + 127, 3 }, { 5 * 128 - 1, 4 }, { 5 * 128, 5 },
		{ 6 * 128, 5 }, { N * 128, 5 },
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		ssize_t n = cases[i].n * RECORD_SIZE;

		memset(self->seen, 0xff, sizeof(self->seen));
		ASSERT_TRUE(queue(5));
		EXPECT_EQ(n, read(self->fd, self->seen, cases[i].size));
		EXPECT_EQ(cases[i].n, count(self->seen, 0));
		EXPECT_TRUE(untouched(self->seen + cases[i].n, self->seen + N));
		/* The other signals are still pending. */
		n = 5 * RECORD_SIZE - n;
		memset(self->seen, 0xff, sizeof(self->seen));
		EXPECT_EQ(n ? n : -1,
			  read(self->fd, self->seen, sizeof(self->seen)));
		EXPECT_EQ(5 - cases[i].n, count(self->seen, cases[i].n));
	}
}

TEST_F(read, vectors)
{
	char *at = (char *)self->seen;
	struct iovec iov[4] = {
		{ .iov_base = at, .iov_len = 1 },
		{ .iov_base = at + 1, .iov_len = 126 },
		{ .iov_base = at + 127, .iov_len = 130 },
		{ .iov_base = at + 257, .iov_len = 127 },
	};

	ASSERT_TRUE(queue(4));
	EXPECT_EQ(3 * RECORD_SIZE, readv(self->fd, iov, 4));
	EXPECT_EQ(3, count(self->seen, 0));
	memset(self->seen, 0xff, sizeof(self->seen));
	EXPECT_EQ(-1, readv(self->fd, iov, 2));
	EXPECT_EQ(EINVAL, errno);
	EXPECT_EQ(0, readv(self->fd, iov, 0));
	EXPECT_TRUE(untouched(self->seen, self->seen + N));
	EXPECT_EQ(RECORD_SIZE, readv(self->fd, iov, 3));
	EXPECT_EQ(1, count(self->seen, 3));
	EXPECT_EQ(-1, readv(self->fd, iov, 4));
	EXPECT_EQ(EAGAIN, errno);
}

TEST_F(read, bad_memory)
{
	size_t page = sysconf(_SC_PAGESIZE);
	char *map = mmap(NULL, 2 * page, PROT_READ | PROT_WRITE,
			 MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	ASSERT_NE(MAP_FAILED, map);
	ASSERT_EQ(0, mprotect(map + page, page, PROT_NONE));
	ASSERT_TRUE(queue(1));
	EXPECT_EQ(-1, read(self->fd, map + page, RECORD_SIZE));
	EXPECT_EQ(EFAULT, errno);
	sfd_take(self->fd);
	ASSERT_TRUE(queue(1));
	EXPECT_EQ(-1, read(self->fd, map + page - 127, RECORD_SIZE));
	EXPECT_EQ(EFAULT, errno);
	sfd_take(self->fd);
	/* The records before the fault are delivered. */
	ASSERT_TRUE(queue(3));
	EXPECT_EQ(2 * RECORD_SIZE,
		  read(self->fd, map + page - 300, 3 * RECORD_SIZE));
	memcpy(self->seen, map + page - 300, 2 * RECORD_SIZE);
	EXPECT_EQ(2, count(self->seen, 0));
}

TEST_F(read, nonblock_is_toggled)
{
	struct iovec iov = { .iov_base = self->seen, .iov_len = RECORD_SIZE };
	struct reader reader;

	for (int i = 0; i < 3; i++) {
		ASSERT_EQ(0, fcntl(self->fd, F_SETFL, 0));
		ASSERT_TRUE(reader_start_blocked(&reader, self->fd));
		EXPECT_EQ(-1, preadv2(self->fd, &iov, 1, -1, RWF_NOWAIT));
		EXPECT_EQ(EAGAIN, errno);
		ASSERT_TRUE(queue(1));
		EXPECT_EQ(RT(0), reader_takes(&reader));
		ASSERT_TRUE(queue(1));
		EXPECT_EQ(RECORD_SIZE,
			  preadv2(self->fd, &iov, 1, -1, RWF_NOWAIT));
		EXPECT_EQ(1, count(self->seen, 0));
		ASSERT_EQ(0, fcntl(self->fd, F_SETFL, O_NONBLOCK));
		EXPECT_EQ(-EAGAIN, sfd_take(self->fd));
	}
}

TEST_F(read, others_take_signals_too)
{
	struct timespec none = { };
	sigset_t set;
	siginfo_t info;

	sigemptyset(&set);
	sigaddset(&set, RT(1));
	ASSERT_TRUE(queue(3));
	EXPECT_EQ(RT(1), sigtimedwait(&set, &info, &none));
	EXPECT_EQ(0x1001, info.si_value.sival_int);
	EXPECT_EQ(2 * RECORD_SIZE,
		  read(self->fd, self->seen, sizeof(self->seen)));
	EXPECT_EQ(RT(0), self->seen[0].ssi_signo);
	EXPECT_EQ(RT(2), self->seen[1].ssi_signo);
	ASSERT_TRUE(queue(2));
	EXPECT_EQ(2 * RECORD_SIZE,
		  read(self->fd, self->seen, sizeof(self->seen)));
	EXPECT_EQ(-1, sigtimedwait(&set, &info, &none));
	EXPECT_EQ(EAGAIN, errno);
}

TEST_F(read, only_what_is_in_the_mask)
{
	ASSERT_EQ(0, sig_block(sig_bit(SIGUSR2) | sig_bit(SIGTERM)));
	ASSERT_EQ(0, kill(getpid(), SIGUSR2));
	ASSERT_EQ(0, kill(getpid(), SIGUSR1));
	ASSERT_EQ(0, kill(getpid(), SIGTERM));
	EXPECT_EQ(RECORD_SIZE,
		  read(self->fd, self->seen, sizeof(self->seen)));
	EXPECT_EQ(SIGUSR1, self->seen[0].ssi_signo);
	EXPECT_EQ(sig_bit(SIGUSR2) | sig_bit(SIGTERM), sig_pending());
}

TEST_F(read, ignored_signals)
{
	/* SIGURG is ignored by default, but is kept while blocked. */
	ASSERT_EQ(0, kill(getpid(), SIGURG));
	EXPECT_TRUE(sfd_gives(self->fd, record_of_kill(SIGURG)));
	signal(SIGUSR1, SIG_IGN);
	ASSERT_EQ(0, kill(getpid(), SIGUSR1));
	EXPECT_TRUE(sfd_gives(self->fd, record_of_kill(SIGUSR1)));
	/* Ignoring a signal drops it if it is pending. */
	signal(SIGUSR1, SIG_DFL);
	ASSERT_EQ(0, kill(getpid(), SIGUSR1));
	EXPECT_EQ(POLLIN, poll_now(self->fd));
	signal(SIGUSR1, SIG_IGN);
	EXPECT_EQ(0, poll_now(self->fd));
	EXPECT_EQ(-EAGAIN, sfd_take(self->fd));
	/* Ignored and not blocked, the signal never comes. */
	ASSERT_EQ(0, sig_unblock(sig_bit(SIGUSR1)));
	ASSERT_EQ(0, kill(getpid(), SIGUSR1));
	EXPECT_EQ(-EAGAIN, sfd_take(self->fd));
}

static _Atomic int handled;

static void count_signal(int sig)
{
	(void)sig;
	handled++;
}

TEST_F(read, handlers_are_first)
{
	struct sigaction action = { .sa_handler = count_signal };

	handled = 0;
	ASSERT_EQ(0, sigaction(SIGUSR1, &action, NULL));
	ASSERT_EQ(0, sig_unblock(sig_bit(SIGUSR1)));
	ASSERT_EQ(0, kill(getpid(), SIGUSR1));
	EXPECT_EQ(1, handled);
	EXPECT_EQ(0, poll_now(self->fd));
	EXPECT_EQ(-EAGAIN, sfd_take(self->fd));
	/* A blocked signal goes to the handler or the read, whichever is first. */
	ASSERT_EQ(0, sig_block(sig_bit(SIGUSR1)));
	ASSERT_EQ(0, kill(getpid(), SIGUSR1));
	EXPECT_EQ(POLLIN, poll_now(self->fd));
	ASSERT_EQ(0, sig_unblock(sig_bit(SIGUSR1)));
	EXPECT_EQ(2, handled);
	EXPECT_EQ(-EAGAIN, sfd_take(self->fd));
	ASSERT_EQ(0, sig_block(sig_bit(SIGUSR1)));
	ASSERT_EQ(0, kill(getpid(), SIGUSR1));
	EXPECT_EQ(SIGUSR1, sfd_take(self->fd));
	ASSERT_EQ(0, sig_unblock(sig_bit(SIGUSR1)));
	EXPECT_EQ(2, handled);
}

TEST_F(read, faults_are_not_given)
{
	pid_t child;
	int status;

	child = fork_child();
	ASSERT_GE(child, 0);
	if (!child) {
		int fd = sfd_new_blocked(sig_bit(SIGSEGV), SFD_NONBLOCK);

		if (fd < 0 || sig_block(sig_bit(SIGSEGV)))
			_exit(1);
		*(volatile int *)nowhere() = 1;
		_exit(sfd_take(fd));
	}
	ASSERT_EQ(child, waitpid(child, &status, 0));
	ASSERT_TRUE(WIFSIGNALED(status));
	EXPECT_EQ(SIGSEGV, WTERMSIG(status));
}

TEST_HARNESS_MAIN
