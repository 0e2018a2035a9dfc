// SPDX-License-Identifier: GPL-2.0
/*
 * Writes to a counter by io_uring, and the eventfd of a ring.
 */
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
	.flags = EFD_NONBLOCK,
};

FIXTURE_SETUP(ring)
{
	ASSERT_TRUE(uring_open(&self->ring));
	self->fd = efd_new(0, variant->flags);
	ASSERT_GE(self->fd, 0);
}

FIXTURE_TEARDOWN(ring)
{
	close(self->ring.fd);
	close(self->fd);
}

TEST_F(ring, write)
{
	self->value = 9;
	uring_queue(&self->ring, IORING_OP_WRITE, self->fd, &self->value, 8, 1);
	ASSERT_EQ(1, uring_submit(&self->ring));
	ASSERT_TRUE(uring_wait(&self->ring, &self->cqe));
	EXPECT_EQ(8, self->cqe.res);
	EXPECT_EQ(9, efd_take(self->fd));
}

TEST_F(ring, write_waits)
{
	ASSERT_EQ(8, efd_add(self->fd, EFD_COUNT_MAX));
	self->value = 3;
	uring_queue(&self->ring, IORING_OP_WRITE, self->fd, &self->value, 8, 1);
	ASSERT_EQ(1, uring_submit(&self->ring));
	sleep_ms(20);
	EXPECT_FALSE(uring_next(&self->ring, &self->cqe));
	EXPECT_EQ((int64_t)EFD_COUNT_MAX, efd_take(self->fd));
	ASSERT_TRUE(uring_wait(&self->ring, &self->cqe));
	EXPECT_EQ(8, self->cqe.res);
	EXPECT_EQ(3, efd_take(self->fd));
}

TEST_F(ring, write_sizes)
{
	uint64_t buf[2] = { };

	ASSERT_EQ(8, efd_add(self->fd, 1));
	for (int size = 0; size <= 16; size += 4) {
		if (size == 8)
			continue;
		uring_queue(&self->ring, IORING_OP_WRITE, self->fd, buf, size, 1);
		ASSERT_EQ(1, uring_submit(&self->ring));
		ASSERT_TRUE(uring_wait(&self->ring, &self->cqe));
		/* An empty write does not reach the file. */
		EXPECT_EQ(size ? -EINVAL : 0, self->cqe.res)
			TH_LOG("size %d", size);
	}
	EXPECT_EQ(1, efd_take(self->fd));
}

TEST_F(ring, linked)
{
	uint64_t one = 1;

	uring_queue(&self->ring, IORING_OP_WRITE, self->fd, &one, 8, 1)
		->flags = IOSQE_IO_LINK;
	uring_queue(&self->ring, IORING_OP_READ, self->fd, &self->value, 8, 2)
		->flags = IOSQE_IO_LINK;
	uring_poll(&self->ring, self->fd, POLLOUT, false, 3);
	ASSERT_EQ(3, uring_submit(&self->ring));
	for (unsigned int i = 1; i <= 3; i++) {
		ASSERT_TRUE(uring_wait(&self->ring, &self->cqe));
		EXPECT_EQ(i, self->cqe.user_data);
		EXPECT_EQ(i == 3 ? POLLOUT : 8, self->cqe.res);
	}
	EXPECT_EQ(1, self->value);
}

TEST(notified_by_a_ring)
{
	struct uring ring;
	int fd = efd_new(0, EFD_NONBLOCK);
	int ret;

	ASSERT_GE(fd, 0);
	ASSERT_TRUE(uring_open(&ring));
	ret = syscall(SYS_io_uring_register, ring.fd, IORING_REGISTER_EVENTFD,
		      &fd, 1);
	/* A documented difference: the kernel posts to its own eventfds only. */
	if (impl_is_no_native()) {
		EXPECT_EQ(-1, ret);
		EXPECT_EQ(EINVAL, errno);
		return;
	}
	ASSERT_EQ(0, ret);
	uring_queue(&ring, IORING_OP_NOP, -1, NULL, 0, 1);
	ASSERT_EQ(1, uring_submit(&ring));
	EXPECT_EQ(1, efd_take(fd));
}

TEST_HARNESS_MAIN
