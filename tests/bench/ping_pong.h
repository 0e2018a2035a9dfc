/* SPDX-License-Identifier: GPL-2.0 */
/* Two threads in turn: each sleeps until the other has written. */
#ifndef EVFD_BENCH_PING_PONG_H
#define EVFD_BENCH_PING_PONG_H

#include "counter.h"

#include <pthread.h>
#include <sched.h>

/* The descriptors to read and to write, for the way there and the way back. */
struct ping_pong {
	int there[2], back[2];
	pthread_t partner;
	volatile bool ends;
};

/* Starts the partner thread, on the processor of @cpu. */
void ping_pong_start(struct ping_pong *game, enum variant variant, const cpu_set_t *cpu);
void ping_pong_end(struct ping_pong *game);

static inline void ping_pong(struct ping_pong *game)
{
	must(add(game->there[1], 1) == 8);
	must(take(game->back[0]) == 8);
}

#endif /* EVFD_BENCH_PING_PONG_H */
