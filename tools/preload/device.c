// SPDX-License-Identifier: GPL-2.0
/*
 * Making descriptors. The device is open only meanwhile, because programs count their
 * descriptors, and close unknown descriptors.
 */
#include "preload.h"
#include "raw.h"

#include <fcntl.h>
#include <linux/evfd.h>
#include <pthread.h>
#include <signal.h>
#include <sys/resource.h>

/*
 * Held for reading while a descriptor is made, for writing while fork() copies
 * the descriptors: no child must inherit the device.
 */
static pthread_rwlock_t making = PTHREAD_RWLOCK_INITIALIZER;

/* The signals blocked before fork(). Used while the lock is held for writing. */
static uint64_t blocked_before_fork;

/*
 * No handler may run in a thread that holds the lock, or is about to take it. The handler
 * could make a descriptor too, fork, or never return.
 */
static uint64_t block_signals(void)
{
	uint64_t all = UINT64_MAX, before;

	raw(__NR_rt_sigprocmask, SIG_BLOCK, (long)&all, (long)&before, sizeof(all), 0);
	return before;
}

static void restore_signals(uint64_t before)
{
	raw(__NR_rt_sigprocmask, SIG_SETMASK, (long)&before, 0, sizeof(before), 0);
}

static void before_fork(void)
{
	uint64_t before = block_signals();

	pthread_rwlock_wrlock(&making);
	blocked_before_fork = before;
}

static void after_fork(void)
{
	uint64_t before = blocked_before_fork;

	pthread_rwlock_unlock(&making);
	restore_signals(before);
}

static void after_fork_in_child(void)
{
	/* The child has another thread ID than the owner of the lock. */
	making = (pthread_rwlock_t)PTHREAD_RWLOCK_INITIALIZER;
	restore_signals(blocked_before_fork);
}

__attribute__((constructor)) static void watch_forks(void)
{
	pthread_atfork(before_fork, after_fork, after_fork_in_child);
}

/* Returns whether an error of open() means that the program has no device. */
static bool means_no_device(long error)
{
	switch (-error) {
	case ENOENT:
	case ENOTDIR:
	case ENXIO:
	case ENODEV:
	case EACCES:
	case EPERM:
		return true;
	}
	return false;
}

/* Moves a new descriptor to the number of the device, which was the lowest free number. */
static long take_the_place(int device, int fd, bool cloexec)
{
	int spare = device;

	if (fd > device &&
	    raw(__NR_dup3, fd, device, cloexec ? O_CLOEXEC : 0, 0, 0) == device) {
		spare = fd;
		fd = device;
	}
	raw(__NR_close, spare, 0, 0, 0, 0);
	return fd;
}

/*
 * The device may have the last number that the limit allows, which the system would give
 * to the descriptor. So the limit is raised by 1 for the ioctl. A program at its hard
 * limit that may not raise it needs one number more than with the system.
 */
static long ioctl_at_limit(int device, unsigned long request, void *arg)
{
	struct { uint64_t cur, max; } limit, more;
	long ret;

	if (raw(__NR_prlimit64, 0, RLIMIT_NOFILE, 0, (long)&limit, 0))
		return -EMFILE;
	more = limit;
	more.cur++;
	if (more.max < more.cur)
		more.max = more.cur;
	if (raw(__NR_prlimit64, 0, RLIMIT_NOFILE, (long)&more, 0, 0))
		return -EMFILE;
	ret = raw(__NR_ioctl, device, request, (long)arg, 0, 0);
	raw(__NR_prlimit64, 0, RLIMIT_NOFILE, (long)&limit, 0, 0);
	return ret;
}

static long open_and_make(unsigned long request, void *arg, bool cloexec, bool *opened)
{
	long device, ret;

	device = raw(__NR_openat, AT_FDCWD, (long)"/dev/" EVFD_DEVICE_NAME,
		     O_RDONLY | O_CLOEXEC, 0, 0);
	*opened = device >= 0;
	if (!*opened)
		return device;
	ret = raw(__NR_ioctl, device, request, (long)arg, 0, 0);
	if (ret == -EMFILE)
		ret = ioctl_at_limit(device, request, arg);
	if (ret >= 0)
		return take_the_place(device, ret, cloexec);
	raw(__NR_close, device, 0, 0, 0, 0);
	return ret;
}

long make_descriptor(unsigned long request, void *arg, bool cloexec)
{
	uint64_t before = block_signals();
	bool locked, opened;
	long ret;

	/* Locking fails in a call from another library's pthread_atfork() handler. */
	locked = !pthread_rwlock_rdlock(&making);
	ret = open_and_make(request, arg, cloexec, &opened);
	if (locked)
		pthread_rwlock_unlock(&making);
	restore_signals(before);

	/* The error of the device's ioctl is for the program, except another file's ENOTTY. */
	if (opened ? ret == -ENOTTY : means_no_device(ret)) {
		device_is_missing(ret);
		ret = FALL_BACK;
	}
	return ret;
}
