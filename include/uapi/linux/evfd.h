/* SPDX-License-Identifier: GPL-2.0 WITH Linux-syscall-note */
/*
 * evfd: event descriptors from a loadable module.
 *
 * Open /dev/evfd and make event descriptors with the ioctls below. A
 * descriptor does not depend on the open device: close the device whenever
 * you like.
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
 * EFD_CLOEXEC and EFD_NONBLOCK of <sys/eventfd.h> may be passed as they are.
 * O_CLOEXEC and O_NONBLOCK come from <fcntl.h>, which the program includes.
 *
 * %EVFD_EFD_SEMAPHORE: a read takes 1 from the counter instead of all of it.
 *
 * %EVFD_EFD_CLOEXEC: the descriptor is closed by execve(2).
 *
 * %EVFD_EFD_NONBLOCK: the open file description has O_NONBLOCK set.
 *
 * %EVFD_EFD_WAKE_ONE: what is posted wakes one reader that is blocked in
 * read(2), not all of them. Pollers are woken as always.
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
 * Make an event descriptor: on /dev/evfd. Returns the new file descriptor, or -1 and errno:
 *
 * EFAULT: the argument is not readable memory
 * EINVAL: unknown bits in flags
 * EMFILE, ENFILE: no descriptor, or no open file, is left
 * ENOMEM: not enough kernel memory
 * ENOSPC: there are 2^31 event descriptors
 */
#define EVFD_IOC_EVENTFD	_IOW(EVFD_IOC_MAGIC, 0x00, struct evfd_eventfd)

/**
 * struct evfd_timespec - a time, or a span of time
 * @tv_sec: seconds, not negative
 * @tv_nsec: nanoseconds, 0 to 999,999,999
 */
struct evfd_timespec {
	__s64 tv_sec;
	__s64 tv_nsec;
};

/**
 * struct evfd_itimerspec - when a timer expires, and how often
 * @it_interval: time from one expiration to the next; 0 for a single one
 * @it_value: first expiration, or time that is left until the next one; 0 for
 *	none
 *
 * For 64-bit programs this is struct itimerspec.
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
 * %EVFD_TFD_TIMER_ABSTIME: it_value is a time on the timer's clock, not a span
 * from now.
 *
 * %EVFD_TFD_TIMER_CANCEL_ON_SET: with EVFD_TFD_TIMER_ABSTIME, on a clock that
 * can be set: when it is, whoever waits wakes, and one read or setting fails
 * with ECANCELED. Other clocks are not set, so it has no effect on them.
 *
 * %EVFD_TFD_SLACK: slack_ns tells how much later than asked for the timer may
 * expire, so that the kernel can serve several by one interrupt. Alarm clocks
 * are served in time all the same.
 */
#define EVFD_TFD_TIMER_ABSTIME		(1 << 0)
#define EVFD_TFD_TIMER_CANCEL_ON_SET	(1 << 1)
#define EVFD_TFD_SLACK			(1 << 16)

/**
 * struct evfd_timerfd_settime - argument of %EVFD_IOC_TIMERFD_SETTIME
 * @flags: EVFD_TFD_TIMER_ABSTIME, EVFD_TFD_TIMER_CANCEL_ON_SET, EVFD_TFD_SLACK
 * @reserved: 0
 * @new_value: the new setting
 * @old_value: pointer to a &struct evfd_itimerspec for the setting before, or
 *	0; written only if the call succeeds
 * @slack_ns: with EVFD_TFD_SLACK nanoseconds, at most 2^63-1; otherwise 0
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
 * %EVFD_TFD_TIMER_REL: it_value is a span from now. This is 0.
 *
 * %EVFD_TFD_TIMER_ABS: it_value is a time on the clock.
 *
 * %EVFD_TFD_TIMER_SEQ: repeat at the interval that is given, in it_interval or
 * in it_value, whichever is not 0. If both are given it_value is the span from
 * now to the first expiration.
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
 * @value: the setting; with an it_interval it repeats, whatever the flags
 */
struct evfd_timerfd {
	__s32 ufd;
	__s32 clockid;
	__u32 flags;
	__u32 reserved;
	struct evfd_itimerspec value;
};

/*
 * Make a timer descriptor: on /dev/evfd. Returns the new file descriptor, or
 * -1 and errno as EVFD_IOC_EVENTFD but for ENOSPC, and besides:
 *
 * EINVAL: unknown clock
 * EPERM: an alarm clock, and the caller does not have CAP_WAKE_ALARM
 */
#define EVFD_IOC_TIMERFD_CREATE	\
	_IOW(EVFD_IOC_MAGIC, 0x10, struct evfd_timerfd_create)

