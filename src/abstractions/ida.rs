// SPDX-License-Identifier: GPL-2.0

//! Unique IDs.
//!
//! C header: [`include/linux/idr.h`](srctree/include/linux/idr.h)

use crate::abstractions::helpers;
use core::ops::RangeInclusive;
use kernel::{
    bindings,
    error::to_result,
    prelude::*,
    sync::atomic::{
        Atomic,
        Relaxed, //
    }, //
};

/// A unique ID, which is allocated when it is first asked for: the lowest free number of a range.
///
/// All ranges share one `struct ida`, so each number is given once.
///
/// # Invariants
///
/// The number is 0, or it is allocated from `evfd_helper_ida` and belongs to this value.
pub struct UniqueId(Atomic<u32>);

impl UniqueId {
    /// An ID that is not allocated yet.
    pub const fn new() -> Self {
        // INVARIANT: 0 stands for no number.
        Self(Atomic::new(0))
    }

    /// Returns the number. The first call allocates it from `range`, which must start above 0 and
    /// end at or below `i32::MAX`.
    ///
    /// Context: may sleep. Errors: `ENOMEM`; `ENOSPC` when all numbers of the range are taken.
    pub fn get(&self, range: RangeInclusive<u32>) -> Result<u32> {
        let id = self.0.load(Relaxed);
        if id != 0 {
            return Ok(id);
        }
        // SAFETY: `evfd_helper_ida` is a `struct ida` that was initialised statically and does its
        // own locking.
        let new = unsafe {
            bindings::ida_alloc_range(
                &raw mut helpers::evfd_helper_ida,
                *range.start(),
                *range.end(),
                bindings::GFP_KERNEL,
            )
        };
        to_result(new)?;
        let new = new as u32;
        // INVARIANT: The number was just allocated.
        match self.0.cmpxchg(0, new, Relaxed) {
            Ok(_) => Ok(new),
            Err(id) => {
                free(new);
                Ok(id)
            }
        }
    }
}

impl Default for UniqueId {
    fn default() -> Self {
        Self::new()
    }
}

impl Drop for UniqueId {
    fn drop(&mut self) {
        let id = self.0.load(Relaxed);
        if id != 0 {
            free(id);
        }
    }
}

/// Frees a number that is allocated and belongs to nobody any more.
fn free(id: u32) {
    // SAFETY: The `struct ida` does its own locking, and reports a number that is not allocated.
    unsafe { bindings::ida_free(&raw mut helpers::evfd_helper_ida, id) }
}
