// SPDX-License-Identifier: GPL-2.0
/*
 * Waiters for timers in shared memory that a program defers or reads in memory: each kind of
 * waiter is woken, never early, and never lost.
 */
#include "aio.h"
#include "epoll.h"
#include "fault.h"
#include "memory.h"
#include "queue.h"
#include "timer_list.h"
#include "uring.h"

#include <sys/select.h>

/* A waiter, of one of the kinds below. */
struct sleeper {
	const struct evfd_timer_ref *t;
	struct call call;
	struct uring ring;
	struct kevent_queue q;
	aio_context_t aio;
	struct iocb iocb;
	int ep, id;
};

/**
 * struct way - a way to wait
 * @begin: makes everything that the waiter needs
 * @again: waits once more after a wake-up, or NULL if the waiter goes on
 * @woken: whether the waiter was woken; consumes that
 * @takes: the waiter takes the ticks itself
 * @each: takes events from the wake-up, and does not look at the timer again
 */
struct way {
	bool (*begin)(struct sleeper *sleeper);
	bool (*again)(struct sleeper *sleeper);
	bool (*woken)(struct sleeper *sleeper);
	bool takes, each;
};

/* Threads that block */

static long call_select(struct call *call)
{
	fd_set set;

	FD_ZERO(&set);
	FD_SET(call->fd, &set);
	return select(call->fd + 1, &set, NULL, NULL, NULL);
}

static bool select_blocks(struct call *call)
{
	return wait_for(call->done ||
			(call->tid && asleep_in(call->tid) >= 0 &&
			 asleep_in(call->tid) != SYS_mmap && asleep_in(call->tid) != SYS_futex));
}

static bool call_begin(struct sleeper *sleeper, long (*make)(struct call *call), int fd)
{
	sleeper->call = (struct call){ .make = make, .fd = fd, .value = POLLIN };
	if (make == call_select)
		return call_start(&sleeper->call) && select_blocks(&sleeper->call);
	return call_start(&sleeper->call) && (call_blocks(&sleeper->call) || sleeper->call.done);
}

static bool read_begin(struct sleeper *sleeper)
{
	fcntl(sleeper->t->fd, F_SETFL, 0);
	return call_begin(sleeper, call_read, sleeper->t->fd);
}

static bool poll_begin(struct sleeper *sleeper)
{
	return call_begin(sleeper, call_poll, sleeper->t->fd);
}

static bool select_begin(struct sleeper *sleeper)
{
	return call_begin(sleeper, call_select, sleeper->t->fd);
}

static bool epoll_thread_begin(struct sleeper *sleeper)
{
	if (sleeper->ep < 0)
		sleeper->ep = watch(sleeper->t->fd, EPOLLIN);
	return call_begin(sleeper, call_epoll, sleeper->ep);
}

static bool call_woken(struct sleeper *sleeper)
{
	return sleeper->call.done && !pthread_join(sleeper->call.thread, NULL);
}

/* Epoll instances, which wait without a thread */

static bool level_begin(struct sleeper *sleeper)
{
	sleeper->ep = watch(sleeper->t->fd, EPOLLIN);
	return sleeper->ep >= 0;
}

static bool edge_begin(struct sleeper *sleeper)
{
	sleeper->ep = watch(sleeper->t->fd, EPOLLIN | EPOLLET);
	return sleeper->ep >= 0;
}

static bool oneshot_begin(struct sleeper *sleeper)
{
	sleeper->ep = watch(sleeper->t->fd, EPOLLIN | EPOLLONESHOT);
	return sleeper->ep >= 0;
}

static bool oneshot_again(struct sleeper *sleeper)
{
	return !modify(sleeper->ep, sleeper->t->fd, EPOLLIN | EPOLLONESHOT);
}

static bool exclusive_begin(struct sleeper *sleeper)
{
	sleeper->ep = watch(sleeper->t->fd, EPOLLIN | EPOLLEXCLUSIVE);
	return sleeper->ep >= 0;
}

static bool exclusive_edge_begin(struct sleeper *sleeper)
{
	sleeper->ep = watch(sleeper->t->fd, EPOLLIN | EPOLLEXCLUSIVE | EPOLLET);
	return sleeper->ep >= 0;
}

