// SPDX-License-Identifier: GPL-2.0

//! The parts of a queue: slots, index ring, waiters, and the table of kevents.

use crate::{
    abstractions::{
        compat::synchronize_rcu,
        file::{
            poll::PollTable,
            seq_file, //
        },
        mm::shared::{
            Shared,
            SharedPage, //
        },
        sync::{
            atomic::{
                read_once,
                write_once, //
            },
            defer::{
                DeferQueue,
                Link, //
            },
            irq_work,
            part::Part,
            preempt,
            wait::WaitQueue, //
        },
        task::work::{
            Waits,
            Workers, //
        }, //
    },
    kevent::{
        delivered::{
            Delivered,
            Place,
            Why, //
        },
        layout::{
            Header,
            Layout,
            Slot,
            SLOTS_PER_PAGE, //
        },
        orphans::Orphans,
        ring::Ring,
        source::Room,
        table::{
            Key,
            Table, //
        }, //
    },
    new_wait_queue,
    uapi, //
};
use kernel::{
    new_mutex,
    page::PAGE_SIZE,
    prelude::*,
    seq_file::SeqFile,
    seq_print,
    sync::{
        atomic::{
            Atomic,
            Relaxed, //
        },
        Arc,
        ArcBorrow,
        Mutex,
        MutexGuard,
        SetOnce, //
    },
    workqueue::RawWorkItem, //
};

pub(crate) const ONESHOT: u32 = uapi::KEVENT_ONESHOT;
pub(crate) const DISPATCH: u32 = uapi::KEVENT_DISPATCH;

/// A flag beside `KEVENT_SETUP_*`: the kernel consumes the ring, and no program maps the queue.
pub(in crate::kevent) const CLASSIC: u32 = 1 << 31;

pub(super) static DEFERRED: DeferQueue<Queue> = DeferQueue::empty();

/// Runs deferred wake-ups as long as the result lives.
///
/// Context: task, may sleep. Errors: see [`DeferQueue::register`].
pub(crate) fn register_deferred() -> Result<irq_work::Registration<DeferQueue<Queue>>> {
    DEFERRED.register()
}

/// A page of slots, with their places.
struct Chunk {
    slots: Shared<Slot>,
    places: KVec<Place>,
}

impl Chunk {
    /// A page of slots from number `first` on. Context: task, may sleep. Errors: `ENOMEM`.
    fn new(first: usize) -> Result<Self> {
        let slots = Shared::new(SLOTS_PER_PAGE)?;
        let mut places = KVec::with_capacity(SLOTS_PER_PAGE, GFP_KERNEL_ACCOUNT)?;
        for index in 0..SLOTS_PER_PAGE {
            let slot = slots.get_ref(index).ok_or(ENOMEM)?;
            places.push_within_capacity(Place::new((first + index) as u32, slot))?;
        }
        Ok(Self { slots, places })
    }
}

/// The kevents of a queue.
pub(crate) type Kevents = Table<Room>;

/// A place, with a reference on its queue.
pub(crate) type PlaceRef = Part<Queue, Place>;

/// A queue whose size is known.
#[pin_data]
pub(crate) struct Queue {
    pub(super) header: Shared<Header>,
    pub(super) ring: Ring,
    /// Made when a kevent or the program needs them.
    chunks: KVVec<SetOnce<Chunk>>,
    layout: Layout,
    /// `KEVENT_SETUP_*`.
    flags: u32,
    pub(super) delivered: Delivered,
    /// 1 if some kevent got a wake-up without events, so that its source must be looked at.
    pub(super) wants_look: Atomic<u32>,
    /// 1 if a poller waits for the next entry.
    pub(super) armed: Atomic<u32>,
    /// The number of kevents.
    pub(super) used: Atomic<u32>,
    pub(super) link: Link,
    #[pin]
    new_chunk: Mutex<()>,
    /// Held by [`Queue::requeue`].
    #[pin]
    requeuing: Mutex<()>,
    #[pin]
    pub(super) kevents: Mutex<Kevents>,
    /// 1 if a kevent is or was an operation.
    has_operations: Atomic<u32>,
    /// 1 if work was given to threads, or waits to be.
    has_threads: Atomic<u32>,
    /// The threads that work for the queue, from the first work to the close.
    #[pin]
    workers: Mutex<Option<Arc<Workers>>>,
    /// Tasks that wait for entries.
    #[pin]
    pub(super) tasks: WaitQueue,
    pub(super) pollers: Arc<Pollers>,
}

/// The wait queue of an open file's pollers. It is older than the file's queue.
#[pin_data]
pub(crate) struct Pollers {
    #[pin]
    pub(super) queue: WaitQueue,
}

