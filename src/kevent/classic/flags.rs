// SPDX-License-Identifier: GPL-2.0

//! The flags of a kevent, and what its kind makes of them.

use super::record::Record;
use crate::{
    abstractions::compat::ENOSYS,
    kevent::{
        delivered::{
            Place,
            LEVEL,
            SHARES, //
        },
        sources::{
            Kind,
            Type, //
        },
        table::Key, //
    },
    uapi, //
};
use kernel::{
    bindings,
    prelude::*,
    sync::atomic::Relaxed, //
};

const NSEC_PER_SEC: u64 = 1_000_000_000;

/// All flags of a kevent.
const KNOWN: u32 = uapi::KEVENT_REQ_ONESHOT
    | uapi::KEVENT_REQ_WAKEUP_ALL
    | uapi::KEVENT_REQ_ET
    | uapi::KEVENT_REQ_LAST_CHECK
    | uapi::KEVENT_REQ_ALWAYS_QUEUE
    | uapi::KEVENT_REQ_READY;

/// The shift of a kevent's flags in [`Place::flags`], whose low bits are flags of the other face.
const SHIFT: u32 = 8;
/// The flags of the queue.
const OURS: u32 = LEVEL | SHARES;
const _: () = assert!(KNOWN << SHIFT & OURS == 0 && KNOWN << SHIFT >> SHIFT == KNOWN);

/// The kind of a record. Errors: `ENOSYS` for a type of 2006 that does not exist here; `EINVAL` for
/// others.
pub(super) fn kind(record: &Record) -> Result<Kind> {
    u16::try_from(record.kind)
        .map_err(|_| EINVAL)
        .and_then(Type::of)
        .and_then(|type_| match type_.kind {
            // They need arguments.
            Kind::Io | Kind::Net | Kind::PosixTimer => Err(EINVAL),
            kind => Ok(kind),
        })
        .map_err(|_| {
            if record.kind < uapi::KEVENT_MAX {
                ENOSYS
            } else {
                EINVAL
            }
        })
}

/// The key of a record. Errors: those of [`kind`].
pub(super) fn key(record: &Record) -> Result<Key> {
    kind(record)?;
    Ok(Key {
        kind: record.kind as u16,
        id: record.id,
        user: record.user,
    })
}

/// What a record asks for.
pub(super) struct Request {
    pub(super) kind: Kind,
    pub(super) want: u32,
    pub(super) flags: u32,
}

impl Request {
    /// Checks a record. Errors: `EINVAL`; those of [`kind`].
    pub(super) fn of(record: &Record) -> Result<Self> {
        let kind = kind(record)?;
        let flags = record.req_flags;
        let want = match record.event {
            uapi::KEVENT_MASK_ALL => kind.events(),
            event => event,
        };
        let forever = flags & uapi::KEVENT_REQ_ONESHOT == 0;
        let is_endless = matches!(kind, Kind::Timer) && forever && period(record) == 0;
        if flags & !KNOWN != 0 || want & !kind.events() != 0 || is_endless {
            return Err(EINVAL);
        }
        Ok(Self { kind, want, flags })
    }

    /// The operation that makes the source.
    pub(super) fn operation(&self, record: &Record) -> uapi::kevent_op {
        let mut op = uapi::kevent_op {
            type_: record.kind as u16,
            want: self.want,
            id: record.id,
            user: record.user,
            ..Default::default()
        };
        if let Kind::Timer = self.kind {
            op.id = bindings::CLOCK_MONOTONIC.into();
            // The source rests after an expiration. A ONESHOT timer is not started again.
            op.arg = [period(record), period(record), 0];
        }
        op
    }

    /// The flags as [`Place::flags`] has them.
    pub(super) fn kept(&self) -> u32 {
        let level = self.kind.is_file() && self.flags & uapi::KEVENT_REQ_ET == 0;
        let shares = self.flags & uapi::KEVENT_REQ_WAKEUP_ALL != 0;
        self.flags << SHIFT | if level { LEVEL } else { 0 } | if shares { SHARES } else { 0 }
    }
}

/// The period of a timer: seconds in the low half of the id, and nanoseconds in the high half.
fn period(record: &Record) -> u64 {
    (record.id & u64::from(u32::MAX)) * NSEC_PER_SEC + (record.id >> 32)
}

/// The flags that the program gave to the kevent in `place`.
pub(super) fn of(place: &Place) -> u32 {
    (place.flags.load(Relaxed) & !OURS) >> SHIFT
}
