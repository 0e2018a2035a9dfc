// SPDX-License-Identifier: GPL-2.0

//! Polling a file from the kernel.
//!
//! C headers: [`include/linux/poll.h`](srctree/include/linux/poll.h),
//! [`include/linux/wait.h`](srctree/include/linux/wait.h)

use crate::abstractions::{
    compat::EOPNOTSUPP,
    file::{
        closes::{
            self,
            Leave,
            WeakFile, //
        },
        events::Events,
        stream::Unreleased, //
    },
    helpers, //
};
use core::{
    cell::UnsafeCell,
    pin::Pin,
    ptr::{
        self,
        NonNull, //
    }, //
};
use kernel::{
    bindings,
    fs::File,
    prelude::*,
    sync::{
        aref::ARef,
        atomic::{
            Atomic,
            Relaxed, //
        }, //
    },
    types::Opaque, //
};

/// The owner of a [`Poller`].
pub trait Woken: Send + Sync {
    /// Runs for each wake-up on the file's wait queues that says which events have occurred, of a
    /// poller with [`Calls::Woken`].
    ///
    /// Context: any in which wait queues are woken, with the lock of the queue held. Must not
    /// sleep, and must not take a lock in which this file's queues are woken.
    fn woken(&self, _events: Events) {}

    /// The same of a poller with [`Calls::WokenWithFile`]. Context: like that of [`Woken::woken`].
    fn woken_with_file(&self, _events: Events, _file: Unreleased<'_>) {}

    /// The same of a poller with [`Calls::WokenInTurn`]. Others on the same queue have taken the
    /// events `taken`. Returns the events that no later one should take. Context: like that of
    /// [`Woken::woken`].
    fn woken_in_turn(&self, _events: Events, _taken: Events, _file: Unreleased<'_>) -> Events {
        Events::NONE
    }

    /// Runs for each wake-up that does not say it. Context: like that of [`Woken::woken`].
    fn woken_without_events(&self);

    /// Runs when a file is closed that is watched [`weakly`](Hold::Weak). Nothing else runs
    /// afterwards. Context: like that of [`Woken::woken`].
    fn closed(&self) {}
}

/// How a poller holds its file.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Hold {
    /// By a reference.
    Strong,
    /// Not at all: the poller ends with the file.
    Weak,
}

/// The function that a wake-up calls.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Calls {
    /// [`Woken::woken`].
    Woken,
    /// [`Woken::woken_with_file`].
    WokenWithFile,
    /// [`Woken::woken_in_turn`].
    WokenInTurn,
}

/// Whether `file` can be polled. All others count as always ready.
pub fn can_poll(file: &File) -> bool {
    // SAFETY: The file is valid.
    unsafe { helpers::evfd_helper_can_poll(file.as_ptr()) }
}

/// Whether `file` is an epoll instance.
pub fn is_epoll(file: &File) -> bool {
    // SAFETY: The file is valid.
    unsafe { helpers::evfd_helper_is_epoll(file.as_ptr()) }
}

/// Whether `file` is an io_uring instance.
pub fn is_io_uring(file: &File) -> bool {
    // SAFETY: The file is valid.
    unsafe { helpers::evfd_helper_is_io_uring(file.as_ptr()) }
}

/// Whether `file` is a unix socket, whose messages may hold other files.
pub fn is_unix_socket(file: &File) -> bool {
    // SAFETY: The file is valid.
    unsafe { helpers::evfd_helper_is_unix_socket(file.as_ptr()) }
}

/// Whether `file` can be held [`weakly`](Hold::Weak): a pipe, a unix socket or an internet socket.
pub fn can_be_weak(file: &File) -> bool {
    // SAFETY: The file is valid.
    unsafe { helpers::evfd_helper_can_be_weak(file.as_ptr()) }
}

/// Lets files be held [`weakly`](Hold::Weak) by a `Poller<W>`, of one `W`, until the result is
/// dropped.
///
/// Context: task, may sleep. Errors: `ENOMEM`.
pub fn register_closes<W: Woken>() -> Result<closes::Registration<Poller<W>>> {
    closes::Registration::new()
}

/// A place on a wait queue.
#[repr(C)]
struct Place<W: Woken> {
    entry: Opaque<bindings::wait_queue_entry>,
    /// Null before the poller joins a queue, and after the queue was freed.
    head: UnsafeCell<*mut bindings::wait_queue_head>,
    poller: *const Poller<W>,
    /// The place on the next queue of the file. Owned.
    next: UnsafeCell<*mut Place<W>>,
}

impl<W: Woken> Place<W> {
    const fn new() -> Self {
        Self {
            entry: Opaque::uninit(),
            head: UnsafeCell::new(ptr::null_mut()),
            poller: ptr::null(),
            next: UnsafeCell::new(ptr::null_mut()),
        }
    }
}

