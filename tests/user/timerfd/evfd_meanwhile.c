// SPDX-License-Identifier: GPL-2.0
/*
 * A read copies the ticks before it takes them, and the copy may take long. Other calls and
 * expirations may come meanwhile, but each tick is read once, and a periodic timer goes on.
 */
#include "clock.h"

#include <linux/userfaultfd.h>

/* A page that stays missing until the test provides it, after a fault. */
FIXTURE(meanwhile)
{
	struct call reader;
	int fd, uffd;
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

static void *page_of(int uffd, size_t size)
{
	struct uffdio_api api = { .api = UFFD_API };
	struct uffdio_register area = { .mode = UFFDIO_REGISTER_MODE_MISSING };
	void *page = mmap(NULL, size, PROT_READ | PROT_WRITE,
			  MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	area.range.start = (uintptr_t)page;
	area.range.len = size;
	if (page == MAP_FAILED || ioctl(uffd, UFFDIO_API, &api) ||
	    ioctl(uffd, UFFDIO_REGISTER, &area))
		return NULL;
	return page;
}

FIXTURE_SETUP(meanwhile)
{
	ASSERT_TRUE(clock_restore());
	self->fd = tfd_new(variant->id, 0);
	ASSERT_GE(self->fd, 0);
	self->uffd = syscall(SYS_userfaultfd, O_CLOEXEC);
	ASSERT_GE(self->uffd, 0);
	self->reader = (struct call){ .make = call_read, .fd = self->fd };
	self->reader.buf = page_of(self->uffd, sysconf(_SC_PAGESIZE));
	ASSERT_NE(NULL, self->reader.buf);
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

/* Starts the reader, and waits until it faults on the page. */
static bool comes_to_page(struct call *reader, int uffd)
{
	struct pollfd pfd = { .fd = uffd, .events = POLLIN };
	struct uffd_msg msg;

	return call_start(reader) && poll(&pfd, 1, DEADLINE_MS) == 1 &&
	       read(uffd, &msg, sizeof(msg)) == sizeof(msg) &&
	       msg.event == UFFD_EVENT_PAGEFAULT;
}

/* Provides the page. Returns the value that the reader got, or -errno. */
static int64_t read_when_given(struct call *reader, int uffd)
{
	struct uffdio_zeropage zero = {
		.range = {
			.start = (uintptr_t)reader->buf,
			.len = sysconf(_SC_PAGESIZE),
		},
	};
	uint64_t value;

	if (ioctl(uffd, UFFDIO_ZEROPAGE, &zero) || !call_ends(reader))
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
	ASSERT_TRUE(comes_to_page(&self->reader, self->uffd));
	EXPECT_EQ(1, read_when_given(&self->reader, self->uffd));
	EXPECT_TRUE(goes_on(self->fd));
}

/* The other read takes the tick that the first found, and a new tick replaces it. */
TEST_F(meanwhile, another_read)
{
	ASSERT_EQ(0, arm_now(self->fd, 0));
	ASSERT_TRUE(tfd_expires(self->fd));
	ASSERT_TRUE(comes_to_page(&self->reader, self->uffd));
	EXPECT_EQ(1, tfd_ticks(self->fd));
	EXPECT_EQ(0, poll_now(self->fd));
	ASSERT_TRUE(step_by_adjtimex(FAR_NS));
	ASSERT_TRUE(tfd_expires(self->fd));
	EXPECT_EQ(1, read_when_given(&self->reader, self->uffd));
	EXPECT_TRUE(goes_on(self->fd));
}

TEST_F(meanwhile, another_read_of_all)
{
	ASSERT_EQ(0, arm_now(self->fd, 0));
	ASSERT_TRUE(tfd_expires(self->fd));
	ASSERT_TRUE(comes_to_page(&self->reader, self->uffd));
	EXPECT_EQ(1, tfd_ticks(self->fd));
	/* No tick is left for the first read, so it waits. */
	EXPECT_EQ(0, poll_now(self->fd));
	ASSERT_FALSE(self->reader.done);
	ASSERT_TRUE(step_by_adjtimex(3 * FAR_NS));
	ASSERT_TRUE(tfd_expires(self->fd));
	EXPECT_TRUE(are_read_from(self->fd, 3, read_when_given(&self->reader,
							       self->uffd)));
	EXPECT_TRUE(goes_on(self->fd));
}

TEST_F(meanwhile, another_setting)
{
	ASSERT_EQ(0, arm_now(self->fd, 0));
	ASSERT_TRUE(tfd_expires(self->fd));
	ASSERT_TRUE(comes_to_page(&self->reader, self->uffd));
	ASSERT_EQ(0, arm_now(self->fd, 0));
	ASSERT_TRUE(tfd_expires(self->fd));
	EXPECT_EQ(1, read_when_given(&self->reader, self->uffd));
	/* The tick was of either setting. */
	if (poll_now(self->fd))
		EXPECT_EQ(1, tfd_ticks(self->fd));
	EXPECT_TRUE(goes_on(self->fd));
}

TEST_F(meanwhile, an_expiration)
{
	ASSERT_EQ(0, arm_now(self->fd, 0));
	ASSERT_TRUE(tfd_expires(self->fd));
	ASSERT_TRUE(comes_to_page(&self->reader, self->uffd));
	ASSERT_TRUE(step_by_adjtimex(2 * FAR_NS));
	ASSERT_TRUE(wait_for(tfd_pending(self->fd) == 2));
	EXPECT_TRUE(are_read_from(self->fd, 3, read_when_given(&self->reader,
							       self->uffd)));
	EXPECT_TRUE(goes_on(self->fd));
}

TEST_F(meanwhile, a_step_that_is_to_be_told)
{
	int64_t value;

	ASSERT_EQ(0, arm_now(self->fd, TFD_CANCEL));
	ASSERT_TRUE(tfd_expires(self->fd));
	ASSERT_TRUE(comes_to_page(&self->reader, self->uffd));
	ASSERT_TRUE(step_by_adjtimex(STEP_NS));
	value = read_when_given(&self->reader, self->uffd);
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
