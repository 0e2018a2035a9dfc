// SPDX-License-Identifier: GPL-2.0
/* Files of descriptors: see src/abstractions/file/anon_file.rs. */
#include <linux/fdtable.h>
#include <linux/sched.h>

#include "file.h"

void evfd_helper_fdput(struct fd fd)
{
	fdput(fd);
}

/*
 * Looks for the first descriptor of the task for which @is returns its number + 1 instead
 * of 0, from @hint on and then from the first on.
 */
bool evfd_helper_has_descriptor(evfd_descriptor_fn is, const void *data, int *hint)
{
	int found = iterate_fd(current->files, *hint, is, data);

	if (!found)
		found = iterate_fd(current->files, 0, is, data);
	if (found)
		*hint = found - 1;
	return found;
}
