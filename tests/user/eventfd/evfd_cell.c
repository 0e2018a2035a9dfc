// SPDX-License-Identifier: GPL-2.0
/*
 * Arenas, and event descriptors whose counters are cells: the errors of the calls, mappings, the
 * lifetime of cells, and the functions of <evfd/counter.h>, without waiters.
 */
#include "arena.h"
#include "epoll.h"
#include "fd_passing.h"
#include "signal.h"

#include <stddef.h>
#include <sys/resource.h>

#define N	300

_Static_assert(sizeof(struct evfd_cell) == 16, "size of a cell");
_Static_assert(offsetof(struct evfd_cell, count) == 0, "count");
_Static_assert(offsetof(struct evfd_cell, wakeup_in) == 8, "wakeup_in");
_Static_assert(offsetof(struct evfd_cell, wakeup_out) == 12, "wakeup_out");

/* Makes an arena, or returns -errno. */
static int arena_call(void *arg)
{
	return result(evfd_device_ioctl(EVFD_IOC_ARENA, arg));
}

static int bind_call(int arena, unsigned int cell, unsigned int flags)
{
	struct evfd_bind arg = { .arena = arena, .cell = cell, .flags = flags };

	return result(evfd_device_ioctl(EVFD_IOC_BIND, &arg));
}

/* Maps, and unmaps: 0, or -errno. */
static int map_as(int fd, size_t size, int protection, int flags, off_t offset)
{
	void *map = mmap(NULL, size, protection, flags, fd, offset);

	if (map == MAP_FAILED)
		return -errno;
	munmap(map, size);
	return 0;
}

/* The line of fdinfo with this beginning, or "". */
static const char *fdinfo_line(int fd, const char *begin)
{
	static char line[128];
	char path[64];
	FILE *file;

	snprintf(path, sizeof(path), "/proc/self/fdinfo/%d", fd);
	file = fopen(path, "re");
	while (file && fgets(line, sizeof(line), file)) {
		if (!strncmp(line, begin, strlen(begin))) {
			fclose(file);
			return line;
		}
	}
	if (file)
		fclose(file);
	return "";
}

TEST(arena_sizes)
{
	static const unsigned int good[] = { 1, 2, 255, 256, 257, EVFD_ARENA_MAX };
	static const unsigned int bad[] = { 0, EVFD_ARENA_MAX + 1, INT32_MAX, UINT32_MAX };
	int dev = evfd_open();

	for (size_t i = 0; i < ARRAY_SIZE(good); i++) {
		int fd = evfd_arena_open(dev, good[i]);

		ASSERT_GE(fd, 0);
		EXPECT_EQ(-EINVAL, bind_call(fd, good[i], 0));
		EXPECT_LE(0, bind_call(fd, good[i] - 1, 0));
		close(fd);
	}
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++)
		EXPECT_EQ(-EINVAL, result(evfd_arena_open(dev, bad[i])));
}

TEST(arena_flags_bit_by_bit)
{
	for (int bit = 0; bit < 32; bit++) {
		struct evfd_arena arg = { .entries = 1, .flags = 1u << bit };
		int fd = arena_call(&arg);

		if (arg.flags == EVFD_ARENA_CLOEXEC) {
			ASSERT_GE(fd, 0);
			EXPECT_EQ(FD_CLOEXEC, fcntl(fd, F_GETFD));
		} else {
			EXPECT_EQ(-EINVAL, fd) TH_LOG("bit %d", bit);
		}
	}
}

TEST(arena_arguments)
{
	struct evfd_arena arg = { .entries = 1 };
	int fd = arena_call(&arg);

	ASSERT_GE(fd, 0);
	EXPECT_EQ(0, fcntl(fd, F_GETFD));
	EXPECT_EQ(O_RDWR, fcntl(fd, F_GETFL));
	EXPECT_EQ(-EFAULT, arena_call(nowhere()));
}

