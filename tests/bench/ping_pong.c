// SPDX-License-Identifier: GPL-2.0
/* Two threads in turn: each sleeps until the other has written. */
#include "ping_pong.h"
#include "speed.h"

static void *partner_of(void *arg)
{
	struct ping_pong *game = arg;

	while (take(game->there[0]) == 8 && !game->ends)
		must(add(game->back[1], 1) == 8);
	return NULL;
}

void ping_pong_start(struct ping_pong *game, enum variant variant, const cpu_set_t *cpu)
{
	pthread_attr_t attributes;

	game->ends = false;
	open_counter(variant, 0, &game->there[0], &game->there[1]);
	open_counter(variant, 0, &game->back[0], &game->back[1]);
	pthread_attr_init(&attributes);
	pthread_attr_setaffinity_np(&attributes, sizeof(*cpu), cpu);
	must(!pthread_create(&game->partner, &attributes, partner_of, game));
	pthread_attr_destroy(&attributes);
}

static void close_both(const int *ends)
{
	close(ends[0]);
	if (ends[1] != ends[0])
		close(ends[1]);
}

void ping_pong_end(struct ping_pong *game)
{
	game->ends = true;
	must(add(game->there[1], 1) == 8);
	must(!pthread_join(game->partner, NULL));
	close_both(game->there);
	close_both(game->back);
}

static struct ping_pong game;

static void rig_game(struct rig *rig)
{
	cpu_set_t first;

	CPU_ZERO(&first);
	CPU_SET(0, &first);
	ping_pong_start(&game, rig->variant, &first);
}

static void end_game(struct rig *rig)
{
	(void)rig;
	ping_pong_end(&game);
}

static void there_and_back(struct rig *rig, int i)
{
	(void)rig;
	(void)i;
	ping_pong(&game);
}

static const struct operation operations[] = {
	{ "eventfd ping-pong, one processor", rig_game, end_game,
	  .run = { [NATIVE ... PIPE] = there_and_back } },
};

void measure_ping_pong(void)
{
	measure(operations, ARRAY_SIZE(operations));
}
