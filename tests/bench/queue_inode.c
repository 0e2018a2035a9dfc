// SPDX-License-Identifier: GPL-2.0
/* Changes of a file, from the change to the event in the program. */
#include "queue.h"

#include <fcntl.h>
#include <sys/inotify.h>
#include <sys/stat.h>

/* The watched file is the rig's @in, and inotify's descriptor is @out. */
static void rig_file(struct rig *rig)
{
	static const char name[] = "/tmp/bench";

	open_queue(rig);
	rig->in = open(name, O_CREAT | O_RDWR, 0600);
	must(rig->in >= 0);
	if (rig->variant == EVFD) {
		queues.ops[0] = kevent_op_add(KEVENT_INODE, rig->in, 0,
					      KEVENT_INODE_MODIFY | KEVENT_INODE_ATTRIB, 0);
		submit_ops(1);
	} else if (rig->variant == NATIVE) {
		rig->out = inotify_init1(IN_NONBLOCK);
		must(inotify_add_watch(rig->out, name, IN_MODIFY | IN_ATTRIB) >= 0);
		epoll_add(rig->epoll, rig->out, EPOLLIN);
	}
}

static void change_mode(struct rig *rig, int i)
{
	must(!fchmod(rig->in, 0600 | (i & 1)));
}

static void write_byte(struct rig *rig, int i)
{
	(void)i;
	must(pwrite(rig->in, "x", 1, 0) == 1);
}

static void take_event(struct rig *rig, uint32_t ours, uint32_t native)
{
	if (rig->variant == EVFD) {
		struct kevent_event event;

		must(kevent_next(kevent_queue(), &event) && event.events == ours);
	} else if (rig->variant == NATIVE) {
		struct epoll_event ready;
		struct inotify_event event;

		must(epoll_take(rig->epoll, &ready, 1, 0) == 1);
		must(read(rig->out, &event, sizeof(event)) == sizeof(event));
		must(event.mask == native);
	}
}

static void change_mode_and_take(struct rig *rig, int i)
{
	change_mode(rig, i);
	take_event(rig, KEVENT_INODE_ATTRIB, IN_ATTRIB);
}

static void write_and_take(struct rig *rig, int i)
{
	write_byte(rig, i);
	take_event(rig, KEVENT_INODE_MODIFY, IN_MODIFY);
}

static const struct operation operations[] = {
	{ "write to a watched file, and its event", rig_file, close_queue,
	  .run = { [FLOOR] = write_byte, [NATIVE] = write_and_take, [EVFD] = write_and_take } },
	{ "fchmod() of a watched file, and its event", rig_file, close_queue,
	  .run = { [FLOOR] = change_mode, [NATIVE] = change_mode_and_take,
		   [EVFD] = change_mode_and_take } },
};

void measure_queue_inode(void)
{
	measure(operations, ARRAY_SIZE(operations));
}