FIXTURE(arena)
{
	struct arena arena;
	struct evfd_counter c;
};

FIXTURE_SETUP(arena)
{
	ASSERT_TRUE(arena_make(&self->arena, N));
	self->c.fd = -1;
}

FIXTURE_TEARDOWN(arena)
{
	close(self->c.fd);
	arena_end(&self->arena);
}

TEST_F(arena, begins_with_zeroes)
{
	for (int i = 0; i < N; i++) {
		ASSERT_EQ(0, self->arena.cells[i].count);
		ASSERT_EQ(0, self->arena.cells[i].wakeup_in);
		ASSERT_EQ(0, self->arena.cells[i].wakeup_out);
	}
}

TEST_F(arena, bind_flags_bit_by_bit)
{
	unsigned int known = EVFD_EFD_SEMAPHORE | EVFD_EFD_CLOEXEC | EVFD_EFD_NONBLOCK |
			     EVFD_EFD_WAKE_ONE;

	for (int bit = 0; bit < 32; bit++) {
		unsigned int flag = 1u << bit;
		int fd = bind_call(self->arena.fd, 0, flag);

		if (!(flag & known)) {
			EXPECT_EQ(-EINVAL, fd) TH_LOG("bit %d", bit);
			continue;
		}
		ASSERT_GE(fd, 0);
		EXPECT_EQ(flag == EVFD_EFD_CLOEXEC ? FD_CLOEXEC : 0, fcntl(fd, F_GETFD));
		EXPECT_EQ(O_RDWR | (flag == EVFD_EFD_NONBLOCK ? O_NONBLOCK : 0),
			  fcntl(fd, F_GETFL));
		close(fd);
	}
}

TEST_F(arena, bind_errors)
{
	int others[] = { self->arena.dev, evfd_new(0, 0), native_make_eventfd(0, 0), 0 };
	int fd = bind_call(self->arena.fd, 7, 0), closed = dup(0);

	ASSERT_GE(fd, 0);
	others[3] = fd;
	close(closed);
	EXPECT_EQ(-EBADF, bind_call(-1, 0, 0));
	EXPECT_EQ(-EBADF, bind_call(closed + 1000, 0, 0));
	for (size_t i = 0; i < ARRAY_SIZE(others); i++)
		EXPECT_EQ(-EINVAL, bind_call(others[i], 0, 0));
	EXPECT_EQ(-EINVAL, bind_call(self->arena.fd, N, 0));
	EXPECT_EQ(-EINVAL, bind_call(self->arena.fd, UINT32_MAX, 0));
	EXPECT_EQ(-EBUSY, bind_call(self->arena.fd, 7, 0));
	EXPECT_LE(0, bind_call(self->arena.fd, 6, 0));
	EXPECT_LE(0, bind_call(self->arena.fd, 8, 0));
	EXPECT_EQ(-EFAULT, result(evfd_device_ioctl(EVFD_IOC_BIND, nowhere())));
}

TEST_F(arena, a_failed_bind_leaves_the_cell_free)
{
	int lowest = dup(0);
	struct rlimit limit, old;

	close(lowest);
	self->arena.cells[5].count = 77;
	EXPECT_EQ(-EINVAL, bind_call(self->arena.fd, 5, 1u << 30));
	EXPECT_EQ(77, self->arena.cells[5].count);
	ASSERT_EQ(0, getrlimit(RLIMIT_NOFILE, &old));
	limit = old;
	limit.rlim_cur = lowest;
	ASSERT_EQ(0, setrlimit(RLIMIT_NOFILE, &limit));
	EXPECT_EQ(-EMFILE, arena_bind(&self->arena, &self->c, 5, 0, 0));
	EXPECT_EQ(-EMFILE, result(evfd_arena_open(self->arena.dev, 1)));
	ASSERT_EQ(0, setrlimit(RLIMIT_NOFILE, &old));
	EXPECT_EQ(0, arena_bind(&self->arena, &self->c, 5, 3, 0));
	EXPECT_EQ(lowest, self->c.fd);
	EXPECT_EQ(3, evfd_counter_read(&self->c));
}

