// SPDX-License-Identifier: GPL-2.0

//! Queues of kevents. No event is lost or has the user word of another kevent. No waiter sleeps
//! beside an event. No ready kevent is left off the list of delivered kevents.

use crate::{
    model_kevent::{
        Consumed,
        Queue, //
    },
    tests::model,
};
use loom::{
    sync::{
        atomic::{
            AtomicU32,
            Ordering, //
        },
        Notify, //
    },
    thread, //
};
use std::{
    iter,
    sync::Arc, //
};

fn spawn<R: 'static>(
    queue: &Arc<Queue>,
    f: impl FnOnce(&Queue) -> R + 'static,
) -> thread::JoinHandle<R> {
    let queue = queue.clone();
    thread::spawn(move || f(&queue))
}

/// Calls `consume` until there is no entry, but at most `times` times.
fn consume_some(times: usize, consume: impl FnMut() -> Option<Consumed>) -> Vec<Consumed> {
    iter::from_fn(consume).take(times).collect()
}

/// The events of slot `number`. The test has raised each once.
fn events_of(number: u32, consumed: &[Consumed]) -> u32 {
    let mut all = 0;
    for consumed in consumed.iter().filter(|consumed| consumed.number == number) {
        assert_eq!(all & consumed.events, 0, "an event came twice");
        all |= consumed.events;
    }
    all
}

#[test]
#[cfg_attr(feature = "swapped", should_panic(expected = "an event was lost"))]
fn each_event_of_two_producers_is_consumed_once() {
    model(Some(3), || {
        let queue = Queue::new(1);
        let consumer = spawn(&queue, |queue| consume_some(2, || queue.consume()));
        let producer = spawn(&queue, |queue| queue.raise(0, 0b1));
        queue.raise(0, 0b10);
        queue.raise(0, 0b100);
        producer.join().unwrap();
        let mut consumed = consumer.join().unwrap();
        consumed.extend(queue.drain());
        assert_eq!(events_of(0, &consumed), 0b111);
    });
}

/// Both producers raise the same event. The program may see one event or two.
#[test]
#[cfg_attr(
    any(feature = "unordered", feature = "relaxed"),
    should_panic(expected = "old data")
)]
#[cfg_attr(feature = "swapped", should_panic(expected = "an event was lost"))]
fn the_last_event_shows_all_data() {
    model(Some(3), || {
        let queue = Queue::new(1);
        let data = Arc::new(AtomicU32::new(0));
        let produce = {
            let data = data.clone();
            move |queue: &Queue| {
                data.fetch_add(1, Ordering::Relaxed);
                queue.raise(0, 1);
            }
        };
        let consumer = spawn(&queue, {
            let data = data.clone();
            move |queue| {
                let consumed = consume_some(2, || {
                    let consumed = queue.consume()?;
                    let seen = data.load(Ordering::Relaxed);
                    assert!(consumed.events == 0 || seen > 0, "old data");
                    Some(seen)
                        .filter(|_| consumed.events != 0)
                        .map(|_| consumed)
                });
                (consumed.len(), data.load(Ordering::Relaxed))
            }
        });
        let producer = spawn(&queue, produce.clone());
        produce(&queue);
        producer.join().unwrap();
        let (events, seen) = consumer.join().unwrap();
        let later = queue.drain();
        assert!(!later.is_empty() || events > 0);
        assert!(!later.is_empty() || seen == 2, "old data");
    });
}

#[test]
#[cfg_attr(feature = "relaxed", should_panic(expected = "an old entry"))]
#[cfg_attr(feature = "swapped", should_panic(expected = "an event was lost"))]
fn two_consumers_share_the_entries_of_two_slots() {
    model(Some(2), || {
        let queue = Queue::new(2);
        let consumers =
            [(), ()].map(|()| spawn(&queue, |queue| consume_some(2, || queue.consume_shared())));
        let producer = spawn(&queue, |queue| queue.raise(1, 0b1));
        queue.raise(0, 0b1);
        queue.raise(0, 0b10);
        producer.join().unwrap();
        let mut consumed = Vec::new();
        for consumer in consumers {
            consumed.extend(consumer.join().unwrap());
        }
        consumed.extend(queue.drain());
        assert_eq!(events_of(0, &consumed), 0b11);
        assert_eq!(events_of(1, &consumed), 0b1);
    });
}

/// The ring has a single entry. A consumer with an old head meets the entry of a later lap. A consumer
/// with a new head may meet the entry of two laps before, which has the same phase.
#[test]
#[cfg_attr(feature = "relaxed", should_panic(expected = "an old entry"))]
#[cfg_attr(feature = "swapped", should_panic(expected = "an event was lost"))]
fn two_consumers_take_no_entry_of_another_lap() {
    model(Some(2), || {
        let queue = Queue::new(1);
        let consumers =
            [(), ()].map(|()| spawn(&queue, |queue| consume_some(2, || queue.consume_shared())));
        for event in [0b1, 0b10, 0b100] {
            queue.raise(0, event);
        }
        let mut consumed = Vec::new();
        for consumer in consumers {
            consumed.extend(consumer.join().unwrap());
        }
        consumed.extend(queue.drain());
        assert_eq!(events_of(0, &consumed), 0b111);
    });
}

