// SPDX-License-Identifier: GPL-2.0

//! The classic face of a queue: the calls of 2006, which copy events to the program.
//!
//! | module | contents |
//! | --- | --- |
//! | [`record`] | `struct ukevent` |
//! | [`flags`] | the flags of a kevent, and what its kind makes of them |
//! | [`control`] | `KEVENT_IOC_CTL` |
//! | [`consumers`] | the calls that take events |
//! | [`consumer`] | the consumer of the queue's ring |

mod consumer;
mod consumers;
mod control;
mod flags;
mod record;

pub(crate) use consumers::Consumers;
pub(crate) use control::control;

use super::wait::{
    Signals,
    Timeout,
    Wait, //
};
use crate::{
    abstractions::{
        file::anon_file::Blocking,
        mm::user::{
            read,
            ReadBuf,
            UserBuf, //
        },
        sync::wait::Limit, //
    },
    uapi, //
};
use consumers::Range;
use kernel::{
    prelude::*,
    uaccess::UserPtr, //
};

/// Does `KEVENT_IOC_GET_EVENTS`. Returns the number of events.
///
/// Context: task, may sleep. Errors: see the UAPI header.
pub(super) fn get_events(
    consumers: &Consumers,
    arg: UserPtr,
    blocking: &Blocking<'_>,
) -> Result<u32> {
    let args: uapi::kevent_ioc_get_events = read(arg)?;
    if args.max_nr == 0
        || args.max_nr > uapi::KEVENT_MAX_SLOTS
        || args.min_nr > args.max_nr
        || args.reserved != 0
    {
        return Err(EINVAL);
    }
    let signals = Signals {
        mask: args.sigmask,
        size: args.sigsetsize,
    };
    let wait = wait_of(args.timeout, args.clock, args.flags, &signals)?;
    let range = Range {
        min: args.min_nr,
        max: args.max_nr,
        may_wait: blocking.allowed().is_ok() && args.timeout != 0,
        can_be_woken: true,
    };
    let start = UserPtr::from_addr(args.buf as usize);
    let mut buf = UserBuf::new(start, args.max_nr as usize * record::SIZE);
    let done = wait.run(|limit| consumers.take(&range, limit, &mut buf));
    // Not restarted, because a relative limit would begin again.
    done.map_err(|e| if e == ERESTARTSYS { EINTR } else { e })
}

/// Reads whole events. Returns the number of bytes.
///
/// Context: task, may sleep. Errors: `EINVAL` if there is no room for an event; `EAGAIN`;
/// `EFAULT`; `ERESTARTSYS`.
pub(super) fn read_events(
    consumers: &Consumers,
    mut buf: impl ReadBuf,
    blocking: &Blocking<'_>,
) -> Result<usize> {
    let room = (buf.room() / record::SIZE).min(uapi::KEVENT_MAX_SLOTS as usize);
    if room == 0 {
        return Err(EINVAL);
    }
    let range = Range {
        min: 1,
        max: room as u32,
        may_wait: blocking.allowed().is_ok(),
        can_be_woken: false,
    };
    match consumers.take(&range, &Limit::NEVER, &mut buf)? {
        0 => Err(EAGAIN),
        done => Ok(done as usize * record::SIZE),
    }
}

/// The wait of a call of 2006. Every negative time is no limit. Errors: `EINVAL`, `EFAULT`.
fn wait_of(timeout: i64, clock: u32, flags: u32, signals: &Signals) -> Result<Wait> {
    if flags & !uapi::KEVENT_FLAGS_ABSTIME != 0 {
        return Err(EINVAL);
    }
    let timeout = match timeout {
        i64::MIN..=-1 => Timeout::Never,
        time if flags & uapi::KEVENT_FLAGS_ABSTIME != 0 => Timeout::At(time),
        time => Timeout::In(time),
    };
    Wait::new(timeout, clock, signals)
}
