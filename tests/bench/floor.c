// SPDX-License-Identifier: GPL-2.0
/* The least that an operation costs: calls of the same kind without effect. */
#include "descriptors.h"
#include "floor.h"

void rig_nothing(struct rig *rig)
{
	(void)rig;
}

void no_call(struct rig *rig, int i)
{
	(void)rig;
	(void)i;
	must(syscall(SYS_ioctl, evfd_device, EMPTY_IOCTL, NULL) < 0);
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
