// SPDX-License-Identifier: GPL-2.0
/*
 * Reads that wait for a time, and settings, periods and closing while they do.
 */
#include "timer.h"

#define READERS	8

static int new_timer(void)
{
	return tfd_new(CLOCK_MONOTONIC, 0);
}

/* Makes the timer expire once. */
static bool fire(int fd)
{
	return !tfd_arm(fd, 0, 1, 0);
}

TEST(read_waits_for_the_time)
{
	int64_t start = tfd_clock(CLOCK_MONOTONIC);
	int fd = new_timer();

	ASSERT_GE(fd, 0);
	for (int i = 1; i <= 3; i++) {
		ASSERT_EQ(0, tfd_arm(fd, 0, 25 * NS_PER_MS, 0));
		EXPECT_EQ(1, tfd_ticks(fd));
		EXPECT_LE(i * 25 * NS_PER_MS,
			  tfd_clock(CLOCK_MONOTONIC) - start);
	}
}

TEST(periodic_reads_wait_for_the_time)
{
	const int64_t interval = 15 * NS_PER_MS;
	int64_t first = tfd_clock(CLOCK_MONOTONIC) + interval;
	int64_t ticks, sum = 0;
	int fd = new_timer();

	ASSERT_GE(fd, 0);
	ASSERT_EQ(0, tfd_arm(fd, TFD_TIMER_ABSTIME, first, interval));
	for (int i = 0; i < 10; i++) {
		ticks = tfd_ticks(fd);
		ASSERT_LE(1, ticks);
		sum += ticks;
		EXPECT_GE(tfd_due(tfd_clock(CLOCK_MONOTONIC), first, interval),
			  sum);
	}
}

TEST(a_blocked_reader_and_settings)
{
	struct call reader = { .make = call_read, .fd = new_timer() };

	ASSERT_GE(reader.fd, 0);
	/* It waits even if the timer is disarmed. */
	ASSERT_TRUE(call_start_blocked(&reader));
	ASSERT_EQ(0, tfd_arm(reader.fd, 0, FAR_NS, 0));
	EXPECT_TRUE(call_blocks(&reader));
	ASSERT_EQ(0, tfd_arm(reader.fd, 0, 0, 0));
	EXPECT_LE(0, tfd_left(reader.fd));
	EXPECT_EQ(0, poll_now(reader.fd));
	EXPECT_TRUE(call_blocks(&reader));
	ASSERT_TRUE(fire(reader.fd));
	ASSERT_TRUE(call_ends(&reader));
	EXPECT_EQ(8, reader.ret);
	EXPECT_EQ(1, reader.value);
}

TEST(a_blocked_reader_of_what_is_past)
{
	struct call reader = { .make = call_read };

	reader.fd = tfd_new(CLOCK_REALTIME, 0);
	ASSERT_GE(reader.fd, 0);
	ASSERT_EQ(0, tfd_arm(reader.fd, 0, FAR_NS, 0));
	ASSERT_TRUE(call_start_blocked(&reader));
	ASSERT_EQ(0, tfd_arm_late(reader.fd, CLOCK_REALTIME));
	ASSERT_TRUE(call_ends(&reader));
	EXPECT_EQ(8, reader.ret);
	EXPECT_EQ(LATE_TICKS, reader.value);
	EXPECT_LT(FAR_NS / 2, tfd_left(reader.fd));
}

TEST(a_blocked_reader_and_set_ticks)
{
	struct call reader = { .make = call_read, .fd = new_timer() };

	if (!tfd_can_set_ticks())
		return;
	ASSERT_GE(reader.fd, 0);
	ASSERT_TRUE(call_start_blocked(&reader));
	EXPECT_EQ(-1, tfd_set_ticks(reader.fd, 0));
	EXPECT_TRUE(call_blocks(&reader));
	ASSERT_EQ(0, tfd_set_ticks(reader.fd, 77));
	ASSERT_TRUE(call_ends(&reader));
	EXPECT_EQ(8, reader.ret);
	EXPECT_EQ(77, reader.value);
}

/* Each tick goes to one reader, and each reader gets some. */
TEST(readers_share_a_periodic_timer)
{
	const int64_t interval = 2 * NS_PER_MS;
	int64_t first = tfd_clock(CLOCK_MONOTONIC) + interval, sum = 0;
	struct call readers[READERS];
	int fd = new_timer();

	ASSERT_GE(fd, 0);
	ASSERT_TRUE(start_readers(readers, READERS, fd));
	ASSERT_EQ(0, tfd_arm(fd, TFD_TIMER_ABSTIME, first, interval));
	for (int i = 0; i < READERS; i++) {
		ASSERT_TRUE(call_ends(&readers[i]));
		EXPECT_EQ(8, readers[i].ret);
		EXPECT_LE(1, readers[i].value);
		sum += readers[i].value;
	}
	EXPECT_GE(tfd_due(tfd_clock(CLOCK_MONOTONIC), first, interval), sum);
}

/* A handler ends the read, and the timer goes on. */
TEST(an_interrupted_read_leaves_the_timer)
{
	struct call reader = { .make = call_read, .fd = new_timer() };

	ASSERT_GE(reader.fd, 0);
	ASSERT_EQ(0, tfd_arm(reader.fd, 0, FAR_NS, FAR_NS));
	ASSERT_EQ(0, catch_signal(SIGUSR1, 0));
	ASSERT_TRUE(call_start_blocked(&reader));
	ASSERT_EQ(0, signal_thread(reader.tid, SIGUSR1));
	ASSERT_TRUE(call_ends(&reader));
	EXPECT_EQ(EINTR, reader.err);
	EXPECT_LT(FAR_NS / 2, tfd_left(reader.fd));
	EXPECT_EQ(0, poll_now(reader.fd));
}

/* The blocked call keeps the file, and so the timer. */
TEST(last_descriptor_closed_while_blocked)
{
	struct call reader = { .make = call_read, .fd = new_timer() };

	ASSERT_GE(reader.fd, 0);
	ASSERT_TRUE(call_start_blocked(&reader));
	ASSERT_EQ(0, tfd_arm(reader.fd, 0, 50 * NS_PER_MS, 0));
	ASSERT_EQ(0, close(reader.fd));
	ASSERT_TRUE(call_ends(&reader));
	EXPECT_EQ(8, reader.ret);
	EXPECT_EQ(1, reader.value);
}

TEST_HARNESS_MAIN
