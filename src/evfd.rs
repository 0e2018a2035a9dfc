// SPDX-License-Identifier: GPL-2.0

//! evfd: event descriptors from a loadable module.
//!
//! User space opens `/dev/evfd` and makes descriptors by ioctl; other modules post to them with
//! the functions of `include/linux/evfd.h`. Each kind of descriptor is a `file_operations` table
//! over an anonymous inode, with its own wait queue.
//!
//! | module | contents |
//! | --- | --- |
//! | [`device`] | `/dev/evfd`: from a request to a kind of descriptor |
//! | [`arena`] | memory that programs share with descriptors |
//! | [`eventfd`] | the event descriptor and its counter |
//! | [`timerfd`] | the timer descriptor and its timer |
//! | [`signalfd`] | the signal descriptors and the set of signals |
//! | [`kevent`] | `/dev/kevent`: queues of events that a program reads from memory |
//! | [`exports`] | the functions that other modules call |
//! | [`uapi`] | the types and numbers of the UAPI header |
//! | [`abstractions`] | safe abstractions over the C API, with all unsafe code |
//!
//! Overview, locking, life times and memory ordering are in `Documentation/design/`.
//!
//! A program that uses it:
//!
//! ```c
//! struct evfd_eventfd args = { .count = 0, .flags = EVFD_EFD_CLOEXEC };
//! int dev = open("/dev/evfd", O_RDONLY | O_CLOEXEC);
//! int fd = ioctl(dev, EVFD_IOC_EVENTFD, &args);
//! ```

#![deny(clippy::undocumented_unsafe_blocks)]

use kernel::prelude::*;

pub mod abstractions;
mod arena;
mod device;
mod eventfd;
mod exports;
mod kevent;
mod signalfd;
#[cfg(CONFIG_KUNIT = "y")]
mod tests;
mod timerfd;
mod uapi;

use abstractions::{
    file::{
        miscdev,
        poll, //
    },
    time::clock_steps, //
};

module! {
    type: EvfdModule,
    name: "evfd",
    authors: ["the evfd authors"],
    description: "Event descriptors: eventfd, timerfd and signalfd as a loadable module",
    license: "GPL",
}

local_module_metadata!();

/// The loaded module.
///
/// Descriptors and callers hold references on it, but a deferred wake-up may outlive both. Fields
/// are dropped in order, so the last one waits for these wake-ups when everything else is gone.
#[pin_data]
struct EvfdModule {
    #[pin]
    _clocks: clock_steps::Watch<timerfd::timer::ClockWasSet>,
    #[pin]
    _device: miscdev::Registration,
    #[pin]
    _kevent: kevent::Registrations,
    _deferred: eventfd::Registrations,
}

impl kernel::InPlaceModule for EvfdModule {
    fn init(_module: &'static ThisModule) -> impl PinInit<Self, Error> {
        poll::init();
        try_pin_init!(Self {
            _deferred: eventfd::Registrations::new()?,
            _clocks <- clock_steps::Watch::new(c"evfd_clocks", kernel::static_lock_class!()),
            _device <- miscdev::Registration::ioctls::<device::Device>(),
            _kevent <- kevent::Registrations::new(),
        })
    }
}
