// SPDX-License-Identifier: GPL-2.0
/*
 * The names of the C library that programs call. The definitions in this library take
 * precedence.
 */
#include "preload.h"

#include <asm/unistd.h>

#define INTERPOSED	__attribute__((visibility("default")))

struct itimerspec;

/* Called by syscall-*.S. */
long evfd_preload_result(long ret);
long evfd_preload_syscall(long number, long a, long b, long c, long d);

INTERPOSED int eventfd(unsigned int count, int flags);
INTERPOSED int timerfd_create(int clockid, int flags);
INTERPOSED int timerfd_settime(int fd, int flags, const struct itimerspec *new_value,
			       struct itimerspec *old_value);
INTERPOSED int timerfd_gettime(int fd, struct itimerspec *value);
INTERPOSED int signalfd(int fd, const void *mask, int flags);

/* Turns the kernel's result into that of a C library function, and sets errno. */
long evfd_preload_result(long ret)
{
	/* Not a cast to unsigned int: the kernel's errors end at 4095. */
	if (ret < 0 && ret >= -4095) {
		errno = -ret;
		return -1;
	}
	return ret;
}

int eventfd(unsigned int count, int flags)
{
	return evfd_preload_result(call_eventfd(count, flags));
}

int timerfd_create(int clockid, int flags)
{
	return evfd_preload_result(call_timerfd_create(clockid, flags));
}

int signalfd(int fd, const void *mask, int flags)
{
	return evfd_preload_result(call_signalfd(fd, mask, SIGSET_SIZE, flags));
}

#ifdef __x86_64__

int timerfd_settime(int fd, int flags, const struct itimerspec *new_value,
		    struct itimerspec *old_value)
{
	return evfd_preload_result(call_timerfd_settime64(fd, flags, new_value, old_value));
}

int timerfd_gettime(int fd, struct itimerspec *value)
{
	return evfd_preload_result(call_timerfd_gettime64(fd, value));
}

#else

int timerfd_settime(int fd, int flags, const struct itimerspec *new_value,
		    struct itimerspec *old_value)
{
	return evfd_preload_result(call_timerfd_settime32(fd, flags, new_value, old_value));
}

int timerfd_gettime(int fd, struct itimerspec *value)
{
	return evfd_preload_result(call_timerfd_gettime32(fd, value));
}

/* Called by programs built with _TIME_BITS=64. */
INTERPOSED int __timerfd_settime64(int fd, int flags, const void *new_value, void *old_value);
INTERPOSED int __timerfd_gettime64(int fd, void *value);

int __timerfd_settime64(int fd, int flags, const void *new_value, void *old_value)
{
	return evfd_preload_result(call_timerfd_settime64(fd, flags, new_value, old_value));
}

int __timerfd_gettime64(int fd, void *value)
{
	return evfd_preload_result(call_timerfd_gettime64(fd, value));
}

#endif

static long dispatch(long number, long a, long b, long c, long d)
{
	/* Like the system, look only at the lower 32 bits. */
	switch ((int)number) {
	case __NR_eventfd:
		return call_eventfd(a, 0);
	case __NR_eventfd2:
		return call_eventfd(a, b);
	case __NR_timerfd_create:
		return call_timerfd_create(a, b);
	case __NR_signalfd:
		return call_signalfd(a, (const void *)b, c, 0);
	case __NR_signalfd4:
		return call_signalfd(a, (const void *)b, c, d);
#ifdef __x86_64__
	case __NR_timerfd_settime:
		return call_timerfd_settime64(a, b, (const void *)c, (void *)d);
	case __NR_timerfd_gettime:
		return call_timerfd_gettime64(a, (void *)b);
#else
	case __NR_timerfd_settime:
		return call_timerfd_settime32(a, b, (const void *)c, (void *)d);
	case __NR_timerfd_gettime:
		return call_timerfd_gettime32(a, (void *)b);
	case __NR_timerfd_settime64:
		return call_timerfd_settime64(a, b, (const void *)c, (void *)d);
	case __NR_timerfd_gettime64:
		return call_timerfd_gettime64(a, (void *)b);
#endif
	}
	/* syscall-*.S passes no other number. */
	return -EINVAL;
}

long evfd_preload_syscall(long number, long a, long b, long c, long d)
{
	return evfd_preload_result(dispatch(number, a, b, c, d));
}
