// SPDX-License-Identifier: GPL-2.0

//! `src/eventfd/counter.rs` and `src/abstractions/sync/defer.rs` themselves under loom, which runs
//! them in every order that threads and memory allow.
//!
//! This file and `shim.rs` have what of the kernel these use, on loom's atomics. What the counter is
//! used by, `src/eventfd/mod.rs` and the kernel's wait queues, is modelled: see `model.rs`.
//!
//! With each of these features some tests must fail, and say what they have found; they are marked
//! `should_panic` then.
//!
//! - `unordered`: what is to be fully ordered orders nothing;
//! - `torn`: an exchange looks first and stores then;
//! - `selfish`: a reader that was woken alone does not pass its turn on.

#![cfg(test)]

extern crate self as kernel;

mod model;
mod shim;
mod tests;
mod tests_defer;

pub(crate) use shim::{
    irq_work,
    prelude,
    sync,
    types, //
};

#[allow(dead_code)]
#[path = "../../../src/eventfd/counter.rs"]
mod counter;

#[allow(dead_code)]
#[path = "../../../src/abstractions/file/events.rs"]
mod events;

// A foreign pointer is a safe thing here.
#[allow(dead_code, unused_unsafe)]
#[path = "../../../src/abstractions/sync/defer.rs"]
mod defer;

mod abstractions {
    pub(crate) mod file {
        pub(crate) use crate::events;
    }

    pub(crate) mod helpers {
        pub(crate) const EPOLLIN: u32 = 0x1;
        pub(crate) const EPOLLOUT: u32 = 0x4;
        pub(crate) const EPOLLERR: u32 = 0x8;
        pub(crate) const EPOLLHUP: u32 = 0x10;
    }

    pub(crate) mod mm {
        pub(crate) mod user {
            use kernel::prelude::Result;

            /// Of `src/abstractions/mm/user.rs`, what the counter uses.
            pub(crate) trait ReadBuf {
                fn put<T: Copy + Into<u64>>(&mut self, value: &T) -> Result;
                fn unput<T>(&mut self);
            }
        }
    }

    pub(crate) mod sync {
        pub(crate) use crate::irq_work;

        /// `src/abstractions/sync/atomic.rs`: the same without a call.
        pub(crate) mod atomic {
            use kernel::sync::atomic::{
                Atomic,
                Full,
                Relaxed, //
            };

            pub(crate) fn read_once(atomic: &Atomic<u64>) -> u64 {
                atomic.load(Relaxed)
            }

            pub(crate) fn try_cmpxchg_full(atomic: &Atomic<u64>, old: u64, new: u64) -> bool {
                atomic.cmpxchg(old, new, Full).is_ok()
            }
        }
    }
}
