// SPDX-License-Identifier: GPL-2.0
/* Kernel threads that work for users: see src/abstractions/task/work.rs. */
#include <linux/cred.h>
#include <linux/mutex.h>
#include <linux/sched/signal.h>
#include <linux/slab.h>
#include <linux/workqueue.h>
#include <linux/xarray.h>

#include "work.h"

/*
 * The number of threads that work for a user at a time: on files, whose operations end
 * unless the user's own file system does not answer; on pipes, whose operations may never
 * end; and on sockets, whose operations take a thread only while they do not wait.
 */
#define EVFD_FILE_WORKERS	64
#define EVFD_PIPE_WORKERS	256
#define EVFD_SOCKET_WORKERS	64

/* Those of a user, so that none can take all threads. */
struct evfd_workers {
	struct workqueue_struct *files;
	struct workqueue_struct *pipes;
	struct workqueue_struct *sockets;
	kuid_t user;
	unsigned long refs;
};

static DEFINE_XARRAY(evfd_all_workers);
static DEFINE_MUTEX(evfd_all_workers_lock);

static void evfd_free_workers(struct evfd_workers *workers)
{
	if (workers->files)
		destroy_workqueue(workers->files);
	if (workers->pipes)
		destroy_workqueue(workers->pipes);
	if (workers->sockets)
		destroy_workqueue(workers->sockets);
	kfree(workers);
}

static struct evfd_workers *evfd_new_workers(kuid_t user)
{
	struct evfd_workers *workers = kzalloc_obj(*workers, GFP_KERNEL_ACCOUNT);

	if (!workers)
		return NULL;
	workers->user = user;
	workers->files = alloc_workqueue("evfd_aio/%u", WQ_UNBOUND, EVFD_FILE_WORKERS,
					 __kuid_val(user));
	workers->pipes = alloc_workqueue("evfd_aio_pipe/%u", WQ_UNBOUND, EVFD_PIPE_WORKERS,
					 __kuid_val(user));
	workers->sockets = alloc_workqueue("evfd_naio/%u", WQ_UNBOUND, EVFD_SOCKET_WORKERS,
					   __kuid_val(user));
	if (!workers->files || !workers->pipes || !workers->sockets ||
	    xa_err(xa_store(&evfd_all_workers, __kuid_val(user), workers, GFP_KERNEL_ACCOUNT))) {
		evfd_free_workers(workers);
		return NULL;
	}
	return workers;
}

/* Those of the user of the task, or NULL without memory. */
struct evfd_workers *evfd_helper_get_workers(void)
{
	struct evfd_workers *workers;

	guard(mutex)(&evfd_all_workers_lock);
	workers = xa_load(&evfd_all_workers, __kuid_val(current_uid()));
	if (!workers)
		workers = evfd_new_workers(current_uid());
	if (workers)
		workers->refs++;
	return workers;
}

/* The last of a user waits for all work, and so must not be called by work. */
void evfd_helper_put_workers(struct evfd_workers *workers)
{
	scoped_guard(mutex, &evfd_all_workers_lock) {
		if (--workers->refs)
			return;
		xa_erase(&evfd_all_workers, __kuid_val(workers->user));
	}
	evfd_free_workers(workers);
}

/* In any context but an NMI, as long as there is a reference. */
struct workqueue_struct *evfd_helper_work_queue(struct evfd_workers *workers,
						enum evfd_waits waits)
{
	switch (waits) {
	case EVFD_WAITS_FOR_OTHERS:
		return workers->pipes;
	case EVFD_WAITS_NOT:
		return workers->sockets;
	default:
		return workers->files;
	}
}

void evfd_helper_init_worker(struct evfd_worker *worker)
{
	spin_lock_init(&worker->lock);
	worker->task = NULL;
}

/* From here on, evfd_helper_kill_work() ends the sleeps of this kernel thread. */
void evfd_helper_begin_work(struct evfd_worker *worker)
{
	allow_signal(SIGKILL);
	guard(spinlock)(&worker->lock);
	worker->task = current;
}

void evfd_helper_end_work(struct evfd_worker *worker)
{
	scoped_guard(spinlock, &worker->lock)
		worker->task = NULL;
	disallow_signal(SIGKILL);
	flush_signals(current);
}

/* Sleeps end as those of a process that is killed: the interruptible and the killable. */
void evfd_helper_kill_work(struct evfd_worker *worker)
{
	guard(spinlock)(&worker->lock);
	if (worker->task)
		send_sig(SIGKILL, worker->task, 1);
}
