// SPDX-License-Identifier: GPL-2.0
/*
 * A read that fails leaves its buffer as it was, even if there was something to read when
 * it began, and another reader was quicker.
 */
#ifndef EVFD_KINDS
#define CANCELED_KIND
#endif

#include "any.h"
#include "missing.h"

#define READERS	3
#define MARK	0x5a

static bool is_marked(const void *buf, size_t size)
{
	const unsigned char *bytes = buf;

	for (size_t i = 0; i < size; i++) {
		if (bytes[i] != MARK)
			return false;
	}
	return true;
}

FIXTURE(failed)
{
	const struct kind *kind;
	int fd;
};

FIXTURE_SETUP(failed)
{
	self->kind = kind_of(_metadata);
	self->fd = self->kind->make(O_NONBLOCK);
	ASSERT_GE(self->fd, 0);
}

FIXTURE_TEARDOWN(failed)
{
	close(self->fd);
}

KIND_VARIANTS(failed, kind_is_any, "");

/* The read sleeps in its copy, or before it, while another read takes all. */
TEST_F(failed, another_read_was_quicker)
{
	struct call reader = { .make = call_read, .fd = self->fd, .size = self->kind->size };
	struct missing missing;
	union thing seen;
	ssize_t other;

	ASSERT_TRUE(missing_open(&missing));
	ASSERT_TRUE(any_fill(self->kind, self->fd, 1));
	ASSERT_TRUE(missing_stops(&missing, &reader));
	other = any_read(self->kind, self->fd, &seen);
	ASSERT_TRUE(missing_fill(&missing, MARK));
	ASSERT_TRUE(call_ends(&reader));
	if (reader.ret == -1) {
		EXPECT_EQ(EAGAIN, reader.err);
		EXPECT_TRUE(is_marked(missing.page, self->kind->size));
		EXPECT_TRUE(any_is(self->kind, other, &seen, 1));
	} else {
		memcpy(&seen, missing.page, sizeof(seen));
		EXPECT_TRUE(any_is(self->kind, reader.ret, &seen, 1));
		EXPECT_EQ(-EAGAIN, other);
	}
	EXPECT_TRUE(any_is_empty(self->kind, self->fd));
	missing_close(&missing);
}

/* Readers that do not wait, and a poster. */
struct contest {
	const struct kind *kind;
	int fd;

	_Atomic bool stop;
	_Atomic unsigned int taken, failed, written;
};

static void *contest_reader(void *arg)
{
	struct contest *contest = arg;
	size_t size = contest->kind->size;
	union thing seen;

	while (!contest->stop) {
		memset(&seen, MARK, sizeof(seen));
		if (read(contest->fd, &seen, size) == (ssize_t)size) {
			contest->taken++;
			continue;
		}
		contest->failed++;
		if (errno != EAGAIN || !is_marked(&seen, sizeof(seen)))
			contest->written++;
	}
	return NULL;
}

TEST_F(failed, many_readers)
{
	struct contest contest = { .kind = self->kind, .fd = self->fd };
	pthread_t readers[READERS];

	for (int i = 0; i < READERS; i++)
		ASSERT_EQ(0, pthread_create(&readers[i], NULL, contest_reader, &contest));
	repeat(1000000, 500) {
		any_post(self->kind, self->fd, 1);
		sched_yield();
	}
	contest.stop = true;
	for (int i = 0; i < READERS; i++)
		ASSERT_EQ(0, pthread_join(readers[i], NULL));
	EXPECT_LT(0, contest.taken);
	EXPECT_LT(0, contest.failed);
	EXPECT_EQ(0, contest.written);
}

TEST_HARNESS_MAIN