/// REMOVE of a kevent with user word 1, perhaps unconsumed, and ADD of a kevent with user word 2.
#[test]
#[cfg_attr(
    any(feature = "unordered", feature = "relaxed", feature = "swapped"),
    should_panic(expected = "user word of another kevent")
)]
#[cfg_attr(feature = "torn", should_panic(expected = "consumed and retracted"))]
fn an_event_has_the_user_word_of_its_kevent() {
    model(None, || {
        let queue = Queue::new(1);
        let consumer = spawn(&queue, |queue| consume_some(2, || queue.consume()));
        let slot = &queue.slots[0];
        queue.raise(0, 0b1);
        let retracted = slot.retract();
        let reused = !slot.is_queued();
        if reused {
            slot.begin(2, u32::MAX, 0, 2);
            queue.raise(0, 0b10);
        }
        let mut consumed = consumer.join().unwrap();
        consumed.extend(queue.drain());
        for consumed in consumed.iter().filter(|consumed| consumed.events != 0) {
            let user = u64::from(consumed.events);
            assert_eq!(consumed.user, user, "user word of another kevent");
        }
        let events = events_of(0, &consumed);
        assert_eq!(events & retracted, 0, "an event was consumed and retracted");
        assert_eq!(events | retracted, if reused { 0b11 } else { 0b1 });
    });
}

#[test]
#[cfg_attr(feature = "unordered", should_panic(expected = "deadlock"))]
fn a_push_wakes_a_waiter() {
    model(None, || {
        let queue = Queue::new(1);
        let waiter = spawn(&queue, |queue| queue.wait(queue.head()));
        queue.raise(0, 1);
        waiter.join().unwrap();
    });
}

/// The waiter consumes the first entry, perhaps between the steps of the second push.
#[test]
#[cfg_attr(feature = "unordered", should_panic)]
fn a_waiter_that_consumed_is_woken_again() {
    model(Some(2), || {
        let queue = Queue::new(2);
        let waiter = spawn(&queue, |queue| {
            let mut consumed = Vec::new();
            queue.wait(queue.head());
            consumed.extend(queue.consume());
            if !consumed.is_empty() {
                queue.wait(queue.head());
            }
            consumed
        });
        let producer = spawn(&queue, |queue| queue.raise(1, 1));
        queue.raise(0, 1);
        producer.join().unwrap();
        let mut consumed = waiter.join().unwrap();
        consumed.extend(queue.drain());
        assert_eq!(consumed.len(), 2);
    });
}

/// A poller that sees the tail either sees the entry, too, or is called when the entry is there.
#[test]
#[cfg_attr(
    feature = "unordered",
    should_panic(expected = "a poller missed the push")
)]
fn a_push_calls_a_poller() {
    model(None, || {
        let queue = Queue::new(1);
        let poller = spawn(&queue, |queue| {
            let woken = Arc::new(Notify::new());
            let consumed = queue.poll(&woken) && queue.consume().is_some();
            (consumed, woken)
        });
        queue.raise(0, 1);
        let (consumed, woken) = poller.join().unwrap();
        // A poller that was called is no longer on the queue.
        let called = Arc::strong_count(&woken) == 1;
        assert!(consumed || called, "a poller missed the push");
    });
}

/// Both pollers arm the queue, and the push may come between the two.
#[test]
#[cfg_attr(
    feature = "unordered",
    should_panic(expected = "a poller missed the push")
)]
fn a_push_calls_both_pollers() {
    model(Some(3), || {
        let queue = Queue::new(1);
        let pollers = [(), ()].map(|()| {
            spawn(&queue, |queue| {
                let woken = Arc::new(Notify::new());
                (queue.poll(&woken), woken)
            })
        });
        queue.raise(0, 1);
        for poller in pollers {
            let (ready, woken) = poller.join().unwrap();
            let called = Arc::strong_count(&woken) == 1;
            assert!(ready || called, "a poller missed the push");
        }
    });
}

/// At the start the kevent is listed, for an event before.
#[test]
#[cfg_attr(
    any(feature = "unordered", feature = "torn"),
    should_panic(expected = "left off the list")
)]
fn a_kevent_that_gets_ready_is_seen_or_listed() {
    model(None, || {
        let queue = Queue::new(1);
        let source = Arc::new(AtomicU32::new(0));
        queue.list(0);
        let walk = spawn(&queue, {
            let source = source.clone();
            move |queue| {
                let mut seen = false;
                queue.walk(|_| seen = source.load(Ordering::Relaxed) != 0);
                seen
            }
        });
        source.store(1, Ordering::Relaxed);
        queue.list(0);
        queue.raise(0, 1);
        let seen = walk.join().unwrap();
        assert!(
            seen || !queue.delivered.is_empty(),
            "a ready kevent was left off the list"
        );
    });
}

