// SPDX-License-Identifier: GPL-2.0
/*
 * Closes of watched descriptors: which files a queue holds, which kevents end with their
 * file, and circles of files that hold each other.
 */
#include "ends.h"
#include "fd_passing.h"
#include "queue.h"

#include <pthread.h>

FIXTURE(closing)
{
	struct kevent_queue q;
	int fds[2];
};

FIXTURE_VARIANT(closing)
{
	bool (*make)(int fds[2]);
	unsigned int flags;
	/* Whether the close of the last descriptor ends the kevent. */
	bool ends;
	/* Whether the writing end notices that nobody reads any more. */
	bool notices;
};

FIXTURE_VARIANT_ADD(closing, pipe)
{
	.make = make_pipe,
	.flags = KEVENT_SETUP_AUTOREMOVE,
	.ends = true,
	.notices = true,
};

FIXTURE_VARIANT_ADD(closing, held_pipe)
{
	.make = make_pipe,
	.notices = true,
};

FIXTURE_VARIANT_ADD(closing, unix)
{
	.make = make_stream,
	.ends = true,
	.notices = true,
};

FIXTURE_VARIANT_ADD(closing, unix_autoremove)
{
	.make = make_stream,
	.flags = KEVENT_SETUP_AUTOREMOVE,
	.ends = true,
	.notices = true,
};

FIXTURE_VARIANT_ADD(closing, datagrams)
{
	.make = make_datagrams,
	.ends = true,
};

FIXTURE_VARIANT_ADD(closing, tcp)
{
	.make = make_tcp,
	.flags = KEVENT_SETUP_AUTOREMOVE,
	.ends = true,
	.notices = true,
};

FIXTURE_VARIANT_ADD(closing, held_tcp)
{
	.make = make_tcp,
	.notices = true,
};

FIXTURE_VARIANT_ADD(closing, udp)
{
	.make = make_udp,
	.flags = KEVENT_SETUP_AUTOREMOVE,
	.ends = true,
};

FIXTURE_SETUP(closing)
{
	signal(SIGPIPE, SIG_IGN);
	ASSERT_EQ(0, kevent_open(&self->q, MIN_SLOTS, variant->flags));
	ASSERT_TRUE(variant->make(self->fds));
}

FIXTURE_TEARDOWN(closing)
{
	kevent_close(&self->q);
}

/* The number of files that a test closes. Debug kernels are slow. */
static int rounds(void)
{
	return kernel_checks_itself() ? 200 : 2000;
}

static bool send_byte(int fd)
{
	return write(fd, "", 1) == 1;
}

TEST_F(closing, ends_the_kevent_or_not)
{
	uint64_t handle = queue_add_poll(&self->q, self->fds[0], POLLIN, KEVENT_ET);

	ASSERT_NE(0, handle);
	ASSERT_TRUE(send_byte(self->fds[1]));
	ASSERT_TRUE(queue_gives(&self->q, self->fds[0], POLLIN));
	close(self->fds[0]);
	EXPECT_EQ(variant->ends ? -ENOENT : 0, queue_mod(&self->q, handle, POLLOUT, 0));
	if (variant->ends)
		EXPECT_TRUE(queue_stays_empty(&self->q));
	if (!variant->notices)
		return;
	/* A file that is held stays open until REMOVE. */
	if (!variant->ends)
		EXPECT_TRUE(send_byte(self->fds[1]));
	EXPECT_LE(0, variant->ends ? 0 : queue_remove(&self->q, handle));
	EXPECT_LT(0, poll_now(self->fds[1]) & (POLLHUP | POLLERR | POLLIN));
}

TEST_F(closing, takes_the_event_back)
{
	uint64_t handle = queue_add_poll(&self->q, self->fds[0], POLLIN, 0);

	ASSERT_NE(0, handle);
	ASSERT_TRUE(send_byte(self->fds[1]));
	close(self->fds[0]);
	EXPECT_TRUE(variant->ends ? queue_stays_empty(&self->q) :
				    queue_gives(&self->q, self->fds[0], POLLIN));
}

