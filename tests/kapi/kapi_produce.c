// SPDX-License-Identifier: GPL-2.0
/* KEVENT_PRODUCER: events of a kernel module, and each function of <linux/kevent.h>. */
#define _GNU_SOURCE
#include "kapi.h"

#include <stdatomic.h>
#include <sys/syscall.h>

#include "queue.h"
#include "take26.h"
#include "../kmod/produce.h"

static int ready_n(int fd, unsigned int storage, __u32 events, __u64 n)
{
	struct produce_ready arg = {
		.storage = storage,
		.events = events,
		.n = n,
		.times = 1,
	};

	return ioctl(fd, PRODUCE_READY, &arg) ? -errno : 0;
}

static int ready(int fd, __u32 events)
{
	return ready_n(fd, 0, events, 0);
}

static int set_level(int fd, __u32 events)
{
	return ioctl(fd, PRODUCE_LEVEL, &events) ? -errno : 0;
}

static int on_storage(int fd, unsigned long cmd, __u32 number)
{
	return ioctl(fd, cmd, &number) ? -errno : 0;
}

static struct produce_state state_of(int fd)
{
	struct produce_state state;

	if (ioctl(fd, PRODUCE_STATE, &state))
		abort();
	return state;
}

static struct kevent_op producer_op(int fd, __u64 user, __u32 want, int flags,
				    __u64 storage)
{
	struct kevent_op op = kevent_op_add(KEVENT_PRODUCER, fd, user, want, flags);

	op.arg[0] = storage;
	return op;
}

/* Adds a kevent in a storage of the file. Returns its handle, or 0 and errno. */
static __u64 add(const struct kevent_queue *q, int fd, __u64 user, __u32 want,
		 int flags, __u64 storage)
{
	struct kevent_op op = producer_op(fd, user, want, flags, storage);
	int ret = queue_do(q, &op);

	errno = -ret;
	return ret ? 0 : op.handle;
}

static int open_produce(const char *name)
{
	char path[64];

	snprintf(path, sizeof(path), "/dev/%s", name);
	return open(path, O_RDWR | O_CLOEXEC);
}

FIXTURE(produce)
{
	struct kevent_queue q;
	int fd;
	int level;
};

FIXTURE_SETUP(produce)
{
	ASSERT_EQ(0, kevent_open(&self->q, MIN_SLOTS, 0));
	self->fd = open_produce(PRODUCE_DEVICE_NAME);
	ASSERT_LE(0, self->fd);
	self->level = open_produce(PRODUCE_LEVEL_DEVICE_NAME);
	ASSERT_LE(0, self->level);
}

FIXTURE_TEARDOWN(produce)
{
	kevent_close(&self->q);
	close(self->fd);
	close(self->level);
}

TEST_F(produce, tells_wanted_events_and_counts)
{
	struct kevent_event event;

	ASSERT_NE(0, add(&self->q, self->fd, 7, 0x5, 0, 0));
	EXPECT_TRUE(queue_is_empty(&self->q));
	EXPECT_EQ(0, ready_n(self->fd, 0, 0x2, 0));
	EXPECT_TRUE(queue_is_empty(&self->q));
	EXPECT_EQ(0, ready_n(self->fd, 0, 0x3, 10));
	EXPECT_EQ(0, ready_n(self->fd, 0, 0x4, 20));
	ASSERT_TRUE(kevent_next(&self->q, &event));
	EXPECT_EQ(7, event.user);
	EXPECT_EQ(0x5, event.events);
	EXPECT_EQ(30, kevent_data(&self->q, event.slot));
	EXPECT_TRUE(queue_is_empty(&self->q));
	EXPECT_EQ(0, ready_n(self->fd, 0, 0x1, 1));
	ASSERT_TRUE(kevent_next(&self->q, &event));
	EXPECT_EQ(31, kevent_data(&self->q, event.slot));
}