TEST_F(arena, kick_arguments)
{
	static const unsigned long bad[] = {
		0, EPOLLPRI, EPOLLERR, EPOLLHUP, EPOLLIN | EPOLLPRI, EPOLLET | EPOLLIN, -1,
	};
	int plain = evfd_new(0, 0), native = native_make_eventfd(0, 0);

	ASSERT_EQ(0, arena_bind(&self->arena, &self->c, 0, 0, 0));
	for (int i = 0; i < 2; i++) {
		EXPECT_EQ(0, kick(self->c.fd, EPOLLIN));
		EXPECT_EQ(0, kick(self->c.fd, EPOLLOUT));
		EXPECT_EQ(0, kick(self->c.fd, EPOLLIN | EPOLLOUT));
		EXPECT_EQ(8, efd_add(self->c.fd, 1));
	}
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++)
		EXPECT_EQ(-EINVAL, kick(self->c.fd, bad[i]));
	for (int bit = 0; bit < 32; bit++) {
		unsigned long event = 1ul << bit;
		bool good = event == EPOLLIN || event == EPOLLOUT;

		EXPECT_EQ(good ? 0 : -EINVAL, kick(self->c.fd, event));
	}
#if __LONG_WIDTH__ == 64
	EXPECT_EQ(-EINVAL, kick(self->c.fd, (1ul << 32) | EPOLLIN));
#endif
	EXPECT_EQ(-ENOTTY, kick(plain, EPOLLIN));
	EXPECT_EQ(-ENOTTY, kick(native, EPOLLIN));
	EXPECT_EQ(-ENOTTY, kick(self->arena.fd, EPOLLIN));
	EXPECT_EQ(-ENOTTY, kick(self->arena.dev, EPOLLIN));
	EXPECT_EQ(-ENOTTY, result(ioctl(self->c.fd, EVFD_IOC_ARENA, nowhere())));
	EXPECT_EQ(2, evfd_counter_read(&self->c));
}

TEST_F(arena, mapping_rules)
{
	size_t page = sysconf(_SC_PAGESIZE);
	size_t size = (N * sizeof(struct evfd_cell) + page - 1) / page * page;
	int fd = self->arena.fd, both = PROT_READ | PROT_WRITE, ret;

	EXPECT_EQ(0, map_as(fd, size, both, MAP_SHARED, 0));
	EXPECT_EQ(0, map_as(fd, size, PROT_READ, MAP_SHARED, 0));
	EXPECT_EQ(0, map_as(fd, page, both, MAP_SHARED, size - page));
	EXPECT_EQ(-EINVAL, map_as(fd, page, both, MAP_SHARED, size));
	EXPECT_EQ(-EINVAL, map_as(fd, size, both, MAP_SHARED, page));
	EXPECT_EQ(-EINVAL, map_as(fd, size + 1, both, MAP_SHARED, 0));
	EXPECT_EQ(-EINVAL, map_as(fd, page, both, MAP_PRIVATE, 0));
	EXPECT_EQ(-EINVAL, map_as(fd, page, PROT_READ, MAP_PRIVATE, 0));
	/* EPERM: files of anonymous inodes cannot be executed. */
	ret = map_as(fd, page, both | PROT_EXEC, MAP_SHARED, 0);
	EXPECT_TRUE(ret == -EINVAL || ret == -EPERM);
	EXPECT_EQ(-EACCES, result(mprotect(self->arena.cells, page, PROT_READ | PROT_EXEC)));
	ASSERT_EQ(0, arena_bind(&self->arena, &self->c, 0, 0, 0));
	EXPECT_EQ(-ENODEV, map_as(self->c.fd, page, both, MAP_SHARED, 0));
}

