/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Calls on any kind of file, each made on the current file of a slot. They wait for a
 * signal or for a moment, but not longer.
 */
#ifndef STRESS_RACE_CALLS_H
#define STRESS_RACE_CALLS_H

#include "race.h"
#include "fd_passing.h"

#include <sys/select.h>
#include <sys/sendfile.h>
#include <sys/stat.h>

#define MOMENT_NS	1000000

static const struct timespec moment = { .tv_nsec = MOMENT_NS };

static inline void race_read(struct caller *caller)
{
	struct signalfd_siginfo buf[2];

	read(any_slot(caller), buf, caller->turn % 7 ? sizeof(buf) : 4);
}

static inline void race_write(struct caller *caller)
{
	efd_add(any_slot(caller), caller->turn % 5 ? caller->turn % 3 :
					EFD_COUNT_MAX - caller->turn % 2);
}

static inline void race_readv(struct caller *caller)
{
	struct signalfd_siginfo buf;
	struct iovec iov[2] = {
		{ .iov_base = &buf, .iov_len = 4 },
		{ .iov_base = (char *)&buf + 4, .iov_len = sizeof(buf) - 4 },
	};

	readv(any_slot(caller), iov, 2);
}

static inline void race_writev(struct caller *caller)
{
	uint64_t value = 1;
	struct iovec iov[2] = {
		{ .iov_base = &value, .iov_len = 4 },
		{ .iov_base = (char *)&value + 4, .iov_len = 4 },
	};

	writev(any_slot(caller), iov, 2);
}

static inline void race_nowait(struct caller *caller)
{
	read_nowait(any_slot(caller));
}

static inline void race_read_nowhere(struct caller *caller)
{
	syscall(SYS_read, any_slot(caller), nowhere(), RECORD_SIZE);
	syscall(SYS_write, any_slot(caller), nowhere(), sizeof(uint64_t));
}

static inline void race_poll(struct caller *caller)
{
	struct pollfd fds[KINDS];

	for (int i = 0; i < KINDS; i++)
		fds[i] = (struct pollfd){ .fd = slot(i), .events = POLLIN };
	poll(fds, KINDS, caller->turn % 2);
}

static inline void race_ppoll(struct caller *caller)
{
	struct pollfd fd = {
		.fd = any_slot(caller),
		.events = POLLIN | (caller->turn % 2 ? POLLOUT : 0),
	};

	ppoll(&fd, 1, &moment, NULL);
}

static inline void race_select(struct caller *caller)
{
	struct timeval timeout = { .tv_usec = caller->turn % 2 * 1000 };
	fd_set set;

	FD_ZERO(&set);
	for (int i = 0; i < KINDS; i++)
		FD_SET(slot(i), &set);
	select(slot(KINDS), &set, NULL, NULL, &timeout);
}

static inline void race_epoll_add(struct caller *caller)
{
	static const unsigned int flags[] = {
		0, EPOLLET, EPOLLONESHOT, EPOLLEXCLUSIVE,
	};
	struct epoll_event event = {
		.events = EPOLLIN | flags[dice(caller, ARRAY_SIZE(flags))],
	};

	epoll_ctl(caller->ep, EPOLL_CTL_ADD, any_slot(caller), &event);
}

static inline void race_epoll_mod(struct caller *caller)
{
	struct epoll_event event = {
		.events = EPOLLIN | EPOLLOUT | (caller->turn % 2 ? EPOLLET : 0),
	};

	race_epoll_add(caller);
	epoll_ctl(caller->ep, EPOLL_CTL_MOD, any_slot(caller), &event);
}

static inline void race_epoll_del(struct caller *caller)
{
	race_epoll_add(caller);
	epoll_ctl(caller->ep, EPOLL_CTL_DEL, any_slot(caller), NULL);
}

static inline void race_epoll_wait(struct caller *caller)
{
	struct epoll_event events[4];

	race_epoll_add(caller);
	epoll_wait(caller->ep, events, 4, caller->turn % 2);
}

/* Closes an epoll with all its watches. */
static inline void race_epoll_close(struct caller *caller)
{
	struct epoll_event event = { .events = EPOLLIN };
	int ep = epoll_create1(EPOLL_CLOEXEC);

	for (int i = 0; i < KINDS; i++)
		epoll_ctl(ep, EPOLL_CTL_ADD, slot(i), &event);
	epoll_wait(ep, &event, 1, 0);
	(void)caller;
	close(ep);
}

/* Cancels all submitted requests, because they would hold the file. */
static inline void uring_cancel_all(struct uring *ring)
{
	struct io_uring_cqe cqe;
	struct io_uring_sqe *sqe;

	sqe = uring_queue(ring, IORING_OP_ASYNC_CANCEL, -1, NULL, 0, 1);
	sqe->cancel_flags = IORING_ASYNC_CANCEL_ANY | IORING_ASYNC_CANCEL_ALL;
	uring_submit(ring);
	for (int i = 0; i < 8 && uring_next(ring, &cqe); i++)
		;
}

static inline void race_uring_poll(struct caller *caller)
{
	uring_poll(&caller->ring, any_slot(caller), POLLIN,
		   caller->turn % 2, 0);
	uring_submit(&caller->ring);
	if (caller->turn % 4 == 0)
		efd_add(any_slot(caller), 1);
	uring_cancel_all(&caller->ring);
}

