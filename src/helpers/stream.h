/* SPDX-License-Identifier: GPL-2.0 */
#ifndef EVFD_HELPERS_STREAM_H
#define EVFD_HELPERS_STREAM_H

#include <linux/types.h>

struct file;

bool evfd_helper_is_socket(struct file *file);
bool evfd_helper_is_pipe(struct file *file);
bool evfd_helper_listens(struct file *file);

#endif /* EVFD_HELPERS_STREAM_H */
