// SPDX-License-Identifier: GPL-2.0

//! The event descriptor: a file over a [`Count`], to which the kernel can post.

use super::count::{
    Contended,
    Count,
    Take,
    FULL,
    USER_MAX, //
};
use crate::{
    abstractions::{
        file::{
            anon_file::{
                self,
                AnonFile,
                Blocking,
                FileOperations, //
            },
            events::Events,
            poll::PollTable, //
        },
        ida::UniqueId,
        mm::user::{
            ReadBuf,
            UserData, //
        },
        sync::{
            atomic::read_once,
            defer::{
                DeferQueue,
                Deferred,
                Link, //
            },
            preempt,
            wait::{
                ForeignEntry,
                Mode,
                WaitQueue, //
            }, //
        }, //
    },
    new_wait_queue,
    uapi, //
};
use core::ops::RangeInclusive;
use kernel::{
    current,
    prelude::*,
    seq_file::SeqFile,
    seq_print,
    sync::{
        atomic::{
            Atomic,
            Full, //
        },
        Arc,
        ArcBorrow, //
    },
    uaccess::UserPtr, //
};

/// The flags that the descriptor keeps. The file has the others.
const OWN_FLAGS: u32 = uapi::EVFD_EFD_SEMAPHORE | uapi::EVFD_EFD_WAKE_ONE;
const FILE_FLAGS: u32 = uapi::EVFD_EFD_CLOEXEC | uapi::EVFD_EFD_NONBLOCK;

/// The IDs in fdinfo. Native gives the lowest free number from 0 on, which never gets this high: so
/// many descriptors would need more than 256 GiB. Tools read the ID as a signed 32-bit number.
const IDS: RangeInclusive<u32> = 1 << 30..=i32::MAX as u32;

/// The turn of one reader. The kernel defines no such poll event, and no poller waits for it.
const TURN: Events = Events::from_bits(1 << 24);

/// A kind of count, and what its descriptors have in common.
///
/// A count that programs change without a call also has waiters whom such a change must wake. The
/// program learns from the memory that there are any, and calls [`Descriptor::kick`].
pub(crate) trait Kind: Count + Sized + Send + Sync + 'static {
    /// The operations of the file.
    const OPS: &'static FileOperations<Descriptor<Self>>;

    /// The deferred wake-ups.
    fn deferred() -> &'static DeferQueue<Descriptor<Self>>;

    /// Makes changes by programs kick for a waiter of this `mode`, which has joined the queue and
    /// looks at the count afterwards.
    fn arm(&self, _mode: Mode) {}

    /// The same for a poller, whose key is `wanted`. Returns false if it has not changed anything.
    fn arm_for_poller(&self, _wanted: Events, _ready: Events) -> bool {
        false
    }

    /// The waiters for `events` are being woken, with the lock of the queue held.
    fn begin_kick(&self, _events: Events) {}

    /// The queue is empty after a kick, with its lock held.
    fn end_kick(&self, _events: Events) {}

    /// Prints what only this kind has.
    fn show(&self, _m: &SeqFile) {}
}

/// An event descriptor.
///
/// The number of blocked writers shares a word with the flags. So a descriptor with its own counter
/// takes 64 bytes with its reference count, like native's.
#[pin_data]
pub(crate) struct Descriptor<K: Kind> {
    count: K,
    #[pin]
    queue: WaitQueue,
    link: Link,
    state: State,
    id: UniqueId,
}

/// [`OWN_FLAGS`], which never change, [`State::POLLED_FOR_OUT`], which is never cleared, and above
/// them the number of blocked writers.
struct State(Atomic<u32>);

// POLLED_FOR_OUT is the bit above the flags.
const _: () = assert!((OWN_FLAGS + 1).is_power_of_two());

impl State {
    /// A poller has asked for `OUT`.
    const POLLED_FOR_OUT: u32 = OWN_FLAGS + 1;
    const WRITER: u32 = Self::POLLED_FOR_OUT << 1;

    fn has(&self, flag: u32) -> bool {
        read_once(&self.0) & flag != 0
    }

    /// Whether there may be waiters for room. A waiter sets the state before it looks at the
    /// counter, and a reader looks at the state after it has made room.
    fn room_is_wanted(&self) -> bool {
        read_once(&self.0) >= Self::POLLED_FOR_OUT
    }

    /// Notes the events that a poller asks for.
    fn note_wanted(&self, events: Events) {
        if events.intersects(Events::OUT) && !self.has(Self::POLLED_FOR_OUT) {
            self.note_polled_for_out();
        }
    }

