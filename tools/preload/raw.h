/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Raw system calls: without errno and cancellation, and usable before the C library is.
 * They return the result of the kernel, which is -errno for an error.
 */
#ifndef EVFD_PRELOAD_RAW_H
#define EVFD_PRELOAD_RAW_H

#include <asm/unistd.h>

#ifdef __x86_64__

static inline long raw(long number, long a, long b, long c, long d, long e)
{
	register long r10 asm("r10") = d;
	register long r8 asm("r8") = e;
	long ret;

	asm volatile("syscall"
		     : "=a"(ret)
		     : "0"(number), "D"(a), "S"(b), "d"(c), "r"(r10), "r"(r8)
		     : "rcx", "r11", "memory");
	return ret;
}

#elif defined(__i386__)

static inline long raw(long number, long a, long b, long c, long d, long e)
{
	long ret;

	asm volatile("int $0x80"
		     : "=a"(ret)
		     : "0"(number), "b"(a), "c"(b), "d"(c), "S"(d), "D"(e)
		     : "memory");
	return ret;
}

#else
#error "evfd-preload is for x86-64 and for 32-bit programs there"
#endif

#endif /* EVFD_PRELOAD_RAW_H */
