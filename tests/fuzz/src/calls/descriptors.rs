// SPDX-License-Identifier: GPL-2.0

//! evfd's ioctls, which make descriptors and set them.

use super::{descriptor, number, put, Caller, DEVICE};
use crate::{
    program::{Call, Op},
    uapi,
};
use std::{mem::size_of, sync::atomic::Ordering::SeqCst};

/// The bits of a byte that stand for the own flags of a kind, in the order of the header.
const OWN_BITS: [u8; 5] = [1 << 0, 1 << 1, 1 << 4, 1 << 5, 1 << 6];
const _: () = assert!(
    uapi::EFD_FLAGS.len() <= OWN_BITS.len()
        && uapi::SFD_FLAGS.len() <= OWN_BITS.len()
        && uapi::EVENTFS_FLAGS.len() <= OWN_BITS.len()
);

/// One flag of all 32, most often an unknown flag.
fn any_flag(a: u8) -> u32 {
    (1u32 << 27).rotate_left(a.into())
}

/// Flags of a new descriptor, of a kind with the flags `own`. Bit 3 of `b` makes it block. The
/// highest values of `b` add any flag, which `a` selects.
pub(super) fn file_flags(call: &Call, own: &[u32]) -> u32 {
    let chosen = own
        .iter()
        .zip(OWN_BITS)
        .filter(|&(_, bit)| call.b & bit != 0);
    let own = chosen.fold(0, |flags, (flag, _)| flags | flag);
    let cloexec = if call.b & 4 != 0 { libc::O_CLOEXEC } else { 0 };
    let nonblock = if call.b & 8 == 0 { libc::O_NONBLOCK } else { 0 };
    let any = if call.b >= 0xf0 { any_flag(call.a) } else { 0 };
    own | (cloexec | nonblock) as u32 | any
}

pub(super) fn clock(a: u8) -> i32 {
    // The valid clocks, from CLOCK_REALTIME to CLOCK_TAI. The two commonest are in it twice.
    const CLOCKS: [i32; 8] = [1, 0, 7, 11, 8, 9, 1, 0];
    if a < 0xf0 {
        CLOCKS[usize::from(a % 8)]
    } else {
        i32::from(a) - 0xf8
    }
}

/// A time: usually a short time.
fn time(a: u8) -> uapi::evfd_timespec {
    let (tv_sec, tv_nsec) = match a {
        0 => (0, 0),
        1 => (0, 1),
        2 => (0, 999_999_999),
        3 => (i64::MAX, 0),
        4 => (i64::MAX, 999_999_999),
        5 => (0, 1_000_000_000),
        6 => (-1, 0),
        7 => (0, -1),
        8 => (9_223_372_036, 854_775_807),
        9 => (1 << 32, 0),
        10 => (1, 0),
        11 => (2_000_000_000, 0),
        12..64 => (0, i64::from(a) * 1000),
        _ => (0, i64::from(a) * 20_000),
    };
    uapi::evfd_timespec { tv_sec, tv_nsec }
}

fn mask(a: u8) -> u64 {
    match a {
        0 => super::signals::MOST_SIGNALS,
        1 => 0,
        _ => super::signals::some_signals(a),
    }
}

impl Caller {
    /// Makes a descriptor by an ioctl.
    pub(super) fn create<T: Copy>(&mut self, call: &Call, command: u32, value: T) {
        let argument = self.argument(call.c, value);
        let fd = self.ioctl(DEVICE.load(SeqCst), command, argument, call.c);
        put(call.slot, fd);
    }

    /// Makes a descriptor, or sets the descriptor `ufd`, by an ioctl that does either.
    fn create_or_set(&mut self, call: &Call, ufd: i32, command: u32, argument: usize) {
        let fd = self.ioctl(DEVICE.load(SeqCst), command, argument, call.c);
        if i64::from(ufd) != fd {
            put(call.slot, fd);
        }
    }

    fn timerfd(&mut self, call: &Call) {
        let ufd = if call.other & 0x80 == 0 {
            -1
        } else {
            descriptor(call.other & 0x7f)
        };
        const FLAGS: [u32; 4] = [
            uapi::EVFD_TFD_TIMER_REL,
            uapi::EVFD_TFD_TIMER_ABS,
            uapi::EVFD_TFD_TIMER_SEQ,
            uapi::EVFD_TFD_TIMER_SEQ | uapi::EVFD_TFD_TIMER_ABS,
        ];
        let flags = match FLAGS.get(usize::from(call.b % 5)) {
            Some(&flags) => flags,
            None => FLAGS[usize::from(call.b / 5 % 4)] | any_flag(call.a),
        };
        let value = uapi::evfd_itimerspec {
            it_interval: time(call.b / 5),
            it_value: time(call.c & 0x7f),
        };
        let arg = uapi::evfd_timerfd {
            ufd,
            clockid: clock(call.a),
            flags,
            reserved: u32::from(call.a == 0xef),
            value,
        };
        let argument = self.argument(if call.b > 0xf0 { 14 } else { 0 }, arg);
        self.create_or_set(call, ufd, uapi::TIMERFD, argument);
    }

