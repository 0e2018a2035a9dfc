/* SPDX-License-Identifier: GPL-2.0 WITH Linux-syscall-note */
/* The interface of evfd_bench.ko to the benchmark programs. */
#ifndef BENCH_POSTS_H
#define BENCH_POSTS_H

#include <linux/ioctl.h>
#include <linux/types.h>

#define BENCH_POSTS_DEVICE_NAME	"evfd_bench"
#define BENCH_POSTS_MAGIC	0xEE

enum bench_posts_way {
	BENCH_POSTS_NONE,	/* the empty loop */
	BENCH_POSTS_NATIVE,	/* eventfd_signal() of a native descriptor */
	BENCH_POSTS_FILE,	/* evfd_signal() */
	BENCH_POSTS_CTX,	/* evfd_ctx_signal() */
};

/**
 * struct bench_posts - posts to time
 * @fd: the descriptor, of the kind that @way needs
 * @way: enum bench_posts_way
 * @times: number of posts, of 1 each
 * @apart: if not 0, time each post by itself, and leave the processor to the
 *	woken task after it
 * @ns: time of all posts
 */
struct bench_posts {
	__s32 fd;
	__u32 way;
	__u32 times;
	__u32 apart;
	__u64 ns;
};

#define BENCH_POSTS	_IOWR(BENCH_POSTS_MAGIC, 0, struct bench_posts)

#endif /* BENCH_POSTS_H */
