// SPDX-License-Identifier: GPL-2.0
/* Each function of include/linux/evfd.h, called from task context. */
#include "kapi.h"

FIXTURE(api)
{
	int dev;
	int fd;
};

FIXTURE_SETUP(api)
{
	self->dev = post_device();
	ASSERT_LE(0, self->dev);
	self->fd = new_counter(0, EVFD_EFD_NONBLOCK);
	ASSERT_LE(0, self->fd);
}

FIXTURE_TEARDOWN(api)
{
	close(self->dev);
	close(self->fd);
}

FIXTURE_VARIANT(api)
{
	unsigned int via;
};

FIXTURE_VARIANT_ADD(api, fget)
{
	.via = POST_TEST_FGET,
};

FIXTURE_VARIANT_ADD(api, ctx_fdget)
{
	.via = POST_TEST_FDGET,
};

FIXTURE_VARIANT_ADD(api, ctx_fileget)
{
	.via = POST_TEST_FILEGET,
};

FIXTURE_VARIANT_ADD(api, names_of_2007)
{
	.via = POST_TEST_FGET_2007,
};

FIXTURE_VARIANT_ADD(api, symbol_of_2007)
{
	.via = POST_TEST_SYMBOL,
};

TEST_F(api, adds_and_returns_the_amount)
{
	EXPECT_EQ(1, post(self->dev, self->fd, variant->via, 1));
	EXPECT_EQ(41, post(self->dev, self->fd, variant->via, 41));
	EXPECT_EQ(42, read_count(self->fd));
}

TEST_F(api, zero_adds_nothing)
{
	EXPECT_EQ(0, post(self->dev, self->fd, variant->via, 0));
	EXPECT_EQ(0, poll_for(self->fd, POLLIN, 0));
}

TEST_F(api, int_max_is_the_limit)
{
	EXPECT_EQ(INT_MAX, post(self->dev, self->fd, variant->via, INT_MAX));
	EXPECT_EQ(-EINVAL, post(self->dev, self->fd, variant->via,
				INT_MAX + 1U));
	EXPECT_EQ(-EINVAL, post(self->dev, self->fd, variant->via, UINT_MAX));
	EXPECT_EQ(INT_MAX, read_count(self->fd));
}

TEST_F(api, not_open)
{
	EXPECT_EQ(-EBADF, post(self->dev, -1, variant->via, 1));
	EXPECT_EQ(-EBADF, post(self->dev, 1000, variant->via, 1));
}

TEST_F(api, not_ours)
{
	int native = eventfd(0, EFD_NONBLOCK);
	int null = open("/dev/null", O_RDWR);
	int device = open("/dev/" EVFD_DEVICE_NAME, O_RDWR);

	EXPECT_EQ(-EINVAL, post(self->dev, native, variant->via, 1));
	EXPECT_EQ(-EINVAL, post(self->dev, null, variant->via, 1));
	EXPECT_EQ(-EINVAL, post(self->dev, device, variant->via, 1));
	EXPECT_EQ(0, poll_for(native, POLLIN, 0));
	close(native);
	close(null);
	close(device);
}

TEST_F(api, full_counter)
{
	ASSERT_EQ(0, write_count(self->fd, UINT64_MAX - 1));
	EXPECT_EQ(POLLIN, poll_for(self->fd, POLLIN | POLLOUT, 0));
	EXPECT_EQ(1, post(self->dev, self->fd, variant->via, 5));
	EXPECT_EQ(POLLIN | POLLERR, poll_for(self->fd, POLLIN | POLLOUT, 0));
	EXPECT_EQ(0, post(self->dev, self->fd, variant->via, 5));
	EXPECT_EQ(-EAGAIN, write_count(self->fd, 1));
	EXPECT_EQ(UINT64_MAX, read_count(self->fd));
	EXPECT_EQ(POLLOUT, poll_for(self->fd, POLLIN | POLLOUT, 0));
	EXPECT_EQ(5, post(self->dev, self->fd, variant->via, 5));
	EXPECT_EQ(5, read_count(self->fd));
}

