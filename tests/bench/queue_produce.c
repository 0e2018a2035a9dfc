// SPDX-License-Identifier: GPL-2.0
/* kevent_storage_ready(), timed by the producer in evfd_post_test.ko. */
#include "queue.h"

#include "../kmod/produce.h"

#define RUNS	25

/* Returns the nanoseconds of a call. */
static double ready(int fd, uint32_t storage)
{
	struct produce_ready arg = { .storage = storage, .events = 1, .times = 1 };

	must(!ioctl(fd, PRODUCE_READY, &arg));
	return arg.ns;
}

static void tell_ready(const char *name, enum variant variant, bool first)
{
	uint32_t storage = variant == FLOOR ? PRODUCE_NOWHERE : 0;
	struct rig rig = { .variant = EVFD };
	double values[RUNS];

	open_queue(&rig);
	rig.in = open("/dev/" PRODUCE_DEVICE_NAME, O_RDWR | O_CLOEXEC);
	must(rig.in >= 0);
	queues.ops[0] = kevent_op_add(KEVENT_PRODUCER, rig.in, 0, 1, 0);
	submit_ops(1);
	ready(rig.in, storage);
	for (int i = 0; i < RUNS; i++) {
		if (first)
			drain_queue(&rig);
		values[i] = ready(rig.in, storage);
	}
	tell(name, variant_names[variant], median(values, RUNS));
	close_queue(&rig);
	close(rig.in);
}

void measure_queue_produce(void)
{
	tell_ready("producer: ready, first", FLOOR, true);
	tell_ready("producer: ready, first", EVFD, true);
	tell_ready("producer: ready, coalesced", FLOOR, false);
	tell_ready("producer: ready, coalesced", EVFD, false);
}