    #[cold]
    #[inline(never)]
    fn note_polled_for_out(&self) {
        let mut old = read_once(&self.0);
        while old & Self::POLLED_FOR_OUT == 0 {
            // Full: see `room_is_wanted()`.
            match self.0.cmpxchg(old, old | Self::POLLED_FOR_OUT, Full) {
                Ok(_) => break,
                Err(now) => old = now,
            }
        }
    }

    fn writers_block(&self) -> bool {
        read_once(&self.0) >= Self::WRITER
    }
}

impl<K: Kind> Descriptor<K> {
    /// Makes an event descriptor with the `EVFD_EFD_*` flags.
    ///
    /// Context: task, may sleep. Errors: `EINVAL` for unknown flags, those of `count` and those of
    /// [`anon_file::create`].
    pub(super) fn create(flags: u32, count: impl FnOnce() -> Result<K>) -> Result<u32> {
        if flags & !(OWN_FLAGS | FILE_FLAGS) != 0 {
            return Err(EINVAL);
        }
        let this = Self::of_count(count()?, flags & OWN_FLAGS)?;
        anon_file::create::<Self>(this, (flags & FILE_FLAGS) | kernel::fs::file::flags::O_RDWR)
    }

    /// Makes a descriptor without a file. `flags` are of [`OWN_FLAGS`].
    pub(super) fn of_count(count: K, flags: u32) -> Result<Arc<Self>> {
        let link = K::deferred().link()?;
        Arc::pin_init(
            pin_init!(Self {
                count: count,
                queue <- new_wait_queue!(c"evfd"),
                link,
                state: State(Atomic::new(flags)),
                id: UniqueId::new(),
            }),
            GFP_KERNEL_ACCOUNT,
        )
    }

    /// The amount that a read takes.
    fn amount(&self) -> Take {
        if self.state.has(uapi::EVFD_EFD_SEMAPHORE) {
            Take::One
        } else {
            Take::All
        }
    }

    /// How a reader sleeps. `IN` wakes all of its waiters, so a reader that is woken alone waits
    /// for its turn instead.
    fn read_mode(&self) -> Mode {
        if self.state.has(uapi::EVFD_EFD_WAKE_ONE) {
            Mode::Exclusive(TURN)
        } else {
            Mode::Shared(Events::IN)
        }
    }

    /// Wakes the waiters for `events`. Context: see [`WaitQueue::wake`].
    #[cold]
    fn wake(&self, events: Events) {
        self.queue.wake(events);
        if events.intersects(Events::IN) {
            self.wake_one();
        }
    }

    /// Wakes the first reader that waits for its turn.
    fn wake_one(&self) {
        if self.state.has(uapi::EVFD_EFD_WAKE_ONE) {
            self.queue.wake(TURN);
        }
    }

    /// Gives the next reader its turn if the counter is not 0. A reader that was woken alone owes
    /// that to the others when it takes only 1 of a semaphore.
    fn pass_turn(&self) {
        if self.state.has(uapi::EVFD_EFD_WAKE_ONE)
            && self.count.get() != 0
            && self.queue.is_active()
        {
            self.queue.wake(TURN);
        }
    }

    /// Adds as much of `n` as fits, and wakes the waiters for `IN` and `mask`: immediately where
    /// the context allows it, otherwise deferred. Returns the amount that was added.
    ///
    /// Context: any, NMI included.
    #[inline(always)]
    pub(crate) fn post(this: ArcBorrow<'_, Self>, n: u32, mask: Events) -> u32 {
        if !this.count.try_post(n.into()) {
            return Self::post_slowpath(this, n, mask);
        }
        if this.queue.is_active() {
            return Self::wake_after_post(this, n, mask);
        }
        n
    }

    /// Posts where not all of `n` may fit, or where the counter may be changing.
    #[cold]
    #[inline(never)]
    fn post_slowpath(this: ArcBorrow<'_, Self>, n: u32, mask: Events) -> u32 {
        let (old, new) = this.count.post(n.into());
        // At most `n`, so 32 bits.
        let added = (new - old) as u32;
        if this.queue.is_active() {
            Self::wake_after_post(this, n, mask);
        }
        added
    }

    /// Wakes the waiters after a post of `n`. Returns `n`.
    #[cold]
    #[inline(never)]
    fn wake_after_post(this: ArcBorrow<'_, Self>, n: u32, mask: Events) -> u32 {
        if n == 0 {
            return 0;
        }
        let full = this.count.get() == FULL;
        let events = Events::IN | mask | Events::ERR.when(full);
        if !this.queue.try_wake(events) {
            K::deferred().push(this, events.bits());
        } else {
            this.wake_one();
        }
        // The caller ends with this call and returns its result. If the compiler knew the result to
        // be `n`, the caller would save `n` on the stack even without waiters.
        // For "kernel post, no waiter" in tests/bench/bounds.
        core::hint::black_box(n)
    }

