/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What Rust can't reach by the kernel crate's bindings: inline functions,
 * wrapped in helpers.c, and constants whose macros bindgen does not evaluate.
 * bindgen reads this to make src/generated/helpers.rs.
 */
#ifndef EVFD_HELPERS_H
#define EVFD_HELPERS_H

#include <linux/anon_inodes.h>
#include <uapi/linux/eventpoll.h>
#include <linux/fs.h>
#include <linux/hrtimer.h>
#include <linux/idr.h>
#include <linux/irq_work.h>
#include <linux/mutex.h>
#include <linux/poll.h>
#include <linux/pvclock_gtod.h>
#include <linux/signal_types.h>
#include <linux/types.h>
#include <linux/wait.h>

#if IS_BUILTIN(CONFIG_KUNIT)
#include "../tests/contexts.h"
#endif

extern struct ida evfd_helper_ida;

void evfd_helper_wake_up_locked(struct wait_queue_head *wq, __u32 events);
void evfd_helper_wake_up(struct wait_queue_head *wq, __u32 events);
bool evfd_helper_try_wake_up(struct wait_queue_head *wq, __u32 events);
unsigned long evfd_helper_lock_wait_queue(struct wait_queue_head *wq);
void evfd_helper_unlock_wait_queue(struct wait_queue_head *wq,
				   unsigned long flags);
void evfd_helper_remove_wait_queue(struct wait_queue_head *wq,
				   struct wait_queue_entry *entry);

/* One for each CPU: of irq_work.rs. */
struct evfd_irq_work {
	struct irq_work work;
	const void *handler;
};

extern struct mutex evfd_helper_irq_works_lock;
struct evfd_irq_work __percpu *
evfd_helper_alloc_irq_works(void (*func)(struct irq_work *work),
			    const void *handler);
void evfd_helper_queue_irq_work(struct evfd_irq_work __percpu **works);
void evfd_helper_sync_irq_works(struct evfd_irq_work __percpu *works);

bool evfd_helper_get_user(void *to, const void *from, size_t size);
bool evfd_helper_get_user_u64(__u64 *to, const void *from);
bool evfd_helper_put_user(void *to, const void *from, size_t size);
bool evfd_helper_put_user_u64(void *to, __u64 value);
bool evfd_helper_put_user_u64_now(void *to, __u64 value);

extern poll_queue_proc evfd_helper_select_proc;
void evfd_helper_find_select(void);

ktime_t evfd_helper_timens_to_host(clockid_t clockid, ktime_t time);
bool evfd_helper_hrtimer_is_queued(struct hrtimer *timer);
void evfd_helper_let_callback_run(void);

extern struct mutex evfd_helper_roster_lock;
void evfd_helper_list_del_init(struct list_head *entry);

/* How far the clocks that can be set are from CLOCK_MONOTONIC. */
struct evfd_clock_offsets {
	ktime_t real;
	ktime_t tai;
};

struct evfd_clock_offsets evfd_helper_clock_offsets(const void *timekeeper);

bool evfd_helper_signal_is_pending(__u64 signals);
int evfd_helper_dequeue_signal(__u64 signals, struct kernel_siginfo *info);
bool evfd_helper_other_threads_block(__u64 signals);
struct wait_queue_head *evfd_helper_signal_queue(void);
void evfd_helper_wake_signal_queue(void);

#ifdef __BINDGEN__
const __u32 RUST_CONST_HELPER_EPOLLIN = (__force __u32)EPOLLIN;
const __u32 RUST_CONST_HELPER_EPOLLOUT = (__force __u32)EPOLLOUT;
const __u32 RUST_CONST_HELPER_EPOLLERR = (__force __u32)EPOLLERR;
const __u32 RUST_CONST_HELPER_EPOLLHUP = (__force __u32)EPOLLHUP;
const __u32 RUST_CONST_HELPER_FMODE_NOWAIT = (__force __u32)FMODE_NOWAIT;
const __u32 RUST_CONST_HELPER_FMODE_STREAM = (__force __u32)FMODE_STREAM;
const __s32 RUST_CONST_HELPER_IOCB_NOWAIT = (__force __s32)IOCB_NOWAIT;
#endif

#endif /* EVFD_HELPERS_H */