    fn settime(&mut self, call: &Call) {
        let slack = call.other & 4 != 0;
        let flags = u32::from(call.other & 3) | if slack { uapi::EVFD_TFD_SLACK } else { 0 };
        let any = match call.other {
            0x78..0x80 | 0xff => any_flag(call.a),
            _ => 0,
        };
        let old_value = match call.other >> 4 {
            0..8 => 0,
            kind => self.pointer(kind, size_of::<uapi::evfd_itimerspec>()) as u64,
        };
        let arg = uapi::evfd_timerfd_settime {
            flags: flags | any,
            reserved: u32::from(call.other == 0xfb),
            new_value: uapi::evfd_itimerspec {
                it_interval: time(call.b),
                it_value: time(call.a),
            },
            old_value,
            slack_ns: if slack || call.other == 0xf8 {
                number(call.b)
            } else {
                0
            },
        };
        let argument = self.argument(call.c, arg);
        self.ioctl(
            descriptor(call.slot),
            uapi::TIMERFD_SETTIME,
            argument,
            call.c,
        );
    }

    fn signalfd(&mut self, call: &Call) {
        let ufd = if call.other & 0x80 == 0 {
            -1
        } else {
            descriptor(call.other & 0x7f)
        };
        // The mask is in the page of data, the rest in the page of arguments.
        let pointer = self.pointer(call.c / 16 * 2, size_of::<u64>());
        if pointer == self.pointer(0, 0) {
            // SAFETY: The thread's own page.
            unsafe { *(pointer as *mut u64) = mask(call.a) };
        }
        let arg = uapi::evfd_signalfd {
            ufd,
            flags: file_flags(call, uapi::SFD_FLAGS),
            mask: pointer as u64,
            sizemask: if call.b & 0xf0 == 0x70 { 4 } else { 8 },
            reserved: u32::from(call.b == 0xef),
        };
        let argument = self.argument(call.c, arg);
        self.create_or_set(call, ufd, uapi::SIGNALFD, argument);
        self.changed = true;
    }

    fn other_ioctl(&mut self, call: &Call) {
        const COMMANDS: [u32; 8] = [
            0x5421, // FIONBIO
            0x5452, // FIOASYNC
            0x541b, // FIONREAD
            uapi::UNKNOWN_OF_EVENTFD,
            uapi::SMALL_EVENTFD,
            uapi::SIGNALFD_SETMASK,
            uapi::SMALL_SETTIME,
            0x5451, // FIOCLEX
        ];
        let fd = match call.slot & 0x40 {
            0 => descriptor(call.slot),
            _ => DEVICE.load(SeqCst),
        };
        let argument = self.argument(call.c, u32::from(call.a >> 4));
        self.ioctl(fd, COMMANDS[usize::from(call.a % 8)], argument, call.c);
    }

    pub(super) fn descriptors(&mut self, op: Op, call: &Call) {
        let fd = descriptor(call.slot);
        match op {
            Op::Eventfd => {
                let arg = uapi::evfd_eventfd {
                    count: number(call.a) as u32,
                    flags: file_flags(call, uapi::EFD_FLAGS),
                };
                self.create(call, uapi::EVENTFD, arg);
            }
            Op::TimerfdCreate => {
                let arg = uapi::evfd_timerfd_create {
                    clockid: clock(call.a),
                    flags: file_flags(call, &[]),
                };
                self.create(call, uapi::TIMERFD_CREATE, arg);
            }
            Op::Timerfd => self.timerfd(call),
            Op::Settime => self.settime(call),
            Op::Gettime => {
                let size = size_of::<uapi::evfd_itimerspec>();
                let argument = self.pointer(call.c, size);
                self.ioctl(fd, uapi::TIMERFD_GETTIME, argument, call.c);
            }
            Op::SetTicks => {
                let argument = self.argument(call.c, number(call.a));
                self.ioctl(fd, uapi::SET_TICKS, argument, call.c);
            }
            Op::Signalfd => self.signalfd(call),
            Op::Setmask => {
                let argument = self.argument(call.c, mask(call.a));
                self.ioctl(fd, uapi::SIGNALFD_SETMASK, argument, call.c);
            }
            Op::EventfsSignal => {
                let arg = uapi::evfd_eventfs_signal {
                    signal: super::signals::signal(call.a),
                    flags: file_flags(call, uapi::EVENTFS_FLAGS),
                };
                self.create(call, uapi::EVENTFS_SIGNAL, arg);
                self.changed = true;
            }
            _ => self.other_ioctl(call),
        }
    }
}
