// SPDX-License-Identifier: GPL-2.0

//! The parts of the kernel that the code under test uses.

pub(crate) mod prelude {
    #[derive(Debug, PartialEq, Eq)]
    pub(crate) struct Error;

    pub(crate) const EFAULT: Error = Error;
    pub(crate) const ENODEV: Error = Error;

    pub(crate) use super::alloc::KVVec;
    pub(crate) use std::ffi::c_void;

    /// Every type is, because loom's threads are not threads of the system.
    pub(crate) trait Send {}
    impl<T: ?Sized> Send for T {}

    pub(crate) trait Sync {}
    impl<T: ?Sized> Sync for T {}

    pub(crate) type Result<T = (), E = Error> = core::result::Result<T, E>;
}

pub(crate) mod alloc {
    use super::prelude::Result;
    use std::ops::Deref;

    pub(crate) mod flags {
        pub(crate) struct Flags;
        pub(crate) const GFP_KERNEL_ACCOUNT: Flags = Flags;
    }

    /// The kernel's growable array.
    pub(crate) struct KVVec<T>(Vec<T>);

    impl<T> KVVec<T> {
        pub(crate) const fn new() -> Self {
            Self(Vec::new())
        }

        pub(crate) fn push(&mut self, value: T, _: flags::Flags) -> Result {
            self.0.push(value);
            Ok(())
        }
    }

    impl<T> Deref for KVVec<T> {
        type Target = [T];

        fn deref(&self) -> &[T] {
            &self.0
        }
    }
}

pub(crate) mod sync {
    pub(crate) mod atomic {
        use loom::sync::atomic::{
            fence,
            AtomicU64,
            Ordering, //
        };
        use std::{
            ffi::c_void,
            ptr,
            sync::OnceLock, //
        };

        pub(crate) struct Full;
        pub(crate) struct Relaxed;
        pub(crate) struct Acquire;
        pub(crate) struct Release;

        pub(crate) trait LoadOrder {
            const LOAD: Ordering;
        }

        impl LoadOrder for Relaxed {
            const LOAD: Ordering = Ordering::Relaxed;
        }

        impl LoadOrder for Acquire {
            const LOAD: Ordering = Ordering::Acquire;
        }

        pub(crate) trait StoreOrder {
            const STORE: Ordering;
        }

        impl StoreOrder for Relaxed {
            const STORE: Ordering = Ordering::Relaxed;
        }

        impl StoreOrder for Release {
            const STORE: Ordering = Ordering::Release;
        }

        /// The order of an operation that changes the value.
        pub(crate) trait Order {
            const OPERATION: Ordering;

            /// The barrier after it.
            fn barrier();
        }

        /// Loom treats `SeqCst` as `AcqRel` in an operation, but not in a fence. The kernel's model
        /// also has a barrier before the operation. Properties proved without it hold with it, too.
        impl Order for Full {
            const OPERATION: Ordering = if cfg!(feature = "unordered") {
                Ordering::Relaxed
            } else {
                Ordering::AcqRel
            };

            fn barrier() {
                if !cfg!(feature = "unordered") {
                    fence(Ordering::SeqCst);
                }
            }
        }

        impl Order for Relaxed {
            const OPERATION: Ordering = Ordering::Relaxed;

            fn barrier() {}
        }

        /// A value that fits into an atomic.
        pub(crate) trait Word: Copy {
            fn to(self) -> u64;
            fn of(word: u64) -> Self;
        }

        impl Word for u64 {
            fn to(self) -> u64 {
                self
            }

            fn of(word: u64) -> Self {
                word
            }
        }

        impl Word for u32 {
            fn to(self) -> u64 {
                self.into()
            }

            fn of(word: u64) -> Self {
                word as u32
            }
        }

        impl Word for *mut c_void {
            fn to(self) -> u64 {
                self.addr() as u64
            }

            fn of(word: u64) -> Self {
                ptr::without_provenance_mut(word as usize)
            }
        }

        /// An atomic for constants, like the kernel's. Loom's cannot be made in a constant, so the
        /// first access makes it. That access must come before those of other threads.
        pub(crate) struct Atomic<T>(T, OnceLock<AtomicU64>);

        impl<T> Atomic<T> {
            pub(crate) const fn new(value: T) -> Self {
                Self(value, OnceLock::new())
            }
        }

        impl<T: Word> Atomic<T> {
            /// The atomic of C11, for models of a program that shares the memory.
            pub(crate) fn inner(&self) -> &AtomicU64 {
                self.1.get_or_init(|| AtomicU64::new(self.0.to()))
            }

