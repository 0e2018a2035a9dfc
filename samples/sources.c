// SPDX-License-Identifier: GPL-2.0
/*
 * One loop on a queue of /dev/kevent, with a source of each type: timers, descriptors, a
 * directory, a child process, a signal, a read of a file, a receive by a socket, another
 * thread, and a kernel module. Each tells its first event.
 */
#define _GNU_SOURCE
#include <err.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <evfd/kevent.h>

#include "evfd_samples.h"

#define MSEC		1000000L
#define LIMIT_MS	20000

/* The user words of the sources. */
enum source {
	TIMER, POSIX_TIMER, TERMINAL, SOCKET, PIPE, INODE, PROCESS, SIGNAL, AIO, NAIO,
	USER, PRODUCER, SOURCES
};

static const char *const names[SOURCES] = {
	[TIMER] = "KEVENT_TIMER: a tick",
	[POSIX_TIMER] = "KEVENT_POSIX_TIMER: an expiration",
	[TERMINAL] = "KEVENT_POLL: a pseudoterminal has input",
	[SOCKET] = "KEVENT_SOCKET: a message",
	[PIPE] = "KEVENT_PIPE: data",
	[INODE] = "KEVENT_INODE: a new entry of a directory",
	[PROCESS] = "KEVENT_PROCESS: the end of a child",
	[SIGNAL] = "KEVENT_SIGNAL: SIGCHLD",
	[AIO] = "KEVENT_AIO: a read has ended",
	[NAIO] = "KEVENT_NAIO: a receive has ended",
	[USER] = "KEVENT_USER: raised by a thread, without a call",
	[PRODUCER] = "KEVENT_PRODUCER: memory pressure, told by a module",
};

static struct kevent_queue queue;

static int checked(int result, const char *what)
{
	if (result < 0)
		err(EXIT_FAILURE, "%s", what);
	return result;
}

/* Adds a kevent. Returns its handle. */
static __u64 add(struct kevent_op op)
{
	if (kevent_submit(&queue, &op, 1) != 1)
		err(EXIT_FAILURE, "KEVENT_IOC_SUBMIT");
	if (op.result) {
		errno = -op.result;
		err(EXIT_FAILURE, "%s", names[op.user]);
	}
	return op.handle;
}

static void add_fd(enum source source, int type, int fd, __u32 want)
{
	add(kevent_op_add(type, fd, source, want, KEVENT_ET));
}

static void add_timers(void)
{
	struct kevent_op op = kevent_op_timer(CLOCK_MONOTONIC, TIMER, 10 * MSEC, 0, 0, 0);

	add(op);
	op.type = KEVENT_POSIX_TIMER;
	op.user = POSIX_TIMER;
	add(op);
}

static void add_terminal(void)
{
	int master = checked(posix_openpt(O_RDWR | O_NOCTTY), "posix_openpt");
	int slave;

	checked(grantpt(master), "grantpt");
	checked(unlockpt(master), "unlockpt");
	slave = checked(open(ptsname(master), O_RDWR | O_NOCTTY), "ptsname");
	add_fd(TERMINAL, KEVENT_POLL, master, POLLIN);
	checked(write(slave, "hello\n", 6), "write");
}

static void add_socket(void)
{
	int ends[2];

	checked(socketpair(AF_UNIX, SOCK_DGRAM, 0, ends), "socketpair");
	add_fd(SOCKET, KEVENT_SOCKET, ends[0], KEVENT_SOCKET_RECV);
	checked(send(ends[1], "hello", 5, 0), "send");
}

static void add_pipe(void)
{
	int ends[2];

	checked(pipe(ends), "pipe");
	add_fd(PIPE, KEVENT_PIPE, ends[0], KEVENT_SOCKET_RECV);
	checked(write(ends[1], "hello", 5), "write");
}

static void add_directory(void)
{
	char path[] = "/tmp/sources.XXXXXX";
	int dir;

	if (!mkdtemp(path))
		err(EXIT_FAILURE, "mkdtemp");
	dir = checked(open(path, O_RDONLY | O_DIRECTORY), path);
	add(kevent_op_add(KEVENT_INODE, dir, INODE, KEVENT_INODE_CREATE, 0));
	close(checked(openat(dir, "entry", O_CREAT | O_WRONLY, 0600), "openat"));
	unlinkat(dir, "entry", 0);
	rmdir(path);
	close(dir);
}

