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

/* Makes a queue with a kevent. */
static inline int take_queue(void)
{
	struct kevent_op op = raw_add(KEVENT_USER, 1, 1);
	int fd = raw_queue_new(1);

	return fd >= 0 && raw_do(fd, &op) ? -1 : fd;
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
	{ "queue with a kevent", take_queue },
};

/* Whether most of the memory is not in slab caches. */
static inline bool is_pages(const struct take *take)
{
	return take->take == take_queue;
}

/* Queues take some 40 KB each, and all must fit into the memory of a guest. */
#define QUEUES_MAX	10000

static inline int sample_of(const struct take *take)
{
	return is_pages(take) && sample > QUEUES_MAX ? QUEUES_MAX : sample;
}

static inline void take_sample(const void *arg)
{
	const struct take *take = arg;

	while (shared->made < sample_of(take) && take->take() >= 0)
		shared->made++;
	shared->error = shared->made < sample_of(take) ? errno : 0;
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

static inline int64_t memory_for(const struct take *take)
{
	return is_pages(take) ? used_memory() : slab();
}

/* The figure for pages is less exact, because each processor keeps free pages. */
static inline int64_t unowned_max(const struct take *take, int64_t charge)
{
	return is_pages(take) ? UNOWNED_MAX + charge / 8 : UNOWNED_MAX;
}

/* Returns the bytes per descriptor charged to the user, and those charged to no cgroup. */
static inline struct cost cost_of(const char *impl, const struct take *take)
{
	int n = sample_of(take);
	struct cost cost = { };
	int64_t before;
	pid_t user;

	if (!cgroup_make("max"))
		return cost;
	shrink_slabs();
	before = memory_for(take);
	user = user_start(impl, take_sample, take, true);
	cost.good = user_is_ready(user) && shared->made == n;
	if (!cost.good)
		ksft_print_msg("%s: %d of %d %s, errno %d\n", impl, shared->made,
			       n, take->name, shared->error);
	cost.charged = charged() / n;
	cost.unowned = (memory_for(take) - before) / n - cost.charged;
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
				 (evfd.charged + CHARGE_BATCH / sample_of(&takes[i])) * 10 >=
					 native.charged * 9 &&
				 (kernel_checks_itself() ||
				  evfd.unowned <= unowned_max(&takes[i], evfd.charged)),
				 "%s: %lld bytes charged, %lld not; native %lld, %lld\n",
				 takes[i].name, (long long)evfd.charged,
				 (long long)evfd.unowned,
				 (long long)native.charged,
				 (long long)native.unowned);
	}
}

/* Makes the largest queue, and touches each of its pages. */
static inline void take_large_queue(const void *arg)
{
	struct raw_queue q;
	int pipes[2];

	(void)arg;
	if (!raw_queue_make(&q, KEVENT_MAX_SLOTS) || pipe2(pipes, O_NONBLOCK)) {
		shared->error = errno;
		return;
	}
	for (size_t at = 0; at < q.size; at += 4096) {
		char byte;

		/* A store to a page without memory would end the process by SIGBUS. */
		if (write(pipes[1], q.map + at, 1) != 1) {
			shared->error = errno == EFAULT ? ENOMEM : errno;
			return;
		}
		shared->made++;
		read(pipes[0], &byte, 1);
	}
	shared->count = q.size;
}

/* The user is charged for each page of the queue, and for the kernel's records. */
static inline void test_large_queue(void)
{
	bool good = cgroup_make("max");
	int64_t before, unowned, charge;
	pid_t user;

	shrink_slabs();
	before = used_memory();
	user = user_start("evfd", take_large_queue, NULL, true);
	good = user_is_ready(user) && shared->count && good;
	charge = charged();
	unowned = used_memory() - before - charge;
	good = charge >= (int64_t)shared->count && good &&
	       (kernel_checks_itself() || unowned <= charge / 16);
	good = !user_end(user) && is_given_back() && good;
	cgroup_remove();
	ksft_test_result(good, "queue of %llu bytes: %lld bytes charged, %lld not, errno %d\n",
			 (unsigned long long)shared->count, (long long)charge,
			 (long long)unowned, shared->error);
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

static inline void test_limit(const char *limit, void (*does)(const void *arg))
{
	int64_t most = -1;
	int status = -1;
	bool good = cgroup_make(limit);
	pid_t user = user_start("evfd", does, NULL, true);

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
