// SPDX-License-Identifier: GPL-2.0
/*
 * The order in which signals are read, and how often. Queued signals are all read in order,
 * other signals are read once.
 */
#include "signal.h"

#define LAST_RT		64

/* The number of signals queued at a time, and how often. */
#define CHUNK		2000
#define CHUNKS		50

static struct signalfd_siginfo seen[64];

/* Reads n records, which must be of sig with values counting from first. */
static bool take_queued(int fd, int sig, int n, unsigned int first)
{
	while (n > 0) {
		ssize_t size = read(fd, seen, sizeof(seen));
		int got = size / RECORD_SIZE;

		if (size <= 0 || size % RECORD_SIZE || got > n)
			return false;
		for (int i = 0; i < got; i++) {
			struct signalfd_siginfo want = record_of_queue(sig, first++);

			if (!record_is(&want, &seen[i]))
				return false;
		}
		n -= got;
	}
	return true;
}

TEST(a_hundred_thousand_in_order)
{
	int sig = SIG_FIRST_RT + 10;
	int fd = sfd_new_blocked(sig_bit(sig), SFD_NONBLOCK);
	unsigned int value = 0;

	ASSERT_GE(fd, 0);
	ASSERT_EQ(0, sig_set_queue_limit(4 * CHUNK));
	repeat(CHUNKS, 6000) {
		for (int i = 0; i < CHUNK; i++)
			ASSERT_EQ(0, sig_queue(getpid(), sig, value + i));
		ASSERT_TRUE(take_queued(fd, sig, CHUNK, value));
		value += CHUNK;
	}
	EXPECT_EQ(-EAGAIN, sfd_take(fd));
}

TEST(all_realtime_signals_at_once)
{
	enum { EACH = 20, SIGNALS = LAST_RT - SIG_FIRST_RT + 1 };
	uint64_t mask = UINT64_MAX << (SIG_FIRST_RT - 1);
	int fd = sfd_new_blocked(mask, SFD_NONBLOCK);

	ASSERT_GE(fd, 0);
	ASSERT_EQ(0, sig_set_queue_limit(4 * CHUNK));
	/* Interleaved, with the last signal first. */
	for (int i = 0; i < EACH; i++) {
		for (int sig = LAST_RT; sig >= SIG_FIRST_RT; sig--)
			ASSERT_EQ(0, sig_queue(getpid(), sig, sig * 100 + i));
	}
	for (int sig = SIG_FIRST_RT; sig <= LAST_RT; sig++) {
		for (int i = 0; i < EACH; i++)
			EXPECT_TRUE(sfd_gives(fd, record_of_queue(sig, sig * 100 + i)));
	}
	EXPECT_EQ(-EAGAIN, sfd_take(fd));
}

TEST(as_many_as_are_left_in_the_last_read)
{
	int sig = LAST_RT;
	int fd = sfd_new_blocked(sig_bit(sig), SFD_NONBLOCK);

	ASSERT_GE(fd, 0);
	for (int i = 0; i < 100; i++)
		ASSERT_EQ(0, sig_queue(getpid(), sig, i));
	EXPECT_EQ(sizeof(seen), read(fd, seen, sizeof(seen)));
	EXPECT_EQ(36 * RECORD_SIZE, read(fd, seen, sizeof(seen)));
	EXPECT_EQ(64, seen[0].ssi_int);
	EXPECT_EQ(99, seen[35].ssi_int);
}

/* Sends the signals in this order, to the process or the thread. */
static bool send(const int *signals, int n, bool to_thread)
{
	for (int i = 0; i < n; i++) {
		if (to_thread ? signal_thread(gettid(), signals[i]) :
				kill(getpid(), signals[i]))
			return false;
	}
	return true;
}

/* Reads all signals in one call. Returns whether they come in this order. */
static bool take(int fd, const int *signals, int n)
{
	ssize_t size = read(fd, seen, sizeof(seen));

	if (size != n * RECORD_SIZE) {
		fprintf(stderr, "# read returns %zd\n", size);
		return false;
	}
	for (int i = 0; i < n; i++) {
		if ((int)seen[i].ssi_signo != signals[i]) {
			fprintf(stderr, "# at %d: signal %d, not %d\n", i,
				seen[i].ssi_signo, signals[i]);
			return false;
		}
	}
	return true;
}

TEST(faults_first_then_the_lowest)
{
	static const int sent[] = {
		LAST_RT, SIG_FIRST_RT, SIGTERM, SIGSYS, SIGHUP, SIGCHLD,
		SIGSEGV, SIGUSR1, SIGFPE, SIGILL, SIGINT, SIGBUS, SIGTRAP,
	};
	static const int want[] = {
		SIGILL, SIGTRAP, SIGBUS, SIGFPE, SIGSEGV, SIGSYS, SIGHUP,
		SIGINT, SIGUSR1, SIGTERM, SIGCHLD, SIG_FIRST_RT, LAST_RT,
	};
	int fd = sfd_new_blocked(UINT64_MAX, SFD_NONBLOCK);

	ASSERT_GE(fd, 0);
	for (int to_thread = 0; to_thread < 2; to_thread++) {
		ASSERT_TRUE(send(sent, ARRAY_SIZE(sent), to_thread));
		EXPECT_TRUE(take(fd, want, ARRAY_SIZE(want)));
	}
}

TEST(the_thread_s_before_the_process_s)
{
	static const int to_process[] = { SIGSEGV, SIGHUP, SIGUSR1 };
	static const int to_thread[] = { LAST_RT, SIGTERM };
	static const int want[] = {
		SIGTERM, LAST_RT, SIGSEGV, SIGHUP, SIGUSR1,
	};
	int fd = sfd_new_blocked(UINT64_MAX, SFD_NONBLOCK);

	ASSERT_GE(fd, 0);
	ASSERT_TRUE(send(to_process, ARRAY_SIZE(to_process), false));
	ASSERT_TRUE(send(to_thread, ARRAY_SIZE(to_thread), true));
	EXPECT_TRUE(take(fd, want, ARRAY_SIZE(want)));
}

