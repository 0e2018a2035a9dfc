// SPDX-License-Identifier: GPL-2.0

//! Preemption.
//!
//! C header: [`include/linux/preempt.h`](srctree/include/linux/preempt.h)

use crate::abstractions::helpers;
use kernel::types::NotThreadSafe;

/// Preemption is disabled on this CPU as long as this lives.
///
/// # Invariants
///
/// `preempt_disable()` was called for this value.
pub struct Disabled(NotThreadSafe);

/// Disables preemption. Context: any, NMI included.
#[inline(always)]
pub fn disable() -> Disabled {
    // SAFETY: The function has no requirement. The call that ends it is in `drop()`.
    unsafe { helpers::evfd_helper_preempt_disable() };
    // INVARIANT: It was just called.
    Disabled(NotThreadSafe)
}

/// Lets other tasks run if they wait for this CPU. Context: task, may sleep.
pub fn cond_resched() {
    // SAFETY: It has no requirement but its context.
    unsafe { helpers::evfd_helper_cond_resched() };
}

impl Drop for Disabled {
    #[inline(always)]
    fn drop(&mut self) {
        // SAFETY: By the type invariant, this ends a `preempt_disable()`. The value never moves to
        // another task.
        unsafe { helpers::evfd_helper_preempt_enable() };
    }
}
