// SPDX-License-Identifier: GPL-2.0

//! Events from every context, the ring that the program reads, and waiters.

use kernel::prelude::*;

#[kunit_tests(evfd_kevent_queue)]
mod suite {
    use super::*;
    use crate::{
        abstractions::{
            file::events::Events,
            sync::wait::Limit,
            testing::{
                call_in,
                Watch,
                CONTEXTS,
                EVERY_CPU,
                NMI, //
            },
            time::clock::Clock, //
        },
        kevent::{
            delivered::WALK,
            layout::{
                Slot,
                SLOTS_PER_PAGE, //
            },
            ops,
            port::Port,
            queue::{
                Pollers,
                Queue,
                Raise,
                DISPATCH,
                ONESHOT, //
            },
            source::Source,
            table::Key, //
        },
        tests::seen::Seen,
        uapi, //
    };
    use core::ops::Deref;
    use kernel::sync::{
        atomic::{
            Atomic,
            Full,
            Relaxed, //
        },
        Arc, //
    };

    const PHASE: u32 = uapi::KEVENT_PHASE;
    const QUEUED: u64 = uapi::KEVENT_QUEUED as u64;
    const SLOTS: u32 = SLOTS_PER_PAGE as u32;

    /// A source with a level, which the test sets.
    struct Level {
        port: Port,
        always: u32,
        events: Atomic<u32>,
        rechecks: Atomic<u32>,
        /// The number of rechecks that ask for another.
        restless: Atomic<u32>,
    }

    impl Level {
        fn raise(&self, events: u32) {
            self.port.raise(Raise::new(events).always(self.always));
        }
    }

    /// The source, which the test shares with the queue.
    struct Shared(Arc<Level>);

    impl Source for Shared {
        fn recheck(&self) {
            let level = &self.0;
            level.rechecks.fetch_add(1, Full);
            level.raise(level.events.load(Relaxed));
            if let Some(left) = level.restless.load(Relaxed).checked_sub(1) {
                level.restless.store(left, Relaxed);
                level.port.recheck_later();
            }
        }
    }

    /// A kevent of a test.
    struct Kevent {
        source: Arc<Level>,
        number: u32,
        handle: u64,
    }

    impl Kevent {
        fn raise(&self, events: u32) {
            self.source.raise(events);
        }

        fn has_ended(&self, queue: &Queue) -> bool {
            queue
                .slot(self.number)
                .is_some_and(|(_, place)| place.has_ended())
        }

        fn rechecks(&self) -> u32 {
            self.source.rechecks.xchg(0, Full)
        }
    }

    /// A queue, closed at the end of a test because its sources hold references on it.
    struct Open(Arc<Queue>);

    impl Deref for Open {
        type Target = Queue;

        fn deref(&self) -> &Queue {
            &self.0
        }
    }

    impl Drop for Open {
        fn drop(&mut self) {
            self.0.close();
        }
    }

    impl Open {
        fn new() -> Result<Self> {
            Ok(Self(Queue::new(SLOTS, 0, Pollers::new()?)?))
        }

        /// Adds a kevent whose user word is `user`.
        fn add(&self, user: u64, want: u32, always: u32, flags: u32) -> Result<Kevent> {
            let key = Key {
                kind: uapi::KEVENT_USER as u16,
                id: 0,
                user,
            };
            let mut kevents = self.lock();
            let queue = self.0.as_arc_borrow();
            let place = Queue::begin(queue, &mut kevents, &key, want, flags)?;
            let number = place.number;
            let source = Arc::new(
                Level {
                    port: Port::new(place),
                    always,
                    events: Atomic::new(0),
                    rechecks: Atomic::new(0),
                    restless: Atomic::new(0),
                },
                GFP_KERNEL,
            )?;
            kevents.room(number)?.put(Shared(source.clone()))?;
            let handle = kevents.fill(key)?;
            self.count(&kevents);
            Ok(Kevent {
                source,
                number,
                handle,
            })
        }

        /// Removes a kevent.
        fn remove(&self, kevent: Kevent) {
            let number = kevent.number;
            drop(kevent);
            if let Some((_, place)) = self.slot(number) {
                self.end(&mut self.lock(), place);
            }
        }