TEST_F(produce, tells_all_kevents_of_the_storage)
{
	for (int user = 1; user <= 100; user++)
		ASSERT_NE(0, add(&self->q, self->fd, user, 1, 0, user > 50));
	EXPECT_EQ(0, ready_n(self->fd, 0, 1, 0));
	for (int user = 50; user; user--)
		EXPECT_TRUE(queue_gives(&self->q, user, 1));
	EXPECT_TRUE(queue_is_empty(&self->q));
	EXPECT_EQ(0, ready_n(self->fd, 1, 1, 0));
	for (int user = 100; user > 50; user--)
		EXPECT_TRUE(queue_gives(&self->q, user, 1));
	EXPECT_TRUE(queue_is_empty(&self->q));
	EXPECT_EQ(100, state_of(self->fd).enqueued);
}

/* Errors */

TEST_F(produce, files_without_a_producer)
{
	int fds[2];

	ASSERT_EQ(0, pipe(fds));
	EXPECT_EQ(0, add(&self->q, fds[0], 1, 1, 0, 0));
	EXPECT_EQ(EOPNOTSUPP, errno);
	EXPECT_EQ(0, add(&self->q, self->q.fd, 1, 1, 0, 0));
	EXPECT_EQ(EOPNOTSUPP, errno);
	close(fds[0]);
	close(fds[1]);
	EXPECT_EQ(0, add(&self->q, 1000, 1, 1, 0, 0));
	EXPECT_EQ(EBADF, errno);
	EXPECT_EQ(0, queue_add(&self->q, KEVENT_PRODUCER, 1ULL << 32 | self->fd, 1, 1, 0));
	EXPECT_EQ(EBADF, errno);
}

TEST_F(produce, errors_of_the_producer)
{
	struct kevent_op op = producer_op(self->fd, 1, 1, 0, 0);

	op.arg[1] = EDQUOT;
	EXPECT_EQ(-EDQUOT, queue_do(&self->q, &op));
	/* It was in the storage already. */
	EXPECT_EQ(0, ready(self->fd, 1));
	EXPECT_TRUE(queue_is_empty(&self->q));
	op.arg[1] = 0;
	op.arg[2] = 1;
	EXPECT_EQ(-EINVAL, queue_do(&self->q, &op));
	op.arg[2] = 0;
	op.want = PRODUCE_EVENTS + 1;
	EXPECT_EQ(-EINVAL, queue_do(&self->q, &op));
	op.want = PRODUCE_EVENTS;
	op.flags = KEVENT_BYTES;
	EXPECT_EQ(-EINVAL, queue_do(&self->q, &op));
	EXPECT_EQ(0, state_of(self->fd).enqueued);
	EXPECT_EQ(0, state_of(self->fd).dequeued);
	op.flags = 0;
	EXPECT_EQ(0, queue_do(&self->q, &op));
	EXPECT_EQ(PRODUCE_EVENTS, state_of(self->fd).events);
	op = producer_op(self->fd, 1, 1, 0, 1);
	EXPECT_EQ(-EEXIST, queue_do(&self->q, &op));
	op = (struct kevent_op){ .op = KEVENT_OP_REARM, .handle = op.handle };
	EXPECT_GT(0, queue_do(&self->q, &op));
}

TEST_F(produce, invalid_producers)
{
	EXPECT_EQ(-1, ioctl(self->fd, PRODUCE_REGISTER));
	EXPECT_EQ(2 * EINVAL + EBUSY, errno);
}

/* The end of a kevent */

TEST_F(produce, remove_takes_events_back)
{
	__u64 handle = add(&self->q, self->fd, 1, 1, 0, 0);

	ASSERT_NE(0, handle);
	EXPECT_EQ(0, ready(self->fd, 1));
	EXPECT_EQ(1, queue_remove(&self->q, handle));
	EXPECT_EQ(1, state_of(self->fd).dequeued);
	EXPECT_EQ(0, ready(self->fd, 1));
	EXPECT_TRUE(queue_is_empty(&self->q));
	EXPECT_NE(0, add(&self->q, self->fd, 1, 1, 0, 0));
	EXPECT_TRUE(queue_is_empty(&self->q));
}

