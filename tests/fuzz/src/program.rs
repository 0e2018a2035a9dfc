// SPDX-License-Identifier: GPL-2.0

//! Programs, the input of the fuzzer. Every sequence of bytes is a program.

use libafl::inputs::Input;
use libafl_bolts::HasLen;
use serde::{Deserialize, Serialize};
use std::fmt::{self, Display};

/// The number of threads that make calls.
pub const THREADS: usize = 4;
/// The number of slots for descriptors. All threads share the slots.
pub const SLOTS: usize = 12;
/// The maximum number of calls in a program.
pub const MAX_CALLS: usize = 40;
/// The size of a call in a file.
pub const CALL_SIZE: usize = 8;

macro_rules! operations {
    ($($name:ident($($field:ident: $meaning:literal),*)),* $(,)?) => {
        /// The operation of a call. Files contain its number, so new operations come last.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub enum Op { $($name),* }

        impl Op {
            pub const ALL: &[Op] = &[$(Op::$name),*];

            /// The fields of a call that this operation uses, and their meanings.
            fn fields(self, call: &Call) -> Vec<(&'static str, u8)> {
                match self { $(Op::$name => vec![$(($meaning, call.$field)),*]),* }
            }
        }
    };
}

operations! {
    Eventfd(slot: "to", a: "count", b: "flags", c: "pointer"),
    TimerfdCreate(slot: "to", a: "clock", b: "flags", c: "pointer"),
    Timerfd(slot: "to", other: "ufd", a: "clock", b: "flags", c: "value"),
    Settime(slot: "fd", other: "flags", a: "value", b: "interval", c: "pointer"),
    Gettime(slot: "fd", c: "pointer"),
    SetTicks(slot: "fd", a: "ticks", c: "pointer"),
    Signalfd(slot: "to", other: "ufd", a: "mask", b: "flags", c: "pointer"),
    Setmask(slot: "fd", a: "mask", c: "pointer"),
    EventfsSignal(slot: "to", a: "signal", b: "flags", c: "pointer"),
    Ioctl(slot: "fd", a: "command", c: "pointer"),
    Read(slot: "fd", a: "size", b: "buffer"),
    Write(slot: "fd", a: "value", b: "buffer", c: "size"),
    Readv(slot: "fd", a: "size", b: "buffer", c: "flags"),
    Writev(slot: "fd", a: "value", b: "buffer", c: "size"),
    Pread(slot: "fd", a: "size"),
    Lseek(slot: "fd", a: "offset"),
    Splice(slot: "fd", a: "way"),
    Fstat(slot: "fd"),
    Fdinfo(slot: "fd"),
    Dup(slot: "fd", other: "to"),
    Dup2(slot: "fd", other: "over"),
    Close(slot: "fd"),
    CloseTwice(slot: "fd"),
    Fcntl(slot: "fd", a: "command", b: "argument"),
    Mmap(slot: "fd", a: "protection"),
    Fork(slot: "fd", other: "epoll", a: "action of the child"),
    PassFd(slot: "fd", other: "to"),
    Mprotect(a: "of thread", b: "protection"),
    Limit(a: "descriptors"),
    Poll(slot: "fd", other: "fd", a: "events", b: "timeout"),
    Select(slot: "fd", a: "events", b: "timeout"),
    EpollCreate(slot: "to"),
    EpollCtl(slot: "epoll", other: "fd", a: "operation", b: "events"),
    EpollWait(slot: "epoll", b: "timeout"),
    UringRead(slot: "fd", a: "size", b: "buffer"),
    UringWrite(slot: "fd", a: "value", b: "buffer"),
    UringPoll(slot: "fd", a: "events", b: "multishot"),
    UringWait(a: "how many"),
    UringCancel(slot: "fd"),
    AioPoll(slot: "fd", a: "events"),
    AioRead(slot: "fd", a: "size", b: "buffer"),
    AioWait(a: "how many"),
    Kill(a: "signal", b: "to thread"),
    Sigqueue(a: "signal", b: "code", c: "to thread"),
    Sigmask(a: "mask", b: "how"),
    Sigtimer(a: "signal", b: "time"),
    Capabilities(a: "kept"),
    ClockSet(a: "milliseconds"),
    TaiOffset(a: "seconds"),
    Sleep(a: "microseconds"),
    PostOpen(slot: "to"),
    Post(slot: "device", other: "fd", a: "amount", b: "via", c: "mask"),
    PostRun(slot: "device", other: "fd", a: "amount", b: "contexts", c: "posts"),
    Hold(slot: "device", other: "fd", a: "file"),
    HeldPost(slot: "device", a: "amount", b: "mask"),
    HeldRead(slot: "device"),
    Release(slot: "device"),
    Hook(slot: "device", other: "watched", a: "posted", b: "amount", c: "times"),
    Unhook(slot: "device", a: "number"),
    QueueNew(slot: "to", a: "slots", b: "parts", c: "pointer"),
    QueueSetup(slot: "queue", a: "slots", b: "flags", c: "pointer"),
    QueueMap(slot: "queue", other: "map", b: "part"),
    QueueTouch(slot: "map", other: "part", a: "size", b: "place", c: "word"),
    QueueTake(slot: "map", a: "how many"),
    QueueAdd(slot: "queue", other: "id", a: "type and flags", b: "events", c: "user and handle"),
    QueueChange(slot: "queue", other: "handle", a: "operation", b: "events", c: "times"),
    QueueBatch(slot: "queue", other: "id", a: "how many", b: "operations", c: "pointer"),
    QueueWait(slot: "queue", other: "map", a: "timeout", b: "clock and flags", c: "head and least"),
    Ends(slot: "to", other: "to", a: "kind"),
    Ctl(slot: "queue", other: "id", a: "type and command", b: "events and flags", c: "user"),
    QueueInit(slot: "queue", a: "slots", b: "ring", c: "how many"),
    WaitForRing(slot: "queue", a: "timeout", b: "clock and flags", c: "how many"),
    Commit(slot: "queue", a: "index", b: "laps"),
    GetEvents(slot: "queue", a: "timeout", b: "clock and flags", c: "how many"),
    CellArena(slot: "to", a: "cells", b: "flags", c: "pointer"),
    CellBind(slot: "to", other: "arena", a: "cell", b: "flags", c: "count and pointer"),
    CellKick(slot: "fd", a: "events"),
    CellMap(slot: "arena", other: "map", a: "pages", b: "protection", c: "how long"),
    CellChange(slot: "map", other: "cell", a: "way", b: "value", c: "fd of the kick"),
    TimerArena(slot: "to", a: "timers", b: "flags", c: "pointer"),
    TimerBind(slot: "to", other: "arena", a: "timer", b: "flags", c: "clock and pointer"),
    TimerChange(slot: "map", other: "timer", a: "way", b: "value", c: "fd of the kick"),
}

