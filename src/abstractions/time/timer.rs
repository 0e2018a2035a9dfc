// SPDX-License-Identifier: GPL-2.0

//! Timers whose clock can be changed, and that go by every clock the kernel has.
//!
//! The kernel crate's `HrTimer` has its clock in its type, and there is none for alarms. These are
//! the bare timers; [`Timed`](super::timed::Timed) makes them safe to use.
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

/// What a timer does when it expires.
///
/// # Safety
///
/// `run` must not access the timer after it was canceled and went away.
pub unsafe trait Callback<T> {
    /// Called each time `timer` expires. Context: hardirq, or softirq on `PREEMPT_RT`; a
    /// `spinlock_t` may be taken.
    ///
    /// # Safety
    ///
    /// `timer` must be one that was set up for this callback and is not gone.
    unsafe fn run(timer: *const T);
}

/// A timer in the kernel, of one kind or another.
///
/// # Safety
///
/// After `setup()`, the callback is called only between a `start()` and the end of `cancel()`.
pub unsafe trait RawTimer: Sized {
    /// Whether `start()` may be called for a timer that is started already, or whose callback is
    /// running. Then the callback can find out by `is_queued()` that it is called for a start that
    /// is not the last.
    const RESTARTS: bool;

    /// Gives the timer its clock and callback. [`RawTimer::expires`] is 0 from then on.
    ///
    /// # Safety
    ///
    /// `this` must be valid for writing, and either new or inactive: not started since it was
    /// canceled. Nobody else may use it meanwhile. It must stay where it is, and not go away
    /// before it is canceled.
    unsafe fn setup<C: Callback<Self>>(this: *mut Self, clock: Clock);

    /// Has the callback called at `expires` on the timer's clock, or up to `slack` nanoseconds
    /// later. Returns false if it is that time already: then the callback is not called.
    ///
    /// # Safety
    ///
    /// The timer must be set up, and `start()` not be called by two at the same time.
    unsafe fn start(this: *mut Self, expires: Ktime, slack: u64) -> bool;

    /// When the timer expires, or has expired.
    ///
    /// # Safety
    ///
    /// The timer must be set up, and not be started at the same time.
    unsafe fn expires(this: *mut Self) -> Ktime;

    /// Whether the timer is started, and neither has its callback been called since nor was it that
    /// time already. Always false for those that do not [restart](RawTimer::RESTARTS).
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

    /// Cancels the timer, and waits for its callback if that is running.
    ///
    /// Context: task. No lock may be held that the callback takes.
    ///
    /// # Safety
    ///
    /// The timer must be set up, and not be set up anew at the same time.
    unsafe fn cancel(this: *mut Self);
}

/// Lets a timer's callback that is running get on, for who has to wait for its end and may not
/// look at the timer meanwhile: it may be set up anew at any moment.
///
/// Context: task, may sleep. No lock may be held that the callback takes.
pub fn let_callback_run() {
    // SAFETY: It has no requirement but its context.
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
        // SAFETY: The safety requirement; the timer is not gone, as its end waits for this.
        unsafe { C::run(timer.cast_const().cast()) };
        HRTIMER_NORESTART
    }
}

// SAFETY: `hrtimer_cancel()` waits for the callback.
unsafe impl RawTimer for HrTimer {
    // A timer whose callback is running stays on the CPU that runs it when it is started, and
    // expires there after the callback's end.
    const RESTARTS: bool = true;

    unsafe fn setup<C: Callback<Self>>(this: *mut Self, clock: Clock) {
        // SAFETY: The timer may be written to, and is inactive. That sets all of it, and what it
        // expires at to 0.
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
        // SAFETY: The timer is set up, and nothing is held that the callback takes.
        unsafe { bindings::hrtimer_cancel(this.cast()) };
    }
}

/// Wraps the kernel's `struct alarm`: a timer that wakes the system from suspend, if that has a
/// clock that can.
///
/// It goes by [`Clock::Realtime`], and for any other clock by [`Clock::Boottime`]. Slack it has
/// none.
#[repr(transparent)]
pub struct Alarm(Opaque<bindings::alarm>);

impl Alarm {
    /// # Safety
    ///
    /// Must be called for an alarm that was set up with `C`.
    unsafe extern "C" fn expired<C: Callback<Self>>(alarm: *mut bindings::alarm, _now: Ktime) {
        // SAFETY: The safety requirement; the alarm is not gone, as its end waits for this.
        unsafe { C::run(alarm.cast_const().cast()) };
    }
}

// SAFETY: `alarm_cancel()` waits for the callback.
unsafe impl RawTimer for Alarm {
    const RESTARTS: bool = false;

    unsafe fn setup<C: Callback<Self>>(this: *mut Self, clock: Clock) {
        let kind = match clock {
            Clock::Realtime => bindings::alarmtimer_type_ALARM_REALTIME,
            _ => bindings::alarmtimer_type_ALARM_BOOTTIME,
        };
        // SAFETY: The alarm may be written to, and is inactive. `alarm_init()` leaves out when it
        // expires.
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
        // SAFETY: The alarm is set up, and nothing is held that the callback takes.
        unsafe { bindings::alarm_cancel(this.cast()) };
    }
}
