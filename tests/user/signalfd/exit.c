// SPDX-License-Identifier: GPL-2.0
/*
 * Processes that exit or exec while epoll, aio or io_uring still poll for their signals.
 * The remaining processes must keep no pointer to an ended process. A defect may show only
 * in the kernel log, and only after many rounds.
 */
#include "aio.h"
#include "epoll.h"
#include "signal.h"
#include "uring.h"

#define USR	(sig_bit(SIGUSR1) | sig_bit(SIGUSR2))

/* The rounds of each test, and the time after which a test ends sooner. */
#define ROUNDS	200
#define MS	1200

FIXTURE(ends)
{
	int fd, ep, ready, go;
};

FIXTURE_SETUP(ends)
{
	self->fd = sfd_new_blocked(USR, SFD_NONBLOCK);
	self->ep = epoll_create1(0);
	self->ready = native_make_eventfd(0, 0);
	self->go = native_make_eventfd(0, 0);
	ASSERT_GE(self->fd, 0);
	ASSERT_GE(self->ep, 0);
	ASSERT_GE(self->go, 0);
}

FIXTURE_TEARDOWN(ends)
{
	close(self->ep);
	close(self->fd);
}

/* Whether epoll returns no event for a signal to this process. */
static bool is_deaf(int ep, int fd)
{
	bool deaf;

	/* The end of the other process was an event. */
	events_now(ep);
	deaf = !kill(getpid(), SIGUSR1) && !events_now(ep);
	return deaf && sfd_take(fd) == SIGUSR1;
}

TEST_F(ends, exit_then_close)
{
	repeat(ROUNDS, MS) {
		pid_t child = fork_child();

		ASSERT_GE(child, 0);
		if (!child)
			_exit(watch_too(self->ep, self->fd, i % 2 ? EPOLLIN :
					EPOLLIN | EPOLLET));
		ASSERT_TRUE(child_ends_well(child));
		EXPECT_TRUE(is_deaf(self->ep, self->fd));
		/* In turns, removes fd from ep, closes only ep, or closes only fd. */
		if (i % 3 == 0) {
			ASSERT_EQ(0, epoll_ctl(self->ep, EPOLL_CTL_DEL,
					       self->fd, NULL));
		} else if (i % 3 == 1) {
			close(self->ep);
			self->ep = epoll_create1(0);
		} else {
			close(self->fd);
			self->fd = sfd_new(USR, SFD_NONBLOCK);
		}
	}
}

TEST_F(ends, exit_and_close_at_once)
{
	repeat(ROUNDS, MS) {
		pid_t child = fork_child();

		ASSERT_GE(child, 0);
		if (!child) {
			watch_too(self->ep, self->fd, EPOLLIN);
			efd_add(self->ready, 1);
			_exit(0);
		}
		ASSERT_EQ(1, efd_take(self->ready));
		/* The child is exiting, and gets farther each time. */
		for (int j = 0; j < i % 10; j++)
			sched_yield();
		if (i % 2) {
			close(self->ep);
			self->ep = epoll_create1(0);
		} else {
			close(self->fd);
			self->fd = sfd_new(USR, SFD_NONBLOCK);
		}
		ASSERT_TRUE(child_ends_well(child));
	}
}

TEST_F(ends, killed_while_threads_wait)
{
	repeat(ROUNDS, MS) {
		struct call calls[2] = {
			{ .make = call_poll, .fd = self->fd },
			{ .make = call_epoll, .fd = self->ep },
		};
		struct reader reader;
		pid_t child = fork_child();
		int status;

		ASSERT_GE(child, 0);
		if (!child) {
			fcntl(self->fd, F_SETFL, 0);
			watch_too(self->ep, self->fd, EPOLLIN | EPOLLET);
			calls[0].value = POLLIN;
			if (reader_start_blocked(&reader, self->fd) &&
			    call_start_blocked(&calls[0]) &&
			    call_start_blocked(&calls[1]))
				efd_add(self->ready, 1);
			while (1)
				pause();
		}
		ASSERT_EQ(1, efd_take(self->ready));
		kill(child, SIGKILL);
		kill(child, SIGUSR1);
		ASSERT_EQ(child, waitpid(child, &status, 0));
		EXPECT_EQ(SIGKILL, status);
		fcntl(self->fd, F_SETFL, O_NONBLOCK);
		EXPECT_TRUE(is_deaf(self->ep, self->fd));
		ASSERT_EQ(0, epoll_ctl(self->ep, EPOLL_CTL_DEL, self->fd, NULL));
	}
}

