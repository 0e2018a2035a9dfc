// SPDX-License-Identifier: GPL-2.0

//! Safe abstractions over the kernel's C API.
//!
//! This directory holds all unsafe code of the module. It knows nothing of event descriptors: it
//! adds to the kernel crate, in the kernel crate's manner, and compiles without the rest of evfd.
//!
//! | module | C API |
//! | --- | --- |
//! | [`extern_c`] | arguments and results of functions that C code calls |
//! | [`mod@file`] | files on anonymous inodes, misc devices, polling |
//! | [`ida`] | `struct ida` |
//! | [`mm`] | user memory, shared memory, containers |
//! | [`compat`] | items that the kernel crate of Linux 7.2 does not have |
//! | [`sync`] | wait queues, deferred work, lists |
//! | [`task`] | signals, processes, work queues |
//! | `testing` | for tests: closures in other contexts |
//! | [`time`] | clocks and timers |

pub mod compat;
pub mod extern_c;
pub mod file;
mod helpers;
pub mod ida;
pub mod mm;
pub mod sync;
pub mod task;
#[cfg(CONFIG_KUNIT = "y")]
pub mod testing;
pub mod time;
