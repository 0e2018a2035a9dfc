/* SPDX-License-Identifier: GPL-2.0 WITH Linux-syscall-note */
/*
 * kevent: one queue for events, which a program reads from memory.
 *
 * Each open of /dev/kevent is a queue. KEVENT_IOC_SETUP gives it its size, and
 * mmap(2) of the queue shows its events to the program. KEVENT_IOC_SUBMIT adds
 * and removes kevents, and waits. Consuming an event needs no system call: see
 * <evfd/kevent.h>, which has the functions for it.
 *
 * A queue without KEVENT_IOC_SETUP has the calls that Linux was offered in 2006
 * ("take26"): KEVENT_IOC_INIT, KEVENT_IOC_CTL, KEVENT_IOC_GET_EVENTS,
 * KEVENT_IOC_WAIT and KEVENT_IOC_COMMIT. These copy structures ukevent. The
 * first call on a queue decides which calls it has.
 *
 * Every structure has the same layout for 32-bit and 64-bit programs.
 */
#ifndef _UAPI_LINUX_KEVENT_H
#define _UAPI_LINUX_KEVENT_H

#include <linux/ioctl.h>
#include <linux/types.h>

/* The misc device, below /dev. */
#define KEVENT_DEVICE_NAME	"kevent"

/* The highest number of slots of a queue. */
#define KEVENT_MAX_SLOTS	(1 << 20)

/* The size of a mapping is a multiple of this, the size of the header. */
#define KEVENT_HEADER_SIZE	4096

/**
 * struct kevent_header - first page of the mapping
 * @magic: %KEVENT_MAGIC
 * @version: %KEVENT_VERSION
 * @slot_size: size of a &struct kevent_slot
 * @ring_entries: number of entries in the index ring, a power of two
 * @slots: number of slots, a power of two
 * @flags: 0
 * @off_ring: offset of the index ring from the start of the mapping
 * @off_slots: offset of the slots from the start of the mapping
 * @ring_seq: 0; changes when the queue gets a larger ring
 * @old_end: 0; position where the old ring ends
 * @head: position of the next entry of the index ring to consume
 * @sleeping: number of threads that wait
 * @polled: 1 if the queue was polled since the last event
 * @look: 1 if the kernel must look at a source, which it does when the program
 *	waits or polls
 * @raised: byte offset + 1 of the slot that was raised last, or 0
 *
 * The kernel writes the first and third line of 64 bytes, the program the
 * others. The kernel never relies on what the program writes. A program that
 * raises a slot calls %KEVENT_OP_READY if @sleeping or @polled is not 0.
 */
struct kevent_header {
	__u32 magic;
	__u32 version;
	__u32 slot_size;
	__u32 ring_entries;
	__u32 slots;
	__u32 flags;
	__u32 off_ring;
	__u32 off_slots;
	__u32 ring_seq;
	__u32 old_end;
	__u32 reserved0[6];

	__u64 head;
	__u64 reserved1[7];

	__u32 sleeping;
	__u32 polled;
	__u32 look;
	__u32 reserved2[13];

	__u32 raised;
	__u32 reserved3[15];
};

#define KEVENT_MAGIC		0x6b657674
#define KEVENT_VERSION		1

/**
 * struct kevent_slot - a kevent, as the program sees it
 * @ready: %KEVENT_QUEUED, %KEVENT_RAISED, and in the low half the events since
 *	the slot was consumed last
 * @user: the value that %KEVENT_OP_ADD gave; never changes
 * @data: depends on the type
 * @want: events that put the kevent into the ring; the program may write it
 * @type: KEVENT_USER and so on
 * @gen: low half of the handle's generation
 *
 * A kevent has a slot from %KEVENT_OP_ADD to its end.
 */
struct kevent_slot {
	__u64 ready;
	__u64 user;
	__u64 data;
	__u32 want;
	__u16 type;
	__u16 gen;
};

/* The kevent is in the index ring, or in the list of raised slots. */
#define KEVENT_QUEUED		(1ULL << 63)

/*
 * With KEVENT_QUEUED: it is in the list of raised slots. A program that raises a
 * slot sets both at once.
 */
#define KEVENT_RAISED		(1ULL << 62)

/*
 * An entry of the index ring, a __u32: byte offset of a slot from the first
 * slot, and in this bit the phase. An entry at a position is there if its phase
 * is bit log2(ring_entries) of the position. The first position is
 * ring_entries.
 */
#define KEVENT_PHASE		(1U << 31)

/**
 * DOC: Flags of &struct kevent_setup
 *
 * %KEVENT_SETUP_AUTOREMOVE: the close of a watched pipe or internet socket ends
 * its kevent. Without the flag, a kevent holds its file open. The close of a
 * watched unix socket always ends its kevent, and other files are always held.
 * A file is closed when its last descriptor is.
 *
 * %KEVENT_SETUP_NOFORK: a child does not inherit the mapping. It inherits the
 * descriptor, like any other, and may map the queue itself.
 */
#define KEVENT_SETUP_AUTOREMOVE	0x1
#define KEVENT_SETUP_NOFORK	0x2

