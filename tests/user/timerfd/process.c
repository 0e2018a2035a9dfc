// SPDX-License-Identifier: GPL-2.0
/*
 * Timers and processes: an armed timer goes on while its file is open, in whichever
 * process, and ends with it.
 */
#include "timer.h"
#include "fd_passing.h"

static int new_timer(int flags)
{
	return tfd_new(CLOCK_REALTIME, flags);
}

static bool exits_well(pid_t child)
{
	int status;

	return waitpid(child, &status, 0) == child && !status;
}

/* Whether the timer is armed for a time that does not come. */
static bool goes_on(int fd)
{
	return tfd_left(fd) > FAR_NS / 2;
}

TEST(it_goes_on_without_the_process_that_set_it)
{
	int fd = new_timer(0);
	pid_t child;

	ASSERT_GE(fd, 0);
	child = fork_child();
	ASSERT_GE(child, 0);
	if (!child)
		_exit(!!tfd_arm_late(fd, CLOCK_REALTIME));
	EXPECT_EQ(LATE_TICKS, tfd_ticks(fd));
	EXPECT_TRUE(exits_well(child));
	EXPECT_TRUE(goes_on(fd));

	child = fork_child();
	ASSERT_GE(child, 0);
	if (!child)
		_exit(tfd_ticks(fd) != 1);
	ASSERT_EQ(0, tfd_arm(fd, 0, 20 * NS_PER_MS, 0));
	EXPECT_TRUE(exits_well(child));
	EXPECT_EQ(0, poll_now(fd));
}

TEST(it_goes_on_after_exec)
{
	int fd = new_timer(TFD_NONBLOCK);
	char number[16], *argv[] = { "/proc/self/exe", "--goes-on", number, NULL };
	pid_t child;

	ASSERT_GE(fd, 0);
	ASSERT_EQ(0, tfd_arm_late(fd, CLOCK_REALTIME));
	ASSERT_TRUE(tfd_expires(fd));
	snprintf(number, sizeof(number), "%d", fd);
	child = fork_child();
	if (!child) {
		execv(argv[0], argv);
		_exit(99);
	}
	EXPECT_TRUE(exits_well(child));
	/* The program has read it, and armed it again. */
	EXPECT_TRUE(tfd_expires(fd));
	EXPECT_EQ(1, tfd_ticks(fd));
}

/* Run after exec: 0 if all is as it should be. */
static int after_exec(int fd)
{
	if (tfd_ticks(fd) != LATE_TICKS || !goes_on(fd))
		return 1;
	return !!tfd_arm(fd, 0, 1, 0);
}

TEST(it_goes_on_while_a_copy_is_open)
{
	int fd = new_timer(TFD_NONBLOCK);
	int copies[2] = { dup(fd), dup(fd) };

	ASSERT_GE(fd, 0);
	ASSERT_EQ(0, tfd_arm_late(fd, CLOCK_REALTIME));
	ASSERT_TRUE(tfd_expires(fd));
	EXPECT_EQ(LATE_TICKS, tfd_ticks(fd));
	ASSERT_EQ(0, close(fd));
	ASSERT_EQ(0, close(copies[0]));
	EXPECT_TRUE(goes_on(copies[1]));
}

TEST(in_flight_it_goes_on)
{
	int fd = new_timer(TFD_NONBLOCK);
	int socks[2], other;

	ASSERT_GE(fd, 0);
	ASSERT_EQ(0, socketpair(AF_UNIX, SOCK_STREAM, 0, socks));
	ASSERT_EQ(0, tfd_arm(fd, 0, NS_PER_MS, 0));
	ASSERT_TRUE(send_fd(socks[0], fd));
	ASSERT_EQ(0, close(fd));
	sleep_ms(10);
	other = receive_fd(socks[1]);
	ASSERT_GE(other, 0);
	ASSERT_TRUE(tfd_expires(other));
	EXPECT_EQ(1, tfd_ticks(other));
	/* Never received, it goes with the socket, and so does the timer. */
	ASSERT_EQ(0, tfd_arm(other, 0, FAR_NS, 1));
	ASSERT_TRUE(send_fd(socks[0], other));
	ASSERT_EQ(0, close(other));
	EXPECT_EQ(0, close(socks[0]));
	EXPECT_EQ(0, close(socks[1]));
}

TEST(calls_on_a_closed_timer)
{
	int fd = new_timer(0);
	struct evfd_itimerspec now;

	ASSERT_GE(fd, 0);
	ASSERT_EQ(0, tfd_arm(fd, 0, FAR_NS, 0));
	EXPECT_EQ(0, close(fd));
	EXPECT_EQ(-1, close(fd));
	EXPECT_EQ(EBADF, errno);
	EXPECT_EQ(-EBADF, tfd_ticks(fd));
	EXPECT_EQ(-1, tfd_get(fd, &now));
	EXPECT_EQ(EBADF, errno);
	EXPECT_EQ(-1, tfd_arm(fd, 0, 1, 0));
	EXPECT_EQ(EBADF, errno);
}

/* At every moment of the timer's life, including the expiration. */
TEST(closed_while_armed)
{
	static const int clocks[] = {
		CLOCK_MONOTONIC, CLOCK_REALTIME, CLOCK_BOOTTIME,
		CLOCK_REALTIME_ALARM, CLOCK_BOOTTIME_ALARM,
	};

	for (int i = 0; i < 500; i++) {
		int fd = tfd_new(clocks[i % ARRAY_SIZE(clocks)], TFD_NONBLOCK);

		ASSERT_GE(fd, 0);
		ASSERT_EQ(0, tfd_arm(fd, 0, i % 3 ? i * 1000 + 1 : FAR_NS, i % 2));
		EXPECT_EQ(0, close(fd));
	}
}

TEST(killed_with_armed_timers)
{
	int ready = efd_new(0, 0);
	int status;
	pid_t child;

	ASSERT_GE(ready, 0);
	child = fork_child();
	ASSERT_GE(child, 0);
	if (!child) {
		for (int i = 0; i < 100; i++)
			tfd_arm(new_timer(0), 0, i % 2 ? FAR_NS : 1, 1);
		efd_add(ready, 1);
		pause();
	}
	EXPECT_EQ(1, efd_take(ready));
	ASSERT_EQ(0, kill(child, SIGKILL));
	ASSERT_EQ(child, waitpid(child, &status, 0));
	EXPECT_TRUE(WIFSIGNALED(status));
}

int main(int argc, char **argv)
{
	if (argc == 3 && !strcmp(argv[1], "--goes-on"))
		return after_exec(atoi(argv[2]));
	return test_harness_run(argc, argv);
}