static bool epoll_woken(struct sleeper *sleeper)
{
	return events_now(sleeper->ep) == EPOLLIN;
}

/* io_uring */

static bool uring_again(struct sleeper *sleeper)
{
	uring_poll(&sleeper->ring, sleeper->t->fd, POLLIN, false, 1);
	return uring_submit(&sleeper->ring) == 1;
}

static bool uring_begin(struct sleeper *sleeper)
{
	return uring_open(&sleeper->ring) && uring_again(sleeper);
}

static bool multishot_begin(struct sleeper *sleeper)
{
	if (!uring_open(&sleeper->ring))
		return false;
	uring_poll(&sleeper->ring, sleeper->t->fd, POLLIN, true, 1);
	return uring_submit(&sleeper->ring) == 1;
}

static bool uring_woken(struct sleeper *sleeper)
{
	struct io_uring_cqe cqe;

	return uring_next(&sleeper->ring, &cqe) && cqe.res == POLLIN;
}

/* aio */

static bool aio_again(struct sleeper *sleeper)
{
	sleeper->iocb = aio_poll(sleeper->t->fd, POLLIN, 1);
	return aio_submit(sleeper->aio, &sleeper->iocb) == 1;
}

static bool aio_begin(struct sleeper *sleeper)
{
	sleeper->aio = aio_open();
	return sleeper->aio && aio_again(sleeper);
}

static bool aio_woken(struct sleeper *sleeper)
{
	struct io_event event;

	return aio_next(sleeper->aio, &event) && event.res == POLLIN;
}

/* Queues of /dev/kevent */

static bool kevent_level_begin(struct sleeper *sleeper)
{
	return !kevent_open(&sleeper->q, 1, 0) &&
	       queue_add_poll(&sleeper->q, sleeper->t->fd, POLLIN, 0);
}

static bool kevent_edge_begin(struct sleeper *sleeper)
{
	return !kevent_open(&sleeper->q, 1, 0) &&
	       queue_add_poll(&sleeper->q, sleeper->t->fd, POLLIN, KEVENT_ET);
}

static bool kevent_woken(struct sleeper *sleeper)
{
	struct kevent_event event;

	return !kevent_wait(&sleeper->q, NULL, 0, 0, 0) && kevent_next(&sleeper->q, &event) &&
	       event.events == POLLIN;
}

FIXTURE(wait)
{
	struct arena arena;
	struct evfd_timer_ref t;
	struct sleeper sleeper;
};

FIXTURE_VARIANT(wait)
{
	struct way way;
};

FIXTURE_VARIANT_ADD(wait, read)
{
	.way.begin = read_begin,
	.way.again = read_begin,
	.way.woken = call_woken,
	.way.takes = true,
};

FIXTURE_VARIANT_ADD(wait, poll)
{
	.way.begin = poll_begin,
	.way.again = poll_begin,
	.way.woken = call_woken,
};

FIXTURE_VARIANT_ADD(wait, select)
{
	.way.begin = select_begin,
	.way.again = select_begin,
	.way.woken = call_woken,
};

FIXTURE_VARIANT_ADD(wait, epoll_in_a_thread)
{
	.way.begin = epoll_thread_begin,
	.way.again = epoll_thread_begin,
	.way.woken = call_woken,
};

FIXTURE_VARIANT_ADD(wait, epoll)
{
	.way.begin = level_begin,
	.way.woken = epoll_woken,
};

FIXTURE_VARIANT_ADD(wait, epoll_edge)
{
	.way.begin = edge_begin,
	.way.woken = epoll_woken,
	.way.each = true,
};

FIXTURE_VARIANT_ADD(wait, epoll_oneshot)
{
	.way.begin = oneshot_begin,
	.way.again = oneshot_again,
	.way.woken = epoll_woken,
};

FIXTURE_VARIANT_ADD(wait, epoll_exclusive)
{
	.way.begin = exclusive_begin,
	.way.woken = epoll_woken,
	.way.each = true,
};

FIXTURE_VARIANT_ADD(wait, epoll_exclusive_edge)
{
	.way.begin = exclusive_edge_begin,
	.way.woken = epoll_woken,
	.way.each = true,
};

