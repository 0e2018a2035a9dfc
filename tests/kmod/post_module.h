/* SPDX-License-Identifier: GPL-2.0 */
/* Shared by the files of evfd_post_test.ko. */
#ifndef POST_MODULE_H
#define POST_MODULE_H

#include <linux/list.h>
#include <linux/mutex.h>

#include <linux/evfd.h>

#include "post_test.h"

/**
 * struct post_device - an open device
 * @lock: protects all members below
 * @ctx: held context, or NULL
 * @file: held file, or NULL
 * @hooks: list of struct post_hook
 * @nr_hooks: number of the next hook
 */
struct post_device {
	struct mutex lock; /* protects all members below */
	struct evfd_ctx *ctx;
	struct file *file;
	struct list_head hooks;
	u32 nr_hooks;
};

int post_contexts_init(void);
void post_contexts_exit(void);
int post_run(struct post_test_run *run);

int post_hook(struct post_device *device, const struct post_test_hook *arg);
int post_hook_state(struct post_device *device,
		    struct post_test_hook_state *state);
int post_unhook(struct post_device *device, struct post_test_unhook *arg);
void post_unhook_all(struct post_device *device);

struct kevent_storage *produce_storage(struct file *file);
int produce_init(void);
void produce_exit(void);

int post_2007(int fd, unsigned int n, int *result);
int post_symbol(int fd, unsigned int n, int *result);

#endif /* POST_MODULE_H */