impl Pollers {
    /// Makes it. Context: task, may sleep. Errors: `ENOMEM`.
    pub(crate) fn new() -> Result<Arc<Self>> {
        Arc::pin_init(
            pin_init!(Self { queue <- new_wait_queue!(c"kevent_pollers") }),
            GFP_KERNEL_ACCOUNT,
        )
    }

    /// Puts a poller on it.
    pub(crate) fn join<'a>(&'a self, table: &PollTable<'a>) {
        table.wait(&self.queue);
    }
}

impl Queue {
    /// Makes a queue for `slots` kevents, a power of two that is at least [`SLOTS_PER_PAGE`], with
    /// `KEVENT_SETUP_*` flags.
    ///
    /// Context: task, may sleep. Errors: `ENOMEM`, and those of [`DeferQueue::link`].
    pub(crate) fn new(slots: u32, flags: u32, pollers: Arc<Pollers>) -> Result<Arc<Self>> {
        let layout = Layout::of(slots as usize);
        let header = Shared::<Header>::new(1)?;
        let fixed = &header[0];
        fixed.magic.store(uapi::KEVENT_MAGIC, Relaxed);
        fixed.version.store(uapi::KEVENT_VERSION, Relaxed);
        fixed.slot_size.store(size_of::<Slot>() as u32, Relaxed);
        fixed.ring_entries.store(slots, Relaxed);
        fixed.slots.store(slots, Relaxed);
        fixed.off_ring.store(layout.ring as u32, Relaxed);
        fixed.off_slots.store(layout.slots as u32, Relaxed);
        fixed.head.store(slots.into(), Relaxed);
        let pages = slots as usize / SLOTS_PER_PAGE;
        let mut chunks = KVVec::with_capacity(pages, GFP_KERNEL_ACCOUNT)?;
        for _ in 0..pages {
            chunks.push_within_capacity(SetOnce::new())?;
        }
        let ring = Ring::new(slots as usize)?;
        let link = DEFERRED.link()?;
        let kevents = Kevents::new(slots)?;
        Arc::pin_init(
            pin_init!(Self {
                header,
                ring,
                chunks,
                layout,
                flags,
                delivered: Delivered::new(),
                wants_look: Atomic::new(0),
                armed: Atomic::new(0),
                used: Atomic::new(0),
                link,
                new_chunk <- new_mutex!((), "kevent_chunk"),
                requeuing <- new_mutex!((), "kevent_requeue"),
                kevents <- new_mutex!(kevents, "kevents"),
                has_operations: Atomic::new(0),
                has_threads: Atomic::new(0),
                workers <- new_mutex!(None, "kevent_workers"),
                tasks <- new_wait_queue!(c"kevent_tasks"),
                pollers,
            }),
            GFP_KERNEL_ACCOUNT,
        )
    }

    /// Whether it ends kevents of closed files wherever it can.
    pub(in crate::kevent) fn removes_closed(&self) -> bool {
        self.flags & uapi::KEVENT_SETUP_AUTOREMOVE != 0
    }

    pub(in crate::kevent) fn is_classic(&self) -> bool {
        self.flags & CLASSIC != 0
    }

    /// The size of the mapping.
    pub(crate) fn map_size(&self) -> usize {
        self.layout.size
    }

    /// Whether a child process has the mapping, too.
    pub(crate) fn is_map_inherited(&self) -> bool {
        self.flags & uapi::KEVENT_SETUP_NOFORK == 0
    }

