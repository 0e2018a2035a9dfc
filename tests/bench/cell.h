/* SPDX-License-Identifier: GPL-2.0 */
/* The cell of the operations in memory, and its descriptor. */
#ifndef EVFD_BENCH_CELL_H
#define EVFD_BENCH_CELL_H

/* Makes the descriptor of a cell whose counter is 0. Closing the descriptor frees the cell. */
int new_cell(int flags);

#endif /* EVFD_BENCH_CELL_H */
