/* SPDX-License-Identifier: GPL-2.0 */
/* The calls that faults_calls lets fail, each with a check of its result. */
#ifndef EVFD_TESTS_OPERATIONS_H
#define EVFD_TESTS_OPERATIONS_H

#include "epoll.h"
#include "kevent_raw.h"
#include "pidfd.h"
#include "signal.h"
#include "timer.h"
#include "uring.h"
#include "../kmod/produce.h"

#include <evfd/counter.h>
#include <sys/socket.h>
#include <sys/stat.h>

/* The objects of a call. */
struct scene {
	int fd, ep;
	/* The number of signals lost by the fault, which the design allows. */
	int lost;
	struct uring ring;
	/* The queue of /dev/kevent, and a pipe or sockets that it watches. */
	struct raw_queue queue;
	int pipe[2];
	/* An arena, its mapping, and the counter in a cell. */
	int arena;
	struct evfd_cell *cells;
	struct evfd_counter counter;
	/* The mapping of an arena of timers, and a timer in it. */
	struct evfd_timer *timers;
	struct evfd_timer_ref timer;
	/* The number of attempts, and whether a failed attempt left something. */
	int attempts;
	bool spoilt;
	uint64_t memory[64];
};

struct operation {
	const char *name;
	/* Makes the scene, in a separate process for each call. */
	bool (*prepare)(struct scene *scene);
	/* Makes the call. Returns a negative value and sets errno on failure. */
	long (*call)(struct scene *scene);
	/*
	 * Checks the effects of a successful call, possibly after a failed
	 * attempt.
	 */
	bool (*check)(struct scene *scene, long ret);
};

static bool nothing(struct scene *scene)
{
	(void)scene;
	return true;
}

static bool is_descriptor(struct scene *scene, long ret)
{
	(void)scene;
	return fcntl(ret, F_GETFD) >= 0;
}

static bool is_0(struct scene *scene, long ret)
{
	(void)scene;
	return ret == 0;
}

/* Making descriptors */

static long make_eventfd(struct scene *scene)
{
	(void)scene;
	return evfd_new(3, 0);
}

/* Fills the descriptor table: it must grow for the next number. */
static bool fill_table(struct scene *scene)
{
	int fd;

	(void)scene;
	/* evfd_new() keeps the device open at number 63 meanwhile. */
	do {
		fd = dup(0);
	} while (fd >= 0 && fd < 62);
	return fd == 62;
}

static long make_timer(struct scene *scene)
{
	(void)scene;
	return evfd_timer_new(CLOCK_MONOTONIC, 0);
}

static long make_alarm(struct scene *scene)
{
	(void)scene;
	return evfd_timer_new(CLOCK_BOOTTIME_ALARM, 0);
}

static long set_2007(int ufd, int clockid)
{
	struct evfd_timerfd arg = {
		.ufd = ufd,
		.clockid = clockid,
		.flags = EVFD_TFD_TIMER_REL,
		.value.it_value = { .tv_nsec = 1 },
	};

	return evfd_device_ioctl(EVFD_IOC_TIMERFD, &arg);
}

static long make_timer_2007(struct scene *scene)
{
	(void)scene;
	return set_2007(-1, CLOCK_MONOTONIC);
}

static long make_signalfd(struct scene *scene)
{
	uint64_t mask = sig_bit(SIGUSR1);
	int device = evfd_open();

	(void)scene;
	return evfd_close(device, evfd_make_signalfd(device, -1, &mask, sizeof(mask), 0));
}

static long make_eventfs(struct scene *scene)
{
	int device = evfd_open();

	(void)scene;
	return evfd_close(device, evfd_make_eventfs(device, SIGUSR1, EVFD_EVENTFS_NONBLOCK));
}

/* Scenes */

static bool an_eventfd(struct scene *scene)
{
	scene->fd = evfd_new(3, EFD_NONBLOCK);
	return scene->fd >= 0;
}

static bool an_empty_eventfd(struct scene *scene)
{
	scene->fd = evfd_new(0, EFD_NONBLOCK);
	return scene->fd >= 0;
}

static bool a_full_eventfd(struct scene *scene)
{
	return an_empty_eventfd(scene) && efd_add(scene->fd, EFD_COUNT_MAX) == 8;
}

/* A timer with three ticks, armed for a late time to make no further ticks. */
static bool timer_of(struct scene *scene, int clockid)
{
	scene->fd = evfd_timer_new(clockid, TFD_NONBLOCK);
	return scene->fd >= 0 && !tfd_arm(scene->fd, 0, FAR_NS, 0) &&
	       !tfd_set_ticks(scene->fd, 3);
}

static bool a_timer(struct scene *scene)
{
	return timer_of(scene, CLOCK_MONOTONIC);
}

static bool an_alarm(struct scene *scene)
{
	return timer_of(scene, CLOCK_BOOTTIME_ALARM);
}

static bool an_alarm_2007(struct scene *scene)
{
	scene->fd = set_2007(-1, CLOCK_BOOTTIME_ALARM);
	return scene->fd >= 0;
}

static bool a_timer_2007(struct scene *scene)
{
	scene->fd = make_timer_2007(scene);
	return scene->fd >= 0 && poll_now(scene->fd) >= 0;
}

static bool signals(struct scene *scene)
{
	return !sig_block(sig_bit(SIGUSR1) | sig_bit(SIGUSR2)) &&
	       !kill(getpid(), SIGUSR1) && !kill(getpid(), SIGUSR2) &&
	       scene->fd >= 0;
}

