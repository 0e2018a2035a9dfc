/* SPDX-License-Identifier: GPL-2.0 */
#ifndef EVFD_HELPERS_IO_H
#define EVFD_HELPERS_IO_H

#include <linux/fs.h>
#include <linux/types.h>

struct cred;
struct mm_struct;
struct pid;

enum evfd_io_op {
	EVFD_IO_READ,
	EVFD_IO_WRITE,
	EVFD_IO_FSYNC,
	EVFD_IO_FDATASYNC,
	EVFD_IO_RECV,
	EVFD_IO_SEND,
	EVFD_IO_SENDFILE,
};

/* An operation on a file. @buf is in user memory. SENDFILE has @input instead. */
struct evfd_io {
	enum evfd_io_op op;
	/* MSG_* of a socket. */
	unsigned int flags;
	void *buf;
	struct file *input;
	size_t len;
	loff_t pos;
	/* It is the remainder of an operation that has had a part of its bytes. */
	bool is_rest;
};

/* The task that has submitted it, with references on @mm, @cred and @pid. */
struct evfd_submitter {
	struct mm_struct *mm;
	const struct cred *cred;
	struct pid *pid;
	unsigned long file_limit;
	int ioprio;
};

bool evfd_keeps_data(struct file *file);
int evfd_helper_check_io(struct file *file, const struct evfd_io *io);
ssize_t evfd_helper_try_io(struct file *file, const struct evfd_io *io);
bool evfd_helper_is_all(struct file *file, const struct evfd_io *io, size_t done);
bool evfd_helper_never_waits(struct file *file, const struct evfd_io *io);
bool evfd_helper_passes_limit(struct file *file, const struct evfd_io *io);
void evfd_helper_get_submitter(struct evfd_submitter *submitter);
void evfd_helper_put_submitter(const struct evfd_submitter *submitter);
ssize_t evfd_helper_run_io(struct file *file, const struct evfd_io *io,
			   const struct evfd_submitter *submitter);
fl_owner_t evfd_helper_current_descriptors(void);

#endif /* EVFD_HELPERS_IO_H */
