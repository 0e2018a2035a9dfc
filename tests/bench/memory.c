// SPDX-License-Identifier: GPL-2.0
/*
 * The kernel memory of a descriptor, including its file. Prints "memory", the kind, the
 * variant and bytes, separated by tabs. Comments above it list the objects by cache.
 *
 * The bytes are those of the objects in use in each cache, not of the pages.
 */
#include "kinds.h"

#include <math.h>

#define CACHES		512
#define FIRST		5000	/* use up freed objects that the allocator has kept */
#define COUNT		40000

struct cache {
	char name[48];
	long objects, size;
};

/* The caches in /proc/slabinfo. */
struct scales {
	struct cache caches[CACHES];
	int n;
};

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
}

/*
 * Returns the bytes per descriptor. A cache keeps back a few objects, which count as
 * used: far less than a hundredth of an object per descriptor.
 */
static double difference(const struct scales *before, const struct scales *after)
{
	double bytes = 0;

	must(before->n == after->n);
	for (int i = 0; i < after->n; i++) {
		const struct cache *cache = &after->caches[i];
		double each = cache->objects - before->caches[i].objects;

		each = round(100 * each / COUNT) / 100;
		bytes += each * cache->size;
		if (each)
			printf("# %.2f of %ld bytes (%s)\n", each, cache->size,
			       cache->name);
	}
	return bytes;
}

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
	bytes = difference(&before, &after);
	printf("memory\t%s\t%s\t%.1f\n", kind, variant_names[variant], bytes);
	fflush(stdout);
	close_each(fds, FIRST + COUNT);
	/* The kernel frees closed descriptors with a delay. */
	sleep(1);
}

int main(void)
{
	open_devices();
	allow_descriptors(FIRST + COUNT);
	wait_for_boot();
	for (enum variant variant = NATIVE; variant <= EVFD; variant++) {
		tell_memory("eventfd", new_plain_eventfd, variant);
		tell_memory("timerfd", new_plain_timer, variant);
		tell_memory("signalfd", new_plain_signalfd, variant);
	}
	return 0;
}
