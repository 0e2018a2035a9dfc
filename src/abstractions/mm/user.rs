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
    const { assert!(size_of::<T>() % size_of::<u32>() == 0) };
    let mut value = Aligned(MaybeUninit::<T>::uninit());
    let to = value.0.as_mut_ptr();
    // SAFETY: `to` is valid for writing a `T`, and aligned for words.
    let copied = unsafe {
        if size_of::<T>() == size_of::<u64>() {
            helpers::evfd_helper_get_user_u64(to.cast(), from.as_const_ptr())
        } else {
            helpers::evfd_helper_get_user(to.cast(), from.as_const_ptr(), size_of::<T>())
        }
    };
    if !copied {
        return Err(EFAULT);
    }
    // SAFETY: All bytes were written, and any bytes are a valid `T`.
    Ok(unsafe { value.0.assume_init() })
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

    /// Tries [`ReadBuf::put`] without sleeping. Returns false, with the position unchanged, if the
    /// copy would sleep or fails.
    ///
    /// Context: the task that the memory belongs to; a `spinlock_t` may be held.
    fn put_now(&mut self, _value: u64) -> bool {
        false
    }

    /// Moves the position back over the last `put` of a `T`, which can then be copied over.
    fn unput<T: IntoBytes + Immutable>(&mut self);
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
    fn put_now(&mut self, value: u64) -> bool {
        if self.room() < size_of::<u64>() {
            return false;
        }
        let to = self.start.wrapping_byte_add(self.done);
        // SAFETY: The function has no requirement but its context.
        let copied = unsafe { helpers::evfd_helper_put_user_u64_now(to.as_mut_ptr(), value) };
        if copied {
            self.done += size_of::<u64>();
        }
        copied
    }

    fn unput<T: IntoBytes + Immutable>(&mut self) {
        self.done -= size_of::<T>();
    }
}

/// An `iov_iter` that is being read into.
///
/// # Invariants
///
/// Only this value has advanced the iterator since it was made, by `done` bytes.
pub struct IterBuf<'a, 'data> {
    iter: &'a mut IovIterDest<'data>,
    /// The number of bytes that are filled.
    done: usize,
}

impl<'a, 'data> IterBuf<'a, 'data> {
    /// The rest of `iter`.
    pub fn new(iter: &'a mut IovIterDest<'data>) -> Self {
        // INVARIANT: No byte was copied yet, and the exclusive reference excludes other users.
        Self { iter, done: 0 }
    }

    /// Moves the iterator back by `bytes`, but by at most `done`.
    fn revert(&mut self, bytes: usize) {
        let bytes = bytes.min(self.done);
        // INVARIANT: The iterator and `done` move back by the same number.
        self.done -= bytes;
        // SAFETY: By the type invariant the iterator was advanced by at least `bytes`.
        unsafe { self.iter.revert(bytes) }
    }
}

impl ReadBuf for IterBuf<'_, '_> {
    fn room(&self) -> usize {
        self.iter.len()
    }

    fn put<T: IntoBytes + Immutable>(&mut self, value: &T) -> Result {
        let bytes = value.as_bytes();
        let copied = self.iter.copy_to_iter(bytes);
        // INVARIANT: `copy_to_iter` advances by the number that it returns.
        self.done += copied;
        if copied != bytes.len() {
            self.revert(copied);
            return Err(EFAULT);
        }
        Ok(())
    }

    fn unput<T: IntoBytes + Immutable>(&mut self) {
        self.revert(size_of::<T>());
    }
}
