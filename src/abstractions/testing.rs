// SPDX-License-Identifier: GPL-2.0

//! For tests: calling closures in other contexts, and from wake-ups; signals for the current task.

use crate::abstractions::{
    file::events::Events,
    helpers,
    mm::user::ReadBuf,
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
use zerocopy::Immutable;

pub use helpers::evfd_test_context as Context;

/// Contexts in which a wake-up can only be put off, or not, depending on the kernel.
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

/// All CPUs at once, with interrupts off.
pub const EVERY_CPU: Context = helpers::evfd_test_context_EVFD_TEST_EVERY_CPU;

/// A task on another CPU than the caller's.
pub const OTHER_CPU: Context = helpers::evfd_test_context_EVFD_TEST_OTHER_CPU;

/// Calls `f` in `context`, and returns when it has returned. Returns whether it was called.
///
/// Context: task, with interrupts on.
pub fn call_in<F: Fn() + Sync>(context: Context, f: F) -> bool {
    /// # Safety
    ///
    /// `arg` must point to a valid `F`.
    unsafe extern "C" fn call<F: Fn()>(arg: *mut c_void) {
        // SAFETY: The safety requirement.
        unsafe { (*arg.cast::<F>())() }
    }
    let arg: *const F = &f;
    // SAFETY: `call` is called with `arg` before this returns, when `f` still lives. As `F` is
    // `Sync` it may be called in another context.
    unsafe { helpers::evfd_helper_call_in(context, Some(call::<F>), arg.cast_mut().cast()) }
}

/// Has a closure called by the wake-ups of a queue, under its lock, as long as this lives.
///
/// # Invariants
///
/// `watch` was given by `evfd_helper_watch()` for this closure and a queue that outlives `'a`.
pub struct Watch<'a, F> {
    watch: NonNull<helpers::evfd_test_watch>,
    _f: PhantomData<&'a F>,
}

impl<'a, F: Fn(Events) + Sync> Watch<'a, F> {
    /// Starts watching, as one of those of whom a wake-up wakes only one if `exclusive`.
    pub fn new(queue: &'a WaitQueue, exclusive: bool, f: &'a F) -> Result<Self> {
        /// # Safety
        ///
        /// `arg` must point to a valid `F`.
        unsafe extern "C" fn call<F: Fn(Events)>(arg: *mut c_void, events: u32) {
            // SAFETY: The safety requirement.
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
        // INVARIANT: It was just given for these.
        Ok(Self {
            watch: NonNull::new(watch).ok_or(ENOMEM)?,
            _f: PhantomData,
        })
    }
}

impl<F> Drop for Watch<'_, F> {
    fn drop(&mut self) {
        // SAFETY: By the type invariant it was given by `evfd_helper_watch()`, and its queue lives.
        unsafe { helpers::evfd_helper_unwatch(self.watch.as_ptr()) }
    }
}

/// A destination of eight bytes for one read.
pub struct TestBuf {
    /// What was put there last.
    pub value: Option<u64>,
    /// Whether putting fails.
    pub broken: bool,
}

impl ReadBuf for TestBuf {
    fn room(&self) -> usize {
        size_of::<u64>()
    }

    fn put<T: IntoBytes + Immutable>(&mut self, value: &T) -> Result {
        if self.broken {
            return Err(EFAULT);
        }
        let mut bytes = [0u8; size_of::<u64>()];
        bytes.copy_from_slice(value.as_bytes());
        self.value = Some(u64::from_ne_bytes(bytes));
        Ok(())
    }

    fn unput<T: IntoBytes + Immutable>(&mut self) {
        self.value = None;
    }
}

/// Signals for the current task, a kernel thread. They are blocked as long as this lives; when it
/// goes, nothing is pending any more.
pub struct Signals {
    before: SigSet,
    signals: SigSet,
    _not_send: NotThreadSafe,
}

/// For whom a signal is.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum To {
    /// The current task.
    Task,
    /// Its thread group.
    Group,
}

impl Signals {
    /// Blocks `signals`, so that they can be sent.
    pub fn new(signals: SigSet) -> Self {
        Self {
            before: signal::block(signals),
            signals,
            _not_send: NotThreadSafe,
        }
    }

    /// Sends a signal, or fails with `EINVAL` if it is not one of those.
    pub fn send(&self, signal: i32, to: To) -> Result {
        self.check(signal)?;
        // SAFETY: The signal is valid, and blocked in the current task.
        unsafe { helpers::evfd_helper_send_signal(signal, to == To::Group) };
        Ok(())
    }

    /// Makes one of them a signal that was forced, which is not to be taken, and calls `f`.
    pub fn with_forced<R>(&self, signal: i32, f: impl FnOnce() -> R) -> Result<R> {
        self.check(signal)?;
        // SAFETY: The signal is valid, and blocked, so that nobody looks at its action.
        unsafe { helpers::evfd_helper_force_signal(signal, true) };
        let result = f();
        // SAFETY: As above.
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
        // SAFETY: What is pending was sent by this: it is for nobody else.
        unsafe { helpers::evfd_helper_flush_signals() };
        signal::set_blocked(self.before);
    }
}
