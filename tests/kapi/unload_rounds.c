// SPDX-License-Identifier: GPL-2.0
/*
 * Loads evfd.ko, takes a reference on it, checks that unloading is refused, drops the
 * reference, and unloads it. The rounds alternate between all kinds of references.
 *
 *	unload_rounds ROUNDS DIRECTORY-OF-THE-MODULES
 */
#include "kevent_raw.h"

#include <evfd/counter.h>

#include <err.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>

#include "kselftest.h"
#include "fd_passing.h"
#include "module.h"
#include "../kmod/post_test.h"

static const char *directory;
static unsigned int round_nr;

#define fail(format, ...)						\
	ksft_exit_fail_msg("round %u: " format "\n", round_nr, ##__VA_ARGS__)

#define must(condition)							\
	do {								\
		if (!(condition))					\
			fail("line %d: %s: %s", __LINE__, #condition,	\
			     strerror(errno));				\
	} while (0)

static void expect_refused(void)
{
	if (unload_module("evfd") == 0)
		fail("evfd was unloaded although it is in use");
	must(errno == EWOULDBLOCK);
}

static int references(void)
{
	FILE *file = fopen("/sys/module/evfd/refcnt", "re");
	int count;

	must(file);
	must(fscanf(file, "%d", &count) == 1);
	fclose(file);
	return count;
}

static int open_device(const char *path)
{
	int dev = open(path, O_RDWR | O_CLOEXEC);

	must(dev >= 0);
	return dev;
}

static int make_descriptor(void)
{
	int fd = evfd_new(1, EVFD_EFD_NONBLOCK);

	must(fd >= 0);
	return fd;
}

static void device_open(void)
{
	int dev = open_device("/dev/" EVFD_DEVICE_NAME);

	expect_refused();
	close(dev);
}

static void descriptor_open(void)
{
	struct epoll_event event = { .events = EPOLLIN | EPOLLET };
	int fd = make_descriptor();
	int epfd = epoll_create1(0);
	__u64 count = 4;

	must(write(fd, &count, sizeof(count)) == sizeof(count));
	must(epoll_ctl(epfd, EPOLL_CTL_ADD, fd, &event) == 0);
	must(epoll_wait(epfd, &event, 1, 0) == 1);
	expect_refused();
	must(read(fd, &count, sizeof(count)) == sizeof(count));
	must(count == 5);
	close(fd);
	close(epfd);
}

static void descriptor_in_a_message(void)
{
	int fd = make_descriptor();
	int pair[2];

	must(socketpair(AF_UNIX, SOCK_STREAM, 0, pair) == 0);
	must(send_fd(pair[0], fd));
	close(fd);
	expect_refused();
	close(pair[0]);
	close(pair[1]);
}

static void descriptor_of_a_child(void)
{
	int fd = make_descriptor();
	pid_t pid = fork();

	must(pid >= 0);
	if (!pid) {
		struct pollfd pfd = { .fd = fd, .events = POLLERR };

		poll(&pfd, 1, -1);
		_exit(0);
	}
	close(fd);
	expect_refused();
	kill(pid, SIGKILL);
	must(waitpid(pid, NULL, 0) == pid);
}

static int make_timer(int clockid, __u32 flags, __s64 sec, __s64 interval_ns)
{
	struct evfd_timerfd_settime set = {
		.flags = flags,
		.new_value = {
			.it_value = { .tv_sec = sec, .tv_nsec = 1 },
			.it_interval = { .tv_nsec = interval_ns },
		},
	};
	int fd = evfd_timer_new(clockid, EVFD_TFD_NONBLOCK);

	must(fd >= 0);
	must(ioctl(fd, EVFD_IOC_TIMERFD_SETTIME, &set) == 0);
	return fd;
}

/* Setting the clock just before unloading leaves the walk through the timers pending. */
static void timers_armed(void)
{
	const __u32 cancel = EVFD_TFD_TIMER_ABSTIME | EVFD_TFD_TIMER_CANCEL_ON_SET;
	struct timespec now;
	__u64 ticks;
	int fds[] = {
		make_timer(CLOCK_MONOTONIC, 0, 0, 1),
		make_timer(CLOCK_BOOTTIME_ALARM, 0, 0, 1000),
		make_timer(CLOCK_BOOTTIME, EVFD_TFD_TIMER_ABSTIME, 1LL << 32, 0),
		make_timer(CLOCK_REALTIME, cancel, 1LL << 32, 0),
		make_timer(CLOCK_REALTIME_ALARM, cancel, 1LL << 32, 0),
	};

	expect_refused();
	must(clock_gettime(CLOCK_REALTIME, &now) == 0);
	now.tv_sec++;
	must(clock_settime(CLOCK_REALTIME, &now) == 0);
	must(read(fds[3], &ticks, sizeof(ticks)) < 0 && errno == ECANCELED);
	for (size_t i = 0; i < ARRAY_SIZE(fds); i++)
		close(fds[i]);
}

/* Posts from NMI just before unloading leave deferred wake-ups pending. */
static void kernel_reference(unsigned long hold)
{
	struct post_test_run run = {
		.amount = 1,
		.context = { POST_TEST_TASK, POST_TEST_NMI },
		.posts = 10,
	};
	struct post_test_post post = { .amount = 1 };
	int dev, fd, before;

	must(load_module(directory, "evfd_post_test") == 0);
	fd = make_descriptor();
	dev = open_device("/dev/" POST_TEST_DEVICE_NAME);
	before = references();
	must(ioctl(dev, hold, &fd) == 0);
	if (hold == POST_TEST_HOLD)
		must(references() == before + 1);
	run.fd = fd;
	must(ioctl(dev, POST_TEST_RUN, &run) == 0);
	close(fd);
	expect_refused();
	must(ioctl(dev, POST_TEST_HELD_POST, &post) == 0 && post.result == 1);
	close(dev);
	must(unload_module("evfd_post_test") == 0);
}

static void kernel_context(void)
{
	kernel_reference(POST_TEST_HOLD);
}

static void kernel_file(void)
{
	kernel_reference(POST_TEST_HOLD_FILE);
}

/* Adds kevents of each type to a queue, two of which expire all the time. */
static void fill_queue(const struct raw_queue *q, int fd)
{
	struct kevent_op ops[] = {
		raw_add(KEVENT_USER, 1, 1),
		raw_add(KEVENT_POLL, fd, EPOLLIN),
		raw_add_timer(CLOCK_MONOTONIC, 1, 1000),
		raw_add_timer(CLOCK_BOOTTIME_ALARM, 1, 1000),
		raw_add_timer(CLOCK_REALTIME, 1LL << 50, 0),
	};

	must(raw_submit(q->fd, ops, ARRAY_SIZE(ops), 0, 0) == ARRAY_SIZE(ops));
	for (size_t i = 0; i < ARRAY_SIZE(ops); i++)
		must(ops[i].result == 0);
}

/* The queue alone keeps the descriptor that it watches. */
static void queue_open(void)
{
	int fd = make_descriptor();
	struct raw_queue q;

	must(raw_queue_make(&q, 1));
	fill_queue(&q, fd);
	must(munmap(q.map, q.size) == 0);
	close(fd);
	expect_refused();
	must(raw_submit(q.fd, NULL, 0, KEVENT_WAIT, 1000000) == 0);
	close(q.fd);
}

/* The mapping alone keeps the queue. */
static void queue_mapped(void)
{
	int fd = make_descriptor();
	__u64 count = 1;
	struct raw_queue q;

	must(raw_queue_make(&q, 1));
	fill_queue(&q, fd);
	close(q.fd);
	expect_refused();
	must(write(fd, &count, sizeof(count)) == sizeof(count));
	close(fd);
	expect_refused();
	must(raw_drain(&q) > 0);
	must(munmap(q.map, q.size) == 0);
}

#define CELLS		300

/* Binds the last cell of an arena. Only the mapping and the descriptor keep the arena. */
static struct evfd_counter make_cell(struct evfd_cell **cells)
{
	int dev = open_device("/dev/" EVFD_DEVICE_NAME);
	int arena = evfd_arena_open(dev, CELLS);
	struct evfd_counter c;

	must(arena >= 0);
	*cells = evfd_arena_map(arena, CELLS);
	must(*cells);
	must(evfd_counter_open(&c, dev, arena, *cells, CELLS - 1, 0, EVFD_EFD_NONBLOCK) == 0);
	close(arena);
	close(dev);
	return c;
}

static void unmap_cells(struct evfd_cell *cells)
{
	must(munmap(cells, CELLS * sizeof(*cells)) == 0);
}

/* First the mapping goes, then the descriptor, or the other way round. */
static void cell_bound(void)
{
	struct epoll_event event = { .events = EPOLLIN | EPOLLET };
	struct evfd_cell *cells;
	struct evfd_counter c = make_cell(&cells);
	int epfd = epoll_create1(0);

	must(epoll_ctl(epfd, EPOLL_CTL_ADD, c.fd, &event) == 0);
	must(evfd_counter_write(&c, 4) == 0);
	must(epoll_wait(epfd, &event, 1, 0) == 1);
	if (round_nr % 2) {
		unmap_cells(cells);
		expect_refused();
		close(c.fd);
	} else {
		close(c.fd);
		expect_refused();
		must(evfd_counter_look(&c) == 4);
		unmap_cells(cells);
	}
	close(epfd);
}

static void *run_posts(void *run)
{
	int dev = open_device("/dev/" POST_TEST_DEVICE_NAME);

	must(ioctl(dev, POST_TEST_RUN, run) == 0);
	close(dev);
	return NULL;
}

/* Its last close comes while posts from NMI defer wake-ups of an epoll instance. */
static void cell_with_deferred_wakeups(void)
{
	struct epoll_event event = { .events = EPOLLIN | EPOLLET };
	struct post_test_run run = {
		.amount = 1,
		.context = { POST_TEST_NMI, POST_TEST_NMI },
		.posts = 500,
	};
	struct evfd_cell *cells;
	struct evfd_counter c;
	int epfd = epoll_create1(0);
	pthread_t poster;

	must(load_module(directory, "evfd_post_test") == 0);
	c = make_cell(&cells);
	must(epoll_ctl(epfd, EPOLL_CTL_ADD, c.fd, &event) == 0);
	run.fd = c.fd;
	must(pthread_create(&poster, NULL, run_posts, &run) == 0);
	while (!evfd_counter_look(&c))
		;
	close(c.fd);
	must(pthread_join(poster, NULL) == 0);
	must(run.added[0] + run.added[1] == 2 * run.posts);
	must(evfd_counter_look(&c) == 2 * run.posts);
	close(epfd);
	must(unload_module("evfd_post_test") == 0);
	expect_refused();
	unmap_cells(cells);
}

static const struct use {
	const char *name;
	void (*run)(void);
} uses[] = {
	{ "open device", device_open },
	{ "open descriptor", descriptor_open },
	{ "descriptor in a message under way", descriptor_in_a_message },
	{ "descriptor of a child that polls", descriptor_of_a_child },
	{ "armed timers, and a clock that was set", timers_armed },
	{ "open queue", queue_open },
	{ "mapped queue", queue_mapped },
	{ "descriptor of a cell, and its mapping", cell_bound },
	{ "context held by another module", kernel_context },
	{ "file held by another module", kernel_file },
	{ "mapped cell, closed with deferred wake-ups", cell_with_deferred_wakeups },
};

/* The last three uses load another module and take long, so their turn comes less often. */
static unsigned int use_of(unsigned int round)
{
	unsigned int turn = round % 19;

	return turn < 16 ? turn % 8 : turn - 8;
}

static void set(const char *path, const char *value)
{
	int fd = open(path, O_WRONLY);
	ssize_t length = strlen(value);

	if (fd < 0)
		return;
	must(write(fd, value, length) == length);
	close(fd);
}

int main(int argc, char **argv)
{
	unsigned int rounds, done[ARRAY_SIZE(uses)] = {};

	if (argc != 3)
		errx(EXIT_FAILURE, "usage: %s ROUNDS DIRECTORY", argv[0]);
	rounds = atoi(argv[1]);
	directory = argv[2];

	ksft_print_header();
	ksft_set_plan(ARRAY_SIZE(uses));
	/* Half of a round is spent waiting for grace periods. */
	set("/sys/kernel/rcu_expedited", "1");
	if (access("/sys/module/evfd", F_OK) == 0)
		must(unload_module("evfd") == 0);

	for (round_nr = 0; round_nr < rounds; round_nr++) {
		must(load_module(directory, "evfd") == 0);
		uses[use_of(round_nr)].run();
		must(unload_module("evfd") == 0);
		done[use_of(round_nr)]++;
	}
	for (size_t i = 0; i < ARRAY_SIZE(uses); i++)
		ksft_test_result(done[i], "unload refused: %s (%u rounds)\n",
				 uses[i].name, done[i]);
	ksft_finished();
}
