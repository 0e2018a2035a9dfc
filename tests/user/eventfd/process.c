// SPDX-License-Identifier: GPL-2.0
/*
 * Descriptors and processes: fork, exec, dup, SCM_RIGHTS and the like. The
 * counter belongs to the open file, whoever holds it.
 */
#include "common.h"
#include "fd_passing.h"

#include <sys/stat.h>

/* In <linux/fcntl.h>, which does not go with <fcntl.h>. */
#ifndef F_DUPFD_QUERY
#define F_DUPFD_QUERY	1027
#endif

static bool exits_well(pid_t child)
{
	int status;

	return waitpid(child, &status, 0) == child && !status;
}

TEST(fork_shares_the_counter)
{
	int fd = efd_new(0, 0);
	pid_t child;

	ASSERT_GE(fd, 0);
	child = fork_child();
	ASSERT_GE(child, 0);
	if (!child)
		_exit(efd_add(fd, 21) != 8);
	EXPECT_EQ(21, efd_take(fd));
	EXPECT_TRUE(exits_well(child));

	child = fork_child();
	ASSERT_GE(child, 0);
	if (!child)
		_exit(efd_take(fd) != 22);
	ASSERT_EQ(8, efd_add(fd, 22));
	EXPECT_TRUE(exits_well(child));
	EXPECT_EQ(0, efd_count(fd));
}

TEST(the_child_goes_on_after_the_parent_closed)
{
	int fd = efd_new(1, 0), back = efd_new(0, 0);
	pid_t child;

	ASSERT_GE(fd, 0);
	ASSERT_GE(back, 0);
	child = fork_child();
	ASSERT_GE(child, 0);
	if (!child) {
		if (efd_take(back) != 1)
			_exit(1);
		_exit(efd_take(fd) != 1 || efd_add(fd, 5) != 8 ||
		      efd_take(fd) != 5);
	}
	ASSERT_EQ(0, close(fd));
	ASSERT_EQ(8, efd_add(back, 1));
	EXPECT_TRUE(exits_well(child));
}

TEST(dup_shares_counter_and_flags)
{
	int fd = efd_new(0, EFD_NONBLOCK | EFD_SEMAPHORE);
	int copies[3] = { dup(fd), dup2(fd, fd + 20), fcntl(fd, F_DUPFD, 50) };

	ASSERT_GE(fd, 0);
	for (int i = 0; i < 3; i++) {
		ASSERT_GE(copies[i], 0);
		ASSERT_EQ(8, efd_add(copies[i], 1));
		EXPECT_EQ(i + 1, efd_count(fd));
	}
	for (int i = 0; i < 3; i++)
		EXPECT_EQ(1, efd_take(copies[i]));
	ASSERT_EQ(0, fcntl(copies[0], F_SETFL, 0));
	EXPECT_EQ(O_RDWR, fcntl(fd, F_GETFL));
	EXPECT_EQ(1, fcntl(fd, F_DUPFD_QUERY, copies[2]));
	ASSERT_EQ(0, close(fd));
	ASSERT_EQ(0, close(copies[0]));
	ASSERT_EQ(8, efd_add(copies[1], 1));
	EXPECT_EQ(1, efd_take(copies[2]));
}

