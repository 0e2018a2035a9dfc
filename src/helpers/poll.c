// SPDX-License-Identifier: GPL-2.0
/* Poll tables: see src/abstractions/file/poll.rs. */
#include "poll.h"

/* What poll() and select() have as their poll_table's function. */
poll_queue_proc evfd_helper_select_proc __ro_after_init;

/* Before anything is polled. */
void evfd_helper_find_select(void)
{
	struct poll_wqueues wait;

	poll_initwait(&wait);
	evfd_helper_select_proc = wait.pt._qproc;
	poll_freewait(&wait);
}
