// SPDX-License-Identifier: GPL-2.0

//! The system calls that a thread makes.

mod descriptors;
mod files;
mod posts;
pub mod signals;
mod waits;

use crate::program::{Call, Op, SLOTS, THREADS};
use io_uring::IoUring;
use std::{
    arch::asm,
    ptr,
    sync::atomic::{AtomicI32, AtomicUsize, Ordering::SeqCst},
};

/// Interrupts a call that blocks. No program blocks or reads it.
pub const INTERRUPT: i32 = 64;
/// Descriptors of programs are below this, ours above.
const OWN_DESCRIPTORS: i32 = 200;

/// The descriptors of a program: -1 for none.
static DESCRIPTORS: [AtomicI32; SLOTS] = [const { AtomicI32::new(-1) }; SLOTS];
/// The threads, by number.
pub static TIDS: [AtomicI32; THREADS] = [const { AtomicI32::new(0) }; THREADS];
/// `/dev/evfd`.
static DEVICE: AtomicI32 = AtomicI32::new(-1);
/// The memory of each thread: see [`Caller::pointer`].
static MEMORY: [AtomicUsize; THREADS] = [const { AtomicUsize::new(0) }; THREADS];

const PAGE: usize = 4096;
/// One for arguments, one for data, one that is not there, one that can't be written, and one of
/// which other threads change what it is.
const PAGES: usize = 5;

/// Has new descriptors be ours, which no program closes, until [`clear`] is called.
pub fn reserve_descriptors() {
    // SAFETY: The path is a string.
    while unsafe { libc::open(c"/dev/null".as_ptr(), libc::O_RDONLY) } < OWN_DESCRIPTORS {}
}

/// Prepares for threads: to be called once.
pub fn prepare() {
    // SAFETY: The arguments are as the system calls want them.
    unsafe {
        let device = libc::open(c"/dev/evfd".as_ptr(), libc::O_RDWR | libc::O_CLOEXEC);
        assert!(device >= 0, "there is no /dev/evfd");
        DEVICE.store(device, SeqCst);
        for memory in &MEMORY {
            let protection = libc::PROT_READ | libc::PROT_WRITE;
            let flags = libc::MAP_PRIVATE | libc::MAP_ANONYMOUS | libc::MAP_32BIT;
            let address = libc::mmap(ptr::null_mut(), PAGES * PAGE, protection, flags, -1, 0);
            assert!(address != libc::MAP_FAILED, "no memory");
            libc::mprotect(address.add(2 * PAGE), PAGE, libc::PROT_NONE);
            libc::mprotect(address.add(3 * PAGE), PAGE, libc::PROT_READ);
            memory.store(address as usize, SeqCst);
        }
    }
    files::prepare();
    signals::prepare();
}

/// Forgets all that a program has made. No thread runs one.
pub fn clear() {
    for slot in &DESCRIPTORS {
        slot.store(-1, SeqCst);
    }
    files::unlimit();
    // SAFETY: Nobody uses these descriptors any more. A child is there if waiting for it failed.
    unsafe {
        while libc::waitpid(-1, ptr::null_mut(), libc::WNOHANG | libc::__WALL) > 0 {}
        libc::close_range(3, OWN_DESCRIPTORS as u32 - 1, 0);
    }
}

/// Lets go of the module.
pub fn close_device() {
    // SAFETY: No thread uses it any more.
    unsafe { libc::close(DEVICE.swap(-1, SeqCst)) };
}

/// The descriptor in a slot.
fn descriptor(slot: u8) -> i32 {
    DESCRIPTORS[usize::from(slot) % SLOTS].load(SeqCst)
}

/// Puts a new descriptor into a slot, and closes the one that was there.
fn put(slot: u8, fd: i64) {
    if fd >= 0 {
        let old = DESCRIPTORS[usize::from(slot) % SLOTS].swap(fd as i32, SeqCst);
        if old >= 0 && old as i64 != fd {
            // SAFETY: At worst that is one which another thread has just made.
            unsafe { libc::close(old) };
        }
    }
}

/// A number: one of those where things change, or a small one.
fn number(x: u8) -> u64 {
    const SPECIAL: [u64; 16] = [
        1,
        0,
        2,
        u64::MAX - 1,
        u64::MAX,
        u64::MAX - 2,
        1 << 31,
        u32::MAX as u64,
        1 << 32,
        (1 << 31) - 1,
        1 << 63,
        (1 << 63) - 1,
        7,
        8,
        64,
        1 << 16,
    ];
    SPECIAL.get(usize::from(x)).copied().unwrap_or(x.into())
}

