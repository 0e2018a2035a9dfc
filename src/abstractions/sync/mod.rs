// SPDX-License-Identifier: GPL-2.0

//! Waiting, waking and deferring.
//!
//! | module | C API |
//! | --- | --- |
//! | [`atomic`] | atomic loads without a call |
//! | [`defer`] | deferred work |
//! | [`irq_work`] | self-interrupts, one `struct irq_work` per CPU |
//! | [`part`] | references to parts of reference-counted values |
//! | [`preempt`] | preemption |
//! | [`publisher`] | subscribers that a publisher visits in any context, `struct hlist_head` |
//! | [`roster`] | lists that objects leave when they are dropped, `struct list_head` |
//! | [`wait`] | `struct wait_queue_head`, woken with an event mask |

pub mod atomic;
pub mod defer;
pub mod irq_work;
pub mod part;
pub mod preempt;
pub mod publisher;
pub mod roster;
pub mod wait;
