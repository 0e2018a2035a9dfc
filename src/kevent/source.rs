// SPDX-License-Identifier: GPL-2.0

//! A source of events, as its queue sees it.

use crate::uapi;
use kernel::{
    prelude::*,
    seq_file::SeqFile, //
};

/// The source of a kevent. It holds a [`Port`](super::port::Port), by which it raises events from
/// its making to its drop.
///
/// Dropping it detaches it: afterwards it raises no event, and none is being raised. The drop and
/// all functions run in a task that holds the lock of the queue's kevents, and may sleep.
pub(crate) trait Source: Send + Sync {
    /// Looks at what is watched, and raises the events that are there now.
    fn recheck(&self) {}

    /// Whether [`Source::recheck`] must run after an event, before the program sleeps. `flags` are
    /// those of the kevent.
    fn needs_walk(&self, _flags: u32) -> bool {
        false
    }

    /// Sets a timer anew, for `KEVENT_OP_REARM`. Returns the events that it takes back. Calls `reset`
    /// when the old setting has ended, and before the new one begins.
    ///
    /// Errors: `EINVAL` if the source is no timer or the setting is invalid; others of the source.
    /// Nothing has changed then.
    fn rearm(&self, _op: &uapi::kevent_op, _reset: &dyn Fn()) -> Result<u32> {
        Err(EINVAL)
    }

    /// Raises `events` for the program. Errors: `EINVAL` if these are not the program's to raise.
    fn ready(&self, _events: u32) -> Result {
        Err(EINVAL)
    }

    /// Prints to the queue's fdinfo, in the line of the kevent.
    fn show(&self, _m: &SeqFile) {}
}
