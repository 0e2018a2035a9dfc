// SPDX-License-Identifier: GPL-2.0
/* Taking events from a queue, waiting for them, and raising them from a program. */
#include "floor.h"
#include "queue.h"

#define EVENTS	~0U

/* Uses a value without an instruction. */
static inline void use(uint64_t value)
{
	asm volatile("" : : "r" (value));
}

/* MANY kevents that the program raises. For others, MANY eventfds. */
static void rig_events(struct rig *rig)
{
	open_queue(rig);
	if (rig->variant != EVFD) {
		open_eventfds(rig, NATIVE, MANY);
		watch_many(rig, EPOLLET);
		return;
	}
	for (int i = 0; i < MANY; i++)
		queues.ops[i] = kevent_op_add(KEVENT_USER, 0, i, EVENTS, 0);
	submit_ops(MANY);
	for (int i = 0; i < MANY; i++)
		queues.handles[i] = queues.ops[i].handle;
	queues.n = MANY;
}

static void raise_all(struct rig *rig)
{
	for (int i = 0; i < MANY; i++) {
		if (rig->variant == EVFD)
			queues.ops[i] = kevent_op_ready(queues.handles[i], 1);
		else
			must(add(rig->many[i], 1) == 8);
	}
	if (rig->variant == EVFD)
		submit_ops(MANY);
	else if (rig->variant == URING)
		uring_enter(&queues.uring, 0);
}

static void consume(struct rig *rig, int i)
{
	struct kevent_queue *queue = kevent_queue();
	uint64_t head = kevent_head(queue);
	struct kevent_event event;

	(void)rig;
	(void)i;
	while (kevent_next(queue, &event))
		use(event.user);
	must(kevent_head(queue) == head + MANY);
}

static void consume_shared(struct rig *rig, int i)
{
	struct kevent_queue *queue = kevent_queue();
	uint64_t head = queue->header->head;
	struct kevent_event event;

	(void)rig;
	(void)i;
	while (kevent_next_shared(queue, &event))
		use(event.user);
	must(queue->header->head == head + MANY);
}

static void consume_epoll(struct rig *rig, int i)
{
	static struct epoll_event events[MANY];

	(void)i;
	must(epoll_take(rig->epoll, events, MANY, 0) == MANY);
	for (int k = 0; k < MANY; k++)
		use(events[k].data.u64);
}

static void consume_uring(struct rig *rig, int i)
{
	struct uring *uring = &queues.uring;
	unsigned int head = *uring->cq_head;
	struct io_uring_cqe cqe;

	(void)rig;
	(void)i;
	asm("" : "+r" (uring));
	while (uring_peek(uring, &cqe))
		use(cqe.user_data);
	must(*uring->cq_head == head + MANY);
}

static void rig_empty(struct rig *rig)
{
	open_queue(rig);
}

static void look(struct rig *rig, int i)
{
	struct kevent_queue *queue = kevent_queue();
	struct kevent_event event;

	(void)rig;
	(void)i;
	for (int k = LOOPS; again(&k);)
		must(!kevent_next(queue, &event));
}

static void look_epoll(struct rig *rig, int i)
{
	struct epoll_event event;

	(void)i;
	for (int k = LOOPS; again(&k);)
		must(!epoll_take(rig->epoll, &event, 1, 0));
}

static void look_uring(struct rig *rig, int i)
{
	struct uring *uring = &queues.uring;
	struct io_uring_cqe cqe;

	(void)rig;
	(void)i;
	asm("" : "+r" (uring));
	for (int k = LOOPS; again(&k);)
		must(!uring_peek(uring, &cqe));
}

/* The first event stays in the queue. */
static void rig_waiting(struct rig *rig)
{
	open_queue(rig);
	if (rig->variant == EVFD) {
		queues.ops[0] = kevent_op_add(KEVENT_USER, 0, 0, EVENTS, 0);
		submit_ops(1);
		queues.ops[0] = kevent_op_ready(queues.ops[0].handle, 1);
		submit_ops(1);
		return;
	}
	rig->in = new_eventfd(NATIVE, 0);
	rig->out = rig->in;
	must(add(rig->in, 1) == 8);
	if (rig->variant == URING) {
		uring_poll(&queues.uring, rig->in, EPOLLIN, false, 0);
		must(uring_submit(&queues.uring) == 1);
	} else {
		epoll_add(rig->epoll, rig->in, EPOLLIN);
	}
}

static void wait(struct rig *rig, int i)
{
	(void)rig;
	(void)i;
	must(!kevent_wait(&queues.kevent, NULL, 0, -1, 1));
}

static void wait_epoll(struct rig *rig, int i)
{
	struct epoll_event event;

	(void)i;
	must(epoll_take(rig->epoll, &event, 1, -1) == 1);
}