TEST_F(api, wakes_epoll)
{
	struct epoll_event event = { .events = EPOLLIN | EPOLLET };
	int epfd = epoll_create1(0);

	ASSERT_EQ(0, epoll_ctl(epfd, EPOLL_CTL_ADD, self->fd, &event));
	EXPECT_EQ(0, epoll_wait(epfd, &event, 1, 0));
	EXPECT_EQ(3, post(self->dev, self->fd, variant->via, 3));
	EXPECT_EQ(1, epoll_wait(epfd, &event, 1, WAIT_MS));
	EXPECT_EQ(EPOLLIN, event.events);
	EXPECT_EQ(0, epoll_wait(epfd, &event, 1, 0));
	EXPECT_EQ(1, post(self->dev, self->fd, variant->via, 1));
	EXPECT_EQ(1, epoll_wait(epfd, &event, 1, WAIT_MS));
	close(epfd);
}

FIXTURE(held)
{
	int dev;
	int fd;
};

FIXTURE_SETUP(held)
{
	self->dev = post_device();
	ASSERT_LE(0, self->dev);
	self->fd = new_counter(0, EVFD_EFD_NONBLOCK);
	ASSERT_LE(0, self->fd);
}

FIXTURE_TEARDOWN(held)
{
	close(self->dev);
	close(self->fd);
}

TEST_F(held, any_file_may_be_given_to_evfd_signal)
{
	int native = eventfd(0, EFD_NONBLOCK);

	EXPECT_EQ(-EINVAL, post(self->dev, native, POST_TEST_FOREIGN, 1));
	EXPECT_EQ(1, post(self->dev, self->fd, POST_TEST_FOREIGN, 1));
	EXPECT_EQ(0, poll_for(native, POLLIN, 0));
	close(native);
}

TEST_F(held, read)
{
	__u64 count = 1;

	ASSERT_EQ(0, ioctl(self->dev, POST_TEST_HOLD, &self->fd));
	EXPECT_EQ(0, ioctl(self->dev, POST_TEST_HELD_READ, &count));
	EXPECT_EQ(0, count);
	EXPECT_EQ(7, held_post(self->dev, 7, 0));
	EXPECT_EQ(0, ioctl(self->dev, POST_TEST_HELD_READ, &count));
	EXPECT_EQ(7, count);
	EXPECT_EQ(0, poll_for(self->fd, POLLIN, 0));
}

TEST_F(held, read_of_a_semaphore)
{
	int fd = new_counter(2, EVFD_EFD_SEMAPHORE | EVFD_EFD_NONBLOCK);
	__u64 count;

	ASSERT_EQ(0, ioctl(self->dev, POST_TEST_HOLD, &fd));
	for (int i = 2; i >= 0; i--) {
		EXPECT_EQ(0, ioctl(self->dev, POST_TEST_HELD_READ, &count));
		EXPECT_EQ(i > 0, count);
	}
	EXPECT_EQ(3, held_post(self->dev, 3, 0));
	EXPECT_EQ(0, ioctl(self->dev, POST_TEST_HELD_READ, &count));
	EXPECT_EQ(1, count);
	EXPECT_EQ(1, read_count(fd));
	EXPECT_EQ(1, read_count(fd));
	EXPECT_EQ(0, read_count(fd));
	close(fd);
}

/* A writer of @second blocks until the kernel has read @first. */
static void read_under_writer(struct __test_metadata *_metadata, int dev,
			      __u64 first, __u64 second)
{
	int fd = new_counter(0, 0);
	__u64 count;
	pid_t pid;
	int status;

	ASSERT_EQ(0, ioctl(dev, POST_TEST_HOLD, &fd));
	ASSERT_EQ(0, write_count(fd, first));
	pid = fork();
	ASSERT_LE(0, pid);
	if (!pid)
		_exit(write_count(fd, second) != 0);
	usleep(100000);
	EXPECT_EQ(0, ioctl(dev, POST_TEST_HELD_READ, &count));
	EXPECT_EQ(first, count);
	ASSERT_EQ(pid, waitpid(pid, &status, 0));
	EXPECT_EQ(0, status);
	EXPECT_EQ(second, read_count(fd));
	close(fd);
}

