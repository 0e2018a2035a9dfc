// SPDX-License-Identifier: GPL-2.0
/*
 * io_uring. O_NONBLOCK makes no difference: requests wait for what they need, without
 * a thread that blocks.
 */
#include "any.h"
#include "uring.h"

/* How long a request that must not end is watched. */
#define WATCH_MS	20

FIXTURE(ring)
{
	const struct kind *kind;
	struct uring ring;
	struct io_uring_cqe cqe;
	/* Room for more than there is to read. */
	union thing seen[4];
	int fd, flags;
};

FIXTURE_SETUP(ring)
{
	ASSERT_TRUE(uring_open(&self->ring));
	self->kind = kind_of(_metadata);
	self->flags = way_of(_metadata) ? O_NONBLOCK : 0;
	self->fd = self->kind->make(self->flags);
	ASSERT_GE(self->fd, 0);
	memset(self->seen, 0xff, sizeof(self->seen));
}

FIXTURE_TEARDOWN(ring)
{
	close(self->ring.fd);
	close(self->fd);
}

KIND_VARIANTS(ring, kind_is_main, "", "nonblock");

/* Queues a read of as much as one read returns; its number is 1. */
static struct io_uring_sqe *queue_read(struct _test_data_ring *self)
{
	return uring_queue(&self->ring, IORING_OP_READ, self->fd, self->seen,
			   self->kind->size, 1);
}

/* Waits for the completion of a read, and tells whether it has read the value. */
static bool read_ends(struct _test_data_ring *self, unsigned int value)
{
	return uring_wait(&self->ring, &self->cqe) &&
	       any_is(self->kind, self->cqe.res, self->seen, value);
}

/* Whether no byte of the buffer was written behind what a read returns. */
static bool rest_is_untouched(struct _test_data_ring *self)
{
	const unsigned char *seen = (const void *)self->seen;

	for (size_t i = self->kind->size; i < sizeof(self->seen); i++) {
		if (seen[i] != 0xff)
			return false;
	}
	return true;
}

static bool nothing_completes(struct _test_data_ring *self)
{
	return !uring_next(&self->ring, &self->cqe);
}

TEST_F(ring, read_what_is_there)
{
	ASSERT_TRUE(any_fill(self->kind, self->fd, 5));
	queue_read(self);
	ASSERT_EQ(1, uring_submit(&self->ring));
	EXPECT_TRUE(read_ends(self, 5));
	memset(self->seen, 0xff, sizeof(self->seen));
	ASSERT_TRUE(any_fill(self->kind, self->fd, 6));
	uring_queue(&self->ring, IORING_OP_READ, self->fd, self->seen,
		    sizeof(self->seen), 2);
	ASSERT_EQ(1, uring_submit(&self->ring));
	EXPECT_TRUE(read_ends(self, 6));
	EXPECT_TRUE(rest_is_untouched(self));
}

TEST_F(ring, read_waits)
{
	queue_read(self);
	ASSERT_EQ(1, uring_submit(&self->ring));
	sleep_ms(WATCH_MS);
	EXPECT_TRUE(nothing_completes(self));
	ASSERT_TRUE(self->kind->stir(self->fd));
	sleep_ms(WATCH_MS);
	EXPECT_TRUE(nothing_completes(self));
	ASSERT_TRUE(any_post(self->kind, self->fd, 7));
	EXPECT_TRUE(read_ends(self, 7));
	EXPECT_TRUE(any_is_empty(self->kind, self->fd));
}

TEST_F(ring, readv)
{
	size_t size = self->kind->size, first = size / 2 - 1;
	struct iovec iov[2] = {
		{ .iov_base = self->seen, .iov_len = first },
		{ .iov_base = (char *)self->seen + first, .iov_len = size - first },
	};

	/* One that finds something, and one that has to wait. */
	for (int waits = 0; waits < 2; waits++) {
		memset(self->seen, 0xff, sizeof(self->seen));
		if (!waits)
			ASSERT_TRUE(any_fill(self->kind, self->fd, 8));
		uring_queue(&self->ring, IORING_OP_READV, self->fd, iov, 2, 1);
		ASSERT_EQ(1, uring_submit(&self->ring));
		if (waits) {
			EXPECT_TRUE(nothing_completes(self));
			ASSERT_TRUE(any_post(self->kind, self->fd, 8));
		}
		EXPECT_TRUE(read_ends(self, 8));
		EXPECT_TRUE(rest_is_untouched(self));
	}
}

