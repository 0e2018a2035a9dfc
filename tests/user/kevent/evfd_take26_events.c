// SPDX-License-Identifier: GPL-2.0
/*
 * kevent_get_events() of 2006 and read(): levels, edges, single events, the numbers of
 * events and the time limits, signals, faults, and the bugs of 2006.
 */
#include "fault.h"
#include "signal.h"
#include "pidfd.h"
#include "take26.h"

#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>

FIXTURE(events)
{
	int fd;
	int pipe[2];
	struct ukevent uk[8];
};

FIXTURE_SETUP(events)
{
	self->fd = take26_open();
	ASSERT_GE(self->fd, 0);
	ASSERT_EQ(0, pipe2(self->pipe, O_NONBLOCK));
	ASSERT_EQ(0, catch_signal(SIGUSR1, 0));
}

FIXTURE_TEARDOWN(events)
{
	close(self->fd);
	close(self->pipe[0]);
	close(self->pipe[1]);
}

static int fill(int pipe[2])
{
	return write(pipe[1], "", 1) == 1;
}

static int drain(int pipe[2])
{
	char c;

	return read(pipe[0], &c, 1) == 1;
}

/* A connection to the address of a socket. */
static int connect_to(int listener)
{
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	struct sockaddr_un name;
	socklen_t size = sizeof(name);

	if (getsockname(listener, (struct sockaddr *)&name, &size) ||
	    connect(fd, (struct sockaddr *)&name, size)) {
		close(fd);
		return -1;
	}
	return fd;
}

/* The structure */

TEST_F(events, the_entire_structure_is_returned)
{
	struct ukevent *uk = self->uk;

	EXPECT_EQ(0, take26_add(self->fd, KEVENT_USER, 1ULL << 32 | 2, 3, 6,
				KEVENT_REQ_ET | KEVENT_REQ_ALWAYS_QUEUE));
	EXPECT_EQ(0, take26_ready(self->fd, 1ULL << 32 | 2, 3, 4));
	EXPECT_EQ(1, take26_get_events(self->fd, 1, 8, -1, uk));
	EXPECT_EQ(2, uk->id.raw[0]);
	EXPECT_EQ(1, uk->id.raw[1]);
	EXPECT_EQ(KEVENT_USER, uk->type);
	EXPECT_EQ(6, uk->event);
	EXPECT_EQ(KEVENT_REQ_ET | KEVENT_REQ_ALWAYS_QUEUE, uk->req_flags);
	EXPECT_EQ(KEVENT_RET_DONE, uk->ret_flags);
	EXPECT_EQ(4, uk->ret_data[0]);
	EXPECT_EQ(0, uk->ret_data[1]);
	EXPECT_EQ(3, uk->user[0]);
	EXPECT_EQ(0, uk->user[1]);
}

/* Levels, edges and single events */

TEST_F(events, a_ready_file_gives_an_event_in_each_call)
{
	EXPECT_EQ(0, take26_add(self->fd, KEVENT_POLL, self->pipe[0], 1, POLLIN, 0));
	EXPECT_TRUE(take26_is_empty(self->fd));
	EXPECT_TRUE(fill(self->pipe));
	for (int i = 0; i < 3; i++)
		EXPECT_TRUE(take26_gives(self->fd, 1, POLLIN));
	EXPECT_TRUE(drain(self->pipe));
	EXPECT_TRUE(take26_is_empty(self->fd));
	EXPECT_TRUE(fill(self->pipe));
	EXPECT_TRUE(take26_gives(self->fd, 1, POLLIN));
}

/* Sockets and pipes have events of their own. A listening socket has an event for accept(). */
TEST_F(events, sockets_and_pipes)
{
	int fds[2], listener = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	struct sockaddr name = { .sa_family = AF_UNIX };

	ASSERT_EQ(0, socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, fds));
	EXPECT_EQ(0, take26_add(self->fd, KEVENT_PIPE, self->pipe[0], 1, KEVENT_SOCKET_RECV, 0));
	EXPECT_EQ(0, take26_add(self->fd, KEVENT_SOCKET, fds[0], 2, KEVENT_SOCKET_RECV, 0));
	EXPECT_TRUE(take26_is_empty(self->fd));
	EXPECT_TRUE(fill(self->pipe));
	EXPECT_TRUE(take26_gives(self->fd, 1, KEVENT_SOCKET_RECV));
	EXPECT_TRUE(drain(self->pipe));
	EXPECT_EQ(1, write(fds[1], "", 1));
	EXPECT_TRUE(take26_gives(self->fd, 2, KEVENT_SOCKET_RECV));
	EXPECT_EQ(0, take26_remove(self->fd, KEVENT_SOCKET, fds[0], 2));
	/* It is ready now, so it is not queued. */
	EXPECT_EQ(1, take26_add(self->fd, KEVENT_SOCKET, fds[0], 2, KEVENT_SOCKET_SEND, 0));
	EXPECT_EQ(-EINVAL, take26_add(self->fd, KEVENT_SOCKET, fds[0], 2, 8, 0));
	EXPECT_EQ(-ENOTSOCK, take26_add(self->fd, KEVENT_SOCKET, self->pipe[0], 1,
					KEVENT_SOCKET_RECV, 0));

	/* Binds it to a name that the kernel chooses. */
	ASSERT_EQ(0, bind(listener, &name, sizeof(name.sa_family)));
	ASSERT_EQ(0, listen(listener, 1));
	EXPECT_EQ(0, take26_add(self->fd, KEVENT_SOCKET, listener, 3, KEVENT_SOCKET_ACCEPT, 0));
	close(fds[1]);
	fds[1] = connect_to(listener);
	ASSERT_GE(fds[1], 0);
	EXPECT_TRUE(take26_gives(self->fd, 3, KEVENT_SOCKET_ACCEPT));
	close(listener);
	close(fds[0]);
	close(fds[1]);
}

