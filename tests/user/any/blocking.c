// SPDX-License-Identifier: GPL-2.0
/*
 * Reads that block: the posts that end them, and the effect of signals on them.
 */
#include "any.h"

#define READERS	8

/* For handlers; no kind reads it. */
#define INTERRUPT	SIGUSR1

FIXTURE(kind)
{
	const struct kind *kind;
	int fd;
};

FIXTURE_SETUP(kind)
{
	self->kind = kind_of(_metadata);
	self->fd = self->kind->make(0);
	ASSERT_GE(self->fd, 0);
}

FIXTURE_TEARDOWN(kind)
{
	close(self->fd);
}

KIND_VARIANTS(kind, kind_is_main, "");

static bool exits_well(pid_t child)
{
	int status;

	return waitpid(child, &status, 0) == child && !status;
}

TEST_F(kind, read_waits_for_a_post)
{
	struct taker taker;

	for (int i = 1; i <= 2; i++) {
		ASSERT_TRUE(taker_start(&taker, self->kind, self->fd));
		ASSERT_TRUE(any_post(self->kind, self->fd, 41 + i));
		EXPECT_TRUE(taker_gets(&taker, 41 + i));
		EXPECT_TRUE(any_is_empty(self->kind, self->fd));
	}
}

TEST_F(kind, readv_waits_for_a_post)
{
	size_t size = self->kind->size, first = size / 2 - 1;
	union thing seen;
	struct iovec iov[2] = {
		{ .iov_base = &seen, .iov_len = first },
		{ .iov_base = (char *)&seen + first, .iov_len = size - first },
	};
	pid_t child = fork_child();

	ASSERT_GE(child, 0);
	if (!child) {
		if (!wait_for(asleep_in(getppid()) == SYS_readv))
			_exit(2);
		_exit(!self->kind->post(self->fd, getppid(), 9));
	}
	EXPECT_TRUE(any_is_from(self->kind, readv(self->fd, iov, 2), &seen, 9, child));
	EXPECT_TRUE(exits_well(child));
}

TEST_F(kind, a_read_goes_on_while_there_is_nothing_to_read)
{
	struct taker taker;

	ASSERT_TRUE(taker_start(&taker, self->kind, self->fd));
	for (int i = 0; i < 3; i++) {
		ASSERT_TRUE(self->kind->stir(self->fd));
		EXPECT_TRUE(call_blocks(&taker.call));
	}
	ASSERT_TRUE(any_post(self->kind, self->fd, 1));
	EXPECT_TRUE(taker_gets(&taker, 1));
}

/* How many of the reads have ended. */
static int ended(const struct taker *takers, int n)
{
	int count = 0;

	for (int i = 0; i < n; i++)
		count += takers[i].call.done;
	return count;
}

static bool start_takers(struct taker *takers, const struct kind *kind, int fd)
{
	for (int i = 0; i < READERS; i++) {
		if (!taker_start(&takers[i], kind, fd))
			return false;
	}
	return true;
}

TEST_F(kind, one_of_many_readers_gets_each_post)
{
	struct taker takers[READERS];
	unsigned int sum = 0;

	ASSERT_TRUE(start_takers(takers, self->kind, self->fd));
	for (int round = 1; round <= READERS; round++) {
		ASSERT_TRUE(any_post(self->kind, self->fd, 10));
		ASSERT_TRUE(wait_for(ended(takers, READERS) == round));
		for (int i = 0; i < READERS; i++)
			EXPECT_TRUE(takers[i].call.done || call_blocks(&takers[i].call));
		EXPECT_EQ(round, ended(takers, READERS));
	}
	for (int i = 0; i < READERS; i++) {
		EXPECT_TRUE(taker_gets(&takers[i], 10));
		sum += self->kind->value(&takers[i].seen);
	}
	EXPECT_EQ(READERS * any_worth(self->kind, 10), sum);
	EXPECT_TRUE(any_is_empty(self->kind, self->fd));
}

