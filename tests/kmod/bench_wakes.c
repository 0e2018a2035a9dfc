// SPDX-License-Identifier: GPL-2.0
/*
 * Times the callbacks of the watchers of a file: those of epoll, io_uring and kevent.
 */
#include <linux/fs.h>
#include <linux/ktime.h>
#include <linux/miscdevice.h>
#include <linux/module.h>
#include <linux/poll.h>
#include <linux/slab.h>
#include <linux/uaccess.h>
#include <linux/wait.h>

#include "bench_wakes.h"

static DECLARE_WAIT_QUEUE_HEAD(watchers);
static u32 ready;

static int do_nothing(wait_queue_entry_t *entry, unsigned int mode, int flags, void *key)
{
	return 0;
}

/*
 * Calls the callbacks like __wake_up_common(), which also looks at each result. The lock
 * and the search for the watchers are not part of the time.
 */
static void wake_all(struct bench_wakes *arg)
{
	void *key = poll_to_key((__force __poll_t)arg->events);
	wait_queue_entry_t *entry, *next;
	unsigned long flags;
	u64 start;

	WRITE_ONCE(ready, arg->ready);
	arg->n = 0;
	spin_lock_irqsave(&watchers.lock, flags);
	list_for_each_entry(entry, &watchers.head, entry)
		arg->n++;
	start = ktime_get_ns();
	list_for_each_entry_safe(entry, next, &watchers.head, entry)
		entry->func(entry, TASK_NORMAL, 0, key);
	arg->ns = ktime_get_ns() - start;
	spin_unlock_irqrestore(&watchers.lock, flags);
}

static int wake_with_own(struct bench_wakes *arg)
{
	wait_queue_entry_t *own;

	if (arg->own > BENCH_WAKES_MAX)
		return -EINVAL;
	own = kvcalloc(arg->own, sizeof(*own), GFP_KERNEL);
	if (!own)
		return -ENOMEM;
	for (u32 i = 0; i < arg->own; i++) {
		init_waitqueue_func_entry(&own[i], do_nothing);
		add_wait_queue(&watchers, &own[i]);
	}
	wake_all(arg);
	for (u32 i = 0; i < arg->own; i++)
		remove_wait_queue(&watchers, &own[i]);
	kvfree(own);
	return 0;
}

static long bench_ioctl(struct file *file, unsigned int cmd, unsigned long p)
{
	void __user *user = (void __user *)p;
	struct bench_wakes arg;
	int error;

	if (cmd != BENCH_WAKES)
		return -ENOTTY;
	if (copy_from_user(&arg, user, sizeof(arg)))
		return -EFAULT;
	error = wake_with_own(&arg);
	if (error)
		return error;
	return copy_to_user(user, &arg, sizeof(arg)) ? -EFAULT : 0;
}

static __poll_t bench_poll(struct file *file, poll_table *table)
{
	poll_wait(file, &watchers, table);
	return (__force __poll_t)READ_ONCE(ready);
}

static const struct file_operations bench_fops = {
	.owner = THIS_MODULE,
	.unlocked_ioctl = bench_ioctl,
	.poll = bench_poll,
};

static struct miscdevice bench_misc = {
	.minor = MISC_DYNAMIC_MINOR,
	.name = BENCH_WAKES_DEVICE_NAME,
	.fops = &bench_fops,
};

module_misc_device(bench_misc);

MODULE_DESCRIPTION("evfd: times the callbacks of a file's watchers");
MODULE_LICENSE("GPL");
