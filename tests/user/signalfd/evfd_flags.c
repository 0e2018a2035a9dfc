// SPDX-License-Identifier: GPL-2.0
/*
 * Features of evfd's signal descriptors that native descriptors lack: EVFD_SFD_BLOCK, and
 * an argument with room for more.
 */
#include "signal.h"

#include <sys/resource.h>

#define USR	(sig_bit(SIGUSR1) | sig_bit(SIGUSR2))
#define RT	(SIG_FIRST_RT + 8)

TEST(numbers)
{
	EXPECT_EQ(SFD_CLOEXEC, EVFD_SFD_CLOEXEC);
	EXPECT_EQ(SFD_NONBLOCK, EVFD_SFD_NONBLOCK);
	EXPECT_EQ(24, sizeof(struct evfd_signalfd));
}

static int block_call(int ufd, uint64_t mask, unsigned int flags)
{
	return evfd_sfd_call(ufd, &mask, sizeof(mask), flags | EVFD_SFD_BLOCK);
}

TEST(blocked_afterwards)
{
	uint64_t before = sig_blocked();
	int fd;

	ASSERT_EQ(0, before & USR);
	fd = block_call(-1, USR, SFD_NONBLOCK | SFD_CLOEXEC);
	ASSERT_GE(fd, 0);
	EXPECT_EQ(before | USR, sig_blocked());
	EXPECT_EQ(USR, sfd_mask(fd));
	EXPECT_EQ(O_RDWR | O_NONBLOCK, fcntl(fd, F_GETFL));
	EXPECT_EQ(FD_CLOEXEC, fcntl(fd, F_GETFD));
	ASSERT_EQ(0, kill(getpid(), SIGUSR1));
	EXPECT_TRUE(sfd_gives(fd, record_of_kill(SIGUSR1)));
	ASSERT_EQ(0, close(fd));
	EXPECT_EQ(before | USR, sig_blocked());
	/* Signals blocked before stay blocked. */
	ASSERT_GE(block_call(-1, sig_bit(RT), 0), 0);
	EXPECT_EQ(before | USR | sig_bit(RT), sig_blocked());
	ASSERT_GE(block_call(-1, 0, 0), 0);
	EXPECT_EQ(before | USR | sig_bit(RT), sig_blocked());
}

TEST(all_that_can_be_blocked)
{
	int fd = block_call(-1, UINT64_MAX, SFD_NONBLOCK);

	ASSERT_GE(fd, 0);
	EXPECT_EQ(~sig_uncatchable(), sig_blocked());
	EXPECT_EQ(~sig_uncatchable(), sfd_mask(fd));
	ASSERT_EQ(0, kill(getpid(), SIG_FIRST_RT));
	EXPECT_EQ(SIG_FIRST_RT, sfd_take(fd));
}

TEST(another_mask_without_the_device)
{
	uint64_t mask = USR | sig_uncatchable();
	int fd = sfd_new_blocked(sig_bit(RT), SFD_NONBLOCK);
	struct reader reader;

	ASSERT_GE(fd, 0);
	EXPECT_EQ(-1, ioctl(fd, EVFD_IOC_SIGNALFD_SETMASK, nowhere()));
	EXPECT_EQ(EFAULT, errno);
	EXPECT_EQ(sig_bit(RT), sfd_mask(fd));
	ASSERT_EQ(0, ioctl(fd, EVFD_IOC_SIGNALFD_SETMASK, &mask));
	EXPECT_EQ(USR, sfd_mask(fd));
	EXPECT_EQ(-1, ioctl(fd, EVFD_IOC_SIGNALFD, &mask));
	EXPECT_EQ(ENOTTY, errno);
	/* A waiter wakes if a signal of the new mask is pending. */
	ASSERT_EQ(0, sig_block(USR));
	ASSERT_EQ(0, kill(getpid(), SIGUSR1));
	mask = sig_bit(RT);
	ASSERT_EQ(0, ioctl(fd, EVFD_IOC_SIGNALFD_SETMASK, &mask));
	ASSERT_EQ(0, fcntl(fd, F_SETFL, 0));
	ASSERT_TRUE(reader_start_blocked(&reader, fd));
	mask = sig_bit(SIGUSR1);
	ASSERT_EQ(0, ioctl(fd, EVFD_IOC_SIGNALFD_SETMASK, &mask));
	EXPECT_EQ(SIGUSR1, reader_takes(&reader));
	/* A descriptor of eventfs keeps its signal. */
	fd = evfd_eventfs_new(RT, 0);
	ASSERT_GE(fd, 0);
	EXPECT_EQ(-1, ioctl(fd, EVFD_IOC_SIGNALFD_SETMASK, &mask));
	EXPECT_EQ(ENOTTY, errno);
}

