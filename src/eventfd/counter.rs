// SPDX-License-Identifier: GPL-2.0

//! The counter of an event descriptor without a file: one atomic word, and the rules by which it
//! changes.
//!
//! The counter neither waits nor wakes. Every change is fully ordered, so a caller may look at a
//! wait queue afterwards without a further barrier: see "Memory ordering" in
//! `Documentation/design/ordering.rst`.

use crate::abstractions::{
    file::events::Events,
    sync::atomic::{
        read_once,
        try_cmpxchg_full, //
    }, //
};
use kernel::sync::atomic::Atomic;

/// The amount that a read takes.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Take {
    /// The whole counter.
    All,
    /// One: `EFD_SEMAPHORE`.
    One,
}

impl Take {
    fn of(self, count: u64) -> u64 {
        match self {
            Take::All => count,
            Take::One => count.min(1),
        }
    }
}

/// The counter. User space can fill it up to [`Counter::USER_MAX`], the kernel one further.
pub(crate) struct Counter(Atomic<u64>);

impl Counter {
    /// The highest value that writes can reach.
    pub(crate) const USER_MAX: u64 = u64::MAX - 1;

    /// The highest value that kernel posts can reach. It stays there until a read: `EPOLLERR`.
    pub(crate) const FULL: u64 = u64::MAX;

    /// A counter that holds `count`.
    pub(crate) const fn new(count: u64) -> Self {
        Self(Atomic::new(count))
    }

    /// The current value.
    pub(crate) fn get(&self) -> u64 {
        read_once(&self.0)
    }

    /// Whether a write of `n` would not block now.
    pub(crate) fn fits(&self, n: u64) -> bool {
        Self::sum(self.get(), n).is_some()
    }

    fn sum(count: u64, n: u64) -> Option<u64> {
        count.checked_add(n).filter(|&sum| sum <= Self::USER_MAX)
    }

    /// Sets the counter to the value that `f` returns for the old value, and returns the old value.
    /// If `f` returns `None`, the counter stays as it is.
    #[inline(always)]
    fn update(&self, mut f: impl FnMut(u64) -> Option<u64>) -> Option<u64> {
        loop {
            let old = self.get();
            if try_cmpxchg_full(&self.0, old, f(old)?) {
                return Some(old);
            }
        }
    }

    /// Adds `n` like a write. Returns false, having added nothing, if the sum would be too large.
    pub(crate) fn add(&self, n: u64) -> bool {
        self.update(|count| Self::sum(count, n)).is_some()
    }

    /// Adds as much of `n` as fits, like a kernel post. Returns the value before and after.
    pub(crate) fn post(&self, n: u64) -> (u64, u64) {
        let mut new = 0;
        let old = self.update(|count| {
            new = count.saturating_add(n);
            Some(new)
        });
        (old.unwrap_or(new), new)
    }

    /// Tries [`Counter::post`] once. Returns false, having added nothing, if not all of `n` fits or
    /// if the counter changes meanwhile.
    #[inline(always)]
    pub(crate) fn try_post(&self, n: u64) -> bool {
        let count = self.get();
        match count.checked_add(n) {
            Some(sum) => try_cmpxchg_full(&self.0, count, sum),
            None => false,
        }
    }

    /// Takes the amount of a read, or 0 if the counter is 0. Returns (taken, count before).
    pub(crate) fn take(&self, take: Take) -> (u64, u64) {
        let old = self.update(|count| match count {
            0 => None,
            _ => Some(count - take.of(count)),
        });
        old.map_or((0, 0), |old| (take.of(old), old))
    }

    /// Tries [`Counter::take`] once. Returns the amount that was taken, or `None` if the counter is 0
    /// or changes meanwhile.
    #[inline(always)]
    pub(crate) fn try_take(&self, take: Take) -> Option<u64> {
        let count = self.get();
        if count == 0 {
            return None;
        }
        let taken = take.of(count);
        try_cmpxchg_full(&self.0, count, count.wrapping_sub(taken)).then_some(taken)
    }

    /// The events that a descriptor with this count is ready for.
    pub(crate) fn events(&self) -> Events {
        match self.get() {
            0 => Events::OUT,
            Self::USER_MAX => Events::IN,
            Self::FULL => Events::IN | Events::ERR,
            _ => Events::IN | Events::OUT,
        }
    }
}
