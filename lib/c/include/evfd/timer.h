/* SPDX-License-Identifier: MIT */
/*
 * The timers of timer descriptors in memory: reading ticks, asking for the time left, and
 * putting a timer off, without a system call.
 *
 * An arena holds many timers. A timer also has a descriptor, which works like any timer
 * descriptor: for settings, for poll(2), epoll(7), io_uring and blocking reads, and for
 * processes without the mapping. Both use the same timer. The kernel arms its own timer only
 * while somebody waits.
 *
 * While a timer is on a clock that can be set, with an absolute time or with
 * EVFD_TFD_TIMER_CANCEL_ON_SET, it is not in memory. The functions then make the calls. Nor is
 * it there in a time namespace of its own. A process in another time namespace than the process
 * that set the timer must use the calls.
 *
 * The functions here never block. To wait, use the descriptor.
 *
 * Every function here is inline, so a program links to no library.
 */
#ifndef EVFD_TIMER_H
#define EVFD_TIMER_H

#include <errno.h>
#include <fcntl.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/epoll.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

#include <linux/evfd.h>

#ifdef __cplusplus
extern "C" {
#endif

/* 32-bit x86 aligns __s64 to 4 bytes only, but atomic accesses need 8. */
typedef __s64 __attribute__((aligned(8))) evfd_s64;

/**
 * struct evfd_timer_ref - a timer of this process
 * @timer: the timer, in the mapping of the arena
 * @fd: the descriptor that is bound to it
 */
struct evfd_timer_ref {
	struct evfd_timer *timer;
	int fd;
};

/* Arenas */

/**
 * evfd_timer_arena_open() - make an arena of timers
 * @dev: open /dev/evfd
 * @timers: number of timers, 1 to EVFD_ARENA_MAX
 *
 * Return: a descriptor that execve(2) closes, or -1 and errno: see ioctl_evfd_timer_arena(2).
 */
static inline int evfd_timer_arena_open(int dev, __u32 timers)
{
	struct evfd_arena args;

	args.entries = timers;
	args.flags = EVFD_ARENA_CLOEXEC;
	return ioctl(dev, EVFD_IOC_TIMER_ARENA, &args);
}

/**
 * evfd_timer_arena_map() - map an arena of timers
 * @arena: descriptor of the arena; may be closed afterwards
 * @timers: number of timers to map, from the first one
 *
 * Return: the timers, to be unmapped with munmap(2), or NULL and errno: see mmap(2).
 */
static inline struct evfd_timer *evfd_timer_arena_map(int arena, __u32 timers)
{
	void *map = mmap(NULL, timers * sizeof(struct evfd_timer), PROT_READ | PROT_WRITE,
			 MAP_SHARED, arena, 0);

	return map == MAP_FAILED ? NULL : (struct evfd_timer *)map;
}

/**
 * evfd_timer_open() - make a timer descriptor whose timer is in an arena
 * @t: the timer, set by this function
 * @dev: open /dev/evfd
 * @arena: descriptor of the arena
 * @timers: mapping of the arena
 * @timer: index of the timer
 * @clockid: CLOCK_MONOTONIC, CLOCK_REALTIME, CLOCK_BOOTTIME or CLOCK_TAI
 * @flags: EVFD_TFD_CLOEXEC, EVFD_TFD_NONBLOCK
 *
 * Return: 0, or -1 and errno: see ioctl_evfd_timer_arena(2). close(2) of @t->fd ends the timer.
 */
static inline int evfd_timer_open(struct evfd_timer_ref *t, int dev, int arena,
				  struct evfd_timer *timers, __u32 timer, int clockid,
				  __u32 flags)
{
	struct evfd_timer_bind args;
	int fd;

	args.arena = arena;
	args.timer = timer;
	args.clockid = clockid;
	args.flags = flags;
	fd = ioctl(dev, EVFD_IOC_TIMER_BIND, &args);
	if (fd < 0)
		return -1;
	t->timer = timers + timer;
	t->fd = fd;
	return 0;
}

/* The timer. Any thread of any process with the mapping may call these at any time. */

static inline evfd_s64 *evfd_next_(const struct evfd_timer_ref *t)
{
	return (evfd_s64 *)__builtin_assume_aligned(&t->timer->next, 8);
}

static inline int evfd_timer_clock_(const struct evfd_timer *timer)
{
	return __atomic_load_n(&timer->clockid, __ATOMIC_RELAXED);
}

/* The time on a clock, or -1 if there is no such clock. */
static inline __s64 evfd_timer_time_(int clockid)
{
	struct timespec now;

	if (__builtin_expect(clock_gettime(clockid, &now), 0))
		return -1;
	return (__s64)now.tv_sec * 1000000000 + now.tv_nsec;
}

/*
 * Whether the kernel looks at the timer later than at the new time, which was set by a fully
 * ordered exchange. Also true if the timer is not in memory. The order of the exchange and
 * this load is what no wake-up is lost by.
 */
static inline int evfd_timer_is_early_(struct evfd_timer *timer, __s64 next)
{
	evfd_s64 *look = (evfd_s64 *)__builtin_assume_aligned(&timer->look, 8);

	return __builtin_expect(__atomic_load_n(look, __ATOMIC_SEQ_CST) >= next, 0);
}

/*
 * Kicks. The timer has changed already, and stays so if the kick fails.
 *
 * Return: 0, or -1 if the timer is not in memory.
 */
static __attribute__((cold, noinline, unused)) int evfd_timer_kick_(const struct evfd_timer_ref *t)
{
	int err = errno;

	if (evfd_timer_clock_(t->timer) < 0)
		return -1;
	ioctl(t->fd, EVFD_IOC_KICK, (unsigned long)EPOLLIN);
	errno = err;
	return 0;
}

/**
 * evfd_timer_now() - the current time on the clock of a timer in memory
 * @t: the timer
 *
 * Return: nanoseconds, or -1 if the timer is not in memory.
 */
static inline __s64 evfd_timer_now(const struct evfd_timer_ref *t)
{
	return evfd_timer_time_(evfd_timer_clock_(t->timer));
}

/**
 * evfd_timer_put_off() - set another time for the next expiration
 * @t: the timer
 * @next: time in nanoseconds, not 0, on the clock of evfd_timer_now()
 *
 * Like a setting with an absolute time that keeps the interval. Ticks that no read has taken
 * are lost.
 *
 * Return: 0, or -1 and EOPNOTSUPP if the timer is not in memory.
 */
static inline int evfd_timer_put_off(const struct evfd_timer_ref *t, __s64 next)
{
	struct evfd_timer *timer = t->timer;

	__atomic_exchange_n(evfd_next_(t), next, __ATOMIC_SEQ_CST);
	if (evfd_timer_is_early_(timer, next) && evfd_timer_kick_(t)) {
		errno = EOPNOTSUPP;
		return -1;
	}
	return 0;
}

static inline int evfd_timer_read_call_(const struct evfd_timer_ref *t, __u64 *ticks)
{
	struct iovec iov;

	iov.iov_base = ticks;
	iov.iov_len = sizeof(*ticks);
	/* RWF_NOWAIT. <sys/uio.h> has it, and preadv2(), only with _GNU_SOURCE. */
	return syscall(SYS_preadv2, t->fd, &iov, 1, -1L, -1L, 0x8) < 0 ? -1 : 0;
}

/**
 * evfd_timer_read() - take the ticks
 * @t: the timer
 * @ticks: set to the number of expirations since the last read or setting
 *
 * Return: 0, or -1 and errno: EAGAIN if there is no tick; @ticks stays then. If the timer is
 * not in memory, the errors are those of read(2).
 */
static inline int evfd_timer_read(const struct evfd_timer_ref *t, __u64 *ticks)
{
	struct evfd_timer *timer = t->timer;
	evfd_s64 *word = evfd_next_(t);
	__s64 next, after, interval;
	__u64 n;

	do {
		__s64 now;
		int clockid;

		next = __atomic_load_n(word, __ATOMIC_ACQUIRE);
		clockid = evfd_timer_clock_(timer);
		if (__builtin_expect(next < 0 || clockid < 0, 0))
			return evfd_timer_read_call_(t, ticks);
		now = next ? evfd_timer_time_(clockid) : -1;
		if (now < next) {
			errno = EAGAIN;
			return -1;
		}
		interval = __atomic_load_n(&timer->interval, __ATOMIC_RELAXED);
		n = 1;
		after = 0;
		if (interval > 0) {
			n += (__u64)(now - next) / (__u64)interval;
			if (__builtin_mul_overflow((__s64)n, interval, &after) ||
			    __builtin_add_overflow(next, after, &after))
				after = INT64_MAX;
		}
	} while (__builtin_expect(!__atomic_compare_exchange_n(word, &next, after, 0,
							       __ATOMIC_SEQ_CST,
							       __ATOMIC_RELAXED), 0));
	*ticks = n;
	if (after && evfd_timer_is_early_(timer, after))
		evfd_timer_kick_(t);
	return 0;
}

static inline struct evfd_timespec evfd_timespec_(__s64 ns)
{
	struct evfd_timespec ts;

	ts.tv_sec = ns / 1000000000;
	ts.tv_nsec = ns % 1000000000;
	return ts;
}

/**
 * evfd_timer_left() - the time left until the next expiration, and the interval
 * @t: the timer
 * @left: set to these, like by timerfd_gettime(2)
 *
 * Return: 0, or -1 and errno: see EVFD_IOC_TIMERFD_GETTIME.
 */
static inline int evfd_timer_left(const struct evfd_timer_ref *t, struct evfd_itimerspec *left)
{
	struct evfd_timer *timer = t->timer;
	evfd_s64 *word = evfd_next_(t);
	__s64 next, interval, value;

	do {
		int clockid;

		next = __atomic_load_n(word, __ATOMIC_ACQUIRE);
		clockid = evfd_timer_clock_(timer);
		if (__builtin_expect(next < 0 || clockid < 0, 0))
			return ioctl(t->fd, EVFD_IOC_TIMERFD_GETTIME, left);
		interval = __atomic_load_n(&timer->interval, __ATOMIC_RELAXED);
		value = next ? next - evfd_timer_time_(clockid) : 0;
		if (next && value <= 0)
			value = interval > 0 ? interval - -value % interval : 0;
		__atomic_thread_fence(__ATOMIC_ACQUIRE);
	} while (__builtin_expect(__atomic_load_n(word, __ATOMIC_RELAXED) != next, 0));
	left->it_value = evfd_timespec_(value);
	left->it_interval = evfd_timespec_(interval);
	return 0;
}

#ifdef __cplusplus
}
#endif

#endif /* EVFD_TIMER_H */
