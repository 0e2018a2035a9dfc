// SPDX-License-Identifier: GPL-2.0
/*
 * Everything at once: no post is lost or doubled, no reader is left asleep, and the
 * kernel's log, which the suite checks, stays empty.
 */
#include "against.h"
#include "crowd.h"
#include "killed.h"

#include <sys/wait.h>

FIXTURE(crowd)
{
	const struct kind *kind;
	int fd;
};

FIXTURE_SETUP(crowd)
{
	self->kind = kind_of(_metadata);
	self->fd = self->kind->make(0);
	ASSERT_GE(self->fd, 0);
}

FIXTURE_TEARDOWN(crowd)
{
	close(self->fd);
}

KIND_VARIANTS(crowd, kind_is_lossless, "");

/* Signals are sent more often, since their readers take several at once. */
static struct crowd crowd_of(const struct kind *kind, int fd)
{
	return (struct crowd){
		.kind = kind, .fd = fd, .posters = 3, .readers = 4,
		.posts = kind->of_process ? 3000 : 1000,
		.ms = kind->of_process ? 2000 : 0,
		.value = 1,
		.read = { crowd_read, crowd_read_some, crowd_read, crowd_read_some },
	};
}

TEST_F(crowd, many_posters_many_readers)
{
	struct crowd crowd = crowd_of(self->kind, self->fd);

	EXPECT_TRUE(crowd_run(&crowd));
}

TEST_F(crowd, many_posters_many_readers_that_poll)
{
	struct crowd crowd = crowd_of(self->kind, self->fd);

	ASSERT_EQ(0, fcntl(self->fd, F_SETFL, O_NONBLOCK));
	for (int i = 0; i < CROWD_MAX; i++)
		crowd.read[i] = crowd_poll_read;
	EXPECT_TRUE(crowd_run(&crowd));
}

TEST_F(crowd, many_posters_many_readers_and_signals)
{
	struct crowd crowd = crowd_of(self->kind, self->fd);

	crowd.interrupts = true;
	EXPECT_TRUE(crowd_run(&crowd));
}

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

/* One of two that wait for each other in epoll, in turns. */
struct side {
	const struct kind *kind;
	int own, other, rounds;
	bool serves, good;
};

static void *volley(void *arg)
{
	struct epoll_event event = { .events = EPOLLIN | EPOLLET };
	int ep = epoll_create1(0);
	struct side *side = arg;

	side->good = !epoll_ctl(ep, EPOLL_CTL_ADD, side->own, &event) &&
		     (!side->serves || any_post(side->kind, side->other, 1));
	for (int i = 0; side->good && i < side->rounds; i++)
		side->good = epoll_wait(ep, &event, 1, DEADLINE_MS) == 1 &&
			     any_gives(side->kind, side->own, 1) &&
			     any_post(side->kind, side->other, 1);
	close(ep);
	return NULL;
}

TEST_F(own, edges_are_not_lost)
{
	int other = self->kind->make(O_NONBLOCK);
	int rounds = self->kind->unread == ADD ? 500 : 100;
	struct side sides[2] = {
		{ .own = self->fd, .other = other, .serves = true },
		{ .own = other, .other = self->fd },
	};
	pthread_t thread;

	ASSERT_GE(other, 0);
	for (int i = 0; i < 2; i++) {
		sides[i].kind = self->kind;
		sides[i].rounds = rounds;
	}
	ASSERT_EQ(0, pthread_create(&thread, NULL, volley, &sides[1]));
	volley(&sides[0]);
	ASSERT_EQ(0, pthread_join(thread, NULL));
	EXPECT_TRUE(sides[0].good);
	EXPECT_TRUE(sides[1].good);
}

TEST_F(own, blocked_processes_are_killed_while_others_post)
{
	enum { ROUNDS = 10, POSTS = 20 };
	int ready = native_make_eventfd(0, 0);
	unsigned int taken = 0;
	union thing seen;
	int status;

	ASSERT_GE(ready, 0);
	ASSERT_EQ(0, fcntl(self->fd, F_SETFL, 0));
	for (int i = 0; i < ROUNDS; i++) {
		pid_t child = fork_child();

		ASSERT_GE(child, 0);
		if (!child)
			block_in_every_way(self->fd, ready);
		ASSERT_EQ(1, efd_take(ready));
		kill(child, SIGKILL);
		for (int j = 0; j < POSTS; j++)
			EXPECT_TRUE(any_post(self->kind, self->fd, 1));
		ASSERT_EQ(child, waitpid(child, &status, 0));
	}
	/* Only what the children took before they died may be missing. */
	ASSERT_TRUE(any_fill(self->kind, self->fd, 1));
	while (poll_now(self->fd) & POLLIN) {
		ASSERT_EQ((ssize_t)self->kind->size,
			  any_read(self->kind, self->fd, &seen));
		taken += self->kind->value(&seen);
	}
	EXPECT_LE(1, taken);
	EXPECT_GE(ROUNDS * POSTS + 1, taken);
}

