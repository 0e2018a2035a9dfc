// SPDX-License-Identifier: GPL-2.0
/*
 * Signals that are sent: see src/abstractions/task/sent.rs.
 *
 * The kernel has no interface for this but the tracepoint signal_generate, whose
 * arguments may change with any release. Only this file knows them.
 */
#include <linux/cleanup.h>
#include <linux/cred.h>
#include <linux/hash.h>
#include <linux/log2.h>
#include <linux/mutex.h>
#include <linux/pid.h>
#include <linux/pid_namespace.h>
#include <linux/rculist.h>
#include <linux/rhashtable.h>
#include <linux/sched.h>
#include <linux/sched/signal.h>
#include <linux/slab.h>
#include <linux/tracepoint.h>
#include <linux/workqueue.h>
#include <trace/events/signal.h>

#include "sent.h"
#include "signal.h"

/* The watches of a process. More would keep interrupts disabled for long. */
#define EVFD_MAX_WATCHES	4096

/* How long the probe stays after the last watch. Each change patches the kernel's text. */
#define EVFD_PROBE_DELAY	HZ

/* A watched process. It is freed an RCU grace period after its last watch. */
struct evfd_watched_process {
	struct rhash_head node;
	struct pid *pid;
	unsigned int watches;
	struct rcu_head rcu;
	struct hlist_head signals[_NSIG];
};

struct evfd_signal_watch {
	struct hlist_node node;
	struct evfd_watched_process *process;
	int signal;
	/* All signals that are sent, until the process executes a program. */
	bool observes;
	u64 exec_id;
	/* Guards the owner, and is held during its function. */
	spinlock_t lock;
	/* NULL after the end. */
	void *owner;
	evfd_signal_sent_fn sent;
	struct rcu_head rcu;
};

/* Held to change the watches and the probe. */
static DEFINE_MUTEX(evfd_sent_lock);
static struct rhashtable evfd_processes;
/* The number of watched processes, by a hash: most signals go to other processes. */
static unsigned int evfd_filter[256];
static unsigned int evfd_watches;
static struct tracepoint *evfd_signal_generate;
static bool evfd_has_probe;

static u32 evfd_hash_pid(const void *key, u32 len, u32 seed)
{
	return hash_long(*(const unsigned long *)key ^ seed, 32);
}

static u32 evfd_hash_process(const void *process, u32 len, u32 seed)
{
	const struct evfd_watched_process *this = process;

	return evfd_hash_pid(&this->pid, len, seed);
}

static int evfd_other_pid(struct rhashtable_compare_arg *arg, const void *process)
{
	const struct evfd_watched_process *this = process;

	return this->pid != *(struct pid *const *)arg->key;
}

static const struct rhashtable_params evfd_process_params = {
	.head_offset = offsetof(struct evfd_watched_process, node),
	.key_offset = offsetof(struct evfd_watched_process, pid),
	.key_len = sizeof(struct pid *),
	.hashfn = evfd_hash_pid,
	.obj_hashfn = evfd_hash_process,
	.obj_cmpfn = evfd_other_pid,
	.automatic_shrinking = true,
};

static unsigned int *evfd_filter_of(const struct pid *pid)
{
	return &evfd_filter[hash_ptr(pid, ilog2(ARRAY_SIZE(evfd_filter)))];
}

/* The information as the process gets it: see __send_signal_locked(). */
static void evfd_fill_info(struct kernel_siginfo *to, int signal,
			   const struct kernel_siginfo *info, struct task_struct *task)
{
	if (info != SEND_SIG_NOINFO && info != SEND_SIG_PRIV) {
		copy_siginfo(to, info);
		return;
	}
	clear_siginfo(to);
	to->si_signo = signal;
	if (info == SEND_SIG_PRIV) {
		to->si_code = SI_KERNEL;
		return;
	}
	to->si_code = SI_USER;
	to->si_pid = task_tgid_nr_ns(current, task_active_pid_ns(task));
	to->si_uid = from_kuid_munged(task_cred_xxx(task, user_ns), current_uid());
}

