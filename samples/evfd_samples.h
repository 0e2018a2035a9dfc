/* SPDX-License-Identifier: GPL-2.0 WITH Linux-syscall-note */
/*
 * What the sample modules offer to programs: a misc device each, and an ioctl
 * that takes an event descriptor to post to. Closing the device ends it.
 */
#ifndef EVFD_SAMPLES_H
#define EVFD_SAMPLES_H

#include <linux/ioctl.h>
#include <linux/types.h>

#define EVFD_SAMPLES_IOC_MAGIC		0xEE

#define EVFD_SHRINKER_DEVICE_NAME	"evfd_shrinker"

/*
 * Post 1 to the event descriptor that the argument points to whenever the
 * kernel is looking for memory to reclaim.
 *
 * EBADF, EINVAL: not an open event descriptor made by evfd
 * EBUSY: the device was given a descriptor before
 */
#define EVFD_SHRINKER_IOC_WATCH		_IOW(EVFD_SAMPLES_IOC_MAGIC, 0x00, __s32)

#define EVFD_TIMER_DEVICE_NAME		"evfd_timer"

/**
 * struct evfd_timer_start - argument of %EVFD_TIMER_IOC_START
 * @fd: event descriptor to post to
 * @period_ms: milliseconds between two ticks, at least 1
 */
struct evfd_timer_start {
	__s32 fd;
	__u32 period_ms;
};

/*
 * Post 1 for each period that has passed.
 *
 * EBADF, EINVAL: not an open event descriptor made by evfd
 * EBUSY: the device's timer runs already
 * EINVAL: the period is 0
 */
#define EVFD_TIMER_IOC_START		_IOW(EVFD_SAMPLES_IOC_MAGIC, 0x10, struct evfd_timer_start)

#endif /* EVFD_SAMPLES_H */