/**
 * struct kevent_setup - argument of %KEVENT_IOC_SETUP
 * @slots: highest number of kevents, 1 to %KEVENT_MAX_SLOTS; the kernel rounds
 *	it up to a power of two that fills a page
 * @flags: KEVENT_SETUP_* flags
 * @size: set by the kernel: size of the mapping in bytes
 * @reserved: 0
 */
struct kevent_setup {
	__u32 slots;
	__u32 flags;
	__u64 size;
	__u64 reserved[2];
};

/**
 * DOC: Types of kevents
 *
 * %KEVENT_TIMER: a timer on the clock in the low half of @id; the high half is
 * the program's. %KEVENT_OP_ADD takes its setting in @arg: first expiration,
 * interval (0 for a single expiration) and slack (below 2^32), in nanoseconds.
 * With an interval, @data of the slot is the number of expirations so far, and
 * an expiration that passes while the program does not wait for the queue
 * counts when it waits next. Without one, @data is the absolute deadline, or 0
 * when that has passed. The program may exchange it for a later one, or for
 * 2^63-1 to disarm the timer. If the exchange gives 0, the timer has expired
 * already. The deadline of a relative time on CLOCK_REALTIME is on
 * CLOCK_MONOTONIC.
 *
 * %KEVENT_POLL: the file of a descriptor, @id. The events are those of poll(2).
 *
 * %KEVENT_SOCKET: a socket, the file of the descriptor @id. An event says what
 * the program can do without blocking:
 *
 * %KEVENT_SOCKET_RECV: recv(2), on a socket that does not listen
 *
 * %KEVENT_SOCKET_ACCEPT: accept(2), on a socket that listens (SO_ACCEPTCONN)
 *
 * %KEVENT_SOCKET_SEND: send(2)
 *
 * %KEVENT_PIPE: a pipe or a FIFO, the file of the descriptor @id, with
 * %KEVENT_SOCKET_RECV for read(2) and %KEVENT_SOCKET_SEND for write(2).
 *
 * A call that would return an error or the end of the data does not block
 * either. All three types also get POLLERR and POLLHUP, unasked, with the bits
 * of poll(2).
 *
 * %KEVENT_POSIX_TIMER: like %KEVENT_TIMER, with the semantics of timer_create(2).
 * If the first expiration is 0, the timer is not started, or is stopped by
 * %KEVENT_OP_REARM. A %KEVENT_OP_GETTIME before that returns the old setting.
 * @data is always the number of expirations since the timer was set. The overrun
 * count of an event is the number of those since the event before, less 1.
 *
 * %KEVENT_PROCESS: the process of the pidfd @id, with the event
 * %KEVENT_PROCESS_EXIT when its last thread has ended. From then on, @data of the
 * slot is the exit status, as of wait4(2), or %KEVENT_PROCESS_REAPED if the process
 * had been reaped before it was added. The parent must still wait for the process.
 *
 * %KEVENT_INODE: a file or directory, that of the descriptor @id, which may be one
 * of O_PATH. If @arg[0] of %KEVENT_OP_ADD is not 0, it points to a name instead, and
 * @id is the descriptor of a directory or AT_FDCWD. @arg[1] is 0 or
 * AT_SYMLINK_NOFOLLOW. The caller needs the right to read the file. An event is the
 * set of changes since the last, as told by inotify(7), without names of entries:
 *
 * %KEVENT_INODE_CREATE, %KEVENT_INODE_REMOVE: of an entry of the directory
 *
 * %KEVENT_INODE_MODIFY, %KEVENT_INODE_ATTRIB: contents or attributes of the file,
 * or of a file in the directory
 *
 * %KEVENT_INODE_MOVE: of an entry, out of the directory, into it or within it
 *
 * %KEVENT_INODE_MOVE_SELF, %KEVENT_INODE_DELETE_SELF: of the file itself
 *
 * %KEVENT_INODE_UNMOUNT: of its file system; also unasked
 *
 * %KEVENT_PRODUCER: events of a kernel module. @id is a descriptor of one of its
 * files. The module gives @want, @arg and @data of the slot a meaning.
 *
 * %KEVENT_SIGNAL: the signal with the number @id, when it is sent to the process that
 * adds the kevent, or to one of its threads.
 *
 * Without %KEVENT_SIGNAL_NOMASK in @id, the kevent observes: the signal does what it
 * does otherwise. Every signal that is sent raises the event, also one that is
 * ignored, blocked or already pending, until the process executes a program. @data of
 * the slot is their number. The kevent keeps the information of @arg[0] of them, or of
 * 16 if @arg[0] is 0, for %KEVENT_OP_TAKE, and drops that of others.
 *
 * With %KEVENT_SIGNAL_NOMASK, it consumes: %KEVENT_OP_ADD blocks the signal in the
 * calling thread, where it stays blocked. There is an event as long as the signal is
 * pending, and %KEVENT_OP_TAKE takes it from the queue of the kernel, like a read of a
 * signalfd. Threads that do not block the signal still get it. SIGKILL and SIGSTOP
 * cannot be consumed.
 *
 * %KEVENT_AIO: an operation on the file of the descriptor @id: a regular file whose
 * file system keeps data, a block device, a pipe or a FIFO. @want is one of these,
 * and is the event when the operation has ended:
 *
 * %KEVENT_AIO_READ, %KEVENT_AIO_WRITE: like pread(2) and pwrite(2). @arg has the
 * address of the buffer, its length and the offset in the file, 0 for a pipe.
 *
 * %KEVENT_AIO_FSYNC, %KEVENT_AIO_FDATASYNC: like fsync(2) and fdatasync(2)
 *
 * @data of the slot is then the result: a count of bytes, or a negative error number
 * as of the system call. The operation is under way from %KEVENT_OP_ADD or
 * %KEVENT_OP_REARM on. What can be done without waiting is done there. If the file
 * has O_NONBLOCK, a pipe that is not ready gives EAGAIN. The kevent stays until it is
 * removed, and %KEVENT_OP_REARM starts the same operation anew. %KEVENT_OP_REMOVE
 * cancels the operation, and the memory is not used any more when it returns. So does
 * the close, by the process that has started it, of a descriptor of the queue.
 *
 * %KEVENT_NAIO: an operation on the unix or internet socket of the descriptor @id.
 * @want is one of these, and is the event when the operation has ended:
 *
 * %KEVENT_NAIO_RECV, %KEVENT_NAIO_SEND: like recv(2) and send(2). @arg has the
 * address of the buffer, its length and the MSG_* flags. RECV takes MSG_DONTWAIT,
 * MSG_OOB, MSG_PEEK, MSG_TRUNC and MSG_WAITALL, but not PEEK with WAITALL. SEND takes
 * MSG_CONFIRM, MSG_DONTROUTE, MSG_DONTWAIT, MSG_EOR, MSG_MORE, MSG_NOSIGNAL and
 * MSG_OOB. There is no SIGPIPE. SO_RCVTIMEO and SO_SNDTIMEO have no effect.
 *
 * %KEVENT_NAIO_SENDFILE: like sendfile(2) to an internet socket. @arg has the
 * descriptor of the file, the offset in it and the number of bytes. The file is one
 * that a %KEVENT_AIO may read, but no pipe.
 *
 * @data of the slot is then the result, and %KEVENT_OP_ADD, %KEVENT_OP_REARM and
 * %KEVENT_OP_REMOVE are like for a %KEVENT_AIO. An operation that must wait goes on
 * when the socket is ready, and gives EAGAIN if the file has O_NONBLOCK. REARM looks
 * @id up again, in the process that calls it. The kevent holds the socket only while
 * the operation is under way.
 *
 * %KEVENT_USER: events that the program raises. Their meaning is the program's.
 *
 * The values below KEVENT_USER are those of 2006.
 */
