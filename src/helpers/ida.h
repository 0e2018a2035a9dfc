/* SPDX-License-Identifier: GPL-2.0 */
#ifndef EVFD_HELPERS_IDA_H
#define EVFD_HELPERS_IDA_H

#include <linux/idr.h>

extern struct ida evfd_helper_ida;

#endif /* EVFD_HELPERS_IDA_H */
