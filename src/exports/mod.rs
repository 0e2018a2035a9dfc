// SPDX-License-Identifier: GPL-2.0

//! The functions that other modules call, by the device that they belong to.

mod evfd;
mod kevent;
