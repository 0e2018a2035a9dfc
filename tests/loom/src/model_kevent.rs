// SPDX-License-Identifier: GPL-2.0

//! A model of a queue of kevents and of the program that consumes its events.
//!
//! The methods [`Queue::raise`], [`Queue::requeue`], [`Queue::wait`] and [`Queue::poll`] are those of
//! the same names in `src/kevent/queue/`, without deferral, interest masks and single events. Those
//! files cannot be compiled here because they need mutexes, poll tables and pinned initialisation. The
//! program follows the UAPI header `<linux/kevent.h>`, with C11's orders.

use crate::{
    abstractions::{
        file::events::Events,
        mm::shared::Shared,
        sync::atomic::{
            read_once,
            xchg_full, //
        }, //
    },
    kevent::{
        delivered::{
            Delivered,
            Place,
            Why, //
        },
        layout::{
            Header,
            Slot, //
        },
        orphans::Orphans,
        ring::Ring,
        slot::QUEUED, //
    },
    model::WaitQueue,
};
use kernel::sync::atomic::{
    Atomic,
    Relaxed, //
};
use loom::sync::{
    atomic::Ordering,
    Notify,
    RwLock, //
};
use std::sync::{
    atomic::AtomicBool,
    Arc, //
};

/// `order`, or `Relaxed` with the feature `relaxed`.
const fn program(order: Ordering) -> Ordering {
    if cfg!(feature = "relaxed") {
        Ordering::Relaxed
    } else {
        order
    }
}

const ACQUIRE: Ordering = program(Ordering::Acquire);
const ACQ_REL: Ordering = program(Ordering::AcqRel);

/// `KEVENT_PHASE`.
const PHASE: u64 = 1 << 31;

/// An entry that the program has consumed.
#[derive(Debug)]
pub(crate) struct Consumed {
    pub(crate) number: u32,
    pub(crate) user: u64,
    pub(crate) events: u32,
}

/// The queue, with the memory that it shares with the program.
pub(crate) struct Queue {
    pub(crate) slots: Shared<Slot>,
    pub(crate) delivered: Delivered,
    places: Vec<Place>,
    ring: Ring,
    header: Shared<Header>,
    armed: Atomic<u32>,
    pub(crate) tasks: WaitQueue,
    pub(crate) pollers: WaitQueue,
    /// RCU, for tests of REQUEUE. Code with preemption disabled holds it for reading. A grace period
    /// takes it for writing. Loom preempts the readers all the same, because the other threads run on
    /// other CPUs.
    rcu: Option<RwLock<()>>,
    /// Whether each slot is in the ring. Loom does not see it.
    in_ring: Vec<AtomicBool>,
}

impl Queue {
    /// Makes a queue of `slots` slots, with a kevent in each whose user word is 1.
    pub(crate) fn new(slots: usize) -> Arc<Self> {
        Self::make(slots, None)
    }

    /// Makes a queue for tests of REQUEUE.
    pub(crate) fn with_rcu(slots: usize) -> Arc<Self> {
        Self::make(slots, Some(RwLock::new(())))
    }

    fn make(slots: usize, rcu: Option<RwLock<()>>) -> Arc<Self> {
        let shared: Shared<Slot> = Shared::new(slots).unwrap();
        let place = |number| Place::new(number as u32, shared.get_ref(number));
        let this = Self {
            delivered: Delivered::new(),
            places: (0..slots).map(place).collect(),
            slots: shared,
            ring: Ring::new(slots).unwrap(),
            header: Shared::new(1).unwrap(),
            armed: Atomic::new(0),
            tasks: WaitQueue::default(),
            pollers: WaitQueue::default(),
            rcu,
            in_ring: (0..slots).map(|_| AtomicBool::new(false)).collect(),
        };
        // The rest makes the atomics here: see `Atomic`.
        for slot in &*this.slots {
            slot.begin(1, u32::MAX, 0, 1);
        }
        for entry in &**this.ring.memory() {
            assert_eq!(entry.load(Relaxed), 0);
        }
        for place in &this.places {
            assert_eq!(place.position.load(Relaxed), 0);
        }
        for number in 0..slots {
            this.list(number as u32);
        }
        this.walk(|_| ());
        assert_eq!(this.armed.load(Relaxed), 0);
        let head = this.ring.tail();
        this.header[0].head.store(head, Relaxed);
        Arc::new(this)
    }

    /// Raises `events` for the kevent in slot `number`.
    pub(crate) fn raise(&self, number: u32, events: u32) {
        let preempt_disabled = self.rcu.as_ref().map(|rcu| rcu.read().unwrap());
        if self.slots[number as usize].add(events) {
            self.push(number);
            drop(preempt_disabled);
            self.look_for_waiters();
        }
    }

    fn push(&self, number: u32) {
        let was_there = self.in_ring[number as usize].swap(true, Ordering::Relaxed);
        assert!(!was_there, "a slot is in the ring twice");
        let place = &self.places[number as usize];
        self.ring
            .push(number * size_of::<Slot>() as u32, &place.position);
    }