TEST_F(ring, sizes_too_small)
{
	ASSERT_TRUE(any_fill(self->kind, self->fd, 1));
	for (size_t size = 0; size < self->kind->size; size++) {
		uring_queue(&self->ring, IORING_OP_READ, self->fd, self->seen, size, 1);
		ASSERT_EQ(1, uring_submit(&self->ring));
		ASSERT_TRUE(uring_wait(&self->ring, &self->cqe));
		EXPECT_EQ(-EINVAL, self->cqe.res)
			TH_LOG("size %zu", size);
	}
	EXPECT_TRUE(any_gives(self->kind, self->fd, 1));
}

TEST_F(ring, writes_that_are_refused)
{
	ASSERT_TRUE(any_fill(self->kind, self->fd, 1));
	/* All bits set: not a number that an eventfd takes. */
	uring_queue(&self->ring, IORING_OP_WRITE, self->fd, self->seen,
		    self->kind->size, 1);
	ASSERT_EQ(1, uring_submit(&self->ring));
	ASSERT_TRUE(uring_wait(&self->ring, &self->cqe));
	EXPECT_EQ(-EINVAL, self->cqe.res);
	EXPECT_TRUE(any_gives(self->kind, self->fd, 1));
}

TEST_F(ring, poll)
{
	uint32_t events = POLLIN | (self->kind->idle ? 0 : POLLOUT);

	uring_poll(&self->ring, self->fd, events, false, 1);
	ASSERT_EQ(1, uring_submit(&self->ring));
	EXPECT_TRUE(nothing_completes(self));
	ASSERT_TRUE(any_fill(self->kind, self->fd, 1));
	ASSERT_TRUE(uring_wait(&self->ring, &self->cqe));
	EXPECT_EQ(1, self->cqe.user_data);
	EXPECT_EQ(POLLIN, self->cqe.res);
	/* One that finds something. */
	uring_poll(&self->ring, self->fd, POLLIN | POLLOUT, false, 2);
	ASSERT_EQ(1, uring_submit(&self->ring));
	ASSERT_TRUE(uring_wait(&self->ring, &self->cqe));
	EXPECT_EQ(2, self->cqe.user_data);
	EXPECT_EQ(POLLIN | self->kind->idle, self->cqe.res);
	/* Each is for one event. */
	ASSERT_TRUE(any_fill_again(self->kind, self->fd, 2));
	EXPECT_TRUE(nothing_completes(self));
}

TEST_F(ring, poll_of_an_idle_descriptor)
{
	uring_poll(&self->ring, self->fd, POLLIN | POLLOUT, false, 1);
	ASSERT_EQ(1, uring_submit(&self->ring));
	if (self->kind->idle) {
		ASSERT_TRUE(uring_wait(&self->ring, &self->cqe));
		EXPECT_EQ(self->kind->idle, self->cqe.res);
	} else {
		EXPECT_TRUE(nothing_completes(self));
	}
}

/* io_uring polls again after a wake-up that does not name the events. */
TEST_F(ring, poll_and_wake_ups_without_anything_to_read)
{
	uring_poll(&self->ring, self->fd, POLLIN, false, 1);
	ASSERT_EQ(1, uring_submit(&self->ring));
	EXPECT_TRUE(nothing_completes(self));
	ASSERT_TRUE(self->kind->stir(self->fd));
	if (self->kind->stir_is_believed) {
		ASSERT_TRUE(uring_wait(&self->ring, &self->cqe));
		EXPECT_EQ(POLLIN, self->cqe.res);
		return;
	}
	EXPECT_TRUE(nothing_completes(self));
	ASSERT_TRUE(any_post(self->kind, self->fd, 1));
	ASSERT_TRUE(uring_wait(&self->ring, &self->cqe));
	EXPECT_EQ(1, self->cqe.user_data);
	EXPECT_EQ(POLLIN, self->cqe.res);
}

