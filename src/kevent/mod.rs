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
//! | [`operation`] | an operation that a kevent stands for |
//! | [`sources`] | the sources, one file for each |
//! | [`ops`] | the operations on a queue |
//! | [`submit`] | operations and a wait in one call |
//! | [`classic`] | the calls of 2006 |
//! | [`wait`] | time limits and signal masks of calls |
//!
//! `Documentation/design/kevent.rst` has the design.

mod classic;
pub(crate) mod delivered;
pub(crate) mod layout;
mod operation;
pub(crate) mod ops;
mod orphans;
pub(crate) mod port;
pub(crate) mod queue;
pub(crate) mod records;
mod ring;
mod slot;
pub(crate) mod source;
pub(crate) mod sources;
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
            inode,
            io::DescriptorTable,
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
                write,
                ReadBuf, //
            }, //
        },
        sync::{
            defer::DeferQueue,
            irq_work, //
        },
        task::sent, //
    },
    uapi, //
};
use classic::Consumers;
use kernel::{
    fs::File,
    prelude::*,
    seq_file::SeqFile,
    seq_print,
    sync::{
        atomic::Atomic,
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

/// How a program uses a queue, which its first call decides.
enum Face {
    /// By the memory of the queue, after `KEVENT_IOC_SETUP`.
    Mapped(Arc<Queue>),
    /// By the calls of 2006.
    Classic(Arc<Consumers>),
}

impl Face {
    fn queue(&self) -> &Arc<Queue> {
        match self {
            Face::Mapped(queue) => queue,
            Face::Classic(consumers) => consumers.queue(),
        }
    }
}

/// An open `/dev/kevent`.
pub(crate) struct KeventFile {
    face: SetOnce<Face>,
    pollers: Arc<Pollers>,
    /// A descriptor that the file has had.
    descriptor: Atomic<i32>,
}

impl KeventFile {
    /// The mapped queue. Errors: `EINVAL` if it has not been set up.
    fn mapped(&self) -> Result<&Arc<Queue>> {
        match self.face.as_ref() {
            Some(Face::Mapped(queue)) => Ok(queue),
            _ => Err(EINVAL),
        }
    }

    /// The queue of the calls of 2006, made by the first of these. Context: task, may sleep. Errors:
    /// `EINVAL` if the queue is mapped; `ENOMEM`.
    fn classic(&self) -> Result<&Consumers> {
        if self.face.as_ref().is_none() {
            let consumers = classic::new(self.pollers.clone())?;
            // Another thread may be faster.
            self.begin(Face::Classic(consumers));
        }
        match self.face.as_ref() {
            Some(Face::Classic(consumers)) => Ok(consumers),
            _ => Err(EINVAL),
        }
    }

    fn init(&self, arg: UserPtr) -> Result<u32> {
        if self.face.as_ref().is_some() {
            return Err(EBUSY);
        }
        let consumers = classic::init(arg, self.pollers.clone())?;
        if self.begin(Face::Classic(consumers)) {
            Ok(0)
        } else {
            Err(EBUSY)
        }
    }

    /// Decides for a face. Returns false if the queue has one.
    fn begin(&self, face: Face) -> bool {
        let begins = self.face.populate(face);
        if let (true, Some(face)) = (begins, self.face.as_ref()) {
            face.queue().arm_for_early();
        }
        begins
    }

    /// Does operations and waits. See [`submit::submit`].
    #[inline(always)]
    fn submit(&self, queue: &Arc<Queue>, arg: UserPtr) -> Result<u32> {
        let result = submit::submit(queue.as_arc_borrow(), arg, is_queue);
        // Another thread may have closed the descriptor before a thread of the kernel got an
        // operation. Then no close would cancel it any more, because a mapping holds the file.
        if queue.has_threads() && !anon_file::has_descriptor(self, &self.descriptor) {
            operation::cancel_all(queue, Some(DescriptorTable::current()));
        }
        result
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
        if self.face.as_ref().is_some() {
            return Err(EBUSY);
        }
        args.slots = args.slots.next_power_of_two().max(SLOTS_PER_PAGE as u32);
        let queue = Queue::new(args.slots, args.flags, self.pollers.clone())?;
        args.size = queue.map_size() as u64;
        // Before the queue can be used, so that a failure changes nothing.
        write(arg, &args)?;
        if self.begin(Face::Mapped(queue)) {
            Ok(0)
        } else {
            Err(EBUSY)
        }
    }
}

#[vtable]
impl AnonFile for KeventFile {
    type Module = crate::LocalModule;
    type Private = Arc<Self>;

    const NAME: &'static CStr = c"[kevent]";
    const OPS: &'static FileOperations<Self> = &OPS;

    fn read(&self, buf: impl ReadBuf, blocking: Blocking<'_>) -> Result<usize> {
        classic::read_events(self.classic()?, buf, &blocking)
    }

    fn ioctl(&self, cmd: u32, arg: UserPtr, blocking: Blocking<'_>) -> Result<u32> {
        match cmd {
            uapi::KEVENT_IOC_SETUP => self.setup(arg),
            uapi::KEVENT_IOC_SUBMIT => self.submit(self.mapped()?, arg),
            uapi::KEVENT_IOC_CTL => classic::control(self.classic()?, arg, is_queue),
            uapi::KEVENT_IOC_INIT => self.init(arg),
            uapi::KEVENT_IOC_WAIT => classic::wait(self.classic()?, arg, &blocking),
            uapi::KEVENT_IOC_COMMIT => classic::commit(self.classic()?, arg),
            uapi::KEVENT_IOC_GET_EVENTS => classic::get_events(self.classic()?, arg, &blocking),
            _ => Err(ENOTTY),
        }
    }

    fn map_size(&self) -> usize {
        self.mapped().map_or(0, |queue| queue.map_size())
    }

    fn is_map_inherited(&self) -> bool {
        self.mapped().map_or(true, |queue| queue.is_map_inherited())
    }

    fn page(&self, offset: usize) -> Option<SharedPage<'_>> {
        self.mapped().ok()?.page(offset)
    }

    fn poll<'a>(&'a self, table: &PollTable<'a>) -> Events {
        self.pollers.join(table);
        // The first call that decides for a face arms for pollers that have come before.
        match self.face.as_ref() {
            Some(Face::Mapped(queue)) => queue.poll(),
            Some(Face::Classic(consumers)) => consumers.poll(),
            None => Events::NONE,
        }
    }

    fn show_fdinfo(&self, m: &SeqFile) {
        match self.face.as_ref() {
            Some(Face::Mapped(queue)) => queue.show(m),
            Some(Face::Classic(consumers)) => consumers.show(m),
            None => seq_print!(m, "kevent slots: 0 used: 0\n"),
        }
    }

    fn flush(&self, table: DescriptorTable) {
        match self.face.as_ref() {
            Some(Face::Mapped(queue)) => {
                operation::cancel_all(queue, Some(table));
                queue.pass_on();
            }
            Some(Face::Classic(consumers)) => consumers.pass_on(),
            None => (),
        }
    }

    fn release(this: Arc<Self>) {
        if let Some(face) = this.face.as_ref() {
            operation::cancel_all(face.queue(), None);
            face.queue().close();
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
                face: SetOnce::new(),
                pollers: Pollers::new()?,
                descriptor: Atomic::new(0),
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
    inodes: inode::Registration,
    signals: sent::Registration,
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
            inodes: inode::Registration::new()?,
            signals: sent::Registration::new()?,
            device <- miscdev::Registration::files::<KeventFile>(),
        })
    }
}

/// Whether `file` is a queue.
fn is_queue(file: &File) -> bool {
    anon_file::data::<KeventFile>(file).is_ok()
}
