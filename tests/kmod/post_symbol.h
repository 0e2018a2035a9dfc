/* SPDX-License-Identifier: GPL-2.0 */
/* The declaration of 2007, for callers without the kernel's own eventfd.h. */
#ifndef POST_SYMBOL_H
#define POST_SYMBOL_H

struct file;

int eventfd_signal(struct file *file, unsigned int n);

#endif /* POST_SYMBOL_H */
