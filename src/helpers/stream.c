// SPDX-License-Identifier: GPL-2.0
/* Sockets and pipes: see src/abstractions/file/stream.rs. */
#include <asm/ioctls.h>
#include <linux/fs.h>
#include <linux/in.h>
#include <linux/minmax.h>
#include <linux/mutex.h>
#include <linux/net.h>
#include <linux/pipe_fs_i.h>
#include <linux/skbuff.h>
#include <linux/sockios.h>
#include <net/sock.h>
#include <net/tcp_states.h>

#include "stream.h"

bool evfd_helper_is_socket(struct file *file)
{
	return sock_from_file(file);
}

/* A pipe or a FIFO. */
bool evfd_helper_is_pipe(struct file *file)
{
	struct inode *inode = file_inode(file);

	return S_ISFIFO(inode->i_mode) && file->private_data == inode->i_pipe;
}

/* What SO_ACCEPTCONN returns, for a file that is not released yet. In any context. */
bool evfd_helper_listens(struct file *file)
{
	struct socket *sock = sock_from_file(file);
	struct sock *sk = sock ? READ_ONCE(sock->sk) : NULL;

	return sk && READ_ONCE(sk->sk_state) == TCP_LISTEN;
}

static bool evfd_is_unix(const struct socket *sock)
{
	return IS_ENABLED(CONFIG_UNIX) && sock->ops->family == PF_UNIX;
}

/* Whether evfd_helper_readable_bytes() is right for the file. */
bool evfd_helper_counts_bytes(struct file *file)
{
	struct socket *sock = sock_from_file(file);
	int family;

	if (!sock)
		return evfd_helper_is_pipe(file);
	family = sock->ops->family;
	if (family != PF_INET && family != PF_INET6)
		return evfd_is_unix(sock);
	return sock->type == SOCK_STREAM ? sock->sk->sk_protocol == IPPROTO_TCP :
	       sock->type == SOCK_DGRAM && sock->sk->sk_protocol == IPPROTO_UDP;
}

/* Waits for a read or a write that is in progress. */
static __u64 evfd_pipe_bytes(struct pipe_inode_info *pipe)
{
	unsigned int tail;
	__u64 bytes = 0;

	if (mutex_lock_killable(&pipe->mutex))
		return 0;
	for (tail = pipe->tail; !pipe_empty(pipe->head, tail); tail++)
		bytes += pipe_buf(pipe, tail)->len;
	mutex_unlock(&pipe->mutex);
	return bytes;
}

/*
 * The bytes that FIONREAD returns, and the connections that wait if the socket
 * listens. The ioctl itself would copy them to user memory. May sleep.
 */
__u64 evfd_helper_readable_bytes(struct file *file)
{
	struct socket *sock = sock_from_file(file);
	const struct proto *proto;
	struct sock *sk;
	int bytes = 0;

	if (!sock)
		return evfd_pipe_bytes(file->private_data);
	sk = sock->sk;
	if (evfd_helper_listens(file))
		return evfd_is_unix(sock) ? skb_queue_len_lockless(&sk->sk_receive_queue) :
					    READ_ONCE(sk->sk_ack_backlog);
	if (evfd_is_unix(sock))
		return max(unix_inq_len(sk), 0L);
	/* Setting IPV6_ADDRFORM changes it. */
	proto = READ_ONCE(sk->sk_prot);
	if (!proto->ioctl || proto->ioctl(sk, SIOCINQ, &bytes))
		return 0;
	return bytes;
}