        fn apply(&self, op: u32, kevent: &Kevent) -> Result<u32> {
            let op = uapi::kevent_op {
                op: op as u8,
                handle: kevent.handle,
                ..Default::default()
            };
            Ok(ops::apply(self.0.as_arc_borrow(), &op, |_| false)?.events)
        }

        /// The `ready` word of slot `number`.
        fn ready(&self, number: u32) -> u64 {
            self.slot(number)
                .map_or(0, |(slot, _)| slot.ready.load(Relaxed))
        }

        /// Waits for `min` entries after the program's head, without sleeping.
        fn is_ready(&self, program: &Program<'_>, min: u32) -> Result<bool> {
            match self.wait(program.head, min, &Limit::at(Clock::Monotonic, 0)) {
                Ok(()) => Ok(true),
                Err(e) if e == ETIME => Ok(false),
                Err(e) => Err(e),
            }
        }
    }

    /// A program that consumes the events.
    struct Program<'a> {
        queue: &'a Queue,
        head: u64,
    }

    impl<'a> Program<'a> {
        fn new(queue: &'a Queue) -> Self {
            let head = queue.header().head.load(Relaxed);
            Self { queue, head }
        }

        /// The next entry, with its phase.
        fn raw_entry(&self) -> Option<u32> {
            let index = self.head % u64::from(SLOTS);
            let entry = self.queue.ring().memory().get(index as usize)?;
            Some(entry.load(Relaxed))
        }

        /// Consumes an entry. Returns the slot, the user word and the events.
        fn consume(&mut self) -> Option<(u32, u64, u32)> {
            let entry = self.raw_entry()?;
            let phase = self.head & u64::from(SLOTS) != 0;
            if (entry & PHASE != 0) != phase {
                return None;
            }
            self.head += 1;
            let number = (entry & !PHASE) / size_of::<Slot>() as u32;
            let (slot, _) = self.queue.slot(number)?;
            let user = slot.user.load(Relaxed);
            let ready = slot.ready.xchg(0, Full);
            // A slot without QUEUED is not in the ring.
            (ready & QUEUED != 0).then_some((number, user, ready as u32))
        }
    }

    #[test]
    fn the_header_describes_the_mapping() -> Result {
        let queue = Open::new()?;
        let header = queue.header();
        assert_eq!(header.magic.load(Relaxed), uapi::KEVENT_MAGIC);
        assert_eq!(header.version.load(Relaxed), uapi::KEVENT_VERSION);
        assert_eq!(header.slot_size.load(Relaxed), 32);
        assert_eq!(header.ring_entries.load(Relaxed), SLOTS);
        assert_eq!(header.slots.load(Relaxed), SLOTS);
        assert_eq!(header.head.load(Relaxed), u64::from(SLOTS));
        assert_eq!(queue.ring().tail(), u64::from(SLOTS));
        let (ring, slots) = (
            header.off_ring.load(Relaxed) as usize,
            header.off_slots.load(Relaxed) as usize,
        );
        assert!(slots >= ring + 4 * SLOTS as usize);
        assert_eq!(queue.map_size(), slots + 32 * SLOTS as usize);
        for offset in [0, ring, slots] {
            assert!(queue.page(offset).is_some());
        }
        assert!(queue.page(queue.map_size()).is_none());
        Ok(())
    }

    #[test]
    fn events_from_every_context() -> Result {
        for (name, context) in CONTEXTS {
            let queue = Open::new()?;
            let mut program = Program::new(&queue);
            let kevent = queue.add(77, 0b111, 0, 0)?;
            let (tasks, pollers) = (Seen::new(), Seen::new());
            let note_task = |events| tasks.note(events);
            let note_poller = |events| pollers.note(events);
            let task = Watch::new(queue.tasks(), true, &note_task)?;
            let poller = Watch::new(queue.pollers(), false, &note_poller)?;
            queue.arm();
            let called = call_in(context, || {
                kevent.raise(0b1);
                kevent.raise(0b1000);
                kevent.raise(0b110);
            });
            let deferred = tasks.count.load(Relaxed) == 0;
            Queue::flush_deferred();
            pr_info!("{}: wake-up deferred: {}\n", name.to_str()?, deferred);
            assert!(called);
            assert_eq!(queue.ready(kevent.number), QUEUED | 0b111);
            assert_eq!(queue.ring().tail(), program.head + 1);
            assert!(program.consume() == Some((kevent.number, 77, 0b111)));
            assert!(program.consume().is_none());
            assert_eq!(queue.ready(kevent.number), 0);
            // The second and third event find the slot queued.
            assert_eq!(tasks.count(), 1);
            assert_eq!(pollers.count(), 1);
            assert!(pollers.events() == Events::IN);
            drop(task);
            drop(poller);
        }
        Ok(())
    }

    #[test]
    fn events_without_a_waiter_from_every_context() -> Result {
        for (_, context) in CONTEXTS {
            let queue = Open::new()?;
            let mut program = Program::new(&queue);
            let kevent = queue.add(1, 1, 0, 0)?;
            assert!(call_in(context, || kevent.raise(1)));
            assert!(program.consume() == Some((kevent.number, 1, 1)));
        }
        Ok(())
    }

    #[test]
    fn a_wake_up_in_an_nmi_is_deferred() -> Result {
        let queue = Open::new()?;
        let mut program = Program::new(&queue);
        let kevent = queue.add(1, 1, 0, 0)?;
        let (tasks, pollers) = (Seen::new(), Seen::new());
        let in_nmi = Atomic::new(0u32);
        let early = Atomic::new(0u32);
        let note_task = |events| {
            early.fetch_add(in_nmi.load(Relaxed), Full);
            tasks.note(events)
        };
        let note_poller = |events| {
            early.fetch_add(in_nmi.load(Relaxed), Full);
            pollers.note(events)
        };
        let task = Watch::new(queue.tasks(), true, &note_task)?;
        let poller = Watch::new(queue.pollers(), false, &note_poller)?;
        for _ in 0..100 {
            queue.arm();
            assert!(call_in(NMI, || {
                in_nmi.store(1, Relaxed);
                kevent.raise(1);
                in_nmi.store(0, Relaxed);
            }));
            Queue::flush_deferred();
            assert!(program.consume() == Some((kevent.number, 1, 1)));
            assert_eq!(tasks.count(), 1);
            assert_eq!(pollers.count(), 1);
        }
        assert_eq!(early.load(Relaxed), 0);
        drop(task);
        drop(poller);
        Ok(())
    }

    #[test]
    fn pollers_are_called_once_for_each_poll() -> Result {
        let queue = Open::new()?;
        let mut program = Program::new(&queue);
        let kevent = queue.add(1, 1, 0, 0)?;
        let seen = Seen::new();
        let note = |events| seen.note(events);
        let first = Watch::new(queue.pollers(), false, &note)?;
        let second = Watch::new(queue.pollers(), false, &note)?;
        for armed in [false, true, false] {
            if armed {
                queue.arm();
            }
            kevent.raise(1);
            assert!(program.consume().is_some());
            assert_eq!(seen.count(), if armed { 2 } else { 0 });
        }
        drop(first);
        drop(second);
        Ok(())
    }

    #[test]
    fn a_push_wakes_one_task() -> Result {
        let queue = Open::new()?;
        let kevents = [queue.add(1, 1, 0, 0)?, queue.add(2, 1, 0, 0)?];
        let seen = Seen::new();
        let note = |events| seen.note(events);
        let first = Watch::new(queue.tasks(), true, &note)?;
        let second = Watch::new(queue.tasks(), true, &note)?;
        for kevent in &kevents {
            kevent.raise(1);
            assert_eq!(seen.count(), 1);
        }
        drop(first);
        drop(second);
        Ok(())
    }

    #[test]
    fn entries_have_the_phase_of_their_lap() -> Result {
        let queue = Open::new()?;
        let mut program = Program::new(&queue);
        let (other, kevent) = (queue.add(1, 1, 0, 0)?, queue.add(2, 1, 0, 0)?);
        let offset = kevent.number * size_of::<Slot>() as u32;
        assert!(other.number != kevent.number);
        for i in 0..4 * SLOTS + 3 {
            assert!(program.consume().is_none());
            kevent.raise(1);
            // The first lap has the phase, because the memory begins as zeros.
            let phase = if (i / SLOTS) % 2 == 0 { PHASE } else { 0 };
            assert_eq!(program.raw_entry(), Some(offset | phase));
            assert!(program.consume() == Some((kevent.number, 2, 1)));
        }
        Ok(())
    }

    #[test]
    fn the_ring_has_room_for_all_slots() -> Result {
        let queue = Open::new()?;
        let mut program = Program::new(&queue);
        let mut kevents = KVec::new();
        for i in 0..SLOTS {
            kevents.push(queue.add(i.into(), u32::MAX, 0, 0)?, GFP_KERNEL)?;
        }
        assert!(queue.add(u64::MAX, 0, 0, 0).is_err_and(|e| e == ENOSPC));
        for lap in 1..=3 {
            for _ in 0..3 {
                for kevent in &kevents {
                    kevent.raise(lap);
                }
            }
            assert_eq!(queue.ring().tail() - program.head, u64::from(SLOTS));
            for kevent in &kevents {
                let user = kevent.number.into();
                assert!(program.consume() == Some((kevent.number, user, lap)));
            }
            assert!(program.consume().is_none());
        }
        Ok(())
    }

    #[test]
    fn events_coalesce_until_they_are_consumed() -> Result {
        let queue = Open::new()?;
        let mut program = Program::new(&queue);
        let (first, second) = (queue.add(1, 0b111, 0, 0)?, queue.add(2, 0b111, 0, 0)?);
        first.raise(0b1);
        second.raise(0b1);
        first.raise(0b10);
        first.raise(0b1);
        // In the order in which they got ready.
        assert!(program.consume() == Some((first.number, 1, 0b11)));
        first.raise(0b100);
        assert!(program.consume() == Some((second.number, 2, 0b1)));
        assert!(program.consume() == Some((first.number, 1, 0b100)));
        assert!(program.consume().is_none());
        Ok(())
    }

    #[test]
    fn events_that_are_not_wanted_are_dropped() -> Result {
        let queue = Open::new()?;
        let mut program = Program::new(&queue);
        let kevent = queue.add(1, 0b1, 0b1000, 0)?;
        kevent.raise(0b110);
        kevent.raise(0);
        assert_eq!(queue.ready(kevent.number), 0);
        assert!(program.consume().is_none());
        kevent.raise(0b11);
        assert_eq!(queue.ready(kevent.number), QUEUED | 0b1);
        kevent.raise(0b1100);
        assert!(program.consume() == Some((kevent.number, 1, 0b1001)));
        // The program changes the set by a store.
        if let Some((slot, _)) = queue.slot(kevent.number) {
            slot.want.store(0b10, Relaxed);
        }
        assert_eq!(kevent.source.port.want(), 0b10);
        kevent.raise(0b1);
        assert!(program.consume().is_none());
        kevent.raise(0b11);
        assert!(program.consume() == Some((kevent.number, 1, 0b10)));
        Ok(())
    }

    #[test]
    fn a_oneshot_fires_once_in_every_context() -> Result {
        for (_, context) in CONTEXTS {
            let queue = Open::new()?;
            let mut program = Program::new(&queue);
            let kevent = queue.add(1, 0b11, 0, ONESHOT)?;
            // An unwanted event does not end it.
            kevent.raise(0b100);
            assert!(call_in(context, || {
                kevent.raise(0b1);
                kevent.raise(0b10);
            }));
            assert!(kevent.has_ended(&queue));
            assert!(program.consume() == Some((kevent.number, 1, 0b1)));
            kevent.raise(0b1);
            assert!(program.consume().is_none());
            // It ends for the program at once. The walk of the next wait removes it.
            let error = queue.apply(uapi::KEVENT_OP_RECHECK, &kevent);
            assert!(error.is_err_and(|e| e == ENOENT));
            assert_eq!(queue.lock().used(), 1);
            assert!(!queue.is_ready(&program, 1)?);
            assert_eq!(queue.lock().used(), 0);
            assert_eq!(kevent.rechecks(), 0);
            // REMOVE finds neither a kevent nor an event.
            let error = queue.apply(uapi::KEVENT_OP_REMOVE, &kevent);
            assert!(error.is_err_and(|e| e == ENOENT));
        }
        Ok(())
    }

    #[test]
    fn the_event_of_a_oneshot_can_be_retracted() -> Result {
        let queue = Open::new()?;
        let mut program = Program::new(&queue);
        let kevent = queue.add(1, 0b11, 0, ONESHOT)?;
        kevent.raise(0b10);
        assert!(queue.is_ready(&program, 1)?);
        assert_eq!(queue.lock().used(), 0);
        assert_eq!(queue.apply(uapi::KEVENT_OP_REMOVE, &kevent)?, 0b10);
        assert!(program.consume() == Some((kevent.number, 1, 0)));
        Ok(())
    }

    #[test]
    fn dispatch_fires_once_until_the_next_recheck() -> Result {
        for (_, context) in CONTEXTS {
            let queue = Open::new()?;
            let mut program = Program::new(&queue);
            let kevent = queue.add(1, 0b11, 0, DISPATCH)?;
            for _ in 0..3 {
                assert!(call_in(context, || {
                    kevent.raise(0b1);
                    kevent.raise(0b10);
                }));
                assert!(program.consume() == Some((kevent.number, 1, 0b1)));
                kevent.raise(0b1);
                assert!(program.consume().is_none());
                assert!(!kevent.has_ended(&queue));
                assert_eq!(queue.apply(uapi::KEVENT_OP_RECHECK, &kevent)?, 0);
                assert_eq!(kevent.rechecks(), 1);
                assert!(program.consume().is_none());
            }
            // The recheck sees a source that got ready meanwhile.
            kevent.raise(0b1);
            assert!(program.consume().is_some());
            kevent.source.events.store(0b10, Relaxed);
            queue.apply(uapi::KEVENT_OP_RECHECK, &kevent)?;
            assert!(program.consume() == Some((kevent.number, 1, 0b10)));
        }
        Ok(())
    }

    #[test]
    fn a_level_gives_events_until_it_is_gone() -> Result {
        let queue = Open::new()?;
        let mut program = Program::new(&queue);
        let kevent = queue.add(1, 0b1, 0, WALK)?;
        let edge = queue.add(2, 0b1, 0, 0)?;
        for kevent in [&kevent, &edge] {
            kevent.source.events.store(0b1, Relaxed);
            kevent.raise(0b1);
            assert!(program.consume() == Some((kevent.number, u64::from(kevent.number) + 1, 1)));
        }
        for _ in 0..3 {
            assert!(queue.is_ready(&program, 1)?);
            assert_eq!(kevent.rechecks(), 1);
            assert!(program.consume() == Some((kevent.number, 1, 0b1)));
            assert!(program.consume().is_none());
        }
        kevent.source.events.store(0, Relaxed);
        assert!(!queue.is_ready(&program, 1)?);
        assert_eq!(kevent.rechecks(), 1);
        // It is not looked at again before its next event.
        assert!(!queue.is_ready(&program, 1)?);
        assert_eq!(kevent.rechecks(), 0);
        assert_eq!(edge.rechecks(), 0);
        Ok(())
    }

    #[test]
    fn a_wake_up_without_events_is_looked_into_by_the_waiter() -> Result {
        for (_, context) in CONTEXTS {
            let queue = Open::new()?;
            let mut program = Program::new(&queue);
            let kevent = queue.add(1, 0b1, 0, 0)?;
            let (tasks, pollers) = (Seen::new(), Seen::new());
            let note_task = |events| tasks.note(events);
            let note_poller = |events| pollers.note(events);
            let task = Watch::new(queue.tasks(), true, &note_task)?;
            let poller = Watch::new(queue.pollers(), false, &note_poller)?;
            queue.arm();
            kevent.source.events.store(0b1, Relaxed);
            assert!(call_in(context, || kevent.source.port.recheck_later()));
            Queue::flush_deferred();
            assert_eq!(tasks.count(), 1);
            assert_eq!(pollers.count(), 1);
            assert_eq!(kevent.rechecks(), 0);
            assert!(program.consume().is_none());
            assert!(queue.is_ready(&program, 1)?);
            assert_eq!(kevent.rechecks(), 1);
            assert!(program.consume() == Some((kevent.number, 1, 0b1)));
            drop(task);
            drop(poller);
        }
        Ok(())
    }

    #[test]
    fn a_wait_ends_in_time_however_often_a_source_asks_for_a_look() -> Result {
        let queue = Open::new()?;
        let program = Program::new(&queue);
        let kevent = queue.add(1, 0b1, 0, 0)?;
        kevent.source.restless.store(1000, Relaxed);
        kevent.source.port.recheck_later();
        assert!(!queue.is_ready(&program, 1)?);
        assert_eq!(kevent.rechecks(), 2);
        Ok(())
    }

    #[test]
    fn a_wait_needs_the_entries_that_it_asks_for() -> Result {
        let queue = Open::new()?;
        let mut program = Program::new(&queue);
        assert!(!queue.is_ready(&program, 0)?);
        assert!(!queue.is_ready(&program, 1)?);
        let kevents = [queue.add(1, 1, 0, 0)?, queue.add(2, 1, 0, 0)?];
        kevents[0].raise(1);
        assert!(queue.is_ready(&program, 0)?);
        assert!(queue.is_ready(&program, 1)?);
        assert!(!queue.is_ready(&program, 2)?);
        // There cannot be more entries than kevents.
        assert!(!queue.is_ready(&program, u32::MAX)?);
        kevents[1].raise(1);
        assert!(queue.is_ready(&program, 2)?);
        assert!(queue.is_ready(&program, u32::MAX)?);
        assert!(program.consume().is_some());
        assert!(!queue.is_ready(&program, 2)?);
        assert!(program.consume().is_some());
        assert!(!queue.is_ready(&program, 0)?);
        // A head that is no position only means that the wait ends.
        for head in [0, program.head - 1, program.head + 1, u64::MAX] {
            assert!(queue.wait(head, 1, &Limit::NEVER).is_ok());
        }
        // The list of raised slots counts, too.
        queue.header().raised.store(1, Relaxed);
        assert!(queue.is_ready(&program, 1)?);
        assert_eq!(queue.header().sleeping.load(Relaxed), 0);
        Ok(())
    }

    #[test]
    fn raised_slots_wake_a_task_and_all_pollers() -> Result {
        let queue = Open::new()?;
        let (tasks, pollers) = (Seen::new(), Seen::new());
        let note_task = |events| tasks.note(events);
        let note_poller = |events| pollers.note(events);
        let task = Watch::new(queue.tasks(), true, &note_task)?;
        let first = Watch::new(queue.pollers(), false, &note_poller)?;
        let second = Watch::new(queue.pollers(), false, &note_poller)?;
        queue.header().polled.store(1, Relaxed);
        queue.wake_for_raised();
        assert_eq!(tasks.count(), 1);
        assert_eq!(pollers.count(), 2);
        assert_eq!(queue.header().polled.load(Relaxed), 0);
        drop(task);
        drop(first);
        drop(second);
        Ok(())
    }

    #[test]
    fn a_queued_slot_gets_no_other_kevent() -> Result {
        let queue = Open::new()?;
        let mut program = Program::new(&queue);
        let mut kevents = KVec::new();
        for i in 0..SLOTS {
            kevents.push(queue.add(i.into(), u32::MAX, 0, 0)?, GFP_KERNEL)?;
        }
        for kevent in kevents {
            kevent.raise(0b1);
            queue.remove(kevent);
        }
        assert_eq!(queue.lock().used(), 0);
        assert!(queue.add(1000, 1, 0, 0).is_err_and(|e| e == ENOSPC));
        // Its event is not erased by `end()` alone.
        assert!(program.consume() == Some((0, 0, 0b1)));
        let kevent = queue.add(1000, 0b10, 0, 0)?;
        assert_eq!(kevent.number, 0);
        assert_eq!(kevent.handle >> 32, 2);
        assert_eq!(queue.ready(0), 0);
        kevent.raise(0b11);
        for i in 1..SLOTS {
            assert!(program.consume() == Some((i, i.into(), 0b1)));
        }
        assert!(program.consume() == Some((0, 1000, 0b10)));
        Ok(())
    }

    #[test]
    fn a_removed_event_leaves_an_empty_entry() -> Result {
        let queue = Open::new()?;
        let mut program = Program::new(&queue);
        let (first, second) = (queue.add(1, 0b11, 0, 0)?, queue.add(2, 0b11, 0, 0)?);
        first.raise(0b11);
        second.raise(0b1);
        assert_eq!(queue.apply(uapi::KEVENT_OP_REMOVE, &first)?, 0b11);
        assert_eq!(queue.ready(first.number), QUEUED);
        assert!(program.consume() == Some((first.number, 1, 0)));
        assert!(program.consume() == Some((second.number, 2, 0b1)));
        // There is no event to retract, which is no error.
        assert_eq!(queue.apply(uapi::KEVENT_OP_REMOVE, &second)?, 0);
        let error = queue.apply(uapi::KEVENT_OP_REMOVE, &second);
        assert!(error.is_err_and(|e| e == ENOENT));
        Ok(())
    }

    /// A consumer has claimed the first entry, and is dead. The positions pass 2^32, so that the low
    /// half of a later one is lower.
    #[test]
    fn a_claimed_slot_is_queued_again() -> Result {
        let queue = Open::new()?;
        let requeue = |head| {
            let op = uapi::kevent_op {
                op: uapi::KEVENT_OP_REQUEUE as u8,
                arg: [head, 0, 0],
                ..Default::default()
            };
            ops::apply(queue.0.as_arc_borrow(), &op, |_| false).map(|done| done.events)
        };
        let (dead, alive) = (queue.add(1, 0b11, 0, 0)?, queue.add(2, 0b11, 0, 0)?);
        for start in [u64::from(SLOTS), (1 << 32) - 2, 1 << 32, (1 << 48) - 1] {
            queue.ring().go_to(start);
            dead.raise(0b1);
            alive.raise(0b1);
            dead.raise(0b10);
            for head in [0, start, start + 3, u64::MAX] {
                assert_eq!(requeue(head)?, 0);
            }
            assert_eq!(requeue(start + 1)?, 1);
            assert_eq!(requeue(start + 1)?, 0);
            assert_eq!(queue.ring().tail(), start + 3);
            assert_eq!(queue.ready(dead.number), QUEUED | 0b11);
            for kevent in [&dead, &alive] {
                let (slot, _) = queue.slot(kevent.number).ok_or(EINVAL)?;
                slot.ready.store(0, Relaxed);
            }
            assert_eq!(requeue(start + 3)?, 0);
        }
        Ok(())
    }

    /// The program sets all bits of `ready`, and clears QUEUED without consuming the entry.
    #[test]
    fn a_hostile_program_harms_only_itself() -> Result {
        let queue = Open::new()?;
        let kevent = queue.add(1, 0b1, 0, 0)?;
        let tail = queue.ring().tail();
        let (slot, _) = queue.slot(kevent.number).ok_or(EINVAL)?;
        slot.ready.store(u64::MAX, Relaxed);
        kevent.raise(0b1);
        assert_eq!(queue.ring().tail(), tail);
        // Without consuming: the entries lap the ring.
        for _ in 0..2 * SLOTS + 1 {
            slot.ready.store(0, Relaxed);
            kevent.raise(0b1);
        }
        assert_eq!(queue.ring().tail(), tail + u64::from(2 * SLOTS + 1));
        assert_eq!(queue.ready(kevent.number), QUEUED | 0b1);
        slot.ready.store(u64::MAX, Relaxed);
        assert_eq!(queue.apply(uapi::KEVENT_OP_REMOVE, &kevent)?, u32::MAX);
        assert_eq!(queue.ready(kevent.number), QUEUED | uapi::KEVENT_RAISED);
        Ok(())
    }

    #[test]
    fn events_of_every_cpu_are_consumed() -> Result {
        let queue = Open::new()?;
        let mut program = Program::new(&queue);
        let shared = queue.add(1, u32::MAX, 0, WALK)?;
        let mut own = KVec::new();
        for i in 0..32 {
            own.push(queue.add(i + 2, 1, 0, 0)?, GFP_KERNEL)?;
        }
        for _ in 0..200 {
            let (cpus, raised) = (Atomic::new(0u32), Atomic::new(0u32));
            call_in(EVERY_CPU, || {
                let cpu = cpus.fetch_add(1, Full);
                // Each has its own bit and its own kevent, as far as the bits suffice.
                let (Some(bit), Some(own)) = (1u32.checked_shl(cpu), own.get(cpu as usize)) else {
                    return;
                };
                raised.fetch_add(bit, Full);
                shared.raise(bit);
                own.raise(1);
            });
            let (mut bits, mut others, mut twice) = (0, 0, 0);
            while let Some((number, user, events)) = program.consume() {
                if number == shared.number {
                    bits |= events;
                } else {
                    let bit = 1 << (user - 2);
                    twice |= others & bit;
                    others |= bit;
                }
            }
            let raised = raised.load(Relaxed);
            assert!(raised != 0);
            assert_eq!(bits, raised);
            assert_eq!(others, raised);
            assert_eq!(twice, 0);
            assert_eq!(program.head, queue.ring().tail());
            assert!(!queue.is_ready(&program, 1)?);
            assert_eq!(shared.rechecks(), 1);
        }
        Ok(())
    }
}
