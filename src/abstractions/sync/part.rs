// SPDX-License-Identifier: GPL-2.0

//! References to parts of reference-counted values.

use core::{
    ops::Deref,
    ptr::NonNull, //
};
use kernel::sync::{
    Arc,
    ArcBorrow, //
};

/// A reference to a `U` in a `T`, with a reference on the `T`. It saves the way from one to the
/// other.
///
/// # Invariants
///
/// `part` is valid for shared access as long as `owner` holds its reference.
pub struct Part<T, U> {
    owner: Arc<T>,
    part: NonNull<U>,
}

// SAFETY: It is a shared reference to both, and may drop the `T`.
unsafe impl<T: Send + Sync, U: Sync> Send for Part<T, U> {}
// SAFETY: See above.
unsafe impl<T: Send + Sync, U: Sync> Sync for Part<T, U> {}

impl<T, U> Part<T, U> {
    /// The part of `owner` that `find` returns.
    pub fn new(owner: Arc<T>, find: impl for<'a> FnOnce(&'a T) -> Option<&'a U>) -> Option<Self> {
        let part = NonNull::from(find(&owner)?);
        // INVARIANT: `find` works for every life time that a borrow of the `T` may have, so the
        // part is valid as long as the `T` is shared. It is while there is this reference.
        Some(Self { owner, part })
    }

    /// The whole.
    #[inline(always)]
    pub fn owner(&self) -> ArcBorrow<'_, T> {
        self.owner.as_arc_borrow()
    }
}

impl<T, U> Deref for Part<T, U> {
    type Target = U;

    #[inline(always)]
    fn deref(&self) -> &U {
        // SAFETY: By the type invariant.
        unsafe { self.part.as_ref() }
    }
}
