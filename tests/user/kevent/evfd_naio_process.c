// SPDX-License-Identifier: GPL-2.0
/*
 * KEVENT_NAIO and processes: close, exit, exec and fork while an operation waits; the
 * credentials of its sender; queues in the messages of their own sockets.
 */
#define _GNU_SOURCE

#include "fd_passing.h"
#include "naio.h"
#include "userfault.h"

#include <signal.h>
#include <sys/mman.h>
#include <sys/wait.h>

#define FILL	0x5a	/* the memory before a RECV */

static char buffer[4096], other[1 << 20];

/* A RECV of 100 bytes into the buffer, with the user word 1, that waits at ends[0]. */
FIXTURE(naio)
{
	struct kevent_queue q;
	int ends[2];
	uint64_t handle;
};

FIXTURE_SETUP(naio)
{
	memset(buffer, FILL, sizeof(buffer));
	signal(SIGPIPE, SIG_IGN);
	ASSERT_EQ(0, kevent_open(&self->q, 512, 0));
	ASSERT_TRUE(make_waiting(make_stream, self->ends));
	self->handle = start_naio(&self->q, self->ends[0], 1, RECV, buffer, 100, 0);
	ASSERT_NE(0, self->handle);
	EXPECT_TRUE(queue_stays_empty(&self->q));
}

FIXTURE_TEARDOWN(naio)
{
	close(self->ends[0]);
	close(self->ends[1]);
	kevent_close(&self->q);
}

static bool is_untouched(void)
{
	for (size_t i = 0; i < sizeof(buffer); i++) {
		if (buffer[i] != FILL)
			return false;
	}
	return true;
}

/* Whether the other end is closed, soon. */
static bool loses_its_peer(int fd)
{
	char c;

	return wait_for(recv(fd, &c, 1, MSG_DONTWAIT) == 0);
}

/* Close */

/* The queue is open still, by the other descriptor. */
TEST_F(naio, closed_by_one_descriptor)
{
	close(dup(self->q.fd));
	EXPECT_EQ(-ECANCELED, result_of(&self->q, 1, RECV));
	ASSERT_EQ(3, send(self->ends[1], "abc", 3, 0));
	sleep_ms(20);
	EXPECT_TRUE(is_untouched());
}

TEST_F(naio, closed)
{
	struct kevent_queue q;

	ASSERT_EQ(0, kevent_open(&q, 16, 0));
	ASSERT_NE(0, start_naio(&q, self->ends[0], 1, RECV, other, 10, 0));
	EXPECT_EQ(RECV, queue_remove(&self->q, self->handle));
	close(self->ends[0]);
	self->ends[0] = -1;
	kevent_close(&q);
	EXPECT_TRUE(loses_its_peer(self->ends[1]));
	EXPECT_TRUE(is_untouched());
}

/* For a child: starts a receive that waits. Returns the queue's descriptor. */
static int start_receive(int fd)
{
	struct kevent_queue q;

	if (kevent_open(&q, 16, 0) || !start_naio(&q, fd, 1, RECV, buffer, 10, 0))
		_exit(1);
	return q.fd;
}

/* The mapping holds the queue, whose operation holds no memory of the process. */
TEST_F(naio, closed_but_mapped)
{
	for (int way = 0; way < 4; way++) {
		int ends[2], status;
		pid_t child;

		ASSERT_TRUE(make_waiting(make_stream, ends));
		child = fork_child();
		if (!child) {
			int fd;

			close(ends[1]);
			fd = start_receive(ends[0]);
			if (way == 0)
				close(fd);
			if (way == 2)
				raise(SIGKILL);
			if (way == 3)
				execl("/proc/self/exe", "evfd_naio_process", "-h", NULL);
			_exit(0);
		}
		close(ends[0]);
		ASSERT_EQ(child, waitpid(child, &status, 0));
		if (way < 2)
			EXPECT_EQ(0, status);
		EXPECT_TRUE(loses_its_peer(ends[1]));
		close(ends[1]);
	}
}

