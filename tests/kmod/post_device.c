// SPDX-License-Identifier: GPL-2.0
/* The device through which the tests call evfd's kernel API. */
#include <linux/err.h>
#include <linux/file.h>
#include <linux/fs.h>
#include <linux/miscdevice.h>
#include <linux/module.h>
#include <linux/slab.h>
#include <linux/spinlock.h>
#include <linux/uaccess.h>

#include "post_module.h"

static int signal_ctx(struct evfd_ctx *ctx, struct post_test_post *post)
{
	if (IS_ERR(ctx))
		return PTR_ERR(ctx);
	post->result = evfd_ctx_signal(ctx, post->amount,
				       (__force __poll_t)post->mask);
	evfd_ctx_put(ctx);
	return 0;
}

static int signal_file(struct file *file, struct post_test_post *post)
{
	if (IS_ERR(file))
		return PTR_ERR(file);
	post->result = evfd_signal(file, post->amount);
	fput(file);
	return 0;
}

static int post_once(struct post_test_post *post)
{
	struct file *file;
	int error;

	switch (post->via) {
	case POST_TEST_FGET:
		return signal_file(evfd_fget(post->fd), post);
	case POST_TEST_FDGET:
		return signal_ctx(evfd_ctx_fdget(post->fd), post);
	case POST_TEST_FILEGET:
		file = fget(post->fd);
		if (!file)
			return -EBADF;
		error = signal_ctx(evfd_ctx_fileget(file), post);
		fput(file);
		return error;
	case POST_TEST_FGET_2007:
		return post_2007(post->fd, post->amount, &post->result);
	case POST_TEST_SYMBOL:
		return post_symbol(post->fd, post->amount, &post->result);
	case POST_TEST_FOREIGN:
		file = fget(post->fd);
		return signal_file(file ?: ERR_PTR(-EBADF), post);
	}
	return -EINVAL;
}

static int post_held(struct post_device *device, struct post_test_post *post)
{
	if (device->ctx)
		post->result = evfd_ctx_signal(device->ctx, post->amount,
					       (__force __poll_t)post->mask);
	else if (device->file)
		post->result = evfd_signal(device->file, post->amount);
	else
		return -ENOENT;
	return 0;
}

static int hold(struct post_device *device, int fd)
{
	struct evfd_ctx *ctx;

	if (device->ctx || device->file)
		return -EBUSY;
	ctx = evfd_ctx_fdget(fd);
	if (IS_ERR(ctx))
		return PTR_ERR(ctx);
	device->ctx = ctx;
	return 0;
}

static int hold_file(struct post_device *device, int fd)
{
	struct file *file;

	if (device->ctx || device->file)
		return -EBUSY;
	file = evfd_fget(fd);
	if (IS_ERR(file))
		return PTR_ERR(file);
	device->file = file;
	return 0;
}

/* The lock has no other purpose than to be held: a context may be released under it. */
static DEFINE_SPINLOCK(release_lock);

static void release_held(struct post_device *device)
{
	if (device->ctx) {
		spin_lock(&release_lock);
		evfd_ctx_put(device->ctx);
		spin_unlock(&release_lock);
	}
	if (device->file)
		fput(device->file);
	device->ctx = NULL;
	device->file = NULL;
}

/* Any argument of the ioctls. */
union argument {
	__s32 fd;
	__u64 count;
	struct post_test_post post;
	struct post_test_run run;
	struct post_test_hook hook;
	struct post_test_hook_state state;
	struct post_test_unhook unhook;
};

static long call(struct post_device *device, unsigned int cmd,
		 union argument *arg)
{
	switch (cmd) {
	case POST_TEST_POST:
		return post_once(&arg->post);
	case POST_TEST_RUN:
		return post_run(&arg->run);
	case POST_TEST_HOLD:
		return hold(device, arg->fd);
	case POST_TEST_HOLD_FILE:
		return hold_file(device, arg->fd);
	case POST_TEST_HELD_POST:
		return post_held(device, &arg->post);
	case POST_TEST_HELD_READ:
		if (!device->ctx)
			return -ENOENT;
		evfd_ctx_do_read(device->ctx, &arg->count);
		return 0;
	case POST_TEST_RELEASE:
		release_held(device);
		return 0;
	case POST_TEST_HOOK:
		return post_hook(device, &arg->hook);
	case POST_TEST_HOOK_STATE:
		return post_hook_state(device, &arg->state);
	case POST_TEST_UNHOOK:
		return post_unhook(device, &arg->unhook);
	}
	return -ENOTTY;
}

static long post_ioctl(struct file *file, unsigned int cmd, unsigned long p)
{
	struct post_device *device = file->private_data;
	void __user *user = (void __user *)p;
	union argument arg = {};
	size_t size = _IOC_SIZE(cmd);
	long ret;

	if (_IOC_TYPE(cmd) != POST_TEST_MAGIC || size > sizeof(arg))
		return -ENOTTY;
	if ((_IOC_DIR(cmd) & _IOC_WRITE) && copy_from_user(&arg, user, size))
		return -EFAULT;

	scoped_guard(mutex, &device->lock)
		ret = call(device, cmd, &arg);

	if (ret >= 0 && (_IOC_DIR(cmd) & _IOC_READ) &&
	    copy_to_user(user, &arg, size))
		return -EFAULT;
	return ret;
}

static int post_open(struct inode *inode, struct file *file)
{
	struct post_device *device = kzalloc_obj(*device);

	if (!device)
		return -ENOMEM;
	mutex_init(&device->lock);
	INIT_LIST_HEAD(&device->hooks);
	file->private_data = device;
	return 0;
}

static int post_release(struct inode *inode, struct file *file)
{
	struct post_device *device = file->private_data;

	post_unhook_all(device);
	release_held(device);
	mutex_destroy(&device->lock);
	kfree(device);
	return 0;
}

static const struct file_operations post_fops = {
	.owner = THIS_MODULE,
	.open = post_open,
	.release = post_release,
	.unlocked_ioctl = post_ioctl,
	.compat_ioctl = compat_ptr_ioctl,
};

static struct miscdevice post_misc = {
	.minor = MISC_DYNAMIC_MINOR,
	.name = POST_TEST_DEVICE_NAME,
	.fops = &post_fops,
};

static int __init post_init(void)
{
	int error = post_contexts_init();

	if (error)
		return error;
	error = produce_init();
	if (error)
		goto exit_contexts;
	error = misc_register(&post_misc);
	if (error)
		goto exit_produce;
	return 0;

exit_produce:
	produce_exit();
exit_contexts:
	post_contexts_exit();
	return error;
}

static void __exit post_exit(void)
{
	misc_deregister(&post_misc);
	produce_exit();
	post_contexts_exit();
}

module_init(post_init);
module_exit(post_exit);

MODULE_DESCRIPTION("evfd: calls the kernel API for the tests");
MODULE_LICENSE("GPL");
