// SPDX-License-Identifier: GPL-2.0
/*
 * Operations on kevents that the program raises itself: adding, changing and removing
 * them, raising their events, the errors of each operation, and batches.
 */
#include "fault.h"
#include "queue.h"

#define SLOTS	MIN_SLOTS

FIXTURE(user)
{
	struct kevent_queue q;
};

FIXTURE_SETUP(user)
{
	ASSERT_EQ(0, kevent_open(&self->q, SLOTS, 0));
}

FIXTURE_TEARDOWN(user)
{
	kevent_close(&self->q);
}

static struct kevent_slot *slot_of(const struct kevent_queue *q, uint64_t handle)
{
	return &q->slot[kevent_slot_of(handle)];
}

/* Adds kevents until there is no slot. Returns their number. */
static int fill(const struct kevent_queue *q, uint64_t id)
{
	int n = 0;

	while (queue_add_user(q, id + n, 1, 0))
		n++;
	return errno == ENOSPC ? n : -errno;
}

/* Adding and removing */

TEST_F(user, a_slot_shows_its_kevent)
{
	uint64_t handle = queue_add(&self->q, KEVENT_USER, 7, UINT64_MAX - 1, 0xf0, 0);
	struct kevent_slot *slot = slot_of(&self->q, handle);

	ASSERT_NE(0, handle);
	EXPECT_LT(kevent_slot_of(handle), SLOTS);
	EXPECT_EQ(0, slot->ready);
	EXPECT_EQ(UINT64_MAX - 1, slot->user);
	EXPECT_EQ(0xf0, slot->want);
	EXPECT_EQ(KEVENT_USER, slot->type);
	EXPECT_EQ((uint16_t)(handle >> 32), slot->gen);
	EXPECT_TRUE(queue_is_empty(&self->q));
}

TEST_F(user, no_handle_has_generation_0)
{
	for (int i = 0; i < 100; i++) {
		uint64_t handle = queue_add_user(&self->q, i, 1, 0);

		ASSERT_NE(0, handle >> 32);
		ASSERT_EQ(0, queue_remove(&self->q, handle));
	}
}

TEST_F(user, each_kevent_has_a_slot_of_its_own)
{
	uint64_t handles[SLOTS];

	for (int i = 0; i < SLOTS; i++) {
		handles[i] = queue_add_user(&self->q, i, 1, 0);
		ASSERT_NE(0, handles[i]);
		for (int j = 0; j < i; j++)
			EXPECT_NE(kevent_slot_of(handles[j]), kevent_slot_of(handles[i]));
	}
}

TEST_F(user, the_same_key_twice)
{
	uint64_t handle = queue_add(&self->q, KEVENT_USER, 1, 2, 1, 0);

	ASSERT_NE(0, handle);
	EXPECT_EQ(0, queue_add(&self->q, KEVENT_USER, 1, 2, 2, KEVENT_ONESHOT));
	EXPECT_EQ(EEXIST, errno);
	EXPECT_NE(0, queue_add(&self->q, KEVENT_USER, 1, 3, 1, 0));
	EXPECT_NE(0, queue_add(&self->q, KEVENT_USER, 2, 2, 1, 0));
	EXPECT_NE(0, queue_add(&self->q, KEVENT_USER, UINT64_C(1) << 32 | 1, 2, 1, 0));
}

TEST_F(user, a_removed_key_is_free_at_once)
{
	uint64_t handle = queue_add_user(&self->q, 1, 1, 0);

	ASSERT_NE(0, handle);
	ASSERT_EQ(0, queue_ready(&self->q, handle, 1));
	ASSERT_EQ(1, queue_remove(&self->q, handle));
	EXPECT_NE(0, queue_add_user(&self->q, 1, 1, 0));
}

TEST_F(user, no_slot_is_left)
{
	uint64_t handle = queue_add_user(&self->q, 1000, 1, 0);

	EXPECT_EQ(SLOTS - 1, fill(&self->q, 0));
	ASSERT_EQ(0, queue_remove(&self->q, handle));
	EXPECT_EQ(1, fill(&self->q, 1000));
}

