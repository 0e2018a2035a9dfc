// SPDX-License-Identifier: GPL-2.0
/* Lists: see src/abstractions/sync/roster.rs. */
#include "list.h"

/* Guards every roster. */
DEFINE_MUTEX(evfd_helper_roster_lock);

void evfd_helper_list_del_init(struct list_head *entry)
{
	list_del_init(entry);
}
