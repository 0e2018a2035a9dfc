// SPDX-License-Identifier: GPL-2.0

//! The table of kevents, with numbers for the sources.

use kernel::prelude::*;

#[kunit_tests(evfd_kevent_table)]
mod suite {
    use super::*;
    use crate::kevent::table::{
        Key,
        Table, //
    };

    fn key(id: u64) -> Key {
        Key {
            kind: 3,
            id,
            user: 7,
        }
    }

    /// Whether a slot may be in the ring.
    fn never(_: u32) -> bool {
        false
    }

    /// Adds a kevent. Returns its slot and its handle.
    fn add(
        table: &mut Table<u32>,
        key: Key,
        source: u32,
        is_queued: impl Fn(u32) -> bool,
    ) -> Result<(u32, u64)> {
        let (number, generation) = table.reserve(is_queued)?;
        *table.room(number)? = source;
        let handle = table.fill(key)?;
        if handle != u64::from(generation) << 32 | u64::from(number) {
            pr_err!("handle {handle:x}, but generation {generation:x} and slot {number:x}\n");
            return Err(EIO);
        }
        Ok((number, handle))
    }

    /// The slot and the source that a handle leads to.
    fn get(table: &Table<u32>, handle: u64) -> Option<(u32, Option<u32>)> {
        let (number, source) = table.get(handle).ok()?;
        Some((number, source.copied()))
    }

    #[test]
    fn kevents_are_found_by_key_and_by_handle() -> Result {
        let mut table = Table::new(8)?;
        assert_eq!(table.used(), 0);
        assert_eq!(table.find(&key(5)), None);
        let (first, handle) = add(&mut table, key(5), 50, never)?;
        let (second, other) = add(&mut table, key(6), 60, never)?;
        assert!(first != second);
        assert!(handle != other);
        assert_eq!(table.used(), 2);
        assert_eq!(table.len(), 2);
        assert_eq!(table.find(&key(5)), Some(first));
        assert_eq!(table.find(&key(6)), Some(second));
        assert_eq!(table.find(&key(7)), None);
        assert_eq!(get(&table, handle), Some((first, Some(50))));
        assert_eq!(get(&table, other), Some((second, Some(60))));
        assert_eq!(table.source(second).copied(), Some(60));
        assert_eq!(table.kind(second), Some(3));
        let mut all = KVec::new();
        for (number, key, source) in table.iter() {
            all.push((number, key.id, *source), GFP_KERNEL)?;
        }
        assert!(*all == [(first, 5, 50), (second, 6, 60)]);
        Ok(())
    }

    #[test]
    fn all_parts_of_the_key_count() -> Result {
        let mut table = Table::new(8)?;
        let base = key(5);
        add(&mut table, base, 0, never)?;
        assert_eq!(table.find(&Key { kind: 4, ..base }), None);
        assert_eq!(
            table.find(&Key {
                id: 1 << 63,
                ..base
            }),
            None
        );
        assert_eq!(
            table.find(&Key {
                user: 1 << 63,
                ..base
            }),
            None
        );
        add(&mut table, Key { kind: 4, ..base }, 1, never)?;
        add(&mut table, Key { user: 8, ..base }, 2, never)?;
        assert_eq!(table.find(&base), Some(0));
        assert_eq!(table.find(&Key { kind: 4, ..base }), Some(1));
        assert_eq!(table.find(&Key { user: 8, ..base }), Some(2));
        Ok(())
    }

    #[test]
    fn handles_of_no_kevent_are_refused() -> Result {
        let mut table = Table::new(8)?;
        for handle in [0, 1, 1 << 32, u64::MAX] {
            assert_eq!(get(&table, handle), None);
        }
        let (_, handle) = add(&mut table, key(1), 1, never)?;
        assert_eq!(get(&table, handle), Some((0, Some(1))));
        // Another slot, the generations before and after, no generation.
        for wrong in [handle + 1, handle - (1 << 32), handle + (1 << 32), 0] {
            assert_eq!(get(&table, wrong), None);
        }
        Ok(())
    }

    #[test]
    fn a_kevent_that_has_ended_keeps_its_handle_until_the_slot_is_reused() -> Result {
        let mut table = Table::new(1)?;
        let (number, handle) = add(&mut table, key(1), 10, never)?;
        assert_eq!(table.take(number).as_deref(), Some(&10));
        assert_eq!(table.take(number).as_deref(), None);
        assert_eq!(table.used(), 0);
        assert_eq!(table.find(&key(1)), None);
        assert_eq!(table.source(number), None);
        assert_eq!(table.kind(number), None);
        assert_eq!(get(&table, handle), Some((number, None)));
        table.release(number, false);
        assert_eq!(get(&table, handle), Some((number, None)));
        // A reservation alone does not end the handle.
        assert_eq!(table.reserve(never)?.0, number);
        assert_eq!(get(&table, handle), Some((number, None)));
        let (again, new) = add(&mut table, key(1), 11, never)?;
        assert_eq!(again, number);
        assert_eq!(get(&table, handle), None);
        assert_eq!(get(&table, new), Some((number, Some(11))));
        Ok(())
    }