static bool a_signalfd(struct scene *scene)
{
	scene->fd = sfd_new(sig_bit(SIGUSR1) | sig_bit(SIGUSR2), SFD_NONBLOCK);
	return signals(scene);
}

static bool an_eventfs(struct scene *scene)
{
	scene->fd = make_eventfs(scene);
	return signals(scene);
}

/* Reading and writing */

static long read_some(struct scene *scene)
{
	return read(scene->fd, scene->memory, sizeof(scene->memory));
}

static long readv_some(struct scene *scene)
{
	struct iovec iov = { scene->memory, sizeof(scene->memory) };

	return readv(scene->fd, &iov, 1);
}

/* Two buffers, of which a single record fills the first. */
static long readv_two(struct scene *scene)
{
	struct iovec iov[] = {
		{ scene->memory, RECORD_SIZE },
		{ (char *)scene->memory + RECORD_SIZE,
		  sizeof(scene->memory) - RECORD_SIZE },
	};

	return readv(scene->fd, iov, 2);
}

static bool was_3(struct scene *scene, long ret)
{
	return ret == 8 && scene->memory[0] == 3 && poll_now(scene->fd) != POLLIN &&
	       efd_take(scene->fd) == -EAGAIN;
}

static bool was_full(struct scene *scene, long ret)
{
	return ret == 8 && scene->memory[0] == EFD_COUNT_MAX &&
	       efd_count(scene->fd) == 0;
}

static bool was_1_of_32_bits(struct scene *scene, long ret)
{
	uint32_t ticks;

	memcpy(&ticks, scene->memory, sizeof(ticks));
	return ret == 4 && ticks == 1;
}

/* If the fault has lost the only signal, a read finds no signal. */
static long none_if_lost(struct scene *scene, long ret)
{
	return ret < 0 && errno == EAGAIN && scene->lost ? 0 : ret;
}

static long read_signals(struct scene *scene)
{
	return none_if_lost(scene, read_some(scene));
}

static long readv_signals(struct scene *scene)
{
	return none_if_lost(scene, readv_some(scene));
}

static long readv_signals_two(struct scene *scene)
{
	return none_if_lost(scene, readv_two(scene));
}

/* Counts the signals read, left by a read that could not copy all records, or lost. */
static int signals_read(struct scene *scene, long ret)
{
	int n = ret / RECORD_SIZE;

	while (sfd_take(scene->fd) > 0)
		n++;
	return n + scene->lost;
}

static bool were_two_signals(struct scene *scene, long ret)
{
	return signals_read(scene, ret) == 2 && !sig_pending();
}

static bool was_one_signal(struct scene *scene, long ret)
{
	return signals_read(scene, ret) == 1 &&
	       sig_pending() == sig_bit(SIGUSR2);
}

static long write_4(struct scene *scene)
{
	return efd_add(scene->fd, 4);
}

static bool is_7(struct scene *scene, long ret)
{
	return ret == 8 && efd_count(scene->fd) == 7;
}

/* Setting and asking */

static long set_timer(struct scene *scene)
{
	struct evfd_itimerspec new = { .it_value.tv_sec = 7200 };
	struct evfd_itimerspec *old = (void *)scene->memory;

	memset(old, 0, sizeof(*old));
	return tfd_set(scene->fd, 0, &new, old);
}

/* A call that can't write old_value at the end has still set the timer. */
static bool timer_is_set(struct scene *scene, long ret)
{
	int64_t left = tfd_left(scene->fd);

	return ret == 0 && left > FAR_NS && left <= 2 * FAR_NS;
}

static long get_timer(struct scene *scene)
{
	return tfd_get(scene->fd, (void *)scene->memory);
}

static long set_ticks(struct scene *scene)
{
	return tfd_set_ticks(scene->fd, 5);
}

static bool ticks_are_5(struct scene *scene, long ret)
{
	return ret == 0 && tfd_ticks(scene->fd) == 5;
}

static long set_timer_2007(struct scene *scene)
{
	return set_2007(scene->fd, CLOCK_MONOTONIC);
}

static bool is_its_fd(struct scene *scene, long ret)
{
	return ret == scene->fd;
}

static long change_mask(struct scene *scene)
{
	return sfd_set_mask(scene->fd, sig_bit(SIGUSR2));
}

static long set_mask(struct scene *scene)
{
	uint64_t mask = sig_bit(SIGUSR2);

	return ioctl(scene->fd, EVFD_IOC_SIGNALFD_SETMASK, &mask);
}

static bool mask_is_set(struct scene *scene, long ret)
{
	return ret >= 0 && sfd_mask(scene->fd) == sig_bit(SIGUSR2);
}

/* Waiting */

static bool with_epoll(struct scene *scene)
{
	scene->ep = epoll_create1(0);
	return scene->ep >= 0;
}

static bool epoll_eventfd(struct scene *scene)
{
	return an_eventfd(scene) && with_epoll(scene);
}

static bool epoll_timer(struct scene *scene)
{
	return a_timer(scene) && with_epoll(scene);
}

static bool epoll_alarm(struct scene *scene)
{
	return an_alarm(scene) && with_epoll(scene);
}

static bool epoll_signalfd(struct scene *scene)
{
	return a_signalfd(scene) && with_epoll(scene);
}

static bool epoll_eventfs(struct scene *scene)
{
	return an_eventfs(scene) && with_epoll(scene);
}

static long add_to_epoll(struct scene *scene)
{
	return watch_too(scene->ep, scene->fd, EPOLLIN);
}

static bool epoll_tells(struct scene *scene, long ret)
{
	return ret == 0 && events_within(scene->ep, 0) == EPOLLIN;
}

