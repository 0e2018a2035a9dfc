// SPDX-License-Identifier: GPL-2.0
/* Operations on sockets for a queue: see src/abstractions/file/io.rs. */
#include <linux/capability.h>
#include <linux/cred.h>
#include <linux/fs.h>
#include <linux/fsnotify.h>
#include <linux/minmax.h>
#include <linux/net.h>
#include <linux/pid.h>
#include <linux/socket.h>
#include <linux/splice.h>
#include <linux/uaccess.h>
#include <linux/uio.h>
#include <linux/user_namespace.h>
#include <net/sock.h>

#include "io.h"
#include "net.h"

/*
 * The flags that a program may set. MSG_ZEROCOPY is none, because it uses the memory after
 * the end of the operation.
 */
#define EVFD_RECV_FLAGS	(MSG_OOB | MSG_PEEK | MSG_TRUNC | MSG_DONTWAIT | MSG_WAITALL)
#define EVFD_SEND_FLAGS	(MSG_OOB | MSG_DONTROUTE | MSG_DONTWAIT | MSG_EOR | MSG_CONFIRM | \
			 MSG_NOSIGNAL | MSG_MORE)

/*
 * Whether a kernel thread may use the socket in place of a task. Netlink sockets and some
 * others look at the task.
 */
static bool evfd_is_plain_socket(const struct socket *sock)
{
	int family = sock->ops->family;

	return family == PF_INET || family == PF_INET6 || family == PF_UNIX;
}

/* A peek that waits for more would see the same bytes again. */
static bool evfd_has_known_flags(const struct evfd_io *io)
{
	if (io->op == EVFD_IO_SEND)
		return !(io->flags & ~EVFD_SEND_FLAGS);
	return !(io->flags & ~EVFD_RECV_FLAGS) && (~io->flags & (MSG_PEEK | MSG_WAITALL));
}

/*
 * Whether a file can be sent, as sendfile() checks. A unix socket would show the pid of the
 * kernel thread to its receiver: see evfd_send_as().
 */
static int evfd_check_send_file(const struct socket *sock, const struct evfd_io *io)
{
	struct file *input = io->input;

	if (sock->ops->family == PF_UNIX)
		return -EOPNOTSUPP;
	if (io->pos < 0 || (ssize_t)io->len < 0)
		return -EINVAL;
	if (!(input->f_mode & FMODE_READ))
		return -EBADF;
	if (!(input->f_mode & FMODE_PREAD))
		return -ESPIPE;
	return evfd_keeps_data(input) ? 0 : -EOPNOTSUPP;
}

/* Whether the operation can be started. The rest is checked as the system call does. */
int evfd_check_net(struct file *file, const struct evfd_io *io)
{
	struct socket *sock = sock_from_file(file);

	if (!sock)
		return -ENOTSOCK;
	if (!evfd_is_plain_socket(sock))
		return -EOPNOTSUPP;
	if (io->op == EVFD_IO_SENDFILE)
		return evfd_check_send_file(sock, io);
	if (!evfd_has_known_flags(io) || (ssize_t)io->len < 0)
		return -EINVAL;
	return access_ok((void __user *)io->buf, io->len) ? 0 : -EFAULT;
}

/*
 * The credentials with which a kernel thread sends in the name of a process. They are those of
 * the process, but may name its pid.
 */
static struct cred *evfd_sender_creds(void)
{
	struct cred *cred = prepare_creds();

	if (!cred)
		return NULL;
	cap_clear(cred->cap_effective);
	cap_raise(cred->cap_effective, CAP_SYS_ADMIN);
	put_user_ns(cred->user_ns);
	cred->user_ns = get_user_ns(&init_user_ns);
	return cred;
}

/*
 * Sends to a unix socket, whose receiver may ask for the pid of the sender. It would get that
 * of the kernel thread, unless the message has one.
 */
