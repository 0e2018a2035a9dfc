/* SPDX-License-Identifier: GPL-2.0 */
/* Operations on sockets, by the system call and by a queue. */
#ifndef EVFD_TESTS_NAIO_H
#define EVFD_TESTS_NAIO_H

#include "ends.h"
#include "queue.h"

#define RECV	KEVENT_NAIO_RECV
#define SEND	KEVENT_NAIO_SEND

/* Starts an operation. Returns the handle of its kevent, or 0. */
static inline uint64_t start_naio(const struct kevent_queue *q, int fd, uint64_t user,
				  uint32_t what, const void *buf, size_t len, uint32_t msg_flags)
{
	struct kevent_op op = kevent_op_naio(fd, user, what, buf, len, msg_flags, 0);
	int ret = queue_do(q, &op);

	errno = -ret;
	return ret ? 0 : op.handle;
}

static inline int64_t naio_by_queue(struct kevent_queue *q, int fd, uint32_t what,
				    const void *buf, size_t len, uint32_t msg_flags)
{
	struct kevent_op op = kevent_op_naio(fd, 77, what, buf, len, msg_flags, KEVENT_ONESHOT);
	int ret = queue_do(q, &op);

	return ret ?: result_of(q, 77, what);
}

static inline int64_t naio_by_call(int fd, uint32_t what, void *buf, size_t len,
				   uint32_t msg_flags)
{
	int64_t ret;

	if (what == RECV)
		ret = recv(fd, buf, len, msg_flags);
	else
		ret = send(fd, buf, len, msg_flags | MSG_NOSIGNAL);
	return ret < 0 ? -errno : ret;
}

/* Makes a pair of sockets that wait. */
static inline bool make_waiting(bool (*make)(int fds[2]), int fds[2])
{
	return make(fds) && !fcntl(fds[0], F_SETFL, 0) && !fcntl(fds[1], F_SETFL, 0);
}

#endif /* EVFD_TESTS_NAIO_H */
