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

/// Finds out by what `poll()` and `select()` can be told: for [`PollTable::wait_unless_ready`].
///
/// Context: task, once, in the module's initialisation.
pub fn init() {
    // SAFETY: Nobody polls yet, so nobody reads what this writes.
    unsafe { helpers::evfd_helper_find_select() };
}

/// Wraps the kernel's `poll_table`, for a poll of a file whose private data is borrowed for `'a`.
///
/// # Invariants
///
/// `table` is null or references a valid `poll_table`, and `file` is the file that is polled; both
/// for `'a`. What can be borrowed for `'a` lives until the file is released.
pub struct PollTable<'a> {
    table: *mut bindings::poll_table,
    file: &'a File,
    // Invariant in `'a`, so that nobody can make do with a shorter life time.
    _lifetime: PhantomData<fn(&'a ()) -> &'a ()>,
}

impl<'a> PollTable<'a> {
    /// Creates a [`PollTable`] from a pointer.
    ///
    /// # Safety
    ///
    /// `table` must be null or reference a valid `poll_table` for `'a`. What the caller lends out
    /// for `'a` must live until `file` is released.
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

    /// Puts the poller on `queue`, unless it is there already or does not mean to wait.
    ///
    /// A poller that comes onto the queue here sees all that was written before a
    /// [`WaitQueue::is_active`] that did not see the poller, if a full barrier comes between that
    /// write and that call: `poll_wait()` has the barrier that pairs with it.
    pub fn wait(&self, queue: &'a WaitQueue) {
        // SAFETY: `file` is valid and the table is null or valid by the type invariants. They also
        // say that the queue lives until the file is released, and `poll()`, epoll, aio and
        // io_uring leave the queue before that, as they hold a reference on the file or, epoll,
        // are told before its release.
        unsafe { bindings::poll_wait(self.file.as_ptr(), queue.as_raw(), self.table) }
    }

    /// For what the poller waits, or would if it were to wait.
    #[inline(always)]
    pub fn wanted(&self) -> Events {
        // SAFETY: The table is null or valid by the type invariants.
        match unsafe { self.table.as_ref() } {
            Some(table) => Events::from_bits(table._key),
            None => Events::NONE,
        }
    }

    /// As [`PollTable::wait`] before `events`, which it returns. But a poller that will not wait,
    /// as it finds one of them, is not put on the queue.
    #[inline(always)]
    pub fn wait_unless_ready(&self, queue: &'a WaitQueue, events: impl Fn() -> Events) -> Events {
        let now = events();
        if self.ends_with(now) {
            return now;
        }
        self.wait_for(queue, events)
    }

    #[inline(never)]
    fn wait_for(&self, queue: &'a WaitQueue, events: impl Fn() -> Events) -> Events {
        self.wait(queue);
        events()
    }

    /// Whether the poller will not wait if there is one of `events`.
    ///
    /// `poll()` and `select()` end for an event that they have asked for, which is in their key.
    /// What others do is not known.
    #[inline(always)]
    fn ends_with(&self, events: Events) -> bool {
        // SAFETY: The table is null or valid by the type invariants.
        let Some(table) = (unsafe { self.table.as_ref() }) else {
            return true;
        };
        let Some(proc) = table._qproc else {
            return true;
        };
        // SAFETY: `init()` has written it, and nobody does any more.
        let select = unsafe { helpers::evfd_helper_select_proc };
        select.is_some_and(|select| core::ptr::fn_addr_eq(proc, select))
            && events.intersects(Events::from_bits(table._key))
    }

    /// Puts the poller on the queue on which tasks wait for signals of the current thread group,
    /// unless it is there already or does not mean to wait. Context: task.
    ///
    /// The poller is on the queue of whoever has polled, or added the file to an epoll instance,
    /// whoever that file is given to later.
    pub fn wait_for_signals(&self) {
        // SAFETY: `file` is valid and the table is null or valid by the type invariants. The queue
        // lives until the last task that shares it ends, which wakes all that are on it with
        // `POLLFREE`; and pollers leave then, within the RCU grace period until it is freed.
        unsafe {
            bindings::poll_wait(
                self.file.as_ptr(),
                helpers::evfd_helper_signal_queue(),
                self.table,
            )
        }
    }
}
