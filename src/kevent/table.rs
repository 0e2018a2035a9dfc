// SPDX-License-Identifier: GPL-2.0

//! The kevents of a queue, by slot and by key.

use crate::{
    abstractions::mm::stable::Stable,
    uapi, //
};
use core::pin::Pin;
use kernel::{
    alloc::flags::GFP_KERNEL_ACCOUNT,
    prelude::*, //
};

/// The identity of a kevent in its queue.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) struct Key {
    pub(crate) kind: u16,
    pub(crate) id: u64,
    pub(crate) user: u64,
}

impl Key {
    /// The hash, of 63 bits.
    fn hash(&self) -> u64 {
        // Fibonacci hashing: the high bits of the product depend on all bits of the key.
        let mixed = self.id ^ self.user.rotate_left(29) ^ u64::from(self.kind) << 56;
        mixed.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 1
    }
}

/// A slot number + 1, or 0.
type LinkTo = u32;

/// The private part of a slot.
struct Entry {
    id: u64,
    user: u64,
    /// That of the last kevent's handle, or 0.
    generation: u32,
    /// The next entry of the bucket, or of the list of free or of waiting slots.
    next: LinkTo,
    kind: u16,
    /// Whether the slot has a kevent.
    used: bool,
}

const _: () = assert!(size_of::<Entry>() == 32);

impl Entry {
    fn key(&self) -> Key {
        Key {
            kind: self.kind,
            id: self.id,
            user: self.user,
        }
    }

    /// The generation of the next kevent, which is not 0.
    fn next_generation(&self) -> u32 {
        self.generation.wrapping_add(1).max(1)
    }
}

/// A table of at most `slots` kevents, each with an `S` that holds its source. An `S` belongs to its
/// slot, and does not move.
///
/// A free slot is in either of two lists. The slots in `waiting` may still be in the ring, and are not
/// reused before the program has consumed their entry.
pub(crate) struct Table<S> {
    entries: KVVec<Entry>,
    /// At least one for each entry.
    sources: Stable<S>,
    buckets: KVVec<LinkTo>,
    /// The number of bits of a hash that are not the bucket.
    shift: u32,
    free: LinkTo,
    waiting: LinkTo,
    /// The number of slots in `waiting`, and the number at which they are looked through.
    waiting_len: u32,
    sort_at: u32,
    slots: u32,
    used: u32,
}

/// The least number of waiting slots that is looked through before the table grows.
const SORT_MIN: u32 = 64;

impl<S: Default> Table<S> {
    /// An empty table. `slots` must be a power of two. Context: task, may sleep. Errors: `ENOMEM`.
    pub(crate) fn new(slots: u32) -> Result<Self> {
        let mut buckets = KVVec::new();
        buckets.resize(slots as usize, 0, GFP_KERNEL_ACCOUNT)?;
        Ok(Self {
            entries: KVVec::new(),
            sources: Stable::default(),
            buckets,
            shift: 63 - slots.trailing_zeros(),
            free: 0,
            waiting: 0,
            waiting_len: 0,
            sort_at: SORT_MIN,
            slots,
            used: 0,
        })
    }

    /// The number of kevents.
    pub(crate) fn used(&self) -> u32 {
        self.used
    }

    fn bucket(&self, key: &Key) -> usize {
        key.hash().wrapping_shr(self.shift) as usize
    }

    /// The slot of the kevent with this key.
    pub(crate) fn find(&self, key: &Key) -> Option<u32> {
        let mut at = *self.buckets.get(self.bucket(key))?;
        while at != 0 {
            let entry = self.entries.get(at as usize - 1)?;
            if (entry.id, entry.user, entry.kind) == (key.id, key.user, key.kind) {
                return Some(at - 1);
            }
            at = entry.next;
        }
        None
    }

    /// The slot of a handle, and its source unless the kevent has ended. Errors: `ENOENT` if the
    /// slot has had another kevent since, or has never had a kevent.
    pub(crate) fn get(&self, handle: u64) -> Result<(u32, Option<&S>)> {
        let number = handle as u32;
        let entry = self.entries.get(number as usize).ok_or(ENOENT)?;
        if entry.generation == 0 || u64::from(entry.generation) != handle >> 32 {
            return Err(ENOENT);
        }
        Ok((number, self.source(number)))
    }

    /// The number of slots that have or had a kevent.
    pub(crate) fn len(&self) -> u32 {
        self.entries.len() as u32
    }

    /// The source of a slot, if it has a kevent.
    pub(crate) fn source(&self, number: u32) -> Option<&S> {
        let entry = self.entries.get(number as usize)?;
        if !entry.used {
            return None;
        }
        self.sources.get(number as usize)
    }

    /// The key, the handle and the source of the kevent in a slot.
    pub(crate) fn live(&self, number: u32) -> Option<(Key, u64, &S)> {
        let entry = self.entries.get(number as usize)?;
        let handle = u64::from(entry.generation) << 32 | u64::from(number);
        Some((entry.key(), handle, self.source(number)?))
    }

    /// The kind in the key of a slot that has a kevent.
    pub(crate) fn kind(&self, number: u32) -> Option<u16> {
        let entry = self.entries.get(number as usize)?;
        entry.used.then_some(entry.kind)
    }

