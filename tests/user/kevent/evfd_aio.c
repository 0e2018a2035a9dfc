// SPDX-License-Identifier: GPL-2.0
/*
 * KEVENT_AIO beside pread(2), pwrite(2), fsync(2) and io_uring: results, contents, memory.
 */
#define _FILE_OFFSET_BITS 64

#include "fault.h"
#include "kevent_aio.h"

#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>

/* Reads in every way. Returns whether all have the same result, and the same memory. */
static bool same_read(int fd, size_t shift, size_t len, uint64_t offset)
{
	int64_t results[3];

	memset(buffers, FILL, sizeof(buffers));
	for (enum way way = NATIVE; way <= URING; way++)
		results[way] = by(way, fd, READ, buffers[way] + shift, len, offset);
	if (results[QUEUE] == results[NATIVE] && results[URING] == results[NATIVE] &&
	    !memcmp(buffers[QUEUE], buffers[NATIVE], sizeof(buffers[0])))
		return true;
	fprintf(stderr, "# %zu bytes at %llu: %lld, native %lld, io_uring %lld\n", len,
		(unsigned long long)offset, (long long)results[QUEUE],
		(long long)results[NATIVE], (long long)results[URING]);
	return false;
}

/* Writes in every way, each to its own file. Returns whether results and files are the same. */
static bool same_write(size_t len, uint64_t offset)
{
	static char data[5 * PAGE];
	int64_t results[3];

	memset(data, 'w', sizeof(data));
	memset(buffers, FILL, sizeof(buffers));
	for (enum way way = NATIVE; way <= URING; way++) {
		results[way] = by(way, ways.fds[way], WRITE, data, len, offset);
		if (pread(ways.fds[way], buffers[way], sizeof(buffers[0]), 0) < 0)
			return false;
	}
	return results[QUEUE] == results[NATIVE] && results[URING] == results[NATIVE] &&
	       !memcmp(buffers[QUEUE], buffers[NATIVE], sizeof(buffers[0])) &&
	       lseek(ways.fds[QUEUE], 0, SEEK_END) == lseek(ways.fds[NATIVE], 0, SEEK_END);
}

static const struct {
	size_t len;
	uint64_t offset;
} places[] = {
	{ PAGE, 0 }, { PAGE, PAGE }, { 100, 50 }, { 2 * PAGE, 10 }, { 0, 0 }, { 0, 1 << 20 },
	{ 1, SIZE - 1 }, { PAGE, SIZE - 1 }, { PAGE, SIZE }, { PAGE, SIZE + 1 },
	{ SIZE, 0 }, { 5 * PAGE, 0 }, { 5 * PAGE, SIZE - 2 * PAGE }, { PAGE, 1 << 30 },
};

/* Reads and writes as native */

TEST_F(aio, reads_a_file)
{
	for (size_t i = 0; i < ARRAY_SIZE(places); i++)
		EXPECT_TRUE(same_read(self->fds[0], i % 3, places[i].len, places[i].offset));
}

TEST_F(aio, reads_holes)
{
	ASSERT_EQ(0, ftruncate(self->fds[0], 0));
	ASSERT_EQ(0, ftruncate(self->fds[0], 1 << 20));
	ASSERT_EQ(1, pwrite(self->fds[0], "x", 1, 5 * PAGE));
	for (uint64_t offset = 0; offset < 8 * PAGE; offset += PAGE / 2)
		EXPECT_TRUE(same_read(self->fds[0], 0, 2 * PAGE, offset));
}

/* The file system of this program, which a block device holds. */
TEST_F(aio, reads_a_file_of_a_disk)
{
	int fd = open("/proc/self/exe", O_RDONLY);

	ASSERT_LE(0, fd);
	for (size_t i = 0; i < ARRAY_SIZE(places); i++)
		EXPECT_TRUE(same_read(fd, 0, places[i].len, places[i].offset));
	close(fd);
}

