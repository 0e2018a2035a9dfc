// SPDX-License-Identifier: GPL-2.0
/*
 * KEVENT_PROCESS: the end of a process and its status, beside what wait4() and PIDFD_GET_INFO
 * say of the same process.
 */
#include "pidfd.h"
#include "queue.h"
#include "take26.h"

#include <sched.h>
#include <sys/wait.h>

static int64_t waited_status(pid_t pid)
{
	int status;

	return waitpid(pid, &status, 0) == pid ? status : -1;
}

/* In a child: where its parent tells it to go on, by a byte. */
static int told;

static void wait_until_told(void)
{
	char byte;

	if (read(told, &byte, 1) != 1)
		_exit(99);
}

/* Starts a child that ends by @end(@arg) when it is told to, by @go. */
static pid_t start(void (*end)(int arg), int arg, int *go)
{
	int fds[2];
	pid_t child;

	if (pipe2(fds, O_CLOEXEC))
		return -1;
	child = fork_child();
	if (!child) {
		close(fds[1]);
		told = fds[0];
		wait_until_told();
		end(arg);
		_exit(98);
	}
	close(fds[0]);
	*go = fds[1];
	return child;
}

static void end_by_exit(int status)
{
	_exit(status);
}

static void end_by_signal(int sig)
{
	signal(sig, SIG_DFL);
	raise(sig);
}

static char state_of(pid_t pid)
{
	char path[32], state = 0;
	FILE *file;

	snprintf(path, sizeof(path), "/proc/%d/stat", pid);
	file = fopen(path, "r");
	if (file && fscanf(file, "%*d (%*[^)]) %c", &state) != 1)
		state = 0;
	if (file)
		fclose(file);
	return state;
}

/*
 * The thread ends the process when it is told once more, after the first thread. Natively,
 * PIDFD_GET_INFO tells the status of the first thread if this ends at the same time.
 */
static void *outlive(void *arg)
{
	wait_until_told();
	while (state_of(getpid()) != 'Z')
		sleep_ms(1);
	_exit((intptr_t)arg);
}

static void end_by_a_thread(int status)
{
	pthread_t thread;

	pthread_create(&thread, NULL, outlive, (void *)(intptr_t)status);
	pthread_exit(NULL);
}

static void *exec_itself(void *arg)
{
	char *const argv[] = { "/proc/self/exe", "--exit", arg, NULL };

	execv(argv[0], argv);
	return NULL;
}

/* A thread takes the place of the first thread, and the new program ends. */
static void end_after_exec(int status)
{
	static char word[16];
	pthread_t thread;

	snprintf(word, sizeof(word), "%d", status);
	pthread_create(&thread, NULL, exec_itself, word);
	pthread_join(thread, NULL);
}

/* Runs before main(). The program has been executed by exec_itself(). */
__attribute__((constructor)) static void exit_after_exec(int argc, char **argv)
{
	if (argc == 3 && !strcmp(argv[1], "--exit")) {
		sleep_ms(50);
		_exit(atoi(argv[2]));
	}
}

FIXTURE(process)
{
	struct kevent_queue q;
	pid_t child;
	int pidfd, go;
};

FIXTURE_SETUP(process)
{
	ASSERT_EQ(0, kevent_open(&self->q, 16, 0));
	self->child = start(end_by_exit, 7, &self->go);
	ASSERT_GT(self->child, 0);
	self->pidfd = open_pidfd(self->child, 0);
	ASSERT_GE(self->pidfd, 0);
}

FIXTURE_TEARDOWN(process)
{
	kevent_close(&self->q);
}

/* Lets the child end, and returns when it is a zombie. */
static bool end(pid_t child, int go)
{
	siginfo_t info;

	return write(go, "", 1) == 1 && !waitid(P_PID, child, &info, WEXITED | WNOWAIT);
}

static uint64_t add(const struct kevent_queue *q, int pidfd, int flags)
{
	return queue_add(q, KEVENT_PROCESS, pidfd, 1, KEVENT_PROCESS_EXIT, flags);
}

/* Waits for the event of this handle. Returns the data of its slot then, or -1. */
static int64_t status_in(struct kevent_queue *q, uint64_t handle)
{
	return queue_waits_for(q, 1, KEVENT_PROCESS_EXIT) ? (int64_t)kevent_data(q, handle) : -1;
}

/* The status */

FIXTURE(status)
{
	struct kevent_queue q;
};

