// SPDX-License-Identifier: GPL-2.0
/*
 * Operations of KEVENT_AIO that wait for a pipe or a page fault, and their cancellation.
 */
#define _FILE_OFFSET_BITS 64

#include "fault.h"
#include "kevent_aio.h"
#include "userfault.h"

#include <signal.h>
#include <sys/mman.h>
#include <sys/wait.h>

FIXTURE(aio_pipe)
{
	struct kevent_queue q;
	int ends[2];
	uint64_t handle;
};

FIXTURE_SETUP(aio_pipe)
{
	struct kevent_op op;

	memset(buffers, FILL, sizeof(buffers));
	ASSERT_EQ(0, kevent_open(&self->q, 512, 0));
	ASSERT_EQ(0, pipe2(self->ends, O_CLOEXEC));
	op = kevent_op_aio(self->ends[0], 1, READ, buffers[0], PAGE, 0, 0);
	ASSERT_EQ(0, queue_do(&self->q, &op));
	self->handle = op.handle;
	/* So that a thread sleeps in it. */
	sleep_ms(20);
}

FIXTURE_TEARDOWN(aio_pipe)
{
	close(self->ends[0]);
	close(self->ends[1]);
	kevent_close(&self->q);
}

static bool is_untouched(void)
{
	for (size_t i = 0; i < sizeof(buffers[0]); i++) {
		if (buffers[0][i] != FILL)
			return false;
	}
	return true;
}

/* Whether the result is that of an operation that was cancelled, in a thread or before. */
static bool is_cancelled(int64_t result)
{
	return result == -EINTR || result == -ECANCELED;
}

/* Whether the last reader of the pipe is gone, soon. */
static bool loses_its_reader(int out)
{
	signal(SIGPIPE, SIG_IGN);
	return wait_for(write(out, "x", 1) < 0 && errno == EPIPE);
}

TEST_F(aio_pipe, reads_when_there_is_something)
{
	EXPECT_TRUE(queue_stays_empty(&self->q));
	ASSERT_EQ(3, write(self->ends[1], "abc", 3));
	EXPECT_EQ(3, result_of(&self->q, 1, READ));
	EXPECT_EQ(0, memcmp(buffers[0], "abc", 3));
	close(self->ends[1]);
	self->ends[1] = -1;
	EXPECT_EQ(0, by_queue(&self->q, self->ends[0], READ, buffers[0], PAGE, 0));
}

TEST_F(aio_pipe, wakes_a_waiter)
{
	struct waiter waiter;

	ASSERT_TRUE(waiter_sleeps(&waiter, &self->q));
	ASSERT_EQ(3, write(self->ends[1], "abc", 3));
	EXPECT_EQ(0, waiter_returns(&waiter));
	EXPECT_TRUE(queue_gives(&self->q, 1, READ));
}

TEST_F(aio_pipe, is_busy)
{
	struct kevent_op op = kevent_op_aio_again(self->handle, buffers[1], PAGE, 0);

	EXPECT_EQ(-EBUSY, queue_do(&self->q, &op));
	EXPECT_TRUE(queue_stays_empty(&self->q));
	ASSERT_EQ(3, write(self->ends[1], "abc", 3));
	EXPECT_EQ(3, result_of(&self->q, 1, READ));
	EXPECT_EQ(0, queue_do(&self->q, &op));
}

TEST_F(aio_pipe, writes_all_when_there_is_room)
{
	size_t size = 200000, n = 0;
	char *data = malloc(size);
	struct kevent_op op;

	EXPECT_EQ(READ, queue_remove(&self->q, self->handle));
	memset(data, 'd', size);
	op = kevent_op_aio(self->ends[1], 2, WRITE, data, size, 0, 0);
	ASSERT_EQ(0, queue_do(&self->q, &op));
	sleep_ms(20);
	EXPECT_TRUE(queue_stays_empty(&self->q));
	while (n < size) {
		ssize_t more = read(self->ends[0], buffers[0], sizeof(buffers[0]));

		ASSERT_LT(0, more);
		n += more;
	}
	EXPECT_EQ((int64_t)size, result_of(&self->q, 2, WRITE));
	free(data);
}

TEST_F(aio_pipe, without_the_other_end)
{
	struct pollfd end = { .fd = self->ends[1], .events = POLLOUT };

	ASSERT_NE(SIG_ERR, signal(SIGPIPE, count_signal));
	signalled = 0;
	EXPECT_EQ(READ, queue_remove(&self->q, self->handle));
	close(self->ends[0]);
	self->ends[0] = -1;
	/* The thread may have the file for a moment. */
	EXPECT_TRUE(wait_for(poll(&end, 1, 0) == 1 && end.revents & POLLERR));
	EXPECT_EQ(-EPIPE, by_queue(&self->q, self->ends[1], WRITE, "x", 1, 0));
	EXPECT_EQ(1, signalled);
}