TEST_F(ring, multishot_poll)
{
	union thing seen;

	uring_poll(&self->ring, self->fd, POLLIN, true, 1);
	ASSERT_EQ(1, uring_submit(&self->ring));
	EXPECT_TRUE(nothing_completes(self));
	/* Of some the one before is read, of some it is not. */
	for (int i = 0; i < 6; i++) {
		ASSERT_TRUE(any_fill_again(self->kind, self->fd, 1));
		ASSERT_TRUE(uring_wait(&self->ring, &self->cqe));
		EXPECT_EQ(POLLIN, self->cqe.res);
		EXPECT_TRUE(self->cqe.flags & IORING_CQE_F_MORE);
		EXPECT_TRUE(nothing_completes(self));
		if (i % 3 == 2) {
			/* A read is no input. */
			while (any_read(self->kind, self->fd, &seen) > 0 &&
			       poll_now(self->fd) & POLLIN)
				;
			EXPECT_TRUE(any_is_empty(self->kind, self->fd));
			EXPECT_TRUE(nothing_completes(self));
		}
	}
	if (!self->kind->stir_is_believed) {
		ASSERT_TRUE(self->kind->stir(self->fd));
		EXPECT_TRUE(nothing_completes(self));
	}
	ASSERT_TRUE(any_post(self->kind, self->fd, 1));
	ASSERT_TRUE(uring_wait(&self->ring, &self->cqe));
	EXPECT_EQ(POLLIN, self->cqe.res);
}

TEST_F(ring, many_polls_are_all_told)
{
	enum { N = 16 };
	unsigned int told = 0;

	for (int i = 0; i < N; i++)
		uring_poll(&self->ring, self->fd, POLLIN, i % 2, i);
	ASSERT_EQ(N, uring_submit(&self->ring));
	ASSERT_TRUE(any_post(self->kind, self->fd, 1));
	for (int i = 0; i < N; i++) {
		ASSERT_TRUE(uring_wait(&self->ring, &self->cqe));
		EXPECT_EQ(POLLIN, self->cqe.res);
		told |= 1u << self->cqe.user_data;
	}
	EXPECT_EQ(0xffff, told);
	EXPECT_TRUE(any_gives(self->kind, self->fd, 1));
}

TEST_F(ring, cancel)
{
	int results[5] = { };

	ASSERT_TRUE(self->kind->stir(self->fd));
	uring_poll(&self->ring, self->fd, POLLIN, false, 2);
	queue_read(self);
	ASSERT_EQ(2, uring_submit(&self->ring));
	EXPECT_TRUE(nothing_completes(self));
	for (uintptr_t i = 1; i <= 2; i++)
		uring_queue(&self->ring, IORING_OP_ASYNC_CANCEL, -1, (void *)i, 0, 2 + i);
	ASSERT_EQ(2, uring_submit(&self->ring));
	for (int i = 0; i < 4; i++) {
		ASSERT_TRUE(uring_wait(&self->ring, &self->cqe));
		results[self->cqe.user_data] = self->cqe.res;
	}
	EXPECT_EQ(-ECANCELED, results[1]);
	EXPECT_EQ(-ECANCELED, results[2]);
	EXPECT_EQ(0, results[3]);
	EXPECT_EQ(0, results[4]);
	ASSERT_TRUE(any_fill(self->kind, self->fd, 1));
	EXPECT_TRUE(nothing_completes(self));
	EXPECT_TRUE(any_gives(self->kind, self->fd, 1));
}

TEST_F(ring, linked_reads_wait_for_one_another)
{
	union thing second;

	queue_read(self)->flags = IOSQE_IO_LINK;
	uring_queue(&self->ring, IORING_OP_READ, self->fd, &second, self->kind->size, 2);
	ASSERT_EQ(2, uring_submit(&self->ring));
	EXPECT_TRUE(nothing_completes(self));
	ASSERT_TRUE(any_post(self->kind, self->fd, 1));
	EXPECT_TRUE(read_ends(self, 1));
	EXPECT_EQ(1, self->cqe.user_data);
	EXPECT_TRUE(nothing_completes(self));
	ASSERT_TRUE(any_post(self->kind, self->fd, 2));
	ASSERT_TRUE(uring_wait(&self->ring, &self->cqe));
	EXPECT_EQ(2, self->cqe.user_data);
	EXPECT_TRUE(any_is(self->kind, self->cqe.res, &second, 2));
}

