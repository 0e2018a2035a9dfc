/* SPDX-License-Identifier: MIT */
/*
 * Consuming and raising the events of a kevent queue without a system call.
 *
 * A program that has one consumer thread uses kevent_next() and kevent_wait(). With several
 * consumer threads, or after fork(), all of them use kevent_next_shared() and
 * kevent_wait_shared() instead.
 *
 * kevent_raise() raises events from any thread. Consumers take these with
 * kevent_take_raised().
 *
 * Every function here is inline, so a program links to no library.
 */
#ifndef EVFD_KEVENT_H
#define EVFD_KEVENT_H

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#include <linux/kevent.h>

#ifdef __cplusplus
extern "C" {
#endif

/* 32-bit x86 aligns __u64 to 4 bytes only, but atomic accesses need 8. */
typedef __u64 __attribute__((aligned(8))) kevent_u64;

/* Every __u64 in the mapping is aligned. */
static inline kevent_u64 *kevent_u64_(__u64 *word)
{
	return (kevent_u64 *)__builtin_assume_aligned(word, 8);
}

#define KEVENT_SLOT_SIZE	((__u32)sizeof(struct kevent_slot))

/**
 * struct kevent_queue - a queue as one consumer sees it
 * @fd: the descriptor
 * @phase: phase of an entry at @next that is there
 * @next: entry that kevent_next() looks at next
 * @end: end of the ring
 * @slot: the slots
 * @header: the header, at the start of the mapping
 * @ring: start of the ring
 * @lap: position of the first entry of the ring, in the current lap
 * @size: size of the mapping
 * @slots: number of slots
 * @mask: number of entries of the ring, minus 1
 * @shift: bits from a position's phase to bit 31
 *
 * The pointers replace the head in 64 bits, from which kevent_next() would need three
 * instructions more to find its entry. kevent_head() returns the head.
 */
struct kevent_queue {
	int fd;
	__u32 phase;
	const __u32 *next;
	const __u32 *end;
	struct kevent_slot *slot;
	struct kevent_header *header;
	const __u32 *ring;
	__u64 lap;
	size_t size;
	__u32 slots;
	__u32 mask;
	__u32 shift;
};

/**
 * struct kevent_event - a consumed event
 * @user: value that KEVENT_OP_ADD gave
 * @events: events since the kevent was consumed last
 * @slot: index of the kevent's slot, the low half of its handle
 */
struct kevent_event {
	__u64 user;
	__u32 events;
	__u32 slot;
};

/* Opening and closing */

static inline void kevent_unmap_(void *map, size_t size)
{
	int err = errno;

	munmap(map, size);
	errno = err;
}

static inline void kevent_close_fd_(int fd)
{
	int err = errno;

	close(fd);
	errno = err;
}

/* Continues at a position. */
static inline void kevent_seek(struct kevent_queue *q, __u64 head)
{
	__u32 index = (__u32)head & q->mask;

	q->next = q->ring + index;
	q->lap = head - index;
	q->phase = ((__u32)head << q->shift) & KEVENT_PHASE;
}

static inline void kevent_init_(struct kevent_queue *q, int fd, void *map, size_t size)
{
	struct kevent_header *header = (struct kevent_header *)map;
	char *start = (char *)map;

	memset(q, 0, sizeof(*q));
	q->fd = fd;
	q->header = header;
	q->size = size;
	q->slots = header->slots;
	q->mask = header->ring_entries - 1;
	q->shift = (__u32)__builtin_clz(header->ring_entries);
	q->ring = (const __u32 *)(void *)(start + header->off_ring);
	q->end = q->ring + header->ring_entries;
	q->slot = (struct kevent_slot *)(void *)(start + header->off_slots);
	kevent_seek(q, __atomic_load_n(kevent_u64_(&header->head), __ATOMIC_ACQUIRE));
}

static inline bool kevent_is_known_(const struct kevent_header *header)
{
	return header->magic == KEVENT_MAGIC && header->version == KEVENT_VERSION &&
	       header->slot_size == KEVENT_SLOT_SIZE;
}

static inline int kevent_map_size_(struct kevent_queue *q, int fd, size_t size)
{
	void *map = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);

	if (map == MAP_FAILED)
		return -1;
	if (!kevent_is_known_((struct kevent_header *)map)) {
		munmap(map, size);
		errno = EPROTO;
		return -1;
	}
	kevent_init_(q, fd, map, size);
	return 0;
}

