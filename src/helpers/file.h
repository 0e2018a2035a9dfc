/* SPDX-License-Identifier: GPL-2.0 */
#ifndef EVFD_HELPERS_FILE_H
#define EVFD_HELPERS_FILE_H

#include <linux/file.h>

typedef int (*evfd_descriptor_fn)(const void *data, struct file *file, unsigned int fd);

void evfd_helper_fdput(struct fd fd);
bool evfd_helper_has_descriptor(evfd_descriptor_fn is, const void *data, int *hint);

#endif /* EVFD_HELPERS_FILE_H */
