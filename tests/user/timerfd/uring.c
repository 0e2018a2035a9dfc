// SPDX-License-Identifier: GPL-2.0
/*
 * Timers in io_uring. O_NONBLOCK makes no difference: requests wait for the
 * time, without a thread that blocks.
 */
#include "timer.h"
#include "uring.h"

FIXTURE(ring)
{
	struct uring ring;
	struct io_uring_cqe cqe;
	uint64_t value;
	int fd;
};

FIXTURE_VARIANT(ring)
{
	int flags;
};

FIXTURE_VARIANT_ADD(ring, blocking)
{
	.flags = 0,
};

FIXTURE_VARIANT_ADD(ring, nonblock)
{
	.flags = TFD_NONBLOCK,
};

FIXTURE_SETUP(ring)
{
	ASSERT_TRUE(uring_open(&self->ring));
	self->fd = tfd_new(CLOCK_REALTIME, variant->flags);
	ASSERT_GE(self->fd, 0);
}

FIXTURE_TEARDOWN(ring)
{
	close(self->ring.fd);
	close(self->fd);
}

/* Makes LATE_TICKS expirations that the next read will find. */
static bool make_late(int fd)
{
	return !tfd_arm_late(fd, CLOCK_REALTIME) && tfd_expires(fd);
}

/* Makes the timer expire, and waits until it has. */
static bool fire(int fd)
{
	return !tfd_arm(fd, 0, 1, 0) && tfd_expires(fd);
}

TEST_F(ring, read_what_is_there)
{
	uint64_t big[4] = { };

	ASSERT_TRUE(make_late(self->fd));
	uring_queue(&self->ring, IORING_OP_READ, self->fd, &self->value, 8, 1);
	ASSERT_EQ(1, uring_submit(&self->ring));
	ASSERT_TRUE(uring_wait(&self->ring, &self->cqe));
	EXPECT_EQ(8, self->cqe.res);
	EXPECT_EQ(LATE_TICKS, self->value);
	EXPECT_LT(FAR_NS / 2, tfd_left(self->fd));
	ASSERT_TRUE(make_late(self->fd));
	uring_queue(&self->ring, IORING_OP_READ, self->fd, big, sizeof(big), 2);
	ASSERT_EQ(1, uring_submit(&self->ring));
	ASSERT_TRUE(uring_wait(&self->ring, &self->cqe));
	EXPECT_EQ(8, self->cqe.res);
	EXPECT_EQ(LATE_TICKS, big[0]);
	EXPECT_EQ(0, big[1]);
}

TEST_F(ring, read_waits)
{
	for (int i = 0; i < 3; i++) {
		int64_t start = tfd_clock(CLOCK_MONOTONIC);

		ASSERT_EQ(0, tfd_arm(self->fd, 0, FAR_NS, 0));
		uring_queue(&self->ring, IORING_OP_READ, self->fd, &self->value,
			    8, i);
		ASSERT_EQ(1, uring_submit(&self->ring));
		sleep_ms(20);
		EXPECT_FALSE(uring_next(&self->ring, &self->cqe));
		ASSERT_EQ(0, tfd_arm(self->fd, 0, 20 * NS_PER_MS, 0));
		ASSERT_TRUE(uring_wait(&self->ring, &self->cqe));
		EXPECT_LE(40 * NS_PER_MS, tfd_clock(CLOCK_MONOTONIC) - start);
		EXPECT_EQ(8, self->cqe.res);
		EXPECT_EQ(1, self->value);
		EXPECT_EQ(0, tfd_pending(self->fd));
	}
}

