// SPDX-License-Identifier: GPL-2.0
/* Posts from kernel code, timed by evfd_bench.ko. */
#include "cell.h"
#include "descriptors.h"
#include "speed.h"

#include <pthread.h>
#include <sys/ioctl.h>

#include "../kmod/bench_posts.h"

#define BATCHES		25
#define IN_A_ROW	10000
#define APART		1001

/* A way to post, and its column in the table. */
struct way {
	enum bench_posts_way way;
	const char *variant;
};

static const struct way ways[] = {
	{ BENCH_POSTS_NONE, "floor" },
	{ BENCH_POSTS_NATIVE, "native" },
	{ BENCH_POSTS_FILE, "evfd" },
	{ BENCH_POSTS_CTX, "evfd" },
};

/**
 * struct waiter - a thread that sleeps until a post, again and again
 * @fd: the event descriptor
 * @epoll: an epoll descriptor that watches @fd, or -1 to block in read()
 * @wakeups: number of posts that have woken the thread
 * @ends: the next wake-up is the last
 * @thread: the thread
 */
struct waiter {
	int fd, epoll;
	volatile long wakeups;
	volatile bool ends;
	pthread_t thread;
};

static void *wait_again_and_again(void *arg)
{
	struct waiter *waiter = arg;
	struct epoll_event event;

	while (!waiter->ends) {
		if (waiter->epoll >= 0)
			must(epoll_take(waiter->epoll, &event, 1, -1) == 1);
		must(take(waiter->fd) == 8);
		waiter->wakeups++;
	}
	return NULL;
}

static void start(struct waiter *waiter, bool epoll)
{
	waiter->epoll = epoll ? epoll_create1(0) : -1;
	if (epoll)
		epoll_add(waiter->epoll, waiter->fd, EPOLLIN);
	must(!pthread_create(&waiter->thread, NULL, wait_again_and_again, waiter));
	usleep(10000);
}

static void end(struct waiter *waiter)
{
	waiter->ends = true;
	must(add(waiter->fd, 1) == 8);
	must(!pthread_join(waiter->thread, NULL));
	close(waiter->epoll);
}

static double posts(int device, struct bench_posts arg)
{
	must(!ioctl(device, BENCH_POSTS, &arg));
	return (double)arg.ns / arg.times;
}

/* Returns the nanoseconds of a post in a loop. */
static double post_in_a_row(int device, int fd, const struct way *way)
{
	const struct bench_posts arg = { .fd = fd, .way = way->way, .times = IN_A_ROW };
	double values[BATCHES];

	posts(device, arg);
	for (int i = 0; i < BATCHES; i++)
		values[i] = posts(device, arg);
	return median(values, BATCHES);
}

/* Returns the nanoseconds of a post that is timed by itself. */
static double post_apart(int device, int fd, const struct way *way)
{
	const struct bench_posts arg = {
		.fd = fd, .way = way->way, .times = 1, .apart = true,
	};
	double values[APART];

	for (int i = 0; i < APART; i++)
		values[i] = posts(device, arg);
	return median(values, APART);
}

static int new_evfd(void)
{
	return new_eventfd(EVFD, 0);
}

static int new_evfd_cell(void)
{
	return new_cell(0);
}

/* The descriptors of evfd that are posted to. */
static int (*new_evfd_target)(void);

static int new_target(const struct way *way)
{
	int fd = way->way < BENCH_POSTS_FILE ? new_eventfd(NATIVE, 0) : new_evfd_target();

	must(fd >= 0);
	return fd;
}

/* Posts by context have their own row, with the same floor and native post. */
static void tell_post(const char *operation, const struct way *way, double value)
{
	char by_context[80];

	if (way->way != BENCH_POSTS_CTX)
		tell(operation, way->variant, value);
	if (way->way != BENCH_POSTS_FILE) {
		snprintf(by_context, sizeof(by_context), "%s, by context", operation);
		tell(by_context, way->variant, value);
	}
}

static void tell_no_waiter(int device, const char *operation)
{
	for (const struct way *way = ways; way < ways + ARRAY_SIZE(ways); way++) {
		int fd = new_target(way);

		tell_post(operation, way, post_in_a_row(device, fd, way));
		close(fd);
	}
}

/* The floor is the cost of reading the clock, which all variants include. */
static void tell_waiter(int device, const char *operation, bool epoll)
{
	for (const struct way *way = ways; way < ways + ARRAY_SIZE(ways); way++) {
		struct waiter waiter = { .fd = new_target(way) };

		start(&waiter, epoll);
		tell_post(operation, way, post_apart(device, waiter.fd, way));
		/* Each post has found the thread asleep. */
		must(way->way == BENCH_POSTS_NONE ||
		     waiter.wakeups == APART);
		end(&waiter);
		close(waiter.fd);
	}
}

void measure_posts(void)
{
	int device = open("/dev/" BENCH_POSTS_DEVICE_NAME, O_RDWR | O_CLOEXEC);

	must(device >= 0);
	new_evfd_target = new_evfd;
	tell_no_waiter(device, "kernel post, no waiter");
	tell_waiter(device, "kernel post, one blocked reader", false);
	tell_waiter(device, "kernel post, one epoll waiter", true);
	new_evfd_target = new_evfd_cell;
	tell_no_waiter(device, "kernel post to a cell, no waiter");
	tell_waiter(device, "kernel post to a cell, one epoll waiter", true);
	close(device);
}
