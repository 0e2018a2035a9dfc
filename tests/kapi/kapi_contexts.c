// SPDX-License-Identifier: GPL-2.0
/*
 * Two posters at once, in any two contexts, while readers drain. The sum read is the
 * sum posted, and every waiter is woken. With EVFD_IMPL=memory, readers also take from the
 * memory of the counter.
 */
#define _GNU_SOURCE
#include "readers.h"

/* Returns the number of posts of a variant, scaled by POSTS_PERCENT if it is set. */
static __u64 scaled(__u64 posts)
{
	const char *percent = getenv("POSTS_PERCENT");

	return percent ? posts * strtoull(percent, NULL, 10) / 100 : posts;
}

static const char *const names[] = {
	[POST_TEST_TASK] = "task",
	[POST_TEST_IRQS_OFF] = "irqs off",
	[POST_TEST_SPINLOCK] = "spinlock",
	[POST_TEST_RAW_SPINLOCK] = "raw spinlock",
	[POST_TEST_SOFTIRQ] = "softirq",
	[POST_TEST_HARDIRQ] = "hardirq",
	[POST_TEST_NMI] = "nmi",
};

/* The suite adds up these numbers. */
static void tell(const struct post_test_run *run)
{
	for (int i = 0; i < POST_TEST_POSTERS; i++)
		fprintf(stderr, "# %llu posts from %s\n", run->posts,
			names[run->context[i]]);
}

FIXTURE(contexts)
{
	int dev;
	struct readers readers;
};

FIXTURE_VARIANT(contexts)
{
	__u32 context[POST_TEST_POSTERS];
	enum reader_kind kinds[READERS_MAX + 1];
	__u64 posts;
	unsigned int flags;
};

FIXTURE_SETUP(contexts)
{
	self->dev = post_device();
	ASSERT_LE(0, self->dev);
	self->readers = (struct readers) { .flags = variant->flags };
	self->readers.fd = new_counter_in(&self->readers.counter, 0, variant->flags);
	ASSERT_LE(0, self->readers.fd);
}

FIXTURE_TEARDOWN(contexts)
{
	close(self->dev);
	close(self->readers.fd);
}

FIXTURE_VARIANT_ADD(contexts, million)
{
	.context = { POST_TEST_TASK, POST_TEST_HARDIRQ },
	.kinds = { BLOCKING, IN_EPOLL, NONBLOCKING },
	.posts = 500000,
};

FIXTURE_VARIANT_ADD(contexts, task_task)
{
	.context = { POST_TEST_TASK, POST_TEST_TASK },
	.kinds = { BLOCKING },
	.posts = 20000,
};

FIXTURE_VARIANT_ADD(contexts, task_irqs_off)
{
	.context = { POST_TEST_TASK, POST_TEST_IRQS_OFF },
	.kinds = { IN_EPOLL },
	.posts = 20000,
};

FIXTURE_VARIANT_ADD(contexts, task_spinlock)
{
	.context = { POST_TEST_TASK, POST_TEST_SPINLOCK },
	.kinds = { IN_EPOLL_EDGE },
	.posts = 20000,
};

FIXTURE_VARIANT_ADD(contexts, task_raw_spinlock)
{
	.context = { POST_TEST_TASK, POST_TEST_RAW_SPINLOCK },
	.kinds = { BLOCKING, BLOCKING },
	.posts = 20000,
};

FIXTURE_VARIANT_ADD(contexts, task_softirq)
{
	.context = { POST_TEST_TASK, POST_TEST_SOFTIRQ },
	.kinds = { IN_EPOLL },
	.posts = 20000,
};

FIXTURE_VARIANT_ADD(contexts, task_hardirq)
{
	.context = { POST_TEST_TASK, POST_TEST_HARDIRQ },
	.kinds = { BLOCKING },
	.posts = 20000,
};

FIXTURE_VARIANT_ADD(contexts, task_nmi)
{
	.context = { POST_TEST_TASK, POST_TEST_NMI },
	.kinds = { BLOCKING },
	.posts = 20000,
};

FIXTURE_VARIANT_ADD(contexts, spinlock_softirq)
{
	.context = { POST_TEST_SPINLOCK, POST_TEST_SOFTIRQ },
	.kinds = { BLOCKING },
	.posts = 20000,
};

FIXTURE_VARIANT_ADD(contexts, raw_spinlock_nmi)
{
	.context = { POST_TEST_RAW_SPINLOCK, POST_TEST_NMI },
	.kinds = { IN_EPOLL },
	.posts = 20000,
};

FIXTURE_VARIANT_ADD(contexts, softirq_hardirq)
{
	.context = { POST_TEST_SOFTIRQ, POST_TEST_HARDIRQ },
	.kinds = { IN_EPOLL_EDGE },
	.posts = 20000,
};

