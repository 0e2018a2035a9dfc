// SPDX-License-Identifier: GPL-2.0
/* Sockets and pipes: see src/abstractions/file/stream.rs. */
#include <linux/fs.h>
#include <linux/net.h>
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