FIXTURE(against)
{
};

FIXTURE_VARIANT(against)
{
	const struct use *use;
};

FIXTURE_SETUP(against)
{
}

FIXTURE_TEARDOWN(against)
{
}

#ifdef EVFD_KINDS

static int make_wake_one(unsigned int i)
{
	return efd_new(1, EFD_NONBLOCK | EVFD_EFD_WAKE_ONE | (i % 2 ? EFD_SEMAPHORE : 0));
}

static const struct use use_wake_one = {
	.make = make_wake_one,
	.call = call_eventfd,
	.ms = 200,
};

static int make_2007(unsigned int i)
{
	struct evfd_timerfd arg = {
		.ufd = -1,
		.clockid = i % 2 ? CLOCK_REALTIME : CLOCK_BOOTTIME_ALARM,
	};
	int fd = evfd_device_ioctl(EVFD_IOC_TIMERFD, &arg);

	fcntl(fd, F_SETFL, O_NONBLOCK);
	return fd;
}

static const struct use use_2007 = {
	.make = make_2007,
	.call = call_timer,
	.finish = finish_timers,
	.nowait = true,
	.ms = 200,
};

static int make_eventfs(unsigned int i)
{
	(void)i;
	return sig_block(AGAINST_SIGNALS) ? -1 :
	       evfd_eventfs_new(SIGUSR1, EVFD_EVENTFS_NONBLOCK);
}

static const struct use use_eventfs = {
	.make = make_eventfs,
	.call = call_signalfd,
	.ms = 200,
};

FIXTURE_VARIANT_ADD(against, wake_one)
{
	.use = &use_wake_one,
};

FIXTURE_VARIANT_ADD(against, timerfd_2007)
{
	.use = &use_2007,
};

FIXTURE_VARIANT_ADD(against, eventfs)
{
	.use = &use_eventfs,
};

#else

FIXTURE_VARIANT_ADD(against, eventfd)
{
	.use = &use_eventfd,
};

FIXTURE_VARIANT_ADD(against, timerfd)
{
	.use = &use_timer,
};

FIXTURE_VARIANT_ADD(against, signalfd)
{
	.use = &use_signalfd,
};

#endif

TEST_F(against, close_against_everything)
{
	EXPECT_TRUE(race(variant->use, change_by_close));
}

static bool change_by_dup(struct target *target, unsigned int i)
{
	int fresh = target->use->make(i);
	bool good = fresh >= 0 && dup2(fresh, target->fd) == target->fd;

	target->use->call(fresh, i);
	close(fresh);
	return good;
}

TEST_F(against, dup_against_everything)
{
	EXPECT_TRUE(race(variant->use, change_by_dup));
}

static bool change_by_fork(struct target *target, unsigned int i)
{
	pid_t child = fork_child();
	int status;

	if (!child) {
		struct epoll_event event = { .events = EPOLLIN };

		target->use->call(target->fd, i);
		epoll_ctl(target->ep, EPOLL_CTL_ADD, target->fd, &event);
		_exit(0);
	}
	return change_by_close(target, i) &&
	       waitpid(child, &status, 0) == child && !status;
}

TEST_F(against, fork_against_everything)
{
	EXPECT_TRUE(race(variant->use, change_by_fork));
}

/* Sends it through a socket, closes it, and goes on with the received one. */
static bool change_by_socket(struct target *target, unsigned int i)
{
	int fd = target->fd;

	target->use->call(fd, i);
	if (!send_fd(target->socks[0], fd) || close(fd))
		return false;
	fd = receive_fd(target->socks[1]);
	if (fd < 0)
		return false;
	target->fd = fd;
	return true;
}

TEST_F(against, sockets_against_everything)
{
	EXPECT_TRUE(race(variant->use, change_by_socket));
}

static bool change_by_fcntl(struct target *target, unsigned int i)
{
	(void)i;
	return !fcntl(target->fd, F_SETFL, O_NONBLOCK | O_APPEND) &&
	       !fcntl(target->fd, F_SETFL, O_NONBLOCK);
}

TEST_F(against, fcntl_against_everything)
{
	EXPECT_TRUE(race(variant->use, change_by_fcntl));
}

TEST_HARNESS_MAIN
