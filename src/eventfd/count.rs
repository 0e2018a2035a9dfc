// SPDX-License-Identifier: GPL-2.0

//! The count of an event descriptor: one atomic word, and the rules by which it changes.
//!
//! A count neither waits nor wakes. Every change is fully ordered, so a caller may look at a wait
//! queue afterwards without a further barrier: see "Memory ordering" in
//! `Documentation/design/ordering.rst`.

use crate::abstractions::{
    file::events::Events,
    sync::atomic::{
        fetch_add_full,
        read_once,
        try_cmpxchg_full, //
    }, //
};
use kernel::sync::atomic::{
    Atomic,
    Full, //
};

/// The highest value that writes can reach.
pub(crate) const USER_MAX: u64 = u64::MAX - 1;

/// The highest value that kernel posts can reach. It stays there until a read: `EPOLLERR`.
pub(crate) const FULL: u64 = u64::MAX;

/// The exchanges that are tried on a word that a program may keep changing.
const TRIES: u32 = 64;

/// The amount that a read takes.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Take {
    /// The whole count.
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

/// Nothing has changed, because others changed the count at each of [`TRIES`] exchanges.
#[derive(Debug)]
pub(crate) struct Contended;

fn sum(count: u64, n: u64) -> Option<u64> {
    count.checked_add(n).filter(|&sum| sum <= USER_MAX)
}

/// The count. User space can fill it up to [`USER_MAX`], the kernel one further.
pub(crate) trait Count {
    /// Whether a program may change the word at any time. Otherwise nothing is ever [`Contended`].
    const IS_SHARED: bool;

    /// The word.
    fn word(&self) -> &Atomic<u64>;

    /// The current value.
    #[inline(always)]
    fn get(&self) -> u64 {
        read_once(self.word())
    }

    /// Whether a write of `n` would not block now.
    fn fits(&self, n: u64) -> bool {
        sum(self.get(), n).is_some()
    }

    /// Sets the count to the value that `f` returns for the old value, and returns the old value.
    /// If `f` returns `None`, the count stays as it is.
    #[inline(always)]
    fn update(&self, mut f: impl FnMut(u64) -> Option<u64>) -> Result<Option<u64>, Contended> {
        let mut tries = TRIES;
        loop {
            let old = self.get();
            let Some(new) = f(old) else {
                return Ok(None);
            };
            if try_cmpxchg_full(self.word(), old, new) {
                return Ok(Some(old));
            }
            if Self::IS_SHARED {
                tries -= 1;
                if tries == 0 {
                    return Err(Contended);
                }
            }
        }
    }

    /// Adds `n` like a write. Returns false, having added nothing, if the sum would be too large.
    #[inline(always)]
    fn add(&self, n: u64) -> Result<bool, Contended> {
        Ok(self.update(|count| sum(count, n))?.is_some())
    }

    /// Adds as much of `n` as fits, like a kernel post. Returns the value before and after.
    fn post(&self, n: u64) -> (u64, u64) {
        let mut new = 0;
        let old = self.update(|count| {
            new = count.saturating_add(n);
            Some(new)
        });
        match old {
            Ok(old) => (old.unwrap_or(new), new),
            Err(Contended) => self.post_contended(n),
        }
    }

    /// Posts with one addition, which others cannot make fail.
    #[cold]
    fn post_contended(&self, n: u64) -> (u64, u64) {
        let old = fetch_add_full(self.word(), n);
        let new = old.checked_add(n).unwrap_or_else(|| {
            // Others have seen a small value for a moment, but not instead of an overflow: only a
            // program that sets the word to arbitrary values gets here.
            self.word().xchg(FULL, Full);
            FULL
        });
        (old, new)
    }

    /// Tries [`Count::post`] once. Returns false, having added nothing, if not all of `n` fits or if
    /// the count changes meanwhile.
    #[inline(always)]
    fn try_post(&self, n: u64) -> bool {
        let count = self.get();
        match count.checked_add(n) {
            Some(sum) => try_cmpxchg_full(self.word(), count, sum),
            None => false,
        }
    }

    /// Takes the amount of a read, or 0 if the count is 0. Returns (taken, count before).
    fn take(&self, take: Take) -> Result<(u64, u64), Contended> {
        let old = self.update(|count| match count {
            0 => None,
            _ => Some(count - take.of(count)),
        })?;
        Ok(old.map_or((0, 0), |old| (take.of(old), old)))
    }

    /// Tries [`Count::take`] once. Returns the amount that was taken, or `None` if the count is 0 or
    /// changes meanwhile.
    #[inline(always)]
    fn try_take(&self, take: Take) -> Option<u64> {
        let count = self.get();
        if count == 0 {
            return None;
        }
        let taken = take.of(count);
        try_cmpxchg_full(self.word(), count, count.wrapping_sub(taken)).then_some(taken)
    }

    /// The events that a descriptor with this count is ready for.
    #[inline(always)]
    fn events(&self) -> Events {
        match self.get() {
            0 => Events::OUT,
            USER_MAX => Events::IN,
            FULL => Events::IN | Events::ERR,
            _ => Events::IN | Events::OUT,
        }
    }
}
