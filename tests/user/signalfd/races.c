// SPDX-License-Identifier: GPL-2.0
/*
 * Many who send and many who read at once: no signal is lost or doubled, and
 * nobody is left asleep.
 */
#include "signal.h"

#define RT	(SIG_FIRST_RT + 8)

#define SENDERS		2
#define READERS		4

/* How many signals each sender sends, and for how long at most. */
#define SIGNALS		5000
#define SEND_MS		2000

struct crowd {
	int fd;
	/* Reads once: how many were read, of what sum. Nothing is 0 of them. */
	int (*read[READERS])(struct crowd *crowd, unsigned int *sum);
	/* Threads that are signalled all the time, and a mask that changes. */
	bool interrupt, set_masks;

	_Atomic unsigned int sum, count, sent_sum, sent;
	_Atomic int senders_left, readers_left, next;
	_Atomic bool stop, failed;
};

/* Reads up to n records. */
static int read_records(struct crowd *crowd, int n, unsigned int *sum)
{
	struct signalfd_siginfo seen[8];
	ssize_t size = read(crowd->fd, seen, n * sizeof(struct signalfd_siginfo));

	if (size < 0 && (errno == EAGAIN || errno == EINTR))
		return 0;
	if (size <= 0 || size % RECORD_SIZE) {
		crowd->failed = true;
		return 0;
	}
	for (int i = 0; i < size / RECORD_SIZE; i++) {
		if (seen[i].ssi_signo != RT || seen[i].ssi_code != SI_QUEUE)
			crowd->failed = true;
		*sum += seen[i].ssi_int;
	}
	return size / RECORD_SIZE;
}

static int read_one(struct crowd *crowd, unsigned int *sum)
{
	return read_records(crowd, 1, sum);
}

static int read_some(struct crowd *crowd, unsigned int *sum)
{
	return read_records(crowd, 8, sum);
}

static int poll_and_read(struct crowd *crowd, unsigned int *sum)
{
	struct pollfd pfd = { .fd = crowd->fd, .events = POLLIN };

	poll(&pfd, 1, -1);
	return read_one(crowd, sum);
}

/* Waits by sigwaitinfo(), which takes signals from the same queue. */
static int wait_info(struct crowd *crowd, unsigned int *sum)
{
	siginfo_t info;
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, RT);
	if (sigwaitinfo(&set, &info) != RT) {
		if (errno != EINTR)
			crowd->failed = true;
		return 0;
	}
	*sum += info.si_value.sival_int;
	return 1;
}

static void *read_all(void *arg)
{
	struct crowd *crowd = arg;
	int own = crowd->next++;

	while (!crowd->stop) {
		unsigned int sum = 0;
		int n = crowd->read[own](crowd, &sum);

		crowd->sum += sum;
		crowd->count += n;
	}
	crowd->readers_left--;
	return NULL;
}

static void *send_all(void *arg)
{
	struct crowd *crowd = arg;

	repeat(SIGNALS, SEND_MS) {
		if (sig_queue(getpid(), RT, i))
			crowd->failed = true;
		crowd->sent_sum += i;
		crowd->sent++;
	}
	crowd->senders_left--;
	return NULL;
}

/* Disturbs the readers until all was sent. */
static void disturb(struct crowd *crowd, pthread_t *readers)
{
	int64_t end = now_ms() + DEADLINE_MS;

	while (crowd->senders_left && now_ms() < end) {
		for (int i = 0; crowd->interrupt && i < READERS; i++)
			pthread_kill(readers[i], SIGUSR2);
		if (crowd->set_masks) {
			sfd_set_mask(crowd->fd, sig_bit(SIGUSR1));
			sched_yield();
			sfd_set_mask(crowd->fd, sig_bit(RT));
		}
		sched_yield();
	}
}

/* Ends the readers, each by a signal that adds nothing to the sum. */
static bool end_readers(struct crowd *crowd)
{
	int64_t end = now_ms() + DEADLINE_MS;

	crowd->stop = true;
	while (crowd->readers_left && now_ms() < end) {
		sig_queue(getpid(), RT, 0);
		crowd->sent++;
		sleep_ms(1);
	}
	return !crowd->readers_left;
}

