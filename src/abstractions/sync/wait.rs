// SPDX-License-Identifier: GPL-2.0

//! Wait queues that are woken with an event mask.
//!
//! C header: [`include/linux/wait.h`](srctree/include/linux/wait.h)

use crate::abstractions::{
    compat::ETIME,
    file::events::Events,
    helpers,
    time::clock::{
        Clock,
        Ktime, //
    }, //
};
use core::{
    pin::Pin,
    ptr::NonNull, //
};
use kernel::{
    bindings,
    error::to_result,
    prelude::*,
    sync::LockClassKey,
    types::{
        NotThreadSafe,
        Opaque, //
    },
};

/// Creates a [`WaitQueue`] initialiser with a name and a new lock class.
#[macro_export]
macro_rules! new_wait_queue {
    ($name:literal) => {
        $crate::abstractions::sync::wait::WaitQueue::new($name, ::kernel::static_lock_class!())
    };
}

/// The way in which a task waits on a [`WaitQueue`].
#[derive(Clone, Copy)]
pub enum Mode {
    /// Every wake-up with one of these events wakes the task.
    Shared(Events),
    /// Like [`Mode::Shared`], but a wake-up wakes only one exclusive waiter.
    Exclusive(Events),
}

/// Wraps the kernel's `struct wait_queue_head`.
///
/// A waiter is a task in a call or a poller. It waits for certain [`Events`], and a wake-up has the
/// events that have occurred.
///
/// # Invariants
///
/// `head` is an initialised `struct wait_queue_head`.
#[pin_data]
#[repr(transparent)]
pub struct WaitQueue {
    #[pin]
    head: Opaque<bindings::wait_queue_head>,
}

// SAFETY: A wait queue does its own locking.
unsafe impl Send for WaitQueue {}
// SAFETY: A wait queue does its own locking.
unsafe impl Sync for WaitQueue {}

impl WaitQueue {
    /// Creates an initialiser of an empty wait queue whose lock is of class `key`.
    pub fn new(name: &'static CStr, key: Pin<&'static LockClassKey>) -> impl PinInit<Self> {
        pin_init!(Self {
            // SAFETY: `head` is valid for writing, is pinned, and name and key live forever.
            head <- Opaque::ffi_init(|head| unsafe {
                bindings::__init_waitqueue_head(head, name.as_char_ptr(), key.as_ptr())
            }),
        })
    }

    pub(in crate::abstractions) fn as_raw(&self) -> *mut bindings::wait_queue_head {
        self.head.get()
    }

    /// Whether there is a waiter on the queue: `waitqueue_active()`.
    ///
    /// To rely on `false`, the caller needs a full barrier between its write of the awaited state
    /// and this call. It pairs with the waiter's barrier between joining the queue and reading the
    /// state.
    pub fn is_active(&self) -> bool {
        let head = self.as_raw();
        // SAFETY: The head is valid by the type invariant. Others may write `next` concurrently,
        // under the lock. A snapshot is enough here, like in C's `list_empty()`.
        unsafe {
            let list = &raw mut (*head).head;
            (&raw const (*list).next).read_volatile() != list
        }
    }

    /// Wakes all waiters for `events` in [`Mode::Shared`], including pollers, and a single waiter
    /// in [`Mode::Exclusive`].
    ///
    /// Context: where [`WaitQueue::try_wake`] would wake. Takes the lock of the queue.
    pub fn wake(&self, events: Events) {
        // SAFETY: The queue is initialised by the type invariant. The context is the caller's duty.
        unsafe { helpers::evfd_helper_wake_up(self.as_raw(), events.bits()) }
    }

    /// Wakes like [`WaitQueue::wake`] and returns true, if this context allows it.
    ///
    /// These do not allow it: an NMI; a wake-up callback; interrupts disabled outside a hardirq
    /// handler, because the caller may be inside a callback or hold any lock; and, on `PREEMPT_RT`,
    /// any context that must not sleep or holds a `spinlock_t`.
    ///
    /// Context: any. Takes the lock of the queue.
    pub fn try_wake(&self, events: Events) -> bool {
        // SAFETY: The queue is initialised by the type invariant.
        unsafe { helpers::evfd_helper_try_wake_up(self.as_raw(), events.bits()) }
    }

    /// Wakes one task in [`WaitQueue::wait_exclusive`] and returns true, if this context allows it.
    /// The queue must have no other waiters.
    ///
    /// These do not allow it: an NMI; on `PREEMPT_RT`, any context that is not preemptible. Other
    /// than by [`WaitQueue::try_wake`], no callback runs that takes a lock of another queue. So the
    /// caller may hold any lock except this queue's.
    ///
    /// Context: any. Takes the lock of the queue.
    pub fn try_wake_task(&self) -> bool {
        // SAFETY: The queue is initialised by the type invariant.
        unsafe { helpers::evfd_helper_try_wake_task(self.as_raw()) }
    }

