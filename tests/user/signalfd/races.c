// SPDX-License-Identifier: GPL-2.0
/*
 * Readers of a mask that changes, and sigwaitinfo() beside read(): no signal is lost or
 * doubled, and no reader is left asleep.
 */
#include "crowd.h"

/* Waits by sigwaitinfo(), which takes signals from the same queue. */
static uint64_t wait_info(struct crowd *crowd)
{
	siginfo_t info;
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, KIND_SIGNAL);
	if (sigwaitinfo(&set, &info) != KIND_SIGNAL) {
		if (errno != EINTR)
			crowd->failed = true;
		return 0;
	}
	crowd->things_read++;
	return info.si_value.sival_int;
}

/* Takes the signal out of the mask for a moment. */
static void change_mask(struct crowd *crowd)
{
	sfd_set_mask(crowd->fd, sig_bit(SIGUSR2));
	sched_yield();
	sfd_set_mask(crowd->fd, sig_bit(KIND_SIGNAL));
}

/* Two threads that send up to 5000 signals each, for 2 s at most. */
static struct crowd crowd_of_signals(int flags)
{
	return (struct crowd){
		.kind = &kind_signalfd, .fd = kind_signalfd.make(flags),
		.posters = 2, .readers = 4, .posts = 5000, .ms = 2000, .value = 1,
	};
}

TEST(readers_that_poll_and_sigwaitinfo)
{
	struct crowd crowd = crowd_of_signals(SFD_NONBLOCK);

	for (int i = 0; i < 3; i++)
		crowd.read[i] = crowd_poll_read;
	crowd.read[3] = wait_info;
	EXPECT_TRUE(crowd_run(&crowd));
}

TEST(readers_and_sigwaitinfo_that_are_interrupted)
{
	struct crowd crowd = crowd_of_signals(0);

	crowd.read[1] = crowd_read_some;
	crowd.read[2] = wait_info;
	crowd.read[3] = crowd_poll_read;
	crowd.interrupts = true;
	EXPECT_TRUE(crowd_run(&crowd));
}

TEST(masks_that_change)
{
	struct crowd crowd = crowd_of_signals(0);

	crowd.read[1] = crowd_read_some;
	crowd.read[3] = crowd_poll_read;
	crowd.interrupts = true;
	crowd.disturb = change_mask;
	EXPECT_TRUE(crowd_run(&crowd));
}

TEST_HARNESS_MAIN
