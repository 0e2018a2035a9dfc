// SPDX-License-Identifier: GPL-2.0
/*
 * Operations that need two processors. Prints "two", the operation, the variant and
 * the median of its nanoseconds, separated by tabs.
 *
 * Times on such a machine are not exact. The variants alternate between rounds,
 * and a disturbance affects all of them alike.
 */
#include "ping_pong.h"

#define ROUNDS	41
#define GAMES	200
#define WRITES	5000

static cpu_set_t processor(int number)
{
	cpu_set_t set;

	CPU_ZERO(&set);
	CPU_SET(number, &set);
	return set;
}

static double play(enum variant variant)
{
	struct ping_pong game;
	cpu_set_t second = processor(1);
	int64_t start;

	ping_pong_start(&game, variant, &second);
	ping_pong(&game);
	start = now_ns();
	for (int i = 0; i < GAMES; i++)
		ping_pong(&game);
	start = now_ns() - start;
	ping_pong_end(&game);
	return (double)start / GAMES;
}

/* Two threads that write the same descriptor. */
struct writers {
	int fd;
	volatile bool ready, go;
};

static void write_many(int fd)
{
	for (int i = 0; i < WRITES; i++)
		must(add(fd, 1) == 8);
}

static void *second_writer(void *arg)
{
	cpu_set_t second = processor(1);
	struct writers *writers = arg;

	must(!sched_setaffinity(0, sizeof(second), &second));
	writers->ready = true;
	while (!writers->go)
		;
	write_many(writers->fd);
	return NULL;
}

static double write_both(enum variant variant)
{
	struct writers writers = { .fd = new_eventfd(variant, 0) };
	pthread_t thread;
	int64_t start;

	must(writers.fd >= 0);
	must(!pthread_create(&thread, NULL, second_writer, &writers));
	while (!writers.ready)
		;
	start = now_ns();
	writers.go = true;
	write_many(writers.fd);
	must(!pthread_join(thread, NULL));
	start = now_ns() - start;
	close(writers.fd);
	return (double)start / (2 * WRITES);
}

static void tell_medians(const char *operation, double (*round)(enum variant variant),
			 enum variant last)
{
	static double values[VARIANTS][ROUNDS];

	for (int i = 0; i < ROUNDS; i++) {
		for (enum variant variant = NATIVE; variant <= last; variant++)
			values[variant][i] = round(variant);
	}
	for (enum variant variant = NATIVE; variant <= last; variant++)
		printf("two\t%s\t%s\t%.1f\n", operation, variant_names[variant],
		       median(values[variant], ROUNDS));
	fflush(stdout);
}

int main(void)
{
	cpu_set_t first = processor(0);

	open_devices();
	must(!sched_setaffinity(0, sizeof(first), &first));
	tell_medians("eventfd ping-pong, two processors", play, PIPE);
	tell_medians("eventfd write, 2 writers of 1 descriptor", write_both, EVFD);
	return 0;
}
