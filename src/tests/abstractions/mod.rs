// SPDX-License-Identifier: GPL-2.0

//! The abstractions.

mod defer;
mod publisher;
mod room;
