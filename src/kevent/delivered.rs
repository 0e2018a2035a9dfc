// SPDX-License-Identifier: GPL-2.0

//! The list of kevents to look at before the program sleeps.
//!
//! A producer lists a kevent before it adds the events. The walk of the list clears `listed`, has a
//! full barrier, and then looks at the source. So a source that gets ready later lists the kevent
//! again, and the walk sees one that got ready before (`tests/litmus/kevent-level.litmus`).

use super::layout::SlotRef;
use crate::{
    abstractions::sync::atomic::{
        read_once,
        write_once,
        xchg_full, //
    },
    uapi, //
};
use kernel::sync::atomic::{
    Atomic,
    Full,
    Relaxed, //
};

/// A bit of [`Place::flags`] beside the flags of the program: [`Source::needs_walk`].
///
/// [`Source::needs_walk`]: super::source::Source::needs_walk
pub(crate) const WALK: u32 = 1 << 31;

/// Another such bit: a consumer in the kernel looks at the source again after an event.
pub(crate) const LEVEL: u32 = 1 << 30;

/// Another such bit: the kevent gets the events of wake-ups that another kevent has taken.
pub(crate) const SHARES: u32 = 1 << 29;

/// A value of [`Place::fired`].
pub(crate) const FIRED: u32 = 1;
/// A value of [`Place::fired`], which it keeps.
pub(crate) const CLOSED: u32 = 2;

/// The state of a kevent that producers share. It belongs to the slot, and so outlives the kevent.
pub(crate) struct Place {
    /// Flags of the kevent. Changed by operations only.
    pub(crate) flags: Atomic<u32>,
    /// [`FIRED`] after the only event of a kevent with ONESHOT or DISPATCH, [`CLOSED`] after the
    /// close of its file.
    pub(crate) fired: Atomic<u32>,
    /// [`Why`] the slot is in the list, or 0.
    listed: Atomic<u32>,
    /// The next slot of the list + 1.
    next: Atomic<u32>,
    /// The low half of the slot's last position in the ring: see `orphans.rs`.
    pub(crate) position: Atomic<u32>,
    /// The number of the slot.
    pub(crate) number: u32,
    pub(crate) slot: SlotRef,
}

impl Place {
    /// Whether the kevent has had its only event, or its file was closed. The next walk removes it.
    pub(crate) fn has_ended(&self) -> bool {
        let fired = self.fired.load(Relaxed);
        fired == CLOSED || fired == FIRED && self.flags.load(Relaxed) & uapi::KEVENT_ONESHOT != 0
    }

    /// Whether the kevent is looked at again after an event.
    pub(crate) fn has_level(&self) -> bool {
        self.flags.load(Relaxed) & (WALK | LEVEL) != 0
    }

    /// The place of slot `number`, without a kevent.
    pub(crate) const fn new(number: u32, slot: SlotRef) -> Self {
        Self {
            flags: Atomic::new(0),
            fired: Atomic::new(0),
            listed: Atomic::new(0),
            next: Atomic::new(0),
            position: Atomic::new(0),
            number,
            slot,
        }
    }
}

/// The reason why a slot is in the list.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Why {
    /// It has had an event.
    Event = 1,
    /// Its source must be looked at.
    Look = 2,
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

    /// Adds a slot, unless it is listed already. Context: any, NMI included.
    pub(crate) fn push(&self, place: &Place, why: Why) {
        let listed = match why {
            Why::Event => place.listed.cmpxchg(0, Why::Event as u32, Full).is_err(),
            Why::Look => xchg_full(&place.listed, Why::Look as u32) != 0,
        };
        if listed {
            return;
        }
        let mut first = read_once(&self.first);
        loop {
            write_once(&place.next, first);
            // Full: the walk that takes the list sees `next`.
            match self.first.cmpxchg(first, place.number + 1, Full) {
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
        mut look: impl FnMut(&Place, Why),
    ) {
        let mut at = xchg_full(&self.first, 0);
        while let Some(number) = at.checked_sub(1) {
            let Some(place) = place_of(number) else {
                return;
            };
            // Before `listed` is cleared, because a producer may use `next` from then on.
            at = place.next.load(Relaxed);
            let why = xchg_full(&place.listed, 0);
            if why == Why::Look as u32 {
                look(place, Why::Look);
            } else {
                look(place, Why::Event);
            }
        }
    }
}