TEST(blocked_by_another_mask)
{
	uint64_t before = sig_blocked();
	int fd = sfd_new(sig_bit(SIGUSR1), SFD_NONBLOCK);

	ASSERT_GE(fd, 0);
	EXPECT_EQ(before, sig_blocked());
	EXPECT_EQ(fd, block_call(fd, sig_bit(SIGUSR2), 0));
	EXPECT_EQ(before | sig_bit(SIGUSR2), sig_blocked());
	EXPECT_EQ(sig_bit(SIGUSR2), sfd_mask(fd));
	/* Signals outside of the new mask do not become unblocked. */
	EXPECT_EQ(fd, block_call(fd, sig_bit(SIGUSR1), 0));
	EXPECT_EQ(before | USR, sig_blocked());
	EXPECT_EQ(fd, sfd_set_mask(fd, 0));
	EXPECT_EQ(before | USR, sig_blocked());
}

struct other {
	_Atomic bool started, end;
	pthread_t thread;
	uint64_t blocked;
};

static void *tell_blocked(void *arg)
{
	struct other *other = arg;

	other->started = true;
	wait_for(other->end);
	other->blocked = sig_blocked();
	return NULL;
}

TEST(blocked_in_the_calling_thread)
{
	struct other before = { }, after = { };

	ASSERT_EQ(0, pthread_create(&before.thread, NULL, tell_blocked, &before));
	ASSERT_TRUE(wait_for(before.started));
	ASSERT_GE(block_call(-1, USR, 0), 0);
	ASSERT_EQ(0, pthread_create(&after.thread, NULL, tell_blocked, &after));
	before.end = true;
	after.end = true;
	ASSERT_EQ(0, pthread_join(before.thread, NULL));
	ASSERT_EQ(0, pthread_join(after.thread, NULL));
	EXPECT_EQ(0, before.blocked & USR);
	EXPECT_EQ(USR, after.blocked & USR);
}

/* Whether the call fails with err, and leaves the blocked signals unchanged. */
static bool fails(struct evfd_signalfd *arg, int err)
{
	uint64_t before = sig_blocked();
	int ret;

	errno = 0;
	ret = ioctl(evfd_signal_device(), EVFD_IOC_SIGNALFD, arg);
	if (ret == -1 && errno == err && sig_blocked() == before)
		return true;
	fprintf(stderr, "# returns %d, error %d (%m); blocked: %" PRIx64
		", before: %" PRIx64 "\n", ret, errno, sig_blocked(), before);
	return false;
}

