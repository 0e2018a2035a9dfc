// SPDX-License-Identifier: GPL-2.0

//! The settings that programs ask for, checked.

use crate::{
    abstractions::{
        compat::EOPNOTSUPP,
        time::clock::{
            Clock,
            Ktime, //
        }, //
    },
    timerfd::schedule::from_timespec,
    uapi, //
};
use kernel::{
    bindings,
    prelude::*, //
};

/// The clock of a timer, with or without the right to wake the system from suspend.
#[derive(Clone, Copy)]
pub(crate) struct TimerClock {
    /// The clock.
    pub(crate) clock: Clock,
    /// Whether the timer wakes the system.
    pub(crate) alarm: bool,
}

impl TimerClock {
    /// The clock with the ID `clockid`, or `EINVAL`.
    pub(crate) fn from_id(clockid: i32) -> Result<Self> {
        let (clock, alarm) = match clockid as u32 {
            bindings::CLOCK_MONOTONIC => (Clock::Monotonic, false),
            bindings::CLOCK_REALTIME => (Clock::Realtime, false),
            bindings::CLOCK_BOOTTIME => (Clock::Boottime, false),
            bindings::CLOCK_TAI => (Clock::Tai, false),
            bindings::CLOCK_REALTIME_ALARM => (Clock::Realtime, true),
            bindings::CLOCK_BOOTTIME_ALARM => (Clock::Boottime, true),
            _ => return Err(EINVAL),
        };
        Ok(Self { clock, alarm })
    }

    /// The `clockid_t` that programs use.
    pub(crate) fn id(self) -> u32 {
        match (self.clock, self.alarm) {
            (Clock::Realtime, true) => bindings::CLOCK_REALTIME_ALARM,
            (_, true) => bindings::CLOCK_BOOTTIME_ALARM,
            (clock, false) => clock.id(),
        }
    }
}

/// A setting for a timer.
pub(crate) struct Setting {
    /// The new clock of the timer, or `None` to keep it.
    pub(crate) clock: Option<Clock>,
    /// Whether `value` is absolute.
    pub(crate) absolute: bool,
    /// Whether setting the clock cancels the timer.
    pub(crate) cancel_on_set: bool,
    /// The first expiration; 0 disarms the timer.
    pub(crate) value: Ktime,
    /// The time between expirations; 0 for a single expiration.
    pub(crate) interval: Ktime,
    /// The nanoseconds by which each expiration may be late.
    pub(crate) slack: u64,
}

impl Setting {
    /// The setting of a [`uapi::EVFD_IOC_TIMERFD_SETTIME`].
    ///
    /// Errors: `EINVAL` for an invalid time or slack, unknown flags, or a reserved field that is
    /// not 0. `EOPNOTSUPP` for `EVFD_TFD_TIMER_CANCEL_ON_SET` if the settings of clocks are not
    /// `counted`.
    pub(crate) fn from_settime(args: &uapi::evfd_timerfd_settime, counted: bool) -> Result<Self> {
        let has = |flag| args.flags & flag != 0;
        let known = uapi::EVFD_TFD_TIMER_ABSTIME
            | uapi::EVFD_TFD_TIMER_CANCEL_ON_SET
            | uapi::EVFD_TFD_SLACK;
        if args.flags & !known != 0 || args.reserved != 0 {
            return Err(EINVAL);
        }
        let slack = args.slack_ns;
        if slack > Ktime::MAX as u64 || slack != 0 && !has(uapi::EVFD_TFD_SLACK) {
            return Err(EINVAL);
        }
        let setting = Self {
            clock: None,
            absolute: has(uapi::EVFD_TFD_TIMER_ABSTIME),
            cancel_on_set: has(uapi::EVFD_TFD_TIMER_CANCEL_ON_SET),
            value: from_timespec(&args.new_value.it_value)?,
            interval: from_timespec(&args.new_value.it_interval)?,
            slack,
        };
        if setting.cancel_on_set && !counted {
            return Err(EOPNOTSUPP);
        }
        Ok(setting)
    }

    /// The clock and setting of a [`uapi::EVFD_IOC_TIMERFD`].
    ///
    /// Errors: `EINVAL` for an unknown clock, an invalid time, unknown flags or both flags, or a
    /// reserved field that is not 0.
    pub(crate) fn from_timerfd(args: &uapi::evfd_timerfd) -> Result<(TimerClock, Self)> {
        let (absolute, sequence) = match args.flags {
            uapi::EVFD_TFD_TIMER_REL => (false, false),
            uapi::EVFD_TFD_TIMER_ABS => (true, false),
            uapi::EVFD_TFD_TIMER_SEQ => (false, true),
            _ => return Err(EINVAL),
        };
        if args.reserved != 0 {
            return Err(EINVAL);
        }
        let clock = TimerClock::from_id(args.clockid)?;
        let mut value = from_timespec(&args.value.it_value)?;
        let mut interval = from_timespec(&args.value.it_interval)?;
        if sequence {
            if value == 0 {
                value = interval;
            } else if interval == 0 {
                interval = value;
            }
        }
        let setting = Self {
            clock: Some(clock.clock),
            absolute,
            cancel_on_set: false,
            value,
            interval,
            slack: 0,
        };
        Ok((clock, setting))
    }

    /// The flags, in native's format for fdinfo.
    pub(crate) fn flags(&self) -> u32 {
        let flag = |set, flag| if set { flag } else { 0 };
        flag(self.absolute, uapi::EVFD_TFD_TIMER_ABSTIME)
            | flag(self.cancel_on_set, uapi::EVFD_TFD_TIMER_CANCEL_ON_SET)
    }
}