FIXTURE_VARIANT_ADD(wait, uring)
{
	.way.begin = uring_begin,
	.way.again = uring_again,
	.way.woken = uring_woken,
};

FIXTURE_VARIANT_ADD(wait, uring_multishot)
{
	.way.begin = multishot_begin,
	.way.woken = uring_woken,
	.way.each = true,
};

FIXTURE_VARIANT_ADD(wait, aio)
{
	.way.begin = aio_begin,
	.way.again = aio_again,
	.way.woken = aio_woken,
};

FIXTURE_VARIANT_ADD(wait, kevent)
{
	.way.begin = kevent_level_begin,
	.way.woken = kevent_woken,
	.way.each = true,
};

FIXTURE_VARIANT_ADD(wait, kevent_edge)
{
	.way.begin = kevent_edge_begin,
	.way.woken = kevent_woken,
	.way.each = true,
};

FIXTURE_SETUP(wait)
{
	ASSERT_TRUE(arena_open(&self->arena));
	ASSERT_TRUE(arena_timer(&self->arena, ARENA_TIMERS - 1, CLOCK_MONOTONIC, &self->t));
	self->sleeper = (struct sleeper){ .t = &self->t, .ep = -1 };
}

FIXTURE_TEARDOWN(wait)
{
}

static int64_t now_ns(void)
{
	return tfd_clock(CLOCK_MONOTONIC);
}

/* Waits for the wake-up, which must not come before @when. */
static bool woken_at(const struct way *way, struct sleeper *sleeper, int64_t when)
{
	int64_t now;

	if (!wait_for(way->woken(sleeper))) {
		fprintf(stderr, "# not woken: next %lld, look %lld, now %lld\n",
			(long long)next_of(sleeper->t), (long long)look_of(sleeper->t),
			(long long)now_ns());
		return false;
	}
	now = now_ns();
	if (now < when)
		fprintf(stderr, "# woken %lld ns early\n", (long long)(when - now));
	return now >= when;
}

/* Takes the only tick in memory, unless the waiter has taken it. */
static bool one_tick(const struct way *way, struct sleeper *sleeper)
{
	if (way->takes)
		return sleeper->call.ret == 8 && sleeper->call.value == 1;
	return memory_ticks(sleeper->t) == 1;
}

TEST_F(wait, earlier)
{
	struct evfd_timer_ref *t = &self->t;
	int64_t when;

	ASSERT_EQ(0, tfd_arm(t->fd, 0, FAR_NS, 0));
	EXPECT_EQ(INT64_MIN, look_of(t));
	ASSERT_TRUE(variant->way.begin(&self->sleeper));
	EXPECT_EQ(next_of(t), look_of(t));
	EXPECT_TRUE(is_queued(next_of(t), next_of(t)));
	EXPECT_FALSE(variant->way.woken(&self->sleeper));
	for (int i = 4; i; i--) {
		when = now_ns() + i * FAR_NS / 8;
		ASSERT_EQ(0, evfd_timer_put_off(t, when));
		EXPECT_EQ(when, look_of(t));
	}
	when = now_ns() + 20 * NS_PER_MS;
	ASSERT_EQ(0, evfd_timer_put_off(t, when));
	EXPECT_TRUE(woken_at(&variant->way, &self->sleeper, when));
	EXPECT_TRUE(one_tick(&variant->way, &self->sleeper));
}

TEST_F(wait, to_the_past)
{
	ASSERT_EQ(0, tfd_arm(self->t.fd, 0, FAR_NS, 0));
	ASSERT_TRUE(variant->way.begin(&self->sleeper));
	EXPECT_FALSE(variant->way.woken(&self->sleeper));
	ASSERT_EQ(0, evfd_timer_put_off(&self->t, 1));
	EXPECT_TRUE(woken_at(&variant->way, &self->sleeper, 1));
	EXPECT_TRUE(one_tick(&variant->way, &self->sleeper));
}

