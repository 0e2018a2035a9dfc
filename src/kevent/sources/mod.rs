// SPDX-License-Identifier: GPL-2.0

//! The sources of events, one file for each.
//!
//! A source is an implementation of [`Source`](super::source::Source) that holds a [`Port`]. A new one adds its type to
//! [`Kind`].

pub(crate) mod aio;
mod file;
pub(crate) mod inode;
mod process;
pub(crate) mod producer;
mod signal;
mod timer;
mod user;

pub(crate) use file::Watched;

use file::Sort;

use super::{
    operation::Operation,
    port::Port,
    source::Room, //
};
use crate::{
    abstractions::file::{
        inode::Path,
        io::Request,
        producer::ProducerFile, //
    },
    uapi, //
};
use core::pin::Pin;
use kernel::{
    fs::File,
    prelude::*,
    sync::Arc, //
};

/// The types of kevents.
#[derive(Clone, Copy)]
pub(crate) enum Kind {
    File(Sort),
    Inode,
    Io,
    PosixTimer,
    Process,
    Producer,
    Signal,
    Timer,
    User,
}

/// What an operation names, if it must be looked up.
pub(crate) enum Found {
    Path(Path),
    Producer(ProducerFile),
    /// An operation on a file, with the request of its first start.
    Operation(Arc<Operation>, Request),
}

impl Kind {
    /// The kind of a `KEVENT_*` number. Errors: `EINVAL`.
    pub(crate) fn of(number: u16) -> Result<Self> {
        match number.into() {
            uapi::KEVENT_AIO => Ok(Self::Io),
            uapi::KEVENT_POLL => Ok(Self::File(Sort::Any)),
            uapi::KEVENT_SOCKET => Ok(Self::File(Sort::Socket)),
            uapi::KEVENT_PIPE => Ok(Self::File(Sort::Pipe)),
            uapi::KEVENT_TIMER => Ok(Self::Timer),
            uapi::KEVENT_INODE => Ok(Self::Inode),
            uapi::KEVENT_POSIX_TIMER => Ok(Self::PosixTimer),
            uapi::KEVENT_PROCESS => Ok(Self::Process),
            uapi::KEVENT_PRODUCER => Ok(Self::Producer),
            uapi::KEVENT_SIGNAL => Ok(Self::Signal),
            uapi::KEVENT_USER => Ok(Self::User),
            _ => Err(EINVAL),
        }
    }

    /// The events that a kevent may want.
    pub(crate) fn events(self) -> u32 {
        match self {
            Self::Io => aio::EVENTS,
            Self::File(sort) => sort.events(),
            Self::Inode => inode::EVENTS,
            Self::Process => process::EVENTS,
            Self::Signal => signal::EVENTS,
            Self::PosixTimer | Self::Timer => timer::EVENTS,
            Self::Producer | Self::User => u32::MAX,
        }
    }

    /// Whether the kevent watches a file, whose events are there or not whenever it is looked at.
    pub(crate) fn is_file(self) -> bool {
        matches!(self, Self::File(_) | Self::Process)
    }

    /// Looks up what the operation `op` names, where that may wait for user memory or for a file
    /// system.
    ///
    /// Context: task, may sleep, without locks. Errors: those of `KEVENT_OP_ADD`.
    pub(crate) fn look_up(self, op: &uapi::kevent_op) -> Result<Option<Found>> {
        match self {
            Self::Io => aio::find(op).map(|(op, request)| Some(Found::Operation(op, request))),
            Self::Inode => inode::find(op).map(|path| Some(Found::Path(path))),
            Self::Producer => producer::find(op).map(|file| Some(Found::Producer(file))),
            _ => Ok(None),
        }
    }

    /// Whether [`Kind::look_up`] finds something.
    pub(crate) fn is_looked_up(self) -> bool {
        matches!(self, Self::Inode | Self::Io | Self::Producer)
    }

    /// Makes the source of the kevent that `op` adds in `room`, with the result of [`Kind::look_up`].
    /// It may raise events at once. `is_queue` says whether a file is a queue, which no queue may watch.
    ///
    /// Context: task, may sleep. Errors: those of `KEVENT_OP_ADD`.
    pub(crate) fn make(
        self,
        op: &uapi::kevent_op,
        found: Option<&Found>,
        port: Port,
        is_queue: fn(&File) -> bool,
        room: Pin<&mut Room>,
    ) -> Result {
        match (self, found) {
            (Self::File(sort), _) => file::make(op, sort, port, is_queue, room),
            (Self::Inode, Some(Found::Path(path))) => inode::make(op, path, port, room),
            (Self::Io, Some(Found::Operation(operation, _))) => aio::make(operation, port, room),
            (Self::Process, _) => process::make(op, port, room),
            (Self::Producer, Some(Found::Producer(file))) => producer::make(op, file, port, room),
            (Self::Signal, _) => signal::make(op, port, room),
            (Self::PosixTimer | Self::Timer, _) => {
                timer::make(op, matches!(self, Self::PosixTimer), port, room)
            }
            (Self::User, _) => user::make(port, room),
            // It must be looked up first.
            (Self::Inode | Self::Io | Self::Producer, _) => Err(EINVAL),
        }
    }

    /// Like [`Source::needs_walk`](super::source::Source::needs_walk) of the source that [`Kind::make`] makes.
    #[inline]
    pub(crate) fn needs_walk(self, op: &uapi::kevent_op, found: Option<&Found>) -> bool {
        let flags = op.flags.into();
        match (self, found) {
            (_, Some(Found::Producer(file))) => producer::needs_walk(file, flags),
            (Self::File(_) | Self::Process, _) => file::needs_walk(flags),
            (Self::Signal, _) => signal::needs_walk(op),
            (Self::PosixTimer | Self::Timer, _) => timer::rests(op),
            (Self::Inode | Self::Io | Self::Producer | Self::User, _) => false,
        }
    }

    /// The flags that a kevent may have.
    pub(crate) fn flags(self) -> u32 {
        let all = uapi::KEVENT_ONESHOT | uapi::KEVENT_DISPATCH;
        match self {
            Self::File(Sort::Any) | Self::Process | Self::Producer | Self::Signal => {
                all | uapi::KEVENT_ET
            }
            Self::File(_) => all | uapi::KEVENT_ET | uapi::KEVENT_BYTES,
            Self::PosixTimer | Self::Timer => all | uapi::KEVENT_TIMER_ABSTIME,
            Self::Inode | Self::Io | Self::User => all,
        }
    }

    /// Whether operations that make or set it have a meaning for `arg`.
    pub(crate) fn takes_arguments(self) -> bool {
        matches!(
            self,
            Self::Inode | Self::Io | Self::PosixTimer | Self::Producer | Self::Signal | Self::Timer
        )
    }
}
