// SPDX-License-Identifier: GPL-2.0

//! Posts from every context, overflow, and nested wake-ups.

mod cell;
mod counter;

use kernel::prelude::*;

#[kunit_tests(evfd_eventfd)]
mod suite {
    use super::*;
    use crate::{
        abstractions::{
            file::events::Events,
            testing::{
                call_in,
                Watch, //
                CONTEXTS,
                NMI,
            }, //
        },
        eventfd::{
            count::USER_MAX,
            EventFd, //
        },
        tests::seen::Seen,
        uapi, //
    };
    use kernel::sync::{
        atomic::{
            Atomic,
            Full,
            Relaxed, //
        },
        Arc, //
    };

    fn post(fd: &Arc<EventFd>, n: u32) -> u32 {
        EventFd::post(fd.as_arc_borrow(), n, Events::NONE)
    }

    #[test]
    fn posts_from_every_context() -> Result {
        for (name, context) in CONTEXTS {
            let fd = EventFd::new(0, 0)?;
            let seen = Seen::new();
            let note = |events| seen.note(events);
            let watch = Watch::new(fd.queue(), false, &note)?;
            let added = Atomic::new(0u32);
            let called = call_in(context, || {
                added.fetch_add(post(&fd, 2) + post(&fd, 3), Full);
            });
            EventFd::flush_deferred();
            let woken = seen.count.load(Relaxed);
            pr_info!("{}: {} wake-ups for 2 posts\n", name.to_str()?, woken);
            assert!(called);
            assert_eq!(added.load(Relaxed), 5);
            assert_eq!(fd.count(), 5);
            // Deferred wake-ups may be merged.
            assert!(woken == 1 || woken == 2);
            assert!(seen.events() == Events::IN);
            drop(watch);
        }
        Ok(())
    }

    #[test]
    fn posts_without_a_waiter_from_every_context() -> Result {
        for (_, context) in CONTEXTS {
            let fd = EventFd::new(0, 0)?;
            assert!(call_in(context, || {
                post(&fd, 1);
            }));
            assert_eq!(fd.count(), 1);
        }
        Ok(())
    }

    #[test]
    fn many_posts_from_nmi_add_up() -> Result {
        let fd = EventFd::new(0, 0)?;
        let seen = Seen::new();
        let note = |events| seen.note(events);
        let watch = Watch::new(fd.queue(), false, &note)?;
        for _ in 0..100 {
            assert!(call_in(NMI, || {
                post(&fd, 1);
            }));
        }
        EventFd::flush_deferred();
        assert_eq!(fd.count(), 100);
        assert!(seen.count.load(Relaxed) > 0);
        drop(watch);
        Ok(())
    }

    #[test]
    fn post_of_nothing_wakes_nobody() -> Result {
        let fd = EventFd::new(0, 0)?;
        let seen = Seen::new();
        let note = |events| seen.note(events);
        let watch = Watch::new(fd.queue(), false, &note)?;
        assert_eq!(post(&fd, 0), 0);
        EventFd::flush_deferred();
        assert_eq!(seen.count.load(Relaxed), 0);
        drop(watch);
        Ok(())
    }

    #[test]
    fn overflow_is_reported() -> Result {
        let fd = EventFd::new(USER_MAX - 1, 0)?;
        let seen = Seen::new();
        let note = |events| seen.note(events);
        let watch = Watch::new(fd.queue(), false, &note)?;
        assert_eq!(post(&fd, 1), 1);
        assert!(seen.events() == Events::IN);
        assert_eq!(post(&fd, 7), 1);
        assert!(seen.events() == Events::IN | Events::ERR);
        assert_eq!(post(&fd, 7), 0);
        assert_eq!(EventFd::read_now(fd.as_arc_borrow()), u64::MAX);
        EventFd::flush_deferred();
        assert!(seen.events().intersects(Events::OUT));
        drop(watch);
        Ok(())
    }

    #[test]
    fn masks_reach_the_waiters() -> Result {
        let fd = EventFd::new(0, 0)?;
        let seen = Seen::new();
        let note = |events| seen.note(events);
        let watch = Watch::new(fd.queue(), false, &note)?;
        assert_eq!(EventFd::post(fd.as_arc_borrow(), 1, Events::HUP), 1);
        assert!(seen.events() == Events::IN | Events::HUP);
        drop(watch);
        Ok(())
    }