/// The file of a poller.
enum Held {
    Strong(ARef<File>),
    Weak(WeakFile),
}

impl Held {
    #[inline(always)]
    fn as_ptr(&self) -> *mut bindings::file {
        match self {
            Self::Strong(file) => file.as_ptr(),
            Self::Weak(file) => file.as_ptr(),
        }
    }
}

/// A poller of a file.
///
/// # Invariants
///
/// The places from `first` on are on wait queues of the file, or have no queue. They change in
/// [`Poller::start`] only, before any other task can use the poller.
#[pin_data(PinnedDrop)]
pub struct Poller<W: Woken> {
    first: Place<W>,
    file: Held,
    owner: W,
    /// 1 after the notification of the file's close has removed the poller from its queues.
    closed: Atomic<u32>,
    #[pin]
    _pin: core::marker::PhantomPinned,
}

// SAFETY: The places are used under the locks of their queues, and from the drop of the poller. A
// file may be used by any task.
unsafe impl<W: Woken> Send for Poller<W> {}
// SAFETY: See above.
unsafe impl<W: Woken> Sync for Poller<W> {}

/// A `poll_table` that puts a [`Poller`] on wait queues.
#[repr(C)]
struct Joining<W: Woken> {
    table: bindings::poll_table,
    poller: *const Poller<W>,
    func: bindings::wait_queue_func_t,
    failed: bool,
}

impl<W: Woken> Poller<W> {
    /// Makes a poller that joins the wait queues of `file`, for wake-ups with `wanted`, which call a
    /// function of `owner`. Then `ready` gets the owner, the events of `wanted` and the errors that
    /// are there already, and the file. The function may run before.
    ///
    /// A file is held weakly only if it [can be](can_be_weak).
    ///
    /// Context: task, may sleep. Errors: `ENOMEM`; `EOPNOTSUPP` if it cannot be held weakly. The
    /// initialiser has the same.
    #[inline(always)]
    pub fn start(
        file: ARef<File>,
        hold: Hold,
        calls: Calls,
        owner: W,
        wanted: Events,
        ready: impl FnOnce(&W, Events, &File),
    ) -> Result<impl PinInit<Self, Error>> {
        let (held, weak) = match hold {
            Hold::Strong => (Held::Strong(file), None),
            Hold::Weak if !can_be_weak(&file) => return Err(EOPNOTSUPP),
            Hold::Weak => (Held::Weak(WeakFile::new(&file)?), Some(file)),
        };
        // INVARIANT: The only place has no queue.
        Ok(try_pin_init!(Self {
            first: Place::new(),
            file: held,
            owner,
            closed: Atomic::new(0),
            _pin: core::marker::PhantomPinned,
        }? Error)
        .pin_chain(move |this| {
            let this = this.into_ref().get_ref();
            if let (Held::Strong(file), _) | (_, Some(file)) = (&this.file, &weak) {
                let events = this.join(file, calls, wanted)?;
                ready(
                    &this.owner,
                    events & (wanted | Events::ERR | Events::HUP),
                    file,
                );
            }
            Ok(())
        }))
    }

    /// The owner.
    pub fn owner(&self) -> &W {
        &self.owner
    }

    /// Joins the wait queues of the file. Called once, by [`Poller::start`].
    #[inline(always)]
    fn join(&self, file: &File, calls: Calls, wanted: Events) -> Result<Events> {
        let mut joining = Joining {
            table: bindings::poll_table {
                _qproc: Some(Self::join_queue),
                _key: (wanted | Events::NVAL).bits(),
            },
            poller: self,
            func: match calls {
                Calls::Woken => Some(Self::wake),
                Calls::WokenWithFile => Some(Self::wake_with_file),
                Calls::WokenInTurn => Some(Self::wake_in_turn),
            },
            failed: false,
        };
        // SAFETY: The file is valid. `join_queue()` gets the table, which is a field of `joining`.
        let events = unsafe { helpers::evfd_helper_poll(file.as_ptr(), &mut joining.table) };
        if joining.failed {
            return Err(ENOMEM);
        }
        // Without a place, the close would not end the poller.
        // SAFETY: Only the task in `start()` uses the pointers of the places.
        if matches!(self.file, Held::Weak(_)) && unsafe { *self.first.head.get() }.is_null() {
            return Err(EOPNOTSUPP);
        }
        Ok(Events::from_bits(events))
    }

