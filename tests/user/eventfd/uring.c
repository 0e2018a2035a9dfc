// SPDX-License-Identifier: GPL-2.0
/*
 * Event descriptors in io_uring. O_NONBLOCK makes no difference: requests wait
 * for what they need, without a thread that blocks.
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

TEST_F(ring, read_what_is_there)
{
	uint64_t big[4] = { };

	ASSERT_EQ(8, efd_add(self->fd, 5));
	uring_queue(&self->ring, IORING_OP_READ, self->fd, &self->value, 8, 1);
	ASSERT_EQ(1, uring_submit(&self->ring));
	ASSERT_TRUE(uring_wait(&self->ring, &self->cqe));
	EXPECT_EQ(8, self->cqe.res);
	EXPECT_EQ(5, self->value);
	ASSERT_EQ(8, efd_add(self->fd, 6));
	uring_queue(&self->ring, IORING_OP_READ, self->fd, big, sizeof(big), 2);
	ASSERT_EQ(1, uring_submit(&self->ring));
	ASSERT_TRUE(uring_wait(&self->ring, &self->cqe));
	EXPECT_EQ(8, self->cqe.res);
	EXPECT_EQ(6, big[0]);
}

TEST_F(ring, read_waits)
{
	uring_queue(&self->ring, IORING_OP_READ, self->fd, &self->value, 8, 1);
	ASSERT_EQ(1, uring_submit(&self->ring));
	sleep_ms(20);
	EXPECT_FALSE(uring_next(&self->ring, &self->cqe));
	ASSERT_EQ(8, efd_add(self->fd, 0));
	sleep_ms(20);
	EXPECT_FALSE(uring_next(&self->ring, &self->cqe));
	ASSERT_EQ(8, efd_add(self->fd, 7));
	ASSERT_TRUE(uring_wait(&self->ring, &self->cqe));
	EXPECT_EQ(8, self->cqe.res);
	EXPECT_EQ(7, self->value);
	EXPECT_EQ(0, efd_count(self->fd));
}

TEST_F(ring, readv)
{
	uint32_t halves[2] = { };
	struct iovec iov[2] = {
		{ .iov_base = &halves[0], .iov_len = 4 },
		{ .iov_base = &halves[1], .iov_len = 4 },
	};

	ASSERT_EQ(8, efd_add(self->fd, 0x200000001));
	uring_queue(&self->ring, IORING_OP_READV, self->fd, iov, 2, 1);
	ASSERT_EQ(1, uring_submit(&self->ring));
	ASSERT_TRUE(uring_wait(&self->ring, &self->cqe));
	EXPECT_EQ(8, self->cqe.res);
	EXPECT_EQ(1, halves[0]);
	EXPECT_EQ(2, halves[1]);
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

TEST_F(ring, sizes)
{
	static const int ops[] = { IORING_OP_READ, IORING_OP_WRITE };
	uint64_t buf[2] = { };

	ASSERT_EQ(8, efd_add(self->fd, 1));
	for (size_t i = 0; i < ARRAY_SIZE(ops); i++) {
		for (int size = 0; size <= 16; size += 4) {
			if (size == 8 || (size > 8 && ops[i] == IORING_OP_READ))
				continue;
			uring_queue(&self->ring, ops[i], self->fd, buf, size, 1);
			ASSERT_EQ(1, uring_submit(&self->ring));
			ASSERT_TRUE(uring_wait(&self->ring, &self->cqe));
			/* Of an empty write, the file is not even told. */
			EXPECT_EQ(size || ops[i] == IORING_OP_READ ?
				  -EINVAL : 0, self->cqe.res)
				TH_LOG("operation %d, size %d", ops[i], size);
		}
	}
	EXPECT_EQ(1, efd_take(self->fd));
}

TEST_F(ring, poll)
{
	uring_poll(&self->ring, self->fd, POLLIN | POLLOUT, false, 1);
	ASSERT_EQ(1, uring_submit(&self->ring));
	ASSERT_TRUE(uring_wait(&self->ring, &self->cqe));
	EXPECT_EQ(POLLOUT, self->cqe.res);
	uring_poll(&self->ring, self->fd, POLLIN, false, 2);
	ASSERT_EQ(1, uring_submit(&self->ring));
	EXPECT_FALSE(uring_next(&self->ring, &self->cqe));
	ASSERT_EQ(8, efd_add(self->fd, 1));
	ASSERT_TRUE(uring_wait(&self->ring, &self->cqe));
	EXPECT_EQ(2, self->cqe.user_data);
	EXPECT_EQ(POLLIN, self->cqe.res);
	ASSERT_EQ(8, efd_add(self->fd, 1));
	EXPECT_FALSE(uring_next(&self->ring, &self->cqe));
	/* io_uring believes the wake-up, and a write of 0 wakes. */
	EXPECT_EQ(2, efd_take(self->fd));
	uring_poll(&self->ring, self->fd, POLLIN, false, 3);
	ASSERT_EQ(1, uring_submit(&self->ring));
	EXPECT_FALSE(uring_next(&self->ring, &self->cqe));
	ASSERT_EQ(8, efd_add(self->fd, 0));
	ASSERT_TRUE(uring_wait(&self->ring, &self->cqe));
	EXPECT_EQ(3, self->cqe.user_data);
	EXPECT_EQ(POLLIN, self->cqe.res);
}

