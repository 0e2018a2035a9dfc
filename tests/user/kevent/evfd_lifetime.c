// SPDX-License-Identifier: GPL-2.0
/*
 * The life of a queue: a mapping outlives the descriptor and may be unmapped in parts or
 * moved; dup(), fork(), exec() and passing the descriptor share the queue.
 */
#include "queue.h"
#include "fd_passing.h"
#include "signal.h"

#include <sys/wait.h>

FIXTURE(queue)
{
	struct kevent_queue q;
};

FIXTURE_SETUP(queue)
{
	ASSERT_EQ(0, kevent_open(&self->q, 256, 0));
}

FIXTURE_TEARDOWN(queue)
{
	kevent_close(&self->q);
}

TEST_F(queue, a_mapping_outlives_the_descriptor)
{
	uint64_t handle = queue_add_user(&self->q, 1, 1, 0);
	struct kevent_header *header = self->q.header;

	ASSERT_EQ(0, queue_ready(&self->q, handle, 1));
	ASSERT_EQ(0, close(self->q.fd));
	EXPECT_TRUE(queue_gives(&self->q, 1, 1));
	memset(self->q.slot, 0xff, self->q.slots * sizeof(*self->q.slot));
	memset(header, 0, sizeof(*header));
}

TEST_F(queue, a_second_mapping_outlives_the_first)
{
	uint64_t handle = queue_add_user(&self->q, 1, 1, 0);
	struct kevent_queue second;

	ASSERT_EQ(0, kevent_map(&second, self->q.fd));
	kevent_unmap(&self->q);
	ASSERT_EQ(0, queue_ready(&second, handle, 1));
	EXPECT_TRUE(queue_gives(&second, 1, 1));
	self->q = second;
}

TEST_F(queue, works_without_a_mapping)
{
	uint64_t handle = queue_add_user(&self->q, 1, 1, 0);
	struct kevent_submit submit = wait_forever(&self->q);

	kevent_unmap(&self->q);
	ASSERT_EQ(0, queue_ready(&self->q, handle, 1));
	EXPECT_EQ(0, kevent_enter(&self->q, &submit));
	EXPECT_EQ(POLLIN, poll_now(self->q.fd));
	ASSERT_EQ(0, kevent_map(&self->q, self->q.fd));
	EXPECT_TRUE(queue_gives(&self->q, 1, 1));
}

TEST_F(queue, parts_of_the_mapping_are_unmapped)
{
	size_t page = sysconf(_SC_PAGESIZE), size = self->q.size;
	uint64_t handle = queue_add_user(&self->q, 1, 1, 0);
	struct kevent_submit submit = wait_forever(&self->q);
	char *map = (char *)self->q.header;

	for (size_t at = page; at < size; at += 2 * page)
		ASSERT_EQ(0, munmap(map + at, page));
	ASSERT_EQ(0, queue_ready(&self->q, handle, 1));
	EXPECT_EQ(0, kevent_enter(&self->q, &submit));
	for (size_t at = 0; at < size; at += 2 * page)
		ASSERT_EQ(0, munmap(map + at, page));
	ASSERT_EQ(0, kevent_map(&self->q, self->q.fd));
	EXPECT_TRUE(queue_gives(&self->q, 1, 1));
}

