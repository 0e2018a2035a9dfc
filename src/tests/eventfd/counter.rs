// SPDX-License-Identifier: GPL-2.0

//! Every rule of the counter.

use kernel::prelude::*;

#[kunit_tests(evfd_counter)]
mod suite {
    use super::*;
    use crate::{
        abstractions::file::events::Events,
        eventfd::{
            count::{
                Count,
                Take,
                FULL,
                USER_MAX, //
            },
            counter::Counter, //
        }, //
    };

    const MAX: u64 = u64::MAX;

    fn added(counter: &Counter, n: u64) -> bool {
        matches!(counter.add(n), Ok(true))
    }

    #[test]
    fn write_adds() -> Result {
        let counter = Counter::new(3);
        assert!(added(&counter, 4));
        assert!(added(&counter, 0));
        assert_eq!(counter.get(), 7);
        Ok(())
    }

    #[test]
    fn write_stops_one_below_full() {
        let counter = Counter::new(1);
        assert!(!counter.fits(MAX - 1));
        assert!(!added(&counter, MAX - 1));
        assert!(!added(&counter, MAX));
        assert_eq!(counter.get(), 1);
        assert!(counter.fits(MAX - 2));
        assert!(added(&counter, MAX - 2));
        assert_eq!(counter.get(), USER_MAX);
        assert!(!added(&counter, 1));
        assert!(added(&counter, 0));
    }

    #[test]
    fn write_to_full_never_fits() {
        let counter = Counter::new(MAX);
        assert!(!counter.fits(0));
        assert!(!added(&counter, 0));
        assert_eq!(counter.get(), FULL);
    }

    #[test]
    fn read_takes_all() {
        let counter = Counter::new(5);
        assert_eq!(counter.try_take(Take::All), Some(5));
        assert_eq!(counter.try_take(Take::All), None);
        assert_eq!(counter.get(), 0);
    }

    #[test]
    fn semaphore_takes_one() {
        let counter = Counter::new(2);
        assert_eq!(counter.try_take(Take::One), Some(1));
        assert_eq!(counter.get(), 1);
        assert_eq!(counter.try_take(Take::One), Some(1));
        assert_eq!(counter.try_take(Take::One), None);
        assert_eq!(counter.get(), 0);
    }

    #[test]
    fn kernel_read_takes_as_a_read() {
        let counter = Counter::new(5);
        assert_eq!(counter.take(Take::One).ok(), Some((1, 5)));
        assert_eq!(counter.take(Take::All).ok(), Some((4, 4)));
        assert_eq!(counter.take(Take::All).ok(), Some((0, 0)));
        assert_eq!(counter.take(Take::One).ok(), Some((0, 0)));
    }

    #[test]
    fn post_fills_and_stays() {
        let counter = Counter::new(MAX - 3);
        assert_eq!(counter.post(2), (MAX - 3, MAX - 1));
        assert_eq!(counter.post(2), (MAX - 1, MAX));
        assert_eq!(counter.post(1), (MAX, MAX));
        assert_eq!(counter.take(Take::All).ok(), Some((MAX, MAX)));
        assert_eq!(counter.get(), 0);
    }

    #[test]
    fn semaphore_leaves_full() {
        let counter = Counter::new(MAX);
        assert_eq!(counter.take(Take::One).ok(), Some((1, MAX)));
        assert!(!counter.events().intersects(Events::ERR));
    }

    #[test]
    fn events_at_the_limits() {
        let of = |count| Counter::new(count).events();
        assert!(of(0) == Events::OUT);
        assert!(of(1) == Events::IN | Events::OUT);
        assert!(of(MAX - 2) == Events::IN | Events::OUT);
        assert!(of(MAX - 1) == Events::IN);
        assert!(of(MAX) == Events::IN | Events::ERR);
    }
}