TEST_F(user, a_removed_kevent_has_no_handle)
{
	uint64_t handle = queue_add_user(&self->q, 1, 1, 0);

	ASSERT_EQ(0, queue_remove(&self->q, handle));
	EXPECT_EQ(-ENOENT, queue_remove(&self->q, handle));
	EXPECT_EQ(-ENOENT, queue_mod(&self->q, handle, 1, 0));
	EXPECT_EQ(-ENOENT, queue_ready(&self->q, handle, 1));
	EXPECT_EQ(-ENOENT, queue_recheck(&self->q, handle));
}

TEST_F(user, a_slot_in_use_again_has_another_handle)
{
	uint64_t handle = queue_add_user(&self->q, 5000, 1, 0);

	ASSERT_EQ(SLOTS - 1, fill(&self->q, 0));
	for (int i = 0; i < 1000; i++) {
		uint64_t old = handle;

		/* All slots are in use, so the next kevent gets this slot. */
		ASSERT_EQ(0, queue_remove(&self->q, old));
		handle = queue_add_user(&self->q, 1000 + i, 1, 0);
		ASSERT_EQ(kevent_slot_of(old), kevent_slot_of(handle));
		ASSERT_NE(old, handle);
		ASSERT_EQ(-ENOENT, queue_ready(&self->q, old, 1));
		ASSERT_EQ(0, queue_ready(&self->q, handle, 1));
		ASSERT_TRUE(queue_gives(&self->q, 1000 + i, 1));
	}
}

TEST_F(user, handles_of_no_slot)
{
	uint64_t handle = queue_add_user(&self->q, 1, 1, 0);
	uint64_t bad[] = {
		UINT64_MAX, handle + SLOTS, handle | UINT32_MAX, handle ^ UINT64_C(1) << 63,
		handle + (UINT64_C(1) << 32), handle & UINT32_MAX, handle + KEVENT_MAX_SLOTS,
	};

	ASSERT_NE(0, handle);
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		EXPECT_EQ(-ENOENT, queue_remove(&self->q, bad[i]));
		EXPECT_EQ(-ENOENT, queue_mod(&self->q, bad[i], 1, 0));
		EXPECT_EQ(-ENOENT, queue_recheck(&self->q, bad[i]));
	}
	EXPECT_EQ(0, queue_remove(&self->q, handle));
}

/* Raising */

TEST_F(user, ready_gives_an_event)
{
	uint64_t handle = queue_add_user(&self->q, 5, UINT32_MAX, 0);
	struct kevent_event event;

	ASSERT_EQ(0, queue_ready(&self->q, handle, 0x80000001));
	ASSERT_TRUE(kevent_next(&self->q, &event));
	EXPECT_EQ(5, event.user);
	EXPECT_EQ(0x80000001, event.events);
	EXPECT_EQ(kevent_slot_of(handle), event.slot);
	EXPECT_EQ(0, slot_of(&self->q, handle)->ready);
	EXPECT_TRUE(queue_is_empty(&self->q));
}

TEST_F(user, events_coalesce)
{
	uint64_t handle = queue_add_user(&self->q, 1, 7, 0);

	ASSERT_EQ(0, queue_ready(&self->q, handle, 1));
	ASSERT_EQ(0, queue_ready(&self->q, handle, 4));
	ASSERT_EQ(0, queue_ready(&self->q, handle, 1));
	EXPECT_EQ(KEVENT_QUEUED | 5, slot_of(&self->q, handle)->ready);
	EXPECT_TRUE(queue_gives(&self->q, 1, 5));
	EXPECT_TRUE(queue_is_empty(&self->q));
	ASSERT_EQ(0, queue_ready(&self->q, handle, 2));
	EXPECT_TRUE(queue_gives(&self->q, 1, 2));
}

TEST_F(user, many_laps_of_the_ring)
{
	uint64_t a = queue_add_user(&self->q, 1, 1, 0), b = queue_add_user(&self->q, 2, 1, 0);
	uint64_t start = kevent_head(&self->q);

	for (unsigned int i = 0; i < 5 * self->q.header->ring_entries; i++) {
		ASSERT_EQ(0, queue_ready(&self->q, a, 1));
		ASSERT_EQ(0, queue_ready(&self->q, b, 1));
		ASSERT_TRUE(queue_gives(&self->q, 1, 1));
		ASSERT_TRUE(queue_gives(&self->q, 2, 1));
		ASSERT_TRUE(queue_is_empty(&self->q));
		ASSERT_EQ(start + 2 * i + 2, kevent_head(&self->q));
	}
}

