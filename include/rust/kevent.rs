// SPDX-License-Identifier: GPL-2.0

//! Raising events in queues of programs, from kernel modules written in Rust.
//!
//! A module includes this file with `#[path]`. Its Kbuild file includes `include/rust/bindings.mk`,
//! which generates the bindings to the C header. `samples/timer/` is such a module.
//!
//! C header: `include/linux/kevent.h`

use core::marker::{
    PhantomData,
    PhantomPinned, //
};
use kernel::{
    bindings::file,
    error::{
        from_result,
        to_result,
        VTABLE_DEFAULT_ERROR, //
    },
    miscdevice::{
        MiscDevice,
        MiscDeviceRegistration, //
    },
    prelude::*,
    types::{
        ForeignOwnable,
        Opaque, //
    }, //
};

#[allow(
    dead_code,
    improper_ctypes,
    missing_docs,
    non_camel_case_types,
    unreachable_pub,
    clippy::all,
    clippy::undocumented_unsafe_blocks
)]
mod bindings {
    use kernel::{
        bindings::*,
        ffi, //
    };

    include!(env!("KEVENT_GENERATED_RS"));
}

/// A kevent of a program, from [`Producer::enqueue`] to the end of [`Producer::dequeue`].
#[repr(transparent)]
pub struct Kevent(Opaque<bindings::kevent>);

impl Kevent {
    /// Leaves the storage. Afterwards the kevent gets no more events, and each [`Storage::ready`] that
    /// was raising events of it has done so. A kevent that ends leaves by itself.
    ///
    /// Context: task, may sleep.
    pub fn dequeue(&self) {
        // SAFETY: The kevent is valid as long as the producer has a reference.
        unsafe { bindings::kevent_storage_dequeue(self.0.get()) };
    }
}

/// The kevents of one thing that events occur to. Dropping it removes them; they have no further
/// events.
///
/// # Invariants
///
/// `raw` is initialised.
#[pin_data(PinnedDrop)]
pub struct Storage {
    #[pin]
    raw: Opaque<bindings::kevent_storage>,
    #[pin]
    _pin: PhantomPinned,
}

// SAFETY: The functions of a storage may be called by any task.
unsafe impl Send for Storage {}

// SAFETY: See above.
unsafe impl Sync for Storage {}

impl Storage {
    /// Creates an initialiser of an empty storage.
    pub fn new() -> impl PinInit<Self> {
        // INVARIANT: A zeroed storage is empty, as kevent_storage_init() makes it.
        pin_init!(Self {
            raw: Opaque::zeroed(),
            _pin: PhantomPinned,
        })
    }

    /// Raises `events` of all kevents in the storage, and adds `n` to their data. Each kevent gets the
    /// events that its program wants.
    ///
    /// Context: any, including NMI. Never sleeps. See the C function for locks.
    pub fn ready(&self, events: u32, n: u64) {
        // SAFETY: The storage is valid by the type invariant.
        unsafe { bindings::kevent_storage_ready(self.raw.get(), events, n) };
    }

    /// Puts a kevent in the storage. This can be done once for each kevent.
    ///
    /// Context: task. Does not sleep. Fails with `EBUSY` if the kevent is or was in a storage.
    pub fn enqueue(&self, kevent: &Kevent) -> Result {
        // SAFETY: The storage is valid by the type invariant, and pinned. It removes the kevent when
        // it is dropped. The kevent is valid as long as the producer has a reference.
        to_result(unsafe { bindings::kevent_storage_enqueue(self.raw.get(), kevent.0.get()) })
    }
}

#[pinned_drop]
impl PinnedDrop for Storage {
    fn drop(self: Pin<&mut Self>) {
        // SAFETY: The storage is valid by the type invariant. Nobody else can use it now.
        unsafe { bindings::kevent_storage_fini(self.raw.get()) };
    }
}

/// A device whose open files kevents may watch.
///
/// The functions run in a task and may sleep. The queue's lock of kevents is held, so they must
/// neither wait for user space nor for a call on the queue. The file stays open until the kevent has
/// ended.
#[vtable]
pub trait Producer: MiscDevice {
    /// A program adds `kevent` for an open file of the device. `events` are those that it wants, and
    /// `arg` are arguments, which the device gives a meaning. Puts the kevent in a storage with
    /// [`Storage::enqueue`].
    ///
    /// The program's operation fails with the error of this function: `EINVAL` for unknown events and
    /// arguments.
    fn enqueue(
        device: <Self::Ptr as ForeignOwnable>::Borrowed<'_>,
        kevent: &Kevent,
        events: u32,
        arg: &[u64; 3],
    ) -> Result;