TEST_F(aio_pipe, nonblocking)
{
	int ends[2];

	ASSERT_EQ(0, pipe2(ends, O_NONBLOCK));
	EXPECT_EQ(-EAGAIN, by_queue(&self->q, ends[0], READ, buffers[1], PAGE, 0));
	ASSERT_EQ(2, write(ends[1], "ab", 2));
	EXPECT_EQ(2, by_queue(&self->q, ends[0], READ, buffers[1], PAGE, 0));
	EXPECT_EQ(65536, by_queue(&self->q, ends[1], WRITE, buffers[1], sizeof(buffers[1]), 0));
	EXPECT_EQ(-EAGAIN, by_queue(&self->q, ends[1], WRITE, buffers[1], 1, 0));
	close(ends[0]);
	close(ends[1]);
}

/* Cancellation */

TEST_F(aio_pipe, removed)
{
	struct kevent_op again;

	EXPECT_EQ(READ, queue_remove(&self->q, self->handle));
	EXPECT_TRUE(is_cancelled(kevent_aio_result(&self->q, kevent_slot_of(self->handle))));
	ASSERT_EQ(3, write(self->ends[1], "abc", 3));
	sleep_ms(20);
	EXPECT_TRUE(is_untouched());
	EXPECT_TRUE(queue_stays_empty(&self->q));
	EXPECT_EQ(-ENOENT, queue_remove(&self->q, self->handle));
	again = kevent_op_aio_again(self->handle, buffers[0], PAGE, 0);
	EXPECT_EQ(-ENOENT, queue_do(&self->q, &again));
	/* Nothing was taken out of the pipe, and the thread is well. */
	EXPECT_EQ(3, by_queue(&self->q, self->ends[0], READ, buffers[1], PAGE, 0));
}

/* More than there are threads. */
TEST_F(aio_pipe, removed_before_it_has_begun)
{
	struct kevent_op ops[400];
	int begun = 0;

	for (int i = 0; i < 400; i++)
		ops[i] = kevent_op_aio(self->ends[0], 1000 + i, READ, buffers[0], PAGE, 0, 0);
	ASSERT_EQ(400, kevent_submit(&self->q, ops, 400));
	sleep_ms(100);
	EXPECT_TRUE(queue_stays_empty(&self->q));
	/* Files have threads of their own. */
	EXPECT_EQ(0, by_queue(&self->q, open("/tmp", O_RDONLY), FSYNC, NULL, 0, 0));
	for (int i = 399; i >= 0; i--) {
		int64_t result;

		ASSERT_EQ(0, ops[i].result);
		ASSERT_EQ(READ, queue_remove(&self->q, ops[i].handle));
		result = kevent_aio_result(&self->q, kevent_slot_of(ops[i].handle));
		if (result == -EINTR)
			begun++;
		else
			ASSERT_EQ(-ECANCELED, result);
	}
	EXPECT_LT(0, begun);
	EXPECT_GT(400, begun);
	ASSERT_EQ(3, write(self->ends[1], "abc", 3));
	EXPECT_EQ(3, result_of(&self->q, 1, READ));
	EXPECT_TRUE(queue_stays_empty(&self->q));
}

/* The queue is open still, by the other descriptor. */
TEST_F(aio_pipe, closed_by_one_descriptor)
{
	int other = dup(self->q.fd);

	close(other);
	EXPECT_TRUE(is_cancelled(result_of(&self->q, 1, READ)));
	ASSERT_EQ(3, write(self->ends[1], "abc", 3));
	sleep_ms(20);
	EXPECT_TRUE(is_untouched());
}

TEST_F(aio_pipe, closed)
{
	struct kevent_queue q;
	struct kevent_op op;

	ASSERT_EQ(0, kevent_open(&q, 16, 0));
	op = kevent_op_aio(self->ends[0], 1, READ, buffers[1], PAGE, 0, 0);
	ASSERT_EQ(0, queue_do(&q, &op));
	EXPECT_EQ(READ, queue_remove(&self->q, self->handle));
	close(self->ends[0]);
	kevent_close(&q);
	EXPECT_TRUE(loses_its_reader(self->ends[1]));
	EXPECT_TRUE(is_untouched());
	self->ends[0] = -1;
}

