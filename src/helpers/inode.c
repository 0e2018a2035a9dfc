// SPDX-License-Identifier: GPL-2.0
/* Changes of inodes: see src/abstractions/file/inode.rs. */
#include <linux/cleanup.h>
#include <linux/cred.h>
#include <linux/fcntl.h>
#include <linux/file.h>
#include <linux/fs.h>
#include <linux/fsnotify_backend.h>
#include <linux/minmax.h>
#include <linux/mm.h>
#include <linux/mutex.h>
#include <linux/namei.h>
#include <linux/slab.h>
#include <linux/xarray.h>

#include "inode.h"

/*
 * A watched inode, which the mark pins like inotify's does. It is freed after all
 * notifications that may use it.
 */
struct evfd_inode_watch {
	struct fsnotify_mark mark;
	/* Guards the owner, and is held while it is told of a change. */
	spinlock_t lock;
	/* NULL after the end. */
	void *owner;
	evfd_inode_changed_fn changed;
	kuid_t user;
};

static struct fsnotify_group *evfd_inodes;

/*
 * The number of watches of each user, because watches pin inodes, which are not charged
 * to the user's memory cgroup.
 */
static DEFINE_XARRAY(evfd_watches);
static DEFINE_MUTEX(evfd_watches_lock);
static unsigned long evfd_max_watches __ro_after_init;

/* In a task, which may hold locks of the file system. */
static int evfd_inode_event(struct fsnotify_mark *mark, u32 mask, struct inode *inode,
			    struct inode *dir, const struct qstr *name, u32 cookie)
{
	struct evfd_inode_watch *watch = container_of(mark, struct evfd_inode_watch, mark);

	guard(spinlock)(&watch->lock);
	if (watch->owner)
		watch->changed(watch->owner, mask);
	return 0;
}

static void evfd_free_watch(struct fsnotify_mark *mark)
{
	kfree(container_of(mark, struct evfd_inode_watch, mark));
}

static const struct fsnotify_ops evfd_inode_ops = {
	.handle_inode_event = evfd_inode_event,
	.free_mark = evfd_free_watch,
};

/* Once, in the module's initialisation. */
int evfd_helper_start_inodes(void)
{
	struct fsnotify_group *group;
	struct sysinfo memory;

	group = fsnotify_alloc_group(&evfd_inode_ops, FSNOTIFY_GROUP_DUPS);
	if (IS_ERR(group))
		return PTR_ERR(group);
	evfd_inodes = group;
	/* As inotify_user_setup(): 1 % of the memory for watches and their inodes. */
	si_meminfo(&memory);
	evfd_max_watches = clamp((memory.totalram - memory.totalhigh) / 100 * PAGE_SIZE /
				 (sizeof(struct evfd_inode_watch) + 2 * sizeof(struct inode)),
				 8192UL, 1048576UL);
	return 0;
}

/* When no inode is watched. */
void evfd_helper_stop_inodes(void)
{
	fsnotify_put_group(evfd_inodes);
	fsnotify_wait_marks_destroyed();
	xa_destroy(&evfd_watches);
}

/* Adds @n, 1 or -1, to the watches of the user. */
static int evfd_count_watch(kuid_t user, int n)
{
	unsigned long watches;
	void *entry;

	guard(mutex)(&evfd_watches_lock);
	entry = xa_load(&evfd_watches, __kuid_val(user));
	watches = (entry ? xa_to_value(entry) : 0) + n;
	if (watches > evfd_max_watches)
		return -ENOSPC;
	if (!watches) {
		xa_erase(&evfd_watches, __kuid_val(user));
		return 0;
	}
	/* Only a new entry needs memory. */
	return xa_err(xa_store(&evfd_watches, __kuid_val(user), xa_mk_value(watches),
			       GFP_KERNEL_ACCOUNT));
}

/* @dir is a descriptor or AT_FDCWD, and @name is in user memory. */
int evfd_helper_find_path(int dir, const void *name, bool follow, struct path *path)
{
	return user_path_at(dir, (const char __user *)name, follow ? LOOKUP_FOLLOW : 0, path);
}

/* The descriptor may be one of O_PATH. */
int evfd_helper_path_of_fd(int fd, struct path *path)
{
	struct file *file = fget_raw(fd);

	if (!file)
		return -EBADF;
	*path = file->f_path;
	path_get(path);
	fput(file);
	return 0;
}

void evfd_helper_put_path(const struct path *path)
{
	path_put(path);
}

static __u32 evfd_whole_mask(__u32 mask)
{
	return mask | FS_EVENT_ON_CHILD | FS_UNMOUNT;
}

/*
 * Calls @changed for changes in @mask. The caller needs the right to read the inode, as
 * with inotify_add_watch().
 */
int evfd_helper_watch_inode(const struct path *path, __u32 mask,
			    evfd_inode_changed_fn changed, void *owner,
			    struct evfd_inode_watch **place)
{
	struct evfd_inode_watch *watch;
	int error;

	error = path_permission(path, MAY_READ);
	if (error)
		return error;
	watch = kzalloc_obj(*watch, GFP_KERNEL_ACCOUNT);
	if (!watch)
		return -ENOMEM;
	watch->user = current_uid();
	error = evfd_count_watch(watch->user, 1);
	if (error) {
		kfree(watch);
		return error;
	}
	fsnotify_init_mark(&watch->mark, evfd_inodes);
	watch->mark.mask = evfd_whole_mask(mask);
	spin_lock_init(&watch->lock);
	watch->changed = changed;
	watch->owner = owner;
	error = fsnotify_add_inode_mark(&watch->mark, d_inode(path->dentry), 0);
	if (error) {
		evfd_count_watch(watch->user, -1);
		fsnotify_put_mark(&watch->mark);
		return error;
	}
	*place = watch;
	return 0;
}

void evfd_helper_set_watch_mask(struct evfd_inode_watch *watch, __u32 mask)
{
	mask = evfd_whole_mask(mask);
	fsnotify_modify_mark_mask(&watch->mark, mask, ~mask);
}

void evfd_helper_lock_watch(struct evfd_inode_watch *watch)
{
	spin_lock(&watch->lock);
}

void evfd_helper_unlock_watch(struct evfd_inode_watch *watch)
{
	spin_unlock(&watch->lock);
}

/* When this returns, the owner's function does not run, and will not run again. */
void evfd_helper_end_watch(struct evfd_inode_watch *watch)
{
	spin_lock(&watch->lock);
	watch->owner = NULL;
	spin_unlock(&watch->lock);
	evfd_count_watch(watch->user, -1);
	fsnotify_destroy_mark(&watch->mark, evfd_inodes);
	fsnotify_put_mark(&watch->mark);
}