    /// A page of the mapping. The pages of slots are made by the first use.
    pub(crate) fn page(&self, offset: usize) -> Option<SharedPage<'_>> {
        if offset >= self.layout.slots {
            let offset = offset - self.layout.slots;
            let chunk = self.chunk_or_new(offset / PAGE_SIZE).ok()?;
            chunk.slots.page(offset % PAGE_SIZE)
        } else if offset >= self.layout.ring {
            self.ring.memory().page(offset - self.layout.ring)
        } else {
            self.header.page(offset)
        }
    }

    /// The place of a slot that a kevent is to have. Context: task, may sleep. Errors: `ENOMEM`.
    fn place_or_new(&self, number: u32) -> Result<&Place> {
        if let Some(place) = self.place(number) {
            return Ok(place);
        }
        self.chunk_or_new(number as usize / SLOTS_PER_PAGE)?;
        self.place(number).ok_or(ENOMEM)
    }

    fn chunk_or_new(&self, index: usize) -> Result<&Chunk> {
        let place = self.chunks.get(index).ok_or(ENOSPC)?;
        if let Some(chunk) = place.as_ref() {
            return Ok(chunk);
        }
        let _lock = self.new_chunk.lock();
        if place.as_ref().is_none() {
            place.populate(Chunk::new(index * SLOTS_PER_PAGE)?);
        }
        place.as_ref().ok_or(ENOMEM)
    }

    /// The place of a slot that a kevent has or has had.
    pub(in crate::kevent) fn place(&self, number: u32) -> Option<&Place> {
        let index = number as usize;
        let chunk = self.chunks.get(index / SLOTS_PER_PAGE)?.as_ref()?;
        chunk.places.get(index % SLOTS_PER_PAGE)
    }

    /// Such a slot and its place.
    pub(crate) fn slot(&self, number: u32) -> Option<(&Slot, &Place)> {
        self.place(number).map(|place| (&*place.slot, place))
    }

    /// Gives a free slot to a new kevent. Context: task, may sleep. Errors: `ENOMEM`; `ENOSPC` if
    /// there is none.
    pub(crate) fn begin(
        this: ArcBorrow<'_, Self>,
        kevents: &mut Kevents,
        key: &Key,
        want: u32,
        flags: u32,
    ) -> Result<PlaceRef> {
        let is_queued = |number| {
            this.place(number)
                .is_some_and(|place| this.must_leave(place))
        };
        let mut reserved = kevents.reserve(is_queued);
        if reserved == Err(ENOSPC) {
            // Kevents that have had their only event may have slots.
            this.walk_locked(kevents);
            reserved = kevents.reserve(is_queued);
        }
        let (number, generation) = reserved?;
        let place =
            Part::new(this.into(), |queue| queue.place_or_new(number).ok()).ok_or(ENOMEM)?;
        if this.is_classic() {
            // An entry of the last kevent counts for the new one.
            place.slot.clear();
            write_once(&place.slot.want, want);
        } else {
            place.slot.begin(key.user, want, key.kind, generation);
        }
        write_once(&place.flags, flags);
        write_once(&place.fired, 0);
        Ok(place)
    }

    /// Lets the next walk remove the kevent in `place` if it has ended.
    pub(in crate::kevent) fn list_if_ended(&self, place: &Place) {
        if place.has_ended() {
            self.delivered.push(place, Why::Event);
        }
    }

    /// Counts the kevents, after the table has got or lost a kevent.
    pub(crate) fn count(&self, kevents: &Kevents) {
        write_once(&self.used, kevents.used());
    }

    /// Whether the slot of `place` has to leave the ring before another kevent may have it. A consumer
    /// in the kernel looks at the kevent that has it now.
    fn must_leave(&self, place: &Place) -> bool {
        !self.is_classic() && place.slot.is_queued()
    }

    /// Puts the slots in the ring again whose consumers have died after they claimed an entry before
    /// `head`, which comes from the program. Returns their number. See `orphans.rs`.
    ///
    /// Context: task, may sleep, also for a grace period. Errors: `EBUSY` if another task does the
    /// same; `EINTR` if a signal is pending; `ENOMEM`.
    pub(in crate::kevent) fn requeue(this: ArcBorrow<'_, Self>, head: u64) -> Result<u32> {
        // A task that waited here would wait for the grace periods of all before it.
        let _lock = this.requeuing.try_lock().ok_or(EBUSY)?;
        if current!().signal_pending() {
            return Err(EINTR);
        }
        let orphans = Orphans::find(this.places(), &this.ring, head)?;
        if orphans.numbers().is_empty() {
            return Ok(0);
        }
        synchronize_rcu();
        let mut requeued = 0;
        for &number in orphans.numbers() {
            preempt::cond_resched();
            if let Some(place) = this
                .place(number)
                .filter(|place| orphans.has(place, &this.ring))
            {
                Self::push(this, place, Some(preempt::disable()));
                requeued += 1;
            }
        }
        Ok(requeued)
    }

    /// The places of all slots that a kevent may have. Context: task, may sleep.
    fn places(&self) -> impl Iterator<Item = &Place> {
        self.chunks.iter().flat_map(|chunk| {
            preempt::cond_resched();
            chunk.as_ref().map_or(&[][..], |chunk| &chunk.places)
        })
    }

    /// Removes the kevent in `place` and detaches its source.
    pub(crate) fn end(&self, kevents: &mut Kevents, place: &Place) {
        if let Some(source) = kevents.take(place.number) {
            // The source may queue the slot until it is gone.
            source.clear();
            kevents.release(place.number, self.must_leave(place));
            self.count(kevents);
        }
    }

    /// The ring. Tests and a consumer in the kernel read it.
    pub(crate) fn ring(&self) -> &Ring {
        &self.ring
    }

    /// The position up to which a consumer in the kernel has consumed the ring.
    pub(in crate::kevent) fn head(&self) -> u64 {
        self.header[0].head.load(Relaxed)
    }

    /// Sets it. The caller is the only consumer.
    pub(in crate::kevent) fn set_head(&self, head: u64) {
        self.header[0].head.store(head, Relaxed);
    }

    /// The number of entries for a consumer in the kernel. The last may not be stored yet.
    pub(in crate::kevent) fn pending(&self) -> u64 {
        self.ring.tail().wrapping_sub(self.head())
    }

    /// Locks the kevents, for an operation. Context: task, may sleep.
    pub(crate) fn lock(&self) -> MutexGuard<'_, Kevents> {
        self.kevents.lock()
    }

    /// Prints the queue and its kevents to fdinfo. Context: task, may sleep.
    pub(crate) fn show(&self, m: &SeqFile) {
        let kevents = self.kevents.lock();
        seq_print!(
            m,
            "kevent slots: {} used: {}\n",
            self.ring.memory().len(),
            kevents.used()
        );
        for (number, key, source) in kevents.iter() {
            if seq_file::has_overflowed(m) {
                break;
            }
            preempt::cond_resched();
            let want = self.slot(number).map_or(0, |(slot, _)| slot.want());
            seq_print!(
                m,
                "slot: {number} type: {} want: {want:08x} id: {:x} user: {:x}",
                key.kind,
                key.id,
                key.user
            );
            if let Some(source) = source.get() {
                source.show(m);
            }
            seq_print!(m, "\n");
        }
    }

    /// Whether a kevent may be an operation, so that other queues need not look.
    #[inline(always)]
    pub(in crate::kevent) fn has_operations(&self) -> bool {
        read_once(&self.has_operations) != 0
    }

    /// Notes that a kevent becomes an operation. Context: task, with the kevents locked.
    pub(in crate::kevent) fn set_has_operations(&self) {
        write_once(&self.has_operations, 1);
    }

    /// Whether a thread may work for the queue.
    pub(in crate::kevent) fn has_threads(&self) -> bool {
        read_once(&self.has_threads) != 0
    }

    /// Gives `work` to a thread. The threads belong to the user of the task that was the first to need
    /// one in this queue. Work that waits for a thread already is not given twice.
    ///
    /// Context: task, may sleep. Errors: `ENOMEM`.
    pub(in crate::kevent) fn enqueue<W>(&self, work: Arc<W>, waits: Waits) -> Result
    where
        Arc<W>: RawWorkItem<0, EnqueueOutput = Result<(), Arc<W>>> + Send + 'static,
    {
        // Work that is in the queue still finds what it is to do now.
        let _ = self.workers()?.queue(waits).enqueue(work);
        Ok(())
    }

    /// The threads that work for the queue. The caller drops them before the close.
    ///
    /// Context: task, may sleep. Errors: `ENOMEM`.
    pub(in crate::kevent) fn workers(&self) -> Result<Arc<Workers>> {
        write_once(&self.has_threads, 1);
        let mut workers = self.workers.lock();
        if let Some(workers) = &*workers {
            return Ok(workers.clone());
        }
        let new = Arc::new(Workers::current()?, GFP_KERNEL_ACCOUNT)?;
        Ok(workers.insert(new).clone())
    }

    /// Detaches all sources. Nothing raises an event afterwards. Context: task, may sleep.
    pub(crate) fn close(&self) {
        let mut kevents = self.kevents.lock();
        for number in 0..kevents.len() {
            preempt::cond_resched();
            if let Some(place) = self.place(number) {
                self.end(&mut kevents, place);
            }
        }
        drop(kevents);
        // Work that has come to its end may drop the last reference on the queue.
        let workers = self.workers.lock().take();
        drop(workers);
        // A deferred wake-up would otherwise drop the last reference in an interrupt.
        DEFERRED.flush();
    }
}

#[cfg(CONFIG_KUNIT = "y")]
impl Queue {
    /// The header, for tests.
    pub(crate) fn header(&self) -> &Header {
        &self.header[0]
    }

    /// The wait queue of tasks, for tests.
    pub(crate) fn tasks(&self) -> &WaitQueue {
        &self.tasks
    }

    /// The wait queue of pollers, for tests. A wake-up needs [`Queue::arm`], too.
    pub(crate) fn pollers(&self) -> &WaitQueue {
        &self.pollers.queue
    }

    /// Waits for all deferred wake-ups, for tests.
    pub(crate) fn flush_deferred() {
        DEFERRED.flush();
    }
}
