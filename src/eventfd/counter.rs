// SPDX-License-Identifier: GPL-2.0

//! The counter of an event descriptor, in the descriptor.

use super::count::Count;
use kernel::sync::atomic::Atomic;

/// A count that only the kernel changes.
pub(crate) struct Counter(Atomic<u64>);

impl Counter {
    /// A counter that holds `count`.
    pub(crate) const fn new(count: u64) -> Self {
        Self(Atomic::new(count))
    }
}

impl Count for Counter {
    const IS_SHARED: bool = false;

    #[inline(always)]
    fn word(&self) -> &Atomic<u64> {
        &self.0
    }
}