TEST_F(user, a_full_ring)
{
	uint64_t handles[SLOTS];

	for (int i = 0; i < SLOTS; i++)
		handles[i] = queue_add_user(&self->q, i, UINT32_MAX, 0);
	for (int round = 0; round < 3; round++) {
		for (int i = 0; i < SLOTS; i++)
			ASSERT_EQ(0, queue_ready(&self->q, handles[i], 1 << i % 16));
		for (int i = 0; i < SLOTS; i++)
			ASSERT_EQ(0, queue_ready(&self->q, handles[i], 1 << 16));
		for (int i = 0; i < SLOTS; i++)
			EXPECT_TRUE(queue_gives(&self->q, i, 1 << i % 16 | 1 << 16));
		EXPECT_TRUE(queue_is_empty(&self->q));
	}
}

TEST_F(user, events_that_are_not_wanted_have_no_effect)
{
	uint64_t handle = queue_add_user(&self->q, 1, 1, 0);

	ASSERT_EQ(0, queue_ready(&self->q, handle, 2));
	EXPECT_EQ(0, slot_of(&self->q, handle)->ready);
	EXPECT_TRUE(queue_is_empty(&self->q));
	ASSERT_EQ(0, queue_ready(&self->q, handle, 3));
	EXPECT_TRUE(queue_gives(&self->q, 1, 1));
}

TEST_F(user, a_store_narrows_want)
{
	uint64_t handle = queue_add_user(&self->q, 1, 3, 0);

	__atomic_store_n(&slot_of(&self->q, handle)->want, 1, __ATOMIC_SEQ_CST);
	ASSERT_EQ(0, queue_ready(&self->q, handle, 2));
	EXPECT_TRUE(queue_is_empty(&self->q));
	ASSERT_EQ(0, queue_ready(&self->q, handle, 1));
	EXPECT_TRUE(queue_gives(&self->q, 1, 1));
}

TEST_F(user, a_store_widens_want)
{
	uint64_t handle = queue_add_user(&self->q, 1, 0, 0);

	ASSERT_EQ(0, queue_ready(&self->q, handle, 2));
	EXPECT_TRUE(queue_is_empty(&self->q));
	__atomic_store_n(&slot_of(&self->q, handle)->want, 3, __ATOMIC_SEQ_CST);
	ASSERT_EQ(0, queue_ready(&self->q, handle, 2));
	EXPECT_TRUE(queue_gives(&self->q, 1, 2));
}

TEST_F(user, mod_widens_want)
{
	uint64_t handle = queue_add_user(&self->q, 1, 1, 0);

	ASSERT_EQ(0, queue_mod(&self->q, handle, 2, 0));
	EXPECT_EQ(2, slot_of(&self->q, handle)->want);
	EXPECT_EQ(1, slot_of(&self->q, handle)->user);
	ASSERT_EQ(0, queue_ready(&self->q, handle, 2));
	EXPECT_TRUE(queue_gives(&self->q, 1, 2));
}

TEST_F(user, recheck_raises_no_event)
{
	uint64_t handle = queue_add_user(&self->q, 1, 1, 0);

	ASSERT_EQ(0, queue_recheck(&self->q, handle));
	EXPECT_TRUE(queue_is_empty(&self->q));
}

TEST_F(user, mod_narrows_want)
{
	uint64_t handle = queue_add_user(&self->q, 1, 3, 0);

	ASSERT_EQ(0, queue_mod(&self->q, handle, 1, 0));
	ASSERT_EQ(0, queue_ready(&self->q, handle, 2));
	EXPECT_TRUE(queue_is_empty(&self->q));
}

TEST_F(user, events_keep_their_user_word)
{
	uint64_t handle = queue_add(&self->q, KEVENT_USER, 1, UINT64_C(0xfedcba9876543210), 1, 0);

	ASSERT_EQ(0, queue_ready(&self->q, handle, 1));
	ASSERT_EQ(0, queue_mod(&self->q, handle, 3, 0));
	EXPECT_TRUE(queue_gives(&self->q, UINT64_C(0xfedcba9876543210), 1));
}

