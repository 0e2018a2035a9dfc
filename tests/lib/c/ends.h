/* SPDX-License-Identifier: GPL-2.0 */
/* Connected pairs of descriptors: data that goes into fds[1] comes out of fds[0]. */
#ifndef EVFD_TESTS_ENDS_H
#define EVFD_TESTS_ENDS_H

#include "common.h"

#include <net/if.h>
#include <netinet/in.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

/* The loopback interface of a guest may be down. */
static inline bool loopback_up(void)
{
	int sock = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	struct ifreq request = { .ifr_name = "lo" };
	bool good;

	good = sock >= 0 && !ioctl(sock, SIOCGIFFLAGS, &request);
	if (good && !(request.ifr_flags & IFF_UP)) {
		request.ifr_flags |= IFF_UP;
		good = !ioctl(sock, SIOCSIFFLAGS, &request);
	}
	close(sock);
	return good;
}

/* Listens on a free port of the loopback interface, and sets the address. */
static inline int tcp_listen(struct sockaddr_in *address)
{
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	socklen_t size = sizeof(*address);

	*address = (struct sockaddr_in){
		.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK),
	};
	if (!loopback_up() || bind(fd, (struct sockaddr *)address, sizeof(*address)) ||
	    listen(fd, 8) || getsockname(fd, (struct sockaddr *)address, &size))
		return -1;
	return fd;
}

static inline int tcp_socket(void)
{
	return socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
}

/* Starts or makes a connection. */
static inline bool tcp_connect(int fd, const struct sockaddr_in *address)
{
	return !connect(fd, (const struct sockaddr *)address, sizeof(*address)) ||
	       errno == EINPROGRESS;
}

static inline bool make_pipe(int fds[2])
{
	return !pipe2(fds, O_CLOEXEC | O_NONBLOCK);
}

static inline bool make_stream(int fds[2])
{
	return !socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, fds);
}

static inline bool make_datagrams(int fds[2])
{
	return !socketpair(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, fds);
}

static inline bool make_packets(int fds[2])
{
	return !socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, fds);
}

static inline bool make_tcp(int fds[2])
{
	struct sockaddr_in address;
	int listening = tcp_listen(&address);
	struct pollfd pfd = { .fd = listening, .events = POLLIN };

	fds[1] = tcp_socket();
	if (listening < 0 || !tcp_connect(fds[1], &address) || poll(&pfd, 1, DEADLINE_MS) != 1)
		return false;
	fds[0] = accept4(listening, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
	close(listening);
	return fds[0] >= 0;
}

static inline bool make_udp(int fds[2])
{
	struct sockaddr_in address = {
		.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK),
	};
	socklen_t size = sizeof(address);

	for (int i = 0; i < 2; i++)
		fds[i] = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	return loopback_up() && !bind(fds[0], (struct sockaddr *)&address, size) &&
	       !getsockname(fds[0], (struct sockaddr *)&address, &size) &&
	       !connect(fds[1], (struct sockaddr *)&address, size);
}

#endif /* EVFD_TESTS_ENDS_H */