    /// Sleeps on the queue until `condition` holds.
    ///
    /// `condition` must not sleep, because the task may not be `TASK_RUNNING`. It is tested once
    /// more when a signal arrives, because an exclusive waiter that a wake-up has chosen must not
    /// leave with an error. When this returns `Ok`, `condition` held a moment ago.
    ///
    /// Context: task, may sleep. Errors: `ERESTARTSYS` if a signal is pending.
    pub fn wait_until(&self, mode: Mode, condition: impl FnMut() -> bool) -> Result {
        let (exclusive, events) = match mode {
            Mode::Shared(events) => (false, events),
            Mode::Exclusive(events) => (true, events),
        };
        // A wake-up without a key stands for all events.
        let wants = move |woken: Option<Events>| woken.is_none_or(|woken| events.intersects(woken));
        pin_init::stack_pin_init!(let waiter = Waiter::new(exclusive, wants));
        let entry = waiter.entry.get();
        self.sleep_until(entry, bindings::TASK_INTERRUPTIBLE, condition, schedule)
    }

    /// Like [`WaitQueue::wait_until`] for every event, but no signal ends the sleep.
    ///
    /// Context: task, may sleep.
    pub fn wait_through_signals(&self, condition: impl FnMut() -> bool) {
        pin_init::stack_pin_init!(let waiter = Waiter::new(false, |_| true));
        let entry = waiter.entry.get();
        // It can't fail: there is neither a signal nor a limit.
        let _ = self.sleep_until(entry, bindings::TASK_UNINTERRUPTIBLE, condition, schedule);
    }

    /// Sleeps on the queue in [`Mode::Exclusive`] until `condition` holds or `limit` has passed.
    ///
    /// A wake-up leaves the task alone, and goes on to the next, while `condition` does not hold.
    /// So it is tested under the lock of the queue too, in any context that wakes. Otherwise it is
    /// like that of [`WaitQueue::wait_until`].
    ///
    /// Context: task, may sleep. Errors: `ERESTARTSYS` if a signal is pending; `ETIME`.
    pub fn wait_exclusive(&self, condition: impl Fn() -> bool, limit: &Limit) -> Result {
        pin_init::stack_pin_init!(let waiter = Waiter::new(true, |_| condition()));
        let entry = waiter.entry.get();
        self.sleep_until(entry, bindings::TASK_INTERRUPTIBLE, &condition, || {
            limit.sleep()
        })
    }

    /// Sleeps in `state` by `sleep`, which returns false when the task must not sleep again, until
    /// `condition` holds.
    fn sleep_until(
        &self,
        entry: *mut bindings::wait_queue_entry,
        state: u32,
        mut condition: impl FnMut() -> bool,
        mut sleep: impl FnMut() -> bool,
    ) -> Result {
        let result = loop {
            // SAFETY: The queue is initialised. `entry` is initialised and pinned, and leaves the
            // queue below, in the same function.
            let prepared =
                unsafe { bindings::prepare_to_wait_event(self.as_raw(), entry, state as c_int) };
            if condition() {
                break Ok(());
            }
            if prepared != 0 {
                break to_result(prepared as c_int);
            }
            let again = sleep();
            // Most often it holds, and the wake-up has already removed the task from the queue.
            if condition() {
                break Ok(());
            }
            if !again {
                break Err(ETIME);
            }
        };
        // SAFETY: Both are valid, and the entry is on this queue or on no queue.
        unsafe { bindings::finish_wait(self.as_raw(), entry) };
        result
    }

    /// Takes the lock of the queue, and disables interrupts, except on `PREEMPT_RT`.
    ///
    /// Context: where a `spinlock_t` may be taken.
    pub fn lock(&self) -> QueueLock<'_> {
        // INVARIANT: The lock is taken here.
        QueueLock {
            queue: self,
            // SAFETY: The queue is initialised by the type invariant.
            flags: unsafe { helpers::evfd_helper_lock_wait_queue(self.as_raw()) },
            _not_send: NotThreadSafe,
        }
    }

    /// Removes `entry` from the queue and calls `f`, which must not sleep, with no wake-up in
    /// between.
    ///
    /// Context: where a `spinlock_t` may be taken. Takes the lock of the queue.
    pub fn remove_with<R>(&self, entry: ForeignEntry, f: impl FnOnce() -> R) -> R {
        let _lock = self.lock();
        let result = f();
        // SAFETY: The C caller that passed the `ForeignEntry` guarantees that the entry is on this
        // queue, and the queue's lock is held.
        unsafe { helpers::evfd_helper_remove_wait_queue(self.as_raw(), entry.as_raw()) };
        result
    }
}

