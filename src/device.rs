// SPDX-License-Identifier: GPL-2.0

//! `/dev/evfd`: which ioctl makes which descriptor.

use crate::{
    abstractions::{
        miscdev::IoctlDevice,
        uapi, //
    },
    eventfd::EventFd, //
};
use kernel::{
    prelude::*,
    transmute::FromBytes,
    uaccess::{
        UserPtr,
        UserSlice, //
    },
};

/// The misc device. Opening it keeps nothing: a descriptor does not depend on it.
pub(crate) struct Device;

impl IoctlDevice for Device {
    type Module = crate::LocalModule;

    const NAME: &'static CStr = match CStr::from_bytes_with_nul(uapi::EVFD_DEVICE_NAME) {
        Ok(name) => name,
        Err(_) => panic!("the UAPI header's string is not a C string"),
    };
    /// None of the descriptors needs a privilege.
    const MODE: u16 = 0o666;

    fn ioctl(cmd: u32, arg: UserPtr) -> Result<u32> {
        match cmd {
            uapi::EVFD_IOC_EVENTFD => EventFd::create(read(arg)?),
            _ => Err(ENOTTY),
        }
    }
}

/// Reads the argument of an ioctl, or fails with `EFAULT`.
fn read<T: FromBytes>(arg: UserPtr) -> Result<T> {
    UserSlice::new(arg, size_of::<T>()).reader().read()
}
