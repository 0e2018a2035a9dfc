// SPDX-License-Identifier: GPL-2.0
/*
 * Sample: notify a program of memory pressure through an event descriptor.
 *
 * The program opens /dev/evfd_shrinker and passes a descriptor. The module then
 * registers a shrinker that has no objects of its own. Whenever reclaim asks the
 * shrinker how much it could free, the module posts. The program waits in poll
 * or epoll, and can release memory that it does not need.
 */
#include <linux/err.h>
#include <linux/fs.h>
#include <linux/miscdevice.h>
#include <linux/module.h>
#include <linux/mutex.h>
#include <linux/shrinker.h>
#include <linux/slab.h>
#include <linux/uaccess.h>

#include <linux/evfd.h>

#include "evfd_samples.h"

/**
 * struct watch - an open device
 * @lock: serializes the ioctls that pass a descriptor
 * @shrinker: registered, or NULL before the first ioctl
 * @ctx: the context to post to. It is set before @shrinker is registered and put
 *	after @shrinker is freed, so the shrinker needs no lock to use it.
 */
struct watch {
	struct mutex lock; /* protects the two below until they are set */
	struct shrinker *shrinker;
	struct evfd_ctx *ctx;
};

/*
 * Reclaim calls this with all the locks of the allocating task held. Posting is
 * safe here: it never sleeps, and takes no lock that such a task could hold.
 */
static unsigned long watch_count(struct shrinker *shrinker,
				 struct shrink_control *sc)
{
	struct watch *watch = shrinker->private_data;

	evfd_ctx_signal(watch->ctx, 1, 0);
	return SHRINK_EMPTY;
}

static unsigned long watch_scan(struct shrinker *shrinker,
				struct shrink_control *sc)
{
	return SHRINK_STOP;
}

static int watch_start(struct watch *watch, int fd)
{
	struct shrinker *shrinker;
	struct evfd_ctx *ctx;

	guard(mutex)(&watch->lock);
	if (watch->shrinker)
		return -EBUSY;

	ctx = evfd_ctx_fdget(fd);
	if (IS_ERR(ctx))
		return PTR_ERR(ctx);

	shrinker = shrinker_alloc(0, "evfd-sample");
	if (!shrinker) {
		evfd_ctx_put(ctx);
		return -ENOMEM;
	}
	shrinker->count_objects = watch_count;
	shrinker->scan_objects = watch_scan;
	shrinker->private_data = watch;

	watch->ctx = ctx;
	watch->shrinker = shrinker;
	shrinker_register(shrinker);
	return 0;
}

static int watch_open(struct inode *inode, struct file *file)
{
	struct watch *watch = kzalloc_obj(*watch);

	if (!watch)
		return -ENOMEM;
	mutex_init(&watch->lock);
	file->private_data = watch;
	return 0;
}

static int watch_release(struct inode *inode, struct file *file)
{
	struct watch *watch = file->private_data;

	if (watch->shrinker) {
		/* After this, no watch_count() is running or will run. */
		shrinker_free(watch->shrinker);
		evfd_ctx_put(watch->ctx);
	}
	mutex_destroy(&watch->lock);
	kfree(watch);
	return 0;
}

static long watch_ioctl(struct file *file, unsigned int cmd, unsigned long arg)
{
	s32 fd;

	if (cmd != EVFD_SHRINKER_IOC_WATCH)
		return -ENOTTY;
	if (get_user(fd, (s32 __user *)arg))
		return -EFAULT;
	return watch_start(file->private_data, fd);
}

static const struct file_operations watch_fops = {
	.owner = THIS_MODULE,
	.open = watch_open,
	.release = watch_release,
	.unlocked_ioctl = watch_ioctl,
	.compat_ioctl = compat_ptr_ioctl,
};

static struct miscdevice watch_device = {
	.minor = MISC_DYNAMIC_MINOR,
	.name = EVFD_SHRINKER_DEVICE_NAME,
	.fops = &watch_fops,
};
module_misc_device(watch_device);

MODULE_DESCRIPTION("evfd sample: memory pressure through an event descriptor");
MODULE_LICENSE("GPL");
