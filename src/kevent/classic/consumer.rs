// SPDX-License-Identifier: GPL-2.0

//! The consumer of the index ring in the kernel.
//!
//! It follows the protocol of `ring.rs`, like a program does. The head is in the header, which no
//! program maps.
//!
//! A kevent leaves the ring after its event was copied. A copy that fails changes nothing, so no
//! event is lost. An operation may remove the kevent during the copy. The event has then come first.
//!
//! The program sees an event in its ring before the call returns. So the kevent leaves the index ring
//! before that, and goes back if the program's index cannot be written. Otherwise, another thread could
//! handle the event, and the next event of the kevent would join an event that is gone.

use super::{
    flags,
    record::{
        Record,
        Ret, //
    },
    user_ring::UserRing, //
};
use crate::{
    abstractions::mm::user::ReadBuf,
    kevent::{
        delivered::Place,
        layout::Slot,
        queue::{
            Kevents,
            Queue,
            Raise, //
        },
        source::Room,
        sources::Type, //
    },
    uapi, //
};
use kernel::{
    prelude::*,
    sync::{
        atomic::{
            Acquire,
            Atomic,
            Full, //
        },
        Arc, //
    }, //
};

/// The number of events for which the lock of the kevents is taken once.
const BATCH: usize = 16;

/// An event that is being copied. Its entry is still in the ring.
struct Item {
    handle: u64,
    number: u32,
    events: u32,
    is_file: bool,
    record: Record,
}

/// Where [`Consumer::copy`] copies events to: to the buffer, and to the program's ring if the queue has
/// one. Without a buffer, to the ring alone.
pub(super) struct Target<'a, B> {
    pub(super) buf: Option<&'a mut B>,
}

/// The only consumer of a queue at a time.
pub(super) struct Consumer {
    batch: KVec<Item>,
    pub(super) ring: Option<UserRing>,
}

impl Consumer {
    /// The consumer of a new queue. Context: task, may sleep. Errors: `ENOMEM`.
    pub(super) fn new(ring: Option<UserRing>) -> Result<Self> {
        Ok(Self {
            batch: KVec::with_capacity(BATCH, GFP_KERNEL_ACCOUNT)?,
            ring,
        })
    }

    /// The program's ring. Errors: `EINVAL` if there is none; `EPERM` if it is another process's.
    pub(super) fn own_ring(&mut self) -> Result<&mut UserRing> {
        let ring = self.ring.as_mut().ok_or(EINVAL)?;
        ring.check()?;
        Ok(ring)
    }

    /// Passes entries without an event. Returns whether there is an event.
    pub(super) fn has_event(&mut self, queue: &Arc<Queue>) -> bool {
        let kevents = queue.lock();
        for _ in 0..queue.pending() {
            match entry(queue, 0) {
                None => return false,
                Some(number) if item(queue, &kevents, number).is_some() => return true,
                Some(number) => pass_empty(queue, number),
            }
        }
        false
    }

    /// Takes entries without an event out of the ring, wherever they are. Returns the number of
    /// others. So each event that comes afterwards adds an entry, for which a task can wait.
    pub(super) fn settle(&mut self, queue: &Arc<Queue>) -> u64 {
        let kevents = queue.lock();
        for _ in 0..queue.pending() {
            let Some(number) = entry(queue, 0) else {
                break;
            };
            let _ = item(queue, &kevents, number);
            // Those with events go round, and keep their order. Nothing waits for these.
            if let Some((place, events @ 1..)) = pass(queue, number) {
                queue.put_back(place, events);
            }
        }
        queue.pending()
    }

