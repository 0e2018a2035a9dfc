// SPDX-License-Identifier: GPL-2.0
/*
 * kevent_ctl() of 2006: every command, its results in place and in the form of 2006, the
 * errors, and the flags that have an effect on adding a kevent.
 */
#include "fault.h"
#include "take26.h"

#include <stddef.h>

#define HAS_SIZE(type, size)						\
	_Static_assert(sizeof(struct type) == (size), "size of " #type)
#define HAS_FIELD(type, field, offset)					\
	_Static_assert(offsetof(struct type, field) == (offset), #type "." #field)

HAS_FIELD(ukevent, id, 0);
HAS_FIELD(ukevent, type, 8);
HAS_FIELD(ukevent, event, 12);
HAS_FIELD(ukevent, req_flags, 16);
HAS_FIELD(ukevent, ret_flags, 20);
HAS_FIELD(ukevent, ret_data, 24);
HAS_FIELD(ukevent, user, 32);
HAS_SIZE(ukevent, 40);
HAS_SIZE(kevent_ioc_ctl, 24);
HAS_SIZE(kevent_ioc_get_events, 48);

/* The numbers of 2006. */
_Static_assert(KEVENT_CTL_ADD == 0 && KEVENT_CTL_REMOVE == 1 && KEVENT_CTL_MODIFY == 2 &&
	       KEVENT_CTL_READY == 3, "commands");
_Static_assert(KEVENT_REQ_ONESHOT == 1 && KEVENT_REQ_WAKEUP_ALL == 2 && KEVENT_REQ_ET == 4 &&
	       KEVENT_REQ_LAST_CHECK == 8 && KEVENT_REQ_ALWAYS_QUEUE == 16, "flags");
_Static_assert(KEVENT_RET_BROKEN == 1 && KEVENT_RET_DONE == 2, "results");
_Static_assert(KEVENT_TIMER == 2 && KEVENT_POLL == 3 && KEVENT_MAX == 9, "types");

/* ENOSYS. checkpatch.pl wants that name for missing system calls only. */
#define NO_SUCH_TYPE	38

FIXTURE(ctl)
{
	int fd;
	int pipe[2];
};

FIXTURE_SETUP(ctl)
{
	self->fd = take26_open();
	ASSERT_GE(self->fd, 0);
	ASSERT_EQ(0, pipe2(self->pipe, O_NONBLOCK));
}

FIXTURE_TEARDOWN(ctl)
{
	close(self->fd);
	close(self->pipe[0]);
	close(self->pipe[1]);
}

/* ADD */

TEST_F(ctl, add_returns_the_number_processed)
{
	struct ukevent uk[] = {
		take26_kevent(KEVENT_USER, 1, 1, 1, 0),
		take26_kevent(KEVENT_USER, 1, 1, 1, 0),
		take26_kevent(KEVENT_USER, 2, 2, 1, 0),
	};

	EXPECT_EQ(3, take26_ctl(self->fd, KEVENT_CTL_ADD, 3, uk));
	EXPECT_EQ(0, uk[0].ret_flags);
	EXPECT_EQ(0, uk[0].ret_data[0]);
	EXPECT_EQ(0, uk[0].ret_data[1]);
	EXPECT_EQ(KEVENT_RET_BROKEN, uk[1].ret_flags);
	EXPECT_EQ(-EEXIST, (int)uk[1].ret_data[1]);
	EXPECT_EQ(0, uk[2].ret_flags);
	EXPECT_EQ(0, take26_ctl(self->fd, KEVENT_CTL_ADD, 0, NULL));
}

/* Nothing else in the structure changes. */
TEST_F(ctl, add_writes_results_only)
{
	struct ukevent uk = take26_kevent(KEVENT_USER, 1, 2, 3, KEVENT_REQ_ET);
	struct ukevent old = uk;

	EXPECT_EQ(1, take26_ctl(self->fd, KEVENT_CTL_ADD, 1, &uk));
	EXPECT_EQ(0, memcmp(&uk, &old, offsetof(struct ukevent, ret_flags)));
	EXPECT_EQ(0, memcmp(uk.user, old.user, sizeof(uk.user)));
}

/* In 2006 a timer of 5 seconds and descriptor 5 were the same kevent. */
TEST_F(ctl, kevents_are_told_apart_by_type_id_and_user)
{
	int file = self->pipe[0];

	EXPECT_EQ(0, take26_add(self->fd, KEVENT_POLL, file, 1, POLLIN, 0));
	EXPECT_EQ(0, take26_add(self->fd, KEVENT_TIMER, file, 1, KEVENT_TIMER_FIRED, 0));
	EXPECT_EQ(0, take26_add(self->fd, KEVENT_TIMER, file, 2, KEVENT_TIMER_FIRED, 0));
	EXPECT_EQ(0, take26_add(self->fd, KEVENT_USER, file, 1, 1, 0));
	EXPECT_EQ(-EEXIST, take26_add(self->fd, KEVENT_TIMER, file, 2, KEVENT_TIMER_FIRED, 0));
	EXPECT_EQ(0, take26_remove(self->fd, KEVENT_TIMER, file, 1));
	EXPECT_EQ(-ENODEV, take26_remove(self->fd, KEVENT_TIMER, file, 1));
	EXPECT_EQ(0, take26_remove(self->fd, KEVENT_POLL, file, 1));
	EXPECT_EQ(0, take26_remove(self->fd, KEVENT_USER, file, 1));
	EXPECT_EQ(0, take26_remove(self->fd, KEVENT_TIMER, file, 2));
}

TEST_F(ctl, add_checks_every_field)
{
	uint64_t pipe = self->pipe[0];

	EXPECT_EQ(-EINVAL, take26_add(self->fd, KEVENT_USER, 1, 1, 1, 0x40));
	EXPECT_EQ(-EINVAL, take26_add(self->fd, KEVENT_USER, 1, 1, 1, 1U << 31));
	EXPECT_EQ(-EINVAL, take26_add(self->fd, KEVENT_TIMER, 1, 1, 2, 0));
	EXPECT_EQ(-EINVAL, take26_add(self->fd, KEVENT_POLL, pipe, 1, 1U << 14, 0));
	EXPECT_EQ(-EBADF, take26_add(self->fd, KEVENT_POLL, 1000, 1, POLLIN, 0));
	EXPECT_EQ(-EBADF, take26_add(self->fd, KEVENT_POLL, pipe | 1ULL << 32, 1, POLLIN, 0));
	EXPECT_EQ(-ELOOP, take26_add(self->fd, KEVENT_POLL, self->fd, 1, POLLIN, 0));
	EXPECT_TRUE(take26_is_empty(self->fd));
}

TEST_F(ctl, unknown_types)
{
	/* NAIO, AIO and POSIX_TIMER. */
	static const int missing[] = { 4, 5, 8 };
	static const int unknown[] = { 9, 15, 19, 0x10002, -1 };

	for (int i = 0; i < 3; i++)
		EXPECT_EQ(-NO_SUCH_TYPE, take26_add(self->fd, missing[i], 1, 1, 1, 0));
	for (int i = 0; i < 5; i++)
		EXPECT_EQ(-EINVAL, take26_add(self->fd, unknown[i], 1, 1, 1, 0));
}

TEST_F(ctl, mask_all_stands_for_every_event)
{
	EXPECT_EQ(0, take26_add(self->fd, KEVENT_POLL, self->pipe[0], 1, KEVENT_MASK_ALL, 0));
	EXPECT_EQ(1, write(self->pipe[1], "", 1));
	EXPECT_TRUE(take26_gives(self->fd, 1, POLLIN | POLLRDNORM));
	EXPECT_EQ(0, take26_add(self->fd, KEVENT_TIMER, 10, 1, KEVENT_MASK_ALL, 0));
}

/* ALWAYS_QUEUE */

TEST_F(ctl, a_ready_kevent_is_copied_back)
{
	struct ukevent uk = take26_kevent(KEVENT_POLL, self->pipe[1], 1, POLLOUT, 0);

	EXPECT_EQ(1, take26_do(self->fd, KEVENT_CTL_ADD, &uk));
	EXPECT_TRUE(take26_is(&uk, 1, POLLOUT));
	EXPECT_TRUE(take26_is_empty(self->fd));
	EXPECT_EQ(-EINVAL, take26_remove(self->fd, KEVENT_POLL, self->pipe[1], 1));
}

TEST_F(ctl, always_queue_queues_a_ready_kevent)
{
	struct ukevent uk = take26_kevent(KEVENT_POLL, self->pipe[1], 1, POLLOUT,
					  KEVENT_REQ_ALWAYS_QUEUE);

	EXPECT_EQ(0, take26_do(self->fd, KEVENT_CTL_ADD, &uk));
	EXPECT_EQ(0, uk.ret_flags);
	EXPECT_TRUE(take26_gives(self->fd, 1, POLLOUT));
	EXPECT_EQ(0, take26_remove(self->fd, KEVENT_POLL, self->pipe[1], 1));
}

/* Before take29, such a kevent was never on the wait queue of its file. */
TEST_F(ctl, always_queue_joins_the_wait_queue)
{
	char c;

	EXPECT_EQ(1, write(self->pipe[1], "", 1));
	EXPECT_EQ(0, take26_add(self->fd, KEVENT_POLL, self->pipe[0], 1, POLLIN,
				KEVENT_REQ_ALWAYS_QUEUE | KEVENT_REQ_ET));
	EXPECT_TRUE(take26_gives(self->fd, 1, POLLIN));
	EXPECT_EQ(1, read(self->pipe[0], &c, 1));
	EXPECT_TRUE(take26_is_empty(self->fd));
	EXPECT_EQ(1, write(self->pipe[1], "", 1));
	EXPECT_TRUE(take26_gives(self->fd, 1, POLLIN));
}

/* Ready kevents that are not added take no slots. */
TEST_F(ctl, copies_back_without_end)
{
	EXPECT_EQ(0, take26_add(self->fd, KEVENT_USER, 1, 1, 1, KEVENT_REQ_READY));
	for (int i = 0; i < 10000; i++) {
		int ret = take26_add(self->fd, KEVENT_POLL, self->pipe[1], 2, POLLOUT, 0);

		ASSERT_EQ(1, ret);
	}
	EXPECT_TRUE(take26_gives(self->fd, 1, 1));
}

/* A slot that is still in the ring may have another kevent. Its event comes once. */
TEST_F(ctl, a_kevent_may_get_the_place_of_a_removed_one)
{
	for (int i = 0; i < 10000; i++) {
		ASSERT_EQ(0, take26_add(self->fd, KEVENT_USER, 1, i, 1, KEVENT_REQ_READY));
		ASSERT_EQ(0, take26_remove(self->fd, KEVENT_USER, 1, i));
	}
	ASSERT_EQ(0, take26_add(self->fd, KEVENT_USER, 1, 7, 1, 0));
	EXPECT_TRUE(take26_is_empty(self->fd));
	EXPECT_EQ(0, take26_ready(self->fd, 1, 7, 1));
	EXPECT_TRUE(take26_gives(self->fd, 7, 1));
	EXPECT_TRUE(take26_is_empty(self->fd));
}

TEST_F(ctl, the_queue_has_room_for_4096)
{
	struct ukevent uk[4096];

	for (int i = 0; i < 4096; i++)
		uk[i] = take26_kevent(KEVENT_USER, i, i, 1, 0);
	EXPECT_EQ(4096, take26_ctl(self->fd, KEVENT_CTL_ADD, 4096, uk));
	for (int i = 0; i < 4096; i++)
		ASSERT_EQ(0, uk[i].ret_flags);
	EXPECT_EQ(-ENOSPC, take26_add(self->fd, KEVENT_USER, 5000, 0, 1, 0));
	EXPECT_EQ(0, take26_remove(self->fd, KEVENT_USER, 17, 17));
	EXPECT_EQ(0, take26_add(self->fd, KEVENT_USER, 5000, 0, 1, 0));
}

/* REQ_READY */

TEST_F(ctl, a_kevent_that_is_added_ready)
{
	EXPECT_EQ(0, take26_add(self->fd, KEVENT_USER, 1, 1, 6, KEVENT_REQ_READY));
	EXPECT_TRUE(take26_gives(self->fd, 1, 6));
	EXPECT_TRUE(take26_is_empty(self->fd));
	EXPECT_EQ(0, take26_modify(self->fd, KEVENT_USER, 1, 1, 2, KEVENT_REQ_READY));
	EXPECT_TRUE(take26_gives(self->fd, 1, 2));
	/* A file that is not ready has no event, because it is looked at. */
	EXPECT_EQ(0, take26_add(self->fd, KEVENT_POLL, self->pipe[0], 2, POLLIN,
				KEVENT_REQ_READY));
	EXPECT_TRUE(take26_is_empty(self->fd));
}

/* MODIFY */

TEST_F(ctl, modify_replaces_event_and_flags)
{
	EXPECT_EQ(0, take26_add(self->fd, KEVENT_USER, 1, 1, 1, 0));
	EXPECT_EQ(0, take26_modify(self->fd, KEVENT_USER, 1, 1, 2, KEVENT_REQ_ONESHOT));
	EXPECT_EQ(0, take26_ready(self->fd, 1, 1, 1));
	EXPECT_TRUE(take26_is_empty(self->fd));
	EXPECT_EQ(0, take26_ready(self->fd, 1, 1, 3));
	EXPECT_TRUE(take26_gives(self->fd, 1, 2));
	EXPECT_EQ(-EINVAL, take26_modify(self->fd, KEVENT_USER, 1, 1, 2, 0));
}

TEST_F(ctl, modify_checks_at_once)
{
	EXPECT_EQ(1, write(self->pipe[1], "", 1));
	EXPECT_EQ(0, take26_add(self->fd, KEVENT_POLL, self->pipe[0], 1, POLLOUT, 0));
	EXPECT_TRUE(take26_is_empty(self->fd));
	EXPECT_EQ(0, take26_modify(self->fd, KEVENT_POLL, self->pipe[0], 1, POLLIN,
				   KEVENT_REQ_ET));
	EXPECT_TRUE(take26_gives(self->fd, 1, POLLIN));
	/* An event that is not wanted any more is not copied. */
	EXPECT_EQ(0, take26_modify(self->fd, KEVENT_POLL, self->pipe[0], 1, POLLIN,
				   KEVENT_REQ_ET));
	EXPECT_EQ(0, take26_modify(self->fd, KEVENT_POLL, self->pipe[0], 1, POLLPRI,
				   KEVENT_REQ_ET));
	EXPECT_TRUE(take26_is_empty(self->fd));
}

TEST_F(ctl, modify_keeps_events_of_the_program)
{
	EXPECT_EQ(0, take26_add(self->fd, KEVENT_USER, 1, 1, 3, 0));
	EXPECT_EQ(0, take26_ready(self->fd, 1, 1, 3));
	EXPECT_EQ(0, take26_modify(self->fd, KEVENT_USER, 1, 1, 2, 0));
	EXPECT_TRUE(take26_gives(self->fd, 1, 2));
}

/* REMOVE */

TEST_F(ctl, a_removed_kevent_gives_no_event)
{
	EXPECT_EQ(0, take26_add(self->fd, KEVENT_USER, 1, 1, 1, KEVENT_REQ_READY));
	EXPECT_EQ(0, take26_add(self->fd, KEVENT_USER, 2, 2, 1, KEVENT_REQ_READY));
	EXPECT_EQ(0, take26_remove(self->fd, KEVENT_USER, 1, 1));
	EXPECT_TRUE(take26_gives(self->fd, 2, 1));
	EXPECT_EQ(0, take26_ready(self->fd, 2, 2, 1));
	EXPECT_EQ(0, take26_remove(self->fd, KEVENT_USER, 2, 2));
	EXPECT_EQ(0, poll_now(self->fd));
	EXPECT_TRUE(take26_is_empty(self->fd));
}

/* In place, DONE is always set, and BROKEN if there is no match. */
TEST_F(ctl, commands_without_a_match)
{
	static const int cmds[] = { KEVENT_CTL_REMOVE, KEVENT_CTL_MODIFY, KEVENT_CTL_READY };

	EXPECT_EQ(0, take26_add(self->fd, KEVENT_USER, 1, 1, 1, 0));
	for (int i = 0; i < 3; i++) {
		struct ukevent uk = take26_kevent(KEVENT_USER, 1, 2, 1, 0);

		EXPECT_EQ(1, take26_ctl(self->fd, cmds[i], 1, &uk));
		EXPECT_EQ(KEVENT_RET_BROKEN | KEVENT_RET_DONE, uk.ret_flags);
		EXPECT_EQ(-ENODEV, (int)uk.ret_data[1]);
	}
}

TEST_F(ctl, more_kevents_than_there_are)
{
	struct ukevent uk[] = {
		take26_kevent(KEVENT_USER, 1, 1, 1, 0),
		take26_kevent(KEVENT_USER, 2, 2, 1, 0),
	};

	EXPECT_EQ(1, take26_ctl(self->fd, KEVENT_CTL_ADD, 1, uk));
	EXPECT_EQ(-EINVAL, take26_ctl(self->fd, KEVENT_CTL_REMOVE, 2, uk));
	EXPECT_EQ(-EINVAL, take26_ctl(self->fd, KEVENT_CTL_MODIFY, 2, uk));
	EXPECT_EQ(-EINVAL, take26_ctl(self->fd, KEVENT_CTL_READY, 2, uk));
	EXPECT_EQ(1, take26_ctl(self->fd, KEVENT_CTL_REMOVE, 1, uk));
}

/* READY */

TEST_F(ctl, ready_raises_wanted_events)
{
	EXPECT_EQ(0, take26_add(self->fd, KEVENT_USER, 1, 1, 6, 0));
	EXPECT_EQ(0, take26_ready(self->fd, 1, 1, 3));
	EXPECT_EQ(0, take26_ready(self->fd, 1, 1, 4));
	EXPECT_TRUE(take26_gives(self->fd, 1, 6));
	EXPECT_EQ(0, take26_ready(self->fd, 1, 1, 1));
	EXPECT_TRUE(take26_is_empty(self->fd));
}

/* The returns of 2006 */

TEST_F(ctl, take26_moves_copied_entries_to_the_front)
{
	struct ukevent uk[] = {
		take26_kevent(KEVENT_USER, 1, 1, 1, 0),
		take26_kevent(KEVENT_USER, 1, 1, 1, 0),
		take26_kevent(KEVENT_USER, 2, 2, 1, 0),
		take26_kevent(KEVENT_POLL, self->pipe[1], 3, POLLOUT, 0),
	};

	EXPECT_EQ(2, take26_ctl_flags(self->fd, KEVENT_CTL_ADD, 4, uk, KEVENT_TAKE26));
	EXPECT_EQ(1, uk[0].user[0]);
	EXPECT_EQ(KEVENT_RET_BROKEN, uk[0].ret_flags);
	EXPECT_EQ(-EEXIST, (int)uk[0].ret_data[1]);
	EXPECT_EQ(self->pipe[1], (int)uk[1].id.raw[0]);
	EXPECT_TRUE(take26_is(&uk[1], 3, POLLOUT));
}

TEST_F(ctl, take26_returns)
{
	struct ukevent uk[] = {
		take26_kevent(KEVENT_USER, 1, 1, 1, 0),
		take26_kevent(KEVENT_USER, 2, 2, 1, 0),
	};

	EXPECT_EQ(0, take26_ctl_flags(self->fd, KEVENT_CTL_ADD, 2, uk, KEVENT_TAKE26));
	uk[1].user[0] = 3;
	EXPECT_EQ(1, take26_ctl_flags(self->fd, KEVENT_CTL_READY, 2, uk, KEVENT_TAKE26));
	EXPECT_EQ(KEVENT_RET_BROKEN | KEVENT_RET_DONE, uk[1].ret_flags);
	EXPECT_EQ(0, take26_ctl_flags(self->fd, KEVENT_CTL_MODIFY, 2, uk, KEVENT_TAKE26));
	EXPECT_EQ(0, take26_ctl_flags(self->fd, KEVENT_CTL_REMOVE, 2, uk, KEVENT_TAKE26));
	EXPECT_EQ(KEVENT_RET_DONE, uk[0].ret_flags);
	EXPECT_EQ(KEVENT_RET_BROKEN | KEVENT_RET_DONE, uk[1].ret_flags);
}

/* Errors of the call */

TEST_F(ctl, invalid_arguments)
{
	struct ukevent uk = take26_kevent(KEVENT_USER, 1, 1, 1, 0);
	struct kevent_ioc_ctl arg = { .num = 1, .ukevents = (uintptr_t)&uk, .reserved = 1 };

	EXPECT_EQ(-EINVAL, take26_ctl(self->fd, 4, 1, &uk));
	EXPECT_EQ(-EINVAL, take26_ctl(self->fd, 4, 0, NULL));
	EXPECT_EQ(-EINVAL, take26_ctl(self->fd, KEVENT_CTL_ADD, KEVENT_MAX_OPS + 1, &uk));
	EXPECT_EQ(-EINVAL, take26_ctl_flags(self->fd, KEVENT_CTL_ADD, 1, &uk, 2));
	EXPECT_EQ(-1, ioctl(self->fd, KEVENT_IOC_CTL, &arg));
	EXPECT_EQ(EINVAL, errno);
	EXPECT_EQ(-1, ioctl(self->fd, KEVENT_IOC_CTL, nowhere()));
	EXPECT_EQ(EFAULT, errno);
	EXPECT_EQ(-EFAULT, take26_ctl(self->fd, KEVENT_CTL_ADD, 1, nowhere()));
	EXPECT_EQ(1, take26_ctl(self->fd, KEVENT_CTL_ADD, 1, &uk));
	EXPECT_EQ(0, uk.ret_flags);
}

/* An ADD whose result cannot be written is undone. */
TEST_F(ctl, a_result_that_cannot_be_written)
{
	struct ukevent uk = take26_kevent(KEVENT_USER, 1, 1, 1, KEVENT_REQ_READY);
	char *bad = bad_memory(PROT_READ | PROT_WRITE);
	struct ukevent *split = (struct ukevent *)bad - 1;

	memcpy(bad, &uk, sizeof(uk));
	memcpy(split, &uk, sizeof(uk));
	split->user[0] = 2;
	ASSERT_EQ(0, mprotect(bad, sysconf(_SC_PAGESIZE), PROT_READ));
	EXPECT_EQ(-EFAULT, take26_ctl(self->fd, KEVENT_CTL_ADD, 1, (void *)bad));
	EXPECT_TRUE(take26_is_empty(self->fd));
	EXPECT_EQ(1, take26_ctl(self->fd, KEVENT_CTL_ADD, 2, split));
	EXPECT_TRUE(take26_gives(self->fd, 2, 1));
	EXPECT_EQ(0, take26_do(self->fd, KEVENT_CTL_ADD, &uk));
}

/* A queue has one face. */
TEST_F(ctl, is_refused_on_a_mapped_queue)
{
	int fd = take26_open();
	struct kevent_setup setup = { .slots = 1 };
	struct kevent_submit submit = { };
	struct ukevent uk;

	ASSERT_EQ(0, ioctl(fd, KEVENT_IOC_SETUP, &setup));
	EXPECT_EQ(-EINVAL, take26_ctl(fd, KEVENT_CTL_ADD, 0, NULL));
	EXPECT_EQ(-EINVAL, take26_get_events(fd, 0, 1, 0, &uk));
	EXPECT_EQ(-1, read(fd, &uk, sizeof(uk)));
	EXPECT_EQ(EINVAL, errno);
	close(fd);

	EXPECT_EQ(0, take26_ctl(self->fd, KEVENT_CTL_ADD, 0, NULL));
	EXPECT_EQ(-1, ioctl(self->fd, KEVENT_IOC_SETUP, &setup));
	EXPECT_EQ(EBUSY, errno);
	EXPECT_EQ(-1, ioctl(self->fd, KEVENT_IOC_SUBMIT, &submit));
	EXPECT_EQ(EINVAL, errno);
	EXPECT_EQ(MAP_FAILED, mmap(NULL, 4096, PROT_READ, MAP_SHARED, self->fd, 0));
}

TEST_HARNESS_MAIN
