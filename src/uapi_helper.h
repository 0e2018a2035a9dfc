/* SPDX-License-Identifier: GPL-2.0 */
/*
 * bindgen reads this to make src/generated/uapi.rs: the UAPI header, and constants
 * for its expressions that bindgen cannot evaluate. The build strips the prefix
 * RUST_CONST_HELPER_, like the kernel's own.
 */
#include <linux/fcntl.h>
#include <uapi/linux/evfd.h>
#include <uapi/linux/kevent.h>
#include <uapi/linux/signalfd.h>
#include <uapi/linux/timerfd.h>

const __u32 RUST_CONST_HELPER_EVFD_IOC_EVENTFD = EVFD_IOC_EVENTFD;
const __u32 RUST_CONST_HELPER_EVFD_IOC_ARENA = EVFD_IOC_ARENA;
const __u32 RUST_CONST_HELPER_EVFD_IOC_BIND = EVFD_IOC_BIND;
const __u32 RUST_CONST_HELPER_EVFD_IOC_KICK = EVFD_IOC_KICK;
const __u32 RUST_CONST_HELPER_EVFD_IOC_TIMERFD_CREATE = EVFD_IOC_TIMERFD_CREATE;
const __u32 RUST_CONST_HELPER_EVFD_IOC_TIMERFD = EVFD_IOC_TIMERFD;
const __u32 RUST_CONST_HELPER_EVFD_IOC_TIMERFD_SETTIME = EVFD_IOC_TIMERFD_SETTIME;
const __u32 RUST_CONST_HELPER_EVFD_IOC_TIMERFD_GETTIME = EVFD_IOC_TIMERFD_GETTIME;
const __u32 RUST_CONST_HELPER_TFD_IOC_SET_TICKS = TFD_IOC_SET_TICKS;
const __u32 RUST_CONST_HELPER_EVFD_IOC_SIGNALFD = EVFD_IOC_SIGNALFD;
const __u32 RUST_CONST_HELPER_EVFD_IOC_SIGNALFD_SETMASK = EVFD_IOC_SIGNALFD_SETMASK;
const __u32 RUST_CONST_HELPER_EVFD_IOC_EVENTFS_SIGNAL = EVFD_IOC_EVENTFS_SIGNAL;
const __u32 RUST_CONST_HELPER_KEVENT_IOC_SETUP = KEVENT_IOC_SETUP;
const __u32 RUST_CONST_HELPER_KEVENT_IOC_SUBMIT = KEVENT_IOC_SUBMIT;
const __u32 RUST_CONST_HELPER_KEVENT_IOC_INIT = KEVENT_IOC_INIT;
const __u32 RUST_CONST_HELPER_KEVENT_IOC_WAIT = KEVENT_IOC_WAIT;
const __u32 RUST_CONST_HELPER_KEVENT_IOC_COMMIT = KEVENT_IOC_COMMIT;
const __u32 RUST_CONST_HELPER_KEVENT_IOC_CTL = KEVENT_IOC_CTL;
const __u32 RUST_CONST_HELPER_KEVENT_IOC_GET_EVENTS = KEVENT_IOC_GET_EVENTS;

/* bindgen's type for an array without a size needs unsafe code. */
const __u32 RUST_CONST_HELPER_KEVENT_RING_KIDX = __builtin_offsetof(struct kevent_ring, ring_kidx);
const __u32 RUST_CONST_HELPER_KEVENT_RING_OVER = __builtin_offsetof(struct kevent_ring, ring_over);
const __u32 RUST_CONST_HELPER_KEVENT_RING_EVENT = __builtin_offsetof(struct kevent_ring, event);
