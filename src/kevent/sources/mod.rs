// SPDX-License-Identifier: GPL-2.0

//! The sources of events, one file for each.
//!
//! A source is an implementation of [`Source`](super::source::Source) that holds a [`Port`]. A new one adds its type to
//! [`Kind`] and to [`TYPES`].

pub(crate) mod aio;
mod file;
pub(crate) mod inode;
pub(crate) mod naio;
mod process;
pub(crate) mod producer;
mod signal;
mod timer;
mod user;

pub(crate) use file::Watched;

use file::Sort;

use super::{
    operation::{
        Operation,
        Start,
        Target, //
    },
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
    prelude::*, //
};

/// The types of kevents.
#[derive(Clone, Copy)]
pub(crate) enum Kind {
    File(Sort),
    Inode,
    Io,
    Net,
    PosixTimer,
    Process,
    Producer,
    Signal,
    Timer,
    User,
}

/// A type of kevents, and what operations may ask of it. A table has these, because the kernel's code
/// has no jump tables: each `match` would be a chain of comparisons.
pub(crate) struct Type {
    pub(crate) kind: Kind,
    /// The flags that a kevent may have.
    pub(crate) flags: u32,
    /// The events that it may want.
    pub(crate) events: u32,
    /// Whether [`Kind::look_up`] finds something.
    pub(crate) is_looked_up: bool,
    /// Whether operations that make or set it have a meaning for `arg`.
    pub(crate) takes_arguments: bool,
}

/// The numbers of types are below this.
const TYPE_COUNT: usize = uapi::KEVENT_PRODUCER as usize + 1;

/// The types, by their `KEVENT_*` numbers.
static TYPES: [Option<Type>; TYPE_COUNT] = {
    let mut types = [const { None }; TYPE_COUNT];
    types[uapi::KEVENT_AIO as usize] = Some(Type::of_kind(Kind::Io));
    types[uapi::KEVENT_INODE as usize] = Some(Type::of_kind(Kind::Inode));
    types[uapi::KEVENT_NAIO as usize] = Some(Type::of_kind(Kind::Net));
    types[uapi::KEVENT_PIPE as usize] = Some(Type::of_kind(Kind::File(Sort::Pipe)));
    types[uapi::KEVENT_POLL as usize] = Some(Type::of_kind(Kind::File(Sort::Any)));
    types[uapi::KEVENT_POSIX_TIMER as usize] = Some(Type::of_kind(Kind::PosixTimer));
    types[uapi::KEVENT_PROCESS as usize] = Some(Type::of_kind(Kind::Process));
    types[uapi::KEVENT_PRODUCER as usize] = Some(Type::of_kind(Kind::Producer));
    types[uapi::KEVENT_SIGNAL as usize] = Some(Type::of_kind(Kind::Signal));
    types[uapi::KEVENT_SOCKET as usize] = Some(Type::of_kind(Kind::File(Sort::Socket)));
    types[uapi::KEVENT_TIMER as usize] = Some(Type::of_kind(Kind::Timer));
    types[uapi::KEVENT_USER as usize] = Some(Type::of_kind(Kind::User));
    types
};

impl Type {
    const fn of_kind(kind: Kind) -> Self {
        Self {
            kind,
            flags: kind.flags(),
            events: kind.events(),
            is_looked_up: kind.is_looked_up(),
            takes_arguments: kind.takes_arguments(),
        }
    }

    /// The type with a `KEVENT_*` number. Errors: `EINVAL`.
    #[inline(always)]
    pub(crate) fn of(number: u16) -> Result<&'static Self> {
        let found = TYPES.get(usize::from(number)).and_then(Option::as_ref);
        found.ok_or(EINVAL)
    }
}

/// What an operation names, if it must be looked up.
pub(crate) enum Found {
    Path(Path),
    Producer(ProducerFile),
    /// An operation on a file or a socket, and its first start.
    Operation(Start),
}

/// The request with which `op` starts `operation` anew.
///
/// Context: task that owns the memory. Errors: those of the arguments of ADD.
#[inline(always)]
pub(crate) fn again(op: &uapi::kevent_op, operation: &Operation) -> Result<Request> {
    match operation.target() {
        Target::File(_) => aio::request(op, operation.event()),
        Target::Descriptor(_) => naio::request(op, operation.event()),
    }
}

impl Kind {
    /// The events that a kevent may want.
    pub(crate) const fn events(self) -> u32 {
        match self {
            Self::Io => aio::EVENTS,
            Self::Net => naio::EVENTS,
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
            Self::Io => aio::find(op).map(|start| Some(Found::Operation(start))),
            Self::Net => naio::find(op).map(|start| Some(Found::Operation(start))),
            Self::Inode => inode::find(op).map(|path| Some(Found::Path(path))),
            Self::Producer => producer::find(op).map(|file| Some(Found::Producer(file))),
            _ => Ok(None),
        }
    }

    /// Whether [`Kind::look_up`] finds something.
    const fn is_looked_up(self) -> bool {
        matches!(self, Self::Inode | Self::Io | Self::Net | Self::Producer)
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
            (Self::Io | Self::Net, Some(Found::Operation(start))) => {
                aio::make(start.operation(), port, room)
            }
            (Self::Process, _) => process::make(op, port, room),
            (Self::Producer, Some(Found::Producer(file))) => producer::make(op, file, port, room),
            (Self::Signal, _) => signal::make(op, port, room),
            (Self::PosixTimer | Self::Timer, _) => {
                timer::make(op, matches!(self, Self::PosixTimer), port, room)
            }
            (Self::User, _) => user::make(port, room),
            // It must be looked up first.
            (Self::Inode | Self::Io | Self::Net | Self::Producer, _) => Err(EINVAL),
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
            (Self::Inode | Self::Io | Self::Net | Self::Producer | Self::User, _) => false,
        }
    }

    /// The flags that a kevent may have.
    const fn flags(self) -> u32 {
        let all = uapi::KEVENT_ONESHOT | uapi::KEVENT_DISPATCH;
        match self {
            Self::File(Sort::Any) | Self::Process | Self::Producer | Self::Signal => {
                all | uapi::KEVENT_ET
            }
            Self::File(_) => all | uapi::KEVENT_ET | uapi::KEVENT_BYTES,
            Self::PosixTimer | Self::Timer => all | uapi::KEVENT_TIMER_ABSTIME,
            Self::Inode | Self::Io | Self::Net | Self::User => all,
        }
    }

    /// Whether operations that make or set it have a meaning for `arg`.
    const fn takes_arguments(self) -> bool {
        matches!(
            self,
            Self::Inode
                | Self::Io
                | Self::Net
                | Self::PosixTimer
                | Self::Producer
                | Self::Signal
                | Self::Timer
        )
    }
}