TEST_F(produce, the_end_of_the_queue_ends_kevents)
{
	struct kevent_queue q;

	ASSERT_EQ(0, kevent_open(&q, MIN_SLOTS, 0));
	for (int user = 1; user <= 100; user++)
		ASSERT_NE(0, add(&q, self->fd, user, 1, 0, 0));
	kevent_close(&q);
	EXPECT_TRUE(wait_until(state_of(self->fd).dequeued == 100));
	EXPECT_EQ(0, ready(self->fd, 1));
}

/* Like that of a file that is polled. */
TEST_F(produce, a_kevent_holds_the_file_and_the_module)
{
	int other = open_produce(PRODUCE_DEVICE_NAME);
	int dup_fd = dup(other);

	ASSERT_LE(0, dup_fd);
	ASSERT_NE(0, add(&self->q, other, 1, 1, 0, 0));
	close(other);
	EXPECT_EQ(0, ready(dup_fd, 1));
	EXPECT_TRUE(queue_gives(&self->q, 1, 1));
	close(dup_fd);
	close(self->fd);
	close(self->level);
	EXPECT_EQ(-1, syscall(SYS_delete_module, "evfd_post_test", O_NONBLOCK));
	EXPECT_EQ(EWOULDBLOCK, errno);
	self->fd = open_produce(PRODUCE_DEVICE_NAME);
	EXPECT_LE(0, self->fd);
	self->level = -1;
}

TEST_F(produce, fini_leaves_kevents_without_events)
{
	__u64 handle = add(&self->q, self->fd, 1, 1, 0, 0);

	ASSERT_NE(0, handle);
	ASSERT_NE(0, add(&self->q, self->fd, 2, 1, 0, 0));
	EXPECT_EQ(0, ready(self->fd, 1));
	EXPECT_EQ(0, on_storage(self->fd, PRODUCE_FINI, 0));
	EXPECT_TRUE(queue_gives(&self->q, 2, 1));
	EXPECT_TRUE(queue_gives(&self->q, 1, 1));
	EXPECT_EQ(0, ready(self->fd, 1));
	EXPECT_TRUE(queue_is_empty(&self->q));
	EXPECT_EQ(0, state_of(self->fd).dequeued);
	EXPECT_EQ(0, queue_remove(&self->q, handle));
	EXPECT_EQ(1, state_of(self->fd).dequeued);
	ASSERT_NE(0, add(&self->q, self->fd, 1, 1, 0, 0));
	EXPECT_EQ(0, ready(self->fd, 1));
	EXPECT_TRUE(queue_gives(&self->q, 1, 1));
}

TEST_F(produce, a_kevent_is_in_a_storage_once)
{
	__u64 handle = add(&self->q, self->fd, 1, 1, 0, PRODUCE_LATER);

	ASSERT_NE(0, handle);
	EXPECT_EQ(0, ready(self->fd, 1));
	EXPECT_TRUE(queue_is_empty(&self->q));
	EXPECT_EQ(0, on_storage(self->fd, PRODUCE_ENQUEUE, 1));
	EXPECT_EQ(-EBUSY, on_storage(self->fd, PRODUCE_ENQUEUE, 0));
	EXPECT_EQ(0, ready_n(self->fd, 1, 1, 0));
	EXPECT_TRUE(queue_gives(&self->q, 1, 1));
	EXPECT_EQ(0, ioctl(self->fd, PRODUCE_DEQUEUE));
	EXPECT_EQ(0, ioctl(self->fd, PRODUCE_DEQUEUE));
	EXPECT_EQ(0, ready_n(self->fd, 1, 1, 0));
	EXPECT_TRUE(queue_is_empty(&self->q));
	EXPECT_EQ(-EBUSY, on_storage(self->fd, PRODUCE_ENQUEUE, 1));
	EXPECT_EQ(0, queue_remove(&self->q, handle));
	EXPECT_EQ(-EINVAL, on_storage(self->fd, PRODUCE_ENQUEUE, 1));
	/* One that has never been in a storage. */
	handle = add(&self->q, self->fd, 1, 1, 0, PRODUCE_LATER);
	EXPECT_EQ(0, queue_remove(&self->q, handle));
	EXPECT_EQ(2, state_of(self->fd).dequeued);
}