/* More than poll() has room for on its stack; with timeout 0, it would not use that room. */
static long poll_many(struct scene *scene)
{
	struct pollfd pfd[64];

	for (size_t i = 0; i < ARRAY_SIZE(pfd); i++)
		pfd[i] = (struct pollfd){ .fd = scene->fd, .events = POLLIN };
	return poll(pfd, ARRAY_SIZE(pfd), 1);
}

static bool uring_eventfd(struct scene *scene)
{
	return an_eventfd(scene) && uring_open(&scene->ring);
}

static bool uring_empty_eventfd(struct scene *scene)
{
	return an_empty_eventfd(scene) && uring_open(&scene->ring);
}

static long uring_result(struct scene *scene)
{
	struct io_uring_cqe cqe = { };

	if (uring_submit(&scene->ring) != 1)
		return -1;
	if (uring_next(&scene->ring, &cqe) && cqe.res < 0) {
		errno = -cqe.res;
		return -1;
	}
	return cqe.res;
}

static long uring_read(struct scene *scene)
{
	uring_queue(&scene->ring, IORING_OP_READ, scene->fd, scene->memory, 8, 1);
	return uring_result(scene);
}

static long uring_wait_for(struct scene *scene)
{
	uring_poll(&scene->ring, scene->fd, POLLIN, false, 1);
	return uring_result(scene);
}

static bool uring_tells(struct scene *scene, long ret)
{
	struct io_uring_cqe cqe;

	return ret == 0 && efd_add(scene->fd, 1) == 8 &&
	       uring_wait(&scene->ring, &cqe) && cqe.res == POLLIN;
}

/* Looking */

/* The ID in fdinfo, or -1. */
static long id_of(int fd)
{
	char line[128];
	long id = -1;
	FILE *file;

	snprintf(line, sizeof(line), "/proc/self/fdinfo/%d", fd);
	file = fopen(line, "re");
	while (file && fgets(line, sizeof(line), file)) {
		if (sscanf(line, "eventfd-id: %ld\n", &id) == 1)
			break;
	}
	if (file)
		fclose(file);
	return id;
}

/* Without memory for the ID, fdinfo leaves it out. */
static long look_at_id(struct scene *scene)
{
	id_of(scene->fd);
	return 0;
}

static bool has_id(struct scene *scene, long ret)
{
	return ret == 0 && id_of(scene->fd) >= 0;
}

/* Queues */

static long open_queue(struct scene *scene)
{
	(void)scene;
	return raw_queue_open();
}

static bool an_open_queue(struct scene *scene)
{
	scene->fd = raw_queue_open();
	return scene->fd >= 0;
}

/* Whether an open queue is still without a size. */
static bool is_not_set_up(int fd)
{
	return poll_now(fd) == 0 && raw_queue_used(fd) == 0;
}

static long setup_queue(struct scene *scene)
{
	if (scene->attempts++)
		scene->spoilt = !is_not_set_up(scene->fd);
	return raw_queue_setup(scene->fd, 1);
}

/* Its ring is larger than a page. */
static long setup_large_queue(struct scene *scene)
{
	if (scene->attempts++)
		scene->spoilt = !is_not_set_up(scene->fd);
	return raw_queue_setup(scene->fd, 4096);
}

static bool queue_works(struct scene *scene)
{
	struct kevent_op op = raw_add(KEVENT_USER, 1, POLLIN);

	if (raw_do(scene->queue.fd, &op))
		return false;
	op = (struct kevent_op){
		.op = KEVENT_OP_READY, .handle = op.handle, .want = POLLIN,
	};
	return !raw_do(scene->queue.fd, &op) && raw_drain(&scene->queue) == 1;
}

static bool queue_is_set_up(struct scene *scene, long ret)
{
	return !scene->spoilt && raw_map(&scene->queue, scene->fd, ret) &&
	       raw_queue_used(scene->fd) == 0 && queue_works(scene) &&
	       raw_queue_setup(scene->fd, 1) < 0 && errno == EBUSY;
}

static bool a_queue(struct scene *scene)
{
	return raw_queue_make(&scene->queue, 1) && !pipe2(scene->pipe, O_NONBLOCK);
}

static bool with_fd(struct scene *scene)
{
	scene->fd = scene->queue.fd;
	return true;
}

static bool a_queue_with_fd(struct scene *scene)
{
	return a_queue(scene) && with_fd(scene);
}

/*
 * Lets a system call read a byte of a mapping. A program that reads a page without memory gets
 * SIGBUS, and a system call gets EFAULT.
 */
static bool touch(const struct scene *scene, const void *byte)
{
	if (write(scene->pipe[1], byte, 1) == 1)
		return true;
	errno = errno == EFAULT ? ENOMEM : errno;
	return false;
}

/* Touches each part of the mapping. */
static long touch_queue(struct scene *scene)
{
	const struct kevent_header *header = raw_header(&scene->queue);
	size_t offsets[] = { 0, header->off_ring, header->off_slots };

	for (size_t i = 0; i < ARRAY_SIZE(offsets); i++) {
		if (!touch(scene, scene->queue.map + offsets[i]))
			return -1;
	}
	return 0;
}

static bool queue_is_whole(struct scene *scene, long ret)
{
	return ret == 0 && raw_queue_used(scene->queue.fd) == 0 && queue_works(scene);
}

/* A failed ADD leaves no kevent and no event, and the same ADD is possible again. */
static long add_kevent(struct scene *scene, struct kevent_op op)
{
	int ret;

	if (scene->attempts++)
		scene->spoilt = raw_queue_used(scene->queue.fd) || raw_drain(&scene->queue);
	ret = raw_do(scene->queue.fd, &op);
	scene->memory[0] = op.handle;
	return ret;
}