/// A thread, and what it has besides the descriptors.
pub struct Caller {
    index: usize,
    calls: u64,
    fail_nth: i32,
    uring: IoUring,
    /// Whether io_uring has been asked for something.
    requests: bool,
    aio: u64,
    /// What aio has been asked for. The kernel knows requests by where they are.
    #[allow(clippy::vec_box)]
    iocbs: Vec<Box<waits::Iocb>>,
    timers: Vec<i32>,
    /// Whether the signals that are blocked, or the capabilities, are others than at first.
    changed: bool,
}

impl Caller {
    /// For the thread that calls this.
    pub fn new(index: usize) -> Self {
        // SAFETY: The path is a string. This is where the thread itself is told.
        let fail_nth = unsafe { libc::open(c"/proc/thread-self/fail-nth".as_ptr(), libc::O_RDWR) };
        Self {
            index,
            calls: 0,
            fail_nth,
            uring: IoUring::new(16).expect("io_uring"),
            requests: false,
            aio: waits::new_aio(),
            iocbs: Vec::new(),
            timers: Vec::new(),
            changed: true,
        }
    }

    /// How many system calls it has made for programs.
    pub fn calls(&self) -> u64 {
        self.calls
    }

    /// Where a call is to find data, or put it: most often where it can.
    fn pointer(&self, kind: u8, size: usize) -> usize {
        let base = MEMORY[self.index].load(SeqCst);
        match kind % 16 {
            11 => base + 2 * PAGE - size / 2,
            12 => base + 2 * PAGE - size.min(8),
            13 => base + 3 * PAGE,
            14 => 0,
            15 => MEMORY[usize::from(kind / 16) % THREADS].load(SeqCst) + 4 * PAGE,
            _ => base + PAGE,
        }
    }

    /// Puts `value` where a call finds it, and says where.
    fn argument<T: Copy>(&self, kind: u8, value: T) -> usize {
        let address = match self.pointer(kind, size_of::<T>()) {
            usual if kind % 16 < 11 => usual - PAGE,
            // What lies there is of no matter.
            special => return special,
        };
        // SAFETY: The thread's own page of arguments.
        unsafe { ptr::write_unaligned(address as *mut T, value) };
        address
    }

    /// A system call of a program.
    fn system_call(&mut self, number: i64, arguments: [usize; 6]) -> i64 {
        self.calls += 1;
        let [a, b, c, d, e, f] = arguments;
        // SAFETY: It gets pointers into memory that is there for it alone, or that is to be
        // refused, and no descriptor of ours.
        unsafe { libc::syscall(number, a, b, c, d, e, f) }
    }

    /// An ioctl; with the highest bit of `kind`, as a 32-bit program makes it.
    fn ioctl(&mut self, fd: i32, command: u32, argument: usize, kind: u8) -> i64 {
        const IOCTL_32: u64 = 54;
        if kind & 0x80 == 0 {
            let arguments = [fd as usize, command as usize, argument, 0, 0, 0];
            return self.system_call(libc::SYS_ioctl, arguments);
        }
        self.calls += 1;
        let mut result = IOCTL_32;
        // SAFETY: As in `system_call()`. LLVM wants rbx for itself.
        unsafe {
            asm!(
                "xchg rbx, {fd}",
                "int 0x80",
                "xchg rbx, {fd}",
                fd = inout(reg) u64::from(fd as u32) => _,
                inout("rax") result,
                in("rcx") u64::from(command),
                in("rdx") argument,
                out("r8") _, out("r9") _, out("r10") _, out("r11") _,
            );
        }
        i64::from(result as i32)
    }

    fn fail(&self, nth: u8) {
        let text = format!("{nth}\n");
        // SAFETY: The string is there during the call.
        unsafe { libc::pwrite(self.fail_nth, text.as_ptr().cast(), text.len(), 0) };
    }

    /// Makes a call. A fault must not meet what the kernel does for a signal: to lose the registers
    /// that a handler returns to is the end of a thread.
    pub fn make(&mut self, call: &Call) {
        match call.failing() {
            0 => self.dispatch(call.op(), call),
            nth => signals::undisturbed(|| {
                self.fail(nth);
                self.dispatch(call.op(), call);
                self.fail(0);
            }),
        }
    }

    fn dispatch(&mut self, op: Op, call: &Call) {
        let number = op as u8;
        if number <= Op::Ioctl as u8 {
            self.descriptors(op, call);
        } else if number <= Op::Limit as u8 {
            self.files(op, call);
        } else if number <= Op::AioWait as u8 {
            self.waits(op, call);
        } else if number <= Op::Sleep as u8 {
            self.signals(op, call);
        } else {
            self.posts(op, call);
        }
    }

    /// Makes the thread what it was before the program.
    pub fn reset(&mut self) {
        self.reset_waits();
        self.reset_signals();
    }
}
