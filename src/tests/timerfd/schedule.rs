// SPDX-License-Identifier: GPL-2.0

//! The arithmetic of timers, at its limits.

use kernel::prelude::*;

#[kunit_tests(evfd_schedule)]
mod suite {
    use super::*;
    use crate::{
        abstractions::time::clock::Ktime,
        timerfd::schedule::{
            after,
            forward,
            from_timespec,
            remaining,
            to_timespec, //
        },
        uapi::evfd_timespec, //
    };

    const MAX: Ktime = Ktime::MAX;
    const SECOND: Ktime = 1_000_000_000;

    fn time(tv_sec: i64, tv_nsec: i64) -> Result<Ktime> {
        from_timespec(&evfd_timespec { tv_sec, tv_nsec })
    }

    #[test]
    fn times_become_nanoseconds() {
        assert_eq!(time(0, 0), Ok(0));
        assert_eq!(time(0, 1), Ok(1));
        assert_eq!(time(0, 999_999_999), Ok(SECOND - 1));
        assert_eq!(time(1, 0), Ok(SECOND));
        assert_eq!(time(7, 5), Ok(7 * SECOND + 5));
    }

    #[test]
    fn times_that_are_none_are_refused() {
        for sec in [0, 1, i64::MAX] {
            for nsec in [-1, i64::MIN, SECOND, i64::MAX] {
                assert_eq!(time(sec, nsec), Err(EINVAL));
            }
        }
        for nsec in [0, 1, -1] {
            assert_eq!(time(-1, nsec), Err(EINVAL));
            assert_eq!(time(i64::MIN, nsec), Err(EINVAL));
        }
    }

    #[test]
    fn times_too_far_become_the_last() {
        let last = MAX / SECOND;
        assert_eq!(time(last - 1, 999_999_999), Ok(last * SECOND - 1));
        // Like ktime_set(): from the first second that does not fit as a whole.
        assert_eq!(time(last, 0), Ok(MAX));
        assert_eq!(time(last, 999_999_999), Ok(MAX));
        assert_eq!(time(last + 1, 0), Ok(MAX));
        assert_eq!(time(i64::MAX, 0), Ok(MAX));
        assert_eq!(time(i64::MAX, 999_999_999), Ok(MAX));
    }

    #[test]
    fn nanoseconds_become_times() {
        for (ns, sec, nsec) in [
            (0, 0, 0),
            (1, 0, 1),
            (SECOND - 1, 0, 999_999_999),
            (SECOND, 1, 0),
            (MAX, 9_223_372_036, 854_775_807),
        ] {
            let ts = to_timespec(ns);
            assert_eq!((ts.tv_sec, ts.tv_nsec), (sec, nsec));
        }
    }

    #[test]
    fn spans_end_at_the_last_time() {
        assert_eq!(after(3, 4), 7);
        assert_eq!(after(0, MAX), MAX);
        assert_eq!(after(MAX, 0), MAX);
        assert_eq!(after(1, MAX), MAX);
        assert_eq!(after(MAX, MAX), MAX);
        assert_eq!(after(MAX - 1, 1), MAX);
    }

    #[test]
    fn nothing_is_left_of_the_past() {
        assert_eq!(remaining(10, 3), 7);
        assert_eq!(remaining(10, 10), 0);
        assert_eq!(remaining(10, 11), 0);
        assert_eq!(remaining(0, MAX), 0);
        assert_eq!(remaining(MAX, 0), MAX);
        assert_eq!(remaining(MAX, MAX), 0);
    }

    #[test]
    fn what_is_to_come_is_not_forwarded() {
        assert_eq!(forward(10, 5, 9), (10, 0));
        assert_eq!(forward(10, 1, 0), (10, 0));
        assert_eq!(forward(MAX, MAX, MAX - 1), (MAX, 0));
    }

    #[test]
    fn expirations_are_counted() {
        // A timer has expired at exactly its time.
        assert_eq!(forward(10, 5, 10), (15, 1));
        assert_eq!(forward(10, 5, 14), (15, 1));
        assert_eq!(forward(10, 5, 15), (20, 2));
        assert_eq!(forward(10, 5, 16), (20, 2));
        assert_eq!(forward(10, 5, 1_000_000), (1_000_005, 199_999));
    }

    #[test]
    fn forwarding_agrees_with_counting() {
        for interval in 1..12 {
            for expires in 0..20 {
                for now in 0..60 {
                    let (mut next, mut passed) = (expires, 0);
                    while next <= now {
                        next += interval;
                        passed += 1;
                    }
                    assert_eq!(forward(expires, interval, now), (next, passed));
                }
            }
        }
    }

    #[test]
    fn forwarding_ends_at_the_last_time() {
        assert_eq!(forward(0, 1, MAX), (MAX, 1 << 63));
        assert_eq!(forward(0, 1, MAX - 1), (MAX, (1 << 63) - 1));
        assert_eq!(forward(1, MAX, 1), (MAX, 1));
        assert_eq!(forward(MAX, 1, MAX), (MAX, 1));
        assert_eq!(forward(MAX, MAX, MAX), (MAX, 1));
        assert_eq!(forward(0, MAX, MAX), (MAX, 2));
        assert_eq!(forward(MAX - 10, 7, MAX - 1), (MAX, 2));
    }
}
