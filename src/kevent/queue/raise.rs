// SPDX-License-Identifier: GPL-2.0

//! Raising events, which does not wait and does not allocate.

use super::state::{
    Queue,
    DEFERRED,
    DISPATCH,
    ONESHOT, //
};
use crate::{
    abstractions::{
        file::events::Events,
        sync::{
            atomic::{
                read_once,
                xchg_full, //
            },
            defer::{
                Deferred,
                Link, //
            },
            preempt, //
        }, //
    },
    kevent::{
        delivered::{
            Place,
            Why,
            CLOSED,
            FIRED,
            WALK, //
        },
        layout::Slot, //
    }, //
};
use kernel::{
    prelude::*,
    sync::{
        atomic::{
            Full,
            Relaxed, //
        },
        ArcBorrow, //
    }, //
};

/// Deferred wake-ups of tasks and of pollers.
const WAKE_TASK: u32 = 1;
const WAKE_POLLERS: u32 = 2;

/// What has become of raised events.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Raised {
    /// They were dropped: the kevent has had its event, with ONESHOT or DISPATCH.
    Dropped,
    /// The kevent was in the ring already, or does not want them.
    Kept,
    /// They have put the kevent in the ring.
    Queued,
}

/// Events to raise, and how.
#[derive(Clone, Copy)]
pub(crate) struct Raise {
    events: u32,
    always: u32,
    hints: u32,
    preemptible: bool,
}

impl Raise {
    /// The events that the program wants of `events`.
    #[inline(always)]
    pub(crate) const fn new(events: u32) -> Self {
        Self {
            events,
            always: 0,
            hints: 0,
            preemptible: true,
        }
    }

    /// Those in `always` count as wanted.
    #[inline(always)]
    pub(crate) const fn always(self, always: u32) -> Self {
        Self { always, ..self }
    }

    /// Those in `hints` may not have occurred. If the program wants one, its source is looked at
    /// by the next wait.
    #[inline(always)]
    pub(crate) const fn hints(self, hints: u32) -> Self {
        Self { hints, ..self }
    }

    /// The caller is a callback of a wait queue or of a timer. Preemption is disabled there, except
    /// on `PREEMPT_RT`.
    #[inline(always)]
    pub(crate) const fn in_callback(self) -> Self {
        Self {
            preemptible: cfg!(CONFIG_PREEMPT_RT),
            ..self
        }
    }
}

impl Queue {
    /// Raises events of the kevent in `place`.
    ///
    /// Wait-free except for wake-ups and for the list of delivered kevents. Context: any, NMI
    /// included.
    #[inline(always)]
    pub(in crate::kevent) fn raise(
        this: ArcBorrow<'_, Self>,
        place: &Place,
        raise: Raise,
    ) -> Raised {
        // The program widens the set by a store, and then looks at the source itself or asks for
        // KEVENT_OP_RECHECK. Either comes after the change of the source, or this load comes after
        // the store (`tests/litmus/kevent-want.litmus`).
        let mut wanted = raise.events & (place.slot.want() | raise.always);
        if wanted & raise.hints != 0 {
            Self::look_later(this, place);
            wanted &= !raise.hints;
        }
        if wanted == 0 {
            return Raised::Kept;
        }
        let flags = read_once(&place.flags);
        if flags & (ONESHOT | DISPATCH | WALK) != 0 && !this.may_raise(place, flags) {
            return Raised::Dropped;
        }
        // From QUEUED to the entry: see `ring.rs`.
        let preempt = raise.preemptible.then(preempt::disable);
        if !place.slot.add(wanted) {
            return Raised::Kept;
        }
        Self::push(this, place, preempt);
        Raised::Queued
    }