TEST(nothing_blocked_if_it_fails)
{
	const uint64_t mask = USR;
	int fd = sfd_new(0, 0), file = open("/dev/null", O_RDWR);
	const struct evfd_signalfd good = {
		.ufd = -1, .flags = EVFD_SFD_BLOCK,
		.mask = (uintptr_t)&mask, .sizemask = 8,
	};
	struct evfd_signalfd arg;
	struct rlimit limit;

	ASSERT_GE(fd, 0);
	ASSERT_EQ(0, sig_block(sig_bit(SIGUSR2)));
	/* A new descriptor and an existing descriptor. */
	for (int i = 0; i < 2; i++) {
		arg = good;
		arg.ufd = i ? fd : -1;
		arg.mask = (uintptr_t)nowhere();
		EXPECT_TRUE(fails(&arg, EFAULT));
		arg.mask = good.mask;
		arg.sizemask = 16;
		EXPECT_TRUE(fails(&arg, EINVAL));
		arg.sizemask = 8;
		arg.flags |= 2;
		EXPECT_TRUE(fails(&arg, EINVAL));
		arg.flags = EVFD_SFD_BLOCK;
		arg.reserved = 1;
		EXPECT_TRUE(fails(&arg, EINVAL));
	}
	EXPECT_TRUE(fails(nowhere(), EFAULT));
	arg = good;
	arg.ufd = 1000000;
	EXPECT_TRUE(fails(&arg, EBADF));
	arg.ufd = file;
	EXPECT_TRUE(fails(&arg, EINVAL));
	ASSERT_EQ(0, getrlimit(RLIMIT_NOFILE, &limit));
	limit.rlim_cur = 3;
	ASSERT_EQ(0, setrlimit(RLIMIT_NOFILE, &limit));
	arg.ufd = -1;
	EXPECT_TRUE(fails(&arg, EMFILE));
	EXPECT_EQ(0, sfd_mask(fd));
	arg.ufd = fd;
	EXPECT_EQ(fd, ioctl(evfd_signal_device(), EVFD_IOC_SIGNALFD, &arg));
	EXPECT_EQ(USR, sig_blocked() & USR);
}

TEST(reserved_field)
{
	const uint64_t mask = USR;
	struct evfd_signalfd arg = {
		.ufd = -1, .mask = (uintptr_t)&mask, .sizemask = 8,
	};

	for (int bit = 0; bit < 32; bit++) {
		arg.reserved = 1U << bit;
		EXPECT_TRUE(fails(&arg, EINVAL));
	}
	arg.reserved = 0;
	EXPECT_LT(0, ioctl(evfd_signal_device(), EVFD_IOC_SIGNALFD, &arg));
}

/* Signals that a thread keeps sending, and those handled and read. */
static _Atomic unsigned int sent, handled, taken;
static _Atomic bool stop;

static void count_signal(int sig)
{
	(void)sig;
	handled++;
}

static void *send_to(void *arg)
{
	pid_t tid = (intptr_t)arg;

	sig_block(sig_bit(RT));
	while (!stop) {
		if (sent < handled + taken + 16)
			sent += !sig_queue_thread(tid, RT, 0);
		else
			sched_yield();
	}
	return NULL;
}

static bool start_sender(pthread_t *thread)
{
	struct sigaction action = { .sa_handler = count_signal };

	sent = 0;
	handled = 0;
	taken = 0;
	stop = false;
	return !sigaction(RT, &action, NULL) &&
	       !pthread_create(thread, NULL, send_to,
			       (void *)(intptr_t)gettid());
}

TEST(none_slips_through)
{
	unsigned int before;
	pthread_t sender;

	ASSERT_TRUE(start_sender(&sender));
	repeat(200, 2000) {
		int fd;

		ASSERT_TRUE(wait_for(handled > 2 * i));
		fd = block_call(-1, sig_bit(RT), SFD_NONBLOCK);
		ASSERT_GE(fd, 0);
		before = handled;
		sched_yield();
		/* From here on, all signals go to the descriptor. */
		while (sfd_take(fd) == RT)
			taken++;
		EXPECT_EQ(before, handled);
		close(fd);
		ASSERT_EQ(0, sig_unblock(sig_bit(RT)));
	}
	stop = true;
	ASSERT_EQ(0, pthread_join(sender, NULL));
	EXPECT_EQ(0, sig_pending());
	EXPECT_EQ(sent, handled + taken);
}

TEST(calls_that_fail_lose_none)
{
	const uint64_t mask = sig_bit(RT);
	struct evfd_signalfd arg = {
		.ufd = 1000000, .flags = EVFD_SFD_BLOCK,
		.mask = (uintptr_t)&mask, .sizemask = 8,
	};
	pthread_t sender;

	ASSERT_TRUE(start_sender(&sender));
	repeat(2000, 2000)
		ASSERT_TRUE(fails(&arg, EBADF));
	stop = true;
	ASSERT_EQ(0, pthread_join(sender, NULL));
	EXPECT_EQ(sent, handled);
}

TEST_HARNESS_MAIN