    /// Takes the amount of a read. Returns (taken, count before). If others keep changing the count,
    /// it stays for a later read.
    fn take_now(&self) -> (u64, u64) {
        self.count.take(self.amount()).unwrap_or((0, 0))
    }

    /// Tries until others do not change the count at the same time.
    ///
    /// Context: task, may sleep. Errors: `ERESTARTSYS` if a signal is pending.
    #[inline(always)]
    fn settle<R>(mut attempt: impl FnMut() -> Result<R, Contended>) -> Result<R> {
        loop {
            match attempt() {
                Ok(done) => return Ok(done),
                Err(Contended) if current!().signal_pending() => return Err(ERESTARTSYS),
                Err(Contended) => preempt::cond_resched(),
            }
        }
    }

    /// Takes the amount of a read, or 0 if the counter is 0.
    ///
    /// Context: any but NMI; the lock of the queue may be held.
    pub(crate) fn read_now(this: ArcBorrow<'_, Self>) -> u64 {
        let (taken, before) = this.take_now();
        // A caller in a wake-up callback is on the queue itself, so an active queue proves nothing.
        if taken != 0 && (before >= USER_MAX || this.state.writers_block()) {
            K::deferred().push(this, Events::OUT.bits());
        }
        taken
    }

    /// Like [`Descriptor::read_now`], and removes `entry` from the queue, with no wake-up in between.
    ///
    /// Context: where a `spinlock_t` may be taken.
    pub(crate) fn remove_and_read(this: ArcBorrow<'_, Self>, entry: ForeignEntry) -> u64 {
        let taken = this.queue.remove_with(entry, || this.take_now().0);
        if taken != 0 && this.queue.is_active() {
            K::deferred().push(this, Events::OUT.bits());
        }
        taken
    }

    /// Copies `taken` to `buf` and wakes waiters. Returns the number of bytes.
    #[inline(always)]
    fn end_read(&self, taken: u64, buf: &mut impl ReadBuf) -> Result<usize> {
        if let Err(e) = buf.put(&taken) {
            self.give_back(taken);
            return Err(e);
        }
        if self.queue.is_active() {
            self.wake_after_read();
        }
        Ok(size_of::<u64>())
    }

    /// Returns `taken` to the counter. Wakes like a post, because waiters may have seen the counter
    /// without it.
    ///
    /// If writes have used the room meanwhile, the counter gets full, like by a post.
    #[cold]
    #[inline(never)]
    fn give_back(&self, taken: u64) {
        let (_, new) = self.count.post(taken);
        if self.queue.is_active() {
            self.wake(Events::IN | Events::ERR.when(new == FULL));
        }
    }

    /// Wakes waiters after a read.
    #[cold]
    #[inline(never)]
    fn wake_after_read(&self) {
        if self.state.room_is_wanted() {
            self.queue.wake(Events::OUT);
        }
        if self.amount() == Take::One {
            self.pass_turn();
        }
    }

    /// Sleeps until `condition` holds, which looks at the count.
    fn wait(&self, mode: Mode, condition: impl Fn() -> bool) -> Result {
        self.queue.wait_until(mode, || {
            condition() || {
                self.count.arm(mode);
                K::IS_SHARED && condition()
            }
        })
    }

    /// Wakes the waiters for `events` after a program has changed the count.
    ///
    /// Context: task. Takes the lock of the queue. Errors: `EINVAL` if it is not a set of `IN` and
    /// `OUT`.
    pub(crate) fn kick(&self, events: Events) -> Result {
        let both = Events::IN | Events::OUT;
        if events == Events::NONE || events.without(both) != Events::NONE {
            return Err(EINVAL);
        }
        let mut queue = self.queue.lock();
        self.count.begin_kick(events);
        queue.wake(events);
        if events.intersects(Events::IN) && self.state.has(uapi::EVFD_EFD_WAKE_ONE) {
            queue.wake(TURN);
        }
        if !self.queue.is_active() {
            self.count.end_kick(events);
        }
        Ok(())
    }