/// A task that has consumed the event looks at the list before it sleeps.
#[test]
#[cfg_attr(
    any(feature = "unordered", feature = "relaxed"),
    should_panic(expected = "a consumed kevent is not in the list")
)]
fn a_kevent_is_listed_before_its_event() {
    model(None, || {
        let queue = Queue::new(1);
        let consumer = spawn(&queue, |queue| {
            if queue.consume().is_some() {
                let listed = !queue.delivered.is_empty();
                assert!(listed, "a consumed kevent is not in the list");
            }
        });
        queue.list(0);
        queue.raise(0, 1);
        consumer.join().unwrap();
    });
}

/// Two producers list the same kevent during a walk.
#[test]
#[cfg_attr(
    any(feature = "unordered", feature = "torn"),
    should_panic(expected = "walked too often or never")
)]
fn each_listed_kevent_is_walked() {
    model(Some(3), || {
        let queue = Queue::new(2);
        let walk = spawn(&queue, |queue| {
            let mut seen = Vec::new();
            queue.walk(|number| seen.push(number));
            seen
        });
        let producer = spawn(&queue, |queue| queue.list(1));
        queue.list(0);
        queue.list(1);
        producer.join().unwrap();
        let mut seen = walk.join().unwrap();
        queue.walk(|number| seen.push(number));
        assert!(queue.delivered.is_empty());
        for (number, at_most) in [(0, 1), (1, 2)] {
            let times = seen.iter().filter(|&&x| x == number).count();
            assert!(
                (1..=at_most).contains(&times),
                "walked too often or never: {seen:?}"
            );
        }
    });
}

/// The walk must read `next` before it clears `listed`. Otherwise it finds the value of a later push.
#[test]
fn a_kevent_may_be_listed_again_in_its_walk() {
    model(Some(3), || {
        let queue = Queue::new(4);
        for number in 0..3 {
            queue.list(number);
        }
        let producer = spawn(&queue, |queue| queue.list(2));
        let mut seen = Vec::new();
        queue.walk(|number| {
            seen.push(number);
            if number == 1 {
                queue.list(1);
            }
        });
        producer.join().unwrap();
        assert_eq!(seen, [2, 1, 0]);
        queue.walk(|number| seen.push(number));
        assert!(queue.delivered.is_empty());
        assert!(seen.contains(&1));
    });
}

/// A consumer has died after its claim of slot 0. Slot 1 is pushed, consumed, and pushed again in
/// all stages of REQUEUE.
#[test]
#[cfg_attr(
    feature = "unordered",
    should_panic(expected = "a slot is in the ring twice")
)]
#[cfg_attr(feature = "swapped", should_panic(expected = "an event was lost"))]
fn requeue_queues_what_a_dead_consumer_has_claimed() {
    model(Some(2), || {
        let queue = Queue::with_rcu(2);
        queue.raise(0, 0b1);
        queue.claim_and_die();
        let head = queue.head();
        let consumer = spawn(&queue, |queue| consume_some(2, || queue.consume_shared()));
        let producer = spawn(&queue, |queue| {
            queue.raise(1, 0b1);
            queue.raise(0, 0b10);
            queue.raise(1, 0b10);
        });
        assert_eq!(queue.requeue(head), 1);
        producer.join().unwrap();
        let mut consumed = consumer.join().unwrap();
        consumed.extend(queue.drain());
        assert_eq!(events_of(0, &consumed), 0b11);
        assert_eq!(events_of(1, &consumed), 0b11);
    });
}

/// The thread that does REQUEUE has consumed the slot itself before. The slot's next push may
/// overtake the end of its first.
#[test]
#[cfg_attr(
    feature = "unordered",
    should_panic(expected = "a slot is in the ring twice")
)]
#[cfg_attr(feature = "swapped", should_panic(expected = "an event was lost"))]
fn requeue_leaves_slots_that_have_an_entry() {
    model(Some(3), || {
        let queue = Queue::with_rcu(1);
        let consumer = spawn(&queue, |queue| {
            let consumed = consume_some(1, || queue.consume_shared());
            assert_eq!(queue.requeue(queue.head()), 0);
            consumed
        });
        let producer = spawn(&queue, |queue| queue.raise(0, 0b1));
        queue.raise(0, 0b10);
        producer.join().unwrap();
        let mut consumed = consumer.join().unwrap();
        consumed.extend(queue.drain());
        assert_eq!(events_of(0, &consumed), 0b11);
    });
}
