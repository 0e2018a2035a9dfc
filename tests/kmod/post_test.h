/* SPDX-License-Identifier: GPL-2.0 WITH Linux-syscall-note */
/*
 * The interface of evfd_post_test.ko to the test programs. The ioctls of its misc
 * device call evfd's kernel API. Closing the device drops every reference and
 * wait-queue entry held by that open file.
 */
#ifndef POST_TEST_H
#define POST_TEST_H

#include <linux/ioctl.h>
#include <linux/types.h>

#define POST_TEST_DEVICE_NAME	"evfd_post_test"
#define POST_TEST_MAGIC		0xED

/* The functions to look up the descriptor, and to post, for struct post_test_post. */
enum post_test_via {
	POST_TEST_FGET,		/* evfd_fget(), evfd_signal() */
	POST_TEST_FDGET,	/* evfd_ctx_fdget(), evfd_ctx_signal() */
	POST_TEST_FILEGET,	/* evfd_ctx_fileget(), evfd_ctx_signal() */
	POST_TEST_FGET_2007,	/* eventfd_fget(), eventfd_signal() of 2007 */
	POST_TEST_SYMBOL,	/* the exported symbol eventfd_signal */
	POST_TEST_FOREIGN,	/* fget() of any file, evfd_signal() */
};

/**
 * struct post_test_post - a single post
 * @fd: the descriptor
 * @via: enum post_test_via
 * @amount: amount to post
 * @mask: poll events, for the context forms
 * @result: return value of the posting function
 * @reserved: 0
 */
struct post_test_post {
	__s32 fd;
	__u32 via;
	__u32 amount;
	__u32 mask;
	__s32 result;
	__u32 reserved;
};

/* Fails with the error of the function that looks up the descriptor. */
#define POST_TEST_POST		_IOWR(POST_TEST_MAGIC, 0, struct post_test_post)

enum post_test_context {
	POST_TEST_TASK,
	POST_TEST_IRQS_OFF,
	POST_TEST_SPINLOCK,
	POST_TEST_RAW_SPINLOCK,
	POST_TEST_SOFTIRQ,
	POST_TEST_HARDIRQ,
	POST_TEST_NMI,
};

#define POST_TEST_POSTERS	2

/**
 * struct post_test_run - two posters at once
 * @fd: the descriptor: the first posts to its file, the second to its context; or one
 *	of the device of "produce.h", to whose first storage both post
 * @amount: amount of each post
 * @context: enum post_test_context of each poster
 * @posts: number of posts per poster
 * @added: sum of the posting function's return values, per poster
 *
 * The first poster runs on the first processor, the second on the last. Interrupts
 * run on the first processor for both posters.
 */
struct post_test_run {
	__s32 fd;
	__u32 amount;
	__u32 context[POST_TEST_POSTERS];
	__u64 posts;
	__u64 added[POST_TEST_POSTERS];
};

/* Returns after the last post. */
#define POST_TEST_RUN		_IOWR(POST_TEST_MAGIC, 1, struct post_test_run)

/* A reference that outlasts the ioctl: to the context, and to the file. */
#define POST_TEST_HOLD		_IOW(POST_TEST_MAGIC, 2, __s32)
#define POST_TEST_HOLD_FILE	_IOW(POST_TEST_MAGIC, 3, __s32)
#define POST_TEST_HELD_POST	_IOWR(POST_TEST_MAGIC, 4, struct post_test_post)
#define POST_TEST_HELD_READ	_IOR(POST_TEST_MAGIC, 5, __u64)
#define POST_TEST_RELEASE	_IO(POST_TEST_MAGIC, 6)

#define POST_TEST_DRAIN		0x1

/**
 * struct post_test_hook - a wake-up callback
 * @watched: event descriptor to wait on, evfd's or native
 * @posted: event descriptor to post to, evfd's or native
 * @amount: amount to post on EPOLLIN
 * @times: number of posts
 * @flags: %POST_TEST_DRAIN: read @watched in the callback, before posting, and once
 *	   when the hook is added
 * @reserved: 0
 *
 * Holds the contexts of both descriptors, but not their files: user space can still
 * close these.
 */
struct post_test_hook {
	__s32 watched;
	__s32 posted;
	__u32 amount;
	__u32 times;
	__u32 flags;
	__u32 reserved;
};

/* Returns the number of the hook. */
#define POST_TEST_HOOK		_IOW(POST_TEST_MAGIC, 7, struct post_test_hook)

/**
 * struct post_test_hook_state - the calls and posts of a hook
 * @hook: number of the hook
 * @calls: number of calls
 * @events: poll events of all calls
 * @reserved: 0
 * @added: sum of the amounts added
 * @drained: sum of the counts read
 */
struct post_test_hook_state {
	__u32 hook;
	__u32 calls;
	__u32 events;
	__u32 reserved;
	__u64 added;
	__u64 drained;
};

#define POST_TEST_HOOK_STATE	_IOWR(POST_TEST_MAGIC, 8, struct post_test_hook_state)

/**
 * struct post_test_unhook - evfd_ctx_remove_wait_queue()
 * @hook: number of a hook that watches an evfd descriptor
 * @result: return value of the function
 * @count: count that it read
 */
struct post_test_unhook {
	__u32 hook;
	__s32 result;
	__u64 count;
};

#define POST_TEST_UNHOOK	_IOWR(POST_TEST_MAGIC, 9, struct post_test_unhook)

#endif /* POST_TEST_H */