    #[test]
    fn a_slot_out_of_range_has_no_kevent() -> Result {
        let mut table = Table::<u32>::new(8)?;
        assert_eq!(table.source(0), None);
        assert_eq!(table.kind(7), None);
        assert_eq!(table.take(0).as_deref(), None);
        assert_eq!(table.take(u32::MAX).as_deref(), None);
        table.release(u32::MAX, false);
        assert_eq!(table.reserve(never)?.0, 0);
        Ok(())
    }

    #[test]
    fn a_full_table_has_no_slot() -> Result {
        for slots in [1, 2, 64] {
            let mut table = Table::new(slots)?;
            for i in 0..slots {
                add(&mut table, key(i.into()), i, never)?;
            }
            assert_eq!(table.len(), slots);
            assert!(table.reserve(never).is_err_and(|e| e == ENOSPC));
            assert_eq!(table.take(slots - 1).as_deref(), Some(&(slots - 1)));
            // Not released yet.
            assert!(table.reserve(never).is_err_and(|e| e == ENOSPC));
            table.release(slots - 1, false);
            assert_eq!(add(&mut table, key(1000), 1, never)?.0, slots - 1);
            assert!(table.reserve(never).is_err_and(|e| e == ENOSPC));
        }
        Ok(())
    }

    #[test]
    fn a_kevent_needs_a_reserved_slot() -> Result {
        let mut table = Table::new(1)?;
        assert!(table.fill(key(1)).is_err_and(|e| e == ENOSPC));
        add(&mut table, key(1), 1, never)?;
        assert!(table.fill(key(2)).is_err_and(|e| e == ENOSPC));
        assert_eq!(table.find(&key(2)), None);
        assert_eq!(table.used(), 1);
        Ok(())
    }

    #[test]
    fn a_queued_slot_is_not_reused() -> Result {
        let mut table = Table::new(2)?;
        add(&mut table, key(0), 0, never)?;
        add(&mut table, key(1), 1, never)?;
        table.take(0);
        table.release(0, true);
        assert!(table.reserve(|_| true).is_err_and(|e| e == ENOSPC));
        assert!(table
            .reserve(|number| number == 0)
            .is_err_and(|e| e == ENOSPC));
        assert_eq!(add(&mut table, key(2), 2, |number| number == 1)?.0, 0);
        Ok(())
    }

    /// The program may set QUEUED in a slot that is free.
    #[test]
    fn a_free_slot_that_is_queued_waits() -> Result {
        let mut table = Table::new(4)?;
        for i in 0..4 {
            add(&mut table, key(i.into()), i, never)?;
        }
        for i in 0..4 {
            table.take(i);
            table.release(i, false);
        }
        for _ in 0..3 {
            assert!(table.reserve(|_| true).is_err_and(|e| e == ENOSPC));
            assert_eq!(table.reserve(|number| number != 2)?.0, 2);
        }
        let mut seen = 0;
        for i in 0..4 {
            seen |= 1 << add(&mut table, key(i), 0, never)?.0;
        }
        assert_eq!(seen, 0b1111);
        Ok(())
    }

    #[test]
    fn waiting_slots_are_reused_before_the_table_grows() -> Result {
        const N: u32 = 64;
        let mut table = Table::new(1024)?;
        for i in 0..N {
            add(&mut table, key(i.into()), i, never)?;
        }
        for i in 0..N {
            table.take(i);
            table.release(i, true);
        }
        for i in 0..N {
            add(&mut table, key(i.into()), i, never)?;
        }
        assert_eq!(table.len(), N);
        assert_eq!(table.used(), N);
        Ok(())
    }

    #[test]
    fn the_table_grows_while_slots_wait() -> Result {
        const N: u32 = 64;
        let mut table = Table::new(256)?;
        for i in 0..N {
            add(&mut table, key(i.into()), i, never)?;
            table.take(i);
            table.release(i, true);
        }
        for i in N..256 {
            let (number, _) = add(&mut table, key(i.into()), i, |number| number < N)?;
            assert_eq!(number, i);
        }
        // It is full, so all waiting slots are looked through.
        assert_eq!(add(&mut table, key(0), 0, |number| number != 9)?.0, 9);
        Ok(())
    }

    #[test]
    fn generations_do_not_repeat() -> Result {
        let mut table = Table::new(1)?;
        for generation in 1..=70_000u64 {
            let (number, handle) = add(&mut table, key(generation), 0, never)?;
            assert_eq!(handle, generation << 32);
            table.take(number);
            table.release(number, false);
        }
        Ok(())
    }

