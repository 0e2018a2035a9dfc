// SPDX-License-Identifier: GPL-2.0
/* A caller of the API proposed in 2007. */
#define EVFD_2007_API
#include <linux/evfd.h>

#include <linux/err.h>
#include <linux/file.h>

#include "post_module.h"

int post_2007(int fd, unsigned int n, int *result)
{
	struct file *file = eventfd_fget(fd);

	if (IS_ERR(file))
		return PTR_ERR(file);
	*result = eventfd_signal(file, n);
	fput(file);
	return 0;
}
