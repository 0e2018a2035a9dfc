// SPDX-License-Identifier: GPL-2.0
/*
 * Descriptors for a single signal, like in eventfs. They may be exclusive, so the signal
 * arrives in no other way.
 */
#include "signal.h"
#include "uring.h"

#define RT	(SIG_FIRST_RT + 8)

static int exclusive_new(int sig)
{
	return evfd_eventfs_new(sig, EVFD_EVENTFS_EXCLUSIVE | EVFD_EVENTFS_NONBLOCK);
}

TEST(flags)
{
	static const unsigned int flags[] = {
		0, EVFD_EVENTFS_CLOEXEC, EVFD_EVENTFS_NONBLOCK,
		EVFD_EVENTFS_CLOEXEC | EVFD_EVENTFS_NONBLOCK,
		EVFD_EVENTFS_EXCLUSIVE | EVFD_EVENTFS_CLOEXEC,
	};

	EXPECT_EQ(8, sizeof(struct evfd_eventfs_signal));
	for (size_t i = 0; i < ARRAY_SIZE(flags); i++) {
		int fd = evfd_eventfs_new(SIGUSR1, flags[i]);

		ASSERT_GE(fd, 0);
		EXPECT_EQ(O_RDWR | (flags[i] & O_NONBLOCK), fcntl(fd, F_GETFL));
		EXPECT_EQ(flags[i] & O_CLOEXEC ? FD_CLOEXEC : 0,
			  fcntl(fd, F_GETFD));
	}
}

/* Whether the call fails with err, and leaves the blocked signals unchanged. */
static bool fails(struct evfd_eventfs_signal *arg, int err)
{
	uint64_t before = sig_blocked();
	int ret;

	errno = 0;
	ret = ioctl(evfd_signal_device(), EVFD_IOC_EVENTFS_SIGNAL, arg);
	if (ret == -1 && errno == err && sig_blocked() == before)
		return true;
	fprintf(stderr, "# returns %d, error %d (%m); blocked: %" PRIx64
		", before: %" PRIx64 "\n", ret, errno, sig_blocked(), before);
	return false;
}

TEST(what_is_refused)
{
	static const int bad[] = {
		0, -1, -SIGUSR1, 65, 66, 128 + SIGUSR1, INT32_MIN, INT32_MAX,
		SIGKILL, SIGSTOP,
	};
	struct evfd_eventfs_signal arg;
	struct rlimit limit;

	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		arg = (struct evfd_eventfs_signal){ .signal = bad[i] };
		EXPECT_TRUE(fails(&arg, EINVAL));
		arg.flags = EVFD_EVENTFS_EXCLUSIVE;
		EXPECT_TRUE(fails(&arg, EINVAL));
	}
	arg.signal = SIGUSR1;
	for (int bit = 1; bit < 32; bit++) {
		arg.flags = 1U << bit;
		if (arg.flags == O_CLOEXEC || arg.flags == O_NONBLOCK)
			continue;
		EXPECT_TRUE(fails(&arg, EINVAL));
		arg.flags |= EVFD_EVENTFS_EXCLUSIVE;
		EXPECT_TRUE(fails(&arg, EINVAL));
	}
	EXPECT_TRUE(fails(nowhere(), EFAULT));
	ASSERT_EQ(0, getrlimit(RLIMIT_NOFILE, &limit));
	limit.rlim_cur = 3;
	ASSERT_EQ(0, setrlimit(RLIMIT_NOFILE, &limit));
	for (arg.flags = 0; arg.flags <= EVFD_EVENTFS_EXCLUSIVE; arg.flags++)
		EXPECT_TRUE(fails(&arg, EMFILE));
}

