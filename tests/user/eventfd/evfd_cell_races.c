// SPDX-License-Identifier: GPL-2.0
/*
 * Threads that change a counter in memory while others wait for it: no wake-up is lost, and no
 * write is lost or doubled.
 */
#include "arena.h"
#include "crowd.h"
#include "epoll.h"

/* Two threads that wait for each other in turns */

#define ROUNDS	20000

struct side {
	_Atomic bool *stop;
	_Atomic bool done, failed;
	_Atomic int rounds;
	pthread_t thread;
	struct evfd_counter *own, *other;
	bool (*wait)(struct side *side);
	int ep;
	bool starts;
};

/* Waits until the counter is not 0, or the other side has ended. */
static bool wait_by_read(struct side *side)
{
	uint64_t value;

	return read(side->own->fd, &value, 8) == 8;
}

static bool wait_by_poll(struct side *side)
{
	struct pollfd pfd = { .fd = side->own->fd, .events = POLLIN };

	return poll(&pfd, 1, DEADLINE_MS) == 1 && evfd_counter_read(side->own);
}

static bool wait_by_epoll(struct side *side)
{
	return events_within(side->ep, DEADLINE_MS) == EPOLLIN && evfd_counter_read(side->own);
}

static void *play(void *arg)
{
	struct side *side = arg;

	if (side->starts)
		evfd_counter_write(side->other, 1);
	repeat(ROUNDS, 2000) {
		if (*side->stop)
			break;
		/* Sometimes look only, like a program that is busy. */
		if ((i % 8 || !evfd_counter_read(side->own)) && !side->wait(side)) {
			side->failed = true;
			break;
		}
		side->rounds++;
		evfd_counter_write(side->other, 1);
	}
	*side->stop = true;
	/* The other side may wait for the last time. */
	evfd_counter_write(side->other, 1);
	side->done = true;
	return NULL;
}

FIXTURE(ping_pong)
{
	struct evfd_counter counters[2];
	struct side sides[2];
	_Atomic bool stop;
};

FIXTURE_VARIANT(ping_pong)
{
	bool (*wait)(struct side *side);
	int flags;
	uint32_t events;
};

FIXTURE_VARIANT_ADD(ping_pong, read)
{
	.wait = wait_by_read,
};

FIXTURE_VARIANT_ADD(ping_pong, read_wake_one)
{
	.wait = wait_by_read,
	.flags = EVFD_EFD_WAKE_ONE,
};

FIXTURE_VARIANT_ADD(ping_pong, poll)
{
	.wait = wait_by_poll,
};

FIXTURE_VARIANT_ADD(ping_pong, level)
{
	.wait = wait_by_epoll,
	.events = EPOLLIN,
};

FIXTURE_SETUP(ping_pong)
{
	struct arena arena;

	/* Neighbours in one line of the cache. */
	ASSERT_TRUE(arena_make(&arena, 2));
	for (int i = 0; i < 2; i++) {
		ASSERT_EQ(0, arena_bind(&arena, &self->counters[i], i, 0, variant->flags));
		self->sides[i] = (struct side){
			.own = &self->counters[i], .other = &self->counters[!i],
			.wait = variant->wait, .starts = i, .stop = &self->stop,
		};
		if (variant->events)
			self->sides[i].ep = watch(self->counters[i].fd, variant->events);
	}
}

FIXTURE_TEARDOWN(ping_pong)
{
}

TEST_F(ping_pong, no_wake_up_is_lost)
{
	for (int i = 0; i < 2; i++)
		ASSERT_EQ(0, pthread_create(&self->sides[i].thread, NULL, play,
					    &self->sides[i]));
	for (int i = 0; i < 2; i++) {
		ASSERT_TRUE(wait_for(self->sides[i].done)) {
			TH_LOG("side %d sleeps after %d rounds", i, self->sides[i].rounds);
		}
		ASSERT_EQ(0, pthread_join(self->sides[i].thread, NULL));
		EXPECT_FALSE(self->sides[i].failed);
		EXPECT_LE(3, self->sides[i].rounds);
	}
}

/* Many threads, of which half use memory and half system calls */

static struct evfd_counter shared;

/* Alternates between memory and write(2), which waits for room. */
static bool post_both_ways(struct crowd *crowd, uint64_t value)
{
	if (value % 2 && !evfd_counter_write(&shared, value))
		return true;
	return write(crowd->fd, &value, 8) == 8;
}

static uint64_t read_by_call(struct crowd *crowd)
{
	uint64_t value;

	if (read(crowd->fd, &value, 8) != 8) {
		if (errno != EAGAIN && errno != EINTR)
			crowd->failed = true;
		return 0;
	}
	crowd->things_read++;
	return value;
}

static uint64_t read_in_memory(struct crowd *crowd)
{
	__u64 value = evfd_counter_read(&shared);

	if (!value)
		return read_by_call(crowd);
	crowd->things_read++;
	return value;
}

static uint64_t poll_and_read_in_memory(struct crowd *crowd)
{
	struct pollfd pfd = { .fd = crowd->fd, .events = POLLIN };
	__u64 value;

	poll(&pfd, 1, -1);
	value = evfd_counter_read(&shared);
	if (value)
		crowd->things_read++;
	return value;
}

static uint64_t read_one(struct crowd *crowd)
{
	if (!evfd_counter_read_one(&shared))
		return read_by_call(crowd);
	crowd->things_read++;
	return 1;
}

FIXTURE(both_ways)
{
	int fd;
};

FIXTURE_VARIANT(both_ways)
{
	const struct kind *kind;
	int flags;
	uint64_t value;
	bool interrupts;
};

FIXTURE_VARIANT_ADD(both_ways, much)
{
	.kind = &kind_eventfd,
	/* Three such values do not fit. */
	.value = UINT64_C(1) << 62,
};

FIXTURE_VARIANT_ADD(both_ways, little)
{
	.kind = &kind_eventfd,
	.value = 1,
};

FIXTURE_VARIANT_ADD(both_ways, interrupted)
{
	.kind = &kind_eventfd,
	.value = UINT64_C(1) << 62,
	.interrupts = true,
};

FIXTURE_VARIANT_ADD(both_ways, wake_one)
{
	.kind = &kind_eventfd,
	.flags = EVFD_EFD_WAKE_ONE,
	.value = 1,
};

FIXTURE_VARIANT_ADD(both_ways, semaphore)
{
	.kind = &kind_semaphore,
	.flags = EVFD_EFD_SEMAPHORE,
};

FIXTURE_SETUP(both_ways)
{
	ASSERT_TRUE(counter_make(&shared, 0, variant->flags));
	self->fd = shared.fd;
}

FIXTURE_TEARDOWN(both_ways)
{
	close(self->fd);
}

static bool post_one(struct crowd *crowd, uint64_t value)
{
	(void)value;
	return post_both_ways(crowd, 1);
}

TEST_F(both_ways, sums_are_equal)
{
	struct crowd crowd = {
		.kind = variant->kind, .fd = self->fd, .posters = 3, .readers = 4,
		.value = variant->value, .post = post_both_ways, .ms = 3000,
		.read = { read_by_call, read_in_memory, poll_and_read_in_memory,
			  read_in_memory },
		.interrupts = variant->interrupts,
	};

	if (variant->flags & EVFD_EFD_SEMAPHORE) {
		crowd.post = post_one;
		for (int i = 0; i < CROWD_MAX; i++)
			crowd.read[i] = i % 2 ? read_one : read_by_call;
	}
	EXPECT_TRUE(crowd_run(&crowd));
	EXPECT_EQ(0, evfd_counter_look(&shared));
}

TEST_HARNESS_MAIN
