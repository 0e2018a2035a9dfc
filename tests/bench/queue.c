// SPDX-License-Identifier: GPL-2.0
/*
 * The cost of events through a queue, on a single processor. Prints "queue", the
 * operation, the variant and nanoseconds, separated by tabs.
 */
#include "queue.h"

struct queues queues;

void open_queue(struct rig *rig)
{
	queues.n = 0;
	if (rig->variant == EVFD)
		must(!kevent_open(&queues.kevent, MANY, 0));
	else if (rig->variant == URING)
		must(uring_open_for(&queues.uring, MANY));
	else
		rig->epoll = epoll_create1(0);
}

void close_queue(struct rig *rig)
{
	if (rig->variant == EVFD)
		kevent_close(&queues.kevent);
	else if (rig->variant == URING)
		uring_close(&queues.uring);
}

void submit_ops(int n)
{
	must(kevent_submit(&queues.kevent, queues.ops, n) == n);
	for (int i = 0; i < n; i++)
		must(!queues.ops[i].result);
}

void remove_kevents(void)
{
	for (int i = 0; i < queues.n; i++)
		queues.ops[i] = kevent_op_remove(queues.handles[i]);
	submit_ops(queues.n);
	queues.n = 0;
}

void open_eventfds(struct rig *rig, enum variant variant, int n)
{
	for (rig->n = 0; rig->n < n; rig->n++) {
		rig->many[rig->n] = new_eventfd(variant, O_NONBLOCK);
		must(rig->many[rig->n] >= 0);
	}
}

void watch_many(struct rig *rig, uint32_t flags)
{
	for (int i = 0; i < rig->n; i++) {
		if (rig->variant == EVFD)
			queues.ops[i] = kevent_op_add(KEVENT_POLL, rig->many[i], i, EPOLLIN,
						      flags & EPOLLET ? KEVENT_ET : 0);
		else if (rig->variant == URING)
			uring_poll(&queues.uring, rig->many[i], EPOLLIN, true, i);
		else
			epoll_add(rig->epoll, rig->many[i], EPOLLIN | flags);
	}
	if (rig->variant == URING)
		must(uring_submit(&queues.uring) == rig->n);
	if (rig->variant != EVFD)
		return;
	submit_ops(rig->n);
	for (int i = 0; i < rig->n; i++)
		queues.handles[i] = queues.ops[i].handle;
	queues.n = rig->n;
}

int drain_queue(struct rig *rig)
{
	static struct epoll_event events[MANY];
	struct kevent_event event;
	struct io_uring_cqe cqe;
	int n = 0;

	if (rig->variant == EVFD) {
		while (kevent_next(&queues.kevent, &event))
			n++;
	} else if (rig->variant == URING) {
		uring_enter(&queues.uring, 0);
		while (uring_peek(&queues.uring, &cqe))
			n++;
	} else if (rig->variant == NATIVE) {
		n = epoll_take(rig->epoll, events, MANY, 0);
	}
	return n;
}

void loop_only(struct rig *rig, int i)
{
	(void)rig;
	(void)i;
	for (int k = LOOPS; again(&k);)
		;
}

int main(void)
{
	measured_table = "queue";
	open_devices();
	allow_descriptors(2 * MANY);
	wait_for_boot();
	measure_queue_events();
	measure_queue_watch();
	measure_queue_bytes();
	measure_queue_inode();
	measure_queue_process();
	measure_queue_signal();
	measure_queue_timers();
	measure_queue_push();
	measure_queue_produce();
	measure_queue_aio();
	measure_queue_naio();
	return 0;
}
