// SPDX-License-Identifier: GPL-2.0
/*
 * The rest of the counter's file: fdinfo, and the flags of writes.
 */
#include "common.h"

/*
 * Reads fdinfo, except for the line with the ID, which goes to id. A named difference: a counter
 * with a cell has one more line.
 */
static void read_fdinfo(int fd, char *text, size_t size, int *id)
{
	unsigned int cell;
	char line[128];
	FILE *file;

	*id = -1;
	*text = '\0';
	snprintf(line, sizeof(line), "/proc/self/fdinfo/%d", fd);
	file = fopen(line, "re");
	while (file && fgets(line, sizeof(line), file)) {
		if (sscanf(line, "eventfd-id: %d\n", id) != 1 &&
		    !(impl_is_cell() && sscanf(line, "evfd-cell: %u\n", &cell) == 1))
			strncat(text, line, size - strlen(text) - 1);
	}
	if (file)
		fclose(file);
}

TEST(fdinfo_is_as_native)
{
	static const uint64_t counts[] = { 0, 7, 0xabcdef, EFD_COUNT_MAX };
	static const int flags[] = {
		0, EFD_NONBLOCK, EFD_CLOEXEC, EFD_SEMAPHORE,
	};

	for (size_t i = 0; i < ARRAY_SIZE(counts); i++) {
		int reference = native_make_eventfd(0, flags[i]);
		int fd = efd_new(0, flags[i]);
		char want[512], seen[512];
		int want_id, id;

		ASSERT_EQ(8, efd_add(reference, counts[i]));
		ASSERT_EQ(8, efd_add(fd, counts[i]));
		read_fdinfo(reference, want, sizeof(want), &want_id);
		read_fdinfo(fd, seen, sizeof(seen), &id);
		EXPECT_STREQ(want, seen);
		EXPECT_LE(0, want_id);
		EXPECT_LE(0, id);
	}
}

TEST(fdinfo_ids)
{
	int first = efd_new(0, 0), second = efd_new(0, 0), copy = dup(first);
	int id, other, same;
	char text[512];

	read_fdinfo(first, text, sizeof(text), &id);
	read_fdinfo(second, text, sizeof(text), &other);
	read_fdinfo(copy, text, sizeof(text), &same);
	EXPECT_LE(0, id);
	EXPECT_LE(0, other);
	EXPECT_NE(id, other);
	EXPECT_EQ(id, same);
}

/* Tools take two descriptors with one ID for the same descriptor. */
TEST(fdinfo_ids_are_not_those_of_native)
{
	enum { PAIRS = 16 };
	int ids[2 * PAIRS];
	char text[512];

	for (int i = 0; i < 2 * PAIRS; i++) {
		int fd = i % 2 ? efd_new(0, 0) : native_make_eventfd(0, 0);

		ASSERT_GE(fd, 0);
		read_fdinfo(fd, text, sizeof(text), &ids[i]);
		EXPECT_LE(0, ids[i]);
		for (int j = 0; j < i; j++)
			EXPECT_NE(ids[i], ids[j]);
	}
}

struct look {
	pthread_t thread;
	pthread_barrier_t *start;
	int fd, id;
};

static void *look_at_id(void *arg)
{
	struct look *look = arg;
	char text[512];

	pthread_barrier_wait(look->start);
	read_fdinfo(look->fd, text, sizeof(text), &look->id);
	return NULL;
}

TEST(fdinfo_ids_are_the_same_for_all_who_look_first)
{
	struct look looks[4];
	pthread_barrier_t start;

	ASSERT_EQ(0, pthread_barrier_init(&start, NULL, ARRAY_SIZE(looks)));
	for (int round = 0; round < 200; round++) {
		int fd = efd_new(0, 0);

		ASSERT_GE(fd, 0);
		for (size_t i = 0; i < ARRAY_SIZE(looks); i++) {
			looks[i] = (struct look){ .start = &start, .fd = fd };
			ASSERT_EQ(0, pthread_create(&looks[i].thread, NULL, look_at_id,
						    &looks[i]));
		}
		for (size_t i = 0; i < ARRAY_SIZE(looks); i++) {
			ASSERT_EQ(0, pthread_join(looks[i].thread, NULL));
			ASSERT_LE(0, looks[i].id);
			ASSERT_EQ(looks[0].id, looks[i].id);
		}
		close(fd);
	}
}

TEST(fdinfo_tells_the_count_now)
{
	int fd = efd_new(3, EFD_SEMAPHORE);

	EXPECT_EQ(3, efd_count(fd));
	EXPECT_EQ(1, efd_take(fd));
	EXPECT_EQ(2, efd_count(fd));
	ASSERT_EQ(8, efd_add(fd, 0x1000));
	EXPECT_EQ(0x1002, efd_count(fd));
}

TEST(nonblock_is_toggled)
{
	int fd = efd_new(0, 0);

	ASSERT_GE(fd, 0);
	for (int i = 0; i < 3; i++) {
		struct call writer = { .make = call_write, .fd = fd, .value = 1 };

		ASSERT_EQ(8, efd_add(fd, EFD_COUNT_MAX));
		ASSERT_TRUE(call_start_blocked(&writer));
		EXPECT_EQ((int64_t)EFD_COUNT_MAX, efd_take(fd));
		ASSERT_TRUE(call_ends(&writer));
		EXPECT_EQ(1, efd_take(fd));
		ASSERT_EQ(0, fcntl(fd, F_SETFL, O_NONBLOCK));
		EXPECT_EQ(-EAGAIN, efd_take(fd));
		ASSERT_EQ(8, efd_add(fd, EFD_COUNT_MAX));
		EXPECT_EQ(-EAGAIN, result(efd_add(fd, 1)));
		EXPECT_EQ((int64_t)EFD_COUNT_MAX, efd_take(fd));
		ASSERT_EQ(0, fcntl(fd, F_SETFL, 0));
	}
}

TEST(flags_of_a_write)
{
	uint64_t value = 1;
	struct iovec iov = { .iov_base = &value, .iov_len = 8 };
	int fd = efd_new(0, 0);

	ASSERT_GE(fd, 0);
	/* Native does not support RWF_NOWAIT for writes either. */
	EXPECT_EQ(-EOPNOTSUPP, result(pwritev2(fd, &iov, 1, -1, RWF_NOWAIT)));
	EXPECT_EQ(8, result(pwritev2(fd, &iov, 1, -1, 0)));
	EXPECT_EQ(1, efd_take(fd));
}

TEST_HARNESS_MAIN
