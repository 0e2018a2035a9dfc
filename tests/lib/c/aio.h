/* SPDX-License-Identifier: GPL-2.0 */
/* As much of the kernel's aio as the tests need. */
#ifndef EVFD_TESTS_AIO_H
#define EVFD_TESTS_AIO_H

#include "common.h"

#include <linux/aio_abi.h>

/* A new context, or 0. It ends with the process at the latest. */
static inline aio_context_t aio_open(void)
{
	aio_context_t ctx = 0;

	return syscall(SYS_io_setup, 32, &ctx) ? 0 : ctx;
}

/* Submits a request: 1, or -errno. */
static inline int aio_submit(aio_context_t ctx, struct iocb *iocb)
{
	int ret = syscall(SYS_io_submit, ctx, 1, &iocb);

	return ret < 0 ? -errno : ret;
}

/* A request to poll. */
static inline struct iocb aio_poll(int fd, unsigned int events, uint64_t data)
{
	return (struct iocb){
		.aio_lio_opcode = IOCB_CMD_POLL,
		.aio_fildes = fd,
		.aio_buf = events,
		.aio_data = data,
	};
}

/* Takes the next event, if it is there now. */
static inline bool aio_next(aio_context_t ctx, struct io_event *event)
{
	struct timespec none = { };

	return syscall(SYS_io_getevents, ctx, 0, 1, event, &none) == 1;
}

#endif /* EVFD_TESTS_AIO_H */