/* The new program has the descriptor, and ends. */
TEST_F(naio, descriptor_that_outlives_exec)
{
	int ends[2], status;
	pid_t child;

	ASSERT_TRUE(make_waiting(make_stream, ends));
	child = fork_child();
	if (!child) {
		close(ends[1]);
		if (fcntl(start_receive(ends[0]), F_SETFD, 0))
			_exit(1);
		execl("/bin/true", "true", NULL);
		_exit(3);
	}
	close(ends[0]);
	ASSERT_EQ(child, waitpid(child, &status, 0));
	EXPECT_EQ(0, status);
	EXPECT_TRUE(loses_its_peer(ends[1]));
	close(ends[1]);
}

/* The memory is that of the process that is gone. */
TEST_F(naio, memory_of_another_program)
{
	int ends[2], status;
	pid_t child;

	ASSERT_TRUE(make_waiting(make_stream, ends));
	child = fork_child();
	if (!child) {
		if (fcntl(start_receive(ends[0]), F_SETFD, 0))
			_exit(1);
		execl("/bin/sleep", "sleep", "1", NULL);
		_exit(3);
	}
	sleep_ms(300);
	ASSERT_EQ(3, send(ends[1], "abc", 3, 0));
	ASSERT_EQ(child, waitpid(child, &status, 0));
	EXPECT_EQ(0, status);
	close(ends[0]);
	close(ends[1]);
}