TEST(the_same_signal_for_both)
{
	int sig = SIGUSR1, fd = sfd_new_blocked(UINT64_MAX, SFD_NONBLOCK);
	struct signalfd_siginfo want = record_of_kill(SIGUSR1);

	ASSERT_GE(fd, 0);
	ASSERT_TRUE(send(&sig, 1, false));
	ASSERT_TRUE(send(&sig, 1, true));
	want.ssi_code = SI_TKILL;
	EXPECT_TRUE(sfd_gives(fd, want));
	want.ssi_code = SI_USER;
	EXPECT_TRUE(sfd_gives(fd, want));
	EXPECT_EQ(-EAGAIN, sfd_take(fd));
}

TEST(others_are_there_once)
{
	int fd = sfd_new_blocked(UINT64_MAX, SFD_NONBLOCK);

	ASSERT_GE(fd, 0);
	for (int sig = 1; sig < SIG_FIRST_RT; sig++) {
		if (sig == SIGKILL || sig == SIGSTOP)
			continue;
		/* The first signal counts. */
		for (int value = 1; value <= 3; value++)
			ASSERT_EQ(0, sig_queue(getpid(), sig, value));
		ASSERT_EQ(0, kill(getpid(), sig));
		EXPECT_TRUE(sfd_gives(fd, record_of_queue(sig, 1)));
		EXPECT_EQ(-EAGAIN, sfd_take(fd));
		/* After the read, another signal may come. */
		ASSERT_EQ(0, sig_queue(getpid(), sig, 4));
		EXPECT_TRUE(sfd_gives(fd, record_of_queue(sig, 4)));
	}
}

TEST(queued_ones_are_there_as_often_as_sent)
{
	int fd = sfd_new_blocked(UINT64_MAX, SFD_NONBLOCK);

	ASSERT_GE(fd, 0);
	for (int i = 0; i < 3; i++)
		ASSERT_EQ(0, kill(getpid(), SIG_FIRST_RT));
	for (int i = 0; i < 3; i++)
		EXPECT_TRUE(sfd_gives(fd, record_of_kill(SIG_FIRST_RT)));
	EXPECT_EQ(-EAGAIN, sfd_take(fd));
}

TEST(what_the_queue_has_no_room_for)
{
	int fd = sfd_new_blocked(UINT64_MAX, SFD_NONBLOCK);
	struct signalfd_siginfo nobody = { .ssi_code = SI_USER };

	ASSERT_GE(fd, 0);
	ASSERT_EQ(0, sig_set_queue_limit(0));
	EXPECT_EQ(-1, sig_queue(getpid(), LAST_RT, 1));
	EXPECT_EQ(EAGAIN, errno);
	EXPECT_EQ(-EAGAIN, sfd_take(fd));
	/* The signal comes, but its details are lost. */
	ASSERT_EQ(0, kill(getpid(), LAST_RT));
	ASSERT_EQ(0, kill(getpid(), LAST_RT));
	nobody.ssi_signo = LAST_RT;
	EXPECT_TRUE(sfd_gives(fd, nobody));
	EXPECT_EQ(-EAGAIN, sfd_take(fd));
	ASSERT_EQ(0, sig_queue(getpid(), SIGUSR1, 1));
	nobody.ssi_signo = SIGUSR1;
	EXPECT_TRUE(sfd_gives(fd, nobody));
	/* The queue always has room for standard signals from kill(). */
	ASSERT_EQ(0, kill(getpid(), SIGUSR1));
	EXPECT_TRUE(sfd_gives(fd, record_of_kill(SIGUSR1)));
}

/* Makes a child that ends with a status, and is not reaped. */
static pid_t end_child(int status)
{
	pid_t child = fork_child();
	siginfo_t info;

	if (!child)
		_exit(status);
	if (waitid(P_PID, child, &info, WEXITED | WNOWAIT))
		return -1;
	return child;
}

TEST(children_that_end_are_told_once)
{
	int fd = sfd_new_blocked(sig_bit(SIGCHLD), SFD_NONBLOCK);
	pid_t children[3];
	struct signalfd_siginfo info;

	ASSERT_GE(fd, 0);
	for (int i = 0; i < 3; i++) {
		children[i] = end_child(i + 1);
		ASSERT_GT(children[i], 0);
	}
	ASSERT_TRUE(sfd_ready(fd));
	ASSERT_EQ(RECORD_SIZE, sfd_read(fd, &info));
	EXPECT_EQ(SIGCHLD, info.ssi_signo);
	EXPECT_EQ(children[0], info.ssi_pid);
	EXPECT_EQ(1, info.ssi_status);
	EXPECT_EQ(-EAGAIN, sfd_take(fd));
	for (int i = 0; i < 3; i++)
		EXPECT_EQ(children[i], waitpid(-1, NULL, 0));
	/* A child that has been reaped is still reported, according to POSIX. */
	children[0] = end_child(9);
	ASSERT_GT(children[0], 0);
	EXPECT_EQ(children[0], waitpid(-1, NULL, 0));
	ASSERT_EQ(RECORD_SIZE, sfd_read(fd, &info));
	EXPECT_EQ(children[0], info.ssi_pid);
	EXPECT_EQ(9, info.ssi_status);
	EXPECT_EQ(-EAGAIN, sfd_take(fd));
}

TEST_HARNESS_MAIN
