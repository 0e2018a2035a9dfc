// SPDX-License-Identifier: GPL-2.0

//! The bounded list of records.

use kernel::prelude::*;

#[kunit_tests(evfd_kevent_records)]
mod suite {
    use super::*;
    use crate::kevent::records::Records;

    /// Pushes `n` numbers from `first` on. Returns how many the list has kept.
    fn push(records: &mut Records<u32>, first: u32, n: u32) -> u32 {
        (first..first + n)
            .map(|number| u32::from(records.push(number)))
            .sum()
    }

    #[test]
    fn it_keeps_the_oldest() -> Result {
        for max in [1, 2, 3, 16, 1024] {
            let mut records = Records::new(max as usize)?;
            assert_eq!(None, records.pop());
            assert_eq!(max, push(&mut records, 0, max + 5));
            for number in 0..max {
                assert_eq!(Some(number), records.pop());
            }
            assert_eq!(None, records.pop());
        }
        Ok(())
    }

    #[test]
    fn it_goes_round() -> Result {
        for max in 1..6 {
            let mut records = Records::new(max as usize)?;
            let (mut pushed, mut popped) = (0, 0);
            for round in 0..20 {
                pushed += push(&mut records, pushed, 1 + round % max);
                while pushed - popped > round % max {
                    assert_eq!(Some(popped), records.pop());
                    popped += 1;
                }
            }
            assert!(popped > 2 * max);
        }
        Ok(())
    }
}