/* Pages in the page cache, and others. */
TEST_F(aio, reads_a_disk)
{
	int fd = open(DISK, O_RDONLY);
	off_t end;

	if (fd < 0)
		SKIP(return, "no disk");
	end = lseek(fd, 0, SEEK_END);
	ASSERT_LT(16 * PAGE, end);
	for (int cached = 0; cached < 2; cached++) {
		for (size_t i = 0; i < ARRAY_SIZE(places); i++) {
			if (!cached)
				posix_fadvise(fd, 0, 0, POSIX_FADV_DONTNEED);
			EXPECT_TRUE(same_read(fd, 1, places[i].len, places[i].offset));
		}
	}
	for (int i = -2; i < 3; i++)
		EXPECT_TRUE(same_read(fd, 0, 2 * PAGE, end + i * PAGE / 2));
	close(fd);
}

/* Of a read, the first pages are in the page cache, or the last. */
TEST_F(aio, reads_a_disk_in_parts)
{
	int fd = open(DISK, O_RDONLY);

	if (fd < 0)
		SKIP(return, "no disk");
	posix_fadvise(fd, 0, 0, POSIX_FADV_RANDOM);
	for (int first = 0; first < 8; first++) {
		posix_fadvise(fd, 0, 0, POSIX_FADV_DONTNEED);
		ASSERT_EQ(PAGE, pread(fd, buffers[0], PAGE, (64 + first) * PAGE));
		memset(buffers, FILL, sizeof(buffers));
		EXPECT_EQ(8 * PAGE, by_queue(&self->q, fd, READ, buffers[0], 8 * PAGE, 64 * PAGE));
		ASSERT_EQ(8 * PAGE, pread(fd, buffers[1], 8 * PAGE, 64 * PAGE));
		EXPECT_EQ(0, memcmp(buffers[0], buffers[1], sizeof(buffers[0])));
	}
	close(fd);
}

TEST_F(aio, reads_past_the_page_cache)
{
	static const size_t lengths[] = { 512, PAGE, 4 * PAGE, 100, 513, 0 };
	static const size_t shifts[] = { 0, 512, 1, 100 };
	int fd = open(DISK, O_RDONLY | O_DIRECT);

	if (fd < 0)
		SKIP(return, "no disk");
	for (size_t i = 0; i < ARRAY_SIZE(lengths); i++) {
		for (size_t k = 0; k < ARRAY_SIZE(shifts); k++) {
			EXPECT_TRUE(same_read(fd, 0, lengths[i], shifts[k]));
			EXPECT_TRUE(same_read(fd, shifts[k], lengths[i], PAGE));
		}
	}
	EXPECT_TRUE(same_read(fd, 0, PAGE, lseek(fd, 0, SEEK_END) - 512));
	close(fd);
}

TEST_F(aio, writes_a_file)
{
	for (size_t i = 0; i < ARRAY_SIZE(places); i++) {
		if (places[i].offset < 1 << 20)
			EXPECT_TRUE(same_write(places[i].len, places[i].offset));
	}
}

TEST_F(aio, appends)
{
	for (int i = 0; i < 3; i++)
		ASSERT_EQ(0, fcntl(self->fds[i], F_SETFL, O_APPEND));
	EXPECT_TRUE(same_write(100, 0));
	EXPECT_TRUE(same_write(PAGE, 10));
}

/* A write by a user without privileges clears the bit. The kernel's thread is privileged. */
TEST_F(aio, writes_with_the_rights_of_the_starter)
{
	for (int i = 0; i < 2; i++) {
		struct stat status;
		pid_t child;
		int ret;

		ASSERT_EQ(0, fchmod(self->fds[i], 04777));
		child = fork_child();
		if (!child) {
			if (setresuid(1, 1, 1))
				_exit(1);
			_exit(by(i, self->fds[i], WRITE, buffers[0], 1, 0) != 1);
		}
		ASSERT_EQ(child, waitpid(child, &ret, 0));
		EXPECT_EQ(0, ret);
		ASSERT_EQ(0, fstat(self->fds[i], &status));
		EXPECT_EQ(0777, status.st_mode & 07777);
	}
}

