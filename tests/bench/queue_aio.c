// SPDX-License-Identifier: GPL-2.0
/* Reading a file from the page cache by the queue. */
#include "queue.h"

#include <fcntl.h>
#include <unistd.h>

#define SIZE	4096
#define READS	32	/* in a batch */

/* A device whose reads can be asked not to wait, as those of most file systems. */
#define DISK	"/dev/vda"

static char buffers[READS][SIZE] __attribute__((aligned(SIZE)));

static struct kevent_op read_op(struct rig *rig, int i, int flags)
{
	return kevent_op_aio(rig->in, i, KEVENT_AIO_READ, buffers[i], SIZE, i * SIZE, flags);
}

static void rig_reads(struct rig *rig)
{
	open_queue(rig);
	rig->in = open(DISK, O_RDONLY);
	rig->out = rig->in;
	for (int i = 0; i < READS; i++)
		must(pread(rig->in, buffers[i], SIZE, i * SIZE) == SIZE);
	if (rig->variant != EVFD)
		return;
	for (int i = 0; i < READS; i++)
		queues.ops[i] = read_op(rig, i, 0);
	submit_ops(READS);
	for (int i = 0; i < READS; i++)
		queues.handles[i] = queues.ops[i].handle;
	must(drain_queue(rig) == READS);
}

static void pread_all(struct rig *rig, int i)
{
	(void)i;
	for (int k = 0; k < READS; k++)
		must(pread(rig->in, buffers[k], SIZE, k * SIZE) == SIZE);
}

/* Takes the events of all reads. */
static void take_all(void)
{
	struct kevent_queue *queue = kevent_queue();
	struct kevent_event event;
	int n = 0;

	for (; kevent_next(queue, &event); n++)
		must(kevent_data(queue, event.slot) == SIZE);
	must(n == READS);
}

static void rearm_all(struct rig *rig, int i)
{
	(void)rig;
	(void)i;
	for (int k = 0; k < READS; k++)
		queues.ops[k] = kevent_op_aio_again(queues.handles[k], buffers[k], SIZE, k * SIZE);
	submit_ops(READS);
	take_all();
}

/* Kevents that end with their events. */
static void add_all(struct rig *rig, int i)
{
	(void)i;
	for (int k = 0; k < READS; k++) {
		queues.ops[k] = read_op(rig, k, KEVENT_ONESHOT);
		queues.ops[k].user = READS + k;
	}
	submit_ops(READS);
	take_all();
}

static void read_by_uring(struct rig *rig, int i)
{
	struct io_uring_cqe cqe;
	int n = 0;

	(void)i;
	for (int k = 0; k < READS; k++)
		uring_queue(&queues.uring, IORING_OP_READ, rig->in, buffers[k], SIZE, k)->off =
			k * SIZE;
	must(uring_submit(&queues.uring) == READS);
	for (; uring_peek(&queues.uring, &cqe); n++)
		must(cqe.res == SIZE);
	must(n == READS);
}

static const struct operation operations[] = {
	{ "read 4 KiB from the page cache, batches of 32, each", rig_reads, close_queue,
	  .parts = READS,
	  .run = { [NATIVE] = pread_all, [EVFD] = rearm_all, [URING] = read_by_uring } },
	{ "read 4 KiB from the page cache by new kevents, each", rig_reads, close_queue,
	  .parts = READS,
	  .run = { [NATIVE] = pread_all, [EVFD] = add_all, [URING] = read_by_uring } },
};

void measure_queue_aio(void)
{
	measure(operations, ARRAY_SIZE(operations));
}
