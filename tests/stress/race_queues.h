/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Calls on queues of /dev/kevent, and access to their memory. At a fixed address, there
 * is a mapping of some queue or no mapping. System calls access it, because a store
 * would end the process when another thread unmaps the queue.
 */
#ifndef STRESS_RACE_QUEUES_H
#define STRESS_RACE_QUEUES_H

#include "race.h"

#include <sys/random.h>

static char *queue_memory;

/* Reserves the address. */
static inline bool queues_prepare(void)
{
	queue_memory = mmap(NULL, RACE_QUEUE_SIZE, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS,
			    -1, 0);
	return queue_memory != MAP_FAILED;
}

static inline void queue_unmap(void)
{
	mmap(queue_memory, RACE_QUEUE_SIZE, PROT_NONE,
	     MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0);
}

/*
 * Maps the queue elsewhere, then moves it to the address. A MAP_FIXED mapping that fails
 * can leave a hole there, for any other mapping of this process.
 */
static inline void race_queue_map(struct caller *caller)
{
	void *map = mmap(NULL, RACE_QUEUE_SIZE, PROT_READ | PROT_WRITE, MAP_SHARED,
			 slot(QUEUE), 0);

	if (map != MAP_FAILED &&
	    mremap(map, RACE_QUEUE_SIZE, RACE_QUEUE_SIZE, MREMAP_MAYMOVE | MREMAP_FIXED,
		   queue_memory) == MAP_FAILED)
		munmap(map, RACE_QUEUE_SIZE);
	if (caller->turn % 4 == 0)
		queue_unmap();
}

static inline void race_queue_unmap(struct caller *caller)
{
	race_queue_map(caller);
	queue_unmap();
}

/* Stores random words in any part of the memory, but mostly leaves the header alone. */
static inline void race_queue_touch(struct caller *caller)
{
	size_t words = RACE_QUEUE_SIZE / 8, header = caller->turn % 16 ? 512 : 0;

	for (int i = 0; i < 8; i++)
		getrandom(queue_memory + (header + dice(caller, words - header)) * 8, 8, 0);
}

/* Consumes entries. An offset in the ring may be anything. */
static inline void race_queue_consume(struct caller *caller)
{
	struct raw_queue q;

	if (!raw_map(&q, slot(QUEUE), RACE_QUEUE_SIZE))
		return;
	for (unsigned int i = 0; i < RACE_SLOTS; i++) {
		uint32_t *ring = (void *)(q.map + 4096);
		uint32_t entry = __atomic_load_n(&ring[i], __ATOMIC_ACQUIRE);
		uint32_t *ready = (void *)(q.map + 2 * 4096);

		ready += (entry & ~KEVENT_PHASE) / 32 % RACE_SLOTS * 8;
		if (entry)
			__atomic_store_n(&ready[1], 0, __ATOMIC_SEQ_CST);
	}
	(void)caller;
	munmap(q.map, q.size);
}

static inline void race_queue_setup(struct caller *caller)
{
	raw_queue_setup(slot(QUEUE), caller->turn % 5 ? RACE_SLOTS : 0);
}

/* An ADD of an end of the caller's pipe or sockets. */
static inline struct kevent_op race_add_end(struct caller *caller)
{
	static const unsigned int flags[] = {
		0, KEVENT_ET, KEVENT_ONESHOT, KEVENT_DISPATCH, KEVENT_BYTES,
		KEVENT_BYTES | KEVENT_ET,
	};
	bool is_pipe = dice(caller, 2);
	const int *ends = is_pipe ? caller->pipe : caller->socks;
	struct kevent_op op = raw_add(is_pipe ? KEVENT_PIPE : KEVENT_SOCKET,
				      ends[dice(caller, 2)],
				      KEVENT_SOCKET_RECV | KEVENT_SOCKET_SEND);

	op.flags = flags[dice(caller, ARRAY_SIZE(flags))];
	return op;
}

/* An operation on a file, of any length. */
static inline struct kevent_op race_add_aio(struct caller *caller, int file)
{
	static char memory[4096];
	struct kevent_op op = raw_add(KEVENT_AIO, file, 1 << dice(caller, 4));

	if (op.want == KEVENT_AIO_READ || op.want == KEVENT_AIO_WRITE) {
		op.arg[0] = (uintptr_t)memory;
		op.arg[1] = dice(caller, sizeof(memory));
		op.arg[2] = dice(caller, 10);
	}
	op.user = dice(caller, 1000);
	op.flags = dice(caller, 2) ? KEVENT_ONESHOT : 0;
	return op;
}

/* An operation on a socket, which may wait. */
static inline struct kevent_op race_add_naio(struct caller *caller)
{
	static char memory[4096];
	struct kevent_op op = raw_add(KEVENT_NAIO, caller->socks[dice(caller, 2)],
				      1 << dice(caller, 2));

	op.arg[0] = (uintptr_t)memory;
	op.arg[1] = dice(caller, sizeof(memory));
	op.arg[2] = dice(caller, 2) ? MSG_DONTWAIT : 0;
	op.user = dice(caller, 1000);
	op.flags = dice(caller, 2) ? KEVENT_ONESHOT : 0;
	return op;
}

