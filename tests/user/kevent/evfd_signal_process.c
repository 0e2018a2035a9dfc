// SPDX-License-Identifier: GPL-2.0
/*
 * KEVENT_SIGNAL of several threads and processes: threads, fork(), exec, ends, namespaces, and
 * waiters that are woken.
 */
#include "kevent_signal.h"

#include <sys/wait.h>

/* The watches that a process may have. */
#define MAX_WATCHES	4096

/* The exit status of a child whose test has failed. */
#define CHILD_FAILED	7

FIXTURE(signal_process)
{
	struct kevent_queue q;
};

FIXTURE_SETUP(signal_process)
{
	ASSERT_EQ(0, kevent_open(&self->q, MIN_SLOTS, 0));
}

FIXTURE_TEARDOWN(signal_process)
{
	kevent_close(&self->q);
}

struct thread {
	_Atomic pid_t tid;
	_Atomic bool told;
	pthread_t thread;
	struct kevent_queue *q;
	uint64_t handle;
	int taken;
};

/* Waits until it is told to take a signal. */
static void *take_when_told(void *arg)
{
	struct thread *thread = arg;
	struct signalfd_siginfo seen;

	thread->tid = gettid();
	if (!wait_for(thread->told))
		return NULL;
	thread->taken = take(thread->q, thread->handle, &seen, 1);
	return NULL;
}

/* A signal to a thread raises the event, but only the thread can take it. */
TEST_F(signal_process, threads)
{
	uint64_t handle = add(&self->q, QUEUED | NOMASK, 0, 0);
	struct thread thread = { .q = &self->q, .handle = handle };
	struct signalfd_siginfo seen;
	uint64_t observer;

	observer = queue_add(&self->q, KEVENT_SIGNAL, QUEUED, 2, DELIVERY, 0);
	ASSERT_EQ(0, pthread_create(&thread.thread, NULL, take_when_told, &thread));
	ASSERT_TRUE(wait_for(thread.tid));
	EXPECT_EQ(0, sig_queue_thread(thread.tid, QUEUED, 5));
	EXPECT_EQ(1, kevent_data(&self->q, observer));
	EXPECT_EQ(5, take_value(&self->q, observer));
	EXPECT_EQ(-EAGAIN, take(&self->q, handle, &seen, 1));
	thread.told = true;
	pthread_join(thread.thread, NULL);
	EXPECT_EQ(1, thread.taken);

	/* A signal to the process can be taken by any. */
	thread = (struct thread){ .q = &self->q, .handle = handle, .told = true };
	EXPECT_EQ(0, by_kill(QUEUED));
	ASSERT_EQ(0, pthread_create(&thread.thread, NULL, take_when_told, &thread));
	pthread_join(thread.thread, NULL);
	EXPECT_EQ(1, thread.taken);
}

/* A child's signals are its own. It has the queue, but takes no signals of its parent. */
TEST_F(signal_process, fork)
{
	uint64_t observer = add(&self->q, QUEUED, 0, 0), handle;
	struct signalfd_siginfo seen;
	pid_t child;

	handle = add(&self->q, QUEUED | NOMASK, 0, 0);
	EXPECT_EQ(0, sig_queue(getpid(), QUEUED, 1));
	child = fork();
	if (!child) {
		bool good = !sig_queue(getpid(), QUEUED, 2) &&
			    kevent_data(&self->q, observer) == 1 &&
			    take(&self->q, handle, &seen, 1) == -ESRCH &&
			    take_value(&self->q, observer) == 1;

		_exit(good ? 0 : CHILD_FAILED);
	}
	EXPECT_TRUE(child_ends_well(child));
	EXPECT_EQ(1, kevent_data(&self->q, observer));
	EXPECT_EQ(-EAGAIN, take(&self->q, observer, &seen, 1));
	EXPECT_EQ(1, take_value(&self->q, handle));
}

/* Whether the process has ended, reaped or not. */
static bool has_ended(pid_t pid)
{
	siginfo_t info = { };

	return !waitid(P_PID, pid, &info, WEXITED | WNOHANG | WNOWAIT) && info.si_pid == pid;
}

/* Starts a child that adds a kevent to the queue, and then does something. */
static pid_t child_that_adds(struct kevent_queue *q, uint64_t id, void (*then)(void))
{
	pid_t child = fork_child();

	if (!child) {
		struct kevent_op op = kevent_op_add(KEVENT_SIGNAL, id, 2, DELIVERY, 0);

		if (queue_do(q, &op))
			_exit(CHILD_FAILED);
		then();
		_exit(CHILD_FAILED);
	}
	return child;
}

