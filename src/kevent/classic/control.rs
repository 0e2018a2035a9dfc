// SPDX-License-Identifier: GPL-2.0

//! `KEVENT_IOC_CTL`: kevents are added, removed, modified and made ready.

use super::{
    consumers::Consumers,
    flags::{
        self,
        Request, //
    },
    record::{
        Record,
        Ret,
        RET,
        SIZE, //
    }, //
};
use crate::{
    abstractions::{
        compat::smp_mb,
        mm::user::{
            read,
            write, //
        }, //
    },
    kevent::{
        delivered::Place,
        port::Port,
        queue::{
            Kevents,
            Queue,
            Raise, //
        },
        source::Room, //
    },
    uapi, //
};
use kernel::{
    fs::File,
    prelude::*,
    sync::{
        atomic::Relaxed,
        Arc, //
    },
    uaccess::UserPtr, //
};

/// A command with the records that it is for.
struct Call<'a> {
    consumers: &'a Consumers,
    cmd: u32,
    is_queue: fn(&File) -> bool,
}

/// What has become of a record.
struct Done {
    ret: Ret,
    /// The handle of a kevent that was added, or 0.
    handle: u64,
}

/// Does the command in `arg`. Returns the number of records that it has processed, or what the
/// calls of 2006 returned.
///
/// Context: task, may sleep. Errors: see `KEVENT_IOC_CTL` in the UAPI header.
pub(crate) fn control(
    consumers: &Consumers,
    arg: UserPtr,
    is_queue: fn(&File) -> bool,
) -> Result<u32> {
    let args: uapi::kevent_ioc_ctl = read(arg)?;
    let cmd = args.cmd;
    if cmd > uapi::KEVENT_CTL_READY
        || args.num > uapi::KEVENT_MAX_OPS
        || args.flags & !uapi::KEVENT_TAKE26 != 0
        || args.reserved != 0
    {
        return Err(EINVAL);
    }
    if cmd == uapi::KEVENT_CTL_READY && args.num == 0 {
        consumers.wake_one();
        return Ok(0);
    }
    if cmd != uapi::KEVENT_CTL_ADD && args.num > consumers.queue().lock().used() {
        return Err(EINVAL);
    }
    let call = Call {
        consumers,
        cmd,
        is_queue,
    };
    let records = UserPtr::from_addr(args.ukevents as usize);
    if args.flags & uapi::KEVENT_TAKE26 != 0 {
        call.compact(records, args.num)
    } else {
        call.in_place(records, args.num)
    }
}

impl Call<'_> {
    /// Does all, with the result of each in its place. Returns the number of records processed.
    fn in_place(&self, records: UserPtr, num: u32) -> Result<u32> {
        for done in 0..num {
            let at = records.wrapping_byte_add(done as usize * SIZE);
            let result = read(at).and_then(|record| {
                let outcome = self.apply(&record);
                write(at.wrapping_byte_add(RET), &outcome.ret).inspect_err(|_| self.undo(&outcome))
            });
            match result {
                Ok(()) => (),
                Err(e) if done == 0 => return Err(e),
                Err(_) => return Ok(done),
            }
        }
        Ok(num)
    }

    /// Does all, and returns what the call of 2006 returned. ADD moves the records whose kevents are
    /// not in the queue now to the front, and returns their number. READY returns the number of
    /// kevents found. Others return 0.
    fn compact(&self, records: UserPtr, num: u32) -> Result<u32> {
        let mut front = 0;
        let mut failed = 0;
        for done in 0..num {
            let mut record: Record = read(records.wrapping_byte_add(done as usize * SIZE))?;
            let outcome = self.apply(&record);
            record.ret = outcome.ret;
            if record.ret.flags & uapi::KEVENT_RET_BROKEN != 0 {
                failed += 1;
            }
            if self.cmd == uapi::KEVENT_CTL_ADD {
                if record.ret.flags != 0 {
                    write(records.wrapping_byte_add(front * SIZE), &record)?;
                    front += 1;
                }
            } else {
                let at = records.wrapping_byte_add(done as usize * SIZE + RET);
                write(at, &record.ret)?;
            }
        }
        Ok(match self.cmd {
            uapi::KEVENT_CTL_ADD => front as u32,
            uapi::KEVENT_CTL_READY => num - failed,
            _ => 0,
        })
    }

    fn apply(&self, record: &Record) -> Done {
        let queue = self.consumers.queue();
        let (result, flags) = match self.cmd {
            uapi::KEVENT_CTL_ADD => match add(queue, record, self.is_queue) {
                Ok(done) => return done,
                Err(e) => (Err(e), 0),
            },
            uapi::KEVENT_CTL_REMOVE => (remove(queue, record), uapi::KEVENT_RET_DONE),
            uapi::KEVENT_CTL_MODIFY => (modify(queue, record), uapi::KEVENT_RET_DONE),
            _ => (ready(queue, record), uapi::KEVENT_RET_DONE),
        };
        let ret = match result {
            Ok(()) => Ret::of(flags),
            Err(e) => Ret::error(e, flags),
        };
        Done { ret, handle: 0 }
    }

    /// Takes back an ADD whose result could not be written.
    fn undo(&self, done: &Done) {
        let queue = self.consumers.queue();
        let mut kevents = queue.lock();
        // Another thread may have removed it.
        if let Ok((number, Some(source))) = kevents.get(done.handle) {
            if let Some(source) = source.get() {
                source.undo();
            }
            drop_kevent(queue, &mut kevents, number);
        }
    }
}

