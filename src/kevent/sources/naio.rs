// SPDX-License-Identifier: GPL-2.0

//! `KEVENT_NAIO`: operations on a socket.
//!
//! Nothing holds the socket but an operation that is under way. Each start looks its descriptor up.
//! A message in a unix socket may hold the queue, so neither would ever be released otherwise.

use super::file;
use crate::{
    abstractions::file::{
        anon_file::fget,
        io::{
            Action,
            Request, //
        }, //
    },
    kevent::operation::{
        Operation,
        Start,
        Target, //
    },
    uapi, //
};
use kernel::{
    prelude::*,
    uaccess::UserPtr, //
};

/// The events.
pub(crate) const EVENTS: u32 =
    uapi::KEVENT_NAIO_RECV | uapi::KEVENT_NAIO_SEND | uapi::KEVENT_NAIO_SENDFILE;

/// The operation of an event. Errors: `EINVAL` unless it is exactly one.
pub(crate) fn action(event: u32) -> Result<Action> {
    match event {
        uapi::KEVENT_NAIO_RECV => Ok(Action::Receive),
        uapi::KEVENT_NAIO_SEND => Ok(Action::Send),
        uapi::KEVENT_NAIO_SENDFILE => Ok(Action::SendFile),
        _ => Err(EINVAL),
    }
}

/// The request for `event` with the arguments of `op`. Errors: `EBADF`, `EINVAL`, `EFAULT`.
#[inline(always)]
pub(super) fn request(op: &uapi::kevent_op, event: u32) -> Result<Request> {
    let action = action(event)?;
    if action == Action::SendFile {
        return send_file(op);
    }
    let [buf, len, flags] = op.arg;
    Ok(Request::on_socket(
        action,
        UserPtr::from_addr(usize::try_from(buf).map_err(|_| EFAULT)?),
        usize::try_from(len).map_err(|_| EINVAL)?,
        u32::try_from(flags).map_err(|_| EINVAL)?,
    ))
}

#[cold]
fn send_file(op: &uapi::kevent_op) -> Result<Request> {
    let [input, pos, len] = op.arg;
    let input = fget(c_int::try_from(input).map_err(|_| EBADF)?)?;
    let len = usize::try_from(len).map_err(|_| EINVAL)?;
    Ok(Request::send_file(input, pos as i64, len))
}

/// The operation on the socket of the descriptor `op.id`, and its first start.
///
/// Context: task that owns the memory, may sleep. Errors: `EBADF`, `ENOMEM`; `EINVAL` unless `op`
/// wants exactly one event; those of [`Request::check`].
pub(super) fn find(op: &uapi::kevent_op) -> Result<Start> {
    let request = request(op, op.want)?;
    let file = file::named_by(op)?;
    request.check(&file)?;
    let descriptor = c_int::try_from(op.id).map_err(|_| EBADF)?;
    let operation = Operation::new(Target::Descriptor(descriptor), op.want)?;
    Ok(Start::new(operation, Some(file), request))
}
