// SPDX-License-Identifier: GPL-2.0

//! `/dev/kevent`: queues of events that a program reads from memory.
//!
//! | module | contents |
//! | --- | --- |
//! | [`layout`] | the memory that a queue shares with its program |
//! | [`ring`] | the index ring |
//! | [`slot`] | the kernel's side of a slot |
//! | [`orphans`] | queued slots whose consumers have died |
//! | [`delivered`] | the list of kevents to look at before the program sleeps |
//! | [`table`] | the kevents by slot and by key |
//! | [`source`] | a source of events, as its queue sees it |
//! | [`queue`] | the queue: raising events, waiting for them |
//! | [`port`] | the queue, as a source sees it |
//! | [`sources`] | the sources, one file for each |
//! | [`ops`] | the operations on a queue |
//! | [`submit`] | operations and a wait in one call |
//! | [`wait`] | time limits and signal masks of calls |
//!
//! `Documentation/design/kevent.rst` has the design.

pub(crate) mod delivered;
pub(crate) mod layout;
pub(crate) mod ops;
mod orphans;
pub(crate) mod port;
pub(crate) mod queue;
mod ring;
mod slot;
pub(crate) mod source;
mod sources;
mod submit;
pub(crate) mod table;
mod wait;

use crate::{
    abstractions::{
        compat::EOPNOTSUPP,
        file::{
            anon_file::{
                self,
                AnonFile,
                Blocking,
                FileOperations, //
            },
            closes,
            events::Events,
            miscdev::{
                self,
                DeviceFile, //
            },
            poll::PollTable,
            poller::{
                self,
                Poller, //
            }, //
        },
        mm::{
            shared::SharedPage,
            user::{
                read,
                write, //
            }, //
        },
        sync::{
            defer::DeferQueue,
            irq_work, //
        }, //
    },
    uapi, //
};
use kernel::{
    fs::File,
    prelude::*,
    seq_file::SeqFile,
    seq_print,
    sync::{
        Arc,
        SetOnce, //
    },
    uaccess::UserPtr, //
};
use layout::SLOTS_PER_PAGE;
use queue::{
    Pollers,
    Queue, //
};
use sources::Watched;

const SETUP_FLAGS: u32 = uapi::KEVENT_SETUP_AUTOREMOVE | uapi::KEVENT_SETUP_NOFORK;

static OPS: FileOperations<KeventFile> = FileOperations::build_for_device();

/// An open `/dev/kevent`.
pub(crate) struct KeventFile {
    /// Set by `KEVENT_IOC_SETUP`.
    queue: SetOnce<Arc<Queue>>,
    pollers: Arc<Pollers>,
}

impl KeventFile {
    /// The queue. Errors: `EINVAL` if it has no size yet.
    fn queue(&self) -> Result<&Arc<Queue>> {
        self.queue.as_ref().ok_or(EINVAL)
    }

    fn setup(&self, arg: UserPtr) -> Result<u32> {
        let mut args: uapi::kevent_setup = read(arg)?;
        if !(1..=uapi::KEVENT_MAX_SLOTS).contains(&args.slots)
            || args.flags & !SETUP_FLAGS != 0
            || args.reserved != [0; 2]
        {
            return Err(EINVAL);
        }
        // Kernel and program see the pages at different addresses.
        if cfg!(CONFIG_CPU_CACHE_ALIASING) {
            return Err(EOPNOTSUPP);
        }
        if self.queue.as_ref().is_some() {
            return Err(EBUSY);
        }
        args.slots = args.slots.next_power_of_two().max(SLOTS_PER_PAGE as u32);
        let queue = Queue::new(args.slots, args.flags, self.pollers.clone())?;
        args.size = queue.map_size() as u64;
        // Before the queue can be used, so that a failure changes nothing.
        write(arg, &args)?;
        if !self.queue.populate(queue) {
            return Err(EBUSY);
        }
        self.queue()?.arm_for_early();
        Ok(0)
    }
}

#[vtable]
impl AnonFile for KeventFile {
    type Module = crate::LocalModule;
    type Private = Arc<Self>;

    const NAME: &'static CStr = c"[kevent]";
    const OPS: &'static FileOperations<Self> = &OPS;

    fn ioctl(&self, cmd: u32, arg: UserPtr, _blocking: Blocking<'_>) -> Result<u32> {
        match cmd {
            uapi::KEVENT_IOC_SETUP => self.setup(arg),
            uapi::KEVENT_IOC_SUBMIT => submit::submit(self.queue()?.as_arc_borrow(), arg, is_queue),
            _ => Err(ENOTTY),
        }
    }

    fn map_size(&self) -> usize {
        self.queue.as_ref().map_or(0, |queue| queue.map_size())
    }

    fn is_map_inherited(&self) -> bool {
        self.queue
            .as_ref()
            .is_none_or(|queue| queue.is_map_inherited())
    }

    fn page(&self, offset: usize) -> Option<SharedPage<'_>> {
        self.queue.as_ref()?.page(offset)
    }

    fn poll<'a>(&'a self, table: &PollTable<'a>) -> Events {
        self.pollers.join(table);
        // SETUP arms for pollers that have come before.
        self.queue
            .as_ref()
            .map_or(Events::NONE, |queue| queue.poll())
    }

    fn show_fdinfo(&self, m: &SeqFile) {
        match self.queue.as_ref() {
            Some(queue) => queue.show(m),
            None => seq_print!(m, "kevent slots: 0 used: 0\n"),
        }
    }

    fn flush(&self) {
        if let Some(queue) = self.queue.as_ref() {
            queue.pass_on();
        }
    }

    fn release(this: Arc<Self>) {
        if let Some(queue) = this.queue.as_ref() {
            queue.close();
        }
    }
}

impl DeviceFile for KeventFile {
    const DEVICE: &'static CStr = match CStr::from_bytes_with_nul(uapi::KEVENT_DEVICE_NAME) {
        Ok(name) => name,
        Err(_) => panic!("the UAPI header's string is not a C string"),
    };
    /// A queue needs no privilege: its memory counts for its maker's memory cgroup.
    const MODE: u16 = 0o666;

    fn open() -> Result<Arc<Self>> {
        Ok(Arc::new(
            Self {
                queue: SetOnce::new(),
                pollers: Pollers::new()?,
            },
            GFP_KERNEL_ACCOUNT,
        )?)
    }
}

/// What the module registers for queues. It is dropped in this order when no queue is left.
#[pin_data]
pub(crate) struct Registrations {
    #[pin]
    device: miscdev::Registration,
    closes: closes::Registration<Poller<Watched>>,
    deferred: irq_work::Registration<DeferQueue<Queue>>,
}

impl Registrations {
    /// Registers the device and what its queues need.
    ///
    /// Context: task, may sleep. Errors: those of the parts.
    pub(crate) fn new() -> impl PinInit<Self, Error> {
        try_pin_init!(Self {
            deferred: queue::register_deferred()?,
            closes: poller::register_closes()?,
            device <- miscdev::Registration::files::<KeventFile>(),
        })
    }
}

/// Whether `file` is a queue.
fn is_queue(file: &File) -> bool {
    anon_file::data::<KeventFile>(file).is_ok()
}
