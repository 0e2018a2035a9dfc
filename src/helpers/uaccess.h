/* SPDX-License-Identifier: GPL-2.0 */
#ifndef EVFD_HELPERS_UACCESS_H
#define EVFD_HELPERS_UACCESS_H

#include <linux/types.h>
#include <linux/uio.h>

bool evfd_helper_get_user(void *to, const void *from, size_t size);
bool evfd_helper_get_user_64_bytes(void *to, const void *from);
bool evfd_helper_get_user_u64(__u64 *to, const void *from);
bool evfd_helper_put_user(void *to, const void *from, size_t size);
bool evfd_helper_put_user_16_bytes(void *to, __u64 first, __u64 second);
bool evfd_helper_put_user_128_bytes(void *to, const void *from);
bool evfd_helper_put_user_u64(void *to, __u64 value);
bool evfd_helper_put_user_u64_now(void *to, __u64 value);
bool evfd_helper_put_user_u32_now(void *to, __u32 value);
bool evfd_helper_fault_in_user(void *to, size_t size);

size_t evfd_helper_copy_to_iter(const void *from, size_t size, struct iov_iter *iter);
size_t evfd_helper_copy_u64_to_iter_now(__u64 value, struct iov_iter *iter);
size_t evfd_helper_copy_u32_to_iter_now(__u32 value, struct iov_iter *iter);
bool evfd_helper_fault_in_iter(struct iov_iter *iter, size_t size);

#endif /* EVFD_HELPERS_UACCESS_H */
