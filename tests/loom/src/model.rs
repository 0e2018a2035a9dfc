// SPDX-License-Identifier: GPL-2.0

//! A model of the users of the counter.
//!
//! The methods of [`EventFd`] are those of the same names in `src/eventfd/mod.rs`, without flags,
//! signals and deferral. That file cannot be compiled here because it needs files, poll tables and
//! pinned initialisation. [`WaitQueue`] has the parts of the kernel's wait queue that
//! `src/abstractions/sync/wait.rs` uses.

use crate::{
    abstractions::{
        file::events::Events,
        mm::user::ReadBuf, //
    },
    counter::{
        Counter,
        Take, //
    },
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
use std::sync::Arc;

/// As in `src/eventfd/mod.rs`.
const TURN: Events = Events::from_bits(1 << 24);

/// A task or a poller on a queue.
struct Entry {
    events: Events,
    exclusive: bool,
    woken: Arc<Notify>,
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

    /// `__wake_up_locked_key()`, with `autoremove_wake_function()` for each.
    pub(crate) fn wake(&self, events: Events) {
        self.change(|list| {
            let mut done = false;
            list.retain(|entry| {
                if done || !entry.events.intersects(events) {
                    return true;
                }
                entry.woken.notify();
                done = entry.exclusive;
                false
            });
        });
    }

    /// Joins the queue, unless the waiter is on it already. A barrier follows, like in
    /// `prepare_to_wait_event()` and `poll_wait()`.
    pub(crate) fn prepare(&self, events: Events, exclusive: bool, woken: &Arc<Notify>) {
        self.change(|list| {
            if !list.iter().any(|entry| Arc::ptr_eq(&entry.woken, woken)) {
                let at = if exclusive { list.len() } else { 0 };
                list.insert(
                    at,
                    Entry {
                        events,
                        exclusive,
                        woken: woken.clone(),
                    },
                );
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

/// The event descriptor.
pub(crate) struct EventFd {
    pub(crate) counter: Counter,
    pub(crate) queue: WaitQueue,
    writers: Atomic<u64>,
    take: Take,
    wake_one: bool,
}

impl EventFd {
    pub(crate) fn new(count: u64, take: Take, wake_one: bool) -> Arc<Self> {
        let this = Self {
            counter: Counter::new(count),
            queue: WaitQueue::default(),
            writers: Atomic::new(0),
            take,
            wake_one,
        };
        // Makes the atomics here: see `Atomic`.
        assert_eq!(this.counter.get(), count);
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
        if self.wake_one && self.counter.get() != 0 && self.queue.is_active() {
            self.queue.wake(TURN);
        }
    }

    /// Posts in a context where waking is possible.
    pub(crate) fn post(&self, n: u64) {
        if !self.counter.try_post(n) {
            self.counter.post(n);
        }
        if self.queue.is_active() {
            self.wake(Events::IN);
        }
    }

    /// Does the deferred wake-up at once: it does not look at the queue.
    pub(crate) fn read_now(&self) -> u64 {
        let (taken, before) = self.counter.take(self.take);
        if taken != 0 && (before >= Counter::USER_MAX || self.writers.load(Relaxed) != 0) {
            self.wake(Events::OUT);
        }
        taken
    }

    pub(crate) fn give_back(&self, taken: u64) {
        if cfg!(feature = "selfish") {
            return;
        }
        self.counter.post(taken);
        if self.queue.is_active() {
            self.wake(Events::IN);
        }
    }

    fn try_read(&self, buf: &mut impl ReadBuf) -> Result<bool> {
        let taken = match self.counter.try_take(self.take) {
            Some(taken) => taken,
            None => self.counter.take(self.take).0,
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

    /// Reads, and waits while the counter is 0.
    pub(crate) fn read(&self, buf: &mut impl ReadBuf) -> Result {
        while !self.try_read(buf)? {
            let events = if self.wake_one { TURN } else { Events::IN };
            self.queue
                .wait_until(events, self.wake_one, || self.counter.get() != 0);
        }
        Ok(())
    }

    /// Writes, and waits until there is room.
    pub(crate) fn write(&self, n: u64) {
        while !self.counter.add(n) {
            self.writers.fetch_add(1, Full);
            self.queue
                .wait_until(Events::OUT, false, || self.counter.fits(n));
            self.writers.fetch_add(1u64.wrapping_neg(), Full);
        }
        if self.queue.is_active() {
            self.wake(Events::IN);
        }
    }
}
