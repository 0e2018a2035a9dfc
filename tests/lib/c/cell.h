/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Event descriptors of the implementation under test, and their counters.
 *
 * With EVFD_IMPL=cell, each counter is a cell in shared memory, and programs change it through
 * the descriptor only. With EVFD_IMPL=memory, the functions here change it in memory.
 */
#ifndef EVFD_TESTS_CELL_H
#define EVFD_TESTS_CELL_H

#include "descriptor.h"

#include <pthread.h>

#include <evfd/counter.h>

/* Several pages of cells. No program has as many descriptors at a time. */
#define CELLS	2048

/* The first number for the arena, above those that tests of the limit expect to be free. */
#define CELL_ARENA_FD	600

/**
 * struct cell_arena - the arena of this process, shared with its children
 * @lock: for making the arena
 * @fd: the descriptor, or -1
 * @cells: the mapping
 * @next: counts up, to the cell that is tried next
 * @ids: the ID of each descriptor that this process or a parent has made
 */
static struct cell_arena {
	pthread_mutex_t lock;
	int fd;
	struct evfd_cell *cells;
	unsigned int next;
	int ids[CELLS];
} cell_arena = { .lock = PTHREAD_MUTEX_INITIALIZER, .fd = -1 };

/* Makes the arena. A test may have closed the previous descriptor, but not its mapping. */
static inline bool cell_arena_make(int device)
{
	struct evfd_cell *cells;
	int fd = evfd_arena_open(device, CELLS), high;

	if (fd < 0)
		return false;
	cells = evfd_arena_map(fd, CELLS);
	if (!cells)
		return evfd_close(fd, false);
	high = fcntl(fd, F_DUPFD_CLOEXEC, CELL_ARENA_FD);
	if (high >= 0)
		close(fd);
	memset(cell_arena.ids, 0, sizeof(cell_arena.ids));
	cell_arena.cells = cells;
	cell_arena.fd = high >= 0 ? high : fd;
	return true;
}

static inline bool cell_arena_ready(int device)
{
	bool ready;

	pthread_mutex_lock(&cell_arena.lock);
	ready = (cell_arena.fd >= 0 && fcntl(cell_arena.fd, F_GETFD) >= 0) ||
		cell_arena_make(device);
	pthread_mutex_unlock(&cell_arena.lock);
	return ready;
}

/* The lines of fdinfo of an event descriptor with a cell. */
struct cell_info {
	unsigned int cell;
	int id;
	bool semaphore;
};

/* Looks at fdinfo: false if the descriptor has no cell. Keeps errno. */
static inline bool cell_look(int fd, struct cell_info *info)
{
	const char *id, *semaphore, *cell;
	char text[512];
	int err = errno, file;
	ssize_t n = -1;

	snprintf(text, sizeof(text), "/proc/thread-self/fdinfo/%d", fd);
	file = open(text, O_RDONLY | O_CLOEXEC);
	if (file >= 0) {
		n = read(file, text, sizeof(text) - 1);
		close(file);
	}
	errno = err;
	if (n < 0)
		return false;
	text[n] = '\0';
	id = strstr(text, "eventfd-id: ");
	semaphore = strstr(text, "eventfd-semaphore: ");
	cell = strstr(text, "evfd-cell: ");
	if (!id || !semaphore || !cell)
		return false;
	info->id = atoi(strchr(id, ' '));
	info->semaphore = atoi(strchr(semaphore, ' '));
	info->cell = atoi(strchr(cell, ' '));
	return true;
}

/* Makes an event descriptor with the next free cell. */
static inline int cell_new(unsigned int count, int flags)
{
	struct evfd_counter counter;
	struct cell_info info;
	int device = evfd_open();

	if (device < 0)
		return -1;
	if (!cell_arena_ready(device))
		return evfd_close(device, -1);
	for (int i = 0; i < CELLS; i++) {
		unsigned int cell = __atomic_fetch_add(&cell_arena.next, 1, __ATOMIC_RELAXED);

		cell %= CELLS;
		if (!evfd_counter_open(&counter, device, cell_arena.fd, cell_arena.cells, cell,
				       count, flags)) {
			if (impl_is("memory") && cell_look(counter.fd, &info))
				cell_arena.ids[cell] = info.id;
			return evfd_close(device, counter.fd);
		}
		if (errno != EBUSY)
			break;
	}
	return evfd_close(device, -1);
}

/*
 * Sets the counter of a descriptor: false if the descriptor has no cell in the arena of this
 * process. The numbers of descriptors change by dup() and close(), so look at fdinfo each time.
 */
static inline bool cell_of(int fd, struct evfd_counter *counter, bool *semaphore)
{
	const char *impl = getenv("EVFD_IMPL");
	struct cell_info info;

	/* Programs that test evfd alone need no EVFD_IMPL. */
	if (!impl || strcmp(impl, "memory") || !cell_look(fd, &info))
		return false;
	if (!cell_arena.cells || info.cell >= CELLS || cell_arena.ids[info.cell] != info.id)
		return false;
	counter->cell = cell_arena.cells + info.cell;
	counter->fd = fd;
	*semaphore = info.semaphore;
	return true;
}

/* Whether a call in memory has failed where the system call would block. */
static inline bool cell_would_block(int fd)
{
	return errno == EAGAIN && !(fcntl(fd, F_GETFL) & O_NONBLOCK);
}

/* eventfd2(), with EVFD_EFD_WAKE_ONE too if the implementation has it */
static inline int efd_new(unsigned int count, int flags)
{
	if (impl_is_cell())
		return cell_new(count, flags);
	if (impl_is_evfd())
		return evfd_new(count, flags);
	return native_make_eventfd(count, flags);
}

/* Adds to the counter: 8, or -1 and errno. */
static inline int efd_add(int fd, uint64_t value)
{
	struct evfd_counter counter;
	bool semaphore;

	if (cell_of(fd, &counter, &semaphore)) {
		if (!evfd_counter_write(&counter, value))
			return sizeof(value);
		if (!cell_would_block(fd))
			return -1;
	}
	return write(fd, &value, sizeof(value));
}

/* read() of a descriptor of any kind */
static inline ssize_t efd_read(int fd, void *buf, size_t size)
{
	struct evfd_counter counter;
	bool semaphore;
	__u64 value;

	if (size >= sizeof(value) && cell_of(fd, &counter, &semaphore)) {
		value = semaphore ? evfd_counter_read_one(&counter) : evfd_counter_read(&counter);
		if (value) {
			memcpy(buf, &value, sizeof(value));
			return sizeof(value);
		}
		errno = EAGAIN;
		if (!cell_would_block(fd))
			return -1;
	}
	return read(fd, buf, size);
}

/* Takes from the counter: the value, or -errno, which no test uses as a value. */
static inline int64_t efd_take(int fd)
{
	uint64_t value;
	ssize_t n = efd_read(fd, &value, sizeof(value));

	if (n != sizeof(value))
		return n < 0 ? -errno : -EIO;
	return value;
}

#endif /* EVFD_TESTS_CELL_H */
