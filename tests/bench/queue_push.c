// SPDX-License-Identifier: GPL-2.0
/*
 * The callbacks by which the kernel puts an event in a queue, timed by evfd_bench_wakes.ko.
 */
#include "queue.h"

#include "../kmod/bench_wakes.h"

#define BATCHES		25

enum push {
	FIRST,		/* all events were consumed */
	COALESCED,	/* all events are in the queue still */
};

/*
 * Calls the callbacks of all watchers. Returns the nanoseconds of each. Afterwards the
 * file is ready if watchers are edge-triggered, because epoll and io_uring look again.
 */
static double wake_all(int fd, unsigned int own, uint32_t flags)
{
	struct bench_wakes arg = {
		.events = EPOLLIN,
		.own = own,
		.ready = flags & EPOLLET ? EPOLLIN : 0,
	};

	must(!ioctl(fd, BENCH_WAKES, &arg));
	must(arg.n == MANY);
	return (double)arg.ns / arg.n;
}

/* Takes all events, and looks at all level-triggered sources. */
static void drain(struct rig *rig)
{
	drain_queue(rig);
	if (rig->variant == EVFD)
		must(!kevent_wait(&queues.kevent, NULL, 0, 0, 1));
}

static double push(struct rig *rig, enum push which, uint32_t flags)
{
	double values[BATCHES];

	wake_all(rig->in, 0, flags);
	for (int i = 0; i < BATCHES; i++) {
		if (which == FIRST)
			drain(rig);
		values[i] = wake_all(rig->in, 0, flags);
	}
	return median(values, BATCHES);
}

/* The walk over callbacks that do nothing. */
static double push_nothing(int fd)
{
	double values[BATCHES];

	for (int i = 0; i < BATCHES; i++)
		values[i] = wake_all(fd, MANY, 0);
	return median(values, BATCHES);
}

static void rig_push(struct rig *rig)
{
	struct bench_wakes idle = { .events = 0 };

	open_queue(rig);
	rig->in = open("/dev/" BENCH_WAKES_DEVICE_NAME, O_RDWR | O_CLOEXEC);
	must(rig->in >= 0);
	must(!ioctl(rig->in, BENCH_WAKES, &idle));
	for (rig->n = 0; rig->n < MANY; rig->n++)
		rig->many[rig->n] = dup(rig->in);
}

static void tell_push(const char *name, enum push which, uint32_t flags)
{
	for (enum variant variant = FLOOR; variant < VARIANTS; variant++) {
		struct rig rig = { .variant = variant };
		double ns;

		/* io_uring posts an event per wake-up, and ends polls when its ring is full. */
		if (variant == PIPE ||
		    (variant == URING && (which == COALESCED || !(flags & EPOLLET))))
			continue;
		rig_push(&rig);
		if (variant == FLOOR) {
			ns = push_nothing(rig.in);
		} else {
			watch_many(&rig, flags);
			ns = push(&rig, which, flags);
		}
		tell(name, variant_names[variant], ns);
		close_queue(&rig);
		for (int i = 0; i < rig.n; i++)
			close(rig.many[i]);
		close(rig.in);
		if (variant == NATIVE || variant == FLOOR)
			close(rig.epoll);
	}
}

void measure_queue_push(void)
{
	tell_push("kernel push, first", FIRST, EPOLLET);
	tell_push("kernel push, coalesced", COALESCED, EPOLLET);
	tell_push("kernel push, first, level-triggered", FIRST, 0);
	tell_push("kernel push, coalesced, level-triggered", COALESCED, 0);
}