TEST_F(events, et_gives_an_event_for_each_wake_up)
{
	EXPECT_EQ(0, take26_add(self->fd, KEVENT_POLL, self->pipe[0], 1, POLLIN,
				KEVENT_REQ_ET));
	for (int i = 0; i < 3; i++) {
		EXPECT_TRUE(fill(self->pipe));
		EXPECT_TRUE(take26_gives(self->fd, 1, POLLIN));
		EXPECT_TRUE(take26_is_empty(self->fd));
	}
}

/* WAKEUP_ALL */

/* Adds kevents for users first to last, for edges of the pipe. */
static bool watch(int fd, int pipe, int first, int last, uint32_t flags)
{
	for (int user = first; user <= last; user++) {
		if (take26_add(fd, KEVENT_POLL, pipe, user, POLLIN, KEVENT_REQ_ET | flags))
			return false;
	}
	return true;
}

TEST_F(events, a_wake_up_is_for_one_kevent)
{
	ASSERT_TRUE(watch(self->fd, self->pipe[0], 1, 3, 0));
	EXPECT_TRUE(fill(self->pipe));
	EXPECT_EQ(1, take26_get_events(self->fd, 1, 8, 0, self->uk));
	EXPECT_EQ(POLLIN, self->uk[0].ret_data[0]);
	EXPECT_TRUE(take26_is_empty(self->fd));
}

TEST_F(events, with_wakeup_all_it_is_for_each)
{
	ASSERT_TRUE(watch(self->fd, self->pipe[0], 1, 3, KEVENT_REQ_WAKEUP_ALL));
	EXPECT_TRUE(fill(self->pipe));
	EXPECT_EQ(3, take26_get_events(self->fd, 1, 8, 0, self->uk));
	EXPECT_EQ(KEVENT_REQ_ET | KEVENT_REQ_WAKEUP_ALL, self->uk[0].req_flags);
}

TEST_F(events, wakeup_all_takes_nothing_from_others)
{
	ASSERT_TRUE(watch(self->fd, self->pipe[0], 1, 3, 0));
	ASSERT_TRUE(watch(self->fd, self->pipe[0], 4, 5, KEVENT_REQ_WAKEUP_ALL));
	EXPECT_TRUE(fill(self->pipe));
	EXPECT_EQ(3, take26_get_events(self->fd, 1, 8, 0, self->uk));
	/* The flag of a kevent can change. */
	EXPECT_EQ(0, take26_modify(self->fd, KEVENT_POLL, self->pipe[0], 4, POLLIN,
				   KEVENT_REQ_ET));
	EXPECT_TRUE(take26_gives(self->fd, 4, POLLIN));
	EXPECT_TRUE(fill(self->pipe));
	EXPECT_EQ(2, take26_get_events(self->fd, 1, 8, 0, self->uk));
}

TEST_F(events, a_wake_up_skips_kevents_that_are_ready)
{
	ASSERT_TRUE(watch(self->fd, self->pipe[0], 1, 3, 0));
	for (int i = 0; i < 4; i++)
		EXPECT_TRUE(fill(self->pipe));
	EXPECT_EQ(3, take26_get_events(self->fd, 1, 8, 0, self->uk));
	/* The fourth leaves no mark that would keep the last kevent from a later wake-up. */
	for (int i = 0; i < 3; i++)
		EXPECT_TRUE(fill(self->pipe));
	EXPECT_EQ(3, take26_get_events(self->fd, 1, 8, 0, self->uk));
}

TEST_F(events, a_wake_up_is_for_one_of_several_queues)
{
	int fd[3], got = 0;

	for (int i = 0; i < 3; i++) {
		fd[i] = take26_open();
		ASSERT_GE(fd[i], 0);
		ASSERT_EQ(0, take26_add(fd[i], KEVENT_PIPE, self->pipe[0], 1, KEVENT_SOCKET_RECV,
					0));
	}
	EXPECT_TRUE(fill(self->pipe));
	for (int i = 0; i < 3; i++)
		got += take26_get_events(fd[i], 1, 1, 0, self->uk);
	EXPECT_EQ(1, got);
	/* The end of the pipe is for all. */
	close(self->pipe[1]);
	for (int i = 0; i < 3; i++) {
		EXPECT_EQ(1, take26_get_events(fd[i], 1, 1, 0, self->uk));
		EXPECT_TRUE(self->uk[0].ret_data[0] & POLLHUP);
		close(fd[i]);
	}
}

