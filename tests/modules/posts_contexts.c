// SPDX-License-Identifier: GPL-2.0
/*
 * Two posters at once, in any two contexts, while readers drain: what is read
 * is what was posted, and whoever waits is woken.
 */
#define _GNU_SOURCE
#include <pthread.h>
#include <stdatomic.h>
#include <sched.h>
#include <sys/uio.h>

#include "posts.h"

#define MAX_READERS	4

/* A reader of each kind would do alone; none may rely on another. */
enum reader_kind {
	BLOCKING = 1,
	IN_EPOLL,
	IN_EPOLL_EDGE,
	NONBLOCKING,
};

struct readers {
	int fd;
	atomic_ullong total;
	atomic_bool stop;
	atomic_int failed;
	pthread_t threads[MAX_READERS];
	int nr;
};

struct reader {
	struct readers *readers;
	enum reader_kind kind;
};

static bool read_now(struct readers *readers, int flags)
{
	__u64 count;
	struct iovec iov = { .iov_base = &count, .iov_len = sizeof(count) };
	ssize_t n = preadv2(readers->fd, &iov, 1, -1, flags);

	if (n == sizeof(count)) {
		atomic_fetch_add(&readers->total, count);
		return true;
	}
	if (n >= 0 || errno != EAGAIN)
		atomic_fetch_add(&readers->failed, 1);
	return false;
}

static void read_in_epoll(struct readers *readers, unsigned int flags)
{
	struct epoll_event event = { .events = EPOLLIN | flags };
	int epfd = epoll_create1(0);

	epoll_ctl(epfd, EPOLL_CTL_ADD, readers->fd, &event);
	while (!atomic_load(&readers->stop)) {
		if (epoll_wait(epfd, &event, 1, -1) != 1 ||
		    event.events != EPOLLIN)
			atomic_fetch_add(&readers->failed, 1);
		read_now(readers, RWF_NOWAIT);
	}
	close(epfd);
}

static void *reader_thread(void *data)
{
	struct reader *reader = data;
	struct readers *readers = reader->readers;

	switch (reader->kind) {
	case BLOCKING:
		while (!atomic_load(&readers->stop))
			read_now(readers, 0);
		break;
	case IN_EPOLL:
		read_in_epoll(readers, 0);
		break;
	case IN_EPOLL_EDGE:
		read_in_epoll(readers, EPOLLET);
		break;
	case NONBLOCKING:
		while (!atomic_load(&readers->stop))
			if (!read_now(readers, RWF_NOWAIT))
				sched_yield();
		break;
	}
	free(reader);
	return NULL;
}

static void start_readers(struct readers *readers,
			  const enum reader_kind *kinds)
{
	for (; *kinds; kinds++) {
		struct reader *reader = malloc(sizeof(*reader));

		*reader = (struct reader) { readers, *kinds };
		if (pthread_create(&readers->threads[readers->nr++], NULL,
				   reader_thread, reader))
			abort();
	}
}

/* Writes until every reader has seen that it shall stop. */
static __u64 stop_readers(struct readers *readers)
{
	__u64 written = 0;

	atomic_store(&readers->stop, true);
	for (int i = 0; i < readers->nr; i++) {
		while (pthread_tryjoin_np(readers->threads[i], NULL)) {
			if (write_count(readers->fd, 1))
				abort();
			written++;
			usleep(1000);
		}
	}
	while (read_now(readers, RWF_NOWAIT))
		;
	return written;
}

FIXTURE(contexts)
{
	int dev;
	struct readers readers;
};

FIXTURE_VARIANT(contexts)
{
	__u32 context[POST_TEST_POSTERS];
	enum reader_kind kinds[MAX_READERS + 1];
	__u64 posts;
	unsigned int flags;
};

FIXTURE_SETUP(contexts)
{
	self->dev = post_device();
	ASSERT_LE(0, self->dev);
	self->readers = (struct readers) { .fd = evfd(0, variant->flags) };
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

TEST_F_TIMEOUT(contexts, sum_read_is_sum_posted, 300)
{
	struct readers *readers = &self->readers;
	struct post_test_run run = {
		.fd = readers->fd,
		.amount = 3,
		.context = { variant->context[0], variant->context[1] },
		.posts = variant->posts,
	};
	__u64 sum = 2 * run.posts * run.amount;
	__u64 written;

	start_readers(readers, variant->kinds);
	ASSERT_EQ(0, ioctl(self->dev, POST_TEST_RUN, &run));
	EXPECT_EQ(sum, run.added[0] + run.added[1]);
	EXPECT_TRUE(wait_until(atomic_load(&readers->total) == sum))
		TH_LOG("read %llu of %llu", atomic_load(&readers->total), sum);
	written = stop_readers(readers);
	EXPECT_EQ(sum + written, atomic_load(&readers->total));
	EXPECT_EQ(0, atomic_load(&readers->failed));
}

/* In a stream of posts the next makes up for a lost wake-up; not so here. */
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

	start_readers(readers, variant->kinds);
	for (int i = 0; i < 20; i++) {
		ASSERT_EQ(0, ioctl(self->dev, POST_TEST_RUN, &run));
		sum += run.added[0] + run.added[1];
		ASSERT_TRUE(wait_until(atomic_load(&readers->total) == sum))
			TH_LOG("no wake-up for post %d", i);
	}
	EXPECT_EQ(40, sum);
	sum += stop_readers(readers);
	EXPECT_EQ(sum, atomic_load(&readers->total));
	EXPECT_EQ(0, atomic_load(&readers->failed));
}

TEST_HARNESS_MAIN
