// SPDX-License-Identifier: GPL-2.0

//! `KEVENT_USER`: events that the program raises, by a call or in the slot.

use crate::kevent::{
    port::Port,
    queue::{
        Raise,
        Raised, //
    },
    source::{
        Room,
        Source, //
    }, //
};
use core::pin::Pin;
use kernel::{
    prelude::*,
    sync::atomic::{
        Atomic,
        Relaxed, //
    }, //
};

/// The source of a `KEVENT_USER`.
struct User {
    port: Port,
    /// Events that came while DISPATCH held the kevent. Operations use it, one at a time.
    early: Atomic<u32>,
}

impl Source for User {
    fn recheck(&self) {
        let events = self.early.load(Relaxed);
        if events != 0 && self.port.raise(Raise::new(events)) != Raised::Dropped {
            self.early.store(0, Relaxed);
        }
    }

    fn ready(&self, events: u32) -> Result {
        if self.port.raise(Raise::new(events)) == Raised::Dropped {
            self.early.store(self.early.load(Relaxed) | events, Relaxed);
        }
        Ok(())
    }
}

/// Makes the source in `room`.
pub(super) fn make(port: Port, room: Pin<&mut Room>) -> Result {
    let early = Atomic::new(0);
    room.put(User { port, early })?;
    Ok(())
}