/* Removing a ready kevent */

TEST_F(user, remove_retracts_events)
{
	uint64_t handle = queue_add_user(&self->q, 1, 7, 0);
	uint64_t other = queue_add_user(&self->q, 2, 1, 0);

	ASSERT_EQ(0, queue_ready(&self->q, handle, 5));
	ASSERT_EQ(0, queue_ready(&self->q, other, 1));
	EXPECT_EQ(5, queue_remove(&self->q, handle));
	EXPECT_EQ(KEVENT_QUEUED, slot_of(&self->q, handle)->ready);
	/* The consumer skips the empty entry. */
	EXPECT_TRUE(queue_gives(&self->q, 2, 1));
	EXPECT_TRUE(queue_is_empty(&self->q));
}

TEST_F(user, remove_after_the_event_was_taken)
{
	uint64_t handle = queue_add_user(&self->q, 1, 1, 0);

	ASSERT_EQ(0, queue_ready(&self->q, handle, 1));
	ASSERT_TRUE(queue_gives(&self->q, 1, 1));
	EXPECT_EQ(0, queue_remove(&self->q, handle));
}

TEST_F(user, a_queued_slot_is_not_used_again)
{
	uint64_t handle = queue_add_user(&self->q, 1000, 1, 0);

	ASSERT_EQ(SLOTS - 1, fill(&self->q, 0));
	ASSERT_EQ(0, queue_ready(&self->q, handle, 1));
	ASSERT_EQ(1, queue_remove(&self->q, handle));
	EXPECT_EQ(0, fill(&self->q, 2000));
	ASSERT_TRUE(queue_is_empty(&self->q));
	EXPECT_EQ(1, fill(&self->q, 2000));
	EXPECT_TRUE(queue_is_empty(&self->q));
}

TEST_F(user, a_queued_event_has_the_user_word_of_its_kevent)
{
	for (int i = 0; i < 100; i++) {
		uint64_t handle = queue_add_user(&self->q, i, 1, KEVENT_ONESHOT);

		ASSERT_NE(0, handle);
		ASSERT_EQ(0, queue_ready(&self->q, handle, 1));
		/* The key is free again, the slot is not. */
		handle = queue_add_user(&self->q, i, 1, 0);
		ASSERT_NE(0, handle);
		ASSERT_TRUE(queue_gives(&self->q, i, 1));
		ASSERT_EQ(0, queue_remove(&self->q, handle));
	}
}

/* ONESHOT and DISPATCH */

TEST_F(user, oneshot_gives_one_event)
{
	uint64_t handle = queue_add_user(&self->q, 1, 3, KEVENT_ONESHOT);

	ASSERT_EQ(0, queue_ready(&self->q, handle, 1));
	EXPECT_EQ(-ENOENT, queue_ready(&self->q, handle, 2));
	EXPECT_TRUE(queue_gives(&self->q, 1, 1));
	EXPECT_EQ(-ENOENT, queue_ready(&self->q, handle, 2));
	EXPECT_EQ(-ENOENT, queue_mod(&self->q, handle, 3, 0));
	EXPECT_EQ(-ENOENT, queue_recheck(&self->q, handle));
	EXPECT_TRUE(queue_stays_empty(&self->q));
}

TEST_F(user, oneshot_frees_its_slot_when_consumed)
{
	uint64_t handle = queue_add_user(&self->q, 1000, 1, KEVENT_ONESHOT);

	ASSERT_EQ(SLOTS - 1, fill(&self->q, 0));
	ASSERT_EQ(0, queue_ready(&self->q, handle, 1));
	EXPECT_EQ(0, fill(&self->q, 2000));
	ASSERT_TRUE(queue_gives(&self->q, 1000, 1));
	EXPECT_EQ(1, fill(&self->q, 2000));
	EXPECT_EQ(-ENOENT, queue_remove(&self->q, handle));
}

