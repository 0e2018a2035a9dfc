// SPDX-License-Identifier: GPL-2.0

//! Atomic operations without a call. The kernel crate calls a C function for each.
//!
//! C headers: [`include/asm-generic/rwonce.h`](srctree/include/asm-generic/rwonce.h),
//! [`include/linux/atomic.h`](srctree/include/linux/atomic.h)

use kernel::sync::atomic::{
    Atomic,
    AtomicType, //
};

/// Loads like `load(Relaxed)`: C's `READ_ONCE()`.
#[inline(always)]
pub fn read_once<T: AtomicType>(atomic: &Atomic<T>) -> T {
    // SAFETY: The pointer is valid and aligned, and any stored value is a valid `T`. `AtomicType`
    // says that a `T` is at most a machine word. For such an access, if it is volatile, the
    // kernel's memory model allows concurrent writes.
    unsafe { atomic.as_ptr().read_volatile() }
}

/// Stores `new` and returns true if the value is `old`, like `cmpxchg(old, new, Full)`.
///
/// It does not return the old value, so the processor's flag is the whole result. The inline form
/// is for "kernel post, no waiter" in tests/bench/bounds.
#[inline(always)]
pub fn try_cmpxchg_full(atomic: &Atomic<u64>, old: u64, new: u64) -> bool {
    // The sanitizers instrument the C functions only.
    #[cfg(all(target_arch = "x86_64", not(any(CONFIG_KASAN, CONFIG_KCSAN))))]
    {
        // SAFETY: The pointer is valid and aligned, and any value is a valid `u64`. The instruction
        // is a full barrier, which `arch_try_cmpxchg()` relies on too. The compiler assumes that
        // the assembly changes memory, so it moves no access across it.
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
