// SPDX-License-Identifier: GPL-2.0

//! The files of `src/kevent/` under test.

#[allow(dead_code)]
#[path = "../../../src/kevent/delivered.rs"]
pub(crate) mod delivered;

#[allow(dead_code)]
#[path = "../../../src/kevent/layout.rs"]
pub(crate) mod layout;

#[path = "../../../src/kevent/orphans.rs"]
pub(crate) mod orphans;

#[path = "../../../src/kevent/ring.rs"]
pub(crate) mod ring;

#[allow(clippy::precedence, dead_code)]
#[path = "../../../src/kevent/slot.rs"]
pub(crate) mod slot;
