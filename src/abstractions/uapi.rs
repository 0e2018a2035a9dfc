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
use kernel::transmute::FromBytes;

include!(env!("EVFD_UAPI_RS"));

// SAFETY: The structure holds integers only, so any bytes are a valid value of it.
unsafe impl FromBytes for evfd_eventfd {}
