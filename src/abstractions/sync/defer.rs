// SPDX-License-Identifier: GPL-2.0

//! Work deferred from contexts that must not do it.

use crate::abstractions::sync::irq_work::{
    Handler,
    PerCpuIrqWork,
    Registration, //
};
use core::{
    marker::PhantomData,
    ptr, //
};
use kernel::{
    prelude::*,
    sync::{
        atomic::{
            Atomic,
            Full,
            Relaxed, //
        },
        Arc,
        ArcBorrow, //
    },
    types::ForeignOwnable, //
};

/// An object with work that may be deferred.
pub trait Deferred: Send + Sync + Sized + 'static {
    /// The object's link in a queue: always the same field.
    fn link(&self) -> &Link;

    /// Does the deferred work. `bits` are all bits that were pushed since the last call.
    ///
    /// Context: see [`Handler::run`].
    fn run(&self, bits: u32);
}

/// An object's place in a [`DeferQueue`].
///
/// # Invariants
///
/// While `bits` is not zero, the object is in the queue, which holds a reference on it, and `next`
/// belongs to the queue. The call that makes `bits` non-zero inserts the object. The call that
/// makes `bits` zero has removed it.
pub struct Link {
    bits: Atomic<u32>,
    next: Atomic<*mut c_void>,
}

/// A queue of objects whose work is deferred to a self-interrupt: a list without a lock.
///
/// # Invariants
///
/// `head`, and each [`Link::next`] from there, is null or a result of `Arc::into_foreign()` for an
/// object of type `T`.
pub struct DeferQueue<T: Deferred> {
    head: Atomic<*mut c_void>,
    irq_work: PerCpuIrqWork<Self>,
    _kind: PhantomData<fn(T)>,
}

impl<T: Deferred> DeferQueue<T> {
    /// An empty queue, to be put in a `static`.
    pub const fn empty() -> Self {
        // INVARIANT: The list is empty.
        Self {
            head: Atomic::new(ptr::null_mut()),
            irq_work: PerCpuIrqWork::unregistered(),
            _kind: PhantomData,
        }
    }

    /// Runs pushed work as long as the result lives, which must be until the last push.
    ///
    /// Context: task, may sleep. Errors: see [`PerCpuIrqWork::register`].
    pub fn register(&'static self) -> Result<Registration<Self>> {
        self.irq_work.register(self)
    }

    /// A link for an object that will be pushed to this queue only.
    ///
    /// Errors: `ENODEV` if the queue is not registered, because pushed work would not run.
    pub fn link(&self) -> Result<Link> {
        if !self.irq_work.is_registered() {
            return Err(ENODEV);
        }
        // INVARIANT: `bits` is zero.
        Ok(Link {
            bits: Atomic::new(0),
            next: Atomic::new(ptr::null_mut()),
        })
    }

    /// Makes an interrupt call [`Deferred::run`] with at least `bits`, which must not be zero. The
    /// object's link must be of this queue.
    ///
    /// Context: any, NMI included.
    pub fn push(&'static self, this: ArcBorrow<'_, T>, bits: u32) {
        let link = this.link();
        let mut old = link.bits.load(Relaxed);
        // Full: the run for these bits sees everything that the caller did before.
        while let Err(now) = link.bits.cmpxchg(old, old | bits, Full) {
            old = now;
        }
        if old != 0 {
            return;
        }
        // INVARIANT: `bits` was zero, so the object is in no queue, and only this call inserts it.
        // The reference belongs to the list from here on.
        let node = Arc::<T>::from(this).into_foreign();
        let mut first = self.head.load(Relaxed);
        loop {
            link.next.store(first, Relaxed);
            // Full: the run that takes the list sees `next`.
            match self.head.cmpxchg(first, node, Full) {
                Ok(_) => break,
                Err(now) => first = now,
            }
        }
        self.irq_work.queue();
    }

    /// Waits until all work that was pushed before has run.
    ///
    /// Context: task, may sleep, not in [`Deferred::run`].
    pub fn flush(&self) {
        // After the first wait, all of it is off the list. But the run that took it may have been
        // queued later, on a CPU that the first wait had already passed. The second waits for that
        // run.
        self.irq_work.sync();
        self.irq_work.sync();
    }
}

impl<T: Deferred> Handler for DeferQueue<T> {
    fn run(&self) {
        let mut node = self.head.xchg(ptr::null_mut(), Full);
        while !node.is_null() {
            // SAFETY: By the type invariant this is a result of `into_foreign()`. The list's
            // reference is ours now.
            let this = unsafe { Arc::<T>::from_foreign(node) };
            // Before `bits` becomes zero, because a push may use `next` from then on.
            node = this.link().next.load(Relaxed);
            // INVARIANT: The object left the queue with the list. Full: see `push()`.
            let bits = this.link().bits.xchg(0, Full);
            this.run(bits);
        }
    }
}