/* There is a kevent, and it gives a single event. */
static bool gives_an_event(struct scene *scene)
{
	return !scene->spoilt && raw_queue_used(scene->queue.fd) == 1 &&
	       raw_wait(&scene->queue, DEADLINE_MS * NS_PER_MS) && raw_drain(&scene->queue) == 1;
}

static bool a_queue_and_waiting_sockets(struct scene *scene)
{
	return raw_queue_make(&scene->queue, 1) &&
	       !socketpair(AF_UNIX, SOCK_STREAM, 0, scene->pipe);
}

static long add_user(struct scene *scene)
{
	return add_kevent(scene, raw_add(KEVENT_USER, 5, POLLIN));
}

static bool user_is_added(struct scene *scene, long ret)
{
	struct kevent_op op = {
		.op = KEVENT_OP_READY, .handle = scene->memory[0], .want = POLLIN,
	};

	return ret == 0 && raw_drain(&scene->queue) == 0 && !raw_do(scene->queue.fd, &op) &&
	       gives_an_event(scene);
}

static long add_pipe(struct scene *scene)
{
	return add_kevent(scene, raw_add(KEVENT_POLL, scene->pipe[0], POLLIN));
}

static bool pipe_is_added(struct scene *scene, long ret)
{
	return ret == 0 && raw_drain(&scene->queue) == 0 &&
	       write(scene->pipe[1], "", 1) == 1 && gives_an_event(scene);
}

static long add_pipe_to_read(struct scene *scene)
{
	return add_kevent(scene, raw_add(KEVENT_PIPE, scene->pipe[0], KEVENT_SOCKET_RECV));
}

static bool a_queue_and_sockets(struct scene *scene)
{
	return raw_queue_make(&scene->queue, 1) &&
	       !socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, scene->pipe);
}

static long add_socket(struct scene *scene)
{
	return add_kevent(scene, raw_add(KEVENT_SOCKET, scene->pipe[0], KEVENT_SOCKET_RECV));
}

/* The child ends with the process of the scene. */
static bool a_queue_and_a_child(struct scene *scene)
{
	pid_t child;

	if (!a_queue(scene))
		return false;
	child = fork_child();
	if (!child) {
		pause();
		_exit(1);
	}
	scene->fd = open_pidfd(child, 0);
	return scene->fd >= 0;
}

static long add_process(struct scene *scene)
{
	return add_kevent(scene, raw_add(KEVENT_PROCESS, scene->fd, KEVENT_PROCESS_EXIT));
}

static bool process_is_added(struct scene *scene, long ret)
{
	return ret == 0 && raw_drain(&scene->queue) == 0 &&
	       !syscall(SYS_pidfd_send_signal, scene->fd, SIGKILL, NULL, 0) &&
	       gives_an_event(scene) &&
	       raw_slot(&scene->queue, (uint32_t)scene->memory[0])->data == SIGKILL;
}

#define FAULTS_FILE	"/tmp/faults"

static bool a_queue_and_a_file(struct scene *scene)
{
	scene->fd = open(FAULTS_FILE, O_CREAT | O_RDWR, 0600);
	return a_queue(scene) && scene->fd >= 0;
}

static long add_inode(struct scene *scene)
{
	return add_kevent(scene, raw_add(KEVENT_INODE, scene->fd, KEVENT_INODE_ATTRIB));
}

static long add_inode_by_name(struct scene *scene)
{
	struct kevent_op op = raw_add(KEVENT_INODE, AT_FDCWD, KEVENT_INODE_ATTRIB);

	op.arg[0] = (uintptr_t)FAULTS_FILE;
	return add_kevent(scene, op);
}

static bool inode_is_added(struct scene *scene, long ret)
{
	return ret == 0 && raw_drain(&scene->queue) == 0 && !fchmod(scene->fd, 0600) &&
	       gives_an_event(scene);
}

static bool a_queue_and_a_producer(struct scene *scene)
{
	scene->fd = open("/dev/" PRODUCE_DEVICE_NAME, O_RDWR | O_CLOEXEC);
	return a_queue(scene) && scene->fd >= 0;
}

static long add_producer(struct scene *scene)
{
	return add_kevent(scene, raw_add(KEVENT_PRODUCER, scene->fd, 1));
}

static bool producer_is_added(struct scene *scene, long ret)
{
	struct produce_ready ready = { .events = 1, .times = 1 };

	return ret == 0 && raw_drain(&scene->queue) == 0 &&
	       !ioctl(scene->fd, PRODUCE_READY, &ready) && gives_an_event(scene);
}

/* A file of tmpfs. Threads of the kernel do its operations. */
static long add_read(struct scene *scene)
{
	struct kevent_op op = raw_add(KEVENT_AIO, scene->fd, KEVENT_AIO_READ);

	op.arg[0] = (uintptr_t)&scene->memory[8];
	op.arg[1] = 8;
	return add_kevent(scene, op);
}

/* The operation itself may have failed. */
static bool read_is_added(struct scene *scene, long ret)
{
	int64_t result;

	if (ret != 0 || !gives_an_event(scene))
		return false;
	result = raw_slot(&scene->queue, (uint32_t)scene->memory[0])->data;
	return result == 0 || result == -ENOMEM;
}

/* It waits for a byte. */
static long add_receive(struct scene *scene)
{
	struct kevent_op op = raw_add(KEVENT_NAIO, scene->pipe[0], KEVENT_NAIO_RECV);

	op.arg[0] = (uintptr_t)&scene->memory[8];
	op.arg[1] = 8;
	return add_kevent(scene, op);
}

