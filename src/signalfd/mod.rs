// SPDX-License-Identifier: GPL-2.0

//! The signal descriptor: a file that reads pending [`signals`].
//!
//! It behaves like native's (`fs/signalfd.c`, signalfd(2)). It adds `EVFD_SFD_BLOCK`, and a read
//! into memory that cannot be written takes no signal.

pub(crate) mod eventfs;
pub(crate) mod record;
pub(crate) mod signals;

use crate::{
    abstractions::{
        file::{
            anon_file::{
                self,
                AnonFile,
                Blocking,
                FileOperations,
                Inline, //
            },
            events::Events,
            poll::PollTable, //
        },
        mm::user::{
            read,
            ReadBuf, //
        },
        sync::atomic::read_once,
        task::signal::{
            self,
            SigSet, //
        }, //
    },
    uapi, //
};
use kernel::{
    fs::file::flags::O_RDWR,
    prelude::*,
    seq_file::SeqFile,
    sync::atomic::{
        Atomic,
        Relaxed, //
    },
    uaccess::UserPtr, //
};

static OPS: FileOperations<SignalFd> = FileOperations::build();

const FILE_FLAGS: u32 = uapi::EVFD_SFD_CLOEXEC | uapi::EVFD_SFD_NONBLOCK;

/// A signal descriptor. It gives the signals of the reading process.
pub(crate) struct SignalFd {
    mask: Atomic<u64>,
}

impl SignalFd {
    fn mask(&self) -> SigSet {
        SigSet::from_bits(read_once(&self.mask))
    }

    fn set_mask(&self, mask: SigSet) {
        self.mask.store(mask.bits(), Relaxed);
        // Has a full barrier between the store and the look at the queue.
        signal::wake();
    }
}

#[vtable]
impl AnonFile for SignalFd {
    type Module = crate::LocalModule;
    type Private = Inline<Self>;

    const NAME: &'static CStr = c"[signalfd]";
    const OPS: &'static FileOperations<Self> = &OPS;

    fn read(&self, mut buf: impl ReadBuf, blocking: Blocking<'_>) -> Result<usize> {
        signals::read(|| self.mask(), &mut buf, blocking)
    }

    fn ioctl(&self, cmd: u32, arg: UserPtr, _blocking: Blocking<'_>) -> Result<u32> {
        match cmd {
            uapi::EVFD_IOC_SIGNALFD_SETMASK => self.set_mask(read_mask(arg)?),
            _ => return Err(ENOTTY),
        }
        Ok(0)
    }

    fn poll<'a>(&'a self, table: &PollTable<'a>) -> Events {
        signals::poll(self.mask(), table)
    }

    fn show_fdinfo(&self, m: &SeqFile) {
        signals::show(self.mask(), m);
    }

    fn release(_this: Inline<Self>) {}
}

/// Reads a `sigset_t`, without the signals that cannot be caught.
fn read_mask(mask: UserPtr) -> Result<SigSet> {
    Ok(SigSet::from_bits(read(mask)?).that_can_be_caught())
}

/// Makes a signal descriptor, or changes the mask of an existing one, for
/// [`uapi::EVFD_IOC_SIGNALFD`].
///
/// Context: task, may sleep. Errors: `EINVAL` for unknown flags, a mask that has not the size of a
/// `sigset_t`, a reserved field that is not 0, or a `ufd` that is no signal descriptor; `EBADF` if
/// `ufd` is not open; `EFAULT`; and those of [`anon_file::create`].
pub(crate) fn signalfd(args: uapi::evfd_signalfd) -> Result<u32> {
    // In the order in which native checks.
    if args.sizemask as usize != size_of::<SigSet>() {
        return Err(EINVAL);
    }
    let mask = read_mask(UserPtr::from_addr(args.mask as usize))?;
    if args.flags & !(FILE_FLAGS | uapi::EVFD_SFD_BLOCK) != 0 || args.reserved != 0 {
        return Err(EINVAL);
    }
    let make = || match args.ufd {
        -1 => create(mask, args.flags & FILE_FLAGS),
        ufd => anon_file::with_file(ufd, |file| {
            anon_file::data::<SignalFd>(file)?.set_mask(mask);
            Ok(ufd as u32)
        }),
    };
    if args.flags & uapi::EVFD_SFD_BLOCK != 0 {
        signals::blocked(mask, make)
    } else {
        make()
    }
}

fn create(mask: SigSet, flags: u32) -> Result<u32> {
    let this = SignalFd {
        mask: Atomic::new(mask.bits()),
    };
    anon_file::create::<SignalFd>(Inline(this), flags | O_RDWR)
}