/* Nor is anybody else kept from it. */
TEST_F(events, other_waiters_are_woken_too)
{
	struct epoll_event event = { .events = EPOLLIN | EPOLLET };
	struct call reader = { .make = call_read, .fd = self->pipe[0], .size = 1 };
	int epoll = epoll_create1(EPOLL_CLOEXEC);

	ASSERT_GE(epoll, 0);
	ASSERT_EQ(0, epoll_ctl(epoll, EPOLL_CTL_ADD, self->pipe[0], &event));
	ASSERT_TRUE(watch(self->fd, self->pipe[0], 1, 2, 0));
	EXPECT_TRUE(fill(self->pipe));
	EXPECT_EQ(1, epoll_wait(epoll, &event, 1, 0));
	EXPECT_TRUE(drain(self->pipe));
	EXPECT_EQ(1, take26_get_events(self->fd, 1, 8, 0, self->uk));
	ASSERT_EQ(0, fcntl(self->pipe[0], F_SETFL, 0));
	ASSERT_TRUE(call_start_blocked(&reader));
	EXPECT_TRUE(fill(self->pipe));
	ASSERT_TRUE(call_ends(&reader));
	EXPECT_EQ(1, reader.ret);
	EXPECT_EQ(1, take26_get_events(self->fd, 1, 8, 0, self->uk));
	close(epoll);
}

/* Without LAST_CHECK, the event of an edge is copied although the file is not ready. */
TEST_F(events, last_check_drops_a_stale_event)
{
	for (int check = 0; check < 2; check++) {
		EXPECT_EQ(0, take26_add(self->fd, KEVENT_POLL, self->pipe[0], check, POLLIN,
					KEVENT_REQ_ET | check * KEVENT_REQ_LAST_CHECK));
		EXPECT_TRUE(fill(self->pipe));
		EXPECT_TRUE(drain(self->pipe));
		EXPECT_EQ(!check, take26_get_events(self->fd, 1, 1, 0, self->uk));
		/* It is watched again. */
		EXPECT_TRUE(fill(self->pipe));
		EXPECT_TRUE(take26_gives(self->fd, check, POLLIN));
		EXPECT_TRUE(drain(self->pipe));
		EXPECT_EQ(0, take26_remove(self->fd, KEVENT_POLL, self->pipe[0], check));
	}
}

TEST_F(events, oneshot_is_removed_when_it_is_copied)
{
	EXPECT_EQ(0, take26_add(self->fd, KEVENT_USER, 1, 1, 3, KEVENT_REQ_ONESHOT));
	EXPECT_EQ(0, take26_ready(self->fd, 1, 1, 1));
	EXPECT_EQ(-EEXIST, take26_add(self->fd, KEVENT_USER, 1, 1, 1, 0));
	/* Until then, more events join the first. */
	EXPECT_EQ(0, take26_ready(self->fd, 1, 1, 2));
	EXPECT_TRUE(take26_gives(self->fd, 1, 3));
	EXPECT_EQ(0, take26_add(self->fd, KEVENT_USER, 1, 1, 1, 0));
	EXPECT_TRUE(take26_is_empty(self->fd));
}

TEST_F(events, a_file_that_ends)
{
	EXPECT_EQ(0, take26_add(self->fd, KEVENT_POLL, self->pipe[0], 1, 0, 0));
	EXPECT_TRUE(fill(self->pipe));
	close(self->pipe[1]);
	self->pipe[1] = -1;
	EXPECT_TRUE(take26_gives(self->fd, 1, POLLHUP));
	/* The data that is left does not get lost: a bug of 2006. */
	EXPECT_EQ(0, take26_modify(self->fd, KEVENT_POLL, self->pipe[0], 1, POLLIN, 0));
	EXPECT_TRUE(take26_gives(self->fd, 1, POLLIN | POLLHUP));
}

/* Timers */

TEST_F(events, a_timer_tells_when_it_fired)
{
	uint32_t start = now_ms();
	uint64_t id = take26_period(0, 30 * 1000 * 1000);

	EXPECT_EQ(0, take26_add(self->fd, KEVENT_TIMER, id, 1, KEVENT_TIMER_FIRED,
				KEVENT_REQ_ONESHOT | KEVENT_REQ_ALWAYS_QUEUE));
	EXPECT_EQ(1, take26_get_events(self->fd, 1, 1, -1, self->uk));
	EXPECT_EQ(KEVENT_RET_DONE, self->uk->ret_flags);
	EXPECT_GE(self->uk->ret_data[0], start + 29);
	EXPECT_LE(self->uk->ret_data[0], (uint32_t)now_ms() + 1);
	EXPECT_EQ(0, self->uk->ret_data[1]);
	EXPECT_EQ(0, take26_add(self->fd, KEVENT_TIMER, id, 1, KEVENT_TIMER_FIRED, 0));
}

/* It is the time of the expiration, not of the call. */
TEST_F(events, a_timer_that_fired_long_ago)
{
	uint32_t start = now_ms();

	EXPECT_EQ(0, take26_add(self->fd, KEVENT_TIMER, take26_period(0, 1000000), 1,
				KEVENT_TIMER_FIRED, KEVENT_REQ_ONESHOT | KEVENT_REQ_ALWAYS_QUEUE));
	sleep_ms(300);
	EXPECT_EQ(1, take26_get_events(self->fd, 1, 1, -1, self->uk));
	EXPECT_LT(self->uk->ret_data[0], start + 200);
}

