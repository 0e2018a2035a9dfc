// SPDX-License-Identifier: GPL-2.0

//! Work put off from contexts that may not do it.

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

/// An object that may have work put off.
pub trait Deferred: Send + Sync + Sized + 'static {
    /// Its link in a queue: always the same field.
    fn link(&self) -> &Link;

    /// Does what was put off. `bits` is all that was put off since the last call.
    ///
    /// Context: as [`Handler::run`].
    fn run(&self, bits: u32);
}

/// What an object needs to be in a [`DeferQueue`].
///
/// # Invariants
///
/// While `bits` is not zero, the object is in the queue, which holds a reference on it, and `next`
/// belongs to the queue: who makes `bits` not zero puts it there, who makes it zero has taken it
/// out.
pub struct Link {
    bits: Atomic<u32>,
    next: Atomic<*mut c_void>,
}

/// A queue of objects whose work is put off to an interrupt of its own, a list that needs no lock.
///
/// # Invariants
///
/// `head`, and each [`Link::next`] from there, is null or what `Arc::into_foreign()` gave for an
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

    /// Has what is pushed run, as long as the result lives: until nothing can be pushed any more.
    ///
    /// Context: task, may sleep. Errors: as [`PerCpuIrqWork::register`].
    pub fn register(&'static self) -> Result<Registration<Self>> {
        self.irq_work.register(self)
    }

    /// A link for an object that will be pushed to this queue, and to no other.
    ///
    /// Errors: `ENODEV` if the queue is not registered, so that nobody pushes what nobody runs.
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

    /// Has [`Deferred::run`] called with at least `bits`, which must not be zero, soon. The link of
    /// the object is one of this queue.
    ///
    /// Context: any, NMI included.
    pub fn push(&'static self, this: ArcBorrow<'_, T>, bits: u32) {
        let link = this.link();
        let mut old = link.bits.load(Relaxed);
        // Full: what the caller did before is seen by who runs for these bits.
        while let Err(now) = link.bits.cmpxchg(old, old | bits, Full) {
            old = now;
        }
        if old != 0 {
            return;
        }
        // INVARIANT: `bits` was zero, so the object is in no queue, and it is for this call alone
        // to put it there. The reference is the list's from here on.
        let node = Arc::<T>::from(this).into_foreign();
        let mut first = self.head.load(Relaxed);
        loop {
            link.next.store(first, Relaxed);
            // Full: who takes the list sees `next`.
            match self.head.cmpxchg(first, node, Full) {
                Ok(_) => break,
                Err(now) => first = now,
            }
        }
        self.irq_work.queue();
    }

    /// Waits until all that was pushed before has run.
    ///
    /// Context: task, may sleep, not in [`Deferred::run`].
    pub fn flush(&self) {
        // After the first time all of it has been taken off the list; perhaps by a call that was
        // asked for later, on a CPU that had been waited for by then. So once more.
        self.irq_work.sync();
        self.irq_work.sync();
    }
}

impl<T: Deferred> Handler for DeferQueue<T> {
    fn run(&self) {
        let mut node = self.head.xchg(ptr::null_mut(), Full);
        while !node.is_null() {
            // SAFETY: By the type invariant this is what `into_foreign()` gave, and the reference
            // that was the list's is ours now.
            let this = unsafe { Arc::<T>::from_foreign(node) };
            // Before `bits` becomes zero: from then on the next push may use it.
            node = this.link().next.load(Relaxed);
            // INVARIANT: The object was taken out with the list. Full: see `push()`.
            let bits = this.link().bits.xchg(0, Full);
            this.run(bits);
        }
    }
}
