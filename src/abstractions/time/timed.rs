// SPDX-License-Identifier: GPL-2.0

//! A wait queue with a timer and a state, which the queue's lock guards.

use crate::abstractions::{
    file::events::Events,
    sync::wait::{
        Mode,
        QueueLock,
        WaitQueue, //
    },
    time::{
        clock::{
            Clock,
            Ktime, //
        },
        timer::{
            let_callback_run,
            Callback,
            RawTimer, //
        }, //
    }, //
};
use core::{
    cell::UnsafeCell,
    ops::{
        Deref,
        DerefMut, //
    }, //
};
use kernel::{
    prelude::*,
    types::Opaque, //
};

/// The result of an expiration.
pub enum Expired {
    /// Wake with these events.
    Wake(Events),
    /// Start the timer again, for this time and with this slack.
    Again(Ktime, u64),
    /// Wake nobody. Waking without an event would wake every poller.
    Nothing,
}

/// A state that a timer changes.
pub trait Expire: Send + 'static {
    /// Runs when the timer expires, with the lock held. Returns the events to wake with.
    fn expire(&mut self) -> Events;

    /// Like [`Expire::expire`], for a timer that may have to start again. `has_waiters` says whether
    /// there is a waiter on the queue.
    #[inline(always)]
    fn expire_or_continue(&mut self, _has_waiters: bool) -> Expired {
        Expired::Wake(self.expire())
    }
}

/// The phase of a timer since its clock was set.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Phase {
    /// It was not started, or was stopped.
    Stopped,
    /// It was started, and has not expired.
    Started,
    /// It has expired, and [`Expire::expire`] has run.
    Expired,
}

/// A wait queue with a timer. When the timer expires, [`Expire::expire`] runs and the queue is
/// woken.
///
/// The lock of the queue guards the state, the phase, and starting the timer.
///
/// # Invariants
///
/// `timer` is set up, with `Self` as its callback.
#[pin_data(PinnedDrop)]
pub struct Timed<T: RawTimer, S: Expire> {
    #[pin]
    queue: WaitQueue,
    #[pin]
    timer: Opaque<T>,
    state: UnsafeCell<S>,
    phase: UnsafeCell<Phase>,
}

// SAFETY: Other tasks than the one that started a timer may use and cancel it, and `S` is `Send`.
unsafe impl<T: RawTimer, S: Expire> Send for Timed<T, S> {}
// SAFETY: The lock guards the state, which is `Send`. The kernel's timer has its own lock.
unsafe impl<T: RawTimer, S: Expire> Sync for Timed<T, S> {}

impl<T: RawTimer, S: Expire> Timed<T, S> {
    /// Creates an initialiser of a timer on `clock` that is not started.
    pub fn new(queue: impl PinInit<WaitQueue>, clock: Clock, state: S) -> impl PinInit<Self> {
        // INVARIANT: `setup()` is called here.
        pin_init!(Self {
            queue <- queue,
            // SAFETY: The timer is new and pinned, and `drop()` cancels it.
            timer <- Opaque::ffi_init(|timer| unsafe { T::setup::<Self>(timer, clock) }),
            state: UnsafeCell::new(state),
            phase: UnsafeCell::new(Phase::Stopped),
        })
    }

    /// The queue, for pollers and waiters.
    pub fn queue(&self) -> &WaitQueue {
        &self.queue
    }

    /// Takes the lock. Context: where a `spinlock_t` may be taken.
    pub fn lock(&self) -> Guard<'_, T, S> {
        // INVARIANT: It is the lock of this queue.
        Guard {
            timed: self,
            lock: self.queue.lock(),
        }
    }

    /// Cancels the timer, and takes the lock with the timer inactive.
    ///
    /// Context: task, may sleep. The caller holds no lock that the callback or a waiter's callback
    /// takes.
    pub fn lock_stopped(&self) -> Stopped<'_, T, S> {
        loop {
            let guard = self.lock();
            // SAFETY: The timer is set up by the type invariant.
            if unsafe { T::try_cancel(self.timer.get()) } {
                // INVARIANT: The timer is inactive now, and starting it needs the lock.
                return Stopped(guard);
            }
            drop(guard);
            // Not `cancel()`: without the lock, another task may set the timer up for another
            // clock, and the timer is all zeros for a moment then.
            let_callback_run();
        }
    }

    /// Sleeps until `condition` holds; see [`WaitQueue::wait_until`].
    pub fn wait_until(&self, mode: Mode, condition: impl Fn(&S) -> bool) -> Result {
        self.queue.wait_until(mode, || condition(&self.lock()))
    }
}

// SAFETY: `drop()` waits for the callback before the fields are dropped.
unsafe impl<T: RawTimer, S: Expire> Callback<T> for Timed<T, S> {
    unsafe fn run(timer: *const T) {
        let timer: *const Opaque<T> = timer.cast();
        // SAFETY: The timer is the field of a `Timed`, which is not freed.
        let this = unsafe { &*kernel::container_of!(timer, Self, timer) };
        let mut guard = this.lock();
        // While this waited for the lock, the timer may have been stopped, started again, or
        // started for a time that had passed, for which `expire()` has run already. If the timer is
        // queued, this call is for an earlier start, and another call will follow.
        // SAFETY: The timer is set up by the type invariant.
        let is_queued = unsafe { T::is_queued(guard.timed.timer.get()) };
        if guard.phase() == Phase::Started && !is_queued {
            guard.expire();
        }
    }
}

