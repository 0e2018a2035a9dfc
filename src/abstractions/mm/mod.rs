// SPDX-License-Identifier: GPL-2.0

//! Memory.
//!
//! | module | contents, or C API |
//! | --- | --- |
//! | [`room`] | room for a value of any of several types |
//! | [`shared`] | memory shared with user space |
//! | [`stable`] | vectors whose elements do not move |
//! | [`user`] | user memory, and the destinations of reads: user memory or an `iov_iter` |

pub mod room;
pub mod shared;
pub mod space;
pub mod stable;
pub mod user;
