/* SPDX-License-Identifier: GPL-2.0 WITH Linux-syscall-note */
/*
 * evfd: event descriptors from a loadable module.
 *
 * Open /dev/evfd and make event descriptors with the ioctls below. A
 * descriptor does not depend on the open device, which may be closed at any
 * time.
 *
 * Every structure has the same layout for 32-bit and 64-bit programs.
 */
#ifndef _UAPI_LINUX_EVFD_H
#define _UAPI_LINUX_EVFD_H

#include <linux/ioctl.h>
#include <linux/types.h>

/* The misc device, below /dev. */
#define EVFD_DEVICE_NAME	"evfd"

/**
 * DOC: Flags of &struct evfd_eventfd
 *
 * The first three have the values of eventfd2(2), so EFD_SEMAPHORE,
 * EFD_CLOEXEC and EFD_NONBLOCK of <sys/eventfd.h> may be passed unchanged.
 * The program includes <fcntl.h> for O_CLOEXEC and O_NONBLOCK.
 *
 * %EVFD_EFD_SEMAPHORE: a read takes 1 from the counter instead of all of it.
 *
 * %EVFD_EFD_CLOEXEC: the descriptor is closed by execve(2).
 *
 * %EVFD_EFD_NONBLOCK: the open file description has O_NONBLOCK set.
 *
 * %EVFD_EFD_WAKE_ONE: a write or a post wakes only one of the readers blocked
 * in read(2). Pollers are woken as usual.
 */
#define EVFD_EFD_SEMAPHORE	(1 << 0)
#define EVFD_EFD_WAKE_ONE	(1 << 1)
#define EVFD_EFD_CLOEXEC	O_CLOEXEC
#define EVFD_EFD_NONBLOCK	O_NONBLOCK

/**
 * struct evfd_eventfd - argument of %EVFD_IOC_EVENTFD
 * @count: initial value of the counter
 * @flags: EVFD_EFD_* flags
 */
struct evfd_eventfd {
	__u32 count;
	__u32 flags;
};

#define EVFD_IOC_MAGIC		0xEF

/*
 * On /dev/evfd: make an event descriptor. Returns the new descriptor, or -1
 * and errno:
 *
 * EFAULT: the argument is not readable memory
 * EINVAL: unknown bits in flags
 * EMFILE, ENFILE: no descriptor, or no open file, is left
 * ENOMEM: not enough kernel memory
 * ENOSPC: there are 2^31 event descriptors
 */
#define EVFD_IOC_EVENTFD	_IOW(EVFD_IOC_MAGIC, 0x00, struct evfd_eventfd)

/**
 * struct evfd_cell - the counter of an event descriptor, in an arena
 * @count: value of the counter: 0 to 2^64-2, or 2^64-1 after a kernel post has
 *	overflowed it
 * @wakeup_in: EVFD_WAKEUP_* flags; if not 0, a program that has added to @count
 *	must call %EVFD_IOC_KICK with EPOLLIN
 * @wakeup_out: EVFD_WAKEUP_* flags; if not 0, a program that has reduced @count
 *	must call %EVFD_IOC_KICK with EPOLLOUT
 *
 * An arena is an array of cells that a program maps. EVFD_IOC_BIND makes an
 * event descriptor whose counter is in a cell. A program changes @count by a
 * compare-and-exchange, has a full barrier, and then looks at the flags. It never
 * writes the flags. <evfd/counter.h> has functions for it.
 */
struct evfd_cell {
	__u64 count;
	__u32 wakeup_in;
	__u32 wakeup_out;
};

/**
 * DOC: Flags of &struct evfd_cell
 *
 * %EVFD_WAKEUP_ONCE: a waiter wants the next change. A kick clears the flag.
 *
 * %EVFD_WAKEUP_EACH: a waiter wants every change, for instance an edge-triggered
 * epoll instance. A kick clears the flag if no waiter is left.
 */
#define EVFD_WAKEUP_ONCE	(1 << 0)
#define EVFD_WAKEUP_EACH	(1 << 1)

/* The highest number of entries in an arena. */
#define EVFD_ARENA_MAX		65536

/**
 * DOC: Flags of &struct evfd_arena
 *
 * %EVFD_ARENA_CLOEXEC: the descriptor is closed by execve(2).
 */
#define EVFD_ARENA_CLOEXEC	O_CLOEXEC

