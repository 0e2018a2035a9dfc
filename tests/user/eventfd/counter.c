// SPDX-License-Identifier: GPL-2.0
/*
 * The counter without blocking: initial values, flags and sizes, and the limits and errors
 * of read and write.
 */
#include "common.h"

#include <sys/resource.h>

TEST(initial_count)
{
	static const unsigned int counts[] = { 0, 1, 2, INT32_MAX, UINT32_MAX };

	for (size_t i = 0; i < ARRAY_SIZE(counts); i++) {
		int64_t want = counts[i] ? (int64_t)counts[i] : -EAGAIN;
		int fd = efd_new(counts[i], EFD_NONBLOCK);

		ASSERT_GE(fd, 0);
		EXPECT_EQ(want, efd_take(fd));
		EXPECT_EQ(-EAGAIN, efd_take(fd));
		EXPECT_EQ(0, close(fd));
	}
}

TEST(flags_bit_by_bit)
{
	for (int bit = 0; bit < 32; bit++) {
		int flag = (int)(1u << bit);
		bool known = flag == EFD_SEMAPHORE || flag == EFD_CLOEXEC ||
			     flag == EFD_NONBLOCK;
		int fd;

		/* A named difference: only evfd has this flag. */
		if (impl_is_evfd() && flag == EVFD_EFD_WAKE_ONE)
			known = true;
		fd = efd_new(0, flag);
		if (known) {
			EXPECT_GE(fd, 0) TH_LOG("flag %#x", flag);
			close(fd);
		} else {
			EXPECT_EQ(-1, fd) TH_LOG("flag %#x", flag);
			EXPECT_EQ(EINVAL, errno);
		}
	}
}

TEST(flags_combined)
{
	int all = EFD_SEMAPHORE | EFD_CLOEXEC | EFD_NONBLOCK;
	int fd = efd_new(2, all);

	ASSERT_GE(fd, 0);
	EXPECT_EQ(FD_CLOEXEC, fcntl(fd, F_GETFD));
	EXPECT_EQ(O_RDWR | O_NONBLOCK, fcntl(fd, F_GETFL));
	EXPECT_EQ(1, efd_take(fd));
	EXPECT_EQ(1, efd_take(fd));
	EXPECT_EQ(-EAGAIN, efd_take(fd));
	EXPECT_EQ(-1, efd_new(0, all | (1 << 5)));
	EXPECT_EQ(EINVAL, errno);
	EXPECT_EQ(-1, efd_new(0, -1));
	EXPECT_EQ(EINVAL, errno);
}

TEST(no_flags)
{
	int fd = efd_new(0, 0);

	ASSERT_GE(fd, 0);
	EXPECT_EQ(0, fcntl(fd, F_GETFD));
	EXPECT_EQ(O_RDWR, fcntl(fd, F_GETFL));
}

TEST(failure_leaves_no_descriptor)
{
	int before = dup(0);

	ASSERT_GE(before, 0);
	close(before);
	EXPECT_EQ(-1, efd_new(0, 1 << 5));
	EXPECT_EQ(before, dup(0));
}

TEST(no_descriptor_left)
{
	struct rlimit limit = { };
	int lowest = dup(0);

	ASSERT_GE(lowest, 0);
	close(lowest);
	/* The first call makes the arena too, if counters have cells. */
	close(efd_new(0, 0));
	/* Leave a descriptor for evfd's device, but no more. */
	limit.rlim_cur = lowest + (impl_is_evfd() ? 1 : 0);
	limit.rlim_max = limit.rlim_cur + 8;
	ASSERT_EQ(0, setrlimit(RLIMIT_NOFILE, &limit));
	EXPECT_EQ(-1, efd_new(0, 0));
	EXPECT_EQ(EMFILE, errno);
	limit.rlim_cur++;
	ASSERT_EQ(0, setrlimit(RLIMIT_NOFILE, &limit));
	EXPECT_LE(lowest, efd_new(0, 0));
}

