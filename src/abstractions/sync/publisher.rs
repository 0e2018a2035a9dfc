// SPDX-License-Identifier: GPL-2.0

//! Subscribers of a publisher, which visits them in any context.
//!
//! A visit takes no lock, so it may interrupt a task that subscribes or leaves. A subscriber counts
//! its visitors. So a task that leaves waits for the visitors of its subscriber only, and not for a
//! grace period. The memory is freed after a grace period, because a visitor may have found it
//! before.
//!
//! C header: [`include/linux/rculist.h`](srctree/include/linux/rculist.h)

use crate::abstractions::{
    helpers,
    sync::{
        atomic::{
            fetch_add_full,
            load_acquire,
            or_full, //
        },
        preempt, //
    }, //
};
use core::{
    marker::PhantomData,
    ops::Deref,
    ptr::NonNull, //
};
use kernel::{
    bindings,
    prelude::*,
    sync::atomic::Atomic,
    time::{
        delay::fsleep,
        Delta, //
    },
    types::Opaque, //
};

/// A list of [`Subscriber`]s.
///
/// # Invariants
///
/// It is the head of a list of the places of `Subscriber<T>`s.
#[repr(transparent)]
pub struct Publisher<T>(Opaque<bindings::hlist_head>, PhantomData<T>);

// SAFETY: Visitors get shared references to `T`s. A lock guards changes of the list.
unsafe impl<T: Send + Sync> Sync for Publisher<T> {}

impl<T: Send + Sync> Publisher<T> {
    /// Calls `f` for each subscriber. Preemption is disabled meanwhile, except on `PREEMPT_RT`.
    ///
    /// Context: any, NMI included.
    #[inline(always)]
    pub fn visit(&self, f: impl Fn(&T)) {
        let _reader = preempt::read_rcu();
        // SAFETY: The head is valid.
        let mut link = unsafe { (&raw const (*self.0.get()).first).read_volatile() };
        while !link.is_null() {
            // SAFETY: By the type invariant it belongs to a place, the first field of a subscriber.
            // RCU keeps its memory when it leaves.
            let subscriber = unsafe {
                let place = kernel::container_of!(link, helpers::evfd_helper_subscriber, link);
                &*place.cast::<Subscriber<T>>()
            };
            if fetch_add_full(&subscriber.visitors, 1) & LEFT == 0 {
                // A task that leaves waits for the visitor.
                f(&subscriber.value);
            }
            fetch_add_full(&subscriber.visitors, ONE_LESS);
            // SAFETY: As above. After the subscriber has left, its link still leads into the list.
            link = unsafe { (&raw const (*link).next).read_volatile() };
        }
    }

    /// Removes all subscribers. Nothing may visit them or subscribe any more.
    ///
    /// Context: task.
    pub fn clear(&self) {
        // SAFETY: The head is valid, and the function takes the lock of its list.
        unsafe { helpers::evfd_helper_unsubscribe_all(self.0.get()) };
    }
}

/// For tests.
#[cfg(CONFIG_KUNIT = "y")]
impl<T> Publisher<T> {
    /// Without subscribers. It must not move while there are some.
    pub const fn empty() -> Self {
        // INVARIANT: A zeroed head is that of an empty list.
        Self(Opaque::zeroed(), PhantomData)
    }
}

/// A bit of [`Subscriber::visitors`]: there are no new visitors.
const LEFT: u64 = 1 << 63;

/// Added to the number of visitors, it subtracts 1.
const ONE_LESS: u64 = u64::MAX;

/// A value that a [`Publisher`] visits.
///
/// # Invariants
///
/// `place` is zeroed, or is or was in the list of a publisher. From the time when `visitors` gets
/// [`LEFT`], it is in no list.
#[repr(C)]
pub struct Subscriber<T> {
    place: Opaque<helpers::evfd_helper_subscriber>,
    /// The number of visitors, and [`LEFT`].
    visitors: Atomic<u64>,
    value: T,
}

// SAFETY: The place is used under the lock of lists, and by visitors.
unsafe impl<T: Send> Send for Subscriber<T> {}
// SAFETY: See above.
unsafe impl<T: Sync> Sync for Subscriber<T> {}

impl<T: Send + Sync> Subscriber<T> {
    /// Subscribes. This can be done once.
    ///
    /// Context: task. Errors: `EBUSY` if it has been done, or if the subscriber has left.
    pub fn subscribe(&self, to: &Publisher<T>) -> Result {
        // SAFETY: The place is valid, and leaves the list before its memory is freed.
        let subscribes = unsafe { helpers::evfd_helper_subscribe(to.0.get(), self.place.get()) };
        if subscribes {
            Ok(())
        } else {
            Err(EBUSY)
        }
    }

    /// Leaves the publisher, if any, and waits for visitors. Nothing visits afterwards.
    ///
    /// Context: task, may sleep.
    pub fn leave(&self) {
        // SAFETY: The place is valid.
        unsafe { helpers::evfd_helper_unsubscribe(self.place.get()) };
        // INVARIANT: It is in no list now, and the function lets it join no other.
        // Full, like the count of a visitor: either it sees this, or it is seen below.
        or_full(&self.visitors, LEFT);
        // Acquire: all visits come before what the caller does next.
        while load_acquire(&self.visitors) != LEFT {
            // A visit is short, but on `PREEMPT_RT` it may be preempted.
            fsleep(Delta::from_micros(20));
        }
    }
}

impl<T> Deref for Subscriber<T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.value
    }
}

/// A [`Subscriber`] that leaves when this is dropped.
///
/// # Invariants
///
/// `subscriber` comes from a `KBox`, and is freed by this value only.
pub struct Subscription<T: Send + Sync> {
    subscriber: NonNull<Subscriber<T>>,
    _owner: PhantomData<T>,
}

// SAFETY: It owns the subscriber.
unsafe impl<T: Send + Sync> Send for Subscription<T> {}
// SAFETY: It gives shared access to the subscriber only.
unsafe impl<T: Send + Sync> Sync for Subscription<T> {}

impl<T: Send + Sync> Subscription<T> {
    /// A subscriber without a publisher. Context: task, may sleep. Errors: `ENOMEM`.
    pub fn new(value: T) -> Result<Self> {
        let subscriber = Subscriber {
            place: Opaque::zeroed(),
            visitors: Atomic::new(0),
            value,
        };
        let subscriber = KBox::leak(KBox::new(subscriber, GFP_KERNEL_ACCOUNT)?);
        // INVARIANT: It was just made.
        Ok(Self {
            subscriber: NonNull::from(subscriber),
            _owner: PhantomData,
        })
    }
}

impl<T: Send + Sync> Deref for Subscription<T> {
    type Target = Subscriber<T>;

    fn deref(&self) -> &Subscriber<T> {
        // SAFETY: By the type invariant it is valid until the drop.
        unsafe { self.subscriber.as_ref() }
    }
}

impl<T: Send + Sync> Drop for Subscription<T> {
    fn drop(&mut self) {
        self.leave();
        let subscriber = self.subscriber.as_ptr();
        // SAFETY: Nothing visits any more, so only this uses the value. Visitors that are late use
        // the link and the count, and have gone after a grace period. By the type invariant the
        // memory comes from kmalloc(), and the place is its start.
        unsafe {
            (&raw mut (*subscriber).value).drop_in_place();
            helpers::evfd_helper_free_subscriber((*subscriber).place.get());
        }
    }
}
