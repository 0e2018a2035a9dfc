// SPDX-License-Identifier: GPL-2.0
/*
 * The rest of the file: what every other call on a descriptor does. Most of it
 * makes no sense on a counter, and must fail as it does natively.
 */
#include "common.h"

#include <sys/file.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <sys/xattr.h>

/* What a call did: its result, or -errno. */
#define result(call)							\
({									\
	long __ret = (call);						\
									\
	__ret < 0 ? -errno : __ret;					\
})

FIXTURE(file)
{
	int fd;
	uint64_t buf[4];
};

FIXTURE_SETUP(file)
{
	self->fd = efd_new(7, EFD_NONBLOCK);
	ASSERT_GE(self->fd, 0);
}

FIXTURE_TEARDOWN(file)
{
	/* None of these tests is to change the counter. */
	EXPECT_EQ(7, efd_count(self->fd));
	close(self->fd);
}

TEST_F(file, seek)
{
	static const int whence[] = {
		SEEK_SET, SEEK_CUR, SEEK_END, SEEK_DATA, SEEK_HOLE,
	};

	for (size_t i = 0; i < ARRAY_SIZE(whence); i++) {
		EXPECT_EQ(0, result(lseek(self->fd, 0, whence[i])));
		EXPECT_EQ(0, result(lseek(self->fd, 100, whence[i])));
		EXPECT_EQ(0, result(lseek(self->fd, -100, whence[i])));
	}
	EXPECT_EQ(-EINVAL, result(lseek(self->fd, 0, 99)));
}

TEST_F(file, positioned_calls)
{
	struct iovec iov = { .iov_base = self->buf, .iov_len = 8 };

	EXPECT_EQ(-ESPIPE, result(pread(self->fd, self->buf, 8, 0)));
	EXPECT_EQ(-ESPIPE, result(pread(self->fd, self->buf, 8, 8)));
	EXPECT_EQ(-ESPIPE, result(pwrite(self->fd, self->buf, 8, 0)));
	EXPECT_EQ(-ESPIPE, result(preadv(self->fd, &iov, 1, 0)));
	EXPECT_EQ(-ESPIPE, result(pwritev(self->fd, &iov, 1, 0)));
}

TEST_F(file, splice)
{
	int pipes[2];

	ASSERT_EQ(0, pipe2(pipes, O_NONBLOCK));
	EXPECT_EQ(-EINVAL, result(splice(self->fd, NULL, pipes[1], NULL, 8, 0)));
	ASSERT_EQ(8, write(pipes[1], self->buf, 8));
	EXPECT_EQ(-EINVAL, result(splice(pipes[0], NULL, self->fd, NULL, 8, 0)));
	EXPECT_EQ(-EINVAL, result(tee(self->fd, pipes[1], 8, 0)));
}

TEST_F(file, sendfile)
{
	int pipes[2];
	int memory = memfd_create("source", MFD_CLOEXEC);

	ASSERT_GE(memory, 0);
	ASSERT_EQ(0, pipe(pipes));
	ASSERT_EQ(16, write(memory, self->buf, 16));
	ASSERT_EQ(0, lseek(memory, 0, SEEK_SET));
	EXPECT_EQ(-EINVAL, result(sendfile(pipes[1], self->fd, NULL, 8)));
	EXPECT_EQ(-EINVAL, result(sendfile(self->fd, memory, NULL, 8)));
	EXPECT_EQ(-EINVAL, result(copy_file_range(self->fd, NULL, memory, NULL,
						  8, 0)));
	EXPECT_EQ(-EINVAL, result(copy_file_range(memory, NULL, self->fd, NULL,
						  8, 0)));
}

TEST_F(file, stat)
{
	int reference = syscall(SYS_eventfd2, 0, 0);
	struct stat native, st;

	ASSERT_GE(reference, 0);
	ASSERT_EQ(0, fstat(reference, &native));
	ASSERT_EQ(0, fstat(self->fd, &st));
	/* All anonymous inodes are one. */
	EXPECT_EQ(native.st_dev, st.st_dev);
	EXPECT_EQ(native.st_ino, st.st_ino);
	EXPECT_EQ(native.st_mode, st.st_mode);
	EXPECT_EQ(native.st_nlink, st.st_nlink);
	EXPECT_EQ(native.st_uid, st.st_uid);
	EXPECT_EQ(native.st_gid, st.st_gid);
	EXPECT_EQ(native.st_rdev, st.st_rdev);
	EXPECT_EQ(native.st_size, st.st_size);
	EXPECT_EQ(native.st_blksize, st.st_blksize);
	EXPECT_EQ(native.st_blocks, st.st_blocks);
	EXPECT_EQ(0, st.st_size);
}

TEST_F(file, statfs)
{
	struct statfs fs;

	ASSERT_EQ(0, fstatfs(self->fd, &fs));
	EXPECT_EQ(0x09041934, fs.f_type);
}

