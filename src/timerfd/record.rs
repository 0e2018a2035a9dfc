// SPDX-License-Identifier: GPL-2.0

//! A timer in memory that programs share, `struct evfd_timer`.
//!
//! The time of the next expiration is the whole state of the timer. A read moves it behind the
//! ticks that it takes, and a setting replaces it. So both are one exchange, by the kernel or by a
//! program, and no interrupt is needed unless somebody waits.
//!
//! While there are waiters, the kernel's timer runs for a time at which the kernel looks at the
//! record. The kernel publishes that time, has a full barrier, and then reads the next expiration.
//! A program changes the next expiration, has a full barrier, and then reads the published time. It
//! kicks unless its own time is later: see "Timers in shared memory" in
//! `Documentation/design/ordering.rst`.

use crate::{
    abstractions::{
        sync::atomic::{
            read_once,
            try_cmpxchg_full,
            write_once, //
        },
        time::clock::Ktime, //
    },
    shared_words,
    uapi, //
};
use core::mem::offset_of;
use kernel::sync::atomic::{
    Atomic,
    Full, //
};

shared_words! {
    /// `struct evfd_timer`. The times are signed.
    pub(crate) struct Record {
        pub(crate) next: u64,
        pub(crate) look: u64,
        pub(crate) interval: u64,
        pub(crate) clockid: u32,
        reserved: u32,
    }
}

const _: () = {
    assert!(offset_of!(Record, next) == offset_of!(uapi::evfd_timer, next));
    assert!(offset_of!(Record, look) == offset_of!(uapi::evfd_timer, look));
    assert!(offset_of!(Record, interval) == offset_of!(uapi::evfd_timer, interval));
    assert!(offset_of!(Record, clockid) == offset_of!(uapi::evfd_timer, clockid));
    assert!(size_of::<Record>() == size_of::<uapi::evfd_timer>());
};

/// The clock if programs must use the calls.
const CALL: u32 = uapi::EVFD_TIMER_CALL as u32;

/// The next expiration during a change.
const BUSY: u64 = uapi::EVFD_TIMER_BUSY as i64 as u64;

/// No program has to kick.
const NEVER: u64 = Ktime::MIN as u64;

/// A program has to kick whatever time it sets.
const ALWAYS: u64 = Ktime::MAX as u64;

/// Swaps a word. Fully ordered.
fn swap(word: &Atomic<u64>, new: u64) -> u64 {
    word.xchg(new, Full)
}

/// A time of the program's, of which any value may come. 0 stands for none.
fn time(word: u64) -> Ktime {
    (word as Ktime).max(0)
}

impl Record {
    /// Begins without a descriptor's setting.
    pub(crate) fn begin(&self) {
        self.leave();
        write_once(&self.interval, 0);
    }

    /// The next expiration, or 0 if the timer is not armed.
    pub(crate) fn next(&self) -> Ktime {
        time(read_once(&self.next))
    }

    /// Sends programs that read to the calls until [`Record::end_change`]. Returns the next
    /// expiration, or 0.
    pub(crate) fn begin_change(&self) -> Ktime {
        time(swap(&self.next, BUSY))
    }

    /// Sets the next expiration, or 0, unless a program has set it since [`Record::begin_change`].
    pub(crate) fn end_change(&self, next: Ktime) {
        try_cmpxchg_full(&self.next, BUSY, next as u64);
    }

    /// Moves the timer here, or gives it another setting. This replaces a time of a program, which
    /// may be from before, when the timer was not here.
    pub(crate) fn enter(&self, next: Ktime, interval: Ktime, clockid: u32) {
        swap(&self.next, BUSY);
        write_once(&self.interval, interval as u64);
        write_once(&self.clockid, clockid);
        swap(&self.next, next as u64);
    }

    /// Sends programs to the calls. A program may still set the next expiration, which is void. But it
    /// finds that it has to kick, and then finds [`CALL`].
    pub(crate) fn leave(&self) {
        write_once(&self.look, ALWAYS);
        write_once(&self.clockid, CALL);
        // Full, so that a program that sets the next expiration later sees both.
        swap(&self.next, BUSY);
    }

    /// Makes each change by a program kick. Returns the next expiration, or 0.
    pub(crate) fn look_always(&self) -> Ktime {
        // Full: see the top of this file.
        swap(&self.look, ALWAYS);
        self.next()
    }

    /// Makes only changes to `next` or an earlier time kick. `next` is from [`Record::look_always`], and
    /// the kernel's timer runs for it. A change in between is to an earlier time than the kernel has
    /// published before and after, or needs no kick.
    pub(crate) fn look_at(&self, next: Ktime) {
        write_once(&self.look, next as u64);
    }

    /// Makes no change kick: waiters look at the record before they sleep.
    pub(crate) fn look_never(&self) {
        write_once(&self.look, NEVER);
    }
}