TEST_F(user, oneshot_frees_its_slot_after_a_wait)
{
	uint64_t handle = queue_add_user(&self->q, 1000, 1, KEVENT_ONESHOT);

	ASSERT_EQ(SLOTS - 1, fill(&self->q, 0));
	ASSERT_EQ(0, queue_ready(&self->q, handle, 1));
	ASSERT_TRUE(queue_waits_for(&self->q, 1000, 1));
	ASSERT_TRUE(queue_stays_empty(&self->q));
	EXPECT_EQ(1, fill(&self->q, 2000));
}

TEST_F(user, oneshot_frees_its_key_at_once)
{
	uint64_t old = queue_add_user(&self->q, 1, 1, KEVENT_ONESHOT), new;

	ASSERT_EQ(0, queue_ready(&self->q, old, 1));
	new = queue_add_user(&self->q, 1, 1, 0);
	ASSERT_NE(0, new);
	EXPECT_NE(kevent_slot_of(old), kevent_slot_of(new));
	ASSERT_EQ(0, queue_ready(&self->q, new, 1));
	EXPECT_TRUE(queue_gives(&self->q, 1, 1));
	EXPECT_TRUE(queue_gives(&self->q, 1, 1));
	EXPECT_TRUE(queue_is_empty(&self->q));
}

TEST_F(user, oneshot_that_is_not_wanted_stays)
{
	uint64_t handle = queue_add_user(&self->q, 1, 1, KEVENT_ONESHOT);

	ASSERT_EQ(0, queue_ready(&self->q, handle, 2));
	EXPECT_TRUE(queue_is_empty(&self->q));
	ASSERT_EQ(0, queue_ready(&self->q, handle, 1));
	EXPECT_FALSE(queue_is_empty(&self->q));
}

TEST_F(user, remove_retracts_a_oneshot)
{
	uint64_t handle = queue_add_user(&self->q, 1, 1, KEVENT_ONESHOT);

	ASSERT_EQ(0, queue_ready(&self->q, handle, 1));
	EXPECT_EQ(1, queue_remove(&self->q, handle));
	EXPECT_TRUE(queue_is_empty(&self->q));
}

TEST_F(user, dispatch_waits_for_recheck)
{
	uint64_t handle = queue_add_user(&self->q, 1, 7, KEVENT_DISPATCH);

	ASSERT_EQ(0, queue_ready(&self->q, handle, 1));
	EXPECT_TRUE(queue_gives(&self->q, 1, 1));
	ASSERT_EQ(0, queue_ready(&self->q, handle, 2));
	EXPECT_TRUE(queue_stays_empty(&self->q));
	ASSERT_EQ(0, queue_recheck(&self->q, handle));
	ASSERT_EQ(0, queue_ready(&self->q, handle, 4));
	EXPECT_FALSE(queue_is_empty(&self->q));
	ASSERT_EQ(0, queue_ready(&self->q, handle, 1));
	EXPECT_TRUE(queue_stays_empty(&self->q));
}

TEST_F(user, dispatch_waits_for_mod)
{
	uint64_t handle = queue_add_user(&self->q, 1, 7, KEVENT_DISPATCH);

	ASSERT_EQ(0, queue_ready(&self->q, handle, 1));
	EXPECT_TRUE(queue_gives(&self->q, 1, 1));
	ASSERT_EQ(0, queue_mod(&self->q, handle, 7, KEVENT_DISPATCH));
	ASSERT_EQ(0, queue_ready(&self->q, handle, 2));
	EXPECT_TRUE(queue_gives(&self->q, 1, 2));
}

TEST_F(user, mod_changes_flags)
{
	uint64_t handle = queue_add_user(&self->q, 1, 1, 0);

	ASSERT_EQ(0, queue_mod(&self->q, handle, 1, KEVENT_ONESHOT));
	ASSERT_EQ(0, queue_ready(&self->q, handle, 1));
	EXPECT_TRUE(queue_gives(&self->q, 1, 1));
	queue_ready(&self->q, handle, 1);
	EXPECT_TRUE(queue_is_empty(&self->q));
	EXPECT_NE(0, queue_add_user(&self->q, 1, 1, 0));
}

/* Invalid operations */

TEST_F(user, unknown_operations)
{
	for (int i = KEVENT_OP_TAKE + 1; i < 256; i++) {
		struct kevent_op op = { .op = i };

		EXPECT_EQ(-EINVAL, queue_do(&self->q, &op));
	}
}

