// SPDX-License-Identifier: GPL-2.0

//! The events of operations on sockets.

use kernel::prelude::*;

#[kunit_tests(evfd_kevent_naio)]
mod suite {
    use crate::{
        abstractions::file::{
            events::Events,
            io::{
                Action,
                Request, //
            }, //
        },
        kevent::sources::naio::{
            action,
            EVENTS, //
        },
        uapi, //
    };
    use kernel::uaccess::UserPtr;

    #[test]
    fn each_event_is_an_action() {
        for (event, expected) in [
            (uapi::KEVENT_NAIO_RECV, Action::Receive),
            (uapi::KEVENT_NAIO_SEND, Action::Send),
            (uapi::KEVENT_NAIO_SENDFILE, Action::SendFile),
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

    #[test]
    fn each_action_waits_for_its_events() {
        let awaited = |action| Request::on_socket(action, UserPtr::from_addr(0), 1, 0).awaited();
        assert!(awaited(Action::Receive).intersects(Events::IN));
        assert!(!awaited(Action::Receive).intersects(Events::OUT));
        assert!(awaited(Action::Send).intersects(Events::OUT));
        assert!(!awaited(Action::Send).intersects(Events::IN));
    }
}
