// SPDX-License-Identifier: GPL-2.0

//! The index ring: the numbers of slots, in the order in which they became ready.
//!
//! ```text
//!   producer (any context)                     consumer (the program)
//!
//!   slot: add events        A
//!   slot: set QUEUED        B
//!   take a position         C
//!   store the entry         D  ------------->  load the entry          E
//!   look for waiters        F                  read the user word      G
//!                                              take events and QUEUED  H
//! ```
//!
//! - A before B: a consumer that clears QUEUED at H has the events, or leaves them to a producer
//!   that finds QUEUED clear at B (`tests/litmus/kevent-bits.litmus`).
//! - B before D, paired with E before H: a consumer that sees the entry sees QUEUED set
//!   (`kevent-entry.litmus`).
//! - D before F: pairs with a waiter that joins its wait queue and then looks at the tail
//!   (`kevent-sleep.litmus`).
//! - G before H: after H, the slot may get another kevent with another user word
//!   (`kevent-user.litmus`).
//!
//! A slot is in the ring at most once, because only a producer that finds QUEUED clear puts it
//! there, and the consumer clears QUEUED after it has read the entry. So the ring, with an entry
//! for each slot, never overflows. A program that clears QUEUED without consuming harms only
//! itself: positions are the kernel's, and a store never leaves the ring.

use crate::{
    abstractions::{
        mm::shared::Shared,
        sync::{
            atomic::{
                fetch_add_full,
                xchg_full, //
            },
            preempt, //
        }, //
    },
    uapi, //
};
use kernel::{
    prelude::*,
    sync::atomic::{
        Atomic,
        Relaxed, //
    }, //
};

const PHASE: u32 = uapi::KEVENT_PHASE;

/// The ring, and the position of the next entry. The first position is the number of entries, so
/// that the phase of the first lap differs from the zeros in the new memory.
pub(crate) struct Ring {
    entries: Shared<Atomic<u32>>,
    tail: Atomic<u64>,
}

impl Ring {
    /// Makes a ring. `entries` must be a power of two. Context: task, may sleep. Errors: `ENOMEM`.
    pub(crate) fn new(entries: usize) -> Result<Self> {
        debug_assert!(entries.is_power_of_two());
        Ok(Self {
            entries: Shared::new(entries)?,
            tail: Atomic::new(entries as u64),
        })
    }

    /// The memory of the entries.
    pub(crate) fn memory(&self) -> &Shared<Atomic<u32>> {
        &self.entries
    }

    /// Puts the slot at byte `offset` in the ring. The caller has found its QUEUED clear and has
    /// set it. The caller may look for waiters afterwards: the store is a full barrier.
    ///
    /// Wait-free. Preemption is disabled between the two steps, because a producer that is
    /// preempted there hides all later entries. `preemptible` says that the caller may not have
    /// disabled it already. Context: any, NMI included.
    #[inline(always)]
    pub(crate) fn push(&self, offset: u32, preemptible: bool) {
        let entries: &[Atomic<u32>] = &self.entries;
        let _preempt = preemptible.then(preempt::disable);
        let position = fetch_add_full(&self.tail, 1);
        let index = position as usize & entries.len().wrapping_sub(1);
        // The phase is the bit of the position above those of the index.
        let phase = if position as usize & entries.len() != 0 {
            PHASE
        } else {
            0
        };
        if let Some(entry) = entries.get(index) {
            xchg_full(entry, offset | phase);
        }
    }

    /// The position of the next entry.
    #[inline(always)]
    pub(crate) fn tail(&self) -> u64 {
        self.tail.load(Relaxed)
    }
}