static void *exec_end(void *arg)
{
	static char *const argv[] = { "/proc/self/exe", "--end", NULL };

	(void)arg;
	execv(argv[0], argv);
	_exit(1);
}

TEST_F(ends, exec)
{
	repeat(ROUNDS, MS) {
		pid_t child = fork_child();
		pthread_t thread;

		ASSERT_GE(child, 0);
		if (!child) {
			watch_too(self->ep, self->fd, EPOLLIN);
			/* The first thread and another thread exec in turns. */
			if (i % 2)
				exec_end(NULL);
			pthread_create(&thread, NULL, exec_end, NULL);
			while (1)
				pause();
		}
		ASSERT_TRUE(child_ends_well(child));
		EXPECT_TRUE(is_deaf(self->ep, self->fd));
		ASSERT_EQ(0, epoll_ctl(self->ep, EPOLL_CTL_DEL, self->fd, NULL));
	}
}

/* A process that shares memory with another, and possibly signal handlers. */
struct sharer {
	int fd, ep, go;
	bool execs;
	aio_context_t ctx;
	struct iocb iocb;
	int ret;
};

static int run_sharer(void *arg)
{
	struct sharer *sharer = arg;
	struct iocb *iocb = &sharer->iocb;

	if (sharer->ctx)
		sharer->ret = syscall(SYS_io_submit, sharer->ctx, 1, &iocb);
	else
		sharer->ret = watch_too(sharer->ep, sharer->fd, EPOLLIN);
	if (sharer->execs)
		exec_end(NULL);
	if (sharer->go >= 0)
		efd_take(sharer->go);
	_exit(0);
}

/* Starts a process that shares memory with this process. */
static pid_t start_sharer(struct sharer *sharer, int flags)
{
	static char stack[65536] __attribute__((aligned(16)));

	return clone(run_sharer, stack + sizeof(stack),
		     CLONE_VM | SIGCHLD | flags, sharer);
}

TEST_F(ends, one_of_two_that_share_handlers)
{
	repeat(ROUNDS, MS) {
		pid_t child = fork_child(), other;

		ASSERT_GE(child, 0);
		if (!child) {
			struct sharer sharer = { .go = -1, .execs = i % 4 == 0 };

			sharer.fd = self->fd;
			sharer.ep = self->ep;
			other = start_sharer(&sharer, CLONE_SIGHAND | CLONE_VFORK);
			/* The other process is gone, but its registration is not. */
			if (!child_ends_well(other) || sharer.ret ||
			    kill(getpid(), SIGUSR1))
				_exit(1);
			_exit(events_now(self->ep) != EPOLLIN);
		}
		ASSERT_TRUE(child_ends_well(child));
		EXPECT_TRUE(is_deaf(self->ep, self->fd));
		ASSERT_EQ(0, epoll_ctl(self->ep, EPOLL_CTL_DEL, self->fd, NULL));
	}
}