TEST_F(ring, read_by_a_worker)
{
	ASSERT_TRUE(any_fill(self->kind, self->fd, 4));
	queue_read(self)->flags = IOSQE_ASYNC;
	ASSERT_EQ(1, uring_submit(&self->ring));
	EXPECT_TRUE(read_ends(self, 4));
	memset(self->seen, 0xff, sizeof(self->seen));
	queue_read(self)->flags = IOSQE_ASYNC;
	ASSERT_EQ(1, uring_submit(&self->ring));
	sleep_ms(WATCH_MS);
	ASSERT_TRUE(any_post(self->kind, self->fd, 2));
	EXPECT_TRUE(read_ends(self, 2));
}

TEST_F(ring, nowait_flag)
{
	queue_read(self)->rw_flags = RWF_NOWAIT;
	ASSERT_EQ(1, uring_submit(&self->ring));
	ASSERT_TRUE(uring_wait(&self->ring, &self->cqe));
	EXPECT_EQ(-EAGAIN, self->cqe.res);
}

TEST_F(ring, multishot_read)
{
	/* Only for files that io_uring can poll, and with its own buffers. */
	uring_queue(&self->ring, IORING_OP_READ_MULTISHOT, self->fd, NULL, 0, 1);
	ASSERT_EQ(1, uring_submit(&self->ring));
	ASSERT_TRUE(uring_wait(&self->ring, &self->cqe));
	EXPECT_EQ(-EINVAL, self->cqe.res);
	EXPECT_TRUE(any_is_empty(self->kind, self->fd));
}

TEST_F(ring, closed_while_polled)
{
	int other = dup(self->fd);

	uring_poll(&self->ring, self->fd, POLLIN, false, 1);
	ASSERT_EQ(1, uring_submit(&self->ring));
	ASSERT_EQ(0, close(self->fd));
	EXPECT_TRUE(nothing_completes(self));
	ASSERT_TRUE(any_post(self->kind, other, 1));
	ASSERT_TRUE(uring_wait(&self->ring, &self->cqe));
	EXPECT_EQ(POLLIN, self->cqe.res);
	/* The poll alone keeps the file; the ring's end ends it. */
	EXPECT_TRUE(any_gives(self->kind, other, 1));
	uring_poll(&self->ring, other, POLLIN, false, 2);
	ASSERT_EQ(1, uring_submit(&self->ring));
	ASSERT_EQ(0, close(other));
	EXPECT_TRUE(nothing_completes(self));
}

/* Requests may outlive the ring, but do nothing any more that is seen. */
TEST_F(ring, the_ring_ends_with_requests_that_wait)
{
	int other = self->kind->make(self->flags);

	ASSERT_GE(other, 0);
	uring_poll(&self->ring, self->fd, POLLIN, true, 1);
	uring_poll(&self->ring, self->fd, POLLIN, false, 2);
	/* It would read what is posted to the process. */
	if (!self->kind->of_process)
		uring_queue(&self->ring, IORING_OP_READ, other, self->seen,
			    self->kind->size, 3);
	ASSERT_EQ(self->kind->of_process ? 2 : 3, uring_submit(&self->ring));
	ASSERT_EQ(0, close(other));
	ASSERT_EQ(0, close(self->ring.fd));
	ASSERT_TRUE(any_fill(self->kind, self->fd, 1));
	EXPECT_TRUE(any_gives(self->kind, self->fd, 1));
	ASSERT_TRUE(uring_open(&self->ring));
}

TEST_F(ring, registered_file)
{
	ASSERT_EQ(0, syscall(SYS_io_uring_register, self->ring.fd,
			     IORING_REGISTER_FILES, &self->fd, 1));
	ASSERT_TRUE(any_fill(self->kind, self->fd, 8));
	ASSERT_EQ(0, close(self->fd));
	uring_queue(&self->ring, IORING_OP_READ, 0, self->seen, self->kind->size, 1)
		->flags = IOSQE_FIXED_FILE;
	ASSERT_EQ(1, uring_submit(&self->ring));
	EXPECT_TRUE(read_ends(self, 8));
}

TEST_HARNESS_MAIN
