/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The kernel side of evfd: post to event descriptors from kernel code.
 *
 * evfd.ko exports every function with EXPORT_SYMBOL_GPL().
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
 * The reference keeps the file open and evfd.ko loaded. Release it with fput().
 *
 * Context: Task context, like fget(). Does not sleep.
 * Return: The file, ERR_PTR(-EBADF) if @fd is not open, or ERR_PTR(-EINVAL) if
 * @fd is not an event descriptor made by evfd.
 */
struct file *evfd_fget(int fd);

/**
 * evfd_signal - add to the counter of an event descriptor
 * @file: an open file, normally from evfd_fget()
 * @n: how much to add, at most INT_MAX
 *
 * Adds @n and wakes the waiters for EPOLLIN. If the sum would exceed ULLONG_MAX,
 * adds only as much as fits. A counter of ULLONG_MAX polls as EPOLLERR until it
 * is read. A post that reaches this value also wakes the waiters for EPOLLERR.
 *
 * The counter always changes immediately. The wake-up is deferred if the caller,
 * or the code that it interrupted, could hold a lock that the wake-up takes:
 * until interrupts are enabled again, and on PREEMPT_RT to a kernel thread. See
 * evfd_signal(9) and Documentation/kernel-api.rst.
 *
 * Context: Any context, including NMI and wake-up callbacks. Never sleeps. The
 * caller may hold any lock, with one exception: if the caller has its own
 * callback on the descriptor's wait queue, and that callback takes a lock, the
 * caller must not post with that lock held and interrupts enabled.
 * Return: The amount added, or -EINVAL if @n is above INT_MAX or @file is not an
 * event descriptor made by evfd.
 */
int evfd_signal(struct file *file, unsigned int n);

/**
 * evfd_ctx_fdget - get the counter behind an evfd event descriptor
 * @fd: a file descriptor of the current process
 *
 * Unlike evfd_fget(), this does not keep the descriptor open. When user space
 * closes the last descriptor, pollers are woken with EPOLLHUP. Later posts are
 * visible only to callers that read the context. The reference keeps evfd.ko
 * loaded.
 *
 * Context: Task context, like fget(). Does not sleep.
 * Return: The context, to be released with evfd_ctx_put(), or the error pointers
 * of evfd_fget().
 */
struct evfd_ctx *evfd_ctx_fdget(int fd);

/**
 * evfd_ctx_fileget - get the counter behind an open file
 * @file: an open file
 *
 * Context: Any context. Never sleeps.
 * Return: The context, to be released with evfd_ctx_put(), or ERR_PTR(-EINVAL)
 * if @file is not an event descriptor made by evfd.
 */
struct evfd_ctx *evfd_ctx_fileget(struct file *file);

/**
 * evfd_ctx_put - release a context
 * @ctx: a context from evfd_ctx_fdget() or evfd_ctx_fileget()
 *
 * Context: Any context in which memory may be freed: not NMI, and on PREEMPT_RT
 * only where a spinlock_t may be taken.
 */
void evfd_ctx_put(struct evfd_ctx *ctx);

/**
 * evfd_ctx_signal - add to a counter, with more poll events
 * @ctx: the context
 * @n: how much to add, at most INT_MAX
 * @mask: poll events that waiters receive together with EPOLLIN, normally 0
 *
 * Works like evfd_signal().
 *
 * Context: Any context, with the exception in evfd_signal() for locks. Never
 * sleeps.
 * Return: The amount added, or -EINVAL if @n is above INT_MAX.
 */
int evfd_ctx_signal(struct evfd_ctx *ctx, unsigned int n, __poll_t mask);

/**
 * evfd_ctx_do_read - read a counter without blocking
 * @ctx: the context
 * @cnt: where to store the amount that was read
 *
 * Reads the counter and resets it to 0. With EVFD_EFD_SEMAPHORE, reads 1 and
 * subtracts 1 from the counter, or reads 0 if the counter is 0. Wakes blocked
 * writers; this wake-up is always deferred.
 *
 * Context: Any context except NMI. The lock of the wait queue may be held, so a
 * wake-up callback may call this. Never sleeps.
 */
void evfd_ctx_do_read(struct evfd_ctx *ctx, __u64 *cnt);

/**
 * evfd_ctx_remove_wait_queue - leave the wait queue and read, in one step
 * @ctx: the context
 * @wait: an entry that a poll of the file has added to its wait queue
 * @cnt: where to store the amount that was read, like for evfd_ctx_do_read()
 *
 * A post comes either before, and is included in @cnt, or after, and does not
 * call the function of @wait.
 *
 * Context: Any context in which a spinlock_t may be taken: task, softirq and,
 * except on PREEMPT_RT, hardirq. Takes the lock of the wait queue, so a wake-up
 * callback must not call this.
 * Return: 0, or -EAGAIN if the counter was 0. @wait is removed in both cases.
 */
int evfd_ctx_remove_wait_queue(struct evfd_ctx *ctx,
			       struct wait_queue_entry *wait, __u64 *cnt);

/*
 * The functions of the 2007 proposal, with its names and signatures. The
 * kernel's <linux/eventfd.h> has an eventfd_signal() with another signature. On
 * kernels with CONFIG_EVENTFD, it also has an eventfd_fget() for native
 * descriptors. A file that defines EVFD_2007_API before including this header
 * gets evfd's functions instead of both.
 */
#ifdef EVFD_2007_API
#include <linux/eventfd.h>
#define eventfd_fget(fd)	evfd_fget(fd)
#define eventfd_signal(file, n)	evfd_signal(file, n)
#endif

#endif /* _LINUX_EVFD_H */
