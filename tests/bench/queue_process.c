// SPDX-License-Identifier: GPL-2.0
/* Learning that processes have ended, and how. Nobody waits for them. */
#include "pidfd.h"
#include "queue.h"

#include <sched.h>
#include <signal.h>

#define STATUS	(7 << 8)

static void rig_processes(struct rig *rig)
{
	signal(SIGCHLD, SIG_IGN);
	open_queue(rig);
	rig->n = 0;
}

/* Watches new processes, and lets them end. */
static void end_all(struct rig *rig)
{
	for (int i = 0; i < rig->n; i++)
		close(rig->many[i]);
	for (rig->n = 0; rig->n < BATCH; rig->n++) {
		int ends[2], pidfd;
		pid_t child;
		char byte;

		must(!pipe(ends));
		child = fork();
		if (!child) {
			close(ends[1]);
			read(ends[0], &byte, 1);
			_exit(7);
		}
		close(ends[0]);
		pidfd = open_pidfd(child, 0);
		rig->many[rig->n] = pidfd;
		if (rig->variant == EVFD) {
			queues.ops[0] = kevent_op_add(KEVENT_PROCESS, pidfd, rig->n,
						      KEVENT_PROCESS_EXIT, KEVENT_ONESHOT);
			submit_ops(1);
		} else {
			epoll_add(rig->epoll, pidfd, EPOLLIN | EPOLLONESHOT);
		}
		close(ends[1]);
		while (reaped_status(pidfd) < 0)
			sched_yield();
	}
}

static void look(struct rig *rig, int i)
{
	struct kevent_queue *queue = kevent_queue();
	struct kevent_event event;
	int n = 0;

	(void)rig;
	(void)i;
	for (; kevent_next(queue, &event); n++)
		must(kevent_data(queue, event.slot) == STATUS);
	must(n == BATCH);
}

static void look_by_epoll(struct rig *rig, int i)
{
	static struct epoll_event events[BATCH];

	(void)i;
	must(epoll_take(rig->epoll, events, BATCH, 0) == BATCH);
	for (int k = 0; k < BATCH; k++)
		must(reaped_status(events[k].data.fd) == STATUS);
}

static void close_processes(struct rig *rig)
{
	close_queue(rig);
	signal(SIGCHLD, SIG_DFL);
}

static const struct operation operations[] = {
	{ "64 ended processes and their status, each", rig_processes, close_processes, end_all,
	  .times = 1, .parts = BATCH, .run = { [NATIVE] = look_by_epoll, [EVFD] = look } },
};

void measure_queue_process(void)
{
	measure(operations, ARRAY_SIZE(operations));
}
