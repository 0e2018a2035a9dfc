// SPDX-License-Identifier: GPL-2.0

//! Self-interrupts: one `struct irq_work` per CPU.
//!
//! C header: [`include/linux/irq_work.h`](srctree/include/linux/irq_work.h)

use crate::abstractions::{
    compat::synchronize_rcu,
    helpers, //
};
use core::{
    marker::PhantomData,
    ptr, //
};
use kernel::{
    bindings,
    prelude::*,
    sync::atomic::{
        Atomic,
        Full,
        Relaxed, //
    },
    types::NotThreadSafe, //
};

/// The handler of a [`PerCpuIrqWork`].
pub trait Handler: Sync {
    /// Runs after one or several calls of [`PerCpuIrqWork::queue`]. May run on several CPUs at
    /// once.
    ///
    /// Context: hardirq, where no interrupted code on this CPU holds a lock that disables
    /// interrupts. On `PREEMPT_RT`: a task that holds no lock.
    fn run(&self);
}

/// A `struct irq_work` for each CPU, while it is registered.
///
/// Each is queued on its own CPU only, so it never runs twice at once: `irq_work_sync()` tests one
/// flag of it and would not wait for a second run. It stays with its CPU when the CPU goes offline,
/// and `sync()` waits for it there.
///
/// # Invariants
///
/// `works` is null, or a result of `evfd_helper_alloc_irq_works()` for [`Self::call`] and a valid
/// handler. It changes with [`Lock`] held. An old value is freed when no work of it is queued or
/// running, and at least an RCU grace period later.
pub struct PerCpuIrqWork<H: Handler> {
    works: Atomic<*mut helpers::evfd_irq_work>,
    _handler: PhantomData<fn(H)>,
}

impl<H: Handler> PerCpuIrqWork<H> {
    /// A value that is not registered.
    pub const fn unregistered() -> Self {
        // INVARIANT: It is null.
        Self {
            works: Atomic::new(ptr::null_mut()),
            _handler: PhantomData,
        }
    }

    /// Makes [`PerCpuIrqWork::queue`] call `handler` as long as the result lives.
    ///
    /// Context: task, may sleep. Errors: see [`PerCpuIrqWork::register_raw`].
    pub fn register(&'static self, handler: &'static H) -> Result<Registration<H>> {
        // SAFETY: The handler lives forever.
        unsafe { self.register_raw(handler) }?;
        Ok(Registration(self))
    }

    /// Makes [`PerCpuIrqWork::queue`] call `handler`.
    ///
    /// Context: task, may sleep. Errors: `EBUSY` if a handler is registered; `ENOMEM`.
    ///
    /// # Safety
    ///
    /// `handler` must be valid until [`PerCpuIrqWork::unregister`] has returned or this is dropped.
    pub(in crate::abstractions) unsafe fn register_raw(&self, handler: *const H) -> Result {
        let _lock = Lock::new();
        if self.is_registered() {
            return Err(EBUSY);
        }
        // SAFETY: The kernel may call `call` for these works.
        let works = unsafe {
            helpers::evfd_helper_alloc_irq_works(Some(Self::call), handler.cast_mut().cast())
        };
        if works.is_null() {
            return Err(ENOMEM);
        }
        // INVARIANT: The works were allocated for `call` and this handler, which is valid by the
        // safety requirement. The lock is held, and `works` was null. Full: a reader of the pointer
        // sees initialised works.
        self.works.xchg(works, Full);
        Ok(())
    }

    /// Makes [`PerCpuIrqWork::queue`] do nothing, and waits for all queued and running calls.
    ///
    /// Context: task, may sleep, not in [`Handler::run`].
    pub(in crate::abstractions) fn unregister(&self) {
        let _lock = Lock::new();
        // INVARIANT: The lock is held, and the old value is freed below.
        let works = self.works.xchg(ptr::null_mut(), Full);
        if works.is_null() {
            return;
        }
        // Callers that still saw the pointer queue with preemption disabled, and are done now.
        synchronize_rcu();
        // SAFETY: The works are allocated, and the lock is held.
        unsafe { helpers::evfd_helper_sync_irq_works(works) };
        // The kernel uses a work for a moment after its run, as an RCU reader.
        synchronize_rcu();
        // SAFETY: The works were allocated by `alloc_percpu()`, and are no longer in use.
        unsafe { bindings::free_percpu(works.cast()) };
    }

    /// Whether a handler is registered now.
    pub fn is_registered(&self) -> bool {
        !self.works.load(Relaxed).is_null()
    }

    /// Makes an interrupt on this CPU call the handler. Does nothing if no handler is registered.
    ///
    /// The handler sees everything that the caller did before.
    ///
    /// Context: any, NMI included.
    pub fn queue(&self) {
        // SAFETY: By the type invariant the pointer is null, or is freed at least an RCU grace
        // period after it was replaced.
        unsafe { helpers::evfd_helper_queue_irq_work(self.works.as_ptr()) }
    }

    /// Waits for all calls that were queued before.
    ///
    /// Context: task, may sleep, not in [`Handler::run`].
    pub fn sync(&self) {
        let _lock = Lock::new();
        let works = self.works.load(Relaxed);
        if !works.is_null() {
            // SAFETY: The works are allocated as long as the lock is held.
            unsafe { helpers::evfd_helper_sync_irq_works(works) }
        }
    }

    /// # Safety
    ///
    /// Must be called by the kernel, for a work of a value of this type.
    unsafe extern "C" fn call(work: *mut bindings::irq_work) {
        // SAFETY: By the safety requirement `work` is the field of an `evfd_irq_work` with a
        // handler of this type. By the type invariant the handler is valid as long as a work may
        // run.
        let handler = unsafe {
            let this = kernel::container_of!(work, helpers::evfd_irq_work, work);
            &*(*this).handler.cast::<H>()
        };
        handler.run();
    }
}

impl<H: Handler> Drop for PerCpuIrqWork<H> {
    fn drop(&mut self) {
        self.unregister();
    }
}

/// A registered [`PerCpuIrqWork`]. Dropping this waits for queued calls and unregisters it.
#[must_use]
pub struct Registration<H: Handler + 'static>(&'static PerCpuIrqWork<H>);

impl<H: Handler> Drop for Registration<H> {
    fn drop(&mut self) {
        self.0.unregister();
    }
}

/// The mutex for the rare operations: registering, and `irq_work_sync()`, which only one task at a
/// time may call for an `irq_work`.
///
/// # Invariants
///
/// This task holds the mutex.
struct Lock(NotThreadSafe);

impl Lock {
    fn new() -> Self {
        // SAFETY: The mutex is initialised statically.
        unsafe { bindings::mutex_lock(&raw mut helpers::evfd_helper_irq_works_lock) };
        // INVARIANT: The mutex was just taken.
        Self(NotThreadSafe)
    }
}

impl Drop for Lock {
    fn drop(&mut self) {
        // SAFETY: The mutex is held by the type invariant.
        unsafe { bindings::mutex_unlock(&raw mut helpers::evfd_helper_irq_works_lock) };
    }
}
