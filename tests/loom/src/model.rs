// SPDX-License-Identifier: GPL-2.0

//! A model of the users of a count.
//!
//! The methods of [`Descriptor`] are those of the same names in `src/eventfd/descriptor.rs`, without
//! flags, signals and deferral. That file cannot be compiled here because it needs files, poll tables and
//! pinned initialisation. [`WaitQueue`] has the parts of the kernel's wait queue that
//! `src/abstractions/sync/wait.rs` uses.

use crate::{
    abstractions::{
        file::events::Events,
        mm::user::ReadBuf, //
    },
    count::{
        Count,
        Take,
        USER_MAX, //
    },
    counter::Counter,
};
use kernel::{
    prelude::*,
    sync::atomic::{
        Atomic,
        Full,
        Relaxed, //
    },
};
use loom::sync::{
    atomic::{
        fence,
        AtomicUsize,
        Ordering, //
    },
    Mutex,
    Notify, //
};
use std::sync::{
    atomic,
    Arc, //
};

/// As in `src/eventfd/descriptor.rs`.
pub(crate) const TURN: Events = Events::from_bits(1 << 24);

/// A task or a poller on a queue.
struct Entry {
    events: Events,
    exclusive: bool,
    woken: Arc<Notify>,
    /// The wake-ups of a poller that stays on the queue. Loom does not see it.
    calls: Option<Arc<atomic::AtomicUsize>>,
}

/// A wait queue: a list, its lock, and its length, which can be read without the lock.
#[derive(Default)]
pub(crate) struct WaitQueue {
    head: AtomicUsize,
    list: Mutex<Vec<Entry>>,
}

impl WaitQueue {
    /// `waitqueue_active()`.
    pub(crate) fn is_active(&self) -> bool {
        self.head.load(Ordering::Relaxed) != 0
    }

    fn change<R>(&self, f: impl FnOnce(&mut Vec<Entry>) -> R) -> R {
        let mut list = self.list.lock().unwrap();
        let result = f(&mut list);
        self.head.store(list.len(), Ordering::Relaxed);
        result
    }

    /// Calls `f` with the lock of the queue held.
    pub(crate) fn lock<R>(&self, f: impl FnOnce(&mut QueueLock<'_>) -> R) -> R {
        self.change(|list| f(&mut QueueLock(list)))
    }

    pub(crate) fn wake(&self, events: Events) {
        self.lock(|queue| queue.wake(events));
    }

    /// Joins the queue, unless the waiter is on it already. A barrier follows, like in
    /// `prepare_to_wait_event()` and `poll_wait()`.
    pub(crate) fn prepare(&self, events: Events, exclusive: bool, woken: &Arc<Notify>) {
        self.join(Entry {
            events,
            exclusive,
            woken: woken.clone(),
            calls: None,
        });
    }

    /// Joins the queue for good, like epoll.
    pub(crate) fn stay(&self, events: Events, poller: &Poller) {
        self.join(Entry {
            events,
            exclusive: false,
            woken: poller.woken.clone(),
            calls: Some(poller.calls.clone()),
        });
    }

    fn join(&self, new: Entry) {
        self.change(|list| {
            if !list
                .iter()
                .any(|entry| Arc::ptr_eq(&entry.woken, &new.woken))
            {
                let at = if new.exclusive { list.len() } else { 0 };
                list.insert(at, new);
            }
        });
        fence(Ordering::SeqCst);
    }

    pub(crate) fn wait_until(&self, events: Events, exclusive: bool, condition: impl Fn() -> bool) {
        let woken = Arc::new(Notify::new());
        loop {
            self.prepare(events, exclusive, &woken);
            if condition() {
                break;
            }
            woken.wait();
            if condition() {
                break;
            }
        }
        // `finish_wait()`
        self.change(|list| list.retain(|entry| !Arc::ptr_eq(&entry.woken, &woken)));
    }
}

/// The lock of a [`WaitQueue`].
pub(crate) struct QueueLock<'a>(&'a mut Vec<Entry>);

impl QueueLock<'_> {
    pub(crate) fn is_active(&self) -> bool {
        !self.0.is_empty()
    }

    /// `__wake_up_locked_key()`, with `autoremove_wake_function()` for tasks.
    pub(crate) fn wake(&mut self, events: Events) {
        let mut done = false;
        self.0.retain(|entry| {
            if done || !entry.events.intersects(events) {
                return true;
            }
            if let Some(calls) = &entry.calls {
                calls.fetch_add(1, atomic::Ordering::Relaxed);
            }
            entry.woken.notify();
            done = entry.exclusive;
            entry.calls.is_some()
        });
    }
}