TEST_F(kind, all_readers_are_woken_unless_one_is_enough)
{
	struct taker takers[READERS];
	long before[READERS];
	int woken = 0;

	ASSERT_TRUE(start_takers(takers, self->kind, self->fd));
	for (int i = 0; i < READERS; i++)
		before[i] = sleeps_of(takers[i].call.tid);
	ASSERT_TRUE(any_post(self->kind, self->fd, 1));
	ASSERT_TRUE(wait_for(ended(takers, READERS) == 1));
	for (int i = 0; i < READERS; i++) {
		EXPECT_TRUE(self->kind->wakes_one ||
			    wait_for(takers[i].call.done ||
				     sleeps_of(takers[i].call.tid) > before[i]));
		EXPECT_TRUE(takers[i].call.done || call_blocks(&takers[i].call));
		woken += takers[i].call.done || sleeps_of(takers[i].call.tid) > before[i];
	}
	EXPECT_EQ(self->kind->wakes_one ? 1 : READERS, woken);
	EXPECT_EQ(1, ended(takers, READERS));
}

/* A call that blocks in a thread or a child: a read, or a poll. */
struct waiting {
	const struct kind *kind;
	struct call call;
	union thing seen;
	int fd;
};

static bool waiting_init(struct waiting *waiting, const struct kind *kind,
			 long (*make)(struct call *call))
{
	waiting->kind = kind;
	waiting->fd = kind->make(0);
	waiting->call = (struct call){ .make = make, .fd = waiting->fd, .value = POLLIN };
	waiting->call.buf = &waiting->seen;
	waiting->call.size = kind->size;
	return waiting->fd >= 0 && kind->stir(waiting->fd);
}

/* Whether the call has returned for this value, which it has read if it is a read. */
static bool waiting_got(const struct waiting *waiting, long ret, unsigned int value,
			pid_t sender)
{
	if (waiting->call.make == call_poll)
		return ret == 1 && waiting->call.value == POLLIN;
	return any_is_from(waiting->kind, ret, &waiting->seen, value, sender);
}

/* Of the calls that signals interrupt, with and without SA_RESTART. */
enum { READ, READ_RESTARTS, POLL, POLL_DOES_NOT_RESTART };

FIXTURE(interrupted)
{
	struct waiting waiting;
	bool restarts;
};

FIXTURE_SETUP(interrupted)
{
	int way = way_of(_metadata);
	bool reads = way == READ || way == READ_RESTARTS;

	ASSERT_TRUE(waiting_init(&self->waiting, kind_of(_metadata),
				 reads ? call_read : call_poll));
	ASSERT_EQ(0, catch_signal(INTERRUPT, way == READ || way == POLL ? 0 : SA_RESTART));
	self->restarts = way == READ_RESTARTS;
}

FIXTURE_TEARDOWN(interrupted)
{
	close(self->waiting.fd);
}

KIND_VARIANTS(interrupted, kind_is_main, "read", "read_restarts", "poll",
	      "poll_does_not_restart");

TEST_F(interrupted, by_a_handler)
{
	const struct kind *kind = self->waiting.kind;
	struct call *call = &self->waiting.call;
	int fd = self->waiting.fd;

	ASSERT_TRUE(call_start_blocked(call));
	for (int i = 0; self->restarts && i < 10; i++) {
		long sleeps = sleeps_of(call->tid);

		ASSERT_EQ(0, signal_thread(call->tid, INTERRUPT));
		ASSERT_TRUE(wait_for(sleeps_of(call->tid) > sleeps));
		ASSERT_TRUE(call_blocks(call));
	}
	if (self->restarts) {
		ASSERT_TRUE(any_post(kind, fd, 12));
		ASSERT_TRUE(call_ends(call));
		EXPECT_TRUE(waiting_got(&self->waiting, call->ret, 12, getpid()));
		return;
	}
	ASSERT_EQ(0, signal_thread(call->tid, INTERRUPT));
	ASSERT_TRUE(call_ends(call));
	EXPECT_EQ(-1, call->ret);
	EXPECT_EQ(EINTR, call->err);
	/* The call has changed nothing. */
	EXPECT_TRUE(any_is_empty(kind, fd));
	ASSERT_TRUE(any_post(kind, fd, 13));
	EXPECT_TRUE(any_gives(kind, fd, 13));
}

