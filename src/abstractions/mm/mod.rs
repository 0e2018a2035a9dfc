// SPDX-License-Identifier: GPL-2.0

//! User memory.
//!
//! | module | C API |
//! | --- | --- |
//! | [`shared`] | memory shared with user space |
//! | [`user`] | user memory, and the destinations of reads: user memory or an `iov_iter` |

pub mod shared;
pub mod user;
