// SPDX-License-Identifier: GPL-2.0
/*
 * A read may sleep until its memory can be written. Other calls and expirations may come
 * meanwhile, but each tick is read once, and a periodic timer goes on.
 */
#include "clock.h"
#include "missing.h"

FIXTURE(meanwhile)
{
	struct missing missing;
	struct call reader;
	int fd;
};

FIXTURE_VARIANT(meanwhile)
{
	int id;
};

FIXTURE_VARIANT_ADD(meanwhile, realtime)
{
	.id = CLOCK_REALTIME,
};

FIXTURE_VARIANT_ADD(meanwhile, realtime_alarm)
{
	.id = CLOCK_REALTIME_ALARM,
};

FIXTURE_SETUP(meanwhile)
{
	ASSERT_TRUE(clock_restore());
	self->fd = tfd_new(variant->id, 0);
	ASSERT_GE(self->fd, 0);
	ASSERT_TRUE(missing_open(&self->missing));
	self->reader = (struct call){ .make = call_read, .fd = self->fd };
}

FIXTURE_TEARDOWN(meanwhile)
{
	clock_restore();
}

/* Lets the timer expire now, and then every FAR_NS. */
static int arm_now(int fd, int flags)
{
	return tfd_arm(fd, flags | TFD_TIMER_ABSTIME, tfd_clock(CLOCK_REALTIME),
		       FAR_NS);
}

/* Provides the page. Returns the value that the reader got, or -errno. */
static int64_t read_when_given(struct missing *missing, struct call *reader)
{
	uint64_t value;

	if (!missing_fill(missing, 0) || !call_ends(reader))
		return -EIO;
	memcpy(&value, reader->buf, sizeof(value));
	return reader->ret < 0 ? -reader->err : (int64_t)value;
}

/* Whether a period of FAR_NS goes on, and each expiration is counted once. */
static bool goes_on(int fd)
{
	for (int i = 1; i < 4; i++) {
		if (poll_now(fd) || !step_by_adjtimex(i * FAR_NS) ||
		    !tfd_expires(fd) || tfd_ticks(fd) != i)
			return false;
	}
	return true;
}

/* Whether all ticks are read in total, after the first read returned some of them. */
static bool are_read_from(int fd, int64_t all, int64_t first)
{
	if (first < 1 || first > all)
		return false;
	return first == all || (tfd_expires(fd) && tfd_ticks(fd) == all - first);
}

TEST_F(meanwhile, nothing)
{
	ASSERT_EQ(0, arm_now(self->fd, 0));
	ASSERT_TRUE(tfd_expires(self->fd));
	ASSERT_TRUE(missing_stops(&self->missing, &self->reader));
	EXPECT_EQ(1, read_when_given(&self->missing, &self->reader));
	EXPECT_TRUE(goes_on(self->fd));
}

/* The other read takes the tick that the first found, and a new tick replaces it. */
TEST_F(meanwhile, another_read)
{
	ASSERT_EQ(0, arm_now(self->fd, 0));
	ASSERT_TRUE(tfd_expires(self->fd));
	ASSERT_TRUE(missing_stops(&self->missing, &self->reader));
	EXPECT_EQ(1, tfd_ticks(self->fd));
	EXPECT_EQ(0, poll_now(self->fd));
	ASSERT_TRUE(step_by_adjtimex(FAR_NS));
	ASSERT_TRUE(tfd_expires(self->fd));
	EXPECT_EQ(1, read_when_given(&self->missing, &self->reader));
	EXPECT_TRUE(goes_on(self->fd));
}

TEST_F(meanwhile, another_read_of_all)
{
	ASSERT_EQ(0, arm_now(self->fd, 0));
	ASSERT_TRUE(tfd_expires(self->fd));
	ASSERT_TRUE(missing_stops(&self->missing, &self->reader));
	EXPECT_EQ(1, tfd_ticks(self->fd));
	/* No tick is left for the first read, so it will wait. */
	EXPECT_EQ(0, poll_now(self->fd));
	ASSERT_FALSE(self->reader.done);
	ASSERT_TRUE(step_by_adjtimex(3 * FAR_NS));
	ASSERT_TRUE(tfd_expires(self->fd));
	EXPECT_TRUE(are_read_from(self->fd, 3, read_when_given(&self->missing,
							       &self->reader)));
	EXPECT_TRUE(goes_on(self->fd));
}

TEST_F(meanwhile, another_setting)
{
	ASSERT_EQ(0, arm_now(self->fd, 0));
	ASSERT_TRUE(tfd_expires(self->fd));
	ASSERT_TRUE(missing_stops(&self->missing, &self->reader));
	ASSERT_EQ(0, arm_now(self->fd, 0));
	ASSERT_TRUE(tfd_expires(self->fd));
	EXPECT_EQ(1, read_when_given(&self->missing, &self->reader));
	/* The tick was of either setting. */
	if (poll_now(self->fd))
		EXPECT_EQ(1, tfd_ticks(self->fd));
	EXPECT_TRUE(goes_on(self->fd));
}

TEST_F(meanwhile, an_expiration)
{
	ASSERT_EQ(0, arm_now(self->fd, 0));
	ASSERT_TRUE(tfd_expires(self->fd));
	ASSERT_TRUE(missing_stops(&self->missing, &self->reader));
	ASSERT_TRUE(step_by_adjtimex(2 * FAR_NS));
	ASSERT_TRUE(wait_for(tfd_pending(self->fd) == 2));
	EXPECT_TRUE(are_read_from(self->fd, 3, read_when_given(&self->missing,
							       &self->reader)));
	EXPECT_TRUE(goes_on(self->fd));
}

TEST_F(meanwhile, a_step_that_is_to_be_told)
{
	int64_t value;

	ASSERT_EQ(0, arm_now(self->fd, TFD_CANCEL));
	ASSERT_TRUE(tfd_expires(self->fd));
	ASSERT_TRUE(missing_stops(&self->missing, &self->reader));
	ASSERT_TRUE(step_by_adjtimex(STEP_NS));
	value = read_when_given(&self->missing, &self->reader);
	/* The read came before the step, or after it. */
	if (value != -ECANCELED) {
		EXPECT_EQ(1, value);
		EXPECT_EQ(-ECANCELED, tfd_ticks(self->fd));
	}
	EXPECT_EQ(0, poll_now(self->fd));
	EXPECT_EQ(0, arm_now(self->fd, TFD_CANCEL));
	EXPECT_EQ(1, tfd_ticks(self->fd));
}

TEST_HARNESS_MAIN
