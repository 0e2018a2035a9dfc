// SPDX-License-Identifier: GPL-2.0
/*
 * The kernel's aio: IOCB_CMD_POLL, above all.
 */
#include "aio.h"
#include "any.h"

FIXTURE(kind)
{
	const struct kind *kind;
	int fd;
};

FIXTURE_SETUP(kind)
{
	self->kind = kind_of(_metadata);
	self->fd = self->kind->make(O_NONBLOCK);
	ASSERT_GE(self->fd, 0);
}

FIXTURE_TEARDOWN(kind)
{
	close(self->fd);
}

KIND_VARIANTS(kind, kind_is_main, "");

/* After a wake-up, aio polls in a kernel thread, for which no signal is pending. */
FIXTURE(own)
{
	const struct kind *kind;
	int fd;
};

FIXTURE_SETUP(own)
{
	self->kind = kind_of(_metadata);
	self->fd = self->kind->make(O_NONBLOCK);
	ASSERT_GE(self->fd, 0);
}

FIXTURE_TEARDOWN(own)
{
	close(self->fd);
}

KIND_VARIANTS(own, kind_is_main_and_own, "");

TEST_F(kind, poll_ready)
{
	struct iocb iocb = aio_poll(self->fd, POLLIN | POLLOUT, 1);
	aio_context_t ctx = aio_open();
	struct io_event event;

	ASSERT_TRUE(any_fill(self->kind, self->fd, 1));
	ASSERT_EQ(1, aio_submit(ctx, &iocb));
	ASSERT_TRUE(aio_next(ctx, &event));
	EXPECT_EQ(POLLIN | self->kind->idle, event.res);
	EXPECT_EQ(1, event.data);
	EXPECT_TRUE(any_gives(self->kind, self->fd, 1));
	/* Now only if it can be written. */
	ASSERT_EQ(1, aio_submit(ctx, &iocb));
	EXPECT_EQ(!!self->kind->idle, aio_next(ctx, &event));
	if (self->kind->idle)
		EXPECT_EQ(self->kind->idle, event.res);
}

TEST_F(own, poll_waits)
{
	struct iocb iocb = aio_poll(self->fd, POLLIN, 2);
	aio_context_t ctx = aio_open();
	struct io_event event;

	ASSERT_EQ(1, aio_submit(ctx, &iocb));
	EXPECT_FALSE(aio_next(ctx, &event));
	ASSERT_TRUE(any_post(self->kind, self->fd, 1));
	ASSERT_TRUE(wait_for(aio_next(ctx, &event)));
	EXPECT_EQ(POLLIN, event.res);
	EXPECT_EQ(2, event.data);
	/* It is for one event. */
	ASSERT_TRUE(any_fill(self->kind, self->fd, 2));
	EXPECT_FALSE(aio_next(ctx, &event));
	EXPECT_TRUE(any_gives_all(self->kind, self->fd, 1, 2));
}

TEST_F(own, many_polls_are_all_told)
{
	enum { N = 16 };
	aio_context_t ctx = aio_open();
	struct io_event event;
	struct iocb iocbs[N];
	unsigned int told = 0;

	for (int i = 0; i < N; i++) {
		iocbs[i] = aio_poll(self->fd, POLLIN, i);
		ASSERT_EQ(1, aio_submit(ctx, &iocbs[i]));
	}
	ASSERT_TRUE(any_post(self->kind, self->fd, 1));
	for (int i = 0; i < N; i++) {
		ASSERT_TRUE(wait_for(aio_next(ctx, &event)));
		EXPECT_EQ(POLLIN, event.res);
		told |= 1u << event.data;
	}
	EXPECT_EQ(0xffff, told);
}

TEST_F(kind, poll_cancelled)
{
	struct iocb iocb = aio_poll(self->fd, POLLIN, 4);
	aio_context_t ctx = aio_open();
	struct io_event event;
	int ret;

	ASSERT_EQ(1, aio_submit(ctx, &iocb));
	ret = syscall(SYS_io_cancel, ctx, &iocb, &event);
	EXPECT_EQ(-1, ret);
	EXPECT_EQ(EINPROGRESS, errno);
	ASSERT_TRUE(wait_for(aio_next(ctx, &event)));
	EXPECT_EQ(4, event.data);
	EXPECT_EQ(0, event.res);
	ASSERT_TRUE(any_fill(self->kind, self->fd, 1));
	EXPECT_FALSE(aio_next(ctx, &event));
}

TEST_F(kind, context_destroyed_while_polling)
{
	struct iocb iocb = aio_poll(self->fd, POLLIN, 5);
	aio_context_t ctx = aio_open();

	ASSERT_EQ(1, aio_submit(ctx, &iocb));
	ASSERT_EQ(0, syscall(SYS_io_destroy, ctx));
	EXPECT_TRUE(any_fill(self->kind, self->fd, 1));
	EXPECT_TRUE(any_gives(self->kind, self->fd, 1));
}

TEST_F(own, closed_while_polling)
{
	struct iocb iocb = aio_poll(self->fd, POLLIN, 6);
	aio_context_t ctx = aio_open();
	int other = dup(self->fd);
	struct io_event event;

	ASSERT_EQ(1, aio_submit(ctx, &iocb));
	ASSERT_EQ(0, close(self->fd));
	EXPECT_FALSE(aio_next(ctx, &event));
	ASSERT_TRUE(any_post(self->kind, other, 1));
	ASSERT_TRUE(wait_for(aio_next(ctx, &event)));
	EXPECT_EQ(POLLIN, event.res);
}

TEST_F(kind, read)
{
	union thing seen[2];
	struct iocb iocb = {
		.aio_lio_opcode = IOCB_CMD_PREAD,
		.aio_fildes = self->fd,
		.aio_buf = (uintptr_t)seen,
	};
	aio_context_t ctx = aio_open();
	struct io_event event;

	/* Of as much as a read returns, and of more. */
	for (int times = 1; times <= 2; times++) {
		iocb.aio_nbytes = times * self->kind->size;
		ASSERT_TRUE(any_fill(self->kind, self->fd, 12));
		ASSERT_EQ(1, aio_submit(ctx, &iocb));
		ASSERT_TRUE(wait_for(aio_next(ctx, &event)));
		EXPECT_TRUE(any_is(self->kind, event.res, seen, 12));
	}
	ASSERT_EQ(1, aio_submit(ctx, &iocb));
	ASSERT_TRUE(wait_for(aio_next(ctx, &event)));
	EXPECT_EQ(-EAGAIN, event.res);
}

TEST_F(kind, write_is_refused)
{
	uint64_t value = 1;
	struct iocb iocb = {
		.aio_lio_opcode = IOCB_CMD_PWRITE,
		.aio_fildes = self->fd,
		.aio_buf = (uintptr_t)&value,
		.aio_nbytes = 8,
	};

	EXPECT_EQ(-EINVAL, aio_submit(aio_open(), &iocb));
	EXPECT_TRUE(any_is_empty(self->kind, self->fd));
}

TEST_HARNESS_MAIN