/* For a child: starts a read, for which a thread then waits. Returns the queue's descriptor. */
static int start_read(int in)
{
	struct kevent_queue q;
	struct kevent_op op;

	if (kevent_open(&q, 16, 0))
		_exit(1);
	op = kevent_op_aio(in, 1, READ, buffers[1], PAGE, 0, 0);
	if (queue_do(&q, &op))
		_exit(2);
	sleep_ms(20);
	return q.fd;
}

/* The mapping holds the queue, whose operation holds no memory of the process. */
TEST_F(aio_pipe, closed_but_mapped)
{
	EXPECT_EQ(READ, queue_remove(&self->q, self->handle));
	for (int way = 0; way < 4; way++) {
		int ends[2], status;
		pid_t child;

		ASSERT_EQ(0, pipe2(ends, O_CLOEXEC));
		child = fork_child();
		if (!child) {
			int fd = start_read(ends[0]);

			if (way == 0)
				close(fd);
			if (way == 2)
				raise(SIGKILL);
			if (way == 3)
				execl("/proc/self/exe", "evfd_aio", "-h", NULL);
			_exit(0);
		}
		close(ends[0]);
		ASSERT_EQ(child, waitpid(child, &status, 0));
		if (way < 2)
			EXPECT_EQ(0, status);
		EXPECT_TRUE(loses_its_reader(ends[1]));
		close(ends[1]);
	}
}

/* The new program has the descriptor, and ends. */
TEST_F(aio_pipe, descriptor_that_outlives_exec)
{
	int ends[2], status;
	pid_t child;

	ASSERT_EQ(0, pipe2(ends, O_CLOEXEC));
	child = fork_child();
	if (!child) {
		if (fcntl(start_read(ends[0]), F_SETFD, 0))
			_exit(1);
		execl("/bin/true", "true", NULL);
		_exit(3);
	}
	close(ends[0]);
	ASSERT_EQ(child, waitpid(child, &status, 0));
	EXPECT_EQ(0, status);
	EXPECT_TRUE(loses_its_reader(ends[1]));
	close(ends[1]);
}

/* A close by a child is not one by the starter. The child may start it with its own memory. */
TEST_F(aio_pipe, forked)
{
	struct kevent_op again = kevent_op_aio_again(self->handle, buffers[0], PAGE, 0);
	pid_t child = fork_child();
	int status;

	if (!child) {
		close(self->q.fd);
		_exit(0);
	}
	ASSERT_EQ(child, waitpid(child, &status, 0));
	EXPECT_TRUE(queue_stays_empty(&self->q));
	ASSERT_EQ(3, write(self->ends[1], "abc", 3));
	EXPECT_EQ(3, result_of(&self->q, 1, READ));
	memset(buffers, FILL, sizeof(buffers));
	child = fork_child();
	if (!child) {
		if (queue_do(&self->q, &again))
			_exit(1);
		if (write(self->ends[1], "def", 3) != 3)
			_exit(2);
		if (result_of(&self->q, 1, READ) != 3)
			_exit(3);
		_exit(memcmp(buffers[0], "def", 3) ? 4 : 0);
	}
	ASSERT_EQ(child, waitpid(child, &status, 0));
	EXPECT_EQ(0, status);
	EXPECT_TRUE(is_untouched());
	/* The child ends with its operation under way. */
	child = fork_child();
	if (!child)
		_exit(!!queue_do(&self->q, &again));
	ASSERT_EQ(child, waitpid(child, &status, 0));
	EXPECT_EQ(0, status);
	kevent_seek(&self->q, __atomic_load_n(&self->q.header->head, __ATOMIC_RELAXED));
	EXPECT_EQ(0, queue_do(&self->q, &again));
}

/* Page faults that another program answers */

static bool answer_fault(int fd, void *memory)
{
	struct uffdio_zeropage zero = { .range = { .start = (uintptr_t)memory, .len = PAGE } };

	return !ioctl(fd, UFFDIO_ZEROPAGE, &zero);
}

static bool answer_fault_with(int fd, void *memory, const struct kevent_op *op)
{
	static char page[PAGE] __attribute__((aligned(PAGE)));
	struct uffdio_copy copy = {
		.dst = (uintptr_t)memory, .src = (uintptr_t)page, .len = PAGE,
	};

	memcpy(page, op, sizeof(*op));
	return !ioctl(fd, UFFDIO_COPY, &copy);
}

static void *new_memory(void)
{
	return mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
}

