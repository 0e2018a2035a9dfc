// SPDX-License-Identifier: GPL-2.0

//! For tests: closures in other contexts and in wake-ups, and signals for the current task.

use crate::abstractions::{
    file::events::Events,
    helpers,
    sync::wait::WaitQueue,
    task::signal::{
        self,
        SigSet, //
    }, //
};
use core::{
    marker::PhantomData,
    ptr::NonNull, //
};
use kernel::{
    prelude::*,
    types::NotThreadSafe, //
};

pub use helpers::evfd_test_context as Context;

/// Contexts that allow a wake-up or only a deferred wake-up, depending on the kernel.
pub const CONTEXTS: [(&CStr, Context); 7] = [
    (c"task", helpers::evfd_test_context_EVFD_TEST_TASK),
    (c"spinlock", helpers::evfd_test_context_EVFD_TEST_SPINLOCK),
    (
        c"raw spinlock, interrupts off",
        helpers::evfd_test_context_EVFD_TEST_RAW_SPINLOCK,
    ),
    (c"softirq", helpers::evfd_test_context_EVFD_TEST_SOFTIRQ),
    (c"hardirq", helpers::evfd_test_context_EVFD_TEST_HARDIRQ),
    (c"NMI", helpers::evfd_test_context_EVFD_TEST_NMI),
    (c"wake-up", helpers::evfd_test_context_EVFD_TEST_WAKE_UP),
];

/// An NMI.
pub const NMI: Context = helpers::evfd_test_context_EVFD_TEST_NMI;

/// All CPUs at once, with interrupts disabled.
pub const EVERY_CPU: Context = helpers::evfd_test_context_EVFD_TEST_EVERY_CPU;

/// A task on another CPU than the caller's.
pub const OTHER_CPU: Context = helpers::evfd_test_context_EVFD_TEST_OTHER_CPU;

/// Calls `f` in `context` and waits for its end. Returns whether `f` was called.
///
/// Context: task, with interrupts enabled.
pub fn call_in<F: Fn() + Sync>(context: Context, f: F) -> bool {
    /// # Safety
    ///
    /// `arg` must point to a valid `F`.
    unsafe extern "C" fn call<F: Fn()>(arg: *mut c_void) {
        // SAFETY: By the safety requirement.
        unsafe { (*arg.cast::<F>())() }
    }
    let arg: *const F = &f;
    // SAFETY: `call` gets `arg` before this returns, while `f` still lives. `F` is `Sync`, so it
    // may be called in another context.
    unsafe { helpers::evfd_helper_call_in(context, Some(call::<F>), arg.cast_mut().cast()) }
}

/// Makes the wake-ups of a queue call a closure, under the queue's lock, as long as this lives.
///
/// # Invariants
///
/// `watch` is a result of `evfd_helper_watch()` for this closure and a queue that outlives `'a`.
pub struct Watch<'a, F> {
    watch: NonNull<helpers::evfd_test_watch>,
    _f: PhantomData<&'a F>,
}

impl<'a, F: Fn(Events) + Sync> Watch<'a, F> {
    /// Starts to watch, as an exclusive waiter if `exclusive`.
    pub fn new(queue: &'a WaitQueue, exclusive: bool, f: &'a F) -> Result<Self> {
        /// # Safety
        ///
        /// `arg` must point to a valid `F`.
        unsafe extern "C" fn call<F: Fn(Events)>(arg: *mut c_void, events: u32) {
            // SAFETY: By the safety requirement.
            unsafe { (*arg.cast::<F>())(Events::from_bits(events)) }
        }
        let arg: *const F = f;
        // SAFETY: Queue and closure outlive the watch, and `F` is `Sync`.
        let watch = unsafe {
            helpers::evfd_helper_watch(
                queue.as_raw(),
                exclusive,
                Some(call::<F>),
                arg.cast_mut().cast(),
            )
        };
        // INVARIANT: `watch` was just made for this closure and queue.
        Ok(Self {
            watch: NonNull::new(watch).ok_or(ENOMEM)?,
            _f: PhantomData,
        })
    }
}

impl<F> Drop for Watch<'_, F> {
    fn drop(&mut self) {
        // SAFETY: By the type invariant it is a result of `evfd_helper_watch()`, and its queue
        // lives.
        unsafe { helpers::evfd_helper_unwatch(self.watch.as_ptr()) }
    }
}

/// Signals for the current task, a kernel thread. They are blocked as long as this lives. Dropping
/// this discards all pending signals.
pub struct Signals {
    before: SigSet,
    signals: SigSet,
    _not_send: NotThreadSafe,
}

/// The receiver of a signal.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum To {
    /// The current task.
    Task,
    /// The thread group of the current task.
    Group,
}

impl Signals {
    /// Blocks `signals`, which can then be sent.
    pub fn new(signals: SigSet) -> Self {
        Self {
            before: signal::block(signals),
            signals,
            _not_send: NotThreadSafe,
        }
    }

    /// Sends a signal, or fails with `EINVAL` if it is not one of the blocked signals.
    pub fn send(&self, signal: i32, to: To) -> Result {
        self.check(signal)?;
        // SAFETY: The signal is valid, and blocked in the current task.
        unsafe { helpers::evfd_helper_send_signal(signal, to == To::Group) };
        Ok(())
    }

    /// Calls `f` while `signal` counts as forced, so that it cannot be taken.
    pub fn with_forced<R>(&self, signal: i32, f: impl FnOnce() -> R) -> Result<R> {
        self.check(signal)?;
        // SAFETY: The signal is valid. It is blocked, so its action is not used.
        unsafe { helpers::evfd_helper_force_signal(signal, true) };
        let result = f();
        // SAFETY: See above.
        unsafe { helpers::evfd_helper_force_signal(signal, false) };
        Ok(result)
    }

    fn check(&self, signal: i32) -> Result {
        if (SigSet::of(signal)? & self.signals).is_empty() {
            return Err(EINVAL);
        }
        Ok(())
    }
}

impl Drop for Signals {
    fn drop(&mut self) {
        // SAFETY: Only this value has sent the pending signals.
        unsafe { helpers::evfd_helper_flush_signals() };
        signal::set_blocked(self.before);
    }
}