static inline void race_queue_add(struct caller *caller)
{
	int file = open(RACE_DIRECTORY "/race", O_CREAT | O_RDWR | O_CLOEXEC, 0600);
	struct kevent_op ops[6];
	char byte;

	for (size_t i = 0; i < ARRAY_SIZE(ops); i++)
		ops[i] = i ? race_add(dice(caller, 1000)) : race_add_end(caller);
	ops[1] = race_add_aio(caller, file);
	ops[2] = race_add_naio(caller);
	raw_submit(slot(QUEUE), ops, ARRAY_SIZE(ops), 0, 0);
	close(file);
	unlink(RACE_DIRECTORY "/race");
	/* Events of the pipe, for all queues that watch it. */
	if (write(caller->pipe[1], "", 1) == 1)
		read(caller->pipe[0], &byte, 1);
}

/* Changes kevents, whose handles are guesses, in all ways. */
static inline void race_queue_change(struct caller *caller)
{
	struct signalfd_siginfo records[2];
	struct kevent_op ops[8];

	memset(ops, 0, sizeof(ops));
	for (size_t i = 0; i < ARRAY_SIZE(ops); i++) {
		uint64_t generation = 1 + dice(caller, 3);

		ops[i].op = KEVENT_OP_REMOVE + dice(caller, 8);
		ops[i].handle = generation << 32 | dice(caller, 8);
		if (ops[i].op == KEVENT_OP_MOD || ops[i].op == KEVENT_OP_READY)
			ops[i].want = 1;
		if (ops[i].op == KEVENT_OP_REARM)
			ops[i].arg[0] = 1 + dice(caller, 100000);
		if (ops[i].op == KEVENT_OP_TAKE) {
			ops[i].arg[0] = caller->turn % 8 ? (uintptr_t)records : 8;
			ops[i].arg[1] = ARRAY_SIZE(records);
		}
	}
	raw_submit(slot(QUEUE), ops, ARRAY_SIZE(ops), 0, 0);
}

/* Sleeps for a moment, or until a signal. The signals that are read stay blocked. */
static inline void race_queue_wait(struct caller *caller)
{
	uint64_t mask = sig_bit(SIG_READ) | sig_bit(SIG_READ_RT);
	struct kevent_submit arg = {
		.flags = KEVENT_WAIT,
		.head = RACE_SLOTS + dice(caller, 3),
		.timeout = caller->turn % 3 ? (int)dice(caller, 1000000) : -1,
		.clock = caller->turn % 2 ? CLOCK_MONOTONIC : CLOCK_REALTIME,
		.min_nr = dice(caller, 3),
	};

	if (caller->turn % 4 == 0) {
		arg.sigmask = (uintptr_t)&mask;
		arg.sigsetsize = sizeof(mask);
	}
	ioctl(slot(QUEUE), KEVENT_IOC_SUBMIT, &arg);
}

static inline void race_queue_ctl(struct caller *caller)
{
	race_command(slot(QUEUE), dice(caller, 10000));
}

/*
 * Copies events to a ring at the address of the queue's memory, where there is memory or
 * not, and commits some.
 */
static inline void race_queue_ring(struct caller *caller)
{
	struct kevent_ioc_init init = {
		.ring = (uintptr_t)queue_memory, .num = 2 + dice(caller, 20),
	};
	struct kevent_ioc_wait arg = {
		.num = dice(caller, 3),
		.old_uidx = dice(caller, 3),
		.timeout = caller->turn % 3 ? (int)dice(caller, 100000) : -1,
		.clock = CLOCK_MONOTONIC,
	};
	struct kevent_ioc_commit commit = { .new_uidx = dice(caller, 20), .over = dice(caller, 3) };
	int fd;

	if (caller->turn % 4 == 0) {
		fd = raw_queue_open();
		ioctl(fd, KEVENT_IOC_INIT, &init);
		race_command(fd, dice(caller, 1000) * 5);
		dup3(fd, slot(QUEUE), O_CLOEXEC);
		close(fd);
	}
	ioctl(slot(QUEUE), KEVENT_IOC_WAIT, &arg);
	ioctl(slot(QUEUE), KEVENT_IOC_COMMIT, &commit);
}

/* Gets events at a good or bad address, for a moment or until a signal. */
static inline void race_queue_get(struct caller *caller)
{
	struct ukevent buf[8];
	struct kevent_ioc_get_events arg = {
		.min_nr = dice(caller, 3),
		.max_nr = 2 + dice(caller, ARRAY_SIZE(buf) - 1),
		.buf = caller->turn % 8 ? (uintptr_t)buf : 8,
		.timeout = caller->turn % 3 ? (int)dice(caller, 1000000) : -1,
		.clock = caller->turn % 2 ? CLOCK_MONOTONIC : CLOCK_REALTIME,
	};

	ioctl(slot(QUEUE), KEVENT_IOC_GET_EVENTS, &arg);
}

/* A thread of a child that waits for events of a queue. */
static inline void *wait_in_submit(void *arg)
{
	struct kevent_submit submit = {
		.flags = KEVENT_WAIT, .head = RACE_SLOTS, .timeout = -1,
		.clock = CLOCK_MONOTONIC, .min_nr = UINT32_MAX,
	};

	ioctl((intptr_t)arg, KEVENT_IOC_SUBMIT, &submit);
	return NULL;
}

#endif /* STRESS_RACE_QUEUES_H */