/* The operation itself may have failed. */
static bool receive_is_added(struct scene *scene, long ret)
{
	int64_t result;

	if (ret != 0 || send(scene->pipe[1], "", 1, 0) != 1 || !gives_an_event(scene))
		return false;
	result = raw_slot(&scene->queue, (uint32_t)scene->memory[0])->data;
	return result == 1 || result == -ENOMEM;
}

/* A pipe that is open for reading and writing has two wait queues. */
static bool a_queue_and_two_ways(struct scene *scene)
{
	char path[64];

	if (!a_queue(scene))
		return false;
	snprintf(path, sizeof(path), "/proc/self/fd/%d", scene->pipe[0]);
	scene->fd = open(path, O_RDWR | O_NONBLOCK);
	return scene->fd >= 0;
}

static long add_two_ways(struct scene *scene)
{
	return add_kevent(scene, raw_add(KEVENT_POLL, scene->fd, POLLIN));
}

static bool a_queue_and_an_eventfd(struct scene *scene)
{
	return a_queue(scene) && an_eventfd(scene);
}

/* An event is there already, and the ADD raises it. */
static long add_eventfd(struct scene *scene)
{
	return add_kevent(scene, raw_add(KEVENT_POLL, scene->fd, POLLIN));
}

static bool event_is_there(struct scene *scene, long ret)
{
	return ret == 0 && gives_an_event(scene);
}

/* Bytes are there already, and are counted. */
static long add_pipe_with_bytes(struct scene *scene)
{
	struct kevent_op op = raw_add(KEVENT_PIPE, scene->pipe[0], KEVENT_SOCKET_RECV);

	op.flags = KEVENT_BYTES;
	return add_kevent(scene, op);
}

static bool a_queue_and_bytes(struct scene *scene)
{
	return a_queue(scene) && write(scene->pipe[1], "bytes", 5) == 5;
}

static bool bytes_are_counted(struct scene *scene, long ret)
{
	return event_is_there(scene, ret) &&
	       raw_slot(&scene->queue, (uint32_t)scene->memory[0])->data == 5;
}

/* The timer expires within the attempt, or later. */
static long add_timer(struct scene *scene)
{
	return add_kevent(scene, raw_add_timer(CLOCK_MONOTONIC, 1000, 0));
}

static long add_alarm(struct scene *scene)
{
	return add_kevent(scene, raw_add_timer(CLOCK_BOOTTIME_ALARM, 1000, 0));
}

static bool a_queue_with_a_timer(struct scene *scene)
{
	struct kevent_op op = raw_add_timer(CLOCK_MONOTONIC, FAR_NS, 0);

	if (!a_queue(scene) || raw_do(scene->queue.fd, &op))
		return false;
	scene->memory[0] = op.handle;
	return true;
}

/* A REARM whose result can't be written has set the timer. */
static long rearm_timer(struct scene *scene)
{
	struct kevent_op op = {
		.op = KEVENT_OP_REARM, .handle = scene->memory[0], .arg = { 1000 },
	};

	return raw_do(scene->queue.fd, &op);
}

/* A timer of POSIX that has a first time of 1,000 s, and then expires. */
static bool a_queue_with_a_posix_timer(struct scene *scene)
{
	struct kevent_op op = raw_add(KEVENT_POSIX_TIMER, CLOCK_MONOTONIC, KEVENT_TIMER_FIRED);

	op.arg[0] = 1000 * INT64_C(1000000000);
	if (!a_queue(scene) || raw_do(scene->queue.fd, &op))
		return false;
	scene->memory[0] = op.handle;
	return true;
}

static long get_time(struct scene *scene)
{
	struct kevent_op op = { .op = KEVENT_OP_GETTIME, .handle = scene->memory[0] };
	int ret = raw_do(scene->queue.fd, &op);

	scene->memory[1] = op.arg[0];
	return ret;
}

static bool time_was_got(struct scene *scene, long ret)
{
	return ret == 0 && scene->memory[1] > 900 * INT64_C(1000000000) &&
	       raw_queue_used(scene->queue.fd) == 1 && raw_drain(&scene->queue) == 0;
}

static long observe(struct scene *scene)
{
	return add_kevent(scene, raw_add(KEVENT_SIGNAL, SIGUSR2, KEVENT_SIGNAL_DELIVERY));
}

/* A failed ADD leaves the mask as it was. */
static long consume(struct scene *scene)
{
	if (sig_blocked() & sig_bit(SIGUSR1))
		scene->spoilt = true;
	return add_kevent(scene, raw_add(KEVENT_SIGNAL, SIGUSR1 | KEVENT_SIGNAL_NOMASK,
					 KEVENT_SIGNAL_DELIVERY));
}

/* Sends the signal of the kevent. */
static bool gives_a_signal(struct scene *scene, long ret)
{
	bool consumes = sig_blocked() & sig_bit(SIGUSR1);

	signal(SIGUSR2, SIG_IGN);
	return ret == 0 && raw_drain(&scene->queue) == 0 &&
	       !kill(getpid(), consumes ? SIGUSR1 : SIGUSR2) && gives_an_event(scene);
}

static bool an_observed_signal(struct scene *scene)
{
	return a_queue(scene) && gives_a_signal(scene, observe(scene));
}

static bool a_consumed_signal(struct scene *scene)
{
	return a_queue(scene) && gives_a_signal(scene, consume(scene));
}

static long take_record(struct scene *scene)
{
	struct kevent_op op = { .op = KEVENT_OP_TAKE, .handle = scene->memory[0] };

	op.arg[0] = (uintptr_t)&scene->memory[1];
	op.arg[1] = 1;
	return raw_do(scene->queue.fd, &op);
}

