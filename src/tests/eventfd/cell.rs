// SPDX-License-Identifier: GPL-2.0

//! Every rule of a counter in shared memory, of its flags, and of arenas.

use kernel::prelude::*;

#[kunit_tests(evfd_cell)]
mod suite {
    use super::*;
    use crate::{
        abstractions::{
            file::events::Events,
            sync::atomic::{
                read_once,
                write_once, //
            },
            testing::{
                call_in,
                Watch, //
                CONTEXTS,
                NMI,
            }, //
        },
        arena::Arena,
        eventfd::{
            cell::{
                Cell,
                Wakeup, //
            },
            count::{
                Count,
                Take,
                FULL,
                USER_MAX, //
            },
            Bound,
            CellFd, //
        },
        tests::seen::Seen,
        uapi, //
    };
    use core::cell::Cell as Local;
    use kernel::sync::{
        atomic::{
            Atomic,
            Full,
            Relaxed, //
        },
        Arc, //
    };

    const ONCE: u32 = uapi::EVFD_WAKEUP_ONCE;
    const EACH: u32 = uapi::EVFD_WAKEUP_EACH;
    const BOTH: Events = Events::IN.with(Events::OUT);
    const ALWAYS: Events = Events::ERR.with(Events::HUP);

    fn flags(cell: &Cell) -> (u32, u32) {
        (read_once(&cell.wakeup_in), read_once(&cell.wakeup_out))
    }

    fn post(fd: &Arc<CellFd>, n: u32) -> u32 {
        CellFd::post(fd.as_arc_borrow(), n, Events::NONE)
    }

    #[test]
    fn keys_of_pollers() {
        let level = |events: Events| events | ALWAYS;
        // Key, the events that are there, the result.
        let table = [
            // Level-triggered epoll instances, poll(), aio.
            (level(Events::IN), Events::OUT, Some(Wakeup::Once)),
            (level(Events::IN), Events::IN, None),
            (level(Events::IN), BOTH, None),
            (level(Events::OUT), Events::IN, Some(Wakeup::Once)),
            (level(Events::OUT), BOTH, None),
            (level(BOTH), Events::OUT, None),
            (level(Events::IN), Events::ERR, None),
            (ALWAYS, BOTH, Some(Wakeup::Once)),
            // EPOLLONESHOT, even if the poller is disarmed or finds an event.
            (
                level(Events::IN) | Events::ONESHOT,
                Events::OUT,
                Some(Wakeup::Once),
            ),
            (
                level(Events::IN) | Events::ONESHOT,
                Events::IN,
                Some(Wakeup::Once),
            ),
            (
                level(Events::IN) | Events::ONESHOT | Events::EDGES,
                Events::IN,
                Some(Wakeup::Once),
            ),
            // EPOLLEXCLUSIVE, which comes first.
            (
                level(Events::IN) | Events::EXCLUSIVE,
                Events::OUT,
                Some(Wakeup::Each),
            ),
            (
                level(Events::IN) | Events::EXCLUSIVE,
                Events::IN,
                Some(Wakeup::Each),
            ),
            (
                level(Events::IN) | Events::EXCLUSIVE | Events::ONESHOT,
                Events::IN,
                Some(Wakeup::Each),
            ),
            // EPOLLET.
            (
                level(Events::IN) | Events::EDGES,
                Events::OUT,
                Some(Wakeup::Each),
            ),
            (
                level(Events::IN) | Events::EDGES,
                Events::IN,
                Some(Wakeup::Each),
            ),
            // Queues of kevents.
            (
                level(Events::IN) | Events::NVAL,
                Events::IN,
                Some(Wakeup::Each),
            ),
            // io_uring.
            (Events::IN, Events::OUT, Some(Wakeup::Each)),
            (Events::IN, Events::IN, Some(Wakeup::Each)),
            (Events::IN | Events::ERR, Events::IN, Some(Wakeup::Each)),
            (Events::IN | Events::HUP, Events::IN, Some(Wakeup::Each)),
            (Events::NONE, Events::IN, Some(Wakeup::Each)),
        ];
        for (key, ready, wakeup) in table {
            assert_eq!(Wakeup::of_poller(key, ready), wakeup);
        }
    }