    /// # Safety
    ///
    /// Must be called by `vfs_poll()`, for the table in a [`Joining`].
    unsafe extern "C" fn join_queue(
        _file: *mut bindings::file,
        head: *mut bindings::wait_queue_head,
        table: *mut bindings::poll_table,
    ) {
        // SAFETY: By the safety requirement, the table is the first field of a `Joining`, which
        // only this task uses.
        let joining = unsafe { &mut *table.cast::<Joining<W>>() };
        // SAFETY: The poller is borrowed by the caller of `vfs_poll()`.
        let first = unsafe { &raw const (*joining.poller).first }.cast_mut();
        // SAFETY: The place is valid. Only the task in `start()` uses its pointers.
        let place = if unsafe { *(*first).head.get() }.is_null() {
            first
        } else {
            match KBox::new(Place::new(), GFP_KERNEL_ACCOUNT) {
                Ok(place) => KBox::into_raw(place),
                Err(_) => {
                    joining.failed = true;
                    return;
                }
            }
        };
        // SAFETY: The places are valid, and no other task uses their pointers. `place` is pinned, because the
        // poller is or because it is on the heap. It leaves the queue before it is freed.
        unsafe {
            if place != first {
                *(*place).next.get() = *(*first).next.get();
                *(*first).next.get() = place;
            }
            (&raw mut (*place).poller).write(joining.poller);
            let entry = (*place).entry.get();
            entry.write(bindings::wait_queue_entry {
                func: joining.func,
                ..pin_init::zeroed()
            });
            *(*place).head.get() = head;
            bindings::add_wait_queue(head, entry);
        }
    }

    /// # Safety
    ///
    /// Must be called by a wake-up of a queue, for the entry of a [`Place`] on it.
    unsafe extern "C" fn wake(
        entry: *mut bindings::wait_queue_entry,
        _mode: c_uint,
        _flags: c_int,
        key: *mut c_void,
    ) -> c_int {
        // SAFETY: By the safety requirement.
        unsafe { Self::call(entry, key, |poller, events| poller.owner.woken(events)) }
    }

    /// # Safety
    ///
    /// Like that of `wake()`.
    unsafe extern "C" fn wake_with_file(
        entry: *mut bindings::wait_queue_entry,
        _mode: c_uint,
        _flags: c_int,
        key: *mut c_void,
    ) -> c_int {
        // SAFETY: By the safety requirement, `call()` may be called. It calls the closure with the
        // lock of the queue held.
        unsafe {
            Self::call(entry, key, |poller, events| {
                // The poller holds the file, or leaves the queue before the file's release.
                let file = Unreleased::from_raw(poller.file.as_ptr());
                poller.owner.woken_with_file(events, file);
            })
        }
    }

    /// # Safety
    ///
    /// Like that of `wake()`.
    unsafe extern "C" fn wake_in_turn(
        entry: *mut bindings::wait_queue_entry,
        _mode: c_uint,
        _flags: c_int,
        key: *mut c_void,
    ) -> c_int {
        // SAFETY: By the safety requirement, the lock of the queue is held.
        let taken = unsafe { ptr::replace(&raw mut (*entry).private, ptr::null_mut()) };
        let taken = Events::from_bits(taken.addr() as u32);
        // SAFETY: By the safety requirement, `call()` may be called. It calls the closure with the
        // lock of the queue held, under which `entry` stays on it.
        unsafe {
            Self::call(entry, key, |poller, events| {
                // The poller holds the file, or leaves the queue before the file's release.
                let file = Unreleased::from_raw(poller.file.as_ptr());
                let taken = taken | poller.owner.woken_in_turn(events, taken, file);
                if taken != Events::NONE {
                    Self::pass_on(entry, taken);
                }
            })
        }
    }

    /// Tells the next poller on the queue that is [woken in turn](Calls::WokenInTurn) which events of
    /// this wake-up are taken. The wake-up reaches it before the lock is released: it ends early
    /// only at exclusive entries, which stand behind all others.
    ///
    /// # Safety
    ///
    /// Like that of `wake()`.
    unsafe fn pass_on(entry: *mut bindings::wait_queue_entry, taken: Events) {
        // SAFETY: By the safety requirement, `entry` is the first field of a `Place`, and the list is
        // locked. All its links but the head are fields of entries.
        unsafe {
            let head = &raw mut (**(*entry.cast::<Place<W>>()).head.get()).head;
            let func = (*entry).func.map(|func| func as usize);
            let mut link = (*entry).entry.next;
            while link != head {
                let next = kernel::container_of!(link, bindings::wait_queue_entry, entry);
                if (*next).func.map(|func| func as usize) == func {
                    (*next).private = ptr::without_provenance_mut(taken.bits() as usize);
                    return;
                }
                link = (*link).next;
            }
        }
    }

