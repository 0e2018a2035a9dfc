// SPDX-License-Identifier: GPL-2.0
/* Modules that produce events: see src/abstractions/file/producer.rs. */
#include <linux/cleanup.h>
#include <linux/export.h>
#include <linux/fs.h>
#include <linux/rwsem.h>

#include "producer.h"

/* Held for reading while a function of a producer is called. */
static DECLARE_RWSEM(evfd_producers_lock);
static LIST_HEAD(evfd_producers);
static __u64 evfd_producers_made;

/* The producer of a file, with the lock held. An @id is that of the producer, or 0. */
static struct kevent_producer *evfd_producer(const struct file_operations *fops, __u64 id)
{
	struct kevent_producer *producer;

	list_for_each_entry(producer, &evfd_producers, list)
		if (producer->fops == fops && (!id || producer->id == id))
			return producer;
	return NULL;
}

int kevent_producer_register(struct kevent_producer *producer)
{
	if (!producer->fops || !producer->enqueue)
		return -EINVAL;
	guard(rwsem_write)(&evfd_producers_lock);
	if (evfd_producer(producer->fops, 0))
		return -EBUSY;
	producer->id = ++evfd_producers_made;
	list_add(&producer->list, &evfd_producers);
	return 0;
}
EXPORT_SYMBOL_GPL(kevent_producer_register);

void kevent_producer_unregister(struct kevent_producer *producer)
{
	guard(rwsem_write)(&evfd_producers_lock);
	list_del(&producer->list);
}
EXPORT_SYMBOL_GPL(kevent_producer_unregister);

/* The ID of the producer of a file, or 0. */
__u64 evfd_helper_producer_of(struct file *file)
{
	struct kevent_producer *producer;

	guard(rwsem_read)(&evfd_producers_lock);
	producer = evfd_producer(file->f_op, 0);
	return producer ? producer->id : 0;
}

int evfd_helper_enqueue(struct file *file, __u64 id, void *kevent, __u32 events,
			const __u64 arg[3])
{
	struct kevent_producer *producer;
	int error;

	guard(rwsem_read)(&evfd_producers_lock);
	producer = evfd_producer(file->f_op, id);
	if (!producer)
		return -EOPNOTSUPP;
	error = producer->enqueue(kevent, file, events, arg);
	/* The program gets it as it is. */
	return WARN_ON_ONCE(error > 0 || error < -MAX_ERRNO) ? -EINVAL : error;
}

void evfd_helper_dequeue(struct file *file, __u64 id, void *kevent)
{
	struct kevent_producer *producer;

	guard(rwsem_read)(&evfd_producers_lock);
	producer = evfd_producer(file->f_op, id);
	if (producer && producer->dequeue)
		producer->dequeue(kevent, file);
}

bool evfd_helper_producer_polls(struct file *file, __u64 id)
{
	struct kevent_producer *producer;

	guard(rwsem_read)(&evfd_producers_lock);
	producer = evfd_producer(file->f_op, id);
	return producer && producer->poll;
}

__u32 evfd_helper_producer_poll(struct file *file, __u64 id, void *kevent)
{
	struct kevent_producer *producer;

	guard(rwsem_read)(&evfd_producers_lock);
	producer = evfd_producer(file->f_op, id);
	return producer && producer->poll ? producer->poll(kevent, file) : 0;
}
