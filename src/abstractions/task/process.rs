// SPDX-License-Identifier: GPL-2.0

//! Processes by their pidfds.
//!
//! C headers: [`include/linux/pid.h`](srctree/include/linux/pid.h),
//! [`include/linux/sched.h`](srctree/include/linux/sched.h)

use crate::abstractions::{
    file::stream::Unreleased,
    helpers, //
};
use kernel::bindings;

/// Whether a process has ended.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Exit {
    /// It runs: a thread of it does.
    Running,
    /// It has ended with this status, that of wait4(2).
    Ended(u32),
    /// It has ended, and its status was taken already.
    Reaped,
}

/// A pidfd.
///
/// # Invariants
///
/// The file belongs to pidfs.
#[derive(Clone, Copy)]
pub struct PidFd<'a>(Unreleased<'a>);

impl<'a> PidFd<'a> {
    /// `file`, if it is a pidfd.
    pub fn new(file: Unreleased<'a>) -> Option<Self> {
        // SAFETY: The file is valid.
        let is_pidfd = unsafe { helpers::evfd_helper_is_pidfd(file.as_ptr()) };
        // INVARIANT: The file system was just tested.
        is_pidfd.then_some(Self(file))
    }

    /// Whether the process is in the PID namespace of the current task, or in one below it.
    ///
    /// Context: task.
    pub fn is_visible(self) -> bool {
        // SAFETY: By the type invariant.
        unsafe { helpers::evfd_helper_process_is_visible(self.0.as_ptr()) }
    }

    /// Whether the process has ended. Context: any, NMI excluded.
    pub fn exit(self) -> Exit {
        // SAFETY: By the type invariant.
        let status = unsafe { helpers::evfd_helper_exit_status(self.0.as_ptr()) };
        match u32::try_from(status) {
            Ok(status) => Exit::Ended(status),
            Err(_) if status == -i64::from(bindings::EAGAIN) => Exit::Running,
            Err(_) => Exit::Reaped,
        }
    }
}