    /// The kevent has ended and has left its storage.
    fn dequeue(_device: <Self::Ptr as ForeignOwnable>::Borrowed<'_>, _kevent: &Kevent) {
        build_error!(VTABLE_DEFAULT_ERROR)
    }

    /// Returns the events that are there now. With this function, kevents without `KEVENT_ET` are
    /// level-triggered.
    fn poll(_device: <Self::Ptr as ForeignOwnable>::Borrowed<'_>, _kevent: &Kevent) -> u32 {
        build_error!(VTABLE_DEFAULT_ERROR)
    }
}

/// The registration of a device as a producer.
///
/// # Invariants
///
/// `raw` is registered.
#[pin_data(PinnedDrop)]
pub struct Registration<T: Producer> {
    #[pin]
    raw: Opaque<bindings::kevent_producer>,
    _device: PhantomData<T>,
    #[pin]
    _pin: PhantomPinned,
}

// SAFETY: It only keeps the registration.
unsafe impl<T: Producer> Send for Registration<T> {}

// SAFETY: See above.
unsafe impl<T: Producer> Sync for Registration<T> {}

impl<T: Producer> Registration<T> {
    /// Registers `device`. Fails with `EBUSY` if it is registered. When the result was dropped, the
    /// functions of `T` do not run.
    ///
    /// Context: task, may sleep. The drop must hold no lock that a function of `T` takes.
    pub fn new(device: &MiscDeviceRegistration<T>) -> impl PinInit<Self, Error> + '_ {
        // SAFETY: The device is registered, and does not change.
        let fops = unsafe { (*device.as_raw()).fops };

        // INVARIANT: The initialiser fails if it cannot register.
        try_pin_init!(Self {
            raw <- Opaque::try_ffi_init(move |raw: *mut bindings::kevent_producer| {
                let producer = bindings::kevent_producer {
                    fops,
                    enqueue: Some(Self::enqueue),
                    dequeue: if T::HAS_DEQUEUE { Some(Self::dequeue) } else { None },
                    poll: if T::HAS_POLL { Some(Self::poll) } else { None },
                    list: pin_init::zeroed(),
                    id: 0,
                };

                // SAFETY: `raw` is valid for writing, and pinned until the drop unregisters it.
                to_result(unsafe {
                    raw.write(producer);
                    bindings::kevent_producer_register(raw)
                })
            }),
            _device: PhantomData,
            _pin: PhantomPinned,
        })
    }

    /// # Safety
    ///
    /// `file` must be an open file of the device, and `kevent` a kevent, as long as `'a` lasts.
    unsafe fn borrow<'a>(
        kevent: *mut bindings::kevent,
        file: *mut file,
    ) -> (<T::Ptr as ForeignOwnable>::Borrowed<'a>, &'a Kevent) {
        // SAFETY: By the safety requirement. The private data of a file of the device is a `T::Ptr`
        // until its release. `Kevent` is transparent.
        unsafe { (T::Ptr::borrow((*file).private_data), &*kevent.cast()) }
    }

    /// # Safety
    ///
    /// Must be called by evfd, for a registered producer.
    unsafe extern "C" fn enqueue(
        kevent: *mut bindings::kevent,
        file: *mut file,
        events: u32,
        arg: *const u64,
    ) -> c_int {
        // SAFETY: By the safety requirement. `arg` has three elements.
        let ((device, kevent), arg) =
            unsafe { (Self::borrow(kevent, file), &*arg.cast::<[u64; 3]>()) };

        from_result(|| T::enqueue(device, kevent, events, arg).map(|()| 0))
    }

    /// # Safety
    ///
    /// Like that of `enqueue()`.
    unsafe extern "C" fn dequeue(kevent: *mut bindings::kevent, file: *mut file) {
        // SAFETY: By the safety requirement.
        let (device, kevent) = unsafe { Self::borrow(kevent, file) };

        T::dequeue(device, kevent);
    }

    /// # Safety
    ///
    /// Like that of `enqueue()`.
    unsafe extern "C" fn poll(kevent: *mut bindings::kevent, file: *mut file) -> u32 {
        // SAFETY: By the safety requirement.
        let (device, kevent) = unsafe { Self::borrow(kevent, file) };

        T::poll(device, kevent)
    }
}

#[pinned_drop]
impl<T: Producer> PinnedDrop for Registration<T> {
    fn drop(self: Pin<&mut Self>) {
        // SAFETY: It is registered by the type invariant.
        unsafe { bindings::kevent_producer_unregister(self.raw.get()) };
    }
}
