// SPDX-License-Identifier: GPL-2.0

//! The operations of `KEVENT_IOC_SUBMIT`.

use super::{
    delivered::{
        Place,
        FIRED,
        WALK, //
    },
    operation::{
        self,
        Operation, //
    },
    port::Port,
    queue::{
        Kevents,
        Queue,
        DISPATCH,
        ONESHOT, //
    },
    source::{
        Room,
        Source,
        Taken, //
    },
    sources::{
        again,
        Found,
        Type, //
    },
    table::Key, //
};
use crate::{
    abstractions::{
        compat::smp_mb,
        mm::user::{
            ReadBuf,
            UserBuf, //
        },
        task::{
            siginfo::SigInfo,
            signal, //
        }, //
    },
    signalfd::record,
    uapi, //
};
use kernel::{
    fs::File,
    prelude::*,
    sync::{
        atomic::{
            Full,
            Relaxed, //
        },
        ArcBorrow,
        MutexGuard, //
    },
    uaccess::UserPtr, //
};

/// The results of an operation that has succeeded.
#[derive(Default)]
pub(crate) struct Done {
    pub(crate) handle: u64,
    pub(crate) events: u32,
}

/// Does an operation. `is_queue` says whether a file is a queue.
///
/// Context: task, may sleep. Errors: see `KEVENT_IOC_SUBMIT` in the UAPI header.
pub(crate) fn apply(
    queue: ArcBorrow<'_, Queue>,
    op: &uapi::kevent_op,
    is_queue: fn(&File) -> bool,
) -> Result<Done> {
    match op.op.into() {
        uapi::KEVENT_OP_ADD => add(queue, op, is_queue),
        uapi::KEVENT_OP_REMOVE => remove(&queue, op),
        uapi::KEVENT_OP_MOD => modify(&queue, op),
        uapi::KEVENT_OP_READY => ready(&queue, op),
        uapi::KEVENT_OP_RECHECK => recheck(&queue, op),
        uapi::KEVENT_OP_REARM => rearm(&queue, op),
        uapi::KEVENT_OP_REQUEUE => requeue(queue, op),
        _ => Err(EINVAL),
    }
}

/// Takes back a successful ADD.
pub(super) fn undo_add(queue: &Queue, handle: u64) {
    if let Ok((_, Some(source))) = queue.lock().get(handle) {
        if let Some(source) = source.get() {
            source.undo();
        }
    }
    let op = uapi::kevent_op {
        handle,
        ..Default::default()
    };
    // Another thread may have removed the kevent already.
    let _ = remove(queue, &op);
}

/// Checks the flags and the events of a kevent. Errors: `EINVAL`.
fn check(op: &uapi::kevent_op, type_: &Type) -> Result {
    let flags = u32::from(op.flags);
    let once = ONESHOT | DISPATCH;
    if flags & !type_.flags != 0 || flags & once == once || op.want & !type_.events != 0 {
        return Err(EINVAL);
    }
    Ok(())
}

/// The flags as the queue keeps them.
fn kept(flags: u32, needs_walk: bool) -> u32 {
    (flags & (ONESHOT | DISPATCH | uapi::KEVENT_BYTES)) | if needs_walk { WALK } else { 0 }
}

/// Fails with `EINVAL` if a field has a value that only ADD gives a meaning.
fn check_unused(op: &uapi::kevent_op) -> Result {
    if u64::from(op.type_) | op.id | op.user != 0 {
        return Err(EINVAL);
    }
    Ok(())
}

fn has_arguments(op: &uapi::kevent_op) -> bool {
    let [first, second, third] = op.arg;
    first | second | third != 0
}

/// Like [`check_unused`], for operations without arguments.
fn check_no_arguments(op: &uapi::kevent_op) -> Result {
    if has_arguments(op) {
        return Err(EINVAL);
    }
    check_unused(op)
}

fn add(
    queue: ArcBorrow<'_, Queue>,
    op: &uapi::kevent_op,
    is_queue: fn(&File) -> bool,
) -> Result<Done> {
    let type_ = Type::of(op.type_)?;
    check(op, type_)?;
    if type_.is_looked_up {
        return add_looked_up(queue, op, type_, is_queue);
    }
    add_found(queue, op, type_, None, is_queue)
}

/// Looks up what `op` names, and adds its kevent.
#[cold]
#[inline(never)]
fn add_looked_up(
    queue: ArcBorrow<'_, Queue>,
    op: &uapi::kevent_op,
    type_: &Type,
    is_queue: fn(&File) -> bool,
) -> Result<Done> {
    let found = type_.kind.look_up(op)?;
    let done = add_found(queue, op, type_, found.as_ref(), is_queue)?;
    if let Some(Found::Operation(start)) = found {
        start.run();
    }
    Ok(done)
}