/**
 * kevent_map() - map a queue that another process, or exec(), has left set up
 * @q: set by the call
 * @fd: its descriptor
 *
 * Consuming goes on at the position that was published last.
 *
 * Return: 0, or -1 and errno. EPROTO: this header does not know the queue's version.
 */
static inline int kevent_map(struct kevent_queue *q, int fd)
{
	struct kevent_header *header;
	size_t size = 0;
	void *map = mmap(NULL, KEVENT_HEADER_SIZE, PROT_READ, MAP_SHARED, fd, 0);

	if (map == MAP_FAILED)
		return -1;
	header = (struct kevent_header *)map;
	if (kevent_is_known_(header))
		size = header->off_slots + (size_t)header->slots * KEVENT_SLOT_SIZE;
	kevent_unmap_(map, KEVENT_HEADER_SIZE);
	if (!size) {
		errno = EPROTO;
		return -1;
	}
	return kevent_map_size_(q, fd, size);
}

/**
 * kevent_open() - make a queue
 * @q: set by the call
 * @slots: number of kevents that it can hold
 * @flags: KEVENT_SETUP_* flags
 *
 * The descriptor is closed by execve(2).
 *
 * Return: 0, or -1 and errno: of open(2), KEVENT_IOC_SETUP or mmap(2), or EPROTO.
 */
static inline int kevent_open(struct kevent_queue *q, unsigned int slots, unsigned int flags)
{
	int fd = open("/dev/" KEVENT_DEVICE_NAME, O_RDWR | O_CLOEXEC);
	struct kevent_setup setup;

	if (fd < 0)
		return -1;
	memset(&setup, 0, sizeof(setup));
	setup.slots = slots;
	setup.flags = flags;
	if (ioctl(fd, KEVENT_IOC_SETUP, &setup) ||
	    kevent_map_size_(q, fd, (size_t)setup.size)) {
		kevent_close_fd_(fd);
		return -1;
	}
	return 0;
}

/* Unmaps the queue. Its descriptor stays open. */
static inline void kevent_unmap(struct kevent_queue *q)
{
	kevent_unmap_(q->header, q->size);
}

/* Unmaps the queue, and closes its descriptor. */
static inline void kevent_close(struct kevent_queue *q)
{
	kevent_unmap(q);
	kevent_close_fd_(q->fd);
}

/* Consuming */

/*
 * Takes the events of a queued slot. Returns 0 if they were retracted.
 *
 * The exchange gives the slot away: from then on, the kernel may use it for another kevent.
 * So the user word is read before, and data, which a coalesced event changes, after it.
 */
static inline __u32 kevent_consume_(struct kevent_slot *slot, struct kevent_event *event)
{
	event->user = *(volatile __u64 *)&slot->user;
	event->events = (__u32)__atomic_exchange_n(kevent_u64_(&slot->ready), 0,
						   __ATOMIC_ACQ_REL);
	return event->events;
}

static inline struct kevent_slot *kevent_slot_at_(const struct kevent_queue *q, __u32 offset)
{
	return (struct kevent_slot *)(void *)((char *)q->slot + offset);
}

/* Starts the next lap. The fence lets kevent_next() use the phase without a register for it. */
static inline void kevent_next_lap_(struct kevent_queue *q)
{
	__atomic_signal_fence(__ATOMIC_SEQ_CST);
	q->next = q->ring;
	q->lap += (__u64)q->mask + 1;
	q->phase ^= KEVENT_PHASE;
}

/**
 * kevent_next() - take the next event
 * @q: the queue, which no other thread consumes
 * @event: the event
 *
 * Call kevent_publish() before polling the queue. kevent_wait() does so itself.
 *
 * Return: false if there is no event.
 */
