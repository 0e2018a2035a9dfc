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

/// RCU keeps what the caller reads as long as the result lives. Preemption is disabled meanwhile,
/// except on `PREEMPT_RT`. Context: any, NMI included.
#[cfg(not(CONFIG_PREEMPT_RT))]
#[inline(always)]
pub fn read_rcu() -> Disabled {
    // A part of RCU's readers, and cheaper than rcu_read_lock().
    disable()
}

/// RCU keeps what the caller reads as long as the result lives. Preemption is disabled meanwhile,
/// except on `PREEMPT_RT`. Context: any, NMI included.
#[cfg(CONFIG_PREEMPT_RT)]
pub fn read_rcu() -> kernel::sync::rcu::Guard {
    kernel::sync::rcu::read_lock()
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
