// SPDX-License-Identifier: GPL-2.0

//! The arithmetic of timers: conversions, what is left, and how far a periodic timer has come.
//!
//! Nothing here knows of a timer that runs. Times are in nanoseconds, from 0 to [`Ktime::MAX`],
//! which is some 292 years and stands for all that is later. Whatever would be greater becomes
//! that, as in `include/linux/ktime.h` and `kernel/time/hrtimer.c`.

use crate::{
    abstractions::time::clock::Ktime,
    uapi, //
};
use kernel::prelude::*;

const NSEC_PER_SEC: i64 = 1_000_000_000;

/// The time of `ts`, or `EINVAL` if it is negative or its nanoseconds make a second.
pub(crate) fn from_timespec(ts: &uapi::evfd_timespec) -> Result<Ktime> {
    if ts.tv_sec < 0 || !(0..NSEC_PER_SEC).contains(&ts.tv_nsec) {
        return Err(EINVAL);
    }
    if ts.tv_sec >= Ktime::MAX / NSEC_PER_SEC {
        return Ok(Ktime::MAX);
    }
    Ok(ts.tv_sec * NSEC_PER_SEC + ts.tv_nsec)
}

/// `time`, which must not be negative, in seconds and nanoseconds.
pub(crate) fn to_timespec(time: Ktime) -> uapi::evfd_timespec {
    uapi::evfd_timespec {
        tv_sec: time / NSEC_PER_SEC,
        tv_nsec: time % NSEC_PER_SEC,
    }
}

/// The time that is `span` after `now`.
pub(crate) fn after(now: Ktime, span: Ktime) -> Ktime {
    now.saturating_add(span)
}

/// What is left at `now` until `expires`: 0 if that is over.
pub(crate) fn remaining(expires: Ktime, now: Ktime) -> Ktime {
    expires.saturating_sub(now).max(0)
}

/// Where a timer is that expires at `expires` and every `interval` from then on.
///
/// Returns the first expiration after `now`, and how many there were: none if `expires` is yet to
/// come. `interval` must be greater than 0.
pub(crate) fn forward(expires: Ktime, interval: Ktime, now: Ktime) -> (Ktime, u64) {
    let late = now.saturating_sub(expires);
    if late < 0 {
        return (expires, 0);
    }
    let whole = late / interval;
    // The product is at most `late`, so the last expiration is no later than `now`.
    let last = expires + whole * interval;
    (last.saturating_add(interval), whole as u64 + 1)
}