static inline bool kevent_next(struct kevent_queue *q, struct kevent_event *event)
{
	const __u32 *next;
	__u32 offset;

	do {
		next = q->next;
		offset = __atomic_load_n(next, __ATOMIC_ACQUIRE) ^ q->phase;
		if (offset & KEVENT_PHASE)
			return false;
		q->next = ++next;
		if (__builtin_expect(next == q->end, 0))
			kevent_next_lap_(q);
	} while (__builtin_expect(!kevent_consume_(kevent_slot_at_(q, offset), event), 0));
	event->slot = offset / KEVENT_SLOT_SIZE;
	return true;
}

/**
 * kevent_next_shared() - take the next event, beside other consumers
 * @q: the queue; the call does not change the structure, so threads may share it
 * @event: the event
 *
 * Return: false if there is no event.
 */
static inline bool kevent_next_shared(const struct kevent_queue *q, struct kevent_event *event)
{
	kevent_u64 *shared = kevent_u64_(&q->header->head);
	kevent_u64 head = __atomic_load_n(shared, __ATOMIC_ACQUIRE), now;
	__u32 entry;

	for (;;) {
		entry = __atomic_load_n(&q->ring[(__u32)head & q->mask], __ATOMIC_ACQUIRE);
		if ((entry ^ ((__u32)head << q->shift)) & KEVENT_PHASE) {
			/* An old head may have met the entry of a later lap. */
			now = __atomic_load_n(shared, __ATOMIC_ACQUIRE);
			if (now == head)
				return false;
			head = now;
			continue;
		}
		/*
		 * A failure needs acquire, too. With a relaxed head, the load of the entry
		 * may return an entry two laps old, which has the same phase.
		 */
		if (!__atomic_compare_exchange_n(shared, &head, head + 1, false,
						 __ATOMIC_ACQ_REL, __ATOMIC_ACQUIRE))
			continue;
		entry &= ~KEVENT_PHASE;
		if (__builtin_expect(kevent_consume_(kevent_slot_at_(q, entry), event) != 0, 1))
			break;
		head++;
	}
	event->slot = entry / KEVENT_SLOT_SIZE;
	return true;
}

/**
 * kevent_wants_look() - whether a loop that never waits should do so with a limit of 0
 * @q: the queue
 *
 * Some wake-ups do not say which events have occurred, such as the end of a TCP connect(). The
 * kernel then looks at the source in the next kevent_wait() or poll of the queue.
 */
static inline bool kevent_wants_look(const struct kevent_queue *q)
{
	return __atomic_load_n(&q->header->look, __ATOMIC_RELAXED);
}

/* The data of a slot. Read it after the event was taken. */
static inline __u64 kevent_data(const struct kevent_queue *q, __u32 slot)
{
	return __atomic_load_n(kevent_u64_(&q->slot[slot].data), __ATOMIC_RELAXED);
}

/* The result of a KEVENT_AIO or KEVENT_NAIO: a count of bytes, or a negative error number. */
static inline __s64 kevent_aio_result(const struct kevent_queue *q, __u32 slot)
{
	return (__s64)kevent_data(q, slot);
}

/* The position up to which kevent_next() has consumed the ring. */
static inline __u64 kevent_head(const struct kevent_queue *q)
{
	return q->lap + (__u64)(q->next - q->ring);
}

/* Shows the position to poll(2) and epoll_wait(2), which compare it with the kernel's. */
static inline void kevent_publish(struct kevent_queue *q)
{
	__atomic_store_n(kevent_u64_(&q->header->head), kevent_head(q), __ATOMIC_RELEASE);
}

/* Operations */

static inline struct kevent_op kevent_op_init_(__u8 op, __u64 handle)
{
	struct kevent_op init;

	memset(&init, 0, sizeof(init));
	init.op = op;
	init.handle = handle;
	return init;
}

