// SPDX-License-Identifier: GPL-2.0
/*
 * Descriptors and processes: fork, exec, dup, SCM_RIGHTS and the like. What there is to
 * read belongs to the open file, whichever process holds it; or to the process, whichever
 * file it reads.
 */
#include "any.h"
#include "fd_passing.h"
#include "pidfd.h"

/* In <linux/fcntl.h>, which does not go with <fcntl.h>. */
#ifndef F_DUPFD_QUERY
#define F_DUPFD_QUERY	1027
#endif

FIXTURE(kind)
{
	const struct kind *kind;
	int fd;
};

FIXTURE_SETUP(kind)
{
	self->kind = kind_of(_metadata);
	self->fd = self->kind->make(O_NONBLOCK);
	ASSERT_GE(self->fd, 0);
}

FIXTURE_TEARDOWN(kind)
{
	close(self->fd);
}

KIND_VARIANTS(kind, kind_is_main, "");

FIXTURE(own)
{
	const struct kind *kind;
	int fd;
};

FIXTURE_SETUP(own)
{
	self->kind = kind_of(_metadata);
	self->fd = self->kind->make(O_NONBLOCK);
	ASSERT_GE(self->fd, 0);
}

FIXTURE_TEARDOWN(own)
{
	close(self->fd);
}

KIND_VARIANTS(own, kind_is_main_and_own, "");

FIXTURE(of_process)
{
	const struct kind *kind;
	int fd;
};

FIXTURE_SETUP(of_process)
{
	self->kind = kind_of(_metadata);
	self->fd = self->kind->make(O_NONBLOCK);
	ASSERT_GE(self->fd, 0);
}

FIXTURE_TEARDOWN(of_process)
{
	close(self->fd);
}

KIND_VARIANTS(of_process, kind_is_of_process, "");

static bool exits_well(pid_t child)
{
	int status;

	return waitpid(child, &status, 0) == child && !status;
}

/* Posts, waits until that can be read, and reads it from another descriptor. */
static bool passes(const struct kind *kind, int to, int from, unsigned int value)
{
	return any_fill(kind, to, value) && any_gives(kind, from, value);
}

TEST_F(own, fork_shares_what_there_is_to_read)
{
	pid_t child;

	ASSERT_EQ(0, fcntl(self->fd, F_SETFL, 0));
	child = fork_child();
	ASSERT_GE(child, 0);
	if (!child)
		_exit(!any_post(self->kind, self->fd, 21));
	EXPECT_TRUE(any_gives(self->kind, self->fd, 21));
	EXPECT_TRUE(exits_well(child));
	EXPECT_TRUE(any_is_empty(self->kind, self->fd));

	child = fork_child();
	ASSERT_GE(child, 0);
	if (!child)
		_exit(!any_gives(self->kind, self->fd, 22));
	ASSERT_TRUE(any_post(self->kind, self->fd, 22));
	EXPECT_TRUE(exits_well(child));
	EXPECT_TRUE(any_is_empty(self->kind, self->fd));
}

TEST_F(of_process, a_child_reads_its_own)
{
	pid_t child;

	ASSERT_TRUE(any_fill(self->kind, self->fd, 1));
	child = fork_child();
	ASSERT_GE(child, 0);
	if (!child) {
		/* What is pending is not inherited. */
		if (!any_is_empty(self->kind, self->fd))
			_exit(1);
		if (!any_post(self->kind, self->fd, 2) || poll_now(self->fd) != POLLIN)
			_exit(2);
		_exit(!any_gives(self->kind, self->fd, 2) ||
		      !any_is_empty(self->kind, self->fd));
	}
	EXPECT_TRUE(exits_well(child));
	EXPECT_EQ(POLLIN, poll_now(self->fd));
	EXPECT_TRUE(any_gives(self->kind, self->fd, 1));
	EXPECT_TRUE(any_is_empty(self->kind, self->fd));
}

/* The number of a post that a parent makes when its child is to go on. */
#define GO	17

