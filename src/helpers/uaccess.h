/* SPDX-License-Identifier: GPL-2.0 */
#ifndef EVFD_HELPERS_UACCESS_H
#define EVFD_HELPERS_UACCESS_H

#include <linux/types.h>

bool evfd_helper_get_user(void *to, const void *from, size_t size);
bool evfd_helper_get_user_u64(__u64 *to, const void *from);
bool evfd_helper_put_user(void *to, const void *from, size_t size);
bool evfd_helper_put_user_u64(void *to, __u64 value);
bool evfd_helper_put_user_u64_now(void *to, __u64 value);

#endif /* EVFD_HELPERS_UACCESS_H */
