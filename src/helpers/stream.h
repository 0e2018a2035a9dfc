/* SPDX-License-Identifier: GPL-2.0 */
#ifndef EVFD_HELPERS_STREAM_H
#define EVFD_HELPERS_STREAM_H

#include <linux/types.h>

struct file;
struct sock;

/* Exported for unix_diag, which declares it in a private header. */
long unix_inq_len(struct sock *sk);

bool evfd_helper_is_socket(struct file *file);
bool evfd_helper_is_pipe(struct file *file);
bool evfd_helper_listens(struct file *file);
bool evfd_helper_counts_bytes(struct file *file);
__u64 evfd_helper_readable_bytes(struct file *file);

#endif /* EVFD_HELPERS_STREAM_H */
