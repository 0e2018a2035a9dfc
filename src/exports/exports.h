/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The names of the 2007 proposal. evfd_signal() is always exported as
 * eventfd_signal() too. evfd_fget() is exported as eventfd_fget() where vmlinux
 * does not export that name. Callers get both names from <linux/evfd.h> with
 * EVFD_2007_API, where they do not clash with <linux/eventfd.h>. These prototypes
 * are for exports.c.
 */
#ifndef EVFD_EXPORTS_H
#define EVFD_EXPORTS_H

struct file;

int eventfd_signal(struct file *file, unsigned int n);
struct file *eventfd_fget(int fd);

#endif /* EVFD_EXPORTS_H */