/**
 * struct evfd_arena - argument of %EVFD_IOC_ARENA and %EVFD_IOC_TIMER_ARENA
 * @entries: number of entries, 1 to EVFD_ARENA_MAX
 * @flags: EVFD_ARENA_CLOEXEC
 */
struct evfd_arena {
	__u32 entries;
	__u32 flags;
};

/*
 * On /dev/evfd: make an arena of cells that are all 0. A program maps it with
 * MAP_SHARED. Its memory counts for the memory cgroup of the caller. Returns the
 * new descriptor, or -1 and errno. The errors are those of EVFD_IOC_EVENTFD
 * except ENOSPC, and:
 *
 * EINVAL: entries is 0 or above EVFD_ARENA_MAX
 * EOPNOTSUPP: the processor's caches would show the kernel and the program
 *	different memory
 */
#define EVFD_IOC_ARENA		_IOW(EVFD_IOC_MAGIC, 0x01, struct evfd_arena)

/**
 * struct evfd_bind - argument of %EVFD_IOC_BIND
 * @arena: an arena
 * @cell: index of a cell
 * @count: initial value of the counter
 * @flags: EVFD_EFD_* flags
 */
struct evfd_bind {
	__s32 arena;
	__u32 cell;
	__u32 count;
	__u32 flags;
};

/*
 * On /dev/evfd: make an event descriptor whose counter is a cell. The cell is
 * free for another descriptor after this one was closed and kernel code has
 * dropped its references. Descriptor and arena may be closed in any order. Returns
 * the new descriptor, or -1 and errno. The errors are those of EVFD_IOC_EVENTFD
 * except ENOSPC, and:
 *
 * EBADF: arena is not an open descriptor
 * EBUSY: the cell has a descriptor
 * EINVAL: arena is not an arena, or has no such cell
 */
#define EVFD_IOC_BIND		_IOW(EVFD_IOC_MAGIC, 0x02, struct evfd_bind)

/*
 * On an event descriptor made by EVFD_IOC_BIND: wake the waiters for EPOLLIN, or
 * for EPOLLOUT, or for both. On a timer descriptor made by EVFD_IOC_TIMER_BIND,
 * with EPOLLIN: look at the timer. The argument is that set of events, not a
 * pointer. A kick that nobody needs is harmless. Returns 0, or -1 and errno:
 *
 * EINVAL: no event, or another event
 * ENOTTY: the descriptor was made by another call
 */
#define EVFD_IOC_KICK		_IO(EVFD_IOC_MAGIC, 0x03)

/**
 * struct evfd_timespec - an absolute or a relative time
 * @tv_sec: seconds, not negative
 * @tv_nsec: nanoseconds, 0 to 999,999,999
 */
struct evfd_timespec {
	__s64 tv_sec;
	__s64 tv_nsec;
};

/**
 * struct evfd_itimerspec - setting of a timer
 * @it_interval: period of a periodic timer; 0 for a single expiration
 * @it_value: first expiration, or time left until the next expiration; 0 for a
 *	disarmed timer
 *
 * For 64-bit programs this has the layout of struct itimerspec.
 */
struct evfd_itimerspec {
	struct evfd_timespec it_interval;
	struct evfd_timespec it_value;
};

/**
 * DOC: Flags of &struct evfd_timerfd_create
 *
 * %EVFD_TFD_CLOEXEC: the descriptor is closed by execve(2).
 *
 * %EVFD_TFD_NONBLOCK: the open file description has O_NONBLOCK set.
 */
#define EVFD_TFD_CLOEXEC	O_CLOEXEC
#define EVFD_TFD_NONBLOCK	O_NONBLOCK

/**
 * struct evfd_timerfd_create - argument of %EVFD_IOC_TIMERFD_CREATE
 * @clockid: CLOCK_MONOTONIC, CLOCK_REALTIME, CLOCK_BOOTTIME, CLOCK_TAI,
 *	CLOCK_REALTIME_ALARM or CLOCK_BOOTTIME_ALARM; the last two need
 *	CAP_WAKE_ALARM
 * @flags: EVFD_TFD_CLOEXEC and EVFD_TFD_NONBLOCK
 */
struct evfd_timerfd_create {
	__s32 clockid;
	__u32 flags;
};

