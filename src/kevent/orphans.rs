// SPDX-License-Identifier: GPL-2.0

//! Orphans: queued slots whose entries were claimed by consumers that have died.
//!
//! One of several consumers claims an entry, and then exchanges `ready` of its slot for 0. If it
//! dies in between, QUEUED stays set, and so no producer puts the slot in the ring again. The
//! program calls `KEVENT_OP_REQUEUE` with its head, when no thread that lives is in between.
//!
//! ```text
//!   producer, preemption disabled         KEVENT_OP_REQUEUE
//!
//!   set QUEUED             B              find queued slots behind the head     I
//!   take a position        C              wait for a grace period               J
//!   note the position      N              keep those that still are             K
//!   store the entry        D              put these in the ring again
//! ```
//!
//! "Behind the head" means that the noted position is before it, so that the entry was claimed.
//!
//! - B to N in one section without preemption: if I finds a slot queued but its position old, then
//!   the position has been noted at K (`tests/litmus/kevent-requeue.litmus`).
//! - I before J: a slot that gets queued later may have an old position at K. I has not found it.
//! - N before D: the next push of the slot, which follows the claim, notes its position later
//!   (`kevent-position.litmus`).
//!
//! If a consumer takes a slot between I and K, it claims an entry at the head or after it. The
//! slot's positions are not behind the head from then on, so K drops the slot. An orphan has no
//! entry, so it is in the ring once afterwards, and the ring cannot overflow.

use super::{
    delivered::Place,
    ring::Ring, //
};
use kernel::{
    alloc::flags::GFP_KERNEL_ACCOUNT,
    prelude::*,
    sync::atomic::Acquire, //
};

/// Slots that may be orphans.
pub(crate) struct Orphans {
    head: u64,
    numbers: KVVec<u32>,
}

impl Orphans {
    /// Finds the queued slots among `places` whose entries in `ring` are behind `head`. An RCU grace
    /// period later, those for which [`Orphans::has`] is true are orphans.
    ///
    /// Context: task, may sleep. Errors: `ENOMEM`.
    pub(crate) fn find<'a>(
        places: impl Iterator<Item = &'a Place>,
        ring: &Ring,
        head: u64,
    ) -> Result<Self> {
        let mut this = Self {
            head,
            numbers: KVVec::new(),
        };
        for place in places {
            if this.has(place, ring) {
                this.numbers.push(place.number, GFP_KERNEL_ACCOUNT)?;
            }
        }
        Ok(this)
    }

    /// The numbers of the slots.
    pub(crate) fn numbers(&self) -> &[u32] {
        &self.numbers
    }

    /// Whether the slot of `place` is queued, but behind the head.
    pub(crate) fn has(&self, place: &Place, ring: &Ring) -> bool {
        // Acquire: the tail that `is_from()` loads is after the position.
        place.slot.is_pushed() && !ring.is_from(self.head, place.position.load(Acquire))
    }
}
