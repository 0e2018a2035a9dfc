// SPDX-License-Identifier: GPL-2.0

//! Event descriptors, with the counter in the descriptor or in memory that programs share.
//!
//! They behave like native's (`fs/eventfd.c`, eventfd(2)). They add `EVFD_EFD_WAKE_ONE` and kernel
//! posts from any context, of which none is dropped, and a read that fails with `EFAULT` loses no
//! count. A program that shares the memory changes a counter there without a call.
//!
//! | module | contents |
//! | --- | --- |
//! | [`count`] | the rules by which a count changes |
//! | [`counter`] | a count in the descriptor |
//! | [`cell`] | a count in shared memory, and the flags that ask for a kick |
//! | [`descriptor`] | the descriptor of a count |

pub(crate) mod cell;
pub(crate) mod count;
pub(crate) mod counter;
mod descriptor;

use crate::{
    abstractions::{
        file::{
            anon_file::FileOperations,
            events::Events, //
        },
        sync::{
            defer::DeferQueue,
            irq_work,
            wait::Mode, //
        }, //
    },
    arena::{
        Arena,
        Claim,
        Element, //
    },
    uapi, //
};
use cell::{
    Cell,
    Wakeup, //
};
use count::Count;
use counter::Counter;
use descriptor::{
    Descriptor,
    Kind, //
};
use kernel::{
    prelude::*,
    seq_file::SeqFile,
    seq_print,
    sync::atomic::Atomic, //
};

/// An event descriptor with its own counter.
pub(crate) type EventFd = Descriptor<Counter>;

/// A cell that belongs to a descriptor.
pub(crate) type Bound = Claim<Cell>;

/// An event descriptor whose counter is a cell.
pub(crate) type CellFd = Descriptor<Bound>;

// Debugging and PREEMPT_RT make the lock in the wait queue larger.
#[cfg(not(any(CONFIG_DEBUG_SPINLOCK, CONFIG_PREEMPT_RT)))]
const _: () = assert!(size_of::<EventFd>() == 56);

static OPS: FileOperations<EventFd> = FileOperations::build();
static DEFERRED: DeferQueue<EventFd> = DeferQueue::empty();

static CELL_OPS: FileOperations<CellFd> = FileOperations::build();
static CELL_DEFERRED: DeferQueue<CellFd> = DeferQueue::empty();

static ARENA_OPS: FileOperations<Arena<Cell>> = FileOperations::build();

impl Element for Cell {
    const NAME: &'static CStr = c"[evfd-arena]";
    const ELEMENTS: &'static str = "cells";
    const OPS: &'static FileOperations<Arena<Self>> = &ARENA_OPS;
}

impl Count for Bound {
    const IS_SHARED: bool = true;

    #[inline(always)]
    fn word(&self) -> &Atomic<u64> {
        Cell::word(self)
    }
}

impl Kind for Counter {
    const OPS: &'static FileOperations<EventFd> = &OPS;

    fn deferred() -> &'static DeferQueue<EventFd> {
        &DEFERRED
    }
}

impl Kind for Bound {
    const OPS: &'static FileOperations<CellFd> = &CELL_OPS;

    fn deferred() -> &'static DeferQueue<CellFd> {
        &CELL_DEFERRED
    }

    fn arm(&self, mode: Mode) {
        match mode {
            Mode::Shared(events) => Cell::arm(self, events, Wakeup::Once),
            // A change wakes one of these readers, and the next change the next.
            Mode::Exclusive(_) => Cell::arm(self, Events::IN, Wakeup::Each),
        }
    }

    fn arm_for_poller(&self, wanted: Events, ready: Events) -> bool {
        let wakeup = Wakeup::of_poller(wanted, ready);
        if let Some(wakeup) = wakeup {
            Cell::arm(self, wanted, wakeup);
        }
        wakeup.is_some()
    }

    fn begin_kick(&self, events: Events) {
        Cell::disarm(self, events, Wakeup::Once);
    }

    fn end_kick(&self, events: Events) {
        Cell::disarm(self, events, Wakeup::Each);
    }

    fn show(&self, m: &SeqFile) {
        seq_print!(m, "evfd-cell: {}\n", self.index());
    }
}

/// Makes an event descriptor, for [`uapi::EVFD_IOC_EVENTFD`].
///
/// Context: task, may sleep. Errors: see the UAPI header.
pub(crate) fn create(args: uapi::evfd_eventfd) -> Result<u32> {
    EventFd::create(args.flags, || Ok(Counter::new(args.count.into())))
}

/// Makes an event descriptor whose counter is a cell, for [`uapi::EVFD_IOC_BIND`].
///
/// Context: task, may sleep. Errors: see the UAPI header.
pub(crate) fn bind(args: uapi::evfd_bind) -> Result<u32> {
    // A deferred wake-up holds a descriptor, and so the cell, for a moment after its close.
    CellFd::create(args.flags, || {
        let cell = Bound::new(args.arena, args.cell, || CELL_DEFERRED.flush())?;
        cell.begin(args.count.into());
        Ok(cell)
    })
}

/// Makes an arena of cells, for [`uapi::EVFD_IOC_ARENA`].
///
/// Context: task, may sleep. Errors: see the UAPI header.
pub(crate) fn create_arena(args: uapi::evfd_arena) -> Result<u32> {
    Arena::<Cell>::create(args)
}

/// Runs the deferred wake-ups as long as it lives.
pub(crate) struct Registrations {
    _cells: irq_work::Registration<DeferQueue<CellFd>>,
    _counters: irq_work::Registration<DeferQueue<EventFd>>,
}

impl Registrations {
    /// Without the result, no descriptor can be made.
    ///
    /// Context: task, may sleep. Errors: see [`DeferQueue::register`].
    pub(crate) fn new() -> Result<Self> {
        Ok(Self {
            _cells: CELL_DEFERRED.register()?,
            _counters: DEFERRED.register()?,
        })
    }
}

#[cfg(CONFIG_KUNIT = "y")]
impl EventFd {
    /// Makes a descriptor without a file, for tests.
    pub(crate) fn new(count: u64, flags: u32) -> Result<kernel::sync::Arc<Self>> {
        Self::of_count(Counter::new(count), flags)
    }
}

#[cfg(CONFIG_KUNIT = "y")]
impl CellFd {
    /// Makes a descriptor without a file, for tests.
    pub(crate) fn new(
        arena: kernel::sync::Arc<Arena<Cell>>,
        cell: u32,
        count: u32,
        flags: u32,
    ) -> Result<kernel::sync::Arc<Self>> {
        let cell = Bound::of_arena(arena, cell, || CELL_DEFERRED.flush())?;
        cell.begin(count.into());
        Self::of_count(cell, flags)
    }
}
