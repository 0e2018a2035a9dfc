// SPDX-License-Identifier: GPL-2.0

//! Timers on every clock of the kernel, with clocks that can be changed.
//!
//! The kernel crate's `HrTimer` has its clock in its type, and the crate has no type for alarms.
//! This file has the bare timers; [`Timed`](super::timed::Timed) makes them safe.
//!
//! C headers: [`include/linux/hrtimer.h`](srctree/include/linux/hrtimer.h),
//! [`include/linux/alarmtimer.h`](srctree/include/linux/alarmtimer.h)

use crate::abstractions::{
    compat::HRTIMER_NORESTART,
    helpers,
    time::clock::{
        Clock,
        Ktime, //
    }, //
};
use kernel::{
    bindings,
    types::Opaque, //
};

/// A function for expired timers.
///
/// # Safety
///
/// `run` must not access the timer after it was canceled and freed.
pub unsafe trait Callback<T> {
    /// Runs each time that `timer` expires. Context: hardirq, or softirq on `PREEMPT_RT`; a
    /// `spinlock_t` may be taken.
    ///
    /// # Safety
    ///
    /// `timer` must be set up for this callback, and not freed.
    unsafe fn run(timer: *const T);
}

/// A kind of kernel timer.
///
/// # Safety
///
/// After `setup()`, the callback runs only between a `start()` and the end of `cancel()`.
pub unsafe trait RawTimer: Sized {
    /// Whether `start()` may be called while the timer is started or its callback is running. If
    /// so, `is_queued()` says to a callback that it runs for an earlier start.
    const RESTARTS: bool;

    /// Gives the timer its clock and callback. [`RawTimer::expires`] is 0 from then on.
    ///
    /// # Safety
    ///
    /// `this` must be valid for writing, pinned, and either new or inactive: not started since it
    /// was canceled. No other call may use it meanwhile. It must be canceled before it is freed.
    unsafe fn setup<C: Callback<Self>>(this: *mut Self, clock: Clock);

    /// Makes the callback run at `expires` on the timer's clock, or up to `slack` nanoseconds
    /// later. Returns false if that time has passed; the callback does not run then.
    ///
    /// # Safety
    ///
    /// The timer must be set up. Of concurrent calls, one has the last word.
    unsafe fn start(this: *mut Self, expires: Ktime, slack: u64) -> bool;

    /// Whether the time of the last start is still known after the timer was stopped, like native's
    /// timerfd_gettime(2) shows it.
    const KEEPS_EXPIRES: bool;

    /// The time at which the timer expires, or has expired.
    ///
    /// # Safety
    ///
    /// The timer must be set up, and must not be started concurrently.
    unsafe fn expires(this: *mut Self) -> Ktime;

    /// Whether the timer is started and its callback for that start has yet to run. Always false
    /// for kinds that do not [restart](RawTimer::RESTARTS).
    ///
    /// # Safety
    ///
    /// The timer must be set up.
    unsafe fn is_queued(this: *mut Self) -> bool;

    /// Cancels the timer, if its callback is not running. Returns whether it is inactive.
    ///
    /// # Safety
    ///
    /// The timer must be set up.
    unsafe fn try_cancel(this: *mut Self) -> bool;

    /// Cancels the timer, and waits for its callback if it is running.
    ///
    /// Context: task. No lock may be held that the callback takes.
    ///
    /// # Safety
    ///
    /// The timer must be set up, and must not be set up again concurrently.
    unsafe fn cancel(this: *mut Self);
}

/// Waits a moment for a running callback of a timer. For callers that must wait for its end but
/// must not access the timer meanwhile, because another task may set it up again at any time.
///
/// Context: task, may sleep. No lock may be held that the callback takes.
pub fn let_callback_run() {
    // SAFETY: The function has no requirement except its context.
    unsafe { helpers::evfd_helper_let_callback_run() };
}

/// Wraps the kernel's `struct hrtimer`.
#[repr(transparent)]
pub struct HrTimer(Opaque<bindings::hrtimer>);

impl HrTimer {
    /// # Safety
    ///
    /// Must be called for a timer that was set up with `C`.
    unsafe extern "C" fn expired<C: Callback<Self>>(
        timer: *mut bindings::hrtimer,
    ) -> bindings::hrtimer_restart {
        // SAFETY: By the safety requirement. The timer is not freed, because canceling it waits for
        // this function.
        unsafe { C::run(timer.cast_const().cast()) };
        HRTIMER_NORESTART
    }
}

