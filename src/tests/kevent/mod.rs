// SPDX-License-Identifier: GPL-2.0

//! Queues of kevents.

mod aio;
mod inode;
mod naio;
mod queue;
mod records;
mod table;