FIXTURE_VARIANT(status)
{
	void (*end)(int arg);
	int arg;
	int status;
};

FIXTURE_VARIANT_ADD(status, exit_0)
{
	.end = end_by_exit,
};

FIXTURE_VARIANT_ADD(status, exit_255)
{
	.end = end_by_exit,
	.arg = 255,
	.status = 0xff00,
};

FIXTURE_VARIANT_ADD(status, killed)
{
	.end = end_by_signal,
	.arg = SIGKILL,
	.status = SIGKILL,
};

FIXTURE_VARIANT_ADD(status, real_time_signal)
{
	.end = end_by_signal,
	.arg = 64,
	.status = 64,
};

FIXTURE_VARIANT_ADD(status, exit_by_the_last_thread)
{
	.end = end_by_a_thread,
	.arg = 3,
	.status = 0x300,
};

FIXTURE_VARIANT_ADD(status, exit_after_exec_by_a_thread)
{
	.end = end_after_exec,
	.arg = 4,
	.status = 0x400,
};

FIXTURE_SETUP(status)
{
	ASSERT_EQ(0, kevent_open(&self->q, 16, 0));
}

FIXTURE_TEARDOWN(status)
{
	kevent_close(&self->q);
}

TEST_F(status, is_that_of_wait4)
{
	int go;
	pid_t child = start(variant->end, variant->arg, &go);
	int pidfd = open_pidfd(child, 0);
	uint64_t handle = add(&self->q, pidfd, KEVENT_ET);

	ASSERT_NE(0, handle);
	EXPECT_TRUE(queue_stays_empty(&self->q));
	EXPECT_EQ(0, kevent_data(&self->q, handle));
	ASSERT_EQ(2, write(go, "go", 2));
	EXPECT_EQ(variant->status, status_in(&self->q, handle));
	EXPECT_EQ(variant->status, waited_status(child));
	EXPECT_EQ(variant->status, reaped_status(pidfd));
	EXPECT_TRUE(queue_stays_empty(&self->q));
}

TEST_F(status, is_there_if_nobody_waits)
{
	int go;
	pid_t child;
	int pidfd;
	uint64_t handle;

	signal(SIGCHLD, SIG_IGN);
	child = start(variant->end, variant->arg, &go);
	pidfd = open_pidfd(child, 0);
	handle = add(&self->q, pidfd, KEVENT_ONESHOT);
	ASSERT_NE(0, handle);
	ASSERT_EQ(2, write(go, "go", 2));
	EXPECT_EQ(variant->status, status_in(&self->q, handle));
	EXPECT_TRUE(wait_for(reaped_status(pidfd) >= 0));
	EXPECT_EQ(variant->status, reaped_status(pidfd));
}

/* Times */

TEST_F(process, added_after_the_end)
{
	uint64_t handle;

	ASSERT_TRUE(end(self->child, self->go));
	handle = add(&self->q, self->pidfd, 0);
	ASSERT_NE(0, handle);
	EXPECT_TRUE(queue_gives(&self->q, 1, KEVENT_PROCESS_EXIT));
	EXPECT_EQ(0x700, kevent_data(&self->q, handle));
}

TEST_F(process, added_after_it_was_reaped)
{
	uint64_t handle;

	ASSERT_TRUE(end(self->child, self->go));
	ASSERT_EQ(0x700, waited_status(self->child));
	handle = add(&self->q, self->pidfd, KEVENT_ET);
	ASSERT_NE(0, handle);
	EXPECT_TRUE(queue_gives(&self->q, 1, KEVENT_PROCESS_EXIT));
	EXPECT_EQ(KEVENT_PROCESS_REAPED, kevent_data(&self->q, handle));
	EXPECT_EQ(0x700, reaped_status(self->pidfd));
	EXPECT_TRUE(queue_stays_empty(&self->q));
}

TEST_F(process, reaped_before_the_event_is_consumed)
{
	uint64_t handle = add(&self->q, self->pidfd, 0);

	ASSERT_TRUE(end(self->child, self->go));
	ASSERT_EQ(0x700, waited_status(self->child));
	for (int i = 0; i < 3; i++)
		EXPECT_EQ(0x700, status_in(&self->q, handle));
	EXPECT_EQ(0, queue_recheck(&self->q, handle));
	EXPECT_EQ(0x700, status_in(&self->q, handle));
}

