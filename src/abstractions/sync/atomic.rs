// SPDX-License-Identifier: GPL-2.0

//! Atomic operations without a call: for each, the kernel crate calls a C function.
//!
//! C headers: [`include/asm-generic/rwonce.h`](srctree/include/asm-generic/rwonce.h),
//! [`include/linux/atomic.h`](srctree/include/linux/atomic.h)

use kernel::sync::atomic::{
    Atomic,
    AtomicType, //
};

/// Loads as `load(Relaxed)` does: C's `READ_ONCE()`.
#[inline(always)]
pub fn read_once<T: AtomicType>(atomic: &Atomic<T>) -> T {
    // SAFETY: The pointer is valid and aligned, and any value that was stored is a valid `T`. Others
    // may write at the same time, as the kernel's memory model allows for a volatile access of the
    // size of a machine word or less, which `AtomicType` says it is.
    unsafe { atomic.as_ptr().read_volatile() }
}

/// Makes `atomic` `new` if it is `old`, as `cmpxchg(old, new, Full)` does. Returns whether it was.
///
/// Without what it was, for which there is a load, the processor's flag is all that is looked at.
#[inline(always)]
pub fn try_cmpxchg_full(atomic: &Atomic<u64>, old: u64, new: u64) -> bool {
    // The sanitizers look at what the C functions do.
    #[cfg(all(target_arch = "x86_64", not(any(CONFIG_KASAN, CONFIG_KCSAN))))]
    {
        // SAFETY: The pointer is valid and aligned, and any value is a valid `u64`. The instruction
        // is a full barrier, as `arch_try_cmpxchg()` relies on; and the compiler takes the memory
        // for changed, so that it moves nothing over it.
        unsafe {
            core::arch::asm!(
                "lock cmpxchg qword ptr [{atomic}], {new}",
                "jne {changed}",
                atomic = in(reg) atomic.as_ptr(),
                new = in(reg) new,
                inout("rax") old => _,
                changed = label { return false },
                options(nostack),
            )
        };
        true
    }
    #[cfg(not(all(target_arch = "x86_64", not(any(CONFIG_KASAN, CONFIG_KCSAN)))))]
    atomic.cmpxchg(old, new, kernel::sync::atomic::Full).is_ok()
}
