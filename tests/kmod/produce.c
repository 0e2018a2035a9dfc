// SPDX-License-Identifier: GPL-2.0
/* Producers of kevents: every function of <linux/kevent.h>, called by the tests. */
#include <linux/fs.h>
#include <linux/ktime.h>
#include <linux/miscdevice.h>
#include <linux/module.h>
#include <linux/mutex.h>
#include <linux/slab.h>
#include <linux/uaccess.h>

#include <linux/kevent.h>

#include "post_module.h"
#include "produce.h"

/**
 * struct produce_file - an open device
 * @lock: protects all members but the storages
 * @storages: the storages
 * @later: the last kevent that came with %PRODUCE_LATER, until it has ended
 * @last: the last kevent, until it has ended
 * @state: what has happened to the kevents
 * @level: events that are there
 * @again: the producer was registered again
 *
 * The functions of the producer take no lock that is held while a queue is called.
 */
struct produce_file {
	struct mutex lock; /* protects all members but the storages */
	struct kevent_storage storages[PRODUCE_STORAGES];
	struct kevent *later;
	struct kevent *last;
	struct produce_state state;
	u32 level;
	bool again;
};

static int produce_enqueue(struct kevent *kevent, struct file *file, u32 events,
			   const u64 arg[3])
{
	struct produce_file *produce = file->private_data;

	if (arg[0] > PRODUCE_LATER || arg[1] > MAX_ERRNO || arg[2] ||
	    events & ~PRODUCE_EVENTS)
		return -EINVAL;
	guard(mutex)(&produce->lock);
	if (arg[0] < PRODUCE_LATER) {
		int error = kevent_storage_enqueue(&produce->storages[arg[0]], kevent);

		if (error)
			return error;
	}
	/* Such a kevent leaves its storage without another call. */
	if (arg[1])
		return -(int)arg[1];
	if (arg[0] == PRODUCE_LATER)
		produce->later = kevent;
	produce->last = kevent;
	produce->state.events = events;
	produce->state.enqueued++;
	return 0;
}

static void produce_dequeue(struct kevent *kevent, struct file *file)
{
	struct produce_file *produce = file->private_data;

	guard(mutex)(&produce->lock);
	produce->state.dequeued++;
	if (produce->later == kevent)
		produce->later = NULL;
	if (produce->last == kevent)
		produce->last = NULL;
}

static u32 produce_poll(struct kevent *kevent, struct file *file)
{
	struct produce_file *produce = file->private_data;

	return READ_ONCE(produce->level);
}

/* What a call costs. */
static noinline void produce_nothing(struct kevent_storage *storage, u32 events, u64 n)
{
	barrier();
}

static __always_inline void produce_times(struct produce_ready *ready,
					  struct kevent_storage *storage,
					  void (*function)(struct kevent_storage *storage,
							   u32 events, u64 n))
{
	u64 start = ktime_get_ns();

	for (u32 i = 0; i < ready->times; i++)
		function(storage, ready->events, ready->n);
	ready->ns = ktime_get_ns() - start;
}

static void produce_ready(struct produce_file *produce, struct produce_ready *ready)
{
	if (ready->storage == PRODUCE_NOWHERE)
		produce_times(ready, NULL, produce_nothing);
	else
		produce_times(ready, &produce->storages[ready->storage],
			      kevent_storage_ready);
}

static struct kevent_producer produce_producer, produce_level_producer;

static int produce_register(void)
{
	struct kevent_producer wrong = { .enqueue = produce_enqueue };
	int results = kevent_producer_register(&wrong);

	wrong = produce_producer;
	wrong.enqueue = NULL;
	results += kevent_producer_register(&wrong);
	wrong = produce_producer;
	return results + kevent_producer_register(&wrong);
}

/* Any argument of the ioctls. */
union produce_argument {
	u32 number;
	struct produce_ready ready;
	struct produce_state state;
};

static long produce_call(struct produce_file *produce, unsigned int cmd,
			 union produce_argument *arg)
{
	/* Without the lock, which enqueue() and dequeue() take. */
	switch (cmd) {
	case PRODUCE_READY:
		if (arg->ready.storage > PRODUCE_NOWHERE)
			return -EINVAL;
		produce_ready(produce, &arg->ready);
		return 0;
	case PRODUCE_LEVEL:
		WRITE_ONCE(produce->level, arg->number);
		return 0;
	case PRODUCE_REGISTER:
		return produce_register();
	case PRODUCE_AGAIN:
		WRITE_ONCE(produce->again, true);
		kevent_producer_unregister(&produce_producer);
		return kevent_producer_register(&produce_producer);
	}

