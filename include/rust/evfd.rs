// SPDX-License-Identifier: GPL-2.0

//! Posting to evfd's event descriptors from kernel modules written in Rust.
//!
//! C header: `include/linux/evfd.h`. A module takes this file in with `#[path]`, and its Kbuild
//! file includes `include/rust/bindings.mk`, which makes what it needs of the C header; see
//! `samples/timer/`.

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
/// It keeps `evfd.ko` loaded, but not the descriptor open: what is posted after user space has
/// closed the descriptor is counted, and seen by nobody.
///
/// Dropping it releases the reference, which must not be done in an NMI, and on `PREEMPT_RT` only
/// where a `spinlock_t` may be taken.
///
/// # Invariants
///
/// `ctx` is a live `struct evfd_ctx`, one reference to which belongs to this value.
pub struct EventFdCtx {
    ctx: NonNull<bindings::evfd_ctx>,
}

// SAFETY: The reference is not tied to the task that took it: `evfd_ctx_put()` may be called from
// any thread.
unsafe impl Send for EventFdCtx {}

// SAFETY: The only operation on a shared reference is `evfd_ctx_signal()`, which may be called
// from any number of threads at once.
unsafe impl Sync for EventFdCtx {}

impl EventFdCtx {
    /// Gets the counter behind descriptor `fd` of the current process.
    ///
    /// Fails with `EBADF` if `fd` is not open, and with `EINVAL` if it is not an event descriptor
    /// made by evfd.
    pub fn from_fd(fd: i32) -> Result<Self> {
        // SAFETY: The function checks `fd`, and has no other requirement in task context, the
        // only one with a current process whose descriptors could be meant.
        let ctx = from_err_ptr(unsafe { bindings::evfd_ctx_fdget(fd) })?;

        // INVARIANT: `evfd_ctx_fdget()` succeeded, so `ctx` is live, and the reference it returned
        // is now ours.
        Ok(Self {
            ctx: NonNull::new(ctx).ok_or(EINVAL)?,
        })
    }

    /// Adds `n` to the counter, or as much of it as fits, and wakes whoever waits for it.
    ///
    /// Returns how much was added. Fails with `EINVAL` if `n` is above `i32::MAX`.
    ///
    /// Never sleeps, and may be called from any context, NMI and wake-up callbacks included.
    pub fn signal(&self, n: u32) -> Result<u32> {
        // SAFETY: By the type invariant `ctx` is live. The function may be called from any context.
        let added = unsafe { bindings::evfd_ctx_signal(self.ctx.as_ptr(), n, 0) };

        to_result(added)?;
        Ok(added.unsigned_abs())
    }
}

impl Drop for EventFdCtx {
    fn drop(&mut self) {
        // SAFETY: By the type invariant the reference is ours, and nothing uses `ctx` after this.
        unsafe { bindings::evfd_ctx_put(self.ctx.as_ptr()) };
    }
}
