/* SPDX-License-Identifier: GPL-2.0 WITH Linux-syscall-note */
/*
 * The interface of the sample modules, each of which has a misc device. Those with an
 * ioctl take an event descriptor, and post to it until the device is closed.
 */
#ifndef EVFD_SAMPLES_H
#define EVFD_SAMPLES_H

#include <linux/ioctl.h>
#include <linux/types.h>

#define EVFD_SAMPLES_IOC_MAGIC		0xEE

#define EVFD_SHRINKER_DEVICE_NAME	"evfd_shrinker"

/*
 * Post 1 whenever the kernel looks for memory to reclaim. The argument points to
 * the event descriptor.
 *
 * EBADF, EINVAL: not an open event descriptor made by evfd
 * EBUSY: the device already has a descriptor
 */
#define EVFD_SHRINKER_IOC_WATCH		_IOW(EVFD_SAMPLES_IOC_MAGIC, 0x00, __s32)

#define EVFD_TIMER_DEVICE_NAME		"evfd_timer"

/**
 * struct evfd_timer_start - argument of %EVFD_TIMER_IOC_START
 * @fd: event descriptor to post to, or -1
 * @period_ms: period of the ticks in milliseconds, at least 1
 */
struct evfd_timer_start {
	__s32 fd;
	__u32 period_ms;
};

/*
 * Post 1 for each period that has passed.
 *
 * EBADF, EINVAL: not an open event descriptor made by evfd
 * EBUSY: the device's timer is already running
 * EINVAL: the period is 0
 */
#define EVFD_TIMER_IOC_START		_IOW(EVFD_SAMPLES_IOC_MAGIC, 0x10, struct evfd_timer_start)

/*
 * The event of a KEVENT_PRODUCER with a descriptor of this device: ticks. The slot's data
 * counts them.
 *
 * EINVAL: another event, or an argument
 */
#define EVFD_TIMER_TICK			0x1

#define KEVENT_PRESSURE_DEVICE_NAME	"kevent_pressure"

/*
 * The event of a KEVENT_PRODUCER with a descriptor of this device: the kernel looks for
 * memory to reclaim. The slot's data counts how often.
 *
 * EINVAL: another event, or an argument
 */
#define KEVENT_PRESSURE_RECLAIM		0x1

#endif /* EVFD_SAMPLES_H */
