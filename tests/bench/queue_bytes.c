// SPDX-License-Identifier: GPL-2.0
/* Learning how many bytes there are to read in descriptors that are ready. */
#include "queue.h"

#include <sys/ioctl.h>
#include <sys/socket.h>

/* The ends that write. Those that read are the rig's descriptors. */
static int writers[BATCH];

static void rig_ends(struct rig *rig, bool (*make)(int fds[2]), int type)
{
	open_queue(rig);
	for (rig->n = 0; rig->n < BATCH; rig->n++) {
		int fds[2];

		must(make(fds));
		rig->many[rig->n] = fds[0];
		writers[rig->n] = fds[1];
		queues.ops[rig->n] = kevent_op_add(type, fds[0], rig->n, KEVENT_SOCKET_RECV,
						   KEVENT_ET | KEVENT_BYTES);
	}
	if (rig->variant == EVFD)
		submit_ops(BATCH);
	else
		watch_many(rig, EPOLLET);
}

static bool make_pipe(int fds[2])
{
	return !pipe2(fds, O_NONBLOCK);
}

static bool make_sockets(int fds[2])
{
	return !socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, fds);
}

static void rig_pipes(struct rig *rig)
{
	rig_ends(rig, make_pipe, KEVENT_PIPE);
}

static void rig_sockets(struct rig *rig)
{
	rig_ends(rig, make_sockets, KEVENT_SOCKET);
}

static void close_ends(struct rig *rig)
{
	close_queue(rig);
	for (int i = 0; i < BATCH; i++)
		close(writers[i]);
}

/* Empties all, then fills all. */
static void fill(struct rig *rig)
{
	for (int i = 0; i < rig->n; i++) {
		take(rig->many[i]);
		must(add(writers[i], 1) == 8);
	}
}

static void count(struct rig *rig, int i)
{
	struct kevent_queue *queue = kevent_queue();
	struct kevent_event event;
	int n = 0;

	(void)rig;
	(void)i;
	must(!kevent_wait(queue, NULL, 0, 0, 0));
	for (; kevent_next(queue, &event); n++)
		must(kevent_data(queue, event.slot) == 8);
	must(n == BATCH);
}

static void ask(int fd)
{
	int bytes;

	must(!ioctl(fd, FIONREAD, &bytes) && bytes == 8);
}

static void count_epoll(struct rig *rig, int i)
{
	static struct epoll_event events[BATCH];

	(void)i;
	must(epoll_take(rig->epoll, events, BATCH, 0) == BATCH);
	for (int k = 0; k < BATCH; k++)
		ask(events[k].data.fd);
}

static void count_uring(struct rig *rig, int i)
{
	struct io_uring_cqe cqe;
	int n = 0;

	(void)i;
	uring_enter(&queues.uring, 0);
	for (; uring_peek(&queues.uring, &cqe); n++)
		ask(rig->many[cqe.user_data]);
	must(n == BATCH);
}

static const struct operation operations[] = {
	{ "64 ready pipes and their bytes, each", rig_pipes, close_ends, fill, .times = 1,
	  .parts = BATCH,
	  .run = { [NATIVE] = count_epoll, [EVFD] = count, [URING] = count_uring } },
	{ "64 ready sockets and their bytes, each", rig_sockets, close_ends, fill, .times = 1,
	  .parts = BATCH,
	  .run = { [NATIVE] = count_epoll, [EVFD] = count, [URING] = count_uring } },
};

void measure_queue_bytes(void)
{
	measure(operations, ARRAY_SIZE(operations));
}