static void add_child(void)
{
	pid_t child;

	/* Observed only: its effect stays what it is. */
	add(kevent_op_add(KEVENT_SIGNAL, SIGCHLD, SIGNAL, KEVENT_SIGNAL_DELIVERY, 0));
	child = checked(fork(), "fork");
	if (!child)
		_exit(42);
	add(kevent_op_add(KEVENT_PROCESS, checked(syscall(SYS_pidfd_open, child, 0), "pidfd_open"),
			  PROCESS, KEVENT_PROCESS_EXIT, KEVENT_ONESHOT));
}

static void add_read(void)
{
	static char text[6];
	int fd = checked(memfd_create("sources", MFD_CLOEXEC), "memfd_create");

	checked(write(fd, "hello", 5), "write");
	add(kevent_op_aio(fd, AIO, KEVENT_AIO_READ, text, sizeof(text), 0, 0));
	close(fd);
}

static void add_receive(void)
{
	static char text[6];
	int ends[2];

	checked(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends), "socketpair");
	add(kevent_op_naio(ends[0], NAIO, KEVENT_NAIO_RECV, text, sizeof(text), 0, 0));
	/* The operation waits until now. */
	checked(write(ends[1], "hello", 5), "write");
	close(ends[0]);
	close(ends[1]);
}

static void *raise_event(void *handle)
{
	kevent_raise(&queue, *(__u64 *)handle, 1);
	return NULL;
}

static void add_thread(void)
{
	static __u64 handle;
	pthread_t thread;

	handle = add(kevent_op_add(KEVENT_USER, 0, USER, 1, 0));
	if (pthread_create(&thread, NULL, raise_event, &handle))
		errx(EXIT_FAILURE, "pthread_create");
	pthread_detach(thread);
}

/* Lets the kernel reclaim caches that nobody uses. */
static void add_module(void)
{
	int dev = open("/dev/" KEVENT_PRESSURE_DEVICE_NAME, O_RDONLY);
	int caches;

	if (dev < 0)
		err(EXIT_FAILURE, "%s (is kevent_pressure.ko loaded?)",
		    KEVENT_PRESSURE_DEVICE_NAME);
	add(kevent_op_add(KEVENT_PRODUCER, dev, PRODUCER, KEVENT_PRESSURE_RECLAIM, 0));
	caches = checked(open("/proc/sys/vm/drop_caches", O_WRONLY), "drop_caches");
	checked(write(caches, "2", 1), "drop_caches");
	close(caches);
}

/* Prints an event, the first of its source. */
static void tell(const struct kevent_event *event)
{
	__u64 data = kevent_data(&queue, event->slot);

	if (event->user == PROCESS)
		printf("%s, with status %d\n", names[PROCESS], WEXITSTATUS((int)data));
	else if (event->user == AIO || event->user == NAIO)
		printf("%s, with %lld bytes\n", names[event->user], (long long)data);
	else
		printf("%s\n", names[event->user]);
}

/* Takes an event out of the ring, or out of the list of those that threads have raised. */
static bool next_event(struct kevent_event *event)
{
	static __u32 raised;

	return kevent_next(&queue, event) || kevent_take_raised(&queue, &raised, event);
}

int main(void)
{
	unsigned int told = 0;

	if (kevent_open(&queue, SOURCES, 0))
		err(EXIT_FAILURE, "/dev/kevent");
	add_timers();
	add_terminal();
	add_socket();
	add_pipe();
	add_directory();
	add_child();
	add_read();
	add_receive();
	add_thread();
	add_module();
	while (told != (1U << SOURCES) - 1) {
		struct kevent_event event;

		if (kevent_wait(&queue, NULL, 0, LIMIT_MS * MSEC, 0) < 0)
			err(EXIT_FAILURE, "KEVENT_IOC_SUBMIT");
		if (!next_event(&event))
			errx(EXIT_FAILURE, "a source has no event: %#x have", told);
		do {
			if (!(told & 1U << event.user))
				tell(&event);
			told |= 1U << event.user;
		} while (next_event(&event));
	}
	kevent_close(&queue);
	return EXIT_SUCCESS;
}
