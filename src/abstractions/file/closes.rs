// SPDX-License-Identifier: GPL-2.0

//! Closes of files that are watched without a reference.
//!
//! The kernel notifies of the close of sockets and pipes, before their release (`fsnotify_close()`).
//! The notification is on while such a file is watched.
//!
//! C header: [`include/linux/fsnotify_backend.h`](srctree/include/linux/fsnotify_backend.h)

use crate::abstractions::{
    compat::EOPNOTSUPP,
    helpers, //
};
use core::{
    marker::PhantomData,
    ptr::NonNull, //
};
use kernel::{
    bindings,
    error::to_result,
    fs::File,
    prelude::*,
    sync::aref::ARef,
    types::NotThreadSafe, //
};

/// Pollers that must leave the wait queues of a file before its release.
///
/// # Safety
///
/// `leave()` must remove the entry from its queue, and must note for its owner that it has.
pub unsafe trait Leave {
    /// The functions of the pollers' entries.
    const FUNCS: [bindings::wait_queue_func_t; 3];

    /// Removes an entry with one of these functions.
    ///
    /// # Safety
    ///
    /// `entry` must be on a queue whose lock is held. The lock of the file must be held.
    unsafe extern "C" fn leave(entry: *mut bindings::wait_queue_entry);
}

/// Notifications of closes. Dropping this waits for them.
///
/// # Invariants
///
/// `evfd_helper_start_closes()` has succeeded.
pub struct Registration<L>(PhantomData<fn(L)>);

impl<L: Leave> Registration<L> {
    /// Makes the notifications available. Must be called once, before any file is watched.
    ///
    /// Context: task, may sleep. Errors: `ENOMEM`.
    pub(in crate::abstractions) fn new() -> Result<Self> {
        // SAFETY: `closed()` may be called for every file.
        to_result(unsafe { helpers::evfd_helper_start_closes(Some(Self::closed)) })?;
        // INVARIANT: It has succeeded.
        Ok(Self(PhantomData))
    }

    /// # Safety
    ///
    /// Must be called before the release of `file`.
    unsafe extern "C" fn closed(file: *mut bindings::file) {
        // SAFETY: The file is not released before this returns. The function holds the locks that
        // `leave()` needs.
        unsafe { helpers::evfd_helper_visit_pollers(file, L::FUNCS.as_ptr(), Some(L::leave)) };
    }
}

impl<L> Drop for Registration<L> {
    fn drop(&mut self) {
        // SAFETY: By the type invariant. All files are gone, because they hold the module.
        unsafe { helpers::evfd_helper_stop_closes() };
    }
}

/// A file without a reference on it.
///
/// # Invariants
///
/// The close of the file is notified, and counted for its lock. The pointer is valid at least until
/// then.
pub(in crate::abstractions) struct WeakFile {
    file: NonNull<bindings::file>,
    sb: *mut bindings::super_block,
}

impl WeakFile {
    /// Watches `file`. Context: task, may sleep. Errors: `EOPNOTSUPP` if the kernel does not notify
    /// of its close; `ENOMEM`.
    pub(in crate::abstractions) fn new(file: &File) -> Result<Self> {
        let file = file.as_ptr();
        // SAFETY: The file is valid.
        unsafe {
            if !helpers::evfd_helper_has_closes(file) {
                return Err(EOPNOTSUPP);
            }
            to_result(helpers::evfd_helper_watch_closes(file))?;
            helpers::evfd_helper_count_poller(file, 1);
            // INVARIANT: It is watched and counted.
            Ok(Self {
                file: NonNull::new_unchecked(file),
                sb: helpers::evfd_helper_file_sb(file),
            })
        }
    }

    /// The pointer, valid at least until the close.
    pub(in crate::abstractions) fn as_ptr(&self) -> *mut bindings::file {
        self.file.as_ptr()
    }

    /// Takes the lock of the file. Context: task, may sleep.
    pub(in crate::abstractions) fn lock(&self) -> FileLock<'_> {
        // SAFETY: The function uses the pointer for its hash only.
        unsafe { helpers::evfd_helper_lock_file(self.file.as_ptr()) };
        // INVARIANT: The lock was just taken.
        FileLock(self, NotThreadSafe)
    }
}

impl Drop for WeakFile {
    fn drop(&mut self) {
        // SAFETY: By the type invariant. The function uses the pointer for its hash only. The
        // superblocks of sockets and pipes live as long as the system.
        unsafe {
            helpers::evfd_helper_count_poller(self.file.as_ptr(), -1);
            helpers::evfd_helper_unwatch_closes(self.sb);
        }
    }
}

/// The lock of a [`WeakFile`], held.
///
/// # Invariants
///
/// The lock is held.
pub(in crate::abstractions) struct FileLock<'a>(&'a WeakFile, NotThreadSafe);

impl FileLock<'_> {
    /// A reference on the file, unless it is being closed.
    ///
    /// # Safety
    ///
    /// The notification of the close must not have ended before the lock was taken.
    pub(in crate::abstractions) unsafe fn get(&self) -> Option<ARef<File>> {
        let file = self.0.file;
        // SAFETY: By the safety requirement the file is not freed yet, nor can it be while the lock
        // is held.
        unsafe { helpers::evfd_helper_get_file(file.as_ptr()).then(|| ARef::from_raw(file.cast())) }
    }
}

impl Drop for FileLock<'_> {
    fn drop(&mut self) {
        // SAFETY: The lock is held by the type invariant.
        unsafe { helpers::evfd_helper_unlock_file(self.0.file.as_ptr()) };
    }
}