    /// Puts the slot of `place` in the ring, and wakes. The caller has set QUEUED, with preemption
    /// disabled. `preempt` may have done that. Context: any, NMI included.
    #[inline(always)]
    pub(super) fn push(
        this: ArcBorrow<'_, Self>,
        place: &Place,
        preempt: Option<preempt::Disabled>,
    ) {
        this.ring.push(Self::offset(place), &place.position);
        // A wake-up takes locks, which sleep on PREEMPT_RT.
        drop(preempt);
        // `push()` is a full barrier: a waiter that joins later sees the new tail.
        if this.tasks.is_active() || read_once(&this.armed) != 0 {
            Self::wake(this);
        }
    }

    /// The offset of the slot, as in the ring.
    #[inline(always)]
    fn offset(place: &Place) -> u32 {
        place.number.wrapping_mul(size_of::<Slot>() as u32)
    }

    /// Whether a kevent that is not plainly edge-triggered may raise an event. Lists it.
    #[inline(never)]
    fn may_raise(&self, place: &Place, flags: u32) -> bool {
        // Two wait queues of a file may raise events at once, and only the first counts.
        if flags & (ONESHOT | DISPATCH) != 0 && place.fired.cmpxchg(0, FIRED, Full).is_err() {
            return false;
        }
        if flags & (ONESHOT | WALK) != 0 {
            self.delivered.push(place, Why::Event);
        }
        true
    }

    /// Wakes a task, and the pollers if they are armed. Context: any, NMI included.
    #[cold]
    #[inline(never)]
    fn wake(this: ArcBorrow<'_, Self>) {
        let mut deferred = 0;
        if this.tasks.is_active() && !this.tasks.try_wake_task() {
            deferred |= WAKE_TASK;
        }
        if read_once(&this.armed) != 0 {
            // Before `armed`: a poller that sets both in between is woken.
            xchg_full(&this.header[0].polled, 0);
            if xchg_full(&this.armed, 0) != 0 && !this.pollers.queue.try_wake(Events::IN) {
                deferred |= WAKE_POLLERS;
            }
        }
        if deferred != 0 {
            DEFERRED.push(this, deferred);
        }
    }

    /// Makes the next [`Queue::wait`] or [`Queue::poll`] look at the source of the kevent in `place`,
    /// and wakes those that sleep there. Context: like [`Queue::raise`].
    #[cold]
    #[inline(never)]
    pub(in crate::kevent) fn look_later(this: ArcBorrow<'_, Self>, place: &Place) {
        this.delivered.push(place, Why::Look);
        // Full: a task that clears it sees the list.
        xchg_full(&this.wants_look, 1);
        this.header[0].look.store(1, Relaxed);
        Self::wake(this);
    }

    /// Ends the kevent in `place` and takes back its events. Context: any, NMI included.
    pub(in crate::kevent) fn end_later(&self, place: &Place) {
        place.fired.store(CLOSED, Relaxed);
        place.slot.clear();
        self.delivered.push(place, Why::Event);
    }

    /// Puts a slot with `events` into the ring, unless it is there, and wakes nothing. The caller is
    /// a consumer, or looks on behalf of one.
    pub(in crate::kevent) fn put_back(&self, place: &Place, events: u32) {
        // From QUEUED to the entry: see `ring.rs`.
        let _preempt = preempt::disable();
        if place.slot.add(events) {
            self.ring.push(Self::offset(place), &place.position);
        }
    }

    /// Wakes a task that waits and all pollers, for the list of raised slots.
    ///
    /// Context: task.
    pub(crate) fn wake_for_raised(&self) {
        // Before the wake-up: a poller that it wakes arms again.
        xchg_full(&self.header[0].polled, 0);
        xchg_full(&self.armed, 0);
        self.pollers.queue.wake(Events::IN);
        self.tasks.try_wake_task();
    }
}

impl Deferred for Queue {
    fn link(&self) -> &Link {
        &self.link
    }

    fn run(&self, bits: u32) {
        if bits & WAKE_TASK != 0 {
            self.tasks.try_wake_task();
        }
        if bits & WAKE_POLLERS != 0 {
            self.pollers.queue.wake(Events::IN);
        }
    }
}