TEST_F(aio, writes_to_o_direct_and_o_sync)
{
	for (int i = 0; i < 3; i++) {
		char name[64];
		int fd = self->fds[i];

		snprintf(name, sizeof(name), "/proc/self/fd/%d", fd);
		self->fds[i] = open(name, O_RDWR | O_SYNC | O_DIRECT);
		ASSERT_LE(0, self->fds[i]);
		close(fd);
	}
	EXPECT_TRUE(same_write(PAGE, 0));
	EXPECT_TRUE(same_write(100, 10));
}

TEST_F(aio, syncs)
{
	int disk = open(DISK, O_RDONLY), dir = open("/tmp", O_RDONLY | O_DIRECTORY);

	for (uint32_t what = FSYNC; what <= FDATASYNC; what *= 2) {
		EXPECT_EQ(0, by_queue(&self->q, self->fds[0], what, NULL, 0, 0));
		EXPECT_EQ(by_call(dir, what, NULL, 0, 0),
			  by_queue(&self->q, dir, what, NULL, 0, 0));
		EXPECT_EQ(by_call(disk, what, NULL, 0, 0),
			  by_queue(&self->q, disk, what, NULL, 0, 0));
	}
	close(disk);
	close(dir);
}

/* Memory */

TEST_F(aio, memory_that_ends)
{
	static const enum bad_buffer bad[] = {
		NO_ACCESS, READ_ONLY, HALF_NO_ACCESS, HALF_READ_ONLY, LAST_BYTE,
	};

	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		int64_t native, queue;

		native = by_call(self->fds[0], READ, bad_buffer(bad[i], 2000), 2000, 10);
		queue = by_queue(&self->q, self->fds[0], READ, bad_buffer(bad[i], 2000), 2000, 10);
		EXPECT_EQ(native, queue);
		native = by_call(self->fds[0], WRITE, bad_buffer(bad[i], 2000), 2000, 10);
		queue = by_queue(&self->q, self->fds[1], WRITE, bad_buffer(bad[i], 2000), 2000, 10);
		EXPECT_EQ(native, queue);
	}
}

TEST_F(aio, memory_that_ends_and_a_disk)
{
	int fd = open(DISK, O_RDONLY);

	if (fd < 0)
		SKIP(return, "no disk");
	for (int cached = 0; cached < 2; cached++) {
		for (enum bad_buffer bad = NO_ACCESS; bad <= LAST_BYTE; bad++) {
			void *buf = bad_buffer(bad, 2000), *again = bad_buffer(bad, 2000);

			if (!cached)
				posix_fadvise(fd, 0, 0, POSIX_FADV_DONTNEED);
			EXPECT_EQ(by_call(fd, READ, buf, 2000, 10),
				  by_queue(&self->q, fd, READ, again, 2000, 10));
		}
	}
	close(fd);
}

/* It is the kernel's, or nobody's. */
TEST_F(aio, memory_that_is_not_the_programs)
{
	EXPECT_EQ(-EFAULT, by_queue(&self->q, self->fds[0], READ, NULL, 10, 0));
	EXPECT_EQ(-EFAULT, by_queue(&self->q, self->fds[0], WRITE, NULL, 10, 0));
	EXPECT_EQ(0, by_queue(&self->q, self->fds[0], READ, NULL, 0, 0));
#ifdef __LP64__
	struct kevent_op op = kevent_op_aio(self->fds[0], 1, READ, (void *)(UINTPTR_MAX - PAGE),
					    10, 0, 0);

	EXPECT_EQ(-EFAULT, queue_do(&self->q, &op));
#endif
}

TEST_HARNESS_MAIN
