/* SPDX-License-Identifier: GPL-2.0 */
/* Timers in an arena. */
#ifndef EVFD_BENCH_RECORD_H
#define EVFD_BENCH_RECORD_H

/* Makes a timer descriptor whose timer is the arena's only one. */
int new_record(int flags);

#endif /* EVFD_BENCH_RECORD_H */
