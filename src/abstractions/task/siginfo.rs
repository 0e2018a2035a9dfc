// SPDX-License-Identifier: GPL-2.0

//! Decoded `kernel_siginfo`.
//!
//! C headers: [`include/linux/signal_types.h`](srctree/include/linux/signal_types.h),
//! [`include/uapi/asm-generic/siginfo.h`](srctree/include/uapi/asm-generic/siginfo.h)

use kernel::bindings;

/// The information of a signal, C's `kernel_siginfo_t`.
///
/// # Invariants
///
/// All bytes are initialised.
#[derive(Clone, Copy)]
#[repr(transparent)]
pub struct SigInfo(bindings::kernel_siginfo);

// SAFETY: Its pointers are values of user space, which the kernel does not follow.
unsafe impl Send for SigInfo {}

/// The information of a signal besides its number and code, by its layout: C's `union __sifields`.
///
/// A value sent by a process is an integer or a pointer, which share their bytes, so there are
/// fields for both. The other fields are named as in sigaction(2), without `si_`.
#[allow(missing_docs)]
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Detail {
    /// Sent by a process, or by the kernel.
    Kill { pid: i32, uid: u32 },
    /// A POSIX timer has expired.
    Timer {
        id: i32,
        overrun: i32,
        int: i32,
        ptr: u64,
    },
    /// A file is ready.
    Poll { band: i64, fd: i32 },
    /// A fault with an address. Layouts with more fields are decoded like this one too.
    Fault { addr: u64 },
    /// A fault with the number of a trap, on Alpha and SPARC.
    FaultTrapNo { addr: u64, trapno: i32 },
    /// A memory error.
    FaultMcErr { addr: u64, lsb: i16 },
    /// A child has changed its state.
    Child {
        pid: i32,
        uid: u32,
        status: i32,
        utime: i64,
        stime: i64,
    },
    /// Sent by a process with a value.
    Rt {
        pid: i32,
        uid: u32,
        int: i32,
        ptr: u64,
    },
    /// A system call was refused.
    Sys {
        call_addr: u64,
        syscall: i32,
        arch: u32,
    },
}

/// The layout of a signal's information.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Layout {
    Kill,
    Timer,
    Poll,
    Fault,
    FaultTrapNo,
    FaultMcErr,
    Child,
    Rt,
    Sys,
}

/// The greatest of the codes that are specific to `signal`, and the layout of these codes.
///
/// Source: `sig_sicodes` in `kernel/signal.c`.
const fn own_codes(signal: u32) -> Option<(u32, Layout)> {
    Some(match signal {
        bindings::SIGILL => (bindings::NSIGILL, Layout::Fault),
        bindings::SIGFPE => (bindings::NSIGFPE, Layout::Fault),
        bindings::SIGSEGV => (bindings::NSIGSEGV, Layout::Fault),
        bindings::SIGBUS => (bindings::NSIGBUS, Layout::Fault),
        bindings::SIGTRAP => (bindings::NSIGTRAP, Layout::Fault),
        bindings::SIGCHLD => (bindings::NSIGCHLD, Layout::Child),
        bindings::SIGPOLL => (bindings::NSIGPOLL, Layout::Poll),
        bindings::SIGSYS => (bindings::NSIGSYS, Layout::Sys),
        _ => return None,
    })
}

/// The layout of a fault: some have more fields than an address.
const fn fault_layout(signal: u32, code: u32) -> Layout {
    match (signal, code) {
        (bindings::SIGBUS, bindings::BUS_MCEERR_AR | bindings::BUS_MCEERR_AO) => Layout::FaultMcErr,
        (bindings::SIGILL, bindings::ILL_ILLTRP) if cfg!(CONFIG_SPARC) => Layout::FaultTrapNo,
        (bindings::SIGFPE, _) if cfg!(CONFIG_ALPHA) => Layout::FaultTrapNo,
        (bindings::SIGTRAP, bindings::TRAP_UNK) if cfg!(CONFIG_ALPHA) => Layout::FaultTrapNo,
        _ => Layout::Fault,
    }
}

/// The layout of the information of `signal` with `code`.
///
/// Source: `siginfo_layout()` in `kernel/signal.c`, which is not exported.
const fn layout(signal: u32, code: i32) -> Layout {
    match code {
        bindings::SI_TIMER => Layout::Timer,
        bindings::SI_SIGIO => Layout::Poll,
        i32::MIN..=-1 => Layout::Rt,
        1.. if (code as u32) < bindings::SI_KERNEL => {
            let code = code as u32;
            match own_codes(signal) {
                Some((greatest, Layout::Fault)) if code <= greatest => fault_layout(signal, code),
                Some((greatest, layout)) if code <= greatest => layout,
                _ if code <= bindings::NSIGPOLL => Layout::Poll,
                _ => Layout::Kill,
            }
        }
        _ => Layout::Kill,
    }
}

impl SigInfo {
    /// The signal.
    pub fn signal(&self) -> i32 {
        self.0.__bindgen_anon_1.si_signo
    }

    /// An error number, which signals of the kernel do not have.
    pub fn errno(&self) -> i32 {
        self.0.__bindgen_anon_1.si_errno
    }

    /// The code: the reason why the signal was sent.
    pub fn code(&self) -> i32 {
        self.0.__bindgen_anon_1.si_code
    }

    /// The rest of the information.
    pub fn detail(&self) -> Detail {
        self.detail_as(layout(self.signal() as u32, self.code()))
    }

