// SPDX-License-Identifier: GPL-2.0

//! User memory.
//!
//! | module | C API |
//! | --- | --- |
//! | [`user`] | user memory; where a read puts its data: there or in an `iov_iter` |

pub mod user;
