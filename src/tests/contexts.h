/* SPDX-License-Identifier: GPL-2.0 */
#ifndef EVFD_TESTS_CONTEXTS_H
#define EVFD_TESTS_CONTEXTS_H

#include <linux/types.h>

struct evfd_test_watch;
struct wait_queue_head;

enum evfd_test_context {
	EVFD_TEST_TASK,
	EVFD_TEST_SPINLOCK,
	EVFD_TEST_RAW_SPINLOCK,
	EVFD_TEST_SOFTIRQ,
	EVFD_TEST_HARDIRQ,
	EVFD_TEST_NMI,
	EVFD_TEST_WAKE_UP,
	EVFD_TEST_EVERY_CPU,
	EVFD_TEST_OTHER_CPU,
};

/*
 * Calls @func with @arg in @context and waits for its end. In
 * %EVFD_TEST_EVERY_CPU, all CPUs call it at once, with interrupts disabled. In
 * %EVFD_TEST_OTHER_CPU, a task on another CPU calls it.
 * Context: task, with interrupts enabled. Return: whether it was called.
 */
bool evfd_helper_call_in(enum evfd_test_context context,
			 void (*func)(void *arg), void *arg);

/*
 * Makes each wake-up of @queue call @func with @arg and the events, under the
 * queue's lock, until the result is passed to evfd_helper_unwatch(). Return: %NULL
 * without memory.
 */
struct evfd_test_watch *
evfd_helper_watch(struct wait_queue_head *queue, bool exclusive,
		  void (*func)(void *arg, __u32 events), void *arg);
void evfd_helper_unwatch(struct evfd_test_watch *watch);

/*
 * Sends @signal to the current task, or to its thread group. A kernel thread
 * must have blocked it. Context: task.
 */
void evfd_helper_send_signal(int signal, bool to_group);

/* Discards all pending signals of the current task and its thread group. */
void evfd_helper_flush_signals(void);

/* Marks @signal of the current thread group as forced, or not. */
void evfd_helper_force_signal(int signal, bool forced);

#endif /* EVFD_TESTS_CONTEXTS_H */
