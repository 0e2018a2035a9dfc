// SPDX-License-Identifier: GPL-2.0

//! A model of a timer in shared memory: its waiters, the kernel's timer, and the program.
//!
//! [`RecordTimer::look`] and the waiters follow `src/timerfd/timer.rs`, and [`RecordTimer::expire`]
//! follows `src/timerfd/front.rs`. The program follows `lib/c/include/evfd/timer.h`.

use crate::{
    abstractions::{
        file::events::Events,
        mm::shared::SharedWords,
        time::clock::Ktime, //
    },
    model::{
        Poller,
        QueueLock,
        WaitQueue, //
    },
    record::Record,
    uapi, //
};
use kernel::sync::atomic::Relaxed;
use loom::sync::atomic::{
    fence,
    AtomicBool,
    AtomicI64,
    AtomicU64,
    Ordering, //
};
use std::sync::Arc;

/// A call is changing the timer.
pub(crate) const BUSY: Ktime = uapi::EVFD_TIMER_BUSY as Ktime;

/// The clock of a timer in memory.
const CLOCK: u32 = 1;

/// The kernel's timer is not started.
const STOPPED: Ktime = 0;

/// A timer with a record. A test sets the time.
pub(crate) struct RecordTimer {
    pub(crate) record: Record,
    queue: WaitQueue,
    interval: Ktime,
    now: AtomicI64,
    /// The time that the kernel's timer is started for. The lock of the queue guards it.
    started: AtomicI64,
    /// Whether a waiter must be woken for each expiration. The lock of the queue guards it.
    each: AtomicI64,
    /// Whether the timer is in memory. The lock of the queue guards it.
    is_there: AtomicBool,
}

impl RecordTimer {
    /// A timer that expires at `next`.
    pub(crate) fn new(next: Ktime, interval: Ktime) -> Arc<Self> {
        let this = Self {
            record: Record::zeroed(),
            queue: WaitQueue::default(),
            interval,
            now: AtomicI64::new(1),
            started: AtomicI64::new(STOPPED),
            each: AtomicI64::new(0),
            is_there: AtomicBool::new(false),
        };
        // Makes the atomics here: see `Atomic`.
        this.record.begin();
        this.enter(next);
        Arc::new(this)
    }

    /// A setting that is in memory, without a waiter.
    pub(crate) fn enter(&self, next: Ktime) {
        self.queue.lock(|_| {
            self.is_there.store(true, Ordering::Relaxed);
            self.record.enter(next, self.interval, CLOCK);
            self.record.look_never();
        });
    }

    /// A setting that is not in memory.
    pub(crate) fn leave(&self) {
        self.queue.lock(|_| {
            self.record.begin_change();
            self.is_there.store(false, Ordering::Relaxed);
            self.record.leave();
        });
    }

    pub(crate) fn set_now(&self, now: Ktime) {
        self.now.store(now, Ordering::SeqCst);
    }

    fn now(&self) -> Ktime {
        self.now.load(Ordering::SeqCst)
    }

    fn is_due(&self) -> bool {
        let next = self.record.next();
        next != 0 && next <= self.now()
    }

    fn look(&self, queue: &mut QueueLock<'_>) {
        let next = self.record.look_always();
        if next == 0 {
            self.started.store(STOPPED, Ordering::Relaxed);
            return;
        }
        self.record.look_at(next);
        self.start(next, queue);
    }

    fn start(&self, next: Ktime, queue: &mut QueueLock<'_>) {
        self.started.store(next, Ordering::Relaxed);
        if next <= self.now() {
            self.expire(queue);
        }
    }

    fn expire(&self, queue: &mut QueueLock<'_>) {
        self.started.store(STOPPED, Ordering::Relaxed);
        if !queue.is_active() {
            self.each.store(0, Ordering::Relaxed);
            self.record.look_never();
            return;
        }
        let next = self.record.look_always();
        if next == 0 {
            return;
        }
        if next > self.now() {
            self.record.look_at(next);
            self.started.store(next, Ordering::Relaxed);
            if next <= self.now() {
                self.started.store(STOPPED, Ordering::Relaxed);
                queue.wake(Events::IN);
            }
            return;
        }
        if self.each.load(Ordering::Relaxed) == 0 || cfg!(feature = "greedy") {
            self.record.look_never();
        }
        queue.wake(Events::IN);
    }

    /// An interrupt of the kernel's timer, if its time has come.
    pub(crate) fn interrupt(&self) {
        self.queue.lock(|queue| {
            let started = self.started.load(Ordering::Relaxed);
            if started != STOPPED && started <= self.now() {
                self.expire(queue);
            }
        });
    }

