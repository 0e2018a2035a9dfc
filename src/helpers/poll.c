// SPDX-License-Identifier: GPL-2.0
/* Poll tables: see src/abstractions/file/poll.rs. */
#include <linux/magic.h>
#include <linux/rcupdate.h>
#include <linux/string.h>

#include "poll.h"

/* The function in the poll_table of poll() and select(). */
poll_queue_proc evfd_helper_select_proc __ro_after_init;

/* Runs before any file can be polled. */
void evfd_helper_find_select(void)
{
	struct poll_wqueues wait;

	poll_initwait(&wait);
	evfd_helper_select_proc = wait.pt._qproc;
	poll_freewait(&wait);
}

bool evfd_helper_can_poll(struct file *file)
{
	return file_can_poll(file);
}

/* Most names differ in their length already. Those of these files never change. */
static bool evfd_is_anon(struct file *file, struct qstr name)
{
	const struct qstr *own = &file->f_path.dentry->d_name;

	return file_inode(file)->i_sb->s_magic == ANON_INODE_FS_MAGIC &&
	       own->len == name.len && !memcmp(own->name, name.name, name.len);
}

/* The kernel exports neither the operations of these files nor its own tests. */
bool evfd_helper_is_epoll(struct file *file)
{
	return evfd_is_anon(file, QSTR("[eventpoll]"));
}

bool evfd_helper_is_io_uring(struct file *file)
{
	return evfd_is_anon(file, QSTR("[io_uring]"));
}

/* May sleep. */
__u32 evfd_helper_poll(struct file *file, struct poll_table_struct *table)
{
	return (__force __u32)vfs_poll(file, table);
}

/*
 * Removes @entry from the queue *@wq. If the queue is about to be freed, its owner
 * wakes with POLLFREE, and frees it a grace period later. The callback has then
 * called evfd_helper_queue_is_freed(). See "POLLFREE handshake" in fs/eventpoll.c.
 */
void evfd_helper_leave_queue(struct wait_queue_head **wq,
			     struct wait_queue_entry *entry)
{
	struct wait_queue_head *head;

	rcu_read_lock();
	/* Pairs with the release in evfd_helper_queue_is_freed(). */
	head = smp_load_acquire(wq);
	if (head)
		remove_wait_queue(head, entry);
	rcu_read_unlock();
}

/*
 * Runs in a callback, under the queue's lock. A task in evfd_helper_leave_queue()
 * that waits for the lock removes the entry once more.
 */
void evfd_helper_queue_is_freed(struct wait_queue_head **wq,
				struct wait_queue_entry *entry)
{
	list_del_init(&entry->entry);
	/* After this store, the entry may be freed. */
	smp_store_release(wq, NULL);
}
