// SPDX-License-Identifier: GPL-2.0

//! `KEVENT_TIMER` and `KEVENT_POSIX_TIMER`: timers on every clock that timer descriptors have.
//!
//! A timer is never started again by its own expiration, so a short period cannot take a processor.
//! A periodic timer rests after an expiration until the program waits or polls the queue. It then
//! counts the expirations that it has missed.
//!
//! The slot's `data` belongs to both sides. For a timer with an interval, and for every timer of
//! POSIX, it is the number of expirations. For others it is the deadline. The program moves the
//! deadline to a later time by an exchange, and the timer still expires at the earlier one: it finds
//! another deadline and rests, until the program waits or polls. A deadline of 0 says that the timer
//! has expired.

use crate::{
    abstractions::sync::atomic::{
        load_acquire,
        read_once,
        store_release,
        write_once, //
    },
    abstractions::time::{
        clock::{
            self,
            Clock,
            Ktime, //
        },
        once::{
            Fired,
            Once, //
        },
        timer::{
            Alarm,
            HrTimer,
            RawTimer, //
        }, //
    },
    kevent::{
        port::Port,
        queue::Raise,
        source::{
            Room,
            Source, //
        }, //
    },
    timerfd::{
        schedule::{
            after,
            forward,
            remaining, //
        },
        setting::TimerClock, //
    },
    uapi, //
};
use core::pin::Pin;
use kernel::{
    prelude::*,
    sync::atomic::{
        Atomic,
        Relaxed, //
    }, //
};

const NSEC_PER_MSEC: Ktime = 1_000_000;

/// The only event.
pub(super) const EVENTS: u32 = uapi::KEVENT_TIMER_FIRED;

/// A setting, checked.
struct Setting {
    first: Ktime,
    absolute: bool,
    interval: Ktime,
    slack: u32,
}

impl Setting {
    /// The setting in `arg` of an operation. Errors: `EINVAL`.
    fn of(op: &uapi::kevent_op) -> Result<Self> {
        let [first, interval, slack] = op.arg;
        Ok(Self {
            first: Ktime::try_from(first).map_err(|_| EINVAL)?,
            absolute: u32::from(op.flags) & uapi::KEVENT_TIMER_ABSTIME != 0,
            interval: Ktime::try_from(interval).map_err(|_| EINVAL)?,
            slack: u32::try_from(slack).map_err(|_| EINVAL)?,
        })
    }

    /// The clock for `CLOCK_REALTIME`: like native, a relative time passes at its own rate when the
    /// time of day is set.
    fn clock_of_day(&self) -> Clock {
        if self.absolute {
            Clock::Realtime
        } else {
            Clock::Monotonic
        }
    }
}

/// Whether a timer that `op` sets must be looked at again after an expiration.
pub(super) fn rests(op: &uapi::kevent_op) -> bool {
    op.arg[1] != 0
}

/// The owner of the kernel's timer. Together they take 120 bytes.
///
/// Operations and walks change the setting, under the lock of the queue's kevents, while the timer
/// is not running.
struct Deadline {
    port: Port,
    /// The next expiration, in the program's time. From then on the negative value of it, until the
    /// timer is started again.
    next: Atomic<i64>,
    interval: Atomic<i64>,
    slack: Atomic<u32>,
    /// The clock of the present setting.
    clock: Clock,
    /// Whether the program has asked for `CLOCK_REALTIME`.
    is_realtime: bool,
    /// Whether it is a `KEVENT_POSIX_TIMER`.
    is_posix: bool,
}

impl Deadline {
    /// Whether `data` counts the expirations.
    fn counts(&self) -> bool {
        self.is_posix || read_once(&self.interval) != 0
    }

    /// The time until the next expiration, 0 without any, and the interval.
    ///
    /// Context: task, with the lock of the kevents.
    fn setting(&self) -> [u64; 2] {
        let now = clock::from_host(self.clock.id(), self.clock.now());
        let interval = self.interval.load(Relaxed);
        let next = match self.rests() {
            Some(last) if interval != 0 => Some(forward(after(last, interval), interval, now).0),
            Some(_) if self.is_posix => None,
            None if self.counts() => Some(self.next.load(Relaxed)),
            _ => self
                .deadline()
                .map(|deadline| deadline.max(self.next.load(Relaxed))),
        };
        // An expiration that is due, but has not come yet, is a nanosecond away, like native's.
        let remaining = next.map_or(0, |next| remaining(next, now).max(1));
        [remaining as u64, interval as u64]
    }

    /// The deadline in `data`, if it has any.
    fn deadline(&self) -> Option<Ktime> {
        match Ktime::try_from(self.port.data()) {
            Ok(0 | Ktime::MAX) | Err(_) => None,
            Ok(deadline) => Some(deadline),
        }
    }

    /// The last expiration of a timer that rests.
    fn rests(&self) -> Option<Ktime> {
        // Acquire: see `fired()`.
        Some(-load_acquire(&self.next)).filter(|last| *last >= 0)
    }
}

impl Fired for Deadline {
    fn fired(&self) {
        let next = read_once(&self.next);
        let counts = self.counts();
        // Release: a walk that sees it may set the timer anew, after the loads.
        store_release(&self.next, next.wrapping_neg());
        if counts {
            self.port.add_data(1);
        } else if !self.port.swap_data(next as u64, 0) {
            if self.port.data() != 0 {
                self.port.recheck_later();
            }
            return;
        }
        // Preemption is disabled here, except on PREEMPT_RT.
        self.port.raise(Raise::new(EVENTS).in_callback());
    }
}

