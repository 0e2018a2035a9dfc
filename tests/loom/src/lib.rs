// SPDX-License-Identifier: GPL-2.0

//! `src/counter.rs` itself under loom, which runs it in every order that threads and memory allow.
//!
//! This file has what of the kernel the counter uses, on loom's atomics. What the counter is used
//! by, `src/eventfd.rs` and the kernel's wait queues, is modelled: see `model.rs`.
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
mod tests;

#[allow(dead_code)]
#[path = "../../../src/counter.rs"]
mod counter;

#[allow(dead_code)]
#[path = "../../../src/abstractions/events.rs"]
mod events;

mod prelude {
    #[derive(Debug, PartialEq, Eq)]
    pub(crate) struct Error;

    pub(crate) const EFAULT: Error = Error;

    pub(crate) type Result<T = (), E = Error> = core::result::Result<T, E>;
}

mod sync {
    pub(crate) mod atomic {
        use loom::sync::atomic::{
            fence,
            AtomicU64,
            Ordering, //
        };
        use std::{
            marker::PhantomData,
            sync::OnceLock, //
        };

        pub(crate) struct Full;
        pub(crate) struct Relaxed;

        /// How an operation that changes the value is ordered.
        pub(crate) trait Order {
            const OPERATION: Ordering;

            /// The barrier behind it.
            fn barrier();
        }

        /// Loom takes `SeqCst` of an operation for `AcqRel`, and of a fence for what it is. The
        /// kernel's model has a barrier before the operation as well: what holds without it holds
        /// with it.
        impl Order for Full {
            const OPERATION: Ordering = if cfg!(feature = "unordered") {
                Ordering::Relaxed
            } else {
                Ordering::AcqRel
            };

            fn barrier() {
                if !cfg!(feature = "unordered") {
                    fence(Ordering::SeqCst);
                }
            }
        }

        impl Order for Relaxed {
            const OPERATION: Ordering = Ordering::Relaxed;

            fn barrier() {}
        }

        /// The kernel's `Atomic<u64>`.
        ///
        /// The kernel's can be made in a constant, loom's can't: so that is made when it is first
        /// looked at, which has to be before other threads do.
        pub(crate) struct Atomic<T>(u64, OnceLock<AtomicU64>, PhantomData<T>);

        impl Atomic<u64> {
            pub(crate) const fn new(value: u64) -> Self {
                Self(value, OnceLock::new(), PhantomData)
            }

            fn inner(&self) -> &AtomicU64 {
                self.1.get_or_init(|| AtomicU64::new(self.0))
            }

            pub(crate) fn load(&self, _: Relaxed) -> u64 {
                self.inner().load(Ordering::Relaxed)
            }

            /// If it fails, it orders nothing, as in the kernel.
            pub(crate) fn cmpxchg<O: Order>(&self, old: u64, new: u64, _: O) -> Result<u64, u64> {
                if cfg!(feature = "torn") {
                    let now = self.inner().load(Ordering::Acquire);
                    if now != old {
                        return Err(now);
                    }
                    self.inner().store(new, Ordering::Release);
                } else {
                    self.inner()
                        .compare_exchange(old, new, O::OPERATION, Ordering::Relaxed)?;
                }
                O::barrier();
                Ok(old)
            }

            pub(crate) fn fetch_add<O: Order>(&self, n: u64, _: O) -> u64 {
                let old = self.inner().fetch_add(n, O::OPERATION);
                O::barrier();
                old
            }
        }
    }
}

mod helpers {
    pub(crate) const EPOLLIN: u32 = 0x1;
    pub(crate) const EPOLLOUT: u32 = 0x4;
    pub(crate) const EPOLLERR: u32 = 0x8;
    pub(crate) const EPOLLHUP: u32 = 0x10;
}

mod abstractions {
    pub(crate) use crate::events;

    pub(crate) mod user {
        use kernel::prelude::Result;

        /// Of `src/abstractions/user.rs`, what the counter uses.
        pub(crate) trait ReadBuf {
            fn put<T: Copy + Into<u64>>(&mut self, value: &T) -> Result;
            fn unput<T>(&mut self);
        }
    }
}