            pub(crate) fn load<O: LoadOrder>(&self, _: O) -> T {
                T::of(self.inner().load(O::LOAD))
            }

            pub(crate) fn store<O: StoreOrder>(&self, value: T, _: O) {
                self.inner().store(value.to(), O::STORE);
            }

            /// Does not order anything if it fails, like in the kernel.
            pub(crate) fn cmpxchg<O: Order>(&self, old: T, new: T, _: O) -> Result<T, T> {
                let (inner, expected) = (self.inner(), old.to());
                if cfg!(feature = "torn") {
                    let now = inner.load(Ordering::Acquire);
                    if now != expected {
                        return Err(T::of(now));
                    }
                    inner.store(new.to(), Ordering::Release);
                } else {
                    inner
                        .compare_exchange(expected, new.to(), O::OPERATION, Ordering::Relaxed)
                        .map_err(T::of)?;
                }
                O::barrier();
                Ok(old)
            }

            pub(crate) fn xchg<O: Order>(&self, new: T, _: O) -> T {
                let old = self.inner().swap(new.to(), O::OPERATION);
                O::barrier();
                T::of(old)
            }

            pub(crate) fn fetch_add<O: Order>(&self, n: T, _: O) -> T {
                let old = self.inner().fetch_add(n.to(), O::OPERATION);
                O::barrier();
                T::of(old)
            }

            pub(crate) fn fetch_or<O: Order>(&self, bits: T, _: O) -> T {
                let old = self.inner().fetch_or(bits.to(), O::OPERATION);
                O::barrier();
                T::of(old)
            }

            pub(crate) fn fetch_and<O: Order>(&self, bits: T, _: O) -> T {
                let old = self.inner().fetch_and(bits.to(), O::OPERATION);
                O::barrier();
                T::of(old)
            }
        }
    }

    use super::types::ForeignOwnable;
    use std::{
        any::Any,
        cell::RefCell,
        collections::HashMap,
        ffi::c_void,
        ops::Deref,
        ptr, //
    };

    /// The kernel's `Arc`, counted outside of loom: no test depends on the order of the counting.
    pub(crate) struct Arc<T>(std::sync::Arc<T>);

    impl<T> Arc<T> {
        pub(crate) fn new(value: T) -> Self {
            Self(std::sync::Arc::new(value))
        }

        pub(crate) fn as_arc_borrow(&self) -> ArcBorrow<'_, T> {
            ArcBorrow(&self.0)
        }

        /// The number of references.
        pub(crate) fn count(&self) -> usize {
            std::sync::Arc::strong_count(&self.0)
        }
    }

    impl<T> Clone for Arc<T> {
        fn clone(&self) -> Self {
            Self(self.0.clone())
        }
    }

    impl<T> Deref for Arc<T> {
        type Target = T;

        fn deref(&self) -> &T {
            &self.0
        }
    }

    impl<T> From<ArcBorrow<'_, T>> for Arc<T> {
        fn from(borrow: ArcBorrow<'_, T>) -> Self {
            Self(borrow.0.clone())
        }
    }

    pub(crate) struct ArcBorrow<'a, T>(&'a std::sync::Arc<T>);

    impl<T> Clone for ArcBorrow<'_, T> {
        fn clone(&self) -> Self {
            *self
        }
    }

    impl<T> Copy for ArcBorrow<'_, T> {}

    impl<T> Deref for ArcBorrow<'_, T> {
        type Target = T;

        fn deref(&self) -> &T {
            self.0
        }
    }

    thread_local! {
        /// The foreign values, by their addresses.
        static FOREIGN: RefCell<HashMap<usize, Box<dyn Any>>> = RefCell::default();
    }

    impl<T: 'static> ForeignOwnable for Arc<T> {
        fn into_foreign(self) -> *mut c_void {
            let address = std::sync::Arc::as_ptr(&self.0).addr();
            let before = FOREIGN.with_borrow_mut(|all| all.insert(address, Box::new(self.0)));
            assert!(before.is_none(), "in the list twice");
            ptr::without_provenance_mut(address)
        }

        fn from_foreign(foreign: *mut c_void) -> Self {
            let value = FOREIGN.with_borrow_mut(|all| all.remove(&foreign.addr()));
            Self(*value.expect("taken twice").downcast().unwrap())
        }
    }
}

pub(crate) mod types {
    use std::ffi::c_void;

    pub(crate) trait ForeignOwnable {
        fn into_foreign(self) -> *mut c_void;
        fn from_foreign(foreign: *mut c_void) -> Self;
    }
}