#define KEVENT_SOCKET		0
#define KEVENT_INODE		1
#define KEVENT_TIMER		2
#define KEVENT_POLL		3
#define KEVENT_NAIO		4
#define KEVENT_AIO		5
#define KEVENT_PIPE		6
#define KEVENT_SIGNAL		7
#define KEVENT_POSIX_TIMER	8
#define KEVENT_USER		16
#define KEVENT_PROCESS		17
#define KEVENT_PRODUCER		18

/* The event of a %KEVENT_TIMER and of a %KEVENT_POSIX_TIMER. */
#define KEVENT_TIMER_FIRED	0x1

/* The events of a %KEVENT_SOCKET, and of a %KEVENT_PIPE without ACCEPT. */
#define KEVENT_SOCKET_RECV	0x1
#define KEVENT_SOCKET_ACCEPT	0x2
#define KEVENT_SOCKET_SEND	0x4

/* The events of a %KEVENT_INODE. The first two are those of 2006. */
#define KEVENT_INODE_CREATE	0x1
#define KEVENT_INODE_REMOVE	0x2
#define KEVENT_INODE_MODIFY	0x4
#define KEVENT_INODE_ATTRIB	0x8
#define KEVENT_INODE_MOVE	0x10
#define KEVENT_INODE_MOVE_SELF	0x20
#define KEVENT_INODE_DELETE_SELF	0x40
#define KEVENT_INODE_UNMOUNT	0x80

/* The event of a %KEVENT_SIGNAL. */
#define KEVENT_SIGNAL_DELIVERY	0x1

/* A bit of the @id of a %KEVENT_SIGNAL: consume. */
#define KEVENT_SIGNAL_NOMASK	0x8000000000000000ULL

/* The highest number of records of a %KEVENT_SIGNAL, and of a %KEVENT_OP_TAKE. */
#define KEVENT_MAX_RECORDS	1024

/* The operations of a %KEVENT_AIO, and its event. */
#define KEVENT_AIO_READ		0x1
#define KEVENT_AIO_WRITE	0x2
#define KEVENT_AIO_FSYNC	0x4
#define KEVENT_AIO_FDATASYNC	0x8

/* The operations of a %KEVENT_NAIO, and its event. */
#define KEVENT_NAIO_RECV	0x1
#define KEVENT_NAIO_SEND	0x2
#define KEVENT_NAIO_SENDFILE	0x10

