/* SPDX-License-Identifier: GPL-2.0 */
#ifndef EVFD_HELPERS_PROCESS_H
#define EVFD_HELPERS_PROCESS_H

#include <linux/types.h>

struct file;

bool evfd_helper_is_pidfd(struct file *file);
bool evfd_helper_process_is_visible(struct file *file);
__s64 evfd_helper_exit_status(struct file *file);

#endif /* EVFD_HELPERS_PROCESS_H */
