// SPDX-License-Identifier: GPL-2.0

//! Interrupts that one asks for: `struct irq_work`, one for each CPU.
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

/// What a [`PerCpuIrqWork`] calls.
pub trait Handler: Sync {
    /// Does what [`PerCpuIrqWork::queue`] was called for, by one call or several. May be called on
    /// several CPUs at once.
    ///
    /// Context: hardirq with nothing else on the CPU's stack that holds a lock with interrupts
    /// disabled; on `PREEMPT_RT` a task that holds no lock.
    fn run(&self);
}

/// A `struct irq_work` for each CPU, while it is registered.
///
/// Each is queued on its own CPU only, so it never runs twice at once: `irq_work_sync()`, which
/// looks at one flag of it, would not wait for the second run. It stays with its CPU when that goes
/// offline, and is waited for there.
///
/// # Invariants
///
/// `works` is null, or what `evfd_helper_alloc_irq_works()` gave for [`Self::call`] and a handler
/// that is valid. It changes with [`Lock`] held. What it was before is freed when none of it is
/// queued or runs, and not before an RCU grace period.
pub struct PerCpuIrqWork<H: Handler> {
    works: Atomic<*mut helpers::evfd_irq_work>,
    _handler: PhantomData<fn(H)>,
}

impl<H: Handler> PerCpuIrqWork<H> {
    /// One that is not registered.
    pub const fn unregistered() -> Self {
        // INVARIANT: It is null.
        Self {
            works: Atomic::new(ptr::null_mut()),
            _handler: PhantomData,
        }
    }

    /// Has `handler` called when [`PerCpuIrqWork::queue`] asks for it, as long as the result lives.
    ///
    /// Context: task, may sleep. Errors: as [`PerCpuIrqWork::register_raw`].
    pub fn register(&'static self, handler: &'static H) -> Result<Registration<H>> {
        // SAFETY: The handler lives for ever.
        unsafe { self.register_raw(handler) }?;
        Ok(Registration(self))
    }

    /// Has `handler` called when [`PerCpuIrqWork::queue`] asks for it.
    ///
    /// Context: task, may sleep. Errors: `EBUSY` if it is registered; `ENOMEM`.
    ///
    /// # Safety
    ///
    /// Until [`PerCpuIrqWork::unregister`] has returned, or this is dropped, `handler` must be
    /// valid.
    pub(in crate::abstractions) unsafe fn register_raw(&self, handler: *const H) -> Result {
        let _lock = Lock::new();
        if self.is_registered() {
            return Err(EBUSY);
        }
        // SAFETY: It is `call` that the kernel may call for these.
        let works = unsafe {
            helpers::evfd_helper_alloc_irq_works(Some(Self::call), handler.cast_mut().cast())
        };
        if works.is_null() {
            return Err(ENOMEM);
        }
        // INVARIANT: They were just given for `call` and this handler, which is valid by the safety
        // requirement. The lock is held, and it was null. Full: who sees them finds them
        // initialised.
        self.works.xchg(works, Full);
        Ok(())
    }

    /// Waits until nothing is queued or runs, and has nothing queued from then on.
    ///
    /// Context: task, may sleep, not in [`Handler::run`].
    pub(in crate::abstractions) fn unregister(&self) {
        let _lock = Lock::new();
        // INVARIANT: The lock is held, and what it was is freed below.
        let works = self.works.xchg(ptr::null_mut(), Full);
        if works.is_null() {
            return;
        }
        // Who still saw them, with preemption disabled, has queued them then.
        synchronize_rcu();
        // SAFETY: They are allocated, and the lock is held.
        unsafe { helpers::evfd_helper_sync_irq_works(works) };
        // The kernel has one in its hands for a moment after it has run, as an RCU reader.
        synchronize_rcu();
        // SAFETY: They were allocated by `alloc_percpu()`, and nobody has them now.
        unsafe { bindings::free_percpu(works.cast()) };
    }

    /// Whether it is registered at this moment.
    pub fn is_registered(&self) -> bool {
        !self.works.load(Relaxed).is_null()
    }

    /// Has the handler called soon, on this CPU. Does nothing if it is not registered.
    ///
    /// The call sees what was done before this.
    ///
    /// Context: any, NMI included.
    pub fn queue(&self) {
        // SAFETY: By the type invariant what is there is null, or is not freed before an RCU grace
        // period after it was there.
        unsafe { helpers::evfd_helper_queue_irq_work(self.works.as_ptr()) }
    }

    /// Waits for all calls that [`PerCpuIrqWork::queue`] has asked for before.
    ///
    /// Context: task, may sleep, not in [`Handler::run`].
    pub fn sync(&self) {
        let _lock = Lock::new();
        let works = self.works.load(Relaxed);
        if !works.is_null() {
            // SAFETY: They are allocated as long as the lock is held.
            unsafe { helpers::evfd_helper_sync_irq_works(works) }
        }
    }

    /// # Safety
    ///
    /// Must be called by the kernel, for one of `works` of a value of this type.
    unsafe extern "C" fn call(work: *mut bindings::irq_work) {
        // SAFETY: By the safety requirement it is the field of an `evfd_irq_work`, which has a
        // handler of this type. That is valid, by the type invariant, as long as one may run.
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

/// A [`PerCpuIrqWork`] that is registered. When this is dropped, it is unregistered, after what is
/// queued has run.
#[must_use]
pub struct Registration<H: Handler + 'static>(&'static PerCpuIrqWork<H>);

impl<H: Handler> Drop for Registration<H> {
    fn drop(&mut self) {
        self.0.unregister();
    }
}

/// The mutex for what is rare: registering, and `irq_work_sync()`, which of one `irq_work` is for
/// one task at a time.
///
/// # Invariants
///
/// This task holds the mutex.
struct Lock(NotThreadSafe);

impl Lock {
    fn new() -> Self {
        // SAFETY: The mutex is initialised statically.
        unsafe { bindings::mutex_lock(&raw mut helpers::evfd_helper_irq_works_lock) };
        // INVARIANT: It was just taken.
        Self(NotThreadSafe)
    }
}

impl Drop for Lock {
    fn drop(&mut self) {
        // SAFETY: The mutex is held by the type invariant.
        unsafe { bindings::mutex_unlock(&raw mut helpers::evfd_helper_irq_works_lock) };
    }
}