    /// Copies at most `max` of the events that there are now. Returns their number, which is 0 if
    /// the target is a full ring.
    ///
    /// Context: task, may sleep. Errors: `EFAULT` if the first could not be copied.
    pub(super) fn copy(
        &mut self,
        queue: &Arc<Queue>,
        max: u32,
        target: &mut Target<'_, impl ReadBuf>,
    ) -> Result<u32> {
        // Those that come meanwhile wait for the next call, or it might not end.
        let mut left = queue.pending() as usize;
        let mut done = 0;
        while done < max && left != 0 {
            let passed = self.look(queue, left, (max - done) as usize);
            left -= passed;
            if self.batch.is_empty() {
                if passed == 0 {
                    break;
                }
                continue;
            }
            let put = self.put(target);
            let mut result = put.result;
            match self.end(queue, &put, target.buf.is_some()) {
                Ok(()) => {
                    left -= put.copied;
                    done += put.copied as u32;
                }
                Err(e) => result = Err(e),
            }
            match result {
                Ok(()) => (),
                Err(e) if done == 0 && e != ENOSPC => return Err(e),
                Err(_) => return Ok(done),
            }
        }
        Ok(done)
    }

    /// Fills the batch with the next events, of at most `left` entries. Returns the number of
    /// entries without an event that were passed.
    fn look(&mut self, queue: &Arc<Queue>, left: usize, max: usize) -> usize {
        self.batch.clear();
        let kevents = queue.lock();
        let mut passed = 0;
        while self.batch.len() < max.min(BATCH) && passed + self.batch.len() < left {
            let Some(number) = entry(queue, self.batch.len()) else {
                break;
            };
            if let Some(item) = item(queue, &kevents, number) {
                if self.batch.push_within_capacity(item).is_err() {
                    break;
                }
            } else if self.batch.is_empty() {
                pass_empty(queue, number);
                passed += 1;
            } else {
                // Entries leave the ring in order.
                break;
            }
        }
        passed
    }

    /// Copies the batch.
    fn put(&self, target: &mut Target<'_, impl ReadBuf>) -> Put {
        let mut put = Put {
            copied: 0,
            in_ring: 0,
            result: Ok(()),
        };
        for item in &self.batch {
            let mut record = item.record;
            let in_ring = match &self.ring {
                Some(ring) => put_in_ring(ring, put.in_ring, &record),
                None => Err(ENOSPC),
            };
            put.result = match &mut target.buf {
                Some(buf) => {
                    if self.ring.is_some() && in_ring.is_err() {
                        record.ret.flags |= uapi::KEVENT_RET_COPY_FAILED;
                    }
                    buf.put(&record)
                }
                None => in_ring,
            };
            if put.result.is_err() {
                break;
            }
            put.copied += 1;
            put.in_ring += u64::from(in_ring.is_ok());
        }
        put
    }

    /// Takes the events of the batch that were copied out of the ring. `has_buf` says that they were
    /// copied to a buffer. Errors: `EFAULT` if they have no other copy than that in the program's
    /// ring, and this cannot be shown. They are raised again then.
    fn end(&mut self, queue: &Arc<Queue>, put: &Put, has_buf: bool) -> Result {
        let copied = self.batch.get(..put.copied).unwrap_or(&[]);
        let mut kevents = queue.lock();
        for item in copied {
            let is_same = item.is_live(&kevents);
            if let Some((place, now)) = pass(queue, item.number) {
                // The slot may have got another kevent meanwhile.
                raise_again(queue, place, if is_same { now & !item.events } else { now });
            }
        }
        if let (Some(ring), 1..) = (&mut self.ring, put.in_ring) {
            drop(kevents);
            let shown = ring.publish(put.in_ring);
            kevents = queue.lock();
            if shown.is_err() && !has_buf {
                for item in copied.iter().filter(|item| item.is_live(&kevents)) {
                    if let Some(place) = queue.place(item.number) {
                        raise_again(queue, place, item.events);
                    }
                }
                return shown;
            }
        }
        for item in copied {
            item.end(queue, &mut kevents);
        }
        Ok(())
    }
}

/// What was copied of a batch.
struct Put {
    copied: usize,
    in_ring: u64,
    /// Why the others were not.
    result: Result,
}

impl Item {
    /// Whether its kevent still exists.
    fn is_live(&self, kevents: &Kevents) -> bool {
        matches!(kevents.get(self.handle), Ok((_, Some(_))))
    }

