// SPDX-License-Identifier: GPL-2.0

//! Sockets and pipes.
//!
//! C headers: [`include/linux/net.h`](srctree/include/linux/net.h),
//! [`include/linux/pipe_fs_i.h`](srctree/include/linux/pipe_fs_i.h)

use crate::abstractions::helpers;
use core::marker::PhantomData;
use kernel::{
    bindings,
    fs::File, //
};

/// Whether `file` is a socket.
pub fn is_socket(file: &File) -> bool {
    // SAFETY: The file is valid.
    unsafe { helpers::evfd_helper_is_socket(file.as_ptr()) }
}

/// Whether `file` is a pipe or a FIFO.
pub fn is_pipe(file: &File) -> bool {
    // SAFETY: The file is valid.
    unsafe { helpers::evfd_helper_is_pipe(file.as_ptr()) }
}

/// Whether [`readable_bytes`] can count for `file`: a pipe, or a socket of TCP, UDP or unix.
pub fn counts_bytes(file: &File) -> bool {
    // SAFETY: The file is valid.
    unsafe { helpers::evfd_helper_counts_bytes(file.as_ptr()) }
}

/// The number of bytes to read from `file`, like `FIONREAD`, or the number of connections
/// to accept from a socket that listens. 0 unless it [`counts_bytes`].
///
/// Context: task, may sleep: a read or a write of the same file may be in progress.
pub fn readable_bytes(file: &File) -> u64 {
    if !counts_bytes(file) {
        return 0;
    }
    // SAFETY: The file is valid, and is a pipe or such a socket.
    unsafe { helpers::evfd_helper_readable_bytes(file.as_ptr()) }
}

/// A file before its release. It may be closing, and then no reference on it can be had.
///
/// # Invariants
///
/// The file is not released during `'a`.
#[derive(Clone, Copy)]
pub struct Unreleased<'a>(*mut bindings::file, PhantomData<&'a File>);

impl Unreleased<'_> {
    /// Wraps a pointer.
    ///
    /// # Safety
    ///
    /// The file must not be released during the life time that the caller chooses.
    #[inline(always)]
    pub(in crate::abstractions) unsafe fn from_raw(file: *mut bindings::file) -> Self {
        // INVARIANT: By the safety requirement.
        Self(file, PhantomData)
    }

    /// The pointer.
    pub(in crate::abstractions) fn as_ptr(self) -> *mut bindings::file {
        self.0
    }

    /// Whether it is a socket that listens, by `SO_ACCEPTCONN`. Context: any.
    pub fn listens(&self) -> bool {
        // SAFETY: By the type invariant.
        unsafe { helpers::evfd_helper_listens(self.0) }
    }
}

impl<'a> From<&'a File> for Unreleased<'a> {
    fn from(file: &'a File) -> Self {
        // INVARIANT: The file has a reference during `'a`.
        Self(file.as_ptr(), PhantomData)
    }
}
