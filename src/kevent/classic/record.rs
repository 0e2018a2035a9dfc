// SPDX-License-Identifier: GPL-2.0

//! `struct ukevent`: a kevent as a program of 2006 sees it.

use crate::uapi;
use core::mem::offset_of;
use kernel::prelude::*;
use zerocopy_derive::Immutable;

/// `struct ukevent`, without its unions.
#[derive(Clone, Copy, Default, FromBytes, IntoBytes, Immutable)]
#[repr(C)]
pub(super) struct Record {
    pub(super) id: u64,
    pub(super) kind: u32,
    pub(super) event: u32,
    pub(super) req_flags: u32,
    pub(super) ret: Ret,
    pub(super) user: u64,
}

/// The part that the kernel writes.
#[derive(Clone, Copy, Default, PartialEq, Eq, FromBytes, IntoBytes, Immutable)]
#[repr(C)]
pub(super) struct Ret {
    pub(super) flags: u32,
    pub(super) data: [u32; 2],
}

/// The size of a record in user memory.
pub(super) const SIZE: usize = size_of::<Record>();

/// The offset of the part that the kernel writes.
pub(super) const RET: usize = offset_of!(Record, ret);

const _: () = {
    assert!(SIZE == size_of::<uapi::ukevent>());
    assert!(offset_of!(Record, kind) == offset_of!(uapi::ukevent, type_));
    assert!(offset_of!(Record, event) == offset_of!(uapi::ukevent, event));
    assert!(offset_of!(Record, req_flags) == offset_of!(uapi::ukevent, req_flags));
    assert!(RET == offset_of!(uapi::ukevent, ret_flags));
    assert!(RET + offset_of!(Ret, data) == offset_of!(uapi::ukevent, ret_data));
};

impl Ret {
    /// `KEVENT_RET_*` flags alone.
    pub(super) fn of(flags: u32) -> Self {
        Self {
            flags,
            data: [0; 2],
        }
    }

    /// An event whose value is `value`.
    pub(super) fn event(value: u32) -> Self {
        Self {
            flags: uapi::KEVENT_RET_DONE,
            data: [value, 0],
        }
    }

    /// A failure, with `KEVENT_RET_*` flags beside `KEVENT_RET_BROKEN`.
    pub(super) fn error(e: Error, flags: u32) -> Self {
        Self {
            flags: uapi::KEVENT_RET_BROKEN | flags,
            data: [0, e.to_errno() as u32],
        }
    }
}
