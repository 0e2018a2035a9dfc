// SPDX-License-Identifier: GPL-2.0

//! `KEVENT_POLL`, any file that can be polled; `KEVENT_SOCKET` and `KEVENT_PIPE`, by what a program
//! can do with it.
//!
//! The queue holds a reference on the file, except on unix sockets, and on internet sockets and
//! pipes of a queue with `KEVENT_SETUP_AUTOREMOVE`. The close of such a file ends the kevent.

use crate::{
    abstractions::{
        compat::{
            ELOOP,
            ENOTSOCK,
            EOPNOTSUPP, //
        },
        file::{
            anon_file::fget,
            events::Events,
            poller::{
                self,
                Calls,
                Hold,
                Poller,
                Woken, //
            },
            stream::{
                self,
                Unreleased, //
            }, //
        }, //
    },
    kevent::{
        delivered::SHARES,
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
    fs::File,
    prelude::*,
    sync::aref::ARef, //
};

/// The events that are reported unasked, like by poll(2). Their bits are the same in all types.
const ALWAYS: Events = Events::ERR.with(Events::HUP);

/// With one of these, a read or an accept() does not block.
const READABLE: Events = Events::IN
    .with(Events::RDNORM)
    .with(Events::RDHUP)
    .with(ALWAYS);
/// With one of these, a write does not block.
const WRITABLE: Events = Events::OUT.with(Events::WRNORM).with(ALWAYS);

const RECV: u32 = uapi::KEVENT_SOCKET_RECV;
const ACCEPT: u32 = uapi::KEVENT_SOCKET_ACCEPT;
const SEND: u32 = uapi::KEVENT_SOCKET_SEND;
const BYTES: u32 = uapi::KEVENT_BYTES;
const _: () = assert!((RECV | ACCEPT | SEND) & ALWAYS.bits() == 0);

/// The events that a wake-up may name although they are not there: sockets wake for any data with
/// `POLLPRI` and `POLLRDBAND`.
const HINTS: u32 = 0x2 | 0x80 | 0x200;

/// The types of kevents that watch a file.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Sort {
    Any,
    Socket,
    Pipe,
}

impl Sort {
    /// The events that a kevent may want.
    pub(super) const fn events(self) -> u32 {
        match self {
            // Those of poll(2) and epoll(7), without epoll's flags.
            Self::Any => 0x3fff,
            Self::Socket => RECV | ACCEPT | SEND,
            Self::Pipe => RECV | SEND,
        }
    }

    /// Errors: see [`make`].
    #[inline(always)]
    fn check(self, file: &File, is_queue: fn(&File) -> bool) -> Result {
        let error = match self {
            Self::Any if !poller::can_poll(file) => EPERM,
            Self::Any if is_queue(file) => ELOOP,
            Self::Any if poller::is_epoll(file) || poller::is_io_uring(file) => ELOOP,
            Self::Socket if !stream::is_socket(file) => ENOTSOCK,
            Self::Pipe if !stream::is_pipe(file) => EINVAL,
            _ => return Ok(()),
        };
        Err(error)
    }

    /// The events of poll(2) that the events `want` stand for.
    #[inline(always)]
    fn polled(self, want: u32) -> Events {
        if self == Self::Any {
            return Events::from_bits(want);
        }
        READABLE.when(want & (RECV | ACCEPT) != 0) | WRITABLE.when(want & SEND != 0)
    }

    /// The kevent's events that the events of a poll or of a wake-up stand for.
    #[inline(always)]
    fn events_of(self, polled: Events, file: Unreleased<'_>) -> u32 {
        if self == Self::Any {
            return polled.bits();
        }
        let mut events = (polled & ALWAYS).bits();
        if polled.intersects(READABLE) {
            let listens = self == Self::Socket && file.listens();
            events |= if listens { ACCEPT } else { RECV };
        }
        if polled.intersects(WRITABLE) {
            events |= SEND;
        }
        events
    }
}

/// The owner of the poller.
pub(crate) struct Watched {
    port: Port,
    sort: Sort,
    /// Whether the file's readable bytes can be counted.
    counts_bytes: bool,
}

impl Watched {
    /// The key of a poll. Files such as pipes wake edge-triggered pollers more often than others.
    #[inline(always)]
    fn key(&self, want: u32) -> Events {
        self.sort.polled(want) | Events::EDGES.when(!self.port.has_level())
    }

    /// Errors: `EOPNOTSUPP` if the bytes are to be counted and cannot be.
    fn allows(&self, flags: u32) -> Result {
        if flags & BYTES != 0 && !self.counts_bytes {
            return Err(EOPNOTSUPP);
        }
        Ok(())
    }