/// A kind of kernel timer.
trait Kind: RawTimer + 'static {
    /// Whether it wakes the system from suspend, which needs a capability.
    const WAKES_SYSTEM: bool;
}

impl Kind for HrTimer {
    const WAKES_SYSTEM: bool = false;
}

impl Kind for Alarm {
    const WAKES_SYSTEM: bool = true;
}

/// A timer of a queue.
type Timer<T> = Once<T, Deadline>;

/// Starts the timer for `next`, in the program's time. Context: task, with the lock of the kevents.
fn start<T: RawTimer>(timer: &Timer<T>, next: Ktime) {
    start_at(timer, next, clock::to_host(timer.owner().clock.id(), next));
}

/// Like [`start`], for a time that is `host` on the host.
#[inline]
fn start_at<T: RawTimer>(timer: &Timer<T>, next: Ktime, host: Ktime) {
    let owner = timer.owner();
    write_once(&owner.next, next);
    if !timer.start(host, read_once(&owner.slack).into()) {
        owner.fired();
    }
}

/// Gives the timer, which is not running, a setting, and starts it. Context: like [`start`].
fn set<T: RawTimer>(timer: &Timer<T>, setting: &Setting) {
    let owner = timer.owner();
    let id = owner.clock.id();
    if owner.is_posix && setting.first == 0 {
        // It rests, without an expiration.
        write_once(&owner.interval, 0);
        write_once(&owner.next, 0);
        owner.port.set_data(0);
        return;
    }
    // 0 is no deadline, and has passed like 1.
    let (first, host) = if setting.absolute {
        let first = setting.first.max(1);
        (first, clock::to_host(id, first))
    } else {
        let host = after(owner.clock.now(), setting.first);
        (clock::from_host(id, host).max(1), host)
    };
    write_once(&owner.interval, setting.interval);
    write_once(&owner.slack, setting.slack);
    owner
        .port
        .set_data(if owner.counts() { 0 } else { first as u64 });
    start_at(timer, first, host);
}

impl<T: Kind> Source for Timer<T> {
    fn recheck(&self) {
        let owner = self.owner();
        let Some(last) = owner.rests() else {
            return;
        };
        let interval = owner.interval.load(Relaxed);
        if interval == 0 {
            if owner.is_posix {
                return;
            }
            if let Some(later) = owner.deadline() {
                start(self, later);
            }
            return;
        }
        let now = clock::from_host(owner.clock.id(), owner.clock.now());
        let due = after(last, interval);
        let (next, missed) = forward(due, interval, now);
        if missed != 0 {
            owner.port.add_data(missed);
            owner.port.raise(Raise::new(EVENTS));
        }
        start(self, next);
    }

    fn needs_walk(&self, _flags: u32) -> bool {
        self.owner().interval.load(Relaxed) != 0
    }

    /// The time of the last expiration, in milliseconds.
    fn value(&self, _events: u32) -> u32 {
        let owner = self.owner();
        let last = owner.rests().unwrap_or_else(|| {
            let next = owner.next.load(Relaxed);
            next.saturating_sub(owner.interval.load(Relaxed))
        });
        (last / NSEC_PER_MSEC) as u32
    }

    fn rearm(mut self: Pin<&mut Self>, op: &uapi::kevent_op, reset: &dyn Fn()) -> Result<u32> {
        let setting = Setting::of(op)?;
        if T::WAKES_SYSTEM {
            clock::may_wake_system()?;
        }
        self.cancel();
        let owner = self.owner();
        let taken = owner.port.retract();
        reset();
        if owner.is_realtime && setting.absolute != matches!(owner.clock, Clock::Realtime) {
            let clock = setting.clock_of_day();
            self.as_mut().set_clock(clock).clock = clock;
        }
        set(&self, &setting);
        Ok(taken)
    }

    fn setting(&self) -> Result<[u64; 2]> {
        Ok(self.owner().setting())
    }
}

/// Makes the source for the clock in the low half of `op.id` in `room`. A timer of POSIX whose first
/// expiration is 0 is not started.
///
/// Errors: `EINVAL` for another clock or an invalid time; `EPERM` for an alarm clock without
/// `CAP_WAKE_ALARM`; `ENOMEM`.
pub(super) fn make(
    op: &uapi::kevent_op,
    is_posix: bool,
    port: Port,
    room: Pin<&mut Room>,
) -> Result {
    let TimerClock { clock, alarm } = TimerClock::from_id(op.id as u32 as i32)?;
    let setting = Setting::of(op)?;
    let is_realtime = matches!(clock, Clock::Realtime) && !alarm;
    let clock = if is_realtime {
        setting.clock_of_day()
    } else {
        clock
    };
    let owner = Deadline {
        port,
        next: Atomic::new(0),
        interval: Atomic::new(0),
        slack: Atomic::new(0),
        clock,
        is_realtime,
        is_posix,
    };
    if alarm {
        clock::may_wake_system()?;
        // It is larger than the room.
        let timer = KBox::pin_init(Timer::<Alarm>::new(clock, owner), GFP_KERNEL_ACCOUNT)?;
        set(room.put(timer)?, &setting);
    } else {
        set(room.put(Timer::<HrTimer>::new(clock, owner))?, &setting);
    }
    Ok(())
}