/* The event of a %KEVENT_PROCESS. */
#define KEVENT_PROCESS_EXIT	0x1

/* @data of a %KEVENT_PROCESS without a status. PIDFD_GET_INFO tells the status. */
#define KEVENT_PROCESS_REAPED	(1ULL << 32)

/**
 * DOC: Operations
 *
 * %KEVENT_OP_ADD: add the kevent @type, @id, @user, for the events @want. Sets
 * @handle.
 *
 * %KEVENT_OP_MOD: change @want and @flags.
 *
 * %KEVENT_OP_REMOVE: remove the kevent and its unconsumed events. Sets @events
 * to these. If there were none, another thread may be handling one. Cancels the
 * operation of a %KEVENT_AIO or %KEVENT_NAIO, and waits for its end.
 *
 * %KEVENT_OP_READY: raise the events @want of a %KEVENT_USER. With
 * %KEVENT_DISPATCH, events that come too early wait for %KEVENT_OP_RECHECK.
 * Without a handle, wake a waiter that has slept through slots raised by the
 * program.
 *
 * %KEVENT_OP_RECHECK: look at the source now, and queue the kevent if it has an
 * event. Enables a kevent with %KEVENT_DISPATCH again.
 *
 * %KEVENT_OP_REARM: give a timer a new setting, or start the operation of a
 * %KEVENT_AIO or %KEVENT_NAIO anew with the values in @arg. Sets @events to the
 * unconsumed events, which it takes back.
 *
 * %KEVENT_OP_REQUEUE: queue the kevents again whose entries were claimed by
 * threads that died before the exchange of @ready. @arg[0] is the head. At the
 * time of the call, no thread that lives may be between its claim of an entry
 * before this head and the exchange. Sets @events to the number of kevents. May
 * take some tens of milliseconds.
 *
 * %KEVENT_OP_GETTIME: set @arg[0] to the time until the next expiration of a timer,
 * or to 0 if there is none, and @arg[1] to the interval, in nanoseconds.
 *
 * %KEVENT_OP_TAKE: take signals of a %KEVENT_SIGNAL. @arg[0] points to an array of
 * struct signalfd_siginfo, @arg[1] is its length, 1 to %KEVENT_MAX_RECORDS. Sets
 * @arg[1] to the number of signals that were taken.
 */
#define KEVENT_OP_ADD		0
#define KEVENT_OP_REMOVE	1
#define KEVENT_OP_MOD		2
#define KEVENT_OP_READY		3
#define KEVENT_OP_RECHECK	4
#define KEVENT_OP_REARM		5
#define KEVENT_OP_REQUEUE	6
#define KEVENT_OP_GETTIME	7
#define KEVENT_OP_TAKE		8

/**
 * DOC: Flags of a kevent
 *
 * %KEVENT_ONESHOT: the kevent ends with its first event. Its slot is free again
 * when the program has consumed the event.
 *
 * %KEVENT_ET: an event for each wake-up of the source. Without it, a source
 * that is still ready when the program waits or polls the queue gives another
 * event.
 *
 * %KEVENT_TIMER_ABSTIME: for ADD and REARM of a timer, the first expiration is
 * an absolute time.
 *
 * %KEVENT_BYTES: for a socket of TCP, UDP or unix, or a pipe. The kernel sets
 * @data of the slot, before an event, to the number of bytes to read: for
 * datagrams, those of the next one (see FIONREAD). For a socket that listens, it
 * is the number of connections to accept. The kernel counts when the program
 * waits or polls the queue, or does an operation on the kevent. So the events
 * appear only then; see @look.
 *
 * %KEVENT_DISPATCH: after an event, no more events until %KEVENT_OP_RECHECK or
 * %KEVENT_OP_MOD. Not with %KEVENT_ONESHOT.
 */
#define KEVENT_ONESHOT		0x1
#define KEVENT_ET		0x4
#define KEVENT_TIMER_ABSTIME	0x20
#define KEVENT_DISPATCH		0x40
#define KEVENT_BYTES		0x80

/**
 * struct kevent_op - an operation
 * @op: KEVENT_OP_*
 * @flags: flags of the kevent, for ADD and MOD; %KEVENT_TIMER_ABSTIME for REARM
 * @type: type of the kevent, for ADD
 * @want: a set of events; see the operations
 * @id: what is watched; the type says how to read it
 * @user: for ADD, any value; the slot shows it
 * @arg: depends on the type or the operation; 0 otherwise; set by GETTIME and TAKE
 * @handle: set by ADD, and an argument of the other operations
 * @result: set by the kernel: 0, or a negative error number
 * @events: set by the kernel: the events that REMOVE or REARM took back, the
 *	number of kevents of REQUEUE, otherwise 0
 */
struct kevent_op {
	__u8 op;
	__u8 flags;
	__u16 type;
	__u32 want;
	__u64 id;
	__u64 user;
	__u64 arg[3];
	__u64 handle;
	__s32 result;
	__u32 events;
};

/**
 * DOC: Flags of &struct kevent_submit
 *
 * %KEVENT_WAIT: wait for an event after the operations, unless one of these has
 * failed.
 *
 * %KEVENT_ABSTIME: timeout is an absolute time.
 */
