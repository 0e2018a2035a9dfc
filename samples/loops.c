// SPDX-License-Identifier: GPL-2.0
/*
 * The same event loop on a queue of /dev/kevent and on epoll: sockets, a timer, and wake-ups
 * by another thread. Each prints how many system calls it has made to learn of its events.
 *
 * The calls for the data, a recv() and a send() for each socket event, are the same in both
 * and do not count.
 */
#include <err.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include <evfd/kevent.h>
#include <linux/evfd.h>

#define EVENTS		100000
#define PAIRS		64
#define TICK_NS		1000000
#define WAKE_US		1000

#define NR_OPS		(2 * PAIRS + 2)

/* User words of sources that are not sockets. */
#define TIMER		(2 * PAIRS)
#define WAKER		(2 * PAIRS + 1)

static int sockets[2 * PAIRS];

static struct {
	unsigned int socket_events, ticks, wakes;
	unsigned int waits, timer_calls;
	/* The waking thread's. */
	unsigned int wake_calls;
} count;

static bool ended;

static void open_sockets(void)
{
	for (int i = 0; i < 2 * PAIRS; i += 2) {
		if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0,
			       sockets + i))
			err(EXIT_FAILURE, "socketpair");
	}
}

static void close_sockets(void)
{
	for (int i = 0; i < 2 * PAIRS; i++)
		close(sockets[i]);
}

/* Sends a byte from one end of each pair. Each end answers a byte with a byte. */
static void serve(void)
{
	for (int i = 0; i < 2 * PAIRS; i += 2)
		send(sockets[i], "", 1, MSG_NOSIGNAL);
}

static void answer(int fd)
{
	char buf[16];

	count.socket_events++;
	if (recv(fd, buf, sizeof(buf), 0) > 0)
		send(fd, buf, 1, MSG_NOSIGNAL);
}

/* Wakes the loop now and then, until it has ended. */
struct waker {
	void (*wake)(const struct waker *waker);
	const struct kevent_queue *queue;
	__u64 handle;
	int fd;
};

static void *keep_waking(void *arg)
{
	const struct waker *waker = arg;

	while (!__atomic_load_n(&ended, __ATOMIC_RELAXED)) {
		waker->wake(waker);
		usleep(WAKE_US);
	}
	return NULL;
}

static pthread_t start_waking(struct waker *waker)
{
	pthread_t thread;

	ended = false;
	if (pthread_create(&thread, NULL, keep_waking, waker))
		errx(EXIT_FAILURE, "pthread_create");
	return thread;
}

static void stop_waking(pthread_t thread)
{
	__atomic_store_n(&ended, true, __ATOMIC_RELAXED);
	pthread_join(thread, NULL);
}

static void report(const char *name)
{
	unsigned int calls = count.waits + count.timer_calls + count.wake_calls;

	printf("%s: %u socket events, some ticks and wake-ups%s\n", name,
	       count.socket_events, count.ticks && count.wakes ? "" : " are missing");
	printf("%s: %u calls: %u to wait, %u for %u ticks, %u for %u wake-ups\n", name, calls,
	       count.waits, count.timer_calls, count.ticks, count.wake_calls, count.wakes);
}

/* The loop on a queue */

/* Raises the event in memory. The loop is awake, so this makes no call. */
static void wake_queue(const struct waker *waker)
{
	if (__atomic_load_n(&waker->queue->header->sleeping, __ATOMIC_RELAXED))
		count.wake_calls++;
	kevent_raise(waker->queue, waker->handle, 1);
}

static void handle(struct kevent_queue *queue, const struct kevent_event *event, __u64 timer)
{
	struct kevent_op op;

	if (event->user < TIMER) {
		answer(sockets[event->user]);
	} else if (event->user == TIMER) {
		count.ticks++;
		count.timer_calls++;
		op = kevent_op_rearm(timer, TICK_NS, 0, 0, 0);
		kevent_submit(queue, &op, 1);
	} else {
		count.wakes++;
	}
}