TEST_F(own, the_child_goes_on_after_the_parent_closed)
{
	int go = self->kind->make(0);
	pid_t child;

	ASSERT_GE(go, 0);
	ASSERT_TRUE(any_fill(self->kind, self->fd, 1));
	child = fork_child();
	ASSERT_GE(child, 0);
	if (!child)
		_exit(!any_gives(self->kind, go, GO) ||
		      !any_gives(self->kind, self->fd, 1) ||
		      !passes(self->kind, self->fd, self->fd, 5));
	ASSERT_EQ(0, close(self->fd));
	ASSERT_TRUE(any_post(self->kind, go, GO));
	EXPECT_TRUE(exits_well(child));
}

TEST_F(kind, dup_shares_posts_and_flags)
{
	int fd = self->fd;
	int copies[3] = { dup(fd), dup2(fd, fd + 20), fcntl(fd, F_DUPFD, 50) };

	for (int i = 0; i < 3; i++) {
		ASSERT_GE(copies[i], 0);
		EXPECT_TRUE(passes(self->kind, copies[i], copies[2 - i], i + 1));
		EXPECT_TRUE(passes(self->kind, copies[i], fd, i + 1));
		EXPECT_TRUE(any_is_empty(self->kind, fd));
	}
	ASSERT_EQ(0, fcntl(copies[0], F_SETFL, 0));
	EXPECT_EQ(O_RDWR, fcntl(fd, F_GETFL));
	EXPECT_EQ(1, fcntl(fd, F_DUPFD_QUERY, copies[2]));
	ASSERT_EQ(0, close(fd));
	ASSERT_EQ(0, close(copies[0]));
	EXPECT_TRUE(passes(self->kind, copies[1], copies[2], 1));
}

TEST_F(own, two_descriptors_are_apart)
{
	int other = self->kind->make(O_NONBLOCK);

	ASSERT_GE(other, 0);
	EXPECT_NE(self->fd, other);
	EXPECT_EQ(0, fcntl(self->fd, F_DUPFD_QUERY, other));
	ASSERT_TRUE(any_fill(self->kind, self->fd, 11));
	EXPECT_TRUE(any_is_empty(self->kind, other));
	ASSERT_TRUE(any_fill(self->kind, other, 2));
	EXPECT_TRUE(any_gives(self->kind, other, 2));
	EXPECT_TRUE(any_gives(self->kind, self->fd, 11));
	EXPECT_TRUE(any_is_empty(self->kind, other));
}

/*
 * Runs this program again, in a child with something to read, to see whether it finds
 * the descriptor open.
 */
static int open_after_exec(const struct kind *kind, int fd)
{
	char number[16];
	pid_t child;
	int status;

	snprintf(number, sizeof(number), "%d", fd);
	child = fork_child();
	if (!child) {
		if (any_fill(kind, fd, 3))
			execl("/proc/self/exe", "/proc/self/exe", "--is-open", kind->name,
			      number, NULL);
		_exit(99);
	}
	if (waitpid(child, &status, 0) != child || !WIFEXITED(status))
		return -1;
	return WEXITSTATUS(status);
}

/* Run by open_after_exec(): 1 if the descriptor is open, 0 if not. */
static int is_open(const char *name, int fd)
{
	const struct kind *kind = kind_by_name(name);

	if (fcntl(fd, F_GETFD) < 0)
		return errno == EBADF ? 0 : 2;
	if (!any_gives(kind, fd, 3))
		return 3;
	return any_fill(kind, fd, 4) ? 1 : 4;
}

TEST_F(kind, exec)
{
	int closed = self->kind->make(O_NONBLOCK | O_CLOEXEC);

	ASSERT_GE(closed, 0);
	/* The program that finds it open reads, and posts again. */
	EXPECT_EQ(1, open_after_exec(self->kind, self->fd));
	EXPECT_TRUE(self->kind->of_process ? any_is_empty(self->kind, self->fd) :
		    any_gives(self->kind, self->fd, 4));
	EXPECT_EQ(0, open_after_exec(self->kind, closed));
	EXPECT_TRUE(self->kind->of_process ? any_is_empty(self->kind, closed) :
		    any_gives(self->kind, closed, 3));
}

TEST_F(own, sent_over_a_socket)
{
	int socks[2];
	pid_t child;

	ASSERT_EQ(0, fcntl(self->fd, F_SETFL, 0));
	ASSERT_EQ(0, socketpair(AF_UNIX, SOCK_STREAM, 0, socks));
	child = fork_child();
	ASSERT_GE(child, 0);
	if (!child) {
		int other;

		close(self->fd);
		other = receive_fd(socks[1]);
		_exit(other < 0 || !any_gives(self->kind, other, 1) ||
		      !any_fill(self->kind, other, 9));
	}
	ASSERT_TRUE(send_fd(socks[0], self->fd));
	ASSERT_TRUE(any_post(self->kind, self->fd, 1));
	EXPECT_TRUE(exits_well(child));
	EXPECT_TRUE(any_gives(self->kind, self->fd, 9));
}

