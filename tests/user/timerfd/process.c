// SPDX-License-Identifier: GPL-2.0
/*
 * Timers and processes: fork, exec, dup, SCM_RIGHTS, and closing. The timer
 * belongs to the open file, whoever holds it.
 */
#include "timer.h"
#include "fd_passing.h"

static int new_timer(int flags)
{
	return tfd_new(CLOCK_REALTIME, flags);
}

/* Makes LATE_TICKS expirations that the next read will find. */
static bool make_late(int fd)
{
	return !tfd_arm_late(fd, CLOCK_REALTIME) && tfd_expires(fd);
}

static bool exits_well(pid_t child)
{
	int status;

	return waitpid(child, &status, 0) == child && !status;
}

TEST(fork_shares_the_timer)
{
	int fd = new_timer(0);
	pid_t child;

	ASSERT_GE(fd, 0);
	child = fork_child();
	ASSERT_GE(child, 0);
	if (!child)
		_exit(!!tfd_arm_late(fd, CLOCK_REALTIME));
	EXPECT_EQ(LATE_TICKS, tfd_ticks(fd));
	EXPECT_TRUE(exits_well(child));
	/* It goes on when the child that set it is gone. */
	EXPECT_LT(FAR_NS / 2, tfd_left(fd));

	child = fork_child();
	ASSERT_GE(child, 0);
	if (!child)
		_exit(tfd_ticks(fd) != 1);
	ASSERT_EQ(0, tfd_arm(fd, 0, 20 * NS_PER_MS, 0));
	EXPECT_TRUE(exits_well(child));
	EXPECT_EQ(0, poll_now(fd));
}

TEST(the_child_goes_on_after_the_parent_closed)
{
	int fd = new_timer(0), back = efd_new(0, 0);
	pid_t child;

	ASSERT_GE(fd, 0);
	ASSERT_GE(back, 0);
	ASSERT_EQ(0, tfd_arm(fd, 0, 1, 0));
	child = fork_child();
	ASSERT_GE(child, 0);
	if (!child) {
		if (efd_take(back) != 1)
			_exit(1);
		_exit(tfd_ticks(fd) != 1 || !make_late(fd) ||
		      tfd_ticks(fd) != LATE_TICKS);
	}
	ASSERT_EQ(0, close(fd));
	ASSERT_EQ(8, efd_add(back, 1));
	EXPECT_TRUE(exits_well(child));
}

TEST(dup_shares_timer_and_flags)
{
	int fd = new_timer(TFD_NONBLOCK);
	int copies[3] = { dup(fd), dup2(fd, fd + 20), fcntl(fd, F_DUPFD, 50) };

	ASSERT_GE(fd, 0);
	for (int i = 0; i < 3; i++) {
		ASSERT_GE(copies[i], 0);
		ASSERT_TRUE(make_late(copies[i]));
		EXPECT_EQ(1, tfd_pending(fd));
		EXPECT_EQ(LATE_TICKS, tfd_ticks(copies[2 - i]));
		EXPECT_EQ(-EAGAIN, tfd_ticks(fd));
	}
	ASSERT_EQ(0, fcntl(copies[0], F_SETFL, 0));
	EXPECT_EQ(O_RDWR, fcntl(fd, F_GETFL));
	ASSERT_EQ(0, close(fd));
	ASSERT_EQ(0, close(copies[0]));
	EXPECT_LT(FAR_NS / 2, tfd_left(copies[1]));
	ASSERT_EQ(0, tfd_arm(copies[1], 0, 1, 0));
	EXPECT_EQ(1, tfd_ticks(copies[2]));
}

/* Runs this program again, to tell whether it finds fd open. */
static int open_after_exec(int fd)
{
	char number[16], *argv[] = { "/proc/self/exe", "--is-open", number, NULL };
	pid_t child;
	int status;

	snprintf(number, sizeof(number), "%d", fd);
	child = fork_child();
	if (!child) {
		execv(argv[0], argv);
		_exit(99);
	}
	if (waitpid(child, &status, 0) != child || !WIFEXITED(status))
		return -1;
	return WEXITSTATUS(status);
}

/* What open_after_exec() starts: 1 if the descriptor is open, 0 if not. */
static int is_open(int fd)
{
	if (fcntl(fd, F_GETFD) < 0)
		return errno == EBADF ? 0 : 2;
	if (tfd_ticks(fd) != LATE_TICKS || tfd_left(fd) < FAR_NS / 2)
		return 3;
	return tfd_arm(fd, 0, 1, 0) ? 4 : 1;
}

TEST(exec)
{
	int kept = new_timer(TFD_NONBLOCK);
	int closed = new_timer(TFD_NONBLOCK | TFD_CLOEXEC);

	ASSERT_GE(kept, 0);
	ASSERT_GE(closed, 0);
	ASSERT_TRUE(make_late(kept));
	ASSERT_TRUE(make_late(closed));
	/* The program that finds it open reads it, and lets it expire. */
	EXPECT_EQ(1, open_after_exec(kept));
	EXPECT_TRUE(tfd_expires(kept));
	EXPECT_EQ(1, tfd_ticks(kept));
	EXPECT_EQ(0, open_after_exec(closed));
	EXPECT_EQ(LATE_TICKS, tfd_ticks(closed));
}

