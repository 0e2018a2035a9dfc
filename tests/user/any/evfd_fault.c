// SPDX-License-Identifier: GPL-2.0
/*
 * evfd promises, and native does not, that a read that fails with EFAULT loses nothing:
 * there is as much to read as before.
 */
/* Of native kinds and of those that only evfd has. */
#define ALL_KINDS

#include "crowd.h"
#include "fault.h"
#include "uring.h"

FIXTURE(fault)
{
	const struct kind *kind;
	enum bad_buffer bad_buffer;
	void *bad;
	size_t size;
	int fd;
};

FIXTURE_SETUP(fault)
{
	self->kind = kind_of(_metadata);
	self->size = self->kind->size;
	self->bad_buffer = way_of(_metadata);
	self->bad = bad_buffer(self->bad_buffer, self->size);
	self->fd = self->kind->make(O_NONBLOCK);
	ASSERT_GE(self->fd, 0);
}

FIXTURE_TEARDOWN(fault)
{
	close(self->fd);
}

/* Each buffer for a kind of each sort, and two for the others. */
static bool is_tested(const struct kind *kind, int way)
{
	return kind == &kind_eventfd || kind == &kind_timerfd || kind == &kind_signalfd ||
	       way == NO_ACCESS || way == HALF_READ_ONLY;
}

/* As in enum bad_buffer. */
KIND_VARIANTS(fault, is_tested, "no_access", "read_only", "half_no_access",
	      "half_read_only", "last_byte");

TEST_F(fault, read)
{
	for (int value = 1; value <= 3; value++) {
		ASSERT_TRUE(any_fill(self->kind, self->fd, value));
		for (int i = 0; i < value; i++) {
			EXPECT_EQ(-1, read(self->fd, self->bad, self->size));
			EXPECT_EQ(EFAULT, errno);
			EXPECT_EQ(POLLIN | self->kind->idle, poll_now(self->fd));
		}
		EXPECT_TRUE(any_gives(self->kind, self->fd, value));
		EXPECT_TRUE(any_is_empty(self->kind, self->fd));
	}
	/* There is no memory at all, as opposed to memory with a protection. */
	ASSERT_TRUE(any_fill(self->kind, self->fd, 2));
	EXPECT_EQ(-1, read(self->fd, nowhere(), self->size));
	EXPECT_EQ(EFAULT, errno);
	EXPECT_TRUE(any_gives(self->kind, self->fd, 2));
	/* With nothing to read, the memory does not matter. */
	EXPECT_EQ(-1, read(self->fd, self->bad, self->size));
	EXPECT_EQ(EAGAIN, errno);
	EXPECT_EQ(-1, read(self->fd, self->bad, self->size - 1));
	EXPECT_EQ(EINVAL, errno);
}

TEST_F(fault, read_of_several)
{
	for (int value = 1; value <= 3; value++)
		ASSERT_TRUE(any_fill(self->kind, self->fd, value));
	for (int i = 1; i <= 4; i++) {
		EXPECT_EQ(-1, read(self->fd, self->bad, i * self->size));
		EXPECT_EQ(EFAULT, errno);
	}
	EXPECT_TRUE(any_gives_all(self->kind, self->fd, 1, 3));
}

TEST_F(fault, vectors)
{
	union thing good;
	struct iovec iov[2] = {
		{ .iov_base = self->bad, .iov_len = self->size },
		{ .iov_base = &good, .iov_len = self->size },
	};

	ASSERT_TRUE(any_fill(self->kind, self->fd, 3));
	EXPECT_EQ(-1, readv(self->fd, iov, 2));
	EXPECT_EQ(EFAULT, errno);
	EXPECT_EQ(-1, preadv2(self->fd, iov, 2, -1, RWF_NOWAIT));
	EXPECT_EQ(EFAULT, errno);
	/* The second half goes to the buffer, which may have room for that. */
	iov[1] = iov[0];
	iov[0] = (struct iovec){ .iov_base = &good, .iov_len = self->size / 2 };
	if (self->bad_buffer == NO_ACCESS || self->bad_buffer == READ_ONLY) {
		EXPECT_EQ(-1, readv(self->fd, iov, 2));
		EXPECT_EQ(EFAULT, errno);
		EXPECT_TRUE(any_gives(self->kind, self->fd, 3));
	} else {
		EXPECT_EQ((ssize_t)self->size, readv(self->fd, iov, 2));
	}
	EXPECT_TRUE(any_is_empty(self->kind, self->fd));
}

TEST_F(fault, io_uring)
{
	struct iovec iov = { .iov_base = self->bad, .iov_len = self->size };
	struct io_uring_cqe cqe;
	struct uring ring;

	ASSERT_TRUE(uring_open(&ring));
	ASSERT_TRUE(any_fill(self->kind, self->fd, 3));
	for (unsigned int flags = 0; flags <= IOSQE_ASYNC; flags += IOSQE_ASYNC) {
		uring_queue(&ring, IORING_OP_READ, self->fd, self->bad, self->size, 1)
			->flags = flags;
		uring_queue(&ring, IORING_OP_READV, self->fd, &iov, 1, 2)
			->flags = flags;
		ASSERT_EQ(2, uring_submit(&ring));
		for (int i = 0; i < 2; i++) {
			ASSERT_TRUE(uring_wait(&ring, &cqe));
			EXPECT_EQ(-EFAULT, cqe.res);
		}
	}
	EXPECT_TRUE(any_gives(self->kind, self->fd, 3));
	EXPECT_TRUE(any_is_empty(self->kind, self->fd));
}