/// A call: its operation, thread, descriptors and arguments. `fail`, if not 0, is the number of the
/// allocation or user access that must fail.
#[derive(Clone, Copy, Debug, Default, Hash, PartialEq, Eq, Serialize, Deserialize)]
pub struct Call {
    pub op: u8,
    pub thread: u8,
    pub slot: u8,
    pub other: u8,
    pub a: u8,
    pub b: u8,
    pub c: u8,
    pub fail: u8,
}

impl Call {
    pub fn op(&self) -> Op {
        Op::ALL[usize::from(self.op) % Op::ALL.len()]
    }

    pub fn thread(&self) -> usize {
        usize::from(self.thread) % THREADS
    }

    /// Whether the call is made in `round`, one of `rounds` rounds of a program. Calls that make
    /// descriptors or take long are made in the first round only. Calls that close descriptors are
    /// made in the last.
    pub fn is_made_in(&self, round: usize, rounds: usize) -> bool {
        match self.op() {
            Op::Close | Op::CloseTwice | Op::Dup2 | Op::Limit => round + 1 == rounds,
            Op::Timerfd | Op::Signalfd if self.other & 0x80 != 0 => true,
            Op::Eventfd | Op::TimerfdCreate | Op::Timerfd | Op::Signalfd => round == 0,
            Op::EventfsSignal | Op::EpollCreate | Op::PostOpen | Op::Dup => round == 0,
            Op::Fork | Op::PassFd | Op::Fdinfo | Op::PostRun => round == 0,
            Op::QueueNew | Op::QueueInit | Op::QueueMap | Op::Ends => round == 0,
            Op::CellArena | Op::CellMap | Op::TimerArena => round == 0,
            Op::Sleep | Op::ClockSet | Op::TaiOffset | Op::Sigtimer => round == 0,
            _ => true,
        }
    }

    /// The number of the allocation or user access that fails, or 0. It is 0 if the call may block.
    pub fn failing(&self) -> u8 {
        let op = self.op();
        let may_block = match op {
            Op::Readv | Op::Writev => self.c & 1 == 0,
            // The program would get SIGBUS, which is blocked then.
            Op::QueueTake | Op::CellChange | Op::TimerChange => true,
            Op::QueueWait | Op::GetEvents | Op::WaitForRing => self.a != 0,
            Op::Fdinfo | Op::Dup | Op::Mmap | Op::PassFd => false,
            Op::EpollCreate | Op::EpollCtl | Op::UringRead | Op::UringPoll | Op::AioPoll => false,
            _ => op as u8 > Op::Ioctl as u8 && (op as u8) < Op::PostOpen as u8,
        };
        if may_block {
            0
        } else {
            self.fail % 64
        }
    }

    fn to_bytes(self) -> [u8; CALL_SIZE] {
        [
            self.op,
            self.thread,
            self.slot,
            self.other,
            self.a,
            self.b,
            self.c,
            self.fail,
        ]
    }

    pub fn from_bytes(bytes: [u8; CALL_SIZE]) -> Self {
        let [op, thread, slot, other, a, b, c, fail] = bytes;
        Self {
            op,
            thread,
            slot,
            other,
            a,
            b,
            c,
            fail,
        }
    }
}

impl Display for Call {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let op = self.op();
        write!(f, "thread {}: {op:?}", self.thread())?;
        for (i, (meaning, value)) in op.fields(self).into_iter().enumerate() {
            write!(f, "{}{meaning} {value}", if i == 0 { " " } else { ", " })?;
        }
        match self.failing() {
            0 => Ok(()),
            n => write!(f, "; fault {n}"),
        }
    }
}

/// Calls that run at once. Each thread makes its calls in order, and in rounds. Calls of different
/// threads run in any order.
#[derive(Clone, Debug, Default, Hash, Serialize, Deserialize)]
pub struct Program {
    pub calls: Vec<Call>,
}

impl Program {
    pub fn to_bytes(&self) -> Vec<u8> {
        self.calls.iter().flat_map(|call| call.to_bytes()).collect()
    }

    pub fn from_bytes(bytes: &[u8]) -> Self {
        let calls = bytes.chunks_exact(CALL_SIZE).take(MAX_CALLS);
        Self {
            calls: calls
                .map(|bytes| Call::from_bytes(bytes.try_into().unwrap()))
                .collect(),
        }
    }
}

impl Display for Program {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.calls
            .iter()
            .try_for_each(|call| writeln!(f, "  {call}"))
    }
}

impl Input for Program {}

impl HasLen for Program {
    fn len(&self) -> usize {
        self.calls.len()
    }
}