static inline void race_uring_read(struct caller *caller)
{
	static struct signalfd_siginfo buf[CALLERS];

	uring_queue(&caller->ring, IORING_OP_READ, any_slot(caller),
		    &buf[caller->nr], sizeof(buf[0]), 0);
	uring_submit(&caller->ring);
	uring_cancel_all(&caller->ring);
}

static inline void race_uring_write(struct caller *caller)
{
	static uint64_t one = 1;

	uring_queue(&caller->ring, IORING_OP_WRITE, counter_slot(caller), &one,
		    sizeof(one), 0);
	uring_submit(&caller->ring);
	uring_cancel_all(&caller->ring);
}

/* Closes a ring with requests in flight. */
static inline void race_uring_close(struct caller *caller)
{
	struct uring ring;

	if (!uring_open(&ring))
		return;
	uring_poll(&ring, any_slot(caller), POLLIN, true, 0);
	uring_submit(&ring);
	uring_close(&ring);
}

static inline void race_aio_poll(struct caller *caller)
{
	struct iocb iocb = {
		.aio_lio_opcode = IOCB_CMD_POLL,
		.aio_fildes = any_slot(caller),
		.aio_buf = POLLIN,
	}, *submitted = &iocb;
	aio_context_t ctx = 0;
	struct io_event event;

	if (syscall(SYS_io_setup, 1, &ctx))
		return;
	syscall(SYS_io_submit, ctx, 1, &submitted);
	if (caller->turn % 2)
		syscall(SYS_io_cancel, ctx, &iocb, &event);
	/* Cancels the request, and waits for its end. */
	syscall(SYS_io_destroy, ctx);
}

static inline void race_fcntl(struct caller *caller)
{
	int fd = any_slot(caller);

	fcntl(fd, F_SETFL, caller->turn % 2 ? O_NONBLOCK : 0);
	fcntl(fd, F_SETFL, O_ASYNC | O_NONBLOCK);
	fcntl(fd, F_SETOWN, getpid());
	fcntl(fd, F_GETFL);
	fcntl(fd, F_SETFD, caller->turn % 3 ? FD_CLOEXEC : 0);
}

static inline void race_fionbio(struct caller *caller)
{
	int on = caller->turn % 3 != 0;

	ioctl(any_slot(caller), FIONBIO, &on);
}

static inline void race_fstat(struct caller *caller)
{
	struct stat st;

	fstat(any_slot(caller), &st);
}

static inline void read_proc(const char *path)
{
	char buf[512];
	int fd = open(path, O_RDONLY | O_CLOEXEC);

	if (fd < 0)
		return;
	read(fd, buf, sizeof(buf));
	close(fd);
}

static inline void race_fdinfo(struct caller *caller)
{
	char path[64];

	snprintf(path, sizeof(path), "/proc/self/fdinfo/%d", any_slot(caller));
	read_proc(path);
	snprintf(path, sizeof(path), "/proc/self/fd/%d", any_slot(caller));
	read_proc(path);
}

static inline void race_lseek(struct caller *caller)
{
	lseek(any_slot(caller), 0, SEEK_SET);
}

static inline void race_splice(struct caller *caller)
{
	splice(any_slot(caller), NULL, caller->pipe[1], NULL, RECORD_SIZE,
	       SPLICE_F_NONBLOCK);
	splice(caller->pipe[0], NULL, any_slot(caller), NULL, RECORD_SIZE,
	       SPLICE_F_NONBLOCK);
	sendfile(caller->pipe[1], any_slot(caller), NULL, RECORD_SIZE);
}

static inline void race_mmap(struct caller *caller)
{
	void *map = mmap(NULL, 4096, PROT_READ, MAP_SHARED, any_slot(caller), 0);

	if (map != MAP_FAILED)
		munmap(map, 4096);
}

static inline void race_dup(struct caller *caller)
{
	int fd = dup(any_slot(caller));

	if (fd < 0)
		return;
	poll_now(fd);
	efd_add(fd, 1);
	close(fd);
}

static inline void race_pass(struct caller *caller)
{
	int fd;

	if (!send_fd(caller->socks[0], any_slot(caller)))
		return;
	fd = receive_fd(caller->socks[1]);
	if (fd >= 0)
		close(fd);
}

static inline void race_kill(struct caller *caller)
{
	(void)caller;
	kill(getpid(), SIG_READ);
}

static inline void race_tgkill(struct caller *caller)
{
	(void)caller;
	signal_thread(gettid(), SIG_READ);
}

static inline void race_sigqueue(struct caller *caller)
{
	sig_queue(getpid(), SIG_READ_RT, caller->turn);
}

/* Takes signals that the signal descriptors wait for too. */
static inline void race_sigtimedwait(struct caller *caller)
{
	static const struct timespec none;
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIG_READ);
	sigaddset(&set, SIG_READ_RT);
	sigtimedwait(&set, NULL, caller->turn % 2 ? &moment : &none);
}

/* Sets the clock to its current time, which cancels timers with CANCEL_ON_SET. */
static inline void race_clock(struct caller *caller)
{
	struct timespec now;

	(void)caller;
	clock_gettime(CLOCK_REALTIME, &now);
	clock_settime(CLOCK_REALTIME, &now);
}

#endif /* STRESS_RACE_CALLS_H */
