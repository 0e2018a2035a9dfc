// SPDX-License-Identifier: GPL-2.0
/*
 * KEVENT_SIGNAL: signals that are observed and consumed, beside what a native signalfd,
 * sigaction() and sigtimedwait() say of the same signals.
 */
#include "kevent_signal.h"
#include "take26.h"

#include <setjmp.h>
#include <time.h>

FIXTURE(signal)
{
	struct kevent_queue q;
	/* Reads both signals. Only tests that block them have something to read. */
	int native;
};

FIXTURE_SETUP(signal)
{
	ASSERT_EQ(0, kevent_open(&self->q, MIN_SLOTS, 0));
	self->native = signalfd(-1, &(sigset_t){ 0 }, SFD_NONBLOCK | SFD_CLOEXEC);
	ASSERT_GE(self->native, 0);
}

FIXTURE_TEARDOWN(signal)
{
	kevent_close(&self->q);
}

static int by_timer(int sig)
{
	struct sigevent event = { .sigev_notify = SIGEV_SIGNAL, .sigev_signo = sig };
	struct itimerspec now = { .it_value.tv_nsec = 1 };
	static timer_t timer;
	static int of;

	/* One timer for each signal, so that all records have its id. */
	if (of != sig && timer_create(CLOCK_MONOTONIC, &event, &timer))
		return -1;
	of = sig;
	if (timer_settime(timer, 0, &now, NULL))
		return -1;
	return wait_for(sig_pending() & sig_bit(sig)) ? 0 : -1;
}

static int by_pipe(int sig)
{
	int fds[2], ret = -1;

	if (pipe2(fds, O_CLOEXEC))
		return -1;
	if (!fcntl(fds[0], F_SETOWN, getpid()) && !fcntl(fds[0], F_SETSIG, sig) &&
	    !fcntl(fds[0], F_SETFL, O_ASYNC) && write(fds[1], "", 1) == 1)
		ret = wait_for(sig_pending() & sig_bit(sig)) ? 0 : -1;
	close(fds[0]);
	close(fds[1]);
	return ret;
}

static int (*const ways[])(int sig) = {
	by_kill, by_tgkill, by_queue, by_thread_queue, by_timer, by_pipe, by_child,
	by_child_queue,
};

/* The observed record is that of a read of a native descriptor. */
TEST_F(signal, observed_records_are_native)
{
	struct signalfd_siginfo want;

	for (int i = 0; i < 2; i++) {
		int sig = i ? QUEUED : STANDARD;
		uint64_t handle;

		ASSERT_TRUE(native_for(self->native, sig_bit(sig)));
		handle = add(&self->q, sig, 0, 0);
		ASSERT_NE(0, handle);
		for (size_t way = 0; way < ARRAY_SIZE(ways); way++) {
			EXPECT_EQ(0, ways[way](sig));
			EXPECT_TRUE(queue_gives(&self->q, 1, DELIVERY));
			EXPECT_EQ(way + 1, kevent_data(&self->q, handle));
			EXPECT_EQ(1, native_take(self->native, &want));
			EXPECT_TRUE(takes(&self->q, handle, &want));
			EXPECT_EQ(-EAGAIN, take(&self->q, handle, &want, 1));
			EXPECT_TRUE(queue_is_empty(&self->q));
		}
		EXPECT_EQ(0, queue_remove(&self->q, handle));
	}
}

/* A consumed record is that of a native descriptor for the same signal sent again. */
TEST_F(signal, consumed_records_are_native)
{
	struct signalfd_siginfo want, seen;

	for (int i = 0; i < 2; i++) {
		int sig = i ? QUEUED : STANDARD;
		uint64_t handle;

		ASSERT_TRUE(native_for(self->native, sig_bit(sig)));
		handle = add(&self->q, sig | NOMASK, 0, 0);
		ASSERT_NE(0, handle);
		for (size_t way = 0; way < ARRAY_SIZE(ways); way++) {
			EXPECT_EQ(0, ways[way](sig));
			EXPECT_EQ(1, native_take(self->native, &want));
			EXPECT_EQ(0, ways[way](sig));
			EXPECT_TRUE(queue_gives(&self->q, 1, DELIVERY));
			EXPECT_EQ(1, take(&self->q, handle, &seen, 1));
			/* Another child, and another descriptor's number at most. */
			if (want.ssi_pid != (uint32_t)getpid())
				seen.ssi_pid = want.ssi_pid;
			EXPECT_TRUE(record_is(&want, &seen));
			EXPECT_EQ(-EAGAIN, take(&self->q, handle, &seen, 1));
			EXPECT_EQ(0, sig_pending());
		}
		EXPECT_EQ(0, kevent_data(&self->q, handle));
		EXPECT_EQ(0, queue_remove(&self->q, handle));
	}
}

