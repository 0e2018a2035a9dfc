// SPDX-License-Identifier: GPL-2.0

//! Signals, clocks and capabilities, which affect descriptors from outside.

use super::{Caller, INTERRUPT, TIDS};
use crate::program::{Call, Op, THREADS};
use std::{mem, ptr, sync::atomic::Ordering::SeqCst};

/// The signals that programs send.
const SIGNALS: [i32; 16] = [
    libc::SIGUSR1,
    libc::SIGCHLD,
    34,
    35,
    libc::SIGIO,
    libc::SIGSYS,
    libc::SIGBUS,
    36,
    libc::SIGUSR2,
    libc::SIGALRM,
    libc::SIGTRAP,
    libc::SIGILL,
    libc::SIGFPE,
    libc::SIGURG,
    37,
    38,
];
const MASK_SIZE: usize = 8;

/// A signal that may be sent, because it has a handler.
pub fn signal_to_send(a: u8) -> i32 {
    SIGNALS[usize::from(a % 16)]
}

/// Any signal number, valid or not, except [`INTERRUPT`].
pub fn signal(a: u8) -> i32 {
    match a {
        0..0xf0 => signal_to_send(a),
        0xf0 => 0,
        0xf1 => 65,
        0xf2 => libc::SIGKILL,
        0xf3 => libc::SIGSTOP,
        _ => i32::from(a) - 0xf8,
    }
}

/// A set of signals. Each bit of `a` stands for two of them.
pub fn some_signals(a: u8) -> u64 {
    let chosen = SIGNALS
        .iter()
        .enumerate()
        .filter(|(i, _)| a & (1 << (i % 8)) != 0);
    chosen.map(|(_, signal)| 1 << (signal - 1)).sum()
}

/// All signals that a program may block.
pub const MOST_SIGNALS: u64 = !(1 << (INTERRUPT - 1));

extern "C" fn handler(_: i32) {}

pub fn prepare() {
    // SAFETY: The handler is empty, so it may run anywhere.
    unsafe {
        for signal in SIGNALS.into_iter().chain([INTERRUPT]) {
            let mut action: libc::sigaction = mem::zeroed();
            action.sa_sigaction = handler as usize;
            assert!(libc::sigaction(signal, &action, ptr::null_mut()) == 0);
        }
    }
}

/// Blocks all signals in the calling thread.
pub fn block_all() {
    set_mask(libc::SIG_SETMASK, u64::MAX);
}

/// Changes the mask of the calling thread. Returns the old mask.
fn set_mask(how: i32, mask: u64) -> u64 {
    let (mut old, address) = (0u64, &raw const mask);
    // SAFETY: The masks outlive the call.
    unsafe {
        libc::syscall(
            libc::SYS_rt_sigprocmask,
            how,
            address,
            &raw mut old,
            MASK_SIZE,
        )
    };
    old
}

/// Unblocks [`INTERRUPT`] in the calling thread.
pub fn unblock_interrupt() {
    set_mask(libc::SIG_UNBLOCK, !MOST_SIGNALS);
}

/// Calls `f` with all signals blocked.
pub fn undisturbed(f: impl FnOnce()) {
    let old = set_mask(libc::SIG_SETMASK, u64::MAX);
    f();
    set_mask(libc::SIG_SETMASK, old);
}

/// The capability for alarm clocks.
const CAP_WAKE_ALARM: u32 = 35;

/// Sets all capabilities, or all except [`CAP_WAKE_ALARM`].
fn set_capabilities(all: bool) {
    let header = [0x2008_0522u32, 0];
    let mut data = [0u32; 6];
    // SAFETY: The arrays are as large as the structures.
    unsafe {
        libc::syscall(libc::SYS_capget, header.as_ptr(), data.as_mut_ptr());
        (data[0], data[3]) = (data[1], data[4]);
        if !all {
            data[3] &= !(1 << (CAP_WAKE_ALARM - 32));
        }
        libc::syscall(libc::SYS_capset, header.as_ptr(), data.as_ptr());
    }
}

