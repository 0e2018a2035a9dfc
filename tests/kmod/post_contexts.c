// SPDX-License-Identifier: GPL-2.0
/* Posts from every context, and from two contexts at once. */
#include <linux/completion.h>
#include <linux/cpumask.h>
#include <linux/err.h>
#include <linux/file.h>
#include <linux/interrupt.h>
#include <linux/irq_work.h>
#include <linux/jiffies.h>
#include <linux/kthread.h>
#include <linux/smp.h>
#include <linux/spinlock.h>

#include <asm/apic.h>
#include <asm/nmi.h>

#include <linux/kevent.h>

#include "post_module.h"

/* The number of posts at each entry into a context. */
#define BATCH		64

#define NMI_NAME	"evfd_post_test"

/**
 * struct poster - a thread that posts from a context
 * @file: file to post to, or NULL
 * @ctx: event context to post to if @file is NULL, or NULL
 * @storage: storage of kevents to post to otherwise
 * @context: execution context to post from
 * @amount: amount of each post
 * @left: number of posts still to make
 * @added: sum of the amounts added
 * @error: error of a post
 * @target: processor to interrupt
 * @lock: held while posting, for %POST_TEST_SPINLOCK
 * @raw_lock: the same for %POST_TEST_RAW_SPINLOCK
 * @tasklet: posts, for %POST_TEST_SOFTIRQ
 * @raise: schedules @tasklet
 * @work: posts, for %POST_TEST_HARDIRQ on the poster's own processor
 * @batch_done: completed by @tasklet after a batch
 * @done: completed after the last post
 *
 * The thread waits for each batch, so batches never overlap.
 */
struct poster {
	struct file *file;
	struct evfd_ctx *ctx;
	struct kevent_storage *storage;
	enum post_test_context context;
	unsigned int amount;
	u64 left;
	u64 added;
	int error;
	int target;
	spinlock_t lock; /* only ever held while posting */
	raw_spinlock_t raw_lock; /* only ever held while posting */
	struct tasklet_struct tasklet;
	struct irq_work raise;
	struct irq_work work;
	struct completion batch_done;
	struct completion done;
};

/* The poster of the NMI under way; cleared by the handler. */
static struct poster *nmi_poster;
static DEFINE_MUTEX(nmi_mutex);

static int post_one(struct poster *poster)
{
	if (poster->file)
		return evfd_signal(poster->file, poster->amount);
	if (poster->ctx)
		return evfd_ctx_signal(poster->ctx, poster->amount, 0);
	kevent_storage_ready(poster->storage, 1, poster->amount);
	return poster->amount;
}

static void post_batch(struct poster *poster)
{
	int i;

	for (i = 0; i < BATCH && poster->left; i++) {
		int added = post_one(poster);

		if (added < 0) {
			poster->error = added;
			poster->left = 0;
			return;
		}
		poster->added += added;
		poster->left--;
	}
}

static void batch_in_tasklet(struct tasklet_struct *tasklet)
{
	struct poster *poster = from_tasklet(poster, tasklet, tasklet);

	post_batch(poster);
	complete(&poster->batch_done);
}

static void schedule_tasklet(struct irq_work *work)
{
	tasklet_schedule(&container_of(work, struct poster, raise)->tasklet);
}

/* On PREEMPT_RT, cross-calls on idle processors must not raise softirqs. */
static void schedule_by_irq_work(void *poster)
{
	irq_work_queue(&((struct poster *)poster)->raise);
}

static void batch_in_ipi(void *poster)
{
	post_batch(poster);
}

static void batch_in_irq_work(struct irq_work *work)
{
	post_batch(container_of(work, struct poster, work));
}

static int batch_in_nmi(unsigned int type, struct pt_regs *regs)
{
	struct poster *poster;

	/* Pairs with the release in send_nmi(). */
	poster = smp_load_acquire(&nmi_poster);
	if (!poster || poster->target != raw_smp_processor_id())
		return NMI_DONE;
	post_batch(poster);
	/* Pairs with the acquire in send_nmi(). */
	smp_store_release(&nmi_poster, NULL);
	return NMI_HANDLED;
}

static void send_nmi(struct poster *poster)
{
	unsigned long deadline = jiffies + 10 * HZ;

	guard(mutex)(&nmi_mutex);
	/* Pairs with the acquire in batch_in_nmi(). */
	smp_store_release(&nmi_poster, poster);
	__apic_send_IPI_mask(cpumask_of(poster->target), NMI_VECTOR);
	/* Pairs with the release in batch_in_nmi(). */
	while (smp_load_acquire(&nmi_poster)) {
		if (time_after(jiffies, deadline)) {
			poster->error = -ETIMEDOUT;
			poster->left = 0;
			nmi_poster = NULL;
		}
		cpu_relax();
	}
}

static void interrupt(struct poster *poster)
{
	if (poster->target == raw_smp_processor_id()) {
		irq_work_queue(&poster->work);
		irq_work_sync(&poster->work);
	} else {
		smp_call_function_single(poster->target, batch_in_ipi, poster, 1);
	}
}