static noinline void evfd_tell_watches(int signal, const struct kernel_siginfo *info,
				       struct task_struct *task, int result)
{
	struct pid *pid = task_tgid(task);
	struct evfd_watched_process *process;
	struct evfd_signal_watch *watch;
	struct kernel_siginfo seen;
	bool is_filled = false;

	/* The signal was not sent, and its sender gets an error. */
	if (result == TRACE_SIGNAL_OVERFLOW_FAIL)
		return;
	guard(rcu)();
	process = rhashtable_lookup(&evfd_processes, &pid, evfd_process_params);
	if (!process)
		return;
	hlist_for_each_entry_rcu(watch, &process->signals[signal - 1], node) {
		if (watch->observes) {
			/* The program that runs now may have other rights. */
			if (watch->exec_id != READ_ONCE(task->self_exec_id))
				continue;
			if (!is_filled)
				evfd_fill_info(&seen, signal, info, task);
			is_filled = true;
		} else if (result == TRACE_SIGNAL_IGNORED) {
			continue;
		}
		/* The siglock has disabled interrupts. */
		guard(spinlock)(&watch->lock);
		if (watch->owner)
			watch->sent(watch->owner, watch->observes ? &seen : NULL);
	}
}

/* With the siglock of @task held, after the signal has become pending. */
static void evfd_on_signal(void *data, int signal, struct kernel_siginfo *info,
			   struct task_struct *task, int group, int result)
{
	if (unlikely(READ_ONCE(*evfd_filter_of(task_tgid(task)))))
		evfd_tell_watches(signal, info, task, result);
}

#ifdef CONFIG_TRACEPOINTS
static void evfd_find_tracepoint(struct tracepoint *tracepoint, void *data)
{
	if (!strcmp(tracepoint->name, "signal_generate"))
		evfd_signal_generate = tracepoint;
}

/* With the lock held. */
static int evfd_set_probe(void)
{
	int error;

	check_trace_callback_type_signal_generate(evfd_on_signal);
	if (evfd_has_probe)
		return 0;
	if (!evfd_signal_generate)
		return -EOPNOTSUPP;
	error = tracepoint_probe_register(evfd_signal_generate, evfd_on_signal, NULL);
	evfd_has_probe = !error;
	return error;
}

/* With the lock held. A probe that runs may go on for a while. */
static void evfd_unset_probe(void)
{
	if (evfd_has_probe)
		tracepoint_probe_unregister(evfd_signal_generate, evfd_on_signal, NULL);
	evfd_has_probe = false;
}
#else
static int evfd_set_probe(void)
{
	return -EOPNOTSUPP;
}

static void evfd_unset_probe(void)
{
}
#endif

static void evfd_end_probe(struct work_struct *work)
{
	guard(mutex)(&evfd_sent_lock);
	if (!evfd_watches)
		evfd_unset_probe();
}

static DECLARE_DELAYED_WORK(evfd_probe_work, evfd_end_probe);

/* Once, in the module's initialisation. */
int evfd_helper_start_sent(void)
{
#ifdef CONFIG_TRACEPOINTS
	for_each_kernel_tracepoint(evfd_find_tracepoint, NULL);
#endif
	return rhashtable_init(&evfd_processes, &evfd_process_params);
}

/* When no signal is watched. Waits for the probe. */
void evfd_helper_stop_sent(void)
{
	cancel_delayed_work_sync(&evfd_probe_work);
	mutex_lock(&evfd_sent_lock);
	evfd_unset_probe();
	mutex_unlock(&evfd_sent_lock);
	tracepoint_synchronize_unregister();
	rhashtable_destroy(&evfd_processes);
}

/* The watched process of the current task, which is made for its first watch. */
static struct evfd_watched_process *evfd_get_process(void)
{
	struct pid *pid = task_tgid(current);
	struct evfd_watched_process *process;
	int error;

	process = rhashtable_lookup_fast(&evfd_processes, &pid, evfd_process_params);
	if (process)
		return process;
	process = kzalloc_obj(*process, GFP_KERNEL_ACCOUNT);
	if (!process)
		return ERR_PTR(-ENOMEM);
	process->pid = get_pid(pid);
	error = rhashtable_insert_fast(&evfd_processes, &process->node, evfd_process_params);
	if (error) {
		put_pid(pid);
		kfree(process);
		return ERR_PTR(error);
	}
	WRITE_ONCE(*evfd_filter_of(pid), *evfd_filter_of(pid) + 1);
	return process;
}