/* A kevent does not come to the next producer, but stays in its storage. */
TEST_F(produce, a_producer_that_goes)
{
	__u64 handle = add(&self->q, self->fd, 1, 1, 0, 0);

	ASSERT_NE(0, handle);
	EXPECT_EQ(0, ioctl(self->fd, PRODUCE_AGAIN));
	EXPECT_EQ(0, ready(self->fd, 1));
	EXPECT_TRUE(queue_gives(&self->q, 1, 1));
	EXPECT_EQ(0, queue_recheck(&self->q, handle));
	EXPECT_EQ(0, queue_remove(&self->q, handle));
	EXPECT_EQ(1, state_of(self->fd).enqueued);
	EXPECT_EQ(0, state_of(self->fd).dequeued);
	handle = add(&self->q, self->fd, 1, 1, 0, 0);
	EXPECT_EQ(0, queue_remove(&self->q, handle));
	EXPECT_EQ(1, state_of(self->fd).dequeued);
}

/* Flags */

TEST_F(produce, oneshot_ends_with_its_event)
{
	ASSERT_NE(0, add(&self->q, self->fd, 1, 3, KEVENT_ONESHOT, 0));
	EXPECT_EQ(0, ready(self->fd, 1));
	EXPECT_EQ(0, ready(self->fd, 2));
	EXPECT_TRUE(queue_gives(&self->q, 1, 1));
	EXPECT_TRUE(queue_stays_empty(&self->q));
	EXPECT_EQ(1, state_of(self->fd).dequeued);
}

TEST_F(produce, dispatch_keeps_events_that_come_early)
{
	__u64 handle = add(&self->q, self->fd, 1, 7, KEVENT_DISPATCH, 0);

	ASSERT_NE(0, handle);
	EXPECT_EQ(0, ready(self->fd, 1));
	EXPECT_TRUE(queue_gives(&self->q, 1, 1));
	EXPECT_EQ(0, ready(self->fd, 2));
	EXPECT_EQ(0, ready(self->fd, 4));
	EXPECT_TRUE(queue_is_empty(&self->q));
	EXPECT_EQ(0, queue_recheck(&self->q, handle));
	EXPECT_TRUE(queue_gives(&self->q, 1, 6));
	EXPECT_EQ(0, queue_recheck(&self->q, handle));
	EXPECT_TRUE(queue_is_empty(&self->q));
	EXPECT_EQ(0, ready(self->fd, 4));
	EXPECT_TRUE(queue_gives(&self->q, 1, 4));
}

TEST_F(produce, mod_changes_what_is_wanted)
{
	__u64 handle = add(&self->q, self->fd, 1, 1, 0, 0);

	EXPECT_EQ(0, queue_mod(&self->q, handle, 2, 0));
	EXPECT_EQ(0, ready(self->fd, 3));
	EXPECT_TRUE(queue_gives(&self->q, 1, 2));
}

