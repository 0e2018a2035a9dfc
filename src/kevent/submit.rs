// SPDX-License-Identifier: GPL-2.0

//! `KEVENT_IOC_SUBMIT`: operations, then a wait.

use super::{
    ops::{
        self,
        Done, //
    },
    queue::Queue,
    wait::{
        Signals,
        Timeout,
        Wait, //
    }, //
};
use crate::{
    abstractions::{
        compat::ETIME,
        mm::user::{
            fault_in,
            read,
            read_to,
            write, //
        }, //
    },
    uapi, //
};
use core::mem::{
    offset_of,
    MaybeUninit, //
};
use kernel::{
    fs::File,
    prelude::*,
    sync::ArcBorrow,
    uaccess::UserPtr, //
};
use zerocopy_derive::Immutable;

/// The end of a `struct kevent_op`, which the kernel sets.
#[derive(IntoBytes, Immutable)]
#[repr(C)]
struct OpResult {
    handle: u64,
    result: i32,
    events: u32,
}

/// The same, with the arguments.
#[derive(IntoBytes, Immutable)]
#[repr(C)]
struct OpTail {
    arg: [u64; 3],
    result: OpResult,
}

const OP_SIZE: usize = size_of::<uapi::kevent_op>();
const ARG: usize = offset_of!(uapi::kevent_op, arg);
const _: () = assert!(offset_of!(uapi::kevent_op, handle) == OP_SIZE - size_of::<OpResult>());
const _: () = assert!(ARG == OP_SIZE - size_of::<OpTail>());

/// A wait that is to follow the operations.
struct Following {
    head: u64,
    min: u32,
    wait: Wait,
}

impl Following {
    /// The wait that `args` ask for. Errors: `EINVAL`, `EFAULT`.
    fn of(args: &uapi::kevent_submit) -> Result<Option<Self>> {
        // One test for the usual call.
        let fields = u64::from(args.flags | args.clock | args.min_nr)
            | u64::from(args.sigsetsize | args.reserved)
            | args.head
            | args.timeout as u64
            | args.sigmask;
        if fields == 0 {
            return Ok(None);
        }
        let is_wait = args.flags & !uapi::KEVENT_ABSTIME == uapi::KEVENT_WAIT;
        if !is_wait || args.reserved != 0 {
            return Err(EINVAL);
        }
        let absolute = args.flags & uapi::KEVENT_ABSTIME != 0;
        let timeout = match (args.timeout, absolute) {
            (-1, false) => Timeout::Never,
            (i64::MIN..=-1, _) => return Err(EINVAL),
            (time, false) => Timeout::In(time),
            (time, true) => Timeout::At(time),
        };
        let signals = Signals {
            mask: args.sigmask,
            size: args.sigsetsize,
        };
        Ok(Some(Self {
            head: args.head,
            min: args.min_nr,
            wait: Wait::new(timeout, args.clock, &signals)?,
        }))
    }

    /// Waits. The end of the time is no error. Errors: `EINTR`.
    fn run(&self, queue: &Queue) -> Result {
        let result = self
            .wait
            .run(|limit| queue.wait(self.head, self.min, limit));
        match result {
            Err(e) if e == ETIME => Ok(()),
            result => result,
        }
    }
}

/// Does the operations that `arg` points to, then waits. Returns the number of operations that were
/// done. `is_queue` says whether a file is a queue.
///
/// Context: task, may sleep. Errors: see `KEVENT_IOC_SUBMIT` in the UAPI header.
pub(super) fn submit(
    queue: ArcBorrow<'_, Queue>,
    arg: UserPtr,
    is_queue: fn(&File) -> bool,
) -> Result<u32> {
    let args: uapi::kevent_submit = read(arg)?;
    if args.nr > uapi::KEVENT_MAX_OPS {
        return Err(EINVAL);
    }
    let wait = Following::of(&args)?;
    let ops = UserPtr::from_addr(args.ops as usize);
    let mut all_succeeded = true;
    for done in 0..args.nr {
        match one(
            queue,
            ops.wrapping_byte_add(done as usize * OP_SIZE),
            is_queue,
        ) {
            Ok(succeeded) => all_succeeded &= succeeded,
            Err(e) if done == 0 => return Err(e),
            Err(_) => return Ok(done),
        }
    }
    if let (Some(wait), true) = (wait, all_succeeded) {
        wait.run(&queue)?;
    }
    Ok(args.nr)
}

/// Does the operation at `at` and writes its result. Returns whether it has succeeded. Errors:
/// `EFAULT`.
fn one(queue: ArcBorrow<'_, Queue>, at: UserPtr, is_queue: fn(&File) -> bool) -> Result<bool> {
    let mut op = MaybeUninit::<uapi::kevent_op>::uninit();
    let op = read_to(&mut op, at)?;
    if u32::from(op.op) >= uapi::KEVENT_OP_GETTIME {
        return with_arguments(&queue, op, at);
    }
    let outcome = ops::apply(queue, op, is_queue);
    let result = match &outcome {
        Ok(Done { handle, events }) => OpResult {
            handle: if *handle == 0 { op.handle } else { *handle },
            result: 0,
            events: *events,
        },
        Err(e) => OpResult {
            handle: op.handle,
            result: e.to_errno(),
            events: 0,
        },
    };
    write_result(at, &result).inspect_err(|_| {
        if let Ok(Done { handle: 1.., .. }) = outcome {
            ops::undo_add(&queue, result.handle);
        }
    })?;
    Ok(outcome.is_ok())
}

/// Like [`one`], for an operation that also writes to `arg`.
#[cold]
#[inline(never)]
fn with_arguments(queue: &Queue, op: &uapi::kevent_op, at: UserPtr) -> Result<bool> {
    let end = at.wrapping_byte_add(ARG);
    let outcome = match op.op.into() {
        uapi::KEVENT_OP_GETTIME => ops::gettime(queue, op),
        uapi::KEVENT_OP_TAKE => {
            // Signals cannot be put back.
            fault_in(end, OP_SIZE - ARG)?;
            ops::take(queue, op).map(|taken| [op.arg[0], taken])
        }
        _ => Err(EINVAL),
    };
    let [first, second, third] = op.arg;
    let (arg, result) = match outcome {
        Ok([first, second]) => ([first, second, third], 0),
        Err(e) => ([first, second, third], e.to_errno()),
    };
    let result = OpResult {
        handle: op.handle,
        result,
        events: 0,
    };
    write(end, &OpTail { arg, result })?;
    Ok(outcome.is_ok())
}

/// Writes the result of the operation at `at`. Errors: `EFAULT`.
#[inline(always)]
fn write_result(at: UserPtr, result: &OpResult) -> Result {
    write(
        at.wrapping_byte_add(OP_SIZE - size_of::<OpResult>()),
        result,
    )
}