TEST_F(user, unknown_types)
{
	for (int i = 0; i < 65536; i = i < 32 ? i + 1 : 2 * i - 1) {
		if (i == KEVENT_SOCKET || i == KEVENT_TIMER || i == KEVENT_POLL ||
		    i == KEVENT_PIPE || i == KEVENT_USER || i == KEVENT_PROCESS ||
		    i == KEVENT_INODE || i == KEVENT_POSIX_TIMER || i == KEVENT_SIGNAL ||
		    i == KEVENT_PRODUCER || i == KEVENT_AIO || i == KEVENT_NAIO)
			continue;
		EXPECT_EQ(0, queue_add(&self->q, i, 0, 0, 1, 0));
		EXPECT_EQ(EINVAL, errno)
			TH_LOG("type %d", i);
	}
}

TEST_F(user, flags_that_it_cannot_have)
{
	uint64_t handle = queue_add_user(&self->q, 1, 1, 0);

	for (int flags = 0; flags < 256; flags++) {
		if (flags == 0 || flags == KEVENT_ONESHOT || flags == KEVENT_DISPATCH)
			continue;
		EXPECT_EQ(0, queue_add_user(&self->q, 2, 1, flags));
		EXPECT_EQ(EINVAL, errno);
		EXPECT_EQ(-EINVAL, queue_mod(&self->q, handle, 1, flags));
	}
}

/* Valid operations, one of each kind. */
static struct kevent_op valid_op(int op, uint64_t handle)
{
	static uint64_t id = 1000;

	switch (op) {
	case KEVENT_OP_ADD:
		return kevent_op_add(KEVENT_USER, id++, 0, 1, 0);
	case KEVENT_OP_MOD:
		return kevent_op_mod(handle, 1, 0);
	case KEVENT_OP_READY:
		return kevent_op_ready(handle, 1);
	case KEVENT_OP_RECHECK:
		return kevent_op_recheck(handle);
	}
	return kevent_op_remove(handle);
}

TEST_F(user, fields_without_a_meaning)
{
	uint64_t handle = queue_add_user(&self->q, 1, 1, 0);

	for (int i = KEVENT_OP_ADD; i <= KEVENT_OP_RECHECK; i++) {
		struct kevent_op op;

		for (int arg = 0; arg < 3; arg++) {
			op = valid_op(i, handle);
			op.arg[arg] = 1;
			EXPECT_EQ(-EINVAL, queue_do(&self->q, &op));
		}
		if (i == KEVENT_OP_ADD)
			continue;
		op = valid_op(i, handle);
		op.type = KEVENT_USER;
		EXPECT_EQ(-EINVAL, queue_do(&self->q, &op));
		op = valid_op(i, handle);
		op.id = 1;
		EXPECT_EQ(-EINVAL, queue_do(&self->q, &op));
		op = valid_op(i, handle);
		op.user = 1;
		EXPECT_EQ(-EINVAL, queue_do(&self->q, &op));
		if (i == KEVENT_OP_MOD)
			continue;
		op = valid_op(i, handle);
		op.flags = KEVENT_ONESHOT;
		EXPECT_EQ(-EINVAL, queue_do(&self->q, &op));
		if (i == KEVENT_OP_READY)
			continue;
		op = valid_op(i, handle);
		op.want = 1;
		EXPECT_EQ(-EINVAL, queue_do(&self->q, &op));
	}
	/* No operation was done. */
	EXPECT_TRUE(queue_is_empty(&self->q));
	EXPECT_EQ(0, queue_remove(&self->q, handle));
}

TEST_F(user, dispatch_keeps_early_events)
{
	uint64_t handle = queue_add_user(&self->q, 1, 7, KEVENT_DISPATCH);

	ASSERT_EQ(0, queue_ready(&self->q, handle, 1));
	ASSERT_EQ(0, queue_ready(&self->q, handle, 2));
	ASSERT_EQ(0, queue_ready(&self->q, handle, 4));
	ASSERT_TRUE(queue_gives(&self->q, 1, 1));
	EXPECT_TRUE(queue_stays_empty(&self->q));
	ASSERT_EQ(0, queue_recheck(&self->q, handle));
	EXPECT_TRUE(queue_gives(&self->q, 1, 2 | 4));
	ASSERT_EQ(0, queue_recheck(&self->q, handle));
	EXPECT_TRUE(queue_is_empty(&self->q));
}

