/* SPDX-License-Identifier: GPL-2.0 */
/* Calls on arenas and on descriptors bound to their cells, for faults_calls. */
#ifndef EVFD_TESTS_FAULTS_CELLS_H
#define EVFD_TESTS_FAULTS_CELLS_H

#include "operations.h"

/* The cells of an arena of two pages, and the cell of the scene: in the second page. */
#define SCENE_CELLS	512
#define CELL		300

/* An arena of many pages, each of which is a request, but of fewer than MOST. */
#define LARGE_CELLS	(64 * 256)

static long open_arena(unsigned int cells)
{
	int device = evfd_open();

	return evfd_close(device, evfd_arena_open(device, cells));
}

/* Whether the arena has as many cells, all 0, and its last cell can be bound. */
static bool arena_works(int arena, unsigned int cells)
{
	struct evfd_cell *map = evfd_arena_map(arena, cells);
	struct evfd_counter c;

	if (!map)
		return false;
	for (unsigned int i = 0; i < cells; i++) {
		if (map[i].count || map[i].wakeup_in || map[i].wakeup_out)
			return false;
	}
	return !evfd_counter_open(&c, evfd_open(), arena, map, cells - 1, 0, 0) &&
	       !evfd_counter_write(&c, 5) && efd_take(c.fd) == 5 &&
	       !evfd_counter_read(&c);
}

static long make_arena(struct scene *scene)
{
	(void)scene;
	return open_arena(SCENE_CELLS);
}

static bool is_arena(struct scene *scene, long ret)
{
	(void)scene;
	return arena_works(ret, SCENE_CELLS);
}

static long make_large_arena(struct scene *scene)
{
	(void)scene;
	return open_arena(LARGE_CELLS);
}

static bool is_large_arena(struct scene *scene, long ret)
{
	(void)scene;
	return arena_works(ret, LARGE_CELLS);
}

static bool an_arena(struct scene *scene)
{
	scene->arena = open_arena(SCENE_CELLS);
	return scene->arena >= 0;
}

static bool an_arena_and_a_full_table(struct scene *scene)
{
	return an_arena(scene) && fill_table(scene);
}

/* Its mapping is not touched. */
static bool a_mapped_arena(struct scene *scene)
{
	scene->cells = an_arena(scene) ? evfd_arena_map(scene->arena, SCENE_CELLS) : NULL;
	return scene->cells && !pipe2(scene->pipe, O_NONBLOCK);
}

static long bind_with(struct scene *scene, unsigned int count, unsigned int flags)
{
	struct evfd_bind arg = {
		.arena = scene->arena,
		.cell = CELL,
		.count = count,
		.flags = flags,
	};

	return evfd_device_ioctl(EVFD_IOC_BIND, &arg);
}

/* If an attempt that failed kept the cell, the next fails with EBUSY. */
static long bind_cell(struct scene *scene)
{
	return bind_with(scene, 3, EFD_NONBLOCK);
}

static bool is_bound(struct scene *scene, long ret)
{
	return bind_cell(scene) < 0 && errno == EBUSY && efd_take(ret) == 3 && !close(ret) &&
	       wait_for(bind_cell(scene) >= 0);
}

static long map_arena(struct scene *scene)
{
	scene->cells = evfd_arena_map(scene->arena, SCENE_CELLS);
	return scene->cells ? 0 : -1;
}

static bool is_mapped(struct scene *scene, long ret)
{
	return ret == 0 && !scene->cells[0].count && !scene->cells[CELL].count;
}

/* Touches both pages. */
static long touch_arena(struct scene *scene)
{
	return touch(scene, &scene->cells[0]) && touch(scene, &scene->cells[CELL]) ? 0 : -1;
}

/* Descriptors with a count of 3, 0 and EFD_COUNT_MAX */

static bool a_cell_of(struct scene *scene, unsigned int count)
{
	if (!a_mapped_arena(scene))
		return false;
	scene->fd = bind_with(scene, count, EFD_NONBLOCK);
	scene->counter = (struct evfd_counter){ &scene->cells[CELL], scene->fd };
	return scene->fd >= 0;
}

static bool a_cell(struct scene *scene)
{
	return a_cell_of(scene, 3);
}

