// SPDX-License-Identifier: GPL-2.0

//! Safe abstractions over the kernel's C API.
//!
//! Every line of unsafe code of the module is in this directory, and nothing in it knows of event
//! descriptors: it holds what the kernel crate does not have (yet), in the kernel crate's manner.
//!
//! | module | C API |
//! | --- | --- |
//! | [`anon_file`] | files on anonymous inodes, `struct file_operations` |
//! | [`defer`] | work put off from contexts that may not do it, `struct irq_work` |
//! | [`events`] | poll events, `__poll_t` |
//! | [`export`] | arguments and results of functions that C code calls |
//! | [`ida`] | `struct ida` |
//! | [`miscdev`] | misc devices that answer ioctls |
//! | [`poll`] | `poll_table` |
//! | `testing` | for tests: calling closures in other contexts |
//! | [`uapi`] | the types and numbers of the UAPI header |
//! | [`user`] | where a read puts its data: user memory or an `iov_iter` |
//! | [`wait`] | `struct wait_queue_head`, woken with an event mask |

pub mod anon_file;
pub mod defer;
pub mod events;
pub mod export;
mod helpers;
pub mod ida;
pub mod miscdev;
pub mod poll;
#[cfg(CONFIG_KUNIT = "y")]
pub mod testing;
pub mod uapi;
pub mod user;
pub mod wait;