	guard(mutex)(&produce->lock);
	switch (cmd) {
	case PRODUCE_FINI:
		if (arg->number >= PRODUCE_STORAGES)
			return -EINVAL;
		kevent_storage_fini(&produce->storages[arg->number]);
		kevent_storage_init(&produce->storages[arg->number]);
		return 0;
	case PRODUCE_ENQUEUE:
		if (!produce->later || arg->number >= PRODUCE_STORAGES)
			return -EINVAL;
		return kevent_storage_enqueue(&produce->storages[arg->number],
					      produce->later);
	case PRODUCE_DEQUEUE:
		if (!produce->last)
			return -EINVAL;
		kevent_storage_dequeue(produce->last);
		return 0;
	case PRODUCE_STATE:
		arg->state = produce->state;
		return 0;
	}
	return -ENOTTY;
}

static long produce_ioctl(struct file *file, unsigned int cmd, unsigned long p)
{
	void __user *user = (void __user *)p;
	union produce_argument arg = {};
	size_t size = _IOC_SIZE(cmd);
	long ret;

	if (_IOC_TYPE(cmd) != PRODUCE_MAGIC || size > sizeof(arg))
		return -ENOTTY;
	if ((_IOC_DIR(cmd) & _IOC_WRITE) && copy_from_user(&arg, user, size))
		return -EFAULT;
	ret = produce_call(file->private_data, cmd, &arg);
	if (ret >= 0 && (_IOC_DIR(cmd) & _IOC_READ) && copy_to_user(user, &arg, size))
		return -EFAULT;
	return ret;
}

static int produce_open(struct inode *inode, struct file *file)
{
	struct produce_file *produce = kzalloc_obj(*produce);

	if (!produce)
		return -ENOMEM;
	mutex_init(&produce->lock);
	for (int i = 0; i < PRODUCE_STORAGES; i++)
		kevent_storage_init(&produce->storages[i]);
	file->private_data = produce;
	return 0;
}

/* No kevent is left: each holds the file. */
static int produce_release(struct inode *inode, struct file *file)
{
	struct produce_file *produce = file->private_data;

	for (int i = 0; i < PRODUCE_STORAGES; i++)
		kevent_storage_fini(&produce->storages[i]);
	WARN_ON_ONCE(!produce->again && produce->state.enqueued != produce->state.dequeued);
	mutex_destroy(&produce->lock);
	kfree(produce);
	return 0;
}

static const struct file_operations produce_fops = {
	.owner = THIS_MODULE,
	.open = produce_open,
	.release = produce_release,
	.unlocked_ioctl = produce_ioctl,
	.compat_ioctl = compat_ptr_ioctl,
};

/* Of its own, because a producer is found by its operations. */
static const struct file_operations produce_level_fops = {
	.owner = THIS_MODULE,
	.open = produce_open,
	.release = produce_release,
	.unlocked_ioctl = produce_ioctl,
	.compat_ioctl = compat_ptr_ioctl,
};

static struct miscdevice produce_misc = {
	.minor = MISC_DYNAMIC_MINOR,
	.name = PRODUCE_DEVICE_NAME,
	.fops = &produce_fops,
};

static struct miscdevice produce_level_misc = {
	.minor = MISC_DYNAMIC_MINOR,
	.name = PRODUCE_LEVEL_DEVICE_NAME,
	.fops = &produce_level_fops,
};

static struct kevent_producer produce_producer = {
	.fops = &produce_fops,
	.enqueue = produce_enqueue,
	.dequeue = produce_dequeue,
};

static struct kevent_producer produce_level_producer = {
	.fops = &produce_level_fops,
	.enqueue = produce_enqueue,
	.dequeue = produce_dequeue,
	.poll = produce_poll,
};

/**
 * produce_storage - a storage of an open device
 * @file: any file
 *
 * Return: The first storage, or NULL if @file is no such device.
 */
struct kevent_storage *produce_storage(struct file *file)
{
	struct produce_file *produce = file->private_data;

	return file->f_op == &produce_fops ? &produce->storages[0] : NULL;
}

/**
 * produce_init - register the devices and their producers
 *
 * Return: 0 or an error.
 */
int produce_init(void)
{
	int error = kevent_producer_register(&produce_producer);

	if (error)
		return error;
	error = kevent_producer_register(&produce_level_producer);
	if (error)
		goto unregister;
	error = misc_register(&produce_misc);
	if (error)
		goto unregister_level;
	error = misc_register(&produce_level_misc);
	if (error)
		goto deregister;
	return 0;

deregister:
	misc_deregister(&produce_misc);
unregister_level:
	kevent_producer_unregister(&produce_level_producer);
unregister:
	kevent_producer_unregister(&produce_producer);
	return error;
}

/**
 * produce_exit - undo produce_init()
 */
void produce_exit(void)
{
	misc_deregister(&produce_level_misc);
	misc_deregister(&produce_misc);
	kevent_producer_unregister(&produce_level_producer);
	kevent_producer_unregister(&produce_producer);
}