    /// Calls `woken` with the events of a wake-up, or the other functions of the owner.
    ///
    /// # Safety
    ///
    /// Like that of `wake()`.
    #[inline(always)]
    unsafe fn call(
        entry: *mut bindings::wait_queue_entry,
        key: *mut c_void,
        woken: impl Fn(&Self, Events),
    ) -> c_int {
        let events = Events::from_bits(key.addr() as u32);
        if events == Events::NONE || events.intersects(Events::POLLFREE) {
            // SAFETY: By the safety requirement.
            unsafe { Self::call_slowpath(entry, events, woken) };
            return 1;
        }
        // SAFETY: The entry is the first field of a `Place`, which leaves the queue before it is
        // freed. The poller lives as long as its places. The lock of the queue is held.
        woken(unsafe { &*(*entry.cast::<Place<W>>()).poller }, events);
        1
    }

    /// # Safety
    ///
    /// Like that of `wake()`.
    #[cold]
    #[inline(never)]
    unsafe fn call_slowpath(
        entry: *mut bindings::wait_queue_entry,
        events: Events,
        woken: impl Fn(&Self, Events),
    ) {
        // SAFETY: See `call()`.
        let (place, poller) = unsafe {
            let place = &*entry.cast::<Place<W>>();
            (place, &*place.poller)
        };
        if events == Events::NONE {
            poller.owner.woken_without_events();
            return;
        }
        woken(poller, Events::HUP);
        // SAFETY: The lock of the queue is held, and the entry is on it. Nothing uses the place
        // afterwards.
        unsafe { helpers::evfd_helper_queue_is_freed(place.head.get(), entry) };
    }

    /// Calls `seen` with the file, and the events of `wanted` and the errors that are there now.
    /// Does nothing if the file is closed.
    ///
    /// Context: task, may sleep.
    pub fn look(&self, wanted: Events, seen: impl FnOnce(&File, Events)) {
        match &self.file {
            Held::Strong(file) => seen(file, Self::look_at(file, wanted)),
            Held::Weak(weak) => {
                let lock = weak.lock();
                if self.closed.load(Relaxed) != 0 {
                    return;
                }
                // SAFETY: The notification of the close sets `closed` under the lock.
                let file = unsafe { lock.get() };
                drop(lock);
                if let Some(file) = file {
                    seen(&file, Self::look_at(&file, wanted));
                }
            }
        }
    }

    fn look_at(file: &File, wanted: Events) -> Events {
        let mut table = bindings::poll_table {
            _qproc: None,
            _key: (wanted | Events::NVAL).bits(),
        };
        // SAFETY: The file is valid, and a table without a function adds nothing to a queue.
        let events = unsafe { helpers::evfd_helper_poll(file.as_ptr(), &mut table) };
        Events::from_bits(events) & (wanted | Events::ERR | Events::HUP)
    }
}

// SAFETY: `leave()` removes the entry and sets `closed`.
unsafe impl<W: Woken> Leave for Poller<W> {
    const FUNCS: [bindings::wait_queue_func_t; 3] = [
        Some(Self::wake),
        Some(Self::wake_with_file),
        Some(Self::wake_in_turn),
    ];

    unsafe extern "C" fn leave(entry: *mut bindings::wait_queue_entry) {
        // SAFETY: The entry is the first field of a `Place`, which is on its queue. So its poller
        // lives: a drop would wait for the lock of the file before it leaves the queue.
        let (place, poller) = unsafe {
            let place = &*entry.cast::<Place<W>>();
            (place, &*place.poller)
        };
        if matches!(poller.file, Held::Strong(_)) {
            return;
        }
        poller.owner.closed();
        poller.closed.store(1, Relaxed);
        // SAFETY: The lock of the queue is held, and the entry is on it.
        unsafe { helpers::evfd_helper_queue_is_freed(place.head.get(), entry) };
    }
}

#[pinned_drop]
impl<W: Woken> PinnedDrop for Poller<W> {
    fn drop(self: Pin<&mut Self>) {
        // The close of a file that is held weakly removes the places too.
        let _lock = match &self.file {
            Held::Strong(_) => None,
            Held::Weak(weak) => Some(weak.lock()),
        };
        let first = &raw const self.first;
        let mut place = NonNull::new(first.cast_mut());
        while let Some(at) = place {
            let at = at.as_ptr();
            // SAFETY: By the type invariant the places are valid. No callback runs after an entry
            // has left its queue, so a place on the heap can be freed then.
            unsafe {
                helpers::evfd_helper_leave_queue((*at).head.get(), (*at).entry.get());
                place = NonNull::new(*(*at).next.get());
                if !ptr::eq(at, first) {
                    drop(KBox::from_raw(at));
                }
            }
        }
    }
}
