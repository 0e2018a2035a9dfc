// SPDX-License-Identifier: GPL-2.0

//! The events of operations on files.

use kernel::prelude::*;

#[kunit_tests(evfd_kevent_aio)]
mod suite {
    use crate::{
        abstractions::file::io::Action,
        kevent::sources::aio::{
            action,
            EVENTS, //
        },
        uapi, //
    };

    #[test]
    fn each_event_is_an_action() {
        for (event, expected) in [
            (uapi::KEVENT_AIO_READ, Action::Read),
            (uapi::KEVENT_AIO_WRITE, Action::Write),
            (uapi::KEVENT_AIO_FSYNC, Action::Sync),
            (uapi::KEVENT_AIO_FDATASYNC, Action::DataSync),
        ] {
            assert_eq!(Ok(expected), action(event));
        }
    }

    #[test]
    fn sets_of_events_are_invalid() {
        for events in 0..=2 * EVENTS {
            let is_event = events.is_power_of_two() && events & EVENTS != 0;
            assert_eq!(is_event, action(events).is_ok());
        }
    }
}
