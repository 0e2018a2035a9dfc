// SPDX-License-Identifier: GPL-2.0
/*
 * kevent_init(), kevent_wait() and kevent_commit() of 2006: the ring of events in memory of
 * the program.
 */
#include "fault.h"
#include "signal.h"
#include "take26.h"

#include <stddef.h>
#include <sys/wait.h>

_Static_assert(offsetof(struct kevent_ring, ring_over) == 4, "ring_over");
_Static_assert(offsetof(struct kevent_ring, event) == 8, "event");
_Static_assert(sizeof(struct kevent_ioc_init) == 24, "init");
_Static_assert(sizeof(struct kevent_ioc_wait) == 40, "wait");
_Static_assert(sizeof(struct kevent_ioc_commit) == 8, "commit");
_Static_assert(KEVENT_RET_COPY_FAILED == 4, "COPY_FAILED");

/* Three events fit. */
#define SIZE	4

static int init(int fd, void *ring, unsigned int num, unsigned int slots)
{
	struct kevent_ioc_init arg = { .ring = (uintptr_t)ring, .num = num, .slots = slots };

	return ioctl(fd, KEVENT_IOC_INIT, &arg) ? -errno : 0;
}

static int ring_wait(int fd, unsigned int num, unsigned int uidx, int64_t timeout)
{
	struct kevent_ioc_wait arg = {
		.num = num, .old_uidx = uidx, .timeout = timeout, .clock = CLOCK_MONOTONIC,
	};
	int ret = ioctl(fd, KEVENT_IOC_WAIT, &arg);

	return ret < 0 ? -errno : ret;
}

static int commit(int fd, unsigned int uidx, unsigned int over)
{
	struct kevent_ioc_commit arg = { .new_uidx = uidx, .over = over };
	int ret = ioctl(fd, KEVENT_IOC_COMMIT, &arg);

	return ret < 0 ? -errno : ret;
}

static struct kevent_ring *ring_alloc(void)
{
	size_t size = sizeof(struct kevent_ring) + SIZE * sizeof(struct ukevent);
	char *end = bad_memory(PROT_NONE);

	/* Nothing is written behind its end. */
	return memset(end - size, 0xff, size);
}

FIXTURE(ring)
{
	int fd;
	struct kevent_ring *ring;
	struct ukevent uk[8];
};

/* Eight kevents, none of which is ready. */
FIXTURE_SETUP(ring)
{
	self->fd = take26_open();
	ASSERT_GE(self->fd, 0);
	self->ring = ring_alloc();
	ASSERT_EQ(0, init(self->fd, self->ring, SIZE, 0));
	for (int i = 0; i < 8; i++)
		ASSERT_EQ(0, take26_add(self->fd, KEVENT_USER, i, i, 1, 0));
	ASSERT_EQ(0, catch_signal(SIGUSR1, 0));
}

FIXTURE_TEARDOWN(ring)
{
	close(self->fd);
}

/* Makes the kevents from @first on ready. */
static bool make_ready(int fd, int first, int count)
{
	for (int i = first; i < first + count; i++) {
		if (take26_ready(fd, i, i, 1))
			return false;
	}
	return true;
}

/* kevent_init() */

TEST(ring_arguments)
{
	struct kevent_ring *ring = ring_alloc();
	struct kevent_ioc_init arg = { };
	struct kevent_setup setup = { .slots = 1 };
	struct ukevent uk;
	int fd = take26_open();

	EXPECT_EQ(-EINVAL, init(fd, ring, 0, 0));
	EXPECT_EQ(-EINVAL, init(fd, ring, 1, 0));
	EXPECT_EQ(-EINVAL, init(fd, NULL, SIZE, 0));
	EXPECT_EQ(-EINVAL, init(fd, ring, KEVENT_MAX_SLOTS + 1, 0));
	EXPECT_EQ(-EINVAL, init(fd, ring, SIZE, KEVENT_MAX_SLOTS + 1));
	arg.flags = 1;
	EXPECT_EQ(-1, ioctl(fd, KEVENT_IOC_INIT, &arg));
	EXPECT_EQ(EINVAL, errno);
	arg.flags = 0;
	arg.reserved = 1;
	EXPECT_EQ(-1, ioctl(fd, KEVENT_IOC_INIT, &arg));
	EXPECT_EQ(EINVAL, errno);
	EXPECT_EQ(-EFAULT, init(fd, bad_memory(PROT_READ), SIZE, 0));
	EXPECT_EQ(-1, ioctl(fd, KEVENT_IOC_INIT, nowhere()));
	EXPECT_EQ(EFAULT, errno);
	EXPECT_EQ(~0U, ring->ring_kidx);
	EXPECT_EQ(0, init(fd, ring, 2, 0));
	EXPECT_EQ(0, ring->ring_kidx);
	EXPECT_EQ(0, ring->ring_over);
	EXPECT_EQ(-EBUSY, init(fd, ring, 2, 0));
	EXPECT_EQ(-1, ioctl(fd, KEVENT_IOC_SETUP, &setup));
	EXPECT_EQ(EBUSY, errno);
	close(fd);
	/* The first call decides. */
	fd = take26_open();
	EXPECT_EQ(0, take26_get_events(fd, 0, 1, 0, &uk));
	EXPECT_EQ(-EBUSY, init(fd, ring, SIZE, 0));
	close(fd);
	fd = take26_open();
	EXPECT_EQ(0, ioctl(fd, KEVENT_IOC_SETUP, &setup));
	EXPECT_EQ(-EBUSY, init(fd, ring, SIZE, 0));
	EXPECT_EQ(-EINVAL, ring_wait(fd, 0, 0, 0));
	EXPECT_EQ(-EINVAL, commit(fd, 0, 0));
	close(fd);
}

