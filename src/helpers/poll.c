// SPDX-License-Identifier: GPL-2.0
/* Poll tables: see src/abstractions/file/poll.rs. */
#include "poll.h"

/* The function in the poll_table of poll() and select(). */
poll_queue_proc evfd_helper_select_proc __ro_after_init;

/* Runs before any file can be polled. */
void evfd_helper_find_select(void)
{
	struct poll_wqueues wait;

	poll_initwait(&wait);
	evfd_helper_select_proc = wait.pt._qproc;
	poll_freewait(&wait);
}
