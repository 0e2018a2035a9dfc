/* SPDX-License-Identifier: GPL-2.0 */
#ifndef EVFD_HELPERS_POLL_H
#define EVFD_HELPERS_POLL_H

#include <linux/poll.h>

extern poll_queue_proc evfd_helper_select_proc;
void evfd_helper_find_select(void);

#endif /* EVFD_HELPERS_POLL_H */
