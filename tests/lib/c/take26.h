/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The calls of 2006 on queues of /dev/kevent: single kevents, expected events, and
 * waiting threads.
 */
#ifndef EVFD_TESTS_TAKE26_H
#define EVFD_TESTS_TAKE26_H

#include "common.h"

#include <fcntl.h>
#include <linux/kevent.h>
#include <sys/ioctl.h>

#define KEVENT_DEVICE	"/dev/" KEVENT_DEVICE_NAME

/* A time limit that passes in a test, and a limit that does not. */
#define SOON_NS		(20 * INT64_C(1000000))
#define DEADLINE_NS	(DEADLINE_MS * INT64_C(1000000))

static inline int take26_open(void)
{
	return open(KEVENT_DEVICE, O_RDWR | O_CLOEXEC);
}

/* kevent_ctl() with flags of this call's own: its result, or -errno. */
static inline int take26_ctl_flags(int fd, int cmd, int num, struct ukevent *arg, int flags)
{
	struct kevent_ioc_ctl ctl = {
		.cmd = cmd,
		.num = num,
		.ukevents = (uintptr_t)arg,
		.flags = flags,
	};
	int ret = ioctl(fd, KEVENT_IOC_CTL, &ctl);

	return ret < 0 ? -errno : ret;
}

static inline int take26_ctl(int fd, int cmd, int num, struct ukevent *arg)
{
	return take26_ctl_flags(fd, cmd, num, arg, 0);
}

static inline struct kevent_ioc_get_events take26_get(unsigned int min, unsigned int max,
						      int64_t timeout, struct ukevent *buf)
{
	return (struct kevent_ioc_get_events){
		.min_nr = min,
		.max_nr = max,
		.buf = (uintptr_t)buf,
		.timeout = timeout,
		.clock = CLOCK_MONOTONIC,
	};
}

/* kevent_get_events(): its result, or -errno. */
static inline int take26_get_events(int fd, unsigned int min, unsigned int max, int64_t timeout,
				    struct ukevent *buf)
{
	struct kevent_ioc_get_events get = take26_get(min, max, timeout, buf);
	int ret = ioctl(fd, KEVENT_IOC_GET_EVENTS, &get);

	return ret < 0 ? -errno : ret;
}

static inline struct ukevent take26_kevent(int type, uint64_t id, uint32_t user, uint32_t event,
					   uint32_t flags)
{
	struct ukevent uk = {
		.type = type,
		.event = event,
		.req_flags = flags,
		.user = { user },
		/* What a command before has left. */
		.ret_flags = ~0U,
		.ret_data = { ~0U, ~0U },
	};

	uk.id.raw_u64 = id;
	return uk;
}

/* A command for one kevent: 0 without an error, a negative errno, or 1 for an event. */
static inline int take26_do(int fd, int cmd, struct ukevent *uk)
{
	int ret = take26_ctl(fd, cmd, 1, uk);

	if (ret != 1)
		return ret < 0 ? ret : -EIO;
	if (uk->ret_flags & KEVENT_RET_BROKEN)
		return uk->ret_data[0] ? -EIO : (int)uk->ret_data[1];
	if (uk->ret_data[1])
		return -EIO;
	return cmd == KEVENT_CTL_ADD ? uk->ret_flags == KEVENT_RET_DONE :
				       uk->ret_flags == KEVENT_RET_DONE ? 0 : -EIO;
}

static inline int take26_add(int fd, int type, uint64_t id, uint32_t user, uint32_t event,
			     uint32_t flags)
{
	struct ukevent uk = take26_kevent(type, id, user, event, flags);

	return take26_do(fd, KEVENT_CTL_ADD, &uk);
}

static inline int take26_modify(int fd, int type, uint64_t id, uint32_t user, uint32_t event,
				uint32_t flags)
{
	struct ukevent uk = take26_kevent(type, id, user, event, flags);

	return take26_do(fd, KEVENT_CTL_MODIFY, &uk);
}

static inline int take26_remove(int fd, int type, uint64_t id, uint32_t user)
{
	struct ukevent uk = take26_kevent(type, id, user, 0, 0);

	return take26_do(fd, KEVENT_CTL_REMOVE, &uk);
}

static inline int take26_ready(int fd, uint64_t id, uint32_t user, uint32_t event)
{
	struct ukevent uk = take26_kevent(KEVENT_USER, id, user, event, 0);

	return take26_do(fd, KEVENT_CTL_READY, &uk);
}

/* The id of a timer. */
static inline uint64_t take26_period(uint32_t seconds, uint32_t ns)
{
	struct kevent_id id = { .raw = { seconds, ns } };

	return id.raw_u64;
}

/* Whether this is the event of a kevent other than a timer. */
static inline bool take26_is(const struct ukevent *uk, uint32_t user, uint32_t events)
{
	if (uk->user[0] == user && uk->ret_data[0] == events && !uk->ret_data[1] &&
	    uk->ret_flags == KEVENT_RET_DONE)
		return true;
	fprintf(stderr, "# events %#x of %u with %#x, instead of %#x of %u\n", uk->ret_data[0],
		uk->user[0], uk->ret_flags, events, user);
	return false;
}

/* Whether this is the only event now. */
static inline bool take26_gives(int fd, uint32_t user, uint32_t events)
{
	struct ukevent uk[2];
	int n = take26_get_events(fd, 1, 2, 0, uk);

	if (n == 1)
		return take26_is(uk, user, events);
	fprintf(stderr, "# %d events\n", n);
	return false;
}

/* Whether there is no event now. */
static inline bool take26_is_empty(int fd)
{
	struct ukevent uk;
	int n = take26_get_events(fd, 1, 1, 0, &uk);

	if (n == 1)
		fprintf(stderr, "# events %#x of %u\n", uk.ret_data[0], uk.user[0]);
	return n == 0;
}

/* A thread that gets events. The structure stays in place until the thread has ended. */
struct getter {
	struct call call;
	struct kevent_ioc_get_events get;
	struct ukevent buf[8];
};

/* Starts a thread, and waits until it sleeps. */
static inline bool getter_sleeps(struct getter *getter, int fd, int min, int max, int64_t timeout)
{
	getter->get = take26_get(min, max, timeout, getter->buf);
	getter->call = (struct call){
		.make = call_ioctl,
		.fd = fd,
		.value = KEVENT_IOC_GET_EVENTS,
		.buf = &getter->get,
	};
	return call_start_blocked(&getter->call);
}

/* Waits until the thread has returned: the result of its call, or -errno. */
static inline int getter_returns(struct getter *getter)
{
	if (!call_ends(&getter->call))
		return -ETIMEDOUT;
	return getter->call.ret < 0 ? -getter->call.err : getter->call.ret;
}

#endif /* EVFD_TESTS_TAKE26_H */