/* Waits for the kevent of a child. */
static bool is_added(const struct kevent_queue *q, long used)
{
	char line[128], path[64];
	long now = -1;
	FILE *file;

	snprintf(path, sizeof(path), "/proc/self/fdinfo/%d", q->fd);
	file = fopen(path, "re");
	while (file && now < 0 && fgets(line, sizeof(line), file))
		sscanf(line, "kevent slots: %*u used: %ld", &now);
	if (file)
		fclose(file);
	return now == used;
}

static void sleep_for_ever(void)
{
	for (;;)
		pause();
}

/* A queue of another process tells of a signal that ends the process. */
TEST_F(signal_process, end_of_the_watched)
{
	struct kevent_event event;
	pid_t child = child_that_adds(&self->q, SIGKILL, sleep_for_ever);
	struct signalfd_siginfo seen;
	uint64_t handle;

	ASSERT_TRUE(wait_for(is_added(&self->q, 1)));
	EXPECT_EQ(0, kill(child, SIGKILL));
	EXPECT_EQ(0, kevent_wait(&self->q, NULL, 0, DEADLINE_NS, 0));
	ASSERT_TRUE(kevent_next(&self->q, &event));
	EXPECT_EQ(2, event.user);
	handle = UINT64_C(1) << 32 | event.slot;
	EXPECT_EQ(1, take(&self->q, handle, &seen, 1));
	EXPECT_EQ(getpid(), (int)seen.ssi_pid);
	EXPECT_TRUE(wait_for(has_ended(child)));
	/* A zombie gets signals, too. */
	EXPECT_EQ(0, kill(child, SIGKILL));
	EXPECT_EQ(child, waitpid(child, NULL, 0));
	EXPECT_GE(queue_remove(&self->q, handle), 0);
}

/* The process ends first, and then the queue. */
TEST_F(signal_process, end_of_the_consumer)
{
	pid_t child = child_that_adds(&self->q, QUEUED | NOMASK, sleep_for_ever);
	struct signalfd_siginfo seen;
	uint64_t handle = UINT64_C(1) << 32;

	ASSERT_TRUE(wait_for(is_added(&self->q, 1)));
	EXPECT_EQ(0, sig_queue(child, QUEUED, 1));
	EXPECT_TRUE(queue_waits_for(&self->q, 2, DELIVERY));
	/* The signal stays pending, because this process cannot take it. */
	EXPECT_EQ(-ESRCH, take(&self->q, handle, &seen, 1));
	EXPECT_TRUE(queue_waits_for(&self->q, 2, DELIVERY));
	EXPECT_EQ(0, kill(child, SIGKILL));
	EXPECT_EQ(child, waitpid(child, NULL, 0));
	EXPECT_EQ(0, queue_recheck(&self->q, handle));
	EXPECT_GE(queue_remove(&self->q, handle), 0);
	EXPECT_TRUE(queue_stays_empty(&self->q));
}

/* Runs before main(), in a program that exec_waiting() has executed. */
__attribute__((constructor)) static void wait_after_exec(int argc, char **argv)
{
	if (argc == 3 && !strcmp(argv[1], "--ready")) {
		if (write(atoi(argv[2]), "", 1) != 1)
			_exit(CHILD_FAILED);
		sleep_for_ever();
	}
}

static int ready[2];

static void exec_waiting(void)
{
	char number[16];
	char *const argv[] = { "/proc/self/exe", "--ready", number, NULL };

	snprintf(number, sizeof(number), "%d", ready[1]);
	signal(QUEUED, SIG_IGN);
	execv(argv[0], argv);
}

/* The next program may have other rights: it is not observed. Its signals are consumed. */
TEST_F(signal_process, exec)
{
	char byte;

	ASSERT_EQ(0, pipe(ready));
	for (int i = 0; i < 2; i++) {
		uint64_t id = (i ? NOMASK : 0) | QUEUED;
		pid_t child = child_that_adds(&self->q, id, exec_waiting);
		uint64_t handle = UINT64_C(1) << 32;

		ASSERT_EQ(1, read(ready[0], &byte, 1));
		EXPECT_EQ(0, sig_queue(child, QUEUED, 1));
		if (i) {
			EXPECT_TRUE(queue_waits_for(&self->q, 2, DELIVERY));
		} else {
			EXPECT_TRUE(queue_stays_empty(&self->q));
			EXPECT_EQ(0, queue_remove(&self->q, handle));
			kevent_close(&self->q);
			ASSERT_EQ(0, kevent_open(&self->q, MIN_SLOTS, 0));
		}
		EXPECT_EQ(0, kill(child, SIGKILL));
		EXPECT_EQ(child, waitpid(child, NULL, 0));
	}
}