TEST_F(process, its_descriptor_is_closed)
{
	uint64_t handle = add(&self->q, self->pidfd, KEVENT_ONESHOT);

	ASSERT_EQ(0, close(self->pidfd));
	ASSERT_TRUE(end(self->child, self->go));
	EXPECT_EQ(0x700, status_in(&self->q, handle));
	EXPECT_TRUE(queue_stays_empty(&self->q));
}

TEST_F(process, removed_before_the_end)
{
	uint64_t handle = add(&self->q, self->pidfd, 0);

	EXPECT_EQ(0, queue_remove(&self->q, handle));
	ASSERT_TRUE(end(self->child, self->go));
	EXPECT_TRUE(queue_stays_empty(&self->q));
}

/* Like for poll(2) of the pidfd, a process has not ended while a thread of it runs. */
TEST_F(process, the_first_thread_ends_first)
{
	int go;
	pid_t child = start(end_by_a_thread, 3, &go);
	int pidfd = open_pidfd(child, 0);
	uint64_t handle;

	ASSERT_EQ(1, write(go, "", 1));
	ASSERT_TRUE(wait_for(state_of(child) == 'Z'));
	EXPECT_EQ(0, poll_now(pidfd));
	handle = add(&self->q, pidfd, 0);
	ASSERT_NE(0, handle);
	EXPECT_TRUE(queue_stays_empty(&self->q));
	EXPECT_EQ(0, queue_recheck(&self->q, handle));
	EXPECT_TRUE(queue_stays_empty(&self->q));
	ASSERT_EQ(1, write(go, "", 1));
	EXPECT_EQ(0x300, status_in(&self->q, handle));
	EXPECT_EQ(0x300, waited_status(child));
}

/* A thread of this process, by a pidfd of the thread. */

static void *thread_ends(void *arg)
{
	int *ids = arg;
	char c;

	__atomic_store_n(&ids[1], gettid(), __ATOMIC_RELEASE);
	if (read(ids[0], &c, 1) != 1)
		return arg;
	return NULL;
}

TEST_F(process, a_thread)
{
	int fds[2], ids[2] = {}, pidfd;
	pthread_t thread;
	uint64_t handle;

	ASSERT_EQ(0, pipe(fds));
	ids[0] = fds[0];
	ASSERT_EQ(0, pthread_create(&thread, NULL, thread_ends, ids));
	ASSERT_TRUE(wait_for(__atomic_load_n(&ids[1], __ATOMIC_ACQUIRE)));
	pidfd = open_pidfd(ids[1], PIDFD_THREAD);
	ASSERT_GE(pidfd, 0);
	handle = add(&self->q, pidfd, KEVENT_ET);
	ASSERT_NE(0, handle);
	EXPECT_TRUE(queue_stays_empty(&self->q));
	ASSERT_EQ(1, write(fds[1], "", 1));
	EXPECT_EQ(0, status_in(&self->q, handle));
	pthread_join(thread, NULL);
	EXPECT_TRUE(queue_stays_empty(&self->q));
}

/* Flags */

TEST_F(process, level)
{
	uint64_t handle = add(&self->q, self->pidfd, 0);

	ASSERT_TRUE(end(self->child, self->go));
	EXPECT_EQ(0x700, status_in(&self->q, handle));
	EXPECT_EQ(0x700, status_in(&self->q, handle));
	EXPECT_EQ(0, queue_mod(&self->q, handle, KEVENT_PROCESS_EXIT, KEVENT_ET));
	EXPECT_EQ(0x700, status_in(&self->q, handle));
	EXPECT_TRUE(queue_stays_empty(&self->q));
}

TEST_F(process, dispatch)
{
	uint64_t handle = add(&self->q, self->pidfd, KEVENT_DISPATCH);

	ASSERT_TRUE(end(self->child, self->go));
	EXPECT_EQ(0x700, status_in(&self->q, handle));
	EXPECT_TRUE(queue_stays_empty(&self->q));
	EXPECT_EQ(0x700, waited_status(self->child));
	EXPECT_EQ(0, queue_recheck(&self->q, handle));
	EXPECT_EQ(0x700, status_in(&self->q, handle));
}

TEST_F(process, nothing_is_wanted)
{
	uint64_t handle = queue_add(&self->q, KEVENT_PROCESS, self->pidfd, 1, 0, KEVENT_ET);

	ASSERT_TRUE(end(self->child, self->go));
	EXPECT_TRUE(queue_stays_empty(&self->q));
	EXPECT_EQ(0x700, waited_status(self->child));
	EXPECT_EQ(0, queue_mod(&self->q, handle, KEVENT_PROCESS_EXIT, KEVENT_ET));
	EXPECT_EQ(0x700, status_in(&self->q, handle));
}

