// SPDX-License-Identifier: GPL-2.0
/* Posts from inside wake-up callbacks: no post is lost, every waiter is woken. */
#include <pthread.h>

#include "kapi.h"

/* The posts of a hook without a limit. */
#define ALWAYS		INT_MAX

/* The length of a chain of callbacks. */
#define CHAIN		200

FIXTURE(hooks)
{
	int dev;
	int a;
	int b;
	int native;
	int native2;
};

FIXTURE_SETUP(hooks)
{
	self->dev = post_device();
	ASSERT_LE(0, self->dev);
	self->a = new_counter(0, EVFD_EFD_NONBLOCK);
	ASSERT_LE(0, self->a);
	self->b = new_counter(0, EVFD_EFD_NONBLOCK);
	ASSERT_LE(0, self->b);
	self->native = eventfd(0, EFD_NONBLOCK);
	ASSERT_LE(0, self->native);
	self->native2 = eventfd(0, EFD_NONBLOCK);
	ASSERT_LE(0, self->native2);
}

FIXTURE_TEARDOWN(hooks)
{
	close(self->dev);
	close(self->a);
	close(self->b);
	close(self->native);
	close(self->native2);
}

TEST_F(hooks, post_to_another)
{
	ASSERT_EQ(0, hook(self->dev, self->a, self->b, 7, ALWAYS, 0));
	EXPECT_EQ(1, post(self->dev, self->a, POST_TEST_FDGET, 1));
	EXPECT_EQ(POLLIN, poll_for(self->b, POLLIN, WAIT_MS));
	EXPECT_EQ(7, read_count(self->b));
	EXPECT_EQ(1, read_count(self->a));
}

TEST_F(hooks, post_to_another_on_write)
{
	ASSERT_EQ(0, hook(self->dev, self->a, self->b, 7, ALWAYS, 0));
	EXPECT_EQ(0, write_count(self->a, 2));
	EXPECT_EQ(POLLIN, poll_for(self->b, POLLIN, WAIT_MS));
	EXPECT_EQ(7, read_count(self->b));
	EXPECT_EQ(2, read_count(self->a));
}

TEST_F(hooks, post_to_itself)
{
	ASSERT_EQ(0, hook(self->dev, self->a, self->a, 2, CHAIN, 0));
	EXPECT_EQ(1, post(self->dev, self->a, POST_TEST_FDGET, 1));
	EXPECT_TRUE(wait_until(hook_state(self->dev, 0).added == 2 * CHAIN));
	EXPECT_EQ(1 + 2 * CHAIN, read_count(self->a));
}

TEST_F(hooks, post_to_one_another)
{
	ASSERT_EQ(0, hook(self->dev, self->a, self->b, 1, CHAIN, 0));
	ASSERT_EQ(1, hook(self->dev, self->b, self->a, 1, CHAIN, 0));
	EXPECT_EQ(1, post(self->dev, self->a, POST_TEST_FGET, 1));
	EXPECT_TRUE(wait_until(hook_state(self->dev, 0).added == CHAIN));
	EXPECT_TRUE(wait_until(hook_state(self->dev, 1).added == CHAIN));
	EXPECT_EQ(1 + CHAIN, read_count(self->a));
	EXPECT_EQ(CHAIN, read_count(self->b));
}

TEST_F(hooks, native_posts_to_ours)
{
	ASSERT_EQ(0, hook(self->dev, self->native, self->a, 3, ALWAYS, 0));
	EXPECT_EQ(0, write_count(self->native, 1));
	EXPECT_EQ(POLLIN, poll_for(self->a, POLLIN, WAIT_MS));
	EXPECT_EQ(3, read_count(self->a));
}

TEST_F(hooks, ours_posts_to_native)
{
	ASSERT_EQ(0, hook(self->dev, self->a, self->native, 1, ALWAYS, 0));
	EXPECT_EQ(1, post(self->dev, self->a, POST_TEST_FDGET, 1));
	EXPECT_EQ(POLLIN, poll_for(self->native, POLLIN, WAIT_MS));
	EXPECT_EQ(1, read_count(self->native));
}

