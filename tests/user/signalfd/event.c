// SPDX-License-Identifier: GPL-2.0
/*
 * Signals from the kernel itself, and the records of them: for timers, files, children, and
 * the job control of terminals.
 */
#include "signal.h"

#include <sys/ptrace.h>
#include <sys/time.h>

#define RT	(SIG_FIRST_RT + 8)

#define HOUR	3600

/* 32-bit programs have another call for 64-bit times beside the old. */
#ifdef SYS_timer_settime64
#define TIMER_SETTIME	SYS_timer_settime64
#else
#define TIMER_SETTIME	SYS_timer_settime
#endif

/* A descriptor for all signals, which are blocked. */
FIXTURE(event)
{
	struct signalfd_siginfo seen;
	int fd;
};

FIXTURE_SETUP(event)
{
	self->fd = sfd_new_blocked(UINT64_MAX, SFD_NONBLOCK);
	ASSERT_GE(self->fd, 0);
}

FIXTURE_TEARDOWN(event)
{
	EXPECT_EQ(-EAGAIN, sfd_take(self->fd));
	close(self->fd);
}

TEST_F(event, kill)
{
	ASSERT_EQ(0, kill(getpid(), SIGTERM));
	EXPECT_TRUE(sfd_gives(self->fd, record_of_kill(SIGTERM)));
	ASSERT_EQ(0, setresuid(1234, 1234, 1234));
	ASSERT_EQ(0, kill(getpid(), SIGTERM));
	EXPECT_TRUE(sfd_gives(self->fd, record_of_kill(SIGTERM)));
	EXPECT_EQ(1234, record_of_kill(SIGTERM).ssi_uid);
}

TEST_F(event, kill_by_another)
{
	pid_t child = fork_child();

	ASSERT_GE(child, 0);
	if (!child)
		_exit(kill(getppid(), SIGUSR1) ||
		      sig_queue(getppid(), SIGUSR2, 0x1234));
	ASSERT_TRUE(child_ends_well(child));
	for (int i = 0; i < 2; i++) {
		struct signalfd_siginfo want = {
			.ssi_signo = i ? SIGUSR2 : SIGUSR1,
			.ssi_code = i ? SI_QUEUE : SI_USER,
			.ssi_pid = child,
			.ssi_int = i ? 0x1234 : 0,
			.ssi_ptr = i ? 0x1234 : 0,
		};

		EXPECT_TRUE(sfd_gives(self->fd, want));
	}
	EXPECT_EQ(SIGCHLD, sfd_take(self->fd));
}

TEST_F(event, tkill)
{
	struct signalfd_siginfo want = record_of_kill(SIGUSR1);

	want.ssi_code = SI_TKILL;
	ASSERT_EQ(0, signal_thread(gettid(), SIGUSR1));
	EXPECT_TRUE(sfd_gives(self->fd, want));
}

TEST_F(event, broken_pipe)
{
	int pipes[2];

	ASSERT_EQ(0, pipe(pipes));
	ASSERT_EQ(0, close(pipes[0]));
	EXPECT_EQ(-1, write(pipes[1], "", 1));
	EXPECT_EQ(EPIPE, errno);
	EXPECT_TRUE(sfd_gives(self->fd, record_of_kill(SIGPIPE)));
}

/* Makes a timer that sends sig with a value. */
static int timer_new(int sig, int *id, uintptr_t value)
{
	struct sigevent event = {
		.sigev_notify = SIGEV_SIGNAL,
		.sigev_signo = sig,
		.sigev_value = { .sival_ptr = (void *)value },
	};

	return syscall(SYS_timer_create, CLOCK_REALTIME, &event, id);
}

/*
 * Sets the timer as if it had expired n times, and to expire again in an hour. So the
 * signal reports n expirations, however long the test takes.
 */
static int timer_set_late(int id, int n)
{
	struct timespec now;
	/* In the form of 64-bit kernels: the interval, then the first expiration. */
	int64_t setting[4] = { 2 * HOUR };

	clock_gettime(CLOCK_REALTIME, &now);
	setting[2] = now.tv_sec - (n - 1) * 2 * HOUR - HOUR;
	return syscall(TIMER_SETTIME, id, TIMER_ABSTIME, setting, NULL);
}