TEST(every_signal)
{
	uint64_t before = sig_blocked();

	for (int sig = 1; sig <= 64; sig++) {
		int fd;

		if (sig == SIGKILL || sig == SIGSTOP)
			continue;
		fd = evfd_eventfs_new(sig, EVFD_EVENTFS_NONBLOCK);
		ASSERT_GE(fd, 0);
		EXPECT_EQ(before, sig_blocked());
		EXPECT_EQ(sig_bit(sig), sfd_mask(fd));
		close(fd);
	}
	ASSERT_EQ(0, sig_block(UINT64_MAX));
	for (int sig = 1; sig <= 64; sig++) {
		int fd = evfd_eventfs_new(sig, EVFD_EVENTFS_NONBLOCK);

		if (fd < 0)
			continue;
		EXPECT_EQ(0, poll_now(fd));
		EXPECT_EQ(-EAGAIN, sfd_take(fd));
		ASSERT_EQ(0, sig_queue(getpid(), sig, sig));
		EXPECT_EQ(POLLIN, poll_now(fd));
		EXPECT_TRUE(sfd_gives(fd, record_of_queue(sig, sig)));
		EXPECT_EQ(0, poll_now(fd));
		close(fd);
	}
}

FIXTURE(one)
{
	struct signalfd_siginfo seen[4];
	int fd;
};

FIXTURE_SETUP(one)
{
	ASSERT_EQ(0, sig_block(sig_bit(RT) | sig_bit(SIGUSR1)));
	self->fd = evfd_eventfs_new(RT, EVFD_EVENTFS_NONBLOCK);
	ASSERT_GE(self->fd, 0);
}

FIXTURE_TEARDOWN(one)
{
	close(self->fd);
}

TEST_F(one, read)
{
	EXPECT_EQ(-1, read(self->fd, self->seen, 127));
	EXPECT_EQ(EINVAL, errno);
	ASSERT_EQ(0, kill(getpid(), SIGUSR1));
	EXPECT_EQ(-EAGAIN, sfd_take(self->fd));
	for (int i = 0; i < 6; i++)
		ASSERT_EQ(0, sig_queue(getpid(), RT, i));
	EXPECT_EQ(-1, read(self->fd, nowhere(), RECORD_SIZE));
	EXPECT_EQ(EFAULT, errno);
	EXPECT_EQ(4 * RECORD_SIZE, read(self->fd, self->seen,
					sizeof(self->seen)));
	EXPECT_EQ(3, self->seen[3].ssi_int);
	EXPECT_EQ(2 * RECORD_SIZE, read(self->fd, self->seen,
					sizeof(self->seen)));
	EXPECT_EQ(4, self->seen[0].ssi_int);
	EXPECT_EQ(5, self->seen[1].ssi_int);
	EXPECT_EQ(-1, write(self->fd, self->seen, RECORD_SIZE));
	EXPECT_EQ(EINVAL, errno);
}

TEST_F(one, waits)
{
	struct call poller = { .make = call_poll, .fd = self->fd };
	struct reader reader;

	poller.value = POLLIN | POLLOUT;
	ASSERT_EQ(0, fcntl(self->fd, F_SETFL, 0));
	ASSERT_TRUE(call_start_blocked(&poller));
	ASSERT_TRUE(reader_start_blocked(&reader, self->fd));
	ASSERT_EQ(0, kill(getpid(), SIGUSR1));
	EXPECT_TRUE(call_blocks(&poller));
	EXPECT_TRUE(reader_blocks(&reader));
	/* The reader takes the first signal, so the poller needs the second. */
	ASSERT_EQ(0, kill(getpid(), RT));
	ASSERT_EQ(0, kill(getpid(), RT));
	ASSERT_TRUE(call_ends(&poller));
	EXPECT_EQ(POLLIN, poller.value);
	EXPECT_EQ(RT, reader_takes(&reader));
	EXPECT_EQ(RT, sfd_take(self->fd));
}

TEST_F(one, epoll_and_io_uring)
{
	struct epoll_event event = { .events = EPOLLIN | EPOLLET };
	int ep = epoll_create1(0);
	struct io_uring_cqe cqe;
	struct uring ring;

	ASSERT_TRUE(uring_open(&ring));
	ASSERT_EQ(0, epoll_ctl(ep, EPOLL_CTL_ADD, self->fd, &event));
	uring_poll(&ring, self->fd, POLLIN, false, 1);
	ASSERT_EQ(1, uring_submit(&ring));
	EXPECT_EQ(0, epoll_wait(ep, &event, 1, 0));
	EXPECT_FALSE(uring_next(&ring, &cqe));
	ASSERT_EQ(0, kill(getpid(), RT));
	EXPECT_EQ(1, epoll_wait(ep, &event, 1, 0));
	EXPECT_EQ(EPOLLIN, event.events);
	EXPECT_EQ(0, epoll_wait(ep, &event, 1, 0));
	ASSERT_TRUE(uring_wait(&ring, &cqe));
	EXPECT_EQ(POLLIN, cqe.res);
	uring_queue(&ring, IORING_OP_READ, self->fd, self->seen, RECORD_SIZE, 2);
	ASSERT_EQ(1, uring_submit(&ring));
	ASSERT_TRUE(uring_wait(&ring, &cqe));
	EXPECT_EQ(RECORD_SIZE, cqe.res);
	EXPECT_EQ(RT, self->seen[0].ssi_signo);
}

