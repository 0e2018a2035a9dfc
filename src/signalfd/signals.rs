// SPDX-License-Identifier: GPL-2.0

//! The pending signals of a set, without a file: polled, waited for and taken.
//!
//! All functions concern the current task and its thread group.

use crate::{
    abstractions::{
        file::{
            anon_file::Blocking,
            events::Events,
            poll::PollTable, //
        },
        mm::user::ReadBuf,
        sync::wait::Mode,
        task::signal::{
            self,
            SigSet, //
        }, //
    },
    signalfd::record,
    uapi::signalfd_siginfo, //
};
use kernel::{
    prelude::*,
    seq_file::SeqFile,
    seq_print, //
};

const RECORD_SIZE: usize = size_of::<signalfd_siginfo>();

/// Takes the next pending signal of `set`, in the order of delivery, and returns its record.
///
/// Context: task. Takes the `siglock`.
#[inline(always)]
pub(crate) fn take(set: SigSet) -> Option<signalfd_siginfo> {
    signal::take(set).map(|info| record::of(&info))
}

/// [`Events::IN`] if a signal of `set` is pending, otherwise no event.
///
/// Context: task. Takes the `siglock`.
pub(crate) fn events(set: SigSet) -> Events {
    Events::IN.when(signal::is_pending(set))
}

/// Sleeps until a signal of the set that `set` returns is pending.
///
/// Context: task, may sleep. Errors: `ERESTARTSYS` if a signal outside the set is pending.
pub(crate) fn wait(set: impl Fn() -> SigSet) -> Result {
    signal::with_queue(|queue| {
        queue.wait_until(Mode::Shared(Events::IN), || signal::is_pending(set()))
    })
}

/// Reads one record for each pending signal into `buf`, as many as fit. Waits for the first signal.
/// Returns the number of bytes.
///
/// A signal cannot be put back. So before a signal is taken, its place in `buf` is faulted in. A
/// signal is lost only if another thread makes that memory inaccessible in between.
///
/// Context: task, may sleep. Errors: `EINVAL` if not one record fits; `EFAULT`; those of
/// [`Blocking::retry`] and [`wait`].
pub(crate) fn read(
    set: impl Fn() -> SigSet,
    buf: &mut impl ReadBuf,
    blocking: Blocking<'_>,
) -> Result<usize> {
    if buf.room() < RECORD_SIZE {
        return Err(EINVAL);
    }
    blocking.retry(
        || Ok(Some(read_pending(&set, buf)?).filter(|&done| done != 0)),
        || wait(&set),
    )
}

/// Reads without waiting. Returns the number of bytes, and fails only if that would be 0.
fn read_pending(set: impl Fn() -> SigSet, buf: &mut impl ReadBuf) -> Result<usize> {
    let mut done = 0;
    while buf.room() >= RECORD_SIZE && signal::is_pending(set()) {
        match read_one(set(), buf) {
            Ok(true) => done += RECORD_SIZE,
            Err(e) if done == 0 => return Err(e),
            _ => break,
        }
    }
    Ok(done)
}

/// Reads one record, or returns false if another reader has taken the signal.
fn read_one(set: SigSet, buf: &mut impl ReadBuf) -> Result<bool> {
    buf.fault_in(RECORD_SIZE)?;
    match take(set) {
        Some(record) => buf.put(&record).map(|()| true),
        None => Ok(false),
    }
}

/// Puts the poller on the queue for signals of the current thread group.
pub(crate) fn poll(set: SigSet, table: &PollTable<'_>) -> Events {
    table.wait_for_signals();
    events(set)
}

/// Prints `set` to fdinfo, in native's format.
pub(crate) fn show(set: SigSet, m: &SeqFile) {
    seq_print!(m, "sigmask:\t{:016x}\n", set.bits());
}

/// Calls `f` with `set` blocked in the current task. If `f` succeeds, `set` stays blocked.
pub(crate) fn blocked<R>(set: SigSet, f: impl FnOnce() -> Result<R>) -> Result<R> {
    let before = signal::block(set);
    f().inspect_err(|_| signal::set_blocked(before))
}
