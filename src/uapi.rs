// SPDX-License-Identifier: GPL-2.0

//! The types and numbers of `include/uapi/linux/evfd.h`, made by bindgen at build time.
//!
//! `Kbuild` names the types that the module copies to and from user memory. For these, bindgen
//! derives the traits for types without padding of which any bytes are a valid value.

#![allow(
    clippy::all,
    clippy::undocumented_unsafe_blocks,
    dead_code,
    missing_docs,
    non_camel_case_types,
    non_snake_case,
    non_upper_case_globals,
    unreachable_pub
)]

use kernel::{
    ffi,
    prelude::*, //
};
use zerocopy_derive::Immutable;

include!(env!("EVFD_UAPI_RS"));
