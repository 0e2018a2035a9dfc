// SPDX-License-Identifier: GPL-2.0
/* Closes of files that are watched without a reference: see closes.rs. */
#include <linux/cleanup.h>
#include <linux/file.h>
#include <linux/fs.h>
#include <linux/fsnotify.h>
#include <linux/fsnotify_backend.h>
#include <linux/hash.h>
#include <linux/log2.h>
#include <linux/magic.h>
#include <linux/mutex.h>
#include <linux/net.h>
#include <linux/slab.h>
#include <net/sock.h>

#include "closes.h"

/* A superblock with watched files. There are those of sockets and of pipes. */
struct evfd_closes {
	struct fsnotify_mark mark;
	struct super_block *sb;
	unsigned int users;
};

static DEFINE_MUTEX(evfd_closes_lock);
static struct evfd_closes *evfd_closes[2];
static struct fsnotify_group *evfd_closes_group;
static evfd_closed_fn evfd_closed;

/*
 * A lock for the files of a hash, and the number of pollers that watch one without a
 * reference. It makes leaving a wait queue and the close of its file exclude each
 * other, because the release of a pipe frees its queues at once.
 */
static struct evfd_file_lock {
	/* Held to leave the queues of a file, and during the notification. */
	struct mutex lock;
	atomic_t pollers;
} evfd_file_locks[256];

static struct evfd_file_lock *evfd_file_lock(const struct file *file)
{
	return &evfd_file_locks[hash_ptr(file, ilog2(ARRAY_SIZE(evfd_file_locks)))];
}

void evfd_helper_lock_file(struct file *file)
{
	mutex_lock(&evfd_file_lock(file)->lock);
}

void evfd_helper_unlock_file(struct file *file)
{
	mutex_unlock(&evfd_file_lock(file)->lock);
}

void evfd_helper_count_poller(struct file *file, int n)
{
	atomic_add(n, &evfd_file_lock(file)->pollers);
}

/*
 * Runs in __fput(), before the file's release. Nobody has a reference on the file
 * then, and file_ref_get() fails. May sleep.
 */
static int evfd_on_close(struct fsnotify_group *group, u32 mask,
			 const void *data, int data_type, struct inode *dir,
			 const struct qstr *name, u32 cookie,
			 struct fsnotify_iter_info *iter)
{
	if (data_type == FSNOTIFY_EVENT_PATH)
		evfd_closed(container_of(data, struct file, f_path));
	return 0;
}

static void evfd_free_closes(struct fsnotify_mark *mark)
{
	kfree(container_of(mark, struct evfd_closes, mark));
}

static const struct fsnotify_ops evfd_closes_ops = {
	.handle_event = evfd_on_close,
	.free_mark = evfd_free_closes,
};

/* Once. @closed: runs for each close on a watched superblock. */
int evfd_helper_start_closes(evfd_closed_fn closed)
{
	struct fsnotify_group *group = fsnotify_alloc_group(&evfd_closes_ops, 0);

	size_t i;

	if (IS_ERR(group))
		return PTR_ERR(group);
	for (i = 0; i < ARRAY_SIZE(evfd_file_locks); i++)
		mutex_init(&evfd_file_locks[i].lock);
	evfd_closes_group = group;
	evfd_closed = closed;
	return 0;
}

/* When no superblock is watched. Waits for running calls of closed(). */
void evfd_helper_stop_closes(void)
{
	fsnotify_put_group(evfd_closes_group);
	fsnotify_wait_marks_destroyed();
}

/* Whether the kernel notifies of the close of this file. */
bool evfd_helper_has_closes(struct file *file)
{
	return !FMODE_FSNOTIFY_NONE(file->f_mode);
}

struct super_block *evfd_helper_file_sb(struct file *file)
{
	return file_inode(file)->i_sb;
}

static struct evfd_closes **evfd_find_closes(struct super_block *sb)
{
	struct evfd_closes **free = NULL;
	size_t i;