/// Removes the kevent in slot `number` with its events.
fn drop_kevent(queue: &Queue, kevents: &mut Kevents, number: u32) {
    if let Some(place) = queue.place(number) {
        queue.end(kevents, place);
        place.slot.retract();
    }
}

fn add(queue: &Arc<Queue>, record: &Record, is_queue: fn(&File) -> bool) -> Result<Done> {
    let request = Request::of(record)?;
    let key = flags::key(record)?;
    let op = request.operation(record);
    let found = request.kind.look_up(&op)?;
    let mut kevents = queue.lock();
    if let Some(number) = kevents.find(&key) {
        if !queue.place(number).is_some_and(Place::has_ended) {
            return Err(EEXIST);
        }
        drop_kevent(queue, &mut kevents, number);
    }
    let place = Queue::begin(
        queue.as_arc_borrow(),
        &mut kevents,
        &key,
        request.want,
        request.kept(),
    )?;
    let number = place.number;
    let port = Port::new(place);
    let place = queue.place(number).ok_or(ENOSPC)?;
    let room = kevents.room(number)?;
    request
        .kind
        .make(&op, found.as_ref(), port, is_queue, room)
        .inspect_err(|_| {
            // It may have raised events before it failed.
            place.slot.retract();
        })?;
    let handle = kevents.fill(key)?;
    queue.count(&kevents);
    let events = events_of(place);
    let keeps = uapi::KEVENT_REQ_ALWAYS_QUEUE | uapi::KEVENT_REQ_READY;
    if events != 0 && request.flags & keeps == 0 {
        let source = kevents.source(number).and_then(Room::get);
        let value = source.map_or(0, |source| source.value(events));
        drop_kevent(queue, &mut kevents, number);
        let ret = Ret::event(value);
        return Ok(Done { ret, handle: 0 });
    }
    if request.flags & uapi::KEVENT_REQ_READY != 0 {
        raise(queue, place, request.want);
    }
    let ret = Ret::default();
    Ok(Done { ret, handle })
}

/// The slot of the kevent of `record`. Errors: `ENODEV` if there is none; those of [`flags::key`].
fn find<'a>(queue: &'a Queue, kevents: &Kevents, record: &Record) -> Result<&'a Place> {
    let key = flags::key(record)?;
    let place = kevents
        .find(&key)
        .and_then(|number| queue.place(number))
        .filter(|place| !place.has_ended());
    place.ok_or(ENODEV)
}

fn remove(queue: &Queue, record: &Record) -> Result {
    let mut kevents = queue.lock();
    let number = find(queue, &kevents, record)?.number;
    drop_kevent(queue, &mut kevents, number);
    Ok(())
}

fn modify(queue: &Arc<Queue>, record: &Record) -> Result {
    let kevents = queue.lock();
    let place = find(queue, &kevents, record)?;
    let request = Request::of(record)?;
    let source = kevents
        .source(place.number)
        .and_then(Room::get)
        .ok_or(ENODEV)?;
    let old = place.slot.retract();
    place.flags.store(request.kept(), Relaxed);
    place.slot.want.store(request.want, Relaxed);
    // Either the look sees a change of the source, or its producer sees the change of the kevent
    // (`tests/litmus/kevent-want.litmus`).
    smp_mb();
    if request.kind.is_file() {
        source.recheck();
    } else {
        raise(queue, place, old);
        if request.flags & uapi::KEVENT_REQ_ONESHOT == 0 {
            source.recheck();
        }
    }
    if request.flags & uapi::KEVENT_REQ_READY != 0 {
        raise(queue, place, request.want);
    }
    Ok(())
}

/// Makes a kevent ready: for a kevent of the program, this is the event.
fn ready(queue: &Arc<Queue>, record: &Record) -> Result {
    let kevents = queue.lock();
    let place = find(queue, &kevents, record)?;
    raise(queue, place, record.event);
    Ok(())
}

/// The events of the kevent in `place`.
fn events_of(place: &Place) -> u32 {
    place.slot.ready.load(Relaxed) as u32
}

/// Raises events that the kevent in `place` wants.
fn raise(queue: &Arc<Queue>, place: &Place, events: u32) {
    if events != 0 {
        Queue::raise(queue.as_arc_borrow(), place, Raise::new(events));
    }
}