/* The kernel's timer runs for the first time, and finds a later time. There is no call. */
TEST_F(wait, later)
{
	struct evfd_timer_ref *t = &self->t;
	int64_t first, when, look;

	ASSERT_EQ(0, tfd_arm(t->fd, 0, 500 * NS_PER_MS, 0));
	first = next_of(t);
	when = first + 100 * NS_PER_MS;
	ASSERT_TRUE(variant->way.begin(&self->sleeper));
	look = look_of(t);
	/* 0 if a read that waits has taken the tick already */
	if (swap_next(t, when) != first || now_ns() >= first)
		SKIP(return, "the host is too slow");
	EXPECT_EQ(first, look);
	EXPECT_TRUE(woken_at(&variant->way, &self->sleeper, when));
	EXPECT_TRUE(one_tick(&variant->way, &self->sleeper));
}

TEST_F(wait, disarmed_and_armed_in_memory)
{
	struct evfd_timer_ref *t = &self->t;
	int64_t when;

	ASSERT_EQ(0, tfd_arm(t->fd, 0, FAR_NS, 0));
	ASSERT_TRUE(variant->way.begin(&self->sleeper));
	/* Disarming needs no call, but arming again does unless the time is later. */
	swap_next(t, 0);
	EXPECT_FALSE(variant->way.woken(&self->sleeper));
	when = now_ns() + 10 * NS_PER_MS;
	ASSERT_EQ(0, evfd_timer_put_off(t, when));
	EXPECT_TRUE(woken_at(&variant->way, &self->sleeper, when));
	EXPECT_TRUE(one_tick(&variant->way, &self->sleeper));
}

TEST_F(wait, disarmed_when_the_wait_begins)
{
	struct evfd_timer_ref *t = &self->t;
	int64_t when;

	ASSERT_EQ(0, tfd_arm(t->fd, 0, 0, 0));
	ASSERT_TRUE(variant->way.begin(&self->sleeper));
	EXPECT_FALSE(variant->way.woken(&self->sleeper));
	EXPECT_EQ(INT64_MAX, look_of(t));
	when = now_ns() + 10 * NS_PER_MS;
	ASSERT_EQ(0, evfd_timer_put_off(t, when));
	EXPECT_TRUE(woken_at(&variant->way, &self->sleeper, when));
	EXPECT_TRUE(one_tick(&variant->way, &self->sleeper));
}

/* The waiter has been told, and nobody reads. Then the timer is deferred. */
TEST_F(wait, put_off_after_an_expiration)
{
	struct evfd_timer_ref *t = &self->t;
	int64_t when = now_ns() + 5 * NS_PER_MS;

	ASSERT_EQ(0, tfd_arm(t->fd, TFD_TIMER_ABSTIME, when, 0));
	ASSERT_TRUE(variant->way.begin(&self->sleeper));
	EXPECT_TRUE(woken_at(&variant->way, &self->sleeper, when));
	for (int i = 0; i < 5; i++) {
		when = now_ns() + 5 * NS_PER_MS;
		ASSERT_EQ(0, evfd_timer_put_off(t, when));
		if (variant->way.again)
			ASSERT_TRUE(variant->way.again(&self->sleeper));
		EXPECT_TRUE(woken_at(&variant->way, &self->sleeper, when));
	}
	EXPECT_TRUE(one_tick(&variant->way, &self->sleeper));
}

/* The first expiration is before the wait begins. */
TEST_F(wait, read_in_memory_before_the_wait_notices)
{
	struct evfd_timer_ref *t = &self->t;
	int64_t when;

	ASSERT_EQ(0, tfd_arm(t->fd, 0, FAR_NS, 0));
	ASSERT_EQ(0, evfd_timer_put_off(t, 1));
	ASSERT_TRUE(variant->way.begin(&self->sleeper));
	if (variant->way.again)
		ASSERT_TRUE(woken_at(&variant->way, &self->sleeper, 1));
	EXPECT_TRUE(one_tick(&variant->way, &self->sleeper));
	when = now_ns() + 5 * NS_PER_MS;
	ASSERT_EQ(0, evfd_timer_put_off(t, when));
	/* Without a new wait, the event of before may be there already. */
	if (variant->way.each)
		variant->way.woken(&self->sleeper);
	if (variant->way.again)
		ASSERT_TRUE(variant->way.again(&self->sleeper));
	if (now_ns() < when)
		EXPECT_TRUE(woken_at(&variant->way, &self->sleeper, when));
	EXPECT_TRUE(wait_for(next_of(t) != when || memory_ticks(t) == 1));
}

