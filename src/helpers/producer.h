/* SPDX-License-Identifier: GPL-2.0 */
#ifndef EVFD_HELPERS_PRODUCER_H
#define EVFD_HELPERS_PRODUCER_H

#include <linux/kevent.h>

__u64 evfd_helper_producer_of(struct file *file);
int evfd_helper_enqueue(struct file *file, __u64 id, void *kevent, __u32 events,
			const __u64 arg[3]);
void evfd_helper_dequeue(struct file *file, __u64 id, void *kevent);
bool evfd_helper_producer_polls(struct file *file, __u64 id);
__u32 evfd_helper_producer_poll(struct file *file, __u64 id, void *kevent);

#endif /* EVFD_HELPERS_PRODUCER_H */