/* A thread of the kernel waits in the fault. */
TEST_F(aio, removed_in_a_page_fault)
{
	char *memory = new_memory();
	int fd = new_userfault(memory, PAGE);
	struct kevent_op op;

	if (fd < 0)
		SKIP(return, "no userfaultfd");
	op = kevent_op_aio(self->fds[0], 1, READ, memory, 100, 0, 0);
	ASSERT_EQ(0, queue_do(&self->q, &op));
	ASSERT_TRUE(is_faulted(fd));
	EXPECT_TRUE(queue_stays_empty(&self->q));
	EXPECT_EQ(READ, queue_remove(&self->q, op.handle));
	EXPECT_EQ(-EFAULT, kevent_aio_result(&self->q, kevent_slot_of(op.handle)));
	ASSERT_TRUE(answer_fault(fd, memory));
	sleep_ms(20);
	for (int i = 0; i < PAGE; i++)
		ASSERT_EQ(0, memory[i]);
	close(fd);
}

static struct call submit_by(const struct kevent_queue *q, struct kevent_submit *submit)
{
	return (struct call){
		.make = call_ioctl, .fd = q->fd, .value = KEVENT_IOC_SUBMIT, .buf = submit,
	};
}

/* The task that has started it waits in the fault, and the queue works. */
TEST_F(aio, page_fault_of_the_starter)
{
	char *memory = new_memory();
	int fd = new_userfault(memory, PAGE), disk = open(DISK, O_RDONLY);
	struct kevent_op op, again, remove;
	struct kevent_submit submit = { .ops = (uintptr_t)&again, .nr = 1 };
	struct call call = submit_by(&self->q, &submit);
	uint64_t user;

	if (fd < 0 || disk < 0)
		SKIP(return, "no userfaultfd, or no disk");
	op = kevent_op_aio(disk, 1, READ, buffers[0], 100, 0, 0);
	ASSERT_EQ(0, queue_do(&self->q, &op));
	ASSERT_EQ(100, result_of(&self->q, 1, READ));
	again = kevent_op_aio_again(op.handle, memory, 100, 0);
	ASSERT_TRUE(call_start(&call));
	ASSERT_TRUE(is_faulted(fd));
	/* Others go on. */
	user = queue_add_user(&self->q, 5, 1, 0);
	ASSERT_NE(0, user);
	EXPECT_EQ(0, queue_ready(&self->q, user, 1));
	EXPECT_TRUE(queue_gives(&self->q, 5, 1));
	EXPECT_EQ(0, queue_remove(&self->q, user));
	remove = kevent_op_aio_again(op.handle, buffers[0], 100, 0);
	EXPECT_EQ(-EBUSY, queue_do(&self->q, &remove));
	EXPECT_TRUE(queue_stays_empty(&self->q));
	ASSERT_TRUE(answer_fault(fd, memory));
	EXPECT_TRUE(call_ends(&call));
	EXPECT_EQ(1, call.ret);
	EXPECT_EQ(0, again.result);
	EXPECT_EQ(100, result_of(&self->q, 1, READ));
	EXPECT_EQ(0, memcmp(memory, buffers[0], 100));
	close(fd);
	close(disk);
}

/* The queue is closed while a call of it is under way. The mapping holds it. */
TEST_F(aio_pipe, closed_before_it_is_started)
{
	struct kevent_op *memory = new_memory();
	int fd = new_userfault(memory, PAGE);
	struct kevent_submit submit = { .ops = (uintptr_t)memory, .nr = 1 };
	struct call call = submit_by(&self->q, &submit);
	struct kevent_event event;
	struct kevent_op op;

	if (fd < 0)
		SKIP(return, "no userfaultfd");
	EXPECT_EQ(READ, queue_remove(&self->q, self->handle));
	ASSERT_TRUE(call_start_blocked(&call));
	close(self->q.fd);
	op = kevent_op_aio(self->ends[0], 2, READ, buffers[0], PAGE, 0, 0);
	ASSERT_TRUE(answer_fault_with(fd, memory, &op));
	EXPECT_TRUE(call_ends(&call));
	EXPECT_EQ(1, call.ret);
	EXPECT_EQ(0, memory->result);
	EXPECT_TRUE(wait_for(kevent_next(&self->q, &event) && event.user == 2));
	EXPECT_TRUE(is_cancelled(kevent_aio_result(&self->q, kevent_slot_of(memory->handle))));
	kevent_unmap(&self->q);
	close(self->ends[0]);
	EXPECT_TRUE(loses_its_reader(self->ends[1]));
	close(fd);
	/* For the end of the test. */
	self->ends[0] = -1;
	ASSERT_EQ(0, kevent_open(&self->q, 16, 0));
}