static void wait_uring(struct rig *rig, int i)
{
	(void)rig;
	(void)i;
	must(!uring_enter(&queues.uring, 1));
}

/* A thread raises an event, which another takes that runs. Both are this one. */
static void rig_raise(struct rig *rig)
{
	open_queue(rig);
	if (rig->variant == EVFD) {
		queues.ops[0] = kevent_op_add(KEVENT_USER, 0, 0, EVENTS, 0);
		submit_ops(1);
		queues.handles[0] = queues.ops[0].handle;
		return;
	}
	open_eventfds(rig, NATIVE, 1);
	watch_many(rig, EPOLLET);
}

static void raise_and_take(struct rig *rig, int i)
{
	struct kevent_queue *queue = kevent_queue();
	uint64_t handle = queues.handles[0];
	struct kevent_event event;
	__u32 list = 0;

	(void)rig;
	(void)i;
	for (int k = LOOPS; again(&k);) {
		must(!kevent_raise(queue, handle, 1));
		must(kevent_take_raised(queue, &list, &event));
	}
}

static void raise_and_take_epoll(struct rig *rig, int i)
{
	struct epoll_event event;

	(void)i;
	for (int k = LOOPS; again(&k);) {
		must(add(rig->many[0], 1) == 8);
		must(epoll_take(rig->epoll, &event, 1, 0) == 1);
		must(take(rig->many[0]) == 8);
	}
}

/* A call that copies events: kevent_get_events() of 2006. */
static int copied_queue;

static void rig_copied(struct rig *rig, uint32_t flags)
{
	static struct ukevent uk[MANY];
	struct kevent_ioc_ctl arg = { .num = MANY, .ukevents = (uintptr_t)uk };

	open_eventfds(rig, NATIVE, MANY);
	if (rig->variant != EVFD) {
		open_queue(rig);
		watch_many(rig, flags);
		return;
	}
	for (int i = 0; i < MANY; i++) {
		uk[i] = (struct ukevent){
			.type = KEVENT_POLL, .event = EPOLLIN, .user = { i },
			.req_flags = flags ? KEVENT_REQ_ET : 0,
		};
		uk[i].id.raw[0] = rig->many[i];
	}
	copied_queue = open("/dev/" KEVENT_DEVICE_NAME, O_RDWR | O_CLOEXEC);
	must(ioctl(copied_queue, KEVENT_IOC_CTL, &arg) == MANY);
}

static void rig_edges(struct rig *rig)
{
	rig_copied(rig, EPOLLET);
}

static void rig_levels(struct rig *rig)
{
	rig_copied(rig, 0);
}

static void close_copied(struct rig *rig)
{
	if (rig->variant == EVFD)
		close(copied_queue);
	else
		close_queue(rig);
}

static void write_all(struct rig *rig)
{
	for (int i = 0; i < MANY; i++)
		must(add(rig->many[i], 1) == 8);
}

static void copy(struct rig *rig, int i)
{
	static struct ukevent uk[MANY];
	struct kevent_ioc_get_events get = {
		.min_nr = 1, .max_nr = MANY, .buf = (uintptr_t)uk, .clock = CLOCK_MONOTONIC,
	};

	(void)rig;
	(void)i;
	must(ioctl(copied_queue, KEVENT_IOC_GET_EVENTS, &get) == MANY);
	for (int k = 0; k < MANY; k++)
		use(uk[k].user[0]);
}

static const struct operation operations[] = {
	{ "consume an event", rig_events, close_queue, raise_all, .times = 1, .parts = MANY,
	  .run = { [NATIVE] = consume_epoll, [EVFD] = consume, [URING] = consume_uring } },
	{ "consume an event, several consumers", rig_events, close_queue, raise_all, .times = 1,
	  .parts = MANY, .run = { [NATIVE] = consume_epoll, [EVFD] = consume_shared } },
	{ "copy an event by a call, edge-triggered", rig_edges, close_copied, write_all,
	  .times = 1, .parts = MANY, .run = { [NATIVE] = consume_epoll, [EVFD] = copy } },
	{ "copy an event by a call, level-triggered", rig_levels, close_copied, write_all,
	  .times = 1, .parts = MANY, .run = { [NATIVE] = consume_epoll, [EVFD] = copy } },
	{ "look at an empty queue", rig_empty, close_queue, .parts = LOOPS,
	  .run = { loop_only, look_epoll, look, [URING] = look_uring } },
	{ "wait with an event there", rig_waiting, close_queue,
	  .run = { no_call, wait_epoll, wait, [URING] = wait_uring } },
	{ "wake a running loop from another thread", rig_raise, close_queue, .parts = LOOPS,
	  .run = { loop_only, raise_and_take_epoll, [EVFD] = raise_and_take } },
};

void measure_queue_events(void)
{
	measure(operations, ARRAY_SIZE(operations));
}
