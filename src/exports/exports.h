/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The names of the 2007 proposal, under which evfd_signal() is always, and
 * evfd_fget() where vmlinux does not export the name itself, exported as well.
 * Callers get them from <linux/evfd.h> with EVFD_2007_API, without a clash with
 * <linux/eventfd.h>; these prototypes are for exports.c.
 */
#ifndef EVFD_EXPORTS_H
#define EVFD_EXPORTS_H

struct file;

int eventfd_signal(struct file *file, unsigned int n);
struct file *eventfd_fget(int fd);

#endif /* EVFD_EXPORTS_H */