static inline struct kevent_op kevent_op_add(__u16 type, __u64 id, __u64 user, __u32 want,
					     __u8 flags)
{
	struct kevent_op op = kevent_op_init_(KEVENT_OP_ADD, 0);

	op.type = type;
	op.id = id;
	op.user = user;
	op.want = want;
	op.flags = flags;
	return op;
}

static inline struct kevent_op kevent_op_remove(__u64 handle)
{
	return kevent_op_init_(KEVENT_OP_REMOVE, handle);
}

static inline struct kevent_op kevent_op_mod(__u64 handle, __u32 want, __u8 flags)
{
	struct kevent_op op = kevent_op_init_(KEVENT_OP_MOD, handle);

	op.want = want;
	op.flags = flags;
	return op;
}

static inline struct kevent_op kevent_op_ready(__u64 handle, __u32 events)
{
	struct kevent_op op = kevent_op_init_(KEVENT_OP_READY, handle);

	op.want = events;
	return op;
}

static inline struct kevent_op kevent_op_recheck(__u64 handle)
{
	return kevent_op_init_(KEVENT_OP_RECHECK, handle);
}

/**
 * kevent_op_timer() - add a timer
 * @id: clock in the low half; the high half distinguishes timers
 * @user: user word
 * @first: first expiration, in nanoseconds
 * @interval: interval, in nanoseconds; 0: a single expiration
 * @slack: how much later the timer may expire, in nanoseconds, below 2^32
 * @flags: KEVENT_TIMER_ABSTIME and other flags
 */
static inline struct kevent_op kevent_op_timer(__u64 id, __u64 user, __u64 first,
					       __u64 interval, __u32 slack, __u8 flags)
{
	struct kevent_op op = kevent_op_add(KEVENT_TIMER, id, user, KEVENT_TIMER_FIRED, flags);

	op.arg[0] = first;
	op.arg[1] = interval;
	op.arg[2] = slack;
	return op;
}

/* Sets arg[0] to the time until the timer's next expiration, or 0, and arg[1] to its interval. */
static inline struct kevent_op kevent_op_gettime(__u64 handle)
{
	return kevent_op_init_(KEVENT_OP_GETTIME, handle);
}

/*
 * Takes at most @n signals, 1 to KEVENT_MAX_RECORDS, to an array of struct signalfd_siginfo. Sets
 * arg[1] to their number.
 */
static inline struct kevent_op kevent_op_take(__u64 handle, void *records, __u64 n)
{
	struct kevent_op op = kevent_op_init_(KEVENT_OP_TAKE, handle);

	op.arg[0] = (uintptr_t)records;
	op.arg[1] = n;
	return op;
}

/* Like kevent_op_timer(), for a timer that exists. The flags are 0 or KEVENT_TIMER_ABSTIME. */
static inline struct kevent_op kevent_op_rearm(__u64 handle, __u64 first, __u64 interval,
					       __u32 slack, __u8 flags)
{
	struct kevent_op op = kevent_op_init_(KEVENT_OP_REARM, handle);

	op.arg[0] = first;
	op.arg[1] = interval;
	op.arg[2] = slack;
	op.flags = flags;
	return op;
}

/**
 * kevent_op_aio() - start an operation on a file
 * @fd: descriptor of the file
 * @user: user word
 * @what: KEVENT_AIO_READ and so on, which is also the event
 * @buf: the memory; NULL for KEVENT_AIO_FSYNC and KEVENT_AIO_FDATASYNC
 * @len: length of the memory, in bytes
 * @offset: offset in the file, in bytes; 0 for a pipe
 * @flags: flags of the kevent
 */
static inline struct kevent_op kevent_op_aio(int fd, __u64 user, __u32 what, const void *buf,
					     size_t len, __u64 offset, __u8 flags)
{
	struct kevent_op op = kevent_op_add(KEVENT_AIO, (__u32)fd, user, what, flags);

	op.arg[0] = (uintptr_t)buf;
	op.arg[1] = len;
	op.arg[2] = offset;
	return op;
}

