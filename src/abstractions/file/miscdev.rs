// SPDX-License-Identifier: GPL-2.0

//! Misc devices with a mode: those that only answer ioctls, and those whose open files have data.
//!
//! The kernel crate's misc devices have no mode, no poll and no memory of their own.
//!
//! C header: [`include/linux/miscdevice.h`](srctree/include/linux/miscdevice.h)

use crate::abstractions::{
    compat::{
        this_module,
        ModuleMetadata, //
    },
    file::anon_file::{
        AnonFile,
        FileOperations, //
    }, //
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

/// The operations of an [`IoctlDevice`].
struct IoctlOperations<T>(PhantomData<fn(T)>);

impl<T: IoctlDevice> IoctlOperations<T> {
    const OPS: bindings::file_operations = bindings::file_operations {
        owner: this_module::<T::Module>().as_ptr(),
        llseek: Some(bindings::noop_llseek),
        unlocked_ioctl: Some(Self::ioctl),
        compat_ioctl: bindings::compat_ptr_ioctl,
        ..pin_init::zeroed()
    };

    /// # Safety
    ///
    /// Must be called by the VFS.
    unsafe extern "C" fn ioctl(_file: *mut bindings::file, cmd: c_uint, arg: c_ulong) -> c_long {
        from_result(|| Ok(T::ioctl(cmd, UserPtr::from_addr(arg))? as c_long))
    }
}

/// A kind of file that is made by opening a misc device. [`AnonFile::OPS`] must be a result of
/// [`FileOperations::build_for_device`].
pub trait DeviceFile: AnonFile {
    /// The name of the device, below `/dev`.
    const DEVICE: &'static CStr;

    /// The permissions of the device node.
    const MODE: u16;

    /// Makes the private data of a new file. Context: task, may sleep.
    fn open() -> Result<Self::Private>;
}

impl<T: DeviceFile> FileOperations<T> {
    /// Makes the operations of a file that opening the device makes.
    pub const fn build_for_device() -> Self {
        // INVARIANT: `open()` sets the private data like `create()`.
        Self::build().with_open(Self::open)
    }

    /// # Safety
    ///
    /// Must be called by the VFS, for a new file with these operations.
    unsafe extern "C" fn open(inode: *mut bindings::inode, file: *mut bindings::file) -> c_int {
        from_result(|| {
            // SAFETY: The VFS passes a new file, which no other task can use yet.
            unsafe { Self::set_data(file, T::open()?) };
            // SAFETY: The VFS passes a new file and its inode.
            Ok(unsafe { bindings::stream_open(inode, file) })
        })
    }
}

/// A registered misc device.
///
/// # Invariants
///
/// `device` is registered by `misc_register()`.
#[pin_data(PinnedDrop)]
pub struct Registration {
    #[pin]
    device: Opaque<bindings::miscdevice>,
}

// SAFETY: Another task than the one that registered a misc device may deregister it.
unsafe impl Send for Registration {}
// SAFETY: There are no methods on a shared reference.
unsafe impl Sync for Registration {}

impl Registration {
    /// Registers a device that answers ioctls.
    ///
    /// Context: task, may sleep. Errors: those of `misc_register()`.
    pub fn ioctls<T: IoctlDevice>() -> impl PinInit<Self, Error> {
        Self::new(T::NAME, T::MODE, &IoctlOperations::<T>::OPS)
    }

    /// Registers a device whose open files are `T`.
    ///
    /// Context: task, may sleep. Errors: those of `misc_register()`.
    pub fn files<T: DeviceFile>() -> impl PinInit<Self, Error> {
        Self::new(T::DEVICE, T::MODE, T::OPS.as_raw())
    }

    fn new(
        name: &'static CStr,
        mode: u16,
        fops: &'static bindings::file_operations,
    ) -> impl PinInit<Self, Error> {
        try_pin_init!(Self {
            device <- Opaque::try_ffi_init(move |device: *mut bindings::miscdevice| {
                // SAFETY: `device` is valid for writing.
                unsafe {
                    device.write(bindings::miscdevice {
                        minor: bindings::MISC_DYNAMIC_MINOR as c_int,
                        name: str::as_char_ptr_in_const_context(name),
                        fops,
                        mode,
                        ..pin_init::zeroed()
                    })
                };
                // SAFETY: `device` was filled in above, is pinned, and is deregistered before it is
                // freed.
                // INVARIANT: On success it is registered.
                to_result(unsafe { bindings::misc_register(device) })
            }),
        })
    }
}

#[pinned_drop]
impl PinnedDrop for Registration {
    fn drop(self: Pin<&mut Self>) {
        // SAFETY: The device is registered by the type invariant.
        unsafe { bindings::misc_deregister(self.device.get()) };
    }
}
