// SPDX-License-Identifier: GPL-2.0

//! Waiting, waking, and putting off.
//!
//! | module | C API |
//! | --- | --- |
//! | [`atomic`] | atomic loads without a call |
//! | [`defer`] | work put off from contexts that may not do it |
//! | [`irq_work`] | interrupts that one asks for, `struct irq_work` |
//! | [`roster`] | lists of objects that leave when they go away, `struct list_head` |
//! | [`wait`] | `struct wait_queue_head`, woken with an event mask |

pub mod atomic;
pub mod defer;
pub mod irq_work;
pub mod roster;
pub mod wait;
