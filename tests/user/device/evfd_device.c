// SPDX-License-Identifier: GPL-2.0
/*
 * The device: any user may open it, and its ioctls refuse invalid calls.
 */
#include "common.h"

#include <sys/resource.h>
#include <sys/stat.h>

FIXTURE(device)
{
	struct evfd_eventfd arg;
	int fd;
};

FIXTURE_SETUP(device)
{
	self->fd = open(EVFD_DEVICE, O_RDWR | O_CLOEXEC);
	ASSERT_GE(self->fd, 0);
}

FIXTURE_TEARDOWN(device)
{
	close(self->fd);
}

TEST_F(device, mode)
{
	struct stat st;

	ASSERT_EQ(0, fstat(self->fd, &st));
	EXPECT_EQ(S_IFCHR | 0666, st.st_mode);
}

TEST_F(device, needs_no_privilege)
{
	int fd;

	ASSERT_EQ(0, setresgid(65534, 65534, 65534));
	ASSERT_EQ(0, setresuid(65534, 65534, 65534));
	fd = evfd_new(3, EFD_NONBLOCK);
	ASSERT_GE(fd, 0);
	EXPECT_EQ(8, efd_add(fd, 1));
	EXPECT_EQ(4, efd_take(fd));
}

TEST_F(device, how_it_is_opened_does_not_matter)
{
	static const int modes[] = { O_RDONLY, O_WRONLY, O_RDWR };

	for (size_t i = 0; i < ARRAY_SIZE(modes); i++) {
		int device = open(EVFD_DEVICE, modes[i]);
		int fd = ioctl(device, EVFD_IOC_EVENTFD, &self->arg);

		ASSERT_GE(fd, 0);
		EXPECT_EQ(O_RDWR, fcntl(fd, F_GETFL));
		EXPECT_EQ(8, efd_add(fd, 1));
		EXPECT_EQ(1, efd_take(fd));
		close(device);
	}
}

TEST_F(device, unknown_commands)
{
	static const unsigned long commands[] = {
		0, TCGETS, FIONREAD,
		_IO(EVFD_IOC_MAGIC, 0x00),
		_IOR(EVFD_IOC_MAGIC, 0x00, struct evfd_eventfd),
		_IOW(EVFD_IOC_MAGIC, 0x00, __u32),
		_IOW(EVFD_IOC_MAGIC, 0x00, __u32[4]),
		_IOW(EVFD_IOC_MAGIC, 0x7f, struct evfd_eventfd),
		_IOW(EVFD_IOC_MAGIC + 1, 0x00, struct evfd_eventfd),
	};

	for (size_t i = 0; i < ARRAY_SIZE(commands); i++) {
		EXPECT_EQ(-1, ioctl(self->fd, commands[i], &self->arg));
		EXPECT_EQ(ENOTTY, errno) TH_LOG("command %#lx", commands[i]);
	}
}

TEST_F(device, bad_arguments)
{
	size_t page = sysconf(_SC_PAGESIZE);
	char *map = mmap(NULL, 2 * page, PROT_READ | PROT_WRITE,
			 MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	int next = dup(0);

	ASSERT_NE(MAP_FAILED, map);
	ASSERT_EQ(0, munmap(map + page, page));
	close(next);
	EXPECT_EQ(-1, ioctl(self->fd, EVFD_IOC_EVENTFD, NULL));
	EXPECT_EQ(EFAULT, errno);
	EXPECT_EQ(-1, ioctl(self->fd, EVFD_IOC_EVENTFD, map + page));
	EXPECT_EQ(EFAULT, errno);
	EXPECT_EQ(-1, ioctl(self->fd, EVFD_IOC_EVENTFD, map + page - 4));
	EXPECT_EQ(EFAULT, errno);
	EXPECT_EQ(-1, ioctl(self->fd, EVFD_IOC_EVENTFD, (void *)-1L));
	EXPECT_EQ(EFAULT, errno);
	self->arg.flags = UINT32_MAX;
	EXPECT_EQ(-1, ioctl(self->fd, EVFD_IOC_EVENTFD, &self->arg));
	EXPECT_EQ(EINVAL, errno);
	/* The failed calls have left no descriptor. */
	EXPECT_EQ(next, dup(0));
}

TEST_F(device, an_unaligned_argument_in_read_only_memory)
{
	char *map = mmap(NULL, 4096, PROT_READ | PROT_WRITE,
			 MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	int fd;

	ASSERT_NE(MAP_FAILED, map);
	self->arg.count = 77;
	memcpy(map + 3, &self->arg, sizeof(self->arg));
	ASSERT_EQ(0, mprotect(map, 4096, PROT_READ));
	fd = ioctl(self->fd, EVFD_IOC_EVENTFD, map + 3);
	ASSERT_GE(fd, 0);
	EXPECT_EQ(77, efd_take(fd));
}

TEST_F(device, other_calls)
{
	uint64_t value = 1;

	EXPECT_EQ(-1, read(self->fd, &value, 8));
	EXPECT_EQ(EINVAL, errno);
	EXPECT_EQ(-1, write(self->fd, &value, 8));
	EXPECT_EQ(EINVAL, errno);
	EXPECT_EQ(MAP_FAILED, mmap(NULL, 4096, PROT_READ, MAP_SHARED,
				   self->fd, 0));
	EXPECT_EQ(ENODEV, errno);
}

TEST_F(device, descriptors_outlive_it)
{
	int fd = ioctl(self->fd, EVFD_IOC_EVENTFD, &self->arg);

	ASSERT_GE(fd, 0);
	ASSERT_EQ(0, close(self->fd));
	EXPECT_EQ(8, efd_add(fd, 2));
	EXPECT_EQ(2, efd_take(fd));
}

TEST_F(device, every_flag)
{
	int all = EVFD_EFD_SEMAPHORE | EVFD_EFD_WAKE_ONE | EVFD_EFD_CLOEXEC |
		  EVFD_EFD_NONBLOCK;
	int fd = evfd_new(2, all);

	EXPECT_EQ(EFD_SEMAPHORE, EVFD_EFD_SEMAPHORE);
	EXPECT_EQ(EFD_CLOEXEC, EVFD_EFD_CLOEXEC);
	EXPECT_EQ(EFD_NONBLOCK, EVFD_EFD_NONBLOCK);
	ASSERT_GE(fd, 0);
	EXPECT_EQ(FD_CLOEXEC, fcntl(fd, F_GETFD));
	EXPECT_EQ(O_RDWR | O_NONBLOCK, fcntl(fd, F_GETFL));
	EXPECT_EQ(1, efd_take(fd));
	EXPECT_EQ(1, efd_take(fd));
	EXPECT_EQ(-EAGAIN, efd_take(fd));
}

TEST_F(device, no_descriptor_left)
{
	struct rlimit limit;
	int next = dup(0);

	close(next);
	ASSERT_EQ(0, getrlimit(RLIMIT_NOFILE, &limit));
	limit.rlim_cur = next;
	ASSERT_EQ(0, setrlimit(RLIMIT_NOFILE, &limit));
	EXPECT_EQ(-1, ioctl(self->fd, EVFD_IOC_EVENTFD, &self->arg));
	EXPECT_EQ(EMFILE, errno);
	limit.rlim_cur = next + 1;
	ASSERT_EQ(0, setrlimit(RLIMIT_NOFILE, &limit));
	EXPECT_EQ(next, ioctl(self->fd, EVFD_IOC_EVENTFD, &self->arg));
}

TEST_HARNESS_MAIN