TEST_F(queue, the_mapping_is_moved)
{
	uint64_t handle = queue_add_user(&self->q, 1, 1, 0);
	size_t size = self->q.size;
	char *to = mmap(NULL, size, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	struct kevent_queue moved;

	ASSERT_NE(MAP_FAILED, to);
	ASSERT_EQ(to, mremap(self->q.header, size, size, MREMAP_MAYMOVE | MREMAP_FIXED, to));
	kevent_init_(&moved, self->q.fd, to, size);
	ASSERT_EQ(0, queue_ready(&moved, handle, 1));
	EXPECT_TRUE(queue_gives(&moved, 1, 1));
	self->q = moved;
}

TEST_F(queue, the_mapping_does_not_grow)
{
	EXPECT_EQ(MAP_FAILED, mremap(self->q.header, self->q.size, 2 * self->q.size,
				     MREMAP_MAYMOVE));
	EXPECT_EQ(EFAULT, errno);
}

TEST_F(queue, dup_shares_it)
{
	uint64_t handle = queue_add_user(&self->q, 1, 1, 0);
	int fd = dup(self->q.fd);

	ASSERT_EQ(0, close(self->q.fd));
	self->q.fd = fd;
	ASSERT_EQ(0, queue_ready(&self->q, handle, 1));
	EXPECT_TRUE(queue_gives(&self->q, 1, 1));
}

TEST_F(queue, a_child_produces)
{
	uint64_t handles[2] = { queue_add_user(&self->q, 1, 1, 0) };
	uint32_t list = 0;
	struct kevent_event event;
	pid_t child;

	handles[1] = queue_add_user(&self->q, 2, 1, 0);
	child = fork_child();
	ASSERT_GE(child, 0);
	if (!child)
		_exit(queue_ready(&self->q, handles[0], 1) ||
		      kevent_raise(&self->q, handles[1], 1));
	EXPECT_TRUE(child_ends_well(child));
	EXPECT_TRUE(queue_gives(&self->q, 1, 1));
	ASSERT_TRUE(kevent_take_raised(&self->q, &list, &event));
	EXPECT_EQ(2, event.user);
}

TEST_F(queue, a_child_wakes_its_parent)
{
	uint64_t handle = queue_add_user(&self->q, 1, 1, 0);
	struct waiter waiter;
	pid_t child;

	ASSERT_TRUE(waiter_sleeps(&waiter, &self->q));
	child = fork_child();
	ASSERT_GE(child, 0);
	if (!child)
		_exit(kevent_raise(&self->q, handle, 1));
	EXPECT_TRUE(child_ends_well(child));
	EXPECT_EQ(0, waiter_returns(&waiter));
}

TEST_F(queue, parent_and_child_consume)
{
	uint64_t handles[3];
	struct kevent_event event;
	pid_t child;

	for (int i = 0; i < 3; i++) {
		handles[i] = queue_add_user(&self->q, i, 1, 0);
		ASSERT_EQ(0, queue_ready(&self->q, handles[i], 1));
	}
	ASSERT_TRUE(kevent_next_shared(&self->q, &event));
	EXPECT_EQ(0, event.user);
	child = fork_child();
	ASSERT_GE(child, 0);
	if (!child)
		_exit(!kevent_next_shared(&self->q, &event) || event.user != 1);
	EXPECT_TRUE(child_ends_well(child));
	ASSERT_TRUE(kevent_next_shared(&self->q, &event));
	EXPECT_EQ(2, event.user);
	EXPECT_FALSE(kevent_next_shared(&self->q, &event));
}

TEST_F(queue, the_parents_close_leaves_it_to_the_child)
{
	uint64_t handle = queue_add_user(&self->q, 1, 1, 0);
	int go = evfd_new(0, 0);
	pid_t child;

	child = fork_child();
	ASSERT_GE(child, 0);
	if (!child) {
		efd_take(go);
		_exit(queue_ready(&self->q, handle, 1) ||
		      !queue_gives(&self->q, 1, 1));
	}
	ASSERT_EQ(0, close(self->q.fd));
	ASSERT_EQ(8, efd_add(go, 1));
	EXPECT_TRUE(child_ends_well(child));
}

/* Whether the mapping of a queue is in this process. */
static bool is_mapped(const struct kevent_queue *q)
{
	unsigned char present;

	return !mincore(q->header, 1, &present);
}

/* The mapping that a child inherits. */

FIXTURE(child)
{
	struct kevent_queue q;
	int pipe[2];
};

FIXTURE_VARIANT(child)
{
	unsigned int flags;
	bool is_mapped;
};

FIXTURE_VARIANT_ADD(child, with_the_mapping)
{
	.is_mapped = true,
};

FIXTURE_VARIANT_ADD(child, without_the_mapping)
{
	.flags = KEVENT_SETUP_NOFORK,
};

FIXTURE_SETUP(child)
{
	ASSERT_EQ(0, kevent_open(&self->q, 1, variant->flags));
	ASSERT_EQ(0, pipe2(self->pipe, O_CLOEXEC));
}

FIXTURE_TEARDOWN(child)
{
}

TEST_F(child, inherits_the_mapping_or_not)
{
	uint64_t handle = queue_add_user(&self->q, 1, 1, 0);
	struct kevent_queue other;
	pid_t child;
	void *place;

	/* Mappings that were made or moved later are like the first. */
	ASSERT_EQ(0, kevent_map(&other, self->q.fd));
	place = mmap(NULL, other.size, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	other.header = mremap(other.header, other.size, other.size,
			      MREMAP_MAYMOVE | MREMAP_FIXED, place);
	ASSERT_EQ(place, other.header);
	child = fork_child();
	ASSERT_GE(child, 0);
	if (!child)
		_exit(is_mapped(&other) != variant->is_mapped);
	EXPECT_TRUE(child_ends_well(child));
	EXPECT_TRUE(is_mapped(&self->q));
	ASSERT_EQ(0, queue_ready(&self->q, handle, 1));
	EXPECT_TRUE(queue_gives(&self->q, 1, 1));
	EXPECT_EQ(-1, madvise(self->q.header, self->q.size, MADV_DOFORK));
	EXPECT_EQ(EINVAL, errno);
}

TEST_F(child, inherits_the_descriptor)
{
	uint64_t handle = queue_add_user(&self->q, 1, 1, 0);
	pid_t child;

	child = fork_child();
	ASSERT_GE(child, 0);
	if (!child)
		_exit(queue_ready(&self->q, handle, 1) || kevent_map(&self->q, self->q.fd) ||
		      !queue_gives(&self->q, 1, 1));
	EXPECT_TRUE(child_ends_well(child));
}

/* A child that closes the descriptor keeps the queue, if it has the mapping. */
TEST_F(child, keeps_the_queue_or_not)
{
	int go = evfd_new(0, 0), closed = evfd_new(0, 0);
	pid_t child;

	ASSERT_NE(0, queue_add_poll(&self->q, self->pipe[0], POLLIN, 0));
	ASSERT_NE(SIG_ERR, signal(SIGPIPE, SIG_IGN));
	child = fork_child();
	ASSERT_GE(child, 0);
	if (!child) {
		close(self->q.fd);
		close(self->pipe[0]);
		efd_add(closed, 1);
		efd_take(go);
		_exit(0);
	}
	ASSERT_EQ(1, efd_take(closed));
	ASSERT_EQ(0, close(self->pipe[0]));
	EXPECT_EQ(1, write(self->pipe[1], "", 1));
	kevent_close(&self->q);
	/* The queue holds the pipe open for reading. */
	EXPECT_EQ(variant->is_mapped ? 1 : -EPIPE, result(write(self->pipe[1], "", 1)));
	ASSERT_EQ(8, efd_add(go, 1));
	EXPECT_TRUE(child_ends_well(child));
	EXPECT_EQ(-EPIPE, result(write(self->pipe[1], "", 1)));
}

TEST_F(queue, is_passed_through_a_socket)
{
	uint64_t handle = queue_add_user(&self->q, 1, 1, 0);
	struct kevent_queue passed;
	int sockets[2], fd;

	ASSERT_EQ(0, socketpair(AF_UNIX, SOCK_STREAM, 0, sockets));
	ASSERT_TRUE(send_fd(sockets[0], self->q.fd));
	/* The message alone keeps the queue. */
	kevent_close(&self->q);
	fd = receive_fd(sockets[1]);
	ASSERT_GE(fd, 0);
	ASSERT_EQ(0, kevent_map(&passed, fd));
	ASSERT_EQ(0, queue_ready(&passed, handle, 1));
	EXPECT_TRUE(queue_gives(&passed, 1, 1));
	self->q = passed;
}

/* Names the descriptor and the handle to the program that the_queue_outlives_exec() starts. */
#define EXEC_FD		"EVFD_KEVENT_FD"
#define EXEC_HANDLE	"EVFD_KEVENT_HANDLE"

/* Raises an event, in place of the tests. */
__attribute__((constructor)) static void after_exec(void)
{
	const char *fd = getenv(EXEC_FD), *handle = getenv(EXEC_HANDLE);
	struct kevent_queue q;

	if (!fd || !handle)
		return;
	if (kevent_map(&q, atoi(fd)))
		_exit(2);
	_exit(kevent_raise(&q, strtoull(handle, NULL, 0), 1));
}

static void exec_with(int fd, uint64_t handle)
{
	char text[32];

	snprintf(text, sizeof(text), "%d", fd);
	setenv(EXEC_FD, text, 1);
	snprintf(text, sizeof(text), "%llu", (unsigned long long)handle);
	setenv(EXEC_HANDLE, text, 1);
	execl("/proc/self/exe", "kevent", NULL);
	_exit(3);
}

TEST_F(queue, exec_closes_it)
{
	uint64_t handle = queue_add_user(&self->q, 1, 1, 0);
	int status;
	pid_t child;

	EXPECT_EQ(FD_CLOEXEC, fcntl(self->q.fd, F_GETFD));
	child = fork_child();
	ASSERT_GE(child, 0);
	if (!child)
		exec_with(self->q.fd, handle);
	ASSERT_EQ(child, waitpid(child, &status, 0));
	ASSERT_TRUE(WIFEXITED(status));
	EXPECT_EQ(2, WEXITSTATUS(status));
}

TEST_F(queue, exec_leaves_it_open)
{
	uint64_t handle = queue_add_user(&self->q, 1, 1, 0);
	struct kevent_event event;
	uint32_t list = 0;
	pid_t child;

	child = fork_child();
	ASSERT_GE(child, 0);
	if (!child) {
		fcntl(self->q.fd, F_SETFD, 0);
		exec_with(self->q.fd, handle);
	}
	EXPECT_TRUE(child_ends_well(child));
	ASSERT_TRUE(kevent_take_raised(&self->q, &list, &event));
	EXPECT_EQ(1, event.user);
}

TEST_F(queue, a_waiter_keeps_it_open)
{
	uint64_t handle = queue_add_user(&self->q, 1, 1, 0);
	struct kevent_queue other = self->q;
	struct waiter waiter;

	other.fd = dup(self->q.fd);
	ASSERT_TRUE(waiter_sleeps(&waiter, &self->q));
	ASSERT_EQ(0, close(self->q.fd));
	ASSERT_TRUE(call_blocks(&waiter.call));
	ASSERT_EQ(0, queue_ready(&other, handle, 1));
	EXPECT_EQ(0, waiter_returns(&waiter));
	self->q = other;
}

TEST_F(queue, closing_ends_its_kevents)
{
	int pipes[2];

	ASSERT_NE(SIG_ERR, signal(SIGPIPE, SIG_IGN));
	ASSERT_EQ(0, pipe2(pipes, O_CLOEXEC));
	ASSERT_NE(0, queue_add_poll(&self->q, pipes[0], POLLIN, 0));
	ASSERT_EQ(0, close(pipes[0]));
	EXPECT_EQ(1, write(pipes[1], "", 1));
	/* The mapping holds the queue. */
	ASSERT_EQ(0, close(self->q.fd));
	EXPECT_EQ(1, write(pipes[1], "", 1));
	kevent_unmap(&self->q);
	EXPECT_EQ(-EPIPE, result(write(pipes[1], "", 1)));
}

TEST_F(queue, exit_ends_its_kevents)
{
	int pipes[2];
	pid_t child;

	ASSERT_NE(SIG_ERR, signal(SIGPIPE, SIG_IGN));
	ASSERT_EQ(0, pipe2(pipes, O_CLOEXEC));
	child = fork_child();
	ASSERT_GE(child, 0);
	if (!child) {
		struct kevent_queue q;

		_exit(kevent_open(&q, 1, 0) || !queue_add_poll(&q, pipes[0], POLLIN, 0));
	}
	EXPECT_TRUE(child_ends_well(child));
	ASSERT_EQ(0, close(pipes[0]));
	EXPECT_EQ(-EPIPE, result(write(pipes[1], "", 1)));
}

/* fdinfo */

struct info {
	unsigned int slots, used, kevents;
	bool found_user, found_poll;
};

/* Reads fdinfo. Looks for the two kevents of the test. */
static bool read_info(int fd, const uint64_t *handles, struct info *info)
{
	unsigned long long id, user;
	unsigned int slot, type, want;
	char line[256];
	FILE *file;

	memset(info, 0, sizeof(*info));
	snprintf(line, sizeof(line), "/proc/self/fdinfo/%d", fd);
	file = fopen(line, "re");
	if (!file)
		return false;
	while (fgets(line, sizeof(line), file)) {
		if (sscanf(line, "kevent slots: %u used: %u", &info->slots, &info->used) == 2)
			continue;
		if (sscanf(line, "slot: %u type: %u want: %8x id: %llx user: %llx", &slot, &type,
			   &want, &id, &user) != 5)
			continue;
		info->kevents++;
		if (slot == kevent_slot_of(handles[0]))
			info->found_user = type == KEVENT_USER && want == 0x8000000f &&
					   id == 0xabcdef0123456789 && user == UINT64_MAX;
		if (slot == kevent_slot_of(handles[1]))
			info->found_poll = type == KEVENT_POLL && want == POLLIN &&
					   id == 0 && user == 2;
	}
	fclose(file);
	return true;
}

TEST_F(queue, fdinfo)
{
	int pipes[2];
	uint64_t handles[2];
	struct info info;

	ASSERT_EQ(0, pipe2(pipes, O_CLOEXEC));
	ASSERT_EQ(0, dup2(pipes[0], 0));
	handles[0] = queue_add(&self->q, KEVENT_USER, UINT64_C(0xabcdef0123456789), UINT64_MAX,
			       0x8000000f, 0);
	handles[1] = queue_add(&self->q, KEVENT_POLL, 0, 2, POLLIN, KEVENT_ET);
	ASSERT_TRUE(handles[0] && handles[1]);
	ASSERT_TRUE(read_info(self->q.fd, handles, &info));
	EXPECT_EQ(256, info.slots);
	EXPECT_EQ(2, info.used);
	EXPECT_EQ(2, info.kevents);
	EXPECT_TRUE(info.found_user);
	EXPECT_TRUE(info.found_poll);

	ASSERT_EQ(0, queue_remove(&self->q, handles[0]));
	ASSERT_TRUE(read_info(self->q.fd, handles, &info));
	EXPECT_EQ(1, info.used);
	EXPECT_EQ(1, info.kevents);
	EXPECT_FALSE(info.found_user);
}

TEST_HARNESS_MAIN
