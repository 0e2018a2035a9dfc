// SPDX-License-Identifier: GPL-2.0

//! Room for values of several types, in vectors whose elements do not move.

use kernel::prelude::*;

#[kunit_tests(evfd_room)]
mod suite {
    use super::*;
    use crate::{
        abstractions::mm::{
            room::Room,
            stable::Stable, //
        },
        upcast_to, //
    };
    use core::pin::Pin;
    use kernel::sync::atomic::{
        Atomic,
        Full,
        Relaxed, //
    };

    /// A value that counts its drops.
    trait Value {
        fn get(&self) -> u32;
    }

    upcast_to!(Value);

    struct Small(&'static Atomic<u32>);

    impl Value for Small {
        fn get(&self) -> u32 {
            1
        }
    }

    impl Drop for Small {
        fn drop(&mut self) {
            self.0.fetch_add(1, Full);
        }
    }

    /// It fills the room.
    struct Large(&'static Atomic<u32>, [u64; 2]);

    impl Value for Large {
        fn get(&self) -> u32 {
            self.1[1] as u32
        }
    }

    impl Drop for Large {
        fn drop(&mut self) {
            self.0.fetch_add(100, Full);
        }
    }

    type Place = Room<dyn Value, 3>;

    fn value(room: &Place) -> Option<u32> {
        room.get().map(Value::get)
    }

    #[test]
    fn a_room_drops_each_value_once() -> Result {
        static DROPS: Atomic<u32> = Atomic::new(0);
        DROPS.store(0, Relaxed);
        let mut room = KBox::pin(Place::default(), GFP_KERNEL)?;
        assert_eq!(value(&room), None);
        assert_eq!(room.as_mut().put(Small(&DROPS))?.get(), 1);
        assert_eq!(value(&room), Some(1));
        assert_eq!(DROPS.load(Relaxed), 0);
        assert_eq!(room.as_mut().put(Large(&DROPS, [u64::MAX, 7]))?.get(), 7);
        assert_eq!(DROPS.load(Relaxed), 1);
        assert_eq!(value(&room), Some(7));
        room.as_mut().clear();
        assert_eq!(DROPS.load(Relaxed), 101);
        assert_eq!(value(&room), None);
        room.as_mut().clear();
        assert_eq!(DROPS.load(Relaxed), 101);
        room.as_mut().put(Small(&DROPS))?;
        drop(room);
        assert_eq!(DROPS.load(Relaxed), 102);
        Ok(())
    }

    #[test]
    fn a_room_is_empty_after_a_failure() -> Result {
        static DROPS: Atomic<u32> = Atomic::new(0);
        DROPS.store(0, Relaxed);
        let mut room = KBox::pin(Place::default(), GFP_KERNEL)?;
        room.as_mut().put(Small(&DROPS))?;
        let failure: Result<Small> = Err(EBUSY);
        let put = room.as_mut().put::<Small, Error>(failure);
        assert!(put.is_err_and(|e| e == EBUSY));
        assert_eq!(value(&room), None);
        assert_eq!(DROPS.load(Relaxed), 1);
        drop(room);
        assert_eq!(DROPS.load(Relaxed), 1);
        Ok(())
    }

    #[test]
    fn elements_do_not_move() -> Result {
        const COUNT: usize = 1000;
        let mut numbers = Stable::default();
        let mut places = KVec::with_capacity(COUNT, GFP_KERNEL)?;
        for i in 0..COUNT {
            assert!(numbers.get(i).is_none());
            numbers.push(i, GFP_KERNEL)?;
            let number = numbers.get(i).ok_or(EIO)?;
            places.push(core::ptr::from_ref(number).addr(), GFP_KERNEL)?;
        }
        assert!(numbers.get_mut(COUNT).is_none());
        for (i, place) in places.iter().enumerate() {
            let number: Pin<&mut usize> = numbers.get_mut(i).ok_or(EIO)?;
            assert_eq!(*number, i);
            assert_eq!(core::ptr::from_ref(&*number).addr(), *place);
        }
        Ok(())
    }

    #[test]
    fn a_vector_drops_its_elements() -> Result {
        static DROPS: Atomic<u32> = Atomic::new(0);
        DROPS.store(0, Relaxed);
        let mut values = Stable::default();
        for _ in 0..300 {
            values.push(Small(&DROPS), GFP_KERNEL)?;
        }
        assert_eq!(DROPS.load(Relaxed), 0);
        drop(values);
        assert_eq!(DROPS.load(Relaxed), 300);
        Ok(())
    }
}
