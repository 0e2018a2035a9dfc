// SPDX-License-Identifier: GPL-2.0
/* Sending and receiving by the queue. */
#include "queue.h"

#include <sys/socket.h>
#include <unistd.h>

#define SIZE	64
#define PAIRS	32	/* of operations or of sockets, in a batch */

static char sent[PAIRS][SIZE], received[PAIRS][SIZE];

/* The descriptors of pair @i: rig->many[2 * i] receives, and the next one sends. */
static void open_pairs(struct rig *rig, int pairs)
{
	open_queue(rig);
	for (int i = 0; i < pairs; i++)
		must(!socketpair(AF_UNIX, SOCK_STREAM, 0, rig->many + 2 * i));
	rig->n = 2 * pairs;
}

static void keep_handles(int n)
{
	for (int i = 0; i < n; i++)
		queues.handles[i] = queues.ops[i].handle;
}

/* Takes the results of @n operations. */
static void take_all(int n)
{
	struct kevent_event event;

	for (; kevent_next(&queues.kevent, &event); n--)
		must(kevent_aio_result(&queues.kevent, event.slot) == SIZE);
	must(n == 0);
}

static void uring_take_all(int n)
{
	struct io_uring_cqe cqe;

	for (; uring_peek(&queues.uring, &cqe); n--)
		must(cqe.res == SIZE);
	must(n == 0);
}

/* A call has all sends, then all receives. */

static void rig_pair(struct rig *rig)
{
	open_pairs(rig, 1);
	if (rig->variant != EVFD)
		return;
	for (int i = 0; i < PAIRS; i++) {
		queues.ops[i] = kevent_op_naio(rig->many[1], i, KEVENT_NAIO_SEND, sent[i], SIZE,
					       0, 0);
		queues.ops[PAIRS + i] = kevent_op_naio(rig->many[0], PAIRS + i, KEVENT_NAIO_RECV,
						       received[i], SIZE, 0, 0);
	}
	submit_ops(2 * PAIRS);
	keep_handles(2 * PAIRS);
	take_all(2 * PAIRS);
}

static void transfer(struct rig *rig, int i)
{
	(void)i;
	for (int k = 0; k < PAIRS; k++)
		must(send(rig->many[1], sent[k], SIZE, 0) == SIZE);
	for (int k = 0; k < PAIRS; k++)
		must(recv(rig->many[0], received[k], SIZE, 0) == SIZE);
}

static void transfer_by_kevents(struct rig *rig, int i)
{
	(void)rig;
	(void)i;
	for (int k = 0; k < 2 * PAIRS; k++) {
		char *buf = k < PAIRS ? sent[k] : received[k - PAIRS];

		queues.ops[k] = kevent_op_naio_again(queues.handles[k], buf, SIZE, 0);
	}
	submit_ops(2 * PAIRS);
	take_all(2 * PAIRS);
}

static void transfer_by_uring(struct rig *rig, int i)
{
	struct uring *ring = &queues.uring;

	(void)i;
	for (int k = 0; k < PAIRS; k++)
		uring_queue(ring, IORING_OP_SEND, rig->many[1], sent[k], SIZE, k);
	for (int k = 0; k < PAIRS; k++)
		uring_queue(ring, IORING_OP_RECV, rig->many[0], received[k], SIZE, k);
	must(uring_submit(ring) == 2 * PAIRS);
	uring_take_all(2 * PAIRS);
}

/* The receives wait, each on a socket of its own, until the program has sent. */

static void rig_pairs(struct rig *rig)
{
	open_pairs(rig, PAIRS);
	if (rig->variant == NATIVE) {
		for (int i = 0; i < PAIRS; i++)
			epoll_add(rig->epoll, rig->many[2 * i], EPOLLIN);
	}
	if (rig->variant != EVFD)
		return;
	for (int i = 0; i < PAIRS; i++) {
		must(send(rig->many[2 * i + 1], sent[i], SIZE, 0) == SIZE);
		queues.ops[i] = kevent_op_naio(rig->many[2 * i], i, KEVENT_NAIO_RECV, received[i],
					       SIZE, 0, 0);
	}
	submit_ops(PAIRS);
	keep_handles(PAIRS);
	take_all(PAIRS);
}

static void send_all(struct rig *rig)
{
	for (int k = 0; k < PAIRS; k++)
		must(send(rig->many[2 * k + 1], sent[k], SIZE, 0) == SIZE);
}

static void receive_later(struct rig *rig, int i)
{
	static struct epoll_event events[PAIRS];

	(void)i;
	send_all(rig);
	must(epoll_take(rig->epoll, events, PAIRS, -1) == PAIRS);
	for (int k = 0; k < PAIRS; k++)
		must(recv(rig->many[2 * k], received[k], SIZE, 0) == SIZE);
}

static void receive_later_by_kevents(struct rig *rig, int i)
{
	struct kevent_submit submit = {
		.flags = KEVENT_WAIT, .timeout = -1, .clock = CLOCK_MONOTONIC, .min_nr = PAIRS,
	};

	(void)i;
	for (int k = 0; k < PAIRS; k++)
		queues.ops[k] = kevent_op_naio_again(queues.handles[k], received[k], SIZE, 0);
	submit_ops(PAIRS);
	send_all(rig);
	submit.head = kevent_head(&queues.kevent);
	must(!kevent_enter(&queues.kevent, &submit));
	take_all(PAIRS);
}

static void receive_later_by_uring(struct rig *rig, int i)
{
	struct uring *ring = &queues.uring;

	(void)i;
	for (int k = 0; k < PAIRS; k++)
		uring_queue(ring, IORING_OP_RECV, rig->many[2 * k], received[k], SIZE, k);
	must(uring_submit(ring) == PAIRS);
	send_all(rig);
	must(uring_enter(ring, PAIRS) >= 0);
	uring_take_all(PAIRS);
}

static const struct operation operations[] = {
	{ "send and receive 64 bytes, batches of 32, each", rig_pair, close_queue,
	  .parts = PAIRS,
	  .run = { [NATIVE] = transfer, [EVFD] = transfer_by_kevents,
		   [URING] = transfer_by_uring } },
	{ "receive 64 bytes that come later, each", rig_pairs, close_queue,
	  .parts = PAIRS,
	  .run = { [NATIVE] = receive_later, [EVFD] = receive_later_by_kevents,
		   [URING] = receive_later_by_uring } },
};

void measure_queue_naio(void)
{
	measure(operations, ARRAY_SIZE(operations));
}
