// SPDX-License-Identifier: GPL-2.0

//! Operations that kevents stand for.

mod end;
mod machine;
mod start;

pub(crate) use end::{
    cancel_all,
    of, //
};
pub(crate) use machine::{
    Operation,
    Target, //
};
pub(crate) use start::Start;