TEST(two_descriptors_are_apart)
{
	int first = efd_new(1, EFD_NONBLOCK), second = efd_new(2, EFD_NONBLOCK);

	ASSERT_GE(first, 0);
	ASSERT_GE(second, 0);
	EXPECT_NE(first, second);
	ASSERT_EQ(8, efd_add(first, 10));
	EXPECT_EQ(2, efd_take(second));
	EXPECT_EQ(11, efd_take(first));
	EXPECT_EQ(-EAGAIN, efd_take(second));
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

TEST(exec)
{
	int kept = efd_new(3, EFD_NONBLOCK);
	int closed = efd_new(3, EFD_NONBLOCK | EFD_CLOEXEC);

	ASSERT_GE(kept, 0);
	ASSERT_GE(closed, 0);
	/* The program that finds it open takes 3, and adds 4. */
	EXPECT_EQ(1, open_after_exec(kept));
	EXPECT_EQ(4, efd_take(kept));
	EXPECT_EQ(0, open_after_exec(closed));
	EXPECT_EQ(3, efd_take(closed));
}

TEST(sent_over_a_socket)
{
	int fd = efd_new(0, EFD_SEMAPHORE);
	int socks[2], other;
	pid_t child;

	ASSERT_GE(fd, 0);
	ASSERT_EQ(0, socketpair(AF_UNIX, SOCK_STREAM, 0, socks));
	child = fork_child();
	ASSERT_GE(child, 0);
	if (!child) {
		close(fd);
		other = receive_fd(socks[1]);
		_exit(other < 0 || efd_take(other) != 1 ||
		      efd_add(other, 9) != 8);
	}
	ASSERT_TRUE(send_fd(socks[0], fd));
	ASSERT_EQ(8, efd_add(fd, 1));
	EXPECT_TRUE(exits_well(child));
	EXPECT_EQ(9, efd_count(fd));
}

TEST(in_flight_it_stays_open)
{
	int fd = efd_new(6, EFD_NONBLOCK);
	int socks[2], other;

	ASSERT_GE(fd, 0);
	ASSERT_EQ(0, socketpair(AF_UNIX, SOCK_STREAM, 0, socks));
	ASSERT_TRUE(send_fd(socks[0], fd));
	ASSERT_EQ(0, close(fd));
	other = receive_fd(socks[1]);
	ASSERT_GE(other, 0);
	EXPECT_EQ(6, efd_take(other));
	/* Never received, it goes with the socket. */
	ASSERT_TRUE(send_fd(socks[0], other));
	ASSERT_EQ(0, close(other));
	EXPECT_EQ(0, close(socks[0]));
	EXPECT_EQ(0, close(socks[1]));
}

TEST(taken_from_another_process)
{
	int fd = efd_new(0, 0), ready = efd_new(0, 0);
	int pidfd, other;
	pid_t child;

	ASSERT_GE(ready, 0);
	child = fork_child();
	ASSERT_GE(child, 0);
	if (!child) {
		int own = efd_new(4, 0);

		if (own < 0 || efd_add(ready, own) != 8)
			_exit(1);
		_exit(efd_take(fd) != 1 || efd_take(own) != 5);
	}
	pidfd = syscall(SYS_pidfd_open, child, 0);
	ASSERT_GE(pidfd, 0);
	other = syscall(SYS_pidfd_getfd, pidfd, (int)efd_take(ready), 0);
	ASSERT_GE(other, 0);
	EXPECT_EQ(4, efd_count(other));
	ASSERT_EQ(8, efd_add(other, 1));
	ASSERT_EQ(8, efd_add(fd, 1));
	EXPECT_TRUE(exits_well(child));
}

TEST(closed)
{
	int fd = efd_new(1, 0);

	ASSERT_GE(fd, 0);
	EXPECT_EQ(0, close(fd));
	EXPECT_EQ(-1, close(fd));
	EXPECT_EQ(EBADF, errno);
	EXPECT_EQ(-EBADF, efd_take(fd));
	EXPECT_EQ(-1, efd_add(fd, 1));
	EXPECT_EQ(EBADF, errno);
}

TEST(the_lowest_number_is_taken)
{
	int first = dup(0), second = dup(0), third = dup(0), fd;

	ASSERT_LT(first, second);
	ASSERT_LT(second, third);
	/* evfd has the device open while it makes one. */
	close(first);
	if (impl_is_evfd())
		close(second);
	fd = efd_new(0, 0);
	EXPECT_EQ(impl_is_evfd() ? second : first, fd);
}

TEST(many_open)
{
	enum { N = 500 };
	static int fds[N];

	for (int i = 0; i < N; i++) {
		fds[i] = efd_new(i, EFD_NONBLOCK);
		ASSERT_GE(fds[i], 0);
	}
	for (int i = N - 1; i >= 0; i--) {
		EXPECT_EQ(i ? i : -EAGAIN, efd_take(fds[i]));
		EXPECT_EQ(0, close(fds[i]));
	}
}

/* What open_after_exec() starts: 1 if the descriptor is open, 0 if not. */
static int is_open(int fd)
{
	if (fcntl(fd, F_GETFD) < 0)
		return errno == EBADF ? 0 : 2;
	return efd_take(fd) == 3 && efd_add(fd, 4) == 8 ? 1 : 3;
}

int main(int argc, char **argv)
{
	if (argc == 3 && !strcmp(argv[1], "--is-open"))
		return is_open(atoi(argv[2]));
	return test_harness_run(argc, argv);
}