TEST(a_queue_with_another_number_of_kevents)
{
	struct ukevent uk[4096];
	int fd = take26_open();

	ASSERT_EQ(0, init(fd, NULL, 0, 5000));
	for (int n = 0; n < 8192; n += 4096) {
		for (int i = 0; i < 4096; i++)
			uk[i] = take26_kevent(KEVENT_USER, n + i, i, 1, 0);
		EXPECT_EQ(4096, take26_ctl(fd, KEVENT_CTL_ADD, 4096, uk));
		EXPECT_EQ(0, uk[4095].ret_flags);
	}
	EXPECT_EQ(-ENOSPC, take26_add(fd, KEVENT_USER, 8192, 0, 1, 0));
	/* There is no ring. */
	EXPECT_EQ(-EINVAL, ring_wait(fd, 0, 0, 0));
	EXPECT_EQ(-EINVAL, commit(fd, 0, 0));
	close(fd);
}

/* kevent_wait() */

TEST_F(ring, wait_copies_to_the_ring)
{
	ASSERT_TRUE(make_ready(self->fd, 0, 2));
	EXPECT_EQ(2, ring_wait(self->fd, 0, 0, -1));
	EXPECT_EQ(2, self->ring->ring_kidx);
	EXPECT_EQ(0, self->ring->ring_over);
	EXPECT_TRUE(take26_is(&self->ring->event[0], 0, 1));
	EXPECT_TRUE(take26_is(&self->ring->event[1], 1, 1));
	EXPECT_EQ(~0U, self->ring->event[2].ret_flags);
	EXPECT_EQ(0, poll_now(self->fd));
}

TEST_F(ring, wait_waits_for_an_event)
{
	struct kevent_ioc_wait arg = { .timeout = -1, .clock = CLOCK_MONOTONIC };
	struct call call = { .make = call_ioctl, .fd = self->fd, .value = KEVENT_IOC_WAIT,
			     .buf = &arg };

	ASSERT_TRUE(call_start_blocked(&call));
	ASSERT_TRUE(make_ready(self->fd, 3, 1));
	ASSERT_TRUE(call_ends(&call));
	EXPECT_EQ(1, call.ret);
	EXPECT_TRUE(take26_is(&self->ring->event[0], 3, 1));

	call.tid = 0;
	call.done = false;
	ASSERT_TRUE(call_start_blocked(&call));
	EXPECT_EQ(0, take26_ctl(self->fd, KEVENT_CTL_READY, 0, NULL));
	ASSERT_TRUE(call_ends(&call));
	EXPECT_EQ(0, call.ret);

	call.tid = 0;
	call.done = false;
	ASSERT_TRUE(call_start_blocked(&call));
	EXPECT_EQ(0, signal_thread(call.tid, SIGUSR1));
	ASSERT_TRUE(call_ends(&call));
	EXPECT_EQ(-1, call.ret);
	EXPECT_EQ(EINTR, call.err);
	EXPECT_EQ(1, self->ring->ring_kidx);
}