/**
 * DOC: Flags of &struct evfd_timerfd_settime
 *
 * The first two have the values of timerfd_settime(2).
 *
 * %EVFD_TFD_TIMER_ABSTIME: it_value is an absolute time on the timer's clock,
 * not relative to the current time.
 *
 * %EVFD_TFD_TIMER_CANCEL_ON_SET: with EVFD_TFD_TIMER_ABSTIME, setting the clock
 * cancels the timer. The waiters are woken, and one read or setting fails with
 * ECANCELED. The flag has no effect on clocks that cannot be set.
 *
 * %EVFD_TFD_SLACK: the timer may expire up to slack_ns late, which lets the
 * kernel serve several timers with one interrupt. Timers on alarm clocks still
 * expire on time.
 */
#define EVFD_TFD_TIMER_ABSTIME		(1 << 0)
#define EVFD_TFD_TIMER_CANCEL_ON_SET	(1 << 1)
#define EVFD_TFD_SLACK			(1 << 16)

/**
 * struct evfd_timerfd_settime - argument of %EVFD_IOC_TIMERFD_SETTIME
 * @flags: EVFD_TFD_TIMER_ABSTIME, EVFD_TFD_TIMER_CANCEL_ON_SET, EVFD_TFD_SLACK
 * @reserved: 0
 * @new_value: the new setting
 * @old_value: pointer to a &struct evfd_itimerspec for the previous setting, or
 *	0; written only if the call succeeds
 * @slack_ns: with EVFD_TFD_SLACK, nanoseconds, at most 2^63-1; otherwise 0
 */
struct evfd_timerfd_settime {
	__u32 flags;
	__u32 reserved;
	struct evfd_itimerspec new_value;
	__u64 old_value;
	__u64 slack_ns;
};

/**
 * DOC: Flags of &struct evfd_timerfd
 *
 * %EVFD_TFD_TIMER_REL: it_value is relative to the current time. The value of
 * this flag is 0.
 *
 * %EVFD_TFD_TIMER_ABS: it_value is an absolute time on the clock.
 *
 * %EVFD_TFD_TIMER_SEQ: the timer is periodic. The period is it_interval or
 * it_value, whichever is not 0. If neither is 0, it_value is the relative time
 * of the first expiration, and it_interval is the period.
 */
#define EVFD_TFD_TIMER_REL	0
#define EVFD_TFD_TIMER_ABS	EVFD_TFD_TIMER_ABSTIME
#define EVFD_TFD_TIMER_SEQ	(1 << 17)

/**
 * struct evfd_timerfd - argument of %EVFD_IOC_TIMERFD
 * @ufd: a timer descriptor, or -1 for a new one
 * @clockid: as in &struct evfd_timerfd_create
 * @flags: EVFD_TFD_TIMER_REL, EVFD_TFD_TIMER_ABS or EVFD_TFD_TIMER_SEQ
 * @reserved: 0
 * @value: the setting; if it_interval is not 0, the timer is periodic with any
 *	of the flags
 */
struct evfd_timerfd {
	__s32 ufd;
	__s32 clockid;
	__u32 flags;
	__u32 reserved;
	struct evfd_itimerspec value;
};

/*
 * On /dev/evfd: make a timer descriptor. Returns the new descriptor, or -1 and
 * errno. The errors are those of EVFD_IOC_EVENTFD except ENOSPC, and:
 *
 * EINVAL: unknown clock
 * EPERM: an alarm clock, and the caller does not have CAP_WAKE_ALARM
 */
#define EVFD_IOC_TIMERFD_CREATE	\
	_IOW(EVFD_IOC_MAGIC, 0x10, struct evfd_timerfd_create)

/*
 * On /dev/evfd: the call of 2007. Makes a timer descriptor, or gives an existing
 * timer a new setting and moves it to clockid. Returns the descriptor, or
 * -1 and errno. The errors are those of EVFD_IOC_TIMERFD_CREATE, and:
 *
 * EBADF: ufd is neither -1 nor an open descriptor
 * EINVAL: ufd is not a timer descriptor; either its clock or clockid is an alarm
 *	clock, but not both; an invalid time; unknown flags; reserved is not 0
 *
 * A read of a descriptor made by this call returns a __u32. Expirations above
 * 2^32-1 are left for the next read.
 */
#define EVFD_IOC_TIMERFD	_IOW(EVFD_IOC_MAGIC, 0x11, struct evfd_timerfd)