#define KEVENT_WAIT		0x1
#define KEVENT_ABSTIME		0x2

/**
 * struct kevent_submit - argument of %KEVENT_IOC_SUBMIT
 * @ops: pointer to @nr &struct kevent_op
 * @nr: number of operations, 0 to %KEVENT_MAX_OPS
 * @flags: %KEVENT_WAIT, %KEVENT_ABSTIME
 * @head: with %KEVENT_WAIT, the position up to which the program has consumed
 *	the ring
 * @timeout: with %KEVENT_WAIT, nanoseconds on @clock; -1: no limit; 0 and not
 *	absolute: do not sleep
 * @clock: CLOCK_MONOTONIC, CLOCK_REALTIME, CLOCK_BOOTTIME or CLOCK_TAI
 * @min_nr: with %KEVENT_WAIT, the number of entries in the ring to wait for; 0
 *	means 1
 * @sigmask: pointer to a set of signals that replaces the thread's mask while
 *	it waits, or 0
 * @sigsetsize: 8 with @sigmask, otherwise 0
 * @reserved: 0
 */
struct kevent_submit {
	__u64 ops;
	__u32 nr;
	__u32 flags;
	__u64 head;
	__s64 timeout;
	__u32 clock;
	__u32 min_nr;
	__u64 sigmask;
	__u32 sigsetsize;
	__u32 reserved;
};

#define KEVENT_MAX_OPS		4096

#define KEVENT_IOC_MAGIC	0xEF

/*
 * Once on a queue, before mmap(2). Returns 0, or -1 and errno:
 *
 * EBUSY: the queue has been set up, or has had another call
 * EFAULT: the argument is not readable and writable memory
 * EINVAL: slots is out of range; unknown flags; reserved is not 0
 * ENOMEM: not enough kernel memory
 * EOPNOTSUPP: this machine's caches do not allow it
 */
#define KEVENT_IOC_SETUP	_IOWR(KEVENT_IOC_MAGIC, 0x40, struct kevent_setup)

/*
 * Does the operations in order, each with a result of its own, then waits.
 * Returns the number of operations done, or -1 and errno:
 *
 * EFAULT: the argument, the first operation or the signal mask is not readable
 *	memory, or the first result cannot be written
 * EINTR: a signal ended the wait; the operations are done
 * EINVAL: unknown flags; an invalid clock, timeout or sigsetsize; too many
 *	operations; reserved is not 0; the queue has not been set up. No
 *	operation is done.
 *
 * An operation that cannot be read, or whose result cannot be written, ends the
 * call. It does not count as done, and an ADD is undone. Results of operations:
 *
 * EACCES: ADD of a %KEVENT_INODE: the caller may not read the file
 * EAGAIN: TAKE: there is no signal
 * EBADF: ADD: id is not an open descriptor; ADD of a %KEVENT_PROCESS: it is no
 *	pidfd; ADD of a %KEVENT_AIO: it is not open for reading or for writing;
 *	REARM of a %KEVENT_NAIO: it is not open any more; ADD, REARM of a
 *	%KEVENT_NAIO: the file to send is not open for reading
 * EBUSY: REQUEUE: another thread does the same; REARM of a %KEVENT_AIO or
 *	%KEVENT_NAIO: the operation is under way
 * EEXIST: ADD: the queue has a kevent with this type, id and user
 * EFAULT: ADD, REARM of a %KEVENT_AIO or %KEVENT_NAIO: the memory is not the
 *	program's to use
 * EINTR: REQUEUE: a signal is pending; REMOVE of a %KEVENT_AIO or %KEVENT_NAIO: a
 *	signal came before the operation had ended, and the kevent is still there
 * EINVAL: an unknown operation, type or flag; a field without a meaning for it
 *	is not 0; ADD of a %KEVENT_PIPE: the descriptor is no pipe; ADD of a
 *	%KEVENT_SIGNAL: there is no such signal, or it cannot be consumed
 * EFAULT: TAKE: the first record is not writable memory
 * ELOOP: ADD: the descriptor is a queue, an epoll or an io_uring instance
 * ENOENT: there is no kevent with this handle; ADD of a %KEVENT_INODE: there is
 *	no such file. Other errors of a name are those of path_resolution(7).
 * ENOMEM: ADD, REQUEUE: not enough kernel memory
 * ENOSPC: ADD: the queue has no free slot; ADD of a %KEVENT_INODE: the user has
 *	too many of them; ADD of a %KEVENT_SIGNAL: the process has too many
 * ENOTSOCK: ADD of a %KEVENT_SOCKET, ADD and REARM of a %KEVENT_NAIO: the
 *	descriptor is no socket
 * EOPNOTSUPP: ADD: this kernel does not notify of the close of the file; ADD of a
 *	%KEVENT_PRODUCER: no kernel module produces events for the file;
 *	ADD, MOD: %KEVENT_BYTES, and the kernel cannot count the bytes of this
 *	socket; ADD of a %KEVENT_SIGNAL: the kernel has no tracepoints; ADD of a
 *	%KEVENT_AIO or %KEVENT_NAIO: the file is of another kind
 * EPERM: ADD: the descriptor cannot be polled; an alarm clock, and the caller
 *	does not have CAP_WAKE_ALARM
 * EREMOTE: ADD of a %KEVENT_PROCESS: the process is not in the caller's PID
 *	namespace or in one below it
 * ESPIPE: ADD, REARM of a %KEVENT_AIO: an offset in a pipe; of a %KEVENT_NAIO:
 *	the file to send is a pipe
 * ESRCH: TAKE: the signals are those of another process
 */
