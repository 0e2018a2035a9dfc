// SPDX-License-Identifier: GPL-2.0
/*
 * The system calls, implemented by evfd's ioctls.
 *
 * Invalid arguments go to the system, which reports their errors in its own order.
 * Descriptors go to the system first, too. It refuses foreign descriptors with EINVAL,
 * but only after it has read the other arguments: the pointers are valid by then.
 */
#include "preload.h"
#include "raw.h"

#include <fcntl.h>
#include <linux/evfd.h>
#include <sys/stat.h>
#include <time.h>

#ifdef __x86_64__
#define NR_SETTIME64	__NR_timerfd_settime
#define NR_GETTIME64	__NR_timerfd_gettime
#else
#define NR_SETTIME64	__NR_timerfd_settime64
#define NR_GETTIME64	__NR_timerfd_gettime64
#endif

/* The flags of the native calls; evfd has more. */
#define EVENTFD_FLAGS	(EVFD_EFD_SEMAPHORE | EVFD_EFD_CLOEXEC | EVFD_EFD_NONBLOCK)
#define TIMERFD_FLAGS	(EVFD_TFD_CLOEXEC | EVFD_TFD_NONBLOCK)
#define SETTIME_FLAGS	(EVFD_TFD_TIMER_ABSTIME | EVFD_TFD_TIMER_CANCEL_ON_SET)
#define SIGNALFD_FLAGS	(EVFD_SFD_CLOEXEC | EVFD_SFD_NONBLOCK)

/*
 * Returns whether the descriptor may be evfd's. No other file may get evfd's ioctls,
 * because their numbers may mean anything there.
 */
static bool may_be_ours(int fd)
{
	struct statx stat;

	/* Anonymous inodes have no type. */
	return !raw(__NR_statx, fd, (long)"", AT_EMPTY_PATH, STATX_TYPE, (long)&stat) &&
	       !(stat.stx_mode & S_IFMT);
}

/* Makes an ioctl on a descriptor that the system has refused. */
static long own_ioctl(int fd, unsigned long request, const void *arg)
{
	long ret = -ENOTTY;

	if (may_be_ours(fd))
		ret = raw(__NR_ioctl, fd, request, (long)arg, 0, 0);
	return ret == -ENOTTY ? -EINVAL : ret;
}

/* Counts and returns the result of make_descriptor(), or falls back to the system. */
static long made(long ret, enum made kind, long number, long a, long b, long c, long d)
{
	if (ret == FALL_BACK) {
		ret = raw(number, a, b, c, d, 0);
		kind = MADE_BY_SYSTEM;
	}
	if (ret >= 0)
		count(kind);
	return ret;
}

long call_eventfd(unsigned int count, int flags)
{
	struct evfd_eventfd arg = { .count = count, .flags = flags };
	long ret;

	if (flags & ~EVENTFD_FLAGS)
		return raw(__NR_eventfd2, count, flags, 0, 0, 0);
	ret = make_descriptor(EVFD_IOC_EVENTFD, &arg, flags & EVFD_EFD_CLOEXEC);
	return made(ret, MADE_EVENTFD, __NR_eventfd2, count, flags, 0, 0);
}

static bool system_has_timers_on(int clockid)
{
	switch (clockid) {
	case CLOCK_REALTIME:
	case CLOCK_MONOTONIC:
	case CLOCK_BOOTTIME:
	case CLOCK_REALTIME_ALARM:
	case CLOCK_BOOTTIME_ALARM:
		return true;
	}
	return false;
}

long call_timerfd_create(int clockid, int flags)
{
	struct evfd_timerfd_create arg = { .clockid = clockid, .flags = flags };
	long ret;

	if (flags & ~TIMERFD_FLAGS || !system_has_timers_on(clockid))
		return raw(__NR_timerfd_create, clockid, flags, 0, 0, 0);
	ret = make_descriptor(EVFD_IOC_TIMERFD_CREATE, &arg, flags & EVFD_TFD_CLOEXEC);
	return made(ret, MADE_TIMERFD, __NR_timerfd_create, clockid, flags, 0, 0);
}

/* The system ignores the upper half of the nanoseconds of 32-bit programs. */
static void drop_padding(struct evfd_itimerspec *value)
{
	if (sizeof(long) == 4) {
		value->it_value.tv_nsec &= UINT32_MAX;
		value->it_interval.tv_nsec &= UINT32_MAX;
	}
}

