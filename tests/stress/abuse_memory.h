/* SPDX-License-Identifier: GPL-2.0 */
/* Memory that a user takes: it is charged to the user, and limited. */
#ifndef STRESS_ABUSE_MEMORY_H
#define STRESS_ABUSE_MEMORY_H

#include "abuse.h"

#include <glob.h>

/* The number of descriptors created to measure the cost per descriptor. */
static int sample;

/*
 * The bytes per descriptor that may be charged to no cgroup, because figures are not
 * exact. A kernel that checks itself keeps its own records and delays frees, which makes
 * the figure meaningless there.
 */
#define UNOWNED_MAX	64

/* Each processor charges this many bytes at once, and uses some of them later. */
#define CHARGE_BATCH	(64 * 4096)

/* The bytes that may stay charged to an empty cgroup. */
#define CGROUP_RESIDUE	(4 << 20)

static inline int take_eventfd(void)
{
	return efd_new(1, EFD_NONBLOCK);
}

/* Makes an eventfd, and adds it to epoll. */
static inline int take_watched(void)
{
	static int ep = -1;
	struct epoll_event event = { .events = EPOLLIN };
	int fd = take_eventfd();

	if (ep < 0)
		ep = epoll_create1(EPOLL_CLOEXEC);
	if (fd >= 0 && epoll_ctl(ep, EPOLL_CTL_ADD, fd, &event))
		return -1;
	return fd;
}

static inline int take_timer(void)
{
	return tfd_new(CLOCK_MONOTONIC, TFD_NONBLOCK);
}

static inline int take_armed(void)
{
	int fd = take_timer();

	return fd >= 0 && tfd_arm(fd, 0, FAR_NS, NS_PER_S) ? -1 : fd;
}

static inline int take_cancelled(void)
{
	int fd = tfd_new(CLOCK_REALTIME, TFD_NONBLOCK);
	int flags = TFD_TIMER_ABSTIME | TFD_TIMER_CANCEL_ON_SET;

	return fd >= 0 && tfd_arm(fd, flags, NEVER_NS, 0) ? -1 : fd;
}

static inline int take_signals(void)
{
	return sfd_new(sig_bit(SIGUSR1), SFD_NONBLOCK);
}

static const struct take {
	const char *name;
	int (*take)(void);
} takes[] = {
	{ "eventfd", take_eventfd },
	{ "eventfd with a watch", take_watched },
	{ "timerfd", take_timer },
	{ "timerfd, armed", take_armed },
	{ "timerfd, cancelled on set", take_cancelled },
	{ "signalfd", take_signals },
};

static inline void take_sample(const void *arg)
{
	const struct take *take = arg;

	while (shared->made < sample && take->take() >= 0)
		shared->made++;
	shared->error = shared->made < sample ? errno : 0;
}

/* The bytes by which a cgroup may exceed its limit, for allocations that can't fail. */
#define LIMIT_MORE	(1024 * 1024)

struct cost {
	int64_t charged, unowned;
	bool good;
};

/* Frees the objects that the slab caches keep for later, or for KASAN. */
static inline void shrink_slabs(void)
{
	static glob_t caches;

	if (!caches.gl_pathc)
		glob("/sys/kernel/slab/*/shrink", GLOB_NOSORT, NULL, &caches);
	for (size_t i = 0; i < caches.gl_pathc; i++)
		write_file(caches.gl_pathv[i], "1");
}

/* Waits until the user's memory is no longer charged. */
static inline bool is_given_back(void)
{
	for (int i = 0; i < 20 && charged() >= CGROUP_RESIDUE; i++) {
		sleep_ms(100);
		shrink_slabs();
	}
	return charged() < CGROUP_RESIDUE;
}

/* Returns the bytes per descriptor charged to the user, and those charged to no cgroup. */
static inline struct cost cost_of(const char *impl, const struct take *take)
{
	struct cost cost = { };
	int64_t slab_before;
	pid_t user;

	if (!cgroup_make("max"))
		return cost;
	shrink_slabs();
	slab_before = slab();
	user = user_start(impl, take_sample, take, true);
	cost.good = user_is_ready(user) && shared->made == sample;
	if (!cost.good)
		ksft_print_msg("%s: %d of %d %s, errno %d\n", impl, shared->made,
			       sample, take->name, shared->error);
	cost.charged = charged() / sample;
	cost.unowned = (slab() - slab_before) / sample - cost.charged;
	cost.good = !user_end(user) && cost.good;
	cost.good = is_given_back() && cost.good;
	cgroup_remove();
	return cost;
}

static inline void test_charges(void)
{
	for (size_t i = 0; i < ARRAY_SIZE(takes); i++) {
		struct cost native = cost_of("native", &takes[i]);
		struct cost evfd = cost_of("evfd", &takes[i]);

		ksft_test_result(native.good && evfd.good &&
				 (evfd.charged + CHARGE_BATCH / sample) * 10 >=
					 native.charged * 9 &&
				 (kernel_checks_itself() ||
				  evfd.unowned <= UNOWNED_MAX),
				 "%s: %lld bytes charged, %lld not; native %lld, %lld\n",
				 takes[i].name, (long long)evfd.charged,
				 (long long)evfd.unowned,
				 (long long)native.charged,
				 (long long)native.unowned);
	}
}

/* Queues as many signals as possible, then makes descriptors of all kinds until failure. */
static inline void take_all(const void *arg)
{
	unsigned int i = 0;

	(void)arg;
	sig_block(sig_bit(SIGUSR1) | sig_bit(SIGRTMIN));
	while (!sig_queue(getpid(), SIGRTMIN, 0))
		shared->count++;
	while (takes[i++ % ARRAY_SIZE(takes)].take() >= 0)
		shared->made++;
	shared->error = errno;
}

/* Meanwhile, other users still get all they ask for. */
static inline bool others_go_on(void)
{
	bool good = true;

	setenv("EVFD_IMPL", "evfd", 1);
	for (int i = 0; i < 1000 && good; i++) {
		int fds[] = { take_eventfd(), take_armed(), take_signals() };

		good = efd_take(fds[0]) == 1;
		for (size_t j = 0; j < ARRAY_SIZE(fds); j++)
			good = !close(fds[j]) && good;
	}
	return good;
}

/* The user gets ENOMEM, or is killed for the limit of its own cgroup. */
static inline bool ended_as_it_should(int status)
{
	if (WIFSIGNALED(status))
		return WTERMSIG(status) == SIGKILL &&
		       number_in(CGROUP "/memory.events", "oom_kill ") > 0;
	return !status && shared->error == ENOMEM;
}

static inline void test_limit(const char *limit)
{
	int64_t most = -1;
	int status = -1;
	bool good = cgroup_make(limit);
	pid_t user = user_start("evfd", take_all, NULL, true);

	good = others_go_on() && good;
	good = user_is_ready(user) && good;
	good = others_go_on() && good;
	most = number_in(CGROUP "/memory.peak", NULL);
	status = user_end(user);
	ksft_test_result(good && ended_as_it_should(status),
			 "memory: %d descriptors, %llu signals in %s bytes, errno %d, status %#x\n",
			 shared->made, (unsigned long long)shared->count, limit,
			 shared->error, status);
	good = most > 0 && most <= atoll(limit) + LIMIT_MORE && is_given_back();
	ksft_test_result(good, "memory: %lld bytes at most, %lld are left\n",
			 (long long)most, (long long)charged());
	cgroup_remove();
}

#endif /* STRESS_ABUSE_MEMORY_H */
