// SPDX-License-Identifier: GPL-2.0

//! The kernel's side of a slot.

use super::layout::Slot;
use crate::{
    abstractions::sync::atomic::{
        and_full,
        load_acquire,
        or_full,
        read_once,
        store_release,
        test_and_set_top,
        write_once, //
    },
    uapi, //
};
use kernel::sync::atomic::Full;

/// The slot is in the index ring. [`test_and_set_top`] sets it.
pub(crate) const QUEUED: u64 = uapi::KEVENT_QUEUED as u64;
const _: () = assert!(QUEUED == 1 << 63);

/// What tells that and how the slot is queued: QUEUED, and the program's own mark for the list of
/// raised slots.
const MARKS: u64 = QUEUED | uapi::KEVENT_RAISED;

/// How often [`Slot::retract`] tries. Only a program that writes the slot all the time makes it
/// fail, and then it only keeps events that the program may have written itself.
const TRIES: u32 = 1000;

impl Slot {
    /// Gives the slot to a new kevent. The caller has seen QUEUED clear, and nothing raises events
    /// here.
    pub(crate) fn begin(&self, user: u64, want: u32, kind: u16, generation: u32) {
        write_once(&self.user, user);
        write_once(&self.data, 0);
        write_once(&self.want, want);
        write_once(&self.type_and_gen, u32::from(kind) | (generation << 16));
        // A consumer that sees the new kevent in the ring sees its user word by the ring's order.
        store_release(&self.ready, 0);
    }

    /// The events for which the kevent is queued. The program may have written any.
    #[inline(always)]
    pub(crate) fn want(&self) -> u32 {
        read_once(&self.want)
    }

    /// Adds events. Returns true if the caller must put the slot in the ring.
    ///
    /// The events come before QUEUED: see `ring.rs`. If the consumer takes them in between, its
    /// next entry for this slot has none. Context: any, NMI included.
    #[inline(always)]
    pub(crate) fn add(&self, events: u32) -> bool {
        or_full(&self.ready, events.into());
        !test_and_set_top(&self.ready)
    }

    /// Takes the events back and leaves the slot queued. Nothing may raise events here. Returns the events.
    pub(crate) fn retract(&self) -> u32 {
        let mut old = read_once(&self.ready);
        for _ in 0..TRIES {
            // The program may take events, and adds none that are the kevent's.
            if old & !MARKS == 0 {
                return 0;
            }
            match self.ready.cmpxchg(old, old & MARKS, Full) {
                Ok(_) => return old as u32,
                Err(now) => old = now,
            }
        }
        0
    }

    /// Like [`Slot::retract`], in any context.
    pub(crate) fn clear(&self) {
        and_full(&self.ready, MARKS);
    }

    /// Whether a producer of the kernel has queued the slot. That is a hint if the program has
    /// written the slot otherwise than the UAPI header says.
    pub(crate) fn is_pushed(&self) -> bool {
        read_once(&self.ready) & MARKS == QUEUED
    }

    /// Whether the slot may be in the ring. If not, the consumer has ended with its last kevent:
    /// acquire pairs with the release of the consumer's exchange, before which it reads the user
    /// word (`tests/litmus/kevent-user.litmus`).
    pub(crate) fn is_queued(&self) -> bool {
        load_acquire(&self.ready) & QUEUED != 0
    }
}
