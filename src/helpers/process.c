// SPDX-License-Identifier: GPL-2.0
/* Processes by their pidfds: see src/abstractions/task/process.rs. */
#include <linux/errno.h>
#include <linux/fs.h>
#include <linux/magic.h>
#include <linux/pid.h>
#include <linux/pid_namespace.h>
#include <linux/rcupdate.h>
#include <linux/sched.h>
#include <linux/sched/signal.h>

#include "process.h"

/* The kernel exports neither pidfd_pid() nor the operations of these files. */
bool evfd_helper_is_pidfd(struct file *file)
{
	return file_inode(file)->i_sb->s_magic == PID_FS_MAGIC;
}

/* The file holds a reference. */
static struct pid *evfd_pid(struct file *file)
{
	return file_inode(file)->i_private;
}

/* Like pid_in_current_pidns() in fs/pidfs.c. */
bool evfd_helper_process_is_visible(struct file *file)
{
	struct pid_namespace *ns = task_active_pid_ns(current);
	struct pid *pid = evfd_pid(file);

	return ns->level <= pid->level && pid->numbers[ns->level].ns == ns;
}

/*
 * The status as wait4() would return it; -EAGAIN while the process runs; -ESRCH if it
 * has been reaped. A process has ended when pidfd_poll() says so: with its last
 * thread. In any context.
 */
__s64 evfd_helper_exit_status(struct file *file)
{
	struct task_struct *task;
	__s64 status = -EAGAIN;

	rcu_read_lock();
	task = pid_task(evfd_pid(file), PIDTYPE_PID);
	if (!task) {
		status = -ESRCH;
	} else if (READ_ONCE(task->exit_state) && !delay_group_leader(task)) {
		/*
		 * The codes were set before: by the task, or under siglock by the
		 * thread that ended its group. Like in wait_task_zombie().
		 */
		smp_rmb();
		status = READ_ONCE(task->signal->flags) & SIGNAL_GROUP_EXIT ?
			 (__u32)READ_ONCE(task->signal->group_exit_code) :
			 (__u32)READ_ONCE(task->exit_code);
	}
	rcu_read_unlock();
	return status;
}