TEST_F(events, a_timer_has_seconds_and_nanoseconds)
{
	EXPECT_EQ(0, take26_add(self->fd, KEVENT_TIMER, take26_period(1000, 0), 1,
				KEVENT_TIMER_FIRED, 0));
	EXPECT_EQ(0, take26_add(self->fd, KEVENT_TIMER, take26_period(UINT32_MAX, UINT32_MAX), 1,
				KEVENT_TIMER_FIRED, 0));
	EXPECT_EQ(0, take26_add(self->fd, KEVENT_TIMER, take26_period(0, 1000), 2,
				KEVENT_TIMER_FIRED, KEVENT_REQ_ALWAYS_QUEUE));
	EXPECT_EQ(1, take26_get_events(self->fd, 1, 8, -1, self->uk));
	EXPECT_EQ(2, self->uk->user[0]);
}

TEST_F(events, a_periodic_timer_fires_again)
{
	uint32_t last = 0;

	EXPECT_EQ(0, take26_add(self->fd, KEVENT_TIMER, take26_period(0, 2000000), 1,
				KEVENT_TIMER_FIRED, KEVENT_REQ_ALWAYS_QUEUE));
	for (int i = 0; i < 5; i++) {
		EXPECT_EQ(1, take26_get_events(self->fd, 1, 8, -1, self->uk));
		EXPECT_GT(self->uk->ret_data[0], last);
		last = self->uk->ret_data[0];
	}
}

/* In 2006, a timer started itself again in its interrupt, and a short one stopped a CPU. */
TEST_F(events, a_timer_of_a_nanosecond)
{
	EXPECT_EQ(0, take26_add(self->fd, KEVENT_TIMER, take26_period(0, 1), 1,
				KEVENT_TIMER_FIRED, KEVENT_REQ_ALWAYS_QUEUE));
	for (int i = 0; i < 100; i++)
		EXPECT_EQ(1, take26_get_events(self->fd, 1, 8, -1, self->uk));
	EXPECT_EQ(-EINVAL, take26_add(self->fd, KEVENT_TIMER, 0, 1, KEVENT_TIMER_FIRED, 0));
	/* It fires at once, and perhaps before it is added. */
	EXPECT_LE(0, take26_add(self->fd, KEVENT_TIMER, 0, 1, KEVENT_TIMER_FIRED,
				KEVENT_REQ_ONESHOT));
}

TEST_F(events, a_timer_becomes_periodic)
{
	uint64_t id = take26_period(0, 1000000);

	EXPECT_EQ(0, take26_add(self->fd, KEVENT_TIMER, id, 1, KEVENT_TIMER_FIRED,
				KEVENT_REQ_ONESHOT | KEVENT_REQ_ALWAYS_QUEUE));
	sleep_ms(20);
	EXPECT_EQ(0, take26_modify(self->fd, KEVENT_TIMER, id, 1, KEVENT_TIMER_FIRED, 0));
	for (int i = 0; i < 3; i++)
		EXPECT_EQ(1, take26_get_events(self->fd, 1, 8, -1, self->uk));
}

/* Numbers of events */

/* In 2006, it waited for an event. */
TEST_F(events, waits_for_min_nr)
{
	struct getter getter;

	for (int i = 0; i < 3; i++)
		ASSERT_EQ(0, take26_add(self->fd, KEVENT_USER, i, i, 1, 0));
	ASSERT_TRUE(getter_sleeps(&getter, self->fd, 2, 8, -1));
	/* Two events of one kevent are one. */
	EXPECT_EQ(0, take26_ready(self->fd, 1, 1, 1));
	EXPECT_EQ(0, take26_ready(self->fd, 1, 1, 1));
	sleep_ms(20);
	EXPECT_FALSE(getter.call.done);
	EXPECT_EQ(0, take26_ready(self->fd, 2, 2, 1));
	EXPECT_EQ(2, getter_returns(&getter));
	EXPECT_TRUE(take26_is(&getter.buf[0], 1, 1));
	EXPECT_TRUE(take26_is(&getter.buf[1], 2, 1));
}

/* Events that were there and have gone do not count. */
TEST_F(events, min_nr_counts_events_only)
{
	struct getter getter;

	for (int i = 0; i < 3; i++)
		ASSERT_EQ(0, take26_add(self->fd, KEVENT_USER, i, i, 1, KEVENT_REQ_READY));
	EXPECT_EQ(0, take26_add(self->fd, KEVENT_POLL, self->pipe[0], 3, POLLIN, 0));
	EXPECT_TRUE(fill(self->pipe));
	EXPECT_TRUE(drain(self->pipe));
	EXPECT_EQ(0, take26_remove(self->fd, KEVENT_USER, 1, 1));
	ASSERT_TRUE(getter_sleeps(&getter, self->fd, 3, 8, -1));
	/* The slot of the removed kevent is in the ring still, between the others. */
	EXPECT_EQ(0, take26_add(self->fd, KEVENT_USER, 4, 4, 1, 0));
	EXPECT_EQ(0, take26_ready(self->fd, 4, 4, 1));
	EXPECT_EQ(3, getter_returns(&getter));
	EXPECT_TRUE(take26_is(&getter.buf[0], 0, 1));
	EXPECT_TRUE(take26_is(&getter.buf[1], 2, 1));
	EXPECT_TRUE(take26_is(&getter.buf[2], 4, 1));
}

