/* SPDX-License-Identifier: GPL-2.0 */
#ifndef EVFD_HELPERS_NET_H
#define EVFD_HELPERS_NET_H

#include <linux/types.h>

struct evfd_io;
struct evfd_submitter;
struct file;

int evfd_check_net(struct file *file, const struct evfd_io *io);
ssize_t evfd_do_net(struct file *file, const struct evfd_io *io,
		    const struct evfd_submitter *submitter);
ssize_t evfd_send_file(struct file *file, const struct evfd_io *io);
bool evfd_is_all_net(struct file *file, const struct evfd_io *io, size_t done);
bool evfd_never_waits_net(struct file *file, const struct evfd_io *io);

#endif /* EVFD_HELPERS_NET_H */