    fn detail_as(&self, layout: Layout) -> Detail {
        let fields = &self.0.__bindgen_anon_1._sifields;
        // SAFETY: All fields are integers and pointers, for which any bytes are valid values, and
        // by the type invariant the bytes are initialised.
        unsafe {
            match layout {
                Layout::Kill => Detail::Kill {
                    pid: fields._kill._pid,
                    uid: fields._kill._uid,
                },
                Layout::Timer => Detail::Timer {
                    id: fields._timer._tid,
                    overrun: fields._timer._overrun,
                    int: fields._timer._sigval.sival_int,
                    ptr: fields._timer._sigval.sival_ptr.addr() as u64,
                },
                Layout::Poll => Detail::Poll {
                    band: fields._sigpoll._band as i64,
                    fd: fields._sigpoll._fd,
                },
                Layout::Fault => Detail::Fault {
                    addr: fields._sigfault._addr.addr() as u64,
                },
                Layout::FaultTrapNo => Detail::FaultTrapNo {
                    addr: fields._sigfault._addr.addr() as u64,
                    trapno: fields._sigfault.__bindgen_anon_1._trapno,
                },
                Layout::FaultMcErr => Detail::FaultMcErr {
                    addr: fields._sigfault._addr.addr() as u64,
                    lsb: fields._sigfault.__bindgen_anon_1._addr_lsb,
                },
                Layout::Child => Detail::Child {
                    pid: fields._sigchld._pid,
                    uid: fields._sigchld._uid,
                    status: fields._sigchld._status,
                    utime: fields._sigchld._utime as i64,
                    stime: fields._sigchld._stime as i64,
                },
                Layout::Rt => Detail::Rt {
                    pid: fields._rt._pid,
                    uid: fields._rt._uid,
                    int: fields._rt._sigval.sival_int,
                    ptr: fields._rt._sigval.sival_ptr.addr() as u64,
                },
                Layout::Sys => Detail::Sys {
                    call_addr: fields._sigsys._call_addr.addr() as u64,
                    syscall: fields._sigsys._syscall,
                    arch: fields._sigsys._arch,
                },
            }
        }
    }
}

/// For tests.
#[cfg(CONFIG_KUNIT = "y")]
impl SigInfo {
    fn zeroed() -> Self {
        // INVARIANT: All bytes are 0.
        Self(pin_init::zeroed())
    }

    fn as_raw(&mut self) -> *mut bindings::kernel_siginfo {
        &mut self.0
    }

    /// All bytes `byte`, except for the fields that are passed.
    pub fn filled(byte: u8, signal: i32, errno: i32, code: i32) -> Self {
        let mut info = Self::zeroed();
        // SAFETY: `info` is valid for writing, and its fields are integers and pointers, for which
        // any bytes are valid values.
        unsafe { info.as_raw().write_bytes(byte, 1) };
        // INVARIANT: All bytes are still initialised.
        info.0.__bindgen_anon_1.si_signo = signal;
        info.0.__bindgen_anon_1.si_errno = errno;
        info.0.__bindgen_anon_1.si_code = code;
        info
    }

    /// Sets the rest of the information. The signal and the code say how it is decoded.
    pub fn set_detail(&mut self, detail: Detail) {
        fn pointer(addr: u64) -> *mut kernel::prelude::c_void {
            core::ptr::without_provenance_mut(addr as usize)
        }

        fn set_value(value: &mut bindings::sigval, int: i32, ptr: u64) {
            value.sival_ptr = pointer(ptr);
            value.sival_int = int;
        }

        let fields = &mut self.0.__bindgen_anon_1._sifields;
        // SAFETY: All fields are integers and pointers, for which any bytes are valid values, and
        // by the type invariant the bytes are initialised.
        unsafe {
            match detail {
                Detail::Kill { pid, uid } => {
                    fields._kill._pid = pid;
                    fields._kill._uid = uid;
                }
                Detail::Timer {
                    id,
                    overrun,
                    int,
                    ptr,
                } => {
                    fields._timer._tid = id;
                    fields._timer._overrun = overrun;
                    set_value(&mut fields._timer._sigval, int, ptr);
                }
                Detail::Poll { band, fd } => {
                    fields._sigpoll._band = band as isize;
                    fields._sigpoll._fd = fd;
                }
                Detail::Fault { addr } => fields._sigfault._addr = pointer(addr),
                Detail::FaultTrapNo { addr, trapno } => {
                    fields._sigfault._addr = pointer(addr);
                    fields._sigfault.__bindgen_anon_1._trapno = trapno;
                }
                Detail::FaultMcErr { addr, lsb } => {
                    fields._sigfault._addr = pointer(addr);
                    fields._sigfault.__bindgen_anon_1._addr_lsb = lsb;
                }
                Detail::Child {
                    pid,
                    uid,
                    status,
                    utime,
                    stime,
                } => {
                    fields._sigchld._pid = pid;
                    fields._sigchld._uid = uid;
                    fields._sigchld._status = status;
                    fields._sigchld._utime = utime as isize;
                    fields._sigchld._stime = stime as isize;
                }
                Detail::Rt { pid, uid, int, ptr } => {
                    fields._rt._pid = pid;
                    fields._rt._uid = uid;
                    set_value(&mut fields._rt._sigval, int, ptr);
                }
                Detail::Sys {
                    call_addr,
                    syscall,
                    arch,
                } => {
                    fields._sigsys._call_addr = pointer(call_addr);
                    fields._sigsys._syscall = syscall;
                    fields._sigsys._arch = arch;
                }
            }
        }
    }
}
