/* SPDX-License-Identifier: GPL-2.0 */
#ifndef EVFD_HELPERS_CLOSES_H
#define EVFD_HELPERS_CLOSES_H

#include <linux/poll.h>
#include <linux/types.h>

typedef void (*evfd_closed_fn)(struct file *file);

int evfd_helper_start_closes(evfd_closed_fn closed);
void evfd_helper_stop_closes(void);
bool evfd_helper_has_closes(struct file *file);
int evfd_helper_watch_closes(struct file *file);
void evfd_helper_unwatch_closes(struct super_block *sb);
struct super_block *evfd_helper_file_sb(struct file *file);
bool evfd_helper_get_file(struct file *file);
bool evfd_helper_is_unix_socket(struct file *file);
bool evfd_helper_can_be_weak(struct file *file);
void evfd_helper_lock_file(struct file *file);
void evfd_helper_unlock_file(struct file *file);
void evfd_helper_count_poller(struct file *file, int n);
void evfd_helper_visit_pollers(struct file *file, const wait_queue_func_t *funcs,
			       void (*visit)(struct wait_queue_entry *entry));

#endif /* EVFD_HELPERS_CLOSES_H */
