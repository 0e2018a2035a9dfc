// SPDX-License-Identifier: GPL-2.0
/*
 * The rest of a timer's file: fdinfo, and what every other call does. Most of
 * it makes no sense on a timer, and must fail as it does natively.
 */
#include "timer.h"

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
	self->fd = tfd_new(CLOCK_REALTIME, TFD_NONBLOCK);
	ASSERT_GE(self->fd, 0);
	ASSERT_EQ(0, tfd_arm_late(self->fd, CLOCK_REALTIME));
	ASSERT_TRUE(tfd_expires(self->fd));
}

FIXTURE_TEARDOWN(file)
{
	/* None of these tests is to read or to start the timer. */
	EXPECT_EQ(1, tfd_pending(self->fd));
	EXPECT_EQ(LATE_TICKS, tfd_ticks(self->fd));
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

TEST_F(file, writes)
{
	struct iovec iov = { .iov_base = self->buf, .iov_len = 8 };

	for (int size = 0; size <= 16; size += 4)
		EXPECT_EQ(-EINVAL, result(write(self->fd, self->buf, size)));
	EXPECT_EQ(-EINVAL, result(write(self->fd, nowhere(), 8)));
	EXPECT_EQ(-EINVAL, result(writev(self->fd, &iov, 1)));
	EXPECT_EQ(-EINVAL, result(pwritev2(self->fd, &iov, 1, -1, 0)));
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
	int reference = syscall(SYS_timerfd_create, CLOCK_REALTIME, 0);
	struct stat native, st;

	ASSERT_GE(reference, 0);
	ASSERT_EQ(0, fstat(reference, &native));
	ASSERT_EQ(0, fstat(self->fd, &st));
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
	EXPECT_STREQ("anon_inode:[timerfd]", target);
	EXPECT_EQ(-ENXIO, result(open(path, O_RDWR)));
}

/*
 * Reads fdinfo. What is left of an armed timer is not the same at any two
 * times: where it is not 0, the text gets no line for it.
 */
static void read_fdinfo(int fd, char *text, size_t size)
{
	struct tfd_info info = { };
	char line[128];
	FILE *file;

	*text = '\0';
	tfd_info(fd, &info);
	snprintf(line, sizeof(line), "/proc/self/fdinfo/%d", fd);
	file = fopen(line, "re");
	while (file && fgets(line, sizeof(line), file)) {
		if (strncmp(line, "it_value", 8) || !tfd_ns(info.time.it_value))
			strncat(text, line, size - strlen(text) - 1);
	}
	if (file)
		fclose(file);
}

TEST(fdinfo_is_as_native)
{
	static const int clocks[] = {
		CLOCK_MONOTONIC, CLOCK_REALTIME, CLOCK_BOOTTIME,
		CLOCK_REALTIME_ALARM, CLOCK_BOOTTIME_ALARM,
	};
	static const int64_t values[] = { 0, 1, 100 * 365 * 24 * FAR_NS };
	static const int64_t intervals[] = { 0, 1, 7 * NS_PER_S + 999999999 };

	/* Each clock with each pair of times, as far as there are flags. */
	for (size_t i = 0; i < ARRAY_SIZE(clocks) * 9; i++) {
		int clock = clocks[i / 9], flags = i % 4;
		int value = i % 3, interval = i / 3 % 3;
		int reference = syscall(SYS_timerfd_create, clock, 0);
		int fd = tfd_new(clock, 0);
		struct evfd_itimerspec time = {
			tfd_timespec(intervals[interval]),
			tfd_timespec(values[value]),
		};
		char want[512], seen[512];

		ASSERT_EQ(0, syscall(TFD_SYS_SETTIME, reference, flags, &time,
				     NULL));
		ASSERT_EQ(0, tfd_set(fd, flags, &time, NULL));
		if (values[value] == 1)
			ASSERT_TRUE(tfd_expires(reference) && tfd_expires(fd));
		read_fdinfo(reference, want, sizeof(want));
		read_fdinfo(fd, seen, sizeof(seen));
		EXPECT_STREQ(want, seen) TH_LOG("clock %d, flags %d", clock,
						flags);
		EXPECT_NE(NULL, strstr(seen, "\nit_interval: ("));
		close(reference);
		close(fd);
	}
}

TEST(fdinfo_tells_the_timer_now)
{
	int fd = tfd_new(CLOCK_REALTIME, TFD_NONBLOCK);
	int64_t start = tfd_clock(CLOCK_MONOTONIC), left;
	struct tfd_info info;

	ASSERT_TRUE(tfd_info(fd, &info));
	EXPECT_EQ(CLOCK_REALTIME, info.clockid);
	EXPECT_EQ(0, info.flags);
	EXPECT_EQ(0, tfd_ns(info.time.it_value));
	ASSERT_EQ(0, tfd_arm(fd, 0, FAR_NS, 2 * FAR_NS + 1));
	ASSERT_TRUE(tfd_info(fd, &info));
	left = tfd_ns(info.time.it_value);
	EXPECT_GE(FAR_NS, left);
	EXPECT_LE(FAR_NS - (tfd_clock(CLOCK_MONOTONIC) - start), left);
	EXPECT_EQ(2 * FAR_NS + 1, tfd_ns(info.time.it_interval));
	/* One that has expired is late until it is read. */
	ASSERT_EQ(0, tfd_arm_late(fd, CLOCK_REALTIME));
	ASSERT_TRUE(tfd_expires(fd));
	for (int i = 0; i < 2; i++) {
		ASSERT_TRUE(tfd_info(fd, &info));
		EXPECT_EQ(1, info.ticks);
		EXPECT_EQ(TFD_TIMER_ABSTIME, info.flags);
		EXPECT_EQ(0, tfd_ns(info.time.it_value));
	}
	EXPECT_EQ(LATE_TICKS, tfd_ticks(fd));
	ASSERT_TRUE(tfd_info(fd, &info));
	EXPECT_EQ(0, info.ticks);
	left = tfd_ns(info.time.it_value);
	EXPECT_GE(FAR_NS, left);
	EXPECT_LE(FAR_NS - (tfd_clock(CLOCK_MONOTONIC) - start), left);
	if (tfd_can_set_ticks()) {
		ASSERT_EQ(0, tfd_set_ticks(fd, UINT64_MAX));
		ASSERT_TRUE(tfd_info(fd, &info));
		EXPECT_EQ(UINT64_MAX, info.ticks);
	}
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
	EXPECT_EQ(-ENODATA, result(fgetxattr(self->fd, "user.x", NULL, 0)));
	EXPECT_EQ(-EOPNOTSUPP, result(fchmod(self->fd, 0644)));
	EXPECT_EQ(-EOPNOTSUPP, result(fchown(self->fd, 1, 1)));
	EXPECT_EQ(-EOPNOTSUPP, result(futimens(self->fd, NULL)));
	EXPECT_EQ(-EINVAL, result(fcntl(self->fd, F_SETLEASE, F_RDLCK)));
	EXPECT_EQ(-EBADF, result(fcntl(self->fd, F_SETPIPE_SZ, 4096)));
}

TEST_F(file, locks)
{
	struct flock lock = { .l_type = F_WRLCK };

	EXPECT_EQ(0, result(flock(self->fd, LOCK_EX | LOCK_NB)));
	EXPECT_EQ(0, result(flock(self->fd, LOCK_UN)));
	EXPECT_EQ(0, result(fcntl(self->fd, F_SETLK, &lock)));
	lock.l_type = F_UNLCK;
	EXPECT_EQ(0, result(fcntl(self->fd, F_SETLK, &lock)));
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
}

TEST_HARNESS_MAIN
