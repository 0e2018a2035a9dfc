// SPDX-License-Identifier: GPL-2.0
/*
 * Event descriptors in the kernel's aio: IOCB_CMD_POLL, above all.
 */
#include "common.h"

#include <linux/aio_abi.h>

FIXTURE(aio)
{
	aio_context_t ctx;
	struct io_event event;
	uint64_t value;
	int fd;
};

FIXTURE_SETUP(aio)
{
	ASSERT_EQ(0, syscall(SYS_io_setup, 32, &self->ctx));
	self->fd = efd_new(0, EFD_NONBLOCK);
	ASSERT_GE(self->fd, 0);
}

FIXTURE_TEARDOWN(aio)
{
	syscall(SYS_io_destroy, self->ctx);
	close(self->fd);
}

static int submit(aio_context_t ctx, struct iocb *iocb)
{
	int ret = syscall(SYS_io_submit, ctx, 1, &iocb);

	return ret < 0 ? -errno : ret;
}

static struct iocb poll_for(int fd, unsigned int events, uint64_t data)
{
	return (struct iocb){
		.aio_lio_opcode = IOCB_CMD_POLL,
		.aio_fildes = fd,
		.aio_buf = events,
		.aio_data = data,
	};
}

/* Takes the next event, if there is one now. */
static bool next_event(aio_context_t ctx, struct io_event *event)
{
	struct timespec none = { };

	return syscall(SYS_io_getevents, ctx, 0, 1, event, &none) == 1;
}

TEST_F(aio, poll_ready)
{
	struct iocb iocb = poll_for(self->fd, POLLIN | POLLOUT, 1);

	ASSERT_EQ(1, submit(self->ctx, &iocb));
	ASSERT_TRUE(next_event(self->ctx, &self->event));
	EXPECT_EQ(POLLOUT, self->event.res);
	ASSERT_EQ(8, efd_add(self->fd, EFD_COUNT_MAX));
	ASSERT_EQ(1, submit(self->ctx, &iocb));
	ASSERT_TRUE(next_event(self->ctx, &self->event));
	EXPECT_EQ(POLLIN, self->event.res);
	EXPECT_EQ(1, self->event.data);
}

TEST_F(aio, poll_waits)
{
	struct iocb iocb = poll_for(self->fd, POLLIN, 2);

	ASSERT_EQ(1, submit(self->ctx, &iocb));
	EXPECT_FALSE(next_event(self->ctx, &self->event));
	ASSERT_EQ(8, efd_add(self->fd, 1));
	ASSERT_TRUE(wait_for(next_event(self->ctx, &self->event)));
	EXPECT_EQ(POLLIN, self->event.res);
	EXPECT_EQ(2, self->event.data);
	ASSERT_EQ(8, efd_add(self->fd, 1));
	EXPECT_FALSE(next_event(self->ctx, &self->event));
	EXPECT_EQ(2, efd_take(self->fd));
}

TEST_F(aio, many_polls_are_all_told)
{
	enum { N = 16 };
	struct iocb iocbs[N];
	unsigned int told = 0;

	for (int i = 0; i < N; i++) {
		iocbs[i] = poll_for(self->fd, POLLIN, i);
		ASSERT_EQ(1, submit(self->ctx, &iocbs[i]));
	}
	ASSERT_EQ(8, efd_add(self->fd, 1));
	for (int i = 0; i < N; i++) {
		ASSERT_TRUE(wait_for(next_event(self->ctx, &self->event)));
		EXPECT_EQ(POLLIN, self->event.res);
		told |= 1u << self->event.data;
	}
	EXPECT_EQ(0xffff, told);
}