/* A call that waits for more copies no event before, so it copies a ready file once. */
TEST_F(events, a_ready_file_counts_once)
{
	struct getter getter;

	EXPECT_EQ(0, take26_add(self->fd, KEVENT_POLL, self->pipe[0], 1, POLLIN, 0));
	EXPECT_EQ(0, take26_add(self->fd, KEVENT_USER, 2, 2, 1, KEVENT_REQ_READY));
	EXPECT_TRUE(fill(self->pipe));
	EXPECT_EQ(0, take26_remove(self->fd, KEVENT_USER, 2, 2));
	ASSERT_TRUE(getter_sleeps(&getter, self->fd, 2, 8, -1));
	EXPECT_EQ(0, take26_add(self->fd, KEVENT_USER, 3, 3, 1, KEVENT_REQ_READY));
	EXPECT_EQ(2, getter_returns(&getter));
	EXPECT_TRUE(take26_is(&getter.buf[0], 1, POLLIN));
	EXPECT_TRUE(take26_is(&getter.buf[1], 3, 1));
}

TEST_F(events, a_file_that_becomes_ready_again_counts)
{
	struct getter getter;

	EXPECT_EQ(0, take26_add(self->fd, KEVENT_USER, 1, 1, 1, KEVENT_REQ_READY));
	EXPECT_EQ(0, take26_add(self->fd, KEVENT_POLL, self->pipe[0], 3, POLLIN, 0));
	EXPECT_TRUE(fill(self->pipe));
	EXPECT_TRUE(drain(self->pipe));
	ASSERT_TRUE(getter_sleeps(&getter, self->fd, 2, 8, -1));
	EXPECT_TRUE(fill(self->pipe));
	EXPECT_EQ(2, getter_returns(&getter));
}

TEST_F(events, two_threads_that_wait_for_two)
{
	struct getter getter[2];

	for (int i = 0; i < 4; i++)
		ASSERT_EQ(0, take26_add(self->fd, KEVENT_USER, i, i, 1, 0));
	for (int i = 0; i < 2; i++)
		ASSERT_TRUE(getter_sleeps(&getter[i], self->fd, 2, 2, -1));
	EXPECT_EQ(0, take26_ready(self->fd, 0, 0, 1));
	sleep_ms(20);
	EXPECT_FALSE(getter[0].call.done || getter[1].call.done);
	for (int i = 1; i < 4; i++)
		EXPECT_EQ(0, take26_ready(self->fd, i, i, 1));
	EXPECT_EQ(2, getter_returns(&getter[0]));
	EXPECT_EQ(2, getter_returns(&getter[1]));
	EXPECT_TRUE(take26_is_empty(self->fd));
}

TEST_F(events, copies_at_most_max_nr)
{
	for (int i = 0; i < 40; i++)
		ASSERT_EQ(0, take26_add(self->fd, KEVENT_USER, i, i, 1, KEVENT_REQ_READY));
	for (int i = 0; i < 40; i += 8) {
		EXPECT_EQ(8, take26_get_events(self->fd, 1, 8, -1, self->uk));
		for (int k = 0; k < 8; k++)
			EXPECT_TRUE(take26_is(&self->uk[k], i + k, 1));
	}
	EXPECT_TRUE(take26_is_empty(self->fd));
}

TEST_F(events, copies_more_than_a_batch)
{
	struct ukevent uk[50];

	for (int i = 0; i < 50; i++)
		ASSERT_EQ(0, take26_add(self->fd, KEVENT_USER, i, i, 1, KEVENT_REQ_READY));
	for (int i = 0; i < 50; i += 3)
		EXPECT_EQ(0, take26_remove(self->fd, KEVENT_USER, i, i));
	EXPECT_EQ(33, take26_get_events(self->fd, 1, 50, -1, uk));
	for (int i = 0; i < 33; i++)
		EXPECT_TRUE(take26_is(&uk[i], i / 2 * 3 + i % 2 + 1, 1));
}

TEST_F(events, a_min_nr_of_0_does_not_wait)
{
	EXPECT_EQ(0, take26_get_events(self->fd, 0, 8, -1, self->uk));
}

/* Time limits */

TEST_F(events, less_than_min_nr_after_the_timeout)
{
	int64_t start = now_ms();

	EXPECT_EQ(0, take26_get_events(self->fd, 1, 8, SOON_NS, self->uk));
	EXPECT_GE(now_ms(), start + SOON_NS / 1000000);
	EXPECT_EQ(0, take26_add(self->fd, KEVENT_USER, 1, 1, 1, KEVENT_REQ_READY));
	EXPECT_EQ(1, take26_get_events(self->fd, 2, 8, SOON_NS, self->uk));
	EXPECT_EQ(0, take26_get_events(self->fd, 2, 8, 0, self->uk));
}

TEST_F(events, a_negative_timeout_waits)
{
	static const int64_t forever[] = { -1, -1000000000, INT64_MIN };

	EXPECT_EQ(0, take26_add(self->fd, KEVENT_USER, 1, 1, 1, 0));
	for (int i = 0; i < 3; i++) {
		struct getter getter;

		ASSERT_TRUE(getter_sleeps(&getter, self->fd, 1, 8, forever[i]));
		EXPECT_EQ(0, take26_ready(self->fd, 1, 1, 1));
		EXPECT_EQ(1, getter_returns(&getter));
	}
}

