// SPDX-License-Identifier: GPL-2.0

//! The queue: slots, index ring and waiters. Raising an event waits for nothing and allocates
//! nothing.

use super::{
    delivered::{
        Delivered,
        Place,
        Why,
        CLOSED,
        FIRED,
        WALK, //
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
};
use crate::{
    abstractions::{
        compat::{
            smp_mb,
            synchronize_rcu,
            ETIME, //
        },
        file::{
            events::Events,
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
                write_once,
                xchg_full, //
            },
            defer::{
                DeferQueue,
                Deferred,
                Link, //
            },
            irq_work,
            part::Part,
            preempt,
            wait::{
                Limit,
                WaitQueue, //
            }, //
        },
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
            Full,
            Relaxed, //
        },
        Arc,
        ArcBorrow,
        Mutex,
        MutexGuard,
        SetOnce, //
    }, //
};

pub(crate) const ONESHOT: u32 = uapi::KEVENT_ONESHOT;
pub(crate) const DISPATCH: u32 = uapi::KEVENT_DISPATCH;

/// A flag beside `KEVENT_SETUP_*`: the kernel consumes the ring, and no program maps the queue.
pub(super) const CLASSIC: u32 = 1 << 31;

/// Deferred wake-ups of tasks and of pollers.
const WAKE_TASK: u32 = 1;
const WAKE_POLLERS: u32 = 2;

static DEFERRED: DeferQueue<Queue> = DeferQueue::empty();

/// Runs deferred wake-ups as long as the result lives.
///
/// Context: task, may sleep. Errors: see [`DeferQueue::register`].
pub(crate) fn register_deferred() -> Result<irq_work::Registration<DeferQueue<Queue>>> {
    DEFERRED.register()
}

/// What has become of raised events.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Raised {
    /// Nothing, because the kevent has had its event, with ONESHOT or DISPATCH.
    Dropped,
    /// The kevent was in the ring already, or does not want them.
    Kept,
    /// They have put the kevent in the ring.
    Queued,
}

/// Events to raise, and how.
#[derive(Clone, Copy)]
pub(crate) struct Raise {
    events: u32,
    always: u32,
    hints: u32,
    preemptible: bool,
}

impl Raise {
    /// The events that the program wants of `events`.
    #[inline(always)]
    pub(crate) const fn new(events: u32) -> Self {
        Self {
            events,
            always: 0,
            hints: 0,
            preemptible: true,
        }
    }

    /// Those in `always` count as wanted.
    #[inline(always)]
    pub(crate) const fn always(self, always: u32) -> Self {
        Self { always, ..self }
    }

    /// Those in `hints` may not have occurred. If the program wants one, its source is looked at
    /// by the next wait.
    #[inline(always)]
    pub(crate) const fn hints(self, hints: u32) -> Self {
        Self { hints, ..self }
    }

    /// The caller is a callback of a wait queue or of a timer. Preemption is disabled there, except
    /// on `PREEMPT_RT`.
    #[inline(always)]
    pub(crate) const fn in_callback(self) -> Self {
        Self {
            preemptible: cfg!(CONFIG_PREEMPT_RT),
            ..self
        }
    }
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
    header: Shared<Header>,
    ring: Ring,
    /// Made when a kevent or the program needs them.
    chunks: KVVec<SetOnce<Chunk>>,
    layout: Layout,
    /// `KEVENT_SETUP_*`.
    flags: u32,
    delivered: Delivered,
    /// 1 if some kevent got a wake-up without events, so that its source must be looked at.
    wants_look: Atomic<u32>,
    /// 1 if a poller waits for the next entry.
    armed: Atomic<u32>,
    /// The number of kevents.
    used: Atomic<u32>,
    link: Link,
    #[pin]
    new_chunk: Mutex<()>,
    /// Held by [`Queue::requeue`].
    #[pin]
    requeuing: Mutex<()>,
    #[pin]
    kevents: Mutex<Kevents>,
    /// Tasks that wait for entries.
    #[pin]
    tasks: WaitQueue,
    pollers: Arc<Pollers>,
}

