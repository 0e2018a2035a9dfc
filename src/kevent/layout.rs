// SPDX-License-Identifier: GPL-2.0

//! The memory that a queue shares with its program, as in the UAPI header.
//!
//! The program may write anything anywhere in it. The kernel reads each word at most once per use,
//! and never uses a value of it as an index, a length or a pointer.

use crate::{
    abstractions::mm::shared::SharedRef,
    shared_words,
    uapi, //
};
use core::mem::offset_of;
use kernel::page::PAGE_SIZE;

shared_words! {
    /// `struct kevent_header`.
    pub(crate) struct Header {
        pub(crate) magic: u32,
        pub(crate) version: u32,
        pub(crate) slot_size: u32,
        pub(crate) ring_entries: u32,
        pub(crate) slots: u32,
        pub(crate) flags: u32,
        pub(crate) off_ring: u32,
        pub(crate) off_slots: u32,
        pub(crate) ring_seq: u32,
        pub(crate) old_end: u32,
        reserved0: u32 x 6,
        pub(crate) head: u64,
        reserved1: u64 x 7,
        pub(crate) sleeping: u32,
        pub(crate) polled: u32,
        pub(crate) look: u32,
        reserved2: u32 x 13,
        pub(crate) raised: u32,
        reserved3: u32 x 15,
    }
}

shared_words! {
    /// `struct kevent_slot`. The last word has `type` in its low half and `gen` in its high half.
    pub(crate) struct Slot {
        pub(crate) ready: u64,
        pub(crate) user: u64,
        pub(crate) data: u64,
        pub(crate) want: u32,
        pub(crate) type_and_gen: u32,
    }
}

/// Asserts that fields have the offsets of the UAPI header.
macro_rules! same_offsets {
    ($ours:ident, $uapi:ident: $($field:ident)*) => {
        const _: () = {
            $(assert!(offset_of!($ours, $field) == offset_of!(uapi::$uapi, $field));)*
            assert!(size_of::<$ours>() == size_of::<uapi::$uapi>());
        };
    };
}

same_offsets!(Header, kevent_header: magic version slot_size ring_entries slots flags off_ring
    off_slots ring_seq old_end head sleeping polled look raised);
same_offsets!(Slot, kevent_slot: ready user data want);
const _: () = assert!(offset_of!(Slot, type_and_gen) == offset_of!(uapi::kevent_slot, type_));
const _: () = assert!(cfg!(target_endian = "little"));

/// A slot that lives as long as the reference.
pub(crate) type SlotRef = SharedRef<Slot>;

/// The number of slots in a page.
pub(crate) const SLOTS_PER_PAGE: usize = PAGE_SIZE / size_of::<Slot>();

/// Offsets in the mapping. All are multiples of the size of a page.
#[derive(Clone, Copy)]
pub(crate) struct Layout {
    pub(crate) ring: usize,
    pub(crate) slots: usize,
    pub(crate) size: usize,
}

impl Layout {
    /// The layout for a power of two of slots, which is at least [`SLOTS_PER_PAGE`].
    pub(crate) const fn of(slots: usize) -> Self {
        let ring = PAGE_SIZE;
        let end = ring + slots * size_of::<u32>();
        let first_slot = end.next_multiple_of(PAGE_SIZE);
        Self {
            ring,
            slots: first_slot,
            size: first_slot + slots * size_of::<Slot>(),
        }
    }
}
