// SPDX-License-Identifier: GPL-2.0

//! `KEVENT_INODE`: changes of a file or directory.
//!
//! The kernel notifies of a change in the task that makes it, like inotify. An event is the set of
//! changes since the kevent was consumed last, without the names of entries.

use crate::{
    abstractions::file::inode::{
        Changed,
        Changes,
        Path,
        Watch, //
    },
    kevent::{
        port::Port,
        queue::{
            Raise,
            Raised, //
        },
        source::{
            Room,
            Source, //
        }, //
    },
    uapi, //
};
use core::pin::Pin;
use kernel::{
    bindings,
    prelude::*,
    sync::atomic::{
        Atomic,
        Relaxed, //
    },
    uaccess::UserPtr, //
};

/// Each event, and the changes that it stands for.
const TABLE: [(u32, Changes); 8] = [
    (uapi::KEVENT_INODE_CREATE, Changes::CREATE),
    (uapi::KEVENT_INODE_REMOVE, Changes::DELETE),
    (uapi::KEVENT_INODE_MODIFY, Changes::MODIFY),
    (uapi::KEVENT_INODE_ATTRIB, Changes::ATTRIB),
    (uapi::KEVENT_INODE_MOVE, Changes::MOVED),
    (uapi::KEVENT_INODE_MOVE_SELF, Changes::MOVE_SELF),
    (uapi::KEVENT_INODE_DELETE_SELF, Changes::DELETE_SELF),
    (uapi::KEVENT_INODE_UNMOUNT, Changes::UNMOUNT),
];

/// The events.
pub(crate) const EVENTS: u32 = {
    let mut events = 0;
    let mut i = 0;
    while i < TABLE.len() {
        assert!(events & TABLE[i].0 == 0);
        events |= TABLE[i].0;
        i += 1;
    }
    events
};

/// The event that is reported unasked, like by inotify.
const ALWAYS: u32 = uapi::KEVENT_INODE_UNMOUNT;

/// The changes that `events` stand for.
pub(crate) fn changes_of(events: u32) -> Changes {
    TABLE.iter().fold(Changes::NONE, |all, (event, changes)| {
        if events & event != 0 {
            all | *changes
        } else {
            all
        }
    })
}

/// The events that `changes` stand for.
pub(crate) fn events_of(changes: Changes) -> u32 {
    TABLE
        .iter()
        .filter(|(_, change)| changes.intersects(*change))
        .fold(0, |all, (event, _)| all | event)
}

/// The owner of the watch.
struct Inode {
    port: Port,
    /// Events that came while DISPATCH held the kevent. The lock of the watch guards it.
    early: Atomic<u32>,
}

impl Inode {
    /// Raises events, and those that came early. Context: the lock of the watch is held, and
    /// preemption is disabled, except on `PREEMPT_RT`.
    fn raise(&self, events: u32) {
        let events = events | self.early.load(Relaxed);
        let raise = Raise::new(events).always(ALWAYS).in_callback();
        let dropped = self.port.raise(raise) == Raised::Dropped;
        self.early.store(if dropped { events } else { 0 }, Relaxed);
    }
}

impl Changed for Inode {
    fn changed(&self, changes: Changes) {
        self.raise(events_of(changes));
    }
}

// A watch fits into the room of its slot.
const _: () = assert!(size_of::<Watch<Inode>>() <= 120);

impl Source for Watch<Inode> {
    /// The program may want other events now. Events of changes before this are not there.
    fn recheck(&self) {
        self.set_changes(changes_of(self.owner().port.want()));
        self.with_owner(|inode| inode.raise(0));
    }
}

/// The file that an operation names: that of the descriptor `op.id`, or the one with the name at
/// `op.arg[0]`, from the directory of this descriptor or from `AT_FDCWD`. `op.arg[1]` is 0 or
/// `AT_SYMLINK_NOFOLLOW`.
///
/// Context: task, may sleep, without locks. Errors: `EBADF`; `EINVAL` for invalid arguments; those of
/// path_resolution(7).
pub(super) fn find(op: &uapi::kevent_op) -> Result<Path> {
    let [name, flags, unused] = op.arg;
    if name == 0 {
        if flags | unused != 0 {
            return Err(EINVAL);
        }
        return Path::of_descriptor(c_int::try_from(op.id).map_err(|_| EBADF)?);
    }
    let follows_links = match u32::try_from(flags) {
        Ok(0) => true,
        Ok(bindings::AT_SYMLINK_NOFOLLOW) => false,
        _ => return Err(EINVAL),
    };
    if unused != 0 {
        return Err(EINVAL);
    }
    let dir = c_int::try_from(op.id as i64).map_err(|_| EBADF)?;
    let name = UserPtr::from_addr(usize::try_from(name).map_err(|_| EFAULT)?);
    Path::of_name(dir, name, follows_links)
}

/// Makes the source for the file `path` in `room`. Errors: those of [`Watch::start`].
pub(super) fn make(op: &uapi::kevent_op, path: &Path, port: Port, room: Pin<&mut Room>) -> Result {
    let early = Atomic::new(0);
    room.put(Watch::start(
        path,
        changes_of(op.want),
        Inode { port, early },
    ))?;
    Ok(())
}