#define KEVENT_IOC_SUBMIT	_IOWR(KEVENT_IOC_MAGIC, 0x41, struct kevent_submit)

/**
 * DOC: The calls of 2006
 *
 * Numbers and structures are those of "take26", which was posted on 30 November
 * 2006. Such a queue holds 4096 kevents, or as many as %KEVENT_IOC_INIT says. Its
 * types are %KEVENT_TIMER, %KEVENT_POLL, %KEVENT_SOCKET, %KEVENT_PIPE,
 * %KEVENT_INODE, %KEVENT_PROCESS, %KEVENT_PRODUCER, %KEVENT_SIGNAL and %KEVENT_USER, with
 * these ids:
 *
 * %KEVENT_TIMER: a period on CLOCK_MONOTONIC, raw[0] in seconds and raw[1] in
 * nanoseconds. The timer starts with %KEVENT_CTL_ADD. It begins its next period
 * when its event is copied, and the event stands for all that were missed. With
 * %KEVENT_REQ_ONESHOT there is a single expiration.
 *
 * %KEVENT_POLL, %KEVENT_SOCKET and %KEVENT_PIPE: raw[0] is a descriptor, raw[1] is
 * 0. Without %KEVENT_REQ_ET, the event is copied as long as the file is ready. The
 * same holds for %KEVENT_PROCESS, whose process stays ended.
 *
 * %KEVENT_INODE and %KEVENT_PRODUCER: raw[0] is a descriptor, raw[1] is 0.
 *
 * %KEVENT_SIGNAL: raw_u64 is the number of a signal. With %KEVENT_SIGNAL_NOMASK, the
 * event takes the place of the signal: all pending signals with this number are
 * dropped when the event was copied to their process.
 *
 * %KEVENT_USER: any value. The program raises the event by %KEVENT_CTL_READY.
 */

/* Types with lower numbers that do not exist fail with ENOSYS. */
#define KEVENT_MAX		9

/* As @event: all events of the type. */
#define KEVENT_MASK_ALL		0xffffffff

/**
 * DOC: Flags of a &struct ukevent, @req_flags
 *
 * %KEVENT_REQ_ONESHOT: the kevent is removed when its event is copied.
 *
 * %KEVENT_REQ_WAKEUP_ALL: a wake-up of the file makes this kevent ready whatever
 * other kevents it makes ready. Of those without the flag in queues of these calls,
 * it makes ready one that is not ready yet, so that one of several processes that
 * share a socket is woken. %POLLERR and %POLLHUP are told to all.
 *
 * %KEVENT_REQ_ET: after its event was copied, a file must become ready again for
 * another event. Without the flag, the kernel looks at the file as if
 * %KEVENT_REQ_LAST_CHECK were set, in each call that would copy its event.
 *
 * %KEVENT_REQ_LAST_CHECK: look at the file before the event is copied. If it is
 * not ready any more, there is no event.
 *
 * %KEVENT_REQ_ALWAYS_QUEUE: %KEVENT_CTL_ADD adds a kevent that is ready, and it
 * gives an event. Without the flag, it is not added. It has %KEVENT_RET_DONE
 * then, and @ret_data is that of the event.
 *
 * %KEVENT_REQ_READY: %KEVENT_CTL_ADD or %KEVENT_CTL_MODIFY makes the kevent
 * ready, like %KEVENT_CTL_READY does.
 */
#define KEVENT_REQ_ONESHOT	0x1
#define KEVENT_REQ_WAKEUP_ALL	0x2
#define KEVENT_REQ_ET		0x4
#define KEVENT_REQ_LAST_CHECK	0x8
#define KEVENT_REQ_ALWAYS_QUEUE	0x10
#define KEVENT_REQ_READY	0x20

/**
 * DOC: Results of a &struct ukevent, @ret_flags
 *
 * %KEVENT_RET_BROKEN: the command has failed for this kevent, and ret_data[1] is
 * a negative error number.
 *
 * %KEVENT_RET_DONE: this is an event, or a command other than %KEVENT_CTL_ADD
 * has ended.
 *
 * %KEVENT_RET_COPY_FAILED: the event is not in the ring of the program, which is
 * full, or is not writable memory, or belongs to another process.
 */
#define KEVENT_RET_BROKEN	0x1
#define KEVENT_RET_DONE		0x2
#define KEVENT_RET_COPY_FAILED	0x4

/**
 * struct kevent_id - what a kevent watches
 * @raw: two numbers
 * @raw_u64: the same as one number
 */
struct kevent_id {
	union {
		__u32 raw[2];
		__aligned_u64 raw_u64;
	};
};