TEST_F(ring, readv)
{
	uint32_t halves[2] = { -1, -1 };
	struct iovec iov[2] = {
		{ .iov_base = &halves[0], .iov_len = 4 },
		{ .iov_base = &halves[1], .iov_len = 4 },
	};

	uring_queue(&self->ring, IORING_OP_READV, self->fd, iov, 2, 1);
	ASSERT_EQ(1, uring_submit(&self->ring));
	EXPECT_FALSE(uring_next(&self->ring, &self->cqe));
	ASSERT_EQ(0, tfd_arm_late(self->fd, CLOCK_REALTIME));
	ASSERT_TRUE(uring_wait(&self->ring, &self->cqe));
	EXPECT_EQ(8, self->cqe.res);
	EXPECT_EQ(LATE_TICKS, halves[0]);
	EXPECT_EQ(0, halves[1]);
}

TEST_F(ring, sizes)
{
	uint64_t buf[2] = { };

	ASSERT_TRUE(make_late(self->fd));
	for (int size = 0; size < 8; size++) {
		uring_queue(&self->ring, IORING_OP_READ, self->fd, buf, size, 1);
		ASSERT_EQ(1, uring_submit(&self->ring));
		ASSERT_TRUE(uring_wait(&self->ring, &self->cqe));
		EXPECT_EQ(-EINVAL, self->cqe.res) TH_LOG("size %d", size);
	}
	uring_queue(&self->ring, IORING_OP_WRITE, self->fd, buf, 8, 1);
	ASSERT_EQ(1, uring_submit(&self->ring));
	ASSERT_TRUE(uring_wait(&self->ring, &self->cqe));
	EXPECT_EQ(-EINVAL, self->cqe.res);
	EXPECT_EQ(LATE_TICKS, tfd_ticks(self->fd));
}

TEST_F(ring, poll)
{
	uring_poll(&self->ring, self->fd, POLLIN | POLLOUT, false, 1);
	ASSERT_EQ(1, uring_submit(&self->ring));
	EXPECT_FALSE(uring_next(&self->ring, &self->cqe));
	ASSERT_TRUE(fire(self->fd));
	ASSERT_TRUE(uring_wait(&self->ring, &self->cqe));
	EXPECT_EQ(POLLIN, self->cqe.res);
	uring_poll(&self->ring, self->fd, POLLIN, false, 2);
	ASSERT_EQ(1, uring_submit(&self->ring));
	ASSERT_TRUE(uring_wait(&self->ring, &self->cqe));
	EXPECT_EQ(2, self->cqe.user_data);
	EXPECT_EQ(POLLIN, self->cqe.res);
	ASSERT_TRUE(fire(self->fd));
	EXPECT_FALSE(uring_next(&self->ring, &self->cqe));
	EXPECT_EQ(1, tfd_ticks(self->fd));
}

TEST_F(ring, multishot_poll)
{
	uring_poll(&self->ring, self->fd, POLLIN, true, 1);
	ASSERT_EQ(1, uring_submit(&self->ring));
	EXPECT_FALSE(uring_next(&self->ring, &self->cqe));
	for (int i = 0; i < 5; i++) {
		ASSERT_TRUE(fire(self->fd));
		ASSERT_TRUE(uring_wait(&self->ring, &self->cqe));
		EXPECT_EQ(POLLIN, self->cqe.res);
		EXPECT_TRUE(self->cqe.flags & IORING_CQE_F_MORE);
		EXPECT_FALSE(uring_next(&self->ring, &self->cqe));
	}
	EXPECT_EQ(1, tfd_ticks(self->fd));
	ASSERT_EQ(0, tfd_arm(self->fd, 0, FAR_NS, 0));
	EXPECT_FALSE(uring_next(&self->ring, &self->cqe));
}

/* A periodic timer is told of once for each read. */
TEST_F(ring, multishot_poll_of_a_periodic_timer)
{
	uring_poll(&self->ring, self->fd, POLLIN, true, 1);
	ASSERT_EQ(1, uring_submit(&self->ring));
	ASSERT_EQ(0, tfd_arm(self->fd, 0, NS_PER_MS, NS_PER_MS));
	for (int i = 0; i < 5; i++) {
		ASSERT_TRUE(uring_wait(&self->ring, &self->cqe));
		EXPECT_EQ(POLLIN, self->cqe.res);
		EXPECT_TRUE(self->cqe.flags & IORING_CQE_F_MORE);
		sleep_ms(10);
		EXPECT_FALSE(uring_next(&self->ring, &self->cqe));
		EXPECT_LE(10, tfd_ticks(self->fd));
	}
}

