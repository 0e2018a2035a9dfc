// SPDX-License-Identifier: GPL-2.0

//! A counter in memory that programs share, `struct evfd_cell`: who changes it without a call, and
//! whom a kick then wakes.
//!
//! A waiter in the kernel joins the wait queue, sets a wake-up flag, and then looks at the count. A
//! program changes the count and then looks at the flag. Both have a full barrier in between, so
//! the waiter sees the change or the program sees the flag: see "Counters in shared memory" in
//! `Documentation/design/ordering.rst`.

use super::count::Count;
use crate::{
    abstractions::{
        file::events::Events,
        sync::atomic::{
            and_full_u32,
            or_full_u32,
            write_once, //
        }, //
    },
    shared_words,
    uapi, //
};
use core::mem::offset_of;
use kernel::sync::atomic::Atomic;

shared_words! {
    /// `struct evfd_cell`.
    pub(crate) struct Cell {
        count: u64,
        pub(crate) wakeup_in: u32,
        pub(crate) wakeup_out: u32,
    }
}

const _: () = {
    assert!(offset_of!(Cell, count) == offset_of!(uapi::evfd_cell, count));
    assert!(offset_of!(Cell, wakeup_in) == offset_of!(uapi::evfd_cell, wakeup_in));
    assert!(offset_of!(Cell, wakeup_out) == offset_of!(uapi::evfd_cell, wakeup_out));
    assert!(size_of::<Cell>() == size_of::<uapi::evfd_cell>());
};

/// The changes that a waiter must be woken for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Wakeup {
    /// The next change: the waiter looks at the count after each wake-up, and sets the flag again
    /// before it sleeps.
    Once,
    /// Every change.
    Each,
}

impl Wakeup {
    const fn flag(self) -> u32 {
        match self {
            Wakeup::Once => uapi::EVFD_WAKEUP_ONCE,
            Wakeup::Each => uapi::EVFD_WAKEUP_EACH,
        }
    }

    /// The changes that a poller with the key `wanted` waits for if the events `ready` are there
    /// already, or `None` if it polls again before it sleeps.
    pub(crate) fn of_poller(wanted: Events, ready: Events) -> Option<Self> {
        if wanted.needs_every_wake_up() {
            Some(Wakeup::Each)
        } else if wanted.intersects(Events::ONESHOT) {
            Some(Wakeup::Once)
        } else {
            (!ready.intersects(wanted)).then_some(Wakeup::Once)
        }
    }
}

impl Cell {
    /// Begins with a count, without a waiter.
    pub(super) fn begin(&self, count: u64) {
        write_once(&self.wakeup_in, 0);
        write_once(&self.wakeup_out, 0);
        write_once(&self.count, count);
    }

    fn wakeups(&self, events: Events) -> impl Iterator<Item = &Atomic<u32>> {
        [
            (Events::IN, &self.wakeup_in),
            (Events::OUT, &self.wakeup_out),
        ]
        .into_iter()
        .filter_map(move |(event, flags)| events.intersects(event).then_some(flags))
    }

    /// Makes changes that bring one of `events` kick. A waiter calls this after it has joined the
    /// wait queue, and looks at the count afterwards.
    pub(crate) fn arm(&self, events: Events, wakeup: Wakeup) {
        for flags in self.wakeups(events) {
            // Full: see the top of this file.
            or_full_u32(flags, wakeup.flag());
        }
    }

    /// Takes back [`Cell::arm`]. A kick calls this under the lock of the wait queue, where it wakes
    /// all waiters for `events`: every one for `Once`, and there is none any more for `Each`.
    pub(crate) fn disarm(&self, events: Events, wakeup: Wakeup) {
        for flags in self.wakeups(events) {
            and_full_u32(flags, !wakeup.flag());
        }
    }
}

impl Count for Cell {
    const IS_SHARED: bool = true;

    #[inline(always)]
    fn word(&self) -> &Atomic<u64> {
        &self.count
    }
}
