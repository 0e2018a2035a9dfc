// SPDX-License-Identifier: GPL-2.0

//! The signals of the current task, the end of processes, and kernel threads that work for users.
//!
//! | module | C API |
//! | --- | --- |
//! | [`process`] | `struct pid` of a pidfd |
//! | [`sent`] | the tracepoint `signal_generate` |
//! | [`siginfo`] | `kernel_siginfo_t` |
//! | [`signal`] | pending signals, `sigset_t` |
//! | [`work`] | `struct workqueue_struct` |

pub mod process;
pub mod sent;
pub mod siginfo;
pub mod signal;
pub mod work;
