// SPDX-License-Identifier: GPL-2.0
/*
 * The kernel memory of a descriptor, including its file, and of a kevent. Prints "memory",
 * the kind, the variant and bytes, separated by tabs. Comments above it list the objects by
 * cache.
 *
 * The bytes are those of the objects in use in each cache, not of the pages. Those of a
 * kevent include vmalloc() and the pages of its slot.
 */
#include "kinds.h"

#include <math.h>

#include <evfd/counter.h>
#include <evfd/kevent.h>

#define CACHES		512
#define FIRST		5000	/* use up freed objects that the allocator has kept */
#define COUNT		40000
#define KEVENTS		1000000
#define OPS		1000

struct cache {
	char name[48];
	long objects, size;
};

/* The caches in /proc/slabinfo, and the bytes of vmalloc(). */
struct scales {
	struct cache caches[CACHES];
	int n;
	double vmalloc;
};

static double bytes_of(const char *name)
{
	FILE *file = fopen("/proc/meminfo", "re");
	char line[256];
	long kib = -1;

	must(file);
	while (kib < 0 && fgets(line, sizeof(line), file)) {
		if (!strncmp(line, name, strlen(name)))
			must(sscanf(line + strlen(name), ": %ld", &kib) == 1);
	}
	must(kib >= 0);
	fclose(file);
	return kib * 1024.0;
}

static void weigh(struct scales *scales)
{
	FILE *file = fopen("/proc/slabinfo", "re");
	char line[256];

	must(file);
	scales->n = 0;
	while (fgets(line, sizeof(line), file)) {
		struct cache *cache = &scales->caches[scales->n];

		if (sscanf(line, "%47s %ld %*d %ld", cache->name, &cache->objects,
			   &cache->size) != 3)
			continue;
		scales->n++;
		must(scales->n < CACHES);
	}
	fclose(file);
	scales->vmalloc = bytes_of("VmallocUsed");
}

/*
 * Returns the bytes per descriptor in caches. The objects per descriptor are rounded to
 * 1 / @parts, because a cache keeps back a few objects, which count as used.
 */
static double difference(const struct scales *before, const struct scales *after, int count,
			 int parts)
{
	double bytes = 0;

	must(before->n == after->n);
	for (int i = 0; i < after->n; i++) {
		const struct cache *cache = &after->caches[i];
		double each = cache->objects - before->caches[i].objects;

		each = round(parts * each / count) / parts;
		bytes += each * cache->size;
		if (each)
			printf("# %.4g of %ld bytes (%s)\n", each, cache->size,
			       cache->name);
	}
	return bytes;
}

/* For watched descriptors. */
static int epoll, target;

static void tell_memory(const char *kind, int (*new)(enum variant variant),
			enum variant variant)
{
	static struct scales before, after;
	static int fds[FIRST + COUNT];
	double bytes;

	make(fds, FIRST, new, variant);
	weigh(&before);
	make(fds + FIRST, COUNT, new, variant);
	weigh(&after);
	bytes = difference(&before, &after, COUNT, 100);
	printf("memory\t%s\t%s\t%.1f\n", kind, variant_names[variant], bytes);
	fflush(stdout);
	close_each(fds, FIRST + COUNT);
	/* The kernel frees closed descriptors with a delay. */
	sleep(1);
}

/* The cell itself, in the arena, does not count. */
static int arena;

static int new_bound(enum variant variant)
{
	static struct evfd_bind arg;

	if (variant == NATIVE)
		return new_plain_eventfd(variant);
	arg.arena = arena;
	arg.cell++;
	return syscall(SYS_ioctl, evfd_device, EVFD_IOC_BIND, &arg);
}

static int new_watched_timer(enum variant variant)
{
	int fd = new_plain_timer(variant);

	epoll_add(epoll, fd, EPOLLIN);
	return fd;
}

/* The descriptor itself does not count: all are of one file. */
static int new_watch(enum variant variant)
{
	int fd = dup(target);

	(void)variant;
	epoll_add(epoll, fd, EPOLLIN);
	return fd;
}

static struct kevent_op timer_op(int i)
{
	struct kevent_op op = kevent_op_add(KEVENT_TIMER, CLOCK_MONOTONIC, i,
					    KEVENT_TIMER_FIRED, 0);

	op.arg[0] = NEVER_NS;
	return op;
}

static struct kevent_op watch_op(int i)
{
	return kevent_op_add(KEVENT_POLL, target, i, EPOLLIN, KEVENT_ET);
}

/* Queue and kevents. */
static void tell_kevent_memory(const char *kind, struct kevent_op (*new)(int i))
{
	static struct scales before, after;
	static struct kevent_op ops[OPS];
	struct kevent_queue queue;
	double bytes, pages;

	memset(ops, 1, sizeof(ops));
	weigh(&before);
	must(!kevent_open(&queue, KEVENTS, 0));
	for (int first = 0; first < KEVENTS; first += OPS) {
		for (int i = 0; i < OPS; i++)
			ops[i] = new(first + i);
		must(kevent_submit(&queue, ops, OPS) == OPS);
		for (int i = 0; i < OPS; i++)
			must(!ops[i].result);
	}
	weigh(&after);
	/* The kernel allocates some objects for each page of 128 slots. */
	bytes = difference(&before, &after, KEVENTS, 10000);
	pages = (after.vmalloc - before.vmalloc) / KEVENTS + sizeof(struct kevent_slot);
	printf("# %.2f bytes of vmalloc() and slots\n", pages);
	printf("memory\t%s\t%s\t%.1f\n", kind, variant_names[EVFD], bytes + pages);
	fflush(stdout);
	kevent_close(&queue);
	sleep(1);
}

static void tell_queues(void)
{
	epoll = epoll_create1(0);
	target = new_plain_eventfd(NATIVE);
	must(epoll >= 0 && target >= 0);
	tell_memory("timer in a queue", new_watched_timer, NATIVE);
	tell_memory("watched descriptor", new_watch, NATIVE);
	tell_kevent_memory("timer in a queue", timer_op);
	tell_kevent_memory("watched descriptor", watch_op);
}

int main(void)
{
	open_devices();
	allow_descriptors(FIRST + COUNT);
	allow_watches(FIRST + COUNT);
	arena = evfd_arena_open(evfd_device, EVFD_ARENA_MAX);
	must(arena >= 0);
	wait_for_boot();
	for (enum variant variant = NATIVE; variant <= EVFD; variant++) {
		tell_memory("eventfd", new_plain_eventfd, variant);
		tell_memory("eventfd of a cell", new_bound, variant);
		tell_memory("timerfd", new_plain_timer, variant);
		tell_memory("signalfd", new_plain_signalfd, variant);
	}
	tell_queues();
	return 0;
}
