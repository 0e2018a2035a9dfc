// SPDX-License-Identifier: GPL-2.0

//! A descriptor for one signal, like eventfs had them: the other design of 2007.
//!
//! Unlike a signal descriptor's mask, its signal never changes, and it may be the only way by which
//! the signal reaches its owner.

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
        mm::user::ReadBuf,
        task::signal::{
            self,
            SigSet, //
        }, //
    },
    signalfd::signals,
    uapi, //
};
use kernel::{
    fs::file::flags::O_RDWR,
    prelude::*,
    seq_file::SeqFile, //
};

static OPS: FileOperations<OneSignal> = FileOperations::build();

const FILE_FLAGS: u32 = uapi::EVFD_EVENTFS_CLOEXEC | uapi::EVFD_EVENTFS_NONBLOCK;

/// A descriptor for one signal.
struct OneSignal(SigSet);

#[vtable]
impl AnonFile for OneSignal {
    type Module = crate::LocalModule;
    type Private = Inline<Self>;

    const NAME: &'static CStr = c"[eventfs]";
    const OPS: &'static FileOperations<Self> = &OPS;

    fn read(&self, mut buf: impl ReadBuf, blocking: Blocking<'_>) -> Result<usize> {
        signals::read(|| self.0, &mut buf, blocking)
    }

    fn poll<'a>(&'a self, table: &PollTable<'a>) -> Events {
        signals::poll(self.0, table)
    }

    fn show_fdinfo(&self, m: &SeqFile) {
        signals::show(self.0, m);
    }

    fn release(_this: Inline<Self>) {}
}

/// Makes a descriptor for one signal, for [`uapi::EVFD_IOC_EVENTFS_SIGNAL`].
///
/// Context: task, may sleep. Errors: `EINVAL` for unknown flags, or a signal that does not exist or
/// cannot be caught; `EBUSY` if the descriptor shall be exclusive but another thread does not block
/// the signal; and those of [`anon_file::create`].
pub(crate) fn create(args: uapi::evfd_eventfs_signal) -> Result<u32> {
    if args.flags & !(FILE_FLAGS | uapi::EVFD_EVENTFS_EXCLUSIVE) != 0 {
        return Err(EINVAL);
    }
    let signal = SigSet::of(args.signal)?;
    if signal.that_can_be_caught().is_empty() {
        return Err(EINVAL);
    }
    let make = || {
        anon_file::create::<OneSignal>(
            Inline(OneSignal(signal)),
            (args.flags & FILE_FLAGS) | O_RDWR,
        )
    };
    if args.flags & uapi::EVFD_EVENTFS_EXCLUSIVE == 0 {
        return make();
    }
    signals::blocked(signal, || {
        if !signal::others_block(signal) {
            return Err(EBUSY);
        }
        make()
    })
}