TEST_F(file, link_in_proc)
{
	char path[64], target[64] = "";

	snprintf(path, sizeof(path), "/proc/self/fd/%d", self->fd);
	EXPECT_LT(0, readlink(path, target, sizeof(target) - 1));
	EXPECT_STREQ("anon_inode:[eventfd]", target);
	EXPECT_EQ(-ENXIO, result(open(path, O_RDWR)));
}

/* Reads fdinfo but for the line that names the descriptor, which goes to id. */
static void read_fdinfo(int fd, char *text, size_t size, int *id)
{
	char line[128];
	FILE *file;

	*id = -1;
	*text = '\0';
	snprintf(line, sizeof(line), "/proc/self/fdinfo/%d", fd);
	file = fopen(line, "re");
	while (file && fgets(line, sizeof(line), file)) {
		if (sscanf(line, "eventfd-id: %d\n", id) != 1)
			strncat(text, line, size - strlen(text) - 1);
	}
	if (file)
		fclose(file);
}

TEST(fdinfo_is_as_native)
{
	static const uint64_t counts[] = { 0, 7, 0xabcdef, EFD_COUNT_MAX };
	static const int flags[] = {
		0, EFD_NONBLOCK, EFD_CLOEXEC, EFD_SEMAPHORE,
	};

	for (size_t i = 0; i < ARRAY_SIZE(counts); i++) {
		int reference = syscall(SYS_eventfd2, 0, flags[i]);
		int fd = efd_new(0, flags[i]);
		char want[512], seen[512];
		int want_id, id;

		ASSERT_EQ(8, efd_add(reference, counts[i]));
		ASSERT_EQ(8, efd_add(fd, counts[i]));
		read_fdinfo(reference, want, sizeof(want), &want_id);
		read_fdinfo(fd, seen, sizeof(seen), &id);
		EXPECT_STREQ(want, seen);
		EXPECT_LE(0, want_id);
		EXPECT_LE(0, id);
	}
}

TEST(fdinfo_ids)
{
	int first = efd_new(0, 0), second = efd_new(0, 0), copy = dup(first);
	int id, other, same;
	char text[512];

	read_fdinfo(first, text, sizeof(text), &id);
	read_fdinfo(second, text, sizeof(text), &other);
	read_fdinfo(copy, text, sizeof(text), &same);
	EXPECT_LE(0, id);
	EXPECT_LE(0, other);
	EXPECT_NE(id, other);
	EXPECT_EQ(id, same);
}

TEST(fdinfo_tells_the_count_now)
{
	int fd = efd_new(3, EFD_SEMAPHORE);

	EXPECT_EQ(3, efd_count(fd));
	EXPECT_EQ(1, efd_take(fd));
	EXPECT_EQ(2, efd_count(fd));
	ASSERT_EQ(8, efd_add(fd, 0x1000));
	EXPECT_EQ(0x1002, efd_count(fd));
}

TEST_F(file, calls_that_do_not_apply)
{
	void *map = mmap(NULL, 4096, PROT_READ, MAP_SHARED, self->fd, 0);
	int pending;

	EXPECT_EQ(MAP_FAILED, map);
	EXPECT_EQ(ENODEV, errno);
	map = mmap(NULL, 4096, PROT_READ, MAP_PRIVATE, self->fd, 0);
	EXPECT_EQ(MAP_FAILED, map);
	EXPECT_EQ(ENODEV, errno);
	EXPECT_EQ(-EINVAL, result(fsync(self->fd)));
	EXPECT_EQ(-EINVAL, result(fdatasync(self->fd)));
	EXPECT_EQ(-EINVAL, result(ftruncate(self->fd, 0)));
	EXPECT_EQ(-ENODEV, result(fallocate(self->fd, 0, 0, 8)));
	EXPECT_EQ(-EINVAL, result(readahead(self->fd, 0, 8)));
	EXPECT_EQ(-ENOTDIR, result(fchdir(self->fd)));
	EXPECT_EQ(-ENOTDIR, result(syscall(SYS_getdents64, self->fd,
					   self->buf, sizeof(self->buf))));
	EXPECT_EQ(-ENOTSOCK, result(syscall(SYS_shutdown, self->fd, 0)));
	EXPECT_EQ(-ENOTTY, result(ioctl(self->fd, FIONREAD, &pending)));
	EXPECT_EQ(-ENOTTY, result(ioctl(self->fd, TCGETS, self->buf)));
	EXPECT_EQ(-ENOTTY, result(ioctl(self->fd, EVFD_IOC_EVENTFD,
					self->buf)));
	EXPECT_EQ(-ENODATA, result(fgetxattr(self->fd, "user.x", NULL, 0)));
}

TEST_F(file, mode_and_owner)
{
	EXPECT_EQ(-EOPNOTSUPP, result(fchmod(self->fd, 0644)));
	EXPECT_EQ(-EOPNOTSUPP, result(fchown(self->fd, 1, 1)));
	EXPECT_EQ(-EOPNOTSUPP, result(futimens(self->fd, NULL)));
}