    /// All keys have the same hash, because the id cancels the user word.
    #[test]
    fn colliding_keys_are_kept_apart() -> Result {
        const N: u32 = 64;
        let colliding = |i: u32| {
            let user = u64::from(i);
            Key {
                kind: 1,
                id: user.rotate_left(29),
                user,
            }
        };
        let mut table = Table::new(N)?;
        for i in 0..N {
            add(&mut table, colliding(i), i, never)?;
        }
        // From the middle, the end and the start of the bucket.
        for step in [3, 2, 1] {
            for i in (0..N).step_by(step) {
                if let Some(number) = table.find(&colliding(i)) {
                    assert_eq!(table.take(number).as_deref(), Some(&i));
                    table.release(number, false);
                }
                assert_eq!(table.find(&colliding(i)), None);
            }
            for i in 0..N {
                let is_there = table.find(&colliding(i)).is_some();
                let gone = (step <= 3 && i % 3 == 0) || (step <= 2 && i % 2 == 0) || step == 1;
                assert!(is_there != gone);
            }
        }
        assert_eq!(table.used(), 0);
        for i in 0..N {
            add(&mut table, colliding(i), i, never)?;
        }
        assert_eq!(table.used(), N);
        Ok(())
    }

    /// A generator of numbers (xorshift), the same in each run.
    struct Numbers(u64);

    impl Numbers {
        fn below(&mut self, limit: u32) -> u32 {
            self.0 ^= self.0 << 13;
            self.0 ^= self.0 >> 7;
            self.0 ^= self.0 << 17;
            (self.0 >> 32) as u32 % limit
        }
    }

    const SLOTS: usize = 16;
    const KEYS: usize = 24;

    /// A table and a simple model of it.
    struct Pair {
        table: Table<u32>,
        /// The source and the slot of the kevent with each key.
        kevents: [Option<(u32, u32)>; KEYS],
        /// The last handle of each slot.
        handles: [u64; SLOTS],
        queued: [bool; SLOTS],
    }

    impl Pair {
        fn slot_is_used(&self, number: u32) -> bool {
            let mut kevents = self.kevents.iter().flatten();
            kevents.any(|&(_, slot)| slot == number)
        }

        /// Whether both find the same kevents.
        fn agree(&self) -> bool {
            let keys = self.kevents.iter().enumerate().all(|(id, kevent)| {
                let found = self.table.find(&key(id as u64));
                found == kevent.map(|(_, number)| number)
                    && found.and_then(|number| self.table.source(number)).copied()
                        == kevent.map(|(source, _)| source)
            });
            let handles = (0..SLOTS as u32).all(|number| {
                let handle = self.handles[number as usize];
                let used = self.slot_is_used(number);
                match get(&self.table, handle) {
                    Some((found, source)) => found == number && source.is_some() == used,
                    None => handle == 0,
                }
            });
            let used = self.kevents.iter().flatten().count();
            keys && handles
                && self.table.used() as usize == used
                && self.table.iter().count() == used
        }

        /// Adds the kevent with key `id`. Returns whether the table did as the model expects.
        fn add(&mut self, id: usize, source: u32) -> bool {
            let has_slot =
                (0..SLOTS as u32).any(|i| !self.slot_is_used(i) && !self.queued[i as usize]);
            let queued = self.queued;
            match add(&mut self.table, key(id as u64), source, |i| {
                queued[i as usize]
            }) {
                Ok((number, handle)) => {
                    let may_be = !self.slot_is_used(number) && !queued[number as usize];
                    let is_new = handle > self.handles[number as usize];
                    self.kevents[id] = Some((source, number));
                    self.handles[number as usize] = handle;
                    has_slot && may_be && is_new
                }
                Err(e) => e == ENOSPC && !has_slot,
            }
        }

        /// Removes the kevent with key `id`.
        fn remove(&mut self, id: usize) -> bool {
            let Some((source, number)) = self.kevents[id].take() else {
                return false;
            };
            let taken = self.table.take(number).as_deref().copied();
            self.table.release(number, self.queued[number as usize]);
            taken == Some(source)
        }
    }

    #[test]
    fn random_operations_do_as_a_simple_model() -> Result {
        let mut numbers = Numbers(0x1234_5678_9abc_def1);
        let mut pair = KBox::new(
            Pair {
                table: Table::new(SLOTS as u32)?,
                kevents: [None; KEYS],
                handles: [0; SLOTS],
                queued: [false; SLOTS],
            },
            GFP_KERNEL,
        )?;
        let mut full = 0;
        for round in 0..4_000 {
            let id = numbers.below(KEYS as u32) as usize;
            let number = numbers.below(SLOTS as u32) as usize;
            match numbers.below(4) {
                0 | 1 if pair.kevents[id].is_none() => {
                    assert!(pair.add(id, round));
                    full += u32::from(pair.kevents[id].is_none());
                }
                2 if pair.kevents[id].is_some() => assert!(pair.remove(id)),
                3 => pair.queued[number] = !pair.queued[number],
                _ => (),
            }
            assert!(pair.agree());
        }
        pr_info!("the table was full {full} times\n");
        assert!(full > 20);
        Ok(())
    }
}