#[pinned_drop]
impl<T: RawTimer, S: Expire> PinnedDrop for Timed<T, S> {
    fn drop(self: Pin<&mut Self>) {
        // SAFETY: The timer is set up by the type invariant. The caller has an exclusive reference,
        // so it does not hold the lock.
        unsafe { T::cancel(self.timer.get()) };
    }
}

/// A [`Timed`] whose lock is held: access to its state.
///
/// # Invariants
///
/// `lock` is the lock of the queue in `timed`.
pub struct Guard<'a, T: RawTimer, S: Expire> {
    timed: &'a Timed<T, S>,
    lock: QueueLock<'a>,
}

impl<T: RawTimer, S: Expire> Guard<'_, T, S> {
    fn phase(&self) -> Phase {
        // SAFETY: The lock is held, and it guards the phase.
        unsafe { *self.timed.phase.get() }
    }

    fn set_phase(&mut self, phase: Phase) {
        // SAFETY: The lock is held, and it guards the phase.
        unsafe { *self.timed.phase.get() = phase };
    }

    /// Runs [`Expire::expire`], and wakes.
    fn expire(&mut self) {
        self.set_phase(Phase::Expired);
        let has_waiters = self.has_waiters();
        match (**self).expire_or_continue(has_waiters) {
            Expired::Wake(events) => self.wake(events),
            Expired::Nothing => {}
            Expired::Again(time, slack) => {
                self.set_phase(Phase::Started);
                // SAFETY: The timer is set up. Starting it needs the lock, which is held. Kinds
                // that do not restart never get here while they are started.
                if !unsafe { T::start(self.timed.timer.get(), time, slack) } {
                    self.set_phase(Phase::Expired);
                    let events = (**self).expire();
                    self.wake(events);
                }
            }
        }
    }

    /// Expires the timer now, without its interrupt, if it is started.
    pub fn expire_if_started(&mut self) {
        if self.phase() == Phase::Started {
            self.stop();
            self.expire();
        }
    }

    /// Whether there is a waiter on the queue.
    pub fn has_waiters(&self) -> bool {
        self.timed.queue.is_active()
    }

    /// Whether the timer is started for `time`, and has not expired.
    pub fn is_started_for(&self, time: Ktime) -> bool {
        self.phase() == Phase::Started && self.expires() == time
    }

    /// Wakes like [`WaitQueue::wake`].
    pub fn wake(&mut self, events: Events) {
        self.lock.wake(events);
    }

    /// The time at which the timer expires or has expired, or 0 if it was not started since its
    /// clock was set. Also 0 if it was stopped, unless it [keeps](RawTimer::KEEPS_EXPIRES) the time.
    pub fn expires(&self) -> Ktime {
        if !T::KEEPS_EXPIRES && self.phase() == Phase::Stopped {
            return 0;
        }
        // SAFETY: The timer is set up. Starting it needs the lock, which is held.
        unsafe { T::expires(self.timed.timer.get()) }
    }

    /// Stops the timer: [`Expire::expire`] does not run any more.
    pub fn stop(&mut self) {
        if self.phase() == Phase::Started {
            // A running callback, which waits for the lock, will see the new phase.
            // SAFETY: The timer is set up by the type invariant.
            unsafe { T::try_cancel(self.timed.timer.get()) };
        }
        self.set_phase(Phase::Stopped);
    }

    /// Starts the timer: it expires at `expires` on its clock, or up to `slack` nanoseconds later.
    /// If that time has passed, it expires immediately. The timer must not be started already,
    /// unless it [restarts](RawTimer::RESTARTS).
    pub fn start(&mut self, expires: Ktime, slack: u64) {
        self.set_phase(Phase::Started);
        // SAFETY: The timer is set up. Starting it needs the lock, which is held.
        if !unsafe { T::start(self.timed.timer.get(), expires, slack) } {
            self.expire();
        }
    }
}

impl<T: RawTimer, S: Expire> Deref for Guard<'_, T, S> {
    type Target = S;

    fn deref(&self) -> &S {
        // SAFETY: The lock is held, and it guards the state.
        unsafe { &*self.timed.state.get() }
    }
}

impl<T: RawTimer, S: Expire> DerefMut for Guard<'_, T, S> {
    fn deref_mut(&mut self) -> &mut S {
        // SAFETY: The lock is held, and it guards the state.
        unsafe { &mut *self.timed.state.get() }
    }
}

/// A [`Guard`] with an inactive timer.
///
/// # Invariants
///
/// The timer is inactive.
pub struct Stopped<'a, T: RawTimer, S: Expire>(Guard<'a, T, S>);

impl<'a, T: RawTimer, S: Expire> Stopped<'a, T, S> {
    /// The time at which the timer would have expired, or has expired.
    pub fn expires(&self) -> Ktime {
        self.0.expires()
    }

    /// Keeps the timer's clock.
    pub fn keep_clock(mut self) -> Guard<'a, T, S> {
        self.0.set_phase(Phase::Stopped);
        self.0
    }

    /// Sets the timer's clock.
    pub fn set_clock(self, clock: Clock) -> Guard<'a, T, S> {
        let guard = self.keep_clock();
        // SAFETY: The timer is inactive by the type invariant. Starting it and setting its clock
        // need the lock, which is held.
        unsafe { T::setup::<Timed<T, S>>(guard.timed.timer.get(), clock) };
        guard
    }
}

impl<T: RawTimer, S: Expire> Deref for Stopped<'_, T, S> {
    type Target = S;

    fn deref(&self) -> &S {
        &self.0
    }
}

impl<T: RawTimer, S: Expire> DerefMut for Stopped<'_, T, S> {
    fn deref_mut(&mut self) -> &mut S {
        &mut self.0
    }
}
