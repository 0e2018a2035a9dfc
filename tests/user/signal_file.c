// SPDX-License-Identifier: GPL-2.0
/*
 * The rest of the file: what every other call on a signal descriptor does. Most
 * of it makes no sense there, and must fail as it does natively.
 */
#include "signal.h"

#include <sys/sendfile.h>
#include <sys/stat.h>
#include <sys/statfs.h>

/* What a call did: its result, or -errno. */
#define result(call)							\
({									\
	long __ret = (call);						\
									\
	__ret < 0 ? -errno : __ret;					\
})

/* A descriptor with a signal to read, which no test here is to take. */
FIXTURE(file)
{
	struct signalfd_siginfo buf[2];
	int fd;
};

FIXTURE_SETUP(file)
{
	self->fd = sfd_new_blocked(sig_bit(SIGUSR1), SFD_NONBLOCK);
	ASSERT_GE(self->fd, 0);
	ASSERT_EQ(0, kill(getpid(), SIGUSR1));
}

FIXTURE_TEARDOWN(file)
{
	EXPECT_EQ(SIGUSR1, sfd_take(self->fd));
	close(self->fd);
}

TEST_F(file, write)
{
	struct iovec iov = { .iov_base = self->buf, .iov_len = RECORD_SIZE };

	EXPECT_EQ(-EINVAL, result(write(self->fd, self->buf, 0)));
	EXPECT_EQ(-EINVAL, result(write(self->fd, self->buf, 8)));
	EXPECT_EQ(-EINVAL, result(write(self->fd, self->buf, RECORD_SIZE)));
	EXPECT_EQ(-EINVAL, result(writev(self->fd, &iov, 1)));
	EXPECT_EQ(-EINVAL, result(pwritev2(self->fd, &iov, 1, -1, 0)));
}

TEST_F(file, seek)
{
	static const int whence[] = {
		SEEK_SET, SEEK_CUR, SEEK_END, SEEK_DATA, SEEK_HOLE,
	};

	for (size_t i = 0; i < ARRAY_SIZE(whence); i++) {
		EXPECT_EQ(0, result(lseek(self->fd, 0, whence[i])));
		EXPECT_EQ(0, result(lseek(self->fd, 1000, whence[i])));
		EXPECT_EQ(0, result(lseek(self->fd, -1000, whence[i])));
	}
	EXPECT_EQ(-EINVAL, result(lseek(self->fd, 0, 99)));
}

TEST_F(file, positioned_calls)
{
	struct iovec iov = { .iov_base = self->buf, .iov_len = RECORD_SIZE };

	EXPECT_EQ(-ESPIPE, result(pread(self->fd, self->buf, RECORD_SIZE, 0)));
	EXPECT_EQ(-ESPIPE, result(pread(self->fd, self->buf, RECORD_SIZE, 128)));
	EXPECT_EQ(-ESPIPE, result(pwrite(self->fd, self->buf, RECORD_SIZE, 0)));
	EXPECT_EQ(-ESPIPE, result(preadv(self->fd, &iov, 1, 0)));
	EXPECT_EQ(-ESPIPE, result(pwritev(self->fd, &iov, 1, 0)));
}

TEST_F(file, splice)
{
	int pipes[2];

	ASSERT_EQ(0, pipe2(pipes, O_NONBLOCK));
	EXPECT_EQ(-EINVAL, result(splice(self->fd, NULL, pipes[1], NULL,
					 RECORD_SIZE, 0)));
	ASSERT_EQ(RECORD_SIZE, write(pipes[1], self->buf, RECORD_SIZE));
	EXPECT_EQ(-EINVAL, result(splice(pipes[0], NULL, self->fd, NULL,
					 RECORD_SIZE, 0)));
	EXPECT_EQ(-EINVAL, result(tee(self->fd, pipes[1], RECORD_SIZE, 0)));
}

TEST_F(file, sendfile)
{
	int memory = memfd_create("source", MFD_CLOEXEC);
	int pipes[2];

	ASSERT_GE(memory, 0);
	ASSERT_EQ(0, pipe(pipes));
	ASSERT_EQ(RECORD_SIZE, write(memory, self->buf, RECORD_SIZE));
	ASSERT_EQ(0, lseek(memory, 0, SEEK_SET));
	EXPECT_EQ(-EINVAL, result(sendfile(pipes[1], self->fd, NULL,
					   RECORD_SIZE)));
	EXPECT_EQ(-EINVAL, result(sendfile(self->fd, memory, NULL,
					   RECORD_SIZE)));
	EXPECT_EQ(-EINVAL, result(copy_file_range(self->fd, NULL, memory, NULL,
						  RECORD_SIZE, 0)));
	EXPECT_EQ(-EINVAL, result(copy_file_range(memory, NULL, self->fd, NULL,
						  RECORD_SIZE, 0)));
}

TEST_F(file, stat)
{
	int reference = native_sfd_call(-1, &(uint64_t){ 1 }, 8, 0);
	struct stat native, st;
	struct statfs fs;

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
	EXPECT_EQ(native.st_blksize, st.st_blksize);
	EXPECT_EQ(native.st_blocks, st.st_blocks);
	EXPECT_EQ(0, native.st_size);
	EXPECT_EQ(0, st.st_size);
	ASSERT_EQ(0, fstatfs(self->fd, &fs));
	EXPECT_EQ(0x09041934, fs.f_type);
}

