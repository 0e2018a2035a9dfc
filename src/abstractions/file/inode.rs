// SPDX-License-Identifier: GPL-2.0

//! Changes of inodes.
//!
//! C headers: [`include/linux/fsnotify_backend.h`](srctree/include/linux/fsnotify_backend.h),
//! [`include/linux/path.h`](srctree/include/linux/path.h)

use crate::abstractions::helpers;
use core::{
    marker::PhantomPinned,
    mem::MaybeUninit,
    ops::BitOr,
    pin::Pin,
    ptr, //
};
use kernel::{
    bindings,
    error::to_result,
    prelude::*,
    types::Opaque,
    uaccess::UserPtr, //
};

/// A set of changes, C's `FS_*`.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Changes(u32);

impl Changes {
    /// No change.
    pub const NONE: Self = Self(0);
    /// An entry was made in the directory.
    pub const CREATE: Self = Self(helpers::FS_CREATE);
    /// An entry of the directory was removed.
    pub const DELETE: Self = Self(helpers::FS_DELETE);
    /// The contents of the file, or of a file in the directory, have changed.
    pub const MODIFY: Self = Self(helpers::FS_MODIFY);
    /// The attributes of the file, or of a file in the directory, have changed.
    pub const ATTRIB: Self = Self(helpers::FS_ATTRIB);
    /// An entry was moved out of the directory, into it, or within it.
    pub const MOVED: Self = Self(helpers::FS_MOVED_FROM | helpers::FS_MOVED_TO);
    /// The file was moved itself.
    pub const MOVE_SELF: Self = Self(helpers::FS_MOVE_SELF);
    /// The file was deleted itself. There is no further change.
    pub const DELETE_SELF: Self = Self(helpers::FS_DELETE_SELF);
    /// The file system was unmounted. There is no further change. Always notified.
    pub const UNMOUNT: Self = Self(helpers::FS_UNMOUNT);

    /// Whether the sets have a change in common.
    pub const fn intersects(self, other: Self) -> bool {
        self.0 & other.0 != 0
    }
}

impl BitOr for Changes {
    type Output = Self;

    fn bitor(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }
}

/// Lets inodes be watched until it is dropped, after all watches. Dropping it waits for notifications.
///
/// # Invariants
///
/// `evfd_helper_start_inodes()` has succeeded.
pub struct Registration(());

impl Registration {
    /// Must be made once, before any inode is watched. Context: task, may sleep. Errors: `ENOMEM`.
    pub fn new() -> Result<Self> {
        // SAFETY: It has no requirement but its context.
        to_result(unsafe { helpers::evfd_helper_start_inodes() })?;
        // INVARIANT: It has succeeded.
        Ok(Self(()))
    }
}

impl Drop for Registration {
    fn drop(&mut self) {
        // SAFETY: By the type invariant. All watches are gone, because their files hold the module.
        unsafe { helpers::evfd_helper_stop_inodes() };
    }
}

/// A file in the file system, with a reference, C's `struct path`.
///
/// # Invariants
///
/// It owns references on its mount and its dentry.
pub struct Path(bindings::path);

impl Path {
    fn found_by(find: impl FnOnce(*mut bindings::path) -> c_int) -> Result<Self> {
        let mut path = MaybeUninit::uninit();
        to_result(find(path.as_mut_ptr()))?;
        // SAFETY: A successful search has initialised it.
        // INVARIANT: The search has taken the references.
        Ok(Self(unsafe { path.assume_init() }))
    }

    /// The file of a descriptor, also of one that was opened with `O_PATH`.
    ///
    /// Context: task. Errors: `EBADF`.
    pub fn of_descriptor(fd: c_int) -> Result<Self> {
        // SAFETY: The pointer is valid for writing.
        Self::found_by(|path| unsafe { helpers::evfd_helper_path_of_fd(fd, path) })
    }

    /// The file of a name in user memory, from the directory of the descriptor `dir`, or from the
    /// current one with `AT_FDCWD`.
    ///
    /// Context: task, may sleep, without a lock in which user memory must not be touched. Errors:
    /// those of path_resolution(7).
    pub fn of_name(dir: c_int, name: UserPtr, follows_links: bool) -> Result<Self> {
        let name = name.as_const_ptr();
        // SAFETY: The pointer is valid for writing, and the other points to user memory.
        Self::found_by(|path| unsafe {
            helpers::evfd_helper_find_path(dir, name, follows_links, path)
        })
    }
}