TEST_F(events, absolute_times_on_each_clock)
{
	static const int clocks[] = { CLOCK_MONOTONIC, CLOCK_REALTIME, CLOCK_BOOTTIME, CLOCK_TAI };

	for (int i = 0; i < 4; i++) {
		struct kevent_ioc_get_events get = take26_get(1, 8, 0, self->uk);
		struct timespec now;
		int64_t start = now_ms();

		get.clock = clocks[i];
		get.flags = KEVENT_FLAGS_ABSTIME;
		ASSERT_EQ(0, clock_gettime(clocks[i], &now));
		get.timeout = now.tv_sec * INT64_C(1000000000) + now.tv_nsec + SOON_NS;
		EXPECT_EQ(0, ioctl(self->fd, KEVENT_IOC_GET_EVENTS, &get));
		EXPECT_GE(now_ms(), start + SOON_NS / 1000000);
	}
}

/* In 2006, waiters shared a timer, and the second changed the limit of the first. */
TEST_F(events, each_waiter_has_its_own_limit)
{
	struct getter getter[2];

	ASSERT_TRUE(getter_sleeps(&getter[0], self->fd, 1, 8, 200 * INT64_C(1000000)));
	ASSERT_TRUE(getter_sleeps(&getter[1], self->fd, 1, 8, DEADLINE_NS));
	EXPECT_EQ(0, getter_returns(&getter[0]));
	EXPECT_FALSE(getter[1].call.done);
	EXPECT_EQ(0, take26_add(self->fd, KEVENT_USER, 1, 1, 1, KEVENT_REQ_READY));
	EXPECT_EQ(1, getter_returns(&getter[1]));
}

TEST_F(events, nonblocking_mode)
{
	ASSERT_EQ(0, fcntl(self->fd, F_SETFL, O_NONBLOCK));
	EXPECT_EQ(0, take26_get_events(self->fd, 1, 8, -1, self->uk));
	EXPECT_EQ(0, take26_add(self->fd, KEVENT_USER, 1, 1, 1, KEVENT_REQ_READY));
	EXPECT_EQ(1, take26_get_events(self->fd, 2, 8, -1, self->uk));
	EXPECT_EQ(-1, read(self->fd, self->uk, sizeof(self->uk)));
	EXPECT_EQ(EAGAIN, errno);
}

/* Several threads */

TEST_F(events, an_event_wakes_one_waiter)
{
	struct getter getter[3];

	EXPECT_EQ(0, take26_add(self->fd, KEVENT_USER, 1, 1, 1, 0));
	for (int i = 0; i < 3; i++)
		ASSERT_TRUE(getter_sleeps(&getter[i], self->fd, 1, 8, -1));
	for (int i = 1; i <= 3; i++) {
		int ended = 0;

		EXPECT_EQ(0, take26_ready(self->fd, 1, 1, 1));
		EXPECT_TRUE(wait_for(getter[0].call.done + getter[1].call.done +
				     getter[2].call.done >= i));
		for (int k = 0; k < 3; k++)
			ended += getter[k].call.done;
		EXPECT_EQ(i, ended);
	}
	for (int i = 0; i < 3; i++)
		EXPECT_EQ(1, getter_returns(&getter[i]));
}

/* In 2006, any thread could take the wake-up of another, and poll() did so. */
TEST_F(events, each_ready_without_kevents_ends_a_wait)
{
	struct getter getter[3];

	for (int i = 0; i < 3; i++)
		ASSERT_TRUE(getter_sleeps(&getter[i], self->fd, 1, 8, -1));
	for (int i = 0; i < 3; i++)
		EXPECT_EQ(0, take26_ctl(self->fd, KEVENT_CTL_READY, 0, NULL));
	EXPECT_EQ(0, poll_now(self->fd));
	for (int i = 0; i < 3; i++)
		EXPECT_EQ(0, getter_returns(&getter[i]));
	EXPECT_EQ(0, take26_get_events(self->fd, 1, 8, SOON_NS, self->uk));
}

TEST_F(events, a_ready_before_the_wait)
{
	EXPECT_EQ(0, take26_ctl(self->fd, KEVENT_CTL_READY, 0, NULL));
	/* A call that does not wait leaves it to the next. */
	EXPECT_EQ(0, take26_get_events(self->fd, 1, 8, 0, self->uk));
	EXPECT_EQ(0, take26_add(self->fd, KEVENT_USER, 1, 1, 1, KEVENT_REQ_READY));
	EXPECT_EQ(1, take26_get_events(self->fd, 1, 8, -1, self->uk));
	EXPECT_EQ(0, take26_get_events(self->fd, 1, 8, -1, self->uk));
	EXPECT_EQ(0, take26_get_events(self->fd, 1, 8, SOON_NS, self->uk));
}

TEST_F(events, a_ready_does_not_end_a_read)
{
	struct call call = { .make = call_read, .fd = self->fd, .buf = self->uk,
			     .size = sizeof(self->uk) };
	struct getter getter;

	ASSERT_TRUE(call_start_blocked(&call));
	ASSERT_TRUE(getter_sleeps(&getter, self->fd, 1, 8, -1));
	EXPECT_EQ(0, take26_ctl(self->fd, KEVENT_CTL_READY, 0, NULL));
	EXPECT_EQ(0, getter_returns(&getter));
	EXPECT_FALSE(call.done);
	EXPECT_EQ(0, take26_add(self->fd, KEVENT_USER, 1, 1, 1, KEVENT_REQ_READY));
	ASSERT_TRUE(call_ends(&call));
	EXPECT_EQ(sizeof(struct ukevent), call.ret);
}

/* read() */