static bool an_empty_cell(struct scene *scene)
{
	return a_cell_of(scene, 0);
}

static bool a_full_cell(struct scene *scene)
{
	return an_empty_cell(scene) && !evfd_counter_write(&scene->counter, EFD_COUNT_MAX);
}

static bool epoll_cell(struct scene *scene)
{
	return a_cell(scene) && with_epoll(scene);
}

static bool epoll_empty_cell(struct scene *scene)
{
	return an_empty_cell(scene) && with_epoll(scene) && !add_to_epoll(scene);
}

static bool uring_empty_cell(struct scene *scene)
{
	return an_empty_cell(scene) && uring_open(&scene->ring);
}

static bool uring_cell(struct scene *scene)
{
	return a_cell(scene) && uring_open(&scene->ring);
}

/* The count that a read gave back is in the memory too. */
static bool cell_was_3(struct scene *scene, long ret)
{
	return !evfd_counter_look(&scene->counter) && was_3(scene, ret);
}

static bool cell_was_full(struct scene *scene, long ret)
{
	return !evfd_counter_look(&scene->counter) && was_full(scene, ret);
}

static bool cell_is_7(struct scene *scene, long ret)
{
	return evfd_counter_look(&scene->counter) == 7 && is_7(scene, ret);
}

/* A change in memory finds the flag of the waiter, and wakes it. */
static bool cell_wakes_epoll(struct scene *scene, long ret)
{
	return epoll_tells(scene, ret) && evfd_counter_read(&scene->counter) &&
	       events_within(scene->ep, 0) == 0 && scene->cells[CELL].wakeup_in &&
	       !evfd_counter_write(&scene->counter, 1) && events_within(scene->ep, 0) == EPOLLIN;
}

static long kick_cell(struct scene *scene)
{
	__atomic_store_n(&scene->cells[CELL].count, 1, __ATOMIC_SEQ_CST);
	return ioctl(scene->fd, EVFD_IOC_KICK, EPOLLIN);
}

static bool uring_tells_cell(struct scene *scene, long ret)
{
	struct io_uring_cqe cqe;

	return ret == 0 && scene->cells[CELL].wakeup_in &&
	       !evfd_counter_write(&scene->counter, 1) &&
	       uring_wait(&scene->ring, &cqe) && cqe.res == POLLIN;
}

static long look_at_arena(struct scene *scene)
{
	char text[512];

	snprintf(text, sizeof(text), "/proc/self/fdinfo/%d", scene->arena);
	return id_of(scene->arena) < 0 && !access(text, R_OK) ? 0 : -1;
}

static const struct operation cell_operations[] = {
	{ "make an arena", nothing, make_arena, is_arena },
	{ "make an arena, table full", fill_table, make_arena, is_arena },
	{ "make a large arena", nothing, make_large_arena, is_large_arena },
	{ "bind a cell", an_arena, bind_cell, is_bound },
	{ "bind a cell, table full", an_arena_and_a_full_table, bind_cell, is_bound },
	{ "map an arena", an_arena, map_arena, is_mapped },
	{ "touch an arena", a_mapped_arena, touch_arena, is_mapped },
	{ "look at fdinfo of an arena", an_arena, look_at_arena, is_0 },
	{ "look at fdinfo of a cell", a_cell, look_at_id, has_id },
	{ "read a cell", a_cell, read_some, cell_was_3 },
	{ "readv a cell", a_cell, readv_some, cell_was_3 },
	{ "readv a cell, two buffers", a_cell, readv_two, cell_was_3 },
	{ "read a full cell", a_full_cell, read_some, cell_was_full },
	{ "readv a full cell", a_full_cell, readv_some, cell_was_full },
	{ "write a cell", a_cell, write_4, cell_is_7 },
	{ "watch a cell", epoll_cell, add_to_epoll, cell_wakes_epoll },
	{ "kick a cell", epoll_empty_cell, kick_cell, cell_wakes_epoll },
	{ "poll many cells", an_empty_cell, poll_many, is_0 },
	{ "read a cell by io_uring", uring_cell, uring_read, cell_was_3 },
	{ "poll a cell by io_uring", uring_empty_cell, uring_wait_for, uring_tells_cell },
};

#endif /* EVFD_TESTS_FAULTS_CELLS_H */