TEST(read_takes_all)
{
	int fd = efd_new(0, EFD_NONBLOCK);

	ASSERT_GE(fd, 0);
	EXPECT_EQ(8, efd_add(fd, 1));
	EXPECT_EQ(8, efd_add(fd, 2));
	EXPECT_EQ(8, efd_add(fd, 0x100000000));
	EXPECT_EQ(0x100000003, efd_take(fd));
	EXPECT_EQ(-EAGAIN, efd_take(fd));
}

TEST(semaphore_read_takes_one)
{
	int fd = efd_new(1, EFD_NONBLOCK | EFD_SEMAPHORE);

	ASSERT_GE(fd, 0);
	EXPECT_EQ(8, efd_add(fd, 2));
	EXPECT_EQ(1, efd_take(fd));
	EXPECT_EQ(2, efd_count(fd));
	EXPECT_EQ(1, efd_take(fd));
	EXPECT_EQ(1, efd_take(fd));
	for (int i = 0; i < 3; i++)
		EXPECT_EQ(-EAGAIN, efd_take(fd));
	EXPECT_EQ(0, efd_count(fd));
	EXPECT_EQ(8, efd_add(fd, 1));
	EXPECT_EQ(1, efd_take(fd));
}

TEST(read_sizes)
{
	uint64_t buf[512];
	int fd = efd_new(0, EFD_NONBLOCK);

	ASSERT_GE(fd, 0);
	for (size_t size = 0; size < 8; size++) {
		/* The size is checked before the counter. */
		EXPECT_EQ(-1, read(fd, buf, size));
		EXPECT_EQ(EINVAL, errno);
	}
	ASSERT_EQ(8, efd_add(fd, 7));
	for (size_t size = 0; size < 8; size++) {
		EXPECT_EQ(-1, read(fd, buf, size));
		EXPECT_EQ(EINVAL, errno);
	}
	EXPECT_EQ(7, efd_count(fd));
	for (size_t size = 8; size <= sizeof(buf); size += 8) {
		memset(buf, 0xa5, sizeof(buf));
		ASSERT_EQ(8, read(fd, buf, size));
		EXPECT_EQ(7, buf[0]);
		EXPECT_EQ(UINT64_C(0xa5a5a5a5a5a5a5a5), buf[1]);
		ASSERT_EQ(8, efd_add(fd, 7));
	}
	EXPECT_EQ(8, read(fd, buf, 9));
}

TEST(write_sizes)
{
	uint64_t buf[512] = { 1, 1 };
	int fd = efd_new(0, EFD_NONBLOCK);

	ASSERT_GE(fd, 0);
	for (size_t size = 0; size <= 40; size++) {
		ssize_t n = write(fd, buf, size);

		if (size == 8) {
			EXPECT_EQ(8, n);
		} else {
			EXPECT_EQ(-1, n) TH_LOG("size %zu", size);
			EXPECT_EQ(EINVAL, errno);
		}
	}
	EXPECT_EQ(-1, write(fd, buf, sizeof(buf)));
	EXPECT_EQ(EINVAL, errno);
	EXPECT_EQ(1, efd_take(fd));
}

TEST(write_zero)
{
	int fd = efd_new(0, EFD_NONBLOCK);

	ASSERT_GE(fd, 0);
	EXPECT_EQ(8, efd_add(fd, 0));
	EXPECT_EQ(POLLOUT, poll_now(fd));
	EXPECT_EQ(-EAGAIN, efd_take(fd));
	ASSERT_EQ(8, efd_add(fd, EFD_COUNT_MAX));
	EXPECT_EQ(8, efd_add(fd, 0));
	EXPECT_EQ((int64_t)EFD_COUNT_MAX, efd_take(fd));
}