TEST_F(ring, wait_until_the_timeout)
{
	int64_t start = now_ms();

	EXPECT_EQ(0, ring_wait(self->fd, 0, 0, SOON_NS));
	EXPECT_GE(now_ms(), start + SOON_NS / 1000000);
	EXPECT_EQ(0, ring_wait(self->fd, 0, 0, 0));
	ASSERT_EQ(0, fcntl(self->fd, F_SETFL, O_NONBLOCK));
	EXPECT_EQ(0, ring_wait(self->fd, 0, 0, -1));
}

/* With a full ring, it waits for an event and returns. No event is lost. */
TEST_F(ring, wait_with_a_full_ring)
{
	ASSERT_TRUE(make_ready(self->fd, 0, 3));
	EXPECT_EQ(3, ring_wait(self->fd, 0, 0, -1));
	EXPECT_EQ(0, ring_wait(self->fd, 0, 0, SOON_NS));
	ASSERT_TRUE(make_ready(self->fd, 3, 2));
	EXPECT_EQ(0, ring_wait(self->fd, 0, 0, -1));
	EXPECT_EQ(3, self->ring->ring_kidx);
	EXPECT_EQ(POLLIN, poll_now(self->fd));
	/* It commits first. */
	EXPECT_EQ(2, ring_wait(self->fd, 2, 0, -1));
	EXPECT_EQ(1, self->ring->ring_kidx);
	EXPECT_TRUE(take26_is(&self->ring->event[3], 3, 1));
	EXPECT_TRUE(take26_is(&self->ring->event[0], 4, 1));
}

TEST_F(ring, wait_commits_if_the_index_is_current)
{
	ASSERT_TRUE(make_ready(self->fd, 0, 3));
	EXPECT_EQ(3, ring_wait(self->fd, 0, 0, -1));
	EXPECT_EQ(-EOVERFLOW, ring_wait(self->fd, 4, 0, 0));
	EXPECT_EQ(0, ring_wait(self->fd, 1, 0, 0));
	/* Another thread has done so. */
	EXPECT_EQ(0, ring_wait(self->fd, 1, 0, 0));
	EXPECT_EQ(2, commit(self->fd, 3, 0));
}

TEST_F(ring, oneshot_and_levels)
{
	int pipe[2];

	ASSERT_EQ(0, pipe2(pipe, O_NONBLOCK));
	EXPECT_EQ(0, take26_add(self->fd, KEVENT_POLL, pipe[0], 10, POLLIN,
				KEVENT_REQ_WAKEUP_ALL));
	EXPECT_EQ(0, take26_add(self->fd, KEVENT_POLL, pipe[0], 11, POLLIN,
				KEVENT_REQ_WAKEUP_ALL | KEVENT_REQ_ONESHOT | KEVENT_REQ_ET));
	EXPECT_EQ(1, write(pipe[1], "", 1));
	EXPECT_EQ(2, ring_wait(self->fd, 0, 0, -1));
	EXPECT_EQ(-ENODEV, take26_remove(self->fd, KEVENT_POLL, pipe[0], 11));
	EXPECT_EQ(1, ring_wait(self->fd, 0, 0, -1));
	EXPECT_TRUE(take26_is(&self->ring->event[2], 10, POLLIN));
	close(pipe[0]);
	close(pipe[1]);
}

/* kevent_commit() */

TEST_F(ring, commit_returns_the_number)
{
	ASSERT_TRUE(make_ready(self->fd, 0, 3));
	EXPECT_EQ(3, ring_wait(self->fd, 0, 0, -1));
	EXPECT_EQ(0, commit(self->fd, 0, 0));
	EXPECT_EQ(2, commit(self->fd, 2, 0));
	/* A second thread that has handled the same, and one more. */
	EXPECT_EQ(0, commit(self->fd, 1, 0));
	EXPECT_EQ(0, commit(self->fd, 2, 0));
	EXPECT_EQ(1, commit(self->fd, 3, 0));
	EXPECT_EQ(-EOVERFLOW, commit(self->fd, 0, 1));
	EXPECT_EQ(-EOVERFLOW, commit(self->fd, 4, 0));
	EXPECT_EQ(0, self->ring->ring_over);
}