pub(crate) mod irq_work {
    use super::prelude::*;
    use loom::thread;
    use std::sync::Mutex;

    pub(crate) trait Handler {
        fn run(&self);
    }

    /// Each call of [`PerCpuIrqWork::queue`] starts a thread: an interrupt on a CPU of its own. The
    /// case in which pushes share a CPU and a pending interrupt runs later is in
    /// `tests/litmus/defer-queue.litmus`.
    pub(crate) struct PerCpuIrqWork<H: Handler + 'static> {
        handler: Mutex<Option<&'static H>>,
        threads: Mutex<Vec<thread::JoinHandle<()>>>,
    }

    impl<H: Handler> PerCpuIrqWork<H> {
        pub(crate) const fn unregistered() -> Self {
            Self {
                handler: Mutex::new(None),
                threads: Mutex::new(Vec::new()),
            }
        }

        pub(crate) fn register(&'static self, handler: &'static H) -> Result<Registration<H>> {
            *self.handler.lock().unwrap() = Some(handler);
            Ok(Registration(self))
        }

        pub(crate) fn is_registered(&self) -> bool {
            self.handler.lock().unwrap().is_some()
        }

        pub(crate) fn queue(&self) {
            let Some(handler) = *self.handler.lock().unwrap() else {
                return;
            };
            let run = thread::spawn(|| handler.run());
            self.threads.lock().unwrap().push(run);
        }

        pub(crate) fn sync(&self) {
            let threads = std::mem::take(&mut *self.threads.lock().unwrap());
            for run in threads {
                run.join().unwrap();
            }
        }
    }

    pub(crate) struct Registration<H: Handler + 'static>(&'static PerCpuIrqWork<H>);

    impl<H: Handler> Drop for Registration<H> {
        fn drop(&mut self) {
            *self.0.handler.lock().unwrap() = None;
        }
    }
}

pub(crate) mod page {
    pub(crate) const PAGE_SIZE: usize = 4096;
}

/// The macro of `src/abstractions/mm/shared.rs`. Atomics of loom are larger than their values, so
/// the sizes and offsets are those of this shim only.
macro_rules! shared_words {
    (
        $(#[$attr:meta])*
        $vis:vis struct $name:ident {
            $($field_vis:vis $field:ident: $word:tt $(x $count:literal)?,)*
        }
    ) => {
        $(#[$attr])*
        #[repr(C)]
        $vis struct $name {
            $($field_vis $field: $crate::shared_words!(@type $word $($count)?),)*
        }

        impl $crate::abstractions::mm::shared::SharedWords for $name {
            fn zeroed() -> Self {
                Self {
                    $($field: $crate::abstractions::mm::shared::SharedWords::zeroed(),)*
                }
            }
        }
    };
    (@type $word:tt) => { $crate::sync::atomic::Atomic<$word> };
    (@type $word:tt $count:literal) => { [$crate::sync::atomic::Atomic<$word>; $count] };
}
pub(crate) use shared_words;

/// The structures of the UAPI headers. `layout.rs` and `cell.rs` compare themselves with their
/// layout, which the build of the module checks.
#[allow(dead_code, non_camel_case_types)]
pub(crate) mod uapi {
    pub(crate) use crate::kevent::layout::Header as kevent_header;

    pub(crate) const EVFD_WAKEUP_ONCE: u32 = 1 << 0;
    pub(crate) const EVFD_WAKEUP_EACH: u32 = 1 << 1;

    super::shared_words! {
        pub(crate) struct evfd_cell {
            pub(crate) count: u64,
            pub(crate) wakeup_in: u32,
            pub(crate) wakeup_out: u32,
        }
    }

    pub(crate) const EVFD_TIMER_CALL: i32 = -1;
    pub(crate) const EVFD_TIMER_BUSY: i32 = -1;

    super::shared_words! {
        pub(crate) struct evfd_timer {
            pub(crate) next: u64,
            pub(crate) look: u64,
            pub(crate) interval: u64,
            pub(crate) clockid: u32,
            pub(crate) reserved: u32,
        }
    }

    pub(crate) const KEVENT_ONESHOT: u32 = 0x1;
    pub(crate) const KEVENT_PHASE: u32 = 1 << 31;
    pub(crate) const KEVENT_QUEUED: i64 = i64::MIN;
    pub(crate) const KEVENT_RAISED: u64 = 1 << 62;

    super::shared_words! {
        pub(crate) struct kevent_slot {
            pub(crate) ready: u64,
            pub(crate) user: u64,
            pub(crate) data: u64,
            pub(crate) want: u32,
            pub(crate) type_: u32,
        }
    }
}