TEST_F(wait, each_period_is_told)
{
	const int64_t interval = 3 * NS_PER_MS;
	struct evfd_timer_ref *t = &self->t;
	int64_t first, when, sum = 0, ticks;

	ASSERT_EQ(0, tfd_arm(t->fd, 0, interval, interval));
	first = next_of(t);
	when = first;
	ASSERT_TRUE(variant->way.begin(&self->sleeper));
	for (int i = 0; i < 20; i++) {
		ASSERT_TRUE(woken_at(&variant->way, &self->sleeper, when));
		ticks = variant->way.takes ? (int64_t)self->sleeper.call.value :
					     memory_ticks(t);
		ASSERT_LE(1, ticks);
		sum += ticks;
		when = first + sum * interval;
		EXPECT_EQ(when, next_of(t));
		if (variant->way.again)
			ASSERT_TRUE(variant->way.again(&self->sleeper));
	}
}

/* Waiters of different kinds at once */
TEST_F(wait, beside_others)
{
	const int64_t interval = 5 * NS_PER_MS;
	struct evfd_timer_ref *t = &self->t;
	int level = watch(t->fd, EPOLLIN), edge = watch(t->fd, EPOLLIN | EPOLLET);
	int64_t when;

	ASSERT_EQ(0, tfd_arm(t->fd, 0, FAR_NS, interval));
	ASSERT_TRUE(variant->way.begin(&self->sleeper));
	for (int i = 0; i < 5; i++) {
		when = now_ns() + 5 * NS_PER_MS;
		ASSERT_EQ(0, evfd_timer_put_off(t, when));
		if (i && variant->way.again)
			ASSERT_TRUE(variant->way.again(&self->sleeper));
		ASSERT_TRUE(woken_at(&variant->way, &self->sleeper, when));
		if (variant->way.takes)
			ASSERT_EQ(0, evfd_timer_put_off(t, now_ns()));
		ASSERT_TRUE(wait_for(events_now(level) == EPOLLIN));
		ASSERT_TRUE(wait_for(events_now(edge) == EPOLLIN));
	}
	close(level);
	close(edge);
}

FIXTURE(timer)
{
	struct arena arena;
	struct evfd_timer_ref t;
};

FIXTURE_SETUP(timer)
{
	ASSERT_TRUE(arena_open(&self->arena));
	ASSERT_TRUE(arena_timer(&self->arena, ARENA_TIMERS - 1, CLOCK_MONOTONIC, &self->t));
}

FIXTURE_TEARDOWN(timer)
{
	close(self->t.fd);
	arena_close(&self->arena);
}

/* Without waiters, no timer of the kernel's runs, and nobody has to kick. */
TEST_F(timer, no_interrupt_without_waiters)
{
	struct evfd_timer_ref *t = &self->t;
	int64_t when;
	int ep;

	for (int i = 0; i < 3; i++) {
		ASSERT_EQ(0, tfd_arm(t->fd, 0, FAR_NS, FAR_NS));
		when = next_of(t);
		EXPECT_EQ(INT64_MIN, look_of(t));
		EXPECT_FALSE(is_queued(when, when));
		/* These do not wait. */
		EXPECT_EQ(0, poll_now(t->fd));
		EXPECT_EQ(-EAGAIN, tfd_ticks(t->fd));
		EXPECT_LT(0, tfd_left(t->fd));
		ASSERT_EQ(0, tfd_arm(t->fd, 0, FAR_NS, FAR_NS));
		when = next_of(t);
		EXPECT_EQ(INT64_MIN, look_of(t));
		EXPECT_FALSE(is_queued(when, when));
		ep = watch(t->fd, EPOLLIN | EPOLLET);
		EXPECT_EQ(when, look_of(t));
		EXPECT_TRUE(is_queued(when, when));
		/* The first kick after the last waiter is the last kick. */
		close(ep);
		EXPECT_EQ(0, kick(t->fd, EPOLLIN));
		EXPECT_EQ(INT64_MIN, look_of(t));
		ASSERT_EQ(0, evfd_timer_put_off(t, when - 1));
		EXPECT_FALSE(is_queued(when - 1, when - 1));
	}
}

