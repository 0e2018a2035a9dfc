// SPDX-License-Identifier: GPL-2.0

//! A bounded list of records, first in first out, which allocates only when it is made.

use kernel::{
    alloc::flags::GFP_KERNEL_ACCOUNT,
    prelude::*, //
};

/// The list.
pub(crate) struct Records<T> {
    /// Grows up to `max`.
    places: KVVec<T>,
    max: usize,
    /// The index of the oldest record.
    first: usize,
    len: usize,
}

impl<T: Copy> Records<T> {
    /// A list of at most `max` records. Context: task, may sleep. Errors: `ENOMEM`.
    pub(crate) fn new(max: usize) -> Result<Self> {
        Ok(Self {
            places: KVVec::with_capacity(max, GFP_KERNEL_ACCOUNT)?,
            max,
            first: 0,
            len: 0,
        })
    }

    /// Adds a record, or returns false if the list is full. Does not sleep.
    pub(crate) fn push(&mut self, record: T) -> bool {
        if self.len == self.max {
            return false;
        }
        let at = self.index(self.len);
        match self.places.get_mut(at) {
            Some(place) => *place = record,
            None => {
                if self.places.push_within_capacity(record).is_err() {
                    return false;
                }
            }
        }
        self.len += 1;
        true
    }

    /// Takes the oldest record. Does not sleep.
    pub(crate) fn pop(&mut self) -> Option<T> {
        if self.len == 0 {
            return None;
        }
        let record = self.places.get(self.first).copied();
        self.first = self.index(1);
        self.len -= 1;
        record
    }

    /// The index of the place that is `n` after the oldest record.
    fn index(&self, n: usize) -> usize {
        let at = self.first + n;
        if at < self.max {
            at
        } else {
            at - self.max
        }
    }
}