FIXTURE(child)
{
	struct waiting waiting;
	pid_t pid;
};

/* Starts a child that makes the call, and ends well if that gets a post of 14. */
FIXTURE_SETUP(child)
{
	struct waiting *waiting = &self->waiting;

	ASSERT_TRUE(waiting_init(waiting, kind_of(_metadata),
				 way_of(_metadata) ? call_poll : call_read));
	self->pid = fork_child();
	ASSERT_GE(self->pid, 0);
	if (!self->pid) {
		long ret = waiting->call.make(&waiting->call);

		_exit(!waiting_got(waiting, ret, 14, getppid()));
	}
	ASSERT_TRUE(wait_for(asleep_in(self->pid) == call_nr(waiting->call.make)));
}

FIXTURE_TEARDOWN(child)
{
	close(self->waiting.fd);
}

KIND_VARIANTS(child, kind_is_main, "read", "poll");

TEST_F(child, stopped_and_continued)
{
	const struct waiting *waiting = &self->waiting;
	int status;

	ASSERT_EQ(0, kill(self->pid, SIGSTOP));
	ASSERT_EQ(self->pid, waitpid(self->pid, &status, WUNTRACED));
	ASSERT_TRUE(WIFSTOPPED(status));
	ASSERT_EQ(0, kill(self->pid, SIGCONT));
	ASSERT_EQ(self->pid, waitpid(self->pid, &status, WCONTINUED));
	EXPECT_TRUE(any_is_empty(waiting->kind, waiting->fd));
	ASSERT_TRUE(wait_for(asleep_in(self->pid) >= 0));
	ASSERT_TRUE(waiting->kind->post(waiting->fd, self->pid, 14));
	EXPECT_TRUE(exits_well(self->pid));
}

TEST_F(child, posted_to_while_stopped)
{
	const struct waiting *waiting = &self->waiting;
	int status;

	ASSERT_EQ(0, kill(self->pid, SIGSTOP));
	ASSERT_EQ(self->pid, waitpid(self->pid, &status, WUNTRACED));
	ASSERT_TRUE(waiting->kind->post(waiting->fd, self->pid, 14));
	EXPECT_TRUE(waiting->kind->of_process || any_ready(waiting->fd));
	ASSERT_EQ(0, kill(self->pid, SIGCONT));
	EXPECT_TRUE(exits_well(self->pid));
	if (waiting->call.make == call_read)
		EXPECT_TRUE(any_is_empty(waiting->kind, waiting->fd));
}

TEST_F(child, killed)
{
	const struct waiting *waiting = &self->waiting;
	int status;

	ASSERT_EQ(0, kill(self->pid, SIGKILL));
	ASSERT_EQ(self->pid, waitpid(self->pid, &status, 0));
	EXPECT_TRUE(WIFSIGNALED(status));
	ASSERT_TRUE(any_post(waiting->kind, waiting->fd, 4));
	EXPECT_TRUE(any_gives(waiting->kind, waiting->fd, 4));
}

TEST_F(kind, descriptor_closed_while_blocked)
{
	int other = dup(self->fd);
	struct taker taker;

	ASSERT_GE(other, 0);
	ASSERT_TRUE(taker_start(&taker, self->kind, self->fd));
	ASSERT_EQ(0, close(self->fd));
	EXPECT_TRUE(call_blocks(&taker.call));
	ASSERT_TRUE(any_post(self->kind, other, 11));
	EXPECT_TRUE(taker_gets(&taker, 11));
}