/* A child that ends: SIGCHLD. */
TEST_F(signal, end_of_a_child)
{
	struct signalfd_siginfo want;
	uint64_t handle;
	siginfo_t info;
	pid_t child;

	ASSERT_TRUE(native_for(self->native, sig_bit(SIGCHLD)));
	handle = add(&self->q, SIGCHLD, 0, 0);
	ASSERT_NE(0, handle);
	child = fork();
	if (!child)
		_exit(5);
	ASSERT_EQ(0, waitid(P_PID, child, &info, WEXITED));
	EXPECT_TRUE(queue_gives(&self->q, 1, DELIVERY));
	EXPECT_EQ(1, native_take(self->native, &want));
	EXPECT_TRUE(takes(&self->q, handle, &want));
	EXPECT_EQ(child, want.ssi_pid);
	EXPECT_EQ(5, want.ssi_status);

	/* Natively, this signal is not even sent. */
	signal(SIGCHLD, SIG_IGN);
	child = fork();
	if (!child)
		_exit(5);
	EXPECT_EQ(-1, waitpid(child, NULL, 0));
	EXPECT_EQ(1, kevent_data(&self->q, handle));
	signal(SIGCHLD, SIG_DFL);
}

static siginfo_t handled;
static volatile int handled_count;

static void handle_signal(int sig, siginfo_t *info, void *context)
{
	(void)sig;
	(void)context;
	handled = *info;
	handled_count++;
}

static bool set_handler(int sig, void (*handler)(int sig, siginfo_t *info, void *context))
{
	struct sigaction action = { .sa_sigaction = handler, .sa_flags = SA_SIGINFO };

	handled_count = 0;
	return !sigaction(sig, &action, NULL);
}

/* Observing changes nothing: a handler runs, and sees the same. */
TEST_F(signal, observed_beside_a_handler)
{
	uint64_t handle = add(&self->q, QUEUED, 0, 0);
	struct signalfd_siginfo seen;

	ASSERT_TRUE(set_handler(QUEUED, handle_signal));
	EXPECT_EQ(0, sig_queue(getpid(), QUEUED, 4711));
	EXPECT_EQ(1, handled_count);
	EXPECT_TRUE(queue_gives(&self->q, 1, DELIVERY));
	EXPECT_EQ(1, take(&self->q, handle, &seen, 1));
	EXPECT_EQ(QUEUED, (int)seen.ssi_signo);
	EXPECT_EQ(handled.si_code, seen.ssi_code);
	EXPECT_EQ(handled.si_pid, (int)seen.ssi_pid);
	EXPECT_EQ(handled.si_value.sival_int, seen.ssi_int);
	EXPECT_EQ(0, sig_blocked());
}

static sigjmp_buf after_fault;

static void handle_fault(int sig, siginfo_t *info, void *context)
{
	handle_signal(sig, info, context);
	siglongjmp(after_fault, 1);
}