    /// Puts orphans in the ring again, claimed before `head`. Returns their number.
    pub(crate) fn requeue(&self, head: u64) -> usize {
        let orphans = Orphans::find(self.places.iter(), &self.ring, head).unwrap();
        if !cfg!(feature = "unordered") {
            drop(self.rcu.as_ref().unwrap().write().unwrap());
        }
        let mut requeued = 0;
        for &number in orphans.numbers() {
            if orphans.has(&self.places[number as usize], &self.ring) {
                self.push(number);
                requeued += 1;
            }
        }
        requeued
    }

    fn look_for_waiters(&self) {
        if self.tasks.is_active() || read_once(&self.armed) != 0 {
            self.wake();
        }
    }

    fn wake(&self) {
        if self.tasks.is_active() {
            self.tasks.wake(Events::IN);
        }
        if read_once(&self.armed) != 0 && xchg_full(&self.armed, 0) != 0 {
            self.pollers.wake(Events::IN);
        }
    }

    /// Lists the kevent in slot `number`, like a source for which the level counts.
    pub(crate) fn list(&self, number: u32) {
        self.delivered
            .push(&self.places[number as usize], Why::Event);
    }

    /// Calls `look` for each slot in the list.
    pub(crate) fn walk(&self, mut look: impl FnMut(u32)) {
        self.delivered.walk(
            |number| self.places.get(number as usize),
            |place, _| look(place.number),
        );
    }

    /// Waits for an entry after `head`.
    pub(crate) fn wait(&self, head: u64) {
        self.tasks
            .wait_until(Events::IN, true, || self.ring.tail() != head);
    }

    /// Polls the queue. The program has stored `head`. Returns whether there is an entry.
    pub(crate) fn poll(&self, woken: &Arc<Notify>) -> bool {
        self.pollers.prepare(Events::IN, false, woken);
        xchg_full(&self.armed, 1);
        self.ring.tail() != self.head()
    }

    /// The program's head.
    pub(crate) fn head(&self) -> u64 {
        self.header[0].head.load(Relaxed)
    }

    /// The slot in the entry at `position`, if the entry is there.
    fn entry(&self, position: u64) -> Option<u32> {
        let entries = self.ring.memory();
        let entry = entries[position as usize % entries.len()].inner();
        let entry = entry.load(ACQUIRE);
        let phase = position as usize & entries.len() != 0;
        (phase == (entry & PHASE != 0))
            .then_some((entry & !PHASE) as u32 / size_of::<Slot>() as u32)
    }

    /// Takes the events of a slot. The caller has consumed its entry.
    fn take(&self, number: u32) -> Consumed {
        let slot = &self.slots[number as usize];
        let user = slot.user.inner().load(Ordering::Relaxed);
        let ready = slot.ready.inner().swap(0, ACQ_REL);
        // No other thread runs between the exchange and this.
        let was_there = self.in_ring[number as usize].swap(false, Ordering::Relaxed);
        assert!(
            was_there && ready & QUEUED != 0,
            "an old entry was consumed"
        );
        Consumed {
            number,
            user: if cfg!(feature = "swapped") {
                slot.user.inner().load(Ordering::Relaxed)
            } else {
                user
            },
            events: ready as u32,
        }
    }

    /// Consumes an entry, if there is one. No other thread consumes.
    pub(crate) fn consume(&self) -> Option<Consumed> {
        let head = self.head();
        let number = self.entry(head)?;
        self.header[0].head.store(head + 1, Relaxed);
        Some(self.take(number))
    }

    /// Consumes an entry, unless the ring is empty. Other threads may consume.
    pub(crate) fn consume_shared(&self) -> Option<Consumed> {
        self.claim().map(|number| self.take(number))
    }

    /// Dies after the claim of an entry.
    pub(crate) fn claim_and_die(&self) {
        let number = self.claim().unwrap();
        self.in_ring[number as usize].store(false, Ordering::Relaxed);
    }

    /// Claims an entry, unless the ring is empty. Returns its slot.
    fn claim(&self) -> Option<u32> {
        let shared_head = self.header[0].head.inner();
        let mut head = shared_head.load(ACQUIRE);
        loop {
            let Some(number) = self.entry(head) else {
                let now = shared_head.load(ACQUIRE);
                if now == head {
                    return None;
                }
                head = now;
                continue;
            };
            match shared_head.compare_exchange(head, head + 1, ACQ_REL, ACQUIRE) {
                Ok(_) => return Some(number),
                Err(now) => head = now,
            }
        }
    }

    /// Consumes all entries at the end of a test, when no other thread runs.
    pub(crate) fn drain(&self) -> Vec<Consumed> {
        let all = std::iter::from_fn(|| self.consume()).collect();
        assert_eq!(self.head(), self.ring.tail(), "an entry was lost");
        for slot in &*self.slots {
            assert_eq!(slot.ready.load(Relaxed), 0, "an event was lost");
        }
        all
    }
}