    /// Sleeps until there are ticks.
    pub(crate) fn wait(&self) {
        self.queue.wait_until(Events::IN, false, || {
            self.queue.lock(|queue| {
                self.is_due() || {
                    self.look(queue);
                    self.is_due()
                }
            })
        });
    }

    /// A poll of a poller that polls again before it waits, and that stays on the queue.
    pub(crate) fn poll(&self, poller: &Poller) -> bool {
        self.queue.stay(Events::IN, poller);
        self.queue.lock(|queue| {
            if self.is_due() {
                // The program may put the timer off meanwhile.
                return !cfg!(feature = "hasty") || self.is_due();
            }
            self.look(queue);
            self.is_due()
        })
    }

    /// Polls until there are ticks.
    pub(crate) fn poll_until_due(&self) {
        let poller = Poller::new();
        while !self.poll(&poller) {
            poller.woken.wait();
        }
    }

    /// The first poll of an edge-triggered poller.
    pub(crate) fn poll_each(&self, poller: &Poller) -> bool {
        self.queue.stay(Events::IN, poller);
        self.queue.lock(|queue| {
            self.each.store(1, Ordering::Relaxed);
            if self.is_due() {
                self.record.look_always();
            } else {
                self.look(queue);
            }
            self.is_due()
        })
    }

    /// A read by the descriptor. Returns the ticks.
    pub(crate) fn take(&self) -> u64 {
        self.queue.lock(|queue| {
            if !self.is_due() {
                return 0;
            }
            let next = self.record.begin_change();
            let (after, ticks) = self.progress(next);
            self.record.end_change(after);
            if queue.is_active() {
                self.look(queue);
            }
            ticks
        })
    }

    fn progress(&self, next: Ktime) -> (Ktime, u64) {
        if next == 0 || next > self.now() {
            return (next, 0);
        }
        if self.interval == 0 {
            return (0, 1);
        }
        let ticks = 1 + (self.now() - next) / self.interval;
        (next + ticks * self.interval, ticks as u64)
    }

    /// A kick.
    fn kick(&self) {
        self.queue.lock(|queue| {
            let is_there = self.is_there.load(Ordering::Relaxed);
            if !queue.is_active() {
                self.each.store(0, Ordering::Relaxed);
                if is_there {
                    self.record.look_never();
                }
            } else if is_there {
                self.look(queue);
            }
        });
    }
}

/// The program.
impl RecordTimer {
    fn next_of_program(&self) -> &AtomicU64 {
        self.record.next.inner()
    }

    fn order() -> Ordering {
        if cfg!(feature = "relaxed") {
            Ordering::Relaxed
        } else {
            Ordering::AcqRel
        }
    }

    /// The next expiration as the program sees it.
    pub(crate) fn next_word(&self) -> Ktime {
        self.next_of_program().load(Ordering::Relaxed) as Ktime
    }

    fn is_in_memory(&self) -> bool {
        self.record.clockid.load(Relaxed) == CLOCK
    }

    /// `evfd_timer_is_early_()` and `evfd_timer_kick_()`. See `CellFd::changed()` for the fence.
    /// Returns false if the timer is not in memory.
    fn changed(&self, next: Ktime) -> bool {
        if !cfg!(feature = "relaxed") {
            fence(Ordering::SeqCst);
        }
        if (self.record.look.load(Relaxed) as Ktime) < next {
            return true;
        }
        self.is_in_memory() && {
            self.kick();
            true
        }
    }

    /// The compare-and-exchange of the program. Returns false if the word is not `old` any more.
    fn exchange(&self, old: Ktime, new: Ktime) -> bool {
        let (word, old, new) = (self.next_of_program(), old as u64, new as u64);
        if cfg!(feature = "torn") {
            let is_old = word.load(Ordering::Acquire) == old;
            if is_old {
                word.store(new, Ordering::Release);
            }
            return is_old;
        }
        word.compare_exchange(old, new, Self::order(), Ordering::Relaxed)
            .is_ok()
    }

    /// `evfd_timer_put_off()`. Returns false if the timer is not in memory.
    pub(crate) fn put_off(&self, next: Ktime) -> bool {
        self.next_of_program().swap(next as u64, Self::order());
        self.changed(next)
    }

    /// `evfd_timer_read()`. Returns `None` if it would make the call.
    pub(crate) fn program_read(&self) -> Option<u64> {
        loop {
            let next = self.next_of_program().load(Ordering::Acquire) as Ktime;
            if next < 0 || !self.is_in_memory() {
                return None;
            }
            let (after, ticks) = self.progress(next);
            if ticks == 0 {
                return Some(0);
            }
            if self.exchange(next, after) {
                if after != 0 {
                    self.changed(after);
                }
                return Some(ticks);
            }
        }
    }
}
