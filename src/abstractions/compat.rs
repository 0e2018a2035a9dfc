// SPDX-License-Identifier: GPL-2.0

//! Items that the kernel crate has since Linux 7.3, for 7.2 too.
//!
//! All differences between the two versions are in this file.

use kernel::bindings::ktime_t;

#[cfg(not(evfd_linux_7_2))]
pub use kernel::{
    error::code::{
        ECANCELED,
        ELOOP,
        ENOSYS,
        ENOTSOCK,
        EOPNOTSUPP,
        EREMOTE,
        ETIME, //
    },
    module::{
        this_module,
        ModuleMetadata, //
    },
    sync::rcu::synchronize_rcu, //
};
#[cfg(not(evfd_linux_7_2))]
pub use pin_init::raw_try_init;

#[cfg(evfd_linux_7_2)]
pub use linux_7_2::*;

/// Makes a crate's `LocalModule` known as a [`ModuleMetadata`]. For the root of the crate.
#[macro_export]
macro_rules! local_module_metadata {
    () => {
        #[cfg(evfd_linux_7_2)]
        impl $crate::abstractions::compat::ModuleMetadata for LocalModule {
            const THIS_MODULE: &'static ::kernel::ThisModule = &THIS_MODULE;
        }
    };
}

/// Corrects a time that was converted from a time namespace. 7.3 saturates times past the end of
/// time. 7.2 compares with the highest number, which no time exceeds, and so gives a negative time.
pub const fn on_host(time: ktime_t) -> ktime_t {
    if time < 0 {
        ktime_t::MAX
    } else {
        time
    }
}

/// A full barrier between CPUs. Context: any.
pub fn smp_mb() {
    #[cfg(not(evfd_linux_7_2))]
    kernel::sync::barrier::smp_mb(kernel::sync::atomic::Full);
    #[cfg(evfd_linux_7_2)]
    kernel::sync::barrier::smp_mb();
}

/// The result of a timer's function that does not restart the timer.
#[cfg(not(evfd_linux_7_2))]
pub const HRTIMER_NORESTART: kernel::bindings::hrtimer_restart =
    kernel::bindings::hrtimer_restart::HRTIMER_NORESTART;

#[cfg(evfd_linux_7_2)]
mod linux_7_2 {
    use core::{
        mem::transmute,
        num::NonZeroI32, //
    };
    use kernel::{
        bindings,
        error::Error,
        prelude::PinInit,
        ThisModule, //
    };

    /// As in 7.3's `kernel::error::code`.
    pub const ECANCELED: Error = error(bindings::ECANCELED);
    /// As in 7.3's `kernel::error::code`.
    pub const ELOOP: Error = error(bindings::ELOOP);
    /// As in 7.3's `kernel::error::code`.
    pub const ENOSYS: Error = error(bindings::ENOSYS);
    /// As in 7.3's `kernel::error::code`.
    pub const ENOTSOCK: Error = error(bindings::ENOTSOCK);
    /// As in 7.3's `kernel::error::code`.
    pub const EOPNOTSUPP: Error = error(bindings::EOPNOTSUPP);
    /// As in 7.3's `kernel::error::code`.
    pub const EREMOTE: Error = error(bindings::EREMOTE);
    /// As in 7.3's `kernel::error::code`.
    pub const ETIME: Error = error(bindings::ETIME);
    /// In 7.3, this is a variant of the type.
    pub const HRTIMER_NORESTART: bindings::hrtimer_restart =
        bindings::hrtimer_restart_HRTIMER_NORESTART;

    /// `Error::from_errno()`, for constants.
    const fn error(errno: u32) -> Error {
        match NonZeroI32::new(-(errno as i32)) {
            // SAFETY: An `Error` is a transparent wrapper of this number, and the numbers that the
            // kernel has names for are in the range of its invariant.
            Some(number) => unsafe { transmute::<NonZeroI32, Error>(number) },
            None => panic!(),
        }
    }

    /// A module, and its `struct module`, which 7.3's trait has too.
    pub trait ModuleMetadata: kernel::ModuleMetadata {
        /// The module.
        const THIS_MODULE: &'static ThisModule;
    }

    /// As in 7.3's `kernel::module`.
    pub const fn this_module<M: ModuleMetadata>() -> &'static ThisModule {
        M::THIS_MODULE
    }

    /// As in 7.3's `pin_init`.
    ///
    /// # Safety
    ///
    /// `slot` must be valid for writing a `T`, which is pinned from then on. The caller must not use
    /// it after a failure.
    #[inline(always)]
    pub unsafe fn raw_try_init<T, E>(slot: *mut T, init: impl PinInit<T, E>) -> Result<(), E> {
        // SAFETY: By the safety requirement.
        unsafe { init.__pinned_init(slot) }
    }

    /// Waits for an RCU grace period.
    ///
    /// Context: task, may sleep.
    pub fn synchronize_rcu() {
        // SAFETY: It has no requirement but its context.
        unsafe { bindings::synchronize_rcu() };
    }
}