    #[test]
    fn circular_posts_end_and_lose_nothing() -> Result {
        const ROUNDS: u32 = 50;
        let (a, b) = (EventFd::new(0, 0)?, EventFd::new(0, 0)?);
        let (a_seen, b_seen) = (Seen::new(), Seen::new());
        let on_a = |events| {
            a_seen.note(events);
            post(&b, 1);
        };
        let on_b = |events| {
            b_seen.note(events);
            if b_seen.count.load(Relaxed) < ROUNDS {
                post(&a, 1);
            }
        };
        let a_watch = Watch::new(a.queue(), false, &on_a)?;
        let b_watch = Watch::new(b.queue(), false, &on_b)?;
        post(&a, 1);
        // Each deferred wake-up defers the next.
        while b_seen.count.load(Relaxed) < ROUNDS {
            EventFd::flush_deferred();
        }
        EventFd::flush_deferred();
        assert_eq!(a.count(), u64::from(ROUNDS));
        assert_eq!(b.count(), u64::from(ROUNDS));
        assert_eq!(a_seen.count.load(Relaxed), ROUNDS);
        drop(a_watch);
        drop(b_watch);
        Ok(())
    }

    #[test]
    fn posts_to_itself_end_and_lose_nothing() -> Result {
        let fd = EventFd::new(0, 0)?;
        let seen = Seen::new();
        let on_wake = |events| {
            seen.note(events);
            if seen.count.load(Relaxed) < 50 {
                post(&fd, 1);
            }
        };
        let watch = Watch::new(fd.queue(), false, &on_wake)?;
        post(&fd, 1);
        while seen.count.load(Relaxed) < 50 {
            EventFd::flush_deferred();
        }
        assert_eq!(fd.count(), 50);
        drop(watch);
        Ok(())
    }

    #[test]
    fn nested_posts_from_hardirq_lose_nothing() -> Result {
        let hardirq = CONTEXTS[4].1;
        let (a, b) = (EventFd::new(0, 0)?, EventFd::new(0, 0)?);
        let (a_seen, b_seen) = (Seen::new(), Seen::new());
        let on_a = |events| {
            a_seen.note(events);
            post(&b, 1);
        };
        let on_b = |events| b_seen.note(events);
        let a_watch = Watch::new(a.queue(), false, &on_a)?;
        let b_watch = Watch::new(b.queue(), false, &on_b)?;
        assert!(call_in(hardirq, || {
            post(&a, 1);
        }));
        EventFd::flush_deferred();
        EventFd::flush_deferred();
        assert_eq!(a_seen.count.load(Relaxed), 1);
        assert_eq!(b_seen.count.load(Relaxed), 1);
        drop(a_watch);
        drop(b_watch);
        Ok(())
    }

    #[test]
    fn all_shared_watchers_are_woken() -> Result {
        let fd = EventFd::new(0, uapi::EVFD_EFD_WAKE_ONE)?;
        let seen = Seen::new();
        let note = |events: Events| {
            if events.intersects(Events::IN) {
                seen.note(events)
            }
        };
        let first = Watch::new(fd.queue(), false, &note)?;
        let second = Watch::new(fd.queue(), false, &note)?;
        post(&fd, 1);
        assert_eq!(seen.count.load(Relaxed), 2);
        drop(first);
        drop(second);
        Ok(())
    }

    #[test]
    fn one_exclusive_watcher_is_woken() -> Result {
        let fd = EventFd::new(0, 0)?;
        let seen = Seen::new();
        let note = |events| seen.note(events);
        let first = Watch::new(fd.queue(), true, &note)?;
        let second = Watch::new(fd.queue(), true, &note)?;
        post(&fd, 1);
        assert_eq!(seen.count.load(Relaxed), 1);
        drop(first);
        drop(second);
        Ok(())
    }

    #[test]
    fn a_wake_up_put_off_outlives_its_descriptor() -> Result {
        let fd = EventFd::new(0, 0)?;
        let seen = Seen::new();
        let note = |events| seen.note(events);
        let watch = Watch::new(fd.queue(), false, &note)?;
        // The queue holds its own reference until the wake-up has run.
        let weak = fd.clone();
        assert!(call_in(NMI, || {
            post(&weak, 1);
        }));
        drop(weak);
        EventFd::flush_deferred();
        assert_eq!(seen.count.load(Relaxed), 1);
        drop(watch);
        Ok(())
    }
}