/* A thread that comes late does not commit the events of a later lap. */
TEST_F(ring, the_overflow_count)
{
	for (unsigned int lap = 0; lap < 4; lap++) {
		ASSERT_TRUE(make_ready(self->fd, 0, 2));
		EXPECT_EQ(2, ring_wait(self->fd, 0, 0, -1));
		EXPECT_EQ(2, commit(self->fd, 2, lap));
		EXPECT_EQ(lap, self->ring->ring_over);
		ASSERT_TRUE(make_ready(self->fd, 2, 2));
		EXPECT_EQ(2, ring_wait(self->fd, 0, 0, -1));
		EXPECT_EQ(2, commit(self->fd, 0, lap + 1));
		EXPECT_EQ(lap + 1, self->ring->ring_over);
		EXPECT_EQ(0, self->ring->ring_kidx);
	}
	ASSERT_TRUE(make_ready(self->fd, 0, 3));
	EXPECT_EQ(3, ring_wait(self->fd, 0, 0, -1));
	EXPECT_EQ(0, commit(self->fd, 3, 3));
	EXPECT_EQ(-EOVERFLOW, commit(self->fd, 3, 2));
	EXPECT_EQ(-EOVERFLOW, commit(self->fd, 3, 6));
	EXPECT_EQ(3, commit(self->fd, 3, 4));
}

/* kevent_get_events() with a ring */

TEST_F(ring, get_events_copies_to_the_ring)
{
	ASSERT_TRUE(make_ready(self->fd, 0, 5));
	EXPECT_EQ(2, take26_get_events(self->fd, 1, 2, -1, self->uk));
	EXPECT_EQ(2, self->ring->ring_kidx);
	EXPECT_TRUE(take26_is(&self->ring->event[1], 1, 1));
	/* One more fits. */
	EXPECT_EQ(3, take26_get_events(self->fd, 1, 8, -1, self->uk));
	EXPECT_TRUE(take26_is(&self->uk[0], 2, 1));
	EXPECT_EQ(KEVENT_RET_DONE | KEVENT_RET_COPY_FAILED, self->uk[1].ret_flags);
	EXPECT_EQ(KEVENT_RET_DONE | KEVENT_RET_COPY_FAILED, self->uk[2].ret_flags);
	EXPECT_EQ(4, self->uk[2].user[0]);
	EXPECT_EQ(3, self->ring->ring_kidx);
	EXPECT_TRUE(take26_is(&self->ring->event[2], 2, 1));
	EXPECT_TRUE(take26_is_empty(self->fd));
}

TEST_F(ring, read_copies_to_the_ring)
{
	ASSERT_TRUE(make_ready(self->fd, 0, 1));
	EXPECT_EQ(sizeof(struct ukevent), read(self->fd, self->uk, sizeof(self->uk)));
	EXPECT_TRUE(take26_is(self->uk, 0, 1));
	EXPECT_EQ(1, self->ring->ring_kidx);
	EXPECT_TRUE(take26_is(&self->ring->event[0], 0, 1));
}

/* The copy that fails shows nothing in the ring. */
TEST_F(ring, get_events_to_bad_memory)
{
	ASSERT_TRUE(make_ready(self->fd, 0, 2));
	EXPECT_EQ(-EFAULT, take26_get_events(self->fd, 1, 2, -1, nowhere()));
	EXPECT_EQ(0, self->ring->ring_kidx);
	EXPECT_EQ(2, ring_wait(self->fd, 0, 0, -1));
}

/* Faults of the ring */

static int protect(struct kevent_ring *ring, int protection)
{
	size_t page = sysconf(_SC_PAGESIZE);

	return mprotect((void *)((uintptr_t)ring & -page), page, protection);
}

TEST_F(ring, a_ring_that_cannot_be_written)
{
	ASSERT_TRUE(make_ready(self->fd, 0, 2));
	ASSERT_EQ(0, protect(self->ring, PROT_READ));
	EXPECT_EQ(-EFAULT, ring_wait(self->fd, 0, 0, -1));
	EXPECT_EQ(1, take26_get_events(self->fd, 1, 1, -1, self->uk));
	EXPECT_EQ(KEVENT_RET_DONE | KEVENT_RET_COPY_FAILED, self->uk->ret_flags);
	ASSERT_EQ(0, protect(self->ring, PROT_READ | PROT_WRITE));
	EXPECT_EQ(1, ring_wait(self->fd, 0, 0, -1));
	EXPECT_EQ(1, self->ring->ring_kidx);
	EXPECT_TRUE(take26_is(&self->ring->event[0], 1, 1));
}