TEST_F(event, timer)
{
	static const int signals[] = { RT, SIGALRM, SIGCHLD, SIGSEGV };
	uintptr_t value = (uintptr_t)UINT64_C(0x123456789abcdef0);
	int id;

	for (size_t i = 0; i < ARRAY_SIZE(signals); i++) {
		struct signalfd_siginfo want = {
			.ssi_signo = signals[i],
			.ssi_code = SI_TIMER,
			.ssi_ptr = value,
			.ssi_int = 0x9abcdef0,
		};

		ASSERT_EQ(0, timer_new(signals[i], &id, value));
		for (int n = 1; n <= 101; n += 50) {
			ASSERT_EQ(0, timer_set_late(id, n));
			ASSERT_TRUE(sfd_ready(self->fd));
			want.ssi_tid = id;
			want.ssi_overrun = n - 1;
			EXPECT_TRUE(sfd_gives(self->fd, want));
			EXPECT_EQ(n - 1, syscall(SYS_timer_getoverrun, id));
		}
		EXPECT_EQ(0, syscall(SYS_timer_delete, id));
	}
}

TEST_F(event, timer_that_is_gone)
{
	int id;

	ASSERT_EQ(0, timer_new(RT, &id, 0));
	ASSERT_EQ(0, timer_set_late(id, 1));
	ASSERT_TRUE(sfd_ready(self->fd));
	ASSERT_EQ(0, syscall(SYS_timer_delete, id));
	EXPECT_EQ(-EAGAIN, sfd_take(self->fd));
	EXPECT_EQ(0, poll_now(self->fd));
	/* A signal queued behind it is not lost. */
	ASSERT_EQ(0, timer_new(RT, &id, 0));
	ASSERT_EQ(0, timer_set_late(id, 1));
	ASSERT_TRUE(sfd_ready(self->fd));
	ASSERT_EQ(0, sig_queue(getpid(), RT + 1, 5));
	ASSERT_EQ(0, syscall(SYS_timer_delete, id));
	EXPECT_TRUE(sfd_gives(self->fd, record_of_queue(RT + 1, 5)));
}

TEST_F(event, alarm)
{
	struct itimerval timer = {
		.it_value = { .tv_usec = 1000 },
		.it_interval = { .tv_usec = 1000 },
	};
	struct signalfd_siginfo want = { .ssi_signo = SIGALRM, .ssi_code = SI_KERNEL };

	ASSERT_EQ(0, setitimer(ITIMER_REAL, &timer, NULL));
	/* The read re-arms the timer. */
	for (int i = 0; i < 5; i++) {
		ASSERT_TRUE(sfd_ready(self->fd));
		EXPECT_TRUE(sfd_gives(self->fd, want));
	}
	ASSERT_EQ(0, fcntl(self->fd, F_SETFL, 0));
	for (int i = 0; i < 5; i++)
		EXPECT_EQ(SIGALRM, sfd_take(self->fd));
	timer = (struct itimerval){ };
	ASSERT_EQ(0, setitimer(ITIMER_REAL, &timer, NULL));
	ASSERT_EQ(0, fcntl(self->fd, F_SETFL, O_NONBLOCK));
	/* A signal may have come before that. */
	sfd_take(self->fd);
}

TEST_F(event, time_of_the_processor)
{
	struct itimerval timer = { .it_value = { .tv_usec = 1000 } };
	struct signalfd_siginfo want = { .ssi_signo = SIGPROF, .ssi_code = SI_KERNEL };
	struct timespec now = { };

	ASSERT_EQ(0, setitimer(ITIMER_PROF, &timer, NULL));
	while (!poll_now(self->fd) && now.tv_sec < 10)
		clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
	EXPECT_TRUE(sfd_gives(self->fd, want));
}

/* Makes a pipe that sends a signal when it becomes readable, and writes to it. */
static bool fill_async(int pipes[2], int sig)
{
	return !pipe(pipes) && !fcntl(pipes[0], F_SETOWN, getpid()) &&
	       !fcntl(pipes[0], F_SETSIG, sig) &&
	       !fcntl(pipes[0], F_SETFL, O_ASYNC) &&
	       write(pipes[1], "", 1) == 1;
}

TEST_F(event, file)
{
	static const struct {
		int sig, code;
	} cases[] = {
		{ RT, POLL_IN }, { SIGUSR1, POLL_IN }, { SIGIO, POLL_IN },
		{ SIGCHLD, SI_SIGIO }, { SIGSEGV, SI_SIGIO },
	};
	struct signalfd_siginfo kernel = { .ssi_signo = SIGIO, .ssi_code = SI_KERNEL };
	int pipes[2];

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct signalfd_siginfo want = {
			.ssi_signo = cases[i].sig,
			.ssi_code = cases[i].code,
			.ssi_band = POLLIN | POLLRDNORM,
		};

		ASSERT_TRUE(fill_async(pipes, cases[i].sig));
		want.ssi_fd = pipes[0];
		EXPECT_TRUE(sfd_gives(self->fd, want));
		/* The pipe stays open, so each case has another descriptor number. */
	}
	/* Without F_SETSIG, the record has no details. */
	ASSERT_TRUE(fill_async(pipes, 0));
	EXPECT_TRUE(sfd_gives(self->fd, kernel));
}