TEST_F(kind, in_flight_it_stays_open)
{
	int socks[2], other;

	ASSERT_EQ(0, socketpair(AF_UNIX, SOCK_STREAM, 0, socks));
	ASSERT_TRUE(any_post(self->kind, self->fd, 6));
	ASSERT_TRUE(send_fd(socks[0], self->fd));
	ASSERT_EQ(0, close(self->fd));
	other = receive_fd(socks[1]);
	ASSERT_GE(other, 0);
	ASSERT_TRUE(any_ready(other));
	EXPECT_TRUE(any_gives(self->kind, other, 6));
	/* Never received, it goes with the socket. */
	ASSERT_TRUE(self->kind->stir(other));
	ASSERT_TRUE(send_fd(socks[0], other));
	ASSERT_EQ(0, close(other));
	EXPECT_EQ(0, close(socks[0]));
	EXPECT_EQ(0, close(socks[1]));
}

TEST_F(own, taken_from_another_process)
{
	int go = self->kind->make(0), ready = efd_new(0, 0);
	int pidfd, other;
	pid_t child;

	ASSERT_GE(ready, 0);
	child = fork_child();
	ASSERT_GE(child, 0);
	if (!child) {
		int made = self->kind->make(0);

		if (!any_fill(self->kind, made, 4) || efd_add(ready, made) != 8)
			_exit(1);
		_exit(!any_gives(self->kind, go, GO) || !any_gives(self->kind, made, 5));
	}
	pidfd = open_pidfd(child, 0);
	ASSERT_GE(pidfd, 0);
	other = syscall(SYS_pidfd_getfd, pidfd, (int)efd_take(ready), 0);
	ASSERT_GE(other, 0);
	EXPECT_TRUE(any_gives(self->kind, other, 4));
	ASSERT_TRUE(any_post(self->kind, other, 5));
	ASSERT_TRUE(any_post(self->kind, go, GO));
	EXPECT_TRUE(exits_well(child));
}

TEST_F(kind, closed)
{
	union thing seen;

	ASSERT_TRUE(any_post(self->kind, self->fd, 1));
	EXPECT_EQ(0, close(self->fd));
	EXPECT_EQ(-1, close(self->fd));
	EXPECT_EQ(EBADF, errno);
	EXPECT_EQ(-EBADF, any_read(self->kind, self->fd, &seen));
	if (!self->kind->of_process) {
		EXPECT_FALSE(any_post(self->kind, self->fd, 1));
		EXPECT_EQ(EBADF, errno);
	}
}

TEST_F(kind, the_lowest_number_is_taken)
{
	int first = dup(0), second = dup(0), third = dup(0), fd;
	/* evfd_signal_device() is open already, evfd_new() opens and closes the device. */
	bool device_takes_one = impl_is_evfd() && !self->kind->of_process;

	ASSERT_LT(first, second);
	ASSERT_LT(second, third);
	close(first);
	if (device_takes_one)
		close(second);
	fd = self->kind->make(0);
	EXPECT_EQ(device_takes_one ? second : first, fd);
}

TEST_F(own, many_open)
{
	enum { N = 500 };
	static int fds[N];

	for (int i = 0; i < N; i++) {
		fds[i] = self->kind->make(O_NONBLOCK);
		ASSERT_GE(fds[i], 0);
		if (i)
			ASSERT_TRUE(any_post(self->kind, fds[i], i));
	}
	for (int i = N - 1; i >= 0; i--) {
		EXPECT_TRUE(i ? any_ready(fds[i]) && any_gives(self->kind, fds[i], i) :
			    any_is_empty(self->kind, fds[i]));
		EXPECT_EQ(0, close(fds[i]));
	}
}

int main(int argc, char **argv)
{
	if (argc == 4 && !strcmp(argv[1], "--is-open"))
		return is_open(argv[2], atoi(argv[3]));
	return test_harness_run(argc, argv);
}
