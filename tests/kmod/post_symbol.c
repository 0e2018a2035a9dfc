// SPDX-License-Identifier: GPL-2.0
/* The exported symbol eventfd_signal, called by that name. */
#include <linux/err.h>
#include <linux/file.h>

#include "post_module.h"
#include "post_symbol.h"

int post_symbol(int fd, unsigned int n, int *result)
{
	struct file *file = evfd_fget(fd);

	if (IS_ERR(file))
		return PTR_ERR(file);
	*result = eventfd_signal(file, n);
	fput(file);
	return 0;
}