/*
 * Takes the signal. A failure may have lost it, or the result after its record was
 * written.
 */
static long take_signal(struct scene *scene)
{
	long ret = take_record(scene);

	if (ret < 0 && errno == EAGAIN && scene->memory[1])
		return 0;
	return none_if_lost(scene, ret);
}

static bool signal_was_taken(struct scene *scene, long ret)
{
	struct signalfd_siginfo *info = (void *)&scene->memory[1];

	return ret == 0 && take_record(scene) == -1 && errno == EAGAIN &&
	       (scene->lost || info->ssi_pid == (uint32_t)getpid());
}

/* A REMOVE whose result can't be written has removed the kevent. */
static long remove_timer(struct scene *scene)
{
	struct kevent_op op = { .op = KEVENT_OP_REMOVE, .handle = scene->memory[0] };
	int ret = raw_do(scene->queue.fd, &op);

	return scene->attempts++ && ret && errno == ENOENT ? 0 : ret;
}

static bool queue_is_empty(struct scene *scene, long ret)
{
	return ret == 0 && raw_queue_used(scene->queue.fd) == 0 &&
	       raw_drain(&scene->queue) == 0;
}

/* A consumer has claimed the entry of the only kevent, and is dead. */
static bool a_queue_with_an_orphan(struct scene *scene)
{
	struct kevent_op op = raw_add(KEVENT_USER, 1, POLLIN);

	if (!a_queue(scene) || raw_do(scene->queue.fd, &op))
		return false;
	op = (struct kevent_op){ .op = KEVENT_OP_READY, .handle = op.handle, .want = POLLIN };
	scene->queue.head++;
	return !raw_do(scene->queue.fd, &op);
}

static long requeue(struct scene *scene)
{
	struct kevent_op op = { .op = KEVENT_OP_REQUEUE, .arg = { scene->queue.head } };

	return raw_do(scene->queue.fd, &op);
}

/* Two ADDs. If the second can't be read or written, the call reports the first. */
static long add_two(struct scene *scene)
{
	struct kevent_op ops[] = {
		raw_add(KEVENT_USER, 1, POLLIN), raw_add(KEVENT_USER, 2, POLLIN),
	};
	int ret = raw_submit(scene->queue.fd, ops, 2, 0, 0);

	for (int i = 0; i < ret; i++) {
		if (ops[i].result && ops[i].result != -ENOMEM)
			scene->spoilt = true;
		scene->memory[0] += !ops[i].result;
	}
	return ret;
}

static bool those_are_added(struct scene *scene, long ret)
{
	return ret >= 1 && !scene->spoilt &&
	       raw_queue_used(scene->queue.fd) == (long)scene->memory[0];
}

static bool a_queue_with_an_event(struct scene *scene)
{
	struct kevent_op op = raw_add(KEVENT_POLL, 0, POLLIN);

	if (!a_queue_and_an_eventfd(scene))
		return false;
	op.id = scene->fd;
	return !raw_do(scene->queue.fd, &op);
}

/* A wait with a mask. The signal has no effect while it is blocked. */
static long wait_for_event(struct scene *scene)
{
	uint64_t mask = sig_bit(SIGUSR1);
	struct kevent_op op = { .op = KEVENT_OP_READY };
	struct kevent_submit arg = {
		.ops = (uintptr_t)&op,
		.nr = 1,
		.flags = KEVENT_WAIT,
		.head = scene->queue.head,
		.timeout = -1,
		.clock = CLOCK_MONOTONIC,
		.sigmask = (uintptr_t)&mask,
		.sigsetsize = sizeof(mask),
	};

	return ioctl(scene->queue.fd, KEVENT_IOC_SUBMIT, &arg);
}

static bool event_was_waited_for(struct scene *scene, long ret)
{
	sigset_t blocked;

	pthread_sigmask(SIG_BLOCK, NULL, &blocked);
	return ret == 1 && !sigismember(&blocked, SIGUSR1) && gives_an_event(scene);
}

static long look_at_queue(struct scene *scene)
{
	raw_queue_used(scene->queue.fd);
	return 0;
}

static bool has_a_kevent(struct scene *scene, long ret)
{
	return ret == 0 && raw_queue_used(scene->queue.fd) == 1;
}

/* The calls of 2006 */

/* Adds a pipe, and a kevent of the program that is ready. */
static long take26_add(struct scene *scene)
{
	struct ukevent uk[] = {
		{ .type = KEVENT_POLL, .event = POLLIN },
		{ .type = KEVENT_USER, .event = 1, .req_flags = KEVENT_REQ_READY },
	};
	struct kevent_ioc_ctl arg = { .num = ARRAY_SIZE(uk), .ukevents = (uintptr_t)uk };
	long ret;

	uk[0].id.raw[0] = scene->pipe[0];
	ret = ioctl(scene->fd, KEVENT_IOC_CTL, &arg);
	if (ret < 0)
		return ret;
	/* Those that are there from an attempt before count. */
	for (size_t i = 0; i < ARRAY_SIZE(uk); i++) {
		errno = -(int)uk[i].ret_data[1];
		if ((long)i < ret && uk[i].ret_flags && errno != EEXIST)
			return -1;
	}
	errno = EFAULT;
	return ret == ARRAY_SIZE(uk) ? 0 : -1;
}

static long take26_read(struct scene *scene)
{
	struct ukevent *uk = (void *)scene->memory;

	return read(scene->fd, uk, 2 * sizeof(*uk));
}