TEST_F(one, it_is_no_signal_descriptor)
{
	struct evfd_eventfs_signal arg = { .signal = SIGUSR1 };
	char path[64], target[64] = "";
	uint64_t mask = 1;

	EXPECT_EQ(-1, evfd_sfd_call(self->fd, &mask, 8, 0));
	EXPECT_EQ(EINVAL, errno);
	EXPECT_EQ(-1, evfd_sfd_call(self->fd, &mask, 8, EVFD_SFD_BLOCK));
	EXPECT_EQ(EINVAL, errno);
	EXPECT_EQ(-1, native_make_signalfd(self->fd, &mask, 8, 0));
	EXPECT_EQ(EINVAL, errno);
	EXPECT_EQ(-1, ioctl(self->fd, EVFD_IOC_EVENTFS_SIGNAL, &arg));
	EXPECT_EQ(ENOTTY, errno);
	EXPECT_EQ(sig_bit(RT), sfd_mask(self->fd));
	EXPECT_EQ(0, sig_blocked() & 1);
	snprintf(path, sizeof(path), "/proc/self/fd/%d", self->fd);
	EXPECT_LT(0, readlink(path, target, sizeof(target) - 1));
	EXPECT_STREQ("anon_inode:[eventfs]", target);
}

static _Atomic int handled;

static void count_signal(int sig)
{
	(void)sig;
	handled++;
}

TEST(exclusive)
{
	struct sigaction action = { .sa_handler = count_signal };
	uint64_t before = sig_blocked();
	int fd, other;

	handled = 0;
	ASSERT_EQ(0, sigaction(SIGUSR1, &action, NULL));
	ASSERT_EQ(0, kill(getpid(), SIGUSR1));
	EXPECT_EQ(1, handled);
	fd = exclusive_new(SIGUSR1);
	ASSERT_GE(fd, 0);
	EXPECT_EQ(before | sig_bit(SIGUSR1), sig_blocked());
	ASSERT_EQ(0, kill(getpid(), SIGUSR1));
	ASSERT_EQ(0, signal_thread(gettid(), SIGUSR1));
	EXPECT_EQ(1, handled);
	EXPECT_EQ(SIGUSR1, sfd_take(fd));
	EXPECT_EQ(SIGUSR1, sfd_take(fd));
	/* A second descriptor for the signal is possible. */
	other = exclusive_new(SIGUSR1);
	ASSERT_GE(other, 0);
	ASSERT_EQ(0, kill(getpid(), SIGUSR1));
	EXPECT_EQ(POLLIN, poll_now(fd));
	EXPECT_EQ(SIGUSR1, sfd_take(other));
	EXPECT_EQ(-EAGAIN, sfd_take(fd));
	/* The signal stays blocked. */
	ASSERT_EQ(0, close(fd));
	ASSERT_EQ(0, close(other));
	EXPECT_EQ(before | sig_bit(SIGUSR1), sig_blocked());
	EXPECT_EQ(1, handled);
}

/* A thread that blocks signals, and then stores its blocked signals. */
struct other {
	_Atomic bool ready, end;
	pthread_t thread;
	uint64_t block, blocked;
};

static void *block_and_wait(void *arg)
{
	struct other *other = arg;

	sig_block(other->block);
	other->blocked = sig_blocked();
	other->ready = true;
	wait_for(other->end);
	return NULL;
}

