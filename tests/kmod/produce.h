/* SPDX-License-Identifier: GPL-2.0 WITH Linux-syscall-note */
/*
 * The interface of the producers in evfd_post_test.ko to the test programs. A kevent's
 * arg[0] is the number of a storage of its open file, or %PRODUCE_LATER, and arg[1] an
 * error for enqueue() to return.
 */
#ifndef PRODUCE_H
#define PRODUCE_H

#include <linux/ioctl.h>
#include <linux/types.h>

/* The producer of the second can say which events are there. */
#define PRODUCE_DEVICE_NAME	"evfd_produce"
#define PRODUCE_LEVEL_DEVICE_NAME	"evfd_produce_level"
#define PRODUCE_MAGIC		0xEE

#define PRODUCE_STORAGES	2
/* PRODUCE_ENQUEUE puts the kevent in a storage. */
#define PRODUCE_LATER		2
/* PRODUCE_READY calls a function that does nothing. */
#define PRODUCE_NOWHERE		2

/* All others are invalid. */
#define PRODUCE_EVENTS		0xffff

/**
 * struct produce_ready - kevent_storage_ready()
 * @storage: number of the storage, or %PRODUCE_NOWHERE
 * @events: events
 * @n: how much to add
 * @times: how often
 * @reserved: 0
 * @ns: nanoseconds that all of them took; returned
 */
struct produce_ready {
	__u32 storage;
	__u32 events;
	__u64 n;
	__u32 times;
	__u32 reserved;
	__u64 ns;
};

#define PRODUCE_READY		_IOWR(PRODUCE_MAGIC, 0, struct produce_ready)

/* The events that are there. */
#define PRODUCE_LEVEL		_IOW(PRODUCE_MAGIC, 1, __u32)

/* kevent_storage_fini() of the storage with this number, which is then made anew. */
#define PRODUCE_FINI		_IOW(PRODUCE_MAGIC, 2, __u32)

/* Of the last kevent that came with %PRODUCE_LATER, and of the last kevent. */
#define PRODUCE_ENQUEUE		_IOW(PRODUCE_MAGIC, 3, __u32)
#define PRODUCE_DEQUEUE		_IO(PRODUCE_MAGIC, 4)

/**
 * struct produce_state - what has happened to the kevents of an open file
 * @enqueued: number of calls of enqueue() that have succeeded
 * @dequeued: number of calls of dequeue()
 * @events: events that the last kevent wanted
 * @reserved: 0
 */
struct produce_state {
	__u32 enqueued;
	__u32 dequeued;
	__u32 events;
	__u32 reserved;
};

#define PRODUCE_STATE		_IOR(PRODUCE_MAGIC, 5, struct produce_state)

/*
 * The result of each invalid call of kevent_producer_register(), added: no operations, no
 * function to enqueue, and registered already.
 */
#define PRODUCE_REGISTER	_IO(PRODUCE_MAGIC, 6)

/* kevent_producer_unregister(), then kevent_producer_register(). */
#define PRODUCE_AGAIN		_IO(PRODUCE_MAGIC, 7)

#endif /* PRODUCE_H */
