// SPDX-License-Identifier: GPL-2.0

//! Tasks and pollers that wait for events, and the look at the sources before they sleep.

use super::state::{
    Kevents,
    Queue, //
};
use crate::{
    abstractions::{
        compat::{
            smp_mb,
            ETIME, //
        },
        file::events::Events,
        sync::{
            atomic::{
                read_once,
                xchg_full, //
            },
            wait::Limit, //
        }, //
    },
    kevent::{
        delivered::{
            Place,
            Why, //
        },
        source::Room, //
    }, //
};
use kernel::{
    prelude::*,
    sync::atomic::{
        Full,
        Relaxed, //
    }, //
};

impl Queue {
    /// Answers [`Queue::look_later`], and walks. Context: task, may sleep.
    pub(in crate::kevent) fn look(&self) {
        let hint = &self.header[0].look;
        if read_once(&self.wants_look) != 0 || read_once(hint) != 0 {
            hint.store(0, Relaxed);
            // Full: the walk sees what was listed before.
            xchg_full(&self.wants_look, 0);
        }
        self.walk();
    }

    /// Looks at the sources of all delivered kevents that are not edge-triggered. Those that are
    /// ready still, or again, raise their events.
    ///
    /// Context: task, may sleep.
    fn walk(&self) {
        if !self.delivered.is_empty() {
            self.walk_locked(&mut self.kevents.lock());
        }
    }

    /// Like [`Queue::walk`], with the kevents locked.
    pub(super) fn walk_locked(&self, kevents: &mut Kevents) {
        self.delivered.walk(
            |number| self.place(number),
            |place, why| {
                if place.has_ended() {
                    self.end(kevents, place);
                } else if why == Why::Event && self.is_classic() {
                    self.put_back(place, 0);
                } else if why == Why::Look || place.has_level() {
                    if let Some(source) = kevents.source(place.number).and_then(Room::get) {
                        source.recheck();
                    }
                }
            },
        );
    }

    /// Makes the next [look](Queue::look) put the slot back into the ring of a consumer in the
    /// kernel, which then looks at the source. Context: task.
    pub(in crate::kevent) fn offer_later(&self, place: &Place) {
        self.delivered.push(place, Why::Event);
    }

    /// Whether a task that has consumed the ring up to `head` need not wait for `min` entries, or
    /// for all kevents if these are fewer. `head` comes from the program, and may be anything.
    fn is_ready(&self, head: u64, min: u32) -> bool {
        let min = min.min(read_once(&self.used)).max(1);
        self.ring.tail().wrapping_sub(head) >= min.into() || read_once(&self.header[0].raised) != 0
    }

    /// Waits until the ring has `min` entries after `head`, or the list of raised slots has one.
    ///
    /// Context: task, may sleep. Errors: `ERESTARTSYS` if a signal is pending; `ETIME`.
    pub(crate) fn wait(&self, head: u64, min: u32, limit: &Limit) -> Result {
        let mut woken = false;
        loop {
            self.look();
            if self.is_ready(head, min) {
                return Ok(());
            }
            if woken {
                Self::check_end(limit)?;
            }
            woken = true;
            self.wait_until(|| self.is_ready(head, min), limit)?;
            if self.is_ready(head, min) {
                return Ok(());
            }
        }
    }

    /// Fails if a wait must end. A task that has slept and looked without success asks this, because
    /// sources that ask for a look again and again would otherwise keep it.
    ///
    /// Context: task. Errors: `ERESTARTSYS` if a signal is pending; `ETIME`.
    pub(in crate::kevent) fn check_end(limit: &Limit) -> Result {
        if current!().signal_pending() {
            return Err(ERESTARTSYS);
        }
        if limit.has_passed() {
            return Err(ETIME);
        }
        Ok(())
    }

    /// Sleeps until `is_ready` returns true, or until the caller has to [look](Queue::look). It is
    /// called in any context that wakes.
    ///
    /// Context: task, may sleep. Errors: `ERESTARTSYS` if a signal is pending; `ETIME`.
    pub(in crate::kevent) fn wait_until(
        &self,
        is_ready: impl Fn() -> bool,
        limit: &Limit,
    ) -> Result {
        let sleeping = &self.header[0].sleeping;
        // Full: a program that raises a slot afterwards sees it.
        sleeping.fetch_add(1, Full);
        let result = self
            .tasks
            .wait_exclusive(|| is_ready() || read_once(&self.wants_look) != 0, limit);
        sleeping.fetch_sub(1, Full);
        result
    }

    /// Wakes another task if there is an event: a process that ends may have been woken for it. That
    /// process is being killed, or it closes a descriptor.
    ///
    /// Context: task.
    pub(crate) fn pass_on(&self) {
        if self.tasks.is_active() && self.ring.tail() != self.header[0].head.load(Relaxed) {
            self.tasks.try_wake_task();
        }
    }

    /// Wakes a task that waits. Context: task.
    pub(in crate::kevent) fn wake_task(&self) {
        self.tasks.try_wake_task();
    }

    /// Arms the queue for pollers that joined before it was the file's. Context: task.
    pub(crate) fn arm_for_early(&self) {
        // Full: a poller that joins later sees the file's queue.
        smp_mb();
        if self.pollers.queue.is_active() {
            xchg_full(&self.armed, 1);
            xchg_full(&self.header[0].polled, 1);
            // An event may have come first.
            if self.ring.tail() != self.header[0].head.load(Relaxed) {
                self.pollers.queue.wake(Events::IN);
            }
        }
    }

    /// Arms the queue for a poller that has [joined](super::state::Pollers::join). It is ready if the ring has an
    /// entry after the header's `head`.
    ///
    /// Context: task, may sleep.
    pub(crate) fn poll(&self) -> Events {
        let header = &self.header[0];
        // Both full: a producer that has not seen them is seen below. Always, because a poller
        // that is ready now may wait for the next event.
        xchg_full(&self.armed, 1);
        xchg_full(&header.polled, 1);
        self.look();
        let head = header.head.load(Relaxed);
        let ready = self.ring.tail() != head || read_once(&header.raised) != 0;
        Events::IN.when(ready)
    }
}

#[cfg(CONFIG_KUNIT = "y")]
impl Queue {
    /// Arms the pollers like [`Queue::poll`], for tests, which have no poll table.
    pub(crate) fn arm(&self) {
        xchg_full(&self.armed, 1);
    }
}