TEST_F(user, add_with_a_handle)
{
	struct kevent_op op = kevent_op_add(KEVENT_USER, 1, 1, 1, 0);

	/* A result of an earlier ADD, for instance. */
	op.handle = 1;
	ASSERT_EQ(0, queue_do(&self->q, &op));
	EXPECT_NE(1, op.handle);
	EXPECT_EQ(0, queue_remove(&self->q, op.handle));
}

TEST_F(user, events_without_a_handle)
{
	EXPECT_EQ(-EINVAL, queue_ready(&self->q, 0, 1));
	EXPECT_EQ(0, queue_ready(&self->q, 0, 0));
}

TEST_F(user, rearm)
{
	struct kevent_op op = kevent_op_rearm(queue_add_user(&self->q, 1, 1, 0), 1, 0, 0, 0);

	EXPECT_EQ(-EINVAL, queue_do(&self->q, &op));
}

/* Batches */

TEST_F(user, each_operation_has_a_result)
{
	uint64_t handle = queue_add_user(&self->q, 1, 1, 0);
	struct kevent_op ops[] = {
		kevent_op_add(KEVENT_USER, 1, 1, 1, 0),
		kevent_op_ready(handle, 1),
		kevent_op_remove(handle + 1),
		kevent_op_init_(99, 0),
		kevent_op_remove(handle),
		kevent_op_ready(handle, 1),
		kevent_op_add(KEVENT_USER, 1, 1, 1, 0),
	};

	ASSERT_EQ(7, kevent_submit(&self->q, ops, 7));
	EXPECT_EQ(-EEXIST, ops[0].result);
	EXPECT_EQ(0, ops[1].result);
	EXPECT_EQ(-ENOENT, ops[2].result);
	EXPECT_EQ(-EINVAL, ops[3].result);
	EXPECT_EQ(0, ops[4].result);
	EXPECT_EQ(1, ops[4].events);
	EXPECT_EQ(0, ops[4].want);
	EXPECT_EQ(-ENOENT, ops[5].result);
	EXPECT_EQ(0, ops[6].result);
	EXPECT_NE(0, ops[6].handle);
}

TEST_F(user, an_old_result_does_not_matter)
{
	uint64_t handle = queue_add_user(&self->q, 1, 1, 0);
	struct kevent_op op = kevent_op_ready(handle, 1);

	op.result = -EIO;
	op.events = 7;
	EXPECT_EQ(0, queue_do(&self->q, &op));
	EXPECT_EQ(0, op.events);
	EXPECT_EQ(handle, op.handle);
}

TEST_F(user, an_empty_batch)
{
	EXPECT_EQ(0, kevent_submit(&self->q, NULL, 0));
}

TEST_F(user, the_largest_batch)
{
	struct kevent_op *ops = calloc(KEVENT_MAX_OPS + 1, sizeof(*ops));
	uint64_t handle = queue_add_user(&self->q, 1, UINT32_MAX, 0);

	ASSERT_TRUE(ops);
	for (int i = 0; i <= KEVENT_MAX_OPS; i++)
		ops[i] = kevent_op_ready(handle, i + 1);
	EXPECT_EQ(-EINVAL, result(kevent_submit(&self->q, ops, KEVENT_MAX_OPS + 1)));
	EXPECT_EQ(-EINVAL, result(kevent_submit(&self->q, ops, UINT32_MAX)));
	EXPECT_TRUE(queue_is_empty(&self->q));
	EXPECT_EQ(KEVENT_MAX_OPS, kevent_submit(&self->q, ops, KEVENT_MAX_OPS));
	EXPECT_TRUE(queue_gives(&self->q, 1, 2 * KEVENT_MAX_OPS - 1));
	free(ops);
}