/**
 * struct ukevent - a kevent or an event
 * @id: what is watched; the type says how to read it
 * @type: KEVENT_TIMER and so on
 * @event: events that the program wants
 * @req_flags: KEVENT_REQ_* flags
 * @ret_flags: KEVENT_RET_* flags; only the kernel sets them
 * @ret_data: for an event, the first number is the time of a timer's last
 *	expiration in milliseconds of CLOCK_MONOTONIC, the exit status of a
 *	process (0xffffffff: none), the number of a signal, or the events of another
 *	type. The second is
 *	0, or with %KEVENT_RET_BROKEN an error number. Only the kernel sets them.
 * @user: any value of the program
 * @ptr: the same as a pointer
 *
 * A queue has at most one kevent with a @type, @id and @user.
 */
struct ukevent {
	struct kevent_id id;
	__u32 type;
	__u32 event;
	__u32 req_flags;
	__u32 ret_flags;
	__u32 ret_data[2];
	union {
		__u32 user[2];
		void *ptr;
	};
};

/**
 * struct kevent_ring - a ring of events in memory of the program
 * @ring_kidx: index at which the kernel puts the next event
 * @ring_over: how often the index of the first event that is not committed has
 *	passed the end of the ring
 * @event: the events
 *
 * Only the kernel writes it. It never reads it. An event is there until it is
 * committed. The ring has room for one event less than it has entries, so equal
 * indices mean that it is empty.
 */
struct kevent_ring {
	__u32 ring_kidx;
	__u32 ring_over;
	struct ukevent event[];
};

/**
 * struct kevent_ioc_init - argument of %KEVENT_IOC_INIT
 * @ring: pointer to a &struct kevent_ring, or 0
 * @num: its number of entries, 2 to %KEVENT_MAX_SLOTS; 0 without a ring
 * @flags: 0
 * @slots: highest number of kevents, at most %KEVENT_MAX_SLOTS; the kernel rounds
 *	it up to a power of two; 0 means 4096
 * @reserved: 0
 */
struct kevent_ioc_init {
	__u64 ring;
	__u32 num;
	__u32 flags;
	__u32 slots;
	__u32 reserved;
};

/**
 * DOC: Commands of %KEVENT_IOC_CTL
 *
 * %KEVENT_CTL_ADD: add kevents.
 *
 * %KEVENT_CTL_REMOVE: remove kevents and their events.
 *
 * %KEVENT_CTL_MODIFY: replace @event and @req_flags, and look at the source.
 *
 * %KEVENT_CTL_READY: raise those events in @event that the kevent wants. Without
 * a kevent, end the wait of one thread. If none waits, the next that would wait
 * does not.
 *
 * All but ADD find the kevent by @type, @id and @user.
 */
#define KEVENT_CTL_ADD		0
#define KEVENT_CTL_REMOVE	1
#define KEVENT_CTL_MODIFY	2
#define KEVENT_CTL_READY	3

/*
 * A flag of &struct kevent_ioc_ctl: return what the call of 2006 returned. ADD
 * moves the structures whose kevents were not added to the front, and returns
 * their number. READY returns the number of kevents found. Others return 0.
 */
#define KEVENT_TAKE26		0x1

/**
 * struct kevent_ioc_ctl - argument of %KEVENT_IOC_CTL
 * @cmd: KEVENT_CTL_*
 * @num: number of structures, 0 to %KEVENT_MAX_OPS
 * @ukevents: pointer to @num &struct ukevent
 * @flags: 0 or %KEVENT_TAKE26
 * @reserved: 0
 */
struct kevent_ioc_ctl {
	__u32 cmd;
	__u32 num;
	__u64 ukevents;
	__u32 flags;
	__u32 reserved;
};

/* The timeout of a call is an absolute time. */
#define KEVENT_FLAGS_ABSTIME	0x1

/**
 * struct kevent_ioc_get_events - argument of %KEVENT_IOC_GET_EVENTS
 * @min_nr: number of events to wait for, at most @max_nr
 * @max_nr: number of structures at @buf, 1 to %KEVENT_MAX_SLOTS
 * @buf: pointer to @max_nr &struct ukevent
 * @timeout: nanoseconds on @clock; negative: no limit; 0: do not wait
 * @clock: CLOCK_MONOTONIC, CLOCK_REALTIME, CLOCK_BOOTTIME or CLOCK_TAI
 * @flags: 0 or %KEVENT_FLAGS_ABSTIME
 * @sigmask: pointer to a set of signals that replaces the thread's mask while
 *	it waits, or 0
 * @sigsetsize: 8 with @sigmask, otherwise 0
 * @reserved: 0
 */
struct kevent_ioc_get_events {
	__u32 min_nr;
	__u32 max_nr;
	__u64 buf;
	__s64 timeout;
	__u32 clock;
	__u32 flags;
	__u64 sigmask;
	__u32 sigsetsize;
	__u32 reserved;
};

