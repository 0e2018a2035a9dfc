// SPDX-License-Identifier: GPL-2.0

//! The parts of `src/abstractions/` that the code under test uses.

#[allow(dead_code)]
#[path = "../../../src/abstractions/file/events.rs"]
pub(crate) mod events;

pub(crate) mod file {
    pub(crate) use super::events;
}

pub(crate) mod helpers {
    pub(crate) const EPOLLIN: u32 = 0x1;
    pub(crate) const EPOLLOUT: u32 = 0x4;
    pub(crate) const EPOLLERR: u32 = 0x8;
    pub(crate) const EPOLLHUP: u32 = 0x10;
    pub(crate) const EPOLLNVAL: u32 = 0x20;
    pub(crate) const EPOLLRDNORM: u32 = 0x40;
    pub(crate) const EPOLLWRNORM: u32 = 0x100;
    pub(crate) const EPOLLRDHUP: u32 = 0x2000;
    pub(crate) const POLLFREE: u32 = 0x4000;
    pub(crate) const EPOLLEXCLUSIVE: u32 = 1 << 28;
    pub(crate) const EPOLLONESHOT: u32 = 1 << 30;
    pub(crate) const EPOLLET: u32 = 1 << 31;
}

pub(crate) mod mm {
    pub(crate) mod shared {
        use kernel::{
            prelude::Result,
            sync::atomic::{
                Atomic,
                Word, //
            }, //
        };
        use std::{
            array,
            ops::Deref,
            sync::Arc, //
        };

        /// A type that may lie in shared memory, which begins as zeros.
        pub(crate) trait SharedWords {
            fn zeroed() -> Self;
        }

        impl<T: Word> SharedWords for Atomic<T> {
            fn zeroed() -> Self {
                Self::new(T::of(0))
            }
        }

        impl<T: SharedWords, const N: usize> SharedWords for [T; N] {
            fn zeroed() -> Self {
                array::from_fn(|_| T::zeroed())
            }
        }

        pub(crate) struct Shared<T>(Arc<Vec<T>>);

        impl<T: SharedWords> Shared<T> {
            pub(crate) fn new(len: usize) -> Result<Self> {
                Ok(Self(Arc::new((0..len).map(|_| T::zeroed()).collect())))
            }

            pub(crate) fn get_ref(&self, index: usize) -> SharedRef<T> {
                SharedRef(self.0.clone(), index)
            }
        }

        pub(crate) struct SharedRef<T>(Arc<Vec<T>>, usize);

        impl<T> Deref for SharedRef<T> {
            type Target = T;

            fn deref(&self) -> &T {
                &self.0[self.1]
            }
        }

        impl<T> Deref for Shared<T> {
            type Target = [T];

            fn deref(&self) -> &[T] {
                &self.0
            }
        }
    }

    pub(crate) mod user {
        use kernel::prelude::Result;

        /// The model's part of `src/abstractions/mm/user.rs`.
        pub(crate) trait ReadBuf {
            fn put<T: Copy + Into<u64>>(&mut self, value: &T) -> Result;
        }
    }
}

pub(crate) mod time {
    pub(crate) mod clock {
        pub(crate) type Ktime = i64;
    }
}

pub(crate) mod sync {
    pub(crate) use crate::irq_work;

    /// The functions of `src/abstractions/sync/atomic.rs`, on loom's atomics.
    pub(crate) mod atomic {
        use kernel::sync::atomic::{
            Acquire,
            Atomic,
            Full,
            Relaxed,
            Release,
            Word, //
        };
        use std::cell::Cell;

        pub(crate) fn read_once<T: Word>(atomic: &Atomic<T>) -> T {
            atomic.load(Relaxed)
        }

        pub(crate) fn write_once<T: Word>(atomic: &Atomic<T>, value: T) {
            atomic.store(value, Relaxed);
        }

        pub(crate) fn load_acquire<T: Word>(atomic: &Atomic<T>) -> T {
            atomic.load(Acquire)
        }

        pub(crate) fn store_release<T: Word>(atomic: &Atomic<T>, value: T) {
            atomic.store(value, Release);
        }

        pub(crate) fn try_cmpxchg_full(atomic: &Atomic<u64>, old: u64, new: u64) -> bool {
            atomic.cmpxchg(old, new, Full).is_ok()
        }

        pub(crate) fn xchg_full(atomic: &Atomic<u32>, new: u32) -> u32 {
            atomic.xchg(new, Full)
        }

        pub(crate) fn fetch_add_full(atomic: &Atomic<u64>, n: u64) -> u64 {
            atomic.fetch_add(n, Full)
        }

        thread_local! {
            /// Bits between `or_full()` and `test_and_set_top()`, with the feature `swapped`. All
            /// threads of loom share it, but loom switches threads only in atomic operations.
            static LATE: Cell<u64> = const { Cell::new(0) };
        }

        pub(crate) fn or_full(atomic: &Atomic<u64>, bits: u64) {
            if cfg!(feature = "swapped") {
                LATE.set(bits);
            } else {
                atomic.fetch_or(bits, Full);
            }
        }

        /// No test calls it.
        pub(crate) fn and_full(_: &Atomic<u64>, _: u64) {
            unimplemented!();
        }

        pub(crate) fn or_full_u32(atomic: &Atomic<u32>, bits: u32) {
            atomic.fetch_or(bits, Full);
        }

        pub(crate) fn and_full_u32(atomic: &Atomic<u32>, bits: u32) {
            atomic.fetch_and(bits, Full);
        }

        pub(crate) fn test_and_set_top(atomic: &Atomic<u64>) -> bool {
            let late = LATE.take();
            let was_set = atomic.fetch_or(1 << 63, Full) >> 63 != 0;
            if cfg!(feature = "swapped") {
                atomic.fetch_or(late, Full);
            }
            was_set
        }
    }
}
