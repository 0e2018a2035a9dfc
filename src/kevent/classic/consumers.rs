// SPDX-License-Identifier: GPL-2.0

//! The consumers of a queue: calls that take events, and wait for them.
//!
//! They exclude one another by a lock, which they hold while they copy. A copy may fault. Nothing
//! that raises an event takes this lock, and no operation does. The lock of the kevents is inside of
//! it, and not held over a copy.

use super::{
    consumer::{
        Consumer,
        Target, //
    },
    user_ring::UserRing, //
};
use crate::{
    abstractions::{
        compat::ETIME,
        file::events::Events,
        mm::user::ReadBuf,
        sync::{
            atomic::read_once,
            wait::Limit, //
        },
        task::signal, //
    },
    kevent::queue::{
        Pollers,
        Queue,
        CLASSIC, //
    }, //
};
use kernel::{
    new_mutex,
    prelude::*,
    seq_file::SeqFile,
    seq_print,
    sync::{
        atomic::{
            Atomic,
            Full, //
        },
        Arc,
        Mutex, //
    }, //
};

/// How many events a call takes, and how it waits.
pub(super) struct Range {
    /// The number for which it waits.
    pub(super) min: u32,
    pub(super) max: u32,
    pub(super) may_wait: bool,
    /// Whether [`Consumers::wake_one`] ends it.
    pub(super) can_be_woken: bool,
}

/// Why a wait for events ends without enough of them.
enum End {
    Limit,
    Woken,
    Signal,
}

/// A queue whose events the calls of 2006 copy to the program.
#[pin_data]
pub(crate) struct Consumers {
    queue: Arc<Queue>,
    #[pin]
    consumer: Mutex<Consumer>,
    /// Calls of READY without kevents for which no thread has woken up yet.
    wakes: Atomic<u32>,
}

impl Consumers {
    /// Makes a queue for `slots` kevents, as for [`Queue::new`], with the program's ring if it has
    /// one. Context: task, may sleep. Errors: those of [`Queue::new`].
    pub(super) fn new(
        slots: u32,
        pollers: Arc<Pollers>,
        ring: Option<UserRing>,
    ) -> Result<Arc<Self>> {
        let queue = Queue::new(slots, CLASSIC, pollers)?;
        let consumer = Consumer::new(ring)?;
        Arc::pin_init(
            pin_init!(Self {
                queue,
                consumer <- new_mutex!(consumer, "kevent_consumer"),
                wakes: Atomic::new(0),
            }),
            GFP_KERNEL_ACCOUNT,
        )
    }

    /// The queue.
    pub(crate) fn queue(&self) -> &Arc<Queue> {
        &self.queue
    }

    /// Calls `f` with the program's ring. Context: task, may sleep. Errors: those of
    /// [`Consumer::own_ring`] and of `f`.
    pub(super) fn with_ring<R>(&self, f: impl FnOnce(&mut UserRing) -> Result<R>) -> Result<R> {
        f(self.consumer.lock().own_ring()?)
    }

    /// Copies events to `target`. Returns their number, which is less than `range.min` if the wait has
    /// ended, or if there is an event and the target is a full ring.
    ///
    /// Context: task, may sleep. Errors: `ERESTARTSYS` if a signal is pending and no event was
    /// copied; `EFAULT` if the first event could not be copied, and is left in the queue.
    pub(super) fn take(
        &self,
        range: &Range,
        limit: &Limit,
        target: &mut Target<'_, impl ReadBuf>,
    ) -> Result<u32> {
        let result = self.wait_and_copy(range, limit, target);
        // A wake-up for events that this task has left must reach another one.
        self.pass_on();
        result
    }

