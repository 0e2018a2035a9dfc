// SPDX-License-Identifier: GPL-2.0

//! `struct kevent_ring`: a ring of events in memory of the program.
//!
//! The program may write anything there. The kernel writes to it, and keeps its own indices.

use super::record::{
    Record,
    SIZE, //
};
use crate::{
    abstractions::{
        compat::smp_mb,
        mm::{
            space::AddressSpace,
            user::write, //
        }, //
    },
    uapi, //
};
use core::num::NonZero;
use kernel::{
    prelude::*,
    uaccess::UserPtr, //
};

/// Such a ring. Its indices are positions modulo its size. Between them there is always a free entry,
/// because equal indices say that the ring is empty.
pub(super) struct UserRing {
    /// Its address.
    ring: usize,
    size: NonZero<u64>,
    /// The process whose memory it is. A descriptor may be passed to another process, whose memory
    /// is no matter of the sender.
    space: AddressSpace,
    /// The position of the next event.
    filled: u64,
    /// The position of the first event that the program has not committed.
    committed: u64,
}

impl UserRing {
    /// The empty ring with `size` entries at `address`. Context: task, may sleep. Errors: `EFAULT`.
    pub(super) fn new(address: usize, size: u32) -> Result<Self> {
        write(UserPtr::from_addr(address), &0u64)?;
        Ok(Self {
            ring: address,
            size: NonZero::new(size.into()).ok_or(EINVAL)?,
            space: AddressSpace::current().ok_or(EFAULT)?,
            filled: 0,
            committed: 0,
        })
    }

    fn at(&self, offset: u32) -> UserPtr {
        UserPtr::from_addr(self.ring).wrapping_byte_add(offset as usize)
    }

    fn index(&self, position: u64) -> u32 {
        (position % self.size) as u32
    }

    fn laps(&self, position: u64) -> u64 {
        position / self.size
    }

    /// Whether the current task may use it. Errors: `EPERM`.
    pub(super) fn check(&self) -> Result {
        if self.space.is_current() {
            Ok(())
        } else {
            Err(EPERM)
        }
    }

    /// The number of events that fit.
    pub(super) fn room(&self) -> u64 {
        self.size.get() - 1 - (self.filled - self.committed)
    }

    /// Writes the entry `ahead` of those that are published. The caller has seen that there is room.
    ///
    /// Context: task of the process, may sleep. Errors: `EFAULT`.
    pub(super) fn put(&self, ahead: u64, record: &Record) -> Result {
        let offset = self.index(self.filled + ahead) as usize * SIZE;
        write(
            self.at(uapi::KEVENT_RING_EVENT).wrapping_byte_add(offset),
            record,
        )
    }

    /// Shows `count` entries more to the program. Context: like [`UserRing::put`]. Errors: `EFAULT`,
    /// and then it shows none.
    pub(super) fn publish(&mut self, count: u64) -> Result {
        let filled = self.filled + count;
        // A thread that reads the index sees the events: it pairs with the thread's acquire.
        smp_mb();
        let at = self.at(uapi::KEVENT_RING_KIDX);
        write(at, &self.index(filled))?;
        self.filled = filled;
        Ok(())
    }

    /// Commits the events before index `uidx` of the lap `over`. Returns their number, which is 0 if
    /// another thread has done so.
    ///
    /// Context: like [`UserRing::put`]. Errors: `EOVERFLOW` if the ring has no such event; `EFAULT`,
    /// and then it commits none.
    pub(super) fn commit(&mut self, uidx: u32, over: u32) -> Result<u32> {
        let laps = self.laps(self.committed);
        // The last lap, this, or the next.
        let lap = match over.wrapping_sub(laps as u32) {
            u32::MAX => laps.checked_sub(1).ok_or(EOVERFLOW)?,
            0 => laps,
            1 => laps + 1,
            _ => return Err(EOVERFLOW),
        };
        let position = lap * self.size.get() + u64::from(uidx);
        if u64::from(uidx) >= self.size.get() || position > self.filled {
            return Err(EOVERFLOW);
        }
        self.commit_to(position)
    }

    /// Commits `count` events if `uidx` is the index of the first. Context and errors: like
    /// [`UserRing::commit`].
    pub(super) fn commit_from(&mut self, uidx: u32, count: u32) -> Result<u32> {
        if uidx != self.index(self.committed) {
            return Ok(0);
        }
        let position = self.committed + u64::from(count);
        if position > self.filled {
            return Err(EOVERFLOW);
        }
        self.commit_to(position)
    }

    fn commit_to(&mut self, position: u64) -> Result<u32> {
        let count = position.saturating_sub(self.committed);
        if self.laps(position) != self.laps(self.committed) && count != 0 {
            let at = self.at(uapi::KEVENT_RING_OVER);
            write(at, &(self.laps(position) as u32))?;
        }
        self.committed += count;
        Ok(count as u32)
    }

    /// Its size, the indices of the next event and of the first that is not committed, and the number
    /// of laps.
    pub(super) fn state(&self) -> [u64; 4] {
        [
            self.size.get(),
            self.index(self.filled).into(),
            self.index(self.committed).into(),
            self.laps(self.committed),
        ]
    }
}
