// SPDX-License-Identifier: GPL-2.0
/* Wake-up callbacks that post, like those of drivers and other subsystems. */
#include <linux/atomic.h>
#include <linux/err.h>
#include <linux/eventfd.h>
#include <linux/file.h>
#include <linux/poll.h>
#include <linux/slab.h>

#include "post_module.h"

/**
 * struct end - a context of either implementation
 * @ours: evfd's context, or NULL
 * @native: the kernel's own context, if @ours is NULL
 */
struct end {
	struct evfd_ctx *ours;
	struct eventfd_ctx *native;
};

/**
 * struct post_hook - an entry on a wait queue
 * @node: on the device's list
 * @number: number of the hook in user space
 * @entry: queued on @head, or not queued if @head is NULL
 * @head: wait queue of @watched
 * @poll: queues @entry on @head
 * @watched: context to wait on
 * @posted: context to post to
 * @amount: amount of each post
 * @flags: POST_TEST_DRAIN
 * @times: number of posts still to make
 * @calls: number of calls
 * @events: poll events of all calls
 * @added: sum of the amounts added
 * @drained: sum of the counts read
 */
struct post_hook {
	struct list_head node;
	u32 number;
	wait_queue_entry_t entry;
	wait_queue_head_t *head;
	poll_table poll;
	struct end watched;
	struct end posted;
	unsigned int amount;
	unsigned int flags;
	atomic_t times;
	atomic_t calls;
	atomic_t events;
	atomic64_t added;
	atomic64_t drained;
};

static int end_get(struct end *end, struct file *file)
{
	end->ours = evfd_ctx_fileget(file);
	if (!IS_ERR(end->ours))
		return 0;
	end->ours = NULL;
	end->native = eventfd_ctx_fileget(file);
	if (!IS_ERR(end->native))
		return 0;
	return PTR_ERR(end->native);
}

static void end_put(struct end *end)
{
	if (end->ours)
		evfd_ctx_put(end->ours);
	else
		eventfd_ctx_put(end->native);
}

static int end_get_fd(struct end *end, int fd)
{
	struct file *file = fget(fd);
	int error;

	if (!file)
		return -EBADF;
	error = end_get(end, file);
	fput(file);
	return error;
}

static void hook_drain(struct post_hook *hook)
{
	u64 count;

	evfd_ctx_do_read(hook->watched.ours, &count);
	atomic64_add(count, &hook->drained);
}

static int hook_wake(wait_queue_entry_t *entry, unsigned int mode, int sync,
		     void *key)
{
	struct post_hook *hook = container_of(entry, struct post_hook, entry);
	__poll_t events = key_to_poll(key);

	atomic_inc(&hook->calls);
	atomic_or((__force int)events, &hook->events);
	if (!(events & EPOLLIN))
		return 0;
	if (hook->flags & POST_TEST_DRAIN)
		hook_drain(hook);
	if (atomic_dec_if_positive(&hook->times) < 0)
		return 0;
	if (hook->posted.ours) {
		atomic64_add(evfd_ctx_signal(hook->posted.ours, hook->amount, 0),
			     &hook->added);
	} else {
		eventfd_signal(hook->posted.native);
		atomic64_inc(&hook->added);
	}
	return 0;
}

static void hook_queue(struct file *file, wait_queue_head_t *head,
		       poll_table *poll)
{
	struct post_hook *hook = container_of(poll, struct post_hook, poll);

	hook->head = head;
	add_wait_queue(head, &hook->entry);
}

static int hook_watch(struct post_hook *hook, int fd)
{
	struct file *file = fget(fd);
	int error;

	if (!file)
		return -EBADF;
	error = end_get(&hook->watched, file);
	if (!error && (hook->flags & POST_TEST_DRAIN) && !hook->watched.ours) {
		end_put(&hook->watched);
		error = -EINVAL;
	}
	if (!error) {
		init_waitqueue_func_entry(&hook->entry, hook_wake);
		init_poll_funcptr(&hook->poll, hook_queue);
		/* There is no wake-up for a count from before. */
		if ((vfs_poll(file, &hook->poll) & EPOLLIN) &&
		    (hook->flags & POST_TEST_DRAIN))
			hook_drain(hook);
	}
	fput(file);
	return error;
}

/**
 * post_hook - add a hook
 * @device: device to keep the hook
 * @arg: request from user space
 *
 * Return: the number of the hook, or an error.
 */
int post_hook(struct post_device *device, const struct post_test_hook *arg)
{
	struct post_hook *hook = kzalloc_obj(*hook);
	int error;

	if (!hook)
		return -ENOMEM;
	hook->number = device->nr_hooks++;
	hook->amount = arg->amount;
	hook->flags = arg->flags;
	atomic_set(&hook->times, arg->times);

	error = end_get_fd(&hook->posted, arg->posted);
	if (error)
		goto free;
	error = hook_watch(hook, arg->watched);
	if (error)
		goto put;
	list_add_tail(&hook->node, &device->hooks);
	return hook->number;
put:
	end_put(&hook->posted);
free:
	kfree(hook);
	return error;
}

static struct post_hook *find_hook(struct post_device *device, u32 number)
{
	struct post_hook *hook;

	list_for_each_entry(hook, &device->hooks, node)
		if (hook->number == number)
			return hook;
	return NULL;
}

/**
 * post_hook_state - report the calls and posts of a hook
 * @device: device that keeps the hook
 * @state: number of the hook; receives the state
 *
 * Return: 0, or -ENOENT.
 */
int post_hook_state(struct post_device *device,
		    struct post_test_hook_state *state)
{
	struct post_hook *hook = find_hook(device, state->hook);

	if (!hook)
		return -ENOENT;
	state->calls = atomic_read(&hook->calls);
	state->events = atomic_read(&hook->events);
	state->added = atomic64_read(&hook->added);
	state->drained = atomic64_read(&hook->drained);
	return 0;
}

/**
 * post_unhook - take a hook off its queue with evfd_ctx_remove_wait_queue()
 * @device: device that keeps the hook, also afterwards
 * @arg: number of the hook; receives the result
 *
 * Return: 0, or -ENOENT if there is no such hook on an evfd queue.
 */
int post_unhook(struct post_device *device, struct post_test_unhook *arg)
{
	struct post_hook *hook = find_hook(device, arg->hook);

	if (!hook || !hook->head || !hook->watched.ours)
		return -ENOENT;
	arg->result = evfd_ctx_remove_wait_queue(hook->watched.ours,
						 &hook->entry, &arg->count);
	hook->head = NULL;
	return 0;
}

/**
 * post_unhook_all - drop all hooks
 * @device: device that keeps the hooks
 */
void post_unhook_all(struct post_device *device)
{
	struct post_hook *hook, *next;

	list_for_each_entry(hook, &device->hooks, node)
		if (hook->head)
			remove_wait_queue(hook->head, &hook->entry);
	list_for_each_entry_safe(hook, next, &device->hooks, node) {
		end_put(&hook->watched);
		end_put(&hook->posted);
		kfree(hook);
	}
}