/* Reads a SIGCHLD of child and compares all but the times, which it adds up. */
static bool gives_child(int fd, pid_t child, int code, int status, uint64_t *time)
{
	struct signalfd_siginfo want = {
		.ssi_signo = SIGCHLD,
		.ssi_code = code,
		.ssi_pid = child,
		.ssi_uid = getuid(),
		.ssi_status = status,
	};
	struct signalfd_siginfo seen;

	if (!sfd_ready(fd) || sfd_read(fd, &seen) != sizeof(seen))
		return false;
	if (time)
		*time = seen.ssi_utime + seen.ssi_stime;
	seen.ssi_utime = 0;
	seen.ssi_stime = 0;
	return record_is(&want, &seen);
}

/* Uses 200 ms of processor time, which are some ticks on any kernel. */
static void work(void)
{
	struct timespec now = { };

	while (!now.tv_sec && now.tv_nsec < 200000000)
		clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
}

TEST_F(event, child_ends)
{
	pid_t child = fork_child();
	uint64_t time;

	ASSERT_GE(child, 0);
	if (!child) {
		work();
		_exit(7);
	}
	EXPECT_TRUE(gives_child(self->fd, child, CLD_EXITED, 7, &time));
	/* In ticks, with 100 ticks in a second. */
	EXPECT_LT(0, time);
	EXPECT_GT(1000, time);
	child = fork_child();
	ASSERT_GE(child, 0);
	if (!child)
		raise(SIGKILL);
	EXPECT_TRUE(gives_child(self->fd, child, CLD_KILLED, SIGKILL, NULL));
	child = fork_child();
	ASSERT_GE(child, 0);
	if (!child) {
		setresuid(4321, 4321, 4321);
		_exit(0);
	}
	ASSERT_TRUE(sfd_ready(self->fd));
	ASSERT_EQ(RECORD_SIZE, sfd_read(self->fd, &self->seen));
	EXPECT_EQ(4321, self->seen.ssi_uid);
}

TEST_F(event, child_stops_and_goes_on)
{
	pid_t child = fork_child();

	ASSERT_GE(child, 0);
	if (!child) {
		while (1)
			pause();
	}
	for (int i = 0; i < 2; i++) {
		ASSERT_EQ(0, kill(child, SIGSTOP));
		EXPECT_TRUE(gives_child(self->fd, child, CLD_STOPPED, SIGSTOP,
					NULL));
		ASSERT_EQ(0, kill(child, SIGCONT));
		EXPECT_TRUE(gives_child(self->fd, child, CLD_CONTINUED,
					SIGCONT, NULL));
	}
	ASSERT_EQ(0, kill(child, SIGKILL));
	EXPECT_TRUE(gives_child(self->fd, child, CLD_KILLED, SIGKILL, NULL));
}

TEST_F(event, child_is_traced)
{
	pid_t child = fork_child();

	ASSERT_GE(child, 0);
	if (!child) {
		sig_unblock(sig_bit(SIGUSR1));
		ptrace(PTRACE_TRACEME, 0, NULL, NULL);
		raise(SIGUSR1);
		_exit(0);
	}
	EXPECT_TRUE(gives_child(self->fd, child, CLD_TRAPPED, SIGUSR1, NULL));
	ASSERT_EQ(child, waitpid(child, NULL, 0));
	ASSERT_EQ(0, ptrace(PTRACE_CONT, child, NULL, NULL));
	EXPECT_TRUE(gives_child(self->fd, child, CLD_EXITED, 0, NULL));
}

TEST_F(event, stop_signals_that_are_blocked)
{
	static const int stops[] = { SIGTSTP, SIGTTIN, SIGTTOU };

	for (size_t i = 0; i < ARRAY_SIZE(stops); i++) {
		/* A blocked stop signal is read, and stops no process. */
		ASSERT_EQ(0, kill(getpid(), stops[i]));
		EXPECT_TRUE(sfd_gives(self->fd, record_of_kill(stops[i])));
		/* SIGCONT drops a pending stop signal, and the other way round. */
		ASSERT_EQ(0, kill(getpid(), stops[i]));
		ASSERT_EQ(0, kill(getpid(), SIGCONT));
		EXPECT_TRUE(sfd_gives(self->fd, record_of_kill(SIGCONT)));
		EXPECT_EQ(-EAGAIN, sfd_take(self->fd));
		ASSERT_EQ(0, kill(getpid(), SIGCONT));
		ASSERT_EQ(0, kill(getpid(), stops[i]));
		EXPECT_TRUE(sfd_gives(self->fd, record_of_kill(stops[i])));
		EXPECT_EQ(-EAGAIN, sfd_take(self->fd));
	}
}

TEST_HARNESS_MAIN