TEST_F(signal, observed_fault)
{
	uint64_t handle = add(&self->q, SIGSEGV, 0, 0);
	struct signalfd_siginfo seen;
	char *page = mmap(NULL, 4096, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	ASSERT_NE(MAP_FAILED, page);
	ASSERT_TRUE(set_handler(SIGSEGV, handle_fault));
	if (!sigsetjmp(after_fault, 1))
		*(volatile char *)(page + 100) = 1;
	EXPECT_EQ(1, handled_count);
	EXPECT_TRUE(queue_gives(&self->q, 1, DELIVERY));
	EXPECT_EQ(1, take(&self->q, handle, &seen, 1));
	EXPECT_EQ(SEGV_ACCERR, seen.ssi_code);
	EXPECT_EQ((uintptr_t)page + 100, seen.ssi_addr);
	signal(SIGSEGV, SIG_DFL);
}

/* Ignored, blocked and already pending signals are observed, and counted. */
TEST_F(signal, observed_although_not_delivered)
{
	uint64_t handle = add(&self->q, STANDARD, 0, 0);

	signal(STANDARD, SIG_IGN);
	EXPECT_EQ(0, by_kill(STANDARD));
	EXPECT_TRUE(queue_gives(&self->q, 1, DELIVERY));
	EXPECT_EQ(1, kevent_data(&self->q, handle));
	EXPECT_EQ(0, sig_pending());

	signal(STANDARD, SIG_DFL);
	ASSERT_EQ(0, sig_block(sig_bit(STANDARD)));
	EXPECT_EQ(0, by_kill(STANDARD));
	EXPECT_TRUE(queue_gives(&self->q, 1, DELIVERY));
	EXPECT_EQ(0, by_queue(STANDARD));
	EXPECT_TRUE(queue_gives(&self->q, 1, DELIVERY));
	EXPECT_EQ(3, kevent_data(&self->q, handle));
	EXPECT_EQ(0, take_value(&self->q, handle));
	EXPECT_EQ(0, take_value(&self->q, handle));
	EXPECT_EQ(0x12345678, take_value(&self->q, handle));

	/* Other signals are not. */
	EXPECT_EQ(0, sig_block(sig_bit(SIGUSR1)));
	EXPECT_EQ(0, by_kill(SIGUSR1));
	EXPECT_EQ(0, kill(getpid(), 0));
	EXPECT_TRUE(queue_stays_empty(&self->q));
}

/* Natively, a signal without a queue's room is refused if it has a value. */
TEST_F(signal, refused_signals_do_not_count)
{
	uint64_t handle = add(&self->q, QUEUED, 0, 0);
	struct signalfd_siginfo seen;

	ASSERT_EQ(0, sig_block(sig_bit(QUEUED)));
	ASSERT_EQ(0, sig_set_queue_limit(0));
	EXPECT_EQ(-1, by_queue(QUEUED));
	EXPECT_EQ(EAGAIN, errno);
	EXPECT_TRUE(queue_is_empty(&self->q));
	EXPECT_EQ(0, kevent_data(&self->q, handle));

	/* This one loses its information, which we have. */
	EXPECT_EQ(0, by_kill(QUEUED));
	EXPECT_TRUE(queue_gives(&self->q, 1, DELIVERY));
	EXPECT_EQ(1, take(&self->q, handle, &seen, 1));
	EXPECT_EQ(getpid(), (int)seen.ssi_pid);
}

/* Records are kept up to the number of ADD. data counts the others, too. */
TEST_F(signal, full_buffer)
{
	static const int sizes[] = { 1, 3, 0, KEVENT_MAX_RECORDS };
	static struct signalfd_siginfo seen[KEVENT_MAX_RECORDS];

	signal(QUEUED, SIG_IGN);
	for (size_t i = 0; i < ARRAY_SIZE(sizes); i++) {
		int size = sizes[i] ?: 16, sent = 0;
		uint64_t handle = add(&self->q, QUEUED, sizes[i], 0);

		ASSERT_NE(0, handle);
		for (int j = 0; j < size + 5; j++)
			EXPECT_EQ(0, sig_queue(getpid(), QUEUED, sent++));
		EXPECT_TRUE(queue_gives(&self->q, 1, DELIVERY));
		EXPECT_EQ(sent, (int)kevent_data(&self->q, handle));
		EXPECT_EQ(0, take_value(&self->q, handle));
		EXPECT_EQ(0, sig_queue(getpid(), QUEUED, sent++));
		EXPECT_EQ(0, sig_queue(getpid(), QUEUED, sent++));
		EXPECT_TRUE(queue_gives(&self->q, 1, DELIVERY));
		EXPECT_EQ(size, take(&self->q, handle, seen, KEVENT_MAX_RECORDS));
		for (int j = 0; j < size - 1; j++)
			EXPECT_EQ(j + 1, seen[j].ssi_int);
		EXPECT_EQ(sent - 2, seen[size - 1].ssi_int);
		EXPECT_EQ(-EAGAIN, take(&self->q, handle, seen, 1));
		EXPECT_EQ(0, queue_remove(&self->q, handle));
	}
}

/* Queued signals are consumed in order, and others once, as by a native descriptor. */
TEST_F(signal, consumed_in_order)
{
	static struct signalfd_siginfo seen[200];
	uint64_t handle = add(&self->q, QUEUED | NOMASK, 0, 0);
	struct timespec now = { };
	sigset_t set;
	siginfo_t info;

	for (int i = 0; i < 200; i++)
		ASSERT_EQ(0, sig_queue(getpid(), QUEUED, i));
	EXPECT_TRUE(queue_gives(&self->q, 1, DELIVERY));
	EXPECT_EQ(0, take_value(&self->q, handle));
	sigemptyset(&set);
	sigaddset(&set, QUEUED);
	EXPECT_EQ(QUEUED, sigtimedwait(&set, &info, &now));
	EXPECT_EQ(1, info.si_value.sival_int);
	EXPECT_EQ(198, take(&self->q, handle, seen, 200));
	for (int i = 0; i < 198; i++)
		EXPECT_EQ(i + 2, seen[i].ssi_int);
	EXPECT_TRUE(queue_stays_empty(&self->q));

	EXPECT_NE(0, handle = add(&self->q, STANDARD | NOMASK, 0, 0));
	EXPECT_EQ(0, by_kill(STANDARD));
	EXPECT_EQ(0, by_kill(STANDARD));
	EXPECT_EQ(1, take(&self->q, handle, seen, 200));
	EXPECT_EQ(-EAGAIN, take(&self->q, handle, seen, 200));
}

/* There is an event as long as the signal is pending. */
TEST_F(signal, consuming_has_a_level)
{
	uint64_t handle;
	struct timespec now = { };
	sigset_t set;

	/* Pending before it is added. */
	ASSERT_EQ(0, sig_block(sig_bit(QUEUED)));
	EXPECT_EQ(0, sig_queue(getpid(), QUEUED, 1));
	handle = add(&self->q, QUEUED | NOMASK, 0, 0);
	EXPECT_TRUE(queue_gives(&self->q, 1, DELIVERY));
	EXPECT_EQ(0, sig_queue(getpid(), QUEUED, 2));
	EXPECT_TRUE(queue_gives(&self->q, 1, DELIVERY));
	for (int i = 1; i <= 2; i++) {
		EXPECT_TRUE(queue_is_empty(&self->q));
		EXPECT_TRUE(queue_waits_for(&self->q, 1, DELIVERY));
		EXPECT_EQ(i, take_value(&self->q, handle));
	}
	EXPECT_TRUE(queue_stays_empty(&self->q));

	/* Taken by others. */
	EXPECT_EQ(0, by_kill(QUEUED));
	EXPECT_TRUE(queue_waits_for(&self->q, 1, DELIVERY));
	sigemptyset(&set);
	sigaddset(&set, QUEUED);
	EXPECT_EQ(QUEUED, sigtimedwait(&set, NULL, &now));
	EXPECT_TRUE(queue_stays_empty(&self->q));
}

/* With KEVENT_ET, there is an event for a signal that is sent. */
TEST_F(signal, consuming_edges)
{
	uint64_t handle = add(&self->q, QUEUED | NOMASK, 0, KEVENT_ET);

	EXPECT_EQ(0, sig_queue(getpid(), QUEUED, 1));
	EXPECT_EQ(0, sig_queue(getpid(), QUEUED, 2));
	EXPECT_TRUE(queue_gives(&self->q, 1, DELIVERY));
	EXPECT_TRUE(queue_stays_empty(&self->q));
	EXPECT_EQ(1, take_value(&self->q, handle));
	EXPECT_TRUE(queue_stays_empty(&self->q));
	EXPECT_EQ(0, sig_queue(getpid(), QUEUED, 3));
	EXPECT_TRUE(queue_gives(&self->q, 1, DELIVERY));
	EXPECT_EQ(0, queue_recheck(&self->q, handle));
	EXPECT_TRUE(queue_gives(&self->q, 1, DELIVERY));
	EXPECT_EQ(0, queue_mod(&self->q, handle, DELIVERY, 0));
	EXPECT_TRUE(queue_gives(&self->q, 1, DELIVERY));
	EXPECT_TRUE(queue_waits_for(&self->q, 1, DELIVERY));
}

TEST_F(signal, dispatch)
{
	uint64_t handle = add(&self->q, QUEUED, 0, KEVENT_DISPATCH);

	signal(QUEUED, SIG_IGN);
	for (int i = 0; i < 3; i++)
		EXPECT_EQ(0, sig_queue(getpid(), QUEUED, i));
	EXPECT_TRUE(queue_gives(&self->q, 1, DELIVERY));
	EXPECT_EQ(0, sig_queue(getpid(), QUEUED, 3));
	EXPECT_TRUE(queue_stays_empty(&self->q));
	EXPECT_EQ(0, queue_recheck(&self->q, handle));
	EXPECT_TRUE(queue_gives(&self->q, 1, DELIVERY));
	EXPECT_EQ(4, kevent_data(&self->q, handle));
	EXPECT_EQ(0, queue_recheck(&self->q, handle));
	EXPECT_TRUE(queue_stays_empty(&self->q));
	for (int i = 0; i < 4; i++)
		EXPECT_EQ(i, take_value(&self->q, handle));
	EXPECT_EQ(0, queue_remove(&self->q, handle));

	handle = add(&self->q, QUEUED | NOMASK, 0, KEVENT_DISPATCH);
	EXPECT_EQ(0, sig_queue(getpid(), QUEUED, 1));
	EXPECT_EQ(0, sig_queue(getpid(), QUEUED, 2));
	EXPECT_TRUE(queue_gives(&self->q, 1, DELIVERY));
	EXPECT_EQ(1, take_value(&self->q, handle));
	EXPECT_TRUE(queue_stays_empty(&self->q));
	EXPECT_EQ(0, queue_recheck(&self->q, handle));
	EXPECT_TRUE(queue_gives(&self->q, 1, DELIVERY));
	EXPECT_EQ(2, take_value(&self->q, handle));
}

/* The kevent ends with its event, and so has nothing to take. */
TEST_F(signal, oneshot)
{
	struct signalfd_siginfo seen;
	uint64_t handle;

	ASSERT_EQ(0, sig_block(sig_bit(STANDARD)));
	handle = add(&self->q, STANDARD, 0, KEVENT_ONESHOT);
	EXPECT_EQ(0, by_kill(STANDARD));
	EXPECT_EQ(0, by_kill(STANDARD));
	EXPECT_TRUE(queue_gives(&self->q, 1, DELIVERY));
	EXPECT_EQ(-ENOENT, take(&self->q, handle, &seen, 1));
	EXPECT_TRUE(queue_stays_empty(&self->q));

	handle = add(&self->q, STANDARD | NOMASK, 0, KEVENT_ONESHOT);
	EXPECT_TRUE(queue_gives(&self->q, 1, DELIVERY));
	EXPECT_TRUE(queue_stays_empty(&self->q));
	EXPECT_EQ(-ENOENT, take(&self->q, handle, &seen, 1));
	EXPECT_EQ(sig_bit(STANDARD), sig_pending());
}

/* The program changes the events that it wants. */
TEST_F(signal, wanted_events)
{
	uint64_t handle = queue_add(&self->q, KEVENT_SIGNAL, STANDARD, 1, 0, 0);
	uint64_t consumer = queue_add(&self->q, KEVENT_SIGNAL, STANDARD | NOMASK, 2, 0, 0);

	EXPECT_EQ(0, by_kill(STANDARD));
	EXPECT_TRUE(queue_stays_empty(&self->q));
	EXPECT_EQ(1, kevent_data(&self->q, handle));
	EXPECT_EQ(0, queue_mod(&self->q, handle, DELIVERY, 0));
	EXPECT_TRUE(queue_stays_empty(&self->q));
	EXPECT_EQ(0, queue_mod(&self->q, consumer, DELIVERY, 0));
	EXPECT_TRUE(queue_gives(&self->q, 2, DELIVERY));
	EXPECT_EQ(0, queue_remove(&self->q, consumer));
	EXPECT_EQ(0, by_kill(STANDARD));
	EXPECT_TRUE(queue_gives(&self->q, 1, DELIVERY));
	EXPECT_EQ(2, kevent_data(&self->q, handle));
}

/* ADD blocks the signal in its thread, and REMOVE leaves it so. */
TEST_F(signal, add_blocks)
{
	uint64_t handle;

	EXPECT_NE(0, add(&self->q, QUEUED, 0, 0));
	EXPECT_EQ(0, sig_blocked());
	handle = add(&self->q, QUEUED | NOMASK, 0, 0);
	EXPECT_NE(0, handle);
	EXPECT_EQ(sig_bit(QUEUED), sig_blocked());
	EXPECT_EQ(0, queue_remove(&self->q, handle));
	EXPECT_EQ(sig_bit(QUEUED), sig_blocked());
}

/* An ADD that fails changes no mask, also if its result cannot be written. */
TEST_F(signal, failed_add_does_not_block)
{
	struct kevent_op *op = mmap(NULL, 4096, PROT_READ | PROT_WRITE,
				    MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	ASSERT_NE(MAP_FAILED, op);
	EXPECT_NE(0, add(&self->q, QUEUED | NOMASK, 0, 0));
	ASSERT_EQ(0, sig_unblock(sig_bit(QUEUED)));
	EXPECT_EQ(0, add(&self->q, QUEUED | NOMASK, 0, 0));
	EXPECT_EQ(EEXIST, errno);
	EXPECT_EQ(0, add(&self->q, STANDARD | NOMASK, 1, 0));
	EXPECT_EQ(0, sig_blocked());

	*op = kevent_op_add(KEVENT_SIGNAL, STANDARD | NOMASK, 1, DELIVERY, 0);
	ASSERT_EQ(0, mprotect(op, 4096, PROT_READ));
	EXPECT_EQ(-1, kevent_submit(&self->q, op, 1));
	EXPECT_EQ(EFAULT, errno);
	EXPECT_EQ(0, sig_blocked());
	ASSERT_EQ(0, mprotect(op, 4096, PROT_READ | PROT_WRITE));
	EXPECT_EQ(0, queue_do(&self->q, op));
	EXPECT_EQ(sig_bit(STANDARD), sig_blocked());
}

#define ADD_FAILS(error, ...)						\
do {									\
	EXPECT_EQ(0, add(&self->q, __VA_ARGS__));			\
	EXPECT_EQ((error), errno);					\
} while (0)

TEST_F(signal, invalid_add)
{
	struct kevent_op op;

	ADD_FAILS(EINVAL, 0, 0, 0);
	ADD_FAILS(EINVAL, 65, 0, 0);
	ADD_FAILS(EINVAL, UINT64_C(1) << 32 | 1, 0, 0);
	ADD_FAILS(EINVAL, UINT64_C(1) << 62 | 1, 0, 0);
	ADD_FAILS(EINVAL, NOMASK, 0, 0);
	ADD_FAILS(EINVAL, NOMASK | 65, 0, 0);
	ADD_FAILS(EINVAL, NOMASK | SIGKILL, 0, 0);
	ADD_FAILS(EINVAL, NOMASK | SIGSTOP, 0, 0);
	ADD_FAILS(EINVAL, NOMASK | QUEUED, 1, 0);
	ADD_FAILS(EINVAL, QUEUED, KEVENT_MAX_RECORDS + 1, 0);
	ADD_FAILS(EINVAL, QUEUED, UINT64_MAX, 0);
	ADD_FAILS(EINVAL, QUEUED, 0, KEVENT_ET);
	ADD_FAILS(EINVAL, QUEUED, 0, KEVENT_BYTES);
	ADD_FAILS(EINVAL, QUEUED, 0, KEVENT_TIMER_ABSTIME);
	ADD_FAILS(EINVAL, QUEUED, 0, KEVENT_ONESHOT | KEVENT_DISPATCH);
	for (int i = 1; i < 3; i++) {
		op = kevent_op_add(KEVENT_SIGNAL, QUEUED, 1, DELIVERY, 0);
		op.arg[i] = 1;
		EXPECT_EQ(-EINVAL, queue_do(&self->q, &op));
	}
	EXPECT_EQ(0, queue_add(&self->q, KEVENT_SIGNAL, QUEUED, 1, DELIVERY << 1, 0));
	EXPECT_EQ(EINVAL, errno);
	EXPECT_EQ(0, sig_blocked());
	EXPECT_NE(0, add(&self->q, QUEUED, 0, 0));
	ADD_FAILS(EEXIST, QUEUED, 0, 0);
	EXPECT_NE(0, add(&self->q, SIGKILL, 0, 0));
	EXPECT_NE(0, add(&self->q, SIGSTOP, 0, 0));
	EXPECT_NE(0, add(&self->q, 64, 0, 0));
	EXPECT_NE(0, add(&self->q, 1, 0, 0));
}

TEST_F(signal, invalid_operations)
{
	uint64_t handle = add(&self->q, QUEUED, 0, 0);
	uint64_t user = queue_add_user(&self->q, 1, 1, 0);
	struct signalfd_siginfo seen;
	struct kevent_op op;

	EXPECT_EQ(-EINVAL, queue_mod(&self->q, handle, DELIVERY, KEVENT_ET));
	EXPECT_EQ(-EINVAL, queue_mod(&self->q, handle, DELIVERY << 1, 0));
	EXPECT_EQ(-EINVAL, queue_ready(&self->q, handle, DELIVERY));
	EXPECT_EQ(-EINVAL, take(&self->q, handle, &seen, 0));
	EXPECT_EQ(-EINVAL, take(&self->q, handle, &seen, KEVENT_MAX_RECORDS + 1));
	EXPECT_EQ(-EINVAL, take(&self->q, user, &seen, 1));
	EXPECT_EQ(-ENOENT, take(&self->q, 0, &seen, 1));
	EXPECT_EQ(-ENOENT, take(&self->q, handle + 10, &seen, 1));
	EXPECT_EQ(-EFAULT, take(&self->q, handle, nowhere(), 1));
	EXPECT_EQ(-EAGAIN, take(&self->q, handle, &seen, KEVENT_MAX_RECORDS));
#define TAKE_FAILS(field)						\
do {									\
	op = kevent_op_take(handle, &seen, 1);					\
	op.field = 1;							\
	EXPECT_EQ(-EINVAL, queue_do(&self->q, &op));			\
} while (0)
	TAKE_FAILS(flags);
	TAKE_FAILS(type);
	TAKE_FAILS(want);
	TAKE_FAILS(id);
	TAKE_FAILS(user);
	TAKE_FAILS(arg[2]);
	EXPECT_EQ(1, queue_remove(&self->q, handle) == 0);
	EXPECT_EQ(-ENOENT, take(&self->q, handle, &seen, 1));
}

/* Memory that can be written in part. Returns the record before its end. */
static struct signalfd_siginfo *end_of_memory(void)
{
	char *pages = mmap(NULL, 8192, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS,
			   -1, 0);

	if (pages == MAP_FAILED || mprotect(pages + 4096, 4096, PROT_NONE))
		return NULL;
	return (void *)(pages + 4096 - RECORD_SIZE);
}

/* No signal is lost where its record cannot be written. */
TEST_F(signal, faults)
{
	struct signalfd_siginfo *last = end_of_memory(), seen;
	uint64_t handle;

	ASSERT_NE(NULL, last);
	for (int i = 0; i < 2; i++) {
		ASSERT_EQ(0, sig_block(sig_bit(QUEUED)));
		handle = add(&self->q, (i ? NOMASK : 0) | QUEUED, 0, 0);
		ASSERT_NE(0, handle);
		for (int j = 0; j < 3; j++)
			EXPECT_EQ(0, sig_queue(getpid(), QUEUED, j));
		EXPECT_EQ(-EFAULT, take(&self->q, handle, last + 1, 3));
		EXPECT_EQ(-EFAULT, take(&self->q, handle, (char *)last + 4, 3));
		EXPECT_EQ(-EFAULT, take(&self->q, handle, (char *)last + 127, 3));
		EXPECT_EQ(1, take(&self->q, handle, last, 3));
		EXPECT_EQ(0, last->ssi_int);
		/* The second has no room. */
		EXPECT_EQ(1, take(&self->q, handle, (char *)last - 64, 3));
		memcpy(&seen, (char *)last - 64, sizeof(seen));
		EXPECT_EQ(1, seen.ssi_int);
		EXPECT_EQ(2, take_value(&self->q, handle));
		EXPECT_EQ(-EAGAIN, take(&self->q, handle, &seen, 1));
		EXPECT_EQ(0, queue_remove(&self->q, handle) >> 1);
		while (!i && native_for(self->native, sig_bit(QUEUED)) &&
		       fcntl(self->native, F_SETFL, O_NONBLOCK) == 0 &&
		       native_take(self->native, &seen) == 1)
			;
	}
}

/* A TAKE whose result cannot be written takes nothing. */
TEST_F(signal, result_that_cannot_be_written)
{
	uint64_t handle = add(&self->q, QUEUED | NOMASK, 0, 0);
	struct kevent_op *op = mmap(NULL, 4096, PROT_READ | PROT_WRITE,
				    MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	struct signalfd_siginfo seen;

	ASSERT_NE(MAP_FAILED, op);
	EXPECT_EQ(0, sig_queue(getpid(), QUEUED, 3));
	*op = kevent_op_take(handle, &seen, 1);
	ASSERT_EQ(0, mprotect(op, 4096, PROT_READ));
	EXPECT_EQ(-1, kevent_submit(&self->q, op, 1));
	EXPECT_EQ(EFAULT, errno);
	EXPECT_EQ(3, take_value(&self->q, handle));
}

/* The calls of 2006 */

TEST(take26_observes)
{
	int fd = take26_open();

	ASSERT_GE(fd, 0);
	signal(STANDARD, SIG_IGN);
	EXPECT_EQ(0, take26_add(fd, KEVENT_SIGNAL, STANDARD, 1, KEVENT_MASK_ALL, 0));
	EXPECT_TRUE(take26_is_empty(fd));
	EXPECT_EQ(0, by_kill(STANDARD));
	EXPECT_EQ(0, by_kill(STANDARD));
	EXPECT_TRUE(take26_gives(fd, 1, STANDARD));
	EXPECT_TRUE(take26_is_empty(fd));
	EXPECT_EQ(0, take26_modify(fd, KEVENT_SIGNAL, STANDARD, 1, DELIVERY,
				   KEVENT_REQ_ONESHOT));
	EXPECT_EQ(0, by_kill(STANDARD));
	EXPECT_TRUE(take26_gives(fd, 1, STANDARD));
	EXPECT_EQ(0, take26_add(fd, KEVENT_SIGNAL, STANDARD, 1, DELIVERY, 0));
	EXPECT_EQ(0, take26_remove(fd, KEVENT_SIGNAL, STANDARD, 1));
	EXPECT_EQ(-EINVAL, take26_add(fd, KEVENT_SIGNAL, 0, 1, DELIVERY, 0));
	EXPECT_EQ(-EINVAL, take26_add(fd, KEVENT_SIGNAL, 65, 1, DELIVERY, 0));
	EXPECT_EQ(-EINVAL, take26_add(fd, KEVENT_SIGNAL, 1, 1, DELIVERY << 1, 0));
	EXPECT_EQ(-EINVAL, take26_add(fd, KEVENT_SIGNAL, NOMASK | SIGKILL, 1, DELIVERY, 0));
	close(fd);
}

/* The event takes the place of the signal. */
TEST(take26_consumes)
{
	int fd = take26_open();

	ASSERT_GE(fd, 0);
	EXPECT_EQ(0, take26_add(fd, KEVENT_SIGNAL, NOMASK | QUEUED, 1, DELIVERY, 0));
	EXPECT_EQ(sig_bit(QUEUED), sig_blocked());
	for (int i = 0; i < 2; i++) {
		EXPECT_TRUE(take26_is_empty(fd));
		EXPECT_EQ(0, by_kill(QUEUED));
		EXPECT_EQ(0, by_queue(QUEUED));
		EXPECT_EQ(sig_bit(QUEUED), sig_pending());
		EXPECT_TRUE(take26_gives(fd, 1, QUEUED));
		EXPECT_EQ(0, sig_pending());
	}
	EXPECT_TRUE(take26_is_empty(fd));
	EXPECT_EQ(0, take26_remove(fd, KEVENT_SIGNAL, NOMASK | QUEUED, 1));

	/* Pending before. */
	EXPECT_EQ(0, by_kill(QUEUED));
	EXPECT_EQ(0, take26_add(fd, KEVENT_SIGNAL, NOMASK | QUEUED, 1, DELIVERY,
				KEVENT_REQ_ALWAYS_QUEUE | KEVENT_REQ_ONESHOT));
	EXPECT_TRUE(take26_gives(fd, 1, QUEUED));
	EXPECT_EQ(0, sig_pending());
	close(fd);
}

/* A failed ADD of 2006 leaves the mask alone, too. */
TEST(take26_failed_add)
{
	struct ukevent *uk = mmap(NULL, 4096, PROT_READ | PROT_WRITE,
				  MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	int fd = take26_open();

	ASSERT_GE(fd, 0);
	ASSERT_NE(MAP_FAILED, uk);
	*uk = take26_kevent(KEVENT_SIGNAL, NOMASK | QUEUED, 1, DELIVERY, 0);
	ASSERT_EQ(0, mprotect(uk, 4096, PROT_READ));
	EXPECT_EQ(-EFAULT, take26_ctl(fd, KEVENT_CTL_ADD, 1, uk));
	EXPECT_EQ(0, sig_blocked());
	ASSERT_EQ(0, mprotect(uk, 4096, PROT_READ | PROT_WRITE));
	EXPECT_EQ(0, take26_do(fd, KEVENT_CTL_ADD, uk));
	EXPECT_EQ(sig_bit(QUEUED), sig_blocked());
	close(fd);
}

TEST_HARNESS_MAIN
