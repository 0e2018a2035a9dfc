// SPDX-License-Identifier: GPL-2.0

//! Timers that call a function of their owner once for each start.

use crate::abstractions::time::{
    clock::{
        Clock,
        Ktime, //
    },
    timer::{
        Callback,
        RawTimer, //
    }, //
};
use core::pin::Pin;
use kernel::{
    prelude::*,
    types::Opaque, //
};

/// The owner of a [`Once`].
pub trait Fired: Send + Sync {
    /// Runs when the timer expires. Context: hardirq, or softirq on `PREEMPT_RT`.
    fn fired(&self);
}

/// A timer with its owner. Each start calls [`Fired::fired`] at most once.
///
/// # Invariants
///
/// `timer` is set up, with `Self` as its callback.
#[pin_data(PinnedDrop)]
pub struct Once<T: RawTimer, F: Fired> {
    #[pin]
    timer: Opaque<T>,
    owner: F,
}

// SAFETY: Other tasks than the one that started a timer may use and cancel it, and `F` is `Send`.
unsafe impl<T: RawTimer, F: Fired> Send for Once<T, F> {}
// SAFETY: The kernel's timer has its own lock, and `F` is `Sync`.
unsafe impl<T: RawTimer, F: Fired> Sync for Once<T, F> {}

impl<T: RawTimer, F: Fired> Once<T, F> {
    /// Creates an initialiser of a timer on `clock` that is not started.
    pub fn new(clock: Clock, owner: F) -> impl PinInit<Self> {
        // INVARIANT: `setup()` is called here.
        pin_init!(Self {
            // SAFETY: The timer is new and pinned, and `drop()` cancels it.
            timer <- Opaque::ffi_init(|timer| unsafe { T::setup::<Self>(timer, clock) }),
            owner: owner,
        })
    }

    /// The owner.
    pub fn owner(&self) -> &F {
        &self.owner
    }

    /// Starts the timer: it expires at `expires` on its clock, or up to `slack` nanoseconds later.
    /// Returns false if that time has passed; the timer does not expire then.
    ///
    /// Context: any where a timer may be started, also [`Fired::fired`].
    pub fn start(&self, expires: Ktime, slack: u64) -> bool {
        // SAFETY: The timer is set up by the type invariant.
        unsafe { T::start(self.timer.get(), expires, slack) }
    }

    /// Cancels the timer, and waits for [`Fired::fired`] if it is running.
    ///
    /// Context: task. The caller holds no lock that `fired()` takes.
    pub fn cancel(&self) {
        // SAFETY: The timer is set up by the type invariant, and is set up again with a mutable
        // reference only.
        unsafe { T::cancel(self.timer.get()) };
    }

    /// Cancels the timer, and gives it another clock. Returns the owner, which nobody else uses
    /// before the next start.
    ///
    /// Context: like that of [`Once::cancel`].
    pub fn set_clock(self: Pin<&mut Self>, clock: Clock) -> &mut F {
        self.cancel();
        // SAFETY: The timer stays where it is, and the owner is not pinned.
        let this = unsafe { self.get_unchecked_mut() };
        // SAFETY: The timer is inactive, and the reference is mutable, so no other call uses it.
        // `drop()` cancels it.
        unsafe { T::setup::<Self>(this.timer.get(), clock) };
        &mut this.owner
    }
}

// SAFETY: `drop()` waits for the callback before the fields are dropped.
unsafe impl<T: RawTimer, F: Fired> Callback<T> for Once<T, F> {
    unsafe fn run(timer: *const T) {
        let timer: *const Opaque<T> = timer.cast();
        // SAFETY: The timer is the field of a `Once`, which is not freed.
        let this = unsafe { &*kernel::container_of!(timer, Self, timer) };
        this.owner.fired();
    }
}

#[pinned_drop]
impl<T: RawTimer, F: Fired> PinnedDrop for Once<T, F> {
    fn drop(self: Pin<&mut Self>) {
        self.cancel();
    }
}