impl Caller {
    /// Sends a signal with a `siginfo` made here.
    fn queue(&mut self, call: &Call) {
        const CODES: [i32; 16] = [-1, 0, -2, -3, -5, -6, 1, 2, 3, 4, 5, 6, 8, 0x80, -60, 7];
        let mut info = [0i32; 32];
        let signal = signal_to_send(call.a);
        info.iter_mut()
            .enumerate()
            .for_each(|(i, word)| *word = i as i32);
        info[0] = signal;
        info[2] = CODES[usize::from(call.b % 16)];
        let info = info.as_ptr() as usize;
        // SAFETY: It has no arguments.
        let process = unsafe { libc::getpid() } as usize;
        let own = TIDS[self.index].load(SeqCst) as usize;
        let other = TIDS[usize::from(call.c / 3) % THREADS].load(SeqCst) as usize;
        let signal = signal as usize;
        match call.c % 3 {
            0 => self.system_call(
                libc::SYS_rt_tgsigqueueinfo,
                [process, own, signal, info, 0, 0],
            ),
            1 => self.system_call(libc::SYS_rt_sigqueueinfo, [own, signal, info, 0, 0, 0]),
            _ => self.system_call(
                libc::SYS_rt_tgsigqueueinfo,
                [process, other, signal, info, 0, 0],
            ),
        };
    }

    fn kill(&mut self, call: &Call) {
        let signal = signal_to_send(call.a) as usize;
        // SAFETY: It has no arguments.
        let process = unsafe { libc::getpid() } as usize;
        match TIDS.get(usize::from(call.b) % (THREADS + 1)) {
            Some(tid) => {
                let tid = tid.load(SeqCst) as usize;
                self.system_call(libc::SYS_tgkill, [process, tid, signal, 0, 0, 0]);
            }
            None => _ = self.system_call(libc::SYS_kill, [process, signal, 0, 0, 0, 0]),
        }
    }

    /// Starts a timer that sends a signal.
    fn start_timer(&mut self, call: &Call) {
        if self.timers.len() == 4 {
            return;
        }
        let mut id = 0i32;
        // value, signal, SIGEV_SIGNAL
        let mut event = [0i32; 16];
        event[2] = signal_to_send(call.a);
        let time = [0i64, 0, 0, 1 + 5000 * i64::from(call.b)];
        let (event, place) = (event.as_ptr() as usize, &raw mut id as usize);
        if self.system_call(libc::SYS_timer_create, [1, event, place, 0, 0, 0]) == 0 {
            self.timers.push(id);
            let time = time.as_ptr() as usize;
            self.system_call(libc::SYS_timer_settime, [id as usize, 0, time, 0, 0, 0]);
        }
    }

    /// Sets the clock forward, by at most 16 ms.
    fn set_clock(&mut self, call: &Call) {
        let mut now = [0i64; 2];
        let address = now.as_mut_ptr() as usize;
        self.system_call(libc::SYS_clock_gettime, [0, address, 0, 0, 0, 0]);
        now[1] += 1_000_000 * i64::from(call.a % 16 + 1);
        if now[1] >= 1_000_000_000 {
            now = [now[0] + 1, now[1] - 1_000_000_000];
        }
        self.system_call(
            libc::SYS_clock_settime,
            [0, now.as_ptr() as usize, 0, 0, 0, 0],
        );
    }

    fn set_tai(&mut self, call: &Call) {
        const ADJ_TAI: u32 = 0x80;
        // SAFETY: All zeros are a valid `timex`.
        let mut timex: libc::timex = unsafe { mem::zeroed() };
        timex.modes = ADJ_TAI;
        timex.constant = i64::from(call.a % 64);
        self.system_call(libc::SYS_adjtimex, [&raw mut timex as usize, 0, 0, 0, 0, 0]);
    }

    pub(super) fn signals(&mut self, op: Op, call: &Call) {
        match op {
            Op::Kill => self.kill(call),
            Op::Sigqueue => self.queue(call),
            Op::Sigmask => {
                self.calls += 1;
                self.changed = true;
                set_mask(i32::from(call.b % 3), some_signals(call.a));
            }
            Op::Sigtimer => self.start_timer(call),
            Op::Capabilities => {
                self.calls += 2;
                self.changed = true;
                set_capabilities(call.a & 1 != 0);
            }
            Op::ClockSet => self.set_clock(call),
            Op::TaiOffset => self.set_tai(call),
            _ => {
                let time = [0i64, 1000 * i64::from(call.a)];
                let time = time.as_ptr() as usize;
                self.system_call(libc::SYS_nanosleep, [time, 0, 0, 0, 0, 0]);
            }
        }
    }

    pub(super) fn reset_signals(&mut self) {
        for id in self.timers.drain(..) {
            // SAFETY: The timer is the thread's own.
            unsafe { libc::syscall(libc::SYS_timer_delete, id) };
        }
        if mem::take(&mut self.changed) {
            set_capabilities(true);
            set_mask(libc::SIG_SETMASK, 0);
        }
    }
}
