// SPDX-License-Identifier: GPL-2.0
/* Reads and writes for a queue: see src/abstractions/file/io.rs. */
#include <linux/cred.h>
#include <linux/fs.h>
#include <linux/fsnotify.h>
#include <linux/ioprio.h>
#include <linux/kthread.h>
#include <linux/magic.h>
#include <linux/pid.h>
#include <linux/sched/mm.h>
#include <linux/sched/signal.h>
#include <linux/uaccess.h>
#include <linux/uio.h>

#include "io.h"
#include "net.h"

static bool evfd_is_net(const struct evfd_io *io)
{
	return io->op == EVFD_IO_RECV || io->op == EVFD_IO_SEND;
}

static bool evfd_is_rw(const struct evfd_io *io)
{
	return io->op == EVFD_IO_READ || io->op == EVFD_IO_WRITE;
}

/*
 * Whether a kernel thread may read and write the file in place of a task. The files of
 * procfs, sysfs and the like look at namespaces or signals of the task that uses them.
 */
bool evfd_keeps_data(struct file *file)
{
	const struct inode *inode = file_inode(file);
	const struct super_block *sb = inode->i_sb;

	if (S_ISBLK(inode->i_mode) || S_ISFIFO(inode->i_mode))
		return true;
	if (!S_ISREG(inode->i_mode))
		return false;
	return file->f_mode & FMODE_CAN_ODIRECT || sb->s_type->fs_flags & FS_REQUIRES_DEV ||
	       sb->s_magic == TMPFS_MAGIC || sb->s_magic == RAMFS_MAGIC ||
	       sb->s_magic == HUGETLBFS_MAGIC;
}

/* The result as of a system call that is not started again after a signal. */
static ssize_t evfd_result(ssize_t result)
{
	switch (result) {
	case -ERESTARTSYS:
	case -ERESTARTNOINTR:
	case -ERESTARTNOHAND:
	case -ERESTART_RESTARTBLOCK:
		return -EINTR;
	default:
		return result;
	}
}

/* Whether the operation can be started. The rest is checked as the system call does. */
int evfd_helper_check_io(struct file *file, const struct evfd_io *io)
{
	bool is_write = io->op == EVFD_IO_WRITE;

	if (evfd_is_net(io) || io->op == EVFD_IO_SENDFILE)
		return evfd_check_net(file, io);
	if (!evfd_is_rw(io))
		return file->f_op->fsync ? 0 : -EINVAL;
	if (!(file->f_mode & (is_write ? FMODE_WRITE : FMODE_READ)))
		return -EBADF;
	if (S_ISDIR(file_inode(file)->i_mode))
		return -EISDIR;
	if (!evfd_keeps_data(file) ||
	    !(is_write ? (void *)file->f_op->write_iter : (void *)file->f_op->read_iter))
		return -EOPNOTSUPP;
	if (io->pos < 0 || (ssize_t)io->len < 0)
		return -EINVAL;
	if (io->pos && !(file->f_mode & (is_write ? FMODE_PWRITE : FMODE_PREAD)))
		return -ESPIPE;
	return access_ok((void __user *)io->buf, io->len) ? 0 : -EFAULT;
}

static int evfd_start_io(struct kiocb *kiocb, struct iov_iter *iter, struct file *file,
			 const struct evfd_io *io)
{
	bool is_write = io->op == EVFD_IO_WRITE;

	init_sync_kiocb(kiocb, file);
	kiocb->ki_pos = io->pos;
	if (is_write)
		kiocb->ki_flags |= IOCB_WRITE;
	return import_ubuf(is_write ? ITER_SOURCE : ITER_DEST, (void __user *)io->buf, io->len,
			   iter);
}

/* Like vfs_iocb_iter_write(), but does not wait while the file system is frozen. */
static ssize_t evfd_try_write(struct file *file, struct kiocb *kiocb, struct iov_iter *iter)
{
	bool is_regular = S_ISREG(file_inode(file)->i_mode);
	ssize_t result;

	result = rw_verify_area(WRITE, file, &kiocb->ki_pos, iov_iter_count(iter));
	if (result)
		return result;
	if (is_regular && !sb_start_write_trylock(file_inode(file)->i_sb))
		return -EAGAIN;
	result = file->f_op->write_iter(kiocb, iter);
	if (is_regular)
		sb_end_write(file_inode(file)->i_sb);
	if (result > 0)
		fsnotify_modify(file);
	return result;
}

/*
 * Reads or writes what can be read or written without waiting. -EAGAIN if that is
 * nothing, or if the file cannot be asked not to wait. With O_DIRECT it would be asked not
 * to wait for memory, and would wait for the device.
 */