TEST_F(ring, many_polls_are_all_told)
{
	enum { N = 16 };
	unsigned int told = 0;

	for (int i = 0; i < N; i++)
		uring_poll(&self->ring, self->fd, POLLIN, i % 2, i);
	ASSERT_EQ(N, uring_submit(&self->ring));
	ASSERT_TRUE(fire(self->fd));
	for (int i = 0; i < N; i++) {
		ASSERT_TRUE(uring_wait(&self->ring, &self->cqe));
		EXPECT_EQ(POLLIN, self->cqe.res);
		told |= 1u << self->cqe.user_data;
	}
	EXPECT_EQ(0xffff, told);
}

TEST_F(ring, cancel)
{
	int results[5] = { };

	ASSERT_EQ(0, tfd_arm(self->fd, 0, FAR_NS, 0));
	uring_poll(&self->ring, self->fd, POLLIN, false, 1);
	uring_queue(&self->ring, IORING_OP_READ, self->fd, &self->value, 8, 2);
	ASSERT_EQ(2, uring_submit(&self->ring));
	EXPECT_FALSE(uring_next(&self->ring, &self->cqe));
	for (uintptr_t i = 1; i <= 2; i++)
		uring_queue(&self->ring, IORING_OP_ASYNC_CANCEL, -1, (void *)i,
			    0, 2 + i);
	ASSERT_EQ(2, uring_submit(&self->ring));
	for (int i = 0; i < 4; i++) {
		ASSERT_TRUE(uring_wait(&self->ring, &self->cqe));
		results[self->cqe.user_data] = self->cqe.res;
	}
	EXPECT_EQ(-ECANCELED, results[1]);
	EXPECT_EQ(-ECANCELED, results[2]);
	EXPECT_EQ(0, results[3]);
	EXPECT_EQ(0, results[4]);
	ASSERT_TRUE(fire(self->fd));
	EXPECT_FALSE(uring_next(&self->ring, &self->cqe));
	EXPECT_EQ(1, tfd_ticks(self->fd));
}

TEST_F(ring, linked)
{
	uint64_t second;

	ASSERT_EQ(0, tfd_arm(self->fd, 0, NS_PER_MS, NS_PER_MS));
	uring_queue(&self->ring, IORING_OP_READ, self->fd, &self->value, 8, 1)
		->flags = IOSQE_IO_LINK;
	uring_queue(&self->ring, IORING_OP_READ, self->fd, &second, 8, 2)
		->flags = IOSQE_IO_LINK;
	uring_poll(&self->ring, self->fd, POLLIN, false, 3);
	ASSERT_EQ(3, uring_submit(&self->ring));
	for (unsigned int i = 1; i <= 3; i++) {
		ASSERT_TRUE(uring_wait(&self->ring, &self->cqe));
		EXPECT_EQ(i, self->cqe.user_data);
		EXPECT_EQ(i == 3 ? POLLIN : 8, self->cqe.res);
	}
	EXPECT_LE(1, self->value);
	EXPECT_LE(1, second);
}

