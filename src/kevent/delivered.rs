// SPDX-License-Identifier: GPL-2.0

//! The list of kevents to look at before the program sleeps.
//!
//! A producer lists a kevent before it adds the events. The walk of the list clears `listed`, has a
//! full barrier, and then looks at the source. So a source that gets ready later lists the kevent
//! again, and the walk sees one that got ready before (`tests/litmus/kevent-level.litmus`).

use crate::abstractions::sync::atomic::{
    read_once,
    xchg_full, //
};
use kernel::sync::atomic::{
    Atomic,
    Full,
    Relaxed, //
};

/// The state of a kevent that producers share. It belongs to the slot, and so outlives the kevent.
pub(crate) struct Place {
    /// Flags of the kevent. Changed by operations only.
    pub(crate) flags: Atomic<u32>,
    /// 1 after the only event of a kevent with ONESHOT or DISPATCH.
    pub(crate) fired: Atomic<u32>,
    /// 1 while the slot is in the list.
    listed: Atomic<u32>,
    /// The next slot of the list + 1.
    next: Atomic<u32>,
}

impl Place {
    /// The place of a slot without a kevent.
    pub(crate) const fn new() -> Self {
        Self {
            flags: Atomic::new(0),
            fired: Atomic::new(0),
            listed: Atomic::new(0),
            next: Atomic::new(0),
        }
    }
}

/// The list: slots, last in first out, without a lock.
pub(crate) struct Delivered {
    /// The first slot + 1.
    first: Atomic<u32>,
}

impl Delivered {
    /// An empty list.
    pub(crate) const fn new() -> Self {
        Self {
            first: Atomic::new(0),
        }
    }

    /// Adds slot `number` with its `place`, unless it is listed already. Context: any, NMI included.
    pub(crate) fn push(&self, number: u32, place: &Place) {
        if xchg_full(&place.listed, 1) != 0 {
            return;
        }
        let mut first = self.first.load(Relaxed);
        loop {
            place.next.store(first, Relaxed);
            // Full: the walk that takes the list sees `next`.
            match self.first.cmpxchg(first, number + 1, Full) {
                Ok(_) => return,
                Err(now) => first = now,
            }
        }
    }

    /// Whether the list is empty.
    pub(crate) fn is_empty(&self) -> bool {
        read_once(&self.first) == 0
    }

    /// Takes the whole list, and calls `look` for each slot, which may list it again.
    pub(crate) fn walk<'a>(
        &self,
        place_of: impl Fn(u32) -> Option<&'a Place>,
        mut look: impl FnMut(u32),
    ) {
        let mut at = xchg_full(&self.first, 0);
        while let Some(number) = at.checked_sub(1) {
            let Some(place) = place_of(number) else {
                return;
            };
            // Before `listed` is cleared, because a producer may use `next` from then on.
            at = place.next.load(Relaxed);
            xchg_full(&place.listed, 0);
            look(number);
        }
    }
}
