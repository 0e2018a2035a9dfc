// SPDX-License-Identifier: GPL-2.0

//! The front of a timer that programs see in their memory: its record, and the waiters in the
//! kernel.

use crate::{
    abstractions::{
        file::events::Events,
        time::{
            clock::{
                Clock,
                Ktime, //
            },
            timed::Expired, //
        }, //
    },
    arena::Claim,
    timerfd::record::Record, //
};

/// What a timer has for programs that share its memory. A timer without a record has `()`.
pub(crate) trait Front: Send + 'static {
    /// Whether there is a record.
    const HAS_RECORD: bool;

    /// The record, while the timer is there: only on clocks that cannot be set, so that a read
    /// computes the ticks from the time alone.
    fn record(&self) -> Option<&Record> {
        None
    }

    /// The record, wherever the timer is.
    fn place(&self) -> Option<&Record> {
        None
    }

    /// Moves the timer to the record, or away from it.
    fn set_in_record(&mut self, _is_there: bool) {}

    /// Notes a waiter that must be woken for each expiration, because it takes the event from the
    /// wake-up and does not look at the timer again.
    fn note_each(&mut self) {}

    /// The kernel's timer has expired at a time for the timer in the record.
    fn expire(&mut self, _base: Clock, _slack: u64, _has_waiters: bool) -> Expired {
        Expired::Nothing
    }

    /// The timer is being started by a look at the record.
    fn note_look(&mut self) {}

    /// The queue is empty.
    fn forget_waiters(&mut self) {}
}

impl Front for () {
    const HAS_RECORD: bool = false;
}

/// Below this time, the interrupt of the kernel's timer starts it again once only. Then each change
/// must kick, and a program that does not gets an interrupt in this time only. So a program that
/// keeps a timer just ahead pays for each interrupt with a call.
const SHORTEST: Ktime = 100_000_000;

/// A record, and what the kernel keeps of it for itself.
pub(crate) struct Shared {
    record: Claim<Record>,
    is_there: bool,
    each: bool,
    /// Whether the program must have kicked if it has changed the timer since the last look.
    must_kick: bool,
}

impl Shared {
    /// A timer that is not in its record yet.
    pub(crate) fn new(record: Claim<Record>) -> Self {
        record.begin();
        Self {
            record,
            is_there: false,
            each: false,
            must_kick: false,
        }
    }
}

impl Drop for Shared {
    fn drop(&mut self) {
        // The calls fail: the descriptor is gone.
        self.record.leave();
    }
}

impl Front for Shared {
    const HAS_RECORD: bool = true;

    fn record(&self) -> Option<&Record> {
        self.is_there.then_some(&*self.record)
    }

    fn place(&self) -> Option<&Record> {
        Some(&self.record)
    }

    fn set_in_record(&mut self, is_there: bool) {
        self.is_there = is_there;
    }

    fn note_each(&mut self) {
        self.each = true;
    }

    fn expire(&mut self, base: Clock, slack: u64, has_waiters: bool) -> Expired {
        if !has_waiters {
            self.forget_waiters();
            return Expired::Nothing;
        }
        let next = self.record.look_always();
        if next == 0 {
            // The program has disarmed it. A new setting kicks.
            return Expired::Nothing;
        }
        let now = base.now();
        if next - now >= SHORTEST {
            // The program has set a later time.
            self.must_kick = false;
            self.record.look_at(next);
            return Expired::Again(next, slack);
        }
        if next > now {
            // A kick that is under way starts it for the right time.
            let late = self.must_kick.then_some(now.saturating_add(SHORTEST));
            self.must_kick = true;
            return Expired::Again(late.unwrap_or(next), slack);
        }
        self.must_kick = false;
        if !self.each {
            self.record.look_never();
        }
        Expired::Wake(Events::IN)
    }

    fn note_look(&mut self) {
        self.must_kick = false;
    }

    fn forget_waiters(&mut self) {
        self.each = false;
        if let Some(record) = self.record() {
            record.look_never();
        }
    }
}

/// Whether a timer that expires at `next` has ticks. 0 stands for no expiration.
pub(crate) fn is_due(next: Ktime, now: Ktime) -> bool {
    next != 0 && next <= now
}
