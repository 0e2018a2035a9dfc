/* SPDX-License-Identifier: GPL-2.0 */
/* The groups of operations, each in the file of the same name. */
#ifndef EVFD_BENCH_SPEED_H
#define EVFD_BENCH_SPEED_H

void measure_eventfd(void);
void measure_cell(void);
void measure_epoll(void);
void measure_ping_pong(void);
void measure_timerfd(void);
void measure_record(void);
void measure_signalfd(void);
void measure_posts(void);

#endif /* EVFD_BENCH_SPEED_H */
