// SPDX-License-Identifier: GPL-2.0

//! Signals that are sent to a process.
//!
//! The kernel shows them at the tracepoint `signal_generate`, which is on while a signal is
//! watched, and for a second afterwards.
//!
//! C header: [`include/trace/events/signal.h`](srctree/include/trace/events/signal.h)

use crate::abstractions::{
    helpers,
    task::siginfo::SigInfo, //
};
use core::{
    cell::UnsafeCell,
    marker::PhantomPinned,
    pin::Pin,
    ptr, //
};
use kernel::{
    bindings,
    error::to_result,
    prelude::*,
    types::Opaque, //
};

/// Lets signals be watched until it is dropped, after all watches. Dropping it waits for the probe.
///
/// # Invariants
///
/// `evfd_helper_start_sent()` has succeeded.
pub struct Registration(());

impl Registration {
    /// Must be made once, before any signal is watched. Context: task, may sleep. Errors: `ENOMEM`.
    pub fn new() -> Result<Self> {
        // SAFETY: It has no requirement but its context.
        to_result(unsafe { helpers::evfd_helper_start_sent() })?;
        // INVARIANT: It has succeeded.
        Ok(Self(()))
    }
}

impl Drop for Registration {
    fn drop(&mut self) {
        // SAFETY: By the type invariant. All watches are gone, because their files hold the module.
        unsafe { helpers::evfd_helper_stop_sent() };
    }
}

/// The owner of a [`Watch`].
pub trait Sent: Send {
    /// Whether [`Sent::sent`] runs for each signal that is sent, also for an ignored one, until the
    /// process executes a program. Otherwise it runs for those that are pending then.
    const OBSERVES: bool;

    /// Runs for a signal, with its information if the owner observes.
    ///
    /// Context: the one that sends the signal, with the `siglock` of the process held. Interrupts
    /// are disabled, except on `PREEMPT_RT`. Must not sleep.
    fn sent(&mut self, info: Option<&SigInfo>);
}

/// A watch of a signal of a process.
///
/// # Invariants
///
/// `watch` was made by `evfd_helper_watch_signal()` with this as its owner, and is not ended. The
/// owner is used with the lock of the watch held.
#[pin_data(PinnedDrop)]
pub struct Watch<W: Sent> {
    watch: Opaque<*mut helpers::evfd_signal_watch>,
    signal: i32,
    owner: UnsafeCell<W>,
    #[pin]
    _pin: PhantomPinned,
}

// SAFETY: The C structure has a lock of its own, which guards the owner, too.
unsafe impl<W: Sent> Send for Watch<W> {}
// SAFETY: See above. The pointer is set before any other task can use it.
unsafe impl<W: Sent> Sync for Watch<W> {}

impl<W: Sent> Watch<W> {
    /// Makes a watch of `signal`, 1 to 64, when it is sent to the current process or to one of its
    /// threads.
    ///
    /// Context: task, may sleep. The initialiser's errors: `EOPNOTSUPP` if the kernel has no
    /// tracepoints; `ENOSPC` if the process has too many watches; `ENOMEM`.
    pub fn start(signal: i32, owner: W) -> impl PinInit<Self, Error>
    where
        W: 'static,
    {
        try_pin_init!(Self {
            watch: Opaque::new(ptr::null_mut()),
            signal,
            owner: UnsafeCell::new(owner),
            _pin: PhantomPinned,
        }? Error)
        .pin_chain(move |this| {
            let this = this.into_ref().get_ref();
            if !(1..=u64::BITS as i32).contains(&signal) {
                return Err(EINVAL);
            }
            let owner = ptr::from_ref(this).cast_mut().cast();
            // SAFETY: The signal exists. `this` is pinned, and its drop ends the watch.
            // INVARIANT: It has succeeded.
            to_result(unsafe {
                helpers::evfd_helper_watch_signal(
                    signal,
                    W::OBSERVES,
                    Some(Self::on_sent),
                    owner,
                    this.watch.get(),
                )
            })
        })
    }

    /// # Safety
    ///
    /// `owner` must be that of `evfd_helper_watch_signal()`, before the end of the watch, whose lock
    /// must be held. `info` must be null or valid, with all its bytes initialised.
    unsafe extern "C" fn on_sent(owner: *mut c_void, info: *const bindings::kernel_siginfo) {
        // SAFETY: By the safety requirement it points to a watch, which is pinned and not dropped.
        let this = unsafe { &*owner.cast::<Self>() };
        // SAFETY: By the safety requirement. A `SigInfo` is a transparent wrapper.
        let info = unsafe { info.cast::<SigInfo>().as_ref() };
        // SAFETY: The lock is held.
        unsafe { &mut *this.owner.get() }.sent(info);
    }

    /// Calls `f` while [`Sent::sent`] does not run. Context: task. `f` runs with interrupts
    /// disabled, except on `PREEMPT_RT`, and must not sleep.
    pub fn with_owner<R>(&self, f: impl FnOnce(&mut W) -> R) -> R {
        let watch = self.as_raw();
        // SAFETY: By the type invariant. The lock is released below, by the same task.
        let flags = unsafe { helpers::evfd_helper_lock_signal_watch(watch) };
        // SAFETY: The lock is held.
        let result = f(unsafe { &mut *self.owner.get() });
        // SAFETY: The lock was taken above.
        unsafe { helpers::evfd_helper_unlock_signal_watch(watch, flags) };
        result
    }

    /// The number of the signal.
    pub fn signal(&self) -> i32 {
        self.signal
    }

    /// Whether the current task belongs to the watched process. Context: task.
    pub fn is_own(&self) -> bool {
        // SAFETY: By the type invariant.
        unsafe { helpers::evfd_helper_signal_watch_is_own(self.as_raw()) }
    }

    /// Whether the signal is pending for the watched process. A task of that process sees also a
    /// signal that is pending for itself.
    ///
    /// Context: task. Takes the `siglock`.
    pub fn is_pending(&self) -> bool {
        // SAFETY: By the type invariant.
        unsafe { helpers::evfd_helper_watched_signal_is_pending(self.as_raw()) }
    }

    fn as_raw(&self) -> *mut helpers::evfd_signal_watch {
        // SAFETY: By the type invariant it is set.
        unsafe { *self.watch.get() }
    }
}

#[pinned_drop]
impl<W: Sent> PinnedDrop for Watch<W> {
    fn drop(self: Pin<&mut Self>) {
        let watch = self.as_raw();
        if !watch.is_null() {
            // SAFETY: By the type invariant. The initialiser has succeeded.
            unsafe { helpers::evfd_helper_end_signal_watch(watch) };
        }
    }
}
