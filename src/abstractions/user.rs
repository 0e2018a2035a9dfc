// SPDX-License-Identifier: GPL-2.0

//! User memory.
//!
//! Where a read puts its data: a file may be read by `.read`, into user memory, and by `.read_iter`, into whatever an
//! `iov_iter` describes. [`ReadBuf`] lets one function serve both.

use kernel::{
    iov::IovIterDest,
    prelude::*,
    transmute::{
        AsBytes,
        FromBytes, //
    },
    uaccess::{
        UserPtr,
        UserSlice, //
    }, //
};

/// Reads the argument of an ioctl, or fails with `EFAULT`. Context: task, may sleep.
pub fn read<T: FromBytes>(arg: UserPtr) -> Result<T> {
    UserSlice::new(arg, size_of::<T>()).reader().read()
}

/// Writes to where an ioctl's argument points, or fails with `EFAULT`. Context: task, may sleep.
pub fn write<T: AsBytes>(arg: UserPtr, value: &T) -> Result {
    UserSlice::new(arg, size_of::<T>()).writer().write(value)
}

/// A destination for data, with a position in it.
pub trait ReadBuf {
    /// How many bytes fit from the position on.
    fn room(&self) -> usize;

    /// Copies `value` to the position and moves the position behind it.
    ///
    /// Context: may sleep. Errors: `EFAULT` if not all of it could be copied; the position is then
    /// as before.
    fn put<T: AsBytes>(&mut self, value: &T) -> Result;

    /// Moves the position back over the last `put` of a `T`, so that it may be copied again.
    fn unput<T: AsBytes>(&mut self);
}

/// A part of user memory.
pub struct UserBuf {
    start: UserPtr,
    len: usize,
    /// How much of it is filled.
    done: usize,
}

impl UserBuf {
    /// The `len` bytes from `start` on, which need not be valid memory.
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

    fn put<T: AsBytes>(&mut self, value: &T) -> Result {
        let rest = self.start.wrapping_byte_add(self.done);
        UserSlice::new(rest, self.room()).writer().write(value)?;
        self.done += size_of::<T>();
        Ok(())
    }

    fn unput<T: AsBytes>(&mut self) {
        self.done -= size_of::<T>();
    }
}

/// An `iov_iter` that is being read into.
///
/// # Invariants
///
/// The iterator was advanced by `done` bytes since this was made, and by nobody else.
pub struct IterBuf<'a, 'data> {
    iter: &'a mut IovIterDest<'data>,
    /// How much of it is filled.
    done: usize,
}

impl<'a, 'data> IterBuf<'a, 'data> {
    /// What is left of `iter`.
    pub fn new(iter: &'a mut IovIterDest<'data>) -> Self {
        // INVARIANT: Nothing was copied yet, and the exclusive reference keeps others off.
        Self { iter, done: 0 }
    }

    /// Moves the iterator back by `bytes`, of which at most `done` count.
    fn revert(&mut self, bytes: usize) {
        let bytes = bytes.min(self.done);
        // INVARIANT: The iterator moves back as far as `done` does.
        self.done -= bytes;
        // SAFETY: By the type invariant the iterator was advanced by at least that much.
        unsafe { self.iter.revert(bytes) }
    }
}

impl ReadBuf for IterBuf<'_, '_> {
    fn room(&self) -> usize {
        self.iter.len()
    }

    fn put<T: AsBytes>(&mut self, value: &T) -> Result {
        let bytes = value.as_bytes();
        let copied = self.iter.copy_to_iter(bytes);
        // INVARIANT: `copy_to_iter` advances by what it copied.
        self.done += copied;
        if copied != bytes.len() {
            self.revert(copied);
            return Err(EFAULT);
        }
        Ok(())
    }

    fn unput<T: AsBytes>(&mut self) {
        self.revert(size_of::<T>());
    }
}
