// SPDX-License-Identifier: GPL-2.0

//! The abstractions as a crate of their own: this compiles only if they need nothing else of evfd.

#![deny(clippy::undocumented_unsafe_blocks)]

#[path = "../../../src/abstractions/mod.rs"]
pub mod abstractions;
