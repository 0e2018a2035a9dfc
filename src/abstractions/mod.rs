// SPDX-License-Identifier: GPL-2.0

//! Safe abstractions over the kernel's C API.
//!
//! Every line of unsafe code of the module is in this directory, and nothing in it knows of event
//! descriptors: it holds what the kernel crate does not have (yet), in the kernel crate's manner.
//!
//! | module | C API |
//! | --- | --- |
//! | [`anon_file`] | files on anonymous inodes, `struct file_operations` |
//! | [`atomic`] | atomic loads without a call |
//! | [`clock`] | clocks, time namespaces |
//! | [`clock_steps`] | counting how often clocks are set |
//! | [`defer`] | work put off from contexts that may not do it |
//! | [`events`] | poll events, `__poll_t` |
//! | [`export`] | arguments and results of functions that C code calls |
//! | [`ida`] | `struct ida` |
//! | [`irq_work`] | interrupts that one asks for, `struct irq_work` |
//! | [`miscdev`] | misc devices that answer ioctls |
//! | [`poll`] | `poll_table` |
//! | [`roster`] | lists of objects that leave when they go away, `struct list_head` |
//! | [`siginfo`] | `kernel_siginfo_t` |
//! | [`signal`] | pending signals, `sigset_t` |
//! | [`since_7_3`] | what the kernel crate of Linux 7.2 does not have |
//! | `testing` | for tests: calling closures in other contexts |
//! | [`timed`] | a wait queue with a timer |
//! | [`timer`] | `struct hrtimer`, `struct alarm` |
//! | [`uapi`] | the types and numbers of the UAPI header |
//! | [`user`] | user memory; where a read puts its data: there or in an `iov_iter` |
//! | [`wait`] | `struct wait_queue_head`, woken with an event mask |

pub mod anon_file;
pub mod atomic;
pub mod clock;
pub mod clock_steps;
pub mod defer;
pub mod events;
pub mod export;
mod helpers;
pub mod ida;
pub mod irq_work;
pub mod miscdev;
pub mod poll;
pub mod roster;
pub mod siginfo;
pub mod signal;
pub mod since_7_3;
#[cfg(CONFIG_KUNIT = "y")]
pub mod testing;
pub mod timed;
pub mod timer;
pub mod uapi;
pub mod user;
pub mod wait;
