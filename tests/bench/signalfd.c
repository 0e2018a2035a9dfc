// SPDX-License-Identifier: GPL-2.0
/* Operations on signal descriptors. */
#include "descriptors.h"
#include "floor.h"
#include "speed.h"

#include <sys/uio.h>

#define READS		100
#define TOGETHER	16

static uint64_t the_mask(void)
{
	return mask_of(SIGRTMIN);
}

static void allow_signals(int n)
{
	struct rlimit limit = { n, n };

	must(!setrlimit(RLIMIT_SIGPENDING, &limit));
}

static void rig_signalfd(struct rig *rig)
{
	rig->in = rig->variant == FLOOR ? dup(null_device) :
		new_signalfd(rig->variant, the_mask(), SFD_NONBLOCK);
	rig->out = rig->in;
	must(rig->in >= 0);
}

static void queue(struct rig *rig, int n)
{
	union sigval value = { .sival_int = 1 };

	for (int i = 0; i < n && rig->variant != FLOOR; i++)
		must(!sigqueue(getpid(), SIGRTMIN, value));
}

static void queue_1(struct rig *rig)
{
	queue(rig, READS);
}

static void queue_16(struct rig *rig)
{
	queue(rig, READS * TOGETHER);
}

static long read_records(struct rig *rig, int n)
{
	struct signalfd_siginfo records[TOGETHER];

	return syscall(SYS_read, rig->in, records, n * sizeof(records[0]));
}

static void read_1(struct rig *rig, int i)
{
	(void)i;
	must(read_records(rig, 1) == sizeof(struct signalfd_siginfo));
}

static void read_16(struct rig *rig, int i)
{
	(void)i;
	must(read_records(rig, TOGETHER) == TOGETHER * sizeof(struct signalfd_siginfo));
}

static void read_nothing(struct rig *rig, int i)
{
	(void)i;
	must(read_records(rig, 1) <= 0);
}

static void read_nothing_16(struct rig *rig, int i)
{
	(void)i;
	must(read_records(rig, TOGETHER) <= 0);
}

static void mask_native(struct rig *rig, int i)
{
	uint64_t mask = the_mask();

	(void)i;
	must(syscall(SYS_signalfd4, rig->in, &mask, sizeof(mask), 0) == rig->in);
}

static void mask_evfd(struct rig *rig, int i)
{
	uint64_t mask = the_mask();

	(void)i;
	must(!syscall(SYS_ioctl, rig->in, EVFD_IOC_SIGNALFD_SETMASK, &mask));
}

static void mask_by_device(struct rig *rig, int i)
{
	uint64_t mask = the_mask();

	(void)i;
	must(evfd_make_signalfd(evfd_device, rig->in, &mask, sizeof(mask), 0) == rig->in);
}

static void queue_one(struct rig *rig)
{
	rig_signalfd(rig);
	queue(rig, 1);
}

/* Takes the signal of queue_one(). */
static void discard(struct rig *rig)
{
	if (rig->variant != FLOOR)
		must(read_records(rig, 1) == sizeof(struct signalfd_siginfo));
}

static void readv_1(struct rig *rig, int i)
{
	struct signalfd_siginfo record;
	struct iovec iov = { &record, sizeof(record) };

	(void)i;
	must(syscall(SYS_readv, rig->in, &iov, 1) ==
	     (rig->variant == FLOOR ? 0 : (long)sizeof(record)));
}

static void create_and_close(struct rig *rig, int i)
{
	(void)i;
	must(!syscall(SYS_close, new_signalfd(rig->variant, the_mask(), 0)));
}

static const struct operation operations[] = {
	{ "signalfd read of 1", rig_signalfd, .prepare = queue_1, .times = READS,
	  .run = { read_nothing, read_1, read_1 } },
	{ "signalfd read of 16", rig_signalfd, .prepare = queue_16, .times = READS,
	  .run = { read_nothing_16, read_16, read_16 } },
	{ "signalfd readv of 1", rig_signalfd, .prepare = queue_1, .times = READS,
	  .run = { [FLOOR ... EVFD] = readv_1 } },
	{ "signalfd read EAGAIN", rig_signalfd, .run = { [FLOOR ... EVFD] = read_nothing } },
	{ "signalfd re-mask", rig_signalfd, .run = { no_call, mask_native, mask_evfd } },
	{ "signalfd re-mask by the device", rig_signalfd,
	  .run = { no_call, mask_native, mask_by_device } },
	{ "signalfd poll ready, timeout 0", queue_one, discard,
	  .run = { [FLOOR ... EVFD] = poll_ready } },
	{ "signalfd poll ready, may wait", queue_one, discard,
	  .run = { [FLOOR ... EVFD] = poll_may_wait } },
	{ "signalfd poll idle, timeout 0", rig_signalfd,
	  .run = { [FLOOR ... EVFD] = poll_idle } },
	{ "signalfd create+close", rig_nothing, .frees = true,
	  .run = { no_create, create_and_close, create_and_close } },
};

void measure_signalfd(void)
{
	allow_signals(2 * READS * TOGETHER);
	block_signal(SIGRTMIN);
	measure(operations, ARRAY_SIZE(operations));
}