    #[test]
    fn flags_are_set_and_cleared_by_event() -> Result {
        let arena = Arena::<Cell>::new(1)?;
        let cell = arena.get(0).ok_or(EINVAL)?;
        cell.arm(Events::IN, Wakeup::Once);
        assert_eq!(flags(cell), (ONCE, 0));
        cell.arm(Events::OUT | ALWAYS, Wakeup::Each);
        assert_eq!(flags(cell), (ONCE, EACH));
        cell.arm(BOTH, Wakeup::Each);
        assert_eq!(flags(cell), (ONCE | EACH, EACH));
        cell.arm(ALWAYS, Wakeup::Once);
        assert_eq!(flags(cell), (ONCE | EACH, EACH));
        cell.disarm(Events::OUT, Wakeup::Once);
        assert_eq!(flags(cell), (ONCE | EACH, EACH));
        cell.disarm(Events::IN, Wakeup::Each);
        assert_eq!(flags(cell), (ONCE, EACH));
        cell.disarm(BOTH, Wakeup::Each);
        assert_eq!(flags(cell), (ONCE, 0));
        Ok(())
    }

    #[test]
    fn other_bits_stay() -> Result {
        let arena = Arena::<Cell>::new(1)?;
        let cell = arena.get(0).ok_or(EINVAL)?;
        write_once(&cell.wakeup_in, u32::MAX);
        cell.disarm(Events::IN, Wakeup::Once);
        assert_eq!(flags(cell), (!ONCE, 0));
        cell.disarm(Events::IN, Wakeup::Each);
        assert_eq!(flags(cell), (!(ONCE | EACH), 0));
        Ok(())
    }

    #[test]
    fn a_cell_has_one_descriptor() -> Result {
        const CELLS: u32 = 130;
        let arena = Arena::<Cell>::new(CELLS)?;
        let bind = |index| CellFd::new(arena.clone(), index, 0, 0);
        // Two words of bits, and a part of a third.
        let mut all = KVec::new();
        for index in 0..CELLS {
            all.push(bind(index)?, GFP_KERNEL)?;
        }
        for index in 0..CELLS {
            assert_eq!(bind(index).err(), Some(EBUSY));
        }
        drop(all.pop());
        assert_eq!(bind(0).err(), Some(EBUSY));
        assert!(bind(CELLS - 1).is_ok());
        drop(all);
        for index in 0..CELLS {
            assert!(bind(index).is_ok());
        }
        Ok(())
    }

    #[test]
    fn indices_behind_the_end_fail() -> Result {
        let arena = Arena::<Cell>::new(3)?;
        for index in [3, 63, 64, uapi::EVFD_ARENA_MAX, u32::MAX] {
            let fd = CellFd::new(arena.clone(), index, 0, 0);
            assert_eq!(fd.err(), Some(EINVAL));
        }
        assert!(CellFd::new(arena, 2, 0, 0).is_ok());
        Ok(())
    }

    #[test]
    fn numbers_of_cells() {
        for cells in [0, uapi::EVFD_ARENA_MAX + 1, u32::MAX] {
            assert_eq!(Arena::<Cell>::new(cells).err(), Some(EINVAL));
        }
        assert!(Arena::<Cell>::new(1).is_ok());
        let last = uapi::EVFD_ARENA_MAX - 1;
        let fd = Arena::<Cell>::new(uapi::EVFD_ARENA_MAX)
            .and_then(|arena| CellFd::new(arena, last, 0, 0));
        assert!(fd.is_ok());
    }

    #[test]
    fn a_cell_begins_without_flags() -> Result {
        let arena = Arena::<Cell>::new(2)?;
        let cell = arena.get(1).ok_or(EINVAL)?;
        drop(CellFd::new(arena.clone(), 1, 7, 0)?);
        assert_eq!(cell.get(), 7);
        cell.arm(BOTH, Wakeup::Once);
        cell.arm(BOTH, Wakeup::Each);
        let fd = CellFd::new(arena.clone(), 1, 9, 0)?;
        assert_eq!(flags(cell), (0, 0));
        assert_eq!(fd.count(), 9);
        Ok(())
    }

    #[test]
    fn a_failed_bind_leaves_the_cell() -> Result {
        let arena = Arena::<Cell>::new(1)?;
        let cell = arena.get(0).ok_or(EINVAL)?;
        let fd = CellFd::new(arena.clone(), 0, 7, 0)?;
        cell.arm(Events::IN, Wakeup::Each);
        assert!(CellFd::new(arena.clone(), 0, 9, 0).is_err());
        assert_eq!(flags(cell), (EACH, 0));
        assert_eq!(fd.count(), 7);
        Ok(())
    }

    #[test]
    fn a_descriptor_keeps_the_memory() -> Result {
        let fd = CellFd::new(Arena::<Cell>::new(1)?, 0, 7, 0)?;
        assert_eq!(post(&fd, 3), 3);
        assert_eq!(CellFd::read_now(fd.as_arc_borrow()), 10);
        Ok(())
    }