/* The events can be written, but not the index. */
TEST(an_index_that_cannot_be_written)
{
	char *page = bad_memory(PROT_READ | PROT_WRITE);
	struct kevent_ring *ring = (void *)(page - sizeof(struct kevent_ring));
	int fd = take26_open();

	ASSERT_EQ(0, init(fd, ring, SIZE, 0));
	for (int i = 0; i < 2; i++)
		ASSERT_EQ(0, take26_add(fd, KEVENT_USER, i, i, 1,
					KEVENT_REQ_READY | KEVENT_REQ_ONESHOT));
	ASSERT_EQ(0, protect(ring, PROT_READ));
	EXPECT_EQ(-EFAULT, ring_wait(fd, 0, 0, -1));
	EXPECT_EQ(0, ring->ring_kidx);
	EXPECT_EQ(POLLIN, poll_now(fd));
	ASSERT_EQ(0, protect(ring, PROT_READ | PROT_WRITE));
	EXPECT_EQ(2, ring_wait(fd, 0, 0, -1));
	EXPECT_TRUE(take26_is(&ring->event[0], 0, 1));
	EXPECT_TRUE(take26_is(&ring->event[1], 1, 1));
	ASSERT_EQ(0, protect(ring, PROT_READ));
	EXPECT_EQ(2, commit(fd, 2, 0));
	close(fd);
}

/* What the program writes there has no effect. */
TEST_F(ring, the_program_writes_the_ring)
{
	for (unsigned int i = 0; i < 20; i++) {
		memset(self->ring, i % 2 ? 0xff : 0x55,
		       sizeof(struct kevent_ring) + SIZE * sizeof(struct ukevent));
		ASSERT_TRUE(make_ready(self->fd, 0, 1));
		EXPECT_EQ(1, ring_wait(self->fd, i > 0, (i + 3) % SIZE, -1));
		EXPECT_EQ((i + 1) % SIZE, self->ring->ring_kidx);
		EXPECT_TRUE(take26_is(&self->ring->event[i % SIZE], 0, 1));
	}
}

/* Another process */

/* A queue that was passed does not write to the memory of its receiver. */
TEST_F(ring, another_process_has_no_ring)
{
	int status;
	pid_t child;

	ASSERT_TRUE(make_ready(self->fd, 0, 2));
	child = fork();
	if (!child) {
		bool good = ring_wait(self->fd, 0, 0, 0) == -EPERM &&
			    commit(self->fd, 0, 0) == -EPERM &&
			    take26_get_events(self->fd, 1, 1, 0, self->uk) == 1 &&
			    self->uk->ret_flags == (KEVENT_RET_DONE | KEVENT_RET_COPY_FAILED) &&
			    self->ring->ring_kidx == 0;

		_exit(!good);
	}
	ASSERT_EQ(child, waitpid(child, &status, 0));
	EXPECT_EQ(0, status);
	EXPECT_EQ(1, ring_wait(self->fd, 0, 0, -1));
	EXPECT_TRUE(take26_is(&self->ring->event[0], 1, 1));
}

/* Several threads: each event is in the ring once, and none is lost. */

#define THREADS	3
#define ROUNDS	2000

struct sharer {
	int fd;
	pthread_t thread;
	unsigned int events;
};

static void *wait_often(void *arg)
{
	struct sharer *sharer = arg;
	int ret;

	for (;;) {
		ret = ring_wait(sharer->fd, 0, 0, -1);
		if (ret < 0 || !ret)
			return NULL;
		sharer->events += ret;
	}
}

TEST_F(ring, threads_share_the_ring)
{
	struct sharer sharers[THREADS];
	unsigned int sum = 0, uidx = 0, over = 0, seen = 0;

	for (int i = 0; i < THREADS; i++) {
		sharers[i] = (struct sharer){ .fd = self->fd };
		ASSERT_EQ(0, pthread_create(&sharers[i].thread, NULL, wait_often, &sharers[i]));
	}
	for (int i = 0; i < ROUNDS; i++) {
		ASSERT_TRUE(make_ready(self->fd, i % 8, 1));
		ASSERT_TRUE(wait_for(__atomic_load_n(&self->ring->ring_kidx, __ATOMIC_ACQUIRE) !=
				     uidx));
		EXPECT_EQ(i % 8, (int)self->ring->event[uidx].user[0]);
		seen++;
		if (++uidx == SIZE) {
			uidx = 0;
			over++;
		}
		EXPECT_EQ(1, commit(self->fd, uidx, over));
	}
	for (int i = 0; i < THREADS; i++)
		EXPECT_EQ(0, take26_ctl(self->fd, KEVENT_CTL_READY, 0, NULL));
	for (int i = 0; i < THREADS; i++) {
		pthread_join(sharers[i].thread, NULL);
		sum += sharers[i].events;
	}
	EXPECT_EQ(ROUNDS, seen);
	EXPECT_EQ(ROUNDS, sum);
}

TEST_HARNESS_MAIN
