// SPDX-License-Identifier: GPL-2.0
/*
 * Growth of the cost per descriptor with the number of descriptors. Prints "growth",
 * the kind, the phase, the variant, the number of descriptors and nanoseconds per
 * descriptor, separated by tabs.
 *
 * The process gets its full descriptor table in advance, because growing it is
 * a cost of neither variant.
 */
#include "kinds.h"

#define MOST		100000
#define EVENTS		64

/* More objects than the allocator keeps back of those freed. */
#define BALLAST		3000

/* HZ is 250: an interrupt that begins this long after a tick ends well before the next. */
#define TICK_NS		4000000
#define IN_A_TICK_NS	1000000

/* Descriptors of the same kind. */
struct crowd {
	enum variant variant;
	int epoll, n;
	int64_t expires;
	int fds[MOST];
};

/**
 * struct kind - the operations on a crowd
 * @name: the name in the table
 * @new: creates a descriptor
 * @arm: lets all descriptors wait for an event
 * @fire: causes the event of each descriptor, collects it, and returns the nanoseconds
 */
struct kind {
	const char *name;
	int (*new)(enum variant variant);
	void (*arm)(struct crowd *crowd);
	int64_t (*fire)(struct crowd *crowd);
};

/* For event and signal descriptors: adds each to epoll. */
static void watch_all(struct crowd *crowd)
{
	for (int i = 0; i < crowd->n; i++)
		epoll_add(crowd->epoll, crowd->fds[i], EPOLLIN);
}

/* Each descriptor is written, reported by epoll, and read. */
static int64_t write_all(struct crowd *crowd)
{
	struct epoll_event events[EVENTS];
	int64_t start = now_ns();
	int seen = 0;

	for (int i = 0; i < crowd->n; i++)
		must(add(crowd->fds[i], 1) == 8);
	while (seen < crowd->n) {
		int n = epoll_take(crowd->epoll, events, EVENTS, -1);

		must(n > 0);
		for (int i = 0; i < n; i++)
			must(take(events[i].data.fd) == 8);
		seen += n;
	}
	return now_ns() - start;
}

/* Sets all timers to the same expiry, late enough to arm them all in time. */
static void set_all(struct crowd *crowd)
{
	int64_t ticks = (now_ns() + crowd->n * INT64_C(4000)) / TICK_NS + 3;

	crowd->expires = ticks * TICK_NS + IN_A_TICK_NS;
	for (int i = 0; i < crowd->n; i++)
		must(!set_timer(crowd->variant, crowd->fds[i], TFD_TIMER_ABSTIME,
				crowd->expires, 0));
}

/* The time after the expiry is spent in the interrupt and in the reads. */
static int64_t expire_all(struct crowd *crowd)
{
	must(now_ns() < crowd->expires);
	while (now_ns() < crowd->expires)
		;
	for (int i = 0; i < crowd->n; i++)
		must(take(crowd->fds[i]) == 8);
	return now_ns() - crowd->expires;
}

/*
 * A signal makes all descriptors ready, and is read through the first. Then epoll
 * checks each descriptor, and finds it no longer ready.
 */
static int64_t signal_all(struct crowd *crowd)
{
	struct signalfd_siginfo record;
	struct epoll_event event;
	int64_t start = now_ns();

	must(!syscall(SYS_kill, getpid(), SIGUSR1));
	must(syscall(SYS_read, crowd->fds[0], &record, sizeof(record)) == sizeof(record));
	must(epoll_take(crowd->epoll, &event, 1, 0) == 0);
	return now_ns() - start;
}

static const struct kind kinds[] = {
	{ "eventfd", new_plain_eventfd, watch_all, write_all },
	{ "timerfd", new_plain_timer, set_all, expire_all },
	{ "signalfd", new_plain_signalfd, watch_all, signal_all },
};

enum phase {
	CREATE,
	ARM,
	FIRE,
	CLOSE,
	PHASES,
};

static const char *const phase_names[PHASES] = { "create", "arm", "fire", "close" };

/*
 * Keeps deferred frees and other deferred work out of the next phase. Some of that
 * work waits for 5 seconds.
 */
static void calm_down(void)
{
	sleep(7);
}

/*
 * The allocator keeps back the first objects that are freed, and serves the first
 * allocations from them. These are a large part of 1,000 objects, but hardly any of
 * 100,000. Ballast uses up the kept objects before a crowd is created, and fills the
 * store again before the crowd is closed. It consists of descriptors of the same kind,
 * and of native eventfds that epoll watches.
 */
struct ballast {
	int epoll;
	int plain[BALLAST], watched[BALLAST];
};

static void take_on(struct ballast *ballast, const struct kind *kind,
		    enum variant variant)
{
	ballast->epoll = epoll_create1(0);
	make(ballast->plain, BALLAST, kind->new, variant);
	make(ballast->watched, BALLAST, new_plain_eventfd, NATIVE);
	for (int i = 0; i < BALLAST; i++)
		epoll_add(ballast->epoll, ballast->watched[i], EPOLLIN);
}

static void drop(struct ballast *ballast)
{
	close_each(ballast->plain, BALLAST);
	close_each(ballast->watched, BALLAST);
	close(ballast->epoll);
}

static void live(const struct kind *kind, struct crowd *crowd, double *ns)
{
	static struct ballast ballast;
	int64_t start;

	crowd->epoll = epoll_create1(0);
	must(crowd->epoll >= 0);
	take_on(&ballast, kind, crowd->variant);
	calm_down();
	start = now_ns();
	make(crowd->fds, crowd->n, kind->new, crowd->variant);
	ns[CREATE] = now_ns() - start;
	calm_down();
	start = now_ns();
	kind->arm(crowd);
	ns[ARM] = now_ns() - start;
	ns[FIRE] = kind->fire(crowd);
	drop(&ballast);
	calm_down();
	start = now_ns();
	close_each(crowd->fds, crowd->n);
	ns[CLOSE] = now_ns() - start;
	close(crowd->epoll);
	calm_down();
}

/* Repetitions with few descriptors, where a single interrupt weighs more in a figure. */
#define TIMES	5

static int times_for(int n)
{
	if (n < 10000)
		return TIMES;
	return n < MOST ? 3 : 1;
}

static void tell_growth(const struct kind *kind, enum variant variant, int n)
{
	static struct crowd crowd;
	double values[PHASES][TIMES], ns[PHASES];
	int times = times_for(n);

	crowd.variant = variant;
	crowd.n = n;
	for (int i = 0; i < times; i++) {
		live(kind, &crowd, ns);
		for (int phase = 0; phase < PHASES; phase++)
			values[phase][i] = ns[phase] / n;
	}
	for (int phase = 0; phase < PHASES; phase++)
		printf("growth\t%s\t%s\t%s\t%d\t%.1f\n", kind->name, phase_names[phase],
		       variant_names[variant], n, median(values[phase], times));
	fflush(stdout);
}

int main(void)
{
	static const int numbers[] = { 1000, 3000, 10000, 30000, MOST };

	open_devices();
	allow_descriptors(MOST + 2 * BALLAST);
	allow_watches(2 * MOST);
	block_signal(SIGUSR1);
	wait_for_boot();
	for (size_t i = 0; i < ARRAY_SIZE(kinds); i++) {
		for (size_t k = 0; k < ARRAY_SIZE(numbers); k++) {
			tell_growth(&kinds[i], NATIVE, numbers[k]);
			tell_growth(&kinds[i], EVFD, numbers[k]);
		}
	}
	return 0;
}