/// Sleeps until the task is woken. For [`WaitQueue::sleep_until`], whose callers may sleep.
fn schedule() -> bool {
    // SAFETY: By the documentation of the callers the task may sleep here.
    unsafe { bindings::schedule() };
    true
}

/// The lock of a [`WaitQueue`], held.
///
/// # Invariants
///
/// The lock is held, and was taken with `flags`.
pub struct QueueLock<'a> {
    queue: &'a WaitQueue,
    flags: c_ulong,
    _not_send: NotThreadSafe,
}

impl QueueLock<'_> {
    /// Wakes like [`WaitQueue::wake`].
    pub fn wake(&mut self, events: Events) {
        // With the lock held, this is only a shortcut.
        if self.queue.is_active() {
            // SAFETY: The queue is initialised, and its lock is held.
            unsafe { helpers::evfd_helper_wake_up_locked(self.queue.as_raw(), events.bits()) }
        }
    }
}

impl Drop for QueueLock<'_> {
    fn drop(&mut self) {
        // SAFETY: By the type invariant the lock is held, and these are its flags.
        unsafe { helpers::evfd_helper_unlock_wait_queue(self.queue.as_raw(), self.flags) }
    }
}

/// A `struct wait_queue_entry` that C code passes, on the wait queue that the C code names.
#[repr(transparent)]
pub struct ForeignEntry(NonNull<bindings::wait_queue_entry>);

impl ForeignEntry {
    fn as_raw(&self) -> *mut bindings::wait_queue_entry {
        self.0.as_ptr()
    }
}

/// The time at which a wait ends.
pub struct Limit {
    clock: Clock,
    /// None: never.
    time: Option<Ktime>,
}

impl Limit {
    /// No limit.
    pub const NEVER: Limit = Limit {
        clock: Clock::Monotonic,
        time: None,
    };

    /// The absolute time `time`, in nanoseconds on the host's `clock`.
    pub fn at(clock: Clock, time: Ktime) -> Self {
        Self {
            clock,
            time: Some(time),
        }
    }

    /// Whether the time has come.
    pub fn has_passed(&self) -> bool {
        self.time.is_some_and(|time| self.clock.now() >= time)
    }

    /// Sleeps until a wake-up or the limit. Returns false at the limit.
    fn sleep(&self) -> bool {
        let mut time = self.time.unwrap_or_default();
        let limit = if self.time.is_some() {
            &raw mut time
        } else {
            core::ptr::null_mut()
        };
        // SAFETY: By the documentation of the callers the task may sleep here. `limit` is null or
        // valid.
        unsafe { helpers::evfd_helper_sleep(limit, self.clock.id() as bindings::clockid_t) }
    }
}

/// A task on a wait queue.
///
/// # Invariants
///
/// `entry` is an initialised `struct wait_queue_entry` of the task that made it.
#[pin_data]
#[repr(C)]
struct Waiter<W> {
    #[pin]
    entry: Opaque<bindings::wait_queue_entry>,
    wants: W,
}

impl<W: Fn(Option<Events>) -> bool> Waiter<W> {
    /// A waiter that wakes up if `wants` returns true for the events of a wake-up.
    fn new(exclusive: bool, wants: W) -> impl PinInit<Self> {
        let flags = if exclusive {
            bindings::WQ_FLAG_EXCLUSIVE
        } else {
            0
        };
        pin_init!(Self {
            entry <- Opaque::ffi_init(move |entry: *mut bindings::wait_queue_entry| {
                // SAFETY: `entry` is valid for writing and on no queue.
                unsafe {
                    bindings::init_wait_entry(entry, flags as c_int);
                    (*entry).func = Some(Self::wake);
                }
            }),
            wants: wants,
        })
    }

    /// Wakes the task and removes it from the queue, if it wants the wake-up.
    ///
    /// # Safety
    ///
    /// `entry` must be the entry of a [`Waiter`], and the lock of its queue must be held.
    unsafe extern "C" fn wake(
        entry: *mut bindings::wait_queue_entry,
        mode: c_uint,
        flags: c_int,
        key: *mut c_void,
    ) -> c_int {
        // SAFETY: By the safety requirement this is the first field of a `Waiter`. The waiter is
        // pinned while its entry is on a queue, and the lock keeps the entry there.
        let this = unsafe { &*entry.cast::<Self>() };
        let events = (!key.is_null()).then(|| Events::from_bits(key.addr() as u32));
        if !(this.wants)(events) {
            return 0;
        }
        // SAFETY: The entry is valid and the lock of its queue is held.
        unsafe { bindings::autoremove_wake_function(entry, mode, flags, key) }
    }
}
