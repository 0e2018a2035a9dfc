// SPDX-License-Identifier: GPL-2.0

//! The arithmetic of timers: conversions, remaining times, and the progress of periodic timers.
//!
//! The code never touches a running timer; the current time is passed in. Times are in nanoseconds,
//! from 0 to [`Ktime::MAX`], some 292 years. Sums saturate there, like in `include/linux/ktime.h`
//! and `kernel/time/hrtimer.c`.

use crate::{
    abstractions::time::clock::Ktime,
    uapi, //
};
use kernel::prelude::*;

const NSEC_PER_SEC: i64 = 1_000_000_000;

/// The time of `ts`, or `EINVAL` if it is negative or its nanoseconds reach a second.
pub(crate) fn from_timespec(ts: &uapi::evfd_timespec) -> Result<Ktime> {
    if ts.tv_sec < 0 || !(0..NSEC_PER_SEC).contains(&ts.tv_nsec) {
        return Err(EINVAL);
    }
    if ts.tv_sec >= Ktime::MAX / NSEC_PER_SEC {
        return Ok(Ktime::MAX);
    }
    Ok(ts.tv_sec * NSEC_PER_SEC + ts.tv_nsec)
}

/// Converts `time` to seconds and nanoseconds. `time` must not be negative.
pub(crate) fn to_timespec(time: Ktime) -> uapi::evfd_timespec {
    uapi::evfd_timespec {
        tv_sec: time / NSEC_PER_SEC,
        tv_nsec: time % NSEC_PER_SEC,
    }
}

/// The time `relative` nanoseconds after `now`.
pub(crate) fn after(now: Ktime, relative: Ktime) -> Ktime {
    now.saturating_add(relative)
}

/// The time from `now` until `expires`, or 0 if `expires` has passed.
pub(crate) fn remaining(expires: Ktime, now: Ktime) -> Ktime {
    expires.saturating_sub(now).max(0)
}

/// The progress of a timer that expires at `expires` and then every `interval`.
///
/// Returns the first expiration after `now`, and the number of expirations up to `now`, which is 0
/// if `expires` is in the future. `interval` must be greater than 0.
pub(crate) fn forward(expires: Ktime, interval: Ktime, now: Ktime) -> (Ktime, u64) {
    let late = now.saturating_sub(expires);
    if late < 0 {
        return (expires, 0);
    }
    let whole = late / interval;
    // The product is at most `late`, so `last` is at most `now`.
    let last = expires + whole * interval;
    (last.saturating_add(interval), whole as u64 + 1)
}
