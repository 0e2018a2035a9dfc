// SPDX-License-Identifier: GPL-2.0

//! What calls that wait have in common: a time limit on a clock, and blocked signals.

use crate::abstractions::{
    mm::user::read,
    sync::wait::Limit,
    task::signal::{
        self,
        SigSet, //
    },
    time::clock::{
        self,
        Clock,
        Ktime, //
    }, //
};
use kernel::{
    bindings,
    prelude::*,
    uaccess::UserPtr, //
};

/// When a wait ends without an event.
pub(super) enum Timeout {
    Never,
    /// Nanoseconds from the start of the wait.
    In(Ktime),
    /// A time on the clock of the process.
    At(Ktime),
}

/// The signal mask of a call: a pointer to a set of `size` bytes, or both 0.
pub(super) struct Signals {
    pub(super) mask: u64,
    pub(super) size: u32,
}

impl Signals {
    /// Reads the set. Context: task, may sleep. Errors: `EINVAL`, `EFAULT`.
    fn read(&self) -> Result<Option<SigSet>> {
        match (self.mask, self.size as usize) {
            (0, 0) => Ok(None),
            (0, _) => Err(EINVAL),
            (mask, size) if size == size_of::<u64>() => Ok(Some(SigSet::from_bits(read(
                UserPtr::from_addr(mask as usize),
            )?))),
            _ => Err(EINVAL),
        }
    }
}

/// A wait: when it ends, and which signals are blocked meanwhile.
pub(super) struct Wait {
    clock: Clock,
    timeout: Timeout,
    blocked: Option<SigSet>,
}

impl Wait {
    /// A wait on the clock with number `clock`. Context: task, may sleep. Errors: `EINVAL` for
    /// another clock or an invalid mask; `EFAULT`.
    pub(super) fn new(timeout: Timeout, clock: u32, signals: &Signals) -> Result<Self> {
        let clock = match clock {
            bindings::CLOCK_MONOTONIC => Clock::Monotonic,
            bindings::CLOCK_REALTIME => Clock::Realtime,
            bindings::CLOCK_BOOTTIME => Clock::Boottime,
            bindings::CLOCK_TAI => Clock::Tai,
            _ => return Err(EINVAL),
        };
        Ok(Self {
            clock,
            timeout,
            blocked: signals.read()?,
        })
    }

    /// Calls `wait` with the limit, while the signals are blocked: see
    /// [`signal::wait_with_blocked`].
    ///
    /// Context: task, in a system call, may sleep. Errors: those of `wait`, but `EINTR` instead of
    /// `ERESTARTSYS`: what the call did before the wait is done, and a relative limit would begin
    /// again.
    pub(super) fn run<R>(&self, wait: impl FnOnce(&Limit) -> Result<R>) -> Result<R> {
        let limit = match self.timeout {
            Timeout::Never => Limit::NEVER,
            Timeout::In(0) => Limit::at(self.clock, 0),
            Timeout::In(time) => Limit::at(self.clock, self.clock.now().saturating_add(time)),
            Timeout::At(time) => Limit::at(self.clock, clock::to_host(self.clock.id(), time)),
        };
        signal::wait_with_blocked(self.blocked, || wait(&limit)).map_err(|e| {
            if e == ERESTARTSYS {
                EINTR
            } else {
                e
            }
        })
    }
}
