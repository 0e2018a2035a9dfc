// SPDX-License-Identifier: GPL-2.0
/* Files of descriptors: see src/abstractions/file/anon_file.rs. */
#include "file.h"

void evfd_helper_fdput(struct fd fd)
{
	fdput(fd);
}
