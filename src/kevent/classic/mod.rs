// SPDX-License-Identifier: GPL-2.0

//! The classic face of a queue: the calls of 2006, which copy events to the program.
//!
//! | module | contents |
//! | --- | --- |
//! | [`record`] | `struct ukevent` |
//! | [`flags`] | the flags of a kevent, and what its kind makes of them |
//! | [`mod@control`] | `KEVENT_IOC_CTL` |
//! | [`consumers`] | the calls that take events |
//! | [`consumer`] | the consumer of the queue's ring |
//! | [`user_ring`] | the ring of events in the program's memory |

mod consumer;
mod consumers;
mod control;
mod flags;
mod record;
mod user_ring;

pub(crate) use consumers::Consumers;
pub(crate) use control::control;

use super::{
    layout::SLOTS_PER_PAGE,
    queue::Pollers,
    wait::{
        Signals,
        Timeout,
        Wait, //
    }, //
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
use consumer::Target;
use consumers::Range;
use kernel::{
    prelude::*,
    sync::Arc,
    uaccess::UserPtr, //
};
use user_ring::UserRing;

/// The number of kevents of a queue that does not say it.
const DEFAULT_SLOTS: u32 = 4096;

/// Makes a queue without a ring. Context: task, may sleep. Errors: `ENOMEM`.
pub(super) fn new(pollers: Arc<Pollers>) -> Result<Arc<Consumers>> {
    Consumers::new(DEFAULT_SLOTS, pollers, None)
}

/// Makes the queue that `KEVENT_IOC_INIT` asks for. Context: task, may sleep. Errors: see the UAPI
/// header.
pub(super) fn init(arg: UserPtr, pollers: Arc<Pollers>) -> Result<Arc<Consumers>> {
    let args: uapi::kevent_ioc_init = read(arg)?;
    let is_ring = match (args.ring, args.num) {
        (0, 0) => false,
        (0, _) | (_, 0 | 1) => return Err(EINVAL),
        _ => true,
    };
    if args.num > uapi::KEVENT_MAX_SLOTS
        || args.slots > uapi::KEVENT_MAX_SLOTS
        || args.flags != 0
        || args.reserved != 0
    {
        return Err(EINVAL);
    }
    let slots = match args.slots {
        0 => DEFAULT_SLOTS,
        slots => slots.next_power_of_two().max(SLOTS_PER_PAGE as u32),
    };
    let ring = is_ring
        .then(|| UserRing::new(args.ring as usize, args.num))
        .transpose()?;
    Consumers::new(slots, pollers, ring)
}

/// Does `KEVENT_IOC_WAIT`. Returns the number of events.
///
/// Context: task, may sleep. Errors: see the UAPI header.
pub(super) fn wait(consumers: &Consumers, arg: UserPtr, blocking: &Blocking<'_>) -> Result<u32> {
    let args: uapi::kevent_ioc_wait = read(arg)?;
    if args.reserved != 0 {
        return Err(EINVAL);
    }
    let signals = Signals {
        mask: args.sigmask,
        size: args.sigsetsize,
    };
    let wait = wait_of(args.timeout, args.clock, args.flags, &signals)?;
    consumers.with_ring(|ring| ring.commit_from(args.old_uidx, args.num))?;
    let range = Range {
        min: 1,
        max: uapi::KEVENT_MAX_SLOTS,
        may_wait: blocking.allowed().is_ok() && args.timeout != 0,
        can_be_woken: true,
    };
    let mut target = Target::<UserBuf> { buf: None };
    wait.run(|limit| consumers.take(&range, limit, &mut target))
}

/// Does `KEVENT_IOC_COMMIT`. Returns the number of events.
///
/// Context: task, may sleep. Errors: see the UAPI header.
pub(super) fn commit(consumers: &Consumers, arg: UserPtr) -> Result<u32> {
    let args: uapi::kevent_ioc_commit = read(arg)?;
    consumers.with_ring(|ring| ring.commit(args.new_uidx, args.over))
}

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
    let mut target = Target {
        buf: Some(&mut buf),
    };
    wait.run(|limit| consumers.take(&range, limit, &mut target))
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
    let mut target = Target {
        buf: Some(&mut buf),
    };
    match consumers.take(&range, &Limit::NEVER, &mut target)? {
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