/* Errors */

#define FAILS(err, id, want, flags) do {						\
	EXPECT_EQ(0, queue_add(&self->q, KEVENT_PROCESS, (id), 1, (want), (flags)));	\
	EXPECT_EQ((err), errno);							\
} while (0)

TEST_F(process, no_pidfd)
{
	int fds[2];

	ASSERT_EQ(0, pipe(fds));
	FAILS(EBADF, fds[0], 1, 0);
	FAILS(EBADF, self->q.fd, 1, 0);
	FAILS(EBADF, open("/proc/self", O_RDONLY | O_DIRECTORY), 1, 0);
	FAILS(EBADF, 1000, 1, 0);
	FAILS(EBADF, UINT64_MAX, 1, 0);
	FAILS(EBADF, UINT64_C(1) << 32 | self->pidfd, 1, 0);
}

TEST_F(process, events_and_flags_that_it_cannot_have)
{
	struct kevent_op op = kevent_op_add(KEVENT_PROCESS, self->pidfd, 1, 1, 0);

	FAILS(EINVAL, self->pidfd, 2, 0);
	FAILS(EINVAL, self->pidfd, UINT32_MAX, 0);
	FAILS(EINVAL, self->pidfd, 1, KEVENT_BYTES);
	FAILS(EINVAL, self->pidfd, 1, KEVENT_TIMER_ABSTIME);
	FAILS(EINVAL, self->pidfd, 1, KEVENT_ONESHOT | KEVENT_DISPATCH);
	op.arg[0] = 1;
	EXPECT_EQ(-EINVAL, queue_do(&self->q, &op));
	ASSERT_NE(0, add(&self->q, self->pidfd, 0));
	FAILS(EEXIST, self->pidfd, 1, 0);
}

TEST_F(process, operations_that_it_cannot_have)
{
	uint64_t handle = add(&self->q, self->pidfd, 0);
	struct kevent_op rearm = kevent_op_rearm(handle, 1, 0, 0, 0);

	EXPECT_EQ(-EINVAL, queue_ready(&self->q, handle, KEVENT_PROCESS_EXIT));
	EXPECT_EQ(-EINVAL, queue_do(&self->q, &rearm));
	EXPECT_TRUE(queue_stays_empty(&self->q));
}

/* A process in a namespace above or beside the caller's: as PIDFD_GET_INFO. */
TEST_F(process, out_of_sight)
{
	pid_t child;

	ASSERT_EQ(0, unshare(CLONE_NEWPID));
	child = fork_child();
	if (!child) {
		if (reaped_status(self->pidfd) != -1 || errno != EREMOTE)
			_exit(1);
		if (add(&self->q, self->pidfd, 0) || errno != EREMOTE)
			_exit(2);
		_exit(!add(&self->q, open_pidfd(getpid(), 0), 0) ? 3 : 0);
	}
	EXPECT_EQ(0, waited_status(child));
	/* From above, the process in the namespace is seen. Its kevent is still there. */
	EXPECT_TRUE(queue_waits_for(&self->q, 1, KEVENT_PROCESS_EXIT));
}

/* Many processes, and races */

#define CROWD	200

TEST_F(process, each_of_many_gives_its_status_once)
{
	struct kevent_event event;
	struct kevent_queue q;
	bool seen[CROWD] = {};
	pid_t children[CROWD];
	int go, n = 0;

	ASSERT_EQ(0, kevent_open(&q, CROWD, 0));
	for (int i = 0; i < CROWD; i++) {
		int pidfd;

		children[i] = start(end_by_exit, i, &go);
		ASSERT_GT(children[i], 0);
		pidfd = open_pidfd(children[i], 0);
		ASSERT_NE(0, queue_add(&q, KEVENT_PROCESS, pidfd, i, 1, KEVENT_ONESHOT));
		close(pidfd);
		ASSERT_EQ(1, write(go, "", 1));
		close(go);
	}
	while (n < CROWD) {
		ASSERT_EQ(0, kevent_wait(&q, NULL, 0, DEADLINE_NS, 0));
		while (kevent_next(&q, &event)) {
			ASSERT_GT(CROWD, event.user);
			EXPECT_FALSE(seen[event.user]);
			EXPECT_EQ(event.user << 8, kevent_data(&q, event.slot));
			seen[event.user] = true;
			n++;
		}
		ASSERT_GT(CROWD + 1, n);
	}
	for (int i = 0; i < CROWD; i++)
		EXPECT_EQ(i << 8, waited_status(children[i]));
	EXPECT_TRUE(queue_stays_empty(&q));
	kevent_close(&q);
}