TEST(write_greatest)
{
	int fd = efd_new(0, EFD_NONBLOCK);

	ASSERT_GE(fd, 0);
	EXPECT_EQ(-1, efd_add(fd, UINT64_MAX));
	EXPECT_EQ(EINVAL, errno);
	EXPECT_EQ(8, efd_add(fd, EFD_COUNT_MAX));
	EXPECT_EQ(-1, efd_add(fd, UINT64_MAX));
	EXPECT_EQ(EINVAL, errno);
	EXPECT_EQ(-1, efd_add(fd, EFD_COUNT_MAX));
	EXPECT_EQ(EAGAIN, errno);
	EXPECT_EQ(-1, efd_add(fd, 1));
	EXPECT_EQ(EAGAIN, errno);
	EXPECT_EQ((int64_t)EFD_COUNT_MAX, efd_count(fd));
	EXPECT_EQ((int64_t)EFD_COUNT_MAX, efd_take(fd));
	EXPECT_EQ(-EAGAIN, efd_take(fd));
}

TEST(overflow)
{
	int fd = efd_new(0, EFD_NONBLOCK);

	ASSERT_GE(fd, 0);
	ASSERT_EQ(8, efd_add(fd, EFD_COUNT_MAX - 10));
	EXPECT_EQ(-1, efd_add(fd, 11));
	EXPECT_EQ(EAGAIN, errno);
	EXPECT_EQ(-1, efd_add(fd, EFD_COUNT_MAX));
	EXPECT_EQ(EAGAIN, errno);
	EXPECT_EQ(8, efd_add(fd, 10));
	EXPECT_EQ(-1, efd_add(fd, 1));
	EXPECT_EQ(EAGAIN, errno);
	EXPECT_EQ((int64_t)EFD_COUNT_MAX, efd_take(fd));
}

TEST(semaphore_at_the_limit)
{
	int fd = efd_new(0, EFD_NONBLOCK | EFD_SEMAPHORE);

	ASSERT_GE(fd, 0);
	ASSERT_EQ(8, efd_add(fd, EFD_COUNT_MAX));
	EXPECT_EQ(-1, efd_add(fd, 1));
	EXPECT_EQ(EAGAIN, errno);
	EXPECT_EQ(1, efd_take(fd));
	EXPECT_EQ((int64_t)EFD_COUNT_MAX - 1, efd_count(fd));
	EXPECT_EQ(8, efd_add(fd, 1));
	EXPECT_EQ(-1, efd_add(fd, 1));
	EXPECT_EQ(EAGAIN, errno);
}

