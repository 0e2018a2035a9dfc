// SPDX-License-Identifier: GPL-2.0

//! The signal descriptor: signals that are read instead of handled.
//!
//! Native's is `fs/signalfd.c`, which this does as signalfd(2) says, and these besides: a read into
//! memory that can't be written takes no signal; `EVFD_SFD_BLOCK`.

pub(crate) mod eventfs;
pub(crate) mod record;

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
        sync::{
            atomic::read_once,
            wait::Mode, //
        },
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
    seq_print,
    sync::atomic::{
        Atomic,
        Relaxed, //
    },
    uaccess::UserPtr, //
};

static OPS: FileOperations<SignalFd> = FileOperations::build();

const FILE_FLAGS: u32 = uapi::EVFD_SFD_CLOEXEC | uapi::EVFD_SFD_NONBLOCK;

/// A signal descriptor. Which process's signals it gives depends on who reads.
pub(crate) struct SignalFd {
    mask: Atomic<u64>,
}

impl SignalFd {
    fn mask(&self) -> SigSet {
        SigSet::from_bits(read_once(&self.mask))
    }

    fn set_mask(&self, mask: SigSet) {
        self.mask.store(mask.bits(), Relaxed);
        // It has a full barrier between the store and a look at the queue.
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
        read_signals(|| self.mask(), &mut buf, blocking)
    }

    fn ioctl(&self, cmd: u32, arg: UserPtr) -> Result<u32> {
        match cmd {
            uapi::EVFD_IOC_SIGNALFD_SETMASK => self.set_mask(read_mask(arg)?),
            _ => return Err(ENOTTY),
        }
        Ok(0)
    }

    fn poll<'a>(&'a self, table: &PollTable<'a>) -> Events {
        poll_signals(self.mask(), table)
    }

    fn show_fdinfo(&self, m: &SeqFile) {
        show_mask(self.mask(), m);
    }

    fn release(_this: Inline<Self>) {}
}

/// Reads as many records as there are signals, and as fit; waits for the first.
///
/// A signal that was taken can't be given back. So before one is taken, a record of zeros is put
/// where its own is to be: what is lost is only what meets memory that goes away in between.
pub(crate) fn read_signals(
    mask: impl Fn() -> SigSet,
    buf: &mut impl ReadBuf,
    blocking: Blocking<'_>,
) -> Result<usize> {
    if buf.room() < size_of::<uapi::signalfd_siginfo>() {
        return Err(EINVAL);
    }
    blocking.retry(
        || Ok(Some(read_pending(&mask, buf)?).filter(|&done| done != 0)),
        || {
            signal::with_queue(|queue| {
                queue.wait_until(Mode::Shared(Events::IN), || signal::is_pending(mask()))
            })
        },
    )
}

/// Reads what is there and fits. Returns how many bytes were put into `buf`; fails only if none.
fn read_pending(mask: impl Fn() -> SigSet, buf: &mut impl ReadBuf) -> Result<usize> {
    let mut done = 0;
    while buf.room() >= size_of::<uapi::signalfd_siginfo>() && signal::is_pending(mask()) {
        match read_one(mask(), buf) {
            Ok(true) => done += size_of::<uapi::signalfd_siginfo>(),
            Err(e) if done == 0 => return Err(e),
            _ => break,
        }
    }
    Ok(done)
}

/// Reads one, or returns false if there is none any more.
fn read_one(mask: SigSet, buf: &mut impl ReadBuf) -> Result<bool> {
    buf.put(&uapi::signalfd_siginfo::default())?;
    buf.unput::<uapi::signalfd_siginfo>();
    match signal::take(mask) {
        Some(info) => buf.put(&record::of(&info)).map(|()| true),
        None => Ok(false),
    }
}

/// Puts the poller on the queue for signals of the current thread group.
pub(crate) fn poll_signals(mask: SigSet, table: &PollTable<'_>) -> Events {
    table.wait_for_signals();
    Events::IN.when(signal::is_pending(mask))
}

/// Prints what native prints to fdinfo.
pub(crate) fn show_mask(mask: SigSet, m: &SeqFile) {
    seq_print!(m, "sigmask:\t{:016x}\n", mask.bits());
}

/// Calls `f` with `signals` blocked in the current task, which they stay if it succeeds.
pub(crate) fn blocked<R>(signals: SigSet, f: impl FnOnce() -> Result<R>) -> Result<R> {
    let before = signal::block(signals);
    f().inspect_err(|_| signal::set_blocked(before))
}

/// The signals of a `sigset_t` that a descriptor may have.
fn read_mask(mask: UserPtr) -> Result<SigSet> {
    Ok(SigSet::from_bits(read(mask)?).that_can_be_caught())
}

/// Makes a signal descriptor, or gives one another mask, for [`uapi::EVFD_IOC_SIGNALFD`].
///
/// Context: task, may sleep. Errors: `EINVAL` for unknown flags, another size of the mask than a
/// `sigset_t`'s, a reserved field that is not 0, or a descriptor that is no signal descriptor;
/// `EBADF` for one that there is not; `EFAULT`; and those of [`anon_file::create`].
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
        ufd => {
            let file = anon_file::fget(ufd)?;
            anon_file::data::<SignalFd>(&file)?.set_mask(mask);
            Ok(ufd as u32)
        }
    };
    if args.flags & uapi::EVFD_SFD_BLOCK != 0 {
        blocked(mask, make)
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
