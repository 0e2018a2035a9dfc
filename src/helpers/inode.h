/* SPDX-License-Identifier: GPL-2.0 */
#ifndef EVFD_HELPERS_INODE_H
#define EVFD_HELPERS_INODE_H

#include <linux/path.h>
#include <linux/types.h>

struct evfd_inode_watch;

/* @mask: FS_* bits. */
typedef void (*evfd_inode_changed_fn)(void *owner, __u32 mask);

int evfd_helper_start_inodes(void);
void evfd_helper_stop_inodes(void);
int evfd_helper_find_path(int dir, const void *name, bool follow, struct path *path);
int evfd_helper_path_of_fd(int fd, struct path *path);
void evfd_helper_put_path(const struct path *path);
int evfd_helper_watch_inode(const struct path *path, __u32 mask,
			    evfd_inode_changed_fn changed, void *owner,
			    struct evfd_inode_watch **watch);
void evfd_helper_set_watch_mask(struct evfd_inode_watch *watch, __u32 mask);
void evfd_helper_lock_watch(struct evfd_inode_watch *watch);
void evfd_helper_unlock_watch(struct evfd_inode_watch *watch);
void evfd_helper_end_watch(struct evfd_inode_watch *watch);

#endif /* EVFD_HELPERS_INODE_H */