/* A close by a child is none by the starter. The child may start it with its own memory. */
TEST_F(naio, forked)
{
	struct kevent_op again = kevent_op_naio_again(self->handle, buffer, 100, 0);
	pid_t child = fork_child();
	int status;

	if (!child) {
		close(self->q.fd);
		_exit(0);
	}
	ASSERT_EQ(child, waitpid(child, &status, 0));
	EXPECT_TRUE(queue_stays_empty(&self->q));
	ASSERT_EQ(3, send(self->ends[1], "abc", 3, 0));
	EXPECT_EQ(3, result_of(&self->q, 1, RECV));
	memset(buffer, FILL, sizeof(buffer));
	child = fork_child();
	if (!child) {
		if (queue_do(&self->q, &again))
			_exit(1);
		if (send(self->ends[1], "def", 3, 0) != 3)
			_exit(2);
		if (result_of(&self->q, 1, RECV) != 3)
			_exit(3);
		_exit(memcmp(buffer, "def", 3) ? 4 : 0);
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

/* Credentials */

/* Receives bytes with the ids of their sender. Returns the number of bytes, or -1. */
static ssize_t receive_from(int fd, struct ucred *ids)
{
	struct iovec iov = { .iov_base = buffer, .iov_len = sizeof(buffer) };
	union {
		char buf[CMSG_SPACE(sizeof(struct ucred))];
		struct cmsghdr align;
	} control = { };
	struct msghdr msg = {
		.msg_iov = &iov,
		.msg_iovlen = 1,
		.msg_control = control.buf,
		.msg_controllen = sizeof(control.buf),
	};
	ssize_t n = recvmsg(fd, &msg, 0);

	if (n <= 0 || !CMSG_FIRSTHDR(&msg))
		return -1;
	memcpy(ids, CMSG_DATA(CMSG_FIRSTHDR(&msg)), sizeof(*ids));
	return n;
}

/* A send that goes on in a thread of the kernel names the process, also to another user. */
TEST_F(naio, ids_of_the_sender)
{
	for (int user = 0; user <= 1000; user += 1000) {
		int ends[2], status, on = 1;
		size_t size = 0;
		pid_t child;

		ASSERT_TRUE(make_waiting(make_stream, ends));
		ASSERT_EQ(0, setsockopt(ends[0], SOL_SOCKET, SO_PASSCRED, &on, sizeof(on)));
		child = fork_child();
		if (!child) {
			struct kevent_queue q;

			if (setresgid(user + 1, user + 1, user + 1) ||
			    setresuid(user, user, user) || kevent_open(&q, 16, 0))
				_exit(1);
			_exit(naio_by_queue(&q, ends[1], SEND, other, sizeof(other), 0) !=
			      sizeof(other));
		}
		sleep_ms(50);
		while (size < sizeof(other)) {
			struct ucred ids;
			ssize_t n = receive_from(ends[0], &ids);

			ASSERT_LT(0, n);
			size += n;
			ASSERT_EQ(child, ids.pid);
			ASSERT_EQ((uid_t)user, ids.uid);
			ASSERT_EQ((gid_t)user + 1, ids.gid);
		}
		ASSERT_EQ(child, waitpid(child, &status, 0));
		EXPECT_EQ(0, status);
		close(ends[0]);
		close(ends[1]);
	}
}

/* Circles */

/*
 * A queue in a message that its own socket keeps, and a watched pipe by which its end shows.
 * Runs in a process of its own, whose end is to end all.
 */
static void make_circle(int out, int way)
{
	struct kevent_queue q;
	int ends[2];
	uint64_t handle;

	if (kevent_open(&q, 128, 0) || !queue_add_poll(&q, out, POLLIN, 0) ||
	    !make_waiting(make_stream, ends))
		_exit(1);
	close(out);
	handle = start_naio(&q, ends[0], 1, RECV, buffer, 10, 0);
	if (!handle || send(ends[1], "x", 1, 0) != 1 || result_of(&q, 1, RECV) != 1 ||
	    !send_fd(ends[1], q.fd))
		_exit(2);
	if (way && !start_naio(&q, ends[0], 2, SEND, other, sizeof(other), 0))
		_exit(3);
	if (way < 2)
		_exit(0);
	if (way == 2)
		kevent_close(&q);
	close(ends[0]);
	close(ends[1]);
	if (way == 3)
		kevent_close(&q);
	pause();
}

TEST_F(naio, messages_that_hold_the_queue)
{
	for (int way = 0; way < 4; way++) {
		int ends[2], status;
		pid_t child;

		ASSERT_EQ(0, pipe(ends));
		child = fork_child();
		if (!child) {
			close(ends[1]);
			make_circle(ends[0], way);
		}
		close(ends[0]);
		if (way < 2) {
			ASSERT_EQ(child, waitpid(child, &status, 0));
			EXPECT_EQ(0, status);
		}
		EXPECT_TRUE(wait_for(write(ends[1], "x", 1) < 0 && errno == EPIPE));
		if (way >= 2) {
			kill(child, SIGKILL);
			waitpid(child, &status, 0);
		}
		close(ends[1]);
	}
}

/* Page faults that another program answers */

/* A thread of the kernel waits in the fault. */
TEST_F(naio, removed_in_a_page_fault)
{
	char *memory = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	int fd = new_userfault(memory, 4096), ends[2];
	uint64_t handle;

	if (fd < 0)
		SKIP(return, "no userfaultfd");
	ASSERT_TRUE(make_waiting(make_stream, ends));
	handle = start_naio(&self->q, ends[0], 2, RECV, memory, 10, 0);
	ASSERT_NE(0, handle);
	ASSERT_EQ(3, send(ends[1], "abc", 3, 0));
	ASSERT_TRUE(is_faulted(fd));
	EXPECT_TRUE(queue_stays_empty(&self->q));
	/* Others go on. */
	ASSERT_EQ(3, send(self->ends[1], "abc", 3, 0));
	EXPECT_EQ(3, result_of(&self->q, 1, RECV));
	EXPECT_EQ(RECV, queue_remove(&self->q, handle));
	EXPECT_EQ(-EFAULT, kevent_aio_result(&self->q, kevent_slot_of(handle)));
	close(ends[0]);
	close(ends[1]);
	close(fd);
	munmap(memory, 4096);
}

TEST_HARNESS_MAIN
