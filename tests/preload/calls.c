// SPDX-License-Identifier: GPL-2.0
/*
 * The parts of a program that the library must not affect: errno, descriptors, forks,
 * cancellation, other system calls.
 */
#include "preload.h"

static int made_before_all;

static void before_all(void)
{
	made_before_all = eventfd(5, EFD_NONBLOCK);
}

/* Runs before the constructors of all libraries. */
__attribute__((section(".preinit_array"), used))
static void (*before)(void) = before_all;

TEST(before_main)
{
	uint64_t value;

	ASSERT_GE(made_before_all, 0);
	ASSERT_EQ(0, eventfd_read(made_before_all, &value));
	EXPECT_EQ(5, value);
	EXPECT_TRUE(is_evfd_timer(timerfd_create(CLOCK_MONOTONIC, 0)));
}

TEST(errno_is_untouched)
{
	struct itimerspec value = { .it_value = { 1, 0 } };
	sigset_t set;
	int fd;

	sigemptyset(&set);
	errno = NO_ERROR;
	eventfd(0, 0);
	EXPECT_EQ(NO_ERROR, errno);
	fd = timerfd_create(CLOCK_MONOTONIC, 0);
	EXPECT_EQ(NO_ERROR, errno);
	timerfd_settime(fd, 0, &value, &value);
	EXPECT_EQ(NO_ERROR, errno);
	timerfd_gettime(fd, &value);
	EXPECT_EQ(NO_ERROR, errno);
	fd = signalfd(-1, &set, 0);
	EXPECT_EQ(NO_ERROR, errno);
	signalfd(fd, &set, 0);
	EXPECT_EQ(NO_ERROR, errno);
}

TEST(the_lowest_number)
{
	int lowest = dup(0), before, fds[3];
	sigset_t set;
	bool device;

	sigemptyset(&set);
	close(lowest);
	before = open_descriptors(&device);
	fds[0] = eventfd(0, EFD_CLOEXEC);
	fds[1] = timerfd_create(CLOCK_REALTIME, 0);
	fds[2] = signalfd(-1, &set, SFD_CLOEXEC);
	for (int i = 0; i < 3; i++) {
		EXPECT_EQ(lowest + i, fds[i]);
		EXPECT_EQ(i == 1 ? 0 : FD_CLOEXEC, fcntl(fds[i], F_GETFD));
	}
	EXPECT_EQ(before + 3, open_descriptors(&device));
	EXPECT_FALSE(device);
}

TEST(the_last_number)
{
	struct rlimit limit, after;
	int lowest = dup(0);
	bool device;
	int before;

	close(lowest);
	before = open_descriptors(&device);
	ASSERT_EQ(0, getrlimit(RLIMIT_NOFILE, &limit));
	limit.rlim_cur = lowest;
	ASSERT_EQ(0, setrlimit(RLIMIT_NOFILE, &limit));
	EXPECT_EQ(-EMFILE, result(eventfd(0, 0)));
	EXPECT_EQ(-EINVAL, result(eventfd(0, -1)));
	EXPECT_EQ(-EFAULT, result(syscall(SYS_signalfd4, -1, nowhere(), 8, 0)));
	EXPECT_EQ(-EMFILE, result(syscall(SYS_signalfd4, -1, &limit, 8, 0)));
	limit.rlim_cur++;
	ASSERT_EQ(0, setrlimit(RLIMIT_NOFILE, &limit));
	EXPECT_EQ(lowest, eventfd(0, 0));
	EXPECT_EQ(-EMFILE, result(eventfd(0, 0)));
	ASSERT_EQ(0, getrlimit(RLIMIT_NOFILE, &after));
	EXPECT_EQ(limit.rlim_cur, after.rlim_cur);
	EXPECT_EQ(limit.rlim_max, after.rlim_max);
	EXPECT_EQ(before + 1, open_descriptors(&device));
}