/// The wait queue of an open file's pollers. It is older than the file's queue.
#[pin_data]
pub(crate) struct Pollers {
    #[pin]
    queue: WaitQueue,
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
                tasks <- new_wait_queue!(c"kevent_tasks"),
                pollers,
            }),
            GFP_KERNEL_ACCOUNT,
        )
    }

    /// Whether it ends kevents of closed files wherever it can.
    pub(super) fn removes_closed(&self) -> bool {
        self.flags & uapi::KEVENT_SETUP_AUTOREMOVE != 0
    }

    pub(super) fn is_classic(&self) -> bool {
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
    pub(super) fn place(&self, number: u32) -> Option<&Place> {
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
    pub(super) fn list_if_ended(&self, place: &Place) {
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

    /// Raises events of the kevent in `place`.
    ///
    /// Wait-free except for wake-ups and for the list of delivered kevents. Context: any, NMI
    /// included.
    #[inline(always)]
    pub(super) fn raise(this: ArcBorrow<'_, Self>, place: &Place, raise: Raise) -> Raised {
        // The program widens the set by a store, and then looks at the source itself or asks for
        // KEVENT_OP_RECHECK. Either comes after the change of the source, or this load comes after
        // the store (`tests/litmus/kevent-want.litmus`).
        let mut wanted = raise.events & (place.slot.want() | raise.always);
        if wanted & raise.hints != 0 {
            Self::look_later(this, place);
            wanted &= !raise.hints;
        }
        if wanted == 0 {
            return Raised::Kept;
        }
        let flags = read_once(&place.flags);
        if flags & (ONESHOT | DISPATCH | WALK) != 0 && !this.may_raise(place, flags) {
            return Raised::Dropped;
        }
        // From QUEUED to the entry: see `ring.rs`.
        let preempt = raise.preemptible.then(preempt::disable);
        if !place.slot.add(wanted) {
            return Raised::Kept;
        }
        Self::push(this, place, preempt);
        Raised::Queued
    }

    /// Puts the slot of `place` in the ring, and wakes. The caller has set QUEUED, with preemption
    /// disabled. `preempt` may have done that. Context: any, NMI included.
    #[inline(always)]
    fn push(this: ArcBorrow<'_, Self>, place: &Place, preempt: Option<preempt::Disabled>) {
        this.ring.push(Self::offset(place), &place.position);
        // A wake-up takes locks, which sleep on PREEMPT_RT.
        drop(preempt);
        // `push()` is a full barrier: a waiter that joins later sees the new tail.
        if this.tasks.is_active() || read_once(&this.armed) != 0 {
            Self::wake(this);
        }
    }

    /// The offset of the slot, as in the ring.
    #[inline(always)]
    fn offset(place: &Place) -> u32 {
        place.number.wrapping_mul(size_of::<Slot>() as u32)
    }

    /// Whether a kevent that is not plainly edge-triggered may raise an event. Lists it.
    #[inline(never)]
    fn may_raise(&self, place: &Place, flags: u32) -> bool {
        // Two wait queues of a file may raise events at once, and only the first counts.
        if flags & (ONESHOT | DISPATCH) != 0 && place.fired.cmpxchg(0, FIRED, Full).is_err() {
            return false;
        }
        if flags & (ONESHOT | WALK) != 0 {
            self.delivered.push(place, Why::Event);
        }
        true
    }

    /// Wakes a task, and the pollers if they are armed. Context: any, NMI included.
    #[cold]
    #[inline(never)]
    fn wake(this: ArcBorrow<'_, Self>) {
        let mut deferred = 0;
        if this.tasks.is_active() && !this.tasks.try_wake_task() {
            deferred |= WAKE_TASK;
        }
        if read_once(&this.armed) != 0 {
            // Before `armed`: a poller that sets both in between is woken.
            xchg_full(&this.header[0].polled, 0);
            if xchg_full(&this.armed, 0) != 0 && !this.pollers.queue.try_wake(Events::IN) {
                deferred |= WAKE_POLLERS;
            }
        }
        if deferred != 0 {
            DEFERRED.push(this, deferred);
        }
    }

    /// Makes the next [`Queue::wait`] or [`Queue::poll`] look at the source of the kevent in `place`,
    /// and wakes those that sleep there. Context: like [`Queue::raise`].
    #[cold]
    #[inline(never)]
    pub(super) fn look_later(this: ArcBorrow<'_, Self>, place: &Place) {
        this.delivered.push(place, Why::Look);
        // Full: a task that clears it sees the list.
        xchg_full(&this.wants_look, 1);
        this.header[0].look.store(1, Relaxed);
        Self::wake(this);
    }

    /// Ends the kevent in `place` and takes back its events. Context: any, NMI included.
    pub(super) fn end_later(&self, place: &Place) {
        place.fired.store(CLOSED, Relaxed);
        place.slot.clear();
        self.delivered.push(place, Why::Event);
    }

    /// Does what [`Queue::look_later`] has asked for, and walks. Context: task, may sleep.
    pub(super) fn look(&self) {
        let hint = &self.header[0].look;
        if read_once(&self.wants_look) != 0 || read_once(hint) != 0 {
            hint.store(0, Relaxed);
            // Full: the walk sees what was listed before.
            xchg_full(&self.wants_look, 0);
        }
        self.walk();
    }

    /// Looks at the sources of all delivered kevents that are not edge-triggered. Those that are
    /// ready still, or again, raise their events.
    ///
    /// Context: task, may sleep.
    fn walk(&self) {
        if !self.delivered.is_empty() {
            self.walk_locked(&mut self.kevents.lock());
        }
    }

    /// Like [`Queue::walk`], with the kevents locked.
    fn walk_locked(&self, kevents: &mut Kevents) {
        self.delivered.walk(
            |number| self.place(number),
            |place, why| {
                if place.has_ended() {
                    self.end(kevents, place);
                } else if why == Why::Event && self.is_classic() {
                    self.put_back(place, 0);
                } else if why == Why::Look || place.has_level() {
                    if let Some(source) = kevents.source(place.number).and_then(Room::get) {
                        source.recheck();
                    }
                }
            },
        );
    }

    /// Puts the slots in the ring again whose consumers have died after they claimed an entry before
    /// `head`, which comes from the program. Returns their number. See `orphans.rs`.
    ///
    /// Context: task, may sleep, also for a grace period. Errors: `EBUSY` if another task does the
    /// same; `EINTR` if a signal is pending; `ENOMEM`.
    pub(super) fn requeue(this: ArcBorrow<'_, Self>, head: u64) -> Result<u32> {
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

    /// Whether a task that has consumed the ring up to `head` need not wait for `min` entries, or
    /// for all kevents if these are fewer. `head` comes from the program, and may be anything.
    fn is_ready(&self, head: u64, min: u32) -> bool {
        let min = min.min(read_once(&self.used)).max(1);
        self.ring.tail().wrapping_sub(head) >= min.into() || read_once(&self.header[0].raised) != 0
    }

    /// Waits until the ring has `min` entries after `head`, or the list of raised slots has one.
    ///
    /// Context: task, may sleep. Errors: `ERESTARTSYS` if a signal is pending; `ETIME`.
    pub(crate) fn wait(&self, head: u64, min: u32, limit: &Limit) -> Result {
        let mut woken = false;
        loop {
            self.look();
            if self.is_ready(head, min) {
                return Ok(());
            }
            if woken {
                Self::check_end(limit)?;
            }
            woken = true;
            self.wait_until(|| self.is_ready(head, min), limit)?;
            if self.is_ready(head, min) {
                return Ok(());
            }
        }
    }

    /// Fails if a wait must end. A task that has slept and looked without success asks this, because
    /// sources that ask for a look again and again would otherwise keep it.
    ///
    /// Context: task. Errors: `ERESTARTSYS` if a signal is pending; `ETIME`.
    pub(super) fn check_end(limit: &Limit) -> Result {
        if current!().signal_pending() {
            return Err(ERESTARTSYS);
        }
        if limit.has_passed() {
            return Err(ETIME);
        }
        Ok(())
    }

    /// Sleeps until `is_ready` returns true, or until the caller has to [look](Queue::look). It is
    /// called in any context that wakes.
    ///
    /// Context: task, may sleep. Errors: `ERESTARTSYS` if a signal is pending; `ETIME`.
    pub(super) fn wait_until(&self, is_ready: impl Fn() -> bool, limit: &Limit) -> Result {
        let sleeping = &self.header[0].sleeping;
        // Full: a program that raises a slot afterwards sees it.
        sleeping.fetch_add(1, Full);
        let result = self
            .tasks
            .wait_exclusive(|| is_ready() || read_once(&self.wants_look) != 0, limit);
        sleeping.fetch_sub(1, Full);
        result
    }

    /// Wakes another task if there is an event: a process that ends may have been woken for it. That
    /// process is being killed, or it closes a descriptor.
    ///
    /// Context: task.
    pub(crate) fn pass_on(&self) {
        if self.tasks.is_active() && self.ring.tail() != self.header[0].head.load(Relaxed) {
            self.tasks.try_wake_task();
        }
    }

    /// Wakes a task that waits. Context: task.
    pub(super) fn wake_task(&self) {
        self.tasks.try_wake_task();
    }

    /// The ring. Tests and a consumer in the kernel read it.
    pub(crate) fn ring(&self) -> &Ring {
        &self.ring
    }

    /// The position up to which a consumer in the kernel has consumed the ring.
    pub(super) fn head(&self) -> u64 {
        self.header[0].head.load(Relaxed)
    }

    /// Sets it. The caller is the only consumer.
    pub(super) fn set_head(&self, head: u64) {
        self.header[0].head.store(head, Relaxed);
    }

    /// The number of entries for a consumer in the kernel. The last may not be stored yet.
    pub(super) fn pending(&self) -> u64 {
        self.ring.tail().wrapping_sub(self.head())
    }

    /// Puts a slot with `events` into the ring, unless it is there, and wakes nothing. The caller is
    /// a consumer, or looks on behalf of one.
    pub(super) fn put_back(&self, place: &Place, events: u32) {
        // From QUEUED to the entry: see `ring.rs`.
        let _preempt = preempt::disable();
        if place.slot.add(events) {
            self.ring.push(Self::offset(place), &place.position);
        }
    }

    /// Makes the next [look](Queue::look) put the slot back into the ring of a consumer in the
    /// kernel, which then looks at the source. Context: task.
    pub(super) fn offer_later(&self, place: &Place) {
        self.delivered.push(place, Why::Event);
    }

    /// Wakes a task that waits and all pollers, for the list of raised slots.
    ///
    /// Context: task.
    pub(crate) fn wake_for_raised(&self) {
        // Before the wake-up: a poller that it wakes arms again.
        xchg_full(&self.header[0].polled, 0);
        xchg_full(&self.armed, 0);
        self.pollers.queue.wake(Events::IN);
        self.tasks.try_wake_task();
    }

    /// Arms the queue for pollers that joined before it was the file's. Context: task.
    pub(crate) fn arm_for_early(&self) {
        // Full: a poller that joins later sees the file's queue.
        smp_mb();
        if self.pollers.queue.is_active() {
            xchg_full(&self.armed, 1);
            xchg_full(&self.header[0].polled, 1);
            // An event may have come first.
            if self.ring.tail() != self.header[0].head.load(Relaxed) {
                self.pollers.queue.wake(Events::IN);
            }
        }
    }

    /// Arms the queue for a poller that has [joined](Pollers::join). It is ready if the ring has an
    /// entry after the header's `head`.
    ///
    /// Context: task, may sleep.
    pub(crate) fn poll(&self) -> Events {
        let header = &self.header[0];
        // Both full: a producer that has not seen them is seen below. Always, because a poller
        // that is ready now may wait for the next event.
        xchg_full(&self.armed, 1);
        xchg_full(&header.polled, 1);
        self.look();
        let head = header.head.load(Relaxed);
        let ready = self.ring.tail() != head || read_once(&header.raised) != 0;
        Events::IN.when(ready)
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
        // A deferred wake-up would otherwise drop the last reference in an interrupt.
        DEFERRED.flush();
    }
}

impl Deferred for Queue {
    fn link(&self) -> &Link {
        &self.link
    }

    fn run(&self, bits: u32) {
        if bits & WAKE_TASK != 0 {
            self.tasks.try_wake_task();
        }
        if bits & WAKE_POLLERS != 0 {
            self.pollers.queue.wake(Events::IN);
        }
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

    /// Arms the pollers like [`Queue::poll`], for tests, which have no poll table.
    pub(crate) fn arm(&self) {
        xchg_full(&self.armed, 1);
    }

    /// Waits for all deferred wake-ups, for tests.
    pub(crate) fn flush_deferred() {
        DEFERRED.flush();
    }
}
