// SPDX-License-Identifier: GPL-2.0
/*
 * evfd promises, and native does not, that a read that fails with EFAULT leaves the
 * counter as it was: any count, and no room is made.
 */
#include "common.h"
#include "fault.h"
#include "missing.h"

FIXTURE(fault)
{
	void *buf;
	int fd;
};

FIXTURE_VARIANT(fault)
{
	enum bad_buffer buffer;
	int flags;
};

FIXTURE_VARIANT_ADD(fault, no_access)
{
	.buffer = NO_ACCESS,
};

FIXTURE_VARIANT_ADD(fault, read_only)
{
	.buffer = READ_ONLY,
};

FIXTURE_VARIANT_ADD(fault, half_no_access)
{
	.buffer = HALF_NO_ACCESS,
};

FIXTURE_VARIANT_ADD(fault, half_read_only)
{
	.buffer = HALF_READ_ONLY,
};

FIXTURE_VARIANT_ADD(fault, semaphore)
{
	.buffer = NO_ACCESS,
	.flags = EFD_SEMAPHORE,
};

FIXTURE_VARIANT_ADD(fault, semaphore_half)
{
	.buffer = HALF_NO_ACCESS,
	.flags = EFD_SEMAPHORE,
};

FIXTURE_VARIANT_ADD(fault, wake_one)
{
	.buffer = READ_ONLY,
	.flags = EVFD_EFD_WAKE_ONE,
};

FIXTURE_SETUP(fault)
{
	self->buf = bad_buffer(variant->buffer, 8);
	self->fd = efd_new(0, variant->flags | EFD_NONBLOCK);
	ASSERT_GE(self->fd, 0);
}

FIXTURE_TEARDOWN(fault)
{
	close(self->fd);
}

static const uint64_t counts[] = { 1, 2, 0xabcdef0123456789, EFD_COUNT_MAX };

TEST_F(fault, any_count)
{
	for (size_t i = 0; i < ARRAY_SIZE(counts); i++) {
		int fd = efd_new(0, variant->flags | EFD_NONBLOCK);

		ASSERT_EQ(8, efd_add(fd, counts[i]));
		for (int j = 0; j < 3; j++) {
			EXPECT_EQ(-1, read(fd, self->buf, 8));
			EXPECT_EQ(EFAULT, errno);
			EXPECT_EQ((int64_t)counts[i], efd_count(fd));
		}
		EXPECT_EQ(counts[i] == EFD_COUNT_MAX ? POLLIN :
			  POLLIN | POLLOUT, poll_now(fd));
		EXPECT_EQ(variant->flags & EFD_SEMAPHORE ? INT64_C(1) :
			  (int64_t)counts[i], efd_take(fd));
		close(fd);
	}
}

TEST_F(fault, no_room_is_made)
{
	struct call writer = { .make = call_write, .fd = self->fd, .value = 1 };

	ASSERT_EQ(0, fcntl(self->fd, F_SETFL, 0));
	ASSERT_EQ(8, efd_add(self->fd, EFD_COUNT_MAX));
	ASSERT_TRUE(call_start_blocked(&writer));
	for (int i = 0; i < 10; i++) {
		EXPECT_EQ(-1, read(self->fd, self->buf, 8));
		EXPECT_EQ(EFAULT, errno);
	}
	EXPECT_TRUE(call_blocks(&writer));
	EXPECT_EQ((int64_t)EFD_COUNT_MAX, efd_count(self->fd));
	EXPECT_LT(INT64_MIN, efd_take(self->fd));
	ASSERT_TRUE(call_ends(&writer));
	EXPECT_EQ(8, writer.ret);
}

/* The waiter comes while a read that will fail has the count. */
TEST(a_count_that_comes_back_wakes)
{
	static const int flags[] = {
		0, EFD_SEMAPHORE, EVFD_EFD_WAKE_ONE, EVFD_EFD_WAKE_ONE | EFD_SEMAPHORE,
	};

	for (size_t i = 0; i < 2 * ARRAY_SIZE(flags); i++) {
		int fd = efd_new(1, flags[i / 2]);
		struct call bad = { .make = call_read, .fd = fd };
		struct call waiter = { .make = call_read, .fd = fd };
		struct missing missing;

		if (i % 2) {
			waiter.make = call_poll;
			waiter.value = POLLIN;
		}
		ASSERT_GE(fd, 0);
		ASSERT_TRUE(missing_open(&missing));
		ASSERT_TRUE(missing_stops(&missing, &bad));
		ASSERT_EQ(0, efd_count(fd));
		ASSERT_TRUE(call_start_blocked(&waiter));
		ASSERT_TRUE(missing_refuse(&missing));
		ASSERT_TRUE(call_ends(&bad));
		EXPECT_EQ(-1, bad.ret);
		EXPECT_EQ(EFAULT, bad.err);
		ASSERT_TRUE(call_ends(&waiter)) TH_LOG("flags %#x", flags[i / 2]);
		EXPECT_EQ(i % 2 ? POLLIN : 1, waiter.value);
		missing_close(&missing);
		close(fd);
	}
}

TEST_HARNESS_MAIN
