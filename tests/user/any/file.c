// SPDX-License-Identifier: GPL-2.0
/*
 * The rest of the file: every other call on a descriptor. Most make no sense on it, and
 * fail as they do natively.
 */
#include "any.h"

#include <sys/file.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <sys/xattr.h>

/* The value that there is to read. */
#define VALUE	7

/* The size of a read. */
#define SIZE	((ssize_t)self->kind->size)

/* A descriptor with something to read, which no test changes. */
FIXTURE(file)
{
	const struct kind *kind;
	/* Room for two reads. */
	union thing buf[2];
	int fd;
};

FIXTURE_SETUP(file)
{
	self->kind = kind_of(_metadata);
	self->fd = self->kind->make(O_NONBLOCK);
	ASSERT_GE(self->fd, 0);
	ASSERT_TRUE(any_fill(self->kind, self->fd, VALUE));
}

FIXTURE_TEARDOWN(file)
{
	EXPECT_EQ(POLLIN | self->kind->idle, poll_now(self->fd));
	EXPECT_TRUE(any_gives(self->kind, self->fd, VALUE));
	EXPECT_TRUE(any_is_empty(self->kind, self->fd));
	close(self->fd);
}

KIND_VARIANTS(file, kind_is_any, "");

TEST_F(file, seek)
{
	static const int whence[] = {
		SEEK_SET, SEEK_CUR, SEEK_END, SEEK_DATA, SEEK_HOLE,
	};

	for (size_t i = 0; i < ARRAY_SIZE(whence); i++) {
		EXPECT_EQ(0, result(lseek(self->fd, 0, whence[i])));
		EXPECT_EQ(0, result(lseek(self->fd, 100, whence[i])));
		EXPECT_EQ(0, result(lseek(self->fd, -100, whence[i])));
		EXPECT_EQ(0, result(lseek(self->fd, 1000, whence[i])));
		EXPECT_EQ(0, result(lseek(self->fd, -1000, whence[i])));
	}
	EXPECT_EQ(-EINVAL, result(lseek(self->fd, 0, 99)));
}

TEST_F(file, positioned_calls)
{
	struct iovec iov = { .iov_base = self->buf, .iov_len = SIZE };

	EXPECT_EQ(-ESPIPE, result(pread(self->fd, self->buf, SIZE, 0)));
	EXPECT_EQ(-ESPIPE, result(pread(self->fd, self->buf, SIZE, SIZE)));
	EXPECT_EQ(-ESPIPE, result(pwrite(self->fd, self->buf, SIZE, 0)));
	EXPECT_EQ(-ESPIPE, result(preadv(self->fd, &iov, 1, 0)));
	EXPECT_EQ(-ESPIPE, result(pwritev(self->fd, &iov, 1, 0)));
}

TEST_F(file, splice)
{
	int pipes[2];

	ASSERT_EQ(0, pipe2(pipes, O_NONBLOCK));
	EXPECT_EQ(-EINVAL, result(splice(self->fd, NULL, pipes[1], NULL, SIZE, 0)));
	ASSERT_EQ(SIZE, write(pipes[1], self->buf, SIZE));
	EXPECT_EQ(-EINVAL, result(splice(pipes[0], NULL, self->fd, NULL, SIZE, 0)));
	EXPECT_EQ(-EINVAL, result(tee(self->fd, pipes[1], SIZE, 0)));
}

TEST_F(file, sendfile)
{
	int memory = memfd_create("source", MFD_CLOEXEC);
	int pipes[2];

	ASSERT_GE(memory, 0);
	ASSERT_EQ(0, pipe(pipes));
	ASSERT_EQ(2 * SIZE, write(memory, self->buf, 2 * SIZE));
	ASSERT_EQ(0, lseek(memory, 0, SEEK_SET));
	EXPECT_EQ(-EINVAL, result(sendfile(pipes[1], self->fd, NULL, SIZE)));
	EXPECT_EQ(-EINVAL, result(sendfile(self->fd, memory, NULL, SIZE)));
	EXPECT_EQ(-EINVAL, result(copy_file_range(self->fd, NULL, memory, NULL, SIZE, 0)));
	EXPECT_EQ(-EINVAL, result(copy_file_range(memory, NULL, self->fd, NULL, SIZE, 0)));
}

TEST_F(file, stat)
{
	int reference = self->kind->native();
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
	EXPECT_EQ(0, native.st_size);
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
	EXPECT_STREQ(self->kind->link, target);
	EXPECT_EQ(-ENXIO, result(open(path, O_RDWR)));
}

TEST_F(file, calls_that_do_not_apply)
{
	int protections[] = { PROT_READ, PROT_WRITE, PROT_READ | PROT_WRITE };
	int pending;

	for (size_t i = 0; i < ARRAY_SIZE(protections) * 2; i++) {
		EXPECT_EQ(MAP_FAILED, mmap(NULL, 4096, protections[i / 2],
					   i % 2 ? MAP_SHARED : MAP_PRIVATE,
					   self->fd, 0));
		EXPECT_EQ(ENODEV, errno);
	}
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
	EXPECT_EQ(-ENOTTY, result(ioctl(self->fd, EVFD_IOC_TIMERFD_CREATE,
					self->buf)));
	EXPECT_EQ(-ENOTTY, result(ioctl(self->fd, EVFD_IOC_SIGNALFD,
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

TEST_F(file, vmsplice_needs_a_pipe)
{
	struct iovec iov = { .iov_base = self->buf, .iov_len = SIZE };

	EXPECT_EQ(-EBADF, result(vmsplice(self->fd, &iov, 1, 0)));
}

TEST_F(file, flags_of_a_read)
{
	struct iovec iov = { .iov_base = self->buf, .iov_len = SIZE };

	EXPECT_EQ(-EOPNOTSUPP, result(preadv2(self->fd, &iov, 1, -1, 0x8000000)));
	/* With RWF_NOWAIT, a read does not block if the descriptor does. */
	ASSERT_EQ(0, fcntl(self->fd, F_SETFL, 0));
	EXPECT_EQ(SIZE, result(preadv2(self->fd, &iov, 1, -1, RWF_NOWAIT)));
	EXPECT_TRUE(any_is(self->kind, SIZE, self->buf, VALUE));
	EXPECT_EQ(-EAGAIN, result(preadv2(self->fd, &iov, 1, -1, RWF_NOWAIT)));
	EXPECT_EQ(O_RDWR, fcntl(self->fd, F_GETFL));
	ASSERT_TRUE(any_fill(self->kind, self->fd, VALUE));
}

/* All bits set make no number that a counter takes; other kinds take no write. */
TEST_F(file, writes_that_are_refused)
{
	struct iovec iov = { .iov_base = self->buf, .iov_len = SIZE };
	int bad_memory = self->kind->idle ? -EFAULT : -EINVAL;

	memset(self->buf, 0xff, sizeof(self->buf));
	for (size_t size = 0; size <= sizeof(self->buf); size += 4)
		EXPECT_EQ(-EINVAL, result(write(self->fd, self->buf, size)));
	EXPECT_EQ(bad_memory, result(write(self->fd, nowhere(), SIZE)));
	EXPECT_EQ(-EINVAL, result(writev(self->fd, &iov, 1)));
	EXPECT_EQ(-EINVAL, result(pwritev2(self->fd, &iov, 1, -1, 0)));
}

TEST_HARNESS_MAIN
