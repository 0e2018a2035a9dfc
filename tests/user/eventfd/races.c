// SPDX-License-Identifier: GPL-2.0
/*
 * Everything at once: nothing is lost or doubled, nobody is left asleep, and
 * the kernel's log, which the suite looks at, stays empty.
 */
#include "killed.h"
#include "races.h"
#include "fd_passing.h"

#include <sys/socket.h>
#include <sys/wait.h>

/* How long each race goes on that has no end of its own. */
#define RACE_MS	200

TEST(many_writers_many_readers)
{
	struct crowd crowd = {
		.fd = efd_new(0, 0), .writers = 3, .readers = 3,
		.value = 1, .step = 1,
	};

	ASSERT_GE(crowd.fd, 0);
	EXPECT_TRUE(crowd_run(&crowd));
}

TEST(many_writers_many_readers_of_a_semaphore)
{
	struct crowd crowd = {
		.fd = efd_new(0, EFD_SEMAPHORE), .writers = 3, .readers = 3,
		.value = 1,
	};

	ASSERT_GE(crowd.fd, 0);
	EXPECT_TRUE(crowd_run(&crowd));
}

TEST(many_writers_many_readers_that_poll)
{
	struct crowd crowd = {
		.fd = efd_new(0, EFD_NONBLOCK), .writers = 3, .readers = 3,
		.value = 1, .step = 1, .read = crowd_poll_read,
	};

	ASSERT_GE(crowd.fd, 0);
	EXPECT_TRUE(crowd_run(&crowd));
}

TEST(writers_that_block)
{
	/* Three of these do not fit. */
	struct crowd crowd = {
		.fd = efd_new(0, 0), .writers = 3, .readers = 2,
		.value = UINT64_C(1) << 62, .step = 1,
	};

	ASSERT_GE(crowd.fd, 0);
	EXPECT_TRUE(crowd_run(&crowd));
}

TEST(signals_all_the_time)
{
	struct crowd crowd = {
		.fd = efd_new(0, 0), .writers = 2, .readers = 2,
		.value = UINT64_C(1) << 62, .step = 1, .signals = true,
	};

	ASSERT_GE(crowd.fd, 0);
	EXPECT_TRUE(crowd_run(&crowd));
}

/* One of two that wait for each other in epoll, in turns. */
struct side {
	int own, other;
	bool serves, good;
};

static void *volley(void *arg)
{
	struct epoll_event event = { .events = EPOLLIN | EPOLLET };
	int ep = epoll_create1(0);
	struct side *side = arg;

	side->good = !epoll_ctl(ep, EPOLL_CTL_ADD, side->own, &event) &&
		     (!side->serves || efd_add(side->other, 1) == 8);
	for (int i = 0; side->good && i < 500; i++)
		side->good = epoll_wait(ep, &event, 1, DEADLINE_MS) == 1 &&
			     efd_take(side->own) == 1 &&
			     efd_add(side->other, 1) == 8;
	close(ep);
	return NULL;
}

TEST(edges_are_not_lost)
{
	int fds[2] = { efd_new(0, EFD_NONBLOCK), efd_new(0, EFD_NONBLOCK) };
	struct side sides[2] = {
		{ .own = fds[0], .other = fds[1], .serves = true },
		{ .own = fds[1], .other = fds[0] },
	};
	pthread_t thread;

	ASSERT_EQ(0, pthread_create(&thread, NULL, volley, &sides[1]));
	volley(&sides[0]);
	ASSERT_EQ(0, pthread_join(thread, NULL));
	EXPECT_TRUE(sides[0].good);
	EXPECT_TRUE(sides[1].good);
}

/* What the threads of a race share: a number that comes and goes. */
struct target {
	_Atomic int fd;
	_Atomic bool stop;
	int ep, socks[2];
};

