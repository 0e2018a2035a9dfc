/* SPDX-License-Identifier: GPL-2.0 */
#ifndef EVFD_HELPERS_LIST_H
#define EVFD_HELPERS_LIST_H

#include <linux/list.h>
#include <linux/mutex.h>

extern struct mutex evfd_helper_roster_lock;
void evfd_helper_list_del_init(struct list_head *entry);

#endif /* EVFD_HELPERS_LIST_H */
