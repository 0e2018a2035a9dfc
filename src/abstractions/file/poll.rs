// SPDX-License-Identifier: GPL-2.0

//! Poll tables.
//!
//! C header: [`include/linux/poll.h`](srctree/include/linux/poll.h)

use crate::abstractions::{
    file::events::Events,
    helpers,
    sync::wait::WaitQueue, //
};
use core::marker::PhantomData;
use kernel::{
    bindings,
    fs::File, //
};

/// Finds the callback of `poll()` and `select()`, for [`PollTable::wait_unless_ready`].
///
/// Context: task, once, in the module's initialisation.
pub fn init() {
    // SAFETY: No file can be polled yet, so the variable has no reader.
    unsafe { helpers::evfd_helper_find_select() };
}

/// Wraps the kernel's `poll_table`, for a poll of a file whose private data is borrowed for `'a`.
///
/// # Invariants
///
/// For `'a`, `table` is null or references a valid `poll_table`, and `file` is the polled file. A
/// value that can be borrowed for `'a` lives until the file is released.
#[derive(Clone, Copy)]
pub struct PollTable<'a> {
    table: *mut bindings::poll_table,
    file: &'a File,
    // Invariant in `'a`, so that it cannot be replaced by a shorter life time.
    _lifetime: PhantomData<fn(&'a ()) -> &'a ()>,
}

impl<'a> PollTable<'a> {
    /// Creates a [`PollTable`] from a pointer.
    ///
    /// # Safety
    ///
    /// `table` must be null or reference a valid `poll_table` for `'a`. Values that the caller
    /// lends for `'a` must live until `file` is released.
    pub(in crate::abstractions) unsafe fn from_raw(
        table: *mut bindings::poll_table,
        file: &'a File,
    ) -> Self {
        // INVARIANT: The safety requirements are the type invariants.
        Self {
            table,
            file,
            _lifetime: PhantomData,
        }
    }

    /// Puts the poller on `queue`, unless it is there already or will not wait.
    ///
    /// Suppose that another task writes, has a full barrier, and then calls
    /// [`WaitQueue::is_active`] without seeing this poller. Then this poller sees that write after
    /// this call, because `poll_wait()` has the barrier that pairs with it.
    pub fn wait(&self, queue: &'a WaitQueue) {
        // SAFETY: `file` is valid and the table is null or valid by the type invariants. They also
        // say that the queue lives until the file is released. Pollers leave the queue before that:
        // `poll()`, aio and io_uring hold a reference on the file, and the release of the file
        // begins with its removal from epoll.
        unsafe { bindings::poll_wait(self.file.as_ptr(), queue.as_raw(), self.table) }
    }

    /// The events that the poller asks for, whether it waits or not.
    #[inline(always)]
    pub fn wanted(&self) -> Events {
        // SAFETY: The table is null or valid by the type invariants.
        match unsafe { self.table.as_ref() } {
            Some(table) => Events::from_bits(table._key),
            None => Events::NONE,
        }
    }

    /// Like [`PollTable::wait`] followed by `events`, whose result it returns. But a poller that
    /// will not wait, because one of the events is there, does not join the queue.
    ///
    /// This is for "eventfd poll ready, may wait" in tests/bench/bounds.
    #[inline(always)]
    pub fn wait_unless_ready(&self, queue: &'a WaitQueue, events: impl Fn() -> Events) -> Events {
        let now = events();
        if self.ends_with(now) {
            return now;
        }
        self.wait_for(queue, events)
    }

    // By value, to stay in registers: for "64 ready eventfds: epoll_wait" in tests/bench/bounds.
    #[inline(never)]
    fn wait_for(self, queue: &'a WaitQueue, events: impl Fn() -> Events) -> Events {
        self.wait(queue);
        events()
    }

    /// Whether the poller will not wait, or not because of `events`.
    #[inline(always)]
    fn ends_with(&self, events: Events) -> bool {
        // SAFETY: The table is null or valid by the type invariants.
        match unsafe { self.table.as_ref() } {
            Some(table) => table._qproc.is_none() || self.is_answered_by(events),
            None => true,
        }
    }

    /// Whether the poller is `poll()` or `select()`, which return because of `events` and do not
    /// wait. Other pollers may wait although there are events.
    #[inline(always)]
    pub fn is_answered_by(&self, events: Events) -> bool {
        // SAFETY: The table is null or valid by the type invariants.
        let Some(table) = (unsafe { self.table.as_ref() }) else {
            return false;
        };
        let Some(proc) = table._qproc else {
            return false;
        };
        // SAFETY: Only `init()` writes the variable, and has done so.
        let select = unsafe { helpers::evfd_helper_select_proc };
        select.is_some_and(|select| core::ptr::fn_addr_eq(proc, select))
            && events.intersects(Events::from_bits(table._key))
    }

    /// Puts the poller on the wait queue for signals of the current thread group, unless it is
    /// there already or will not wait. Context: task.
    ///
    /// The queue is that of the task that polls, or that adds the file to an epoll instance, even
    /// if the file is passed to another process later.
    pub fn wait_for_signals(&self) {
        // SAFETY: `file` is valid and the table is null or valid by the type invariants. The queue
        // lives until the last task that shares it ends. That task wakes all pollers on it with
        // `POLLFREE`, and they leave within the RCU grace period before the queue is freed.
        unsafe {
            bindings::poll_wait(
                self.file.as_ptr(),
                helpers::evfd_helper_signal_queue(),
                self.table,
            )
        }
    }
}