/* Like kevent_op_aio(), for a kevent that exists and whose operation has ended. */
static inline struct kevent_op kevent_op_aio_again(__u64 handle, const void *buf, size_t len,
						   __u64 offset)
{
	struct kevent_op op = kevent_op_init_(KEVENT_OP_REARM, handle);

	op.arg[0] = (uintptr_t)buf;
	op.arg[1] = len;
	op.arg[2] = offset;
	return op;
}

/**
 * kevent_op_naio() - start an operation on a socket
 * @fd: descriptor of the socket
 * @user: user word
 * @what: KEVENT_NAIO_RECV and so on, which is also the event
 * @buf: the memory
 * @len: length of the memory, in bytes
 * @msg_flags: MSG_* flags
 * @flags: flags of the kevent
 */
static inline struct kevent_op kevent_op_naio(int fd, __u64 user, __u32 what, const void *buf,
					      size_t len, __u32 msg_flags, __u8 flags)
{
	struct kevent_op op = kevent_op_add(KEVENT_NAIO, (__u32)fd, user, what, flags);

	op.arg[0] = (uintptr_t)buf;
	op.arg[1] = len;
	op.arg[2] = msg_flags;
	return op;
}

/* Like kevent_op_naio(), for a kevent that exists and whose operation has ended. */
static inline struct kevent_op kevent_op_naio_again(__u64 handle, const void *buf, size_t len,
						    __u32 msg_flags)
{
	return kevent_op_aio_again(handle, buf, len, msg_flags);
}

/**
 * kevent_op_sendfile() - start to send a file by an internet socket
 * @fd: descriptor of the socket
 * @user: user word
 * @file: descriptor of the file
 * @offset: offset in the file, in bytes
 * @len: number of bytes
 * @flags: flags of the kevent
 */
static inline struct kevent_op kevent_op_sendfile(int fd, __u64 user, int file, __u64 offset,
						  size_t len, __u8 flags)
{
	struct kevent_op op = kevent_op_add(KEVENT_NAIO, (__u32)fd, user, KEVENT_NAIO_SENDFILE,
					    flags);

	op.arg[0] = (__u32)file;
	op.arg[1] = offset;
	op.arg[2] = len;
	return op;
}

/* Like kevent_op_sendfile(), for a kevent that exists and whose operation has ended. */
static inline struct kevent_op kevent_op_sendfile_again(__u64 handle, int file, __u64 offset,
							size_t len)
{
	struct kevent_op op = kevent_op_init_(KEVENT_OP_REARM, handle);

	op.arg[0] = (__u32)file;
	op.arg[1] = offset;
	op.arg[2] = len;
	return op;
}

/**
 * kevent_op_requeue() - queue kevents again that dead consumers have left behind
 * @q: the queue, which several threads consume
 *
 * A thread or process that dies in kevent_next_shared() may have claimed an entry whose event
 * it has not taken. The kevent then has no more events, until this operation queues it again.
 * Submit the operation when each thread that was in kevent_next_shared() during this call has
 * returned from it or has died. Later calls of kevent_next_shared() do no harm.
 */
static inline struct kevent_op kevent_op_requeue(const struct kevent_queue *q)
{
	struct kevent_op op = kevent_op_init_(KEVENT_OP_REQUEUE, 0);

	op.arg[0] = __atomic_load_n(kevent_u64_(&q->header->head), __ATOMIC_ACQUIRE);
	return op;
}

/**
 * kevent_postpone() - move the deadline of a timer without interval, by a store
 * @q: the queue
 * @handle: the timer's handle, or the index of its slot
 * @deadline: absolute time on the timer's clock, not before the old deadline; 2^63-1
 *	disarms the timer
 *
 * Return: false if the timer has expired already. Only %KEVENT_OP_REARM restarts it then.
 */
static inline bool kevent_postpone(const struct kevent_queue *q, __u64 handle, __u64 deadline)
{
	struct kevent_slot *slot = &q->slot[(__u32)handle];

	return __atomic_exchange_n(kevent_u64_(&slot->data), deadline, __ATOMIC_ACQ_REL) != 0;
}