TEST_F(produce, level)
{
	__u64 handle;

	EXPECT_EQ(0, set_level(self->level, 2));
	handle = add(&self->q, self->level, 1, 3, 0, 0);
	ASSERT_NE(0, handle);
	EXPECT_TRUE(queue_gives(&self->q, 1, 2));
	EXPECT_TRUE(queue_is_empty(&self->q));
	EXPECT_TRUE(queue_waits_for(&self->q, 1, 2));
	EXPECT_EQ(0, set_level(self->level, 0));
	EXPECT_TRUE(queue_stays_empty(&self->q));
	EXPECT_EQ(0, set_level(self->level, 1));
	EXPECT_EQ(0, queue_recheck(&self->q, handle));
	EXPECT_TRUE(queue_gives(&self->q, 1, 1));
	EXPECT_EQ(0, queue_mod(&self->q, handle, 3, KEVENT_ET));
	EXPECT_TRUE(queue_gives(&self->q, 1, 1));
	EXPECT_TRUE(queue_stays_empty(&self->q));
	EXPECT_EQ(0, ready(self->level, 2));
	EXPECT_TRUE(queue_gives(&self->q, 1, 2));
	EXPECT_TRUE(queue_stays_empty(&self->q));
}

/* Without a function to poll, there is no level. */
TEST_F(produce, no_level)
{
	EXPECT_EQ(0, set_level(self->fd, 1));
	ASSERT_NE(0, add(&self->q, self->fd, 1, 1, 0, 0));
	EXPECT_TRUE(queue_stays_empty(&self->q));
	EXPECT_EQ(0, ready(self->fd, 1));
	EXPECT_TRUE(queue_gives(&self->q, 1, 1));
	EXPECT_TRUE(queue_stays_empty(&self->q));
}

/* Wake-ups */

TEST_F(produce, wakes_a_sleeper_and_a_poller)
{
	struct waiter waiter;

	ASSERT_NE(0, add(&self->q, self->fd, 1, 1, 0, 0));
	EXPECT_EQ(0, poll_for(self->q.fd, POLLIN, 0));
	ASSERT_TRUE(waiter_sleeps(&waiter, &self->q));
	EXPECT_EQ(0, ready(self->fd, 1));
	EXPECT_EQ(0, waiter_returns(&waiter));
	EXPECT_TRUE(wait_until(poll_for(self->q.fd, POLLIN, 0) == POLLIN));
	EXPECT_TRUE(queue_gives(&self->q, 1, 1));
}

/* The calls of 2006 */

TEST_F(produce, by_the_calls_of_2006)
{
	int fd = take26_open();
	struct ukevent uk;

	ASSERT_LE(0, fd);
	EXPECT_EQ(-EINVAL, take26_add(fd, KEVENT_PRODUCER, self->fd, 1, 1U << 31, 0));
	EXPECT_EQ(0, take26_add(fd, KEVENT_PRODUCER, self->fd, 1, 3, 0));
	EXPECT_TRUE(take26_is_empty(fd));
	EXPECT_EQ(0, ready(self->fd, 6));
	EXPECT_EQ(1, take26_get_events(fd, 1, 1, DEADLINE_NS, &uk));
	EXPECT_TRUE(take26_is(&uk, 1, 2));
	EXPECT_EQ(0, take26_remove(fd, KEVENT_PRODUCER, self->fd, 1));
	EXPECT_EQ(1, state_of(self->fd).dequeued);
	close(fd);
}

/* Contexts */

FIXTURE(contexts)
{
	struct kevent_queue q;
	int fd;
	int dev;
};

FIXTURE_VARIANT(contexts)
{
	__u32 context[POST_TEST_POSTERS];
};

FIXTURE_SETUP(contexts)
{
	ASSERT_EQ(0, kevent_open(&self->q, MIN_SLOTS, 0));
	self->fd = open_produce(PRODUCE_DEVICE_NAME);
	ASSERT_LE(0, self->fd);
	self->dev = post_device();
	ASSERT_LE(0, self->dev);
}

FIXTURE_TEARDOWN(contexts)
{
	kevent_close(&self->q);
	close(self->fd);
	close(self->dev);
}

FIXTURE_VARIANT_ADD(contexts, task_nmi)
{
	.context = { POST_TEST_TASK, POST_TEST_NMI },
};

