// SPDX-License-Identifier: GPL-2.0
/*
 * Signals for threads, signals for processes, and many readers: each signal is read once.
 */
#include "signal.h"

#define RT	(SIG_FIRST_RT + 8)

TEST(a_signal_for_a_thread_is_for_that_one)
{
	static struct reader readers[3];
	int fd = sfd_new_blocked(sig_bit(RT), 0);
	struct signalfd_siginfo want = record_of_queue(RT, 7);

	ASSERT_GE(fd, 0);
	for (int i = 0; i < 3; i++)
		ASSERT_TRUE(reader_start_blocked(&readers[i], fd));
	ASSERT_EQ(0, sig_queue_thread(readers[1].call.tid, RT, 7));
	EXPECT_EQ(RT, reader_takes(&readers[1]));
	EXPECT_TRUE(record_is(&want, &readers[1].info));
	EXPECT_TRUE(reader_blocks(&readers[0]));
	EXPECT_TRUE(reader_blocks(&readers[2]));
	/* Any thread may read a signal for the process. */
	ASSERT_EQ(0, sig_queue(getpid(), RT, 8));
	ASSERT_TRUE(wait_for(readers[0].call.done || readers[2].call.done));
	ASSERT_EQ(0, sig_queue(getpid(), RT, 9));
	EXPECT_EQ(RT, reader_takes(&readers[0]));
	EXPECT_EQ(RT, reader_takes(&readers[2]));
	EXPECT_EQ(8 + 9, readers[0].info.ssi_int + readers[2].info.ssi_int);
}

/* A thread that polls and reads on request. */
struct looker {
	_Atomic pid_t tid;
	_Atomic bool look, read;
	pthread_t thread;
	int fd;
	int polled, taken;
};

static void *look_and_read(void *arg)
{
	struct looker *looker = arg;

	looker->tid = gettid();
	wait_for(looker->look);
	looker->polled = poll_now(looker->fd);
	wait_for(looker->read);
	looker->taken = sfd_take(looker->fd);
	return NULL;
}

TEST(others_do_not_see_it)
{
	struct looker looker = { };

	looker.fd = sfd_new_blocked(sig_bit(SIGUSR1), SFD_NONBLOCK);
	ASSERT_GE(looker.fd, 0);
	ASSERT_EQ(0, pthread_create(&looker.thread, NULL, look_and_read,
				    &looker));
	ASSERT_TRUE(wait_for(looker.tid));
	ASSERT_EQ(0, signal_thread(looker.tid, SIGUSR1));
	EXPECT_EQ(0, poll_now(looker.fd));
	EXPECT_EQ(-EAGAIN, sfd_take(looker.fd));
	looker.look = true;
	looker.read = true;
	ASSERT_EQ(0, pthread_join(looker.thread, NULL));
	EXPECT_EQ(POLLIN, looker.polled);
	EXPECT_EQ(SIGUSR1, looker.taken);
}

TEST(one_for_the_process_is_seen_by_all)
{
	struct looker looker = { .look = true };

	looker.fd = sfd_new_blocked(sig_bit(SIGUSR1), SFD_NONBLOCK);
	ASSERT_GE(looker.fd, 0);
	ASSERT_EQ(0, kill(getpid(), SIGUSR1));
	ASSERT_EQ(0, pthread_create(&looker.thread, NULL, look_and_read,
				    &looker));
	EXPECT_EQ(POLLIN, poll_now(looker.fd));
	EXPECT_EQ(SIGUSR1, sfd_take(looker.fd));
	looker.read = true;
	ASSERT_EQ(0, pthread_join(looker.thread, NULL));
	EXPECT_EQ(-EAGAIN, looker.taken);
}

TEST(a_thread_s_signals_go_with_it)
{
	struct looker looker = { .look = true };

	/* The descriptor of the thread is for another signal. */
	looker.fd = sfd_new_blocked(sig_bit(SIGUSR2), SFD_NONBLOCK);
	ASSERT_GE(looker.fd, 0);
	ASSERT_EQ(0, sig_block(sig_bit(SIGUSR1)));
	ASSERT_EQ(0, pthread_create(&looker.thread, NULL, look_and_read,
				    &looker));
	ASSERT_TRUE(wait_for(looker.tid));
	ASSERT_EQ(0, signal_thread(looker.tid, SIGUSR1));
	looker.read = true;
	ASSERT_EQ(0, pthread_join(looker.thread, NULL));
	EXPECT_EQ(-EAGAIN, looker.taken);
	ASSERT_EQ(looker.fd, sfd_set_mask(looker.fd, sig_bit(SIGUSR1)));
	EXPECT_EQ(0, poll_now(looker.fd));
	EXPECT_EQ(-EAGAIN, sfd_take(looker.fd));
}

TEST(timer_for_a_thread)
{
	static struct reader readers[2];
	int fd = sfd_new_blocked(sig_bit(RT), 0);
	struct sigevent event = {
		.sigev_notify = SIGEV_THREAD_ID,
		.sigev_signo = RT,
		.sigev_value = { .sival_int = 3 },
	};
	struct itimerspec soon = { .it_value = { .tv_nsec = 1 } };
	timer_t timer;

	ASSERT_GE(fd, 0);
	for (int i = 0; i < 2; i++)
		ASSERT_TRUE(reader_start_blocked(&readers[i], fd));
	event._sigev_un._tid = readers[1].call.tid;
	ASSERT_EQ(0, timer_create(CLOCK_MONOTONIC, &event, &timer));
	ASSERT_EQ(0, timer_settime(timer, 0, &soon, NULL));
	EXPECT_EQ(RT, reader_takes(&readers[1]));
	EXPECT_EQ(SI_TIMER, readers[1].info.ssi_code);
	EXPECT_EQ(3, readers[1].info.ssi_int);
	EXPECT_TRUE(reader_blocks(&readers[0]));
	ASSERT_EQ(0, kill(getpid(), RT));
	EXPECT_EQ(RT, reader_takes(&readers[0]));
}

static void *take_and_end(void *arg)
{
	_exit(sfd_take((intptr_t)arg) != SIGUSR1);
	return NULL;
}

/* The first number in a file, or -1. */
static int first_number(const char *path)
{
	FILE *file = fopen(path, "re");
	int number = -1;

	if (!file)
		return -1;
	if (fscanf(file, "%d", &number) != 1)
		number = -1;
	fclose(file);
	return number;
}

TEST(the_first_thread_has_ended)
{
	int fd = sfd_new_blocked(sig_bit(SIGUSR1), 0);
	pid_t child = fork_child();
	pthread_t thread;
	char path[64];

	ASSERT_GE(fd, 0);
	ASSERT_GE(child, 0);
	if (!child) {
		pthread_create(&thread, NULL, take_and_end,
			       (void *)(intptr_t)fd);
		syscall(SYS_exit, 1);
	}
	/* A zombie has no memory. */
	snprintf(path, sizeof(path), "/proc/%d/statm", child);
	ASSERT_TRUE(wait_for(first_number(path) == 0));
	ASSERT_EQ(0, kill(child, SIGUSR1));
	EXPECT_TRUE(child_ends_well(child));
}

TEST_HARNESS_MAIN
