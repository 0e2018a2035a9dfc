/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Inline functions that are wrapped in the C files here, and constants whose
 * macros bindgen does not evaluate: Rust can't reach either by the kernel crate's
 * bindings. bindgen reads this header to make src/generated/helpers.rs.
 */
#ifndef EVFD_HELPERS_H
#define EVFD_HELPERS_H

#include <linux/anon_inodes.h>
#include <uapi/linux/eventpoll.h>
#include <linux/fs.h>
#include <linux/fsnotify_backend.h>

#include "atomic.h"
#include "closes.h"
#include "file.h"
#include "ida.h"
#include "inode.h"
#include "io.h"
#include "irq_work.h"
#include "list.h"
#include "memory.h"
#include "poll.h"
#include "process.h"
#include "producer.h"
#include "sent.h"
#include "signal.h"
#include "stream.h"
#include "subscribers.h"
#include "time.h"
#include "uaccess.h"
#include "wait.h"
#include "wake.h"
#include "work.h"

#if IS_BUILTIN(CONFIG_KUNIT)
#include "../tests/contexts.h"
#endif

#ifdef __BINDGEN__
const __u32 RUST_CONST_HELPER_EPOLLIN = (__force __u32)EPOLLIN;
const __u32 RUST_CONST_HELPER_EPOLLOUT = (__force __u32)EPOLLOUT;
const __u32 RUST_CONST_HELPER_EPOLLERR = (__force __u32)EPOLLERR;
const __u32 RUST_CONST_HELPER_EPOLLHUP = (__force __u32)EPOLLHUP;
const __u32 RUST_CONST_HELPER_EPOLLRDNORM = (__force __u32)EPOLLRDNORM;
const __u32 RUST_CONST_HELPER_EPOLLWRNORM = (__force __u32)EPOLLWRNORM;
const __u32 RUST_CONST_HELPER_EPOLLRDHUP = (__force __u32)EPOLLRDHUP;
const __u32 RUST_CONST_HELPER_EPOLLET = (__force __u32)EPOLLET;
const __u32 RUST_CONST_HELPER_EPOLLONESHOT = (__force __u32)EPOLLONESHOT;
const __u32 RUST_CONST_HELPER_EPOLLEXCLUSIVE = (__force __u32)EPOLLEXCLUSIVE;
const __u32 RUST_CONST_HELPER_EPOLLNVAL = (__force __u32)EPOLLNVAL;
const __u32 RUST_CONST_HELPER_POLLFREE = (__force __u32)POLLFREE;
const __u32 RUST_CONST_HELPER_FS_CREATE = FS_CREATE;
const __u32 RUST_CONST_HELPER_FS_DELETE = FS_DELETE;
const __u32 RUST_CONST_HELPER_FS_MODIFY = FS_MODIFY;
const __u32 RUST_CONST_HELPER_FS_ATTRIB = FS_ATTRIB;
const __u32 RUST_CONST_HELPER_FS_MOVED_FROM = FS_MOVED_FROM;
const __u32 RUST_CONST_HELPER_FS_MOVED_TO = FS_MOVED_TO;
const __u32 RUST_CONST_HELPER_FS_MOVE_SELF = FS_MOVE_SELF;
const __u32 RUST_CONST_HELPER_FS_DELETE_SELF = FS_DELETE_SELF;
const __u32 RUST_CONST_HELPER_FS_UNMOUNT = FS_UNMOUNT;
const __u32 RUST_CONST_HELPER_FMODE_NOWAIT = (__force __u32)FMODE_NOWAIT;
const __u32 RUST_CONST_HELPER_FMODE_STREAM = (__force __u32)FMODE_STREAM;
const __s32 RUST_CONST_HELPER_IOCB_NOWAIT = (__force __s32)IOCB_NOWAIT;
#endif

#endif /* EVFD_HELPERS_H */