TEST_F(ends, the_one_of_them_that_registered_is_last)
{
	ASSERT_EQ(0, prctl(PR_SET_CHILD_SUBREAPER, 1));
	repeat(ROUNDS, MS) {
		pid_t child = fork_child();

		ASSERT_GE(child, 0);
		if (!child) {
			struct sharer sharer = { .fd = self->fd };

			sharer.ep = self->ep;
			sharer.go = self->go;
			start_sharer(&sharer, CLONE_SIGHAND);
			_exit(!wait_for(events_now(self->ep) == 0 &&
					watch_too(self->ep, self->fd, 0) &&
					errno == EEXIST));
		}
		ASSERT_EQ(child, waitpid(child, NULL, 0));
		ASSERT_EQ(8, efd_add(self->go, 1));
		ASSERT_LT(0, waitpid(-1, NULL, 0));
		EXPECT_TRUE(is_deaf(self->ep, self->fd));
		ASSERT_EQ(0, epoll_ctl(self->ep, EPOLL_CTL_DEL, self->fd, NULL));
	}
}

TEST_F(ends, aio)
{
	struct sharer sharer = { .go = -1 };
	struct timespec soon = { .tv_sec = DEADLINE_MS / 1000 };
	struct io_event event;

	ASSERT_EQ(0, syscall(SYS_io_setup, 8, &sharer.ctx));
	sharer.iocb.aio_lio_opcode = IOCB_CMD_POLL;
	sharer.iocb.aio_fildes = self->fd;
	sharer.iocb.aio_buf = POLLIN;
	repeat(ROUNDS, MS) {
		pid_t child;

		sharer.execs = i % 4 == 0;
		child = start_sharer(&sharer, CLONE_VFORK);
		ASSERT_GT(child, 0);
		ASSERT_TRUE(child_ends_well(child));
		ASSERT_EQ(1, sharer.ret);
		ASSERT_EQ(1, syscall(SYS_io_getevents, sharer.ctx, 1, 1, &event,
				     &soon));
		EXPECT_EQ(POLLHUP, event.res);
		ASSERT_EQ(0, kill(getpid(), SIGUSR1));
		EXPECT_EQ(SIGUSR1, sfd_take(self->fd));
	}
	EXPECT_EQ(0, syscall(SYS_io_destroy, sharer.ctx));
}

/* Submits polls to a ring shared with the parent, and ends. */
static void poll_and_end(struct uring *ring, int fd, bool execs)
{
	static struct signalfd_siginfo seen;

	uring_poll(ring, fd, POLLIN, false, 1);
	uring_poll(ring, fd, POLLIN, true, 2);
	uring_poll(ring, fd, POLLIN, false, 3)->flags = IOSQE_ASYNC;
	uring_queue(ring, IORING_OP_READ, fd, &seen, sizeof(seen), 4);
	if (uring_submit(ring) != 4)
		_exit(1);
	if (execs)
		exec_end(NULL);
	_exit(0);
}

TEST_F(ends, io_uring)
{
	struct io_uring_cqe cqe;
	struct uring ring;

	ASSERT_EQ(0, fcntl(self->fd, F_SETFL, 0));
	repeat(ROUNDS, MS) {
		unsigned int told = 0;
		pid_t child;

		/* A new ring each time, because rings are not made for this use. */
		ASSERT_TRUE(uring_open(&ring));
		child = fork_child();
		ASSERT_GE(child, 0);
		if (!child)
			poll_and_end(&ring, self->fd, i % 4 == 0);
		ASSERT_TRUE(child_ends_well(child));
		for (int j = 0; j < 4; j++) {
			ASSERT_TRUE(uring_wait(&ring, &cqe));
			EXPECT_EQ(-ECANCELED, cqe.res);
			told |= 1 << cqe.user_data;
		}
		EXPECT_EQ(0x1e, told);
		ASSERT_EQ(0, kill(getpid(), SIGUSR1));
		EXPECT_FALSE(uring_next(&ring, &cqe));
		EXPECT_EQ(SIGUSR1, sfd_take(self->fd));
		uring_close(&ring);
	}
}

int main(int argc, char **argv)
{
	if (argc == 2 && !strcmp(argv[1], "--end"))
		return 0;
	return test_harness_run(argc, argv);
}
