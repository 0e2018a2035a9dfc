// SPDX-License-Identifier: GPL-2.0

//! Misc devices that answer ioctls, with a mode.
//!
//! The kernel crate's misc devices have no mode, and have data for each open file, which this one
//! does not need.
//!
//! C header: [`include/linux/miscdevice.h`](srctree/include/linux/miscdevice.h)

use crate::abstractions::compat::{
    this_module,
    ModuleMetadata, //
};
use core::marker::PhantomData;
use kernel::{
    bindings,
    error::{
        from_result,
        to_result, //
    },
    prelude::*,
    str,
    types::Opaque,
    uaccess::UserPtr, //
};

/// A misc device that answers ioctls. Their arguments are pointers to structures with the same
/// layout for 32-bit and 64-bit programs.
pub trait IoctlDevice: 'static {
    /// The module of the device. Every open file of the device holds a reference on it.
    type Module: ModuleMetadata;

    /// The name of the device, below `/dev`.
    const NAME: &'static CStr;

    /// The permissions of the device node.
    const MODE: u16;

    /// Answers an ioctl. Context: task, may sleep. Errors: `ENOTTY` for an unknown `cmd`.
    fn ioctl(cmd: u32, arg: UserPtr) -> Result<u32>;
}

/// A registered misc device.
///
/// # Invariants
///
/// `device` is registered by `misc_register()`.
#[pin_data(PinnedDrop)]
pub struct Registration<T: IoctlDevice> {
    #[pin]
    device: Opaque<bindings::miscdevice>,
    _kind: PhantomData<fn(T)>,
}

// SAFETY: Another task than the one that registered a misc device may deregister it.
unsafe impl<T: IoctlDevice> Send for Registration<T> {}
// SAFETY: There are no methods on a shared reference.
unsafe impl<T: IoctlDevice> Sync for Registration<T> {}

impl<T: IoctlDevice> Registration<T> {
    const OPS: bindings::file_operations = bindings::file_operations {
        owner: this_module::<T::Module>().as_ptr(),
        llseek: Some(bindings::noop_llseek),
        unlocked_ioctl: Some(Self::ioctl),
        compat_ioctl: bindings::compat_ptr_ioctl,
        ..pin_init::zeroed()
    };

    /// Registers the device. Context: task, may sleep. Errors: those of `misc_register()`.
    pub fn new() -> impl PinInit<Self, Error> {
        try_pin_init!(Self {
            device <- Opaque::try_ffi_init(|device: *mut bindings::miscdevice| {
                // SAFETY: `device` is valid for writing.
                unsafe {
                    device.write(bindings::miscdevice {
                        minor: bindings::MISC_DYNAMIC_MINOR as c_int,
                        name: str::as_char_ptr_in_const_context(T::NAME),
                        fops: &Self::OPS,
                        mode: T::MODE,
                        ..pin_init::zeroed()
                    })
                };
                // SAFETY: `device` was filled in above, is pinned, and is deregistered before it is
                // freed.
                // INVARIANT: On success it is registered.
                to_result(unsafe { bindings::misc_register(device) })
            }),
            _kind: PhantomData,
        })
    }

    /// # Safety
    ///
    /// Must be called by the VFS.
    unsafe extern "C" fn ioctl(_file: *mut bindings::file, cmd: c_uint, arg: c_ulong) -> c_long {
        from_result(|| Ok(T::ioctl(cmd, UserPtr::from_addr(arg))? as c_long))
    }
}

#[pinned_drop]
impl<T: IoctlDevice> PinnedDrop for Registration<T> {
    fn drop(self: Pin<&mut Self>) {
        // SAFETY: The device is registered by the type invariant.
        unsafe { bindings::misc_deregister(self.device.get()) };
    }
}