#[inline(always)]
fn add_found(
    queue: ArcBorrow<'_, Queue>,
    op: &uapi::kevent_op,
    type_: &Type,
    found: Option<&Found>,
    is_queue: fn(&File) -> bool,
) -> Result<Done> {
    if has_arguments(op) && !type_.takes_arguments {
        return Err(EINVAL);
    }
    let flags = kept(op.flags.into(), type_.kind.needs_walk(op, found));
    let key = Key {
        kind: op.type_,
        id: op.id,
        user: op.user,
    };
    let mut kevents = queue.lock();
    if let Some(number) = kevents.find(&key) {
        let place = queue.place(number).ok_or(EEXIST)?;
        if !place.has_ended() {
            return Err(EEXIST);
        }
        queue.end(&mut kevents, place);
    }
    let place = Queue::begin(queue, &mut kevents, &key, op.want, flags)?;
    let number = place.number;
    let port = Port::new(place);
    let room = kevents.room(number)?;
    type_
        .kind
        .make(op, found, port, is_queue, room)
        .inspect_err(|_| {
            // It may have raised events before it failed.
            if let Some((slot, _)) = queue.slot(number) {
                slot.retract();
            }
        })?;
    let handle = kevents.fill(key)?;
    queue.count(&kevents);
    Ok(Done { handle, events: 0 })
}

fn remove(queue: &Queue, op: &uapi::kevent_op) -> Result<Done> {
    check_no_arguments(op)?;
    if op.flags != 0 || op.want != 0 {
        return Err(EINVAL);
    }
    // An operation is removed after its end.
    let mut kevents = if queue.has_operations() {
        stop(queue, op.handle)?
    } else {
        queue.lock()
    };
    let (number, source) = kevents.get(op.handle)?;
    let place = queue.place(number).ok_or(ENOENT)?;
    let ended = source.is_none() || place.has_ended();
    queue.end(&mut kevents, place);
    let events = place.slot.retract();
    if ended && events == 0 {
        return Err(ENOENT);
    }
    Ok(Done { handle: 0, events })
}

/// Whether the kevent in slot `number` is an operation that is started.
fn is_operation(kevents: &Kevents, number: u32) -> bool {
    matches!(
        kevents.kind(number).map(u32::from),
        Some(uapi::KEVENT_AIO | uapi::KEVENT_NAIO)
    )
}

/// Ends the operation of the kevent `handle`, if it is an operation, and locks the kevents.
#[cold]
#[inline(never)]
fn stop(queue: &Queue, handle: u64) -> Result<MutexGuard<'_, Kevents>> {
    loop {
        // Another thread may start it again.
        let kevents = queue.lock();
        let source = kevents.get(handle)?.1.and_then(Room::get);
        let busy = source.and_then(operation::of).filter(|it| it.is_busy());
        let Some(operation) = busy.cloned() else {
            return Ok(kevents);
        };
        drop(kevents);
        operation.stop()?;
    }
}

/// The place and source of the kevent with the handle of `op`. Errors: `ENOENT`.
fn live<'a, 'b>(
    queue: &'a Queue,
    kevents: &'b Kevents,
    op: &uapi::kevent_op,
) -> Result<(&'a Place, &'b dyn Source)> {
    let (number, source) = kevents.get(op.handle)?;
    let source = source.and_then(Room::get).ok_or(ENOENT)?;
    let place = queue.place(number).ok_or(ENOENT)?;
    if place.has_ended() {
        return Err(ENOENT);
    }
    Ok((place, source))
}

fn modify(queue: &Queue, op: &uapi::kevent_op) -> Result<Done> {
    check_no_arguments(op)?;
    let kevents = queue.lock();
    let (place, source) = live(queue, &kevents, op)?;
    check(op, Type::of(kevents.kind(place.number).ok_or(ENOENT)?)?)?;
    let flags = op.flags.into();
    source.allows(flags)?;
    enable(place);
    place
        .flags
        .store(kept(flags, source.needs_walk(flags)), Relaxed);
    place.slot.want.store(op.want, Relaxed);
    // An event may have come between the two, with DISPATCH and so without a place in the list.
    queue.list_if_ended(place);
    look(source);
    Ok(Done::default())
}

fn ready(queue: &Queue, op: &uapi::kevent_op) -> Result<Done> {
    if op.flags != 0 {
        return Err(EINVAL);
    }
    check_no_arguments(op)?;
    if op.handle == 0 {
        if op.want != 0 {
            return Err(EINVAL);
        }
        queue.wake_for_raised();
        return Ok(Done::default());
    }
    let kevents = queue.lock();
    let (_, source) = live(queue, &kevents, op)?;
    source.ready(op.want)?;
    Ok(Done::default())
}

fn recheck(queue: &Queue, op: &uapi::kevent_op) -> Result<Done> {
    check_no_arguments(op)?;
    if op.flags != 0 || op.want != 0 {
        return Err(EINVAL);
    }
    let kevents = queue.lock();
    let (place, source) = live(queue, &kevents, op)?;
    enable(place);
    look(source);
    Ok(Done::default())
}