static bool start(struct other *other, uint64_t block)
{
	*other = (struct other){ .block = block };
	return !pthread_create(&other->thread, NULL, block_and_wait, other) &&
	       wait_for(other->ready);
}

static bool end(struct other *other)
{
	other->end = true;
	return !pthread_join(other->thread, NULL);
}

TEST(exclusive_of_threads)
{
	struct evfd_eventfs_signal arg = {
		.signal = SIGUSR1,
		.flags = EVFD_EVENTFS_EXCLUSIVE | EVFD_EVENTFS_NONBLOCK,
	};
	struct other with, without, later;
	int fd;

	ASSERT_TRUE(start(&with, sig_bit(SIGUSR1)));
	ASSERT_TRUE(start(&without, sig_bit(SIGUSR2)));
	EXPECT_TRUE(fails(&arg, EBUSY));
	ASSERT_EQ(0, sig_block(sig_bit(SIGUSR1)));
	EXPECT_TRUE(fails(&arg, EBUSY));
	ASSERT_EQ(0, sig_unblock(sig_bit(SIGUSR1)));
	/* A thread that blocks the signal is no obstacle, nor is a thread that has ended. */
	ASSERT_TRUE(end(&without));
	fd = exclusive_new(SIGUSR1);
	ASSERT_GE(fd, 0);
	EXPECT_EQ(sig_bit(SIGUSR1), sig_blocked() & sig_bit(SIGUSR1));
	ASSERT_TRUE(start(&later, 0));
	EXPECT_EQ(sig_bit(SIGUSR1), later.blocked & sig_bit(SIGUSR1));
	/* Any thread may read the signal. */
	ASSERT_EQ(0, kill(getpid(), SIGUSR1));
	EXPECT_EQ(SIGUSR1, sfd_take(fd));
	ASSERT_TRUE(end(&with));
	ASSERT_TRUE(end(&later));
}

TEST(threads_that_have_ended)
{
	for (int i = 0; i < 50; i++) {
		struct other other;
		int fd;

		ASSERT_TRUE(start(&other, 0));
		ASSERT_TRUE(end(&other));
		/* The thread may still be exiting, but gets no signal. */
		fd = exclusive_new(SIGUSR1);
		ASSERT_GE(fd, 0);
		close(fd);
		ASSERT_EQ(0, sig_unblock(sig_bit(SIGUSR1)));
	}
}

/* The state of a task, from its file in /proc. */
static char state_in(const char *path)
{
	FILE *file = fopen(path, "re");
	char state = 0;

	if (!file)
		return 0;
	if (fscanf(file, "%*d (%*[^)]) %c", &state) != 1)
		state = 0;
	fclose(file);
	return state;
}

static void *make_and_end(void *arg)
{
	pid_t first = getpid();
	char path[64], state = 0;
	int fd;

	(void)arg;
	snprintf(path, sizeof(path), "/proc/%d/stat", first);
	wait_for((state = state_in(path)) == 'Z');
	fd = exclusive_new(SIGUSR1);
	if (fd < 0)
		_exit(state == 'Z' ? 1 : 2);
	kill(getpid(), SIGUSR1);
	_exit(sfd_take(fd) != SIGUSR1);
}

TEST(the_first_thread_has_ended)
{
	pid_t child = fork_child();
	pthread_t thread;

	ASSERT_GE(child, 0);
	if (!child) {
		pthread_create(&thread, NULL, make_and_end, NULL);
		/* Ends only this thread, which does not block the signal. */
		syscall(SYS_exit, 3);
	}
	EXPECT_TRUE(child_ends_well(child));
}

TEST(exclusive_is_inherited)
{
	int fd = exclusive_new(SIGUSR1);
	pid_t child;

	ASSERT_GE(fd, 0);
	child = fork_child();
	ASSERT_GE(child, 0);
	if (!child) {
		if (!(sig_blocked() & sig_bit(SIGUSR1)) ||
		    kill(getpid(), SIGUSR1))
			_exit(1);
		_exit(!sfd_gives(fd, record_of_kill(SIGUSR1)));
	}
	EXPECT_TRUE(child_ends_well(child));
	EXPECT_EQ(-EAGAIN, sfd_take(fd));
}

TEST_HARNESS_MAIN