	for (i = 0; i < ARRAY_SIZE(evfd_closes); i++) {
		if (evfd_closes[i] && evfd_closes[i]->sb == sb)
			return &evfd_closes[i];
		if (!evfd_closes[i])
			free = &evfd_closes[i];
	}
	return free;
}

static int evfd_new_closes(struct evfd_closes **place, struct super_block *sb)
{
	struct evfd_closes *closes = kzalloc_obj(*closes, GFP_KERNEL_ACCOUNT);
	int err;

	if (!closes)
		return -ENOMEM;
	fsnotify_init_mark(&closes->mark, evfd_closes_group);
	closes->mark.mask = FS_CLOSE_WRITE | FS_CLOSE_NOWRITE;
	closes->sb = sb;
	err = fsnotify_add_mark(&closes->mark, sb, FSNOTIFY_OBJ_TYPE_SB, 0);
	if (err) {
		fsnotify_put_mark(&closes->mark);
		return err;
	}
	*place = closes;
	return 0;
}

/* Watches the superblock of @file, once more. */
int evfd_helper_watch_closes(struct file *file)
{
	struct super_block *sb = evfd_helper_file_sb(file);
	struct evfd_closes **place;
	int err;

	guard(mutex)(&evfd_closes_lock);
	place = evfd_find_closes(sb);
	if (!place)
		return -EOPNOTSUPP;
	if (!*place) {
		err = evfd_new_closes(place, sb);
		if (err)
			return err;
	}
	(*place)->users++;
	return 0;
}

/* Ends one evfd_helper_watch_closes(). */
void evfd_helper_unwatch_closes(struct super_block *sb)
{
	struct evfd_closes **place, *closes;

	guard(mutex)(&evfd_closes_lock);
	place = evfd_find_closes(sb);
	closes = *place;
	if (--closes->users)
		return;
	*place = NULL;
	fsnotify_destroy_mark(&closes->mark, evfd_closes_group);
	fsnotify_put_mark(&closes->mark);
}

/* Gets a reference on a file that exists but may be closing. */
bool evfd_helper_get_file(struct file *file)
{
	return file_ref_get(&file->f_ref);
}

bool evfd_helper_is_unix_socket(struct file *file)
{
	struct socket *sock = sock_from_file(file);

	return sock && sock->ops->family == PF_UNIX;
}

/* The wait queues of these files stay the same until the release. */
bool evfd_helper_can_be_weak(struct file *file)
{
	struct socket *sock = sock_from_file(file);
	int family;

	if (!sock)
		return file_inode(file)->i_sb->s_magic == PIPEFS_MAGIC;
	family = sock->ops->family;
	return family == PF_UNIX || family == PF_INET || family == PF_INET6;
}

struct evfd_visit {
	struct poll_table_struct table;
	const wait_queue_func_t *funcs;
	void (*visit)(struct wait_queue_entry *entry);
};

static void evfd_visit_queue(struct file *file, struct wait_queue_head *wq,
			     struct poll_table_struct *table)
{
	struct evfd_visit *visit = container_of(table, struct evfd_visit, table);
	struct wait_queue_entry *entry, *next;

	guard(spinlock_irqsave)(&wq->lock);
	list_for_each_entry_safe(entry, next, &wq->head, entry) {
		if (entry->func == visit->funcs[0] || entry->func == visit->funcs[1] ||
		    entry->func == visit->funcs[2])
			visit->visit(entry);
	}
}

/*
 * Calls @visit, which may remove the entry, for the waiters with one of the three @funcs on
 * the wait queues of @file, under the queue's lock. The file is not released meanwhile.
 */
void evfd_helper_visit_pollers(struct file *file, const wait_queue_func_t *funcs,
			       void (*visit)(struct wait_queue_entry *entry))
{
	struct evfd_visit all = {
		.table = { ._qproc = evfd_visit_queue, ._key = EPOLLIN },
		.funcs = funcs,
		.visit = visit,
	};

	if (!atomic_read(&evfd_file_lock(file)->pollers))
		return;
	evfd_helper_lock_file(file);
	vfs_poll(file, &all.table);
	evfd_helper_unlock_file(file);
}
