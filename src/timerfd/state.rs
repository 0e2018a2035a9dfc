// SPDX-License-Identifier: GPL-2.0

//! The state of a timer: its setting, and the ticks and cancellations since.
//!
//! The code starts no timer, reads no clock, and neither waits nor wakes.

use crate::{
    abstractions::{
        compat::ECANCELED,
        file::events::Events,
        time::{
            clock::{
                Clock,
                Ktime, //
            },
            clock_steps,
            timed::{
                Expire,
                Expired, //
            }, //
        }, //
    },
    timerfd::{
        front::{
            is_due,
            Front, //
        },
        schedule,
        setting::Setting, //
    },
    uapi, //
};
use kernel::prelude::*;

/// The state of a timer. The lock of the timer's wait queue guards it.
pub(crate) struct TimerState<F: Front = ()> {
    /// Expirations that no read has taken.
    pub(crate) ticks: u64,
    pub(crate) interval: Ktime,
    pub(crate) slack: u64,
    /// The last value seen of the number of times that the clock was set.
    steps: u32,
    /// The flags of the last setting, for fdinfo.
    pub(crate) flags: u32,
    pub(crate) clock: Clock,
    /// The clock of the kernel's timer.
    pub(crate) base: Clock,
    /// Whether the timer has expired since its last start.
    pub(crate) expired: bool,
    /// Whether setting the clock cancels. A change needs the roster's mutex too.
    pub(crate) cancel_on_set: bool,
    /// Whether the clock was set while that canceled, and no call has reported it.
    canceled: bool,
    /// With a record, the fields above are those of the last setting. Ticks are counted here only
    /// while the timer is not in the record.
    pub(crate) front: F,
}

impl<F: Front> Expire for TimerState<F> {
    fn expire(&mut self) -> Events {
        if self.front.record().is_none() {
            self.expired = true;
            self.ticks = self.ticks.saturating_add(1);
        }
        Events::IN
    }

    #[inline(always)]
    fn expire_or_continue(&mut self, has_waiters: bool) -> Expired {
        if F::HAS_RECORD && self.front.record().is_some() {
            return self.front.expire(self.base, self.slack, has_waiters);
        }
        Expired::Wake(self.expire())
    }
}

impl<F: Front> TimerState<F> {
    pub(crate) fn new(clock: Clock, front: F) -> Self {
        Self {
            ticks: 0,
            interval: 0,
            slack: 0,
            steps: 0,
            flags: 0,
            clock,
            base: clock,
            expired: false,
            cancel_on_set: false,
            canceled: false,
            front,
        }
    }

    pub(crate) fn is_canceled(&self) -> bool {
        self.cancel_on_set && (self.canceled || self.steps != clock_steps::count(self.clock))
    }

    /// Fails with `ECANCELED`, once, if the clock was set.
    pub(crate) fn check_canceled(&mut self) -> Result {
        if !self.is_canceled() {
            return Ok(());
        }
        self.canceled = false;
        self.steps = clock_steps::count(self.clock);
        Err(ECANCELED)
    }

    /// Fails with `ECANCELED`, once, if the clock was set. The ticks are gone then.
    #[cold]
    #[inline(never)]
    pub(crate) fn take_cancellation(&mut self) -> Result {
        self.check_canceled().inspect_err(|_| {
            self.ticks = 0;
            self.expired = false;
        })
    }

    pub(crate) fn is_readable(&self) -> bool {
        self.ticks != 0 || self.is_canceled()
    }

    /// Whether the timer is periodic and has expired since it was last forwarded.
    pub(crate) fn is_behind(&self) -> bool {
        self.expired && self.interval != 0
    }

    /// Counts the ticks that a periodic timer has missed since it expired at `expires`. Returns the
    /// next expiration if the timer must be started again.
    pub(crate) fn forward(&mut self, expires: Ktime, now: Ktime) -> Option<Ktime> {
        if !self.is_behind() {
            return None;
        }
        self.expired = false;
        let (next, passed) = schedule::forward(expires, self.interval, now);
        // `expire()` has counted the first. It becomes void, like native's, if the clock was set back
        // behind it.
        self.ticks = match passed {
            0 => self.ticks.saturating_sub(1),
            _ => self.ticks.saturating_add(passed - 1),
        };
        Some(next)
    }

    /// The interval, and the time until `expires`.
    pub(crate) fn setting(&self, expires: Ktime, now: Ktime) -> uapi::evfd_itimerspec {
        uapi::evfd_itimerspec {
            it_interval: schedule::to_timespec(self.interval),
            it_value: schedule::to_timespec(schedule::remaining(expires, now)),
        }
    }

    /// Like [`TimerState::setting`], for a setting that ends now: a periodic timer that expired at
    /// `expires` is forwarded.
    pub(crate) fn old_setting(&mut self, expires: Ktime, now: Ktime) -> uapi::evfd_itimerspec {
        let expires = self.forward(expires, now).unwrap_or(expires);
        self.setting(expires, now)
    }

    /// The ticks of a timer in its record that expires at `next`, at most `max`, and the first
    /// expiration after them.
    pub(crate) fn progress(&self, next: Ktime, now: Ktime, max: u64) -> (Ktime, u64) {
        if !is_due(next, now) {
            return (next, 0);
        }
        if self.interval == 0 {
            return (0, 1);
        }
        let (after, ticks) = schedule::forward(next, self.interval, now);
        if ticks <= max {
            return (after, ticks);
        }
        // Less than `ticks`, so less than `now`.
        (next + max as Ktime * self.interval, max)
    }

    /// The first expiration after `now` of such a timer, or 0.
    pub(crate) fn next_after(&self, next: Ktime, now: Ktime) -> Ktime {
        self.progress(next, now, u64::MAX).0
    }

    /// Whether setting the clock cancels the timer once it has the setting `new`.
    pub(crate) fn cancels_with(&self, new: &Setting) -> bool {
        let clock = new.clock.unwrap_or(self.clock);
        new.cancel_on_set && new.absolute && clock.can_be_set()
    }

    /// The clock of the kernel's timer once it has the setting `new`.
    pub(crate) fn base_with(&self, new: &Setting, alarm: bool) -> Clock {
        let clock = new.clock.unwrap_or(self.clock);
        // Setting the time of day must not change a relative time. Alarms behave like native's.
        if clock == Clock::Realtime && !new.absolute && !alarm {
            Clock::Monotonic
        } else {
            clock
        }
    }

    /// Applies the setting `new`, except for starting the timer.
    pub(crate) fn set(&mut self, new: &Setting, alarm: bool) {
        let cancel_on_set = self.cancels_with(new);
        self.canceled = self.canceled || self.is_canceled();
        self.clock = new.clock.unwrap_or(self.clock);
        if !self.cancel_on_set {
            self.steps = clock_steps::count(self.clock);
        }
        self.cancel_on_set = cancel_on_set;
        self.base = self.base_with(new, alarm);
        self.ticks = 0;
        self.expired = false;
        self.interval = new.interval;
        self.slack = new.slack;
    }
}