static noinline ssize_t evfd_try_rw(struct file *file, const struct evfd_io *io)
{
	struct iov_iter iter;
	struct kiocb kiocb;
	ssize_t result;

	if (!evfd_is_rw(io) || !(file->f_mode & FMODE_NOWAIT) ||
	    file->f_iocb_flags & IOCB_DIRECT)
		return -EAGAIN;
	result = evfd_start_io(&kiocb, &iter, file, io);
	if (result)
		return result;
	kiocb.ki_flags |= IOCB_NOWAIT;
	if (io->op == EVFD_IO_READ) {
		result = vfs_iocb_iter_read(file, &kiocb, &iter);
	} else {
		if (kiocb.ki_flags & IOCB_DSYNC ||
		    (S_ISREG(file_inode(file)->i_mode) &&
		     !(file->f_op->fop_flags & FOP_BUFFER_WASYNC)))
			return -EAGAIN;
		result = evfd_try_write(file, &kiocb, &iter);
	}
	return result == -EOPNOTSUPP ? -EAGAIN : result;
}

/* Does what can be done without waiting, in the task that owns the memory. */
ssize_t evfd_helper_try_io(struct file *file, const struct evfd_io *io)
{
	if (evfd_is_net(io))
		return evfd_result(evfd_do_net(file, io, NULL));
	return evfd_result(evfd_try_rw(file, io));
}

/* Whether the call would have ended with @done bytes, although it was for more. */
bool evfd_helper_is_all(struct file *file, const struct evfd_io *io, size_t done)
{
	const struct inode *inode = file->f_mapping->host;

	if (evfd_is_net(io))
		return evfd_is_all_net(file, io, done);
	if (done >= min_t(size_t, io->len, MAX_RW_COUNT))
		return true;
	if (io->op == EVFD_IO_WRITE)
		return file->f_flags & O_NONBLOCK && S_ISFIFO(file_inode(file)->i_mode);
	return S_ISFIFO(file_inode(file)->i_mode) || io->pos + done >= i_size_read(inode);
}

/* Whether -EAGAIN is the end of an operation on a socket. */
bool evfd_helper_never_waits(struct file *file, const struct evfd_io *io)
{
	return evfd_never_waits_net(file, io);
}

/* The position of a write. */
static loff_t evfd_write_pos(struct file *file, const struct evfd_io *io)
{
	return file->f_iocb_flags & IOCB_APPEND ? i_size_read(file_inode(file)) : io->pos;
}

/* As generic_write_check_limits(), which looks at the task that calls it. */
static bool evfd_is_limited(struct file *file, const struct evfd_io *io, unsigned long limit)
{
	return io->op == EVFD_IO_WRITE && limit != RLIM_INFINITY &&
	       S_ISREG(file_inode(file)->i_mode) && io->len;
}

/* Whether a write is behind RLIMIT_FSIZE of the task. Sends it the signal, if so. */
bool evfd_helper_passes_limit(struct file *file, const struct evfd_io *io)
{
	unsigned long limit = rlimit(RLIMIT_FSIZE);

	if (!evfd_is_limited(file, io, limit) || evfd_write_pos(file, io) < limit)
		return false;
	send_sig(SIGXFSZ, current, 0);
	return true;
}

void evfd_helper_get_submitter(struct evfd_submitter *submitter)
{
	mmgrab(current->mm);
	*submitter = (struct evfd_submitter) {
		.mm = current->mm,
		.cred = get_current_cred(),
		.pid = get_pid(task_tgid(current)),
		.file_limit = rlimit(RLIMIT_FSIZE),
		.ioprio = get_current_ioprio(),
	};
}

void evfd_helper_put_submitter(const struct evfd_submitter *submitter)
{
	put_pid(submitter->pid);
	put_cred(submitter->cred);
	mmdrop(submitter->mm);
}

static ssize_t evfd_do_io(struct file *file, const struct evfd_io *io,
			  const struct evfd_submitter *submitter)
{
	struct iov_iter iter;
	struct kiocb kiocb;
	int error;

	if (evfd_is_net(io))
		return evfd_do_net(file, io, submitter);
	if (io->op == EVFD_IO_SENDFILE)
		return evfd_send_file(file, io);
	if (!evfd_is_rw(io))
		return vfs_fsync(file, io->op == EVFD_IO_FDATASYNC);
	error = evfd_start_io(&kiocb, &iter, file, io);
	if (error)
		return error;
	kiocb.ki_ioprio = submitter->ioprio;
	if (io->op == EVFD_IO_READ)
		return vfs_iocb_iter_read(file, &kiocb, &iter);
	if (evfd_is_limited(file, io, submitter->file_limit)) {
		loff_t pos = evfd_write_pos(file, io);

		if (pos >= submitter->file_limit)
			return -EFBIG;
		iov_iter_truncate(&iter, submitter->file_limit - pos);
	}
	return vfs_iocb_iter_write(file, &kiocb, &iter);
}

/* Does it in a kernel thread, in place of the submitter. -ECANCELED if this has exited. */
ssize_t evfd_helper_run_io(struct file *file, const struct evfd_io *io,
			   const struct evfd_submitter *submitter)
{
	ssize_t result;

	if (!mmget_not_zero(submitter->mm))
		return -ECANCELED;
	kthread_use_mm(submitter->mm);
	scoped_with_creds(submitter->cred)
		result = evfd_do_io(file, io, submitter);
	kthread_unuse_mm(submitter->mm);
	mmput(submitter->mm);
	return evfd_result(result);
}

/* The descriptor table of the task, as flush() of a file gets it. */
fl_owner_t evfd_helper_current_descriptors(void)
{
	return current->files;
}
