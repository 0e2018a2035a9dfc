// SPDX-License-Identifier: GPL-2.0

//! User memory.
//!
//! | module | C API |
//! | --- | --- |
//! | [`user`] | user memory, and the destinations of reads: user memory or an `iov_iter` |

pub mod user;
