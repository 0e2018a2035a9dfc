// SPDX-License-Identifier: GPL-2.0

//! The current task: its signals.
//!
//! | module | C API |
//! | --- | --- |
//! | [`siginfo`] | `kernel_siginfo_t` |
//! | [`signal`] | pending signals, `sigset_t` |

pub mod siginfo;
pub mod signal;