impl Drop for Path {
    fn drop(&mut self) {
        // SAFETY: By the type invariant, and nothing uses it afterwards.
        unsafe { helpers::evfd_helper_put_path(&self.0) };
    }
}

/// The owner of a [`Watch`].
pub trait Changed: Send + Sync {
    /// Runs for each change.
    ///
    /// Context: the task that makes the change, which may hold locks of the file system; with the
    /// spinlock of the watch held. Must not sleep.
    fn changed(&self, changes: Changes);
}

/// A watch of an inode, which it pins.
///
/// # Invariants
///
/// `watch` was made by `evfd_helper_watch_inode()` with this as its owner, and is not ended.
#[pin_data(PinnedDrop)]
pub struct Watch<W: Changed> {
    watch: Opaque<*mut helpers::evfd_inode_watch>,
    owner: W,
    #[pin]
    _pin: PhantomPinned,
}

// SAFETY: The C structure has a lock of its own. The owner is used by any task.
unsafe impl<W: Changed> Send for Watch<W> {}
// SAFETY: See above. The pointer is set before any other task can use it.
unsafe impl<W: Changed> Sync for Watch<W> {}

impl<W: Changed> Watch<W> {
    /// Makes a watch of the inode of `path` for `changes`, of `owner`.
    ///
    /// Context: task, may sleep. The initialiser's errors: `EACCES` without the right to read it;
    /// `ENOSPC` if the user has too many watches; `EINVAL` if the file system does not allow it;
    /// `ENOENT` if it is being deleted; `ENOMEM`.
    pub fn start(path: &Path, changes: Changes, owner: W) -> impl PinInit<Self, Error> + '_
    where
        W: 'static,
    {
        try_pin_init!(Self {
            watch: Opaque::new(ptr::null_mut()),
            owner,
            _pin: PhantomPinned,
        }? Error)
        .pin_chain(move |this| {
            let this = this.into_ref().get_ref();
            let owner = ptr::from_ref(this).cast_mut().cast();
            // SAFETY: The path is valid. `this` is pinned, and its drop ends the watch.
            // INVARIANT: It has succeeded.
            to_result(unsafe {
                helpers::evfd_helper_watch_inode(
                    &path.0,
                    changes.0,
                    Some(Self::on_change),
                    owner,
                    this.watch.get(),
                )
            })
        })
    }

    /// # Safety
    ///
    /// `owner` must be that of `evfd_helper_watch_inode()`, before the end of the watch.
    unsafe extern "C" fn on_change(owner: *mut c_void, mask: u32) {
        // SAFETY: By the safety requirement it points to a watch, which is pinned and not dropped.
        let this = unsafe { &*owner.cast::<Self>() };
        this.owner.changed(Changes(mask));
    }

    /// The owner. [`Changed::changed`] may run at the same time.
    pub fn owner(&self) -> &W {
        &self.owner
    }

    /// Sets the changes for which [`Changed::changed`] runs. Context: task.
    pub fn set_changes(&self, changes: Changes) {
        // SAFETY: By the type invariant.
        unsafe { helpers::evfd_helper_set_watch_mask(*self.watch.get(), changes.0) };
    }

    /// Calls `f` while [`Changed::changed`] does not run. Context: task. `f` must not sleep.
    pub fn with_owner<R>(&self, f: impl FnOnce(&W) -> R) -> R {
        // SAFETY: By the type invariant. The lock is released below, by the same task.
        let watch = unsafe { *self.watch.get() };
        // SAFETY: See above.
        unsafe { helpers::evfd_helper_lock_watch(watch) };
        let result = f(&self.owner);
        // SAFETY: See above.
        unsafe { helpers::evfd_helper_unlock_watch(watch) };
        result
    }
}

#[pinned_drop]
impl<W: Changed> PinnedDrop for Watch<W> {
    fn drop(self: Pin<&mut Self>) {
        // SAFETY: Null if the initialiser has failed; otherwise by the type invariant.
        unsafe {
            let watch = *self.watch.get();
            if !watch.is_null() {
                helpers::evfd_helper_end_watch(watch);
            }
        }
    }
}