fn rearm(queue: &Queue, op: &uapi::kevent_op) -> Result<Done> {
    check_unused(op)?;
    if u32::from(op.flags) & !uapi::KEVENT_TIMER_ABSTIME != 0 || op.want != 0 {
        return Err(EINVAL);
    }
    let mut kevents = queue.lock();
    let number = kevents.get(op.handle)?.0;
    if queue.has_operations() && is_operation(&kevents, number) {
        return start_again(queue, kevents, op);
    }
    let place = queue.place(number).ok_or(ENOENT)?;
    if place.has_ended() {
        return Err(ENOENT);
    }
    let source = kevents.room(number)?.get_pin_mut().ok_or(ENOENT)?;
    let events = source.rearm(op, &|| {
        enable(place);
        let flags = kept(place.flags.load(Relaxed), op.arg[1] != 0);
        place.flags.store(flags, Relaxed);
    })?;
    Ok(Done { handle: 0, events })
}

/// Starts the operation that a kevent stands for.
#[inline(never)]
fn start_again(
    queue: &Queue,
    kevents: MutexGuard<'_, Kevents>,
    op: &uapi::kevent_op,
) -> Result<Done> {
    if op.flags != 0 {
        return Err(EINVAL);
    }
    let (place, source) = live(queue, &kevents, op)?;
    let operation = operation::of(source).ok_or(EINVAL)?.clone();
    let request = again(op, &operation)?;
    operation.with_file(|file| {
        request.check(file)?;
        operation.begin()?;
        let events = place.slot.retract();
        enable(place);
        drop(kevents);
        Operation::start(&operation, file, &request);
        Ok(Done { handle: 0, events })
    })
}

/// Does a `KEVENT_OP_GETTIME`. Returns the first two fields of `arg`.
///
/// Context and errors: like those of [`apply`].
#[cold]
pub(super) fn gettime(queue: &Queue, op: &uapi::kevent_op) -> Result<[u64; 2]> {
    check_no_arguments(op)?;
    if op.flags != 0 || op.want != 0 {
        return Err(EINVAL);
    }
    let kevents = queue.lock();
    let (_, source) = live(queue, &kevents, op)?;
    source.setting()
}

/// Does a `KEVENT_OP_TAKE`. Returns the number of records that were written.
///
/// Like a read of a signal descriptor, it faults in the place of a record before it takes the
/// signal. It holds no lock while it uses user memory.
///
/// Context and errors: like those of [`apply`].
#[cold]
pub(super) fn take(queue: &Queue, op: &uapi::kevent_op) -> Result<u64> {
    check_unused(op)?;
    let [to, max, third] = op.arg;
    let in_range = (1..=uapi::KEVENT_MAX_RECORDS.into()).contains(&max);
    if op.flags != 0 || op.want != 0 || third != 0 || !in_range {
        return Err(EINVAL);
    }
    let size = max as usize * size_of::<uapi::signalfd_siginfo>();
    let mut buf = UserBuf::new(UserPtr::from_addr(to as usize), size);
    for done in 0..max {
        match take_one(queue, op, &mut buf) {
            Ok(()) => (),
            Err(e) if done == 0 => return Err(e),
            Err(_) => return Ok(done),
        }
    }
    Ok(max)
}

/// Takes a signal of the kevent with the handle of `op`, and writes its record.
fn take_one(queue: &Queue, op: &uapi::kevent_op, buf: &mut impl ReadBuf) -> Result {
    buf.fault_in(size_of::<uapi::signalfd_siginfo>())?;
    // A statement of its own, at whose end the kevents are unlocked.
    let taken = live(queue, &queue.lock(), op)?.1.take();
    // By reference, because a move of the information copies it.
    let mut put = |info: &SigInfo| buf.put(&record::of(info));
    match &taken {
        Ok(Taken::Signal(info)) => put(info),
        Ok(Taken::Pending(set)) => match &signal::take(*set) {
            Some(info) => put(info),
            None => Err(EAGAIN),
        },
        Err(e) => Err(*e),
    }
}

fn requeue(queue: ArcBorrow<'_, Queue>, op: &uapi::kevent_op) -> Result<Done> {
    check_unused(op)?;
    let [head, second, third] = op.arg;
    if op.flags != 0 || op.want != 0 || op.handle != 0 || second | third != 0 {
        return Err(EINVAL);
    }
    let events = Queue::requeue(queue, head)?;
    Ok(Done { handle: 0, events })
}

/// Lets a kevent with DISPATCH raise events again.
fn enable(place: &Place) {
    if place.flags.load(Relaxed) & DISPATCH != 0 {
        // Fails if there was no event, or if the file was closed.
        let _ = place.fired.cmpxchg(FIRED, 0, Full);
    }
}

/// Looks at the source after a change of its kevent.
fn look(source: &dyn Source) {
    // Either the look sees a change of the source, or its producer sees the change of the kevent
    // (`tests/litmus/kevent-dispatch.litmus`).
    smp_mb();
    source.recheck();
}