long call_timerfd_settime64(int fd, int flags, const void *new_value, void *old_value)
{
	long ret = raw(NR_SETTIME64, fd, flags, (long)new_value, (long)old_value, 0);
	struct evfd_timerfd_settime arg = {
		.flags = flags,
		.old_value = (uintptr_t)old_value,
	};

	if (ret != -EINVAL || flags & ~SETTIME_FLAGS)
		return ret;
	__builtin_memcpy(&arg.new_value, new_value, sizeof(arg.new_value));
	drop_padding(&arg.new_value);
	return own_ioctl(fd, EVFD_IOC_TIMERFD_SETTIME, &arg);
}

long call_timerfd_gettime64(int fd, void *value)
{
	long ret = raw(NR_GETTIME64, fd, (long)value, 0, 0, 0);

	if (ret != -EINVAL)
		return ret;
	return own_ioctl(fd, EVFD_IOC_TIMERFD_GETTIME, value);
}

#ifdef __i386__

struct itimerspec32 {
	struct {
		int32_t tv_sec;
		int32_t tv_nsec;
	} it_interval, it_value;
};

/*
 * Returns whether a timespec32 can be written to @to. The system tries it with a write
 * of its own, because a fault in the library would be a signal.
 */
static bool writable(void *to)
{
	return !raw(__NR_clock_gettime, CLOCK_MONOTONIC, (long)to, 0, 0, 0);
}

/* Writes to a possibly invalid address. Returns 0 or -EFAULT. */
static long put_value(struct itimerspec32 *to, const struct evfd_itimerspec *from)
{
	struct itimerspec32 value = {
		.it_interval = { from->it_interval.tv_sec, from->it_interval.tv_nsec },
		.it_value = { from->it_value.tv_sec, from->it_value.tv_nsec },
	};

	if (!writable(&to->it_value) || !writable(&to->it_interval))
		return -EFAULT;
	__builtin_memcpy(to, &value, sizeof(value));
	return 0;
}

long call_timerfd_settime32(int fd, int flags, const void *new_value, void *old_value)
{
	long ret = raw(__NR_timerfd_settime, fd, flags, (long)new_value, (long)old_value, 0);
	struct evfd_itimerspec old;
	struct evfd_timerfd_settime arg = { .flags = flags, .old_value = (uintptr_t)&old };
	struct itimerspec32 value;

	if (ret != -EINVAL || flags & ~SETTIME_FLAGS)
		return ret;
	__builtin_memcpy(&value, new_value, sizeof(value));
	arg.new_value.it_interval.tv_sec = value.it_interval.tv_sec;
	arg.new_value.it_interval.tv_nsec = value.it_interval.tv_nsec;
	arg.new_value.it_value.tv_sec = value.it_value.tv_sec;
	arg.new_value.it_value.tv_nsec = value.it_value.tv_nsec;
	ret = own_ioctl(fd, EVFD_IOC_TIMERFD_SETTIME, &arg);
	if (!ret && old_value)
		ret = put_value(old_value, &old);
	return ret;
}

long call_timerfd_gettime32(int fd, void *value)
{
	long ret = raw(__NR_timerfd_gettime, fd, (long)value, 0, 0, 0);
	struct evfd_itimerspec now;

	if (ret != -EINVAL)
		return ret;
	ret = own_ioctl(fd, EVFD_IOC_TIMERFD_GETTIME, &now);
	return ret ? ret : put_value(value, &now);
}

#endif

static long new_signalfd(const void *mask, int flags)
{
	struct evfd_signalfd arg = {
		.ufd = -1,
		.flags = flags,
		.mask = (uintptr_t)mask,
		.sizemask = SIGSET_SIZE,
	};
	long ret = make_descriptor(EVFD_IOC_SIGNALFD, &arg, flags & EVFD_SFD_CLOEXEC);

	/* The mask may be unread if opening failed. The system reads it before the flags. */
	if ((ret == -EMFILE || ret == -ENFILE) &&
	    raw(__NR_signalfd4, -1, (long)mask, SIGSET_SIZE, ~0, 0) == -EFAULT)
		return -EFAULT;
	return made(ret, MADE_SIGNALFD, __NR_signalfd4, -1, (long)mask, SIGSET_SIZE, flags);
}

long call_signalfd(int fd, const void *mask, size_t size, int flags)
{
	long ret;

	if (fd == -1 && size == SIGSET_SIZE && !(flags & ~SIGNALFD_FLAGS))
		return new_signalfd(mask, flags);
	ret = raw(__NR_signalfd4, fd, (long)mask, size, flags, 0);
	if (ret != -EINVAL || size != SIGSET_SIZE || flags & ~SIGNALFD_FLAGS)
		return ret;
	ret = own_ioctl(fd, EVFD_IOC_SIGNALFD_SETMASK, mask);
	return ret ? ret : fd;
}
