// SPDX-License-Identifier: GPL-2.0
/*
 * Timers in io_uring: requests that wait for a time, and periods.
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

/* Makes the timer expire, and waits until it has. */
static bool fire(int fd)
{
	return !tfd_arm(fd, 0, 1, 0) && tfd_expires(fd);
}

TEST_F(ring, a_read_forwards)
{
	ASSERT_EQ(0, tfd_arm_late(self->fd, CLOCK_REALTIME));
	ASSERT_TRUE(tfd_expires(self->fd));
	uring_queue(&self->ring, IORING_OP_READ, self->fd, &self->value, 8, 1);
	ASSERT_EQ(1, uring_submit(&self->ring));
	ASSERT_TRUE(uring_wait(&self->ring, &self->cqe));
	EXPECT_EQ(8, self->cqe.res);
	EXPECT_EQ(LATE_TICKS, self->value);
	EXPECT_LT(FAR_NS / 2, tfd_left(self->fd));
}

TEST_F(ring, read_waits_for_the_time)
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

/* A periodic timer makes one event for each read. */
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

/* A request keeps the file, and so the timer. */
TEST_F(ring, closed_while_it_is_read)
{
	uring_queue(&self->ring, IORING_OP_READ, self->fd, &self->value, 8, 2);
	ASSERT_EQ(1, uring_submit(&self->ring));
	ASSERT_EQ(0, tfd_arm(self->fd, 0, 20 * NS_PER_MS, 0));
	ASSERT_EQ(0, close(self->fd));
	ASSERT_TRUE(uring_wait(&self->ring, &self->cqe));
	EXPECT_EQ(8, self->cqe.res);
	EXPECT_EQ(1, self->value);
}

/* The read that waits may outlive the ring, but its result is not seen. */
TEST_F(ring, the_ring_ends_before_the_timer_expires)
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

TEST_HARNESS_MAIN