TEST_F(kind, last_descriptor_closed_while_blocked)
{
	struct taker taker;

	ASSERT_EQ(0, catch_signal(INTERRUPT, 0));
	ASSERT_TRUE(taker_start(&taker, self->kind, self->fd));
	ASSERT_EQ(0, close(self->fd));
	EXPECT_TRUE(call_blocks(&taker.call));
	ASSERT_EQ(0, signal_thread(taker.call.tid, INTERRUPT));
	EXPECT_TRUE(taker_fails(&taker, EINTR));
}

TEST_F(kind, nonblock_set_while_blocked)
{
	struct taker taker;
	union thing seen;

	ASSERT_TRUE(taker_start(&taker, self->kind, self->fd));
	ASSERT_EQ(0, fcntl(self->fd, F_SETFL, O_NONBLOCK));
	/* It does not end a call that blocks already ... */
	EXPECT_TRUE(call_blocks(&taker.call));
	EXPECT_EQ(-EAGAIN, any_read(self->kind, self->fd, &seen));
	/* ... not even after a wake-up with nothing to read. */
	ASSERT_TRUE(self->kind->stir(self->fd));
	EXPECT_TRUE(call_blocks(&taker.call));
	ASSERT_TRUE(any_post(self->kind, self->fd, 1));
	EXPECT_TRUE(taker_gets(&taker, 1));
}

TEST_F(kind, nonblock_is_toggled)
{
	struct taker taker;
	union thing seen;
	struct iovec iov = { .iov_base = &seen, .iov_len = self->kind->size };

	for (int i = 1; i <= 3; i++) {
		ASSERT_TRUE(taker_start(&taker, self->kind, self->fd));
		EXPECT_EQ(-1, preadv2(self->fd, &iov, 1, -1, RWF_NOWAIT));
		EXPECT_EQ(EAGAIN, errno);
		ASSERT_TRUE(any_post(self->kind, self->fd, i));
		EXPECT_TRUE(taker_gets(&taker, i));
		ASSERT_TRUE(any_fill(self->kind, self->fd, i));
		EXPECT_TRUE(any_is(self->kind, preadv2(self->fd, &iov, 1, -1, RWF_NOWAIT),
				   &seen, i));
		ASSERT_EQ(0, fcntl(self->fd, F_SETFL, O_NONBLOCK));
		EXPECT_EQ(-EAGAIN, any_read(self->kind, self->fd, &seen));
		ASSERT_TRUE(any_fill(self->kind, self->fd, i));
		EXPECT_TRUE(any_gives(self->kind, self->fd, i));
		ASSERT_EQ(0, fcntl(self->fd, F_SETFL, 0));
	}
	EXPECT_EQ(O_RDWR, fcntl(self->fd, F_GETFL));
}

FIXTURE(own)
{
	const struct kind *kind;
	int fd;
};

FIXTURE_SETUP(own)
{
	self->kind = kind_of(_metadata);
	self->fd = self->kind->make(0);
	ASSERT_GE(self->fd, 0);
}

FIXTURE_TEARDOWN(own)
{
	close(self->fd);
}

KIND_VARIANTS(own, kind_is_main_and_own, "");

TEST_F(own, processes_pass_a_token)
{
	const struct kind *kind = self->kind;
	const int rounds = kind->unread == ADD ? 500 : 100;
	struct { int to, from; } fds = { self->fd, kind->make(0) };
	pid_t child;

	ASSERT_GE(fds.from, 0);
	child = fork_child();
	ASSERT_GE(child, 0);
	if (!child) {
		for (int i = 1; i <= rounds; i++) {
			if (!any_gives(kind, fds.to, i) || !any_post(kind, fds.from, i))
				_exit(1);
		}
		_exit(0);
	}
	for (int i = 1; i <= rounds; i++) {
		ASSERT_TRUE(any_post(kind, fds.to, i));
		ASSERT_TRUE(any_gives(kind, fds.from, i));
	}
	EXPECT_TRUE(exits_well(child));
}

TEST_HARNESS_MAIN
