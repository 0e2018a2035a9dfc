// SPDX-License-Identifier: GPL-2.0

//! The end of a queue that a source holds: all that a source needs to know of the queue.

use super::{
    layout::Slot,
    queue::{
        PlaceRef,
        Queue,
        Raise,
        Raised, //
    }, //
};
use crate::abstractions::{
    sync::atomic::{
        fetch_add_full,
        read_once,
        try_cmpxchg_full,
        write_once, //
    },
    task::work::{
        Waits,
        Workers, //
    }, //
};
use kernel::{
    prelude::*,
    sync::Arc,
    workqueue::RawWorkItem, //
};

/// A place for the events of one kevent.
pub(crate) struct Port(PlaceRef);

impl Port {
    /// The port of the kevent in `place`, which must end before the slot has another one.
    pub(crate) fn new(place: PlaceRef) -> Self {
        Self(place)
    }

    /// Raises events. Context: any, NMI included.
    #[inline(always)]
    pub(crate) fn raise(&self, raise: Raise) -> Raised {
        Queue::raise(self.0.owner(), &self.0, raise)
    }

    /// Makes the program's next wait or poll of the queue call
    /// [`Source::recheck`](super::source::Source::recheck). Context: any, NMI included.
    #[cold]
    pub(crate) fn recheck_later(&self) {
        Queue::look_later(self.0.owner(), &self.0);
    }

    /// Whether the queue ends kevents of closed files wherever it can.
    pub(crate) fn removes_closed(&self) -> bool {
        self.0.owner().removes_closed()
    }

    /// Whether the kernel copies the events of the queue, by the calls of 2006.
    pub(crate) fn is_classic(&self) -> bool {
        self.0.owner().is_classic()
    }

    /// Notes that the kevent is an operation. Context: task, with the kevents locked.
    pub(crate) fn set_is_operation(&self) {
        self.0.owner().set_has_operations();
    }

    /// Gives `work` to a thread: see [`Queue::enqueue`](super::queue::Queue::enqueue).
    ///
    /// Context: task, may sleep. Errors: `ENOMEM`.
    pub(crate) fn enqueue<W>(&self, work: Arc<W>, waits: Waits) -> Result
    where
        Arc<W>: RawWorkItem<0, EnqueueOutput = Result<(), Arc<W>>> + Send + 'static,
    {
        self.0.owner().enqueue(work, waits)
    }

    /// The threads of the queue's user. Context: task, may sleep. Errors: `ENOMEM`.
    pub(crate) fn workers(&self) -> Result<Arc<Workers>> {
        self.0.owner().workers()
    }

    /// Ends the kevent, and takes back its events. Context: any, NMI included.
    pub(crate) fn end(&self) {
        self.0.owner().end_later(&self.0);
    }

    /// Whether the kevent is looked at again after an event: see [`Source::needs_walk`].
    ///
    /// [`Source::needs_walk`]: super::source::Source::needs_walk
    pub(crate) fn has_level(&self) -> bool {
        self.0.has_level()
    }

    /// Whether the kevent has had its only event, with ONESHOT or DISPATCH.
    pub(crate) fn has_fired(&self) -> bool {
        read_once(&self.0.fired) != 0
    }

    /// Whether the kevent has this flag, which the queue keeps: `KEVENT_BYTES`.
    pub(crate) fn has(&self, flag: u32) -> bool {
        read_once(&self.0.flags) & flag != 0
    }

    /// The events that the program wants now.
    pub(crate) fn want(&self) -> u32 {
        self.slot().want()
    }

    #[inline(always)]
    fn slot(&self) -> &Slot {
        &self.0.slot
    }

    /// The slot's `data`, which the program may have written.
    pub(crate) fn data(&self) -> u64 {
        read_once(&self.slot().data)
    }

    /// Sets `data`.
    pub(crate) fn set_data(&self, data: u64) {
        write_once(&self.slot().data, data);
    }

    /// Adds `n` to `data`. An event that is raised afterwards shows it.
    pub(crate) fn add_data(&self, n: u64) {
        fetch_add_full(&self.slot().data, n);
    }

    /// Sets `data` to `new` and returns true if it is `old`.
    pub(crate) fn swap_data(&self, old: u64, new: u64) -> bool {
        try_cmpxchg_full(&self.slot().data, old, new)
    }

    /// Takes back the events that the program has not consumed, while the source raises none.
    pub(crate) fn retract(&self) -> u32 {
        self.slot().retract()
    }
}