/// A poller that stays on a queue.
pub(crate) struct Poller {
    pub(crate) woken: Arc<Notify>,
    calls: Arc<atomic::AtomicUsize>,
}

impl Poller {
    pub(crate) fn new() -> Self {
        Self {
            woken: Arc::new(Notify::new()),
            calls: Arc::default(),
        }
    }

    /// The number of wake-ups.
    pub(crate) fn calls(&self) -> usize {
        self.calls.load(atomic::Ordering::Relaxed)
    }
}

/// As in `src/eventfd/descriptor.rs`.
pub(crate) trait Kind: Count {
    /// Comes before a waiter's second look at the count. A waiter for its turn is exclusive.
    fn arm(&self, _events: Events, _exclusive: bool) {}
}

impl Kind for Counter {}

/// The event descriptor.
pub(crate) struct Descriptor<K> {
    pub(crate) count: K,
    pub(crate) queue: WaitQueue,
    writers: Atomic<u64>,
    take: Take,
    pub(crate) wake_one: bool,
}

pub(crate) type EventFd = Descriptor<Counter>;

impl EventFd {
    pub(crate) fn new(count: u64, take: Take, wake_one: bool) -> Arc<Self> {
        Self::of_count(Counter::new(count), take, wake_one)
    }
}

impl<K: Kind> Descriptor<K> {
    pub(crate) fn of_count(count: K, take: Take, wake_one: bool) -> Arc<Self> {
        let this = Self {
            count,
            queue: WaitQueue::default(),
            writers: Atomic::new(0),
            take,
            wake_one,
        };
        // Makes the atomics here: see `Atomic`.
        this.count.get();
        assert_eq!(this.writers.load(Relaxed), 0);
        Arc::new(this)
    }

    fn wake(&self, events: Events) {
        self.queue.wake(events);
        if events.intersects(Events::IN) && self.wake_one {
            self.queue.wake(TURN);
        }
    }

    fn pass_turn(&self) {
        if cfg!(feature = "selfish") {
            return;
        }
        if self.wake_one && self.count.get() != 0 && self.queue.is_active() {
            self.queue.wake(TURN);
        }
    }

    /// Posts in a context where waking is possible.
    pub(crate) fn post(&self, n: u64) {
        if !self.count.try_post(n) {
            self.count.post(n);
        }
        self.wake_after_post();
    }

    pub(crate) fn wake_after_post(&self) {
        if self.queue.is_active() {
            self.wake(Events::IN);
        }
    }

    /// Does the deferred wake-up at once: it does not look at the queue.
    pub(crate) fn read_now(&self) -> u64 {
        let (taken, before) = self.count.take(self.take).unwrap();
        if taken != 0 && (before >= USER_MAX || self.writers.load(Relaxed) != 0) {
            self.wake(Events::OUT);
        }
        taken
    }

    pub(crate) fn give_back(&self, taken: u64) {
        if cfg!(feature = "selfish") {
            return;
        }
        self.count.post(taken);
        if self.queue.is_active() {
            self.wake(Events::IN);
        }
    }

    fn try_read(&self, buf: &mut impl ReadBuf) -> Result<bool> {
        let taken = match self.count.try_take(self.take) {
            Some(taken) => taken,
            None => self.count.take(self.take).unwrap().0,
        };
        if taken == 0 {
            return Ok(false);
        }
        if let Err(e) = buf.put(&taken) {
            self.give_back(taken);
            return Err(e);
        }
        if self.queue.is_active() {
            // No test polls for room.
            if self.writers.load(Relaxed) != 0 {
                self.queue.wake(Events::OUT);
            }
            self.pass_turn();
        }
        Ok(true)
    }

    fn wait(&self, events: Events, exclusive: bool, condition: impl Fn() -> bool) {
        self.queue.wait_until(events, exclusive, || {
            condition() || {
                self.count.arm(events, exclusive);
                K::IS_SHARED && condition()
            }
        });
    }

    /// Reads, and waits while the counter is 0.
    pub(crate) fn read(&self, buf: &mut impl ReadBuf) -> Result {
        while !self.try_read(buf)? {
            let events = if self.wake_one { TURN } else { Events::IN };
            self.wait(events, self.wake_one, || self.count.get() != 0);
        }
        Ok(())
    }

    /// Writes, and waits until there is room.
    pub(crate) fn write(&self, n: u64) {
        while !self.count.add(n).unwrap() {
            self.writers.fetch_add(1, Full);
            self.wait(Events::OUT, false, || self.count.fits(n));
            self.writers.fetch_add(1u64.wrapping_neg(), Full);
        }
        if self.queue.is_active() {
            self.wake(Events::IN);
        }
    }
}