FIXTURE_VARIANT_ADD(contexts, softirq_nmi)
{
	.context = { POST_TEST_SOFTIRQ, POST_TEST_NMI },
	.kinds = { BLOCKING, IN_EPOLL },
	.posts = 20000,
};

FIXTURE_VARIANT_ADD(contexts, hardirq_hardirq)
{
	.context = { POST_TEST_HARDIRQ, POST_TEST_HARDIRQ },
	.kinds = { IN_EPOLL_EDGE },
	.posts = 20000,
};

FIXTURE_VARIANT_ADD(contexts, hardirq_nmi)
{
	.context = { POST_TEST_HARDIRQ, POST_TEST_NMI },
	.kinds = { IN_EPOLL },
	.posts = 20000,
};

FIXTURE_VARIANT_ADD(contexts, nmi_nmi)
{
	.context = { POST_TEST_NMI, POST_TEST_NMI },
	.kinds = { IN_EPOLL_EDGE },
	.posts = 20000,
};

FIXTURE_VARIANT_ADD(contexts, task_hardirq_oneshot)
{
	.context = { POST_TEST_TASK, POST_TEST_HARDIRQ },
	.kinds = { IN_EPOLL_ONESHOT },
	.posts = 20000,
};

FIXTURE_VARIANT_ADD(contexts, softirq_nmi_poll)
{
	.context = { POST_TEST_SOFTIRQ, POST_TEST_NMI },
	.kinds = { IN_POLL },
	.posts = 20000,
};

FIXTURE_VARIANT_ADD(contexts, irqs_off_hardirq_select)
{
	.context = { POST_TEST_IRQS_OFF, POST_TEST_HARDIRQ },
	.kinds = { IN_SELECT },
	.posts = 20000,
};

FIXTURE_VARIANT_ADD(contexts, task_nmi_aio)
{
	.context = { POST_TEST_TASK, POST_TEST_NMI },
	.kinds = { IN_AIO },
	.posts = 20000,
};

FIXTURE_VARIANT_ADD(contexts, hardirq_nmi_uring)
{
	.context = { POST_TEST_HARDIRQ, POST_TEST_NMI },
	.kinds = { IN_URING },
	.posts = 20000,
};

FIXTURE_VARIANT_ADD(contexts, task_nmi_uring_multishot)
{
	.context = { POST_TEST_TASK, POST_TEST_NMI },
	.kinds = { IN_URING_MULTISHOT },
	.posts = 20000,
};

FIXTURE_VARIANT_ADD(contexts, softirq_hardirq_kernel)
{
	.context = { POST_TEST_SOFTIRQ, POST_TEST_HARDIRQ },
	.kinds = { IN_KERNEL },
	.posts = 20000,
};

FIXTURE_VARIANT_ADD(contexts, hardirq_nmi_callback)
{
	.context = { POST_TEST_HARDIRQ, POST_TEST_NMI },
	.kinds = { IN_CALLBACK },
	.posts = 20000,
};

FIXTURE_VARIANT_ADD(contexts, task_softirq_nonblocking)
{
	.context = { POST_TEST_TASK, POST_TEST_SOFTIRQ },
	.kinds = { NONBLOCKING },
	.posts = 20000,
};

FIXTURE_VARIANT_ADD(contexts, task_hardirq_queue)
{
	.context = { POST_TEST_TASK, POST_TEST_HARDIRQ },
	.kinds = { IN_QUEUE },
	.posts = 500000,
};

FIXTURE_VARIANT_ADD(contexts, softirq_nmi_queue_edge)
{
	.context = { POST_TEST_SOFTIRQ, POST_TEST_NMI },
	.kinds = { IN_QUEUE_EDGE },
	.posts = 20000,
};

FIXTURE_VARIANT_ADD(contexts, hardirq_nmi_queue_dispatch)
{
	.context = { POST_TEST_HARDIRQ, POST_TEST_NMI },
	.kinds = { IN_QUEUE_DISPATCH },
	.posts = 20000,
};

FIXTURE_VARIANT_ADD(contexts, task_nmi_queue_oneshot)
{
	.context = { POST_TEST_TASK, POST_TEST_NMI },
	.kinds = { IN_QUEUE_ONESHOT },
	.posts = 20000,
};

FIXTURE_VARIANT_ADD(contexts, spinlock_hardirq_queue_poll)
{
	.context = { POST_TEST_SPINLOCK, POST_TEST_HARDIRQ },
	.kinds = { IN_QUEUE_POLL },
	.posts = 20000,
};