TEST_F(fault, io_uring_that_waits)
{
	struct io_uring_cqe cqe;
	struct uring ring;

	ASSERT_EQ(0, fcntl(self->fd, F_SETFL, 0));
	ASSERT_TRUE(uring_open(&ring));
	uring_queue(&ring, IORING_OP_READ, self->fd, self->bad, self->size, 1);
	ASSERT_EQ(1, uring_submit(&ring));
	EXPECT_FALSE(uring_next(&ring, &cqe));
	ASSERT_TRUE(any_post(self->kind, self->fd, 4));
	ASSERT_TRUE(uring_wait(&ring, &cqe));
	EXPECT_EQ(-EFAULT, cqe.res);
	EXPECT_TRUE(any_gives(self->kind, self->fd, 4));
	EXPECT_TRUE(any_is_empty(self->kind, self->fd));
}

TEST_F(fault, blocked_reader)
{
	struct call bad = { .make = call_read, .fd = self->fd };

	bad.buf = self->bad;
	bad.size = self->size;
	ASSERT_EQ(0, fcntl(self->fd, F_SETFL, 0));
	ASSERT_TRUE(call_start_blocked(&bad));
	ASSERT_TRUE(any_post(self->kind, self->fd, 5));
	ASSERT_TRUE(call_ends(&bad));
	EXPECT_EQ(-1, bad.ret);
	EXPECT_EQ(EFAULT, bad.err);
	EXPECT_TRUE(any_gives(self->kind, self->fd, 5));
	EXPECT_TRUE(any_is_empty(self->kind, self->fd));
}

TEST_F(fault, blocked_readers)
{
	struct call bad = { .make = call_read, .fd = self->fd };
	struct taker good;

	bad.buf = self->bad;
	bad.size = self->size;
	ASSERT_EQ(0, fcntl(self->fd, F_SETFL, 0));
	ASSERT_TRUE(call_start_blocked(&bad));
	ASSERT_TRUE(taker_start(&good, self->kind, self->fd));
	ASSERT_TRUE(any_post(self->kind, self->fd, 6));
	/* Whichever is first, the post goes to the reader that can take it. */
	EXPECT_TRUE(taker_gets(&good, 6));
	if (!bad.done)
		ASSERT_TRUE(any_post(self->kind, self->fd, 6));
	ASSERT_TRUE(call_ends(&bad));
	EXPECT_EQ(-1, bad.ret);
	EXPECT_EQ(EFAULT, bad.err);
}

/* A read of signals takes a signal before it copies the record. */
static bool copies_first(const struct kind *kind, int way)
{
	return kind_is_lossless(kind, way) && !kind->of_process && !kind->wakes_one;
}

FIXTURE(shaky)
{
	const struct kind *kind;
	int fd;
};

FIXTURE_SETUP(shaky)
{
	self->kind = kind_of(_metadata);
	self->fd = self->kind->make(0);
	ASSERT_GE(self->fd, 0);
}

FIXTURE_TEARDOWN(shaky)
{
	close(self->fd);
}

KIND_VARIANTS(shaky, copies_first, "");

/* A buffer that another thread makes unwritable and writable again all the time. */
static char *shaky;

static uint64_t shaky_read(struct crowd *crowd)
{
	union thing thing;

	if (read(crowd->fd, shaky, crowd->kind->size) != (ssize_t)crowd->kind->size) {
		if (errno != EFAULT && errno != EAGAIN && errno != EINTR)
			crowd->failed = true;
		return crowd_read(crowd);
	}
	/* No other thread reads into it. */
	memcpy(&thing, shaky, crowd->kind->size);
	crowd->things_read++;
	return crowd->kind->value(&thing);
}

static void *shake(void *arg)
{
	struct crowd *crowd = arg;

	while (!crowd->stop) {
		mprotect(shaky, 4096, PROT_READ);
		mprotect(shaky, 4096, PROT_READ | PROT_WRITE);
	}
	return NULL;
}

TEST_F(shaky, faults_come_and_go)
{
	struct crowd crowd = {
		.kind = self->kind, .fd = self->fd, .posters = 3, .readers = 1, .value = 1,
		.read = { shaky_read },
	};
	pthread_t thread;

	shaky = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	ASSERT_NE(MAP_FAILED, shaky);
	ASSERT_EQ(0, pthread_create(&thread, NULL, shake, &crowd));
	EXPECT_TRUE(crowd_run(&crowd));
	crowd.stop = true;
	ASSERT_EQ(0, pthread_join(thread, NULL));
}

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

/* Every other read fails. */
static uint64_t faulty_read(struct crowd *crowd)
{
	static _Atomic unsigned int turn;

	if (turn++ % 2)
		return crowd_read(crowd);
	if (read(crowd->fd, nowhere(), crowd->kind->size) != -1 ||
	    (errno != EFAULT && errno != EINTR && errno != EAGAIN))
		crowd->failed = true;
	return 0;
}

TEST_F(crowd, faulty_readers_among_others)
{
	struct crowd crowd = {
		.kind = self->kind, .fd = self->fd, .posters = 3, .readers = 3, .value = 1,
		.posts = self->kind->of_process ? 2000 : 1000,
		.ms = self->kind->of_process ? 2000 : 0,
		.read = { faulty_read, faulty_read, faulty_read },
	};

	EXPECT_TRUE(crowd_run(&crowd));
}

TEST_HARNESS_MAIN
