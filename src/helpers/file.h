/* SPDX-License-Identifier: GPL-2.0 */
#ifndef EVFD_HELPERS_FILE_H
#define EVFD_HELPERS_FILE_H

#include <linux/file.h>

void evfd_helper_fdput(struct fd fd);

#endif /* EVFD_HELPERS_FILE_H */