/* The sender's ids are those that the receiver sees. */
static bool sees_ids_like_native(int told, int tell)
{
	struct signalfd_siginfo want;
	struct kevent_queue q;
	uint64_t handle;
	int native;
	char byte;

	if (kevent_open(&q, MIN_SLOTS, 0))
		return false;
	native = signalfd(-1, &(sigset_t){ 0 }, SFD_NONBLOCK);
	if (!native_for(native, sig_bit(QUEUED) | sig_bit(STANDARD)))
		return false;
	for (int i = 0; i < 2; i++) {
		handle = add(&q, i ? QUEUED : STANDARD, 0, 0);
		if (!handle || write(tell, "", 1) != 1 || read(told, &byte, 1) != 1)
			return false;
		if (native_take(native, &want) != 1 || !takes(&q, handle, &want))
			return false;
		if (want.ssi_pid)
			return false;
	}
	return true;
}

TEST_F(signal_process, namespaces)
{
	int up[2], down[2];
	unsigned long flags = CLONE_NEWPID | CLONE_NEWUSER | SIGCHLD;
	pid_t child;
	char byte;

	ASSERT_EQ(0, pipe2(up, O_CLOEXEC));
	ASSERT_EQ(0, pipe2(down, O_CLOEXEC));
	child = syscall(SYS_clone, flags, NULL, NULL, NULL, NULL);
	if (!child)
		_exit(sees_ids_like_native(down[0], up[1]) ? 0 : CHILD_FAILED);
	ASSERT_GT(child, 0);
	close(up[1]);
	for (int i = 0; i < 2; i++) {
		ASSERT_EQ(1, read(up[0], &byte, 1));
		EXPECT_EQ(0, i ? sig_queue(child, QUEUED, 1) : kill(child, STANDARD));
		EXPECT_EQ(1, write(down[1], "", 1));
	}
	EXPECT_TRUE(child_ends_well(child));
}

/* A thread that waits for the queue is woken by a signal from another process. */
TEST_F(signal_process, wakes_a_waiter)
{
	struct waiter waiter;
	uint64_t handle;

	signal(QUEUED, SIG_IGN);
	for (int i = 0; i < 2; i++) {
		handle = add(&self->q, (i ? NOMASK : 0) | QUEUED, 0, 0);
		kevent_publish(&self->q);
		ASSERT_TRUE(waiter_sleeps(&waiter, &self->q));
		EXPECT_EQ(0, by_child_queue(QUEUED));
		EXPECT_EQ(0, waiter_returns(&waiter));
		EXPECT_TRUE(queue_gives(&self->q, 1, DELIVERY));
		EXPECT_EQ(77, take_value(&self->q, handle));
		EXPECT_EQ(0, queue_remove(&self->q, handle));
	}
}

TEST_F(signal_process, wakes_pollers)
{
	struct call call = { .make = call_poll, .fd = self->q.fd, .value = POLLIN };

	EXPECT_NE(0, add(&self->q, QUEUED | NOMASK, 0, 0));
	kevent_publish(&self->q);
	ASSERT_TRUE(call_start_blocked(&call));
	EXPECT_EQ(0, by_child_queue(QUEUED));
	EXPECT_TRUE(call_ends(&call));
	EXPECT_EQ(POLLIN, (int)call.value);
}

/* Several kevents of one signal get an event each. Consumers share the signals. */
TEST_F(signal_process, several_kevents)
{
	struct kevent_queue other;
	uint64_t first, second, here;

	ASSERT_EQ(0, kevent_open(&other, MIN_SLOTS, 0));
	ASSERT_EQ(0, sig_block(sig_bit(QUEUED)));
	here = queue_add(&self->q, KEVENT_SIGNAL, QUEUED, 7, DELIVERY, 0);
	first = add(&self->q, QUEUED | NOMASK, 0, 0);
	second = add(&other, QUEUED | NOMASK, 0, 0);
	EXPECT_EQ(0, sig_queue(getpid(), QUEUED, 1));
	EXPECT_EQ(0, sig_queue(getpid(), QUEUED, 2));
	EXPECT_TRUE(queue_gives(&other, 1, DELIVERY));
	EXPECT_EQ(1, take_value(&other, second));
	EXPECT_EQ(2, take_value(&self->q, first));
	EXPECT_EQ(2, kevent_data(&self->q, here));
	kevent_close(&other);
	EXPECT_EQ(0, sig_queue(getpid(), QUEUED, 3));
	EXPECT_EQ(3, take_value(&self->q, first));
}

