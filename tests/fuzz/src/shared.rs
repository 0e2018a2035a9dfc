// SPDX-License-Identifier: GPL-2.0

//! The memory that the guest shares with the host. When the guest's kernel has panicked, the host
//! finds the last programs there. The memory is a PCI device of the guest and a file of the host.

use crate::program::{Program, CALL_SIZE, MAX_CALLS};
use std::{
    fs::{self, OpenOptions},
    io,
    os::fd::AsRawFd,
    path::{Path, PathBuf},
    ptr,
};

const MAGIC: u64 = 0x6576_6664_2066_757a;
/// The number of programs in the history.
pub const HISTORY: usize = 64;
const RECORD: usize = 8 + MAX_CALLS * CALL_SIZE;
/// The size of the coverage, a byte for each address of the module's code: see `kcov`.
pub const TEXT: usize = 0x22_0000;
const CORPUS: usize = 1 << 20;

#[repr(C)]
struct Header {
    magic: u64,
    calls: u64,
    programs: u64,
    corpus_bytes: u64,
    done: u64,
}

/// The layout of the memory and of the file.
#[repr(C)]
pub struct Shared {
    header: Header,
    history: [[u8; RECORD]; HISTORY],
    pub reached: [u8; TEXT],
    corpus: [u8; CORPUS],
}

fn pack(program: &Program) -> Vec<u8> {
    let bytes = program.to_bytes();
    let mut record = (bytes.len() as u64).to_le_bytes().to_vec();
    record.extend(bytes);
    record
}

/// The program at the start of `bytes`, and the size of its record.
fn unpack(bytes: &[u8]) -> Option<(Program, usize)> {
    let (size, rest) = bytes.split_first_chunk()?;
    let size = u64::from_le_bytes(*size) as usize;
    let program = Program::from_bytes(rest.get(..size)?);
    (size != 0).then_some((program, 8 + size))
}

/// Finds QEMU's ivshmem by its PCI IDs.
fn device() -> io::Result<PathBuf> {
    for entry in fs::read_dir("/sys/bus/pci/devices")? {
        let path = entry?.path();
        let is = |file, number| {
            fs::read_to_string(path.join(file)).is_ok_and(|text| text.trim() == number)
        };
        if is("vendor", "0x1af4") && is("device", "0x1110") {
            return Ok(path);
        }
    }
    Err(io::Error::other("the guest has no shared memory"))
}

impl Shared {
    /// Maps the memory, in the guest.
    pub fn map() -> io::Result<&'static mut Shared> {
        let device = device()?;
        fs::write(device.join("enable"), "1")?;
        let file = OpenOptions::new()
            .read(true)
            .write(true)
            .open(device.join("resource2"))?;
        let size = size_of::<Shared>().next_multiple_of(4096);
        let protection = libc::PROT_READ | libc::PROT_WRITE;
        let flags = libc::MAP_SHARED;
        let fd = file.as_raw_fd();
        // SAFETY: A new mapping, which is never unmapped.
        let address = unsafe { libc::mmap(ptr::null_mut(), size, protection, flags, fd, 0) };
        if address == libc::MAP_FAILED {
            return Err(io::Error::last_os_error());
        }
        // SAFETY: It is as large as a `Shared`, any bytes are a valid value, and it is mapped once.
        let shared = unsafe { &mut *address.cast::<Shared>() };
        shared.header.magic = MAGIC;
        Ok(shared)
    }

    /// Reads the memory of a guest from `file`.
    pub fn load(file: &Path) -> io::Result<Box<Shared>> {
        let bytes = fs::read(file)?;
        if bytes.len() < size_of::<Shared>() {
            return Err(io::Error::other("not a guest's shared memory: too small"));
        }
        // SAFETY: Any bytes are a valid `Shared`, and there are enough. Copying needs no alignment.
        let shared = unsafe {
            let mut shared = Box::<Shared>::new_uninit();
            ptr::copy_nonoverlapping(
                bytes.as_ptr(),
                shared.as_mut_ptr().cast(),
                size_of::<Shared>(),
            );
            shared.assume_init()
        };
        if shared.header.magic != MAGIC {
            return Err(io::Error::other("the guest did not run a program"));
        }
        Ok(shared)
    }

    /// Records the program that is run next.
    pub fn note(&mut self, program: &Program) {
        let record = pack(program);
        let at = self.header.programs as usize % HISTORY;
        self.history[at][..record.len()].copy_from_slice(&record);
        self.header.programs += 1;
    }

    pub fn count(&mut self, calls: u64) {
        self.header.calls += calls;
    }

    pub fn programs(&self) -> u64 {
        self.header.programs
    }

    pub fn calls(&self) -> u64 {
        self.header.calls
    }

    /// Marks the run as complete.
    pub fn finish(&mut self) {
        self.header.done = 1;
    }

    pub fn is_finished(&self) -> bool {
        self.header.done == 1
    }

    /// The last programs, in the order in which they were run.
    pub fn history(&self) -> Vec<Program> {
        let all = self.header.programs as usize;
        (all.saturating_sub(HISTORY)..all)
            .filter_map(|i| unpack(&self.history[i % HISTORY]))
            .map(|(program, _)| program)
            .collect()
    }

    /// Passes a program to keep to the host, if there is room.
    pub fn keep(&mut self, program: &Program) {
        let record = pack(program);
        let at = self.header.corpus_bytes as usize;
        if let Some(room) = self.corpus.get_mut(at..at + record.len()) {
            room.copy_from_slice(&record);
            self.header.corpus_bytes += record.len() as u64;
        }
    }

    /// The programs that the guest passed.
    pub fn corpus(&self) -> Vec<Program> {
        let mut rest = &self.corpus[..(self.header.corpus_bytes as usize).min(CORPUS)];
        let mut programs = Vec::new();
        while let Some((program, size)) = unpack(rest) {
            programs.push(program);
            rest = &rest[size..];
        }
        programs
    }
}