    /// Reads where the counter may be 0 or may be changing.
    #[cold]
    #[inline(never)]
    fn read_slowpath(&self, mut buf: impl ReadBuf, blocking: Blocking<'_>) -> Result<usize> {
        if self.count.get() == 0 {
            blocking.allowed()?;
        }
        blocking.retry(
            || match Self::settle(|| self.count.take(self.amount()))? {
                (0, _) => Ok(None),
                (taken, _) => self.end_read(taken, &mut buf).map(Some),
            },
            || self.wait(self.read_mode(), || self.count.get() != 0),
        )
    }

    /// Writes `n`, which did not fit, as soon as it fits.
    #[cold]
    #[inline(never)]
    fn write_slowpath(&self, n: u64, blocking: Blocking<'_>) -> Result {
        blocking.retry(
            || Ok(Self::settle(|| self.count.add(n))?.then_some(())),
            || self.wait_for_room(n),
        )
    }

    /// Waits until `n` fits.
    fn wait_for_room(&self, n: u64) -> Result {
        // Full: the writer sees the room that a reader makes, or the reader sees the writer.
        self.state.0.fetch_add(State::WRITER, Full);
        let mode = Mode::Shared(Events::OUT);
        let result = self.wait(mode, || self.count.fits(n));
        self.state.0.fetch_sub(State::WRITER, Full);
        result
    }
}

#[vtable]
impl<K: Kind> AnonFile for Descriptor<K> {
    type Module = crate::LocalModule;
    type Private = Arc<Self>;

    const NAME: &'static CStr = c"[eventfd]";
    const OPS: &'static FileOperations<Self> = K::OPS;

    #[inline(always)]
    fn read(&self, mut buf: impl ReadBuf, blocking: Blocking<'_>) -> Result<usize> {
        if buf.room() < size_of::<u64>() {
            return Err(EINVAL);
        }
        match self.count.try_take(self.amount()) {
            Some(taken) => self.end_read(taken, &mut buf),
            None => self.read_slowpath(buf, blocking),
        }
    }

    #[inline(always)]
    fn write(&self, data: UserData, blocking: Blocking<'_>) -> Result<usize> {
        if data.size() != size_of::<u64>() {
            return Err(EINVAL);
        }
        let n: u64 = data.read()?;
        if n > USER_MAX {
            return Err(EINVAL);
        }
        if !matches!(self.count.add(n), Ok(true)) {
            self.write_slowpath(n, blocking)?;
        }
        if self.queue.is_active() {
            self.wake(Events::IN);
        }
        Ok(size_of::<u64>())
    }

    fn poll<'a>(&'a self, table: &PollTable<'a>) -> Events {
        self.state.note_wanted(table.wanted());
        if !K::IS_SHARED {
            return table.wait_unless_ready(&self.queue, || self.count.events());
        }
        let now = self.count.events();
        if table.is_answered_by(now) {
            return now;
        }
        table.wait(&self.queue);
        let now = self.count.events();
        if self.count.arm_for_poller(table.wanted(), now) {
            return self.count.events();
        }
        now
    }

    fn ioctl(&self, cmd: u32, arg: UserPtr, _blocking: Blocking<'_>) -> Result<u32> {
        match cmd {
            uapi::EVFD_IOC_KICK if K::IS_SHARED => {
                let events = u32::try_from(arg.as_const_ptr().addr()).map_err(|_| EINVAL)?;
                self.kick(Events::from_bits(events)).map(|()| 0)
            }
            _ => Err(ENOTTY),
        }
    }

    fn show_fdinfo(&self, m: &SeqFile) {
        seq_print!(m, "eventfd-count: {:16x}\n", self.count.get());
        if let Ok(id) = self.id.get(IDS) {
            seq_print!(m, "eventfd-id: {id}\n");
        }
        let semaphore = self.state.has(uapi::EVFD_EFD_SEMAPHORE);
        seq_print!(m, "eventfd-semaphore: {}\n", u32::from(semaphore));
        self.count.show(m);
    }

    fn release(this: Arc<Self>) {
        if this.queue.is_active() {
            this.wake(Events::HUP);
        }
    }
}

impl<K: Kind> Deferred for Descriptor<K> {
    fn link(&self) -> &Link {
        &self.link
    }

    fn run(&self, bits: u32) {
        self.wake(Events::from_bits(bits));
    }
}

#[cfg(CONFIG_KUNIT = "y")]
impl<K: Kind> Descriptor<K> {
    /// The wait queue, for tests.
    pub(crate) fn queue(&self) -> &WaitQueue {
        &self.queue
    }

    /// The counter's value, for tests.
    pub(crate) fn count(&self) -> u64 {
        self.count.get()
    }

    /// Waits for all deferred wake-ups, for tests.
    pub(crate) fn flush_deferred() {
        K::deferred().flush();
    }
}