/* The slot index in a handle. */
static inline __u32 kevent_slot_of(__u64 handle)
{
	return (__u32)handle;
}

/* KEVENT_IOC_SUBMIT, for clocks, absolute times and signal masks. */
static inline int kevent_enter(const struct kevent_queue *q, struct kevent_submit *submit)
{
	return ioctl(q->fd, KEVENT_IOC_SUBMIT, submit);
}

static inline struct kevent_submit kevent_submit_init_(struct kevent_op *ops, unsigned int nr)
{
	struct kevent_submit submit;

	memset(&submit, 0, sizeof(submit));
	submit.ops = (__u64)(__UINTPTR_TYPE__)ops;
	submit.nr = nr;
	return submit;
}

/**
 * kevent_submit() - do operations
 * @q: the queue
 * @ops: operations; the call sets their results
 * @nr: their number
 *
 * Return: number of operations done, or -1 and errno. An operation with an error in its
 * result counts.
 */
static inline int kevent_submit(const struct kevent_queue *q, struct kevent_op *ops,
				unsigned int nr)
{
	struct kevent_submit submit = kevent_submit_init_(ops, nr);

	return kevent_enter(q, &submit);
}

static inline int kevent_wait_at_(const struct kevent_queue *q, struct kevent_op *ops,
				  unsigned int nr, __s64 timeout_ns, unsigned int min_nr,
				  __u64 head)
{
	struct kevent_submit submit = kevent_submit_init_(ops, nr);

	submit.flags = KEVENT_WAIT;
	submit.head = head;
	submit.timeout = timeout_ns;
	submit.clock = CLOCK_MONOTONIC;
	submit.min_nr = min_nr;
	return kevent_enter(q, &submit);
}

/**
 * kevent_wait() - do operations, then wait for events
 * @q: the queue, which no other thread consumes
 * @ops: operations; the call sets their results
 * @nr: their number
 * @timeout_ns: relative time limit on CLOCK_MONOTONIC; -1: no limit
 * @min_nr: number of entries to wait for; 0 means 1
 *
 * Returns at once if there are raised slots: take these with kevent_take_raised() first.
 *
 * Return: number of operations done, or -1 and errno. EINTR: the operations are done.
 */
static inline int kevent_wait(struct kevent_queue *q, struct kevent_op *ops, unsigned int nr,
			      __s64 timeout_ns, unsigned int min_nr)
{
	kevent_publish(q);
	return kevent_wait_at_(q, ops, nr, timeout_ns, min_nr, kevent_head(q));
}

/* kevent_wait() beside other consumers: for kevent_next_shared(). */
static inline int kevent_wait_shared(const struct kevent_queue *q, struct kevent_op *ops,
				     unsigned int nr, __s64 timeout_ns, unsigned int min_nr)
{
	return kevent_wait_at_(q, ops, nr, timeout_ns, min_nr,
			       __atomic_load_n(kevent_u64_(&q->header->head),
					       __ATOMIC_ACQUIRE));
}

/* Raising */

/* The low half of data, with which raised slots form a list. */
static inline __u32 *kevent_link_(struct kevent_slot *slot)
{
	return (__u32 *)(void *)&slot->data + (__BYTE_ORDER__ == __ORDER_BIG_ENDIAN__);
}

/*
 * Puts a slot at the start of the list of raised slots. Takers take the whole list, so
 * a slot pushed again meanwhile is a valid link, too.
 */
static inline void kevent_push_raised_(struct kevent_header *header, struct kevent_slot *slot,
				       __u32 offset)
{
	__u32 old = __atomic_load_n(&header->raised, __ATOMIC_RELAXED);

	do {
		__atomic_store_n(kevent_link_(slot), old, __ATOMIC_RELAXED);
	} while (!__atomic_compare_exchange_n(&header->raised, &old, offset + 1, true,
					      __ATOMIC_SEQ_CST, __ATOMIC_RELAXED));
}

/*
 * Adds events to a slot, and marks it as raised unless it is queued. Returns true if the caller
 * must put it in the list of raised slots.
 */
