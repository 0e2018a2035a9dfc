// SPDX-License-Identifier: GPL-2.0

//! Arenas, descriptors bound to their cells, and access to the cells in memory.

use super::{descriptor, descriptors::file_flags, number, put, queues, Caller, DEVICE, PAGE};
use crate::{
    program::{Call, Op},
    uapi,
};
use std::{
    mem::{offset_of, size_of},
    ptr,
    sync::atomic::{
        AtomicU32, AtomicU64, AtomicUsize,
        Ordering::{Relaxed, SeqCst},
    },
};

/// A mapping that all threads use. No thread unmaps it before the end of the program.
struct Map {
    address: AtomicUsize,
    size: AtomicUsize,
}

const MAPS: usize = 4;
static MAP: [Map; MAPS] = [const {
    Map {
        address: AtomicUsize::new(0),
        size: AtomicUsize::new(0),
    }
}; MAPS];

/// The files of arenas.
const ARENAS: [&str; 2] = ["anon_inode:[evfd-arena]", "anon_inode:[evfd-timers]"];
/// A mapping that is being made.
const RESERVED: usize = usize::MAX;
const CELL: usize = size_of::<uapi::evfd_cell>();
pub(super) const IN: u32 = libc::EPOLLIN as u32;
const OUT: u32 = libc::EPOLLOUT as u32;

/// Unmaps all arenas. No thread may be running a program.
pub fn clear() {
    for map in &MAP {
        let address = map.address.swap(0, SeqCst);
        if address != 0 {
            // SAFETY: It is a mapping of ours, which no thread uses any more.
            unsafe { libc::munmap(address as *mut _, map.size.load(SeqCst)) };
        }
    }
}

/// The address and the size of a mapping, if it is there.
pub(super) fn mapped(slot: u8) -> Option<(usize, usize)> {
    let map = &MAP[usize::from(slot) % MAPS];
    match map.address.load(SeqCst) {
        0 | RESERVED => None,
        address => Some((address, map.size.load(SeqCst))),
    }
}

/// The size of an arena. The largest arenas take long.
pub(super) fn cells(a: u8) -> u32 {
    match a {
        0..0xe0 => [512, 1, 256, 257, 64, 65, 512, 1000][usize::from(a % 8)],
        _ => [uapi::EVFD_ARENA_MAX, uapi::EVFD_ARENA_MAX + 1, 0, u32::MAX][usize::from(a % 4)],
    }
}

/// The index of a cell or of a timer. The highest are invalid in most arenas.
pub(super) fn index(a: u8) -> u32 {
    match a {
        0..0xe0 => u32::from(a % 4),
        0xe0..0xf0 => [255, 256, 511, 512][usize::from(a % 4)],
        _ => number(a - 0xf0) as u32,
    }
}

/// Whether a file is an arena. The memory of other files may end before a mapping does.
fn is_arena(fd: i32) -> bool {
    std::fs::read_link(format!("/proc/self/fd/{fd}"))
        .is_ok_and(|name| ARENAS.iter().any(|arena| name.as_os_str() == *arena))
}

/// The words of a cell in a mapping.
struct Cell(usize);

impl Cell {
    fn count(&self) -> &AtomicU64 {
        let at = self.0 + offset_of!(uapi::evfd_cell, count);
        // SAFETY: The cell is in a mapping that lasts until the end of the program.
        unsafe { AtomicU64::from_ptr(ptr::with_exposed_provenance_mut(at)) }
    }

    fn wakeup(&self, events: u32) -> &AtomicU32 {
        let at = self.0
            + match events {
                IN => offset_of!(uapi::evfd_cell, wakeup_in),
                _ => offset_of!(uapi::evfd_cell, wakeup_out),
            };
        // SAFETY: See `count()`.
        unsafe { AtomicU32::from_ptr(ptr::with_exposed_provenance_mut(at)) }
    }
}

impl Caller {
    fn bind(&mut self, call: &Call) {
        let arg = uapi::evfd_bind {
            arena: descriptor(call.other),
            cell: index(call.a),
            count: number(call.c) as u32,
            flags: file_flags(call, uapi::EFD_FLAGS),
        };
        let kind = if call.c >= 0xf0 { 14 } else { call.c & 0x80 };
        let argument = self.argument(kind, arg);
        let fd = self.ioctl(DEVICE.load(SeqCst), uapi::BIND, argument, kind);
        put(call.slot, fd);
    }