FIXTURE_VARIANT_ADD(contexts, softirq_hardirq)
{
	.context = { POST_TEST_SOFTIRQ, POST_TEST_HARDIRQ },
};

FIXTURE_VARIANT_ADD(contexts, irqs_off_spinlock)
{
	.context = { POST_TEST_IRQS_OFF, POST_TEST_SPINLOCK },
};

FIXTURE_VARIANT_ADD(contexts, raw_spinlock_nmi)
{
	.context = { POST_TEST_RAW_SPINLOCK, POST_TEST_NMI },
};

#define READIES		5000

static void *run_posters(void *arg)
{
	struct post_test_run *run = arg;
	int dev = post_device();

	ioctl(dev, POST_TEST_RUN, run);
	close(dev);
	return NULL;
}

/* Each event wakes, and the data of the slot is the sum when the last has come. */
TEST_F(contexts, nothing_is_lost)
{
	struct post_test_run run = {
		.fd = self->fd,
		.amount = 3,
		.context = { variant->context[0], variant->context[1] },
		.posts = READIES,
	};
	struct kevent_event event;
	__u64 sum = 0;
	pthread_t thread;

	ASSERT_NE(0, add(&self->q, self->fd, 1, 1, 0, 0));
	ASSERT_EQ(0, pthread_create(&thread, NULL, run_posters, &run));
	while (sum < 2 * 3 * READIES) {
		if (kevent_wait(&self->q, NULL, 0, DEADLINE_NS, 0))
			break;
		while (kevent_next(&self->q, &event))
			sum = kevent_data(&self->q, event.slot);
	}
	ASSERT_EQ(0, pthread_join(thread, NULL));
	EXPECT_EQ(2 * 3 * READIES, sum);
	EXPECT_EQ(3 * READIES, run.added[0]);
	EXPECT_EQ(3 * READIES, run.added[1]);
}

/* Adds a kevent and removes it. Returns the number of events that come afterwards, or -errno. */
static int add_and_remove(struct kevent_queue *q, int fd)
{
	__u64 handle = add(q, fd, 1, 1, 0, 0);
	struct kevent_event event;
	int late = 0;

	if (!handle)
		return -errno;
	if (queue_remove(q, handle) < 0)
		return -EIO;
	while (kevent_next(q, &event))
		late += event.events != 0;
	return late;
}

TEST_F(contexts, none_after_remove)
{
	struct post_test_run run = {
		.fd = self->fd,
		.amount = 1,
		.context = { variant->context[0], variant->context[1] },
		.posts = READIES,
	};
	int late = 0, rounds = 0;
	pthread_t thread;

	ASSERT_EQ(0, pthread_create(&thread, NULL, run_posters, &run));
	for (; pthread_tryjoin_np(thread, NULL); rounds++) {
		int n = add_and_remove(&self->q, self->fd);

		ASSERT_LE(0, n);
		late += n;
	}
	EXPECT_EQ(0, late);
	EXPECT_EQ(rounds, state_of(self->fd).dequeued);
}

static atomic_bool stop;

static void *ready_always(void *arg)
{
	struct produce_ready ready = { .events = 1, .times = 10000 };

	while (!atomic_load(&stop))
		ioctl((intptr_t)arg, PRODUCE_READY, &ready);
	return NULL;
}

/*
 * A REMOVE waits for those that are raising the event. One that is interrupted in the middle,
 * by the timer tick, would raise the event after it.
 */
TEST_F(produce, none_after_remove_beside_a_loop)
{
	pthread_t thread;
	int late = 0;

	ASSERT_EQ(0, pthread_create(&thread, NULL, ready_always, (void *)(intptr_t)self->fd));
	for (int i = 0; i < 20000; i++) {
		int n = add_and_remove(&self->q, self->fd);

		ASSERT_LE(0, n);
		late += n;
	}
	atomic_store(&stop, true);
	pthread_join(thread, NULL);
	EXPECT_EQ(0, late);
}

TEST_HARNESS_MAIN
