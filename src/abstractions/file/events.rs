// SPDX-License-Identifier: GPL-2.0

//! Poll events.
//!
//! C header: [`include/uapi/linux/eventpoll.h`](srctree/include/uapi/linux/eventpoll.h)

use crate::abstractions::helpers;
use core::ops::{
    BitAnd,
    BitOr, //
};

/// A set of poll events, C's `__poll_t`: of a file that is ready, of a waiter, or of a wake-up.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[repr(transparent)]
pub struct Events(u32);

impl Events {
    /// No event.
    pub const NONE: Events = Events(0);
    /// Reading does not block.
    pub const IN: Events = Events(helpers::EPOLLIN);
    /// Writing does not block.
    pub const OUT: Events = Events(helpers::EPOLLOUT);
    /// An error condition.
    pub const ERR: Events = Events(helpers::EPOLLERR);
    /// The file is being closed.
    pub const HUP: Events = Events(helpers::EPOLLHUP);

    /// Like [`Events::IN`], but for normal data only.
    pub const RDNORM: Events = Events(helpers::EPOLLRDNORM);
    /// Like [`Events::OUT`], but for normal data only.
    pub const WRNORM: Events = Events(helpers::EPOLLWRNORM);
    /// The other end of a stream writes no more.
    pub const RDHUP: Events = Events(helpers::EPOLLRDHUP);

    /// In the key of a poll: the poller needs a wake-up for each event (`EPOLLET`).
    pub const EDGES: Events = Events(helpers::EPOLLET);

    /// In the key of a poll: the poller takes one event only (`EPOLLONESHOT`).
    pub const ONESHOT: Events = Events(helpers::EPOLLONESHOT);
    /// In the key of a poll: a wake-up stops at this poller (`EPOLLEXCLUSIVE`).
    pub const EXCLUSIVE: Events = Events(helpers::EPOLLEXCLUSIVE);
    /// In the key of a poll: set by [`Poller`], which does not poll again after a wake-up.
    ///
    /// [`Poller`]: crate::abstractions::file::poller::Poller
    pub const NVAL: Events = Events(helpers::EPOLLNVAL);

    /// The owner of a wait queue frees it.
    pub(in crate::abstractions) const POLLFREE: Events = Events(helpers::POLLFREE);

    /// The set whose bits are those of a `__poll_t`.
    pub const fn from_bits(bits: u32) -> Self {
        Self(bits)
    }

    /// The set as a `__poll_t`.
    pub const fn bits(self) -> u32 {
        self.0
    }

    /// Whether the sets have an event in common.
    pub const fn intersects(self, other: Self) -> bool {
        self.0 & other.0 != 0
    }

    /// The events of both sets.
    pub const fn with(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    /// The events of `self` that are not in `other`.
    pub const fn without(self, other: Self) -> Self {
        Self(self.0 & !other.0)
    }

    /// For the key of a poll: whether the poller needs a wake-up for each event, because it may take
    /// the event from the wake-up, or because a wake-up may stop at another poller. All others poll
    /// again after a wake-up, before they wait for the next.
    ///
    /// An edge-triggered epoll instance and a multishot request of io_uring have the same key. Only
    /// epoll, `poll()` and aio set both `ERR` and `HUP` without one of the other flags.
    pub fn needs_every_wake_up(self) -> bool {
        let always = Self::ERR | Self::HUP;
        self.intersects(Self::EXCLUSIVE)
            || !self.intersects(Self::ONESHOT)
                && (self.intersects(Self::EDGES | Self::NVAL) || self & always != always)
    }

    /// `self` if `condition`, otherwise no event.
    pub fn when(self, condition: bool) -> Self {
        if condition {
            self
        } else {
            Self::NONE
        }
    }
}

impl BitAnd for Events {
    type Output = Self;

    #[inline(always)]
    fn bitand(self, other: Self) -> Self {
        Self(self.0 & other.0)
    }
}

impl BitOr for Events {
    type Output = Self;

    #[inline(always)]
    fn bitor(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }
}