/* Frees the process without watches. */
static void evfd_put_process(struct evfd_watched_process *process)
{
	if (process->watches)
		return;
	WRITE_ONCE(*evfd_filter_of(process->pid), *evfd_filter_of(process->pid) - 1);
	rhashtable_remove_fast(&evfd_processes, &process->node, evfd_process_params);
	put_pid(process->pid);
	kfree_rcu(process, rcu);
}

/* With the lock held. */
static int evfd_add_watch(struct evfd_signal_watch *watch)
{
	struct evfd_watched_process *process;
	int error;

	error = evfd_set_probe();
	if (error)
		return error;
	process = evfd_get_process();
	if (IS_ERR(process))
		return PTR_ERR(process);
	if (process->watches == EVFD_MAX_WATCHES)
		return -ENOSPC;
	process->watches++;
	watch->process = process;
	hlist_add_head_rcu(&watch->node, &process->signals[watch->signal - 1]);
	return 0;
}

/* With the lock held, after a watch was removed or could not be added. */
static void evfd_count_watches(int n)
{
	evfd_watches += n;
	if (!evfd_watches)
		schedule_delayed_work(&evfd_probe_work, EVFD_PROBE_DELAY);
}

/*
 * Calls @sent for each @signal that is sent to the current process from now on: for all
 * of them if it @observes, otherwise for those that become pending.
 */
int evfd_helper_watch_signal(int signal, bool observes, evfd_signal_sent_fn sent, void *owner,
			     struct evfd_signal_watch **place)
{
	struct evfd_signal_watch *watch;
	int error;

	watch = kzalloc_obj(*watch, GFP_KERNEL_ACCOUNT);
	if (!watch)
		return -ENOMEM;
	spin_lock_init(&watch->lock);
	watch->signal = signal;
	watch->observes = observes;
	watch->exec_id = current->self_exec_id;
	watch->sent = sent;
	watch->owner = owner;
	scoped_guard(mutex, &evfd_sent_lock) {
		error = evfd_add_watch(watch);
		evfd_count_watches(error ? 0 : 1);
	}
	if (error) {
		kfree(watch);
		return error;
	}
	*place = watch;
	return 0;
}

/* Whether the current task belongs to the watched process. */
bool evfd_helper_signal_watch_is_own(struct evfd_signal_watch *watch)
{
	return watch->process->pid == task_tgid(current);
}

/*
 * Whether the signal is pending, in the watched process's own tasks for the current
 * task too. Others look without the siglock, and may miss a signal that is being
 * sent. The probe runs after that.
 */
bool evfd_helper_watched_signal_is_pending(struct evfd_signal_watch *watch)
{
	__u64 signals = BIT_ULL(watch->signal - 1);
	struct task_struct *task;

	if (evfd_helper_signal_watch_is_own(watch))
		return evfd_helper_signal_is_pending(signals);
	guard(rcu)();
	task = pid_task(watch->process->pid, PIDTYPE_TGID);
	/* A module cannot take the siglock of another process. */
	return task && data_race(task->signal->shared_pending.signal.sig[0]) & signals;
}

unsigned long evfd_helper_lock_signal_watch(struct evfd_signal_watch *watch)
{
	unsigned long flags;

	spin_lock_irqsave(&watch->lock, flags);
	return flags;
}

void evfd_helper_unlock_signal_watch(struct evfd_signal_watch *watch, unsigned long flags)
{
	spin_unlock_irqrestore(&watch->lock, flags);
}

/* When this returns, the owner's function does not run, and will not run again. */
void evfd_helper_end_signal_watch(struct evfd_signal_watch *watch)
{
	struct evfd_watched_process *process = watch->process;

	scoped_guard(spinlock_irq, &watch->lock)
		watch->owner = NULL;
	guard(mutex)(&evfd_sent_lock);
	hlist_del_rcu(&watch->node);
	process->watches--;
	evfd_put_process(process);
	evfd_count_watches(-1);
	kfree_rcu(watch, rcu);
}
