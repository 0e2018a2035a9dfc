// SPDX-License-Identifier: GPL-2.0
/*
 * What evfd promises and native does not: a read that fails with EFAULT leaves
 * the counter as it was.
 */
#include "fault.h"
#include "races.h"
#include "uring.h"

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
	self->fd = evfd_new(0, variant->flags | EFD_NONBLOCK);
	ASSERT_GE(self->fd, 0);
}

FIXTURE_TEARDOWN(fault)
{
	close(self->fd);
}

static const uint64_t counts[] = { 1, 2, 0xabcdef0123456789, EFD_COUNT_MAX };

/* Sets the counter, whatever it was, of a descriptor that does not block. */
static bool set_count(int fd, uint64_t count)
{
	while (efd_count(fd) > 0 && efd_count(fd) < 4)
		efd_take(fd);
	if (efd_count(fd))
		return false;
	return efd_add(fd, count) == 8;
}

TEST_F(fault, read)
{
	for (size_t i = 0; i < ARRAY_SIZE(counts); i++) {
		int fd = evfd_new(0, variant->flags | EFD_NONBLOCK);

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
	/* No memory at all, as opposed to memory one may not use. */
	ASSERT_TRUE(set_count(self->fd, 2));
	EXPECT_EQ(-1, read(self->fd, nowhere(), 8));
	EXPECT_EQ(EFAULT, errno);
	EXPECT_EQ(2, efd_count(self->fd));
	while (efd_take(self->fd) > 0)
		;
	/* With nothing to read, the memory does not matter. */
	EXPECT_EQ(-1, read(self->fd, self->buf, 8));
	EXPECT_EQ(EAGAIN, errno);
}

TEST_F(fault, vectors)
{
	uint64_t value = 0;
	struct iovec iov[2] = {
		{ .iov_base = self->buf, .iov_len = 8 },
		{ .iov_base = &value, .iov_len = 8 },
	};

	ASSERT_TRUE(set_count(self->fd, 3));
	EXPECT_EQ(-1, readv(self->fd, iov, 2));
	EXPECT_EQ(EFAULT, errno);
	EXPECT_EQ(3, efd_count(self->fd));
	EXPECT_EQ(-1, preadv2(self->fd, iov, 2, -1, RWF_NOWAIT));
	EXPECT_EQ(EFAULT, errno);
	EXPECT_EQ(3, efd_count(self->fd));
	/* The second half of the value can't be put. */
	iov[1] = iov[0];
	iov[0] = (struct iovec){ .iov_base = &value, .iov_len = 4 };
	if (variant->buffer == NO_ACCESS || variant->buffer == READ_ONLY) {
		EXPECT_EQ(-1, readv(self->fd, iov, 2));
		EXPECT_EQ(EFAULT, errno);
	} else {
		EXPECT_EQ(8, readv(self->fd, iov, 2));
		ASSERT_TRUE(set_count(self->fd, 3));
	}
	EXPECT_EQ(3, efd_count(self->fd));
}

TEST_F(fault, io_uring)
{
	struct iovec iov = { .iov_base = self->buf, .iov_len = 8 };
	struct io_uring_cqe cqe;
	struct uring ring;

	ASSERT_TRUE(uring_open(&ring));
	ASSERT_TRUE(set_count(self->fd, 3));
	for (unsigned int flags = 0; flags <= IOSQE_ASYNC; flags += IOSQE_ASYNC) {
		uring_queue(&ring, IORING_OP_READ, self->fd, self->buf, 8, 1)
			->flags = flags;
		uring_queue(&ring, IORING_OP_READV, self->fd, &iov, 1, 2)
			->flags = flags;
		ASSERT_EQ(2, uring_submit(&ring));
		for (int i = 0; i < 2; i++) {
			ASSERT_TRUE(uring_wait(&ring, &cqe));
			EXPECT_EQ(-EFAULT, cqe.res);
		}
		EXPECT_EQ(3, efd_count(self->fd));
	}
}

TEST_F(fault, blocked_io_uring)
{
	struct io_uring_cqe cqe;
	struct uring ring;

	ASSERT_EQ(0, fcntl(self->fd, F_SETFL, 0));
	ASSERT_TRUE(uring_open(&ring));
	uring_queue(&ring, IORING_OP_READ, self->fd, self->buf, 8, 1);
	ASSERT_EQ(1, uring_submit(&ring));
	EXPECT_FALSE(uring_next(&ring, &cqe));
	ASSERT_EQ(8, efd_add(self->fd, 4));
	ASSERT_TRUE(uring_wait(&ring, &cqe));
	EXPECT_EQ(-EFAULT, cqe.res);
	EXPECT_EQ(4, efd_count(self->fd));
}

TEST_F(fault, blocked_reader)
{
	struct call bad = { .make = call_read, .fd = self->fd };
	struct call good = { .make = call_read, .fd = self->fd };

	bad.buf = self->buf;
	ASSERT_EQ(0, fcntl(self->fd, F_SETFL, 0));
	ASSERT_TRUE(call_start_blocked(&bad));
	ASSERT_TRUE(call_start_blocked(&good));
	ASSERT_EQ(8, efd_add(self->fd, 1));
	/* Whoever comes first: the one that can take it gets it. */
	ASSERT_TRUE(call_ends(&good));
	EXPECT_EQ(8, good.ret);
	EXPECT_EQ(1, good.value);
	if (!bad.done)
		ASSERT_EQ(8, efd_add(self->fd, 1));
	ASSERT_TRUE(call_ends(&bad));
	EXPECT_EQ(-1, bad.ret);
	EXPECT_EQ(EFAULT, bad.err);
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

/* A buffer that others make unwritable and writable again all the time. */
static char *shaky;

static uint64_t shaky_read(struct crowd *crowd)
{
	uint64_t value;

	if (read(crowd->fd, shaky, sizeof(value)) != sizeof(value)) {
		if (errno != EFAULT && errno != EAGAIN && errno != EINTR)
			crowd->failed = true;
		return crowd_read(crowd);
	}
	/* One thread reads so: nobody else has written here. */
	memcpy(&value, shaky, sizeof(value));
	return value;
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

static bool shaky_crowd(int flags)
{
	struct crowd crowd = {
		.fd = evfd_new(0, flags), .writers = 3, .readers = 1,
		.value = 1, .read = shaky_read,
	};
	pthread_t thread;
	bool good;

	shaky = mmap(NULL, 4096, PROT_READ | PROT_WRITE,
		     MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (crowd.fd < 0 || pthread_create(&thread, NULL, shake, &crowd))
		return false;
	good = crowd_run(&crowd);
	crowd.stop = true;
	pthread_join(thread, NULL);
	return good;
}

TEST(faults_come_and_go)
{
	EXPECT_TRUE(shaky_crowd(0));
	EXPECT_TRUE(shaky_crowd(EFD_SEMAPHORE));
}

/* Half of the reads fail. */
static uint64_t faulty_read(struct crowd *crowd)
{
	static _Atomic unsigned int turn;

	if (turn++ % 2)
		return crowd_read(crowd);
	if (read(crowd->fd, nowhere(), 8) != -1 ||
	    (errno != EFAULT && errno != EINTR && errno != EAGAIN))
		crowd->failed = true;
	return 0;
}

TEST(faulty_readers_among_others)
{
	static const int flags[] = {
		0, EFD_SEMAPHORE, EVFD_EFD_WAKE_ONE,
		EVFD_EFD_WAKE_ONE | EFD_SEMAPHORE,
	};

	for (size_t i = 0; i < ARRAY_SIZE(flags); i++) {
		struct crowd crowd = {
			.fd = evfd_new(0, flags[i]), .writers = 3, .readers = 3,
			.value = 1, .read = faulty_read,
		};

		ASSERT_GE(crowd.fd, 0);
		EXPECT_TRUE(crowd_run(&crowd)) TH_LOG("flags %#x", flags[i]);
	}
}

TEST_HARNESS_MAIN
