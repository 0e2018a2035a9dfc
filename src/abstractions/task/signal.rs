// SPDX-License-Identifier: GPL-2.0

//! Pending signals of the current task and its thread group.
//!
//! C headers: [`include/linux/sched/signal.h`](srctree/include/linux/sched/signal.h),
//! [`include/linux/signal.h`](srctree/include/linux/signal.h)

use crate::abstractions::{
    helpers,
    sync::wait::WaitQueue,
    task::siginfo::SigInfo, //
};
use core::{
    mem::MaybeUninit,
    ops::{
        BitAnd,
        Not, //
    }, //
};
use kernel::{
    bindings,
    prelude::*, //
};

/// A set of signals, C's `sigset_t`: bit n is signal n + 1.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct SigSet(u64);

const _: () = assert!(size_of::<bindings::sigset_t>() == size_of::<SigSet>());

impl SigSet {
    /// The set whose bits are those of a `sigset_t`.
    pub const fn from_bits(bits: u64) -> Self {
        Self(bits)
    }

    /// The set as the bits of a `sigset_t`.
    pub const fn bits(self) -> u64 {
        self.0
    }

    /// The set of one signal, or `EINVAL` if there is no such signal.
    pub fn of(signal: i32) -> Result<Self> {
        if (1..=u64::BITS as i32).contains(&signal) {
            Ok(Self(1 << (signal - 1)))
        } else {
            Err(EINVAL)
        }
    }

    /// The set without `SIGKILL` and `SIGSTOP`.
    pub const fn that_can_be_caught(self) -> Self {
        Self(self.0 & !(1 << (bindings::SIGKILL - 1)) & !(1 << (bindings::SIGSTOP - 1)))
    }

    /// Whether the set is empty.
    pub const fn is_empty(self) -> bool {
        self.0 == 0
    }
}

impl BitAnd for SigSet {
    type Output = Self;

    fn bitand(self, other: Self) -> Self {
        Self(self.0 & other.0)
    }
}

impl Not for SigSet {
    type Output = Self;

    fn not(self) -> Self {
        Self(!self.0)
    }
}

/// Whether one of `signals` is pending for the current task or its thread group. Forced signals,
/// which a program must not see, do not count.
///
/// Context: task. Takes the `siglock`.
pub fn is_pending(signals: SigSet) -> bool {
    // SAFETY: The current task has a `sighand` until it ends.
    unsafe { helpers::evfd_helper_signal_is_pending(signals.bits()) }
}

/// Takes the next pending signal of `signals`, in the order of delivery: first the signals of the
/// task, then the signals of its thread group.
///
/// Context: task. Takes the `siglock`.
#[inline(always)]
pub fn take(signals: SigSet) -> Option<SigInfo> {
    let mut info = MaybeUninit::<SigInfo>::uninit();
    // SAFETY: The current task has a `sighand` until it ends. `info` is valid for writing, and a
    // `SigInfo` is a transparent wrapper.
    let signal =
        unsafe { helpers::evfd_helper_dequeue_signal(signals.bits(), info.as_mut_ptr().cast()) };
    if signal == 0 {
        return None;
    }
    // SAFETY: With a signal, `dequeue_signal()` has written all bytes.
    Some(unsafe { info.assume_init() })
}

/// Blocks `signals` in the current task. Returns the set that was blocked before.
///
/// Context: task. Takes the `siglock`.
pub fn block(signals: SigSet) -> SigSet {
    change_blocked(bindings::SIG_BLOCK, signals)
}

/// Unblocks `signals` in the current task.
///
/// Context: task. Takes the `siglock`.
pub fn unblock(signals: SigSet) {
    change_blocked(bindings::SIG_UNBLOCK, signals);
}

/// Sets the blocked signals of the current task.
///
/// Context: task. Takes the `siglock`.
pub fn set_blocked(signals: SigSet) {
    change_blocked(bindings::SIG_SETMASK, signals);
}

/// Calls `wait` while the current task blocks `signals` instead of its own set. If a signal ends the
/// wait, the task's own set is in force again after the signal's handler has run. Without a set,
/// calls `wait` alone.
///
/// Context: task, in a system call. Takes the `siglock`.
pub fn wait_with_blocked<R>(
    signals: Option<SigSet>,
    wait: impl FnOnce() -> Result<R>,
) -> Result<R> {
    let Some(signals) = signals else {
        return wait();
    };
    let old = change_blocked(bindings::SIG_SETMASK, signals.that_can_be_caught());
    let result = wait();
    if result
        .as_ref()
        .is_err_and(|e| *e == ERESTARTSYS || *e == EINTR)
    {
        // SAFETY: The current task runs a system call, at whose end it handles signals.
        unsafe { helpers::evfd_helper_restore_blocked_later(old.bits()) };
    } else {
        set_blocked(old);
    }
    result
}

/// Whether a fatal signal is pending for the current task. Context: task.
pub fn is_being_killed() -> bool {
    // SAFETY: The function reads the current task's own flags and set.
    unsafe { helpers::evfd_helper_is_being_killed() }
}

fn change_blocked(how: u32, signals: SigSet) -> SigSet {
    let mut set = bindings::sigset_t {
        sig: [signals.bits() as usize],
    };
    let mut old = bindings::sigset_t { sig: [0] };
    // SAFETY: Both sets are valid. `how` is valid, so the call cannot fail.
    unsafe { bindings::sigprocmask(how as c_int, &mut set, &mut old) };
    SigSet(old.sig[0] as u64)
}

/// Whether all other threads of the current task's group block `signals`.
///
/// Context: task. Takes the `siglock`.
pub fn others_block(signals: SigSet) -> bool {
    // SAFETY: The current task has a `sighand` until it ends.
    unsafe { helpers::evfd_helper_other_threads_block(signals.bits()) }
}

/// Calls `f` with the wait queue for signals of the current thread group. The kernel wakes it,
/// without events, when a signal is sent to a task of the group.
///
/// Context: task.
pub fn with_queue<R>(f: impl FnOnce(&WaitQueue) -> R) -> R {
    // SAFETY: The queue is in the `sighand` of the current task. Only that task can replace it, and
    // does not during this call. A `WaitQueue` is a transparent wrapper.
    f(unsafe { &*helpers::evfd_helper_signal_queue().cast::<WaitQueue>() })
}

/// Wakes all waiters for signals of the current thread group, like a new signal. A waiter that
/// joins the queue too late for this sees everything that the caller wrote before.
///
/// Context: task.
pub fn wake() {
    // SAFETY: The current task has a `sighand` until it ends.
    unsafe { helpers::evfd_helper_wake_signal_queue() }
}