static inline bool kevent_mark_raised_(kevent_u64 *ready, __u32 events)
{
	const __u64 marks = KEVENT_QUEUED | KEVENT_RAISED;
	kevent_u64 old = 0;

	/* Most slots are idle. */
	if (__atomic_compare_exchange_n(ready, &old, events | marks, false, __ATOMIC_SEQ_CST,
					__ATOMIC_RELAXED))
		return true;
	while (!__atomic_compare_exchange_n(ready, &old,
					    old | events | (old & KEVENT_QUEUED ? 0 : marks),
					    true, __ATOMIC_SEQ_CST, __ATOMIC_RELAXED))
		;
	return !(old & KEVENT_QUEUED);
}

/**
 * kevent_raise() - raise events of a %KEVENT_USER
 * @q: the queue; any thread may share the structure
 * @handle: the kevent's handle, or the index of its slot
 * @events: the events; those that the slot does not want have no effect
 *
 * Makes a system call only if a consumer sleeps or polls the queue. Stop calling this before
 * the kevent is removed. %KEVENT_ONESHOT and %KEVENT_DISPATCH do not limit it: for a kevent
 * with these flags use %KEVENT_OP_READY.
 *
 * Return: 0, or -1 and errno. The events are raised in any case.
 */
static inline int kevent_raise(const struct kevent_queue *q, __u64 handle, __u32 events)
{
	struct kevent_header *header = q->header;
	__u32 index = kevent_slot_of(handle);
	struct kevent_slot *slot = &q->slot[index];
	struct kevent_op wake;

	events &= __atomic_load_n(&slot->want, __ATOMIC_RELAXED);
	if (!events || !kevent_mark_raised_(kevent_u64_(&slot->ready), events))
		return 0;
	kevent_push_raised_(header, slot, index * KEVENT_SLOT_SIZE);
	/* Pairs with waiters and pollers, which set these before they look at raised. */
	if (!__atomic_load_n(&header->sleeping, __ATOMIC_SEQ_CST) &&
	    !__atomic_load_n(&header->polled, __ATOMIC_SEQ_CST))
		return 0;
	wake = kevent_op_ready(0, 0);
	return kevent_submit(q, &wake, 1) < 0 ? -1 : 0;
}

/**
 * kevent_take_raised() - take the next event that kevent_raise() has raised
 * @q: the queue; consumer threads may share the structure
 * @list: the rest of the list that this thread has taken; 0 before the first call
 * @event: the event
 *
 * Once true was returned, the caller goes on until false. Only it can reach the rest of the
 * list.
 *
 * Return: false if there is no event.
 */
static inline bool kevent_take_raised(const struct kevent_queue *q, __u32 *list,
				      struct kevent_event *event)
{
	kevent_u64 *ready;
	__u32 offset, next;

	do {
		if (!*list) {
			/* The exchange of 0 for 0 would take the cache line from raisers. */
			if (!__atomic_load_n(&q->header->raised, __ATOMIC_RELAXED))
				return false;
			*list = __atomic_exchange_n(&q->header->raised, 0, __ATOMIC_ACQ_REL);
			if (!*list)
				return false;
		}
		offset = *list - 1;
		*list = 0;
		/* Corrupt memory must not lead out of the mapping, nor round in a circle. */
		if (offset % KEVENT_SLOT_SIZE || offset / KEVENT_SLOT_SIZE >= q->slots)
			return false;
		event->slot = offset / KEVENT_SLOT_SIZE;
		ready = kevent_u64_(&q->slot[event->slot].ready);
		if (!(__atomic_load_n(ready, __ATOMIC_RELAXED) & KEVENT_QUEUED))
			return false;
		/* The exchange lets others raise the slot again: they write its link. */
		next = __atomic_load_n(kevent_link_(&q->slot[event->slot]), __ATOMIC_RELAXED);
		*list = next;
	} while (!kevent_consume_(&q->slot[event->slot], event));
	return true;
}

#ifdef __cplusplus
}
#endif

#endif /* EVFD_KEVENT_H */
