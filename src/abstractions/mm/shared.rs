// SPDX-License-Identifier: GPL-2.0

//! Memory that the kernel shares with user space.
//!
//! User space may write any value there at any time. So the kernel sees this memory only as atomic
//! words, for which every value is valid.
//!
//! C headers: [`include/linux/gfp.h`](srctree/include/linux/gfp.h),
//! [`include/linux/vmalloc.h`](srctree/include/linux/vmalloc.h)

use crate::abstractions::helpers;
use core::{
    ops::Deref,
    ptr::NonNull,
    slice, //
};
use kernel::{
    page::PAGE_SIZE,
    prelude::*,
    sync::atomic::Atomic, //
};

/// A type that may lie in shared memory.
///
/// # Safety
///
/// All bytes must be in fields of type `Atomic<u32>` or `Atomic<u64>`, or in arrays of such.
pub unsafe trait SharedWords: Sync {}

// SAFETY: It is an `Atomic<u32>`.
unsafe impl SharedWords for Atomic<u32> {}

/// Declares a structure of atomic words that may lie in shared memory.
#[macro_export]
macro_rules! shared_words {
    (
        $(#[$attr:meta])*
        $vis:vis struct $name:ident {
            $($(#[$field_attr:meta])* $field_vis:vis $field:ident: $word:tt $(x $count:literal)?,)*
        }
    ) => {
        $(#[$attr])*
        #[repr(C)]
        $vis struct $name {
            $($(#[$field_attr])* $field_vis $field: $crate::shared_words!(@type $word $($count)?),)*
        }

        // SAFETY: The macro makes a field an atomic word or an array of such, and with `repr(C)`
        // and a size that is the sum of theirs there is no other byte.
        unsafe impl $crate::abstractions::mm::shared::SharedWords for $name {}

        const _: () = assert!(
            size_of::<$name>() == 0 $(+ size_of::<$crate::shared_words!(@type $word $($count)?)>())*
        );
    };
    (@type u32) => { ::kernel::sync::atomic::Atomic<u32> };
    (@type u64) => { ::kernel::sync::atomic::Atomic<u64> };
    (@type u32 $count:literal) => { [::kernel::sync::atomic::Atomic<u32>; $count] };
    (@type u64 $count:literal) => { [::kernel::sync::atomic::Atomic<u64>; $count] };
}

/// Pages shared with user space, as an array of `T`. They begin as zeros, and count for the memory
/// cgroup of their maker.
///
/// Mappings hold references of their own on the pages, so these may outlive this value.
///
/// # Invariants
///
/// `memory` is a result of `evfd_helper_alloc_shared()` for `len` values.
pub struct Shared<T: SharedWords> {
    memory: NonNull<T>,
    len: usize,
}

// SAFETY: The value owns the memory, which may be freed by any task.
unsafe impl<T: SharedWords> Send for Shared<T> {}
// SAFETY: A `T` is atomic words.
unsafe impl<T: SharedWords> Sync for Shared<T> {}

impl<T: SharedWords> Shared<T> {
    /// Allocates `len` values. Context: task, may sleep. Errors: `ENOMEM`.
    pub fn new(len: usize) -> Result<Self> {
        const { assert!(size_of::<T>() != 0 && align_of::<T>() <= PAGE_SIZE) };
        let size = len.checked_mul(size_of::<T>()).ok_or(ENOMEM)?;
        // SAFETY: The function has no requirement except its context.
        let memory = unsafe { helpers::evfd_helper_alloc_shared(size) };
        // INVARIANT: It was just allocated.
        Ok(Self {
            memory: NonNull::new(memory.cast()).ok_or(ENOMEM)?,
            len,
        })
    }

    /// The size in bytes.
    pub fn size(&self) -> usize {
        self.len * size_of::<T>()
    }

    /// The page at byte `offset`, which the caller has rounded down to a page, or `None` behind the
    /// end.
    pub fn page(&self, offset: usize) -> Option<SharedPage<'_>> {
        if offset >= self.size() {
            return None;
        }
        // INVARIANT: The offset is in the memory.
        Some(SharedPage(
            // SAFETY: The offset is in the memory.
            unsafe { self.memory.cast::<u8>().add(offset) },
            core::marker::PhantomData,
        ))
    }
}

impl<T: SharedWords> Deref for Shared<T> {
    type Target = [T];

    #[inline(always)]
    fn deref(&self) -> &[T] {
        // SAFETY: By the type invariant the memory has `len` values. It began as zeros, and any
        // bytes are valid atomic words.
        unsafe { slice::from_raw_parts(self.memory.as_ptr(), self.len) }
    }
}

impl<T: SharedWords> Drop for Shared<T> {
    fn drop(&mut self) {
        // SAFETY: By the type invariant. No reference to the memory outlives the value, and
        // mappings have references of their own on its pages.
        unsafe { helpers::evfd_helper_free_shared(self.memory.as_ptr().cast(), self.size()) }
    }
}

/// A reference to a value in a [`Shared`], with a reference on its page.
///
/// # Invariants
///
/// The value is in a page on which this holds a reference.
pub struct SharedRef<T: SharedWords>(NonNull<T>);

// SAFETY: A `T` is atomic words, and any task may drop the reference on the page.
unsafe impl<T: SharedWords> Send for SharedRef<T> {}
// SAFETY: See above.
unsafe impl<T: SharedWords> Sync for SharedRef<T> {}

impl<T: SharedWords> Shared<T> {
    /// A reference to value `index` that may outlive this. The memory must be a single page.
    pub fn get_ref(&self, index: usize) -> Option<SharedRef<T>> {
        if self.size() > PAGE_SIZE {
            return None;
        }
        let value = NonNull::from(self.get(index)?);
        // SAFETY: The address is in a page, which is allocated.
        unsafe { helpers::evfd_helper_get_shared(value.as_ptr().cast()) };
        // INVARIANT: The reference was just taken.
        Some(SharedRef(value))
    }
}

impl<T: SharedWords> Deref for SharedRef<T> {
    type Target = T;

    #[inline(always)]
    fn deref(&self) -> &T {
        // SAFETY: By the type invariant the page is allocated. Any bytes are valid atomic words.
        unsafe { self.0.as_ref() }
    }
}

impl<T: SharedWords> Drop for SharedRef<T> {
    fn drop(&mut self) {
        // SAFETY: By the type invariant this has a reference on the page.
        unsafe { helpers::evfd_helper_put_shared(self.0.as_ptr().cast()) };
    }
}

/// A page of a [`Shared`].
///
/// # Invariants
///
/// The address is in the memory of a [`Shared`].
pub struct SharedPage<'a>(NonNull<u8>, core::marker::PhantomData<&'a ()>);

impl SharedPage<'_> {
    pub(in crate::abstractions) fn address(&self) -> *mut c_void {
        self.0.as_ptr().cast()
    }
}
