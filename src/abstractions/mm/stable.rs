// SPDX-License-Identifier: GPL-2.0

//! Vectors whose elements do not move.

use core::pin::Pin;
use kernel::{
    alloc::Flags,
    prelude::*, //
};

/// The number of elements in an allocation.
const PART: usize = 128;

/// A vector that grows without moving its elements.
///
/// # Invariants
///
/// All parts but the last have [`PART`] elements, and all have room for as many. No element is
/// moved before it is dropped.
pub struct Stable<T> {
    parts: KVVec<VVec<T>>,
    len: usize,
}

impl<T> Default for Stable<T> {
    fn default() -> Self {
        // INVARIANT: There are no parts.
        Self {
            parts: KVVec::new(),
            len: 0,
        }
    }
}

impl<T> Stable<T> {
    /// Adds an element. Context: task, may sleep. Errors: `ENOMEM`; nothing has changed then.
    pub fn push(&mut self, value: T, flags: Flags) -> Result {
        if self.len == self.parts.len() * PART {
            // INVARIANT: The part before is full, and this one has room.
            self.parts.push(VVec::with_capacity(PART, flags)?, flags)?;
        }
        let part = self.parts.last_mut().ok_or(ENOMEM)?;
        // INVARIANT: The element is new, and the part is not reallocated.
        part.push_within_capacity(value).map_err(|_| ENOMEM)?;
        self.len += 1;
        Ok(())
    }

    /// The element at `index`.
    #[inline]
    pub fn get(&self, index: usize) -> Option<&T> {
        self.parts.get(index / PART)?.get(index % PART)
    }

    /// The element at `index`, to change it.
    #[inline]
    pub fn get_mut(&mut self, index: usize) -> Option<Pin<&mut T>> {
        let value = self.parts.get_mut(index / PART)?.get_mut(index % PART)?;
        // SAFETY: By the type invariant it is not moved.
        Some(unsafe { Pin::new_unchecked(value) })
    }
}