TEST_F(arena, mremap_moves_but_never_grows)
{
	size_t page = sysconf(_SC_PAGESIZE);
	size_t size = (N * sizeof(struct evfd_cell) + page - 1) / page * page;
	struct evfd_cell *cells = self->arena.cells, *moved;
	void *room = mmap(NULL, size, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	ASSERT_NE(MAP_FAILED, room);
	ASSERT_EQ(0, arena_bind(&self->arena, &self->c, N - 1, 9, EFD_NONBLOCK));
	EXPECT_EQ(MAP_FAILED, mremap(cells, size, size + page, MREMAP_MAYMOVE));
	EXPECT_EQ(MAP_FAILED, mremap(cells, page, size + page, MREMAP_MAYMOVE));
	moved = mremap(cells, size, size, MREMAP_MAYMOVE | MREMAP_FIXED, room);
	ASSERT_EQ(room, moved);
	self->arena.cells = moved;
	self->c.cell = moved + N - 1;
	EXPECT_EQ(9, evfd_counter_look(&self->c));
	EXPECT_EQ(0, evfd_counter_write(&self->c, 1));
	EXPECT_EQ(10, efd_take(self->c.fd));
}

TEST_F(arena, cells_behind_the_last_are_zero)
{
	size_t page = sysconf(_SC_PAGESIZE);
	size_t all = (N * sizeof(struct evfd_cell) + page - 1) / page * page;

	for (size_t i = N; i < all / sizeof(struct evfd_cell); i++)
		ASSERT_EQ(0, self->arena.cells[i].count);
}

TEST_F(arena, each_mapping_shows_the_same_memory)
{
	struct evfd_cell *other = evfd_arena_map(self->arena.fd, N);

	ASSERT_TRUE(other);
	ASSERT_EQ(0, arena_bind(&self->arena, &self->c, N - 1, 1, 0));
	ASSERT_EQ(0, evfd_counter_write(&self->c, 4));
	EXPECT_EQ(5, other[N - 1].count);
}

TEST_F(arena, has_neither_poll_nor_read_nor_write)
{
	struct epoll_event event = { .events = EPOLLIN };
	int ep = epoll_create1(0);
	uint64_t value = 1;

	EXPECT_EQ(-EINVAL, result(read(self->arena.fd, &value, 8)));
	EXPECT_EQ(-EINVAL, result(write(self->arena.fd, &value, 8)));
	EXPECT_EQ(POLLIN | POLLOUT, poll_now(self->arena.fd));
	EXPECT_EQ(-EPERM, result(epoll_ctl(ep, EPOLL_CTL_ADD, self->arena.fd, &event)));
}

TEST_F(arena, bind_begins_the_cell)
{
	struct evfd_cell *cell = &self->arena.cells[3];

	*cell = (struct evfd_cell){ .count = 9, .wakeup_in = 3, .wakeup_out = ~0u };
	ASSERT_EQ(0, arena_bind(&self->arena, &self->c, 3, UINT32_MAX, 0));
	EXPECT_EQ(UINT32_MAX, cell->count);
	EXPECT_EQ(0, cell->wakeup_in);
	EXPECT_EQ(0, cell->wakeup_out);
	EXPECT_EQ(0, self->arena.cells[2].count);
	EXPECT_EQ(0, self->arena.cells[4].count);
}

TEST_F(arena, no_flag_is_set_without_a_waiter)
{
	ASSERT_EQ(0, arena_bind(&self->arena, &self->c, 3, 0, EFD_NONBLOCK));
	EXPECT_EQ(-EAGAIN, efd_take(self->c.fd));
	EXPECT_EQ(8, efd_add(self->c.fd, EFD_COUNT_MAX));
	EXPECT_EQ(-EAGAIN, result(efd_add(self->c.fd, 1)));
	EXPECT_EQ(POLLIN, poll_now(self->c.fd));
	EXPECT_EQ((int64_t)EFD_COUNT_MAX, efd_take(self->c.fd));
	EXPECT_EQ(POLLOUT, poll_now(self->c.fd));
	EXPECT_EQ(0, wakeup_in(&self->c) | wakeup_out(&self->c));
}

TEST_F(arena, fdinfo)
{
	char line[64];

	EXPECT_STREQ("evfd-cells: 300 bound: 0\n", fdinfo_line(self->arena.fd, "evfd-cells"));
	for (int i = 0; i < 130; i += 64) {
		struct evfd_counter c = { };

		ASSERT_EQ(0, arena_bind(&self->arena, &c, i, i, 0));
		snprintf(line, sizeof(line), "evfd-cell: %d\n", i);
		EXPECT_STREQ(line, fdinfo_line(c.fd, "evfd-cell:"));
		EXPECT_EQ(i, efd_count(c.fd));
		snprintf(line, sizeof(line), "evfd-cells: 300 bound: %d\n", i / 64 + 1);
		EXPECT_STREQ(line, fdinfo_line(self->arena.fd, "evfd-cells"));
	}
	EXPECT_STREQ("", fdinfo_line(evfd_new(0, 0), "evfd-cell"));
}

TEST_F(arena, all_cells_are_bound_once)
{
	static struct evfd_counter all[N];

	for (int i = 0; i < N; i++)
		ASSERT_EQ(0, arena_bind(&self->arena, &all[i], i, i, EFD_NONBLOCK));
	for (int i = 0; i < N; i++)
		ASSERT_EQ(-EBUSY, bind_call(self->arena.fd, i, 0));
	for (int i = 0; i < N; i++)
		ASSERT_EQ(0, evfd_counter_write(&all[i], 1000));
	for (int i = 0; i < N; i++) {
		ASSERT_EQ(1000 + i, efd_take(all[i].fd));
		close(all[i].fd);
	}
	for (int i = 0; i < N; i++)
		ASSERT_EQ(0, arena_bind(&self->arena, &all[i], i, i, EFD_NONBLOCK));
}

TEST_F(arena, the_cell_is_free_after_the_last_close)
{
	int copy;

	ASSERT_EQ(0, arena_bind(&self->arena, &self->c, 1, 5, 0));
	copy = dup(self->c.fd);
	close(self->c.fd);
	EXPECT_EQ(-EBUSY, bind_call(self->arena.fd, 1, 0));
	close(copy);
	/* The count stays until the next bind. */
	EXPECT_EQ(5, self->arena.cells[1].count);
	EXPECT_EQ(0, arena_bind(&self->arena, &self->c, 1, 2, EFD_NONBLOCK));
	EXPECT_EQ(2, efd_take(self->c.fd));
	for (int i = 0; i < 1000; i++) {
		close(self->c.fd);
		ASSERT_EQ(0, arena_bind(&self->arena, &self->c, 1, i, EFD_NONBLOCK));
		ASSERT_EQ(i, evfd_counter_look(&self->c));
	}
}

TEST_F(arena, a_kick_after_close_fails_unseen)
{
	struct evfd_counter stale;

	ASSERT_EQ(0, arena_bind(&self->arena, &self->c, 1, 0, 0));
	stale = self->c;
	close(self->c.fd);
	self->c.fd = -1;
	stale.cell->wakeup_in = EVFD_WAKEUP_EACH;
	errno = 4711;
	EXPECT_EQ(0, evfd_counter_write(&stale, 3));
	EXPECT_EQ(4711, errno);
	EXPECT_EQ(3, evfd_counter_look(&stale));
}

/* Closes in each order, and uses the rest each time. */
TEST(any_order_of_closing)
{
	for (int order = 0; order < 6; order++) {
		static const int orders[6][3] = {
			{ 0, 1, 2 }, { 0, 2, 1 }, { 1, 0, 2 }, { 1, 2, 0 }, { 2, 0, 1 },
			{ 2, 1, 0 },
		};
		struct evfd_counter c = { };
		bool open[3] = { true, true, true };
		struct arena arena;

		ASSERT_TRUE(arena_make(&arena, N));
		ASSERT_EQ(0, arena_bind(&arena, &c, N - 1, 0, EFD_NONBLOCK));
		for (int i = 0; i < 3; i++) {
			int end = orders[order][i];

			open[end] = false;
			if (end == 0)
				close(arena.fd);
			else if (end == 1)
				close(c.fd);
			else
				munmap(arena.cells, N * sizeof(*arena.cells));
			if (open[1] && open[2]) {
				EXPECT_EQ(0, evfd_counter_write(&c, 2));
				EXPECT_EQ(2, efd_take(c.fd));
			} else if (open[1]) {
				EXPECT_EQ(8, efd_add(c.fd, 3));
				EXPECT_EQ(3, efd_take(c.fd));
				EXPECT_EQ(0, kick(c.fd, EPOLLIN));
			} else if (open[2]) {
				arena.cells[N - 1].count++;
			}
		}
		close(arena.dev);
	}
}

TEST_F(arena, child_shares_the_memory)
{
	pid_t child;

	ASSERT_EQ(0, arena_bind(&self->arena, &self->c, 2, 1, EFD_NONBLOCK));
	child = fork_child();
	ASSERT_GE(child, 0);
	if (!child) {
		struct evfd_counter own = { };

		if (arena_bind(&self->arena, &own, 4, 0, 0) || evfd_counter_write(&own, 6))
			_exit(1);
		_exit(evfd_counter_read(&self->c) != 1 || evfd_counter_write(&self->c, 5));
	}
	ASSERT_TRUE(child_ends_well(child));
	EXPECT_EQ(5, evfd_counter_read(&self->c));
	EXPECT_EQ(6, self->arena.cells[4].count);
	/* The child has ended, and with it its descriptor. */
	ASSERT_EQ(0, arena_bind(&self->arena, &self->c, 4, 0, 0));
}

TEST_F(arena, a_process_without_the_mapping_uses_the_descriptor)
{
	int socks[2];
	pid_t child;

	ASSERT_EQ(0, socketpair(AF_UNIX, SOCK_STREAM, 0, socks));
	child = fork_child();
	ASSERT_GE(child, 0);
	if (!child) {
		int fd;

		arena_end(&self->arena);
		fd = receive_fd(socks[0]);
		/* Takes 7, and waits for a write in memory. */
		_exit(efd_take(fd) != 7 || efd_take(fd) != 11 || efd_add(fd, 13) != 8);
	}
	ASSERT_EQ(0, arena_bind(&self->arena, &self->c, 2, 7, 0));
	ASSERT_TRUE(send_fd(socks[1], self->c.fd));
	ASSERT_TRUE(wait_for(asleep_in(child) == SYS_read));
	EXPECT_EQ(EVFD_WAKEUP_ONCE, wakeup_in(&self->c));
	ASSERT_EQ(0, evfd_counter_write(&self->c, 11));
	ASSERT_TRUE(child_ends_well(child));
	EXPECT_EQ(13, evfd_counter_read(&self->c));
}

TEST_F(arena, semaphores)
{
	ASSERT_EQ(0, arena_bind(&self->arena, &self->c, 2, 5, EFD_NONBLOCK | EFD_SEMAPHORE));
	EXPECT_EQ(1, efd_take(self->c.fd));
	EXPECT_TRUE(evfd_counter_read_one(&self->c));
	EXPECT_EQ(3, evfd_counter_look(&self->c));
	/* The flag is for read(2) only. */
	EXPECT_EQ(3, evfd_counter_read(&self->c));
	EXPECT_EQ(-EAGAIN, efd_take(self->c.fd));
	EXPECT_FALSE(evfd_counter_read_one(&self->c));
	EXPECT_EQ(0, evfd_counter_write(&self->c, 2));
	EXPECT_EQ(1, efd_take(self->c.fd));
	EXPECT_EQ(1, efd_take(self->c.fd));
	EXPECT_EQ(0, evfd_counter_read(&self->c));
}

TEST_F(arena, an_empty_counter)
{
	ASSERT_EQ(0, arena_bind(&self->arena, &self->c, 2, 0, 0));
	errno = 0;
	EXPECT_EQ(0, evfd_counter_read(&self->c));
	EXPECT_FALSE(evfd_counter_read_one(&self->c));
	EXPECT_EQ(0, errno);
	EXPECT_EQ(0, evfd_counter_look(&self->c));
}

/* Each sum of these, by write(2) and in memory: the same results. */
TEST_F(arena, overflow_like_write)
{
	static const uint64_t values[] = {
		0, 1, 2, UINT32_MAX, UINT64_C(1) << 32, UINT64_C(1) << 63, UINT64_MAX - 4,
		UINT64_MAX - 3, UINT64_MAX - 2, UINT64_MAX - 1, UINT64_MAX,
	};
	int native = native_make_eventfd(0, EFD_NONBLOCK);

	ASSERT_EQ(0, arena_bind(&self->arena, &self->c, 2, 0, EFD_NONBLOCK));
	for (size_t i = 0; i < ARRAY_SIZE(values) - 1; i++) {
		for (size_t j = 0; j < ARRAY_SIZE(values); j++) {
			int want, seen;

			efd_take(native);
			evfd_counter_read(&self->c);
			ASSERT_EQ(8, efd_add(native, values[i]));
			ASSERT_EQ(0, evfd_counter_write(&self->c, values[i]));
			want = result(efd_add(native, values[j]));
			seen = result(evfd_counter_write(&self->c, values[j]));
			EXPECT_EQ(want == 8 ? 0 : want, seen)
				TH_LOG("%#llx + %#llx", (unsigned long long)values[i],
				       (unsigned long long)values[j]);
			EXPECT_EQ((uint64_t)efd_count(native), evfd_counter_look(&self->c));
			EXPECT_EQ(poll_now(native), (int)evfd_counter_events(&self->c));
		}
	}
}

TEST_F(arena, events_are_those_of_poll)
{
	static const uint64_t counts[] = {
		0, 1, 2, UINT64_C(1) << 63, UINT64_MAX - 3, UINT64_MAX - 2, UINT64_MAX - 1,
		UINT64_MAX,
	};
	static const int want[] = {
		POLLOUT, POLLIN | POLLOUT, POLLIN | POLLOUT, POLLIN | POLLOUT,
		POLLIN | POLLOUT, POLLIN | POLLOUT, POLLIN, POLLIN | POLLERR,
	};

	ASSERT_EQ(0, arena_bind(&self->arena, &self->c, 2, 0, EFD_NONBLOCK));
	for (size_t i = 0; i < ARRAY_SIZE(counts); i++) {
		/* The last is for the kernel, but a program may write it. */
		self->c.cell->count = counts[i];
		EXPECT_EQ(want[i], poll_now(self->c.fd));
		EXPECT_EQ(want[i], (int)evfd_counter_events(&self->c));
	}
	/* A read gives even this, and empties the counter. */
	EXPECT_EQ(-EAGAIN, result(evfd_counter_write(&self->c, 1)));
	EXPECT_EQ(-EAGAIN, result(efd_add(self->c.fd, 1)));
	EXPECT_EQ(-EAGAIN, result(evfd_counter_write(&self->c, 0)));
	EXPECT_EQ(-EINVAL, result(evfd_counter_write(&self->c, UINT64_MAX)));
	EXPECT_TRUE(evfd_counter_read_one(&self->c));
	EXPECT_EQ(UINT64_MAX - 1, evfd_counter_look(&self->c));
	EXPECT_EQ(0, evfd_counter_write(&self->c, 0));
	EXPECT_EQ(UINT64_MAX - 1, evfd_counter_read(&self->c));
}

TEST_HARNESS_MAIN
