// SPDX-License-Identifier: GPL-2.0

//! A source of events, as its queue sees it.

use crate::{
    abstractions::{
        mm::room,
        task::{
            siginfo::SigInfo,
            signal::SigSet, //
        }, //
    },
    uapi,
    upcast_to, //
};
use core::{
    any::Any,
    pin::Pin, //
};
use kernel::{
    prelude::*,
    seq_file::SeqFile, //
};

/// The source of a kevent. It holds a [`Port`](super::port::Port), by which it raises events from
/// its making to its drop.
///
/// Dropping it detaches it: afterwards it raises no event, and none is being raised. The drop and
/// all functions run in a task that holds the lock of the queue's kevents, and may sleep.
///
/// It is made in the [`Room`] of its slot, and does not move. One that is too large for it is made
/// in a [`KBox`].
pub(crate) trait Source: Send + Sync {
    /// Looks at what is watched, and raises the events that are there now.
    fn recheck(&self) {}

    /// Whether [`Source::recheck`] must run after an event, before the program sleeps. `flags` are
    /// those of the kevent.
    fn needs_walk(&self, _flags: u32) -> bool {
        false
    }

    /// Whether its kevent may get these flags, which are flags of its type. Errors: the source's.
    fn allows(&self, _flags: u32) -> Result {
        Ok(())
    }

    /// Sets a timer anew, for `KEVENT_OP_REARM`. Returns the events that it takes back. Calls `reset`
    /// when the old setting has ended, and before the new one begins.
    ///
    /// Errors: `EINVAL` if the source is no timer or the setting is invalid; others of the source.
    /// Nothing has changed then.
    fn rearm(self: Pin<&mut Self>, _op: &uapi::kevent_op, _reset: &dyn Fn()) -> Result<u32> {
        Err(EINVAL)
    }

    /// The time until a timer's next expiration, 0 without any, and its interval, in nanoseconds.
    ///
    /// Errors: `EINVAL` if the source is no timer.
    fn setting(&self) -> Result<[u64; 2]> {
        Err(EINVAL)
    }

    /// Raises `events` for the program. Errors: `EINVAL` if these are not the program's to raise.
    fn ready(&self, _events: u32) -> Result {
        Err(EINVAL)
    }

    /// The next signal for `KEVENT_OP_TAKE`.
    ///
    /// Errors: `EINVAL` if the source is no signal; `EAGAIN` if there is no signal; others of the source.
    fn take(&self) -> Result<Taken> {
        Err(EINVAL)
    }

    /// Takes back changes of the current task by its making, before its drop. Runs in the call that has
    /// made it, if that fails.
    fn undo(&self) {}

    /// Runs after a call of 2006 has copied the event.
    fn copied(&self) {}

    /// The value of `events` in a `struct ukevent`.
    fn value(&self, events: u32) -> u32 {
        events
    }

    /// What the kevent does, if that is an operation that is started: an
    /// [`Arc<Operation>`](super::operation::Operation).
    fn operation(&self) -> Option<&dyn Any> {
        None
    }

    /// Prints to the queue's fdinfo, in the line of the kevent.
    fn show(&self, _m: &SeqFile) {}
}

/// The signal of [`Source::take`].
pub(crate) enum Taken {
    /// A signal, which the source has given away.
    Signal(SigInfo),
    /// A signal of this set, if it is pending for the current task. The caller takes it
    /// without the lock.
    Pending(SigSet),
}

upcast_to!(Source);

/// The room for the source of a slot: 120 bytes, for a timer or for the poller of a file.
pub(crate) type Room = room::Room<dyn Source, 15>;

impl<T: Source> Source for Pin<KBox<T>> {
    fn recheck(&self) {
        (**self).recheck();
    }

    fn needs_walk(&self, flags: u32) -> bool {
        (**self).needs_walk(flags)
    }

    fn rearm(self: Pin<&mut Self>, op: &uapi::kevent_op, reset: &dyn Fn()) -> Result<u32> {
        self.get_mut().as_mut().rearm(op, reset)
    }

    fn setting(&self) -> Result<[u64; 2]> {
        (**self).setting()
    }

    fn ready(&self, events: u32) -> Result {
        (**self).ready(events)
    }

    fn take(&self) -> Result<Taken> {
        (**self).take()
    }

    fn undo(&self) {
        (**self).undo();
    }

    fn copied(&self) {
        (**self).copied();
    }

    fn value(&self, events: u32) -> u32 {
        (**self).value(events)
    }

    fn show(&self, m: &SeqFile) {
        (**self).show(m);
    }
}