/* The kernel drops a native post inside another: evfd must defer the wake-up of a. */
TEST_F(hooks, native_to_ours_to_native)
{
	ASSERT_EQ(0, hook(self->dev, self->native, self->a, 1, ALWAYS, 0));
	ASSERT_EQ(1, hook(self->dev, self->a, self->native2, 1, ALWAYS, 0));
	ASSERT_EQ(2, hook(self->dev, self->b, self->native, 1, ALWAYS, 0));
	EXPECT_EQ(1, post(self->dev, self->b, POST_TEST_FDGET, 1));
	EXPECT_EQ(POLLIN, poll_for(self->native2, POLLIN, WAIT_MS));
	EXPECT_EQ(1, read_count(self->native2));
	EXPECT_EQ(1, read_count(self->native));
	EXPECT_EQ(1, read_count(self->a));
}

TEST_F(hooks, ours_to_native_to_ours)
{
	ASSERT_EQ(0, hook(self->dev, self->a, self->native, 1, CHAIN, 0));
	ASSERT_EQ(1, hook(self->dev, self->native, self->a, 1, CHAIN, 0));
	EXPECT_EQ(1, post(self->dev, self->a, POST_TEST_FDGET, 1));
	EXPECT_TRUE(wait_until(hook_state(self->dev, 1).added == CHAIN));
	EXPECT_EQ(1 + CHAIN, read_count(self->a));
}

TEST_F(hooks, wake_a_task_in_epoll_of_epoll)
{
	struct epoll_event event = { .events = EPOLLIN | EPOLLET };
	int inner = epoll_create1(0);
	int outer = epoll_create1(0);
	pid_t pid;
	int status;

	ASSERT_EQ(0, epoll_ctl(inner, EPOLL_CTL_ADD, self->b, &event));
	ASSERT_EQ(0, epoll_ctl(outer, EPOLL_CTL_ADD, inner, &event));
	ASSERT_EQ(0, hook(self->dev, self->a, self->b, 1, ALWAYS, 0));
	pid = fork();
	ASSERT_LE(0, pid);
	if (!pid)
		_exit(epoll_wait(outer, &event, 1, WAIT_MS) != 1);
	usleep(100000);
	EXPECT_EQ(1, post(self->dev, self->a, POST_TEST_FDGET, 1));
	ASSERT_EQ(pid, waitpid(pid, &status, 0));
	EXPECT_EQ(0, status);
	close(inner);
	close(outer);
}

TEST_F(hooks, read_in_the_callback)
{
	ASSERT_EQ(0, hook(self->dev, self->a, self->b, 1, ALWAYS,
			  POST_TEST_DRAIN));
	EXPECT_EQ(0, write_count(self->a, 5));
	EXPECT_EQ(6, post(self->dev, self->a, POST_TEST_FDGET, 6));
	EXPECT_TRUE(wait_until(hook_state(self->dev, 0).drained == 11));
	EXPECT_EQ(0, poll_for(self->a, POLLIN, 0));
	EXPECT_EQ(POLLIN, poll_for(self->b, POLLIN, WAIT_MS));
	EXPECT_EQ(2, read_count(self->b));
}

TEST_F(hooks, last_close_reports_hup)
{
	struct post_test_hook_state state;

	ASSERT_EQ(0, hook(self->dev, self->a, self->b, 1, ALWAYS, 0));
	EXPECT_EQ(0, ioctl(self->dev, POST_TEST_HOLD, &self->a));
	close(self->a);
	self->a = -1;
	EXPECT_TRUE(wait_until(hook_state(self->dev, 0).calls));
	state = hook_state(self->dev, 0);
	EXPECT_EQ(EPOLLHUP, state.events);
	EXPECT_EQ(0, state.added);
	EXPECT_EQ(9, held_post(self->dev, 9, 0));
	EXPECT_TRUE(wait_until(hook_state(self->dev, 0).added == 1));
	EXPECT_EQ(1, read_count(self->b));
}

