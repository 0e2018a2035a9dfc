/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Writers and readers on one descriptor at once: what is read in all must be
 * what was written in all, and nobody may be left asleep.
 */
#ifndef EVFD_TESTS_RACES_H
#define EVFD_TESTS_RACES_H

#include "common.h"

#define CROWD_MAX	4

/* How many times each writer writes. */
#define CROWD_WRITES	1000

struct crowd {
	int fd;
	int writers, readers;
	/* What a writer adds each time, and what it adds to that each time. */
	uint64_t value, step;
	/* How a reader reads: the value, or 0, which means "again". */
	uint64_t (*read)(struct crowd *crowd);
	/* Threads that are signalled all the time. */
	bool signals;

	_Atomic uint64_t written, got;
	_Atomic int writers_left, readers_left;
	_Atomic bool stop, failed;
};

static inline uint64_t crowd_read(struct crowd *crowd)
{
	uint64_t value;
	ssize_t n = read(crowd->fd, &value, sizeof(value));

	if (n == sizeof(value))
		return value;
	if (n >= 0 || (errno != EAGAIN && errno != EINTR))
		crowd->failed = true;
	return 0;
}

/* Waits with poll() first: for descriptors that do not block. */
static inline uint64_t crowd_poll_read(struct crowd *crowd)
{
	struct pollfd pfd = { .fd = crowd->fd, .events = POLLIN };

	poll(&pfd, 1, -1);
	return crowd_read(crowd);
}

static inline void *crowd_reader(void *arg)
{
	struct crowd *crowd = arg;

	while (!crowd->stop)
		crowd->got += crowd->read(crowd);
	crowd->readers_left--;
	return NULL;
}

static inline void crowd_write(struct crowd *crowd, uint64_t value)
{
	struct pollfd pfd = { .fd = crowd->fd, .events = POLLOUT };

	while (efd_add(crowd->fd, value) != sizeof(value)) {
		if (errno == EAGAIN) {
			poll(&pfd, 1, 1);
		} else if (errno != EINTR) {
			crowd->failed = true;
			return;
		}
	}
	crowd->written += value;
}

static inline void *crowd_writer(void *arg)
{
	struct crowd *crowd = arg;
	uint64_t value = crowd->value;

	for (int i = 0; i < CROWD_WRITES; i++) {
		crowd_write(crowd, value);
		value += crowd->step;
	}
	crowd->writers_left--;
	return NULL;
}

/* Signals the threads until all the writers have ended. */
static inline void crowd_signal(struct crowd *crowd, pthread_t *threads, int n)
{
	int64_t end = now_ms() + DEADLINE_MS;

	while (crowd->writers_left && now_ms() < end) {
		for (int i = 0; i < n; i++)
			pthread_kill(threads[i], SIGUSR1);
	}
}

/* Ends the readers that wait for more, by writing more. */
static inline bool crowd_end(struct crowd *crowd)
{
	int64_t end = now_ms() + DEADLINE_MS;

	while (efd_count(crowd->fd) > 0 && now_ms() < end)
		sleep_ms(1);
	crowd->stop = true;
	while (crowd->readers_left && now_ms() < end) {
		crowd_write(crowd, 1);
		sleep_ms(1);
	}
	return !crowd->readers_left;
}

/* Runs it all; true if nothing was lost or doubled, and nobody hangs. */
static inline bool crowd_run(struct crowd *crowd)
{
	pthread_t threads[2 * CROWD_MAX];
	int n = crowd->readers + crowd->writers;
	int64_t left;

	if (!crowd->read)
		crowd->read = crowd_read;
	crowd->writers_left = crowd->writers;
	crowd->readers_left = crowd->readers;
	catch_signal(SIGUSR1, 0);
	for (int i = 0; i < n; i++) {
		if (pthread_create(&threads[i], NULL, i < crowd->readers ?
				   crowd_reader : crowd_writer, crowd))
			return false;
	}
	if (crowd->signals)
		crowd_signal(crowd, threads, n);
	if (!wait_for(!crowd->writers_left) || !crowd_end(crowd)) {
		fprintf(stderr, "# %d writers, %d readers hang; counter %lld\n",
			crowd->writers_left, crowd->readers_left,
			(long long)efd_count(crowd->fd));
		return false;
	}
	for (int i = 0; i < n; i++)
		pthread_join(threads[i], NULL);
	left = efd_count(crowd->fd);
	if (crowd->failed || crowd->written != crowd->got + left) {
		fprintf(stderr, "# written %llu, read %llu, left %lld\n",
			(unsigned long long)crowd->written,
			(unsigned long long)crowd->got, (long long)left);
		return false;
	}
	return true;
}

#endif /* EVFD_TESTS_RACES_H */
