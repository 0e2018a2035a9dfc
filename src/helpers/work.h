/* SPDX-License-Identifier: GPL-2.0 */
#ifndef EVFD_HELPERS_WORK_H
#define EVFD_HELPERS_WORK_H

#include <linux/spinlock.h>

struct evfd_workers;
struct task_struct;
struct workqueue_struct;

/* What work waits for. */
enum evfd_waits {
	EVFD_WAITS_FOR_STORAGE,
	EVFD_WAITS_FOR_OTHERS,
	EVFD_WAITS_NOT,
};

/* Work that another task can end early. */
struct evfd_worker {
	/* Guards @task, so that it does not end while it gets a signal. */
	spinlock_t lock;
	/* The kernel thread that works, or NULL. */
	struct task_struct *task;
};

struct evfd_workers *evfd_helper_get_workers(void);
void evfd_helper_put_workers(struct evfd_workers *workers);
struct workqueue_struct *evfd_helper_work_queue(struct evfd_workers *workers,
						enum evfd_waits waits);
void evfd_helper_init_worker(struct evfd_worker *worker);
void evfd_helper_begin_work(struct evfd_worker *worker);
void evfd_helper_end_work(struct evfd_worker *worker);
void evfd_helper_kill_work(struct evfd_worker *worker);

#endif /* EVFD_HELPERS_WORK_H */
