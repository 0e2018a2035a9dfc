/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The kernel side of evfd: post to event descriptors from kernel code.
 *
 * Every function is exported with EXPORT_SYMBOL_GPL by evfd.ko.
 */
#ifndef _LINUX_EVFD_H
#define _LINUX_EVFD_H

#include <linux/types.h>
#include <linux/wait.h>

struct evfd_ctx;
struct file;

/**
 * evfd_fget - get the file behind an evfd event descriptor
 * @fd: a file descriptor of the current process
 *
 * The reference keeps the descriptor's file open and evfd.ko loaded. Release
 * it with fput().
 *
 * Context: task context, as fget().
 * Return: the file, or ERR_PTR(-EBADF) if @fd is not open, or ERR_PTR(-EINVAL)
 * if it is not an event descriptor made by evfd.
 */
struct file *evfd_fget(int fd);

/**
 * evfd_signal - add to the counter of an event descriptor
 * @file: an open file, normally from evfd_fget()
 * @n: how much to add, at most INT_MAX
 *
 * Adds @n, or as much of it as fits below ULLONG_MAX, and wakes whoever waits
 * for the descriptor to become readable. A counter that has reached ULLONG_MAX
 * stays there, and polls as EPOLLERR, until it is read.
 *
 * Context: any: task, softirq, hardirq, NMI, inside wake-up callbacks. Never
 * sleeps. Any lock may be held but one that the caller's own callback on this
 * descriptor's wait queue takes. Where a lock that waking needs may be held, the
 * wake-up comes as soon as interrupts are on again: see "Posting" in
 * Documentation/design/eventfd.rst.
 * Return: how much was added, or -EINVAL if @n is above INT_MAX or @file is
 * not an event descriptor made by evfd.
 */
int evfd_signal(struct file *file, unsigned int n);

/**
 * evfd_ctx_fdget - get the counter behind an evfd event descriptor
 * @fd: a file descriptor of the current process
 *
 * Unlike evfd_fget() this does not keep the descriptor open: when user space
 * closes it last, pollers see EPOLLHUP, and what is posted from then on is
 * seen by nobody but evfd_ctx_do_read(). It does keep evfd.ko loaded.
 *
 * Context: task context, as fget().
 * Return: the context, to be released with evfd_ctx_put(), or an error pointer
 * as from evfd_fget().
 */
struct evfd_ctx *evfd_ctx_fdget(int fd);

/**
 * evfd_ctx_fileget - get the counter behind an open file
 * @file: an open file
 *
 * Context: any.
 * Return: the context, to be released with evfd_ctx_put(), or ERR_PTR(-EINVAL)
 * if @file is not an event descriptor made by evfd.
 */
struct evfd_ctx *evfd_ctx_fileget(struct file *file);

/**
 * evfd_ctx_put - release a context
 * @ctx: what evfd_ctx_fdget() or evfd_ctx_fileget() returned
 *
 * Context: where memory may be freed, which is anywhere but in NMI and, on
 * PREEMPT_RT, only where a spinlock_t may be taken.
 */
void evfd_ctx_put(struct evfd_ctx *ctx);

/**
 * evfd_ctx_signal - add to a counter, with more poll events
 * @ctx: the context
 * @n: how much to add, at most INT_MAX
 * @mask: poll events that waiters are told of besides EPOLLIN, normally 0
 *
 * Context: as evfd_signal().
 * Return: how much was added, or -EINVAL if @n is above INT_MAX.
 */
int evfd_ctx_signal(struct evfd_ctx *ctx, unsigned int n, __poll_t mask);

/**
 * evfd_ctx_do_read - read a counter without blocking
 * @ctx: the context
 * @cnt: where what was read is put: the counter, which is then 0, or for a
 *	semaphore 1, by which the counter is decremented, or 0 if it was 0
 *
 * Context: any but NMI; the lock of the wait queue may be held, so a wake-up
 * callback may call it.
 */
void evfd_ctx_do_read(struct evfd_ctx *ctx, __u64 *cnt);

/**
 * evfd_ctx_remove_wait_queue - leave the wait queue and read, in one step
 * @ctx: the context
 * @wait: an entry that a poll of the file has put on its wait queue
 * @cnt: as for evfd_ctx_do_read()
 *
 * A post either comes before, and is in @cnt, or comes after and does not call
 * @wait's function.
 *
 * Context: task, softirq or, not on PREEMPT_RT, hardirq; the lock of the wait
 * queue is taken.
 * Return: 0, or -EAGAIN if the counter was 0. @wait is removed either way.
 */
int evfd_ctx_remove_wait_queue(struct evfd_ctx *ctx,
			       struct wait_queue_entry *wait, __u64 *cnt);

/*
 * The names of the 2007 proposal, with its signatures. The kernel's own
 * <linux/eventfd.h> has an eventfd_signal() with another signature, and on
 * kernels with CONFIG_EVENTFD an eventfd_fget() for its own descriptors: a
 * file that defines EVFD_2007_API before including this header gets evfd's
 * instead of both.
 */
#ifdef EVFD_2007_API
#include <linux/eventfd.h>
#define eventfd_fget(fd)	evfd_fget(fd)
#define eventfd_signal(file, n)	evfd_signal(file, n)
#endif

#endif /* _LINUX_EVFD_H */
