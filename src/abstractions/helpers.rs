// SPDX-License-Identifier: GPL-2.0

//! Bindings of `src/helpers/helpers.h`, made by bindgen at build time.

#![allow(
    clippy::all,
    clippy::undocumented_unsafe_blocks,
    improper_ctypes,
    missing_docs,
    non_camel_case_types,
    non_snake_case,
    non_upper_case_globals,
    unreachable_pub
)]

use kernel::bindings::*;
use kernel::ffi;

include!(env!("EVFD_HELPERS_RS"));