static void loop_on_queue(void)
{
	struct kevent_op ops[NR_OPS];
	struct kevent_queue queue;
	struct waker waker = { .wake = wake_queue, .queue = &queue };
	pthread_t thread;

	if (kevent_open(&queue, NR_OPS, 0))
		err(EXIT_FAILURE, "/dev/" KEVENT_DEVICE_NAME " (is evfd.ko loaded?)");
	for (int i = 0; i < 2 * PAIRS; i++)
		ops[i] = kevent_op_add(KEVENT_POLL, sockets[i], i, POLLIN, KEVENT_ET);
	ops[TIMER] = kevent_op_timer(CLOCK_MONOTONIC, TIMER, TICK_NS, 0, 0, 0);
	ops[WAKER] = kevent_op_add(KEVENT_USER, 0, WAKER, 1, 0);
	/* One call for all. */
	if (kevent_submit(&queue, ops, NR_OPS) != NR_OPS)
		err(EXIT_FAILURE, "KEVENT_IOC_SUBMIT");
	waker.handle = ops[WAKER].handle;
	thread = start_waking(&waker);
	serve();
	while (count.socket_events < EVENTS) {
		struct kevent_event event;
		__u32 list = 0;

		while (kevent_take_raised(&queue, &list, &event))
			handle(&queue, &event, ops[TIMER].handle);
		if (kevent_next(&queue, &event)) {
			handle(&queue, &event, ops[TIMER].handle);
		} else {
			count.waits++;
			kevent_wait(&queue, NULL, 0, -1, 0);
		}
	}
	stop_waking(thread);
	report("kevent");
	kevent_close(&queue);
}

/* The loop on epoll */

static void wake_eventfd(const struct waker *waker)
{
	__u64 one = 1;

	count.wake_calls++;
	if (write(waker->fd, &one, sizeof(one)) != sizeof(one))
		err(EXIT_FAILURE, "write");
}

static int make_timer(int device)
{
	struct evfd_timerfd_create create = {
		.clockid = CLOCK_MONOTONIC,
		.flags = EVFD_TFD_CLOEXEC | EVFD_TFD_NONBLOCK,
	};
	struct evfd_timerfd_settime set = {
		.new_value = {
			.it_value = { .tv_nsec = TICK_NS },
			.it_interval = { .tv_nsec = TICK_NS },
		},
	};
	int fd = ioctl(device, EVFD_IOC_TIMERFD_CREATE, &create);

	if (fd < 0 || ioctl(fd, EVFD_IOC_TIMERFD_SETTIME, &set))
		err(EXIT_FAILURE, "EVFD_IOC_TIMERFD_SETTIME");
	return fd;
}

static void watch(int epfd, int fd, __u64 user)
{
	struct epoll_event event = { .events = EPOLLIN | EPOLLET, .data.u64 = user };

	if (epoll_ctl(epfd, EPOLL_CTL_ADD, fd, &event))
		err(EXIT_FAILURE, "epoll_ctl");
}

static void loop_on_epoll(void)
{
	struct evfd_eventfd arg = { .flags = EVFD_EFD_CLOEXEC | EVFD_EFD_NONBLOCK };
	int device = open("/dev/" EVFD_DEVICE_NAME, O_RDONLY | O_CLOEXEC);
	struct waker waker = { .wake = wake_eventfd };
	int epfd = epoll_create1(EPOLL_CLOEXEC);
	int timer = make_timer(device);
	pthread_t thread;

	waker.fd = ioctl(device, EVFD_IOC_EVENTFD, &arg);
	if (device < 0 || epfd < 0 || waker.fd < 0)
		err(EXIT_FAILURE, "/dev/" EVFD_DEVICE_NAME);
	for (int i = 0; i < 2 * PAIRS; i++)
		watch(epfd, sockets[i], i);
	watch(epfd, timer, TIMER);
	watch(epfd, waker.fd, WAKER);
	thread = start_waking(&waker);
	serve();
	while (count.socket_events < EVENTS) {
		struct epoll_event events[PAIRS];
		int n = epoll_wait(epfd, events, PAIRS, -1);
		__u64 value;

		count.waits++;
		for (int i = 0; i < n; i++) {
			if (events[i].data.u64 < TIMER) {
				answer(sockets[events[i].data.u64]);
				continue;
			}
			if (events[i].data.u64 == TIMER) {
				count.timer_calls++;
				count.ticks += read(timer, &value, sizeof(value)) > 0;
			} else {
				/* Edge-triggered: the loop need not read the counter. */
				count.wakes++;
			}
		}
	}
	stop_waking(thread);
	report("epoll");
	close(waker.fd);
	close(timer);
	close(epfd);
	close(device);
}

int main(void)
{
	setvbuf(stdout, NULL, _IOLBF, 0);
	open_sockets();
	loop_on_queue();
	close_sockets();
	memset(&count, 0, sizeof(count));
	open_sockets();
	loop_on_epoll();
	close_sockets();
	return 0;
}