TEST_F(closing, frees_the_key)
{
	int next[2];

	for (int i = rounds() / 2; i > 0; i--) {
		int fd = self->fds[0];

		ASSERT_NE(0, queue_add_poll(&self->q, fd, POLLIN, KEVENT_ET));
		if (!variant->ends)
			break;
		close(fd);
		close(self->fds[1]);
		ASSERT_TRUE(variant->make(next));
		/* The same number, so the same key. */
		ASSERT_EQ(fd, dup2(next[0], fd));
		if (next[0] != fd)
			close(next[0]);
		self->fds[1] = next[1];
	}
}

TEST_F(closing, waits_for_the_last_descriptor)
{
	int copy = dup(self->fds[0]);

	ASSERT_NE(0, queue_add_poll(&self->q, self->fds[0], POLLIN, KEVENT_ET));
	close(self->fds[0]);
	ASSERT_TRUE(send_byte(self->fds[1]));
	EXPECT_TRUE(queue_gives(&self->q, self->fds[0], POLLIN));
	close(copy);
	if (variant->ends)
		EXPECT_TRUE(queue_stays_empty(&self->q));
}

TEST_F(closing, in_two_queues)
{
	struct kevent_queue other;

	ASSERT_EQ(0, kevent_open(&other, MIN_SLOTS, variant->flags));
	ASSERT_NE(0, queue_add_poll(&self->q, self->fds[0], POLLIN, KEVENT_ET));
	ASSERT_NE(0, queue_add_poll(&other, self->fds[0], POLLIN, KEVENT_ET));
	kevent_close(&other);
	ASSERT_TRUE(send_byte(self->fds[1]));
	EXPECT_TRUE(queue_gives(&self->q, self->fds[0], POLLIN));
	close(self->fds[0]);
	if (variant->ends)
		EXPECT_TRUE(queue_stays_empty(&self->q));
}

/* Closing and removing exclude each other. */
static void *keep_operating(void *arg)
{
	struct kevent_queue *q = arg;
	uint64_t n = 10 * rounds();

	for (uint64_t i = 0; i < n; i++) {
		queue_recheck(q, (i / 100 + 1) << 32 | i % 4);
		if (i % 16 == 0)
			queue_remove(q, (i / 100 + 1) << 32 | i % 4);
		if (i % 64 == 0)
			kevent_wait(q, NULL, 0, 0, 0);
	}
	return NULL;
}

TEST_F(closing, while_others_look)
{
	struct kevent_event event;
	pthread_t thread;

	ASSERT_EQ(0, pthread_create(&thread, NULL, keep_operating, &self->q));
	for (int i = rounds(); i > 0; i--) {
		int fds[2];

		ASSERT_TRUE(variant->make(fds));
		queue_add_poll(&self->q, fds[0], POLLIN, i % 2 ? KEVENT_ET : 0);
		write(fds[1], "", 1);
		close(fds[i % 2]);
		close(fds[!(i % 2)]);
	}
	pthread_join(thread, NULL);
	while (kevent_next(&self->q, &event))
		;
}

/* The number of references on evfd.ko, or -1. */
static int module_references(void)
{
	FILE *file = fopen("/proc/modules", "re");
	char line[256];
	int count = -1;

	while (file && count < 0 && fgets(line, sizeof(line), file))
		sscanf(line, "evfd %*d %d", &count);
	if (file)
		fclose(file);
	return count;
}

/*
 * A socket whose message holds the queue that watches it is released with the last
 * descriptor. So are both ends, each with a queue that watches it.
 */
TEST(a_circle_of_files)
{
	int before = module_references();
	struct kevent_queue q;
	int fds[2];

	for (int i = 0; i < 100; i++) {
		ASSERT_EQ(0, kevent_open(&q, MIN_SLOTS, 0));
		ASSERT_TRUE(make_stream(fds));
		ASSERT_NE(0, queue_add_poll(&q, fds[0], POLLIN, 0));
		ASSERT_TRUE(send_fd(fds[1], q.fd));
		kevent_close(&q);
		close(fds[0]);
		close(fds[1]);
	}
	/* The kernel may release them a moment later. */
	for (int i = 0; i < DEADLINE_MS && module_references() != before; i++)
		sleep_ms(1);
	EXPECT_EQ(before, module_references());
}

TEST_HARNESS_MAIN