static long take26_get_to(struct scene *scene, struct ukevent *uk)
{
	struct kevent_ioc_get_events arg = {
		.min_nr = 1, .max_nr = 2, .buf = (uintptr_t)uk, .timeout = -1,
		.clock = CLOCK_MONOTONIC,
	};
	long ret = ioctl(scene->fd, KEVENT_IOC_GET_EVENTS, &arg);

	return ret < 0 ? ret : ret * (long)sizeof(struct ukevent);
}

static long take26_get(struct scene *scene)
{
	return take26_get_to(scene, (void *)scene->memory);
}

/*
 * There are two kevents, and each gives one event. The second stays in the queue if only
 * its copy has failed.
 */
static bool take26_gives_both(struct scene *scene, long ret)
{
	struct ukevent *uk = (void *)scene->memory;

	if (ret == sizeof(*uk))
		ret += take26_get_to(scene, uk + 1);
	return ret == 2 * sizeof(*uk) && raw_queue_used(scene->fd) == 2 &&
	       uk[0].type == KEVENT_USER && uk[0].ret_data[0] == 1 &&
	       uk[1].type == KEVENT_POLL && uk[1].ret_data[0] == POLLIN;
}

static bool take26_are_added(struct scene *scene, long ret)
{
	return ret == 0 && write(scene->pipe[1], "", 1) == 1 &&
	       take26_gives_both(scene, take26_get(scene));
}

static bool a_pipe_and_a_queue(struct scene *scene)
{
	scene->fd = raw_queue_open();
	return scene->fd >= 0 && !pipe2(scene->pipe, O_NONBLOCK);
}

static bool a_queue_of_2006(struct scene *scene)
{
	return a_pipe_and_a_queue(scene) && !take26_add(scene) &&
	       write(scene->pipe[1], "", 1) == 1;
}

/* A ring of three entries in the scene's memory. */
static long take26_init(struct scene *scene)
{
	struct kevent_ioc_init arg = { .ring = (uintptr_t)scene->memory, .num = 3 };

	return ioctl(scene->fd, KEVENT_IOC_INIT, &arg);
}

/* In attempts that have failed before, nothing was copied or committed. */
static long take26_wait(struct scene *scene)
{
	struct kevent_ioc_wait arg = { .timeout = -1, .clock = CLOCK_MONOTONIC };

	return ioctl(scene->fd, KEVENT_IOC_WAIT, &arg);
}

static long take26_commit(struct scene *scene)
{
	struct kevent_ioc_commit arg = { .new_uidx = 0, .over = 1 };

	return ioctl(scene->fd, KEVENT_IOC_COMMIT, &arg);
}

static bool a_queue_with_a_ring(struct scene *scene)
{
	return a_pipe_and_a_queue(scene) && !take26_init(scene) && !take26_add(scene) &&
	       write(scene->pipe[1], "", 1) == 1;
}

static bool take26_ring_has_both(struct scene *scene, long ret)
{
	struct kevent_ring *ring = (void *)scene->memory;

	if (ret == 1)
		ret += take26_wait(scene);
	return ret == 2 && raw_queue_used(scene->fd) == 2 && ring->ring_kidx == 2 &&
	       ring->event[0].ret_data[0] == 1 && ring->event[1].ret_data[0] == POLLIN;
}

static bool take26_ring_works(struct scene *scene, long ret)
{
	return ret == 0 && !take26_add(scene) && write(scene->pipe[1], "", 1) == 1 &&
	       take26_ring_has_both(scene, take26_wait(scene));
}

/* Three events, of which two were committed. */
static bool a_ring_near_its_end(struct scene *scene)
{
	struct kevent_ioc_commit arg = { .new_uidx = 2 };

	return a_queue_with_a_ring(scene) && take26_wait(scene) == 2 &&
	       ioctl(scene->fd, KEVENT_IOC_COMMIT, &arg) == 2 && take26_wait(scene) == 1;
}

static bool take26_is_committed(struct scene *scene, long ret)
{
	struct kevent_ring *ring = (void *)scene->memory;

	return ret == 1 && ring->ring_over == 1 && take26_commit(scene) == 0;
}

static bool epoll_queue(struct scene *scene)
{
	return a_queue_with_an_event(scene) && with_fd(scene) && with_epoll(scene);
}