    #[test]
    fn a_bind_waits_for_a_busy_cell() -> Result {
        let arena = Arena::<Cell>::new(1)?;
        let first = Local::new(Some(Bound::of_arena(arena.clone(), 0, || ())?));
        let waits = Local::new(0);
        let _second = Bound::of_arena(arena.clone(), 0, || {
            waits.set(waits.get() + 1);
            drop(first.take());
        })?;
        assert_eq!(waits.get(), 1);
        let third = Bound::of_arena(arena, 0, || waits.set(waits.get() + 1));
        assert_eq!(third.err(), Some(EBUSY));
        assert_eq!(waits.get(), 2);
        Ok(())
    }

    #[test]
    fn a_deferred_wake_up_does_not_keep_the_cell() -> Result {
        let arena = Arena::<Cell>::new(1)?;
        for _ in 0..100 {
            let fd = CellFd::new(arena.clone(), 0, 0, 0)?;
            let seen = Seen::new();
            let note = |events| seen.note(events);
            let watch = Watch::new(fd.queue(), false, &note)?;
            assert!(call_in(NMI, || {
                post(&fd, 1);
            }));
            drop(watch);
            drop(fd);
        }
        Ok(())
    }

    #[test]
    fn posts_from_every_context() -> Result {
        let arena = Arena::<Cell>::new(1)?;
        let cell = arena.get(0).ok_or(EINVAL)?;
        for (_, context) in CONTEXTS {
            let fd = CellFd::new(arena.clone(), 0, 0, 0)?;
            cell.arm(BOTH, Wakeup::Once);
            cell.arm(Events::IN, Wakeup::Each);
            let seen = Seen::new();
            let note = |events| seen.note(events);
            let watch = Watch::new(fd.queue(), false, &note)?;
            let added = Atomic::new(0u32);
            let called = call_in(context, || {
                added.fetch_add(post(&fd, 2) + post(&fd, 3), Full);
            });
            CellFd::flush_deferred();
            let woken = seen.count.load(Relaxed);
            assert!(called);
            assert_eq!(added.load(Relaxed), 5);
            assert_eq!(cell.get(), 5);
            // Deferred wake-ups may be merged.
            assert!(woken == 1 || woken == 2);
            assert!(seen.events() == Events::IN);
            // Only kicks clear flags.
            assert_eq!(flags(cell), (ONCE | EACH, ONCE));
            drop(watch);
        }
        Ok(())
    }

    #[test]
    fn reads_and_posts_see_the_programs_count() -> Result {
        let arena = Arena::<Cell>::new(1)?;
        let cell = arena.get(0).ok_or(EINVAL)?;
        let fd = CellFd::new(arena.clone(), 0, 0, uapi::EVFD_EFD_SEMAPHORE)?;
        cell.word().xchg(4, Full);
        assert_eq!(CellFd::read_now(fd.as_arc_borrow()), 1);
        assert_eq!(post(&fd, 2), 2);
        assert_eq!(cell.word().xchg(0, Full), 5);
        assert_eq!(CellFd::read_now(fd.as_arc_borrow()), 0);
        Ok(())
    }

    #[test]
    fn overflow_is_reported() -> Result {
        let arena = Arena::<Cell>::new(1)?;
        let cell = arena.get(0).ok_or(EINVAL)?;
        let fd = CellFd::new(arena.clone(), 0, 0, 0)?;
        cell.word().xchg(USER_MAX - 1, Full);
        let seen = Seen::new();
        let note = |events| seen.note(events);
        let watch = Watch::new(fd.queue(), false, &note)?;
        assert_eq!(post(&fd, 1), 1);
        assert!(seen.events() == Events::IN);
        assert_eq!(post(&fd, 7), 1);
        assert!(seen.events() == Events::IN | Events::ERR);
        assert_eq!(post(&fd, 7), 0);
        assert_eq!(CellFd::read_now(fd.as_arc_borrow()), FULL);
        CellFd::flush_deferred();
        assert!(seen.events().intersects(Events::OUT));
        drop(watch);
        Ok(())
    }

