// SPDX-License-Identifier: GPL-2.0
/*
 * Two threads share a ring of work items. The producer adds 1 to a counter for each item. The
 * consumer takes the whole counter, and sleeps in epoll_wait() while it is 0.
 *
 * The counter is first the kernel's own eventfd, then a cell in memory. Each prints how many
 * system calls both threads have made for a million items. The eventfd takes a call per item.
 * The cell takes a call to sleep, and a call to wake a thread that sleeps.
 */
#include <err.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <unistd.h>

/* The calls of this thread. */
static __thread unsigned int calls;

/* Counts the calls in <evfd/counter.h>. Other programs just include it. */
static int counted_ioctl(int fd, unsigned long command, void *arg)
{
	calls++;
	return ioctl(fd, command, arg);
}

#define ioctl(fd, command, arg)	counted_ioctl(fd, command, (void *)(arg))
#include <evfd/counter.h>
#undef ioctl

#define ITEMS		1000000
#define RING		4096

/* The producer pauses after so many items, and while the ring is full. */
#define BURST		10000
#define PAUSE_US	200

/* A counter of items, as a file descriptor to sleep on, and the functions for it */
struct way {
	const char *name;
	int (*open)(void);
	void (*post)(void);
	__u64 (*take)(void);
};

static __u64 ring[RING];

/* Number of items that the consumer is done with. */
static unsigned int consumed;

static int epfd;
static unsigned int producer_calls;

static void wait_for_items(void)
{
	struct epoll_event event;

	calls++;
	if (epoll_wait(epfd, &event, 1, -1) != 1 && errno != EINTR)
		err(EXIT_FAILURE, "epoll_wait");
}

/* The kernel's own eventfd */

static int efd;

static int open_eventfd(void)
{
	efd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	return efd;
}

static void post_eventfd(void)
{
	calls++;
	if (eventfd_write(efd, 1))
		err(EXIT_FAILURE, "eventfd_write");
}

static __u64 take_eventfd(void)
{
	eventfd_t n;

	do {
		wait_for_items();
		calls++;
	} while (eventfd_read(efd, &n));
	return n;
}

/* A cell in memory */

static struct evfd_counter counter;

static int open_cell(void)
{
	int device = open("/dev/" EVFD_DEVICE_NAME, O_RDONLY | O_CLOEXEC);
	int arena = evfd_arena_open(device, 1);
	struct evfd_cell *cells = arena < 0 ? NULL : evfd_arena_map(arena, 1);

	if (!cells || evfd_counter_open(&counter, device, arena, cells, 0, 0, EVFD_EFD_CLOEXEC))
		err(EXIT_FAILURE, "/dev/" EVFD_DEVICE_NAME " (is evfd.ko loaded?)");
	close(arena);
	close(device);
	return counter.fd;
}

static void post_cell(void)
{
	if (evfd_counter_write(&counter, 1))
		err(EXIT_FAILURE, "evfd_counter_write");
}

static __u64 take_cell(void)
{
	__u64 n;

	for (;;) {
		n = evfd_counter_read(&counter);
		if (n)
			return n;
		wait_for_items();
	}
}

/* The threads, with either counter */

static void pause_producer(void)
{
	calls++;
	usleep(PAUSE_US);
}

/* Item i is the number i. The counter orders the ring: see the item before it counts. */
static void *produce(void *arg)
{
	const struct way *way = arg;

	for (unsigned int i = 0; i < ITEMS; i++) {
		while (i - __atomic_load_n(&consumed, __ATOMIC_ACQUIRE) == RING)
			pause_producer();
		ring[i % RING] = i;
		way->post();
		if (i % BURST == BURST - 1)
			pause_producer();
	}
	producer_calls = calls;
	return NULL;
}

/* Returns the sum of the items. */
static __u64 consume(const struct way *way)
{
	unsigned int i = 0;
	__u64 sum = 0;

	while (i < ITEMS) {
		for (__u64 n = way->take(); n; n--)
			sum += ring[i++ % RING];
		__atomic_store_n(&consumed, i, __ATOMIC_RELEASE);
	}
	return sum;
}

static void run(struct way *way)
{
	struct epoll_event event = { .events = EPOLLIN };
	pthread_t producer;
	int fd;

	fd = way->open();
	epfd = epoll_create1(EPOLL_CLOEXEC);
	if (fd < 0 || epfd < 0 || epoll_ctl(epfd, EPOLL_CTL_ADD, fd, &event))
		err(EXIT_FAILURE, "%s", way->name);
	consumed = 0;
	calls = 0;
	if (pthread_create(&producer, NULL, produce, way))
		errx(EXIT_FAILURE, "pthread_create");
	if (consume(way) != (__u64)ITEMS * (ITEMS - 1) / 2)
		errx(EXIT_FAILURE, "%s: the sum of the items is wrong", way->name);
	pthread_join(producer, NULL);
	printf("%s: %u items, %u system calls\n", way->name, ITEMS, calls + producer_calls);
	close(epfd);
	close(fd);
}

int main(void)
{
	struct way ways[] = {
		{ "eventfd", open_eventfd, post_eventfd, take_eventfd },
		{ "cell", open_cell, post_cell, take_cell },
	};

	setvbuf(stdout, NULL, _IOLBF, 0);
	for (int i = 0; i < 2; i++)
		run(&ways[i]);
	return 0;
}