TEST_F(file, link_in_proc)
{
	char path[64], target[64] = "";

	snprintf(path, sizeof(path), "/proc/self/fd/%d", self->fd);
	EXPECT_LT(0, readlink(path, target, sizeof(target) - 1));
	EXPECT_STREQ("anon_inode:[signalfd]", target);
	EXPECT_EQ(-ENXIO, result(open(path, O_RDWR)));
}

TEST_F(file, calls_that_do_not_apply)
{
	void *map = mmap(NULL, 4096, PROT_READ, MAP_SHARED, self->fd, 0);
	int pending;

	EXPECT_EQ(MAP_FAILED, map);
	EXPECT_EQ(ENODEV, errno);
	EXPECT_EQ(-EINVAL, result(fsync(self->fd)));
	EXPECT_EQ(-EINVAL, result(ftruncate(self->fd, 0)));
	EXPECT_EQ(-ENODEV, result(fallocate(self->fd, 0, 0, 8)));
	EXPECT_EQ(-ENOTDIR, result(fchdir(self->fd)));
	EXPECT_EQ(-ENOTSOCK, result(syscall(SYS_shutdown, self->fd, 0)));
	EXPECT_EQ(-ENOTTY, result(ioctl(self->fd, FIONREAD, &pending)));
	EXPECT_EQ(-ENOTTY, result(ioctl(self->fd, TCGETS, self->buf)));
	EXPECT_EQ(-ENOTTY, result(ioctl(self->fd, EVFD_IOC_SIGNALFD,
					self->buf)));
	EXPECT_EQ(-EOPNOTSUPP, result(fchmod(self->fd, 0644)));
}

TEST_F(file, status_flags)
{
	int on = 1, off = 0;

	EXPECT_EQ(0, result(fcntl(self->fd, F_SETFL, O_NONBLOCK | O_ASYNC)));
	EXPECT_EQ(O_RDWR | O_NONBLOCK, fcntl(self->fd, F_GETFL));
	EXPECT_EQ(-EINVAL, result(fcntl(self->fd, F_SETFL,
					O_NONBLOCK | O_DIRECT)));
	EXPECT_EQ(0, result(ioctl(self->fd, FIONBIO, &off)));
	EXPECT_EQ(O_RDWR, fcntl(self->fd, F_GETFL));
	EXPECT_EQ(0, result(ioctl(self->fd, FIONBIO, &on)));
	EXPECT_EQ(O_RDWR | O_NONBLOCK, fcntl(self->fd, F_GETFL));
	EXPECT_EQ(-ENOTTY, result(ioctl(self->fd, FIOASYNC, &on)));
	EXPECT_EQ(0, result(ioctl(self->fd, FIOCLEX)));
	EXPECT_EQ(FD_CLOEXEC, fcntl(self->fd, F_GETFD));
}

/* Reads all of fdinfo. */
static void read_fdinfo(int fd, char *text, size_t size)
{
	char path[64];
	ssize_t n;
	int file;

	snprintf(path, sizeof(path), "/proc/self/fdinfo/%d", fd);
	file = open(path, O_RDONLY | O_CLOEXEC);
	n = read(file, text, size - 1);
	text[n > 0 ? n : 0] = '\0';
	close(file);
}

TEST(fdinfo_is_as_native)
{
	static const uint64_t masks[] = {
		0, 1, 0x200, UINT64_MAX, 0x8000000000000000, 0x0123456789abcdef,
	};
	static const int flags[] = { 0, SFD_NONBLOCK, SFD_CLOEXEC };

	for (size_t i = 0; i < ARRAY_SIZE(masks); i++) {
		for (size_t j = 0; j < ARRAY_SIZE(flags); j++) {
			int fd = sfd_new(masks[i], flags[j]), reference;
			char want[512], seen[512];

			reference = native_sfd_call(-1, &masks[i], 8, flags[j]);
			ASSERT_GE(reference, 0);
			ASSERT_GE(fd, 0);
			read_fdinfo(reference, want, sizeof(want));
			read_fdinfo(fd, seen, sizeof(seen));
			EXPECT_STREQ(want, seen);
			EXPECT_NE(NULL, strstr(seen, "sigmask:\t"));
		}
	}
}

/* By another process, the mask is the same, whatever is pending there. */
TEST_F(file, fdinfo_by_others)
{
	char path[64], line[128];
	pid_t child = fork_child();
	unsigned int found = 0;
	FILE *file;

	ASSERT_GE(child, 0);
	if (!child) {
		while (1)
			pause();
	}
	snprintf(path, sizeof(path), "/proc/%d/fdinfo/%d", child, self->fd);
	file = fopen(path, "re");
	ASSERT_NE(NULL, file);
	while (fgets(line, sizeof(line), file))
		found += !strcmp(line, "sigmask:\t0000000000000200\n");
	EXPECT_EQ(1, found);
	fclose(file);
	kill(child, SIGKILL);
	EXPECT_EQ(child, waitpid(child, NULL, 0));
}

TEST_HARNESS_MAIN
