// SPDX-License-Identifier: GPL-2.0

//! `KEVENT_PRODUCER`: what another module has to tell of one of its files.
//!
//! The module registers as the producer of its files, and puts kevents into storages.
//! `include/linux/kevent.h` has its side.

use super::file;
use crate::{
    abstractions::{
        compat::EOPNOTSUPP,
        file::producer::ProducerFile,
        sync::{
            atomic::or_full,
            publisher::{
                Publisher,
                Subscription, //
            }, //
        }, //
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
    prelude::*,
    sync::atomic::{
        Atomic,
        Full, //
    }, //
};

/// The kevents of one thing that events occur to, C's `struct kevent_storage`.
pub(crate) type Storage = Publisher<Produced>;

/// What a storage knows of a kevent, C's `struct kevent`.
pub(crate) struct Produced {
    port: Port,
    /// Events that came while DISPATCH held the kevent.
    early: Atomic<u64>,
}

impl Produced {
    #[inline(always)]
    fn raise(&self, events: u32, how: fn(u32) -> Raise) {
        if self.port.raise(how(events)) == Raised::Dropped {
            self.keep(events, how);
        }
    }

    /// Keeps events for the time when the program enables the kevent.
    #[cold]
    fn keep(&self, mut events: u32, how: fn(u32) -> Raise) {
        loop {
            or_full(&self.early, events.into());
            // Full: either this sees that the program has enabled the kevent, or the look that
            // follows sees the events (`tests/litmus/kevent-dispatch.litmus`).
            if self.port.has_fired() {
                return;
            }
            events = self.take_early();
            if events == 0 || self.port.raise(how(events)) != Raised::Dropped {
                return;
            }
        }
    }

    fn take_early(&self) -> u32 {
        self.early.xchg(0, Full) as u32
    }
}

/// Raises events of all kevents of `storage`, and adds `n` to their data.
///
/// Context: any, NMI included.
#[inline(always)]
pub(crate) fn ready(storage: &Storage, events: u32, n: u64) {
    storage.visit(|produced| {
        if n != 0 {
            produced.port.add_data(n);
        }
        produced.raise(events, |events| Raise::new(events).in_callback());
    });
}

/// The source.
struct Producer {
    kevent: Subscription<Produced>,
    file: ProducerFile,
}

impl Source for Producer {
    fn recheck(&self) {
        let events = self.kevent.take_early() | self.file.poll(&self.kevent);
        if events != 0 {
            self.kevent.raise(events, Raise::new);
        }
    }

    fn needs_walk(&self, flags: u32) -> bool {
        needs_walk(&self.file, flags)
    }
}

impl Drop for Producer {
    fn drop(&mut self) {
        self.kevent.leave();
        self.file.dequeue(&self.kevent);
    }
}

/// Whether a kevent with these flags gets an event for a level.
pub(super) fn needs_walk(file: &ProducerFile, flags: u32) -> bool {
    flags & uapi::KEVENT_ET == 0 && file.polls()
}

/// The file of the descriptor `op.id`.
///
/// Context: task, may sleep. Errors: `EBADF`; `EOPNOTSUPP` if it is no producer's.
pub(super) fn find(op: &uapi::kevent_op) -> Result<ProducerFile> {
    ProducerFile::new(file::named_by(op)?).ok_or(EOPNOTSUPP)
}

/// Makes the source for `file` in `room`.
///
/// Errors: `ENOMEM`; those of the producer.
pub(super) fn make(
    op: &uapi::kevent_op,
    file: &ProducerFile,
    port: Port,
    room: Pin<&mut Room>,
) -> Result {
    let early = Atomic::new(0);
    let kevent = Subscription::new(Produced { port, early })?;
    file.enqueue(&kevent, op.want, &op.arg)?;
    let file = file.clone();
    room.put(Producer { kevent, file })?.recheck();
    Ok(())
}
