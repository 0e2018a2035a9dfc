// SPDX-License-Identifier: GPL-2.0

//! A wait queue with a timer, and a state that its lock guards.

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

/// A state that a timer changes.
pub trait Expire: Send + 'static {
    /// Called when the timer expires, with the lock held. Returns whom that wakes.
    fn expire(&mut self) -> Events;
}

/// What became of a timer since it got its clock.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Phase {
    /// It was not started, or stopped.
    Stopped,
    /// It was started, and the state is to be told when it expires.
    Started,
    /// The state was told that it has expired.
    Expired,
}

/// A wait queue with a timer. When the timer expires, the state is told and the queue woken.
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

// SAFETY: Timers may be used, and canceled, by other tasks than have started them; `S` is `Send`.
unsafe impl<T: RawTimer, S: Expire> Send for Timed<T, S> {}
// SAFETY: The lock guards the state, which is `Send`, and the timer has a lock of its own besides.
unsafe impl<T: RawTimer, S: Expire> Sync for Timed<T, S> {}

impl<T: RawTimer, S: Expire> Timed<T, S> {
    /// Creates an initialiser of a timer that goes by `clock` and is not started.
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

    /// The queue, to be polled or waited on.
    pub fn queue(&self) -> &WaitQueue {
        &self.queue
    }

    /// Takes the lock. Context: where a `spinlock_t` may be taken.
    pub fn lock(&self) -> Guard<'_, T, S> {
        // INVARIANT: It is this one's lock.
        Guard {
            timed: self,
            lock: self.queue.lock(),
        }
    }

    /// Takes the lock when the timer is inactive, and cancels it for that.
    ///
    /// Context: task, with no lock held that the callback or the waiters' callbacks take.
    pub fn lock_stopped(&self) -> Stopped<'_, T, S> {
        loop {
            let guard = self.lock();
            // SAFETY: The timer is set up by the type invariant.
            if unsafe { T::try_cancel(self.timer.get()) } {
                // INVARIANT: The timer is inactive now, and who starts it needs the lock.
                return Stopped(guard);
            }
            drop(guard);
            // Not `cancel()`: without the lock, another task may give the timer a clock, of which
            // the timer is all zeros for a moment.
            let_callback_run();
        }
    }

    /// Sleeps until `condition` holds; see [`WaitQueue::wait_until`].
    pub fn wait_until(&self, mode: Mode, condition: impl Fn(&S) -> bool) -> Result {
        self.queue.wait_until(mode, || condition(&self.lock()))
    }
}

// SAFETY: `drop()` waits for the callback, before anything in `Self` goes away.
unsafe impl<T: RawTimer, S: Expire> Callback<T> for Timed<T, S> {
    unsafe fn run(timer: *const T) {
        let timer: *const Opaque<T> = timer.cast();
        // SAFETY: The timer is the field of a `Timed`, and that is not gone.
        let this = unsafe { &*kernel::container_of!(timer, Self, timer) };
        let mut guard = this.lock();
        // While this waited for the lock, the timer may have been stopped, started anew, or started
        // for a time that was over, of which the state was told then. If it is queued, this is not
        // for that start, but there will be another call.
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
        // SAFETY: The timer is set up by the type invariant, and who drops holds no lock of this.
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

    /// Tells the state that the timer has expired, and wakes.
    fn expire(&mut self) {
        self.set_phase(Phase::Expired);
        let events = (**self).expire();
        self.wake(events);
    }

    /// Wakes as [`WaitQueue::wake`].
    pub fn wake(&mut self, events: Events) {
        self.lock.wake(events);
    }

    /// When the timer expires or has expired; 0 if it was not started since it got its clock, or
    /// was stopped.
    pub fn expires(&self) -> Ktime {
        if self.phase() == Phase::Stopped {
            return 0;
        }
        // SAFETY: The timer is set up. Who starts it needs the lock, which is held.
        unsafe { T::expires(self.timed.timer.get()) }
    }

    /// Stops the timer: the state is not told of it any more.
    pub fn stop(&mut self) {
        if self.phase() == Phase::Started {
            // A callback that is running, and waits for the lock, finds the phase changed.
            // SAFETY: The timer is set up by the type invariant.
            unsafe { T::try_cancel(self.timed.timer.get()) };
        }
        self.set_phase(Phase::Stopped);
    }

    /// Has the timer expire at `expires` on its clock, or up to `slack` nanoseconds later. If it is
    /// that time already, it expires at once. The timer must not be started already, unless it
    /// [restarts](RawTimer::RESTARTS).
    pub fn start(&mut self, expires: Ktime, slack: u64) {
        self.set_phase(Phase::Started);
        // SAFETY: The timer is set up. Who starts it needs the lock, which is held.
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

/// A [`Guard`] while which the timer is inactive.
///
/// # Invariants
///
/// The timer is inactive.
pub struct Stopped<'a, T: RawTimer, S: Expire>(Guard<'a, T, S>);

impl<'a, T: RawTimer, S: Expire> Stopped<'a, T, S> {
    /// When the timer would have expired, or has.
    pub fn expires(&self) -> Ktime {
        self.0.expires()
    }

    /// Gives the timer a clock.
    pub fn set_clock(mut self, clock: Clock) -> Guard<'a, T, S> {
        self.0.set_phase(Phase::Stopped);
        // SAFETY: The timer is inactive by the type invariant. Who starts it, or gives it a clock,
        // needs the lock, which is held.
        unsafe { T::setup::<Timed<T, S>>(self.0.timed.timer.get(), clock) };
        self.0
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
