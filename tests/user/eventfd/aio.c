// SPDX-License-Identifier: GPL-2.0
/*
 * The kernel's aio: polls for room in the counter, and the eventfd of a request.
 */
#include "aio.h"

FIXTURE(aio)
{
	aio_context_t ctx;
	struct io_event event;
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

TEST_F(aio, poll_of_a_full_counter)
{
	struct iocb iocb = aio_poll(self->fd, POLLIN | POLLOUT, 1);

	ASSERT_EQ(8, efd_add(self->fd, EFD_COUNT_MAX));
	ASSERT_EQ(1, aio_submit(self->ctx, &iocb));
	ASSERT_TRUE(aio_next(self->ctx, &self->event));
	EXPECT_EQ(POLLIN, self->event.res);
	EXPECT_EQ(1, self->event.data);
}

TEST_F(aio, poll_for_room)
{
	struct iocb iocb = aio_poll(self->fd, POLLOUT, 3);

	ASSERT_EQ(8, efd_add(self->fd, EFD_COUNT_MAX));
	ASSERT_EQ(1, aio_submit(self->ctx, &iocb));
	EXPECT_FALSE(aio_next(self->ctx, &self->event));
	EXPECT_EQ((int64_t)EFD_COUNT_MAX, efd_take(self->fd));
	ASSERT_TRUE(wait_for(aio_next(self->ctx, &self->event)));
	EXPECT_EQ(POLLOUT, self->event.res);
}

TEST_F(aio, notified_of_completions)
{
	int polled = efd_new(1, 0);
	struct iocb iocb = aio_poll(polled, POLLIN, 7);

	iocb.aio_flags = IOCB_FLAG_RESFD;
	iocb.aio_resfd = self->fd;
	/* A documented difference: the kernel posts to its own eventfds only. */
	if (impl_is_no_native()) {
		EXPECT_EQ(-EINVAL, aio_submit(self->ctx, &iocb));
		return;
	}
	ASSERT_EQ(1, aio_submit(self->ctx, &iocb));
	EXPECT_TRUE(wait_for(efd_take(self->fd) == 1));
}

TEST_HARNESS_MAIN
