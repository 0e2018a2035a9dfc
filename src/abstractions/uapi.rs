// SPDX-License-Identifier: GPL-2.0

//! The types and numbers of `include/uapi/linux/evfd.h`, made by bindgen at build time.

#![allow(
    clippy::all,
    clippy::undocumented_unsafe_blocks,
    missing_docs,
    non_camel_case_types,
    non_snake_case,
    non_upper_case_globals,
    unreachable_pub
)]

use kernel::ffi;
use kernel::transmute::{
    AsBytes,
    FromBytes, //
};

include!(env!("EVFD_UAPI_RS"));

// SAFETY: The structure holds integers only, so any bytes are a valid value of it.
unsafe impl FromBytes for evfd_eventfd {}
// SAFETY: As above.
unsafe impl FromBytes for evfd_timerfd {}
// SAFETY: As above.
unsafe impl FromBytes for evfd_timerfd_create {}
// SAFETY: As above.
unsafe impl FromBytes for evfd_timerfd_settime {}
// SAFETY: As above.
unsafe impl FromBytes for evfd_signalfd {}
// SAFETY: As above.
unsafe impl FromBytes for evfd_eventfs_signal {}
// SAFETY: As above.
unsafe impl FromBytes for evfd_itimerspec {}

// SAFETY: The structure holds integers only, and no padding but as fields of its own.
unsafe impl AsBytes for signalfd_siginfo {}
// SAFETY: The structure holds integers only, and no padding: each is of 64 bits.
unsafe impl AsBytes for evfd_itimerspec {}