/**
 * struct kevent_ioc_wait - argument of %KEVENT_IOC_WAIT
 * @num: number of events to commit first
 * @old_uidx: index of the first of these; with another index than the first
 *	that is not committed, none are committed
 * @timeout: nanoseconds on @clock; negative: no limit; 0: do not wait
 * @clock: CLOCK_MONOTONIC, CLOCK_REALTIME, CLOCK_BOOTTIME or CLOCK_TAI
 * @flags: 0 or %KEVENT_FLAGS_ABSTIME
 * @sigmask: pointer to a set of signals that replaces the thread's mask while
 *	it waits, or 0
 * @sigsetsize: 8 with @sigmask, otherwise 0
 * @reserved: 0
 */
struct kevent_ioc_wait {
	__u32 num;
	__u32 old_uidx;
	__s64 timeout;
	__u32 clock;
	__u32 flags;
	__u64 sigmask;
	__u32 sigsetsize;
	__u32 reserved;
};

/**
 * struct kevent_ioc_commit - argument of %KEVENT_IOC_COMMIT
 * @new_uidx: index of the first event that stays; those before are committed
 * @over: how often that index has passed the end of the ring
 */
struct kevent_ioc_commit {
	__u32 new_uidx;
	__u32 over;
};

/*
 * The first call on a queue, for a ring in memory of the program or for another
 * number of kevents. Sets the ring's indices to 0. Only this process may use the
 * ring. Returns 0, or -1 and errno:
 *
 * EBUSY: the queue has had a call
 * EFAULT: the argument is not readable, or the ring is not writable memory
 * EINVAL: num is 1 or too large; a ring without num, or num without a ring;
 *	slots is too large; unknown flags; reserved is not 0
 * ENOMEM: not enough kernel memory
 */
#define KEVENT_IOC_INIT		_IOW(KEVENT_IOC_MAGIC, 0x42, \
				     struct kevent_ioc_init)

/*
 * Does a command for each structure, and sets @ret_flags and @ret_data in its
 * place. Returns the number of structures processed, or -1 and errno:
 *
 * EFAULT: the argument or the first structure is not readable or not writable
 *	memory; with %KEVENT_TAKE26, this holds for any structure, and those
 *	before it are processed
 * EINVAL: unknown cmd or flags; num is too large, or is larger than the number
 *	of kevents and cmd is not ADD; reserved is not 0; the queue was set up
 *	with %KEVENT_IOC_SETUP
 * ENOMEM: not enough kernel memory
 *
 * A structure that cannot be read, or whose result cannot be written, ends the
 * call. It does not count as processed, and an ADD is undone. Errors in
 * @ret_data are those of %KEVENT_IOC_SUBMIT and these:
 *
 * EINVAL: an unknown type, flag or event; a period of 0
 * ENODEV: there is no such kevent
 * ENOSYS: a type of 2006 that does not exist here
 */
#define KEVENT_IOC_CTL		_IOW(KEVENT_IOC_MAGIC, 0x43, \
				     struct kevent_ioc_ctl)

/*
 * Waits until there are min_nr events, then copies at most max_nr of them to
 * buf. With O_NONBLOCK, it does not wait. Returns the number of events copied,
 * which is less than min_nr after the timeout, or -1 and errno:
 *
 * EFAULT: the argument or the signal mask is not readable memory, or the first
 *	event cannot be written to buf; no event is lost
 * EINTR: a signal ended the wait before there was an event
 * EINVAL: unknown flags; an invalid clock or sigsetsize; max_nr is 0, too large
 *	or less than min_nr; reserved is not 0; the queue was set up with
 *	%KEVENT_IOC_SETUP
 * ENOMEM: not enough kernel memory
 *
 * Each event is copied to the ring of the program too, if there is one.
 *
 * read(2) of the queue waits for an event and copies as many as fit.
 */
#define KEVENT_IOC_GET_EVENTS	_IOW(KEVENT_IOC_MAGIC, 0x44, \
				     struct kevent_ioc_get_events)

/*
 * Commits num events, waits until there is an event, then copies events to the
 * ring until it is full. Does not wait if the ring is full and there is an event.
 * Returns the number of events copied, or -1 and errno:
 *
 * EFAULT: the argument or the signal mask is not readable memory, or the ring is
 *	not writable memory; no event is lost
 * EINTR: a signal ended the wait before there was an event
 * EINVAL: the queue has no ring; unknown flags; an invalid clock or sigsetsize;
 *	reserved is not 0
 * EOVERFLOW: the ring has fewer than num events
 * EPERM: the ring belongs to another process
 */
#define KEVENT_IOC_WAIT		_IOW(KEVENT_IOC_MAGIC, 0x45, \
				     struct kevent_ioc_wait)

/*
 * Commits events: their entries in the ring may get other events. Returns the
 * number of events, which is less than requested if another thread has committed
 * some, or -1 and errno:
 *
 * EFAULT: the argument is not readable, or the ring is not writable memory
 * EINVAL: the queue has no ring
 * EOVERFLOW: new_uidx with over is behind the last event, or is from a lap
 *	before the last
 * EPERM: the ring belongs to another process
 */
#define KEVENT_IOC_COMMIT	_IOW(KEVENT_IOC_MAGIC, 0x46, \
				     struct kevent_ioc_commit)

#endif /* _UAPI_LINUX_KEVENT_H */
