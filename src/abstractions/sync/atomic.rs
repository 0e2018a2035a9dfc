// SPDX-License-Identifier: GPL-2.0

//! Atomic operations without a call. The kernel crate calls a C function for each.
//!
//! C headers: [`include/asm-generic/rwonce.h`](srctree/include/asm-generic/rwonce.h),
//! [`include/linux/atomic.h`](srctree/include/linux/atomic.h)

use crate::abstractions::helpers;
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

/// Stores like `store(Relaxed)`: C's `WRITE_ONCE()`.
#[inline(always)]
pub fn write_once<T: AtomicType>(atomic: &Atomic<T>, value: T) {
    // SAFETY: The pointer is valid and aligned. See `read_once()` for the size and for concurrent
    // accesses.
    unsafe { atomic.as_ptr().write_volatile(value) }
}

/// Loads like `load(Acquire)`.
#[inline(always)]
pub fn load_acquire<T: AtomicType<Repr = i64>>(atomic: &Atomic<T>) -> T {
    #[cfg(target_arch = "x86_64")]
    if INLINE {
        let value = read_once(atomic);
        // The processor does not reorder a load with a later access, and the compiler does not
        // reorder a volatile access with this fence.
        core::sync::atomic::compiler_fence(core::sync::atomic::Ordering::Acquire);
        return value;
    }
    atomic.load(kernel::sync::atomic::Acquire)
}

/// Stores like `store(Release)`.
#[inline(always)]
pub fn store_release<T: AtomicType<Repr = i64>>(atomic: &Atomic<T>, value: T) {
    #[cfg(target_arch = "x86_64")]
    if INLINE {
        // The processor does not reorder a store with an earlier access, and the compiler does not
        // reorder a volatile access with this fence.
        core::sync::atomic::compiler_fence(core::sync::atomic::Ordering::Release);
        write_once(atomic, value);
        return;
    }
    atomic.store(value, kernel::sync::atomic::Release);
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

/// Whether the operations below are written in assembly. The sanitizers instrument the C functions
/// only.
const INLINE: bool = cfg!(not(any(CONFIG_KASAN, CONFIG_KCSAN)));

/// Sets `bits`. Fully ordered. User space may write the word at the same time: where the processor
/// has such an operation, this never tries twice.
#[inline(always)]
pub fn or_full(atomic: &Atomic<u64>, bits: u64) {
    #[cfg(target_arch = "x86_64")]
    if INLINE {
        // SAFETY: The pointer is valid and aligned, and any value is a valid `u64`. A locked
        // instruction is a full barrier. The compiler assumes that the assembly changes memory, so
        // it moves no access across it.
        unsafe {
            core::arch::asm!(
                "lock or qword ptr [{atomic}], {bits}",
                atomic = in(reg) atomic.as_ptr(),
                bits = in(reg) bits,
                options(nostack),
            )
        };
        return;
    }
    // SAFETY: The pointer is valid and aligned, and any value is a valid `u64`.
    unsafe { helpers::evfd_helper_or(atomic.as_ptr(), bits) }
}

/// Clears all but `bits`, like [`or_full`].
pub fn and_full(atomic: &Atomic<u64>, bits: u64) {
    // SAFETY: The pointer is valid and aligned, and any value is a valid `u64`.
    unsafe { helpers::evfd_helper_and(atomic.as_ptr(), bits) }
}

/// Like [`or_full`], for a word of 32 bits.
pub fn or_full_u32(atomic: &Atomic<u32>, bits: u32) {
    #[cfg(target_arch = "x86_64")]
    if INLINE {
        // SAFETY: See `or_full()`.
        unsafe {
            core::arch::asm!(
                "lock or dword ptr [{atomic}], {bits:e}",
                atomic = in(reg) atomic.as_ptr(),
                bits = in(reg) bits,
                options(nostack),
            )
        };
        return;
    }
    // SAFETY: The pointer is valid and aligned, and any value is a valid `u32`.
    unsafe { helpers::evfd_helper_or_u32(atomic.as_ptr(), bits) }
}

/// Clears all but `bits`, like [`or_full`].
pub fn and_full_u32(atomic: &Atomic<u32>, bits: u32) {
    // SAFETY: The pointer is valid and aligned, and any value is a valid `u32`.
    unsafe { helpers::evfd_helper_and_u32(atomic.as_ptr(), bits) }
}

/// Sets bit 63, like [`or_full`]. Returns whether it was set before.
#[inline(always)]
pub fn test_and_set_top(atomic: &Atomic<u64>) -> bool {
    #[cfg(target_arch = "x86_64")]
    if INLINE {
        // SAFETY: See `or_full()`.
        unsafe {
            core::arch::asm!(
                "lock bts qword ptr [{atomic}], 63",
                "jc {set}",
                atomic = in(reg) atomic.as_ptr(),
                set = label { return true },
                options(nostack),
            )
        };
        return false;
    }
    // SAFETY: The pointer is valid and aligned, and any value is a valid `u64`.
    unsafe { helpers::evfd_helper_test_and_set_top(atomic.as_ptr()) }
}

/// Adds `n` and returns the value before, like `fetch_add(n, Full)`.
#[inline(always)]
pub fn fetch_add_full(atomic: &Atomic<u64>, n: u64) -> u64 {
    #[cfg(target_arch = "x86_64")]
    if INLINE {
        let mut value = n;
        // SAFETY: See `or_full()`.
        unsafe {
            core::arch::asm!(
                "lock xadd qword ptr [{atomic}], {value}",
                atomic = in(reg) atomic.as_ptr(),
                value = inout(reg) value,
                options(nostack),
            )
        };
        return value;
    }
    atomic.fetch_add(n, kernel::sync::atomic::Full)
}

/// Stores `new` and returns the value before, like `xchg(new, Full)`.
#[inline(always)]
pub fn xchg_full(atomic: &Atomic<u32>, new: u32) -> u32 {
    #[cfg(target_arch = "x86_64")]
    if INLINE {
        let mut value = new;
        // SAFETY: See `or_full()`. An exchange with memory is always locked.
        unsafe {
            core::arch::asm!(
                "xchg dword ptr [{atomic}], {value:e}",
                atomic = in(reg) atomic.as_ptr(),
                value = inout(reg) value,
                options(nostack),
            )
        };
        return value;
    }
    atomic.xchg(new, kernel::sync::atomic::Full)
}
