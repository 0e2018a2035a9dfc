// SPDX-License-Identifier: GPL-2.0

//! Subscribers, and visits in every context.

use kernel::prelude::*;

#[kunit_tests(evfd_publisher)]
mod suite {
    use super::*;
    use crate::abstractions::{
        sync::publisher::{
            Publisher,
            Subscription, //
        },
        testing::{
            call_in,
            CONTEXTS, //
        }, //
    };
    use kernel::sync::atomic::{
        Atomic,
        Full,
        Relaxed, //
    };

    /// Counts its visits, and its drop.
    struct Visited<'a> {
        visits: Atomic<u32>,
        drops: &'a Atomic<u32>,
    }

    impl<'a> Visited<'a> {
        fn new(drops: &'a Atomic<u32>) -> Result<Subscription<Self>> {
            let visits = Atomic::new(0);
            Subscription::new(Self { visits, drops })
        }

        fn visit(&self) {
            self.visits.fetch_add(1, Full);
        }

        fn visits(&self) -> u32 {
            self.visits.load(Relaxed)
        }
    }

    impl Drop for Visited<'_> {
        fn drop(&mut self) {
            self.drops.fetch_add(1, Full);
        }
    }

    #[test]
    fn visits_those_that_subscribe() -> Result {
        let drops = Atomic::new(0);
        let publisher = Publisher::empty();
        let [one, two, other] = [
            Visited::new(&drops)?,
            Visited::new(&drops)?,
            Visited::new(&drops)?,
        ];
        publisher.visit(Visited::visit);
        one.subscribe(&publisher)?;
        publisher.visit(Visited::visit);
        two.subscribe(&publisher)?;
        publisher.visit(Visited::visit);
        assert_eq!((one.visits(), two.visits(), other.visits()), (2, 1, 0));
        drop(one);
        publisher.visit(Visited::visit);
        assert_eq!(two.visits(), 2);
        drop((two, other));
        publisher.visit(Visited::visit);
        assert_eq!(drops.load(Relaxed), 3);
        Ok(())
    }

    #[test]
    fn can_subscribe_once() -> Result {
        let drops = Atomic::new(0);
        let publisher = Publisher::empty();
        let [one, two] = [Visited::new(&drops)?, Visited::new(&drops)?];
        one.subscribe(&publisher)?;
        assert_eq!(one.subscribe(&publisher), Err(EBUSY));
        one.leave();
        one.leave();
        assert_eq!(one.subscribe(&publisher), Err(EBUSY));
        two.leave();
        assert_eq!(two.subscribe(&publisher), Err(EBUSY));
        publisher.visit(Visited::visit);
        assert_eq!((one.visits(), two.visits()), (0, 0));
        Ok(())
    }

    #[test]
    fn clear_removes_all() -> Result {
        let drops = Atomic::new(0);
        let publisher = Publisher::empty();
        let [one, two] = [Visited::new(&drops)?, Visited::new(&drops)?];
        one.subscribe(&publisher)?;
        two.subscribe(&publisher)?;
        publisher.clear();
        publisher.visit(Visited::visit);
        assert_eq!((one.visits(), two.visits()), (0, 0));
        // It leaves although it has left.
        drop(one);
        assert_eq!(two.subscribe(&publisher), Err(EBUSY));
        Ok(())
    }

    #[test]
    fn visits_in_every_context() -> Result {
        let drops = Atomic::new(0);
        let publisher = Publisher::empty();
        let one = Visited::new(&drops)?;
        one.subscribe(&publisher)?;
        for (n, (_, context)) in CONTEXTS.into_iter().enumerate() {
            assert!(call_in(context, || publisher.visit(Visited::visit)));
            assert_eq!(one.visits(), n as u32 + 1);
        }
        Ok(())
    }
}
