// SPDX-License-Identifier: GPL-2.0

//! The wake-ups that a test has seen.

use crate::abstractions::file::events::Events;
use kernel::sync::atomic::{
    Atomic,
    Full,
    Relaxed, //
};

/// Counts wake-ups, and collects their events.
pub(super) struct Seen {
    pub(super) count: Atomic<u32>,
    pub(super) events: Atomic<u32>,
}

impl Seen {
    pub(super) const fn new() -> Self {
        Self {
            count: Atomic::new(0),
            events: Atomic::new(0),
        }
    }

    pub(super) fn note(&self, events: Events) {
        let old = self.events.load(Relaxed);
        self.events.store(old | events.bits(), Relaxed);
        self.count.fetch_add(1, Full);
    }

    pub(super) fn events(&self) -> Events {
        Events::from_bits(self.events.load(Relaxed))
    }

    /// The wake-ups since the last call.
    pub(super) fn count(&self) -> u32 {
        self.count.xchg(0, Full)
    }
}
