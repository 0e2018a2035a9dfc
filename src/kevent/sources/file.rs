// SPDX-License-Identifier: GPL-2.0

//! `KEVENT_POLL`: any file that can be polled. The queue holds a reference on the file.

use crate::{
    abstractions::file::{
        anon_file::fget,
        events::Events,
        poller::{
            self,
            Poller,
            Woken, //
        }, //
    },
    kevent::{
        port::Port,
        source::Source, //
    },
    uapi, //
};
use kernel::{
    fs::File,
    prelude::*,
    sync::Arc, //
};

/// The errors, which poll(2) reports unasked.
pub(super) const ALWAYS: u32 = Events::ERR.bits() | Events::HUP.bits();

/// The events of poll(2) and epoll(7), without epoll's flags.
pub(super) const EVENTS: u32 = 0x3fff;

/// The owner of the poller.
struct Watched(Port);

impl Woken for Watched {
    fn woken(&self, events: Option<Events>) {
        match events {
            Some(events) => self.0.raise(events.bits()),
            None => self.0.recheck_later(),
        }
    }
}

/// Whether a kevent with these flags gets an event for a level.
pub(super) fn needs_walk(flags: u32) -> bool {
    flags & uapi::KEVENT_ET == 0
}

impl Source for Poller<Watched> {
    fn needs_walk(&self, flags: u32) -> bool {
        needs_walk(flags)
    }

    fn recheck(&self) {
        let port = &self.owner().0;
        let events = self.look(Events::from_bits(port.wanted()));
        port.raise(events.bits());
    }
}

/// Makes the source for the descriptor `op.id`.
///
/// Errors: `EBADF`, `ELOOP`, `EPERM`, `ENOMEM`.
pub(super) fn make(
    op: &uapi::kevent_op,
    port: Port,
    is_queue: fn(&File) -> bool,
) -> Result<Arc<dyn Source>> {
    let file = fget(c_int::try_from(op.id).map_err(|_| EBADF)?)?;
    if !poller::can_poll(&file) {
        return Err(EPERM);
    }
    if is_queue(&file) || poller::is_epoll(&file) {
        return Err(ELOOP);
    }
    let wanted = Events::from_bits(op.want);
    let (source, events) = Poller::start(file, Watched(port), wanted)?;
    source.owner().0.raise(events.bits());
    Ok(source)
}
