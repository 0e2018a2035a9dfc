/* SPDX-License-Identifier: GPL-2.0 */
/* A process to be killed while it waits for a descriptor. */
#ifndef EVFD_TESTS_KILLED_H
#define EVFD_TESTS_KILLED_H

#include "common.h"

/* Starts threads that wait for fd in every way, and posts to ready. Never returns. */
static inline void block_in_every_way(int fd, int ready)
{
	static struct call calls[3];
	struct epoll_event event = { .events = EPOLLIN | EPOLLET };

	calls[0] = (struct call){ .make = call_read, .fd = fd };
	calls[1] = (struct call){ .make = call_poll, .fd = fd };
	calls[1].value = POLLIN;
	calls[2] = (struct call){ .make = call_epoll };
	calls[2].fd = epoll_create1(0);
	epoll_ctl(calls[2].fd, EPOLL_CTL_ADD, fd, &event);
	for (int i = 0; i < 3; i++)
		call_start(&calls[i]);
	efd_add(ready, 1);
	pause();
}

#endif /* EVFD_TESTS_KILLED_H */
