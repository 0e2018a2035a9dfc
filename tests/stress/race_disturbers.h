/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Disturbers, which take descriptors away from calls in progress. A single thread calls
 * a disturber again and again. Disturbers return false on failure.
 */
#ifndef STRESS_RACE_DISTURBERS_H
#define STRESS_RACE_DISTURBERS_H

#include "race.h"
#include "race_cells.h"
#include "race_queues.h"
#include "fd_passing.h"
#include "module.h"

#include <sys/wait.h>

/* The argument that makes this program end immediately. */
#define ONLY_END	"--only-end"

static const char *module_directory;

static inline bool disturb_close(unsigned int n)
{
	close(slot(n % KINDS));
	return refill(n % KINDS, n / KINDS);
}

static inline bool disturb_dup(unsigned int n)
{
	return refill(n % KINDS, n / KINDS);
}

/* Passes the descriptor in a message, which is received, or dropped with its content. */
static inline bool disturb_pass(unsigned int n)
{
	int socks[2], fd = -1;
	bool good = !socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, socks) &&
		    send_fd(socks[0], slot(n % KINDS));

	close(slot(n % KINDS));
	if (n % 2)
		fd = receive_fd(socks[1]);
	if (fd >= 0) {
		dup2(fd, slot(n % KINDS));
		close(fd);
	}
	close(socks[0]);
	close(socks[1]);
	return good && (fd >= 0 || refill(n % KINDS, n / KINDS));
}

/* Threads of a child that wait on files shared with its parent. */
static inline void *wait_in_read(void *arg)
{
	struct signalfd_siginfo buf;

	while (read((intptr_t)arg, &buf, sizeof(buf)) > 0)
		;
	return NULL;
}

static inline void *wait_in_epoll(void *arg)
{
	struct epoll_event event = { .events = EPOLLIN | EPOLLET };
	int ep = epoll_create1(0);

	epoll_ctl(ep, EPOLL_CTL_ADD, (intptr_t)arg, &event);
	while (epoll_wait(ep, &event, 1, -1) == 1)
		;
	return NULL;
}

static inline void *wait_in_poll(void *arg)
{
	struct pollfd pfd = { .fd = (intptr_t)arg, .events = POLLERR };

	poll(&pfd, 1, -1);
	return NULL;
}

static inline void *wait_in_uring(void *arg)
{
	struct uring ring;

	if (!uring_open(&ring))
		return NULL;
	uring_poll(&ring, (intptr_t)arg, POLLIN, true, 0);
	uring_submit(&ring);
	pause();
	return NULL;
}

static inline void start_waiters(unsigned int n)
{
	static void *(*const waits[])(void *) = {
		wait_in_read, wait_in_epoll, wait_in_poll, wait_in_uring,
	};
	pthread_t thread;

	pthread_create(&thread, NULL, wait_in_submit, (void *)(intptr_t)slot(QUEUE));

	for (unsigned int i = 0; i < 2; i++)
		pthread_create(&thread, NULL, waits[(n + i) % ARRAY_SIZE(waits)],
			       (void *)(intptr_t)slot((n + i) % KINDS));
}

/* Puts a pidfd into the slot for it. */
static inline bool replace_child(pid_t child)
{
	int pidfd = open_pidfd(child, 0);
	bool good = dup3(pidfd, SLOT_CHILD, O_CLOEXEC) == SLOT_CHILD;

	close(pidfd);
	return good;
}

/* Forks a child that ends by itself, and replaces descriptors meanwhile. */
static inline bool fork_and(unsigned int n, void (*child_does)(unsigned int n))
{
	pid_t child = fork_child();
	bool good;
	int status;

	if (!child) {
		child_does(n);
		_exit(1);
	}
	good = child > 0 && replace_child(child) && disturb_close(n);
	return child > 0 && waitpid(child, &status, 0) == child && !status && good;
}

/* The call must not block: the file may be the child's alone, without a writer. */
static inline void call_once_and_end(unsigned int n)
{
	read_nowait(slot(n % KINDS));
	_exit(0);
}

static inline bool disturb_fork(unsigned int n)
{
	return fork_and(n, call_once_and_end);
}

static inline void wait_and_end(unsigned int n)
{
	start_waiters(n);
	sched_yield();
	_exit(0);
}

static inline bool disturb_exit(unsigned int n)
{
	return fork_and(n, wait_and_end);
}

static inline void wait_and_exec(unsigned int n)
{
	start_waiters(n);
	execl("/proc/self/exe", "stress_races", ONLY_END, NULL);
}

static inline bool disturb_exec(unsigned int n)
{
	return fork_and(n, wait_and_exec);
}

static inline bool disturb_kill(unsigned int n)
{
	pid_t child = fork_child();
	int status;

	if (!child) {
		start_waiters(n);
		for (;;) {
			poll_now(slot(n % KINDS));
			efd_take(slot(n / 2 % 2 ? CELL : EVENT));
			read_nowait(slot(RECORD));
		}
	}
	if (child < 0)
		return false;
	sleep_ms(n % 5);
	if (n % 2)
		close(slot(n % KINDS));
	kill(child, SIGKILL);
	return waitpid(child, &status, 0) == child && WIFSIGNALED(status) &&
	       WTERMSIG(status) == SIGKILL && refill(n % KINDS, n / KINDS);
}

/* A thread that closes an epoll and a ring with waits in progress, and ends. */
static inline void *leave_behind(void *arg)
{
	struct epoll_event event = { .events = EPOLLIN };
	int fd = (intptr_t)arg, ep = epoll_create1(0);
	struct uring ring;

	epoll_ctl(ep, EPOLL_CTL_ADD, fd, &event);
	if (uring_open(&ring)) {
		uring_poll(&ring, fd, POLLIN, false, 0);
		uring_submit(&ring);
		uring_close(&ring);
	}
	close(ep);
	return NULL;
}

static inline bool disturb_thread(unsigned int n)
{
	pthread_t thread;

	if (pthread_create(&thread, NULL, leave_behind,
			   (void *)(intptr_t)slot(n % KINDS)))
		return false;
	return disturb_close(n + 1) && !pthread_join(thread, NULL);
}

/*
 * Unloading is refused while there is a descriptor. Without descriptors, it races with
 * calls that make them.
 */
static inline bool disturb_unload(unsigned int n)
{
	bool good = true;

	for (int i = 0; i < KINDS; i++)
		good = refill(i, n) && good;
	good = good && unload_module("evfd") && errno == EWOULDBLOCK;
	record->refused++;
	for (int i = 0; i < KINDS; i++)
		close(slot(i));
	queue_unmap();
	cells_unmap();
	for (int i = 0; i < 20; i++) {
		if (!unload_module("evfd")) {
			record->unloaded++;
			return good && !load_module(module_directory, "evfd");
		}
		sleep_ms(1);
	}
	return good;
}

/* Calls any other disturber, except disturb_unload(). */
static inline bool disturb_all(unsigned int n)
{
	static bool (*const others[])(unsigned int) = {
		disturb_close, disturb_dup, disturb_pass, disturb_fork,
		disturb_exit, disturb_exec, disturb_kill, disturb_thread,
	};

	return others[n * 7 / 3 % ARRAY_SIZE(others)](n);
}

#endif /* STRESS_RACE_DISTURBERS_H */