/* The kernel's timer finds no waiter when it expires. */
TEST_F(timer, an_interrupt_after_the_last_waiter)
{
	struct evfd_timer_ref *t = &self->t;
	int ep = watch(t->fd, EPOLLIN | EPOLLET);

	ASSERT_EQ(0, tfd_arm(t->fd, 0, 20 * NS_PER_MS, NS_PER_MS));
	EXPECT_NE(INT64_MIN, look_of(t));
	close(ep);
	/* On a slow host, it expired before, and a read kicks. */
	EXPECT_TRUE(wait_for(look_of(t) == INT64_MIN || memory_ticks(t) > 0));
	EXPECT_TRUE(wait_for(memory_ticks(t) > 0));
	EXPECT_EQ(INT64_MIN, look_of(t));
}

/* One thread defers, the other waits and reads, in rounds. */
struct race {
	_Atomic int64_t base;
	const struct evfd_timer_ref *t;
	bool (*wait)(struct race *race);
	bool by_call;
	int ep;
	_Atomic bool stop;
	_Atomic unsigned int early, failed, reads;
};

static bool race_poll(struct race *race)
{
	struct pollfd pfd = { .fd = race->t->fd, .events = POLLIN };

	return poll(&pfd, 1, 100) > 0;
}

static bool race_epoll(struct race *race)
{
	return events_within(race->ep, 100) == EPOLLIN;
}

static void *race_waiter(void *arg)
{
	struct race *race = arg;

	while (!race->stop) {
		int64_t ticks;

		if (!race->wait(race))
			continue;
		if (now_ns() < race->base)
			race->early++;
		ticks = race->by_call ? tfd_ticks(race->t->fd) : memory_ticks(race->t);
		if (ticks > 0)
			race->reads++;
		else if (ticks != -EAGAIN)
			race->failed++;
	}
	return NULL;
}

/* A blocked read checks the time only afterwards. */
static void *race_reader(void *arg)
{
	struct race *race = arg;

	while (!race->stop) {
		int64_t base = race->base;

		if (efd_take(race->t->fd) != 1)
			race->failed++;
		/* The word is 0 now, so the next round may have begun. */
		if (now_ns() < base)
			race->early++;
		race->reads++;
	}
	return NULL;
}

/* Puts the timer off to times from base on. The last time stays until it is read. */
static bool race_round(struct race *race, unsigned int *seed)
{
	int64_t base = now_ns() + rand_r(seed) % 300000;

	race->base = base;
	for (int i = rand_r(seed) % 20; i >= 0; i--) {
		int64_t more = i ? rand_r(seed) % 300000 : 0;

		if (evfd_timer_put_off(race->t, base + more))
			return false;
	}
	return wait_for(!next_of(race->t));
}

static void race_run(struct __test_metadata *_metadata, struct race *race,
		     void *(*body)(void *arg))
{
	int64_t end = now_ms() + 3000;
	unsigned int seed = 1, rounds = 0;
	pthread_t thread;
	bool good = true;

	ASSERT_EQ(0, tfd_arm(race->t->fd, 0, 0, 0));
	ASSERT_EQ(0, pthread_create(&thread, NULL, body, race));
	for (; good && rounds < 3000 && now_ms() < end; rounds++)
		good = race_round(race, &seed);
	EXPECT_TRUE(good) {
		TH_LOG("lost in round %u: next %lld, look %lld, now %lld", rounds,
		       (long long)next_of(race->t), (long long)look_of(race->t),
		       (long long)now_ns());
	}
	race->base = 0;
	race->stop = true;
	ASSERT_EQ(0, evfd_timer_put_off(race->t, 1));
	ASSERT_EQ(0, kick(race->t->fd, EPOLLIN));
	ASSERT_EQ(0, pthread_join(thread, NULL));
	EXPECT_EQ(0, race->early);
	EXPECT_EQ(0, race->failed);
	EXPECT_LE(rounds, race->reads + 1);
}

