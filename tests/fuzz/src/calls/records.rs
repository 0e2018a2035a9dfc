// SPDX-License-Identifier: GPL-2.0

//! Arenas of timers, descriptors bound to their timers, and access to the timers in memory.

use super::{
    cells::{cells, index, mapped, IN},
    descriptor,
    descriptors::{clock, file_flags},
    put, Caller, DEVICE,
};
use crate::{
    program::{Call, Op},
    uapi,
};
use std::{
    mem::{offset_of, size_of},
    ptr,
    sync::atomic::{
        AtomicI64,
        Ordering::{Relaxed, SeqCst},
    },
};

const TIMER: usize = size_of::<uapi::evfd_timer>();

fn now(clock: i32) -> i64 {
    let mut now = libc::timespec {
        tv_sec: 0,
        tv_nsec: 0,
    };
    // SAFETY: The pointer is to a structure. An unknown clock fails.
    unsafe { libc::clock_gettime(clock, &mut now) };
    now.tv_sec * 1_000_000_000 + now.tv_nsec
}

/// A time: special, or near to the current time.
fn time(b: u8) -> i64 {
    const SPECIAL: [i64; 8] = [0, 1, -1, i64::MIN, i64::MAX, i64::MAX - 1, -2, i64::MIN + 1];
    let now = now(libc::CLOCK_MONOTONIC);
    match b {
        0..8 => SPECIAL[usize::from(b)],
        8..0x40 => now - i64::from(b - 8) * 1000,
        0x40..0xc0 => now + i64::from(b - 0x40) * 1000,
        0xc0..0xf0 => now + i64::from(b) * 1_000_000,
        _ => now + i64::from(b) * 1_000_000_000,
    }
}

/// The words of a timer in a mapping.
struct Timer(usize);

impl Timer {
    fn word(&self, offset: usize) -> &AtomicI64 {
        // SAFETY: The timer is in a mapping that lasts until the end of the program.
        unsafe { AtomicI64::from_ptr(ptr::with_exposed_provenance_mut(self.0 + offset)) }
    }

    fn next(&self) -> &AtomicI64 {
        self.word(offset_of!(uapi::evfd_timer, next))
    }

    fn look(&self) -> &AtomicI64 {
        self.word(offset_of!(uapi::evfd_timer, look))
    }

    fn interval(&self) -> &AtomicI64 {
        self.word(offset_of!(uapi::evfd_timer, interval))
    }

    fn clock(&self) -> &AtomicI64 {
        self.word(offset_of!(uapi::evfd_timer, clockid))
    }
}

impl Caller {
    fn bind_timer(&mut self, call: &Call) {
        let arg = uapi::evfd_timer_bind {
            arena: descriptor(call.other),
            timer: index(call.a),
            clockid: clock(call.c),
            flags: file_flags(call, &[]),
        };
        let kind = if call.c >= 0xf8 { 14 } else { call.c & 0x80 };
        let argument = self.argument(kind, arg);
        let fd = self.ioctl(DEVICE.load(SeqCst), uapi::TIMER_BIND, argument, kind);
        put(call.slot, fd);
    }

    /// Puts a timer off like a program, and kicks if the kernel looks later.
    fn put_off(&mut self, timer: &Timer, fd: i32, next: i64) {
        let put_off = |old: i64| (old >= -1).then_some(next);
        if timer.next().fetch_update(SeqCst, Relaxed, put_off).is_ok()
            && timer.look().load(SeqCst) > next
        {
            self.kick(fd, IN);
        }
    }

    /// Takes the ticks like a program.
    fn take_ticks(&mut self, timer: &Timer, fd: i32) {
        let now = now(timer.clock().load(Relaxed) as i32);
        let next = timer.next().load(SeqCst);
        if !(1..=now).contains(&next) {
            return;
        }
        let after = match timer.interval().load(Relaxed) {
            interval @ 1.. => next.saturating_add(
                ((now - next) / interval)
                    .saturating_add(1)
                    .saturating_mul(interval),
            ),
            _ => 0,
        };
        let taken = timer.next().compare_exchange(next, after, SeqCst, Relaxed);
        if taken.is_ok() && after != 0 && timer.look().load(SeqCst) > after {
            self.kick(fd, IN);
        }
    }

    /// Changes a timer: `a` has the way. The last ways are those of a hostile program.
    fn change_timer(&mut self, call: &Call) {
        let Some((address, size)) = mapped(call.slot) else {
            return;
        };
        let timer = Timer(address + index(call.other) as usize % (size / TIMER) * TIMER);
        let fd = descriptor(call.c);
        let value = time(call.b);
        match call.a % 16 {
            0..6 => self.put_off(&timer, fd, value.max(1)),
            6..9 => self.take_ticks(&timer, fd),
            9..12 => timer.next().store(value, SeqCst),
            12 => timer.look().store(value, SeqCst),
            13 => timer.interval().store(value, SeqCst),
            14 => timer.clock().store(value, SeqCst),
            // The kernel's timer finds a later time when it expires.
            _ => (0..200).for_each(|i| timer.next().store(time(0x40) + i, Relaxed)),
        }
    }

    pub(super) fn records(&mut self, op: Op, call: &Call) {
        match op {
            Op::TimerArena => {
                let arg = uapi::evfd_arena {
                    entries: cells(call.a),
                    flags: match file_flags(call, &[]) {
                        flags if call.b >= 0xe0 => flags,
                        flags => flags & !(libc::O_NONBLOCK as u32),
                    },
                };
                self.create(call, uapi::TIMER_ARENA, arg);
            }
            Op::TimerBind => self.bind_timer(call),
            _ => self.change_timer(call),
        }
    }
}
