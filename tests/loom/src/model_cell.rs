// SPDX-License-Identifier: GPL-2.0

//! A model of a counter in shared memory: the pollers of its descriptor, kicks, and the program.
//!
//! The pollers and [`CellFd::kick`] follow `src/eventfd/descriptor.rs` and the implementation of
//! `Kind` in `src/eventfd/mod.rs`. The program follows `lib/c/include/evfd/counter.h`.

use crate::{
    abstractions::{
        file::events::Events,
        mm::shared::SharedWords, //
    },
    cell::{
        Cell,
        Wakeup, //
    },
    count::{
        Count,
        Take,
        USER_MAX, //
    },
    model::{
        Descriptor,
        Kind,
        Poller,
        QueueLock,
        TURN, //
    },
};
use kernel::sync::atomic::Atomic;
use loom::sync::atomic::{
    fence,
    AtomicU64,
    Ordering, //
};
use std::sync::Arc;

/// The key of a level-triggered epoll instance that waits for `IN`.
pub(crate) const LEVEL: Events = Events::IN.with(Events::ERR).with(Events::HUP);
/// The key of an edge-triggered one.
pub(crate) const EDGE: Events = LEVEL.with(Events::EDGES);

/// An event descriptor whose counter is a cell.
pub(crate) type CellFd = Descriptor<Cell>;

impl Kind for Cell {
    fn arm(&self, events: Events, exclusive: bool) {
        if exclusive {
            Cell::arm(self, Events::IN, Wakeup::Each);
        } else {
            Cell::arm(self, events, Wakeup::Once);
        }
    }
}

impl CellFd {
    pub(crate) fn new(count: u64, take: Take, wake_one: bool) -> Arc<Self> {
        let cell = Cell::zeroed();
        // Makes the atomics here: see `Atomic`.
        cell.begin(count);
        Self::of_count(cell, take, wake_one)
    }

    /// Polls for the first time, and returns the events that the descriptor is ready for.
    pub(crate) fn poll(&self, wanted: Events, poller: &Poller) -> Events {
        self.queue.stay(wanted, poller);
        self.poll_again(wanted)
    }

    /// Polls with the poller on the queue.
    pub(crate) fn poll_again(&self, wanted: Events) -> Events {
        let now = self.count.events();
        let Some(wakeup) = Wakeup::of_poller(wanted, now) else {
            return now;
        };
        self.count.arm(wanted, wakeup);
        self.count.events()
    }

    /// Polls until the descriptor is ready for one of `wanted`.
    pub(crate) fn poll_until_ready(&self, wanted: Events) {
        let poller = Poller::new();
        let mut ready = self.poll(wanted, &poller);
        while !ready.intersects(wanted) {
            // Takes the poller off the ready list.
            poller.woken.wait();
            ready = self.poll_again(wanted);
        }
    }

    pub(crate) fn kick(&self, events: Events) {
        let is_empty = self.queue.lock(|queue| {
            if cfg!(feature = "hasty") {
                self.wake_for_kick(queue, events);
                self.begin_kick(events);
            } else {
                self.begin_kick(events);
                self.wake_for_kick(queue, events);
            }
            let is_empty = !queue.is_active();
            if is_empty && !cfg!(feature = "hasty") {
                self.count.disarm(events, Wakeup::Each);
            }
            is_empty
        });
        if is_empty && cfg!(feature = "hasty") {
            self.count.disarm(events, Wakeup::Each);
        }
    }

    fn begin_kick(&self, events: Events) {
        self.count.disarm(events, Wakeup::Once);
        if cfg!(feature = "greedy") {
            for wakeup in [Wakeup::Once, Wakeup::Each] {
                self.count.disarm(Events::IN | Events::OUT, wakeup);
            }
        }
    }

    fn wake_for_kick(&self, queue: &mut QueueLock<'_>, events: Events) {
        if cfg!(feature = "choosy") && !self.count.events().intersects(events) {
            return;
        }
        queue.wake(events);
        if events.intersects(Events::IN) && self.wake_one {
            queue.wake(TURN);
        }
    }
}

/// The program.
impl CellFd {
    fn word_of_program(&self) -> &AtomicU64 {
        self.count.word().inner()
    }

    /// `evfd_changed_()`. Loom treats `SeqCst` as `AcqRel` in an operation, so the fence stands for
    /// the order of the exchange and the load.
    fn changed(&self, wakeup: &Atomic<u32>, events: Events) {
        if !cfg!(feature = "relaxed") {
            fence(Ordering::SeqCst);
        }
        if wakeup.inner().load(Ordering::Relaxed) != 0 {
            self.kick(events);
        }
    }

    fn order() -> Ordering {
        if cfg!(feature = "relaxed") {
            Ordering::Relaxed
        } else {
            Ordering::AcqRel
        }
    }

    fn exchange(&self, f: impl Fn(u64) -> Option<u64>) -> Option<u64> {
        let word = self.word_of_program();
        word.fetch_update(Self::order(), Ordering::Relaxed, f).ok()
    }

    /// `evfd_counter_write()`
    pub(crate) fn program_write(&self, n: u64) -> bool {
        let sum = |count: u64| count.checked_add(n).filter(|&sum| sum <= USER_MAX);
        let written = self.exchange(sum).is_some();
        if written {
            self.changed(&self.count.wakeup_in, Events::IN);
        }
        written
    }

    /// `evfd_counter_read()`
    pub(crate) fn program_read(&self) -> u64 {
        if self.word_of_program().load(Ordering::Relaxed) == 0 {
            return 0;
        }
        let taken = self.word_of_program().swap(0, Self::order());
        if taken != 0 {
            self.changed(&self.count.wakeup_out, Events::OUT);
        }
        taken
    }

    /// `evfd_counter_read_one()`
    pub(crate) fn program_read_one(&self) -> bool {
        let taken = self.exchange(|count| count.checked_sub(1)).is_some();
        if taken {
            self.changed(&self.count.wakeup_out, Events::OUT);
        }
        taken
    }
}
