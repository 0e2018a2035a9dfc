// SPDX-License-Identifier: GPL-2.0

//! `KEVENT_SIGNAL`: signals of a process, observed or consumed.
//!
//! The kernel tells of a signal in the context that sends it, after it has become pending. A kevent
//! that observes keeps its information. A kevent that consumes keeps nothing: the signal is pending,
//! because the program blocks it, until a task of the process takes it.

use crate::{
    abstractions::task::{
        sent::{
            Sent,
            Watch, //
        },
        siginfo::SigInfo,
        signal::{
            self,
            SigSet, //
        }, //
    },
    kevent::{
        port::Port,
        queue::{
            Raise,
            Raised, //
        },
        records::Records,
        source::{
            Room,
            Source,
            Taken, //
        }, //
    },
    uapi, //
};
use core::pin::Pin;
use kernel::prelude::*;

/// The only event.
pub(super) const EVENTS: u32 = uapi::KEVENT_SIGNAL_DELIVERY;

const NOMASK: u64 = uapi::KEVENT_SIGNAL_NOMASK as u64;

/// The number of records that are kept without a number in the operation.
const DEFAULT_RECORDS: u64 = 16;

/// Whether a kevent with this id consumes.
fn consumes(id: u64) -> bool {
    id & NOMASK != 0
}

/// The owner of a watch that observes.
struct Observed {
    port: Port,
    records: Records<SigInfo>,
    /// Whether an event came while DISPATCH held the kevent.
    early: bool,
}

impl Observed {
    fn raise(&mut self) {
        let raise = Raise::new(EVENTS).in_callback();
        self.early = self.port.raise(raise) == Raised::Dropped;
    }
}

impl Sent for Observed {
    const OBSERVES: bool = true;

    fn sent(&mut self, info: Option<&SigInfo>) {
        if let Some(info) = info {
            // If it is dropped, the program finds fewer records than `data` says.
            self.records.push(*info);
        }
        self.port.add_data(1);
        self.raise();
    }
}

// A watch fits into the room of its slot.
const _: () = assert!(size_of::<Watch<Observed>>() <= 120);

impl Source for Watch<Observed> {
    fn allows(&self, flags: u32) -> Result {
        check_observing(flags)
    }

    fn recheck(&self) {
        self.with_owner(|owner| {
            if owner.early {
                owner.raise();
            }
        });
    }

    fn take(&self) -> Result<Taken> {
        let info = self.with_owner(|owner| owner.records.pop());
        info.map(Taken::Signal).ok_or(EAGAIN)
    }

    /// The number of the signal.
    fn value(&self, _events: u32) -> u32 {
        self.signal() as u32
    }
}

/// The owner of a watch that consumes.
struct Consumed {
    port: Port,
    /// Whether the signal was not blocked before.
    has_blocked: bool,
}

impl Consumed {
    fn raise(&self) {
        self.port.raise(Raise::new(EVENTS).in_callback());
    }
}

impl Sent for Consumed {
    const OBSERVES: bool = false;

    fn sent(&mut self, _info: Option<&SigInfo>) {
        self.raise();
    }
}

impl Watch<Consumed> {
    /// Raises the event if the signal is pending.
    fn look(&self) {
        if self.is_pending() {
            self.with_owner(|owner| owner.raise());
        }
    }
}

impl Source for Watch<Consumed> {
    fn needs_walk(&self, flags: u32) -> bool {
        flags & uapi::KEVENT_ET == 0
    }

    fn recheck(&self) {
        // With the calls of 2006, an event stands for a signal that was sent.
        if !self.with_owner(|owner| owner.port.is_classic()) {
            self.look();
        }
    }

    fn take(&self) -> Result<Taken> {
        if !self.is_own() {
            return Err(ESRCH);
        }
        Ok(Taken::Pending(SigSet::of(self.signal())?))
    }

    fn undo(&self) {
        let has_blocked = self.with_owner(|owner| owner.has_blocked);
        if let (true, Ok(set)) = (has_blocked, SigSet::of(self.signal())) {
            signal::unblock(set);
        }
    }

    /// Like in 2006, the signal itself is gone with its event.
    fn copied(&self) {
        if let (true, Ok(set)) = (self.is_own(), SigSet::of(self.signal())) {
            let max = uapi::KEVENT_MAX_RECORDS;
            let _ = (0..max).take_while(|_| signal::take(set).is_some()).count();
        }
    }

    /// The number of the signal.
    fn value(&self, _events: u32) -> u32 {
        self.signal() as u32
    }
}

/// Checks the flags of a kevent that observes. Errors: `EINVAL`.
fn check_observing(flags: u32) -> Result {
    if flags & uapi::KEVENT_ET != 0 {
        return Err(EINVAL);
    }
    Ok(())
}

/// Like [`Source::needs_walk`] of the source that [`make`] makes.
pub(super) fn needs_walk(op: &uapi::kevent_op) -> bool {
    consumes(op.id) && u32::from(op.flags) & uapi::KEVENT_ET == 0
}

/// Makes the source for the signal `op.id` in `room`. It blocks a signal that it consumes in the
/// current task.
///
/// Errors: `EINVAL` if there is no such signal, if it cannot be blocked, or for invalid arguments;
/// those of [`Watch::start`].
pub(super) fn make(op: &uapi::kevent_op, port: Port, room: Pin<&mut Room>) -> Result {
    let number = i32::try_from(op.id & !NOMASK).map_err(|_| EINVAL)?;
    let set = SigSet::of(number)?;
    let [records, second, third] = op.arg;
    if second | third != 0 {
        return Err(EINVAL);
    }
    if consumes(op.id) {
        if records != 0 || set.that_can_be_caught().is_empty() {
            return Err(EINVAL);
        }
        let before = signal::block(set);
        let consumed = Consumed {
            port,
            has_blocked: (before & set).is_empty(),
        };
        let watch = room.put(Watch::start(number, consumed));
        watch.inspect_err(|_| signal::set_blocked(before))?.look();
        return Ok(());
    }
    check_observing(op.flags.into())?;
    let records = match records {
        0 => DEFAULT_RECORDS,
        _ if records <= uapi::KEVENT_MAX_RECORDS.into() => records,
        _ => return Err(EINVAL),
    };
    let observed = Observed {
        port,
        records: Records::new(records as usize)?,
        early: false,
    };
    room.put(Watch::start(number, observed))?;
    Ok(())
}
