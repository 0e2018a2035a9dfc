// SPDX-License-Identifier: GPL-2.0

//! The system calls of a thread.

mod cells;
mod descriptors;
mod files;
mod posts;
mod queues;
mod records;
pub mod signals;
mod waits;

use crate::program::{Call, Op, SLOTS, THREADS};
use io_uring::IoUring;
use std::{
    arch::asm,
    ptr,
    sync::atomic::{AtomicI32, AtomicUsize, Ordering::SeqCst},
};

/// Interrupts a blocked call. No program blocks or reads this signal.
pub const INTERRUPT: i32 = 64;
/// Descriptors of programs are below this, ours above.
const OWN_DESCRIPTORS: i32 = 200;

/// The descriptors of a program, -1 in an empty slot.
static DESCRIPTORS: [AtomicI32; SLOTS] = [const { AtomicI32::new(-1) }; SLOTS];
/// The thread IDs, by the number of the thread.
pub static TIDS: [AtomicI32; THREADS] = [const { AtomicI32::new(0) }; THREADS];
/// `/dev/evfd`.
static DEVICE: AtomicI32 = AtomicI32::new(-1);
/// The memory of each thread: see [`Caller::pointer`].
static MEMORY: [AtomicUsize; THREADS] = [const { AtomicUsize::new(0) }; THREADS];

const PAGE: usize = 4096;
/// A page for arguments, a page for data, an inaccessible page, a read-only page, and a page with a
/// protection that other threads change.
const PAGES: usize = 5;

/// Makes new descriptors ours, which no program closes, until [`clear`] is called.
pub fn reserve_descriptors() {
    // SAFETY: The path is a string.
    while unsafe { libc::open(c"/dev/null".as_ptr(), libc::O_RDONLY) } < OWN_DESCRIPTORS {}
}

/// Prepares for threads. Must be called once.
pub fn prepare() {
    // SAFETY: The arguments are valid for the system calls.
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
    queues::prepare();
    signals::prepare();
}

/// Closes the descriptors of a program, and lifts its limit. No thread may be running a program.
pub fn clear() {
    for slot in &DESCRIPTORS {
        slot.store(-1, SeqCst);
    }
    files::unlimit();
    queues::clear();
    cells::clear();
    // SAFETY: The descriptors are no longer in use. Children end by themselves.
    unsafe {
        while libc::waitpid(-1, ptr::null_mut(), libc::__WALL) > 0 {}
        libc::close_range(3, OWN_DESCRIPTORS as u32 - 1, 0);
    }
    queues::free_stacks();
}

/// Releases the modules.
pub fn close_devices() {
    queues::close_producers();
    // SAFETY: The descriptor is no longer in use.
    unsafe { libc::close(DEVICE.swap(-1, SeqCst)) };
}

/// The descriptor in a slot.
fn descriptor(slot: u8) -> i32 {
    DESCRIPTORS[usize::from(slot) % SLOTS].load(SeqCst)
}

/// Puts a new descriptor into a slot, and closes the old descriptor.
fn put(slot: u8, fd: i64) {
    if fd >= 0 {
        let old = DESCRIPTORS[usize::from(slot) % SLOTS].swap(fd as i32, SeqCst);
        if old >= 0 && old as i64 != fd {
            // SAFETY: At worst this is a new descriptor of another thread.
            unsafe { libc::close(old) };
        }
    }
}

/// A number: a boundary value or a small number.
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

/// A thread, and its state besides the descriptors.
pub struct Caller {
    index: usize,
    calls: u64,
    fail_nth: i32,
    uring: IoUring,
    /// Whether there may be requests in io_uring.
    requests: bool,
    aio: u64,
    /// The requests of aio. The kernel identifies them by their addresses.
    #[allow(clippy::vec_box)]
    iocbs: Vec<Box<waits::Iocb>>,
    timers: Vec<i32>,
    /// Whether the blocked signals or the capabilities may differ from the initial state.
    changed: bool,
}

impl Caller {
    /// Creates the state of the calling thread.
    pub fn new(index: usize) -> Self {
        // SAFETY: The path is a string. The file is the calling thread's own.
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

    /// The number of system calls made for programs.
    pub fn calls(&self) -> u64 {
        self.calls
    }

    /// The address of the data of a call: usually valid.
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

    /// Stores `value` for a call, and returns its address.
    fn argument<T: Copy>(&self, kind: u8, value: T) -> usize {
        let address = match self.pointer(kind, size_of::<T>()) {
            usual if kind % 16 < 11 => usual - PAGE,
            // The contents of these do not matter.
            special => return special,
        };
        // SAFETY: The thread's own page of arguments.
        unsafe { ptr::write_unaligned(address as *mut T, value) };
        address
    }

    /// Makes a system call for a program.
    fn system_call(&mut self, number: i64, arguments: [usize; 6]) -> i64 {
        self.calls += 1;
        let [a, b, c, d, e, f] = arguments;
        // SAFETY: The pointers are into memory for calls only, or invalid on purpose, and no
        // descriptor is ours.
        unsafe { libc::syscall(number, a, b, c, d, e, f) }
    }

    /// Makes an ioctl, with the highest bit of `kind` like a 32-bit program.
    fn ioctl(&mut self, fd: i32, command: u32, argument: usize, kind: u8) -> i64 {
        const IOCTL_32: u64 = 54;
        if kind & 0x80 == 0 {
            let arguments = [fd as usize, command as usize, argument, 0, 0, 0];
            return self.system_call(libc::SYS_ioctl, arguments);
        }
        self.calls += 1;
        let mut result = IOCTL_32;
        // SAFETY: See `system_call()`. LLVM reserves rbx for itself.
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
        // SAFETY: The string outlives the call.
        unsafe { libc::pwrite(self.fail_nth, text.as_ptr().cast(), text.len(), 0) };
    }

    /// Makes a call. A fault must not hit the delivery of a signal: a thread that loses the
    /// registers which a handler restores is killed.
    pub fn make(&mut self, call: &Call) {
        match call.failing() {
            0 => {
                self.dispatch(call.op(), call);
                // A signal descriptor may block the signals of a mask from any memory.
                if call.op() == Op::Signalfd {
                    signals::unblock_interrupt();
                }
            }
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
        } else if number <= Op::Unhook as u8 {
            self.posts(op, call);
        } else if number <= Op::GetEvents as u8 {
            self.queues(op, call);
        } else if number <= Op::CellChange as u8 {
            self.cells(op, call);
        } else {
            self.records(op, call);
        }
    }

    /// Restores the state of the thread from before the program.
    pub fn reset(&mut self) {
        self.reset_waits();
        self.reset_signals();
    }
}