TEST_F(ring, multishot_poll)
{
	uring_poll(&self->ring, self->fd, POLLIN, true, 1);
	ASSERT_EQ(1, uring_submit(&self->ring));
	EXPECT_FALSE(uring_next(&self->ring, &self->cqe));
	for (int i = 0; i < 5; i++) {
		ASSERT_EQ(8, efd_add(self->fd, 1));
		ASSERT_TRUE(uring_wait(&self->ring, &self->cqe));
		EXPECT_EQ(POLLIN, self->cqe.res);
		EXPECT_TRUE(self->cqe.flags & IORING_CQE_F_MORE);
		EXPECT_FALSE(uring_next(&self->ring, &self->cqe));
	}
	/* A read is no input. */
	EXPECT_EQ(5, efd_take(self->fd));
	EXPECT_FALSE(uring_next(&self->ring, &self->cqe));
	ASSERT_EQ(8, efd_add(self->fd, 1));
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
	ASSERT_EQ(8, efd_add(self->fd, 1));
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
	ASSERT_EQ(8, efd_add(self->fd, 1));
	EXPECT_FALSE(uring_next(&self->ring, &self->cqe));
	EXPECT_EQ(1, efd_count(self->fd));
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

TEST_F(ring, read_by_a_worker)
{
	ASSERT_EQ(8, efd_add(self->fd, 4));
	uring_queue(&self->ring, IORING_OP_READ, self->fd, &self->value, 8, 1)
		->flags = IOSQE_ASYNC;
	ASSERT_EQ(1, uring_submit(&self->ring));
	ASSERT_TRUE(uring_wait(&self->ring, &self->cqe));
	EXPECT_EQ(8, self->cqe.res);
	EXPECT_EQ(4, self->value);
	uring_queue(&self->ring, IORING_OP_READ, self->fd, &self->value, 8, 2)
		->flags = IOSQE_ASYNC;
	ASSERT_EQ(1, uring_submit(&self->ring));
	sleep_ms(20);
	ASSERT_EQ(8, efd_add(self->fd, 2));
	ASSERT_TRUE(uring_wait(&self->ring, &self->cqe));
	EXPECT_EQ(8, self->cqe.res);
	EXPECT_EQ(2, self->value);
}

TEST_F(ring, nowait_flag)
{
	uring_queue(&self->ring, IORING_OP_READ, self->fd, &self->value, 8, 1)
		->rw_flags = RWF_NOWAIT;
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
	EXPECT_EQ(0, efd_count(self->fd));
}

TEST_F(ring, closed_while_polled)
{
	int other = dup(self->fd);

	uring_poll(&self->ring, self->fd, POLLIN, false, 1);
	ASSERT_EQ(1, uring_submit(&self->ring));
	ASSERT_EQ(0, close(self->fd));
	EXPECT_FALSE(uring_next(&self->ring, &self->cqe));
	ASSERT_EQ(8, efd_add(other, 1));
	ASSERT_TRUE(uring_wait(&self->ring, &self->cqe));
	EXPECT_EQ(POLLIN, self->cqe.res);
	/* The poll alone keeps the file; the ring's end ends it. */
	EXPECT_EQ(1, efd_take(other));
	uring_poll(&self->ring, other, POLLIN, false, 2);
	ASSERT_EQ(1, uring_submit(&self->ring));
	ASSERT_EQ(0, close(other));
	EXPECT_FALSE(uring_next(&self->ring, &self->cqe));
}

TEST_F(ring, registered_file)
{
	ASSERT_EQ(0, syscall(SYS_io_uring_register, self->ring.fd,
			     IORING_REGISTER_FILES, &self->fd, 1));
	ASSERT_EQ(8, efd_add(self->fd, 8));
	ASSERT_EQ(0, close(self->fd));
	uring_queue(&self->ring, IORING_OP_READ, 0, &self->value, 8, 1)
		->flags = IOSQE_FIXED_FILE;
	ASSERT_EQ(1, uring_submit(&self->ring));
	ASSERT_TRUE(uring_wait(&self->ring, &self->cqe));
	EXPECT_EQ(8, self->cqe.res);
	EXPECT_EQ(8, self->value);
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
	/* A named difference: the kernel's own posts go to its own kind. */
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
