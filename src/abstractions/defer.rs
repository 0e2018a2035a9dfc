// SPDX-License-Identifier: GPL-2.0

//! Work put off from contexts that may not do it.
//!
//! C header: [`include/linux/irq_work.h`](srctree/include/linux/irq_work.h)

use core::ptr;
use kernel::{
    bindings,
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
    types::{
        ForeignOwnable,
        Opaque, //
    },
};

/// An object that may have work put off.
pub trait Deferred: Send + Sync + Sized + 'static {
    /// Its link in a queue: always the same field.
    fn link(&self) -> &Link;

    /// Does what was put off. `bits` is all that was put off since the last call.
    ///
    /// Context: hardirq with nothing else on the CPU's stack that holds a lock with interrupts
    /// disabled; on `PREEMPT_RT` a task that holds no lock.
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

impl Link {
    /// A link that is in no queue.
    pub const fn unlinked() -> Self {
        Self {
            bits: Atomic::new(0),
            next: Atomic::new(ptr::null_mut()),
        }
    }
}

/// A queue of objects whose work is put off to an interrupt of its own, a list that needs no lock.
///
/// # Invariants
///
/// `head`, and each [`Link::next`] from there, is null or what `Arc::into_foreign()` gave for an
/// object of type `T`.
pub struct DeferQueue<T> {
    head: Atomic<*mut c_void>,
    work: Opaque<bindings::irq_work>,
    _kind: core::marker::PhantomData<fn(T)>,
}

// SAFETY: The list is made of atomics, what it holds is `Send` and `Sync`, and `irq_work_queue()`
// may be called from anywhere.
unsafe impl<T: Deferred> Sync for DeferQueue<T> {}

impl<T: Deferred> DeferQueue<T> {
    /// An empty queue, to be put in a `static`.
    pub const fn empty() -> Self {
        let mut work: bindings::irq_work = pin_init::zeroed();
        // This makes it what `INIT_IRQ_WORK()` does: neither lazy nor, on PREEMPT_RT, hard.
        work.func = Some(Self::work);
        // INVARIANT: The list is empty.
        Self {
            head: Atomic::new(ptr::null_mut()),
            work: Opaque::new(work),
            _kind: core::marker::PhantomData,
        }
    }

    /// Has [`Deferred::run`] called with at least `bits`, which must not be zero, soon. An object
    /// is in one queue at most.
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
        // SAFETY: The work is initialised and `static`.
        unsafe { bindings::irq_work_queue(self.work.get()) };
    }

    /// Waits until all that was pushed before has run.
    ///
    /// Context: task, may sleep.
    pub fn flush(&self) {
        // SAFETY: The work is initialised and `static`.
        unsafe { bindings::irq_work_sync(self.work.get()) };
    }

    /// # Safety
    ///
    /// Must be called by the kernel, for the work of a queue of this type.
    unsafe extern "C" fn work(work: *mut bindings::irq_work) {
        let work: *const Opaque<bindings::irq_work> = work.cast();
        // SAFETY: By the safety requirement the work is a field of a queue, which is `static`.
        let queue = unsafe { &*kernel::container_of!(work, Self, work) };
        let mut node = queue.head.xchg(ptr::null_mut(), Full);
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
