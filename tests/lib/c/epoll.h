/* SPDX-License-Identifier: GPL-2.0 */
/* Epoll instances for one descriptor, or few. */
#ifndef EVFD_TESTS_EPOLL_H
#define EVFD_TESTS_EPOLL_H

#include "common.h"

/* Adds fd to an epoll instance. Returns 0, or -1 and errno. */
static inline int watch_too(int ep, int fd, uint32_t events)
{
	struct epoll_event event = { .events = events, .data.fd = fd };

	return epoll_ctl(ep, EPOLL_CTL_ADD, fd, &event);
}

/* Makes an epoll instance for fd. */
static inline int watch(int fd, uint32_t events)
{
	int ep = epoll_create1(EPOLL_CLOEXEC);

	if (ep >= 0 && watch_too(ep, fd, events))
		return -1;
	return ep;
}

static inline int modify(int ep, int fd, uint32_t events)
{
	struct epoll_event event = { .events = events, .data.fd = fd };

	return epoll_ctl(ep, EPOLL_CTL_MOD, fd, &event);
}

/* The events of the only descriptor, or 0, after at most ms. */
static inline int events_within(int ep, int ms)
{
	struct epoll_event event = { };
	int n = epoll_wait(ep, &event, 1, ms);

	if (n < 0)
		return -errno;
	return n ? (int)event.events : 0;
}

static inline int events_now(int ep)
{
	return events_within(ep, 0);
}

#endif /* EVFD_TESTS_EPOLL_H */