static void enter_context(struct poster *poster)
{
	unsigned long flags;

	switch (poster->context) {
	case POST_TEST_TASK:
		post_batch(poster);
		break;
	case POST_TEST_IRQS_OFF:
		local_irq_save(flags);
		post_batch(poster);
		local_irq_restore(flags);
		break;
	case POST_TEST_SPINLOCK:
		spin_lock(&poster->lock);
		post_batch(poster);
		spin_unlock(&poster->lock);
		break;
	case POST_TEST_RAW_SPINLOCK:
		raw_spin_lock_irqsave(&poster->raw_lock, flags);
		post_batch(poster);
		raw_spin_unlock_irqrestore(&poster->raw_lock, flags);
		break;
	case POST_TEST_SOFTIRQ:
		smp_call_function_single(poster->target, schedule_by_irq_work,
					 poster, 1);
		wait_for_completion(&poster->batch_done);
		break;
	case POST_TEST_HARDIRQ:
		interrupt(poster);
		break;
	case POST_TEST_NMI:
		send_nmi(poster);
		break;
	}
}

static int poster_thread(void *data)
{
	struct poster *poster = data;

	while (poster->left) {
		enter_context(poster);
		cond_resched();
	}
	kthread_complete_and_exit(&poster->done, 0);
}

static void poster_init(struct poster *poster, const struct post_test_run *run,
			int index)
{
	poster->context = run->context[index];
	poster->amount = run->amount;
	poster->left = run->posts;
	poster->target = cpumask_first(cpu_online_mask);
	spin_lock_init(&poster->lock);
	raw_spin_lock_init(&poster->raw_lock);
	tasklet_setup(&poster->tasklet, batch_in_tasklet);
	poster->raise = IRQ_WORK_INIT_HARD(schedule_tasklet);
	poster->work = IRQ_WORK_INIT_HARD(batch_in_irq_work);
	init_completion(&poster->batch_done);
	init_completion(&poster->done);
}

static int poster_start(struct poster *poster, int index)
{
	struct task_struct *task;

	task = kthread_create(poster_thread, poster, "evfd_poster/%d", index);
	if (IS_ERR(task))
		return PTR_ERR(task);
	kthread_bind(task, index ? cpumask_last(cpu_online_mask) :
				   cpumask_first(cpu_online_mask));
	wake_up_process(task);
	return 0;
}

static int run_posters(struct poster *posters)
{
	int i, error = 0;

	for (i = 0; i < POST_TEST_POSTERS && !error; i++)
		error = poster_start(&posters[i], i);
	if (error)
		i--;
	while (i--) {
		/* On a busy host, this may take longer than the limit for hung tasks. */
		wait_for_completion_state(&posters[i].done, TASK_IDLE);
		/* The last handler may still be returning from its batch. */
		irq_work_sync(&posters[i].raise);
		irq_work_sync(&posters[i].work);
		tasklet_kill(&posters[i].tasklet);
		error = error ?: posters[i].error;
	}
	return error;
}

/**
 * post_run - run two posters at once
 * @run: request from user space; receives the sums added
 *
 * Return: 0 or the error of a post.
 */
int post_run(struct post_test_run *run)
{
	struct poster *posters;
	struct file *file;
	int i, error;

	for (i = 0; i < POST_TEST_POSTERS; i++)
		if (run->context[i] > POST_TEST_NMI)
			return -EINVAL;

	posters = kzalloc_objs(*posters, POST_TEST_POSTERS);
	if (!posters)
		return -ENOMEM;
	for (i = 0; i < POST_TEST_POSTERS; i++)
		poster_init(&posters[i], run, i);

	file = fget(run->fd);
	error = file ? 0 : -EBADF;
	if (error)
		goto free;
	posters[0].storage = produce_storage(file);
	posters[1].storage = posters[0].storage;
	if (!posters[0].storage) {
		posters[0].file = file;
		posters[1].ctx = evfd_ctx_fileget(file);
		error = PTR_ERR_OR_ZERO(posters[1].ctx);
		if (error)
			goto put_file;
	}

	error = run_posters(posters);
	for (i = 0; i < POST_TEST_POSTERS; i++)
		run->added[i] = posters[i].added;

	if (posters[1].ctx)
		evfd_ctx_put(posters[1].ctx);
put_file:
	fput(file);
free:
	kfree(posters);
	return error;
}

/**
 * post_contexts_init - prepare for posting from NMIs
 *
 * Return: 0 or an error.
 */
int post_contexts_init(void)
{
	return register_nmi_handler(NMI_LOCAL, batch_in_nmi, 0, NMI_NAME);
}

/**
 * post_contexts_exit - undo post_contexts_init()
 */
void post_contexts_exit(void)
{
	unregister_nmi_handler(NMI_LOCAL, NMI_NAME);
}