// SAFETY: `hrtimer_cancel()` waits for the callback.
unsafe impl RawTimer for HrTimer {
    // A timer that is started while its callback runs stays on that CPU, and expires there after
    // the callback's end.
    const RESTARTS: bool = true;
    const KEEPS_EXPIRES: bool = false;

    unsafe fn setup<C: Callback<Self>>(this: *mut Self, clock: Clock) {
        // SAFETY: The timer is valid for writing, and inactive. This initialises all of it,
        // including the time of expiration, which becomes 0.
        unsafe {
            bindings::hrtimer_setup(
                this.cast(),
                Some(Self::expired::<C>),
                clock.id() as bindings::clockid_t,
                bindings::hrtimer_mode_HRTIMER_MODE_ABS,
            )
        }
    }

    unsafe fn start(this: *mut Self, expires: Ktime, slack: u64) -> bool {
        // SAFETY: The timer is set up.
        unsafe {
            bindings::hrtimer_start_range_ns_user(
                this.cast(),
                expires,
                slack,
                bindings::hrtimer_mode_HRTIMER_MODE_ABS,
            )
        }
    }

    unsafe fn expires(this: *mut Self) -> Ktime {
        // SAFETY: The timer is set up, and only `start()` writes this.
        unsafe { (*this.cast::<bindings::hrtimer>())._softexpires }
    }

    unsafe fn is_queued(this: *mut Self) -> bool {
        // SAFETY: The timer is set up.
        unsafe { helpers::evfd_helper_hrtimer_is_queued(this.cast()) }
    }

    unsafe fn try_cancel(this: *mut Self) -> bool {
        // SAFETY: The timer is set up.
        unsafe { bindings::hrtimer_try_to_cancel(this.cast()) >= 0 }
    }

    unsafe fn cancel(this: *mut Self) {
        // SAFETY: The timer is set up, and the caller holds no lock that the callback takes.
        unsafe { bindings::hrtimer_cancel(this.cast()) };
    }
}

/// Wraps the kernel's `struct alarm`: a timer that wakes the system from suspend, if the system has
/// a clock that can.
///
/// Its clock is [`Clock::Realtime`], or [`Clock::Boottime`] if any other is given. It has no slack.
#[repr(transparent)]
pub struct Alarm(Opaque<bindings::alarm>);

impl Alarm {
    /// # Safety
    ///
    /// Must be called for an alarm that was set up with `C`.
    unsafe extern "C" fn expired<C: Callback<Self>>(alarm: *mut bindings::alarm, _now: Ktime) {
        // SAFETY: By the safety requirement. The alarm is not freed, because canceling it waits for
        // this function.
        unsafe { C::run(alarm.cast_const().cast()) };
    }
}

// SAFETY: `alarm_cancel()` waits for the callback.
unsafe impl RawTimer for Alarm {
    const RESTARTS: bool = false;
    const KEEPS_EXPIRES: bool = true;

    unsafe fn setup<C: Callback<Self>>(this: *mut Self, clock: Clock) {
        let kind = match clock {
            Clock::Realtime => bindings::alarmtimer_type_ALARM_REALTIME,
            _ => bindings::alarmtimer_type_ALARM_BOOTTIME,
        };
        // SAFETY: The alarm is valid for writing, and inactive. `alarm_init()` does not initialise
        // the time of expiration.
        unsafe {
            bindings::alarm_init(this.cast(), kind, Some(Self::expired::<C>));
            (*this.cast::<bindings::alarm>()).node.expires = 0;
        }
    }

    unsafe fn start(this: *mut Self, expires: Ktime, _slack: u64) -> bool {
        // SAFETY: The alarm is set up.
        unsafe { bindings::alarm_start_timer(this.cast(), expires, false) }
    }

    unsafe fn expires(this: *mut Self) -> Ktime {
        // SAFETY: The alarm is set up, and only `start()` writes this.
        unsafe { (*this.cast::<bindings::alarm>()).node.expires }
    }

    unsafe fn is_queued(_this: *mut Self) -> bool {
        false
    }

    unsafe fn try_cancel(this: *mut Self) -> bool {
        // SAFETY: The alarm is set up.
        unsafe { bindings::alarm_try_to_cancel(this.cast()) >= 0 }
    }

    unsafe fn cancel(this: *mut Self) {
        // SAFETY: The alarm is set up, and the caller holds no lock that the callback takes.
        unsafe { bindings::alarm_cancel(this.cast()) };
    }
}