TEST_F(timer, put_off_while_poll_waits)
{
	struct race race = { .t = &self->t, .wait = race_poll };

	race_run(_metadata, &race, race_waiter);
}

TEST_F(timer, put_off_while_epoll_waits)
{
	struct race race = { .t = &self->t, .wait = race_epoll };

	race.ep = watch(self->t.fd, EPOLLIN);
	race_run(_metadata, &race, race_waiter);
}

TEST_F(timer, put_off_while_epoll_waits_for_edges)
{
	struct race race = { .t = &self->t, .wait = race_epoll, .by_call = true };

	race.ep = watch(self->t.fd, EPOLLIN | EPOLLET);
	race_run(_metadata, &race, race_waiter);
}

TEST_F(timer, put_off_while_epoll_waits_exclusively)
{
	struct race race = { .t = &self->t, .wait = race_epoll };

	race.ep = watch(self->t.fd, EPOLLIN | EPOLLEXCLUSIVE);
	race_run(_metadata, &race, race_waiter);
}

TEST_F(timer, put_off_while_a_read_waits)
{
	struct race race = { .t = &self->t };

	ASSERT_EQ(0, fcntl(self->t.fd, F_SETFL, 0));
	race_run(_metadata, &race, race_reader);
}

/* Readers of a fast periodic timer */
struct readers {
	_Atomic int64_t sum;
	const struct evfd_timer_ref *t;
	_Atomic unsigned int failed;
	_Atomic bool stop;
};

static void readers_add(struct readers *readers, int64_t ticks)
{
	if (ticks > 0)
		readers->sum += ticks;
	else if (ticks != -EAGAIN)
		readers->failed++;
}

static void *reads_in_memory(void *arg)
{
	struct readers *readers = arg;

	while (!readers->stop)
		readers_add(readers, memory_ticks(readers->t));
	return NULL;
}

static void *reads_by_call(void *arg)
{
	struct readers *readers = arg;

	while (!readers->stop)
		readers_add(readers, efd_take(readers->t->fd));
	return NULL;
}

/* A read that fails keeps the ticks. */
static void *reads_to_bad_memory(void *arg)
{
	struct readers *readers = arg;
	void *buf = bad_buffer(READ_ONLY, 8);

	while (!readers->stop) {
		if (read(readers->t->fd, buf, 8) >= 0 || (errno != EFAULT && errno != EAGAIN))
			readers->failed++;
	}
	return NULL;
}

static void *reads_after_epoll(void *arg)
{
	struct readers *readers = arg;
	int ep = watch(readers->t->fd, EPOLLIN | EPOLLET);

	while (!readers->stop) {
		if (events_within(ep, 100))
			readers_add(readers, memory_ticks(readers->t));
	}
	close(ep);
	return NULL;
}

TEST_F(timer, readers_get_each_tick_once)
{
	static void *(*const bodies[])(void *arg) = {
		reads_in_memory, reads_by_call, reads_after_epoll, reads_in_memory,
		reads_to_bad_memory,
	};
	const int64_t interval = 3000;
	struct readers readers = { .t = &self->t };
	pthread_t threads[ARRAY_SIZE(bodies)];
	int64_t first, due;

	ASSERT_EQ(0, tfd_arm(self->t.fd, 0, NS_PER_MS, interval));
	first = next_of(&self->t);
	for (size_t i = 0; i < ARRAY_SIZE(bodies); i++)
		ASSERT_EQ(0, pthread_create(&threads[i], NULL, bodies[i], &readers));
	for (int64_t end = now_ms() + 1500; now_ms() < end; )
		sleep_ms(10);
	readers.stop = true;
	for (size_t i = 0; i < ARRAY_SIZE(bodies); i++)
		ASSERT_EQ(0, pthread_join(threads[i], NULL));
	due = tfd_due(now_ns(), first, interval);
	readers_add(&readers, memory_ticks(&self->t));
	EXPECT_LE(due, readers.sum);
	EXPECT_GE(tfd_due(now_ns(), first, interval), readers.sum);
	EXPECT_EQ(first + readers.sum * interval, next_of(&self->t));
	EXPECT_EQ(0, readers.failed);
}

TEST_HARNESS_MAIN