TEST_F(file, locks)
{
	struct flock lock = { .l_type = F_WRLCK };

	EXPECT_EQ(0, result(flock(self->fd, LOCK_EX | LOCK_NB)));
	EXPECT_EQ(0, result(flock(self->fd, LOCK_UN)));
	EXPECT_EQ(0, result(fcntl(self->fd, F_SETLK, &lock)));
	lock.l_type = F_UNLCK;
	EXPECT_EQ(0, result(fcntl(self->fd, F_SETLK, &lock)));
	EXPECT_EQ(-EINVAL, result(fcntl(self->fd, F_SETLEASE, F_RDLCK)));
}

TEST_F(file, ioctls_of_every_file)
{
	int on = 1, off = 0;

	EXPECT_EQ(0, result(ioctl(self->fd, FIONBIO, &off)));
	EXPECT_EQ(O_RDWR, fcntl(self->fd, F_GETFL));
	EXPECT_EQ(0, result(ioctl(self->fd, FIONBIO, &on)));
	EXPECT_EQ(O_RDWR | O_NONBLOCK, fcntl(self->fd, F_GETFL));
	EXPECT_EQ(0, result(ioctl(self->fd, FIOCLEX)));
	EXPECT_EQ(FD_CLOEXEC, fcntl(self->fd, F_GETFD));
	EXPECT_EQ(0, result(ioctl(self->fd, FIONCLEX)));
	EXPECT_EQ(0, fcntl(self->fd, F_GETFD));
	EXPECT_EQ(-ENOTTY, result(ioctl(self->fd, FIOASYNC, &on)));
}

TEST_F(file, status_flags)
{
	EXPECT_EQ(0, result(fcntl(self->fd, F_SETFL, O_NONBLOCK | O_ASYNC)));
	EXPECT_EQ(O_RDWR | O_NONBLOCK, fcntl(self->fd, F_GETFL));
	EXPECT_EQ(0, result(fcntl(self->fd, F_SETFL, O_NONBLOCK | O_APPEND)));
	EXPECT_EQ(O_RDWR | O_NONBLOCK | O_APPEND, fcntl(self->fd, F_GETFL));
	EXPECT_EQ(-EINVAL, result(fcntl(self->fd, F_SETFL,
					O_NONBLOCK | O_DIRECT)));
	EXPECT_EQ(0, result(fcntl(self->fd, F_SETFL, O_NONBLOCK)));
	EXPECT_EQ(-EBADF, result(fcntl(self->fd, F_SETPIPE_SZ, 4096)));
}

TEST(nonblock_is_toggled)
{
	int fd = efd_new(0, 0);

	ASSERT_GE(fd, 0);
	for (int i = 0; i < 3; i++) {
		struct call reader = { .make = call_read, .fd = fd };

		ASSERT_TRUE(call_start_blocked(&reader));
		ASSERT_EQ(8, efd_add(fd, 1));
		ASSERT_TRUE(call_ends(&reader));
		ASSERT_EQ(0, fcntl(fd, F_SETFL, O_NONBLOCK));
		EXPECT_EQ(-EAGAIN, efd_take(fd));
		ASSERT_EQ(8, efd_add(fd, EFD_COUNT_MAX));
		EXPECT_EQ(-EAGAIN, result(efd_add(fd, 1)));
		EXPECT_EQ((int64_t)EFD_COUNT_MAX, efd_take(fd));
		ASSERT_EQ(0, fcntl(fd, F_SETFL, 0));
	}
}

TEST(nowait)
{
	uint64_t value = 1;
	struct iovec iov = { .iov_base = &value, .iov_len = 8 };
	int fd = efd_new(0, 0);

	ASSERT_GE(fd, 0);
	EXPECT_EQ(-EAGAIN, result(preadv2(fd, &iov, 1, -1, RWF_NOWAIT)));
	/* A write can not be told so, natively either. */
	EXPECT_EQ(-EOPNOTSUPP, result(pwritev2(fd, &iov, 1, -1, RWF_NOWAIT)));
	EXPECT_EQ(8, result(pwritev2(fd, &iov, 1, -1, 0)));
	EXPECT_EQ(8, result(preadv2(fd, &iov, 1, -1, RWF_NOWAIT)));
	EXPECT_EQ(1, value);
	EXPECT_EQ(-EAGAIN, result(preadv2(fd, &iov, 1, -1, RWF_NOWAIT)));
	EXPECT_EQ(-EOPNOTSUPP, result(preadv2(fd, &iov, 1, -1, 0x8000000)));
	EXPECT_EQ(O_RDWR, fcntl(fd, F_GETFL));
}

TEST(vmsplice_needs_a_pipe)
{
	uint64_t value = 5;
	struct iovec iov = { .iov_base = &value, .iov_len = 8 };
	int fd = efd_new(1, EFD_NONBLOCK);

	EXPECT_EQ(-EBADF, result(vmsplice(fd, &iov, 1, 0)));
	EXPECT_EQ(1, efd_take(fd));
}

TEST_HARNESS_MAIN
