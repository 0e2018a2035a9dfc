// SPDX-License-Identifier: GPL-2.0
/* Timers through a queue. */
#include "queue.h"

#include <signal.h>
#include <sys/signalfd.h>
#include <time.h>

/* HZ is 250: an interrupt that begins this long after a tick ends well before the next. */
#define TICK_NS		4000000
#define IN_A_TICK_NS	1000000

#define ADDED		(MANY / BATCH * BATCH)
#define FIRES		25

static struct __kernel_timespec never = { .tv_sec = NEVER_NS / 1000000000 };

static void add_timers(struct rig *rig, int first, int n)
{
	if (rig->variant == EVFD) {
		for (int i = 0; i < n; i++) {
			queues.ops[i] = kevent_op_add(KEVENT_TIMER, CLOCK_MONOTONIC, first + i,
						      KEVENT_TIMER_FIRED, 0);
			queues.ops[i].arg[0] = NEVER_NS;
		}
		submit_ops(n);
		for (int i = 0; i < n; i++)
			queues.handles[first + i] = queues.ops[i].handle;
		queues.n = first + n;
		return;
	}
	if (rig->variant == URING) {
		for (int i = 0; i < n; i++)
			uring_queue(&queues.uring, IORING_OP_TIMEOUT, -1, &never, 1, first + i);
		must(uring_submit(&queues.uring) == n);
		queues.n = first + n;
		return;
	}
	for (int i = first; i < first + n; i++) {
		rig->many[i] = new_timer(NATIVE, TFD_NONBLOCK);
		must(!set_native_timer_for(rig->many[i], 0, NEVER_NS, 0, false));
		epoll_add(rig->epoll, rig->many[i], EPOLLIN | EPOLLET);
	}
	rig->n = first + n;
}

static void remove_timers(struct rig *rig)
{
	if (rig->variant == EVFD)
		remove_kevents();
	for (int i = 0; i < queues.n; i++)
		uring_queue(&queues.uring, IORING_OP_TIMEOUT_REMOVE, -1, (void *)(uintptr_t)i, 0,
			    MANY);
	if (queues.n)
		must(uring_submit(&queues.uring) == queues.n);
	queues.n = 0;
	if (rig->variant == URING)
		drain_queue(rig);
	for (int i = 0; i < rig->n; i++)
		close(rig->many[i]);
	rig->n = 0;
}

static void add_batch(struct rig *rig, int i)
{
	add_timers(rig, BATCH * i, BATCH);
}

static void rig_batch(struct rig *rig)
{
	open_queue(rig);
	if (rig->variant != FLOOR)
		add_timers(rig, 0, BATCH);
}

static void rearm_batch(struct rig *rig, int i)
{
	(void)rig;
	(void)i;
	for (int k = 0; k < BATCH; k++) {
		queues.ops[k] = kevent_op_init_(KEVENT_OP_REARM, queues.handles[k]);
		queues.ops[k].arg[0] = NEVER_NS;
	}
	submit_ops(BATCH);
}

static void rearm_batch_native(struct rig *rig, int i)
{
	(void)i;
	for (int k = 0; k < BATCH; k++)
		must(!set_native_timer_for(rig->many[k], 0, NEVER_NS, 0, false));
}

static void rearm_batch_uring(struct rig *rig, int i)
{
	struct io_uring_sqe *sqe;

	(void)i;
	for (int k = 0; k < BATCH; k++) {
		sqe = uring_queue(&queues.uring, IORING_OP_TIMEOUT_REMOVE, -1,
				  (void *)(uintptr_t)k, 0, MANY);
		sqe->addr2 = (uintptr_t)&never;
		sqe->timeout_flags = IORING_TIMEOUT_UPDATE;
	}
	must(uring_submit(&queues.uring) == BATCH);
	must(drain_queue(rig) == BATCH);
}

static void extend(struct rig *rig, int i)
{
	struct kevent_queue *queue = kevent_queue();
	kevent_u64 *data = kevent_u64_(&queue->slot[kevent_slot_of(queues.handles[0])].data);

	(void)rig;
	(void)i;
	for (int k = LOOPS; again(&k);)
		must(__atomic_exchange_n(data, 2 * NEVER_NS, __ATOMIC_SEQ_CST));
}

static void extend_native(struct rig *rig, int i)
{
	(void)i;
	for (int k = LOOPS; again(&k);)
		must(!set_native_timer_for(rig->many[0], 0, NEVER_NS, 0, false));
}

static const struct operation operations[] = {
	{ "add 64 timers, each", open_queue, close_queue, remove_timers, .times = ADDED / BATCH,
	  .parts = BATCH,
	  .run = { [NATIVE] = add_batch, [EVFD] = add_batch, [URING] = add_batch } },
	{ "re-arm 64 timers, each", rig_batch, close_queue, .parts = BATCH,
	  .run = { [NATIVE] = rearm_batch_native, [EVFD] = rearm_batch,
		   [URING] = rearm_batch_uring } },
	{ "extend a timer", rig_batch, close_queue, .parts = LOOPS,
	  .run = { loop_only, extend_native, extend } },
};