    /// Each kevent: slot, key and source.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (u32, Key, &S)> {
        (0..self.len()).filter_map(|number| {
            let source = self.source(number)?;
            Some((number, self.entries.get(number as usize)?.key(), source))
        })
    }

    /// Finds a slot for a kevent, and returns its number and the generation of its next handle. The
    /// slot stays free until [`Table::fill`], and its source is made in [`Table::room`]. `is_queued` says whether a slot may be in the ring.
    ///
    /// Context: task, may sleep. Errors: `ENOSPC` if all are in use, `ENOMEM`.
    #[inline]
    pub(crate) fn reserve(&mut self, is_queued: impl Fn(u32) -> bool) -> Result<(u32, u32)> {
        let mut sorted = false;
        loop {
            let full = self.entries.len() == self.slots as usize;
            // Once only, because the program can set and clear QUEUED all the time.
            if self.free == 0 && !sorted && (full || self.waiting_len >= self.sort_at) {
                self.sort_waiting(&is_queued);
                sorted = true;
            }
            let Some(number) = self.free.checked_sub(1) else {
                if full {
                    return Err(ENOSPC);
                }
                self.grow()?;
                continue;
            };
            // The program can write QUEUED in a free slot. The slot then waits like others.
            if !is_queued(number) {
                let entry = self.entry(number)?;
                return Ok((number, entry.next_generation()));
            }
            let next = self.entry(number)?.next;
            self.free = next;
            self.release(number, true);
        }
    }

    /// Adds a free slot.
    fn grow(&mut self) -> Result {
        // A failure may have left one.
        if self.sources.get(self.entries.len()).is_none() {
            self.sources.push(S::default(), GFP_KERNEL_ACCOUNT)?;
        }
        self.entries.push(
            Entry {
                id: 0,
                user: 0,
                generation: 0,
                next: self.free,
                kind: 0,
                used: false,
            },
            GFP_KERNEL_ACCOUNT,
        )?;
        self.free = self.entries.len() as LinkTo;
        Ok(())
    }

    /// Adds a slot that is in no list to the free or to the waiting slots.
    pub(crate) fn release(&mut self, number: u32, is_queued: bool) {
        let list = if is_queued {
            self.waiting_len += 1;
            &mut self.waiting
        } else {
            &mut self.free
        };
        if let Some(entry) = self.entries.get_mut(number as usize) {
            entry.next = *list;
            *list = number + 1;
        }
    }

    /// Moves the waiting slots that have left the ring to the list of free slots. It does so again when as
    /// many others wait, so that its cost for each is constant.
    fn sort_waiting(&mut self, is_queued: impl Fn(u32) -> bool) {
        self.waiting_len = 0;
        let mut at = core::mem::take(&mut self.waiting);
        while let Some(number) = at.checked_sub(1) {
            let Ok(entry) = self.entry(number) else {
                break;
            };
            at = entry.next;
            self.release(number, is_queued(number));
        }
        self.sort_at = (2 * self.waiting_len).max(SORT_MIN);
    }

    /// The `S` of a slot. Errors: `ENOSPC` if there is no such slot.
    pub(crate) fn room(&mut self, number: u32) -> Result<Pin<&mut S>> {
        self.sources.get_mut(number as usize).ok_or(ENOSPC)
    }

    /// Puts a kevent into the slot that [`Table::reserve`] has returned last, after its source was
    /// made there. Its key must be new. Returns the handle.
    #[inline]
    pub(crate) fn fill(&mut self, key: Key) -> Result<u64> {
        let link = self.free;
        let bucket = self.bucket(&key);
        let bucket = self.buckets.get_mut(bucket).ok_or(ENOSPC)?;
        let entry = link
            .checked_sub(1)
            .and_then(|number| self.entries.get_mut(number as usize))
            .ok_or(ENOSPC)?;
        self.free = entry.next;
        entry.next = *bucket;
        *bucket = link;
        entry.id = key.id;
        entry.user = key.user;
        entry.kind = key.kind;
        entry.generation = entry.next_generation();
        entry.used = true;
        self.used += 1;
        Ok(u64::from(entry.generation) << 32 | u64::from(link - 1))
    }

    /// Removes a kevent and returns the `S` with its source. The slot is in no list until
    /// [`Table::release`].
    pub(crate) fn take(&mut self, number: u32) -> Option<Pin<&mut S>> {
        let entry = self.entries.get_mut(number as usize)?;
        if !entry.used {
            return None;
        }
        entry.used = false;
        let (key, after) = (entry.key(), entry.next);
        let bucket = self.bucket(&key);
        let bucket = self.buckets.get_mut(bucket)?;
        if *bucket == number + 1 {
            *bucket = after;
        } else {
            let mut at = *bucket;
            loop {
                let entry = self.entries.get_mut(at.checked_sub(1)? as usize)?;
                if entry.next == number + 1 {
                    entry.next = after;
                    break;
                }
                at = entry.next;
            }
        }
        self.used -= 1;
        self.sources.get_mut(number as usize)
    }

    fn entry(&mut self, number: u32) -> Result<&mut Entry> {
        self.entries.get_mut(number as usize).ok_or(ENOSPC)
    }
}

const _: () = assert!(
    uapi::KEVENT_MAX_SLOTS <= 1 << 26,
    "offsets of slots have 31 bits"
);
