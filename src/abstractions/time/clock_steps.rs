// SPDX-License-Identifier: GPL-2.0

//! A count of the times that clocks are set, and a handler that runs afterwards.
//!
//! The kernel calls its notifiers with the timekeeper's raw lock held and its sequence count odd.
//! They can neither wake a task nor read a clock there. So the notifier only counts, and defers the
//! handler to a task by a self-interrupt.
//!
//! C header: [`include/linux/pvclock_gtod.h`](srctree/include/linux/pvclock_gtod.h)

use crate::abstractions::{
    helpers,
    sync::{
        atomic::read_once,
        irq_work::{
            self,
            PerCpuIrqWork, //
        }, //
    },
    time::clock::Clock, //
};
use core::marker::PhantomData;
use kernel::{
    bindings,
    prelude::*,
    sync::{
        atomic::{
            Atomic,
            Full, //
        },
        LockClassKey, //
    },
    types::Opaque, //
};

static REALTIME: Atomic<u32> = Atomic::new(0);
static TAI: Atomic<u32> = Atomic::new(0);
static WATCHES: Atomic<u32> = Atomic::new(0);

/// The number of times that `clock` was set, by any amount, while there was a [`Watch`]. Slewing a
/// clock does not count.
///
/// A caller that has read the clock after it was set sees the new count. Context: any.
pub fn count(clock: Clock) -> u32 {
    match clock {
        Clock::Realtime => read_once(&REALTIME),
        Clock::Tai => read_once(&TAI),
        Clock::Monotonic | Clock::Boottime => 0,
    }
}

/// Whether there is a [`Watch`] to count.
pub fn are_counted() -> bool {
    read_once(&WATCHES) != 0
}

/// A handler for clocks that were set.
pub trait Handler: 'static {
    /// Runs after clocks were set, and at least once after the last time.
    ///
    /// Context: task, may sleep.
    fn clock_was_set();
}

/// A work item that an interrupt queues.
///
/// # Invariants
///
/// The work item is initialised.
#[pin_data]
struct Work {
    #[pin]
    work: Opaque<bindings::work_struct>,
}

// SAFETY: A work item may be queued from anywhere.
unsafe impl Sync for Work {}

impl irq_work::Handler for Work {
    fn run(&self) {
        // SAFETY: The work item is initialised. It needs no certain CPU.
        unsafe {
            bindings::queue_work_on(
                bindings::wq_misc_consts_WORK_CPU_UNBOUND as c_int,
                bindings::system_dfl_wq,
                self.work.get(),
            )
        };
    }
}

/// Counts the times that clocks are set, and calls a [`Handler`].
///
/// # Invariants
///
/// `notifier` is registered if `registered` says so.
#[pin_data(PinnedDrop)]
pub struct Watch<H: Handler> {
    interrupt: PerCpuIrqWork<Work>,
    #[pin]
    work: Work,
    /// For the notifier only, which the timekeeping core never calls concurrently.
    offsets: Opaque<helpers::evfd_clock_offsets>,
    #[pin]
    notifier: Opaque<bindings::notifier_block>,
    registered: bool,
    _handler: PhantomData<fn(H)>,
}

// SAFETY: Other tasks than the one that made the fields may use and drop them.
unsafe impl<H: Handler> Send for Watch<H> {}
// SAFETY: There are no methods on a shared reference.
unsafe impl<H: Handler> Sync for Watch<H> {}

impl<H: Handler> Watch<H> {
    /// Starts to count, if the kernel accepts the notifier: see [`are_counted`].
    ///
    /// Context: task, may sleep. Errors: `ENOMEM`.
    pub fn new(name: &'static CStr, key: Pin<&'static LockClassKey>) -> impl PinInit<Self, Error> {
        try_pin_init!(&this in Self {
            interrupt: PerCpuIrqWork::unregistered(),
            work <- pin_init!(Work {
                // SAFETY: `work` is valid for writing, is pinned, and name and key live forever.
                work <- Opaque::ffi_init(|work| unsafe {
                    bindings::init_work_with_key(
                        work,
                        Some(Self::work),
                        false,
                        name.as_char_ptr(),
                        key.as_ptr(),
                    )
                }),
            }),
            offsets: Opaque::zeroed(),
            notifier <- Opaque::ffi_init(|notifier: *mut bindings::notifier_block| {
                let mut new: bindings::notifier_block = pin_init::zeroed();
                new.notifier_call = Some(Self::notify);
                // SAFETY: `notifier` is valid for writing.
                unsafe { notifier.write(new) }
            }),
            // INVARIANT: The notifier is registered here. The kernel calls it immediately, when the
            // fields that it uses are initialised but the watch as a whole is not. Therefore the
            // interrupt refers to the work item alone.
            registered: {
                // SAFETY: The fields above are pinned, and `drop()` unregisters the interrupt and
                // the notifier before the fields are dropped.
                let result = unsafe {
                    let this = this.as_ptr();
                    (*this).interrupt.register_raw(&raw const (*this).work)?;
                    helpers::pvclock_gtod_register_notifier((*this).notifier.get())
                };
                if result == 0 {
                    WATCHES.fetch_add(1, Full);
                }
                result == 0
            },
            _handler: PhantomData,
        })
    }

    /// # Safety
    ///
    /// Must be called by the timekeeping core, for the notifier of a watch of this type.
    unsafe extern "C" fn notify(
        notifier: *mut bindings::notifier_block,
        _was_set: c_ulong,
        timekeeper: *mut c_void,
    ) -> c_int {
        let notifier: *const Opaque<bindings::notifier_block> = notifier.cast();
        // SAFETY: The notifier is a field of a watch, which is there until it is unregistered.
        let this = unsafe { kernel::container_of!(notifier, Self, notifier) };
        // SAFETY: The core passes its timekeeper and holds its lock. So no other call uses
        // `offsets` now, and the timekeeper does not change.
        let (real, tai) = unsafe {
            let offsets = (*this).offsets.get();
            let new = helpers::evfd_helper_clock_offsets(timekeeper);
            let changed = ((*offsets).real != new.real, (*offsets).tai != new.tai);
            offsets.write(new);
            changed
        };
        if real {
            REALTIME.fetch_add(1, Full);
        }
        if tai {
            TAI.fetch_add(1, Full);
        }
        if real || tai {
            // SAFETY: The watch is there, see above.
            unsafe { (*this).interrupt.queue() };
        }
        bindings::NOTIFY_DONE as c_int
    }

    /// # Safety
    ///
    /// Must be called by the kernel, for the work of a watch of this type.
    unsafe extern "C" fn work(_work: *mut bindings::work_struct) {
        H::clock_was_set();
    }
}

#[pinned_drop]
impl<H: Handler> PinnedDrop for Watch<H> {
    fn drop(self: Pin<&mut Self>) {
        if self.registered {
            WATCHES.fetch_sub(1, Full);
            // SAFETY: By the type invariant the notifier is registered.
            unsafe { helpers::pvclock_gtod_unregister_notifier(self.notifier.get()) };
        }
        // Each step waits for calls that the previous step may have left running.
        self.interrupt.unregister();
        // SAFETY: By the type invariant the work item is initialised.
        unsafe { bindings::cancel_work_sync(self.work.work.get()) };
    }
}
