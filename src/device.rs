// SPDX-License-Identifier: GPL-2.0

//! `/dev/evfd`: from a request to a kind of descriptor.

use crate::{
    abstractions::{
        file::miscdev::IoctlDevice,
        mm::user::read, //
    },
    eventfd,
    signalfd::{
        self,
        eventfs, //
    },
    timerfd,
    uapi, //
};
use kernel::{
    prelude::*,
    uaccess::UserPtr, //
};

/// The misc device. An open device has no state, and descriptors do not depend on it.
pub(crate) struct Device;

impl IoctlDevice for Device {
    type Module = crate::LocalModule;

    const NAME: &'static CStr = match CStr::from_bytes_with_nul(uapi::EVFD_DEVICE_NAME) {
        Ok(name) => name,
        Err(_) => panic!("the UAPI header's string is not a C string"),
    };
    /// Making a descriptor needs no privilege, except on alarm clocks, which check for themselves.
    const MODE: u16 = 0o666;

    fn ioctl(cmd: u32, arg: UserPtr) -> Result<u32> {
        match cmd {
            uapi::EVFD_IOC_EVENTFD => eventfd::create(read(arg)?),
            uapi::EVFD_IOC_ARENA => eventfd::create_arena(read(arg)?),
            uapi::EVFD_IOC_BIND => eventfd::bind(read(arg)?),
            uapi::EVFD_IOC_TIMERFD_CREATE => timerfd::create(read(arg)?),
            uapi::EVFD_IOC_TIMERFD => timerfd::timerfd(read(arg)?),
            uapi::EVFD_IOC_TIMER_ARENA => timerfd::create_arena(read(arg)?),
            uapi::EVFD_IOC_TIMER_BIND => timerfd::bind(read(arg)?),
            uapi::EVFD_IOC_SIGNALFD => signalfd::signalfd(read(arg)?),
            uapi::EVFD_IOC_EVENTFS_SIGNAL => eventfs::create(read(arg)?),
            _ => Err(ENOTTY),
        }
    }
}
