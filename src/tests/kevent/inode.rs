// SPDX-License-Identifier: GPL-2.0

//! The events of inodes.

use kernel::prelude::*;

#[kunit_tests(evfd_kevent_inode)]
mod suite {
    use crate::{
        abstractions::file::inode::Changes,
        kevent::sources::inode::{
            changes_of,
            events_of,
            EVENTS, //
        }, //
    };

    #[test]
    fn every_set_of_events_is_a_set_of_changes() {
        for events in 0..=EVENTS {
            assert_eq!(events, events_of(changes_of(events)));
        }
    }

    #[test]
    fn other_bits_are_no_events() {
        for bit in 0..32 {
            let event = 1 << bit;
            let is_event = event & EVENTS != 0;
            let is_change = changes_of(event) != Changes::NONE;
            assert_eq!(is_event, is_change);
        }
        assert_eq!(EVENTS, events_of(changes_of(u32::MAX)));
    }
}
