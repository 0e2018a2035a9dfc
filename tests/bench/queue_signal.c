// SPDX-License-Identifier: GPL-2.0
/* Signals, from the kill() to the record in the program. */
#include "queue.h"

#include <signal.h>
#include <sys/signalfd.h>
#include <sys/wait.h>

#define SIGNAL	SIGRTMIN

/* The process that signals are sent to, which ignores them. */
static pid_t other;

static void rig_other(struct rig *rig)
{
	open_queue(rig);
	if (rig->variant == EVFD) {
		queues.ops[0] = kevent_op_add(KEVENT_SIGNAL, SIGNAL, 0, KEVENT_SIGNAL_DELIVERY,
					      0);
		submit_ops(1);
	}
	signal(SIGNAL, SIG_IGN);
	other = fork();
	if (!other) {
		for (;;)
			pause();
	}
	must(other > 0);
}

static void close_other(struct rig *rig)
{
	must(!kill(other, SIGKILL) && waitpid(other, NULL, 0) == other);
	close_queue(rig);
}

static void send_to_other(struct rig *rig, int i)
{
	(void)rig;
	(void)i;
	must(!kill(other, SIGNAL));
}

static void rig_consumer(struct rig *rig)
{
	sigset_t set;

	open_queue(rig);
	sigemptyset(&set);
	sigaddset(&set, SIGNAL);
	must(!sigprocmask(SIG_BLOCK, &set, NULL));
	if (rig->variant == EVFD) {
		queues.ops[0] = kevent_op_add(KEVENT_SIGNAL, SIGNAL | KEVENT_SIGNAL_NOMASK, 0,
					      KEVENT_SIGNAL_DELIVERY, 0);
		submit_ops(1);
		queues.handles[0] = queues.ops[0].handle;
	} else {
		rig->in = signalfd(-1, &set, SFD_NONBLOCK);
		must(rig->in >= 0);
		epoll_add(rig->epoll, rig->in, EPOLLIN);
	}
}

static void send_and_consume(struct rig *rig, int i)
{
	struct signalfd_siginfo info;

	(void)i;
	must(!kill(getpid(), SIGNAL));
	if (rig->variant == EVFD) {
		struct kevent_event event;

		must(kevent_next(kevent_queue(), &event));
		queues.ops[0] = kevent_op_take(queues.handles[0], &info, 1);
		submit_ops(1);
		must(queues.ops[0].arg[1] == 1);
	} else {
		struct epoll_event ready;

		must(epoll_take(rig->epoll, &ready, 1, 0) == 1);
		must(read(rig->in, &info, sizeof(info)) == sizeof(info));
	}
	must(info.ssi_signo == (uint32_t)SIGNAL);
}

/* The first comes before any process is observed. */
static const struct operation operations[] = {
	{ "send a signal while another process is observed", rig_other, close_other,
	  .run = { [FLOOR] = send_to_other, [EVFD] = send_to_other } },
	{ "send a signal and consume it", rig_consumer, close_queue,
	  .run = { [NATIVE] = send_and_consume, [EVFD] = send_and_consume } },
};

void measure_queue_signal(void)
{
	measure(operations, ARRAY_SIZE(operations));
}