/* A signal ends the wait of REMOVE for such a task. */
TEST_F(aio, signal_in_remove)
{
	char *memory = new_memory();
	int fd = new_userfault(memory, PAGE), disk = open(DISK, O_RDONLY);
	struct kevent_op op, again, remove;
	struct kevent_submit submit = { .ops = (uintptr_t)&again, .nr = 1 };
	struct kevent_submit end = { .ops = (uintptr_t)&remove, .nr = 1 };
	struct call call = submit_by(&self->q, &submit);
	struct call other = submit_by(&self->q, &end);

	if (fd < 0 || disk < 0)
		SKIP(return, "no userfaultfd, or no disk");
	ASSERT_EQ(0, catch_signal(SIGUSR1, 0));
	op = kevent_op_aio(disk, 1, READ, buffers[0], 100, 0, 0);
	ASSERT_EQ(0, queue_do(&self->q, &op));
	ASSERT_EQ(100, result_of(&self->q, 1, READ));
	again = kevent_op_aio_again(op.handle, memory, 100, 0);
	remove = kevent_op_remove(op.handle);
	ASSERT_TRUE(call_start(&call));
	ASSERT_TRUE(is_faulted(fd));
	ASSERT_TRUE(call_start_blocked(&other));
	ASSERT_EQ(0, signal_thread(other.tid, SIGUSR1));
	EXPECT_TRUE(call_ends(&other));
	EXPECT_EQ(1, other.ret);
	EXPECT_EQ(-EINTR, remove.result);
	other = submit_by(&self->q, &end);
	ASSERT_TRUE(call_start_blocked(&other));
	ASSERT_TRUE(answer_fault(fd, memory));
	EXPECT_TRUE(call_ends(&call));
	EXPECT_TRUE(call_ends(&other));
	EXPECT_EQ(0, remove.result);
	EXPECT_EQ(READ, remove.events);
	EXPECT_EQ(100, kevent_aio_result(&self->q, kevent_slot_of(op.handle)));
	close(fd);
	close(disk);
}

/* Races */

static _Atomic bool stop;

struct racer {
	pthread_t thread;
	const struct kevent_queue *q;
	uint64_t handle;
	int fd;
};

static void *fail(int err)
{
	fprintf(stderr, "# failed: %s\n", strerror(-err));
	return &stop;
}

/* Starts and removes a kevent that others start and remove, too. */
static void *race(void *arg)
{
	struct racer *racer = arg;
	static char memory[PAGE];

	for (int i = 0; !stop; i++) {
		struct kevent_op op = kevent_op_aio(racer->fd, i & 3, READ, memory, 100, 0,
						    i & 1 ? KEVENT_ONESHOT : 0);
		struct kevent_op again;
		int ret = queue_do(racer->q, &op);

		/* The consumer may be slow. */
		if (ret && ret != -EEXIST && ret != -ENOSPC)
			return fail(ret);
		if (!ret)
			racer->handle = op.handle;
		again = kevent_op_aio_again(racer->handle, memory, 200, 0);
		ret = queue_do(racer->q, &again);
		if (ret && ret != -EBUSY && ret != -ENOENT)
			return fail(ret);
		if (i % 3 == 0)
			queue_remove(racer->q, racer->handle);
	}
	return NULL;
}

TEST_F(aio, started_and_removed_by_threads)
{
	int disk = open(DISK, O_RDONLY), ends[2];
	struct racer racers[4];
	struct kevent_event event;
	int64_t deadline = now_ms() + 2000;

	ASSERT_EQ(0, pipe(ends));
	stop = false;
	for (int i = 0; i < 4; i++) {
		racers[i] = (struct racer){ .q = &self->q };
		racers[i].fd = i == 0 && disk >= 0 ? disk : i == 1 ? ends[0] : self->fds[0];
		ASSERT_EQ(0, pthread_create(&racers[i].thread, NULL, race, &racers[i]));
	}
	while (now_ms() < deadline) {
		kevent_wait(&self->q, NULL, 0, 1000000, 0);
		while (kevent_next(&self->q, &event))
			EXPECT_EQ(READ, event.events);
		ASSERT_EQ(1, write(ends[1], "x", 1));
	}
	stop = true;
	for (int i = 0; i < 4; i++) {
		void *failed;

		pthread_join(racers[i].thread, &failed);
		EXPECT_EQ(NULL, failed);
	}
	close(disk);
	close(ends[0]);
	close(ends[1]);
}

TEST_HARNESS_MAIN