TEST_F(events, read_gives_whole_events)
{
	EXPECT_EQ(-1, read(self->fd, self->uk, sizeof(struct ukevent) - 1));
	EXPECT_EQ(EINVAL, errno);
	for (int i = 0; i < 3; i++)
		ASSERT_EQ(0, take26_add(self->fd, KEVENT_USER, i, i, 1, KEVENT_REQ_READY));
	EXPECT_EQ(2 * sizeof(struct ukevent),
		  read(self->fd, self->uk, 3 * sizeof(struct ukevent) - 1));
	EXPECT_TRUE(take26_is(&self->uk[0], 0, 1));
	EXPECT_TRUE(take26_is(&self->uk[1], 1, 1));
	EXPECT_EQ(sizeof(struct ukevent), read(self->fd, self->uk, sizeof(self->uk)));
	EXPECT_TRUE(take26_is(&self->uk[0], 2, 1));
}

/* Signals */

TEST_F(events, a_signal_ends_the_wait)
{
	struct getter getter;

	ASSERT_TRUE(getter_sleeps(&getter, self->fd, 1, 8, -1));
	EXPECT_EQ(0, signal_thread(getter.call.tid, SIGUSR1));
	EXPECT_EQ(-EINTR, getter_returns(&getter));
	EXPECT_EQ(0, take26_add(self->fd, KEVENT_USER, 1, 1, 1, KEVENT_REQ_READY));
	ASSERT_TRUE(getter_sleeps(&getter, self->fd, 2, 8, -1));
	EXPECT_EQ(0, signal_thread(getter.call.tid, SIGUSR1));
	EXPECT_EQ(1, getter_returns(&getter));
	EXPECT_TRUE(take26_is(&getter.buf[0], 1, 1));
}

TEST_F(events, a_signal_mask_for_the_wait)
{
	uint64_t mask = 0;
	struct kevent_ioc_get_events get = take26_get(1, 8, -1, self->uk);

	ASSERT_EQ(0, sig_block(sig_bit(SIGUSR1)));
	ASSERT_EQ(0, raise(SIGUSR1));
	get.sigmask = (uintptr_t)&mask;
	get.sigsetsize = 8;
	EXPECT_EQ(-1, ioctl(self->fd, KEVENT_IOC_GET_EVENTS, &get));
	EXPECT_EQ(EINTR, errno);
	EXPECT_EQ(sig_bit(SIGUSR1), sig_blocked());
	EXPECT_EQ(0, sig_pending());
	get.sigsetsize = 4;
	EXPECT_EQ(-1, ioctl(self->fd, KEVENT_IOC_GET_EVENTS, &get));
	EXPECT_EQ(EINVAL, errno);
	ASSERT_EQ(0, sig_unblock(sig_bit(SIGUSR1)));
}

/* Faults */

/* In 2006, events were lost that could not be copied. */
TEST_F(events, a_failed_copy_loses_no_event)
{
	struct ukevent *bad = (struct ukevent *)bad_memory(PROT_READ);

	for (int i = 0; i < 4; i++)
		ASSERT_EQ(0, take26_add(self->fd, KEVENT_USER, i, i, 1,
					KEVENT_REQ_READY | KEVENT_REQ_ONESHOT));
	EXPECT_EQ(-EFAULT, take26_get_events(self->fd, 1, 4, -1, bad));
	EXPECT_EQ(-1, read(self->fd, (char *)bad - 8, sizeof(self->uk)));
	EXPECT_EQ(EFAULT, errno);
	EXPECT_EQ(2, take26_get_events(self->fd, 1, 4, -1, bad - 2));
	EXPECT_TRUE(take26_is(&bad[-2], 0, 1));
	EXPECT_TRUE(take26_is(&bad[-1], 1, 1));
	EXPECT_EQ(2, take26_get_events(self->fd, 1, 4, -1, self->uk));
	EXPECT_TRUE(take26_is(&self->uk[0], 2, 1));
	EXPECT_TRUE(take26_is(&self->uk[1], 3, 1));
}

/* The event that one thread could not copy wakes another. */
TEST_F(events, a_failed_copy_leaves_the_event_to_another_thread)
{
	struct getter good, bad;

	EXPECT_EQ(0, take26_add(self->fd, KEVENT_USER, 1, 1, 1, 0));
	bad.get = take26_get(1, 1, -1, nowhere());
	bad.call = (struct call){ .make = call_ioctl, .fd = self->fd,
				  .value = KEVENT_IOC_GET_EVENTS, .buf = &bad.get };
	ASSERT_TRUE(call_start_blocked(&bad.call));
	ASSERT_TRUE(getter_sleeps(&good, self->fd, 1, 8, -1));
	EXPECT_EQ(0, take26_ready(self->fd, 1, 1, 1));
	EXPECT_EQ(-EFAULT, getter_returns(&bad));
	EXPECT_EQ(1, getter_returns(&good));
}

