// SPDX-License-Identifier: GPL-2.0
/*
 * Times posts from kernel code to native and to evfd descriptors, in the same loops.
 */
#include <linux/err.h>
#include <linux/eventfd.h>
#include <linux/file.h>
#include <linux/ktime.h>
#include <linux/miscdevice.h>
#include <linux/module.h>
#include <linux/preempt.h>
#include <linux/sched.h>
#include <linux/uaccess.h>

#include <linux/evfd.h>

#include "bench_posts.h"

/* The target of the posts: at most one member is set. */
struct target {
	struct eventfd_ctx *native;
	struct file *file;
	struct evfd_ctx *ctx;
};

/* With a constant way, this compiles to a single call. */
static __always_inline void post(const struct target *target,
				 enum bench_posts_way way)
{
	switch (way) {
	case BENCH_POSTS_NONE:
		barrier();
		break;
	case BENCH_POSTS_NATIVE:
		eventfd_signal(target->native);
		break;
	case BENCH_POSTS_FILE:
		evfd_signal(target->file, 1);
		break;
	case BENCH_POSTS_CTX:
		evfd_ctx_signal(target->ctx, 1, 0);
		break;
	}
}

/* Posts like any caller in task context, with interrupts and preemption enabled. */
static __always_inline u64 in_a_row(const struct target *target,
				    enum bench_posts_way way, u32 times)
{
	u64 start = ktime_get_ns();

	for (u32 i = 0; i < times; i++)
		post(target, way);
	return ktime_get_ns() - start;
}

/*
 * The waiter must not run before the post has been timed. A sleep of one tick then
 * lets the waiter run until it waits again.
 */
static __always_inline u64 apart(const struct target *target,
				 enum bench_posts_way way, u32 times)
{
	u64 sum = 0, start;

	for (u32 i = 0; i < times; i++) {
		preempt_disable();
		start = ktime_get_ns();
		post(target, way);
		sum += ktime_get_ns() - start;
		preempt_enable();
		schedule_timeout_uninterruptible(1);
	}
	return sum;
}

static __always_inline u64 run(const struct target *target,
			       enum bench_posts_way way,
			       const struct bench_posts *arg)
{
	return arg->apart ? apart(target, way, arg->times) :
			    in_a_row(target, way, arg->times);
}

static int run_none(struct bench_posts *arg)
{
	struct target target = {};

	arg->ns = run(&target, BENCH_POSTS_NONE, arg);
	return 0;
}

static int run_native(struct bench_posts *arg)
{
	struct target target = { .native = eventfd_ctx_fdget(arg->fd) };

	if (IS_ERR(target.native))
		return PTR_ERR(target.native);
	arg->ns = run(&target, BENCH_POSTS_NATIVE, arg);
	eventfd_ctx_put(target.native);
	return 0;
}

static int run_file(struct bench_posts *arg)
{
	struct target target = { .file = evfd_fget(arg->fd) };

	if (IS_ERR(target.file))
		return PTR_ERR(target.file);
	arg->ns = run(&target, BENCH_POSTS_FILE, arg);
	fput(target.file);
	return 0;
}

static int run_ctx(struct bench_posts *arg)
{
	struct target target = { .ctx = evfd_ctx_fdget(arg->fd) };

	if (IS_ERR(target.ctx))
		return PTR_ERR(target.ctx);
	arg->ns = run(&target, BENCH_POSTS_CTX, arg);
	evfd_ctx_put(target.ctx);
	return 0;
}

static int run_any(struct bench_posts *arg)
{
	switch (arg->way) {
	case BENCH_POSTS_NONE:
		return run_none(arg);
	case BENCH_POSTS_NATIVE:
		return run_native(arg);
	case BENCH_POSTS_FILE:
		return run_file(arg);
	case BENCH_POSTS_CTX:
		return run_ctx(arg);
	}
	return -EINVAL;
}

static long bench_ioctl(struct file *file, unsigned int cmd, unsigned long p)
{
	void __user *user = (void __user *)p;
	struct bench_posts arg;
	int error;

	if (cmd != BENCH_POSTS)
		return -ENOTTY;
	if (copy_from_user(&arg, user, sizeof(arg)))
		return -EFAULT;
	error = run_any(&arg);
	if (error)
		return error;
	return copy_to_user(user, &arg, sizeof(arg)) ? -EFAULT : 0;
}

static const struct file_operations bench_fops = {
	.owner = THIS_MODULE,
	.unlocked_ioctl = bench_ioctl,
};

static struct miscdevice bench_misc = {
	.minor = MISC_DYNAMIC_MINOR,
	.name = BENCH_POSTS_DEVICE_NAME,
	.fops = &bench_fops,
};

module_misc_device(bench_misc);

MODULE_DESCRIPTION("evfd: times posts from kernel code");
MODULE_LICENSE("GPL");
