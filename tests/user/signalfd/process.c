// SPDX-License-Identifier: GPL-2.0
/*
 * Descriptors that several processes have. Each process reads its own signals, and
 * polls for them. But epoll is woken for the signals of the process that registered the
 * descriptor.
 */
#include "epoll.h"
#include "signal.h"
#include "fd_passing.h"
#include "pidfd.h"

#define USR	(sig_bit(SIGUSR1) | sig_bit(SIGUSR2))

FIXTURE(process)
{
	struct epoll_event event;
	int fd, ep;
};

FIXTURE_SETUP(process)
{
	self->fd = sfd_new_blocked(USR, SFD_NONBLOCK);
	ASSERT_GE(self->fd, 0);
	self->ep = epoll_create1(0);
	ASSERT_GE(self->ep, 0);
}

FIXTURE_TEARDOWN(process)
{
	close(self->ep);
	close(self->fd);
}

/* The condition must hold, in a child. */
#define must(condition)							\
({									\
	if (!(condition)) {						\
		fprintf(stderr, "# child, line %d: %s\n", __LINE__,	\
			#condition);					\
		_exit(1);						\
	}								\
})

TEST_F(process, both_wait)
{
	struct reader reader;
	pid_t child;

	ASSERT_EQ(0, fcntl(self->fd, F_SETFL, 0));
	child = fork_child();
	ASSERT_GE(child, 0);
	if (!child)
		_exit(sfd_take(self->fd) != SIGUSR2);
	ASSERT_TRUE(reader_start_blocked(&reader, self->fd));
	ASSERT_TRUE(wait_for(asleep_in(child) == SYS_read));
	ASSERT_EQ(0, kill(child, SIGUSR2));
	EXPECT_TRUE(child_ends_well(child));
	EXPECT_TRUE(reader_blocks(&reader));
	ASSERT_EQ(0, kill(getpid(), SIGUSR1));
	EXPECT_EQ(SIGUSR1, reader_takes(&reader));
}

TEST_F(process, sent_over_a_socket)
{
	int socks[2];
	pid_t child;

	ASSERT_EQ(0, socketpair(AF_UNIX, SOCK_STREAM, 0, socks));
	ASSERT_EQ(0, kill(getpid(), SIGUSR1));
	child = fork_child();
	ASSERT_GE(child, 0);
	if (!child) {
		int other;

		close(self->fd);
		other = receive_fd(socks[1]);
		must(sfd_take(other) == -EAGAIN);
		must(!kill(getpid(), SIGUSR2));
		must(sfd_gives(other, record_of_kill(SIGUSR2)));
		_exit(0);
	}
	ASSERT_TRUE(send_fd(socks[0], self->fd));
	EXPECT_TRUE(child_ends_well(child));
	/* In flight it stays open. */
	ASSERT_TRUE(send_fd(socks[0], self->fd));
	ASSERT_EQ(0, close(self->fd));
	self->fd = receive_fd(socks[1]);
	EXPECT_TRUE(sfd_gives(self->fd, record_of_kill(SIGUSR1)));
}

TEST_F(process, taken_from_another_process)
{
	int pidfd, other, fd = self->fd;
	pid_t child = fork_child();

	ASSERT_GE(child, 0);
	if (!child) {
		while (1)
			pause();
	}
	pidfd = open_pidfd(child, 0);
	other = syscall(SYS_pidfd_getfd, pidfd, fd, 0);
	ASSERT_GE(other, 0);
	ASSERT_EQ(0, kill(child, SIGUSR1));
	EXPECT_EQ(-EAGAIN, sfd_take(other));
	ASSERT_EQ(0, kill(getpid(), SIGUSR2));
	EXPECT_TRUE(sfd_gives(other, record_of_kill(SIGUSR2)));
	kill(child, SIGKILL);
	EXPECT_EQ(child, waitpid(child, NULL, 0));
}

/* Runs this program again in a child, to do what a word says with fd. */
static bool exec_child(const char *word, int fd, int other)
{
	char first[16], second[16];
	char *argv[6] = { "/proc/self/exe", "--exec", (char *)word, first, second };
	pid_t child;

	snprintf(first, sizeof(first), "%d", fd);
	snprintf(second, sizeof(second), "%d", other);
	child = fork_child();
	if (!child) {
		struct epoll_event event = { .events = EPOLLIN };

		/* What is pending stays over exec, as what is blocked does. */
		kill(getpid(), SIGUSR1);
		signal_thread(gettid(), SIGUSR2);
		if (!strcmp(word, "epoll"))
			epoll_ctl(other, EPOLL_CTL_ADD, fd, &event);
		execv(argv[0], argv);
		_exit(99);
	}
	return child_ends_well(child);
}

TEST_F(process, exec)
{
	int closed = sfd_new(USR, SFD_CLOEXEC);

	ASSERT_GE(closed, 0);
	EXPECT_TRUE(exec_child("read", self->fd, closed));
	EXPECT_TRUE(exec_child("epoll", self->fd, self->ep));
	EXPECT_EQ(-EAGAIN, sfd_take(self->fd));
}

/* What exec_child() starts: 0 if all is as it should be. */
static int after_exec(const char *word, int fd, int other)
{
	struct epoll_event event;

	must(sig_blocked() == USR);
	if (!strcmp(word, "epoll")) {
		must(epoll_wait(other, &event, 1, 0) == 1);
		must(event.events == EPOLLIN);
	} else {
		must(fcntl(other, F_GETFD) == -1 && errno == EBADF);
	}
	must(sfd_take(fd) == SIGUSR2);
	must(sfd_gives(fd, record_of_kill(SIGUSR1)));
	must(sfd_take(fd) == -EAGAIN);
	if (strcmp(word, "epoll"))
		return 0;
	/* It is still woken. */
	must(epoll_wait(other, &event, 1, 0) == 0);
	must(!kill(getpid(), SIGUSR1));
	must(epoll_wait(other, &event, 1, 0) == 1);
	return 0;
}

TEST_F(process, a_child_uses_what_its_parent_registered)
{
	pid_t child;

	ASSERT_EQ(0, watch_too(self->ep, self->fd, EPOLLIN));
	child = fork_child();
	ASSERT_GE(child, 0);
	if (!child) {
		/* Its own signals don't wake it, though it could read them. */
		must(!kill(getpid(), SIGUSR1));
		must(events_now(self->ep) == 0);
		must(poll_now(self->fd) == POLLIN);
		must(sfd_take(self->fd) == SIGUSR1);
		/* Those of its parent do; but then it is asked for its own. */
		must(!kill(getppid(), SIGUSR1));
		must(events_now(self->ep) == 0);
		must(!kill(getpid(), SIGUSR2));
		must(!kill(getppid(), SIGUSR2));
		must(events_now(self->ep) == EPOLLIN);
		_exit(0);
	}
	EXPECT_TRUE(child_ends_well(child));
	/* The parent has two, of which the last left it on the list. */
	EXPECT_EQ(EPOLLIN, events_now(self->ep));
	EXPECT_EQ(SIGUSR1, sfd_take(self->fd));
	EXPECT_EQ(SIGUSR2, sfd_take(self->fd));
	EXPECT_EQ(0, events_now(self->ep));
}

TEST_F(process, a_child_takes_its_parent_s_event_off_the_list)
{
	int go = native_make_eventfd(0, 0);
	pid_t child;

	ASSERT_EQ(0, watch_too(self->ep, self->fd, EPOLLIN));
	ASSERT_EQ(0, kill(getpid(), SIGUSR1));
	child = fork_child();
	ASSERT_GE(child, 0);
	/*
	 * The C library blocks all signals in fork(): if the child ended before
	 * it has returned here, SIGCHLD would be kept, and wake.
	 */
	if (!child)
		_exit(efd_take(go) != 1 || events_now(self->ep));
	ASSERT_EQ(8, efd_add(go, 1));
	EXPECT_TRUE(child_ends_well(child));
	EXPECT_EQ(0, events_now(self->ep));
	EXPECT_EQ(POLLIN, poll_now(self->fd));
	ASSERT_EQ(0, kill(getpid(), SIGUSR2));
	EXPECT_EQ(EPOLLIN, events_now(self->ep));
}

TEST_F(process, a_parent_uses_what_its_child_registered)
{
	pid_t child = fork_child();

	ASSERT_GE(child, 0);
	if (!child) {
		must(!watch_too(self->ep, self->fd, EPOLLIN));
		must(!kill(getpid(), SIGUSR1));
		must(!kill(getppid(), SIGUSR1));
		must(sfd_take(self->fd) == SIGUSR1);
		must(events_now(self->ep) == 0);
		must(!kill(getppid(), SIGUSR2));
		while (1)
			pause();
	}
	ASSERT_TRUE(wait_for(sig_pending() == USR));
	EXPECT_EQ(0, events_now(self->ep));
	EXPECT_EQ(POLLIN, poll_now(self->fd));
	/* It is woken by the child's. */
	ASSERT_EQ(0, kill(child, SIGUSR2));
	EXPECT_EQ(EPOLLIN, events_now(self->ep));
	EXPECT_EQ(SIGUSR1, sfd_take(self->fd));
	EXPECT_EQ(SIGUSR2, sfd_take(self->fd));
	EXPECT_EQ(0, events_now(self->ep));
	kill(child, SIGKILL);
	EXPECT_EQ(child, waitpid(child, NULL, 0));
	/* Its end is a wake-up too, the last: nothing there. */
	EXPECT_EQ(0, events_now(self->ep));
	ASSERT_EQ(0, kill(getpid(), SIGUSR1));
	EXPECT_EQ(0, events_now(self->ep));
	ASSERT_EQ(0, epoll_ctl(self->ep, EPOLL_CTL_DEL, self->fd, NULL));
	ASSERT_EQ(0, watch_too(self->ep, self->fd, EPOLLIN));
	EXPECT_EQ(EPOLLIN, events_now(self->ep));
	EXPECT_EQ(SIGUSR1, sfd_take(self->fd));
	ASSERT_EQ(0, kill(getpid(), SIGUSR2));
	EXPECT_EQ(EPOLLIN, events_now(self->ep));
}

int main(int argc, char **argv)
{
	if (argc == 5 && !strcmp(argv[1], "--exec"))
		return after_exec(argv[2], atoi(argv[3]), atoi(argv[4]));
	return test_harness_run(argc, argv);
}
