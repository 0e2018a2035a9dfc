// SPDX-License-Identifier: GPL-2.0

//! The module's code that a thread runs: see `Documentation/dev-tools/kcov.rst` of the kernel. Only
//! the module is built for KCOV.

use crate::shared::TEXT;
use std::{
    fs::{self, OpenOptions},
    io,
    os::fd::IntoRawFd,
    ptr,
    sync::{
        atomic::{AtomicU64, Ordering::Relaxed},
        OnceLock,
    },
};

const INIT_TRACE: libc::c_ulong = 0x8008_6301;
const ENABLE: libc::c_ulong = 0x6364;
const DISABLE: libc::c_ulong = 0x6365;
const TRACE_PC: libc::c_ulong = 0;

/// The number of addresses in a thread's buffer.
const ENTRIES: usize = 1 << 16;

/// The sections with code, their offsets in the coverage of the module, and their sizes.
/// `coverage.py` has the same offsets.
const SECTIONS: [(&str, u64, u64); 3] = [
    (".text", 0, 0x20_0000),
    (".init.text", 0x20_0000, 0x1_0000),
    (".exit.text", 0x21_0000, 0x1_0000),
];

/// The addresses of the sections.
static ADDRESSES: OnceLock<Vec<u64>> = OnceLock::new();

/// Reads the addresses of the module from sysfs.
pub fn find_module() -> io::Result<()> {
    let mut addresses = Vec::new();
    for (section, _, _) in SECTIONS {
        let text = fs::read_to_string(format!("/sys/module/evfd/sections/{section}"))?;
        let hex = text.trim().trim_start_matches("0x");
        addresses.push(u64::from_str_radix(hex, 16).map_err(io::Error::other)?);
    }
    ADDRESSES
        .set(addresses)
        .map_err(|_| io::Error::other("found twice"))
}

/// The offset of an address, in the section that begins last before it.
fn offset(address: u64) -> Option<usize> {
    let sections = ADDRESSES.get()?.iter().zip(SECTIONS);
    let inside = sections.filter_map(|(&start, (_, at, size))| {
        let offset = address.wrapping_sub(start);
        (offset < size).then_some((offset, at))
    });
    inside.min().map(|(offset, at)| (at + offset) as usize)
}

/// The buffer of a thread.
pub struct Kcov {
    buffer: *const AtomicU64,
    fd: i32,
}

// SAFETY: The kernel writes for one thread, and all access is atomic.
unsafe impl Send for Kcov {}
// SAFETY: As above.
unsafe impl Sync for Kcov {}

impl Kcov {
    pub fn new() -> io::Result<Self> {
        let file = OpenOptions::new()
            .read(true)
            .write(true)
            .open("/sys/kernel/debug/kcov")?;
        let fd = file.into_raw_fd();
        // SAFETY: The file is KCOV's, and the mapping is new.
        let buffer = unsafe {
            if libc::ioctl(fd, INIT_TRACE, ENTRIES) != 0 {
                return Err(io::Error::last_os_error());
            }
            let protection = libc::PROT_READ | libc::PROT_WRITE;
            libc::mmap(
                ptr::null_mut(),
                ENTRIES * 8,
                protection,
                libc::MAP_SHARED,
                fd,
                0,
            )
        };
        if buffer == libc::MAP_FAILED {
            return Err(io::Error::last_os_error());
        }
        Ok(Self {
            buffer: buffer.cast(),
            fd,
        })
    }

    /// Starts recording the code that the calling thread runs.
    pub fn enable(&self) -> io::Result<()> {
        // SAFETY: The file is KCOV's.
        match unsafe { libc::ioctl(self.fd, ENABLE, TRACE_PC) } {
            0 => Ok(()),
            _ => Err(io::Error::last_os_error()),
        }
    }

    pub fn disable(&self) {
        // SAFETY: The file is KCOV's.
        unsafe { libc::ioctl(self.fd, DISABLE, 0) };
    }

    fn word(&self, index: usize) -> &AtomicU64 {
        assert!(index < ENTRIES);
        // SAFETY: The mapping has that many words, and is never unmapped.
        unsafe { &*self.buffer.add(index) }
    }

    pub fn clear(&self) {
        self.word(0).store(0, Relaxed);
    }

    /// The number of recorded addresses.
    pub fn len(&self) -> usize {
        self.word(0).load(Relaxed) as usize
    }

    /// The offsets of the recorded addresses from `from` to before `to`.
    pub fn offsets(&self, from: usize, to: usize) -> impl Iterator<Item = usize> + '_ {
        (from..to)
            .filter_map(|i| offset(self.word(i + 1).load(Relaxed)))
            .inspect(|&offset| debug_assert!(offset < TEXT))
    }
}
