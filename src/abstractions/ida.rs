// SPDX-License-Identifier: GPL-2.0

//! Unique IDs.
//!
//! C header: [`include/linux/idr.h`](srctree/include/linux/idr.h)

use crate::abstractions::helpers;
use kernel::{
    bindings,
    error::to_result,
    prelude::*, //
};

/// A unique ID, which was the lowest free number.
///
/// # Invariants
///
/// The number is allocated from `evfd_helper_ida` and belongs to this value.
pub struct UniqueId(u32);

impl UniqueId {
    /// Takes the lowest free number.
    ///
    /// Context: may sleep. Errors: `ENOMEM`; `ENOSPC` when all 2^31 are taken.
    pub fn new() -> Result<Self> {
        // SAFETY: `evfd_helper_ida` is a `struct ida` that was initialised statically and does its
        // own locking.
        let id = unsafe {
            bindings::ida_alloc_range(
                &raw mut helpers::evfd_helper_ida,
                0,
                i32::MAX as u32,
                bindings::GFP_KERNEL,
            )
        };
        to_result(id)?;
        // INVARIANT: The number was just allocated.
        Ok(Self(id as u32))
    }

    /// The number.
    pub fn get(&self) -> u32 {
        self.0
    }
}

impl Drop for UniqueId {
    fn drop(&mut self) {
        // SAFETY: By the type invariant the number is allocated from this `struct ida`, which does
        // its own locking.
        unsafe { bindings::ida_free(&raw mut helpers::evfd_helper_ida, self.0) }
    }
}