/* Sets all timers to the same time, late enough to arm them all before. Returns it. */
static int64_t expire_together(struct rig *rig, int n)
{
	int64_t ticks = (now_ns() + n * INT64_C(4000)) / TICK_NS + 3;
	int64_t at = ticks * TICK_NS + IN_A_TICK_NS;

	for (int i = 0; i < n; i++) {
		if (rig->variant == NATIVE) {
			must(!set_native_timer_for(rig->many[i], TFD_TIMER_ABSTIME, at, 0, false));
			continue;
		}
		queues.ops[i] = kevent_op_init_(KEVENT_OP_REARM, queues.handles[i]);
		queues.ops[i].flags = KEVENT_TIMER_ABSTIME;
		queues.ops[i].arg[0] = at;
	}
	if (rig->variant == EVFD)
		submit_ops(n);
	return at;
}

static void deliver(int n)
{
	struct kevent_queue *queue = kevent_queue();
	struct kevent_event event;

	while (n) {
		if (kevent_next(queue, &event))
			n--;
	}
}

static void deliver_native(struct rig *rig, int n)
{
	struct epoll_event events[BATCH];

	while (n) {
		int some = epoll_take(rig->epoll, events, BATCH, 0);

		must(some > 0);
		for (int i = 0; i < some; i++)
			must(take(events[i].data.fd) == 8);
		n -= some;
	}
}

/* The time after the expiration is spent in the interrupt and in taking the events. */
static double fire(struct rig *rig, int n)
{
	int64_t at = expire_together(rig, n);

	must(now_ns() < at);
	while (now_ns() < at)
		;
	if (rig->variant == EVFD)
		deliver(n);
	else
		deliver_native(rig, n);
	return (double)(now_ns() - at) / n;
}

static void tell_fire(const char *name, int n)
{
	for (enum variant variant = NATIVE; variant <= EVFD; variant++) {
		struct rig rig = { .variant = variant };
		double values[FIRES];

		open_queue(&rig);
		add_timers(&rig, 0, n);
		fire(&rig, n);
		for (int i = 0; i < FIRES; i++)
			values[i] = fire(&rig, n);
		tell(name, variant_names[variant], median(values, FIRES));
		remove_timers(&rig);
		close_queue(&rig);
		if (variant == NATIVE)
			close(rig.epoll);
	}
}

/* A timer of POSIX: natively, its signal is taken from a signalfd. */
struct posix {
	timer_t timer;
	int signals;
	struct kevent_op op;
};

static void posix_create(struct rig *rig, struct posix *posix)
{
	struct sigevent event = { .sigev_notify = SIGEV_SIGNAL, .sigev_signo = SIGUSR1 };
	sigset_t signals;

	if (rig->variant == EVFD) {
		queues.ops[0] = kevent_op_add(KEVENT_POSIX_TIMER, CLOCK_MONOTONIC, 0,
					      KEVENT_TIMER_FIRED, 0);
		submit_ops(1);
		posix->op = kevent_op_rearm(queues.ops[0].handle, 0, 0, 0, KEVENT_TIMER_ABSTIME);
		return;
	}
	sigemptyset(&signals);
	sigaddset(&signals, SIGUSR1);
	must(!sigprocmask(SIG_BLOCK, &signals, NULL));
	posix->signals = signalfd(-1, &signals, SFD_NONBLOCK);
	must(posix->signals >= 0 && !timer_create(CLOCK_MONOTONIC, &event, &posix->timer));
}

static void posix_set(struct rig *rig, struct posix *posix, int64_t at)
{
	struct itimerspec new = { .it_value = { at / 1000000000, at % 1000000000 } };

	if (rig->variant == EVFD) {
		queues.ops[0] = posix->op;
		queues.ops[0].arg[0] = at;
		submit_ops(1);
	} else {
		must(!timer_settime(posix->timer, TIMER_ABSTIME, &new, NULL));
	}
}

static void posix_deliver(struct rig *rig, struct posix *posix)
{
	struct signalfd_siginfo info;

	if (rig->variant == EVFD)
		deliver(1);
	else
		must(read(posix->signals, &info, sizeof(info)) == sizeof(info));
}

/* The time to set the timer, and from its expiration to the event in the program. */
static double posix_fire(struct rig *rig, struct posix *posix)
{
	int64_t at = (now_ns() / TICK_NS + 2) * TICK_NS + IN_A_TICK_NS, from = now_ns(), set;

	posix_set(rig, posix, at);
	set = now_ns();
	must(set < at);
	while (now_ns() < at)
		;
	posix_deliver(rig, posix);
	return now_ns() - at + set - from;
}

static void tell_posix(const char *name)
{
	for (enum variant variant = NATIVE; variant <= EVFD; variant++) {
		struct rig rig = { .variant = variant };
		double values[FIRES];
		struct posix posix;

		open_queue(&rig);
		posix_create(&rig, &posix);
		posix_fire(&rig, &posix);
		for (int i = 0; i < FIRES; i++)
			values[i] = posix_fire(&rig, &posix);
		tell(name, variant_names[variant], median(values, FIRES));
		close_queue(&rig);
		if (variant == NATIVE) {
			close(rig.epoll);
			close(posix.signals);
			timer_delete(posix.timer);
		}
	}
}

void measure_queue_timers(void)
{
	measure(operations, ARRAY_SIZE(operations));
	tell_fire("fire and deliver a timer", 1);
	tell_fire("fire and deliver 448 timers, each", ADDED);
	tell_posix("re-arm, fire and deliver a POSIX timer");
}