static void *reap(void *arg)
{
	return (void *)(intptr_t)waited_status(*(pid_t *)arg);
}

/* The child ends and is reaped while it is added: there is an event, with the status or none. */
TEST_F(process, added_while_it_ends)
{
	int with_status = 0;

	for (int i = 0; i < 300; i++) {
		pthread_t thread;
		uint64_t handle;
		int64_t data;
		pid_t child;
		int pidfd;
		int go;

		child = start(end_by_exit, i % 256, &go);
		ASSERT_GT(child, 0);
		pidfd = open_pidfd(child, 0);
		ASSERT_GE(pidfd, 0);
		ASSERT_EQ(0, pthread_create(&thread, NULL, reap, &child));
		ASSERT_EQ(1, write(go, "", 1));
		for (int spin = 0; spin < i % 30 * 30000; spin++)
			asm volatile("" ::: "memory");
		handle = add(&self->q, pidfd, KEVENT_ONESHOT);
		ASSERT_NE(0, handle);
		data = status_in(&self->q, handle);
		if (data == i % 256 << 8)
			with_status++;
		else
			EXPECT_EQ((int64_t)KEVENT_PROCESS_REAPED, data);
		pthread_join(thread, NULL);
		EXPECT_EQ(i % 256 << 8, reaped_status(pidfd));
		close(pidfd);
		close(go);
	}
	TH_LOG("%d of 300 with a status", with_status);
	EXPECT_NE(0, with_status);
}

/* The calls of 2006 */

TEST_F(process, status_in_ret_data)
{
	struct ukevent uk;
	int fd = take26_open();

	EXPECT_EQ(0, take26_add(fd, KEVENT_PROCESS, self->pidfd, 1, KEVENT_MASK_ALL, 0));
	EXPECT_EQ(0, take26_get_events(fd, 0, 1, 0, &uk));
	ASSERT_TRUE(end(self->child, self->go));
	/* Level, until it is removed. */
	for (int i = 0; i < 2; i++) {
		EXPECT_EQ(1, take26_get_events(fd, 1, 1, DEADLINE_NS, &uk));
		EXPECT_TRUE(take26_is(&uk, 1, 0x700));
	}
	EXPECT_EQ(0x700, waited_status(self->child));
	EXPECT_EQ(1, take26_get_events(fd, 1, 1, DEADLINE_NS, &uk));
	EXPECT_TRUE(take26_is(&uk, 1, 0x700));
	EXPECT_EQ(0, take26_remove(fd, KEVENT_PROCESS, self->pidfd, 1));
	EXPECT_EQ(0, take26_get_events(fd, 0, 1, 0, &uk));

	/* It has ended already, and nobody knows how. */
	uk = take26_kevent(KEVENT_PROCESS, self->pidfd, 2, KEVENT_PROCESS_EXIT, 0);
	EXPECT_EQ(1, take26_do(fd, KEVENT_CTL_ADD, &uk));
	EXPECT_EQ(UINT32_MAX, uk.ret_data[0]);
	EXPECT_EQ(-EBADF, take26_add(fd, KEVENT_PROCESS, fd, 1, 1, 0));
	close(fd);
}

TEST_F(process, once_with_the_calls_of_2006)
{
	static const uint32_t flags[] = { KEVENT_REQ_ET, KEVENT_REQ_ONESHOT };

	ASSERT_TRUE(end(self->child, self->go));
	for (size_t i = 0; i < ARRAY_SIZE(flags); i++) {
		struct ukevent uk;
		int fd = take26_open();

		EXPECT_EQ(0, take26_add(fd, KEVENT_PROCESS, self->pidfd, 1, 1,
					flags[i] | KEVENT_REQ_ALWAYS_QUEUE));
		EXPECT_EQ(1, take26_get_events(fd, 1, 1, DEADLINE_NS, &uk));
		EXPECT_TRUE(take26_is(&uk, 1, 0x700));
		EXPECT_EQ(0, take26_get_events(fd, 0, 1, 0, &uk));
		close(fd);
	}
}

TEST_HARNESS_MAIN