static void *use(void *arg)
{
	struct epoll_event event = { .events = EPOLLIN | EPOLLET };
	struct target *target = arg;

	for (unsigned int i = 0; !target->stop; i++) {
		struct pollfd pfd = { .fd = target->fd, .events = POLLIN };
		int fd = target->fd;

		efd_add(fd, i % 3);
		poll(&pfd, 1, 0);
		efd_take(fd);
		epoll_ctl(target->ep, EPOLL_CTL_ADD, fd, &event);
		epoll_wait(target->ep, &event, 1, 0);
		event.events = EPOLLIN | EPOLLOUT | (i % 2 ? EPOLLET : 0);
		epoll_ctl(target->ep, EPOLL_CTL_MOD, fd, &event);
		efd_count(fd);
		if (i % 2)
			epoll_ctl(target->ep, EPOLL_CTL_DEL, fd, &event);
	}
	return NULL;
}

/* Runs two threads that use what change() closes and opens all the time. */
static bool race(struct target *target, bool (*change)(struct target *target))
{
	int64_t end = now_ms() + RACE_MS;
	pthread_t threads[2];
	bool good = true;

	target->fd = efd_new(0, EFD_NONBLOCK);
	target->ep = epoll_create1(0);
	for (int i = 0; i < 2; i++)
		pthread_create(&threads[i], NULL, use, target);
	while (good && now_ms() < end)
		good = change(target);
	target->stop = true;
	for (int i = 0; i < 2; i++)
		pthread_join(threads[i], NULL);
	return good;
}

static bool change_by_close(struct target *target)
{
	close(target->fd);
	target->fd = efd_new(1, EFD_NONBLOCK);
	return target->fd >= 0;
}

TEST(close_against_everything)
{
	struct target target = { };

	EXPECT_TRUE(race(&target, change_by_close));
}

static bool change_by_dup(struct target *target)
{
	int fresh = efd_new(1, EFD_NONBLOCK);
	bool good = fresh >= 0 && dup2(fresh, target->fd) == target->fd;

	close(fresh);
	return good;
}

TEST(dup_against_everything)
{
	struct target target = { };

	EXPECT_TRUE(race(&target, change_by_dup));
}

static bool change_by_fork(struct target *target)
{
	pid_t child = fork_child();
	int status;

	if (!child) {
		efd_add(target->fd, 1);
		_exit(0);
	}
	return change_by_close(target) &&
	       waitpid(child, &status, 0) == child && !status;
}

TEST(fork_against_everything)
{
	struct target target = { };

	EXPECT_TRUE(race(&target, change_by_fork));
}

/* Sends it through a socket, closing it, and takes what comes out instead. */
static bool change_by_socket(struct target *target)
{
	int fd = target->fd;

	if (!send_fd(target->socks[0], fd) || close(fd))
		return false;
	fd = receive_fd(target->socks[1]);
	if (fd < 0)
		return false;
	target->fd = fd;
	return true;
}

TEST(sockets_against_everything)
{
	struct target target = { };

	ASSERT_EQ(0, socketpair(AF_UNIX, SOCK_STREAM, 0, target.socks));
	EXPECT_TRUE(race(&target, change_by_socket));
}

static bool change_nonblock(struct target *target)
{
	return !fcntl(target->fd, F_SETFL, O_NONBLOCK | O_APPEND) &&
	       !fcntl(target->fd, F_SETFL, O_NONBLOCK);
}

TEST(fcntl_against_everything)
{
	struct target target = { };

	EXPECT_TRUE(race(&target, change_nonblock));
}

TEST(blocked_processes_are_killed_while_others_write)
{
	int fd = efd_new(0, 0), ready = efd_new(0, 0);
	int64_t taken, written = 0;
	int status;

	ASSERT_GE(fd, 0);
	ASSERT_GE(ready, 0);
	for (int i = 0; i < 20; i++) {
		pid_t child = fork_child();

		ASSERT_GE(child, 0);
		if (!child)
			block_in_every_way(fd, ready);
		ASSERT_EQ(1, efd_take(ready));
		kill(child, SIGKILL);
		for (int j = 0; j < 20; j++)
			written += efd_add(fd, 1) == 8;
		ASSERT_EQ(child, waitpid(child, &status, 0));
	}
	/* Only what the children took before they died may be missing. */
	EXPECT_EQ(20 * 20, written);
	ASSERT_EQ(8, efd_add(fd, 1));
	taken = efd_take(fd);
	EXPECT_LE(1, taken);
	EXPECT_GE(written + 1, taken);
}

TEST_HARNESS_MAIN