    pub(super) fn kick(&mut self, fd: i32, events: u32) {
        self.ioctl(fd, uapi::KICK, events as usize, 0);
    }

    /// Maps an arena until the end of the program. If the place is taken, or if `c` is odd, maps it
    /// and unmaps it again.
    fn map_arena(&mut self, call: &Call) {
        let map = &MAP[usize::from(call.other) % MAPS];
        let fd = descriptor(call.slot);
        let size = PAGE * usize::from(call.a % 3 + 1);
        let protection = match call.b {
            0xe0.. => libc::PROT_READ | libc::PROT_EXEC,
            0xd0..0xe0 => libc::PROT_READ,
            _ => libc::PROT_READ | libc::PROT_WRITE,
        };
        let sharing = [libc::MAP_SHARED, libc::MAP_PRIVATE][usize::from(call.a >= 0xf0)];
        let offset = PAGE * usize::from((call.a >> 4) & 3);
        let arguments = [
            0,
            size,
            protection as usize,
            sharing as usize,
            fd as usize,
            offset,
        ];
        let address = self.system_call(libc::SYS_mmap, arguments);
        if address <= 0 {
            return;
        }
        let address = address as usize;
        let stays = protection & libc::PROT_WRITE != 0 && call.c & 1 == 0 && is_arena(fd);
        let old = map.address.compare_exchange(0, RESERVED, SeqCst, SeqCst);
        if stays && old.is_ok() {
            map.size.store(size, SeqCst);
            map.address.store(address, SeqCst);
            return;
        }
        if old.is_ok() {
            map.address.store(0, SeqCst);
        }
        let words = queues::words() as usize;
        self.system_call(libc::SYS_pread64, [words, address + CELL, 8, 0, 0, 0]);
        self.system_call(libc::SYS_munmap, [address, size, 0, 0, 0, 0]);
    }

    /// Kicks like a program that has changed the count.
    fn kick_if_wanted(&mut self, cell: &Cell, fd: i32, events: u32) {
        if cell.wakeup(events).load(SeqCst) != 0 {
            self.kick(fd, events);
        }
    }

    /// Changes a cell: `a` has the way. The last ways are those of a hostile program.
    fn change(&mut self, call: &Call) {
        let Some((address, size)) = mapped(call.slot) else {
            return;
        };
        let cell = Cell(address + index(call.other) as usize % (size / CELL) * CELL);
        let fd = descriptor(call.c);
        let value = number(call.b);
        match call.a % 16 {
            0..6 => {
                let add = |count: u64| count.checked_add(value).filter(|&sum| sum != u64::MAX);
                if cell.count().fetch_update(SeqCst, Relaxed, add).is_ok() {
                    self.kick_if_wanted(&cell, fd, IN);
                }
            }
            6..9 => {
                if cell.count().swap(0, SeqCst) != 0 {
                    self.kick_if_wanted(&cell, fd, OUT);
                }
            }
            9 => {
                let take = |count: u64| count.checked_sub(1);
                if cell.count().fetch_update(SeqCst, Relaxed, take).is_ok() {
                    self.kick_if_wanted(&cell, fd, OUT);
                }
            }
            10 | 11 => cell.count().store(value, SeqCst),
            12 => cell.wakeup(IN).store(value as u32, SeqCst),
            13 => cell.wakeup(OUT).store(value as u32, SeqCst),
            14 => {
                let words = queues::words() as usize;
                let from = usize::from(call.b) * size_of::<u64>();
                self.system_call(libc::SYS_pread64, [words, cell.0, 8, from, 0, 0]);
            }
            // Makes exchanges of other threads fail.
            _ => (0..2000).for_each(|i| cell.count().store(value ^ i, Relaxed)),
        }
    }

    pub(super) fn cells(&mut self, op: Op, call: &Call) {
        match op {
            Op::CellArena => {
                let arg = uapi::evfd_arena {
                    entries: cells(call.a),
                    flags: match file_flags(call, &[]) {
                        flags if call.b >= 0xe0 => flags,
                        flags => flags & !(libc::O_NONBLOCK as u32),
                    },
                };
                self.create(call, uapi::ARENA, arg);
            }
            Op::CellBind => self.bind(call),
            Op::CellKick => {
                const EVENTS: [u32; 8] = [IN, OUT, IN | OUT, IN, OUT, 0, u32::MAX, 1 << 24];
                self.kick(descriptor(call.slot), EVENTS[usize::from(call.a % 8)]);
            }
            Op::CellMap => self.map_arena(call),
            _ => self.change(call),
        }
    }
}
