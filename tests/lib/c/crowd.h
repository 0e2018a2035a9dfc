/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Threads that post to a descriptor and read from it at once. Each post is read once,
 * and no reader is left asleep.
 */
#ifndef EVFD_TESTS_CROWD_H
#define EVFD_TESTS_CROWD_H

#include "any.h"

#define CROWD_MAX	4

/* How often each thread posts. */
#define CROWD_POSTS	1000

/**
 * struct crowd - the threads, and their results
 * @kind: of the descriptor; it adds up or queues unread posts
 * @fd: the descriptor
 * @posters: how many threads post
 * @readers: how many threads read
 * @posts: how often a thread posts, if not CROWD_POSTS
 * @ms: how long it posts at most; 0 for no limit
 * @value: the value of a thread's first post, which counts up from there
 * @post: posts, if not by the kind's function: false, and errno, if it fails
 * @read: the readers' functions, in turns: each reads once, and returns the sum of the
 *	values, or 0; NULL for crowd_read()
 * @interrupts: signals the threads all the time
 * @disturb: called all the time while there are posters; may be NULL
 */
struct crowd {
	const struct kind *kind;
	int fd, posters, readers, posts, ms;
	uint64_t value;
	bool (*post)(struct crowd *crowd, uint64_t value);
	uint64_t (*read[CROWD_MAX])(struct crowd *crowd);
	bool interrupts;
	void (*disturb)(struct crowd *crowd);

	/* The sums of the values, and how many there are. */
	_Atomic uint64_t posted, got;
	_Atomic unsigned int posts_made, things_read;
	_Atomic int posters_left, readers_left, next;
	_Atomic bool stop, failed;
};

/* Reads up to n things. */
static inline uint64_t crowd_read_up_to(struct crowd *crowd, int n)
{
	char seen[8 * sizeof(union thing)];
	ssize_t size = crowd->kind->size, left = efd_read(crowd->fd, seen, n * size);
	uint64_t sum = 0;

	if (left <= 0 || left % size) {
		if (left >= 0 || (errno != EAGAIN && errno != EINTR))
			crowd->failed = true;
		return 0;
	}
	while (left) {
		union thing thing;

		left -= size;
		memcpy(&thing, seen + left, size);
		sum += crowd->kind->value(&thing);
		crowd->things_read++;
	}
	return sum;
}

static inline uint64_t crowd_read(struct crowd *crowd)
{
	return crowd_read_up_to(crowd, 1);
}

static inline uint64_t crowd_read_some(struct crowd *crowd)
{
	return crowd_read_up_to(crowd, 8);
}

/* Waits with poll() first, if the descriptor does not block. */
static inline uint64_t crowd_poll_read(struct crowd *crowd)
{
	struct pollfd pfd = { .fd = crowd->fd, .events = POLLIN };

	poll(&pfd, 1, -1);
	return crowd_read(crowd);
}

static inline void *crowd_reader(void *arg)
{
	struct crowd *crowd = arg;
	uint64_t (*read)(struct crowd *crowd) = crowd->read[crowd->next++ % CROWD_MAX];

	while (!crowd->stop)
		crowd->got += read(crowd);
	crowd->readers_left--;
	return NULL;
}

static inline bool crowd_post_by_kind(struct crowd *crowd, uint64_t value)
{
	return any_post(crowd->kind, crowd->fd, value);
}

/* Tries until the post succeeds. */
static inline void crowd_post(struct crowd *crowd, uint64_t value)
{
	struct pollfd pfd = { .fd = crowd->fd, .events = POLLOUT };

	while (!crowd->post(crowd, value)) {
		if (errno == EAGAIN) {
			poll(&pfd, 1, 1);
		} else if (errno != EINTR) {
			crowd->failed = true;
			return;
		}
	}
	crowd->posted += crowd->kind->no_value ? 1 : value;
	crowd->posts_made++;
}

static inline void *crowd_poster(void *arg)
{
	struct crowd *crowd = arg;

	repeat(crowd->posts, crowd->ms ?: DEADLINE_MS)
		crowd_post(crowd, crowd->value + i);
	crowd->posters_left--;
	return NULL;
}

/* Disturbs the threads until all posters have ended. */
static inline void crowd_disturb(struct crowd *crowd, pthread_t *threads, int n)
{
	int64_t end = now_ms() + DEADLINE_MS;

	while (crowd->posters_left && now_ms() < end) {
		for (int i = 0; crowd->interrupts && i < n; i++)
			pthread_kill(threads[i], SIGUSR1);
		if (crowd->disturb)
			crowd->disturb(crowd);
		sched_yield();
	}
}

/* Ends the readers, which wait for more, by posting more. */
static inline bool crowd_end(struct crowd *crowd)
{
	int64_t end = now_ms() + DEADLINE_MS;

	while (poll_now(crowd->fd) & POLLIN && now_ms() < end)
		sleep_ms(1);
	crowd->stop = true;
	while (crowd->readers_left && now_ms() < end) {
		crowd_post(crowd, 1);
		sleep_ms(1);
	}
	return !crowd->readers_left;
}

static inline void crowd_tell(const struct crowd *crowd, const char *problem)
{
	fprintf(stderr, "# %s: %d posters, %d readers left; posted %llu, read %llu\n", problem,
		crowd->posters_left, crowd->readers_left, (unsigned long long)crowd->posted,
		(unsigned long long)crowd->got);
}

static inline bool crowd_prepare(struct crowd *crowd)
{
	if (!crowd->posts)
		crowd->posts = CROWD_POSTS;
	if (!crowd->post)
		crowd->post = crowd_post_by_kind;
	for (int i = 0; i < CROWD_MAX; i++) {
		if (!crowd->read[i])
			crowd->read[i] = crowd_read;
	}
	crowd->posters_left = crowd->posters;
	crowd->readers_left = crowd->readers;
	return crowd->fd >= 0 && !catch_signal(SIGUSR1, 0) &&
	       !sig_set_queue_limit(CROWD_MAX * crowd->posts + 1000);
}

/* Whether the readers have got every post. */
static inline bool crowd_got_all(const struct crowd *crowd)
{
	return crowd->posted == crowd->got &&
	       (crowd->kind->unread != QUEUE || crowd->posts_made == crowd->things_read);
}

/* Runs all threads; true if no post was lost or doubled, and no thread hangs. */
static inline bool crowd_run(struct crowd *crowd)
{
	pthread_t threads[2 * CROWD_MAX];
	int n = crowd->readers + crowd->posters;

	if (!crowd_prepare(crowd))
		return false;
	for (int i = 0; i < n; i++) {
		if (pthread_create(&threads[i], NULL, i < crowd->readers ?
				   crowd_reader : crowd_poster, crowd))
			return false;
	}
	if (crowd->interrupts || crowd->disturb)
		crowd_disturb(crowd, threads, n);
	if (!wait_for(!crowd->posters_left) || !crowd_end(crowd)) {
		crowd_tell(crowd, "threads hang");
		return false;
	}
	for (int i = 0; i < n; i++)
		pthread_join(threads[i], NULL);
	fcntl(crowd->fd, F_SETFL, O_NONBLOCK);
	while (poll_now(crowd->fd) & POLLIN)
		crowd->got += crowd_read(crowd);
	if (crowd->failed || !crowd_got_all(crowd)) {
		crowd_tell(crowd, crowd->failed ? "a call has failed" : "a value was lost");
		return false;
	}
	return true;
}

#endif /* EVFD_TESTS_CROWD_H */
