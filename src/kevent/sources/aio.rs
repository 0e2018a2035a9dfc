// SPDX-License-Identifier: GPL-2.0

//! `KEVENT_AIO`: reads, writes and syncs of a file. And the source of all operations.

use super::file;
use crate::{
    abstractions::file::io::{
        Action,
        Request, //
    },
    kevent::{
        operation::{
            Operation,
            Start,
            Target, //
        },
        port::Port,
        source::{
            Room,
            Source, //
        }, //
    },
    uapi, //
};
use core::{
    any::Any,
    pin::Pin, //
};
use kernel::{
    prelude::*,
    seq_file::SeqFile,
    seq_print,
    sync::Arc,
    uaccess::UserPtr, //
};

/// The events.
pub(crate) const EVENTS: u32 = uapi::KEVENT_AIO_READ
    | uapi::KEVENT_AIO_WRITE
    | uapi::KEVENT_AIO_FSYNC
    | uapi::KEVENT_AIO_FDATASYNC;

/// The operation of an event. Errors: `EINVAL` unless it is exactly one.
pub(crate) fn action(event: u32) -> Result<Action> {
    match event {
        uapi::KEVENT_AIO_READ => Ok(Action::Read),
        uapi::KEVENT_AIO_WRITE => Ok(Action::Write),
        uapi::KEVENT_AIO_FSYNC => Ok(Action::Sync),
        uapi::KEVENT_AIO_FDATASYNC => Ok(Action::DataSync),
        _ => Err(EINVAL),
    }
}

/// The request for `event` with the arguments of `op`. Errors: `EINVAL`, `EFAULT`.
#[inline(always)]
pub(super) fn request(op: &uapi::kevent_op, event: u32) -> Result<Request> {
    let action = action(event)?;
    let [buf, len, pos] = op.arg;
    if matches!(action, Action::Sync | Action::DataSync) && (buf | len | pos) != 0 {
        return Err(EINVAL);
    }
    Ok(Request::new(
        action,
        UserPtr::from_addr(usize::try_from(buf).map_err(|_| EFAULT)?),
        usize::try_from(len).map_err(|_| EINVAL)?,
        pos as i64,
    ))
}

/// The source: the kevent's reference on the operation.
struct Aio(Arc<Operation>);

impl Source for Aio {
    fn operation(&self) -> Option<&dyn Any> {
        Some(&self.0)
    }

    fn show(&self, m: &SeqFile) {
        seq_print!(m, " under way: {}", u32::from(self.0.is_busy()));
    }
}

impl Drop for Aio {
    fn drop(&mut self) {
        self.0.stop_for_good();
    }
}

/// The operation on the file of the descriptor `op.id`, and its first start.
///
/// Context: task that owns the memory, may sleep. Errors: `EBADF`, `ENOMEM`; `EINVAL` unless `op`
/// wants exactly one event; those of [`Request::check`].
pub(super) fn find(op: &uapi::kevent_op) -> Result<Start> {
    let request = request(op, op.want)?;
    let file = file::named_by(op)?;
    request.check(&file)?;
    let operation = Operation::new(Target::File(file), op.want)?;
    Ok(Start::new(operation, None, request))
}

/// Makes the source in `room`. The caller starts the operation when it has unlocked the kevents.
pub(super) fn make(operation: &Arc<Operation>, port: Port, room: Pin<&mut Room>) -> Result {
    operation.set_port(port);
    operation.begin()?;
    room.put(Aio(operation.clone()))?;
    Ok(())
}
