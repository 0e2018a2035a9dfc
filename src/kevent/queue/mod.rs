// SPDX-License-Identifier: GPL-2.0

//! The queue.

mod raise;
mod state;
mod waiters;

pub(crate) use raise::{
    Raise,
    Raised, //
};
pub(super) use state::CLASSIC;
pub(crate) use state::{
    register_deferred,
    Kevents,
    PlaceRef,
    Pollers,
    Queue,
    DISPATCH,
    ONESHOT, //
};
