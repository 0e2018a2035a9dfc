// SPDX-License-Identifier: GPL-2.0

//! Tests of `src/eventfd/counter.rs` and `src/abstractions/sync/defer.rs`: the real source, which
//! loom runs in every order allowed by threads and memory.
//!
//! This file and `shim.rs` replace the parts of the kernel that these files use, on loom's atomics.
//! `model.rs` models the users of the counter: `src/eventfd/mod.rs` and the kernel's wait queues.
//!
//! Each of these features must make some tests fail with a certain message. Those are marked
//! `should_panic`.
//!
//! - `unordered`: a fully ordered operation does not order anything;
//! - `torn`: an exchange loads first and stores later;
//! - `selfish`: a reader that was woken alone does not pass its turn on, and a reader that fails
//!   keeps the count.

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

// A foreign pointer is safe here.
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

            /// The model's part of `src/abstractions/mm/user.rs`.
            pub(crate) trait ReadBuf {
                fn put<T: Copy + Into<u64>>(&mut self, value: &T) -> Result;
            }
        }
    }

    pub(crate) mod sync {
        pub(crate) use crate::irq_work;

        /// The functions of `src/abstractions/sync/atomic.rs`, on loom's atomics.
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