FIXTURE_VARIANT_ADD(contexts, irqs_off_nmi_queue_loop)
{
	.context = { POST_TEST_IRQS_OFF, POST_TEST_NMI },
	.kinds = { IN_QUEUE_LOOP },
	.posts = 20000,
};

FIXTURE_VARIANT_ADD(contexts, task_softirq_queue_shared)
{
	.context = { POST_TEST_TASK, POST_TEST_SOFTIRQ },
	.kinds = { IN_QUEUE_SHARED },
	.posts = 20000,
};

FIXTURE_VARIANT_ADD(contexts, hardirq_nmi_everybody)
{
	.context = { POST_TEST_HARDIRQ, POST_TEST_NMI },
	.kinds = EVERYBODY,
	.posts = 20000,
};

FIXTURE_VARIANT_ADD(contexts, wake_one_task_nmi_everybody)
{
	.context = { POST_TEST_TASK, POST_TEST_NMI },
	.kinds = EVERYBODY,
	.posts = 20000,
	.flags = EVFD_EFD_WAKE_ONE,
};

FIXTURE_VARIANT_ADD(contexts, semaphore_hardirq_nmi_in_kernel)
{
	.context = { POST_TEST_HARDIRQ, POST_TEST_NMI },
	.kinds = { IN_KERNEL, IN_EPOLL, IN_URING },
	.posts = 2000,
	.flags = EVFD_EFD_SEMAPHORE,
};

FIXTURE_VARIANT_ADD(contexts, wake_one_hardirq_nmi)
{
	.context = { POST_TEST_HARDIRQ, POST_TEST_NMI },
	.kinds = { BLOCKING, BLOCKING, BLOCKING },
	.posts = 20000,
	.flags = EVFD_EFD_WAKE_ONE,
};

FIXTURE_VARIANT_ADD(contexts, wake_one_task_softirq)
{
	.context = { POST_TEST_TASK, POST_TEST_SOFTIRQ },
	.kinds = { BLOCKING, BLOCKING, IN_EPOLL },
	.posts = 20000,
	.flags = EVFD_EFD_WAKE_ONE,
};

FIXTURE_VARIANT_ADD(contexts, semaphore_task_nmi)
{
	.context = { POST_TEST_TASK, POST_TEST_NMI },
	.kinds = { BLOCKING, IN_EPOLL },
	.posts = 2000,
	.flags = EVFD_EFD_SEMAPHORE,
};

FIXTURE_VARIANT_ADD(contexts, semaphore_wake_one_softirq_hardirq)
{
	.context = { POST_TEST_SOFTIRQ, POST_TEST_HARDIRQ },
	.kinds = { BLOCKING, BLOCKING },
	.posts = 2000,
	.flags = EVFD_EFD_SEMAPHORE | EVFD_EFD_WAKE_ONE,
};

TEST_F_TIMEOUT(contexts, sum_read_is_sum_posted, 3000)
{
	struct readers *readers = &self->readers;
	struct post_test_run run = {
		.fd = readers->fd,
		.amount = 3,
		.context = { variant->context[0], variant->context[1] },
		.posts = scaled(variant->posts),
	};
	__u64 sum = 2 * run.posts * run.amount;
	__u64 written;

	readers_start(readers, variant->kinds);
	ASSERT_EQ(0, ioctl(self->dev, POST_TEST_RUN, &run));
	EXPECT_EQ(sum, run.added[0] + run.added[1]);
	EXPECT_TRUE(wait_until(atomic_load(&readers->total) == sum))
		TH_LOG("read %llu of %llu", atomic_load(&readers->total), sum);
	written = readers_stop(readers);
	EXPECT_EQ(sum + written, atomic_load(&readers->total));
	EXPECT_EQ(0, atomic_load(&readers->failed));
	tell(&run);
}

/* In a stream of posts, the next makes up for a lost wake-up. Here, it waits for the read. */
TEST_F_TIMEOUT(contexts, each_post_wakes, 300)
{
	struct readers *readers = &self->readers;
	struct post_test_run run = {
		.fd = readers->fd,
		.amount = 1,
		.context = { variant->context[0], variant->context[1] },
		.posts = 1,
	};
	__u64 sum = 0;

	readers_start(readers, variant->kinds);
	for (int i = 0; i < 20; i++) {
		ASSERT_EQ(0, ioctl(self->dev, POST_TEST_RUN, &run));
		sum += run.added[0] + run.added[1];
		ASSERT_TRUE(wait_until(atomic_load(&readers->total) == sum))
			TH_LOG("no wake-up for post %d", i);
	}
	EXPECT_EQ(40, sum);
	sum += readers_stop(readers);
	EXPECT_EQ(sum, atomic_load(&readers->total));
	EXPECT_EQ(0, atomic_load(&readers->failed));
}

TEST_HARNESS_MAIN