/*
 * The call of 2007: on /dev/evfd. Makes a timer descriptor, or gives one a new
 * setting, and a new clock if that is another; a descriptor has an alarm clock
 * for ever or never. Returns the descriptor, or -1 and errno as
 * EVFD_IOC_TIMERFD_CREATE, and besides:
 *
 * EBADF: ufd is neither -1 nor an open descriptor
 * EINVAL: ufd is not a timer descriptor, or one of an alarm clock while clockid
 *	is none or the other way round; an invalid time; unknown flags; reserved
 *	is not 0
 *
 * A descriptor that is made by this call reads as a __u32, of at most 2^32-1;
 * what is above that is left for the next read.
 */
#define EVFD_IOC_TIMERFD	_IOW(EVFD_IOC_MAGIC, 0x11, struct evfd_timerfd)

/*
 * Give a timer a new setting: on the timer descriptor. Returns 0, or -1 and
 * errno; if that is not ECANCELED, the timer is unchanged:
 *
 * EFAULT: the argument is not readable, or old_value not writable memory
 * EINVAL: unknown flags, an invalid time or slack, reserved is not 0
 * EPERM: an alarm clock, and the caller does not have CAP_WAKE_ALARM
 * EOPNOTSUPP: EVFD_TFD_TIMER_CANCEL_ON_SET, and this kernel does not tell when
 *	the clock is set
 * ECANCELED: the clock was set since the last setting with
 *	EVFD_TFD_TIMER_CANCEL_ON_SET, if this one has that flag too and an
 *	it_value that is not 0. The timer has the new setting all the same.
 */
#define EVFD_IOC_TIMERFD_SETTIME	\
	_IOW(EVFD_IOC_MAGIC, 0x12, struct evfd_timerfd_settime)

/*
 * Get what is left of a timer's setting: on the timer descriptor. Returns 0,
 * or -1 and EFAULT.
 */
#define EVFD_IOC_TIMERFD_GETTIME	\
	_IOR(EVFD_IOC_MAGIC, 0x13, struct evfd_itimerspec)

/*
 * A timer descriptor also has TFD_IOC_SET_TICKS of <linux/timerfd.h>, as
 * native ones have. It fails with EFAULT, with EINVAL for 0 ticks, and with
 * ECANCELED as a read.
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
 * %EVFD_SFD_BLOCK: the signals of the mask are blocked in the calling thread,
 * as by sigprocmask(2), before the descriptor is there. They stay blocked when
 * it is closed. If the call fails nothing is blocked.
 */
#define EVFD_SFD_CLOEXEC	O_CLOEXEC
#define EVFD_SFD_NONBLOCK	O_NONBLOCK
#define EVFD_SFD_BLOCK		(1 << 0)

/**
 * struct evfd_signalfd - argument of %EVFD_IOC_SIGNALFD
 * @ufd: a signal descriptor, or -1 for a new one
 * @flags: EVFD_SFD_* flags; without effect on a descriptor that there is, but
 *	for EVFD_SFD_BLOCK
 * @mask: pointer to a set of signals as the kernel has them, of 64 bits; those
 *	that can't be caught are left out
 * @sizemask: 8, the size of that
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
 * %EVFD_EVENTFS_EXCLUSIVE: the signal reaches its owner through the descriptor
 * only: it is blocked in the calling thread, from which threads that are made
 * later inherit that. Other threads must have it blocked. It stays blocked when
 * the descriptor is closed.
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
 * Make a signal descriptor, or give one another mask: on /dev/evfd. It reads as
 * struct signalfd_siginfo of <linux/signalfd.h>, as signalfd(2) tells. Returns
 * the descriptor, or -1 and errno as EVFD_IOC_EVENTFD but for ENOSPC, and
 * besides:
 *
 * EBADF: ufd is neither -1 nor an open descriptor
 * EFAULT: mask is not readable memory
 * EINVAL: sizemask is not 8; ufd is not a descriptor made by this call; reserved
 *	is not 0
 */
#define EVFD_IOC_SIGNALFD	_IOW(EVFD_IOC_MAGIC, 0x20, struct evfd_signalfd)

/*
 * Give a signal descriptor another mask, without the device: on the signal
 * descriptor. The argument is a set of signals as in &struct evfd_signalfd.
 * Returns 0, or -1 and EFAULT.
 */
#define EVFD_IOC_SIGNALFD_SETMASK	_IOW(EVFD_IOC_MAGIC, 0x22, __u64)

/*
 * Make a descriptor for one signal, as eventfs had them: on /dev/evfd. It reads
 * as a signal descriptor. Returns the new descriptor, or -1 and errno as
 * EVFD_IOC_EVENTFD but for ENOSPC, and besides:
 *
 * EBUSY: EVFD_EVENTFS_EXCLUSIVE, and another thread of the process has not
 *	blocked the signal
 * EINVAL: there is no such signal, or it is SIGKILL or SIGSTOP
 */
#define EVFD_IOC_EVENTFS_SIGNAL	\
	_IOW(EVFD_IOC_MAGIC, 0x21, struct evfd_eventfs_signal)

#endif /* _UAPI_LINUX_EVFD_H */