TEST(other_calls)
{
	char *map;
	int status, fd = memfd_create("six", 0);
	pid_t child;

	EXPECT_EQ(getpid(), syscall(SYS_getpid));
	EXPECT_EQ(-EBADF, result(syscall(SYS_close, -1)));
	EXPECT_EQ(raw(100000, 0, 0, 0, 0, 0), result(syscall(100000)));
	/* The sixth argument arrives. */
	ASSERT_EQ(0, ftruncate(fd, 3 * 4096));
	ASSERT_EQ(1, pwrite(fd, "x", 1, 2 * 4096));
#ifdef __x86_64__
	map = (char *)syscall(SYS_mmap, NULL, 4096, PROT_READ, MAP_PRIVATE, fd, 2 * 4096);
#else
	map = (char *)syscall(SYS_mmap2, NULL, 4096, PROT_READ, MAP_PRIVATE, fd, 2);
#endif
	ASSERT_NE(MAP_FAILED, (void *)map);
	EXPECT_EQ('x', map[0]);
	/* It returns twice. */
	child = syscall(SYS_clone, SIGCHLD, 0, 0, 0, 0);
	if (!child)
		_exit(eventfd(0, 0) < 0);
	ASSERT_EQ(child, waitpid(child, &status, 0));
	EXPECT_EQ(0, status);
}

/* Returns @made, unless the pending cancellation happens in eventfd(). */
static void *make_when_cancelled(void *made)
{
	int fd;

	pthread_cancel(pthread_self());
	fd = eventfd(0, 0);
	pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, NULL);
	*(int *)made = fd;
	return made;
}

TEST(no_cancellation_point)
{
	int made = -1;
	pthread_t thread;
	void *ret;

	ASSERT_EQ(0, pthread_create(&thread, NULL, make_when_cancelled, &made));
	ASSERT_EQ(0, pthread_join(thread, &ret));
	EXPECT_EQ((void *)&made, ret);
	EXPECT_GE(made, 0);
}

static int stop;

static void *make_and_close(void *unused)
{
	(void)unused;
	while (!__atomic_load_n(&stop, __ATOMIC_RELAXED))
		close(eventfd(0, 0));
	return NULL;
}

/* Forks n times. Returns how many children see the device, or can't make an eventfd. */
static int forks(int n)
{
	int bad = 0, status;
	bool device;
	pid_t child;

	while (n--) {
		child = fork();
		if (child < 0)
			return -1;
		if (!child) {
			open_descriptors(&device);
			_exit(device || eventfd(0, 0) < 0);
		}
		if (waitpid(child, &status, 0) != child || status)
			bad++;
	}
	return bad;
}

TEST(forks_see_no_device)
{
	pthread_t threads[2];

	for (int i = 0; i < 2; i++)
		ASSERT_EQ(0, pthread_create(&threads[i], NULL, make_and_close, NULL));
	EXPECT_EQ(0, forks(25));
	__atomic_store_n(&stop, 1, __ATOMIC_RELAXED);
	for (int i = 0; i < 2; i++)
		ASSERT_EQ(0, pthread_join(threads[i], NULL));
}

static int bad_forks, handled;

/* Re-arms the timer at its end, to let the program go on even if the handler takes long. */
static void make_one_and_fork(int sig)
{
	const struct itimerval soon = { .it_value = { 0, 700 } };

	(void)sig;
	close(eventfd(0, 0));
	if (handled++ % 8 == 0)
		bad_forks += forks(1);
	setitimer(ITIMER_REAL, &soon, NULL);
}

/* Handlers that make descriptors, and interrupt the same calls and forks. */
TEST(handlers)
{
	bool device;
	int before;

	before = open_descriptors(&device);
	signal(SIGALRM, make_one_and_fork);
	raise(SIGALRM);
	while (__atomic_load_n(&handled, __ATOMIC_RELAXED) < 200)
		close(eventfd(0, 0));
	EXPECT_EQ(0, forks(10));
	signal(SIGALRM, SIG_IGN);
	EXPECT_EQ(0, bad_forks);
	EXPECT_EQ(before, open_descriptors(&device));
}

TEST_HARNESS_MAIN