static const struct operation operations[] = {
	{ "look at fdinfo of an eventfd", an_eventfd, look_at_id, has_id },
	{ "make an eventfd", nothing, make_eventfd, is_descriptor },
	{ "make an eventfd, table full", fill_table, make_eventfd, is_descriptor },
	{ "make a timer, table full", fill_table, make_timer, is_descriptor },
	{ "make an alarm timer, table full", fill_table, make_alarm, is_descriptor },
	{ "make a timer of 2007", nothing, make_timer_2007, is_descriptor },
	{ "make a signalfd, table full", fill_table, make_signalfd, is_descriptor },
	{ "make an eventfs, table full", fill_table, make_eventfs, is_descriptor },
	{ "read an eventfd", an_eventfd, read_some, was_3 },
	{ "read a full eventfd", a_full_eventfd, read_some, was_full },
	{ "readv a full eventfd", a_full_eventfd, readv_some, was_full },
	{ "readv an eventfd", an_eventfd, readv_some, was_3 },
	{ "readv an eventfd, two buffers", an_eventfd, readv_two, was_3 },
	{ "write an eventfd", an_eventfd, write_4, is_7 },
	{ "read a timer", a_timer, read_some, was_3 },
	{ "readv a timer", a_timer, readv_some, was_3 },
	{ "readv a timer, two buffers", a_timer, readv_two, was_3 },
	{ "read a timer of 2007", a_timer_2007, read_some, was_1_of_32_bits },
	{ "readv a timer of 2007", a_timer_2007, readv_some, was_1_of_32_bits },
	{ "readv a timer of 2007, two buffers", a_timer_2007, readv_two, was_1_of_32_bits },
	{ "readv an alarm timer", an_alarm, readv_some, was_3 },
	{ "readv an alarm timer of 2007", an_alarm_2007, readv_some, was_1_of_32_bits },
	{ "read a signalfd", a_signalfd, read_signals, were_two_signals },
	{ "readv a signalfd", a_signalfd, readv_signals, were_two_signals },
	{ "readv a signalfd, two buffers", a_signalfd, readv_signals_two, were_two_signals },
	{ "read an eventfs", an_eventfs, read_signals, was_one_signal },
	{ "readv an eventfs", an_eventfs, readv_signals, was_one_signal },
	{ "set a timer", a_timer, set_timer, timer_is_set },
	{ "get a timer", a_timer, get_timer, is_0 },
	{ "set a timer's ticks", a_timer, set_ticks, ticks_are_5 },
	{ "set a timer of 2007", a_timer_2007, set_timer_2007, is_its_fd },
	{ "change a mask", a_signalfd, change_mask, mask_is_set },
	{ "set a mask", a_signalfd, set_mask, mask_is_set },
	{ "watch an eventfd", epoll_eventfd, add_to_epoll, epoll_tells },
	{ "watch a timer", epoll_timer, add_to_epoll, epoll_tells },
	{ "watch an alarm timer", epoll_alarm, add_to_epoll, epoll_tells },
	{ "watch a signalfd", epoll_signalfd, add_to_epoll, epoll_tells },
	{ "watch an eventfs", epoll_eventfs, add_to_epoll, epoll_tells },
	{ "poll many", an_empty_eventfd, poll_many, is_0 },
	{ "read by io_uring", uring_eventfd, uring_read, was_3 },
	{ "poll by io_uring", uring_empty_eventfd, uring_wait_for, uring_tells },
	{ "open a queue", nothing, open_queue, is_descriptor },
	{ "open a queue, table full", fill_table, open_queue, is_descriptor },
	{ "set up a queue", an_open_queue, setup_queue, queue_is_set_up },
	{ "set up a large queue", an_open_queue, setup_large_queue, queue_is_set_up },
	{ "touch a queue", a_queue, touch_queue, queue_is_whole },
	{ "add a user kevent", a_queue, add_user, user_is_added },
	{ "add a pipe", a_queue, add_pipe, pipe_is_added },
	{ "add a pipe to read", a_queue, add_pipe_to_read, pipe_is_added },
	{ "add a pipe with bytes", a_queue_and_bytes, add_pipe_with_bytes, bytes_are_counted },
	{ "add a socket", a_queue_and_sockets, add_socket, pipe_is_added },
	{ "add a process", a_queue_and_a_child, add_process, process_is_added },
	{ "add an inode", a_queue_and_a_file, add_inode, inode_is_added },
	{ "add an inode by name", a_queue_and_a_file, add_inode_by_name, inode_is_added },
	{ "add a file of a producer", a_queue_and_a_producer, add_producer, producer_is_added },
	{ "add a read of a file", a_queue_and_a_file, add_read, read_is_added },
	{ "add a receive by a socket", a_queue_and_waiting_sockets, add_receive, receive_is_added },
	{ "add a pipe, two wait queues", a_queue_and_two_ways, add_two_ways, pipe_is_added },
	{ "add an eventfd", a_queue_and_an_eventfd, add_eventfd, event_is_there },
	{ "add a timer", a_queue, add_timer, event_is_there },
	{ "add an alarm timer", a_queue, add_alarm, event_is_there },
	{ "add two kevents", a_queue, add_two, those_are_added },
	{ "rearm a timer", a_queue_with_a_timer, rearm_timer, event_is_there },
	{ "rearm a POSIX timer", a_queue_with_a_posix_timer, rearm_timer, event_is_there },
	{ "get the time of a timer", a_queue_with_a_posix_timer, get_time, time_was_got },
	{ "observe a signal", a_queue, observe, gives_a_signal },
	{ "consume a signal", a_queue, consume, gives_a_signal },
	{ "take an observed signal", an_observed_signal, take_signal, signal_was_taken },
	{ "take a signal", a_consumed_signal, take_signal, signal_was_taken },
	{ "remove a timer", a_queue_with_a_timer, remove_timer, queue_is_empty },
	{ "requeue an orphan", a_queue_with_an_orphan, requeue, event_is_there },
	{ "wait for a kevent", a_queue_with_an_event, wait_for_event, event_was_waited_for },
	{ "look at fdinfo of a queue", a_queue_with_a_timer, look_at_queue, has_a_kevent },
	{ "add by the call of 2006", a_pipe_and_a_queue, take26_add, take26_are_added },
	{ "get events", a_queue_of_2006, take26_get, take26_gives_both },
	{ "read events", a_queue_of_2006, take26_read, take26_gives_both },
	{ "give a queue a ring", a_pipe_and_a_queue, take26_init, take26_ring_works },
	{ "wait for a ring", a_queue_with_a_ring, take26_wait, take26_ring_has_both },
	{ "commit events", a_ring_near_its_end, take26_commit, take26_is_committed },
	{ "watch a queue", epoll_queue, add_to_epoll, epoll_tells },
	{ "poll many queues", a_queue_with_fd, poll_many, is_0 },
};

#endif /* EVFD_TESTS_OPERATIONS_H */