TEST_F(user, invalid_submits)
{
	uint64_t handle = queue_add_user(&self->q, 1, 1, 0);
	struct kevent_op op = kevent_op_ready(handle, 1);
	struct kevent_submit good = { .ops = (uintptr_t)&op, .nr = 1 }, bad;

	for (int bit = 2; bit < 32; bit++) {
		bad = good;
		bad.flags = 1U << bit;
		EXPECT_EQ(-EINVAL, result(kevent_enter(&self->q, &bad)));
	}
	/* Each of these has a meaning for a wait only. */
	for (int i = 0; i < 8; i++) {
		uint64_t mask = 0;

		bad = good;
		bad.reserved = i == 0;
		bad.head = i == 1;
		bad.timeout = -(i == 2);
		bad.clock = i == 3;
		bad.min_nr = i == 4;
		bad.sigmask = i == 5 ? (uintptr_t)&mask : 0;
		bad.sigsetsize = i == 6 ? 8 : 0;
		bad.flags = i == 7 ? KEVENT_ABSTIME : 0;
		EXPECT_EQ(-EINVAL, result(kevent_enter(&self->q, &bad)));
	}
	EXPECT_EQ(-EFAULT, result(kevent_enter(&self->q, NULL)));
	EXPECT_EQ(-EFAULT, result(kevent_enter(&self->q, (void *)bad_memory(PROT_NONE))));
	/* The operation was not done. */
	EXPECT_TRUE(queue_is_empty(&self->q));
	EXPECT_EQ(1, kevent_enter(&self->q, &good));
}

/* Operations in bad memory */

TEST_F(user, the_first_operation_cannot_be_read)
{
	char *bad = bad_memory(PROT_NONE);

	EXPECT_EQ(-EFAULT, result(kevent_submit(&self->q, NULL, 1)));
	EXPECT_EQ(-EFAULT, result(kevent_submit(&self->q, (void *)bad, 1)));
	EXPECT_EQ(-EFAULT, result(kevent_submit(&self->q, (void *)(bad - 32), 1)));
	EXPECT_EQ(-EFAULT, result(kevent_submit(&self->q, (void *)-64L, 1)));
}

TEST_F(user, a_later_operation_cannot_be_read)
{
	struct kevent_op *ops = (void *)bad_memory(PROT_NONE);

	ops[-2] = kevent_op_add(KEVENT_USER, 1, 1, 1, 0);
	ops[-1] = kevent_op_add(KEVENT_USER, 2, 2, 1, 0);
	EXPECT_EQ(2, kevent_submit(&self->q, ops - 2, 4));
	EXPECT_EQ(0, ops[-1].result);
	EXPECT_EQ(0, queue_ready(&self->q, ops[-1].handle, 1));
	EXPECT_TRUE(queue_gives(&self->q, 2, 1));
}

TEST_F(user, a_result_that_cannot_be_written_undoes_add)
{
	struct kevent_op *ops = (void *)bad_memory(PROT_READ | PROT_WRITE);

	ops[-1] = kevent_op_add(KEVENT_USER, 1, 1, 1, 0);
	ops[0] = kevent_op_add(KEVENT_USER, 2, 2, 1, 0);
	ops[1] = kevent_op_add(KEVENT_USER, 3, 3, 1, 0);
	ASSERT_EQ(0, mprotect(ops, sysconf(_SC_PAGESIZE), PROT_READ));
	EXPECT_EQ(1, kevent_submit(&self->q, ops - 1, 3));
	EXPECT_EQ(0, queue_add_user(&self->q, 1, 1, 0));
	EXPECT_EQ(EEXIST, errno);
	/* Neither the second nor the third kevent is there, and their slots are free. */
	EXPECT_NE(0, queue_add_user(&self->q, 2, 1, 0));
	EXPECT_NE(0, queue_add_user(&self->q, 3, 1, 0));
	EXPECT_EQ(SLOTS - 3, fill(&self->q, 100));
}

TEST_F(user, the_first_result_cannot_be_written)
{
	struct kevent_op *op = (void *)bad_memory(PROT_READ | PROT_WRITE);

	*op = kevent_op_add(KEVENT_USER, 1, 1, 1, 0);
	ASSERT_EQ(0, mprotect(op, sysconf(_SC_PAGESIZE), PROT_READ));
	EXPECT_EQ(-EFAULT, result(kevent_submit(&self->q, op, 1)));
	EXPECT_EQ(SLOTS, fill(&self->q, 1));
}

TEST_HARNESS_MAIN