/* The watches of a process are limited, because each signal goes through them. */
TEST_F(signal_process, too_many)
{
	struct kevent_event event;
	struct kevent_queue q;
	int64_t start;
	int n = 0;

	ASSERT_EQ(0, kevent_open(&q, 2 * MAX_WATCHES, 0));
	while (n <= MAX_WATCHES && queue_add(&q, KEVENT_SIGNAL, 1 + n % 64, n, DELIVERY, 0))
		n++;
	EXPECT_EQ(MAX_WATCHES, n);
	EXPECT_EQ(ENOSPC, errno);
	EXPECT_EQ(0, queue_add(&self->q, KEVENT_SIGNAL, NOMASK | QUEUED, 1, DELIVERY, 0));
	EXPECT_EQ(ENOSPC, errno);
	EXPECT_EQ(0, sig_blocked());
	EXPECT_EQ(0, by_kill(SIGURG));
	for (n = 0; kevent_next(&q, &event); n++)
		EXPECT_EQ(SIGURG - 1, (int)event.user % 64);
	EXPECT_EQ(MAX_WATCHES / 64, n);
	EXPECT_EQ(0, queue_remove(&q, UINT64_C(1) << 32));
	EXPECT_NE(0, queue_add(&self->q, KEVENT_SIGNAL, QUEUED, 1, DELIVERY, 0));
	/* A grace period for each would take a minute. */
	start = now_ms();
	kevent_close(&q);
	EXPECT_LT(now_ms() - start, DEADLINE_MS);
	EXPECT_NE(0, queue_add(&self->q, KEVENT_SIGNAL, QUEUED, 2, DELIVERY, 0));
}

/* Threads that send, while kevents come and go. */
struct crowd {
	struct kevent_queue *q;
	_Atomic bool stop;
};

static void *send_all_the_time(void *arg)
{
	struct crowd *crowd = arg;

	while (!crowd->stop)
		kill(getpid(), STANDARD);
	return NULL;
}

static void *add_and_remove(void *arg)
{
	struct crowd *crowd = arg;
	struct signalfd_siginfo seen[4];

	for (uint64_t i = 0; !crowd->stop; i++) {
		uint64_t id = STANDARD | (i % 3 ? 0 : NOMASK);
		uint64_t handle = queue_add(crowd->q, KEVENT_SIGNAL, id, gettid(), DELIVERY, 0);

		if (i % 2)
			take(crowd->q, handle, seen, 4);
		queue_remove(crowd->q, handle);
	}
	return NULL;
}

TEST_F(signal_process, comes_and_goes)
{
	struct crowd crowd = { .q = &self->q };
	pthread_t threads[4];
	uint64_t handle;

	signal(STANDARD, SIG_IGN);
	for (int i = 0; i < 4; i++)
		ASSERT_EQ(0, pthread_create(&threads[i], NULL,
					    i % 2 ? send_all_the_time : add_and_remove,
					    &crowd));
	sleep_ms(900);
	crowd.stop = true;
	for (int i = 0; i < 4; i++)
		EXPECT_EQ(0, pthread_join(threads[i], NULL));
	while (!queue_is_empty(&self->q))
		;
	handle = add(&self->q, STANDARD, 0, 0);
	EXPECT_EQ(0, by_kill(STANDARD));
	EXPECT_TRUE(queue_gives(&self->q, 1, DELIVERY));
	EXPECT_EQ(1, kevent_data(&self->q, handle));
}

/* The probe goes a second after the last kevent, and comes back. */
TEST_F(signal_process, after_a_pause)
{
	for (int i = 0; i < 2; i++) {
		uint64_t handle = add(&self->q, STANDARD, 0, 0);

		ASSERT_NE(0, handle);
		signal(STANDARD, SIG_IGN);
		EXPECT_EQ(0, by_kill(STANDARD));
		EXPECT_TRUE(queue_gives(&self->q, 1, DELIVERY));
		EXPECT_EQ(0, queue_remove(&self->q, handle));
		sleep_ms(999);
		sleep_ms(500);
	}
}

TEST_HARNESS_MAIN
