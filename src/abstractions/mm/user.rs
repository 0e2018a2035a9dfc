// SPDX-License-Identifier: GPL-2.0

//! User memory.
//!
//! A file is read by `.read` into user memory, and by `.read_iter` into the memory that an
//! `iov_iter` describes. One function serves both because both destinations are a [`ReadBuf`].

use crate::abstractions::helpers;
use core::mem::MaybeUninit;
use kernel::{
    iov::IovIterDest,
    prelude::*,
    uaccess::UserPtr, //
};
use zerocopy::Immutable;

/// A value that can be written word by word.
#[repr(align(8))]
struct Aligned<T>(T);

/// Reads a structure, or fails with `EFAULT`. Context: task, may sleep.
#[inline(always)]
pub fn read<T: FromBytes>(from: UserPtr) -> Result<T> {
    let mut value = Aligned(MaybeUninit::<T>::uninit());
    // SAFETY: `value` is valid for writing a `T`, and aligned for words.
    unsafe { copy_from(value.0.as_mut_ptr(), from)? };
    // SAFETY: All bytes were written, and any bytes are a valid `T`.
    Ok(unsafe { value.0.assume_init() })
}

/// Like [`read`], without another copy.
#[inline(always)]
pub fn read_to<T: FromBytes>(value: &mut MaybeUninit<T>, from: UserPtr) -> Result<&T> {
    const { assert!(align_of::<T>() == align_of::<u64>()) };
    // SAFETY: `value` is valid for writing a `T`, and aligned for words.
    unsafe { copy_from(value.as_mut_ptr(), from)? };
    // SAFETY: All bytes were written, and any bytes are a valid `T`.
    Ok(unsafe { value.assume_init_ref() })
}

/// Copies a `T`, or fails with `EFAULT`.
///
/// # Safety
///
/// `to` must be valid for writing a `T`, and aligned for words.
#[inline(always)]
unsafe fn copy_from<T>(to: *mut T, from: UserPtr) -> Result {
    const { assert!(size_of::<T>() % size_of::<u32>() == 0) };
    // SAFETY: By the safety requirement.
    let copied = unsafe {
        if size_of::<T>() == size_of::<u64>() {
            helpers::evfd_helper_get_user_u64(to.cast(), from.as_const_ptr())
        } else if size_of::<T>() == 64 {
            helpers::evfd_helper_get_user_64_bytes(to.cast(), from.as_const_ptr())
        } else {
            helpers::evfd_helper_get_user(to.cast(), from.as_const_ptr(), size_of::<T>())
        }
    };
    if copied {
        Ok(())
    } else {
        Err(EFAULT)
    }
}

/// Writes a structure. If this fails with `EFAULT`, a part of it may have been written.
///
/// Context: task, may sleep.
#[inline(always)]
pub fn write<T: IntoBytes + Immutable>(to: UserPtr, value: &T) -> Result {
    const { assert!(size_of::<T>() % size_of::<u32>() == 0) };
    let from = core::ptr::from_ref(value);
    // SAFETY: `value` is valid for reading a `T`, and all of its bytes are initialised.
    let copied = unsafe {
        if size_of::<T>() == size_of::<u64>() {
            helpers::evfd_helper_put_user_u64(to.as_mut_ptr(), from.cast::<u64>().read_unaligned())
        } else if size_of::<T>() == 16 {
            let [first, second] = from.cast::<[u64; 2]>().read_unaligned();
            helpers::evfd_helper_put_user_16_bytes(to.as_mut_ptr(), first, second)
        } else if size_of::<T>() == 128 && align_of::<T>() == align_of::<u64>() {
            helpers::evfd_helper_put_user_128_bytes(to.as_mut_ptr(), from.cast())
        } else {
            helpers::evfd_helper_put_user(to.as_mut_ptr(), from.cast(), size_of::<T>())
        }
    };
    if copied {
        Ok(())
    } else {
        Err(EFAULT)
    }
}

/// Whether a `T` has the size of a number of 32 or 64 bits.
const fn is_number<T>() -> bool {
    size_of::<T>() == size_of::<u64>() || size_of::<T>() == size_of::<u32>()
}

/// Writes a number without sleeping. Returns false if that would fault.
#[inline(always)]
fn write_now<T: IntoBytes + Immutable>(to: UserPtr, value: &T) -> bool {
    const { assert!(is_number::<T>()) };
    let from = core::ptr::from_ref(value);
    // SAFETY: `value` is valid for reading a `T`, and all of its bytes are initialised.
    unsafe {
        if size_of::<T>() == size_of::<u64>() {
            helpers::evfd_helper_put_user_u64_now(
                to.as_mut_ptr(),
                from.cast::<u64>().read_unaligned(),
            )
        } else {
            helpers::evfd_helper_put_user_u32_now(
                to.as_mut_ptr(),
                from.cast::<u32>().read_unaligned(),
            )
        }
    }
}

/// Faults `size` bytes of user memory in for writing, and leaves them unchanged. They can then be
/// written, unless a task of the process makes them inaccessible meanwhile.
///
/// `size` must not exceed the size of a page. Context: task, may sleep. Errors: `EFAULT` if they
/// cannot be written.
pub fn fault_in(to: UserPtr, size: usize) -> Result {
    // SAFETY: The function has no requirement but its context.
    if unsafe { helpers::evfd_helper_fault_in_user(to.as_mut_ptr(), size) } {
        Ok(())
    } else {
        Err(EFAULT)
    }
}

/// The source of a write: a part of user memory.
pub struct UserData {
    start: UserPtr,
    len: usize,
}

