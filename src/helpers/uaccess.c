// SPDX-License-Identifier: GPL-2.0
/* User memory: see src/abstractions/mm/user.rs. */
#include <linux/cleanup.h>
#include <linux/fault-inject-usercopy.h>
#include <linux/futex.h>
#include <linux/mm.h>
#include <linux/uaccess.h>
#include <linux/uio.h>
#include <linux/unaligned.h>

#include <asm/futex.h>

#include "uaccess.h"

/*
 * Copies a structure word by word. The size is constant, so the checks of the size
 * in copy_from_user() would take more instructions than the copy. The size must be
 * a multiple of 4, and *@to must be aligned for words.
 */
static __always_inline bool get_words(void *to, const void *from, size_t size)
{
	const void __user *user = (__force const void __user *)from;
	size_t at;

	might_fault();
	if (should_fail_usercopy() || !user_read_access_begin(user, size))
		return false;
	for (at = 0; at + sizeof(u64) <= size; at += sizeof(u64))
		unsafe_get_user(*(u64 *)(to + at),
				(const u64 __user *)(user + at), fault);
	if (at != size)
		unsafe_get_user(*(u32 *)(to + at),
				(const u32 __user *)(user + at), fault);
	user_read_access_end();
	return true;
fault:
	user_read_access_end();
	return false;
}

bool evfd_helper_get_user(void *to, const void *from, size_t size)
{
	return get_words(to, from, size);
}

/* get_words() for a size for which the compiler would make a loop. */
bool evfd_helper_get_user_64_bytes(void *to, const void *from)
{
	const void __user *user = (__force const void __user *)from;
	const u64 __user *word = user;
	u64 *value = to;

	might_fault();
	if (should_fail_usercopy() || !user_read_access_begin(user, 64))
		return false;
	unsafe_get_user(value[0], word, fault);
	unsafe_get_user(value[1], word + 1, fault);
	unsafe_get_user(value[2], word + 2, fault);
	unsafe_get_user(value[3], word + 3, fault);
	unsafe_get_user(value[4], word + 4, fault);
	unsafe_get_user(value[5], word + 5, fault);
	unsafe_get_user(value[6], word + 6, fault);
	unsafe_get_user(value[7], word + 7, fault);
	user_read_access_end();
	return true;
fault:
	user_read_access_end();
	return false;
}

bool evfd_helper_get_user_u64(__u64 *to, const void *from)
{
	return get_words(to, from, sizeof(*to));
}

/* Like get_words(). On failure, a part may have been copied. */
static __always_inline bool put_words(void *to, const void *from, size_t size)
{
	void __user *user = (__force void __user *)to;
	size_t at;

	if (should_fail_usercopy() || !user_write_access_begin(user, size))
		return false;
	for (at = 0; at + sizeof(u64) <= size; at += sizeof(u64))
		unsafe_put_user(get_unaligned((const u64 *)(from + at)),
				(u64 __user *)(user + at), fault);
	if (at != size)
		unsafe_put_user(get_unaligned((const u32 *)(from + at)),
				(u32 __user *)(user + at), fault);
	user_write_access_end();
	return true;
fault:
	user_write_access_end();
	return false;
}

bool evfd_helper_put_user(void *to, const void *from, size_t size)
{
	might_fault();
	return put_words(to, from, size);
}

/* put_words() for a size for which the compiler would make a loop. */
bool evfd_helper_put_user_16_bytes(void *to, __u64 first, __u64 second)
{
	u64 __user *word = (__force u64 __user *)to;

	might_fault();
	if (should_fail_usercopy() || !user_write_access_begin(word, 16))
		return false;
	unsafe_put_user(first, word, fault);
	unsafe_put_user(second, word + 1, fault);
	user_write_access_end();
	return true;
fault:
	user_write_access_end();
	return false;
}

