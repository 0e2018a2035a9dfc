// SPDX-License-Identifier: GPL-2.0

//! The counter of an event descriptor: one atomic word, and the rules by which it changes.
//!
//! Nothing here waits or wakes. All that changes the counter is fully ordered, so that a look at a
//! wait queue may follow it without a further barrier: see "Memory ordering" in
//! `Documentation/design.rst`.

use crate::abstractions::{
    file::events::Events,
    mm::user::ReadBuf,
    sync::atomic::{
        read_once,
        try_cmpxchg_full, //
    }, //
};
use kernel::{prelude::*, sync::atomic::Atomic};

/// How much a read takes.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Take {
    /// All there is.
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
    /// The most that writes may make of it.
    pub(crate) const USER_MAX: u64 = u64::MAX - 1;

    /// What kernel posts can make of it, where it stays until it is read: `EPOLLERR`.
    pub(crate) const FULL: u64 = u64::MAX;

    /// A counter that holds `count`.
    pub(crate) const fn new(count: u64) -> Self {
        Self(Atomic::new(count))
    }

    /// The value at this moment.
    pub(crate) fn get(&self) -> u64 {
        read_once(&self.0)
    }

    /// Whether a write of `n` would not block at this moment.
    pub(crate) fn fits(&self, n: u64) -> bool {
        Self::sum(self.get(), n).is_some()
    }

    fn sum(count: u64, n: u64) -> Option<u64> {
        count.checked_add(n).filter(|&sum| sum <= Self::USER_MAX)
    }

    /// Changes the counter to `f` of it, if that is something, and returns the value before.
    #[inline(always)]
    fn update(&self, mut f: impl FnMut(u64) -> Option<u64>) -> Option<u64> {
        loop {
            let old = self.get();
            if try_cmpxchg_full(&self.0, old, f(old)?) {
                return Some(old);
            }
        }
    }

    /// Adds `n` as a write does. Returns whether it fitted; if not, nothing was added.
    pub(crate) fn add(&self, n: u64) -> bool {
        self.update(|count| Self::sum(count, n)).is_some()
    }

    /// Adds as much of `n` as fits, as a kernel post does. Returns the value before and after.
    pub(crate) fn post(&self, n: u64) -> (u64, u64) {
        let mut new = 0;
        let old = self.update(|count| {
            new = count.saturating_add(n);
            Some(new)
        });
        (old.unwrap_or(new), new)
    }

    /// As [`Counter::post`] when all goes well: all of `n` fits, and the counter does not change
    /// meanwhile. If not, returns false.
    #[inline(always)]
    pub(crate) fn try_post(&self, n: u64) -> bool {
        let count = self.get();
        match count.checked_add(n) {
            Some(sum) => try_cmpxchg_full(&self.0, count, sum),
            None => false,
        }
    }

    /// Reads without a destination that can fail. Returns what was taken and what there was.
    pub(crate) fn take(&self, take: Take) -> (u64, u64) {
        let old = self.update(|count| match count {
            0 => None,
            _ => Some(count - take.of(count)),
        });
        old.map_or((0, 0), |old| (take.of(old), old))
    }

    /// Reads into `buf`. Returns what is left, or `None` if the counter was 0.
    ///
    /// What is taken is copied first, so that nothing is lost if that fails with `EFAULT`; if the
    /// counter changes meanwhile it is copied anew.
    pub(crate) fn take_into(&self, take: Take, buf: &mut impl ReadBuf) -> Result<Option<u64>> {
        let mut count = self.get();
        let mut copied = 0;
        while count != 0 {
            let taken = take.of(count);
            if taken != copied {
                if copied != 0 {
                    buf.unput::<u64>();
                }
                buf.put(&taken)?;
                copied = taken;
            }
            if try_cmpxchg_full(&self.0, count, count - taken) {
                return Ok(Some(count - taken));
            }
            count = self.get();
        }
        if copied != 0 {
            buf.unput::<u64>();
        }
        Ok(None)
    }

    /// As [`Counter::take_into`] when all goes well: there is something, it can be copied, and the
    /// counter does not change meanwhile. If not, returns false, and `buf` is as it was.
    #[inline(always)]
    pub(crate) fn try_take_into(&self, take: Take, buf: &mut impl ReadBuf) -> bool {
        let count = self.get();
        if count == 0 {
            return false;
        }
        let taken = take.of(count);
        if buf.put(&taken).is_err() {
            return false;
        }
        if !try_cmpxchg_full(&self.0, count, count.wrapping_sub(taken)) {
            buf.unput::<u64>();
            return false;
        }
        true
    }

    /// What the descriptor is ready for at this moment.
    pub(crate) fn events(&self) -> Events {
        match self.get() {
            0 => Events::OUT,
            Self::USER_MAX => Events::IN,
            Self::FULL => Events::IN | Events::ERR,
            _ => Events::IN | Events::OUT,
        }
    }
}