    /// Raises the events that a poll has found, with the number of bytes.
    #[inline(always)]
    fn seen(&self, polled: Events, file: &File) {
        let events = self.sort.events_of(polled, file.into());
        if events != 0 && self.port.has(BYTES) {
            self.port.set_data(stream::readable_bytes(file));
        }
        self.port.raise(Raise::new(events).always(ALWAYS.bits()));
    }
}

impl Woken for Watched {
    #[inline(always)]
    fn woken(&self, events: Events) {
        let raise = Raise::new(events.bits()).hints(HINTS);
        self.port.raise(raise.always(ALWAYS.bits()).in_callback());
    }

    fn woken_with_file(&self, events: Events, file: Unreleased<'_>) {
        let raise = Raise::new(self.sort.events_of(events, file)).always(ALWAYS.bits());
        // Bytes are counted in a task, so the next wait looks at the file.
        let hints = if self.port.has(BYTES) { u32::MAX } else { 0 };
        self.port.raise(raise.hints(hints).in_callback());
    }

    fn woken_in_turn(&self, events: Events, taken: Events, file: Unreleased<'_>) -> Events {
        let shares = self.port.has(SHARES);
        let events = events.without(taken.when(!shares));
        let hints = if self.sort == Sort::Any { HINTS } else { 0 };
        let raise = Raise::new(self.sort.events_of(events, file)).always(ALWAYS.bits());
        match self.port.raise(raise.hints(hints).in_callback()) {
            // Everybody is to know of an error, and of the end of a connection.
            Raised::Queued if !shares => {
                (events & self.sort.polled(self.port.want())).without(ALWAYS)
            }
            _ => Events::NONE,
        }
    }

    fn woken_without_events(&self) {
        self.port.recheck_later();
    }

    fn closed(&self) {
        self.port.end();
    }
}

// A poller fits into the room of its slot.
const _: () = assert!(size_of::<Poller<Watched>>() <= 120);

/// Whether a kevent with these flags gets an event for a level.
pub(super) fn needs_walk(flags: u32) -> bool {
    flags & uapi::KEVENT_ET == 0
}

impl Source for Poller<Watched> {
    fn needs_walk(&self, flags: u32) -> bool {
        needs_walk(flags)
    }

    fn allows(&self, flags: u32) -> Result {
        self.owner().allows(flags)
    }

    fn recheck(&self) {
        let owner = self.owner();
        self.look(owner.key(owner.port.want()), |file, events| {
            owner.seen(events, file);
        });
    }
}

/// The file of the descriptor `op.id`. Errors: `EBADF`.
#[inline(always)]
pub(super) fn named_by(op: &uapi::kevent_op) -> Result<ARef<File>> {
    fget(c_int::try_from(op.id).map_err(|_| EBADF)?)
}

/// Makes the source for the descriptor `op.id` in `room`.
///
/// Errors: `EBADF`, `ENOMEM`; `EPERM` if the file cannot be polled; `ELOOP` if it is a queue, an
/// epoll or an io_uring instance; `ENOTSOCK` and `EINVAL` if it is no socket and no pipe;
/// `EOPNOTSUPP` if this kernel does not notify of the close of a file that the queue must not hold,
/// or if its bytes cannot be counted.
pub(super) fn make(
    op: &uapi::kevent_op,
    sort: Sort,
    port: Port,
    is_queue: fn(&File) -> bool,
    room: Pin<&mut Room>,
) -> Result {
    let file = named_by(op)?;
    sort.check(&file, is_queue)?;
    // A message in a unix socket may hold the queue. If the queue held the socket, neither would
    // ever be released.
    let weak = poller::is_unix_socket(&file) || port.removes_closed() && poller::can_be_weak(&file);
    let hold = if weak { Hold::Weak } else { Hold::Strong };
    let counts_bytes = sort != Sort::Any && stream::counts_bytes(&file);
    let watched = Watched {
        port,
        sort,
        counts_bytes,
    };
    watched.allows(op.flags.into())?;
    let key = watched.key(op.want);
    let calls = match sort {
        _ if watched.port.is_classic() => Calls::WokenInTurn,
        Sort::Any => Calls::Woken,
        Sort::Socket | Sort::Pipe => Calls::WokenWithFile,
    };
    let poller = Poller::start(file, hold, calls, watched, key, Watched::seen)?;
    room.put(poller)?;
    Ok(())
}
