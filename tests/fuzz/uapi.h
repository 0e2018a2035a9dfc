/* SPDX-License-Identifier: GPL-2.0 */
/* The input of bindgen in build.rs: the ioctls of evfd, queues and evfd_post_test. */
#ifndef EVFD_TESTS_FUZZ_UAPI_H
#define EVFD_TESTS_FUZZ_UAPI_H

#include "../../include/uapi/linux/evfd.h"
#include "../../include/uapi/linux/kevent.h"
#include "../kmod/post_test.h"

#include <linux/timerfd.h>
#include <sys/ioctl.h>

/* Numbers that are expressions, which bindgen does not evaluate by itself. */
enum command {
	EVENTFD = EVFD_IOC_EVENTFD,
	TIMERFD_CREATE = EVFD_IOC_TIMERFD_CREATE,
	TIMERFD = EVFD_IOC_TIMERFD,
	TIMERFD_SETTIME = EVFD_IOC_TIMERFD_SETTIME,
	TIMERFD_GETTIME = EVFD_IOC_TIMERFD_GETTIME,
	SET_TICKS = TFD_IOC_SET_TICKS,
	SIGNALFD = EVFD_IOC_SIGNALFD,
	SIGNALFD_SETMASK = EVFD_IOC_SIGNALFD_SETMASK,
	EVENTFS_SIGNAL = EVFD_IOC_EVENTFS_SIGNAL,
	/* These do not exist. */
	UNKNOWN_OF_EVENTFD = _IOW(EVFD_IOC_MAGIC, 0x7f, struct evfd_eventfd),
	SMALL_EVENTFD = _IOW(EVFD_IOC_MAGIC, 0x00, __u32),
	SMALL_SETTIME = _IOW(EVFD_IOC_MAGIC, 0x12, __u64),

	POST = POST_TEST_POST,
	RUN = POST_TEST_RUN,
	HOLD = POST_TEST_HOLD,
	HOLD_FILE = POST_TEST_HOLD_FILE,
	HELD_POST = POST_TEST_HELD_POST,
	HELD_READ = POST_TEST_HELD_READ,
	RELEASE = POST_TEST_RELEASE,
	HOOK = POST_TEST_HOOK,
	UNHOOK = POST_TEST_UNHOOK,

	QUEUE_SETUP = KEVENT_IOC_SETUP,
	QUEUE_SUBMIT = KEVENT_IOC_SUBMIT,
	QUEUE_CTL = KEVENT_IOC_CTL,
	QUEUE_GET_EVENTS = KEVENT_IOC_GET_EVENTS,
};

#endif /* EVFD_TESTS_FUZZ_UAPI_H */