TEST_F(held, read_at_the_limit_lets_a_writer_go_on)
{
	read_under_writer(_metadata, self->dev, UINT64_MAX - 1, 2);
}

TEST_F(held, read_of_little_lets_a_writer_of_much_go_on)
{
	read_under_writer(_metadata, self->dev, 5, UINT64_MAX - 1);
}

TEST_F(held, context_outlives_the_descriptor)
{
	__u64 count;

	ASSERT_EQ(0, ioctl(self->dev, POST_TEST_HOLD, &self->fd));
	close(self->fd);
	self->fd = -1;
	EXPECT_EQ(4, held_post(self->dev, 4, 0));
	EXPECT_EQ(5, held_post(self->dev, 5, 0));
	EXPECT_EQ(0, ioctl(self->dev, POST_TEST_HELD_READ, &count));
	EXPECT_EQ(9, count);
}

TEST_F(held, file_stays_open)
{
	struct epoll_event event = { .events = EPOLLIN };
	int epfd = epoll_create1(0);

	ASSERT_EQ(0, epoll_ctl(epfd, EPOLL_CTL_ADD, self->fd, &event));
	ASSERT_EQ(0, ioctl(self->dev, POST_TEST_HOLD_FILE, &self->fd));
	close(self->fd);
	self->fd = -1;
	EXPECT_EQ(4, held_post(self->dev, 4, 0));
	EXPECT_EQ(1, epoll_wait(epfd, &event, 1, WAIT_MS));
	EXPECT_EQ(EPOLLIN, event.events);
	ASSERT_EQ(0, ioctl(self->dev, POST_TEST_RELEASE));
	EXPECT_EQ(0, epoll_wait(epfd, &event, 1, 0));
	close(epfd);
}

TEST_F(held, mask_of_a_post_reaches_the_waiters)
{
	int number = hook(self->dev, self->fd, self->fd, 1, 0, 0);
	struct post_test_hook_state state;

	ASSERT_EQ(0, number);
	ASSERT_EQ(0, ioctl(self->dev, POST_TEST_HOLD, &self->fd));
	EXPECT_EQ(1, held_post(self->dev, 1, 0));
	EXPECT_TRUE(wait_until(hook_state(self->dev, number).calls == 1));
	state = hook_state(self->dev, number);
	EXPECT_EQ(EPOLLIN, state.events);
	EXPECT_EQ(1, held_post(self->dev, 1, EPOLLPRI));
	EXPECT_TRUE(wait_until(hook_state(self->dev, number).calls == 2));
	state = hook_state(self->dev, number);
	EXPECT_EQ(EPOLLIN | EPOLLPRI, state.events);
}

/* The module releases a context under a lock, so its end must not sleep. */
TEST(the_last_reference_on_an_arena)
{
	struct evfd_arena arena = { .entries = EVFD_ARENA_MAX };
	struct evfd_bind bind = { .cell = EVFD_ARENA_MAX - 1 };
	int dev = post_device(), fd;

	ASSERT_LE(0, dev);
	bind.arena = evfd_device_ioctl(EVFD_IOC_ARENA, &arena);
	ASSERT_LE(0, bind.arena);
	fd = evfd_device_ioctl(EVFD_IOC_BIND, &bind);
	ASSERT_LE(0, fd);
	ASSERT_EQ(0, ioctl(dev, POST_TEST_HOLD, &fd));
	close(fd);
	close(bind.arena);
	EXPECT_EQ(1, held_post(dev, 1, 0));
	EXPECT_EQ(0, ioctl(dev, POST_TEST_RELEASE));
	close(dev);
}

TEST_HARNESS_MAIN
