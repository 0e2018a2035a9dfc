/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What every descriptor's file does, whatever its kind. Most calls make no sense
 * on it, and must fail as they do natively.
 *
 * A program includes this behind its fixture "file", which has the descriptor in
 * fd and room for two reads in buf, and whose teardown sees that no test here
 * has changed what can be read. Before that it defines
 *
 * FILE_LINK		what the link in /proc says
 * FILE_READ_SIZE	the size of a read
 * file_native()	makes a native descriptor of the same kind
 */
#ifndef EVFD_TESTS_FILE_H
#define EVFD_TESTS_FILE_H

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
	struct iovec iov = { .iov_base = self->buf, .iov_len = FILE_READ_SIZE };

	EXPECT_EQ(-ESPIPE, result(pread(self->fd, self->buf, FILE_READ_SIZE,
					0)));
	EXPECT_EQ(-ESPIPE, result(pread(self->fd, self->buf, FILE_READ_SIZE,
					FILE_READ_SIZE)));
	EXPECT_EQ(-ESPIPE, result(pwrite(self->fd, self->buf, FILE_READ_SIZE,
					 0)));
	EXPECT_EQ(-ESPIPE, result(preadv(self->fd, &iov, 1, 0)));
	EXPECT_EQ(-ESPIPE, result(pwritev(self->fd, &iov, 1, 0)));
}

TEST_F(file, splice)
{
	int pipes[2];

	ASSERT_EQ(0, pipe2(pipes, O_NONBLOCK));
	EXPECT_EQ(-EINVAL, result(splice(self->fd, NULL, pipes[1], NULL,
					 FILE_READ_SIZE, 0)));
	ASSERT_EQ(FILE_READ_SIZE, write(pipes[1], self->buf, FILE_READ_SIZE));
	EXPECT_EQ(-EINVAL, result(splice(pipes[0], NULL, self->fd, NULL,
					 FILE_READ_SIZE, 0)));
	EXPECT_EQ(-EINVAL, result(tee(self->fd, pipes[1], FILE_READ_SIZE, 0)));
}

TEST_F(file, sendfile)
{
	int memory = memfd_create("source", MFD_CLOEXEC);
	int pipes[2];

	ASSERT_GE(memory, 0);
	ASSERT_EQ(0, pipe(pipes));
	ASSERT_EQ(2 * FILE_READ_SIZE, write(memory, self->buf,
					    2 * FILE_READ_SIZE));
	ASSERT_EQ(0, lseek(memory, 0, SEEK_SET));
	EXPECT_EQ(-EINVAL, result(sendfile(pipes[1], self->fd, NULL,
					   FILE_READ_SIZE)));
	EXPECT_EQ(-EINVAL, result(sendfile(self->fd, memory, NULL,
					   FILE_READ_SIZE)));
	EXPECT_EQ(-EINVAL, result(copy_file_range(self->fd, NULL, memory, NULL,
						  FILE_READ_SIZE, 0)));
	EXPECT_EQ(-EINVAL, result(copy_file_range(memory, NULL, self->fd, NULL,
						  FILE_READ_SIZE, 0)));
}

TEST_F(file, stat)
{
	int reference = file_native();
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
	EXPECT_STREQ(FILE_LINK, target);
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

#endif /* EVFD_TESTS_FILE_H */