TEST_F(aio, poll_for_room)
{
	struct iocb iocb = poll_for(self->fd, POLLOUT, 3);

	ASSERT_EQ(8, efd_add(self->fd, EFD_COUNT_MAX));
	ASSERT_EQ(1, submit(self->ctx, &iocb));
	EXPECT_FALSE(next_event(self->ctx, &self->event));
	EXPECT_EQ((int64_t)EFD_COUNT_MAX, efd_take(self->fd));
	ASSERT_TRUE(wait_for(next_event(self->ctx, &self->event)));
	EXPECT_EQ(POLLOUT, self->event.res);
}

TEST_F(aio, poll_cancelled)
{
	struct iocb iocb = poll_for(self->fd, POLLIN, 4);
	int ret;

	ASSERT_EQ(1, submit(self->ctx, &iocb));
	ret = syscall(SYS_io_cancel, self->ctx, &iocb, &self->event);
	EXPECT_EQ(-1, ret);
	EXPECT_EQ(EINPROGRESS, errno);
	ASSERT_TRUE(wait_for(next_event(self->ctx, &self->event)));
	EXPECT_EQ(4, self->event.data);
	EXPECT_EQ(0, self->event.res);
	ASSERT_EQ(8, efd_add(self->fd, 1));
	EXPECT_FALSE(next_event(self->ctx, &self->event));
}

TEST_F(aio, context_destroyed_while_polling)
{
	struct iocb iocb = poll_for(self->fd, POLLIN, 5);

	ASSERT_EQ(1, submit(self->ctx, &iocb));
	ASSERT_EQ(0, syscall(SYS_io_destroy, self->ctx));
	EXPECT_EQ(8, efd_add(self->fd, 1));
	EXPECT_EQ(1, efd_take(self->fd));
}

TEST_F(aio, closed_while_polling)
{
	struct iocb iocb = poll_for(self->fd, POLLIN, 6);
	int other = dup(self->fd);

	ASSERT_EQ(1, submit(self->ctx, &iocb));
	ASSERT_EQ(0, close(self->fd));
	EXPECT_FALSE(next_event(self->ctx, &self->event));
	ASSERT_EQ(8, efd_add(other, 1));
	ASSERT_TRUE(wait_for(next_event(self->ctx, &self->event)));
	EXPECT_EQ(POLLIN, self->event.res);
}

TEST_F(aio, read)
{
	struct iocb iocb = {
		.aio_lio_opcode = IOCB_CMD_PREAD,
		.aio_fildes = self->fd,
		.aio_buf = (uintptr_t)&self->value,
		.aio_nbytes = 8,
	};

	ASSERT_EQ(8, efd_add(self->fd, 12));
	ASSERT_EQ(1, submit(self->ctx, &iocb));
	ASSERT_TRUE(wait_for(next_event(self->ctx, &self->event)));
	EXPECT_EQ(8, self->event.res);
	EXPECT_EQ(12, self->value);
	ASSERT_EQ(1, submit(self->ctx, &iocb));
	ASSERT_TRUE(wait_for(next_event(self->ctx, &self->event)));
	EXPECT_EQ(-EAGAIN, self->event.res);
}

TEST_F(aio, write_is_refused)
{
	struct iocb iocb = {
		.aio_lio_opcode = IOCB_CMD_PWRITE,
		.aio_fildes = self->fd,
		.aio_buf = (uintptr_t)&self->value,
		.aio_nbytes = 8,
	};

	EXPECT_EQ(-EINVAL, submit(self->ctx, &iocb));
}

TEST_F(aio, notified_of_completions)
{
	int polled = efd_new(1, 0);
	struct iocb iocb = poll_for(polled, POLLIN, 7);

	iocb.aio_flags = IOCB_FLAG_RESFD;
	iocb.aio_resfd = self->fd;
	/* A named difference: the kernel's own posts go to its own kind. */
	if (impl_is_no_native()) {
		EXPECT_EQ(-EINVAL, submit(self->ctx, &iocb));
		return;
	}
	ASSERT_EQ(1, submit(self->ctx, &iocb));
	EXPECT_TRUE(wait_for(efd_take(self->fd) == 1));
}

TEST_HARNESS_MAIN