TEST_F(events, invalid_arguments)
{
	struct kevent_ioc_get_events get = take26_get(0, 1, 0, self->uk);

	EXPECT_EQ(-EINVAL, take26_get_events(self->fd, 0, 0, 0, self->uk));
	EXPECT_EQ(-EINVAL, take26_get_events(self->fd, 2, 1, 0, self->uk));
	EXPECT_EQ(-EINVAL, take26_get_events(self->fd, 0, KEVENT_MAX_SLOTS + 1, 0, self->uk));
	get.flags = 2;
	EXPECT_EQ(-1, ioctl(self->fd, KEVENT_IOC_GET_EVENTS, &get));
	EXPECT_EQ(EINVAL, errno);
	get.flags = 0;
	get.reserved = 1;
	EXPECT_EQ(-1, ioctl(self->fd, KEVENT_IOC_GET_EVENTS, &get));
	EXPECT_EQ(EINVAL, errno);
	get.reserved = 0;
	get.clock = CLOCK_THREAD_CPUTIME_ID;
	EXPECT_EQ(-1, ioctl(self->fd, KEVENT_IOC_GET_EVENTS, &get));
	EXPECT_EQ(EINVAL, errno);
	EXPECT_EQ(-1, ioctl(self->fd, KEVENT_IOC_GET_EVENTS, nowhere()));
	EXPECT_EQ(EFAULT, errno);
}

/* The file of the queue */

TEST_F(events, the_queue_can_be_polled)
{
	EXPECT_EQ(0, poll_now(self->fd));
	EXPECT_EQ(0, take26_add(self->fd, KEVENT_POLL, self->pipe[0], 1, POLLIN, 0));
	EXPECT_EQ(0, poll_now(self->fd));
	EXPECT_TRUE(fill(self->pipe));
	EXPECT_EQ(POLLIN, poll_now(self->fd));
	EXPECT_TRUE(take26_gives(self->fd, 1, POLLIN));
	/* The file is ready still. */
	EXPECT_EQ(POLLIN, poll_now(self->fd));
	EXPECT_TRUE(drain(self->pipe));
	EXPECT_EQ(0, poll_now(self->fd));
	EXPECT_TRUE(fill(self->pipe));
	EXPECT_EQ(POLLIN, poll_now(self->fd));
}

TEST_F(events, epoll_watches_the_queue)
{
	struct epoll_event event = { .events = EPOLLIN | EPOLLET };
	int epfd = epoll_create1(0);

	/* It watches before the first call on the queue. */
	ASSERT_EQ(0, epoll_ctl(epfd, EPOLL_CTL_ADD, self->fd, &event));
	EXPECT_EQ(0, take26_add(self->fd, KEVENT_POLL, self->pipe[0], 1, POLLIN, 0));
	for (int i = 0; i < 3; i++) {
		EXPECT_EQ(0, epoll_wait(epfd, &event, 1, 0));
		EXPECT_TRUE(fill(self->pipe));
		EXPECT_EQ(1, epoll_wait(epfd, &event, 1, DEADLINE_MS));
		EXPECT_TRUE(take26_gives(self->fd, 1, POLLIN));
		EXPECT_TRUE(drain(self->pipe));
	}
	close(epfd);
}

TEST_F(events, a_poller_that_waits)
{
	struct call call = { .make = call_poll, .fd = self->fd, .value = POLLIN };

	ASSERT_TRUE(call_start_blocked(&call));
	EXPECT_EQ(0, take26_add(self->fd, KEVENT_USER, 1, 1, 1, KEVENT_REQ_READY));
	ASSERT_TRUE(call_ends(&call));
	EXPECT_EQ(POLLIN, (int)call.value);
}

/* A wake-up without events, such as the end of a connect(), is looked up. */
TEST_F(events, a_child_that_ends)
{
	pid_t child = fork();
	int pidfd;

	if (!child)
		pause();
	pidfd = open_pidfd(child, 0);
	ASSERT_GE(pidfd, 0);
	EXPECT_EQ(0, take26_add(self->fd, KEVENT_POLL, pidfd, 1, POLLIN, 0));
	EXPECT_EQ(0, kill(child, SIGKILL));
	EXPECT_EQ(1, take26_get_events(self->fd, 1, 1, -1, self->uk));
	EXPECT_EQ(child, waitpid(child, NULL, 0));
	close(pidfd);
}

/* A child shares the queue, and each event is copied once. */
TEST_F(events, the_queue_is_inherited)
{
	int status;
	pid_t child;

	EXPECT_EQ(0, take26_add(self->fd, KEVENT_USER, 1, 1, 1, KEVENT_REQ_READY));
	child = fork();
	if (!child)
		_exit(!take26_gives(self->fd, 1, 1));
	ASSERT_EQ(child, waitpid(child, &status, 0));
	EXPECT_EQ(0, status);
	EXPECT_TRUE(take26_is_empty(self->fd));
}

/* A waiter that is killed passes a wake-up on. */
TEST_F(events, a_killed_waiter_takes_no_event)
{
	struct getter getter;
	int status;
	pid_t child;

	EXPECT_EQ(0, take26_add(self->fd, KEVENT_USER, 1, 1, 1, 0));
	child = fork();
	if (!child)
		_exit(take26_get_events(self->fd, 1, 1, -1, self->uk));
	EXPECT_TRUE(wait_for(asleep_in(child) == SYS_ioctl));
	ASSERT_TRUE(getter_sleeps(&getter, self->fd, 1, 8, -1));
	ASSERT_EQ(0, kill(child, SIGKILL));
	EXPECT_EQ(0, take26_ready(self->fd, 1, 1, 1));
	EXPECT_EQ(child, waitpid(child, &status, 0));
	/* The child may have been quick enough to take the event. */
	if (!WIFSIGNALED(status))
		EXPECT_EQ(0, take26_ready(self->fd, 1, 1, 1));
	EXPECT_EQ(1, getter_returns(&getter));
}

TEST_HARNESS_MAIN