    #[test]
    fn a_kick_clears_and_then_wakes() -> Result {
        let arena = Arena::<Cell>::new(1)?;
        let cell = arena.get(0).ok_or(EINVAL)?;
        let fd = CellFd::new(arena.clone(), 0, 0, 0)?;
        let seen = Seen::new();
        let flags_then = Atomic::new(0u32);
        let note = |events| {
            flags_then.store(read_once(&cell.wakeup_in), Relaxed);
            seen.note(events);
        };
        let watch = Watch::new(fd.queue(), false, &note)?;
        cell.arm(BOTH, Wakeup::Once);
        cell.arm(BOTH, Wakeup::Each);
        // Although the count is 0.
        fd.kick(Events::IN)?;
        assert_eq!(seen.count(), 1);
        assert!(seen.events() == Events::IN);
        assert_eq!(flags_then.load(Relaxed), EACH);
        assert_eq!(flags(cell), (EACH, ONCE | EACH));
        fd.kick(BOTH)?;
        assert_eq!(seen.count(), 1);
        assert!(seen.events() == BOTH);
        assert_eq!(flags(cell), (EACH, EACH));
        drop(watch);
        Ok(())
    }

    #[test]
    fn a_kick_without_waiters_clears_all() -> Result {
        let arena = Arena::<Cell>::new(1)?;
        let cell = arena.get(0).ok_or(EINVAL)?;
        let fd = CellFd::new(arena.clone(), 0, 0, 0)?;
        cell.arm(BOTH, Wakeup::Once);
        cell.arm(BOTH, Wakeup::Each);
        fd.kick(Events::OUT)?;
        assert_eq!(flags(cell), (ONCE | EACH, 0));
        fd.kick(Events::IN)?;
        assert_eq!(flags(cell), (0, 0));
        assert_eq!(cell.get(), 0);
        Ok(())
    }

    #[test]
    fn kicks_for_other_events_fail() -> Result {
        let arena = Arena::<Cell>::new(1)?;
        let cell = arena.get(0).ok_or(EINVAL)?;
        let fd = CellFd::new(arena.clone(), 0, 0, 0)?;
        cell.arm(BOTH, Wakeup::Once);
        for events in [
            Events::NONE,
            Events::ERR,
            Events::IN | Events::HUP,
            Events::OUT | Events::EDGES,
            Events::from_bits(u32::MAX),
        ] {
            assert_eq!(fd.kick(events).err(), Some(EINVAL));
        }
        assert_eq!(flags(cell), (ONCE, ONCE));
        Ok(())
    }

    #[test]
    fn a_kick_gives_one_reader_its_turn() -> Result {
        for (wake_one, woken) in [(0, 1), (uapi::EVFD_EFD_WAKE_ONE, 2)] {
            let fd = CellFd::new(Arena::<Cell>::new(1)?, 0, 0, wake_one)?;
            let seen = Seen::new();
            let note = |events| seen.note(events);
            let watch = Watch::new(fd.queue(), false, &note)?;
            fd.kick(Events::OUT)?;
            assert_eq!(seen.count(), 1);
            // A watcher sees the wake-up of the turn too.
            fd.kick(Events::IN)?;
            assert_eq!(seen.count(), woken);
            drop(watch);
        }
        Ok(())
    }

    /// A count that the program changes after each look.
    struct Restless(Atomic<u64>);

    impl Count for Restless {
        const IS_SHARED: bool = true;

        fn word(&self) -> &Atomic<u64> {
            &self.0
        }

        fn get(&self) -> u64 {
            self.0.fetch_add(1, Full)
        }
    }

    impl Restless {
        fn now(&self) -> u64 {
            self.0.load(Relaxed)
        }
    }

    #[test]
    fn contended_writes_and_reads_give_up() {
        let count = Restless(Atomic::new(1));
        assert!(count.add(100).is_err());
        assert_eq!(count.now(), 65);
        assert!(count.take(Take::All).is_err());
        assert!(count.take(Take::One).is_err());
        assert_eq!(count.now(), 193);
        assert!(!count.try_post(100));
        assert_eq!(count.try_take(Take::All), None);
        assert_eq!(count.now(), 195);
    }

    #[test]
    fn contended_posts_add() {
        let count = Restless(Atomic::new(1));
        assert_eq!(count.post(100), (65, 165));
        assert_eq!(count.now(), 165);
        assert_eq!(count.post(0), (229, 229));
    }

    #[test]
    fn contended_posts_stay_full() {
        let count = Restless(Atomic::new(FULL - 70));
        assert_eq!(count.post(6), (FULL - 6, FULL));
        let count = Restless(Atomic::new(FULL - 70));
        assert_eq!(count.post(10), (FULL - 6, FULL));
        assert_eq!(count.now(), FULL);
        assert_eq!(count.post_contended(1), (FULL, FULL));
        assert_eq!(count.now(), FULL);
    }
}
