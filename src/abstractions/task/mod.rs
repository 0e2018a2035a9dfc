// SPDX-License-Identifier: GPL-2.0

//! The signals of the current task, and the end of processes.
//!
//! | module | C API |
//! | --- | --- |
//! | [`process`] | `struct pid` of a pidfd |
//! | [`sent`] | the tracepoint `signal_generate` |
//! | [`siginfo`] | `kernel_siginfo_t` |
//! | [`signal`] | pending signals, `sigset_t` |

pub mod process;
pub mod sent;
pub mod siginfo;
pub mod signal;