TEST(sent_over_a_socket)
{
	int fd = new_timer(0);
	int socks[2], other;
	pid_t child;

	ASSERT_GE(fd, 0);
	ASSERT_EQ(0, socketpair(AF_UNIX, SOCK_STREAM, 0, socks));
	child = fork_child();
	ASSERT_GE(child, 0);
	if (!child) {
		close(fd);
		other = receive_fd(socks[1]);
		_exit(other < 0 || tfd_ticks(other) != 1 || !make_late(other));
	}
	ASSERT_TRUE(send_fd(socks[0], fd));
	ASSERT_EQ(0, tfd_arm(fd, 0, NS_PER_MS, 0));
	EXPECT_TRUE(exits_well(child));
	EXPECT_EQ(LATE_TICKS, tfd_ticks(fd));
}

TEST(in_flight_it_goes_on)
{
	int fd = new_timer(TFD_NONBLOCK);
	int socks[2], other;

	ASSERT_GE(fd, 0);
	ASSERT_EQ(0, socketpair(AF_UNIX, SOCK_STREAM, 0, socks));
	ASSERT_EQ(0, tfd_arm(fd, 0, NS_PER_MS, 0));
	ASSERT_TRUE(send_fd(socks[0], fd));
	ASSERT_EQ(0, close(fd));
	sleep_ms(10);
	other = receive_fd(socks[1]);
	ASSERT_GE(other, 0);
	ASSERT_TRUE(tfd_expires(other));
	EXPECT_EQ(1, tfd_ticks(other));
	/* Never received, it goes with the socket, and so does the timer. */
	ASSERT_EQ(0, tfd_arm(other, 0, FAR_NS, 1));
	ASSERT_TRUE(send_fd(socks[0], other));
	ASSERT_EQ(0, close(other));
	EXPECT_EQ(0, close(socks[0]));
	EXPECT_EQ(0, close(socks[1]));
}

TEST(taken_from_another_process)
{
	int go = efd_new(0, 0), ready = efd_new(0, 0);
	int pidfd, other;
	pid_t child;

	ASSERT_GE(ready, 0);
	child = fork_child();
	ASSERT_GE(child, 0);
	if (!child) {
		int own = new_timer(0);

		if (!make_late(own) || efd_add(ready, own) != 8)
			_exit(1);
		_exit(efd_take(go) != 1 || tfd_ticks(own) != 1);
	}
	pidfd = syscall(SYS_pidfd_open, child, 0);
	ASSERT_GE(pidfd, 0);
	other = syscall(SYS_pidfd_getfd, pidfd, (int)efd_take(ready), 0);
	ASSERT_GE(other, 0);
	EXPECT_EQ(LATE_TICKS, tfd_ticks(other));
	ASSERT_EQ(0, tfd_arm(other, 0, 1, 0));
	ASSERT_EQ(8, efd_add(go, 1));
	EXPECT_TRUE(exits_well(child));
}

TEST(closed)
{
	int fd = new_timer(0);
	struct evfd_itimerspec now;

	ASSERT_GE(fd, 0);
	ASSERT_EQ(0, tfd_arm(fd, 0, FAR_NS, 0));
	EXPECT_EQ(0, close(fd));
	EXPECT_EQ(-1, close(fd));
	EXPECT_EQ(EBADF, errno);
	EXPECT_EQ(-EBADF, tfd_ticks(fd));
	EXPECT_EQ(-1, tfd_get(fd, &now));
	EXPECT_EQ(EBADF, errno);
	EXPECT_EQ(-1, tfd_arm(fd, 0, 1, 0));
	EXPECT_EQ(EBADF, errno);
}

/* At every moment of the timer's life, also that at which it expires. */
TEST(closed_while_armed)
{
	static const int clocks[] = {
		CLOCK_MONOTONIC, CLOCK_REALTIME, CLOCK_BOOTTIME,
		CLOCK_REALTIME_ALARM, CLOCK_BOOTTIME_ALARM,
	};

	for (int i = 0; i < 500; i++) {
		int fd = tfd_new(clocks[i % ARRAY_SIZE(clocks)], TFD_NONBLOCK);

		ASSERT_GE(fd, 0);
		ASSERT_EQ(0, tfd_arm(fd, 0, i % 3 ? i * 1000 + 1 : FAR_NS, i % 2));
		EXPECT_EQ(0, close(fd));
	}
}

TEST(killed_with_armed_timers)
{
	int ready = efd_new(0, 0);
	int status;
	pid_t child;

	ASSERT_GE(ready, 0);
	child = fork_child();
	ASSERT_GE(child, 0);
	if (!child) {
		for (int i = 0; i < 100; i++)
			tfd_arm(new_timer(0), 0, i % 2 ? FAR_NS : 1, 1);
		efd_add(ready, 1);
		pause();
	}
	EXPECT_EQ(1, efd_take(ready));
	ASSERT_EQ(0, kill(child, SIGKILL));
	ASSERT_EQ(child, waitpid(child, &status, 0));
	EXPECT_TRUE(WIFSIGNALED(status));
}

int main(int argc, char **argv)
{
	if (argc == 3 && !strcmp(argv[1], "--is-open"))
		return is_open(atoi(argv[2]));
	return test_harness_run(argc, argv);
}