/* The same for a larger size. */
bool evfd_helper_put_user_128_bytes(void *to, const void *from)
{
	u64 __user *word = (__force u64 __user *)to;
	const u64 *value = from;

	might_fault();
	if (should_fail_usercopy() || !user_write_access_begin(word, 128))
		return false;
	unsafe_put_user(value[0], word, fault);
	unsafe_put_user(value[1], word + 1, fault);
	unsafe_put_user(value[2], word + 2, fault);
	unsafe_put_user(value[3], word + 3, fault);
	unsafe_put_user(value[4], word + 4, fault);
	unsafe_put_user(value[5], word + 5, fault);
	unsafe_put_user(value[6], word + 6, fault);
	unsafe_put_user(value[7], word + 7, fault);
	unsafe_put_user(value[8], word + 8, fault);
	unsafe_put_user(value[9], word + 9, fault);
	unsafe_put_user(value[10], word + 10, fault);
	unsafe_put_user(value[11], word + 11, fault);
	unsafe_put_user(value[12], word + 12, fault);
	unsafe_put_user(value[13], word + 13, fault);
	unsafe_put_user(value[14], word + 14, fault);
	unsafe_put_user(value[15], word + 15, fault);
	user_write_access_end();
	return true;
fault:
	user_write_access_end();
	return false;
}

bool evfd_helper_put_user_u64(void *to, __u64 value)
{
	might_fault();
	return put_words(to, &value, sizeof(value));
}

/* Never sleeps: fails if the copy would fault. */
bool evfd_helper_put_user_u64_now(void *to, __u64 value)
{
	guard(pagefault)();
	return put_words(to, &value, sizeof(value));
}

/* Like evfd_helper_put_user_u64_now(). */
bool evfd_helper_put_user_u32_now(void *to, __u32 value)
{
	guard(pagefault)();
	return put_words(to, &value, sizeof(value));
}

/*
 * Faults the word that contains *@to in for writing: adds 0 to it. The addition is
 * atomic, so the program's own writes are not lost.
 */
static __always_inline bool fault_in_word(void *to)
{
	u32 __user *word = (__force u32 __user *)PTR_ALIGN_DOWN(to, sizeof(u32));
	int old;

	return arch_futex_atomic_op_inuser(FUTEX_OP_ADD, 0, &old, word) != -EFAULT;
}

/* Faults *@to in for writing, and leaves it unchanged. @size is at most a page. */
bool evfd_helper_fault_in_user(void *to, size_t size)
{
	void *last = to + size - 1;

	might_fault();
	if (should_fail_usercopy() || !access_ok((__force void __user *)to, size))
		return false;
	if (!fault_in_word(to))
		return false;
	return offset_in_page(last) >= size - 1 || fault_in_word(last);
}

/*
 * Copies to @iter, and returns the number of bytes until the copy faults. A single
 * buffer of user space, which most are, is written word by word. Like in the kernel
 * crate, the object at *@from is not checked: its size is that of a type.
 */
static __always_inline size_t copy_to_iter_by_words(const void *from, size_t size,
						    struct iov_iter *iter)
{
	if (!iter_is_ubuf(iter) || iov_iter_count(iter) < size)
		return _copy_to_iter(from, size, iter);
	if (!put_words((__force void *)iter->ubuf + iter->iov_offset, from, size))
		return 0;
	iov_iter_advance(iter, size);
	return size;
}

size_t evfd_helper_copy_to_iter(const void *from, size_t size, struct iov_iter *iter)
{
	might_fault();
	return copy_to_iter_by_words(from, size, iter);
}

/* Never sleeps. */
size_t evfd_helper_copy_u64_to_iter_now(__u64 value, struct iov_iter *iter)
{
	guard(pagefault)();
	return copy_to_iter_by_words(&value, sizeof(value), iter);
}

/* Never sleeps. */
size_t evfd_helper_copy_u32_to_iter_now(__u32 value, struct iov_iter *iter)
{
	guard(pagefault)();
	return copy_to_iter_by_words(&value, sizeof(value), iter);
}

/* Like evfd_helper_fault_in_user(), for the next @size bytes of @iter. */
bool evfd_helper_fault_in_iter(struct iov_iter *iter, size_t size)
{
	if (iter_is_ubuf(iter))
		return evfd_helper_fault_in_user((__force void *)iter->ubuf + iter->iov_offset,
						 size);
	return !should_fail_usercopy() && !fault_in_iov_iter_writeable(iter, size);
}
