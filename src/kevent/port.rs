// SPDX-License-Identifier: GPL-2.0

//! The end of a queue that a source holds: all that a source needs to know of the queue.

use super::{
    layout::Slot,
    queue::Queue, //
};
use kernel::sync::{
    atomic::{
        Full,
        Relaxed, //
    },
    Arc, //
};

/// A place for the events of one kevent.
pub(crate) struct Port {
    queue: Arc<Queue>,
    number: u32,
    /// Events that the program gets whether it wants them or not.
    always: u32,
}

impl Port {
    /// The port of the kevent in slot `number`, which must end before the slot has another one.
    pub(crate) fn new(queue: Arc<Queue>, number: u32, always: u32) -> Self {
        Self {
            queue,
            number,
            always,
        }
    }

    /// Raises `events`, as far as the program wants them. Returns false if it drops them because
    /// the kevent has had its event, with ONESHOT or DISPATCH. Context: any, NMI included.
    #[inline(always)]
    pub(crate) fn raise(&self, events: u32) -> bool {
        Queue::raise(self.queue.as_arc_borrow(), self.number, events, self.always)
    }

    /// Makes the program's next wait or poll of the queue call
    /// [`Source::recheck`](super::source::Source::recheck). Context: any, NMI included.
    pub(crate) fn recheck_later(&self) {
        Queue::look_later(self.queue.as_arc_borrow(), self.number);
    }

    /// Whether the queue ends kevents of closed files wherever it can.
    pub(crate) fn removes_closed(&self) -> bool {
        self.queue.removes_closed()
    }

    /// Ends the kevent, and takes back its events. Context: any, NMI included.
    pub(crate) fn end(&self) {
        self.queue.end_later(self.number);
    }

    /// Whether the kevent is looked at again after an event: see [`Source::needs_walk`].
    ///
    /// [`Source::needs_walk`]: super::source::Source::needs_walk
    pub(crate) fn has_level(&self) -> bool {
        self.queue.has_level(self.number)
    }

    /// The events that the program wants now.
    pub(crate) fn wanted(&self) -> u32 {
        let want = self
            .queue
            .slot(self.number)
            .map_or(0, |(slot, _)| slot.want());
        want | self.always
    }

    fn slot(&self) -> Option<&Slot> {
        self.queue.slot(self.number).map(|(slot, _)| slot)
    }

    /// The slot's `data`, which the program may have written.
    pub(crate) fn data(&self) -> u64 {
        self.slot().map_or(0, |slot| slot.data.load(Relaxed))
    }

    /// Sets `data`.
    pub(crate) fn set_data(&self, data: u64) {
        if let Some(slot) = self.slot() {
            slot.data.store(data, Relaxed);
        }
    }

    /// Adds `n` to `data`. An event that is raised afterwards shows it.
    pub(crate) fn add_data(&self, n: u64) {
        if let Some(slot) = self.slot() {
            slot.data.fetch_add(n, Full);
        }
    }

    /// Sets `data` to `new` if it is `old`. Otherwise returns it.
    pub(crate) fn swap_data(&self, old: u64, new: u64) -> Result<(), u64> {
        let Some(slot) = self.slot() else {
            return Ok(());
        };
        slot.data.cmpxchg(old, new, Full).map(|_| ())
    }

    /// Takes back the events that the program has not consumed, while the source raises none.
    pub(crate) fn retract(&self) -> u32 {
        self.slot().map_or(0, Slot::retract)
    }
}
