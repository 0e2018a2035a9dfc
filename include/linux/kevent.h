/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The kernel side of kevent: events of other modules for the queues of programs.
 *
 * A module that has something to tell registers as the producer of its files. A
 * program adds a kevent of type KEVENT_PRODUCER with a descriptor of such a file,
 * and the module puts the kevent in a storage. From then on, every
 * kevent_storage_ready() raises events of all kevents in the storage.
 *
 * evfd.ko exports every function with EXPORT_SYMBOL_GPL().
 */
#ifndef _LINUX_KEVENT_H
#define _LINUX_KEVENT_H

#include <linux/list.h>
#include <linux/types.h>

struct file;
struct file_operations;
struct kevent;

/**
 * struct kevent_storage - the kevents of one thing that events occur to
 *
 * It is embedded in the structure of that thing.
 */
struct kevent_storage {
	/* private: */
	struct hlist_head kevents;
};

/**
 * struct kevent_producer - a module whose files kevents may watch
 * @fops: the operations of these files
 * @enqueue: called when a program adds a kevent. @events are those that it wants,
 *	and @arg are arguments, which the module gives a meaning. Puts the kevent in
 *	a storage with kevent_storage_enqueue(), now or later, and returns 0; or
 *	returns a negative error number, with which the program's operation fails.
 *	It should fail with -EINVAL for unknown events and arguments.
 * @dequeue: called when the kevent has ended and has left its storage. Afterwards
 *	the module must not use @kevent. Not called after a failure of @enqueue.
 *	Optional.
 * @poll: returns the events that are there now. Without KEVENT_ET, a kevent has an
 *	event as long as @poll returns an event that its program wants. Optional: without
 *	it, events are told once.
 *
 * The program's file stays open until the kevent has ended, so a module that owns
 * @fops stays loaded. The functions are called in a task and may sleep. The queue's
 * lock of kevents is held, so they must neither wait for user space nor for a call on
 * the queue.
 */
struct kevent_producer {
	const struct file_operations *fops;
	int (*enqueue)(struct kevent *kevent, struct file *file, __u32 events,
		       const __u64 arg[3]);
	void (*dequeue)(struct kevent *kevent, struct file *file);
	__u32 (*poll)(struct kevent *kevent, struct file *file);
	/* private: */
	struct list_head list;
	__u64 id;
};

/**
 * kevent_producer_register - let programs watch files
 * @producer: the producer, which must stay until kevent_producer_unregister()
 *
 * Context: Task context. May sleep. The caller must hold no lock that a function of
 * the producer takes.
 * Return: 0, -EBUSY if there is a producer with these file operations, or -EINVAL
 * if @fops or @enqueue is missing.
 */
int kevent_producer_register(struct kevent_producer *producer);

/**
 * kevent_producer_unregister - let programs no longer watch files
 * @producer: the producer
 *
 * Afterwards its functions do not run. A kevent that is there stays in its storage.
 *
 * Context: Task context. May sleep. The caller must hold no lock that a function of
 * the producer takes.
 */
void kevent_producer_unregister(struct kevent_producer *producer);

/**
 * kevent_storage_init - make an empty storage
 * @storage: the storage
 *
 * Context: Any.
 */
static inline void kevent_storage_init(struct kevent_storage *storage)
{
	INIT_HLIST_HEAD(&storage->kevents);
}

/**
 * kevent_storage_fini - remove all kevents of a storage
 * @storage: the storage, whose memory may be freed afterwards
 *
 * The kevents themselves stay until their programs remove them, without new
 * events. No kevent_storage_enqueue() or kevent_storage_ready() of this storage may
 * run at the same time or afterwards.
 *
 * Context: Task context. Does not sleep.
 */
void kevent_storage_fini(struct kevent_storage *storage);

/**
 * kevent_storage_enqueue - put a kevent in a storage
 * @storage: the storage
 * @kevent: a kevent, from its producer's enqueue() to the end of its dequeue()
 *
 * A kevent can be put in a storage once.
 *
 * Context: Task context. Does not sleep.
 * Return: 0, or -EBUSY if the kevent is or was in a storage.
 */
int kevent_storage_enqueue(struct kevent_storage *storage, struct kevent *kevent);

/**
 * kevent_storage_dequeue - remove a kevent from its storage
 * @kevent: a kevent, from its producer's enqueue() to the end of its dequeue()
 *
 * Waits for each kevent_storage_ready() that is raising events of the kevent.
 * Afterwards the kevent gets no more events. A kevent that has ended was removed
 * already. Does nothing for a kevent that is in no storage.
 *
 * Context: Task context. May sleep.
 */
void kevent_storage_dequeue(struct kevent *kevent);

/**
 * kevent_storage_ready - raise events of all kevents of a storage
 * @storage: the storage
 * @events: the events. Each kevent gets those that its program wants.
 * @n: how much to add to the data of each kevent, for instance a number of bytes
 *
 * Does not wait and does not allocate. A program that reads its queue from memory
 * sees the events when the function returns. The wake-up of a program that sleeps is
 * deferred if the caller, or the code that it interrupted, could hold a lock that
 * the wake-up takes, like with evfd_signal().
 *
 * Context: Any context, including NMI. Never sleeps. The caller may hold any lock,
 * with the exception in evfd_signal().
 */
void kevent_storage_ready(struct kevent_storage *storage, __u32 events, __u64 n);

#endif /* _LINUX_KEVENT_H */