impl UserData {
    /// The `len` bytes from `start`, which need not be valid memory.
    pub fn new(start: UserPtr, len: usize) -> Self {
        Self { start, len }
    }

    /// The number of bytes.
    pub fn size(&self) -> usize {
        self.len
    }

    /// Reads a `T` from the first bytes.
    ///
    /// Context: task, may sleep. Errors: `EINVAL` if there are fewer bytes; `EFAULT`.
    #[inline(always)]
    pub fn read<T: FromBytes>(&self) -> Result<T> {
        if self.len < size_of::<T>() {
            return Err(EINVAL);
        }
        read(self.start)
    }
}

/// A destination for data, with a position in it.
pub trait ReadBuf {
    /// The number of bytes that fit after the position.
    fn room(&self) -> usize;

    /// Copies `value` to the position and moves the position behind it.
    ///
    /// Context: may sleep. Errors: `EFAULT` if not all of it could be copied; the position stays
    /// then.
    fn put<T: IntoBytes + Immutable>(&mut self, value: &T) -> Result;

    /// Tries [`ReadBuf::put`] for a number, without sleeping. Returns false, with the position
    /// unchanged, if the copy would sleep or fails.
    ///
    /// Context: the task that the memory belongs to; a `spinlock_t` may be held.
    fn put_now<T: IntoBytes + Immutable>(&mut self, value: &T) -> bool;

    /// Faults the next `size` bytes in for writing, and leaves them unchanged: see [`fault_in`].
    ///
    /// Context: may sleep. Errors: `EFAULT` if they cannot be written.
    fn fault_in(&mut self, size: usize) -> Result;
}

/// A part of user memory.
pub struct UserBuf {
    start: UserPtr,
    len: usize,
    /// The number of bytes that are filled.
    done: usize,
}

impl UserBuf {
    /// The `len` bytes from `start`, which need not be valid memory.
    pub fn new(start: UserPtr, len: usize) -> Self {
        Self {
            start,
            len,
            done: 0,
        }
    }
}

impl ReadBuf for UserBuf {
    fn room(&self) -> usize {
        self.len - self.done
    }

    #[inline(always)]
    fn put<T: IntoBytes + Immutable>(&mut self, value: &T) -> Result {
        if self.room() < size_of::<T>() {
            return Err(EFAULT);
        }
        write(self.start.wrapping_byte_add(self.done), value)?;
        self.done += size_of::<T>();
        Ok(())
    }

    #[inline(always)]
    fn put_now<T: IntoBytes + Immutable>(&mut self, value: &T) -> bool {
        if self.room() < size_of::<T>() {
            return false;
        }
        let to = self.start.wrapping_byte_add(self.done);
        let copied = write_now(to, value);
        if copied {
            self.done += size_of::<T>();
        }
        copied
    }

    fn fault_in(&mut self, size: usize) -> Result {
        fault_in(self.start.wrapping_byte_add(self.done), size)
    }
}

/// An `iov_iter` that is being read into.
pub struct IterBuf<'a, 'data>(&'a mut IovIterDest<'data>);

impl<'a, 'data> IterBuf<'a, 'data> {
    /// The rest of `iter`.
    pub fn new(iter: &'a mut IovIterDest<'data>) -> Self {
        Self(iter)
    }

    /// Ends a copy of `size` bytes that has advanced the iterator by `copied`. Returns false, with
    /// the iterator as it was, if not all of them could be copied.
    ///
    /// # Safety
    ///
    /// The last copy must have advanced the iterator by `copied`.
    #[inline(always)]
    unsafe fn end_put(&mut self, size: usize, copied: usize) -> bool {
        if copied == size {
            return true;
        }
        // SAFETY: By the safety requirement.
        unsafe { self.0.revert(copied) };
        false
    }
}

impl ReadBuf for IterBuf<'_, '_> {
    fn room(&self) -> usize {
        self.0.len()
    }

    fn put<T: IntoBytes + Immutable>(&mut self, value: &T) -> Result {
        const { assert!(size_of::<T>() % size_of::<u32>() == 0) };
        let from = core::ptr::from_ref(value);
        // SAFETY: `value` is valid for reading a `T`, all of its bytes are initialised, and the
        // iterator is valid. The function advances it by the result.
        let copied = unsafe {
            let iter = self.0.as_raw();
            let copied = helpers::evfd_helper_copy_to_iter(from.cast(), size_of::<T>(), iter);
            self.end_put(size_of::<T>(), copied)
        };
        if copied {
            Ok(())
        } else {
            Err(EFAULT)
        }
    }

    #[inline(always)]
    fn put_now<T: IntoBytes + Immutable>(&mut self, value: &T) -> bool {
        const { assert!(is_number::<T>()) };
        let from = core::ptr::from_ref(value);
        // SAFETY: `value` is valid for reading a `T`, all of its bytes are initialised, and the
        // iterator is valid. The functions advance it by the result.
        unsafe {
            let iter = self.0.as_raw();
            let copied = if size_of::<T>() == size_of::<u64>() {
                helpers::evfd_helper_copy_u64_to_iter_now(from.cast::<u64>().read_unaligned(), iter)
            } else {
                helpers::evfd_helper_copy_u32_to_iter_now(from.cast::<u32>().read_unaligned(), iter)
            };
            self.end_put(size_of::<T>(), copied)
        }
    }

    fn fault_in(&mut self, size: usize) -> Result {
        // SAFETY: The iterator is valid.
        if unsafe { helpers::evfd_helper_fault_in_iter(self.0.as_raw(), size) } {
            Ok(())
        } else {
            Err(EFAULT)
        }
    }
}
