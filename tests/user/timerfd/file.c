// SPDX-License-Identifier: GPL-2.0
/*
 * The rest of a timer's file: fdinfo.
 */
#include "timer.h"

/*
 * Reads fdinfo. The time left changes all the time: the text gets no line for it unless
 * it is 0.
 */
static void read_fdinfo(int fd, char *text, size_t size)
{
	struct tfd_info info = { };
	char line[128];
	FILE *file;

	*text = '\0';
	tfd_info(fd, &info);
	snprintf(line, sizeof(line), "/proc/self/fdinfo/%d", fd);
	file = fopen(line, "re");
	while (file && fgets(line, sizeof(line), file)) {
		if (strncmp(line, "it_value", 8) || !tfd_ns(info.time.it_value))
			strncat(text, line, size - strlen(text) - 1);
	}
	if (file)
		fclose(file);
}

TEST(fdinfo_is_as_native)
{
	static const int clocks[] = {
		CLOCK_MONOTONIC, CLOCK_REALTIME, CLOCK_BOOTTIME,
		CLOCK_REALTIME_ALARM, CLOCK_BOOTTIME_ALARM,
	};
	static const int64_t values[] = { 0, 1, 100 * 365 * 24 * FAR_NS };
	static const int64_t intervals[] = { 0, 1, 7 * NS_PER_S + 999999999 };

	/* Each clock with each pair of times, and the flags in turns. */
	for (size_t i = 0; i < ARRAY_SIZE(clocks) * 9; i++) {
		int clock = clocks[i / 9], flags = i % 4;
		int value = i % 3, interval = i / 3 % 3;
		int reference = native_make_timer(clock, 0);
		int fd = tfd_new(clock, 0);
		struct evfd_itimerspec time = {
			tfd_timespec(intervals[interval]),
			tfd_timespec(values[value]),
		};
		char want[512], seen[512];

		ASSERT_EQ(0, syscall(TFD_SYS_SETTIME, reference, flags, &time,
				     NULL));
		ASSERT_EQ(0, tfd_set(fd, flags, &time, NULL));
		if (values[value] == 1)
			ASSERT_TRUE(tfd_expires(reference) && tfd_expires(fd));
		read_fdinfo(reference, want, sizeof(want));
		read_fdinfo(fd, seen, sizeof(seen));
		/* A named difference: the ticks so far, and the time until the next. */
		if (!tfd_counts_by_clock() || values[value] != 1 || !interval)
			EXPECT_STREQ(want, seen) TH_LOG("clock %d, flags %d", clock, flags);
		EXPECT_NE(NULL, strstr(seen, "\nit_interval: ("));
		close(reference);
		close(fd);
	}
}

TEST(fdinfo_tells_the_timer_now)
{
	int fd = tfd_new(CLOCK_REALTIME, TFD_NONBLOCK);
	int64_t start = tfd_clock(CLOCK_MONOTONIC), left;
	struct tfd_info info;

	ASSERT_TRUE(tfd_info(fd, &info));
	EXPECT_EQ(CLOCK_REALTIME, info.clockid);
	EXPECT_EQ(0, info.flags);
	EXPECT_EQ(0, tfd_ns(info.time.it_value));
	ASSERT_EQ(0, tfd_arm(fd, 0, FAR_NS, 2 * FAR_NS + 1));
	ASSERT_TRUE(tfd_info(fd, &info));
	left = tfd_ns(info.time.it_value);
	EXPECT_GE(FAR_NS, left);
	EXPECT_LE(FAR_NS - (tfd_clock(CLOCK_MONOTONIC) - start), left);
	EXPECT_EQ(2 * FAR_NS + 1, tfd_ns(info.time.it_interval));
	/* After an expiration, fdinfo shows one tick until a read. */
	ASSERT_EQ(0, tfd_arm_late(fd, CLOCK_REALTIME));
	ASSERT_TRUE(tfd_expires(fd));
	for (int i = 0; i < 2; i++) {
		ASSERT_TRUE(tfd_info(fd, &info));
		EXPECT_EQ(1, info.ticks);
		EXPECT_EQ(TFD_TIMER_ABSTIME, info.flags);
		EXPECT_EQ(0, tfd_ns(info.time.it_value));
	}
	EXPECT_EQ(LATE_TICKS, tfd_ticks(fd));
	ASSERT_TRUE(tfd_info(fd, &info));
	EXPECT_EQ(0, info.ticks);
	left = tfd_ns(info.time.it_value);
	EXPECT_GE(FAR_NS, left);
	EXPECT_LE(FAR_NS - (tfd_clock(CLOCK_MONOTONIC) - start), left);
	if (tfd_can_set_ticks()) {
		ASSERT_EQ(0, tfd_set_ticks(fd, UINT64_MAX));
		ASSERT_TRUE(tfd_info(fd, &info));
		EXPECT_EQ(UINT64_MAX, info.ticks);
	}
}

TEST_HARNESS_MAIN
