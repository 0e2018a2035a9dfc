// SPDX-License-Identifier: GPL-2.0
/*
 * The kernel memory of a timer descriptor, compared with that of a native descriptor on the
 * same kernel at the same time.
 */
#include "many.h"

/* The memory of slab objects in bytes, which counts whole pages. */
static int64_t slab_memory(void)
{
	long long kb = -1;
	char line[128];
	FILE *file = fopen("/proc/meminfo", "re");

	if (!file)
		return -1;
	while (fgets(line, sizeof(line), file)) {
		if (sscanf(line, "Slab: %lld kB", &kb) == 1)
			break;
	}
	fclose(file);
	return kb * 1024;
}

/* The memory after the per-CPU counters are added up. */
static int64_t settled(void)
{
	FILE *file = fopen("/proc/sys/vm/stat_refresh", "we");

	if (file) {
		fputs("1", file);
		fclose(file);
	}
	return slab_memory();
}

/* Closed descriptors are freed later. Waits until the memory stays the same. */
static int64_t settle(void)
{
	int64_t last = settled(), now, end = now_ms() + DEADLINE_MS;

	for (int calm = 0; calm < 5 && now_ms() < end; calm++) {
		sleep_ms(100);
		now = settled();
		if (now != last)
			calm = -1;
		last = now;
	}
	return last;
}

static int64_t memory_of(int device, int id, int n, int *fds)
{
	int64_t before, after;

	before = settle();
	for (int i = 0; i < n; i++) {
		fds[i] = many_new(device, id);
		if (fds[i] < 0)
			return -1;
	}
	after = settle();
	return before < 0 ? -1 : (after - before) / n;
}

FIXTURE(memory)
{
	int n, device;
};

FIXTURE_VARIANT(memory)
{
	int id;
};

FIXTURE_VARIANT_ADD(memory, realtime)
{
	.id = CLOCK_REALTIME,
};

FIXTURE_VARIANT_ADD(memory, boottime_alarm)
{
	.id = CLOCK_BOOTTIME_ALARM,
};

FIXTURE_SETUP(memory)
{
	self->n = 40000;
	ASSERT_TRUE(many_allow(3 * self->n));
	self->device = many_open(true);
	ASSERT_GE(self->device, 0);
}

FIXTURE_TEARDOWN(memory)
{
	close(self->device);
}

/* Arming takes no memory, nor does the list of timers with CANCEL_ON_SET. */
static bool arm_all(int device, const int *fds, int n)
{
	struct itimerspec native = { .it_value = { INT32_MAX, 0 } };
	struct evfd_timerfd_settime arg = {
		.flags = TFD_CANCEL, .new_value.it_value = { INT32_MAX, 0 },
	};

	for (int i = 0; i < n; i++) {
		if (device < 0 ? timerfd_settime(fds[i], TFD_CANCEL, &native, NULL) :
				 ioctl(fds[i], EVFD_IOC_TIMERFD_SETTIME, &arg))
			return false;
	}
	return true;
}

TEST_F_TIMEOUT(memory, no_more_than_native, 180)
{
	int64_t native, evfd, before, armed;
	int *fds = calloc(2 * self->n, sizeof(*fds));

	/* It keeps freed memory for a while, too. */
	if (kernel_checks_itself())
		SKIP(return, "this kernel keeps debug records beside its allocations");
	ASSERT_NE(NULL, fds);
	/* Memory that the first descriptors allocate for all does not count. */
	memory_of(-1, variant->id, 1000, fds);
	memory_of(self->device, variant->id, 1000, fds);
	/* All descriptors stay open, because freed memory would be used again. */
	native = memory_of(-1, variant->id, self->n, fds);
	evfd = memory_of(self->device, variant->id, self->n, fds + self->n);
	ASSERT_LT(0, native);
	ASSERT_LT(0, evfd);
	/* A hundredth allows for pages that are only partly filled. */
	EXPECT_LE(evfd, native + native / 100) {
		TH_LOG("native %lld, evfd %lld", (long long)native,
		       (long long)evfd);
	}

	before = settle();
	ASSERT_TRUE(arm_all(-1, fds, self->n));
	ASSERT_TRUE(arm_all(self->device, fds + self->n, self->n));
	armed = (settle() - before) / (2 * self->n);
	EXPECT_GE(8, armed);
}

TEST_HARNESS_MAIN
