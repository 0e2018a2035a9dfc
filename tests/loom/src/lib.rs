// SPDX-License-Identifier: GPL-2.0

//! Tests of `src/eventfd/{count,counter,cell}.rs`, `src/timerfd/record.rs`,
//! `src/abstractions/sync/defer.rs` and the lock-free files of `src/kevent/`: the real source, which
//! loom runs in every order allowed by threads and memory.
//!
//! `shim.rs` and `abstractions.rs` replace the parts of the kernel that these files use, on loom's
//! atomics. `model.rs` models the users of a count: `src/eventfd/descriptor.rs` and the kernel's wait
//! queues. `model_cell.rs` adds pollers, kicks and the program that shares a cell. `model_record.rs`
//! models the users of a record, `src/timerfd/{front,timer}.rs`, and the program that shares it.
//! `model_kevent.rs` models `src/kevent/queue/` and the program that consumes its events.
//!
//! Each of these features must make some tests fail with a certain message. Those are marked
//! `should_panic`.
//!
//! - `unordered`: a fully ordered operation does not order anything, and a grace period does not
//!   wait;
//! - `torn`: an exchange loads first and stores later;
//! - `selfish`: a reader that was woken alone does not pass its turn on, and a reader that fails
//!   keeps the count;
//! - `relaxed`: the program's operations on a queue of kevents, on a cell or on a timer do not order
//!   anything;
//! - `swapped`: an event comes after QUEUED, and the program reads the user word after its exchange;
//! - `hasty`: a kick wakes before it clears, and clears EACH after it has released the lock; a poll
//!   of a timer that is due looks again;
//! - `choosy`: a kick wakes only if the descriptor is ready;
//! - `greedy`: a kick clears all flags of both words; an expiration ends the kicks although a poller
//!   needs each.

#![cfg(test)]

extern crate self as kernel;

mod abstractions;
mod kevent;
mod model;
mod model_cell;
mod model_kevent;
mod model_record;
mod shim;
mod tests;
mod tests_cell;
mod tests_defer;
mod tests_kevent;
mod tests_record;

pub(crate) use shim::{
    alloc,
    irq_work,
    page,
    prelude,
    shared_words,
    sync,
    types,
    uapi, //
};

#[allow(dead_code)]
#[path = "../../../src/eventfd/count.rs"]
mod count;

#[allow(dead_code)]
#[path = "../../../src/eventfd/counter.rs"]
mod counter;

#[allow(dead_code)]
#[path = "../../../src/eventfd/cell.rs"]
mod cell;

#[allow(dead_code)]
#[path = "../../../src/timerfd/record.rs"]
mod record;

// A foreign pointer is safe here.
#[allow(dead_code, unused_unsafe)]
#[path = "../../../src/abstractions/sync/defer.rs"]
mod defer;
