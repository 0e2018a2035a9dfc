// SPDX-License-Identifier: GPL-2.0
/*
 * Timers while the machine sleeps: alarm clocks wake it, and each clock either counts the
 * sleep or does not.
 *
 * This needs a machine with an RTC that can suspend to RAM. It must have a single
 * processor, because a second emulated processor may not come back. A kernel with KCSAN
 * does not come back either, not even with native timers.
 */
#include "timer.h"

/* An alarm less than two seconds away keeps the machine from sleeping. */
#define SLEEP_NS	(4 * NS_PER_S)

/* An RTC counts in seconds, so the machine sleeps at least this long. */
#define ASLEEP_NS	(2 * NS_PER_S)

/* When a native timer wakes the machine, in case the timer under test does not. */
#define FALLBACK_S	25

static bool write_to(const char *path, const char *text)
{
	FILE *file = fopen(path, "we");

	if (!file)
		return false;
	fputs(text, file);
	return !fclose(file);
}

static bool has_word(const char *path, const char *word)
{
	char line[128] = "";
	FILE *file = fopen(path, "re");

	if (!file)
		return false;
	if (!fgets(line, sizeof(line), file))
		line[0] = 0;
	fclose(file);
	return strstr(line, word);
}

static bool can_sleep(void)
{
	return has_word("/sys/power/state", "mem") &&
	       has_word("/sys/power/mem_sleep", "deep") &&
	       sysconf(_SC_NPROCESSORS_ONLN) == 1 &&
	       access("/sys/kernel/debug/kcsan", F_OK);
}

/*
 * CLOCK_BOOTTIME less CLOCK_MONOTONIC. A preemption between the two reads adds to it, so it
 * is the least of several tries.
 */
static int64_t suspended(void)
{
	int64_t least = INT64_MAX;

	for (int i = 0; i < 100; i++) {
		int64_t monotonic = tfd_clock(CLOCK_MONOTONIC);
		int64_t difference = tfd_clock(CLOCK_BOOTTIME) - monotonic;

		if (difference < least)
			least = difference;
	}
	return least;
}

/* Puts the machine to sleep. Returns the time that it slept, or -errno. */
static int64_t sleep_machine(void)
{
	struct itimerspec fallback = { .it_value = { FALLBACK_S, 0 } };
	int fd = timerfd_create(CLOCK_BOOTTIME_ALARM, 0);
	int64_t before, slept;

	if (fd < 0 || timerfd_settime(fd, 0, &fallback, NULL) ||
	    !write_to("/sys/power/mem_sleep", "deep"))
		return -errno;
	before = suspended();
	if (!write_to("/sys/power/state", "mem"))
		return -errno;
	slept = suspended() - before;
	close(fd);
	return slept;
}

static int armed(int id, int64_t value, int64_t interval)
{
	int fd = tfd_new(id, TFD_NONBLOCK);

	if (fd >= 0 && tfd_arm(fd, 0, value, interval))
		return -1;
	return fd;
}

TEST(a_boottime_alarm_wakes_the_machine)
{
	int64_t start = tfd_clock(CLOCK_BOOTTIME), slept, left;
	int monotonic, boottime, sooner, periodic, alarm;

	if (!can_sleep())
		SKIP(return, "this machine can't sleep");
	monotonic = armed(CLOCK_MONOTONIC, FAR_NS, 0);
	boottime = armed(CLOCK_BOOTTIME, FAR_NS, 0);
	sooner = armed(CLOCK_BOOTTIME, ASLEEP_NS / 2, 0);
	periodic = armed(CLOCK_BOOTTIME, NS_PER_S / 10, NS_PER_S / 10);
	alarm = armed(CLOCK_BOOTTIME_ALARM, SLEEP_NS, FAR_NS);
	ASSERT_GE(alarm, 0);
	slept = sleep_machine();
	EXPECT_LE(ASLEEP_NS, slept);
	EXPECT_GT(FALLBACK_S / 2 * NS_PER_S, slept);

	/* Timers due during the sleep have expired, and CLOCK_BOOTTIME counts the sleep. */
	EXPECT_TRUE(tfd_expires(sooner));
	EXPECT_EQ(1, tfd_ticks(sooner));
	EXPECT_TRUE(tfd_expires(periodic));
	EXPECT_LE(slept / (NS_PER_S / 10), tfd_ticks(periodic));
	left = tfd_left(boottime);
	EXPECT_GE(FAR_NS - slept, left);
	EXPECT_LE(FAR_NS - (tfd_clock(CLOCK_BOOTTIME) - start), left);
	/* CLOCK_MONOTONIC stood still. */
	EXPECT_LE(FAR_NS - (tfd_clock(CLOCK_BOOTTIME) - start) + slept,
		  tfd_left(monotonic));

	EXPECT_TRUE(tfd_expires(alarm));
	EXPECT_LE(SLEEP_NS, tfd_clock(CLOCK_BOOTTIME) - start);
	EXPECT_EQ(1, tfd_ticks(alarm));
	EXPECT_LT(FAR_NS / 2, tfd_left(alarm));
}

TEST(a_realtime_alarm_wakes_the_machine)
{
	const int flags = TFD_TIMER_ABSTIME | TFD_TIMER_CANCEL_ON_SET;
	int64_t when = tfd_clock(CLOCK_REALTIME) + SLEEP_NS, slept;
	struct call readers[2] = {
		{ .make = call_read, .fd = tfd_new(CLOCK_REALTIME, 0) },
		{ .make = call_read, .fd = tfd_new(CLOCK_REALTIME_ALARM, 0) },
	};
	int alarm = tfd_new(CLOCK_REALTIME_ALARM, TFD_NONBLOCK);
	int sooner = tfd_new(CLOCK_REALTIME, TFD_NONBLOCK);
	int span = armed(CLOCK_REALTIME, FAR_NS, 0);

	if (!can_sleep())
		SKIP(return, "this machine can't sleep");
	for (int i = 0; i < 2; i++) {
		ASSERT_EQ(0, tfd_arm(readers[i].fd, flags, when + FAR_NS, 0));
		ASSERT_TRUE(call_start_blocked(&readers[i]));
	}
	ASSERT_EQ(0, tfd_arm(alarm, TFD_TIMER_ABSTIME, when, 0));
	ASSERT_EQ(0, tfd_arm(sooner, TFD_TIMER_ABSTIME, when - SLEEP_NS / 2, 0));
	slept = sleep_machine();
	EXPECT_LE(ASLEEP_NS, slept);
	EXPECT_GT(FALLBACK_S / 2 * NS_PER_S, slept);

	/* The clock was set when the machine woke. */
	for (int i = 0; i < 2; i++) {
		ASSERT_TRUE(call_ends(&readers[i]));
		EXPECT_EQ(-1, readers[i].ret);
		EXPECT_EQ(ECANCELED, readers[i].err);
	}
	EXPECT_TRUE(tfd_expires(sooner));
	EXPECT_EQ(1, tfd_ticks(sooner));
	EXPECT_LT(FAR_NS - slept, tfd_left(span));
	EXPECT_TRUE(tfd_expires(alarm));
	EXPECT_LE(when, tfd_clock(CLOCK_REALTIME));
	EXPECT_EQ(1, tfd_ticks(alarm));
}

TEST_HARNESS_MAIN
