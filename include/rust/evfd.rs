// SPDX-License-Identifier: GPL-2.0

//! Posting to evfd's event descriptors from kernel modules written in Rust.
//!
//! A module includes this file with `#[path]`. Its Kbuild file includes `include/rust/bindings.mk`,
//! which generates the bindings to the C header. `samples/timer/` is such a module.
//!
//! C header: `include/linux/evfd.h`

use core::ptr::NonNull;
use kernel::{
    error::{
        from_err_ptr,
        to_result, //
    },
    prelude::*, //
};

#[allow(
    dead_code,
    missing_docs,
    non_camel_case_types,
    unreachable_pub,
    clippy::all,
    clippy::undocumented_unsafe_blocks
)]
mod bindings {
    use kernel::ffi;

    include!(env!("EVFD_GENERATED_RS"));
}

/// A reference to the counter behind an event descriptor.
///
/// The reference keeps `evfd.ko` loaded, but it does not keep the descriptor open. After user
/// space has closed the last descriptor, posts still change the counter, but no program sees them.
///
/// Dropping releases the reference. It must not be dropped in NMI, and on `PREEMPT_RT` only where a
/// `spinlock_t` may be taken.
///
/// # Invariants
///
/// `ctx` points to a live `struct evfd_ctx`, and this value owns a reference to it.
pub struct EventFdCtx {
    ctx: NonNull<bindings::evfd_ctx>,
}

// SAFETY: The reference is not tied to the task that took it, and `evfd_ctx_put()` may be called
// from any thread.
unsafe impl Send for EventFdCtx {}

// SAFETY: The only operation on a shared reference is `evfd_ctx_signal()`, which may be called
// from any number of threads at once.
unsafe impl Sync for EventFdCtx {}

impl EventFdCtx {
    /// Gets the counter behind descriptor `fd` of the current process.
    ///
    /// Fails with `EBADF` if `fd` is not open, and with `EINVAL` if `fd` is not an event descriptor
    /// made by evfd.
    ///
    /// Context: task, like `fget()`. Does not sleep.
    pub fn from_fd(fd: i32) -> Result<Self> {
        // SAFETY: The function checks `fd`, and has no other requirement in task context. Only
        // there does `fd` have a meaning, because other contexts have no current process.
        let ctx = from_err_ptr(unsafe { bindings::evfd_ctx_fdget(fd) })?;

        // INVARIANT: `evfd_ctx_fdget()` succeeded, so `ctx` is live, and this value owns the
        // returned reference.
        Ok(Self {
            ctx: NonNull::new(ctx).ok_or(EINVAL)?,
        })
    }

    /// Adds `n` to the counter, or as much of it as fits, and wakes the waiters.
    ///
    /// Returns the amount that it added. Fails with `EINVAL` if `n` is above `i32::MAX`.
    ///
    /// Context: any, including NMI and wake-up callbacks. Never sleeps.
    pub fn signal(&self, n: u32) -> Result<u32> {
        // SAFETY: `ctx` is live by the type invariant. The function may be called from any context.
        let added = unsafe { bindings::evfd_ctx_signal(self.ctx.as_ptr(), n, 0) };

        to_result(added)?;
        Ok(added.unsigned_abs())
    }
}

impl Drop for EventFdCtx {
    fn drop(&mut self) {
        // SAFETY: This value owns the reference by the type invariant, and never uses `ctx` again.
        unsafe { bindings::evfd_ctx_put(self.ctx.as_ptr()) };
    }
}