TEST_F(ring, read_by_a_worker)
{
	ASSERT_TRUE(make_late(self->fd));
	uring_queue(&self->ring, IORING_OP_READ, self->fd, &self->value, 8, 1)
		->flags = IOSQE_ASYNC;
	ASSERT_EQ(1, uring_submit(&self->ring));
	ASSERT_TRUE(uring_wait(&self->ring, &self->cqe));
	EXPECT_EQ(8, self->cqe.res);
	EXPECT_EQ(LATE_TICKS, self->value);
	uring_queue(&self->ring, IORING_OP_READ, self->fd, &self->value, 8, 2)
		->flags = IOSQE_ASYNC;
	ASSERT_EQ(1, uring_submit(&self->ring));
	sleep_ms(20);
	ASSERT_EQ(0, tfd_arm(self->fd, 0, 1, 0));
	ASSERT_TRUE(uring_wait(&self->ring, &self->cqe));
	EXPECT_EQ(8, self->cqe.res);
	EXPECT_EQ(1, self->value);
}

TEST_F(ring, nowait_flag)
{
	uring_queue(&self->ring, IORING_OP_READ, self->fd, &self->value, 8, 1)
		->rw_flags = RWF_NOWAIT;
	ASSERT_EQ(1, uring_submit(&self->ring));
	ASSERT_TRUE(uring_wait(&self->ring, &self->cqe));
	EXPECT_EQ(-EAGAIN, self->cqe.res);
}

TEST_F(ring, closed_while_polled)
{
	int other = dup(self->fd);

	uring_poll(&self->ring, self->fd, POLLIN, false, 1);
	ASSERT_EQ(1, uring_submit(&self->ring));
	ASSERT_EQ(0, close(self->fd));
	EXPECT_FALSE(uring_next(&self->ring, &self->cqe));
	ASSERT_TRUE(fire(other));
	ASSERT_TRUE(uring_wait(&self->ring, &self->cqe));
	EXPECT_EQ(POLLIN, self->cqe.res);
	/* A request keeps the file, and so the timer. */
	EXPECT_EQ(1, tfd_ticks(other));
	uring_queue(&self->ring, IORING_OP_READ, other, &self->value, 8, 2);
	ASSERT_EQ(1, uring_submit(&self->ring));
	ASSERT_EQ(0, tfd_arm(other, 0, 20 * NS_PER_MS, 0));
	ASSERT_EQ(0, close(other));
	ASSERT_TRUE(uring_wait(&self->ring, &self->cqe));
	EXPECT_EQ(8, self->cqe.res);
	EXPECT_EQ(1, self->value);
}

/* Requests may outlive the ring, but do nothing any more that is seen. */
TEST_F(ring, the_ring_ends_with_requests_that_wait)
{
	int other = tfd_new(CLOCK_REALTIME, variant->flags);

	ASSERT_GE(other, 0);
	ASSERT_EQ(0, tfd_arm(other, 0, 5 * NS_PER_MS, 0));
	uring_poll(&self->ring, self->fd, POLLIN, true, 1);
	uring_poll(&self->ring, self->fd, POLLIN, false, 2);
	uring_queue(&self->ring, IORING_OP_READ, other, &self->value, 8, 3);
	ASSERT_EQ(3, uring_submit(&self->ring));
	ASSERT_EQ(0, close(other));
	ASSERT_EQ(0, close(self->ring.fd));
	ASSERT_TRUE(fire(self->fd));
	EXPECT_EQ(1, tfd_ticks(self->fd));
	ASSERT_TRUE(uring_open(&self->ring));
}

TEST_F(ring, registered_file)
{
	ASSERT_EQ(0, syscall(SYS_io_uring_register, self->ring.fd,
			     IORING_REGISTER_FILES, &self->fd, 1));
	ASSERT_TRUE(make_late(self->fd));
	ASSERT_EQ(0, close(self->fd));
	uring_queue(&self->ring, IORING_OP_READ, 0, &self->value, 8, 1)
		->flags = IOSQE_FIXED_FILE;
	ASSERT_EQ(1, uring_submit(&self->ring));
	ASSERT_TRUE(uring_wait(&self->ring, &self->cqe));
	EXPECT_EQ(8, self->cqe.res);
	EXPECT_EQ(LATE_TICKS, self->value);
}

TEST_HARNESS_MAIN
