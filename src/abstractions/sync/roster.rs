// SPDX-License-Identifier: GPL-2.0

//! Lists that objects leave when they are dropped.
//!
//! One mutex guards all lists, because operations on them are rare. So a list can be `static`
//! without an initialiser for its own mutex, but no task may lock two lists at the same time.
//!
//! C header: [`include/linux/list.h`](srctree/include/linux/list.h)

use crate::abstractions::helpers;
use core::{
    marker::PhantomData,
    ops::Deref, //
};
use kernel::{
    bindings,
    prelude::*,
    types::{
        NotThreadSafe,
        Opaque, //
    },
};

/// A list of [`Member`]s.
///
/// # Invariants
///
/// Guarded by the mutex: `head` is zeroed, or the head of a list of the `links` of `Member<V>`s.
pub struct Roster<V> {
    head: Opaque<bindings::list_head>,
    _kind: PhantomData<fn(V)>,
}

// SAFETY: The mutex guards the list, and its holder gets only shared references to values that are
// `Sync`.
unsafe impl<V: Sync> Sync for Roster<V> {}

impl<V: Sync + 'static> Roster<V> {
    /// An empty list, to be put in a `static`.
    pub const fn empty() -> Self {
        // INVARIANT: It is zeroed.
        Self {
            head: Opaque::zeroed(),
            _kind: PhantomData,
        }
    }

    /// Takes the mutex. Context: task, may sleep.
    pub fn lock(&'static self) -> RosterGuard<V> {
        let head = self.head.get();
        // SAFETY: The mutex is initialised statically.
        unsafe { bindings::mutex_lock(&raw mut helpers::evfd_helper_roster_lock) };
        // INVARIANT: The mutex is held, and a zeroed head becomes the head of an empty list.
        // SAFETY: The mutex guards the head, which is valid and stays where it is.
        unsafe {
            if (*head).next.is_null() {
                bindings::INIT_LIST_HEAD(head);
            }
        }
        RosterGuard {
            roster: self,
            _not_send: NotThreadSafe,
        }
    }
}

/// A [`Roster`] whose mutex is held.
///
/// # Invariants
///
/// The mutex is held, and the head of `roster` is not zeroed.
pub struct RosterGuard<V: 'static> {
    roster: &'static Roster<V>,
    _not_send: NotThreadSafe,
}

impl<V: Sync + 'static> RosterGuard<V> {
    /// Adds `member`, if it is not in the list.
    pub fn join(&mut self, member: &Member<V>) {
        if member.is_linked() {
            return;
        }
        // SAFETY: The member is in no list, and is pinned until it has left. The mutex, which
        // guards lists and links, is held.
        unsafe { bindings::list_add_tail(member.links.get(), self.roster.head.get()) };
    }

    /// Removes `member` from the list, if it is there.
    pub fn leave(&mut self, member: &Member<V>) {
        // SAFETY: The mutex is held.
        unsafe { member.unlink() };
    }

    /// Calls `f` with each member. `f` must neither take the mutex again nor drop a member.
    pub fn for_each(&mut self, mut f: impl FnMut(&V)) {
        let head = self.roster.head.get();
        // SAFETY: The mutex is held, so the list does not change.
        let mut links = unsafe { (*head).next };
        while links != head {
            let opaque: *const Opaque<bindings::list_head> = links.cast();
            // SAFETY: An entry of the list is the links of a member. The member leaves the list,
            // which needs the mutex, before it is dropped.
            let member = unsafe { &*kernel::container_of!(opaque, Member<V>, links) };
            f(&member.value);
            // SAFETY: As above.
            links = unsafe { (*links).next };
        }
    }
}

impl<V> Drop for RosterGuard<V> {
    fn drop(&mut self) {
        // SAFETY: The mutex is held by the type invariant.
        unsafe { bindings::mutex_unlock(&raw mut helpers::evfd_helper_roster_lock) };
    }
}

/// A value that may be in a [`Roster`].
///
/// # Invariants
///
/// `links` is in one list at most, or points to itself. The mutex guards it.
#[pin_data(PinnedDrop)]
pub struct Member<V> {
    #[pin]
    links: Opaque<bindings::list_head>,
    #[pin]
    value: V,
}

// SAFETY: The mutex guards the links.
unsafe impl<V: Send> Send for Member<V> {}
// SAFETY: The mutex guards the links.
unsafe impl<V: Sync> Sync for Member<V> {}

impl<V> Member<V> {
    /// Creates an initialiser of a value that is in no list.
    pub fn new(value: impl PinInit<V>) -> impl PinInit<Self> {
        pin_init!(Self {
            // SAFETY: The links are valid for writing, and are pinned.
            links <- Opaque::ffi_init(|links| unsafe { bindings::INIT_LIST_HEAD(links) }),
            value <- value,
        })
    }

    fn is_linked(&self) -> bool {
        let links = self.links.get();
        // SAFETY: The links are initialised. A neighbour that leaves may write `next` concurrently,
        // but that does not change whether `next` is the links themselves.
        unsafe { (&raw const (*links).next).read_volatile() != links }
    }

    /// # Safety
    ///
    /// The mutex must be held.
    unsafe fn unlink(&self) {
        // SAFETY: The mutex is held. Links in no list point to themselves, and still do afterwards.
        unsafe { helpers::evfd_helper_list_del_init(self.links.get()) };
    }
}

impl<V> Deref for Member<V> {
    type Target = V;

    fn deref(&self) -> &V {
        &self.value
    }
}

#[pinned_drop]
impl<V> PinnedDrop for Member<V> {
    fn drop(self: Pin<&mut Self>) {
        // No other task can make it join now.
        if !self.is_linked() {
            return;
        }
        // SAFETY: The mutex is initialised statically, and is held to leave the list.
        unsafe {
            bindings::mutex_lock(&raw mut helpers::evfd_helper_roster_lock);
            self.unlink();
            bindings::mutex_unlock(&raw mut helpers::evfd_helper_roster_lock);
        }
    }
}
