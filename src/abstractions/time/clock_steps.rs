// SPDX-License-Identifier: GPL-2.0

//! Counting, and being told, how often clocks are set.
//!
//! The kernel tells its notifiers with the timekeeper's raw lock held and its sequence count odd,
//! where nothing can be woken and no clock be read. So they only count, and what is to be done
//! goes by way of an interrupt of its own to a task.
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

/// How often `clock` was set, by however little, while there was a [`Watch`]. Slewing a clock is
/// not setting it.
///
/// Who reads the clock after it was set, and then this, sees that it was set. Context: any.
pub fn count(clock: Clock) -> u32 {
    match clock {
        Clock::Realtime => read_once(&REALTIME),
        Clock::Tai => read_once(&TAI),
        Clock::Monotonic | Clock::Boottime => 0,
    }
}

/// Whether there is a [`Watch`], without which nothing is counted.
pub fn are_counted() -> bool {
    read_once(&WATCHES) != 0
}

/// What is done when clocks were set.
pub trait Handler: 'static {
    /// Called after clocks were set, at least once after the last time.
    ///
    /// Context: task, may sleep.
    fn clock_was_set();
}

/// A work item, which an interrupt queues.
///
/// # Invariants
///
/// It is initialised.
#[pin_data]
struct Work {
    #[pin]
    work: Opaque<bindings::work_struct>,
}

// SAFETY: A work item may be queued from anywhere.
unsafe impl Sync for Work {}

impl irq_work::Handler for Work {
    fn run(&self) {
        // SAFETY: The work is initialised. An unbound worker may take its time.
        unsafe {
            bindings::queue_work_on(
                bindings::wq_misc_consts_WORK_CPU_UNBOUND as c_int,
                bindings::system_dfl_wq,
                self.work.get(),
            )
        };
    }
}

/// Counts how often clocks are set, and calls a [`Handler`].
///
/// # Invariants
///
/// `notifier` is registered if `registered` says so.
#[pin_data(PinnedDrop)]
pub struct Watch<H: Handler> {
    interrupt: PerCpuIrqWork<Work>,
    #[pin]
    work: Work,
    /// Only for the notifier, which is never called twice at the same time.
    offsets: Opaque<helpers::evfd_clock_offsets>,
    #[pin]
    notifier: Opaque<bindings::notifier_block>,
    registered: bool,
    _handler: PhantomData<fn(H)>,
}

// SAFETY: Whatever is in it may be used by, and go away in, other tasks than have made it.
unsafe impl<H: Handler> Send for Watch<H> {}
// SAFETY: There are no methods on a shared reference.
unsafe impl<H: Handler> Sync for Watch<H> {}

impl<H: Handler> Watch<H> {
    /// Starts counting, if the kernel tells: see [`are_counted`].
    ///
    /// Context: task, may sleep. Errors: `ENOMEM`.
    pub fn new(name: &'static CStr, key: Pin<&'static LockClassKey>) -> impl PinInit<Self, Error> {
        try_pin_init!(&this in Self {
            interrupt: PerCpuIrqWork::unregistered(),
            work <- pin_init!(Work {
                // SAFETY: `work` is valid for writing, is pinned, and name and key live for ever.
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
            // INVARIANT: It is registered here. The notifier is called at once for the first time,
            // when all that it uses is initialised, but not yet the watch as a whole: so what the
            // interrupt has a reference to is the work alone.
            registered: {
                // SAFETY: What was initialised above is pinned, and both are unregistered before it
                // goes away.
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
        // SAFETY: The core calls with its timekeeper, and its lock held: so nobody else uses
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
        // Each step waits for what the one before might have started.
        self.interrupt.unregister();
        // SAFETY: By the type invariant the work is initialised.
        unsafe { bindings::cancel_work_sync(self.work.work.get()) };
    }
}
