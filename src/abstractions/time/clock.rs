// SPDX-License-Identifier: GPL-2.0

//! Clocks.
//!
//! C headers: [`include/linux/timekeeping.h`](srctree/include/linux/timekeeping.h),
//! [`include/linux/time_namespace.h`](srctree/include/linux/time_namespace.h)

use crate::abstractions::{
    compat,
    helpers, //
};
use kernel::{
    bindings,
    prelude::*, //
};

pub use bindings::ktime_t as Ktime;

/// A clock of timers.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Clock {
    /// The time since boot, without suspend.
    Monotonic,
    /// The time of day, which can be set.
    Realtime,
    /// The time since boot.
    Boottime,
    /// International atomic time, which is set with [`Clock::Realtime`].
    Tai,
}

impl Clock {
    /// The `clockid_t`.
    pub const fn id(self) -> u32 {
        match self {
            Clock::Monotonic => bindings::CLOCK_MONOTONIC,
            Clock::Realtime => bindings::CLOCK_REALTIME,
            Clock::Boottime => bindings::CLOCK_BOOTTIME,
            Clock::Tai => bindings::CLOCK_TAI,
        }
    }

    /// Whether the clock can be set.
    pub const fn can_be_set(self) -> bool {
        matches!(self, Clock::Realtime | Clock::Tai)
    }

    /// The time now, in nanoseconds. Context: any but NMI.
    pub fn now(self) -> Ktime {
        let offset = match self {
            // SAFETY: `ktime_get()` may be called in any context but NMI.
            Clock::Monotonic => return unsafe { bindings::ktime_get() },
            Clock::Realtime => bindings::tk_offsets_TK_OFFS_REAL,
            Clock::Boottime => bindings::tk_offsets_TK_OFFS_BOOT,
            Clock::Tai => bindings::tk_offsets_TK_OFFS_TAI,
        };
        // SAFETY: `ktime_get_with_offset()` may be called in any context but NMI.
        unsafe { bindings::ktime_get_with_offset(offset) }
    }
}

/// Converts `time` on the clock `clockid` from the current process's time namespace to the host's.
///
/// Context: task.
pub fn to_host(clockid: u32, time: Ktime) -> Ktime {
    // SAFETY: The function reads the namespaces of the current task, which only that task changes.
    let host = unsafe { helpers::evfd_helper_timens_to_host(clockid as bindings::clockid_t, time) };
    compat::on_host(host)
}

/// The reverse of [`to_host`].
pub fn from_host(clockid: u32, time: Ktime) -> Ktime {
    // The offset of a namespace is constant. This time is far from both ends of time.
    let middle = Ktime::MAX / 2;
    time.saturating_add(middle - to_host(clockid, middle))
}

/// Whether the current task sees the host's time on the clock `clockid`. Context: task.
pub fn is_of_host(clockid: u32) -> bool {
    // See `from_host()`.
    let middle = Ktime::MAX / 2;
    to_host(clockid, middle) == middle
}

/// Fails with `EPERM` if the current task does not have `CAP_WAKE_ALARM`, which it needs to wake
/// the system from suspend.
///
/// Context: task.
pub fn may_wake_system() -> Result {
    // SAFETY: The function reads the credentials of the current task.
    if unsafe { bindings::capable(bindings::CAP_WAKE_ALARM as c_int) } {
        Ok(())
    } else {
        Err(EPERM)
    }
}