/*
 * On a timer descriptor: arm or disarm the timer. Returns 0, or -1 and errno.
 * The timer is unchanged after all errors except ECANCELED:
 *
 * EFAULT: the argument is not readable, or old_value not writable memory
 * EINVAL: unknown flags, an invalid time or slack, reserved is not 0
 * EPERM: an alarm clock, and the caller does not have CAP_WAKE_ALARM
 * EOPNOTSUPP: EVFD_TFD_TIMER_CANCEL_ON_SET, and this kernel does not notify
 *	modules when a clock is set
 * ECANCELED: the clock was set since the last setting with
 *	EVFD_TFD_TIMER_CANCEL_ON_SET, and the new setting also has that flag and
 *	an it_value that is not 0. The timer has the new setting in spite of the
 *	error.
 */
#define EVFD_IOC_TIMERFD_SETTIME	\
	_IOW(EVFD_IOC_MAGIC, 0x12, struct evfd_timerfd_settime)

/*
 * On a timer descriptor: get the time left until the next expiration, and the
 * period. Returns 0, or -1 and errno:
 *
 * EFAULT: the argument is not writable memory
 */
#define EVFD_IOC_TIMERFD_GETTIME	\
	_IOR(EVFD_IOC_MAGIC, 0x13, struct evfd_itimerspec)

/*
 * Value of clockid in &struct evfd_timer: the timer is not in memory, and programs
 * must use the calls. The timer has not been set, setting its clock affects it, or
 * the process that set it has another time in its time namespace.
 */
#define EVFD_TIMER_CALL		(-1)

/* Value of next in &struct evfd_timer: a call is just changing the timer. */
#define EVFD_TIMER_BUSY		(-1LL)

/**
 * struct evfd_timer - a timer, in an arena of timers
 * @next: time of the first expiration that no read has taken, in nanoseconds on
 *	the clock @clockid, or 0 if there is none, or EVFD_TIMER_BUSY
 * @look: a program that has changed @next must call EVFD_IOC_KICK with EPOLLIN if
 *	the new value is not 0, and @look is not below it
 * @interval: period of a periodic timer in nanoseconds, otherwise 0
 * @clockid: CLOCK_MONOTONIC or CLOCK_BOOTTIME, or EVFD_TIMER_CALL
 * @reserved: 0
 *
 * EVFD_IOC_TIMER_BIND makes a timer descriptor whose timer is here. A program
 * changes @next by an exchange or a compare-and-exchange, has a full barrier, and
 * then looks at @look, which is INT64_MAX with EVFD_TIMER_CALL. It never writes the
 * other fields. <evfd/timer.h> has functions for it.
 */
struct evfd_timer {
	__s64 next;
	__s64 look;
	__s64 interval;
	__s32 clockid;
	__u32 reserved;
};

/*
 * On /dev/evfd: make an arena of timers. See EVFD_IOC_ARENA.
 */
#define EVFD_IOC_TIMER_ARENA	_IOW(EVFD_IOC_MAGIC, 0x14, struct evfd_arena)

/**
 * struct evfd_timer_bind - argument of %EVFD_IOC_TIMER_BIND
 * @arena: an arena of timers
 * @timer: index of a timer in it
 * @clockid: CLOCK_MONOTONIC, CLOCK_REALTIME, CLOCK_BOOTTIME or CLOCK_TAI
 * @flags: EVFD_TFD_CLOEXEC and EVFD_TFD_NONBLOCK
 */
struct evfd_timer_bind {
	__s32 arena;
	__u32 timer;
	__s32 clockid;
	__u32 flags;
};

/*
 * On /dev/evfd: make a timer descriptor whose timer is in an arena. It is used
 * like any timer descriptor. Returns the new descriptor, or -1 and errno. The
 * errors are those of EVFD_IOC_TIMERFD_CREATE except EPERM, and:
 *
 * EBADF: arena is not an open descriptor
 * EBUSY: the timer in the arena has a descriptor
 * EINVAL: arena is not an arena of timers, or has no such timer; an alarm clock
 */
#define EVFD_IOC_TIMER_BIND	\
	_IOW(EVFD_IOC_MAGIC, 0x15, struct evfd_timer_bind)

/*
 * Like native timer descriptors, those of evfd support TFD_IOC_SET_TICKS of
 * <linux/timerfd.h>. Returns 0, or -1 and errno:
 *
 * EFAULT: the argument is not readable memory
 * EINVAL: the number of ticks is 0
 * ECANCELED: the clock was set; the same condition as for a read
 */