    /// Lets its kevent, if it still exists, go on after an event.
    fn end(&self, queue: &Queue, kevents: &mut Kevents) {
        let Some(place) = queue.place(self.number).filter(|_| self.is_live(kevents)) else {
            return;
        };
        if let Some(source) = kevents.source(self.number).and_then(Room::get) {
            source.copied();
        }
        if flags::of(place) & uapi::KEVENT_REQ_ONESHOT != 0 {
            queue.end(kevents, place);
            place.slot.retract();
        } else if place.has_level() {
            queue.offer_later(place);
        } else if !self.is_file {
            // A timer may have expired once more, and then rests.
            if let Some(source) = kevents.source(self.number).and_then(Room::get) {
                source.recheck();
            }
        }
    }
}

/// Writes an entry of the program's ring, `ahead` of those that are published. Errors: `ENOSPC` if it
/// is full; `EPERM`, `EFAULT`.
fn put_in_ring(ring: &UserRing, ahead: u64, record: &Record) -> Result {
    ring.check()?;
    if ring.room() <= ahead {
        return Err(ENOSPC);
    }
    ring.put(ahead, record)
}

/// The slot in the entry `ahead` of the head, if it is there.
fn entry(queue: &Queue, ahead: usize) -> Option<u32> {
    let entries: &[Atomic<u32>] = queue.ring().memory();
    let position = queue.head().wrapping_add(ahead as u64) as usize;
    let index = position & entries.len().wrapping_sub(1);
    // Acquire: the slot has QUEUED (`tests/litmus/kevent-entry.litmus`).
    let entry = entries.get(index)?.load(Acquire);
    let phase = if position & entries.len() != 0 {
        uapi::KEVENT_PHASE
    } else {
        0
    };
    (entry & uapi::KEVENT_PHASE == phase)
        .then(|| (entry & !uapi::KEVENT_PHASE) / size_of::<Slot>() as u32)
}

/// Moves the head by an entry, and takes its slot out of the ring. Returns its place, and the events
/// that it had.
fn pass(queue: &Queue, number: u32) -> Option<(&Place, u32)> {
    queue.set_head(queue.head().wrapping_add(1));
    let place = queue.place(number)?;
    // Full: a producer that finds QUEUED clear has added its events after this.
    Some((place, place.slot.ready.xchg(0, Full) as u32))
}

/// Passes an entry whose slot has no event.
fn pass_empty(queue: &Arc<Queue>, number: u32) {
    if let Some((place, events)) = pass(queue, number) {
        // An event may have come just now.
        raise_again(queue, place, events);
    }
}

/// Raises events again that an entry has had.
fn raise_again(queue: &Arc<Queue>, place: &Place, events: u32) {
    if events != 0 {
        let again = Raise::new(events).always(events);
        Queue::raise(queue.as_arc_borrow(), place, again);
    }
}

/// The event of the kevent in slot `number`, if there is one. Looks at the source again where the
/// kevent asks for it.
///
/// Context: task, may sleep.
fn item(queue: &Queue, kevents: &Kevents, number: u32) -> Option<Item> {
    let place = queue.place(number)?;
    let (key, handle, room) = kevents.live(number)?;
    let source = room.get()?;
    if place.has_ended() {
        return None;
    }
    let is_file = Type::of(key.kind).ok()?.kind.is_file();
    let flags = flags::of(place);
    let checks = place.has_level() || flags & uapi::KEVENT_REQ_LAST_CHECK != 0;
    if is_file && checks {
        // The last check. QUEUED stays, so this adds no entry.
        place.slot.retract();
        source.recheck();
    } else if !is_file && flags & uapi::KEVENT_REQ_ONESHOT == 0 {
        // A timer that rests begins its next period. This event stands for all that were missed.
        source.recheck();
    }
    let events = place.slot.ready.load(Acquire) as u32;
    if events == 0 {
        return None;
    }
    Some(Item {
        handle,
        number,
        events,
        is_file,
        record: Record {
            id: key.id,
            kind: key.kind.into(),
            event: place.slot.want(),
            req_flags: flags,
            ret: Ret::event(source.value(events)),
            user: key.user,
        },
    })
}
