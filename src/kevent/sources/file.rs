// SPDX-License-Identifier: GPL-2.0

//! `KEVENT_POLL`: any file that can be polled.
//!
//! The queue holds a reference on the file, except on unix sockets, and on internet sockets and
//! pipes of a queue with `KEVENT_SETUP_AUTOREMOVE`. The close of such a file ends the kevent.

use crate::{
    abstractions::{
        compat::ELOOP,
        file::{
            anon_file::fget,
            events::Events,
            poller::{
                self,
                Hold,
                Poller,
                Woken, //
            }, //
        }, //
    },
    kevent::{
        port::Port,
        queue::Raise,
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
    prelude::*, //
};

/// The errors, which poll(2) reports unasked.
const ALWAYS: u32 = Events::ERR.bits() | Events::HUP.bits();

/// The events of poll(2) and epoll(7), without epoll's flags.
pub(super) const EVENTS: u32 = 0x3fff;

/// The events that a wake-up may name although they are not there: sockets wake for any data with
/// `POLLPRI` and `POLLRDBAND`.
const HINTS: u32 = 0x2 | 0x80 | 0x200;

/// The owner of the poller.
pub(crate) struct Watched(Port);

impl Woken for Watched {
    #[inline(always)]
    fn woken(&self, events: Events) {
        let raise = Raise::new(events.bits()).always(ALWAYS).hints(HINTS);
        self.0.raise(raise.in_callback());
    }

    fn woken_without_events(&self) {
        self.0.recheck_later();
    }

    fn closed(&self) {
        self.0.end();
    }
}

/// Whether a kevent with these flags gets an event for a level.
pub(super) fn needs_walk(flags: u32) -> bool {
    flags & uapi::KEVENT_ET == 0
}

/// The key of a poll. Files such as pipes wake edge-triggered pollers more often than others.
fn key(wanted: u32, port: &Port) -> Events {
    Events::from_bits(wanted) | Events::EDGES.when(!port.has_level())
}

impl Source for Poller<Watched> {
    fn needs_walk(&self, flags: u32) -> bool {
        needs_walk(flags)
    }

    fn recheck(&self) {
        let port = &self.owner().0;
        let events = self.look(key(port.want(), port));
        port.raise(Raise::new(events.bits()).always(ALWAYS));
    }
}

/// Makes the source for the descriptor `op.id` in `room`.
///
/// Errors: `EBADF`, `ELOOP`, `EPERM`, `ENOMEM`; `EOPNOTSUPP` if this kernel does not notify of the
/// close of a file that the queue must not hold.
pub(super) fn make(
    op: &uapi::kevent_op,
    port: Port,
    is_queue: fn(&File) -> bool,
    room: Pin<&mut Room>,
) -> Result {
    let file = fget(c_int::try_from(op.id).map_err(|_| EBADF)?)?;
    if !poller::can_poll(&file) {
        return Err(EPERM);
    }
    if is_queue(&file) || poller::is_epoll(&file) || poller::is_io_uring(&file) {
        return Err(ELOOP);
    }
    // A message in a unix socket may hold the queue. If the queue held the socket, neither would
    // ever be released.
    let weak = poller::is_unix_socket(&file) || port.removes_closed() && poller::can_be_weak(&file);
    let hold = if weak { Hold::Weak } else { Hold::Strong };
    let wanted = key(op.want, &port);
    let poller = Poller::start(file, hold, Watched(port), wanted, |watched, events| {
        let raise = Raise::new(events.bits()).always(ALWAYS);
        watched.0.raise(raise);
    })?;
    room.put(poller)?;
    Ok(())
}
