// SPDX-License-Identifier: GPL-2.0

//! `KEVENT_PROCESS`: the end of the process of a pidfd, with its exit status.
//!
//! The kernel wakes the pollers of a pidfd when the process has ended, before anybody can reap it.
//! So the wake-up takes the status, which nobody can look up later.

use super::file;
use crate::{
    abstractions::{
        compat::EREMOTE,
        file::{
            events::Events,
            poller::{
                Calls,
                Hold,
                Poller,
                Woken, //
            },
            stream::Unreleased, //
        },
        task::process::{
            Exit,
            PidFd, //
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
    prelude::*,
    sync::atomic::{
        Atomic,
        Full,
        Relaxed, //
    }, //
};

/// The only event.
pub(super) const EVENTS: u32 = uapi::KEVENT_PROCESS_EXIT;

/// The events of the poll of a pidfd.
const ENDED: Events = Events::IN.with(Events::RDNORM);

/// [`Ending::data`] of a process that runs.
const RUNS: u64 = u64::MAX;

/// The owner of the poller.
struct Ending {
    port: Port,
    /// The slot's `data` after the end.
    data: Atomic<u64>,
}

impl Ending {
    /// The slot's `data`, if the process has ended.
    fn ended(&self) -> Option<u64> {
        Some(self.data.load(Relaxed)).filter(|data| *data != RUNS)
    }

    /// Raises the event if the process of `file` has ended.
    fn seen(&self, file: Unreleased<'_>, raise: Raise) {
        let data = match PidFd::new(file).map(PidFd::exit) {
            None | Some(Exit::Running) => return,
            Some(Exit::Ended(status)) => status.into(),
            Some(Exit::Reaped) => uapi::KEVENT_PROCESS_REAPED,
        };
        // Full: a look that finds a reaped process finds the status, which was stored before.
        let data = self.data.cmpxchg(RUNS, data, Full).err().unwrap_or(data);
        self.port.set_data(data);
        self.port.raise(raise);
    }
}

impl Woken for Ending {
    fn woken_with_file(&self, _events: Events, file: Unreleased<'_>) {
        self.seen(file, Raise::new(EVENTS).in_callback());
    }

    /// A thread has left the process, or the process was reaped.
    fn woken_without_events(&self) {
        if self.ended().is_none() {
            self.port.recheck_later();
        }
    }
}

// A poller fits into the room of its slot.
const _: () = assert!(size_of::<Poller<Ending>>() <= 120);

impl Source for Poller<Ending> {
    fn needs_walk(&self, flags: u32) -> bool {
        file::needs_walk(flags)
    }

    fn recheck(&self) {
        self.look(ENDED, |file, _| {
            self.owner().seen(file.into(), Raise::new(EVENTS));
        });
    }

    /// The exit status.
    fn value(&self, _events: u32) -> u32 {
        let status = self.owner().ended().map(u32::try_from);
        status.and_then(Result::ok).unwrap_or(u32::MAX)
    }
}

/// Makes the source for the pidfd `op.id` in `room`.
///
/// Errors: `EBADF` if it is no pidfd, as of the system calls that take one; `EREMOTE` if the process
/// is not in a PID namespace that the caller sees, as of `PIDFD_GET_INFO`; `ENOMEM`.
pub(super) fn make(op: &uapi::kevent_op, port: Port, room: Pin<&mut Room>) -> Result {
    let file = file::named_by(op)?;
    let pidfd = PidFd::new((&*file).into()).ok_or(EBADF)?;
    if !pidfd.is_visible() {
        return Err(EREMOTE);
    }
    let ending = Ending {
        port,
        data: Atomic::new(RUNS),
    };
    let poller = Poller::start(
        file,
        Hold::Strong,
        Calls::WokenWithFile,
        ending,
        ENDED,
        |ending, _, file| ending.seen(file.into(), Raise::new(EVENTS)),
    )?;
    room.put(poller)?;
    Ok(())
}