static noinline ssize_t evfd_send_as(struct socket *sock, struct msghdr *msg,
				     const struct evfd_submitter *submitter)
{
	struct {
		struct cmsghdr header;
		struct ucred ids __aligned(__alignof__(struct cmsghdr));
	} control = {
		.header = {
			.cmsg_len = CMSG_LEN(sizeof(struct ucred)),
			.cmsg_level = SOL_SOCKET,
			.cmsg_type = SCM_CREDENTIALS,
		},
		.ids = {
			.pid = pid_nr(submitter->pid),
			.uid = from_kuid(&init_user_ns, current_uid()),
			.gid = from_kgid(&init_user_ns, current_gid()),
		},
	};
	struct cred *cred = evfd_sender_creds();
	ssize_t result;

	BUILD_BUG_ON(sizeof(control) != CMSG_SPACE(sizeof(struct ucred)));
	if (!cred)
		return -ENOMEM;
	msg->msg_control = &control;
	msg->msg_controllen = sizeof(control);
	scoped_with_creds(cred)
		result = sock_sendmsg(sock, msg);
	put_cred(cred);
	return result;
}

/* recv() from a stream does not wait for urgent data. Datagrams have none. */
bool evfd_never_waits_net(struct file *file, const struct evfd_io *io)
{
	return file->f_flags & O_NONBLOCK || io->flags & MSG_DONTWAIT ||
	       (io->op == EVFD_IO_RECV && io->flags & MSG_OOB &&
		sock_from_file(file)->type == SOCK_STREAM);
}

/*
 * A call that waits for a datagram ends when the socket is shut down. One that does not wait
 * returns -EAGAIN. The shutdown is looked at first, because a message may come before it.
 */
static ssize_t evfd_receive(struct file *file, struct socket *sock, const struct evfd_io *io,
			    struct msghdr *msg)
{
	bool is_shut = READ_ONCE(sock->sk->sk_shutdown) & RCV_SHUTDOWN;
	ssize_t result = sock_recvmsg(sock, msg, io->flags | MSG_DONTWAIT);

	if (is_shut && result == -EAGAIN && !evfd_never_waits_net(file, io))
		return 0;
	return result;
}

/*
 * Does what can be done without waiting. @submitter is NULL in the task itself. There is no
 * SIGPIPE, because a kernel thread could not send it.
 */
ssize_t evfd_do_net(struct file *file, const struct evfd_io *io,
		    const struct evfd_submitter *submitter)
{
	struct socket *sock = sock_from_file(file);
	struct msghdr msg = {};
	int error;

	/* The error is for the next call. It would be lost here. */
	if (io->is_rest && READ_ONCE(sock->sk->sk_err))
		return 0;
	error = import_ubuf(io->op == EVFD_IO_SEND ? ITER_SOURCE : ITER_DEST,
			    (void __user *)io->buf, io->len, &msg.msg_iter);
	if (error)
		return error;
	if (io->op == EVFD_IO_RECV)
		return evfd_receive(file, sock, io, &msg);
	msg.msg_flags = io->flags | MSG_DONTWAIT | MSG_NOSIGNAL;
	if (submitter && sock->ops->family == PF_UNIX)
		return evfd_send_as(sock, &msg, submitter);
	return sock_sendmsg(sock, &msg);
}

/* Waits for the file and for the socket. */
ssize_t evfd_send_file(struct file *file, const struct evfd_io *io)
{
	loff_t max = file_inode(io->input)->i_sb->s_maxbytes, pos = io->pos, out = 0;
	size_t count = min_t(size_t, io->len, MAX_RW_COUNT);
	ssize_t result;

	result = rw_verify_area(READ, io->input, &pos, io->len) ?:
		 rw_verify_area(WRITE, file, &out, count);
	if (result)
		return result;
	if (pos + count > max) {
		if (pos >= max)
			return -EOVERFLOW;
		count = max - pos;
	}
	result = do_splice_direct(io->input, &pos, file, &out, count, 0);
	if (result > 0)
		fsnotify_access(io->input);
	return result;
}

/* Whether the call would have ended with @done bytes, although it was for more. */
bool evfd_is_all_net(struct file *file, const struct evfd_io *io, size_t done)
{
	const struct socket *sock = sock_from_file(file);
	size_t len = min_t(size_t, io->len, MAX_RW_COUNT);

	if (!done || sock->type != SOCK_STREAM || evfd_never_waits_net(file, io))
		return true;
	if (io->op == EVFD_IO_SEND)
		return done >= len;
	return io->flags & MSG_PEEK ||
	       done >= sock_rcvlowat(sock->sk, io->flags & MSG_WAITALL, len);
}
