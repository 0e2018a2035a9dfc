// SPDX-License-Identifier: GPL-2.0
/* Watching descriptors through a queue. */
#include "queue.h"

static void watch_eventfds(struct rig *rig, enum variant variant)
{
	open_queue(rig);
	open_eventfds(rig, variant, MANY);
	if (rig->variant != FLOOR)
		watch_many(rig, EPOLLET);
}

static void rig_native(struct rig *rig)
{
	watch_eventfds(rig, NATIVE);
}

static void rig_evfd(struct rig *rig)
{
	watch_eventfds(rig, EVFD);
}

static void drain(struct rig *rig)
{
	drain_queue(rig);
	for (int i = 0; i < rig->n; i++)
		take(rig->many[i]);
}

static void write_one(struct rig *rig, int i)
{
	must(add(rig->many[i], 1) == 8);
}

/* The events of the first write stay in the queue. */
static void write_again(struct rig *rig, int i)
{
	(void)i;
	must(add(rig->many[0], 1) == 8);
}

static void rig_unwatched(struct rig *rig)
{
	open_queue(rig);
	open_eventfds(rig, NATIVE, BATCH);
}

static void add_and_remove_n(struct rig *rig, int n)
{
	for (int i = 0; i < n; i++)
		queues.ops[i] = kevent_op_add(KEVENT_POLL, rig->many[i], i, EPOLLIN, KEVENT_ET);
	must(kevent_submit(&queues.kevent, queues.ops, n) == n);
	for (int i = 0; i < n; i++) {
		must(!queues.ops[i].result);
		queues.ops[i] = kevent_op_remove(queues.ops[i].handle);
	}
	must(kevent_submit(&queues.kevent, queues.ops, n) == n);
}

static void add_and_remove_n_epoll(struct rig *rig, int n)
{
	for (int i = 0; i < n; i++)
		epoll_add(rig->epoll, rig->many[i], EPOLLIN | EPOLLET);
	for (int i = 0; i < n; i++)
		must(!syscall(SYS_epoll_ctl, rig->epoll, EPOLL_CTL_DEL, rig->many[i], NULL));
}

static void add_and_remove_n_uring(struct rig *rig, int n)
{
	struct uring *uring = &queues.uring;
	struct io_uring_cqe cqe;

	for (int i = 0; i < n; i++)
		uring_poll(uring, rig->many[i], EPOLLIN, true, i);
	must(uring_submit(uring) == n);
	for (int i = 0; i < n; i++)
		uring_queue(uring, IORING_OP_POLL_REMOVE, -1, (void *)(uintptr_t)i, 0, MANY);
	must(uring_submit(uring) == n);
	uring_enter(uring, 0);
	for (int i = 0; i < 2 * n; i++)
		must(uring_peek(uring, &cqe));
}

static void add_and_remove(struct rig *rig, int i)
{
	(void)i;
	add_and_remove_n(rig, 1);
}

static void add_and_remove_epoll(struct rig *rig, int i)
{
	(void)i;
	add_and_remove_n_epoll(rig, 1);
}

static void add_and_remove_uring(struct rig *rig, int i)
{
	(void)i;
	add_and_remove_n_uring(rig, 1);
}

static void add_and_remove_batch(struct rig *rig, int i)
{
	(void)i;
	add_and_remove_n(rig, BATCH);
}

static void add_and_remove_batch_epoll(struct rig *rig, int i)
{
	(void)i;
	add_and_remove_n_epoll(rig, BATCH);
}

static void add_and_remove_batch_uring(struct rig *rig, int i)
{
	(void)i;
	add_and_remove_n_uring(rig, BATCH);
}

static const struct operation operations[] = {
	{ "write to a watched native eventfd", rig_native, close_queue, drain, .times = MANY,
	  .run = { [FLOOR ... EVFD] = write_one, [URING] = write_one } },
	{ "write to a watched evfd eventfd", rig_evfd, close_queue, drain, .times = MANY,
	  .run = { [FLOOR ... EVFD] = write_one, [URING] = write_one } },
	{ "write to a native eventfd, event unconsumed", rig_native, close_queue,
	  .run = { [FLOOR ... EVFD] = write_again } },
	{ "write to an evfd eventfd, event unconsumed", rig_evfd, close_queue,
	  .run = { [FLOOR ... EVFD] = write_again } },
	{ "add+remove a descriptor", rig_unwatched, close_queue,
	  .run = { [NATIVE] = add_and_remove_epoll, [EVFD] = add_and_remove,
		   [URING] = add_and_remove_uring } },
	{ "add+remove 64 descriptors, each", rig_unwatched, close_queue, .parts = BATCH,
	  .run = { [NATIVE] = add_and_remove_batch_epoll, [EVFD] = add_and_remove_batch,
		   [URING] = add_and_remove_batch_uring } },
};

void measure_queue_watch(void)
{
	measure(operations, ARRAY_SIZE(operations));
}