/* Runs it all; true if nothing was lost or doubled, and nobody hangs. */
static bool run(struct crowd *crowd)
{
	pthread_t senders[SENDERS], readers[READERS];
	unsigned int left = 0;

	if (crowd->fd < 0 || catch_signal(SIGUSR2, 0) ||
	    sig_set_queue_limit(2 * SENDERS * SIGNALS))
		return false;
	crowd->senders_left = SENDERS;
	crowd->readers_left = READERS;
	for (int i = 0; i < READERS; i++)
		pthread_create(&readers[i], NULL, read_all, crowd);
	for (int i = 0; i < SENDERS; i++)
		pthread_create(&senders[i], NULL, send_all, crowd);
	disturb(crowd, readers);
	wait_for(crowd->count == crowd->sent && !crowd->senders_left);
	if (!end_readers(crowd))
		return false;
	fcntl(crowd->fd, F_SETFL, O_NONBLOCK);
	while (sfd_take(crowd->fd) == RT)
		left++;
	if (crowd->failed || crowd->sum != crowd->sent_sum ||
	    crowd->count + left != crowd->sent) {
		fprintf(stderr, "# sent %u, sum %u; read %u and %u, sum %u\n",
			crowd->sent, crowd->sent_sum, crowd->count, left,
			crowd->sum);
		return false;
	}
	return true;
}

TEST(readers)
{
	struct crowd crowd = {
		.fd = sfd_new_blocked(sig_bit(RT), 0),
		.read = { read_one, read_some, read_one, read_some },
	};

	EXPECT_TRUE(run(&crowd));
}

TEST(readers_that_poll)
{
	struct crowd crowd = {
		.fd = sfd_new_blocked(sig_bit(RT), SFD_NONBLOCK),
		.read = {
			poll_and_read, poll_and_read, poll_and_read, wait_info,
		},
	};

	EXPECT_TRUE(run(&crowd));
}

TEST(readers_that_are_interrupted)
{
	struct crowd crowd = {
		.fd = sfd_new_blocked(sig_bit(RT), 0),
		.read = { read_one, read_some, wait_info, poll_and_read },
		.interrupt = true,
	};

	EXPECT_TRUE(run(&crowd));
}

TEST(masks_that_change)
{
	struct crowd crowd = {
		.fd = sfd_new_blocked(sig_bit(RT), 0),
		.read = { read_one, read_some, read_one, poll_and_read },
		.interrupt = true,
		.set_masks = true,
	};

	EXPECT_TRUE(run(&crowd));
}

/* What the threads of a race share: a number that comes and goes. */
struct target {
	_Atomic int fd;
	_Atomic bool stop;
	int ep;
};

/* How long a race goes on that has no end of its own. */
#define RACE_MS	300

static void *use(void *arg)
{
	struct epoll_event event = { .events = EPOLLIN | EPOLLET };
	struct target *target = arg;

	for (unsigned int i = 0; !target->stop; i++) {
		int fd = target->fd;

		kill(getpid(), SIGUSR1);
		poll_now(fd);
		epoll_ctl(target->ep, EPOLL_CTL_ADD, fd, &event);
		epoll_wait(target->ep, &event, 1, 0);
		sfd_set_mask(fd, sig_bit(i % 2 ? SIGUSR1 : SIGUSR2));
		sfd_take(fd);
		sfd_mask(fd);
		event.events = EPOLLIN | (i % 4 < 2 ? EPOLLET : 0);
		epoll_ctl(target->ep, EPOLL_CTL_MOD, fd, &event);
		if (i % 2)
			epoll_ctl(target->ep, EPOLL_CTL_DEL, fd, &event);
	}
	return NULL;
}

/* Runs two threads that use what change() replaces all the time. */
static bool race(bool (*change)(struct target *target))
{
	struct target target = {
		.fd = sfd_new_blocked(sig_bit(SIGUSR1), SFD_NONBLOCK),
		.ep = epoll_create1(0),
	};
	int64_t end = now_ms() + RACE_MS;
	pthread_t threads[2];
	bool good = true;

	for (int i = 0; i < 2; i++)
		pthread_create(&threads[i], NULL, use, &target);
	while (good && now_ms() < end)
		good = change(&target);
	target.stop = true;
	for (int i = 0; i < 2; i++)
		pthread_join(threads[i], NULL);
	return good;
}

static bool change_by_close(struct target *target)
{
	close(target->fd);
	target->fd = sfd_new(sig_bit(SIGUSR1), SFD_NONBLOCK);
	return target->fd >= 0;
}

TEST(close_against_everything)
{
	EXPECT_TRUE(race(change_by_close));
}

static bool change_by_dup(struct target *target)
{
	int fresh = sfd_new(sig_bit(SIGUSR1), SFD_NONBLOCK);
	bool good = fresh >= 0 && dup2(fresh, target->fd) == target->fd;

	close(fresh);
	return good;
}

TEST(dup_against_everything)
{
	EXPECT_TRUE(race(change_by_dup));
}

static bool change_by_fork(struct target *target)
{
	pid_t child = fork_child();

	if (!child) {
		struct epoll_event event = { .events = EPOLLIN };

		epoll_ctl(target->ep, EPOLL_CTL_ADD, target->fd, &event);
		_exit(0);
	}
	return change_by_close(target) && child_ends_well(child);
}

TEST(fork_against_everything)
{
	EXPECT_TRUE(race(change_by_fork));
}

TEST_HARNESS_MAIN
