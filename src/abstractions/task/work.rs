// SPDX-License-Identifier: GPL-2.0

//! Kernel threads that work for users, and can be told to end their work.
//!
//! C header: [`include/linux/workqueue.h`](srctree/include/linux/workqueue.h)

use crate::abstractions::helpers;
use core::ptr::NonNull;
use kernel::{
    prelude::*,
    types::Opaque,
    workqueue::Queue, //
};

/// What the work waits for.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Waits {
    /// For a file system or a device.
    ForStorage,
    /// For other programs, maybe without end.
    ForOthers,
    /// For nothing but locks and pages.
    ForNothing,
}

/// The threads that work for the user of the task that has made it. Their number is limited for
/// each user, and further work waits for its turn.
///
/// # Invariants
///
/// `raw` was returned by `evfd_helper_get_workers()`, with a reference.
pub struct Workers {
    raw: NonNull<helpers::evfd_workers>,
}

// SAFETY: The C structure is used under a lock, and its work queues do their own locking.
unsafe impl Send for Workers {}
// SAFETY: See above.
unsafe impl Sync for Workers {}

impl Workers {
    /// Those of the current task's user. Context: task, may sleep. Errors: `ENOMEM`.
    ///
    /// The last to be dropped waits for all work of the user. So no work may drop it, or take a
    /// lock that its dropper holds.
    pub fn current() -> Result<Self> {
        // SAFETY: It has no requirement but its context.
        let raw = NonNull::new(unsafe { helpers::evfd_helper_get_workers() }).ok_or(ENOMEM)?;
        // INVARIANT: It was just returned.
        Ok(Self { raw })
    }

    /// The queue for work. Context: any but an NMI.
    pub fn queue(&self, waits: Waits) -> &Queue {
        let waits = match waits {
            Waits::ForStorage => helpers::evfd_waits_EVFD_WAITS_FOR_STORAGE,
            Waits::ForOthers => helpers::evfd_waits_EVFD_WAITS_FOR_OTHERS,
            Waits::ForNothing => helpers::evfd_waits_EVFD_WAITS_NOT,
        };
        // SAFETY: By the type invariant. The queue is valid as long as the reference.
        unsafe { Queue::from_raw(helpers::evfd_helper_work_queue(self.raw.as_ptr(), waits)) }
    }
}

impl Drop for Workers {
    fn drop(&mut self) {
        // SAFETY: By the type invariant. Nothing uses it afterwards.
        unsafe { helpers::evfd_helper_put_workers(self.raw.as_ptr()) };
    }
}

/// Work that another task can end early.
///
/// # Invariants
///
/// `worker` is initialised.
#[pin_data]
pub struct Killable {
    #[pin]
    worker: Opaque<helpers::evfd_worker>,
}

// SAFETY: The C structure has a lock.
unsafe impl Send for Killable {}
// SAFETY: See above.
unsafe impl Sync for Killable {}

impl Killable {
    /// Work that is not being done.
    pub fn new() -> impl PinInit<Self> {
        pin_init!(Self {
            // SAFETY: The pointer is valid for writing, and the memory is pinned.
            // INVARIANT: It is initialised.
            worker <- Opaque::ffi_init(|worker| unsafe {
                helpers::evfd_helper_init_worker(worker)
            }),
        })
    }

    /// Does `work`, during which [`Killable::kill`] has an effect. One task at a time.
    ///
    /// Context: a thread of a work queue.
    pub fn run<R>(&self, work: impl FnOnce() -> R) -> R {
        // SAFETY: By the type invariant.
        unsafe { helpers::evfd_helper_begin_work(self.worker.get()) };
        let result = work();
        // SAFETY: By the type invariant.
        unsafe { helpers::evfd_helper_end_work(self.worker.get()) };
        result
    }

    /// Ends the sleeps of the work that a signal can end, as for a process that is killed. Has no
    /// effect on work that begins later. Context: task.
    pub fn kill(&self) {
        // SAFETY: By the type invariant.
        unsafe { helpers::evfd_helper_kill_work(self.worker.get()) };
    }
}