TEST_F(hooks, leave_the_queue_and_read)
{
	struct post_test_unhook arg = { .hook = 0, .count = 99 };

	ASSERT_EQ(0, hook(self->dev, self->a, self->b, 1, ALWAYS, 0));
	EXPECT_EQ(8, post(self->dev, self->a, POST_TEST_FDGET, 8));
	EXPECT_TRUE(wait_until(hook_state(self->dev, 0).calls == 1));
	EXPECT_EQ(0, ioctl(self->dev, POST_TEST_UNHOOK, &arg));
	EXPECT_EQ(0, arg.result);
	EXPECT_EQ(8, arg.count);
	EXPECT_EQ(0, poll_for(self->a, POLLIN, 0));
	EXPECT_EQ(1, post(self->dev, self->a, POST_TEST_FDGET, 1));
	EXPECT_EQ(1, hook_state(self->dev, 0).calls);
	EXPECT_EQ(1, read_count(self->b));
}

TEST_F(hooks, leave_the_queue_of_an_empty_counter)
{
	struct post_test_unhook arg = { .hook = 0, .count = 99 };

	ASSERT_EQ(0, hook(self->dev, self->a, self->b, 1, ALWAYS, 0));
	EXPECT_EQ(0, ioctl(self->dev, POST_TEST_UNHOOK, &arg));
	EXPECT_EQ(-EAGAIN, arg.result);
	EXPECT_EQ(0, arg.count);
	EXPECT_EQ(1, post(self->dev, self->a, POST_TEST_FDGET, 1));
	EXPECT_EQ(0, hook_state(self->dev, 0).calls);
}

struct crossing {
	int fd;
	__u32 context;
	struct post_test_run run;
	int error;
};

static void *run_crossing(void *data)
{
	struct crossing *crossing = data;
	int dev = post_device();

	crossing->run = (struct post_test_run) {
		.fd = crossing->fd,
		.amount = 1,
		.context = { POST_TEST_TASK, crossing->context },
		.posts = 5000,
	};
	crossing->error = ioctl(dev, POST_TEST_RUN, &crossing->run);
	close(dev);
	return NULL;
}

/* Both directions at once, on both processors: no deadlock, no lost post. */
TEST_F_TIMEOUT(hooks, crossing_chains_under_load, 300)
{
	struct crossing to_a = { .fd = self->a, .context = POST_TEST_HARDIRQ };
	struct crossing to_b = { .fd = self->b, .context = POST_TEST_NMI };
	__u64 in_a, in_b;
	pthread_t other;

	ASSERT_EQ(0, hook(self->dev, self->a, self->b, 1, 3000, 0));
	ASSERT_EQ(1, hook(self->dev, self->b, self->a, 1, 3000, 0));
	ASSERT_EQ(2, hook(self->dev, self->a, self->native, 1, ALWAYS, 0));
	ASSERT_EQ(3, hook(self->dev, self->native, self->b, 1, 3000, 0));
	ASSERT_EQ(0, pthread_create(&other, NULL, run_crossing, &to_b));
	run_crossing(&to_a);
	ASSERT_EQ(0, pthread_join(other, NULL));
	EXPECT_EQ(0, to_a.error);
	EXPECT_EQ(0, to_b.error);
	EXPECT_TRUE(wait_until(hook_state(self->dev, 0).added == 3000));
	EXPECT_TRUE(wait_until(hook_state(self->dev, 1).added == 3000));
	EXPECT_TRUE(wait_until(hook_state(self->dev, 3).added == 3000));
	in_a = read_count(self->a);
	in_b = read_count(self->b);
	EXPECT_EQ(to_a.run.added[0] + to_a.run.added[1] + 3000, in_a);
	EXPECT_EQ(to_b.run.added[0] + to_b.run.added[1] + 6000, in_b);
}

TEST_HARNESS_MAIN
