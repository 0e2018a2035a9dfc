// SPDX-License-Identifier: GPL-2.0
/* The least that an operation costs: calls of the same kind without effect. */
#include "descriptors.h"
#include "floor.h"

#include <poll.h>
#include <sys/uio.h>

void rig_nothing(struct rig *rig)
{
	(void)rig;
}

void no_work(struct rig *rig, int i)
{
	(void)rig;
	(void)i;
}

void no_call(struct rig *rig, int i)
{
	(void)rig;
	(void)i;
	must(syscall(SYS_ioctl, evfd_device, EMPTY_IOCTL, NULL) < 0);
}

void no_system_call(struct rig *rig, int i)
{
	(void)rig;
	(void)i;
	must(syscall(SYS_getppid) >= 0);
}

void no_create(struct rig *rig, int i)
{
	(void)rig;
	(void)i;
	must(!syscall(SYS_close, syscall(SYS_dup, null_device)));
}

void read_null(struct rig *rig, int i)
{
	(void)i;
	must(take(rig->in) == 0);
}

static long poll_in(struct rig *rig, int timeout)
{
	struct pollfd pfd = { .fd = rig->in, .events = POLLIN };

	return syscall(SYS_poll, &pfd, 1, timeout);
}

void poll_idle(struct rig *rig, int i)
{
	(void)i;
	must(poll_in(rig, 0) == (rig->variant == FLOOR));
}

void poll_ready(struct rig *rig, int i)
{
	(void)i;
	must(poll_in(rig, 0) == 1);
}

void poll_may_wait(struct rig *rig, int i)
{
	(void)i;
	must(poll_in(rig, -1) == 1);
}

static long take_by_vector(int fd)
{
	uint64_t value;
	struct iovec iov = { &value, sizeof(value) };

	return syscall(SYS_readv, fd, &iov, 1);
}

void readv_null(struct rig *rig, int i)
{
	(void)rig;
	(void)i;
	must(take_by_vector(null_device) == 0);
}

void readv_many(struct rig *rig, int i)
{
	must(take_by_vector(rig->many[i]) == 8);
}