TEST(write_from_bad_memory)
{
	size_t page = sysconf(_SC_PAGESIZE);
	int fd = efd_new(3, EFD_NONBLOCK);
	char *map;

	ASSERT_GE(fd, 0);
	map = mmap(NULL, 2 * page, PROT_READ | PROT_WRITE,
		   MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	ASSERT_NE(MAP_FAILED, map);
	ASSERT_EQ(0, munmap(map + page, page));
	for (size_t inside = 0; inside < 8; inside++) {
		EXPECT_EQ(-1, write(fd, map + page - inside, 8));
		EXPECT_EQ(EFAULT, errno);
	}
	EXPECT_EQ(-1, write(fd, nowhere(), 8));
	EXPECT_EQ(EFAULT, errno);
	/* The size is checked before the memory. */
	EXPECT_EQ(-1, write(fd, nowhere(), 7));
	EXPECT_EQ(EINVAL, errno);
	EXPECT_EQ(3, efd_take(fd));
}

TEST(read_into_bad_memory)
{
	int fd = efd_new(0, EFD_NONBLOCK);

	ASSERT_GE(fd, 0);
	EXPECT_EQ(-1, read(fd, nowhere(), 8));
	EXPECT_EQ(EAGAIN, errno);
	EXPECT_EQ(-1, read(fd, nowhere(), 7));
	EXPECT_EQ(EINVAL, errno);
	ASSERT_EQ(8, efd_add(fd, 5));
	EXPECT_EQ(-1, read(fd, nowhere(), 8));
	EXPECT_EQ(EFAULT, errno);
	/* A named difference: native has lost the count. */
	EXPECT_EQ(impl_is_no_native() ? 5 : -EAGAIN, efd_take(fd));
}

TEST(unaligned_buffers)
{
	char raw[32];
	uint64_t value = 0x0102030405060708;
	int fd = efd_new(0, EFD_NONBLOCK);

	ASSERT_GE(fd, 0);
	for (int offset = 0; offset < 8; offset++) {
		memcpy(raw + offset, &value, sizeof(value));
		ASSERT_EQ(8, write(fd, raw + offset, 8));
		memset(raw, 0, sizeof(raw));
		ASSERT_EQ(8, read(fd, raw + offset, 8));
		EXPECT_EQ(0, memcmp(raw + offset, &value, sizeof(value)));
	}
}

TEST(buffer_across_pages)
{
	size_t page = sysconf(_SC_PAGESIZE);
	uint64_t value = 0x1122334455667788;
	int fd = efd_new(0, EFD_NONBLOCK);
	char *map;

	ASSERT_GE(fd, 0);
	for (int offset = 1; offset < 8; offset++) {
		/* New pages each time, which are not populated yet. */
		map = mmap(NULL, 2 * page, PROT_READ | PROT_WRITE,
			   MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
		ASSERT_NE(MAP_FAILED, map);
		ASSERT_EQ(8, efd_add(fd, value));
		ASSERT_EQ(8, read(fd, map + page - offset, 8));
		EXPECT_EQ(0, memcmp(map + page - offset, &value, 8));
		ASSERT_EQ(0, munmap(map, 2 * page));
	}
}

TEST(vectors)
{
	uint32_t half[2] = { 0, 0 };
	uint64_t two[2] = { 3, 4 };
	struct iovec halves[2] = {
		{ .iov_base = &half[0], .iov_len = 4 },
		{ .iov_base = &half[1], .iov_len = 4 },
	};
	struct iovec wholes[2] = {
		{ .iov_base = &two[0], .iov_len = 8 },
		{ .iov_base = &two[1], .iov_len = 8 },
	};
	int fd = efd_new(0, EFD_NONBLOCK);

	ASSERT_GE(fd, 0);
	/* A vector is written element by element, but a read fills all elements together. */
	EXPECT_EQ(-1, writev(fd, halves, 2));
	EXPECT_EQ(EINVAL, errno);
	EXPECT_EQ(16, writev(fd, wholes, 2));
	EXPECT_EQ(7, efd_count(fd));
	EXPECT_EQ(8, readv(fd, wholes, 2));
	EXPECT_EQ(7, two[0]);
	EXPECT_EQ(4, two[1]);
	EXPECT_EQ(-1, readv(fd, wholes, 2));
	EXPECT_EQ(EAGAIN, errno);
	ASSERT_EQ(8, efd_add(fd, 0x500000006));
	EXPECT_EQ(-1, readv(fd, halves, 1));
	EXPECT_EQ(EINVAL, errno);
	EXPECT_EQ(8, readv(fd, halves, 2));
	EXPECT_EQ(6, half[0]);
	EXPECT_EQ(5, half[1]);
}

TEST(vector_write_stops_where_it_fails)
{
	uint64_t value = 4, greatest = EFD_COUNT_MAX;
	struct iovec iov[3] = {
		{ .iov_base = &value, .iov_len = 8 },
		{ .iov_base = &greatest, .iov_len = 8 },
		{ .iov_base = &value, .iov_len = 8 },
	};
	int fd = efd_new(0, EFD_NONBLOCK);

	ASSERT_GE(fd, 0);
	EXPECT_EQ(8, writev(fd, iov, 3));
	EXPECT_EQ(4, efd_count(fd));
	iov[1].iov_len = 7;
	EXPECT_EQ(8, writev(fd, iov, 3));
	EXPECT_EQ(8, efd_count(fd));
	EXPECT_EQ(0, writev(fd, iov, 0));
	EXPECT_EQ(0, readv(fd, iov, 0));
	EXPECT_EQ(8, efd_take(fd));
}

TEST_HARNESS_MAIN