    fn wait_and_copy(
        &self,
        range: &Range,
        limit: &Limit,
        target: &mut Target<'_, impl ReadBuf>,
    ) -> Result<u32> {
        let mut end = (range.min == 0 || !range.may_wait).then_some(End::Limit);
        let mut done = 0;
        let mut woken = false;
        loop {
            self.queue.look();
            let missing = range.min.saturating_sub(done);
            let mut consumer = self.consumer.lock();
            if end.is_some() || missing <= 1 || consumer.settle(&self.queue) >= missing.into() {
                match consumer.copy(&self.queue, range.max - done, target) {
                    Ok(copied) => done += copied,
                    Err(e) if done == 0 => return Err(e),
                    Err(_) => return Ok(done),
                }
            }
            let is_full = target.buf.is_none()
                && consumer.own_ring()?.room() == 0
                && consumer.has_event(&self.queue);
            drop(consumer);
            match end {
                _ if is_full => return Ok(done),
                Some(End::Signal) if done == 0 => return Err(ERESTARTSYS),
                None if done < range.min => {
                    end = self.sleep(range.min - done, range.can_be_woken, limit, woken);
                    woken = true;
                    // Events that it copied would be lost.
                    if signal::is_being_killed() {
                        return Err(ERESTARTSYS);
                    }
                }
                _ => return Ok(done),
            }
        }
    }

    /// Sleeps until the ring has `count` entries. `woken` says that the task has slept before.
    fn sleep(&self, count: u32, can_be_woken: bool, limit: &Limit, woken: bool) -> Option<End> {
        let has_events = || self.queue.pending() >= count.into();
        let is_woken = || can_be_woken && read_once(&self.wakes) != 0;
        let sleep = || self.queue.wait_until(|| has_events() || is_woken(), limit);
        let result = if woken {
            Queue::check_end(limit).and_then(|()| sleep())
        } else {
            sleep()
        };
        match result {
            Err(e) if e == ETIME => Some(End::Limit),
            Err(_) => Some(End::Signal),
            Ok(()) if has_events() || signal::is_being_killed() => None,
            Ok(()) if can_be_woken && self.take_wake() => Some(End::Woken),
            Ok(()) => None,
        }
    }

    /// The events of the queue for a poller that has joined. Context: task, may sleep.
    pub(crate) fn poll(&self) -> Events {
        if self.queue.poll() == Events::NONE {
            return Events::NONE;
        }
        // A call that copies events holds the lock while it faults. It may leave some.
        let has_event = self
            .consumer
            .try_lock()
            .is_none_or(|mut consumer| consumer.has_event(&self.queue));
        Events::IN.when(has_event)
    }

    /// Wakes a thread that waits, or the next that would. Context: task.
    pub(super) fn wake_one(&self) {
        let mut wakes = read_once(&self.wakes);
        while let Err(now) = self.wakes.cmpxchg(wakes, wakes.saturating_add(1), Full) {
            wakes = now;
        }
        self.queue.wake_task();
    }

    /// Ends the caller's wait for the sake of one [`Consumers::wake_one`], if there is any left.
    fn take_wake(&self) -> bool {
        let mut wakes = read_once(&self.wakes);
        while let Some(rest) = wakes.checked_sub(1) {
            match self.wakes.cmpxchg(wakes, rest, Full) {
                Ok(_) => return true,
                Err(now) => wakes = now,
            }
        }
        false
    }

    /// Wakes another task if something is left that the caller may have been woken for.
    ///
    /// Context: task.
    pub(crate) fn pass_on(&self) {
        self.queue.pass_on();
        if read_once(&self.wakes) != 0 {
            self.queue.wake_task();
        }
    }

    /// Prints the queue to fdinfo. Context: task, may sleep.
    pub(crate) fn show(&self, m: &SeqFile) {
        self.queue.show(m);
        // A call that copies events may have the lock for long.
        let consumer = self.consumer.try_lock();
        if let Some(ring) = consumer
            .as_ref()
            .and_then(|consumer| consumer.ring.as_ref())
        {
            let [size, kidx, uidx, over] = ring.state();
            seq_print!(m, "ring: {size} kidx: {kidx} uidx: {uidx} over: {over}\n");
        }
    }
}
