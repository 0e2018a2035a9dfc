// SPDX-License-Identifier: GPL-2.0

//! The index ring: the numbers of slots, in the order in which they became ready.
//!
//! ```text
//!   producer (any context)                     consumer (the program)
//!
//!   slot: add events        A
//!   slot: set QUEUED        B
//!   take a position         C
//!   note the position       N
//!   store the entry         D  ------------->  load the entry          E
//!   look for waiters        F                  read the user word      G
//!                                              take events and QUEUED  H
//! ```
//!
//! - A before B: a consumer that clears QUEUED at H has the events, or leaves them to a producer
//!   that finds QUEUED clear at B (`tests/litmus/kevent-bits.litmus`).
//! - B before D, paired with E before H: a consumer that sees the entry sees QUEUED set
//!   (`kevent-entry.litmus`).
//! - B to D with preemption disabled: a producer that is preempted after C hides all later entries.
//!   N is for `orphans.rs`.
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
        sync::atomic::{
            fetch_add_full,
            write_once,
            xchg_full, //
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

    /// Puts the slot at byte `offset` in the ring, and its position in `noted`. The caller has found
    /// its QUEUED clear and has set it. The caller may look for waiters afterwards: the store is a
    /// full barrier.
    ///
    /// Wait-free. Context: any, NMI included, with preemption disabled since before QUEUED was set.
    #[inline(always)]
    pub(crate) fn push(&self, offset: u32, noted: &Atomic<u32>) {
        let entries: &[Atomic<u32>] = &self.entries;
        let position = fetch_add_full(&self.tail, 1);
        // Before the entry: after that, the slot's next producer may note its position.
        write_once(noted, position as u32);
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

    /// Whether the entry at a position is at `head` or after it. `noted` is the low half of the
    /// position, which was taken at most 2^32 positions ago.
    pub(super) fn is_from(&self, head: u64, noted: u32) -> bool {
        u64::from(noted.wrapping_sub(head as u32)) < self.tail().wrapping_sub(head)
    }

    /// The position of the next entry.
    #[inline(always)]
    pub(crate) fn tail(&self) -> u64 {
        self.tail.load(Relaxed)
    }
}

#[cfg(CONFIG_KUNIT = "y")]
impl Ring {
    /// Continues at `position`, for tests.
    pub(crate) fn go_to(&self, position: u64) {
        self.tail.store(position, Relaxed);
    }
}