/**
 * DOC: Flags of &struct evfd_signalfd
 *
 * The first two have the values of signalfd4(2).
 *
 * %EVFD_SFD_CLOEXEC: the descriptor is closed by execve(2).
 *
 * %EVFD_SFD_NONBLOCK: the open file description has O_NONBLOCK set.
 *
 * %EVFD_SFD_BLOCK: the signals of the mask are blocked in the calling thread
 * before the descriptor is made, like with sigprocmask(2). They stay blocked
 * after the descriptor is closed. A call that fails blocks no signal.
 */
#define EVFD_SFD_CLOEXEC	O_CLOEXEC
#define EVFD_SFD_NONBLOCK	O_NONBLOCK
#define EVFD_SFD_BLOCK		(1 << 0)

/**
 * struct evfd_signalfd - argument of %EVFD_IOC_SIGNALFD
 * @ufd: a signal descriptor, or -1 for a new one
 * @flags: EVFD_SFD_* flags; only EVFD_SFD_BLOCK has an effect on an existing
 *	descriptor
 * @mask: pointer to a set of signals in the kernel's format, of 64 bits; SIGKILL
 *	and SIGSTOP are ignored
 * @sizemask: 8, the size of the set
 * @reserved: 0
 */
struct evfd_signalfd {
	__s32 ufd;
	__u32 flags;
	__u64 mask;
	__u32 sizemask;
	__u32 reserved;
};

/**
 * DOC: Flags of &struct evfd_eventfs_signal
 *
 * %EVFD_EVENTFS_CLOEXEC: the descriptor is closed by execve(2).
 *
 * %EVFD_EVENTFS_NONBLOCK: the open file description has O_NONBLOCK set.
 *
 * %EVFD_EVENTFS_EXCLUSIVE: the signal reaches the process through the descriptor
 * only. The call blocks it in the calling thread, and threads created later
 * inherit that. All other threads must have blocked it already. It stays blocked
 * after the descriptor is closed. A call that fails does not block it.
 */
#define EVFD_EVENTFS_CLOEXEC	O_CLOEXEC
#define EVFD_EVENTFS_NONBLOCK	O_NONBLOCK
#define EVFD_EVENTFS_EXCLUSIVE	(1 << 0)

/**
 * struct evfd_eventfs_signal - argument of %EVFD_IOC_EVENTFS_SIGNAL
 * @signal: number of a signal
 * @flags: EVFD_EVENTFS_* flags
 */
struct evfd_eventfs_signal {
	__s32 signal;
	__u32 flags;
};

/*
 * On /dev/evfd: make a signal descriptor, or change the mask of an existing
 * descriptor. Reads return struct signalfd_siginfo of <linux/signalfd.h>, like
 * signalfd(2). Returns the descriptor, or -1 and errno. The errors are those
 * of EVFD_IOC_EVENTFD except ENOSPC, and:
 *
 * EBADF: ufd is neither -1 nor an open descriptor
 * EFAULT: mask is not readable memory
 * EINVAL: sizemask is not 8; ufd is not a descriptor made by this call; reserved
 *	is not 0
 */
#define EVFD_IOC_SIGNALFD	_IOW(EVFD_IOC_MAGIC, 0x20, struct evfd_signalfd)

/*
 * On a signal descriptor: change its mask, without the device. The argument
 * points to a set of signals in the format of &struct evfd_signalfd. Returns 0,
 * or -1 and errno:
 *
 * EFAULT: the argument is not readable memory
 */
#define EVFD_IOC_SIGNALFD_SETMASK	_IOW(EVFD_IOC_MAGIC, 0x22, __u64)

/*
 * On /dev/evfd: make a descriptor for one signal, the eventfs design. Reads work
 * like those of a signal descriptor. Returns the new descriptor, or -1 and errno.
 * The errors are those of EVFD_IOC_EVENTFD except ENOSPC, and:
 *
 * EBUSY: EVFD_EVENTFS_EXCLUSIVE, and another thread of the process has not
 *	blocked the signal
 * EINVAL: there is no such signal, or it is SIGKILL or SIGSTOP
 */
#define EVFD_IOC_EVENTFS_SIGNAL	\
	_IOW(EVFD_IOC_MAGIC, 0x21, struct evfd_eventfs_signal)

#endif /* _UAPI_LINUX_EVFD_H */
